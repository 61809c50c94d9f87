//! PostgreSQL's own client.

use std::{
    io::Write as _,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// Runs SQL, and gives its rows: fields with `|` between, a row a line. `Err`: what psql said.
pub(crate) fn psql(url: &str, sql: &str) -> Result<String, String> {
    let output = Command::new("psql")
        .args([
            url,
            "--no-psqlrc",
            "--quiet",
            "--tuples-only",
            "--no-align",
            "--set",
            "ON_ERROR_STOP=1",
            "--command",
            sql,
        ])
        .env("PGCONNECT_TIMEOUT", "10")
        .output()
        .expect("psql");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_owned();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

/// Runs SQL as a file is run: in one session, a statement after another.
pub(crate) fn run_sql(url: &str, sql: &str) -> Result<(), String> {
    let mut call = Command::new("psql");
    call.args([url, "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", "-"]);
    let mut child = call.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("psql");
    child.stdin.take().unwrap().write_all(sql.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Waits until a login has that many sessions, beside the one that asks.
#[track_caller]
pub(crate) fn until_others(url: &str, count: usize) {
    // Not by its query: what a session runs is told to its own role only, and a branch's login acts as another.
    let others = "SELECT count(*) FROM pg_stat_activity WHERE usename = session_user AND pid <> pg_backend_pid()";
    until(|| psql(url, others).unwrap() == count.to_string(), "the sessions never came");
}

/// Waits for something that comes within seconds.
#[track_caller]
pub(crate) fn until(mut is_so: impl FnMut() -> bool, else_said: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "{else_said}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether whoever has this login reads something at any moment of `work`.
pub(crate) fn psql_meanwhile(url: &str, sql: &str, work: impl FnOnce()) -> bool {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = std::iter::repeat_with(|| psql(url, sql).is_ok());
            reads.find(|was_read| *was_read || is_over.load(Ordering::Relaxed)).unwrap()
        });
        work();
        is_over.store(true, Ordering::Relaxed);
        reader.join().unwrap()
    })
}

/// A baseline in which live rows were masked or removed after the planner had looked at them.
pub(crate) const MASKED_IN_PLACE: &str =
    "CREATE TABLE people AS SELECT n AS id, 'ada' || n % 7 || '@corp.test' AS mail FROM generate_series(1, 500) n;
    CREATE TABLE logins AS SELECT * FROM people; ANALYZE people; ANALYZE logins;
    UPDATE people SET mail = 'person' || id || '@example.com'; DELETE FROM logins";

/// The same server and login, another database.
pub(crate) fn with_database(url: &str, database: &str) -> String {
    let (head, query) = url.split_once('?').map_or((url, String::new()), |(head, query)| (head, format!("?{query}")));
    let (server, _) = head.rsplit_once('/').expect("a database in the URL");
    format!("{server}/{database}{query}")
}

/// The same server and database, another login.
pub(crate) fn with_login(url: &str, user: &str, password: &str) -> String {
    let (scheme, rest) = url.split_once("//").expect("a URL");
    let host = rest.split_once('@').map_or(rest, |(_, host)| host);
    format!("{scheme}//{user}:{password}@{host}")
}

/// The database's name in a URL.
pub(crate) fn database(url: &str) -> &str {
    url.rsplit_once('/').unwrap().1.split('?').next().unwrap()
}

/// User and password, as a URL has them.
pub(crate) fn login(url: &str) -> &str {
    url.split_once("://").unwrap().1.rsplit_once('@').unwrap().0
}

pub(crate) fn user(url: &str) -> &str {
    login(url).split(':').next().unwrap()
}

pub(crate) fn password(url: &str) -> &str {
    login(url).split_once(':').unwrap().1
}

/// A session that does nothing for as long as it is let.
pub(crate) struct Idle(Child);

impl Idle {
    pub(crate) fn of(url: &str) -> Self {
        Self::after(url, &[])
    }

    /// The same, after some statements.
    pub(crate) fn after(url: &str, statements: &[&str]) -> Self {
        let commands = statements.iter().chain(&["SELECT pg_sleep(600)"]).flat_map(|sql| ["--command", sql]);
        let mut call = Command::new("psql");
        call.args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"]).args(commands).arg(url);
        let child = call.stderr(Stdio::null()).spawn().expect("psql");
        // A branch's role works as another, which is not told what its sessions do.
        let there = "SET ROLE NONE; SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND wait_event = 'PgSleep' AND usename = session_user";
        until(|| psql(url, there).unwrap() != "0", "the session does not begin");
        Self(child)
    }

    /// It ended, and not by itself.
    #[track_caller]
    pub(crate) fn ended(mut self) {
        let end = Instant::now() + Duration::from_secs(5);
        while self.0.try_wait().unwrap().is_none() {
            assert!(Instant::now() < end, "the session goes on");
            thread::sleep(Duration::from_millis(20));
        }
        assert!(!self.0.wait().unwrap().success());
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The lock that keeps a branch's Jobs apart, in another's hands.
pub(crate) struct Held<'a> {
    server: &'a str,
    lock: String,
    session: Idle,
}

impl<'a> Held<'a> {
    pub(crate) fn of(server: &'a str, branch: &str) -> Self {
        let lock = format!("hashtextextended('dayfly:{branch}', 0)");
        let session = Idle::after(server, &[&format!("SELECT pg_advisory_lock({lock})")]);
        while psql(server, &format!("SELECT pg_try_advisory_lock({lock})")).unwrap() == "t" {
            thread::sleep(Duration::from_millis(20));
        }
        Self { server, lock, session }
    }

    pub(crate) fn release(self) {
        let holder = format!(
            "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
               AND (classid::int8 << 32) | objid::int8 = {}",
            self.lock
        );
        psql(self.server, &holder).unwrap();
        self.session.ended();
    }
}
