//! A MySQL or MariaDB server of one's own: the real ones, each test on both.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::{
    lab::{Lab, claim, ended, service},
    page::recipe,
    psql::{database, until, user},
};

/// Each of these is a test on either server.
macro_rules! on_both {
    ($($test:ident),* $(,)?) => {
        mod mariadb { $(#[test] fn $test() { super::$test(&super::Server::new("mariadb", "DAYFLY_TEST_MARIADB")); })* }
        mod mysql { $(#[test] fn $test() { super::$test(&super::Server::new("mysql", "DAYFLY_TEST_MYSQL")); })* }
    };
}

on_both!(
    the_whole_way,
    a_copy_has_everything_that_the_baseline_has,
    a_copy_is_of_one_moment_or_none,
    a_killed_job_is_resumed_and_raced,
    a_branch_that_two_register_at_once_is_registered,
    what_is_not_dayflys_is_never_touched,
    a_login_is_revoked_before_the_branch_goes,
    a_prepared_transaction_keeps_no_branch,
    an_administrator_without_rights_is_told_which,
    the_documented_administrator_needs_nothing_more,
    a_baseline_is_prepared_and_a_new_column_is_noticed,
    a_row_that_nobody_can_read_keeps_no_others_from_being_swept,
    a_failed_migration_gets_a_fresh_branch_and_the_same_login,
    a_branch_made_anew_is_checked_before_its_old_login_enters,
);

pub(crate) struct Server {
    provider: &'static str,
    url: String,
}

impl Server {
    pub(crate) fn new(provider: &'static str, variable: &str) -> Self {
        Self { provider, url: service(variable) }
    }

    /// One of each kind.
    pub(crate) fn both() -> [Self; 2] {
        [Self::new("mysql", "DAYFLY_TEST_MYSQL"), Self::new("mariadb", "DAYFLY_TEST_MARIADB")]
    }

    pub(crate) fn sql(&self, sql: &str) -> String {
        sql_on(&self.url, sql).unwrap()
    }

    fn is_mariadb(&self) -> bool {
        self.provider == "mariadb"
    }

    /// A fresh database to branch, and its baseline `shop` in the guardrails.
    pub(crate) fn baseline(&self, name: &str, sql: &str) -> String {
        claim(&format!("{name} at {}", self.provider));
        if !self.is_mariadb() && self.sql(&format!("SHOW DATABASES LIKE '{name}'")) == name {
            self.sql(&format!("ALTER DATABASE {name} READ ONLY = 0"));
        }
        self.sql(&format!("DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name} CHARACTER SET utf8mb4"));
        self.sql(&format!("USE {name}; {sql}"));
        format!(
            "shop: {{provider: {}, database: {name}, synthetic: {{by: seeds}}, endpoint: {{cidrs: [10.0.0.0/8], port: 3306}}}}",
            self.provider
        )
    }

    /// A lab whose previews' names begin with `test`.
    pub(crate) fn lab(&self, test: &str, baselines: &str) -> Lab {
        self.lab_as(test, baselines, &self.url)
    }

    fn lab_as(&self, test: &str, baselines: &str, admin: &str) -> Lab {
        Lab::new(&format!("{test}-{}", self.provider), baselines, &[("DAYFLY_DATABASE_ADMIN_URL", admin)])
    }

    /// What is left of a lab's previews, anywhere at the server.
    pub(crate) fn left(&self, test: &str) -> String {
        let stem = format!("dayfly_{test}_{}%", self.provider);
        self.sql(&format!(
            "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE '{stem}'
             UNION ALL SELECT user FROM mysql.user WHERE user LIKE '{}%'
             UNION ALL SELECT branch FROM dayfly.branches WHERE database_name LIKE '{stem}'",
            format!("dayfly_{test}").chars().take(20).collect::<String>()
        ))
    }
}

/// All rows of the servers' registries can be read for as long as one has this.
fn registry() -> MutexGuard<'static, ()> {
    static READABLE: Mutex<()> = Mutex::new(());
    READABLE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs SQL in MariaDB's own client, and gives its rows: fields with a tab between, a row a line. `Err`: what it said.
pub(crate) fn sql_on(url: &str, sql: &str) -> Result<String, String> {
    let output = client(url).args(["--execute", sql]).output().expect("mariadb");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Waits until that many sessions of a login sleep.
#[track_caller]
pub(crate) fn until_asleep(url: &str, count: usize) {
    let asleep = "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'SELECT SLEEP(%'";
    until(|| sql_on(url, asleep).unwrap() == count.to_string(), "the sessions never came");
}

fn client(url: &str) -> Command {
    let rest = url.strip_prefix("mysql://").expect("mysql://");
    let (login, place) = rest.rsplit_once('@').expect("a login");
    let (user, password) = login.split_once(':').expect("a password");
    let (server, database) = place.split('?').next().unwrap().split_once('/').expect("a database");
    let (host, port) = server.split_once(':').expect("a port");
    let mut command = Command::new("mariadb");
    command
        .args(["--no-defaults", "--default-character-set=utf8mb4", "--batch", "--skip-column-names", "-h", host])
        .args(["-P", port, "-u", user, database])
        .env("MYSQL_PWD", password);
    command
}

/// What one session is told that asks again and again, from before `work` begins until after it: a line each.
pub(crate) fn answers_during(url: &str, question: &str, work: impl FnOnce() + Send) -> Vec<String> {
    let mut client =
        client(url).arg("--unbuffered").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("mariadb");
    let mut questions = client.stdin.take().unwrap();
    let mut answers = BufReader::new(client.stdout.take().unwrap()).lines();
    let mut ask = || {
        writeln!(questions, "{question};").unwrap();
        answers.next().expect("an answer").unwrap()
    };
    let mut seen = vec![ask()];
    thread::scope(|scope| {
        let work = scope.spawn(work);
        while !work.is_finished() {
            seen.push(ask());
        }
    });
    seen.push(ask());
    client.kill().unwrap();
    client.wait().unwrap();
    seen
}

/// A session that is given statements one by one.
struct Talking(Child);

impl Talking {
    fn to(url: &str) -> Self {
        Self(client(url).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("mariadb"))
    }

    fn say(&mut self, sql: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{sql};").unwrap();
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A migration, by the client that the Job's image would have.
fn migration(sql: &str) -> String {
    format!(
        "MYSQL_PWD=\"$MYSQL_PWD\" mariadb --no-defaults -h \"$MYSQL_HOST\" -P \"$MYSQL_TCP_PORT\" -u \"$MYSQL_USER\" \"$MYSQL_DATABASE\" -e \"{sql}\""
    )
}

const USERS: &str =
    "CREATE TABLE users (id BIGINT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(40)); INSERT INTO users VALUES (1, 'ada')";

/// `InnoDB` ends one of two that wait for each other: the one that changed less.
fn a_branch_that_two_register_at_once_is_registered(server: &Server) {
    let many = "CREATE TABLE many (id INT AUTO_INCREMENT PRIMARY KEY)";
    let baseline = server.baseline("registered_baseline", &format!("{USERS}; {many}"));
    let lab = server.lab("registered", &baseline);
    // Its branch is registered long after it was begun, so other tests' sweeps could not know that it lives: they leave this one's.
    lab.install("registered", &baseline);
    lab.db("provision", 1, &[]).fine();
    let name =
        format!("SELECT branch FROM dayfly.branches WHERE database_name LIKE 'dayfly_registered_{}%'", server.provider);
    let name = server.sql(&name);
    let until = |sql: &str| {
        let end = Instant::now() + Duration::from_mins(1);
        while server.sql(sql) != "1" {
            assert!(Instant::now() < end, "{sql}");
            // InnoDB goes on telling what it told as long as somebody asks again within 100 ms.
            thread::sleep(Duration::from_millis(250));
        }
    };
    // What was removed stays in the index as long as somebody may still read it.
    let mut reader = Talking::to(&server.url);
    reader.say("START TRANSACTION WITH CONSISTENT SNAPSHOT");
    reader.say("DO GET_LOCK('registered', 0)");
    until("SELECT IS_USED_LOCK('registered') IS NOT NULL");
    lab.db("destroy", 1, &[]).fine();
    let mut other = Talking::to(&server.url);
    other.say("START TRANSACTION");
    other.say(&format!("INSERT INTO registered_baseline.many (id) VALUES {}", ["(NULL)"; 200].join(", ")));
    other.say(&format!(
        "INSERT INTO dayfly.branches VALUES ('{}', '{name}', 'a', 'a', 'a', '', 0, NULL, NULL)",
        "z".repeat(32)
    ));
    until(&format!(
        "SET SESSION TRANSACTION ISOLATION LEVEL READ UNCOMMITTED; SELECT COUNT(*) FROM dayfly.branches WHERE branch = '{name}'"
    ));
    let (said, mut job) = lab.told("provision", 1, &[]);
    // Another test's Job may wait for this one.
    until(if server.is_mariadb() {
        "SELECT COUNT(*) > 0 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT' AND trx_query LIKE 'INSERT IGNORE%'"
    } else {
        // Asked for queries, MySQL fails if any of them has an emoji.
        "SELECT COUNT(*) > 0 FROM performance_schema.data_locks WHERE lock_status = 'WAITING' AND object_schema = 'dayfly'"
    });
    other.say(&format!("SELECT id FROM dayfly.branches FORCE INDEX (branch) WHERE branch = '{name}' FOR UPDATE"));
    other.say("ROLLBACK");
    assert!(job.wait().unwrap().success(), "{}", said());
    drop(reader);
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("registered"), "");
}

fn the_whole_way(server: &Server) {
    let baselines = server.baseline("my_whole", USERS);
    let lab = server.lab("whole", &baselines);
    for number in [1, 2] {
        lab.spec(number, "shop", "");
        let run = lab.db("provision", number, &["--log", "json"]).fine();
        let url = lab.url(number);
        let password = url.split(['@', ':']).nth(2).unwrap();
        assert!(!run.err.contains(password) && run.out.is_empty(), "{run:?}");
    }
    let (one, two) = (lab.url(1), lab.url(2));
    lab.db("migrate", 1, &["--", "sh", "-c", &migration("ALTER TABLE users ADD mail TEXT")]).fine();
    lab.db("verify", 1, &[]).fine();
    sql_on(&one, "INSERT INTO users (name) VALUES ('grace')").unwrap();
    assert_eq!(sql_on(&one, "SELECT COUNT(*), MAX(id) FROM users").unwrap(), "2\t2");
    assert_eq!(sql_on(&two, "SELECT COUNT(*) FROM users").unwrap(), "1");
    assert!(sql_on(&two, "SELECT mail FROM users").is_err());

    // One preview sees neither the other's branch, nor the baseline, nor the registry.
    let database_of_two = database(&two);
    for elsewhere in [database_of_two, "my_whole", "dayfly", "mysql"] {
        let error = sql_on(&one, &format!("USE {elsewhere}")).unwrap_err();
        assert!(error.contains("denied"), "{error}");
    }
    let own = database(&one);
    let grants = sql_on(&one, "SHOW GRANTS").unwrap();
    assert!(grants.contains(&own.replace('_', "\\\\_")), "an underscore stands for any character: {grants}");

    // Called again, it keeps what works.
    lab.db("provision", 1, &[]).fine();
    lab.db("verify", 1, &[]).fine();
    assert_eq!(lab.url(1), one);
    assert_eq!(sql_on(&one, "SELECT COUNT(*) FROM users").unwrap(), "2");
    lab.db("renew", 1, &[]).fine();

    // Somebody removed the user: it gets a new one of the same name.
    let user = user(&one);
    server.sql(&format!("DROP USER '{user}'@'%'"));
    lab.db("provision", 1, &[]).fine();
    let one = lab.url(1);
    assert_eq!(sql_on(&one, "SELECT COUNT(*) FROM users").unwrap(), "2");

    let readable = registry();
    let run = lab.dayfly(&["db", "list", "--guardrails", &lab.guardrails_path(), "-o", "json"]).fine();
    assert!(run.out.contains(own) && run.out.contains(database_of_two), "{}", run.out);

    // The first preview's Job never ran at its end; others' branches are alive.
    lab.only_orphans(&lab.environment(1));
    let sweep = ["db", "sweep", "--guardrails", &lab.guardrails_path(), "--alive", "alive"];
    lab.dayfly(&sweep).fine();
    drop(readable);
    sql_on(&one, "SELECT 1").unwrap();
    // Tests on the same server make and remove branches at the same moment: theirs may fail to be renewed, ours is gone.
    lab.dayfly(&[&sweep[..], &["--apply"]].concat());
    assert!(sql_on(&one, "SELECT 1").is_err());
    sql_on(&two, "SELECT 1").unwrap();

    for _ in 0..2 {
        lab.db("destroy", 2, &[]).fine();
        lab.db("destroy", 1, &[]).fine();
    }
    assert_eq!(server.left("whole"), "");
    assert!(!lab.env_file(2).exists());
}

fn a_copy_has_everything_that_the_baseline_has(server: &Server) {
    let more = if server.is_mariadb() {
        "CREATE SEQUENCE numbers START WITH 5 INCREMENT BY 10 NOCACHE; SELECT NEXTVAL(numbers);
         CREATE TABLE numbered (id BIGINT DEFAULT NEXTVAL(numbers) PRIMARY KEY, hidden INT INVISIBLE DEFAULT 3);
         CREATE TABLE history (id INT PRIMARY KEY, x INT) WITH SYSTEM VERSIONING; INSERT INTO history VALUES (1, 1);"
    } else {
        "CREATE TABLE hidden (id INT PRIMARY KEY, x INT INVISIBLE DEFAULT 3, d DATETIME DEFAULT (NOW()), KEY ((x + 1)));
         INSERT INTO hidden (id, x) VALUES (1, 4);"
    };
    let sql = format!(
        "SET foreign_key_checks = 0; CREATE TABLE a_child (id INT PRIMARY KEY, parent BIGINT, FOREIGN KEY (parent) REFERENCES my_all (id) ON DELETE CASCADE);
         CREATE TABLE my_all (id BIGINT AUTO_INCREMENT PRIMARY KEY, n INT, twice INT AS (n * 2) STORED, v VARCHAR(20) AS (CONCAT('a', n)) VIRTUAL,
           note VARCHAR(80) COMMENT 'it''s `my_all`.`x`(', CHECK (n > 0), KEY (n), FULLTEXT KEY (note)) AUTO_INCREMENT = 100;
         SET foreign_key_checks = 1; INSERT INTO my_all (n, note) VALUES (1, 'ü 😀'), (2, NULL); INSERT INTO a_child VALUES (1, 100);
         SET sql_mode = 'NO_AUTO_VALUE_ON_ZERO'; INSERT INTO my_all (id, n) VALUES (0, 7); SET sql_mode = DEFAULT;
         ALTER TABLE my_all AUTO_INCREMENT = 500;
         CREATE TABLE parted (id INT PRIMARY KEY, x BLOB) PARTITION BY HASH (id) PARTITIONS 3; INSERT INTO parted VALUES (1, x'00275c'), (2, NULL);
         CREATE FUNCTION plus_one(a INT) RETURNS INT DETERMINISTIC RETURN a + 1;
         CREATE PROCEDURE add_one(IN a INT) COMMENT '😀' INSERT INTO my_all (n, note) VALUES (a, 'by 😀');
         CREATE VIEW z_first AS SELECT id, plus_one(n) AS next, twice FROM my_all;
         CREATE VIEW a_second AS SELECT z_first.next, my_all.id, my_all.plus_one(3) AS four FROM z_first JOIN my_all ON my_all.id = z_first.id;
         CREATE TRIGGER my_all.b_first BEFORE INSERT ON my_all.my_all FOR EACH ROW /* 😀 */ SET NEW.note = CONCAT(COALESCE(NEW.note, ''), '😀1');
         CREATE TRIGGER a_after BEFORE INSERT ON my_all FOR EACH ROW FOLLOWS b_first SET NEW.note = CONCAT(NEW.note, '2');
         SET sql_mode = 'NO_BACKSLASH_ESCAPES'; CREATE PROCEDURE z_last() SELECT 1; SET sql_mode = DEFAULT;
         SET collation_connection = utf8mb4_bin; CREATE VIEW collated AS SELECT 'a' = 'A' AS same, 'it''s \\\\' AS written; SET collation_connection = utf8mb4_general_ci;
         CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2035-01-01 03:00:00' DO DELETE FROM my_all WHERE n > 1000;
         {more}"
    );
    let baselines = server.baseline("my_all", &sql);
    let lab = server.lab("all", &baselines);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let branch = lab.url(1);
    let (user, database) = (user(&branch), database(&branch));
    let source = format!("{}my_all", server.url);

    let tables = sql_on(&source, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'my_all' AND table_type <> 'SEQUENCE' ORDER BY 1").unwrap();
    for table in tables.lines() {
        let rows = format!("SELECT * FROM {table} ORDER BY 1");
        assert_eq!(sql_on(&branch, &rows).unwrap(), sql_on(&source, &rows).unwrap(), "{table}");
    }
    // Every definition is the same, but for who made it and where: MySQL's own words about each.
    let shown = |url: &str| {
        let mut all = String::new();
        for (kind, sql) in [
            (
                "TABLE",
                "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name NOT LIKE '\\\\_dayfly%' ORDER BY 1",
            ),
            (
                "TRIGGER",
                "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE() ORDER BY 1",
            ),
            ("EVENT", "SELECT event_name FROM information_schema.events WHERE event_schema = DATABASE() ORDER BY 1"),
            (
                "PROCEDURE",
                "SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE() AND routine_type = 'PROCEDURE'",
            ),
            (
                "FUNCTION",
                "SELECT routine_name FROM information_schema.routines WHERE routine_schema = DATABASE() AND routine_type = 'FUNCTION'",
            ),
        ] {
            for name in sql_on(url, sql).unwrap().lines() {
                all.push_str(&sql_on(url, &format!("SHOW CREATE {kind} {name}")).unwrap());
                all.push('\n');
            }
        }
        // The time when a trigger was made.
        all.lines().map(|line| line.split("\t20").next().unwrap().to_owned() + "\n").collect::<String>()
    };
    let there =
        shown(&branch).replace(&format!("`{user}`@`%`"), "`admin`@`%`").replace(&format!("`{database}`"), "`my_all`");
    // Triggers are written with and without their database, and with comments before what they do.
    let without_heads = |text: String| {
        text.lines()
            .filter(|line| !line.to_lowercase().contains(" trigger "))
            .map(|line| line.to_owned() + "\n")
            .collect::<String>()
    };
    assert_eq!(without_heads(there.clone()), without_heads(shown(&source)));
    assert_eq!(there.matches("😀1").count(), 1, "{there}");

    // They work, with the rights of the branch's user.
    sql_on(&branch, "CALL add_one(41)").unwrap();
    assert_eq!(
        sql_on(&branch, "SELECT id, n, twice, note FROM my_all ORDER BY id DESC LIMIT 1").unwrap(),
        "500\t41\t82\tby 😀😀12"
    );
    assert_eq!(sql_on(&branch, "SELECT next, four FROM a_second WHERE id = 500").unwrap(), "42\t4");
    assert_eq!(sql_on(&branch, "SELECT same, LENGTH(written) FROM collated").unwrap(), "0\t6");
    assert!(sql_on(&branch, "INSERT INTO a_child VALUES (2, 9999)").unwrap_err().contains("foreign key"));
    if server.is_mariadb() {
        sql_on(&branch, "INSERT INTO numbered () VALUES ()").unwrap();
        assert_eq!(sql_on(&branch, "SELECT id, hidden FROM numbered").unwrap(), "15\t3");
    }
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("all"), "");
}

/// What holds the baseline still may end, by a server's limits or a person's hand: then somebody may write to it meanwhile.
fn a_copy_is_of_one_moment_or_none(server: &Server) {
    let rows = "CREATE TABLE users (id BIGINT AUTO_INCREMENT PRIMARY KEY, name TEXT); INSERT INTO users (name) VALUES (REPEAT('x', 200))";
    let double = "; INSERT INTO users (name) SELECT name FROM users".repeat(17);
    let baselines = server.baseline("my_torn", &format!("{rows}{double}"));
    let lab = server.lab_as("torn", &baselines, &documented_administrator(server, "torn", "my_torn"));
    lab.spec(1, "shop", "");
    // What a failed run left.
    lab.db("destroy", 1, &[]).fine();
    let job = lab.start("provision", 1, &[]);
    let ours = "FROM information_schema.processlist WHERE user = 'torn'";
    let copies = format!("SELECT COUNT(*) {ours} AND info LIKE 'INSERT INTO `dayfly%'");
    until(|| server.sql(&copies) == "1", "nothing is copied");
    if !server.is_mariadb() {
        // What a machine that died holds, the server gives up by itself.
        let limits = "SELECT GROUP_CONCAT(variable_value) FROM performance_schema.variables_by_thread JOIN performance_schema.threads USING (thread_id)
            WHERE variable_name = 'wait_timeout' AND processlist_user = 'torn'";
        assert_eq!(server.sql(limits), "300,300");
    }
    let holder = server.sql(&format!("SELECT id {ours} AND command = 'Sleep'"));
    server.sql(&format!("KILL {holder}; INSERT INTO my_torn.users (name) VALUES ('late')"));
    ended(job).failed("and somebody may have written to them: call this again");
    if server.is_mariadb() {
        server.sql("ALTER USER torn WITH MAX_STATEMENT_TIME 0.1");
    }
    lab.db("provision", 1, &[]).fine();
    assert_eq!(sql_on(&lab.url(1), "SELECT COUNT(*) FROM users").unwrap(), "131073");
    lab.db("destroy", 1, &[]).fine();
    server.sql("DROP USER torn; DROP DATABASE my_torn");
    assert_eq!(server.left("torn"), "");
}

fn a_killed_job_is_resumed_and_raced(server: &Server) {
    let baselines = server.baseline("my_killed", &format!("{USERS}; CREATE TABLE big (id INT AUTO_INCREMENT PRIMARY KEY, x CHAR(200), KEY (x)); INSERT INTO big (x) VALUES (REPEAT('x', 200)){}", "; INSERT INTO big (x) SELECT x FROM big".repeat(14)));
    let lab = server.lab("killed", &baselines);
    lab.spec(1, "shop", "");
    for delay in [20, 60, 100, 150, 250, 400, 600] {
        let mut child = lab.start("provision", 1, &[]);
        thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let others: Vec<_> = (0..3).map(|_| lab.start("provision", 1, &[])).collect();
    for other in others {
        ended(other).fine();
    }
    lab.db("provision", 1, &[]).fine();
    assert_eq!(sql_on(&lab.url(1), "SELECT COUNT(*) FROM big").unwrap(), "16384");
    assert_eq!(server.left("killed").lines().count(), 3, "{}", server.left("killed"));

    // Its end is killed as well.
    for delay in [20, 40, 60, 100] {
        let mut child = lab.start("destroy", 1, &[]);
        thread::sleep(Duration::from_millis(delay));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("killed"), "");
    // Many previews at once.
    for number in 2..8 {
        lab.spec(number, "shop", "");
    }
    let all: Vec<_> = (2..8).map(|number| lab.start("provision", number, &[])).collect();
    for child in all {
        ended(child).fine();
    }
    let all: Vec<_> = (2..8).map(|number| lab.start("destroy", number, &[])).collect();
    for child in all {
        ended(child).fine();
    }
    assert_eq!(server.left("killed"), "");
}

fn what_is_not_dayflys_is_never_touched(server: &Server) {
    let baselines = server.baseline("my_foreign", USERS);
    let lab = server.lab("foreign", &baselines);
    let spec: serde_json::Value = serde_json::from_str(&fs::read_to_string(lab.spec(1, "shop", "")).unwrap()).unwrap();
    let name = spec["names"]["branch"].as_str().unwrap();
    server.sql(&format!("DROP DATABASE IF EXISTS {name}; CREATE DATABASE {name}; CREATE TABLE {name}.theirs (id INT); DROP DATABASE IF EXISTS dayfly_{name}"));
    server.sql(&format!("CREATE DATABASE dayfly_{name}; CREATE TABLE dayfly_{name}.theirs (id INT)"));
    lab.db("provision", 1, &[]).fine();
    lab.db("destroy", 1, &[]).fine();
    for theirs in [name.to_owned(), format!("dayfly_{name}")] {
        assert_eq!(server.sql(&format!("SELECT COUNT(*) FROM {theirs}.theirs")), "0");
        server.sql(&format!("DROP DATABASE {theirs}"));
    }
    // A row of another environment's.
    lab.db("provision", 1, &[]).fine();
    server.sql(&format!(
        "UPDATE dayfly.branches SET mark = REPLACE(mark, 'foreign-', 'foreigner-') WHERE branch = '{name}'"
    ));
    for command in ["provision", "destroy", "verify", "renew"] {
        lab.db(command, 1, &[]).refused("nothing was changed");
    }
    sql_on(&lab.url(1), "SELECT * FROM users").unwrap();
    server.sql(&format!(
        "UPDATE dayfly.branches SET mark = REPLACE(mark, 'foreigner-', 'foreign-') WHERE branch = '{name}'"
    ));
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("foreign"), "");
}

fn a_login_is_revoked_before_the_branch_goes(server: &Server) {
    let baselines = server.baseline("my_revoked", USERS);
    let lab = server.lab("revoked", &baselines);
    lab.spec(1, "shop", "");
    server.sql("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = ON");
    lab.db("provision", 1, &[]).fine();
    let url = lab.url(1);
    let password = url.split(['@', ':']).nth(2).unwrap();
    let logged = server
        .sql("SELECT CONVERT(argument USING utf8mb4) FROM mysql.general_log WHERE argument LIKE '%dayfly\\_revoked%'");
    assert!(logged.contains("ALTER USER") && !logged.contains(password), "{logged}");
    // A session that holds the table, and one that sleeps.
    let hold = || {
        client(&url)
            .args(["-e", "START TRANSACTION; INSERT INTO users (name) VALUES ('x'); SELECT SLEEP(60)"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let live = [hold(), hold()];
    until_asleep(&url, 2);
    let started = Instant::now();
    lab.db("destroy", 1, &[]).fine();
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
    for session in live {
        let output = session.wait_with_output().unwrap();
        assert!(!output.status.success());
    }
    assert!(sql_on(&url, "SELECT 1").unwrap_err().contains("denied"));
    assert_eq!(server.left("revoked"), "");
}

/// `XA PREPARE` outlives its session, and what it locks nobody could drop.
fn a_prepared_transaction_keeps_no_branch(server: &Server) {
    let baselines = server.baseline("my_xa", USERS);
    let lab = server.lab_as("xa", &baselines, &documented_administrator(server, "xa", "my_xa"));
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let prepare = |url: &str, name: &str| {
        let sql =
            format!("XA START '{name}'; INSERT INTO users (name) VALUES ('x'); XA END '{name}'; XA PREPARE '{name}'");
        sql_on(url, &sql).unwrap();
    };
    prepare(&lab.url(1), "held");
    let prepared = || server.sql("XA RECOVER");
    assert!(prepared().contains("held"));
    if server.is_mariadb() {
        // It may be anybody's.
        let run = lab.db("destroy", 1, &[]).failed("MariaDB does not say what they lock: end those of");
        assert!(run.err.contains("XA ROLLBACK 'held'"), "{}", run.err);
        assert!(prepared().contains("held"));
        server.sql("XA ROLLBACK 'held'");
        lab.db("destroy", 1, &[]).fine();
    } else {
        let run = lab.db("destroy", 1, &[]).fine();
        assert!(run.err.contains("rolled back the prepared transaction"), "{}", run.err);
        assert!(!prepared().contains("held"));
        // Somebody else's is never touched.
        server
            .sql("CREATE DATABASE IF NOT EXISTS my_xa_other; CREATE TABLE IF NOT EXISTS my_xa_other.users (name TEXT)");
        lab.db("provision", 1, &[]).fine();
        prepare(&format!("{}my_xa_other", server.url), "theirs");
        prepare(&lab.url(1), "held");
        let run = lab.db("destroy", 1, &[]).failed("some lock other databases: end those of");
        assert!(run.err.contains("XA ROLLBACK X'68656C64'"), "{}", run.err);
        assert!(prepared().contains("theirs"));
        server.sql("XA ROLLBACK 'theirs'");
        lab.db("destroy", 1, &[]).fine();
        server.sql("DROP DATABASE my_xa_other");
    }
    assert_eq!(server.left("xa"), "");
}

fn an_administrator_without_rights_is_told_which(server: &Server) {
    let baselines = server.baseline("my_rights", &format!("{USERS}; CREATE PROCEDURE p() SELECT 1"));
    let admin = documented_administrator(server, "few", "my_rights");
    server.sql("REVOKE TRIGGER, EVENT ON my_rights.* FROM few");
    let lab = server.lab_as("rights", &baselines, &admin);
    lab.spec(1, "shop", "");
    let run = lab.db("provision", 1, &[]).refused("GRANT TRIGGER, EVENT ON `my_rights`.*");
    assert!(!run.err.contains("s3cret"), "{}", run.err);
    server.sql("GRANT TRIGGER, EVENT ON my_rights.* TO few");
    lab.db("provision", 1, &[]).fine();
    lab.db("destroy", 1, &[]).fine();
    // Rows that may be anybody's.
    server.sql("USE my_rights; CREATE TABLE m (id INT, KEY (id)) ENGINE = MyISAM; CREATE TABLE elsewhere (id INT, KEY (id)) ENGINE = MRG_MyISAM UNION = (m)");
    lab.db("provision", 1, &[]).refused("its table `elsewhere` is of the engine MRG_M");
    let readable = registry();
    let list = lab.dayfly(&["db", "list", "--guardrails", &lab.guardrails_path()]).fine();
    drop(readable);
    assert!(
        list.out.lines().any(|line| line.contains("dayfly_rights") && line.contains("(half made)")),
        "{}",
        list.out
    );
    lab.db("destroy", 1, &[]).fine();
    server.sql("DROP USER few");
    assert_eq!(server.left("rights"), "");
}

/// A user as docs/databases/mysql.md says, with the statements that stand there.
fn documented_administrator(server: &Server, name: &str, baseline: &str) -> String {
    let block = |name: &str| recipe("databases/mysql.md", name);
    server.sql(&format!("DROP USER IF EXISTS {name}"));
    let sql = format!("{}{}", block("both"), block(server.provider));
    let sql = sql
        .replace("'dayfly'@'%'", &format!("'{name}'@'%'"))
        .replace("shop\\_baseline", baseline)
        .replace("CHANGE-ME", "s3cret");
    // MariaDB's test server has no certificate.
    server.sql(&if server.is_mariadb() { sql.replace(" REQUIRE SSL", "") } else { sql });
    let (_, place) = server.url.rsplit_once('@').unwrap();
    format!("mysql://{name}:s3cret@{place}")
}

fn the_documented_administrator_needs_nothing_more(server: &Server) {
    let sql = format!(
        "{USERS}; CREATE FUNCTION f(a INT) RETURNS INT DETERMINISTIC RETURN a + 1; CREATE VIEW v AS SELECT f(id) AS x FROM users;
         CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW SET NEW.name = UPPER(NEW.name);
         CREATE EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM users WHERE id < 0"
    );
    let baselines = server.baseline("my_least", &sql);
    let admin = documented_administrator(server, "least", "my_least");
    let lab = server.lab_as("least", &baselines, &admin);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    lab.db("migrate", 1, &["--", "sh", "-c", &migration("INSERT INTO users (name) VALUES ('x')")]).fine();
    lab.db("verify", 1, &[]).fine();
    lab.db("provision", 1, &[]).fine();
    lab.db("renew", 1, &[]).fine();
    assert_eq!(sql_on(&lab.url(1), "SELECT name FROM users WHERE id = (SELECT MAX(x) FROM v) - 1").unwrap(), "X");
    let hold = || {
        let mut client = client(&lab.url(1));
        let held = client.args(["-e", "SELECT SLEEP(60)"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until_asleep(&lab.url(1), 1);
        held
    };
    let (old, held) = (lab.url(1), hold());
    lab.db("provision", 1, &["--rotate"]).fine();
    assert!(!held.wait_with_output().unwrap().status.success());
    assert!(lab.url(1) != old && sql_on(&old, "SELECT 1").is_err());
    let hold = hold();
    lab.db("destroy", 1, &[]).fine();
    assert!(!hold.wait_with_output().unwrap().status.success());
    assert!(sql_on(&admin, "SELECT * FROM mysql.user").is_err());
    assert!(sql_on(&admin, "INSERT INTO my_least.users (name) VALUES ('y')").is_err());
    server.sql("DROP USER least");
    assert_eq!(server.left("least"), "");
}

fn a_baseline_is_prepared_and_a_new_column_is_noticed(server: &Server) {
    let baselines = server
        .baseline("my_masked", USERS)
        .replace("synthetic: {by: seeds}", "sanitized: {by: masking-job, maxAge: 7d}");
    let lab = server.lab("masked", &baselines);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).refused("was never prepared");
    assert_eq!(server.left("masked"), "");
    lab.prepare_baseline(&[]).fine();
    let write = sql_on(&server.url, "INSERT INTO my_masked.users (name) VALUES ('live')");
    assert_eq!(write.is_err(), !server.is_mariadb(), "{write:?}");
    lab.db("provision", 1, &[]).fine();
    sql_on(&lab.url(1), "INSERT INTO users (name) VALUES ('mine')").unwrap();
    lab.db("destroy", 1, &[]).fine();
    let thaw = if server.is_mariadb() { "" } else { "ALTER DATABASE my_masked READ ONLY = 0; " };
    server.sql(&format!("{thaw}ALTER TABLE my_masked.users ADD ssn TEXT"));
    lab.db("provision", 1, &[]).refused("has other columns than when it was sanitized");
    lab.prepare_baseline(&[]).fine();
    lab.db("provision", 1, &[]).fine();
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("masked"), "");
}

/// Whatever somebody wrote there, or another dayfly: all others are swept, and somebody is told.
fn a_row_that_nobody_can_read_keeps_no_others_from_being_swept(server: &Server) {
    let lab = server.lab("unread", &server.baseline("my_unread", USERS));
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let alone = registry();
    server.sql(
        "REPLACE INTO dayfly.branches VALUES ('unread', 'unread', 'unread_db', 'unread_user', 'unread', '{', 0, NULL, NULL)",
    );
    let what = format!(
        "{} of `shop`: the mark of `unread` in `dayfly.branches` cannot be read, so that nobody renews or reclaims it: if no newer dayfly made it, mend the row, or drop the database `unread_db`, the user `unread_user` and then the row: EOF",
        server.provider
    );
    let run = lab.dayfly(&["db", "list", "--guardrails", &lab.guardrails_path()]).failed(&what);
    assert!(run.out.contains(&lab.environment(1)), "{}", run.out);
    lab.only_orphans(&lab.environment(1));
    lab.dayfly(&["db", "sweep", "--guardrails", &lab.guardrails_path(), "--alive", "alive", "--apply"]).failed(&what);
    assert_eq!(server.left("unread"), "");
    server.sql("DELETE FROM dayfly.branches WHERE id = 'unread'");
    drop(alone);
}

/// Its marker says that nobody wrote to it since.
#[test]
fn a_baseline_that_cannot_be_prepared_is_as_frozen_as_it_was() {
    let server = Server::new("mysql", "DAYFLY_TEST_MYSQL");
    let baselines = server.baseline("my_frozen", USERS);
    let lab = server.lab("frozen", &baselines);
    let prepare = || lab.prepare_baseline(&[]);
    let write = || sql_on(&server.url, "INSERT INTO my_frozen.users (name) VALUES ('live')");
    let records = "CREATE TABLE my_frozen._dayfly_runs (x INT)";
    server.sql(records);
    prepare().refused("has the records of a branch");
    write().unwrap();
    server.sql("DROP TABLE my_frozen._dayfly_runs");
    prepare().fine();
    server.sql(&format!("ALTER DATABASE my_frozen READ ONLY = 0; {records}; ALTER DATABASE my_frozen READ ONLY = 1"));
    prepare().refused("has the records of a branch");
    assert!(write().unwrap_err().contains("read only"));
}

/// Reading all of it may take hours.
#[test]
fn an_administrator_who_cannot_freeze_a_baseline_is_told_before_it_is_read() {
    let server = Server::new("mysql", "DAYFLY_TEST_MYSQL");
    let baselines = server.baseline("my_unaltered", USERS);
    let admin = documented_administrator(&server, "unaltering", "my_unaltered");
    let lab = server.lab_as("unaltered", &baselines, &admin);
    let prepare = || lab.prepare_baseline(&[]);
    server.sql("GRANT CREATE, INSERT, DELETE ON my_unaltered.* TO unaltering");
    let said = prepare().failed("the administrator needs ALTER on the baseline").err;
    assert!(!said.contains("columns"), "{said}");
    server.sql("GRANT ALTER ON my_unaltered.* TO unaltering");
    for _ in 0..2 {
        prepare().fine();
    }
    server.sql("DROP USER unaltering");
}

/// As its machine dies.
#[test]
fn a_baseline_that_is_prepared_again_stays_read_only() {
    let server = Server::new("mysql", "DAYFLY_TEST_MYSQL");
    // Looking at so many tables takes a moment.
    let tables: String =
        (0..150).map(|n| format!("CREATE TABLE t{n} (note TEXT); INSERT INTO t{n} VALUES ('likes tea');")).collect();
    let baselines = server
        .baseline("my_again", &tables)
        .replace("synthetic: {by: seeds}", "sanitized: {by: masking-job, maxAge: 7d}");
    let lab = server.lab("again", &baselines);
    lab.prepare_baseline(&[]).fine();
    let write = || sql_on(&server.url, "INSERT INTO my_again.t1 VALUES ('live')").unwrap_err();
    let mut call = lab.prepare_command(&[]);
    let mut preparation = call.stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(preparation.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(said.any(|line| line.contains("150 columns, schema digest")));
    assert!(write().contains("read only"), "somebody may write while it is prepared");
    preparation.kill().unwrap();
    preparation.wait().unwrap();
    assert!(write().contains("read only"));
    lab.prepare_baseline(&[]).fine();
    assert!(write().contains("read only"));
}

#[test]
fn whoever_asks_for_encryption_gets_a_verified_server() {
    let server = Server::new("mysql", "DAYFLY_TEST_MYSQL");
    let baselines = server.baseline("my_tls", USERS);
    let authority = service("DAYFLY_TEST_MYSQL_CA");
    let lab = |query: &str| {
        let lab = server.lab_as("tls", &baselines, &format!("{}?{query}", server.url));
        lab.spec(1, "shop", "");
        lab
    };
    for mode in ["REQUIRED", "VERIFY_CA", "verify-identity"] {
        let run = lab(&format!("ssl-mode={mode}")).db("provision", 1, &[]);
        assert!(run.code == Some(2) && run.err.contains("certificate"), "{}", run.err);
    }
    let run = lab("ssl-mode=maybe").db("provision", 1, &[]);
    assert!(run.code == Some(2) && run.err.contains("VERIFY_IDENTITY"), "{}", run.err);
    for query in ["ssl-mode=DISABLED".to_owned(), format!("ssl-mode=VERIFY_IDENTITY&ssl-ca={authority}")] {
        let lab = lab(&query);
        lab.db("provision", 1, &[]).fine();
        assert!(lab.url(1).ends_with(&query), "the branch's own login is as safe as the administrator's");
        lab.db("verify", 1, &[]).fine();
        lab.db("destroy", 1, &[]).fine();
    }
    let mariadb = Server::new("mariadb", "DAYFLY_TEST_MARIADB");
    let baselines = mariadb.baseline("my_tls", USERS);
    let lab = mariadb.lab_as("tls", &baselines, &format!("{}?ssl-mode=REQUIRED", mariadb.url));
    lab.spec(1, "shop", "");
    let run = lab.db("provision", 1, &[]);
    assert!(run.code == Some(2) && run.err.contains("does not have this capability"), "{}", run.err);
    assert_eq!(server.left("tls"), "");
}

fn a_failed_migration_gets_a_fresh_branch_and_the_same_login(server: &Server) {
    let baselines = server.baseline("my_failed", USERS);
    let lab = server.lab("failed", &baselines);
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let url = lab.url(1);
    let flag = lab.path("flag").display().to_string();
    let once =
        format!("{}; test -e {flag} || {{ touch {flag}; exit 1; }}", migration("ALTER TABLE users ADD mail TEXT"));
    lab.db("migrate", 1, &["--", "sh", "-c", &once]).fine();
    assert_eq!(lab.url(1), url, "a Job that waits for the fresh branch has this login");
    assert_eq!(sql_on(&url, "SELECT COUNT(mail), COUNT(*) FROM users").unwrap(), "0\t1");
    lab.db("migrate", 1, &["--", "sh", "-c", "exit 3"]).refused("on a fresh branch too");
    lab.db("destroy", 1, &[]).fine();
    assert_eq!(server.left("failed"), "");
}

/// The user of a branch that is made anew has a password that was published before.
fn a_branch_made_anew_is_checked_before_its_old_login_enters(server: &Server) {
    // Looking at so many tables takes a moment.
    let tables: String =
        (0..150).map(|n| format!("CREATE TABLE t{n} (note TEXT); INSERT INTO t{n} VALUES ('likes tea');")).collect();
    let baselines = server
        .baseline("my_anew", &tables)
        .replace("synthetic: {by: seeds}", "sanitized: {by: masking-job, maxAge: 7d}");
    let lab = server.lab("anew", &baselines);
    lab.prepare_baseline(&[]).fine();
    lab.spec(1, "shop", "");
    lab.db("provision", 1, &[]).fine();
    let url = lab.url(1);
    sql_on(&url, "CREATE TABLE old (id INT)").unwrap();
    let (said, migrate) = lab.told("migrate", 1, &["--", "false"]);
    let there = "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = 'old'";
    while sql_on(&url, there).as_deref() != Ok("0") {
        thread::sleep(Duration::from_millis(10));
    }
    assert!(said().contains("looked at 150 values"), "{}", said());
    ended(migrate);
    assert!(said().contains("on a fresh branch too"), "{}", said());

    // What is refused goes, with all that led to it.
    let thaw = if server.is_mariadb() { "" } else { "ALTER DATABASE my_anew READ ONLY = 0; " };
    server.sql(&format!("{thaw}ALTER TABLE my_anew.t1 ADD passport TEXT"));
    lab.db("migrate", 1, &["--", "true"]).refused("other columns than when it was sanitized");
    assert_eq!(server.left("anew"), "");
    assert!(sql_on(&url, "SELECT 1").is_err() && !lab.env_file(1).exists());
}
