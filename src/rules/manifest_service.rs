//! Services of a team's own manifests stay inside the cluster.

use super::{
    Bounds,
    common::{finding, items, shown, stated},
};
use crate::{
    finding::{Finding, Rule, Severity},
    objects::Object,
    value::{Value, child},
};

/// What `check` finds in Services of manifests.
pub static MANIFEST_SERVICE: Rule = Rule {
    code: "manifest-service",
    severity: Severity::Error,
    summary: "a Service of a manifest is of type ClusterIP, and no database's",
    explanation: "A preview is reached through its routes only, where the platform's access rules hold. `LoadBalancer` and \
        `NodePort` open another way in (and cost money), `ExternalName` gives another host this Service's name, \
        `externalIPs` catches the traffic of whoever owns the address (CVE-2020-8554), and a fixed `clusterIP` can be \
        somebody else's. Use `type: ClusterIP`, with `clusterIP: None` for a headless Service.\n\n\
        Nor is it called as a CloudNativePG server of the preview's is reached (`database-main-rw`): who connects there tells \
        a password.",
};

/// Fields that only make sense for the types that are refused.
const REFUSED: [&str; 8] = [
    "externalIPs",
    "externalName",
    "loadBalancerIP",
    "loadBalancerClass",
    "loadBalancerSourceRanges",
    "healthCheckNodePort",
    "externalTrafficPolicy",
    "allocateLoadBalancerNodePorts",
];

pub(crate) fn check(object: &Object, bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    if object.kind() != "Service" {
        return;
    }
    let mut refuse = |pointer: &str, message: String| {
        findings.push(finding(&MANIFEST_SERVICE, object, pointer, message));
    };
    // An embedded server's Service is one of dayfly's objects, and that name taken.
    let mut clusters = bounds.databases.iter().filter(|database| database.cluster.is_some());
    if let Some(database) = clusters.find(|database| database.answers_as(object.name())) {
        let message = format!(
            "the server of the database `{}` is called `{}`: a Service needs another name",
            database.name,
            object.name()
        );
        refuse("/metadata/name", message);
    }
    let Some(spec) = object.value.get("spec") else { return };
    match stated(spec, "type") {
        None => {}
        Some(kind) if kind.as_str() == Some("ClusterIP") => {}
        Some(other) => refuse("/spec/type", format!("the Service is of type {}; allowed is `ClusterIP`", shown(other))),
    }
    for field in REFUSED {
        if spec.get(field).is_some_and(Value::is_truthy) {
            refuse(&child("/spec", field), format!("the Service has `{field}`; allowed is what stays in the cluster"));
        }
    }
    let addresses = items(spec, "clusterIPs").map(|(index, address)| (format!("/spec/clusterIPs/{index}"), address));
    for (pointer, address) in
        stated(spec, "clusterIP").map(|ip| ("/spec/clusterIP".to_owned(), ip)).into_iter().chain(addresses)
    {
        if !matches!(address.as_str(), Some("" | "None")) {
            refuse(
                &pointer,
                format!("the Service asks for the address {}; allowed is `None`, or nothing", shown(address)),
            );
        }
    }
    for (index, port) in items(spec, "ports") {
        if port.get("nodePort").is_some_and(Value::is_truthy) {
            refuse(&format!("/spec/ports/{index}/nodePort"), "the Service asks for a port of every node".to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::rules::common::test::{below, found, manifest, places};

    #[test]
    fn services_stay_inside() {
        let cases = [
            (json!({"ports": [{"port": 80}]}), vec![]),
            (json!({"type": "ClusterIP", "clusterIP": "None", "externalIPs": [], "externalName": ""}), vec![]),
            (json!({"type": null, "ports": [{"port": 80, "nodePort": 0}]}), vec![]),
            (json!({"type": "LoadBalancer"}), vec!["/spec/type"]),
            (
                json!({"type": "NodePort", "ports": [{"port": 80}, {"nodePort": 30080}]}),
                vec!["/spec/type", "/spec/ports/1/nodePort"],
            ),
            (json!({"type": "ExternalName", "externalName": "db.acme.dev"}), vec!["/spec/type", "/spec/externalName"]),
            (json!({"type": 1}), vec!["/spec/type"]),
            (json!({"externalIPs": ["1.1.1.1"]}), vec!["/spec/externalIPs"]),
            (
                json!({"clusterIP": "10.0.0.10", "clusterIPs": ["10.0.0.10"]}),
                vec!["/spec/clusterIP", "/spec/clusterIPs/0"],
            ),
            (json!({"loadBalancerClass": "x"}), vec!["/spec/loadBalancerClass"]),
        ];
        for (spec, expected) in cases {
            let json = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": spec});
            assert_eq!(places(&found(super::check, &manifest(&json))), below("manifest-service ", &expected), "{spec}");
        }
    }
}
