//! What a refusal says to do.

use std::fs;

use super::{APPLICATION, DEPLOYMENT, Edit, GUARDRAILS, MANIFEST, PARAMETERS, POLICY, check, scratch, text};

/// Where a request is refused, what decides it is named, and a profile that would allow it.
#[test]
fn a_request_beyond_its_profile_says_what_would_do() {
    for (asked, message, help) in [
        (
            "memory: 3Gi",
            "`worker` asks for 3Gi of `memory`, above its limit: 2Gi, `container.max` of the profile `small`",
            "in the profile `large` it may be up to 8Gi",
        ),
        (
            "ephemeral-storage: 1500Mi",
            "`worker` asks for 1500Mi of `ephemeral-storage`, above its limit: 1Gi, `container.default` of the profile `small`",
            "in the profile `large` it may be up to 2Gi",
        ),
        ("memory: 256m", "`worker` asks for 256m of `memory`, a fraction of a byte", "`256Mi` was probably meant"),
        ("memory: 0.25", "`worker` asks for 0.25 of `memory`, a fraction of a byte", "`0.25Gi` was probably meant"),
        ("memory: 256", "`worker` asks for 256 of `memory`, which are bytes", "`256Mi` was probably meant"),
        (
            "memory: 65536",
            "`worker` asks for 65536 of `memory`, which are bytes",
            "it has no unit, such as the `Mi` of `2Gi`",
        ),
        ("memory: 9Gi", "above its limit: 2Gi", "ask for at most 2Gi: no profile allows as much"),
    ] {
        let found = check(&[(POLICY, "memory: 256Mi", asked)]);
        assert!(text(&found[0], "/message").contains(message), "{asked}: {found:#?}");
        assert_eq!(text(&found[0], "/help"), help, "{asked}: {found:#?}");
    }
    let asked = "migrate, deploy]\n        resources: {memory: 3Gi}\n";
    let found = check(&[(POLICY, "migrate, deploy]\n", asked)]);
    let message = "`migrate` asks for 3Gi of `memory`, above its limit: 2Gi, `container.max` of the profile `small`";
    assert_eq!(
        (text(&found[0], "/message"), text(&found[0], "/help")),
        (message, "in the profile `large` it may be up to 8Gi")
    );
    // Kubernetes rounds it up.
    assert!(check(&[(POLICY, "memory: 256Mi", "memory: 1.3Gi")]).is_empty());
    assert!(check(&[(POLICY, "memory: 256Mi", "memory: 268435456")]).is_empty());
}

/// What does not fit one profile may fit another.
#[test]
fn a_quota_that_is_too_small_says_which_is_not() {
    for (replicas, help) in [(7, "the profile `large` has room for all of it"), (90, "")] {
        let asked = format!("replicas: {replicas}");
        let more = (GUARDRAILS, "limits.cpu: \"8\"", "limits.cpu: \"16\"");
        let found = check(&[more, (POLICY, "command: [node, dist/worker.js]", &asked)]);
        assert!(!found.is_empty());
        assert!(found.iter().all(|one| text(one, "/code") == "over-quota" && text(one, "/help") == help), "{found:#?}");
    }
}

/// Where a service has no field for it, a Service of the team's own has.
#[test]
fn a_route_to_what_a_service_has_not_says_what_has() {
    let route = "{name: web, service: web, access: staff";
    for (more, help) in [
        (
            ", port: 9001",
            "another port of its Pods is a Service among `manifests`, which selects `app.kubernetes.io/name: web`",
        ),
        (
            ", host: \"${{ routes.web.host }}\"",
            "routes share a host that each writes out: `WORD-${{ preview.namespace }}.${{ guardrails.domain }}`, which is that of a route `WORD`",
        ),
    ] {
        let found = check(&[(POLICY, route, &format!("{route}{more}"))]);
        assert_eq!(found.iter().map(|one| text(one, "/help")).collect::<Vec<_>>(), [help], "{found:#?}");
    }
}

/// What would get more depends on where the pull request comes from.
#[test]
fn who_gets_less_is_told_what_would_get_more() {
    let push = "a maintainer can push the branch to the repository itself";
    let pass = "pass the parameter `fork`, or say in the guardrails what trust `unknown` gets";
    let say = "the guardrails say what trust `trusted` gets";
    let (is_fork, is_unknown) = ((PARAMETERS, "fork: false", "fork: true"), (PARAMETERS, "fork: false\n", ""));
    for (tier, grant, edits, help) in [
        ("fork", "quarantine", vec![is_fork], push),
        ("fork", "restricted", vec![is_fork], push),
        ("unknown", "quarantine", vec![is_unknown], pass),
        ("unknown", "restricted", vec![is_unknown], pass),
        ("trusted", "quarantine", vec![], say),
        ("trusted", "restricted", vec![], say),
    ] {
        let trust = format!("trust: {{{tier}: {grant}}}");
        let own = (GUARDRAILS, "trust: {unknown: restricted, fork: quarantine}", &*trust);
        let found = check(&[&[own], &*edits].concat());
        let code = if grant == "quarantine" { "untrusted-pull-request" } else { "withheld" };
        let told: Vec<_> = found.iter().filter(|one| text(one, "/code") == code).collect();
        assert!(!told.is_empty() && told.iter().all(|one| text(one, "/help") == help), "{tier} {grant}: {found:#?}");
    }
}

/// Argo CD shows the first line as the cause.
#[test]
fn errors_come_first() {
    let scratch = scratch(&[
        (GUARDRAILS, "  patches:", "  templates: templates\n  patches:"),
        (PARAMETERS, "fork: false\n", ""),
        (POLICY, "service: web", "service: wbe"),
        ("templates/x.yaml.tpl", "", "x"),
    ]);
    let severities = || scratch.findings().iter().map(|one| text(one, "/severity").to_owned()).collect::<Vec<_>>();
    let told = severities();
    assert!(told.len() > 2 && told.first().is_some_and(|first| first == "error"), "{told:?}");
    assert!(told.is_sorted() && told.last().is_some_and(|last| last == "warning"), "{told:?}");
    let err = scratch.run("render", &[]).err;
    assert!(err.starts_with("error[unknown-reference]: ") && err.contains("\nwarning["), "{err}");
    // From the first line on, whichever was found first.
    let found = scratch.findings();
    let lines: Vec<_> = found
        .iter()
        .filter(|one| text(one, "/severity") == "error" && text(one, "/location/file").ends_with(POLICY))
        .map(|one| one["location"]["line"].as_u64())
        .collect();
    assert!(lines.is_sorted(), "{lines:?}");
    scratch.replace(POLICY, "kind:", "knd:");
    let told = severities();
    assert!(told.is_sorted() && told.last().is_some_and(|last| last == "warning"), "{told:?}");
}

/// One mistake is told once, and none hides another.
#[test]
fn what_is_missing_of_a_pull_request_is_told_once() {
    let told = |number: &'static str, sha: &'static str| {
        let edits = [
            (PARAMETERS, "number: 128", number),
            (PARAMETERS, "head_sha: 3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938", sha),
        ];
        let found = check(&edits);
        found.iter().map(|one| text(one, "/message").to_owned()).collect::<Vec<_>>().join("\n")
    };
    let missing = "the parameter `number` is missing: it is the pull request's identity";
    let both = told("some_thing_else_entirely: 1", "head_sha: 3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938");
    assert!(both.contains(missing) && both.contains("unknown parameter"), "{both}");
    assert_eq!(told("number: [1]", "head_sha: [1]").lines().count(), 2);
    let sha = "3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938";
    let misspelt =
        "unknown parameter `nubmer`: did you mean `number`?\nunknown parameter `headSha`: did you mean `head_sha`?";
    assert_eq!(told("nubmer: 1", "headSha: 3f9c1e7"), misspelt);
    for (number, expected) in [
        ("{name: nubmer, string: '1'}", "unknown parameter `nubmer`: did you mean `number`?"),
        ("{name: number, strnig: '1'}", "the parameter `number` has no value: expected `string`, `array` or `map`"),
    ] {
        let scratch = scratch(&[]);
        let list = format!("[{number}, {{name: head_sha, string: {sha}}}, {{name: fork, string: 'false'}}]");
        scratch.write(PARAMETERS, list);
        let found = scratch.findings();
        assert_eq!(found.iter().map(|one| text(one, "/message")).collect::<Vec<_>>(), [expected], "{number}");
    }
}

/// The first counts, whatever the order: who says the same again is not to blame.
#[test]
fn the_label_that_contradicts_the_first_is_told() {
    let labels = "[preview, \"preview/ttl=72h\"]";
    let other = "[\"preview/ttl=72h\", \"preview/ttl=3d\", \"preview/ttl=24h\"]";
    let found = check(&[(PARAMETERS, labels, other)]);
    assert_eq!(found.len(), 1, "{found:#?}");
    let message = "the labels `preview/ttl=72h` and `preview/ttl=24h` ask for different things";
    assert_eq!(text(&found[0], "/message"), message);
    // What a preview is asked for by asks for nothing else.
    let prefix: Edit = (GUARDRAILS, "    profile: [small, large]", "    prefix: preview\n    profile: [small, large]");
    assert!(check(&[prefix, (PARAMETERS, labels, "[preview]")]).is_empty());
}

/// Who made the offer is told, not only each pull request that takes it.
#[test]
fn a_label_that_offers_more_than_the_maximum_is_the_platforms() {
    let found = check(&[(GUARDRAILS, "max: 168h", "max: 71h"), (PARAMETERS, ", \"preview/ttl=72h\"", "")]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((text(&found[0], "/code"), text(&found[0], "/owner")), ("ttl-clamped", "platform"));
    assert_eq!(text(&found[0], "/message"), "a label may ask for `72h`, and gets the maximum, `71h`");
    assert_eq!((&found[0]["location"]["line"], &found[0]["location"]["column"]), (&13.into(), &16.into()));
}

/// A quota is of one of the profiles.
#[test]
fn a_claim_beyond_the_quota_is_told_whose_quota_it_is() {
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: x}\n\
        spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n";
    let found = check(&[(POLICY, APPLICATION, "  manifests: [extra.yaml]\n"), ("extra.yaml", "", claim)]);
    let message = "a volume is claimed, but the quota of profile `small` has 0 `persistentvolumeclaims`";
    assert_eq!(text(&found[0], "/message"), message, "{found:#?}");
}

/// Up to the profile's `max`, the limit goes with the request; a quota counts it.
#[test]
fn a_request_above_the_default_has_its_own_limit() {
    let run = |memory: &'static str, quota: &'static str| {
        let edits = [(POLICY, "memory: 256Mi", memory), (GUARDRAILS, "limits.memory: 8Gi", quota)];
        scratch(&edits).run("render", &["-o", "ndjson"])
    };
    for (memory, resources) in [
        ("memory: 512Mi", r#"{"requests":{"cpu":"200m","memory":"512Mi"}}"#),
        ("memory: 2Gi", r#"{"requests":{"cpu":"200m","memory":"2Gi"},"limits":{"memory":"2Gi"}}"#),
    ] {
        let run = run(memory, "limits.memory: 8Gi");
        assert!(run.out.contains(&format!("\"resources\":{resources}")), "{memory}: {}{}", run.out, run.err);
    }
    // The other service, migrate and seed have 512Mi each.
    assert!(!run("memory: 2Gi", "limits.memory: 3Gi").out.is_empty());
    let over = run("memory: 2Gi", "limits.memory: 3071Mi");
    assert!(
        over.err.contains("ask for 3072Mi of `limits.memory`") && over.err.contains("preview.yaml:26:38)"),
        "{}",
        over.err
    );
}

#[test]
fn a_policy_of_another_name_is_renamed() {
    for name in ["preview.yml", "Preview.yaml", ""] {
        let scratch = scratch(&[]);
        let policy = scratch.path(POLICY);
        let other = policy.with_file_name(name);
        if name.is_empty() { fs::remove_file(&policy) } else { fs::rename(&policy, &other) }.expect("a file");
        let run = scratch.run("check", &[]);
        let expected = format!("error: `source/{name}` is there: rename it to `preview.yaml`\n");
        assert_eq!(run.err == expected, !name.is_empty(), "{name}: {}", run.err);
        assert_eq!(run.err.contains("`dayfly init source` writes one"), name.is_empty(), "{name}: {}", run.err);
    }
}

/// It is not called what it is not.
#[test]
fn what_is_right_but_too_much_is_called_so() {
    let time = "updated_at: \"2026-11-20T09:30:00Z\"";
    let emoji = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndata: {\"a\": \"\\ud83d\\ude00\"}\n";
    let cases: [(&[Edit], &str, &str); 4] = [
        (&[(GUARDRAILS, "requests.memory: 4Gi", "requests.memory: 1e30")], "`1e30` is too large an amount", "/message"),
        (
            &[(PARAMETERS, time, "updated_at: \"9999-12-31T23:59:59Z\"")],
            "the last year that is taken is 9891",
            "/message",
        ),
        (&[(PARAMETERS, time, "updated_at: \"1969-12-31T23:59:59Z\"")], "is no time", "/message"),
        (
            &[(POLICY, APPLICATION, "  manifests: [extra.yaml]\n"), ("extra.yaml", "", emoji)],
            "or as `\\U0001F600`",
            "/help",
        ),
    ];
    for (edits, expected, field) in cases {
        let found = check(edits);
        assert!(found.iter().any(|finding| text(finding, field).contains(expected)), "{expected}: {found:#?}");
    }
}

/// What a patch makes of services is judged as it comes out, and told where the patch stands.
#[test]
fn a_patch_beyond_the_quota_is_the_platforms() {
    let sidecar = |resources: &str| {
        let image = format!("ghcr.io/acme/proxy@sha256:{:064}", 7);
        let secure = "{allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}";
        format!(
            "{{target: {{kind: Deployment}}, json: [{{op: add, path: /spec/template/spec/containers/-, value: \
             {{name: proxy, image: \"{image}\", securityContext: {secure}, resources: {resources}}}}}]}}"
        )
    };
    let replicas =
        |kind: &str, count: u32| format!("{{target: {{kind: {kind}}}, merge: {{spec: {{replicas: {count}}}}}}}");
    let quota = |amount: &str| format!("{{target: {{kind: ResourceQuota}}, merge: {{spec: {amount}}}}}");
    let env = "{target: {kind: Deployment}, json: [{op: add, path: /spec/template/spec/containers/0/env/-, value: {name: A, value: b}}]}";
    let cpus = "5 of `limits.cpu`, where the quota is 4";
    for (patches, expected) in [
        (vec![replicas("Deployment", 4)], None),
        (vec![replicas("Deployment", 5)], Some((0, cpus))),
        (vec![env.to_owned(), replicas("Deploy*", 5)], Some((1, cpus))),
        (vec![replicas("Deployment", 50), replicas("Deployment", 5), env.to_owned()], Some((1, cpus))),
        (
            vec![replicas("Deployment", 50)],
            Some((
                0,
                "15 of `requests.cpu`, where the quota is 2; 18.75Gi of `requests.memory`, where the quota is 4Gi; \
                 50 of `limits.cpu`, where the quota is 4; 4 more",
            )),
        ),
        (vec![sidecar("{requests: {cpu: 800m}}")], None),
        (
            vec![sidecar("{requests: {cpu: 900m}, limits: {cpu: 900m}}")],
            Some((0, "2.1 of `requests.cpu`, where the quota is 2")),
        ),
        (vec![sidecar("{limits: {cpu: 900m}}")], Some((0, "2.1 of `requests.cpu`, where the quota is 2"))),
        // A quota that was patched, too, and one of some Pods only.
        (vec![replicas("Deployment", 5), quota("{hard: {limits.cpu: 5}}")], None),
        (
            vec![replicas("Deployment", 50), quota("{hard: {limits.ephemeral-storage: null}, scopes: [Terminating]}")],
            None,
        ),
        // Nothing was resized: too little room is not the patch's.
        (vec![env.to_owned(), quota("{hard: {pods: 1}}")], None),
    ] {
        let lines = patches.iter().map(|patch| format!("    - {patch}\n")).collect::<Vec<_>>().concat();
        let found = check(&[(GUARDRAILS, "  patches:\n", &format!("  patches:\n{lines}"))]);
        let found: Vec<_> = found.iter().filter(|one| text(one, "/code") == "patch-over-quota").collect();
        let Some((patch, expected)) = expected else {
            assert!(found.is_empty(), "{patches:?}: {found:#?}");
            continue;
        };
        let [one] = found.as_slice() else { panic!("{patches:?}: {found:#?}") };
        let message = format!("with this patch, Deployments and StatefulSets ask for {expected}");
        assert_eq!(text(one, "/message"), message, "{patches:?}");
        assert_eq!(text(one, "/location/pointer"), format!("/spec/patches/{patch}"), "{patches:?}");
        assert_eq!([text(one, "/owner"), text(one, "/severity")], ["platform", "warning"]);
    }
    // What manifests ask for is not known to be all at the same time.
    let patch = format!("  patches:\n    - {}\n", replicas("Deployment", 4));
    let manifest = format!("{DEPLOYMENT}          resources: {{limits: {{cpu: 500m}}}}\n");
    let found = check(&[MANIFEST, (GUARDRAILS, "  patches:\n", &patch), ("extra.yaml", "", &manifest)]);
    assert!(found.is_empty(), "{found:#?}");
}

/// Each amount is told of the patches that set it: the number of Pods, and what each asks for of this resource.
#[test]
fn patches_beyond_the_quota_are_told_of_what_they_set() {
    let replicas = "{target: {kind: Deployment}, merge: {spec: {replicas: 50}}}";
    let asks = |place: &str, value: &str| {
        let path = format!("/spec/template/spec/containers/0/resources{place}");
        format!("{{target: {{kind: Deployment}}, json: [{{op: add, path: {path}, value: {value}}}]}}")
    };
    let small = "{cpu: 1m, memory: 1Mi, ephemeral-storage: 1Mi}";
    let whole = asks("", &format!("{{requests: {small}, limits: {small}}}"));
    let start = "Deployments and StatefulSets ask for";
    for (patches, expected) in [
        // It makes them as small as it can.
        (
            vec![replicas.to_owned(), whole.clone()],
            vec![format!("/spec/patches/0 with this patch, {start} 100 of `pods`, where the quota is 15")],
        ),
        (
            vec![replicas.to_owned(), whole.clone(), asks("/limits/cpu", "100m")],
            vec![
                format!("/spec/patches/0 with this patch, {start} 100 of `pods`, where the quota is 15"),
                format!(
                    "/spec/patches/2 with this patch and `/spec/patches/0`, {start} 10 of `limits.cpu`, where the quota is 4"
                ),
            ],
        ),
        (
            vec![whole, asks("/limits/cpu", "5"), asks("/limits/memory", "2Mi")],
            vec![format!("/spec/patches/1 with this patch, {start} 10 of `limits.cpu`, where the quota is 4")],
        ),
    ] {
        let lines = patches.iter().map(|patch| format!("    - {patch}\n")).collect::<Vec<_>>().concat();
        let found = check(&[(GUARDRAILS, "  patches:\n", &format!("  patches:\n{lines}"))]);
        let found = found.iter().filter(|one| text(one, "/code") == "patch-over-quota");
        let found: Vec<String> =
            found.map(|one| format!("{} {}", text(one, "/location/pointer"), text(one, "/message"))).collect();
        assert_eq!(found, expected, "{patches:?}");
    }
}

/// Each label has its own place, in a list, in one that is text, and beside what is no text.
#[test]
fn labels_are_told_where_they_stand() {
    let labels = "[preview, \"preview/ttl=72h\"]";
    for (written, expected) in [
        (
            "[preview, \"preview/tll=1h\", \"preview/profile\", \"Preview/ttl=1h\", \"preview/colour=red\"]",
            vec![
                "19 the label `preview/tll=1h` asks for nothing: did you mean `preview/ttl=…`?",
                "37 the label `preview/profile` asks for nothing: did you mean `preview/profile=…`?",
                "56 the label `Preview/ttl=1h` asks for nothing: did you mean `preview/ttl=…`?",
                "74 the label `preview/colour=red` asks for nothing; there is `profile`, `ttl`",
            ],
        ),
        (
            "[7, \"preview/ttl=1h\"]",
            vec![
                "10 the parameter `labels` holds something other than text",
                "13 the label `preview/ttl=1h` asks for what is not offered; there is `24h`, `72h`",
            ],
        ),
        (
            "'[\"preview/ttl=1h\"]'",
            vec!["9 the label `preview/ttl=1h` asks for what is not offered; there is `24h`, `72h`"],
        ),
    ] {
        let found = check(&[(PARAMETERS, labels, written)]);
        let told: Vec<String> =
            found.iter().map(|one| format!("{} {}", one["location"]["column"], text(one, "/message"))).collect();
        assert_eq!(told, expected, "{written}");
    }
}

#[test]
fn what_to_write_is_said() {
    for (edit, message, help) in [
        (
            (POLICY, "[npm, run, \"seed:preview\"]", "npm run seed && npm run more"),
            "found `npm run seed && npm run more`, expected a list",
            "a list is written `[one, two]`, or an item a line with `- ` before it: here `[sh, -c, \"npm run seed && npm run more\"]`",
        ),
        (
            (POLICY, "{cpu: 200m, memory: 256Mi}", "{cpu: 200m, memory=256Mi}"),
            "found nothing, expected a string or a number",
            "write `memory: …`",
        ),
        (
            (POLICY, "port: 8080", "port: ${{ pr.number }}"),
            "found `${{ pr.number }}`, expected a whole number",
            "this field holds no `${{ … }}`: write the value itself",
        ),
        (
            (POLICY, "ttl: 48h", "ttl: ${{ guardrails.ttl }}"),
            "`${{ guardrails.ttl }}` is no length of time",
            "this field holds no `${{ … }}`: write the value itself",
        ),
        (
            (POLICY, "        BANNER:", "        STRIPE_KEY: x\n        BANNER:"),
            "the variable `STRIPE_KEY` of `stripe` is set already",
            "leave `STRIPE_KEY` out of `env`: what is used sets it",
        ),
    ] {
        let found = check(&[edit]);
        let [one] = found.as_slice() else { panic!("{found:#?}") };
        assert!(text(one, "/message").starts_with(message), "{one}");
        assert_eq!(text(one, "/help"), help);
    }
}

/// Of two databases with one variable, a service's `env` has no part in it.
#[test]
fn a_variable_that_two_databases_set_is_anothers() {
    let message = "the variable `DATABASE_URL` of `other` is set already";
    let of_database = "give the database's URL another variable: `env` at the database";
    let other = (POLICY, "  databases:\n", "  databases:\n    - {name: other, baseline: storefront}\n");
    let both = (POLICY, "uses: [stripe, main]", "uses: [main, other]");
    let own = (POLICY, "        BANNER:", "        DATABASE_URL: x\n        BANNER:");
    let main = "the variable `DATABASE_URL` of `main` is set already";
    let of_env = format!("leave `DATABASE_URL` out of the service's `env`, or {of_database}");
    for (edits, message, help) in [(&[other, both][..], message, of_database), (&[own], main, &of_env)] {
        let found = check(edits);
        let found: Vec<_> = found.iter().filter(|one| one["code"] == "duplicate-name").collect();
        let [one] = found[..] else { panic!("{found:#?}") };
        assert_eq!((text(one, "/message"), text(one, "/help")), (message, help));
    }
}

#[test]
fn a_number_says_what_is_wrong_with_it() {
    for (written, wrong) in [
        ("0", "they begin at `1`"),
        ("\"000\"", "they begin at `1`"),
        ("\"007\"", "expected `7`"),
        ("x7", "expected digits, such as `128`"),
        ("\"1000000000000000000\"", "expected at most 18 digits"),
        ("\"00000000000000000001\"", "expected `1`"),
    ] {
        let found = check(&[(PARAMETERS, "number: 128", &format!("number: {written}"))]);
        let [one] = found.as_slice() else { panic!("{found:#?}") };
        assert!(text(one, "/message").ends_with(&format!(": {wrong}")), "{written}: {one}");
    }
    assert!(check(&[(PARAMETERS, "number: 128", "number: \"999999999999999999\"")]).is_empty());
}

#[test]
fn one_mistake_has_its_own_place_and_reason() {
    for (edit, column, message) in [
        ((PARAMETERS, "number: 128", "number: 0128"), 9, "the number `0128` has a zero in front: expected `128`"),
        ((POLICY, "    kustomize:\n", "    helm: {}\n    kustomize:\n"), 11, "at most one of `kustomize`, `helm` and"),
    ] {
        let found = check(&[edit]);
        let [one] = found.as_slice() else { panic!("{found:#?}") };
        assert!(text(one, "/message").contains(message), "{one}");
        assert_eq!(one["location"]["column"], column, "{one}");
    }
}
