//! Where a database is, and the login: a URL that never shows its password by accident.

use std::{fmt, path::PathBuf};

use anyhow::{Context as _, bail};
use reqwest::Url;

/// `postgres://user:password@host:5432/name?sslmode=require`, or `mysql://…`.
///
/// A path means nothing to another machine, so what names a file is no part of it: the file with the server's authorities is
/// kept beside it, and the others, which are a login's own, are left out. dayfly signs in with passwords alone.
#[derive(Clone, PartialEq, Eq)]
pub struct ConnectionUrl {
    url: Url,
    /// `sslrootcert=FILE`, as it was written.
    authorities: Option<String>,
}

/// What is shown in a secret's place.
pub(super) const HIDDEN: &str = "***";

/// Parameters with the file of the server's authorities: libpq's, MySQL's.
const AUTHORITIES: [&str; 2] = ["sslrootcert", "ssl-ca"];

/// Other parameters that name a file on this machine, or the secret of one.
const FILES: [&str; 14] = [
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslidentity",
    "sslcrl",
    "sslcrldir",
    "sslkeylogfile",
    "passfile",
    "service",
    "servicefile",
    "ssl-cert",
    "ssl-key",
    "ssl-capath",
    "ssl-crl",
];

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
        Ok(Self { url, authorities: None }.without_files())
    }

    fn without_files(mut self) -> Self {
        let query = self.url.query().unwrap_or_default().to_owned();
        // libpq's word for the system's own authorities.
        let (files, kept): (Vec<&str>, Vec<&str>) = query
            .split('&')
            .filter(|pair| !FILES.contains(&name(pair)))
            .partition(|pair| AUTHORITIES.contains(&name(pair)) && !pair.ends_with("=system"));
        self.authorities = files.first().map(|&pair| pair.to_owned());
        let kept = kept.join("&");
        self.url.set_query(Some(&*kept).filter(|kept| !kept.is_empty()));
        self
    }

    /// The same, where the server's authorities are in the file that another URL of the server names.
    pub fn with_authorities_of(self, other: &Self) -> Self {
        Self { authorities: other.authorities.clone().or(self.authorities), ..self }
    }

    /// The file with the server's authorities.
    pub fn authorities(&self) -> Option<PathBuf> {
        let (_, file) = self.authorities.as_ref()?.split_once('=')?;
        Some(decoded(file).into())
    }

    /// The same server with another login and database. Parameters stay (`sslmode`).
    pub fn with_login(&self, user: &str, password: &str, database: &str) -> Self {
        let mut other = self.with_database(database);
        // A URL with a host takes both, and encodes all but the `%` that what is encoded begins with.
        let _ = other.url.set_username(&user.replace('%', "%25"));
        let _ = other.url.set_password(Some(&password.replace('%', "%25")));
        other
    }

    /// The same server and login, another database.
    pub fn with_database(&self, database: &str) -> Self {
        let mut other = self.clone();
        other.url.set_path(database);
        other
    }

    /// The same login, database and parameters at another server.
    pub fn with_server(&self, host: &str, port: u16) -> anyhow::Result<Self> {
        let mut other = self.with_host(host).with_context(|| format!("`{host}` is no host"))?;
        let _ = other.url.set_port(Some(port));
        Ok(other)
    }

    /// The same login and database at another host.
    pub fn with_host(&self, host: &str) -> Option<Self> {
        let mut other = self.clone();
        other.url.set_host(Some(host)).ok()?;
        Some(other)
    }

    /// The URL with its password, for any machine: for a Secret. Never for a message.
    pub fn reveal(&self) -> &str {
        self.url.as_str()
    }

    /// The same for this machine, with the file of the server's authorities: for a child process, or a file beside it.
    pub fn reveal_here(&self) -> String {
        let mut url = self.url.clone();
        if let Some(authorities) = &self.authorities {
            let others = url.query().map(|query| format!("{query}&")).unwrap_or_default();
            url.set_query(Some(&format!("{others}{authorities}")));
        }
        url.into()
    }

    /// Whether the server speaks MySQL's protocol; else PostgreSQL's.
    pub fn is_mysql(&self) -> bool {
        matches!(self.url.scheme(), "mysql" | "mariadb")
    }

    /// The host, as programs want it: an IPv6 address without brackets.
    pub fn host(&self) -> &str {
        self.written_host().trim_matches(['[', ']'])
    }

    /// The same as URLs have it.
    fn written_host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// The port, or the usual one.
    pub fn port(&self) -> u16 {
        self.url.port().unwrap_or(if self.is_mysql() { 3306 } else { 5432 })
    }

    /// The login's name.
    pub fn user(&self) -> String {
        decoded(self.url.username())
    }

    /// The login's password. Never for a message.
    pub fn password(&self) -> String {
        decoded(self.url.password().unwrap_or_default())
    }

    /// The database's name; empty if the URL names none.
    pub fn database(&self) -> String {
        decoded(self.url.path().trim_start_matches('/'))
    }

    /// Whose it is, and where: `user@host:5432/name`, encoded as in the URL.
    pub fn place(&self) -> String {
        format!("{}@{}:{}{}", self.url.username(), self.written_host(), self.port(), self.url.path())
    }

    /// A text without this URL and its password, however they are spelled in it: the same when the password is another one.
    pub fn concealed(&self, text: &str) -> String {
        let mut text = text.replace(&self.reveal_here(), HIDDEN).replace(self.reveal(), HIDDEN);
        let password = self.password();
        let encoded = percent_encoding::utf8_percent_encode(&password, percent_encoding::NON_ALPHANUMERIC).to_string();
        for spelled in [self.url.password().unwrap_or_default(), &encoded, &password] {
            if !spelled.is_empty() {
                text = text.replace(spelled, HIDDEN);
            }
        }
        text
    }

    /// A parameter such as `sslmode`.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }
}

fn decoded(text: &str) -> String {
    percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// Of a parameter as it was written.
fn name(pair: &str) -> &str {
    pair.split('=').next().unwrap_or_default()
}

impl fmt::Debug for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Without the password: `postgres://user@host:5432/name`.
impl fmt::Display for ConnectionUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}@{}:{}/{}", self.url.scheme(), self.user(), self.written_host(), self.port(), self.database())
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
        let percents = url.with_login("pr%1", "a%41b%zz%", "shop");
        assert_eq!((&*percents.user(), &*percents.password()), ("pr%1", "a%41b%zz%"));
        let address = ConnectionUrl::parse("postgres://a:b@[fd00::1]/shop", "X").unwrap();
        assert_eq!((address.host(), &*address.place()), ("fd00::1", "a@[fd00::1]:5432/shop"));
        assert_eq!(address.to_string(), "postgres://a@[fd00::1]:5432/shop");
        let error = ConnectionUrl::parse("postgres//admin:s3cret@db", "X").unwrap_err().to_string();
        assert!(!error.contains("s3cret"), "{error}");
    }

    #[test]
    fn a_command_is_shown_without_it() {
        let concealed = |password: &str| {
            let url = ConnectionUrl::parse("postgres://pr:x@db/shop", "X").unwrap().with_login("pr", password, "shop");
            let encoded = percent_encoding::utf8_percent_encode(password, percent_encoding::NON_ALPHANUMERIC);
            url.concealed(&format!(
                "up {} -p{password} --password={encoded} @{}",
                url.reveal(),
                url.url.password().unwrap()
            ))
        };
        assert_eq!(concealed("s3c/r@t-A1"), "up *** -p*** --password=*** @***");
        assert_eq!(concealed("an0ther_one"), concealed("s3c/r@t-A1"));
    }

    #[test]
    fn names_no_file_elsewhere() {
        let text = "postgres://admin:s@db/shop?sslmode=verify-full&sslrootcert=/etc/ca.crt&sslcert=a&sslkey=b&sslpassword=c&passfile=d&service=e&options=-c%20x%3D1";
        let url = ConnectionUrl::parse(text, "X").unwrap().with_login("pr", "p", "pr_db");
        assert_eq!(url.authorities(), Some("/etc/ca.crt".into()));
        assert_eq!(url.reveal(), "postgres://pr:p@db/pr_db?sslmode=verify-full&options=-c%20x%3D1");
        assert_eq!(url.reveal_here(), format!("{}&sslrootcert=/etc/ca.crt", url.reveal()));
        assert_eq!(ConnectionUrl::parse(&url.reveal_here(), "X").unwrap(), url);
        let elsewhere = ConnectionUrl::parse(url.reveal(), "X").unwrap();
        assert_eq!((elsewhere.authorities(), elsewhere.with_authorities_of(&url) == url), (None, true));

        let url = ConnectionUrl::parse("mysql://a:b@db/shop?ssl-ca=ca.pem&ssl-key=key.pem", "X").unwrap();
        assert_eq!((url.reveal(), url.authorities()), ("mysql://a:b@db/shop", Some("ca.pem".into())));
        for same in ["postgres://a:b@db/shop?sslrootcert=system", "postgres://a:b@db/shop?options=-c%20x%3D1"] {
            assert_eq!(ConnectionUrl::parse(same, "X").unwrap().reveal_here(), same);
        }
    }
}
