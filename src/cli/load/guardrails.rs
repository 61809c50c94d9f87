//! The platform's file: the one that is named, or the built-in one.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::{
    cli::{InputFlags, console::Console},
    input::{Source, Unfit},
    yaml::Limits,
};

use super::{fit_or_not, is_plugin};

/// The guardrails of who has none: small, closed, safe.
pub(in crate::cli) const BUILT_IN_GUARDRAILS: &str = include_str!("../../input/guardrails.yaml");

/// Where the guardrails may be named, too.
const VARIABLE: &str = "DAYFLY_GUARDRAILS";

/// The file that the environment names.
pub(in crate::cli) fn guardrails_variable() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Whether anybody named guardrails; else the built-in ones hold.
pub(in crate::cli) fn are_given(flags: &InputFlags) -> bool {
    flags.guardrails.is_some() || guardrails_variable().is_some()
}

/// What stands before the cause: who set a variable long ago sees its name.
pub(in crate::cli) fn unread(flag: Option<&Path>) -> String {
    let by = if flag.is_some() { String::new() } else { format!(" that `{VARIABLE}` names") };
    format!("failed to read the guardrails{by}")
}

/// Whoever has none is told which hold: what these refuse is explained by no file of theirs. Not in the plugin, where the first line
/// of what is said is all that Argo CD shows.
pub(in crate::cli) fn note_built_in(flags: &InputFlags, console: &mut Console<'_>) -> std::io::Result<()> {
    if are_given(flags) || is_plugin(flags) {
        return Ok(());
    }
    let note = "no guardrails were given: these are the built-in ones, which allow no registry; pass `--guardrails FILE` or set \
                `DAYFLY_GUARDRAILS`";
    console.say("note", note)
}

/// Their text, what is wrong with it as a whole, and their path.
pub(super) fn guardrails(flags: &InputFlags) -> anyhow::Result<(Source, Option<Unfit>, Option<PathBuf>)> {
    let path = match &flags.guardrails {
        Some(path) => path.clone(),
        None => match guardrails_variable() {
            None => {
                let source = Source { name: "built-in guardrails".into(), text: BUILT_IN_GUARDRAILS.into() };
                return Ok((source, None, None));
            }
            // In the plugin, the current directory is the source tree.
            Some(path) if is_plugin(flags) && path.is_relative() => {
                bail!(
                    "DAYFLY_GUARDRAILS is `{}`: in the plugin it must be an absolute path, a relative one would lie in the source tree",
                    path.display()
                )
            }
            Some(path) => path,
        },
    };
    let (source, unfit) =
        fit_or_not(&path, Limits::DOCUMENT.bytes).with_context(|| unread(flags.guardrails.as_deref()))?;
    Ok((source, unfit, Some(path)))
}
