//! A role's end. What a preview gave it in a database of its own keeps a role on the server: that goes first, or the role stays
//! without a login until a sweep finds it free.

use anyhow::{Context as _, Result};
use tokio_postgres::{Client, error::SqlState};

use super::{
    catalogue,
    role::{alter, enter},
};
use crate::database::{
    connection::ConnectionUrl,
    log::Log,
    session::postgres::{identifier, plain},
};

/// Drops a branch's role, whose database is gone.
pub(super) async fn drop_role(admin: &ConnectionUrl, client: &Client, role: &str, log: &Log) -> Result<()> {
    if dropped(client, role).await? {
        return Ok(());
    }
    for database in holders(client, role).await? {
        // Nobody else's database is entered.
        let Some(found) = catalogue::database(client, &database).await? else { continue };
        let Some(comment) = found.comment else { continue };
        if let Err(error) = free(admin, &database, role, &comment.mark.role(), log).await {
            log.warn(format!("what `{role}` was given in `{database}` cannot be taken from it: {error:#}"));
        }
    }
    if dropped(client, role).await? {
        return Ok(());
    }
    let sql = format!("ALTER ROLE {} NOLOGIN PASSWORD NULL", identifier(role));
    alter(client, &sql, Some(role))
        .await
        .map_err(plain)
        .with_context(|| format!("the role `{role}` cannot be barred"))?;
    let (databases, shared) = (holders(client, role).await?, shared(client, role).await?);
    // Where it gives back what it has of a database, it gives back what is the whole server's.
    let place = if databases.is_empty() { "in any database" } else { "there" };
    let held = [("in", databases), ("on", shared)].into_iter().filter(|(_, held)| !held.is_empty());
    let held: Vec<String> = held.map(|(how, held)| format!("{how} {}", held.join(", "))).collect();
    log.warn(format!(
        "the role `{role}` stays, without a login or a password, as long as it has rights {}: the sweep removes it after that, or `DROP OWNED BY {role}` {place}",
        held.join(" and ")
    ));
    Ok(())
}

/// `false`: it has something somewhere.
async fn dropped(client: &Client, role: &str) -> Result<bool> {
    match client.batch_execute(&format!("DROP ROLE IF EXISTS {}", identifier(role))).await {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::DEPENDENT_OBJECTS_STILL_EXIST) => Ok(false),
        Err(error) => Err(plain(error)).with_context(|| format!("the role `{role}` cannot be dropped")),
    }
}

/// The databases in which it has something.
async fn holders(client: &Client, role: &str) -> Result<Vec<String>> {
    let sql = "SELECT datname::text FROM pg_database WHERE oid IN (
        SELECT dbid FROM pg_shdepend WHERE refclassid = 'pg_authid'::regclass
          AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1)) ORDER BY 1";
    let rows = client.query(sql, &[&role]).await.map_err(plain)?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// What it has that is in no database: a database as such, a tablespace, a parameter.
async fn shared(client: &Client, role: &str) -> Result<Vec<String>> {
    let sql = "SELECT DISTINCT pg_describe_object(classid, objid, objsubid) FROM pg_shdepend
        WHERE dbid = 0 AND refclassid = 'pg_authid'::regclass
          AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1) ORDER BY 1";
    let rows = client.query(sql, &[&role]).await.map_err(plain)?;
    Ok(rows.iter().filter_map(|row| row.get(0)).collect())
}

/// Takes from a role what it has in a preview's database. It could never enter that, and so owns nothing there.
async fn free(admin: &ConnectionUrl, database: &str, role: &str, giver: &str, log: &Log) -> Result<()> {
    let inside = enter(&admin.with_database(database), log).await?;
    let (role, giver) = (identifier(role), identifier(giver));
    // For both, a login that is no superuser must have their rights. Whether it may, the last statement says.
    for member_of in [&role, &giver] {
        let _ = inside.batch_execute(&format!("GRANT {member_of} TO CURRENT_USER")).await;
    }
    let freed = inside.batch_execute(&format!("DROP OWNED BY {role} RESTRICT")).await.map_err(plain);
    let _ = inside.batch_execute(&format!("REVOKE {giver} FROM CURRENT_USER")).await;
    freed
}
