//! Jobs: Kubernetes changes the Pods of none, so what would be other Pods is another Job.

use std::{collections::BTreeMap, fs};

use serde_json::Value as Json;

use super::{
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch, storefront},
    support::{named, root, text},
};

/// The Pods of all Jobs but hooks, which Argo CD removes before it makes them, by namespace and name.
fn jobs(scratch: &Scratch) -> BTreeMap<String, Json> {
    let is_hook = |job: &Json| job.pointer("/metadata/annotations/argocd.argoproj.io~1hook").is_some();
    let name = |job: &Json| format!("{}/{}", text(job, "/metadata/namespace"), text(job, "/metadata/name"));
    let jobs = scratch.objects().into_iter().filter(|object| object["kind"] == "Job" && !is_hook(object));
    jobs.map(|job| (name(&job), job["spec"]["template"].clone())).collect()
}

#[test]
fn a_job_s_pods_never_change_under_its_name() {
    let template = fs::read_to_string(root().join("templates/database-migrate.yaml")).expect("a template");
    let own_template = template.replace("backoffLimit: 6", "backoffLimit: 3").replace("tmp", "temporary");
    let patch = |target: &str| {
        format!(
            "  patches:\n    - target: {{{target}}}\n      merge: {{spec: {{template: {{metadata: {{labels: {{x: y}}}}}}}}}}\n"
        )
    };
    let (of_jobs, of_all) = (patch("kind: Job"), patch("name: '*'"));
    let before = jobs(&Scratch::new("storefront"));
    assert_eq!(before.len(), 3, "provision, migrate, verify");
    // The file, what is replaced there by what, and how many Jobs stay what they are.
    for (file, from, to, same) in [
        (POLICY, "costCenter: cc-1234", "costCenter: cc-9", 0),
        (POLICY, "team: payments", "team: checkout", 0),
        (POLICY, "migrate, deploy", "migrate, status", 1),
        (POLICY, "baseline: storefront\n", "baseline: storefront\n      keys: {PGHOST: host}\n", 2),
        (POLICY, "migrate, deploy]\n", "migrate, deploy]\n        env: {RAILS_ENV: preview}\n", 1),
        (POLICY, "migrate, deploy]\n", "migrate, deploy]\n        uses: [stripe]\n", 1),
        (POLICY, "\"seed:preview\"]\n", "\"seed:preview\"]\n        env: {NODE_ENV: preview}\n", 1),
        (POLICY, "migrate, deploy]\n", "migrate, deploy]\n        writable: [/app/tmp]\n", 1),
        (POLICY, "\"seed:preview\"]\n", "\"seed:preview\"]\n        runAsUser: 1000\n", 1),
        (POLICY, "\"seed:preview\"]\n", "\"seed:preview\"]\n        runAsGroup: 0\n", 1),
        (POLICY, "migrate, deploy]\n", "migrate, deploy]\n        resources: {memory: 1Gi}\n", 1),
        (POLICY, "\"seed:preview\"]\n", "\"seed:preview\"]\n        resources: {memory: 1Gi}\n", 1),
        (POLICY, "ttl: 48h", "ttl: 47h", 3),
        (GUARDRAILS, "serviceAccount: dayfly-database", "serviceAccount: other", 0),
        (GUARDRAILS, "credentials: dayfly-database-admin", "credentials: other", 0),
        (GUARDRAILS, "dayfly@sha256:4f", "dayfly@sha256:5f", 0),
        (GUARDRAILS, "  patches:\n", &of_jobs, 0),
        (GUARDRAILS, "  patches:\n", &of_all, 0),
        (GUARDRAILS, "revisionHistoryLimit: 2", "revisionHistoryLimit: 3", 3),
        (GUARDRAILS, "  patches:\n", "  templates: templates\n  patches:\n", 0),
        (PARAMETERS, "head_sha: 3f9c1e7a", "head_sha: 4f9c1e7a", 1),
    ] {
        let scratch = Scratch::new("storefront");
        scratch.replace(file, from, to);
        if to.contains("templates:") {
            scratch.write("templates/database-migrate.yaml", &own_template);
        }
        let after = jobs(&scratch);
        assert_eq!(after.len(), 3, "{to}");
        let kept: Vec<&String> = after.keys().filter(|name| before.contains_key(*name)).collect();
        assert!(kept.iter().all(|name| before[*name] == after[*name]), "{to}: other Pods in {kept:?}");
        assert_eq!(kept.len(), same, "{to}: {kept:?}");
    }
}

/// Of the same user, another group is other Pods as well.
#[test]
fn another_group_is_another_job() {
    let with = |fields: &str| {
        let scratch = Scratch::new("storefront");
        scratch.replace(POLICY, "\"seed:preview\"]\n", &format!("\"seed:preview\"]\n        {fields}\n"));
        jobs(&scratch)
    };
    let (user, same, other) = (
        with("runAsUser: 1000"),
        with("runAsUser: 1000\n        runAsGroup: 1000"),
        with("runAsUser: 1000\n        runAsGroup: 0"),
    );
    assert_eq!(user, same, "the group of the same number is its user's");
    let kept: Vec<&String> = other.keys().filter(|name| user.contains_key(*name)).collect();
    assert!(kept.len() == 1 && kept.iter().all(|name| user[*name] == other[*name]), "{kept:?}");
}

#[test]
fn where_the_lines_of_a_template_stand_names_no_job() {
    let before = jobs(&Scratch::new("storefront"));
    let template = fs::read_to_string(root().join("templates/database-migrate.yaml")).expect("a template");
    let scratch = Scratch::new("storefront");
    scratch.replace(GUARDRAILS, "  patches:\n", "  templates: templates\n  patches:\n");
    scratch.write("templates/database-migrate.yaml", format!("# The same as dayfly's.\n{template}"));
    assert_eq!(jobs(&scratch), before);
}

#[test]
fn a_quarantine_s_job_is_another_with_other_pods() {
    let quarantined = || {
        let scratch = Scratch::new("quarantine-job");
        scratch.write(PARAMETERS, storefront(PARAMETERS).replace("head_sha: 3f9c1e7a", "head_sha: main"));
        scratch
    };
    let before = jobs(&quarantined());
    assert_eq!(before.len(), 1, "{before:?}");
    for (file, from, to, is_same) in [
        (POLICY, "costCenter: ", "costCenter: other-", false),
        (GUARDRAILS, "dayfly@sha256:4f", "dayfly@sha256:5f", false),
        (
            GUARDRAILS,
            "  domain:",
            "  patches: [{target: {kind: Job}, merge: {spec: {template: {metadata: {labels: {x: y}}}}}}]\n  domain:",
            false,
        ),
        (GUARDRAILS, "domain: preview", "domain: previews", true),
    ] {
        let scratch = quarantined();
        scratch.replace(file, from, to);
        let after = jobs(&scratch);
        assert_eq!(after.len(), 1, "{to}");
        assert_eq!(after == before, is_same, "{to}");
        assert_eq!(after.keys().eq(before.keys()), is_same, "{to}: {after:?}");
    }
}

#[test]
fn a_manifest_s_job_takes_no_label_that_its_policy_may_change() {
    let manifest = r#"{"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "warm"}, "spec": {"template": {"spec": {
        "restartPolicy": "Never", "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "warm", "image": "ghcr.io/acme/shop:3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938",
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}}}}"#;
    let rendered = |from: &str, to: &str| {
        let scratch = Scratch::new("storefront");
        scratch.write("warm.json", manifest);
        scratch.replace(POLICY, "  ttl: 48h", "  ttl: 48h\n  manifests: [warm.json]");
        scratch.replace(POLICY, from, to);
        jobs(&scratch)["storefront-pr-128/warm"].clone()
    };
    let before = rendered("team: payments", "team: payments");
    assert_eq!(before.pointer("/metadata/labels/dayfly.dev~1pull-request").and_then(Json::as_str), Some("128"));
    assert_eq!(rendered("team: payments", "team: checkout"), before);
    assert_eq!(rendered("costCenter: cc-1234", "costCenter: cc-9"), before);
}

/// Left out, what Kubernetes writes there would be a difference for ever.
#[test]
fn a_manifest_s_claims_say_of_which_type_they_are() {
    let manifest = r#"{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db"}, "spec": {"serviceName": "db",
        "selector": {"matchLabels": {"app": "db"}}, "template": {"metadata": {"labels": {"app": "db"}}, "spec": {
        "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "db", "image": "ghcr.io/acme/shop:3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938",
            "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}}]}},
        "volumeClaimTemplates": [{"metadata": {"name": "a"}, "spec": {}}, {"kind": null, "metadata": {"name": "b"}, "spec": {}}]}}"#;
    let scratch = Scratch::new("storefront");
    scratch.write("db.json", manifest);
    scratch.replace(POLICY, "  ttl: 48h", "  ttl: 48h\n  manifests: [db.json]");
    scratch.replace(GUARDRAILS, "persistentvolumeclaims: 0", "persistentvolumeclaims: 2");
    let objects = scratch.objects();
    let claims = &named(&objects, "StatefulSet", "db")["spec"]["volumeClaimTemplates"];
    for name in ["a", "b"] {
        let claim = claims.as_array().and_then(|all| all.iter().find(|claim| claim["metadata"]["name"] == name));
        let is = claim.map(|claim| [text(claim, "/apiVersion"), text(claim, "/kind")]);
        assert_eq!(is, Some(["v1", "PersistentVolumeClaim"]), "{claims}");
    }
}

#[test]
fn a_server_that_starts_anew_without_its_data_has_its_jobs_run_again() {
    let rendered = |patch: &str| {
        let scratch = Scratch::new("database-dump");
        scratch.replace(GUARDRAILS, "  domain:", &format!("{patch}  domain:"));
        jobs(&scratch)
    };
    let patch = |kind: &str| {
        format!(
            "  patches: [{{target: {{kind: {kind}}}, merge: {{spec: {{template: {{metadata: {{annotations: {{x: y}}}}}}}}}}}}]\n"
        )
    };
    let before = rendered("");
    assert_eq!(before.len(), 3, "{before:?}");
    assert_eq!(rendered(&patch("Deployment")), before);
    let after = rendered(&patch("StatefulSet"));
    assert_eq!(after.len(), 3);
    assert!(after.keys().all(|name| !before.contains_key(name)), "{after:?}");
}

#[test]
fn another_snapshot_is_another_object() {
    // Kubernetes changes neither the handle of a VolumeSnapshotContent nor which one a VolumeSnapshot is.
    let rendered = |from: &str, to: &str| {
        let scratch = Scratch::new("database-cnpg");
        scratch.replace(GUARDRAILS, from, to);
        let objects = scratch.objects();
        let of = |kind: &str, pointer: &str| {
            text(objects.iter().find(|object| object["kind"] == kind).expect(kind), pointer).to_owned()
        };
        let snapshot = of("VolumeSnapshot", "/metadata/name");
        let content = of("VolumeSnapshotContent", "/metadata/name");
        assert_eq!(of("VolumeSnapshot", "/spec/source/volumeSnapshotContentName"), content);
        assert_eq!(of("VolumeSnapshotContent", "/spec/volumeSnapshotRef/name"), snapshot);
        assert_eq!(of("Cluster", "/spec/bootstrap/recovery/volumeSnapshots/storage/name"), snapshot);
        let reserved = of("Namespace", "/metadata/annotations/dayfly.dev~1reserved");
        assert!(
            reserved.split(',').any(|entry| {
                entry.strip_prefix("VolumeSnapshot/").is_some_and(|start| snapshot.starts_with(start))
            }),
            "{snapshot} is not among {reserved}"
        );
        (snapshot, content)
    };
    let before = rendered("size: 20Gi", "size: 20Gi");
    assert_eq!(rendered("size: 20Gi", "size: 30Gi"), before);
    for (from, to) in [("snap-0a1b2c3d4e5f60718", "snap-1"), ("driver: ebs", "driver: efs")] {
        let after = rendered(from, to);
        assert!(after.0 != before.0 && after.1 != before.1, "{to}: {after:?}");
    }
}

/// Pods read the ConfigMap `preview` when they start, whoever wrote what is in it.
#[test]
fn a_patch_of_the_config_map_starts_pods_anew() {
    let hash = |patches: &str| {
        let scratch = Scratch::new("storefront");
        scratch.replace(GUARDRAILS, "  patches:\n", &format!("  patches:\n{patches}"));
        let run = scratch.run("render", &["-o", "yaml"]);
        let hashes: Vec<&str> = run.out.lines().filter(|line| line.contains("dayfly.dev/config-hash")).collect();
        assert!(hashes.len() == 2 && hashes[0] == hashes[1], "{}", run.err);
        hashes[0].to_owned()
    };
    let proxy = |port: u16| {
        format!(
            "    - target: {{kind: ConfigMap, name: preview}}\n      merge: {{data: {{HTTPS_PROXY: \"http://proxy:{port}\"}}}}\n"
        )
    };
    let json = "    - target: {name: preview}\n      json: [{op: test, path: /metadata/name, value: preview}]\n";
    let labels = "    - target: {}\n      merge: {metadata: {labels: {a: b}}}\n";
    let before = hash("");
    assert_eq!(hash(labels), before, "no Pod reads a label");
    assert_eq!(hash(json), before, "nothing is changed");
    assert_ne!(hash(&proxy(3128)), before);
    assert_ne!(hash(&proxy(3128)), hash(&proxy(3129)));
    assert_eq!(hash(&proxy(3128)), hash(&(labels.to_owned() + &proxy(3128))), "wherever it stands");
}

/// Pods read passwords and keys when they start: those of another branch, or from elsewhere, would never reach them.
#[test]
fn pods_start_anew_with_another_branch_or_another_source_of_secrets() {
    let hashes = |case: &str, file: &str, from: &str, to: &str| -> Vec<Option<String>> {
        let scratch = Scratch::new(case);
        scratch.replace(file, from, to);
        let hash = |object: &Json| {
            let annotations = object.pointer("/spec/template/metadata/annotations").expect("annotations");
            annotations["dayfly.dev/uses-hash"].as_str().map(str::to_owned)
        };
        scratch.objects().iter().filter(|object| object["kind"] == "Deployment").map(hash).collect()
    };
    let patch = "  patches: [{target: {kind: StatefulSet}, merge: {spec: {template: {metadata: {annotations: {x: y}}}}}}]\n  domain:";
    for (case, file, from, to, is_same) in [
        ("storefront", POLICY, "baseline: storefront\n", "baseline: storefront-synthetic\n", false),
        ("storefront", PARAMETERS, "fork: false", "fork: null", false),
        ("storefront", POLICY, "storefront/stripe-sandbox#", "storefront/other#", false),
        ("storefront", GUARDRAILS, "store: ClusterSecretStore/previews", "store: ClusterSecretStore/other", false),
        ("storefront", GUARDRAILS, "dayfly@sha256:4f", "dayfly@sha256:5f", true),
        ("storefront", GUARDRAILS, "serviceAccount: dayfly-database", "serviceAccount: other", true),
        ("storefront", POLICY, "migrate, deploy", "migrate, status", true),
        ("storefront", PARAMETERS, "head_sha: 3f9c1e7a", "head_sha: 4f9c1e7a", true),
        ("database-dump", GUARDRAILS, "  domain:", patch, false),
    ] {
        let before = hashes(case, file, from, from);
        let after = hashes(case, file, from, to);
        assert!(before.iter().any(Option::is_some), "{case}: {before:?}");
        assert_eq!(after == before, is_same, "{case}: {to}: {before:?}, {after:?}");
    }
}
