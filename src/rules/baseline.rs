//! Previews get no live personal data.

use crate::{
    finding::{Rule, Severity},
    input::guardrails::{Baseline, Provider},
};

pub static UNKNOWN_BASELINE: Rule = Rule {
    code: "unknown-baseline",
    severity: Severity::Error,
    summary: "a baseline is one of the guardrails'",
    explanation: "Policies name a baseline, never a server: what may be branched is the platform's to say.",
};

pub static BASELINE_NOT_SANITIZED: Rule = Rule {
    code: "baseline-not-sanitized",
    severity: Severity::Error,
    summary: "a baseline says why its data may be seen by everybody who opens a pull request",
    explanation: "Exactly one of `sanitized` (by what, and how old it may be), `schemaOnly: true` and `synthetic` (by what). \
                  Leaked preview databases are leaked production data.",
};

pub static BASELINE_INCOMPLETE: Rule = Rule {
    code: "baseline-incomplete",
    severity: Severity::Error,
    summary: "a baseline has what its provider needs",
    explanation: "`postgres`, `mysql` and `mariadb`: `database` and `endpoint`. `neon`: `project` and `parent`. `embedded`: `image`. \
                  `cnpg`: `database`, `image` and `cluster`.",
};

pub(crate) fn is_safe(name: &str, baseline: &Baseline) -> Result<(), String> {
    let claims = [baseline.sanitized.is_some(), baseline.schema_only, baseline.synthetic.is_some()];
    match claims.iter().filter(|claim| **claim).count() {
        1 => Ok(()),
        0 => Err(format!(
            "the baseline `{name}` is none of `sanitized`, `schemaOnly` and `synthetic`, so it may hold live data"
        )),
        _ => Err(format!("the baseline `{name}` must be exactly one of `sanitized`, `schemaOnly` and `synthetic`")),
    }
}

/// Why a baseline is safe, in words.
pub(crate) fn why_safe(baseline: &Baseline) -> &'static str {
    match (&baseline.sanitized, baseline.schema_only) {
        (Some(_), _) => "live data, masked",
        (None, true) => "a schema without data",
        (None, false) => "data that was invented",
    }
}

pub(crate) fn is_complete(name: &str, baseline: &Baseline) -> Result<(), String> {
    let needed: &[(&str, bool)] = match baseline.provider {
        Provider::Postgres | Provider::Mysql | Provider::Mariadb => {
            &[("database", baseline.database.is_some()), ("endpoint", baseline.endpoint.is_some())]
        }
        Provider::Neon => &[("project", baseline.project.is_some()), ("parent", baseline.parent.is_some())],
        Provider::Embedded => &[("image", baseline.image.is_some())],
        Provider::Cnpg => &[
            ("database", baseline.database.is_some()),
            ("image", baseline.image.is_some()),
            ("cluster", baseline.cluster.is_some()),
        ],
        // TODO-ENGINES
        Provider::Planetscale | Provider::Supabase | Provider::CrunchyBridge | Provider::Aurora | Provider::Dblab => {
            &[("project", baseline.project.is_some())]
        }
    };
    match needed.iter().find(|(_, is_there)| !is_there) {
        Some((field, _)) => Err(format!("the baseline `{name}` has no `{field}`")),
        None => Ok(()),
    }
}
