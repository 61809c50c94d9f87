//! The commands about all branches of the guardrails' baselines, and about a baseline itself.

use std::{
    collections::BTreeSet,
    io::{Read as _, Write},
    path::{Path, PathBuf},
    time::SystemTime,
};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use super::{Colour, DEADLINE, ExitCode, baseline, finish, read_guardrails, report, within};
use crate::{
    database::{
        engine,
        kubernetes::{self, Kubernetes},
        log::{Log, LogFormat},
        prepare, sweep,
    },
    input::guardrails::Sanitized,
    rules,
};

#[derive(Args, Debug)]
pub(in crate::cli::database) struct ListArgs {
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
pub(in crate::cli::database) struct SweepArgs {
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
pub(in crate::cli::database) struct PrepareArgs {
    /// The platform's guardrails
    #[arg(long, value_name = "FILE")]
    guardrails: PathBuf,
    /// The baseline's name there
    name: String,
    /// Attest it with this ed25519 private key (PEM)
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    /// How progress is printed on standard error
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    log: LogFormat,
}

pub(super) fn list(args: &ListArgs, colour: Colour, out: &mut dyn Write, err: &mut dyn Write) -> Result<ExitCode> {
    let (guardrails, _) = match read_guardrails(&args.guardrails, colour, err)? {
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

pub(super) fn sweep(args: &SweepArgs, colour: Colour, err: &mut dyn Write) -> Result<ExitCode> {
    let (guardrails, _) = match read_guardrails(&args.guardrails, colour, err)? {
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

pub(super) fn prepare_baseline(
    args: &PrepareArgs,
    colour: Colour,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<ExitCode> {
    let (guardrails, source) = match read_guardrails(&args.guardrails, colour, err)? {
        Ok(guardrails) => guardrails,
        Err(code) => return Ok(code),
    };
    let baseline = baseline(&guardrails, &args.name)?;
    // A server of the preview's own is made from what this leaves: an image or a snapshot that is not there yet.
    let found = rules::baseline::check(&args.name, &baseline.entry)
        .filter(|finding| !baseline.entry.provider.is_own() || *finding.rule != rules::baseline::BASELINE_INCOMPLETE);
    if let Some(code) = report(found, &source, colour, err)? {
        return Ok(code);
    }
    let log = Log::new(args.log, "prepare-baseline", "");
    let result = within(4 * 3600, &log, async {
        let engine = engine::open(&baseline, &log)?;
        let attestation = prepare::prepare(&baseline, &*engine, args.sign.as_deref(), &log).await?;
        let Some(attestation) = attestation else {
            if let Some(sanitized) = &baseline.entry.sanitized {
                unattested(sanitized, !guardrails.spec.attestation_keys.is_empty(), &log);
            }
            return Ok(());
        };
        log.info("put this into the guardrails, as the baseline's `sanitized.attestation`:");
        writeln!(out, "{}", serde_json::to_string(&attestation)?)?;
        out.flush()?;
        Ok(())
    });
    Ok(finish(result, &log))
}

/// What a sanitized baseline that was prepared without a key is good for.
fn unattested(sanitized: &Sanitized, is_required: bool, log: &Log) {
    let marked = "it carries the marker that says so, and no attestation was made: `--sign KEY` makes one";
    if is_required || sanitized.attestation.is_some() {
        log.warn(format!("{marked}. Until then nobody gets a branch of it: the guardrails want a signature"));
    } else {
        log.info(marked);
    }
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
