//! `dayfly render --each`: many pull requests at once.

use std::{
    io::{BufRead as _, BufReader, Read},
    path::Path,
};

use anyhow::Context as _;

use crate::{
    cli::{
        ExitCode,
        console::{Console, is_open, to_stdout},
        load::Loaded,
    },
    emit::{self, Format},
    finding::{Finding, InputFile, Location, Subject, one_line},
    input::{Parameters, STANDARD_INPUT, parameters},
    render::Renderer,
};

/// What some programs begin a file with.
const BOM: &[u8] = "\u{feff}".as_bytes();

/// Bytes that are collected before they are written, with `--each`.
const CHUNK: usize = 1 << 16;

/// A line, an environment: what is the same for all is read once.
pub(super) fn each(
    loaded: &Loaded,
    file: &Path,
    format: &Format,
    console: &mut Console<'_>,
) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(*format == Format::Ndjson, "`--each` writes a stream: add `-o ndjson`");
    let (name, input): (_, Box<dyn Read>) = if file.as_os_str() == "-" {
        (STANDARD_INPUT.to_owned(), Box::new(std::io::stdin().lock()))
    } else {
        let name = one_line(&file.to_string_lossy()).into_owned();
        let input = std::fs::File::open(file).with_context(|| format!("failed to open `{name}`"))?;
        (name, Box::new(input))
    };
    let mut lines = Lines { input: BufReader::with_capacity(CHUNK, input), line: Vec::new(), number: 0 };
    let mut bytes = Vec::with_capacity(2 * CHUNK);
    let mut is_begun = false;
    let mut is_other = false;
    let mut code = ExitCode::Fine;
    while let Some(is_whole) = lines.next().with_context(|| format!("failed to read `{name}`"))? {
        let Lines { line, number, .. } = &lines;
        // A comment says nothing yet.
        let is_first = !is_begun && !line.starts_with(b"#");
        is_begun |= is_first;
        if is_first && let Some(hint) = other_format(line) {
            console.say("error", &format!("`{name}` is {hint}"))?;
            is_other = true;
        }
        let rendered = if is_whole {
            one(&loaded.renderer, line, &mut bytes)
        } else {
            Err(anyhow::anyhow!("a parameter set of more than {} bytes", parameters::LIMIT))
        };
        match rendered {
            Ok(findings) => {
                is_other = false;
                if findings.iter().any(Finding::is_error) {
                    code = ExitCode::Findings;
                }
                if !findings.is_empty() {
                    is_open(writeln!(console.err, "line {number}:"))?;
                    console.report(&located(findings, loaded, format!("{name} line {number}")))?;
                }
            }
            // The other lines are other pull requests.
            Err(error) => {
                // In a file of another format, each would be wrong in the same way.
                if !is_other {
                    console.say("error", &format!("{name} line {number}: {error:#}"))?;
                }
                code = ExitCode::Findings;
            }
        }
        if bytes.len() >= CHUNK {
            if !to_stdout(console.out.write_all(&bytes))? {
                return Ok(code);
            }
            bytes.clear();
        }
    }
    to_stdout(console.out.write_all(&bytes).and_then(|()| console.out.flush()))?;
    Ok(code)
}

/// The lines that say something.
struct Lines<R> {
    input: BufReader<R>,
    line: Vec<u8>,
    /// Of all lines, from one.
    number: u64,
}

impl<R: Read> Lines<R> {
    /// Reads the next one. Whether that is all of it: a parameter set has so many bytes at most.
    fn next(&mut self) -> std::io::Result<Option<bool>> {
        const LIMIT: usize = parameters::LIMIT + 1;
        loop {
            self.line.clear();
            if self.input.by_ref().take(LIMIT as u64).read_until(b'\n', &mut self.line)? == 0 {
                return Ok(None);
            }
            self.number += 1;
            let is_whole = self.line.len() < LIMIT || self.line.ends_with(b"\n");
            if !is_whole {
                // Its rest is no line of its own.
                self.input.skip_until(b'\n')?;
            }
            if self.number == 1 && self.line.starts_with(BOM) {
                self.line.drain(..BOM.len());
            }
            if !is_whole || !self.line.iter().all(u8::is_ascii_whitespace) {
                return Ok(Some(is_whole));
            }
        }
    }
}

/// Findings with their places: of a parameter, the line is one.
fn located(mut findings: Vec<Finding>, loaded: &Loaded, line: String) -> Vec<Finding> {
    let line = Location::of_file(line);
    for finding in &mut findings {
        if let Subject::Input(InputFile::Parameters, pointer) = &mut finding.subject {
            let pointer = Some(std::mem::take(pointer));
            finding.subject = Subject::Place(Location { pointer, ..line.clone() });
        }
    }
    loaded.locate(&mut findings, None);
    findings
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

/// What a file is whose first line is that, if it is surely no JSON map a line: each of its lines would be an error of its own.
fn other_format(line: &[u8]) -> Option<&'static str> {
    let line = line.trim_ascii_end();
    if matches!(line, b"{" | b"[") {
        return Some("JSON over several lines: `--each` takes a map a line, as `jq -c .` writes it");
    }
    let name = line.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let is_entry = name > 0 && matches!(&line[name..], [b':'] | [b':', b' ', ..]);
    (is_entry || line.starts_with(b"---") || line.starts_with(b"- ")).then_some(
        "YAML: `--each` takes a JSON map a line, for each pull request one; a file about one is for `--parameters`",
    )
}

#[cfg(test)]
mod tests {
    use super::other_format;

    #[test]
    fn what_is_no_json_map_a_line_is_recognised() {
        for (line, expected) in [
            ("{\"number\": 1}", None),
            ("{ \n", Some("JSON")),
            ("[\r\n", Some("JSON")),
            ("[{", None),
            ("number: 128", Some("YAML")),
            ("head_sha:", Some("YAML")),
            ("---", Some("YAML")),
            ("--- # of one", Some("YAML")),
            ("- number: 1", Some("YAML")),
            ("number", None),
            ("number:1", None),
            (": 1", None),
            ("-1", None),
            ("\"number\": 1", None),
        ] {
            let found = other_format(line.as_bytes()).map(|hint| &hint[..4]);
            assert_eq!(found, expected, "{line:?}");
        }
    }
}
