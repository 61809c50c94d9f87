//! One test's guardrails, policy and specs, in a folder of its own, and the program on them.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::{Mutex, PoisonError},
    thread,
    time::{Duration, SystemTime},
};

use serde_json::Value;

use crate::psql::password;

/// A variable that `e2e/databases/services` prints. Without the service a test fails: it is never left out.
pub(crate) fn service(name: &str) -> String {
    crate::turn::take();
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run e2e/databases/run"))
}

/// A name is one test's: another test with the same would have the same folder, baseline or role, at the same moment.
#[track_caller]
pub(crate) fn claim(name: &str) {
    static NAMES: Mutex<BTreeMap<String, String>> = Mutex::new(BTreeMap::new());
    let test = thread::current().name().unwrap_or_default().to_owned();
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let first = names.entry(name.to_owned()).or_insert_with(|| test.clone()).clone();
    drop(names);
    assert_eq!(first, test, "two tests have the name `{name}`");
}

/// A policy's words for migrations, whatever they are: tests run a command of their own.
pub(crate) const MIGRATE: &str = "migrate: {image: 'ghcr.io/acme/shop@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945', command: [x]}";

/// A test's folder.
pub(crate) struct Lab {
    pub(crate) folder: PathBuf,
    policy: String,
    /// Set for every call of the program, and nothing else of dayfly's is.
    variables: Vec<(String, String)>,
    /// What no call may say: the provider's key, and all passwords that were ever published.
    secrets: Mutex<Vec<String>>,
}

/// How a call of the program ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// It went well.
    #[track_caller]
    pub(crate) fn fine(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self
    }

    /// It could not run (exit code 2), and said why.
    #[track_caller]
    pub(crate) fn failed(self, why: &str) -> Self {
        assert_eq!(self.code, Some(2), "{}", self.err);
        assert!(self.err.contains(why), "{why:?} is not in: {}", self.err);
        self
    }

    /// It was refused (exit code 1), and said why.
    #[track_caller]
    pub(crate) fn refused(self, why: &str) -> Self {
        assert_eq!(self.code, Some(1), "{}", self.err);
        assert!(self.err.contains(why), "{why:?} is not in: {}", self.err);
        self
    }
}

impl Lab {
    /// `policy` names the test's previews, so that tests share a server; `baselines` is the guardrails' map in YAML's flow
    /// or indented style.
    #[track_caller]
    pub(crate) fn new(policy: &str, baselines: &str, variables: &[(&str, &str)]) -> Self {
        claim(&format!("policy {policy}"));
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{policy}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let lab = Self {
            folder,
            policy: policy.to_owned(),
            variables: variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            secrets: Mutex::default(),
        };
        lab.guardrails(baselines, "");
        lab
    }

    /// Writes the guardrails anew. `more` goes into `operations`, where one sweep may take all if that says nothing else.
    pub(crate) fn guardrails(&self, baselines: &str, more: &str) {
        let share = if more.contains("sweepShare:") { "" } else { "    sweepShare: 100\n" };
        let indented: String = baselines.lines().map(|line| format!("    {line}\n")).collect();
        let text = format!(
            "apiVersion: dayfly.dev/v1alpha1
kind: PreviewGuardrails
metadata: {{name: lab}}
spec:
  domain: preview.example.com
  ttl: {{default: 24h, max: 168h}}
  profiles:
    small:
      quota: {{requests.cpu: '2', limits.cpu: '4', requests.memory: 4Gi, limits.memory: 8Gi, pods: 9}}
      container: {{default: {{cpu: 500m, memory: 512Mi}}, request: {{cpu: 100m, memory: 128Mi}}}}
  registries: [ghcr.io/acme/]
  trust: {{unknown: full}}
  operations:
    namespace: preview-ops
    image: ghcr.io/acme/dayfly@sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945
{share}{more}  baselines:
{indented}"
        );
        fs::write(self.path("guardrails.yaml"), text).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The environment of a pull request.
    pub(crate) fn environment(&self, number: u32) -> String {
        format!("{}-pr-{number}", self.policy)
    }

    /// The spec of a pull request's database, as the renderer writes it, in a file. `steps`: `migrate` and `seed` in the
    /// policy's words, or nothing.
    pub(crate) fn spec(&self, number: u32, baseline: &str, steps: &str) -> PathBuf {
        let folder = self.path(&format!("pr-{number}"));
        fs::create_dir_all(&folder).unwrap();
        let indented: String = steps.lines().map(|line| format!("      {line}\n")).collect();
        fs::write(
            folder.join("preview.yaml"),
            format!(
                "apiVersion: dayfly.dev/v1alpha1\nkind: PreviewPolicy\nmetadata: {{name: {}}}\nspec:\n  team: lab\n  costCenter: cc-1\n  databases:\n    - name: main\n      baseline: {baseline}\n{indented}",
                self.policy
            ),
        )
        .unwrap();
        let parameters = folder.join("parameters.json");
        fs::write(
            &parameters,
            format!(
                r#"{{"number": {number}, "branch": "b", "branch_slug": "b", "target_branch": "main", "title": "t", "author": "grace", "labels": [],
                "head_sha": "3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938", "head_short_sha": "3f9c1e7a", "head_short_sha_7": "3f9c1e7"}}"#
            ),
        )
        .unwrap();
        let (folder_text, parameters) = (folder.display().to_string(), parameters.display().to_string());
        let run = self
            .dayfly(&[
                "db",
                "spec",
                &folder_text,
                "main",
                "--guardrails",
                &self.guardrails_path(),
                "--parameters",
                &parameters,
            ])
            .fine();
        let file = self.spec_file(number);
        fs::write(&file, run.out).unwrap();
        file
    }

    /// Where it is.
    pub(crate) fn spec_file(&self, number: u32) -> PathBuf {
        self.path(&format!("pr-{number}")).join("spec.json")
    }

    pub(crate) fn guardrails_path(&self) -> String {
        self.path("guardrails.yaml").display().to_string()
    }

    /// Where a pull request's credentials go.
    pub(crate) fn env_file(&self, number: u32) -> PathBuf {
        self.path(&format!("pr-{number}.env"))
    }

    /// The published URL.
    #[track_caller]
    pub(crate) fn url(&self, number: u32) -> String {
        let text = fs::read_to_string(self.env_file(number)).expect("an env file");
        let line = text.lines().find_map(|line| line.strip_prefix("DATABASE_URL="));
        line.expect("a DATABASE_URL").to_owned()
    }

    /// `dayfly db COMMAND --spec … --env-file … MORE` about a pull request's database.
    pub(crate) fn db(&self, command: &str, number: u32, more: &[&str]) -> Run {
        let run = output(self.db_command(command, number, more).output().unwrap());
        self.silent(&run);
        run
    }

    /// The same, running.
    pub(crate) fn start(&self, command: &str, number: u32, more: &[&str]) -> Child {
        self.db_command(command, number, more).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// The same, and what it has said so far.
    pub(crate) fn told(&self, command: &str, number: u32, more: &[&str]) -> (impl Fn() -> String, Child) {
        let mut files = (0..).map(|number| self.path(&format!("said-{number}")));
        let file = files.find(|file| !file.exists()).unwrap();
        let child = self.db_command(command, number, more).stderr(fs::File::create(&file).unwrap()).spawn().unwrap();
        (move || fs::read_to_string(&file).unwrap(), child)
    }

    pub(crate) fn db_command(&self, command: &str, number: u32, more: &[&str]) -> Command {
        let mut call = self.command();
        call.args(["db", command, "--spec"])
            .arg(self.spec_file(number))
            .arg("--env-file")
            .arg(self.env_file(number))
            .args(more);
        call
    }

    /// `dayfly db prepare-baseline … shop MORE`.
    pub(crate) fn prepare_baseline(&self, more: &[&str]) -> Run {
        let run = output(self.prepare_command(more).output().unwrap());
        self.silent(&run);
        run
    }

    pub(crate) fn prepare_command(&self, more: &[&str]) -> Command {
        let mut call = self.command();
        call.args(["db", "prepare-baseline", "--guardrails", &self.guardrails_path(), "shop"]).args(more);
        call
    }

    /// `dayfly ARGS`.
    pub(crate) fn dayfly(&self, args: &[&str]) -> Run {
        let run = output(self.command().args(args).output().unwrap());
        self.silent(&run);
        run
    }

    /// `dayfly ARGS`, with something on its standard input.
    pub(crate) fn dayfly_reads(&self, args: &[&str], input: &str) -> Run {
        let mut call = self.command();
        call.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = call.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let run = ended(child);
        self.silent(&run);
        run
    }

    /// The same, from a file.
    pub(crate) fn dayfly_reads_from(&self, args: &[&str], file: &Path) -> Run {
        let run = output(self.command().args(args).stdin(fs::File::open(file).unwrap()).output().unwrap());
        self.silent(&run);
        run
    }

    /// From now on, no call may say this.
    pub(crate) fn secret(&self, text: &str) {
        self.secrets.lock().unwrap().push(text.to_owned());
    }

    /// Nothing that is secret is in what a call said.
    #[track_caller]
    pub(crate) fn silent(&self, run: &Run) {
        let mut secrets = self.secrets.lock().unwrap();
        for number in (1..9).filter(|number| self.env_file(*number).exists()) {
            secrets.push(password(&self.url(number)).to_owned());
        }
        for secret in &*secrets {
            assert!(!run.out.contains(secret) && !run.err.contains(secret), "a secret is in: {}{}", run.out, run.err);
        }
    }

    /// All branches, as programs read them.
    #[track_caller]
    pub(crate) fn list(&self) -> Value {
        let run = self.dayfly(&["db", "list", "--guardrails", &self.guardrails_path(), "-o", "json"]).fine();
        serde_json::from_str(&run.out).unwrap()
    }

    /// A sweep, where the previews of these pull requests live.
    pub(crate) fn sweep(&self, alive: &[u32]) -> Run {
        let file = self.path("alive");
        let mut lines: Vec<String> = alive.iter().map(|number| self.environment(*number)).collect();
        // As every cluster has: an empty list is refused.
        lines.push("kube-system".into());
        fs::write(&file, lines.join("\n")).unwrap();
        let (guardrails, file) = (self.guardrails_path(), file.display().to_string());
        self.dayfly(&["db", "sweep", "--guardrails", &guardrails, "--alive", &file, "--apply"])
    }

    /// Writes the file `alive` for a sweep of a server that other tests use at the same moment: of all branches there only those
    /// of environments that begin so are orphans.
    #[track_caller]
    pub(crate) fn only_orphans(&self, begin: &str) {
        // Marks have whole seconds: what is made from now on is younger than the list, and what these tests made is not.
        let listed = SystemTime::now();
        thread::sleep(Duration::from_secs(1));
        let run = self.dayfly(&["db", "list", "--guardrails", &self.guardrails_path()]);
        assert!(run.out.contains(begin), "{}", run.err);
        let all = run.out.lines().skip(1).filter_map(|line| line.split(' ').next());
        let others: Vec<&str> = all.filter(|name| !name.starts_with(begin)).chain(["kube-system"]).collect();
        let file = self.path("alive");
        fs::write(&file, others.join("\n")).unwrap();
        fs::File::options().append(true).open(&file).unwrap().set_modified(listed).unwrap();
    }

    /// The guardrails and the first pull request's spec as an installation of this name has them.
    pub(crate) fn install(&self, name: &str, baselines: &str) {
        self.guardrails(baselines, &format!("    installation: {name}\n"));
        self.spec(1, "shop", "");
    }

    /// A provider whose key this laboratory does not have: what is said names the variable and where to read on.
    #[track_caller]
    pub(crate) fn a_refused_key_is_named(&self, provider: &str, variable: &str) {
        self.spec(1, "shop", "");
        let why = format!("{provider} does not take the key in {variable} for the baseline `shop`");
        let run = self.db("provision", 1, &[]).failed(&why);
        assert!(run.err.contains(&format!("docs/databases/{provider}.md")), "{}", run.err);
    }

    /// Two installations at one provider: no sweep takes the other's.
    #[track_caller]
    pub(crate) fn two_installations(&self, baselines: &str) {
        self.install("staging", baselines);
        self.db("provision", 1, &[]).fine();
        self.install("production", baselines);
        let run = self.sweep(&[]).fine();
        assert!(run.err.contains("not looked at: 1 of other installations"), "{}", run.err);
        let listed = self.list();
        assert!(listed[0]["owner"].as_str().unwrap().starts_with("dayfly-staging:"), "{listed}");
        self.install("staging", baselines);
        self.db("renew", 1, &[]).fine();
        self.sweep(&[]).fine();
        assert_eq!(self.list(), serde_json::json!([]));
    }

    /// A migration that fails where there is no key, and `verify --wait` beside it: the branch is made anew under another login, with
    /// which the next attempt, `migration`, goes well.
    #[track_caller]
    pub(crate) fn without_a_key(&self, baselines: &str, migration: &str) {
        self.spec(1, "shop", MIGRATE);
        self.db("provision", 1, &[]).fine();
        let spec = self.spec_file(1).display().to_string();
        let verify = self.start("verify", 1, &["--wait"]);
        let policy = format!("{}-keyless", self.policy);
        let migrate = |script: &str| {
            let keyless = Lab::new(&policy, baselines, &[("DATABASE_URL", &self.url(1))]);
            keyless.dayfly(&["db", "migrate", "--spec", &spec, "--", "sh", "-c", script])
        };
        let before = self.url(1);
        migrate("exit 1").failed("the next attempt has its login");
        assert_ne!(self.url(1), before);
        migrate(migration).fine();
        ended(verify).fine();
    }

    /// What the spec calls a branch.
    pub(crate) fn branch_name(&self, number: u32) -> String {
        let text = fs::read_to_string(self.spec_file(number)).unwrap();
        let spec: Value = serde_json::from_str(&text).unwrap();
        spec["names"]["branch"].as_str().unwrap().to_owned()
    }

    /// Calls that are killed, each after so many milliseconds.
    pub(crate) fn killed(&self, command: &str, number: u32, milliseconds: &[u64]) {
        for milliseconds in milliseconds {
            let mut child = self.start(command, number, &[]);
            thread::sleep(Duration::from_millis(*milliseconds));
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Several calls at once, all of which go well.
    #[track_caller]
    pub(crate) fn raced(&self, command: &str, number: u32, count: usize) {
        self.raced_after(command, number, count, 0);
    }

    /// The same, where the first one has a start of so many milliseconds.
    #[track_caller]
    pub(crate) fn raced_after(&self, command: &str, number: u32, count: usize, milliseconds: u64) {
        let mut racing = vec![self.start(command, number, &[])];
        thread::sleep(Duration::from_millis(milliseconds));
        racing.extend((1..count).map(|_| self.start(command, number, &[])));
        for child in racing {
            let run = ended(child).fine();
            self.silent(&run);
        }
    }

    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dayfly"));
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("DAYFLY_")
                || name.starts_with("DATABASE_")
                || name.starts_with("PG")
                || name.starts_with("AWS_")
            {
                command.env_remove(name);
            }
        }
        command
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(&self.folder)
            .stdin(Stdio::null());
        command
    }
}

/// What a running call says until it ends.
pub(crate) fn ended(call: Child) -> Run {
    output(call.wait_with_output().unwrap())
}

/// What a finished call said.
pub(crate) fn output(output: Output) -> Run {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}
