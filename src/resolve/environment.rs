//! The Environment: everything about a preview, decided. What templates lay out, and what `explain` shows.

mod databases;
mod network;
mod routes;

use schemars::JsonSchema;
use serde::Serialize;

use crate::{input::guardrails::Layout, value::Value};

pub use self::{
    databases::{ClusterFacts, DatabaseFacts, DatabaseJob, DatabaseVariable, StepFacts},
    network::{Block, IngressPeer, NamedPeer, NetworkFacts, Peers, PodPeer},
    routes::{IngressFacts, Parent, PathFacts, RouteFacts},
};
use super::pull_request::PullRequest;

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
    /// The text of each of the policy's `files`, by its key in the ConfigMap.
    pub files: Value,
    /// Where its container has them.
    pub file_mounts: Vec<FileMount>,
    /// The name of the ConfigMap that holds them; null if there are none.
    pub files_config_map: Option<String>,
    /// Of their texts: Pods, which do not see that a file changes, start anew when one does. Null if there are none.
    pub files_hash: Option<String>,
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

/// A file that its container reads.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct FileMount {
    /// Its key in the ConfigMap.
    pub name: String,
    /// Where it is mounted, as an absolute path.
    pub path: String,
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
