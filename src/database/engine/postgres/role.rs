//! The login of one environment: a role with a verifier, an end, and nothing that outlives it.

use std::time::SystemTime;

use anyhow::{Context as _, Result};
use postgres_protocol::password::scram_sha_256;
use tokio_postgres::{Client, error::SqlState};

use super::ownership;
use crate::database::{
    connection::ConnectionUrl,
    log::Log,
    random,
    retry::Pauses,
    session::{
        NoSession,
        postgres::{connect, identifier, literal, plain},
    },
    time,
};

/// Sessions that one preview may have.
pub(super) const CONNECTIONS: u32 = 30;

/// Makes the role of an environment that has a whole server for itself, or gives it a new password, and says how to log in.
/// `admin` leads to the branch's database.
pub(in crate::database::engine) async fn make(
    admin: &ConnectionUrl,
    role: &str,
    lease_seconds: u64,
    log: &Log,
) -> Result<ConnectionUrl> {
    let client = enter_alone(admin, role, log).await?;
    let sql = format!("CREATE ROLE {} NOLOGIN CONNECTION LIMIT {CONNECTIONS}", identifier(role));
    match client.batch_execute(&sql).await {
        Err(error) if error.code() != Some(&SqlState::DUPLICATE_OBJECT) => {
            return Err(plain(error))
                .with_context(|| format!("{admin} cannot make the branch's role: it needs CREATEROLE"));
        }
        _ => {}
    }
    log.doing("setting up the branch");
    ownership::set_up(admin, &client, &admin.database(), role, log).await?;
    let password = set_password(&client, role, lease_seconds).await?;
    Ok(admin.with_login(role, &password, &admin.database()))
}

/// A session as administrator, once the server answers.
pub(in crate::database::engine) async fn enter(admin: &ConnectionUrl, log: &Log) -> Result<Client> {
    let mut pauses = Pauses::short();
    loop {
        match connect(admin).await {
            Ok(client) => return Ok(client),
            Err(NoSession::Rejected(error)) => {
                return Err(error).with_context(|| format!("the server refuses the administrator {admin}"));
            }
            Err(NoSession::Unreachable(error)) => {
                log.doing(format!("waiting for the server of {admin}: {error:#}"));
                pauses.wait().await;
            }
        }
    }
}

/// The same, alone with one branch: other Jobs wait. Two that set its privileges at once, PostgreSQL would refuse.
pub(super) async fn enter_alone(admin: &ConnectionUrl, branch: &str, log: &Log) -> Result<Client> {
    let client = enter(admin, log).await?;
    log.doing(format!("waiting for another Job that works on `{branch}`"));
    // It ends with the session.
    client
        .execute("SELECT pg_advisory_lock(hashtextextended($1, 0))", &[&format!("dayfly:{branch}")])
        .await
        .map_err(plain)?;
    Ok(client)
}

/// Lets the role in, with a password that nobody had before.
pub(super) async fn set_password(client: &Client, role: &str, lease_seconds: u64) -> Result<String> {
    let password = random::password();
    // The server sees a verifier, and so does its log.
    let sql = format!(
        "ALTER ROLE {} LOGIN PASSWORD {} VALID UNTIL {}",
        identifier(role),
        literal(&scram_sha_256(password.as_bytes())),
        literal(&time::text(time::after(lease_seconds))),
    );
    client.batch_execute(&sql).await.map_err(plain).context("the branch's role cannot be given a password")?;
    Ok(password)
}

/// Gives a login another password, with the one that it has.
pub(in crate::database::engine) async fn change_own(
    url: &ConnectionUrl,
    password: &str,
    log: &Log,
) -> Result<ConnectionUrl> {
    let client = enter(url, log).await?;
    let verifier = literal(&scram_sha_256(password.as_bytes()));
    let sql = format!("ALTER ROLE {} PASSWORD {verifier}", identifier(&url.user()));
    client.batch_execute(&sql).await.map_err(plain).context("the login cannot be given another password")?;
    Ok(url.with_login(&url.user(), password, &url.database()))
}

/// Prolongs the login.
pub(in crate::database::engine) async fn renew(client: &Client, role: &str, until: SystemTime) -> Result<()> {
    let sql = format!("ALTER ROLE {} VALID UNTIL {}", identifier(role), literal(&time::text(until)));
    client.batch_execute(&sql).await.map_err(plain).context("the login of the branch cannot be prolonged")
}

/// Nobody may come, and whoever is there goes.
pub(in crate::database::engine) async fn revoke(client: &Client, role: &str) -> Result<()> {
    match client.batch_execute(&format!("ALTER ROLE {} NOLOGIN", identifier(role))).await {
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_OBJECT) => return Ok(()),
        result => result.map_err(plain)?,
    }
    // VALID UNTIL and NOLOGIN stop new sessions only.
    client
        .execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", &[&role])
        .await
        .map_err(plain)
        .context("the branch's sessions cannot be ended: the administrator needs pg_signal_backend")?;
    Ok(())
}
