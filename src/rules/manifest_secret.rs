//! Pods of a team's own manifests read the preview's Secrets, and not those of its databases' Jobs.

use super::{
    Bounds,
    common::{containers, finding, items, pod_spec, stated},
};
use crate::{
    finding::{Finding, Rule, Severity, listed, visible},
    objects::Object,
    value::Value,
};

/// What `check` finds in Pods of manifests.
pub static MANIFEST_SECRET: Rule = Rule {
    code: "manifest-secret",
    severity: Severity::Error,
    summary: "a manifest's Pods read only Secrets that the policy names",
    explanation: "Those are the names of `secrets` and `databases`. In the preview's namespace there are others: a database's \
        `NAME-direct` is for migrate and seed, before the branch is verified, and `NAME-server` is the password of an embedded \
        server's superuser. `imagePullSecrets` are not read by a Pod, and may be any.",
};

pub(crate) fn check(object: &Object, bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let Some((base, pod)) = pod_spec(object) else { return };
    for (pointer, name) in references(pod) {
        if name.as_str().is_some_and(|name| bounds.secrets.contains(&name)) {
            continue;
        }
        let message = format!(
            "Secret `{}` is none of the policy's; allowed: {}",
            visible(name.as_str().unwrap_or_default()),
            listed(bounds.secrets)
        );
        findings.push(
            finding(&MANIFEST_SECRET, object, format!("{base}{pointer}"), message).help("name it under `secrets`"),
        );
    }
}

/// Every place of a Pod's spec that names a Secret, with the name.
fn references(pod: &Value) -> Vec<(String, &Value)> {
    let mut found = Vec::new();
    for container in containers("", pod) {
        for (index, source) in items(container.value, "envFrom") {
            if let Some(name) = named(source, "secretRef", "name") {
                found.push((container.pointer(&format!("/envFrom/{index}/secretRef/name")), name));
            }
        }
        for (index, variable) in items(container.value, "env") {
            if let Some(name) = variable.get("valueFrom").and_then(|from| named(from, "secretKeyRef", "name")) {
                found.push((container.pointer(&format!("/env/{index}/valueFrom/secretKeyRef/name")), name));
            }
        }
    }
    for (index, volume) in items(pod, "volumes") {
        if let Some(name) = named(volume, "secret", "secretName") {
            found.push((format!("/volumes/{index}/secret/secretName"), name));
        }
        for (at, source) in volume.get("projected").into_iter().flat_map(|volume| items(volume, "sources")) {
            if let Some(name) = named(source, "secret", "name") {
                found.push((format!("/volumes/{index}/projected/sources/{at}/secret/name"), name));
            }
        }
    }
    found
}

fn named<'a>(value: &'a Value, field: &str, name: &str) -> Option<&'a Value> {
    stated(value, field).and_then(|reference| stated(reference, name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::rules::common::test::{found, manifest, places};

    #[test]
    fn every_way_to_a_secret_is_seen() {
        let pod = |name: &str| {
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {
                "imagePullSecrets": [{"name": "registry"}],
                "initContainers": [{"name": "a", "env": [
                    {"name": "A", "value": "main-direct"},
                    {"name": "B", "valueFrom": {"secretKeyRef": {"name": name, "key": "x"}}}]}],
                "containers": [{"name": "b", "envFrom": [{"configMapRef": {"name": "preview"}}, {"secretRef": {"name": name}}]}],
                "volumes": [
                    {"name": "a", "emptyDir": {}},
                    {"name": "b", "secret": {"secretName": name}},
                    {"name": "c", "projected": {"sources": [{"configMap": {"name": "preview"}}, {"secret": {"name": name}}]}}],
            }}}}}})
        };
        assert!(found(super::check, &manifest(&pod("stripe"))).is_empty());
        let findings = found(super::check, &manifest(&pod("main-server")));
        let base = "manifest-secret /spec/jobTemplate/spec/template/spec";
        assert_eq!(
            places(&findings),
            [
                format!("{base}/initContainers/0/env/1/valueFrom/secretKeyRef/name"),
                format!("{base}/containers/0/envFrom/1/secretRef/name"),
                format!("{base}/volumes/1/secret/secretName"),
                format!("{base}/volumes/2/projected/sources/1/secret/name"),
            ]
        );
        assert_eq!(findings[0].message, "Secret `main-server` is none of the policy's; allowed: `stripe`, `main`");
    }
}
