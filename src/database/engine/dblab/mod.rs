//! The Database Lab Engine (`DBLab`): thin clones of a snapshot, each a PostgreSQL server on a port of its own.
//!
//! A clone has no field for a mark, so its id is one ([`Mark::name`]), and its user's name begins with `dayfly_`: that proves
//! that somebody with the engine's token made it for this environment, and not that it was dayfly. The rest of the user's name
//! is random. It tells a clone from an earlier one with the same id, and makes its password: a keyed hash of both under the
//! engine's token, since the engine takes a password once, and never tells or changes it. So a clone whose Secret was lost
//! gives the same login again, and no two clones share one.
//!
//! The user can change its own password, and that is how it is rotated: to the next of a row of such hashes, so that the one
//! that works can be found again.
//!
//! The lease is the clone's protection; without it the engine removes a clone that was idle for a while.

mod api;

use std::{
    cell::Cell,
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use ring::hmac;
use serde_json::json;

use self::api::{Clone, Status, minutes, path};
use super::{
    Baseline, Branch, ConnectionUrl, Engine, Listed, Log, Mark, Pauses, Session, Spec, alone, own, postgres::role,
    refuse, revoke_first,
};
use crate::database::{
    http::{Api, is_ambiguous},
    random, session, time,
};

/// The variable with the engine's token.
pub const TOKEN: &str = "DBLAB_VERIFICATION_TOKEN";

/// What begins the name of a clone's user.
const USERS: &str = "dayfly_";

/// So often can the password of a clone be rotated.
const PASSWORDS: u32 = 50;

/// How long the clone lives in which a baseline is prepared.
const PREPARING: Duration = Duration::from_hours(4);

/// One Database Lab Engine.
pub struct Dblab {
    api: Api,
    place: String,
    token: String,
    /// The engine's branch, whose newest snapshot is cloned.
    parent: String,
    database: String,
    /// Whether the clone is dayfly's in which a baseline is prepared.
    has_workshop: Cell<bool>,
    log: Log,
}

impl Dblab {
    /// `token`: the engine's verification token.
    pub fn new(token: String, baseline: &Baseline, log: &Log) -> Result<Self> {
        let place = baseline.api.clone().context("it has no `api`")?.to_string();
        Ok(Self {
            api: Api::new(&place, ("Verification-Token", token.clone()), log)?,
            place,
            token,
            parent: baseline.parent.clone().context("it has no `parent`")?,
            database: baseline.database.clone().context("it has no `database`")?,
            has_workshop: Cell::new(false),
            log: log.clone(),
        })
    }

    /// This environment's clone. Another with its id is an error.
    async fn own(&self, spec: &Spec<'_>) -> Result<Option<(Clone, Branch)>> {
        let Some(clone) = self.clone(&Mark::name(spec)).await? else { return Ok(None) };
        let branch = self.own_branch(&clone, spec)?;
        Ok(Some((clone, branch)))
    }

    fn own_branch(&self, clone: &Clone, spec: &Spec<'_>) -> Result<Branch> {
        own(self.branch(clone), &format!("the clone `{}`", clone.id), spec)
    }

    fn database<'a>(&'a self, clone: &'a Clone) -> &'a str {
        if clone.db.db_name.is_empty() { &self.database } else { &clone.db.db_name }
    }

    /// A clone that is dayfly's.
    fn branch(&self, clone: &Clone) -> Option<Branch> {
        if !clone.db.username.starts_with(USERS) {
            return None;
        }
        let database = self.database(clone);
        let baseline = format!("dblab/{}/{database}", clone.branch);
        Some(Branch {
            id: clone.db.username.clone(),
            name: clone.id.clone(),
            mark: Mark::of_name(&clone.id, baseline, clone.created_at.clone())?,
            expires: clone.protected_till.as_deref().and_then(|till| time::parse(till).ok()),
            cost: None,
            is_complete: clone.status.code == "OK",
        })
    }

    /// The password of a clone's user, after so many rotations.
    fn password(&self, id: &str, user: &str, rotations: u32) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.token.as_bytes());
        let mut text = format!("dayfly clone {id} {user}");
        if rotations > 0 {
            let _ = write!(text, " {rotations}");
        }
        random::letters(hmac::sign(&key, text.as_bytes()).as_ref())
    }

    /// This environment's clone, as long as it is `branch`.
    async fn same(&self, spec: &Spec<'_>, branch: &Branch) -> Result<Clone> {
        match self.own(spec).await? {
            Some((clone, own)) if own.id == branch.id => Ok(clone),
            _ => bail!("the clone `{}` is gone: call this again", branch.name),
        }
    }

    /// The login that works, and how often its password was rotated.
    async fn working(&self, clone: &Clone) -> Result<(ConnectionUrl, u32)> {
        for rotations in 0..PASSWORDS {
            let url = self.url(clone, rotations)?;
            if session::open_if_accepted(&url, &self.log).await?.is_some() {
                return Ok((url, rotations));
            }
        }
        refuse!(
            "the clone `{}` takes no password that dayfly gave it: somebody changed it, or the engine's token. `dayfly db destroy`, then `provision` make clone and login anew",
            clone.id
        )
    }

    /// The clone's login, with a password that nobody is told.
    async fn barred(&self, branch: &Branch) -> Result<ConnectionUrl> {
        let Some(clone) = self.clone(&branch.name).await?.filter(|clone| clone.db.username == branch.id) else {
            bail!("the clone is gone");
        };
        let (url, rotations) = self.working(&clone).await?;
        role::change_own(&url, &self.password(&clone.id, &clone.db.username, rotations + 1), &self.log).await
    }

    fn url(&self, clone: &Clone, rotations: u32) -> Result<ConnectionUrl> {
        let url = format!("postgres://{}:{}/", clone.db.host, clone.db.port);
        let url = ConnectionUrl::parse(&url, "the clone's address (`accessHost` in the engine's configuration)")?;
        let user = &clone.db.username;
        Ok(url.with_login(user, &self.password(&clone.id, user, rotations), self.database(clone)))
    }

    /// The clone in which a baseline is prepared: its id is no mark of any environment's.
    fn workshop(&self) -> String {
        format!("dayfly_baseline.{}.{}", self.parent, self.database)
    }
}

#[async_trait(?Send)]
impl Engine for Dblab {
    async fn list(&self) -> Result<Listed> {
        Ok(self.clones().await?.iter().filter_map(|clone| self.branch(clone)).collect())
    }

    async fn find(&self, spec: &Spec<'_>) -> Result<Option<Branch>> {
        Ok(self.own(spec).await?.map(|(_, branch)| branch))
    }

    async fn create(&self, spec: &Spec<'_>) -> Result<Branch> {
        let id = Mark::name(spec);
        let may_use = |clone: &Clone| self.own_branch(clone, spec).map(drop);
        let clone = self.usable(&id, Duration::from_secs(spec.lease_seconds), may_use).await?;
        self.own_branch(&clone, spec)
    }

    async fn login(&self, spec: &Spec<'_>, branch: &Branch) -> Result<ConnectionUrl> {
        let clone = self.same(spec, branch).await?;
        Ok(self.working(&clone).await?.0)
    }

    async fn rotate(
        &self,
        spec: &Spec<'_>,
        branch: &Branch,
        published: Option<&ConnectionUrl>,
    ) -> Result<ConnectionUrl> {
        let clone = self.same(spec, branch).await?;
        let user = &clone.db.username;
        // A reset clone has its first password again: the next is the one after what was published, too.
        let known = published.and_then(|url| {
            (0..PASSWORDS).find(|rotations| self.password(&clone.id, user, *rotations) == url.password())
        });
        let works = match published {
            Some(url) => session::open_if_accepted(url, &self.log).await?.is_some(),
            None => false,
        };
        let (url, rotations) = match (published, known) {
            // Of an engine whose token was another one.
            (Some(url), None) if works => (url.clone(), 0),
            (Some(url), Some(rotations)) if works => (url.clone(), rotations),
            _ => self.working(&clone).await?,
        };
        let next = rotations.max(known.unwrap_or(0)) + 1;
        if next == PASSWORDS {
            refuse!(
                "the password of the clone `{}` was rotated {rotations} times, and cannot be again: `dayfly db destroy`, then `provision` make clone and login anew",
                clone.id
            );
        }
        role::change_own(&url, &self.password(&clone.id, user, next), &self.log).await
    }

    async fn reset(&self, spec: &Spec<'_>, branch: &Branch) -> Result<Branch> {
        if let Some((Clone { snapshot: Some(snapshot), status: Status { code, .. }, .. }, own)) = self.own(spec).await?
            && own.id == branch.id
            && code == "OK"
        {
            // The same data; port and login stay.
            let body = json!({"snapshotID": snapshot.id, "latest": false});
            match self.api.post(&format!("{}/reset", path(&branch.name)), &body).await {
                Ok(_) => {}
                // A second reset would find it at work, or do the same again.
                Err(error) if is_ambiguous(&error) => self.log.doing(format!("the answer was lost: {error:#}")),
                Err(error) => return Err(error).context("the clone cannot be reset"),
            }
        }
        self.create(spec).await
    }

    async fn renew(&self, branch: &Branch, until: SystemTime) -> Result<()> {
        let Some(clone) = self.clone(&branch.name).await?.filter(|clone| clone.db.username == branch.id) else {
            return Ok(());
        };
        let lease = until.duration_since(SystemTime::now()).unwrap_or_default();
        let body = json!({"protected": true, "protectionDurationMinutes": minutes(lease)});
        let answer = self.api.patch(&path(&clone.id), &body).await?;
        let till = answer["protectedTill"].as_str().and_then(|till| time::parse(till).ok());
        if let Some(till) = till.filter(|till| *till + Duration::from_hours(1) < until) {
            self.log.warn(format!(
                "the engine protects the clone until {} only (`protectionMaxDurationMinutes`): let the sweep run more often than that",
                time::text(till)
            ));
        }
        Ok(())
    }

    async fn destroy(&self, branch: &Branch) -> Result<()> {
        if branch.is_complete {
            revoke_first(branch, alone(self.barred(branch), &self.log), &self.log).await;
        }
        self.remove(&branch.name, &branch.id).await
    }

    async fn open_baseline(&self) -> Result<Box<dyn Session>> {
        let id = self.workshop();
        let is_ours = |clone: &Clone| {
            if !clone.db.username.starts_with(USERS) {
                refuse!("the clone `{id}` is there and is not dayfly's: nothing was changed");
            }
            Ok(())
        };
        if let Some(before) = self.clone(&id).await? {
            is_ours(&before)?;
            self.remove(&id, &before.db.username).await?;
        }
        self.has_workshop.set(true);
        let clone = self.usable(&id, PREPARING, is_ours).await?;
        session::open(&self.url(&clone, 0)?, &self.log).await
    }

    async fn leave_baseline(&self) -> Result<()> {
        if self.has_workshop.get()
            && let Some(clone) = self.clone(&self.workshop()).await?
        {
            self.remove(&clone.id, &clone.db.username).await?;
        }
        Ok(())
    }

    async fn freeze_baseline(&self) -> Result<()> {
        let id = self.workshop();
        let Some(clone) = self.clone(&id).await? else { bail!("the clone `{id}` is gone: call this again") };
        let body = json!({"cloneID": id, "message": "prepared by dayfly"});
        self.api.post("/branch/snapshot", &body).await.context("the prepared clone cannot become a snapshot")?;
        self.remove(&id, &clone.db.username).await
    }
}
