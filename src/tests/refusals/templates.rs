//! Mistakes in the platform's templates, and which files are templates.

use std::fs;

use super::{GUARDRAILS, PARAMETERS, POLICY, dayfly, place, scratch, text};
use crate::cli::ExitCode;

/// `check` looks everywhere; a render, at all of them as soon as it comes to one.
#[test]
fn mistakes_in_templates_are_told_at_once() {
    let scratch = scratch(&[
        (GUARDRAILS, "  patches:", "  templates: templates\n  patches:"),
        ("templates/a.yaml", "", "$when: ${{ '' }}\nkind: ${{ nmespace }}\n"),
        ("templates/b.yaml", "", "$when: ${{ '' }}\na: ${{ 1 + }}\nb: ${{ routes.web }}\n"),
    ]);
    let places = |command: &str| {
        let text = scratch.run(command, &[]);
        let text = format!("{}{}", text.out, text.err);
        text.lines().filter_map(|line| line.trim_start().strip_prefix("--> ").map(str::to_owned)).collect::<Vec<_>>()
    };
    let all = ["templates/a.yaml:2:11", "templates/b.yaml:2:8", "templates/b.yaml:3:8"];
    assert_eq!(places("check"), all);
    assert_eq!(scratch.run("render", &[]).code, ExitCode::Fine, "nothing of it is come to");
    scratch.replace("templates/a.yaml", "''", "'x'");
    assert_eq!((places("render"), places("check")), (all.map(String::from).to_vec(), all.map(String::from).to_vec()));
}

/// A file that is no text is a mistake among others, and which file is a template is decided by its name.
#[test]
fn files_of_templates() {
    let with = |folder: &str| scratch(&[(GUARDRAILS, "  patches:", &format!("  templates: {folder}\n  patches:"))]);
    let broken = with("templates");
    broken.write("templates/a.yaml", b"a: \xff\n");
    broken.write("templates/b.yaml", vec![b'#'; 2 << 20]);
    broken.write("templates/c.yaml", "$if: x\n");
    broken.replace(POLICY, "service: web", "service: wbe");
    let found: Vec<String> =
        broken.findings().iter().map(|finding| format!("{} {}", text(finding, "/code"), place(finding))).collect();
    for expected in [
        "not-yaml templates/a.yaml:1:4",
        "input-limit templates/b.yaml:null:null",
        "template templates/c.yaml:1:1",
        "unknown-reference source/preview.yaml:33:28",
    ] {
        assert!(found.iter().any(|found| found == expected), "{expected}: {found:?}");
    }
    assert_eq!(broken.run("render", &[]).code, ExitCode::Findings);

    // As a ConfigMap is mounted whose keys are guardrails and templates.
    let mounted = with(".");
    let guardrails = fs::read(mounted.path(GUARDRAILS)).expect("a file");
    for (name, content) in [("guardrails.yaml", &guardrails), ("http-route.yml", &Vec::new())] {
        mounted.write(&format!("templates/..data/{name}"), content);
        let link = mounted.path(&format!("templates/{name}"));
        std::os::unix::fs::symlink(format!("..data/{name}"), link).expect("a link");
    }
    let paths = [POLICY, PARAMETERS, "templates/guardrails.yaml"].map(|file| mounted.path(file));
    let [policy, parameters, guardrails] = paths.each_ref().map(|path| path.to_str().expect("a path"));
    let folder = policy.strip_suffix(POLICY).expect("a folder");
    let run = dayfly(&["render", folder, "--parameters", parameters, "--guardrails", guardrails]);
    assert_eq!((run.code, &*run.err), (ExitCode::Fine, ""));
    assert!(!run.out.contains("PreviewGuardrails") && !run.out.contains("kind: HTTPRoute\n"), "{}", run.out);
    assert!(scratch(&[]).run("render", &[]).out.contains("kind: HTTPRoute\n"));
}
