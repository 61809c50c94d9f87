//! PostgreSQL.

mod contents;
mod records;
mod residue;
mod tables;

use std::{cell::Cell, error::Error as _, time::Duration};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use tokio_postgres::{Client, Config, config::SslMode, error::SqlState, types::ToSql};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::{Column, Contents, Marker, NoSession, Run, Session};
use crate::{
    database::{connection::ConnectionUrl, failure::refuse, log::Log, tls},
    finding::visible,
};

/// One connection to a server.
pub struct PostgresSession {
    client: Client,
}

/// What a server calls dayfly's sessions.
pub const APPLICATION: &str = "dayfly";

/// Whether a schema `n` is neither the server's own nor dayfly's.
pub const SOMEBODYS: &str =
    "n.nspname NOT LIKE 'pg\\_%' AND n.nspname NOT IN ('information_schema', 'dayfly', 'dayfly_branch')";

/// How every session begins. Whoever may make functions and operators in a database could give an unqualified name of ours
/// another meaning, and have it run with this login's rights (CVE-2018-1058): only the server's own names are looked up, and
/// what is dayfly's is always named with its schema. Statements and not options, since a pooler drops or refuses those, and not
/// left to the login's settings, which a preview's role may change. A policy's rows are not left out but said to be missing.
/// A backslash is one: else the patterns for the server's own schemas would fit `pgboss`, too, and nobody would look into it.
/// And the server asks whether the other end is still there: else a node that died would keep its locks for hours.
const BEGINNING: &str = "SET search_path = pg_catalog, pg_temp; SET row_security = off; SET statement_timeout = 0;
    SET standard_conforming_strings = on; SET default_transaction_read_only = off; SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10;
    SET tcp_keepalives_count = 3";

thread_local! {
    /// Why the server ended a session last. The driver tells that to what carries the connection, and to the one who asks something
    /// only that it is closed.
    static LAST_WORDS: Cell<Option<String>> = const { Cell::new(None) };
}

/// Connects once. The connection ends with the client.
pub async fn connect(url: &ConnectionUrl) -> Result<Client, NoSession> {
    let mut config = Config::new();
    config
        .host(url.host())
        .port(url.port())
        .user(url.user())
        .password(url.password())
        .dbname(url.database())
        .application_name(APPLICATION)
        .connect_timeout(Duration::from_secs(10))
        // A server whose machine died says so to nobody.
        .keepalives_idle(Duration::from_secs(30))
        .keepalives_interval(Duration::from_secs(10))
        .keepalives_retries(3);
    let mode = url.parameter("sslmode");
    config.ssl_mode(match mode.as_deref() {
        Some("disable") => SslMode::Disable,
        None | Some("allow" | "prefer") => SslMode::Prefer,
        // Whoever asks for encryption gets a verified server: an unverified one may be anybody's.
        Some("require" | "verify-ca" | "verify-full") => SslMode::Require,
        Some(other) => {
            let allowed = "disable, allow, prefer, require, verify-ca, verify-full";
            return Err(NoSession::Unusable(anyhow::anyhow!(
                "`sslmode={}` of {url} is none of {allowed}",
                visible(other)
            )));
        }
    });
    if let Some(options) = url.parameter("options") {
        config.options(options);
    }
    let more = url.authorities();
    let tls = match config.get_ssl_mode() {
        SslMode::Prefer if more.is_none() => tls::opportunistic(),
        _ => tls::verified(more.as_deref()),
    };
    let tls = tls.map_err(NoSession::Unusable)?;
    let (client, connection) = match config.connect(MakeRustlsConnect::new(tls)).await {
        Err(error) if lacks_tls(&error) => {
            return Err(NoSession::Unusable(anyhow::anyhow!(
                "the server of {url} has no TLS, and `sslmode={}` asks for it: give it a certificate, or allow `sslmode=prefer`",
                mode.unwrap_or_default()
            )));
        }
        result => result.map_err(no_session)?,
    };
    tokio::spawn(async {
        if let Err(error) = connection.await {
            // That it is closed is no reason.
            LAST_WORDS.set(Some(error).filter(|error| !error.is_closed()).map(|error| plain(error).to_string()));
        }
    });
    client.batch_execute(BEGINNING).await.map_err(no_session)?;
    Ok(client)
}

/// Whether the server answered that it has no TLS. The driver says so in words only.
fn lacks_tls(error: &tokio_postgres::Error) -> bool {
    error.source().is_some_and(|source| source.to_string() == "server does not support TLS")
}

/// Whether a certificate that is not to be trusted is at the bottom of it.
fn is_untrusted(error: &tokio_postgres::Error) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        // What is inside an I/O error is not its source.
        let inner = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let error = inner.map_or(error, |inner| inner as _);
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return true;
        }
        cause = error.source();
    }
    false
}

fn no_session(error: tokio_postgres::Error) -> NoSession {
    let is_unusable = is_untrusted(&error);
    let is_rejected = error.code().is_some_and(|code| {
        [
            SqlState::INVALID_PASSWORD,
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            SqlState::INVALID_CATALOG_NAME,
            SqlState::INSUFFICIENT_PRIVILEGE,
            // Of a library that the login's own settings name.
            SqlState::UNDEFINED_FILE,
        ]
        .contains(code)
    });
    let is_full = error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS);
    NoSession::new(plain(error), is_full, is_unusable, is_rejected)
}

/// The server's own message with its code. Statements are never part of it, and so no secret is.
pub fn plain(error: tokio_postgres::Error) -> anyhow::Error {
    match error.as_db_error() {
        Some(db) => {
            let detail = db.detail().map(|detail| format!(" ({})", shortened(detail))).unwrap_or_default();
            anyhow::anyhow!("{}{detail} [{}]", shortened(db.message()), db.code().code())
        }
        None if error.is_closed() => {
            let words = LAST_WORDS.take().map(|words| format!(": {words}")).unwrap_or_default();
            anyhow::anyhow!("the server ended the session{words}")
        }
        None => anyhow::Error::new(error),
    }
}

/// What a server says may be what somebody had it say, however long.
fn shortened(text: &str) -> String {
    text.chars().take(1000).collect()
}

/// Asks a table that is somebody's. The planner works out what is constant in the expressions of its indexes, statistics and
/// partitions, and so calls functions that are in them, with the rights of whoever asks. Nothing of that stays, and nothing is
/// written.
pub(super) async fn look(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<tokio_postgres::Row>> {
    client.batch_execute("BEGIN READ ONLY").await.map_err(plain)?;
    let rows = client.query(sql, parameters).await;
    client.batch_execute("ROLLBACK").await.map_err(plain)?;
    rows.map_err(plain)
}

/// Takes a lock that ends with this session. `false`: another session has it. Asked for, not waited for: that would end with the
/// session's `lock_timeout`.
pub async fn try_lock(client: &Client, name: &str) -> Result<bool> {
    let sql = "SELECT pg_try_advisory_lock(hashtextextended($1, 0))";
    Ok(client.query_one(sql, &[&name]).await.map_err(plain)?.get(0))
}

/// Opens a session.
pub async fn open(url: &ConnectionUrl) -> Result<PostgresSession, NoSession> {
    Ok(PostgresSession { client: connect(url).await? })
}

/// `"name"`.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// `'text'`, whatever `standard_conforming_strings` says.
pub fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if text.contains('\\') { format!(" E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}

impl PostgresSession {
    /// Where nobody may connect. A worker asks whether it may, before PostgreSQL 17.3, 16.7, 15.11, 14.16 and 13.19.
    pub async fn without_workers(&self) -> Result<()> {
        let sql = "SET max_parallel_workers_per_gather = 0; SET max_parallel_maintenance_workers = 0";
        self.client.batch_execute(sql).await.map_err(plain)
    }
}

#[async_trait(?Send)]
impl Session for PostgresSession {
    async fn marker(&mut self) -> Result<Option<Marker>> {
        // A view would run its functions as whoever reads it.
        let sql = "SELECT c.relkind = 'r' FROM pg_class c WHERE c.oid = to_regclass('dayfly.baseline')";
        let Some(row) = self.client.query_opt(sql, &[]).await.map_err(plain)? else { return Ok(None) };
        if !row.get::<_, bool>(0) {
            refuse!("the baseline's marker `dayfly.baseline` is no table: drop it, then prepare the baseline again");
        }
        let sql = "SELECT statement, made_by, made_at, schema_digest FROM dayfly.baseline LIMIT 1";
        let rows = look(&self.client, sql, &[]).await;
        let rows = rows.context("the baseline's marker `dayfly.baseline` cannot be read")?;
        let Some(row) = rows.first() else { return Ok(None) };
        let text =
            |index| row.try_get::<_, String>(index).context("the baseline's marker `dayfly.baseline` cannot be read");
        Ok(Some(Marker { statement: text(0)?, by: text(1)?, at: text(2)?, schema: text(3)? }))
    }

    async fn set_marker(&mut self, marker: &Marker, about_to: &dyn Fn()) -> Result<()> {
        let transaction = self.client.transaction().await.map_err(plain)?;
        transaction
            .batch_execute(
                // Made anew: what is there may have triggers of somebody's.
                "CREATE SCHEMA IF NOT EXISTS dayfly;
                 DROP TABLE IF EXISTS dayfly.baseline;
                 CREATE TABLE dayfly.baseline (
                   statement text NOT NULL, made_by text NOT NULL, made_at text NOT NULL, schema_digest text NOT NULL);
                 GRANT USAGE ON SCHEMA dayfly TO PUBLIC;
                 GRANT SELECT ON dayfly.baseline TO PUBLIC",
            )
            .await
            .map_err(plain)?;
        transaction
            .execute(
                "INSERT INTO dayfly.baseline VALUES ($1, $2, $3, $4)",
                &[&marker.statement, &marker.by, &marker.at, &marker.schema],
            )
            .await
            .map_err(plain)?;
        about_to();
        transaction.commit().await.map_err(plain)?;
        // A branch of rows that are not final rewrites every page that it reads.
        self.client.batch_execute("VACUUM (FREEZE, ANALYZE) dayfly.baseline").await.map_err(plain)
    }

    async fn others(&mut self) -> Result<Vec<String>> {
        // The server's own workers are nobody's.
        let sql = "SELECT DISTINCT usename::text FROM pg_stat_activity
             WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename IS NOT NULL ORDER BY 1";
        let rows = self.client.query(sql, &[]).await.map_err(plain)?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    async fn columns(&mut self) -> Result<Vec<Column>> {
        tables::columns(&self.client).await
    }

    async fn has_rows(&mut self, schema: &str, table: &str) -> Result<bool> {
        tables::has_rows(&self.client, "", &format!("{}.{}", identifier(schema), identifier(table))).await
    }

    async fn sample(&mut self, columns: &[&Column], rows: u32) -> Result<Vec<Vec<Option<String>>>> {
        tables::sample(&self.client, columns, rows).await
    }

    async fn contents(&mut self) -> Result<Contents> {
        contents::contents(&self.client).await
    }

    async fn prepare_records(&mut self, _: &Log) -> Result<()> {
        records::prepare(&self.client).await
    }

    async fn runs(&mut self) -> Result<Vec<Run>> {
        records::runs(&self.client).await
    }

    async fn record(&mut self, run: &Run) -> Result<()> {
        records::record(&self.client, run).await
    }

    async fn files(&mut self) -> Result<Option<Vec<u8>>> {
        records::files(&self.client).await
    }

    async fn record_files(&mut self, files: &[u8]) -> Result<()> {
        records::record_files(&self.client, files).await
    }

    async fn try_lock(&mut self, name: &str) -> Result<bool> {
        try_lock(&self.client, name).await
    }

    async fn ping(&mut self) -> bool {
        self.client.batch_execute("").await.is_ok()
    }

    async fn end_others(&mut self) -> Result<()> {
        // A preview's role works as the role that owns the baseline's objects, which may not end the preview's sessions.
        let sql = "SET ROLE NONE; SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE usename = session_user AND pid <> pg_backend_pid() AND backend_type = 'client backend'; RESET ROLE";
        self.client.batch_execute(sql).await.map_err(plain)
    }

    async fn settle(&mut self, log: &Log) -> Result<()> {
        residue::remove(&self.client, log).await
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread,
    };

    use super::*;
    use crate::database::http::tests::runs;

    /// As a server does that is killed, or whatever is between.
    #[test]
    fn a_session_that_ends_without_a_word_has_none() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://a:b@{}/c?sslmode=disable", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let ready = b"Z\0\0\0\x05I";
            let (mut client, mut asked) = (listener.accept().unwrap().0, [0; 1024]);
            for answer in [&b"R\0\0\0\x08\0\0\0\0"[..], b"C\0\0\0\x08SET\0"] {
                assert_ne!(client.read(&mut asked).unwrap(), 0);
                client.write_all(&[answer, ready].concat()).unwrap();
            }
            assert_ne!(client.read(&mut asked).unwrap(), 0);
        });
        let error = runs(async {
            let client = connect(&ConnectionUrl::parse(&url, "an address").unwrap()).await.ok().unwrap();
            client.batch_execute("").await.unwrap_err()
        });
        server.join().unwrap();
        assert_eq!(plain(error).to_string(), "the server ended the session");
    }
}
