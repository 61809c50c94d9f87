//! Sanitized or nothing: what is checked inside a branch before anybody gets its credentials.
//!
//! The renderer has checked who attested what. Here the branch itself must carry the marker of that attestation, young
//! enough, and have the schema that was attested: a column that came later was masked by nobody.

use std::{collections::BTreeSet, time::SystemTime};

use anyhow::Result;
use serde_json::json;

use super::{
    attestation::age,
    failure::{Refused, refuse},
    log::Log,
    scan, schema,
    session::{Column, Contents, Session, table_name},
    spec::BaselineSpec,
    time,
};
use crate::{
    input::guardrails::{Anonymized, Sanitized},
    rules::baseline::is_safe,
};

/// Refuses a baseline that does not even claim to hold no live data: of that nothing is made.
pub fn claim(baseline: &BaselineSpec<'_>) -> Result<()> {
    is_safe(&baseline.name, &baseline.entry).map_err(|message| Refused(message).into())
}

/// Checks a new branch, before the pull request's programs see it.
pub async fn fresh_branch(session: &mut dyn Session, baseline: &BaselineSpec<'_>, log: &Log) -> Result<()> {
    claim(baseline)?;
    let entry = &*baseline.entry;
    log.doing("checking what is in the branch");
    contents(session, baseline, log).await?;
    let columns = session.columns().await?;
    if let Some(sanitized) = &entry.sanitized {
        marked(session, &baseline.name, sanitized, &schema::digest(&columns)).await?;
    }
    if let Some(anonymized) = &entry.anonymized {
        masked(&columns, &baseline.name, anonymized)?;
    }
    if entry.schema_only {
        without_rows(session, &baseline.name, &columns).await?;
    }
    personal_data(session, &baseline.name, &columns, log).await
}

/// Refuses tables that are not empty.
async fn without_rows(session: &mut dyn Session, baseline: &str, columns: &[Column]) -> Result<()> {
    let tables: BTreeSet<(&str, &str)> = columns.iter().map(|column| (&*column.schema, &*column.table)).collect();
    for (schema, table) in tables {
        if session.has_rows(schema, table).await? {
            refuse!(
                "the baseline `{baseline}` says `schemaOnly`, and its table {} has rows: empty it, or say what the data is",
                table_name(schema, table)
            );
        }
    }
    Ok(())
}

/// Says how much there is that looks like a person's, and refuses nothing: masked data may look so.
async fn personal_data(session: &mut dyn Session, baseline: &str, columns: &[Column], log: &Log) -> Result<()> {
    let report = scan::scan(session, columns).await?;
    let seen: usize = report.seen.values().sum();
    let by_column: Vec<serde_json::Value> = report
        .seen
        .iter()
        .map(|((column, shape), count)| json!({"column": column, "shape": shape.name(), "count": count}))
        .collect();
    log.facts(
        format!(
            "looked at {} values of {} tables for personal data: {seen} look like it",
            report.values, report.tables
        ),
        &[("sampledValues", json!(report.values)), ("personalData", json!(by_column))],
    );
    if seen > 0 {
        let counts: Vec<String> =
            report.seen.iter().map(|((column, shape), count)| format!("{column}: {count} {}", shape.name())).collect();
        log.warn(format!(
            "values that look like a person's, in the baseline `{baseline}`: {}. Masked data may look so; live data must not be there",
            counts.join(", ")
        ));
    }
    if report.not_looked_at > 0 {
        log.warn(format!("{} tables were not looked at: there was no time", report.not_looked_at));
    }
    Ok(())
}

/// Refuses what leads out of a baseline, and what nobody can look at in it.
pub(super) async fn contents(session: &mut dyn Session, baseline: &BaselineSpec<'_>, log: &Log) -> Result<()> {
    let Contents { outward, hidden, has_large_objects } = session.contents().await?;
    let name = &baseline.name;
    if !outward.is_empty() {
        refuse!(
            "the baseline `{name}` leads to other servers, and so would each copy, with whatever login is in it: {}. In the baseline, `DROP SERVER … CASCADE` and `DROP SUBSCRIPTION …`, then call this again",
            outward.join(", ")
        );
    }
    if !hidden.is_empty() {
        refuse!(
            "row-level security hides rows of the baseline `{name}` from whoever checks it, and its previews may lift that: {}. Let dayfly's login see them (`ALTER ROLE … BYPASSRLS`), or `ALTER TABLE … NO FORCE ROW LEVEL SECURITY` in the baseline",
            hidden.join(", ")
        );
    }
    if has_large_objects && baseline.entry.schema_only {
        refuse!(
            "the baseline `{name}` says `schemaOnly`, and has large objects: `SELECT lo_unlink(oid) FROM pg_largeobject_metadata` in it, or say what the data is"
        );
    }
    if has_large_objects {
        log.warn(format!(
            "the baseline `{name}` has large objects (`pg_largeobject`), which are not looked at: mask or unlink them too"
        ));
    }
    Ok(())
}

/// Every column of an anonymized branch that may hold more than numbers and moments was masked, or the guardrails say that it
/// holds nobody's data.
fn masked(columns: &[Column], baseline: &str, anonymized: &Anonymized) -> Result<()> {
    let named = |column: &Column| format!("{}.{}.{}", column.schema, column.table, column.name);
    let mut open: Vec<String> = columns.iter().filter(|column| !column.is_plain).map(named).collect();
    open.retain(|name| !anonymized.keep.contains(name) && !anonymized.mask.iter().any(|mask| mask.column == *name));
    open.sort_unstable();
    if !open.is_empty() {
        refuse!(
            "the baseline `{baseline}` is `anonymized`, and these columns were not masked: {}; add each to its `mask` or, if it holds nobody's data, to its `keep`",
            open.join(", ")
        );
    }
    Ok(())
}

/// The marker of a sanitized baseline: there, attested, young, and about this schema.
async fn marked(session: &mut dyn Session, baseline: &str, sanitized: &Sanitized, digest: &str) -> Result<()> {
    let next = format!("mask the data again and run `dayfly db prepare-baseline {baseline}`");
    let Some(marker) = session.marker().await? else {
        refuse!("the baseline `{baseline}` was never prepared: nothing in it says that it is sanitized; {next}");
    };
    if marker.by != sanitized.by {
        refuse!(
            "the baseline `{baseline}` was sanitized by `{}`, and the guardrails say `{}`",
            marker.by,
            sanitized.by
        );
    }
    let (at, attested_digest) = match &sanitized.attestation {
        Some(envelope) => {
            let unreadable = |problem: String| {
                Refused(format!("the attestation of the baseline `{baseline}` cannot be read: {problem}"))
            };
            let payload = envelope.payload().map_err(unreadable)?;
            if marker.statement != schema::sha256(&payload) {
                refuse!(
                    "the baseline `{baseline}` is not the one that was attested: its marker is of another statement; {next}"
                );
            }
            let statement = envelope.statement().map_err(unreadable)?;
            (statement.predicate.at.clone(), statement.schema_sha256().to_owned())
        }
        None => (marker.at.clone(), marker.schema.clone()),
    };
    let made = time::parse(&at)?;
    let Some(age) = age(made, SystemTime::now()) else {
        refuse!(
            "the baseline `{baseline}` was sanitized at {at}, which is in the future: correct the clock of whoever prepares it, or of this machine; {next}"
        );
    };
    if age.as_secs() > sanitized.max_age.seconds {
        refuse!(
            "the baseline `{baseline}` was sanitized at {at}, {} ago, and the guardrails allow {}; {next}",
            time::age(made, SystemTime::now()),
            sanitized.max_age
        );
    }
    if attested_digest != digest {
        refuse!(
            "the baseline `{baseline}` has other columns than when it was sanitized: a new one was masked by nobody; {next}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_masked_or_kept() {
        let anonymized: Anonymized = serde_json::from_str(
            r#"{"mask":[{"column":"public.users.email","value":"'-'"}],"keep":["public.users.flags"]}"#,
        )
        .unwrap();
        let column = |name: &str, kind: &str, is_text, is_plain| Column {
            schema: "public".into(),
            table: "users".into(),
            name: name.into(),
            kind: kind.into(),
            is_text,
            is_plain,
        };
        let mut columns = vec![
            column("id", "bigint", false, true),
            column("email", "text", true, false),
            column("flags", "text[]", false, false),
        ];
        masked(&columns, "shop", &anonymized).unwrap();
        columns.extend([column("names", "text[]", false, false), column("photo", "bytea", false, false)]);
        let error = masked(&columns, "shop", &anonymized).unwrap_err().to_string();
        assert!(error.contains("not masked: public.users.names, public.users.photo;"), "{error}");
    }
}
