//! `PlanetScale`: a branch of a MySQL or a PostgreSQL database, with passwords or roles that end by themselves.
//!
//! A branch has no field for a mark. Its name says that dayfly made it, for which environment and database: names have an
//! underscore between their parts, which neither may hold. The name of its password or role says by whose policy and from
//! which baseline. This proves that somebody chose these names, and that nobody did so by accident; it does not prove who.
//! Between a branch's making and its first login, the branch's name and its parent's are the only marks: a branch has an
//! `actor`, but nothing in PlanetScale's document says which one a service token is.
//!
//! The API knows branches by name: before one is deleted, the id behind its name must be the one that was found.

mod credentials;
mod names;

use std::{cell::Cell, time::SystemTime};

use anyhow::{Context as _, Result};
use async_trait::async_trait;
use reqwest::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use self::{
    credentials::Credential,
    names::{branch_name, credential_name, credentials_of, owner, parts},
};
use super::{Baseline, Branch, ConnectionUrl, Engine, GONE, Listed, Log, Mark, Pauses, Session, Spec, foreign, refuse};
use crate::database::{
    http::{Api, api_error, is_ambiguous, part},
    mark::secrets,
    session, time,
};

const API: &str = "https://api.planetscale.com/v1";

/// The variables with a service token.
pub(super) const KEYS: [&str; 2] = ["PLANETSCALE_SERVICE_TOKEN_ID", "PLANETSCALE_SERVICE_TOKEN"];

/// One database of an organization.
pub struct PlanetScale {
    api: Api,
    organization: String,
    database: String,
    parent: String,
    entry: Baseline,
    /// The parent that [`Engine::open_baseline`] makes a login for.
    entered: Cell<Option<Row>>,
    log: Log,
}

/// A branch, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
struct Row {
    id: String,
    name: String,
    kind: Kind,
    ready: bool,
    created_at: String,
    #[serde(default)]
    production: bool,
    cluster_name: Option<String>,
    parent_branch: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Mysql,
    Postgresql,
}

impl PlanetScale {
    /// A service token: its id, and itself.
    pub fn new([id, token]: [&str; 2], entry: &Baseline, log: &Log) -> Result<Self> {
        let project = entry.project.as_deref().context("it has no `project`")?;
        let (organization, database) =
            project.split_once('/').context("the baseline's `project` is not `ORGANIZATION/DATABASE`")?;
        let base = entry.api.as_deref().unwrap_or(API);
        Ok(Self {
            // No scheme: the token itself, behind its id.
            api: Api::new(base, ("Authorization", format!("{id}:{token}")), log)?,
            organization: organization.to_owned(),
            database: database.to_owned(),
            parent: entry.parent.clone().context("it has no `parent`")?,
            entry: entry.clone(),
            entered: Cell::new(None),
            log: log.clone(),
        })
    }

    fn path(&self, rest: &str) -> String {
        format!("/organizations/{}/databases/{}/branches{rest}", part(&self.organization), part(&self.database))
    }

    fn branch_path(&self, name: &str, rest: &str) -> String {
        self.path(&format!("/{}{rest}", part(name)))
    }

    /// The branch that has a name now.
    async fn row(&self, name: &str) -> Result<Option<Row>> {
        let answer = self.api.find(&self.branch_path(name, "")).await?;
        answer.map(Row::deserialize).transpose().context("PlanetScale's answer describes no branch")
    }

    /// The same, as long as it is `branch`.
    async fn row_of(&self, branch: &Branch) -> Result<Option<Row>> {
        Ok(self.row(&branch.name).await?.filter(|row| row.id == branch.id))
    }

    async fn parent(&self) -> Result<Row> {
        match self.row(&self.parent).await? {
            Some(row) => Ok(row),
            None => refuse!(
                "the database `{}/{}` has no branch `{}`, which the guardrails name as `parent`; or the service token may not read it",
                self.organization,
                self.database,
                self.parent
            ),
        }
    }

    /// All of a list, page after page.
    async fn all<T: DeserializeOwned>(&self, path: &str) -> Result<Vec<T>> {
        let mut found = Vec::new();
        let mut page = 1;
        loop {
            let answer = self.api.get(&format!("{path}?page={page}&per_page=100")).await?;
            found.extend(Vec::<T>::deserialize(&answer["data"]).context("PlanetScale's answer is no list")?);
            match answer["next_page"].as_u64() {
                Some(next) if next > page => page = next,
                _ => return Ok(found),
            }
        }
    }

    /// The branch with this environment's name, and whether it may be used. Another's is an error.
    async fn lookup(&self, spec: &Spec<'_>) -> Result<Option<(Row, Branch)>> {
        let name = branch_name(spec);
        let Some(row) = self.row(&name).await? else { return Ok(None) };
        let credentials = self.credentials(&row).await?;
        let beginning = credentials_of(spec);
        let ours = credentials.iter().find(|credential| credential.name.starts_with(&beginning));
        if ours.is_none() && !credentials.is_empty() {
            return Err(foreign(&format!("the branch `{name}` ({})", row.id), spec));
        }
        if ours.is_none() && row.parent_branch.as_deref() != Some(&self.parent) {
            refuse!(
                "the branch `{name}` ({}) is there without a login and is no child of `{}`: nothing was changed; remove it if it is nobody's",
                row.id,
                self.parent
            );
        }
        let subject = self.entry.subject();
        let here = credential_name(spec, &subject);
        let mark = Mark {
            created: row.created_at.clone(),
            baseline: match ours {
                Some(credential) if credential.name != here => "another baseline".to_owned(),
                _ => subject,
            },
            ..Mark::new(spec)
        };
        let branch = row.branch(mark, ours);
        Ok(Some((row, branch)))
    }

    async fn request(&self, spec: &Spec<'_>) -> Result<Value> {
        let mut body = json!({"name": branch_name(spec), "parent_branch": self.parent});
        if !self.entry.schema_only {
            body["seed_data"] = json!("last_successful_backup");
        }
        self.api.post(&self.path(""), &body).await
    }

    async fn until_ready(&self, spec: &Spec<'_>) -> Result<Option<Branch>> {
        let mut pauses = Pauses::long();
        loop {
            match self.lookup(spec).await? {
                Some((row, branch)) if row.ready => return Ok(Some(branch)),
                Some((row, _)) => self.log.doing(format!("waiting for PlanetScale to make `{}` ready", row.name)),
                None => return Ok(None),
            }
            pauses.wait().await;
        }
    }

    /// Why a branch was refused, with what there is and what would free some of it.
    async fn explained(&self, error: anyhow::Error) -> anyhow::Error {
        let Some(answer) = api_error(&error).filter(|error| error.status == StatusCode::UNPROCESSABLE_ENTITY) else {
            return error;
        };
        let Ok(rows) = self.all::<Row>(&self.path("")).await else { return error };
        let ours: Vec<&str> = rows.iter().filter_map(|row| Some(parts(&row.name)?.1)).collect();
        let some =
            if ours.is_empty() { String::new() } else { format!(" ({}, …)", ours[..ours.len().min(3)].join(", ")) };
        // When there is room, the same call goes well.
        anyhow::anyhow!(
            "PlanetScale makes no branch of `{}` ({}): the database `{}/{}` has {} branches, {} of them dayfly's{some}. If that is too many, `dayfly db sweep --apply` removes those whose preview is gone; others, or a larger plan, are for the organization's owner",
            self.parent,
            answer.message,
            self.organization,
            self.database,
            rows.len(),
            ours.len(),
        )
    }
}

impl Row {
    fn branch(&self, mark: Mark, credential: Option<&Credential>) -> Branch {
        Branch {
            id: self.id.clone(),
            name: self.name.clone(),
            mark,
            expires: credential
                .and_then(|credential| credential.expires_at.as_deref())
                .and_then(|at| time::parse(at).ok()),
            cost: self.cluster_name.as_ref().map(|name| format!("cluster {name}")),
            is_complete: self.ready,
        }
    }
}

#[async_trait(?Send)]
impl Engine for PlanetScale {
    async fn list(&self) -> Result<Listed> {
        let mut branches = Vec::new();
        for row in self.all::<Row>(&self.path("")).await? {
            let Some((maker, environment, database)) = parts(&row.name) else { continue };
            let credentials = self.credentials(&row).await?;
            let ours = credentials.iter().find(|credential| credential.is_ours());
            // Half made: as `lookup` takes it, or anybody's.
            if ours.is_none() && (!credentials.is_empty() || row.parent_branch.as_deref() != Some(&self.parent)) {
                continue;
            }
            let mark = Mark {
                owner: owner(maker, environment, database, ours.map(|credential| &*credential.name)),
                environment: environment.to_owned(),
                database: database.to_owned(),
                baseline: format!("planetscale/{}/{}", self.organization, self.database),
                secrets: secrets(database),
                created: row.created_at.clone(),
            };
            branches.push(row.branch(mark, ours));
        }
        Ok(branches.into_iter().collect())
    }

    async fn find(&self, spec: &Spec<'_>) -> Result<Option<Branch>> {
        Ok(self.lookup(spec).await?.map(|(_, branch)| branch))
    }

    async fn create(&self, spec: &Spec<'_>) -> Result<Branch> {
        let parent = self.parent().await?;
        if parent.production && !self.entry.schema_only {
            self.log.warn(format!(
                "the baseline is the production branch `{}`, and its last backup is what previews get: let it be a branch that was masked",
                parent.name
            ));
        }
        let mut pauses = Pauses::long();
        loop {
            if let Some(branch) = self.until_ready(spec).await? {
                return Ok(branch);
            }
            self.log.info(format!("asking PlanetScale for a branch of `{}`", parent.name));
            match self.request(spec).await {
                Ok(_) => continue,
                Err(error) if is_ambiguous(&error) => {
                    self.log.info(format!("looking whether the branch was made: {error:#}"));
                }
                // Another Job may have taken the name.
                Err(error) if self.lookup(spec).await?.is_none() => return Err(self.explained(error).await),
                Err(_) => {}
            }
            pauses.wait().await;
        }
    }

    async fn login(&self, spec: &Spec<'_>, branch: &Branch) -> Result<ConnectionUrl> {
        let row = self.row_of(branch).await?.context(GONE)?;
        let name = credential_name(spec, &self.entry.subject());
        self.new_login(&row, &name, spec.lease_seconds).await
    }

    async fn revoke_others(&self, spec: &Spec<'_>, branch: &Branch, kept: &ConnectionUrl) -> Result<()> {
        let Some(row) = self.row_of(branch).await? else { return Ok(()) };
        self.revoke_but(&row, &credentials_of(spec), &kept.user()).await
    }

    fn keeps_old(&self) -> bool {
        true
    }

    /// None have to: a new login has none yet, and the one before takes its own with it.
    async fn end_sessions(&self, _: &Spec<'_>, _: &Branch) -> Result<bool> {
        Ok(true)
    }

    async fn rotated(&self, spec: &Spec<'_>, branch: &Branch, published: &ConnectionUrl) -> Result<bool> {
        self.revoke_others(spec, branch, published).await.map(|()| true)
    }

    async fn renew(&self, branch: &Branch, _: SystemTime) -> Result<()> {
        // A credential is renewed by the time it was made for.
        let Some(row) = self.row_of(branch).await? else { return Ok(()) };
        for credential in self.credentials(&row).await?.iter().filter(|credential| credential.is_ours()) {
            self.renew_credential(&row, credential).await?;
        }
        Ok(())
    }

    async fn destroy(&self, branch: &Branch) -> Result<()> {
        let Some(row) = self.row_of(branch).await? else { return Ok(()) };
        for credential in self.credentials(&row).await? {
            self.revoke(&row, &credential).await?;
        }
        // That may have taken minutes, and the name may be another's by now.
        let Some(row) = self.row_of(branch).await? else { return Ok(()) };
        self.api.delete(&self.branch_path(&row.name, "")).await.with_context(|| {
            format!(
                "the branch `{}` stays, though its logins are gone: remove its protection and its children, then call this again",
                row.name
            )
        })?;
        let mut pauses = Pauses::short();
        while self.row(&row.name).await?.is_some_and(|now| now.id == row.id) {
            self.log.doing(format!("waiting for PlanetScale to remove `{}`", row.name));
            pauses.wait().await;
        }
        Ok(())
    }

    async fn open_baseline(&self) -> Result<Box<dyn Session>> {
        let parent = self.parent().await?;
        self.entered.set(Some(parent.clone()));
        let url = self.login_to_parent(&parent).await?;
        session::open(&url, &self.log).await
    }

    async fn leave_baseline(&self) -> Result<()> {
        match self.entered.take() {
            Some(parent) => self.revoke_parents(&parent).await,
            None => Ok(()),
        }
    }

    async fn freeze_baseline(&self) -> Result<()> {
        self.revoke_parents(&self.parent().await?).await?;
        if !self.entry.schema_only {
            self.log.warn(format!(
                "branches get the last backup of `{}`: make a backup of it now, or the marker is not in them",
                self.parent
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        database::{
            http::tests::{answering, runs},
            log::LogFormat,
        },
        resolve::names::direct_secret,
    };

    #[test]
    fn a_branch_that_was_made_anew_while_its_logins_were_revoked_stays() {
        let row = |id| {
            format!(
                r#"{{"id": "{id}", "name": "dayfly_shop-pr-7_main", "kind": "mysql", "ready": true, "created_at": "2026-11-20T09:00:00Z"}}"#
            )
        };
        let (before, after): (&str, &str) = (row("before").leak(), row("after").leak());
        let (base, asked) = answering(&[(200, before), (200, r#"{"data": []}"#), (200, after)]);
        let entry =
            serde_json::json!({"provider": "planetscale", "project": "acme/shop", "parent": "main", "api": base});
        let entry = serde_json::from_value(entry).unwrap();
        let engine = PlanetScale::new(["id", "token"], &entry, &Log::new(LogFormat::Text, "test")).unwrap();
        let mark = Mark::of_name("dayfly.shop.shop-pr-7.main", String::new(), String::new()).unwrap();
        let name = "dayfly_shop-pr-7_main".into();
        let branch = Branch { id: "before".into(), name, mark, expires: None, cost: None, is_complete: true };
        let destroyed = async { tokio::time::timeout(Duration::from_secs(10), engine.destroy(&branch)).await };
        runs(destroyed).expect("nothing to wait for").unwrap();
        assert!(asked.join().unwrap().iter().all(|request| request.starts_with("GET ")));
    }

    /// A database's name may be as long as its Secrets', which are shortened then.
    #[test]
    fn a_branch_names_its_secrets_as_the_renderer_does() {
        let row = r#"{"data": [{"id": "b", "name": "dayfly_shop-pr-7_orders-of-all-customers-in-all-countries-and-of-their-parcels", "kind": "mysql",
            "ready": true, "created_at": "2026-11-20T09:00:00Z", "parent_branch": "main"}]}"#;
        let (base, _) = answering(&[(200, row), (200, r#"{"data": []}"#)]);
        let entry =
            serde_json::json!({"provider": "planetscale", "project": "acme/shop", "parent": "main", "api": base});
        let entry = serde_json::from_value(entry).unwrap();
        let engine = PlanetScale::new(["id", "token"], &entry, &Log::new(LogFormat::Text, "test")).unwrap();
        let branches = runs(engine.list()).unwrap().branches;
        let database = &branches[0].mark.database;
        assert_eq!(branches[0].mark.secrets, format!("{database},{}", direct_secret(database)));
        assert!(branches[0].mark.secrets.split(',').all(|name| name.len() <= 63));
    }
}
