//! Where a database is, and the login: a URL that never shows its password by accident.

use std::fmt;

use anyhow::{Context as _, bail};
use reqwest::Url;

/// `postgres://user:password@host:5432/name?sslmode=require`, or `mysql://…`.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionUrl(Url);

impl ConnectionUrl {
    /// Reads a URL. `from` says where it comes from, since the text itself is never shown.
    pub fn parse(text: &str, from: &str) -> anyhow::Result<Self> {
        let url = Url::parse(text.trim()).map_err(|error| {
            anyhow::anyhow!("{from} is no URL ({error}): write `postgres://USER:PASSWORD@HOST:PORT/DATABASE`")
        })?;
        if !matches!(url.scheme(), "postgres" | "postgresql" | "mysql" | "mariadb") {
            bail!("{from} begins with `{}:`, which is neither `postgres:` nor `mysql:`", url.scheme());
        }
        url.host_str().filter(|host| !host.is_empty()).with_context(|| format!("{from} names no host"))?;
        Ok(Self(url))
    }

    /// The same server with another login and database. Parameters stay (`sslmode`).
    pub fn with_login(&self, user: &str, password: &str, database: &str) -> Self {
        let mut url = self.0.clone();
        // A URL with a host takes both.
        let _ = url.set_username(user);
        let _ = url.set_password(Some(password));
        url.set_path(database);
        Self(url)
    }

    /// The same server and login, another database.
    pub fn with_database(&self, database: &str) -> Self {
        let mut url = self.0.clone();
        url.set_path(database);
        Self(url)
    }

    /// The same login, database and parameters at another server.
    pub fn with_server(&self, host: &str, port: u16) -> anyhow::Result<Self> {
        let mut url = self.0.clone();
        url.set_host(Some(host)).with_context(|| format!("`{host}` is no host"))?;
        let _ = url.set_port(Some(port));
        Ok(Self(url))
    }

    /// The same login and database at another host.
    pub fn with_host(&self, host: &str) -> Option<Self> {
        let mut url = self.0.clone();
        url.set_host(Some(host)).ok()?;
        Some(Self(url))
    }

    /// The URL with its password: for a Secret, a child process, a driver. Never for a message.
    pub fn reveal(&self) -> &str {
        self.0.as_str()
    }

    pub fn is_mysql(&self) -> bool {
        matches!(self.0.scheme(), "mysql" | "mariadb")
    }

    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    pub fn port(&self) -> u16 {
        self.0.port().unwrap_or(if self.is_mysql() { 3306 } else { 5432 })
    }

    pub fn user(&self) -> String {
        decoded(self.0.username())
    }

    pub fn password(&self) -> String {
        decoded(self.0.password().unwrap_or_default())
    }

    pub fn database(&self) -> String {
        decoded(self.0.path().trim_start_matches('/'))
    }

    /// A parameter such as `sslmode`.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.0.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// All parameters.
    pub fn parameters(&self) -> Vec<(String, String)> {
        self.0.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Without the password: `postgres://user@host:5432/name`.
impl fmt::Display for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}@{}:{}/{}", self.0.scheme(), self.user(), self.host(), self.port(), self.database())
    }
}

#[cfg(test)]
mod tests {
    use super::ConnectionUrl;

    #[test]
    fn never_shows_a_password() {
        let url = ConnectionUrl::parse("postgres://admin:s3cr%40t@db.example:6432/shop?sslmode=require", "X").unwrap();
        assert_eq!(
            format!("{url} {url:?}"),
            "postgres://admin@db.example:6432/shop postgres://admin@db.example:6432/shop"
        );
        assert_eq!((url.password().as_str(), url.port()), ("s3cr@t", 6432));
        let other = url.with_login("pr_1", "p/w", "pr_1_db");
        assert_eq!(other.reveal(), "postgres://pr_1:p%2Fw@db.example:6432/pr_1_db?sslmode=require");
        let error = ConnectionUrl::parse("postgres//admin:s3cret@db", "X").unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }
}
