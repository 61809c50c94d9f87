//! The Environment: everything about a preview, decided. What templates lay out, and what `explain` shows.

mod databases;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{input::guardrails::Layout, value::Value};

pub use self::databases::{ClusterFacts, DatabaseFacts, DatabaseJob, DatabaseVariable, StepFacts};
use super::{names, pull_request::PullRequest};

/// One preview environment. Field names are what templates write: `${{ routes }}`, `${{ waves.guard }}`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Environment {
    /// The policy: its name, who owns it and who pays for it.
    pub policy: PolicyFacts,
    /// The pull request, as its parameters describe it.
    pub pr: PullRequest,
    /// The preview's namespace, and its identity everywhere: no other preview has it.
    pub namespace: String,
    /// The guardrails' domain: each host of the preview is one DNS label below it.
    pub domain: String,
    /// The guardrails' layout: in `split`, the workload at the pull request's head is a child Application.
    pub layout: Layout,
    /// Where the pull request comes from, and what it is granted for that.
    pub trust: TrustFacts,
    /// The Pod Security Standards' version that the namespace enforces.
    pub pod_security: String,
    /// The name of its size; empty if it asks for one that there is not.
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
    /// Sync waves, for the annotation `argocd.argoproj.io/sync-wave`.
    pub waves: Waves,
    /// What the network policies open: all else is closed.
    pub network: NetworkFacts,
    /// The policy's `services`, in its order.
    pub services: Vec<ServiceFacts>,
    /// The policy's `routes`, in its order; none of those that are refused.
    pub routes: Vec<RouteFacts>,
    /// What all routes share; empty if the guardrails have no `ingress`.
    pub ingress: IngressFacts,
    /// One in each preview, if the guardrails say so.
    pub secret_store: Option<SecretStoreFacts>,
    /// Secrets from the platform's store, an `ExternalSecret` each; none unless trust grants everything.
    pub secrets: Vec<SecretFacts>,
    /// The branches that were granted, and what their Jobs are told.
    pub databases: Vec<DatabaseFacts>,
    /// The child Application; null if the policy has no `application`.
    pub application: Option<ApplicationFacts>,
    /// Data of the ConfigMap `preview`: the contract with the workload.
    pub config: Value,
    /// Of `config`: Pods start anew when it changes.
    pub config_hash: String,
    /// dayfly's own Jobs for databases: provision, verify and destroy.
    pub database_jobs: Vec<DatabaseJob>,
    /// What each of them requests, and its limits.
    pub job_resources: Value,
    /// What a quarantined pull request gets instead of the preview.
    pub quarantine: QuarantineFacts,
}

/// The policy, as names and labels have it.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PolicyFacts {
    /// `metadata.name`: part of derived names.
    pub name: String,
    /// `spec.team`: the owner of the previews.
    pub team: String,
    /// `spec.costCenter`: who pays for them.
    pub cost_center: String,
}

/// The guardrails' `trust`, for this pull request.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct TrustFacts {
    /// `trusted`, `unknown` or `fork`: what the parameter `fork` says.
    pub tier: &'static str,
    /// What that tier is granted; a fork in layout `single` is quarantined, whatever the guardrails say.
    pub grant: crate::input::guardrails::Grant,
}

/// Sync waves, as few as order needs: Argo CD waits two seconds between two of them.
#[derive(Clone, Copy, Debug, JsonSchema, Serialize)]
pub struct Waves {
    /// Everything that holds or feeds the workload, and the database's branch.
    pub guard: &'static str,
    /// Migrate and seed, and verify, which waits for them and publishes the credentials.
    pub migrate: &'static str,
    /// Deployments, Services and routes, and the child Application.
    pub workload: &'static str,
}

/// The same in every preview.
pub const WAVES: Waves = Waves { guard: "-30", migrate: "-20", workload: "0" };

/// What a preview's Pods reach, and what reaches them.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkFacts {
    /// The Pods and addresses that answer DNS, by UDP and TCP.
    pub dns: Peers,
    /// The same port as text, as Cilium has it.
    pub dns_port: String,
    /// The labels of the same Pods, as Cilium has them; nothing unless it holds names.
    pub dns_labels: Value,
    /// Where requests come from, and the ports that they may reach.
    pub ingress: Vec<IngressPeer>,
    /// What the policy's `egress` names, as far as a `NetworkPolicy` can open it.
    pub egress: Vec<Peers>,
    /// Where traces and metrics go; null if the guardrails have no `telemetry`.
    pub telemetry: Option<Peers>,
    /// Host names, for a `CiliumNetworkPolicy`.
    pub names: Vec<NamedPeer>,
}

/// Pods, addresses, and the ports of theirs that are opened (TCP, and UDP for DNS).
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Peers {
    /// An entry of the guardrails' `egress`, a database, `dns` or `telemetry`: policies are called by it.
    pub name: String,
    /// Pods of the cluster, by namespace and labels.
    pub pods: Vec<PodPeer>,
    /// Addresses, by block.
    pub blocks: Vec<Block>,
    /// The ports of those Pods and addresses.
    pub ports: Vec<u16>,
    /// The last port of a range that the only one of `ports` begins.
    pub end_port: Option<u16>,
}

/// Pods of one namespace.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodPeer {
    /// The namespace's name, which its label `kubernetes.io/metadata.name` holds, too.
    pub namespace: String,
    /// Labels that a Pod has all of; an empty map takes every Pod of the namespace.
    pub labels: Value,
}

/// An `ipBlock` of a `NetworkPolicy`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Block {
    /// In CIDR notation, `203.0.113.0/24`.
    pub cidr: String,
    /// Blocks inside of it that stay closed; null if there are none.
    #[serde(serialize_with = "null_if_empty")]
    pub except: Vec<&'static str>,
}

/// A host that is opened by its name, with TCP.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedPeer {
    /// An entry of the guardrails' `egress`, or a database: policies are called by it.
    pub name: String,
    /// The host name.
    pub fqdn: String,
    /// The port as text, as a `CiliumNetworkPolicy` has it.
    pub port: String,
    /// The last port of a range that `port` begins.
    pub end_port: Option<u16>,
}

/// From where a Service of the preview is reached: all routes to it together.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct IngressPeer {
    /// The policy's name, `allow-ingress-SERVICE`.
    pub name: String,
    /// The one of `services` whose Pods are reached; nothing for all Pods.
    pub service: Option<String>,
    /// The Pods of the ingress controller.
    pub pods: Vec<PodPeer>,
    /// The guardrails' `controller.cidrs`, for requests that come from no Pod.
    pub blocks: Vec<Block>,
    /// The Pods' ports (TCP), not the Service's.
    pub ports: Vec<u16>,
}

/// One of the policy's `services`: a Deployment, and a Service if there is a port.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceFacts {
    /// The name of the Deployment, the Service and the container.
    pub name: String,
    /// From an allowed registry, and pinned.
    pub image: String,
    /// Instead of the image's entry point; null leaves it.
    pub command: Option<Vec<String>>,
    /// Instead of the image's arguments; null leaves them.
    pub args: Option<Vec<String>>,
    /// Where it listens, and its Service, too; null, if it has none.
    pub port: Option<u16>,
    /// What that port is called: `http` if a route leads to it or `health` answers there, else `tcp`; null, if there is none.
    pub port_name: Option<&'static str>,
    /// A container's `ports`.
    pub ports: Value,
    /// A path, or nothing: an open port is enough then.
    pub http_check: Option<String>,
    /// Whether it is ready as soon as the port is open, since no path is asked for.
    pub tcp_check: bool,
    /// Headers with which the path is asked for, as the first of its routes brings them; null if it has no route.
    pub health_headers: Value,
    /// Where the path is asked for.
    pub health_port: Option<u16>,
    /// How often it is asked, every two seconds, before it is started anew.
    pub start_attempts: u64,
    /// Items of a container's `env`.
    pub env: Value,
    /// How many Pods run.
    pub replicas: u8,
    /// A container's `resources`; null if the policy requests nothing, which leaves them to the `LimitRange`.
    pub resources: Value,
    /// `/tmp` and the policy's `writable`: an `emptyDir` each.
    pub writable: Vec<Writable>,
    /// The number of the container's user, never 0.
    pub run_as_user: u32,
    /// The number of its group, which may be 0.
    pub run_as_group: u32,
    /// Of where the values come from that it uses: its Pods, which read them when they start, start anew when that changes. Null if it
    /// uses none.
    pub uses_hash: Option<String>,
}

/// A folder that its container may write to.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Writable {
    /// The volume's name in the Pod.
    pub name: String,
    /// Where it is mounted, as an absolute path.
    pub path: String,
}

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

/// A `SecretStore` of the preview's own, and what it signs in as.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretStoreFacts {
    /// Its `spec.provider`, as `external-secrets.io/v1` has it.
    pub provider: Value,
    /// The ServiceAccount that signs in.
    pub service_account: String,
    /// The ServiceAccount's: its identity at the cloud, and its sync wave.
    pub annotations: Value,
}

/// An `ExternalSecret`, and the Secret that it makes.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretFacts {
    /// The name of both.
    pub name: String,
    /// `SecretStore` or `ClusterSecretStore`.
    pub store_kind: String,
    /// The store's name.
    pub store_name: String,
    /// As Go prints it, so that the controller finds nothing to rewrite.
    pub refresh: String,
    /// An entry for each key of the Secret.
    pub data: Vec<SecretDatum>,
}

impl SecretFacts {
    /// A hash of where its values come from. `store`: the preview's own, as JSON.
    pub fn source(&self, store: &str) -> String {
        let mut parts = vec![&*self.store_kind, &*self.store_name, store];
        for datum in &self.data {
            parts.extend([&*datum.variable, &*datum.key, datum.property.as_deref().unwrap_or_default()]);
        }
        names::hash(&parts)
    }
}

/// A key of a Secret, and where its value comes from.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct SecretDatum {
    /// The key, and the environment variable of whatever uses the Secret.
    pub variable: String,
    /// The entry of the store, with the guardrails' prefix.
    pub key: String,
    /// A field inside of that entry; null takes the whole.
    pub property: Option<String>,
}

/// The child Application that deploys the team's own source.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ApplicationFacts {
    /// Its name: the preview's namespace, and `-app`.
    pub name: String,
    /// Where Applications live.
    pub namespace: String,
    /// The `AppProject` that bounds it.
    pub project: String,
    /// `spec.source`.
    pub source: Value,
}

/// What stands instead of the preview if the pull request's own mistakes keep it from being rendered; empty otherwise.
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
