//! Branches of somebody's own, outside any preview.

use super::spec::{BaselineSpec, Names, Spec, Steps, VERSION};
use crate::resolve::names;

/// What the owner of such a branch begins with.
pub const OWNER: &str = "dayfly:local:"; // no policy is called so: rules::policy_name

/// What its environment begins with, unless somebody says another.
pub const ENVIRONMENT: &str = "local-";

/// Seconds that it lives unless somebody renews it.
pub const LEASE: u64 = 7 * 86_400;

/// What commands about it are told.
pub fn spec(baseline: &BaselineSpec<'static>, environment: &str, deadline_seconds: u64) -> Spec<'static> {
    let database = baseline.name.to_string();
    Spec {
        version: VERSION,
        environment: environment.to_owned().into(),
        owner: format!("{OWNER}{environment}").into(),
        names: Names {
            namespace: environment.to_owned().into(),
            secret: database.clone().into(),
            variable: "DATABASE_URL".into(),
            direct_secret: names::direct_secret(&database).into(),
            branch: names::provider(&[environment, &database]).into(),
            role: names::provider(&[environment, &database, "user"]).into(),
            server: None,
            server_secret: None,
        },
        database: database.into(),
        baseline: baseline.clone(),
        steps: Steps::default(),
        lease_seconds: LEASE,
        deadline_seconds,
    }
}

/// One to test with, of the baseline `shop`.
#[cfg(test)]
pub(super) fn example(provider: &str, environment: &str) -> Spec<'static> {
    let entry = serde_json::json!({"provider": provider, "synthetic": {"by": "seeds"}});
    let entry = std::borrow::Cow::Owned(serde_json::from_value(entry).expect("a baseline"));
    spec(&BaselineSpec { name: "shop".into(), entry }, environment, 9)
}
