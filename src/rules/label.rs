//! Labels may ask, but only for what is offered.

use crate::finding::{Finding, Rule, Severity, visible};

pub static LABEL_NOT_OFFERED: Rule = Rule {
    code: "label-not-offered",
    severity: Severity::Error,
    summary: "a label asks only for what guardrails or policy offer",
    explanation: "`preview/profile=large` and `preview/ttl=72h` count if `spec.labels` of the guardrails or the policy lists the value. \
                  Anything else quarantines the pull request until the label is gone, so that nobody waits for what will not come. So does, by \
                  other rules, a profile into which the policy does not fit, but would without the label.",
};

pub(crate) fn not_offered(label: &str, choices: &str) -> Finding {
    let offered = if choices.is_empty() {
        "nothing of that kind is offered".to_owned()
    } else {
        format!("offered are `{choices}`")
    };
    let message = format!("the label `{}` asks for what is not offered: {offered}", visible(label));
    Finding::of_parameters(&LABEL_NOT_OFFERED, "/labels", message).help("remove the label")
}
