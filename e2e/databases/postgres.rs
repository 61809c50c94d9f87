//! A PostgreSQL server of one's own: the real one, with a file system that clones, and an administrator that is no superuser.

use std::{
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::{
    lab::{Lab, claim, service},
    page::recipe,
    psql::{Held, Idle, database, password, psql, run_sql, user, with_database, with_login},
};

const USERS: &str = "CREATE TABLE users (id bigint PRIMARY KEY, name text); INSERT INTO users VALUES (1, 'ada');
    CREATE VIEW names AS SELECT name FROM users; CREATE SEQUENCE numbers; CREATE TYPE mood AS ENUM ('fine');
    CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'";

static ALONE: Mutex<()> = Mutex::new(());

/// A server with an administrator as `docs/databases/postgres.md` makes one, and a baseline of this test's own.
pub(crate) struct Server {
    pub(crate) superuser: String,
    pub(crate) admin: String,
    pub(crate) baseline: String,
}

impl Server {
    /// `variable` names the server; `name` this test.
    pub(crate) fn new(variable: &str, name: &str, sql: &str) -> Self {
        claim(&format!("{name} at {variable}"));
        let superuser = service(variable);
        let (admin, baseline, owner) = (format!("{name}_admin"), format!("{name}_baseline"), format!("{name}_owner"));
        // What a failed run left.
        let left = |sql: &str| psql(&superuser, sql).unwrap();
        let theirs =
            format!("SELECT datname FROM pg_database WHERE datdba IN (to_regrole('{admin}'), to_regrole('{owner}'))");
        for database in left(&theirs).lines() {
            psql(&superuser, &format!("ALTER DATABASE {database} IS_TEMPLATE false")).unwrap();
            psql(&superuser, &format!("DROP DATABASE {database} WITH (FORCE)")).unwrap();
        }
        // All tests change the privileges of the same database `postgres`.
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let roles = format!(
            "SELECT rolname FROM pg_roles WHERE rolname ~ '^{name}_(pr_.*|admin|owner)$' ORDER BY rolname DESC"
        );
        for role in left(&roles).lines() {
            psql(&superuser, &format!("DROP OWNED BY {role}; DROP ROLE {role}")).unwrap();
        }
        let page = |name| {
            recipe("databases/postgres.md", name)
                .replace("storefront_baseline", &baseline)
                .replace("storefront_owner", &owner)
                .replace("brancher", &admin)
                .replace("PASSWORD 'LONG-AND-RANDOM'", "PASSWORD 'secret-of-the-admin'")
        };
        run_sql(&superuser, &page("roles")).unwrap();
        drop(alone);
        let inside = with_database(&superuser, &baseline);
        run_sql(&inside, &page("schema")).unwrap();
        psql(&inside, &format!("SET ROLE {owner}; {sql}")).unwrap();
        let admin = with_login(&superuser, &admin, "secret-of-the-admin");
        Self { superuser, admin, baseline }
    }

    /// The guardrails' entry, with what makes it safe.
    pub(crate) fn entry(&self, safe: &str) -> String {
        format!(
            "shop: {{provider: postgres, database: {}, {safe}, endpoint: {{cidrs: [10.0.0.0/8], port: 5432}}}}",
            self.baseline
        )
    }

    pub(crate) fn lab(&self, policy: &str, safe: &str) -> Lab {
        Lab::new(policy, &self.entry(safe), &[("DAYFLY_DATABASE_ADMIN_URL", &self.admin)])
    }

    /// Databases and roles of a test's previews.
    pub(crate) fn left(&self, policy: &str) -> String {
        let sql = format!(
            "SELECT datname FROM pg_database WHERE datname LIKE '{policy}\\_pr%'
             UNION ALL SELECT rolname FROM pg_roles WHERE rolname LIKE '{policy}\\_pr%'
             UNION ALL SELECT datname FROM pg_database WHERE datname ~ '^dayfly_[a-z2-7]{{8}}$' AND datdba = '{}'::regrole",
            user(&self.admin)
        );
        psql(&self.superuser, &sql).unwrap()
    }
}

const SYNTHETIC: &str = "synthetic: {by: seeds}";

#[test]
fn a_branch_has_the_baselines_data_and_its_own_role_alone_may_use_it() {
    // The newer one's files are on XFS.
    for (variable, policy, method) in
        [("DAYFLY_TEST_POSTGRES18", "alone", "cloned"), ("DAYFLY_TEST_POSTGRES15", "older", "copied")]
    {
        let server = Server::new(variable, policy, USERS);
        let lab = server.lab(policy, SYNTHETIC);
        lab.prepare_baseline(&[]).fine();
        for number in [1, 2] {
            lab.spec(number, "shop", "");
            let said = lab.db("provision", number, &["--log", "json"]).fine().err;
            assert!(said.contains(&format!(r#""method":"{method}""#)), "{said}");
        }
        let (one, two) = (lab.url(1), lab.url(2));
        let limit = format!("SELECT rolconnlimit FROM pg_roles WHERE rolname = '{}'", user(&one));
        assert_eq!(psql(&server.superuser, &limit).unwrap(), "30");
        psql(&one, "INSERT INTO users VALUES (2, 'grace'); ALTER TABLE users ADD mail text; CREATE TABLE more (id int); SELECT one()").unwrap();
        assert_eq!(psql(&one, "SELECT count(*) FROM names").unwrap(), "2");
        assert_eq!(psql(&two, "SELECT count(*) FROM names").unwrap(), "1");
        let database_of_two = database(&two);
        for other in [database_of_two, &server.baseline] {
            let error = psql(&with_database(&one, other), "SELECT 1").unwrap_err();
            assert!(error.contains("permission denied") || error.contains("not currently accepting"), "{error}");
        }
        assert!(psql(&one, "CREATE DATABASE mine").is_err());
        let list = lab.dayfly(&["db", "list", "--guardrails", &lab.guardrails_path(), "-o", "json"]).fine();
        assert!(list.out.contains(&lab.environment(2)), "{}", list.out);
        for number in [1, 2, 2] {
            lab.db("destroy", number, &[]).fine();
        }
        assert_eq!(server.left(policy), "");
        assert!(!lab.env_file(1).exists());
    }
}

/// The baseline as many have it: everything belongs to the superuser, and that is also the administrator.
#[test]
fn a_superusers_objects_do_not_make_a_superuser() {
    let superuser = service("DAYFLY_TEST_POSTGRES18");
    psql(&superuser, "DROP DATABASE IF EXISTS mighty_baseline WITH (FORCE)").unwrap();
    psql(&superuser, "CREATE DATABASE mighty_baseline").unwrap();
    psql(
        &with_database(&superuser, "mighty_baseline"),
        &format!("{USERS}; CREATE SCHEMA more; CREATE TABLE more.t (id serial)"),
    )
    .unwrap();
    let entry = "shop: {provider: postgres, database: mighty_baseline, synthetic: {by: seeds}, endpoint: {cidrs: [10.0.0.0/8], port: 5432}}";
    let lab = Lab::new("mighty", entry, &[("DAYFLY_DATABASE_ADMIN_URL", &superuser)]);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let url = lab.url(1);
    psql(&url, "ALTER TABLE users ADD mail text; INSERT INTO more.t DEFAULT VALUES; DROP VIEW names; ALTER TYPE mood ADD VALUE 'bad'").unwrap();
    let mighty =
        psql(&url, "SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = current_user");
    assert_eq!(mighty.unwrap(), "f");
    assert!(psql(&url, "SET ROLE postgres").is_err());
    lab.db("destroy", 1, &[]).fine();
}

#[test]
fn a_right_that_the_administrator_lacks_is_named() {
    let server = Server::new("DAYFLY_TEST_POSTGRES15", "rights", USERS);
    let lab = server.lab("rights", SYNTHETIC);
    lab.spec(1, "shop", "");
    let provision = |sql: &str, why: &str| {
        psql(&server.superuser, sql).unwrap();
        let run = lab.db("provision", 1, &[]).failed(why);
        assert!(run.err.contains("docs/databases/postgres.md") || run.err.contains("CREATEDB"), "{}", run.err);
    };
    provision("ALTER ROLE rights_admin NOCREATEROLE", "the administrator needs CREATEROLE");
    provision("ALTER ROLE rights_admin CREATEROLE NOCREATEDB", "the administrator CREATEDB");
    provision(
        "ALTER ROLE rights_admin CREATEDB; REVOKE rights_owner FROM rights_admin",
        "the data of the baseline `shop` cannot be looked at",
    );
    // Its role is there by now.
    psql(&server.superuser, "GRANT rights_owner TO rights_admin WITH ADMIN OPTION").unwrap();
    provision("ALTER ROLE rights_admin NOCREATEROLE", "the administrator needs CREATEROLE");
    psql(&server.superuser, "ALTER ROLE rights_admin CREATEROLE").unwrap();
    lab.db("provision", 1, &[]).fine();
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("rights"), "");
}

#[test]
fn credentials_stay_while_they_work_and_are_made_anew_when_they_do_not() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "kept", USERS);
    let lab = server.lab("kept", SYNTHETIC);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let first = lab.url(1);
    psql(&first, "INSERT INTO users VALUES (7, 'mine')").unwrap();
    lab.db("provision", 1, &[]).fine();
    lab.db("verify", 1, &[]).fine();
    assert_eq!(lab.url(1), first);
    let session = Idle::of(&first);
    lab.db("provision", 1, &["--rotate"]).fine();
    session.ended();
    let rotated = lab.url(1);
    assert_ne!(rotated, first);
    assert!(psql(&first, "SELECT 1").is_err());
    let first = rotated;
    // Lost, or changed by somebody: the data stay.
    std::fs::remove_file(lab.env_file(1)).unwrap();
    lab.db("provision", 1, &[]).fine();
    let second = lab.url(1);
    assert_ne!(second, first);
    assert!(psql(&first, "SELECT 1").is_err());
    assert_eq!(psql(&second, "SELECT name FROM users WHERE id = 7").unwrap(), "mine");
    let until = "SELECT rolvaliduntil > now() + interval '47 hours' FROM pg_roles WHERE rolname = session_user";
    assert_eq!(psql(&second, until).unwrap(), "t");
    psql(&server.superuser, &format!("ALTER ROLE {} VALID UNTIL '{}'", user(&second), "2020-01-01")).unwrap();
    lab.db("renew", 1, &[]).fine();
    assert_eq!(psql(&second, until).unwrap(), "t");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("kept"), "");
}

/// By its end, a role that was let in is told from one that is half made.
#[test]
fn a_role_that_is_half_made_is_not_renewed() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "halfrole", USERS);
    let lab = server.lab("halfrole", SYNTHETIC);
    lab.spec(1, "shop", "");
    let role = || {
        let sql = "SELECT rolcanlogin, rolvaliduntil FROM pg_roles WHERE rolname LIKE 'halfrole\\_pr%'";
        psql(&server.superuser, sql).unwrap()
    };
    // Who is in the baseline keeps it from being copied.
    let holder = Idle::of(&with_database(&server.superuser, &server.baseline));
    let mut job = lab.start("provision", 1, &[]);
    while role() != "f|" {
        thread::sleep(Duration::from_millis(20));
    }
    job.kill().unwrap();
    job.wait().unwrap();
    lab.db("renew", 1, &[]).fine();
    assert_eq!(role(), "f|");
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", server.baseline);
    psql(&server.superuser, &end).unwrap();
    holder.ended();
    lab.db("provision", 1, &[]).fine();
    let until = role();
    assert!(until.starts_with("t|2"), "{until}");
    thread::sleep(Duration::from_secs(1));
    lab.db("renew", 1, &[]).fine();
    assert!(role() > until);
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("halfrole"), "");
}

#[test]
fn somebody_elses_database_is_never_touched() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "foreign", USERS);
    let lab = server.lab("foreign", SYNTHETIC);
    let spec = std::fs::read_to_string(lab.spec(1, "shop", "")).unwrap();
    let name = |key: &str| spec.split(&format!("\"{key}\":\"")).nth(1).unwrap().split('"').next().unwrap().to_owned();
    let (branch, role) = (name("branch"), name("role"));
    psql(&server.superuser, &format!("CREATE DATABASE {branch}")).unwrap();
    for command in ["provision", "destroy", "verify"] {
        lab.db(command, 1, &[]).refused("nothing was changed");
    }
    assert_eq!(psql(&server.superuser, &format!("SELECT 1 FROM pg_roles WHERE rolname = '{role}'")).unwrap(), "");
    psql(&server.superuser, &format!("DROP DATABASE {branch}")).unwrap();
    psql(&server.superuser, &format!("CREATE ROLE {role}")).unwrap();
    lab.db("provision", 1, &[]).refused("nothing was changed");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(psql(&server.superuser, &format!("SELECT 1 FROM pg_roles WHERE rolname = '{role}'")).unwrap(), "1");
    // Nor what took the place of a branch's database, or lost its mark.
    psql(&server.superuser, &format!("DROP ROLE {role}")).unwrap();
    lab.db("provision", 1, &[]).fine();
    let database = format!("SELECT count(*) FROM pg_database WHERE datname = '{branch}'");
    psql(&server.superuser, &format!("COMMENT ON DATABASE {branch} IS NULL")).unwrap();
    lab.db("provision", 1, &[]).refused("nothing was changed");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(psql(&server.superuser, &database).unwrap(), "1");
    psql(&server.superuser, &format!("DROP DATABASE {branch}")).unwrap();
    lab.only_orphans("foreign-");
    let guardrails = lab.guardrails_path();
    lab.dayfly(&["db", "sweep", "--guardrails", &guardrails, "--alive", "alive", "--apply"]);
    assert_eq!(server.left("foreign"), "");
    psql(&server.superuser, &format!("CREATE ROLE {role}")).unwrap();
    // Of another policy with the same environment: not ours either.
    psql(&server.superuser, &format!("DROP ROLE {role}")).unwrap();
    lab.db("provision", 1, &[]).fine();
    let file = lab.spec_file(1);
    std::fs::write(&file, spec.replace("dayfly:foreign:", "dayfly:other:")).unwrap();
    lab.db("destroy", 1, &[]).refused("nothing was changed");
    std::fs::write(&file, spec).unwrap();
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("foreign"), "");
}

#[test]
fn two_jobs_at_once_end_as_one() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "raced", USERS);
    let lab = server.lab("raced", SYNTHETIC);
    for number in 1..=3 {
        lab.spec(number, "shop", "");
        lab.raced("provision", number, 4);
        assert_eq!(psql(&lab.url(number), "SELECT count(*) FROM users").unwrap(), "1");
        lab.raced("destroy", number, 3);
    }
    assert_eq!(server.left("raced"), "");
}

#[test]
fn a_role_that_somebody_changes_at_the_same_moment_is_changed_after_that() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "changed", USERS);
    let lab = server.lab("changed", SYNTHETIC);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let role = user(&lab.url(1)).to_owned();
    // Until somebody waits for it: PostgreSQL refuses who waited.
    let change = format!(
        "SET statement_timeout = '20s';
         DO $$ BEGIN
             ALTER ROLE {role} VALID UNTIL '2001-01-01';
             WHILE NOT EXISTS (SELECT FROM pg_stat_activity
                 WHERE usename = 'changed_admin' AND wait_event_type = 'Lock' AND query LIKE 'ALTER ROLE%')
             LOOP
                 PERFORM pg_sleep(0.02), pg_stat_clear_snapshot();
             END LOOP;
         END $$"
    );
    let begun = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND query LIKE '%changed_admin%'";
    for command in ["renew", "destroy"] {
        let (url, sql) = (server.superuser.clone(), change.clone());
        let changing = thread::spawn(move || psql(&url, &sql));
        while psql(&server.superuser, begun).unwrap() != "1" {
            assert!(!changing.is_finished(), "{:?}", changing.join());
        }
        lab.db(command, 1, &[]).fine();
        changing.join().unwrap().unwrap();
    }
    assert_eq!(server.left("changed"), "");
}

#[test]
fn a_session_that_another_job_ends_is_opened_again() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "ended", USERS);
    let lab = server.lab("ended", SYNTHETIC);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    // As a rotation does, right after it published the password that this one has.
    let inside = with_database(&server.superuser, &lab.branch_name(1));
    let waits = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let end = format!(
        "SET statement_timeout = '20s';
         DO $$ BEGIN
             LOCK TABLE dayfly_branch.runs;
             WHILE NOT EXISTS (SELECT {waits}) LOOP PERFORM pg_sleep(0.02), pg_stat_clear_snapshot(); END LOOP;
             PERFORM pg_terminate_backend(pid) {waits};
         END $$"
    );
    let ending = thread::spawn(move || psql(&inside, &end));
    lab.db("provision", 1, &[]).fine();
    while !ending.is_finished() {
        lab.db("provision", 1, &[]).fine();
    }
    ending.join().unwrap().unwrap();
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("ended"), "");
}

#[test]
fn records_that_another_job_makes_at_the_same_moment_are_there() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "records", USERS);
    let lab = server.lab("records", SYNTHETIC);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    // As the team's programs may, or as it is where the branch was made anew for a Job that waits for it.
    let url = lab.url(1);
    psql(&url, "DROP SCHEMA dayfly_branch CASCADE").unwrap();
    let make =
        "CREATE SCHEMA dayfly_branch; CREATE TABLE dayfly_branch.runs (step text PRIMARY KEY, input text NOT NULL,
        state text NOT NULL, command text NOT NULL, at timestamptz NOT NULL DEFAULT now())";
    let waits = "FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let sql = format!(
        "SET statement_timeout = '20s';
         DO $$ BEGIN
             {make};
             SET ROLE NONE;
             WHILE NOT EXISTS (SELECT {waits}) LOOP PERFORM pg_sleep(0.02), pg_stat_clear_snapshot(); END LOOP;
         END $$"
    );
    let making = thread::spawn(move || psql(&url, &sql));
    let begun = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%CREATE SCHEMA dayfly_branch%' AND wait_event = 'PgSleep'";
    while psql(&server.superuser, begun).unwrap() != "1" {
        assert!(!making.is_finished(), "{:?}", making.join());
    }
    lab.db("provision", 1, &[]).fine();
    making.join().unwrap().unwrap();
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("records"), "");
}

#[test]
fn a_branch_that_is_made_anew_meanwhile_keeps_its_password() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "anew", USERS);
    let lab = server.lab("anew", SYNTHETIC);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let (branch, url) = (lab.branch_name(1), lab.url(1));
    let locked = Idle::after(
        &with_database(&server.superuser, &branch),
        &["BEGIN; LOCK TABLE dayfly_branch.runs; SELECT pg_sleep(600)"],
    );
    let (said, mut job) = lab.told("provision", 1, &[]);
    let waits =
        format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{branch}' AND wait_event_type = 'Lock'");
    while psql(&server.superuser, &waits).unwrap() != "1" {
        assert!(job.try_wait().unwrap().is_none(), "{}", said());
        thread::sleep(Duration::from_millis(20));
    }
    let held = Held::of(&server.superuser, &branch);
    psql(&server.superuser, &format!("DROP DATABASE {branch} WITH (FORCE)")).unwrap();
    locked.ended();
    while !said().contains("waiting for another Job that works on") {
        assert!(job.try_wait().unwrap().is_none(), "{}", said());
        thread::sleep(Duration::from_millis(20));
    }
    held.release();
    assert!(job.wait().unwrap().success(), "{}", said());
    assert_eq!(lab.url(1), url);
    assert_eq!(psql(&url, "SELECT name FROM users").unwrap(), "ada");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("anew"), "");
}

#[test]
fn a_branch_that_goes_meanwhile_may_be_asked_for_again() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "went", USERS);
    let lab = server.lab("went", SYNTHETIC);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let (branch, role) = (lab.branch_name(1), user(&lab.url(1)).to_owned());
    std::fs::remove_file(lab.env_file(1)).unwrap();
    let held = Held::of(&server.superuser, &branch);
    let (said, mut job) = lab.told("provision", 1, &[]);
    while !said().contains("waiting for another Job that works on") {
        assert!(job.try_wait().unwrap().is_none(), "{}", said());
        thread::sleep(Duration::from_millis(20));
    }
    psql(&server.superuser, &format!("DROP DATABASE {branch}")).unwrap();
    psql(&server.superuser, &format!("DROP ROLE {role}")).unwrap();
    held.release();
    // A Job that was refused is not tried again.
    assert_eq!(job.wait().unwrap().code(), Some(2), "{}", said());
    assert!(said().contains("the branch is gone already"), "{}", said());
    lab.db("provision", 1, &[]).fine();
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("went"), "");
}

#[test]
fn a_job_killed_anywhere_is_resumed() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "killed", USERS);
    let lab = server.lab("killed", SYNTHETIC);
    lab.spec(1, "shop", "");
    for round in 0..12 {
        lab.killed("provision", 1, &[round * 8, round * 13]);
        lab.db("provision", 1, &[]).fine();
        assert_eq!(psql(&lab.url(1), "SELECT count(*) FROM users").unwrap(), "1");
        lab.killed("destroy", 1, &[round * 5]);
        lab.db("destroy", 1, &[]).fine();
        assert_eq!(server.left("killed"), "", "after round {round}");
    }
}

#[test]
fn live_sessions_end_with_the_branch() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "live", USERS);
    let lab = server.lab("live", SYNTHETIC);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let url = lab.url(1);
    let sessions: Vec<Idle> = (0..5).map(|_| Idle::of(&url)).collect();
    let count =
        format!("SELECT count(*) FROM pg_stat_activity WHERE usename = '{}' AND query LIKE '%pg_sleep%'", user(&url));
    while psql(&server.superuser, &count).unwrap() != "5" {
        thread::sleep(Duration::from_millis(20));
    }
    let started = Instant::now();
    lab.db("destroy", 1, &[]).fine();
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    sessions.into_iter().for_each(Idle::ended);
    assert_eq!(server.left("live"), "");
}

#[test]
fn encryption_is_verified_where_it_is_asked_for() {
    let server = Server::new("DAYFLY_TEST_POSTGRES15", "sealed", USERS);
    let authority = service("DAYFLY_TEST_POSTGRES15_CA");
    let (base, _) = server.admin.split_once('?').unwrap_or((&server.admin, ""));
    let lab = |parameters: &str| {
        Lab::new("sealed", &server.entry(SYNTHETIC), &[("DAYFLY_DATABASE_ADMIN_URL", &format!("{base}?{parameters}"))])
    };
    let own = "sslkey=/admin.key&sslpassword=of-the-key&passfile=/admin.passwords";
    let good = lab(&format!("{own}&sslmode=verify-full&sslrootcert={authority}"));
    good.spec(1, "shop", "");
    for _ in 0..2 {
        good.db("provision", 1, &[]).fine();
        // The file is written beside the authority's; nothing of the administrator's own is in it.
        assert!(good.url(1).ends_with(&format!("?sslmode=verify-full&sslrootcert={authority}")), "{}", good.url(1));
    }
    assert_eq!(
        psql(&good.url(1), "SET ROLE NONE; SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").unwrap(),
        "t"
    );
    good.db("destroy", 1, &[]).fine();
    // The authority's file for the Jobs alone: a preview gets no path of theirs.
    let variables =
        [("DAYFLY_DATABASE_ADMIN_URL", &*format!("{base}?sslmode=verify-full")), ("SSL_CERT_FILE", &*authority)];
    let apart = Lab::new("sealed", &server.entry(SYNTHETIC), &variables);
    apart.spec(1, "shop", "");
    apart.db("provision", 1, &[]).fine();
    assert!(apart.url(1).ends_with("?sslmode=verify-full"));
    apart.db("destroy", 1, &[]).fine();
    let bad = lab("sslmode=require");
    bad.spec(1, "shop", "");
    // Nobody waits for a certificate to become another.
    let run = bad.db("provision", 1, &[]).failed("invalid peer certificate");
    assert!(!run.err.contains("secret-of-the-admin"), "{}", run.err);
}

#[test]
fn no_secret_is_ever_said() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "mute", USERS);
    let lab = server.lab("mute", SYNTHETIC);
    lab.spec(1, "shop", "");
    let (mut said, mut passwords) = (String::new(), Vec::new());
    for (command, more) in [
        ("provision", &[][..]),
        ("migrate", &["--", "false"]),
        ("migrate", &["--", "true"]),
        ("verify", &["--log", "json"]),
        ("destroy", &["--log", "json"]),
    ] {
        let run = lab.db(command, 1, more);
        passwords.extend(lab.env_file(1).exists().then(|| password(&lab.url(1)).to_owned()));
        said.push_str(&run.out);
        said.push_str(&run.err);
    }
    assert!(passwords.len() > 3 && passwords.iter().all(|password| password.len() > 20), "{passwords:?}");
    for password in passwords {
        assert!(!said.contains(&password), "{said}");
    }
    assert!(!said.contains("secret-of-the-admin"), "{said}");
    let wrong = server.admin.replace("secret-of-the-admin", "a-wrong-secret");
    let lab = Lab::new("mute", &server.entry(SYNTHETIC), &[("DAYFLY_DATABASE_ADMIN_URL", &wrong)]);
    lab.spec(1, "shop", "");
    let run = lab.db("provision", 1, &[]);
    assert_eq!(run.code, Some(2), "{}", run.err);
    assert!(run.err.contains("refuses the administrator") && !run.err.contains("a-wrong-secret"), "{}", run.err);
    let why = "the URL in DAYFLY_DATABASE_ADMIN_URL does not open the server of the baseline `shop`";
    run.failed(why);
    lab.dayfly(&["db", "list", "--guardrails", &lab.guardrails_path()]).failed(why);
}
