//! Containers that the namespace's `LimitRange` lets start.
//!
//! The API server takes a Deployment whose Pods it will refuse, and only an event says so. Sources: `mergePodResourceRequirements` and
//! `PodValidateLimitFunc` of Kubernetes 1.36 (`plugin/pkg/admission/limitranger`), and `SetDefaults_Pod`.

use super::{
    amounts::{Amounts, amount, amounts},
    containers::{Container, child, containers, finding, pod_spec, stated},
    limit_range::Item,
};
use crate::{
    finding::{Finding, Rule, Severity, visible},
    input::scalar::Quantity,
    objects::Object,
};

pub static CONTAINER_RESOURCES: Rule = Rule {
    code: "container-resources",
    severity: Severity::Error,
    summary: "a container's requests and limits are within its namespace's LimitRange",
    explanation: "Kubernetes takes a Deployment whose Pods it will refuse, and says so only in an event. What a container \
        does not state it gets from the LimitRange: its limit is `default`, its request its own limit, else `defaultRequest`. \
        So a request above the profile's `default` needs a limit of its own. With that, `min` ≤ request ≤ limit ≤ `max`.",
};

/// Checks every container, init containers too, against what the limit ranges of its namespace say of containers.
pub(super) fn check(objects: &[Object], ranges: &[Item<'_>], findings: &mut Vec<Finding>) {
    for object in objects {
        let Some((pod, spec)) = pod_spec(object) else { continue };
        let mut items = ranges
            .iter()
            .filter(|item| item.kind == "Container" && item.object.namespace() == object.namespace())
            .peekable();
        if items.peek().is_none() {
            continue;
        }
        for container in containers(spec) {
            let Some(resources) = stated(container.value, "resources") else { continue };
            let mut read = |field: &str| {
                let pointer = || container.pointer(pod, &format!("/resources/{field}"));
                amounts(&CONTAINER_RESOURCES, object, &pointer, stated(resources, field), findings)
            };
            let asked = Asked { requests: read("requests"), limits: read("limits"), container };
            for item in items.clone() {
                asked.within(item, &mut |field, resource, message| {
                    let pointer = child(&container.pointer(pod, &format!("/resources/{field}")), resource);
                    findings.push(finding(&CONTAINER_RESOURCES, object, pointer, message));
                });
            }
        }
    }
}

/// What a container states of its own.
struct Asked<'a> {
    requests: Amounts<'a>,
    limits: Amounts<'a>,
    container: Container<'a>,
}

impl Asked<'_> {
    /// What it doesn't state was checked where the limit range was: see [`super::limit_range`].
    fn within(&self, item: &Item<'_>, refuse: &mut dyn FnMut(&str, &str, String)) {
        let name = self.container.name();
        for (resource, limit) in &self.limits {
            if let Some(most) = amount(&item.max, resource).filter(|most| limit > *most) {
                let shown = visible(resource);
                let message = format!("the limit of {shown} of `{name}` is {limit}; allowed: at most {most}");
                refuse("limits", resource, message);
            } else if let Some(least) = amount(&item.min, resource).filter(|least| limit < *least) {
                let shown = visible(resource);
                let message = format!("the limit of {shown} of `{name}` is {limit}; allowed: at least {least}");
                refuse("limits", resource, message);
            }
        }
        for (resource, request) in &self.requests {
            if let Some((whose, limit)) = self.limit(item, resource).filter(|(_, limit)| request > *limit) {
                let shown = visible(resource);
                let message = format!(
                    "`{name}` requests {request} of {shown}, above {whose}, {limit}; allowed: at most its own limit"
                );
                refuse("requests", resource, message);
            } else if let Some(least) = amount(&item.min, resource).filter(|least| request < *least) {
                let shown = visible(resource);
                let message = format!("`{name}` requests {request} of {shown}; allowed: at least {least}");
                refuse("requests", resource, message);
            }
        }
    }

    /// The limit that a container has in the end, and whose that is.
    fn limit<'q>(&'q self, item: &'q Item<'_>, resource: &str) -> Option<(&'static str, &'q Quantity)> {
        let own = amount(&self.limits, resource).map(|limit| ("its limit", limit));
        let default = || amount(&item.default, resource).map(|limit| ("the LimitRange's `default`", limit));
        own.or_else(default).or_else(|| amount(&item.max, resource).map(|limit| ("the LimitRange's `max`", limit)))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::super::{
        containers::test::{manifest, places},
        limit_range::tests::{check, range},
    };

    fn deployment(namespace: &str, list: &str, resources: &Json) -> crate::objects::Object {
        manifest(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace},
            "spec": {"template": {"spec": {list: [{"name": "web", "resources": resources}]}}},
        }))
    }

    #[test]
    fn containers_are_within_their_limit_range() {
        let profile = json!([{
            "type": "Container", "min": {"cpu": "50m"}, "max": {"cpu": "2", "memory": "2Gi"},
            "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"},
        }]);
        for (resources, expected) in [
            (json!(null), vec![]),
            (json!({}), vec![]),
            (json!({"requests": {"cpu": "500m"}, "limits": {"memory": "2Gi"}}), vec![]),
            (json!({"requests": {"cpu": 1}, "limits": {"cpu": "2000m"}}), vec![]),
            (json!({"requests": {"cpu": "600m"}}), vec!["requests/cpu"]),
            (json!({"requests": {"cpu": "600m"}, "limits": {"cpu": "550m"}}), vec!["requests/cpu"]),
            (json!({"requests": {"cpu": "40m"}}), vec!["requests/cpu"]),
            (json!({"limits": {"cpu": "40m"}}), vec!["limits/cpu"]),
            (json!({"limits": {"cpu": "2001m", "memory": "2049Mi"}}), vec!["limits/cpu", "limits/memory"]),
            // Without a default, the limit is the most that one may have.
            (json!({"requests": {"memory": "3Gi"}}), vec!["requests/memory"]),
            (json!({"requests": {"nvidia.com/gpu": 9}}), vec![]),
            (json!({"requests": {"cpu": "lots"}, "limits": 7}), vec!["requests/cpu", "limits"]),
        ] {
            for list in ["containers", "initContainers"] {
                let objects = [deployment("a", list, &resources), range(&profile)];
                let expected: Vec<String> = expected
                    .iter()
                    .map(|place| format!("container-resources /spec/template/spec/{list}/0/resources/{place}"))
                    .collect();
                assert_eq!(places(&check(&objects)), expected, "{resources}");
            }
            assert_eq!(check(&[deployment("b", "containers", &resources), range(&profile)]).len(), 0);
        }
    }
}
