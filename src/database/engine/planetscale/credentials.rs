//! Passwords of MySQL branches, roles of PostgreSQL ones. Their secret is in the answer that made them, and in no other.

use anyhow::{Context as _, Result};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Kind, PlanetScale, Row, part};
use crate::{
    database::{
        connection::ConnectionUrl,
        http::{is_ambiguous, status},
        retry::Pauses,
        spec::Spec,
    },
    resolve,
};

/// What the name of a credential of dayfly's begins with.
const PREFIX: &str = "dayfly-";

/// Of a login to the parent, and for how many seconds it lives: as long as a baseline may take to be prepared.
const PREPARE: (&str, u64) = ("dayfly-prepare-baseline", 4 * 3600);

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Credential {
    id: String,
    pub(super) name: String,
    pub(super) expires_at: Option<String>,
    #[serde(default)]
    expired: bool,
}

impl Credential {
    pub(super) fn is_ours(&self) -> bool {
        self.name.starts_with(PREFIX) && self.name != PREPARE.0
    }
}

/// The beginning of a credential's name, by its owner, and all of it: hashes, since nothing says which characters a name may
/// have.
pub(super) fn names(spec: &Spec<'_>, subject: &str) -> (String, String) {
    let owner = resolve::names::hash(&[&spec.owner, &spec.environment, &spec.database]);
    let beginning = format!("{PREFIX}{owner}-");
    let name = format!("{beginning}{}", resolve::names::hash(&[subject]));
    (beginning, name)
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

    /// A secret that nobody had before, for `seconds` unless it is renewed.
    pub(super) async fn new_login(&self, row: &Row, owner: &str, name: &str, seconds: u64) -> Result<ConnectionUrl> {
        let before: Vec<Credential> =
            self.credentials(row).await?.into_iter().filter(|credential| credential.name.starts_with(owner)).collect();
        // What a role made belongs to it, so it is kept.
        let reusable = before
            .iter()
            .find(|credential| row.kind == Kind::Postgresql && !credential.expired && credential.name == name);
        let made = match reusable {
            Some(role) => {
                let path = self.credential_path(row, &format!("/{}/reset", part(&role.id)));
                let made = self.api.post_again(&path, &Value::Null).await?;
                self.renew_credential(row, role).await?;
                made
            }
            None => self.make(row, name, seconds).await?,
        };
        let id = made["id"].as_str().context("PlanetScale's answer has no id")?;
        // Those of another baseline, and those whose answer was lost.
        for credential in self.credentials(row).await? {
            if credential.name.starts_with(owner) && credential.id != id {
                self.revoke(row, &credential).await?;
            }
        }
        self.url(row, &made)
    }

    async fn make(&self, row: &Row, name: &str, seconds: u64) -> Result<Value> {
        let body = match row.kind {
            Kind::Mysql => json!({"name": name, "role": "admin", "ttl": seconds}),
            // The owner of all that the baseline has, which is no superuser.
            Kind::Postgresql => json!({"name": name, "inherited_roles": ["postgres"], "ttl": seconds}),
        };
        let mut pauses = Pauses::long();
        loop {
            match self.api.post(&self.credential_path(row, ""), &body).await {
                Err(error) if is_ambiguous(&error) => self.log.doing(format!("trying again: {error:#}")),
                answer => return answer,
            }
            pauses.wait().await;
        }
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
        let made = self.make(parent, PREPARE.0, PREPARE.1).await?;
        self.url(parent, &made)
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
