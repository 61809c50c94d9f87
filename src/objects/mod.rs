//! Kubernetes objects on their way from the templates to the output.

pub mod expression;
mod object;
pub mod order;
pub mod patch;
pub mod stamp;

pub use object::{Object, Origin};

/// The ServiceAccount of the preview's Pods. It has no token.
pub const SERVICE_ACCOUNT: &str = "preview";

/// The ConfigMap that is their environment.
pub const CONFIG_MAP: &str = "preview";
