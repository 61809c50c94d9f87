//! What is in the way of a database's end when no session of its user is left.
//!
//! `XA PREPARE` outlives its session, and so do its locks. MySQL tells whose data it locks: only what can be nobody else's is
//! rolled back. MariaDB does not, so there it is a person's to decide.

use anyhow::Result;
use mysql_async::{Conn, Row, prelude::Queryable as _};

use super::is_mariadb;
use crate::database::{
    log::Log,
    session::mysql::{code, plain, rows, texts},
};

/// No such prepared transaction: its session is still there, or somebody was sooner.
const NO_SUCH_XID: u16 = 1397;
/// No right to see them.
const XA_REFUSED: u16 = 1401;

/// Rolls back prepared transactions that hold a database. `Some`: why those that are there were left.
pub(super) async fn roll_back(conn: &mut Conn, database: &str, log: &Log) -> Result<Option<String>> {
    let is_mariadb = is_mariadb(conn).await?;
    let recover = if is_mariadb { "XA RECOVER FORMAT='SQL'" } else { "XA RECOVER CONVERT XID" };
    let rows: Vec<Row> = match conn.query(recover).await {
        Ok(rows) => rows,
        Err(error) if code(&error) == XA_REFUSED => {
            return Ok(Some(
                "a prepared transaction may hold it, and the administrator needs XA_RECOVER_ADMIN to see that".into(),
            ));
        }
        Err(error) => return Err(plain(error)),
    };
    let prepared: Vec<String> = rows.into_iter().filter_map(|row| xid(&texts(row), is_mariadb)).collect();
    if prepared.is_empty() {
        return Ok(None);
    }
    let why = if is_mariadb {
        "MariaDB does not say what they lock"
    } else if has_others(conn, database).await? {
        "some lock other databases"
    } else {
        ""
    };
    if !why.is_empty() {
        return Ok(Some(format!(
            "prepared transactions are there, and {why}: end those of `{database}` with one of `XA ROLLBACK {}`",
            prepared.join("`, `XA ROLLBACK ")
        )));
    }
    for xid in prepared {
        match conn.query_drop(format!("XA ROLLBACK {xid}")).await {
            Ok(()) => {
                log.warn(format!("rolled back the prepared transaction {xid}, which was in the way of `{database}`"));
            }
            Err(error) if code(&error) == NO_SUCH_XID => {}
            Err(error) => return Err(plain(error)),
        }
    }
    Ok(None)
}

/// As statements name it.
fn xid(row: &[Option<String>], is_mariadb: bool) -> Option<String> {
    let [Some(format), Some(gtrid), _, Some(data)] = row else { return None };
    if is_mariadb {
        return Some(data.clone());
    }
    let (gtrid, qualifier) = data.strip_prefix("0x")?.split_at_checked(gtrid.parse::<usize>().ok()?.checked_mul(2)?)?;
    Some(format!("X'{gtrid}',X'{qualifier}',{format}"))
}

/// Whether a transaction without a session locks nothing in this database.
async fn has_others(conn: &mut Conn, database: &str) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM information_schema.innodb_trx t WHERE t.trx_mysql_thread_id = 0 AND NOT EXISTS
      (SELECT 1 FROM performance_schema.data_locks l WHERE l.engine_transaction_id = t.trx_id AND l.object_schema = ?)";
    let count: Option<i64> = conn.exec_first(sql, (database,)).await.map_err(plain)?;
    Ok(count != Some(0))
}

/// Sessions that work in a database, of whomever.
pub(super) async fn sessions(conn: &mut Conn, database: &str) -> Result<String> {
    let rows =
        rows(conn, "SHOW PROCESSLIST").await?.into_iter().filter(|row| row.get(3) == Some(&Some(database.to_owned())));
    let told: Vec<String> = rows
        .filter_map(|row| Some(format!("session {} of {}", row.first()?.as_deref()?, row.get(1)?.as_deref()?)))
        .collect();
    Ok(if told.is_empty() { "locks of a session in another database".into() } else { told.join(", ") })
}

#[cfg(test)]
mod tests {
    use super::xid;

    #[test]
    fn a_transaction_is_named_as_it_is_read() {
        let row = |data: &str| ["1", "2", "1", data].map(|text| Some(text.to_owned()));
        assert_eq!(xid(&row("0x616263"), false).as_deref(), Some("X'6162',X'63',1"));
        assert_eq!(xid(&row("X'6162',X'63',1"), true).as_deref(), Some("X'6162',X'63',1"));
        assert_eq!(xid(&row("0x61"), false), None);
    }
}
