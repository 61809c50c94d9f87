//! How previews are reached, and what they reach.

use std::num::NonZeroU8;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input::{
    Ordered,
    scalar::{Cidr, DnsLabel, DnsName, LabelKey, LabelValue, Port, Url},
};

use super::{defaults, port};

/// Which Gateway or ingress controller serves previews, and how it keeps out who may not come in.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Ingress {
    /// What a route becomes.
    #[serde(default)]
    pub kind: RouteKind,
    /// The Gateway, as `NAMESPACE/NAME`; needed if `kind` is `HTTPRoute`.
    pub gateway: Option<String>,
    /// The name of the Gateway's listener with TLS, or of Traefik's entry point if `kind` is `Ingress`, so that no route
    /// answers on one without. Left out, `https`, and `websecure` for Traefik's entry point.
    pub section: Option<DnsLabel>,
    /// The `IngressClass`; needed if `kind` is `Ingress`.
    pub class: Option<DnsName>,
    /// Which controller reads the routes: its extensions carry `access` and `noindex`.
    #[serde(default)]
    pub implementation: Implementation,
    /// Where requests come from, for the network policies: Pods, addresses, or both. Left out, all Pods of the namespace in which
    /// the implementation usually runs: `traefik`, `envoy-gateway-system` or `ingress-nginx`; `Standard` needs one. Cilium's own
    /// Gateway and Ingress are neither, but have the identity `ingress`: add a template of your own (`templates`) with a
    /// `CiliumNetworkPolicy` with `fromEntities: [ingress]`.
    // Source: Cilium's documentation, "Network Policy" of "Gateway API".
    pub controller: Option<Controller>,
    /// How many proxies of your own requests come through before Traefik, each adding an address to `X-Forwarded-For`. `access: {cidrs: …}`
    /// then counts the address that is this many from its end, instead of the connection's. Let the entry point take that header from
    /// those proxies alone (`forwardedHeaders.trustedIPs`). Other implementations are told by settings of their own.
    // Source: Traefik's documentation, "IPAllowList", `ipStrategy.depth`.
    pub trusted_hops: Option<NonZeroU8>,
    /// Where certificates come from.
    #[serde(default)]
    pub tls: Tls,
}

/// The kind of object that a route becomes.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub enum RouteKind {
    /// Of the Gateway API, attached to `gateway`.
    #[default]
    #[serde(rename = "HTTPRoute")]
    HttpRoute,
    /// Of the `class`.
    Ingress,
}

/// A controller, by the extensions that it reads.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub enum Implementation {
    /// Middlewares of `traefik.io/v1alpha1`. With `Ingress`, a route's `path: /api` becomes `Exact` `/api` and `Prefix` `/api/`, because
    /// Traefik would also take `/apis` for it.
    #[default]
    Traefik,
    /// A `SecurityPolicy` of `gateway.envoyproxy.io/v1alpha1`. Only with `HTTPRoute`.
    Envoy,
    /// Annotations of `nginx.ingress.kubernetes.io`. Only with `Ingress`. The controller's ConfigMap needs
    /// `global-allowed-response-headers: X-Robots-Tag`: without it, every request is answered with 503.
    Nginx,
    /// Only what the standard says: no `access` but `public`. Whether an Ingress answers plain HTTP too is for the controller's
    /// own settings.
    Standard,
}

/// Pods of a `namespace`, `cidrs`, or both.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Controller {
    /// Its namespace.
    pub namespace: Option<DnsLabel>,
    /// Its Pods' labels. Left out, all Pods of the namespace.
    #[serde(default)]
    pub pod_labels: Ordered<LabelValue, LabelKey>,
    /// Addresses that requests come from where no Pod of the cluster sends them: a cloud's load balancer that reaches Pods directly has
    /// those of its subnets, a controller with `hostNetwork` its nodes'. Whatever else has such an address gets in, too. Cilium takes
    /// no node's address for one of a block, unless it runs with `policyCIDRMatchMode: nodes`.
    // Sources: Kubernetes' documentation of NetworkPolicies on hostNetwork Pods; Cilium's, "CIDR based" of "Layer 3 policies".
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
}

/// Who makes the certificates of routes' hosts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Tls {
    /// The Gateway or the controller has one for all hosts.
    #[default]
    Wildcard,
    /// cert-manager makes one for each host; this is the name of its `ClusterIssuer`. It must answer challenges by DNS: one
    /// by HTTP is answered by a Pod in the preview, which nothing can reach there.
    ClusterIssuer(DnsName),
}

/// Who may reach a route. Exactly one of the three.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Access {
    /// Requests from these addresses, as the controller sees them (`trustedHops` of `ingress`). Behind a Service with `externalTrafficPolicy: Cluster` or a load
    /// balancer that hides the client, that is an address of the cluster or of the load balancer: `10.0.0.0/8` may then let
    /// everybody in. "Addresses that the controller sees" of the Argo CD set-up says what to do.
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    /// People who are signed in at this oauth2-proxy; others are sent there. With Traefik it takes them back to the route, not to the page
    /// that they asked for, and needs Traefik 3.7 or newer.
    // Source: Traefik, pull request 12293, `authSigninURL`.
    pub oauth2_proxy: Option<Url>,
    /// Everybody.
    #[serde(default)]
    pub public: bool,
}

/// What the cluster's network can do, and where its DNS is.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Network {
    /// What becomes of an `egress` entry, or a baseline's `endpoint`, that is only a host name, which a plain `NetworkPolicy`
    /// cannot express.
    #[serde(default)]
    pub fqdn: Fqdn,
    /// Where DNS is answered.
    #[serde(default)]
    pub dns: Dns,
}

/// What becomes of a host name that no addresses stand beside.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub enum Fqdn {
    /// Nothing is opened, and a warning says so.
    #[default]
    Closed,
    /// A `CiliumNetworkPolicy` that names the host. Names of the cluster's own Services it cannot hold: those are a `namespace`.
    Cilium,
    /// The port is opened to every public address, IPv4 and IPv6, not to private ones: who names one host reaches all on that port.
    /// That is the platform's choice, made here; no finding about a policy reports it, `dayfly explain` does. What in your own network has public
    /// addresses, such as the Pods of an EKS cluster with IPv6, is public, too; NAT64 (`64:ff9b::/96`) is not.
    PublicInternet,
}

/// Every Pod of a preview may reach these, by UDP and TCP.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Dns {
    /// The namespace of the Pods that answer. Left out, `kube-system`.
    #[serde(default = "default_dns_namespace")]
    pub namespace: DnsLabel,
    /// Their labels. Left out, `k8s-app: kube-dns`.
    #[serde(default = "default_dns_labels")]
    pub pod_labels: Ordered<LabelValue, LabelKey>,
    /// Addresses that answer too, such as a node-local cache's. Cilium takes no address of a node for one of a block: there, a
    /// node-local cache needs a `CiliumLocalRedirectPolicy`, which leads to Pods, and those are `podLabels` of yours.
    // Source: Cilium's documentation, "CIDR based" of "Layer 3 policies", and "Node-local DNS cache" of "Local Redirect Policy".
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    /// The Pods' port; OpenShift's is 5353.
    #[serde(default = "default_dns_port")]
    pub port: Port,
}

/// Something that previews may reach: a host name, addresses, or Pods of a namespace.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Destination {
    /// A host name. Alone, `network.fqdn` says what becomes of it; beside `cidrs`, those are opened.
    pub fqdn: Option<DnsName>,
    /// Addresses.
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    /// A namespace of the cluster.
    pub namespace: Option<DnsLabel>,
    /// Labels of Pods in that namespace. Left out, all of its Pods.
    #[serde(default)]
    pub pod_labels: Ordered<LabelValue, LabelKey>,
    /// The port, TCP. For Pods, their own port and not their Service's.
    pub port: Port,
}

impl Destination {
    /// Its host name, if it has no addresses and no Pods.
    pub fn only_name(&self) -> Option<&DnsName> {
        self.fqdn.as_ref().filter(|_| self.cidrs.is_empty() && self.namespace.is_none())
    }
}

/// A collector that takes OTLP: as Pods address it, and as network policies know it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Telemetry {
    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to. A collector's usual port is 4317 for OTLP over gRPC, and 4318 for
    /// OTLP over HTTP, most SDKs' default. `OTEL_EXPORTER_OTLP_PROTOCOL` is not set: a service says it in its `env`, `grpc` or
    /// `http/protobuf`, where its SDK's default does not go with the port.
    pub endpoint: Url,
    /// The collector's namespace.
    pub namespace: DnsLabel,
    /// Its Pods' labels. Left out, all Pods of the namespace.
    #[serde(default)]
    pub pod_labels: Ordered<LabelValue, LabelKey>,
    /// Its Pods' port.
    pub port: Port,
}

defaults! {
    default_dns_namespace: DnsLabel = "kube-system";
    kube_dns: LabelValue = "kube-dns";
    kube_dns_key: LabelKey = "k8s-app";
}

fn default_dns_labels() -> Ordered<LabelValue, LabelKey> {
    Ordered::from_iter([(kube_dns_key(), kube_dns())])
}

fn default_dns_port() -> Port {
    port(53)
}

impl Default for Dns {
    fn default() -> Self {
        Self {
            namespace: default_dns_namespace(),
            pod_labels: default_dns_labels(),
            cidrs: Vec::new(),
            port: default_dns_port(),
        }
    }
}
