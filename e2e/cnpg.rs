//! A `Cluster` of `CloudNativePG`'s, which its own operator recovers from a snapshot that a CSI driver made: `e2e/run --cnpg`.

use serde_json::Value;

use crate::argo::{Ask, Environment, SPLIT, story};
use crate::case::Case;
use crate::kube::{array, get, json, kubectl, name, text};
use crate::lifecycle;
use crate::operations::{logs, pods};
use crate::pods::Inside;
use crate::process::{must, until};

const CNPG: Ask = Ask { plugin: "dayfly-cnpg", ..SPLIT };

fn case(number: u32) -> Case {
    Case::new("storefront", number).of("database-cnpg")
}

/// Recovered, checked, migrated, seeded and read; no difference for ever; pushed to; gone, with its volume.
#[test]
fn lives_from_the_first_sync_to_the_deletion() {
    lifecycle::live(|| case(206), &CNPG);
    until(60, || {
        let left = kubectl(&["get", "persistentvolumes,volumesnapshotcontents", "-o", "json"]);
        let left: Vec<String> = array(&json(&left), "/items")
            .iter()
            .filter(|object| object["spec"].to_string().contains("storefront-pr-206"))
            .map(|object| format!("{} {}", text(object, "/kind"), name(object)))
            .collect();
        if left.is_empty() { Ok(()) } else { Err(format!("left: {left:?}")) }
    });
}

/// What is in the preview's namespace is the preview's alone, and restricted as everything there.
#[test]
fn its_server_is_its_own_previews_alone() {
    let environment = Environment::sync(case(207), &CNPG);
    let server = Inside::existing(&environment.name, "database-main-1").address();
    Inside::of(&environment.name, "worker").reaches(&format!("{server}:5432"));
    let stranger = Inside::existing("mailpit", "stranger");
    for port in [5432, 8000, 9187] {
        stranger.is_kept_from(&format!("{server}:{port}"));
    }
    let pod = get("pod", "database-main-1", &environment.name).expect("the server's Pod");
    assert_eq!(text(&pod, "/spec/containers/0/resources/limits/memory"), "512Mi", "the limit range's own");
    let namespace = get("namespace", &environment.name, "").expect("the preview's namespace");
    assert_eq!(namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted");

    // The operator's Secret is not the workload's, and both say the same.
    let url = |secret: &str, key: &str| {
        let secret = get("secret", secret, &environment.name).unwrap_or_else(|| panic!("there is no Secret {secret}"));
        must("base64", &["-d"], text(&secret, &format!("/data/{key}")))
    };
    let (published, operators) = (url("main", "password"), url("database-main-app", "password"));
    assert_eq!(published, operators);
    // No superuser, and none of the operator's own roles.
    let worker = Inside::of(&environment.name, "worker");
    let who = worker.tell(
        &["sql"],
        "SELECT session_user::text, rolsuper, rolreplication, rolcreaterole FROM pg_roles WHERE rolname = session_user",
    );
    assert_eq!(who.unwrap().trim(), r#"["app",false,false,false]"#);
}

/// The way that the failure names leads to a cluster made anew, whose login everything has that starts after it.
#[test]
fn a_failed_migration_names_the_way_to_a_cluster_made_anew() {
    let mut environment = Environment::begin(Case::new("storefront", 208).of("database-cnpg-broken"), &CNPG);
    let failed = until(180, || {
        let application = environment.application();
        let failed = text(&application, "/status/operationState/phase") == "Failed";
        if failed { Ok(application) } else { Err(story(&application)) }
    });
    let said: String = pods(&environment.name, "migrate").iter().map(logs).collect();
    let before = get("secret", "database-main-app", &environment.name).expect("the operator's Secret");
    let command =
        said.split('`').find(|part| part.starts_with("kubectl ")).unwrap_or_else(|| panic!("no command: {said}"));
    must("sh", &["-c", command], "");
    // And the team repairs its migration.
    environment.moved("database-cnpg");
    let begun = |application: &Value| text(application, "/status/operationState/startedAt").to_owned();
    until(60, || {
        let application = environment.application();
        if begun(&application) == begun(&failed) { Err(story(&application)) } else { Ok(()) }
    });
    environment.wait("Synced", "Healthy");
    let after = get("secret", "database-main-app", &environment.name).expect("the operator's Secret");
    assert_ne!(before["data"]["password"], after["data"]["password"], "it is the same cluster");
    let worker = Inside::of(&environment.name, "worker");
    assert_eq!(array(&worker.rows(), "/customers").len(), 3);
    assert_eq!(worker.tell(&["sql"], "SELECT to_regclass('half_migrated')::text").unwrap().trim(), "[null]");
}
