//! Passwords of MySQL branches, roles of PostgreSQL ones. Their secret is in the answer that made them, and in no other.

use anyhow::{Context as _, Result};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Kind, PlanetScale, Row, names::PREFIX};
use crate::database::{
    connection::ConnectionUrl,
    http::{part, status},
};

/// Of a login to the parent, and for how many seconds it lives: as long as a baseline may take to be prepared.
const PREPARE: (&str, u64) = ("dayfly-prepare-baseline", 4 * 3600);

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Credential {
    id: String,
    pub(super) name: String,
    pub(super) expires_at: Option<String>,
    username: String,
}

impl Credential {
    pub(super) fn is_ours(&self) -> bool {
        self.name.starts_with(PREFIX) && self.name != PREPARE.0
    }
}

impl Kind {
    fn collection(self) -> &'static str {
        match self {
            Self::Mysql => "/passwords",
            Self::Postgresql => "/roles",
        }
    }
}

impl PlanetScale {
    fn credential_path(&self, row: &Row, rest: &str) -> String {
        self.branch_path(&row.name, &format!("{}{rest}", row.kind.collection()))
    }

    pub(super) async fn credentials(&self, row: &Row) -> Result<Vec<Credential>> {
        match self.all(&self.credential_path(row, "")).await {
            // The branch went meanwhile.
            Err(error) if status(&error) == Some(StatusCode::NOT_FOUND) => Ok(Vec::new()),
            credentials => credentials,
        }
    }

    /// A login that nobody had before, for `seconds` unless it is renewed. Those that are there stay.
    pub(super) async fn new_login(&self, row: &Row, name: &str, seconds: u64) -> Result<ConnectionUrl> {
        let made = self.make(row, name, seconds).await?;
        self.url(row, &made)
    }

    /// Ends the logins of an owner but one: another Job's, those whose answer was lost, and those of another baseline.
    pub(super) async fn revoke_but(&self, row: &Row, owner: &str, user: &str) -> Result<()> {
        for credential in self.credentials(row).await? {
            if credential.name.starts_with(owner) && credential.username != user {
                self.revoke(row, &credential).await?;
            }
        }
        Ok(())
    }

    async fn make(&self, row: &Row, name: &str, seconds: u64) -> Result<Value> {
        let body = match row.kind {
            Kind::Mysql => json!({"name": name, "role": "admin", "ttl": seconds}),
            // The owner of all that the baseline has, which is no superuser.
            Kind::Postgresql => json!({"name": name, "inherited_roles": ["postgres"], "ttl": seconds}),
        };
        self.api.post_again(&self.credential_path(row, ""), &body).await
    }

    fn url(&self, row: &Row, made: &Value) -> Result<ConnectionUrl> {
        let field = |name: &str| {
            made[name]
                .as_str()
                .filter(|text| !text.is_empty())
                .with_context(|| format!("PlanetScale's answer has no `{name}`"))
        };
        let host = field("access_host_url")?;
        let (scheme, password, database, encryption) = match row.kind {
            Kind::Mysql => ("mysql", field("plain_text")?, self.database.as_str(), "?sslaccept=strict"),
            Kind::Postgresql => ("postgresql", field("password")?, field("database_name")?, "?sslmode=require"),
        };
        // A tunnel on this machine is no place to be encrypted to.
        let is_here = host.starts_with("127.0.0.1") || host.starts_with("localhost");
        let text = format!("{scheme}://{host}/{}", if is_here { "" } else { encryption });
        let url = ConnectionUrl::parse(&text, "PlanetScale's access host")?;
        Ok(url.with_login(field("username")?, password, database))
    }

    pub(super) async fn renew_credential(&self, row: &Row, credential: &Credential) -> Result<()> {
        let path = self.credential_path(row, &format!("/{}/renew", part(&credential.id)));
        match self.api.post_again(&path, &Value::Null).await {
            Ok(_) => Ok(()),
            // It has expired, or is gone: the next provision makes another.
            Err(error) if matches!(status(&error), Some(StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY)) => {
                self.log.warn(format!("a login of `{}` cannot be renewed: {error:#}", row.name));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Ends a login and its sessions. What its role made goes to the owner of all the rest.
    pub(super) async fn revoke(&self, row: &Row, credential: &Credential) -> Result<()> {
        let successor = if row.kind == Kind::Postgresql { "?successor=postgres" } else { "" };
        let path = self.credential_path(row, &format!("/{}{successor}", part(&credential.id)));
        self.api.delete(&path).await.map(drop)
    }

    pub(super) async fn login_to_parent(&self, parent: &Row) -> Result<ConnectionUrl> {
        self.revoke_parents(parent).await?;
        self.new_login(parent, PREPARE.0, PREPARE.1).await
    }

    pub(super) async fn revoke_parents(&self, parent: &Row) -> Result<()> {
        for credential in self.credentials(parent).await? {
            if credential.name == PREPARE.0 {
                self.revoke(parent, &credential).await?;
            }
        }
        Ok(())
    }
}
