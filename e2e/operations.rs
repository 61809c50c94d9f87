//! The platform's part in databases: deploy/operations as it is, the shared server with its baselines, and dayfly's own commands
//! beside them.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::kube::{apply, delete, documents, get, kind, kubectl, name, text};
use crate::process::{Done, read, repository, run, setting, until};
use crate::world::OWN;

/// Where the database's Jobs run, in layout split.
pub(crate) const OPERATIONS: &str = "preview-ops";

/// Of the shared server's administrator (assets/server.sql): whoever finds it somewhere else has found a leak.
pub(crate) const PASSWORD: &str = "administrator-of-the-tests";

/// The guardrails of layout split, as the plugin has them.
fn guardrails() -> String {
    read(&format!("{}/dayfly-open/guardrails.yaml", setting("DAYFLY_E2E_PLUGINS")))
}

/// `deploy/operations`, with what its sweeper needs: guardrails and image.
pub(crate) fn install() {
    let image = text(&documents(&guardrails())[0], "/spec/operations/image").to_owned();
    for file in ["namespace", "service-account", "network-policies", "sweeper/sweeper"] {
        let mut objects = documents(&read(&repository(&format!("deploy/operations/{file}.yaml"))));
        for object in &mut objects {
            object["metadata"]["labels"][OWN] = "true".into();
            if kind(object) == "CronJob" {
                // It runs when a test says so.
                object["spec"]["suspend"] = true.into();
                object["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["image"] =
                    image.clone().into();
            }
        }
        apply(&objects);
    }
    apply(&[json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "dayfly-guardrails", "namespace": OPERATIONS},
        "data": {"guardrails.yaml": guardrails()},
    })]);
}

/// Runs one batch as the shared server's superuser, and gives the last statement's rows, each a line of JSON.
pub(crate) fn sql(database: &str, batch: &str) -> String {
    let done = try_sql(database, batch);
    assert!(done.ok, "{batch}: {}", done.err);
    done.out
}

pub(crate) fn try_sql(database: &str, batch: &str) -> Done {
    let mut arguments = vec!["exec", "-i", "-n", "databases", "postgres", "--", "/standin", "sql"];
    arguments.extend(Some(database).filter(|database| !database.is_empty()));
    run("kubectl", &arguments, batch)
}

/// The databases and roles on the shared server that an environment has.
pub(crate) fn of(environment: &str) -> String {
    let name = environment.replace('-', "_");
    sql(
        "",
        &format!(
            "SELECT datname FROM pg_database WHERE datname LIKE '{name}\\_%'
             UNION ALL SELECT rolname FROM pg_roles WHERE rolname LIKE '{name}\\_%'"
        ),
    )
}

/// Runs the sweeper's Job with another command, and gives what it logged.
pub(crate) fn command_there(job: &str, command: &[&str]) -> String {
    let sweeper = get("cronjob", "dayfly-sweep", OPERATIONS).expect("the sweeper is installed");
    let mut spec = sweeper["spec"]["jobTemplate"]["spec"].clone();
    spec["template"]["spec"]["containers"][0]["command"] = json!(command);
    delete("job", job, OPERATIONS, 60);
    apply(&[json!({
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": job, "namespace": OPERATIONS, "labels": {OWN: "true"}}, "spec": spec,
    })]);
    completed(job)
}

/// A test that sweeps has the server's orphans for itself until it is through.
pub(crate) fn sweeping() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs the sweeper as its schedule would.
pub(crate) fn sweep(job: &str) -> String {
    delete("job", job, OPERATIONS, 60);
    kubectl(&["create", "job", job, "--from=cronjob/dayfly-sweep", "-n", OPERATIONS]);
    completed(job)
}

fn completed(job: &str) -> String {
    until(60, || {
        let found = get("job", job, OPERATIONS).ok_or("the Job is gone")?;
        let logs = || run("kubectl", &["logs", &format!("job/{job}"), "-n", OPERATIONS], "").out;
        assert_eq!(found["status"]["failed"].as_u64().unwrap_or(0), 0, "{job} failed: {}", logs());
        if found["status"]["succeeded"] == 1 { Ok(()) } else { Err(format!("{job} has not completed: {}", logs())) }
    });
    kubectl(&["logs", &format!("job/{job}"), "-n", OPERATIONS])
}

/// The Pods of a step of an environment's database, wherever it runs.
pub(crate) fn pods(environment: &str, step: &str) -> Vec<Value> {
    let labels = format!("dayfly.dev/environment={environment},dayfly.dev/step={step}");
    let found = crate::kube::json(&kubectl(&["get", "pods", "-A", "-l", &labels, "-o", "json"]));
    let mut pods = crate::kube::array(&found, "/items").to_vec();
    pods.sort_by_key(|pod| text(pod, "/metadata/creationTimestamp").to_owned());
    pods
}

/// What all containers of a Pod logged.
pub(crate) fn logs(pod: &Value) -> String {
    let namespace = text(pod, "/metadata/namespace");
    run("kubectl", &["logs", name(pod), "-n", namespace, "--all-containers", "--ignore-errors"], "").out
}
