//! A branch's user: everything in the branch, nothing elsewhere.

use anyhow::{Context as _, Result};
use mysql_async::{Conn, prelude::Queryable as _};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

use super::{PARSE_ERROR, is_mariadb, registry::Entry};
use crate::database::{
    connection::ConnectionUrl,
    log::Log,
    random,
    retry::Pauses,
    schema::hexadecimal,
    session::{
        NoSession,
        mysql::{code, connect, identifier, plain, rows},
    },
};

/// Sessions that one preview may have.
const CONNECTIONS: u32 = 30;

/// There is no such session.
const NO_SUCH_THREAD: u16 = 1094;

/// There is no such user.
const CANNOT_USER: u16 = 1396;

/// Whether a password is as dayfly makes them, with nothing to escape.
pub(super) fn is_plain(password: &str) -> bool {
    password.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

pub(super) struct Account<'a> {
    user: &'a str,
    database: &'a str,
    is_mariadb: bool,
}

impl<'a> Account<'a> {
    pub(super) async fn of(conn: &mut Conn, entry: &'a Entry) -> Result<Self> {
        Ok(Self { user: &entry.user, database: &entry.database, is_mariadb: is_mariadb(conn).await? })
    }

    /// `'user'@'%'`. Its name has nothing to escape: letters, digits and underscores.
    fn name(&self) -> String {
        format!("'{}'@'%'", self.user)
    }

    /// How a password is set. MariaDB gets a hash, since it would write the password into its logs; MySQL blots it out there.
    fn identified(&self, password: &str) -> String {
        if !self.is_mariadb {
            return format!("IDENTIFIED BY '{password}'");
        }
        let sha1 = |bytes: &[u8]| digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
        let hash = sha1(sha1(password.as_bytes()).as_ref());
        let hex = hexadecimal(hash.as_ref()).to_uppercase();
        format!("IDENTIFIED VIA mysql_native_password USING '*{hex}'")
    }

    /// Makes the user if it is not there, locked and with a password that nobody knows, and gives it the branch.
    pub(super) async fn grant(&self, conn: &mut Conn) -> Result<()> {
        let identified = self.identified(&format!("{}-A1", random::password()));
        let sql = format!(
            "CREATE USER IF NOT EXISTS {} {identified} WITH MAX_USER_CONNECTIONS {CONNECTIONS} ACCOUNT LOCK",
            self.name()
        );
        run(conn, &sql, "the branch's user cannot be made: the administrator needs CREATE USER").await?;
        // In a grant, `_` stands for any character, unless the server takes all names as they are.
        let literal: Option<(String, String)> =
            conn.query_first("SHOW VARIABLES LIKE 'partial_revokes'").await.map_err(plain)?;
        let pattern = match literal {
            Some((_, value)) if value == "ON" => self.database.to_owned(),
            _ => self.database.replace('_', "\\_"),
        };
        let sql = format!("GRANT ALL PRIVILEGES ON {}.* TO {}", identifier(&pattern), self.name());
        run(
            conn,
            &sql,
            "the branch cannot be given to its user: the administrator needs all on `dayfly\\_%` WITH GRANT OPTION",
        )
        .await
    }

    /// Whether a password that was published will work beside the next one. It must be the user's first: that of a Job which was killed
    /// before it published its own would be kept instead.
    pub(super) async fn keeps(&self, conn: &mut Conn, published: &ConnectionUrl) -> Result<bool> {
        let password = published.password();
        if self.is_mariadb || !is_plain(&password) || matches!(connect(published).await, Err(NoSession::Rejected(_))) {
            return Ok(false);
        }
        match conn.query_drop(format!("ALTER USER {} {}", self.name(), self.identified(&password))).await {
            Ok(()) => Ok(true),
            // The server takes no password twice, or none like that any more: it is kept if it is the first already.
            Err(_) => self.is_only(conn, published).await,
        }
    }

    /// Ends the password that was kept, and tells whether the one that was published works: then it is the user's only one.
    pub(super) async fn is_only(&self, conn: &mut Conn, published: &ConnectionUrl) -> Result<bool> {
        self.forget_old_password(conn).await?;
        Ok(!matches!(connect(published).await, Err(NoSession::Rejected(_))))
    }

    /// Lets the user in with a password, for so many days; `keeps`: also with the one that it has.
    pub(super) async fn set_password(&self, conn: &mut Conn, password: &str, days: u16, keeps: bool) -> Result<()> {
        const WHAT: &str = "the branch's user cannot be given a password";
        let sql = |retain: &str| {
            let identified = self.identified(password);
            format!(
                "ALTER USER {} {identified}{retain} PASSWORD EXPIRE INTERVAL {days} DAY ACCOUNT UNLOCK",
                self.name()
            )
        };
        if keeps {
            match conn.query_drop(sql(" RETAIN CURRENT PASSWORD")).await {
                Err(error) if code(&error) == PARSE_ERROR => {}
                set => return set.map_err(plain).context(WHAT),
            }
        }
        // Somebody removed the user. One that is there is not made again, not even IF NOT EXISTS: MySQL refuses that for the
        // definer of anything.
        if let Err(error) = conn.query_drop(sql("")).await {
            if code(&error) != CANNOT_USER {
                return Err(plain(error)).context(WHAT);
            }
            self.grant(conn).await?;
            run(conn, &sql(""), WHAT).await?;
        }
        self.forget_old_password(conn).await
    }

    /// Ends the password that was kept. Only MySQL can have one, since 8.0.14.
    pub(super) async fn forget_old_password(&self, conn: &mut Conn) -> Result<()> {
        if self.is_mariadb {
            return Ok(());
        }
        match conn.query_drop(format!("ALTER USER {} DISCARD OLD PASSWORD", self.name())).await {
            Err(error) if code(&error) != PARSE_ERROR => {
                Err(plain(error)).context("the old password of the branch's user cannot be ended")
            }
            _ => Ok(()),
        }
    }

    /// So many days from when it got its password.
    pub(super) async fn prolong(&self, conn: &mut Conn, days: u16) -> Result<()> {
        let sql = format!("ALTER USER {} PASSWORD EXPIRE INTERVAL {days} DAY", self.name());
        run(conn, &sql, "the lease of the branch's user cannot be prolonged").await
    }

    pub(super) async fn admit(&self, conn: &mut Conn) -> Result<()> {
        run(conn, &format!("ALTER USER {} ACCOUNT UNLOCK", self.name()), "the branch's user cannot be unlocked").await
    }

    /// Nobody may come, and whoever is there goes: neither a lock nor its removal ends a user's sessions.
    pub(super) async fn bar(&self, conn: &mut Conn, log: &Log) -> Result<()> {
        let sql = format!("ALTER USER IF EXISTS {} ACCOUNT LOCK", self.name());
        run(conn, &sql, "the branch's user cannot be locked").await?;
        let mut pauses = Pauses::short();
        while self.end_sessions(conn).await? > 0 {
            log.doing(format!("waiting for sessions of `{}` to end", self.user));
            pauses.wait().await;
        }
        Ok(())
    }

    /// Ends sessions, and says how many there were.
    pub(super) async fn end_sessions(&self, conn: &mut Conn) -> Result<usize> {
        let what = "the branch's sessions cannot be ended: the administrator needs CONNECTION_ADMIN and PROCESS (MariaDB: CONNECTION ADMIN)";
        if self.is_mariadb {
            conn.query_drop(format!("KILL USER '{}'", self.user)).await.map_err(plain).context(what)?;
            return Ok(usize::try_from(conn.affected_rows()).unwrap_or(usize::MAX));
        }
        let mut sessions = rows(conn, "SHOW PROCESSLIST").await?;
        sessions.retain(|row| row.get(1) == Some(&Some(self.user.to_owned())));
        for id in sessions.iter().filter_map(|row| row.first()?.as_deref()) {
            match conn.query_drop(format!("KILL CONNECTION {id}")).await {
                Err(error) if code(&error) != NO_SUCH_THREAD => return Err(plain(error)).context(what),
                _ => {}
            }
        }
        Ok(sessions.len())
    }

    pub(super) async fn remove(&self, conn: &mut Conn) -> Result<()> {
        run(conn, &format!("DROP USER IF EXISTS {}", self.name()), "the branch's user cannot be dropped").await
    }
}

async fn run(conn: &mut Conn, sql: &str, what: &'static str) -> Result<()> {
    conn.query_drop(sql).await.map_err(plain).context(what)
}
