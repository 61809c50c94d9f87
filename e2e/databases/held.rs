//! What one preview or a machine that died holds on a server keeps no other branch.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::{
    lab::{Lab, ended},
    mysql,
    postgres::Server,
    psql::{Idle, psql, until, user, with_database},
};

const USERS: &str = "CREATE TABLE users (id bigint)";

const SYNTHETIC: &str = "synthetic: {by: seeds}";

/// A login may change its own row of the server's catalogue, and holds it until it has said that it is done.
#[test]
fn a_session_that_holds_its_own_role_keeps_no_branch_from_going() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "held", USERS);
    let lab = server.lab("held", SYNTHETIC);
    lab.guardrails(&server.entry(SYNTHETIC), "    deadline: 30s\n");
    let hold = ["SET ROLE NONE", "BEGIN", "ALTER ROLE CURRENT_USER PASSWORD 'x'"];
    let sessions = [1, 2, 3].map(|number| {
        lab.spec(number, "shop", "");
        lab.db("provision", number, &[]).fine();
        Idle::after(&lab.url(number), &hold)
    });
    let started = Instant::now();
    let said = lab.db("renew", 1, &[]).failed("canceling statement due to lock timeout").err;
    assert!((4..12).contains(&started.elapsed().as_secs()), "{said}");
    let started = Instant::now();
    lab.db("destroy", 1, &[]).fine();
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    lab.only_orphans("held-");
    let guardrails = lab.guardrails_path();
    let swept = lab.dayfly(&["db", "sweep", "--guardrails", &guardrails, "--alive", "alive", "--apply"]);
    assert_eq!(server.left("held"), "", "{}", swept.err);
    for session in sessions {
        session.ended();
    }
}

/// `dayfly db prepare-baseline`, running, once `what` is among the server's sessions in the baseline.
fn preparing(server: &Server, lab: &Lab, what: &str) -> Child {
    let mut call = lab.prepare_command(&[]);
    let preparation = call.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let there = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}' AND ({what})", server.baseline);
    until(|| psql(&server.superuser, &there).unwrap() != "0", "nobody prepares it as far as that");
    preparation
}

/// As its Pod is evicted, or as its machine dies.
#[test]
fn a_baseline_whose_preparation_is_ended_is_as_frozen_as_it_was() {
    for (variable, name) in [("DAYFLY_TEST_POSTGRES18", "evicted"), ("DAYFLY_TEST_POSTGRES15", "evicted15")] {
        let server = Server::new(variable, name, USERS);
        let lab = server.lab(name, SYNTHETIC);
        lab.spec(1, "shop", "");
        let ask = |sql: &str| psql(&server.superuser, sql).unwrap();
        let is_open = format!("SELECT datallowconn FROM pg_database WHERE datname = '{}'", server.baseline);
        for signal in ["TERM", "KILL"] {
            let inside = with_database(&server.superuser, &server.baseline);
            ask(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", server.baseline));
            let holder = Idle::after(&inside, &["BEGIN", "LOCK TABLE users"]);
            ask(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS false", server.baseline));
            let preparation = preparing(&server, &lab, "wait_event_type = 'Lock'");
            assert_eq!(ask(&is_open), "f", "somebody may come while it is prepared");
            Command::new("kill").arg(format!("-{signal}")).arg(preparation.id().to_string()).status().unwrap();
            let said = ended(preparation);
            let said = if signal == "TERM" { said.failed("ended by SIGTERM").err } else { said.err };
            assert!(!said.contains("not left as it was found"), "{said}");
            assert_eq!(ask(&is_open), "f", "{said}");
            // The server would go on, and keep old rows for whoever else prepares a baseline.
            ask(&format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'",
                server.baseline
            ));
            holder.ended();
        }
        lab.prepare_baseline(&[]).fine();
    }
}

/// The marker says that nobody writes to it any more.
#[test]
fn a_baseline_is_shut_before_it_is_marked() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "unmarked", USERS);
    let lab = server.lab("unmarked", "sanitized: {by: masking-job, maxAge: 7d}");
    lab.spec(1, "shop", "");
    let inside = with_database(&server.superuser, &server.baseline);
    let slow =
        "CREATE FUNCTION public.slow() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); END';
        CREATE EVENT TRIGGER slow ON ddl_command_start WHEN TAG IN ('CREATE SCHEMA') EXECUTE FUNCTION public.slow()";
    psql(&inside, slow).unwrap();
    let ask = |sql: &str| psql(&server.superuser, sql).unwrap();
    let database = format!("pg_database WHERE datname = '{}'", server.baseline);
    for signal in ["TERM", "KILL"] {
        let preparation = preparing(&server, &lab, "wait_event = 'PgSleep'");
        assert_eq!(ask(&format!("SELECT datallowconn FROM {database}")), "f");
        Command::new("kill").arg(format!("-{signal}")).arg(preparation.id().to_string()).status().unwrap();
        let said = ended(preparation).err;
        // Whoever was ended in order leaves it as it was.
        let left = if signal == "TERM" { "t" } else { "f" };
        assert_eq!(ask(&format!("SELECT datallowconn FROM {database}")), left, "{said}");
        let others =
            format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", server.baseline);
        ask(&others);
    }
    lab.db("provision", 1, &[]).refused("was never prepared");
    assert_eq!(server.left("unmarked"), "");
}

/// The marker vouches for the data: whoever is in may write to them, and whoever opens it again lets everybody.
#[test]
fn a_baseline_is_marked_alone_and_never_opened_again() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "marked", USERS);
    let lab = server.lab("marked", "sanitized: {by: masking-job, maxAge: 7d}");
    let inside = with_database(&server.superuser, &server.baseline);
    let ask = |sql: &str| psql(&server.superuser, sql).unwrap();
    let is_open = format!("SELECT datallowconn FROM pg_database WHERE datname = '{}'", server.baseline);
    // It waits for what it is told next.
    let mut masking = Command::new("psql");
    let mut masking =
        masking.args(["--no-psqlrc", &inside]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let there = format!("SELECT count(*) FROM pg_stat_activity WHERE datname = '{}'", server.baseline);
    until(|| ask(&there) == "1", "the masking job does not come");
    let said = lab.prepare_baseline(&[]).refused("and could write to it once it is marked: end them").err;
    assert!(said.contains("sessions of `"), "{said}");
    assert_eq!(ask(&is_open), "t", "nothing was marked");
    assert_eq!(psql(&inside, "SELECT to_regclass('dayfly.baseline') IS NULL").unwrap(), "t");
    masking.kill().unwrap();
    masking.wait().unwrap();
    // What follows the marker takes its time, or fails.
    let slow = |what: &str| {
        format!(
            "CREATE OR REPLACE FUNCTION public.slow(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
               'BEGIN IF current_query() LIKE ''VACUUM%'' THEN {what}; END IF; RETURN $1; END'"
        )
    };
    let trigger = "CREATE FUNCTION public.index() RETURNS event_trigger LANGUAGE plpgsql AS
           'BEGIN CREATE INDEX ON dayfly.baseline (public.slow(statement)); END';
         CREATE EVENT TRIGGER index ON ddl_command_end WHEN TAG IN ('CREATE TABLE') EXECUTE FUNCTION public.index()";
    psql(&inside, &format!("{}; {trigger}", slow("RAISE ''no''"))).unwrap();
    lab.prepare_baseline(&[]).failed("the marker cannot be written into the baseline");
    assert_eq!(ask(&is_open), "f");
    ask(&format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", server.baseline));
    assert_eq!(psql(&inside, "SELECT count(*) FROM dayfly.baseline").unwrap(), "1");
    psql(&inside, &format!("DROP TABLE dayfly.baseline; {}", slow("PERFORM pg_sleep(600)"))).unwrap();
    let preparation = preparing(&server, &lab, "wait_event = 'PgSleep'");
    Command::new("kill").arg("-TERM").arg(preparation.id().to_string()).status().unwrap();
    let said = ended(preparation).failed("ended by SIGTERM").err;
    assert_eq!(ask(&is_open), "f", "{said}");
}

/// Servers may end the statements of clients that are gone.
#[test]
fn a_baseline_that_nobody_entered_is_shut_all_the_same() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "unentered", USERS);
    let lab = server.lab("unentered", SYNTHETIC);
    let ask = |sql: &str| psql(&server.superuser, sql).unwrap();
    let baseline = &server.baseline;
    ask("ALTER ROLE unentered_admin SET client_connection_check_interval = '50ms'");
    ask(&format!("ALTER DATABASE {baseline} ALLOW_CONNECTIONS false CONNECTION LIMIT 0"));
    let mut call = lab.prepare_command(&[]);
    let mut preparation = call.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let is_open = format!("SELECT datallowconn FROM pg_database WHERE datname = '{baseline}'");
    until(|| ask(&is_open) == "t", "nobody is let in");
    preparation.kill().unwrap();
    preparation.wait().unwrap();
    until(|| ask(&is_open) == "f", "it stays open");
}

/// Nobody copies a database that somebody is in, and whoever waits for that wants to know whom to ask.
#[test]
fn who_is_in_a_baseline_that_is_to_be_copied_is_told() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "occupied", USERS);
    let lab = server.lab("occupied", SYNTHETIC);
    lab.guardrails(&server.entry(SYNTHETIC), "    deadline: 30s\n");
    lab.spec(1, "shop", "");
    let holder = Idle::of(&with_database(&server.admin, &server.baseline));
    let (said, mut waiting) = lab.told("provision", 1, &[]);
    until(
        || {
            said()
                .contains("trying again: sessions of occupied_admin are in the baseline `occupied_baseline`: end them")
        },
        "nobody is named",
    );
    drop(holder);
    psql(
        &server.superuser,
        &format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", server.baseline),
    )
    .unwrap();
    assert!(waiting.wait().unwrap().success(), "{}", said());
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("occupied"), "");
}

/// A subscription, a prepared transaction and a slot hold a database, and are nobody's session.
#[test]
fn what_holds_a_database_is_told_as_the_server_says_it() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "slotted", USERS);
    let lab = server.lab("slotted", SYNTHETIC);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let inside = with_database(&server.superuser, &lab.branch_name(1));
    psql(&inside, "CREATE SUBSCRIPTION slotted CONNECTION 'host=live' PUBLICATION p WITH (connect = false)").unwrap();
    let run = lab.db("destroy", 1, &[]);
    psql(&inside, "ALTER SUBSCRIPTION slotted SET (slot_name = NONE); DROP SUBSCRIPTION slotted").unwrap();
    let said = run.failed("cannot be dropped: mend what the server says, then call this again: ").err;
    assert!(said.contains("used by logical replication subscription") && said.contains("[55006]"), "{said}");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("slotted"), "");
}

/// A machine that died keeps its locks no longer than either side notices.
#[test]
fn both_sides_ask_whether_the_other_is_still_there() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "asked", USERS);
    let lab = server.lab("asked", SYNTHETIC);
    lab.spec(1, "shop", "");
    let lock = format!("SELECT pg_advisory_lock(hashtextextended('dayfly:{}', 0))", lab.branch_name(1));
    let another = Idle::after(&server.admin, &[&lock]);
    let mut waiting = lab.start("provision", 1, &[]);
    let ports = "SELECT client_port || ' ' || inet_server_port() FROM pg_stat_activity WHERE application_name = 'dayfly' AND usename = 'asked_admin' AND query LIKE '%advisory%'";
    let end = Instant::now() + Duration::from_secs(20);
    // The kernel's list: `ADDRESS:PORT`, then `02:` and hundredths of a second until a connection is asked for.
    let asked_within = |ports: &str| -> Vec<u64> {
        let ports = ports.split_whitespace().map(|port| format!(":{:04X}", port.parse::<u16>().unwrap_or_default()));
        let ports: Vec<String> = ports.collect();
        let list = std::fs::read_to_string("/proc/net/tcp").unwrap();
        let lines = list.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let ends = |side: &str| ports.iter().any(|port| side.ends_with(port));
        let of_both = lines.filter(|fields| ends(fields[1]) && ends(fields[2]));
        of_both.filter_map(|fields| u64::from_str_radix(fields[5].strip_prefix("02:")?, 16).ok()).collect()
    };
    loop {
        let timers = asked_within(&psql(&server.superuser, ports).unwrap());
        if timers.len() == 2 && timers.iter().all(|hundredths| *hundredths <= 3100) {
            break;
        }
        assert!(Instant::now() < end, "{timers:?}");
        thread::sleep(Duration::from_millis(50));
    }
    psql(&server.superuser, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'asked_admin' AND query LIKE '%pg_sleep%'").unwrap();
    another.ended();
    assert!(waiting.wait().unwrap().success());
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("asked"), "");
}

/// MySQL has no such question: its server gives up a session that says nothing.
#[test]
fn mysql_waits_minutes_for_a_machine_that_died() {
    let server = mysql::Server::new("mysql", "DAYFLY_TEST_MYSQL");
    let lab = server.lab("silent", &server.baseline("my_silent", "CREATE TABLE users (id BIGINT)"));
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let job = lab.start("migrate", 1, &["--", "sh", "-c", "touch begun; until [ -e seen ]; do sleep 0.1; done"]);
    while !lab.path("begun").exists() {
        thread::sleep(Duration::from_millis(20));
    }
    let user = user(&lab.url(1)).to_owned();
    let limits = server.sql(&format!(
        "SELECT GROUP_CONCAT(variable_value) FROM performance_schema.variables_by_thread JOIN performance_schema.threads USING (thread_id) WHERE variable_name = 'wait_timeout' AND processlist_user = '{user}'"
    ));
    fs::write(lab.path("seen"), "").unwrap();
    ended(job).fine();
    assert_eq!(limits, "300");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("silent"), "");
}

/// Servers may end sessions that say nothing, and a migration takes as long as it takes; one that is ended all the same is told why.
#[test]
fn a_long_migration_is_recorded_where_idle_sessions_are_ended() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "idle", USERS);
    let lab = server.lab("idle", SYNTHETIC);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let limit = |value: &str| {
        let sql = format!("ALTER DATABASE {} SET idle_session_timeout = '{value}'", lab.branch_name(1));
        psql(&server.superuser, &sql).unwrap();
    };
    limit("7s");
    lab.db("migrate", 1, &["--", "sleep", "9"]).fine();
    limit("1s");
    // By the time that the program ends, the session was asked for nothing, in vain.
    let said = lab.db("migrate", 1, &["--", "sleep", "6"]).failed("the server ended the session").err;
    assert!(said.contains("terminating connection due to idle-session timeout [57P05]"), "{said}");
    lab.db("destroy", 1, &[]).fine();
}

/// As many sessions as a login may have are one preview's own, and said within seconds.
#[test]
fn a_login_with_all_its_sessions_open_is_told_and_rotated_all_the_same() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "full", USERS);
    let lab = server.lab("full", SYNTHETIC);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let url = lab.url(1);
    let hold = |_| {
        let mut call = Command::new("psql");
        call.args(["--no-psqlrc", "--quiet", "--command", "SELECT pg_sleep(600)", &url]);
        call.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    let mut sessions: Vec<Child> = (0..30).map(hold).collect();
    // One that is asked with may have taken the place of one that holds.
    while psql(&url, "SELECT 1").is_ok() {
        assert!(sessions.len() < 60, "there is no limit");
        sessions.push(hold(0));
        thread::sleep(Duration::from_millis(200));
    }
    let started = Instant::now();
    lab.db("provision", 1, &[]).failed("as many sessions as may be: end some");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(lab.url(1), url);
    // Here dayfly is the administrator, who gets in.
    lab.db("provision", 1, &["--rotate"]).fine();
    assert_ne!(lab.url(1), url);
    for session in &mut sessions {
        assert!(!session.wait().unwrap().success());
    }
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("full"), "");
}
