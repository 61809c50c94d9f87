//! Crunchy Bridge: what the vendor's own clients send and read, and a real server behind each fork.

use std::{
    fs, thread,
    time::{Duration, SystemTime},
};

use serde_json::json;

use crate::{
    hosted::Hosted,
    hostile::operators,
    lab::{Lab, service},
    psql::{MASKED_IN_PLACE, psql},
    standin::StandIn,
};

const SEED: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'ada')";

fn baselines(standin: &StandIn, parent: &str, safe: &str) -> String {
    format!(
        "shop: {{provider: crunchy-bridge, api: '{}', project: {}, parent: {parent}, database: postgres, size: hobby-2, {safe}}}",
        standin.api,
        service("DAYFLY_TEST_CRUNCHY_BRIDGE_TEAM"),
    )
}

fn team(policy: &str) -> Hosted {
    let key = service("DAYFLY_TEST_CRUNCHY_BRIDGE_KEY");
    let standin = StandIn::new("CRUNCHY_BRIDGE", ("Authorization", format!("Bearer {key}")));
    let state = standin.control(&json!({"source": SEED}));
    let parent = state["clusters"][0]["id"].as_str().unwrap().to_owned();
    let baselines = baselines(&standin, &parent, "synthetic: {by: seeds}");
    let lab = Lab::new(policy, &baselines, &[("CRUNCHY_BRIDGE_API_KEY", &key)]);
    // The first one is the baseline.
    Hosted::new(lab, standin, &[&key], |state| state["clusters"].as_array().unwrap()[1..].to_vec())
}

#[test]
fn the_whole_way() {
    let hosted = team("bridge-way");
    let lab = &hosted.lab;
    let (one, _) = hosted.two_previews("ALTER TABLE users ADD mail text", &["CRUNCHY_BRIDGE_API_KEY"]);
    let rights = "SELECT rolsuper, rolvaliduntil > now() + '1 day' FROM pg_roles WHERE rolname = session_user";
    assert_eq!(psql(&one, rights).unwrap(), "f|t");
    hosted.lost_credentials();
    assert!(psql(&one, "SELECT 1").unwrap_err().contains("authentication failed"));
    lab.db("renew", 1, &[]).fine();
    assert_eq!(hosted.listed_and_swept()[0]["cost"], "plan hobby-2");
    // The login is barred, and its session ended, before the cluster goes.
    let session = hosted.session();
    hosted.gone();
    assert!(session.join().unwrap().unwrap_err().contains("terminating connection due to administrator command"));
}

#[test]
fn a_failed_migration_gets_a_clean_fork() {
    team("bridge-reset").failed_migration();
}

#[test]
fn a_login_with_all_its_sessions_open_is_told_and_rotated() {
    team("bridge-full").full_and_rotated();
}

#[test]
fn clusters_without_the_mark_are_never_touched() {
    let team = team("bridge-foreign");
    let Hosted { lab, standin, .. } = &team;
    let state = standin.state();
    let forks = format!("/clusters/{}/forks", state["clusters"][0]["id"].as_str().unwrap());
    for name in ["bridge-foreign-pr-1", "dayfly", "Dayfly.bridge-foreign.bridge-foreign-pr-1.main"] {
        standin.call("POST", &forks, Some(&json!({"name": name})));
    }
    lab.db("provision", 1, &[]).fine();
    assert_eq!(team.branches().len(), 4);
    lab.db("destroy", 1, &[]).fine();
    lab.sweep(&[]).fine();
    assert_eq!(team.branches().len(), 3);
    assert_eq!(standin.requests("DELETE", ""), 1);
    standin.held_to_the_document();
}

/// As the time of a branch has them.
fn seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

#[test]
fn what_goes_was_found_and_what_came_since_stays() {
    let team = team("bridge-later");
    let Hosted { lab, standin, .. } = &team;
    let state = standin.state();
    let forks = format!("/clusters/{}/forks", state["clusters"][0]["id"].as_str().unwrap());
    let again = || standin.call("POST", &forks, Some(&json!({"name": "dayfly.bridge-later.bridge-later-pr-1.main"})));
    lab.db("provision", 1, &[]).fine();
    // Its preview is opened again after somebody looked which ones live.
    fs::write(lab.path("alive"), "kube-system\n").unwrap();
    let listed = seconds(fs::metadata(lab.path("alive")).unwrap().modified().unwrap());
    while seconds(SystemTime::now()) == listed {
        thread::sleep(Duration::from_millis(20));
    }
    let later = again()["id"].clone();
    let guardrails = lab.guardrails_path();
    lab.dayfly(&["db", "sweep", "--guardrails", &guardrails, "--alive", "alive", "--apply"]).fine();
    let left = team.branches();
    assert!(left.len() == 1 && left[0]["id"] == later, "{left:?}");
    // A teardown finds all of its environment.
    again();
    assert_eq!(team.branches().len(), 2);
    lab.db("destroy", 1, &[]).fine();
    assert!(team.branches().is_empty());
    assert_eq!(standin.requests("DELETE", ""), 3);
    standin.held_to_the_document();
}

#[test]
fn a_lease_is_renewed_whatever_the_first_baselines_database_is() {
    let team = team("bridge-several");
    let Hosted { lab, standin, .. } = &team;
    let state = standin.state();
    let shop = baselines(standin, state["clusters"][0]["id"].as_str().unwrap(), "synthetic: {by: seeds}");
    team.among_others(&shop);
    let said = lab.sweep(&[1]).fine().err;
    assert!(said.contains("2 branches: 1 alive, 1 reclaimed, 0 failed") && !said.contains("warning"), "{said}");
    lab.db("destroy", 1, &[]).fine();
    standin.held_to_the_document();
}

#[test]
fn faults_on_the_way_leave_one_fork() {
    let team = team("bridge-faults");
    let Hosted { lab, standin, .. } = &team;
    standin.fault_at("POST */forks", json!({"lose_answer": true}));
    standin.fault_at("GET */status", json!({"status": 503, "times": 2}));
    standin.fault_at("GET /clusters", json!({"status": 429}));
    lab.db("provision", 1, &[]).fine();
    standin.fault_at("POST */forks", json!({"status": 500}));
    standin.fault_at("POST */forks", json!({"status": 423}));
    lab.db("provision", 2, &[]).fine();
    assert_eq!(team.branches().len(), 2);
    standin.fault_at("DELETE /clusters/*", json!({"lose_answer": true}));
    lab.db("destroy", 1, &[]).fine();
    standin.fault_at("POST */forks", json!({"status": 400, "message": "the team's limit"}));
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
    // Names need not be unique there: all but one of the forks that a race makes are removed again.
    team("bridge-killed").killed_and_raced(&[30, 150, 400, 800, 1400]);
}

#[test]
fn a_prepared_baseline_is_marked_and_only_that_is_forked() {
    let team = team("bridge-baseline");
    let Hosted { lab, standin, .. } = &team;
    let state = standin.state();
    let parent = state["clusters"][0]["id"].as_str().unwrap();
    standin.control(&json!({"source": MASKED_IN_PLACE}));
    lab.guardrails(&baselines(standin, parent, "sanitized: {by: masking-job, maxAge: 2d}"), "");
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).refused("was never prepared");
    assert!(team.branches().is_empty(), "what may hold live data does not stay");
    standin.control(&json!({"up": true}));
    let said = lab.prepare_baseline(&[]).fine().err;
    assert!(said.contains("wait until a backup is newer"), "{said}");
    standin.control(&json!({"up": false}));
    lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&lab.url(1), "SELECT made_by FROM dayfly.baseline").unwrap(), "masking-job");
    let statistics = "SELECT count(*) FROM pg_stats WHERE most_common_vals::text LIKE '%corp.test%'";
    assert_eq!(psql(&lab.url(1), statistics).unwrap(), "0");
    lab.db("destroy", 1, &[]).fine();
    standin.held_to_the_document();
}

/// A role may change its own password, and then dayfly has to give it another: from outside the branch.
#[test]
fn a_password_that_was_changed_leads_no_administrator_into_the_branch() {
    let team = team("bridge-trap");
    let Hosted { lab, standin, .. } = &team;
    lab.db("provision", 1, &[]).fine();
    let url = lab.url(1);
    psql(&url, &operators("trapped")).unwrap();
    psql(&url, "SET ROLE NONE; ALTER ROLE CURRENT_USER PASSWORD 'mine'").unwrap();
    let id = team.branches()[0]["id"].as_str().unwrap().to_owned();
    let role = standin.call("GET", &format!("/clusters/{id}/roles/postgres"), None);
    let admin = role["uri"].as_str().unwrap();
    lab.db("provision", 1, &[]).fine();
    assert_ne!(lab.url(1), url);
    let trapped = "SELECT count(*) FROM pg_roles WHERE rolname = 'trapped'";
    assert_eq!(psql(admin, trapped).unwrap(), "0");
    lab.db("destroy", 1, &[]).fine();
    standin.held_to_the_document();
}

#[test]
fn installations_leave_each_others_forks_alone() {
    let team = team("bridge-shared");
    let parent = team.standin.state()["clusters"][0]["id"].as_str().unwrap().to_owned();
    team.lab.two_installations(&baselines(&team.standin, &parent, "synthetic: {by: seeds}"));
    team.standin.held_to_the_document();
}
