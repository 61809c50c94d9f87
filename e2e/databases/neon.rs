//! Neon: every request and answer held to its own document; branches are real databases, roles and passwords real ones.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    hosted::revoked_before_it_goes,
    lab::{Lab, ended, service},
    psql::{Idle, database, password, psql, psql_meanwhile, until, user, with_database},
    standin::StandIn,
};

const USERS: &str = "CREATE TABLE users (id bigint PRIMARY KEY, email text); INSERT INTO users VALUES (1, 'ada@shop.test'), (2, 'grace@shop.test')";

/// A project with a parent, and previews of it.
struct Project {
    neon: StandIn,
    lab: Lab,
    parent: String,
}

/// `claim`: what the baseline says of its data, and more of its fields.
fn project(policy: &str, is_protected: bool, claim: &str) -> Project {
    let key = service("DAYFLY_TEST_NEON_KEY");
    let neon = StandIn::new("NEON", ("Authorization", format!("Bearer {key}")));
    neon.set(&json!({"operation_seconds": 0.05}));
    let server = service("DAYFLY_TEST_POSTGRES18");
    let template = format!("neon_{policy}");
    psql(&server, &format!("DROP DATABASE IF EXISTS {template} WITH (FORCE)")).unwrap();
    psql(&server, &format!("CREATE DATABASE {template}")).unwrap();
    psql(&with_database(&server, &template), USERS).unwrap();
    neon.control(&json!({"parent": {"name": "baseline", "template": template, "protected": is_protected}}));
    let parent = branch(&neon, "baseline")["id"].as_str().unwrap().to_owned();
    let lab = Lab::new(policy, &baseline(&neon, &parent, claim), &[("NEON_API_KEY", &key)]);
    lab.secret(&key);
    Project { neon, lab, parent }
}

fn baseline(neon: &StandIn, parent: &str, claim: &str) -> String {
    let project = service("DAYFLY_TEST_NEON_PROJECT");
    format!("shop: {{provider: neon, project: {project}, parent: {parent}, api: '{}', {claim}}}", neon.api)
}

const INVENTED: &str = "synthetic: {by: seeds}";

/// The branch of a name, or null.
fn branch(neon: &StandIn, name: &str) -> Value {
    let state = neon.state();
    let all = state["branches"].as_array().unwrap();
    all.iter().map(|branch| &branch["public"]).find(|branch| branch["name"] == name).cloned().unwrap_or_default()
}

impl Project {
    fn path(&self, rest: &str) -> String {
        format!("/projects/{}{rest}", service("DAYFLY_TEST_NEON_PROJECT"))
    }

    fn spec(&self, number: u32) {
        self.lab.spec(number, "shop", "");
    }

    fn branch(&self, number: u32) -> Value {
        branch(&self.neon, &self.lab.branch_name(number))
    }

    /// As the project's owner reaches a branch.
    fn uri(&self, branch: &str, role: &str) -> String {
        let path = self.path(&format!("/connection_uri?branch_id={branch}&database_name=neondb&role_name={role}"));
        self.neon.call("GET", &path, None)["uri"].as_str().unwrap().to_owned()
    }

    /// Only what was there before any preview is left, at Neon and on the server behind it.
    #[track_caller]
    fn nothing_is_left(&self) {
        let state = self.neon.state();
        let names: Vec<&str> =
            state["branches"].as_array().unwrap().iter().filter_map(|b| b["public"]["name"].as_str()).collect();
        assert_eq!(names, ["main", "baseline"]);
        assert_eq!(state["deleted"], json!([]), "softly deleted branches keep their passwords");
        let roles = format!("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'br-{}-%'", self.neon.world());
        // An answer that was lost is followed by another that says that the branch is gone, before its roles are.
        let deadline = Instant::now() + Duration::from_secs(10);
        while psql(&service("DAYFLY_TEST_POSTGRES18"), &roles).unwrap() != "2" {
            assert!(Instant::now() < deadline, "there are others than the roles of main and baseline");
            thread::sleep(Duration::from_millis(50));
        }
        self.neon.held_to_the_document();
    }
}

/// The same place and user, with the password of another URL.
fn with_password(url: &str, other: &str) -> String {
    url.replace(password(url), password(other))
}

#[test]
fn the_whole_way() {
    let shop = project("neonway", true, INVENTED);
    let psql_in_branch = |sql: &str| format!("psql \"$DATABASE_URL\" -v ON_ERROR_STOP=1 -qc '{sql}'");
    for number in [1, 2] {
        shop.spec(number);
        shop.lab.db("provision", number, &[]).fine();
    }
    let (one, two) = (shop.lab.url(1), shop.lab.url(2));
    let migration = psql_in_branch("ALTER TABLE users ADD nick text; INSERT INTO users VALUES (3, $$new$$)");
    let migration = format!("test -z \"$NEON_API_KEY\" && {migration}");
    shop.lab.db("migrate", 1, &["--", "sh", "-c", &migration]).fine();
    shop.lab.db("migrate", 1, &["--", "sh", "-c", &migration]).fine();
    shop.lab.db("verify", 1, &[]).fine();
    shop.lab.db("provision", 1, &[]).fine();
    assert_eq!(shop.lab.url(1), one, "credentials that work are kept");
    assert_eq!(psql(&one, "SELECT count(*) FROM users").unwrap(), "3");
    assert_eq!(psql(&two, "SELECT count(*) FROM users").unwrap(), "2");
    let database_of_two = database(&two);
    assert!(psql(&with_database(&one, database_of_two), "SELECT 1").is_err(), "one preview reached another's branch");
    let parents = shop.uri(&shop.parent, "neondb_owner");
    assert!(psql(&with_password(&parents, &one), "SELECT 1").is_err(), "a preview's password opened the baseline");

    let listed = shop.lab.list();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed[0]["environment"], shop.lab.environment(1), "{listed}");
    assert!(listed[0]["cost"].as_str().unwrap().contains("CU-h"), "{listed}");

    // A lease is what Neon itself ends.
    let until = |shop: &Project| shop.branch(1)["expires_at"].as_str().unwrap().to_owned();
    let before = until(&shop);
    thread::sleep(Duration::from_millis(1100));
    shop.lab.db("renew", 1, &[]).fine();
    assert!(until(&shop) > before, "{before}");

    shop.neon.call("POST", &shop.path("/branches"), Some(&json!({"branch": {"name": "somebody-elses"}})));
    shop.lab.sweep(&[1]).fine();
    assert!(psql(&two, "SELECT 1").is_err(), "a swept branch's login is gone");
    assert!(shop.branch(2).is_null() && !shop.branch(1).is_null());
    let other = branch(&shop.neon, "somebody-elses");
    assert!(other.is_object(), "a sweep removed what is not dayfly's");
    shop.neon.call(
        "DELETE",
        &shop.path(&format!("/branches/{}?hard_delete=true", other["id"].as_str().unwrap())),
        None,
    );

    // With a session in it.
    let session = Idle::of(&one);
    let started = Instant::now();
    shop.lab.db("destroy", 1, &[]).fine();
    session.ended();
    assert!(started.elapsed() < Duration::from_secs(10));
    assert!(psql(&one, "SELECT 1").is_err());
    shop.lab.db("destroy", 1, &[]).fine();
    assert!(!shop.lab.env_file(1).exists());
    shop.nothing_is_left();
}

#[test]
fn the_passwords_of_an_unprotected_parent_open_no_branch_and_are_never_revealed() {
    let shop = project("neonpass", false, INVENTED);
    let role = shop.neon.call(
        "POST",
        &shop.path(&format!("/branches/{}/roles", shop.parent)),
        Some(&json!({"role": {"name": "analyst"}})),
    );
    assert!(role["role"]["password"].is_string());
    shop.neon.set(&json!({"store_passwords": false}));
    shop.spec(1);
    shop.lab.db("provision", 1, &[]).fine();
    let child = shop.branch(1)["id"].as_str().unwrap().to_owned();
    for name in ["neondb_owner", "analyst"] {
        let (of_parent, of_child) = (shop.uri(&shop.parent, name), shop.uri(&child, name));
        assert_eq!(psql(&of_parent, "SELECT 1").unwrap(), "1");
        let error = psql(&with_password(&of_child, &of_parent), "SELECT 1").unwrap_err();
        assert!(error.contains("password authentication failed"), "{error}");
        let error = psql(&with_password(&of_parent, &of_child), "SELECT 1").unwrap_err();
        assert!(error.contains("password authentication failed"), "{error}");
    }
    assert_eq!(shop.neon.requests("GET", "/reveal_password"), 0);
    shop.lab.db("destroy", 1, &[]).fine();
    shop.neon.held_to_the_document();
}

#[test]
fn a_branch_that_is_not_ours_is_never_touched() {
    let shop = project("neonforeign", true, INVENTED);
    for (number, annotation) in [
        (1, json!({})),
        (
            2,
            json!({"dayfly": "1", "owner": "dayfly:other:other-pr-2", "environment": "other-pr-2", "database": "main", "baseline": "neon/x/y", "secrets": "", "created": "2026-01-01T00:00:00Z"}),
        ),
    ] {
        shop.spec(number);
        let body = json!({"branch": {"name": shop.lab.branch_name(number), "parent_id": shop.parent}, "annotation_value": annotation});
        shop.neon.call("POST", &shop.path("/branches"), Some(&body));
        let before = shop.branch(number);
        shop.lab.db("provision", number, &[]).refused("nothing was changed");
        shop.lab.db("renew", number, &[]).refused("nothing was changed");
        shop.lab.db("destroy", number, &[]).refused("nothing was changed");
        assert_eq!(shop.branch(number)["id"], before["id"]);
        assert!(!shop.lab.env_file(number).exists());
    }
    // Whatever lives or not: one of them has no mark, and the other's place lists it.
    shop.lab.sweep(&[2]).fine();
    assert!(shop.branch(1).is_object(), "a branch without a mark was swept");
    shop.neon.held_to_the_document();
}

#[test]
fn faults_on_the_way_change_nothing_at_the_end() {
    let shop = project("neonfaults", true, INVENTED);
    shop.spec(1);
    for fault in [
        json!({"match": "POST */branches", "lose_answer": true}),
        json!({"match": "POST */branches", "status": 409, "message": "a conflict of nothing that can be seen"}),
        json!({"match": "POST */branches", "status": 503}),
        json!({"match": "POST */branches", "status": 500}),
        json!({"match": "POST */branches", "status": 429, "times": 2, "retry_after": 1}),
        json!({"match": "POST */branches", "status": 423, "message": "project already has running conflicting operations"}),
        json!({"match": "GET */operations/*", "status": 500, "times": 2}),
        json!({"match": "POST */reset_password", "lose_answer": true}),
        json!({"match": "GET */connection_uri", "status": 502}),
        json!({"match": "GET */branches", "lose_answer": true}),
    ] {
        shop.neon.fault(&fault);
        shop.lab.db("provision", 1, &[]).fine();
        assert_eq!(psql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2", "{fault}");
        shop.neon.fault(&json!({"match": "DELETE *", "lose_answer": true}));
        shop.lab.db("destroy", 1, &[]).fine();
        shop.nothing_is_left();
    }
}

#[test]
fn an_operation_that_fails_is_made_good_or_told() {
    let shop = project("neonfailed", true, INVENTED);
    shop.spec(1);
    shop.neon.set(&json!({"fail_operations": 1}));
    let run = shop.lab.db("provision", 1, &[]).fine();
    assert!(run.err.contains("is removed"), "{}", run.err);
    assert_eq!(psql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
    // So is one whose login cannot be revoked before it goes.
    shop.neon.set(&json!({"fail_operations": 1}));
    let broken = "psql \"$DATABASE_URL\" -qc 'DROP TABLE users' && exit 1";
    let run = shop.lab.db("migrate", 1, &["--", "sh", "-c", broken]).refused("on a fresh branch too");
    assert!(run.err.contains("goes with its branch, and not before"), "{}", run.err);
    shop.lab.db("destroy", 1, &[]).fine();
    shop.neon.set(&json!({"fail_operations": 100}));
    let run = shop.lab.db("provision", 1, &[]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(run.err.contains("failed"), "{}", run.err);
    shop.neon.set(&json!({"fail_operations": 0}));
    shop.lab.db("provision", 1, &[]).fine();
    shop.lab.db("destroy", 1, &[]).fine();
    shop.neon.held_to_the_document();
}

#[test]
fn a_full_project_says_what_would_make_room() {
    let shop = project("neonquota", true, INVENTED);
    for number in [1, 2] {
        shop.spec(number);
        shop.lab.db("provision", number, &[]).fine();
    }
    shop.neon.set(&json!({"branch_limit": 4}));
    shop.spec(3);
    let run = shop.lab.db("provision", 3, &[]).failed("it has 4, 2 of them dayfly's");
    assert!(run.err.contains("dayfly db sweep --apply") && run.err.contains("neonquota-pr-1"), "{}", run.err);
    shop.lab.sweep(&[2, 3]).fine();
    shop.lab.db("provision", 3, &[]).fine();
    shop.lab.sweep(&[]).fine();
    shop.nothing_is_left();
}

#[test]
fn killed_anywhere_and_called_again_it_comes_to_the_same() {
    let shop = project("neonkill", false, INVENTED);
    shop.neon.set(&json!({"operation_seconds": 0.2}));
    shop.spec(1);
    for command in ["provision", "destroy"] {
        shop.lab.killed(command, 1, &[60, 150, 300, 500, 800, 1100, 1500]);
        if command == "provision" {
            shop.lab.db("provision", 1, &[]).fine();
            assert_eq!(psql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
        }
    }
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

#[test]
fn two_jobs_at_once_make_one_branch() {
    let shop = project("neonrace", true, INVENTED);
    shop.spec(1);
    shop.lab.raced("provision", 1, 2);
    // Each makes the login anew, before it can wait for another.
    fs::remove_file(shop.lab.env_file(1)).unwrap();
    shop.lab.raced("provision", 1, 6);
    assert_eq!(psql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
    let state = shop.neon.state();
    assert_eq!(state["branches"].as_array().unwrap().len(), 3);
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

#[test]
fn many_previews_at_once_wait_for_the_projects_lock() {
    let shop = project("neonmany", true, INVENTED);
    let numbers = 1..=6;
    let started: Vec<_> = numbers
        .clone()
        .map(|number| {
            shop.spec(number);
            shop.lab.start("provision", number, &[])
        })
        .collect();
    for child in started {
        let run = ended(child);
        shop.lab.silent(&run);
        run.fine();
    }
    for number in numbers {
        assert_eq!(psql(&shop.lab.url(number), "SELECT count(*) FROM users").unwrap(), "2");
    }
    let state = shop.neon.state();
    let requests = state["requests"].as_array().unwrap();
    assert!(requests.iter().any(|request| request["status"] == 423), "nobody met the lock: this proves nothing");
    shop.lab.sweep(&[]).fine();
    shop.nothing_is_left();
}

#[test]
fn an_answer_that_leads_elsewhere_is_not_published() {
    let shop = project("neonuri", true, INVENTED);
    shop.spec(1);
    let elsewhere = json!({"uri": "postgresql://neondb_owner:secret@ep-production-1.us-east-2.aws.neon.tech/neondb"});
    shop.neon.fault(&json!({"match": "GET */connection_uri", "status": 200, "body": elsewhere}));
    let run = shop.lab.db("provision", 1, &[]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(run.err.contains("leads to ep-production-1.us-east-2.aws.neon.tech"), "{}", run.err);
    assert!(!shop.lab.env_file(1).exists() && !run.err.contains("secret"));
    // The same server, and another branch there: its password is not ours.
    shop.neon.set(&json!({"wrong_uri": true}));
    let run = shop.lab.db("provision", 1, &[]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(run.err.contains("refuses the login"), "{}", run.err);
    assert!(!shop.lab.env_file(1).exists());
    shop.neon.set(&json!({"wrong_uri": false}));
    shop.lab.db("provision", 1, &[]).fine();
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

#[test]
fn a_broken_migration_gets_a_new_branch_with_a_login_of_its_own() {
    for is_protected in [true, false] {
        let shop = project("neonbroken", is_protected, INVENTED);
        shop.spec(1);
        shop.lab.db("provision", 1, &[]).fine();
        let (before, id) = (shop.lab.url(1), shop.branch(1)["id"].clone());
        let once = "psql \"$DATABASE_URL\" -v ON_ERROR_STOP=1 -qc 'DELETE FROM users WHERE id = 1' && if [ -e once ]; then exit 0; fi; touch once; exit 1";
        shop.lab.db("migrate", 1, &["--", "sh", "-c", once]).fine();
        assert!(shop.branch(1)["id"] != id && psql(&before, "SELECT 1").is_err());
        let count = psql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap();
        assert_eq!(count, "1", "the second run began with both rows");
        fs::remove_file(shop.lab.path("once")).unwrap();
        shop.lab.db("destroy", 1, &[]).fine();
        shop.nothing_is_left();
    }
}

#[test]
fn without_a_key_the_next_attempt_has_the_new_branchs_login() {
    let shop = project("neonwaited", true, INVENTED);
    let baselines = baseline(&shop.neon, &shop.parent, INVENTED);
    shop.lab.without_a_key(&baselines, "psql \"$DATABASE_URL\" -qc 'CREATE TABLE carts (id int)'");
    assert_eq!(psql(&shop.lab.url(1), "SELECT count(*) FROM carts").unwrap(), "0");
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

#[test]
fn an_anonymized_branch_is_masked_before_anybody_has_its_password() {
    let claim = "anonymized: {mask: [{column: public.users.email, function: anon.fake_email()}]}";
    let shop = project("neonanon", false, claim);
    shop.neon.set(&json!({"anonymize_seconds": 1}));
    shop.spec(1);
    // Killed while Neon masks: the next call waits for the same masking.
    let mut child = shop.lab.start("provision", 1, &[]);
    until(|| shop.neon.requests("GET", "/anonymized_status") > 1, "nobody waits for Neon");
    child.kill().unwrap();
    child.wait().unwrap();
    shop.lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&shop.lab.url(1), "SELECT count(*) FROM users WHERE email LIKE 'masked-%'").unwrap(), "2");
    assert_eq!(psql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
    let broken = "psql \"$DATABASE_URL\" -qc 'DROP TABLE users' && exit 1";
    shop.lab.db("migrate", 1, &["--", "sh", "-c", broken]).refused("on a fresh branch too");
    shop.lab.db("destroy", 1, &[]).fine();

    shop.neon.set(&json!({"anonymize_fails": true}));
    let run = shop.lab.db("provision", 1, &[]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(!shop.lab.env_file(1).exists());
    shop.neon.set(&json!({"anonymize_fails": false}));

    // A column that nobody thought of.
    psql(&shop.uri(&shop.parent, "neondb_owner"), "ALTER TABLE users ADD nick text; UPDATE users SET nick = 'ada'")
        .unwrap();
    shop.lab.db("provision", 1, &[]).refused("public.users.nick");
    assert!(shop.branch(1).is_null(), "an unmasked branch stayed");
    // An array holds text all the same, and what a type lists does not.
    psql(
        &shop.uri(&shop.parent, "neondb_owner"),
        "CREATE TYPE size AS ENUM ('s', 'm'); ALTER TABLE users ADD nicks text[], ADD photo bytea, ADD size size, ADD key uuid, ADD born date",
    )
    .unwrap();
    let run = shop
        .lab
        .db("provision", 1, &[])
        .refused("not masked: public.users.nick, public.users.nicks, public.users.photo;");
    assert!(shop.branch(1).is_null(), "an unmasked branch stayed: {}", run.err);
    let kept = claim.replace("]}", "], keep: [public.users.nick, public.users.nicks, public.users.photo]}");
    shop.lab.guardrails(&baseline(&shop.neon, &shop.parent, &kept), "");
    shop.spec(1);
    shop.lab.db("provision", 1, &[]).fine();

    // Other rules make another branch.
    let id = shop.branch(1)["id"].clone();
    let other = kept.replace("function: anon.fake_email()", "value: \"'nobody'\"");
    shop.lab.guardrails(&baseline(&shop.neon, &shop.parent, &other), "");
    shop.spec(1);
    shop.lab.db("provision", 1, &[]).fine();
    assert_ne!(shop.branch(1)["id"], id);
    assert_eq!(psql(&shop.lab.url(1), "SELECT DISTINCT email FROM users").unwrap(), "nobody");
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

#[test]
fn a_schema_only_branch_has_no_rows_and_its_own_limit() {
    let shop = project("neonschema", false, "schemaOnly: true");
    shop.spec(1);
    shop.lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "0");
    let error =
        psql(&with_password(&shop.lab.url(1), &shop.uri(&shop.parent, "neondb_owner")), "SELECT 1").unwrap_err();
    assert!(error.contains("password authentication failed"), "{error}");
    shop.neon.set(&json!({"root_branch_limit": 3}));
    shop.spec(2);
    shop.lab.db("provision", 2, &[]).failed("ROOT_BRANCHES_LIMIT_EXCEEDED): it has 3, 1 of them dayfly's");
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

/// Identifier, login and records may be those of before: what nobody masked is found all the same.
#[test]
fn a_branch_that_was_made_anew_is_checked_whatever_its_records_say() {
    let shop = project("neonforged", false, "sanitized: {by: masking-job, maxAge: 7d}");
    shop.spec(1);
    shop.lab.prepare_baseline(&[]).fine();
    shop.lab.db("provision", 1, &[]).fine();
    let column =
        |name: &str| psql(&shop.lab.url(1), &format!("SELECT {name} FROM dayfly_branch.runs WHERE step = 'checked'"));
    let (id, proof) = (column("input").unwrap(), column("command").unwrap());
    // A file that is lost is no reason to check what was migrated since.
    psql(&shop.lab.url(1), "ALTER TABLE users ADD COLUMN phone text").unwrap();
    fs::remove_file(shop.lab.env_file(1)).unwrap();
    shop.lab.db("provision", 1, &[]).fine();
    assert_eq!((column("input").unwrap(), column("command").unwrap()), (id.clone(), proof.clone()));
    // As if somebody had written the old record as soon as the branch was there again.
    let parent = shop.uri(&shop.parent, "neondb_owner");
    let record = format!(
        "ALTER TABLE users ADD COLUMN address text; CREATE SCHEMA dayfly_branch; GRANT USAGE ON SCHEMA dayfly_branch TO PUBLIC;
         CREATE TABLE dayfly_branch.runs (step text PRIMARY KEY, input text NOT NULL, state text NOT NULL, command text NOT NULL, at timestamptz NOT NULL DEFAULT now());
         GRANT ALL ON dayfly_branch.runs TO PUBLIC; INSERT INTO dayfly_branch.runs VALUES ('checked', '{id}', 'done', '{proof}')"
    );
    psql(&parent, &record).unwrap();
    let url = shop.lab.url(1);
    let session = Idle::of(&url);
    // Nobody reads it before it is looked at.
    assert!(!psql_meanwhile(&url, "SELECT address FROM users", || {
        shop.lab.db("migrate", 1, &["--", "false"]).refused("has other columns than when it was sanitized");
    }));
    session.ended();
    assert!(shop.branch(1).is_null() && !shop.lab.env_file(1).exists());
    shop.nothing_is_left();
}

#[test]
fn a_prepared_baseline_is_protected_and_proves_itself() {
    let shop = project("neonprepare", false, "sanitized: {by: masking-job, maxAge: 7d}");
    shop.spec(1);
    shop.lab.db("provision", 1, &[]).refused("was never prepared");
    assert!(shop.branch(1).is_null());
    let run = shop.lab.prepare_baseline(&[]).fine();
    shop.lab.silent(&run);
    assert_eq!(branch(&shop.neon, "baseline")["protected"], true);
    shop.lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
    shop.lab.db("destroy", 1, &[]).fine();
    shop.neon.set(&json!({"store_passwords": false}));
    let run = shop.lab.prepare_baseline(&[]);
    run.refused("stores no passwords");
    shop.nothing_is_left();
}

#[test]
fn an_expired_branch_is_made_again_and_a_lease_is_never_too_long() {
    let shop = project("neonlease", true, INVENTED);
    let baselines = baseline(&shop.neon, &shop.parent, INVENTED);
    let guardrails = fs::read_to_string(shop.lab.path("guardrails.yaml")).unwrap();
    // More than Neon allows.
    fs::write(
        shop.lab.path("guardrails.yaml"),
        guardrails.replace("    namespace: preview-ops\n", "    namespace: preview-ops\n    lease: 60d\n"),
    )
    .unwrap();
    shop.spec(1);
    shop.lab.db("provision", 1, &[]).fine();
    shop.lab.db("renew", 1, &[]).fine();
    shop.lab.guardrails(&baselines, "");
    shop.neon.control(&json!({"expire": shop.lab.branch_name(1)}));
    let url = shop.lab.url(1);
    let deadline = Instant::now() + Duration::from_secs(10);
    while psql(&url, "SELECT 1").is_ok() {
        assert!(Instant::now() < deadline, "it never expired");
        thread::sleep(Duration::from_millis(100));
    }
    shop.lab.db("renew", 1, &[]).refused("has no branch");
    shop.lab.db("provision", 1, &[]).fine();
    assert_ne!(shop.lab.url(1), url);
    shop.lab.db("destroy", 1, &[]).fine();
    shop.neon.held_to_the_document();
}

#[test]
fn a_branch_that_cannot_go_loses_its_passwords_all_the_same() {
    let shop = project("neonchild", true, INVENTED);
    shop.spec(1);
    shop.lab.db("provision", 1, &[]).fine();
    // A branch that expires has no children.
    let own = shop.branch(1)["id"].as_str().unwrap().to_owned();
    shop.neon.call("PATCH", &shop.path(&format!("/branches/{own}")), Some(&json!({"branch": {"expires_at": null}})));
    let child = shop.neon.call(
        "POST",
        &shop.path("/branches"),
        Some(&json!({"branch": {"name": "of-a-developer", "parent_id": own}})),
    );
    let url = shop.lab.url(1);
    // The stand-in copies a database only without sessions.
    while branch(&shop.neon, "of-a-developer")["current_state"] != "ready" {
        thread::sleep(Duration::from_millis(20));
    }
    shop.neon.fault_at("DELETE *", json!({"delay": 3}));
    revoked_before_it_goes(&shop.lab, &shop.neon).failed("nobody has its passwords");
    assert!(psql(&url, "SELECT 1").unwrap_err().contains("password authentication failed"));
    shop.neon.call(
        "DELETE",
        &shop.path(&format!("/branches/{}?hard_delete=true", child["branch"]["id"].as_str().unwrap())),
        None,
    );
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

/// Nobody but the login itself can end its sessions at Neon: it is told within seconds, and keeps its password.
#[test]
fn a_login_with_all_its_sessions_open_is_told_and_stays_as_it_is() {
    let shop = project("neonfull", true, INVENTED);
    shop.spec(1);
    shop.lab.db("provision", 1, &[]).fine();
    let url = shop.lab.url(1);
    let user = user(&url);
    let superuser = |sql: &str| psql(&service("DAYFLY_TEST_POSTGRES18"), sql).unwrap();
    let hold = || [Idle::of(&shop.lab.url(1)), Idle::of(&shop.lab.url(1))];
    let sessions = hold();
    superuser(&format!("ALTER ROLE \"{user}\" CONNECTION LIMIT 2"));
    let started = Instant::now();
    shop.lab.db("provision", 1, &[]).failed("as many sessions as may be: end some");
    shop.lab.db("migrate", 1, &["--", "true"]).failed("as many sessions as may be: end some");
    shop.lab.db("provision", 1, &["--rotate"]).failed("the password was not changed: ");
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    assert_eq!(shop.lab.url(1), url);
    superuser(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{user}'"));
    drop(sessions);
    shop.lab.db("provision", 1, &["--rotate"]).fine();
    assert!(psql(&url, "SELECT 1").is_err() && psql(&shop.lab.url(1), "SELECT 1").is_ok());
    // Whoever keeps it full keeps no branch from going.
    superuser(&format!("ALTER ROLE \"{user}\" CONNECTION LIMIT -1"));
    let sessions = hold();
    superuser(&format!("ALTER ROLE \"{user}\" CONNECTION LIMIT 2"));
    shop.lab.db("destroy", 1, &[]).fine();
    for session in sessions {
        session.ended();
    }
    shop.nothing_is_left();
}

#[test]
fn a_key_that_is_refused_is_named() {
    let shop = project("neonkey", true, INVENTED);
    let lab = Lab::new("neonkey2", &baseline(&shop.neon, &shop.parent, INVENTED), &[("NEON_API_KEY", "not-this-one")]);
    lab.a_refused_key_is_named("neon", "NEON_API_KEY");
}

#[test]
fn installations_leave_each_others_branches_alone() {
    let shop = project("neonshared", true, INVENTED);
    shop.lab.two_installations(&baseline(&shop.neon, &shop.parent, INVENTED));
    shop.nothing_is_left();
}
