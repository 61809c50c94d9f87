//! A manifest's `PodDisruptionBudget` that no Pod may leave keeps its Pods' nodes from being drained.

use super::{POD_PLACEMENT, scalers::Scalers};
use crate::{
    finding::{Finding, visible},
    objects::{
        Object,
        stamp::{ALWAYS, UNHEALTHY},
    },
    rules::{
        Bounds,
        common::{PodLabels, conditions, finding, pod_labels, selector_takes, shown, stated},
    },
    value::Value,
};

/// Most budgets that are looked into, each of which is compared with every workload, and most conditions of one, the values of each counted.
const MOST: usize = 100;

/// Checks all budgets at once.
///
/// Source: `getExpectedPodCount` and `getExpectedScale` in Kubernetes 1.36, `pkg/controller/disruption/disruption.go`; of two budgets
/// for a Pod, `pkg/registry/core/pod/storage/eviction.go`.
pub(crate) fn check(objects: &[Object], bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let budgets = || objects.iter().filter(|object| object.kind() == "PodDisruptionBudget");
    if !budgets().any(Object::is_manifest) {
        return;
    }
    let mut workloads = workloads(objects, bounds);
    let mut looked_into = 0;
    // Those of templates come first, so that whoever says the same again is the team.
    for object in budgets() {
        if object.is_manifest() {
            if looked_into == MOST {
                let message = format!("more than {MOST} budgets; allowed: as many as there are workloads to keep");
                findings.push(finding(&POD_PLACEMENT, object, "", message));
                return;
            }
            looked_into += 1;
        }
        budget(object, &mut workloads, findings);
    }
}

fn budget<'o>(object: &'o Object, workloads: &mut [Workload<'o>], findings: &mut Vec<Finding>) {
    let Some(spec) = object.value.get("spec") else { return };
    let selector = stated(spec, "selector");
    if selector.is_some_and(|selector| conditions(selector) > MOST) {
        let message = format!("more than {MOST} conditions, with their values");
        findings.push(finding(&POD_PLACEMENT, object, "/spec/selector", message));
        return;
    }
    let Taken { pods, job, twice } = taken(object, selector, workloads);
    if !object.is_manifest() {
        return;
    }
    let mut refuse = |field: &str, message: String, help: &'static str| {
        let message = format!("{message}: nodes could not be drained; allowed: a budget that a Pod may leave");
        let pointer = format!("/spec/{field}");
        findings.push(finding(&POD_PLACEMENT, object, pointer.trim_end_matches('/'), message).help(help));
    };
    let one = "`maxUnavailable: 1` lets one go at a time";
    let (most, least) = (stated(spec, "maxUnavailable"), stated(spec, "minAvailable"));
    if most.or(least).is_none() && selector.is_some() {
        refuse("", "neither `maxUnavailable` nor `minAvailable` is stated".to_owned(), one);
    }
    let mut refuse_amount = |field: &str, value: &Value, of: &str| {
        let problem = if amount(value, 1).is_some() { "" } else { ", no whole number and no percentage" };
        refuse(field, format!("`{field}` is {}{of}{problem}", shown(value)), one);
    };
    if let Some(value) = most.filter(|value| amount(value, 100).is_none_or(|amount| amount == 0)) {
        refuse_amount("maxUnavailable", value, "");
    }
    if let Some(value) = least.filter(|value| !is_left(value, pods)) {
        let of = match pods {
            0 => " of Pods that the files here do not make".to_owned(),
            1 => " of 1 Pod".to_owned(),
            _ => format!(" of {pods} Pods"),
        };
        refuse_amount("minAvailable", value, &of);
    }
    // By any other, a Pod that never becomes ready stays for as long as too few others are. Left out, it is stamped.
    if let Some(value) = stated(spec, UNHEALTHY).filter(|value| value.as_str() != Some(ALWAYS)) {
        let message = format!("`{UNHEALTHY}` is {}, which holds Pods that are not ready", shown(value));
        refuse(UNHEALTHY, message, "leave it out: dayfly says `AlwaysAllow`");
    }
    if let Some(job) = job {
        for (field, value) in [("maxUnavailable", most), ("minAvailable", least)] {
            if field == "maxUnavailable" && value.is_some() || matches!(value, Some(Value::String(_))) {
                let job = visible(&job.id()).into_owned();
                let message =
                    format!("`{field}` is of Pods of `{job}`, but Kubernetes does not know how many a Job has");
                refuse(field, message, "select no Job's Pods: what ends by itself needs no budget");
            }
        }
    }
    if let Some((workload, other)) = twice {
        let (workload, other) = (workload.id(), other.id());
        let message = format!(
            "Pods of `{}` have `{}` already, and no Pod with two budgets may leave",
            visible(&workload),
            visible(&other)
        );
        refuse("selector", message, "one budget for each Pod");
    }
}

/// What a budget takes.
#[derive(Default)]
struct Taken<'o> {
    /// As many as are known.
    pods: i64,
    /// A Job whose Pods are among them.
    job: Option<&'o Object>,
    /// A workload that has a budget already, and that.
    twice: Option<(&'o Object, &'o Object)>,
}

/// Notes down what a budget takes; without a selector, that is nothing.
fn taken<'o>(budget: &'o Object, selector: Option<&Value>, workloads: &mut [Workload<'o>]) -> Taken<'o> {
    let mut taken = Taken::default();
    let takes = |workload: &Workload<'_>| selector.is_some_and(|selector| selector_takes(selector, &workload.labels));
    for workload in workloads.iter_mut().filter(|workload| takes(workload)) {
        match workload.pods {
            Some(count) => taken.pods = taken.pods.saturating_add(count),
            None => taken.job = taken.job.or(Some(workload.object)),
        }
        match workload.budget {
            Some(other) => taken.twice = taken.twice.or(Some((workload.object, other))),
            None => workload.budget = Some(budget),
        }
    }
    taken
}

/// Whether a Pod may leave so many, of which `minAvailable` stay. With more of them, as many or more may.
fn is_left(least: &Value, pods: i64) -> bool {
    match amount(least, pods) {
        Some(0) => matches!(least, Value::Int(_)) || amount(least, 100) == Some(0),
        Some(needed) => needed < pods,
        None => false,
    }
}

/// A number from 0, or so many hundredths of all, rounded up as Kubernetes does.
fn amount(value: &Value, all: i64) -> Option<i64> {
    match value {
        Value::Int(number) => (*number >= 0).then_some(*number),
        Value::String(text) => {
            let percent = text.strip_suffix('%').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
            let percent: i64 = percent.parse().ok()?;
            Some(percent.saturating_mul(all).saturating_add(99) / 100)
        }
        _ => None,
    }
}

/// What makes Pods, and the first budget that takes them.
struct Workload<'o> {
    object: &'o Object,
    labels: PodLabels<'o>,
    /// How many there are at least; of a Job nobody knows.
    pods: Option<i64>,
    budget: Option<&'o Object>,
}

fn workloads<'o>(objects: &'o [Object], bounds: &Bounds<'o>) -> Vec<Workload<'o>> {
    let scalers = Scalers::of(objects);
    let makes_pods = objects.iter().filter_map(|object| {
        let pods = match (object.group(), object.kind()) {
            ("apps", "Deployment" | "StatefulSet") => Some(scalers.least(object)),
            ("batch", "Job" | "CronJob") if object.is_manifest() || object.namespace() == Some(bounds.namespace) => {
                None
            }
            _ => return None,
        };
        Some(Workload { object, labels: pod_labels(object, bounds.labels)?, pods, budget: None })
    });
    makes_pods.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::{
        objects::Object,
        rules::{
            Bounds,
            common::test::{manifest, places, template},
        },
        value::to_value,
    };

    fn check(objects: &[Object]) -> Vec<String> {
        let labels = to_value(&json!({"dayfly.dev/policy": "shop"}));
        let mut findings = Vec::new();
        let bounds = Bounds { labels: labels.as_map(), namespace: "shop-pr-1", ..Bounds::default() };
        super::check(objects, &bounds, &mut findings);
        places(&findings)
    }

    fn budget(spec: &Json) -> Object {
        manifest(
            &json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "x"}, "spec": spec}),
        )
    }

    fn workload(kind: &str, name: &str, replicas: &Json) -> Json {
        let version = if kind == "Job" { "batch/v1" } else { "apps/v1" };
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": {
            "replicas": replicas, "template": {"metadata": {"labels": {"app": name, "all": "x"}}, "spec": {}}}})
    }

    #[test]
    fn a_budget_lets_pods_go() {
        let app = |name: &str| json!({"matchLabels": {"app": name}});
        let one_of = |operator: &str| json!({"matchExpressions": [{"key": "app", "operator": operator, "values": ["one", "two"]}]});
        let cases = [
            (json!({"maxUnavailable": 1}), ""),
            (json!({"maxUnavailable": "1%", "minAvailable": null}), ""),
            (json!({"maxUnavailable": 0}), "maxUnavailable"),
            (json!({"maxUnavailable": "0%"}), "maxUnavailable"),
            (json!({"maxUnavailable": "00"}), "maxUnavailable"),
            (json!({"minAvailable": 0, "selector": app("one")}), ""),
            (json!({"minAvailable": 1, "selector": app("one")}), "minAvailable"),
            (json!({"minAvailable": "1%", "selector": app("one")}), "minAvailable"),
            (json!({"minAvailable": 1, "selector": app("two")}), ""),
            (json!({"minAvailable": "50%", "selector": app("two")}), ""),
            (json!({"minAvailable": "51%", "selector": app("two")}), "minAvailable"),
            (json!({"minAvailable": "100%", "selector": {}}), "minAvailable"),
            (json!({"minAvailable": 1, "selector": app("scaled")}), ""),
            (json!({"minAvailable": 5, "selector": {"matchLabels": {"all": "x"}}}), ""),
            (json!({"minAvailable": 6, "selector": {}}), "minAvailable"),
            (json!({"minAvailable": 1, "selector": {"matchLabels": {"dayfly.dev/preview": "x"}}}), "minAvailable"),
            (
                json!({"minAvailable": 1, "selector": {"matchExpressions": [{}], "matchLabels": {"all": "x"}}}),
                "minAvailable",
            ),
            (json!({"minAvailable": "100%", "selector": one_of("In")}), "minAvailable"),
            (json!({"minAvailable": "67%", "selector": one_of("In")}), "minAvailable"),
            (json!({"minAvailable": "66%", "selector": one_of("In")}), ""),
            (json!({"minAvailable": 2, "selector": one_of("NotIn")}), ""),
            (json!({"minAvailable": 3, "selector": one_of("NotIn")}), "minAvailable"),
            (json!({"minAvailable": 1, "selector": one_of("Exists")}), ""),
            (json!({"minAvailable": 1, "selector": one_of("DoesNotExist")}), "minAvailable"),
            (
                json!({"minAvailable": "100%", "selector": {"matchLabels": {"dayfly.dev/policy": "shop"}}}),
                "minAvailable",
            ),
            (json!({"minAvailable": "83%", "selector": {"matchLabels": {"dayfly.dev/policy": "shop"}}}), ""),
            (
                json!({"minAvailable": "1%", "selector": {"matchLabels": {"dayfly.dev/policy": "other"}}}),
                "minAvailable",
            ),
            (json!({"minAvailable": "0%", "selector": app("none")}), ""),
            (json!({"minAvailable": 1, "selector": {"matchLabels": {"none": null}}}), "minAvailable"),
            (json!({"minAvailable": 1.0, "selector": {}}), "minAvailable"),
            (json!({"minAvailable": -1, "selector": {}}), "minAvailable"),
            (json!({"maxUnavailable": "1", "selector": {}}), "maxUnavailable"),
            (json!({"minAvailable": "1", "selector": {}}), "minAvailable"),
            (json!({"maxUnavailable": true}), "maxUnavailable"),
            (json!({"minAvailable": 1, "selector": app("nowhere")}), "minAvailable"),
            (json!({"minAvailable": 2, "selector": app("nowhere")}), "minAvailable"),
        ];
        let mut objects = vec![
            manifest(&workload("Deployment", "one", &Json::Null)),
            template(&workload("StatefulSet", "two", &json!(2))),
            manifest(&workload("Deployment", "scaled", &json!(1))),
            manifest(&workload("Deployment", "nowhere", &json!(0))),
            scaler("apps/v1", "scaled"),
            scaler("apps/v1", "nowhere"),
        ];
        for (spec, field) in cases {
            objects.push(budget(&spec));
            let expected = if field.is_empty() { vec![] } else { vec![format!("pod-placement /spec/{field}")] };
            assert_eq!(check(&objects), expected, "{spec}");
            objects.pop();
        }
        objects.extend((0..=super::MOST).map(|_| budget(&json!({"maxUnavailable": 1}))));
        assert_eq!(check(&objects), ["pod-placement"]);
    }

    #[test]
    fn pods_that_are_not_ready_may_leave() {
        for (policy, fine) in
            [(json!(null), true), (json!("AlwaysAllow"), true), (json!("IfHealthyBudget"), false), (json!(true), false)]
        {
            let spec = json!({"maxUnavailable": 1, "selector": {}, "unhealthyPodEvictionPolicy": policy});
            let expected = if fine { vec![] } else { vec!["pod-placement /spec/unhealthyPodEvictionPolicy"] };
            assert_eq!(check(&[budget(&spec)]), expected, "{policy}");
        }
    }

    fn scaler(version: &str, name: &str) -> Object {
        manifest(&json!({"kind": "HorizontalPodAutoscaler", "spec": {
            "minReplicas": 3, "scaleTargetRef": {"apiVersion": version, "kind": "Deployment", "name": name}}}))
    }

    #[test]
    fn only_a_scaler_that_scales_makes_pods() {
        for (scalers, fine) in [
            (vec![], false),
            (vec![scaler("apps/v1", "web")], true),
            (vec![scaler("nope/v1", "web")], false),
            (vec![scaler("apps/v1", "other")], false),
            // Kubernetes heeds neither of two.
            (vec![scaler("apps/v1", "web"), scaler("apps/v1", "web")], false),
        ] {
            let mut objects = scalers;
            objects.push(manifest(&workload("Deployment", "web", &json!(1))));
            objects.push(budget(&json!({"minAvailable": 1, "selector": {}})));
            assert_eq!(check(&objects).is_empty(), fine, "{objects:?}");
        }
    }

    #[test]
    fn jobs_are_not_counted() {
        let cases = [
            (json!({"maxUnavailable": 1, "selector": {}}), "maxUnavailable"),
            (json!({"maxUnavailable": 1, "selector": {"matchLabels": {"app": "web"}}}), ""),
            (json!({"minAvailable": "50%", "selector": {}}), "minAvailable"),
            (json!({"minAvailable": 1, "selector": {}}), ""),
        ];
        for (spec, field) in cases {
            let objects = [
                manifest(&workload("Deployment", "web", &json!(2))),
                manifest(&workload("Job", "load", &Json::Null)),
                template(&workload("Job", "migrate", &Json::Null)),
                budget(&spec),
            ];
            let expected = if field.is_empty() { vec![] } else { vec![format!("pod-placement /spec/{field}")] };
            assert_eq!(check(&objects), expected, "{spec}");
        }
    }

    /// dayfly's own Jobs in the preview have what every Pod is stamped with; those elsewhere are no budget's.
    #[test]
    fn jobs_of_the_preview_are_not_counted_either() {
        let job = |namespace: &str| {
            template(
                &json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "migrate", "namespace": namespace},
                "spec": {"template": {"metadata": {"labels": {}}, "spec": {}}}}),
            )
        };
        let stamped = budget(&json!({"maxUnavailable": 1, "selector": {"matchLabels": {"dayfly.dev/policy": "shop"}}}));
        for (namespace, expected) in [("shop-pr-1", &["pod-placement /spec/maxUnavailable"][..]), ("dayfly", &[])] {
            assert_eq!(check(&[job(namespace), stamped.clone()]), expected, "{namespace}");
        }
    }

    #[test]
    fn a_budget_says_something() {
        assert_eq!(check(&[budget(&json!({"selector": {}}))]), ["pod-placement /spec"]);
        assert_eq!(check(&[budget(&json!({}))]), [""; 0], "it takes no Pods");
        let many = |count| json!({"maxUnavailable": 1, "selector": {"matchExpressions": vec![json!({}); count]}});
        assert_eq!(check(&[budget(&many(super::MOST))]), [""; 0]);
        assert_eq!(check(&[budget(&many(super::MOST + 1))]), ["pod-placement /spec/selector"]);
        let values = |count| {
            let expression = json!({"key": "app", "operator": "In", "values": vec!["x"; count]});
            json!({"maxUnavailable": 1, "selector": {"matchLabels": {"app": "x"}, "matchExpressions": [expression]}})
        };
        assert_eq!(check(&[budget(&values(super::MOST - 2))]), [""; 0]);
        assert_eq!(check(&[budget(&values(super::MOST - 1))]), ["pod-placement /spec/selector"]);
    }

    #[test]
    fn a_pod_has_one_budget() {
        let web = || manifest(&workload("Deployment", "web", &json!(2)));
        let of = |name: &str| budget(&json!({"maxUnavailable": 1, "selector": {"matchLabels": {"app": name}}}));
        let mut own = of("web");
        own.origin = template(&json!({})).origin;
        assert_eq!(check(&[web(), of("web"), of("other"), budget(&json!({"maxUnavailable": 1}))]), [""; 0]);
        assert_eq!(check(&[web(), of("web"), of("web")]), ["pod-placement /spec/selector"]);
        assert_eq!(check(&[web(), own, of("web")]), ["pod-placement /spec/selector"]);
    }
}
