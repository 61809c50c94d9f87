//! Commands that the documentation gives to whoever runs previews, as they stand there, but for the names of what they are about.

use std::fs;

use serde_json::Value;

use crate::argo::{Environment, OPEN, SPLIT, story};
use crate::case::Case;
use crate::database::spec_of;
use crate::kube::{delete, get, kubectl, list, text};
use crate::operations::{OPERATIONS, sql, sweeping};
use crate::page;
use crate::pods::Inside;
use crate::process::{must, repository, setting, until};
use crate::world;

/// What a recipe prints, called in a folder, with the names of a test's environment in the place of the page's.
fn follow_in(folder: &str, environment: &Environment, page: &str, recipe: &str) -> String {
    let commands = page::recipe(page, recipe)
        .replace("storefront-pr-128", &environment.name)
        .replace(r#".plugin.name == "dayfly""#, &format!(r#".plugin.name == "{}""#, environment.plugin()));
    let programs = format!("{}/../bin", setting("DAYFLY_E2E_PLUGINS"));
    let before = format!("set -uo pipefail; cd '{folder}'; PATH='{programs}':$PATH");
    must("bash", &["-c", &format!("{before}\n{commands}")], "")
}

/// The same, for what needs no folder.
pub(crate) fn follow(environment: &Environment, page: &str, recipe: &str) -> String {
    follow_in("/", environment, page, recipe)
}

#[test]
fn a_rotated_login_is_another_and_new_pods_have_it() {
    let environment = Environment::sync(Case::new("storefront", 241), &SPLIT);
    let password = || get("secret", "main", &environment.name).expect("the Secret")["data"]["password"].clone();
    let worker = || Inside::of(&environment.name, "worker");
    let (before, old) = (password(), worker());
    old.tell(&["sql"], "SELECT 1").unwrap();

    let created = follow(&environment, "databases/README.md", "rotate");
    let job = created.trim().strip_suffix(" created").unwrap_or_else(|| panic!("{created}"));
    kubectl(&["wait", job, "-n", OPERATIONS, "--for=condition=complete", "--timeout=60s"]);

    assert_ne!(password(), before);
    let refused = old.tell(&["sql"], "SELECT 1").expect_err("its password is the old one");
    assert!(refused.contains("password authentication failed"), "{refused}");
    kubectl(&["rollout", "restart", "deployment", "worker", "-n", &environment.name]);
    kubectl(&["rollout", "status", "deployment", "worker", "-n", &environment.name, "--timeout=120s"]);
    until(60, || worker().tell(&["sql"], "SELECT 1"));
    kubectl(&["delete", job, "-n", OPERATIONS]);

    migrate_can_be_run_again(&environment);
}

/// It finds what is there, and keeps it.
fn migrate_can_be_run_again(environment: &Environment) {
    let job = || list("jobs", &environment.name, "dayfly.dev/step=migrate").pop();
    let credentials = || get("secret", "main", &environment.name).expect("the Secret")["data"].clone();
    let (before, old) = (credentials(), job().expect("the Job of migrate"));
    follow(environment, "operations.md", "migrate-again");
    until(60, || match job() {
        Some(new) if new["metadata"]["uid"] != old["metadata"]["uid"] && new["status"]["succeeded"] == 1 => Ok(()),
        found => Err(format!("{found:?}")),
    });
    environment.wait("Synced", "Healthy");
    assert_eq!(credentials(), before);
}

#[test]
fn what_stopped_provision_is_mended_and_it_runs_again() {
    world::prepare();
    let case = Case::new("storefront", 243);
    let branch = text(&spec_of(&case), "/names/branch").to_owned();
    sql("", &format!("CREATE DATABASE {branch}"));
    let environment = Environment::begin(case, &SPLIT);
    let application = environment.fails();
    assert!(story(&application).contains("provision"), "{}", story(&application));
    sql("", &format!("DROP DATABASE {branch}"));
    follow(&environment, "argo-cd.md", "provision-again");
    environment.wait("Synced", "Healthy");
}

#[test]
fn a_change_of_guardrails_is_told_before_it_is_made() {
    let environment = OPEN.get();
    let folder = format!("{}/compare", env!("CARGO_TARGET_TMPDIR"));
    let guardrails = fs::read_to_string(format!("{}/dayfly-open/guardrails.yaml", setting("DAYFLY_E2E_PLUGINS")));
    let guardrails = guardrails.expect("guardrails");
    // What the pull request's label asks for is offered no more.
    let next = guardrails.replacen("ttl: [24h, 72h]", "ttl: [24h]", 1);
    assert_ne!(guardrails, next);
    fs::create_dir_all(format!("{folder}/storefront")).unwrap();
    fs::copy(repository("testdata/storefront/preview.yaml"), format!("{folder}/storefront/preview.yaml")).unwrap();
    fs::write(format!("{folder}/guardrails.yaml"), guardrails).unwrap();
    fs::write(format!("{folder}/next.yaml"), next).unwrap();
    let told = follow_in(&folder, &environment, "operations.md", "compare");
    let lines: Vec<&str> = told.lines().collect();
    let line = |what: &str| what.replace("NAME", &environment.name);
    for expected in ["< NAME Deployment web", "> NAME ConfigMap dayfly-findings", "NAME"] {
        assert!(lines.contains(&line(expected).as_str()), "{expected} is not in\n{told}");
    }
}

#[test]
fn who_uses_what_is_told_by_the_cluster() {
    let environment = OPEN.get();
    let told = follow(&environment, "operations.md", "quotas");
    let expected = [environment.name.as_str(), "payments", "cc-1234", "2", "4Gi"].join("\t");
    assert!(told.lines().any(|line| line == expected), "{expected} is not in\n{told}");
}

#[test]
fn the_sweeper_says_what_it_would_do() {
    let _alone = sweeping();
    let environment = OPEN.get();
    delete("job", "sweep-dry", OPERATIONS, 60);
    let told = follow(&environment, "argo-cd.md", "sweep-dry");
    delete("job", "sweep-dry", OPERATIONS, 60);
    assert!(told.contains("--apply"), "{told}");
}

/// An Application that was lost with its finalizer leaves a namespace that no Application has, until it is made again.
#[test]
fn a_preview_that_lost_its_application_is_found_and_taken_over() {
    let mut environment = Environment::sync(Case::new("storefront", 242), &SPLIT);
    let is_among = |environment: &Environment, recipe: &str| {
        follow(environment, "operations.md", recipe).lines().any(|line| line == environment.application)
    };
    // The tests make their Applications by hand.
    assert!(is_among(&environment, "ownerless"));
    assert!(!is_among(&environment, "lost"));
    // The child last: while it has an owner, that makes it again.
    for application in [&environment.application, &format!("{}-app", environment.name)] {
        let object = format!("applications.argoproj.io/{application}");
        kubectl(&["patch", &object, "-n", "argocd", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
        kubectl(&["delete", &object, "-n", "argocd"]);
    }
    assert!(is_among(&environment, "lost"));
    let pods = |environment: &Environment| -> Vec<Value> {
        list("pods", &environment.name, "").iter().map(|pod| pod["metadata"]["uid"].clone()).collect()
    };
    let before = pods(&environment);
    environment.push(&setting("DAYFLY_E2E_HEAD"));
    environment.wait("Synced", "Healthy");
    assert!(!is_among(&environment, "lost"));
    assert_eq!(pods(&environment), before);
}
