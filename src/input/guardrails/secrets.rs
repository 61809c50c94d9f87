//! Where the values of secrets come from.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    expression::Interpolated,
    input::scalar::{Duration, Url},
};

use super::defaults;

/// Secrets by the External Secrets Operator. Either `store` or `provider`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Secrets {
    /// A store that is there already, as `ClusterSecretStore/NAME`.
    pub store: Option<String>,
    /// The backend of a `SecretStore` that each preview gets for itself.
    pub provider: Option<StoreProvider>,
    /// What every key begins with: previews can name nothing else. One that ends with `/`, `-` or `_` is put before a key as it is, any
    /// other with a `/`. Google's and Azure's stores have no folders, so there it is `preview-`.
    // Sources: Google Cloud's documentation, "Method: projects.secrets.create"; Azure's, "Azure Key Vault keys, secrets and certificates".
    pub prefix: Interpolated,
    /// How often values are read again. Left out, `1h`.
    #[serde(default = "default_refresh")]
    pub refresh: Duration,
}

/// A backend, and how it is signed in to from a preview's namespace.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum StoreProvider {
    /// AWS Secrets Manager.
    Aws(AwsStore),
    /// Google Secret Manager.
    Gcp(GcpStore),
    /// Vault or `OpenBao`.
    Vault(VaultStore),
}

/// AWS Secrets Manager, signed in as a ServiceAccount with an IAM role (IRSA).
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AwsStore {
    /// The region.
    pub region: String,
    /// The ARN of a role that may read the prefix and nothing else.
    pub role: String,
}

/// Google Secret Manager, signed in by Workload Identity.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
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

defaults! {
    default_refresh: Duration = "1h";
}

fn default_vault_mount() -> String {
    "kubernetes".to_owned()
}
