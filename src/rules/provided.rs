//! A policy asks only for what the platform provides.

use crate::finding::{Rule, Severity};

pub static NOT_PROVIDED: Rule = Rule {
    code: "not-provided",
    severity: Severity::Error,
    summary: "a policy asks only for what the guardrails provide",
    explanation: "Routes need `ingress`, secrets need `secrets`, an `application` needs `applications`.",
};
