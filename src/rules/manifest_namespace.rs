//! A team's own manifests stay in the preview's namespace, and refer to nothing outside of it.

use super::{
    Bounds,
    containers::{finding, is_manifest, pod_spec, shown, stated},
};
use crate::{
    finding::{Finding, Rule, Severity},
    objects::Object,
    value::Value,
};

pub static MANIFEST_NAMESPACE: Rule = Rule {
    code: "manifest-namespace",
    severity: Severity::Error,
    summary: "a manifest is in the preview's namespace, and refers to nothing outside of it",
    explanation: "Leave `metadata.namespace` out: dayfly sets it, and every pull request has another one. References by \
        namespace (a route's `backendRefs`, a volume's `dataSourceRef`, a Pod affinity's `namespaces`) lead out of the \
        preview, and so does `volumeName`, which names a volume of the whole cluster. The Gateway of a route is the one \
        exception: it is the platform's.",
};

pub(crate) fn check(object: &Object, bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    if !is_manifest(object) {
        return;
    }
    let mut own = |pointer: String, namespace: Option<&Value>| {
        if let Some(namespace) =
            namespace.filter(|found| **found != Value::Null && found.as_str() != Some(bounds.namespace))
        {
            let message = format!("namespace {} is not the preview's, `{}`", shown(namespace), bounds.namespace);
            findings.push(finding(&MANIFEST_NAMESPACE, object, pointer, message).help("leave it out"));
        }
    };
    own("/metadata/namespace".to_owned(), object.value.at(&["metadata", "namespace"]));
    let Some(spec) = object.value.get("spec") else { return };
    match object.kind() {
        "HTTPRoute" | "GRPCRoute" => backends(spec, &mut own),
        "PersistentVolumeClaim" => claim(object, "/spec", spec, findings),
        "StatefulSet" => {
            for (index, template) in items(spec, "volumeClaimTemplates") {
                if let Some(spec) = template.get("spec") {
                    claim(object, &format!("/spec/volumeClaimTemplates/{index}/spec"), spec, findings);
                }
            }
        }
        _ => {}
    }
    if let Some((base, pod)) = pod_spec(object) {
        for (index, volume) in items(pod, "volumes") {
            if let Some(spec) = volume.at(&["ephemeral", "volumeClaimTemplate", "spec"]) {
                let pointer = format!("{base}/volumes/{index}/ephemeral/volumeClaimTemplate/spec");
                claim(object, &pointer, spec, findings);
            }
        }
        affinity(object, base, pod, findings);
    }
}

fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value.get(key).map_or(&[][..], Value::items).iter().enumerate()
}

/// Services that a route sends requests to, or copies of them.
fn backends(spec: &Value, own: &mut dyn FnMut(String, Option<&Value>)) {
    let mut mirrors = |base: String, filters: &Value| {
        for (index, filter) in items(filters, "filters") {
            let namespace = filter.at(&["requestMirror", "backendRef", "namespace"]);
            own(format!("{base}/filters/{index}/requestMirror/backendRef/namespace"), namespace);
            let namespace = filter.at(&["externalAuth", "backendRef", "namespace"]);
            own(format!("{base}/filters/{index}/externalAuth/backendRef/namespace"), namespace);
        }
    };
    for (index, rule) in items(spec, "rules") {
        mirrors(format!("/spec/rules/{index}"), rule);
        for (at, backend) in items(rule, "backendRefs") {
            mirrors(format!("/spec/rules/{index}/backendRefs/{at}"), backend);
        }
    }
    for (index, rule) in items(spec, "rules") {
        for (at, backend) in items(rule, "backendRefs") {
            own(format!("/spec/rules/{index}/backendRefs/{at}/namespace"), backend.get("namespace"));
        }
    }
}

/// A claim takes a new volume of the cluster's classes: neither one that is there, nor a copy from elsewhere.
fn claim(object: &Object, base: &str, spec: &Value, findings: &mut Vec<Finding>) {
    if let Some(volume) = stated(spec, "volumeName").filter(|volume| volume.is_truthy()) {
        let message = format!("volume {} is the cluster's, not the preview's", shown(volume));
        findings.push(finding(&MANIFEST_NAMESPACE, object, format!("{base}/volumeName"), message));
    }
    if let Some(namespace) = spec.at(&["dataSourceRef", "namespace"]).filter(|namespace| namespace.is_truthy()) {
        let message = format!("a volume cannot be copied from namespace {}", shown(namespace));
        findings.push(finding(&MANIFEST_NAMESPACE, object, format!("{base}/dataSourceRef/namespace"), message));
    }
}

/// Affinity to, or against, other namespaces' Pods keeps those from being scheduled.
fn affinity(object: &Object, base: &str, pod: &Value, findings: &mut Vec<Finding>) {
    let Some(affinity) = stated(pod, "affinity") else { return };
    for kind in ["podAffinity", "podAntiAffinity"] {
        for (list, inner) in [
            ("requiredDuringSchedulingIgnoredDuringExecution", ""),
            ("preferredDuringSchedulingIgnoredDuringExecution", "/podAffinityTerm"),
        ] {
            for (index, term) in affinity.get(kind).into_iter().flat_map(|kind| items(kind, list)) {
                let term = if inner.is_empty() { Some(term) } else { term.get("podAffinityTerm") };
                for field in ["namespaces", "namespaceSelector"] {
                    // An empty list is no list, but an empty selector selects every namespace.
                    let found = term.and_then(|term| stated(term, field));
                    if found.is_some_and(|found| field == "namespaceSelector" || found.is_truthy()) {
                        let pointer = format!("{base}/affinity/{kind}/{list}/{index}{inner}/{field}");
                        let message = format!("`{kind}` looks at Pods of other namespaces");
                        findings.push(finding(&MANIFEST_NAMESPACE, object, pointer, message).help("leave it out"));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::containers::test::{manifest, places, template, with_bounds};

    #[test]
    fn manifests_stay_in_their_namespace() {
        let term = json!({"topologyKey": "zone", "namespaceSelector": {}});
        let cases = [
            (json!({"kind": "Service", "metadata": {"name": "a"}}), vec![]),
            (json!({"kind": "Service", "metadata": {"namespace": "shop-pr-7"}}), vec![]),
            (json!({"kind": "Service", "metadata": {"namespace": null}}), vec![]),
            (json!({"kind": "Service", "metadata": {"namespace": "shop-pr-8"}}), vec!["/metadata/namespace"]),
            (json!({"kind": "Service", "metadata": {"namespace": ""}}), vec!["/metadata/namespace"]),
            (json!({"kind": "Service", "metadata": {"namespace": 7}}), vec!["/metadata/namespace"]),
            (
                json!({"kind": "HTTPRoute", "spec": {"parentRefs": [{"name": "public", "namespace": "previews"}], "rules": [
                    {"backendRefs": [{"name": "web", "namespace": "shop-pr-7"}, {"name": "web", "namespace": "shop-pr-8"}]},
                    {"filters": [{"type": "RequestMirror", "requestMirror": {"backendRef": {"namespace": "x"}}}]}]}}),
                vec![
                    "/spec/rules/1/filters/0/requestMirror/backendRef/namespace",
                    "/spec/rules/0/backendRefs/1/namespace",
                ],
            ),
            (
                json!({"kind": "PersistentVolumeClaim", "spec": {"volumeName": "pv-1", "dataSourceRef": {"namespace": "x"}}}),
                vec!["/spec/volumeName", "/spec/dataSourceRef/namespace"],
            ),
            (
                json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {
                    "volumeClaimTemplates": [{"spec": {"volumeName": ""}}, {"spec": {"volumeName": "pv-1"}}],
                    "template": {"spec": {
                        "volumes": [{"ephemeral": {"volumeClaimTemplate": {"spec": {"volumeName": "pv-2"}}}}],
                        "affinity": {
                            "podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [{"podAffinityTerm": term}]},
                            "podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution":
                                [{"namespaces": []}, {"namespaces": ["x"]}]}}}}}}),
                vec![
                    "/spec/volumeClaimTemplates/1/spec/volumeName",
                    "/spec/template/spec/volumes/0/ephemeral/volumeClaimTemplate/spec/volumeName",
                    "/spec/template/spec/affinity/podAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/podAffinityTerm/namespaceSelector",
                    "/spec/template/spec/affinity/podAntiAffinity/requiredDuringSchedulingIgnoredDuringExecution/1/namespaces",
                ],
            ),
        ];
        for (json, expected) in cases {
            let mut findings = Vec::new();
            with_bounds(|bounds| super::check(&manifest(&json), bounds, &mut findings));
            let expected: Vec<String> =
                expected.iter().map(|pointer| format!("manifest-namespace {pointer}")).collect();
            assert_eq!(places(&findings), expected, "{json}");
            let mut findings = Vec::new();
            with_bounds(|bounds| super::check(&template(&json), bounds, &mut findings));
            assert!(findings.is_empty());
        }
    }
}
