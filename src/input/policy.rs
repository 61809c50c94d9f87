//! `kind: PreviewPolicy`, the file `preview.yaml`: what the team wants.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    Filled, HelmValue, Ordered,
    scalar::{
        AbsolutePath, DnsLabel, Duration, EnvName, FilePath, FlagName, GroupId, ImagePath, InterpolatedPath,
        LabelValue, NamePrefix, Port, Quantity, Reference, RelativePath, SecretKey, Url, UrlPath, UserId,
    },
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
    /// What the policy is called.
    pub metadata: super::Metadata,
    /// What the team wants.
    pub spec: PolicySpec,
    /// It cannot be read, and this is what could be made out for a quarantine.
    #[serde(skip)]
    pub salvaged: bool,
}

/// The word that says that a file is a policy.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub enum PolicyKind {
    /// What a team writes; the platform's file is a `PreviewGuardrails`.
    PreviewPolicy,
}

/// What each pull request gets, as far as the guardrails offer it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PolicySpec {
    /// Who owns the previews: a label of every object.
    pub team: LabelValue,
    /// Who pays for them: a label of every object.
    pub cost_center: LabelValue,
    /// How long a preview lives after the pull request's last activity, at most as long as the guardrails allow. Left out,
    /// the guardrails' default.
    pub ttl: Option<Duration>,
    /// How much room the preview gets: the name of a size in the guardrails. Left out, the guardrails' default.
    pub profile: Option<Reference>,
    /// What a label of the pull request may ask for, besides what the guardrails offer.
    #[serde(default)]
    pub labels: Offers,
    /// Feature flags for the workload: `new-cart` becomes the variable `FLAG_NEW_CART` in the ConfigMap `preview`.
    #[serde(default)]
    pub flags: Ordered<Interpolated, FlagName>,
    /// Workloads, the short way: a Deployment each, and a Service if there is a port.
    #[serde(default)]
    pub services: Vec<Service>,
    /// The team's own Kustomize, Helm or plain source at the pull request's head, as a child Application.
    pub application: Option<Application>,
    /// Plain manifests beside this file: paths, in which `*` stands for any part of a name. Only workload kinds are taken, at most 200
    /// files of 200 documents and 1 MiB each, and 2000 documents and 8 MiB together. Their images may hold `${{ pr.headSha }}`.
    #[serde(default)]
    pub manifests: Vec<RelativePath>,
    /// Where the preview is reached: each is a URL of its own.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// What the preview may reach outside of its namespace: names from the guardrails' `egress`. Everything else is closed.
    #[serde(default)]
    pub egress: Vec<Reference>,
    /// Secrets from the platform's store, each made by an `ExternalSecret`.
    #[serde(default)]
    pub secrets: Vec<Secret>,
    /// Databases: every pull request gets a branch of each for itself. At most 100.
    #[serde(default)]
    #[schemars(length(max = MOST_DATABASES))]
    pub databases: Vec<Database>,
}

/// Most databases of one policy. Each has Jobs, and in the Jobs all that it is told.
pub(crate) const MOST_DATABASES: usize = 100;

impl PolicySpec {
    /// The Secrets that its workloads may read, and `uses` may name: those of `secrets`, and one for each database.
    pub fn secret_names(&self) -> impl Iterator<Item = &str> {
        let secrets = self.secrets.iter().map(|secret| &*secret.name);
        secrets.chain(self.databases.iter().map(|database| &*database.name))
    }
}

/// Choices that a pull request has by a label (`labels` of the guardrails), one of each list. Left out, it has none besides
/// those that the guardrails offer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Offers {
    /// Profiles that a label `preview/profile=…` may ask for.
    #[serde(default)]
    pub profile: Vec<Reference>,
    /// Times that a label `preview/ttl=…` may ask for.
    #[serde(default)]
    pub ttl: Vec<Duration>,
}

/// A workload. Its Pods keep the Pod Security Standards, level `restricted`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Service {
    /// The name of the Deployment, the Service and the container.
    pub name: DnsLabel,
    /// The image, by digest or by a tag that holds the head's SHA.
    pub image: Interpolated,
    /// Instead of the image's entry point.
    #[serde(default)]
    pub command: Vec<Interpolated>,
    /// Instead of the image's arguments.
    #[serde(default)]
    pub args: Vec<Interpolated>,
    /// Where the workload listens; its Service has the same port. It is called `http` if a route leads to it or `health` answers there,
    /// else `tcp`: meshes such as Istio take the name for the protocol.
    pub port: Option<Port>,
    /// A path that answers 2xx or 3xx at `port` when the workload is ready. Without it, an open port is enough.
    pub health: Option<InterpolatedPath>,
    /// Where `health` answers, if that is another port than `port`.
    pub health_port: Option<Port>,
    /// How long it may take until it is ready for the first time, at most `10m`. Left out, `2m`.
    pub start_within: Option<Duration>,
    /// Environment variables. Those of the ConfigMap `preview` are there as well.
    #[serde(default)]
    pub env: Ordered<Interpolated, EnvName>,
    /// Secrets and databases of this file that it gets as environment variables, by their names.
    #[serde(default)]
    pub uses: Vec<Reference>,
    /// How many Pods run. Left out, one.
    pub replicas: Option<u8>,
    /// What a Pod requests (`cpu`, `memory`, `ephemeral-storage`), at most the profile's `container.max`. The limits are the profile's, or as
    /// much as is requested, where that is more.
    #[serde(default)]
    pub resources: Ordered<Quantity>,
    /// Folders that the workload writes to, besides `/tmp`; they are empty when a Pod starts.
    #[serde(default)]
    pub writable: Vec<AbsolutePath>,
    /// Files that the workload reads, by their paths: the text of each. What else the image has in their folders stays. At most 100 of a
    /// service, and 1 MiB together (less than 256 KiB where Argo CD does not apply with `ServerSideApply=true`); no secrets, since they are in a ConfigMap.
    #[serde(default)]
    #[schemars(extend("maxProperties" = MOST_FILES))]
    pub files: Ordered<Interpolated, FilePath>,
    /// The number of the user that runs it; 0, root, is refused. Left out, 65532.
    pub run_as_user: Option<UserId>,
    /// The number of the group that runs it, such as 0 for an image whose files are root's group's, as OpenShift wants them. Left out, the
    /// number of its user.
    pub run_as_group: Option<GroupId>,
}

/// Most files of a service: each is a mount of its Pods.
pub(crate) const MOST_FILES: usize = 100;

/// Where the team's own manifests are. At most one of `kustomize`, `helm` and `directory`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Application {
    /// The folder in the repository that Argo CD reads.
    pub path: RelativePath,
    /// The repository, one of those that the guardrails allow. Left out, the guardrails'.
    pub repository: Option<Url>,
    /// The folder is a Kustomize overlay.
    pub kustomize: Option<Kustomize>,
    /// The folder is a Helm chart.
    pub helm: Option<Helm>,
    /// The folder holds plain manifests.
    pub directory: Option<Directory>,
}

/// What Argo CD tells Kustomize, besides the overlay itself.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Kustomize {
    /// Images to put in place of others: `NAME=IMAGE:TAG` or `NAME=IMAGE@DIGEST`, as Kustomize writes it.
    #[serde(default)]
    pub images: Vec<Interpolated>,
    /// What all names begin with, such as `pr-`.
    pub name_prefix: Option<NamePrefix>,
}

/// What Argo CD tells Helm, besides the chart itself.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Helm {
    /// The release's name, at most 53 characters. Left out, the policy's.
    pub release_name: Option<DnsLabel>,
    /// Files with values, below `path`.
    #[serde(default)]
    pub value_files: Vec<RelativePath>,
    /// Values by their dotted names: text as `helm --set-string` takes it, `true`, `false` and whole numbers as `helm --set` does. Text
    /// is what stands in quotes: to a chart, `"false"` is true.
    #[serde(default)]
    pub parameters: Ordered<HelmValue>,
}

/// Which files of the folder Argo CD takes: those that end with `.yaml`, `.yml` or `.json`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// Whether folders below it count too.
    #[serde(default)]
    pub recurse: bool,
}

/// A host that leads from outside to a Service of the preview, by TLS.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Route {
    /// Part of the host, and how the policy refers to it: `${{ routes.NAME.url }}`.
    pub name: DnsLabel,
    /// Which Service answers: one of `services`, or a Service of the team's own manifests.
    pub service: Reference,
    /// The Service's port; needed if it is not one of `services`.
    pub port: Option<Port>,
    /// The Pods' port, where it is another than the Service's: the network policies open this one. Left out, `port`.
    pub target_port: Option<Port>,
    /// Only this path and what is below it.
    pub path: Option<UrlPath>,
    /// Who may reach it: a name from the guardrails' `access`.
    pub access: Reference,
    /// The host, `WORD-NAMESPACE.DOMAIN`. Left out, it is made of the route's name and the namespace: `web-shop-pr-7` below the
    /// domain, and `2-my-web-shop-pr-7` for a route `my-web` of two words. Routes with a `path` of their own may share one, written out:
    /// `web-${{ preview.namespace }}.${{ guardrails.domain }}` is that of a route `web`.
    pub host: Option<Interpolated>,
}

/// A Secret with values from the platform's store. A pull request has it only if the guardrails trust it fully.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// The name of the Secret, and what `uses` refers to.
    pub name: DnsLabel,
    /// Environment variables, and where their values are in the platform's store.
    pub keys: Filled<Ordered<SecretKey, EnvName>>,
}

/// A branch of a baseline, for one pull request alone: it is removed with the preview.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The name of the Secret with its URL, and what `uses` refers to.
    pub name: DnsLabel,
    /// What it is a branch of: a name from the guardrails' `baselines`.
    pub baseline: Reference,
    /// The environment variable that holds its URL. Left out, `DATABASE_URL`.
    pub env: Option<EnvName>,
    /// Further environment variables, and what each holds, for programs that take no URL: `PGHOST: host`.
    #[serde(default)]
    pub keys: Ordered<DatabaseKey, EnvName>,
    /// Brings the branch's schema up to the pull request's.
    pub migrate: Option<Migration>,
    /// Adds data, after `migrate`.
    pub seed: Option<Step>,
}

impl Database {
    /// Its programs, in the order in which they run.
    pub fn programs(&self) -> impl Iterator<Item = Program<'_>> {
        let migrate = self.migrate.as_ref().map(|migrate| Program {
            name: "migrate",
            image: &migrate.image,
            command: &migrate.command,
            env: &migrate.env,
            uses: &migrate.uses,
            files: &migrate.files,
            resources: &migrate.resources,
            writable: &migrate.writable,
            run_as_user: migrate.run_as_user,
            run_as_group: migrate.run_as_group,
        });
        let seed = self.seed.as_ref().map(|seed| Program {
            name: "seed",
            image: &seed.image,
            command: &seed.command,
            env: &seed.env,
            uses: &seed.uses,
            files: &[],
            resources: &seed.resources,
            writable: &seed.writable,
            run_as_user: seed.run_as_user,
            run_as_group: seed.run_as_group,
        });
        migrate.into_iter().chain(seed)
    }
}

/// `migrate` or `seed`: two types, since only one of them has `files`.
#[derive(Clone, Copy, Debug)]
pub struct Program<'p> {
    /// The field that it is.
    pub name: &'static str,
    /// The image.
    pub image: &'p Interpolated,
    /// The program and its arguments.
    pub command: &'p [Interpolated],
    /// Environment variables of its own.
    pub env: &'p Ordered<Interpolated, EnvName>,
    /// Secrets of the policy.
    pub uses: &'p [Reference],
    /// What of the image is only ever added to.
    pub files: &'p [ImagePath],
    /// What it requests.
    pub resources: &'p Ordered<Quantity>,
    /// Folders that it writes to.
    pub writable: &'p [AbsolutePath],
    /// The user that runs it.
    pub run_as_user: Option<UserId>,
    /// The group that runs it.
    pub run_as_group: Option<GroupId>,
}

/// A part of a database's URL: a key of its Secret, beside the URL's variable.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum DatabaseKey {
    /// The server's name, without its port.
    Host,
    /// The server's port.
    Port,
    /// The login's name.
    Username,
    /// As the server takes it: nothing of it is escaped, as in a URL.
    Password,
    /// The database's name at the server.
    Database,
}

impl DatabaseKey {
    /// As the Secret has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Port => "port",
            Self::Username => "username",
            Self::Password => "password",
            Self::Database => "database",
        }
    }
}

/// A program of the team's that runs in the preview's namespace, with the database's URL in its environment. It runs again
/// when any of this but its `resources` changes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Migration {
    /// The image, by digest or by a tag that holds the head's SHA.
    pub image: Interpolated,
    /// The program and its arguments.
    pub command: Filled<Vec<Interpolated>>,
    /// Environment variables, besides those of the database and of the ConfigMap `preview`.
    #[serde(default)]
    pub env: Ordered<Interpolated, EnvName>,
    /// Secrets of this file that it gets as environment variables, by their names.
    #[serde(default)]
    pub uses: Vec<Reference>,
    /// Files and folders of the image that are only ever added to: the migrations. If one that ran in the branch differs in a
    /// later image, or is gone, the branch is made anew. A relative path begins at the image's working directory.
    #[serde(default)]
    pub files: Vec<ImagePath>,
    /// What it requests, as a service's `resources`. Left out, the profile's default.
    #[serde(default)]
    pub resources: Ordered<Quantity>,
    /// Folders that it writes to, besides `/tmp`; they are empty when it starts.
    #[serde(default)]
    pub writable: Vec<AbsolutePath>,
    /// The number of the user that runs it; 0, root, is refused. Left out, 65532.
    pub run_as_user: Option<UserId>,
    /// The number of the group that runs it, such as 0 for an image whose files are root's group's, as OpenShift wants them. Left out, the
    /// number of its user.
    pub run_as_group: Option<GroupId>,
}

/// A program of the team's that runs in the preview's namespace, with the database's URL in its environment. It runs again
/// when any of this but its `resources` changes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Step {
    /// The image, by digest or by a tag that holds the head's SHA.
    pub image: Interpolated,
    /// The program and its arguments.
    pub command: Filled<Vec<Interpolated>>,
    /// Environment variables, besides those of the database and of the ConfigMap `preview`.
    #[serde(default)]
    pub env: Ordered<Interpolated, EnvName>,
    /// Secrets of this file that it gets as environment variables, by their names.
    #[serde(default)]
    pub uses: Vec<Reference>,
    /// What it requests, as a service's `resources`. Left out, the profile's default.
    #[serde(default)]
    pub resources: Ordered<Quantity>,
    /// Folders that it writes to, besides `/tmp`; they are empty when it starts.
    #[serde(default)]
    pub writable: Vec<AbsolutePath>,
    /// The number of the user that runs it; 0, root, is refused. Left out, 65532.
    pub run_as_user: Option<UserId>,
    /// The number of the group that runs it, such as 0 for an image whose files are root's group's, as OpenShift wants them. Left out, the
    /// number of its user.
    pub run_as_group: Option<GroupId>,
}
