//! Neon: a branch is a copy-on-write branch of a project, with a compute endpoint of its own.
//!
//! A branch's annotation is its mark. Neon takes it when the branch is made and never again, so it proves that whoever made
//! the branch wrote it; not that this was dayfly: everybody with a key of the project can write the same. Branches are
//! deleted for good: what Neon keeps for seven days keeps its passwords.
//!
//! There is no key that makes a request take effect once. A name can be given once, though: whoever gets no answer, or is
//! told that the name is taken, looks, and takes what carries this environment's mark.

mod api;
mod login;
mod masking;

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use self::api::{Failed, Row};
use super::{
    Baseline, Branch, ConnectionUrl, Engine, Listed, Log, Mark, Pauses, Session, Spec, foreign, refuse, revoke_first,
};
use crate::database::{
    http::{Api, api_error, is_ambiguous, status},
    time,
};

const API: &str = "https://console.neon.tech/api/v2";

/// The variable with the key.
pub(super) const KEY: &str = "NEON_API_KEY";

/// The farthest that Neon lets an expiry lie ahead, and a minute for clocks that differ.
const LONGEST_LEASE: Duration = Duration::from_mins(30 * 24 * 60 - 1);

/// In an annotation: made by dayfly, in the format's first version.
const DAYFLY: (&str, &str) = ("dayfly", "1");

/// How often a taken name may belong to nothing that can be seen.
const CONFLICTS: u32 = 5;

/// One project.
pub struct Neon {
    api: Api,
    project: String,
    parent: String,
    entry: Baseline,
    log: Log,
}

impl Neon {
    /// `key`: an API key that may change the project.
    pub fn new(key: &str, entry: &Baseline, log: &Log) -> Result<Self> {
        let base = entry.api.as_deref().unwrap_or(API);
        Ok(Self {
            api: Api::new(base, ("Authorization", format!("Bearer {key}")), log)?,
            project: entry.project.clone().context("it has no `project`")?,
            parent: entry.parent.clone().context("it has no `parent`")?,
            entry: entry.clone(),
            log: log.clone(),
        })
    }

    /// The branch with this environment's name, if it has its mark too.
    async fn lookup(&self, spec: &Spec<'_>) -> Result<Option<(Row, Mark)>> {
        let name = &*spec.names.branch;
        let rows = self.rows(name).await?;
        let Some((row, mark)) = rows.into_iter().find(|(row, _)| row.name == name) else { return Ok(None) };
        match mark {
            Some(mark) if mark.is_of(spec) => Ok(Some((row, mark))),
            _ => Err(foreign(&format!("the branch `{name}` ({})", row.id), spec)),
        }
    }

    /// The parent, which must be able to have children.
    async fn parent(&self) -> Result<Row> {
        let Some(answer) = self.api.find(&self.branch_path(&self.parent, "")).await? else {
            refuse!(
                "the project `{}` has no branch `{}`, which the guardrails name as `parent`: it is a branch's id (`br-…`)",
                self.project,
                self.parent
            );
        };
        let row = Row::read(&answer["branch"])?;
        if let Some(expires) = &row.expires_at {
            refuse!(
                "the baseline's branch `{}` expires at {expires}, so Neon makes no branches of it: remove its expiry",
                row.name
            );
        }
        Ok(row)
    }

    /// Asks for the branch. Its operations have only begun.
    async fn request(&self, spec: &Spec<'_>) -> Result<Value> {
        let until = (SystemTime::now() + LONGEST_LEASE).min(time::after(spec.lease_seconds));
        let mut branch = json!({
            "name": spec.names.branch,
            "parent_id": self.parent,
            "expires_at": time::text(until),
        });
        if self.entry.schema_only {
            branch["init_source"] = json!("schema-only");
        }
        let create = json!({"branch": branch, "endpoints": [{"type": "read_write"}]});
        let mut annotation: Map<String, Value> = Map::from_iter([(DAYFLY.0.to_owned(), json!(DAYFLY.1))]);
        if let Value::Object(mark) = serde_json::to_value(Mark::new(spec))? {
            annotation.extend(mark);
        }
        let (path, mut body) = match &self.entry.anonymized {
            Some(anonymized) => {
                let rules = self.masking_rules(anonymized).await?;
                let body = json!({"branch_create": create, "masking_rules": rules, "start_anonymization": true});
                (self.path("branch_anonymized"), body)
            }
            None => (self.path("branches"), create),
        };
        body["annotation_value"] = Value::Object(annotation);
        self.api.post(&path, &body).await
    }

    /// Waits until a branch that was found can be used. `None`: it never will be, and is gone.
    async fn complete(&self, spec: &Spec<'_>, row: Row, mark: Mark) -> Result<Option<Branch>> {
        let mut why = None;
        if mark.baseline == self.entry.subject() {
            match self.settle(&row.id).await {
                Ok(()) => match self.lookup(spec).await? {
                    Some((row, mark)) if row.is_ready() => return Ok(Some(row.branch(mark, true))),
                    _ => why = Some("nothing is being done to make it ready".to_owned()),
                },
                Err(error) if error.is::<Failed>() => why = Some(format!("{error:#}")),
                Err(error) => return Err(error),
            }
        }
        let why = why.unwrap_or_else(|| format!("it was made from {}", mark.baseline));
        self.log.warn(format!("the branch `{}` is removed: {why}", row.name));
        self.delete(&row.id).await?;
        Ok(None)
    }

    /// Waits for all that is being done to a branch, masking too.
    async fn settle(&self, branch: &str) -> Result<()> {
        for operation in self.unfinished_operations(branch).await? {
            self.finished(&operation).await?;
        }
        self.masked(branch).await
    }

    /// A quota's error, with what there is and what would free some of it.
    async fn explained(&self, error: anyhow::Error) -> anyhow::Error {
        let code = api_error(&error).map(|error| error.code.clone()).unwrap_or_default();
        let is_root = code == "ROOT_BRANCHES_LIMIT_EXCEEDED";
        if !is_root && code != "BRANCHES_LIMIT_EXCEEDED" {
            return error;
        }
        let Ok(mut rows) = self.rows("").await else { return error };
        rows.retain(|(row, _)| !is_root || row.parent_id.is_none());
        let mut ours: Vec<(&Row, &Mark)> = rows.iter().filter_map(|(row, mark)| Some((row, mark.as_ref()?))).collect();
        ours.sort_unstable_by(|(one, _), (other, _)| one.created_at.cmp(&other.created_at));
        let now = SystemTime::now();
        let oldest = ours.iter().take(3).map(|(row, mark)| {
            let age = time::parse(&row.created_at).map(|made| time::age(made, now)).unwrap_or_default();
            format!("{} ({age})", mark.environment)
        });
        let oldest: Vec<String> = oldest.collect();
        let oldest = if oldest.is_empty() { String::new() } else { format!(", the oldest of {}", oldest.join(", ")) };
        let (which, more) = if is_root {
            (
                "root branches, which every branch with `schemaOnly` is",
                "; branches of a parent without rows are not: make one schema-only branch and name it as `parent`, with `synthetic` in place of `schemaOnly`",
            )
        } else {
            ("branches", "")
        };
        // When there is room, the same call goes well.
        anyhow::anyhow!(
            "the Neon project `{}` takes no more {which} ({code}): it has {}, {} of them dayfly's{oldest}. `dayfly db sweep --apply` removes those whose preview is gone; others, or a larger plan, are for the project's owner{more}",
            self.project,
            rows.len(),
            ours.len(),
        )
    }

    /// Removes a branch for good, with its endpoint.
    async fn delete(&self, branch: &str) -> Result<()> {
        let answer = self.api.delete(&self.branch_path(branch, "?hard_delete=true")).await?;
        self.all_finished(&answer).await
    }
}

#[async_trait(?Send)]
impl Engine for Neon {
    async fn list(&self) -> Result<Listed> {
        let rows = self.rows("").await?;
        Ok(rows
            .into_iter()
            .filter_map(|(row, mark)| {
                let is_ready = row.is_ready();
                Some(row.branch(mark?, is_ready))
            })
            .collect())
    }

    async fn find(&self, spec: &Spec<'_>) -> Result<Option<Branch>> {
        let Some((row, mark)) = self.lookup(spec).await? else { return Ok(None) };
        // Before it is masked, it holds what nobody may see.
        let is_masked = self.entry.anonymized.is_none()
            || mark.baseline != self.entry.subject()
            || self.masking_state(&row.id).await?["state"] == "anonymized";
        let is_complete = row.is_ready() && is_masked;
        Ok(Some(row.branch(mark, is_complete)))
    }

    async fn create(&self, spec: &Spec<'_>) -> Result<Branch> {
        let parent = self.parent().await?;
        if parent.default && !self.entry.schema_only && self.entry.anonymized.is_none() {
            self.log.warn(format!(
                "the baseline is `{}`, the project's default branch, which is production's in most projects: let it be a branch that was masked",
                parent.name
            ));
        }
        let mut pauses = Pauses::long();
        let (mut conflicts, mut failures) = (0, 0);
        loop {
            if let Some((row, mark)) = self.lookup(spec).await? {
                if let Some(branch) = self.complete(spec, row, mark).await? {
                    return Ok(branch);
                }
                failures += 1;
                if failures > 1 {
                    bail!("Neon failed twice to make the branch `{}`: see its project's operations", spec.names.branch);
                }
            }
            self.log.info(format!("asking Neon for a branch of `{}`", parent.name));
            match self.request(spec).await {
                Ok(answer) => {
                    let row = Row::read(&answer["branch"])?;
                    if let Err(error) = self.all_finished(&answer).await
                        && !error.is::<Failed>()
                    {
                        return Err(error);
                    }
                    self.log.info(format!("Neon made {}", row.id));
                    // What was made is looked at like what was found.
                    continue;
                }
                Err(error) if status(&error) == Some(StatusCode::CONFLICT) => {
                    conflicts += 1;
                    if conflicts > CONFLICTS {
                        return Err(error).with_context(|| {
                            format!(
                                "Neon says that the name `{}` is taken, and shows no branch with it: an expired one may have kept it; remove or rename that",
                                spec.names.branch
                            )
                        });
                    }
                }
                Err(error) if is_ambiguous(&error) => {
                    self.log.info(format!("looking whether the branch was made: {error:#}"));
                }
                Err(error) => return Err(self.explained(error).await),
            }
            pauses.wait().await;
        }
    }

    async fn login(&self, _: &Spec<'_>, branch: &Branch) -> Result<ConnectionUrl> {
        self.new_login(&branch.id).await
    }

    fn pooled(&self, direct: &ConnectionUrl) -> Option<ConnectionUrl> {
        login::pooled(direct)
    }

    async fn renew(&self, branch: &Branch, until: SystemTime) -> Result<()> {
        let until = until.min(SystemTime::now() + LONGEST_LEASE);
        let body = json!({"branch": {"expires_at": time::text(until)}});
        match self.api.patch(&self.branch_path(&branch.id, ""), &body).await {
            Ok(answer) => self.all_finished(&answer).await,
            // It is gone, and so is what was to be renewed.
            Err(error) if status(&error) == Some(StatusCode::NOT_FOUND) => Ok(()),
            Err(error) => Err(error).with_context(|| {
                format!(
                    "Neon does not renew `{}`: a branch that is protected, or has children, cannot expire",
                    branch.name
                )
            }),
        }
    }

    async fn destroy(&self, branch: &Branch) -> Result<()> {
        let owners = async {
            let (_, owner) = self.database(&branch.id).await?;
            // Neon ends the sessions of the endpoint, too.
            self.change_password(&branch.id, &owner).await.map(drop)
        };
        if branch.is_complete {
            revoke_first(branch, owners, &self.log).await;
        }
        let Err(error) = self.delete(&branch.id).await else { return Ok(()) };
        if api_error(&error).is_none_or(|error| !error.status.is_client_error()) {
            return Err(error);
        }
        // The branch cannot go. All of its logins can.
        self.log.warn(format!("Neon does not delete `{}`: its passwords are changed", branch.name));
        self.change_passwords(&branch.id, None).await.context("and its passwords cannot be changed")?;
        Err(error).with_context(|| {
            format!(
                "the branch `{}` stays, though nobody has its passwords any more: remove its protection and its children, then call this again",
                branch.name
            )
        })
    }

    async fn open_baseline(&self) -> Result<Box<dyn Session>> {
        self.parent().await?;
        self.open_parent().await
    }

    async fn freeze_baseline(&self) -> Result<()> {
        if self.parent().await?.protected {
            return Ok(());
        }
        let body = json!({"branch": {"protected": true}});
        match self.api.patch(&self.branch_path(&self.parent, ""), &body).await {
            Ok(answer) => self.all_finished(&answer).await,
            Err(error) if api_error(&error).is_some_and(|error| error.status.is_client_error()) => {
                self.log.warn(format!(
                    "the baseline's branch cannot be protected ({error:#}): its passwords are changed in every branch instead"
                ));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}
