//! Aurora: moto's RDS, which checks every signature, and a real server behind each cluster.

use std::{fs, sync::Mutex, thread, time::Duration};

use serde_json::{Value, json};

use crate::{
    lab::{Lab, MIGRATE, output, service},
    psql::psql,
    standin::StandIn,
};

static ALONE: Mutex<()> = Mutex::new(());

const SEED: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'ada');
    CREATE TYPE mood AS ENUM ('good'); CREATE VIEW names AS SELECT name FROM users";

struct Rds {
    lab: Lab,
    standin: StandIn,
}

fn rds(policy: &str, more: &[(&str, &str)]) -> Rds {
    let standin = StandIn::new("AURORA", ("x-none", String::new()), &ALONE);
    standin.control(&json!({"source": SEED}));
    let baselines = format!(
        "shop: {{provider: aurora, api: '{}', region: {}, parent: {}, database: postgres, size: db.t4g.medium, synthetic: {{by: seeds}}, endpoint: {{cidrs: [10.0.0.0/8], port: 5432}}}}",
        standin.api,
        service("DAYFLY_TEST_AURORA_REGION"),
        service("DAYFLY_TEST_AURORA_CLUSTER"),
    );
    let admin = format!("postgres://{}@127.0.0.1:1/postgres", service("DAYFLY_TEST_AURORA_MASTER"));
    let mut variables = vec![("DAYFLY_DATABASE_ADMIN_URL", admin.as_str())];
    let (id, key) = (service("DAYFLY_TEST_AURORA_KEY_ID"), service("DAYFLY_TEST_AURORA_KEY"));
    if more.is_empty() {
        variables.extend([("AWS_ACCESS_KEY_ID", id.as_str()), ("AWS_SECRET_ACCESS_KEY", key.as_str())]);
    }
    variables.extend(more);
    let lab = Lab::new(policy, &baselines, &variables);
    for number in [1, 2] {
        lab.spec(number, "shop", "");
    }
    Rds { lab, standin }
}

impl Rds {
    /// Names and ports of all clusters but the baseline.
    fn clusters(&self) -> Vec<(String, u64)> {
        let state = self.standin.state();
        let clusters = state["clusters"].as_object().unwrap().iter();
        clusters
            .filter(|(name, _)| *name != "baseline")
            .map(|(name, cluster)| (name.clone(), cluster["port"].as_u64().unwrap()))
            .collect()
    }

    /// What the spec's branch is called in RDS.
    fn name(&self, number: u32) -> String {
        let spec = fs::read_to_string(self.lab.path(&format!("pr-{number}")).join("spec.json")).unwrap();
        let spec: Value = serde_json::from_str(&spec).unwrap();
        format!("dayfly-{}", spec["names"]["branch"].as_str().unwrap().replace('_', "-"))
    }

    /// As the administrator whose password clones inherit.
    fn master(&self, port: u64) -> String {
        format!("postgres://{}@127.0.0.1:{port}/postgres", service("DAYFLY_TEST_AURORA_MASTER"))
    }
}

fn login(url: &str) -> &str {
    url.split_once("://").unwrap().1.rsplit_once('@').unwrap().0
}

#[test]
fn the_whole_way() {
    let rds = rds("rds-way", &[]);
    let Rds { lab, standin } = &rds;
    lab.spec(1, "shop", MIGRATE);
    let mut said = lab.db("provision", 1, &[]).fine().err;
    said += &lab.db("provision", 2, &["--log", "json"]).fine().err;
    let (one, two) = (lab.url(1), lab.url(2));
    for secret in
        ["baseline-master-password", &service("DAYFLY_TEST_AURORA_KEY"), login(&one).split_once(':').unwrap().1]
    {
        assert!(!said.contains(secret), "{said}");
    }
    let master = service("DAYFLY_TEST_AURORA_MASTER");
    assert!(
        !one.contains(master.split_once(':').unwrap().1) && one.contains("rds_way_pr_1"),
        "the master's login is never published"
    );
    lab.db("verify", 1, &[]).refused("`migrate` has not run");
    let script = "psql \"$DATABASE_URL\" -qc \"ALTER TABLE users ADD mail text; ALTER TYPE mood ADD VALUE 'bad'; CREATE SCHEMA app\" && test -z \"$AWS_SECRET_ACCESS_KEY$AWS_ACCESS_KEY_ID$DAYFLY_DATABASE_ADMIN_URL\"";
    lab.db("migrate", 1, &["--", "sh", "-c", script]).fine();
    lab.db("verify", 1, &[]).fine();

    lab.db("provision", 1, &[]).fine();
    assert_eq!(lab.url(1), one);
    psql(&one, "INSERT INTO users VALUES (2, 'grace', 'g@example.com')").unwrap();
    assert_eq!(psql(&two, "SELECT * FROM users").unwrap(), "1|ada");
    let elsewhere = two.replace(login(&two), login(&one));
    assert!(psql(&elsewhere, "SELECT 1").unwrap_err().contains("authentication failed"));
    let rights =
        "SELECT rolsuper, rolcreaterole, rolvaliduntil > now() + '1 day' FROM pg_roles WHERE rolname = current_user";
    assert_eq!(psql(&one, rights).unwrap(), "f|f|t");

    // A lost file: another password, the same data.
    fs::remove_file(lab.env_file(1)).unwrap();
    lab.db("provision", 1, &[]).fine();
    assert_ne!(lab.url(1), one);
    assert!(psql(&one, "SELECT 1").unwrap_err().contains("authentication failed"));
    assert_eq!(psql(&lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");

    let list = lab.dayfly(&["db", "list", "--guardrails", &lab.guardrails_path(), "-o", "json"]).fine().out;
    let list: Value = serde_json::from_str(&list).unwrap();
    let environments: Vec<&str> = list.as_array().unwrap().iter().map(|b| b["environment"].as_str().unwrap()).collect();
    assert_eq!(environments, ["rds-way-pr-1", "rds-way-pr-2"]);
    assert_eq!(list[0]["baseline"], "aurora/baseline/postgres");
    assert!(list[0]["expires"].is_string() && list[0]["complete"] == true, "{list}");

    let alive = lab.path("alive");
    fs::write(&alive, "rds-way-pr-1\n").unwrap();
    lab.dayfly(&["db", "sweep", "--guardrails", &lab.guardrails_path(), "--alive", alive.to_str().unwrap(), "--apply"])
        .fine();
    assert_eq!(rds.clusters().len(), 1);
    for _ in 0..2 {
        lab.db("destroy", 1, &[]).fine();
    }
    assert!(rds.clusters().is_empty());
    assert!(!lab.env_file(1).exists());
    standin.held_to_the_document();
}

#[test]
fn a_pods_own_token_signs_in() {
    let token = std::env::temp_dir().join(format!("dayfly-identity-{}", std::process::id()));
    fs::write(&token, "eyJhbGciOi.a-projected-token.c2ln\n").unwrap();
    let token = token.to_str().unwrap();
    let sts = service("DAYFLY_TEST_AURORA");
    let role = "arn:aws:iam::123456789012:role/dayfly";
    let identity =
        [("AWS_ROLE_ARN", role), ("AWS_WEB_IDENTITY_TOKEN_FILE", token), ("AWS_ENDPOINT_URL_STS", sts.as_str())];
    let rds = rds("rds-irsa", &identity);
    let said = rds.lab.db("provision", 1, &[]).fine().err;
    assert!(!said.contains("a-projected-token"), "{said}");
    assert_eq!(psql(&rds.lab.url(1), "SELECT * FROM users").unwrap(), "1|ada");
    assert_eq!(rds.standin.requests("AssumeRoleWithWebIdentity", ""), 1);
    rds.lab.db("destroy", 1, &[]).fine();
    rds.standin.held_to_the_document();
    drop(rds);

    let wrong = [("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "wrong-secret")];
    let rds = self::rds("rds-wrong", &wrong);
    let run = rds.lab.db("provision", 1, &[]);
    assert_eq!(run.code, Some(2));
    assert!(run.err.contains("InvalidClientTokenId") && !run.err.contains("wrong-secret"), "{}", run.err);
    drop(rds);
    let rds = self::rds("rds-nobody", &[("AWS_REGION", "us-east-1")]);
    let run = rds.lab.db("provision", 1, &[]);
    assert!(run.err.contains("AWS_WEB_IDENTITY_TOKEN_FILE") && run.err.contains("AWS_ACCESS_KEY_ID"), "{}", run.err);
    fs::remove_file(token).unwrap();
}

#[test]
fn a_cluster_that_is_not_ours_is_never_touched() {
    let rds = rds("rds-foreign", &[]);
    rds.standin.control(&json!({"foreign": rds.name(1)}));
    for command in ["provision", "renew", "destroy"] {
        rds.lab.db(command, 1, &[]).refused("is not of dayfly:rds-foreign:rds-foreign-pr-1: nothing was changed");
    }
    rds.lab
        .dayfly(&["db", "sweep", "--guardrails", &rds.lab.guardrails_path(), "--alive", "/dev/null", "--apply"])
        .fine();
    assert_eq!(rds.clusters().len(), 1);
    for action in ["Delete", "Create", "Add", "Modify"] {
        assert_eq!(rds.standin.requests(action, ""), 0);
    }
    rds.standin.held_to_the_document();
}

#[test]
fn a_failed_migration_gets_a_clean_clone() {
    let rds = rds("rds-reset", &[]);
    rds.lab.spec(1, "shop", MIGRATE);
    rds.lab.db("provision", 1, &[]).fine();
    let script = "psql \"$DATABASE_URL\" -qc 'CREATE TABLE half (id int)' && test -e ok || { touch ok; false; }";
    rds.lab.db("migrate", 1, &["--", "sh", "-c", script]).fine();
    assert_eq!(psql(&rds.lab.url(1), "SELECT count(*) FROM half").unwrap(), "0");
    assert_eq!(rds.clusters().len(), 1);
    assert_eq!(rds.standin.requests("RestoreDBClusterToPointInTime", ""), 2);
    rds.standin.held_to_the_document();
}

#[test]
fn a_lease_is_renewed_in_the_server_and_a_revoked_login_has_no_session() {
    let rds = rds("rds-lease", &[]);
    rds.lab.db("provision", 1, &[]).fine();
    let port = rds.clusters()[0].1;
    let until = "SELECT rolvaliduntil > now() + '47 hours' FROM pg_roles WHERE rolname LIKE 'rds_lease%'";
    psql(&rds.master(port), "DO $$ BEGIN EXECUTE format('ALTER ROLE %I VALID UNTIL %L', (SELECT rolname FROM pg_roles WHERE rolname LIKE 'rds_lease%'), now()); END $$").unwrap();
    assert_eq!(psql(&rds.master(port), until).unwrap(), "f");
    rds.lab.db("renew", 1, &[]).fine();
    assert_eq!(psql(&rds.master(port), until).unwrap(), "t");
    // A session that is open when the branch goes ends before the cluster does.
    let url = rds.lab.url(1);
    let session = thread::spawn(move || psql(&url, "SELECT pg_sleep(30)"));
    thread::sleep(Duration::from_millis(500));
    rds.standin.fault(&json!({"match": "POST DeleteDBInstance", "delay": 2}));
    let destroy = rds.lab.start("destroy", 1, &[]);
    assert!(session.join().unwrap().unwrap_err().contains("terminating connection due to administrator command"));
    assert_eq!(rds.clusters().len(), 1, "the cluster outlives the login");
    output(destroy.wait_with_output().unwrap()).fine();
    assert!(rds.clusters().is_empty());
    rds.standin.held_to_the_document();
}

#[test]
fn faults_on_the_way_leave_one_cluster() {
    let rds = rds("rds-faults", &[]);
    let Rds { lab, standin } = &rds;
    let fault = |action: &str, mut fault: Value| {
        fault["match"] = format!("POST {action}").into();
        standin.fault(&fault);
    };
    fault("DescribeDBClusters", json!({"status": 400, "code": "Throttling", "times": 2}));
    fault("RestoreDBClusterToPointInTime", json!({"lose_answer": true}));
    fault("DescribeDBInstances", json!({"status": 503, "code": "ServiceUnavailable"}));
    fault("CreateDBInstance", json!({"lose_answer": true}));
    lab.db("provision", 1, &[]).fine();
    fault("RestoreDBClusterToPointInTime", json!({"status": 500, "code": "InternalFailure"}));
    fault("RestoreDBClusterToPointInTime", json!({"status": 400, "code": "DBClusterAlreadyExistsFault"}));
    fault("CreateDBInstance", json!({"status": 429, "code": "TooManyRequestsException"}));
    lab.db("provision", 2, &[]).fine();
    assert_eq!(rds.clusters().len(), 2);
    fault("DeleteDBInstance", json!({"lose_answer": true}));
    fault("DeleteDBCluster", json!({"status": 400, "code": "InvalidDBClusterStateFault", "times": 2}));
    lab.db("destroy", 1, &[]).fine();
    fault("DeleteDBCluster", json!({"lose_answer": true}));
    lab.db("destroy", 2, &[]).fine();
    assert!(rds.clusters().is_empty());

    fault(
        "RestoreDBClusterToPointInTime",
        json!({"status": 403, "code": "DBClusterQuotaExceededFault", "message": "no more"}),
    );
    let run = lab.db("provision", 1, &[]);
    assert_eq!(run.code, Some(2));
    assert!(
        run.err.contains("it has 1 clusters there, 0 of them dayfly's") && run.err.contains("db sweep"),
        "{}",
        run.err
    );
    fault(
        "RestoreDBClusterToPointInTime",
        json!({"status": 403, "code": "AccessDenied", "message": "rds:AddTagsToResource"}),
    );
    let run = lab.db("provision", 1, &[]);
    assert!(run.err.contains("rds:AddTagsToResource"), "{}", run.err);
    standin.held_to_the_document();
}

#[test]
fn killed_and_raced_calls_end_the_same() {
    let rds = rds("rds-killed", &[]);
    let lab = &rds.lab;
    for milliseconds in [40, 200, 500, 900, 1400, 2200] {
        let mut child = lab.start("provision", 1, &[]);
        thread::sleep(Duration::from_millis(milliseconds));
        let _ = child.kill();
        child.wait().unwrap();
    }
    lab.db("provision", 1, &[]).fine();
    assert_eq!(rds.clusters().len(), 1);
    assert_eq!(psql(&lab.url(1), "SELECT * FROM users").unwrap(), "1|ada");
    lab.db("destroy", 1, &[]).fine();
    let racing: Vec<_> = (0..3).map(|_| lab.start("provision", 1, &[])).collect();
    for child in racing {
        output(child.wait_with_output().unwrap()).fine();
    }
    assert_eq!(rds.clusters().len(), 1);
    assert_eq!(psql(&lab.url(1), "SELECT * FROM users").unwrap(), "1|ada");
    let mut child = lab.start("destroy", 1, &[]);
    thread::sleep(Duration::from_millis(100));
    let _ = child.kill();
    child.wait().unwrap();
    lab.db("destroy", 1, &[]).fine();
    assert!(rds.clusters().is_empty());
    rds.standin.held_to_the_document();
}
