//! What says whose a branch is. It is kept beside the branch, at the provider: nothing without it is ever touched.

use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{spec::Spec, time};

/// The mark of one branch, as JSON of short strings, so that it fits a comment, a tag or an annotation.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Mark {
    /// `dayfly:<policy>:<environment>`.
    pub owner: String,
    /// The environment: the preview's namespace.
    pub environment: String,
    /// The database's name in the policy.
    pub database: String,
    /// What it was branched from ([`crate::input::guardrails::Baseline::subject`]).
    pub baseline: String,
    /// The Secrets with its credentials, in the environment's namespace; with commas between.
    pub secrets: String,
    /// When it was made: RFC 3339.
    pub created: String,
}

impl Mark {
    /// The mark of a branch that is made now.
    pub fn new(spec: &Spec<'_>) -> Self {
        Self {
            owner: spec.owner.to_string(),
            environment: spec.environment.to_string(),
            database: spec.database.to_string(),
            baseline: spec.baseline.entry.subject(),
            secrets: format!("{},{}", spec.names.secret, spec.names.direct_secret),
            created: time::text(SystemTime::now()),
        }
    }

    /// Whether it is the mark of this environment's database, whatever it was branched from.
    pub fn is_of(&self, spec: &Spec<'_>) -> bool {
        self.owner == spec.owner && self.environment == spec.environment && self.database == spec.database
    }
}
