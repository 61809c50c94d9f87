//! The records of what ran in a PostgreSQL branch. The pull request's programs may do with them what they like: what is not as
//! dayfly made it says nothing, counts as failed, and costs no more to read than what is.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};
use tokio_postgres::{Client, error::SqlState};

use super::{literal, look, plain};
use crate::database::{
    files::{LONGEST, UNREADABLE},
    session::run::{MOST_RUNS, Run, Table, readable, unreadable},
};

const MAKE: &str = "CREATE SCHEMA IF NOT EXISTS dayfly_branch;
    CREATE TABLE IF NOT EXISTS dayfly_branch.runs (
      step text PRIMARY KEY, input text NOT NULL, state text NOT NULL, command text NOT NULL,
      at timestamptz NOT NULL DEFAULT now())";

const MAKE_FILES: &str = "CREATE TABLE IF NOT EXISTS dayfly_branch.files (id int PRIMARY KEY, files bytea NOT NULL)";

/// The tables that [`MAKE`] and [`MAKE_FILES`] make: name and columns.
const RUNS: [&str; 2] =
    ["runs", "at timestamp with time zone t, command text t, input text t, state text t, step text t"];
const FILES: [&str; 2] = ["files", "files bytea t, id integer t"];

/// Whether a table ($1) is as dayfly makes it, with these columns ($2), and nothing is done by itself when it is read or written.
/// Asks the catalogue alone.
const IS_SOUND: &str = "SELECT c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relispartition
      AND NOT (c.relrowsecurity OR c.relhasrules OR c.relhastriggers OR c.relhassubclass)
      AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
      AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE')
      AND (SELECT string_agg(format('%s %s %s%s', a.attname, format_type(a.atttypid, -1), a.attnotnull, a.attgenerated), ', ' ORDER BY a.attname)
           FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
        = $2
      AND (SELECT count(*) = 1 AND bool_and(i.indisprimary) FROM pg_index i WHERE i.indrelid = c.oid)
      AND NOT EXISTS (SELECT FROM pg_statistic_ext s WHERE s.stxrelid = c.oid)
      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype NOT IN ('p', 'n'))
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'dayfly_branch' AND c.relname = $1";

/// What drops whatever has the name of the table of files.
const DROP_FILES: &str = "SELECT format('DROP %s dayfly_branch.files CASCADE', CASE c.relkind
      WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE'
      WHEN 'c' THEN 'TYPE' WHEN 'i' THEN 'INDEX' WHEN 'I' THEN 'INDEX' ELSE 'TABLE' END)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'dayfly_branch' AND c.relname = 'files'";

async fn found(client: &Client, [table, columns]: [&str; 2]) -> Result<Table> {
    let row = client.query_opt(IS_SOUND, &[&table, &columns]).await.map_err(plain)?;
    Ok(match row.map(|row| row.try_get(0).unwrap_or(false)) {
        None => Table::Absent,
        Some(true) => Table::Sound,
        Some(false) => Table::Spoiled,
    })
}

async fn make(client: &Client) -> std::result::Result<(), tokio_postgres::Error> {
    const TAKEN: [SqlState; 3] = [SqlState::UNIQUE_VIOLATION, SqlState::DUPLICATE_SCHEMA, SqlState::DUPLICATE_TABLE];
    match client.batch_execute(MAKE).await {
        // Another Job made it at the same moment, which `IF NOT EXISTS` does not see.
        Err(error) if error.code().is_some_and(|code| TAKEN.contains(code)) => client.batch_execute(MAKE).await,
        made => made,
    }
}

/// Makes the table, also in place of one that is not as it was made: then as that of a branch in which everything failed.
pub(super) async fn prepare(client: &Client) -> Result<()> {
    const WHAT: &str = "the branch's own schema `dayfly_branch` cannot be made";
    match found(client, RUNS).await? {
        Table::Sound => return Ok(()),
        Table::Spoiled => {}
        Table::Absent => match make(client).await {
            // Somebody took it away from the schema's own owner.
            Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {}
            made => return made.map_err(plain).context(WHAT),
        },
    }
    // As the login itself: it is a member of the role that it works as, and not the other way round.
    let mut sql = format!("SET ROLE NONE; DROP SCHEMA IF EXISTS dayfly_branch CASCADE; RESET ROLE; {MAKE}");
    // In one transaction: nobody reads a table that says nothing yet, and none stays if this is killed.
    for run in unreadable() {
        let values = [&*run.step, &*run.input, run.state.name(), &*run.command_text()?].map(literal);
        let _ = write!(
            sql,
            "; INSERT INTO dayfly_branch.runs (step, input, state, command) VALUES ({}) ON CONFLICT DO NOTHING",
            values.join(", ")
        );
    }
    client.batch_execute(&sql).await.map_err(plain).context(WHAT)
}

pub(super) async fn runs(client: &Client) -> Result<Vec<Run>> {
    match found(client, RUNS).await? {
        Table::Absent => return Ok(Vec::new()),
        Table::Spoiled => return Ok(unreadable()),
        Table::Sound => {}
    }
    let sql = format!(
        "SELECT left(step, 100), left(input, 1000), left(state, 100), left(command, 100000) FROM dayfly_branch.runs LIMIT {}",
        MOST_RUNS + 1
    );
    let rows = look(client, &sql, &[]).await?;
    let text = |row: &tokio_postgres::Row, index| row.try_get::<_, String>(index).ok();
    Ok(readable(rows.iter().map(|row| Run::read([0, 1, 2, 3].map(|index| text(row, index))))))
}

pub(super) async fn record(client: &Client, run: &Run) -> Result<()> {
    let command = run.command_text()?;
    client
        .execute(
            "INSERT INTO dayfly_branch.runs (step, input, state, command) VALUES ($1, $2, $3, $4)
             ON CONFLICT (step) DO UPDATE SET input = excluded.input, state = excluded.state, command = excluded.command, at = now()",
            &[&run.step, &run.input, &run.state.name(), &command],
        )
        .await
        .map_err(plain)?;
    Ok(())
}

pub(super) async fn files(client: &Client) -> Result<Option<Vec<u8>>> {
    match found(client, FILES).await? {
        Table::Absent => return Ok(None),
        Table::Spoiled => return Ok(Some(UNREADABLE.to_vec())),
        Table::Sound => {}
    }
    let sql = format!("SELECT substr(files, 1, {LONGEST}) FROM dayfly_branch.files WHERE id = 1");
    let rows = look(client, &sql, &[]).await?;
    Ok(rows.first().map(|row| row.try_get(0).unwrap_or_else(|_| UNREADABLE.to_vec())))
}

pub(super) async fn record_files(client: &Client, files: &[u8]) -> Result<()> {
    make_files(client).await.context("the branch's own table `dayfly_branch.files` cannot be made")?;
    // Bytes: a file's name may have letters that the database's encoding lacks. All in one row, which one statement replaces.
    client
        .execute(
            "INSERT INTO dayfly_branch.files (id, files) VALUES (1, $1)
             ON CONFLICT (id) DO UPDATE SET files = excluded.files",
            &[&files],
        )
        .await
        .map_err(plain)?;
    Ok(())
}

/// Makes the table of files, also in place of what is not as it was made.
async fn make_files(client: &Client) -> Result<()> {
    let make = match found(client, FILES).await? {
        Table::Sound => return Ok(()),
        Table::Absent => MAKE_FILES.to_owned(),
        Table::Spoiled => {
            let dropping: String = client.query_one(DROP_FILES, &[]).await.map_err(plain)?.get(0);
            // As the login itself, as in `prepare`.
            format!("SET ROLE NONE; {dropping}; RESET ROLE; {MAKE_FILES}")
        }
    };
    client.batch_execute(&make).await.map_err(plain)
}
