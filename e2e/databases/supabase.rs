//! Supabase: its Management API held to its document, and a real server behind each branch.

use std::fs;

use serde_json::json;

use crate::{
    hosted::Hosted,
    lab::{Lab, service},
    psql::{Idle, MASKED_IN_PLACE, psql, psql_meanwhile},
    standin::StandIn,
};

const LEDGER: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'ada')";

fn baselines(standin: &StandIn, safe: &str) -> String {
    let (api, project) = (&standin.api, service("DAYFLY_TEST_SUPABASE_PROJECT"));
    format!("shop: {{provider: supabase, api: '{api}', project: {project}, {safe}}}")
}

fn project(policy: &str) -> Hosted {
    let token = service("DAYFLY_TEST_SUPABASE_TOKEN");
    let standin = StandIn::new("SUPABASE", ("Authorization", format!("Bearer {token}")));
    standin.set(&json!({"migrations": LEDGER}));
    let lab = Lab::new(policy, &baselines(&standin, "synthetic: {by: seeds}"), &[("SUPABASE_ACCESS_TOKEN", &token)]);
    Hosted::new(lab, standin, &[&token], |state| {
        let branches = state["branches"].as_array().unwrap().iter();
        branches.filter(|branch| branch["is_default"] == false).cloned().collect()
    })
}

fn branches_path() -> String {
    format!("/v1/projects/{}/branches", service("DAYFLY_TEST_SUPABASE_PROJECT"))
}

#[test]
fn the_whole_way() {
    let project = project("supa-way");
    project.two_previews("ALTER TABLE users ADD mail text", &["SUPABASE_ACCESS_TOKEN"]);
    assert!(project.branches().iter().all(|branch| branch["with_data"] == false));
    project.lost_credentials();
    project.lab.db("renew", 1, &[]).fine();
    assert_eq!(project.listed_and_swept()[0]["owner"], "dayfly:supa-way:supa-way-pr-1");
    project.gone();
}

#[test]
fn a_failed_migration_gets_a_new_branch_with_a_login_of_its_own() {
    let project = project("supa-failed");
    let (before, after) = project.failed_migration();
    assert!(before != after && psql(&before, "SELECT 1").is_err());
    assert_eq!(project.standin.requests("DELETE", ""), 1);
}

#[test]
fn a_password_is_changed_at_the_vendor_and_found_again() {
    let project = project("supa-rotate");
    let Hosted { lab, standin, .. } = &project;
    lab.db("provision", 1, &[]).fine();
    let first = lab.url(1);
    let session = Idle::of(&first);
    let said = lab.db("provision", 1, &["--rotate"]).fine().err;
    let second = lab.url(1);
    assert!(first != second && !said.contains(second.split([':', '@']).nth(2).unwrap()), "{said}");
    assert!(psql(&first, "SELECT 1").unwrap_err().contains("authentication failed"));
    session.ended();
    lab.db("provision", 1, &[]).fine();
    assert_eq!(lab.url(1), second);
    // The vendor may go on telling the first one: a lost file gives another.
    fs::remove_file(lab.env_file(1)).unwrap();
    lab.db("provision", 1, &[]).fine();
    let third = lab.url(1);
    assert_eq!(psql(&third, "SELECT * FROM users").unwrap(), "1|ada");
    assert!(third != first && third != second);
    // And where it tells the new one, that is as good.
    standin.set(&json!({"tells_password": true}));
    standin.fault(&json!({"match": "PATCH */database/password", "lose_answer": true}));
    lab.db("provision", 1, &["--rotate"]).fine();
    let fourth = lab.url(1);
    fs::remove_file(lab.env_file(1)).unwrap();
    lab.db("provision", 1, &[]).fine();
    assert_eq!(lab.url(1), fourth);
    lab.db("destroy", 1, &[]).fine();
    standin.held_to_the_document();
}

#[test]
fn without_a_key_the_next_attempt_has_the_new_branchs_login() {
    let project = project("supa-waited");
    let baselines = baselines(&project.standin, "synthetic: {by: seeds}");
    project.lab.without_a_key(&baselines, "psql \"$DATABASE_URL\" -qc 'CREATE TABLE carts (id int)'");
    assert_eq!(psql(&project.lab.url(1), "SELECT count(*) FROM carts").unwrap(), "0");
    project.gone();
}

#[test]
fn a_login_is_revoked_before_its_branch_goes() {
    project("supa-revoked").revoked_first("DELETE */branches/*");
}

#[test]
fn a_branch_that_is_not_ours_is_never_touched() {
    let project = project("supa-foreign");
    let Hosted { lab, standin, .. } = &project;
    standin.call(
        "POST",
        &branches_path(),
        Some(&json!({"branch_name": lab.branch_name(1), "git_branch": "feature/x"})),
    );
    project.not_ours();
    assert_eq!(standin.requests("DELETE", "") + standin.requests("PATCH", ""), 0);
    standin.held_to_the_document();
}

#[test]
fn data_is_copied_only_where_the_baseline_says_that_it_is_masked() {
    let project = project("supa-data");
    let Hosted { lab, standin, .. } = &project;
    standin.control(&json!({"project": "CREATE TABLE people (mail text); INSERT INTO people VALUES ('a@corp.test')"}));
    lab.db("provision", 1, &[]).fine();
    assert!(psql(&lab.url(1), "SELECT * FROM people").unwrap_err().contains("does not exist"));
    lab.guardrails(&baselines(standin, "schemaOnly: true"), "");
    lab.spec(2, "shop", "");
    lab.db("provision", 2, &[]).refused("has rows");
    lab.guardrails(&baselines(standin, "sanitized: {by: masking-job, maxAge: 2d}"), "");
    lab.spec(2, "shop", "");
    lab.db("provision", 2, &[]).refused("was never prepared");
    assert_eq!(project.branches().len(), 1, "what may hold live data does not stay");
    let marker = "CREATE SCHEMA dayfly; CREATE TABLE dayfly.baseline (statement text, made_by text, made_at text, schema_digest text);
        INSERT INTO dayfly.baseline SELECT 'x', 'masking-job', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), encode(sha256(convert_to(E'public\\tpeople\\tmail\\ttext\\n', 'UTF8')), 'hex')";
    standin.control(&json!({"project": marker}));
    lab.db("provision", 2, &[]).fine();
    let two = lab.url(2);
    assert_eq!(psql(&two, "SELECT * FROM people").unwrap(), "a@corp.test");
    // Whoever has a login reads nothing of what came since, before somebody looked at it.
    standin.control(&json!({"project": "ALTER TABLE people ADD phone text DEFAULT '+44'"}));
    let session = Idle::of(&two);
    assert!(!psql_meanwhile(&two, "SELECT phone FROM people", || {
        lab.db("migrate", 2, &["--", "false"]).refused("has other columns than when it was sanitized");
    }));
    session.ended();
    assert_eq!(project.branches().len(), 1);
    standin.held_to_the_document();
}

#[test]
fn faults_on_the_way_leave_one_branch() {
    let project = project("supa-faults");
    let Hosted { lab, standin, .. } = &project;
    standin.fault_at("POST */branches", json!({"lose_answer": true}));
    standin.fault_at("GET */branches/*", json!({"status": 503, "times": 2}));
    standin.fault_at("GET */branches/*", json!({"status": 429}));
    lab.db("provision", 1, &[]).fine();
    standin.fault_at("POST */branches", json!({"status": 500}));
    standin.fault_at("POST */branches", json!({"status": 423}));
    standin.fault_at("POST */branches", json!({"status": 409}));
    lab.db("provision", 2, &[]).fine();
    assert_eq!(project.branches().len(), 2);
    standin.fault_at("DELETE */branches/*", json!({"lose_answer": true}));
    lab.db("destroy", 1, &[]).fine();
    standin.set(&json!({"branch_limit": 2}));
    let run = lab.db("provision", 1, &[]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.err.contains("it has 2, 1 of them dayfly's") && run.err.contains("Branch limit reached"),
        "{}",
        run.err
    );
    lab.db("destroy", 2, &[]).fine();

    standin.set(&json!({"migrations": "SELECT broken"}));
    lab.db("provision", 1, &[]).refused("own migrations fail");
    assert!(project.branches().is_empty());
    standin.held_to_the_document();
}

#[test]
fn killed_and_raced_calls_end_the_same() {
    project("supa-killed").killed_and_raced(&[30, 150, 400, 800, 1300]);
}

#[test]
fn a_prepared_project_is_marked_and_only_its_data_is_copied() {
    let project = project("supa-baseline");
    let Hosted { lab, standin, .. } = &project;
    // Who owns the project's database is no superuser.
    let owner =
        "CREATE ROLE project_owner LOGIN PASSWORD 'of-the-project'; ALTER DATABASE postgres OWNER TO project_owner;
        ALTER TABLE people OWNER TO project_owner; ALTER TABLE logins OWNER TO project_owner";
    standin.control(&json!({"project": format!("{MASKED_IN_PLACE}; {owner}")}));
    let sane = baselines(standin, "sanitized: {by: masking-job, maxAge: 2d}");
    let prepare = |lab: &Lab| lab.prepare_baseline(&[]);
    prepare(lab).refused("nothing to prepare");
    lab.guardrails(&sane, "");
    let run = prepare(lab);
    assert!(run.code == Some(2) && run.err.contains("only DAYFLY_DATABASE_ADMIN_URL can lead"), "{}", run.err);

    let port = standin.control(&json!({"up": true}))["project_port"].clone();
    let admin = format!("postgres://project_owner:of-the-project@127.0.0.1:{port}/postgres");
    let token = service("DAYFLY_TEST_SUPABASE_TOKEN");
    let keys = [("DAYFLY_DATABASE_ADMIN_URL", &*admin), ("SUPABASE_ACCESS_TOKEN", &token)];
    let platform = Lab::new("supa-baseline-platform", &sane, &keys);
    let said = prepare(&platform).fine().err;
    assert!(said.contains("let nobody write live data") && !said.contains("of-the-project"), "{said}");
    standin.control(&json!({"up": false}));
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&lab.url(1), "SELECT made_by FROM dayfly.baseline").unwrap(), "masking-job");
    let statistics = "SELECT count(*) FROM pg_stats WHERE most_common_vals::text LIKE '%corp.test%'";
    assert_eq!(psql(&lab.url(1), statistics).unwrap(), "0");
    lab.db("destroy", 1, &[]).fine();
    standin.held_to_the_document();
}

#[test]
fn a_key_that_is_refused_is_named() {
    let project = project("supa-key");
    let baselines = baselines(&project.standin, "synthetic: {by: seeds}");
    let lab = Lab::new("supa-key2", &baselines, &[("SUPABASE_ACCESS_TOKEN", "not-this-one")]);
    lab.a_refused_key_is_named("supabase", "SUPABASE_ACCESS_TOKEN");
}

#[test]
fn installations_leave_each_others_branches_alone() {
    let project = project("supa-shared");
    project.lab.two_installations(&baselines(&project.standin, "synthetic: {by: seeds}"));
    project.standin.held_to_the_document();
}
