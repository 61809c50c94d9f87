//! What leaves dayfly is what Kubernetes and Argo CD take: the last look at templates and patches.

use super::{
    Bounds,
    containers::{child, finding, shown},
    qualified::{is_key, is_name_part},
};
use crate::{
    finding::{Finding, Rule, Severity, visible},
    input::scalar::is_dns_label,
    objects::Object,
    resolve::config::{ENVIRONMENT, MANAGED_BY},
    value::{Map, Value},
};

pub static FORBIDDEN_OUTPUT: Rule = Rule {
    code: "forbidden-output",
    severity: Severity::Error,
    summary: "no object is, or carries, what dayfly never writes",
    explanation: "Whatever templates and patches say, dayfly never writes a `Secret` (its content would stand in Argo CD's \
        cache), a `status` or fields that the API server fills (a difference for ever), a finalizer (nothing would remove \
        it; the child Application's `resources-finalizer.argocd.argoproj.io` apart), a tracking id (Argo CD's own), or a \
        `generateName` (a new object with every sync). Nor `items`: whatever its kind, Argo CD deploys what stands there in an \
        object's place (`IsList` in `k8s.io/apimachinery/pkg/apis/meta/v1/unstructured`), and no rule would have seen it.\n\n\
        Names, labels and annotations are those that Kubernetes takes: names are DNS names, and of a Namespace, a Service \
        or a Job one label of 63 characters, of a CronJob or a StatefulSet 52, since what they make gets a suffix; label \
        values have at most 63 characters; annotations are strings, together at most 256 KiB. A preview's Namespace keeps the labels \
        `app.kubernetes.io/managed-by` and `dayfly.dev/environment`, by which the sweep and the admission policy know it.",
};

/// Source: `TotalAnnotationSizeLimitB` in `k8s.io/apimachinery/pkg/api/validation/objectmeta.go`.
const ANNOTATIONS_SIZE: usize = 256 * 1024;

/// Argo CD's finalizers for an Application: foreground (also by its full name) and background.
const APPLICATION_FINALIZERS: [&str; 3] = [
    "resources-finalizer.argocd.argoproj.io",
    "resources-finalizer.argocd.argoproj.io/foreground",
    "resources-finalizer.argocd.argoproj.io/background",
];

pub(crate) fn check(object: &Object, bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let Some(map) = object.value.as_map() else {
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
            // A manifest's too: whatever its kind says, what is below would pass unseen.
            "items" => refuse("/items", "Argo CD takes whatever has `items` for a list, and deploys those".to_owned()),
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
        for (label, value, why) in [
            (MANAGED_BY, "dayfly", "the sweep would take this preview for gone, and remove its databases"),
            (ENVIRONMENT, bounds.namespace, "the admission policy would not hold there"),
        ] {
            if object.value.str_at(&["metadata", "labels", label]) != Some(value) {
                let message = format!("label `{label}` of a preview's Namespace stays `{value}`: otherwise {why}");
                refuse(&child("/metadata/labels", label), message);
            }
        }
    }
    let pods = match object.pod_spec_pointer() {
        Some("/spec/template/spec") => "/spec/template/metadata",
        Some("/spec/jobTemplate/spec/template/spec") => "/spec/jobTemplate/spec/template/metadata",
        _ => return,
    };
    if let Some(metadata) = object.value.pointer(pods) {
        labels(pods, metadata.get("labels"), refuse);
        annotations(pods, metadata.get("annotations"), template, refuse);
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
    name.len() <= 253
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
        ("Job", "batch") => (name.len() <= 63 && is_subdomain(name), "63 lower-case letters, digits, `-` and `.`"),
        ("Service", "") => (
            is_dns_label(name) && name.starts_with(|c: char| c.is_ascii_lowercase()),
            "63 lower-case letters, digits and `-`, beginning with a letter",
        ),
        // A CronJob's Jobs have 11 characters more; a StatefulSet's revisions, which are labels, as many.
        ("CronJob", "batch") | ("StatefulSet", "apps") => {
            (name.len() <= 52 && is_subdomain(name), "52 lower-case letters, digits, `-` and `.`")
        }
        _ => (is_subdomain(name), "253 lower-case letters, digits, `-` and `.`"),
    };
    if !good {
        let message = format!("`{}` is no name of a {}; allowed: {allowed}", visible(name), visible(kind));
        refuse("/metadata/name", message);
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
        if !is_key(key) {
            refuse(&child(&format!("{base}/labels"), key), format!("`{}` is no key of a label", visible(key)));
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
            refuse(&child(&format!("{base}/labels"), key), message);
        }
    }
}

fn annotations(base: &str, annotations: Option<&Value>, template: bool, refuse: &mut dyn FnMut(&str, String)) {
    let Some(map) = stated_map(base, "annotations", annotations, refuse) else { return };
    let mut size = 0;
    for (key, value) in map.iter() {
        let at = || child(&format!("{base}/annotations"), key);
        if !is_key(key) {
            refuse(&at(), format!("`{}` is no key of an annotation", visible(key)));
        } else if template && key == "argocd.argoproj.io/tracking-id" {
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
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::containers::test::{found, manifest, places, template};

    fn run(json: &Json) -> Vec<String> {
        places(&found(super::check, &template(json)))
    }

    fn expect(cases: &[(Json, Vec<&str>)]) {
        for (json, expected) in cases {
            let expected: Vec<String> =
                expected.iter().map(|pointer| format!("forbidden-output {pointer}").trim_end().to_owned()).collect();
            assert_eq!(run(json), expected, "{json}");
        }
    }

    fn object(version: &str, kind: &str, metadata: impl serde::Serialize) -> Json {
        json!({"apiVersion": version, "kind": kind, "metadata": metadata})
    }

    #[test]
    fn never_written() {
        let finalizer = "resources-finalizer.argocd.argoproj.io";
        expect(&[
            (object("v1", "ConfigMap", json!({"name": "a", "creationTimestamp": null, "finalizers": []})), vec![]),
            (object("v1", "Secret", json!({"name": "a"})), vec!["/kind"]),
            (object("acme.dev/v1", "Secret", json!({"name": "a"})), vec![]),
            (json!({"metadata": {"name": "a"}}), vec!["/kind", "/apiVersion"]),
            (json!({"apiVersion": "v1", "kind": "ConfigMap"}), vec!["/metadata"]),
            (json!([]), vec![""]),
            (json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "status": {}}), vec!["/status"]),
            (json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "items": null}), vec!["/items"]),
            (object("v1", "ConfigMap", json!({"name": "a", "finalizers": ["a/b"]})), vec!["/metadata/finalizers"]),
            (object("v1", "ConfigMap", json!({"name": "a", "finalizers": [finalizer]})), vec!["/metadata/finalizers"]),
            (object("argoproj.io/v1alpha1", "Application", json!({"name": "a", "finalizers": [finalizer]})), vec![]),
            (
                object("argoproj.io/v1alpha1", "Application", json!({"name": "a", "finalizers": [finalizer, "x/y"]})),
                vec!["/metadata/finalizers"],
            ),
            (
                object("argoproj.io/v1alpha1", "Application", json!({"name": "a", "finalizers": finalizer})),
                vec!["/metadata/finalizers"],
            ),
            (
                object("v1", "ConfigMap", json!({"name": "a", "uid": "x", "ownerReferences": []})),
                vec!["/metadata/ownerReferences", "/metadata/uid"],
            ),
            (
                object("v1", "ConfigMap", json!({"generateName": "a-"})),
                vec!["/metadata/generateName", "/metadata/name"],
            ),
            (
                object("v1", "ConfigMap", json!({"name": "a", "annotations": {"argocd.argoproj.io/tracking-id": "x"}})),
                vec!["/metadata/annotations/argocd.argoproj.io~1tracking-id"],
            ),
        ]);
    }

    #[test]
    fn a_preview_s_namespace_is_known_by_its_labels() {
        let (managed, environment) =
            ("/metadata/labels/app.kubernetes.io~1managed-by", "/metadata/labels/dayfly.dev~1environment");
        let namespace = |name: &str, labels: Json| object("v1", "Namespace", json!({"name": name, "labels": labels}));
        let both = json!({"app.kubernetes.io/managed-by": "dayfly", "dayfly.dev/environment": "shop-pr-7"});
        expect(&[
            (namespace("shop-pr-7", both), vec![]),
            (namespace("shop-pr-7", json!({})), vec![managed, environment]),
            (
                namespace(
                    "shop-pr-7",
                    json!({"app.kubernetes.io/managed-by": "argocd", "dayfly.dev/environment": "shop-pr-8"}),
                ),
                vec![managed, environment],
            ),
            (namespace("another", json!({})), vec![]),
        ]);
    }

    #[test]
    fn names_have_budgets() {
        let cases = [
            ("v1", "ConfigMap", "a.b-1".to_owned(), true),
            ("v1", "ConfigMap", "a".repeat(253), true),
            ("v1", "ConfigMap", "a".repeat(254), false),
            ("v1", "ConfigMap", "a-.b".to_owned(), false),
            ("v1", "ConfigMap", "A".to_owned(), false),
            ("v1", "ConfigMap", "a_b".to_owned(), false),
            ("v1", "Namespace", "shop-pr-8".to_owned(), true),
            ("v1", "Namespace", "shop.pr".to_owned(), false),
            ("v1", "Service", "web".to_owned(), true),
            ("v1", "Service", "1web".to_owned(), false),
            ("batch/v1", "Job", "a".repeat(63), true),
            ("batch/v1", "Job", format!("{}.{}", "a".repeat(40), "a".repeat(23)), false),
            ("batch/v1", "CronJob", "a".repeat(52), true),
            ("batch/v1", "CronJob", "a".repeat(53), false),
            ("apps/v1", "StatefulSet", "a".repeat(53), false),
            ("apps/v1", "Deployment", "a".repeat(53), true),
            ("rbac.authorization.k8s.io/v1", "Role", "dayfly:database".to_owned(), true),
            ("rbac.authorization.k8s.io/v1", "Role", "a/b".to_owned(), false),
            ("v1", "ConfigMap", String::new(), false),
        ];
        for (version, kind, name, good) in cases {
            let found = run(&object(version, kind, json!({"name": name})));
            assert_eq!(found, if good { vec![] } else { vec!["forbidden-output /metadata/name"] }, "{kind} {name}");
        }
    }

    #[test]
    fn labels_and_annotations() {
        let with = |field: &str, value: Json| object("v1", "ConfigMap", json!({"name": "a", field: value}));
        let big = "x".repeat(256 * 1024);
        expect(&[
            (with("labels", json!({"a": "", "app.kubernetes.io/name": "Web_1.2-x"})), vec![]),
            (with("labels", json!({"a": "x".repeat(64)})), vec!["/metadata/labels/a"]),
            (
                with("labels", json!({"a": "-x", "b": "ä", "c": "x y", "d": 7, "e": null})),
                ["a", "b", "c", "d", "e"]
                    .map(|key| -> &str { Box::leak(format!("/metadata/labels/{key}").into_boxed_str()) })
                    .to_vec(),
            ),
            (
                with("labels", json!({"": "x", "Acme.dev/a": "x", "a/b/c": "x", "a.dev/": "x"})),
                vec![
                    "/metadata/labels/",
                    "/metadata/labels/Acme.dev~1a",
                    "/metadata/labels/a.dev~1",
                    "/metadata/labels/a~1b~1c",
                ],
            ),
            (with("labels", json!([])), vec!["/metadata/labels"]),
            (with("annotations", json!({"a.dev/b": "anything at all: ä"})), vec![]),
            (
                with("annotations", json!({"a b": "x", "c": true})),
                vec!["/metadata/annotations/a b", "/metadata/annotations/c"],
            ),
            (with("annotations", json!({"a": big})), vec!["/metadata/annotations"]),
            (with("namespace", json!("a.b")), vec!["/metadata/namespace"]),
            (
                json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a"}, "spec": {"jobTemplate": {"spec":
                    {"template": {"metadata": {"labels": {"a": true}, "annotations": {"b": 1}}, "spec": {}}}}}}),
                vec![
                    "/spec/jobTemplate/spec/template/metadata/labels/a",
                    "/spec/jobTemplate/spec/template/metadata/annotations/b",
                ],
            ),
        ]);
    }

    #[test]
    fn manifests_have_rules_of_their_own_for_the_rest() {
        let json = json!({"apiVersion": "v1", "kind": "Secret", "status": {}, "items": [{}], "metadata": {"name": "a_b", "finalizers": ["a/b"], "labels": {"x": 1}}});
        assert_eq!(
            places(&found(super::check, &manifest(&json))),
            ["forbidden-output /items", "forbidden-output /metadata/labels/x", "forbidden-output /metadata/name"]
        );
    }
}
