//! `kind: PreviewGuardrails`: what the platform allows, and what it provides.

mod baselines;
mod network;
mod secrets;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use baselines::quantity_as_text;
pub use baselines::{Anonymized, ApiServer, Baseline, ClusterSource, Mask, Operations, Provider, Sanitized, Synthetic};
pub use network::{
    Access, Controller, Destination, Dns, Fqdn, Implementation, Ingress, Network, RouteKind, Telemetry, Tls,
};
pub use secrets::{AwsStore, GcpStore, Secrets, StoreProvider, VaultStore};

use super::{
    Filled, Ordered,
    policy::Database,
    scalar::{
        DnsLabel, DnsName, Domain, Duration, ImagePrefix, PodSecurityVersion, Port, Quantity, Reference, RelativePath,
        Url,
    },
};
use crate::{
    database::attestation::AttestationKey,
    expression::Interpolated,
    finding::{InputFile, Owner},
};

/// Values of fields that are left out, as the file would have them.
macro_rules! defaults {
    ($($name:ident: $type:ty = $text:expr;)*) => {$(
        fn $name() -> $type {
            crate::input::scalar::Scalar::parse($text).unwrap_or_else(|error: String| unreachable!("{error}"))
        }
    )*};
}
use defaults;

fn port(number: u16) -> Port {
    Port::new(number).unwrap_or(Port::MIN)
}

/// What a platform team allows its previews, and what it provides for them.
///
/// The file is mounted into the plugin's sidecar; no pull request can write it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Guardrails {
    /// Always `dayfly.dev/v1alpha1`.
    pub api_version: super::ApiVersion,
    /// Always `PreviewGuardrails`.
    pub kind: GuardrailsKind,
    /// What people call these guardrails.
    pub metadata: super::Metadata,
    /// What is allowed, and what is provided.
    pub spec: GuardrailsSpec,
}

/// The word that says that a file is guardrails.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub enum GuardrailsKind {
    /// What the platform writes; a team's file is a `PreviewPolicy`.
    PreviewGuardrails,
}

/// The maps here are catalogues, of which a policy names entries: it can have nothing that is not in one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GuardrailsSpec {
    /// Where the policy is read.
    #[serde(default)]
    pub layout: Layout,
    /// The name of a preview's namespace. Must tell apart every policy and every pull request. Left out,
    /// `${{ policy.name }}-pr-${{ pr.number }}`.
    #[serde(default = "default_namespace")]
    pub namespace: Interpolated,
    /// The domain of all previews: a host is one DNS label below it.
    pub domain: Domain,
    /// How long a preview lives after the pull request's last activity.
    pub ttl: Ttl,
    /// What a label of a pull request may ask for, whatever the policy says.
    #[serde(default)]
    pub labels: Labels,
    /// The profile of a policy that names none. Not needed if there is only one.
    pub default_profile: Option<Reference>,
    /// Sizes: the name of each is what a policy asks for.
    pub profiles: Filled<Ordered<Profile, DnsLabel>>,
    /// The version of the Pod Security Standards that namespaces enforce; the level is always `restricted`. Left out,
    /// `v1.34`.
    #[serde(default = "default_pod_security")]
    pub pod_security: PodSecurityVersion,
    /// Where images may come from. Left out, nowhere.
    #[serde(default)]
    pub registries: Vec<ImagePrefix>,
    /// What claims of `manifests` may have as `storageClassName`. Left out, nothing: they have the cluster's default. Name no class without
    /// a provisioner, whose volumes are there already, and none with `reclaimPolicy: Retain`, whose volumes stay.
    #[serde(default)]
    pub storage_classes: Vec<DnsName>,
    /// How previews are reached from outside. Without it, policies have no `routes`.
    pub ingress: Option<Ingress>,
    /// Rules of who may reach a route: the name of each is what a policy asks for. Nothing is public unless an entry says so.
    #[serde(default)]
    pub access: Ordered<Access, DnsLabel>,
    /// How network policies are written.
    #[serde(default)]
    pub network: Network,
    /// What previews may reach outside of their namespace: the name of each is what a policy asks for.
    #[serde(default)]
    pub egress: Ordered<Destination, DnsLabel>,
    /// Where traces and metrics go. Every preview may reach it, and is told so.
    pub telemetry: Option<Telemetry>,
    /// Where secrets come from. Without it, policies have no `secrets`.
    pub secrets: Option<Secrets>,
    /// Databases that previews may branch: the name of each is what a policy asks for.
    #[serde(default)]
    pub baselines: Ordered<Baseline, DnsLabel>,
    /// Who may say that a baseline is sanitized: ed25519 public keys. With one or more, every `sanitized` baseline needs an
    /// `attestation` that one of them signed.
    #[serde(default)]
    pub attestation_keys: Vec<AttestationKey>,
    /// Where databases are made and removed. Without it, policies have no `databases`, in either layout.
    pub operations: Option<Operations>,
    /// How a team's own source is deployed: a child Application. Without it, policies have no `application`.
    pub applications: Option<Applications>,
    /// What a pull request gets, by where it comes from.
    #[serde(default)]
    pub trust: Trust,
    /// How the findings of a quarantined pull request are shown.
    #[serde(default)]
    pub quarantine: Quarantine,
    /// Changes to rendered objects, in order, before they are checked.
    #[serde(default)]
    pub patches: Vec<Patch>,
    /// A folder beside this file with templates, `.yaml` or `.yml`: one with the name of a built-in replaces it, all others are added.
    /// It may be `.`: this file is none of them.
    pub templates: Option<RelativePath>,
}

/// Which revision the policy and its manifests are read from, and so who answers for them.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// The policy comes from a protected revision; the workload at the pull request's head is a child Application.
    #[default]
    Split,
    /// One Application at the pull request's head: for organisations that trust their pull requests' authors.
    Single,
}

impl GuardrailsSpec {
    /// The baselines that a database may be branched from, by its pull request's trust: the one that the policy names, and its `restricted`.
    pub fn baselines_of<'a>(&'a self, database: &'a Database) -> impl Iterator<Item = (&'a str, &'a Baseline)> {
        let asked = self.baselines.get_key_value(&database.baseline);
        let restricted = asked.and_then(|(name, baseline)| {
            self.baselines.get_key_value(baseline.restricted.as_deref()?).filter(|(other, _)| *other != name)
        });
        asked.into_iter().chain(restricted)
    }
}

impl Layout {
    /// Who answers for a file, and the policy's manifests with it: whoever could write them.
    pub fn owner(self, file: InputFile) -> Owner {
        match (file, self) {
            (InputFile::Guardrails, _) => Owner::Platform,
            (InputFile::Policy, Self::Split) => Owner::Team,
            (InputFile::Policy, Self::Single) | (InputFile::Parameters, _) => Owner::PullRequest,
        }
    }
}

/// How long a preview lives, counted from the pull request's last activity. The Namespace's annotations say it, for
/// whatever removes previews.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ttl {
    /// If neither the policy nor a label says anything.
    pub default: Duration,
    /// The longest time. Who asks for more gets this, and a warning.
    pub max: Duration,
}

/// Labels of a pull request by which it asks for something itself. One that asks for what nobody offers quarantines it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// What such a label begins with: `preview/profile=large`.
    #[serde(default = "default_label_prefix")]
    pub prefix: String,
    /// Profiles that a label may ask for.
    #[serde(default)]
    pub profile: Vec<Reference>,
    /// Times that a label may ask for.
    #[serde(default)]
    pub ttl: Vec<Duration>,
}

/// A size: what a namespace may have in all, and a container in it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The namespace's `ResourceQuota`: `requests.cpu`, `limits.memory`, `pods` and so on. `services.loadbalancers` and
    /// `services.nodeports` are 0 where it does not say otherwise: such a Service would be a way in that no `access` holds.
    /// So are `persistentvolumeclaims`, where it names neither these nor `count/persistentvolumeclaims` nor `requests.storage`, unless the
    /// policy has a database of provider `cnpg`. Nothing else is counted that it does not name. Think of `requests.storage`, of `requests.DEVICE` where nodes
    /// have GPUs and the like, and, for a child Application, of numbers: `configmaps`, `count/jobs.batch`.
    pub quota: Ordered<Quantity>,
    /// The namespace's `LimitRange`: what a container gets if it asks for nothing, and at most.
    pub container: ContainerLimits,
}

/// A `LimitRange` of type Container. `request` is at most `default`, `default` at most `max`; whatever the quota counts needs a
/// default, or no Pod starts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerLimits {
    /// The limit of a container that states none; left out, that is `max`. A service that requests more has a limit as high as that.
    #[serde(default)]
    pub default: Ordered<Quantity>,
    /// The request of a container that states none; left out, that is `default`, else `min`.
    #[serde(default)]
    pub request: Ordered<Quantity>,
    /// The highest limit of a container, and so the most that a service may request; left out, that is `default`.
    #[serde(default)]
    pub max: Ordered<Quantity>,
    /// The lowest request of a container.
    #[serde(default)]
    pub min: Ordered<Quantity>,
}

/// What child Applications may be made of. They are only there in layout `split`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Applications {
    /// The namespace of Applications. Left out, `argocd`.
    #[serde(default = "default_argocd_namespace")]
    pub namespace: DnsLabel,
    /// The `AppProject` of child Applications. It should allow the previews' namespaces and workload kinds, and nothing else.
    pub project: Interpolated,
    /// The repository, if a policy names none.
    pub repository: Option<Interpolated>,
    /// What the repository that a policy names must begin with. Left out, policies name none.
    #[serde(default)]
    pub repositories: Vec<Url>,
}

/// The parameter `fork` decides. Argo CD's own pull-request generator does not set it: its pull requests are `unknown`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Trust {
    /// If the parameter `fork` is false.
    pub trusted: Grant,
    /// If there is no parameter `fork`.
    pub unknown: Grant,
    /// If the parameter `fork` is true.
    pub fork: Grant,
}

/// What a pull request of one origin may have.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grant {
    /// Nothing of it runs.
    Quarantine,
    /// No secrets, and only synthetic or schema-only databases.
    Restricted,
    /// Everything that the policy asks for.
    Full,
}

/// Instead of its preview, a pull request with errors of its own gets its findings, as the ConfigMap `dayfly-findings`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Quarantine {
    /// Whether Argo CD has dayfly's health check for `ConfigMaps` (`dayfly plugin --argocd-cm`). If not, a Job that fails shows
    /// that something is wrong.
    #[serde(default = "yes")]
    pub health_check: bool,
}

/// A change to every object that fits `target`: `merge`, `json`, or both.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    /// Which objects.
    pub target: Target,
    /// A JSON Merge Patch (RFC 7396), applied first.
    pub merge: Option<serde_json::Value>,
    /// A JSON Patch (RFC 6902): a list of operations.
    #[serde(default)]
    pub json: Vec<serde_json::Value>,
}

/// The objects that a patch changes. What is left out fits all; `*` stands for any part: `*-migrate-*`, or `*` alone.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Their kind.
    pub kind: Option<String>,
    /// Their name.
    pub name: Option<String>,
    /// Their namespace.
    pub namespace: Option<String>,
}

defaults! {
    default_namespace: Interpolated = "${{ policy.name }}-pr-${{ pr.number }}";
    default_pod_security: PodSecurityVersion = "v1.34";
    default_argocd_namespace: DnsLabel = "argocd";
}

fn default_label_prefix() -> String {
    "preview/".to_owned()
}

fn yes() -> bool {
    true
}

impl Default for Labels {
    fn default() -> Self {
        Self { prefix: default_label_prefix(), profile: Vec::new(), ttl: Vec::new() }
    }
}

impl Default for Trust {
    fn default() -> Self {
        Self { trusted: Grant::Full, unknown: Grant::Restricted, fork: Grant::Quarantine }
    }
}

impl Default for Quarantine {
    fn default() -> Self {
        Self { health_check: true }
    }
}
