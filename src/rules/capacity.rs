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
                  profile's `min`. Only resources that the profile bounds can be asked for.",
};

pub static OVER_QUOTA: Rule = Rule {
    code: "over-quota",
    severity: Severity::Error,
    summary: "all services and databases together fit the profile's quota",
    explanation: "Otherwise the last Pods would wait for ever for a place that cannot come. Choose a larger profile or fewer replicas.\n\n\
                  Counted are all replicas of `services`, the databases' servers that run in the preview, and the databases' Jobs \
                  there, which run beside the workload after a push: one Pod for `migrate` and `seed`, and with a server of the \
                  preview's own dayfly's. What comes from `manifests` or from a child Application is not counted.",
};

/// Single requests that a container may not have: the rule, the resource, the message.
pub(crate) fn beyond(name: &str, profile: &Profile, service: &Service) -> Vec<(&'static Rule, String, String)> {
    let mut found = Vec::new();
    for (resource, amount) in service.resources.iter() {
        let message = match profile.container.default.get(resource) {
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
        found.push((&UNBOUNDED_REQUEST, resource.to_owned(), message));
    }
    found
}

/// A sum that stays at the most there is instead of beginning anew.
fn total(amounts: impl Iterator<Item = i128>) -> i128 {
    amounts.fold(0, i128::saturating_add)
}

/// Pods that are alike, of one container each. What is in neither map is the profile's default.
pub(crate) struct Pods<'a> {
    pub count: usize,
    pub requests: &'a Ordered<Quantity>,
    pub limits: &'a Ordered<Quantity>,
}

/// Sums beyond the quota, which are `who`'s.
pub(crate) fn too_much(name: &str, profile: &Profile, who: &str, pods: &[Pods<'_>]) -> Vec<String> {
    let mut found = Vec::new();
    let sum = |own: for<'p> fn(&'p Pods<'p>) -> &'p Ordered<Quantity>, default: &Ordered<Quantity>, resource: &str| {
        total(pods.iter().map(|pods| {
            let each = own(pods).get(resource).or(default.get(resource)).map_or(0, |amount| amount.nano);
            each.saturating_mul(pods.count as i128)
        }))
    };
    for (counted, quota) in profile.quota.iter() {
        let asked: i128 = match counted.split_once('.') {
            Some(("requests", resource)) => sum(|pods| pods.requests, &profile.container.request, resource),
            Some(("limits", resource)) => sum(|pods| pods.limits, &profile.container.default, resource),
            None if counted == "pods" => pods.iter().map(|pods| pods.count as i128).sum::<i128>() * 1_000_000_000,
            _ => 0,
        };
        if asked > quota.nano {
            let percent = asked.saturating_mul(100) / quota.nano.max(1);
            let message =
                format!("the {who} ask for {percent} % of the profile `{name}`'s quota of {quota} for `{counted}`");
            found.push(message);
        }
    }
    found
}
