//! The way in is described completely.

use crate::{
    finding::{Rule, Severity},
    input::guardrails::{Controller, Implementation, Ingress, RouteKind},
};

/// What `inconsistent` finds in the guardrails.
pub static INGRESS_INCOMPLETE: Rule = Rule {
    code: "ingress-incomplete",
    severity: Severity::Error,
    summary: "the guardrails' `ingress` fits together",
    explanation: "`HTTPRoute` needs a `gateway` (`NAMESPACE/NAME`), `Ingress` a `class`; Envoy only knows HTTPRoutes, Nginx only Ingresses. Of \
                  `Standard` nobody knows where its requests come from, so it needs a `controller`, which has a `namespace`, `cidrs` or \
                  both: requests from anywhere else are refused by the network policies. Only Traefik takes `trustedHops` from a route: Envoy has \
                  `clientIPDetection` in its ClientTrafficPolicy, ingress-nginx `use-forwarded-headers` in its ConfigMap.",
};

/// What is missing or does not fit: a pointer and a message each.
pub(crate) fn inconsistent(ingress: &Ingress) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    match ingress.kind {
        RouteKind::HttpRoute => match &ingress.gateway {
            None => found.push(("/spec/ingress", "`HTTPRoute` needs a `gateway`".to_owned())),
            Some(gateway)
                if gateway.split('/').count() != 2 || !gateway.split('/').all(crate::input::scalar::is_dns_name) =>
            {
                found.push(("/spec/ingress/gateway", format!("`{gateway}` is no `NAMESPACE/NAME`")));
            }
            Some(_) => {}
        },
        RouteKind::Ingress if ingress.class.is_none() => {
            found.push(("/spec/ingress", "`Ingress` needs a `class`".to_owned()));
        }
        RouteKind::Ingress => {}
    }
    match (ingress.kind, ingress.implementation) {
        (RouteKind::HttpRoute, Implementation::Nginx) => {
            found.push(("/spec/ingress/implementation", "`Nginx` only knows `kind: Ingress`".to_owned()));
        }
        (RouteKind::Ingress, Implementation::Envoy) => {
            found.push(("/spec/ingress/implementation", "`Envoy` only knows `kind: HTTPRoute`".to_owned()));
        }
        _ => {}
    }
    if ingress.trusted_hops.is_some() && ingress.implementation != Implementation::Traefik {
        let message = format!(
            "only Traefik is told `trustedHops` by a route: of {:?} it is a setting of its own",
            ingress.implementation
        );
        found.push(("/spec/ingress/trustedHops", message));
    }
    match &ingress.controller {
        None if usual_namespace(ingress.implementation).is_none() => {
            let message = "`Standard` says nothing about where requests come from: add a `controller`";
            found.push(("/spec/ingress", message.to_owned()));
        }
        Some(Controller { namespace: None, cidrs, pod_labels }) => {
            let controller = "/spec/ingress/controller";
            if !pod_labels.is_empty() {
                found.push((controller, "`podLabels` say nothing without a `namespace`".to_owned()));
            } else if cidrs.is_empty() {
                found.push((controller, "neither `namespace` nor `cidrs` says where requests come from".to_owned()));
            }
        }
        _ => {}
    }
    found
}

/// Where an implementation's Pods run, unless the guardrails say otherwise.
pub(crate) fn usual_namespace(implementation: Implementation) -> Option<&'static str> {
    match implementation {
        Implementation::Traefik => Some("traefik"),
        Implementation::Envoy => Some("envoy-gateway-system"),
        Implementation::Nginx => Some("ingress-nginx"),
        Implementation::Standard => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Ingress, inconsistent};

    #[test]
    fn a_gateway_is_a_namespace_and_a_name() {
        for (gateway, fine) in [
            ("a/b", true),
            ("a", false),
            ("a/b/c", false),
            ("A/b", false),
            ("a/", false),
            ("/b", false),
            ("a b/c", false),
        ] {
            let ingress: Ingress = serde_json::from_value(serde_json::json!({"gateway": gateway})).unwrap();
            let found: Vec<_> = inconsistent(&ingress).into_iter().map(|(pointer, _)| pointer).collect();
            assert_eq!(found, if fine { vec![] } else { vec!["/spec/ingress/gateway"] }, "{gateway}");
        }
    }

    #[test]
    fn where_requests_come_from_is_known() {
        let said = |fields: &str| {
            let ingress: Ingress =
                serde_json::from_str(&format!("{{\"gateway\": \"a/b\", \"class\": \"c\", {fields}}}")).unwrap();
            inconsistent(&ingress).into_iter().map(|(pointer, _)| pointer).collect::<Vec<_>>()
        };
        for implementation in ["Traefik", "Envoy"] {
            assert!(said(&format!(r#""implementation": "{implementation}""#)).is_empty(), "{implementation}");
        }
        assert!(said(r#""implementation": "Nginx", "kind": "Ingress""#).is_empty());
        assert_eq!(said(r#""implementation": "Standard""#), ["/spec/ingress"]);
        assert!(said(r#""trustedHops": 2"#).is_empty());
        assert_eq!(said(r#""trustedHops": 2, "implementation": "Envoy""#), ["/spec/ingress/trustedHops"]);
        for controller in [
            r#""namespace": "haproxy""#,
            r#""namespace": "haproxy", "podLabels": {"app": "haproxy"}"#,
            r#""cidrs": ["10.0.0.0/16"]"#,
            r#""namespace": "haproxy", "cidrs": ["10.0.0.0/16"]"#,
        ] {
            assert!(
                said(&format!(r#""implementation": "Standard", "controller": {{{controller}}}"#)).is_empty(),
                "{controller}"
            );
        }
        for controller in [
            "",
            r#""cidrs": []"#,
            r#""podLabels": {"app": "a"}"#,
            r#""podLabels": {"app": "a"}, "cidrs": ["10.0.0.0/16"]"#,
        ] {
            assert_eq!(
                said(&format!(r#""controller": {{{controller}}}"#)),
                ["/spec/ingress/controller"],
                "{controller}"
            );
        }
    }
}
