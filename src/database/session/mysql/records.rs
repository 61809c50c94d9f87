//! The records of what ran in a MySQL branch: tables beside the team's. The pull request's programs may do with them what they
//! like: what is not as dayfly made it says nothing, and counts as failed.

use anyhow::{Context as _, Result};
use mysql_async::{Conn, prelude::Queryable as _};

use super::{TABLE, plain, rows, table_type};
use crate::database::{
    files::{LONGEST, UNREADABLE},
    session::run::{MOST_RUNS, Run, Table, readable, unreadable},
};

const RUNS: &str = "_dayfly_runs";
/// What takes the place of records that are not as they were made, and what those are called then.
const NEW_RUNS: &str = "_dayfly_runs_new";
const OLD_RUNS: &str = "_dayfly_runs_was";
const FILES: &str = "_dayfly_files";

/// Columns in their order by name.
const RUNS_COLUMNS: [&str; 5] =
    ["at timestamp no", "command text no", "input varchar no", "state varchar no", "step varchar no"];
const FILES_COLUMNS: [&str; 2] = ["files longblob no", "id int no"];

/// Whether a table is as dayfly makes it, with these columns, and nothing is done by itself when it is read or written.
async fn found(conn: &mut Conn, table: &str, made: &[&str]) -> Result<Table> {
    match table_type(conn, table).await?.as_deref() {
        None => return Ok(Table::Absent),
        Some(TABLE) => {}
        Some(_) => return Ok(Table::Spoiled),
    }
    let columns = format!(
        "SELECT CONCAT(column_name, ' ', data_type, ' ', is_nullable) FROM information_schema.columns
         WHERE table_schema = DATABASE() AND table_name = '{table}'"
    );
    let columns = rows(conn, &columns).await?.into_iter().flatten().flatten();
    let mut columns: Vec<String> = columns.map(|text| text.to_lowercase()).collect();
    columns.sort_unstable();
    let others = format!(
        "SELECT 1 FROM information_schema.triggers WHERE event_object_schema = DATABASE() AND event_object_table = '{table}'
         UNION ALL SELECT 1 FROM DUAL WHERE NOT EXISTS (SELECT 1 FROM information_schema.statistics
           WHERE table_schema = DATABASE() AND table_name = '{table}' AND index_name = 'PRIMARY')"
    );
    let is_sound = columns == made && rows(conn, &others).await?.is_empty();
    Ok(if is_sound { Table::Sound } else { Table::Spoiled })
}

async fn make(conn: &mut Conn, table: &str, columns: &str) -> Result<()> {
    let made = conn.query_drop(format!("CREATE TABLE IF NOT EXISTS {table} ({columns})")).await;
    made.map_err(plain).with_context(|| format!("the branch's own table `{table}` cannot be made"))
}

async fn make_runs(conn: &mut Conn, table: &str) -> Result<()> {
    let columns =
        "step VARCHAR(64) PRIMARY KEY, input VARCHAR(255) NOT NULL, state VARCHAR(16) NOT NULL, command TEXT NOT NULL,
        at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP";
    make(conn, table, columns).await
}

/// Removes what has these names, whatever it is.
async fn remove(conn: &mut Conn, names: &[&str]) -> Result<()> {
    for name in names {
        for kind in ["VIEW", "TABLE"] {
            conn.query_drop(format!("DROP {kind} IF EXISTS {name}")).await.map_err(plain)?;
        }
    }
    Ok(())
}

/// Makes the table, also in place of one that is not as it was made: then as that of a branch in which everything failed.
pub(super) async fn prepare(conn: &mut Conn) -> Result<()> {
    match found(conn, RUNS, &RUNS_COLUMNS).await? {
        Table::Sound => return Ok(()),
        Table::Absent => return make_runs(conn, RUNS).await,
        Table::Spoiled => {}
    }
    // Both at once change their names: whoever is killed here leaves the spoiled records or those that say so, never none.
    remove(conn, &[NEW_RUNS, OLD_RUNS]).await?;
    make_runs(conn, NEW_RUNS).await?;
    for run in unreadable() {
        record_in(conn, NEW_RUNS, &run).await?;
    }
    let rename = format!("RENAME TABLE {RUNS} TO {OLD_RUNS}, {NEW_RUNS} TO {RUNS}");
    conn.query_drop(rename).await.map_err(plain)?;
    remove(conn, &[OLD_RUNS]).await
}

pub(super) async fn runs(conn: &mut Conn) -> Result<Vec<Run>> {
    match found(conn, RUNS, &RUNS_COLUMNS).await? {
        Table::Absent => return Ok(Vec::new()),
        Table::Spoiled => return Ok(unreadable()),
        Table::Sound => {}
    }
    let sql = format!(
        "SELECT LEFT(step, 100), LEFT(input, 1000), LEFT(state, 100), LEFT(command, 100000) FROM {RUNS} LIMIT {}",
        MOST_RUNS + 1
    );
    Ok(readable(rows(conn, &sql).await?.into_iter().map(|row| Run::read(row.try_into().ok()?))))
}

pub(super) async fn record(conn: &mut Conn, run: &Run) -> Result<()> {
    record_in(conn, RUNS, run).await
}

async fn record_in(conn: &mut Conn, table: &str, run: &Run) -> Result<()> {
    let command = run.command_text()?;
    let state = run.state.name();
    let sql = format!(
        "INSERT INTO {table} (step, input, state, command) VALUES (?, ?, ?, ?)
         ON DUPLICATE KEY UPDATE input = ?, state = ?, command = ?"
    );
    let values = (&run.step, &run.input, state, &command, &run.input, state, &command);
    conn.exec_drop(sql, values).await.map_err(plain)
}

pub(super) async fn files(conn: &mut Conn) -> Result<Option<Vec<u8>>> {
    match found(conn, FILES, &FILES_COLUMNS).await? {
        Table::Absent => return Ok(None),
        Table::Spoiled => return Ok(Some(UNREADABLE.to_vec())),
        Table::Sound => {}
    }
    let rows = rows(conn, &format!("SELECT LEFT(files, {LONGEST}) FROM {FILES} WHERE id = 1")).await?;
    let record = |row: Vec<Option<String>>| row.into_iter().next().flatten().map(String::into_bytes);
    Ok(rows.into_iter().next().map(|row| record(row).unwrap_or_else(|| UNREADABLE.to_vec())))
}

pub(super) async fn record_files(conn: &mut Conn, files: &[u8]) -> Result<()> {
    let found = found(conn, FILES, &FILES_COLUMNS).await?;
    if matches!(found, Table::Spoiled) {
        remove(conn, &[FILES]).await?;
    }
    if !matches!(found, Table::Sound) {
        // Bytes, and many of them: a file's name may have letters that the database's character set lacks, and its collation
        // would take `A.sql` for `a.sql`. All in one row, which one statement replaces.
        make(conn, FILES, "id INT PRIMARY KEY, files LONGBLOB NOT NULL").await?;
    }
    // They are in it once: twice, they may be longer than a statement may.
    conn.exec_drop(format!("REPLACE INTO {FILES} (id, files) VALUES (1, ?)"), (files,)).await.map_err(plain)
}
