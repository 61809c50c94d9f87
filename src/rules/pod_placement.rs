//! Pods of a team's own manifests run where, and as whom, a preview's Pods run.

mod budgets;
pub(crate) mod jobs;
mod scalers;

use super::{
    Bounds,
    common::{finding, items, pod_spec, shown, stated},
};
use crate::{
    finding::{Finding, Rule, Severity, listed, visible},
    objects::{Object, SERVICE_ACCOUNT},
    value::Value,
};
pub(super) use budgets::check as check_budgets;
pub(super) use scalers::check as check_scalers;

/// What `check` finds in Pods of manifests, and what else of a manifest starts, keeps or counts them.
pub static POD_PLACEMENT: Rule = Rule {
    code: "pod-placement",
    severity: Severity::Error,
    summary: "a manifest's Pods choose neither nodes nor priority nor identity",
    explanation: "Where a Pod runs and what it may do in the cluster is decided for all previews alike.\n\n\
        - Identity: the ServiceAccounts that dayfly makes (or none stated), and no token of theirs: neither by \
        `automountServiceAccountToken` nor as a volume.\n\
        - Place: no `nodeName`, no choice of a single node or of the control plane's, no other scheduler or runtime class, \
        and no toleration of every taint or of the cluster's own (for a stated time, one may stay on a node that is not ready).\n\
        - Weight: no priority, which evicts other Pods, and no `PodDisruptionBudget` that no Pod may leave, which keeps nodes \
        from being drained: `maxUnavailable` of at least 1 (or `1%`), or a `minAvailable` that is less than the Pods that are \
        known; one budget for each Pod, and none for those of a Job. Pods that are not ready may always leave \
        (`unhealthyPodEvictionPolicy: AlwaysAllow`, which dayfly adds).\n\
        - A number: at most 1000 `replicas` of a StatefulSet, and of what a HorizontalPodAutoscaler scales, which is a \
        Deployment or StatefulSet of the manifests: a second server of a database would hold other data. What one scales \
        states no `replicas` but `0`, or Argo CD and the scaler change it in turn, for ever. The controller of \
        StatefulSets has all Pods of a set in memory before it asks for the first (2 KiB each), whatever the quota says. At most 100 `completions`, `parallelism`, retries and kept Jobs of \
        a Job or CronJob: a quota does not count what has finished.\n\
        - Jobs run by Kubernetes itself (`managedBy`), and left to Argo CD: one that goes by `ttlSecondsAfterFinished` would \
        be made again, for ever. The Jobs of a CronJob may go by it.\n\
        - An end: `terminationGracePeriodSeconds` of at most 600, since the preview's namespace is there for as long.\n\
        - Inline `csi` volumes give whatever their driver gives (certificates, secrets of a vault); claim a volume instead.",
};

/// `ServiceAccounts` that Pods may use, without a token.
const ACCOUNTS: [&str; 2] = [SERVICE_ACCOUNT, "default"];

/// Fields of a Pod's spec that are refused with anything but these values.
const FIELDS: [(&str, &str, &str); 6] = [
    ("nodeName", "", "the scheduler chooses the node"),
    ("priorityClassName", "", "a priority evicts other Pods"),
    ("priority", "", "a priority evicts other Pods"),
    ("preemptionPolicy", "", "a priority evicts other Pods"),
    ("schedulerName", "default-scheduler", "the platform chooses the scheduler"),
    ("runtimeClassName", "", "the platform chooses the runtime"),
];

/// Taints of the cluster itself, and of what keeps it running.
const SYSTEM_TAINTS: [&str; 5] = [
    "node-role.kubernetes.io/",
    "node.kubernetes.io/",
    "node.cloudprovider.kubernetes.io/",
    "CriticalAddonsOnly",
    "components.gke.io/",
];

/// Seconds that a Pod may take to end.
pub(crate) const LONGEST_GRACE: i64 = 600;

/// Pods that a `StatefulSet` may want.
pub(crate) const MOST_REPLICAS: i64 = 1000;

/// Labels that pick a single node, or the control plane's.
const SYSTEM_LABELS: [&str; 2] = ["node-role.kubernetes.io/", "kubernetes.io/hostname"];

pub(crate) fn check(object: &Object, _: &Bounds<'_>, findings: &mut Vec<Finding>) {
    replicas(object, findings);
    jobs::check(object, findings);
    let Some((base, pod)) = pod_spec(object) else { return };
    let mut refuse = |rest: String, message: String| {
        findings.push(finding(&POD_PLACEMENT, object, format!("{base}{rest}"), message));
    };
    identity(pod, &mut refuse);
    for (field, allowed, why) in FIELDS {
        if let Some(found) = stated(pod, field)
            .filter(|found| !matches!(found.as_str(), Some(text) if text.is_empty() || text == allowed))
        {
            refuse(format!("/{field}"), format!("`{field}` is {}, but {why}", shown(found)));
        }
    }
    if let Some(found) = stated(pod, "terminationGracePeriodSeconds")
        && !matches!(found, Value::Int(..=LONGEST_GRACE))
    {
        let message = format!("{} seconds to end; allowed: at most {LONGEST_GRACE}", shown(found));
        refuse("/terminationGracePeriodSeconds".to_owned(), message);
    }
    for (index, toleration) in items(pod, "tolerations") {
        let key = toleration.str_at(&["key"]).unwrap_or_default();
        if key.is_empty() {
            refuse(format!("/tolerations/{index}"), "a toleration without a key tolerates every taint".to_owned());
        } else if is_system(key, &SYSTEM_TAINTS) && !is_patience(key, toleration) {
            refuse(
                format!("/tolerations/{index}/key"),
                format!("taint `{}` keeps Pods off the cluster's own nodes", visible(key)),
            );
        }
    }
    nodes(pod, &mut refuse);
}

/// Source: `updateStatefulSet` in Kubernetes 1.36, `pkg/controller/statefulset/stateful_set_control.go`.
fn replicas(object: &Object, findings: &mut Vec<Finding>) {
    let fields: &[&str] = match object.kind() {
        "StatefulSet" => &["replicas"],
        "HorizontalPodAutoscaler" => &["minReplicas", "maxReplicas"],
        _ => return,
    };
    for field in fields {
        if let Some(found) = object.value.at(&["spec", field]).filter(|found| **found != Value::Null)
            && !matches!(found, Value::Int(..=MOST_REPLICAS))
        {
            let message = format!("{} replicas; allowed: at most {MOST_REPLICAS}", shown(found));
            findings.push(finding(&POD_PLACEMENT, object, format!("/spec/{field}"), message));
        }
    }
}

/// Kubernetes itself lets every Pod stay for five minutes; less, or more, is the team's choice.
fn is_patience(key: &str, toleration: &Value) -> bool {
    matches!(key, "node.kubernetes.io/not-ready" | "node.kubernetes.io/unreachable")
        && toleration.str_at(&["effect"]) == Some("NoExecute")
        && stated(toleration, "tolerationSeconds").is_some()
}

/// The account, and every way to its token.
fn identity(pod: &Value, refuse: &mut dyn FnMut(String, String)) {
    // `serviceAccount` is the old name of the same field.
    for field in ["serviceAccountName", "serviceAccount"] {
        let Some(account) = stated(pod, field) else { continue };
        if !account.as_str().is_some_and(|name| name.is_empty() || ACCOUNTS.contains(&name)) {
            let allowed = listed(ACCOUNTS);
            refuse(
                format!("/{field}"),
                format!("ServiceAccount {} is not the preview's; allowed: {allowed}", shown(account)),
            );
        }
    }
    if stated(pod, "automountServiceAccountToken").is_some_and(|mount| *mount != Value::Bool(false)) {
        refuse("/automountServiceAccountToken".to_owned(), "a preview's Pods have no token of the cluster".to_owned());
    }
    for (index, volume) in items(pod, "volumes") {
        if stated(volume, "csi").is_some() {
            let message = "an inline `csi` volume gives what its driver gives; use a claim".to_owned();
            refuse(format!("/volumes/{index}/csi"), message);
        }
        for (at, source) in volume.get("projected").into_iter().flat_map(|volume| items(volume, "sources")) {
            for field in ["serviceAccountToken", "podCertificate"] {
                if stated(source, field).is_some() {
                    let message =
                        format!("a volume with `{field}` is an identity in the cluster, which previews have not");
                    refuse(format!("/volumes/{index}/projected/sources/{at}/{field}"), message);
                }
            }
        }
    }
}

/// Choices of nodes: pools are the team's to choose, single nodes and the control plane's are not.
fn nodes(pod: &Value, refuse: &mut dyn FnMut(String, String)) {
    let message = |key: &str| format!("`{}` chooses a single node, or the control plane's", visible(key));
    for (key, _) in pod.entries_at(&["nodeSelector"]) {
        if is_system(key, &SYSTEM_LABELS) {
            refuse(crate::value::child("/nodeSelector", key), message(key));
        }
    }
    let Some(affinity) = pod.at(&["affinity", "nodeAffinity"]) else { return };
    let required = "requiredDuringSchedulingIgnoredDuringExecution";
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution";
    let terms = affinity.get(required).into_iter().flat_map(|required| items(required, "nodeSelectorTerms"));
    let terms =
        terms.map(|(index, term)| (format!("/affinity/nodeAffinity/{required}/nodeSelectorTerms/{index}"), term));
    let wishes = items(affinity, preferred).filter_map(|(index, wish)| {
        Some((format!("/affinity/nodeAffinity/{preferred}/{index}/preference"), wish.get("preference")?))
    });
    for (pointer, term) in terms.chain(wishes) {
        if items(term, "matchFields").next().is_some() {
            refuse(format!("{pointer}/matchFields"), message("matchFields"));
        }
        for (index, expression) in items(term, "matchExpressions") {
            let key = expression.str_at(&["key"]).unwrap_or_default();
            if is_system(key, &SYSTEM_LABELS) {
                refuse(format!("{pointer}/matchExpressions/{index}/key"), message(key));
            }
        }
    }
}

fn is_system(key: &str, list: &[&str]) -> bool {
    list.iter().any(|known| if known.ends_with('/') { key.starts_with(known) } else { key == *known })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::rules::common::test::{below, found, manifest, places};

    #[test]
    fn replicas_have_a_bound() {
        let cases = [
            ("StatefulSet", json!({"replicas": 1000}), vec![]),
            ("StatefulSet", json!({"replicas": null}), vec![]),
            ("StatefulSet", json!({"replicas": 1001}), vec!["/spec/replicas"]),
            ("StatefulSet", json!({"replicas": 2_147_483_647}), vec!["/spec/replicas"]),
            ("StatefulSet", json!({"replicas": "1e9"}), vec!["/spec/replicas"]),
            ("Deployment", json!({"replicas": 1001}), vec![]),
            ("HorizontalPodAutoscaler", json!({"minReplicas": 1, "maxReplicas": 1000}), vec![]),
            (
                "HorizontalPodAutoscaler",
                json!({"minReplicas": 1001, "maxReplicas": 1002}),
                vec!["/spec/minReplicas", "/spec/maxReplicas"],
            ),
        ];
        for (kind, spec, expected) in cases {
            let json = json!({"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec});
            assert_eq!(places(&found(super::check, &manifest(&json))), below("pod-placement ", &expected), "{json}");
        }
    }

    #[test]
    fn pods_run_where_previews_run() {
        let cases = [
            (json!({}), vec![]),
            (
                json!({"serviceAccountName": "preview", "serviceAccount": "", "automountServiceAccountToken": false,
                    "schedulerName": "default-scheduler", "nodeName": "", "priority": null, "hostAliases": [{"ip": "127.0.0.1"}],
                    "tolerations": [{"key": "kubernetes.azure.com/scalesetpriority", "operator": "Exists"}],
                    "nodeSelector": {"pool": "spot"}, "volumes": [{"projected": {"sources": [{"configMap": {}}]}}]}),
                vec![],
            ),
            (json!({"serviceAccountName": "dayfly-database"}), vec!["/serviceAccountName"]),
            (json!({"serviceAccount": "admin"}), vec!["/serviceAccount"]),
            (json!({"automountServiceAccountToken": true}), vec!["/automountServiceAccountToken"]),
            (json!({"automountServiceAccountToken": "false"}), vec!["/automountServiceAccountToken"]),
            (json!({"nodeName": "node-1", "runtimeClassName": "kata"}), vec!["/nodeName", "/runtimeClassName"]),
            (json!({"priorityClassName": "system-node-critical"}), vec!["/priorityClassName"]),
            (json!({"priority": 1000, "preemptionPolicy": "Never"}), vec!["/priority", "/preemptionPolicy"]),
            (json!({"schedulerName": "volcano"}), vec!["/schedulerName"]),
            (
                json!({"tolerations": [{"operator": "Exists"}, {"key": "node-role.kubernetes.io/control-plane"}, {"key": "CriticalAddonsOnly"}]}),
                vec!["/tolerations/0", "/tolerations/1/key", "/tolerations/2/key"],
            ),
            (
                json!({"tolerations": [
                    {"key": "node.kubernetes.io/not-ready", "effect": "NoExecute", "tolerationSeconds": 10},
                    {"key": "node.kubernetes.io/unreachable", "operator": "Exists"}, {"key": "node.kubernetes.io/out-of-service"}]}),
                vec!["/tolerations/1/key", "/tolerations/2/key"],
            ),
            (json!({"terminationGracePeriodSeconds": 600}), vec![]),
            (json!({"terminationGracePeriodSeconds": 601}), vec!["/terminationGracePeriodSeconds"]),
            (json!({"terminationGracePeriodSeconds": "long"}), vec!["/terminationGracePeriodSeconds"]),
            (
                json!({"nodeSelector": {"kubernetes.io/hostname": "a", "kubernetes.io/arch": "arm64"}}),
                vec!["/nodeSelector/kubernetes.io~1hostname"],
            ),
            (
                json!({"affinity": {"nodeAffinity": {
                    "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [
                        {"matchExpressions": [{"key": "pool"}, {"key": "node-role.kubernetes.io/control-plane"}]}]},
                    "preferredDuringSchedulingIgnoredDuringExecution": [{"preference": {"matchFields": [{"key": "metadata.name"}]}}]}}}),
                vec![
                    "/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution/nodeSelectorTerms/0/matchExpressions/1/key",
                    "/affinity/nodeAffinity/preferredDuringSchedulingIgnoredDuringExecution/0/preference/matchFields",
                ],
            ),
            (
                json!({"volumes": [{"csi": {"driver": "csi.cert-manager.io"}},
                    {"projected": {"sources": [{"secret": {}}, {"serviceAccountToken": {"path": "t"}}, {"podCertificate": {}}]}}]}),
                vec![
                    "/volumes/0/csi",
                    "/volumes/1/projected/sources/1/serviceAccountToken",
                    "/volumes/1/projected/sources/2/podCertificate",
                ],
            ),
        ];
        for (pod, expected) in cases {
            let json = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": pod}}});
            assert_eq!(
                places(&found(super::check, &manifest(&json))),
                below("pod-placement /spec/template/spec", &expected),
                "{pod}"
            );
        }
    }
}
