//! An empty list of peers or ports is no closed door.

use super::{Bounds, common::finding};
use crate::{
    finding::{Finding, Rule, Severity},
    objects::Object,
    value::{Value, child},
};

/// What `check` finds in any object: to a `NetworkPolicy`, an empty list is everybody.
pub static OPEN_NETWORK_POLICY: Rule = Rule {
    code: "open-network-policy",
    severity: Severity::Error,
    summary: "no network policy has an empty list of peers or ports",
    explanation: "To Kubernetes an empty `to`, `from` or `ports` is everybody, or every port (`NetworkPolicyEgressRule` in its API), and \
                  to Cilium some lists are that, too. A template comes to one where a list of its facts is empty. Who means everything \
                  leaves the field out.",
};

pub(crate) fn check(object: &Object, _: &Bounds<'_>, findings: &mut Vec<Finding>) {
    // A manifest is none: rule `manifest-kind`.
    let is_policy = match object.kind() {
        "NetworkPolicy" => object.group() == "networking.k8s.io",
        "CiliumNetworkPolicy" | "CiliumClusterwideNetworkPolicy" => object.group() == "cilium.io",
        _ => false,
    };
    if !is_policy || object.is_manifest() {
        return;
    }
    // Cilium has `specs`, too.
    for spec in ["spec", "specs"] {
        if let Some(value) = object.value.get(spec) {
            walk(value, &|| format!("/{spec}"), &mut |pointer, key| {
                let what = if matches!(key, "ports" | "toPorts") { "every port" } else { "everybody" };
                let message = format!("`{key}` is empty, which is {what}: leave it out if that is meant");
                findings.push(finding(&OPEN_NETWORK_POLICY, object, pointer, message));
            });
        }
    }
}

/// Every list of peers or ports without an entry: `to`, `toPorts`, `fromEndpoints`, `ports` and so on.
fn walk(value: &Value, pointer: &dyn Fn() -> String, empty: &mut dyn FnMut(String, &str)) {
    match value {
        Value::Map(map) => {
            for (key, value) in map.iter() {
                let is_list = key == "ports" || key.starts_with("to") || key.starts_with("from");
                let pointer = || child(&pointer(), key);
                if is_list && matches!(value, Value::List(items) if items.is_empty()) {
                    empty(pointer(), key);
                }
                walk(value, &pointer, empty);
            }
        }
        Value::List(items) => {
            for (index, value) in items.iter().enumerate() {
                walk(value, &|| format!("{}/{index}", pointer()), empty);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use crate::rules::common::test::{below, found, manifest, places, template};

    fn policy(version: &str, kind: &str, spec: impl serde::Serialize) -> Json {
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": "a"}, "spec": spec})
    }

    #[test]
    fn empty_lists_are_refused_and_missing_ones_are_not() {
        let kubernetes = |spec: Json| policy("networking.k8s.io/v1", "NetworkPolicy", spec);
        let cilium = |spec: Json| policy("cilium.io/v2", "CiliumNetworkPolicy", spec);
        let peers = json!([{"podSelector": {}}]);
        let cases: &[(Json, &[&str])] = &[
            (kubernetes(json!({"podSelector": {}, "policyTypes": ["Egress"], "egress": []})), &[]),
            (kubernetes(json!({"egress": [{"to": peers}], "ingress": [{"from": peers}, {}]})), &[]),
            (kubernetes(json!({"egress": [{"to": [{"ipBlock": {"cidr": "::/0", "except": []}}]}]})), &[]),
            (kubernetes(json!({"egress": [{"to": []}]})), &["/spec/egress/0/to"]),
            (
                kubernetes(json!({"egress": [{"to": peers}, {"to": [], "ports": []}]})),
                &["/spec/egress/1/to", "/spec/egress/1/ports"],
            ),
            (kubernetes(json!({"ingress": [{"from": []}]})), &["/spec/ingress/0/from"]),
            (
                cilium(json!({"egress": [{"toFQDNs": [], "toPorts": [{"ports": []}]}]})),
                &["/spec/egress/0/toFQDNs", "/spec/egress/0/toPorts/0/ports"],
            ),
            (cilium(json!({"ingress": [{"fromEntities": []}]})), &["/spec/ingress/0/fromEntities"]),
            (policy("acme.dev/v1", "NetworkPolicy", json!({"egress": [{"to": []}]})), &[]),
            (policy("v1", "Service", json!({"ports": []})), &[]),
        ];
        for (json, expected) in cases {
            let mut found = places(&found(super::check, &template(json)));
            let mut expected = below("open-network-policy ", expected);
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{json}");
        }
        let manifest = manifest(&kubernetes(json!({"egress": [{"to": []}]})));
        assert!(found(super::check, &manifest).is_empty(), "that rule is another");
    }
}
