//! `dayfly db …`: branches of databases. What the Jobs are told is every build's; what runs inside them is behind the
//! feature `in-cluster`.

#[cfg(feature = "in-cluster")]
mod in_cluster;

#[cfg(not(feature = "in-cluster"))]
use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};

use crate::finding;

use super::{ExitCode, InputFlags, console::Console, load};

#[derive(Args, Debug)]
pub(super) struct DatabaseArgs {
    #[command(subcommand)]
    command: DatabaseCommand,
}

#[derive(Debug, Subcommand)]
enum DatabaseCommand {
    /// Print what the Jobs of a database are told (JSON)
    Spec(SpecArgs),
    #[cfg(feature = "in-cluster")]
    #[command(flatten)]
    InCluster(in_cluster::InClusterCommand),
    #[cfg(not(feature = "in-cluster"))]
    #[command(external_subcommand)]
    InCluster(Vec<OsString>),
}

#[derive(Args, Debug)]
struct SpecArgs {
    /// The folder with preview.yaml
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The database's name in the policy
    name: String,
    #[command(flatten)]
    inputs: InputFlags,
}

pub(super) fn run(args: DatabaseArgs, console: &mut Console<'_>) -> anyhow::Result<ExitCode> {
    match args.command {
        DatabaseCommand::Spec(args) => spec(&args, console),
        #[cfg(feature = "in-cluster")]
        DatabaseCommand::InCluster(command) => in_cluster::run(command, console),
        #[cfg(not(feature = "in-cluster"))]
        DatabaseCommand::InCluster(command) => bail!(
            "this is the plugin's build, which talks to no database: `dayfly db {}` is in builds with `--features in-cluster`",
            command.first().map(|name| name.to_string_lossy()).unwrap_or_default()
        ),
    }
}

fn spec(args: &SpecArgs, console: &mut Console<'_>) -> anyhow::Result<ExitCode> {
    let Some(loaded) = load::load_or_report(&args.folder, &args.inputs, load::Look::Quick, console)? else {
        return Ok(ExitCode::Findings);
    };
    let parameters = load::parameters(&args.inputs)?;
    let mut rendered = loaded.renderer.render(&parameters, false);
    if rendered.has_errors() {
        loaded.locate(&mut rendered.findings, Some(&parameters));
        console.report(&rendered.findings)?;
        return Ok(ExitCode::Findings);
    }
    let databases = rendered.environment.databases;
    let Some(database) = databases.iter().find(|database| database.name == args.name) else {
        let hint = finding::nearest(&args.name, databases.iter().map(|database| database.name.as_str()));
        bail!("this environment has no database `{}`{hint}", args.name);
    };
    console.print(&format!("{}\n", database.spec))
}
