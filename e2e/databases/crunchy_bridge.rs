//! Crunchy Bridge: what the vendor's own clients send and read, and a real server behind each fork.

use std::{fs, sync::Mutex, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    lab::{Lab, MIGRATE, output, service},
    psql::psql,
    standin::StandIn,
};

static ALONE: Mutex<()> = Mutex::new(());

const SEED: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'ada')";

struct Team {
    lab: Lab,
    standin: StandIn,
    parent: String,
}

fn team(policy: &str) -> Team {
    let key = service("DAYFLY_TEST_CRUNCHY_BRIDGE_KEY");
    let standin = StandIn::new("CRUNCHY_BRIDGE", ("Authorization", format!("Bearer {key}")), &ALONE);
    let state = standin.control(&json!({"source": SEED}));
    let parent = state["clusters"][0]["id"].as_str().unwrap().to_owned();
    let baselines = format!(
        "shop: {{provider: crunchy-bridge, api: '{}', project: {}, parent: {parent}, database: postgres, size: hobby-2, synthetic: {{by: seeds}}}}",
        standin.api,
        service("DAYFLY_TEST_CRUNCHY_BRIDGE_TEAM"),
    );
    let lab = Lab::new(policy, &baselines, &[("CRUNCHY_BRIDGE_API_KEY", &key)]);
    for number in [1, 2] {
        lab.spec(number, "shop", "");
    }
    Team { lab, standin, parent }
}

impl Team {
    fn forks(&self) -> Vec<Value> {
        let state = self.standin.state();
        let clusters = state["clusters"].as_array().unwrap().iter();
        clusters.filter(|cluster| cluster["id"] != self.parent.as_str()).cloned().collect()
    }

    fn name(&self, number: u32) -> String {
        let environment = self.lab.environment(number);
        format!("dayfly.{}.{environment}.main", environment.split_once("-pr-").unwrap().0)
    }
}

fn login(url: &str) -> &str {
    url.split_once("://").unwrap().1.rsplit_once('@').unwrap().0
}

#[test]
fn the_whole_way() {
    let team = team("bridge-way");
    let Team { lab, standin, .. } = &team;
    lab.spec(1, "shop", MIGRATE);
    let said = lab.db("provision", 1, &[]).fine().err;
    lab.db("provision", 2, &[]).fine();
    let (one, two) = (lab.url(1), lab.url(2));
    let password = login(&one).split_once(':').unwrap().1;
    assert!(!said.contains(password) && !said.contains(&service("DAYFLY_TEST_CRUNCHY_BRIDGE_KEY")), "{said}");
    let script = "psql \"$DATABASE_URL\" -qc 'ALTER TABLE users ADD mail text' && test -z \"$CRUNCHY_BRIDGE_API_KEY\"";
    lab.db("migrate", 1, &["--", "sh", "-c", script]).fine();
    lab.db("verify", 1, &[]).fine();

    lab.db("provision", 1, &[]).fine();
    assert_eq!(lab.url(1), one);
    psql(&one, "INSERT INTO users VALUES (2, 'grace', 'g@example.com')").unwrap();
    assert_eq!(psql(&two, "SELECT * FROM users").unwrap(), "1|ada");
    let elsewhere = two.replace(login(&two), login(&one));
    assert!(psql(&elsewhere, "SELECT 1").unwrap_err().contains("authentication failed"));
    let rights = "SELECT rolsuper, rolvaliduntil > now() + '1 day' FROM pg_roles WHERE rolname = session_user";
    assert_eq!(psql(&one, rights).unwrap(), "f|t");
    fs::remove_file(lab.env_file(1)).unwrap();
    lab.db("provision", 1, &[]).fine();
    assert!(psql(&one, "SELECT 1").unwrap_err().contains("authentication failed"));
    assert_eq!(psql(&lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
    lab.db("renew", 1, &[]).fine();

    let list = lab.dayfly(&["db", "list", "--guardrails", &lab.guardrails_path(), "-o", "json"]).fine().out;
    let list: Value = serde_json::from_str(&list).unwrap();
    let environments: Vec<&str> = list.as_array().unwrap().iter().map(|b| b["environment"].as_str().unwrap()).collect();
    assert_eq!(environments, ["bridge-way-pr-1", "bridge-way-pr-2"]);
    assert_eq!(list[0]["cost"], "plan hobby-2");

    let alive = lab.path("alive");
    fs::write(&alive, "bridge-way-pr-1\n").unwrap();
    let sweep = ["db", "sweep", "--guardrails", &lab.guardrails_path(), "--alive", alive.to_str().unwrap(), "--apply"];
    lab.dayfly(&sweep).fine();
    assert_eq!(team.forks().len(), 1);

    // The login is barred, and its session ended, before the cluster goes.
    let url = lab.url(1);
    let session = thread::spawn(move || psql(&url, "SELECT pg_sleep(30)"));
    thread::sleep(Duration::from_millis(500));
    lab.db("destroy", 1, &[]).fine();
    assert!(session.join().unwrap().unwrap_err().contains("terminating connection due to administrator command"));
    lab.db("destroy", 1, &[]).fine();
    assert!(team.forks().is_empty() && !lab.env_file(1).exists());
    standin.held_to_the_document();
}

#[test]
fn a_failed_migration_gets_a_clean_fork() {
    let team = team("bridge-reset");
    team.lab.spec(1, "shop", MIGRATE);
    team.lab.db("provision", 1, &[]).fine();
    let script = "psql \"$DATABASE_URL\" -qc 'CREATE TABLE half (id int)' && test -e ok || { touch ok; false; }";
    team.lab.db("migrate", 1, &["--", "sh", "-c", script]).fine();
    assert_eq!(psql(&team.lab.url(1), "SELECT count(*) FROM half").unwrap(), "0");
    assert_eq!(team.forks().len(), 1);
    team.standin.held_to_the_document();
}

#[test]
fn clusters_without_the_mark_are_never_touched() {
    let team = team("bridge-foreign");
    let Team { lab, standin, parent } = &team;
    let forks = format!("/clusters/{parent}/forks");
    for name in ["bridge-foreign-pr-1", "dayfly", &team.name(1).replace("dayfly.", "Dayfly.")] {
        standin.call("POST", &forks, Some(&json!({"name": name})));
    }
    lab.db("provision", 1, &[]).fine();
    assert_eq!(team.forks().len(), 4);
    lab.db("destroy", 1, &[]).fine();
    lab.dayfly(&["db", "sweep", "--guardrails", &lab.guardrails_path(), "--alive", "/dev/null", "--apply"]).fine();
    assert_eq!(team.forks().len(), 3);
    assert_eq!(standin.requests("DELETE", ""), 1);
    standin.held_to_the_document();
}

#[test]
fn faults_on_the_way_leave_one_fork() {
    let team = team("bridge-faults");
    let Team { lab, standin, .. } = &team;
    let fault = |matching: &str, mut fault: Value| {
        fault["match"] = matching.into();
        standin.fault(&fault);
    };
    fault("POST */forks", json!({"lose_answer": true}));
    fault("GET */status", json!({"status": 503, "times": 2}));
    fault("GET /clusters", json!({"status": 429}));
    lab.db("provision", 1, &[]).fine();
    fault("POST */forks", json!({"status": 500}));
    fault("POST */forks", json!({"status": 423}));
    lab.db("provision", 2, &[]).fine();
    assert_eq!(team.forks().len(), 2);
    fault("DELETE /clusters/*", json!({"lose_answer": true}));
    lab.db("destroy", 1, &[]).fine();
    fault("POST */forks", json!({"status": 400, "message": "the team's limit"}));
    let run = lab.db("provision", 1, &[]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.err.contains("the team has 2 clusters, 1 of them dayfly's") && run.err.contains("the team's limit"),
        "{}",
        run.err
    );
    standin.held_to_the_document();
}

#[test]
fn killed_and_raced_calls_end_the_same() {
    let team = team("bridge-killed");
    let lab = &team.lab;
    for milliseconds in [30, 150, 400, 800, 1400] {
        let mut child = lab.start("provision", 1, &[]);
        thread::sleep(Duration::from_millis(milliseconds));
        let _ = child.kill();
        child.wait().unwrap();
    }
    lab.db("provision", 1, &[]).fine();
    assert_eq!(team.forks().len(), 1);
    lab.db("destroy", 1, &[]).fine();
    assert!(team.forks().is_empty());
    // Names need not be unique there: all but one of the forks that a race makes are removed again.
    let racing: Vec<_> = (0..3).map(|_| lab.start("provision", 1, &[])).collect();
    for child in racing {
        output(child.wait_with_output().unwrap()).fine();
    }
    assert_eq!(team.forks().len(), 1);
    assert_eq!(psql(&lab.url(1), "SELECT * FROM users").unwrap(), "1|ada");
    lab.db("destroy", 1, &[]).fine();
    assert!(team.forks().is_empty());
    team.standin.held_to_the_document();
}
