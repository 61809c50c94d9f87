//! The `DBLab` Engine: its API held to its document, and a real server behind each clone. One test at a time has the stand-in.

use std::{fs, thread, time::Duration};

use serde_json::json;

use crate::{
    hosted::Hosted,
    lab::{Lab, MIGRATE, service},
    psql::{Idle, psql},
    standin::StandIn,
};

const SEED: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'ada')";

fn baselines(standin: &StandIn, safe: &str) -> String {
    let api = &standin.api;
    format!(
        "shop: {{provider: dblab, api: '{api}', parent: main, database: postgres, {safe}, endpoint: {{cidrs: [10.0.0.0/8], port: 6000}}, lastPort: 6099}}"
    )
}

fn engine(policy: &str) -> Hosted {
    let token = service("DAYFLY_TEST_DBLAB_TOKEN");
    let standin = StandIn::new("DBLAB", ("Verification-Token", token.clone()));
    standin.control(&json!({"source": SEED}));
    let lab = Lab::new(policy, &baselines(&standin, "synthetic: {by: seeds}"), &[("DBLAB_VERIFICATION_TOKEN", &token)]);
    Hosted::new(lab, standin, &[&token], |state| state["clones"].as_array().unwrap().clone())
}

fn id(engine: &Hosted, number: u32) -> String {
    let environment = engine.lab.environment(number);
    let (policy, _) = environment.split_once("-pr-").unwrap();
    format!("dayfly.{policy}.{environment}.main")
}

#[test]
fn the_whole_way() {
    let hosted = engine("dblab-way");
    let (one, _) = hosted.two_previews("ALTER TABLE users ADD mail text", &["DBLAB_VERIFICATION_TOKEN"]);
    assert_eq!(psql(&one, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user").unwrap(), "f");
    hosted.lost_credentials();
    let list = hosted.listed_and_swept();
    assert_eq!(list[0]["owner"], "dayfly:dblab-way:dblab-way-pr-1");
    assert_eq!(list[0]["baseline"], "dblab/main/postgres");
    assert!(list[0]["expires"].is_string() && list[0]["complete"] == true, "{list}");
    hosted.gone();
}

#[test]
fn a_failed_migration_gets_a_clean_clone_with_the_same_login() {
    let engine = engine("dblab-reset");
    let (before, after) = engine.failed_migration();
    assert_eq!(after, before);
    assert_eq!(engine.standin.requests("POST", "/reset"), 1);
    assert_eq!(engine.standin.requests("DELETE", ""), 0);
}

#[test]
fn a_rotated_password_works_until_the_next_and_is_found_again() {
    let engine = engine("dblab-rotate");
    let Hosted { lab, standin, .. } = &engine;
    lab.spec(1, "shop", MIGRATE);
    lab.db("provision", 1, &[]).fine();
    let first = lab.url(1);
    let session = Idle::of(&first);
    let said = lab.db("provision", 1, &["--rotate"]).fine().err;
    let second = lab.url(1);
    assert!(first != second && !said.contains(second.split([':', '@']).nth(2).unwrap()), "{said}");
    assert!(psql(&first, "SELECT 1").unwrap_err().contains("authentication failed"));
    session.ended();
    // Kept, and found again, also if the last call was killed before it wrote it down.
    lab.db("provision", 1, &[]).fine();
    assert_eq!(lab.url(1), second);
    let text = fs::read_to_string(lab.env_file(1)).unwrap();
    fs::remove_file(lab.env_file(1)).unwrap();
    lab.db("provision", 1, &[]).fine();
    assert_eq!(lab.url(1), second);
    lab.db("provision", 1, &["--rotate"]).fine();
    let third = lab.url(1);
    fs::write(lab.env_file(1), text).unwrap();
    lab.db("provision", 1, &[]).fine();
    let fourth = lab.url(1);
    assert!(psql(&third, "SELECT 1").is_err() && psql(&fourth, "SELECT 1").is_ok());
    // The engine resets a clone to its first password: whoever had that is out again.
    let script = "psql \"$DATABASE_URL\" -qc 'CREATE TABLE half (id int)' && test -e ok || { touch ok; false; }";
    lab.db("migrate", 1, &["--", "sh", "-c", script]).fine();
    let fifth = lab.url(1);
    assert!(![&first, &second, &third, &fourth].contains(&&fifth));
    assert_eq!(psql(&fifth, "SELECT count(*) FROM half").unwrap(), "0");
    assert!(psql(&first, "SELECT 1").unwrap_err().contains("authentication failed"));

    // Changed by somebody, and nobody's to know.
    let user = fifth.split("//").nth(1).unwrap().split(':').next().unwrap();
    psql(&fifth, &format!("ALTER ROLE {user} PASSWORD 'mine'")).unwrap();
    fs::remove_file(lab.env_file(1)).unwrap();
    lab.db("provision", 1, &[]).refused("`dayfly db destroy`, then `provision`");
    lab.db("destroy", 1, &[]).fine();
    lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&lab.url(1), "SELECT * FROM users").unwrap(), "1|ada");
    standin.held_to_the_document();
}

#[test]
fn a_login_is_revoked_before_its_clone_goes() {
    engine("dblab-revoked").revoked_first("DELETE /clone/*");
}

#[test]
fn a_clone_that_is_not_ours_is_never_touched() {
    let engine = engine("dblab-foreign");
    let foreign = json!({"id": id(&engine, 1), "protected": false, "db": {"username": "ada", "password": "correct horse battery staple", "db_name": "postgres"}});
    engine.standin.call("POST", "/clone", Some(&foreign));
    engine.not_ours();
    assert_eq!(engine.branches()[0]["db"]["username"], "ada");
    assert_eq!(engine.standin.requests("DELETE", "") + engine.standin.requests("PATCH", ""), 0);
}

#[test]
fn a_lease_is_renewed_and_a_clone_without_one_is_made_anew() {
    let engine = engine("dblab-lease");
    let Hosted { lab, standin, .. } = &engine;
    lab.db("provision", 1, &[]).fine();
    assert_eq!(engine.branches()[0]["protected"], true);
    standin.control(&json!({"unprotect": id(&engine, 1)}));
    thread::sleep(Duration::from_millis(300));
    assert_eq!(engine.branches()[0]["protected"], false);
    lab.db("renew", 1, &[]).fine();
    standin.control(&json!({"idle": id(&engine, 1)}));
    thread::sleep(Duration::from_millis(300));
    assert_eq!(engine.branches()[0]["protected"], true);
    // The engine allows less than is asked for.
    standin.control(&json!({"set": {"protection_max_minutes": 60}}));
    assert!(lab.db("renew", 1, &[]).fine().err.contains("protectionMaxDurationMinutes"));
    // And one that went by itself.
    let before = lab.url(1);
    standin.control(&json!({"unprotect": id(&engine, 1)}));
    thread::sleep(Duration::from_millis(300));
    assert!(engine.branches().is_empty());
    lab.db("provision", 1, &[]).fine();
    assert_ne!(lab.url(1), before);
    assert_eq!(psql(&lab.url(1), "SELECT * FROM users").unwrap(), "1|ada");
    standin.held_to_the_document();
}

#[test]
fn faults_on_the_way_leave_one_clone() {
    let engine = engine("dblab-faults");
    let Hosted { lab, standin, .. } = &engine;
    standin.fault(&json!({"match": "POST /clone", "lose_answer": true}));
    standin.fault(&json!({"match": "GET /clone/*", "status": 503, "times": 2}));
    standin.fault(&json!({"match": "GET /clone/*", "status": 429}));
    lab.db("provision", 1, &[]).fine();
    standin.fault(&json!({"match": "POST /clone", "status": 500}));
    standin.fault(&json!({"match": "POST /clone", "status": 409, "message": "clone with such ID already exists"}));
    lab.db("provision", 2, &[]).fine();
    assert_eq!(engine.branches().len(), 2);
    standin.fault(&json!({"match": "PATCH /clone/*", "lose_answer": true}));
    lab.db("renew", 1, &[]).fine();
    standin.fault(&json!({"match": "DELETE /clone/*", "lose_answer": true}));
    lab.db("destroy", 1, &[]).fine();
    lab.db("destroy", 2, &[]).fine();
    assert!(engine.branches().is_empty());

    // A refusal is passed on, in the engine's own words.
    standin.fault(&json!({"match": "POST /clone", "status": 400, "message": "branch not found"}));
    let said = lab.db("provision", 1, &[]);
    assert_eq!(said.code, Some(2), "{}", said.err);
    assert!(said.err.contains("branch not found") && said.err.contains("`main`"), "{}", said.err);
    standin.held_to_the_document();
}

#[test]
fn full_engines_and_failing_clones_say_so() {
    let engine = engine("dblab-full");
    let Hosted { lab, standin, .. } = &engine;
    standin.control(&json!({"set": {"ports": 1}}));
    lab.db("provision", 1, &[]).fine();
    let said = lab.db("provision", 2, &[]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("it runs 1 clones, 1 of them dayfly's") && said.err.contains("portPool"), "{}", said.err);
    lab.db("destroy", 1, &[]).fine();

    standin.control(&json!({"set": {"ports": 9, "create_fails": true, "create_seconds": 0.1}}));
    let said = lab.db("provision", 1, &[]);
    assert_eq!(said.code, Some(2));
    assert!(said.err.contains("failed 4 times: Cloning failure."), "{}", said.err);
    assert!(engine.branches().is_empty());
    standin.held_to_the_document();
}

#[test]
fn a_branch_that_went_is_not_waited_for() {
    let engine = engine("dblab-went");
    let lab = &engine.lab;
    lab.db("provision", 1, &[]).fine();
    // As if its server were on its way down: there is a clone, and nobody answers.
    let port = lab.url(1).rsplit_once(':').unwrap().1.split('/').next().unwrap().to_owned();
    let text = fs::read_to_string(lab.env_file(1)).unwrap();
    fs::write(lab.env_file(1), text.replace(&format!(":{port}/"), ":1/")).unwrap();
    let step = ["--", "true"];
    let mut jobs = [lab.told("provision", 1, &[]), lab.told("migrate", 1, &step)];
    for (said, job) in &mut jobs {
        while !said().contains("waiting for postgres") {
            assert!(job.try_wait().unwrap().is_none(), "{}", said());
            thread::sleep(Duration::from_millis(50));
        }
    }
    lab.db("destroy", 1, &[]).fine();
    for (said, job) in &mut jobs {
        assert_eq!(job.wait().unwrap().code(), Some(2), "{}", said());
        assert!(said().contains("is gone already: call this again"), "{}", said());
    }
    engine.standin.held_to_the_document();
}

#[test]
fn killed_and_raced_calls_end_the_same() {
    engine("dblab-killed").killed_and_raced(&[30, 120, 300, 600, 900, 1400]);
}

#[test]
fn a_prepared_baseline_is_a_snapshot_and_only_that_is_cloned() {
    let engine = engine("dblab-baseline");
    let Hosted { lab, standin, .. } = &engine;
    lab.guardrails(&baselines(standin, "sanitized: {by: masking-job, maxAge: 2d}"), "");
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).refused("was never prepared");
    assert!(engine.branches().is_empty(), "what may hold live data does not stay");
    lab.prepare_baseline(&[]).fine();
    assert!(engine.branches().is_empty());
    lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&lab.url(1), "SELECT made_by FROM dayfly.baseline").unwrap(), "masking-job");
    standin.held_to_the_document();
}

#[test]
fn a_baseline_that_cannot_be_prepared_leaves_no_clone() {
    let engine = engine("dblab-unprepared");
    let records = "CREATE SCHEMA dayfly_branch; CREATE TABLE dayfly_branch.runs (x int)";
    engine.standin.control(&json!({"source": records}));
    engine.lab.prepare_baseline(&[]).refused("has the records of a branch");
    assert!(engine.branches().is_empty());
    engine.standin.held_to_the_document();
}

#[test]
fn a_key_that_is_refused_is_named() {
    let engine = engine("dblab-key");
    let baselines = baselines(&engine.standin, "synthetic: {by: seeds}");
    let lab = Lab::new("dblab-key2", &baselines, &[("DBLAB_VERIFICATION_TOKEN", "not-this-one")]);
    lab.a_refused_key_is_named("dblab", "DBLAB_VERIFICATION_TOKEN");
}

#[test]
fn installations_leave_each_others_clones_alone() {
    let engine = engine("dblab-shared");
    engine.lab.two_installations(&baselines(&engine.standin, "synthetic: {by: seeds}"));
    engine.standin.held_to_the_document();
}
