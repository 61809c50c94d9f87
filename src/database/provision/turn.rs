//! One Job after the other: whoever provisions a branch gets a login, waits for those before, and takes theirs over.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::{
    kept,
    there::{opened, there, while_there},
};
use crate::database::{
    connection::ConnectionUrl,
    credentials::{Audience, Credentials, Written},
    engine::{Branch, Engine},
    log::Log,
    retry::Pauses,
    session::{self, Session},
    spec::Spec,
    time,
};

/// How many sessions other Jobs may end before that is an error.
pub(super) const MOST_LOST: u32 = 3;

/// What a Job has while no other provisions the same branch.
pub(super) struct Turn {
    pub(super) written: Written,
    pub(super) session: Box<dyn Session>,
    /// What others had published when this turn began.
    pub(super) published: Option<Written>,
    /// Of the session that has the lock, if it is not the one above.
    pub(super) lock: Option<Box<dyn Session>>,
}

/// Waits until no other Job provisions the branch of this session, or makes it anew.
pub(in crate::database) async fn alone(session: &mut dyn Session, log: &Log) -> Result<()> {
    session::lock(session, "dayfly:provision", "waiting for another Job that provisions this branch", log).await
}

/// Waits until no other Job provisions this branch: the one before publishes a login, and its is taken over.
pub(super) async fn turn(
    spec: &Spec<'_>,
    engine: &dyn Engine,
    credentials: &Credentials,
    branch: &mut Branch,
    mut before: Option<Written>,
    log: &Log,
) -> Result<Turn> {
    let mut lost = 0;
    loop {
        let (written, mut session) = admitted(spec, engine, credentials, branch, before, log).await?;
        let waited = alone(&mut *session, log).await;
        before = credentials.read(spec, Audience::Steps).await?;
        if let Err(error) = waited {
            // The Job before ends all logins but the one that it published; some providers end a login's sessions first.
            lost += 1;
            if lost < MOST_LOST || opened(spec, engine, &branch.id, &written.url, log).await?.is_none() {
                continue;
            }
            return Err(error);
        }
        let published = before.as_ref().filter(|before| before.branch == branch.id && before.url != written.url);
        if let Some(published) = published
            && let Some(its) = opened(spec, engine, &branch.id, &published.url, log).await?
        {
            return Ok(Turn { written: published.clone(), session: its, published: before, lock: Some(session) });
        }
        // What a lost login made cannot be read before that login ends.
        while_there(spec, engine, &branch.id, engine.revoke_others(branch, spec, &written.url)).await?;
        return Ok(Turn { written, session, published: before, lock: None });
    }
}

/// How often other Jobs may have made a login between this one's being made and used: each time this one waits longer, so that
/// one of them gets in and publishes its own.
const MOST_LOGINS: u32 = 10;

/// A session with the login that was published before, as long as it works, or else with a new one.
async fn admitted(
    spec: &Spec<'_>,
    engine: &dyn Engine,
    credentials: &Credentials,
    branch: &mut Branch,
    mut before: Option<Written>,
    log: &Log,
) -> Result<(Written, Box<dyn Session>)> {
    let (mut pauses, mut attempt) = (None, 0);
    loop {
        attempt += 1;
        let begun = Instant::now();
        let published = before.filter(|before| before.branch == branch.id);
        if let Some(published) = &published
            && let Some(session) = welcome(spec, engine, credentials, branch, &published.url, log).await?
        {
            let until = time::after(spec.lease_seconds);
            while_there(spec, engine, &branch.id, engine.renew(branch, until)).await?;
            branch.expires = Some(until);
            return Ok((published.clone(), session));
        }
        let published = published.as_ref().map(|published| &published.url);
        let url = if attempt == 1 && published.is_none() {
            while_there(spec, engine, &branch.id, engine.login(spec, branch)).await?
        } else {
            // Its password was changed: what the provider tells may be the one that it had first, and that somebody rotated.
            while_there(spec, engine, &branch.id, engine.rotate(spec, branch, published)).await?
        };
        if let Some(session) = opened(spec, engine, &branch.id, &url, log).await? {
            return Ok((Written { url, branch: branch.id.clone(), is_checked: false }, session));
        }
        if attempt == MOST_LOGINS {
            let session = session::open(&url, log).await.context(
                "the branch's login is refused again and again: if other Jobs give it other passwords, call this again when they are through",
            )?;
            return Ok((Written { url, branch: branch.id.clone(), is_checked: false }, session));
        }
        // A provider may take seconds for what a server of one's own does at once, and so do the others.
        pauses.get_or_insert_with(|| Pauses::new(begun.elapsed(), Duration::from_secs(20))).wait().await;
        before = credentials.read(spec, Audience::Steps).await?;
    }
}

/// A session with a login that was published. Nobody gets in while another Job makes the branch anew, and whoever took that for
/// another password, and made one more, would do so under that Job's program.
async fn welcome(
    spec: &Spec<'_>,
    engine: &dyn Engine,
    credentials: &Credentials,
    branch: &Branch,
    url: &ConnectionUrl,
    log: &Log,
) -> Result<Option<Box<dyn Session>>> {
    if let Some(session) = opened(spec, engine, &branch.id, url, log).await? {
        return Ok(Some(session));
    }
    if !there(spec, engine, &branch.id).await?.is_complete {
        kept(engine.create(spec).await, spec, engine, credentials).await?;
    }
    opened(spec, engine, &branch.id, url, log).await
}
