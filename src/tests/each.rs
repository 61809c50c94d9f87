//! A stream of pull requests as a whole: where it comes from, and that all of it comes out.

use std::fs::File;

use crate::cli::ExitCode;

use super::{
    process::dayfly_in,
    scratch::{GUARDRAILS, Scratch},
    support::dayfly,
};

fn line(number: u32) -> String {
    format!("{{\"number\": {number}, \"head_sha\": \"{number:040x}\", \"fork\": false}}\n")
}

/// It is collected, and written a chunk at a time.
#[test]
fn a_long_stream_comes_out_whole_and_in_order() {
    let scratch = Scratch::new("storefront");
    let run = scratch.each((1..=9).map(line).collect::<String>());
    assert_eq!((run.code, &*run.err), (ExitCode::Fine, ""));
    assert!(run.out.len() > 3 << 16, "{} bytes", run.out.len());
    let namespaces: Vec<String> = run
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("an object a line"))
        .filter(|object| object["kind"] == "Namespace")
        .map(|object| object["metadata"]["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(namespaces, (1..=9).map(|number| format!("storefront-pr-{number}")).collect::<Vec<_>>());
}

#[test]
fn a_stream_comes_from_standard_input() {
    let scratch = Scratch::new("storefront");
    scratch.write("sets", line(1) + "{\n" + &line(2));
    let input = File::open(scratch.path("sets")).expect("a file");
    let guardrails = scratch.named(GUARDRAILS);
    let args = ["render", "--guardrails", &guardrails, "--each", "-", "-o", "ndjson"];
    let run = dayfly_in(&scratch.path(""), &args, &[], input.into());
    assert_eq!(run.code, ExitCode::Findings, "{}", run.err);
    assert!(run.err.starts_with("error: standard input line 2: "), "{}", run.err);
    assert_eq!(run.out.matches("\"kind\":\"Namespace\"").count(), 2, "{}", run.out);
}

/// A document a pull request would be no stream, and files of a folder would hide each other.
#[test]
fn a_stream_has_one_format() {
    let scratch = Scratch::new("storefront");
    scratch.write("sets", line(1));
    let [folder, guardrails, sets] = ["", GUARDRAILS, "sets"].map(|file| scratch.named(file));
    for format in ["yaml", "json", "dir=out"] {
        let run = dayfly(&["render", &folder, "--guardrails", &guardrails, "--each", &sets, "-o", format]);
        assert_eq!((run.code, &*run.out), (ExitCode::CannotRun, ""), "{format}");
        assert_eq!(run.err, "error: `--each` writes a stream: add `-o ndjson`\n");
    }
}
