//! Files that are only ever added to: a force-push that rewrote what ran in a branch gets a fresh one, though the team's own tool
//! would see nothing and go on. Each on PostgreSQL, MySQL and MariaDB.

use std::{
    fs, thread,
    time::{Duration, Instant},
};

use crate::{
    lab::{Lab, Run, ended, service},
    mysql, postgres,
    psql::{psql, with_database},
};

/// Each of these is a test on each server.
macro_rules! on_all {
    ($($test:ident),* $(,)?) => {
        mod in_postgres { $(#[test] fn $test() { super::$test(&super::Database::postgres(stringify!($test))); })* }
        mod in_mysql { $(#[test] fn $test() { super::$test(&super::Database::mysql("mysql", stringify!($test))); })* }
        mod in_mariadb { $(#[test] fn $test() { super::$test(&super::Database::mysql("mariadb", stringify!($test))); })* }
    };
}

on_all!(added, edited, removed, keyless, refused, missing, killed, spoiled);

const USERS: &str = "CREATE TABLE users (id BIGINT PRIMARY KEY); INSERT INTO users VALUES (1)";

const SYNTHETIC: &str = "synthetic: {by: seeds}";

const PSQL: &str = "psql -v ON_ERROR_STOP=1 -Atqc \"$1\"";

const MARIADB: &str = "mariadb --no-defaults -NB -h \"$MYSQL_HOST\" -P \"$MYSQL_TCP_PORT\" -u \"$MYSQL_USER\" \"$MYSQL_DATABASE\" -e \"$1\"";

/// A branch with migrations, and a tool as many are: it remembers their names.
struct Database {
    lab: Lab,
    entry: String,
    sql: fn(&str, &str) -> Result<String, String>,
    client: &'static str,
}

impl Database {
    fn new(lab: Lab, entry: String, sql: fn(&str, &str) -> Result<String, String>, client: &'static str) -> Self {
        fs::create_dir(lab.path("migrations")).unwrap();
        // Who waits for a fresh branch in vain says so before long.
        lab.guardrails(&entry, "    deadline: 120s\n");
        let new = Self { lab, entry, sql, client };
        new.spec("0", "");
        // What a failed run left.
        new.gone();
        new.lab.db("provision", 1, &[]).fine();
        new
    }

    fn postgres(test: &str) -> Self {
        let name = format!("files{test}");
        let server = postgres::Server::new("DAYFLY_TEST_POSTGRES18", &name, USERS);
        Self::new(server.lab(&name, SYNTHETIC), server.entry(SYNTHETIC), psql, PSQL)
    }

    fn mysql(provider: &'static str, test: &str) -> Self {
        let server = mysql::Server::new(provider, &format!("DAYFLY_TEST_{}", provider.to_uppercase()));
        let entry = server.baseline(&format!("my_files_{test}"), USERS);
        Self::new(server.lab(&format!("files{test}"), &entry), entry, mysql::sql_on, MARIADB)
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.lab.path("migrations").join(file), text).unwrap();
    }

    /// What the Jobs are told of an image, `files` as the policy has it.
    fn spec(&self, image: &str, files: &str) {
        let steps =
            format!("migrate: {{image: 'ghcr.io/acme/shop@sha256:{}', command: [migrate], {files}}}", image.repeat(64));
        self.lab.spec(1, "shop", &steps);
    }

    /// The team's program, `then` at its end.
    fn program(&self, then: &str) -> String {
        let folder = self.lab.folder.display();
        format!(
            "sql() {{ {}; }}
            set -e
            sql 'CREATE TABLE IF NOT EXISTS applied (name VARCHAR(99) PRIMARY KEY)'
            for file in $(ls {folder}/migrations); do
              if [ -z \"$(sql \"SELECT name FROM applied WHERE name = '$file'\")\" ]; then
                sql \"$(cat {folder}/migrations/$file)\"
                sql \"INSERT INTO applied VALUES ('$file')\"
              fi
            done
            echo run >> {folder}/runs
            {then}",
            self.client
        )
    }

    fn migrate(&self) -> Run {
        self.lab.db("migrate", 1, &["--", "sh", "-c", &self.program("")])
    }

    /// A push of another image.
    #[track_caller]
    fn pushed(&self, image: &str) -> Run {
        self.spec(image, "files: [migrations]");
        self.migrate().fine()
    }

    /// A laboratory without the server's key.
    fn keyless(&self) -> Lab {
        let name = format!("{}-keyless", self.lab.environment(1));
        Lab::new(&name, &self.entry, &[("DATABASE_URL", &self.lab.url(1))])
    }

    #[track_caller]
    fn sql(&self, sql: &str) -> String {
        (self.sql)(&self.lab.url(1), sql).unwrap()
    }

    /// The baseline's user, and those that came since.
    #[track_caller]
    fn users(&self) -> String {
        self.sql("SELECT COUNT(*) FROM users")
    }

    fn has(&self, table: &str) -> bool {
        (self.sql)(&self.lab.url(1), &format!("SELECT * FROM {table}")).is_ok()
    }

    /// How often the program ran.
    fn runs(&self) -> usize {
        fs::read_to_string(self.lab.path("runs")).unwrap_or_default().lines().count()
    }

    fn gone(&self) {
        self.lab.db("destroy", 1, &[]).fine();
    }
}

#[track_caller]
fn anew(run: &Run, why: &str) {
    assert!(run.err.contains(why), "{why:?} is not in: {}", run.err);
    assert_eq!(run.err.matches("making the branch anew").count(), 1, "{}", run.err);
}

#[track_caller]
fn kept(run: &Run) {
    assert!(!run.err.contains("anew"), "{}", run.err);
}

fn added(database: &Database) {
    database.write("1.sql", "CREATE TABLE carts (id INT)");
    // Made by a dayfly that knew of no files, or a policy without.
    database.spec("1", "");
    database.migrate().fine();
    database.sql("INSERT INTO users VALUES (2)");
    // The same image and command, and now files: it runs again, and writes them down.
    kept(&database.pushed("1"));
    assert_eq!((database.runs(), &*database.users()), (2, "2"));
    assert!(database.pushed("1").err.contains("nothing to do"));
    database.write("2.sql", "CREATE TABLE orders (id INT)");
    kept(&database.pushed("2"));
    assert!(database.has("carts") && database.has("orders"));
    // Another push changes none of them.
    kept(&database.pushed("3"));
    assert_eq!((database.runs(), &*database.users()), (4, "2"));
    database.gone();
}

fn edited(database: &Database) {
    for (file, table) in [("1.sql", "carts"), ("2.sql", "orders"), ("3.sql", "bills")] {
        database.write(file, &format!("CREATE TABLE {table} (id INT)"));
    }
    database.pushed("1");
    database.sql("INSERT INTO users VALUES (2)");
    // A run that failed writes nothing down.
    database.write("2.sql", "CREATE TABLE baskets (id INT)");
    anew(&database.pushed("2"), "`migrations/2.sql` ran here and differs now: ");
    assert!(database.has("baskets") && !database.has("orders"));
    assert_eq!((database.runs(), &*database.users()), (2, "1"));
    // Once: what ran there is written down anew.
    database.sql("INSERT INTO users VALUES (2)");
    assert!(database.pushed("2").err.contains("nothing to do"));
    kept(&database.pushed("3"));
    assert_eq!((database.runs(), &*database.users()), (3, "2"));
    database.write("1.sql", "CREATE TABLE wagons (id INT)");
    fs::remove_file(database.lab.path("migrations/3.sql")).unwrap();
    let why = "`migrations/1.sql` ran here and differs now, the first of 2 files that differ or are gone: ";
    anew(&database.pushed("4"), why);
    assert!(database.has("wagons") && database.has("baskets") && !database.has("bills"));
    assert_eq!(database.users(), "1");
    database.gone();
}

fn removed(database: &Database) {
    database.write("1.sql", "CREATE TABLE carts (id INT)");
    database.write("2.sql", "CREATE TABLE orders (id INT)");
    database.pushed("1");
    database.sql("INSERT INTO users VALUES (2)");
    fs::remove_file(database.lab.path("migrations/2.sql")).unwrap();
    anew(&database.pushed("2"), "`migrations/2.sql` ran here and is gone now: ");
    assert!(database.has("carts") && !database.has("orders"));
    assert_eq!((database.runs(), &*database.users()), (2, "1"));
    database.gone();
}

/// As in the cluster: migrate has no key, and `verify --wait` beside it makes the branch anew.
fn keyless(database: &Database) {
    let lab = &database.lab;
    let keyless = database.keyless();
    let spec = lab.spec_file(1).display().to_string();
    let program = database.program("[ -z \"$DAYFLY_DATABASE_ADMIN_URL\" ]");
    let pushed = |image: &str| {
        database.spec(image, &format!("files: ['{}']", lab.path("migrations").display()));
        let verify = lab.start("verify", 1, &["--wait"]);
        let migrate = keyless.dayfly(&["db", "migrate", "--spec", &spec, "--", "sh", "-c", &program]);
        let verify = ended(verify);
        assert_eq!(migrate.code, Some(0), "{}\nverify:\n{}", migrate.err, verify.err);
        (migrate, verify.fine())
    };
    database.write("1.sql", "CREATE TABLE carts (id INT)");
    pushed("1");
    database.sql("INSERT INTO users VALUES (2)");
    database.write("1.sql", "CREATE TABLE baskets (id INT)");
    let (migrate, verify) = pushed("2");
    assert!(migrate.err.contains("/migrations/1.sql` ran here and differs now: "), "{}", migrate.err);
    assert!(migrate.err.contains("waiting for a fresh branch"), "{}", migrate.err);
    anew(&verify, "/migrations/1.sql` ran here and differs now: making the branch anew, once");
    assert!(verify.err.contains("`migrate` says: `/"), "{}", verify.err);
    assert!(database.has("baskets") && !database.has("carts"));
    assert_eq!((database.runs(), &*database.users()), (2, "1"));

    database.sql("INSERT INTO users VALUES (2)");
    database.write("2.sql", "CREATE TABLE orders (id INT)");
    let (migrate, verify) = pushed("3");
    kept(&migrate);
    kept(&verify);
    assert_eq!(database.users(), "2");
    // Back to the push before, for which the branch was made anew once: that does not count any more.
    fs::remove_file(lab.path("migrations/2.sql")).unwrap();
    let (migrate, verify) = pushed("2");
    assert!(migrate.err.contains("/migrations/2.sql` ran here and is gone now: "), "{}", migrate.err);
    anew(&verify, "/migrations/2.sql` ran here and is gone now: making the branch anew, once");
    assert!(database.has("baskets") && !database.has("orders"));
    assert_eq!((database.runs(), &*database.users()), (4, "1"));
    database.gone();
}

/// Nobody waits for what will not run.
fn refused(database: &Database) {
    let (lab, keyless) = (&database.lab, database.keyless());
    let spec = lab.spec_file(1).display().to_string();
    let folder = lab.path("migrations").display().to_string();
    let pushed = |image: &str, path: &str| {
        database.spec(image, &format!("files: ['{path}']"));
        let verify = lab.start("verify", 1, &["--wait"]);
        let migrate = keyless.dayfly(&["db", "migrate", "--spec", &spec, "--", "sh", "-c", &database.program("")]);
        (migrate, ended(verify))
    };
    database.write("1.sql", "CREATE TABLE carts (id INT)");
    pushed("1", &folder).1.fine();
    database.sql("INSERT INTO users VALUES (2)");
    let started = Instant::now();
    let (migrate, verify) = pushed("2", &format!("{folder}s"));
    migrate.refused("migrationss` of `files` is not in the image");
    verify
        .refused("`migrate` was refused, and not run. It says: `/")
        .refused("migrationss` of `files` is not in the image");
    lab.db("verify", 1, &[]).refused("`migrate` was refused");
    // A name that a database's encoding may lack.
    let link = lab.path("migrations").join("größe-🦀.sql");
    std::os::unix::fs::symlink("nowhere", &link).unwrap();
    let (migrate, verify) = pushed("3", &folder);
    migrate.refused("/größe-🦀.sql` of `files` is a link that leads nowhere");
    verify.refused("/größe-🦀.sql` of `files` is a link that leads nowhere");
    assert!(started.elapsed() < Duration::from_mins(1), "{:?}", started.elapsed());
    // Mended under the same name: by the second time at the latest.
    fs::remove_file(link).unwrap();
    let (migrate, _) = pushed("3", &folder);
    kept(&migrate.fine());
    kept(&lab.db("verify", 1, &["--wait"]).fine());
    assert_eq!((database.runs(), &*database.users()), (2, "2"));
    database.gone();
}

fn missing(database: &Database) {
    database.write("1.sql", "CREATE TABLE carts (id INT)");
    database.pushed("1");
    database.sql("INSERT INTO users VALUES (2)");
    database.spec("2", "files: [migrations, db/$(touch evil)]");
    let run =
        database.migrate().refused("`db/$(touch evil)` of `files` is not in the image (its working directory is `");
    assert!(run.err.contains("correct the path in the policy") && !run.err.contains("anew"), "{}", run.err);
    assert!(database.runs() == 1 && !database.lab.path("evil").exists());
    // Nothing was written down of it.
    kept(&database.pushed("3"));
    assert_eq!((database.runs(), &*database.users()), (2, "2"));
    database.gone();
}

/// The program was through, and nobody wrote that down.
fn killed(database: &Database) {
    database.write("1.sql", "CREATE TABLE carts (id INT)");
    database.pushed("1");
    database.sql("INSERT INTO users VALUES (2)");
    database.write("1.sql", "CREATE TABLE baskets (id INT)");
    database.write("2.sql", "CREATE TABLE orders (id INT)");
    database.spec("2", "files: [migrations]");
    let once = database.program("[ -e killed ] || { touch killed; kill -9 $PPID; }");
    let run = database.lab.db("migrate", 1, &["--", "sh", "-c", &once]);
    anew(&run, "`migrations/1.sql` ran here and differs now: ");
    assert_eq!(run.code, None, "{}", run.err);
    anew(&database.lab.db("migrate", 1, &["--", "sh", "-c", &once]).fine(), "`migrate` broke off before: ");
    assert!(database.has("baskets") && database.has("orders") && !database.has("carts"));
    assert_eq!((database.runs(), &*database.users()), (3, "1"));
    // What was written down in the end is what ran.
    database.sql("INSERT INTO users VALUES (2)");
    kept(&database.pushed("3"));
    assert_eq!(database.users(), "2");
    database.write("2.sql", "CREATE TABLE bills (id INT)");
    anew(&database.pushed("4"), "`migrations/2.sql` ran here and differs now: ");
    assert!(database.has("bills") && !database.has("orders"));
    database.gone();
}

/// The program may do with the record what it likes.
fn spoiled(database: &Database) {
    let is_mysql = database.client == MARIADB;
    let table = if is_mysql { "_dayfly_files" } else { "dayfly_branch.files" };
    let another = format!(
        "DROP TABLE IF EXISTS {table}; CREATE TABLE {table} (id INT, files INT); INSERT INTO {table} VALUES (1, 1)"
    );
    let view = format!("DROP TABLE IF EXISTS {table}; CREATE VIEW {table} AS SELECT 1 AS one");
    let nothing = if is_mysql {
        format!("ALTER TABLE {table} MODIFY files LONGBLOB; UPDATE {table} SET files = NULL")
    } else {
        format!("ALTER TABLE {table} ALTER files DROP NOT NULL; UPDATE {table} SET files = NULL")
    };
    database.write("1.sql", "CREATE TABLE carts (id INT)");
    database.pushed("1");
    let no_key = if is_mysql { "DROP PRIMARY KEY" } else { "DROP CONSTRAINT files_pkey" };
    let no_key = format!("ALTER TABLE {table} {no_key}");
    for (spoil, image) in [(&another, "2"), (&nothing, "3"), (&view, "4"), (&no_key, "5")] {
        database.sql(spoil);
        database.sql("INSERT INTO users VALUES (2)");
        anew(&database.pushed(image), "the record of the files that ran here cannot be read: ");
        assert_eq!(database.users(), "1");
    }
    // What takes its place while it runs is replaced.
    for spoil in [another, view] {
        database.gone();
        database.spec("6", "files: [migrations]");
        database.lab.db("provision", 1, &[]).fine();
        let spoiling = database.program(&format!("sql '{spoil}'"));
        database.lab.db("migrate", 1, &["--", "sh", "-c", &spoiling]).fine();
        kept(&database.pushed("7"));
    }
    database.gone();
}

/// The longest record, on a server that takes no longer statement than any does by default.
#[test]
fn many_files_are_written_down_in_one_statement() {
    for provider in ["mysql", "mariadb"] {
        let database = Database::mysql(provider, "many");
        let admin = service(&format!("DAYFLY_TEST_{}", provider.to_uppercase()));
        let size = mysql::sql_on(&admin, "SELECT @@GLOBAL.max_allowed_packet").unwrap();
        for number in 0..9900 {
            // A quotation mark is two characters of JSON.
            database.write(&format!("{number:04}{}", "\"".repeat(90)), "");
        }
        database.spec("1", "files: [migrations]");
        mysql::sql_on(&admin, "SET GLOBAL max_allowed_packet = 4194304").unwrap();
        let run = database.lab.db("migrate", 1, &["--", "true"]);
        mysql::sql_on(&admin, &format!("SET GLOBAL max_allowed_packet = {size}")).unwrap();
        run.fine();
        database.spec("2", "files: [migrations]");
        kept(&database.lab.db("migrate", 1, &["--", "true"]).fine());
        database.gone();
    }
}

/// The files are written down, and that it is done is not.
#[test]
fn killed_between_two_records() {
    let database = Database::postgres("torn");
    database.write("1.sql", "CREATE TABLE carts (id INT)");
    database.pushed("1");
    database.write("2.sql", "CREATE TABLE orders (id INT)");
    database.spec("2", "files: [migrations]");
    let end = Instant::now() + Duration::from_mins(1);
    let until = |what: &str, is_so: &dyn Fn() -> bool| {
        while !is_so() {
            assert!(Instant::now() < end, "{what}");
            thread::sleep(Duration::from_millis(20));
        }
    };
    let (torn, go) = (database.lab.path("torn"), database.lab.path("go"));
    let (there, gone) = (torn.display(), go.display());
    let once =
        database.program(&format!("[ -e {there} ] || {{ touch {there}; until [ -e {gone} ]; do sleep 0.1; done; }}"));
    let mut migrate = database.lab.start("migrate", 1, &["--", "sh", "-c", &once]);
    until("the program does not run", &|| torn.exists());
    // Nobody writes the next record.
    let url = database.lab.url(1);
    let lock = "BEGIN; LOCK TABLE dayfly_branch.runs IN EXCLUSIVE MODE; SELECT pg_sleep(600)";
    let locked = thread::spawn(move || psql(&url, lock));
    let held = "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND granted AND relation = 'dayfly_branch.runs'::regclass";
    until("nothing is locked", &|| database.sql(held) == "1");
    fs::write(&go, "").unwrap();
    until("the files are not written down first", &|| {
        database.sql("SELECT encode(files, 'escape') FROM dayfly_branch.files").contains("migrations/2.sql")
    });
    migrate.kill().unwrap();
    migrate.wait().unwrap();
    database.sql(
        "SET ROLE NONE; SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE usename = session_user AND datname = current_database() AND pid <> pg_backend_pid()",
    );
    locked.join().unwrap().unwrap_err();
    assert_eq!(database.sql("SELECT state FROM dayfly_branch.runs WHERE step = 'migrate'"), "running");
    anew(&database.lab.db("migrate", 1, &["--", "sh", "-c", &once]).fine(), "`migrate` broke off before: ");
    assert_eq!(database.runs(), 3);
    kept(&database.pushed("3"));
    database.gone();
}

/// A baseline that was a branch once: its files ran elsewhere.
#[test]
fn a_record_that_came_with_the_baseline_spoils_nothing() {
    let server = postgres::Server::new("DAYFLY_TEST_POSTGRES18", "filescopied", USERS);
    let owner = "SET ROLE filescopied_owner; CREATE SCHEMA dayfly_branch";
    let sql = r#"CREATE TABLE dayfly_branch.runs (
           step text PRIMARY KEY, input text NOT NULL, state text NOT NULL, command text NOT NULL, at timestamptz NOT NULL DEFAULT now());
         INSERT INTO dayfly_branch.runs VALUES ('checked', '7', 'done', '[]'), ('migrate', 'a', 'done', '[]');
         CREATE TABLE dayfly_branch.files (id int PRIMARY KEY, files bytea NOT NULL);
         INSERT INTO dayfly_branch.files VALUES (1, '{"branch":"7","files":{"migrations/0.sql":"00"}}')"#;
    psql(&with_database(&server.superuser, &server.baseline), &format!("{owner}; {sql}")).unwrap();
    let database = Database::new(server.lab("filescopied", SYNTHETIC), server.entry(SYNTHETIC), psql, PSQL);
    database.write("1.sql", "CREATE TABLE carts (id INT)");
    kept(&database.pushed("1"));
    database.write("1.sql", "CREATE TABLE baskets (id INT)");
    anew(&database.pushed("2"), "`migrations/1.sql` ran here and differs now: ");
    kept(&database.pushed("3"));
    database.gone();
    assert_eq!(server.left("filescopied"), "");
}

/// What no engine makes anew, somebody does: the message says how.
#[test]
fn where_nobody_can_the_message_says_how() {
    let database = Database::postgres("byhand");
    let keyless = Lab::new("filesbyhand-keyless", &database.entry, &[("DATABASE_URL", &database.lab.url(1))]);
    let folder = database.lab.path("migrations").display().to_string();
    let migrate = |image: &str| {
        database.spec(image, &format!("files: ['{folder}']"));
        let spec = database.lab.spec_file(1);
        let mut json: serde_json::Value = serde_json::from_str(&fs::read_to_string(&spec).unwrap()).unwrap();
        json["baseline"]["provider"] = "cnpg".into();
        json["names"]["server"] = "database-main".into();
        fs::write(&spec, json.to_string()).unwrap();
        let spec = spec.display().to_string();
        keyless.dayfly(&["db", "migrate", "--spec", &spec, "--", "sh", "-c", &database.program("")])
    };
    database.write("1.sql", "CREATE TABLE carts (id INT)");
    migrate("1").fine();
    database.write("1.sql", "CREATE TABLE baskets (id INT)");
    let how = "/migrations/1.sql` ran here and differs now: `kubectl -n filesbyhand-pr-1 delete clusters.postgresql.cnpg.io,jobs -l dayfly.dev/database=main --cascade=foreground`, then sync";
    migrate("2").refused(how);
    assert_eq!(database.runs(), 1);
    database.spec("2", "");
    database.gone();
}
