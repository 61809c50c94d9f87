//! What people and Argo CD are told of a call: how much, where, and with which exit code.

use std::{fmt::Write as _, io::ErrorKind};

use crate::cli::{self, ExitCode};

use super::{
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch},
    support::{Closed, dayfly},
};

/// Argo CD puts all that a failed render says into the Application, which must fit into etcd.
#[test]
fn a_render_does_not_tell_thousands_of_findings() {
    let scratch = Scratch::new("storefront");
    let names = (0..15_000).fold(String::new(), |mut names, n| {
        let _ = write!(names, "mial{n}, ");
        names
    });
    scratch.replace(POLICY, "egress: [stripe-sandbox, mail]", &format!("egress: [{names}mail]"));
    let run = scratch.run("render", &["-o", "ndjson"]);
    assert_eq!((run.code, run.out.as_str()), (ExitCode::Findings, ""));
    let (told, more) = run.err.rsplit_once("\nand ").expect("more");
    assert!((16 << 10..=32 << 10).contains(&told.len()), "{}", told.len());
    let told = told.matches("error[").count();
    assert_eq!(more, format!("{} more: `dayfly check` tells all\n\n15000 errors\n", 15_000 - told));
    let check = scratch.run("check", &[]);
    assert_eq!(check.out.matches("error[").count(), 15_000);
    assert!(check.out.ends_with("\n\n15000 errors\n") && !check.out.contains(" more: "));
}

#[test]
fn what_cannot_be_read_or_written_is_named() {
    let scratch = Scratch::new("storefront");
    std::fs::create_dir(scratch.path("folder")).expect("a folder");
    let run = scratch.each_of("folder");
    assert_eq!(run.code, ExitCode::CannotRun);
    assert!(run.err.starts_with("error: failed to read `folder`: "), "{}", run.err);
    scratch.write("sets", "{\"number\": 7, \"head_sha\": \"0123456789\", \"fork\": false}\n");
    let [source, guardrails, sets, parameters] = ["", GUARDRAILS, "sets", PARAMETERS].map(|file| scratch.named(file));
    for words in [
        &["render", &source, "--guardrails", &guardrails, "--each", &sets, "-o", "ndjson"][..],
        &["render", &source, "--guardrails", &guardrails, "--parameters", &parameters],
        &["check", &source, "--guardrails", &guardrails, "--parameters", &parameters],
        &["--help"],
        &["--version"],
        &["help"],
        &["help", "render"],
        &["check", "-h"],
    ] {
        let mut err = Vec::new();
        let code = cli::run(
            std::iter::once(&"dayfly").chain(words).map(Into::into),
            &mut Closed(ErrorKind::StorageFull),
            &mut err,
        );
        assert_eq!(code, ExitCode::CannotRun);
        let err = String::from_utf8_lossy(&err);
        assert!(err.starts_with("error: failed to write to standard output: "), "{err}");
    }
}

#[test]
fn help_and_version_go_to_standard_output() {
    for (words, said) in [(&["--version"][..], "dayfly "), (&["help"], "Exit codes: "), (&["render", "-h"], "--each")] {
        let run = dayfly(words);
        assert_eq!((run.code, run.err.as_str()), (ExitCode::Fine, ""));
        assert!(run.out.contains(said) && !run.out.contains('\u{1b}'), "{}", run.out);
    }
}

/// An option that nobody knows is misspelt, and no folder.
#[test]
fn what_is_no_option_is_not_told_to_be_a_folder() {
    for (args, said) in [
        (&["render", "-x"][..], "unexpected argument '-x' found\n\nUsage: "),
        (&["render", "--set", "-1"], "unexpected argument '-1' found\n\nUsage: "),
        (&["render", "--gaurdrails", "F"], "tip: a similar argument exists: '--guardrails'"),
        (&["--guardrails", "F", "render"], "tip: 'render --guardrails' exists"),
    ] {
        let run = dayfly(args);
        assert_eq!(run.code, ExitCode::CannotRun);
        assert!(run.err.contains(said) && !run.err.contains("as a value"), "{}", run.err);
    }
}

#[test]
fn completions_have_the_formats() {
    for shell in ["bash", "zsh", "fish"] {
        let run = dayfly(&["completions", shell]);
        let line = run.out.lines().find(|line| line.contains("ndjson"));
        assert!(line.is_some_and(|line| line.contains("dir=") && line.contains("yaml")), "{shell}: {line:?}");
    }
}

/// Of a name that nobody knows, the name; of a list, the item.
#[test]
fn parameters_that_are_wrong_are_pointed_at() {
    let scratch = Scratch::new("storefront");
    let head = "number: 7\nhead_sha: \"0123456789\"\nfork: false\n";
    for (text, place) in [
        ("titel: x\n", "unknown parameter `titel`: did you mean `title`? (parameters.yaml:4:1)"),
        ("labels: [a, [b]]\n", "the parameter `labels` holds something other than text (parameters.yaml:4:13)"),
        ("labels: '[\"a\", 1]'\n", "the parameter `labels` holds something other than text (parameters.yaml:4:9)"),
    ] {
        scratch.write(PARAMETERS, format!("{head}{text}"));
        let run = scratch.run("check", &[]);
        assert!(run.out.contains(place), "{place}: {}", run.out);
    }
    scratch.write(PARAMETERS, "- {name: number, string: '7'}\n- {string: x, name: titel}\n");
    let run = scratch.run("check", &[]);
    assert!(run.out.contains("did you mean `title`? (parameters.yaml:2:21)"), "{}", run.out);
}
