//! What holds for any input.

mod names;

use std::{path::Path, process::Stdio, sync::LazyLock};

use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use super::{
    network::assert_narrow,
    process::dayfly_in,
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch, of_case, parameters, renderer, storefront, usual, written},
    support::{case_file, dayfly_on, root, text},
};
use crate::{
    cli::ExitCode,
    input::{
        parameters::KNOWN,
        scalar::{Quantity, Scalar as _},
    },
    render::{Rendered, Renderer},
};

/// The objects, as they are written.
fn objects(rendered: &Rendered) -> Vec<Json> {
    complete_objects(&written(rendered))
}

/// The objects of an NDJSON stream, which must be whole: each line an object, the last one ended, nothing that a terminal obeys.
fn complete_objects(text: &str) -> Vec<Json> {
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is not whole");
    assert!(!text.chars().any(|c| c != '\n' && c.is_control()), "raw control characters");
    let objects: Vec<Json> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    for object in &objects {
        assert!(object["apiVersion"].is_string() && object["kind"].is_string(), "{object}");
        assert!(object["metadata"]["name"].is_string(), "{object}");
        assert_narrow(object);
    }
    objects
}

fn is(object: &Json, kind: &str) -> bool {
    object["kind"] == kind
}

/// The policies and guardrails that parameters meet.
static RENDERERS: LazyLock<Vec<(&str, Renderer)>> = LazyLock::new(|| {
    [
        "storefront",
        "storefront-single",
        "trust-unknown",
        "ingress-nginx",
        "database-neon",
        "service-options",
        "service-files",
    ]
    .into_iter()
    .map(|case| (case, renderer(&of_case(case, GUARDRAILS), &of_case(case, POLICY))))
    .chain([("of the pull request", renderer(&storefront(GUARDRAILS), &of_the_pull_request()))])
    .collect()
});

/// The storefront, where the pull request has a say in a variable, an image and a host.
fn of_the_pull_request() -> String {
    let mut policy = storefront(POLICY);
    for (from, to) in [
        ("        BANNER:", "        LABEL: ${{ pr.labels[0] }}\n        FORK: ${{ pr.fork }}\n        BANNER:"),
        ("storefront:${{ pr.headSha }}", "storefront:${{ pr.branchSlug }}-${{ pr.headShortSha7 }}"),
        (
            "access: staff}",
            "access: staff, host: \"${{ pr.branchSlug }}-${{ preview.namespace }}.${{ guardrails.domain }}\"}",
        ),
    ] {
        assert!(policy.contains(from), "{from}");
        policy = policy.replacen(from, to, 1);
    }
    policy
}

/// Text from strangers.
fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        ".{0,300}",
        "[0-9]{1,20}",
        "[0-9a-f]{7,64}",
        prop::sample::select(vec![
            "true",
            "false",
            "null",
            "~",
            "",
            " ",
            "128",
            "0128",
            "-1",
            "1e3",
            "2026-11-20T09:30:00Z",
            "9999-12-31T23:59:59Z",
            "https://x.dev/1",
            "javascript:alert(1)",
            "preview/ttl=72h",
            "preview/profile=large",
            "preview/ttl=",
            "[\"preview\"]",
            "[1,",
            "{}",
            "${{ pr.number }}",
            "{{ 7 * 7 }}",
            "$(id)",
            "`id`",
            "\u{1b}[31m",
            "a\0b",
            "\u{202e}gpj.exe",
            "x\n---\nkind: Secret",
            "*a",
            "&a b",
            "!!python/object",
        ])
        .prop_map(str::to_owned),
    ]
}

/// Any JSON.
fn value() -> impl Strategy<Value = Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<u64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        any_text().prop_map(Json::from),
        any_text().prop_map(Json::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            prop::collection::btree_map(any_text(), inner, 0..4)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

/// Any value for any parameter, known or not; most stay as they usually are.
fn any_parameters() -> impl Strategy<Value = Map<String, Json>> {
    let known: Vec<&'static str> = KNOWN.iter().map(|known| known.name).collect();
    let name = prop_oneof![12 => prop::sample::select(known).prop_map(str::to_owned), 1 => any_text()];
    let change = prop_oneof![1 => Just(None), 4 => value().prop_map(Some)];
    prop::collection::vec((name, change), 0..8).prop_map(|changes| {
        let mut parameters = usual();
        for (name, change) in changes {
            match change {
                None => parameters.remove(&name),
                Some(value) => parameters.insert(name, value),
            };
        }
        parameters
    })
}

/// What must hold of whatever comes of a pull request.
fn check(case: &str, rendered: &Rendered) {
    let objects = objects(rendered);
    assert!(!objects.is_empty(), "{case}: nothing, because of {:#?}", rendered.findings);
    assert_eq!(rendered.has_errors(), rendered.quarantined, "{case}: {:#?}", rendered.findings);
    let environment = &rendered.environment;
    let common = serde_json::to_value(&environment.labels).expect("labels");
    for object in &objects {
        for (label, value) in common.as_object().expect("labels") {
            let labels = &object["metadata"]["labels"];
            assert_eq!(labels.get(label), Some(value), "{case}: {object}");
            if let Some(pods) = object.pointer("/spec/template/metadata/labels") {
                assert_eq!(pods.get(label), Some(value), "{case}: {object}");
            }
        }
    }
    let walls = |kind: &str, name: &str| objects.iter().any(|o| is(o, kind) && text(o, "/metadata/name") == name);
    assert!(walls("Namespace", &environment.namespace) && walls("NetworkPolicy", "deny-all"), "{case}");
    if rendered.quarantined {
        assert!(walls("ConfigMap", "dayfly-findings"), "{case}");
        let runs = |o: &Json| !is(o, "Job") && o.pointer("/spec/template/spec/containers").is_some();
        assert!(!objects.iter().any(runs), "{case}: something runs in the quarantine");
        let quota = objects.iter().find(|o| is(o, "ResourceQuota")).expect("a quota");
        assert_eq!(text(quota, "/spec/hard/pods"), "0", "{case}");
    }
}

/// What goes after the preview: hooks that run when it is deleted.
fn teardown(rendered: &Rendered) -> Vec<Json> {
    let hook = "/metadata/annotations/argocd.argoproj.io~1hook";
    objects(rendered).into_iter().filter(|object| text(object, hook) == "PostDelete").collect()
}

/// `48h` or `90s` as seconds.
fn seconds(text: &str) -> u64 {
    crate::input::scalar::Duration::parse(text).expect("a length of time").seconds
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn render_is_total(changed in any_parameters()) {
        for (case, renderer) in RENDERERS.iter() {
            let rendered = renderer.render(&parameters(&Json::Object(changed.clone())), false);
            check(case, &rendered);
            // To explain is to render.
            let explained = renderer.render(&parameters(&Json::Object(changed.clone())), true);
            prop_assert_eq!(objects(&rendered), objects(&explained));
        }
    }

    #[test]
    fn what_once_rendered_renders_at_deletion(before in any_parameters(), after in any_parameters(), number in 1..1000_u32) {
        for (case, renderer) in RENDERERS.iter() {
            let teardown = |mut parameters: Map<String, Json>| {
                parameters.insert("number".into(), json!(number.to_string()));
                teardown(&renderer.render(&super::scratch::parameters(&Json::Object(parameters)), false))
            };
            prop_assert_eq!(teardown(before.clone()), teardown(after.clone()), "{}", case);
            prop_assert_eq!(teardown(before.clone()).is_empty(), !matches!(*case, "storefront" | "trust-unknown" | "database-neon" | "of the pull request"));
        }
    }

    #[test]
    fn ceilings_hold(
        ttl in prop_oneof![Just("1h"), Just("47h59m"), Just("168h"), Just("169h"), Just("52w"), Just("3600d")],
        profile in prop_oneof![Just("small"), Just("large"), Just("huge")],
        label in prop_oneof![Just("preview/ttl=24h"), Just("preview/ttl=9999h"), Just("preview/profile=large"), Just("preview/profile=huge"), Just("x")],
        offered in prop_oneof![Just("[]"), Just("[9999h]")],
        cpu in prop_oneof![Just("1m"), Just("500m"), Just("501m"), Just("1"), Just("2001m"), Just("1e3"), Just("9999999"), Just("99999999999E")],
        replicas in prop_oneof![3 => 0..3_u8, 1 => any::<u8>()],
        image in prop_oneof![
            4 => Just("ghcr.io/acme/storefront:${{ pr.headSha }}"), 1 => Just("ghcr.io/acme/../evil/x:${{ pr.headSha }}"), 1 => Just("ghcr.io/acmeevil/x:${{ pr.headSha }}"),
            1 => Just("evil.dev/ghcr.io/acme/x:${{ pr.headSha }}"), 1 => Just("ghcr.io/acme/x:latest"), 1 => Just("ghcr.io/acme/x:${{ pr.branchSlug }}"),
        ],
        host in prop_oneof![
            4 => Just("web-${{ preview.namespace }}.${{ guardrails.domain }}"), 1 => Just("web-storefront-pr-1.preview.acme.dev"), 1 => Just("acme.dev"), 1 => Just("*.preview.acme.dev"),
            1 => Just("a.web-${{ preview.namespace }}.${{ guardrails.domain }}"), 1 => Just("web-${{ preview.namespace }}.${{ guardrails.domain }}.evil.dev"), 1 => Just("${{ pr.branchSlug }}.preview.acme.dev"),
        ],
    ) {
        let policy = storefront(POLICY)
            .replacen("ttl: 48h", &format!("ttl: {ttl}\n  labels: {{ttl: {offered}}}"), 1)
            .replacen("profile: small", &format!("profile: {profile}"), 1)
            .replacen("cpu: 200m", &format!("cpu: {cpu}"), 1)
            .replacen("command: [node, dist/worker.js]", &format!("replicas: {replicas}"), 1)
            .replacen("ghcr.io/acme/storefront:${{ pr.headSha }}", image, 1)
            .replacen("access: staff", &format!("access: staff, host: \"{host}\""), 1);
        let renderer = renderer(&storefront(GUARDRAILS), &policy);
        let mut changed = usual();
        changed.insert("labels".into(), json!([label]));
        let rendered = renderer.render(&parameters(&Json::Object(changed)), false);
        let profiles = &renderer.guardrails.spec.profiles;
        for object in objects(&rendered) {
            if is(&object, "Namespace") {
                let ttl = text(&object, "/metadata/annotations/dayfly.dev~1ttl");
                prop_assert!(seconds(ttl) <= seconds("168h"), "{}", ttl);
            }
            if is(&object, "ResourceQuota") && !rendered.quarantined {
                let hard = object.pointer("/spec/hard").and_then(Json::as_object).expect("hard");
                let quota = |(_, profile): (&str, &crate::input::guardrails::Profile)| {
                    let stated = profile.quota.iter().map(|(name, amount)| (name.to_owned(), json!(amount.as_str())));
                    let closed = ["services.loadbalancers", "services.nodeports"].map(|name| (name.to_owned(), json!("0")));
                    closed.into_iter().chain(stated).collect::<Map<_, _>>() == *hard
                };
                prop_assert!(profiles.iter().any(quota), "{}", object);
            }
            for host in object.pointer("/spec/hostnames").and_then(Json::as_array).into_iter().flatten() {
                prop_assert_eq!(host, "web-storefront-pr-128.preview.acme.dev");
            }
            for pods in ["containers", "initContainers"] {
                let containers = object.pointer(&format!("/spec/template/spec/{pods}")).and_then(Json::as_array);
                for container in containers.into_iter().flatten() {
                    let image = text(container, "/image");
                    prop_assert!(image.starts_with("ghcr.io/acme/") && !image.contains(".."), "{}", image);
                    prop_assert!(image.contains("3f9c1e7") || image.contains("@sha256:"), "{}", image);
                    let most = profiles.get(&rendered.environment.profile).expect("a profile");
                    for (resource, default) in most.container.default.iter() {
                        let stated = |field| {
                            let text = text(container, &format!("/resources/{field}/{resource}"));
                            (!text.is_empty()).then(|| Quantity::parse(text).expect("a quantity"))
                        };
                        let limit = stated("limits").unwrap_or_else(|| default.clone());
                        prop_assert!(limit <= *most.container.max.get(resource).unwrap_or(default), "{}", limit);
                        prop_assert!(stated("requests").is_none_or(|asked| asked <= limit), "{}", container);
                    }
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    /// The same by the program itself, which reads the file: all or nothing on standard output, and a word on the other.
    #[test]
    fn the_program_is_total(changed in any_parameters(), as_yaml in any::<bool>()) {
        let scratch = Scratch::new("storefront");
        let parameters = Json::Object(changed);
        scratch.write(PARAMETERS, if as_yaml { serde_yaml::to_string(&parameters).expect("YAML") } else { parameters.to_string() });
        let run = scratch.run("render", &["-o", "ndjson"]);
        let objects = complete_objects(&run.out);
        prop_assert!(!run.err.chars().any(|c| c != '\n' && c.is_control()), "{:?}", run.err);
        match run.code {
            ExitCode::CannotRun => prop_assert!(objects.is_empty() && !run.err.is_empty()),
            ExitCode::Findings => prop_assert!(!objects.is_empty() && !run.err.is_empty(), "{}", run.err),
            ExitCode::Fine => prop_assert!(!objects.is_empty()),
        }
        let check = scratch.run("check", &["--format", "json"]);
        prop_assert_eq!(check.code, run.code);
    }
}

/// A value for each output format, and for each what it says of the same objects.
#[test]
fn formats_agree() {
    for case in ["storefront", "manifests", "quarantine-job", "platform-templates", "service-options", "service-files"]
    {
        let ndjson = complete_objects(&dayfly_on("render", case, &["-o", "ndjson"]).out);
        let json = dayfly_on("render", case, &["-o", "json"]).list();
        let yaml = dayfly_on("render", case, &["-o", "yaml"]).out;
        let yaml: Vec<Json> = serde_yaml::Deserializer::from_str(&yaml)
            .map(|document| serde::Deserialize::deserialize(document).expect("YAML"))
            .collect();
        assert_eq!(ndjson, json, "{case}");
        assert_eq!(ndjson, yaml, "{case}");
    }
}

/// Whatever the time, the locale, the directory and the environment: by processes of their own, because hash maps have
/// another order in each.
#[test]
fn same_input_same_bytes() {
    let (root, scratch) = (root(), Scratch::new("storefront"));
    let elsewhere = scratch.path("");
    let surroundings: [(&Path, &[(&str, &str)]); 3] = [
        (&root, &[("TZ", "UTC"), ("LANG", "C"), ("HOME", "/root")]),
        (
            &elsewhere,
            &[
                ("TZ", "Pacific/Kiritimati"),
                ("LANG", "tr_TR.UTF-8"),
                ("LC_ALL", "tr_TR.UTF-8"),
                ("HOME", "/nonexistent"),
            ],
        ),
        (
            &elsewhere,
            &[
                ("TZ", "America/Los_Angeles"),
                ("LANG", "de_DE"),
                ("COLUMNS", "20"),
                ("TERM", "dumb"),
                ("CI", "true"),
                ("SOURCE_DATE_EPOCH", "0"),
            ],
        ),
    ];
    for case in
        ["storefront", "storefront-single", "quarantine-job", "platform-templates", "long-names", "refused-decisions"]
    {
        let files = [POLICY, GUARDRAILS, PARAMETERS].map(|name| case_file(case, name).display().to_string());
        let [folder, guardrails, parameters] = files.each_ref().map(|file| file.trim_end_matches("/preview.yaml"));
        for format in [["render", "-o", "yaml"], ["render", "-o", "ndjson"], ["check", "--format", "sarif"]] {
            let inputs = [folder, "--guardrails", guardrails, "--parameters", parameters];
            let args = [&format[..1], &inputs, &format[1..]].concat();
            let said = surroundings.map(|(folder, variables)| {
                let run = dayfly_in(folder, &args, variables, Stdio::null());
                run.out + &run.err
            });
            assert!(said[0].len() > 500, "{case} {format:?}: {}", said[0]);
            assert!(
                said.windows(2).all(|pair| pair[0] == pair[1]),
                "{case} {format:?}: surroundings make a difference"
            );
        }
    }
}

#[test]
fn what_fails_for_one_pull_request_quarantines_that_one() {
    let policy = storefront(POLICY).replace("new-cart: \"on\"", "new-cart: \"${{ 1 / (pr.number|length - 3) }}\"");
    let renderer = renderer(&storefront(GUARDRAILS), &policy);
    let render = |number| {
        let set = json!({"number": number, "head_sha": "3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938", "fork": false});
        renderer.render(&parameters(&set), false)
    };
    assert!(!render("7").has_errors());
    assert!(render("128").quarantined);
}
