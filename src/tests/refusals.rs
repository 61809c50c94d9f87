//! What every rule refuses, and the value beside it that it lets pass; what broken files say.

mod agreement;
mod expressions;
mod manifests;
mod meant;
mod misplaced;
mod patches;
mod quarantine;
mod shapes;
mod spellings;
mod table;
mod templates;
mod told;

use std::{collections::BTreeSet, fs};

use serde_json::Value as Json;

use self::table::{APPLICATION, Edit, MANIFEST, TABLE};
use super::{
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch, storefront},
    support::{dayfly, root, text},
};
use crate::{cli::ExitCode, rules};

/// A manifest that every rule lets pass, to the end of its container: what follows is more of that.
const DEPLOYMENT: &str = concat!(
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec:\n  selector: {matchLabels: {a: b}}\n  template:\n",
    "    metadata: {labels: {a: b}}\n    spec:\n",
    "      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}\n      containers:\n",
    "        - name: x\n          image: ghcr.io/acme/search:${{ pr.headSha }}\n",
    "          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}\n",
);

/// The storefront with these edits.
fn scratch(edits: &[(&str, &str, &str)]) -> Scratch {
    let scratch = Scratch::new("storefront");
    for (file, from, to) in edits {
        if from.is_empty() {
            scratch.write(file, to);
        } else {
            scratch.replace(file, from, to);
        }
    }
    scratch
}

/// What `check` finds in the storefront with these edits, and where.
fn check(edits: &[(&str, &str, &str)]) -> Vec<Json> {
    scratch(edits).findings()
}

fn codes(findings: &[Json]) -> BTreeSet<String> {
    findings.iter().map(|finding| text(finding, "/code").to_owned()).collect()
}

/// `FILE:LINE:COLUMN`, or `OBJECT POINTER`.
fn place(finding: &Json) -> String {
    let location = &finding["location"];
    match text(location, "/object") {
        "" => format!("{}:{}:{}", text(location, "/file"), location["line"], location["column"]),
        object => format!("{object} {}", text(location, "/pointer")),
    }
}

#[test]
fn every_rule_refuses_what_it_says_and_nothing_beside_it() {
    let mut misplaced = Vec::new();
    for (index, row) in TABLE.iter().enumerate() {
        let what = format!("row {index}, {}", row.code);
        let found = check(row.bad);
        assert_eq!(codes(&found), BTreeSet::from([row.code.to_owned()]), "{what}: {found:#?}");
        assert!(found.iter().all(|finding| text(finding, "/owner") == row.owner), "{what}: {found:#?}");
        if !row.place.is_empty() && !found.iter().any(|finding| place(finding) == row.place) {
            misplaced.push(format!(
                "{what}: not at {}, but {:?}",
                row.place,
                found.iter().map(place).collect::<Vec<_>>()
            ));
        }
        let good = check(row.good);
        assert_eq!(codes(&good), BTreeSet::new(), "{what}, the good one: {good:#?}");
    }
    assert!(misplaced.is_empty(), "{misplaced:#?}");
}

#[test]
fn every_rule_is_in_the_table() {
    let rows: BTreeSet<&str> = TABLE.iter().map(|row| row.code).collect();
    let rules = rules::ALL.iter().map(|rule| rule.code);
    // Rendering knows no time.
    let rules: BTreeSet<&str> = rules.filter(|code| *code != "attestation-too-old").collect();
    assert_eq!(rows, rules);
}

/// The storefront's baseline was attested on the 20th at two, for seven days; before, that is the future.
#[test]
fn an_attestation_ages() {
    for (time, is_old) in
        [("2026-11-20T01:00:00Z", true), ("2026-11-27T01:00:00Z", false), ("2026-11-27T03:00:00Z", true)]
    {
        let run = scratch(&[]).run("check", &["--format", "json", "--at", time]);
        assert_eq!(run.out.contains("attestation-too-old"), is_old, "{time}: {}", run.out);
        assert_eq!(run.code == ExitCode::Findings, is_old, "{time}");
    }
    let run = scratch(&[]).run("check", &["--at", "2026-11-27T03:00:00Z"]);
    for said in [
        "sanitized at 2026-11-20T02:00:00Z, longer ago than 7d (guardrails.yaml:",
        "76 |         maxAge: 7d\n",
        "help: refresh and mask it, then `dayfly db prepare-baseline storefront --sign KEY`, and paste the `attestation`",
    ] {
        assert!(run.out.contains(said), "{said}: {}", run.out);
    }
    let run = scratch(&[]).run("check", &["--at", "yesterday"]);
    assert_eq!(run.code, ExitCode::CannotRun);
}

/// Each has Jobs, and the Jobs are told all: thousands would take more memory than the sidecar has.
#[test]
fn a_policy_has_no_thousands_of_databases() {
    let many = |count: usize| {
        let databases: Vec<_> = (1..count).map(|n| format!("    - {{name: d{n}, baseline: storefront}}\n")).collect();
        let found = check(&[(POLICY, "  databases:\n", &format!("  databases:\n{}", databases.concat()))]);
        found.iter().map(|finding| format!("{} {}", text(finding, "/code"), place(finding))).collect::<Vec<_>>()
    };
    assert_eq!(many(100), [""; 0]);
    assert_eq!(many(101), ["input-limit source/preview.yaml:40:5"]);
}

/// A profile that the policy does not have is looked at all the same.
#[test]
fn a_profile_that_nobody_has_is_checked() {
    for (from, to, code, line) in [
        ("max: {cpu: \"4\"", "max: {memroy: 1Gi, cpu: \"4\"", "limit-range", 43),
        ("max: {cpu: \"4\"", "max: {cpu: 900m", "limit-range", 41),
        ("pods: 30", "persistentvolumeclaim: 0", "resource-quota", 39),
        // A name that is empty has a place, too.
        ("max: {cpu: \"4\"", "max: {\"\": 1Gi, cpu: \"4\"", "limit-range", 43),
        ("pods: 30", "\"\": 0", "resource-quota", 39),
    ] {
        let found = check(&[(GUARDRAILS, from, to)]);
        let all: Vec<_> = found.iter().map(|finding| (text(finding, "/code"), &finding["location"]["line"])).collect();
        assert_eq!(all, [(code, &Json::from(line))], "{to}: {found:#?}");
    }
    let fine = scratch(&[(GUARDRAILS, "max: {cpu: \"4\"", "max: {nvidia.com/gpu: 1, hugepages-2Mi: 1Gi, cpu: \"4\"")]);
    assert_eq!(fine.findings(), Vec::<Json>::new());
}

/// What a finding comes to on the command line: nothing, all, or the quarantine, and the exit code of each.
#[test]
fn owners_decide_what_is_rendered() {
    for row in TABLE {
        let run = scratch(row.bad).run("render", &["-o", "ndjson"]);
        let rule = rules::ALL.iter().find(|rule| rule.code == row.code).expect("a rule");
        let warning = rule.severity == crate::finding::Severity::Warning;
        assert!(run.err.contains(&format!("[{}]", row.code)), "{}: {}", row.code, run.err);
        assert_eq!(run.code == ExitCode::Fine, warning, "{}", row.code);
        let quarantined = run.is_quarantine();
        let nothing = run.out.is_empty();
        match (warning, row.owner) {
            (true, _) => assert!(!nothing && !quarantined, "{}", row.code),
            (false, "pull-request") => assert!(quarantined, "{}: {}", row.code, run.out),
            (false, _) => assert!(nothing, "{}: {}", row.code, run.out),
        }
    }
}

/// What fits the policy's own profile, and not the one that a label asks for, is the label's.
#[test]
fn a_label_may_ask_for_too_little() {
    let small: Edit = (PARAMETERS, "[preview, ", "[preview, \"preview/profile=small\", ");
    let large: Edit = (POLICY, "profile: small", "profile: large");
    let request: Edit = (POLICY, "memory: 256Mi", "memory: 3Gi");
    let replicas: Edit = (POLICY, "resources: {cpu: 200m", "replicas: 5\n      resources: {cpu: 400m");
    let manifest = format!("{DEPLOYMENT}          resources: {{requests: {{memory: 1Gi}}}}\n");
    let manifests = [MANIFEST, ("extra.yaml", "", &manifest)];
    for (edits, code, owner) in [
        (vec![large, request], "", ""),
        (vec![large, request, small], "unbounded-request", "pull-request"),
        (vec![large, replicas], "", ""),
        (vec![large, replicas, small], "over-quota", "pull-request"),
        ([vec![large], manifests.to_vec()].concat(), "", ""),
        ([vec![large, small], manifests.to_vec()].concat(), "container-resources", "pull-request"),
        // It does not fit without the label either.
        (vec![request, small], "unbounded-request", "team"),
        ([vec![small], manifests.to_vec()].concat(), "container-resources", "team"),
        // Another mistake is not the label's.
        (vec![large, request, small, (POLICY, "[stripe, main]", "[stripe, man]")], "unbounded-request", "team"),
    ] {
        let scratch = scratch(&edits);
        let found = scratch.findings();
        let what = format!("{edits:?}: {found:#?}");
        assert_eq!(found.iter().any(|finding| text(finding, "/code") == code), !code.is_empty(), "{what}");
        assert!(found.iter().all(|finding| text(finding, "/owner") == owner), "{what}");
        let is_its_own = owner == "pull-request";
        let help = "remove the label `preview/profile=small`: without it, this fits";
        assert!(found.iter().all(|finding| (text(finding, "/help") == help) == is_its_own), "{what}");
        let run = scratch.run("render", &["-o", "ndjson"]);
        assert_eq!(run.is_quarantine(), is_its_own, "{what}");
        assert_eq!(run.out.is_empty(), owner == "team", "{what}");
    }
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let scratch = scratch(&[
        (POLICY, "ttl: 48h", "ttl: soon"),
        (POLICY, "  profile: small", "  profil: small"),
        (POLICY, "port: 8080", "port: eighty"),
        (POLICY, "      baseline: storefront\n", ""),
        (GUARDRAILS, "tls: wildcard", "tls: {clusterIsuer: letsencrypt}"),
        (GUARDRAILS, "fqdn: PublicInternet", "fqdn: publicInternet"),
        (GUARDRAILS, "203.0.113.0/24, ", "203.0.113.0/33], cidrs: ["),
    ]);
    let found = scratch.findings();
    let places: BTreeSet<String> =
        found.iter().map(|finding| format!("{} {}", text(finding, "/code"), place(finding))).collect();
    let expected = [
        "invalid-value guardrails.yaml:51:10",
        "invalid-value guardrails.yaml:53:21",
        "invalid-value guardrails.yaml:56:11",
        "duplicate-key guardrails.yaml:53:38",
        "invalid-value source/preview.yaml:9:8",
        "unknown-field source/preview.yaml:10:3",
        "wrong-type source/preview.yaml:17:13",
        "missing-field source/preview.yaml:40:7",
    ];
    assert_eq!(places, expected.map(str::to_owned).into());
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    let messages: Vec<&str> = found.iter().map(|finding| text(finding, "/message")).collect();
    assert!(messages.iter().any(|message| message.contains("did you mean `profile`")), "{messages:#?}");
    assert!(messages.iter().any(|message| message.contains("did you mean `PublicInternet`")), "{messages:#?}");
    assert!(found.iter().all(|finding| !text(finding, "/location/source").is_empty()), "{found:#?}");
    // The text says the same: file, line and column, and the line itself with a mark below.
    let text = scratch.run("render", &[]).err;
    assert!(text.contains("source/preview.yaml:10:3") && text.contains("10 |   profil: small\n"), "{text}");
    assert!(text.contains("\n8 errors\n") || text.ends_with("8 errors\n"), "{text}");
}

/// Those of the policy and of its manifests, too; but not what would follow from the policy's.
#[test]
fn mistakes_in_manifests_are_told_beside_the_policy_s() {
    let service =
        "apiVersion: v1\nkind: Service\nmetadata: {name: extra}\nspec: {type: NodePort, ports: [{port: 80}]}\n---\n";
    let env = "          env: [{name: A, valueFrom: {secretKeyRef: {name: main, key: host}}}]\n";
    let manifest = format!("{service}{DEPLOYMENT}{env}          resources: {{limits: {{nvidia.com/gpu: 1}}}}\n");
    let manifests = [MANIFEST, ("extra.yaml", "", &manifest)];
    let own = ["container-resources", "manifest-service"];
    let sound = scratch(&manifests);
    assert_eq!(codes(&sound.findings()), own.map(str::to_owned).into());
    for (edit, expected) in [
        ((POLICY, "[stripe, main]", "[stripe, man]"), [&own[..], &["unknown-reference"]].concat()),
        ((POLICY, "access: staff", "access: stuff"), [&own[..], &["unknown-reference"]].concat()),
        ((POLICY, "baseline: storefront\n", "baseline: storefrnt\n"), [&own[..], &["unknown-baseline"]].concat()),
        // What a device is bounded by is the profile's.
        ((POLICY, "profile: small", "profile: smal"), vec!["manifest-service", "unknown-profile"]),
        // A quarantine stays one.
        ((PARAMETERS, "fork: false", "fork: true"), vec!["untrusted-pull-request"]),
    ] {
        let scratch = scratch(&[&manifests[..], &[edit]].concat());
        let found = scratch.findings();
        let expected = expected.into_iter().map(str::to_owned).collect();
        assert_eq!(codes(&found), expected, "{edit:?}: {found:#?}");
    }
}

/// Whoever wrote a value in another shape is told what the field is for, or how its shape is written.
#[test]
fn a_value_of_the_wrong_shape_says_what_was_meant() {
    let port = "      port: 8080\n";
    for (from, to, help) in [
        (port, "      env: [{name: A, value: b}]\n", "a map is written `{name: value}`"),
        (
            port,
            "      resources: {requests: {cpu: 100m}}\n",
            "write `resources: {cpu: …, memory: …}`, what it requests",
        ),
        (port, "      resources: {limits: {cpu: 100m}}\n", "write `resources: {cpu: …, memory: …}`"),
        (port, "      resources: {cpu: [1]}\n", "`resources`: What a Pod requests (`cpu`, `memory`"),
        (port, "      command: npm start\n", "a list is written `[one, two]`"),
        (port, "      health: :8081/healthz\n", "`health`: A path that answers 2xx or 3xx at `port`"),
        (port, "      runAsUser: node\n", "`runAsUser`: The number of the user"),
        ("[stripe-sandbox, mail]", "[api.stripe.com]", "names from the guardrails' `egress`"),
        ("    - {name: web, service: web, access: staff}\n", "    web: {service: web}\n", "a list is written"),
        ("  ttl: 48h", "  application: deploy", "it has the fields `"),
    ] {
        let edits = [(POLICY, APPLICATION, ""), (POLICY, from, to)];
        let found = check(&edits);
        let helps: Vec<&str> = found.iter().map(|finding| text(finding, "/help")).collect();
        assert!(helps.iter().any(|said| said.contains(help)), "{to}: {helps:#?}");
    }
}

/// What follows from one mistake is none of its own.
#[test]
fn what_follows_from_a_mistake_is_not_told() {
    let own_default = ("ttl: {default: 24h, max: 168h}", "ttl: {default: 240h, max: 168h}");
    let (policy, guardrails) = (storefront(POLICY), storefront(GUARDRAILS));
    let two = format!("{policy}---\nspec: {{}}\n");
    for (edits, message) in [
        (vec![(GUARDRAILS, "", &*policy)], "expected `PreviewGuardrails`"),
        (vec![(POLICY, "", &*guardrails)], "expected `PreviewPolicy`"),
        (vec![(POLICY, "", &*two)], "more than 1 document"),
        (
            vec![
                (GUARDRAILS, own_default.0, own_default.1),
                (POLICY, "  ttl: 48h\n", ""),
                (PARAMETERS, ", \"preview/ttl=72h\"", ""),
            ],
            "the default `240h` is longer than the maximum `168h`",
        ),
        (
            vec![(
                POLICY,
                "image: ghcr.io/acme/storefront:${{ pr.headSha }}",
                "image: ghcr.io/acme/storefront:${pr.headSha}",
            )],
            "`ghcr.io/acme/storefront:${pr.headSha}` is no name of an image: an expression is `${{ … }}`, with two braces",
        ),
        (
            vec![(
                POLICY,
                "image: ghcr.io/acme/storefront:${{ pr.headSha }}",
                "image: \"ghcr.io/acme/storefront:{{ .headSha }}\"",
            )],
            "`ghcr.io/acme/storefront:{{ .headSha }}` is no name of an image: `{{ … }}` is Helm's: dayfly writes `${{ pr.headSha }}`",
        ),
        (
            vec![(POLICY, "[stripe, main]", "[strip, main]"), (POLICY, "${{ routes.web.url }}", "$(STRIPE_KEY)")],
            "there is no secret or database `strip`: did you mean `stripe`?",
        ),
        (
            vec![(POLICY, "${{ routes.web.url }}", "mysql://$(HOST)/app")],
            "is the address of a database (`mysql://…`) that all previews would share",
        ),
    ] {
        let found = check(&edits);
        assert!(found.len() == 1 && text(&found[0], "/message").ends_with(message), "{message}: {found:#?}");
    }
}

/// What no policy asks for yet is somebody's to mend, too, though it keeps nothing from being rendered.
#[test]
fn what_the_guardrails_offer_is_checked_before_anybody_asks() {
    let wrong = scratch(&[
        (GUARDRAILS, "{oauth2Proxy: \"https://sso.acme.dev/oauth2\"}", "{}"),
        (GUARDRAILS, "        requests.cpu: \"4\"\n", ""),
        (GUARDRAILS, "  egress:\n", "  egress:\n    nowhere: {port: 443}\n"),
        (GUARDRAILS, "defaultProfile: small", "defaultProfile: tiny"),
        (GUARDRAILS, "  baselines:\n", "  baselines:\n    other: {provider: neon, schemaOnly: true}\n"),
    ]);
    let found = wrong.findings();
    let expected =
        ["access-not-enforceable", "baseline-incomplete", "egress-incomplete", "unbounded-profile", "unknown-profile"];
    assert_eq!(codes(&found), expected.map(str::to_owned).into(), "{found:#?}");
    assert!(found.iter().all(|finding| text(finding, "/owner") == "platform" && finding["location"]["line"].is_u64()));
    assert_eq!(wrong.run("render", &[]).code, ExitCode::Fine);
    // Pull requests of trust `restricted` would go without a database, and be told to be trusted.
    let restricted = "restricted: storefront-synthetic";
    for other in ["restricted: storefront-synthetics", "restricted: storefront"] {
        let found = check(&[(GUARDRAILS, restricted, other)]);
        assert_eq!(codes(&found), ["unknown-baseline".to_owned()].into(), "{found:#?}");
        assert_eq!(place(&found[0]), "guardrails.yaml:81:19", "{found:#?}");
        assert_eq!(text(&found[0], "/owner"), "platform");
    }
    // What is asked for is told once.
    let asked = scratch(&[(GUARDRAILS, "{fqdn: api.stripe.com, port: 443}", "{port: 443}")]);
    assert_eq!(asked.findings().len(), 1);
}

/// The case with the built-in guardrails has what `dayfly guardrails` prints.
#[test]
fn the_built_in_guardrails_are_a_case() {
    let file = root().join("testdata/built-in-guardrails/guardrails.yaml");
    assert_eq!(fs::read_to_string(file).expect("a file"), dayfly(&["guardrails"]).out);
}
