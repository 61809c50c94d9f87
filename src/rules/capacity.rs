//! What is asked for fits its profile.

use super::{
    Bounds,
    common::{Count, RESOURCES, claims, count, finding, unmeant},
    limit_range::default_of,
};
use crate::{
    finding::{Finding, Rule, Severity, nearest},
    input::{
        Ordered,
        guardrails::Profile,
        scalar::{DnsLabel, Quantity, Scalar as _},
    },
    objects::Object,
    value::{Value, child},
};

/// What `beyond` finds in what a service of the policy, or a program of its databases, requests.
pub static UNBOUNDED_REQUEST: Rule = Rule {
    code: "unbounded-request",
    severity: Severity::Error,
    summary: "a container asks for what its profile lets one have",
    explanation: "`resources` are requests; the limit is the profile's `default`, or as high as the request, where that is more. No \
                  request may be above the profile's `max`, or its `default` if there is none, nor below its `min`. Only resources that the profile bounds can be asked for, of memory no fraction of a byte: `100m` is a tenth of a byte, \
                  `100Mi` was meant. Nor are fewer than a million bytes without a unit taken: `256` is `256Mi` without its unit.",
};

/// About what services and databases come to together, and what the volume claims of manifests do.
pub static OVER_QUOTA: Rule = Rule {
    code: "over-quota",
    severity: Severity::Error,
    summary: "all services and databases together fit the profile's quota",
    explanation: "Otherwise the last Pods would wait for ever for a place that cannot come. Choose a larger profile or fewer replicas.\n\n\
                  Counted are all replicas of `services`, the databases' servers that run in the preview, and the databases' Jobs \
                  there, which run beside the workload after a push: one Pod for `migrate` and `seed`, and with a server of the \
                  preview's own dayfly's; and the volume of each server of provider `cnpg`. `cpu`, `memory` and `ephemeral-storage` are what their `requests.…` are, `count/pods` what `pods` \
                  is. Of other objects, `services` (and `count/services`) and `count/deployments.apps` are counted, as far as \
                  `services` and the databases' servers bring them; of none else, and nothing of what comes from `manifests` or \
                  from a child Application. But where the quota allows no claim of a volume, a manifest has none: \
                  `persistentvolumeclaims` are 0 unless the profile says otherwise, or the policy has a database of provider `cnpg`.",
};

/// Single requests that a container may not have: the resource, the message, and what to do.
pub(crate) fn beyond<'s>(
    name: &str,
    profiles: &Ordered<Profile, DnsLabel>,
    profile: &Profile,
    who: &str,
    resources: &'s Ordered<Quantity>,
) -> Vec<(&'s str, String, Option<String>)> {
    let mut found = Vec::new();
    for (resource, amount) in resources.iter() {
        let asks = || format!("`{who}` asks for {amount} of `{resource}`");
        if let Some((what, help)) = unmeant(resource, amount, most(profile, resource).map(|(limit, _)| limit)) {
            found.push((resource, format!("{}, {what}", asks()), Some(help)));
            continue;
        }
        let (message, help) = match most(profile, resource) {
            // A `default` of these would be every container's.
            None if resource.contains('/') => {
                (format!("`{who}` has no devices such as `{resource}`: a Pod of `manifests` may"), None)
            }
            None => {
                let near = nearest(resource, RESOURCES.into_iter());
                (format!("the profile `{name}` has no limit for `{resource}`, so it cannot be asked for{near}"), None)
            }
            Some((limit, field)) if amount > limit => {
                let message =
                    format!("{}, above its limit: {limit}, `container.{field}` of the profile `{name}`", asks());
                let limits = profiles.iter().filter_map(|(other, profile)| Some((most(profile, resource)?.0, other)));
                let larger = limits.filter(|(limit, _)| *limit >= amount).min_by_key(|(limit, _)| limit.nano);
                let help = match larger {
                    Some((limit, other)) => format!("in the profile `{other}` it may be up to {limit}"),
                    None => format!("ask for at most {limit}: no profile allows as much"),
                };
                (message, Some(help))
            }
            Some(_) => match profile.container.min.get(resource) {
                Some(least) if amount < least => {
                    (format!("{}, a container of profile `{name}` has at least {least}", asks()), None)
                }
                _ => continue,
            },
        };
        found.push((resource, message, help));
    }
    found
}

/// The highest request of a container, and which field of its profile says so; nothing, if the profile has no limit of that resource.
fn most<'p>(profile: &'p Profile, resource: &str) -> Option<(&'p Quantity, &'static str)> {
    let of = |amounts: &'p Ordered<Quantity>, field| amounts.get(resource).map(|amount| (amount, field));
    of(&profile.container.max, "max").or_else(|| of(&profile.container.default, "default"))
}

/// Pods that are alike, of one container each. What is in neither map is the profile's default.
pub(crate) struct Pods<'a> {
    /// Of which service of the policy; none: of its databases.
    pub service: Option<usize>,
    /// Its name, or what else they are.
    pub name: &'a str,
    pub count: usize,
    pub requests: &'a Ordered<Quantity>,
    pub limits: &'a Ordered<Quantity>,
}

impl Pods<'_> {
    /// What each of them states of a resource.
    fn own(&self, resource: &str, limits: bool) -> Option<&Quantity> {
        if limits { self.limits } else { self.requests }.get(resource)
    }

    /// What one of them adds to what a quota counts.
    fn one(&self, profile: &Profile, counted: &str) -> i128 {
        match count(counted) {
            Some(Count::Pods) => whole(1),
            Some(Count::Amount { resource, limits }) => {
                let amount = self.own(resource, limits).or_else(|| default_of(profile, resource, limits));
                amount.map_or(0, |amount| amount.nano)
            }
            None => 0,
        }
    }

    fn all(&self, profile: &Profile, counted: &str) -> i128 {
        self.one(profile, counted).saturating_mul(self.count as i128)
    }

    /// Where the policy says what makes them too much.
    fn place(&self, profile: &Profile, counted: &str, quota: &Quantity) -> String {
        let Some(index) = self.service else { return DATABASES.to_owned() };
        let stated = match count(counted) {
            Some(Count::Amount { resource, limits }) => self.own(resource, limits).map(|_| resource),
            Some(Count::Pods) | None => None,
        };
        let field = match (self.count, stated) {
            (2.., None) => "/replicas".to_owned(),
            (2.., Some(_)) if self.one(profile, counted) <= quota.nano => "/replicas".to_owned(),
            (_, Some(resource)) => child("/resources", resource),
            (_, None) => String::new(),
        };
        format!("/spec/services/{index}{field}")
    }
}

/// So many of what is counted one by one.
fn whole(count: usize) -> i128 {
    count as i128 * 1_000_000_000
}

/// Objects that a quota may count.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counts {
    pub services: usize,
    pub deployments: usize,
    /// Claims of volumes, which databases' servers bring.
    pub claims: usize,
    /// What those ask for together, in billionths of a byte.
    pub storage: i128,
}

const DATABASES: &str = "/spec/databases";

/// Most shares of a sum that are told.
const MOST_SHARES: usize = 4;

/// Sums beyond the quota, which are `who`'s: the place of the largest share, none of what is counted otherwise, and the message.
pub(crate) fn too_much(
    name: &str,
    profile: &Profile,
    who: &str,
    pods: &[Pods<'_>],
    counts: Counts,
) -> Vec<(Option<String>, String)> {
    let mut found = Vec::new();
    for (counted, quota) in profile.quota.iter() {
        let is_claims = counts_claims(counted);
        let asked = match counted {
            "services" | "count/services" => whole(counts.services),
            "count/deployments.apps" => whole(counts.deployments),
            "requests.storage" => counts.storage,
            _ if is_claims => whole(counts.claims),
            _ => pods.iter().map(|pods| pods.all(profile, counted)).fold(0, i128::saturating_add),
        };
        // A quota without its unit is the platform's mistake.
        let is_unmeant =
            matches!(count(counted), Some(Count::Amount { resource, .. }) if unmeant(resource, quota, None).is_some());
        if asked <= quota.nano || is_unmeant {
            continue;
        }
        let shares = pods.iter().map(|pods| (pods.all(profile, counted), pods));
        let mut shares: Vec<(i128, &Pods<'_>)> = shares.filter(|(share, _)| *share > 0).collect();
        shares.sort_by_key(|(share, _)| std::cmp::Reverse(*share));
        let place = shares.first().map(|(_, largest)| largest.place(profile, counted, quota));
        let place = place.or_else(|| is_claims.then(|| DATABASES.to_owned()));
        let told = shares.iter().take(MOST_SHARES).map(|(share, pods)| {
            let mark = if pods.service.is_some() { "`" } else { "" };
            format!("{mark}{}{mark} {}", pods.name, quota.like(*share))
        });
        let mut told: Vec<String> = told.collect();
        if shares.len() > told.len() {
            told.push(format!("{} more", shares.len() - told.len()));
        }
        let told = if told.len() > 1 { format!(": {}", told.join(", ")) } else { String::new() };
        let who = if is_claims { "databases" } else { who };
        let asked = quota.in_its_unit(asked);
        let message =
            format!("the {who} ask for {asked} of `{counted}`, the quota of profile `{name}` is {quota}{told}");
        found.push((place, message));
    }
    found
}

/// How a quota calls the number of claims.
pub(crate) const CLAIMS: &str = "persistentvolumeclaims";

/// Whether what a quota counts are claims of any class, be it their number or what they ask for.
/// Source: `pvcEvaluator` in Kubernetes 1.36, `pkg/quota/v1/evaluator/core/persistent_volume_claims.go`.
pub(crate) fn counts_claims(counted: &str) -> bool {
    matches!(counted, CLAIMS | "requests.storage" | "count/persistentvolumeclaims")
}

/// Manifests' claims where none is allowed: their Pods would wait for ever.
pub(crate) fn check_claims(objects: &[Object], bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let is_none = |amount: &Value| {
        amount.as_str().and_then(|amount| Quantity::parse(amount).ok()).is_some_and(|amount| amount.nano == 0)
    };
    let quotas = objects.iter().filter(|object| object.kind() == "ResourceQuota");
    let mut closed = quotas.flat_map(|quota| quota.value.entries_at(&["spec", "hard"]));
    let Some((counted, _)) = closed.find(|(counted, amount)| counts_claims(counted) && is_none(amount)) else { return };
    let profile = bounds.profile.map_or("", |(name, _)| name);
    for object in objects.iter().filter(|object| object.is_manifest()) {
        for (pointer, _) in claims(object) {
            let message = format!("a volume is claimed, but the quota of profile `{profile}` has 0 `{counted}`");
            let help = "`emptyDir` is as large as the Pod's `ephemeral-storage`; claims are for the profile's `quota` to allow";
            findings.push(finding(&OVER_QUOTA, object, pointer, message).help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Counts, Pods, check_claims, too_much};
    use crate::{
        input::{Ordered, guardrails::Profile, scalar::Quantity},
        rules::{
            Bounds,
            common::test::{manifest, places, template},
        },
    };

    /// Two Pods of the profile's defaults, two Services, one Deployment, and two claims of 3 Gi together.
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
            ("persistentvolumeclaims", "2", "1", "2"),
            ("count/persistentvolumeclaims", "2", "0", "2"),
            ("requests.storage", "3Gi", "2Gi", "3Gi"),
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
                let pods = [Pods { service: Some(0), name: "web", count: 2, requests: &defaults, limits: &defaults }];
                let counts = Counts { services: 2, deployments: 1, claims: 2, storage: 3_221_225_472_000_000_000 };
                let found = too_much("small", &profile, "services", &pods, counts);
                found.into_iter().map(|(_, message)| message).collect::<Vec<_>>()
            };
            assert_eq!(found(enough), [""; 0], "{counted}");
            let who = if super::counts_claims(counted) { "databases" } else { "services" };
            let message =
                format!("the {who} ask for {expected} of `{counted}`, the quota of profile `small` is {little}");
            assert_eq!(found(little), if expected.is_empty() { vec![] } else { vec![message] }, "{counted}");
        }
    }

    #[test]
    fn a_claim_needs_room_for_one() {
        let claimed = [
            (json!({"kind": "PersistentVolumeClaim", "spec": {}}), "/spec"),
            (
                json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "spec": {"volumeClaimTemplates": [{"spec": {}}]}}),
                "/spec/volumeClaimTemplates/0/spec",
            ),
            (
                json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": {"spec": {
                    "volumes": [{"emptyDir": {}}, {"ephemeral": {"volumeClaimTemplate": {"spec": {}}}}]}}}}}}),
                "/spec/jobTemplate/spec/template/spec/volumes/1/ephemeral/volumeClaimTemplate/spec",
            ),
        ];
        for (quota, fine) in [
            (json!({}), true),
            (json!({"persistentvolumeclaims": "1", "requests.storage": "1Gi"}), true),
            (json!({"persistentvolumeclaims": "0"}), false),
            (json!({"persistentvolumeclaims": "1", "requests.storage": "0Gi"}), false),
            (json!({"count/persistentvolumeclaims": "0"}), false),
            (json!({"gold.storageclass.storage.k8s.io/persistentvolumeclaims": "0"}), true),
            (json!({"pods": "0"}), true),
        ] {
            let quota = template(&json!({"kind": "ResourceQuota", "spec": {"hard": quota}}));
            for (object, pointer) in &claimed {
                let mut findings = Vec::new();
                check_claims(&[quota.clone(), manifest(object)], &Bounds::default(), &mut findings);
                let expected = if fine { vec![] } else { vec![format!("over-quota {pointer}")] };
                assert_eq!(places(&findings), expected, "{object}");
            }
        }
    }

    /// Three services of 2, 1 and 1 replicas, and what databases bring.
    #[test]
    fn the_largest_share_is_where_it_is_told() {
        let profile = json!({"quota": {"requests.cpu": "2", "memory": "4Gi", "pods": "5"}, "container": {
            "default": {"cpu": "500m", "memory": "16Gi"}, "request": {"cpu": "100m", "memory": "128Mi"},
        }});
        let profile: Profile = serde_json::from_value(profile).expect("a profile");
        let own: Ordered<Quantity> = serde_json::from_value(json!({"memory": "10Gi"})).expect("resources");
        let defaults = Ordered::default();
        let of = |service, name, count, requests| Pods { service, name, count, requests, limits: &defaults };
        let pods = [
            of(Some(0), "web", 1, &defaults),
            of(Some(1), "worker", 2000, &defaults),
            of(Some(2), "cache", 1, &own),
            of(None, "migrate and seed", 1, &defaults),
            of(None, "the databases' servers", 1, &defaults),
        ];
        let found = |pods: &[Pods<'_>]| {
            let found = too_much("small", &profile, "services", pods, Counts::default());
            found.into_iter().map(|(place, message)| format!("{}: {message}", place.unwrap_or_default())).collect()
        };
        let found: [Vec<String>; 3] = [found(&pods), found(&pods[2..3]), found(&[of(Some(2), "cache", 2, &own)])];
        let quota = "the quota of profile `small` is";
        assert_eq!(
            found[0],
            [
                format!(
                    "/spec/services/1/replicas: the services ask for 260.375Gi of `memory`, {quota} 4Gi: `worker` 250Gi, \
                     `cache` 10Gi, `web` 128Mi, migrate and seed 128Mi, 1 more"
                ),
                format!(
                    "/spec/services/1/replicas: the services ask for 2004 of `pods`, {quota} 5: `worker` 2000, `web` 1, \
                     `cache` 1, migrate and seed 1, 1 more"
                ),
                format!(
                    "/spec/services/1/replicas: the services ask for 200.4 of `requests.cpu`, {quota} 2: `worker` 200, \
                     `web` 100m, `cache` 100m, migrate and seed 100m, 1 more"
                ),
            ]
        );
        assert_eq!(
            found[1],
            [format!("/spec/services/2/resources/memory: the services ask for 10Gi of `memory`, {quota} 4Gi")]
        );
        // One of them is too much already.
        assert_eq!(
            found[2],
            [format!("/spec/services/2/resources/memory: the services ask for 20Gi of `memory`, {quota} 4Gi")]
        );
    }
}
