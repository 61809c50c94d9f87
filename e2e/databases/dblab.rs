//! The `DBLab` Engine: its API held to its document, and a real server behind each clone. One test at a time has the stand-in.

use std::{fs, sync::Mutex, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    lab::{Lab, MIGRATE, output, service},
    psql::psql,
    standin::StandIn,
};

static ALONE: Mutex<()> = Mutex::new(());

const SEED: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'ada')";

struct Engine {
    lab: Lab,
    standin: StandIn,
}

fn baselines(safe: &str) -> String {
    let api = service("DAYFLY_TEST_DBLAB");
    format!(
        "shop: {{provider: dblab, api: '{api}', parent: main, database: postgres, {safe}, endpoint: {{cidrs: [10.0.0.0/8], port: 6000}}, lastPort: 6099}}"
    )
}

fn engine(policy: &str) -> Engine {
    let token = service("DAYFLY_TEST_DBLAB_TOKEN");
    let standin = StandIn::new("DBLAB", ("Verification-Token", token.clone()), &ALONE);
    standin.control(&json!({"source": SEED}));
    let lab = Lab::new(policy, &baselines("synthetic: {by: seeds}"), &[("DBLAB_VERIFICATION_TOKEN", &token)]);
    for number in [1, 2] {
        lab.spec(number, "shop", "");
    }
    Engine { lab, standin }
}

impl Engine {
    fn clones(&self) -> Vec<Value> {
        self.standin.state()["clones"].as_array().unwrap().clone()
    }

    fn id(&self, number: u32) -> String {
        let environment = self.lab.environment(number);
        let (policy, _) = environment.split_once("-pr-").unwrap();
        format!("dayfly.{policy}.{environment}.main")
    }
}

#[test]
fn the_whole_way() {
    let engine = engine("dblab-way");
    let Engine { lab, standin } = &engine;
    lab.spec(1, "shop", MIGRATE);
    let said = lab.db("provision", 1, &[]).fine().err;
    lab.db("provision", 2, &[]).fine();
    let (one, two) = (lab.url(1), lab.url(2));
    let password = one.split([':', '@']).nth(2).unwrap();
    assert!(!said.contains(password) && !said.contains(&service("DAYFLY_TEST_DBLAB_TOKEN")), "{said}");
    lab.db("verify", 1, &[]).refused("`migrate` has not run");
    let migrate = [
        "--",
        "sh",
        "-c",
        "psql \"$DATABASE_URL\" -qc 'ALTER TABLE users ADD mail text' && test -z \"$DBLAB_VERIFICATION_TOKEN\"",
    ];
    lab.db("migrate", 1, &migrate).fine();
    lab.db("verify", 1, &[]).fine();

    // A second time changes nothing; the other environment has a server of its own.
    lab.db("provision", 1, &[]).fine();
    assert_eq!(lab.url(1), one);
    psql(&one, "INSERT INTO users VALUES (2, 'grace', 'g@example.com')").unwrap();
    assert_eq!(psql(&two, "SELECT * FROM users").unwrap(), "1|ada");
    let login = one.split_once("://").unwrap().1.rsplit_once('@').unwrap().0;
    let elsewhere = two.replace(two.split_once("://").unwrap().1.rsplit_once('@').unwrap().0, login);
    assert!(psql(&elsewhere, "SELECT 1").unwrap_err().contains("authentication failed"));
    assert_eq!(psql(&one, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user").unwrap(), "f");

    lab.db("provision", 1, &["--rotate"]).refused("keeps a branch's password");
    // A lost file gives the same clone, with its data.
    fs::remove_file(lab.env_file(1)).unwrap();
    lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");

    let list = lab.dayfly(&["db", "list", "--guardrails", &lab.guardrails_path(), "-o", "json"]).fine().out;
    let list: Value = serde_json::from_str(&list).unwrap();
    let environments: Vec<&str> = list.as_array().unwrap().iter().map(|b| b["environment"].as_str().unwrap()).collect();
    assert_eq!(environments, ["dblab-way-pr-1", "dblab-way-pr-2"]);
    assert_eq!(list[0]["owner"], "dayfly:dblab-way:dblab-way-pr-1");
    assert_eq!(list[0]["baseline"], "dblab/main/postgres");
    assert!(list[0]["expires"].is_string() && list[0]["complete"] == true, "{list}");

    let alive = lab.path("alive");
    fs::write(&alive, "dblab-way-pr-1\n").unwrap();
    lab.dayfly(&["db", "sweep", "--guardrails", &lab.guardrails_path(), "--alive", alive.to_str().unwrap(), "--apply"])
        .fine();
    assert_eq!(engine.clones().len(), 1);
    assert!(psql(&two, "SELECT 1").is_err());
    for _ in 0..2 {
        lab.db("destroy", 1, &[]).fine();
    }
    assert!(engine.clones().is_empty());
    assert!(psql(&one, "SELECT 1").is_err());
    assert!(!lab.env_file(1).exists());
    standin.held_to_the_document();
}

#[test]
fn a_failed_migration_gets_a_clean_clone_with_the_same_login() {
    let engine = engine("dblab-reset");
    let lab = &engine.lab;
    lab.spec(1, "shop", MIGRATE);
    lab.db("provision", 1, &[]).fine();
    let before = lab.url(1);
    let script = "psql \"$DATABASE_URL\" -qc 'CREATE TABLE half (id int)' && test -e ok || { touch ok; false; }";
    lab.db("migrate", 1, &["--", "sh", "-c", script]).fine();
    assert_eq!(lab.url(1), before);
    assert_eq!(psql(&before, "SELECT count(*) FROM half").unwrap(), "0");
    assert_eq!(engine.standin.requests("POST", "/reset"), 1);
    assert_eq!(engine.standin.requests("DELETE", ""), 0);
    engine.standin.held_to_the_document();
}

#[test]
fn a_clone_that_is_not_ours_is_never_touched() {
    let engine = engine("dblab-foreign");
    let foreign = json!({"id": engine.id(1), "protected": false, "db": {"username": "ada", "password": "correct horse battery staple", "db_name": "postgres"}});
    engine.standin.call("POST", "/clone", Some(&foreign));
    for command in ["provision", "renew", "destroy"] {
        engine
            .lab
            .db(command, 1, &[])
            .refused("is not of dayfly:dblab-foreign:dblab-foreign-pr-1: nothing was changed");
    }
    let sweep = ["db", "sweep", "--guardrails", &engine.lab.guardrails_path(), "--alive", "/dev/null", "--apply"];
    engine.lab.dayfly(&sweep).fine();
    assert_eq!(engine.clones()[0]["db"]["username"], "ada");
    assert_eq!(engine.standin.requests("DELETE", "") + engine.standin.requests("PATCH", ""), 0);
    engine.standin.held_to_the_document();
}

#[test]
fn a_lease_is_renewed_and_a_clone_without_one_is_made_anew() {
    let engine = engine("dblab-lease");
    let Engine { lab, standin } = &engine;
    lab.db("provision", 1, &[]).fine();
    assert_eq!(engine.clones()[0]["protected"], true);
    standin.control(&json!({"unprotect": engine.id(1)}));
    thread::sleep(Duration::from_millis(300));
    assert_eq!(engine.clones()[0]["protected"], false);
    lab.db("renew", 1, &[]).fine();
    standin.control(&json!({"idle": engine.id(1)}));
    thread::sleep(Duration::from_millis(300));
    assert_eq!(engine.clones()[0]["protected"], true);
    // The engine allows less than is asked for.
    standin.control(&json!({"set": {"protection_max_minutes": 60}}));
    assert!(lab.db("renew", 1, &[]).fine().err.contains("protectionMaxDurationMinutes"));
    // And one that went by itself.
    let before = lab.url(1);
    standin.control(&json!({"unprotect": engine.id(1)}));
    thread::sleep(Duration::from_millis(300));
    assert!(engine.clones().is_empty());
    lab.db("provision", 1, &[]).fine();
    assert_ne!(lab.url(1), before);
    assert_eq!(psql(&lab.url(1), "SELECT * FROM users").unwrap(), "1|ada");
    standin.held_to_the_document();
}

#[test]
fn faults_on_the_way_leave_one_clone() {
    let engine = engine("dblab-faults");
    let Engine { lab, standin } = &engine;
    standin.fault(&json!({"match": "POST /clone", "lose_answer": true}));
    standin.fault(&json!({"match": "GET /clone/*", "status": 503, "times": 2}));
    standin.fault(&json!({"match": "GET /clone/*", "status": 429}));
    lab.db("provision", 1, &[]).fine();
    standin.fault(&json!({"match": "POST /clone", "status": 500}));
    standin.fault(&json!({"match": "POST /clone", "status": 409, "message": "clone with such ID already exists"}));
    lab.db("provision", 2, &[]).fine();
    assert_eq!(engine.clones().len(), 2);
    standin.fault(&json!({"match": "PATCH /clone/*", "lose_answer": true}));
    lab.db("renew", 1, &[]);
    standin.fault(&json!({"match": "DELETE /clone/*", "lose_answer": true}));
    lab.db("destroy", 1, &[]).fine();
    lab.db("destroy", 2, &[]).fine();
    assert!(engine.clones().is_empty());

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
    let Engine { lab, standin } = &engine;
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
    assert!(engine.clones().is_empty());
    standin.held_to_the_document();
}

#[test]
fn killed_and_raced_calls_end_the_same() {
    let engine = engine("dblab-killed");
    let lab = &engine.lab;
    for milliseconds in [30, 120, 300, 600, 900, 1400] {
        let mut child = lab.start("provision", 1, &[]);
        thread::sleep(Duration::from_millis(milliseconds));
        let _ = child.kill();
        child.wait().unwrap();
    }
    let racing: Vec<_> = (0..3).map(|_| lab.start("provision", 1, &[])).collect();
    for child in racing {
        output(child.wait_with_output().unwrap()).fine();
    }
    assert_eq!(engine.clones().len(), 1);
    assert_eq!(psql(&lab.url(1), "SELECT * FROM users").unwrap(), "1|ada");
    let mut child = lab.start("destroy", 1, &[]);
    thread::sleep(Duration::from_millis(60));
    let _ = child.kill();
    child.wait().unwrap();
    lab.db("destroy", 1, &[]).fine();
    assert!(engine.clones().is_empty());
    engine.standin.held_to_the_document();
}

#[test]
fn a_prepared_baseline_is_a_snapshot_and_only_that_is_cloned() {
    let engine = engine("dblab-baseline");
    let Engine { lab, standin } = &engine;
    lab.guardrails(&baselines("sanitized: {by: masking-job, maxAge: 2d}"), "");
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).refused("was never prepared");
    assert!(engine.clones().is_empty(), "what may hold live data does not stay");
    lab.dayfly(&["db", "prepare-baseline", "--guardrails", &lab.guardrails_path(), "shop"]).fine();
    assert!(engine.clones().is_empty());
    lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&lab.url(1), "SELECT made_by FROM dayfly.baseline").unwrap(), "masking-job");
    standin.held_to_the_document();
}
