//! The commands that talk to a provider, a database and a cluster.

mod branch;
mod places;

use std::{
    borrow::Cow,
    future::{Future, poll_fn},
    path::{Path, PathBuf},
    pin::pin,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::Subcommand;
use tokio::{
    signal::unix::{SignalKind, signal},
    time::{Instant, sleep},
};

use self::{
    branch::{BranchArgs, ProvisionArgs, StepArgs, VerifyArgs},
    places::{ListArgs, PrepareArgs, SweepArgs},
};
use crate::{
    cli::{ExitCode, console::Console, load},
    database::{
        engine,
        failure::Refused,
        log::{Log, LogFormat},
        spec::BaselineSpec,
        steps::Step,
    },
    finding::{Finding, Owner, Subject, nearest},
    input::{Guardrails, Source, read_file, read_typed},
    yaml::Limits,
};

#[derive(Debug, Subcommand)]
pub(super) enum InClusterCommand {
    /// Make the branch and its login, check its data, publish the credentials for migrate and seed
    Provision(ProvisionArgs),
    /// Run the team's migrations on the branch, once for each image, command and `files`
    Migrate(StepArgs),
    /// Run the team's seed program on the branch, once for each image and command
    Seed(StepArgs),
    /// Check that all steps ran, and publish the credentials for the workload
    Verify(VerifyArgs),
    /// Prolong the lease of branch and login
    Renew(BranchArgs),
    /// Revoke the login, end its sessions, remove the branch and its credentials
    Destroy(BranchArgs),
    /// List all branches that dayfly made
    List(ListArgs),
    /// Reclaim branches whose preview is gone, and renew those whose preview lives
    Sweep(SweepArgs),
    /// Freeze a masked database, record what it holds, and attest it
    PrepareBaseline(PrepareArgs),
    /// Copy this program into a folder
    #[command(hide = true)]
    Install { folder: PathBuf },
}

pub(super) fn run(command: InClusterCommand, console: &mut Console<'_>) -> Result<ExitCode> {
    let (name, format) = command.log();
    let log = Log::new(format, name);
    let mut report = Report { console, log: &log };
    let done = match command {
        InClusterCommand::Provision(args) => branch::provision(&args, &mut report),
        InClusterCommand::Migrate(args) => branch::step(Step::Migrate, &args, &mut report),
        InClusterCommand::Seed(args) => branch::step(Step::Seed, &args, &mut report),
        InClusterCommand::Verify(args) => branch::verify(&args, &mut report),
        InClusterCommand::Renew(args) => branch::renew(&args, &mut report),
        InClusterCommand::Destroy(args) => branch::destroy(&args, &mut report),
        InClusterCommand::List(args) => places::list(&args, &mut report),
        InClusterCommand::Sweep(args) => places::sweep(&args, &mut report),
        InClusterCommand::PrepareBaseline(args) => places::prepare_baseline(&args, &mut report),
        InClusterCommand::Install { folder } => install(&folder),
    };
    match done {
        // Before the work began.
        Err(error) if log.is_json() => Ok(finish(Err(error), &log)),
        done => done,
    }
}

impl InClusterCommand {
    /// What its log calls the command, and how it is printed.
    fn log(&self) -> (&'static str, LogFormat) {
        match self {
            Self::Provision(args) => ("provision", args.branch.log),
            Self::Migrate(args) => ("migrate", args.branch.log),
            Self::Seed(args) => ("seed", args.branch.log),
            Self::Verify(args) => ("verify", args.branch.log),
            Self::Renew(args) => ("renew", args.log),
            Self::Destroy(args) => ("destroy", args.log),
            Self::List(args) => ("list", args.log),
            Self::Sweep(args) => ("sweep", args.log),
            Self::PrepareBaseline(args) => ("prepare-baseline", args.log),
            Self::Install { .. } => ("install", LogFormat::Text),
        }
    }
}

/// Copies the running program, so that an image without it can run it.
fn install(folder: &Path) -> Result<ExitCode> {
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let target = folder.join("dayfly");
    std::fs::copy(&program, &target)
        .with_context(|| format!("failed to copy the program to `{}`", target.display()))?;
    Ok(ExitCode::Fine)
}

/// Where a command says what it finds and does.
struct Report<'a, 'c> {
    console: &'a mut Console<'c>,
    log: &'a Log,
}

impl Report<'_, '_> {
    fn show(&mut self, findings: &[Finding]) -> Result<()> {
        if !self.log.is_json() {
            return Ok(self.console.report_within(usize::MAX, findings)?);
        }
        for finding in findings {
            self.log.found(finding);
        }
        Ok(())
    }

    /// Shows what there is to say about a baseline, as `dayfly check` does, and tells whether it is an error, which ends the command.
    fn baseline(&mut self, found: impl IntoIterator<Item = Finding>, guardrails: &Source) -> Result<bool> {
        let mut findings: Vec<Finding> = found.into_iter().collect();
        let places = guardrails.places();
        for finding in &mut findings {
            if let Subject::Input(_, pointer) = &finding.subject {
                finding.subject = Subject::Place(places.locate(pointer));
            }
        }
        self.show(&findings)?;
        Ok(findings.iter().any(Finding::is_error))
    }
}

/// The guardrails alone, and the file that findings stand in. `None`: they are wrong, which was shown.
fn read_guardrails(flag: Option<&Path>, report: &mut Report<'_, '_>) -> Result<Option<(Guardrails, Source)>> {
    // The built-in ones have no baseline.
    let path = flag.map(Path::to_owned).or_else(load::guardrails_variable);
    let path = path.context("say with `--guardrails FILE` or DAYFLY_GUARDRAILS where the guardrails are")?;
    let source = read_file(&path, Limits::DOCUMENT.bytes).with_context(|| load::unread(flag))?;
    match read_typed(&source, Owner::Platform) {
        Ok(guardrails) => Ok(Some((guardrails, source))),
        Err(findings) => {
            report.show(&findings)?;
            Ok(None)
        }
    }
}

/// A baseline by its name.
fn baseline(guardrails: &Guardrails, name: &str) -> Result<BaselineSpec<'static>> {
    let baselines = &guardrails.spec.baselines;
    let Some(entry) = baselines.get(name) else {
        bail!("the guardrails have no baseline `{name}`{}", nearest(name, baselines.names()));
    };
    Ok(BaselineSpec { name: Cow::Owned(name.to_owned()), entry: Cow::Owned(entry.clone()) })
}

/// One deadline for the whole command, which says what it was waiting for.
fn within(seconds: u64, log: &Log, work: impl Future<Output = Result<()>>) -> Result<()> {
    block_on(limited(seconds, log, work))
}

fn block_on(work: impl Future<Output = Result<()>>) -> Result<()> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// How long work that is not to be broken off may go on after its deadline or a signal. A Pod that runs such work is given more
/// (docs/databases/README.md); dayfly's own Jobs have none.
const GRACE: Duration = Duration::from_secs(20);

/// What comes within this time after a signal is the same one: who passes it on may send it twice.
const ONE_SIGNAL: Duration = Duration::from_secs(1);

/// Work until its deadline, or a signal that ends this process.
async fn limited(seconds: u64, log: &Log, work: impl Future<Output = Result<()>>) -> Result<()> {
    ended_by(signals()?, seconds, GRACE, log, work).await
}

/// The same. Work that is not to be broken off ends by itself, or by `grace` or a second signal.
async fn ended_by(
    mut signals: impl FnMut(&mut Context<'_>) -> Poll<&'static str>,
    seconds: u64,
    grace: Duration,
    log: &Log,
    work: impl Future<Output = Result<()>>,
) -> Result<()> {
    let mut work = pin!(log.narrate(work));
    let mut deadline = pin!(sleep(Duration::from_secs(seconds)));
    let mut end = pin!(sleep(Duration::ZERO));
    let (mut why, mut first, mut is_enough) = (None, None, false);
    poll_fn(|context| {
        if let done @ Poll::Ready(_) = work.as_mut().poll(context) {
            return done;
        }
        let is_asked = why.is_some();
        while let Poll::Ready(signal) = signals(context) {
            is_enough |= first.get_or_insert_with(Instant::now).elapsed() > ONE_SIGNAL;
            why.get_or_insert_with(|| format!("ended by {signal}"));
        }
        if why.is_none() && deadline.as_mut().poll(context).is_ready() {
            why = Some(format!("the deadline of {seconds} s passed"));
        }
        let Some(why) = &why else { return Poll::Pending };
        if !is_asked {
            end.as_mut().reset(Instant::now() + grace);
        }
        let left = log.left();
        if left.is_some() && !is_enough && end.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        let left = left.map(|left| format!("; {left}")).unwrap_or_default();
        Poll::Ready(Err(anyhow!("{why}: {}{left}", log.current())))
    })
    .await
}

/// The signals that end this process. What it started has a group of its own, which no terminal's signal reaches: that ends as
/// the work is dropped.
fn signals() -> Result<impl FnMut(&mut Context<'_>) -> Poll<&'static str>> {
    let kinds =
        [("SIGINT", SignalKind::interrupt()), ("SIGTERM", SignalKind::terminate()), ("SIGHUP", SignalKind::hangup())];
    let signals: std::io::Result<Vec<_>> = kinds.into_iter().map(|(name, kind)| Ok((name, signal(kind)?))).collect();
    let mut signals = signals.context("signals cannot be awaited")?;
    Ok(move |context: &mut Context<'_>| {
        for (name, signal) in &mut signals {
            if signal.poll_recv(context).is_ready() {
                return Poll::Ready(*name);
            }
        }
        Poll::Pending
    })
}

/// An error about a baseline, which it names: a preview may have several.
fn explained(baseline: &BaselineSpec<'_>, error: anyhow::Error) -> anyhow::Error {
    let (name, error) = (format!("baseline `{}`", baseline.name), engine::with_key(baseline, error));
    if format!("{error:#}").contains(&name) { error } else { error.context(format!("the {name}")) }
}

fn finish(result: Result<()>, log: &Log) -> ExitCode {
    let Err(error) = result else { return ExitCode::Fine };
    log.error(format!("{error:#}"));
    if error.chain().any(<dyn std::error::Error>::is::<Refused>) { ExitCode::Findings } else { ExitCode::CannotRun }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    /// What becomes of work that takes so many milliseconds, and of which more is waited for.
    fn ended(takes: u64, undivided: bool, seconds: u64, grace: Duration, signals: &[u64]) -> String {
        let log = Log::new(LogFormat::Text, "test");
        let (begun, mut left) = (std::time::Instant::now(), signals.iter());
        let mut next = left.next();
        block_on(async {
            let (waker, mut timer) = (log.clone(), Box::pin(sleep(Duration::ZERO)));
            let signals = |context: &mut Context<'_>| {
                let Some(at) = next else { return Poll::Pending };
                timer.as_mut().reset(Instant::from_std(begun + Duration::from_millis(*at)));
                if timer.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                next = left.next();
                Poll::Ready("SIGTERM")
            };
            let work = async {
                waker.doing("working");
                sleep(Duration::from_millis(takes)).await;
                waker.doing("worked");
            };
            ended_by(signals, seconds, grace, &log, async {
                if undivided {
                    waker.undivided("half is left", work).await;
                } else {
                    work.await;
                }
                pending().await
            })
            .await
        })
        .unwrap_err()
        .to_string()
    }

    #[test]
    fn work_is_broken_off_at_once_or_after_its_grace_or_by_a_second_signal() {
        let (none, hour) = (Duration::ZERO, Duration::from_hours(1));
        for (undivided, seconds, grace, signals, expected) in [
            (false, 60, hour, &[0][..], "ended by SIGTERM: working"),
            (false, 0, hour, &[], "the deadline of 0 s passed: working"),
            (true, 60, hour, &[0], "ended by SIGTERM: worked"),
            (true, 0, hour, &[], "the deadline of 0 s passed: worked"),
            (true, 60, none, &[0], "ended by SIGTERM: working; half is left"),
            (true, 0, none, &[], "the deadline of 0 s passed: working; half is left"),
            // One that is passed on twice is one.
            (true, 60, hour, &[0, 5], "ended by SIGTERM: worked"),
        ] {
            assert_eq!(ended(50, undivided, seconds, grace, signals), expected, "{undivided} {seconds} {signals:?}");
        }
        let broken = ended(60_000, true, 60, hour, &[0, 1100]);
        assert_eq!(broken, "ended by SIGTERM: working; half is left");
    }
}
