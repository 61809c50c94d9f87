//! Calls whose outcome no golden shows: a stream of pull requests, files that are there already.

use std::fs;

use crate::cli::ExitCode;

use super::{
    scratch::{GUARDRAILS, POLICY, Scratch},
    support::dayfly,
};

/// A line is a pull request: what is wrong with one is nothing to the others.
#[test]
fn a_broken_line_of_each_is_its_own() {
    let scratch = Scratch::new("storefront");
    let line = |number: u32| format!(r#"{{"number": {number}, "head_sha": "{number:040x}", "fork": false}}"#);
    let twice = line(3).replace("\"fork\"", "\"number\": 4, \"fork\"");
    scratch.write("sets", format!("{}\nnot JSON\n\n[7\n{twice}\n{}\n", line(1), line(2)));
    let path = |file: &str| scratch.path(file).display().to_string();
    let run =
        dayfly(&["render", &path(""), "--guardrails", &path(GUARDRAILS), "--each", &path("sets"), "-o", "ndjson"]);
    assert_eq!(run.code, ExitCode::CannotRun, "{}", run.err);
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

#[test]
fn init_overwrites_nothing() {
    for file in ["preview.yaml", "preview.schema.json"] {
        let scratch = Scratch::new("storefront");
        let folder = scratch.path("new");
        fs::create_dir(&folder).expect("a folder");
        fs::write(folder.join(file), "mine").expect("a file");
        let run = dayfly(&["init", &folder.display().to_string()]);
        assert_eq!(run.code, ExitCode::CannotRun, "{}", run.out);
        assert!(run.err.contains("is there already: nothing was written"), "{}", run.err);
        let files: Vec<_> = fs::read_dir(&folder).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(files, [file]);
        assert_eq!(fs::read_to_string(folder.join(file)).expect("a file"), "mine");
    }
}

#[test]
fn a_route_says_all_that_is_wrong_with_it() {
    let scratch = Scratch::new("storefront");
    scratch.replace(POLICY, "{name: web, service: web, access: staff}", "{name: web, service: wep, access: stuff}");
    let run = scratch.run("check", &[]);
    assert!(run.out.contains("`wep`") && run.out.contains("`stuff`"), "{}", run.out);
}

/// A restricted pull request's branch may be on another server, and trust changes while a preview lives.
#[test]
fn a_branch_is_removed_wherever_it_may_be() {
    let scratch = Scratch::new("storefront");
    let destroys =
        || scratch.run("render", &["-o", "ndjson"]).out.matches("\"argocd.argoproj.io/hook\":\"PostDelete\"").count();
    assert_eq!(destroys(), 1, "one server has both baselines");
    let other = "database: storefront_synthetic\n      endpoint: {namespace: databases, podLabels: {app: ";
    scratch.replace(GUARDRAILS, &format!("{other}postgres}}"), &format!("{other}postgres-two}}"));
    assert_eq!(destroys(), 2);
}

/// Who set a place of an object, and only the patches that changed it.
#[test]
fn explain_says_who_set_a_place() {
    let scratch = Scratch::new("storefront");
    for (what, code, said, unsaid) in [
        (
            "Deployment/web/spec/revisionHistoryLimit",
            ExitCode::Fine,
            "guardrails.yaml:94:7 (/spec/patches/0)",
            "preview.yaml",
        ),
        ("Deployment/web/spec", ExitCode::Fine, "guardrails.yaml:94:7 (/spec/patches/0)", "worker"),
        (
            "Deployment/web/spec/template/spec/containers/0/env/1/value",
            ExitCode::Fine,
            "(/spec/services/0/env/PUBLIC_URL)",
            "patches",
        ),
        (
            "Deployment/worker/spec/template/spec/containers/0/resources/requests/cpu",
            ExitCode::Fine,
            "(/spec/services/1/resources/cpu)",
            "memory",
        ),
        (
            "Deployment/worker/spec/template/spec/containers/0/env/1",
            ExitCode::Fine,
            "the service uses `main`",
            "patches",
        ),
        ("trust", ExitCode::Fine, "dayfly: the guardrails have no /spec/trust/trusted", "platform"),
        ("ttl.x", ExitCode::CannotRun, "did you mean `ttl`?", "there are"),
        (
            "egress",
            ExitCode::CannotRun,
            "there are `application`, `config`, `configHash`, `databaseJobs`, `databases`, ",
            "did you mean",
        ),
    ] {
        let run = scratch.run("explain", &[what]);
        let text = format!("{}{}", run.out, run.err);
        assert_eq!(run.code, code, "{what}: {text}");
        assert!(text.contains(said) && !text.contains(unsaid), "{what}: {text}");
    }
}

/// In layout `single` whoever opens the pull request writes the policy: whatever is wrong with it is the pull request's.
#[test]
fn a_single_policy_that_cannot_be_read_is_quarantined() {
    for (from, to, code) in [
        ("spec:\n", "spec:\n  team: [payments\n", "not-yaml"),
        ("spec:\n", "spec:\n  team: a\n  team: b\n", "duplicate-key"),
        ("spec:\n", "spec:\n\tteam: a\n", "not-yaml"),
    ] {
        let scratch = Scratch::new("storefront-single");
        scratch.replace(POLICY, from, to);
        let run = scratch.run("render", &["-o", "ndjson"]);
        assert_eq!(run.code, ExitCode::Findings, "{}", run.err);
        assert!(run.err.contains(&format!("error[{code}]")), "{}", run.err);
        assert!(run.out.contains("\"name\":\"dayfly-findings\"") && run.out.contains(code), "{to}: {}", run.out);
    }
}
