//! `explain`: who set what, also of what was refused.

mod names;
mod unknown;

use std::collections::BTreeSet;

use super::{
    golden::cases,
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch, of_case, parameters, renderer},
    support::{dayfly, dayfly_on, pointers},
};
use crate::{
    cli::ExitCode,
    finding::Owner,
    input::{Policy, Source, read_typed},
};

/// Whatever the built-in templates fill in, somebody set: a field that nobody is named for has no record.
#[test]
fn every_field_has_somebody_who_set_it() {
    let (mut known, mut unknown) = (BTreeSet::new(), BTreeSet::new());
    for case in cases() {
        let policy = Source { name: POLICY.into(), text: of_case(&case, POLICY) };
        if read_typed::<Policy>(&policy, Owner::Team).is_err() {
            continue;
        }
        let set: serde_json::Value = serde_yaml::from_str(&of_case(&case, PARAMETERS)).expect("YAML");
        let rendered = renderer(&of_case(&case, GUARDRAILS), &policy.text).render(&parameters(&set), true);
        for trace in &rendered.traces {
            for (path, field) in trace.places.iter().flat_map(|place| &place.paths) {
                let is_known = !rendered.decisions.about(field).is_empty();
                let to = if is_known { &mut known } else { &mut unknown };
                to.insert(format!("${{{{ {path} }}}} ({field})"));
            }
        }
    }
    assert!(unknown.is_empty(), "nobody set: {unknown:#?}");
    assert!(known.len() > 200, "{known:#?}");
}

fn check(case: &str, rows: &[(&str, &[&str], &str)]) {
    for (what, said, unsaid) in rows {
        let run = dayfly_on("explain", case, &[what]);
        let text = format!("{}{}", run.out, run.err);
        for said in *said {
            assert!(text.contains(said), "{case}, {what}: not `{said}`:\n{text}");
        }
        assert!(unsaid.is_empty() || !text.contains(unsaid), "{case}, {what}: `{unsaid}`:\n{text}");
    }
}

#[test]
fn places_and_fields_know_who_set_them() {
    check(
        "storefront",
        &[
            (
                "Deployment/web/spec/replicas",
                &["services.web.replicas\n  granted    1", "set by     dayfly\n"],
                "worker",
            ),
            ("Deployment/web/spec/template/spec/containers/0/ports", &["(/spec/services/0/port)"], "databases"),
            ("ResourceQuota/preview/spec/hard/pods", &["(/spec/profiles/small/quota/pods)"], "requests.cpu"),
            ("ResourceQuota/preview/spec/hard/services.nodeports", &["set by     dayfly\n"], "loadbalancers"),
            (
                "LimitRange/preview/spec/limits/0/default/cpu",
                &["(/spec/profiles/small/container/default/cpu)"],
                "memory",
            ),
            ("ConfigMap/preview/data/FLAG_NEW_CART", &["(/spec/flags/new-cart)"], "PREVIEW_URL"),
            ("ConfigMap/preview/data/PREVIEW_HEAD_SHA", &["pull request, ", "(/head_sha)"], "team"),
            ("Application/storefront-pr-128-app/spec/project", &["(/spec/applications/project)"], "repository"),
            ("Application/storefront-pr-128-app/spec/source/repoURL", &["(/spec/applications/repository)"], "head_sha"),
            ("NetworkPolicy/allow-egress-mail/spec/egress/0/ports/0/port", &["(/spec/egress/mail/port)"], "stripe"),
            ("NetworkPolicy/allow-egress-mail", &["team, ", "(/spec/egress/1)"], "stripe"),
            ("Middleware/web-access/spec/ipAllowList/sourceRange", &["(/spec/access/staff/cidrs)"], "proxy"),
            (
                "Namespace/storefront-pr-128/metadata/annotations/dayfly.dev~1ttl",
                &["label `preview/ttl=72h`"],
                "author",
            ),
            (
                "Namespace/storefront-pr-128/metadata/labels/pod-security.kubernetes.io~1enforce",
                &["from       the template: the same in every preview"],
                "whoever wrote it",
            ),
            (
                "Namespace/storefront-pr-128/metadata/labels/dayfly.dev~1team",
                &["whoever wrote it", "labels.dayfly.dev/team\n  granted    payments", "(/spec/team)"],
                "cost",
            ),
            ("ExternalSecret/stripe/spec/data/0/remoteRef/key", &["(/spec/secrets/0/keys/STRIPE_KEY)"], "refresh"),
            ("team", &["policy.team\n  granted    payments", "(/spec/team)"], "costCenter"),
            ("costCenter", &["(/spec/costCenter)"], "team "),
            ("limits", &["limits.max.memory\n  granted    2Gi"], "quota"),
            ("flags.new-cart", &["granted    on", "FLAG_NEW_CART"], "price"),
            ("services.web.port", &["granted    8080"], "dayfly"),
            ("services.web.healthPort", &["granted    8080", "(/spec/services/0/port)"], "/healthPort)"),
            ("services.worker.replicas", &["granted    1"], "team"),
            ("services.worker.tcpCheck", &["granted    false", "it has no port"], "`health`"),
            ("routes.web.paths", &["\"Prefix\""], "Exact"),
            ("databases.main.migrate", &["(/spec/databases/0/migrate/image)", "npx prisma migrate deploy"], "baseline"),
            ("routes.web.url", &["granted    https://"], "access"),
            ("routes.web.targetPort", &["granted    8080", "(/spec/services/0/port)"], "routes/0"),
            ("ingress.section", &["granted    https", "(/spec/ingress/section)"], "dayfly\n"),
            // Only the patches that changed a place are named.
            ("Deployment/web/spec/revisionHistoryLimit", &["guardrails.yaml:98:7 (/spec/patches/0)"], "preview.yaml"),
            ("Deployment/web/spec", &["guardrails.yaml:98:7 (/spec/patches/0)"], "worker"),
            ("patches.0", &["(/spec/patches/0)\n  changes    Deployment/web, Deployment/worker\n"], "because"),
            (
                "Deployment/web/spec/template/spec/containers/0/env/3/value",
                &["(/spec/services/0/env/PUBLIC_URL)"],
                "patches",
            ),
            (
                "Deployment/worker/spec/template/spec/containers/0/resources/requests/cpu",
                &["(/spec/services/1/resources/cpu)"],
                "memory",
            ),
            ("Deployment/worker/spec/template/spec/containers/0/env/1", &["the service uses `main`"], "patches"),
            ("trust", &["dayfly: the guardrails have no /spec/trust/trusted"], "platform"),
        ],
    );
    check("manifests", &[("routes.web.targetPort", &["granted    8080", "team, ", "(/spec/routes/0/targetPort)"], "")]);
    check("route-host-and-path", &[("routes.api.targetPort", &["granted    3000", "(/spec/routes/1/port)"], "")]);
    let files = "databases.main.lastStep.files\n  granted    db/migrate\n  set by     team, ";
    check(
        "database-mysql",
        &[
            ("databases.main", &[files, "(/spec/databases/0/migrate/files)"], ""),
            (
                "databases.main.migrate.env.RAILS_ENV",
                &["granted    preview", "(/spec/databases/0/migrate/env/RAILS_ENV)"],
                "",
            ),
            ("databases.main.migrate.uses", &["granted    of the Secret `rails`", "`migrate` uses `rails`"], "nothing"),
        ],
    );
    check(
        "storefront-single",
        &[
            ("team", &["pull request, ", "(/spec/team)"], "set by     team"),
            ("services.web.uses", &["set by     pull request, "], "set by     team"),
            ("NetworkPolicy/allow-dns", &["network.dns.pods"], ""),
        ],
    );
}

#[test]
fn what_nobody_decided_is_nothing_to_explain() {
    for (what, said, unsaid) in [
        ("ttl.x", "did you mean `ttl`?", "there are"),
        ("nonsense", "or rule is called like that; `--list` lists what there is", "did you mean"),
    ] {
        let run = dayfly_on("explain", "storefront", &[what]);
        assert_eq!(run.code, ExitCode::CannotRun, "{what}: {}", run.out);
        assert!(run.err.contains(said) && !run.err.contains(unsaid), "{what}: {}", run.err);
    }
}

/// Traefik calls it an entry point.
#[test]
fn a_section_is_where_an_ingress_answers() {
    let scratch = Scratch::new("storefront");
    scratch.replace(GUARDRAILS, "kind: HTTPRoute", "kind: Ingress\n    class: traefik");
    let entry_point = "Ingress/web/metadata/annotations/traefik.ingress.kubernetes.io~1router.entrypoints";
    for (from, to, value, set_by) in [
        ("section: https", "section: secure", "\"secure\"", "(/spec/ingress/section)"),
        ("    section: secure\n", "", "\"websecure\"", "set by     dayfly\n"),
    ] {
        scratch.replace(GUARDRAILS, from, to);
        let run = scratch.run("explain", &[entry_point]);
        assert!(run.out.contains(&format!("value      {value}\n")), "{}{}", run.out, run.err);
        let run = scratch.run("explain", &["ingress.section"]);
        assert!(run.out.contains(set_by), "{}{}", run.out, run.err);
    }
}

/// Whatever the two files say, as they say it: what became of it.
#[test]
fn every_field_of_the_files_is_explained() {
    let ask = |what: &str| dayfly_on("explain", "storefront", &[what]);
    for (file, more) in [(POLICY, 40), (GUARDRAILS, 40)] {
        let document: serde_json::Value = serde_yaml::from_str(&of_case("storefront", file)).expect("YAML");
        let pointers: Vec<String> =
            pointers(&document).into_iter().filter(|pointer| pointer.starts_with("/spec")).collect();
        assert!(pointers.len() > more, "{pointers:?}");
        for pointer in pointers {
            let run = ask(&pointer);
            assert_eq!(run.code, ExitCode::Fine, "{pointer}: {}", run.err);
            assert!(run.out.starts_with(&format!("{pointer}\n  stated     ")), "{}", run.out);
        }
    }
    for (what, became) in [
        ("egress", "network.egress.mail"),
        ("application.kustomize", "application.source.kustomize"),
        ("services.web.uses.main", "services.web.env.DATABASE_URL"),
        ("spec.ttl", "\nttl\n  granted    72h"),
        ("profiles.small.container.max", "limits.max.cpu"),
        ("flags.new-cart", "flags.new-cart"),
    ] {
        let run = ask(what);
        assert!(run.out.contains(became), "{what}: {}{}", run.out, run.err);
    }
}

/// What was refused is not granted, and an object that is not rendered is not merely unknown.
#[test]
fn what_was_refused_is_not_granted() {
    check(
        "refused-decisions",
        &[
            (
                "services.web.image",
                &[
                    "granted    nothing",
                    "asked      docker.io/acme/storefront:latest",
                    "rule       image-outside-registries: ",
                    "image-mutable-tag",
                ],
                "granted    docker.io",
            ),
            (
                "routes.api.host",
                &["granted    nothing", "asked      api.acme.dev", "(/spec/routes/1/host)"],
                "nobody else's",
            ),
            (
                "profile",
                &["granted    nothing", "asked      huge", "rule       unknown-profile: "],
                "because    a size",
            ),
            ("ttl", &["granted    72h", "\nnothing is rendered: ", " errors, see `dayfly check`\n"], ""),
            ("routes.api.access", &["granted    nothing", "asked      everyone"], "defined in"),
            (
                "Deployment/web",
                &["there is no object `Deployment/web`: nothing is rendered: ", " errors, see `dayfly check`"],
                "",
            ),
        ],
    );
    check("single-broken-policy", &[("Deployment/web", &["the pull request is quarantined: "], "nothing is rendered")]);
    let run = dayfly_on("explain", "refused-decisions", &["Deployment/web"]);
    assert_eq!(run.code, ExitCode::CannotRun);
}

/// A warning is enough to get nothing.
#[test]
fn what_is_withheld_is_not_granted() {
    check(
        "trust-unknown",
        &[("secrets", &["granted    nothing", "rule       withheld: "], "below the guardrails' prefix")],
    );
    check(
        "egress-closed",
        &[(
            "network.egress.stripe",
            &["granted    nothing", "asked      api.stripe.com", "egress-closed: "],
            "granted    api",
        )],
    );
    check(
        "storefront",
        &[(
            "network.egress.stripe-sandbox",
            &["granted    every public address, port 443", "asked      api.stripe.com, port 443"],
            "granted    api",
        )],
    );
    check(
        "database-cilium",
        &[
            ("network.egress.office", &["granted    203.0.113.0/24, port 8443"], "asked"),
            (
                "NetworkPolicy/allow-egress-office/spec/egress/0/to/0/ipBlock/cidr",
                &["(/spec/egress/office/cidrs)"],
                "(/spec/network/fqdn)",
            ),
            (
                "CiliumNetworkPolicy/allow-database-main/spec/egress/2/toFQDNs/0/matchName",
                &["(/spec/baselines/shop/endpoint/fqdn)"],
                "",
            ),
            (
                "CiliumNetworkPolicy/allow-database-main/spec/egress/0/toEndpoints",
                &[
                    "network.dnsLabels\n  granted    {\"k8s:io.kubernetes.pod.namespace\":\"kube-system\"",
                    "/spec/network/dns/podLabels\n",
                ],
                "",
            ),
        ],
    );
    check(
        "http-route-issuer",
        &[(
            "routes.drafts.certificate",
            &["granted    docs-tls", "/spec/routes/3/host", "the route `docs` has the same host"],
            "/spec/ingress/tls",
        )],
    );
    // A route before them that is refused.
    let scratch = Scratch::new("http-route-issuer");
    scratch.replace(POLICY, "{name: web, service: web,", "{name: web, service: nope,");
    let run = scratch.run("explain", &["routes.drafts.parents"]);
    assert!(run.out.contains("/spec/routes/3/host"), "{}{}", run.out, run.err);
    let scratch = Scratch::new("storefront");
    scratch.replace(GUARDRAILS, "      restricted: storefront-synthetic\n", "");
    scratch.replace(PARAMETERS, "fork: false\n", "");
    let run = scratch.run("explain", &["databases.main.baseline"]);
    assert!(run.out.contains("granted    nothing\n  asked      storefront\n"), "{}{}", run.out, run.err);
}

/// What is too long for a line is YAML; what is one kind of several objects is a list of them.
#[test]
fn objects_are_read_on_a_terminal() {
    let run = dayfly_on("explain", "storefront", &["Deployment/web"]);
    assert!(run.out.starts_with("Deployment/web\n  laid out   templates/deployment.yaml\n"), "{}", run.out);
    let (about, value) =
        run.out.split_once("\n  value\n    apiVersion: apps/v1\n    kind: Deployment\n").expect("a value");
    assert!(about.lines().all(|line| line.len() <= 80), "{about}");
    assert!(value.contains("\n          containers:\n          - name: web\n"), "{value}");
    let short = "Deployment/web/spec/selector";
    let run = dayfly_on("explain", "storefront", &[short]);
    let value = format!("{short}\n  value      {{\"matchLabels\":{{\"app.kubernetes.io/name\":\"web\"}}}}\n");
    assert!(run.out.starts_with(&value), "{}", run.out);
    let list = "Deployment/web\n  laid out   templates/deployment.yaml\nDeployment/worker\n  laid out   templates/deployment.yaml\n";
    for kind in ["Deployment", "deployment"] {
        assert_eq!(dayfly_on("explain", "storefront", &[kind]).out, list, "{kind}");
    }
    assert_eq!(dayfly_on("explain", "storefront", &["DaemonSet"]).code, ExitCode::CannotRun);
    let key = ["granted    preview/storefront/stripe-sandbox#api_key", "asked      storefront/stripe-sandbox#api_key"];
    check("storefront", &[("secrets.stripe", &key, "")]);
}

/// In a quarantine nothing is asked for by anybody.
#[test]
fn a_quarantine_says_what_it_has() {
    check(
        "quarantine-fork",
        &[(
            "ResourceQuota/preview/spec/hard/pods",
            &["value      \"0\"", "granted    0", "set by     dayfly\n"],
            "small",
        )],
    );
    let fields: &[(&str, &[&str], &str)] = &[
        ("services.web.image", &["granted    nothing", "asked      ghcr.io/acme/storefront:"], "pinned"),
        ("ttl", &["granted    "], "nothing"),
        ("network.dns.ports", &["granted    [53]"], "nothing"),
    ];
    check("quarantine-fork", fields);
    let scratch = Scratch::new("storefront");
    scratch.replace(PARAMETERS, "fork: false", "fork: true");
    let run = scratch.run("explain", &["ConfigMap/dayfly-findings/data/findings"]);
    assert!(run.out.contains("quarantine.findings"), "{}{}", run.out, run.err);
    let run = scratch.run("explain", &["databaseJobs"]);
    assert!(run.out.contains("-destroy-") && !run.out.contains("-provision-"), "{}{}", run.out, run.err);
    let scratch = Scratch::new("storefront-single");
    scratch.replace(PARAMETERS, "fork: false", "fork: true");
    scratch.replace(GUARDRAILS, "fork: quarantine}", "fork: full}");
    let run = scratch.run("explain", &["trust"]);
    for part in ["granted    fork: quarantine\n", "asked      fork: full\n", "(/spec/layout)"] {
        assert!(run.out.contains(part), "{part}: {}{}", run.out, run.err);
    }
}

/// Without the label, the policy fits: what is left is as large as without it.
#[test]
fn a_label_that_asks_for_too_little_is_not_granted() {
    let scratch = Scratch::new("storefront");
    scratch.replace(POLICY, "profile: small", "profile: large");
    scratch.replace(POLICY, "{cpu: 200m, memory: 256Mi}", "{cpu: 3, memory: 256Mi}");
    scratch.replace(PARAMETERS, "labels: [preview, ", "labels: [preview/profile=small, ");
    let place = "LimitRange/preview/spec/limits/0/default/cpu";
    for (what, parts) in [
        ("profile", &["granted    large\n", "asked      small\n", "label `preview/profile=small`"][..]),
        ("limits.default.cpu", &["granted    1\n", "/spec/profiles/large/container/default/cpu"]),
        (place, &["value      \"1\"\n", "granted    1\n", "/spec/profiles/large/container/default/cpu"]),
        ("services.worker.image", &["granted    nothing\n", "asked      ghcr.io/acme/storefront:"]),
        ("quarantine.findings", &["unbounded-request: "]),
    ] {
        let run = scratch.run("explain", &[what]);
        for part in parts {
            assert!(run.out.contains(part), "{part}: {}{}", run.out, run.err);
        }
    }
    // And where the quarantine is one already without the label.
    scratch.replace(PARAMETERS, "preview/ttl=72h", "preview/ttl=9h");
    let run = scratch.run("explain", &["quarantine.findings"]);
    assert_eq!(run.out.matches("quarantine.findings\n").count(), 1, "{}{}", run.out, run.err);
}

/// A place that is named is there, and nobody is said to have written what stands for any pull request.
#[test]
fn what_set_a_value_is_there() {
    check("secret-store-vault", &[("secrets.stripe.storeKind", &["/spec/secrets/provider"], "/spec/secrets/store")]);
    let scratch = Scratch::new("storefront");
    let run = dayfly(&["explain", &scratch.named(""), "pr.number", "--guardrails", &scratch.named(GUARDRAILS)]);
    assert!(run.out.contains("granted    1\n") && !run.out.contains("--set"), "{}{}", run.out, run.err);
}

/// What a file leaves out is a field all the same; what it has not is none.
#[test]
fn a_field_that_nobody_states_says_what_it_is_for() {
    check(
        "storefront",
        &[
            (
                "services.worker.health",
                &["stated     nothing, in ", "Without it, an open port is enough."],
                "did you mean",
            ),
            ("/spec/services/1/health", &["stated     nothing, in "], "did you mean"),
            ("databases.main.env", &["Left out, `DATABASE_URL`."], "did you mean"),
            ("manifests", &["Plain manifests beside this file"], "nothing is decided"),
            ("operations.deadline", &["guardrails.yaml\n", "Left out, `15m`."], "nothing is decided"),
            ("services.nobody.health", &["nothing is decided about"], "stated"),
            ("services.web.healht", &["did you mean"], "stated"),
            ("deployment/web/spec/replicas", &["Deployment/web/spec/replicas\n"], "nothing is decided"),
            (
                "deployment/wbe",
                &["there is no object `deployment/wbe`: did you mean `Deployment/web`?"],
                "nothing is decided",
            ),
            ("labels.dayfly.dev/team", &["granted    payments"], "no object"),
        ],
    );
}
