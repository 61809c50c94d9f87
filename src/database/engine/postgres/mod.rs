//! A PostgreSQL server of one's own: `CREATE DATABASE … TEMPLATE …`, which clones files where server and file system can.
//!
//! The role carries the mark first, in the transaction that makes it. The database is made under a name that nobody could
//! guess and that the mark records, checked while nobody else may connect, set up, then marked and renamed in one transaction:
//! a database with the branch's own name is checked and complete, whenever a Job was killed. A lock keeps its Jobs apart.

mod baseline;
mod catalogue;
mod copy;
mod leaving;
mod ownership;
pub(super) mod role;

use std::{
    cell::{Cell, OnceCell},
    time::SystemTime,
};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use tokio_postgres::{Client, error::SqlState};

use self::catalogue::{Comment, Role, branches, database, parts, role};
use super::{
    Baseline, Branch, ConnectionUrl, Engine, GONE, Listed, Log, Mark, Marker, Pauses, Session, Spec, foreign,
    not_given, refuse,
};
use crate::database::{
    check,
    failure::Refused,
    random,
    session::{
        self,
        postgres::{identifier, literal, plain},
    },
};

/// One server.
pub struct Postgres {
    admin: ConnectionUrl,
    baseline: String,
    /// Has the lock of the baseline's preparation as long as it lives: two would open what the other has shut.
    preparing: OnceCell<Client>,
    on_leaving: Cell<Leaving>,
    log: Log,
}

/// What becomes of a baseline whose preparation fails or is ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Leaving {
    /// It stays as it is.
    #[default]
    Alone,
    /// It was shut, and somebody let dayfly in.
    Shut,
    /// It was open, is shut, and has no marker yet.
    Open,
}

/// How often a database's end waits for whoever holds it.
const WAITS: u32 = 20;

impl Postgres {
    /// `admin`: a login that may make databases and roles, as docs/databases/postgres.md makes one.
    pub fn new(admin: ConnectionUrl, baseline: &Baseline, log: &Log) -> Result<Self> {
        let baseline = baseline.database.clone().context("it has no `database`")?;
        Ok(Self::at(admin, baseline, log))
    }

    /// A server, and the database there that is branched.
    pub(super) fn at(admin: ConnectionUrl, baseline: String, log: &Log) -> Self {
        Self { admin, baseline, preparing: OnceCell::new(), on_leaving: Cell::default(), log: log.clone() }
    }

    /// A connection as administrator, to the maintenance database.
    async fn connect(&self) -> Result<Client> {
        role::enter(&self.admin, &self.log).await
    }

    /// A session to look only: all that is asked is of one moment, or a branch that another Job makes or removes between two questions
    /// would be somebody else's, or half of one.
    async fn connect_to_look(&self) -> Result<Client> {
        let client = self.connect().await?;
        client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await.map_err(plain)?;
        Ok(client)
    }

    /// A session alone with one branch, or with the baseline.
    async fn connect_for(&self, branch: &str) -> Result<Client> {
        role::enter_alone(&self.admin, branch, &self.log).await
    }

    /// Makes what is missing of a branch, whose lock `client` has.
    async fn complete(&self, client: &Client, spec: &Spec<'_>) -> Result<Branch> {
        let (name, role_name) = (&*spec.names.branch, &*spec.names.role);
        let role = match role(client, role_name).await? {
            Some(role) => role,
            None => self.create_role(client, spec).await?,
        };
        let mut comment = role::check_mark(&role, spec)?.clone();
        if let Some(database) = database(client, name).await? {
            if database.comment.is_none_or(|comment| !comment.mark.is_of(spec)) {
                return Err(foreign(&format!("the database `{name}`"), spec));
            }
            return self.branch(client, spec).await;
        }
        let making = comment.making.clone().context("the role's mark names no database")?;
        let is_of_another = comment.mark.baseline != spec.baseline.entry.subject();
        if is_of_another || could_enter(client, role_name, &making).await? {
            self.drop_database(client, &making).await?;
        }
        if is_of_another {
            // Of a role that could not go with its branch.
            comment.mark = Mark::new(spec);
            self.mark_role(client, role_name, &comment).await?;
        }
        if database(client, &making).await?.is_none() {
            self.clone_baseline(client, &making).await?;
        }
        if let Err(error) = self.check(client, spec, &making).await {
            if error.is::<Refused>() {
                // What may hold live data does not stay.
                self.remove(client, &self.branch(client, spec).await?).await?;
            }
            return Err(error);
        }
        let mark = Comment { branch: None, making: None, ..comment };
        self.log.doing("setting up the branch");
        // Of a branch that was there before: its role may have changed its own.
        let sql = format!("ALTER ROLE {} RESET ALL", identifier(role_name));
        let reset = role::alter(client, &sql, None).await;
        reset.map_err(plain).context(role::KEEPS_SETTINGS)?;
        ownership::set_up(&self.admin, client, &making, role_name, &self.log).await?;
        self.publish_name(client, &making, name, &mark).await?;
        self.branch(client, spec).await
    }

    /// Whether anybody may connect to the baseline, from now on.
    async fn let_in(&self, client: &Client, anybody: bool) -> Result<()> {
        let sql = format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {anybody}", identifier(&self.baseline));
        client.batch_execute(&sql).await.map_err(plain).context("the administrator must own the baseline")
    }

    async fn create_role(&self, client: &Client, spec: &Spec<'_>) -> Result<Role> {
        let (name, role_name) = (&*spec.names.branch, &*spec.names.role);
        if database(client, name).await?.is_some() {
            return Err(foreign(&format!("the database `{name}`"), spec));
        }
        let comment = Comment {
            dayfly: 1,
            mark: Mark::new(spec),
            branch: Some(name.to_owned()),
            making: Some(format!("dayfly_{}", random::nonce())),
        };
        role::create(client, role_name, &comment).await.context(
            "the branch's role cannot be made: the administrator needs CREATEROLE, or more (docs/databases/postgres.md)",
        )
    }

    async fn mark_role(&self, client: &Client, role: &str, comment: &Comment) -> Result<()> {
        let comment = literal(&serde_json::to_string(comment)?);
        let sql = format!("COMMENT ON ROLE {} IS {comment}", identifier(role));
        client.batch_execute(&sql).await.map_err(plain).context(
            "the branch's role cannot be marked: the administrator needs CREATEROLE, or more (docs/databases/postgres.md)",
        )
    }

    /// Checks the data while only the administrator may connect: the branch's role may have a login that was published before.
    async fn check(&self, client: &Client, spec: &Spec<'_>, making: &str) -> Result<()> {
        let sql = format!(
            "BEGIN; REVOKE ALL ON DATABASE {making} FROM PUBLIC; ALTER DATABASE {making} ALLOW_CONNECTIONS true; COMMIT",
            making = identifier(making),
        );
        client.batch_execute(&sql).await.map_err(plain).context("the new branch's privileges cannot be set")?;
        let mut session = session::open(&self.admin.with_database(making), &self.log).await?;
        let checked = check::fresh_branch(&mut *session, &spec.baseline, &self.log).await;
        checked.map_err(|error| not_given(spec, error))
    }

    /// Mark and name together: from here on it is a branch.
    async fn publish_name(&self, client: &Client, making: &str, name: &str, mark: &Comment) -> Result<()> {
        let sql = format!(
            "BEGIN; COMMENT ON DATABASE {making} IS {mark}; ALTER DATABASE {making} RENAME TO {name}; COMMIT",
            making = identifier(making),
            mark = literal(&serde_json::to_string(mark)?),
            name = identifier(name),
        );
        let mut pauses = Pauses::short();
        loop {
            let Err(error) = client.batch_execute(&sql).await else { return Ok(()) };
            client.batch_execute("ROLLBACK").await.map_err(plain)?;
            // Our own session in it ends a moment after it was closed.
            if error.code() != Some(&SqlState::OBJECT_IN_USE) {
                return Err(plain(error)).context("the branch cannot be marked and named");
            }
            pauses.wait().await;
        }
    }

    /// Whether the branch's role ever had a password.
    pub(super) async fn was_let_in(&self, spec: &Spec<'_>) -> Result<bool> {
        Ok(role(&self.connect().await?, &spec.names.role).await?.is_some_and(|role| role.was_let_in))
    }

    /// The branch's login, with this password.
    pub(super) async fn login_with(&self, spec: &Spec<'_>, branch: &Branch, password: &str) -> Result<ConnectionUrl> {
        let client = self.log.divisible(self.connect_for(&spec.names.branch)).await?;
        role::set_password(&client, spec, &branch.name, password).await?;
        let elsewhere = client
            .query(
                "SELECT datname::text FROM pg_database WHERE datallowconn AND datname <> $1 AND has_database_privilege($2, oid, 'CONNECT')",
                &[&branch.name, &&*spec.names.role],
            )
            .await
            .map_err(plain)?;
        if !elsewhere.is_empty() {
            let names: Vec<String> = elsewhere.iter().map(|row| row.get(0)).collect();
            self.log.warn(format!(
                "everybody may connect to {}, and so may this preview: REVOKE CONNECT ON DATABASE … FROM PUBLIC",
                names.join(", ")
            ));
        }
        Ok(self.admin.with_login(&spec.names.role, password, &branch.name))
    }

    /// Removes all of a branch, whose lock `client` has.
    async fn remove(&self, client: &Client, branch: &Branch) -> Result<()> {
        let [database, role] = parts(client, branch).await?;
        if let Some(role) = &role {
            role::revoke(client, role).await?;
        }
        if let Some(database) = database {
            self.drop_database(client, &database).await?;
        }
        if let Some(role) = role {
            if let Some(making) = catalogue::role(client, &role).await?.and_then(|role| role.comment?.making) {
                self.drop_database(client, &making).await?;
            }
            leaving::drop_role(&self.admin, client, &role, &self.log).await?;
        }
        Ok(())
    }

    async fn branch(&self, client: &Client, spec: &Spec<'_>) -> Result<Branch> {
        let mut branches = branches(client).await?.branches;
        branches.retain(|branch| branch.mark.is_of(spec));
        branches.pop().context(GONE)
    }

    /// Ends every session of a database, and drops it.
    async fn drop_database(&self, client: &Client, name: &str) -> Result<()> {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name));
        let mut pauses = Pauses::short();
        let mut left = WAITS;
        let why = loop {
            match client.batch_execute(&sql).await {
                Ok(()) => return Ok(()),
                // A superuser's session can only be ended by another superuser.
                Err(error)
                    if [&SqlState::OBJECT_IN_USE, &SqlState::INSUFFICIENT_PRIVILEGE, &SqlState::LOCK_NOT_AVAILABLE]
                        .map(Some)
                        .contains(&error.code()) =>
                {
                    let error = plain(error);
                    left -= 1;
                    if left == 0 {
                        break error;
                    }
                    self.log.doing(format!("waiting for what holds `{name}` to end: {error:#}"));
                    pauses.wait().await;
                }
                Err(error) => {
                    return Err(plain(error)).with_context(|| format!("the database `{name}` cannot be dropped"));
                }
            }
        };
        let users = users(client, name).await?;
        // What else holds it has no session, and the server's own words name it.
        let what = if users.is_empty() {
            format!("the database `{name}` cannot be dropped: mend what the server says, then call this again")
        } else {
            format!("the database `{name}` is still used by {users}: end these sessions, or call this again")
        };
        Err(why.context(what))
    }
}

/// Whose sessions are in a database; empty if nobody's are.
async fn users(client: &Client, database: &str) -> Result<String> {
    let sql = "SELECT DISTINCT usename::text FROM pg_stat_activity WHERE datname = $1 AND usename IS NOT NULL";
    let rows = client.query(sql, &[&database]).await.map_err(plain)?;
    Ok(rows.iter().map(|row| row.get(0)).collect::<Vec<String>>().join(", "))
}

/// Whether a branch's role could be in a database that a Job which was killed left half made: then it may have put anything there.
async fn could_enter(client: &Client, role: &str, database: &str) -> Result<bool> {
    let sql = "SELECT datallowconn AND has_database_privilege($1, oid, 'CONNECT') FROM pg_database WHERE datname = $2";
    let row = client.query_opt(sql, &[&role, &database]).await.map_err(plain)?;
    Ok(row.is_some_and(|row| row.get(0)))
}

#[async_trait(?Send)]
impl Engine for Postgres {
    fn checks(&self) -> bool {
        true
    }

    async fn list(&self) -> Result<Listed> {
        branches(&self.connect_to_look().await?).await
    }

    async fn find(&self, spec: &Spec<'_>) -> Result<Option<Branch>> {
        let client = self.connect_to_look().await?;
        let found = branches(&client).await?.branches.into_iter().find(|branch| branch.mark.is_of(spec));
        if found.is_none() && database(&client, &spec.names.branch).await?.is_some() {
            return Err(foreign(&format!("the database `{}`", spec.names.branch), spec));
        }
        Ok(found)
    }

    async fn create(&self, spec: &Spec<'_>) -> Result<Branch> {
        let client = self.connect_for(&spec.names.branch).await?;
        self.complete(&client, spec).await
    }

    async fn login(&self, spec: &Spec<'_>, branch: &Branch) -> Result<ConnectionUrl> {
        self.login_with(spec, branch, &random::password()).await
    }

    async fn end_sessions(&self, spec: &Spec<'_>, _: &Branch) -> Result<bool> {
        let client = self.connect_for(&spec.names.branch).await?;
        role::end_sessions(&client, &spec.names.role).await.map(|()| true)
    }

    async fn reset(&self, spec: &Spec<'_>, branch: &Branch) -> Result<Branch> {
        let client = self.connect_for(&spec.names.branch).await?;
        if let [Some(database), _] = parts(&client, branch).await? {
            self.drop_database(&client, &database).await?;
        }
        self.complete(&client, spec).await
    }

    async fn renew(&self, branch: &Branch, until: SystemTime) -> Result<()> {
        let client = self.connect_for(&branch.name).await?;
        if let [_, Some(role)] = parts(&client, branch).await? {
            role::renew(&client, &role, until).await?;
        }
        Ok(())
    }

    async fn destroy(&self, branch: &Branch) -> Result<()> {
        let client = self.connect_for(&branch.name).await?;
        self.remove(&client, branch).await
    }

    async fn open_baseline(&self) -> Result<Box<dyn Session>> {
        let client = self.connect_for(&self.baseline).await?;
        let client = self.preparing.get_or_init(|| client);
        if database(client, &self.baseline).await?.is_none() {
            refuse!("the server of {} has no database `{}`", self.admin, self.baseline);
        }
        let open = "SELECT datallowconn FROM pg_database WHERE datname = $1";
        if !client.query_one(open, &[&self.baseline]).await.map_err(plain)?.get::<_, bool>(0) {
            self.on_leaving.set(Leaving::Shut);
            return baseline::enter(client, &self.admin, &self.baseline, &self.log).await;
        }
        // Changes nothing, and asks whether it can be shut, before anything is read.
        self.let_in(client, true).await?;
        session::open(&self.admin.with_database(&self.baseline), &self.log).await
    }

    /// Nobody comes from here on, nobody else is there, and what is not finished has no marker: its session stays.
    async fn mark_baseline(&self, session: &mut dyn Session, marker: &Marker) -> Result<()> {
        if self.on_leaving.get() == Leaving::Alone {
            self.let_in(&self.connect().await?, false).await?;
            self.on_leaving.set(Leaving::Open);
        }
        baseline::alone(session, &self.baseline, &self.log).await?;
        // What is marked stays shut, whatever comes after it.
        session.set_marker(marker, &|| self.on_leaving.set(Leaving::Alone)).await
    }

    async fn leave_baseline(&self) -> Result<()> {
        match self.on_leaving.get() {
            Leaving::Alone => Ok(()),
            leaving => self.let_in(&self.connect().await?, leaving == Leaving::Open).await,
        }
    }

    async fn freeze_baseline(&self) -> Result<()> {
        let client = self.connect().await?;
        let sql =
            format!("ALTER DATABASE {} WITH IS_TEMPLATE true ALLOW_CONNECTIONS false", identifier(&self.baseline));
        client.batch_execute(&sql).await.map_err(plain).context("the administrator must own the baseline")?;
        self.log.info("it is frozen: a template that nobody connects to");
        Ok(())
    }
}
