//! Whose mistake it is decides what is rendered: all, the quarantine, or nothing.

use super::{
    scratch,
    table::{Edit, MANIFEST},
    text,
};
use crate::{
    cli::ExitCode,
    tests::scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch},
};

/// A team's mistake that is seen only when all objects are there.
const ROLE: Edit = ("extra.yaml", "", "apiVersion: rbac.authorization.k8s.io/v1\nkind: Role\nmetadata: {name: x}\n");

const TEMPLATES: Edit = (GUARDRAILS, "  patches:", "  templates: templates\n  patches:");

/// What nobody reads: a warning.
const NO_TEMPLATE: Edit = ("templates/a.yaml.tpl", "", "");

fn nothing(scratch: &Scratch, code: &str) {
    let run = scratch.run("render", &["-o", "ndjson"]);
    assert_eq!((run.code, &*run.out), (ExitCode::Findings, ""), "{}", run.err);
    assert!(run.err.contains(code), "{}", run.err);
    let run = scratch.each("{\"number\": 128, \"head_sha\": \"3f9c1e7ab2d4c658\", \"fork\": false}\n");
    assert_eq!((run.code, &*run.out), (ExitCode::Findings, ""), "{}", run.err);
    assert!(run.err.contains(code), "{}", run.err);
}

/// Neither half of the preview, nor the quarantine in the place of one that runs.
#[test]
fn what_the_team_has_to_mend_leaves_nothing() {
    nothing(&scratch(&[MANIFEST, ROLE]), "[manifest-kind]");
    nothing(&scratch(&[MANIFEST, ROLE, TEMPLATES, NO_TEMPLATE]), "[manifest-kind]");
}

/// Not even for what the pull request has to mend.
#[test]
fn a_platform_that_breaks_the_quarantine_is_told() {
    let finalizer =
        "  patches:\n    - target: {kind: Namespace}\n      merge: {metadata: {finalizers: [acme.dev/x]}}\n";
    let scratch = scratch(&[(GUARDRAILS, "  patches:\n", finalizer), (PARAMETERS, "fork: false", "fork: true")]);
    let run = scratch.run("render", &["-o", "ndjson"]);
    assert_eq!((run.code, &*run.out), (ExitCode::Findings, ""), "{}", run.err);
    assert!(run.err.contains("[forbidden-output]") && run.err.contains("owner: platform"), "{}", run.err);
    scratch.replace(GUARDRAILS, "finalizers: [acme.dev/x]", "annotations: {acme.dev/x: y}");
    assert!(scratch.run("render", &["-o", "ndjson"]).is_quarantine());
}

/// A label is to blame for what does not fit with it, whatever else the pull request does, and for nothing else.
#[test]
fn a_label_that_asks_for_too_little_is_one_mistake_among_others() {
    let edits: [Edit; 6] = [
        (POLICY, "profile: small", "profile: large"),
        (POLICY, "memory: 256Mi", "memory: 3Gi"),
        (POLICY, "${{ pr.title }}", "{{ pr.title }}"),
        (PARAMETERS, "[preview, ", "[preview, \"preview/profile=small\", \"preview/ttl=73h\", "),
        TEMPLATES,
        NO_TEMPLATE,
    ];
    let scratch = scratch(&edits);
    let found = scratch.findings();
    let mut owners: Vec<_> = found.iter().map(|finding| (text(finding, "/code"), text(finding, "/owner"))).collect();
    owners.sort_unstable();
    let expected = [
        ("label-not-offered", "pull-request"),
        ("not-an-expression", "team"),
        ("template-file", "platform"),
        ("unbounded-request", "pull-request"),
    ];
    assert_eq!(owners, expected);
    assert!(scratch.run("render", &["-o", "ndjson"]).is_quarantine());
}
