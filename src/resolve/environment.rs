//! The Environment: everything about a preview, decided. What templates lay out, and what `explain` shows.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    input::{guardrails::Layout, scalar::ImagePath},
    value::Value,
};

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
    pub namespace: String,
    pub labels: Value,
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
    /// Whether the preview asks for a certificate itself; an Ingress has cert-manager ask.
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

/// A database: names, Jobs and what they are told.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseFacts {
    /// Also the Secret that the workload reads, once `verify` has published it.
    pub name: String,
    /// The variable in it.
    pub variable: String,
    /// The Secret of `migrate` and `seed`, with the direct endpoint.
    pub direct_secret: String,
    /// Where provision, verify and destroy run.
    pub jobs_namespace: String,
    /// Seconds that each of its Jobs may take.
    pub active_deadline_seconds: u64,
    pub image: String,
    pub service_account: String,
    /// What the Jobs are told, as JSON: no secret in it.
    pub spec: String,
    /// The Job of migrate and seed. Jobs' names are made of their inputs: they run again when these change, only then.
    pub migrate: String,
    /// The Secrets that the Jobs may write.
    pub secrets: Vec<String>,
    /// Of the Jobs that hold the provider's key.
    pub network_policy: String,
    /// Programs of the team's, in order; the last is the Job's container, those before it run first.
    pub first_steps: Vec<StepFacts>,
    pub last_step: Option<StepFacts>,
    /// Whether the branch lives in the preview's own namespace, and goes with it.
    pub embedded: bool,
    /// Whether it brings the ServiceAccount of the Jobs that run in the preview's namespace: the first one does, for all.
    pub own_account: bool,
    pub embedded_image: String,
    /// The image of the dump that fills it; nothing if `embeddedImage` has the data.
    pub embedded_dump: Option<String>,
    /// A `Cluster` of CloudNativePG's, which is made from a snapshot.
    pub cluster: Option<ClusterFacts>,
    /// The preview's own server: `StatefulSet` and Service, or `Cluster`, and the Secret with its password.
    pub server: String,
    pub server_secret: String,
    /// Where the branch is reached.
    pub endpoint: Option<Peers>,
    /// The same as a host name, where Cilium holds names.
    pub names: Vec<NamedPeer>,
    /// Where the Jobs reach the Kubernetes API and the provider.
    pub job_peers: Peers,
    /// Host names that the Jobs reach, where Cilium holds names: the branch's, and its provider's.
    pub job_names: Vec<NamedPeer>,
}

impl DatabaseFacts {
    /// Whether its server, and so the Jobs, run in the preview's namespace.
    pub fn is_own(&self) -> bool {
        self.embedded || self.cluster.is_some()
    }

    /// The Services of its server: who connects to one of them tells a password.
    pub fn services(&self) -> impl Iterator<Item = String> + '_ {
        let ends: &[&str] = match &self.cluster {
            // CloudNativePG makes one for each role of an instance.
            Some(_) => &["-rw", "-ro", "-r"],
            None if self.embedded => &[""],
            None => &[],
        };
        ends.iter().map(|end| format!("{}{end}", self.server))
    }

    pub fn answers_as(&self, service: &str) -> bool {
        self.services().any(|own| own == service)
    }

    /// Whether a claim of this name is its server's volume: CloudNativePG puts a hyphen and the instance's number behind its name.
    pub fn keeps_claim(&self, claim: &str) -> bool {
        self.cluster.is_some() && claim.strip_prefix(self.server.as_str()).is_some_and(|rest| rest.starts_with('-'))
    }
}

/// A `Cluster` of the preview's own.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterFacts {
    /// Of the `VolumeSnapshotContent`, which is in no namespace.
    pub content: String,
    pub driver: String,
    pub snapshot: String,
    pub size: String,
    pub storage_class: Option<String>,
    pub image: String,
    pub database: String,
    pub owner: String,
    /// The operator's namespace.
    pub operator: String,
}

/// A Job that holds a provider's key: provision, verify or destroy.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseJob {
    pub name: String,
    pub namespace: String,
    pub database: String,
    pub step: &'static str,
    /// Of its command line.
    pub flags: Vec<&'static str>,
    /// Its wave, or that it runs after the preview.
    pub annotations: Value,
    pub active_deadline_seconds: u64,
    pub image: String,
    pub service_account: String,
    /// The Secret with the provider's key, or nothing.
    pub credentials: String,
    pub spec: String,
    /// How long a finished hook stays. Any other Job must stay: Argo CD would make it again.
    pub ttl_seconds: Option<u32>,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct StepFacts {
    pub name: &'static str,
    pub image: String,
    pub command: Vec<String>,
    /// Of `migrate`: what of the image is only ever added to. Its Job is told in `spec`.
    pub files: Vec<ImagePath>,
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
    /// What that Job would run, if it ever did.
    pub image: String,
}

/// Templates leave out what is null, with its key.
fn null_if_empty<S: serde::Serializer>(items: &[&'static str], serializer: S) -> Result<S::Ok, S::Error> {
    if items.is_empty() { serializer.serialize_none() } else { items.serialize(serializer) }
}
