//! As in a Pod: credentials in Secrets of the preview's namespace, and no right but what dayfly renders.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::{
    lab::{Lab, Run, ended, output, service},
    mysql,
    postgres::Server,
    psql::{Held, login, password, psql, until, user},
};

/// What stands in for the Kubernetes API, for the first pull request of a lab.
pub(crate) struct Cluster<'a> {
    lab: &'a Lab,
    pub(crate) folder: PathBuf,
    api: Child,
    port: String,
}

/// A Pod's folder with its account's token is at one place: this process alone has another there, and other hosts if the test names some.
const IN_A_POD: &str = "{ test ! -e hosts || mount --bind hosts /etc/hosts; } && mount -t tmpfs none /run && mkdir -p /run/secrets/kubernetes.io/serviceaccount &&
    cp token ca.crt /run/secrets/kubernetes.io/serviceaccount && exec \"$@\"";

impl<'a> Cluster<'a> {
    pub(crate) fn of(lab: &'a Lab) -> Self {
        lab.spec(1, "shop", "");
        let folder = lab.path("cluster");
        fs::create_dir_all(&folder).unwrap();
        // Any certificate for 127.0.0.1, and whose it is.
        let authority = PathBuf::from(service("DAYFLY_TEST_POSTGRES15_CA"));
        fs::copy(&authority, folder.join("ca.crt")).unwrap();
        fs::write(folder.join("token"), "of-the-pod").unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/e2e/databases/kubernetes.py");
        let mut api = Command::new("python3")
            .arg(script)
            .arg(&folder)
            .args(["server.crt", "server.key"].map(|name| authority.with_file_name(name)))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(api.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let cluster = Self { lab, folder, api, port: port.trim().to_owned() };
        cluster.allow(&cluster.role());
        cluster
    }

    /// The Role of the database's Jobs, as it is rendered.
    fn role(&self) -> Value {
        let pull_request = self.lab.path("pr-1");
        let [folder, parameters] =
            [pull_request.clone(), pull_request.join("parameters.json")].map(|path| path.display().to_string());
        let guardrails = self.lab.guardrails_path();
        let args = ["render", &folder, "--guardrails", &guardrails, "--parameters", &parameters, "-o", "json"];
        let objects: Value = serde_json::from_str(&self.lab.dayfly(&args).fine().out).unwrap();
        let objects = objects.as_array().or_else(|| objects["items"].as_array()).unwrap();
        objects.iter().find(|object| object["kind"] == "Role").unwrap().clone()
    }

    fn allow(&self, role: &Value) {
        fs::write(self.folder.join("role.json"), role.to_string()).unwrap();
    }

    pub(crate) fn db(&self, command: &str, more: &[&str]) -> Run {
        self.said(self.call(command, more).output().unwrap())
    }

    pub(crate) fn call(&self, command: &str, more: &[&str]) -> Command {
        let (inner, spec) = (self.lab.command(), self.lab.spec_file(1));
        let mut call = Command::new("unshare");
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => call.env(name, value),
                None => call.env_remove(name),
            };
        }
        call.env("KUBERNETES_SERVICE_HOST", "127.0.0.1").env("KUBERNETES_SERVICE_PORT", &self.port);
        call.args(["--mount", "sh", "-c", IN_A_POD, "sh"]).arg(inner.get_program());
        call.args(["db", command, "--spec"]).arg(spec).args(more).current_dir(&self.folder).stdin(Stdio::null());
        call
    }

    /// `dayfly db provision --rotate` that gets this signal while it publishes the new password. `is_lost`: nothing of that is written.
    fn rotate_ended(&self, signal: &str, is_lost: bool) -> Run {
        let [hold, held, lost] = ["hold", "held", "lost"].map(|name| self.folder.join(name));
        let _ = fs::remove_file(&held);
        fs::write(&hold, "").unwrap();
        let mut call = self.call("provision", &["--rotate"]);
        let rotating = call.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until(|| held.exists(), "nothing is published");
        Command::new("kill").arg(format!("-{signal}")).arg(rotating.id().to_string()).status().unwrap();
        if signal == "TERM" {
            // It takes its time to die, if it does not wait.
            thread::sleep(Duration::from_millis(300));
        }
        if is_lost {
            fs::write(&lost, "").unwrap();
        }
        fs::remove_file(hold).unwrap();
        until(|| !lost.exists(), "nothing more is published");
        self.said(rotating.wait_with_output().unwrap())
    }

    pub(crate) fn said(&self, ended: Output) -> Run {
        let run = output(ended);
        for name in ["main", "main-direct"].into_iter().filter(|name| self.secret(name).is_some()) {
            self.lab.secret(password(&self.url(name)));
        }
        self.lab.silent(&run);
        run
    }

    pub(crate) fn secret(&self, name: &str) -> Option<Value> {
        let text = fs::read_to_string(self.folder.join(format!("{name}.json"))).ok()?;
        Some(serde_json::from_str(&text).unwrap())
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.folder.join(format!("{name}.json"))).unwrap();
    }

    #[track_caller]
    pub(crate) fn url(&self, name: &str) -> String {
        self.value(name, "DATABASE_URL")
    }

    /// What a Secret has.
    #[track_caller]
    pub(crate) fn value(&self, name: &str, key: &str) -> String {
        let secret = self.secret(name).expect("a Secret");
        let value = BASE64_STANDARD.decode(secret["data"][key].as_str().unwrap()).unwrap();
        String::from_utf8(value).unwrap()
    }
}

impl Drop for Cluster<'_> {
    fn drop(&mut self) {
        let _ = self.api.kill();
        let _ = self.api.wait();
    }
}

/// With SQL as that server's client runs it.
fn a_new_password_is_everywhere(lab: &Lab, ask: fn(&str, &str) -> Result<String, String>) {
    let cluster = Cluster::of(lab);
    cluster.db("provision", &[]).fine();
    cluster.db("verify", &[]).fine();
    let mut before = cluster.url("main");
    assert_eq!(login(&cluster.url("main-direct")), login(&before));
    for gone in [None, Some("main-direct"), Some("main")] {
        if let Some(gone) = gone {
            cluster.remove(gone);
        }
        cluster.db("provision", &["--rotate"]).fine();
        let now = cluster.url("main-direct");
        ask(&now, "SELECT 1").unwrap();
        assert!(ask(&before, "SELECT 1").is_err(), "the old password opens something, without {gone:?}");
        // What was not published is not published by this.
        assert_eq!(cluster.secret("main").is_some(), gone != Some("main"));
        if gone != Some("main") {
            assert_eq!(login(&cluster.url("main")), login(&now), "without {gone:?}");
        }
        before = now;
    }
    cluster.db("verify", &[]).fine();
    cluster.db("destroy", &[]).fine();
    assert!(cluster.secret("main").is_none() && cluster.secret("main-direct").is_none());
}

const USERS: &str = "CREATE TABLE users (id INT PRIMARY KEY)";

#[test]
fn a_rotated_login_works_wherever_it_was_published() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "keyring", USERS);
    a_new_password_is_everywhere(&server.lab("keyring", "synthetic: {by: seeds}"), psql);
    assert_eq!(server.left("keyring"), "");
}

#[test]
fn mysqls_rotated_login_works_wherever_it_was_published() {
    for server in mysql::Server::both() {
        a_new_password_is_everywhere(&server.lab("keyring", &server.baseline("keyring", USERS)), mysql::sql_on);
        assert_eq!(server.left("keyring"), "");
    }
}

/// As its Pod is evicted: the old password is ended too, which MySQL would keep.
#[test]
fn a_rotation_that_is_ended_publishes_the_password_first() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "evictedkey", USERS);
    an_ended_rotation_is_whole(&server.lab("evictedkey", "synthetic: {by: seeds}"), psql);
    assert_eq!(server.left("evictedkey"), "");
    let [server, _] = mysql::Server::both();
    an_ended_rotation_is_whole(&server.lab("evictedkey", &server.baseline("evictedkey", USERS)), mysql::sql_on);
    assert_eq!(server.left("evictedkey"), "");
}

fn an_ended_rotation_is_whole(lab: &Lab, ask: fn(&str, &str) -> Result<String, String>) {
    let cluster = Cluster::of(lab);
    cluster.db("provision", &[]).fine();
    cluster.db("verify", &[]).fine();
    let before = cluster.url("main");
    cluster.rotate_ended("TERM", false).failed("ended by SIGTERM: ");
    assert_ne!(cluster.url("main"), before);
    for name in ["main", "main-direct"] {
        ask(&cluster.url(name), "SELECT 1").unwrap();
    }
    assert!(ask(&before, "SELECT 1").is_err());
    cluster.db("destroy", &[]).fine();
}

/// It makes one more password then, since the other Secret tells that the branch was checked.
#[test]
fn a_rotation_without_migrates_secret_is_ended_with_what_it_published() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "lonekey", USERS);
    let lab = server.lab("lonekey", "synthetic: {by: seeds}");
    let cluster = Cluster::of(&lab);
    cluster.db("provision", &[]).fine();
    cluster.db("verify", &[]).fine();
    let before = cluster.url("main");
    cluster.remove("main-direct");
    let mut call = cluster.call("provision", &["--rotate"]);
    let rotating = call.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    until(|| cluster.url("main") != before, "nothing is published");
    let [hold, held] = ["hold", "held"].map(|name| cluster.folder.join(name));
    fs::write(&hold, "").unwrap();
    until(|| held.exists(), "nothing more is published");
    assert!(psql(&cluster.url("main"), "SELECT 1").is_err(), "it made no other password");
    Command::new("kill").arg("-TERM").arg(rotating.id().to_string()).status().unwrap();
    thread::sleep(Duration::from_millis(300));
    fs::remove_file(hold).unwrap();
    cluster.said(rotating.wait_with_output().unwrap());
    for name in ["main", "main-direct"] {
        psql(&cluster.url(name), "SELECT 1").unwrap();
    }
    cluster.db("destroy", &[]).fine();
    assert_eq!(server.left("lonekey"), "");
}

/// Nothing is changed by then.
#[test]
fn a_rotation_that_waits_for_another_job_ends_at_once() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "waitkey", USERS);
    let lab = server.lab("waitkey", "synthetic: {by: seeds}");
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let url = lab.url(1);
    let another = Held::of(&server.admin, &lab.branch_name(1));
    let rotating = lab.start("provision", 1, &["--rotate"]);
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE usename = 'waitkey_admin' AND query LIKE '%try_advisory%' AND application_name = 'dayfly'";
    until(|| psql(&server.superuser, waits).unwrap() != "0", "it waits for nobody");
    let started = Instant::now();
    Command::new("kill").arg("-TERM").arg(rotating.id().to_string()).status().unwrap();
    ended(rotating).failed("ended by SIGTERM: waiting for another Job");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    psql(&url, "SELECT 1").unwrap();
    another.release();
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("waitkey"), "");
}

/// Such a server takes no password twice, so that what a killed Job replaced cannot be put back.
#[test]
fn mysql_with_a_history_of_passwords_is_given_another() {
    let [server, _] = mysql::Server::both();
    let lab = server.lab("pastkey", &server.baseline("pastkey", USERS));
    let cluster = Cluster::of(&lab);
    cluster.db("provision", &[]).fine();
    cluster.db("verify", &[]).fine();
    let mut published = cluster.url("main");
    let user = user(&published).to_owned();
    server.sql(&format!("ALTER USER '{user}'@'%' PASSWORD HISTORY 5"));
    for command in [&["verify"][..], &["provision", "--rotate"]] {
        cluster.rotate_ended("KILL", true);
        mysql::sql_on(&published, "SELECT 1").unwrap();
        cluster.db(command[0], &command[1..]).fine();
        assert!(mysql::sql_on(&published, "SELECT 1").is_err(), "{command:?}");
        published = cluster.url("main");
        mysql::sql_on(&published, "SELECT 1").unwrap();
    }
    // It is the first already.
    cluster.db("provision", &["--rotate"]).fine();
    mysql::sql_on(&cluster.url("main"), "SELECT 1").unwrap();
    cluster.db("destroy", &[]).fine();
    assert_eq!(server.left("pastkey"), "");
}

/// As its machine dies. Where a login has one password, verify publishes what works then: the next push calls it.
#[test]
fn a_rotation_that_is_killed_leaves_a_login_or_is_mended() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "halfkey", USERS);
    let lab = server.lab("halfkey", "synthetic: {by: seeds}");
    a_killed_rotation_is_mended(&lab, psql, false);
    assert_eq!(server.left("halfkey"), "");
    let [mysql, mariadb] = mysql::Server::both();
    for (server, keeps) in [(mysql, true), (mariadb, false)] {
        let lab = server.lab("halfkey", &server.baseline("halfkey", USERS));
        a_killed_rotation_is_mended(&lab, mysql::sql_on, keeps);
        assert_eq!(server.left("halfkey"), "");
    }
}

/// `keeps`: what was published works while that is replaced, however often somebody is killed.
fn a_killed_rotation_is_mended(lab: &Lab, ask: fn(&str, &str) -> Result<String, String>, keeps: bool) {
    let cluster = Cluster::of(lab);
    cluster.db("provision", &[]).fine();
    cluster.db("verify", &[]).fine();
    let mut passed = Vec::new();
    for (is_lost, is_mended) in [(true, !keeps), (true, true), (false, true)] {
        let published = cluster.url("main");
        cluster.rotate_ended("KILL", is_lost);
        if keeps {
            ask(&published, "SELECT 1").unwrap();
        }
        if is_mended {
            cluster.db("verify", &[]).fine();
            for name in ["main", "main-direct"] {
                ask(&cluster.url(name), "SELECT 1").unwrap();
            }
            assert_eq!(cluster.url("main") == published, is_lost && keeps);
            assert_eq!(ask(&published, "SELECT 1").is_ok(), is_lost && keeps, "the password before works on");
        }
        passed.push(published);
    }
    passed.push(cluster.url("main"));
    cluster.db("provision", &["--rotate"]).fine();
    ask(&cluster.url("main"), "SELECT 1").unwrap();
    for published in passed {
        assert!(ask(&published, "SELECT 1").is_err(), "an old password opens something");
    }
    cluster.db("destroy", &[]).fine();
}

/// So that nothing of a database stays that the policy has no more.
#[test]
fn secrets_belong_to_the_role_by_which_they_are_written() {
    let server = Server::new("DAYFLY_TEST_POSTGRES18", "owned", USERS);
    let lab = server.lab("owned", "synthetic: {by: seeds}");
    let cluster = Cluster::of(&lab);
    let owners =
        || ["main", "main-direct"].map(|name| cluster.secret(name).unwrap()["metadata"]["ownerReferences"].clone());
    let mut role = cluster.role();
    let name = role["metadata"]["name"].clone();
    let owner =
        json!([{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "name": name, "uid": "the-role"}]);
    // What a platform's own template may give, or an older dayfly's.
    role["rules"].as_array_mut().unwrap().retain(|rule| rule["resources"] == json!(["secrets"]));
    cluster.allow(&role);
    cluster.db("provision", &[]).fine();
    cluster.db("verify", &[]).fine();
    assert_eq!(owners(), [Value::Null, Value::Null]);
    let published = cluster.url("main");
    cluster.allow(&cluster.role());
    cluster.db("provision", &[]).fine();
    cluster.db("verify", &[]).fine();
    assert_eq!(owners(), [owner.clone(), owner]);
    assert_eq!(cluster.url("main"), published);
    // As a quarantine leaves it: the data stay.
    psql(&published, "INSERT INTO users VALUES (7)").unwrap();
    cluster.remove("main");
    cluster.remove("main-direct");
    cluster.db("provision", &[]).fine();
    assert_eq!(psql(&cluster.url("main-direct"), "SELECT id FROM users").unwrap(), "7");
    assert!(psql(&published, "SELECT 1").is_err());
    cluster.db("destroy", &[]).fine();
    assert_eq!(server.left("owned"), "");
}
