//! `PlanetScale`: every request and answer held to its document; PostgreSQL branches are real databases, MySQL branches real
//! MariaDB servers.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    lab::{Lab, output, service},
    mysql::{sql_on, until_asleep},
    psql::{psql, until_others, user},
    standin::StandIn,
};

/// Everything is so on both kinds of database.
macro_rules! on_both {
    ($($test:ident)*) => {
        mod mysql { $(#[test] fn $test() { super::$test("shop"); })* }
        mod postgres { $(#[test] fn $test() { super::$test("shop-pg"); })* }
    };
}

on_both! {
    the_whole_way
    a_branch_that_is_not_ours_is_never_touched
    a_developers_own_branch_outlives_a_sweep
    a_key_that_is_refused_is_named
    faults_on_the_way_change_nothing_at_the_end
    a_full_database_says_what_would_make_room
    killed_anywhere_and_called_again_it_comes_to_the_same
    two_jobs_at_once_make_one_branch
    a_login_that_expired_is_replaced
    a_rotated_login_is_another
    a_login_with_all_its_sessions_open_is_told_and_rotated
    without_a_key_the_next_attempt_has_the_fresh_branchs_login
    installations_leave_each_others_branches_alone
    half_made_branches_of_every_parent_are_swept
    a_branch_that_cannot_go_loses_its_logins_all_the_same
    a_schema_only_branch_has_no_rows
    a_baseline_proves_itself_once_it_was_prepared
    a_baseline_that_cannot_be_prepared_keeps_no_login
}

const USERS: &str = "CREATE TABLE users (id BIGINT PRIMARY KEY, email VARCHAR(80)); INSERT INTO users VALUES (1, 'ada@shop.test'), (2, 'grace@shop.test')";
const INVENTED: &str = "synthetic: {by: seeds}";

struct Shop {
    planetscale: StandIn,
    lab: Lab,
    database: &'static str,
}

fn shop(policy: &str, database: &'static str, claim: &str) -> Shop {
    let (id, token) = (service("DAYFLY_TEST_PLANETSCALE_TOKEN_ID"), service("DAYFLY_TEST_PLANETSCALE_TOKEN"));
    let planetscale = StandIn::new("PLANETSCALE", ("Authorization", format!("{id}:{token}")));
    planetscale.set(&json!({"ready_seconds": 0.2}));
    planetscale.control(&json!({"sql": {"database": database, "branch": "main", "text": USERS}}));
    let baselines = baselines(&planetscale, database, "main", claim);
    let variables = [("PLANETSCALE_SERVICE_TOKEN_ID", id.as_str()), ("PLANETSCALE_SERVICE_TOKEN", token.as_str())];
    let lab = Lab::new(&format!("{policy}{}", database.len()), &baselines, &variables);
    lab.secret(&token);
    Shop { planetscale, lab, database }
}

fn baselines(planetscale: &StandIn, database: &str, parent: &str, claim: &str) -> String {
    let organization = service("DAYFLY_TEST_PLANETSCALE_ORGANIZATION");
    format!(
        "shop: {{provider: planetscale, project: {organization}/{database}, parent: {parent}, api: '{}', {claim}}}",
        planetscale.api
    )
}

fn sql(url: &str, text: &str) -> Result<String, String> {
    if url.starts_with("mysql:") { sql_on(url, text) } else { psql(url, text) }
}

/// A session that is open when its login ends.
fn session(url: &str) -> thread::JoinHandle<Result<String, String>> {
    let held = url.to_owned();
    let is_mysql = url.starts_with("mysql:");
    let sleep = if is_mysql { "SELECT SLEEP(30)" } else { "SELECT pg_sleep(30)" };
    let session = thread::spawn(move || sql(&held, sleep));
    if is_mysql {
        until_asleep(url, 1);
    } else {
        until_others(url, 1);
    }
    session
}

impl Shop {
    fn path(&self, rest: &str) -> String {
        let organization = service("DAYFLY_TEST_PLANETSCALE_ORGANIZATION");
        format!("/organizations/{organization}/databases/{}/branches{rest}", self.database)
    }

    fn logins(&self) -> &'static str {
        if self.database == "shop" { "passwords" } else { "roles" }
    }

    fn name(&self, number: u32) -> String {
        format!("dayfly_{}_main", self.lab.environment(number))
    }

    /// The branch of a preview, or null.
    fn branch(&self, number: u32) -> Value {
        let state = self.planetscale.state();
        let name = self.name(number);
        let all = state["branches"].as_array().unwrap();
        all.iter()
            .find(|branch| branch["name"] == name && branch["database"] == self.database)
            .cloned()
            .unwrap_or_default()
    }

    #[track_caller]
    fn until_ready(&self, name: &str) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.planetscale.call("GET", &self.path(&format!("/{name}")), None)["ready"] != true {
            assert!(Instant::now() < deadline);
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// A client's command of the team's own image.
    fn command(&self, text: &str) -> String {
        if self.database == "shop" {
            format!(
                "mariadb --no-defaults -h \"$MYSQL_HOST\" -P \"$MYSQL_TCP_PORT\" -u \"$MYSQL_USER\" \"$MYSQL_DATABASE\" -e \"{text}\""
            )
        } else {
            format!("psql \"$DATABASE_URL\" -v ON_ERROR_STOP=1 -qc \"{text}\"")
        }
    }

    #[track_caller]
    fn nothing_is_left(&self) {
        let state = self.planetscale.state();
        let branches = state["branches"].as_array().unwrap();
        let names: Vec<&str> = branches.iter().filter_map(|branch| branch["name"].as_str()).collect();
        assert_eq!(names, ["main", "main"], "one of each database");
        assert!(branches.iter().all(|branch| branch["credentials"] == json!([])), "{branches:?}");
        self.planetscale.held_to_the_document();
    }
}

fn the_whole_way(database: &'static str) {
    let shop = shop("psway", database, INVENTED);
    for number in [1, 2] {
        shop.lab.spec(number, "shop", "");
        shop.lab.db("provision", number, &[]).fine();
    }
    let (one, two) = (shop.lab.url(1), shop.lab.url(2));
    let migration = shop.command("ALTER TABLE users ADD nick TEXT; INSERT INTO users VALUES (3, 'new', NULL)");
    let migration = format!("test -z \"$PLANETSCALE_SERVICE_TOKEN$PLANETSCALE_SERVICE_TOKEN_ID\" && {migration}");
    shop.lab.db("migrate", 1, &["--", "sh", "-c", &migration]).fine();
    shop.lab.db("migrate", 1, &["--", "sh", "-c", &migration]).fine();
    shop.lab.db("verify", 1, &[]).fine();
    shop.lab.db("provision", 1, &[]).fine();
    assert_eq!(shop.lab.url(1), one, "credentials that work are kept");
    assert_eq!(sql(&one, "SELECT count(*) FROM users").unwrap(), "3");
    assert_eq!(sql(&two, "SELECT count(*) FROM users").unwrap(), "2");
    // One preview's login at the other's place.
    let place_of_two = two.rsplit_once('@').unwrap().1;
    let login_of_one = one.rsplit_once('@').unwrap().0;
    assert!(
        sql(&format!("{login_of_one}@{place_of_two}"), "SELECT 1").is_err(),
        "one preview reached another's branch"
    );

    let listed = shop.lab.list();
    assert_eq!(listed.as_array().unwrap().len(), 2, "{listed}");
    assert_eq!(listed[0]["environment"], shop.lab.environment(1), "{listed}");

    let until = |shop: &Shop| shop.branch(1)["credentials"][0]["expires_at"].as_str().unwrap().to_owned();
    let before = until(&shop);
    thread::sleep(Duration::from_millis(1100));
    shop.lab.db("renew", 1, &[]).fine();
    assert!(until(&shop) > before, "{before}");

    shop.planetscale.call("POST", &shop.path(""), Some(&json!({"name": "somebody-elses"})));
    shop.lab.sweep(&[1]).fine();
    assert!(sql(&two, "SELECT 1").is_err(), "a swept branch's login is gone");
    assert!(shop.branch(2).is_null() && shop.branch(1).is_object());
    shop.planetscale.call("DELETE", &shop.path("/somebody-elses"), None);

    // With a session in it.
    let session = session(&one);
    shop.lab.db("destroy", 1, &[]).fine();
    assert!(session.join().unwrap().is_err(), "a live session outlived its branch");
    assert!(sql(&one, "SELECT 1").is_err());
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

fn a_branch_that_is_not_ours_is_never_touched(database: &'static str) {
    let shop = shop("psforeign", database, INVENTED);
    shop.lab.spec(1, "shop", "");
    // Somebody's own of another parent, without a login.
    shop.planetscale.call("POST", &shop.path(""), Some(&json!({"name": "somebody-elses"})));
    shop.until_ready("somebody-elses");
    let child = json!({"name": shop.name(1), "parent_branch": "somebody-elses"});
    shop.planetscale.call("POST", &shop.path(""), Some(&child));
    for command in ["provision", "renew", "destroy"] {
        shop.lab.db(command, 1, &[]).refused("is no child of `main`: nothing was changed");
    }
    shop.until_ready(&shop.name(1));
    let before = shop.branch(1);
    shop.lab.sweep(&[]).fine();
    assert!(before.is_object());
    assert_eq!(shop.branch(1), before);
    shop.planetscale.call("DELETE", &shop.path("/somebody-elses?delete_descendants=true"), None);
    // Somebody's own, with a login of theirs: by its name it could be ours.
    shop.planetscale.call("POST", &shop.path(""), Some(&json!({"name": shop.name(1)})));
    shop.until_ready(&shop.name(1));
    let login = shop.path(&format!("/{}/{}", shop.name(1), shop.logins()));
    shop.planetscale.call("POST", &login, Some(&json!({"name": "a-developers"})));
    let before = shop.branch(1);
    for command in ["provision", "renew", "destroy"] {
        shop.lab.db(command, 1, &[]).refused("nothing was changed");
    }
    shop.lab.sweep(&[]).fine();
    assert_eq!(shop.branch(1), before);
    // One with the login of another policy's preview.
    shop.planetscale.call("POST", &login, Some(&json!({"name": "dayfly-otherone-baseline"})));
    shop.lab.db("provision", 1, &[]).refused("nothing was changed");
    shop.planetscale.held_to_the_document();
}

fn a_developers_own_branch_outlives_a_sweep(database: &'static str) {
    let shop = shop("pslocal", database, INVENTED);
    let guardrails = shop.lab.guardrails_path();
    let call = |command: &str| {
        let own = ["--baseline", "shop", "--guardrails", &guardrails, "--environment", "local-ada"];
        shop.lab.dayfly(&[&["db", command], &own[..], &["--env-file", ".env"]].concat()).fine()
    };
    call("provision");
    assert_eq!(shop.lab.list()[0]["owner"], "dayfly:local:local-ada");
    shop.lab.sweep(&[]).fine();
    assert_eq!(shop.lab.list().as_array().unwrap().len(), 1);
    call("destroy");
    shop.nothing_is_left();
}

fn a_key_that_is_refused_is_named(database: &'static str) {
    let shop = shop("pskey", database, INVENTED);
    shop.lab.spec(1, "shop", "");
    let mut provision = shop.lab.db_command("provision", 1, &[]);
    let run = output(provision.env("PLANETSCALE_SERVICE_TOKEN", "not-this-one").output().unwrap());
    let why =
        "does not take the key in PLANETSCALE_SERVICE_TOKEN_ID and PLANETSCALE_SERVICE_TOKEN for the baseline `shop`";
    assert!(run.failed(why).err.contains("docs/databases/planetscale.md"));
    let token = service("DAYFLY_TEST_PLANETSCALE_TOKEN_ID");
    let variables = [("PLANETSCALE_SERVICE_TOKEN_ID", &*token), ("PLANETSCALE_SERVICE_TOKEN", "not-this-one")];
    let lab = Lab::new(
        &format!("pskeyless-{database}"),
        &baselines(&shop.planetscale, database, "main", INVENTED),
        &variables,
    );
    lab.dayfly(&["db", "list", "--guardrails", &lab.guardrails_path()]).failed(why);
    lab.sweep(&[]).failed(why);
}

fn faults_on_the_way_change_nothing_at_the_end(database: &'static str) {
    let shop = shop("psfaults", database, INVENTED);
    shop.lab.spec(1, "shop", "");
    let logins = format!("POST */{}", shop.logins());
    for fault in [
        json!({"match": "POST */branches", "lose_answer": true}),
        json!({"match": "POST */branches", "status": 500}),
        json!({"match": "POST */branches", "status": 429, "times": 2, "retry_after": 1}),
        json!({"match": "GET */branches/*", "status": 503}),
        json!({"match": logins, "lose_answer": true}),
        json!({"match": logins, "status": 502}),
    ] {
        shop.planetscale.fault(&fault);
        shop.lab.db("provision", 1, &[]).fine();
        assert_eq!(sql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2", "{fault}");
        let kept = shop.branch(1)["credentials"].as_array().unwrap().len();
        assert_eq!(kept, 1, "a login that nobody knows is left: {fault}");
        shop.planetscale.fault(&json!({"match": "DELETE */branches/*", "lose_answer": true}));
        shop.lab.db("destroy", 1, &[]).fine();
        shop.nothing_is_left();
    }
}

fn a_full_database_says_what_would_make_room(database: &'static str) {
    let shop = shop("psquota", database, INVENTED);
    for number in [1, 2] {
        shop.lab.spec(number, "shop", "");
    }
    shop.lab.db("provision", 1, &[]).fine();
    shop.planetscale.set(&json!({"branch_limit": 3}));
    let run = shop.lab.db("provision", 2, &[]).failed("has 2 branches, 1 of them dayfly's");
    assert!(run.err.contains("branch limit reached") && run.err.contains("dayfly db sweep --apply"), "{}", run.err);
    shop.lab.sweep(&[2]).fine();
    shop.lab.db("provision", 2, &[]).fine();
    shop.lab.db("destroy", 2, &[]).fine();
    shop.nothing_is_left();
}

fn killed_anywhere_and_called_again_it_comes_to_the_same(database: &'static str) {
    let shop = shop("pskill", database, INVENTED);
    shop.lab.spec(1, "shop", "");
    for command in ["provision", "destroy"] {
        shop.lab.killed(command, 1, &[40, 120, 300, 700, 1100]);
        if command == "provision" {
            shop.lab.db("provision", 1, &[]).fine();
            assert_eq!(sql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
            assert_eq!(shop.branch(1)["credentials"].as_array().unwrap().len(), 1);
        }
    }
    shop.lab.db("destroy", 1, &[]).fine();
    // Half made, and its preview gone: no login says whose it is, its name does.
    shop.planetscale.set(&json!({"ready_seconds": 30}));
    let mut child = shop.lab.start("provision", 1, &[]);
    while shop.branch(1).is_null() {
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    shop.lab.sweep(&[]).fine();
    shop.nothing_is_left();
}

fn two_jobs_at_once_make_one_branch(database: &'static str) {
    let shop = shop("psrace", database, INVENTED);
    shop.lab.spec(1, "shop", "");
    // On no branch, then on one whose login is lost, the second Job a bit later each time.
    for milliseconds in [0, 150, 300, 450] {
        let _ = fs::remove_file(shop.lab.env_file(1));
        shop.lab.raced_after("provision", 1, 2, milliseconds);
        assert_eq!(sql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
        assert_eq!(shop.branch(1)["credentials"].as_array().unwrap().len(), 1);
    }
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

fn a_login_that_expired_is_replaced(database: &'static str) {
    let shop = shop("pslease", database, INVENTED);
    let guardrails = fs::read_to_string(shop.lab.path("guardrails.yaml")).unwrap();
    let short = guardrails.replace("    namespace: preview-ops\n", "    namespace: preview-ops\n    lease: 8s\n");
    fs::write(shop.lab.path("guardrails.yaml"), short).unwrap();
    shop.lab.spec(1, "shop", "");
    shop.lab.db("provision", 1, &[]).fine();
    let url = shop.lab.url(1);
    sql(&url, "CREATE TABLE mine (id INT)").unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    while sql(&url, "SELECT 1").is_ok() {
        assert!(Instant::now() < deadline, "it never expired");
        thread::sleep(Duration::from_millis(200));
    }
    let id = shop.branch(1)["id"].clone();
    shop.lab.db("provision", 1, &[]).fine();
    assert_eq!(shop.branch(1)["id"], id, "the branch is the same");
    sql(&shop.lab.url(1), "ALTER TABLE mine ADD name TEXT").expect("what the old login made is the new one's too");
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

/// The old login ends, and a session of it. Through Vitess no session may be ended by SQL.
fn a_rotated_login_is_another(database: &'static str) {
    let shop = shop("psrotate", database, INVENTED);
    shop.planetscale.set(&json!({"vtgate": true}));
    shop.lab.spec(1, "shop", "");
    shop.lab.db("provision", 1, &[]).fine();
    let before = shop.lab.url(1);
    if database == "shop" {
        assert!(sql(&before, "KILL 1").unwrap_err().contains("VT07001"));
    }
    let session = session(&before);
    shop.lab.db("provision", 1, &["--rotate"]).fine();
    assert!(session.join().unwrap().is_err(), "a session of the old login goes on");
    assert!(sql(&before, "SELECT 1").is_err());
    assert_eq!(sql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
    assert_eq!(shop.branch(1)["credentials"].as_array().unwrap().len(), 1);
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

/// Each login is another, and the old one's sessions end with it.
fn a_login_with_all_its_sessions_open_is_told_and_rotated(database: &'static str) {
    let shop = shop("psfull", database, INVENTED);
    shop.lab.spec(1, "shop", "");
    shop.lab.db("provision", 1, &[]).fine();
    let url = shop.lab.url(1);
    let sleep = if database == "shop" { "SELECT SLEEP(60)" } else { "SELECT pg_sleep(60)" };
    let hold = |url: &str| {
        let url = url.to_owned();
        thread::spawn(move || sql(&url, sleep))
    };
    let full = |url: &str, count: usize| -> Vec<_> {
        let mut sessions: Vec<_> = (0..count).map(|_| hold(url)).collect();
        // One that is asked with may have taken the place of one that holds.
        while sql(url, "SELECT 1").is_ok() {
            assert!(sessions.len() < 40, "there is no limit");
            sessions.push(hold(url));
            thread::sleep(Duration::from_millis(50));
        }
        sessions
    };
    let admin = |text: &str| {
        shop.planetscale.control(&json!({"sql": {"database": database, "branch": shop.name(1), "text": text}}));
    };
    let user = user(&url).to_owned();
    if database == "shop" {
        admin(&format!("ALTER USER '{user}'@'%' WITH MAX_USER_CONNECTIONS 2"));
    } else {
        psql(&service("DAYFLY_TEST_POSTGRES18"), &format!("ALTER ROLE \"{user}\" CONNECTION LIMIT 2")).unwrap();
    }
    let sessions = full(&url, 2);
    let started = Instant::now();
    shop.lab.db("provision", 1, &[]).failed("as many sessions as may be: end some");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(shop.lab.url(1), url);
    shop.lab.db("provision", 1, &["--rotate"]).fine();
    assert_ne!(shop.lab.url(1), url);
    for session in sessions {
        assert!(session.join().unwrap().is_err(), "a session of the old login goes on");
    }
    assert_eq!(sql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
    if database == "shop" {
        // The server's own limit, by which nobody gets in.
        admin("SET GLOBAL max_connections = 10");
        let sessions = full(&shop.lab.url(1), 12);
        let started = Instant::now();
        shop.lab.db("provision", 1, &[]).failed("as many sessions as may be: end some");
        assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
        shop.lab.db("destroy", 1, &[]).fine();
        for session in sessions {
            assert!(session.join().unwrap().is_err());
        }
    }
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

/// As in the cluster: a Pod has the login that it began with, and the fresh branch another.
fn without_a_key_the_next_attempt_has_the_fresh_branchs_login(database: &'static str) {
    let shop = shop("pswaited", database, INVENTED);
    let baselines = baselines(&shop.planetscale, database, "main", INVENTED);
    let began = Instant::now();
    shop.lab.without_a_key(&baselines, &shop.command("CREATE TABLE carts (id INT)"));
    assert!(began.elapsed() < Duration::from_mins(3), "{:?}", began.elapsed());
    sql(&shop.lab.url(1), "SELECT id FROM carts").unwrap();
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

fn a_branch_that_cannot_go_loses_its_logins_all_the_same(database: &'static str) {
    let shop = shop("psprotect", database, INVENTED);
    shop.lab.spec(1, "shop", "");
    shop.lab.db("provision", 1, &[]).fine();
    shop.planetscale.control(&json!({"protect": {"database": database, "branch": shop.name(1)}}));
    let url = shop.lab.url(1);
    let run = shop.lab.db("destroy", 1, &[]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(run.err.contains("its logins are gone"), "{}", run.err);
    assert!(sql(&url, "SELECT 1").is_err());
    shop.planetscale.held_to_the_document();
}

fn a_schema_only_branch_has_no_rows(database: &'static str) {
    let shop = shop("psschema", database, "schemaOnly: true");
    shop.lab.spec(1, "shop", "");
    shop.lab.db("provision", 1, &[]).fine();
    assert_eq!(sql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "0");
    // With rows it is another branch.
    shop.lab.guardrails(&baselines(&shop.planetscale, database, "main", INVENTED), "");
    shop.lab.spec(1, "shop", "");
    shop.lab.db("provision", 1, &[]).fine();
    assert_eq!(sql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

fn a_baseline_proves_itself_once_it_was_prepared(database: &'static str) {
    let shop = shop("psprepare", database, "sanitized: {by: masking-job, maxAge: 7d}");
    shop.lab.spec(1, "shop", "");
    shop.lab.db("provision", 1, &[]).refused("was never prepared");
    assert!(shop.branch(1).is_null());
    shop.lab.prepare_baseline(&[]).fine();
    shop.lab.db("provision", 1, &[]).fine();
    assert_eq!(sql(&shop.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
    shop.lab.db("destroy", 1, &[]).fine();
    shop.nothing_is_left();
}

fn a_baseline_that_cannot_be_prepared_keeps_no_login(database: &'static str) {
    let shop = shop("psunprepared", database, INVENTED);
    let records = if database == "shop" {
        "CREATE TABLE _dayfly_runs (x INT)"
    } else {
        "CREATE SCHEMA dayfly_branch; CREATE TABLE dayfly_branch.runs (x int)"
    };
    shop.planetscale.control(&json!({"sql": {"database": database, "branch": "main", "text": records}}));
    shop.lab.prepare_baseline(&[]).refused("has the records of a branch");
    shop.nothing_is_left();
}

fn installations_leave_each_others_branches_alone(database: &'static str) {
    let shop = shop("psshared", database, INVENTED);
    shop.lab.two_installations(&baselines(&shop.planetscale, database, "main", INVENTED));
    shop.nothing_is_left();
}

/// Baselines with parents of their own: what was left half made of each is found.
fn half_made_branches_of_every_parent_are_swept(database: &'static str) {
    let shop = shop("psparents", database, INVENTED);
    shop.planetscale.call(
        "POST",
        &shop.path(""),
        Some(&json!({"name": "second", "seed_data": "last_successful_backup"})),
    );
    shop.until_ready("second");
    let second = baselines(&shop.planetscale, database, "second", INVENTED).replacen("shop:", "other:", 1);
    let both = format!("{}\n{second}", baselines(&shop.planetscale, database, "main", INVENTED));
    shop.lab.guardrails(&both, "");
    shop.lab.spec(1, "shop", "");
    shop.lab.db("provision", 1, &[]).fine();
    for (number, parent) in [(2, "main"), (3, "second")] {
        let half = json!({"name": shop.name(number), "parent_branch": parent});
        shop.planetscale.call("POST", &shop.path(""), Some(&half));
        shop.until_ready(&shop.name(number));
    }
    assert_eq!(shop.lab.list().as_array().unwrap().len(), 3, "each once");
    shop.lab.sweep(&[1]).fine();
    assert!(shop.branch(1).is_object() && shop.branch(2).is_null() && shop.branch(3).is_null());
    shop.lab.db("destroy", 1, &[]).fine();
    shop.planetscale.call("DELETE", &shop.path("/second"), None);
    shop.nothing_is_left();
}
