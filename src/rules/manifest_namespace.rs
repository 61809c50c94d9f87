//! A team's own manifests stay in the preview's namespace, and refer to nothing outside of it.

use super::{
    Bounds,
    common::{claims, finding, items, pod_spec, shown, stated},
};
use crate::{
    finding::{Finding, Rule, Severity, listed},
    objects::Object,
    value::Value,
};

/// What `check` finds in a manifest's own namespace, and in others that it names.
pub static MANIFEST_NAMESPACE: Rule = Rule {
    code: "manifest-namespace",
    severity: Severity::Error,
    summary: "a manifest is in the preview's namespace, and refers to nothing outside of it",
    explanation: "Leave `metadata.namespace` out: dayfly sets it, and every pull request has another one. References by \
        namespace (a Pod affinity's `namespaces`) lead out of the preview.\n\n\
        A volume is a new one: `volumeName`, `selector` and an empty `storageClassName` take one of the whole cluster's, `dataSource` \
        and `dataSourceRef` copy one, and that may be a database's before its data were looked at. \
        Its class is the cluster's default, or one of the guardrails' `storageClasses`: others may take volumes that are there, leave \
        them behind, or be dear. A Pod uses claims of the \
        policy's manifests only, and none of those is called as a CloudNativePG server's (`database-main-1`), nor is one that a \
        StatefulSet makes (`CLAIM-STATEFULSET-NUMBER`): whose a claim is, Kubernetes tells by its name.",
};

pub(crate) fn check(object: &Object, bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let namespace = object.value.at(&["metadata", "namespace"]);
    if let Some(namespace) =
        namespace.filter(|found| **found != Value::Null && found.as_str() != Some(bounds.namespace))
    {
        let message = format!("namespace {} is not the preview's, `{}`", shown(namespace), bounds.namespace);
        findings.push(finding(&MANIFEST_NAMESPACE, object, "/metadata/namespace", message).help("leave it out"));
    }
    let Some(spec) = object.value.get("spec") else { return };
    match object.kind() {
        "PersistentVolumeClaim" => {
            name_of_claim(object, "/metadata/name", object.name(), bounds, findings);
        }
        "StatefulSet" => {
            for (index, template) in items(spec, "volumeClaimTemplates") {
                // It takes a claim of that name, whoever made it. Source: `getPersistentVolumeClaimName` and
                // `createMissingPersistentVolumeClaims` in Kubernetes, `pkg/controller/statefulset`.
                let name = template.str_at(&["metadata", "name"]).unwrap_or_default();
                let pointer = format!("/spec/volumeClaimTemplates/{index}/metadata/name");
                name_of_claim(object, &pointer, &format!("{name}-{}-", object.name()), bounds, findings);
            }
        }
        _ => {}
    }
    for (pointer, spec) in claims(object) {
        claim(object, &pointer, spec, bounds, findings);
    }
    if let Some((base, pod)) = pod_spec(object) {
        for (index, volume) in items(pod, "volumes") {
            let name = volume.at(&["persistentVolumeClaim", "claimName"]);
            if let Some(name) =
                name.filter(|name| name.as_str().is_none_or(|name| !bounds.claims.iter().any(|own| own == name)))
            {
                let pointer = format!("{base}/volumes/{index}/persistentVolumeClaim/claimName");
                let message = format!("claim {} is none of the manifests' own", shown(name));
                let help = "write it as a `PersistentVolumeClaim` among the policy's `manifests`";
                findings.push(finding(&MANIFEST_NAMESPACE, object, pointer, message).help(help));
            }
        }
        affinity(object, base, pod, findings);
    }
}

/// A claim takes a new volume of the cluster's classes: neither one that is there, nor a copy.
fn claim(object: &Object, base: &str, spec: &Value, bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    for (field, why) in [
        ("volumeName", "names a volume of the whole cluster; a preview's are new"),
        ("selector", "picks a volume of the whole cluster; a preview's are new"),
        ("dataSource", "copies a volume; a preview's are new"),
        ("dataSourceRef", "copies a volume; a preview's are new"),
        ("volumeAttributesClassName", "chooses how fast a volume is, and what it costs"),
    ] {
        if stated(spec, field).is_some_and(|value| value.as_str() != Some("")) {
            let message = format!("`{field}` {why}");
            let pointer = format!("{base}/{field}");
            findings.push(finding(&MANIFEST_NAMESPACE, object, pointer, message).help("leave it out"));
        }
    }
    let classes = bounds.storage_classes;
    if let Some(class) = stated(spec, "storageClassName")
        && !classes.iter().any(|allowed| class.as_str() == Some(allowed))
    {
        // Nothing makes volumes of no class, so what is bound was there.
        let message = if class.as_str() == Some("") {
            "without a class, it takes a volume of the whole cluster; a preview's are new".to_owned()
        } else {
            format!(
                "StorageClass {} is none of the guardrails' `storageClasses`; allowed: {}",
                shown(class),
                listed(classes)
            )
        };
        let pointer = format!("{base}/storageClassName");
        let help = "leave it out: that is the cluster's default class";
        findings.push(finding(&MANIFEST_NAMESPACE, object, pointer, message).help(help));
    }
}

/// A claim, or the beginning of a claim's name, is not called as the volume of a database's server.
fn name_of_claim(object: &Object, pointer: &str, name: &str, bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    if let Some(database) = bounds.databases.iter().find(|database| database.keeps_claim(name)) {
        let message = format!(
            "the volumes of the database `{}` are called `{}-…`: a claim needs another name",
            database.name, database.server
        );
        findings.push(finding(&MANIFEST_NAMESPACE, object, pointer, message));
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

    use crate::rules::common::test::{below, found, manifest, places};

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
                json!({"kind": "PersistentVolumeClaim", "spec": {"volumeName": "pv-1", "dataSourceRef": {"namespace": "x"}}}),
                vec!["/spec/volumeName", "/spec/dataSourceRef"],
            ),
            // An empty selector picks any.
            (
                json!({"kind": "PersistentVolumeClaim", "spec": {"selector": {}, "storageClassName": "", "dataSource": {"kind": "VolumeSnapshot", "name": "database-main"}}}),
                vec!["/spec/selector", "/spec/dataSource", "/spec/storageClassName"],
            ),
            (
                json!({"kind": "PersistentVolumeClaim", "spec": {"storageClassName": "fast", "volumeAttributesClassName": ""}}),
                vec![],
            ),
            (json!({"kind": "PersistentVolumeClaim", "spec": {"storageClassName": null}}), vec![]),
            (
                json!({"kind": "PersistentVolumeClaim", "spec": {"storageClassName": "local", "volumeAttributesClassName": "gold"}}),
                vec!["/spec/volumeAttributesClassName", "/spec/storageClassName"],
            ),
            (
                json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {
                    "volumeClaimTemplates": [{"spec": {"storageClassName": "local"}}],
                    "template": {"spec": {"volumes": [{"ephemeral": {"volumeClaimTemplate": {"spec": {"storageClassName": 7}}}}]}}}}),
                vec![
                    "/spec/volumeClaimTemplates/0/spec/storageClassName",
                    "/spec/template/spec/volumes/0/ephemeral/volumeClaimTemplate/spec/storageClassName",
                ],
            ),
            (
                json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": {"volumes": [
                    {"persistentVolumeClaim": {"claimName": "cache"}}, {"persistentVolumeClaim": {"claimName": "database-main-1"}}]}}}}),
                vec!["/spec/template/spec/volumes/1/persistentVolumeClaim/claimName"],
            ),
            (
                json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {
                    "volumeClaimTemplates": [{"spec": {"volumeName": "", "storageClassName": "fast"}}, {"spec": {"volumeName": "pv-1"}}],
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
            assert_eq!(
                places(&found(super::check, &manifest(&json))),
                below("manifest-namespace ", &expected),
                "{json}"
            );
        }
    }
}
