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
    explanation: "Services, routes, and Secrets (of `secrets` and `databases` together) have names of their own; no service is called \
                  as a database's server in the preview, `database-NAME`; a container gets a variable once, and a folder of `writable` \
                  once.",
};

/// Those of some names and their places that stood before.
pub(crate) fn repeated<N: Ord + Clone, P: Clone>(mut names: Vec<(N, P)>) -> Vec<(N, P)> {
    // Stable: of two equal names, the first stays the first.
    names.sort_by(|(a, _), (b, _)| a.cmp(b));
    names.windows(2).filter(|pair| pair[0].0 == pair[1].0).map(|pair| pair[1].clone()).collect()
}
