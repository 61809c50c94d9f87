//! Selectors of manifests take the Pods that they are for, with the labels that those get from dayfly.

use std::collections::HashSet;

use super::{
    Bounds, MOST,
    common::{PodLabels, conditions, expression_fits, finding, own_labels, pod_labels, shown, stated, stated_labels},
};
use crate::{
    finding::{Finding, Rule, Severity, visible},
    objects::Object,
    value::{Value, child},
};

/// What `check` finds among manifests: who would take whose Pods.
pub static SELECTOR_MISMATCH: Rule = Rule {
    code: "selector-mismatch",
    severity: Severity::Error,
    summary: "a manifest's selectors take the Pods that they are for",
    explanation: "Kubernetes refuses a Deployment, StatefulSet or Job whose `selector` does not take the Pods of its own \
        `template`, and a Service that takes none answers nobody. dayfly sets `app.kubernetes.io/managed-by`, \
        `app.kubernetes.io/part-of` and labels of `dayfly.dev` on every Pod, whatever the manifest says there: a selector \
        with another value of theirs takes none. Select by a label of your own, such as `app.kubernetes.io/name`.",
};

/// Source: `ValidateDeploymentSpec` and `ValidateStatefulSetSpec` in Kubernetes 1.36, `pkg/apis/apps/validation/validation.go`, and
/// `ValidateJobSpec` in `pkg/apis/batch/validation/validation.go`.
pub(crate) fn check(objects: &[Object], bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let set = |key: &str| bounds.labels.and_then(|labels| labels.get(key)).and_then(Value::as_str);
    let mut overridden = HashSet::new();
    let first = findings.len();
    for object in objects.iter().filter(|object| object.is_manifest()) {
        if findings.len() - first > MOST {
            return;
        }
        let Some(labels) = pod_labels(object, bounds.labels) else { continue };
        let stated = own_labels(object).into_iter().flatten();
        overridden.extend(stated.filter(|(key, value)| set(key).is_some_and(|set| set != *value)));
        workload(object, &labels, &set, findings);
    }
    for object in objects.iter().filter(|object| object.is_manifest() && object.kind() == "Service") {
        for (key, value) in object.value.entries_at(&["spec", "selector"]) {
            if let (Some(set), Some(text)) = (set(key), value.as_str())
                && overridden.contains(&(key, text))
            {
                findings.push(is_set(object, child("/spec/selector", key), key, text, set));
            }
        }
    }
}

/// Whether the selector of what makes Pods takes them.
fn workload<'l>(
    object: &Object,
    labels: &PodLabels<'_>,
    set: &dyn Fn(&str) -> Option<&'l str>,
    findings: &mut Vec<Finding>,
) {
    let Some(spec) = object.value.get("spec") else { return };
    let selector = stated(spec, "selector");
    // Of any other Job, Kubernetes makes it.
    let is_own = match object.kind() {
        "Deployment" | "StatefulSet" => true,
        "Job" => stated(spec, "manualSelector") == Some(&Value::Bool(true)),
        _ => false,
    };
    if !is_own {
        return;
    }
    let Some(selector) = selector.filter(|selector| conditions(selector) > 0) else {
        let message = "there is no selector; allowed: one that takes the Pods of `template`";
        let help = "write labels of `template.metadata.labels` into `selector.matchLabels`";
        findings.push(finding(&SELECTOR_MISMATCH, object, "/spec/selector", message).help(help));
        return;
    };
    for (key, wanted) in selector.entries_at(&["matchLabels"]) {
        let found = labels.get(key).copied();
        if found.is_some() && found == wanted.as_str() {
            continue;
        }
        let pointer = child("/spec/selector/matchLabels", key);
        if let (Some(wanted), Some(set)) = (wanted.as_str(), set(key).filter(|set| found == Some(*set))) {
            findings.push(is_set(object, pointer, key, wanted, set));
            continue;
        }
        let found = match found {
            Some(found) => format!("`{}`", visible(found)),
            // That it is a number, another rule says.
            None if stated_labels(object).is_some_and(|mut own| own.any(|(own, _)| own == key)) => {
                "no text there".to_owned()
            }
            None => "no such label".to_owned(),
        };
        let message = format!("the selector wants {} of `{}`, but its Pods have {found}", shown(wanted), visible(key));
        let help = "write it into `template.metadata.labels`, too";
        findings.push(finding(&SELECTOR_MISMATCH, object, pointer, message).help(help));
    }
    for (index, expression) in selector.items_at(&["matchExpressions"]).iter().enumerate() {
        if !expression_fits(expression, labels) {
            let key = expression.str_at(&["key"]).unwrap_or_default();
            let message = format!("the selector's expression about `{}` does not take its own Pods", visible(key));
            let pointer = format!("/spec/selector/matchExpressions/{index}");
            let help = "`matchLabels` with the labels of `template.metadata.labels` does";
            findings.push(finding(&SELECTOR_MISMATCH, object, pointer, message).help(help));
        }
    }
}

fn is_set(object: &Object, pointer: String, key: &str, wanted: &str, set: &str) -> Finding {
    let message = format!(
        "the selector wants `{}` of `{}`, but dayfly sets that to `{}` on every Pod",
        visible(wanted),
        visible(key),
        visible(set)
    );
    let help = "select by a label of your own, such as `app.kubernetes.io/name`";
    finding(&SELECTOR_MISMATCH, object, pointer, message).help(help)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::{
        finding::Finding,
        objects::Object,
        rules::{
            Bounds,
            common::test::{below, manifest, places, template},
        },
        value::to_value,
    };

    fn check(objects: &[Object]) -> Vec<Finding> {
        let labels = to_value(&json!({"app.kubernetes.io/part-of": "shop", "dayfly.dev/team": "checkout"}));
        let mut findings = Vec::new();
        super::check(objects, &Bounds { labels: labels.as_map(), ..Bounds::default() }, &mut findings);
        findings
    }

    fn workload(kind: &str, selector: &Json, labels: &Json) -> Json {
        let version = if kind.ends_with("Job") { "batch/v1" } else { "apps/v1" };
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": "x"}, "spec": {
            "selector": selector, "template": {"metadata": {"labels": labels}, "spec": {}}}})
    }

    #[test]
    fn a_selector_takes_its_own_pods() {
        let own = json!({"app": "x", "app.kubernetes.io/part-of": "mine"});
        let part_of = "/spec/selector/matchLabels/app.kubernetes.io~1part-of";
        let expression =
            |operator: &str| json!({"matchExpressions": [{"key": "app", "operator": operator, "values": ["x"]}]});
        let cases = [
            (json!({"matchLabels": {"app": "x"}}), vec![]),
            (json!({"matchLabels": {"app": "x", "app.kubernetes.io/part-of": "shop"}}), vec![]),
            (json!({"matchLabels": {"app.kubernetes.io/part-of": "mine"}}), vec![part_of]),
            (
                json!({"matchLabels": {"app": "y", "tier": "web"}}),
                vec!["/spec/selector/matchLabels/app", "/spec/selector/matchLabels/tier"],
            ),
            (json!({"matchLabels": {"app": null}}), vec!["/spec/selector/matchLabels/app"]),
            (expression("In"), vec![]),
            (expression("NotIn"), vec!["/spec/selector/matchExpressions/0"]),
            (expression("Exists"), vec![]),
            (json!({}), vec!["/spec/selector"]),
            (json!(null), vec!["/spec/selector"]),
        ];
        for (selector, expected) in cases {
            let expected = below("selector-mismatch ", &expected);
            for kind in ["Deployment", "StatefulSet"] {
                let object = manifest(&workload(kind, &selector, &own));
                assert_eq!(places(&check(&[object])), expected, "{kind} {selector}");
            }
            // Kubernetes makes a Job's, unless it is told not to.
            let mut job = workload("Job", &selector, &own);
            assert_eq!(places(&check(&[manifest(&job)])), [""; 0], "{selector}");
            job["spec"]["manualSelector"] = json!(true);
            assert_eq!(places(&check(&[manifest(&job)])), expected, "{selector}");
        }
        assert_eq!(places(&check(&[template(&workload("Deployment", &json!({}), &own))])), [""; 0]);
        // A Job's Pods are not marked with what a policy may say otherwise tomorrow.
        let said = |selector: &Json, labels: &Json| {
            let found = check(&[manifest(&workload("Deployment", selector, labels))]);
            found.into_iter().map(|finding| finding.message).collect::<Vec<_>>()
        };
        let mine =
            "the selector wants `mine` of `app.kubernetes.io/part-of`, but dayfly sets that to `shop` on every Pod";
        assert_eq!(said(&json!({"matchLabels": {"app.kubernetes.io/part-of": "mine"}}), &own), [mine]);
        let number = "the selector wants `a` of `b`, but its Pods have no text there";
        assert_eq!(said(&json!({"matchLabels": {"b": "a"}}), &json!({"b": 1})), [number]);
        let team = json!({"matchLabels": {"dayfly.dev/team": "checkout"}});
        let mut job = workload("Job", &team, &own);
        job["spec"]["manualSelector"] = json!(true);
        let expected = ["selector-mismatch /spec/selector/matchLabels/dayfly.dev~1team"];
        let found = check(&[manifest(&job)]);
        assert_eq!(places(&found), expected);
        assert!(found[0].message.ends_with("but its Pods have no such label"), "{}", found[0].message);
        assert_eq!(places(&check(&[manifest(&workload("Deployment", &team, &own))])), [""; 0]);
    }

    /// Those that no manifest has may be a child Application's.
    #[test]
    fn a_service_takes_pods_as_they_are() {
        let service = |part_of: &str| {
            manifest(&json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x"}, "spec": {
                "selector": {"app": "x", "app.kubernetes.io/part-of": part_of}}}))
        };
        let cron_job = |part_of: &str| {
            manifest(
                &json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "x"}, "spec": {"jobTemplate": {
                "spec": {"template": {"metadata": {"labels": {"app.kubernetes.io/part-of": part_of}}, "spec": {}}}}}}),
            )
        };
        let mismatch = ["selector-mismatch /spec/selector/app.kubernetes.io~1part-of"];
        for (selected, stated, expected) in
            [("mine", "mine", &mismatch[..]), ("shop", "mine", &[]), ("shop", "shop", &[]), ("child", "mine", &[])]
        {
            assert_eq!(places(&check(&[service(selected), cron_job(stated)])), expected, "{selected} {stated}");
        }
    }
}
