//! `kind: PreviewGuardrails`: what the platform allows, and what it provides.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Ordered,
    scalar::{Cidr, DnsLabel, DnsName, Duration, ImagePrefix, LabelValue, Quantity, RelativePath, Url},
};
use crate::expression::Interpolated;

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
    pub metadata: super::Metadata,
    pub spec: GuardrailsSpec,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub enum GuardrailsKind {
    PreviewGuardrails,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GuardrailsSpec {
    /// Where the policy is read: `split`, from a revision that the pull request cannot write, or `single`, at its head.
    #[serde(default)]
    pub layout: Layout,
    /// The preview's namespace. Must tell apart every policy and every pull request.
    #[serde(default = "default_namespace")]
    pub namespace: Interpolated,
    /// Previews' hosts are one DNS label below this name.
    pub domain: DnsName,
    /// How long a preview lives after the last activity.
    pub ttl: Ttl,
    /// What labels of a pull request may ask for, whatever the policy says.
    #[serde(default)]
    pub labels: Labels,
    /// The profile of a policy that names none. Not needed if there is only one.
    pub default_profile: Option<DnsLabel>,
    /// Sizes: the name of each is what a policy asks for.
    pub profiles: Ordered<Profile, DnsLabel>,
    /// The version of the Pod Security Standards (`restricted`) that the namespace enforces, such as `v1.36`.
    #[serde(default = "default_pod_security")]
    pub pod_security: LabelValue,
    /// Where images may come from.
    #[serde(default)]
    pub registries: Vec<ImagePrefix>,
    /// How previews are reached. Without it, policies have no routes.
    pub ingress: Option<Ingress>,
    /// Who may reach a route: the name of each is what a policy asks for. `public` is only there if it is listed.
    #[serde(default)]
    pub access: Ordered<Access, DnsLabel>,
    /// How network policies are written.
    #[serde(default)]
    pub network: Network,
    /// What previews may reach outside of their namespace: the name of each is what a policy asks for.
    #[serde(default)]
    pub egress: Ordered<Destination, DnsLabel>,
    /// Where traces and metrics go. Every preview may reach it.
    pub telemetry: Option<Telemetry>,
    /// Where secrets come from. Without it, policies have none.
    pub secrets: Option<Secrets>,
    /// Databases that previews may branch: the name of each is what a policy asks for.
    #[serde(default)]
    pub baselines: Ordered<Baseline, DnsLabel>,
    /// Where databases are made and removed. Needed by every baseline of layout `split`.
    pub operations: Option<Operations>,
    /// Child Applications. Without it, policies have no `application`.
    pub applications: Option<Applications>,
    /// What a pull request gets by how far its author is known.
    #[serde(default)]
    pub trust: Trust,
    /// What a quarantined pull request shows its findings with.
    #[serde(default)]
    pub quarantine: Quarantine,
    /// Changes to rendered objects, in order, before they are checked.
    #[serde(default)]
    pub patches: Vec<Patch>,
    /// A folder beside this file with templates: one of the name of a built-in replaces it, others are added.
    pub templates: Option<RelativePath>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// The policy comes from a protected revision; the workload at the pull request's head is a child Application.
    #[default]
    Split,
    /// One Application at the pull request's head: for organisations that trust their pull requests' authors.
    Single,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ttl {
    /// If neither policy nor label says more.
    pub default: Duration,
    /// More is clamped to this.
    pub max: Duration,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// What a label begins with that asks for something: `preview/profile=large`.
    #[serde(default = "default_label_prefix")]
    pub prefix: String,
    /// Profiles that a label may ask for.
    #[serde(default)]
    pub profile: Vec<DnsLabel>,
    /// Times that a label may ask for.
    #[serde(default)]
    pub ttl: Vec<Duration>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The namespace's ResourceQuota, `spec.hard`.
    pub quota: Ordered<Quantity>,
    /// The namespace's LimitRange for containers.
    pub container: ContainerLimits,
}

/// A LimitRange item of type Container, in the words of this file.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ContainerLimits {
    /// The limit of a container that states none.
    #[serde(default)]
    pub default: Ordered<Quantity>,
    /// The request of a container that states none.
    #[serde(default)]
    pub request: Ordered<Quantity>,
    /// The highest limit of a container.
    #[serde(default)]
    pub max: Ordered<Quantity>,
    /// The lowest request of a container.
    #[serde(default)]
    pub min: Ordered<Quantity>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Ingress {
    /// What a route becomes.
    #[serde(default)]
    pub kind: RouteKind,
    /// `NAMESPACE/NAME` of the Gateway; needed by `HTTPRoute`.
    pub gateway: Option<String>,
    /// The Gateway's listener with TLS. Without it a route would also answer where there is none.
    #[serde(default = "default_section")]
    pub section: DnsLabel,
    /// The IngressClass; needed by `Ingress`.
    pub class: Option<DnsName>,
    /// Whose extensions carry `access` and `noindex` where the standard has no word for them.
    #[serde(default)]
    pub implementation: Implementation,
    /// The Pods that requests come from, for the network policies.
    pub controller: Option<Controller>,
    /// `wildcard`: the Gateway or the controller has a certificate for all hosts; else, an issuer that makes one a host.
    #[serde(default)]
    pub tls: Tls,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub enum RouteKind {
    #[default]
    #[serde(rename = "HTTPRoute")]
    HttpRoute,
    Ingress,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub enum Implementation {
    /// Middlewares of `traefik.io/v1alpha1`.
    #[default]
    Traefik,
    /// A SecurityPolicy of `gateway.envoyproxy.io/v1alpha1`. Only with `HTTPRoute`.
    Envoy,
    /// Annotations of `nginx.ingress.kubernetes.io`. Only with `Ingress`.
    Nginx,
    /// Only what the standard says: no `access` but `public`.
    Standard,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Controller {
    pub namespace: DnsLabel,
    /// Only Pods with these labels.
    #[serde(default)]
    pub pod_labels: Ordered<LabelValue>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Tls {
    #[default]
    Wildcard,
    /// The name of a cert-manager ClusterIssuer.
    ClusterIssuer(DnsName),
}

/// Who may reach a route: exactly one of the three.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Access {
    /// Only these addresses.
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    /// Only who is signed in at this oauth2-proxy.
    pub oauth2_proxy: Option<Url>,
    /// Everybody.
    #[serde(default)]
    pub public: bool,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Network {
    /// What becomes of an egress entry that only has a host name, which a plain NetworkPolicy cannot say.
    #[serde(default)]
    pub fqdn: Fqdn,
    /// Where DNS is answered.
    #[serde(default)]
    pub dns: Dns,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
pub enum Fqdn {
    /// Nothing is opened, and a warning says so.
    #[default]
    Closed,
    /// A CiliumNetworkPolicy that names the host.
    Cilium,
    /// The port is opened to every public address, not to private ones.
    PublicInternet,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Dns {
    #[serde(default = "default_dns_namespace")]
    pub namespace: DnsLabel,
    #[serde(default = "default_dns_labels")]
    pub pod_labels: Ordered<LabelValue>,
    /// Addresses that answer too, such as a node-local cache's.
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    /// The Pods' port: OpenShift's is 5353.
    #[serde(default = "default_dns_port")]
    pub port: u16,
}

/// Something that previews may reach: a host name, addresses, or Pods of a namespace.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Destination {
    pub fqdn: Option<DnsName>,
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    pub namespace: Option<DnsLabel>,
    #[serde(default)]
    pub pod_labels: Ordered<LabelValue>,
    /// The Pods' own port, not their Service's.
    pub port: u16,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Telemetry {
    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to.
    pub endpoint: Url,
    pub namespace: DnsLabel,
    #[serde(default)]
    pub pod_labels: Ordered<LabelValue>,
    pub port: u16,
}

/// Secrets by the External Secrets Operator: either a `store` that is there, or a `provider` for one a preview.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Secrets {
    /// `ClusterSecretStore/NAME`.
    pub store: Option<String>,
    /// A SecretStore in each preview.
    pub provider: Option<StoreProvider>,
    /// What every key begins with: previews see nothing else.
    pub prefix: Interpolated,
    /// How often values are read again.
    #[serde(default = "default_refresh")]
    pub refresh: Duration,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StoreProvider {
    Aws(AwsStore),
    Gcp(GcpStore),
    Vault(VaultStore),
}

/// AWS Secrets Manager, signed in as a ServiceAccount with an IAM role (IRSA).
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AwsStore {
    pub region: String,
    /// The ARN of a role that may read the prefix and nothing else.
    pub role: String,
}

/// Google Secret Manager, signed in by Workload Identity.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GcpStore {
    pub project: String,
    pub cluster_location: String,
    pub cluster_name: String,
    /// The e-mail of a service account that may read the prefix and nothing else.
    pub service_account: String,
}

/// A KV engine (version 2) of Vault or OpenBao, signed in by Kubernetes authentication.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VaultStore {
    pub server: Url,
    /// The engine's mount path.
    pub path: String,
    /// The mount path of the Kubernetes authentication.
    #[serde(default = "default_vault_mount")]
    pub mount: String,
    /// A role that may read the prefix and nothing else.
    pub role: String,
}

/// A database that previews may branch. Exactly one of `sanitized`, `schemaOnly` and `synthetic` says why that is safe.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Baseline {
    pub provider: Provider,
    /// Live data, masked.
    pub sanitized: Option<Sanitized>,
    /// No data at all.
    #[serde(default)]
    pub schema_only: bool,
    /// Data that was invented.
    pub synthetic: Option<Synthetic>,
    /// The baseline that a pull request of trust `restricted` gets instead.
    pub restricted: Option<DnsLabel>,
    /// The database's name at the server (`postgres`), or in each branch.
    pub database: Option<String>,
    /// The provider's project.
    pub project: Option<String>,
    /// The branch, cluster or snapshot that branches are made from.
    pub parent: Option<String>,
    /// The base URL of the provider's API.
    pub api: Option<Url>,
    /// Where branches are reached, for the network policies.
    pub endpoint: Option<Destination>,
    /// The image of provider `embedded`.
    pub image: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// A PostgreSQL server of your own.
    Postgres,
    /// A small PostgreSQL in the preview's own namespace.
    Embedded,
    Neon,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Sanitized {
    /// What masked it.
    pub by: String,
    /// How old the masking may be, checked when a branch is made.
    #[serde(serialize_with = "as_seconds")]
    pub max_age: Duration,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Synthetic {
    /// What invented it.
    pub by: String,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Operations {
    /// A namespace that outlives every preview.
    pub namespace: DnsLabel,
    /// dayfly's own image with the in-cluster commands, by digest.
    pub image: String,
    /// The ServiceAccount of the database Jobs there.
    #[serde(default = "default_operations_account")]
    pub service_account: DnsLabel,
    /// The Secret there with the providers' keys, as environment variables.
    #[serde(default = "default_operations_credentials")]
    pub credentials: DnsLabel,
    /// Where the Kubernetes API is, for the Jobs' network policies.
    #[serde(default)]
    pub api_server: ApiServer,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiServer {
    /// Its addresses, behind its Service; without any, all addresses.
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    #[serde(default = "default_api_server_ports")]
    pub ports: Vec<u16>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Applications {
    /// Where Applications live.
    #[serde(default = "default_argocd_namespace")]
    pub namespace: DnsLabel,
    /// The AppProject of the child Applications: allows the preview's namespace and workload kinds, nothing else.
    pub project: Interpolated,
    /// The repository of a policy that names none.
    pub repository: Option<Interpolated>,
    /// What a policy's own repository must begin with.
    #[serde(default)]
    pub repositories: Vec<Url>,
}

/// Argo CD's own generator cannot tell a fork: without the parameter `fork`, a pull request is unknown.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Trust {
    /// The parameter `fork` is false.
    pub trusted: Grant,
    /// There is no parameter `fork`.
    pub unknown: Grant,
    /// The parameter `fork` is true.
    pub fork: Grant,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grant {
    /// Nothing runs.
    Quarantine,
    /// No secrets, and only synthetic or schema-only databases.
    Restricted,
    /// All that the policy asks for.
    Full,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Quarantine {
    /// Argo CD has dayfly's health check for ConfigMaps (`dayfly plugin --argocd-cm`). Otherwise, a Job that fails.
    #[serde(default = "yes")]
    pub health_check: bool,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Patch {
    pub target: Target,
    /// A JSON Merge Patch (RFC 7396).
    pub merge: Option<serde_json::Value>,
    /// A JSON Patch (RFC 6902).
    #[serde(default)]
    pub json: Vec<serde_json::Value>,
}

/// The objects that a patch changes: all that is named must fit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    pub kind: Option<String>,
    pub name: Option<String>,
    pub namespace: Option<String>,
}

macro_rules! defaults {
    ($($name:ident: $type:ty = $text:expr;)*) => {$(
        fn $name() -> $type {
            super::scalar::Scalar::parse($text).unwrap_or_else(|error: String| unreachable!("{error}"))
        }
    )*};
}

defaults! {
    default_namespace: Interpolated = "${{ policy.name }}-pr-${{ pr.number }}";
    default_pod_security: LabelValue = "v1.34";
    default_dns_namespace: DnsLabel = "kube-system";
    default_refresh: Duration = "1h";
    default_operations_account: DnsLabel = "dayfly-database";
    default_operations_credentials: DnsLabel = "dayfly-database-admin";
    default_argocd_namespace: DnsLabel = "argocd";
    default_section: DnsLabel = "https";
    kube_dns: LabelValue = "kube-dns";
}

fn default_label_prefix() -> String {
    "preview/".to_owned()
}

fn default_dns_labels() -> Ordered<LabelValue> {
    Ordered::from_iter([("k8s-app".to_owned(), kube_dns())])
}

fn default_dns_port() -> u16 {
    53
}

fn default_vault_mount() -> String {
    "kubernetes".to_owned()
}

fn default_api_server_ports() -> Vec<u16> {
    vec![443, 6443]
}

fn yes() -> bool {
    true
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&duration.to_string())
}

impl Default for Labels {
    fn default() -> Self {
        Self { prefix: default_label_prefix(), profile: Vec::new(), ttl: Vec::new() }
    }
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

impl Default for ApiServer {
    fn default() -> Self {
        Self { cidrs: Vec::new(), ports: default_api_server_ports() }
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
