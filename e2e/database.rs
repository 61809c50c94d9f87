//! Branches of databases in the cluster: whose rows are read and who is kept out of them, what a failed migration does, and what
//! Jobs that are killed half way and previews whose teardown never ran leave behind: nothing.

use std::thread;

use serde_json::Value;

use crate::argo::{Ask, CLOSED, Environment, OPEN, SINGLE, SPLIT, story};
use crate::case::Case;
use crate::kube::{array, get, json, kubectl, list, name, text};
use crate::operations::{self, OPERATIONS, PASSWORD, command_there, logs, pods, sql, sweep};
use crate::pods::Inside;
use crate::process::{must, repository, run, setting, until};
use crate::recipes::follow;
use crate::world;

#[test]
fn another_preview_has_a_branch_of_its_own_and_no_way_into_this_one() {
    let (environment, neighbour) = (OPEN.get(), CLOSED.get());
    let (ours, theirs) = (Inside::of(&environment.name, "worker"), Inside::of(&neighbour.name, "worker"));
    ours.tell(&["sql"], "INSERT INTO customers VALUES (4, 'Ours') ON CONFLICT DO NOTHING").unwrap();
    let (our_rows, their_rows) = (ours.rows(), theirs.rows());
    assert_eq!(array(&our_rows, "/customers").len(), 4, "{our_rows}");
    assert_eq!(array(&their_rows, "/customers").len(), 3, "{their_rows}");

    let our_database = text(&our_rows, "/database");
    for database in [our_database, "storefront_baseline", "postgres", "template1"] {
        let error = theirs.tell(&["sql", database], "SELECT 1").expect_err("it is not the neighbour's");
        let refused = error.contains("permission denied for database") || error.contains("not currently accepting");
        assert!(refused, "{database}: {error}");
    }
    let roles = theirs.tell(&["sql"], &format!("SET ROLE \"{}\"", text(&our_rows, "/user"))).unwrap_err();
    assert!(roles.contains("permission denied"), "{roles}");
}

#[test]
fn an_embedded_server_is_its_own_previews_alone() {
    let neighbour = OPEN.get();
    let environment = Environment::sync(Case::new("storefront-single", 204), &SINGLE);
    let server = Inside::existing(&environment.name, "database-main-0").address();
    Inside::of(&environment.name, "worker").reaches(&format!("{server}:5432"));
    Inside::of(&neighbour.name, "worker").is_kept_from(&format!("{server}:5432"));
    let rights = Inside::of(&environment.name, "worker")
        .tell(&["sql"], "SELECT rolsuper, rolvaliduntil IS NULL OR rolvaliduntil > now() + '10 years' FROM pg_roles WHERE rolname = session_user")
        .unwrap();
    assert_eq!(rights.trim(), "[false,true]", "a preview is no superuser, and nobody renews its login");
}

/// As with the official image: nobody built a server for this baseline, an empty one loads what an image volume holds.
#[test]
fn an_embedded_server_fills_itself_from_a_dump() {
    let case = Case::new("storefront-single", 205).of("database-dump");
    let environment = Environment::sync(case, &Ask { plugin: "dayfly-dump", ..SINGLE });
    let worker = Inside::of(&environment.name, "worker");
    let rows = worker.rows();
    // The server's own image has three customers; the dump, one more.
    let customers: Vec<&str> = array(&rows, "/customers").iter().map(|customer| text(customer, "/name")).collect();
    assert_eq!(customers, ["Ada", "Grace", "Edsger", "Barbara"], "{rows}");
    assert_eq!(
        array(&rows, "/customers").iter().filter(|customer| customer["greeting"] == "hello").count(),
        4,
        "{rows}"
    );
    assert_eq!(text(&rows, "/orders/3/item"), "order of Barbara", "{rows}");
    // The URL's parts, which Kubernetes puts into a variable of the team's.
    let told = |name: &str| worker.tell(&["variable", name], "").unwrap();
    let (jdbc, url) = (told("JDBC_URL"), told("DATABASE_URL"));
    let address = jdbc.trim().strip_prefix("jdbc:postgresql://").expect("an address");
    assert!(!address.contains('$') && url.contains(&format!("@{address}")), "{jdbc}");

    let pod = get("pod", "database-main-0", &environment.name).expect("the server's Pod");
    let dump = array(&pod, "/spec/volumes").iter().find(|volume| text(volume, "/name") == "dump").expect("a volume");
    let mounts = array(&pod, "/spec/containers/0/volumeMounts");
    let mount = mounts.iter().find(|mount| text(mount, "/name") == "dump").expect("a mount");
    assert!(text(dump, "/image/reference").contains("storefront-dump@sha256:"), "{dump}");
    assert_eq!((text(mount, "/mountPath"), &mount["readOnly"]), ("/docker-entrypoint-initdb.d", &true.into()));
    // What the API server wrote out of it is what was rendered.
    for how in ["normal", "hard"] {
        let application = environment.refresh(how);
        assert_eq!(text(&application, "/status/sync/status"), "Synced", "{how}: {}", story(&application));
    }
}

#[test]
fn a_preview_cannot_read_the_providers_key() {
    let environment = OPEN.get();
    let worker = Inside::of(&environment.name, "worker");
    worker.is_kept_from("kubernetes.default.svc:443");
    let may = |account: &str, namespace: &str, what: &str| {
        let done = run(
            "kubectl",
            &["auth", "can-i", "get", what, "-n", namespace, &format!("--as=system:serviceaccount:{account}")],
            "",
        );
        done.out.trim() == "yes"
    };
    let preview = format!("{}:preview", environment.name);
    assert!(!may(&preview, OPERATIONS, "secret/dayfly-database-admin"), "the preview's account may read the key");
    assert!(!may(&preview, &environment.name, "secret/main"), "the preview's account may ask for Secrets");
    // The Jobs' own account: the Secrets of this database, and no other.
    let jobs = format!("{OPERATIONS}:dayfly-database");
    assert!(may(&jobs, &environment.name, "secret/main"));
    assert!(!may(&jobs, &environment.name, "secret/stripe"), "the Jobs may read what is not theirs");
    assert!(!may(&jobs, OPERATIONS, "secret/dayfly-database-admin"), "the Jobs may read the key as an object");
    assert!(!may(&jobs, &environment.name, "secrets"), "the Jobs may list Secrets");

    for pod in list("pods", &environment.name, "") {
        for path in ["/spec/containers", "/spec/initContainers"] {
            for container in array(&pod, path) {
                let mounts = container["volumeMounts"].to_string();
                assert!(!mounts.contains("serviceaccount"), "{} has a token: {mounts}", name(&pod));
            }
        }
    }
    // What the team's programs were given, and what anybody logged.
    let secret = get("secret", "main", &environment.name).expect("the database's Secret");
    assert_eq!(secret["metadata"]["ownerReferences"][0]["name"], "dayfly-database-main", "it goes with its Role");
    let password = Inside::of(&environment.name, "worker").tell(&["variable", "DATABASE_URL"], "").unwrap();
    let password = password.split(':').nth(2).and_then(|rest| rest.split('@').next()).expect("a URL with a password");
    assert!(password.len() > 15 && secret["data"]["password"].is_string());
    for step in ["provision", "migrate", "verify"] {
        let found = pods(&environment.name, step);
        assert!(!found.is_empty(), "there is no Pod of step {step}");
        for pod in found {
            let logs = logs(&pod);
            assert!(!logs.contains(password) && !logs.contains(PASSWORD), "{} logged a password", name(&pod));
            if step == "migrate" {
                assert!(logs.contains("DATABASE_URL") && !logs.contains("DAYFLY_DATABASE_ADMIN_URL"), "{logs}");
            }
        }
    }
}

#[test]
fn a_failing_migration_gets_one_fresh_branch_and_then_fails_the_sync() {
    let environment = Environment::begin(Case::new("storefront", 220).of("storefront-broken"), &SPLIT);
    let application = environment.fails();
    let migrate = pods(&environment.name, "migrate");
    let said: String = migrate.iter().map(logs).collect();
    assert_eq!(said.matches("half migrated a fresh branch").count(), 2, "{said}");
    assert!(said.contains("on a fresh branch too"), "{said}");
    let verify: String = pods(&environment.name, "verify").iter().map(logs).collect();
    assert!(verify.contains("making the branch anew, once"), "{verify}");
    assert!(verify.contains("`migrate` failed (exit status: 1), on a fresh branch too"), "{verify}");
    // Where people look: the Application, the Job, the Pod.
    let failed: Vec<Value> = ["migrate", "verify"].iter().flat_map(|step| jobs(&environment.name, step)).collect();
    for job in &failed {
        let conditions = array(job, "/status/conditions");
        let failure = conditions.iter().find(|condition| text(condition, "/type") == "Failed");
        let failure = failure.unwrap_or_else(|| panic!("{} has not failed: {conditions:?}", name(job)));
        assert_eq!(text(failure, "/reason"), "PodFailurePolicy", "{failure}");
    }
    let told = story(&application);
    assert!(
        failed.iter().any(|job| told.contains(name(job))) && told.contains("exit code 1"),
        "the Application does not say what failed: {told}"
    );
    let last = pods(&environment.name, "verify").pop().expect("a Pod of verify");
    let message = last.pointer("/status/containerStatuses/0/state/terminated/message").map(Value::to_string);
    assert!(message.as_deref().unwrap_or_default().contains("on a fresh branch too"), "{message:?}");
    let told = follow(&environment, "argo-cd.md", "job-messages");
    assert!(told.contains(name(&last)) && told.contains("on a fresh branch too"), "{told}");
    // Nothing that needs the database has begun.
    assert!(get("deployment", "web", &environment.name).is_none(), "the workload was started");
    assert!(get("secret", "main", &environment.name).is_none(), "the workload's credentials were published");
    environment.delete();
    until(60, || match operations::of(&environment.name) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("left on the shared server: {left}")),
    });
}

#[test]
fn jobs_that_are_killed_half_way_converge() {
    // While somebody else works on the branch, provision waits: there it is killed.
    world::prepare();
    let case = Case::new("storefront", 221);
    let spec = spec_of(&case);
    let branch = text(&spec, "/names/branch");
    let lock = format!("SELECT pg_advisory_lock(hashtextextended('dayfly:{branch}', 0)); SELECT pg_sleep(221)");
    let holder = thread::spawn(move || operations::try_sql("", &lock));
    let holders = "FROM pg_stat_activity WHERE query LIKE '%pg_sleep(221)%' AND pid <> pg_backend_pid()";
    until(10, || match sql("", &format!("SELECT count(*) {holders} AND wait_event = 'PgSleep'")).trim() {
        "[1]" => Ok(()),
        other => Err(format!("the lock is not held yet: {other}")),
    });
    let environment = Environment::begin(case, &SPLIT);
    let provision = kill_running(&environment.name, "provision");
    sql("", &format!("SELECT pg_terminate_backend(pid) {holders}"));
    assert!(!holder.join().expect("it does not panic").ok, "the lock was given up by itself");
    // migrate takes some seconds; verify waits for it.
    let migrate = kill_running(&environment.name, "migrate");
    let verify = kill_running(&environment.name, "verify");
    environment.wait("Synced", "Healthy");
    assert_eq!(array(&Inside::of(&environment.name, "worker").rows(), "/orders").len(), 3);
    assert_eq!(operations::of(&environment.name).lines().count(), 2, "one database and one role");
    for (step, killed) in [("provision", provision), ("verify", verify), ("migrate", migrate)] {
        let again = pods(&environment.name, step);
        let names: Vec<&str> = again.iter().map(name).collect();
        assert!(
            !names.is_empty() && !names.contains(&killed.as_str()),
            "{step}: {killed} was killed, and these ran: {names:?}"
        );
    }
}

/// Deletes a Pod as soon as it runs, and gives its name.
fn kill_running(environment: &str, step: &str) -> String {
    let pod = until(120, || {
        let running = pods(environment, step).into_iter().find(|pod| {
            let all = ["/status/containerStatuses", "/status/initContainerStatuses"].map(|path| array(pod, path));
            all.concat().iter().any(|status| text(status, "/name") == step && status["state"]["running"].is_object())
        });
        running.ok_or_else(|| format!("no Pod of {step} runs"))
    });
    kubectl(&[
        "delete",
        "pod",
        name(&pod),
        "-n",
        text(&pod, "/metadata/namespace"),
        "--grace-period=1",
        "--wait",
        "--timeout=30s",
    ]);
    name(&pod).to_owned()
}

fn jobs(environment: &str, step: &str) -> Vec<Value> {
    let labels = format!("dayfly.dev/environment={environment},dayfly.dev/step={step}");
    array(&json(&kubectl(&["get", "jobs", "-A", "-l", &labels, "-o", "json"])), "/items").to_vec()
}

/// What the Jobs of a preview's database are told, from the program itself.
pub(crate) fn spec_of(case: &Case) -> Value {
    let parameters = format!("{}/parameters-{}.json", env!("CARGO_TARGET_TMPDIR"), case.parameters["number"]);
    std::fs::write(&parameters, Value::Object(case.parameters.clone()).to_string()).expect("a writable folder");
    let folder = repository(&format!("testdata/{}", case.folder));
    let guardrails = format!("{}/dayfly-open/guardrails.yaml", setting("DAYFLY_E2E_PLUGINS"));
    let inputs = ["--guardrails", &guardrails, "--parameters", &parameters];
    json(&must(&setting("DAYFLY_E2E_BINARY"), &[["db", "spec", &folder, "main"].as_slice(), &inputs].concat(), ""))
}

/// A branch whose preview never was, or is gone without its teardown, is reclaimed; one that lives is renewed; what is somebody
/// else's stays, whatever its name.
#[test]
fn the_sweeper_reclaims_what_no_preview_has() {
    let environment = OPEN.get();
    let _alone = operations::sweeping();
    let gone = "storefront-pr-299";
    let foreign = "storefront_pr_298_main_aaaaaaaa";
    sql("", &format!("DROP DATABASE IF EXISTS {foreign}"));
    sql("", &format!("CREATE DATABASE {foreign}"));
    sql("", &format!("COMMENT ON DATABASE {foreign} IS 'somebody''s own'"));
    let guardrails = ["--guardrails", "/dayfly/guardrails.yaml"];
    // As its own Job would have, before the preview was gone.
    let spec = spec_of(&Case::new("storefront", 299)).to_string();
    let patch = serde_json::json!({"data": {"orphan.json": spec}}).to_string();
    kubectl(&["patch", "configmap", "dayfly-guardrails", "-n", OPERATIONS, "--type=merge", "-p", &patch]);
    let orphan = ["dayfly", "db", "provision", "--spec", "/dayfly/orphan.json", "--env-file", "/dev/shm/env"];
    command_there("orphan", &orphan);
    let before = operations::of(gone);
    assert_eq!(before.lines().count(), 2, "one database and one role: {before}");
    let role = text(&Inside::of(&environment.name, "worker").rows(), "/user").to_owned();
    let lease = || {
        sql(
            "",
            &format!("SELECT extract(epoch FROM rolvaliduntil)::bigint::text FROM pg_roles WHERE rolname = '{role}'"),
        )
    };
    sql("", &format!("ALTER ROLE {role} VALID UNTIL '{}'", "2099-01-01"));
    let long = lease();

    // As docs/argo-cd.md says: the same Job without `--apply`.
    let dry =
        command_there("sweep-dry", &[["dayfly", "db", "sweep", "--log", "json"].as_slice(), &guardrails].concat());
    assert!(dry.contains("would reclaim") && dry.contains(gone), "{dry}");
    assert!(!dry.contains(foreign), "{dry}");
    assert_eq!((operations::of(gone), lease()), (before, long.clone()), "a dry run did something");

    let swept = sweep("sweep");
    assert!(swept.contains("\"reclaimed\":true") && swept.contains(gone), "{swept}");
    assert!(!swept.contains(PASSWORD), "{swept}");
    assert_eq!(operations::of(gone), "", "{swept}");
    assert!(lease() < long, "the lease of a living preview was not set anew");
    assert_eq!(
        array(&Inside::of(&environment.name, "worker").rows(), "/orders").len(),
        3,
        "a living preview lost its database"
    );
    assert!(sql("", "SELECT datname FROM pg_database").contains(foreign), "somebody else's database is gone");
    // Its rights: which previews there are, and no more.
    let may = |verb: &str, what: &str| {
        let account = format!("--as=system:serviceaccount:{OPERATIONS}:dayfly-sweep");
        run("kubectl", &["auth", "can-i", verb, what, "-A", &account], "").out.trim() == "yes"
    };
    assert!(
        may("list", "namespaces")
            && !may("get", "secrets")
            && !may("delete", "secrets")
            && !may("delete", "namespaces")
    );
    sql("", &format!("DROP DATABASE {foreign}"));
}
