//! What the Environment has of a database, and of its Jobs.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{input::scalar::ImagePath, value::Value};

use super::{NamedPeer, Peers};

/// A database: names, Jobs and what they are told.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseFacts {
    /// Also the Secret that the workload reads, once `verify` has published it.
    pub name: String,
    /// The variable in it.
    pub variable: String,
    /// Further variables, and the Secrets' keys that they hold.
    pub keys: Vec<DatabaseVariable>,
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
    /// Of the `VolumeSnapshot`.
    pub copy: String,
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

/// A part of the URL as a variable of its own.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct DatabaseVariable {
    pub name: String,
    pub key: &'static str,
}

#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct StepFacts {
    pub name: &'static str,
    pub image: String,
    pub command: Vec<String>,
    /// Variables besides the database's: of Secrets that it uses, and its own.
    pub env: Value,
    /// Of `migrate`: what of the image is only ever added to. Its Job is told in `spec`.
    pub files: Vec<ImagePath>,
}
