//! Where secrets come from is said once.

use crate::{
    finding::{Rule, Severity},
    input::guardrails::Secrets,
};

/// What `store` finds in the guardrails' `secrets`.
pub static SECRET_STORE_UNCLEAR: Rule = Rule {
    code: "secret-store-unclear",
    severity: Severity::Error,
    summary: "the guardrails name a store or a provider",
    explanation: "`store: ClusterSecretStore/NAME` is one that the platform made; `provider` makes a SecretStore in each preview.",
};

/// Kind and name of the store that is there, or nothing if each preview has its own.
pub(crate) fn store(secrets: &Secrets) -> Result<Option<(&str, &str)>, String> {
    match (secrets.store.as_deref(), &secrets.provider) {
        (Some(store), None) => match store.split_once('/') {
            Some((kind @ "ClusterSecretStore", name)) if crate::input::scalar::is_dns_name(name) => {
                Ok(Some((kind, name)))
            }
            _ => Err(format!("`{store}` is no `ClusterSecretStore/NAME`")),
        },
        (None, Some(_)) => Ok(None),
        (Some(_), Some(_)) => Err("`store` and `provider` are two stores: keep one".to_owned()),
        (None, None) => Err("neither `store` nor `provider` says where secrets are".to_owned()),
    }
}
