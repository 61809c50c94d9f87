//! What rules about objects share: where their findings stand, and the way to every container of a Pod.

use crate::{
    finding::{Finding, Location, Owner, Rule, Subject, printable, visible},
    objects::{Object, Origin},
    value::Value,
};

/// The lists of a Pod's spec that hold containers, in the order in which Kubernetes looks at them.
const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// Longest pointer in a finding: its keys may be a stranger's.
const LONGEST_POINTER: usize = 512;

/// A container and where it stands in its Pod's spec.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Container<'a> {
    list: &'static str,
    index: usize,
    pub(crate) value: &'a Value,
}

impl Container<'_> {
    /// The pointer of what is below the container, for a Pod's spec that stands at `pod`.
    pub(crate) fn pointer(&self, pod: &str, rest: &str) -> String {
        format!("{pod}/{}/{}{rest}", self.list, self.index)
    }

    /// Its name, for messages.
    pub(crate) fn name(&self) -> std::borrow::Cow<'_, str> {
        visible(self.value.str_at(&["name"]).unwrap_or("?"))
    }
}

/// Every container of a Pod: init, ordinary and ephemeral ones.
pub(crate) fn containers(pod: &Value) -> impl Iterator<Item = Container<'_>> {
    LISTS.into_iter().flat_map(move |list| items(pod, list).map(move |(index, value)| Container { list, index, value }))
}

/// The spec of an object's Pods and its pointer.
pub(crate) fn pod_spec(object: &Object) -> Option<(&'static str, &Value)> {
    let pointer = object.pod_spec_pointer()?;
    Some((pointer, object.value.pointer(pointer)?))
}

/// The spec of every claim of a volume that comes of an object, and its pointer.
pub(crate) fn claims(object: &Object) -> Vec<(String, &Value)> {
    let own = Some((String::new(), &object.value)).filter(|_| object.kind() == "PersistentVolumeClaim");
    let all = own.into_iter().chain(claim_templates(object));
    all.filter_map(|(pointer, claim)| Some((format!("{pointer}/spec"), claim.get("spec")?))).collect()
}

/// What an object makes claims of, its `StatefulSet`'s and then its Pods', and the pointer of each.
pub(crate) fn claim_templates(object: &Object) -> impl Iterator<Item = (String, &Value)> {
    let templates = object.value.items_at(&["spec", "volumeClaimTemplates"]).iter().enumerate();
    let of_set = templates.map(|(index, template)| (format!("/spec/volumeClaimTemplates/{index}"), template));
    let of_pods = pod_spec(object).into_iter().flat_map(|(base, pod)| {
        items(pod, "volumes").filter_map(move |(index, volume)| {
            let template = volume.at(&["ephemeral", "volumeClaimTemplate"])?;
            Some((format!("{base}/volumes/{index}/ephemeral/volumeClaimTemplate"), template))
        })
    });
    of_set.chain(of_pods)
}

/// A field that says something: to Kubernetes, `null` is as good as nothing.
pub(crate) fn stated<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|value| **value != Value::Null)
}

/// A finding about a place in an object: the platform's, if a template made the object, else the team's.
pub(crate) fn finding(
    rule: &'static Rule,
    object: &Object,
    pointer: impl AsRef<str>,
    message: impl Into<String>,
) -> Finding {
    let id = visible(&object.id()).into_owned();
    let pointer = printable(pointer.as_ref(), LONGEST_POINTER).into_owned();
    match &object.origin {
        // What has no name is found by its template's.
        Origin::Template(file) if object.kind().is_empty() || object.name().is_empty() => {
            let place = Location {
                file: Some(file.to_string()),
                object: Some(id),
                pointer: Some(pointer),
                ..Location::default()
            };
            Finding::new(rule, Owner::Platform, Subject::Place(place), message)
        }
        Origin::Template(_) => Finding::new(rule, Owner::Platform, Subject::Object(id, pointer), message),
        Origin::Manifest { file, line } => {
            let place = Location {
                file: Some(file.clone()),
                line: Some(*line),
                object: Some(id),
                pointer: Some(pointer),
                ..Location::default()
            };
            Finding::new(rule, Owner::Team, Subject::Place(place), message)
        }
    }
}

/// The items of a list in a map, numbered; none, if it is no list.
pub(crate) fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value.items_at(&[key]).iter().enumerate()
}

/// A value for a message: text and numbers as they are, of anything else only what it is.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Bool(value) => format!("`{value}`"),
        Value::Int(value) => format!("`{value}`"),
        Value::Float(value) => format!("`{value}`"),
        Value::String(text) => format!("`{}`", visible(text)),
        Value::Null | Value::List(_) | Value::Map(_) => value.kind_name().to_owned(),
    }
}

/// Objects for the rules' table tests.
#[cfg(test)]
pub(crate) mod test {
    use serde_json::Value as Json;

    use crate::{
        finding::Finding,
        input::scalar::{DnsName, ImagePrefix, Scalar},
        objects::{Object, Origin},
        rules::Bounds,
        value::to_value,
    };

    pub(crate) const SHA: &str = "3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938";

    pub(crate) fn manifest(json: &Json) -> Object {
        Object { value: to_value(json), origin: Origin::Manifest { file: "deploy/web.yaml".into(), line: 7 } }
    }

    pub(crate) fn template(json: &Json) -> Object {
        Object { value: to_value(json), origin: Origin::Template("workload.yaml".into()) }
    }

    /// Runs a check as for namespace `shop-pr-7`.
    pub(crate) fn with_bounds<T>(check: impl FnOnce(&Bounds<'_>) -> T) -> T {
        let hosts = ["shop-pr-7.preview.acme.dev".to_owned(), "web-shop-pr-7.preview.acme.dev".to_owned()];
        let storage_classes = [DnsName::parse("fast").expect("a name")];
        let registries = [ImagePrefix::parse("ghcr.io/acme/").expect("a prefix")];
        check(&Bounds {
            namespace: "shop-pr-7",
            hosts: &hosts,
            domain: "preview.acme.dev",
            registries: &registries,
            storage_classes: &storage_classes,
            head_sha: SHA,
            service_accounts: &["preview"],
            secrets: &["stripe", "main"],
            services: &["db".to_owned()],
            claims: &["cache".to_owned()],
            ..Bounds::default()
        })
    }

    /// What a check finds in an object.
    pub(crate) fn found(check: fn(&Object, &Bounds<'_>, &mut Vec<Finding>), object: &Object) -> Vec<Finding> {
        let mut findings = Vec::new();
        with_bounds(|bounds| check(object, bounds, &mut findings));
        findings
    }

    /// What a check of all objects finds in some.
    pub(crate) fn found_in(check: fn(&[Object], &Bounds<'_>, &mut Vec<Finding>), objects: &[Object]) -> Vec<Finding> {
        let mut findings = Vec::new();
        with_bounds(|bounds| check(objects, bounds, &mut findings));
        findings
    }

    /// What [`places`] comes to that begins alike.
    pub(crate) fn below(beginning: &str, ends: &[&str]) -> Vec<String> {
        ends.iter().map(|end| format!("{beginning}{end}").trim_end().to_owned()).collect()
    }

    /// Code and pointer of every finding.
    pub(crate) fn places(findings: &[Finding]) -> Vec<String> {
        findings
            .iter()
            .map(|f| format!("{} {}", f.rule.code, f.location().pointer.unwrap_or_default()).trim_end().to_owned())
            .collect()
    }
}
