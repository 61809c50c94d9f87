//! The commands about all branches of the guardrails' baselines, and about a baseline itself.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read as _,
    os::fd::AsFd as _,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail};
use clap::{Args, ValueEnum};

use super::{ExitCode, Report, baseline, block_on, explained, finish, limited, read_guardrails, within};
use crate::{
    database::{
        engine,
        kubernetes::{self, Kubernetes},
        log::{Log, LogFormat},
        prepare,
        sweep::{self, Sweep, Swept},
    },
    finding::{pretty, visible},
    input::{guardrails::Sanitized, scalar::is_dns_label},
    rules,
};

/// How long a place may take to say what it has: longer than any server takes to wake.
const LISTING: Duration = Duration::from_mins(2);

/// How long one branch may take to be renewed or reclaimed.
const ONE: Duration = Duration::from_mins(1);

/// How long a baseline may be prepared, and how long its closing may take after that failed, in seconds.
const PREPARING: u64 = 4 * 3600;
const LEAVING: u64 = 20;

#[derive(Args, Debug)]
pub(in crate::cli::database) struct ListArgs {
    /// The platform's guardrails; else those of `$DAYFLY_GUARDRAILS`
    #[arg(long, value_name = "FILE")]
    guardrails: Option<PathBuf>,
    /// How the list is printed
    #[arg(short, long, default_value = "table", value_name = "FORMAT")]
    output: ListFormat,
    /// How progress is printed on standard error
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    pub(super) log: LogFormat,
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
    /// The platform's guardrails; else those of `$DAYFLY_GUARDRAILS`
    #[arg(long, value_name = "FILE")]
    guardrails: Option<PathBuf>,
    /// The environments that live, one a line, `-` for standard input; else the cluster is asked
    #[arg(long, value_name = "FILE")]
    alive: Option<PathBuf>,
    /// Do it; else only say what would be done
    #[arg(long)]
    apply: bool,
    /// How progress is printed on standard error
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    pub(super) log: LogFormat,
}

#[derive(Args, Debug)]
pub(in crate::cli::database) struct PrepareArgs {
    /// The platform's guardrails; else those of `$DAYFLY_GUARDRAILS`
    #[arg(long, value_name = "FILE")]
    guardrails: Option<PathBuf>,
    /// The baseline's name there
    name: String,
    /// Attest it with this ed25519 private key (PEM)
    #[arg(long, value_name = "KEY")]
    sign: Option<PathBuf>,
    /// How progress is printed on standard error
    #[arg(long, value_enum, default_value = "text", value_name = "FORMAT")]
    pub(super) log: LogFormat,
}

pub(super) fn list(args: &ListArgs, report: &mut Report<'_, '_>) -> Result<ExitCode> {
    let Some((guardrails, _)) = read_guardrails(args.guardrails.as_deref(), report)? else {
        return Ok(ExitCode::Findings);
    };
    let log = report.log;
    let result = within(guardrails.spec.deadline_seconds(), log, async {
        let (places, mut failures) = sweep::places(&guardrails, log);
        log.doing("asking the providers for their branches");
        let (branches, unanswered) = sweep::branches(&places, LISTING).await;
        failures.extend(unanswered);
        let text = match args.output {
            ListFormat::Table => sweep::table(&branches, SystemTime::now()),
            ListFormat::Json => {
                let all: Vec<_> = branches.iter().map(|(place, branch)| sweep::json(place, branch)).collect();
                pretty(&all)
            }
        };
        report.console.print(&text)?;
        whole("listed", &failures)
    });
    Ok(finish(result, log))
}

/// Ends a command that went on after failures.
fn whole(what: &str, failures: &[String]) -> Result<()> {
    if failures.is_empty() { Ok(()) } else { bail!("not everything was {what}: {}", failures.join("; ")) }
}

pub(super) fn sweep(args: &SweepArgs, report: &mut Report<'_, '_>) -> Result<ExitCode> {
    let Some((guardrails, _)) = read_guardrails(args.guardrails.as_deref(), report)? else {
        return Ok(ExitCode::Findings);
    };
    let Some(operations) = &guardrails.spec.operations else {
        bail!("the guardrails have no `operations`: there is nothing to sweep")
    };
    let log = report.log;
    // What is here comes first: nobody waits for a server to hear of a file.
    let living = match &args.alive {
        Some(file) => {
            let (alive, listed) = read_alive(file)?;
            Living::Listed(alive, listed)
        }
        None if kubernetes::is_inside() => Living::Asked(Kubernetes::inside(log)?),
        None => bail!("outside a cluster, say with `--alive FILE` which environments live"),
    };
    let result = within(guardrails.spec.deadline_seconds(), log, async {
        let (places, mut failures) = sweep::places(&guardrails, log);
        log.doing("asking the providers for their branches");
        let (mut branches, unanswered) = sweep::branches(&places, LISTING).await;
        failures.extend(unanswered);
        let installation = operations.installation.as_deref();
        let all = branches.len();
        branches.retain(|(_, branch)| branch.mark.installation().is_none_or(|other| Some(other) == installation));
        let total = branches.len();
        if total < all {
            log.info(format!("not looked at: {} of other installations", all - total));
        }
        let asked;
        let (alive, listed, cluster) = match &living {
            Living::Listed(alive, _) if alive.is_empty() && total > 0 => bail!(
                "`--alive` names no environment, and {total} branches are there: a list that failed looks the same. If no preview lives, give it all namespaces, of which a cluster always has some (`kubectl get namespaces -o name`)"
            ),
            Living::Listed(alive, listed) => (alive, *listed, None),
            // After the branches: a preview is there before its branch is.
            Living::Asked(cluster) => {
                asked = cluster.environments().await?.into_iter().collect();
                (&asked, SystemTime::now(), Some(cluster))
            }
        };
        log.doing("renewing and reclaiming branches");
        let sweep = Sweep {
            alive,
            listed,
            lease_seconds: operations.lease.seconds,
            share: operations.sweep_share.get(),
            apply: args.apply,
            cluster,
            // So that the command has its say before its deadline.
            limit: Duration::from_secs(guardrails.spec.deadline_seconds()) * 2 / 3,
            branch_limit: ONE,
        };
        let swept = sweep.run(branches, log).await;
        say(&swept, total, &sweep, log);
        if swept.failed > 0 {
            failures.push(format!("{} branches could not be reclaimed or renewed", swept.failed));
        }
        whole("swept", &failures)
    });
    Ok(finish(result, log))
}

/// What became of that many branches.
fn say(swept: &Swept, total: usize, sweep: &Sweep<'_>, log: &Log) {
    let done = if sweep.apply { "reclaimed" } else { "to reclaim (a dry run: `--apply` does it)" };
    log.info(format!("{total} branches: {} alive, {} {done}, {} failed", swept.alive, swept.reclaimed, swept.failed));
    if swept.left > 0 {
        log.warn(format!(
            "{} more are left for the next sweep: one may take {} % of all branches (`operations.sweepShare`)",
            swept.left, sweep.share,
        ));
    }
}

/// Who says which environments live.
enum Living {
    /// `--alive`, and when that was.
    Listed(BTreeSet<String>, SystemTime),
    Asked(Kubernetes),
}

pub(super) fn prepare_baseline(args: &PrepareArgs, report: &mut Report<'_, '_>) -> Result<ExitCode> {
    let Some((guardrails, source)) = read_guardrails(args.guardrails.as_deref(), report)? else {
        return Ok(ExitCode::Findings);
    };
    let baseline = baseline(&guardrails, &args.name)?;
    // A server of the preview's own is made from what this leaves: an image or a snapshot that is not there yet.
    let found = rules::baseline::check(&args.name, &baseline.entry)
        .filter(|finding| !baseline.entry.provider.is_own() || *finding.rule != rules::baseline::BASELINE_INCOMPLETE);
    if report.baseline(found, &source)? {
        return Ok(ExitCode::Findings);
    }
    let log = report.log;
    let result = block_on(async {
        let engine = engine::open(&baseline, log)?;
        let prepared = limited(PREPARING, log, async {
            let attestation = prepare::prepare(&baseline, &*engine, args.sign.as_deref(), log).await?;
            let Some(attestation) = attestation else {
                if let Some(sanitized) = &baseline.entry.sanitized {
                    unattested(sanitized, !guardrails.spec.attestation_keys.is_empty(), log);
                }
                return Ok(());
            };
            log.info("put this into the guardrails, as the baseline's `sanitized.attestation`:");
            let out = &mut report.console.out;
            writeln!(out, "{}", serde_json::to_string(&attestation)?)?;
            out.flush()?;
            Ok(())
        })
        .await;
        if prepared.is_err()
            && let Err(error) = limited(LEAVING, log, engine.leave_baseline()).await
        {
            log.warn(format!("the baseline `{}` is not left as it was found: {error:#}", baseline.name));
        }
        prepared
    });
    Ok(finish(result.map_err(|error| explained(&baseline, error)), log))
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

/// The environments of a list, one a line or as `kubectl get namespaces -o name` prints them, and how old the list is.
fn read_alive(file: &Path) -> Result<(BTreeSet<String>, SystemTime)> {
    // What comes through a pipe was begun with this command.
    let mut listed = SystemTime::now();
    let mut text = String::new();
    let mut read = || -> std::io::Result<()> {
        let mut list = match file.to_str() {
            Some("-") => File::from(std::io::stdin().as_fd().try_clone_to_owned()?),
            _ => File::open(file)?,
        };
        let metadata = list.metadata()?;
        // `- < FILE` is a file, and may be old.
        if metadata.is_file() {
            listed = listed.min(metadata.modified()?);
        }
        list.read_to_string(&mut text).map(drop)
    };
    read().with_context(|| format!("failed to read `{}`", file.display()))?;
    let mut alive = BTreeSet::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let name = line.strip_prefix("namespace/").unwrap_or(line);
        if is_dns_label(name) {
            alive.insert(name.to_owned());
        } else if !name.is_empty() {
            // Whoever is not recognised would not live.
            bail!("line {} of `{}` is no environment's name: `{}`", index + 1, file.display(), visible(name));
        }
    }
    Ok((alive, listed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_kubectl_prints_it_or_not_at_all() {
        let file = std::env::temp_dir().join(format!("dayfly-alive-{}", std::process::id()));
        std::fs::write(&file, "namespace/shop-pr-7\n\n kube-system \r\n").unwrap();
        let alive = read_alive(&file).unwrap().0;
        assert_eq!(Vec::from_iter(alive), ["kube-system", "shop-pr-7"]);
        std::fs::write(&file, "shop-pr-7\nNAME STATUS\n").unwrap();
        let error = read_alive(&file).unwrap_err().to_string();
        assert!(error.starts_with("line 2 of") && error.contains("`NAME STATUS`"), "{error}");
        std::fs::remove_file(&file).unwrap();
    }
}
