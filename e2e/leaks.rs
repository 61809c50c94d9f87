//! Two hundred previews whose Jobs are killed anywhere, and that are closed: no branch, role or Secret of theirs stays, and
//! everybody else's does.
//!
//! Most Jobs are processes in one Pod with the Jobs' own account, key and network: two hundred Pods would take longer than all
//! other tests together. Some are Jobs, as they are rendered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::time::Instant;

use serde_json::{Value, json};

use crate::case::Case;
use crate::kube::{apply, array, delete, get, json as parse, kind, kubectl, list, name, text};
use crate::operations::{self, OPERATIONS, PASSWORD, command_there, sql, sweep};
use crate::pods::sleeper;
use crate::process::{must, repository, run, setting, until};
use crate::world;

const FIRST: u32 = 1000;
const PREVIEWS: u32 = 200;

/// Random enough, and the same in every run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// What a preview has of its database, as rendered.
struct Preview {
    environment: String,
    /// Its namespace, and what lets its Jobs in there.
    inside: Vec<Value>,
    /// What lets its Jobs out of the operations namespace.
    policy: Value,
    provision: Value,
    destroy: Value,
}

impl Preview {
    /// What its Jobs are told.
    fn spec(&self) -> &str {
        self.provision["spec"]["template"]["metadata"]["annotations"]["dayfly.dev/database-spec"]
            .as_str()
            .expect("a specification")
    }

    fn named(&self, what: &str) -> String {
        text(&parse(self.spec()), &format!("/names/{what}")).to_owned()
    }
}

/// All previews, rendered at once.
fn previews() -> Vec<Preview> {
    let parameters = format!("{}/leaks.ndjson", env!("CARGO_TARGET_TMPDIR"));
    let mut lines = String::new();
    for number in FIRST..FIRST + PREVIEWS {
        writeln!(lines, "{}", Value::Object(Case::new("storefront", number).parameters)).expect("a string");
    }
    std::fs::write(&parameters, lines).expect("a writable folder");
    let guardrails = format!("{}/dayfly-open/guardrails.yaml", setting("DAYFLY_E2E_PLUGINS"));
    let folder = repository("testdata/storefront");
    let arguments = ["render", &folder, "--guardrails", &guardrails, "--each", &parameters, "-o", "ndjson"];
    let objects: Vec<Value> = must(&setting("DAYFLY_E2E_BINARY"), &arguments, "").lines().map(parse).collect();
    objects.chunk_by(|_, next| kind(next) != "Namespace").map(preview).collect()
}

fn preview(objects: &[Value]) -> Preview {
    let (mut inside, mut policy, mut jobs) = (Vec::new(), Value::Null, BTreeMap::new());
    for object in objects {
        match (kind(object), text(object, "/metadata/namespace")) {
            ("Namespace" | "Role" | "RoleBinding", _) => inside.push(object.clone()),
            ("NetworkPolicy", OPERATIONS) => policy = object.clone(),
            ("Job", OPERATIONS) => {
                let step = object["metadata"]["labels"]["dayfly.dev/step"].as_str().unwrap_or_default();
                jobs.insert(step.to_owned(), object.clone());
            }
            _ => {}
        }
    }
    inside[0]["metadata"]["labels"][world::OWN] = "leaks".into();
    let mut job = |step| jobs.remove(step).unwrap_or_else(|| panic!("there is no Job {step}"));
    Preview {
        environment: name(&inside[0]).to_owned(),
        policy,
        provision: job("provision"),
        destroy: job("destroy"),
        inside,
    }
}

/// The Pod in which the Jobs are processes.
struct Jobs;

impl Jobs {
    const POD: &str = "leaks";

    fn start() -> Self {
        let dayfly =
            text(&get("cronjob", "dayfly-sweep", OPERATIONS).expect("the sweeper is installed"), IMAGE).to_owned();
        let mut pod = sleeper(OPERATIONS, Self::POD);
        // The step that may reach the database server and the API server without a preview's own policy.
        pod["metadata"]["labels"]["dayfly.dev/step"] = "destroy".into();
        let spec = &mut pod["spec"];
        spec["serviceAccountName"] = "dayfly-database".into();
        spec["automountServiceAccountToken"] = true.into();
        spec["securityContext"]["runAsUser"] = 65532.into();
        spec["volumes"] = json!([{"name": "bin", "emptyDir": {}}]);
        let mounts = json!([{"name": "bin", "mountPath": "/dayfly"}]);
        let main = &mut spec["containers"][0];
        main["envFrom"] = json!([{"secretRef": {"name": "dayfly-database-admin"}}]);
        main["volumeMounts"] = mounts.clone();
        let install = json!({
            "name": "install", "image": dayfly, "command": ["dayfly", "db", "install", "/dayfly"],
            "securityContext": main["securityContext"], "volumeMounts": mounts,
        });
        spec["initContainers"] = json!([install]);
        delete("pod", Self::POD, OPERATIONS, 60);
        apply(&[pod]);
        kubectl(&["wait", "pod", Self::POD, "-n", OPERATIONS, "--for=condition=Ready", "--timeout=60s"]);
        Self
    }

    /// Runs processes, and gives how each ended.
    #[allow(clippy::unused_self, reason = "the Pod must be there")]
    fn run(&self, jobs: &[Value]) -> BTreeMap<String, Value> {
        let input: String = jobs.iter().fold(String::new(), |all, job| format!("{all}{job}\n"));
        let out = must("kubectl", &["exec", "-i", "-n", OPERATIONS, Self::POD, "--", "/standin", "jobs"], &input);
        let ended: BTreeMap<_, _> = out.lines().map(parse).map(|end| (text(&end, "/name").to_owned(), end)).collect();
        assert_eq!(ended.len(), jobs.len());
        let secret = ended.values().find(|end| end.to_string().contains(PASSWORD));
        assert_eq!(secret, None, "the administrator's password is in an output");
        ended
    }

    /// Runs processes that must all go well.
    fn all_fine(&self, jobs: &[Value]) {
        for (name, end) in self.run(jobs) {
            assert_eq!(end["code"], 0, "{name}: {}", text(&end, "/err"));
        }
    }
}

impl Drop for Jobs {
    fn drop(&mut self) {
        if std::env::var_os("DAYFLY_E2E_KEEP").is_none() {
            run("kubectl", &["delete", "pod", Self::POD, "-n", OPERATIONS, "--wait=false"], "");
            remove_namespaces();
        }
    }
}

const IMAGE: &str = "/spec/jobTemplate/spec/template/spec/containers/0/image";

/// `dayfly db COMMAND` about a preview's database, killed after some milliseconds (0: never).
fn step(command: &str, preview: &Preview, kill: u64) -> Value {
    json!({
        "name": preview.environment, "command": ["/dayfly/dayfly", "db", command, "--spec", "/dev/stdin", "--log", "json"],
        "input": preview.spec(), "kill": kill,
    })
}

fn remove_namespaces() {
    let label = format!("{}=leaks", world::OWN);
    let patch = r#"{"metadata": {"finalizers": null}}"#;
    run("kubectl", &["patch", "configmap", LINGERS, "-n", &lingering(), "--type=merge", "-p", patch], "");
    run("kubectl", &["delete", "namespaces", "-l", &label, "--wait=false"], "");
}

/// A namespace that is being deleted for as long as this is in it.
const LINGERS: &str = "lingers";

fn lingering() -> String {
    format!("storefront-pr-{}", FIRST + 1)
}

fn namespaces() -> BTreeSet<String> {
    list("namespaces", "", &format!("{}=leaks", world::OWN)).iter().map(|found| name(found).to_owned()).collect()
}

/// Every database and role of these previews on the shared server, and until when a role lives. A database that is being made has
/// a name that only its role tells.
fn branches() -> BTreeSet<String> {
    let ours = "'^storefront_pr_1[01][0-9][0-9]_'";
    let found = sql(
        "",
        &format!(
            "SELECT datname FROM pg_database WHERE datname ~ {ours} OR datname LIKE 'dayfly\\_%' AND NOT EXISTS (
               SELECT FROM pg_roles WHERE rolname !~ {ours} AND position(datname IN shobj_description(oid, 'pg_authid')) > 0)
             UNION ALL SELECT rolname || ' until ' || coalesce(rolvaliduntil::text, '-') FROM pg_roles WHERE rolname ~ {ours}"
        ),
    );
    found.lines().map(str::to_owned).collect()
}

/// Every Secret in these previews' namespaces, and which version of it.
fn secrets() -> BTreeSet<String> {
    let found = parse(&kubectl(&["get", "secrets", "-A", "-o", "json"]));
    let ours = array(&found, "/items")
        .iter()
        .filter(|secret| text(secret, "/metadata/namespace").starts_with("storefront-pr-1"));
    let described = ours.map(|secret| {
        let metadata = &secret["metadata"];
        format!("{}/{} {}", text(metadata, "/namespace"), text(metadata, "/name"), text(metadata, "/resourceVersion"))
    });
    described.filter(|secret| secret.split(['-', '/']).nth(2).is_some_and(|number| number.len() == 4)).collect()
}

fn secret(namespace: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace}, "stringData": {"mine": "yes"}})
}

#[test]
#[allow(clippy::too_many_lines, clippy::print_stdout, reason = "one story, told as it goes on")]
fn two_hundred_previews_come_and_go_and_nothing_stays() {
    world::prepare();
    // Other tests' sweeps would take what this one counts.
    let _alone = operations::sweeping();
    let started = Instant::now();
    let at = |what: &str| println!("{:>4} s: {what}", started.elapsed().as_secs());
    remove_namespaces();
    until(
        300,
        || if namespaces().is_empty() { Ok(()) } else { Err("an earlier run's namespaces are there".to_owned()) },
    );
    let previews = previews();
    assert_eq!(previews.len(), PREVIEWS as usize);
    let inside: Vec<Value> = previews.iter().flat_map(|preview| preview.inside.clone()).collect();
    apply(&inside);
    let jobs = Jobs::start();
    at("200 namespaces");

    // Somebody else's: a database and a role with the very names of previews, one with a likely one, and Secrets.
    let (database, role) = (previews[3].named("branch"), previews[6].named("role"));
    let unmarked = ["dayfly_aaaaaaaa".to_owned(), database.clone()];
    for name in &unmarked {
        sql("", &format!("DROP DATABASE IF EXISTS {name}"));
        sql("", &format!("CREATE DATABASE {name}"));
    }
    sql("", &format!("COMMENT ON DATABASE {database} IS 'dayfly: somebody wrote this by hand'"));
    sql("", &format!("DROP ROLE IF EXISTS {role}"));
    sql("", &format!("CREATE ROLE {role}"));
    let lives = |number: usize| number.is_multiple_of(10);
    let taken = &previews[10].environment;
    apply(&[secret(taken, "main-direct"), secret(&previews[20].environment, "theirs")]);
    let foreign_secrets = || {
        let version = |(namespace, name)| {
            get("secret", name, namespace).map(|found| found["metadata"]["resourceVersion"].clone())
        };
        [(taken.as_str(), "main-direct"), (previews[20].environment.as_str(), "theirs")].map(version)
    };
    let versions = foreign_secrets();
    assert!(versions.iter().all(Option::is_some));

    // Each Job is killed somewhere, or is not. A few are Jobs as rendered, whose Pods are.
    let mut dice = Dice(128);
    let rendered: Vec<&Preview> = previews.iter().skip(7).step_by(25).collect();
    let objects = rendered.iter().flat_map(|preview| [preview.policy.clone(), preview.provision.clone()]);
    apply(&objects.collect::<Vec<_>>());
    for (command, most) in [("provision", 700), ("verify", 250)] {
        let killed: Vec<Value> = previews
            .iter()
            .filter(|preview| !rendered.iter().any(|other| other.environment == preview.environment))
            .map(|preview| step(command, preview, if dice.roll(3) == 0 { 0 } else { 1 + dice.roll(most) }))
            .collect();
        let ended = jobs.run(&killed);
        let fine = ended.values().filter(|end| end["code"] == 0).count();
        let cut = ended.values().filter(|end| end["code"] == -1).count();
        at(&format!("{command}: {fine} done, {cut} killed"));
        assert!(fine > 30 && cut > 60, "kills should hit some and spare some: {fine} done, {cut} killed");
    }
    for (index, preview) in rendered.iter().enumerate() {
        let job = name(&preview.provision);
        if index.is_multiple_of(2) {
            let pods = format!("job-name={job}");
            kubectl(&[
                "delete",
                "pods",
                "-n",
                OPERATIONS,
                "-l",
                &pods,
                "--grace-period=0",
                "--force",
                "--ignore-not-found",
            ]);
        }
        until(120, || match get("job", job, OPERATIONS) {
            Some(found) if found["status"]["succeeded"] == 1 => Ok(()),
            found => Err(format!("{job}: {:?}", found.map(|found| found["status"].clone()))),
        });
    }
    for (number, why) in [(3, "nothing was changed"), (10, "was not made by dayfly")] {
        let ended = jobs.run(&[step("provision", &previews[number], 0)]);
        let end = &ended[&previews[number].environment];
        assert!(end["code"] == 1 && text(end, "/err").contains(why), "{end}");
    }
    let alive: Vec<&Preview> = previews
        .iter()
        .enumerate()
        .filter(|(number, _)| lives(*number) && *number != 10)
        .map(|(_, preview)| preview)
        .collect();
    for command in ["provision", "verify"] {
        jobs.all_fine(&alive.iter().map(|preview| step(command, preview, 0)).collect::<Vec<_>>());
    }
    at("what lives has its database");

    // Closed: the namespaces go, and meanwhile the teardown Jobs run, most of them and some to their end.
    let closed: Vec<&Preview> =
        previews.iter().enumerate().filter(|(number, _)| !lives(*number)).map(|(_, preview)| preview).collect();
    apply(&[json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": LINGERS, "namespace": lingering(), "finalizers": ["dayfly.dev/e2e"]},
    })]);
    let names: Vec<&str> = closed.iter().map(|preview| preview.environment.as_str()).collect();
    kubectl(&[["delete", "namespaces", "--wait=false"].as_slice(), &names].concat());
    let hooks: Vec<Value> = rendered.iter().step_by(3).map(|preview| preview.destroy.clone()).collect();
    apply(&hooks);
    let torn: Vec<Value> = closed
        .iter()
        .filter(|preview| preview.environment != lingering())
        .filter_map(|preview| match dice.roll(3) {
            0 => None,
            1 => Some(step("destroy", preview, 1 + dice.roll(600))),
            _ => Some(step("destroy", preview, 0)),
        })
        .collect();
    let ended = jobs.run(&torn);
    let fine = ended.values().filter(|end| end["code"] == 0).count();
    at(&format!("destroy: {fine} of {} done", torn.len()));
    assert!(fine > 10 && fine < torn.len() - 10, "kills should hit some and spare some: {fine} done");
    // A preview that lives may be told to give up its database, too: what is not dayfly's stays in its namespace.
    jobs.all_fine(&[step("destroy", &previews[10], 0)]);
    assert_eq!(foreign_secrets(), versions);
    until(300, || match namespaces().len() {
        left if left == 1 + (PREVIEWS / 10) as usize => Ok(()),
        left => Err(format!("{left} namespaces are there")),
    });
    at("the namespaces are gone");

    let (before, kept) = (branches(), secrets());
    assert!(before.len() > 60 + 2 * alive.len(), "the test should leave something: {before:?}");
    let guardrails = ["dayfly", "db", "sweep", "--guardrails", "/dayfly/guardrails.yaml"];
    let dry = command_there("leaks-dry", &guardrails);
    assert!(dry.contains("would reclaim"), "{dry}");
    assert_eq!((branches(), secrets()), (before, kept), "a dry run changes nothing");
    // No sweep takes more than its share.
    let sweep_all = || {
        let mut sweeps = 0;
        while !sweep("leaks-sweep").contains(" 0 reclaimed") {
            sweeps += 1;
            assert!(sweeps < 20);
        }
        sweeps
    };
    let sweeps = sweep_all();
    at(&format!("{sweeps} sweeps"));
    assert!(sweeps > 1, "no sweep takes more than its share");
    // Whose namespace is being deleted is still there. Then it is not.
    let of_lingering = || branches().into_iter().filter(|found| found.contains(&lingering().replace('-', "_"))).count();
    assert!(of_lingering() > 0, "the branch of a preview that is there was reclaimed");
    remove_finalizer();
    until(60, || if namespaces().contains(&lingering()) { Err("it lingers".to_owned()) } else { Ok(()) });
    sweep_all();
    assert_eq!(of_lingering(), 0);

    // Of the living: a database, a role and two Secrets each. Of the closed: nothing. Of others: all.
    let expected: BTreeSet<String> = alive
        .iter()
        .flat_map(|preview| [preview.named("branch"), preview.named("role")])
        .chain(unmarked.iter().cloned())
        .chain([role.clone()])
        .collect();
    let left = |found: BTreeSet<String>, end: char| -> BTreeSet<String> {
        found
            .iter()
            .map(|line| line.trim_matches(['[', ']', '"']).split(end).next().unwrap_or_default().to_owned())
            .collect()
    };
    assert_eq!(left(branches(), ' '), expected);
    let of_alive = |preview: &&Preview| ["main", "main-direct"].map(|name| format!("{}/{name}", preview.environment));
    let mut expected: BTreeSet<String> = alive.iter().flat_map(of_alive).collect();
    expected.extend([format!("{taken}/main-direct"), format!("{}/theirs", previews[20].environment)]);
    assert_eq!(left(secrets(), ' '), expected);
    assert_eq!(foreign_secrets(), versions);
    // And they work.
    let queries: Vec<Value> = alive.iter().map(|preview| query(&preview.environment)).collect();
    for (environment, end) in jobs.run(&queries) {
        assert_eq!(text(&end, "/out").trim(), "[3]", "{environment}: {end}");
    }

    // The others close as well, their teardown runs, and this was all.
    jobs.all_fine(&alive.iter().map(|preview| step("destroy", preview, 0)).collect::<Vec<_>>());
    assert_eq!(left(branches(), ' '), unmarked.iter().cloned().chain([role.clone()]).collect());
    let theirs = BTreeSet::from([format!("{taken}/main-direct"), format!("{}/theirs", previews[20].environment)]);
    assert_eq!(left(secrets(), ' '), theirs);
    for name in &unmarked {
        sql("", &format!("DROP DATABASE {name}"));
    }
    sql("", &format!("DROP ROLE {role}"));
    at("done");
}

/// Reads the baseline's rows with the workload's Secret.
fn query(environment: &str) -> Value {
    let secret = get("secret", "main", environment).expect("the workload's Secret");
    let url = text(&secret, "/data/DATABASE_URL");
    let url = must("base64", &["-d"], url);
    json!({
        "name": environment, "command": ["/standin", "sql"], "environment": {"DATABASE_URL": url},
        "input": "SELECT count(*) FROM customers",
    })
}

fn remove_finalizer() {
    let patch = r#"{"metadata": {"finalizers": null}}"#;
    kubectl(&["patch", "configmap", LINGERS, "-n", &lingering(), "--type=merge", "-p", patch]);
}
