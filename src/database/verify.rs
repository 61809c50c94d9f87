//! `dayfly db verify`: the last word before the workload gets its credentials. It waits for migrate and seed where they run
//! beside it, and makes the branch anew, once, where they failed.

use std::time::Duration;

use anyhow::Result;

use super::{
    credentials::{Audience, Credentials, Written},
    failure::refuse,
    job::Job,
    session::{REBRANCHED, REFUSED, Run, State},
    spec::Spec,
    steps::{Step, is_final},
};

impl Job<'_> {
    /// Verifies the branch and publishes its credentials for the workload. `wait`: for migrate and seed, however long they take.
    pub async fn verify(&self, wait: bool) -> Result<()> {
        let Self { spec, log, .. } = self;
        let mut ready = self.provision().await?;
        loop {
            let runs = match ready.session.runs().await {
                Err(_) if !ready.session.ping().await => {
                    log.info("another Job ended this one's session: it signs in again");
                    ready = self.ready(ready.branch, false).await?;
                    continue;
                }
                runs => runs?,
            };
            match progress(spec, &runs) {
                Progress::Through => break,
                Progress::Refused { step, why } => {
                    refuse!("`{step}` was refused, and not run. It says: {why}");
                }
                Progress::Failed { what, input, is_final } if is_final || !wait => {
                    let again = if is_final { ", on a fresh branch too" } else { "" };
                    refuse!("{what}{again}: see its own log, and push a fix (input {input})");
                }
                Progress::Failed { what, input, .. } => {
                    // Where another Job found it failed too, and was first, this session ends.
                    if let Err(error) = self.alone(&mut *ready.session).await {
                        if ready.session.ping().await {
                            return Err(error);
                        }
                        continue;
                    }
                    log.warn(format!("{what}: making the branch anew, once"));
                    ready = self.again(&ready.branch, ready.session).await?;
                    ready.session.record(&Run::note(REBRANCHED, &input)).await?;
                }
                Progress::Missing { step } if !wait => {
                    refuse!(
                        "`{step}` has not run in this branch: call `dayfly db {step} --spec FILE -- COMMAND` first"
                    );
                }
                Progress::Missing { step } => {
                    log.doing(format!("waiting for `{step}` to run in the preview's namespace"));
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
            }
        }
        self.publish(ready.written).await?;
        log.info(format!("verified: the workload's credentials are published as `{}`", spec.names.secret));
        Ok(())
    }

    /// Publishes a login for the workload.
    pub(super) async fn publish(&self, written: Written) -> Result<()> {
        // A file has one line for both audiences, and its owner migrates with it.
        let is_apart = matches!(self.credentials, Credentials::Secrets(_));
        let pooled = is_apart.then(|| self.engine.pooled(&written.url)).flatten();
        let url = pooled.unwrap_or_else(|| written.url.clone());
        self.credentials.write(self.spec, Audience::Workload, &Written { url, ..written }).await
    }
}

enum Progress {
    Through,
    Missing { step: &'static str },
    Refused { step: &'static str, why: String },
    Failed { what: String, input: String, is_final: bool },
}

/// How far the steps are that this spec asks for.
fn progress(spec: &Spec<'_>, runs: &[Run]) -> Progress {
    for (step, input) in [(Step::Migrate, &spec.steps.migrate), (Step::Seed, &spec.steps.seed)] {
        let Some(input) = input else { continue };
        let step = step.name();
        let run = runs.iter().find(|run| run.is(step, input));
        match run.map(|run| run.state) {
            Some(State::Done) => {}
            Some(State::Failed) => {
                let why = run.and_then(Run::why);
                let what = why.map_or_else(|| format!("`{step}` failed"), |why| format!("`{step}` says: {why}"));
                return Progress::Failed { what, input: input.clone(), is_final: is_final(runs, input) };
            }
            Some(State::Running) => return Progress::Missing { step },
            None => {
                let refused = runs.iter().find(|run| run.is(REFUSED, input)).and_then(Run::why);
                let Some(why) = refused.filter(|_| step == Step::Migrate.name()) else {
                    return Progress::Missing { step };
                };
                return Progress::Refused { step, why: why.into_owned() };
            }
        }
    }
    Progress::Through
}
