//! What a field may be called.

use super::{GUARDRAILS, POLICY, Scratch, check};

/// As a file has it from its beginning, as a file's own, and as a policy's expressions have it.
#[test]
fn fields_are_called_as_files_and_expressions_call_them() {
    check(
        "storefront",
        &[
            ("metadata.name", &["/metadata/name\n  stated     storefront\n", "\npolicy.name\n  granted"], "guardrails"),
            ("metadata", &["/metadata\n  stated     {\"name\":\"storefront\"}\n"], "nothing is decided"),
            ("spec", &["/spec\n  stated     {\"team\":"], "nothing is decided"),
            ("kind", &["/kind\n  stated     PreviewPolicy\n"], "nothing is decided"),
            ("apiVersion", &["/apiVersion\n  stated     dayfly.dev/v1alpha1\n"], "nothing is decided"),
            ("guardrails.metadata.name", &["/metadata/name\n  stated     acme\n", "set by     platform, "], "team"),
            ("policy.ttl", &["/spec/ttl\n  stated     48h\n", "set by     team, "], "platform"),
            ("guardrails.ttl.max", &["/spec/ttl/max\n  stated     168h\n"], "team, "),
            ("guardrails.domain", &["/spec/domain\n", "\ndomain\n  granted    preview.acme.dev\n"], "did you mean"),
            ("preview.namespace", &["namespace\n  granted    storefront-pr-128\n"], "config"),
            ("services.web.url", &["services.web.port\n  granted    8080\n"], "did you mean"),
        ],
    );
}

/// A name is not over at a dot that is part of it.
#[test]
fn names_hold_dots() {
    let scratch = Scratch::new("storefront");
    scratch.replace(GUARDRAILS, "podLabels: {app: mailpit}", "podLabels: {app.kubernetes.io/name: mailpit}");
    scratch.replace(POLICY, "  application:\n", "  application:\n    helm: {parameters: {image: a, image.tag: b}}\n");
    for (what, pointer) in [
        ("profiles.small.quota.requests.cpu", "/spec/profiles/small/quota/requests.cpu"),
        ("egress.mail.podLabels.app.kubernetes.io/name", "/spec/egress/mail/podLabels/app.kubernetes.io~1name"),
        ("application.helm.parameters.image.tag", "/spec/application/helm/parameters/image.tag"),
        ("application.helm.parameters.image", "/spec/application/helm/parameters/image"),
    ] {
        let run = scratch.run("explain", &[what]);
        assert!(run.out.starts_with(&format!("{pointer}\n  stated     ")), "{what}: {}{}", run.out, run.err);
    }
}

/// Also where the file has another shape of what the field is in.
#[test]
fn guardrails_that_nobody_states_say_what_they_are_for() {
    check(
        "storefront",
        &[
            ("secrets.provider.aws.role", &["stated     nothing, in ", "guardrails.yaml\n", "The ARN of a role"], ""),
            ("ingress.tls.clusterIssuer", &["stated     nothing, in ", "cert-manager makes one for each host"], ""),
            ("/spec/ingress/tls/clusterIssuer", &["stated     nothing, in "], ""),
            ("guardrails.operations.deadline", &["Left out, `15m`."], ""),
            ("policy.operations.deadline", &["nothing is decided about"], "stated"),
            ("ingress.tls.nothing", &["nothing is decided about"], "stated"),
            ("acess", &["did you mean `access`?"], "there are"),
        ],
    );
}
