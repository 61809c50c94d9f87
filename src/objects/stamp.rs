//! Marks every object with its owner, its cost centre and its pull request, and so do their Pods.

use crate::{
    resolve::Environment,
    value::{Map, Value},
};

use super::{Object, keys};

/// Which Pods of a `PodDisruptionBudget` may leave though they are not ready, and the value by which all may.
/// Source: `EvictionREST.Create` in Kubernetes 1.36, `pkg/registry/core/pod/storage/eviction.go`.
pub(crate) const UNHEALTHY: &str = "unhealthyPodEvictionPolicy";
pub(crate) const ALWAYS: &str = "AlwaysAllow";

/// What a `StatefulSet` makes claims of, and of which type each is. That is left out as a rule, and Kubernetes writes it: under server-side
/// apply, to Argo CD a difference for ever (argo-cd#11143).
const CLAIMS: &str = "/spec/volumeClaimTemplates";
const TYPE_OF_CLAIM: [(&str, &str); 2] = [("apiVersion", "v1"), ("kind", "PersistentVolumeClaim")];

/// Adds the environment's labels to an object and to the Pods that it makes; the team's manifests also get the
/// namespace, and what else the firewall has made sure is no other.
pub fn stamp(object: &mut Object, environment: &Environment) {
    let pods = object.pods_pointer();
    let is_manifest = object.is_manifest();
    let marks = marks_pods(object);
    let is_set = is_manifest && object.kind() == "StatefulSet";
    let is_budget = is_manifest && object.kind() == "PodDisruptionBudget";
    let Some(root) = object.value.as_map_mut() else { return };
    let metadata = root.map_at("metadata");
    if is_manifest {
        metadata.insert("namespace", Value::string(&*environment.namespace));
    }
    add(metadata, &environment.labels, |_| true);
    if is_budget && let Some(Value::Map(spec)) = root.get_mut("spec") {
        spec.insert(UNHEALTHY, Value::from(ALWAYS));
    }
    if is_set && let Some(Value::List(claims)) = object.value.pointer_mut(CLAIMS) {
        for claim in claims.iter_mut().filter_map(Value::as_map_mut) {
            for (field, is) in TYPE_OF_CLAIM {
                claim.insert(field, Value::from(is));
            }
        }
    }
    let Some(pods) = pods.filter(|pointer| !pointer.is_empty()) else { return };
    let Some(Value::Map(template)) = object.value.pointer_mut(pods) else { return };
    add(template.map_at("metadata"), &environment.labels, marks);
    if is_manifest {
        // Left out, the namespace's default ServiceAccount would give its Pods a token.
        template.map_at("spec").insert("automountServiceAccountToken", Value::Bool(false));
    }
}

/// Whether a place of a manifest is written here, whatever it says; of labels and the namespace, the Environment tells.
pub(crate) fn writes(object: &Object, pointer: &str) -> bool {
    let of_pods = object.pod_spec_pointer().and_then(|spec| pointer.strip_prefix(spec));
    let of_budget = pointer.strip_prefix("/spec/").filter(|_| object.kind() == "PodDisruptionBudget");
    let of_claim = pointer.strip_prefix(CLAIMS).filter(|_| object.kind() == "StatefulSet");
    let of_claim = of_claim.and_then(|rest| rest.strip_prefix('/')?.split_once('/'));
    of_pods == Some("/automountServiceAccountToken")
        || of_budget == Some(UNHEALTHY)
        || of_claim.is_some_and(|(_, field)| TYPE_OF_CLAIM.iter().any(|(known, _)| *known == field))
}

/// Which labels of the environment's an object's Pods get.
///
/// Kubernetes changes no Job's Pods, and a manifest's has one name for ever: what a policy may say otherwise tomorrow would keep every open
/// preview from syncing.
pub(crate) fn marks_pods(object: &Object) -> impl Fn(&str) -> bool + use<> {
    let is_lasting = object.is_manifest() && object.kind() == "Job";
    move |key| !(is_lasting && [keys::TEAM, keys::COST_CENTER].contains(&key))
}

fn add(metadata: &mut Map, labels: &Value, takes: impl Fn(&str) -> bool) {
    // In alphabetical order, as `resolve` makes them; nobody overrides one.
    let own = metadata.remove("labels").and_then(Value::into_map).unwrap_or_default();
    let labels = labels.as_map().map(Map::entries).unwrap_or_default();
    let mut merged = Map::with_capacity(labels.len() + own.len());
    merged.extend(labels.iter().filter(|(key, _)| takes(key.as_str())).cloned());
    let stated = merged.len();
    for (key, value) in own {
        if !merged.entries()[..stated].iter().any(|(other, _)| *other == key) {
            merged.push(key, value);
        }
    }
    if merged.len() > stated {
        merged.sort();
    }
    metadata.push("labels", Value::Map(merged));
}

#[cfg(test)]
mod tests {
    use super::writes;
    use crate::{
        objects::{Object, Origin},
        value::Value,
    };

    #[test]
    fn what_is_written_whatever_a_manifest_says_is_known() {
        for (version, kind, pointer, expected) in [
            ("apps/v1", "Deployment", "/spec/template/spec/automountServiceAccountToken", true),
            ("batch/v1", "CronJob", "/spec/jobTemplate/spec/template/spec/automountServiceAccountToken", true),
            ("apps/v1", "Deployment", "/spec/template/spec/serviceAccountName", false),
            ("apps/v1", "Deployment", "/spec/automountServiceAccountToken", false),
            ("v1", "ServiceAccount", "/automountServiceAccountToken", false),
            ("policy/v1", "PodDisruptionBudget", "/spec/unhealthyPodEvictionPolicy", true),
            ("policy/v1", "PodDisruptionBudget", "/spec/minAvailable", false),
            ("v1", "ConfigMap", "/spec/unhealthyPodEvictionPolicy", false),
            ("apps/v1", "StatefulSet", "/spec/volumeClaimTemplates/0/kind", true),
            ("apps/v1", "StatefulSet", "/spec/volumeClaimTemplates/0/spec", false),
            ("apps/v1", "Deployment", "/spec/volumeClaimTemplates/0/kind", false),
        ] {
            let value = Value::map([("apiVersion", version.into()), ("kind", kind.into())]);
            let object = Object { value, origin: Origin::Manifest { file: "x.yaml".to_owned(), line: 1 } };
            assert_eq!(writes(&object, pointer), expected, "{kind} {pointer}");
        }
    }
}
