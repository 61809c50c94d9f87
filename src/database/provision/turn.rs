//! One Job after the other: whoever provisions a branch gets a login, waits for those before, and takes theirs over.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::database::{
    connection::ConnectionUrl,
    credentials::{Audience, Written},
    engine::Branch,
    job::Job,
    retry::Pauses,
    session::{self, Session},
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

/// How often other Jobs may have made a login between this one's being made and used: each time this one waits longer, so that
/// one of them gets in and publishes its own.
const MOST_LOGINS: u32 = 10;

impl Job<'_> {
    /// Waits until no other Job provisions the branch of this session, or makes it anew.
    pub(in crate::database) async fn alone(&self, session: &mut dyn Session) -> Result<()> {
        session::lock(session, "dayfly:provision", "waiting for another Job that provisions this branch", self.log)
            .await
    }

    /// Waits until no other Job provisions this branch: the one before publishes a login, and its is taken over.
    pub(super) async fn turn(&self, branch: &mut Branch, mut before: Option<Written>) -> Result<Turn> {
        let Self { spec, engine, credentials, .. } = self;
        let mut lost = 0;
        loop {
            let (written, mut session) = self.admitted(branch, before).await?;
            let waited = self.alone(&mut *session).await;
            before = credentials.read(spec, Audience::Steps).await?;
            if let Err(error) = waited {
                // The Job before ends all logins but the one that it published; some providers end a login's sessions first.
                lost += 1;
                if lost < MOST_LOST || self.opened(&branch.id, &written.url).await?.is_none() {
                    continue;
                }
                return Err(error);
            }
            let published = before.as_ref().filter(|before| before.branch == branch.id && before.url != written.url);
            if let Some(published) = published
                && let Some(its) = self.opened(&branch.id, &published.url).await?
            {
                return Ok(Turn { written: published.clone(), session: its, published: before, lock: Some(session) });
            }
            // What a lost login made cannot be read before that login ends.
            self.while_there(&branch.id, engine.revoke_others(spec, branch, &written.url)).await?;
            return Ok(Turn { written, session, published: before, lock: None });
        }
    }

    /// A session with the login that was published before, as long as it works, or else with a new one.
    async fn admitted(&self, branch: &mut Branch, mut before: Option<Written>) -> Result<(Written, Box<dyn Session>)> {
        let Self { spec, engine, credentials, log } = self;
        let (mut pauses, mut attempt) = (None, 0);
        loop {
            attempt += 1;
            let begun = Instant::now();
            // Whatever branch it opened: a server that was lost comes back with another.
            let again = before.as_ref().filter(|_| attempt == 1).map(|before| before.url.clone());
            let published = before.filter(|before| before.branch == branch.id);
            if let Some(published) = &published
                && let Some(session) = self.welcome(branch, &published.url).await?
            {
                self.while_there(&branch.id, engine.keep_only(spec, branch, &published.url)).await?;
                let until = time::after(spec.lease_seconds);
                self.while_there(&branch.id, engine.renew(branch, until)).await?;
                branch.expires = Some(until);
                return Ok((published.clone(), session));
            }
            let published = published.as_ref().map(|published| &published.url);
            let again = match again {
                Some(url) => self.while_there(&branch.id, engine.login_again(spec, branch, &url)).await?,
                None => None,
            };
            let url = if let Some(url) = again {
                url
            } else if attempt == 1 && published.is_none() {
                self.while_there(&branch.id, engine.login(spec, branch)).await?
            } else {
                // Its password was changed: what the provider tells may be the one that it had first, and that somebody rotated.
                self.while_there(&branch.id, engine.rotate(spec, branch, published)).await?
            };
            let session = match self.opened(&branch.id, &url).await? {
                None if attempt == MOST_LOGINS => Some(session::open(&url, log).await.context(
                    "the branch's login is refused again and again: if other Jobs give it other passwords, call this again when they are through",
                )?),
                opened => opened,
            };
            if let Some(session) = session {
                return Ok((Written { url, branch: branch.id.clone(), is_checked: false }, session));
            }
            // A provider may take seconds for what a server of one's own does at once, and so do the others.
            pauses.get_or_insert_with(|| Pauses::new(begun.elapsed(), Duration::from_secs(20))).wait().await;
            before = credentials.read(spec, Audience::Steps).await?;
        }
    }

    /// A session with a login that was published. Nobody gets in while another Job makes the branch anew, and whoever took that for
    /// another password, and made one more, would do so under that Job's program.
    async fn welcome(&self, branch: &Branch, url: &ConnectionUrl) -> Result<Option<Box<dyn Session>>> {
        if let Some(session) = self.opened(&branch.id, url).await? {
            return Ok(Some(session));
        }
        if !self.there(&branch.id).await?.is_complete {
            self.kept(self.engine.create(self.spec).await).await?;
        }
        self.opened(&branch.id, url).await
    }
}
