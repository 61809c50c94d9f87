//! The three inputs: what the platform allows, what the team wants, what the pull request is.
//!
//! Reading ends here: everything after works on typed values. What is wrong with a file is reported all at once, with
//! its place (`diagnose`).

mod cause;
mod decode;
mod diagnose;
mod files;
mod filled;
mod foreign;
pub mod guardrails;
mod helm_value;
mod ordered;
pub mod parameters;
pub(crate) mod pattern;
pub mod policy;
pub mod scalar;
mod schema;
mod source;

pub use files::{STANDARD_INPUT, Unfit, open_below, read_file, shown};
pub use filled::Filled;
pub use guardrails::{Guardrails, GuardrailsSpec};
pub use helm_value::HelmValue;
pub use ordered::Ordered;
pub use parameters::Parameters;
pub use policy::{Policy, PolicySpec};
pub(crate) use schema::resolved;
pub use schema::{fields, purpose};
#[cfg(test)]
pub(crate) use source::both_readings;
pub use source::{Places, Source, read_policy, read_typed};

use schemars::JsonSchema;
use serde::Deserialize;

/// The version of both files' format.
pub const API_VERSION: &str = "dayfly.dev/v1alpha1";

/// The version of a file's format.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// It may still change: the changelog says where.
    #[serde(rename = "dayfly.dev/v1alpha1")]
    V1alpha1,
}

/// As a Kubernetes object has it, with nothing but a name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Of a policy: part of every name that is derived. Of guardrails: what people call them.
    pub name: scalar::DnsLabel,
}
