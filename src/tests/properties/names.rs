//! Names that never collide, whatever previews are called.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::objects;
use crate::{
    input::scalar::{DnsLabel, Scalar as _},
    rules,
    tests::{
        scratch::{self, renderer},
        support::text,
    },
};

/// Names that are likely to run into each other: few words, and hyphens between them.
fn name() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec!["a", "b", "pr", "1", "12", "2", "x", "main", "destroy", "user"]);
    // At most 63 letters in all.
    let long = prop_oneof![9 => Just(0_usize), 1 => 20..38_usize];
    (prop::sample::select(vec!["a", "b", "pr"]), prop::collection::vec(word, 0..4), long).prop_map(
        |(first, rest, long)| {
            let mut name = [vec![first], rest].concat().join("-");
            name.push_str(&"y".repeat(long));
            name
        },
    )
}

/// A preview: its policy's name, its number, its routes and its databases.
type Preview = (String, u64, BTreeSet<String>, BTreeSet<String>);

fn preview() -> impl Strategy<Value = Preview> {
    let names = || prop::collection::btree_set(name(), 1..3);
    (name(), prop_oneof![1..4_u64, 10..13_u64, 120..123_u64], names(), names())
}

const NAMES: &str = "{apiVersion: dayfly.dev/v1alpha1, kind: PreviewGuardrails, metadata: {name: acme}, spec: {domain: p.dev, namespace: \"NAMESPACE\", \
    ttl: {default: 1h, max: 1h}, registries: [r.dev/], \
    profiles: {s: {quota: {requests.cpu: 2, requests.memory: 4Gi, limits.memory: 8Gi}, container: {default: {cpu: 1, memory: 1Gi}, request: {cpu: 1m, memory: 1Mi}}}}, \
    ingress: {gateway: a/b}, access: {public: {public: true}}, applications: {project: x, repository: \"https://r.dev/x\"}, \
    operations: {namespace: ops, image: 'r.dev/dayfly@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945'}, baselines: {b: {provider: neon, project: p, parent: m, schemaOnly: true}}}}";

/// Everything that a preview shares a space with others in: its namespace, hosts, branches, and what it has elsewhere.
fn claims(template: &str, (policy, number, routes, databases): &Preview) -> BTreeSet<String> {
    let routes: Vec<Json> =
        routes.iter().map(|name| json!({"name": name, "service": "s", "port": 80, "access": "public"})).collect();
    let databases: Vec<Json> = databases.iter().map(|name| json!({"name": name, "baseline": "b"})).collect();
    let policy = json!({
        "apiVersion": "dayfly.dev/v1alpha1", "kind": "PreviewPolicy", "metadata": {"name": policy},
        "spec": {"team": "t", "costCenter": "c", "routes": routes, "databases": databases, "application": {"path": "x"}},
    });
    let renderer = renderer(&NAMES.replace("NAMESPACE", template), &policy.to_string());
    let parameters = json!({"number": number, "head_sha": "3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938", "fork": false});
    let rendered = renderer.render(&scratch::parameters(&parameters), false);
    assert!(!rendered.has_errors(), "{:?}", rendered.findings);
    let environment = &rendered.environment;
    let mut claims = BTreeSet::from([format!("namespace {}", environment.namespace)]);
    for object in objects(&rendered) {
        for host in object.pointer("/spec/hostnames").and_then(Json::as_array).into_iter().flatten() {
            claims.insert(format!("host {host}"));
        }
        if text(&object, "/metadata/namespace") != environment.namespace {
            claims.insert(format!(
                "{} {} {}",
                object["kind"],
                text(&object, "/metadata/namespace"),
                text(&object, "/metadata/name")
            ));
        }
        let spec = text(&object, "/spec/template/metadata/annotations/dayfly.dev~1database-spec");
        if let Ok(spec) = serde_json::from_str::<Json>(spec) {
            claims.insert(format!("branch {}", text(&spec, "/names/branch")));
            claims.insert(format!("branch {}", text(&spec, "/names/role")));
        }
    }
    claims
}

const TEMPLATES: [&str; 4] = [
    "${{ policy.name }}-pr-${{ pr.number }}",
    "pr-${{ pr.number }}-${{ policy.name }}",
    "${{ policy.name }}-${{ pr.number }}",
    "p${{ pr.number }}x${{ policy.name }}",
];

/// No two previews may claim the same; those of one policy and number are one preview.
fn apart(template: &str, previews: Vec<Preview>) {
    let mut all: BTreeMap<String, Preview> = BTreeMap::new();
    for preview in previews {
        for claim in claims(template, &preview) {
            if let Some(other) = all.insert(claim.clone(), preview.clone()) {
                assert!((&other.0, other.1) == (&preview.0, preview.1), "{other:?} and {preview:?} both claim {claim}");
            }
        }
    }
}

/// One text, read in two ways: `a-pr-1-x-pr-2-y` is a database `x-pr-2-y` of pull request 1, and `y` of 2.
#[test]
fn hyphens_do_not_confuse() {
    let preview = |policy: &str, number, name: &str| -> Preview {
        (policy.to_owned(), number, BTreeSet::from([name.to_owned()]), BTreeSet::from([name.to_owned()]))
    };
    let long = "y".repeat(50);
    for template in TEMPLATES {
        apart(
            template,
            vec![
                preview("a", 1, "x-pr-2-y"),
                preview("a-pr-1-x", 2, "y"),
                preview("a-1-x", 2, "y"),
                preview("a", 1, "x-2-y"),
                preview("x-pr-2-y-a", 1, "b"),
                preview("a", 1, "b-x-pr-2-y"),
                preview("a-pr", 1, "y"),
                preview("a-pr-1", 1, "y"),
                preview("a", 11, "y"),
                preview("a1", 1, "y"),
                preview(&format!("a{long}"), 1, "y"),
                preview(&format!("a{long}"), 11, "y"),
                preview("a", 12, &format!("a{long}")),
                preview("a", 13, &format!("a{long}")),
                preview(&format!("a{long}"), 1, &format!("a{long}-b")),
                preview(&format!("a{long}-b"), 1, &format!("a{long}")),
            ],
        );
    }
}

/// Policies' names and numbers that come to a namespace.
fn reads_as(template: &str, namespace: &str) -> Option<(String, u64)> {
    let (name, number) = match template {
        "${{ policy.name }}-pr-${{ pr.number }}" => namespace.rsplit_once("-pr-")?,
        "pr-${{ pr.number }}-${{ policy.name }}" => {
            let (number, name) = namespace.strip_prefix("pr-")?.split_once('-')?;
            (name, number)
        }
        "${{ policy.name }}-${{ pr.number }}" => namespace.rsplit_once('-')?,
        "p${{ pr.number }}x${{ policy.name }}" => {
            let (number, name) = namespace.strip_prefix('p')?.split_once('x')?;
            (name, number)
        }
        other => panic!("{other}"),
    };
    let number = number.parse().ok().filter(|parsed: &u64| *parsed > 0 && parsed.to_string() == number)?;
    DnsLabel::parse(name).ok().map(|name| (name.to_string(), number))
}

/// Policies whose names are made so that a preview of theirs would have the namespace or a host of another: whatever stands before
/// a hyphen of the host would be their route, and the rest their namespace.
fn crafted(template: &str, preview: &Preview) -> Vec<Preview> {
    let mut all = Vec::new();
    for claim in claims(template, preview) {
        let text = claim.replace('"', "");
        let Some((what, text)) = text.split_once(' ') else { continue };
        let label = text.strip_suffix(".p.dev").unwrap_or(text);
        let mut add = |route: &str, namespace: &str| {
            if let (Some((policy, number)), Ok(_)) = (reads_as(template, namespace), DnsLabel::parse(route)) {
                all.push((policy, number, BTreeSet::from([route.to_owned()]), BTreeSet::from(["d".to_owned()])));
            }
        };
        match what {
            "namespace" => add("w", label),
            "host" => {
                for (at, _) in label.match_indices('-') {
                    add(&label[..at], &label[at + 1..]);
                    // As a host of one's own choice.
                    let (namespace, own) = (&label[at + 1..], reads_as(template, &label[at + 1..]));
                    if own.is_some_and(|own| own != (preview.0.clone(), preview.1)) {
                        assert!(
                            rules::host::check_host(text, namespace, "p.dev").is_err(),
                            "{preview:?}: {namespace} has {text}"
                        );
                    }
                }
            }
            _ => {}
        }
    }
    all
}

#[test]
fn no_name_can_be_made_to_look_shortened() {
    for template in TEMPLATES {
        for (policy, route) in [("y", "y"), ("y", "x"), ("a", "y"), ("a", "a-y"), ("y", "a-b")] {
            let name = |name: &str| name.replace('y', &format!("y{}", "x".repeat(58)));
            let preview = (name(policy), 1, BTreeSet::from([name(route)]), BTreeSet::from(["d".to_owned()]));
            let all = crafted(template, &preview);
            apart(template, all.into_iter().chain([preview]).collect());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn names_never_collide(previews in prop::collection::vec(preview(), 2..8), template in prop::sample::select(TEMPLATES.to_vec())) {
        apart(template, previews);
    }

    #[test]
    fn no_name_can_be_made_for_what_another_preview_has(preview in preview(), template in prop::sample::select(TEMPLATES.to_vec())) {
        let all = crafted(template, &preview);
        apart(template, all.into_iter().chain([preview]).collect());
    }
}
