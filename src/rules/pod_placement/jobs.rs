//! How much a manifest's Jobs leave behind, and who runs them.

use super::POD_PLACEMENT;
use crate::{
    finding::Finding,
    objects::Object,
    rules::common::{finding, shown, stated},
    value::Value,
};

/// Most of what finished Pods and Jobs are counted by. A quota's `pods` counts only those that have not finished.
/// Source: `QuotaV1Pod` in Kubernetes 1.36, `pkg/quota/v1/evaluator/core/pods.go`.
pub(crate) const MOST: i64 = 100;

/// Fields of a Job, and of a `CronJob`, and how many they are at most. Each of `completions` may have its own retries.
const BOUNDED: [(&str, i64); 4] =
    [("completions", MOST), ("parallelism", MOST), ("backoffLimit", MOST), ("backoffLimitPerIndex", 10)];
const HISTORIES: [(&str, i64); 2] = [("successfulJobsHistoryLimit", MOST), ("failedJobsHistoryLimit", MOST)];

/// Source: `JobControllerName` in `k8s.io/api/batch/v1/types.go`.
const CONTROLLER: &str = "kubernetes.io/job-controller";

pub(super) fn check(object: &Object, findings: &mut Vec<Finding>) {
    let (base, histories) = match object.kind() {
        "Job" => ("/spec", &[][..]),
        "CronJob" => ("/spec/jobTemplate/spec", &HISTORIES[..]),
        _ => return,
    };
    let mut refuse = |pointer: String, message: String| {
        findings.push(finding(&POD_PLACEMENT, object, pointer, message));
    };
    for (base, fields) in [("/spec", histories), (base, &BOUNDED)] {
        let Some(spec) = object.value.pointer(base) else { continue };
        for (field, most) in fields {
            let fits = |found: &Value| matches!(found, Value::Int(number) if number <= most);
            if let Some(found) = stated(spec, field).filter(|found| !fits(found)) {
                let message = format!(
                    "`{field}` is {}, but no quota counts what has finished; allowed: at most {most}",
                    shown(found)
                );
                refuse(format!("{base}/{field}"), message);
            }
        }
    }
    let Some(spec) = object.value.pointer(base) else { return };
    if let Some(found) = stated(spec, "managedBy").filter(|found| found.as_str() != Some(CONTROLLER)) {
        let message = format!(
            "`managedBy` is {}, but the platform chooses what runs Jobs; allowed: `{CONTROLLER}`",
            shown(found)
        );
        refuse(format!("{base}/managedBy"), message);
    }
    // What is ignored counts for no limit of retries. Source: `PodFailurePolicyAction` in `k8s.io/api/batch/v1/types.go`.
    for (index, rule) in spec.items_at(&["podFailurePolicy", "rules"]).iter().enumerate() {
        let of_node = |pattern: &Value| pattern.str_at(&["type"]) == Some("DisruptionTarget");
        let is_bounded =
            stated(rule, "onExitCodes").is_none() && rule.items_at(&["onPodConditions"]).iter().all(of_node);
        if rule.str_at(&["action"]) == Some("Ignore") && !is_bounded {
            let message = "`Ignore` retries for ever what fails by itself; allowed: with `onPodConditions` of `DisruptionTarget`, or `Count`";
            refuse(format!("{base}/podFailurePolicy/rules/{index}/action"), message.to_owned());
        }
    }
    // A CronJob's Jobs are none that Argo CD looks for. A hook is neither, but no manifest may be one.
    if object.kind() == "Job"
        && let Some(found) = stated(spec, "ttlSecondsAfterFinished")
    {
        let message = format!(
            "`ttlSecondsAfterFinished` is {}: Argo CD would make the Job again whenever it is gone; leave it out",
            shown(found)
        );
        refuse(format!("{base}/ttlSecondsAfterFinished"), message);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::rules::{
        common::test::{below, found, manifest, places},
        pod_placement,
    };

    fn check(kind: &str, spec: &Json) -> Vec<String> {
        let json = json!({"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec});
        places(&found(pod_placement::check, &manifest(&json)))
    }

    #[test]
    fn jobs_have_bounds() {
        let cases = [
            (json!({"completions": 100, "parallelism": 100, "backoffLimit": 100, "backoffLimitPerIndex": 10}), vec![]),
            (json!({"completions": null, "suspend": true, "activeDeadlineSeconds": 1_000_000}), vec![]),
            (
                json!({"completions": 101, "parallelism": 2_147_483_647, "backoffLimit": "1e9", "backoffLimitPerIndex": 11}),
                vec!["completions", "parallelism", "backoffLimit", "backoffLimitPerIndex"],
            ),
            (json!({"managedBy": "kubernetes.io/job-controller"}), vec![]),
            (json!({"managedBy": "kueue.x-k8s.io/multikueue"}), vec!["managedBy"]),
            (json!({"managedBy": 7}), vec!["managedBy"]),
            (
                json!({"podFailurePolicy": {"rules": [
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]},
                    {"action": "Ignore", "onExitCodes": {"operator": "NotIn", "values": [0]}},
                    {"action": "Count", "onExitCodes": {"operator": "In", "values": [1]}},
                    {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}, {"type": "Mine"}]}]}}),
                vec!["podFailurePolicy/rules/1/action", "podFailurePolicy/rules/3/action"],
            ),
        ];
        for (spec, expected) in cases {
            for (kind, base, spec) in [
                ("Job", "/spec", spec.clone()),
                ("CronJob", "/spec/jobTemplate/spec", json!({"jobTemplate": {"spec": spec}})),
            ] {
                assert_eq!(check(kind, &spec), below(&format!("pod-placement {base}/"), &expected), "{kind} {spec}");
            }
        }
        let histories = json!({"successfulJobsHistoryLimit": 101, "failedJobsHistoryLimit": 100});
        assert_eq!(check("CronJob", &histories), ["pod-placement /spec/successfulJobsHistoryLimit"]);
    }

    /// Argo CD makes what is gone again; a `CronJob`'s Jobs are not Argo CD's.
    #[test]
    fn only_a_cron_job_s_jobs_go_by_themselves() {
        for seconds in [json!(0), json!(3600)] {
            let spec = json!({"ttlSecondsAfterFinished": seconds});
            assert_eq!(check("Job", &spec), ["pod-placement /spec/ttlSecondsAfterFinished"]);
            assert_eq!(check("CronJob", &json!({"jobTemplate": {"spec": spec}})), [""; 0]);
        }
        assert_eq!(check("Job", &json!({"ttlSecondsAfterFinished": null})), [""; 0]);
    }
}
