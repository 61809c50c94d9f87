//! The order in which Argo CD applies objects, so that the output reads as a story and `kubectl apply` works on it.

use super::{Object, keys};

/// Argo CD's order of kinds within a wave (`gitops-engine/pkg/sync/sync_tasks.go`, `kindOrder`); the rest comes after.
const KINDS: [&str; 33] = [
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "Ingress",
];

/// Sorts by phase, wave, kind, namespace and name.
pub fn sort(objects: &mut Vec<Object>) {
    let mut keyed: Vec<_> = std::mem::take(objects).into_iter().map(|object| (rank(&object), object)).collect();
    keyed.sort_by(|(rank_a, a), (rank_b, b)| {
        rank_a.cmp(rank_b).then_with(|| (a.namespace(), a.name()).cmp(&(b.namespace(), b.name())))
    });
    objects.extend(keyed.into_iter().map(|(_, object)| object));
}

/// Phase, wave and kind.
fn rank(object: &Object) -> (u8, i64, usize) {
    let phase = match object.annotation(keys::HOOK) {
        None => 1,
        Some("PreSync") => 0,
        Some("PostDelete" | "PreDelete") => 3,
        Some(_) => 2,
    };
    let wave = object.annotation(keys::SYNC_WAVE).and_then(|wave| wave.parse().ok()).unwrap_or(0);
    let kind = KINDS.iter().position(|kind| *kind == object.kind()).unwrap_or(KINDS.len());
    (phase, wave, kind)
}
