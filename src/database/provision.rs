//! `dayfly db provision`: the branch, its login, its checks, and credentials for the pull request's own programs.

use std::time::Instant;

use anyhow::Result;
use serde_json::json;

use super::{
    check,
    credentials::{Audience, Credentials, Written},
    engine::{Branch, Engine},
    failure::{Refused, refuse},
    log::Log,
    session::{self, Run, Session, State},
    spec::Spec,
    time,
};

/// The record that a branch was checked before anybody got its credentials.
pub(super) const CHECKED: &str = "checked";

/// A branch that may be used, and how.
pub struct Ready {
    pub branch: Branch,
    pub written: Written,
    /// With the branch's own login.
    pub session: Box<dyn Session>,
}

/// Makes sure of a branch with checked data and working credentials, and publishes these for migrate and seed.
pub async fn provision(spec: &Spec<'_>, engine: &dyn Engine, credentials: &Credentials, log: &Log) -> Result<Ready> {
    let started = Instant::now();
    check::claim(&spec.baseline)?;
    let mut before = credentials.read(spec, Audience::Steps).await?;
    let mut branch = match engine.find(spec).await? {
        // A half made one too: to complete it would be to take the other baseline's data.
        Some(branch) if branch.mark.baseline != spec.baseline.entry.subject() => {
            log.info(format!("the branch `{}` was made from {}: it is made anew", branch.name, branch.mark.baseline));
            engine.destroy(&branch).await?;
            kept(engine.create(spec).await, spec, engine, credentials).await?
        }
        Some(branch) if branch.is_complete => {
            log.info(format!("the branch `{}` is there", branch.name));
            branch
        }
        _ => kept(engine.create(spec).await, spec, engine, credentials).await?,
    };
    let Turn { mut written, session: _alone, _lock } = loop {
        let mut turn = turn(spec, engine, credentials, &mut branch, before, log).await?;
        let Err(error) = checked(&mut *turn.session, spec, engine, &branch, log).await else { break turn };
        if error.is::<Refused>() {
            // What may hold live data does not stay.
            drop(turn);
            engine.destroy(&branch).await?;
            credentials.remove(spec).await?;
            return Err(error);
        }
        // Another Job may have made the login anew, and ended this session: then the next turn is this one's.
        if session::open_if_accepted(&turn.written.url, log).await?.is_some() {
            return Err(error);
        }
        before = credentials.read(spec, Audience::Steps).await?;
    };
    credentials.write(spec, Audience::Steps, &written).await?;
    // A Job whose turn has not come may have given the login another password: what is published in the end must work.
    let session = loop {
        if let Some(session) = session::open_if_accepted(&written.url, log).await? {
            break session;
        }
        let before = credentials.read(spec, Audience::Steps).await?;
        (written, _) = admitted(spec, engine, &mut branch, before, log).await?;
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
    kept(engine.reset(spec, branch).await, spec, engine, credentials).await?;
    provision(spec, engine, credentials, log).await
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

/// Makes sure that the branch was looked at before anybody gets its credentials.
async fn checked(
    session: &mut dyn Session,
    spec: &Spec<'_>,
    engine: &dyn Engine,
    branch: &Branch,
    log: &Log,
) -> Result<()> {
    // Another branch's record is one that came with the data.
    if session.runs().await?.iter().any(|run| run.step == CHECKED && run.input == branch.id) {
        return Ok(());
    }
    if !engine.checks() {
        check::fresh_branch(session, &spec.baseline, log).await?;
    }
    session.prepare_records().await?;
    let run = Run { step: CHECKED.into(), input: branch.id.clone(), state: State::Done, command: Vec::new() };
    session.record(&run).await
}

/// What a Job has while no other provisions the same branch.
struct Turn {
    written: Written,
    session: Box<dyn Session>,
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
        let (written, mut session) = admitted(spec, engine, branch, before, log).await?;
        let what = "waiting for another Job that provisions this branch";
        let waited = session::lock(&mut *session, "dayfly:provision", what, log).await;
        before = credentials.read(spec, Audience::Steps).await?;
        if let Err(error) = waited {
            // The Job before ends all logins but the one that it published; some providers end a login's sessions first.
            lost += 1;
            if lost < 3 || session::open_if_accepted(&written.url, log).await?.is_none() {
                continue;
            }
            return Err(error);
        }
        if let Some(published) = before.filter(|before| before.branch == branch.id && before.url != written.url)
            && let Some(its) = session::open_if_accepted(&published.url, log).await?
        {
            return Ok(Turn { written: published, session: its, _lock: Some(session) });
        }
        // What a lost login made cannot be read before that login ends.
        engine.revoke_others(branch, spec, &written.url).await?;
        return Ok(Turn { written, session, _lock: None });
    }
}

/// A session with the login that was published before, as long as it works, or else with a new one.
async fn admitted(
    spec: &Spec<'_>,
    engine: &dyn Engine,
    branch: &mut Branch,
    before: Option<Written>,
    log: &Log,
) -> Result<(Written, Box<dyn Session>)> {
    if let Some(before) = before.as_ref().filter(|before| before.branch == branch.id)
        && let Some(session) = session::open_if_accepted(&before.url, log).await?
    {
        let until = time::after(spec.lease_seconds);
        engine.renew(branch, until).await?;
        branch.expires = Some(until);
        return Ok((before.clone(), session));
    }
    let published = before.as_ref().filter(|before| before.branch == branch.id).map(|before| &before.url);
    let mut url = match published {
        // Its password was changed: what the provider tells may be the one that it had first, and that somebody rotated.
        Some(_) => engine.rotate(spec, branch, published).await?,
        None => engine.login(spec, branch).await?,
    };
    for _ in 0..4 {
        if let Some(session) = session::open_if_accepted(&url, log).await? {
            return Ok((Written { url, branch: branch.id.clone() }, session));
        }
        // Another Job made a login between these two steps.
        url = engine.rotate(spec, branch, published).await?;
    }
    let session = session::open(&url, log).await?;
    Ok((Written { url, branch: branch.id.clone() }, session))
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
    use crate::database::{
        connection::ConnectionUrl,
        log::LogFormat,
        mark::Mark,
        session::{Column, Marker},
        spec,
    };

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

    /// A database without columns, and its records.
    #[derive(Default)]
    struct Noting {
        runs: Vec<Run>,
        looked: usize,
    }

    #[async_trait(?Send)]
    impl Session for Noting {
        async fn marker(&mut self) -> Result<Option<Marker>> {
            bail!("no")
        }

        async fn set_marker(&mut self, _: &Marker) -> Result<()> {
            bail!("no")
        }

        async fn columns(&mut self) -> Result<Vec<Column>> {
            self.looked += 1;
            Ok(Vec::new())
        }

        async fn has_rows(&mut self, _: &str, _: &str) -> Result<bool> {
            bail!("no")
        }

        async fn sample(&mut self, _: &[&Column], _: u32) -> Result<Vec<Vec<Option<String>>>> {
            bail!("no")
        }

        async fn prepare_records(&mut self) -> Result<()> {
            Ok(())
        }

        async fn runs(&mut self) -> Result<Vec<Run>> {
            Ok(self.runs.clone())
        }

        async fn record(&mut self, run: &Run) -> Result<()> {
            self.runs.retain(|other| other.step != run.step);
            self.runs.push(run.clone());
            Ok(())
        }

        async fn files(&mut self) -> Result<Option<Vec<u8>>> {
            bail!("no")
        }

        async fn record_files(&mut self, _: &[u8]) -> Result<()> {
            bail!("no")
        }

        async fn try_lock(&mut self, _: &str) -> Result<bool> {
            bail!("no")
        }

        async fn end_others(&mut self) -> Result<()> {
            bail!("no")
        }

        async fn settle(&mut self, _: &Log) -> Result<()> {
            bail!("no")
        }
    }

    #[test]
    fn a_record_that_came_with_the_data_is_not_this_branchs() {
        let spec = spec::example();
        let branch = branch("postgres/shop_baseline", true);
        let run = Run { step: CHECKED.into(), input: "6".into(), state: State::Done, command: Vec::new() };
        let mut session = Noting { runs: vec![run], looked: 0 };
        let engine = Noted { branch: branch.clone(), asked: RefCell::default() };
        for _ in 0..2 {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            runtime.block_on(checked(&mut session, &spec, &engine, &branch, &log())).unwrap();
            assert_eq!((session.looked, &*session.runs[0].input), (1, "7"));
        }
    }
}
