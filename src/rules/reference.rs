//! Names lead somewhere, and to one place only.

use crate::finding::{Rule, Severity};

pub static UNKNOWN_REFERENCE: Rule = Rule {
    code: "unknown-reference",
    severity: Severity::Error,
    summary: "a name refers to something that there is",
    explanation: "Routes name services, `uses` names secrets and databases of the policy; access and egress are names of the guardrails.",
};

pub static DUPLICATE_NAME: Rule = Rule {
    code: "duplicate-name",
    severity: Severity::Error,
    summary: "a name stands for one thing",
    explanation: "Services, routes, and Secrets (of `secrets` and `databases` together) have names of their own; a container gets a \
                  variable once.",
};

/// Names that stand more than once, each of them once.
pub(crate) fn repeated(mut names: Vec<&str>) -> Vec<String> {
    names.sort_unstable();
    let mut repeated: Vec<String> =
        names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].to_owned()).collect();
    repeated.dedup();
    repeated
}
