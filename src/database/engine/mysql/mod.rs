//! A MySQL or MariaDB server of one's own: a copy inside the server, table by table, and a user that may use nothing else.
//!
//! A branch's mark is a row of the registry, the table `dayfly.branches`, which the administrator alone can read. The row is
//! there first, with the names of the database and of the user that it is about, which hold what nobody could guess before:
//! whatever has these names was made for this row, whenever a Job was killed. It says nothing about who else could write
//! the registry: who can, can have anything removed that begins with `dayfly_`.

mod account;
mod copy;
mod definition;
mod frozen;
mod held;
mod registry;
mod vitess;

use std::{
    cell::Cell,
    pin::pin,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use mysql_async::{Conn, prelude::Queryable as _};

use super::{
    AdminRefused, Baseline, Branch, ConnectionUrl, Engine, GONE, Listed, Log, Marker, Pauses, Session, Spec, foreign,
    not_given, refuse,
};
use crate::database::{
    check,
    failure::Refused,
    random,
    session::{
        self, NoSession,
        mysql::{code, connect, identifier, plain},
    },
};
use account::Account;
use registry::{Entry, Which, days};

/// One server.
pub struct Mysql {
    admin: ConnectionUrl,
    baseline: String,
    /// Whether nobody could write to the baseline, before [`Engine::mark_baseline`] made it writable.
    was_frozen: Cell<bool>,
    log: Log,
}

/// What `lock_wait_timeout` and `innodb_lock_wait_timeout` end with.
const LOCK_WAIT_TIMEOUT: u16 = 1205;
const PARSE_ERROR: u16 = 1064;

/// How often a database's end waits for whoever holds it, each time ten seconds.
const WAITS: u32 = 6;

impl Mysql {
    /// `admin`: a login that may make databases and users, as docs/databases/mysql.md makes one.
    pub fn new(admin: &ConnectionUrl, baseline: &Baseline, log: &Log) -> Result<Self> {
        if !admin.is_mysql() {
            bail!("the administrator's URL is of another kind of server: write `mysql://USER:PASSWORD@HOST:PORT/`");
        }
        let baseline = baseline.database.clone().context("it has no `database`")?;
        Ok(Self { admin: admin.with_database(""), baseline, was_frozen: Cell::new(false), log: log.clone() })
    }

    /// A connection as administrator, in no database.
    async fn connect(&self) -> Result<Conn> {
        let mut pauses = Pauses::short();
        let mut conn = loop {
            match connect(&self.admin).await {
                Ok(conn) => break conn,
                Err(NoSession::Rejected(error) | NoSession::Unusable(error)) => {
                    return Err(error.context(AdminRefused::new(&self.admin)));
                }
                Err(NoSession::Unreachable(error)) => {
                    self.log.doing(format!("waiting for the server of {}: {error:#}", self.admin));
                    pauses.wait().await;
                }
            }
        };
        vitess::refuse_it(&mut conn, &self.baseline).await?;
        // A statement that waits for hours would hide why; one that gives up is tried again, and says so.
        conn.query_drop("SET SESSION lock_wait_timeout = 10").await.map_err(plain)?;
        Ok(conn)
    }

    /// A registered branch, alone: other Jobs wait. Nothing if it is not registered, or no longer.
    async fn locked(&self, which: Which<'_>) -> Result<Option<(Conn, Entry)>> {
        let mut conn = self.connect().await?;
        loop {
            let Some(entry) = registry::entry(&mut conn, which).await? else { return Ok(None) };
            self.log.doing(format!("waiting for another Job that works on `{}`", entry.branch));
            let get = format!("SELECT GET_LOCK('{}', 5)", entry.lock);
            while conn.query_first::<Option<i64>, _>(&get).await.map_err(plain)?.flatten() != Some(1) {}
            // The Job that had the lock may have changed the entry, or removed it.
            if let Some(entry) = registry::entry(&mut conn, Which::Id(&entry.id)).await? {
                return Ok(Some((conn, entry)));
            }
            conn.query_drop(format!("DO RELEASE_LOCK('{}')", entry.lock)).await.map_err(plain)?;
        }
    }

    /// Makes what is missing of a branch, whose lock `conn` has. What was half made is thrown away.
    async fn complete(&self, conn: &mut Conn, spec: &Spec<'_>, entry: &Entry) -> Result<Branch> {
        if !entry.mark.is_of(spec) {
            return Err(foreign(&format!("the branch `{}`", entry.branch), spec));
        }
        if !entry.is_complete || !has_database(conn, &entry.database).await? {
            self.make(conn, spec, entry).await?;
        }
        let entry = registry::entry(conn, Which::Id(&entry.id)).await?;
        Ok(entry.context(GONE)?.into_branch())
    }

    async fn make(&self, conn: &mut Conn, spec: &Spec<'_>, entry: &Entry) -> Result<()> {
        let sql = "SELECT default_character_set_name, default_collation_name FROM information_schema.schemata WHERE schema_name = ?";
        let Some((charset, collation)): Option<(String, String)> =
            conn.exec_first(sql, (&self.baseline,)).await.map_err(plain)?
        else {
            refuse!(
                "the server of {} has no database `{}`, which the guardrails name as baseline, or the administrator may not see it",
                self.admin,
                self.baseline
            );
        };
        registry::begin(conn, entry, spec).await?;
        let account = Account::of(conn, entry).await?;
        account.bar(conn, &self.log).await?;
        self.drop_database(conn, &entry.database).await?;
        let sql =
            format!("CREATE DATABASE {} CHARACTER SET {charset} COLLATE {collation}", identifier(&entry.database));
        conn.query_drop(sql).await.map_err(plain).context(
            "the branch's database cannot be made (docs/databases/mysql.md has what the administrator needs)",
        )?;
        account.grant(conn).await?;
        let guard = self.connect().await?;
        copy::copy(conn, guard, &self.baseline, entry, &self.log).await?;
        // The user is barred, also with a password that was published before.
        if let Err(error) = awake(conn, self.check(spec, entry)).await {
            if error.is::<Refused>() {
                // What may hold live data does not stay.
                self.remove(conn, entry).await?;
            }
            return Err(error);
        }
        registry::finish(conn, entry).await?;
        account.admit(conn).await
    }

    async fn check(&self, spec: &Spec<'_>, entry: &Entry) -> Result<()> {
        let mut session = session::open(&self.admin.with_database(&entry.database), &self.log).await?;
        let checked = check::fresh_branch(&mut *session, &spec.baseline, &self.log).await;
        checked.map_err(|error| not_given(spec, error))
    }

    /// Removes all of a branch, whose lock `conn` has.
    async fn remove(&self, conn: &mut Conn, entry: &Entry) -> Result<()> {
        let account = Account::of(conn, entry).await?;
        account.bar(conn, &self.log).await?;
        self.drop_database(conn, &entry.database).await?;
        account.remove(conn).await?;
        registry::remove(conn, entry).await
    }

    async fn drop_database(&self, conn: &mut Conn, name: &str) -> Result<()> {
        // MariaDB waits for rows, where MySQL waits for the table.
        conn.query_drop("SET SESSION innodb_lock_wait_timeout = 10").await.map_err(plain)?;
        let sql = format!("DROP DATABASE IF EXISTS {}", identifier(name));
        let mut left = WAITS;
        loop {
            match conn.query_drop(&sql).await {
                Ok(()) => return Ok(()),
                Err(error) if code(&error) == LOCK_WAIT_TIMEOUT => {}
                Err(error) => {
                    return Err(plain(error)).with_context(|| format!("the database `{name}` cannot be dropped"));
                }
            }
            let why = match held::roll_back(conn, name, &self.log).await? {
                Some(why) => why,
                None => held::sessions(conn, name).await?,
            };
            left -= 1;
            if left == 0 {
                bail!("the database `{name}` cannot be dropped, something holds it: {why}");
            }
            self.log.doing(format!("waiting to drop `{name}`: {why}"));
        }
    }
}

/// How long a session says nothing while another works for it.
const SILENCE: Duration = Duration::from_secs(5);

/// Waits for work, and keeps a session meanwhile whose locks it needs: a server ends one that says nothing. Whether it ended all the
/// same, the next who asks it is told.
async fn awake<T>(conn: &mut Conn, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(SILENCE, work.as_mut()).await {
            return done;
        }
        let _ = conn.ping().await;
    }
}

/// Runs a statement until nobody's lock is in its way.
async fn patiently(conn: &mut Conn, sql: &str, what: &str, log: &Log) -> Result<()> {
    loop {
        match conn.query_drop(sql).await {
            Ok(()) => return Ok(()),
            Err(error) if code(&error) == LOCK_WAIT_TIMEOUT => log.doing(format!("waiting for {what}")),
            Err(error) => return Err(plain(error)),
        }
    }
}

#[async_trait(?Send)]
impl Engine for Mysql {
    fn checks(&self) -> bool {
        true
    }

    async fn list(&self) -> Result<Listed> {
        let mut listed = Listed::default();
        for entry in registry::entries(&mut self.connect().await?).await? {
            match entry {
                Ok(entry) => listed.branches.push(entry.into_branch()),
                Err(error) => listed.unreadable.push(format!("{error:#}")),
            }
        }
        Ok(listed)
    }

    async fn find(&self, spec: &Spec<'_>) -> Result<Option<Branch>> {
        let mut conn = self.connect().await?;
        let Some(entry) = registry::entry(&mut conn, Which::Branch(&spec.names.branch)).await? else {
            return Ok(None);
        };
        if !entry.mark.is_of(spec) {
            return Err(foreign(&format!("the branch `{}`", entry.branch), spec));
        }
        let is_there = has_database(&mut conn, &entry.database).await?;
        let branch = entry.into_branch();
        Ok(Some(Branch { is_complete: branch.is_complete && is_there, ..branch }))
    }

    async fn create(&self, spec: &Spec<'_>) -> Result<Branch> {
        loop {
            registry::register(&mut self.connect().await?, spec).await?;
            if let Some((mut conn, entry)) = self.locked(Which::Branch(&spec.names.branch)).await? {
                return self.complete(&mut conn, spec, &entry).await;
            }
        }
    }

    async fn login(&self, spec: &Spec<'_>, branch: &Branch) -> Result<ConnectionUrl> {
        self.rotate(spec, branch, None).await
    }

    /// The password that was `published` works on where the server can do that: whoever is killed before the new one is published
    /// leaves a login.
    async fn rotate(
        &self,
        spec: &Spec<'_>,
        branch: &Branch,
        published: Option<&ConnectionUrl>,
    ) -> Result<ConnectionUrl> {
        let locked = self.log.divisible(self.locked(Which::Id(&branch.id)));
        let (mut conn, entry) = locked.await?.context(GONE)?;
        // Made anew meanwhile, by a Job that was killed: a password would let the user into what nobody has checked.
        self.complete(&mut conn, spec, &entry).await?;
        let account = Account::of(&mut conn, &entry).await?;
        // A server may want every kind of character.
        let password = format!("{}-A1", random::password());
        let days = days(spec.lease_seconds);
        let keeps = match published.filter(|url| url.user() == entry.user) {
            Some(url) => account.keeps(&mut conn, url).await?,
            None => false,
        };
        account.set_password(&mut conn, &password, days, keeps).await?;
        registry::set_login(&mut conn, &entry, SystemTime::now(), days).await?;
        Ok(self.admin.with_login(&entry.user, &password, &entry.database))
    }

    /// MariaDB does not, and nothing is said of it that it would have to.
    fn keeps_old(&self) -> bool {
        true
    }

    async fn keep_only(&self, spec: &Spec<'_>, branch: &Branch, published: &ConnectionUrl) -> Result<()> {
        let (mut conn, entry) = self.locked(Which::Id(&branch.id)).await?.context(GONE)?;
        // Nobody gets into one that is half made.
        if !entry.is_complete || published.user() != entry.user {
            return Ok(());
        }
        let account = Account::of(&mut conn, &entry).await?;
        if account.is_only(&mut conn, published).await? || !account::is_plain(&published.password()) {
            return Ok(());
        }
        // It was the one before, which the other Job did not replace anywhere.
        let days = days(spec.lease_seconds);
        match account.set_password(&mut conn, &published.password(), days, false).await {
            Ok(()) => registry::set_login(&mut conn, &entry, SystemTime::now(), days).await,
            Err(error) => {
                self.log.warn(format!("the password that was published works no longer: {error:#}"));
                Ok(())
            }
        }
    }

    async fn rotated(&self, _: &Spec<'_>, branch: &Branch, _: &ConnectionUrl) -> Result<bool> {
        let (mut conn, entry) = self.locked(Which::Id(&branch.id)).await?.context(GONE)?;
        let account = Account::of(&mut conn, &entry).await?;
        account.forget_old_password(&mut conn).await?;
        account.end_sessions(&mut conn).await?;
        Ok(true)
    }

    async fn end_sessions(&self, _: &Spec<'_>, branch: &Branch) -> Result<bool> {
        let (mut conn, entry) = self.locked(Which::Id(&branch.id)).await?.context(GONE)?;
        Account::of(&mut conn, &entry).await?.end_sessions(&mut conn).await?;
        Ok(true)
    }

    async fn reset(&self, spec: &Spec<'_>, branch: &Branch) -> Result<Branch> {
        let Some((mut conn, entry)) = self.locked(Which::Id(&branch.id)).await? else {
            return self.create(spec).await;
        };
        self.complete(&mut conn, spec, &Entry { is_complete: false, ..entry }).await
    }

    async fn renew(&self, branch: &Branch, until: SystemTime) -> Result<()> {
        let Some((mut conn, entry)) = self.locked(Which::Id(&branch.id)).await? else { return Ok(()) };
        let Some(since) = entry.login_at else { return Ok(()) };
        let days = days(until.duration_since(since).unwrap_or_default().as_secs());
        Account::of(&mut conn, &entry).await?.prolong(&mut conn, days).await?;
        registry::set_login(&mut conn, &entry, since, days).await
    }

    async fn destroy(&self, branch: &Branch) -> Result<()> {
        let Some((mut conn, entry)) = self.locked(Which::Id(&branch.id)).await? else { return Ok(()) };
        self.remove(&mut conn, &entry).await
    }

    async fn open_baseline(&self) -> Result<Box<dyn Session>> {
        let mut conn = self.connect().await?;
        if !has_database(&mut conn, &self.baseline).await? {
            refuse!("the server of {} has no database `{}`", self.admin, self.baseline);
        }
        let was_frozen = self.is_read_only(&mut conn).await?;
        self.was_frozen.set(was_frozen);
        // Changes nothing, and asks whether it can be frozen, before anything is read.
        self.set_read_only(&mut conn, was_frozen).await?;
        session::open(&self.admin.with_database(&self.baseline), &self.log).await
    }

    /// Nobody needs to write before that, and this writes as little as there is.
    async fn mark_baseline(&self, session: &mut dyn Session, marker: &Marker) -> Result<()> {
        self.set_read_only(&mut self.connect().await?, false).await?;
        session.set_marker(marker, &|| {}).await
    }

    async fn leave_baseline(&self) -> Result<()> {
        if self.was_frozen.get() {
            self.set_read_only(&mut self.connect().await?, true).await?;
        }
        Ok(())
    }

    async fn freeze_baseline(&self) -> Result<()> {
        let mut conn = self.connect().await?;
        if self.set_read_only(&mut conn, true).await? {
            self.log.info(format!("the database `{}` is read only", self.baseline));
        } else {
            self.log.warn(format!(
                "this server cannot freeze a database: let nobody but the masking job write to `{}`, and prepare it again after every change",
                self.baseline
            ));
        }
        Ok(())
    }
}

/// Whether it is MariaDB; else MySQL.
async fn is_mariadb(conn: &mut Conn) -> Result<bool> {
    let version: Option<String> = conn.query_first("SELECT VERSION()").await.map_err(plain)?;
    Ok(version.unwrap_or_default().contains("MariaDB"))
}

async fn has_database(conn: &mut Conn, name: &str) -> Result<bool> {
    let sql = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name = ?";
    let count: Option<i64> = conn.exec_first(sql, (name,)).await.map_err(plain)?;
    Ok(count.unwrap_or_default() > 0)
}
