//! Quotas that count something.
//!
//! Source: `ValidateResourceQuotaSpec` of Kubernetes 1.36.

use super::common::{Count, Quota, amounts, count, finding, unmeant};
use crate::{
    finding::{Finding, Rule, Severity, meant, visible},
    input::scalar::{is_dns_name, is_name_part},
    objects::Object,
    value::child,
};

/// About every `ResourceQuota` that goes out, and about the guardrails' profiles that make one.
pub static RESOURCE_QUOTA: Rule = Rule {
    code: "resource-quota",
    severity: Severity::Error,
    summary: "a ResourceQuota counts what Kubernetes can count",
    explanation: "The keys of `spec.hard` are Kubernetes' own (`requests.cpu`, `limits.memory`, `pods`, \
        `persistentvolumeclaims`, …), `count/RESOURCE.GROUP`, `requests.DEVICE` for extended resources (only requests are \
        counted: `limits.nvidia.com/gpu` is taken and never counted), and \
        `CLASS.storageclass.storage.k8s.io/requests.storage` or `…/persistentvolumeclaims`. Values are quantities, whole \
        numbers where objects are counted, and of memory neither fewer than a million bytes without a unit nor a fraction of one.",
};

/// Keys of a quota that count objects; a half of one is none.
const COUNTED: [&str; 9] = [
    "pods",
    "services",
    "replicationcontrollers",
    "resourcequotas",
    "secrets",
    "configmaps",
    "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
];

/// Keys of a quota that add amounts up.
const MEASURED: [&str; 10] = [
    "cpu",
    "memory",
    "ephemeral-storage",
    "requests.cpu",
    "requests.memory",
    "requests.storage",
    "requests.ephemeral-storage",
    "limits.cpu",
    "limits.memory",
    "limits.ephemeral-storage",
];

/// What a quota counts, and how much of it.
pub(super) fn read<'a>(object: &'a Object, findings: &mut Vec<Finding>) -> Quota<'a> {
    let pointer = "/spec/hard";
    let hard = amounts(&RESOURCE_QUOTA, object, &|| pointer.to_owned(), object.value.at(&["spec", "hard"]), findings);
    for (key, quantity) in &hard {
        if let Err(message) = countable(key) {
            findings.push(finding(&RESOURCE_QUOTA, object, child(pointer, key), message));
        } else if is_whole(key) && quantity.nano % 1_000_000_000 != 0 {
            let message = format!("`{}` is {quantity}, but objects and devices are counted whole", visible(key));
            findings.push(finding(&RESOURCE_QUOTA, object, child(pointer, key), message));
        } else if let Some(Count::Amount { resource, .. }) = count(key)
            && let Some((what, _)) = unmeant(resource, quantity, None)
        {
            let message = format!("`{key}` is {quantity}, {what}: its unit, such as `Gi`, is missing");
            findings.push(finding(&RESOURCE_QUOTA, object, child(pointer, key), message));
        }
    }
    let quota = Quota { object, hard };
    scopes(&quota, findings);
    quota
}

/// Whether Kubernetes counts what a quota's key names, or why not.
pub(super) fn countable(key: &str) -> Result<(), String> {
    let shown = visible(key);
    let hugepages = key.strip_prefix("requests.").unwrap_or(key).starts_with("hugepages-");
    let Some((domain, name)) = key.split_once('/') else {
        if COUNTED.contains(&key) || MEASURED.contains(&key) || hugepages {
            return Ok(());
        }
        let hint = meant(key, COUNTED.into_iter().chain(MEASURED)).unwrap_or_default();
        return Err(format!("`{shown}` is nothing that a quota counts{hint}"));
    };
    if domain == "count" {
        let (resource, group) = name.split_once('.').map_or((name, None), |(resource, group)| (resource, Some(group)));
        let plural = !resource.is_empty() && resource.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let good = plural && group.is_none_or(is_dns_name);
        return if good { Ok(()) } else { Err(format!("`{shown}` names no resource; allowed: `count/jobs.batch`")) };
    }
    if !is_dns_name(domain) || !is_name_part(name) {
        return Err(format!("`{shown}` is no name of a resource"));
    }
    for (class, names) in [
        (".storageclass.storage.k8s.io", &["requests.storage", "persistentvolumeclaims"][..]),
        (".deviceclass.resource.k8s.io", &["devices"]),
    ] {
        if domain.ends_with(class) {
            return if names.contains(&name) {
                Ok(())
            } else {
                Err(format!("`{shown}` is nothing that a quota counts; after `{class}/` stands {}", names.join(" or ")))
            };
        }
    }
    if domain.starts_with("requests.") {
        return Ok(());
    }
    let device = domain.strip_prefix("limits.").unwrap_or(domain);
    Err(format!("`{shown}` is never counted: of devices, only requests are; allowed: `requests.{device}/{name}`"))
}

fn is_whole(key: &str) -> bool {
    COUNTED.contains(&key) || key.starts_with("count/") || key.starts_with("requests.") && key.contains('/')
}

/// A scope that cannot hold what is counted is refused by the API server.
fn scopes(Quota { object, hard }: &Quota<'_>, findings: &mut Vec<Finding>) {
    let list = object.value.items_at(&["spec", "scopes"]).iter().enumerate();
    let list = list.map(|(index, scope)| (format!("/spec/scopes/{index}"), scope.as_str().unwrap_or_default()));
    let expressions = object.value.items_at(&["spec", "scopeSelector", "matchExpressions"]).iter();
    let expressions = expressions.enumerate().map(|(index, expression)| {
        let name = expression.str_at(&["scopeName"]).unwrap_or_default();
        (format!("/spec/scopeSelector/matchExpressions/{index}/scopeName"), name)
    });
    for (pointer, scope) in list.chain(expressions) {
        let counts = |key: &str| match scope {
            "BestEffort" => key == "pods",
            "VolumeAttributesClass" => matches!(key, "persistentvolumeclaims" | "requests.storage"),
            _ => key == "pods" || matches!(key.rsplit('.').next(), Some("cpu" | "memory")),
        };
        let known = [
            "BestEffort",
            "NotBestEffort",
            "Terminating",
            "NotTerminating",
            "PriorityClass",
            "CrossNamespacePodAffinity",
            "VolumeAttributesClass",
        ];
        if !known.contains(&scope) {
            let message = format!("`{}` is no scope of a quota; allowed: {}", visible(scope), known.join(", "));
            findings.push(finding(&RESOURCE_QUOTA, object, pointer, message));
        } else if let Some((key, _)) = hard.iter().find(|(key, _)| !key.contains('/') && !counts(key)) {
            let message = format!("scope `{scope}` cannot count `{}`", visible(key));
            findings.push(finding(&RESOURCE_QUOTA, object, pointer, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::rules::common::test::{below, places};
    use crate::rules::limit_range::tests::{check, quota, range};

    #[test]
    fn a_quota_counts_what_can_be_counted() {
        let good = json!({"requests.cpu": "1500m", "limits.memory": "8Gi", "pods": 15, "count/jobs.batch": "50", "count/secrets": "1",
            "requests.nvidia.com/gpu": "0", "services.loadbalancers": "0", "requests.hugepages-2Mi": "1Gi",
            "gold.storageclass.storage.k8s.io/requests.storage": "20Gi", "count/httproutes.gateway.networking.k8s.io": 5});
        let open = range(&json!([{"type": "Container", "default": {"cpu": 1, "memory": "1Gi"}}]));
        assert_eq!(places(&check(&[open, quota("a", &json!({"hard": good}))])), [""; 0]);
        let cases = [
            ("limits.nvidia.com/gpu", json!("1"), false),
            ("nvidia.com/gpu", json!("1"), false),
            ("request.cpu", json!("1"), false),
            ("count/", json!("1"), false),
            ("count/Jobs.batch", json!("1"), false),
            ("count/jobs.", json!("1"), false),
            ("gold.storageclass.storage.k8s.io/limits.storage", json!("1"), false),
            ("a b/c", json!("1"), false),
            ("pods", json!("1500m"), false),
            ("count/secrets", json!("1500m"), false),
            ("requests.nvidia.com/gpu", json!("1500m"), false),
            ("pods", json!("many"), false),
            ("pods", json!(true), false),
            ("secrets", json!("3"), true),
        ];
        for (key, value, fine) in cases {
            let pointer = format!("resource-quota /spec/hard/{}", key.replace('/', "~1"));
            let found = places(&check(&[quota("a", &json!({"hard": {key: value}}))]));
            assert_eq!(found, if fine { vec![] } else { vec![pointer] }, "{key} {value}");
        }
        let cases = [
            (json!({"hard": {"pods": 1}, "scopes": ["BestEffort"]}), vec![]),
            (
                json!({"hard": {"pods": 1, "services": 1}, "scopes": ["BestEffort", "Best"]}),
                vec!["/spec/scopes/0", "/spec/scopes/1"],
            ),
            (
                json!({"hard": {"pods": 0}, "scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass"}]}}),
                vec![],
            ),
            (
                json!({"hard": {"services": 0}, "scopeSelector": {"matchExpressions": [{"scopeName": "PriorityClass"}]}}),
                vec!["/spec/scopeSelector/matchExpressions/0/scopeName"],
            ),
        ];
        for (spec, expected) in cases {
            assert_eq!(places(&check(&[quota("a", &spec)])), below("resource-quota ", &expected), "{spec}");
        }
    }
}
