//! PostgreSQL's own client.

use std::process::Command;

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

/// User and password, as a URL has them.
pub(crate) fn login(url: &str) -> &str {
    url.split_once("://").unwrap().1.rsplit_once('@').unwrap().0
}

pub(crate) fn password(url: &str) -> &str {
    login(url).split_once(':').unwrap().1
}
