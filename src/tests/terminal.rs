//! What a terminal is sent: colour where it is asked for, and nothing else that it obeys.

use super::{
    process::with_variables,
    scratch::{GUARDRAILS, POLICY, Scratch},
    support::dayfly,
};
use crate::cli::ExitCode;

#[test]
fn colour_when_it_is_asked_for() {
    let scratch = Scratch::new("storefront");
    scratch.replace(POLICY, "ttl: 48h", "ttl: soon");
    let (guardrails, folder) = (scratch.named(GUARDRAILS), scratch.named(""));
    let check = |when: &str, variables: &[(&str, &str)]| {
        let args = ["check", &folder, "--guardrails", &guardrails, "--set", "number=1", "--color", when];
        let run = with_variables(&scratch, &args, variables);
        assert_eq!(run.code, ExitCode::Findings);
        assert!(run.out.contains("invalid-value"), "{}", run.out);
        run.out.contains('\u{1b}')
    };
    assert!(check("always", &[]) && check("always", &[("NO_COLOR", "1")]));
    assert!(!check("never", &[]) && !check("auto", &[]));
    // An argument that is wrong is coloured as well.
    let missing = ["check", "/nowhere", "--guardrails", &guardrails, "--color"];
    for (when, coloured) in [("always", true), ("never", false)] {
        let run = dayfly(&[&missing[..], &[when]].concat());
        assert_eq!(run.err.starts_with("\u{1b}[1;31merror\u{1b}[0m: "), coloured, "{}", run.err);
    }
}

#[test]
fn explain_has_colour_when_it_is_asked_for() {
    let scratch = Scratch::new("storefront");
    let explain = |when: &str| scratch.run("explain", &["ttl", "--color", when]).out;
    let (plain, coloured) = (explain("never"), explain("always"));
    assert!(coloured.starts_with("\u{1b}[1mttl\u{1b}[0m\n  \u{1b}[1;34mgranted\u{1b}[0m    "), "{coloured}");
    assert_eq!(coloured.replace("\u{1b}[1;34m", "").replace("\u{1b}[1m", "").replace("\u{1b}[0m", ""), plain);
    assert_eq!(explain("auto"), plain);
}

#[test]
fn a_terminal_obeys_no_argument() {
    for words in [["check", "no\u{1b}[31mwhere"], ["init", "/proc/no\u{1b}[31mwhere"]] {
        let run = dayfly(&words);
        assert_eq!(run.code, ExitCode::CannotRun);
        assert!(run.err.contains("no\\u{1b}[31mwhere") && !run.err.contains('\u{1b}'), "{}", run.err);
    }
}

#[test]
fn colour_reaches_help_and_arguments() {
    for (when, coloured) in
        [(&["--color=always"][..], true), (&["--color", "always"], true), (&["--color=never"], false), (&[], false)]
    {
        for args in [&["--help"][..], &["check", "-h"], &["check", "--nope"], &["render", "--output"]] {
            let run = dayfly(&[args, when].concat());
            let said = run.out + &run.err;
            assert!(said.contains("Usage: ") || said.contains("error: ") || coloured, "{said}");
            assert_eq!(said.contains('\u{1b}'), coloured, "{args:?} {when:?}: {said}");
        }
    }
}
