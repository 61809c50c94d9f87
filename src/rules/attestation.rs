//! Who says that a baseline is sanitized has signed it.

use std::time::SystemTime;

use crate::{
    database::attestation::age,
    finding::{Finding, Rule, Severity, visible},
    input::{GuardrailsSpec, PolicySpec, guardrails::Baseline},
};

use super::baseline::{is_complete, is_safe};

/// What `check` finds in an `attestation`, its signature and its subject.
pub static BASELINE_NOT_ATTESTED: Rule = Rule {
    code: "baseline-not-attested",
    severity: Severity::Error,
    summary: "a sanitized baseline carries a statement about itself that a trusted key signed",
    explanation: "`sanitized.attestation` is an in-toto statement in a DSSE envelope. One of `attestationKeys` must have signed it, \
                  and its subject must be this baseline: the provider, and its project, parent and database. This is checked \
                  while rendering, without a clock; the statement's age, its marker inside the branch and its digest of the \
                  columns are checked by `dayfly db provision`, before anybody gets credentials.",
};

/// What `check` says of guardrails without `attestationKeys`, which leave it nothing to check.
pub static ATTESTATION_UNCHECKED: Rule = Rule {
    code: "attestation-unchecked",
    severity: Severity::Warning,
    summary: "the guardrails say who attests baselines",
    explanation: "Without `attestationKeys` a baseline is sanitized because the guardrails say so. `dayfly db provision` still wants the \
                  marker that `dayfly db prepare-baseline` leaves inside it, and nobody has signed that.",
};

/// What `check_age` finds: only `dayfly check` has a clock.
pub static ATTESTATION_TOO_OLD: Rule = Rule {
    code: "attestation-too-old",
    severity: Severity::Error,
    summary: "a baseline was sanitized lately",
    explanation: "`sanitized.maxAge` counts from the time in the attestation, which lies not in the future (five minutes of difference between \
                  clocks are none). Rendering knows no time, so only `dayfly check --at TIME` \
                  says this; inside the cluster `dayfly db provision` does.",
};

/// Checks the baselines that a policy may get, each once.
pub(crate) fn check(policy: &PolicySpec, guardrails: &GuardrailsSpec) -> Vec<Finding> {
    each(policy, guardrails, |name, baseline| check_baseline(name, baseline, guardrails))
}

/// Checks one baseline, whether or not a policy asks for it.
pub(crate) fn check_baseline(name: &str, baseline: &Baseline, guardrails: &GuardrailsSpec) -> Option<Finding> {
    let (rule, message) = problem(name, baseline, guardrails)?;
    Some(Finding::of_guardrails(rule, format!("/spec/baselines/{name}/sanitized"), message))
}

/// Checks how old their attestations are at a time.
pub(crate) fn check_age(policy: &PolicySpec, guardrails: &GuardrailsSpec, at: SystemTime) -> Vec<Finding> {
    each(policy, guardrails, |name, baseline| {
        let sanitized = baseline.sanitized.as_ref()?;
        // An attestation that cannot be read was reported already.
        let made = sanitized.attestation.as_ref()?.statement().ok()?.predicate.at;
        let sign = if guardrails.attestation_keys.is_empty() { "" } else { " --sign KEY" };
        let again = format!("`dayfly db prepare-baseline {name}{sign}`, and paste the `attestation` that it prints");
        let (field, message, help) = match humantime::parse_rfc3339(&made).map(|made| age(made, at)) {
            Ok(Some(age)) if age.as_secs() <= sanitized.max_age.seconds => return None,
            Ok(None) => (
                "attestation",
                format!("the attestation of the baseline `{name}` is dated in the future: {made}"),
                format!("correct the clock of whoever prepares it, then {again}"),
            ),
            Ok(Some(_)) => (
                "maxAge",
                format!(
                    "the baseline `{name}` was sanitized at {made}, longer ago than {}",
                    sanitized.max_age.in_days()
                ),
                format!("refresh and mask it, then {again}"),
            ),
            Err(_) => (
                "attestation",
                format!("the attestation of the baseline `{name}` has no time, but `{}`", visible(&made)),
                again,
            ),
        };
        let place = format!("/spec/baselines/{name}/sanitized/{field}");
        Some(Finding::of_guardrails(&ATTESTATION_TOO_OLD, place, message).help(help))
    })
}

fn each(
    policy: &PolicySpec,
    guardrails: &GuardrailsSpec,
    problem: impl Fn(&str, &Baseline) -> Option<Finding>,
) -> Vec<Finding> {
    let mut all: Vec<(&str, &Baseline)> = Vec::new();
    for (name, baseline) in policy.databases.iter().flat_map(|database| guardrails.baselines_of(database)) {
        if !all.iter().any(|(other, _)| *other == name) {
            all.push((name, baseline));
        }
    }
    all.into_iter().filter_map(|(name, baseline)| problem(name, baseline)).collect()
}

fn problem(name: &str, baseline: &Baseline, guardrails: &GuardrailsSpec) -> Option<(&'static Rule, String)> {
    // What is not even that is said elsewhere.
    let sanitized = baseline
        .sanitized
        .as_ref()
        .filter(|_| is_safe(name, baseline).is_ok() && is_complete(name, baseline).is_ok())?;
    let keys = &guardrails.attestation_keys;
    let next = format!("`dayfly db prepare-baseline {name} --sign KEY` prints one");
    match &sanitized.attestation {
        None if keys.is_empty() => {
            let message = format!(
                "nobody has to sign that the baseline `{name}` is sanitized: the guardrails have no `attestationKeys`"
            );
            Some((&ATTESTATION_UNCHECKED, message))
        }
        None => Some((&BASELINE_NOT_ATTESTED, format!("the baseline `{name}` has no `attestation`: {next}"))),
        Some(envelope) => {
            let problem = match envelope.open(keys, &baseline.subject()) {
                Ok(statement) if statement.predicate.by == sanitized.by => return None,
                Ok(statement) => {
                    format!("it says `by: {}`, and the guardrails say `{}`", statement.predicate.by, sanitized.by)
                }
                Err(problem) => problem,
            };
            Some((
                &BASELINE_NOT_ATTESTED,
                format!("the attestation of the baseline `{name}` is not good: {problem}; {next}"),
            ))
        }
    }
}
