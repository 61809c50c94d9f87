//! Jobs: Kubernetes changes the Pods of none, so what would be other Pods is another Job.

use std::{collections::BTreeMap, fs};

use serde_json::Value as Json;

use super::{
    scratch::{GUARDRAILS, PARAMETERS, POLICY, Scratch},
    support::root,
};

/// The Pods of all Jobs but hooks, which Argo CD removes before it makes them, by namespace and name.
fn jobs(scratch: &Scratch) -> BTreeMap<String, Json> {
    let run = scratch.run("render", &["-o", "json"]);
    let objects: Vec<Json> = serde_json::from_str(&run.out).unwrap_or_else(|error| panic!("{error}: {}", run.err));
    let text =
        |object: &Json, pointer: &str| object.pointer(pointer).and_then(Json::as_str).unwrap_or_default().to_owned();
    let is_hook = |job: &Json| job.pointer("/metadata/annotations/argocd.argoproj.io~1hook").is_some();
    objects
        .into_iter()
        .filter(|object| object["kind"] == "Job" && !is_hook(object))
        .map(|job| {
            (text(&job, "/metadata/namespace") + "/" + &text(&job, "/metadata/name"), job["spec"]["template"].clone())
        })
        .collect()
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

#[test]
fn where_the_lines_of_a_template_stand_names_no_job() {
    let before = jobs(&Scratch::new("storefront"));
    let template = fs::read_to_string(root().join("templates/database-migrate.yaml")).expect("a template");
    let scratch = Scratch::new("storefront");
    scratch.replace(GUARDRAILS, "  patches:\n", "  templates: templates\n  patches:\n");
    scratch.write("templates/database-migrate.yaml", format!("# The same as dayfly's.\n{template}"));
    assert_eq!(jobs(&scratch), before);
}
