//! `dayfly explain`: a view of what was decided.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::{explain, finding, rules};

use super::{
    ExitCode, InputFlags,
    console::Console,
    load::{self, Look, POLICY},
};

#[derive(Args, Debug)]
#[command(override_usage = "dayfly explain [OPTIONS] [DIR] <WHAT>\n       dayfly explain [OPTIONS] --list [DIR]")]
pub(super) struct ExplainArgs {
    /// The folder with preview.yaml [default: .]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
    /// A field (`ttl`, `routes.web.host`, `services.web.uses`), an object (`Deployment/web`), a place in one (`Deployment/web/spec/replicas`), a kind (`Deployment`), or what stands in brackets after `error` (`image-mutable-tag`)
    // clap fills the first one first, so that one word alone is this one: see `ExplainArgs::asked`.
    what: Option<String>,
    /// List the fields and objects that can be explained
    #[arg(long, conflicts_with = "what")]
    list: bool,
    #[command(flatten)]
    inputs: InputFlags,
}

impl ExplainArgs {
    /// The folder, and what to explain, if that is one thing: one argument alone is that, in the current folder.
    fn asked(&self) -> anyhow::Result<(&Path, Option<&str>)> {
        let folder = self.folder.as_deref();
        if self.list {
            return Ok((folder.unwrap_or(Path::new(".")), None));
        }
        if let (Some(folder), Some(what)) = (folder, &self.what) {
            return Ok((folder, Some(what)));
        }
        let what =
            folder.context("say what is to be explained, such as `dayfly explain ttl`: see `dayfly explain --help`")?;
        // Whoever named the folder alone is told so, unless a field is called as it is.
        let is_folder = what.join(POLICY).is_file() || what.is_dir() && !Path::new(POLICY).exists();
        let shown = what.display();
        ensure!(!is_folder, "say what of `{shown}` is to be explained, such as `dayfly explain {shown} ttl`");
        Ok((Path::new("."), Some(what.to_str().with_context(|| format!("`{shown}` is not UTF-8"))?)))
    }
}

pub(super) fn run(args: &ExplainArgs, console: &mut Console<'_>) -> anyhow::Result<ExitCode> {
    let (folder, what) = args.asked()?;
    // A rule is the same whatever the files say, and whether or not they can be read.
    if let Some(rule) = what.and_then(rule) {
        return console.print(&finding::rule(rule, &console.style()));
    }
    let loaded = load::load_or_report(folder, &args.inputs, Look::Thorough, console)?;
    load::note_built_in(&args.inputs, console)?;
    let Some(loaded) = loaded else {
        return Ok(ExitCode::Findings);
    };
    let parameters = load::parameters_or_example(&args.inputs, console)?;
    let rendered = loaded.renderer.render(&parameters, true);
    let sources = explain::Sources {
        renderer: &loaded.renderer,
        guardrails: loaded.guardrails.places(),
        policy: loaded.policy.places(),
        parameters: parameters.places(),
    };
    let text = match what {
        Some(what) => explain::explain(&rendered, &sources, what).map_err(anyhow::Error::msg)?,
        None => explain::list(&rendered, &sources),
    };
    console.print(&finding::record(&text, &console.style()))
}

/// The rule of that code, also as a finding's heading has it: `error[image-mutable-tag]`.
fn rule(what: &str) -> Option<&'static finding::Rule> {
    let code = what.trim_start_matches("error").trim_start_matches("warning");
    let code = code.strip_prefix('[').and_then(|code| code.strip_suffix(']')).unwrap_or(what);
    rules::ALL.iter().find(|rule| rule.code == code).copied()
}
