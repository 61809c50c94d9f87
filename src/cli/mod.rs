//! The command line: arguments in, one of the commands, an exit code out.

mod check;
mod completions;
mod console;
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
    io::Write,
    path::{Path, PathBuf},
    process,
};

use clap::{
    Args, Parser, Subcommand,
    error::{ContextKind, ContextValue},
};

use crate::input::parameters::Unusable;

use self::{
    console::{Console, MOST_REPORTED},
    terminal::{Colour, Stream},
};

/// Pull request in, preview environment out.
#[derive(Debug, Parser)]
#[command(name = "dayfly", version, arg_required_else_help = true, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value = "auto", value_name = "WHEN")]
    color: Colour,
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

impl InputFlags {
    /// Whoever reads standard input a second time finds nothing there.
    fn ensure_one_stream(&self, each: Option<&Path>) -> anyhow::Result<()> {
        let is_stream = |path: Option<&Path>| path.is_some_and(|path| path.as_os_str() == "-");
        let other = [("--parameters", self.parameters.as_deref()), ("--each", each)];
        let other =
            other.into_iter().find(|(_, path)| is_stream(*path)).filter(|_| is_stream(self.guardrails.as_deref()));
        if let Some((flag, _)) = other {
            anyhow::bail!("standard input holds one file: `--guardrails -` and `{flag} -` cannot both be it");
        }
        Ok(())
    }
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
    let mut console = Console { colour: Colour::Auto, out, err };
    let cli = match parse(&args) {
        Ok(cli) => cli,
        Err(error) => {
            console.colour = Colour::asked(&args);
            return unparsed(&error, &mut console);
        }
    };
    console.colour = cli.color;
    let tells_all = matches!(cli.command, Command::Check(_));
    dispatch(cli.command, &mut console).unwrap_or_else(|error| match error.downcast_ref() {
        Some(Unusable(findings)) => {
            let room = if tells_all { usize::MAX } else { MOST_REPORTED };
            let _ = console.report_within(room, findings);
            ExitCode::Findings
        }
        None => console.fail(&error),
    })
}

/// What clap has to say: an error, or help and the version, which are none and go to standard output.
fn unparsed(error: &clap::Error, console: &mut Console<'_>) -> ExitCode {
    let is_error = error.use_stderr();
    let stream = if is_error { Stream::Err } else { Stream::Out };
    let text = error.render();
    let text = if terminal::is_coloured(console.colour, stream) { text.ansi().to_string() } else { text.to_string() };
    if is_error {
        let _ = console.err.write_all(text.as_bytes());
        return ExitCode::CannotRun;
    }
    console.print(&text).unwrap_or_else(|error| console.fail(&error))
}

/// The folder that a file is in, as somebody would name it.
fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn parse(args: &[OsString]) -> Result<Cli, clap::Error> {
    if let [_, command, rest @ ..] = args
        && command == "render"
        && let Some(args) = render::RenderArgs::usual(rest)
    {
        return Ok(Cli { command: Command::Render(args), color: Colour::Auto });
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

fn dispatch(command: Command, console: &mut Console<'_>) -> anyhow::Result<ExitCode> {
    match command {
        Command::Render(args) => render::run(&args, console),
        Command::Check(args) => check::run(&args, console),
        Command::Explain(args) => explain::run(&args, console),
        Command::Guardrails => console.print(load::BUILT_IN_GUARDRAILS),
        Command::Schema(args) => console.print(&schema::schema(args.of)),
        Command::Init(args) => init::run(&args, console),
        Command::Parameters => console.print(&plugin::announcement()),
        Command::Plugin(args) => console.print(&plugin::plugin(&args)),
        Command::Db(args) => database::run(args, console),
        Command::Completions(args) => console.print(&completions::completions(&args)),
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
