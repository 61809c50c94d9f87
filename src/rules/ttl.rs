//! Every preview ends.

use crate::finding::{Rule, Severity};

/// A warning: the preview lives as long as the guardrails allow.
pub static TTL_CLAMPED: Rule = Rule {
    code: "ttl-clamped",
    severity: Severity::Warning,
    summary: "a preview lives no longer than the guardrails allow",
    explanation: "A longer `ttl` is clamped to `spec.ttl.max` of the guardrails. A preview without an end cannot be asked for at all: \
                  `ttl` takes lengths of time only.",
};

/// About the guardrails' `ttl` alone.
pub static TTL_BOUNDS: Rule = Rule {
    code: "ttl-bounds",
    severity: Severity::Error,
    summary: "the guardrails' default ttl is within their maximum",
    explanation: "Otherwise every preview would be clamped.",
};
