//! A session in a branch or a baseline: what dayfly itself asks and records there, whoever made it.

pub mod mysql;
pub mod postgres;
mod run;

use std::{
    fmt,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use async_trait::async_trait;

pub use self::run::{CHECKED, REBRANCHED, REFUSED, Run, State};
use super::{connection::ConnectionUrl, log::Log, retry::Pauses};

/// What `prepare-baseline` leaves inside a baseline, so that every branch of it has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// SHA-256 of the attested statement, in hexadecimal.
    pub statement: String,
    /// What masked the data.
    pub by: String,
    /// When it was prepared: RFC 3339.
    pub at: String,
    /// The schema's digest then ([`super::schema::digest`]).
    pub schema: String,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    /// Empty where a database is its only schema (MySQL): a branch's name must not change the digest.
    pub schema: String,
    /// Without the schema.
    pub table: String,
    /// Without schema and table.
    pub name: String,
    /// As the server spells the type.
    pub kind: String,
    /// Whether it holds text that people read.
    pub is_text: bool,
    /// Whether it can hold nothing else than numbers, moments, yes or no, UUIDs, or one of a few words that its type lists.
    pub is_plain: bool,
}

/// A table's name for people.
pub fn table_name(schema: &str, table: &str) -> String {
    if schema.is_empty() { table.to_owned() } else { format!("{schema}.{table}") }
}

/// What else a database has than tables that can be looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// What leads to other servers, in words.
    pub outward: Vec<String>,
    /// Tables with rows that a policy hides from this login.
    pub hidden: Vec<String>,
    /// Large objects of PostgreSQL's, which are in no table.
    pub has_large_objects: bool,
}

/// Questions and records, in the server's own SQL.
#[async_trait(?Send)]
pub trait Session {
    /// The marker, if there is one.
    async fn marker(&mut self) -> Result<Option<Marker>>;

    /// Writes the marker, in place of an older one. `about_to`: called last before it is there.
    async fn set_marker(&mut self, marker: &Marker, about_to: &dyn Fn()) -> Result<()>;

    /// Whose sessions are in this database, beside this one.
    async fn others(&mut self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Every column of every table that is not the server's or dayfly's, in no order.
    async fn columns(&mut self) -> Result<Vec<Column>>;

    /// What there is beside tables, and what tables hide.
    async fn contents(&mut self) -> Result<Contents> {
        Ok(Contents::default())
    }

    /// Whether a table has a row.
    async fn has_rows(&mut self, schema: &str, table: &str) -> Result<bool>;

    /// Values of some columns of one table, from at most `rows` of its rows, taken from all over it where the server can.
    async fn sample(&mut self, columns: &[&Column], rows: u32) -> Result<Vec<Vec<Option<String>>>>;

    /// Makes what [`Self::runs`] and [`Self::record`] need.
    async fn prepare_records(&mut self, log: &Log) -> Result<()>;

    /// What ran here.
    async fn runs(&mut self) -> Result<Vec<Run>>;

    /// Writes down a run, in place of an older one of the same step.
    async fn record(&mut self, run: &Run) -> Result<()>;

    /// The files that ran here, as [`Self::record_files`] got them. `None`: nobody wrote any down.
    async fn files(&mut self) -> Result<Option<Vec<u8>>>;

    /// Writes down the files that ran here, in place of older ones.
    async fn record_files(&mut self, files: &[u8]) -> Result<()>;

    /// Takes a lock that ends with this session. `false`: another session has it.
    async fn try_lock(&mut self, name: &str) -> Result<bool>;

    /// Asks for nothing, so that nobody takes the session for forgotten. `false`: it ended; why, the next who asks is told.
    async fn ping(&mut self) -> bool;

    /// Ends all other sessions of this login.
    async fn end_others(&mut self) -> Result<()>;

    /// Leaves nothing of rows that were changed or removed, and makes those that are there final, before a baseline is marked.
    async fn settle(&mut self, log: &Log) -> Result<()>;
}

/// Why there is no session.
#[derive(Debug)]
pub enum NoSession {
    /// The server is there, and doesn't take this login.
    Rejected(anyhow::Error),
    /// It takes no login that comes so: a certificate that nobody vouches for, no TLS, a parameter of the URL.
    Unusable(anyhow::Error),
    /// It could not be asked.
    Unreachable(anyhow::Error),
}

impl NoSession {
    /// Of the first of these kinds that it is.
    fn new(error: anyhow::Error, is_full: bool, is_unusable: bool, is_rejected: bool) -> Self {
        if is_full {
            Self::Unreachable(error.context(Full))
        } else if is_unusable {
            Self::Unusable(error)
        } else if is_rejected {
            Self::Rejected(error)
        } else {
            Self::Unreachable(error)
        }
    }

    /// The same, whatever kind it is of.
    pub fn reason(self) -> anyhow::Error {
        match self {
            Self::Rejected(error) | Self::Unusable(error) | Self::Unreachable(error) => error,
        }
    }
}

/// One attempt.
pub async fn try_open(url: &ConnectionUrl) -> Result<Box<dyn Session>, NoSession> {
    if url.is_mysql() {
        return mysql::open(url).await.map(|session| Box::new(session) as Box<dyn Session>);
    }
    postgres::open(url).await.map(|session| Box::new(session) as Box<dyn Session>)
}

/// The login has all sessions that it may have: why a session is [`NoSession::Unreachable`], beside the server's own words.
#[derive(Debug)]
pub struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "there are as many sessions as may be: end some, or stop what uses the branch (`kubectl scale --replicas=0`), then call this again",
        )
    }
}

/// How long a login's own sessions are waited for: those of a program that has just ended go by themselves.
const LEAVING: Duration = Duration::from_secs(5);

/// Attempts until the server answers: a sleeping branch takes seconds to wake. `Ok(None)`: it answers, and refuses.
pub async fn open_if_accepted(url: &ConnectionUrl, log: &Log) -> Result<Option<Box<dyn Session>>> {
    match answered(url, log).await? {
        Ok(session) => Ok(Some(session)),
        Err(_) => Ok(None),
    }
}

/// A session, or why the login is refused.
pub async fn open(url: &ConnectionUrl, log: &Log) -> Result<Box<dyn Session>> {
    answered(url, log).await?.with_context(|| format!("{url} refuses the login"))
}

/// What the server answers in the end.
async fn answered(url: &ConnectionUrl, log: &Log) -> Result<Result<Box<dyn Session>>> {
    let mut pauses = Pauses::short();
    let mut full = None;
    loop {
        match try_open(url).await {
            Ok(session) => return Ok(Ok(session)),
            Err(NoSession::Rejected(error)) => return Ok(Err(error)),
            Err(NoSession::Unusable(error)) => return Err(error).with_context(|| format!("{url} cannot be used")),
            Err(NoSession::Unreachable(error)) => {
                if !error.is::<Full>() {
                    full = None;
                } else if full.get_or_insert_with(Instant::now).elapsed() > LEAVING {
                    return Err(error).with_context(|| format!("{url} lets nobody in any more"));
                }
                log.doing(format!("waiting for {url}: {error:#}"));
                pauses.wait().await;
            }
        }
    }
}

/// Waits for a lock that ends with this session. `what`: for whom.
pub async fn lock(session: &mut dyn Session, name: &str, what: &str, log: &Log) -> Result<()> {
    while !session.try_lock(name).await? {
        log.doing(what);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    Ok(())
}
