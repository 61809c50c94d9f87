//! `dayfly render`: all manifests, or nothing.

use std::{
    io::{BufRead as _, BufReader, Read, Write},
    path::PathBuf,
};

use anyhow::Context as _;
use clap::Args;

use crate::{
    emit::{self, Format},
    finding::{self, Finding},
    input::{Parameters, parameters},
    render::Renderer,
};

use super::{
    ExitCode, InputArgs,
    load::{self, Broken, Loaded},
    terminal::{self, Colour, Stream},
};

#[derive(Args, Debug)]
pub(super) struct RenderArgs {
    #[command(flatten)]
    input: InputArgs,
    /// Many pull requests at once: a JSON parameter set a line, `-` for standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["parameters", "set"])]
    each: Option<PathBuf>,
    /// yaml, json (one array), ndjson (an object a line) or dir=PATH (a file an object)
    #[arg(short, long, default_value = "yaml", value_name = "FORMAT")]
    output: Format,
}

/// Bytes that are collected before they are written, with `--each`.
const CHUNK: usize = 1 << 16;

pub(super) fn run(
    args: &RenderArgs,
    colour: Colour,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let flags = &args.input.inputs;
    let mut loaded = match load::load(&args.input.folder, flags) {
        Ok(loaded) => loaded,
        Err(Broken::Unreadable(error)) => return Err(error),
        Err(Broken::Findings(findings)) => return report(&findings, colour, err).map(|()| ExitCode::Findings),
    };
    if let Some(file) = &args.each {
        return each(&mut loaded, file, &args.output, colour, out, err);
    }
    let parameters = load::parameters(flags)?;
    let mut rendered = loaded.renderer.render(&parameters, false);
    let has_errors = rendered.has_errors();
    if !rendered.findings.is_empty() {
        load::locate(&mut rendered.findings, &loaded.guardrails, &loaded.policy, Some(&parameters));
    }
    if has_errors && !rendered.quarantined {
        report(&rendered.findings, colour, err)?;
        return Ok(ExitCode::Findings);
    }
    emit::write(&args.output, &rendered.objects, out)?;
    report(&rendered.findings, colour, err)?;
    // The process ends here: giving thousands of small pieces back first would be a tenth of its time.
    std::mem::forget((rendered, loaded, parameters));
    // For Argo CD the quarantine is an answer like any other; for people it is a finding.
    Ok(if has_errors && !load::is_plugin(flags) { ExitCode::Findings } else { ExitCode::Fine })
}

fn report(findings: &[Finding], colour: Colour, err: &mut dyn Write) -> anyhow::Result<()> {
    if !findings.is_empty() {
        err.write_all(finding::text(findings, &terminal::style(colour, Stream::Err)).as_bytes())?;
    }
    Ok(())
}

/// A line, an environment: what is the same for all is read once.
fn each(
    loaded: &mut Loaded,
    file: &PathBuf,
    format: &Format,
    colour: Colour,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(*format == Format::Ndjson, "`--each` writes a stream: add `-o ndjson`");
    let input: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(file).with_context(|| format!("failed to open `{}`", file.display()))?)
    };
    let mut input = BufReader::with_capacity(CHUNK, input);
    let mut bytes = Vec::with_capacity(2 * CHUNK);
    let mut line = Vec::new();
    let mut number = 0_u64;
    let mut code = ExitCode::Fine;
    loop {
        line.clear();
        let limit = u64::try_from(parameters::LIMIT).unwrap_or(u64::MAX).saturating_add(1);
        if input.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        number += 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let findings =
            one(&loaded.renderer, &line, &mut bytes).with_context(|| format!("{} line {number}", file.display()));
        let mut findings = match findings {
            Ok(findings) => findings,
            Err(error) => {
                // What is complete goes out before the stream ends.
                out.write_all(&bytes)?;
                return Err(error);
            }
        };
        if findings.iter().any(Finding::is_error) {
            code = ExitCode::Findings;
        }
        if !findings.is_empty() {
            load::locate(&mut findings, &loaded.guardrails, &loaded.policy, None);
            writeln!(err, "line {number}:")?;
            report(&findings, colour, err)?;
        }
        if bytes.len() >= CHUNK {
            out.write_all(&bytes)?;
            bytes.clear();
        }
    }
    out.write_all(&bytes)?;
    out.flush()?;
    Ok(code)
}

fn one(renderer: &Renderer, line: &[u8], bytes: &mut Vec<u8>) -> anyhow::Result<Vec<Finding>> {
    let text = std::str::from_utf8(line).context("not UTF-8")?;
    let parameters = Parameters::from_json(text)?;
    let rendered = renderer.render(&parameters, false);
    emit::ndjson(&rendered.objects, bytes);
    Ok(rendered.findings)
}
