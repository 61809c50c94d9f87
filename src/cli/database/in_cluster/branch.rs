//! The commands about one branch.

use std::{
    ffi::OsString,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use clap::{ArgGroup, Args};

use super::{ExitCode, Report, baseline, explained, finish, read_guardrails, within};
use crate::{
    database::{
        connection::ConnectionUrl,
        credentials::{Audience, Credentials},
        engine,
        job::Job,
        local,
        log::{Log, LogFormat},
        spec::{self, Spec},
        steps::{Maker, Program, Step},
    },
    finding::visible,
    input::scalar::{DnsLabel, Scalar as _},
    rules,
};

#[derive(Args, Debug)]
#[command(group(ArgGroup::new("which").args(["spec", "baseline"]).required(true)))]
pub(in crate::cli::database) struct BranchArgs {
    /// What the Job is told: `dayfly db spec` prints it
    #[arg(long, value_name = "FILE")]
    spec: Option<PathBuf>,
    /// Instead of a spec: a baseline of the guardrails, for a branch of your own
    #[arg(long, value_name = "NAME")]
    baseline: Option<String>,
    /// With --baseline: the platform's guardrails; else those of `$DAYFLY_GUARDRAILS`
    #[arg(long, value_name = "FILE")]
    guardrails: Option<PathBuf>,
    /// With --baseline: what the branch is for; else `local-` and your user's name
    #[arg(long, value_name = "NAME", requires = "baseline")]
    environment: Option<String>,
    /// Where the credentials go, instead of Secrets
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,
    /// How progress is printed on standard error
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    pub(super) log: LogFormat,
}

#[derive(Args, Debug)]
pub(in crate::cli::database) struct ProvisionArgs {
    #[command(flatten)]
    pub(super) branch: BranchArgs,
    /// Make the login's password anew, though it works: the old one's sessions end with it
    #[arg(long)]
    rotate: bool,
}

#[derive(Args, Debug)]
pub(in crate::cli::database) struct StepArgs {
    #[command(flatten)]
    pub(super) branch: BranchArgs,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(in crate::cli::database) struct VerifyArgs {
    #[command(flatten)]
    pub(super) branch: BranchArgs,
    /// Wait for migrate and seed, which run elsewhere, and make the branch anew once if they fail
    #[arg(long)]
    wait: bool,
}

pub(super) fn provision(args: &ProvisionArgs, report: &mut Report<'_, '_>) -> Result<ExitCode> {
    on_branch(&args.branch, Purpose::Use, report, async |spec, log| {
        let job = Job::open(spec, Credentials::open_to_write(args.branch.env_file.as_deref(), log)?, log)?;
        if args.rotate { job.rotate().await } else { job.provision().await.map(drop) }
    })
}

pub(super) fn verify(args: &VerifyArgs, report: &mut Report<'_, '_>) -> Result<ExitCode> {
    on_branch(&args.branch, Purpose::Use, report, async |spec, log| {
        let job = Job::open(spec, Credentials::open_to_write(args.branch.env_file.as_deref(), log)?, log)?;
        job.verify(args.wait).await
    })
}

pub(super) fn renew(args: &BranchArgs, report: &mut Report<'_, '_>) -> Result<ExitCode> {
    on_branch(args, Purpose::Keep, report, async |spec, log| Job::open(spec, Credentials::Nowhere, log)?.renew().await)
}

pub(super) fn destroy(args: &BranchArgs, report: &mut Report<'_, '_>) -> Result<ExitCode> {
    on_branch(args, Purpose::Keep, report, async |spec, log| {
        let credentials = Credentials::open(args.env_file.as_deref(), log).unwrap_or(Credentials::Nowhere);
        Job::open(spec, credentials, log)?.destroy().await
    })
}

/// Runs one command about one branch, within its deadline.
fn on_branch(
    args: &BranchArgs,
    purpose: Purpose,
    report: &mut Report<'_, '_>,
    work: impl AsyncFnOnce(&Spec<'_>, &Log) -> Result<()>,
) -> Result<ExitCode> {
    let Some(spec) = read_spec(args, purpose, report)? else { return Ok(ExitCode::Findings) };
    let log = report.log.about(&spec.environment);
    let result = within(spec.deadline_seconds, &log, work(&spec, &log));
    Ok(finish(result.map_err(|error| explained(&spec.baseline, error)), &log))
}

pub(super) fn step(step: Step, args: &StepArgs, report: &mut Report<'_, '_>) -> Result<ExitCode> {
    on_branch(&args.branch, Purpose::Use, report, async |spec, log| {
        let file = args.branch.env_file.as_deref();
        let credentials = file.map(|file| Credentials::open_to_write(Some(file), log)).transpose()?;
        let (url, branch) = if let Some(credentials) = &credentials {
            let written = credentials.read(spec, Audience::Steps).await?;
            let written = written.context("the file has nothing of this branch: call `dayfly db provision` first")?;
            (written.url, written.branch)
        } else {
            let text = engine::variable("DATABASE_URL")
                .context("neither DATABASE_URL nor `--env-file` says where the branch is")?;
            (ConnectionUrl::parse(&text, "DATABASE_URL")?, String::new())
        };
        // A Pod with the team's own program has no key, and waits for one that has.
        let credentials = credentials.filter(|_| engine::has_key(&spec.baseline));
        let job = credentials.map(|credentials| Job::open(spec, credentials, log)).transpose()?;
        let program = Program::new(step, &args.command, spec, url, log)?;
        program.run_once(job.map(|job| Maker { job, branch })).await
    })
}

/// What a command is called for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// A branch that somebody uses: its baseline must keep the rules.
    Use,
    /// Its end, or that of its lease: whatever became of the baseline since.
    Keep,
}

/// The environment of a branch of somebody's own.
fn environment(asked: Option<&str>) -> Result<String> {
    let (name, from) = if let Some(name) = asked {
        (name.to_owned(), "`--environment` is")
    } else {
        let user = std::env::var("USER").unwrap_or_else(|_| "somebody".into());
        (format!("{}{user}", local::ENVIRONMENT), "without `--environment NAME` the branch is for")
    };
    if DnsLabel::parse(&name).is_err() {
        bail!("{from} `{}`, which is no DNS label: write {}", visible(&name), DnsLabel::EXPECTED);
    }
    Ok(name)
}

/// What to do. `None`: the guardrails or their baseline are wrong, which was shown.
fn read_spec(args: &BranchArgs, purpose: Purpose, report: &mut Report<'_, '_>) -> Result<Option<Spec<'static>>> {
    if let Some(name) = &args.baseline {
        let Some((guardrails, source)) = read_guardrails(args.guardrails.as_deref(), report)? else {
            return Ok(None);
        };
        let baseline = baseline(&guardrails, name)?;
        if purpose == Purpose::Use {
            let found = rules::baseline::check(name, &baseline.entry)
                .or_else(|| rules::attestation::check_baseline(name, &baseline.entry, &guardrails.spec));
            if report.baseline(found, &source)? {
                return Ok(None);
            }
        }
        return Ok(Some(local::spec(
            &baseline,
            &environment(args.environment.as_deref())?,
            guardrails.spec.deadline_seconds(),
        )));
    }
    let path = args.spec.as_deref().context("say with `--spec FILE` which branch")?;
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text)?;
        text
    } else {
        std::fs::read_to_string(path).with_context(|| format!("failed to read the spec `{}`", path.display()))?
    };
    let spec: Spec<'static> = serde_json::from_str(&text)
        .with_context(|| format!("`{}` is no spec: `dayfly db spec DIR NAME` prints one", path.display()))?;
    if spec.version != spec::VERSION {
        bail!(
            "the spec has version {}, and this dayfly reads version {}: use the same dayfly everywhere",
            spec.version,
            spec::VERSION
        );
    }
    Ok(Some(spec))
}
