//! What every provider's API has to come to, whatever makes the branches: `users (id, name)` with `(1, 'ada')` is the baseline.

use std::{
    fs,
    process::{Child, Command, Stdio},
    thread,
};

use serde_json::{Value, json};

use crate::{
    lab::{Lab, MIGRATE, Run, ended},
    psql::{Idle, login, psql, until, until_others},
    standin::StandIn,
};

pub(crate) struct Hosted {
    pub(crate) lab: Lab,
    pub(crate) standin: StandIn,
    /// The branches of previews in the stand-in's state.
    of_previews: fn(&Value) -> Vec<Value>,
}

/// `destroy` of the first preview's branch, whose removal takes the provider a moment: when that was asked for, the login was
/// revoked, and its session had ended.
#[track_caller]
pub(crate) fn revoked_before_it_goes(lab: &Lab, standin: &StandIn) -> Run {
    let (url, asked) = (lab.url(1), standin.requests("DELETE", ""));
    let session = Idle::of(&url);
    let destroy = lab.start("destroy", 1, &[]);
    until(|| standin.requests("DELETE", "") != asked, "the branch is not removed");
    assert!(psql(&url, "SELECT 1").unwrap_err().contains("authentication failed"));
    session.ended();
    ended(destroy)
}

impl Hosted {
    /// Two previews' specs, of the baseline `shop`.
    pub(crate) fn new(lab: Lab, standin: StandIn, secrets: &[&str], of_previews: fn(&Value) -> Vec<Value>) -> Self {
        for secret in secrets {
            lab.secret(secret);
        }
        for number in [1, 2] {
            lab.spec(number, "shop", "");
        }
        Self { lab, standin, of_previews }
    }

    pub(crate) fn branches(&self) -> Vec<Value> {
        (self.of_previews)(&self.standin.state())
    }

    fn count(&self) -> usize {
        self.branches().len()
    }

    /// Two previews' branches of `shop`, a baseline between two others of the same account with databases of their own.
    #[track_caller]
    pub(crate) fn among_others(&self, shop: &str) {
        let another = |name: &str| {
            let renamed = shop.replacen("shop:", &format!("{name}:"), 1);
            renamed.replacen("database: postgres", &format!("database: of_{name}"), 1)
        };
        self.lab.guardrails(&[another("aaa"), shop.to_owned(), another("zzz")].join("\n"), "");
        for number in [1, 2] {
            self.lab.spec(number, "shop", "");
            self.lab.db("provision", number, &[]).fine();
        }
    }

    /// Two previews, the first one migrated and verified, apart from each other. `keys` are not the migration's to see.
    #[track_caller]
    pub(crate) fn two_previews(&self, migration: &str, keys: &[&str]) -> (String, String) {
        let lab = &self.lab;
        lab.spec(1, "shop", MIGRATE);
        lab.db("provision", 1, &[]).fine();
        lab.db("provision", 2, &["--log", "json"]).fine();
        let (one, two) = (lab.url(1), lab.url(2));
        lab.db("verify", 1, &[]).refused("`migrate` has not run");
        let keys: String = keys.iter().map(|key| format!("${key}")).collect();
        let script = format!("psql \"$DATABASE_URL\" -qc \"{migration}\" && test -z \"{keys}\"");
        lab.db("migrate", 1, &["--", "sh", "-c", &script]).fine();
        lab.db("verify", 1, &[]).fine();

        lab.db("provision", 1, &[]).fine();
        assert_eq!(lab.url(1), one, "credentials that work are kept");
        psql(&one, "INSERT INTO users VALUES (2, 'grace', 'g@example.com')").unwrap();
        assert_eq!(psql(&two, "SELECT * FROM users").unwrap(), "1|ada");
        let elsewhere = two.replace(login(&two), login(&one));
        assert!(psql(&elsewhere, "SELECT 1").unwrap_err().contains("authentication failed"));
        (one, two)
    }

    /// Credentials that were lost come again, to the same data.
    #[track_caller]
    pub(crate) fn lost_credentials(&self) {
        fs::remove_file(self.lab.env_file(1)).unwrap();
        self.lab.db("provision", 1, &[]).fine();
        assert_eq!(psql(&self.lab.url(1), "SELECT count(*) FROM users").unwrap(), "2");
    }

    /// Both are listed, and the second one is swept.
    #[track_caller]
    pub(crate) fn listed_and_swept(&self) -> Value {
        let list = self.lab.list();
        let environments: Vec<&str> =
            list.as_array().unwrap().iter().map(|b| b["environment"].as_str().unwrap()).collect();
        assert_eq!(environments, [self.lab.environment(1), self.lab.environment(2)]);
        let two = self.lab.url(2);
        self.lab.sweep(&[1]).fine();
        assert_eq!(self.count(), 1);
        assert!(psql(&two, "SELECT 1").is_err(), "a swept branch's login is gone");
        list
    }

    /// The first one goes, once and for all, with its login.
    #[track_caller]
    pub(crate) fn gone(&self) {
        let url = self.lab.url(1);
        for _ in 0..2 {
            self.lab.db("destroy", 1, &[]).fine();
        }
        assert_eq!(self.count(), 0);
        assert!(psql(&url, "SELECT 1").is_err() && !self.lab.env_file(1).exists());
        self.standin.held_to_the_document();
    }

    /// Before the provider is asked to remove the branch, nobody has its login any more. `delete`: that request, which is refused.
    #[track_caller]
    pub(crate) fn revoked_first(&self, delete: &str) {
        self.lab.db("provision", 1, &[]).fine();
        self.standin.fault_at(delete, json!({"delay": 3, "status": 400, "message": "not now"}));
        revoked_before_it_goes(&self.lab, &self.standin).failed("not now");
        assert_eq!(self.count(), 1);
        // A pull request that is opened again has its branch, and a login that works.
        self.lab.db("provision", 1, &[]).fine();
        assert_eq!(psql(&self.lab.url(1), "SELECT * FROM users").unwrap(), "1|ada");
        self.gone();
    }

    /// A migration that fails the first time finds a clean branch the second time. The URLs before and after.
    #[track_caller]
    pub(crate) fn failed_migration(&self) -> (String, String) {
        self.lab.spec(1, "shop", MIGRATE);
        self.lab.db("provision", 1, &[]).fine();
        let before = self.lab.url(1);
        let script = "psql \"$DATABASE_URL\" -qc 'CREATE TABLE half (id int)' && test -e ok || { touch ok; false; }";
        self.lab.db("migrate", 1, &["--", "sh", "-c", script]).fine();
        assert_eq!(psql(&self.lab.url(1), "SELECT count(*) FROM half").unwrap(), "0");
        assert_eq!(self.count(), 1);
        self.standin.held_to_the_document();
        (before, self.lab.url(1))
    }

    /// No command touches what has the name of the first one's branch and is not dayfly's.
    #[track_caller]
    pub(crate) fn not_ours(&self) {
        let environment = self.lab.environment(1);
        let (policy, _) = environment.split_once("-pr-").unwrap();
        let why = format!("is not of dayfly:{policy}:{environment}: nothing was changed");
        for command in ["provision", "renew", "destroy"] {
            self.lab.db(command, 1, &[]).refused(&why);
        }
        self.lab.sweep(&[]).fine();
        assert_eq!(self.count(), 1);
        self.standin.held_to_the_document();
    }

    /// Killed after so many milliseconds each, or raced: there is one branch, and then none.
    #[track_caller]
    pub(crate) fn killed_and_raced(&self, milliseconds: &[u64]) {
        let is_one = || {
            assert_eq!(self.count(), 1);
            assert_eq!(psql(&self.lab.url(1), "SELECT * FROM users").unwrap(), "1|ada");
        };
        self.lab.killed("provision", 1, milliseconds);
        self.lab.db("provision", 1, &[]).fine();
        is_one();
        self.lab.db("destroy", 1, &[]).fine();
        assert_eq!(self.count(), 0);
        self.lab.killed("provision", 1, milliseconds);
        self.lab.raced("provision", 1, 3);
        is_one();
        self.lab.db("destroy", 1, &[]).fine();
        self.lab.raced("provision", 1, 3);
        is_one();
        self.lab.killed("destroy", 1, &[80]);
        self.lab.db("destroy", 1, &[]).fine();
        assert_eq!(self.count(), 0);
        self.standin.held_to_the_document();
    }

    /// As many sessions as the login may have: whoever is administrator ends them.
    #[track_caller]
    pub(crate) fn full_and_rotated(&self) {
        self.lab.db("provision", 1, &[]).fine();
        let url = self.lab.url(1);
        let mut sessions: Vec<Child> = Vec::new();
        let others = "SELECT count(*) FROM pg_stat_activity WHERE usename = session_user AND pid <> pg_backend_pid()";
        while psql(&url, "SELECT 1").is_ok() {
            assert!(sessions.len() < 40, "there is no limit");
            sessions.extend((0..5).map(|_| {
                let mut call = Command::new("psql");
                call.args(["--no-psqlrc", "--quiet", "--command", "SELECT pg_sleep(600)", &url]);
                call.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
            }));
            // Each is in or was refused, or nobody gets in any more.
            let all_came = || {
                let refused = sessions.iter_mut().filter_map(|session| session.try_wait().unwrap()).count();
                psql(&url, others).map_or(true, |there| there.parse::<usize>().unwrap() + refused >= sessions.len())
            };
            until(all_came, "the sessions never came");
        }
        self.lab.db("provision", 1, &[]).failed("as many sessions as may be: end some");
        self.lab.db("provision", 1, &["--rotate"]).fine();
        assert!(self.lab.url(1) != url && psql(&url, "SELECT 1").is_err());
        for mut session in sessions {
            assert!(!session.wait().unwrap().success());
        }
        self.gone();
    }

    /// A session that is open when the first one's branch goes.
    pub(crate) fn session(&self) -> thread::JoinHandle<Result<String, String>> {
        let url = self.lab.url(1);
        let session = thread::spawn(move || psql(&url, "SELECT pg_sleep(30)"));
        until_others(&self.lab.url(1), 1);
        session
    }
}
