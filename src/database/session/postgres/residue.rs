//! What rows that were changed or removed leave behind in a PostgreSQL database: their old bytes in a table's files, and their
//! values in the planner's statistics. A clone is a copy of files, so it would have both.
//!
//! `VACUUM` gives the space of dead rows back without overwriting it, and `ANALYZE` keeps the statistics of a table that is
//! empty by now. So every table is written anew, and statistics that nobody renewed are removed.

use anyhow::Result;
use tokio_postgres::{Client, error::SqlState};

use super::{identifier, literal, plain, tables::has_rows};
use crate::database::{failure::refuse, log::Log, retry::Pauses};

/// Tables with rows of somebody's, as `c` in schema `n`. A materialized view that is not filled has a new file without any, which
/// `VACUUM` passes over.
const TABLES: &str = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm') AND c.relispopulated AND c.relpersistence <> 't'
      AND (n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        OR c.oid = 'pg_largeobject'::regclass AND pg_relation_size(c.oid) > 0)";

/// The catalogue's own tables with values from rows.
const STATISTICS: &str = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid IN ('pg_statistic'::regclass, 'pg_statistic_ext_data'::regclass)";

/// Whether this session may write a table anew.
const MAY: &str = "(pg_has_role(c.relowner, 'USAGE') OR (SELECT pg_has_role(datdba, 'USAGE') FROM pg_database WHERE datname = current_database()))";

/// Leaves nothing of rows that are gone, and makes those that are there final.
pub(super) async fn remove(client: &Client, log: &Log) -> Result<()> {
    let refused = names(client, &format!("{TABLES} AND NOT {MAY}")).await?;
    if !refused.is_empty() {
        refuse!(
            "rows that were masked or removed may still be in the files of {}, which this login may not write anew: let the baseline, or these tables, belong to the administrator or to a role that it is a member of",
            refused.join(", ")
        );
    }
    rewrite(client, TABLES, log).await?;
    log.doing("renewing the statistics");
    // This also marks pages as visible to all, which a rewrite does not: else the first to read them in a branch would write.
    client.batch_execute("VACUUM (FREEZE, ANALYZE)").await.map_err(plain)?;
    forget_statistics(client).await?;
    let refused = names(client, &format!("{STATISTICS} AND NOT {MAY}")).await?;
    if !refused.is_empty() {
        log.warn(format!(
            "old statistics may still be in the files of {}, for whoever can read files: only the database's owner may write it anew",
            refused.join(", ")
        ));
    }
    rewrite(client, &format!("{STATISTICS} AND {MAY}"), log).await
}

/// How often a long value may be missing: for some minutes.
const MISSING: usize = 200;

/// Writes tables anew, without any row that was dead before this was called: again, while somebody could still see such a row.
async fn rewrite(client: &Client, tables: &str, log: &Log) -> Result<()> {
    let now: String = client.query_one("SELECT (txid_current() % 4294967296)::text", &[]).await.map_err(plain)?.get(0);
    let mut left = names(client, tables).await?;
    let (mut pauses, mut missing) = (Pauses::short(), 0);
    loop {
        for table in &left {
            log.doing(format!("writing {table} anew, without its dead rows"));
            match client.batch_execute(&format!("VACUUM (FULL, FREEZE) {table}")).await {
                // Of a dead row that somebody could still see, which goes with that: PostgreSQL removes the value before the row, then
                // misses it (its bugs 18351 and 19519).
                Err(error) if error.code() == Some(&SqlState::DATA_CORRUPTED) && missing < MISSING => missing += 1,
                written => written.map_err(plain)?,
            }
        }
        left = names(client, &format!("{tables} AND age(c.relfrozenxid) >= age('{now}'::xid)")).await?;
        if left.is_empty() {
            return Ok(());
        }
        log.doing(format!(
            "waiting until nobody can see the dead rows of {} any more: {}",
            left.join(", "),
            holders(client, &now).await?
        ));
        pauses.wait().await;
    }
}

async fn names(client: &Client, tables: &str) -> Result<Vec<String>> {
    let rows =
        client.query(&format!("SELECT format('%I.%I', n.nspname, c.relname) FROM {tables} ORDER BY 1"), &[]).await;
    Ok(rows.map_err(plain)?.iter().map(|row| row.get(0)).collect())
}

/// Who can still see rows that were dead before transaction `now`.
async fn holders(client: &Client, now: &str) -> Result<String> {
    let old = |xid: &str| format!("age({xid}) >= age('{now}'::xid)");
    let sql = format!(
        "SELECT format('session %s of %s', pid, usename) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND ({} OR {})
         UNION ALL SELECT format('replication slot %s', slot_name) FROM pg_replication_slots WHERE {} OR {}
         UNION ALL SELECT format('prepared transaction %s', gid) FROM pg_prepared_xacts WHERE {}",
        old("backend_xmin"),
        old("backend_xid"),
        old("xmin"),
        old("catalog_xmin"),
        old("transaction"),
    );
    let rows = client.query(&sql, &[]).await.map_err(plain)?;
    if rows.is_empty() {
        return Ok("end the sessions, replication slots and prepared transactions of this database".to_owned());
    }
    Ok(rows.iter().map(|row| row.get::<_, String>(0)).collect::<Vec<_>>().join(", "))
}

/// Removes the statistics that `ANALYZE` did not renew: of what has no rows, and of columns that it leaves out.
async fn forget_statistics(client: &Client) -> Result<()> {
    // An index on an expression has statistics of its own.
    let found = client
        .query(
            "SELECT s.schemaname::text, s.tablename::text, s.attname::text, s.inherited, t.oid::regclass::text,
               format_type(a.atttypid, a.atttypmod), a.attstattarget IS NOT DISTINCT FROM 0
             FROM pg_stats s JOIN pg_namespace n ON n.nspname = s.schemaname
             JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = s.tablename
             JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = s.attname
             LEFT JOIN pg_index i ON i.indexrelid = c.oid JOIN pg_class t ON t.oid = coalesce(i.indrelid, c.oid)
             WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'",
            &[],
        )
        .await
        .map_err(plain)?;
    for row in found {
        let [schema, relation, column, table, kind] = [0, 1, 2, 4, 5].map(|index| row.get::<_, String>(index));
        let (inherited, is_left_out): (bool, bool) = (row.get(3), row.get(6));
        let only = if inherited { "" } else { "ONLY " };
        let has_rows = has_rows(client, only, &table).await?;
        if has_rows && !is_left_out {
            continue;
        }
        let relation = format!("{}.{}", identifier(&schema), identifier(&relation));
        let column_name = identifier(&column);
        let sql = format!(
            "DO $dayfly$ BEGIN
               IF to_regproc('pg_catalog.pg_clear_attribute_stats') IS NOT NULL THEN
                 PERFORM pg_clear_attribute_stats({}, {}, {}, {inherited});
               ELSIF current_setting('is_superuser') = 'on' THEN
                 DELETE FROM pg_statistic WHERE starelid = {relation}::regclass AND stainherit = {inherited}
                   AND staattnum = (SELECT attnum FROM pg_attribute WHERE attrelid = starelid AND attname = {});
               ELSE
                 LOCK TABLE {relation_name} IN ACCESS EXCLUSIVE MODE;
                 IF {own_code} OR {has_rows} AND EXISTS (SELECT FROM pg_constraint WHERE contype = 'c' AND conrelid = {relation}::regclass) THEN
                   RAISE 'functions of the baseline would run with the rights of %', current_user;
                 END IF;
                 ALTER TABLE {relation_name} ALTER COLUMN {column_name} TYPE {kind};
               END IF;
             END $dayfly$",
            literal(&schema),
            literal(row.get(1)),
            literal(&column),
            literal(&column),
            relation = literal(&relation),
            relation_name = relation,
            own_code = own_code(&relation),
        );
        if let Err(error) = client.batch_execute(&sql).await {
            refuse!(
                "the statistics of {relation}.{column_name} may still hold values of rows that are gone, and cannot be removed ({:#}): as a superuser in the baseline, `DELETE FROM pg_statistic WHERE starelid = '{relation}'::regclass`, or make the table anew, then call this again",
                plain(error)
            );
        }
    }
    forget_extended(client).await
}

/// Whether a column's other type may call functions of somebody's: the server looks again at all that depends on it, at tables
/// that it refers to or that refer to it, and at the parts of each.
fn own_code(relation: &str) -> String {
    format!(
        "EXISTS (
           WITH RECURSIVE near AS (
             SELECT {relation}::regclass::oid AS oid
             UNION SELECT CASE near.oid WHEN link.one THEN link.other ELSE link.one END FROM near JOIN (
               SELECT inhrelid, inhparent FROM pg_inherits
               UNION ALL SELECT conrelid, confrelid FROM pg_constraint WHERE contype = 'f') AS link (one, other)
               ON near.oid IN (link.one, link.other)),
           part AS (
             SELECT 'pg_class'::regclass AS class, oid FROM near
             UNION ALL SELECT 'pg_class'::regclass, indexrelid FROM pg_index JOIN near ON indrelid = oid
             UNION ALL SELECT 'pg_constraint'::regclass, k.oid FROM pg_constraint k JOIN near ON conrelid = near.oid
             UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid FROM pg_statistic_ext s JOIN near ON stxrelid = near.oid)
           SELECT FROM pg_depend d JOIN part ON d.classid = part.class AND d.objid = part.oid
           WHERE d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass) AND NOT EXISTS (
             SELECT FROM pg_depend e WHERE e.classid = d.refclassid AND e.objid = d.refobjid AND e.deptype = 'e'))",
        relation = literal(relation),
    )
}

/// Statistics over several columns (`CREATE STATISTICS`) of tables without rows.
async fn forget_extended(client: &Client) -> Result<()> {
    let found = client
        .query(
            "SELECT DISTINCT format('%I.%I', s.statistics_schemaname, s.statistics_name), format('%I.%I', s.schemaname, s.tablename)
             FROM pg_stats_ext s WHERE s.most_common_vals IS NOT NULL",
            &[],
        )
        .await
        .map_err(plain)?;
    for row in found {
        let (name, table): (String, String) = (row.get(0), row.get(1));
        if has_rows(client, "", &table).await? {
            continue;
        }
        let oid = format!(
            "(SELECT oid FROM pg_statistic_ext WHERE format('%I.%I', stxnamespace::regnamespace, stxname) = {})",
            literal(&name)
        );
        let sql = format!("DELETE FROM pg_statistic_ext_data WHERE stxoid = {oid}");
        if let Err(error) = client.batch_execute(&sql).await {
            refuse!(
                "the statistics {name} still hold values of rows that are gone ({:#}): `DROP STATISTICS {name}` in the baseline, then call this again",
                plain(error)
            );
        }
    }
    Ok(())
}
