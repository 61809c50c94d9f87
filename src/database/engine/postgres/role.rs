//! The login of one environment: a role with a verifier, an end, and nothing that outlives it.

use std::{fmt::Write as _, time::SystemTime};

use anyhow::{Context as _, Result, bail};
use postgres_protocol::password::scram_sha_256;
use tokio_postgres::{Client, error::SqlState};

use super::{
    Branch, Mark, Spec,
    catalogue::{self, Comment, Role},
    foreign, ownership,
};
use crate::database::{
    connection::ConnectionUrl,
    engine::AdminRefused,
    log::Log,
    random,
    retry::Pauses,
    session::{
        NoSession,
        postgres::{connect, identifier, literal, plain, try_lock},
    },
    time,
};

pub(super) const KEEPS_SETTINGS: &str = "the settings of the branch's role cannot be removed: the administrator needs CREATEROLE, or more (docs/databases/postgres.md)";

/// Sessions that one preview may have.
pub(super) const CONNECTIONS: u32 = 30;

/// Makes the role of an environment that has a whole server for itself, or gives it a new password, and says how to log in.
/// `admin` leads to the branch's database. Nobody enters that as administrator again once its role could: it may have put
/// anything there.
pub(in crate::database::engine) async fn make(
    admin: &ConnectionUrl,
    spec: &Spec<'_>,
    log: &Log,
) -> Result<ConnectionUrl> {
    let (role, database) = (&*spec.names.role, admin.database());
    let client = log.divisible(enter_alone(&admin.with_database(elsewhere(&database)), role, log)).await?;
    let found = if let Some(found) = catalogue::role(&client, role).await? {
        found
    } else {
        let comment = Comment { dayfly: 1, mark: Mark::new(spec), branch: None, making: None };
        let made = create(&client, role, &comment).await;
        made.with_context(|| format!("{admin} cannot make the branch's role: it needs CREATEROLE"))?
    };
    check_mark(&found, spec)?;
    // It gets its first password after that.
    if !found.was_let_in {
        log.doing("setting up the branch");
        ownership::set_up(admin, &client, &database, role, log).await?;
    }
    let password = random::password();
    set_password(&client, spec, &database, &password).await?;
    Ok(admin.with_login(role, &password, &database))
}

/// A database that each server has, other than this one.
fn elsewhere(database: &str) -> &'static str {
    if database == "postgres" { "template1" } else { "postgres" }
}

/// Makes a role with its mark.
pub(super) async fn create(client: &Client, role: &str, comment: &Comment) -> Result<Role> {
    let sql = format!(
        "BEGIN; CREATE ROLE {role} NOLOGIN CONNECTION LIMIT {CONNECTIONS}; COMMENT ON ROLE {role} IS {comment}; COMMIT",
        role = identifier(role),
        comment = literal(&serde_json::to_string(comment)?),
    );
    client.batch_execute(&sql).await.map_err(plain)?;
    catalogue::role(client, role).await?.context("the branch's role is gone already")
}

/// Whatever the spec calls the branch's role: one that is not the branch's gets neither a password nor anything else.
pub(super) fn check_mark<'a>(role: &'a Role, spec: &Spec<'_>) -> Result<&'a Comment> {
    let comment = role.comment.as_ref().filter(|comment| comment.mark.is_of(spec));
    comment.ok_or_else(|| foreign(&format!("the role `{}`", role.name), spec))
}

/// An administrator's session waits for nothing that a preview may hold.
const SETTINGS: &str = "SET lock_timeout = '5s'";

/// One attempt at a session as administrator.
async fn sign_in(admin: &ConnectionUrl) -> Result<Client, NoSession> {
    let client = connect(&maintenance(admin)).await?;
    client.batch_execute(SETTINGS).await.map_err(|error| NoSession::Unreachable(plain(error)))?;
    Ok(client)
}

/// A session as administrator, once the server answers.
pub(in crate::database::engine) async fn enter(admin: &ConnectionUrl, log: &Log) -> Result<Client> {
    let mut pauses = Pauses::short();
    log.doing(format!("waiting for the server of {admin}"));
    loop {
        match sign_in(admin).await {
            Ok(client) => return Ok(client),
            Err(NoSession::Rejected(error) | NoSession::Unusable(error)) => {
                return Err(error.context(AdminRefused::new(admin)));
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
    let mut pauses = Pauses::short();
    while !try_lock(&client, &format!("dayfly:{branch}")).await? {
        log.doing(format!("waiting for another Job that works on `{branch}`"));
        pauses.wait().await;
    }
    log.doing(format!("working on `{branch}`"));
    Ok(client)
}

/// Lets the branch's role in, with a password, and as it was made: a setting of its own may keep each of its sessions from
/// beginning, or from writing anything.
pub(super) async fn set_password(client: &Client, spec: &Spec<'_>, database: &str, password: &str) -> Result<()> {
    let role = &*spec.names.role;
    let Some(found) = catalogue::role(client, role).await? else {
        // Another Job removed the branch: the next call finds none, and makes it.
        bail!("the branch is gone already, and its role `{role}`: call this again")
    };
    check_mark(&found, spec)?;
    forget_settings(client, role, database).await?;
    // The server sees a verifier, and so does its log.
    let sql = format!(
        "ALTER ROLE {} LOGIN PASSWORD {} VALID UNTIL {}",
        identifier(role),
        literal(&scram_sha_256(password.as_bytes())),
        literal(&time::text(time::after(spec.lease_seconds))),
    );
    alter(client, &sql, None).await.map_err(plain).context("the branch's role cannot be given a password")
}

/// Removes the settings that a role has, but the one that [`ownership`] made.
async fn forget_settings(client: &Client, role: &str, database: &str) -> Result<()> {
    let works_as = client
        .query_opt(
            "SELECT substr(s.setting, 6) FROM pg_db_role_setting d CROSS JOIN LATERAL unnest(d.setconfig) AS s (setting)
             WHERE d.setrole = (SELECT oid FROM pg_roles WHERE rolname = $1)
               AND d.setdatabase = (SELECT oid FROM pg_database WHERE datname = $2) AND starts_with(s.setting, 'role=')",
            &[&role, &database],
        )
        .await
        .map_err(plain)?;
    let (role, inside) = (identifier(role), format!("IN DATABASE {}", identifier(database)));
    let mut sql = format!("ALTER ROLE {role} RESET ALL; ALTER ROLE {role} {inside} RESET ALL");
    if let Some(row) = works_as {
        let _ = write!(sql, "; ALTER ROLE {role} {inside} SET role TO {}", literal(row.get(0)));
    }
    alter(client, &sql, None).await.map_err(plain).context(KEEPS_SETTINGS)
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
    alter(&client, &sql, None).await.map_err(plain).context("the login cannot be given another password")?;
    Ok(url.with_login(&url.user(), password, &url.database()))
}

/// Prolongs the login, if there is one yet: by its end, a role that was let in is told from one that is half made.
pub(in crate::database::engine) async fn renew(client: &Client, role: &str, until: SystemTime) -> Result<()> {
    if !catalogue::role(client, role).await?.is_some_and(|role| role.was_let_in) {
        return Ok(());
    }
    let sql = format!("ALTER ROLE {} VALID UNTIL {}", identifier(role), literal(&time::text(until)));
    match alter(client, &sql, None).await {
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_OBJECT) => Ok(()),
        prolonged => prolonged.map_err(plain).context("the login of the branch cannot be prolonged"),
    }
}

/// Whoever is there goes, and nobody may come.
pub(in crate::database::engine) async fn revoke(client: &Client, role: &str) -> Result<()> {
    let sql = format!("ALTER ROLE {} NOLOGIN", identifier(role));
    match alter(client, &sql, Some(role)).await {
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_OBJECT) => return Ok(()),
        barred => barred.map_err(plain).context("the branch's login cannot be barred")?,
    }
    // VALID UNTIL and NOLOGIN stop new sessions only.
    end_sessions(client, role)
        .await
        .context("the branch's sessions cannot be ended: the administrator needs pg_signal_backend")
}

pub(in crate::database::engine) async fn end_sessions(client: &Client, role: &str) -> Result<()> {
    let sql = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1";
    client.execute(sql, &[&role]).await.map_err(plain)?;
    Ok(())
}

/// Changes a role, and does so again where another Job changed it at the same moment: PostgreSQL does not let the second one
/// wait, it says "tuple concurrently updated". A role may change its own row too, and one that does holds it: where its sessions
/// are to go, they go first. Whether they may be ended, the caller finds out.
pub(super) async fn alter(
    client: &Client,
    sql: &str,
    ending_sessions_of: Option<&str>,
) -> std::result::Result<(), tokio_postgres::Error> {
    let (mut pauses, mut attempts) = (Pauses::short(), 4);
    loop {
        if let Some(role) = ending_sessions_of {
            let _ = end_sessions(client, role).await;
        }
        let done = client.batch_execute(sql).await;
        attempts -= 1;
        let passes = done.as_ref().err().and_then(tokio_postgres::Error::code).is_some_and(|code| {
            *code == SqlState::INTERNAL_ERROR || ending_sessions_of.is_some() && *code == SqlState::LOCK_NOT_AVAILABLE
        });
        if attempts == 0 || !passes {
            return done;
        }
        pauses.wait().await;
    }
}

/// Bars the role of a branch that goes with its whole server, and ends its sessions. `admin` leads there.
pub(in crate::database::engine) async fn revoke_at(
    admin: impl Future<Output = Result<ConnectionUrl>>,
    branch: &Branch,
) -> Result<()> {
    let client = sign_in(&admin.await?).await.map_err(NoSession::reason)?;
    revoke(&client, &branch.mark.role()).await
}

/// The same login, where it signs in whatever a baseline's database is called: a role is one of the whole server.
fn maintenance(admin: &ConnectionUrl) -> ConnectionUrl {
    if admin.database().is_empty() { admin.with_database("postgres") } else { admin.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_administrator_signs_in_where_its_url_says() {
        for (url, database) in [("postgres://a:b@db", "postgres"), ("postgres://a:b@db/ops", "ops")] {
            assert_eq!(maintenance(&ConnectionUrl::parse(url, "the test").unwrap()).database(), database);
        }
    }
}
