//! What becomes of a team's own manifests: what is added to them, what patches need of them, and what all of them together may be.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::{
    DEPLOYMENT, Scratch, place, scratch,
    table::{APPLICATION, Edit, MANIFEST},
    text,
};
use crate::{
    cli::ExitCode,
    tests::scratch::{GUARDRAILS, PARAMETERS, POLICY},
};

const CLAIM: &str = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: x}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}\n";

/// What the quota allows is what goes out, whoever opened the pull request.
#[test]
fn a_claim_needs_room_in_the_quota() {
    let with = |case: &str, edits: &[Edit]| {
        let scratch = Scratch::new(case);
        for (file, from, to) in edits {
            scratch.replace(file, from, to);
        }
        scratch.write("extra.yaml", CLAIM);
        scratch
            .findings()
            .iter()
            .map(|finding| text(finding, "/code").to_owned())
            .filter(|code| code == "over-quota")
            .count()
    };
    let own: Edit = (POLICY, "  databases:\n", "  manifests: [extra.yaml]\n  databases:\n");
    let unknown: Edit = (PARAMETERS, "fork: false\n", "");
    assert_eq!(with("database-cnpg", &[own]), 0);
    // The database is withheld.
    assert_eq!(with("database-cnpg", &[own, unknown]), 0);
    assert_eq!(with("storefront", &[MANIFEST]), 1);
    let patch = "  patches:\n    - target: {kind: ResourceQuota}\n      merge: {spec: {hard: {persistentvolumeclaims: \"3\"}}}\n";
    assert_eq!(with("storefront", &[MANIFEST, (GUARDRAILS, "  patches:\n", patch)]), 0);
}

/// A pattern stands for files that may be manifests, each of which is read once.
#[test]
fn patterns_of_manifests() {
    let object = |name: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n");
    for (patterns, found) in [
        ("[deploy/*.yaml, deploy/web.yaml, ./deploy/w*, deploy/link.yaml]", vec![]),
        ("[\"*.yaml\"]", vec![]),
        ("[./*.yaml]", vec![]),
        ("[here/*.yaml]", vec![]),
        ("[deploy/*]", vec![]),
        ("[deploy/sub*]", vec!["`deploy/sub*` matches no file"]),
        ("[preview.yaml]", vec!["`PreviewPolicy` of `dayfly.dev/v1alpha1` is not allowed"]),
        ("[deploy/sub.yaml]", vec!["`deploy/sub.yaml` is a folder: `deploy/sub.yaml/*.yaml` are the files in it"]),
        ("[out/*]", vec!["`out/file` is a link that leads out", "`out/folder` is a link that leads out"]),
    ] {
        let scratch = scratch(&[(POLICY, APPLICATION, &format!("  manifests: {patterns}\n"))]);
        for (file, name) in [("beside.yaml", "beside"), ("deploy/web.yaml", "web"), ("deploy/sub.yaml/x.yaml", "sub")] {
            scratch.write(file, object(name));
        }
        scratch.write("out/.gitkeep", "");
        for (target, link) in [
            ("web.yaml", "deploy/link.yaml"),
            ("sub.yaml", "deploy/sub-link.yaml"),
            (".", "here"),
            ("../../guardrails.yaml", "out/file"),
            ("../..", "out/folder"),
        ] {
            std::os::unix::fs::symlink(target, scratch.path(link)).expect("a link");
        }
        let run = scratch.run("check", &[]);
        assert_eq!(run.out.matches("error[").count(), found.len(), "{patterns}: {}", run.out);
        assert!(found.iter().all(|message| run.out.contains(message)), "{patterns}: {}", run.out);
    }
}

/// Each looks through its folder.
#[test]
fn patterns_are_counted() {
    let patterns = |count: usize| (0..count).map(|n| format!("deploy/*{n}.yaml")).collect::<Vec<_>>().join(", ");
    for (count, more) in [(200, false), (5_000, true)] {
        let scratch = scratch(&[(POLICY, APPLICATION, &format!("  manifests: [{}]\n", patterns(count)))]);
        let out = scratch.run("check", &[]).out;
        assert_eq!(out.matches("error[manifest-file]").count(), 200, "{out}");
        assert_eq!(out.contains("error[input-limit]: more than 200 patterns of manifests"), more, "{out}");
    }
}

/// But for what would only follow from it.
#[test]
fn a_mistake_of_the_platform_hides_none_of_a_manifest() {
    let pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {hostNetwork: true, containers: [{name: x, image: x}]}\n";
    let codes = |edit: Edit| {
        let scratch = scratch(&[(POLICY, APPLICATION, "  manifests: [deploy/*.yaml]\n"), edit]);
        scratch.write("deploy/x.yaml", pod);
        let found = scratch.findings();
        found.iter().map(|finding| text(finding, "/code").to_owned()).collect::<Vec<_>>()
    };
    let alone = codes((GUARDRAILS, "default: 24h", "default: 24h"));
    assert!(alone.len() > 4, "{alone:?}");
    for (from, to, code) in [
        ("default: 24h", "default: 2400h", "ttl-bounds"),
        ("  patches:\n", "  patches:\n    - target: {kind: Deployment}\n", "patch"),
    ] {
        let mut all = codes((GUARDRAILS, from, to));
        let at = all.iter().position(|found| found == code).expect(code);
        all.remove(at);
        all.sort();
        let mut alone = alone.clone();
        alone.sort();
        assert_eq!(all, alone, "{code}");
    }
}

/// Each is counted once, and then nothing else is told.
#[test]
fn expressions_of_images_are_counted_once() {
    for (jobs, fits) in [(20, true), (21, false)] {
        let scratch = scratch(&[MANIFEST]);
        let mut documents = String::new();
        for job in 0..jobs {
            let image = format!("ghcr.io/acme/x:${{{{ pr.headSha }}}}{}", "${{ '' ~ '' }}".repeat(100));
            let _ = write!(
                documents,
                "---\napiVersion: batch/v1\nkind: Job\nmetadata: {{name: \"x{job}-${{{{ pr.headShortSha7 }}}}\"}}\nspec:\n  template:\n    spec:\n      restartPolicy: Never\n      securityContext: {{runAsNonRoot: true, seccompProfile: {{type: RuntimeDefault}}}}\n      containers:\n        - name: x\n          image: \"{image}\"\n          securityContext: {{allowPrivilegeEscalation: false, capabilities: {{drop: [ALL]}}}}\n"
            );
        }
        scratch.write("extra.yaml", documents);
        let run = scratch.run("check", &[]);
        assert_eq!(run.code == ExitCode::Fine, fits, "{jobs}: {}", run.out);
        assert_eq!(run.out.matches("error[").count(), usize::from(!fits), "{jobs}: {}", run.out);
        assert_eq!(run.out.contains("error[input-limit]: "), !fits, "{jobs}: {}", run.out);
    }
}

/// What dayfly writes into a manifest is not its author's.
#[test]
fn what_is_stamped_is_explained() {
    let scratch = scratch(&[MANIFEST]);
    scratch.write(
        "extra.yaml",
        "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: x}}}\n",
    );
    let run = scratch.run("explain", &["PodDisruptionBudget/x/spec/unhealthyPodEvictionPolicy"]);
    assert!(run.out.contains("from       dayfly: on every manifest of the kind"), "{}{}", run.out, run.err);
    let run = scratch.run("explain", &["PodDisruptionBudget/x/spec/maxUnavailable"]);
    assert!(!run.out.contains("from       dayfly"), "{}{}", run.out, run.err);
}

/// What Kubernetes takes if nothing is stated would keep a node whose Pods never become ready.
#[test]
fn a_manifest_s_budget_lets_pods_go_that_are_not_ready() {
    let budget = "apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: x}\nspec: {maxUnavailable: 1, selector: {matchLabels: {app: x}}";
    let own: Edit = (GUARDRAILS, "  patches:", "  templates: templates\n  patches:");
    let always = "\"unhealthyPodEvictionPolicy\":\"AlwaysAllow\"";
    for (more, file, expected) in [
        ("}\n", "extra.yaml", true),
        (", unhealthyPodEvictionPolicy: null}\n", "extra.yaml", true),
        (", unhealthyPodEvictionPolicy: AlwaysAllow}\n", "extra.yaml", true),
        // The platform knows what it writes.
        ("}\n", "templates/x.yaml", false),
    ] {
        let scratch = scratch(&[own, MANIFEST]);
        scratch.write("templates/x.yaml", "$when: ${{ '' }}\n");
        scratch.write("extra.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n");
        scratch.write(file, format!("{budget}{more}"));
        let run = scratch.run("render", &["-o", "ndjson"]);
        let budget = run.out.lines().find(|line| line.contains("PodDisruptionBudget")).unwrap_or(&run.err);
        assert_eq!(budget.matches("unhealthyPodEvictionPolicy").count(), usize::from(expected), "{more}: {budget}");
        assert_eq!(budget.contains(always), expected, "{more}: {budget}");
    }
}

/// A patch is written for dayfly's templates. Where the pull request writes the manifests, it does not keep its own quarantine away.
#[test]
fn what_a_patch_needs_of_a_manifest_is_its_author_s_to_add() {
    let add = "json: [{op: add, path: /spec/template/spec/containers/0/env/-, value: {name: A, value: b}}]";
    let root = "merge: {spec: {template: {spec: {hostNetwork: true}}}}";
    let remove = "json: [{op: remove, path: /spec/paused}]";
    let typo = "json: [{op: add, path: /spec/template/spec/contaners/0/env/-, value: {name: A, value: b}}]";
    let test = "json: [{op: test, path: /spec/paused, value: true}]";
    let copy = "json: [{op: copy, from: /spec/paused, path: /metadata/annotations/a}]";
    let of_manifest = "Deployment/x /spec/template/spec/containers/0/env";
    let of_patch = "guardrails.yaml:93:14";
    for (case, target, patch, code, owner, at, quarantined) in [
        ("storefront", "Deployment", add, "patch", "team", of_manifest, false),
        ("storefront-single", "Deployment", add, "patch", "pull-request", of_manifest, true),
        ("storefront-single", "Deployment", remove, "patch", "platform", of_patch, false),
        // A typo of the platform's, and what it asks of objects: nobody else can mend them.
        (
            "storefront-single",
            "Deployment, name: x",
            typo,
            "patch",
            "platform",
            "Deployment/x /spec/template/spec/contaners",
            true,
        ),
        ("storefront-single", "Deployment, name: x", test, "patch", "platform", "Deployment/x /spec/paused", true),
        ("storefront-single", "Deployment, name: x", copy, "patch", "platform", "Deployment/x /spec/paused", true),
        // What a patch makes of one is the platform's to mend, but it is no reason to keep what ran before.
        (
            "storefront-single",
            "Deployment, name: x",
            root,
            "pod-security",
            "platform",
            "Deployment/x /spec/template/spec/hostNetwork",
            true,
        ),
    ] {
        let scratch = Scratch::new(case);
        scratch.replace(
            GUARDRAILS,
            "  patches:\n",
            &format!("  patches:\n    - target: {{kind: {target}}}\n      {patch}\n"),
        );
        if case == "storefront" {
            scratch.replace(POLICY, APPLICATION, "  manifests: [deploy/*.yaml]\n");
        }
        scratch.write("deploy/x.yaml", DEPLOYMENT);
        let found = scratch.findings();
        let what = format!("{case} {target} {patch}: {found:#?}");
        let is = |finding: &Json| (text(finding, "/code"), text(finding, "/owner")) == (code, owner);
        assert!(!found.is_empty() && found.iter().all(is), "{what}");
        assert!(found.iter().all(|finding| place(finding) == at), "{what}");
        let has_help = found.iter().any(|finding| finding["help"].is_string());
        assert_eq!(has_help, owner != "platform" || code != "patch", "{what}");
        if owner != "platform" {
            let message = "`/spec/patches/0/json/0` of the guardrails needs `/spec/template/spec/containers/0/env`, which Deployment/x has not";
            assert_eq!(text(&found[0], "/message"), message, "{what}");
        }
        let run = scratch.run("render", &["-o", "ndjson"]);
        assert_eq!(run.is_quarantine(), quarantined, "{what}");
        assert_eq!(run.out.is_empty(), !quarantined, "{what}");
    }
}
