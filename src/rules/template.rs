//! The platform's templates can be laid out.

use crate::finding::{Rule, Severity};

pub static TEMPLATE: Rule = Rule {
    code: "template",
    severity: Severity::Error,
    summary: "a template of the platform's is valid, and names only what the Environment has",
    explanation: "`dayfly schema environment` prints what templates can name. `$for`, `$when` and `${{ … }}` are all there is.",
};
