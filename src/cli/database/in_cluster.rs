//! The commands that talk to a provider, a database and a cluster.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    ffi::OsString,
    future::Future,
    io::{Read as _, Write},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand, ValueEnum};

use crate::{
    cli::{
        ExitCode,
        terminal::{self, Colour, Stream},
    },
    database::{
        connection::ConnectionUrl,
        credentials::{Audience, Credentials},
        engine,
        failure::Refused,
        kubernetes::{self, Kubernetes},
        log::{Log, LogFormat},
        prepare, provision, rotate,
        spec::{self, BaselineSpec, Spec},
        steps::{self, Step},
        sweep, verify,
    },
    finding::{self, Owner, nearest},
    input::{Guardrails, read_file, read_typed},
    yaml::Limits,
};

/// Seconds for a command that has no spec to say so.
const DEADLINE: u64 = 900;

#[derive(Debug, Subcommand)]
pub(super) enum InClusterCommand {
    /// Make the branch and its login, check its data, publish the credentials for migrate and seed
    Provision(ProvisionArgs),
    /// Run the team's migrations on the branch, once for each image and command
    Migrate(StepArgs),
    /// Run the team's seed program on the branch, once for each image and command
    Seed(StepArgs),
    /// Check that all steps ran, and publish the credentials for the workload
    Verify(VerifyArgs),
    /// Prolong the lease of branch and login
    Renew(BranchArgs),
    /// End sessions, revoke the login, remove the branch and its credentials
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

#[derive(Args, Debug)]
pub(super) struct BranchArgs {
    /// What the Job is told: `dayfly db spec` prints it
    #[arg(long, value_name = "FILE", required_unless_present = "baseline")]
    spec: Option<PathBuf>,
    /// Instead of a spec: a baseline of the guardrails, for a branch of your own
    #[arg(long, value_name = "NAME", conflicts_with = "spec", requires = "guardrails")]
    baseline: Option<String>,
    /// With --baseline: the platform's guardrails
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
    log: LogFormat,
}

#[derive(Args, Debug)]
pub(super) struct ProvisionArgs {
    #[command(flatten)]
    branch: BranchArgs,
    /// Make the login's password anew, though it works: whoever has the old one is out
    #[arg(long)]
    rotate: bool,
}

#[derive(Args, Debug)]
pub(super) struct StepArgs {
    #[command(flatten)]
    branch: BranchArgs,
    /// The program and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    #[command(flatten)]
    branch: BranchArgs,
    /// Wait for migrate and seed, which run elsewhere, and make the branch anew once if they fail
    #[arg(long)]
    wait: bool,
}

#[derive(Args, Debug)]
pub(super) struct ListArgs {
    /// The platform's guardrails
    #[arg(long, value_name = "FILE")]
    guardrails: PathBuf,
    #[arg(short, long, default_value = "table", value_name = "FORMAT")]
    output: ListFormat,
    /// How progress is printed on standard error
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    log: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ListFormat {
    /// For people
    Table,
    /// An array
    Json,
}

#[derive(Args, Debug)]
pub(super) struct SweepArgs {
    /// The platform's guardrails
    #[arg(long, value_name = "FILE")]
    guardrails: PathBuf,
    /// The environments that live, one a line, `-` for standard input; else the cluster is asked
    #[arg(long, value_name = "FILE")]
    alive: Option<PathBuf>,
    /// Do it; else only say what would be done
    #[arg(long)]
    apply: bool,
    /// How progress is printed on standard error
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    log: LogFormat,
}

#[derive(Args, Debug)]
pub(super) struct PrepareArgs {
    /// The platform's guardrails
    #[arg(long, value_name = "FILE")]
    guardrails: PathBuf,
    /// The baseline's name there
    name: String,
    /// An ed25519 private key (PEM) to sign the attestation with
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    /// How progress is printed on standard error
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    log: LogFormat,
}

pub(super) fn run(
    command: InClusterCommand,
    colour: Colour,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<ExitCode> {
    match command {
        InClusterCommand::Provision(ProvisionArgs { branch: args, rotate }) => {
            on_branch(&args, "provision", colour, err, async |spec, log| {
                let credentials = Credentials::open(args.env_file.as_deref(), log)?;
                let engine = engine::open(&spec.baseline, log)?;
                if rotate {
                    rotate::rotate(spec, &*engine, &credentials, log).await?;
                }
                provision::provision(spec, &*engine, &credentials, log).await.map(drop)
            })
        }
        InClusterCommand::Migrate(args) => step(Step::Migrate, &args, colour, err),
        InClusterCommand::Seed(args) => step(Step::Seed, &args, colour, err),
        InClusterCommand::Verify(VerifyArgs { branch: args, wait }) => {
            on_branch(&args, "verify", colour, err, async |spec, log| {
                let credentials = Credentials::open(args.env_file.as_deref(), log)?;
                let engine = engine::open(&spec.baseline, log)?;
                verify::verify(spec, &*engine, &credentials, wait, log).await
            })
        }
        InClusterCommand::Renew(args) => on_branch(&args, "renew", colour, err, async |spec, log| {
            let engine = engine::open(&spec.baseline, log)?;
            provision::renew(spec, &*engine, log).await
        }),
        InClusterCommand::Destroy(args) => on_branch(&args, "destroy", colour, err, async |spec, log| {
            let credentials = Credentials::open(args.env_file.as_deref(), log).ok();
            let engine = engine::open(&spec.baseline, log)?;
            provision::destroy(spec, &*engine, credentials.as_ref(), log).await
        }),
        InClusterCommand::List(args) => list(&args, colour, out, err),
        InClusterCommand::Sweep(args) => run_sweep(&args, colour, err),
        InClusterCommand::PrepareBaseline(args) => prepare_baseline(&args, colour, out, err),
        InClusterCommand::Install { folder } => install(&folder),
    }
}

/// Runs one command about one branch, within its deadline.
fn on_branch(
    args: &BranchArgs,
    command: &'static str,
    colour: Colour,
    err: &mut dyn Write,
    work: impl AsyncFnOnce(&Spec<'_>, &Log) -> Result<()>,
) -> Result<ExitCode> {
    let spec = match read_spec(args, colour, err)? {
        Ok(spec) => spec,
        Err(code) => return Ok(code),
    };
    let log = Log::new(args.log, command, &spec.environment);
    let deadline = spec.deadline_seconds;
    Ok(finish(within(deadline, &log, work(&spec, &log)), &log))
}

fn step(step: Step, args: &StepArgs, colour: Colour, err: &mut dyn Write) -> Result<ExitCode> {
    on_branch(&args.branch, step.name(), colour, err, async |spec, log| {
        let file = args.branch.env_file.as_deref();
        let credentials = file.map(|file| Credentials::open(Some(file), log)).transpose()?;
        let url = if let Some(credentials) = &credentials {
            let written = credentials.read(spec, Audience::Steps).await?;
            written.context("the file has nothing of this branch: call `dayfly db provision` first")?.url
        } else {
            let text = engine::variable("DATABASE_URL")
                .context("neither DATABASE_URL nor `--env-file` says where the branch is")?;
            ConnectionUrl::parse(&text, "DATABASE_URL")?
        };
        // A Pod with the team's own program has no key, and waits for one that has.
        let engine = match &credentials {
            Some(credentials) if engine::has_key(&spec.baseline) => Some(engine::open(&spec.baseline, log)?),
            _ => None,
        };
        let provider = engine.as_deref().zip(credentials.as_ref());
        let provider = provider.map(|(engine, credentials)| steps::Provider { engine, credentials });
        steps::run(step, &args.command, spec, url, provider, log).await
    })
}

fn list(args: &ListArgs, colour: Colour, out: &mut dyn Write, err: &mut dyn Write) -> Result<ExitCode> {
    let guardrails = match read_guardrails(&args.guardrails, colour, err)? {
        Ok(guardrails) => guardrails,
        Err(code) => return Ok(code),
    };
    let log = Log::new(args.log, "list", "");
    let result = within(DEADLINE, &log, async {
        let places = sweep::places(&guardrails, &log)?;
        let branches = sweep::branches(&places).await?;
        let text = match args.output {
            ListFormat::Table => sweep::table(&branches, SystemTime::now()),
            ListFormat::Json => {
                let all: Vec<_> = branches.iter().map(|(place, branch)| sweep::json(place, branch)).collect();
                format!("{}\n", serde_json::to_string_pretty(&all)?)
            }
        };
        out.write_all(text.as_bytes())?;
        out.flush()?;
        Ok(())
    });
    Ok(finish(result, &log))
}

fn run_sweep(args: &SweepArgs, colour: Colour, err: &mut dyn Write) -> Result<ExitCode> {
    let guardrails = match read_guardrails(&args.guardrails, colour, err)? {
        Ok(guardrails) => guardrails,
        Err(code) => return Ok(code),
    };
    let Some(operations) = &guardrails.spec.operations else {
        bail!("the guardrails have no `operations`: there is nothing to sweep")
    };
    let log = Log::new(args.log, "sweep", "");
    let result = within(DEADLINE, &log, async {
        let places = sweep::places(&guardrails, &log)?;
        let branches = sweep::branches(&places).await?;
        // After the branches: a preview is there before its branch is.
        let (alive, cluster) = match &args.alive {
            Some(file) => (read_alive(file)?, None),
            None if kubernetes::is_inside() => {
                let cluster = Kubernetes::inside(&log)?;
                (cluster.environments().await?.into_iter().collect(), Some(cluster))
            }
            None => bail!("outside a cluster, say with `--alive FILE` which environments live"),
        };
        let total = branches.len();
        let swept = sweep::sweep(
            branches,
            &alive,
            operations.lease.seconds,
            operations.sweep_share,
            args.apply,
            cluster.as_ref(),
            &log,
        )
        .await;
        let done = if args.apply { "reclaimed" } else { "to reclaim (a dry run: `--apply` does it)" };
        log.info(format!(
            "{total} branches: {} alive, {} {done}, {} failed",
            swept.alive, swept.reclaimed, swept.failed
        ));
        if swept.left > 0 {
            log.warn(format!(
                "{} more are left for the next sweep: one may take {} % of all branches, and ten always",
                swept.left, operations.sweep_share
            ));
        }
        if swept.failed > 0 {
            bail!("{} branches could not be reclaimed or renewed", swept.failed);
        }
        Ok(())
    });
    Ok(finish(result, &log))
}

fn prepare_baseline(args: &PrepareArgs, colour: Colour, out: &mut dyn Write, err: &mut dyn Write) -> Result<ExitCode> {
    let guardrails = match read_guardrails(&args.guardrails, colour, err)? {
        Ok(guardrails) => guardrails,
        Err(code) => return Ok(code),
    };
    let baseline = baseline(&guardrails, &args.name)?;
    let log = Log::new(args.log, "prepare-baseline", "");
    let result = within(4 * 3600, &log, async {
        let engine = engine::open(&baseline, &log)?;
        if let Some(envelope) = prepare::prepare(&baseline, &*engine, args.sign.as_deref(), &log).await? {
            if envelope.signatures.is_empty() {
                log.warn("the attestation is not signed: `--sign KEY` signs it");
            }
            log.info("put this into the guardrails, as the baseline's `sanitized.attestation`:");
            writeln!(out, "{}", serde_json::to_string(&envelope)?)?;
            out.flush()?;
        }
        Ok(())
    });
    Ok(finish(result, &log))
}

/// Copies the running program, so that an image without it can run it.
fn install(folder: &Path) -> Result<ExitCode> {
    let program = std::env::current_exe().context("the path of this program is unknown")?;
    let target = folder.join("dayfly");
    std::fs::copy(&program, &target)
        .with_context(|| format!("failed to copy the program to `{}`", target.display()))?;
    Ok(ExitCode::Fine)
}

fn read_spec(args: &BranchArgs, colour: Colour, err: &mut dyn Write) -> Result<Result<Spec<'static>, ExitCode>> {
    if let (Some(name), Some(path)) = (&args.baseline, &args.guardrails) {
        let guardrails = match read_guardrails(path, colour, err)? {
            Ok(guardrails) => guardrails,
            Err(code) => return Ok(Err(code)),
        };
        let user = std::env::var("USER").unwrap_or_else(|_| "somebody".into());
        let environment = args.environment.clone().unwrap_or_else(|| format!("local-{user}"));
        return Ok(Ok(spec::local(&baseline(&guardrails, name)?, &environment, DEADLINE)));
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
    Ok(Ok(spec))
}

/// The guardrails alone.
fn read_guardrails(path: &Path, colour: Colour, err: &mut dyn Write) -> Result<Result<Guardrails, ExitCode>> {
    let source = read_file(path, Limits::DOCUMENT.bytes).context("failed to read the guardrails")?;
    match read_typed(&source, Owner::Platform) {
        Ok(guardrails) => Ok(Ok(guardrails)),
        Err(findings) => {
            err.write_all(finding::text(&findings, &terminal::style(colour, Stream::Err)).as_bytes())?;
            Ok(Err(ExitCode::Findings))
        }
    }
}

fn baseline(guardrails: &Guardrails, name: &str) -> Result<BaselineSpec<'static>> {
    let baselines = &guardrails.spec.baselines;
    let Some(entry) = baselines.get(name) else {
        bail!("the guardrails have no baseline `{name}`{}", nearest(name, baselines.names()));
    };
    Ok(BaselineSpec { name: Cow::Owned(name.to_owned()), entry: Cow::Owned(entry.clone()) })
}

fn read_alive(file: &Path) -> Result<BTreeSet<String>> {
    let mut text = String::new();
    if file == Path::new("-") {
        std::io::stdin().read_to_string(&mut text)?;
    } else {
        text = std::fs::read_to_string(file).with_context(|| format!("failed to read `{}`", file.display()))?;
    }
    Ok(text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// One deadline for the whole command, which says what it was waiting for.
fn within(seconds: u64, log: &Log, work: impl Future<Output = Result<()>>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(seconds), work)
            .await
            .unwrap_or_else(|_| bail!("the deadline of {seconds} s passed: {}", log.current()))
    })
}

fn finish(result: Result<()>, log: &Log) -> ExitCode {
    let Err(error) = result else { return ExitCode::Fine };
    log.error(format!("{error:#}"));
    if error.chain().any(<dyn std::error::Error>::is::<Refused>) { ExitCode::Findings } else { ExitCode::CannotRun }
}
