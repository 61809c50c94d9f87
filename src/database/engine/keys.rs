//! The keys that lead to providers: the environment's variables that hold them, and what a refused one is told as.

use std::fmt;

use anyhow::{Context as _, Result};
use reqwest::StatusCode;

use super::{ConnectionUrl, aurora, crunchy_bridge, dblab, neon, planetscale, supabase};
use crate::{
    database::{http, spec::BaselineSpec},
    input::guardrails::Provider,
};

/// A variable with something in it.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// The administrator of a server of one's own, as a URL.
const ADMIN_URL: &str = "DAYFLY_DATABASE_ADMIN_URL";

/// A baseline on a second server has a variable of its own: `DAYFLY_DATABASE_ADMIN_URL_STOREFRONT`.
fn admin_variable(baseline: &str) -> String {
    format!("{ADMIN_URL}_{}", baseline.to_uppercase().replace('-', "_"))
}

/// The variable that has a baseline's administrator here.
fn admin_key(baseline: &str) -> String {
    let own = admin_variable(baseline);
    if variable(&own).is_some() { own } else { ADMIN_URL.to_owned() }
}

/// The administrator's URL of a baseline's server.
pub(super) fn admin_url(baseline: &str) -> Result<ConnectionUrl> {
    let name = admin_key(baseline);
    let text = variable(&name).with_context(|| {
        format!("neither {ADMIN_URL} nor {} is set, the URL of its server's administrator", admin_variable(baseline))
    })?;
    ConnectionUrl::parse(&text, &name)
}

/// A provider's key.
pub(super) fn key(name: &str) -> Result<String> {
    variable(name).map(|key| key.trim().to_owned()).with_context(|| format!("{name} is not set, its provider's key"))
}

/// The environment variables with a provider's key.
fn keys(baseline: &BaselineSpec<'_>) -> Vec<String> {
    match baseline.entry.provider {
        Provider::Postgres | Provider::Mysql | Provider::Mariadb => vec![admin_key(&baseline.name)],
        Provider::Aurora => aurora::keys().into_iter().chain([admin_key(&baseline.name)]).collect(),
        Provider::CrunchyBridge => vec![crunchy_bridge::KEY.to_owned()],
        Provider::Supabase => {
            let admin = Some(admin_key(&baseline.name)).filter(|name| variable(name).is_some());
            admin.into_iter().chain([supabase::TOKEN.to_owned()]).collect()
        }
        Provider::Dblab => vec![dblab::TOKEN.to_owned()],
        Provider::Neon => vec![neon::KEY.to_owned()],
        Provider::Planetscale => planetscale::KEYS.map(str::to_owned).to_vec(),
        Provider::Embedded | Provider::Cnpg => Vec::new(),
    }
}

/// Those that lead to what has all branches: a server, or else an account, where an administrator is one baseline's.
pub fn account_keys(baseline: &BaselineSpec<'_>) -> Vec<String> {
    let mut keys = keys(baseline);
    if !matches!(baseline.entry.provider, Provider::Postgres | Provider::Mysql | Provider::Mariadb) {
        keys.retain(|key| !key.starts_with(ADMIN_URL));
    }
    keys
}

/// Those that are the same for months: what signs in at AWS may last an hour.
pub fn lasting_keys(baseline: &BaselineSpec<'_>) -> Vec<String> {
    if baseline.entry.provider == Provider::Aurora { vec![admin_key(&baseline.name)] } else { account_keys(baseline) }
}

/// Whether this process has the key of a baseline's provider. Jobs with the team's own program don't.
pub fn has_key(baseline: &BaselineSpec<'_>) -> bool {
    keys(baseline).iter().all(|name| variable(name).is_some())
}

/// Whether a variable is not for the team's programs: it is some baseline's key, since a shell may have those of others too.
/// AWS's are for all that a team does there, and so withheld where the cluster is Aurora's only.
pub fn is_withheld(baseline: &BaselineSpec<'_>, name: &str) -> bool {
    let single = [crunchy_bridge::KEY, supabase::TOKEN, dblab::TOKEN, neon::KEY];
    single.contains(&name)
        || planetscale::KEYS.contains(&name)
        || name.starts_with(ADMIN_URL)
        || (baseline.entry.provider == Provider::Aurora && aurora::SIGN_IN.contains(&name))
}

/// A login that was published, with the file of authorities that the administrator's URL names in this process.
pub fn from_here(baseline: &BaselineSpec<'_>, url: ConnectionUrl) -> Result<ConnectionUrl> {
    let has_admin = keys(baseline).contains(&admin_key(&baseline.name)) && has_key(baseline);
    Ok(if has_admin { url.with_authorities_of(&admin_url(&baseline.name)?) } else { url })
}

/// A server that does not take its administrator's login, beside its own words.
#[derive(Debug)]
pub struct AdminRefused(String);

impl AdminRefused {
    /// `admin`: where the login was refused; its password is not told.
    pub fn new(admin: &ConnectionUrl) -> Self {
        Self(format!("the server refuses the administrator {admin}"))
    }
}

impl fmt::Display for AdminRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An error, with what to do about it where a provider refuses the baseline's key.
pub fn with_key(baseline: &BaselineSpec<'_>, error: anyhow::Error) -> anyhow::Error {
    let refused = [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN];
    let (admin, page) = (admin_key(&baseline.name), page(baseline.entry.provider));
    if error.is::<AdminRefused>() && keys(baseline).contains(&admin) {
        // A name, a certificate or an address may be wrong as well: the server's own words follow.
        return error.context(format!(
            "the URL in {admin} does not open the server of the baseline `{}` (docs/databases/{page}.md has what its login needs)",
            baseline.name
        ));
    }
    if !http::status(&error).is_some_and(|status| refused.contains(&status)) {
        return error;
    }
    error.context(format!(
        "{} does not take the key in {} for the baseline `{}`: set one with the rights that docs/databases/{page}.md lists",
        baseline.entry.provider.name(),
        account_keys(baseline).join(" and "),
        baseline.name,
    ))
}

/// The page about a provider in docs/databases.
pub(in crate::database) fn page(provider: Provider) -> &'static str {
    // One for both.
    if provider == Provider::Mariadb { Provider::Mysql.name() } else { provider.name() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shells_keys_are_known_by_their_names() {
        let baseline = |provider: &str| -> BaselineSpec<'static> {
            let json = format!(r#"{{"name":"shop","provider":"{provider}","synthetic":{{"by":"seeds"}}}}"#);
            serde_json::from_str(&json).unwrap()
        };
        let (own, aurora) = (baseline("postgres"), baseline("aurora"));
        let admins = ["DAYFLY_DATABASE_ADMIN_URL", "DAYFLY_DATABASE_ADMIN_URL_CRM"];
        let single = [neon::KEY, supabase::TOKEN, crunchy_bridge::KEY, dblab::TOKEN];
        for name in admins.iter().chain(&single).chain(&planetscale::KEYS) {
            assert!(is_withheld(&own, name), "{name}");
        }
        for name in ["DATABASE_URL", "PATH"] {
            assert!(!is_withheld(&aurora, name), "{name}");
        }
        // Both kinds of login to AWS, whichever of them dayfly takes.
        for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"] {
            assert!(is_withheld(&aurora, name) && !is_withheld(&own, name), "{name}");
        }
    }

    #[test]
    fn a_refused_key_is_named() {
        let json = r#"{"name":"shop","provider":"neon","project":"p","parent":"br-1","synthetic":{"by":"seeds"}}"#;
        let baseline: BaselineSpec<'_> = serde_json::from_str(json).unwrap();
        let answer = |status| {
            let (method, path) = (reqwest::Method::GET, "/projects/p".to_owned());
            http::ApiError { method, path, status, code: String::new(), message: String::new() }.into()
        };
        let said = |status| format!("{:#}", with_key(&baseline, answer(status)));
        for status in [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN] {
            let said = said(status);
            assert!(said.starts_with("neon does not take the key in NEON_API_KEY for the baseline `shop`: "), "{said}");
            assert!(said.contains("docs/databases/neon.md") && said.contains("GET /projects/p answers"), "{said}");
        }
        assert!(said(StatusCode::NOT_FOUND).starts_with("GET "));
    }

    #[test]
    fn an_administrators_refused_url_is_named() {
        let admin = ConnectionUrl::parse("mysql://brancher:secret@db:3306/", "test").unwrap();
        for (provider, page) in
            [("postgres", "postgres"), ("mysql", "mysql"), ("mariadb", "mysql"), ("aurora", "aurora")]
        {
            let json =
                format!(r#"{{"name":"shop","provider":"{provider}","database":"d","synthetic":{{"by":"seeds"}}}}"#);
            let baseline: BaselineSpec<'_> = serde_json::from_str(&json).unwrap();
            let error = anyhow::anyhow!("password authentication failed").context(AdminRefused::new(&admin));
            let expected = format!(
                "the URL in DAYFLY_DATABASE_ADMIN_URL does not open the server of the baseline `shop` (docs/databases/{page}.md has what its login needs): the server refuses the administrator mysql://brancher@db:3306/: password authentication failed"
            );
            assert_eq!(format!("{:#}", with_key(&baseline, error)), expected);
        }
    }
}
