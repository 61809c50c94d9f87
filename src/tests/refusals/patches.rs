//! Patches: what they cannot fit, and what they break.

use serde_json::Value as Json;

use super::{GUARDRAILS, POLICY, Scratch, codes, scratch, text};

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
