//! A session in a branch or a baseline: what dayfly itself asks and records there, whoever made it.

mod contents;
pub mod mysql;
pub mod postgres;
mod records;
mod residue;

use std::{
    borrow::Cow,
    fmt::{self, Write as _},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{connection::ConnectionUrl, log::Log, retry::Pauses};
use crate::finding::printable;

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

/// A program of the team's, and how far it came.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Run {
    /// `migrate`, `seed`, or what is said of them: `rebranched`, the branch was made anew because of this input; `refused`, it was
    /// not even begun.
    pub step: String,
    /// What told this run from others: the hash of image and command.
    pub input: String,
    /// How far it came, when this was written.
    pub state: State,
    /// The hash of the program and its arguments, and then why it failed; of `checked` what proves it. Never what could be run, or
    /// a secret: whoever has the branch's login reads and writes this.
    pub command: Vec<String>,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Begun; or its Job was killed.
    Running,
    /// It ran through.
    Done,
    /// Ended otherwise: the branch is made anew before it runs again.
    Failed,
}

impl State {
    /// As records have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// What [`Self::name`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Running, Self::Done, Self::Failed].into_iter().find(|state| state.name() == text)
    }
}

/// More records than these are none of dayfly's.
const MOST_RUNS: usize = 100;

/// More of a reason than this is nobody's to read.
const LONGEST_REASON: usize = 2000;

impl Run {
    /// The same, failed. `why`: for whoever reads the log of another Job.
    pub fn failed(&self, why: &str) -> Self {
        let digest = self.command.first().cloned().unwrap_or_default();
        let why = why.chars().take(LONGEST_REASON).collect();
        Self { state: State::Failed, command: vec![digest, why], ..self.clone() }
    }

    /// Why it failed, as the record says: whoever has the branch's login may have written that.
    pub fn why(&self) -> Option<Cow<'_, str>> {
        let why = self.command.get(1).filter(|_| self.state == State::Failed)?;
        Some(printable(why, LONGEST_REASON))
    }

    /// The command as it is written down, in ASCII: a database's encoding may lack what is in a path.
    fn command_text(&self) -> Result<String> {
        let json = serde_json::to_string(&self.command)?;
        let mut text = String::with_capacity(json.len());
        for letter in json.chars() {
            if letter.is_ascii() {
                text.push(letter);
            } else {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(text, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(text)
    }

    /// A record, as the database has it: step, input, state and command. `None`: it is not one of dayfly's.
    fn read([step, input, state, command]: [Option<String>; 4]) -> Option<Self> {
        let state = State::parse(&state?).unwrap_or(State::Failed);
        Some(Self { step: step?, input: input?, state, command: serde_json::from_str(&command?).unwrap_or_default() })
    }
}

/// The records of what ran, each as [`Run::read`] has it: at most [`MOST_RUNS`] and one more.
fn readable(runs: impl Iterator<Item = Option<Run>>) -> Vec<Run> {
    runs.collect::<Option<Vec<_>>>().filter(|runs| runs.len() <= MOST_RUNS).unwrap_or_else(unreadable)
}

/// What records say that cannot be read: whatever ran here failed, so the branch is made anew.
fn unreadable() -> Vec<Run> {
    let failed =
        |step: &str| Run { step: step.into(), input: String::new(), state: State::Failed, command: Vec::new() };
    ["migrate", "seed"].map(failed).into()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_kept_in_ascii_and_read_as_it_was() {
        let run =
            Run { step: "migrate".into(), input: "a".into(), state: State::Running, command: vec!["hash".into()] };
        let failed = run.failed("`größe/🦀.sql` ran here");
        let text = failed.command_text().unwrap();
        assert!(text.is_ascii(), "{text}");
        let read = Run::read([Some("migrate".into()), Some("a".into()), Some("failed".into()), Some(text)]).unwrap();
        assert_eq!((&read, read.why().as_deref()), (&failed, Some("`größe/🦀.sql` ran here")));
        assert_eq!(run.why(), None);
        assert_eq!(run.failed(&"a\n".repeat(9000)).why().unwrap().len(), 1000, "no line more in anybody's log");
    }
}
