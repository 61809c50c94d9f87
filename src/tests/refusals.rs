//! What every rule refuses, and the value beside it that it lets pass; what broken files say.

mod agreement;
mod expressions;
mod manifests;
mod meant;
mod misplaced;
mod quarantine;
mod table;
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

/// Two services share a map; what is wrong in it is one mistake, in one place.
#[test]
fn what_an_alias_repeats_is_told_once() {
    let wrong = scratch(&[
        (POLICY, "      env:\n        PUBLIC_URL", "      env: &shared\n        DEBUG: true\n        PUBLIC_URL"),
        (POLICY, "      resources: {", "      env: *shared\n      resources: {"),
    ]);
    let found = wrong.findings();
    assert_eq!(found.iter().map(place).collect::<Vec<_>>(), ["source/preview.yaml:20:16"], "{found:#?}");
    let image = scratch(&[
        (
            POLICY,
            "    - name: web\n      image: ghcr.io/acme/storefront:${{ pr.headSha }}",
            "    - &web\n      name: web\n      image: ghcr.io/acme/storefront:latest",
        ),
        (
            POLICY,
            "    - name: worker\n      image: ghcr.io/acme/storefront:${{ pr.headSha }}",
            "    - <<: *web\n      name: worker",
        ),
    ]);
    let found = image.findings();
    assert_eq!(found.iter().map(place).collect::<Vec<_>>(), ["source/preview.yaml:17:14"], "{found:#?}");
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

#[test]
fn an_expression_that_a_flow_map_cuts_needs_quotes() {
    let unquoted =
        ("{name: web, service: web, access: staff}", "{name: web, service: web, access: staff, host: a${{ x }}}");
    let found = check(&[(POLICY, unquoted.0, unquoted.1)]);
    assert_eq!(codes(&found), BTreeSet::from(["not-yaml".to_owned()]));
    assert!(text(&found[0], "/help").contains("stands in quotes"), "{found:#?}");
    let other = check(&[(POLICY, unquoted.0, "{name: web]")]);
    assert_eq!(text(&other[0], "/help"), "", "{other:#?}");
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

fn patched(patches: &str) -> Scratch {
    let scratch = scratch(&[]);
    scratch.replace(GUARDRAILS, "  patches:\n", &format!("  patches:\n{patches}"));
    scratch
}

/// A patch that fits no object of this preview may fit one of the next; one that fits none of any is a slip of the pen.
#[test]
fn a_patch_that_can_fit_nothing_is_told() {
    let with = |patch: &str| patched(&format!("    - {patch}\n"));
    let annotate = "merge: {metadata: {annotations: {a: b}}}";
    for fine in [
        format!("{{target: {{kind: StatefulSet}}, {annotate}}}"),
        format!("{{target: {{kind: PodDisruptionBudget}}, {annotate}}}"),
        format!("{{target: {{kind: \"*NetworkPolicy\", name: \"allow-*\"}}, {annotate}}}"),
        format!("{{target: {{kind: \"*\"}}, {annotate}}}"),
        "{target: {kind: Deployment}, merge: {spec: {template: {spec: {nodeSelector: {a: b}}}}}}".to_owned(),
        "{target: {kind: CronJob}, merge: {spec: {jobTemplate: {spec: {template: {spec: {tolerations: []}}}}}}}"
            .to_owned(),
        "{target: {kind: Job}, json: [{op: add, path: /spec/template/spec/nodeSelector, value: {a: b}}]}".to_owned(),
        "{target: {kind: ServiceAccount}, merge: {imagePullSecrets: [{name: a}]}}".to_owned(),
    ] {
        assert_eq!(with(&fine).findings(), [Json::Null; 0], "{fine}");
    }
    for (bad, pointer, says) in [
        (
            format!("{{target: {{kind: Deploymnt}}, {annotate}}}"),
            "target/kind",
            "no object is of kind `Deploymnt`: did you mean `Deployment`?",
        ),
        (format!("{{target: {{kind: deployment}}, {annotate}}}"), "target/kind", "did you mean `Deployment`?"),
        (format!("{{target: {{kind: \"Route*\"}}, {annotate}}}"), "target/kind", "no object is of kind `Route*`"),
        (format!("{{target: {{kind: Pod}}, {annotate}}}"), "target/kind", "of kind `Pod`: patch what makes them"),
        (
            "{target: {kind: Deployment}, merge: {spec: {nodeSelector: {a: b}}}}".to_owned(),
            "merge/spec/nodeSelector",
            "`nodeSelector` is a Pod's: in a Deployment, that is below `/spec/template/spec`",
        ),
        (
            "{target: {kind: Job}, merge: {spec: {template: {tolerations: []}}}}".to_owned(),
            "merge/spec/template/tolerations",
            "`tolerations` is a Pod's",
        ),
        (
            "{target: {kind: CronJob}, merge: {spec: {template: {spec: {}}, priorityClassName: a}}}".to_owned(),
            "merge/spec/priorityClassName",
            "below `/spec/jobTemplate/spec/template/spec`",
        ),
        (
            "{target: {kind: Deployment}, json: [{op: add, path: /spec/nodeSelector, value: {a: b}}]}".to_owned(),
            "json/0/path",
            "`nodeSelector` is a Pod's",
        ),
    ] {
        let wrong = with(&bad);
        let found = wrong.findings();
        assert!(found.len() == 1 && text(&found[0], "/message").contains(says), "{bad}: {found:#?}");
        assert_eq!(text(&found[0], "/location/pointer"), format!("/spec/patches/0/{pointer}"), "{bad}");
        assert_eq!(found[0]["location"]["line"], 98, "{bad}");
        assert_eq!((text(&found[0], "/code"), text(&found[0], "/owner")), ("patch", "platform"), "{bad}");
        // What runs is not held up by it.
        assert!(!wrong.run("render", &["-o", "ndjson"]).out.is_empty(), "{bad}");
    }
    // A kind of the platform's own template, and one that only an expression knows.
    for (kind, fine) in [("Certificate2", false), ("Widget", true), ("\"${{ policy.name }}\"", true)] {
        let own = with(&format!("{{target: {{kind: Widget}}, {annotate}}}"));
        own.replace(GUARDRAILS, "  patches:", "  templates: templates\n  patches:");
        own.write("templates/x.yaml", format!("$for: route in routes\n$when: ${{{{ application }}}}\napiVersion: v1\nspec: [1, {{a: \"b${{{{ namespace }}}}\"}}]\nkind: {kind}\nmetadata: {{name: x, namespace: \"${{{{ namespace }}}}\"}}\n"));
        let found = own.findings();
        assert_eq!(found.is_empty(), fine, "{kind}: {found:#?}");
    }
}

#[test]
fn an_operation_that_does_not_fit_says_what_is_missing() {
    for (operation, says) in [
        (
            "{op: add, path: /spec/template/spec/containers/0/resources/limits, value: {cpu: 1}}",
            "Deployment/web: it has no `/spec/template/spec/containers/0/resources`",
        ),
        ("{op: remove, path: /spec/paused}", "Deployment/web: it has no `/spec/paused`"),
        ("{op: test, path: /spec/replicas, value: 7}", "Deployment/web: value did not match"),
    ] {
        let first = "{op: test, path: /kind, value: Deployment}";
        let patch = format!("    - target: {{kind: Deployment, name: web}}\n      json: [{first}, {operation}]\n");
        let found = patched(&patch).findings();
        assert!(found.len() == 1 && text(&found[0], "/message").ends_with(says), "{operation}: {found:#?}");
        assert_eq!(text(&found[0], "/location/pointer"), "/spec/patches/0/json/1", "{operation}");
    }
}

/// RFC 7396 replaces lists: what is then missing was taken away by the patch, whoever wrote the object.
#[test]
fn what_a_patch_broke_is_the_platform_s() {
    let env = "    - target: {kind: Deployment}\n      merge: {spec: {template: {spec: {containers: [{env: [{name: A, value: b}]}]}}}}\n";
    let found = patched(env).findings();
    assert_eq!(codes(&found), ["pod-security".to_owned()].into(), "{found:#?}");
    let help = "`/spec/patches/0` of the guardrails put that there: `merge` replaces a whole list, `json` changes one item of it";
    assert!(found.iter().all(|finding| text(finding, "/help") == help), "{found:#?}");
    let root = "    - target: {kind: StatefulSet}\n      json: [{op: add, path: /spec/template/spec/securityContext, value: {runAsUser: 0}}]\n";
    let manifest = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: x}\nspec:\n  serviceName: x\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      containers:\n        - name: x\n          image: ghcr.io/acme/x:3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938\n          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}\n";
    for (patch, owners) in [("", vec![]), (root, vec!["platform"])] {
        let patched = patched(patch);
        patched.replace(POLICY, "  routes:\n", "  manifests: [extra.yaml]\n  routes:\n");
        patched.write("extra.yaml", manifest);
        let found = patched.findings();
        assert_eq!(found.iter().map(|finding| text(finding, "/owner")).collect::<Vec<_>>(), owners, "{found:#?}");
    }
}

/// Whichever rule it breaks, of whichever object, once: where it is mended.
#[test]
fn what_a_patch_broke_is_told_in_the_patch() {
    let manifest = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: x}\nspec:\n  serviceName: x\n  selector: {matchLabels: {a: b}}\n  template:\n    metadata: {labels: {a: b}}\n    spec:\n      containers:\n        - name: x\n          image: ghcr.io/acme/x:3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938\n          volumeMounts: []\n          securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}, runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}\n";
    let mount = "{op: add, path: /spec/template/spec/containers/0/volumeMounts/-, value: {name: y, mountPath: /y}}";
    for (kind, patch, code, line, column) in [
        ("Deployment", "merge: {spec: {template: {spec: {restartPolicy: Never}}}}", "pod-spec", 99, 55),
        ("Deployment", "merge: {spec: {template: {spec: {hostNetwork: true}}}}", "pod-security", 99, 53),
        ("HTTPRoute", "merge: {spec: {hostnames: [evil.example.com]}}", "host-outside-domain", 99, 34),
        ("Deployment", &*format!("json: [{mount}]"), "pod-spec", 99, 14),
        ("StatefulSet", &*format!("json:\n        - {mount}"), "pod-spec", 100, 11),
        // What the last one says, holds.
        (
            "Deployment",
            "merge: {spec: {template: {spec: {hostNetwork: false}}}}\n    - target: {kind: Deployment}\n      merge: {spec: {template: {spec: {hostNetwork: true}}}}",
            "pod-security",
            101,
            53,
        ),
        (
            "Deployment",
            "json:\n        - {op: add, path: /spec/template/spec/hostNetwork, value: false}\n        - {op: add, path: /spec/template/spec/hostNetwork, value: true}",
            "pod-security",
            101,
            11,
        ),
    ] {
        let patched = patched(&format!("    - target: {{kind: {kind}}}\n      {patch}\n"));
        patched.replace(POLICY, "  routes:\n", "  manifests: [extra.yaml]\n  routes:\n");
        patched.write("extra.yaml", manifest);
        let found = patched.findings();
        let told: Vec<_> = found.iter().map(|one| (text(one, "/code"), text(one, "/owner"))).collect();
        assert_eq!(told, [(code, "platform")], "{patch}: {found:#?}");
        let place = &found[0]["location"];
        assert_eq!((&place["line"], &place["column"]), (&line.into(), &column.into()), "{patch}: {found:#?}");
        assert!(text(&found[0], "/location/object").starts_with(kind), "{patch}: {found:#?}");
    }
}

#[test]
fn an_operation_comes_after_what_is_merged() {
    let patch = "merge: {spec: {hostnames: [a.example.com]}}\n      json: [{op: replace, path: /spec/hostnames/0, value: b.example.com}]";
    let found = patched(&format!("    - target: {{kind: HTTPRoute}}\n      {patch}\n")).findings();
    assert_eq!(text(&found[0], "/help"), "`/spec/patches/0` of the guardrails put that there", "{found:#?}");
    assert_eq!(found[0]["location"]["line"], 100, "{found:#?}");
}

/// The image that all of the storefront's programs share.
const IMAGE: &str = "ghcr.io/acme/storefront:${{ pr.headSha }}";

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

/// How a file is written makes no difference to what it says.
#[test]
fn spellings_of_the_same_policy() {
    let plain = Scratch::new("storefront");
    let expected = plain.run("render", &["-o", "ndjson"]);
    assert_eq!(expected.code, ExitCode::Fine, "{}", expected.err);
    let policy = fs::read_to_string(plain.path(POLICY)).expect("a file");
    let spellings = [
        ("a byte-order mark", format!("\u{feff}{policy}")),
        ("CRLF", policy.replace('\n', "\r\n")),
        ("a document's begin and end", format!("---\n{policy}...\n")),
        (
            "an anchor and an alias",
            policy.replacen("image: ghcr", "image: &image ghcr", 1).replacen(
                &format!("image: {IMAGE}"),
                "image: *image",
                1,
            ),
        ),
        ("JSON", json_of(&policy)),
    ];
    for (what, text) in spellings {
        let scratch = Scratch::new("storefront");
        scratch.write(POLICY, text);
        let run = scratch.run("render", &["-o", "ndjson"]);
        assert_eq!((run.code, run.err.as_str()), (ExitCode::Fine, ""), "{what}");
        assert!(run.out == expected.out, "{what}");
    }
}

#[test]
fn merge_keys_add_what_is_not_there() {
    let merged = scratch(&[(
        POLICY,
        "    - name: worker\n      image: ghcr.io/acme/storefront:${{ pr.headSha }}\n",
        "    - <<: {name: other, image: \"ghcr.io/acme/storefront:${{ pr.headSha }}\"}\n      name: worker\n",
    )]);
    let plain = Scratch::new("storefront").run("render", &["-o", "ndjson"]);
    let run = merged.run("render", &["-o", "ndjson"]);
    assert_eq!(run.err, "");
    assert!(run.out == plain.out);
}

/// Places count characters, from one, in the file as it is written.
#[test]
fn places_in_files_of_all_kinds() {
    let scratch = scratch(&[(POLICY, "  ttl: 48h", "  # ä\u{1F600}\n  flags2: {\"ä\u{1F600}\": 1}")]);
    let policy = fs::read_to_string(scratch.path(POLICY)).expect("a file");
    for written in [policy.clone(), format!("\u{feff}{policy}"), policy.replace('\n', "\r\n")] {
        scratch.write(POLICY, written);
        let found = scratch.findings();
        assert_eq!(found.len(), 1, "{found:#?}");
        assert_eq!(place(&found[0]), "source/preview.yaml:10:3");
        assert_eq!(text(&found[0], "/location/source"), "  flags2: {\"ä\u{1F600}\": 1}");
    }
}

fn json_of(yaml: &str) -> String {
    // Not by a JSON value, which would sort the keys.
    let value: serde_yaml::Value = serde_yaml::from_str(yaml).expect("YAML");
    serde_json::to_string_pretty(&value).expect("JSON")
}

/// The case with the built-in guardrails has what `dayfly guardrails` prints.
#[test]
fn the_built_in_guardrails_are_a_case() {
    let file = root().join("testdata/built-in-guardrails/guardrails.yaml");
    assert_eq!(fs::read_to_string(file).expect("a file"), dayfly(&["guardrails"]).out);
}
