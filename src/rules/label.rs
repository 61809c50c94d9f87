//! Labels may ask, but only for what is offered.

use crate::finding::{Finding, Rule, Severity, likely, nearest, visible};

/// What `not_offered` and `contradiction` find in a pull request's labels.
pub static LABEL_NOT_OFFERED: Rule = Rule {
    code: "label-not-offered",
    severity: Severity::Error,
    summary: "a label asks only for what guardrails or policy offer",
    explanation: "`preview/profile=large` and `preview/ttl=72h` count if `spec.labels` of the guardrails or the policy lists the value. \
                  Another value quarantines the pull request until the label is gone, so that nobody waits for what will not come. So do two \
                  labels that ask for different things, and, by other rules, a profile into which the policy does not fit, but would without \
                  the label.",
};

/// About a label that seems to ask for something that labels cannot ask for.
pub static UNKNOWN_LABEL: Rule = Rule {
    code: "unknown-label",
    severity: Severity::Warning,
    summary: "a label with the prefix of those that ask asks for something",
    explanation: "Labels of a pull request that begin with `spec.labels.prefix` (`preview/`) are `preview/profile=…` and `preview/ttl=…`. \
                  Any other changes nothing.",
};

/// What labels may ask for.
pub(crate) const NAMES: [&str; 2] = ["profile", "ttl"];

/// What else may be asked for.
pub(crate) fn offered(asked: &str, names: &[&str]) -> String {
    match names {
        [] => ": nothing of that kind is".to_owned(),
        names => nearest(asked, names.iter().copied()),
    }
}

/// Where a label stands among those of the pull request.
pub(crate) fn pointer(index: usize) -> String {
    format!("/labels/{index}")
}

/// `hint`: what is offered.
pub(crate) fn not_offered(index: usize, label: &str, hint: &str) -> Finding {
    let message = format!("the label `{}` asks for what is not offered{hint}", visible(label));
    Finding::of_parameters(&LABEL_NOT_OFFERED, pointer(index), message).help("remove the label")
}

/// Of labels that ask for the same thing, one would win by the order in which the code host lists them.
pub(crate) fn contradiction(first: &str, (index, second): (usize, &str)) -> Finding {
    let message = format!("the labels `{}` and `{}` ask for different things", visible(first), visible(second));
    Finding::of_parameters(&LABEL_NOT_OFFERED, pointer(index), message).help("remove one of them")
}

/// A label that seems to ask, but for nothing that there is.
pub(crate) fn unknown(index: usize, label: &str, prefix: &str) -> Option<Finding> {
    let asked = label.get(..prefix.len()).filter(|start| !start.is_empty() && start.eq_ignore_ascii_case(prefix))?;
    // The prefix alone may be what a preview is asked for by.
    let rest = Some(&label[asked.len()..]).filter(|rest| !rest.is_empty())?;
    let is_known = |name: &&str| asked == prefix && rest.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
    if NAMES.iter().any(is_known) {
        return None;
    }
    let name = rest.split(['=', ':']).next().unwrap_or_default();
    let hint = match likely(name, NAMES.into_iter()) {
        Some(name) => format!(": did you mean `{prefix}{name}=…`?"),
        None => nearest(name, NAMES.into_iter()),
    };
    let message = format!("the label `{}` asks for nothing{hint}", visible(label));
    let help = format!("labels that ask are `{prefix}profile=…` and `{prefix}ttl=…`");
    Some(Finding::of_parameters(&UNKNOWN_LABEL, pointer(index), message).help(help))
}
