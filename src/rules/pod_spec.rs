//! The parts of a Pod fit together.

use std::collections::BTreeSet;

use super::{
    Bounds, MOST,
    common::{containers, finding, items, pod_spec, shown, stated},
    hint,
};
use crate::{
    finding::{Finding, Rule, Severity, visible},
    objects::Object,
    value::Value,
};

/// About what a Pod cannot start with, or Kubernetes refuses.
pub static POD_SPEC: Rule = Rule {
    code: "pod-spec",
    severity: Severity::Error,
    summary: "the parts of a Pod fit together",
    explanation: "What a container mounts is a volume of its Pod (or a claim of its StatefulSet), a container has a variable once, and \
                  the Pods of a Job or CronJob say `restartPolicy: Never` or `OnFailure`, while those of other kinds are always started again. Kubernetes \
                  refuses most of this itself, but only when Argo CD applies it. It is looked at after the platform's patches.",
};

pub(crate) fn check(object: &Object, _: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let Some((base, pod)) = pod_spec(object) else { return };
    let first = findings.len();
    if let Some(message) = wrong_restarts(object.kind(), pod) {
        findings.push(finding(&POD_SPEC, object, format!("{base}/restartPolicy"), message));
    }
    let templates = object.value.items_at(&["spec", "volumeClaimTemplates"]).iter();
    let claimed = templates.filter_map(|template| template.str_at(&["metadata", "name"]));
    let volumes: Vec<&str> =
        items(pod, "volumes").filter_map(|(_, volume)| volume.str_at(&["name"])).chain(claimed).collect();
    let known: BTreeSet<&str> = volumes.iter().copied().collect();
    for container in containers(base, pod) {
        for (index, mount) in items(container.value, "volumeMounts") {
            let Some(name) = mount.str_at(&["name"]).filter(|name| !known.contains(name)) else { continue };
            let hint = hint(findings.len() - first, name, volumes.iter().copied());
            let message = format!("the Pod has no volume `{}`{hint}", visible(name));
            let pointer = container.pointer(&format!("/volumeMounts/{index}/name"));
            findings.push(finding(&POD_SPEC, object, pointer, message));
        }
        let mut set = BTreeSet::new();
        for (index, variable) in items(container.value, "env") {
            let Some(name) = variable.str_at(&["name"]).filter(|name| !set.insert(*name)) else { continue };
            let message = format!("`{}` sets the variable `{}` twice", container.name(), visible(name));
            let pointer = container.pointer(&format!("/env/{index}/name"));
            findings.push(finding(&POD_SPEC, object, pointer, message));
        }
        if findings.len() - first > MOST {
            return;
        }
    }
}

/// Source: `validateJobTemplateSpec` and `ValidatePodTemplateSpecForReplicaSet` of Kubernetes 1.36.
fn wrong_restarts(kind: &str, pod: &Value) -> Option<String> {
    let allowed: &[&str] = match kind {
        "Job" | "CronJob" => &["Never", "OnFailure"],
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => &["Always"],
        _ => return None,
    };
    let policy = stated(pod, "restartPolicy");
    // What says nothing is always started again.
    if allowed.contains(&policy.map_or("Always", |policy| policy.as_str().unwrap_or_default())) {
        return None;
    }
    let found = policy.map_or_else(|| "is left out, which is `Always`".to_owned(), |it| format!("is {}", shown(it)));
    Some(format!("`restartPolicy` of a {kind}'s Pods {found}; allowed: `{}`", allowed.join("` or `")))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::rules::common::test::{found, manifest, places};

    fn check(kind: &str, spec: &Json) -> Vec<String> {
        let version = if kind.ends_with("Job") { "batch/v1" } else { "apps/v1" };
        let json = json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec});
        places(&found(super::check, &manifest(&json)))
    }

    #[test]
    fn pods_of_jobs_end_and_others_do_not() {
        for (policy, of_jobs, of_others) in [
            (json!(null), false, true),
            (json!("Always"), false, true),
            (json!("Never"), true, false),
            (json!("OnFailure"), true, false),
            (json!("never"), false, false),
            (json!(7), false, false),
        ] {
            for (kind, base, fits) in [
                ("Job", "/spec/template/spec", of_jobs),
                ("CronJob", "/spec/jobTemplate/spec/template/spec", of_jobs),
                ("Deployment", "/spec/template/spec", of_others),
                ("StatefulSet", "/spec/template/spec", of_others),
            ] {
                let template = json!({"template": {"spec": {"restartPolicy": policy}}});
                let spec = if kind == "CronJob" { json!({"jobTemplate": {"spec": template}}) } else { template };
                let expected = if fits { vec![] } else { vec![format!("pod-spec {base}/restartPolicy")] };
                assert_eq!(check(kind, &spec), expected, "{kind} {policy}");
            }
        }
    }

    #[test]
    fn what_is_mounted_is_there_and_a_variable_stands_once() {
        let pod = json!({"template": {"spec": {
            "volumes": [{"name": "cache", "emptyDir": {}}, 7],
            "initContainers": [{"name": "a", "env": [{"name": "A"}, {"name": "B"}, {"name": "A"}]}],
            "containers": [{"name": "b", "env": [{"name": "A"}], "volumeMounts": [{"name": "cache"}, {"name": "data"}, {}]}],
        }}, "volumeClaimTemplates": [{"metadata": {"name": "data"}}]});
        let twice = "pod-spec /spec/template/spec/initContainers/0/env/2/name".to_owned();
        assert_eq!(check("StatefulSet", &pod), [&*twice]);
        let mut without = pod;
        without["volumeClaimTemplates"] = json!([]);
        let mount = "pod-spec /spec/template/spec/containers/0/volumeMounts/1/name".to_owned();
        assert_eq!(check("Deployment", &without), [twice, mount]);
    }
}
