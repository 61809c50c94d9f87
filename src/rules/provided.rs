//! A policy asks only for what the platform provides.

use crate::finding::{Rule, Severity};

/// About a field of the policy that needs one of the guardrails which is left out.
pub static NOT_PROVIDED: Rule = Rule {
    code: "not-provided",
    severity: Severity::Error,
    summary: "a policy asks only for what the guardrails provide",
    explanation: "Routes need `ingress`, secrets need `secrets`, databases need `operations` (and in layout `single` the provider \
                  `embedded`), an `application` needs `applications`.",
};
