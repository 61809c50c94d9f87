//! Migrate and seed: once for each image and command, and never on what is half migrated.

use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use crate::{
    lab::{Lab, ended, output},
    postgres::Server,
    psql::{Held, psql, with_login},
};

const STEPS: &str =
    "migrate: {image: 'ghcr.io/acme/shop:3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938', command: [migrate, all]}
seed: {image: 'ghcr.io/acme/shop:3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938', command: [seed]}";

fn prepared(name: &str) -> (Server, Lab) {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", name, "CREATE TABLE users (id bigint)");
    let lab = server.lab(name, "synthetic: {by: seeds}");
    lab.spec(1, "shop", STEPS);
    lab.db("provision", 1, &[]).fine();
    (server, lab)
}

/// A program that writes down each of its runs, and does `then`.
fn program(lab: &Lab, then: &str) -> (PathBuf, String) {
    let runs = lab.path("runs");
    (runs.clone(), format!("echo run >> {}; {then}", runs.display()))
}

fn count(runs: &PathBuf) -> usize {
    fs::read_to_string(runs).unwrap_or_default().lines().count()
}

/// Waits until a Job has made the first branch anew, and has written that down.
#[track_caller]
fn until_anew(lab: &Lab) {
    let end = Instant::now() + Duration::from_mins(1);
    while psql(&lab.url(1), "SELECT count(*) FROM dayfly_branch.runs WHERE step = 'rebranched'").as_deref() != Ok("1") {
        assert!(Instant::now() < end, "nobody makes the branch anew");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn what_ran_does_not_run_again() {
    let (_, lab) = prepared("once");
    let (runs, script) = program(&lab, "psql \"$DATABASE_URL\" -qc 'CREATE TABLE carts (id int)'");
    lab.db("verify", 1, &[]).refused("`migrate` has not run");
    for _ in 0..3 {
        lab.db("migrate", 1, &["--", "sh", "-c", &script]).fine();
    }
    assert_eq!(count(&runs), 1);
    lab.db("verify", 1, &[]).refused("`seed` has not run");
    lab.db("seed", 1, &["--", "psql", "-qc", "INSERT INTO carts VALUES (1)"]).fine();
    lab.db("verify", 1, &[]).fine();
    assert_eq!(psql(&lab.url(1), "SELECT id FROM carts").unwrap(), "1");
    // Another command is another run.
    lab.db("migrate", 1, &["--", "sh", "-c", &format!("{script}x")]);
    assert!(count(&runs) > 1);
    lab.db("destroy", 1, &[]).fine();
}

#[test]
fn a_failed_migration_gets_one_fresh_branch() {
    let (server, lab) = prepared("failed");
    let (runs, script) = program(&lab, "psql \"$DATABASE_URL\" -qc 'CREATE TABLE half (id int)' && exit 3");
    let run = lab.db("migrate", 1, &["--", "sh", "-c", &script]).refused("on a fresh branch too");
    assert!(run.err.contains("exit status: 3"), "{}", run.err);
    assert_eq!(count(&runs), 2);
    lab.db("verify", 1, &[]).refused("`migrate` failed");
    // Rewritten migrations find a fresh branch, not the half of the old ones.
    lab.db("migrate", 1, &["--", "psql", "-v", "ON_ERROR_STOP=1", "-qc", "CREATE TABLE half (id int)"]).fine();
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("failed"), "");
}

#[test]
fn a_migration_killed_half_way_starts_from_a_fresh_branch() {
    let (_, lab) = prepared("broken");
    let url = lab.url(1);
    let (runs, script) = program(
        &lab,
        "psql -v ON_ERROR_STOP=1 -qc 'CREATE TABLE half (id int)' && if [ ! -e once ]; then touch once; sleep 60; fi",
    );
    let mut job = lab.start("migrate", 1, &["--", "sh", "-c", &script]);
    while psql(&url, "SELECT to_regclass('half') IS NOT NULL").unwrap() != "t" {
        thread::sleep(Duration::from_millis(20));
    }
    job.kill().unwrap();
    job.wait().unwrap();
    lab.db("migrate", 1, &["--", "sh", "-c", &script]).fine();
    assert_eq!(count(&runs), 2);
    assert_eq!(lab.url(1), url, "a fresh branch keeps the login");
    lab.db("destroy", 1, &[]).fine();
}

#[test]
fn two_jobs_that_find_it_failed_make_the_branch_anew_once() {
    let (server, lab) = prepared("twice");
    let (runs, script) = program(
        &lab,
        "psql -v ON_ERROR_STOP=1 -qc 'CREATE TABLE half (id int)' && if [ ! -e once ]; then touch once; exit 3; fi; sleep 3",
    );
    let held = Held::of(&server.superuser, &lab.branch_name(1));
    let first = lab.start("migrate", 1, &["--", "sh", "-c", &script]);
    let failed = "SELECT count(*) FROM dayfly_branch.runs WHERE step = 'migrate' AND state = 'failed'";
    while psql(&lab.url(1), failed).unwrap() != "1" {
        thread::sleep(Duration::from_millis(20));
    }
    let command = ["--", "sh", "-c", &script];
    let (said, mut second) = lab.told("migrate", 1, &command);
    while !said().contains("waiting for another") {
        thread::sleep(Duration::from_millis(20));
    }
    held.release();
    ended(first).fine();
    assert_eq!(second.wait().unwrap().code(), Some(2), "{}", said());
    assert!(said().contains("made the branch anew or removed it, or have given"), "{}", said());
    assert_eq!(count(&runs), 2, "{}", said());
    lab.db("migrate", 1, &["--", "sh", "-c", &script]).fine();
    assert_eq!(count(&runs), 2);
    lab.db("destroy", 1, &[]).fine();
}

#[test]
fn two_that_verify_what_failed_make_the_branch_anew_once() {
    let (server, lab) = prepared("verifiers");
    let spec = fs::read_to_string(lab.spec_file(1)).unwrap();
    let spec: serde_json::Value = serde_json::from_str(&spec).unwrap();
    let record = |step: &str, state: &str| {
        let input = spec["steps"][step].as_str().unwrap();
        let sql = format!(
            "INSERT INTO dayfly_branch.runs (step, input, state, command) VALUES ('{step}', '{input}', '{state}', '[\"a\", \"no\"]')"
        );
        psql(&lab.url(1), &sql).unwrap();
    };
    let mut jobs = [lab.told("verify", 1, &["--wait"]), lab.told("verify", 1, &["--wait"])];
    while !jobs.iter().all(|(said, _)| said().contains("waiting for `migrate` to run")) {
        thread::sleep(Duration::from_millis(20));
    }
    let held = Held::of(&server.superuser, &lab.branch_name(1));
    record("migrate", "failed");
    // One makes it anew, and the other has found it failed too.
    let waits = |what: &str| jobs.iter().any(|(said, _)| said().contains(what));
    while !(waits("waiting for another Job that works on") && waits("waiting for another Job that provisions")) {
        thread::sleep(Duration::from_millis(20));
    }
    held.release();
    until_anew(&lab);
    record("migrate", "done");
    record("seed", "done");
    for (said, job) in &mut jobs {
        assert!(job.wait().unwrap().success(), "{}", said());
    }
    let both: Vec<String> = jobs.iter().map(|(said, _)| said()).collect();
    assert_eq!(both.concat().matches("making the branch anew, once").count(), 1, "{both:?}");
    lab.db("destroy", 1, &[]).fine();
}

/// `npm` and `npx` start others, which would go on in the fresh branch.
#[test]
fn what_a_program_started_ends_with_it() {
    let (_, lab) = prepared("orphans");
    let orphan = "(sleep 15; touch orphan) & ";
    lab.db("migrate", 1, &["--", "sh", "-c", &format!("{orphan} exit 3")]).refused("on a fresh branch too");
    // At the deadline, and where somebody ends dayfly.
    let spec = lab.spec_file(1);
    let text = fs::read_to_string(&spec).unwrap();
    let mut short: serde_json::Value = serde_json::from_str(&text).unwrap();
    short["deadlineSeconds"] = 8.into();
    fs::write(&spec, short.to_string()).unwrap();
    lab.db("migrate", 1, &["--", "sh", "-c", &format!("touch begun; {orphan} wait")])
        .failed("the deadline of 8 s passed");
    assert!(lab.path("begun").exists());
    fs::remove_file(lab.path("begun")).unwrap();
    fs::write(&spec, text).unwrap();
    let job = lab.start("migrate", 1, &["--", "sh", "-c", &format!("touch begun; {orphan} wait")]);
    while !lab.path("begun").exists() {
        thread::sleep(Duration::from_millis(20));
    }
    std::process::Command::new("kill").arg(job.id().to_string()).status().unwrap();
    ended(job).failed("ended by SIGTERM");
    thread::sleep(Duration::from_secs(16));
    assert!(!lab.path("orphan").exists(), "what a program started went on");
    lab.db("destroy", 1, &[]).fine();
}

/// As Flyway, Liquibase and sqlx have it: what was applied and has another checksum now is an error.
const CHECKSUMS: &str = r#"set -e
psql -qc 'CREATE TABLE IF NOT EXISTS applied (name text PRIMARY KEY, checksum text)' 2>/dev/null
for file in migrations/*.sql; do
  checksum=$(sha256sum "$file" | cut -c1-64)
  before=$(psql -Atqc "SELECT checksum FROM applied WHERE name = '$file'")
  if [ -z "$before" ]; then
    psql -v ON_ERROR_STOP=1 -1 -q -f "$file" -c "INSERT INTO applied VALUES ('$file', '$checksum')"
  elif [ "$before" != "$checksum" ]; then
    echo "$file was applied and has been modified" >&2
    exit 1
  fi
done"#;

/// A force-push rewrote a migration that would run on the old tables, too.
#[test]
fn migrations_that_were_rewritten_get_a_fresh_branch_where_their_tool_knows_them() {
    let (server, lab) = prepared("rewritten");
    fs::create_dir(lab.path("migrations")).unwrap();
    let pushed = |name: &str, text: &str, head: &str| {
        fs::write(lab.path("migrations").join(name), text).unwrap();
        let digest = format!("@sha256:{}", head.repeat(64));
        lab.spec(1, "shop", &STEPS.replace(":3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938", &digest));
        lab.db("migrate", 1, &["--", "sh", "-c", CHECKSUMS]).fine().err
    };
    let tables = || {
        let sql =
            "SELECT string_agg(tablename::text, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'";
        psql(&lab.url(1), sql).unwrap()
    };
    pushed("1.sql", "CREATE TABLE carts (id int)", "1");
    // More of them are no reason.
    pushed("2.sql", "CREATE TABLE orders (id int)", "2");
    assert_eq!(tables(), "applied carts orders users");
    let said = pushed("1.sql", "CREATE TABLE baskets (id int)", "3");
    assert!(
        said.contains("1.sql was applied and has been modified") && said.contains("making the branch anew"),
        "{said}"
    );
    assert_eq!(tables(), "applied baskets orders users");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("rewritten"), "");
}

#[test]
fn nothing_is_seeded_before_it_is_migrated() {
    let (_, lab) = prepared("early");
    let (runs, script) = program(&lab, "true");
    let seed = || lab.db("seed", 1, &["--", "sh", "-c", &script]);
    // Exit code 2: the next attempt of a Pod that runs both migrates first.
    seed().failed("call `dayfly db migrate` first");
    lab.db("migrate", 1, &["--", "false"]).refused("on a fresh branch too");
    seed().failed("call `dayfly db migrate` first");
    assert_eq!(count(&runs), 0);
    lab.db("verify", 1, &[]).refused("`migrate` failed");
    lab.db("migrate", 1, &["--", "true"]).fine();
    seed().fine();
    assert_eq!(count(&runs), 1);
    lab.db("destroy", 1, &[]).fine();
}

/// The seed fails once: its caller migrates the fresh branch, whatever the records of the old one say was run.
#[test]
fn a_failed_seed_runs_no_recorded_command() {
    let (_, lab) = prepared("reseeded");
    let migrate = || lab.db("migrate", 1, &["--", "psql", "-qc", "CREATE TABLE carts (id int PRIMARY KEY)"]).fine();
    migrate();
    // Whoever has the branch's login may write there.
    psql(&lab.url(1), "UPDATE dayfly_branch.runs SET command = '[\"touch\", \"theirs\"]' WHERE step = 'migrate'")
        .unwrap();
    let script =
        "psql -v ON_ERROR_STOP=1 -qc 'INSERT INTO carts VALUES (1)' && [ -e tried ] || { touch tried; exit 1; }";
    let seed = || lab.db("seed", 1, &["--", "sh", "-c", script]);
    seed().failed("call `dayfly db migrate` again first");
    assert!(!lab.path("theirs").exists(), "a command that somebody else wrote was run");
    seed().failed("call `dayfly db migrate` first");
    migrate();
    seed().fine();
    assert_eq!(psql(&lab.url(1), "SELECT count(*) FROM carts").unwrap(), "1");
    lab.db("verify", 1, &[]).fine();
    lab.db("destroy", 1, &[]).fine();
}

/// As in the cluster: migrate has no key, and `verify --wait` beside it makes the branch anew.
#[test]
fn without_a_key_verify_makes_the_branch_anew() {
    let (server, lab) = prepared("waited");
    let keyless = Lab::new("waited-keyless", &server.entry("synthetic: {by: seeds}"), &[("DATABASE_URL", &lab.url(1))]);
    let spec = lab.spec_file(1).display().to_string();
    let migrate = |script: &str| keyless.dayfly(&["db", "migrate", "--spec", &spec, "--", "sh", "-c", script]);

    let verify = lab.start("verify", 1, &["--wait"]);
    let script = "[ -z \"$DAYFLY_DATABASE_ADMIN_URL\" ] && psql -v ON_ERROR_STOP=1 -qc 'CREATE TABLE half (id int)' && [ -e tried ] || { touch tried; exit 1; }";
    migrate(script).fine();
    keyless.dayfly(&["db", "seed", "--spec", &spec, "--", "true"]).fine();
    ended(verify).fine();

    // And only once.
    lab.spec(1, "shop", &STEPS.replace("all", "more"));
    let verify = lab.start("verify", 1, &["--wait"]);
    let run = migrate("exit 5");
    assert_eq!(run.code, Some(1), "{}", run.err);
    ended(verify).refused("on a fresh branch too");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("waited"), "");
}

/// Its program may begin before whoever made the branch anew has written that down, and that one has its last word then.
#[test]
fn what_failed_on_a_fresh_branch_waits_for_no_other() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "late", "CREATE TABLE users (id bigint)");
    let entry = server.entry("synthetic: {by: seeds}");
    let lab = server.lab("late", "synthetic: {by: seeds}");
    lab.guardrails(&entry, "    deadline: 20s\n");
    let spec = lab.spec(1, "shop", STEPS).display().to_string();
    lab.db("provision", 1, &[]).fine();
    let told: serde_json::Value = serde_json::from_str(&fs::read_to_string(&spec).unwrap()).unwrap();
    let written = format!(
        "INSERT INTO dayfly_branch.runs (step, input, state, command) VALUES ('rebranched', '{}', 'done', '[]')",
        told["steps"]["migrate"].as_str().unwrap()
    );
    let keyless = Lab::new("late-keyless", &entry, &[("DATABASE_URL", &lab.url(1))]);
    let script = format!("psql -qc \"{written}\"; exit 5");
    let migrate = keyless.dayfly(&["db", "migrate", "--spec", &spec, "--", "sh", "-c", &script]);
    migrate.refused("`migrate` failed (exit status: 5), on a fresh branch too");
    lab.db("destroy", 1, &[]).fine();
}

/// A migrate command that is changed and changed back: another one was at work in the branch meanwhile.
#[test]
fn a_command_that_comes_back_gets_a_fresh_branch_as_any_other() {
    let (server, lab) = prepared("back");
    let keyless = Lab::new("back-keyless", &server.entry("synthetic: {by: seeds}"), &[("DATABASE_URL", &lab.url(1))]);
    let spec = lab.spec_file(1).display().to_string();
    let run = |step: &str, script: &str| keyless.dayfly(&["db", step, "--spec", &spec, "--", "sh", "-c", script]);
    let pushed = |word: &str, script: &str| {
        lab.spec(1, "shop", &STEPS.replace("all", word));
        let verify = lab.start("verify", 1, &["--wait"]);
        let migrate = run("migrate", script);
        run("seed", "true");
        (migrate, ended(verify))
    };
    let table = |name: &str| format!("psql -v ON_ERROR_STOP=1 -qc 'CREATE TABLE {name} (id int)'");
    // The first one fails once, as the network may have it.
    let first = format!("{} && {{ [ -e tried ] || {{ touch tried; exit 1; }}; }}", table("carts"));
    let (migrate, verify) = pushed("a", &first);
    migrate.fine();
    assert!(
        verify.fine().err.contains("`migrate` says: `migrate` failed (exit status: 1): making the branch anew, once")
    );
    let (migrate, verify) = pushed("b", &table("orders"));
    assert!(!migrate.fine().err.contains("anew") && !verify.fine().err.contains("anew"));
    // On what both left it fails, and on a fresh branch it does not.
    let (migrate, verify) = pushed("a", &first);
    migrate.fine();
    assert_eq!(verify.fine().err.matches("making the branch anew, once").count(), 1);
    let tables =
        "SELECT string_agg(tablename::text, ' ' ORDER BY tablename) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(psql(&lab.url(1), tables).unwrap(), "carts users");
    // It failed twice in a row: that is final, until there is another.
    pushed("c", "exit 4").1.refused("`migrate` says: `migrate` failed (exit status: 4), on a fresh branch too");
    pushed("c", "exit 4").0.refused("`migrate` failed before, on a fresh branch too");
    lab.db("verify", 1, &["--wait"])
        .refused("`migrate` says: `migrate` failed (exit status: 4), on a fresh branch too");
    pushed("a", &first).1.fine();
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("back"), "");
}

/// The same seed after other migrations: it is run again, on a branch without the half of it.
#[test]
fn a_seed_that_failed_for_good_runs_again_after_other_migrations() {
    let (server, lab) = prepared("reseed");
    let keyless = Lab::new("reseed-keyless", &server.entry("synthetic: {by: seeds}"), &[("DATABASE_URL", &lab.url(1))]);
    let spec = lab.spec_file(1).display().to_string();
    let run = |step: &str, sql: &str| {
        keyless.dayfly(&["db", step, "--spec", &spec, "--", "psql", "-v", "ON_ERROR_STOP=1", "-qc", sql])
    };
    let pushed = |word: &str, sql: &str| {
        lab.spec(1, "shop", &STEPS.replace("all", word));
        let verify = lab.start("verify", 1, &["--wait"]);
        // As its Job does: exit code 2 is tried again.
        for _ in 0..4 {
            if run("migrate", sql).code != Some(0)
                || run("seed", "INSERT INTO users VALUES (1); INSERT INTO carts VALUES (1)").code != Some(2)
            {
                break;
            }
            until_anew(&lab);
        }
        ended(verify)
    };
    pushed("a", "CREATE TABLE bills (id int)").refused("`seed` failed (exit status: 1), on a fresh branch too");
    let said = pushed("b", "CREATE TABLE bills (id int); CREATE TABLE carts (id int)").fine().err;
    assert!(
        said.contains("`migrate` says: `seed` failed before, and other migrations are run: making the branch anew"),
        "{said}"
    );
    assert_eq!(psql(&lab.url(1), "SELECT (SELECT count(*) FROM users) + (SELECT count(*) FROM carts)").unwrap(), "2");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("reseed"), "");
}

/// Kubernetes puts the URL into a command's words, and so does a shell.
#[test]
fn a_command_with_the_login_is_told_and_kept_without_it() {
    let (_, lab) = prepared("told");
    let (runs, script) = program(&lab, "true");
    let migrate = || {
        let url = lab.url(1);
        let secret = crate::psql::password(&url).to_owned();
        let run = lab.db("migrate", 1, &["--", "sh", "-c", &script, "migrate", &url, &format!("-p{secret}")]).fine();
        assert!(!run.err.contains(&secret), "{}", run.err);
        let records = psql(&url, "SELECT string_agg(runs::text, ' ') FROM dayfly_branch.runs").unwrap();
        assert!(!records.contains(&secret) && !records.contains("echo run"), "{records}");
        run.err
    };
    assert!(migrate().contains(" migrate *** -p***`"));
    lab.db("provision", 1, &["--rotate"]).fine();
    migrate();
    assert_eq!(count(&runs), 1, "with another password it is the same command");
    lab.db("destroy", 1, &[]).fine();
}

/// The team's program sees its branch, and nobody's key.
#[test]
fn a_program_gets_no_key() {
    let (server, lab) = prepared("keyless");
    // A shell may have other baselines' keys too.
    let other = [
        ("DAYFLY_DATABASE_ADMIN_URL_CRM", "a-secret-url"),
        ("NEON_API_KEY", "a-secret-of-neon"),
        ("PLANETSCALE_SERVICE_TOKEN", "a-secret-of-planetscale"),
        ("SUPABASE_ACCESS_TOKEN", "a-secret-of-supabase"),
    ];
    let mut migrate = lab.db_command("migrate", 1, &["--", "sh", "-c", "env > seen"]);
    output(migrate.envs(other).output().unwrap()).fine();
    let seen = fs::read_to_string(lab.path("seen")).unwrap();
    assert!(!seen.contains("a-secret"), "{seen}");
    assert!(seen.contains(&format!("DATABASE_URL={}", lab.url(1))), "{seen}");
    assert!(seen.contains("PGPASSWORD=") && !seen.contains("secret-of-the-admin"), "{seen}");
    assert!(psql(&with_login(&lab.url(1), "keyless_admin", "guess"), "SELECT 1").is_err());
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("keyless"), "");
}
