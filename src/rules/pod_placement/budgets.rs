//! A manifest's `PodDisruptionBudget` that no Pod may leave keeps its Pods' nodes from being drained.

use std::collections::HashMap;

use super::POD_PLACEMENT;
use crate::{
    finding::Finding,
    objects::Object,
    rules::{
        Bounds,
        containers::{finding, shown, stated},
    },
    value::Value,
};

/// Most budgets that are looked into: each is compared with every workload.
const MOST: usize = 100;

/// Checks all budgets at once.
pub(crate) fn check(objects: &[Object], _: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let is_budget = |object: &&Object| object.is_manifest() && object.kind() == "PodDisruptionBudget";
    let mut budgets = objects.iter().filter(is_budget).peekable();
    if budgets.peek().is_none() {
        return;
    }
    let workloads = workloads(objects);
    for (index, object) in budgets.enumerate() {
        if index == MOST {
            let message = format!("more than {MOST} budgets; allowed: as many as there are workloads to keep");
            findings.push(finding(&POD_PLACEMENT, object, "", message));
            return;
        }
        budget(object, &workloads, findings);
    }
}

fn budget(object: &Object, workloads: &[Workload<'_>], findings: &mut Vec<Finding>) {
    let Some(spec) = object.value.get("spec") else { return };
    let mut refuse = |field: &str, message: String| {
        let message = format!("{message}: nodes could not be drained; allowed: a budget that a Pod may leave");
        let refused = finding(&POD_PLACEMENT, object, format!("/spec/{field}"), message);
        findings.push(refused.help("`maxUnavailable: 1` lets one go at a time"));
    };
    if let Some(value) = stated(spec, "maxUnavailable").filter(|value| amount(value, 100) == Some(0)) {
        refuse("maxUnavailable", format!("`maxUnavailable` is {}", shown(value)));
    }
    if let Some(value) = stated(spec, "minAvailable") {
        let pods = pods(workloads, spec.get("selector"));
        if amount(value, pods).is_some_and(|needed| needed > 0 && needed >= pods) {
            let pods = if pods == 1 { "1 Pod".to_owned() } else { format!("{pods} Pods") };
            refuse("minAvailable", format!("`minAvailable` is {} of {pods}", shown(value)));
        }
    }
}

/// A number, or so many hundredths of all, rounded up as Kubernetes does.
fn amount(value: &Value, all: i64) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        Value::String(text) => {
            let percent: i64 = text.strip_suffix('%').unwrap_or(text).parse().ok()?;
            Some(percent.saturating_mul(all).saturating_add(99) / 100)
        }
        _ => None,
    }
}

/// The labels of a workload's Pods, and how many of them there are.
type Workload<'o> = (Option<&'o Value>, i64);

fn workloads(objects: &[Object]) -> Vec<Workload<'_>> {
    let number = |value: Option<&Value>| match value {
        Some(Value::Int(number)) => *number,
        _ => 1,
    };
    let scalers = objects.iter().filter(|object| object.kind() == "HorizontalPodAutoscaler");
    let scaled: HashMap<_, _> = scalers
        .filter_map(|scaler| {
            let target = |field| scaler.value.str_at(&["spec", "scaleTargetRef", field]);
            Some(((target("kind")?, target("name")?), number(scaler.value.at(&["spec", "minReplicas"]))))
        })
        .collect();
    let workloads = objects.iter().filter(|object| matches!(object.kind(), "Deployment" | "StatefulSet"));
    workloads
        .map(|workload| {
            let stated = || number(workload.value.at(&["spec", "replicas"]));
            let replicas = scaled.get(&(workload.kind(), workload.name())).copied().unwrap_or_else(stated);
            (workload.value.at(&["spec", "template", "metadata", "labels"]), replicas)
        })
        .collect()
}

/// How many Pods a selector takes at least. One that says more than `matchLabels` is not looked into, and takes none.
fn pods(workloads: &[Workload<'_>], selector: Option<&Value>) -> i64 {
    let expressions = selector.and_then(|selector| stated(selector, "matchExpressions"));
    if expressions.is_some_and(|expressions| !expressions.items().is_empty()) {
        return 0;
    }
    let labels = || selector.into_iter().flat_map(|selector| selector.entries_at(&["matchLabels"]));
    let is_taken = |own: Option<&Value>| labels().all(|(key, value)| own.and_then(|own| own.get(key)) == Some(value));
    workloads.iter().filter(|(own, _)| is_taken(*own)).map(|(_, pods)| *pods).fold(0, i64::saturating_add)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::rules::containers::test::{found_in, manifest, places, template};

    fn workload(kind: &str, name: &str, replicas: &Json) -> Json {
        json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {
            "replicas": replicas, "template": {"metadata": {"labels": {"app": name, "all": "x"}}}}})
    }

    #[test]
    fn a_budget_lets_pods_go() {
        let app = |name: &str| json!({"matchLabels": {"app": name}});
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
        ];
        let mut objects = vec![
            manifest(&workload("Deployment", "one", &Json::Null)),
            template(&workload("StatefulSet", "two", &json!(2))),
            manifest(&workload("Deployment", "scaled", &json!(1))),
            manifest(&json!({"kind": "HorizontalPodAutoscaler", "spec": {
                "minReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "scaled"}}})),
        ];
        for (spec, field) in cases {
            let json = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": spec});
            objects.push(manifest(&json));
            let findings = found_in(super::check, &objects);
            let expected = if field.is_empty() { vec![] } else { vec![format!("pod-placement /spec/{field}")] };
            assert_eq!(places(&findings), expected, "{spec}");
            objects.pop();
        }
        let budget = json!({"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "spec": {"maxUnavailable": 1}});
        objects.extend((0..=super::MOST).map(|_| manifest(&budget)));
        let findings = found_in(super::check, &objects);
        assert_eq!(places(&findings), ["pod-placement"]);
    }
}
