//! A policy's name is the team's to choose, but for what means something else.

use crate::finding::{Rule, Severity};

/// About a policy called `LOCAL`.
pub static POLICY_NAME_RESERVED: Rule = Rule {
    code: "policy-name-reserved",
    severity: Severity::Error,
    summary: "no policy with databases is called `local`",
    explanation: "Branches of databases carry their owner: `dayfly:POLICY:ENVIRONMENT`, and `dayfly:local:NAME` if somebody made one \
                  outside any preview, which lives until its lease ends. A policy of that name would keep its branches \
                  alive after their previews are gone.",
};

/// The name in the owner of a branch outside any preview.
pub(crate) const LOCAL: &str = "local";
