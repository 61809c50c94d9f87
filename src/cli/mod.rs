//! The command line: arguments in, one of the commands, an exit code out.

mod check;
mod completions;
mod database;
mod example;
mod explain;
mod init;
pub(crate) mod load;
mod plugin;
mod render;
mod schema;
mod terminal;

use std::{
    ffi::OsString,
    io::{self, Write},
    path::{Path, PathBuf},
    process,
};

use anyhow::Context as _;
use clap::{
    Args, Parser, Subcommand,
    error::{ContextKind, ContextValue},
};

use crate::{
    finding::{self, Finding},
    input::parameters::Unusable,
};

/// Pull request in, preview environment out.
#[derive(Debug, Parser)]
#[command(name = "dayfly", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    color: terminal::Colour,
}

const EXIT_CODES: &str =
    "Exit codes: 0 all is well (perhaps with warnings), 1 something was found, 2 it could not run.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Render the manifests of a preview
    #[command(after_help = EXIT_CODES)]
    Render(render::RenderArgs),
    /// Report everything that is wrong with a policy, guardrails and parameters
    #[command(after_help = EXIT_CODES)]
    Check(check::CheckArgs),
    /// Say who set a value, what was asked for, what was granted, and why
    #[command(after_help = EXIT_CODES)]
    Explain(explain::ExplainArgs),
    /// Print the built-in guardrails: the file to start from
    Guardrails,
    /// Print the JSON Schema of a file, or of what templates see
    Schema(schema::SchemaArgs),
    /// Write a commented preview.yaml to start from, and the preview.schema.json that editors complete it with
    Init(init::InitArgs),
    /// Print which parameters there are, as Argo CD's form asks for them (JSON)
    Parameters,
    /// Print the plugin.yaml of this version
    Plugin(plugin::PluginArgs),
    /// Make, migrate, verify, list and remove branches of databases
    Db(database::DatabaseArgs),
    /// Print completions for a shell
    Completions(completions::CompletionsArgs),
}

/// The three inputs.
#[derive(Args, Debug)]
struct InputArgs {
    /// The folder with preview.yaml [default: .]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    inputs: InputFlags,
}

impl InputArgs {
    fn folder(&self) -> &Path {
        self.folder.as_deref().unwrap_or(Path::new("."))
    }
}

#[derive(Args, Debug)]
struct InputFlags {
    /// The platform's guardrails; else those of `$DAYFLY_GUARDRAILS`, else the built-in ones
    #[arg(long, value_name = "FILE")]
    guardrails: Option<PathBuf>,
    /// The pull request: a map in YAML or JSON, or Argo CD's list, `-` for standard input; else `$ARGOCD_APP_PARAMETERS`
    #[arg(long, value_name = "FILE")]
    parameters: Option<PathBuf>,
    /// Sets one parameter (`number=128`, `head_sha=…`, `fork=false`), whatever the file says; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// All is well, perhaps with warnings.
    Fine = 0,
    /// Something was found.
    Findings = 1,
    /// It could not run: a file is missing, an argument is wrong.
    CannotRun = 2,
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> Self {
        Self::from(code as u8)
    }
}

/// Runs a command line. Everything that it reads is named in it, or in the two variables that Argo CD's plugins have.
pub fn run(args: impl IntoIterator<Item = OsString>, out: &mut dyn Write, err: &mut dyn Write) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match parse(&args) {
        Ok(cli) => cli,
        Err(error) => {
            let colour = terminal::Colour::asked(&args);
            // Help and version are no errors, and go to standard output.
            let is_error = error.use_stderr();
            let stream = if is_error { terminal::Stream::Err } else { terminal::Stream::Out };
            let text = error.render();
            let text = if terminal::is_coloured(colour, stream) { text.ansi().to_string() } else { text.to_string() };
            if is_error {
                let _ = err.write_all(text.as_bytes());
                return ExitCode::CannotRun;
            }
            return print(out, &text).unwrap_or_else(|error| fail(&error, colour, err));
        }
    };
    let colour = cli.color;
    let tells_all = matches!(cli.command, Command::Check(_));
    match dispatch(cli, out, err) {
        Ok(code) => code,
        Err(error) => {
            if let Some(Unusable(findings)) = error.downcast_ref() {
                let room = if tells_all { usize::MAX } else { MOST_REPORTED };
                let _ = report_within(room, findings, colour, err);
                return ExitCode::Findings;
            }
            fail(&error, colour, err)
        }
    }
}

/// Says why it could not run.
fn fail(error: &anyhow::Error, colour: terminal::Colour, err: &mut dyn Write) -> ExitCode {
    let _ = say("error", &format!("{error:#}"), colour, err);
    ExitCode::CannotRun
}

/// The folder that a file is in, as somebody would name it.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Tells people an `error` or a `note` that is no finding.
fn say(label: &str, text: &str, colour: terminal::Colour, err: &mut dyn Write) -> io::Result<()> {
    let style = terminal::style(colour, terminal::Stream::Err);
    let (paint, reset) = match label {
        _ if !style.colour => ("", ""),
        "error" => ("\x1b[1;31m", "\x1b[0m"),
        _ => ("\x1b[1m", "\x1b[0m"),
    };
    let mut said = String::new();
    for line in text.lines() {
        // Arguments and names of files are in it.
        let line = finding::one_line(line);
        let first = if said.is_empty() { label.len() + ": ".len() } else { 0 };
        said.push_str(&finding::wrapped(&line, style.width, first, 2));
        said.push('\n');
    }
    is_open(write!(err, "{paint}{label}{reset}: {said}"))?;
    Ok(())
}

fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    if let [_, command, rest @ ..] = args
        && command == "render"
        && let Some(args) = render::RenderArgs::usual(rest)
    {
        return Ok(Cli { command: Command::Render(args), color: terminal::Colour::Auto });
    }
    by_clap(args)
}

/// Apart, since most calls are the usual one.
#[inline(never)]
fn by_clap(args: &[OsString]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(args).map_err(without_dashes)
}

/// Whoever mistypes an option wants no folder of that name, which is what clap's tip about `--` would come to.
fn without_dashes(mut error: clap::Error) -> clap::Error {
    if let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested)
        && tips.iter().any(|tip| tip.to_string().contains("use '-- "))
    {
        error.remove(ContextKind::Suggested);
    }
    error
}

fn dispatch(cli: Cli, out: &mut dyn Write, err: &mut dyn Write) -> anyhow::Result<ExitCode> {
    match cli.command {
        Command::Render(args) => render::run(&args, cli.color, out, err),
        Command::Check(args) => check::run(&args, cli.color, out, err),
        Command::Explain(args) => explain::run(&args, cli.color, out, err),
        Command::Guardrails => print(out, load::BUILT_IN_GUARDRAILS),
        Command::Schema(args) => print(out, &schema::schema(args.of)),
        Command::Init(args) => init::run(&args, out),
        Command::Parameters => print(out, &plugin::announcement()),
        Command::Plugin(args) => print(out, &plugin::plugin(&args)),
        Command::Db(args) => database::run(args, cli.color, out, err),
        Command::Completions(args) => print(out, &completions::completions(&args)),
    }
}

fn print(out: &mut dyn Write, text: &str) -> anyhow::Result<ExitCode> {
    to_stdout(out.write_all(text.as_bytes()).and_then(|()| out.flush()))?;
    Ok(ExitCode::Fine)
}

/// Whether somebody still reads; the error of a disk that is full says what could not be written.
fn to_stdout(written: io::Result<()>) -> anyhow::Result<bool> {
    is_open(written).context("failed to write to standard output")
}

/// Most bytes of findings beside something else than `dayfly check`: Argo CD keeps all of them in the Application, which must
/// fit into etcd's 1.5 MiB, and people read the first ones.
const MOST_REPORTED: usize = 32 << 10;

/// Shows people what was found.
fn report(findings: &[Finding], colour: terminal::Colour, err: &mut dyn Write) -> io::Result<()> {
    report_within(MOST_REPORTED, findings, colour, err)
}

fn report_within(room: usize, findings: &[Finding], colour: terminal::Colour, err: &mut dyn Write) -> io::Result<()> {
    if !findings.is_empty() {
        let text = finding::beginning(findings, &terminal::style(colour, terminal::Stream::Err), room);
        is_open(err.write_all(text.as_bytes()))?;
    }
    Ok(())
}

/// Whether somebody still reads. Who has seen enough (`dayfly render … | head`) is no failure, and undoes no finding.
fn is_open(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}

/// The long help of a command, as a terminal of 100 columns shows it.
#[cfg(test)]
pub(crate) fn help(command: &str) -> Option<String> {
    use clap::CommandFactory as _;

    let mut cli = Cli::command().term_width(100);
    cli.build();
    cli.find_subcommand_mut(command).map(|command| command.render_long_help().to_string())
}
