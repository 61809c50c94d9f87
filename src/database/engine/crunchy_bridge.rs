//! Crunchy Bridge: a fork of a cluster, restored from its backup, with one role of the environment's.
//!
//! The vendor publishes no document of its API. Paths and fields are those of its own clients: github.com/CrunchyData/bridge-cli
//! (src/client/cluster.cr, src/client/role.cr) and github.com/CrunchyData/terraform-provider-crunchybridge (internal/bridgeapi).
//!
//! A cluster has nothing but a name for a mark ([`Mark::name`]): that proves that somebody in the team called it so, and not
//! that it was dayfly. Names need not be unique, so of two Jobs that fork at once the one with the later fork removes its own.

use std::{
    cell::RefCell,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use serde::Deserialize;
use serde_json::json;

use super::{
    Baseline, Branch, ConnectionUrl, Engine, Listed, Log, Mark, Pauses, Session, Spec, postgres::role, refuse,
    revoke_first,
};
use crate::database::{
    http::{self, Api, is_ambiguous},
    session,
};

/// The variable with an API key.
pub const KEY: &str = "CRUNCHY_BRIDGE_API_KEY";

const API: &str = "https://api.crunchybridge.com";

/// A team's clusters.
pub struct CrunchyBridge {
    api: Api,
    team: String,
    /// The cluster that is forked.
    parent: String,
    database: String,
    plan: Option<String>,
    /// The forks that were last found of one environment, by their ids.
    found: RefCell<Vec<String>>,
    log: Log,
}

#[derive(Debug, Deserialize)]
struct Cluster {
    id: String,
    name: String,
    /// What it is a fork of, where that is told.
    #[serde(rename = "cluster_id")]
    source: Option<String>,
    created_at: String,
    plan_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Page {
    clusters: Vec<Cluster>,
    #[serde(default)]
    has_more: bool,
    next_cursor: Option<String>,
}

impl CrunchyBridge {
    /// `key`: the account's API key.
    pub fn new(key: &str, baseline: &Baseline, log: &Log) -> Result<Self> {
        let api = baseline.api.as_deref().unwrap_or(API);
        Ok(Self {
            api: Api::new(api, ("Authorization", format!("Bearer {key}")), log)?,
            team: baseline.project.clone().context("it has no `project`")?,
            parent: baseline.parent.clone().context("it has no `parent`")?,
            database: baseline.database.clone().context("it has no `database`")?,
            plan: baseline.size.clone(),
            found: RefCell::default(),
            log: log.clone(),
        })
    }

    /// All clusters of the team.
    async fn clusters(&self) -> Result<Vec<Cluster>> {
        let first = format!("/clusters?team_id={}", self.team);
        let mut path = first.clone();
        let mut clusters = Vec::new();
        loop {
            let page: Page =
                serde_json::from_value(self.api.get(&path).await?).context("Crunchy Bridge's list cannot be read")?;
            clusters.extend(page.clusters);
            match page.next_cursor.filter(|_| page.has_more) {
                Some(cursor) => path = format!("{first}&cursor={}", http::part(&cursor)),
                None => return Ok(clusters),
            }
        }
    }

    /// A cluster that is dayfly's.
    fn branch(&self, cluster: &Cluster) -> Option<Branch> {
        let parent = cluster.source.as_ref().unwrap_or(&self.parent);
        let baseline = format!("crunchy-bridge/{}/{parent}/{}", self.team, self.database);
        let mark = Mark::of_name(&cluster.name, baseline, cluster.created_at.clone());
        Some(Branch {
            id: cluster.id.clone(),
            name: cluster.name.clone(),
            mark: mark.filter(|_| cluster.id != self.parent)?,
            expires: None,
            cost: cluster.plan_id.as_ref().map(|plan| format!("plan {plan}")),
            is_complete: true,
        })
    }

    /// This environment's forks, the first one first; those that are going are not there.
    async fn forks(&self, spec: &Spec<'_>) -> Result<Vec<(Branch, String)>> {
        let mut forks = Vec::new();
        for branch in self.list().await?.branches.into_iter().filter(|branch| branch.mark.is_of(spec)) {
            let state = self.state(&branch.id).await?;
            if !is_going(&state) {
                forks.push((branch, state));
            }
        }
        forks.sort_by(|(a, _), (b, _)| (&a.mark.created, &a.id).cmp(&(&b.mark.created, &b.id)));
        Ok(forks)
    }

    /// A cluster's state; `gone` if it is.
    async fn state(&self, id: &str) -> Result<String> {
        let Some(answer) = self.api.find(&format!("/clusters/{id}/status")).await? else {
            return Ok("gone".to_owned());
        };
        Ok(answer["state"].as_str().unwrap_or("unknown").to_owned())
    }

    /// Asks for a fork. `None`: whether it is made, only a look can tell.
    async fn fork(&self, name: &str) -> Result<Option<String>> {
        let mut body = json!({"name": name, "is_ha": false});
        if let Some(plan) = &self.plan {
            body["plan_id"] = plan.as_str().into();
        }
        self.log.info(format!("forking the cluster `{}`", self.parent));
        match self.api.post(&format!("/clusters/{}/forks", self.parent), &body).await {
            Ok(cluster) => Ok(cluster["id"].as_str().map(str::to_owned)),
            Err(error) if is_ambiguous(&error) => {
                self.log.doing(format!("looking whether the fork is there: {error:#}"));
                Ok(None)
            }
            Err(error) => {
                let clusters = self.clusters().await?;
                let ours = clusters.iter().filter(|cluster| self.branch(cluster).is_some()).count();
                Err(error).with_context(|| {
                    format!(
                        "the cluster `{}` cannot be forked; the team has {} clusters, {ours} of them dayfly's. If that is a limit, `dayfly db sweep --apply` removes those of closed previews",
                        self.parent,
                        clusters.len()
                    )
                })
            }
        }
    }

    /// The administrator of a cluster.
    async fn admin(&self, id: &str) -> Result<ConnectionUrl> {
        let role = self.api.get(&format!("/clusters/{id}/roles/postgres")).await?;
        let url = role["uri"]
            .as_str()
            .context("Crunchy Bridge tells no login of the cluster: its key must be an administrator's")?;
        ConnectionUrl::parse(url, "the cluster's address")
    }

    /// The same, in the database that is branched.
    async fn inside(&self, id: &str) -> Result<ConnectionUrl> {
        Ok(self.admin(id).await?.with_database(&self.database))
    }
}

#[async_trait(?Send)]
impl Engine for CrunchyBridge {
    async fn list(&self) -> Result<Listed> {
        Ok(self.clusters().await?.iter().filter_map(|cluster| self.branch(cluster)).collect())
    }

    async fn find(&self, spec: &Spec<'_>) -> Result<Option<Branch>> {
        let forks = self.forks(spec).await?;
        *self.found.borrow_mut() = forks.iter().map(|(fork, _)| fork.id.clone()).collect();
        let first = forks.into_iter().next();
        Ok(first.map(|(branch, state)| Branch { is_complete: state == "ready", ..branch }))
    }

    async fn create(&self, spec: &Spec<'_>) -> Result<Branch> {
        let mut pauses = Pauses::new(Duration::from_millis(400), Duration::from_secs(10));
        let mut mine: Option<String> = None;
        loop {
            match self.forks(spec).await?.into_iter().next() {
                None => mine = self.fork(&Mark::name(spec)).await?,
                Some((branch, state)) => {
                    if let Some(id) = mine.take_if(|id| *id != branch.id) {
                        self.log.info("another Job's fork was there first: this one goes");
                        self.api.delete(&format!("/clusters/{id}")).await?;
                    }
                    match state.as_str() {
                        "ready" => return Ok(branch),
                        "creation_failed" | "failed" => {
                            self.api.delete(&format!("/clusters/{}", branch.id)).await?;
                            bail!(
                                "the fork `{}` failed ({state}) and was removed: see the cluster's log, call this again",
                                branch.name
                            );
                        }
                        "suspended" => {
                            refuse!(
                                "the fork `{}` is suspended: resume it, or `dayfly db destroy` removes it",
                                branch.name
                            )
                        }
                        _ => self.log.doing(format!("waiting for the fork `{}`: {state}", branch.name)),
                    }
                }
            }
            pauses.wait().await;
        }
    }

    async fn login(&self, spec: &Spec<'_>, branch: &Branch) -> Result<ConnectionUrl> {
        role::make(&self.inside(&branch.id).await?, spec, &self.log).await
    }

    /// Later forks go: of a Job that was killed before it could remove its own. The first one is everybody's.
    async fn revoke_others(&self, spec: &Spec<'_>, branch: &Branch, _: &ConnectionUrl) -> Result<()> {
        for (later, _) in self.forks(spec).await?.into_iter().skip_while(|(fork, _)| fork.id != branch.id).skip(1) {
            self.log.info(format!("another fork of this environment came later: `{}` goes", later.id));
            self.api.delete(&format!("/clusters/{}", later.id)).await?;
        }
        Ok(())
    }

    async fn end_sessions(&self, _: &Spec<'_>, branch: &Branch) -> Result<bool> {
        let client = role::enter(&self.admin(&branch.id).await?, &self.log).await?;
        role::end_sessions(&client, &branch.mark.role()).await.map(|()| true)
    }

    fn keeps_leases(&self) -> bool {
        false
    }

    async fn renew(&self, branch: &Branch, until: SystemTime) -> Result<()> {
        if self.state(&branch.id).await? != "ready" {
            return Ok(());
        }
        let client = role::enter(&self.admin(&branch.id).await?, &self.log).await?;
        role::renew(&client, &branch.mark.role(), until).await
    }

    async fn destroy(&self, branch: &Branch) -> Result<()> {
        // Two Jobs may have made two: what was found beside it goes too. What came since is another's, whatever its name.
        let mut ids = self.found.borrow().clone();
        if !ids.contains(&branch.id) {
            ids = vec![branch.id.clone()];
        }
        let is_same = |other: &Branch| other.name == branch.name && ids.contains(&other.id);
        for same in self.list().await?.branches.into_iter().filter(is_same) {
            let state = self.state(&same.id).await?;
            if is_going(&state) {
                continue;
            }
            if state == "ready" {
                revoke_first(&same, role::revoke_at(self.admin(&same.id), &same), &self.log).await;
            }
            self.api.delete(&format!("/clusters/{}", same.id)).await?;
        }
        Ok(())
    }

    async fn open_baseline(&self) -> Result<Box<dyn Session>> {
        session::open(&self.inside(&self.parent).await?, &self.log).await
    }

    async fn freeze_baseline(&self) -> Result<()> {
        // A fork has what the backup has: it must be made after this.
        self.log.info(
            "nothing can be frozen there, and forks come from the cluster's backup: let nobody write to it any more, wait until a backup is newer than this, then branch",
        );
        Ok(())
    }
}

fn is_going(state: &str) -> bool {
    matches!(state, "destroying" | "gone")
}
