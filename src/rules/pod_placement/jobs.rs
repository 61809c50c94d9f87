//! How much a manifest's Jobs leave behind, and who runs them.

use super::POD_PLACEMENT;
use crate::{
    finding::Finding,
    objects::Object,
    rules::containers::{finding, shown, stated},
    value::Value,
};

/// Most of what finished Pods and Jobs are counted by. A quota's `pods` counts only those that have not finished.
/// Source: `QuotaV1Pod` in Kubernetes 1.36, `pkg/quota/v1/evaluator/core/pods.go`.
const MOST: i64 = 100;

/// Fields of a Job, and of a `CronJob`, that are at most so many.
const BOUNDED: [&str; 4] = ["completions", "parallelism", "backoffLimit", "backoffLimitPerIndex"];
const HISTORIES: [&str; 2] = ["successfulJobsHistoryLimit", "failedJobsHistoryLimit"];

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
        for field in fields {
            if let Some(found) = stated(spec, field).filter(|found| !matches!(found, Value::Int(..=MOST))) {
                let message = format!(
                    "`{field}` is {}, but no quota counts what has finished; allowed: at most {MOST}",
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
        containers::test::{found, manifest, places},
        pod_placement,
    };

    fn check(kind: &str, spec: &Json) -> Vec<String> {
        let json = json!({"apiVersion": "batch/v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec});
        places(&found(pod_placement::check, &manifest(&json)))
    }

    #[test]
    fn jobs_have_bounds() {
        let cases = [
            (json!({"completions": 100, "parallelism": 100, "backoffLimit": 100, "backoffLimitPerIndex": 100}), vec![]),
            (json!({"completions": null, "suspend": true, "activeDeadlineSeconds": 1_000_000}), vec![]),
            (
                json!({"completions": 101, "parallelism": 2_147_483_647, "backoffLimit": "1e9", "backoffLimitPerIndex": 101}),
                vec!["completions", "parallelism", "backoffLimit", "backoffLimitPerIndex"],
            ),
            (json!({"managedBy": "kubernetes.io/job-controller"}), vec![]),
            (json!({"managedBy": "kueue.x-k8s.io/multikueue"}), vec!["managedBy"]),
            (json!({"managedBy": 7}), vec!["managedBy"]),
        ];
        for (spec, expected) in cases {
            for (kind, base, spec) in [
                ("Job", "/spec", spec.clone()),
                ("CronJob", "/spec/jobTemplate/spec", json!({"jobTemplate": {"spec": spec}})),
            ] {
                let expected: Vec<String> =
                    expected.iter().map(|field| format!("pod-placement {base}/{field}")).collect();
                assert_eq!(check(kind, &spec), expected, "{kind} {spec}");
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
