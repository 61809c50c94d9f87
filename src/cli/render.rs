//! `dayfly render`: all manifests, or nothing.

mod each;

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
    str::FromStr as _,
};

use clap::{
    Arg, Args, Command,
    builder::{PossibleValue, TypedValueParser},
};

use crate::{
    emit::{self, Format},
    rules::template::TEMPLATE,
};

use super::{
    ExitCode, InputArgs, InputFlags,
    console::{Console, to_stdout},
    load::{self, Look},
};

#[derive(Args, Debug)]
pub(super) struct RenderArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Many pull requests at once: a JSON parameter set a line, `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["parameters", "set"])]
    each: Option<PathBuf>,
    /// yaml, json (one array), ndjson (an object a line) or dir=PATH (a file an object)
    #[arg(short, long, default_value = "yaml", alias = "format", value_name = "FORMAT", value_parser = Formats, hide_possible_values = true)]
    output: Format,
}

/// Reads a format; completions have the words, of which `dir=` is not all.
#[derive(Clone)]
struct Formats;

impl TypedValueParser for Formats {
    type Value = Format;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<Format, clap::Error> {
        Format::from_str.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(["yaml", "json", "ndjson", "dir="].into_iter().map(PossibleValue::new)))
    }
}

impl RenderArgs {
    /// Reads the arguments of a usual call: flags with a word of their own each, no flag twice. Whatever else there is, this
    /// leaves to clap, which takes a twentieth of a whole render to set itself up.
    pub(super) fn usual(words: &[OsString]) -> Option<Self> {
        let (mut folder, mut guardrails, mut parameters, mut output) = (None, None, None, None);
        let mut set = Vec::new();
        let mut words = words.iter().map(|word| word.to_str().filter(|word| !word.is_empty()));
        while let Some(word) = words.next() {
            let word = word?;
            if !word.starts_with('-') {
                once(&mut folder, word.into())?;
                continue;
            }
            let value = words.next()?.filter(|value| !value.starts_with('-'))?;
            match word {
                "--guardrails" => once(&mut guardrails, value.into())?,
                "--parameters" => once(&mut parameters, value.into())?,
                "--output" | "-o" => once(&mut output, value.parse().ok()?)?,
                "--set" => set.push(value.to_owned()),
                _ => return None,
            }
        }
        let inputs = InputFlags { guardrails, parameters, set };
        let input = InputArgs { folder, inputs };
        Some(Self { input, each: None, output: output.unwrap_or(Format::Yaml) })
    }
}

/// Fills in what is empty.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.is_none().then(|| *place = Some(value))
}

pub(super) fn run(args: &RenderArgs, console: &mut Console<'_>) -> anyhow::Result<ExitCode> {
    let code = render(args, console)?;
    // Last, since what was found matters more.
    load::note_built_in(&args.input.inputs, console)?;
    Ok(code)
}

fn render(args: &RenderArgs, console: &mut Console<'_>) -> anyhow::Result<ExitCode> {
    let flags = &args.input.inputs;
    flags.ensure_one_stream(args.each.as_deref())?;
    // Of many renders, a thorough look is a small part.
    let look = if args.each.is_some() { Look::Thorough } else { Look::Quick };
    let Some(mut loaded) = load::load_or_report(args.input.folder(), flags, look, console)? else {
        return Ok(ExitCode::Findings);
    };
    if let Some(file) = &args.each {
        return each::each(&loaded, file, &args.output, console);
    }
    let parameters = load::parameters(flags)?;
    let mut rendered = loaded.renderer.render(&parameters, false);
    if rendered.findings.iter().any(|finding| *finding.rule == TEMPLATE)
        && let Ok(whole) = load::load(Some(args.input.folder()), flags, Look::Thorough)
    {
        loaded = whole;
        rendered = loaded.renderer.render(&parameters, false);
    }
    let has_errors = rendered.has_errors();
    if !rendered.findings.is_empty() {
        loaded.locate(&mut rendered.findings, Some(&parameters));
    }
    if has_errors && !rendered.quarantined {
        console.report(&rendered.findings)?;
        return Ok(ExitCode::Findings);
    }
    let written = emit::write(&args.output, &rendered.objects, console.out);
    match args.output {
        Format::Dir(_) => written?,
        _ => drop(to_stdout(written)?),
    }
    console.report(&rendered.findings)?;
    let is_refused = has_errors && !load::is_plugin(flags);
    if is_refused {
        let note =
            "what was written is the quarantine: the preview's namespace without workloads, until that is mended";
        console.say("note", note)?;
    }
    // The process ends here: giving thousands of small pieces back first would be a tenth of its time.
    std::mem::forget((rendered, loaded, parameters));
    // For Argo CD the quarantine is an answer like any other; for people it is a finding.
    Ok(if is_refused { ExitCode::Findings } else { ExitCode::Fine })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use clap::Parser;
    use proptest::prelude::*;

    use super::RenderArgs;

    #[derive(Parser)]
    struct Render {
        #[command(flatten)]
        args: RenderArgs,
    }

    /// Two spaces: an empty word.
    const WORDS: &str = "a .  - -- -h -ojson -o --output yaml ndjson dir=x dir= --guardrails --guardrails=x --guard \
        --parameters --set a=b --each --color -x";

    proptest! {
        #[test]
        fn usual_calls_are_read_as_clap_reads_them(
            words in prop::collection::vec(prop::sample::select(WORDS.split(' ').collect::<Vec<_>>()), 0..7),
        ) {
            let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
            if let Some(usual) = RenderArgs::usual(&words) {
                let program = OsString::from("render");
                match Render::try_parse_from([&program].into_iter().chain(&words)) {
                    Ok(Render { args }) => prop_assert_eq!(format!("{usual:?}"), format!("{args:?}")),
                    Err(error) => prop_assert!(false, "{:?}: {}", words, error),
                }
            }
        }
    }

    #[test]
    fn argo_cds_call_is_usual() {
        for line in ["-o ndjson", "dir --guardrails g --parameters p --set a=b --set c=d --output dir=x"] {
            let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert!(RenderArgs::usual(&words).is_some(), "{line}");
        }
    }
}
