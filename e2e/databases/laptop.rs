//! A branch of somebody's own: from a shell, without a preview, into the `.env` that is there already.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{
    lab::{Lab, Run},
    postgres::Server,
    psql::psql,
};

const ENV: &str = "# mine\nAPI_KEY=abc\n\nFEATURES=carts\n";

/// `dayfly db COMMAND --baseline shop` as somebody types it.
fn call(lab: &Lab, command: &str, environment: &str, more: &[&str]) -> Run {
    let guardrails = lab.guardrails_path();
    let fixed = ["db", command, "--baseline", "shop", "--guardrails", &guardrails, "--environment", environment];
    lab.dayfly(&[&fixed[..], &["--env-file", ".env"], more].concat())
}

fn url(lab: &Lab) -> String {
    let text = fs::read_to_string(lab.path(".env")).unwrap();
    text.lines().find_map(|line| line.strip_prefix("DATABASE_URL=")).expect("a DATABASE_URL").to_owned()
}

#[test]
fn a_laptop_gets_a_branch_of_its_own() {
    let server =
        Server::new("DAYFLY_TEST_POSTGRES18", "laptop", "CREATE TABLE users (id bigint); INSERT INTO users VALUES (1)");
    let lab = server.lab("laptop", "synthetic: {by: seeds}");
    let file = lab.path(".env");
    fs::write(&file, ENV).unwrap();
    let environment = "laptop-pr-ada";
    call(&lab, "provision", environment, &[]).fine();
    let first = url(&lab);
    assert_eq!(psql(&first, "SELECT count(*) FROM users").unwrap(), "1");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.starts_with(ENV), "{text}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    // Again: the same login. The team's own programs run as in a preview.
    call(&lab, "provision", environment, &[]).fine();
    assert_eq!(url(&lab), first);
    call(&lab, "migrate", environment, &["--", "psql", "-v", "ON_ERROR_STOP=1", "-qc", "CREATE TABLE carts (id int)"])
        .fine();
    call(&lab, "verify", environment, &[]).fine();
    assert_eq!(psql(&first, "SELECT count(*) FROM carts").unwrap(), "0");
    // Another of the same person's would overwrite this one.
    call(&lab, "provision", "laptop-pr-ada-2", &[]).refused("somebody else's");
    assert_eq!(url(&lab), first);

    let guardrails = lab.guardrails_path();
    let list = lab.dayfly(&["db", "list", "--guardrails", &guardrails]).fine();
    assert!(list.out.contains("dayfly:local:laptop-pr-ada") && list.out.contains("in 6d"), "{}", list.out);
    call(&lab, "renew", environment, &[]).fine();

    call(&lab, "destroy", environment, &[]).fine();
    assert_eq!(fs::read_to_string(&file).unwrap(), ENV);
    call(&lab, "destroy", environment, &[]).fine();
    call(&lab, "destroy", "laptop-pr-ada-2", &[]).fine();
    assert_eq!(server.left("laptop"), "");
}

/// As for `dayfly check` and all others that read them.
#[test]
fn the_shell_may_name_the_guardrails() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "shell", "CREATE TABLE users (id bigint)");
    let entry = server.entry("synthetic: {by: seeds}");
    let variables = [("DAYFLY_DATABASE_ADMIN_URL", &*server.admin), ("DAYFLY_GUARDRAILS", "guardrails.yaml")];
    let lab = Lab::new("shell", &entry, &variables);
    let own = ["--baseline", "shop", "--environment", "shell-pr-ada", "--env-file", ".env"];
    lab.dayfly(&["db", "prepare-baseline", "shop"]).fine();
    lab.dayfly(&[&["db", "provision"], &own[..]].concat()).fine();
    assert!(lab.dayfly(&["db", "list"]).fine().out.contains("shell-pr-ada"));
    lab.dayfly(&[&["db", "destroy"], &own[..]].concat()).fine();
    let lab = Lab::new("shellless", &entry, &[]);
    lab.dayfly(&["db", "list"]).failed("say with `--guardrails FILE` or DAYFLY_GUARDRAILS");
    lab.dayfly(&["db", "provision", "--env-file", ".env"]).failed("<--spec <FILE>|--baseline <NAME>>");
}

/// It belongs to no preview, so no preview's end ends it: its lease does.
#[test]
fn the_sweep_leaves_it_until_its_lease_ends() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "leased", "CREATE TABLE users (id bigint)");
    let lab = server.lab("leased", "synthetic: {by: seeds}");
    call(&lab, "provision", "leased-pr-ada", &[]).fine();
    let url = url(&lab);
    // Only this test's: others share the server.
    let all = lab.dayfly(&["db", "list", "--guardrails", &lab.guardrails_path(), "-o", "json"]).fine().out;
    let others = all.lines().filter_map(|line| line.trim().strip_prefix("\"environment\": \""));
    let others: Vec<&str> = others
        .map(|rest| rest.trim_end_matches("\","))
        .filter(|name| *name != "leased-pr-ada")
        .chain(["kube-system"])
        .collect();
    fs::write(lab.path("alive"), others.join("\n")).unwrap();
    let guardrails = lab.guardrails_path();
    let dry_run = || lab.dayfly(&["db", "sweep", "--guardrails", &guardrails, "--alive", "alive"]).fine().err;
    let would = "of leased-pr-ada (postgres";
    let said = dry_run();
    assert!(!said.contains(would), "{said}");
    let role = url.split("//").nth(1).unwrap().split(':').next().unwrap();
    psql(&server.superuser, &format!("ALTER ROLE {role} VALID UNTIL '2020-01-01'")).unwrap();
    let said = dry_run();
    assert!(said.contains(would), "{said}");
    // What is younger than the list is not on it: however the list is given.
    let list = fs::File::options().append(true).open(lab.path("alive")).unwrap();
    list.set_modified(std::time::SystemTime::UNIX_EPOCH).unwrap();
    let said = dry_run();
    assert!(!said.contains(would), "{said}");
    let from = |name: &str| {
        let args = ["db", "sweep", "--guardrails", &guardrails, "--alive", "-"];
        lab.dayfly_reads_from(&args, &lab.path(name)).fine().err
    };
    let said = from("alive");
    assert!(!said.contains(would), "{said}");
    list.set_modified(std::time::SystemTime::now()).unwrap();
    assert!(from("alive").contains(would));
    // As `kubectl get namespaces -o name | dayfly db sweep --alive -` has it.
    let piped = |alive: &str| {
        let args = ["db", "sweep", "--guardrails", &guardrails, "--alive", "-"];
        lab.dayfly_reads(&args, &format!("namespace/{}\n{alive}", others.join("\nnamespace/")))
    };
    let said = piped("").fine().err;
    assert!(said.contains(would), "{said}");
    let said = piped("namespace/leased-pr-ada\n").fine().err;
    assert!(!said.contains(would), "{said}");
    piped("NAME STATUS\n").failed("is no environment's name: `NAME STATUS`");
    call(&lab, "destroy", "leased-pr-ada", &[]).fine();
    assert_eq!(server.left("leased"), "");
}

/// A server with two installations: neither takes the other's, and what was made before they had names is either's.
#[test]
fn a_sweep_leaves_another_installations_branches_alone() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "shared", "CREATE TABLE users (id bigint)");
    let baselines = server.entry("synthetic: {by: seeds}");
    let lab = server.lab("shared", "synthetic: {by: seeds}");
    let would_reclaim = || {
        lab.only_orphans("shared-pr-1");
        let run = lab.dayfly(&["db", "sweep", "--guardrails", &lab.guardrails_path(), "--alive", "alive"]).fine();
        run.err.contains("of shared-pr-1 (postgres")
    };
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let url = lab.url(1);
    for name in ["staging", "production"] {
        lab.install(name, &baselines);
        lab.db("provision", 1, &[]).fine();
        assert_eq!(lab.url(1), url, "the branch is kept");
        assert!(would_reclaim());
    }
    lab.db("destroy", 1, &[]).fine();
    lab.db("provision", 1, &[]).fine();
    assert!(would_reclaim());
    lab.install("staging", &baselines);
    assert!(!would_reclaim());
    lab.db("provision", 1, &[]).refused("is not of dayfly-staging:shared:shared-pr-1: nothing was changed");
    lab.guardrails(&baselines, "");
    assert!(!would_reclaim());
    lab.install("production", &baselines);
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("shared"), "");
}
