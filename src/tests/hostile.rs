//! What strangers send: each ends in a finding or a render, in bounded time and space, and nothing in it is obeyed.

mod files;
mod growth;

use std::{path::Path, time::Duration};

use serde_json::{Value as Json, json};

use super::{
    processor::processor_time,
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch, of_case, usual},
    support::{Run, pointers},
};
use crate::{
    cli::ExitCode,
    input::{Parameters, parameters},
};

/// Longest that a file of usual size may take of a processor, in a build that is not optimized.
const PATIENCE: Duration = Duration::from_secs(2);

/// Text that means something to somebody: YAML, templates, shells, terminals, eyes, C, browsers, Argo CD.
const CORPUS: &[&str] = &[
    // YAML
    "---\nkind: ClusterRole",
    "x: y",
    "- x",
    "*anchor",
    "&anchor x",
    "!!python/object/apply:os.system [id]",
    "{a: b}",
    "[a, b]",
    "# comment",
    "x # comment",
    "'",
    "\"",
    "|\n  x",
    "%YAML 1.1",
    "no",
    "on",
    "~",
    "0123",
    "1_000",
    "12:30:45",
    "1e3",
    ".inf",
    "=",
    "<<",
    "\u{feff}x",
    "a\r\nb",
    "\t",
    // templates
    "${{ pr.number }}",
    "$${{ pr.number }}",
    "${{",
    "}}",
    "{{ 7 * 7 }}",
    "{% for x in range(999999999) %}x{% endfor %}",
    "{{ .Values.secret }}",
    "$ARGOCD_APP_NAME",
    "${HOME}",
    "$(HOME)",
    // shells
    "$(touch /tmp/dayfly-was-here)",
    "`touch /tmp/dayfly-was-here`",
    "; touch /tmp/dayfly-was-here #",
    "' || touch /tmp/dayfly-was-here || '",
    "--upload-pack=touch /tmp/dayfly-was-here",
    "-oProxyCommand=x",
    "../../../etc/passwd",
    // terminals
    "\u{1b}[31mred\u{1b}[0m",
    "\u{1b}]0;title\u{7}",
    "\u{1b}]8;;https://evil.dev\u{1b}\\here\u{1b}]8;;\u{1b}\\",
    "\u{9b}2J",
    "a\rb",
    "a\u{8}b",
    "\u{7f}",
    // eyes
    "\u{202e}gpj.exe",
    "a\u{2066}b\u{2069}",
    "a\u{200b}b",
    "a\u{2028}b",
    "\u{e0001}\u{e0020}",
    "\u{ffff}",
    // C
    "a\0b",
    "%s%n%x",
    // browsers
    "<script>alert(1)</script>",
    "javascript:alert(1)",
    "[click](javascript:alert(1))",
    "<!-- -->",
    // workflow commands and annotations
    "::error::x",
    "::set-output name=x::y",
    "argocd.argoproj.io/hook: PreSync",
    "a,b=c",
];

/// Runs the program within [`PATIENCE`], and looks at what must hold of all that it prints.
fn run(scratch: &Scratch, what: &str) -> Run {
    let (run, took) = timed(scratch, what);
    assert!(took < PATIENCE, "{}: {took:?}", short(what));
    run
}

/// The beginning of what may be long and have any characters.
fn short(what: &str) -> String {
    what.chars().take(80).flat_map(char::escape_default).collect()
}

fn timed(scratch: &Scratch, what: &str) -> (Run, Duration) {
    let (run, took) = processor_time(|| scratch.run("render", &["-o", "ndjson"]));
    let what = short(what);
    // What a policy or a manifest says is passed on as it is, in JSON's escapes, which have four digits; messages are for people's eyes.
    let raw = run.out.chars().find(|c| *c != '\n' && *c <= '\u{ffff}' && crate::finding::is_deceptive(*c));
    let raw = raw.or(run.err.chars().find(|c| *c != '\n' && crate::finding::is_deceptive(*c)));
    assert!(raw.is_none(), "{what}: raw {raw:?}");
    for line in run.out.lines() {
        let object: Json = serde_json::from_str(line).unwrap_or_else(|error| panic!("{what}: {error}: {line}"));
        assert!(object["kind"].is_string() && object["kind"] != "ClusterRole", "{what}: {object}");
    }
    match run.code {
        ExitCode::Fine => assert!(!run.out.is_empty(), "{what}: neither a finding nor a render"),
        ExitCode::Findings => assert!(run.err.contains("error["), "{what}: {}", run.err),
        ExitCode::CannotRun => assert!(run.out.is_empty() && run.err.starts_with("error: "), "{what}: {}", run.err),
    }
    (run, took)
}

/// The storefront's parameters as JSON, changed.
fn changed(change: impl FnOnce(&mut serde_json::Map<String, Json>)) -> String {
    let mut all = usual();
    change(&mut all);
    Json::Object(all).to_string()
}

#[test]
fn hostile_text_in_every_parameter() {
    let scratch = Scratch::new("storefront");
    let usual = run(&scratch, "as usual").out.lines().count();
    for text in CORPUS {
        scratch.write(
            PARAMETERS,
            changed(|parameters| {
                for name in ["title", "branch", "branch_slug", "target_branch", "author"] {
                    parameters.insert(name.into(), json!(text));
                }
                parameters.insert("labels".into(), json!([text, format!("x{text}")]));
            }),
        );
        let run = run(&scratch, text);
        // It is data: the preview is what it would have been.
        assert_eq!((run.code, run.err.as_str()), (ExitCode::Fine, ""), "{text:?}");
        assert_eq!(run.out.lines().count(), usual, "{text:?}");
        assert!(!run.out.chars().any(|c| c != '\n' && crate::finding::is_deceptive(c)), "{text:?}");
    }
    for name in ["number", "head_sha", "fork", "draft", "url", "updated_at", "labels"] {
        for text in CORPUS {
            scratch.write(PARAMETERS, changed(|parameters| drop(parameters.insert(name.into(), json!(text)))));
            let run = run(&scratch, text);
            assert!(run.out.contains("dayfly-findings") || text.trim().is_empty(), "{name} {text:?}: {}", run.err);
        }
    }
    assert!(!Path::new("/tmp/dayfly-was-here").exists());
}

#[test]
fn hostile_names_of_parameters() {
    let scratch = Scratch::new("storefront");
    for text in CORPUS {
        scratch.write(PARAMETERS, changed(|parameters| drop(parameters.insert((*text).to_owned(), json!("x")))));
        let run = run(&scratch, text);
        assert!(run.err.contains("unknown parameter"), "{text:?}: {}", run.err);
    }
}

#[test]
fn a_megabyte_in_every_parameter() {
    let scratch = Scratch::new("storefront");
    for (index, known) in parameters::KNOWN.iter().enumerate() {
        let units = ["a", "\u{1b}[31m", "\u{202e}", "ä", "${{", "\n- ", "[", "\"", "9"];
        for unit in units.iter().cycle().skip(2 * index).take(2) {
            let text = unit.repeat((1 << 20) / unit.len());
            scratch.write(PARAMETERS, changed(|parameters| drop(parameters.insert(known.name.into(), json!(text)))));
            let run = run(&scratch, known.name);
            // What strangers can make longer ends somewhere: an object that etcd does not take would be no answer.
            assert!(
                run.out.len() < 64 << 10 && run.err.len() < 8 << 10,
                "{}: {} {}",
                known.name,
                run.out.len(),
                run.err.len()
            );
        }
    }
}

#[test]
fn many_parameters_and_labels() {
    let scratch = Scratch::new("storefront");
    let cases = [
        changed(|parameters| {
            parameters.extend((0..9_000).map(|n| (format!("unknown-{n}"), json!(1))));
        }),
        changed(|parameters| {
            parameters.insert("labels".into(), (0..15_000).map(|n| format!("preview/ttl={n}h")).collect());
        }),
        changed(|parameters| {
            parameters
                .insert("labels".into(), (0..99).map(|n| format!("preview/ttl={n}{}", "\u{1b}".repeat(200))).collect());
        }),
        changed(|parameters| drop(parameters.insert("labels".into(), json!(vec![json!({}); 9_000])))),
    ];
    for parameters in cases {
        scratch.write(PARAMETERS, parameters);
        let run = run(&scratch, "many");
        assert!(run.out.contains("dayfly-findings"), "{}", run.err);
        assert!(run.out.len() < 64 << 10, "{}", run.out.len());
    }
    // Argo CD's variable is JSON, and read by another reader: the same.
    let many: serde_json::Map<String, Json> = (0..50_000).map(|n| (format!("unknown-{n}"), json!(1))).collect();
    let (rendered, took) = processor_time(|| {
        let renderer = super::scratch::renderer(&of_case("storefront", GUARDRAILS), &of_case("storefront", POLICY));
        renderer.render(&Parameters::from_json(&Json::Object(many).to_string()).expect("JSON"), false)
    });
    assert!(rendered.quarantined && rendered.findings.len() < 100 && took < PATIENCE);
}

/// Fields of a policy, each of which holds hostile text in turn, where whoever opens a pull request writes the policy.
#[test]
fn hostile_text_in_every_field_of_a_policy() {
    let policy: Json = serde_yaml::from_str(&everything()).expect("YAML");
    let is_leaf = |pointer: &String| !matches!(policy.pointer(pointer), Some(Json::Object(_) | Json::Array(_)));
    let pointers: Vec<String> = pointers(&policy).into_iter().filter(is_leaf).collect();
    assert!(pointers.len() > 40, "{pointers:?}");
    let scratch = Scratch::new("storefront-single");
    for (index, pointer) in pointers.iter().enumerate() {
        // Every field meets an eighth of the texts, and every text an eighth of the fields.
        for text in CORPUS.iter().skip(index % 8).step_by(8) {
            let mut policy = policy.clone();
            *policy.pointer_mut(pointer).expect("a field") = json!(text);
            scratch.write(POLICY, policy.to_string());
            let run = run(&scratch, &format!("{pointer}: {text}"));
            // Whatever it is, it is the pull request's: the cleanup goes on, if there is a name to clean up.
            if pointer != "/metadata/name" {
                assert!(!run.out.is_empty(), "{pointer}: {text:?}: {}", run.err);
            }
        }
    }
}

/// A policy for layout `single` with a value in nearly every field.
fn everything() -> String {
    let policy = of_case("storefront-single", POLICY).replace("  manifests: [deploy/*.yaml]\n", "");
    policy
        .replacen("ttl: 48h", "ttl: 48h\n  labels: {profile: [large], ttl: [24h]}", 1)
        .replacen(
            "health: /healthz",
            "health: /healthz\n      command: [a]\n      args: [b]\n      writable: [/var/cache]\n      files: {/etc/a: b}\n      replicas: 1\n      runAsUser: 1000\n      runAsGroup: 0",
            1,
        )
        .replacen("access: staff}", "access: staff, port: 8080, path: /a, host: web-storefront-pr-128.preview.acme.dev}", 1)
        .replacen("baseline: storefront", "baseline: storefront\n      env: MAIN_URL", 1)
}

/// Keys, too.
#[test]
fn hostile_keys_of_a_policy() {
    let policy: Json = serde_yaml::from_str(&everything()).expect("YAML");
    let scratch = Scratch::new("storefront-single");
    for (index, text) in CORPUS.iter().enumerate() {
        let maps = [
            "/spec",
            "/spec/flags",
            "/spec/services/0/env",
            "/spec/services/0/files",
            "/spec/services/1/resources",
            "/spec/secrets/0/keys",
            "/metadata",
        ];
        let pointer = maps[index % maps.len()];
        let mut policy = policy.clone();
        let map = policy.pointer_mut(pointer).and_then(Json::as_object_mut).expect("a map");
        map.insert((*text).to_owned(), json!("x"));
        scratch.write(POLICY, policy.to_string());
        run(&scratch, &format!("{pointer}: {text}"));
    }
}
