//! Secrets from the platform's store, below the prefix and nowhere else.

use crate::{
    finding::InputFile,
    input::{
        guardrails::{Grant, Secrets, StoreProvider},
        policy::Secret,
    },
    objects::{self, keys},
    rules::{
        self,
        secret_prefix::{Folder, Names, SECRET_OUTSIDE_PREFIX},
        trust::WITHHELD,
    },
    value::Value,
};

use super::{
    Decision, Origin, Resolver,
    environment::{SecretDatum, SecretFacts, SecretStoreFacts, TrustFacts, WAVES},
    names,
};

impl Resolver<'_> {
    pub(super) fn secrets(&mut self, trust: TrustFacts) -> (Option<SecretStoreFacts>, Vec<SecretFacts>) {
        let policy = self.policy;
        if policy.secrets.is_empty() {
            return (None, Vec::new());
        }
        let Some(secrets) = &self.guardrails.secrets else {
            let message = "the guardrails have no `secrets`, so there are none".to_owned();
            self.policy_finding(&rules::provided::NOT_PROVIDED, "/spec/secrets", message);
            return (None, Vec::new());
        };
        let prefix = self.guardrails_text(&secrets.prefix, "/spec/secrets/prefix");
        let folder = match Folder::new(&prefix, Names::of(secrets)) {
            Ok(folder) => folder,
            Err(message) => {
                self.report(&SECRET_OUTSIDE_PREFIX, InputFile::Guardrails, "/spec/secrets/prefix", message);
                return (None, Vec::new());
            }
        };
        let (store_kind, store_name) = match rules::secret_store::store(secrets) {
            Ok(Some((kind, name))) => (kind.to_owned(), name.to_owned()),
            Ok(None) => ("SecretStore".to_owned(), objects::SECRET_STORE.to_owned()),
            Err(message) => {
                self.report(
                    &rules::secret_store::SECRET_STORE_UNCLEAR,
                    InputFile::Guardrails,
                    "/spec/secrets/store",
                    message,
                );
                return (None, Vec::new());
            }
        };
        let is_granted = trust.grant == Grant::Full;
        let mut facts = Vec::with_capacity(policy.secrets.len());
        for (index, secret) in policy.secrets.iter().enumerate() {
            facts.push(SecretFacts {
                name: secret.name.to_string(),
                store_kind: store_kind.clone(),
                store_name: store_name.clone(),
                refresh: secrets.refresh.go(),
                data: self.data(secret, index, folder, is_granted),
            });
        }
        if !is_granted {
            // A quarantined pull request gets nothing at all, and another finding says so.
            if trust.grant == Grant::Restricted {
                self.findings.push(rules::trust::withheld("secrets", "/spec/secrets", trust.tier));
            }
            return (None, Vec::new());
        }
        (own_store(secrets), facts)
    }

    /// The keys of a Secret; what lies outside of the prefix is reported.
    fn data(&mut self, secret: &Secret, index: usize, folder: Folder<'_>, is_granted: bool) -> Vec<SecretDatum> {
        let mut data = Vec::with_capacity(secret.keys.len());
        for (variable, asked) in secret.keys.iter() {
            let (path, property) =
                asked.split_once('#').map_or((&**asked, None), |(path, property)| (path, Some(property)));
            let pointer = format!("/spec/secrets/{index}/keys/{variable}");
            let key = match folder.key(path) {
                Ok(key) => key,
                Err(message) => {
                    self.policy_finding(&SECRET_OUTSIDE_PREFIX, pointer, message);
                    continue;
                }
            };
            self.decisions.record(|| {
                let below = || property.map_or_else(|| key.clone(), |property| format!("{key}#{property}"));
                let (granted, rule, reason) = if is_granted {
                    (below(), &SECRET_OUTSIDE_PREFIX, "below the guardrails' prefix")
                } else {
                    ("nothing".to_owned(), &WITHHELD, "trust decides who gets secrets")
                };
                Decision {
                    field: format!("secrets.{}.data.{variable}", secret.name),
                    origin: Origin::Input(InputFile::Policy, pointer),
                    asked: Some(asked.to_string()),
                    granted,
                    rule: Some(rule),
                    reason: reason.into(),
                }
            });
            data.push(SecretDatum { variable: variable.to_owned(), key, property: property.map(str::to_owned) });
        }
        data
    }
}

impl SecretFacts {
    /// A hash of where its values come from. `store`: the preview's own, as JSON.
    pub(super) fn source(&self, store: &str) -> String {
        let mut parts = vec![&*self.store_kind, &*self.store_name, store];
        for datum in &self.data {
            parts.extend([&*datum.variable, &*datum.key, datum.property.as_deref().unwrap_or_default()]);
        }
        names::hash(&parts)
    }
}

/// What a `SecretStore` of the preview's own says, as `external-secrets.io/v1` has it.
fn own_store(secrets: &Secrets) -> Option<SecretStoreFacts> {
    let account = || Value::map([("name", objects::STORE_ACCOUNT.into())]);
    let (provider, annotations) = match secrets.provider.as_ref()? {
        StoreProvider::Aws(aws) => {
            let auth = Value::map([("jwt", Value::map([("serviceAccountRef", account())]))]);
            let store = Value::map([
                ("service", "SecretsManager".into()),
                ("region", Value::string(&*aws.region)),
                ("auth", auth),
            ]);
            (Value::map([("aws", store)]), vec![("eks.amazonaws.com/role-arn", Value::string(&*aws.role))])
        }
        StoreProvider::Gcp(gcp) => {
            let identity = Value::map([
                ("clusterLocation", Value::string(&*gcp.cluster_location)),
                ("clusterName", Value::string(&*gcp.cluster_name)),
                ("serviceAccountRef", account()),
            ]);
            let store = Value::map([
                ("projectID", Value::string(&*gcp.project)),
                ("auth", Value::map([("workloadIdentity", identity)])),
            ]);
            (
                Value::map([("gcpsm", store)]),
                vec![("iam.gke.io/gcp-service-account", Value::string(&*gcp.service_account))],
            )
        }
        StoreProvider::Vault(vault) => {
            let kubernetes = Value::map([
                ("mountPath", Value::string(&*vault.mount)),
                ("role", Value::string(&*vault.role)),
                ("serviceAccountRef", account()),
            ]);
            let store = Value::map([
                ("server", Value::string(&*vault.server)),
                ("path", Value::string(&*vault.path)),
                ("version", "v2".into()),
                ("auth", Value::map([("kubernetes", kubernetes)])),
            ]);
            (Value::map([("vault", store)]), Vec::new())
        }
    };
    // Before the workload: the secrets that are read with it are waited for.
    let annotations = Value::map([vec![(keys::SYNC_WAVE, WAVES.guard.into())], annotations].concat());
    Some(SecretStoreFacts { provider, service_account: objects::STORE_ACCOUNT.to_owned(), annotations })
}
