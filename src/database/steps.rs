//! `dayfly db migrate` and `dayfly db seed`: the team's own programs, once for each image and command.
//!
//! A preview's database is disposable: what failed or broke off half way is not repaired, the branch is made anew, once.
//! With the provider's key that happens here. Without it (the pull request's code runs in this Pod) the failure is written
//! down in the branch, and `dayfly db verify --wait`, which has the key, makes the branch anew.

mod program;

use std::{borrow::Cow, pin::pin, time::Duration};

use anyhow::{Context as _, Result, anyhow, bail};

use super::{
    engine::{GONE, cnpg},
    failure::{Refused, refuse},
    files::{self, Files, Record},
    job::Job,
    session::{self, CHECKED, Full, REBRANCHED, REFUSED, Run, Session, State},
    spec::Spec,
};
use crate::{input::scalar::ImagePath, resolve::names};
pub use program::Program;

/// A program of the team's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Brings the schema up to the pull request's.
    Migrate,
    /// Adds data, after it.
    Seed,
}

impl Step {
    /// As the command and its records are called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Migrate => "migrate",
            Self::Seed => "seed",
        }
    }

    /// What tells its runs apart: what the renderer says, or else the command, as it is shown.
    fn input(self, spec: &Spec<'_>, shown: &[String]) -> String {
        let rendered = match self {
            Self::Migrate => &spec.steps.migrate,
            Self::Seed => &spec.steps.seed,
        };
        rendered.clone().unwrap_or_else(|| names::hash(&shown.iter().map(String::as_str).collect::<Vec<_>>()))
    }
}

/// Who can make the branch anew.
pub struct Maker<'a> {
    /// With the provider's key.
    pub job: Job<'a>,
    /// The branch whose credentials were published. Empty: the file does not say.
    pub branch: String,
}

/// A branch that is not what the program expects: why, and what ran there before. As long as the session is there, nobody else
/// works in it.
struct Spoiled {
    why: String,
    runs: Vec<Run>,
    session: Box<dyn Session>,
}

/// Whether the branch was made anew for this input already.
pub fn is_final(runs: &[Run], input: &str) -> bool {
    runs.iter().any(|run| run.is(REBRANCHED, input))
}

/// What may be behind a session's end, or behind a login's being refused that was published.
fn by_another_job(error: &anyhow::Error) -> anyhow::Error {
    anyhow!(
        "{error:#}. Another Job may have made the branch anew or removed it, or have given its login another password: call `dayfly db provision`, then this again"
    )
}

impl Program<'_> {
    /// Runs it, if it has not run with this input.
    pub async fn run_once(mut self, mut maker: Option<Maker<'_>>) -> Result<()> {
        let (spec, log) = (self.spec, self.log);
        // How long a login is tried in vain. With a key it is the one that is published, and the branch may sleep; without, and
        // where a fresh branch may have another, a Pod gets that by beginning again.
        let is_lasting = maker.is_some() || spec.baseline.entry.provider.keeps_login();
        let limit = if is_lasting { Duration::MAX } else { Duration::from_mins(1) };
        let Some(Spoiled { why, runs, mut session }) = self.attempt(maker.as_ref(), limit).await? else {
            return Ok(());
        };
        log.warn(format!("{why}: a branch that is half migrated, or otherwise than now, is not repaired"));
        match (&mut maker, cnpg::by_hand(spec)) {
            (Some(Maker { job, branch: id }), _) => {
                // Whoever makes the branch anew does so alone: another that found it spoiled too would do so again, under the next
                // attempt.
                let branch = job.engine.find(spec).await?.context(GONE)?;
                job.alone(&mut *session).await.map_err(|error| by_another_job(&error))?;
                log.info("making the branch anew");
                let ready = job.again(&branch, session).await?;
                (self.url, *id) = (ready.written.url, ready.branch.id);
                // Only its caller knows the command: what the records say, whoever has the branch's login could have written.
                if self.step == Step::Seed && (spec.steps.migrate.is_some() || runs.iter().any(is_migrate)) {
                    bail!(
                        "{why}, and the branch is made anew: call `dayfly db migrate` again first, then `dayfly db seed`"
                    );
                }
            }
            (None, _) if is_final(&runs, &self.run.input) => refuse!("{why}, on a fresh branch too"),
            (None, Some(by_hand)) => refuse!("{why}: {by_hand}"),
            // The Pod's next attempt migrates again first.
            (None, None) if self.step == Step::Seed => {
                bail!("{why}: `dayfly db verify --wait` makes the branch anew, then both run again")
            }
            (None, None) => {
                drop(session);
                let Ok(is_fresh) = tokio::time::timeout(limit, self.becomes_fresh(&runs)).await else {
                    bail!("{why}: a fresh branch is elsewhere, or is still made; the next attempt has its login");
                };
                if !is_fresh {
                    refuse!("{why}, on a fresh branch too");
                }
            }
        }
        match self.attempt(maker.as_ref(), limit).await? {
            None => Ok(()),
            Some(Spoiled { why, .. }) => refuse!("{why}, on a fresh branch too"),
        }
    }

    /// `None`: it is through, now or before.
    async fn attempt(&self, maker: Option<&Maker<'_>>, limit: Duration) -> Result<Option<Spoiled>> {
        let opening = async {
            let opened = session::open(&self.url, self.log).await;
            opened.map_err(|error| if error.is::<Full>() { error } else { by_another_job(&error) })
        };
        let opening = async {
            match maker {
                Some(Maker { job, branch }) if !branch.is_empty() => job.while_there(branch, opening).await,
                _ => opening.await,
            }
        };
        let opened = tokio::time::timeout(limit, opening).await;
        let mut session = opened.with_context(|| format!("{} does not answer", self.url))??;
        match self.attempt_in(&mut *session).await {
            Err(error) if !error.is::<Refused>() && !session.ping().await => Err(by_another_job(&error)),
            tried => Ok(tried?.map(|(why, runs)| Spoiled { why, runs, session })),
        }
    }

    /// `None`: it is through, now or before. Else why not, and what ran here before.
    async fn attempt_in(&self, session: &mut dyn Session) -> Result<Option<(String, Vec<Run>)>> {
        let Self { step, spec, run, log, .. } = self;
        // Another Pod of the same Job may still be at it.
        session::lock(session, "dayfly:steps", "waiting for another program that works on this branch", log).await?;
        session.prepare_records(log).await?;
        let mut runs = session.runs().await?;
        if *step == Step::Seed && !is_migrated(spec, &runs) {
            // Not refused for good: where a Pod runs both, its next attempt migrates first.
            bail!(
                "`migrate` is not through in this branch, so there is nothing to seed: call `dayfly db migrate` first"
            );
        }
        let before = runs.iter().find(|before| before.step == run.step);
        if before.is_some_and(|before| Run { state: State::Done, ..run.clone() } == *before) {
            log.info(format!("`{}` has run with this image and command: nothing to do", run.step));
            return Ok(None);
        }
        let watched = if *step == Step::Migrate { &*spec.steps.files } else { &[] };
        let files = self.files(session, watched).await?;
        if runs.iter().any(|run| run.step == REFUSED && run.input != NOTHING) {
            session.record(&Run::note(REFUSED, NOTHING)).await?;
        }
        if before.is_some_and(|before| before.input != run.input) && is_final(&runs, &run.input) {
            // Of an earlier push with this input: another one was at work in this branch since, and so it is no fresh one.
            forget_rebranched(session, &mut runs).await?;
        }
        let before = runs.iter().find(|before| before.step == run.step);
        let seed = runs.iter().find(|other| other.step == Step::Seed.name() && *step == Step::Migrate);
        let spoiled = match before.map(|before| before.state) {
            Some(State::Failed) => Some(format!("`{}` failed before", run.step)),
            Some(State::Running) => Some(format!("`{}` broke off before", run.step)),
            // Another migration may be what the same seed needs, and it needs a branch without the half of that.
            Some(State::Done) if seed.is_some_and(|seed| seed.state != State::Done) => {
                Some("`seed` failed before, and other migrations are run".to_owned())
            }
            Some(State::Done) if !watched.is_empty() => ran_otherwise(session, &mut runs, watched, &files).await?,
            Some(State::Done) | None => None,
        };
        if let Some(why) = spoiled {
            // The first reason says more than that there was one.
            let first = runs.iter().find(|before| before.is(&run.step, &run.input));
            let first = first.and_then(Run::why).map_or_else(|| why.clone(), Cow::into_owned);
            session.record(&run.failed(&first)).await?;
            return Ok(Some((why, runs)));
        }
        session.record(run).await?;
        match awake(session, self.execute()).await? {
            None => {
                if !watched.is_empty() {
                    // The files first, and no transaction: whoever is killed before the next record leaves `running`, and so the
                    // branch is made anew. What is done has the files that it was done with.
                    let record = Record { branch: checked(&runs).map(str::to_owned), files };
                    session.record_files(&serde_json::to_vec(&record)?).await?;
                }
                session.record(&Run { state: State::Done, ..run.clone() }).await?;
                log.info(format!("`{}` is through", run.step));
                Ok(None)
            }
            Some(why) => {
                // The program may have changed or dropped anything in its database, these records too.
                session.prepare_records(log).await?;
                session.record(&run.failed(&why)).await?;
                Ok(Some((why, runs)))
            }
        }
    }

    /// The files that only ever become more. That a path is wrong says nothing about the branch, and so nothing of what ran there. But
    /// somebody waits for it.
    async fn files(&self, session: &mut dyn Session, watched: &[ImagePath]) -> Result<Files> {
        let files = files::read(watched);
        if let Some(Refused(why)) = files.as_ref().err().and_then(anyhow::Error::downcast_ref) {
            session.record(&Run { step: REFUSED.into(), ..self.run.failed(why) }).await?;
        }
        files
    }

    /// Waits until somebody with the provider's key has made the branch anew, which becomes fresh then. `before`: what ran in it so
    /// far. `false`: it was fresh for this input already. Whoever made it writes that down after it is checked, so that a program may
    /// begin in between.
    async fn becomes_fresh(&self, before: &[Run]) -> bool {
        let Self { url, run, log, .. } = self;
        log.info("waiting for a fresh branch");
        log.doing("waiting for `dayfly db verify --wait` to make the branch anew");
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            // While it is being made it is not there.
            if let Ok(mut session) = session::try_open(url).await {
                let runs = session.runs().await.unwrap_or_default();
                if is_fresh(&runs, before) {
                    return true;
                }
                if is_final(&runs, &run.input) {
                    return false;
                }
            }
        }
    }
}

/// How long a session says nothing while a program runs.
const SILENCE: Duration = Duration::from_secs(5);

/// Waits for a program, and keeps the session meanwhile: servers, poolers and load balancers end one that says nothing, and a
/// migration whose outcome is not recorded would be one that broke off.
async fn awake<T>(session: &mut dyn Session, program: impl Future<Output = T>) -> T {
    let mut program = pin!(program);
    loop {
        if let Ok(outcome) = tokio::time::timeout(SILENCE, program.as_mut()).await {
            return outcome;
        }
        // One that ended is told of when the outcome is recorded.
        session.ping().await;
    }
}

/// The input of a note that says nothing any more.
const NOTHING: &str = "";

/// If the branch was once made anew for this input, it may be so again.
async fn forget_rebranched(session: &mut dyn Session, runs: &mut Vec<Run>) -> Result<()> {
    session.record(&Run::note(REBRANCHED, NOTHING)).await?;
    runs.retain(|run| run.step != REBRANCHED);
    Ok(())
}

/// Why the branch has the tables of other migrations than there are now, if it has.
async fn ran_otherwise(
    session: &mut dyn Session,
    runs: &mut Vec<Run>,
    watched: &[ImagePath],
    now: &Files,
) -> Result<Option<String>> {
    let Some(record) = session.files().await? else { return Ok(None) };
    let why = files::rewritten(&record, checked(runs), watched, now);
    if why.is_some() {
        // Others were through in this branch since it was made: if it was once made anew for this input, then for an earlier push
        // with it.
        forget_rebranched(session, runs).await?;
    }
    Ok(why)
}

fn is_migrate(run: &Run) -> bool {
    run.step == Step::Migrate.name()
}

/// Whether the tables are there: `migrate` ran as the spec says or, where that says nothing, did not fail.
fn is_migrated(spec: &Spec<'_>, runs: &[Run]) -> bool {
    let mut migrated = runs.iter().filter(|run| is_migrate(run));
    match &spec.steps.migrate {
        Some(input) => migrated.any(|run| run.input == *input && run.state == State::Done),
        None => migrated.all(|run| run.state == State::Done),
    }
}

/// A fresh branch was checked, and nothing failed in it. Where a login still leads to a branch that was made anew, that has the
/// same identifier: a record of another one came with the baseline's data.
fn is_fresh(runs: &[Run], before: &[Run]) -> bool {
    let (now, then) = (checked(runs), checked(before));
    now.is_some() && (then.is_none() || now == then) && runs.iter().all(|run| run.state != State::Failed)
}

/// The branch that was checked.
fn checked(runs: &[Run]) -> Option<&str> {
    runs.iter().find(|run| run.step == CHECKED).map(|run| run.input.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_came_with_the_baseline_makes_no_branch_fresh() {
        let run = |step: &str, input: &str, state| Run { state, ..Run::note(step, input) };
        let checked = |id| Run::note(CHECKED, id);
        let before = [checked("7"), run("migrate", "a", State::Failed)];
        assert!(!is_fresh(&before, &before));
        assert!(!is_fresh(&[], &before));
        assert!(!is_fresh(&[checked("6"), run("migrate", "b", State::Done)], &before));
        assert!(is_fresh(&[checked("7")], &before));
        // The program had dropped the records.
        assert!(is_fresh(&[checked("7")], &[]));
    }
}
