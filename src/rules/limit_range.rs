//! Limit ranges that let Pods start.
//!
//! No schema checks these: a bundle with `default` above `max` passes every validator but the API server. Sources:
//! `ValidateLimitRange` and `SetDefaults_LimitRangeItem` of Kubernetes 1.36, and the quota's evaluator for Pods
//! (`pkg/quota/v1/evaluator/core/pods.go`).

mod profile;

use super::{
    Bounds,
    common::{Amounts, Constraints, Count, Item, Quota, RESOURCES, amount, amounts, count, finding, unmeant},
    resource_quota,
};
use crate::{
    finding::{Finding, Rule, Severity, meant, visible},
    input::scalar::{is_dns_name, is_name_part},
    objects::Object,
    value::child,
};
pub(crate) use profile::{FIELDS, check_profile, default_of, item, keeps_out};

/// About every `LimitRange` that goes out, and about the guardrails' profiles that make one.
pub static LIMIT_RANGE: Rule = Rule {
    code: "limit-range",
    severity: Severity::Error,
    summary: "a LimitRange agrees with itself, with the namespace's ResourceQuota, and with the databases' Jobs",
    explanation: "For every resource, `min` ≤ `defaultRequest` ≤ `default` ≤ `max`; what is not stated is what Kubernetes \
        puts there (`default` is `max`, `defaultRequest` is `default`, else `min`). Type `Pod` has no defaults, a type \
        stands once, and what cannot be overcommitted (huge pages, devices) has a request equal to its limit.\n\n\
        Together with a ResourceQuota: whatever it counts of `cpu` and `memory`, requests or limits, needs a default for \
        containers, or every Pod that doesn't state it is refused (`must specify limits.cpu`); of `ephemeral-storage`, such \
        a Pod isn't counted at all, so that the quota holds nothing. No single container may get more than the whole quota.\n\n\
        Databases of provider `embedded` and `cnpg` have dayfly's own Jobs run in the preview's namespace, with fixed requests and \
        limits. A profile's `min` above those requests, or a `max` below those limits, would let none of them start.\n\n\
        Of memory, a fraction of a byte (`100m`) or fewer than a million bytes without a unit (`256`) are not taken: nobody means them, and no \
        container starts with them.\n\n\
        Of a container, Kubernetes knows `cpu`, `memory`, `ephemeral-storage`, `hugepages-…` and devices (`nvidia.com/gpu`).",
};

/// Types of a `LimitRange`'s items.
const TYPES: [&str; 3] = ["Container", "Pod", "PersistentVolumeClaim"];

/// The pointer of a resource in a field of an item.
fn pointer(item: &Item<'_>, field: &str, resource: &str) -> String {
    child(&limit_pointer(item.index, field), resource)
}

fn limit_pointer(index: usize, field: &str) -> String {
    format!("/spec/limits/{index}/{field}")
}

/// Checks every `LimitRange` and `ResourceQuota`, and those of one namespace against each other; and gives them back.
pub(super) fn check<'a>(objects: &'a [Object], bounds: &Bounds<'_>, findings: &mut Vec<Finding>) -> Constraints<'a> {
    let first = findings.len();
    let mut constraints = Constraints::default();
    for object in objects {
        match object.kind() {
            "LimitRange" if object.group().is_empty() => read_range(object, &mut constraints.ranges, findings),
            "ResourceQuota" if object.group().is_empty() => {
                constraints.quotas.push(resource_quota::read(object, findings));
            }
            _ => {}
        }
    }
    for quota in &constraints.quotas {
        let items: Vec<_> = constraints.ranges_of(quota.object.namespace()).collect();
        defaults_for(quota, &items, findings);
        for item in items {
            fits(item, quota, findings);
        }
    }
    if let Some(profile) = bounds.profile {
        profile::blame(profile, objects, &mut findings[first..]);
    }
    constraints
}

fn read_range<'a>(object: &'a Object, ranges: &mut Vec<Item<'a>>, findings: &mut Vec<Finding>) {
    let mut seen: Vec<&str> = Vec::new();
    for (index, value) in object.value.items_at(&["spec", "limits"]).iter().enumerate() {
        let kind = value.str_at(&["type"]).unwrap_or_default();
        if !TYPES.contains(&kind) && !kind.contains('/') {
            let message = format!("`{}` is no type of a limit; allowed: {}", visible(kind), TYPES.join(", "));
            findings.push(finding(&LIMIT_RANGE, object, limit_pointer(index, "type"), message));
        } else if seen.contains(&kind) {
            let message = format!("type `{}` is there twice", visible(kind));
            findings.push(finding(&LIMIT_RANGE, object, limit_pointer(index, "type"), message));
        }
        seen.push(kind);
        let mut read =
            |field: &str| amounts(&LIMIT_RANGE, object, &|| limit_pointer(index, field), value.get(field), findings);
        let (default, request, max, min) = (read("default"), read("defaultRequest"), read("max"), read("min"));
        let ratio = read("maxLimitRequestRatio");
        let item = Item { object, index, kind, default, request, max, min };
        agrees(&item, &ratio, findings);
        ranges.push(item);
    }
}

/// What the API server demands of one item.
fn agrees(item: &Item<'_>, ratio: &Amounts<'_>, findings: &mut Vec<Finding>) {
    let fields @ [default, request, max, min] = item.fields();
    for (field, _) in [default, request].iter().filter(|(_, amounts)| item.kind == "Pod" && !amounts.is_empty()) {
        let message = format!("a limit of type `Pod` has no `{field}`: use type `Container`");
        findings.push(finding(&LIMIT_RANGE, item.object, limit_pointer(item.index, field), message));
    }
    let known = findings.len();
    let limited = fields.iter().flat_map(|(field, amounts)| amounts.iter().map(move |amount| (field, amount)));
    for (field, (resource, amount)) in limited {
        if let Some((what, help)) = unmeant(resource, amount, None) {
            let message = format!("`{field}` of {resource} is {amount}, {what}");
            findings.push(finding(&LIMIT_RANGE, item.object, pointer(item, field, resource), message).help(help));
        }
    }
    // What it is compared with says nothing about what was meant.
    if findings.len() > known {
        return;
    }
    let mut refuse = |field: &str, resource: &str, message: String| {
        findings.push(finding(&LIMIT_RANGE, item.object, pointer(item, field, resource), message));
    };
    if matches!(item.kind, "Container" | "Pod") {
        for (field, amounts) in fields {
            for (resource, _) in amounts.iter().filter(|(resource, _)| !is_resource(resource)) {
                let hint = meant(resource, RESOURCES.into_iter()).unwrap_or_default();
                refuse(field, resource, format!("`{}` is no resource of a container{hint}", visible(resource)));
            }
        }
    }
    ordered(min, max, &mut refuse);
    if item.kind != "Pod" {
        ordered(request, default, &mut refuse);
        for (field, amounts) in [request, default] {
            ordered((field, amounts), max, &mut refuse);
            for (resource, least) in &item.min {
                if let Some(given) = amount(amounts, resource).filter(|given| *given < least) {
                    let message = format!("`{field}` of {} is {given}, less than `min`, {least}", visible(resource));
                    refuse(field, resource, message);
                }
            }
        }
        for (resource, request) in &item.request {
            let devices =
                resource.contains('/') && !resource.contains("kubernetes.io/") || resource.starts_with("hugepages-");
            if let Some(limit) = amount(&item.default, resource).filter(|limit| devices && *limit > request) {
                let shown = visible(resource);
                let message =
                    format!("{shown} cannot be overcommitted: `defaultRequest` is {request}, `default` {limit}");
                refuse("defaultRequest", resource, message);
            }
        }
    }
    if item.kind == "PersistentVolumeClaim" && amount(&item.min, "storage").or(amount(&item.max, "storage")).is_none() {
        let message = "a limit of type `PersistentVolumeClaim` needs `storage` in `min` or `max`".to_owned();
        refuse("max", "storage", message);
    }
    for (resource, ratio) in ratio {
        let one = 1_000_000_000;
        let beyond = match (amount(&item.min, resource), amount(&item.max, resource)) {
            (Some(min), Some(max)) => ratio.nano.saturating_mul(min.nano) > max.nano.saturating_mul(one),
            _ => false,
        };
        if ratio.nano < one || beyond {
            let message = format!("the ratio of {} is {ratio}; allowed: from 1 to `max` / `min`", visible(resource));
            refuse("maxLimitRequestRatio", resource, message);
        }
    }
}

/// Whether a container can have it. Source: `validateContainerResourceName` of Kubernetes 1.36.
fn is_resource(name: &str) -> bool {
    match name.split_once('/') {
        None => RESOURCES.contains(&name) || name.starts_with("hugepages-"),
        Some((domain, name)) => is_dns_name(domain) && is_name_part(name),
    }
}

/// Says of each resource that the first field's amount is not above the second's.
fn ordered(
    (low, lower): (&str, &Amounts<'_>),
    (high, higher): (&str, &Amounts<'_>),
    refuse: &mut dyn FnMut(&str, &str, String),
) {
    for (resource, least) in lower {
        if let Some(most) = amount(higher, resource).filter(|most| least > *most) {
            let message = format!("`{low}` of {} is {least}, more than `{high}`, {most}", visible(resource));
            refuse(low, resource, message);
        }
    }
}

/// A container that states nothing must get from a `LimitRange` whatever the quota counts.
fn defaults_for(quota: &Quota<'_>, items: &[&Item<'_>], findings: &mut Vec<Finding>) {
    for (key, _) in &quota.hard {
        let Some(Count::Amount { resource, limits }) = count(key) else { continue };
        if RESOURCES.contains(&resource) && !items.iter().any(|item| item.given(resource, limits).is_some()) {
            let field = if limits { "default" } else { "defaultRequest" };
            let outcome = if resource == "ephemeral-storage" {
                "a Pod that doesn't state it isn't counted"
            } else {
                "a Pod that doesn't state it never starts"
            };
            let message =
                format!("the quota counts `{key}`, but no LimitRange has a `{field}` of {resource}: {outcome}");
            findings.push(finding(&LIMIT_RANGE, quota.object, child("/spec/hard", key), message));
        }
    }
}

/// What one container, Pod or claim may have, or gets, is not more than there is for all.
fn fits(item: &Item<'_>, quota: &Quota<'_>, findings: &mut Vec<Finding>) {
    let [default, request, max, min] = item.fields();
    let is_claim = item.kind == "PersistentVolumeClaim";
    for (key, all) in &quota.hard {
        let Some(Count::Amount { resource, limits }) = count(key) else { continue };
        if unmeant(resource, all, None).is_some() {
            continue;
        }
        let fields = match resource {
            "storage" if is_claim && !limits => [min, max],
            _ if is_claim || !RESOURCES.contains(&resource) => continue,
            _ if limits => [default, max],
            _ => [request, min],
        };
        let stated = fields.iter().filter_map(|(field, amounts)| Some((*field, amount(amounts, resource)?)));
        let mut above: Vec<_> = stated.filter(|(_, one)| *one > all).collect();
        if above.is_empty() {
            above.extend(item.given(resource, limits).filter(|(_, one)| *one > all));
        }
        for (field, one) in above {
            let id = quota.object.id();
            let message = format!("`{field}` of {resource} is {one}, more than `{}` has for all, {all}", visible(&id));
            findings.push(finding(&LIMIT_RANGE, item.object, pointer(item, field, resource), message));
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::{Value as Json, json};

    use crate::rules::common::test::{below, found_in, places, template};
    use crate::{finding::Finding, objects::Object};

    pub(crate) fn range(limits: &Json) -> Object {
        template(
            &json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "preview", "namespace": "a"}, "spec": {"limits": limits}}),
        )
    }

    pub(crate) fn quota(namespace: &str, spec: &Json) -> Object {
        template(
            &json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "preview", "namespace": namespace}, "spec": spec}),
        )
    }

    pub(crate) fn check(objects: &[Object]) -> Vec<Finding> {
        found_in(crate::rules::check_constraints, objects)
    }

    /// What these are compared with says nothing more.
    #[test]
    fn bytes_that_nobody_means_are_told() {
        for (amounts, expected) in [
            (json!({"default": {"memory": "512"}, "defaultRequest": {"memory": "128Mi"}}), vec!["default/memory"]),
            (json!({"default": {"memory": "512Mi"}, "defaultRequest": {"memory": 128}}), vec!["defaultRequest/memory"]),
            (json!({"max": {"ephemeral-storage": "200m"}}), vec!["max/ephemeral-storage"]),
            (json!({"default": {"memory": "512000k", "cpu": 128}, "min": {"memory": 0}}), vec![]),
        ] {
            let mut item = amounts.clone();
            item["type"] = json!("Container");
            let found = check(&[range(&json!([item]))]);
            assert_eq!(places(&found), below("limit-range /spec/limits/0/", &expected), "{amounts}");
            assert!(
                found
                    .iter()
                    .all(|one| one.help.as_deref().is_some_and(|help| help.ends_with("Mi` was probably meant")))
            );
        }
    }

    #[test]
    fn a_limit_range_agrees_with_itself() {
        let container = |more: Json| {
            let mut item = json!({"type": "Container"});
            item.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
            json!([item])
        };
        let cases = [
            (json!([]), vec![]),
            (json!([{"type": "openshift.io/Image", "max": {"storage": "1Gi"}}]), vec![]),
            (json!([{"type": "Pod", "max": {"memroy": "1Gi"}}]), vec!["0/max/memroy"]),
            (
                container(
                    json!({"min": {"cpu": "50m"}, "defaultRequest": {"cpu": 0.1}, "default": {"cpu": "500m"}, "max": {"cpu": 2}}),
                ),
                vec![],
            ),
            (
                container(json!({"default": {"memory": "1G"}, "defaultRequest": {"memory": "1Gi"}})),
                vec!["0/defaultRequest/memory"],
            ),
            (container(json!({"default": {"cpu": "3"}, "max": {"cpu": "2"}})), vec!["0/default/cpu"]),
            (container(json!({"defaultRequest": {"cpu": "3"}, "max": {"cpu": "2"}})), vec!["0/defaultRequest/cpu"]),
            (
                container(json!({"defaultRequest": {"cpu": "1m"}, "default": {"cpu": "2m"}, "min": {"cpu": "3m"}})),
                vec!["0/defaultRequest/cpu", "0/default/cpu"],
            ),
            (container(json!({"min": {"cpu": "3"}, "max": {"cpu": "2"}})), vec!["0/min/cpu"]),
            (
                container(json!({"max": {"cpu": "lots"}, "min": {"cpu": -1}, "default": 7})),
                vec!["0/default", "0/max/cpu", "0/min/cpu"],
            ),
            (
                container(json!({"default": {"nvidia.com/gpu": 2}, "defaultRequest": {"nvidia.com/gpu": 1}})),
                vec!["0/defaultRequest/nvidia.com~1gpu"],
            ),
            (container(json!({"maxLimitRequestRatio": {"cpu": "0.5"}})), vec!["0/maxLimitRequestRatio/cpu"]),
            (
                container(json!({"maxLimitRequestRatio": {"cpu": 5}, "min": {"cpu": 1}, "max": {"cpu": 4}})),
                vec!["0/maxLimitRequestRatio/cpu"],
            ),
            (container(json!({"maxLimitRequestRatio": {"cpu": 4}, "min": {"cpu": 1}, "max": {"cpu": 4}})), vec![]),
            // All the same is fine.
            (
                container(
                    json!({"min": {"cpu": 1}, "defaultRequest": {"cpu": 1}, "default": {"cpu": 1}, "max": {"cpu": 1}, "maxLimitRequestRatio": {"cpu": 1}}),
                ),
                vec![],
            ),
            (container(json!({"default": {"nvidia.com/gpu": 1}, "defaultRequest": {"nvidia.com/gpu": 1}})), vec![]),
            (json!([{"type": "Pod", "max": {"cpu": 1}}]), vec![]),
            (
                json!([{"type": "Pod", "default": {"cpu": 1}, "defaultRequest": {"cpu": 1}}]),
                vec!["0/default", "0/defaultRequest"],
            ),
            (json!([{"type": "Container"}, {"type": "Container"}]), vec!["1/type"]),
            (json!([{"type": "Containers"}, {}]), vec!["0/type", "1/type"]),
            (json!([{"type": "PersistentVolumeClaim"}, {"type": "acme.dev/x"}]), vec!["0/max/storage"]),
            (json!([{"type": "PersistentVolumeClaim", "max": {"storage": "5Gi"}}]), vec![]),
        ];
        for (limits, expected) in cases {
            assert_eq!(places(&check(&[range(&limits)])), below("limit-range /spec/limits/", &expected), "{limits}");
        }
    }

    #[test]
    fn what_only_has_the_name_is_somebody_elses() {
        for (kind, spec) in [
            ("LimitRange", json!({"limits": [{"type": "Containers"}]})),
            ("ResourceQuota", json!({"hard": {"pod": 1}})),
        ] {
            for (version, count) in [("v1", 1), ("acme.dev/v1", 0)] {
                let object =
                    template(&json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec}));
                assert_eq!(check(&[object]).len(), count, "{kind} {version}");
            }
        }
    }

    #[test]
    fn pods_start_and_fit() {
        let hard = json!({"hard": {"requests.cpu": "2", "limits.memory": "4Gi", "requests.ephemeral-storage": "1Gi", "pods": 3}});
        let container = |more: &str| format!("limit-range {more}");
        let cases = [
            (json!([{"type": "Container", "max": {"cpu": 1, "memory": "1Gi", "ephemeral-storage": "1Gi"}}]), vec![]),
            (
                json!([{"type": "Container", "default": {"memory": "1Gi"}, "defaultRequest": {"cpu": 1}, "min": {"ephemeral-storage": "1Mi"}}]),
                vec![],
            ),
            (
                json!([{"type": "Container", "defaultRequest": {"memory": "1Gi", "cpu": 1}}]),
                vec![container("/spec/hard/limits.memory"), container("/spec/hard/requests.ephemeral-storage")],
            ),
            (
                json!([{"type": "Pod", "max": {"memory": "1Gi", "cpu": 1, "ephemeral-storage": "1Mi"}}]),
                vec![
                    container("/spec/hard/limits.memory"),
                    container("/spec/hard/requests.cpu"),
                    container("/spec/hard/requests.ephemeral-storage"),
                ],
            ),
            (
                json!([{"type": "Container", "max": {"cpu": 8, "memory": "8Gi", "ephemeral-storage": "1Gi"}, "min": {"cpu": 3}}]),
                vec![container("/spec/limits/0/max/memory"), container("/spec/limits/0/min/cpu")],
            ),
            (
                json!([{"type": "Container", "default": {"cpu": 3, "memory": "1Gi"}, "max": {"cpu": 3, "ephemeral-storage": "2Gi"}}]),
                vec![container("/spec/limits/0/default/cpu"), container("/spec/limits/0/max/ephemeral-storage")],
            ),
        ];
        for (limits, expected) in cases {
            assert_eq!(places(&check(&[quota("a", &hard), range(&limits)])), expected, "{limits}");
        }
        let good =
            range(&json!([{"type": "Container", "max": {"cpu": 1, "memory": "1Gi", "ephemeral-storage": "1Gi"}}]));
        assert_eq!(check(&[good, quota("b", &hard)]).len(), 3, "another namespace's LimitRange is no help");
        let claims = range(&json!([{"type": "PersistentVolumeClaim", "max": {"storage": "50Gi"}}]));
        let found = check(&[claims, quota("a", &json!({"hard": {"requests.storage": "20Gi"}}))]);
        assert_eq!(places(&found), ["limit-range /spec/limits/0/max/storage"]);
        assert_eq!(found[0].message, "`max` of storage is 50Gi, more than `ResourceQuota/preview` has for all, 20Gi");
    }
}
