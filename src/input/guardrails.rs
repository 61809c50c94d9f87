//! `kind: PreviewGuardrails`: what the platform allows, and what it provides.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    Ordered,
    scalar::{Cidr, DnsLabel, DnsName, Duration, ImagePrefix, LabelValue, Port, Quantity, RelativePath, Url},
};
use crate::{
    database::attestation::{AttestationKey, Envelope},
    expression::Interpolated,
};

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
    /// Where the policy is read.
    #[serde(default)]
    pub layout: Layout,
    /// The name of a preview's namespace. Must tell apart every policy and every pull request. Left out,
    /// `${{ policy.name }}-pr-${{ pr.number }}`.
    #[serde(default = "default_namespace")]
    pub namespace: Interpolated,
    /// The domain of all previews: a host is one DNS label below it.
    pub domain: DnsName,
    /// How long a preview lives after the pull request's last activity.
    pub ttl: Ttl,
    /// What a label of a pull request may ask for, whatever the policy says.
    #[serde(default)]
    pub labels: Labels,
    /// The profile of a policy that names none. Not needed if there is only one.
    pub default_profile: Option<DnsLabel>,
    /// Sizes: the name of each is what a policy asks for.
    pub profiles: Ordered<Profile, DnsLabel>,
    /// The version of the Pod Security Standards that namespaces enforce; the level is always `restricted`. Left out,
    /// `v1.34`.
    #[serde(default = "default_pod_security")]
    pub pod_security: LabelValue,
    /// Where images may come from. Left out, nowhere.
    #[serde(default)]
    pub registries: Vec<ImagePrefix>,
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
    /// Where databases are made and removed. Needed by every baseline of layout `split`.
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
    /// A folder beside this file with templates: one with the name of a built-in replaces it, all others are added.
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
    /// If neither the policy nor a label says anything.
    pub default: Duration,
    /// The longest time. Who asks for more gets this, and a warning.
    pub max: Duration,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Labels {
    /// What such a label begins with: `preview/profile=large`.
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
    /// The namespace's `ResourceQuota`: `requests.cpu`, `limits.memory`, `pods` and so on.
    pub quota: Ordered<Quantity>,
    /// The namespace's `LimitRange`: what a container gets if it asks for nothing, and at most.
    pub container: ContainerLimits,
}

/// A `LimitRange` of type Container. `request` is at most `default`, `default` at most `max`; whatever the quota counts needs a
/// default, or no Pod starts.
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
    /// The Gateway, as `NAMESPACE/NAME`; needed if `kind` is `HTTPRoute`.
    pub gateway: Option<String>,
    /// The name of the Gateway's listener with TLS, so that no route answers on one without. Left out, `https`.
    #[serde(default = "default_section")]
    pub section: DnsLabel,
    /// The `IngressClass`; needed if `kind` is `Ingress`.
    pub class: Option<DnsName>,
    /// Which controller reads the routes: its extensions carry `access` and `noindex`.
    #[serde(default)]
    pub implementation: Implementation,
    /// The Pods that requests come from, for the network policies.
    pub controller: Option<Controller>,
    /// Where certificates come from.
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
    /// A `SecurityPolicy` of `gateway.envoyproxy.io/v1alpha1`. Only with `HTTPRoute`.
    Envoy,
    /// Annotations of `nginx.ingress.kubernetes.io`. Only with `Ingress`.
    Nginx,
    /// Only what the standard says: no `access` but `public`.
    Standard,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Controller {
    /// Its namespace.
    pub namespace: DnsLabel,
    /// Its Pods' labels. Left out, all Pods of the namespace.
    #[serde(default)]
    pub pod_labels: Ordered<LabelValue>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Tls {
    /// The Gateway or the controller has one for all hosts.
    #[default]
    Wildcard,
    /// cert-manager makes one for each host; this is the name of its `ClusterIssuer`. It must answer challenges by DNS: one
    /// by HTTP is answered by a Pod in the preview, which nothing can reach there.
    ClusterIssuer(DnsName),
}

/// Who may reach a route. Exactly one of the three.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Access {
    /// Requests from these addresses.
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    /// People who are signed in at this oauth2-proxy.
    pub oauth2_proxy: Option<Url>,
    /// Everybody.
    #[serde(default)]
    pub public: bool,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Network {
    /// What becomes of an `egress` entry that is a host name, which a plain `NetworkPolicy` cannot express.
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
    /// A `CiliumNetworkPolicy` that names the host.
    Cilium,
    /// The port is opened to every public address, not to private ones.
    PublicInternet,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Dns {
    /// The namespace of the Pods that answer. Left out, `kube-system`.
    #[serde(default = "default_dns_namespace")]
    pub namespace: DnsLabel,
    /// Their labels. Left out, `k8s-app: kube-dns`.
    #[serde(default = "default_dns_labels")]
    pub pod_labels: Ordered<LabelValue>,
    /// Addresses that answer too, such as a node-local cache's.
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    /// The Pods' port; OpenShift's is 5353.
    #[serde(default = "default_dns_port")]
    pub port: Port,
}

/// Something that previews may reach: a host name, addresses, or Pods of a namespace.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Destination {
    /// A host name; `network.fqdn` says what becomes of it.
    pub fqdn: Option<DnsName>,
    /// Addresses.
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    /// A namespace of the cluster.
    pub namespace: Option<DnsLabel>,
    /// Labels of Pods in that namespace. Left out, all of its Pods.
    #[serde(default)]
    pub pod_labels: Ordered<LabelValue>,
    /// The port, TCP. For Pods, their own port and not their Service's.
    pub port: Port,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Telemetry {
    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to.
    pub endpoint: Url,
    /// The collector's namespace.
    pub namespace: DnsLabel,
    /// Its Pods' labels. Left out, all Pods of the namespace.
    #[serde(default)]
    pub pod_labels: Ordered<LabelValue>,
    /// Its Pods' port.
    pub port: Port,
}

/// Secrets by the External Secrets Operator. Either `store` or `provider`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Secrets {
    /// A store that is there already, as `ClusterSecretStore/NAME`.
    pub store: Option<String>,
    /// The backend of a `SecretStore` that each preview gets for itself.
    pub provider: Option<StoreProvider>,
    /// What every key begins with: previews can name nothing else.
    pub prefix: Interpolated,
    /// How often values are read again. Left out, `1h`.
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
    /// The region.
    pub region: String,
    /// The ARN of a role that may read the prefix and nothing else.
    pub role: String,
}

/// Google Secret Manager, signed in by Workload Identity.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GcpStore {
    /// The project of the secrets.
    pub project: String,
    /// Where this cluster is.
    pub cluster_location: String,
    /// This cluster's name.
    pub cluster_name: String,
    /// The e-mail of a service account that may read the prefix and nothing else.
    pub service_account: String,
}

/// A KV engine (version 2) of Vault or `OpenBao`, signed in by Kubernetes authentication.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct VaultStore {
    /// Its address.
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
/// What databases are branched from. Its entry goes to the Jobs that do it, without what only rendering needs.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Baseline {
    /// What makes the branches.
    pub provider: Provider,
    /// It holds live data that was masked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sanitized: Option<Sanitized>,
    /// It holds a schema and no data.
    #[serde(default, skip_serializing_if = "is_false")]
    pub schema_only: bool,
    /// It holds data that was invented.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<Synthetic>,
    /// It holds live data, and the provider masks each branch before anybody can use it (`neon`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub anonymized: Option<Anonymized>,
    /// The name of the baseline that pull requests of trust `restricted` get instead of this one.
    #[serde(skip_serializing)]
    pub restricted: Option<DnsLabel>,
    /// The database's name at the server (`postgres`, `mysql`, `mariadb`), or in each branch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The provider's project (`neon`, `supabase`), `ORGANIZATION/DATABASE` (`planetscale`), or team (`crunchy-bridge`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<String>,
    /// What branches are made from (`neon`: a branch's id; `planetscale`, `dblab`: a branch's name; `aurora`,
    /// `crunchy-bridge`: a cluster).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// Where the provider keeps it (`aurora`: an AWS region).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// How large a branch's server is (`aurora`: an instance class, such as `db.t4g.medium` or `db.serverless`;
    /// `supabase`: an instance size; `crunchy-bridge`: a plan).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<String>,
    /// The base URL of the provider's API, if it is not the usual one (`dblab`: required).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<Url>,
    /// Where branches are reached, for the network policies (`postgres`, `mysql`, `mariadb`, `dblab`, `aurora`: required).
    #[serde(skip_serializing)]
    pub endpoint: Option<Destination>,
    /// The last port, where each branch has one of its own (`dblab`); `endpoint` has the first.
    #[serde(skip_serializing)]
    pub last_port: Option<Port>,
    /// The image with server and data (`embedded`), or with the server that the data are of (`cnpg`), by digest. A new one
    /// is a new database: the Jobs run again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// What a cluster of the preview's own is made from (`cnpg`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterSource>,
}

/// A snapshot of a prepared baseline's volume, and the cluster that is made from it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ClusterSource {
    /// The CSI driver that made the snapshot.
    pub driver: String,
    /// The snapshot's handle at that driver: `status.snapshotHandle` of its `VolumeSnapshotContent`. It is never deleted.
    pub snapshot: String,
    /// The volume's size: the snapshot's, or more.
    #[serde(serialize_with = "quantity_as_text")]
    pub size: Quantity,
    /// The volume's class. Left out, the cluster's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub storage_class: Option<DnsName>,
    /// The role that owns the database. Left out, `app`.
    #[serde(default = "default_cluster_owner")]
    pub owner: String,
    /// The operator's namespace. Left out, `cnpg-system`.
    #[serde(default = "default_operator_namespace")]
    pub operator: DnsLabel,
}

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Provider {
    /// A PostgreSQL server of your own.
    Postgres,
    /// A MySQL server of your own.
    Mysql,
    /// A MariaDB server of your own.
    Mariadb,
    /// A small PostgreSQL in the preview's own namespace.
    Embedded,
    /// Neon: a branch is a copy-on-write branch of a project.
    Neon,
    /// `PlanetScale`: a branch of a MySQL or PostgreSQL database.
    Planetscale,
    /// Supabase: a branch of a project.
    Supabase,
    /// Crunchy Bridge: a fork of a cluster.
    CrunchyBridge,
    /// Amazon Aurora: a copy-on-write clone of a cluster.
    Aurora,
    /// Database Lab Engine: a thin clone.
    Dblab,
    /// `CloudNativePG`: a `Cluster` of the preview's own, from a volume's snapshot.
    Cnpg,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Sanitized {
    /// What masked it: a name that people look up.
    pub by: String,
    /// How old the masking may be when a branch is made.
    #[serde(serialize_with = "as_text")]
    pub max_age: Duration,
    /// What says so, signed: `dayfly db prepare-baseline NAME --sign KEY` prints it. Needed if there are `attestationKeys`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Envelope>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Synthetic {
    /// What invented it: a name that people look up.
    pub by: String,
}

#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Anonymized {
    /// What becomes of each column with personal data.
    pub mask: Vec<Mask>,
    /// Columns of text that hold nobody's data, as `SCHEMA.TABLE.COLUMN`. A branch with a column of text that is neither
    /// masked nor here is not given to anybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keep: Vec<String>,
}

/// Exactly one of `function` and `value`.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Mask {
    /// `SCHEMA.TABLE.COLUMN`
    pub column: String,
    /// A function of PostgreSQL Anonymizer: `anon.fake_email()`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function: Option<String>,
    /// What every row gets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Operations {
    /// A namespace that outlives every preview.
    pub namespace: DnsLabel,
    /// dayfly's own image with the in-cluster commands, by digest.
    pub image: String,
    /// The ServiceAccount of the database Jobs there. Left out, `dayfly-database`.
    #[serde(default = "default_operations_account")]
    pub service_account: DnsLabel,
    /// The Secret there with the provider's key, as environment variables. Left out, `dayfly-database-admin`.
    #[serde(default = "default_operations_credentials")]
    pub credentials: DnsLabel,
    /// Where the Kubernetes API is, for the Jobs' network policies.
    #[serde(default)]
    pub api_server: ApiServer,
    /// How long a branch and its login live if nobody renews them: the sweeper does for every preview that exists. Left
    /// out, `48h`.
    #[serde(default = "default_lease")]
    pub lease: Duration,
    /// What part of all branches one sweep may reclaim, in percent; ten it always may. Left out, 50.
    #[serde(default = "default_sweep_share")]
    #[schemars(range(min = 1, max = 100))]
    pub sweep_share: u8,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiServer {
    /// Its own addresses, not its Service's. Left out, all addresses.
    #[serde(default)]
    pub cidrs: Vec<Cidr>,
    /// Its ports.
    #[serde(default = "default_api_server_ports")]
    pub ports: Vec<Port>,
}

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

#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grant {
    /// Nothing of it runs.
    Quarantine,
    /// No secrets, and only synthetic or schema-only databases.
    Restricted,
    /// Everything that the policy asks for.
    Full,
}

#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Quarantine {
    /// Whether Argo CD has dayfly's health check for `ConfigMaps` (`dayfly plugin --argocd-cm`). If not, a Job that fails shows
    /// that something is wrong.
    #[serde(default = "yes")]
    pub health_check: bool,
}

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

/// The objects that a patch changes. What is left out, or `*`, fits all.
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
    default_lease: Duration = "48h";
    default_operations_account: DnsLabel = "dayfly-database";
    default_operations_credentials: DnsLabel = "dayfly-database-admin";
    default_argocd_namespace: DnsLabel = "argocd";
    default_operator_namespace: DnsLabel = "cnpg-system";
    default_section: DnsLabel = "https";
    kube_dns: LabelValue = "kube-dns";
}

fn default_cluster_owner() -> String {
    "app".to_owned()
}

fn default_label_prefix() -> String {
    "preview/".to_owned()
}

fn default_dns_labels() -> Ordered<LabelValue> {
    Ordered::from_iter([("k8s-app".to_owned(), kube_dns())])
}

fn default_dns_port() -> Port {
    port(53)
}

fn default_sweep_share() -> u8 {
    50
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

fn default_vault_mount() -> String {
    "kubernetes".to_owned()
}

fn default_api_server_ports() -> Vec<Port> {
    vec![port(443), port(6443)]
}

fn port(number: u16) -> Port {
    Port::new(number).unwrap_or(Port::MIN)
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn as_text<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&duration.to_string())
}

fn quantity_as_text<S: serde::Serializer>(quantity: &Quantity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&quantity.to_string())
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
