//! What whoever calls it in another way than it is to be called is told.

use std::fs;

use crate::cli::ExitCode;

use super::{
    process::with_variables,
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch},
    support::{Run, dayfly},
};

const BUILT_IN: &str = "note: no guardrails were given: these are the built-in ones, which allow no registry; \
                        pass `--guardrails FILE` or set `DAYFLY_GUARDRAILS`\n";

/// What nobody named is not taken silently; in the plugin the first line is the cause.
#[test]
fn the_built_in_guardrails_are_told_of() {
    let scratch = Scratch::new("storefront");
    let [folder, guardrails, parameters] = ["", GUARDRAILS, PARAMETERS].map(|file| scratch.named(file));
    for call in [&["check"][..], &["check", "--format", "json"], &["explain", "ttl"], &["render", "-o", "ndjson"]] {
        let args = [&call[..1], &[&folder], &call[1..], &["--parameters", &parameters]].concat();
        let told = |args: &[&str], variables: &[(&str, &str)]| {
            let run = with_variables(&scratch, args, variables);
            assert!(!run.out.contains("note:"), "{call:?}: {}", run.out);
            run.err.matches(BUILT_IN).count()
        };
        assert_eq!(told(&args, &[]), 1, "{call:?}");
        assert_eq!(told(&args, &[("DAYFLY_GUARDRAILS", &guardrails)]), 0, "{call:?}");
        assert_eq!(told(&[&args[..], &["--guardrails", &guardrails]].concat(), &[]), 0, "{call:?}");
    }
    let pull_request = r#"[{"name": "number", "string": "1"}, {"name": "head_sha", "string": "0123456789"}]"#;
    let Run { code, err, .. } =
        with_variables(&scratch, &["render", "-o", "ndjson"], &[("ARGOCD_APP_PARAMETERS", pull_request)]);
    assert!(code == ExitCode::Findings && err.starts_with("error[") && !err.contains("note:"), "{err}");
}

/// The built-in ones need nobody's look.
#[test]
fn guardrails_that_are_looked_at_alone_are_named() {
    let scratch = Scratch::new("storefront");
    let named = scratch.named(GUARDRAILS);
    let beside = named.strip_suffix("/guardrails.yaml").expect("a folder").to_owned();
    let none = "error: `--guardrails-only` looks at the platform's guardrails, and none were given: pass `--guardrails FILE` or set \
                `DAYFLY_GUARDRAILS`\n";
    let run = with_variables(&scratch, &["check", "--guardrails-only"], &[]);
    assert_eq!((run.code, &*run.out, &*run.err), (ExitCode::CannotRun, "", none));
    let run = with_variables(&scratch, &["check", "--guardrails-only"], &[("DAYFLY_GUARDRAILS", &named)]);
    assert_eq!((run.code, &*run.err), (ExitCode::Fine, ""));
    for folder in [&named, &beside] {
        let run = dayfly(&["check", "--guardrails-only", folder]);
        let expected = format!("name the file with `--guardrails {named}`\n");
        assert!(run.code == ExitCode::CannotRun && run.err.ends_with(&expected), "{}", run.err);
    }
    let run = dayfly(&["check", "--guardrails-only", &beside, "--guardrails", &named]);
    assert!(run.code == ExitCode::CannotRun && run.err.contains(&format!("leave out `{beside}`")), "{}", run.err);
}

#[test]
fn guardrails_that_a_variable_names_are_not_there() {
    let scratch = Scratch::new("storefront");
    let Run { code, err, .. } = with_variables(&scratch, &["check"], &[("DAYFLY_GUARDRAILS", "/nope.yaml")]);
    let expected = "error: failed to read the guardrails that `DAYFLY_GUARDRAILS` names: failed to open `/nope.yaml`: ";
    assert!(code == ExitCode::CannotRun && err.starts_with(expected), "{err}");
}

/// One argument is what to explain.
#[test]
fn explain_looks_at_the_current_folder() {
    let scratch = Scratch::new("storefront");
    let (folder, guardrails) = (scratch.named(""), scratch.named(GUARDRAILS));
    for args in [&["explain", "ttl", "--guardrails", &guardrails][..], &["explain", "--guardrails", &guardrails, "ttl"]]
    {
        let Run { code, out, err } = with_variables(&scratch, args, &[]);
        assert_eq!(code, ExitCode::Fine, "{err}");
        assert!(out.starts_with("ttl\n  granted    48h\n  set by     team, preview.yaml:9:8 "), "{out}");
        let run = dayfly(&[&args[..1], &[&folder], &args[1..]].concat());
        assert!(run.code == ExitCode::Fine && run.out.starts_with("ttl\n  granted    48h\n"), "{}", run.err);
    }
    let folder = folder.trim_end_matches('/');
    for (args, said) in [
        (&["explain"][..], "error: say what is to be explained, such as `dayfly explain ttl`".to_owned()),
        (
            &["explain", folder],
            format!("error: say what of `{folder}` is to be explained, such as `dayfly explain {folder} ttl`\n"),
        ),
        (
            &["explain", "ttl", "--guardrails", &guardrails],
            "error: there is no policy `preview.yaml`: `dayfly init` writes one\n".to_owned(),
        ),
    ] {
        let run = dayfly(args);
        assert!(run.code == ExitCode::CannotRun && run.err.starts_with(&said), "{said}: {}", run.err);
    }
}

/// Ten objects without a workload are no preview; Argo CD has no use for a note.
#[test]
fn a_quarantine_is_called_one() {
    let scratch = Scratch::new("storefront");
    let note =
        "\nnote: what was written is the quarantine: the preview's namespace without workloads, until that is mended\n";
    let run = scratch.run("render", &["--set", "fork=true"]);
    assert!(run.code == ExitCode::Findings && run.err.ends_with(note), "{}", run.err);
    assert!(!scratch.run("render", &[]).err.contains("note:"));
    scratch.replace(POLICY, "  ttl: 48h", "  ttl: 48h\n  colour: blue");
    assert!(!scratch.run("render", &["--set", "fork=true"]).err.contains("note:"), "nothing was written");
    let scratch = Scratch::new("storefront");
    let guardrails = scratch.named(GUARDRAILS);
    let pull_request = r#"[{"name": "number", "string": "1"}]"#;
    let variables = [("DAYFLY_GUARDRAILS", &*guardrails), ("ARGOCD_APP_PARAMETERS", pull_request)];
    let run = with_variables(&scratch, &["render", "-o", "ndjson"], &variables);
    let err = &run.err;
    assert_eq!(run.code, ExitCode::Fine, "{err}");
    assert!(run.is_quarantine() && !err.contains("note:") && !err.contains("--set"), "{err}");
}

/// Whoever left a parameter out is told how it is given.
#[test]
fn a_missing_parameter_says_how_to_give_it() {
    let scratch = Scratch::new("storefront");
    let help = "= help: pass `--set head_sha=…`, or write it into the file of `--parameters`\n";
    scratch.write(PARAMETERS, "number: 1\n");
    let run = scratch.run("check", &[]);
    assert!(
        run.out.contains("images and labels need it (parameters.yaml head_sha)\n") && run.out.contains(help),
        "{}",
        run.out
    );
    scratch.replace(POLICY, "  ttl: 48h", "  ttl: 48h\n  colour: blue");
    let run = scratch.run("check", &[]);
    assert!(run.out.contains("`colour`") && run.out.contains(help), "{}", run.out);
    scratch.write(PARAMETERS, "number: 1\nhead_sha: X\n");
    assert!(!scratch.run("check", &[]).out.contains("pass `--set"));
}

#[test]
fn a_file_in_the_place_of_the_parameters_is_one_mistake() {
    let scratch = Scratch::new("storefront");
    let [folder, guardrails, policy] = ["", GUARDRAILS, POLICY].map(|file| scratch.named(file));
    for (file, what) in [(&policy, "this is a policy"), (&guardrails, "these are guardrails")] {
        let run = dayfly(&["check", &folder, "--guardrails", &guardrails, "--parameters", file]);
        let told = run.out + &run.err;
        let said = format!("error[wrong-type]: {what}, expected a map of names and values, such as `number: 128`");
        assert!(run.code == ExitCode::Findings && told.starts_with(&said) && told.contains("\n1 error\n"), "{told}");
    }
}

/// The second one would find nothing there.
#[test]
fn standard_input_is_one_file() {
    for (first, second) in [("--guardrails", "--parameters"), ("--parameters", "--guardrails")] {
        let run = dayfly(&["check", "nowhere", first, "-", second, "-"]);
        let said = "error: standard input holds one file: `--guardrails -` and `--parameters -` cannot both be it\n";
        assert_eq!((run.code, &*run.err), (ExitCode::CannotRun, said));
    }
    let run = dayfly(&["render", "nowhere", "--guardrails", "-", "--each", "-", "-o", "ndjson"]);
    let said = "error: standard input holds one file: `--guardrails -` and `--each -` cannot both be it\n";
    assert_eq!((run.code, &*run.err), (ExitCode::CannotRun, said));
}

/// A mistake in the guardrails stands in them, for whatever reads it.
#[test]
fn a_folder_of_templates_that_is_not_there_is_a_finding() {
    let scratch = Scratch::new("storefront");
    scratch.replace(GUARDRAILS, "spec:\n", "spec:\n  templates: nope\n");
    for (format, said) in [
        ("text", "error[template]: there is no folder `nope` (guardrails.yaml:7:14)\n"),
        ("json", "\"line\": 7"),
        ("sarif", "\"startLine\": 7"),
        ("github", "guardrails.yaml,line=7,col=14,"),
    ] {
        let run = scratch.run("check", &["--format", format]);
        assert_eq!((run.code, &*run.err), (ExitCode::Findings, ""), "{format}");
        assert!(run.out.contains(said), "{format}: {}", run.out);
    }
    let run = scratch.run("render", &["-o", "ndjson"]);
    assert_eq!((run.code, &*run.out), (ExitCode::Findings, ""));
    scratch.replace(POLICY, "  ttl: 48h", "  ttl: 48h\n  colour: blue");
    let run = scratch.run("check", &[]);
    assert!(run.out.contains("(guardrails.yaml:7:14)") && run.out.contains("`colour`"), "{}", run.out);
    scratch.replace(GUARDRAILS, "templates: nope", "templates: guardrails.yaml");
    let run = scratch.run("check", &[]);
    assert!(run.out.contains("`guardrails.yaml` is a file, expected a folder (guardrails.yaml:7:14)"), "{}", run.out);
}

/// Code hosts compare paths letter by letter.
#[test]
fn paths_have_no_dot_in_them() {
    let scratch = Scratch::new("storefront");
    scratch.replace(POLICY, "  routes:", "  manifests: [./deploy/x.yaml]\n  routes:");
    scratch.replace(POLICY, "ttl: 48h", "ttl: soon");
    let files = |args: &[&str]| {
        let out = with_variables(&scratch, &[&["check", "--format", "github"], args].concat(), &[]).out;
        let mut files: Vec<String> =
            out.lines().filter_map(|line| Some(line.split_once(" file=")?.1.split_once(',')?.0.to_owned())).collect();
        files.sort();
        files.dedup();
        files
    };
    scratch.write("deploy/x.yaml", "kind: ConfigMap\n");
    scratch.write("source-guardrails.yaml", "spec: {}\n");
    scratch.write(".argocd-source.yaml", "a: 1\n");
    let args = ["./.", "--guardrails", "././source-guardrails.yaml", "--set", "number=1"];
    assert_eq!(files(&args), ["preview.yaml", "source-guardrails.yaml"]);
    scratch.replace(POLICY, "ttl: soon", "ttl: 48h");
    let guardrails = scratch.named(GUARDRAILS);
    assert_eq!(files(&[".", "--guardrails", &guardrails]), [".argocd-source.yaml"]);
    fs::remove_file(scratch.path(".argocd-source.yaml")).expect("a file");
    assert_eq!(files(&[".", "--guardrails", &guardrails]), ["deploy/x.yaml"]);
}

/// Both commands have a format: whoever takes the other's flag is understood.
#[test]
fn output_and_format_are_one_flag() {
    let scratch = Scratch::new("storefront");
    let json = scratch.run("check", &["--format", "json"]).out;
    for flag in [["-o", "json"], ["--output", "json"]] {
        assert_eq!(scratch.run("check", &flag).out, json);
    }
    assert_eq!(scratch.run("render", &["--format", "json"]).out, scratch.run("render", &["-o", "json"]).out);
}
