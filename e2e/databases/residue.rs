//! What masking leaves behind in a baseline: no original value is in a branch, neither in its statistics nor in its files.

use std::{
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use crate::{
    lab::{Lab, ended},
    postgres::Server,
    psql::{database, psql, with_database},
};

/// Live rows, looked at by the planner.
const LIVE: &str = "CREATE TABLE people (id bigint PRIMARY KEY, mail text, phone text);
    INSERT INTO people SELECT n, 'ada' || n % 7 || '@corp.test', 'corp.test ' || n FROM generate_series(1, 3000) n;
    CREATE INDEX ON people (lower(mail));
    CREATE TABLE logins AS SELECT id, mail FROM people;
    CREATE INDEX ON logins (mail);
    CREATE TABLE lists (mails text[]) ; INSERT INTO lists SELECT array_agg(mail) FROM people;
    ALTER TABLE people ALTER id SET STATISTICS 0";

/// As somebody would mask it, in the baseline itself.
const MASK: &str = "UPDATE people SET mail = 'person' || id || '@example.com';
    ALTER TABLE people DROP COLUMN phone;
    DELETE FROM logins;
    UPDATE lists SET mails = NULL";

/// Relations of a database with original values somewhere in their files.
const IN_FILES: &str = "CHECKPOINT; SELECT DISTINCT c.relname FROM pg_class c, LATERAL pg_read_binary_file(pg_relation_filepath(c.oid)) file
    WHERE c.relkind IN ('r', 'i', 't', 'm') AND position('corp.test'::bytea IN file) > 0 ORDER BY 1";

/// What the planner tells of them, to whoever may read the tables.
const IN_STATISTICS: &str = "SELECT DISTINCT tablename FROM pg_stats WHERE most_common_vals::text LIKE '%corp.test%' OR histogram_bounds::text LIKE '%corp.test%' ORDER BY 1";

fn prepare(server: &Server, policy: &str) -> Lab {
    let lab = server.lab(policy, "sanitized: {by: masking-job, maxAge: 1h}");
    psql(&with_database(&server.superuser, &server.baseline), "ANALYZE").unwrap();
    psql(&with_database(&server.superuser, &server.baseline), MASK).unwrap();
    lab
}

#[test]
fn what_was_masked_is_in_no_file_and_no_statistics_of_a_branch() {
    for (variable, policy) in [("DAYFLY_TEST_POSTGRES18", "residue"), ("DAYFLY_TEST_POSTGRES15", "residuum")] {
        let server = Server::new(variable, policy, LIVE);
        let lab = prepare(&server, policy);
        let inside = with_database(&server.superuser, &server.baseline);
        // What a database is usually tidied with does not remove it.
        psql(&inside, "VACUUM (FREEZE, ANALYZE)").unwrap();
        assert_eq!(psql(&inside, IN_STATISTICS).unwrap(), "logins");
        let files = psql(&inside, IN_FILES).unwrap();
        for table in ["people", "people_lower_idx", "pg_statistic"] {
            assert!(files.lines().any(|line| line == table), "{table}: {files}");
        }

        lab.prepare_baseline(&[]).fine();
        lab.spec(1, "shop", "");
        lab.db("provision", 1, &[]).fine();
        let url = lab.url(1);
        assert_eq!(psql(&url, IN_STATISTICS).unwrap(), "");
        let branch = database(&url).to_owned();
        assert_eq!(psql(&with_database(&server.superuser, &branch), IN_FILES).unwrap(), "");
        assert_eq!(psql(&url, "SELECT count(DISTINCT mail) FROM people").unwrap(), "3000");
        // Pages that need no more care of a branch: reading them writes nothing.
        let visible = "SELECT bool_and(relallvisible = relpages) FROM pg_class WHERE relname IN ('people', 'lists')";
        assert_eq!(psql(&url, visible).unwrap(), "t");
        lab.db("destroy", 1, &[]).fine();
    }
}

#[test]
fn who_still_sees_old_rows_is_waited_for() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "seen", LIVE);
    let lab = prepare(&server, "seen");
    let inside = with_database(&server.superuser, &server.baseline);
    let script = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT txid_current(); SELECT pg_sleep(600)";
    let mut holder = Command::new("psql").args([&inside, "-qAtc", script]).stdout(Stdio::null()).spawn().unwrap();
    let sleeps = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND datname = 'seen_baseline' AND pid <> pg_backend_pid()";
    while psql(&server.superuser, &format!("SELECT count(*) {sleeps} AND wait_event = 'PgSleep'")).unwrap() != "1" {
        thread::sleep(Duration::from_millis(20));
    }
    // The rows that die now could still be seen.
    psql(&inside, "UPDATE people SET mail = 'p' || id || '@example.com'").unwrap();
    let prepare = lab.prepare_command(&[]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    thread::sleep(Duration::from_secs(3));
    let marked = psql(&inside, "SELECT to_regclass('dayfly.baseline') IS NOT NULL").unwrap();
    assert_eq!(marked, "f", "nobody may trust what still has dead rows");
    psql(&server.superuser, &format!("SELECT pg_terminate_backend(pid) {sleeps}")).unwrap();
    holder.wait().unwrap();
    ended(prepare).fine();
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let branch = database(&lab.url(1)).to_owned();
    assert_eq!(psql(&with_database(&server.superuser, &branch), IN_FILES).unwrap(), "");
    lab.db("destroy", 1, &[]).fine();
}

/// What this administrator cannot remove is named, with what can; a superuser removes all.
#[test]
fn statistics_that_cannot_be_removed_are_named() {
    const VIEW: &str = "CREATE VIEW entrances AS SELECT mail FROM logins";
    const SEVERAL: &str = "CREATE STATISTICS both_of (mcv) ON id, mail FROM logins";
    const REMOVE: &str = "DELETE FROM pg_statistic WHERE starelid = '\"public\".\"logins\"'::regclass";
    let cases = [
        ("DAYFLY_TEST_POSTGRES15", "stuck", VIEW, Some(REMOVE)),
        ("DAYFLY_TEST_POSTGRES18", "stucken", SEVERAL, Some("DROP STATISTICS public.both_of")),
        ("DAYFLY_TEST_POSTGRES15", "unstuck", &format!("{VIEW}; {SEVERAL}"), None),
    ];
    for (variable, policy, more, remedy) in cases {
        let mut server = Server::new(variable, policy, &format!("{LIVE}; {more}"));
        if remedy.is_none() {
            server.admin.clone_from(&server.superuser);
        }
        let lab = prepare(&server, policy);
        let inside = with_database(&server.superuser, &server.baseline);
        let call = || lab.prepare_baseline(&[]);
        if let Some(remedy) = remedy {
            call().refused(&format!("`{remedy}`"));
            assert_eq!(psql(&inside, "SELECT to_regclass('dayfly.baseline') IS NOT NULL").unwrap(), "f");
            psql(&inside, remedy).unwrap();
        }
        call().fine();
        psql(&server.superuser, &format!("ALTER DATABASE {} ALLOW_CONNECTIONS true", server.baseline)).unwrap();
        assert_eq!(psql(&inside, IN_STATISTICS).unwrap(), "");
        assert_eq!(psql(&inside, "SELECT count(*) FROM pg_stats_ext WHERE most_common_vals IS NOT NULL").unwrap(), "0");
    }
}
