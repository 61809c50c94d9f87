//! Sanitized or nothing: what a baseline must prove before anybody gets a branch of it.

use std::{
    fs,
    process::{Command, Stdio},
};

use crate::{
    lab::{Lab, ended, output},
    postgres::Server,
    psql::{Held, psql, until, with_database},
};

const CUSTOMERS: &str = "CREATE TABLE customers (id bigint PRIMARY KEY, mail text, note text);
    INSERT INTO customers SELECT n, 'user' || n || '@example.com', 'likes tea' FROM generate_series(1, 200) n";

const SANITIZED: &str = "sanitized: {by: masking-job, maxAge: 1h}";

fn openssl(args: &[&str]) -> String {
    let output = Command::new("openssl").args(args).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// A key as the documentation makes one: its file, and its public half for the guardrails.
fn key(lab: &Lab, name: &str) -> (String, String) {
    let file = lab.path(name).display().to_string();
    openssl(&["genpkey", "-algorithm", "ed25519", "-out", &file]);
    let public = openssl(&["pkey", "-in", &file, "-pubout"]);
    (file, public.lines().nth(1).unwrap().to_owned())
}

fn unfreeze(server: &Server, sql: &str) {
    psql(&server.superuser, &format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true", server.baseline)).unwrap();
    psql(&with_database(&server.superuser, &server.baseline), sql).unwrap();
    psql(&server.superuser, &format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false", server.baseline)).unwrap();
}

#[test]
fn an_attested_baseline_is_branched_and_a_changed_one_is_not() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "attested", CUSTOMERS);
    let lab = server.lab("attested", SANITIZED);
    let (file, public) = key(&lab, "key.pem");
    // Never prepared: nothing inside says so.
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).refused("was never prepared");
    assert_eq!(server.left("attested"), "", "what may hold live data does not stay");

    let envelope = lab.prepare_baseline(&["--sign", &file]).fine().out;
    let attested = format!("sanitized: {{by: masking-job, maxAge: 1h, attestation: {}}}", envelope.trim());
    let keys = format!("  attestationKeys: [{public}]\n");
    lab.guardrails(&server.entry(&attested), &keys);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&lab.url(1), "SELECT count(*) FROM customers").unwrap(), "200");
    // The pull request's own migrations are no drift.
    psql(&lab.url(1), "ALTER TABLE customers ADD phone text").unwrap();
    lab.db("provision", 1, &[]).fine();

    unfreeze(&server, "ALTER TABLE customers ADD passport text");
    lab.spec(2, "shop", "");
    let run = lab.db("provision", 2, &[]).refused("other columns than when it was sanitized");
    assert!(run.err.contains("prepare-baseline shop"), "{}", run.err);
    unfreeze(&server, "ALTER TABLE customers DROP passport");
    lab.db("provision", 2, &[]).fine();
    for number in [1, 2] {
        lab.db("destroy", number, &[]).fine();
    }

    // Prepared again, by whoever has no key: the old statement is not about this baseline's marker, and there is no new one.
    let run = lab.prepare_baseline(&[]).fine();
    assert_eq!(run.out, "");
    assert!(run.err.contains("`--sign KEY` makes one. Until then nobody gets a branch"), "{}", run.err);
    lab.db("provision", 1, &[]).refused("is not the one that was attested");
    assert_eq!(server.left("attested"), "");
}

/// A baseline that was a branch once has that one's records.
#[test]
fn a_record_of_another_branch_spares_no_check() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "copied", CUSTOMERS);
    let lab = server.lab("copied", SANITIZED);
    unfreeze(
        &server,
        "CREATE SCHEMA dayfly_branch AUTHORIZATION copied_owner;
         SET ROLE copied_owner;
         CREATE TABLE dayfly_branch.runs (
           step text PRIMARY KEY, input text NOT NULL, state text NOT NULL, command text NOT NULL, at timestamptz NOT NULL DEFAULT now());
         INSERT INTO dayfly_branch.runs VALUES ('checked', '16384', 'done', '[]')",
    );
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).refused("was never prepared");
    assert_eq!(server.left("copied"), "");
    lab.prepare_baseline(&[]).refused("`DROP SCHEMA dayfly_branch CASCADE`");
    unfreeze(&server, "DROP SCHEMA dayfly_branch CASCADE");
    lab.prepare_baseline(&[]).fine();
    lab.db("provision", 1, &[]).fine();
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("copied"), "");
}

#[test]
fn the_renderer_refuses_what_no_trusted_key_signed() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "signed", CUSTOMERS);
    let lab = server.lab("signed", SANITIZED);
    let ((file, public), (_, other)) = (key(&lab, "key.pem"), key(&lab, "other.pem"));
    let envelope = lab.prepare_baseline(&["--sign", &file]).fine().out;
    let attested = format!("sanitized: {{by: masking-job, maxAge: 1h, attestation: {}}}", envelope.trim());
    lab.spec(1, "shop", "");
    let refusals = [
        (server.entry(SANITIZED), &public, "has no `attestation`"),
        (server.entry(&attested), &other, "none of the guardrails' `attestationKeys` signed it"),
        (server.entry(&attested).replace("masking-job", "somebody"), &public, "the guardrails say `somebody`"),
        (server.entry(&attested).replace("signed_baseline", "live"), &public, "the baseline is `postgres/live`"),
    ];
    for (entry, key, why) in refusals {
        lab.guardrails(&entry, &format!("  attestationKeys: [{key}]\n"));
        let folder = lab.path("pr-1").display().to_string();
        let parameters = format!("{folder}/parameters.json");
        let guardrails = lab.guardrails_path();
        let run = lab.dayfly(&["check", &folder, "--guardrails", &guardrails, "--parameters", &parameters]);
        assert_eq!(run.code, Some(1), "{}{}", run.out, run.err);
        assert!(run.out.contains(why), "{why:?} is not in: {}", run.out);
        lab.dayfly(&["render", &folder, "--guardrails", &guardrails, "--parameters", &parameters]).refused(why);
    }
}

/// A branch of somebody's own comes from the same guardrails, and from no renderer.
#[test]
fn a_branch_of_ones_own_is_held_to_the_same_rules() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "ruled", CUSTOMERS);
    let lab = server.lab("ruled", SANITIZED);
    let (file, public) = key(&lab, "key.pem");
    let guardrails = lab.guardrails_path();
    let call = |command: &str| {
        let own = ["--baseline", "shop", "--guardrails", &guardrails, "--environment", "ruled-pr-ada"];
        lab.dayfly(&[&["db", command], &own[..], &["--env-file", "ruled.env"]].concat())
    };
    let envelope = lab.prepare_baseline(&["--sign", &file]).fine().out;
    let attested = format!("sanitized: {{by: masking-job, maxAge: 1h, attestation: {}}}", envelope.trim());
    let unsigned = format!("{}\"signatures\":[]}}}}", attested.split_once("\"signatures\"").unwrap().0);
    let bare = server.entry(SANITIZED).replace(&format!("{SANITIZED}, "), "");
    let keys = format!("  attestationKeys: [{public}]\n");
    let refusals = [
        (bare, "", "error[baseline-not-sanitized]"),
        (server.entry(SANITIZED), &*keys, "error[baseline-not-attested]"),
        (server.entry(&unsigned), &*keys, "error[baseline-not-attested]"),
        (server.entry(SANITIZED).replace("database: ruled_baseline, ", ""), "", "error[baseline-incomplete]"),
    ];
    for (entry, keys, why) in refusals {
        lab.guardrails(&entry, keys);
        for command in ["provision", "verify"] {
            let run = call(command).refused(why);
            assert!(run.err.contains("guardrails.yaml:"), "the place is not in: {}", run.err);
        }
    }
    assert_eq!(server.left("ruled"), "");
    lab.guardrails(&server.entry(&attested), &keys);
    call("provision").fine();
    // Whatever became of the baseline: what is there goes.
    lab.guardrails(&server.entry(SANITIZED), &keys);
    call("renew").fine();
    call("destroy").fine();
    // Without keys it is only said.
    lab.guardrails(&server.entry(SANITIZED), "");
    let run = call("provision").fine();
    assert!(run.err.contains("warning[attestation-unchecked]"), "{}", run.err);
    call("destroy").fine();
    assert_eq!(server.left("ruled"), "");
}

/// A spec comes from the renderer, and is checked nevertheless.
#[test]
fn a_spec_whose_baseline_claims_nothing_is_refused() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "claimless", CUSTOMERS);
    let lab = server.lab("claimless", "synthetic: {by: seeds}");
    let path = lab.spec(1, "shop", "");
    let spec = std::fs::read_to_string(&path).unwrap();
    let claim = r#""synthetic":{"by":"seeds"}"#;
    assert!(spec.contains(claim), "{spec}");
    std::fs::write(&path, spec.replace(claim, r#""schemaOnly":false"#)).unwrap();
    lab.db("provision", 1, &[]).refused("so it may hold live data");
    assert_eq!(server.left("claimless"), "");
}

/// A clock that is wrong must not keep a baseline young for ever.
#[test]
fn a_baseline_of_the_future_is_refused() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "future", CUSTOMERS);
    let lab = server.lab("future", SANITIZED);
    lab.prepare_baseline(&[]).fine();
    unfreeze(&server, "UPDATE dayfly.baseline SET made_at = '2999-01-01T00:00:00Z'");
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).refused("which is in the future");
    assert_eq!(server.left("future"), "");
}

#[test]
fn an_old_baseline_is_refused() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "aged", CUSTOMERS);
    let lab = server.lab("aged", "sanitized: {by: masking-job, maxAge: 1s}");
    lab.prepare_baseline(&[]).fine();
    std::thread::sleep(std::time::Duration::from_secs(3));
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).refused("the guardrails allow 1s");
    assert_eq!(server.left("aged"), "");
}

/// Nobody could be told the attestation.
#[test]
fn what_is_marked_stays_shut() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "untold", CUSTOMERS);
    let lab = server.lab("untold", SANITIZED);
    let (file, _) = key(&lab, "key.pem");
    let mut call = lab.prepare_command(&["--sign", &file]);
    let run = output(call.stdout(fs::File::create("/dev/full").unwrap()).output().unwrap()).failed("No space left");
    let is_open = format!("SELECT datallowconn FROM pg_database WHERE datname = '{}'", server.baseline);
    assert_eq!(psql(&server.superuser, &is_open).unwrap(), "f", "{}", run.err);
}

/// The second would open what the first has shut.
#[test]
fn a_preparation_waits_for_another() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "queued", CUSTOMERS);
    let lab = server.lab("queued", SANITIZED);
    lab.prepare_baseline(&[]).fine();
    let is_open = || {
        psql(&server.superuser, &format!("SELECT datallowconn FROM pg_database WHERE datname = '{}'", server.baseline))
    };
    let first = Held::of(&server.admin, &server.baseline);
    let mut second = lab.prepare_command(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'queued_admin' AND query LIKE '%try_advisory%' AND application_name = 'dayfly'";
    until(|| psql(&server.superuser, waits).unwrap() != "0", "it waits for nobody");
    assert!(second.try_wait().unwrap().is_none());
    assert_eq!(is_open().unwrap(), "f");
    first.release();
    ended(second).fine();
    assert_eq!(is_open().unwrap(), "f");
}

#[test]
fn a_schema_without_data_has_none() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "bare", CUSTOMERS);
    let lab = server.lab("bare", "schemaOnly: true");
    lab.prepare_baseline(&[]).fine();
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).refused("public.customers has rows");
    unfreeze(&server, "TRUNCATE customers");
    lab.db("provision", 1, &[]).fine();
    lab.db("destroy", 1, &[]).fine();
}

/// A dump without data leaves materialized views that nobody may read before they are filled.
#[test]
fn a_materialized_view_that_was_never_filled_is_empty() {
    let view = "CREATE MATERIALIZED VIEW mails AS SELECT mail FROM customers WITH NO DATA";
    for (variable, name) in [("DAYFLY_TEST_POSTGRES18", "unfilled"), ("DAYFLY_TEST_POSTGRES15", "unfilled15")] {
        let server = Server::new(variable, name, &format!("{CUSTOMERS}; TRUNCATE customers; {view}"));
        let lab = server.lab(name, "schemaOnly: true");
        lab.prepare_baseline(&[]).fine();
        lab.spec(1, "shop", "");
        lab.db("provision", 1, &[]).fine();
        psql(&lab.url(1), "REFRESH MATERIALIZED VIEW mails").unwrap();
        lab.db("destroy", 1, &[]).fine();
        unfreeze(
            &server,
            "INSERT INTO customers VALUES (1, 'x', 'y'); REFRESH MATERIALIZED VIEW mails; TRUNCATE customers",
        );
        lab.db("provision", 1, &[]).refused("public.mails has rows");
        assert_eq!(server.left(name), "");
    }
}

/// What such a database holds nobody but its programs knows, and a value may be cut off inside a letter.
#[test]
fn a_database_without_an_encoding_is_looked_at() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "ascii", "");
    let (name, admin) = (&server.baseline, "ascii_admin");
    for sql in [
        format!("DROP DATABASE {name}"),
        format!("CREATE DATABASE {name} OWNER {admin} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0"),
    ] {
        psql(&server.superuser, &sql).unwrap();
    }
    let inside = with_database(&server.superuser, name);
    psql(&inside, "GRANT ALL ON SCHEMA public TO ascii_owner").unwrap();
    let people = r"SET ROLE ascii_owner; CREATE TABLE people (name text, bio text);
        INSERT INTO people VALUES (E'Andr\xe9 <andre@navy.mil>', repeat('x', 399) || E'\xc3\xa9')";
    psql(&inside, people).unwrap();
    let lab = server.lab("ascii", "synthetic: {by: seeds}");
    lab.prepare_baseline(&[]).fine();
    lab.spec(1, "shop", "");
    let run = lab.db("provision", 1, &[]).fine();
    assert!(run.err.contains("public.people.name: 1 e-mail"), "{}", run.err);
    lab.db("destroy", 1, &[]).fine();
}

/// Where a backslash in a pattern is none, `pg_` would stand for whatever begins with `pg`.
#[test]
fn a_schema_that_begins_as_the_servers_own_is_looked_into() {
    let server = Server::new(
        "DAYFLY_TEST_POSTGRES18",
        "pgboss",
        "CREATE SCHEMA pgboss; CREATE TABLE pgboss.job (data text); INSERT INTO pgboss.job VALUES ('x')",
    );
    psql(&server.superuser, "ALTER ROLE pgboss_admin SET standard_conforming_strings = off").unwrap();
    let lab = server.lab("pgboss", "schemaOnly: true");
    lab.prepare_baseline(&[]).fine();
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).refused("pgboss.job has rows");
}

#[test]
fn the_scan_counts_and_never_quotes() {
    let sql = format!(
        "{CUSTOMERS}; UPDATE customers SET mail = 'grace.hopper' || id || '@navy.mil', note = '4111 1111 1111 1111' WHERE id <= 50"
    );
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "scanned", &sql);
    let lab = server.lab("scanned", SANITIZED);
    lab.prepare_baseline(&[]).fine();
    lab.spec(1, "shop", "");
    let run = lab.db("provision", 1, &["--log", "json"]).fine();
    assert!(run.err.contains("public.customers.mail: 50 e-mail, public.customers.note: 50 card"), "{}", run.err);
    assert!(!run.err.contains("navy.mil") && !run.err.contains("4111"), "{}", run.err);
    lab.db("destroy", 1, &[]).fine();
}

/// A branch that is made anew has the login that was published before: it opens nothing that nobody has looked at.
#[test]
fn a_branch_made_anew_is_checked_before_its_old_login_enters() {
    let customers = format!("{CUSTOMERS}; ALTER TABLE customers ADD attributes json");
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "barred", &customers);
    let lab = server.lab("barred", SANITIZED);
    lab.prepare_baseline(&[]).fine();
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let url = lab.url(1);
    psql(&url, "CREATE TABLE old (id int)").unwrap();
    // From now on, looking takes seconds.
    unfreeze(&server, "UPDATE customers SET attributes = to_json(repeat('x', 50000000)) WHERE id <= 4");
    let (said, migrate) = lab.told("migrate", 1, &["--", "false"]);
    let making = "SELECT datname FROM pg_database WHERE datdba = to_regrole('barred_admin') AND datname ~ '^dayfly_[a-z2-7]{8}$'";
    let mut knocked = 0;
    while psql(&url, "SELECT to_regclass('old') IS NULL").as_deref() != Ok("t") {
        for database in psql(&server.superuser, making).unwrap().lines() {
            match psql(&with_database(&url, database), "SELECT 1") {
                Ok(_) => assert!(said().contains("looked at"), "{}", said()),
                Err(_) => knocked += 1,
            }
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert!(said().contains("looked at 404 values"), "{}", said());
    assert!(knocked > 0, "nobody stood before the door");
    ended(migrate);
    assert!(said().contains("on a fresh branch too"), "{}", said());

    // What is refused goes, with all that led to it.
    unfreeze(&server, "UPDATE customers SET attributes = NULL; ALTER TABLE customers ADD passport text");
    lab.db("migrate", 1, &["--", "true"]).refused("other columns than when it was sanitized");
    assert_eq!(server.left("barred"), "");
    assert!(psql(&url, "SELECT 1").is_err() && !lab.env_file(1).exists());
}

/// A Job was killed between giving the new database to its role and naming it. Whoever has the login that was published before may have
/// been there.
#[test]
fn what_somebody_could_enter_is_no_branch_in_the_making() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "entered", CUSTOMERS);
    let lab = server.lab("entered", "synthetic: {by: seeds}");
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let (url, branch) = (lab.url(1), lab.branch_name(1));
    let making = "SELECT shobj_description(oid, 'pg_authid')::json->>'making' FROM pg_roles WHERE rolname LIKE 'entered\\_pr\\_1%'";
    let making = psql(&server.superuser, making).unwrap();
    psql(
        &server.superuser,
        &format!("COMMENT ON DATABASE {branch} IS NULL; ALTER DATABASE {branch} RENAME TO {making}"),
    )
    .unwrap();
    psql(&with_database(&url, &making), "CREATE TABLE planted (id int)").unwrap();
    lab.db("provision", 1, &[]).fine();
    assert_eq!(psql(&lab.url(1), "SELECT to_regclass('planted') IS NULL, count(*) FROM customers").unwrap(), "t|200");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("entered"), "");
}
