//! `kind: PreviewPolicy`, the file `preview.yaml`: what the team wants.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Ordered,
    scalar::{DnsLabel, Duration, EnvName, LabelValue, Quantity, RelativePath, SecretKey, Url},
};
use crate::expression::Interpolated;

/// What a team wants each of its pull requests to get, inside the platform's guardrails.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Policy {
    /// Always `dayfly.dev/v1alpha1`.
    pub api_version: super::ApiVersion,
    /// Always `PreviewPolicy`.
    pub kind: PolicyKind,
    pub metadata: super::Metadata,
    pub spec: PolicySpec,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub enum PolicyKind {
    PreviewPolicy,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PolicySpec {
    /// Who owns the previews: a label of every object.
    pub team: LabelValue,
    /// Who pays for them: a label of every object.
    pub cost_center: LabelValue,
    /// How long a preview lives after the last activity, within the guardrails' maximum.
    pub ttl: Option<Duration>,
    /// A size from the guardrails.
    pub profile: Option<DnsLabel>,
    /// What labels of a pull request may ask for, besides what the guardrails offer.
    #[serde(default)]
    pub labels: Offers,
    /// Feature flags: variables of the ConfigMap `preview`, each `FLAG_` and its name in capitals.
    #[serde(default)]
    pub flags: Ordered<Interpolated>,
    /// Workloads, the short way: a Deployment each, and a Service if there is a port.
    #[serde(default)]
    pub services: Vec<Service>,
    /// The team's own Kustomize, Helm or plain source at the pull request's head, as a child Application.
    pub application: Option<Application>,
    /// Plain manifests beside this file: paths, in which `*` stands for any part of a name.
    #[serde(default)]
    pub manifests: Vec<RelativePath>,
    /// What is reached from outside.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// What is reached outside: names from the guardrails.
    #[serde(default)]
    pub egress: Vec<DnsLabel>,
    /// Secrets from the platform's store.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// Databases, a branch of each for every pull request.
    #[serde(default)]
    pub databases: Vec<Database>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Offers {
    /// Profiles that a label `preview/profile=…` may ask for.
    #[serde(default)]
    pub profile: Vec<DnsLabel>,
    /// Times that a label `preview/ttl=…` may ask for.
    #[serde(default)]
    pub ttl: Vec<Duration>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Service {
    pub name: DnsLabel,
    /// By digest, or by a tag that holds the head's SHA.
    pub image: Interpolated,
    /// Instead of the image's entry point.
    #[serde(default)]
    pub command: Vec<Interpolated>,
    /// Instead of the image's arguments.
    #[serde(default)]
    pub args: Vec<Interpolated>,
    /// Where the workload listens; its Service has the same port.
    pub port: Option<u16>,
    /// A path that answers 2xx or 3xx when the workload is ready. Without it, an open port is enough.
    pub health: Option<Interpolated>,
    #[serde(default)]
    pub env: Ordered<Interpolated, EnvName>,
    /// Secrets and databases of this file, as environment variables.
    #[serde(default)]
    pub uses: Vec<DnsLabel>,
    /// Pods. Left out, one.
    pub replicas: Option<u8>,
    /// What a Pod asks for; the limits are the profile's.
    #[serde(default)]
    pub resources: Ordered<Quantity>,
    /// Folders that the workload writes to, besides `/tmp`; they are empty when a Pod starts.
    #[serde(default)]
    pub writable: Vec<String>,
    /// The user's number, not 0. Left out, 65532.
    pub run_as_user: Option<u32>,
}

/// Where the team's own manifests are. At most one of `kustomize`, `helm` and `directory`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// The folder in the repository.
    pub path: RelativePath,
    /// Left out, the guardrails'.
    pub repository: Option<Url>,
    pub kustomize: Option<Kustomize>,
    pub helm: Option<Helm>,
    pub directory: Option<Directory>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Kustomize {
    /// `NAME=IMAGE`, as Kustomize writes it.
    #[serde(default)]
    pub images: Vec<Interpolated>,
    pub name_prefix: Option<DnsLabel>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Helm {
    /// Left out, the policy's name.
    pub release_name: Option<DnsLabel>,
    /// Files below `path`.
    #[serde(default)]
    pub value_files: Vec<RelativePath>,
    /// Values by their dotted names, as `helm --set-string` takes them.
    #[serde(default)]
    pub parameters: Ordered<Interpolated>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    #[serde(default)]
    pub recurse: bool,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Route {
    pub name: DnsLabel,
    /// One of `services`, or a Service of the team's own manifests.
    pub service: DnsLabel,
    /// The Service's port; needed if it is not one of `services`.
    pub port: Option<u16>,
    /// Only this path and what is below it.
    pub path: Option<String>,
    /// Who may reach it: a name from the guardrails.
    pub access: DnsLabel,
    /// Instead of the host that is made from the names. Must contain the preview's namespace.
    pub host: Option<Interpolated>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// The Secret's name.
    pub name: DnsLabel,
    /// Environment variables, and where their values are in the platform's store.
    pub keys: Ordered<SecretKey, EnvName>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The name of the Secret with its URL.
    pub name: DnsLabel,
    /// What it is a branch of: a name from the guardrails.
    pub baseline: DnsLabel,
    /// The variable that holds its URL. Left out, `DATABASE_URL`.
    pub env: Option<EnvName>,
    /// Brings the schema up to the pull request's.
    pub migrate: Option<Step>,
    /// Adds data after `migrate`.
    pub seed: Option<Step>,
}

/// A program of the team's that runs once in the preview's namespace, with `DATABASE_URL` set.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub image: Interpolated,
    pub command: Vec<Interpolated>,
}
