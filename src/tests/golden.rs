//! Every folder of `testdata/` renders to a snapshot: `snapshots/CASE.snap.yaml`, plain YAML, which kubectl reads.
//!
//! A case that is refused or quarantined has its messages in `snapshots/CASE.stderr.snap` as well. To add a case, add a
//! folder; to accept what changed, run the tests with `INSTA_UPDATE=always` and read the diff.

use std::{collections::BTreeSet, fs};

use insta::{assert_binary_snapshot, assert_snapshot, with_settings};

use super::support::{dayfly_on, root};
use crate::cli::{self, ExitCode};

pub(super) fn cases() -> Vec<String> {
    let folders = fs::read_dir(root().join("testdata")).expect("testdata/");
    let mut cases: Vec<String> = folders
        .map(|entry| entry.expect("a folder").path())
        .filter(|path| path.join("preview.yaml").exists())
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    cases.sort();
    cases
}

/// Says which line of a snapshot changed: insta compares these files as bytes.
#[expect(clippy::print_stderr, reason = "shown by a failing test only")]
fn show_first_difference(file: &str, found: &str) {
    let expected = fs::read_to_string(root().join("snapshots").join(file)).unwrap_or_default();
    let pairs = expected.lines().map(Some).chain(std::iter::repeat(None)).zip(found.lines());
    if let Some((number, (old, new))) = pairs.enumerate().find(|(_, (old, new))| *old != Some(*new)) {
        eprintln!("{file}:{}\n  expected {}\n  found    {new}", number + 1, old.unwrap_or("(end)"));
    }
}

#[test]
fn every_case_renders_to_its_snapshot() {
    let mut expected_files = BTreeSet::new();
    for case in cases() {
        let run = dayfly_on("render", &case, &["-o", "yaml"]);
        assert_ne!(run.code, ExitCode::CannotRun, "{case}: {}", run.err);
        with_settings!({ snapshot_path => root().join("snapshots"), prepend_module_to_snapshot => false, omit_expression => true }, {
            if !run.out.is_empty() {
                show_first_difference(&format!("{case}.snap.yaml"), &run.out);
                expected_files.extend([format!("{case}.snap"), format!("{case}.snap.yaml")]);
                assert_binary_snapshot!(&format!("{case}.yaml"), run.out.into_bytes());
            }
            if !run.err.is_empty() {
                expected_files.insert(format!("{case}.stderr.snap"));
                assert_snapshot!(format!("{case}.stderr"), run.err);
            }
        });
    }
    let present: BTreeSet<String> = fs::read_dir(root().join("snapshots"))
        .expect("snapshots/")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.is_file())
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(present, expected_files, "snapshots/ holds what the cases render to, and nothing else");
}

#[test]
fn every_case_checks_as_it_renders() {
    for case in cases() {
        let render = dayfly_on("render", &case, &["-o", "ndjson"]);
        let check = dayfly_on("check", &case, &["--format", "json"]);
        assert_eq!(render.code, check.code, "{case}");
        let findings: serde_json::Value = serde_json::from_str(&check.out).expect("an array");
        assert_eq!(findings.as_array().map(Vec::len) == Some(0), render.err.is_empty(), "{case}");
    }
}

#[test]
fn help_of_every_command() {
    for command in ["render", "check", "explain", "guardrails", "schema", "init", "parameters", "plugin", "completions"]
    {
        with_settings!({ snapshot_path => root().join("snapshots/help"), prepend_module_to_snapshot => false, omit_expression => true }, {
            assert_snapshot!(command, cli::help(command).expect("a command"));
        });
    }
}
