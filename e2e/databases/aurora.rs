//! Aurora: moto's RDS, which checks every signature, and a real server behind each cluster.

use std::fs;

use serde_json::{Value, json};

use crate::{
    hosted::Hosted,
    hostile::operators,
    lab::{Lab, ended, service},
    psql::{MASKED_IN_PLACE, psql, user, with_login},
    standin::StandIn,
};

const SEED: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'ada');
    CREATE TYPE mood AS ENUM ('good'); CREATE VIEW names AS SELECT name FROM users";

fn baselines(standin: &StandIn, safe: &str) -> String {
    format!(
        "shop: {{provider: aurora, api: '{}', region: {}, parent: {}, database: postgres, size: db.t4g.medium, {safe}, endpoint: {{cidrs: [10.0.0.0/8], port: 5432}}}}",
        standin.api,
        service("DAYFLY_TEST_AURORA_REGION"),
        service("DAYFLY_TEST_AURORA_CLUSTER"),
    )
}

fn rds(policy: &str, more: &[(&str, &str)]) -> Hosted {
    let standin = StandIn::new("AURORA", ("x-none", String::new()));
    standin.control(&json!({"source": SEED}));
    let baselines = baselines(&standin, "synthetic: {by: seeds}");
    let admin = format!("postgres://{}@127.0.0.1:1/postgres", service("DAYFLY_TEST_AURORA_MASTER"));
    let mut variables = vec![("DAYFLY_DATABASE_ADMIN_URL", admin.as_str())];
    let (id, key) = (service("DAYFLY_TEST_AURORA_KEY_ID"), service("DAYFLY_TEST_AURORA_KEY"));
    if more.is_empty() {
        variables.extend([("AWS_ACCESS_KEY_ID", id.as_str()), ("AWS_SECRET_ACCESS_KEY", key.as_str())]);
    }
    variables.extend(more);
    let lab = Lab::new(policy, &baselines, &variables);
    Hosted::new(lab, standin, &[&key, "baseline-master-password"], |state| {
        let clusters = state["clusters"].as_object().unwrap().iter();
        clusters.filter(|(name, _)| *name != "baseline").map(|(_, cluster)| cluster.clone()).collect()
    })
}

/// What the spec's branch is called in RDS.
fn name(rds: &Hosted, number: u32) -> String {
    format!("dayfly-{}", rds.lab.branch_name(number).replace('_', "-"))
}

/// As the administrator whose password clones inherit.
fn master(port: &Value) -> String {
    format!("postgres://{}@127.0.0.1:{port}/postgres", service("DAYFLY_TEST_AURORA_MASTER"))
}

#[test]
fn the_whole_way() {
    let (id, key) = (service("DAYFLY_TEST_AURORA_KEY_ID"), service("DAYFLY_TEST_AURORA_KEY"));
    // Both kinds of login to AWS, of which dayfly takes the first.
    let variables = [
        ("AWS_ACCESS_KEY_ID", &*id),
        ("AWS_SECRET_ACCESS_KEY", &*key),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/dayfly"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "token"),
    ];
    let hosted = rds("rds-way", &variables);
    let migration = "ALTER TABLE users ADD mail text; ALTER TYPE mood ADD VALUE 'bad'; CREATE SCHEMA app";
    let keys: Vec<&str> = variables.iter().map(|(name, _)| *name).chain(["DAYFLY_DATABASE_ADMIN_URL"]).collect();
    let (one, _) = hosted.two_previews(migration, &keys);
    let master = service("DAYFLY_TEST_AURORA_MASTER");
    assert!(
        !one.contains(master.split_once(':').unwrap().1) && one.contains("rds_way_pr_1"),
        "the master's login is never published"
    );
    let rights =
        "SELECT rolsuper, rolcreaterole, rolvaliduntil > now() + '1 day' FROM pg_roles WHERE rolname = current_user";
    assert_eq!(psql(&one, rights).unwrap(), "f|f|t");
    // Another password.
    hosted.lost_credentials();
    assert_ne!(hosted.lab.url(1), one);
    assert!(psql(&one, "SELECT 1").unwrap_err().contains("authentication failed"));
    let list = hosted.listed_and_swept();
    assert_eq!(list[0]["baseline"], "aurora/baseline/postgres");
    assert!(list[0]["expires"].is_string() && list[0]["complete"] == true, "{list}");
    hosted.gone();
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
    rds.standin.control(&json!({"foreign": name(&rds, 1)}));
    rds.not_ours();
    for action in ["Delete", "Create", "Add", "Modify"] {
        assert_eq!(rds.standin.requests(action, ""), 0);
    }
    rds.standin.held_to_the_document();
}

#[test]
fn a_failed_migration_gets_a_clean_clone() {
    let rds = rds("rds-reset", &[]);
    rds.failed_migration();
    assert_eq!(rds.standin.requests("RestoreDBClusterToPointInTime", ""), 2);
    rds.standin.held_to_the_document();
}

#[test]
fn a_lease_is_renewed_in_the_server_and_a_revoked_login_has_no_session() {
    let rds = rds("rds-lease", &[]);
    rds.lab.db("provision", 1, &[]).fine();
    let port = &rds.branches()[0]["port"];
    let until = "SELECT rolvaliduntil > now() + '47 hours' FROM pg_roles WHERE rolname LIKE 'rds_lease%'";
    psql(&master(port), "DO $$ BEGIN EXECUTE format('ALTER ROLE %I VALID UNTIL %L', (SELECT rolname FROM pg_roles WHERE rolname LIKE 'rds_lease%'), now()); END $$").unwrap();
    assert_eq!(psql(&master(port), until).unwrap(), "f");
    rds.lab.db("renew", 1, &[]).fine();
    assert_eq!(psql(&master(port), until).unwrap(), "t");
    // A session that is open when the branch goes ends before the cluster does.
    let session = rds.session();
    rds.standin.fault(&json!({"match": "POST DeleteDBInstance", "delay": 2}));
    let destroy = rds.lab.start("destroy", 1, &[]);
    assert!(session.join().unwrap().unwrap_err().contains("terminating connection due to administrator command"));
    assert_eq!(rds.branches().len(), 1, "the cluster outlives the login");
    ended(destroy).fine();
    assert!(rds.branches().is_empty());
    rds.standin.held_to_the_document();
}

#[test]
fn a_login_with_all_its_sessions_open_is_told_and_rotated() {
    rds("rds-full", &[]).full_and_rotated();
}

/// Baselines of one account are one place, and each has its own administrator and database.
#[test]
fn a_branch_is_swept_as_its_own_baseline_says() {
    // Whichever comes first among the baselines.
    let nobody = "postgres://nobody:not-of-this-cluster@127.0.0.1:1/postgres";
    let others = [("DAYFLY_DATABASE_ADMIN_URL_AAA", nobody), ("DAYFLY_DATABASE_ADMIN_URL_ZZZ", nobody)];
    let (id, key) = (service("DAYFLY_TEST_AURORA_KEY_ID"), service("DAYFLY_TEST_AURORA_KEY"));
    let mut variables = vec![("AWS_ACCESS_KEY_ID", id.as_str()), ("AWS_SECRET_ACCESS_KEY", key.as_str())];
    variables.extend(others);
    let rds = rds("rds-several", &variables);
    let Hosted { lab, standin, .. } = &rds;
    let shop = baselines(standin, "synthetic: {by: seeds}");
    rds.among_others(&shop);
    assert_eq!(lab.list().as_array().unwrap().len(), 2, "each is listed once");
    let (one, two) = (lab.url(1), lab.url(2));
    let until = "SELECT rolvaliduntil > now() + '47 hours' FROM pg_roles WHERE rolname = session_user";
    psql(&master(&rds.branches()[0]["port"]), "DO $$ BEGIN EXECUTE format('ALTER ROLE %I VALID UNTIL %L', (SELECT rolname FROM pg_roles WHERE rolname LIKE 'rds_several%'), now() + '1 hour'); END $$").unwrap();
    let said = lab.sweep(&[1]).fine().err;
    assert!(said.contains("2 branches: 1 alive, 1 reclaimed, 0 failed") && !said.contains("warning"), "{said}");
    assert_eq!(psql(&one, until).unwrap(), "t");
    assert!(psql(&two, "SELECT 1").is_err());
    lab.db("destroy", 1, &[]).fine();
    standin.held_to_the_document();
}

#[test]
fn faults_on_the_way_leave_one_cluster() {
    let rds = rds("rds-faults", &[]);
    let Hosted { lab, standin, .. } = &rds;
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
    assert_eq!(rds.branches().len(), 2);
    fault("DeleteDBInstance", json!({"lose_answer": true}));
    fault("DeleteDBCluster", json!({"status": 400, "code": "InvalidDBClusterStateFault", "times": 2}));
    lab.db("destroy", 1, &[]).fine();
    fault("DeleteDBCluster", json!({"lose_answer": true}));
    lab.db("destroy", 2, &[]).fine();
    assert!(rds.branches().is_empty());

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
fn a_branch_without_its_role_or_with_half_of_it_is_renewed_all_the_same() {
    let hosted = rds("rds-roleless", &[]);
    let lab = &hosted.lab;
    lab.db("provision", 1, &[]).fine();
    let role = user(&lab.url(1)).to_owned();
    let master = service("DAYFLY_TEST_AURORA_MASTER");
    let (user, password) = master.split_once(':').unwrap();
    let ask = |sql: &str| psql(&with_login(&lab.url(1), user, password), sql).unwrap();
    let mark = ask(&format!("SELECT quote_literal(shobj_description('{role}'::regrole, 'pg_authid'))"));
    // As a Job leaves it that is killed before it makes the role, or before it sets that up and lets it in.
    for half_made in [String::new(), format!("CREATE ROLE {role} NOLOGIN; COMMENT ON ROLE {role} IS {mark}")] {
        ask(&format!(
            "DROP SCHEMA dayfly_branch CASCADE; REASSIGN OWNED BY {role} TO {user}; DROP OWNED BY {role}; DROP ROLE {role}; {half_made}"
        ));
        lab.db("renew", 1, &[]).fine();
        lab.sweep(&[1]).fine();
        lab.db("provision", 1, &[]).fine();
        assert_eq!(psql(&lab.url(1), "SELECT * FROM users").unwrap(), "1|ada");
    }
    hosted.gone();
}

#[test]
fn killed_and_raced_calls_end_the_same() {
    rds("rds-killed", &[]).killed_and_raced(&[40, 200, 500, 900, 1400, 2200]);
}

#[test]
fn a_prepared_baseline_is_marked_and_only_that_is_cloned() {
    let Hosted { lab, standin, .. } = rds("rds-baseline", &[]);
    standin.control(&json!({"source": MASKED_IN_PLACE}));
    let sane = baselines(&standin, "sanitized: {by: masking-job, maxAge: 2d}");
    lab.guardrails(&sane, "");
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).refused("was never prepared");
    standin.control(&json!({"up": true}));
    let port = standin.state()["clusters"]["baseline"]["port"].as_u64().unwrap();
    let admin = format!("postgres://{}@127.0.0.1:{port}/postgres", service("DAYFLY_TEST_AURORA_MASTER"));
    let (id, key) = (service("DAYFLY_TEST_AURORA_KEY_ID"), service("DAYFLY_TEST_AURORA_KEY"));
    let keys = [("DAYFLY_DATABASE_ADMIN_URL", &*admin), ("AWS_ACCESS_KEY_ID", &id), ("AWS_SECRET_ACCESS_KEY", &key)];
    let platform = Lab::new("rds-baseline-platform", &sane, &keys);
    let said = platform.prepare_baseline(&[]).fine().err;
    assert!(said.contains("let nobody write to it") && !said.contains("baseline-master-password"), "{said}");
    standin.control(&json!({"up": false}));
    lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&lab.url(1), "SELECT made_by FROM dayfly.baseline").unwrap(), "masking-job");
    assert_eq!(
        psql(&lab.url(1), "SELECT count(*) FROM pg_stats WHERE most_common_vals::text LIKE '%corp.test%'").unwrap(),
        "0"
    );
    lab.db("destroy", 1, &[]).fine();
    assert!(standin.state()["clusters"].as_object().unwrap().len() == 1);
}

#[test]
fn a_password_that_was_changed_leads_no_administrator_into_the_branch() {
    let rds = rds("rds-trap", &[]);
    rds.lab.db("provision", 1, &[]).fine();
    let url = rds.lab.url(1);
    psql(&url, &operators("trapped")).unwrap();
    psql(&url, "SET ROLE NONE; ALTER ROLE CURRENT_USER PASSWORD 'mine'").unwrap();
    rds.lab.db("provision", 1, &[]).fine();
    assert_ne!(rds.lab.url(1), url);
    let trapped = "SELECT count(*) FROM pg_roles WHERE rolname = 'trapped'";
    assert_eq!(psql(&rds.lab.url(1), trapped).unwrap(), "0");
    // A role of that name that is not the branch's is not let in.
    let admin = master(&rds.branches()[0]["port"]);
    psql(&admin, "SET search_path = pg_catalog; DO $$ BEGIN EXECUTE format('COMMENT ON ROLE %I IS NULL', (SELECT rolname FROM pg_roles WHERE rolname LIKE 'rds_trap%')); END $$").unwrap();
    fs::remove_file(rds.lab.env_file(1)).unwrap();
    rds.lab.db("provision", 1, &[]).refused("is there and is not of");
    rds.lab.db("destroy", 1, &[]).fine();
    rds.standin.held_to_the_document();
}

#[test]
fn installations_leave_each_others_clones_alone() {
    let rds = rds("rds-shared", &[]);
    rds.lab.two_installations(&baselines(&rds.standin, "synthetic: {by: seeds}"));
    rds.standin.held_to_the_document();
}
