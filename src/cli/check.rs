//! `dayfly check`: everything that is wrong, for people, pipelines and code hosts.

use std::time::{Duration, SystemTime};

use anyhow::{bail, ensure};
use clap::{Args, ValueEnum};

use crate::{
    finding::{self, Finding, Owner},
    input::parameters::Unusable,
    resolve, rules,
};

use super::{
    ExitCode, InputArgs,
    console::Console,
    example,
    load::{self, Broken, Look},
};

#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Check the guardrails of `--guardrails` and their templates alone, with an example of a policy and of a pull request
    #[arg(long, conflicts_with_all = ["parameters", "set"])]
    guardrails_only: bool,
    /// How findings are printed
    #[arg(long, value_enum, default_value = "text", alias = "output", short_alias = 'o')]
    format: CheckFormat,
    /// Also check that no baseline's attestation is too old at this time: `2026-11-22T18:00:00Z`
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<SystemTime>,
}

fn time(text: &str) -> Result<SystemTime, &'static str> {
    let seconds = resolve::time::parse(text).ok_or("expected RFC 3339, such as `2026-11-22T18:00:00Z`")?;
    Ok(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds))
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum CheckFormat {
    /// For people
    Text,
    /// An array of code, severity, owner, message, location
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// GitHub's workflow commands: annotations on the diff
    Github,
}

pub(super) fn run(args: &CheckArgs, console: &mut Console<'_>) -> anyhow::Result<ExitCode> {
    let flags = &args.input.inputs;
    if args.guardrails_only {
        are_named(&args.input)?;
    }
    let folder = (!args.guardrails_only).then(|| args.input.folder());
    let loaded = load::load(folder, flags, Look::Thorough);
    if !matches!(loaded, Err(Broken::Unreadable(_))) {
        load::note_built_in(flags, console)?;
    }
    let (mut findings, count) = match loaded {
        Err(Broken::Unreadable(error)) => return Err(error),
        Err(Broken::Findings(findings)) => (findings, 0),
        Ok(loaded) => {
            // A file of parameters that is none hides no other mistake.
            let (parameters, unusable) = match folder.map(|_| load::parameters_or_example(flags, console)) {
                Some(Ok(parameters)) => (parameters, Vec::new()),
                Some(Err(error)) => (example::parameters(), error.downcast::<Unusable>()?.0),
                None => (example::parameters(), Vec::new()),
            };
            let mut rendered = loaded.renderer.render(&parameters, false);
            rendered.findings.extend(args.at.into_iter().flat_map(|time| loaded.renderer.check_at(time)));
            rendered.findings.extend(loaded.renderer.check_offers(folder.is_none()));
            rendered.findings.extend(unusable);
            loaded.locate(&mut rendered.findings, Some(&parameters));
            (rendered.findings, rendered.objects.len())
        }
    };
    // What is wrong with the example alone is told only if nothing else says why it got nothing.
    let is_own = |finding: &Finding| finding.owner == Owner::Platform;
    let is_told = findings.iter().any(|finding| is_own(finding) && finding.is_error());
    if folder.is_none() && (is_told || !findings.iter().any(Finding::is_error)) {
        findings.retain(is_own);
    }
    let text = match args.format {
        CheckFormat::Text if findings.is_empty() => format!("{}, nothing to report\n", finding::count(count, "object")),
        CheckFormat::Text => finding::text(&findings, &console.style()),
        CheckFormat::Json => finding::json(&findings),
        CheckFormat::Sarif => {
            let (guardrails, policy) = load::names(folder, flags);
            finding::sarif(&findings, rules::ALL, |owner| if owner == Owner::Platform { &guardrails } else { &policy })
        }
        CheckFormat::Github => finding::github(&findings),
    };
    console.print(&text)?;
    Ok(if findings.iter().any(Finding::is_error) { ExitCode::Findings } else { ExitCode::Fine })
}

/// Whether there are guardrails to look at alone: the built-in ones need nobody's look, and a file is named by its flag.
fn are_named(input: &InputArgs) -> anyhow::Result<()> {
    let Some(named) = &input.folder else {
        ensure!(
            load::are_given(&input.inputs),
            "`--guardrails-only` looks at the platform's guardrails, and none were given: pass `--guardrails FILE` or set \
             `DAYFLY_GUARDRAILS`"
        );
        return Ok(());
    };
    let inside = named.join("guardrails.yaml");
    let file = if inside.is_file() { &inside } else { named };
    let named = named.display();
    if file.is_file() && input.inputs.guardrails.is_none() {
        bail!("`--guardrails-only` looks at no policy's folder: name the file with `--guardrails {}`", file.display());
    }
    bail!("`--guardrails-only` looks at no policy: leave out `{named}`, or leave out `--guardrails-only`");
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::CheckArgs;

    #[derive(Debug, Parser)]
    struct Check {
        #[command(flatten)]
        args: CheckArgs,
    }

    #[test]
    fn a_time_is_a_whole_one() {
        let read =
            |text| Check::try_parse_from(["check", "--at", text]).map(|check| check.args.at).map_err(|e| e.to_string());
        let utc = read("2026-12-22T18:00:00Z");
        assert!(matches!(utc, Ok(Some(_))), "{utc:?}");
        assert_eq!(read("2026-12-22T19:30:00+01:30"), utc);
        for text in ["2026-12-22", "now"] {
            let expected = "expected RFC 3339, such as `2026-11-22T18:00:00Z`";
            assert!(read(text).is_err_and(|error| error.contains(expected)), "{text}");
        }
    }
}
