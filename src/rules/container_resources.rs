//! Containers that the namespace's `LimitRange` lets start.
//!
//! The API server takes a Deployment whose Pods it will refuse, and only an event says so. Sources: `mergePodResourceRequirements` and
//! `PodValidateLimitFunc` of Kubernetes 1.36 (`plugin/pkg/admission/limitranger`), and `SetDefaults_Pod`.

use super::common::{
    Amounts, Constraints, Container, Item, amount, amounts, containers, finding, pod_spec, stated, unmeant,
};
use crate::{
    finding::{Finding, Rule, Severity, visible},
    input::scalar::Quantity,
    objects::Object,
    value::{Value, child},
};

/// What `check` finds in containers of manifests.
pub static CONTAINER_RESOURCES: Rule = Rule {
    code: "container-resources",
    severity: Severity::Error,
    summary: "a container's requests and limits are within its namespace's LimitRange",
    explanation: "Kubernetes takes a Deployment whose Pods it will refuse, and says so only in an event. What a container \
        does not state it gets from the LimitRange: its limit is `default`, its request its own limit, else `defaultRequest`. \
        So a request above the profile's `default` needs a limit of its own. With that, `min` ≤ request ≤ limit ≤ `max`. \
        Of memory, neither a fraction of a byte (`100m`) nor fewer than a million bytes without a unit (`256`) are taken.\n\n\
        Of devices (`nvidia.com/gpu`) and huge pages, a manifest has what the profile bounds, by a `requests.…` of its quota or by \
        `max`: Kubernetes counts only what a quota names.",
};

/// Checks every container, init containers too, against what the limit ranges of its namespace say of containers.
pub(super) fn check(objects: &[Object], constraints: &Constraints<'_>, findings: &mut Vec<Finding>) {
    let first = findings.len();
    for object in objects {
        if findings.len() - first > super::MOST {
            break;
        }
        let Some((pod, spec)) = pod_spec(object) else { continue };
        let ranges = || constraints.ranges_of(object.namespace());
        if object.is_manifest() {
            let is_bounded = |resource: &str| {
                let mut counted = constraints.quotas_of(object.namespace()).flat_map(|quota| &quota.hard);
                counted.any(|(key, _)| key.strip_prefix("requests.").unwrap_or(key) == resource)
                    || ranges().any(|item| amount(&item.max, resource).is_some())
            };
            // A Pod's own `resources` are for all its containers.
            devices(object, &format!("{pod}/resources"), stated(spec, "resources"), &is_bounded, findings);
            for container in containers(pod, spec) {
                let pointer = container.pointer("/resources");
                devices(object, &pointer, stated(container.value, "resources"), &is_bounded, findings);
            }
        }
        let of_containers = || ranges().filter(|item| item.kind == "Container");
        if of_containers().next().is_none() {
            continue;
        }
        for container in containers(pod, spec) {
            let Some(resources) = stated(container.value, "resources") else { continue };
            let mut read = |field: &str| {
                let pointer = || container.pointer(&format!("/resources/{field}"));
                amounts(&CONTAINER_RESOURCES, object, &pointer, stated(resources, field), findings)
            };
            let mut asked = Asked { requests: read("requests"), limits: read("limits"), container };
            for (field, amounts) in [("requests", &mut asked.requests), ("limits", &mut asked.limits)] {
                amounts.retain(|(resource, amount)| {
                    let Some((what, help)) = unmeant(resource, amount, None) else { return true };
                    let pointer = child(&container.pointer(&format!("/resources/{field}")), resource);
                    let message = format!("`{}` has {amount} of {resource}, {what}", container.name());
                    findings.push(finding(&CONTAINER_RESOURCES, object, pointer, message).help(help));
                    false
                });
            }
            for item in of_containers() {
                asked.within(item, &mut |field, resource, message| {
                    let pointer = child(&container.pointer(&format!("/resources/{field}")), resource);
                    findings.push(finding(&CONTAINER_RESOURCES, object, pointer, message));
                });
            }
        }
    }
}

/// What costs and is no part of every node.
fn devices(
    object: &Object,
    pointer: &str,
    resources: Option<&Value>,
    is_bounded: &dyn Fn(&str) -> bool,
    findings: &mut Vec<Finding>,
) {
    for field in ["requests", "limits"] {
        for (resource, _) in resources.into_iter().flat_map(|resources| resources.entries_at(&[field])) {
            if (resource.contains('/') || resource.starts_with("hugepages-")) && !is_bounded(resource) {
                let message = format!("the profile bounds no `{}`, so it cannot be asked for", visible(resource));
                let pointer = child(&format!("{pointer}/{field}"), resource);
                findings.push(finding(&CONTAINER_RESOURCES, object, pointer, message));
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
            let shown = visible(resource);
            if let Some(most) = amount(&item.max, resource).filter(|most| limit > *most) {
                let message = format!("the limit of {shown} of `{name}` is {limit}; allowed: at most {most}");
                refuse("limits", resource, message);
            } else if let Some(least) = amount(&item.min, resource).filter(|least| limit < *least) {
                let message = format!("the limit of {shown} of `{name}` is {limit}; allowed: at least {least}");
                refuse("limits", resource, message);
            }
        }
        for (resource, request) in &self.requests {
            let shown = visible(resource);
            if let Some((whose, limit)) = self.limit(item, resource).filter(|(_, limit)| request > *limit) {
                let allowed = match amount(&self.limits, resource) {
                    Some(_) => "at most its limit",
                    None => "with a limit of its own, at most that",
                };
                let message =
                    format!("`{name}` requests {request} of {shown}, above {whose}, {limit}; allowed: {allowed}");
                refuse("requests", resource, message);
            } else if let Some(least) = amount(&item.min, resource).filter(|least| request < *least) {
                let message = format!("`{name}` requests {request} of {shown}; allowed: at least {least}");
                refuse("requests", resource, message);
            }
        }
    }

    /// The limit that a container has in the end, and whose that is.
    fn limit<'q>(&'q self, item: &'q Item<'_>, resource: &str) -> Option<(&'static str, &'q Quantity)> {
        let own = amount(&self.limits, resource).map(|limit| ("its limit", limit));
        own.or_else(|| match item.given(resource, true)? {
            ("max", limit) => Some(("the LimitRange's `max`", limit)),
            (_, limit) => Some(("the LimitRange's `default`", limit)),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::rules::{
        common::test::{below, manifest, places, template},
        limit_range::tests::{check, quota, range},
    };

    fn deployment(namespace: &str, list: &str, resources: &Json) -> crate::objects::Object {
        manifest(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": namespace},
            "spec": {"template": {"spec": {list: [{"name": "web", "resources": resources}]}}},
        }))
    }

    #[test]
    fn a_manifest_has_devices_that_the_profile_bounds() {
        let cases = [
            (json!({"limits": {"nvidia.com/gpu": 1}}), json!({}), json!({}), vec!["limits/nvidia.com~1gpu"]),
            (
                json!({"limits": {"hugepages-2Mi": "4Mi"}, "requests": {"hugepages-2Mi": "4Mi", "acme.dev/disk": 1}}),
                json!({}),
                json!({}),
                vec!["requests/acme.dev~1disk", "requests/hugepages-2Mi", "limits/hugepages-2Mi"],
            ),
            (json!({"limits": {"nvidia.com/gpu": 1}}), json!({"requests.nvidia.com/gpu": 2}), json!({}), vec![]),
            (
                json!({"limits": {"nvidia.com/gpu": 1}}),
                json!({"requests.amd.com/gpu": 2}),
                json!({"nvidia.com/gpu": 1}),
                vec![],
            ),
            (json!({"limits": {"hugepages-2Mi": "4Mi"}}), json!({"hugepages-2Mi": "4Mi"}), json!({}), vec![]),
            (
                json!({"requests": {"cpu": 1, "memory": "1Gi", "ephemeral-storage": "1Gi"}}),
                json!({}),
                json!({}),
                vec![],
            ),
        ];
        for (resources, hard, max, expected) in cases {
            let bounds = [quota("a", &json!({"hard": hard})), range(&json!([{"type": "Container", "max": max}]))];
            let objects = |object| [vec![object], bounds.to_vec()].concat();
            let place =
                |pod: &str, place: &&str| format!("container-resources /spec/template/spec/{pod}resources/{place}");
            let found = places(&check(&objects(deployment("a", "containers", &resources))));
            assert_eq!(
                found,
                expected.iter().map(|rest| place("containers/0/", rest)).collect::<Vec<_>>(),
                "{resources} {hard}"
            );
            let pod = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "a"},
                "spec": {"template": {"spec": {"resources": resources}}}});
            let found = places(&check(&objects(manifest(&pod))));
            assert_eq!(
                found,
                expected.iter().map(|rest| place("", rest)).collect::<Vec<_>>(),
                "of the Pod: {resources} {hard}"
            );
            assert_eq!(check(&objects(template(&pod))).len(), 0, "templates are the platform's");
        }
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
            (json!({"requests": {"cpu": "lots"}, "limits": 7}), vec!["requests/cpu", "limits"]),
            (
                json!({"limits": {"memory": 256, "ephemeral-storage": "64"}}),
                vec!["limits/ephemeral-storage", "limits/memory"],
            ),
            (json!({"requests": {"memory": "64m"}, "limits": {"memory": 1_000_000}}), vec!["requests/memory"]),
            (json!({"requests": {"memory": "0.5Mi", "ephemeral-storage": 0}}), vec![]),
        ] {
            for list in ["containers", "initContainers"] {
                let objects = [deployment("a", list, &resources), range(&profile)];
                assert_eq!(
                    places(&check(&objects)),
                    below(&format!("container-resources /spec/template/spec/{list}/0/resources/"), &expected),
                    "{resources}"
                );
            }
            assert_eq!(check(&[deployment("b", "containers", &resources), range(&profile)]).len(), 0);
        }
    }
}
