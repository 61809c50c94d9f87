//! A branch's passwords, and the way to it.
//!
//! A branch of a parent that is not protected begins with the parent's passwords. So the workload never gets one that was
//! there before: the owner of the branch's database gets a new one, and so does, if the parent is not protected, every other
//! role of the branch. Passwords are set, never revealed: a project may not store them.

use anyhow::{Context as _, Result, bail};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::Neon;
use crate::database::{
    connection::ConnectionUrl,
    failure::refuse,
    http::{part, status},
    session::{self, Session},
};

#[derive(Deserialize)]
struct Role {
    name: String,
    /// It is Neon's own.
    #[serde(default)]
    protected: bool,
    authentication_method: Option<String>,
}

#[derive(Deserialize)]
struct Endpoint {
    id: String,
    host: String,
    #[serde(rename = "type")]
    kind: String,
    disabled: bool,
}

#[derive(Deserialize)]
struct Database {
    name: String,
    owner_name: String,
}

impl Neon {
    /// A login of the branch's own.
    pub(super) async fn new_login(&self, branch: &str) -> Result<ConnectionUrl> {
        let (database, owner) = self.database(branch).await?;
        let endpoint = self.endpoint(branch).await?;
        // A schema-only branch is nobody's child, so nothing is promised about its passwords.
        if self.entry.schema_only || !self.parent().await?.protected {
            self.change_passwords(branch, Some(&owner)).await?;
        }
        let password = self.change_password(branch, &owner).await?;
        let url = self.connection(branch, &endpoint, &database, &owner).await?;
        Ok(url.with_login(&url.user(), &password, &url.database()))
    }

    /// The database that the baseline names, or the only one, and its owner.
    pub(super) async fn database(&self, branch: &str) -> Result<(String, String)> {
        let answer = self.api.get(&self.branch_path(branch, "/databases")).await?;
        let mut databases: Vec<Database> =
            Vec::deserialize(&answer["databases"]).context("Neon's answer lists no databases")?;
        let names: Vec<String> = databases.iter().map(|database| database.name.clone()).collect();
        match &self.entry.database {
            Some(name) => databases.retain(|database| database.name == *name),
            None if databases.len() > 1 => {
                refuse!("the branch has the databases {}: say which with the baseline's `database`", names.join(", "))
            }
            None => {}
        }
        match databases.pop() {
            Some(database) => Ok((database.name, database.owner_name)),
            None => refuse!("the branch has no such database; it has: {}", names.join(", ")),
        }
    }

    async fn endpoint(&self, branch: &str) -> Result<Endpoint> {
        let answer = self.api.get(&self.branch_path(branch, "/endpoints")).await?;
        let endpoints: Vec<Endpoint> =
            Vec::deserialize(&answer["endpoints"]).context("Neon's answer lists no endpoints")?;
        match endpoints.into_iter().find(|endpoint| endpoint.kind == "read_write") {
            Some(endpoint) if endpoint.disabled => {
                bail!("the endpoint `{}` of the branch {branch} is disabled: enable it at Neon", endpoint.id)
            }
            Some(endpoint) => Ok(endpoint),
            None => bail!("the branch {branch} has no read-write endpoint: add one at Neon"),
        }
    }

    /// Gives every role of a branch, but one, a password that nobody is told.
    pub(super) async fn change_passwords(&self, branch: &str, but: Option<&str>) -> Result<()> {
        let answer = self.api.get(&self.branch_path(branch, "/roles")).await?;
        let roles: Vec<Role> = Vec::deserialize(&answer["roles"]).context("Neon's answer lists no roles")?;
        for role in roles {
            let has_password = role.authentication_method.as_deref().is_none_or(|method| method == "password");
            if has_password && !role.protected && but != Some(role.name.as_str()) {
                self.change_password(branch, &role.name).await?;
            }
        }
        Ok(())
    }

    /// A role's new password. The old one is valid until all is finished.
    pub(super) async fn change_password(&self, branch: &str, role: &str) -> Result<String> {
        let path = self.branch_path(branch, &format!("/roles/{}/reset_password", part(role)));
        let answer = self.api.post_again(&path, &Value::Null).await?;
        self.all_finished(&answer).await?;
        let password = answer["role"]["password"].as_str().context("Neon's answer has no new password")?;
        Ok(password.to_owned())
    }

    /// How Neon says that a database is reached. Asked without a branch, it answers for the project's default one.
    async fn connection(&self, branch: &str, endpoint: &Endpoint, database: &str, role: &str) -> Result<ConnectionUrl> {
        let path = self.path(&format!(
            "connection_uri?branch_id={}&endpoint_id={}&database_name={}&role_name={}&pooled=false",
            part(branch),
            part(&endpoint.id),
            part(database),
            part(role)
        ));
        let answer = self.api.get(&path).await?;
        let uri = answer["uri"].as_str().context("Neon's answer has no `uri`")?;
        let url = ConnectionUrl::parse(uri, "Neon's connection URI")?;
        if !url.host().eq_ignore_ascii_case(&endpoint.host) {
            bail!(
                "Neon's connection URI leads to {}, and the branch {branch} is at {}: nothing was published",
                url.host(),
                endpoint.host
            );
        }
        Ok(url)
    }

    /// A session in the parent, with the password that Neon stores.
    pub(super) async fn open_parent(&self) -> Result<Box<dyn Session>> {
        let (database, owner) = self.database(&self.parent).await?;
        let endpoint = self.endpoint(&self.parent).await?;
        let path = self.branch_path(&self.parent, &format!("/roles/{}/reveal_password", part(&owner)));
        let answer = match self.api.get(&path).await {
            Err(error) if status(&error) == Some(StatusCode::PRECONDITION_FAILED) => refuse!(
                "the project `{}` stores no passwords, so nobody can sign in to the baseline: store them while it is prepared (docs/databases/neon.md)",
                self.project
            ),
            answer => answer?,
        };
        let password = answer["password"].as_str().context("Neon's answer has no password")?;
        let url = self.connection(&self.parent, &endpoint, &database, &owner).await?;
        session::open(&url.with_login(&url.user(), password, &url.database()), &self.log).await
    }
}

/// `ep-….REGION…` → `ep-…-pooler.REGION…`
pub(super) fn pooled(direct: &ConnectionUrl) -> Option<ConnectionUrl> {
    let (endpoint, region) = direct.host().split_once('.')?;
    if !endpoint.starts_with("ep-") || endpoint.ends_with("-pooler") {
        return None;
    }
    direct.with_host(&format!("{endpoint}-pooler.{region}"))
}

#[cfg(test)]
mod tests {
    use super::{ConnectionUrl, pooled};

    #[test]
    fn the_pooler_is_beside_the_endpoint() {
        let pooled = |text: &str| {
            let url = ConnectionUrl::parse(text, "test").unwrap();
            pooled(&url).map(|url| url.reveal().to_owned())
        };
        assert_eq!(
            pooled("postgresql://a:b@ep-wispy-1.us-east-2.aws.neon.tech/shop?sslmode=require").as_deref(),
            Some("postgresql://a:b@ep-wispy-1-pooler.us-east-2.aws.neon.tech/shop?sslmode=require")
        );
        assert_eq!(pooled("postgresql://a:b@ep-wispy-1-pooler.us-east-2.aws.neon.tech/shop"), None);
        assert_eq!(pooled("postgresql://a:b@127.0.0.1:5432/shop"), None);
    }
}
