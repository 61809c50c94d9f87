//! The way in is described completely.

use crate::{
    finding::{Rule, Severity},
    input::guardrails::{Implementation, Ingress, RouteKind},
};

pub static INGRESS_INCOMPLETE: Rule = Rule {
    code: "ingress-incomplete",
    severity: Severity::Error,
    summary: "the guardrails' `ingress` fits together",
    explanation: "`HTTPRoute` needs a `gateway` (`NAMESPACE/NAME`), `Ingress` a `class`; Envoy only knows HTTPRoutes, Nginx only Ingresses.",
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
    found
}

/// Where an implementation's Pods run, unless the guardrails say otherwise.
pub(crate) fn usual_namespace(implementation: Implementation) -> &'static str {
    match implementation {
        Implementation::Traefik => "traefik",
        Implementation::Envoy => "envoy-gateway-system",
        Implementation::Nginx => "ingress-nginx",
        Implementation::Standard => "gateway-system",
    }
}
