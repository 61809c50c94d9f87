//! A stream of pull requests: where it comes from, that all of it comes out, and what is said of its lines.

use std::fs::File;

use crate::{cli::ExitCode, input::parameters};

use super::{
    process::dayfly_in,
    scratch::{GUARDRAILS, POLICY, Scratch},
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

/// A line is a pull request: what is wrong with one is nothing to the others.
#[test]
fn a_broken_line_of_each_is_its_own() {
    let scratch = Scratch::new("storefront");
    let line = |number: u32| format!(r#"{{"number": {number}, "head_sha": "{number:040x}", "fork": false}}"#);
    let twice = line(3).replace("\"fork\"", "\"number\": 4, \"fork\"");
    let run = scratch.each(format!("{}\nnot JSON\n\n[7\n{twice}\n{}\n", line(1), line(2)));
    assert_eq!(run.code, ExitCode::Findings, "{}", run.err);
    let wrong = "parameters are a JSON map of names and values, and column";
    for place in ["sets line 2: ", "sets line 4: "] {
        assert!(run.err.contains(&format!("{place}{wrong}")), "{}", run.err);
    }
    assert!(run.err.contains("line 5:\nerror[invalid-parameter]: `number` is given more than once"), "{}", run.err);
    let objects = |number: u32| run.out.matches(&format!("\"namespace\":\"storefront-pr-{number}\"")).count();
    assert!(objects(1) > 20 && objects(1) == objects(2), "{}", run.out);
    assert_eq!(
        run.out.matches("\"name\":\"dayfly-findings\"").count(),
        1,
        "the fifth line's pull request is quarantined: {}",
        run.out
    );
}

/// What is too long is one line, and what is wrong is said by its column, whatever ends it.
#[test]
fn a_long_line_of_each_is_one_line() {
    let scratch = Scratch::new("storefront");
    let good = format!(r#"{{"number": 1, "head_sha": "{:040x}", "fork": false}}"#, 1);
    // If its rest were a line, it would be a pull request.
    let long = format!("{}{good}", " ".repeat(parameters::LIMIT + 1));
    let exact = format!("{good}{}", " ".repeat(parameters::LIMIT - good.len()));
    for mark in ["", "\u{feff}"] {
        let run = scratch.each(format!("{mark}{long}\n{exact}\n{{\"number\":\r\n"));
        assert_eq!(run.code, ExitCode::Findings, "{}", run.err);
        let lines: Vec<&str> = run.err.lines().collect();
        assert_eq!(lines.len(), 2, "{}", run.err);
        assert!(lines[0].contains("sets line 1: a parameter set of more than "), "{}", run.err);
        assert!(lines[1].contains("sets line 3: ") && lines[1].contains("column 10 is wrong"), "{}", run.err);
        assert_eq!(run.out.matches("\"kind\":\"Namespace\"").count(), 1, "{}", run.out);
    }
}

#[test]
fn each_takes_a_byte_order_mark_as_a_file_of_parameters_does() {
    let scratch = Scratch::new("storefront");
    let line = r#"{"number": 1, "head_sha": "0123456789", "fork": false}"#;
    let run = scratch.each(format!("\u{feff}{line}\n"));
    assert_eq!((run.code, run.err.as_str()), (ExitCode::Fine, ""));
    assert!(run.out.contains("\"storefront-pr-1\""), "{}", run.out);
}

/// Who forgot `jq -c '.[]'` is told so, in which line.
#[test]
fn a_line_of_each_is_one_parameter_set() {
    let scratch = Scratch::new("storefront");
    let set = r#"{"number": 1, "head_sha": "0123456789", "fork": false}"#;
    let run = scratch.each(format!("{set}\n [{set}, {set}]\n"));
    assert_eq!(run.code, ExitCode::Findings, "{}", run.err);
    let list = "error: sets line 2: found a list that is not Argo CD's, of `{name, string}`: expected one parameter set a line";
    assert!(run.err.starts_with(list), "{}", run.err);
    assert_eq!(run.out.matches("\"kind\":\"Namespace\"").count(), 1);
    // No parameters are what is wrong with these.
    for none in ["[ ]", "null", "{}"] {
        let run = scratch.each(none);
        assert!(run.err.contains("the parameter `number` is missing"), "{}", run.err);
    }
}

#[test]
fn findings_of_each_name_the_file_and_the_line() {
    let scratch = Scratch::new("storefront");
    let run = scratch.each("\n{\"number\": \"x\", \"head_sha\": \"0123456789\", \"fork\": false}\n");
    let found = "error[invalid-parameter]: the number `x` is no pull request's: expected digits, such as `128` (sets line 2 number)";
    assert!(run.err.contains(&format!("line 2:\n{found}\n --> sets line 2 number\n")), "{}", run.err);
    // It is no place of the policy's findings.
    scratch.replace(POLICY, "egress: [stripe-sandbox, mail]", "egress: [mial]");
    let run = scratch.each("{\"number\": 7, \"head_sha\": \"0123456789\", \"fork\": false}\n");
    assert!(run.err.contains("preview.yaml:34:"), "{}", run.err);
}

/// One mistake is told once, and nothing that follows from it.
#[test]
fn a_file_that_is_no_stream_is_told_once() {
    let scratch = Scratch::new("storefront");
    for (text, said) in [
        ("number: 1\nhead_sha: x\nfork: false\n", "is YAML: `--each` takes a JSON map a line"),
        ("\n---\nnumber: 1\n", "is YAML: "),
        ("- name: number\n  string: 1\n", "is YAML: "),
        (
            "{\n  \"number\": 1,\n  \"fork\": false\n}\n",
            "is JSON over several lines: `--each` takes a map a line, as `jq -c .`",
        ),
    ] {
        let run = scratch.each(text);
        assert_eq!((run.code, &*run.out, run.err.lines().count()), (ExitCode::Findings, "", 1), "{}", run.err);
        assert!(run.err.starts_with(&format!("error: `sets` {said}")), "{}", run.err);
        // A pull request among them is one all the same.
        let run = scratch.each(format!("{text}{{\"number\": 1, \"head_sha\": \"0123456789\", \"fork\": false}}\n"));
        assert_eq!((run.code, run.err.lines().count()), (ExitCode::Findings, 1), "{}", run.err);
        assert!(run.out.contains("\"storefront-pr-1\""), "{}", run.out);
    }
    // Behind one, the file is a stream after all.
    let run = scratch.each("---\n{\"number\": 1, \"head_sha\": \"0123456789\", \"fork\": false}\n{broken\n");
    assert!(run.err.lines().count() == 2 && run.err.contains("sets line 3: "), "{}", run.err);
}
