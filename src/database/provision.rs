//! `dayfly db provision`: the branch, its login, its checks, and credentials for the pull request's own programs.

mod known;

use std::{
    pin::pin,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{
    check,
    connection::ConnectionUrl,
    credentials::{Audience, Credentials, Written},
    engine::{Branch, Engine, cnpg},
    failure::{Refused, refuse},
    log::Log,
    retry::Pauses,
    session::{self, Session},
    spec::Spec,
    time,
};
pub(super) use known::CHECKED;
use known::{Known, checked};

/// A branch that may be used, and how.
pub struct Ready {
    pub branch: Branch,
    pub written: Written,
    /// With the branch's own login.
    pub session: Box<dyn Session>,
}

/// Makes sure of a branch with checked data and working credentials, and publishes these for migrate and seed.
pub async fn provision(spec: &Spec<'_>, engine: &dyn Engine, credentials: &Credentials, log: &Log) -> Result<Ready> {
    check::claim(&spec.baseline)?;
    let mut found = engine.find(spec).await?;
    // A half made one too: to complete it would be to take the other baseline's data.
    if let Some(other) = found.take_if(|branch| branch.mark.baseline != spec.baseline.entry.subject()) {
        log.info(format!("the branch `{}` was made from {}: it is made anew", other.name, other.mark.baseline));
        engine.destroy(&other).await?;
    }
    if let Some(branch) = found.filter(|branch| branch.is_complete) {
        log.info(format!("the branch `{}` is there", branch.name));
        return ready(spec, engine, credentials, (branch, false), log).await;
    }
    let branch = made(spec, engine, credentials).await?;
    ready(spec, engine, credentials, (branch, true), log).await
}

/// `is_new`: this process made it, or gave it other data. Then it is checked, whatever anything says.
async fn ready(
    spec: &Spec<'_>,
    engine: &dyn Engine,
    credentials: &Credentials,
    (mut branch, mut is_new): (Branch, bool),
    log: &Log,
) -> Result<Ready> {
    let started = Instant::now();
    let key = known::key(&spec.baseline).filter(|_| !engine.checks());
    let mut before = credentials.read(spec, Audience::Steps).await?;
    let mut lost = 0;
    let Turn { mut written, session: _alone, _lock, .. } = loop {
        let mut turn = turn(spec, engine, credentials, &mut branch, before, log).await?;
        let known = match turn.published.as_ref() {
            _ if engine.checks() => Known::Yes,
            _ if is_new => Known::No,
            published => Known::of(published, &branch),
        };
        let Err(error) = checked(&mut *turn.session, spec, &branch, (known, key.as_deref()), log).await else {
            break turn;
        };
        if error.is::<Refused>() {
            // What may hold live data does not stay.
            drop(turn);
            engine.destroy(&branch).await?;
            if is_new || engine.checks() || cnpg::by_hand(spec).is_some() {
                credentials.remove(spec).await?;
                return Err(error);
            }
            // It may be what the team's programs made of it: what the baseline is, a new one tells.
            log.warn(format!(
                "nothing proves that the branch was checked, and now it is refused ({error}): it is made anew"
            ));
            branch = made(spec, engine, credentials).await?;
            is_new = true;
        } else {
            // Another Job may have given the login another password, or have ended all sessions that were there before it did so:
            // then the next turn is this one's.
            lost += 1;
            let is_ended = lost < MOST_LOST && !turn.session.ping().await;
            if !is_ended && opened(spec, engine, &branch, &turn.written.url, log).await?.is_some() {
                return Err(error);
            }
        }
        before = credentials.read(spec, Audience::Steps).await?;
    };
    written.is_checked = true;
    credentials.write(spec, Audience::Steps, &written).await?;
    // A Job whose turn has not come may have given the login another password: what is published in the end must work.
    let session = loop {
        if let Some(session) = opened(spec, engine, &branch, &written.url, log).await? {
            break session;
        }
        let before = credentials.read(spec, Audience::Steps).await?;
        (written, _) = admitted(spec, engine, credentials, &mut branch, before, log).await?;
        written.is_checked = true;
        credentials.write(spec, Audience::Steps, &written).await?;
    };
    // Those of Jobs whose turn has not come, which take this one over.
    engine.revoke_others(&branch, spec, &written.url).await?;
    log.facts(
        format!("the branch `{}` is ready, its credentials are published", branch.name),
        &[
            ("branch", json!(branch.name)),
            ("branchId", json!(branch.id)),
            ("totalMs", json!(started.elapsed().as_millis())),
        ],
    );
    Ok(Ready { branch, written, session })
}

/// Gives the branch the baseline's data again, and publishes what leads to it.
pub async fn again(
    spec: &Spec<'_>,
    engine: &dyn Engine,
    credentials: &Credentials,
    branch: &Branch,
    log: &Log,
) -> Result<Ready> {
    check::claim(&spec.baseline)?;
    credentials.doubt(spec).await?;
    let branch = kept(engine.reset(spec, branch).await, spec, engine, credentials).await?;
    ready(spec, engine, credentials, (branch, true), log).await
}

/// A new branch, or what was left half made of one.
async fn made(spec: &Spec<'_>, engine: &dyn Engine, credentials: &Credentials) -> Result<Branch> {
    // Some providers give a new one the identifier of the one before.
    credentials.doubt(spec).await?;
    kept(engine.create(spec).await, spec, engine, credentials).await
}

/// Where nothing is left of a branch that was refused, its credentials lead nowhere.
async fn kept(made: Result<Branch>, spec: &Spec<'_>, engine: &dyn Engine, credentials: &Credentials) -> Result<Branch> {
    if made.as_ref().is_err_and(anyhow::Error::is::<Refused>)
        && engine.find(spec).await.is_ok_and(|found| found.is_none())
    {
        credentials.remove(spec).await?;
    }
    made
}

/// How many sessions other Jobs may end before that is an error.
const MOST_LOST: u32 = 3;

/// What a Job has while no other provisions the same branch.
struct Turn {
    written: Written,
    session: Box<dyn Session>,
    /// What others had published when this turn began.
    published: Option<Written>,
    /// Of the session that has the lock, if it is not the one above.
    _lock: Option<Box<dyn Session>>,
}

/// Waits until no other Job provisions this branch: the one before publishes a login, and its is taken over.
async fn turn(
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
        let what = "waiting for another Job that provisions this branch";
        let waited = session::lock(&mut *session, "dayfly:provision", what, log).await;
        before = credentials.read(spec, Audience::Steps).await?;
        if let Err(error) = waited {
            // The Job before ends all logins but the one that it published; some providers end a login's sessions first.
            lost += 1;
            if lost < MOST_LOST || opened(spec, engine, branch, &written.url, log).await?.is_none() {
                continue;
            }
            return Err(error);
        }
        let published = before.as_ref().filter(|before| before.branch == branch.id && before.url != written.url);
        if let Some(published) = published
            && let Some(its) = opened(spec, engine, branch, &published.url, log).await?
        {
            return Ok(Turn { written: published.clone(), session: its, published: before, _lock: Some(session) });
        }
        // What a lost login made cannot be read before that login ends.
        engine.revoke_others(branch, spec, &written.url).await?;
        return Ok(Turn { written, session, published: before, _lock: None });
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
    let (mut pauses, mut attempt) = (Pauses::short(), 0);
    loop {
        attempt += 1;
        let published = before.filter(|before| before.branch == branch.id);
        if let Some(published) = &published
            && let Some(session) = welcome(spec, engine, credentials, branch, &published.url, log).await?
        {
            let until = time::after(spec.lease_seconds);
            engine.renew(branch, until).await?;
            branch.expires = Some(until);
            return Ok((published.clone(), session));
        }
        let published = published.as_ref().map(|published| &published.url);
        let url = if attempt == 1 && published.is_none() {
            while_there(spec, engine, branch, engine.login(spec, branch)).await?
        } else {
            // Its password was changed: what the provider tells may be the one that it had first, and that somebody rotated.
            while_there(spec, engine, branch, engine.rotate(spec, branch, published)).await?
        };
        if let Some(session) = opened(spec, engine, branch, &url, log).await? {
            return Ok((Written { url, branch: branch.id.clone(), is_checked: false }, session));
        }
        if attempt == MOST_LOGINS {
            let session = session::open(&url, log).await?;
            return Ok((Written { url, branch: branch.id.clone(), is_checked: false }, session));
        }
        pauses.wait().await;
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
    if let Some(session) = opened(spec, engine, branch, url, log).await? {
        return Ok(Some(session));
    }
    if !there(spec, engine, branch).await?.is_complete {
        kept(engine.create(spec).await, spec, engine, credentials).await?;
    }
    opened(spec, engine, branch, url, log).await
}

/// The branch as it is now. Another in its place is an error.
async fn there(spec: &Spec<'_>, engine: &dyn Engine, branch: &Branch) -> Result<Branch> {
    let found = engine.find(spec).await?.filter(|found| found.id == branch.id);
    found.with_context(|| format!("the branch `{}` is gone already: call this again", branch.name))
}

/// How long a branch's server is waited for before somebody asks whether the branch is still there.
const PATIENCE: Duration = Duration::from_secs(10);

/// [`session::open_if_accepted`], as long as the branch is there.
async fn opened(
    spec: &Spec<'_>,
    engine: &dyn Engine,
    branch: &Branch,
    url: &ConnectionUrl,
    log: &Log,
) -> Result<Option<Box<dyn Session>>> {
    while_there(spec, engine, branch, session::open_if_accepted(url, log)).await
}

/// What waits for a branch's server, as long as the branch is there: another Job may have removed it, and its server with it.
async fn while_there<T>(
    spec: &Spec<'_>,
    engine: &dyn Engine,
    branch: &Branch,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut work = pin!(work);
    loop {
        if let Ok(done) = tokio::time::timeout(PATIENCE, work.as_mut()).await {
            return done;
        }
        there(spec, engine, branch).await?;
    }
}

/// `dayfly db renew`: prolongs the lease.
pub async fn renew(spec: &Spec<'_>, engine: &dyn Engine, log: &Log) -> Result<()> {
    let Some(branch) = engine.find(spec).await? else {
        refuse!(
            "{} has no branch for the database `{}`: `dayfly db provision` makes it",
            spec.environment,
            spec.database
        );
    };
    let until = time::after(spec.lease_seconds);
    engine.renew(&branch, until).await?;
    log.info(format!("the branch `{}` and its login live until {}", branch.name, time::text(until)));
    Ok(())
}

/// `dayfly db destroy`: the branch goes, and every credential with it. Called again, it finds nothing to do.
pub async fn destroy(spec: &Spec<'_>, engine: &dyn Engine, credentials: Option<&Credentials>, log: &Log) -> Result<()> {
    let started = Instant::now();
    match engine.find(spec).await? {
        Some(branch) => {
            let gone = engine.destroy(&branch).await;
            if let (Err(_), Some(credentials)) = (&gone, credentials) {
                // Whatever keeps the branch: nobody signs in with what was published.
                credentials.remove(spec).await?;
            }
            gone?;
            log.facts(
                format!("the branch `{}` is gone, and its login", branch.name),
                &[("branch", json!(branch.name)), ("totalMs", json!(started.elapsed().as_millis()))],
            );
        }
        None => log.info("there is no branch: nothing to remove"),
    }
    if let Some(credentials) = credentials {
        credentials.remove(spec).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, time::SystemTime};

    use anyhow::bail;
    use async_trait::async_trait;

    use super::*;
    use crate::database::{log::LogFormat, mark::Mark, spec};

    fn log() -> Log {
        Log::new(LogFormat::Text, "test", "")
    }

    fn branch(baseline: &str, is_complete: bool) -> Branch {
        let mark = Mark { baseline: baseline.into(), ..Mark::new(&spec::example()) };
        Branch { id: "7".into(), name: "main".into(), mark, expires: None, cost: None, is_complete }
    }

    /// A provider that has one branch, makes no other, and writes down what it is asked for.
    struct Noted {
        branch: Branch,
        asked: RefCell<Vec<&'static str>>,
    }

    #[async_trait(?Send)]
    impl Engine for Noted {
        async fn list(&self) -> Result<Vec<Branch>> {
            Ok(vec![self.branch.clone()])
        }

        async fn create(&self, _: &Spec<'_>) -> Result<Branch> {
            self.asked.borrow_mut().push("create");
            bail!("no")
        }

        async fn login(&self, _: &Spec<'_>, _: &Branch) -> Result<ConnectionUrl> {
            self.asked.borrow_mut().push("login");
            bail!("no")
        }

        async fn renew(&self, _: &Branch, _: SystemTime) -> Result<()> {
            bail!("no")
        }

        async fn destroy(&self, _: &Branch) -> Result<()> {
            self.asked.borrow_mut().push("destroy");
            Ok(())
        }

        async fn open_baseline(&self) -> Result<Box<dyn Session>> {
            bail!("no")
        }

        async fn freeze_baseline(&self) -> Result<()> {
            bail!("no")
        }
    }

    #[test]
    fn a_branch_of_another_baseline_is_never_completed() {
        let file = std::env::temp_dir().join(format!("dayfly-provision-{}.env", std::process::id()));
        let credentials = Credentials::open_to_write(Some(&file), &log()).unwrap();
        let spec = spec::example();
        let here = spec.baseline.entry.subject();
        for (baseline, is_complete, expected) in [
            (&*here, true, &["login"][..]),
            (&*here, false, &["create"]),
            ("postgres/other", true, &["destroy", "create"]),
            ("postgres/other", false, &["destroy", "create"]),
        ] {
            let engine = Noted { branch: branch(baseline, is_complete), asked: RefCell::default() };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            assert!(runtime.block_on(provision(&spec, &engine, &credentials, &log())).is_err());
            assert_eq!(*engine.asked.borrow(), expected, "{baseline} {is_complete}");
        }
    }

    #[test]
    fn what_was_published_before_a_branch_was_made_anew_is_in_doubt() {
        let file = std::env::temp_dir().join(format!("dayfly-doubt-{}.env", std::process::id()));
        let credentials = Credentials::open_to_write(Some(&file), &log()).unwrap();
        let (spec, branch) = (spec::example(), branch("postgres/shop_baseline", true));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let known = || Known::of(runtime.block_on(credentials.read(&spec, Audience::Steps)).unwrap().as_ref(), &branch);
        assert_eq!(known(), Known::Unpublished);
        let url = ConnectionUrl::parse("postgres://u:p@h:5432/d", "test").unwrap();
        let written = Written::checked(url, "7".into());
        runtime.block_on(credentials.write(&spec, Audience::Steps, &written)).unwrap();
        assert_eq!(known(), Known::Yes);
        // Whatever becomes of the Job after this.
        let engine = Noted { branch: branch.clone(), asked: RefCell::default() };
        assert!(runtime.block_on(again(&spec, &engine, &credentials, &branch, &log())).is_err());
        assert_eq!(known(), Known::No);
        assert_eq!(*engine.asked.borrow(), ["destroy", "create"]);
        std::fs::remove_file(file).unwrap();
    }
}
