//! What is left when everything that could be killed was: nothing of ours, and all of everybody else's.

use std::{fmt::Write as _, fs, thread, time::Duration};

use crate::{lab::ended, postgres::Server, psql::psql};

/// Random enough, and the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn previews_come_and_go_and_nothing_stays() {
    // Two hundred, with Secrets, do in e2e/leaks.rs.
    const PREVIEWS: u32 = 40;
    let server = Server::new("DAYFLY_TEST_POSTGRES_ALONE", "leaks", "CREATE TABLE users (id bigint)");
    let lab = server.lab("leaks", "synthetic: {by: seeds}");
    lab.guardrails(&server.entry("synthetic: {by: seeds}"), "    sweepShare: 40\n");
    for number in 1..=PREVIEWS {
        lab.spec(number, "shop", "");
    }
    // Names that look like ours, and are not.
    for foreign in ["leaks_foreign", "dayfly_aaaaaaaa_foreign"] {
        psql(&server.superuser, &format!("DROP DATABASE IF EXISTS {foreign}")).unwrap();
        psql(&server.superuser, &format!("CREATE DATABASE {foreign}")).unwrap();
    }
    psql(&server.superuser, "DROP ROLE IF EXISTS leaks_foreign").unwrap();
    psql(&server.superuser, "COMMENT ON DATABASE leaks_foreign IS 'dayfly: somebody wrote this by hand'").unwrap();

    // Each provisioning Job is killed somewhere, or is not; so is each teardown.
    let mut dice = Dice(128);
    for (command, most) in [("provision", 400), ("destroy", 120)] {
        for batch in (1..=PREVIEWS).collect::<Vec<_>>().chunks(8) {
            let jobs: Vec<_> = batch
                .iter()
                // A third of the previews has no teardown at all.
                .filter(|number| command == "provision" || **number % 3 != 0)
                .map(|number| (lab.start(command, *number, &[]), dice.roll(3) == 0))
                .collect();
            thread::sleep(Duration::from_millis(dice.roll(most)));
            for (mut job, is_spared) in jobs {
                if !is_spared {
                    job.kill().unwrap();
                }
                job.wait().unwrap();
            }
        }
    }
    // Some previews live.
    let alive: Vec<u32> = (1..=PREVIEWS).filter(|number| number % 10 == 0).collect();
    let mut list = String::new();
    for number in &alive {
        lab.db("provision", *number, &[]).fine();
        writeln!(list, "{}", lab.environment(*number)).unwrap();
    }
    let file = lab.path("alive");
    fs::write(&file, &list).unwrap();
    let sweep = |more: &[&str]| {
        let (guardrails, alive) = (lab.guardrails_path(), file.display().to_string());
        lab.dayfly(&[&["db", "sweep", "--guardrails", &guardrails, "--alive", &alive], more].concat()).fine()
    };

    let before = server.left("leaks");
    assert!(before.lines().count() > 24, "the test should leave something: {before}");
    sweep(&[]);
    assert_eq!(server.left("leaks"), before, "a dry run changes nothing");
    let mut sweeps = 0;
    while !sweep(&["--apply"]).err.contains(" 0 reclaimed") {
        sweeps += 1;
        assert!(sweeps < 20);
    }
    assert!(sweeps > 1, "no sweep takes more than its share");
    let left = server.left("leaks");
    assert_eq!(left.lines().count(), 2 * alive.len(), "a database and a role for each that lives: {left}");
    for number in &alive {
        assert_eq!(psql(&lab.url(*number), "SELECT count(*) FROM users").unwrap(), "0");
        lab.db("destroy", *number, &[]).fine();
    }
    assert_eq!(server.left("leaks"), "");
    // What only looks like dayfly's mark, or is another dayfly's, is nobody's to sweep, and somebody is told.
    for sql in [
        "COMMENT ON DATABASE leaks_foreign IS '{\"dayfly\":1}'",
        "CREATE ROLE leaks_foreign",
        "COMMENT ON ROLE leaks_foreign IS '{\"dayfly\":1}'",
    ] {
        psql(&server.superuser, sql).unwrap();
    }
    let guardrails = lab.guardrails_path();
    for kind in ["role", "database"] {
        let what = format!(
            "the mark in the comment of the {kind} `leaks_foreign` cannot be read, so that nobody renews or reclaims it: if no newer dayfly made it, mend the comment, or drop the {kind}"
        );
        lab.dayfly(&["db", "list", "--guardrails", &guardrails]).failed(&what);
        lab.dayfly(&["db", "sweep", "--guardrails", &guardrails, "--alive", "alive", "--apply"]).failed(&what);
    }
    psql(&server.superuser, "DROP ROLE leaks_foreign").unwrap();
    for foreign in ["leaks_foreign", "dayfly_aaaaaaaa_foreign"] {
        psql(&server.superuser, &format!("DROP DATABASE {foreign}")).unwrap();
    }
}

#[test]
fn fifty_at_once_all_get_their_branch() {
    let server =
        Server::new("DAYFLY_TEST_POSTGRES18", "fifty", "CREATE TABLE users AS SELECT generate_series(1, 20000) AS id");
    let lab = server.lab("fifty", "synthetic: {by: seeds}");
    lab.prepare_baseline(&[]).fine();
    for number in 1..=50 {
        lab.spec(number, "shop", "");
    }
    for command in ["provision", "destroy"] {
        let jobs: Vec<_> = (1..=50).map(|number| lab.start(command, number, &[])).collect();
        for job in jobs {
            ended(job).fine();
        }
        if command == "provision" {
            assert_eq!(psql(&lab.url(50), "SELECT count(*) FROM users").unwrap(), "20000");
        }
    }
    assert_eq!(server.left("fifty"), "");
}
