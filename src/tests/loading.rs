//! Files that are read, or are not, and what is said about them.

use std::fs;

use crate::{cli::ExitCode, input::parameters::LIMIT};

use super::{
    process::with_variables,
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch, of_case},
    support::{dayfly, text},
};

/// What is wrong is told with all else, and not that there are none.
#[test]
fn parameters_that_are_no_text_are_told_as_what_they_are() {
    let parameters = of_case("storefront", PARAMETERS);
    let mut latin = parameters.clone().into_bytes();
    latin.extend(b"# caf\xe9\n");
    let long = format!("{parameters}#{}\n", " ".repeat(LIMIT));
    for (content, code) in [(latin, "not-yaml"), (long.into_bytes(), "input-limit")] {
        let scratch = Scratch::new("storefront");
        scratch.write(PARAMETERS, content);
        scratch.replace(POLICY, "  ttl: 48h", "  ttl: 48h\n  colour: blue");
        let run = scratch.run("check", &["--format", "json"]);
        assert_eq!((run.code, &*run.err), (ExitCode::Findings, ""));
        let found = run.list();
        let told = |one| ["/code", "/owner", "/location/file"].map(|field| text(one, field));
        let found: Vec<_> = found.iter().map(told).collect();
        assert!(found.contains(&[code, "pull-request", PARAMETERS]), "{found:?}");
        assert!(found.iter().any(|[code, ..]| *code == "unknown-field"), "{found:?}");
        assert_eq!(found.len(), 2, "{found:?}");
    }
}

/// Files of one folder, and of several.
#[test]
fn manifests_are_so_many_files_at_most() {
    let scratch = Scratch::new("storefront");
    scratch.replace(POLICY, "  routes:", "  manifests: [one.yaml, deploy/*.yaml]\n  routes:");
    let map = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    scratch.write("one.yaml", map("one"));
    for number in 1..200 {
        scratch.write(&format!("deploy/{number}.yaml"), map(&format!("m{number}")));
    }
    let run = scratch.run("check", &[]);
    assert_eq!(run.code, ExitCode::Fine, "{}", run.out);
    scratch.write("deploy/200.yaml", map("m200"));
    let run = scratch.run("check", &[]);
    assert!(run.out.starts_with("error[manifest-file]: more than 200 files of manifests ("), "{}", run.out);
    assert_eq!((run.code, run.out.matches("error[").count()), (ExitCode::Findings, 1), "{}", run.out);
}

/// A file is left out because it is the guardrails, and not because it is called so.
#[test]
fn a_template_may_be_called_as_the_guardrails() {
    let scratch = Scratch::new("storefront");
    scratch.replace(GUARDRAILS, "  patches:", "  templates: templates\n  patches:");
    let template =
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: of-the-platform, namespace: \"${{ namespace }}\"}\n";
    scratch.write("templates/guardrails.yaml", template);
    let run = scratch.run("render", &["-o", "ndjson"]);
    assert_eq!((run.code, &*run.err), (ExitCode::Fine, ""));
    assert!(run.out.contains("of-the-platform"), "{}", run.out);
}

/// Once, also where a template that is wrong has all of them looked at again.
#[test]
fn what_is_no_template_is_told_once() {
    let scratch = Scratch::new("storefront");
    scratch.replace(GUARDRAILS, "  patches:", "  templates: templates\n  patches:");
    scratch.write("templates/a.yaml.tpl", "");
    scratch.write("templates/more/b.yaml", "");
    scratch.write("templates/more/notes.txt", "");
    scratch.write("templates/notes.txt", "");
    scratch.write("templates/text/notes.txt", "");
    for broken in [false, true] {
        if broken {
            scratch.write("templates/z.yaml", "$if: x\n");
        }
        for command in ["render", "check"] {
            let run = scratch.run(command, &[]);
            let said = if command == "render" { run.err } else { run.out };
            for told in ["`a.yaml.tpl` is not read as a template", "`more` is a folder: templates are files"] {
                assert_eq!(said.matches(told).count(), 1, "{said}");
            }
            assert_eq!(said.matches("[template-file]").count(), 2, "{said}");
            assert_eq!(said.contains("templates/z.yaml:1:1\n  |\n1 | $if: x\n"), broken, "{said}");
        }
    }
}

/// There, folders are anybody's; a file that is called like a template is one that somebody meant.
#[test]
fn beside_the_guardrails_folders_are_no_templates() {
    let scratch = Scratch::new("storefront");
    scratch.replace(GUARDRAILS, "  patches:", "  templates: .\n  patches:");
    let beside = |name: &str| scratch.path(GUARDRAILS).with_file_name(name);
    fs::remove_file(beside(PARAMETERS)).expect("a file");
    fs::write(beside("extra.json"), "").expect("a file");
    let [folder, guardrails] = ["", GUARDRAILS].map(|file| scratch.named(file));
    let set = ["--set", "number=1", "--set", "head_sha=3f9c1e7ab2", "--set", "fork=false"];
    let run = dayfly(&[&["render", &folder, "--guardrails", &guardrails], &set[..]].concat());
    assert_eq!(run.code, ExitCode::Fine, "{}", run.err);
    assert!(run.err.contains("`extra.json` is not read as a template"), "{}", run.err);
    assert_eq!(run.err.matches("[template-file]").count(), 1, "{}", run.err);
}

/// An empty one names nothing, a relative one is a person's, and `--parameters` is what a person asks about.
#[test]
fn variables_of_a_person_s_own_shell() {
    let scratch = Scratch::new("storefront");
    let [guardrails, parameters] = [GUARDRAILS, PARAMETERS].map(|file| scratch.named(file));
    let render = ["render", "-o", "ndjson", "--parameters", &parameters];
    let run = with_variables(&scratch, &render, &[("DAYFLY_GUARDRAILS", "")]);
    assert!(run.err.contains("note: no guardrails were given"), "{}", run.err);
    let run = with_variables(&scratch, &render, &[("DAYFLY_GUARDRAILS", "../guardrails.yaml")]);
    assert_eq!((run.code, &*run.err), (ExitCode::Fine, ""));
    scratch.replace(PARAMETERS, "fork: false", "fork: true");
    let variables = [("DAYFLY_GUARDRAILS", &*guardrails), ("ARGOCD_APP_PARAMETERS", "[]")];
    let run = with_variables(&scratch, &render, &variables);
    assert!(run.code == ExitCode::Findings && run.is_quarantine(), "{:?}: {}", run.code, run.err);
}
