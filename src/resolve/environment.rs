//! The Environment: everything about a preview, decided. What templates lay out, and what `explain` shows.

mod databases;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{input::guardrails::Layout, value::Value};

pub use self::databases::{ClusterFacts, DatabaseFacts, DatabaseJob, DatabaseVariable, StepFacts};
use super::pull_request::PullRequest;

/// One preview environment. Field names are what templates write: `${{ routes }}`, `${{ waves.guard }}`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    pub policy: PolicyFacts,
    pub pr: PullRequest,
    /// The preview's namespace, and its identity everywhere: no other preview has it.
    pub namespace: String,
    pub domain: String,
    pub layout: Layout,
    pub trust: TrustFacts,
    /// The Pod Security Standards' version that the namespace enforces.
    pub pod_security: String,
    pub profile: String,
    /// `spec.hard` of the `ResourceQuota`.
    pub quota: Value,
    /// The one item of the `LimitRange`.
    pub limits: Value,
    /// How long it lives: `48h`.
    pub ttl: String,
    /// When it ends (RFC 3339), or nothing if nobody said when the last activity was.
    pub expires_at: String,
    /// On every object: owner, cost, pull request.
    pub labels: Value,
    /// The Namespace's: links, SHA, ttl.
    pub namespace_annotations: Value,
    pub waves: Waves,
    pub network: NetworkFacts,
    pub services: Vec<ServiceFacts>,
    pub routes: Vec<RouteFacts>,
    pub ingress: IngressFacts,
    /// One in each preview, if the guardrails say so.
    pub secret_store: Option<SecretStoreFacts>,
    pub secrets: Vec<SecretFacts>,
    pub databases: Vec<DatabaseFacts>,
    pub application: Option<ApplicationFacts>,
    /// Data of the ConfigMap `preview`: the contract with the workload.
    pub config: Value,
    /// Of `config`: Pods start anew when it changes.
    pub config_hash: String,
    /// Jobs that hold a provider's key.
    pub database_jobs: Vec<DatabaseJob>,
    /// What each of them requests, and its limits.
    pub job_resources: Value,
    pub quarantine: QuarantineFacts,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyFacts {
    pub name: String,
    pub team: String,
    pub cost_center: String,
}

#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct TrustFacts {
    pub tier: &'static str,
    pub grant: crate::input::guardrails::Grant,
}

/// Sync waves, as few as order needs: Argo CD waits two seconds between two of them.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct Waves {
    /// Everything that holds or feeds the workload, and the database's branch.
    pub guard: &'static str,
    /// Migrate and seed, and verify, which waits for them and publishes the credentials.
    pub migrate: &'static str,
    pub workload: &'static str,
}

pub const WAVES: Waves = Waves { guard: "-30", migrate: "-20", workload: "0" };

#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkFacts {
    pub dns: Peers,
    /// The same port as text, as Cilium has it.
    pub dns_port: String,
    /// The labels of the same Pods, as Cilium has them; nothing unless it holds names.
    pub dns_labels: Value,
    /// Where requests come from, and the ports that they may reach.
    pub ingress: Vec<IngressPeer>,
    pub egress: Vec<Peers>,
    pub telemetry: Option<Peers>,
    /// Host names, for a `CiliumNetworkPolicy`.
    pub names: Vec<NamedPeer>,
}

/// Some peers and one port of theirs.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Peers {
    pub name: String,
    pub pods: Vec<PodPeer>,
    pub blocks: Vec<Block>,
    pub ports: Vec<u16>,
    /// The last port of a range that the only one of `ports` begins.
    pub end_port: Option<u16>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodPeer {
    pub namespace: String,
    pub labels: Value,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Block {
    pub cidr: String,
    #[serde(serialize_with = "null_if_empty")]
    pub except: Vec<&'static str>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedPeer {
    pub name: String,
    pub fqdn: String,
    pub port: String,
    /// The last port of a range that `port` begins.
    pub end_port: Option<u16>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct IngressPeer {
    pub name: String,
    /// The one of `services` whose Pods are reached; nothing for all Pods.
    pub service: Option<String>,
    pub pods: Vec<PodPeer>,
    pub blocks: Vec<Block>,
    pub ports: Vec<u16>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceFacts {
    pub name: String,
    pub image: String,
    pub command: Option<Vec<String>>,
    pub args: Option<Vec<String>>,
    pub port: Option<u16>,
    /// A container's `ports`.
    pub ports: Value,
    /// A path, or nothing: an open port is enough then.
    pub http_check: Option<String>,
    pub tcp_check: bool,
    /// Where the path is asked for.
    pub health_port: Option<u16>,
    /// How often it is asked, every two seconds, before it is started anew.
    pub start_attempts: u64,
    /// Items of a container's `env`.
    pub env: Value,
    pub replicas: u8,
    pub resources: Value,
    pub writable: Vec<Writable>,
    pub run_as_user: u32,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Writable {
    pub name: String,
    pub path: String,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteFacts {
    pub name: String,
    pub host: String,
    pub url: String,
    pub path: String,
    /// The same as an Ingress has it: more than one where the controller takes a prefix for the beginning of a text.
    pub paths: Vec<PathFacts>,
    pub service: String,
    /// The Service's.
    pub port: u16,
    /// The Pods', which network policies see.
    pub target_port: u16,
    pub access: String,
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
    pub is_http_route: bool,
    pub is_ingress: bool,
    pub traefik_cidrs: bool,
    pub traefik_sso: bool,
    pub envoy_cidrs: bool,
    /// An `HTTPRoute`'s parents.
    pub parents: Vec<Parent>,
    /// Whether the preview asks for a certificate and a listener by itself: the first route of a host does; an Ingress has cert-manager
    /// ask.
    pub own_certificate: bool,
    /// The Secret of a certificate for this host, or nothing.
    pub certificate: Option<String>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct PathFacts {
    pub path: String,
    /// `Prefix` or `Exact`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Parent {
    pub kind: &'static str,
    pub namespace: String,
    pub name: String,
    pub section: String,
}

#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct IngressFacts {
    pub gateway_namespace: String,
    pub gateway: String,
    pub section: String,
    pub class: Option<String>,
    pub cluster_issuer: Option<String>,
    /// The depth of Traefik's `ipStrategy`.
    pub trusted_hops: Option<u8>,
    /// A Middleware that says `noindex`, where the standard has no word for it.
    pub noindex_middleware: bool,
    /// A ConfigMap that says so, for ingress-nginx.
    pub noindex_headers: bool,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretStoreFacts {
    pub provider: Value,
    /// The ServiceAccount that signs in, and its annotations.
    pub service_account: String,
    pub annotations: Value,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretFacts {
    pub name: String,
    pub store_kind: String,
    pub store_name: String,
    /// As Go prints it, so that the controller finds nothing to rewrite.
    pub refresh: String,
    pub data: Vec<SecretDatum>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct SecretDatum {
    pub variable: String,
    pub key: String,
    pub property: Option<String>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationFacts {
    pub name: String,
    /// Where Applications live.
    pub namespace: String,
    pub project: String,
    /// `spec.source`.
    pub source: Value,
}

#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuarantineFacts {
    /// The findings, a line each; nothing if there is no quarantine.
    pub findings: String,
    /// A Job that fails, where Argo CD has no health check for the ConfigMap.
    pub failing_job: bool,
    /// That Job's name.
    pub job: String,
    /// What it would run, if it ever did.
    pub image: String,
}

/// Templates leave out what is null, with its key.
fn null_if_empty<S: serde::Serializer>(items: &[&'static str], serializer: S) -> Result<S::Ok, S::Error> {
    if items.is_empty() { serializer.serialize_none() } else { items.serialize(serializer) }
}
