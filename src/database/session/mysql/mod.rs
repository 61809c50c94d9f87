//! MySQL and MariaDB, and what speaks their protocol. It needs nothing but its own login's rights in its own database.

mod records;

use std::time::Duration;

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use mysql_async::{Conn, DriverError, Error, IoError, OptsBuilder, Row, SslOpts, Value, prelude::Queryable as _};

use super::{Column, Marker, NoSession, Run, Session};
use crate::database::{connection::ConnectionUrl, failure::refuse, log::Log, schema, tls};

/// One connection to a server.
pub struct MysqlSession {
    conn: Conn,
    /// Locks are the server's, not the database's: their names hold it.
    database: String,
}

/// A database is its only schema, so dayfly's tables are beside the team's.
const BASELINE: &str = "_dayfly_baseline";
const OURS: &str = "_dayfly_";

/// The lock of whoever makes the table of records.
const MAKING: &str = "dayfly:records";

/// Types of numbers and moments, and of words that the type lists; `…int` too.
const PLAIN: [&str; 10] =
    ["decimal", "float", "double", "date", "datetime", "timestamp", "time", "year", "enum", "uuid"];

/// Rows among which a sample is spread: all of a smaller table, the first of a larger one.
const SPREAD: f64 = 1_000_000.0;

/// How every session begins. The server ends it when nothing is heard of it for some minutes, so that a machine that died keeps no
/// lock: this protocol has nothing else for that. (Vitess ignores it, and has a limit of its own.) MariaDB alone reads the rest: a
/// copy takes as long as it takes.
const BEGINNING: &str = "SET SESSION wait_timeout = 300 /*M!100101 , max_statement_time = 0 */";

/// Connects once. The connection ends with the client.
pub async fn connect(url: &ConnectionUrl) -> Result<Conn, NoSession> {
    let mut conn = signed_in(url).await?;
    conn.query_drop(BEGINNING).await.map_err(no_session)?;
    Ok(conn)
}

async fn signed_in(url: &ConnectionUrl) -> Result<Conn, NoSession> {
    let mode = url.parameter("ssl-mode").map(|mode| mode.to_ascii_uppercase().replace('-', "_"));
    let more = url.authorities();
    let roots = || tls::root_files(more.as_deref()).into_iter().map(Into::into);
    let verified = || SslOpts::default().with_root_certs(roots().collect());
    match mode.as_deref() {
        Some("DISABLED") => attempt(url, None).await.map_err(no_session),
        None | Some("PREFERRED") if url.parameter("sslaccept").as_deref() != Some("strict") => {
            let whoever =
                if more.is_some() { verified() } else { SslOpts::default().with_danger_accept_invalid_certs(true) };
            match attempt(url, Some(whoever)).await {
                Err(Error::Driver(DriverError::NoClientSslFlagFromServer)) => attempt(url, None).await,
                result => result,
            }
            .map_err(no_session)
        }
        // Whoever asks for encryption gets a verified server: an unverified one may be anybody's.
        None | Some("PREFERRED" | "REQUIRED" | "VERIFY_CA" | "VERIFY_IDENTITY") => {
            attempt(url, Some(verified())).await.map_err(no_session)
        }
        Some(other) => Err(NoSession::Unusable(anyhow::anyhow!(
            "`ssl-mode={other}` of {url} is none of DISABLED, PREFERRED, REQUIRED, VERIFY_CA, VERIFY_IDENTITY"
        ))),
    }
}

async fn attempt(url: &ConnectionUrl, tls: Option<SslOpts>) -> Result<Conn, Error> {
    let options = OptsBuilder::default()
        .ip_or_hostname(url.host())
        .tcp_port(url.port())
        .user(Some(url.user()))
        .pass(Some(url.password()))
        .db_name(Some(url.database()).filter(|name| !name.is_empty()))
        .prefer_socket(false)
        .ssl_opts(tls);
    match tokio::time::timeout(Duration::from_secs(10), Conn::new(options)).await {
        Ok(result) => result,
        Err(_) => Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
    }
}

fn no_session(error: Error) -> NoSession {
    let is_unusable = match &error {
        Error::Driver(DriverError::NoClientSslFlagFromServer) | Error::Io(IoError::Tls(_)) => true,
        Error::Io(IoError::Io(error)) => error.get_ref().is_some_and(|inner| {
            matches!(inner.downcast_ref::<rustls::Error>(), Some(rustls::Error::InvalidCertificate(_)))
        }),
        _ => false,
    };
    let is_rejected = match &error {
        // Denied, no such database, host not allowed, password expired, account locked (MySQL's code and MariaDB's).
        Error::Server(error) => [1044, 1045, 1049, 1130, 1698, 1862, 3118, 4151].contains(&error.code),
        // MySQL asks a user that is not there for a password in any of its ways, also in one that the driver lacks.
        Error::Driver(error) => !matches!(error, DriverError::ConnectionClosed),
        _ => false,
    };
    // The user's own limit, in the server's two words for it, and the server's.
    let is_full = [1040, 1203, 1226].contains(&code(&error));
    NoSession::new(plain(error), is_full, is_unusable, is_rejected)
}

/// The server's own message with its code. A syntax error would quote the statement, which may hold a password: cut off.
pub fn plain(error: Error) -> anyhow::Error {
    match error {
        Error::Server(error) => {
            let message = error.message.split(" near '").next().unwrap_or_default();
            anyhow::anyhow!("{message} [{}]", error.code)
        }
        // In the words of TLS, or of the driver.
        Error::Io(IoError::Io(error)) if error.kind() == std::io::ErrorKind::UnexpectedEof => ended(),
        Error::Driver(DriverError::ConnectionClosed) => ended(),
        // Each layer of the driver repeats the one below.
        Error::Io(IoError::Io(error)) => anyhow::Error::new(error),
        error => anyhow::Error::new(error),
    }
}

fn ended() -> anyhow::Error {
    anyhow::anyhow!("the server ended the session")
}

/// The server's code of an error, 0 if it is not the server's.
pub fn code(error: &Error) -> u16 {
    if let Error::Server(error) = error { error.code } else { 0 }
}

/// Opens a session.
pub async fn open(url: &ConnectionUrl) -> Result<MysqlSession, NoSession> {
    Ok(MysqlSession { conn: connect(url).await?, database: url.database() })
}

/// `` `name` ``.
pub fn identifier(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// A value as text, whatever its type.
pub fn text(value: &Value) -> Option<String> {
    match value {
        Value::NULL => None,
        Value::Bytes(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        other => Some(other.as_sql(true)),
    }
}

/// A row as texts.
pub fn texts(row: Row) -> Vec<Option<String>> {
    row.unwrap().iter().map(text).collect()
}

/// Rows as texts.
pub async fn rows(conn: &mut Conn, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
    let rows: Vec<Row> = conn.query(sql).await.map_err(plain)?;
    Ok(rows.into_iter().map(texts).collect())
}

/// What a name is in this database: a table, a view, a sequence. `None`: nothing has it.
async fn table_type(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    let sql = "SELECT table_type FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?";
    conn.exec_first(sql, (name,)).await.map_err(plain)
}

/// As [`table_type`] calls a table.
const TABLE: &str = "BASE TABLE";

impl MysqlSession {
    /// Whether the marker is there. A view would call its functions with the rights of whoever reads it.
    async fn has_marker(&mut self) -> Result<bool> {
        let kind = table_type(&mut self.conn, BASELINE).await?;
        if kind.as_ref().is_some_and(|kind| kind != TABLE) {
            refuse!("the baseline's marker `{BASELINE}` is no table: drop it, then prepare the baseline again");
        }
        Ok(kind.is_some())
    }

    /// 64 characters are the most that a lock's name may have, and what a digest has.
    fn lock_name(&self, name: &str) -> String {
        schema::sha256(format!("{}/{name}", self.database).as_bytes())
    }
}

#[async_trait(?Send)]
impl Session for MysqlSession {
    async fn marker(&mut self) -> Result<Option<Marker>> {
        if !self.has_marker().await? {
            return Ok(None);
        }
        let sql = format!("SELECT statement, made_by, made_at, schema_digest FROM {BASELINE}");
        let row: Option<(String, String, String, String)> = self
            .conn
            .query_first(sql)
            .await
            .map_err(plain)
            .with_context(|| format!("the baseline's marker `{BASELINE}` cannot be read"))?;
        Ok(row.map(|(statement, by, at, schema)| Marker { statement, by, at, schema }))
    }

    async fn set_marker(&mut self, marker: &Marker, about_to: &dyn Fn()) -> Result<()> {
        self.has_marker().await?;
        self.conn
            .query_drop(format!(
                "CREATE TABLE IF NOT EXISTS {BASELINE} (
                   id INT PRIMARY KEY, statement VARCHAR(64) NOT NULL, made_by TEXT NOT NULL, made_at VARCHAR(40) NOT NULL,
                   schema_digest VARCHAR(64) NOT NULL)"
            ))
            .await
            .map_err(plain)?;
        let Marker { statement, by, at, schema } = marker;
        about_to();
        self.conn
            .exec_drop(
                format!(
                    "REPLACE INTO {BASELINE} (id, statement, made_by, made_at, schema_digest) VALUES (1, ?, ?, ?, ?)"
                ),
                (statement, by, at, schema),
            )
            .await
            .map_err(plain)
    }

    async fn columns(&mut self) -> Result<Vec<Column>> {
        let tables = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type NOT IN ('VIEW', 'SYSTEM VIEW', 'SEQUENCE')";
        let tables = rows(&mut self.conn, tables).await?;
        let all = "SELECT table_name, column_name, column_type, data_type FROM information_schema.columns WHERE table_schema = DATABASE()";
        let rows = rows(&mut self.conn, all).await?;
        let mut columns = Vec::with_capacity(rows.len());
        for row in rows {
            let [Some(table), Some(name), Some(kind), Some(base)] = row.as_slice() else { continue };
            if table.starts_with(OURS) || !tables.iter().any(|row| row.first() == Some(&Some(table.clone()))) {
                continue;
            }
            let base = base.to_ascii_lowercase();
            let is_text = base.ends_with("char") || base.ends_with("text") || matches!(&*base, "json" | "enum" | "set");
            columns.push(Column {
                schema: String::new(),
                table: table.clone(),
                name: name.clone(),
                kind: kind.clone(),
                is_text,
                is_plain: base.ends_with("int") || PLAIN.contains(&&*base),
            });
        }
        Ok(columns)
    }

    async fn has_rows(&mut self, _: &str, table: &str) -> Result<bool> {
        let row: Option<i64> =
            self.conn.query_first(format!("SELECT 1 FROM {} LIMIT 1", identifier(table))).await.map_err(plain)?;
        Ok(row.is_some())
    }

    async fn sample(&mut self, columns: &[&Column], most: u32) -> Result<Vec<Vec<Option<String>>>> {
        let Some(first) = columns.first() else { return Ok(Vec::new()) };
        let sql = "SELECT CAST(table_rows AS DOUBLE) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = ?";
        let estimate: Option<Option<f64>> = self.conn.exec_first(sql, (&first.table,)).await.map_err(plain)?;
        let part = f64::from(most) * 2.0 / estimate.flatten().unwrap_or(SPREAD).clamp(1.0, SPREAD);
        let spread = if part < 1.0 { format!("WHERE RAND() < {part:.9}") } else { String::new() };
        let names: Vec<String> =
            columns.iter().map(|column| format!("LEFT(CAST({} AS CHAR), 400)", identifier(&column.name))).collect();
        let sql = format!("SELECT {} FROM {} {spread} LIMIT {most}", names.join(", "), identifier(&first.table));
        rows(&mut self.conn, &sql).await
    }

    async fn prepare_records(&mut self, log: &Log) -> Result<()> {
        // One after the other: what a Job has written into the table that it made is not to go with that of another, and nobody is to
        // read one that says nothing yet.
        super::lock(self, MAKING, "waiting for another Job that makes this branch's records", log).await?;
        let made = records::prepare(&mut self.conn).await;
        let unlock = format!("SELECT RELEASE_LOCK('{}')", self.lock_name(MAKING));
        let unlocked = self.conn.query_drop(unlock).await.map_err(plain);
        made.and(unlocked)
    }

    async fn runs(&mut self) -> Result<Vec<Run>> {
        records::runs(&mut self.conn).await
    }

    async fn record(&mut self, run: &Run) -> Result<()> {
        records::record(&mut self.conn, run).await
    }

    async fn files(&mut self) -> Result<Option<Vec<u8>>> {
        records::files(&mut self.conn).await
    }

    async fn record_files(&mut self, files: &[u8]) -> Result<()> {
        records::record_files(&mut self.conn, files).await
    }

    async fn try_lock(&mut self, name: &str) -> Result<bool> {
        let sql = format!("SELECT GET_LOCK('{}', 0)", self.lock_name(name));
        let got: Option<Option<i64>> = self.conn.query_first(sql).await.map_err(plain)?;
        Ok(got.flatten() == Some(1))
    }

    async fn ping(&mut self) -> bool {
        self.conn.ping().await.is_ok()
    }

    async fn end_others(&mut self) -> Result<()> {
        let sql = "SELECT id FROM information_schema.processlist
             WHERE user = substring_index(user(), '@', 1) AND id <> connection_id()";
        let ids: Vec<u64> = self.conn.query(sql).await.map_err(plain)?;
        for id in ids {
            match self.conn.query_drop(format!("KILL {id}")).await {
                // It ended by itself: there is no such thread. Or it is not this login's, which may always end its own: Vitess
                // lists its own connections, and a login that was replaced there ends with its sessions.
                Err(Error::Server(error)) if [1094, 1095].contains(&error.code) => {}
                result => result.map_err(plain)?,
            }
        }
        Ok(())
    }

    async fn settle(&mut self, _: &Log) -> Result<()> {
        // dayfly's own copies are made of rows, and not of files: neither old versions of rows nor histograms are in them.
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_mends_what_it_can() {
        let kind = |error: DriverError| match no_session(error.into()) {
            NoSession::Rejected(_) => "rejected",
            NoSession::Unusable(_) => "unusable",
            NoSession::Unreachable(_) => "unreachable",
        };
        // What a server answers to a user that is not there.
        assert_eq!(kind(DriverError::UnknownAuthPlugin { name: "sha256_password".into() }), "rejected");
        assert_eq!(kind(DriverError::NoClientSslFlagFromServer), "unusable");
        assert_eq!(kind(DriverError::ConnectionClosed), "unreachable");
    }
}
