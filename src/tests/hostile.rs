//! What strangers send: each ends in a finding or a render, in bounded time and space, and nothing in it is obeyed.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command, time::Duration};

use serde_json::{Value as Json, json};

use super::{
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch, of_case},
    support::Run,
};
use crate::{
    cli::ExitCode,
    input::{Parameters, parameters},
};

/// Longest that a file of usual size may take of a processor, in a build that is not optimized.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much longer four times the input may take: four times, and as much again for what else the machine does. What grows with
/// the square would take sixteen times.
const GROWTH: u32 = 8;
/// Below it a measurement says nothing.
const NOISE: Duration = Duration::from_millis(50);

/// What this thread has had of a processor: the clock would also count what else the machine does.
fn processor_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds"))
}

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
    assert!(took < PATIENCE, "{}: {took:?}", what.chars().take(80).flat_map(char::escape_default).collect::<String>());
    run
}

fn timed(scratch: &Scratch, what: &str) -> (Run, Duration) {
    let start = processor_time();
    let run = scratch.run("render", &["-o", "ndjson"]);
    let took = processor_time().saturating_sub(start);
    let what: String = what.chars().take(80).flat_map(char::escape_default).collect();
    // What a policy or a manifest says is passed on as it is, in JSON's escapes; messages are for people's eyes.
    let raw = run.out.chars().find(|c| *c != '\n' && c.is_control());
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
    let mut all: Json = serde_yaml::from_str(&of_case("storefront", PARAMETERS)).expect("YAML");
    change(all.as_object_mut().expect("a map"));
    all.to_string()
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
    let start = processor_time();
    let renderer = super::scratch::renderer(&of_case("storefront", GUARDRAILS), &of_case("storefront", POLICY));
    let rendered = renderer.render(&Parameters::from_json(&Json::Object(many).to_string()).expect("JSON"), false);
    assert!(rendered.quarantined && rendered.findings.len() < 100 && processor_time().saturating_sub(start) < PATIENCE);
}

/// Fields of a policy, each of which holds hostile text in turn, where whoever opens a pull request writes the policy.
#[test]
fn hostile_text_in_every_field_of_a_policy() {
    let policy: Json = serde_yaml::from_str(&everything()).expect("YAML");
    let mut pointers = Vec::new();
    leaves(&policy, String::new(), &mut pointers);
    assert!(pointers.len() > 40, "{pointers:?}");
    let scratch = Scratch::new("storefront-single");
    for (index, pointer) in pointers.iter().enumerate() {
        // Every field meets every fourth text; every text meets a quarter of the fields.
        for text in CORPUS.iter().skip(index % 8).step_by(8) {
            let mut policy = policy.clone();
            *policy.pointer_mut(pointer).expect("a field") = json!(text);
            scratch.write(POLICY, policy.to_string());
            let run = run(&scratch, &format!("{pointer}: {text}"));
            let names_are_legible = pointer != "/metadata/name";
            // Whatever it is, it is the pull request's: the cleanup goes on.
            if names_are_legible {
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
            "health: /healthz\n      command: [a]\n      args: [b]\n      writable: [/var/cache]\n      replicas: 1\n      runAsUser: 1000",
            1,
        )
        .replacen("access: staff}", "access: staff, port: 8080, path: /a, host: web-storefront-pr-128.preview.acme.dev}", 1)
        .replacen("baseline: storefront", "baseline: storefront\n      env: MAIN_URL", 1)
}

fn leaves(value: &Json, pointer: String, pointers: &mut Vec<String>) {
    match value {
        Json::Object(map) => {
            for (key, value) in map {
                leaves(value, format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), pointers);
            }
        }
        Json::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, format!("{pointer}/{index}"), pointers);
            }
        }
        _ => pointers.push(pointer),
    }
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

#[test]
fn documents_that_do_harm() {
    let policy = of_case("storefront-single", POLICY);
    let bomb: String = (0..9).fold(String::from("a0: &a0 [x,x,x,x,x,x,x,x,x]\n"), |text, n| {
        format!("{text}a{0}: &a{0} [{1}]\n", n + 1, vec![format!("*a{n}"); 9].join(","))
    });
    let keys = many(100, &|n| format!("k{n}: 1, "));
    let blocks = many(300, &|n| format!("{}- a:\n", " ".repeat(2 * n)));
    let cases: Vec<(&str, String)> = vec![
        ("a billion laughs", format!("{policy}\n{bomb}")),
        ("an alias of itself", format!("{policy}\nx: &a [*a]\n")),
        ("merged maps", format!("{policy}\nx: &a {{{keys}}}\ny: [{}]\n", "{<<: *a}, ".repeat(99))),
        ("nested blocks", format!("{policy}\nx:\n{blocks}")),
        ("more than a megabyte", format!("{policy}{}", " ".repeat(2 << 20))),
        ("nothing", String::new()),
        ("white space", " \n \n".into()),
    ];
    let scratch = Scratch::new("storefront-single");
    for (what, text) in cases {
        scratch.write(POLICY, &text);
        let run = run(&scratch, what);
        assert_ne!(run.code, ExitCode::Fine, "{what}");
        assert!(run.out.len() < 256 << 10 && run.err.len() < 8 << 20, "{what}: {} {}", run.out.len(), run.err.len());
    }
}

/// A document as large as is wanted.
type Document<'a> = Box<dyn Fn(usize) -> String + 'a>;

/// A text many times, after others.
fn after<'a>(policy: &'a str, begin: &'a str, text: &'a str, end: &'a str) -> Document<'a> {
    Box::new(move |size| format!("{policy}{begin}{}{end}", text.repeat(size)))
}

/// An item many times.
fn many(count: usize, item: &dyn Fn(usize) -> String) -> String {
    (0..count).map(item).collect()
}

#[test]
fn documents_that_grow() {
    let policy = &of_case("storefront-single", POLICY);
    // In place of a line of the policy, the line and so many items more.
    let below = |line: &'static str, item: fn(usize) -> String| -> Document<'_> {
        Box::new(move |size| policy.replacen(line, &format!("{line}{}", many(size, &item)), 1))
    };
    let cases: Vec<(&str, usize, Document<'_>)> = vec![
        ("many aliases", 5_000, after(policy, "\nx: [&a 1", ", *a", "]\n")),
        ("nested lists", 50_000, Box::new(|size| format!("{policy}\nx: {}{}\n", "[".repeat(size), "]".repeat(size)))),
        ("nested lists without an end", 50_000, after(policy, "\nx: ", "[", "\n")),
        (
            "nested maps",
            50_000,
            Box::new(|size| format!("{policy}\nx: {}1{}\n", "{a: ".repeat(size), "}".repeat(size))),
        ),
        ("nested questions", 20_000, after(policy, "\n", "? ", "")),
        ("nested dashes", 20_000, after("", "", "- ", "")),
        ("documents", 10_000, after(policy, "", "---\na: 1\n", "")),
        ("empty documents", 100_000, after(policy, "", "---\n", "")),
        ("a long line", 900_000, after(policy, "\nx: ", "y", "\n")),
        ("a long quoted line", 100_000, after(policy, "\nx: \"", "\\u001b", "\"\n")),
        ("a long key", 900_000, after(policy, "\n", "y", ": 1\n")),
        ("a long comment", 900_000, after(policy, "\n# ", "\u{1b}", "\n")),
        ("many keys", 60_000, Box::new(|size| format!("{policy}\n{}", many(size, &|n| format!("k{n}: 1\n"))))),
        ("many duplicate keys", 9_000, after(policy, "\n", "k: 1\n", "")),
        ("many unknown fields", 4_000, below("spec:\n", |n| format!("  k{n}: 1\n"))),
        ("many wrong names", 15_000, below("  egress: [", |n| format!("e{n}, "))),
        ("many services", 1_500, below("  services:\n", |n| format!("    - {{name: s{n}, image: x}}\n"))),
        (
            "many routes",
            1_500,
            below("  routes:\n", |n| format!("    - {{name: r{n}, service: web, access: staff}}\n")),
        ),
        ("many flags", 4_000, below("  flags:\n", |n| format!("    f{n}: x\n"))),
        ("many expressions", 4_000, below("  flags:\n", |n| format!("    f{n}: \"${{{{ pr.title|upper }}}}\"\n"))),
        ("a bad expression many times", 4_000, below("  flags:\n", |n| format!("    f{n}: \"${{{{ pr.x }}}}\"\n"))),
        ("tabs", 100_000, after("", "", "\t", "")),
        ("quotes", 100_000, after("", "", "'", "")),
        ("ampersands", 100_000, after("", "", "&", "")),
        ("exclamation marks", 100_000, after("", "", "!", "")),
        ("percent signs", 100_000, after("", "", "%", "")),
        ("colons", 100_000, after("", "", ": ", "")),
        ("byte-order marks", 50_000, after("", "", "\u{feff}", "")),
        ("bars", 50_000, after("", "", "|\n", "")),
    ];
    let scratch = Scratch::new("storefront-single");
    let measured = |what: &str, text: String| {
        scratch.write(POLICY, text);
        timed(&scratch, what)
    };
    for (what, size, document) in cases {
        // Once more, if the machine was busy with something else.
        let fits = (0..3).any(|_| {
            let (_, quarter) = measured(what, document(size / 4));
            let (run, all) = measured(what, document(size));
            assert_ne!(run.code, ExitCode::Fine, "{what}");
            let (out, err) = (run.out.len(), run.err.len());
            assert!(out < 256 << 10 && err < 8 << 20, "{what}: {out} {err}");
            all < quarter.max(NOISE) * GROWTH
        });
        assert!(fits, "{what}: four times as much takes more than {GROWTH} times as long");
    }
}

/// Expressions that would grow, loop or go deep.
#[test]
fn expressions_that_grow() {
    let grow = "|replace('a', 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa')";
    let mut cases: Vec<(&str, String)> = vec![
        ("replace", format!("'a'{}", grow.repeat(20))),
        ("repeat", "'a' * 999999999".into()),
        ("repeat a list", "([0] * 999999999)|length".into()),
        ("power", "9 ** 9 ** 9 ** 9".into()),
        ("join", format!("[{}]|join('a'{})", "1, ".repeat(1_000), grow.repeat(3))),
        ("concatenate", vec!["'aaaaaaaaaaaaaaaaaaaa'"; 20_000].join(" ~ ")),
        ("parentheses", format!("{}1{}", "(".repeat(20_000), ")".repeat(20_000))),
        ("lists", format!("{}{}", "[".repeat(20_000), "]".repeat(20_000))),
        ("maps", format!("{}1{}", "{'a': ".repeat(20_000), "} ".repeat(20_000))),
        ("not", format!("{}true", "not ".repeat(50_000))),
        ("minus", format!("{}1", "-".repeat(50_000))),
        ("attributes", format!("pr{}", "['a']".repeat(20_000))),
        ("a path", format!("pr{}", ".a".repeat(100_000))),
        ("filters", format!("'a'{}", "|upper".repeat(20_000))),
        ("conditions", format!("{}1{}", "(1 if pr.draft else ".repeat(5_000), ")".repeat(5_000))),
        ("conditions in a row", format!("{}1", "1 if pr.draft else ".repeat(20_000))),
        ("comparisons", vec!["1"; 50_000].join(" < ")),
        ("a call", "range(999999999)".into()),
        ("a statement", "pr %}{% for x in [1] %}".into()),
    ];
    // The longest that are let in, too.
    let longest = |unit: &str, end: &str| format!("{}{end}", unit.repeat((1_000 - end.len()) / unit.len()));
    let deep = [
        longest("-", "1"),
        longest("not ", "true"),
        longest("'a'~", "'a'"),
        longest("1<", "1"),
        longest("1 if 1 else ", "1"),
        longest("(", "1"),
        longest("[", "1"),
        longest("{1:", "1"),
        longest("a.", "a"),
        format!("{}1{}", "(".repeat(100), ")".repeat(100)),
        format!("{}1{}", "[".repeat(100), "]".repeat(100)),
        format!("'a'{}", "|upper".repeat(160)),
        format!("pr{}", "[0]".repeat(300)),
    ];
    cases.extend(deep.into_iter().map(|expression| ("the longest", expression)));
    let scratch = Scratch::new("storefront-single");
    let policy = of_case("storefront-single", POLICY);
    for (what, expression) in cases {
        let line = format!("    price-engine: {}\n", json!(format!("${{{{ {expression} }}}}")));
        scratch.write(POLICY, policy.replacen("    price-engine: v2\n", &line, 1));
        let run = run(&scratch, what);
        assert!(run.out.len() < 1 << 20 && run.err.len() < 64 << 10, "{what}: {} {}", run.out.len(), run.err.len());
        assert!(!run.out.is_empty(), "{what}: {}", run.err);
    }
}

#[test]
fn links_do_not_lead_out() {
    let secret = "preview-secret-in-another-folder";
    let outside = std::env::temp_dir().join(format!("dayfly-outside-{}", std::process::id()));
    fs::create_dir_all(&outside).expect("a folder");
    fs::write(outside.join("secret.yaml"), format!("{secret}: 1\n")).expect("a file");

    let manifests = |pattern: &str| {
        let scratch = Scratch::new("storefront-single");
        scratch.replace(POLICY, "deploy/*.yaml", pattern);
        fs::create_dir_all(scratch.path("deploy")).expect("a folder");
        scratch
    };
    let policy_is_a_link = Scratch::new("storefront");
    fs::remove_file(policy_is_a_link.path(POLICY)).expect("a file");
    symlink(outside.join("secret.yaml"), policy_is_a_link.path(POLICY)).expect("a link");
    let a_file = manifests("deploy/*.yaml");
    symlink(outside.join("secret.yaml"), a_file.path("deploy/x.yaml")).expect("a link");
    let a_folder = manifests("linked/*.yaml");
    symlink(&outside, a_folder.path("linked")).expect("a link");
    let by_name = manifests("linked/secret.yaml");
    symlink(&outside, by_name.path("linked")).expect("a link");
    let a_loop = manifests("deploy/*.yaml");
    symlink("x.yaml", a_loop.path("deploy/x.yaml")).expect("a link");
    let to_nothing = manifests("deploy/*.yaml");
    symlink("/dev/zero", to_nothing.path("deploy/x.yaml")).expect("a link");
    let upwards = manifests("../guardrails.yaml");
    let absolute = manifests("/etc/passwd");
    for (what, scratch) in [
        ("policy", policy_is_a_link),
        ("file", a_file),
        ("folder", a_folder),
        ("by name", by_name),
        ("loop", a_loop),
        ("/dev/zero", to_nothing),
        ("upwards", upwards),
        ("absolute", absolute),
    ] {
        let run = run(&scratch, what);
        assert_ne!(run.code, ExitCode::Fine, "{what}");
        assert!(!run.out.contains(secret) && !run.err.contains(secret), "{what}: {}{}", run.out, run.err);
    }

    // A link that stays inside is a file like any other.
    let inside = manifests("deploy/*.yaml");
    inside.write("x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: linked-inside}\n");
    symlink("../x.yaml", inside.path("deploy/x.yaml")).expect("a link");
    assert!(run(&inside, "inside").out.contains("linked-inside"));
    let _ = fs::remove_dir_all(outside);
}

#[test]
fn files_that_are_none() {
    let policy = || {
        let scratch = Scratch::new("storefront-single");
        fs::remove_file(scratch.path(POLICY)).expect("a file");
        scratch
    };
    let fifo = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo").success());
    let missing = policy();
    let folder = policy();
    fs::create_dir(folder.path(POLICY)).expect("a folder");
    let pipe = policy();
    fifo(&pipe.path(POLICY));
    let bytes = policy();
    bytes.write(POLICY, b"a: \xff\xfe\n");
    let utf16 = policy();
    utf16.write(POLICY, b"\xff\xfea\0:\0 \x001\0");
    let zeros = policy();
    zeros.write(POLICY, [0; 4096]);
    for (what, scratch) in [
        ("missing", missing),
        ("folder", folder),
        ("pipe", pipe),
        ("bytes", bytes),
        ("UTF-16", utf16),
        ("zeros", zeros),
    ] {
        let run = run(&scratch, what);
        assert!(run.out.is_empty(), "{what}");
        assert_ne!(run.code, ExitCode::Fine, "{what}");
    }

    let manifest = |make: &dyn Fn(&Path)| {
        let scratch = Scratch::new("storefront-single");
        fs::create_dir_all(scratch.path("deploy")).expect("a folder");
        make(&scratch.path("deploy/x.yaml"));
        run(&scratch, "a manifest that is none")
    };
    // In layout `single` manifests are the pull request's, so it is quarantined.
    for make in
        [&(|path: &Path| fs::create_dir(path).expect("a folder")) as &dyn Fn(&Path), &|path| fifo(path), &|path| {
            fs::write(path, b"\xff").expect("a file");
        }]
    {
        let run = manifest(make);
        assert!(run.out.contains("dayfly-findings") && run.err.contains("manifest-file"), "{}", run.err);
    }
}

/// Argo CD would read such a file in place of the Application's own source.
#[test]
fn overrides_of_the_source() {
    for name in [".argocd-source.yaml", ".argocd-source-storefront-pr-128.yaml"] {
        let scratch = Scratch::new("storefront-single");
        fs::create_dir_all(scratch.path("deploy")).expect("a folder");
        scratch.write("deploy/x.yaml", "---\n");
        scratch.write(name, "plugin: {name: evil}\n");
        let run = run(&scratch, name);
        assert!(run.out.contains("dayfly-findings") && run.err.contains(name), "{}", run.err);
    }
}

/// Manifests come from pull requests as well.
#[test]
fn hostile_manifests() {
    let cases: Vec<(&str, String)> = vec![
        ("no object", "- a\n- b\n".into()),
        ("text", "hello".into()),
        ("a number", "7".into()),
        ("no kind", "apiVersion: v1\nmetadata: {name: x}\n".into()),
        ("kinds that are lists", "apiVersion: [v1]\nkind: {a: b}\nmetadata: [x]\nspec: 7\n".into()),
        ("a List", "apiVersion: v1\nkind: List\nitems: [{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: x}}]\n".into()),
        ("nulls", "apiVersion: ~\nkind: ~\nmetadata: ~\n".into()),
        ("keys that are none", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {\"a\\0\\e[31m\": b, '../../x': c}\n".into()),
        ("a name that is none", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: \"\\e[31m../x\\u202e\"}\n".into()),
        ("documents", "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n".repeat(2_000)),
        ("nesting", format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\ndata: {}", "{a: ".repeat(50_000))),
        ("a namespace", "apiVersion: v1\nkind: Namespace\nmetadata: {name: kube-system}\n".into()),
        ("tags", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: !!binary aGk=\n".into()),
        ("floats", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: [.nan, .inf, -.inf, 1e999, 0x7fffffffffffffffffff]\n".into()),
    ];
    let scratch = Scratch::new("storefront-single");
    fs::create_dir_all(scratch.path("deploy")).expect("a folder");
    for (what, text) in cases {
        scratch.write("deploy/x.yaml", &text);
        let run = run(&scratch, what);
        assert!(!run.out.is_empty(), "{what}: {}", run.err);
    }
}

/// Names of files are foreign text, too.
#[test]
fn hostile_names_of_files() {
    let scratch = Scratch::new("storefront-single");
    fs::create_dir_all(scratch.path("deploy")).expect("a folder");
    scratch.write("deploy/\u{1b}[31m\u{202e}x.yaml", "apiVersion: v1\nkind: ClusterRole\nmetadata: {name: x}\n");
    scratch.write("deploy/a\nb.yaml", "a: [");
    scratch.write(".argocd-source-\u{1b}[2J.yaml", "x");
    let run = run(&scratch, "names of files");
    assert!(run.out.contains("dayfly-findings"), "{}", run.err);
    for format in ["text", "json", "sarif", "github"] {
        let check = scratch.run("check", &["--format", format]);
        assert!(!check.out.contains('\u{1b}') && !check.out.contains('\u{202e}'), "{format}: {}", check.out);
    }
}
