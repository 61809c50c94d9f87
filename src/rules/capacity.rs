//! What is asked for fits its profile.

use crate::{
    finding::{Rule, Severity},
    input::{Ordered, guardrails::Profile, policy::Service, scalar::Quantity},
};

pub static UNBOUNDED_REQUEST: Rule = Rule {
    code: "unbounded-request",
    severity: Severity::Error,
    summary: "a container asks for what its profile lets one have",
    explanation: "`resources` are requests; the limit is the profile's default, and no request may be above it, nor below the \
                  profile's `min`. Only resources that the profile bounds can be asked for, memory in whole bytes: `100m` is a tenth of \
                  one, `100Mi` was meant.",
};

pub static OVER_QUOTA: Rule = Rule {
    code: "over-quota",
    severity: Severity::Error,
    summary: "all services and databases together fit the profile's quota",
    explanation: "Otherwise the last Pods would wait for ever for a place that cannot come. Choose a larger profile or fewer replicas.\n\n\
                  Counted are all replicas of `services`, the databases' servers that run in the preview, and the databases' Jobs \
                  there, which run beside the workload after a push: one Pod for `migrate` and `seed`, and with a server of the \
                  preview's own dayfly's. `cpu`, `memory` and `ephemeral-storage` are what their `requests.…` are, `count/pods` what `pods` \
                  is. Of other objects, `services` (and `count/services`) and `count/deployments.apps` are counted, as far as \
                  `services` and the databases' servers bring them; of none else, and nothing of what comes from `manifests` or \
                  from a child Application.",
};

/// Single requests that a container may not have: the resource, and the message.
pub(crate) fn beyond<'s>(name: &str, profile: &Profile, service: &'s Service) -> Vec<(&'s str, String)> {
    let mut found = Vec::new();
    for (resource, amount) in service.resources.iter() {
        let is_bytes = matches!(resource, "memory" | "ephemeral-storage");
        if is_bytes && amount.nano % 1_000_000_000 != 0 {
            let message = format!("`{}` asks for {amount} of `{resource}`, a fraction of a byte", service.name);
            found.push((resource, message));
            continue;
        }
        let message = match profile.container.default.get(resource) {
            // A `default` of these would be every container's.
            None if resource.contains('/') => {
                format!("a service has no devices such as `{resource}`: a Pod of `manifests` may")
            }
            None => format!("the profile `{name}` has no limit for `{resource}`, so it cannot be asked for"),
            Some(limit) if amount > limit => {
                format!(
                    "`{}` asks for {amount} of `{resource}`, a container of profile `{name}` has at most {limit}",
                    service.name
                )
            }
            Some(_) => match profile.container.min.get(resource) {
                Some(least) if amount < least => format!(
                    "`{}` asks for {amount} of `{resource}`, a container of profile `{name}` has at least {least}",
                    service.name
                ),
                _ => continue,
            },
        };
        found.push((resource, message));
    }
    found
}

/// Pods that are alike, of one container each. What is in neither map is the profile's default.
pub(crate) struct Pods<'a> {
    pub count: usize,
    pub requests: &'a Ordered<Quantity>,
    pub limits: &'a Ordered<Quantity>,
}

/// Objects that a quota may count.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub services: usize,
    pub deployments: usize,
}

/// Sums beyond the quota, which are `who`'s.
pub(crate) fn too_much(name: &str, profile: &Profile, who: &str, pods: &[Pods<'_>], counts: Counts) -> Vec<String> {
    let mut found = Vec::new();
    let sum = |own: for<'p> fn(&'p Pods<'p>) -> &'p Ordered<Quantity>, default: &Ordered<Quantity>, resource: &str| {
        let all = pods.iter().map(|pods| {
            let each = own(pods).get(resource).or(default.get(resource)).map_or(0, |amount| amount.nano);
            each.saturating_mul(pods.count as i128)
        });
        all.fold(0, i128::saturating_add)
    };
    let requested = |resource: &str| sum(|pods| pods.requests, &profile.container.request, resource);
    let whole = |count: usize| count as i128 * 1_000_000_000;
    for (counted, quota) in profile.quota.iter() {
        // Source: Kubernetes' documentation, "Resource Quotas": `cpu` is the same as `requests.cpu`, `count/pods` and
        // `count/services` count what `pods` and `services` do.
        let asked: i128 = match (counted, counted.split_once('.')) {
            ("cpu" | "memory" | "ephemeral-storage", _) => requested(counted),
            ("pods" | "count/pods", _) => whole(pods.iter().map(|pods| pods.count).sum()),
            ("services" | "count/services", _) => whole(counts.services),
            ("count/deployments.apps", _) => whole(counts.deployments),
            (_, Some(("requests", resource))) => requested(resource),
            (_, Some(("limits", resource))) => sum(|pods| pods.limits, &profile.container.default, resource),
            _ => 0,
        };
        if asked <= quota.nano {
            continue;
        }
        let asked = quota.like(asked);
        found.push(format!("the {who} ask for {asked} of `{counted}`, the quota of profile `{name}` is {quota}"));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Counts, Pods, too_much};
    use crate::input::{Ordered, guardrails::Profile};

    /// Two Pods of the profile's defaults, two Services and one Deployment.
    #[test]
    fn a_quota_has_several_names_for_the_same() {
        let cases = [
            ("pods", "2", "1", "2"),
            ("count/pods", "2", "1", "2"),
            ("cpu", "200m", "199m", "200m"),
            ("requests.cpu", "200m", "199m", "200m"),
            ("memory", "256Mi", "255Mi", "256Mi"),
            ("ephemeral-storage", "2Gi", "1Gi", "2Gi"),
            ("requests.ephemeral-storage", "2Gi", "1Gi", "2Gi"),
            ("limits.cpu", "1", "500m", "1"),
            ("services", "2", "0", "2"),
            ("count/services", "2", "1", "2"),
            ("count/deployments.apps", "1", "0", "1"),
            ("count/secrets", "0", "0", ""),
        ];
        for (counted, enough, little, expected) in cases {
            let found = |amount: &str| {
                let profile = json!({"quota": {counted: amount}, "container": {
                    "default": {"cpu": "500m", "memory": "512Mi", "ephemeral-storage": "1Gi"},
                    "request": {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "1Gi"},
                }});
                let profile: Profile = serde_json::from_value(profile).expect("a profile");
                let defaults = Ordered::default();
                let pods = [Pods { count: 2, requests: &defaults, limits: &defaults }];
                too_much("small", &profile, "services", &pods, Counts { services: 2, deployments: 1 })
            };
            assert_eq!(found(enough), [""; 0], "{counted}");
            let message =
                format!("the services ask for {expected} of `{counted}`, the quota of profile `small` is {little}");
            assert_eq!(found(little), if expected.is_empty() { vec![] } else { vec![message] }, "{counted}");
        }
    }
}
