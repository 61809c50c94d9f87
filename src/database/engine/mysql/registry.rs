//! The registry: one row for each branch, written before anything is made and removed after everything is gone.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use mysql_async::{Conn, Params, Row, prelude::Queryable as _};

use super::Branch;
use crate::database::{
    mark::Mark,
    random,
    session::mysql::{code, plain, texts},
    spec::Spec,
    time,
};

/// A row, with a mark that this dayfly can read.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Nobody's before and nobody's after: what is removed is removed by it.
    pub(super) id: String,
    /// The branch's name in the spec.
    pub(super) branch: String,
    pub(super) database: String,
    pub(super) user: String,
    /// The name of the branch's lock. The branch's own user could hold one whose name it knows.
    pub(super) lock: String,
    pub(super) mark: Mark,
    pub(super) is_complete: bool,
    /// When the user got its password.
    pub(super) login_at: Option<SystemTime>,
    pub(super) expires: Option<SystemTime>,
}

impl Entry {
    pub(super) fn into_branch(self) -> Branch {
        Branch {
            id: self.id,
            name: self.database,
            mark: self.mark,
            expires: self.expires,
            cost: None,
            is_complete: self.is_complete,
        }
    }
}

#[derive(Clone, Copy)]
pub(super) enum Which<'a> {
    Id(&'a str),
    Branch(&'a str),
}

const COLUMNS: &str = "id, branch, database_name, user_name, lock_name, mark, is_complete, login_at, expires";

/// The longest names of a database and, in MySQL, of a user.
const DATABASE: usize = 64;
const USER: usize = 32;

/// No such database, no such table.
const ABSENT: [u16; 2] = [1049, 1146];
const DEADLOCK: u16 = 1213;

/// Sees to it that a branch has a row; it may have been there, and be another environment's.
pub(super) async fn register(conn: &mut Conn, spec: &Spec<'_>) -> Result<()> {
    if entry(conn, Which::Branch(&spec.names.branch)).await?.is_some() {
        return Ok(());
    }
    for sql in [
        "CREATE DATABASE IF NOT EXISTS dayfly",
        "CREATE TABLE IF NOT EXISTS dayfly.branches (
           id CHAR(32) PRIMARY KEY, branch VARCHAR(64) NOT NULL UNIQUE, database_name VARCHAR(64) NOT NULL UNIQUE,
           user_name VARCHAR(32) NOT NULL UNIQUE, lock_name CHAR(32) NOT NULL, mark TEXT NOT NULL, is_complete INT NOT NULL,
           login_at VARCHAR(40), expires VARCHAR(40)
         ) ENGINE = InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
    ] {
        conn.query_drop(sql).await.map_err(plain).context(
            "the registry `dayfly.branches` cannot be made (docs/databases/mysql.md has what the administrator needs)",
        )?;
    }
    // Names that nobody could know before this row does: whatever has them was made for it.
    let nonce = random::nonce();
    let named = |stem: &str, most: usize| format!("dayfly_{}_{nonce}", &stem[..stem.len().min(most - 16)]);
    let sql = format!("INSERT IGNORE INTO dayfly.branches ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, 0, NULL, NULL)");
    let values = (
        random::password(),
        &*spec.names.branch,
        named(&spec.names.branch, DATABASE),
        named(&spec.names.role, USER),
        random::password(),
        serde_json::to_string(&Mark::new(spec))?,
    );
    write(conn, &sql, values).await.map_err(plain).context("the branch cannot be registered")
}

/// Writes a row, and does so again where the server ended that for another Job: two that register the branch whose row was just
/// removed may each wait for the other.
async fn write(conn: &mut Conn, sql: &str, values: impl Into<Params>) -> std::result::Result<(), mysql_async::Error> {
    let values = values.into();
    let mut attempts = 10;
    loop {
        let written = conn.exec_drop(sql, values.clone()).await;
        attempts -= 1;
        match &written {
            Err(error) if attempts > 0 && code(error) == DEADLOCK => {}
            _ => return written,
        }
    }
}

pub(super) async fn entry(conn: &mut Conn, which: Which<'_>) -> Result<Option<Entry>> {
    let (column, value) = match which {
        Which::Id(id) => ("id", id),
        Which::Branch(branch) => ("branch", branch),
    };
    let sql = format!("SELECT {COLUMNS} FROM dayfly.branches WHERE {column} = ?");
    let row: Option<Row> = match conn.exec_first(sql, (value,)).await {
        Err(error) if ABSENT.contains(&code(&error)) => None,
        result => result.map_err(plain).context("the registry `dayfly.branches` cannot be read")?,
    };
    row.map(read).transpose()
}

/// All rows, each by itself: one that cannot be read keeps no others from being listed.
pub(super) async fn entries(conn: &mut Conn) -> Result<Vec<Result<Entry>>> {
    let rows: Vec<Row> = match conn.query(format!("SELECT {COLUMNS} FROM dayfly.branches ORDER BY branch")).await {
        Err(error) if ABSENT.contains(&code(&error)) => Vec::new(),
        result => result.map_err(plain).context("the registry `dayfly.branches` cannot be read")?,
    };
    Ok(rows.into_iter().map(read).collect())
}

fn read(row: Row) -> Result<Entry> {
    let mut values = texts(row).into_iter();
    let mut next = || values.next().flatten();
    let mut text = || next().unwrap_or_default();
    let (id, branch, database, user, lock, mark) = (text(), text(), text(), text(), text(), text());
    let mark = serde_json::from_str(&mark).with_context(|| {
        format!(
            "the mark of `{branch}` in `dayfly.branches` cannot be read, so that nobody renews or reclaims it: if no newer dayfly made it, mend the row, or drop the database `{database}`, the user `{user}` and then the row"
        )
    })?;
    let is_complete = text() == "1";
    let mut time = || next().and_then(|text| time::parse(&text).ok());
    let (login_at, expires) = (time(), time());
    Ok(Entry { id, branch, database, user, lock, mark, is_complete, login_at, expires })
}

/// The branch is being made, from what the spec says now.
pub(super) async fn begin(conn: &mut Conn, entry: &Entry, spec: &Spec<'_>) -> Result<()> {
    let mark = if entry.mark.baseline == spec.baseline.entry.subject() { entry.mark.clone() } else { Mark::new(spec) };
    update(conn, "is_complete = 0, mark = ?", vec![serde_json::to_string(&mark)?], entry).await
}

/// The branch is complete.
pub(super) async fn finish(conn: &mut Conn, entry: &Entry) -> Result<()> {
    update(conn, "is_complete = 1", Vec::new(), entry).await
}

const DAY: u64 = 86_400;

/// Passwords expire after whole days: never before the lease does.
pub(super) fn days(seconds: u64) -> u16 {
    u16::try_from(seconds.div_ceil(DAY)).unwrap_or(u16::MAX).max(1)
}

/// The branch's user has a password since then, for so many days.
pub(super) async fn set_login(conn: &mut Conn, entry: &Entry, since: SystemTime, days: u16) -> Result<()> {
    let expires = since + Duration::from_secs(u64::from(days) * DAY);
    update(conn, "login_at = ?, expires = ?", vec![time::text(since), time::text(expires)], entry).await
}

async fn update(conn: &mut Conn, set: &str, mut values: Vec<String>, entry: &Entry) -> Result<()> {
    let sql = format!("UPDATE dayfly.branches SET {set} WHERE id = ?");
    values.push(entry.id.clone());
    write(conn, &sql, values).await.map_err(plain).context("the registry cannot be written")
}

pub(super) async fn remove(conn: &mut Conn, entry: &Entry) -> Result<()> {
    write(conn, "DELETE FROM dayfly.branches WHERE id = ?", (&entry.id,))
        .await
        .map_err(plain)
        .context("the registry cannot be written")
}
