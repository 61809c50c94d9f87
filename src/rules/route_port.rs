//! A route to a Service of a manifest names its ports.
//!
//! Source: Kubernetes' `ServicePort`: `targetPort` left out is `port`; a name is one of the Pods' ports, and each Pod's may
//! have another number.

use std::collections::BTreeSet;

use super::{
    Bounds,
    common::{shown, stated},
    hint,
    reference::UNKNOWN_REFERENCE,
};
use crate::{
    finding::{Finding, InputFile, Owner, Rule, Severity, Subject},
    input::{policy::Route, scalar::Port},
    objects::Object,
    value::Value,
};

/// What `check` finds in a Service of a manifest that a route leads to.
pub static ROUTE_PORT: Rule = Rule {
    code: "route-port",
    severity: Severity::Error,
    summary: "a route to a Service of a manifest names its port, and its Pods' port",
    explanation: "The network policy that lets the ingress controller in counts the Pods' ports, those behind the Service: with \
        `ports: [{port: 80, targetPort: 8080}]`, a route with `port: 80` also needs `targetPort: 8080`, or every request ends at \
        the policy. The same with a `targetPort` that is a name, whose number the containers say.\n\n\
        Of Services that a child Application brings, dayfly knows nothing: there nobody checks it.",
};

pub(crate) fn check(object: &Object, bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    if object.kind() != "Service" {
        return;
    }
    for (index, route) in bounds.routes.iter().enumerate().filter(|(_, route)| *route.service == *object.name()) {
        // Without a port, it leads nowhere, which was reported.
        let Some(port) = route.port else { continue };
        if let Some((field, message)) = refusal(object, route, port) {
            // It is mended at the route, wherever the manifest comes from.
            let subject = Subject::Input(InputFile::Policy, format!("/spec/routes/{index}{field}"));
            findings.push(Finding::new(&ROUTE_PORT, Owner::Team, subject, message));
        }
    }
}

/// Reports routes to Services that nobody makes. A child Application may bring any.
pub(crate) fn check_services(objects: &[Object], bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    if bounds.has_application {
        return;
    }
    let services = objects.iter().filter(|object| object.kind() == "Service").map(Object::name);
    let services: BTreeSet<&str> = if bounds.routes.is_empty() { BTreeSet::new() } else { services.collect() };
    let first = findings.len();
    for (index, route) in bounds.routes.iter().enumerate() {
        if !services.contains(&*route.service) {
            let hint = hint(findings.len() - first, &route.service, services.iter().copied());
            let message = format!("nothing makes a Service `{}`{hint}", route.service);
            let subject = Subject::Input(InputFile::Policy, format!("/spec/routes/{index}/service"));
            findings.push(Finding::new(&UNKNOWN_REFERENCE, Owner::Team, subject, message));
        }
    }
}

/// What is wrong with a route's ports, if anything: the field below the route, and what to say.
fn refusal(service: &Object, route: &Route, port: Port) -> Option<(&'static str, String)> {
    let name = &route.service;
    let ports = service.value.items_at(&["spec", "ports"]);
    let tcp = || ports.iter().filter(|port| stated(port, "protocol").is_none_or(|word| word.as_str() == Some("TCP")));
    let number = |value: Option<&Value>| match value {
        Some(Value::Int(number)) => u16::try_from(*number).ok(),
        _ => None,
    };
    let Some(found) = tcp().find(|found| number(found.get("port")) == Some(port.get())) else {
        let own: Vec<String> = tcp().filter_map(|port| stated(port, "port")).map(shown).collect();
        let own = if own.is_empty() { "none".to_owned() } else { own.join(", ") };
        return Some(("/port", format!("the Service `{name}` has no port {port} for TCP; it has: {own}")));
    };
    let behind = stated(found, "targetPort");
    let (said, place) = match route.target_port {
        Some(said) => (said, "/targetPort"),
        None => (port, ""),
    };
    match behind {
        None if said == port => None,
        Some(Value::Int(_)) if number(behind) == Some(said.get()) => None,
        // Which number it is, the Pods say, and each may say another.
        Some(Value::String(_)) if route.target_port.is_some() => None,
        _ => {
            let behind = behind.map_or_else(|| format!("`{port}`"), shown);
            let message = format!(
                "port {port} of the Service `{name}` leads to the Pods' port {behind}, not to {said}: its number belongs here as `targetPort`"
            );
            Some((place, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::rules::common::test::{manifest, with_bounds};
    use crate::{input::policy::Route, rules::Bounds};

    fn route(port: Option<u16>, target_port: Option<u16>) -> Route {
        let route =
            json!({"name": "web", "service": "web", "access": "staff", "port": port, "targetPort": target_port});
        serde_json::from_value(route).expect("a route")
    }

    #[test]
    fn a_route_names_the_ports_of_its_service() {
        let (two, named) =
            (json!([{"port": 80, "targetPort": 8080}, {"port": 443}]), json!([{"port": 80, "targetPort": "http"}]));
        let cases = [
            (&json!([{"port": 80}]), Some(80), None, ""),
            (&json!([{"port": 80}]), Some(80), Some(80), ""),
            (&json!([{"port": 80, "targetPort": null}]), Some(80), None, ""),
            (&json!([{"port": 80, "targetPort": 80}]), Some(80), None, ""),
            (&json!([{"port": 80}]), None, None, ""),
            (&json!([{"port": 80}]), Some(80), Some(8080), "/spec/routes/0/targetPort"),
            (&two, Some(80), Some(8080), ""),
            (&two, Some(443), None, ""),
            (&two, Some(80), None, "/spec/routes/0"),
            (&two, Some(80), Some(8081), "/spec/routes/0/targetPort"),
            (&two, Some(443), Some(8080), "/spec/routes/0/targetPort"),
            (&two, Some(8080), None, "/spec/routes/0/port"),
            (&named, Some(80), None, "/spec/routes/0"),
            (&named, Some(80), Some(3000), ""),
            (&json!([{"port": 53, "protocol": "UDP"}]), Some(53), None, "/spec/routes/0/port"),
            (
                &json!([{"port": 80, "protocol": "UDP", "targetPort": 1}, {"port": 80, "protocol": "TCP"}]),
                Some(80),
                None,
                "",
            ),
            (&json!([]), Some(80), None, "/spec/routes/0/port"),
            (&json!([{"port": 80, "targetPort": 65616}]), Some(80), None, "/spec/routes/0"),
        ];
        for (ports, port, target_port, expected) in cases {
            let json =
                json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}, "spec": {"ports": ports}});
            let routes = [route(port, target_port)];
            let found = |object| {
                let mut findings = Vec::new();
                with_bounds(|bounds| super::check(&object, &Bounds { routes: &routes, ..*bounds }, &mut findings));
                findings
                    .iter()
                    .map(|finding| finding.location().pointer.unwrap_or_default())
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            assert_eq!(found(manifest(&json)), expected, "{ports} {port:?} {target_port:?}");
            let mut other = json.clone();
            other["metadata"]["name"] = json!("db");
            assert_eq!(found(manifest(&other)), "", "another Service: {ports}");
        }
    }
}
