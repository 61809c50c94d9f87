//! Supabase: its Management API held to its document, and a real server behind each branch.

use std::{fs, sync::Mutex, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    lab::{Lab, MIGRATE, output, service},
    psql::psql,
    standin::StandIn,
};

static ALONE: Mutex<()> = Mutex::new(());

const LEDGER: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'ada')";

struct Project {
    lab: Lab,
    standin: StandIn,
}

fn baselines(safe: &str) -> String {
    let (api, project) = (service("DAYFLY_TEST_SUPABASE"), service("DAYFLY_TEST_SUPABASE_PROJECT"));
    format!("shop: {{provider: supabase, api: '{api}', project: {project}, {safe}}}")
}

fn project(policy: &str) -> Project {
    let token = service("DAYFLY_TEST_SUPABASE_TOKEN");
    let standin = StandIn::new("SUPABASE", ("Authorization", format!("Bearer {token}")), &ALONE);
    standin.set(&json!({"migrations": LEDGER}));
    let lab = Lab::new(policy, &baselines("synthetic: {by: seeds}"), &[("SUPABASE_ACCESS_TOKEN", &token)]);
    for number in [1, 2] {
        lab.spec(number, "shop", "");
    }
    Project { lab, standin }
}

impl Project {
    /// All branches but the project's own.
    fn branches(&self) -> Vec<Value> {
        let state = self.standin.state();
        let branches = state["branches"].as_array().unwrap().iter();
        branches.filter(|branch| branch["is_default"] == false).cloned().collect()
    }

    fn name(&self, number: u32) -> String {
        let spec = fs::read_to_string(self.lab.path(&format!("pr-{number}")).join("spec.json")).unwrap();
        serde_json::from_str::<Value>(&spec).unwrap()["names"]["branch"].as_str().unwrap().to_owned()
    }

    fn branches_path() -> String {
        format!("/v1/projects/{}/branches", service("DAYFLY_TEST_SUPABASE_PROJECT"))
    }
}

#[test]
fn the_whole_way() {
    let project = project("supa-way");
    let Project { lab, standin } = &project;
    lab.spec(1, "shop", MIGRATE);
    let said = lab.db("provision", 1, &[]).fine().err;
    lab.db("provision", 2, &[]).fine();
    let (one, two) = (lab.url(1), lab.url(2));
    let password = one.split([':', '@']).nth(2).unwrap();
    assert!(!said.contains(password) && !said.contains(&service("DAYFLY_TEST_SUPABASE_TOKEN")), "{said}");
    assert!(project.branches().iter().all(|branch| branch["with_data"] == false));
    let script = "psql \"$DATABASE_URL\" -qc 'ALTER TABLE users ADD mail text' && test -z \"$SUPABASE_ACCESS_TOKEN\"";
    lab.db("migrate", 1, &["--", "sh", "-c", script]).fine();
    lab.db("verify", 1, &[]).fine();

    lab.db("provision", 1, &[]).fine();
    assert_eq!(lab.url(1), one);
    psql(&one, "INSERT INTO users VALUES (2, 'grace', 'g@example.com')").unwrap();
    assert_eq!(psql(&two, "SELECT * FROM users").unwrap(), "1|ada");
    fs::remove_file(lab.env_file(1)).unwrap();
    lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
    lab.db("renew", 1, &[]).fine();

    let list = lab.dayfly(&["db", "list", "--guardrails", &lab.guardrails_path(), "-o", "json"]).fine().out;
    let list: Value = serde_json::from_str(&list).unwrap();
    let environments: Vec<&str> = list.as_array().unwrap().iter().map(|b| b["environment"].as_str().unwrap()).collect();
    assert_eq!(environments, ["supa-way-pr-1", "supa-way-pr-2"]);
    assert_eq!(list[0]["owner"], "dayfly:supa-way:supa-way-pr-1");

    let alive = lab.path("alive");
    fs::write(&alive, "supa-way-pr-1\n").unwrap();
    let sweep = ["db", "sweep", "--guardrails", &lab.guardrails_path(), "--alive", alive.to_str().unwrap(), "--apply"];
    lab.dayfly(&sweep).fine();
    assert_eq!(project.branches().len(), 1);
    assert!(psql(&two, "SELECT 1").is_err());
    for _ in 0..2 {
        lab.db("destroy", 1, &[]).fine();
    }
    assert!(project.branches().is_empty());
    assert!(psql(&one, "SELECT 1").is_err() && !lab.env_file(1).exists());
    standin.held_to_the_document();
}

#[test]
fn a_failed_migration_is_replayed_with_the_same_login() {
    let project = project("supa-reset");
    let lab = &project.lab;
    lab.spec(1, "shop", MIGRATE);
    lab.db("provision", 1, &[]).fine();
    let before = lab.url(1);
    let script = "psql \"$DATABASE_URL\" -qc 'CREATE TABLE half (id int)' && test -e ok || { touch ok; false; }";
    project.standin.fault(&json!({"match": "POST */reset", "status": 502}));
    lab.db("migrate", 1, &["--", "sh", "-c", script]).fine();
    assert_eq!(lab.url(1), before);
    assert_eq!(psql(&before, "SELECT count(*) FROM half").unwrap(), "0");
    assert_eq!(project.standin.requests("DELETE", ""), 0);
    project.standin.held_to_the_document();
}

#[test]
fn a_branch_that_is_not_ours_is_never_touched() {
    let project = project("supa-foreign");
    let Project { lab, standin } = &project;
    standin.call(
        "POST",
        &Project::branches_path(),
        Some(&json!({"branch_name": project.name(1), "git_branch": "feature/x"})),
    );
    for command in ["provision", "renew", "destroy"] {
        lab.db(command, 1, &[]).refused("is not of dayfly:supa-foreign:supa-foreign-pr-1: nothing was changed");
    }
    lab.dayfly(&["db", "sweep", "--guardrails", &lab.guardrails_path(), "--alive", "/dev/null", "--apply"]).fine();
    assert_eq!(project.branches().len(), 1);
    assert_eq!(standin.requests("DELETE", "") + standin.requests("PATCH", ""), 0);
    standin.held_to_the_document();
}

#[test]
fn data_is_copied_only_where_the_baseline_says_that_it_is_masked() {
    let project = project("supa-data");
    let Project { lab, standin } = &project;
    standin.control(&json!({"project": "CREATE TABLE people (mail text); INSERT INTO people VALUES ('a@corp.test')"}));
    lab.db("provision", 1, &[]).fine();
    assert!(psql(&lab.url(1), "SELECT * FROM people").unwrap_err().contains("does not exist"));
    lab.guardrails(&baselines("schemaOnly: true"), "");
    lab.spec(2, "shop", "");
    lab.db("provision", 2, &[]).refused("has rows");
    lab.guardrails(&baselines("sanitized: {by: masking-job, maxAge: 2d}"), "");
    lab.spec(2, "shop", "");
    lab.db("provision", 2, &[]).refused("was never prepared");
    assert_eq!(project.branches().len(), 1, "what may hold live data does not stay");
    let marker = "CREATE SCHEMA dayfly; CREATE TABLE dayfly.baseline (statement text, made_by text, made_at text, schema_digest text);
        INSERT INTO dayfly.baseline SELECT 'x', 'masking-job', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), encode(sha256(convert_to(E'public\\tpeople\\tmail\\ttext\\n', 'UTF8')), 'hex')";
    standin.control(&json!({"project": marker}));
    lab.db("provision", 2, &[]).fine();
    assert_eq!(psql(&lab.url(2), "SELECT * FROM people").unwrap(), "a@corp.test");
    standin.held_to_the_document();
}

#[test]
fn faults_on_the_way_leave_one_branch() {
    let project = project("supa-faults");
    let Project { lab, standin } = &project;
    let fault = |matching: &str, mut fault: Value| {
        fault["match"] = matching.into();
        standin.fault(&fault);
    };
    fault("POST */branches", json!({"lose_answer": true}));
    fault("GET */branches/*", json!({"status": 503, "times": 2}));
    fault("GET */branches/*", json!({"status": 429}));
    lab.db("provision", 1, &[]).fine();
    fault("POST */branches", json!({"status": 500}));
    fault("POST */branches", json!({"status": 423}));
    fault("POST */branches", json!({"status": 409}));
    lab.db("provision", 2, &[]).fine();
    assert_eq!(project.branches().len(), 2);
    fault("DELETE */branches/*", json!({"lose_answer": true}));
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
    let project = project("supa-killed");
    let lab = &project.lab;
    for milliseconds in [30, 150, 400, 800, 1300] {
        let mut child = lab.start("provision", 1, &[]);
        thread::sleep(Duration::from_millis(milliseconds));
        let _ = child.kill();
        child.wait().unwrap();
    }
    let racing: Vec<_> = (0..3).map(|_| lab.start("provision", 1, &[])).collect();
    for child in racing {
        output(child.wait_with_output().unwrap()).fine();
    }
    assert_eq!(project.branches().len(), 1);
    assert_eq!(psql(&lab.url(1), "SELECT * FROM users").unwrap(), "1|ada");
    lab.db("destroy", 1, &[]).fine();
    assert!(project.branches().is_empty());
    project.standin.held_to_the_document();
}
