//! `dayfly render`: all manifests, or nothing.

use std::{
    ffi::{OsStr, OsString},
    io::{BufRead as _, BufReader, Read, Write},
    path::{Path, PathBuf},
    str::FromStr as _,
};

use anyhow::Context as _;
use clap::{
    Arg, Args, Command,
    builder::{PossibleValue, TypedValueParser},
};

use crate::{
    emit::{self, Format},
    finding::{Finding, InputFile, Location, Subject, one_line},
    input::{Parameters, parameters},
    render::Renderer,
    rules::template::TEMPLATE,
};

use super::{
    ExitCode, InputArgs, InputFlags, is_open,
    load::{self, Loaded, Look},
    report,
    terminal::Colour,
    to_stdout,
};

#[derive(Args, Debug)]
pub(super) struct RenderArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Many pull requests at once: a JSON parameter set a line, `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["parameters", "set"])]
    each: Option<PathBuf>,
    /// yaml, json (one array), ndjson (an object a line) or dir=PATH (a file an object)
    #[arg(short, long, default_value = "yaml", value_name = "FORMAT", value_parser = Formats, hide_possible_values = true)]
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
        let input = InputArgs { folder: folder.unwrap_or_else(|| ".".into()), inputs };
        Some(Self { input, each: None, output: output.unwrap_or(Format::Yaml) })
    }
}

/// Fills in what is empty.
fn once<T>(place: &mut Option<T>, value: T) -> Option<()> {
    place.is_none().then(|| *place = Some(value))
}

/// What some programs begin a file with.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// Bytes that are collected before they are written, with `--each`.
const CHUNK: usize = 1 << 16;

pub(super) fn run(
    args: &RenderArgs,
    colour: Colour,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let flags = &args.input.inputs;
    // Of many renders, a thorough look is a small part.
    let look = if args.each.is_some() { Look::Thorough } else { Look::Quick };
    let Some(mut loaded) = load::load_or_report(&args.input.folder, flags, look, colour, err)? else {
        return Ok(ExitCode::Findings);
    };
    if let Some(file) = &args.each {
        return each(&mut loaded, file, &args.output, colour, out, err);
    }
    let parameters = load::parameters(flags)?;
    let mut rendered = loaded.renderer.render(&parameters, false);
    if rendered.findings.iter().any(|finding| *finding.rule == TEMPLATE)
        && let Ok(whole) = load::load(Some(&args.input.folder), flags, Look::Thorough)
    {
        loaded = whole;
        rendered = loaded.renderer.render(&parameters, false);
    }
    let has_errors = rendered.has_errors();
    if !rendered.findings.is_empty() {
        loaded.locate(&mut rendered.findings, Some(&parameters));
    }
    if has_errors && !rendered.quarantined {
        report(&rendered.findings, colour, err)?;
        return Ok(ExitCode::Findings);
    }
    let written = emit::write(&args.output, &rendered.objects, out);
    match args.output {
        Format::Dir(_) => written?,
        _ => drop(to_stdout(written)?),
    }
    report(&rendered.findings, colour, err)?;
    // The process ends here: giving thousands of small pieces back first would be a tenth of its time.
    std::mem::forget((rendered, loaded, parameters));
    // For Argo CD the quarantine is an answer like any other; for people it is a finding.
    Ok(if has_errors && !load::is_plugin(flags) { ExitCode::Findings } else { ExitCode::Fine })
}

/// A line, an environment: what is the same for all is read once.
fn each(
    loaded: &mut Loaded,
    file: &Path,
    format: &Format,
    colour: Colour,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(*format == Format::Ndjson, "`--each` writes a stream: add `-o ndjson`");
    let (name, input): (_, Box<dyn Read>) = if file.as_os_str() == "-" {
        ("standard input".to_owned(), Box::new(std::io::stdin().lock()))
    } else {
        let name = one_line(&file.to_string_lossy()).into_owned();
        let input = std::fs::File::open(file).with_context(|| format!("failed to open `{name}`"))?;
        (name, Box::new(input))
    };
    let unread = || format!("failed to read `{name}`");
    let mut input = BufReader::with_capacity(CHUNK, input);
    let mut bytes = Vec::with_capacity(2 * CHUNK);
    let mut line = Vec::new();
    let mut number = 0_u64;
    let mut code = ExitCode::Fine;
    let limit = u64::try_from(parameters::LIMIT).unwrap_or(u64::MAX).saturating_add(1);
    loop {
        line.clear();
        if input.by_ref().take(limit).read_until(b'\n', &mut line).with_context(unread)? == 0 {
            break;
        }
        number += 1;
        let is_too_long = line.len() as u64 == limit && line.last() != Some(&b'\n');
        if number == 1 && line.starts_with(BOM) {
            line.drain(..BOM.len());
        }
        if !is_too_long && line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let rendered = if is_too_long {
            // Its rest is no line of its own.
            input.skip_until(b'\n').with_context(unread)?;
            Err(anyhow::anyhow!("a parameter set of more than {} bytes", parameters::LIMIT))
        } else {
            one(&loaded.renderer, &line, &mut bytes)
        };
        let mut findings = match rendered {
            Ok(findings) => findings,
            // The other lines are other pull requests.
            Err(error) => {
                is_open(writeln!(err, "error: {name} line {number}: {error:#}"))?;
                code = ExitCode::Findings;
                continue;
            }
        };
        if findings.iter().any(Finding::is_error) {
            code = ExitCode::Findings;
        }
        if !findings.is_empty() {
            for finding in &mut findings {
                if let Subject::Input(InputFile::Parameters, pointer) = &mut finding.subject {
                    let pointer = Some(std::mem::take(pointer));
                    let line = Location::of_file(format!("{name} line {number}"));
                    finding.subject = Subject::Place(Location { pointer, ..line });
                }
            }
            loaded.locate(&mut findings, None);
            is_open(writeln!(err, "line {number}:"))?;
            report(&findings, colour, err)?;
        }
        if bytes.len() >= CHUNK {
            if !to_stdout(out.write_all(&bytes))? {
                return Ok(code);
            }
            bytes.clear();
        }
    }
    to_stdout(out.write_all(&bytes).and_then(|()| out.flush()))?;
    Ok(code)
}

fn one(renderer: &Renderer, line: &[u8], bytes: &mut Vec<u8>) -> anyhow::Result<Vec<Finding>> {
    let text = std::str::from_utf8(line.trim_ascii_end()).context("not UTF-8")?;
    let parameters = Parameters::from_json(text)?;
    // Nothing in such a list is a parameter; an empty one says that there are none.
    let is_strange = || text.trim_start().starts_with('[') && !text.bytes().filter(|b| *b != b' ').eq(*b"[]");
    anyhow::ensure!(
        parameters.names().next().is_some() || !is_strange(),
        "found a list that is not Argo CD's, of `{{name, string}}`: expected one parameter set a line, as `jq -c '.[]'` writes them"
    );
    let rendered = renderer.render(&parameters, false);
    emit::ndjson(&rendered.objects, bytes);
    Ok(rendered.findings)
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
