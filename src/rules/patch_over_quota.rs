//! The platform's patches leave as many Pods as the quota has room for.
//!
//! What the policy asks for is judged before patches are applied ([`super::capacity`]); this is what they made of it.

use std::collections::BTreeMap;

use super::common::{Constraints, Count, Item, amount, amounts, count, pod_spec, stated};
use crate::{
    finding::{Finding, Rule, Severity},
    input::scalar::Quantity,
    objects::{Object, patch::Patches},
    value::Value,
};

/// About a patch that changes how many Pods there are, or what their containers ask for.
pub static PATCH_OVER_QUOTA: Rule = Rule {
    code: "patch-over-quota",
    severity: Severity::Warning,
    summary: "what the platform's patches make of services fits the quota",
    explanation: "A patch that sets `replicas`, `resources` or further containers of a Deployment or a StatefulSet is looked at \
                  in what is rendered: the Pods of all that come from templates, with what their containers ask for or the LimitRange \
                  gives them, against the namespace's ResourceQuota. The last Pods would wait for ever. Not counted are \
                  Jobs, init containers and `manifests`, so that what is told is too much whatever else there is.",
};

/// Most sums of a patch that are told.
const MOST_TOLD: usize = 3;

/// Deployments and `StatefulSets` of templates, some of them resized, against each quota of their namespace without a scope.
pub(super) fn check(objects: &[Object], constraints: &Constraints<'_>, patches: &Patches, findings: &mut Vec<Finding>) {
    let is_sized = |object: &&Object| {
        !object.is_manifest() && object.group() == "apps" && matches!(object.kind(), "Deployment" | "StatefulSet")
    };
    let is_whole =
        |quota: &Object| ["scopes", "scopeSelector"].iter().all(|key| quota.value.at(&["spec", key]).is_none());
    for quota in constraints.quotas.iter().filter(|quota| is_whole(quota.object)) {
        let namespace = quota.object.namespace();
        let ranges: Vec<&Item<'_>> = constraints.ranges_of(namespace).collect();
        let sized: Vec<&Object> =
            objects.iter().filter(|object| object.namespace() == namespace).filter(is_sized).collect();
        // Patches are one mistake, whatever they are too much of.
        let mut beyond: BTreeMap<Vec<usize>, Vec<String>> = BTreeMap::new();
        for (counted, most) in &quota.hard {
            let shares: Vec<i128> = sized.iter().map(|object| all_pods(object, counted, &ranges)).collect();
            let asked = shares.iter().copied().fold(0, i128::saturating_add);
            if asked <= most.nano {
                continue;
            }
            let resource = match count(counted) {
                Some(Count::Amount { resource, .. }) => Some(resource),
                Some(Count::Pods) | None => None,
            };
            let by = sized.iter().zip(&shares).map(|(object, share)| (*share, patches.resizing(object, resource)));
            if let Some((1.., patches)) = by.filter(|(_, by)| !by.is_empty()).max_by_key(|(share, _)| *share) {
                let told = format!("{} of `{counted}`, where the quota is {most}", most.in_its_unit(asked));
                beyond.entry(patches).or_default().push(told);
            }
        }
        for (patches, told) in beyond {
            let [patch, others @ ..] = patches.as_slice() else { continue };
            let others: Vec<String> = others.iter().map(|other| format!(" and `/spec/patches/{other}`")).collect();
            let others = others.concat();
            let more = told.len().saturating_sub(MOST_TOLD);
            let told = told[..told.len() - more].join("; ");
            let more = if more > 0 { format!("; {more} more") } else { String::new() };
            let message = format!("with this patch{others}, Deployments and StatefulSets ask for {told}{more}");
            findings.push(
                Finding::of_guardrails(&PATCH_OVER_QUOTA, format!("/spec/patches/{patch}"), message)
                    .help("the last Pods would wait for ever: ask for less here, or give the profile a larger quota"),
            );
        }
    }
}

/// What all Pods of an object add to what a quota counts, at least.
fn all_pods(object: &Object, counted: &str, ranges: &[&Item<'_>]) -> i128 {
    let replicas = match object.value.at(&["spec", "replicas"]) {
        Some(Value::Int(replicas)) => i128::from(*replicas).max(0),
        _ => 1,
    };
    let (resource, limits) = match count(counted) {
        Some(Count::Pods) => return replicas.saturating_mul(1_000_000_000),
        Some(Count::Amount { resource, limits }) => (resource, limits),
        None => return 0,
    };
    let containers = pod_spec(object).map(|(_, pod)| pod.items_at(&["containers"])).unwrap_or_default();
    let one = containers.iter().map(|container| one_container(container, object, resource, limits, ranges));
    one.fold(0, i128::saturating_add).saturating_mul(replicas)
}

/// Source: `SetDefaults_Pod` and `mergePodResourceRequirements`: a limit is the request too, where none is stated.
fn one_container(container: &Value, object: &Object, resource: &str, limits: bool, ranges: &[&Item<'_>]) -> i128 {
    // What is no quantity was told before.
    let own = |field: &str| {
        let map = stated(container, "resources").and_then(|resources| stated(resources, field));
        let map = amounts(&PATCH_OVER_QUOTA, object, &String::new, map, &mut Vec::new());
        amount(&map, resource).map(|amount| amount.nano)
    };
    let given =
        || ranges.iter().find_map(|item| item.given(resource, limits)).map(|(_, amount): (_, &Quantity)| amount.nano);
    let requests = if limits { None } else { own("requests") };
    requests.or_else(|| own("limits")).or_else(given).unwrap_or_default()
}
