//! What the commands say: while they wait, of what is wrong here, and of a provider that is away.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    time::{Duration, Instant},
};

use crate::{
    lab::{Lab, Run, service},
    postgres::Server,
    psql::psql,
};

const SYNTHETIC: &str = "synthetic: {by: seeds}";

/// A server that nobody is at.
const NOWHERE: &str = "postgres://admin:secret-of-the-admin@127.0.0.1:1/postgres";

fn unreachable(policy: &str) -> Lab {
    let entry = format!(
        "shop: {{provider: postgres, database: shop, {SYNTHETIC}, endpoint: {{cidrs: [10.0.0.0/8], port: 1}}}}"
    );
    let lab = Lab::new(policy, &entry, &[("DAYFLY_DATABASE_ADMIN_URL", NOWHERE)]);
    lab.spec(1, "shop", "");
    lab
}

/// A call about a server that nobody is at, which says what is wrong here without waiting for it.
#[track_caller]
fn at_once(call: impl FnOnce() -> Run, why: &str) {
    let started = Instant::now();
    let run = call().failed(why);
    assert!(started.elapsed() < Duration::from_secs(2), "{}", run.err);
}

#[test]
fn a_wait_is_told() {
    let lab = unreachable("waiting");
    for (format, said) in [
        ("text", "s  waiting for the server of postgres://admin@127.0.0.1:1/postgres: error connecting to server"),
        (
            "json",
            r#""message":"waiting for the server of postgres://admin@127.0.0.1:1/postgres: error connecting to server"#,
        ),
    ] {
        let started = Instant::now();
        let mut child = lab.start("provision", 1, &["--log", format]);
        let mut line = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(line.contains(said) && line.contains("refused"), "{line}");
        assert!((2..15).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    }
}

#[test]
fn one_deadline_ends_every_command_and_says_what_was_waited_for() {
    // The kernel takes the connection, and nobody says a word.
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = mute.local_addr().unwrap().port();
    for (port, why) in [(1, ": error connecting to server"), (port, "")] {
        let entry = format!(
            "shop: {{provider: postgres, database: shop, {SYNTHETIC}, endpoint: {{cidrs: [10.0.0.0/8], port: 1}}}}"
        );
        let url = NOWHERE.replace(":1/", &format!(":{port}/"));
        let lab = Lab::new("deadline", &entry, &[("DAYFLY_DATABASE_ADMIN_URL", &url)]);
        lab.guardrails(&entry, "    deadline: 3s\n");
        lab.spec(1, "shop", "");
        fs::write(lab.path("alive"), "kube-system\n").unwrap();
        let guardrails = lab.guardrails_path();
        let said = format!(
            "error: the baseline `shop`: the deadline of 3 s passed: waiting for the server of postgres://admin@127.0.0.1:{port}/postgres{why}"
        );
        for command in ["provision", "renew", "verify", "destroy"] {
            let started = Instant::now();
            let run = lab.db(command, 1, &[]).failed(&said);
            assert!((2..8).contains(&started.elapsed().as_secs()), "{:?}: {}", started.elapsed(), run.err);
        }
        for more in [&["list"][..], &["sweep", "--alive", "alive"]] {
            let started = Instant::now();
            let run = lab.dayfly(&[&["db"], more, &["--guardrails", &guardrails]].concat());
            run.failed("the deadline of 3 s passed: asking the providers for their branches");
            assert!((2..8).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
        }
    }
}

#[test]
fn encryption_that_cannot_be_had_is_no_wait() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "plain", "CREATE TABLE users (id bigint)");
    for (mode, why) in
        [("require", "the server of postgres://plain_admin@"), ("on", "`sslmode=on` of postgres://plain_admin@")]
    {
        let url = format!("{}?sslmode={mode}", server.admin.split('?').next().unwrap());
        let lab = Lab::new("plain", &server.entry(SYNTHETIC), &[("DAYFLY_DATABASE_ADMIN_URL", &url)]);
        lab.spec(1, "shop", "");
        let started = Instant::now();
        let run = lab.db("provision", 1, &[]).failed(why);
        let allowed =
            if mode == "on" { "disable, allow, prefer, require, verify-ca, verify-full" } else { "has no TLS" };
        assert!(run.err.contains(allowed) && !run.err.contains("secret-of-the-admin"), "{}", run.err);
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    }
}

#[test]
fn what_is_wrong_here_is_said_before_anybody_waits() {
    let lab = unreachable("prompt");
    let guardrails = lab.guardrails_path();
    let sweep = |more: &[&str]| lab.dayfly(&[&["db", "sweep", "--guardrails", &guardrails], more].concat());
    at_once(|| sweep(&["--alive", "/nonexist"]), "failed to read `/nonexist`");
    at_once(|| sweep(&[]), "outside a cluster, say with `--alive FILE`");
    fs::write(lab.path("alive"), "NAME   STATUS\n").unwrap();
    at_once(|| sweep(&["--alive", "alive"]), "line 1 of `alive` is no environment's name: `NAME   STATUS`");

    let own = |more: &[&str]| {
        let fixed = ["db", "provision", "--baseline", "shop", "--guardrails", &guardrails];
        lab.dayfly(&[&fixed[..], more].concat())
    };
    let file = lab.path("own.env").display().to_string();
    for environment in ["ada\nEVIL=1", "", "Ada", "ada.lovelace"] {
        at_once(
            || own(&["--environment", environment, "--env-file", &file]),
            "which is no DNS label: write lower-case",
        );
    }
    let named = |file: &str| own(&["--environment", "local-ada", "--env-file", file]);
    at_once(|| named("/nodir/.env"), "`/nodir/.env` cannot be written, so nothing was done");
    std::os::unix::fs::symlink("nowhere", lab.path("link.env")).unwrap();
    at_once(|| named("link.env"), "a symbolic link that leads to no file");
    assert!(!lab.path("own.env").exists());
}

/// A Job's log is read by a program, whatever its Job was told.
#[test]
fn what_is_wrong_before_there_is_a_log_is_a_line_of_it() {
    let lab = unreachable("unlogged");
    let spec = lab.spec(1, "shop", "").display().to_string();
    let text = fs::read_to_string(&spec).unwrap();
    fs::write(lab.path("newer.json"), text.replace("\"version\":1", "\"version\":2")).unwrap();
    let guardrails = lab.guardrails_path();
    for (call, why) in [
        (&["provision", "--spec", "newer.json"][..], "the spec has version 2"),
        (&["migrate", "--spec", "none.json", "--", "true"], "failed to read the spec `none.json`"),
        (&["sweep", "--guardrails", &guardrails], "outside a cluster, say with `--alive FILE`"),
    ] {
        let (command, rest) = call.split_first().unwrap();
        let run = lab.dayfly(&[&["db", command, "--log", "json"], rest].concat()).failed(why);
        let line: serde_json::Value = serde_json::from_str(&run.err).unwrap();
        assert_eq!((&line["level"], &line["command"]), (&"error".into(), &(*command).into()), "{}", run.err);
    }
    let text = fs::read_to_string(&guardrails).unwrap();
    fs::write(lab.path("wrong.yaml"), text.replace("\nspec:", "\nspec:\n  domains: x")).unwrap();
    let run = lab.dayfly(&["db", "sweep", "--guardrails", "wrong.yaml", "--log", "json"]).refused("`domains`");
    let line: serde_json::Value = serde_json::from_str(&run.err).unwrap();
    assert_eq!((&line["code"], &line["location"]["pointer"]), (&"unknown-field".into(), &"/spec/domains".into()));
}

#[test]
fn an_env_file_may_be_a_link() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "linked", "CREATE TABLE users (id bigint)");
    let lab = server.lab("linked", SYNTHETIC);
    let spec = lab.spec(1, "shop", "").display().to_string();
    let (shared, link) = (lab.path("shared"), lab.path("link.env"));
    fs::write(&shared, "A=1\n").unwrap();
    std::os::unix::fs::symlink("shared", &link).unwrap();
    let call = |command: &str| lab.dayfly(&["db", command, "--spec", &spec, "--env-file", "link.env"]).fine();
    call("provision");
    assert!(link.is_symlink());
    let text = fs::read_to_string(&shared).unwrap();
    assert!(text.starts_with("A=1\n# dayfly: main of linked-pr-1"), "{text}");
    let url = text.lines().find_map(|line| line.strip_prefix("DATABASE_URL=")).unwrap();
    assert_eq!(psql(url, "SELECT count(*) FROM users").unwrap(), "0");
    call("destroy");
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&shared).unwrap(), "A=1\n");
}

/// One provider is well, and of another there is no key.
#[test]
fn a_provider_that_is_away_keeps_no_other_from_its_branches() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "partly", "CREATE TABLE users (id bigint)");
    let more = format!(
        "{}\ncrm: {{provider: neon, project: p, parent: br-1, api: '{}', {SYNTHETIC}}}",
        server.entry(SYNTHETIC),
        service("DAYFLY_TEST_NEON")
    );
    let lab = server.lab("partly", SYNTHETIC);
    lab.guardrails(&more, "");
    for number in [1, 2] {
        lab.spec(number, "shop", "");
        lab.db("provision", number, &[]).fine();
    }
    let guardrails = lab.guardrails_path();
    let missing = "the baseline `crm` cannot be used: NEON_API_KEY is not set";
    let list = lab.dayfly(&["db", "list", "--guardrails", &guardrails]).failed(missing);
    assert!(list.out.contains("partly-pr-1") && list.out.contains("partly-pr-2"), "{}", list.out);
    lab.only_orphans("partly-pr-2");
    let run = lab.dayfly(&["db", "sweep", "--guardrails", &guardrails, "--alive", "alive", "--apply"]).failed(missing);
    assert!(run.err.contains("of partly-pr-2 (postgres"), "{}", run.err);
    let left = server.left("partly");
    assert!(left.contains("partly_pr_1_") && !left.contains("partly_pr_2_"), "{left}");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("partly"), "");
}

#[test]
fn an_empty_list_of_the_living_reclaims_nothing() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "empty", "CREATE TABLE users (id bigint)");
    let lab = server.lab("empty", SYNTHETIC);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    fs::write(lab.path("alive"), "\n").unwrap();
    for apply in [&[][..], &["--apply"]] {
        let guardrails = lab.guardrails_path();
        let fixed = ["db", "sweep", "--guardrails", &guardrails, "--alive", "alive"];
        lab.dayfly(&[&fixed[..], apply].concat()).failed("`kubectl get namespaces -o name`");
    }
    assert_eq!(psql(&lab.url(1), "SELECT count(*) FROM users").unwrap(), "0");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("empty"), "");
}
