//! What the `HorizontalPodAutoscaler`s of manifests scale: workloads of the manifests, and nothing of dayfly's.

use std::collections::HashMap;

use super::POD_PLACEMENT;
use crate::{
    finding::{Finding, visible},
    objects::Object,
    rules::{
        Bounds,
        common::{finding, shown, stated},
    },
    value::Value,
};

/// What a scaler's target and a workload have in common: version, kind and name.
type Key<'o> = (&'o str, &'o str, &'o str);

fn scalers(objects: &[Object]) -> impl Iterator<Item = &Object> {
    objects.iter().filter(|object| object.is_manifest() && object.kind() == "HorizontalPodAutoscaler")
}

fn target(scaler: &Object) -> Key<'_> {
    let field = |name| scaler.value.str_at(&["spec", "scaleTargetRef", name]).unwrap_or_default();
    (field("apiVersion"), field("kind"), field("name"))
}

fn key(workload: &Object) -> Key<'_> {
    (workload.value.str_at(&["apiVersion"]).unwrap_or_default(), workload.kind(), workload.name())
}

/// Checks all at once.
///
/// A database has one server: a second would hold other data behind the same Service. How many a service has is the policy's, which
/// Argo CD would set again and again; and so it would what a manifest says.
pub(crate) fn check(objects: &[Object], _: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let mut scalers = scalers(objects).peekable();
    if scalers.peek().is_none() {
        return;
    }
    let is_scaled =
        |object: &&Object| object.is_manifest() && matches!(key(object), ("apps/v1", "Deployment" | "StatefulSet", _));
    let own: HashMap<Key<'_>, &Object> = objects.iter().filter(is_scaled).map(|object| (key(object), object)).collect();
    for scaler in scalers {
        let (version, kind, name) = target(scaler);
        if let Some(workload) = own.get(&(version, kind, name)) {
            replicas(scaler, workload, findings);
            continue;
        }
        let (group, _) = version.split_once('/').unwrap_or_default();
        let is_target = |object: &&Object| {
            !object.is_manifest() && object.kind() == kind && object.name() == name && object.group() == group
        };
        let shown = format!("`{}/{}` of `{}`", visible(kind), visible(name), visible(version));
        let (message, help) = match objects.iter().find(is_target) {
            Some(object) if object.kind() == "Deployment" => (
                format!("{shown} is not of the manifests, so how many Pods it has is not theirs to say"),
                "the policy says a service's `replicas`",
            ),
            Some(_) => (
                format!("{shown} is not of the manifests: a second server of a database would hold other data"),
                "scale a Deployment or StatefulSet of the manifests",
            ),
            None => (
                format!("{shown} is not one of the manifests' own; allowed: a Deployment or StatefulSet of `apps/v1`"),
                "name its `apiVersion`, `kind` and `name`",
            ),
        };
        findings.push(finding(&POD_PLACEMENT, scaler, "/spec/scaleTargetRef", message).help(help));
    }
}

/// Of what a scaler scales, only that it is not to run is stated: of no replicas, Kubernetes makes none.
fn replicas(scaler: &Object, workload: &Object, findings: &mut Vec<Finding>) {
    let stated = workload.value.get("spec").and_then(|spec| stated(spec, "replicas"));
    if let Some(found) = stated.filter(|found| **found != Value::Int(0)) {
        let scaler = scaler.id();
        let message = format!(
            "`replicas` is {}, but `{}` scales it: Argo CD and the scaler would change it in turn, for ever; allowed: `0`, or nothing",
            shown(found),
            visible(&scaler)
        );
        findings.push(finding(&POD_PLACEMENT, workload, "/spec/replicas", message).help("leave `replicas` out"));
    }
}

/// How many Pods scalers keep of a workload: the least number, and how many say one.
pub(super) struct Scalers<'o>(HashMap<Key<'o>, (i64, usize)>);

impl<'o> Scalers<'o> {
    pub(super) fn of(objects: &'o [Object]) -> Self {
        let mut all = HashMap::new();
        for scaler in scalers(objects) {
            let least = number(scaler.value.at(&["spec", "minReplicas"]));
            let (known, count) = all.entry(target(scaler)).or_insert((least, 0));
            *known = least.min(*known);
            *count += 1;
        }
        Self(all)
    }

    /// How many Pods a workload has at least.
    /// Source: `reconcileAutoscaler` in Kubernetes 1.36, `pkg/controller/podautoscaler/horizontal.go`: of two scalers neither is heeded,
    /// and none replicas stay none.
    pub(super) fn least(&self, workload: &Object) -> i64 {
        let stated = number(workload.value.at(&["spec", "replicas"]));
        match self.0.get(&key(workload)) {
            Some((least, 1)) if stated != 0 => *least,
            Some((least, _)) => stated.min(*least),
            None => stated,
        }
    }
}

fn number(value: Option<&Value>) -> i64 {
    match value {
        Some(Value::Int(number)) => *number,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::rules::common::test::{found_in, manifest, places, template};

    #[test]
    fn scalers_scale_what_is_of_the_manifests() {
        let object = |version: &str, kind: &str, name: &str| json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
        let (policy, server, nothing) = (
            "the policy says a service's `replicas`",
            "scale a Deployment or StatefulSet of the manifests",
            "name its `apiVersion`, `kind` and `name`",
        );
        let cases = [
            (json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}), ""),
            (json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "queue"}), ""),
            (json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "web"}), nothing),
            (json!({"apiVersion": "nope/v1", "kind": "Deployment", "name": "web"}), nothing),
            (json!({"kind": "Deployment", "name": "web"}), nothing),
            (json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "service"}), policy),
            (json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "database-main"}), server),
            (json!({"apiVersion": "postgresql.cnpg.io/v1", "kind": "Cluster", "name": "database-main"}), server),
            (json!({"apiVersion": "acme.dev/v1", "kind": "Cluster", "name": "own"}), nothing),
            (json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-7f9c"}), nothing),
            (json!(null), nothing),
        ];
        for (target, help) in cases {
            let objects = [
                template(&object("apps/v1", "Deployment", "service")),
                template(&object("apps/v1", "StatefulSet", "database-main")),
                template(&object("postgresql.cnpg.io/v1", "Cluster", "database-main")),
                manifest(&object("apps/v1", "Deployment", "web")),
                manifest(&object("apps/v1", "StatefulSet", "queue")),
                manifest(&object("acme.dev/v1", "Cluster", "own")),
                manifest(
                    &json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "x"},
                    "spec": {"scaleTargetRef": target}}),
                ),
            ];
            let found = found_in(super::check, &objects);
            let expected = if help.is_empty() { vec![] } else { vec!["pod-placement /spec/scaleTargetRef".to_owned()] };
            assert_eq!(places(&found), expected, "{target}");
            assert!(found.iter().all(|finding| finding.help.as_deref() == Some(help)), "{target}: {found:?}");
        }
    }

    #[test]
    fn what_is_scaled_says_no_replicas() {
        for (replicas, fine) in
            [(json!(null), true), (json!(0), true), (json!(1), false), (json!(3), false), (json!("0"), false)]
        {
            let workload = |kind: &str, name: &str| {
                manifest(
                    &json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {"replicas": replicas}}),
                )
            };
            let objects = [
                workload("Deployment", "web"),
                workload("StatefulSet", "web"),
                manifest(
                    &json!({"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "x"},
                    "spec": {"scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}}),
                ),
            ];
            let found = found_in(super::check, &objects);
            let expected = if fine { vec![] } else { vec!["pod-placement /spec/replicas".to_owned()] };
            assert_eq!(places(&found), expected, "{replicas}");
            assert!(found.iter().all(|finding| finding.location().object.as_deref() == Some("Deployment/web")));
        }
    }
}
