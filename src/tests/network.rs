//! Network policies open what was asked for, and nothing by accident: to Kubernetes, no peers are all peers.

use serde_json::{Value as Json, json};

use super::{
    golden::cases,
    scratch::{GUARDRAILS, POLICY, parameters, renderer, storefront, usual, written},
    support::dayfly_on,
};

fn items<'j>(value: &'j Json, key: &str) -> &'j [Json] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

fn says_labels(selector: &Json) -> bool {
    selector["matchLabels"].as_object().is_some_and(|labels| !labels.is_empty())
}

/// Whether a built-in template's policy names each peer and each port. Pods of the same namespace are one, with all ports.
pub(super) fn assert_narrow(object: &Json) {
    let spec = &object["spec"];
    let rules = |direction| items(spec, direction).iter();
    match object["kind"].as_str() {
        Some("NetworkPolicy") => {
            assert!(!items(spec, "policyTypes").is_empty(), "{object}");
            for (rule, peers) in
                rules("egress").map(|rule| (rule, "to")).chain(rules("ingress").map(|rule| (rule, "from")))
            {
                let same_namespace = rule[peers] == json!([{"podSelector": {}}]);
                assert!(!items(rule, peers).is_empty(), "{object}");
                for peer in items(rule, peers).iter().filter(|_| !same_namespace) {
                    let block = peer["ipBlock"]["cidr"].as_str().is_some_and(|cidr| !cidr.is_empty());
                    assert!(block || says_labels(&peer["namespaceSelector"]), "{object}");
                }
                assert!(same_namespace || !items(rule, "ports").is_empty(), "{object}");
                assert!(items(rule, "ports").iter().all(|port| port["port"].is_u64()), "{object}");
            }
        }
        Some("CiliumNetworkPolicy") => {
            assert!(spec["ingress"].is_null() && rules("egress").next().is_some(), "{object}");
            for rule in rules("egress") {
                let peers = ["toEndpoints", "toCIDRSet", "toFQDNs"].map(|peers| items(rule, peers));
                assert_eq!(peers.iter().filter(|peers| !peers.is_empty()).count(), 1, "{object}");
                assert!(peers[0].iter().all(says_labels), "{object}");
                assert!(peers[2].iter().all(|name| name["matchName"].is_string()), "{object}");
                let ports: Vec<&Json> = items(rule, "toPorts").iter().flat_map(|ports| items(ports, "ports")).collect();
                assert!(!ports.is_empty() && ports.iter().all(|port| port["port"].is_string()), "{object}");
            }
        }
        _ => {}
    }
}

#[test]
fn every_case_opens_what_it_names() {
    let mut policies = 0;
    for case in cases() {
        for line in dayfly_on("render", &case, &["-o", "ndjson"]).out.lines() {
            let object: Json = serde_json::from_str(line).expect("JSON");
            policies += usize::from(object["kind"].as_str().is_some_and(|kind| kind.ends_with("NetworkPolicy")));
            assert_narrow(&object);
        }
    }
    assert!(policies > 150, "{policies}");
}

const PROVIDERS: &[&str] = &[
    "provider: postgres, database: shop",
    "provider: mysql, database: shop",
    "provider: neon, project: p, parent: main",
    "provider: planetscale, project: acme/shop, parent: main",
    "provider: supabase, project: p",
    "provider: crunchy-bridge, project: p, parent: c, database: shop",
    "provider: aurora, region: eu-central-1, parent: c, database: shop, size: db.t4g.medium",
    "provider: dblab, api: \"https://dblab.acme.dev:2345\", parent: main, database: shop, lastPort: 6099",
];

const ENDPOINTS: &[&str] = &[
    "",
    "endpoint: {port: 5432}",
    "endpoint: {cidrs: [], port: 5432}",
    "endpoint: {podLabels: {app: pg}, port: 5432}",
    "endpoint: {fqdn: db.acme.dev, port: 5432}",
    "endpoint: {fqdn: db.acme.dev, cidrs: [198.51.100.0/24], port: 5432}",
    "endpoint: {cidrs: [198.51.100.0/24, \"2001:db8::/32\"], port: 5432}",
    "endpoint: {namespace: databases, port: 5432}",
    "endpoint: {namespace: databases, podLabels: {app: pg}, cidrs: [198.51.100.0/24], port: 5432}",
];

/// The storefront with its database at another place.
fn with_endpoint(fqdn: &str, provider: &str, endpoint: &str) -> (Vec<Json>, Vec<&'static str>) {
    let guardrails = storefront(GUARDRAILS)
        .replace("fqdn: PublicInternet", &format!("fqdn: {fqdn}\n    dns: {{cidrs: [169.254.20.10/32]}}"))
        .replace(
            "  baselines:\n",
            &format!("  baselines:\n    other: {{{provider}, synthetic: {{by: seeds}}, {endpoint}}}\n"),
        );
    let policy = storefront(POLICY).replace("baseline: storefront\n", "baseline: other\n");
    let rendered = renderer(&guardrails, &policy).render(&parameters(&Json::Object(usual())), false);
    let objects = written(&rendered).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    (objects, rendered.findings.iter().map(|finding| finding.rule.code).collect())
}

/// Wherever a database is, it is said, or nothing is rendered.
#[test]
fn a_database_is_somewhere() {
    for fqdn in ["Closed", "Cilium", "PublicInternet"] {
        for provider in PROVIDERS {
            for endpoint in ENDPOINTS {
                let what = format!("{fqdn}, {provider}, {endpoint}");
                let (objects, found) = with_endpoint(fqdn, provider, endpoint);
                objects.iter().for_each(assert_narrow);
                let is_hosted =
                    ["neon", "planetscale", "supabase", "crunchy"].iter().any(|name| provider.contains(name));
                let is_each_own = ["neon", "supabase", "crunchy", "aurora"].iter().any(|name| provider.contains(name));
                let is_name = *endpoint == ENDPOINTS[4];
                let expected = match *endpoint {
                    "" if !is_hosted => Some("baseline-incomplete"),
                    endpoint if ENDPOINTS[1..4].contains(&endpoint) => Some("egress-incomplete"),
                    _ if is_name && (fqdn == "Closed" || fqdn == "Cilium" && is_each_own) => {
                        Some("baseline-incomplete")
                    }
                    _ => None,
                };
                // The storefront's own entry `stripe-sandbox` is a name, too.
                let found: Vec<_> = found.into_iter().filter(|code| *code != "egress-closed").collect();
                assert_eq!(found, expected.into_iter().collect::<Vec<_>>(), "{what}");
                let opened = |kind: &str| {
                    objects
                        .iter()
                        .any(|object| object["kind"] == kind && object["metadata"]["name"] == "allow-database-main")
                };
                let by_name = expected.is_none() && fqdn == "Cilium" && is_name;
                assert_eq!(opened("CiliumNetworkPolicy"), by_name, "{what}");
                assert_eq!(opened("NetworkPolicy"), expected.is_none() && !by_name, "{what}");
            }
        }
    }
}

/// The branches' ports, and the API's of the engine that makes them.
#[test]
fn a_name_is_held_by_cilium() {
    let (objects, _) = with_endpoint("Cilium", PROVIDERS[7], "endpoint: {fqdn: dblab.acme.dev, port: 6000}");
    let names = |name: &str| {
        let is_it = |object: &&Json| {
            object["kind"] == "CiliumNetworkPolicy"
                && object["metadata"]["name"].as_str().is_some_and(|it| it.starts_with(name))
        };
        let policy = objects.iter().find(is_it).unwrap_or_else(|| panic!("{name}"));
        items(&policy["spec"], "egress").iter().filter(|rule| rule["toFQDNs"].is_array()).cloned().collect::<Vec<_>>()
    };
    let rule = |ports: Json| json!({"toFQDNs": [{"matchName": "dblab.acme.dev"}], "toPorts": [{"ports": [ports]}]});
    let branch = rule(json!({"port": "6000", "endPort": 6099, "protocol": "TCP"}));
    let api = rule(json!({"port": "2345", "protocol": "TCP"}));
    assert_eq!(names("allow-database-main"), std::slice::from_ref(&branch));
    assert_eq!(names("storefront-pr-128-main"), [branch, api]);
}
