//! Who may do what in a new branch: its role everything, nobody else anything.
//!
//! Objects of a clone keep the baseline's owners. If one plain role owns all of them, the branch's role becomes its member
//! and works as it, which changes nothing in the clone. If they belong to a superuser, to the administrator, or to whoever
//! owns a database, a member would be as mighty as that: they are given to the branch's role instead.

use anyhow::{Context as _, Result};
use tokio_postgres::Client;

use crate::database::{
    connection::ConnectionUrl,
    log::Log,
    session::{
        NoSession,
        postgres::{SOMEBODYS, connect, identifier, literal, plain},
    },
};

/// Whether an object `o` in schema `n` is the baseline's: no extension's, no server's, none of dayfly's.
fn is_ours() -> String {
    format!("{SOMEBODYS} AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = o.oid AND d.deptype = 'e')")
}

/// Sets up the database `name`, which nobody else knows yet. `client` is connected elsewhere.
pub(super) async fn set_up(admin: &ConnectionUrl, client: &Client, name: &str, role: &str, log: &Log) -> Result<()> {
    let inside = connect(&admin.with_database(name)).await.map_err(NoSession::reason);
    let inside = inside.context("the new branch cannot be entered")?;
    let owner = single_owner(&inside).await?;
    let worker = match &owner {
        // From an attempt before.
        Owner::Plain(owner) if owner == role => role,
        Owner::Plain(owner) => {
            client
                .batch_execute(&format!("GRANT {} TO {}", identifier(owner), identifier(role)))
                .await
                .map_err(plain)
                .with_context(|| {
                    format!("the baseline's objects belong to `{owner}`: GRANT {owner} TO the administrator WITH ADMIN OPTION")
                })?;
            owner.as_str()
        }
        Owner::Mighty | Owner::Nobody => role,
    };
    let (database, role_name, worker_name) = (identifier(name), identifier(role), identifier(worker));
    inside
        .batch_execute(&format!(
            "REVOKE ALL ON DATABASE {database} FROM PUBLIC;
             GRANT CONNECT, TEMPORARY, CREATE ON DATABASE {database} TO {role_name};"
        ))
        .await
        .map_err(plain)
        .context("the branch's privileges cannot be set")?;
    if worker != role {
        // Whatever migrations make belongs to the same role as all the rest. Only the branch's role can connect.
        inside
            .batch_execute(&format!(
                "GRANT TEMPORARY, CREATE ON DATABASE {database} TO {worker_name};
                 ALTER ROLE {role_name} IN DATABASE {database} SET ROLE TO {worker_name};"
            ))
            .await
            .map_err(plain)
            .context("the branch's role cannot be made to work as the owner of the baseline's objects")?;
    }
    let has_public = inside.query_one("SELECT to_regnamespace('public') IS NOT NULL", &[]).await.map_err(plain)?;
    if has_public.get(0) {
        inside.batch_execute(&format!("GRANT ALL ON SCHEMA public TO {worker_name}")).await.map_err(plain)?;
    }
    if matches!(owner, Owner::Mighty) {
        log.info("the baseline's objects belong to several roles, or to one with powers: they are given to the branch's role");
        give_all(&inside, role).await?;
    }
    Ok(())
}

enum Owner {
    /// One role without powers.
    Plain(String),
    /// Several, or one with powers, be they its own or those of a role that it is a member of.
    Mighty,
    /// There are no objects.
    Nobody,
}

async fn single_owner(inside: &Client) -> Result<Owner> {
    // Whoever owns a database may drop it, and let anybody into it: the baseline and other branches too.
    let sql = format!(
        "SELECT DISTINCT r.rolname::text, EXISTS (SELECT FROM pg_roles p WHERE pg_has_role(r.oid, p.oid, 'MEMBER') AND (
           p.rolsuper OR p.rolcreatedb OR p.rolcreaterole OR p.rolbypassrls OR p.rolreplication OR p.rolname = current_user
           OR p.rolname ~ '^pg_' OR EXISTS (SELECT FROM pg_database d WHERE d.datdba = p.oid)))
         FROM (SELECT oid, relnamespace AS namespace, relowner AS owner FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
               UNION ALL SELECT oid, pronamespace, proowner FROM pg_proc) o
         JOIN pg_namespace n ON n.oid = o.namespace JOIN pg_roles r ON r.oid = o.owner WHERE {}",
        is_ours()
    );
    let rows = inside.query(&sql, &[]).await.map_err(plain)?;
    Ok(match rows.as_slice() {
        [] => Owner::Nobody,
        [only] if !only.get::<_, bool>(1) => Owner::Plain(only.get(0)),
        _ => Owner::Mighty,
    })
}

/// Gives every object of the baseline's to `role`.
async fn give_all(inside: &Client, role: &str) -> Result<()> {
    // A non-superuser must be a member of the new owner.
    let _ = inside.batch_execute(&format!("GRANT {} TO CURRENT_USER", identifier(role))).await;
    let sql = format!(
        "DO $dayfly$
         DECLARE
           command text;
         BEGIN
           FOR command IN
             SELECT format('ALTER SCHEMA %I OWNER TO %I', n.nspname, {role})
             FROM pg_namespace n, LATERAL (SELECT n.oid) o WHERE n.nspname <> 'public' AND {is_ours}
           UNION ALL
             SELECT format('ALTER %s %I.%I OWNER TO %I',
               CASE o.relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END,
               n.nspname, o.relname, {role})
             FROM pg_class o JOIN pg_namespace n ON n.oid = o.relnamespace
             WHERE o.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND {is_ours}
               -- A column's own sequence follows its table.
               AND NOT (o.relkind = 'S' AND EXISTS (SELECT FROM pg_depend s WHERE s.objid = o.oid AND s.deptype IN ('a', 'i')))
           UNION ALL
             SELECT format('ALTER ROUTINE %s OWNER TO %I', o.oid::regprocedure, {role})
             FROM pg_proc o JOIN pg_namespace n ON n.oid = o.pronamespace WHERE {is_ours}
           UNION ALL
             SELECT format('ALTER TYPE %I.%I OWNER TO %I', n.nspname, o.typname, {role})
             FROM pg_type o JOIN pg_namespace n ON n.oid = o.typnamespace
             WHERE {is_ours} AND o.typtype IN ('e', 'd', 'r', 'c')
               AND (o.typtype <> 'c' OR EXISTS (SELECT FROM pg_class c WHERE c.oid = o.typrelid AND c.relkind = 'c'))
           LOOP
             EXECUTE command;
           END LOOP;
         END
         $dayfly$",
        role = literal(role),
        is_ours = is_ours(),
    );
    inside.batch_execute(&sql).await.map_err(plain).context(
        "the baseline's objects cannot be given to the branch's role: let one plain role own all of them, and GRANT it to the administrator WITH ADMIN OPTION",
    )
}
