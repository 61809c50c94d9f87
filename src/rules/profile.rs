//! A size bounds everything that it counts.

use super::{
    common::{Count, RESOURCES, count},
    limit_range::default_of,
    resource_quota::countable,
};
use crate::{
    finding::{Rule, Severity, likely, nearest, visible},
    input::{Ordered, guardrails::Profile, scalar::DnsLabel},
};

/// What is said of a name with `unknown`.
pub static UNKNOWN_PROFILE: Rule = Rule {
    code: "unknown-profile",
    severity: Severity::Error,
    summary: "a profile is one of the guardrails'",
    explanation: "Policies and labels choose a size, they do not make one.",
};

/// What `unbounded` finds in a [`Profile`].
pub static UNBOUNDED_PROFILE: Rule = Rule {
    code: "unbounded-profile",
    severity: Severity::Error,
    summary: "a profile bounds CPU and memory, and gives containers a default",
    explanation: "Without a quota for `requests.cpu`, `requests.memory` and `limits.memory`, one pull request can fill the cluster; \
                  `cpu` and `memory` are the same as their `requests.…`. \
                  Without a default, no Pod that leaves its resources out would start under that quota. As Kubernetes has it, \
                  a `default` that is left out is the `max`, and a `request` the `default`, else the `min`.",
};

/// What to say of a name that is no profile's.
pub(crate) fn unknown(name: &str, profiles: &Ordered<Profile, DnsLabel>) -> String {
    format!("there is no profile `{name}`{}", nearest(name, profiles.names()))
}

/// What a profile leaves open.
pub(crate) fn unbounded(name: &str, profile: &Profile) -> Vec<String> {
    let mut open = Vec::new();
    for resource in ["requests.cpu", "requests.memory", "limits.memory"] {
        if profile.quota.get(resource).is_none() && !profile.quota.names().any(|other| count(other) == count(resource))
        {
            let others = profile.quota.names().filter(|other| countable(other).is_err());
            let written = likely(resource, others).map(|other| format!("; `{}` counts nothing", visible(other)));
            open.push(format!(
                "the profile `{name}` has no quota for `{resource}`: previews would be unbounded{}",
                written.unwrap_or_default()
            ));
        }
    }
    for (counted, _) in profile.quota.iter() {
        let Some(Count::Amount { resource, limits }) = count(counted) else { continue };
        if RESOURCES.contains(&resource) && default_of(profile, resource, limits).is_none() {
            let field = if limits { "default" } else { "request" };
            open.push(format!("the profile `{name}` counts `{counted}` but `container.{field}` has no `{resource}`"));
        }
    }
    open
}
