//! What is asked for fits its profile.

use crate::{
    finding::{Rule, Severity},
    input::{guardrails::Profile, policy::Service},
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
    summary: "all services together fit the profile's quota",
    explanation: "Otherwise the last Pods would wait for ever for a place that cannot come. Choose a larger profile or fewer replicas.",
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

/// Sums beyond the quota.
pub(crate) fn too_much(name: &str, profile: &Profile, services: &[Service]) -> Vec<(&'static Rule, String)> {
    let mut found = Vec::new();
    let replicas = |service: &Service| i128::from(service.replicas.unwrap_or(1));
    for (counted, quota) in profile.quota.iter() {
        let asked: i128 = match counted.split_once('.') {
            Some(("requests", resource)) => {
                let request = |service: &Service| {
                    service
                        .resources
                        .get(resource)
                        .or(profile.container.request.get(resource))
                        .map_or(0, |amount| amount.nano)
                };
                total(services.iter().map(|service| replicas(service).saturating_mul(request(service))))
            }
            Some(("limits", resource)) => {
                let limit = profile.container.default.get(resource).map_or(0, |amount| amount.nano);
                total(services.iter().map(|service| replicas(service).saturating_mul(limit)))
            }
            None if counted == "pods" => services.iter().map(replicas).sum::<i128>() * 1_000_000_000,
            _ => 0,
        };
        if asked > quota.nano {
            let percent = asked.saturating_mul(100) / quota.nano.max(1);
            let message =
                format!("the services ask for {percent} % of the profile `{name}`'s quota of {quota} for `{counted}`");
            found.push((&OVER_QUOTA, message));
        }
    }
    found
}
