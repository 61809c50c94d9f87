//! Looks at less than all three inputs: a policy without a pull request, guardrails without a policy.

use std::fs;

use crate::cli::ExitCode;

use super::{
    scratch::{GUARDRAILS, POLICY, Scratch, of_case},
    support::{Run, dayfly, root},
};

const NOTE: &str = "note: no parameters were given: this is pull request 1, from no fork, without labels\n";

fn alone(scratch: &Scratch, args: &[&str]) -> Run {
    dayfly(&[args, &["--guardrails", &scratch.named(GUARDRAILS)]].concat())
}

#[test]
fn a_policy_is_looked_at_without_a_pull_request() {
    let scratch = Scratch::new("storefront");
    let folder = scratch.named("");
    let run = alone(&scratch, &["check", &folder]);
    assert_eq!((run.code, &*run.out, &*run.err), (ExitCode::Fine, "27 objects, nothing to report\n", NOTE));
    let run = alone(&scratch, &["explain", &folder, "routes.web.host"]);
    assert_eq!((run.code, &*run.err), (ExitCode::Fine, NOTE));
    assert!(run.out.contains("storefront-pr-1."), "{}", run.out);
    // Nobody applies what was rendered for nobody.
    for command in [&["render", &folder][..], &["db", "spec", &folder, "shop"]] {
        let run = alone(&scratch, command);
        assert_eq!((run.code, &*run.out), (ExitCode::CannotRun, ""), "{command:?}");
        assert!(run.err.starts_with("error: there are no parameters: pass `--parameters FILE`"), "{}", run.err);
    }
    // What is given counts, and is not completed.
    let run = alone(&scratch, &["check", &folder, "--set", "number=7"]);
    assert_eq!((run.code, &*run.err), (ExitCode::Findings, ""));
    assert!(run.out.contains("the parameter `head_sha` is missing"), "{}", run.out);
    scratch.replace(POLICY, "  ttl: 48h", "  ttl: 48h\n  colour: blue");
    let run = alone(&scratch, &["check", &folder]);
    assert_eq!(run.code, ExitCode::Findings);
    assert!(run.out.contains("unknown field `colour`"), "{}", run.out);
}

#[test]
fn guardrails_are_looked_at_without_a_policy() {
    const ONLY: [&str; 2] = ["check", "--guardrails-only"];
    let built_in = Scratch::new("storefront");
    built_in.write(GUARDRAILS, dayfly(&["guardrails"]).out);
    assert_eq!(alone(&built_in, &ONLY).code, ExitCode::Fine, "the built-in ones");
    for case in fs::read_dir(root().join("testdata")).unwrap() {
        let file = case.unwrap().path().join(GUARDRAILS);
        if file.exists() {
            let run = dayfly(&[&ONLY[..], &["--guardrails", &file.display().to_string()]].concat());
            // A name of a host that is closed is a warning, and so is a baseline that nobody has to sign.
            let fine = "objects, nothing to report\n";
            let warnings = ["warning[egress-closed]", "warning[attestation-unchecked]"];
            let is_fine = (run.out.ends_with(fine) && !run.out.starts_with("0 "))
                || warnings.iter().any(|warning| run.out.starts_with(warning));
            assert!(
                is_fine && run.err.is_empty() && run.code == ExitCode::Fine,
                "{}: {}{}",
                file.display(),
                run.out,
                run.err
            );
        }
    }
    for (from, to, found) in [
        ("ttl: {default: 24h, max: 168h}", "ttl: {default: 24h, max: 5}", "5"),
        (
            "  labels: {",
            "  ingress: {kind: Ingress, class: a, implementation: Envoy}\n  labels: {",
            "only knows `kind: HTTPRoute`",
        ),
        (
            "  labels: {",
            "  secrets: {prefix: \"x${{ nothing }}/\", store: ClusterSecretStore/a}\n  labels: {",
            "nothing is called `nothing`",
        ),
        // In a profile that no policy has.
        ("max: {cpu: \"2\", memory: 2Gi}", "max: {cpu: \"2\", memory: 1Mi}", "max"),
        // Known by the first preview only.
        (
            "value: 2}",
            "value: 2}\n    - {target: {kind: ResourceQuota}, json: [{op: remove, path: /spec/none}]}",
            "/spec/none",
        ),
        ("kind: Deployment,", "kind: Deploymnt,", "Deploymnt"),
    ] {
        let scratch = Scratch::new("storefront");
        scratch.write(GUARDRAILS, of_case("platform-templates", GUARDRAILS));
        scratch.write("templates/none.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: none}\n");
        scratch.replace(GUARDRAILS, from, to);
        let run = alone(&scratch, &ONLY);
        assert_eq!(run.code, ExitCode::Findings, "{to}: {}", run.out);
        assert!(run.out.contains(found) && run.out.contains("owner: platform"), "{to}: {}", run.out);
        assert!(!run.out.contains("owner: team") && !run.out.contains("owner: pull-request"), "{to}: {}", run.out);
    }
    // The example gets nothing, and nothing of the platform's says why.
    let scratch = Scratch::new("storefront");
    scratch.replace(GUARDRAILS, "pods: 15", "pods: 0");
    let run = alone(&scratch, &ONLY);
    assert_eq!(run.code, ExitCode::Findings, "{}", run.out);
    assert!(run.out.contains("over-quota"), "{}", run.out);
    for other in [&["."][..], &["--set", "number=1"], &["--parameters", "none"]] {
        assert_eq!(dayfly(&[&ONLY[..], other].concat()).code, ExitCode::CannotRun, "{other:?}");
    }
}

/// What the example policy does not ask for, and a policy may.
#[test]
fn every_entry_of_the_guardrails_is_looked_at() {
    let neon = "    shop: {provider: neon, project: p, parent: br-1, synthetic: {by: seeds}}\n";
    let shop = format!("  baselines:\n{neon}");
    for (case, from, to, found) in [
        ("storefront", "sig: mCWJ", "sig: mCWK", "error[baseline-not-attested]"),
        ("storefront", "    store: ClusterSecretStore/previews\n", "", "error[secret-store-unclear]"),
        ("storefront", "prefix: preview/", "prefix: preview/../", "error[secret-outside-prefix]"),
        ("storefront-single", "  baselines:\n", &shop, "the baseline `shop` (`neon`) needs one"),
        ("built-in-guardrails", "  ttl: ", &format!("{shop}  ttl: "), "the baseline `shop` needs `operations`"),
        ("storefront", "  profiles:\n", "  profiles: {}\n  x-profiles:\n", "expected at least one entry"),
    ] {
        let scratch = Scratch::new("storefront");
        if case == "built-in-guardrails" {
            scratch.write(GUARDRAILS, dayfly(&["guardrails"]).out);
        } else {
            scratch.write(GUARDRAILS, of_case(case, GUARDRAILS));
        }
        scratch.replace(GUARDRAILS, from, to);
        let run = alone(&scratch, &["check", "--guardrails-only"]);
        assert_eq!(run.code, ExitCode::Findings, "{to}: {}", run.out);
        assert!(run.out.contains(found) && !run.out.contains("owner: team"), "{to}: {}", run.out);
    }
}
