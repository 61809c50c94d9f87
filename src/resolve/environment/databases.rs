//! What the Environment has of a database, and of its Jobs.

use schemars::JsonSchema;
use serde::Serialize;

use crate::{
    input::{
        guardrails::quantity_as_text,
        scalar::{ImagePath, Quantity},
    },
    value::Value,
};

use super::{NamedPeer, Peers, Writable};

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
    /// The Jobs' image: dayfly's own with the in-cluster commands, by digest.
    pub image: String,
    /// The ServiceAccount of the Jobs.
    pub service_account: String,
    /// What the Jobs are told, as JSON: no secret in it.
    pub spec: String,
    /// The Job of migrate and seed. Jobs' names are made of their inputs: they run again when these change, only then.
    pub migrate: String,
    /// The Secrets that the Jobs may write.
    pub secrets: Vec<String>,
    /// The Role by which they may, and its binding. What they write belongs to the Role, and goes with it.
    pub access: String,
    /// Its name, for the Pods of dayfly's own Jobs.
    pub network_policy: String,
    /// Programs of the team's, in order; the last is the Job's container, those before it run first.
    pub first_steps: Vec<StepFacts>,
    /// The Job's container: `seed`, or else `migrate`; null if there is neither.
    pub last_step: Option<StepFacts>,
    /// What its programs write to, of all of them: an `emptyDir` each.
    pub writable: Vec<Writable>,
    /// Whether the branch is a server of provider `embedded` in the preview's own namespace, and goes with that. Another server of the
    /// preview's own is a `cluster`.
    pub embedded: bool,
    /// Whether it brings the ServiceAccount of the Jobs that run in the preview's namespace: the first one does, for all.
    pub own_account: bool,
    /// The image of an embedded server, by digest.
    pub embedded_image: String,
    /// The image of the dump that fills it; nothing if `embeddedImage` has the data.
    pub embedded_dump: Option<String>,
    /// A `Cluster` of CloudNativePG's, which is made from a snapshot.
    pub cluster: Option<ClusterFacts>,
    /// The preview's own server: `StatefulSet` and Service, or `Cluster`.
    pub server: String,
    /// The Secret with the password of `server`; that of a `Cluster`, CloudNativePG names and writes.
    pub server_secret: String,
    /// Tells the branch from another one, which another baseline makes, or other Pods of an embedded server.
    pub branch: String,
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

    /// Whether a Service is one of [`Self::services`].
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
    /// The CSI driver that made the snapshot.
    pub driver: String,
    /// The snapshot's handle at the driver.
    pub snapshot: String,
    /// The volume's size, a quantity.
    #[serde(serialize_with = "quantity_as_text")]
    #[schemars(with = "String")]
    pub size: Quantity,
    /// The volume's class; null takes the cluster's default.
    pub storage_class: Option<String>,
    /// The server's image, by digest.
    pub image: String,
    /// The name of the database in it.
    pub database: String,
    /// The role that owns the database.
    pub owner: String,
    /// The operator's namespace.
    pub operator: String,
}

/// A Job of dayfly's own: provision, verify or destroy. It holds the provider's key, unless the server is the preview's own.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseJob {
    /// Of the Job. It holds a hash of what the Job is told; that of `destroy` stays the same, so that it renders at
    /// deletion.
    pub name: String,
    /// The operations namespace, or the preview's own where its server is.
    pub namespace: String,
    /// The database's name in the policy.
    pub database: String,
    /// `provision`, `verify` or `destroy`: the command of `dayfly db`.
    pub step: &'static str,
    /// Of its command line.
    pub flags: Vec<&'static str>,
    /// Its wave, or that it runs after the preview.
    pub annotations: Value,
    /// Seconds after which Kubernetes ends it.
    pub active_deadline_seconds: u64,
    /// dayfly's own with the in-cluster commands, by digest.
    pub image: String,
    /// The ServiceAccount of its Pods.
    pub service_account: String,
    /// The Secret with the provider's key, or nothing.
    pub credentials: String,
    /// What it is told, as JSON: no secret in it.
    pub spec: String,
    /// How long a finished hook stays. Any other Job must stay: Argo CD would make it again.
    pub ttl_seconds: Option<u32>,
}

/// A part of the URL as a variable of its own.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct DatabaseVariable {
    /// The environment variable.
    pub name: String,
    /// The key of the Secret: `host`, `port`, `username`, `password` or `database`.
    pub key: &'static str,
}

/// A program of the team's, run before the database is handed out.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StepFacts {
    /// `migrate` or `seed`.
    pub name: &'static str,
    /// From an allowed registry, and pinned.
    pub image: String,
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Variables besides the database's: of Secrets that it uses, and its own.
    pub env: Value,
    /// Of `migrate`: what of the image is only ever added to. Its Job is told in `spec`.
    pub files: Vec<ImagePath>,
    /// A container's `resources`; null if the policy requests nothing, which leaves them to the `LimitRange`.
    pub resources: Value,
    /// The policy's `writable`, besides `/tmp`: an `emptyDir` each.
    pub writable: Vec<Writable>,
    /// The number of the container's user, never 0; null leaves the Pod's.
    pub run_as_user: Option<u32>,
    /// The number of its group, which may be 0; null leaves the Pod's.
    pub run_as_group: Option<u32>,
}
