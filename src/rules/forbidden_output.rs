//! What leaves dayfly is what Kubernetes and Argo CD take: the last look at templates and patches.

use super::{
    Bounds,
    common::{claim_templates, finding, shown},
};
use crate::{
    finding::{Finding, Rule, Severity, visible},
    input::scalar::{MOST_OF_LABEL, MOST_OF_NAME, is_dns_label, is_name_part, is_qualified_name},
    objects::{Object, keys},
    value::{Map, Value, child},
};

/// What `check` finds in any object, templates' included: the last look before it goes out.
pub static FORBIDDEN_OUTPUT: Rule = Rule {
    code: "forbidden-output",
    severity: Severity::Error,
    summary: "no object is, or carries, what dayfly never writes",
    explanation: "Whatever templates and patches say, dayfly never writes a `Secret` (its content would stand in Argo CD's \
        cache), a `status` or fields that the API server fills (a difference for ever), a finalizer (nothing would remove \
        it; the child Application's `resources-finalizer.argocd.argoproj.io` apart), a tracking id (Argo CD's own), or a \
        `generateName` (a new object with every sync). Nor `items`: whatever its kind, Argo CD deploys what stands there in an \
        object's place (`IsList` in `k8s.io/apimachinery/pkg/apis/meta/v1/unstructured`), and no rule would have seen it.\n\n\
        Names, labels and annotations are those that Kubernetes takes: names are DNS names, and of a Namespace or a \
        Service one label of 63 characters; of a Job (with the number of the last Pod, if they are numbered) at most 63 \
        characters, of a CronJob 52, of a StatefulSet one label of 52, of a Deployment 242, since what they make gets a suffix; \
        label values have at most 63 characters; annotations are strings, together at most 256 KiB. The same holds for the labels \
        and annotations of what an object makes. `ephemeralContainers` are added to a Pod that runs. A preview's Namespace keeps the labels \
        `app.kubernetes.io/managed-by` and `dayfly.dev/environment`, by which the sweep and the admission policy know it, and enforces \
        Pod Security `restricted`.",
};

/// Source: `TotalAnnotationSizeLimitB` in `k8s.io/apimachinery/pkg/api/validation/objectmeta.go`.
pub(crate) const ANNOTATIONS_SIZE: usize = 256 * 1024;

/// Longest name of a `CronJob`, whose Jobs have a `-` and ten characters more, and of a `StatefulSet`, whose revisions have.
/// Source: `ValidateStatefulSet` since Kubernetes 1.27, `pkg/apis/apps/validation/validation.go`.
pub(crate) const MOST_OF_MAKER: usize = MOST_OF_LABEL - 11;

/// Longest name of a Deployment: its `ReplicaSets` have a `-` and a hash of up to ten characters more. Source: `getNewReplicaSet` in
/// `pkg/controller/deployment/sync.go`, `ComputeHash` in `pkg/controller/controller_utils.go`.
pub(crate) const MOST_OF_DEPLOYMENT: usize = MOST_OF_NAME - 11;

/// Source: Kubernetes' documentation, "Enforce Pod Security Standards with Namespace Labels".
const POD_SECURITY: &str = "pod-security.kubernetes.io/enforce";

/// Argo CD's finalizers for an Application: foreground (also by its full name) and background.
const APPLICATION_FINALIZERS: [&str; 3] = [
    "resources-finalizer.argocd.argoproj.io",
    "resources-finalizer.argocd.argoproj.io/foreground",
    "resources-finalizer.argocd.argoproj.io/background",
];

pub(crate) fn check(object: &Object, bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let Some(map) = object.value.as_map() else {
        // Of a manifest, another rule says that it is no object.
        if object.is_manifest() {
            return;
        }
        let message = format!("an object must be a map, not {}", object.value.kind_name());
        findings.push(finding(&FORBIDDEN_OUTPUT, object, "", message));
        return;
    };
    let kind = object.kind();
    let refuse = &mut |pointer: &str, message: String| {
        findings.push(finding(&FORBIDDEN_OUTPUT, object, pointer, message));
    };
    // Of manifests, rules of their own say the same.
    let template = !object.is_manifest();
    let mut metadata = None;
    for (field, value) in map.iter() {
        match field {
            "status" if template && *value != Value::Null => refuse("/status", "`status` is never written".to_owned()),
            // A manifest's too: whatever its kind says, what is below would pass unseen. A kind that says it is refused for that.
            "items" if template || !kind.ends_with("List") => {
                refuse("/items", "Argo CD takes whatever has `items` for a list, and deploys those".to_owned());
            }
            "metadata" => metadata = Some(value),
            _ => {}
        }
    }
    if template {
        match kind {
            "" => refuse("/kind", "an object must have a `kind`".to_owned()),
            "Secret" if object.group().is_empty() => {
                refuse("/kind", "a `Secret` is never written; use an `ExternalSecret`".to_owned());
            }
            _ => {}
        }
        if object.value.str_at(&["apiVersion"]).is_none_or(str::is_empty) {
            refuse("/apiVersion", "an object must have an `apiVersion`".to_owned());
        }
    }
    match metadata {
        Some(Value::Map(map)) => check_metadata(object, kind, map, template, refuse),
        _ => refuse("/metadata", "an object must have `metadata`".to_owned()),
    }
    if template && kind == "Namespace" && object.value.str_at(&["metadata", "name"]) == Some(bounds.namespace) {
        previews_own(object, bounds, refuse);
    }
    let (Some(base), Some(pods)) = (object.pod_spec_pointer(), object.pods_pointer()) else { return };
    if object.kind() == "CronJob" {
        made("/spec/jobTemplate/metadata", object.value.at(&["spec", "jobTemplate", "metadata"]), template, refuse);
    }
    // A Pod's own was looked at above.
    if !pods.is_empty() {
        let pods = format!("{pods}/metadata");
        made(&pods, object.value.pointer(&pods), template, refuse);
    }
    let Some(pod) = object.value.pointer(base) else { return };
    if pod.get("ephemeralContainers").is_some_and(Value::is_truthy) {
        // Source: `ValidatePodTemplateSpec` in Kubernetes 1.36, `pkg/apis/core/validation/validation.go`.
        let message = "ephemeral containers are added to a Pod that runs, never written".to_owned();
        refuse(&format!("{base}/ephemeralContainers"), message);
    }
    if !template {
        for (pointer, claim) in claim_templates(object) {
            made(&format!("{pointer}/metadata"), claim.get("metadata"), false, refuse);
        }
    }
}

/// What a preview's Namespace is known by, and held by.
fn previews_own(namespace: &Object, bounds: &Bounds<'_>, refuse: &mut dyn FnMut(&str, String)) {
    for (label, value, why) in [
        (keys::MANAGED_BY, "dayfly", "the sweep would take this preview for gone, and remove its databases"),
        (keys::ENVIRONMENT, bounds.namespace, "the admission policy would not hold there"),
        (POD_SECURITY, "restricted", "a child Application's Pods could be privileged"),
    ] {
        if namespace.value.str_at(&["metadata", "labels", label]) != Some(value) {
            let message = format!("label `{label}` of a preview's Namespace stays `{value}`: otherwise {why}");
            refuse(&child("/metadata/labels", label), message);
        }
    }
}

/// The metadata of what an object makes.
fn made(base: &str, metadata: Option<&Value>, template: bool, refuse: &mut dyn FnMut(&str, String)) {
    if let Some(metadata) = metadata {
        labels(base, metadata.get("labels"), refuse);
        annotations(base, metadata.get("annotations"), template, refuse);
    }
}

fn check_metadata(object: &Object, kind: &str, metadata: &Map, template: bool, refuse: &mut dyn FnMut(&str, String)) {
    let mut named = false;
    for (field, value) in metadata.iter() {
        match field {
            "name" => {
                named = true;
                name(object, kind, value, refuse);
            }
            "namespace" if *value != Value::Null && !value.as_str().is_some_and(is_dns_label) => {
                refuse("/metadata/namespace", format!("{} is no name of a namespace", shown(value)));
            }
            "labels" => labels("/metadata", Some(value), refuse),
            "annotations" => annotations("/metadata", Some(value), template, refuse),
            "finalizers" if template && value.is_truthy() => {
                let known = |value: &Value| value.as_str().is_some_and(|name| APPLICATION_FINALIZERS.contains(&name));
                let application = kind == "Application" && object.group() == "argoproj.io";
                if !application || value.items().is_empty() || !value.items().iter().all(known) {
                    refuse("/metadata/finalizers", "a finalizer is never written: nothing would remove it".to_owned());
                }
            }
            _ if !template || *value == Value::Null => {}
            "generateName" => {
                refuse("/metadata/generateName", "a `generateName` is a new object with every sync".to_owned());
            }
            "creationTimestamp"
            | "deletionTimestamp"
            | "deletionGracePeriodSeconds"
            | "generation"
            | "managedFields"
            | "ownerReferences"
            | "resourceVersion"
            | "selfLink"
            | "uid" => {
                refuse(&child("/metadata", field), format!("`{field}` is never written: it is the cluster's"));
            }
            _ => {}
        }
    }
    if !named && template {
        refuse("/metadata/name", "an object must have a name".to_owned());
    }
}

/// What Kubernetes calls a DNS subdomain: unlike in DNS, what stands between two dots may be longer than 63.
/// Source: `IsDNS1123Subdomain` in `k8s.io/apimachinery/pkg/util/validation/validation.go`.
fn is_subdomain(name: &str) -> bool {
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.len() <= MOST_OF_NAME
        && name
            .split('.')
            .all(|part| part.starts_with(edge) && part.ends_with(edge) && part.chars().all(|c| edge(c) || c == '-'))
}

/// Names within their budgets.
fn name(object: &Object, kind: &str, value: &Value, refuse: &mut dyn FnMut(&str, String)) {
    let Some(name) = value.as_str().filter(|name| !name.is_empty()) else {
        if !object.is_manifest() {
            refuse("/metadata/name", format!("a name must be a string that isn't empty, not {}", shown(value)));
        }
        return;
    };
    let (good, allowed) = match (kind, object.group()) {
        // Any segment of a path. Source: `ValidatePathSegmentName`.
        (_, "rbac.authorization.k8s.io") => {
            (!matches!(name, "." | "..") && !name.contains(['/', '%']), "anything without `/` and `%`")
        }
        ("Namespace", "") => (is_dns_label(name), "63 lower-case letters, digits and `-`"),
        ("Job", "batch") => match last_index(object) {
            // The highest of an indexed Job's Pods is a host's name. Source: `ValidateJob` in `pkg/apis/batch/validation/validation.go`.
            Some(last) => (
                is_dns_label(&format!("{name}-{last}")),
                "63 lower-case letters, digits and `-`, with `-` and the number of the last Pod",
            ),
            None => (name.len() <= MOST_OF_LABEL && is_subdomain(name), "63 lower-case letters, digits, `-` and `.`"),
        },
        ("Service", "") => (
            is_dns_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase()),
            "63 lower-case letters, digits and `-`, beginning with a letter",
        ),
        ("CronJob", "batch") => {
            (name.len() <= MOST_OF_MAKER && is_subdomain(name), "52 lower-case letters, digits, `-` and `.`")
        }
        // Its revisions are labels, its Pods hosts of that name.
        ("StatefulSet", "apps") => {
            (name.len() <= MOST_OF_MAKER && is_dns_label(name), "52 lower-case letters, digits and `-`")
        }
        ("Deployment", "apps") => {
            (name.len() <= MOST_OF_DEPLOYMENT && is_subdomain(name), "242 lower-case letters, digits, `-` and `.`")
        }
        _ => (is_subdomain(name), "253 lower-case letters, digits, `-` and `.`"),
    };
    if !good {
        let expression = match kind {
            _ if !object.is_manifest() || !name.contains("${{") => "",
            "Job" => ", and an expression only where an image of the Job holds one",
            _ => ", and no expression",
        };
        let message = format!("`{}` is no name of a {}; allowed: {allowed}{expression}", visible(name), visible(kind));
        refuse("/metadata/name", message);
    }
}

/// The number of the last Pod of a Job whose Pods are numbered.
fn last_index(job: &Object) -> Option<i64> {
    match (job.value.str_at(&["spec", "completionMode"]), job.value.at(&["spec", "completions"])) {
        (Some("Indexed"), Some(Value::Int(count @ 1..))) => Some(count - 1),
        _ => None,
    }
}

/// A map in `metadata`, if it says one; what is none is refused.
fn stated_map<'v>(
    base: &str,
    field: &str,
    value: Option<&'v Value>,
    refuse: &mut dyn FnMut(&str, String),
) -> Option<&'v Map> {
    if let Some(other) = value.filter(|value| !matches!(value, Value::Null | Value::Map(_))) {
        refuse(&format!("{base}/{field}"), format!("{field} must be a map, not {}", other.kind_name()));
    }
    value?.as_map()
}

fn labels(base: &str, labels: Option<&Value>, refuse: &mut dyn FnMut(&str, String)) {
    let Some(map) = stated_map(base, "labels", labels, refuse) else { return };
    for (key, value) in map.iter() {
        let at = || child(&format!("{base}/labels"), key);
        if !is_qualified_name(key) {
            refuse(&at(), format!("`{}` is no key of a label", visible(key)));
        }
        if !value.as_str().is_some_and(|text| text.is_empty() || is_name_part(text)) {
            let message = match value {
                Value::String(_) => format!(
                    "label `{}` cannot be {}; allowed: 63 letters, digits, `-`, `_` and `.`",
                    visible(key),
                    shown(value)
                ),
                other => format!("label `{}` must be a string, not {}", visible(key), other.kind_name()),
            };
            refuse(&at(), message);
        }
    }
}

fn annotations(base: &str, annotations: Option<&Value>, template: bool, refuse: &mut dyn FnMut(&str, String)) {
    let Some(map) = stated_map(base, "annotations", annotations, refuse) else { return };
    let mut size = 0;
    for (key, value) in map.iter() {
        let at = || child(&format!("{base}/annotations"), key);
        if !is_qualified_name(key) {
            refuse(&at(), format!("`{}` is no key of an annotation", visible(key)));
        } else if template && key == keys::TRACKING_ID {
            refuse(&at(), "a tracking id is Argo CD's to write".to_owned());
        }
        match value {
            Value::String(text) => size += key.len() + text.len(),
            other => refuse(&at(), format!("an annotation must be a string, not {}", other.kind_name())),
        }
    }
    if size > ANNOTATIONS_SIZE {
        let message = format!("annotations have {size} bytes; allowed are {ANNOTATIONS_SIZE}");
        refuse(&format!("{base}/annotations"), message);
    }
}

#[cfg(test)]
mod tests;
