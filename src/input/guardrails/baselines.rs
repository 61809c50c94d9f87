//! What previews may branch, and where that is done.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    database::attestation::Envelope,
    input::Filled,
    input::scalar::{Cidr, DnsLabel, DnsName, Duration, ImageDigest, Percent, Port, Quantity, Reference, Url},
};

use super::{defaults, network::Destination, port};

/// A database that previews may branch. Exactly one of `sanitized`, `schemaOnly`, `synthetic` and `anonymized` says why that
/// is safe. The Jobs get its entry, without what only rendering needs.
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
    pub restricted: Option<Reference>,
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
    /// Where branches are reached, for the network policies (`postgres`, `mysql`, `mariadb`, `dblab`, `aurora`: required). Left
    /// out for a hosted provider, all public addresses. An `fqdn` alone needs a `network.fqdn` that is not `Closed`; with `Cilium`
    /// it does not do for `aurora`, `neon`, `supabase` and `crunchy-bridge`, whose branches have a host each: write `cidrs`.
    #[serde(skip_serializing)]
    pub endpoint: Option<Destination>,
    /// The last port, where each branch has one of its own (`dblab`); `endpoint` has the first.
    #[serde(skip_serializing)]
    pub last_port: Option<Port>,
    /// The image of the server, by digest: with the data in it, unless there is a `dump` (`embedded`), or of the server that the
    /// data are of (`cnpg`). A new one is a new database: the Jobs run again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageDigest>,
    /// An image that holds nothing but a dump of the data, `*.sql` or `*.sql.gz`, by digest: `image` fills itself from it
    /// (`embedded`; Kubernetes 1.35 with containerd 2.1, or another with image volumes). A new one is a new database, too.
    // Sources: KEP-4639 (image volumes); the official image's `docker-entrypoint.sh` (`/docker-entrypoint-initdb.d`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dump: Option<ImageDigest>,
    /// What a cluster of the preview's own is made from (`cnpg`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterSource>,
}

impl super::GuardrailsSpec {
    /// Seconds that one command of `dayfly db` may take: `operations.deadline`.
    pub fn deadline_seconds(&self) -> u64 {
        self.operations.as_ref().map_or_else(default_deadline, |operations| operations.deadline).seconds
    }
}

impl Baseline {
    /// Whether the branches of both are in one place, where each is found whatever it was made from. A server of one's own
    /// is told by where it is reached; inside the cluster its key tells it.
    pub fn shares_place(&self, other: &Self) -> bool {
        (self.provider, &self.project, &self.region, &self.api, &self.endpoint)
            == (other.provider, &other.project, &other.region, &other.api, &other.endpoint)
    }
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

/// What branches a database, and how.
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

impl Provider {
    /// As the guardrails spell it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
            Self::Mariadb => "mariadb",
            Self::Embedded => "embedded",
            Self::Neon => "neon",
            Self::Planetscale => "planetscale",
            Self::Supabase => "supabase",
            Self::CrunchyBridge => "crunchy-bridge",
            Self::Aurora => "aurora",
            Self::Dblab => "dblab",
            Self::Cnpg => "cnpg",
        }
    }

    /// Whether a branch has a server of its own in the preview's namespace: nobody's key is needed, and it goes with that.
    pub fn is_own(self) -> bool {
        matches!(self, Self::Embedded | Self::Cnpg)
    }

    /// Whether branches and API are the provider's, on the public internet.
    pub fn is_hosted(self) -> bool {
        matches!(self, Self::Neon | Self::Planetscale | Self::Supabase | Self::CrunchyBridge)
    }

    /// Whether each branch is at a host of its own, whose name nobody knows before it is made.
    pub fn has_a_host_each(self) -> bool {
        matches!(self, Self::Neon | Self::Supabase | Self::CrunchyBridge | Self::Aurora)
    }

    /// Whether the login that leads to a branch also leads to the one that is made anew in its place.
    pub fn keeps_login(self) -> bool {
        matches!(self, Self::Postgres | Self::Mysql | Self::Mariadb | Self::Embedded | Self::Cnpg)
    }
}

/// Who masked the data, how long that may be ago, and what proves it.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Sanitized {
    /// What masked it: a name that people look up.
    pub by: String,
    /// How old the masking may be when a branch is made.
    pub max_age: Duration,
    /// What says so, signed: `dayfly db prepare-baseline NAME --sign KEY` prints it. Needed if there are `attestationKeys`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attestation: Option<Envelope>,
}

/// Nobody's data: pull requests of trust `restricted` may have them, too.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Synthetic {
    /// What invented it: a name that people look up.
    pub by: String,
}

/// How PostgreSQL Anonymizer masks a branch.
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

/// What the databases' Jobs run as, and how long what they make may stay.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Operations {
    /// A namespace that outlives every preview.
    pub namespace: DnsLabel,
    /// dayfly's own image with the in-cluster commands, by digest.
    pub image: ImageDigest,
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
    /// This installation's name, where several share a server or an account of databases: the branches of each say whose they are,
    /// and no sweep touches another's. Set it before the first branch is made. Left out, there is one installation.
    #[serde(default)]
    pub installation: Option<DnsLabel>,
    /// What part of all branches one sweep may reclaim, in percent; one branch it always may. Left out, 50.
    #[serde(default = "default_sweep_share")]
    pub sweep_share: Percent,
    /// How long one step of a database may take, its retries included: make it longer if migrations or seeds are. Left
    /// out, `15m`.
    #[serde(default = "default_deadline")]
    pub deadline: Duration,
}

/// Where the databases' Jobs reach the Kubernetes API: they write Secrets.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiServer {
    /// Its own addresses, not its Service's. Left out, every address, which baselines of `embedded` and `cnpg` refuse: their Jobs
    /// run beside the pull request's Pods. Cilium takes no node's address for one of a block, unless it runs with
    /// `policyCIDRMatchMode: nodes`.
    #[serde(default = "all_addresses")]
    pub cidrs: Filled<Vec<Cidr>>,
    /// Its ports. Left out, 443 and 6443.
    #[serde(default = "default_api_server_ports")]
    pub ports: Filled<Vec<Port>>,
}

defaults! {
    all_of_v4: Cidr = "0.0.0.0/0";
    all_of_v6: Cidr = "::/0";
    default_sweep_share: Percent = "50";
    default_deadline: Duration = "15m";
    default_lease: Duration = "48h";
    default_operations_account: DnsLabel = "dayfly-database";
    default_operations_credentials: DnsLabel = "dayfly-database-admin";
    default_operator_namespace: DnsLabel = "cnpg-system";
}

fn default_cluster_owner() -> String {
    "app".to_owned()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(value: &bool) -> bool {
    !value
}

fn all_addresses() -> Filled<Vec<Cidr>> {
    Filled::from([all_of_v4(), all_of_v6()])
}

fn default_api_server_ports() -> Filled<Vec<Port>> {
    Filled::from([port(443), port(6443)])
}

/// As it was written.
pub(crate) fn quantity_as_text<S: serde::Serializer>(quantity: &Quantity, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&quantity.to_string())
}

impl Default for ApiServer {
    fn default() -> Self {
        Self { cidrs: all_addresses(), ports: default_api_server_ports() }
    }
}
