//! How far a pull request's author is known decides what it gets.

use crate::finding::{Finding, InputFile, Owner, Rule, Severity, Subject};

/// What `quarantine` says.
pub static UNTRUSTED: Rule = Rule {
    code: "untrusted-pull-request",
    severity: Severity::Error,
    summary: "nothing runs for a pull request that the guardrails quarantine",
    explanation: "The parameter `fork` says where a pull request comes from; `spec.trust` says what that gets. By default a fork is \
                  quarantined: its code would run beside secrets and data. In layout `single` forks are always refused, because \
                  they would write their own policy.",
};

/// What `withheld` says: a warning, since the rest is rendered.
pub static WITHHELD: Rule = Rule {
    code: "withheld",
    severity: Severity::Warning,
    summary: "pull requests of trust `restricted` get no secrets and no live data, masked or not",
    explanation: "What is withheld is left out, with the variables that would come from it, and each of `env` that names one of these as \
                  `$(NAME)`: a program finds no variable, rather than one with a hole (in `command` and `args`, the characters \
                  stay). A baseline may name another as `restricted`, with data that was invented, for such pull requests. Pods of `manifests` that read what is withheld wait \
                  for it and never start (`CreateContainerConfigError`), unless they say `optional: true` where they read it.",
};

pub(crate) fn quarantine(tier: &str, single: bool) -> Finding {
    let message = if single {
        "the pull request comes from a fork, which layout `single` refuses".to_owned()
    } else {
        format!("the guardrails quarantine pull requests of trust `{tier}`")
    };
    Finding::of_parameters(&UNTRUSTED, "/fork", message).help(help(tier))
}

pub(crate) fn withheld(what: &str, pointer: &str, tier: &str) -> Finding {
    let message = format!("{what} withheld: the pull request's trust is `restricted`");
    Finding::new(&WITHHELD, Owner::PullRequest, Subject::Input(InputFile::Policy, pointer.to_owned()), message)
        .help(help(tier))
}

/// What would get more.
fn help(tier: &str) -> &'static str {
    match tier {
        "fork" => "a maintainer can push the branch to the repository itself",
        "unknown" => "pass the parameter `fork`, or say in the guardrails what trust `unknown` gets",
        _ => "the guardrails say what trust `trusted` gets",
    }
}
