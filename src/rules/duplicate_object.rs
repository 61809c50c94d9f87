//! No two objects of one name.

use super::{Bounds, common::finding};
use crate::{
    finding::{Finding, Rule, Severity, visible},
    objects::{Object, Origin},
};

/// What `check` finds among all that goes out.
pub static DUPLICATE_OBJECT: Rule = Rule {
    code: "duplicate-object",
    severity: Severity::Error,
    summary: "every object has a name of its own",
    explanation: "Two objects of the same group, kind, namespace and name are one object to Kubernetes, and Argo CD keeps \
        the last (`RepeatedResourceWarning`). Which one that is, nobody meant. A manifest that has the name of one of \
        dayfly's objects would replace it.",
};

/// Checks all objects at once; one without a namespace counts as the preview's, where Argo CD puts it.
pub(crate) fn check(objects: &[Object], bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let mut keys: Vec<_> = objects
        .iter()
        .enumerate()
        .map(|(index, object)| {
            (object.name(), object.kind(), object.group(), object.namespace().unwrap_or(bounds.namespace), index)
        })
        .collect();
    keys.sort_unstable();
    let mut repeated: Vec<(usize, usize)> = Vec::new();
    for group in keys.chunk_by(|a, b| (a.0, a.1, a.2, a.3) == (b.0, b.1, b.2, b.3)) {
        let [first, rest @ ..] = group else { continue };
        // A nameless object is another rule's.
        if !first.0.is_empty() {
            repeated.extend(rest.iter().map(|again| (again.4, first.4)));
        }
    }
    repeated.sort_unstable();
    for (again, first) in repeated {
        // Of a manifest and a template, the manifest is what somebody must rename.
        let (about, other) = match (&objects[again], &objects[first]) {
            (again, first) if first.is_manifest() && !again.is_manifest() => (first, again),
            pair => pair,
        };
        let place = match &other.origin {
            Origin::Manifest { file, line } => format!("in `{}`, line {line}", visible(file)),
            Origin::Template(name) => format!("from template `{}`", visible(name)),
        };
        let message = format!("`{}` is there already, {place}", visible(&about.id()));
        findings.push(finding(&DUPLICATE_OBJECT, about, "/metadata/name", message));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::rules::common::test::{found_in, manifest, template};

    fn object(version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Json {
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": namespace}})
    }

    #[test]
    fn one_object_a_name() {
        let web = object("v1", "ConfigMap", Some("shop-pr-7"), "web");
        let cases = [
            (object("v1", "ConfigMap", Some("shop-pr-7"), "web"), true),
            (object("v1", "ConfigMap", None, "web"), true),
            (object("v1", "ConfigMap", Some("operations"), "web"), false),
            (object("v1", "ConfigMap", Some("shop-pr-7"), "api"), false),
            (object("v1", "Service", Some("shop-pr-7"), "web"), false),
            (object("acme.dev/v1", "ConfigMap", Some("shop-pr-7"), "web"), false),
        ];
        for (other, same) in cases {
            for objects in [[template(&web), manifest(&other)], [manifest(&other), template(&web)]] {
                let findings = found_in(super::check, &objects);
                assert_eq!(findings.len(), usize::from(same), "{other}");
                assert!(findings.iter().all(|f| f.location().file.is_some()), "the manifest is what is wrong");
                assert!(
                    findings
                        .iter()
                        .all(|f| f.message == "`ConfigMap/web` is there already, from template `workload.yaml`")
                );
            }
        }
        let versions = [
            template(&object("apps/v1", "Deployment", None, "a")),
            template(&object("apps/v2", "Deployment", None, "a")),
        ];
        assert_eq!(found_in(super::check, &versions).len(), 1, "a version doesn't tell objects apart");
    }
}
