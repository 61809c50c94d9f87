//! What is called like nothing: what may have been meant.

use super::{POLICY, Scratch, dayfly, dayfly_on};
use crate::{
    cli::ExitCode,
    input::{Guardrails, Policy, fields},
    rules,
};

/// Whole lines: a list of all that there is helps nobody who mistyped one name.
#[test]
fn names_are_compared_one_by_one() {
    for (what, said) in [
        ("services.wbe", "nothing is decided about `services.wbe`: did you mean `services.web`?"),
        ("service.wbe.imge", "nothing is decided about `service.wbe.imge`: did you mean `services.web.image`?"),
        ("databases.man", "nothing is decided about `databases.man`: did you mean `databases.main`?"),
        (
            "services.nobody.x",
            "nothing is decided about `services.nobody.x`: `services` has no `nobody`; there is `web`, `worker`",
        ),
        (
            "spec.services[].image",
            "nothing is decided about `spec.services.image`: `spec.services` has no `image`; there is `web`, `worker`",
        ),
        (
            "services[7].image",
            "nothing is decided about `services.7.image`: `services` has no `7`; there is `web`, `worker`",
        ),
        ("host", "nothing is decided about `host`: did you mean `routes.web.host`?"),
        ("web.image", "nothing is decided about `web.image`: did you mean `services.web.image`?"),
        ("web", "nothing is decided about `web`: did you mean `routes.web` or `services.web`?"),
        (
            "image",
            "nothing is decided about `image`: did you mean one of `services.web.image`, `services.worker.image`, `operations.image`, …?",
        ),
        ("policy.tll", "nothing is decided about `policy.tll`: did you mean `policy.ttl`?"),
        ("guardrails.ttl.mx", "nothing is decided about `guardrails.ttl.mx`: did you mean `guardrails.ttl.max`?"),
        ("/spec/servces", "nothing is decided about `/spec/servces`: did you mean `/spec/services`?"),
        ("/spec/services/7", "nothing is decided about `/spec/services/7`: `/spec/services` has the items `0` to `1`"),
        ("/spec/ttl/max/x", "nothing is decided about `/spec/ttl/max/x`: `/spec/ttl/max` is a string"),
        ("services.", "nothing is decided about `services.`: did you mean `services`?"),
        ("/spec/services/0/", "nothing is decided about `/spec/services/0/`: did you mean `/spec/services/0`?"),
        ("Deployments", "there is no object of the kind `Deployments`: did you mean `Deployment`?"),
        ("Route", "there is no object of the kind `Route`: did you mean `HTTPRoute`?"),
        ("deployments", "nothing is decided about `deployments`: did you mean `Deployment`?"),
        ("image-mutabel-tag", "nothing is decided about `image-mutabel-tag`: did you mean `image-mutable-tag`?"),
        (
            "Deployment/web/spec/replica",
            "Deployment/web has nothing at `/spec/replica`: did you mean `/spec/replicas`?",
        ),
        (
            "Namespace/storefront-pr-128/metadata/labels/dayfly.dev/team",
            "Namespace/storefront-pr-128 has nothing at `/metadata/labels/dayfly.dev/team`: did you mean `/metadata/labels/dayfly.dev~1team`?",
        ),
        (
            "",
            "say what is to be explained: a field such as `ttl`, an object such as `Deployment/web`, a kind, or the code of a rule",
        ),
    ] {
        let run = dayfly_on("explain", "storefront", &[what]);
        assert_eq!((run.code, &*run.out), (ExitCode::CannotRun, ""), "{what}");
        assert_eq!(run.err, format!("error: {said}\n"), "{what}");
    }
    for (what, said) in
        [("Ingress", "`Service`, `ServiceAccount`; `ingress` is a field\n"), ("Pod", "; there is `Application`, ")]
    {
        let run = dayfly_on("explain", "storefront", &[what]);
        assert!(run.err.contains(said) && !run.err.contains("did you mean"), "{what}: {}", run.err);
    }
}

/// As yq and kubectl have it, and a pointer.
#[test]
fn indices_and_a_dot_before_a_field_are_taken() {
    for (what, same) in [
        (".spec.ttl", "spec.ttl"),
        ("spec.services[0].image", "spec.services.0.image"),
        (".services[0].uses[1]", "services.0.uses.1"),
        ("/spec/services[0]/image", "/spec/services/0/image"),
        ("profiles.small.quota[\"requests.cpu\"]", "profiles.small.quota.requests.cpu"),
        (
            "Deployment/web/spec/template/spec/containers[0]/image",
            "Deployment/web/spec/template/spec/containers/0/image",
        ),
    ] {
        let [run, same] = [what, same].map(|what| dayfly_on("explain", "storefront", &[what]));
        assert_eq!((run.code, &*run.err), (ExitCode::Fine, ""), "{what}");
        assert_eq!(run.out, same.out, "{what}");
    }
}

/// All that is listed can be explained.
#[test]
fn what_there_is_is_listed() {
    for (case, said) in [
        (
            "storefront",
            [
                "\n  decided    application, config, configHash, databaseJobs, databases, ",
                "\n  in files   access, applications, attestationKeys, baselines, ",
                "\n  objects    Namespace/storefront-pr-128, ",
            ],
        ),
        ("refused-decisions", ["\n  decided    ", "\n  in files   ", "\n  objects    nothing is rendered: "]),
    ] {
        let run = dayfly_on("explain", case, &["--list"]);
        assert_eq!((run.code, &*run.err), (ExitCode::Fine, ""), "{case}");
        for said in said {
            assert!(run.out.contains(said), "{case}: {}", run.out);
        }
        let names = run.out.lines().skip(1).filter(|line| !line.contains(": ") && !line.starts_with("  rules"));
        for what in names.flat_map(|line| line[13..].split(", ")) {
            let run = dayfly_on("explain", case, &[what]);
            assert_eq!((run.code, &*run.err), (ExitCode::Fine, ""), "{case}: {what}");
        }
    }
    let run = dayfly_on("explain", "storefront", &["ttl", "--list"]);
    assert_eq!((run.code, &*run.out), (ExitCode::CannotRun, ""), "{}", run.err);
}

/// What is suggested is something that can be explained.
#[test]
fn what_is_suggested_is_there() {
    for what in [
        "services.wbe",
        "web",
        "host",
        "env",
        "port",
        "policy.tll",
        "policy.image",
        "/spec/servces",
        "Deployments",
        "keys",
    ] {
        let run = dayfly_on("explain", "storefront", &[what]);
        let (_, meant) = run.err.split_once("did you mean ").expect("a suggestion");
        let meant = meant.split('`').nth(1).expect("a name");
        let run = dayfly_on("explain", "storefront", &[meant]);
        assert_eq!(run.code, ExitCode::Fine, "{what}, {meant}: {}", run.err);
    }
}

/// Nobody has to have a policy to ask what a finding means, and no field hides a rule.
#[test]
fn a_rule_is_explained_wherever_one_is() {
    let scratch = Scratch::new("storefront");
    scratch.write(POLICY, "[");
    for rule in rules::ALL {
        for what in [rule.code.to_owned(), format!("error[{}]", rule.code), format!("[{}]", rule.code)] {
            let run = dayfly(&["explain", &what]);
            assert_eq!((run.code, &*run.err), (ExitCode::Fine, ""), "{what}");
            assert!(run.out.contains(&format!("[{}]: {}\n\n", rule.code, rule.summary)), "{}", run.out);
            assert!(!run.out.contains("```"), "{}", run.out);
        }
        // All of it, whatever the files are.
        let out = scratch.run("explain", &[rule.code]).out;
        let mut said = rule.explanation.lines().filter(|line| !line.starts_with("```"));
        assert!(said.all(|line| out.contains(line)), "{out}");
        let named = [fields::<Policy>(), fields::<Guardrails>()].concat();
        assert!(!named.iter().any(|field| field == rule.code), "{}", rule.code);
    }
}

/// What is empty is said to be: a field without a value is nothing, text without letters is text.
#[test]
fn nothing_is_called_nothing() {
    let scratch = Scratch::new("storefront");
    scratch.replace(POLICY, "BANNER: ", "EMPTY: \"\"\n        BANNER: ");
    for (what, said) in [
        ("routes.web.oauth2Proxy", "  granted    nothing\n"),
        ("routes.web.signIn", "  granted    nothing\n"),
        ("ingress.class", "  granted    nothing\n"),
        ("services.web.env.EMPTY", "  granted    \"\"\n"),
        ("/spec/services/0/env/EMPTY", "  stated     \"\"\n"),
    ] {
        let run = scratch.run("explain", &[what]);
        assert!(run.out.contains(said), "{what}: {}{}", run.out, run.err);
    }
}
