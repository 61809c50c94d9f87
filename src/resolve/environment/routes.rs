//! What the Environment has of routes, and of how requests come in.

use schemars::JsonSchema;
use serde::Serialize;

use crate::value::Value;

/// One of the policy's `routes`, and how its access is held.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteFacts {
    /// What derived names begin with: `NAME-tls`, `NAME-access`.
    pub name: String,
    /// The host name, one DNS label below `domain`.
    pub host: String,
    /// `https://` with the host, and the path if it is not `/`.
    pub url: String,
    /// Requests to this path and below; `/` is all of the host.
    pub path: String,
    /// The same as an Ingress has it: more than one where the controller takes a prefix for the beginning of a text.
    pub paths: Vec<PathFacts>,
    /// The name of the Service that answers.
    pub service: String,
    /// The Service's.
    pub port: u16,
    /// The Pods', which network policies see.
    pub target_port: u16,
    /// The name of an entry of the guardrails' `access`.
    pub access: String,
    /// Address blocks that may reach it; empty if its access is another.
    pub cidrs: Vec<String>,
    /// The address of an oauth2-proxy, or nothing.
    pub oauth2_proxy: String,
    /// Where it says whether somebody is signed in, or nothing.
    pub auth: String,
    /// Where it signs people in and sends them back, or nothing. To the route, since Traefik puts nothing into it; Nginx puts in what was
    /// asked for.
    pub sign_in: String,
    /// What carries `access`, by implementation: names of Traefik's middlewares, in order.
    pub middlewares: Vec<String>,
    /// Annotations of an Ingress.
    pub annotations: Value,
    /// Whether it is an `HTTPRoute` of the Gateway API; if not, it is an `Ingress`.
    pub is_http_route: bool,
    /// The opposite of `isHttpRoute`.
    pub is_ingress: bool,
    /// Whether a Middleware of Traefik's holds `cidrs`.
    pub traefik_cidrs: bool,
    /// Whether a Middleware of Traefik's asks `oauth2Proxy`.
    pub traefik_sso: bool,
    /// Whether a `SecurityPolicy` of Envoy Gateway's holds `cidrs`.
    pub envoy_cidrs: bool,
    /// An `HTTPRoute`'s parents.
    pub parents: Vec<Parent>,
    /// Whether the preview asks for a certificate and a listener by itself: the first route of a host does; an Ingress has cert-manager
    /// ask.
    pub own_certificate: bool,
    /// The Secret of a certificate for this host, or nothing.
    pub certificate: Option<String>,
}

/// A path in an Ingress's rule.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct PathFacts {
    /// As `type` compares it.
    pub path: String,
    /// `Prefix` or `Exact`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// An item of an `HTTPRoute`'s `parentRefs`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Parent {
    /// `Gateway`, or `ListenerSet` where the preview brings a listener with a certificate of its own.
    pub kind: &'static str,
    /// The parent's namespace.
    pub namespace: String,
    /// The parent's name.
    pub name: String,
    /// The name of the listener: `sectionName`.
    pub section: String,
}

/// The guardrails' `ingress`, as routes need it.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressFacts {
    /// The namespace of the `Gateway`; empty if the guardrails name none.
    pub gateway_namespace: String,
    /// The name of the `Gateway`; empty if the guardrails name none.
    pub gateway: String,
    /// The name of the Gateway's listener, or of Traefik's entry point.
    pub section: String,
    /// The `IngressClass`; null if the guardrails name none.
    pub class: Option<String>,
    /// Which of cert-manager's issuers makes a certificate for each host; null where one is there for all hosts.
    pub cluster_issuer: Option<String>,
    /// The depth of Traefik's `ipStrategy`.
    pub trusted_hops: Option<u8>,
    /// A Middleware that says `noindex`, where the standard has no word for it.
    pub noindex_middleware: bool,
    /// A ConfigMap that says so, for ingress-nginx.
    pub noindex_headers: bool,
}
