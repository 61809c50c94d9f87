//! Supabase: a preview branch of a project, which is a small project of its own with an empty server, where the project's
//! migrations and seed are replayed.
//!
//! The mark is a name ([`Mark::name`]) in the field for a git branch, which the vendor keeps and shows and which no git branch
//! is called: that proves that somebody with access to the project wrote it there, and not that it was dayfly.
//!
//! A branch has a login that the vendor makes for it alone, and that is the one that is given away: what another role makes,
//! Supabase's own API could not reach. The vendor tells it, and changes it. There is no lease: the sweep is what ends a branch.

use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{
    Baseline, Branch, ConnectionUrl, Engine, Listed, Log, Mark, Pauses, Session, Spec, alone, own, refuse, revoke_first,
};
use crate::database::{
    http::{Api, is_ambiguous, status},
    random, session,
};

/// The variable with an access token.
pub const TOKEN: &str = "SUPABASE_ACCESS_TOKEN";

const API: &str = "https://api.supabase.com";

/// How long a new password may take to be known.
const LATE: Duration = Duration::from_secs(20);

/// One project.
pub struct Supabase {
    api: Api,
    /// The project's reference.
    project: String,
    subject: String,
    size: Option<String>,
    /// Whether the branch gets the project's data, and not only its migrations: only if that was masked.
    with_data: bool,
    /// The project's own server, where a baseline is prepared.
    admin: Option<ConnectionUrl>,
    log: Log,
}

#[derive(Debug, Deserialize)]
struct Preview {
    id: String,
    name: String,
    #[serde(default)]
    is_default: bool,
    #[serde(default)]
    git_branch: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    created_at: String,
    #[serde(default)]
    with_data: bool,
}

/// Its server. The login is there once the server is.
#[derive(Debug, Deserialize)]
struct Detail {
    /// Of the branch as a project.
    #[serde(rename = "ref")]
    reference: String,
    status: String,
    #[serde(default)]
    db_host: String,
    #[serde(default)]
    db_port: u16,
    db_user: Option<String>,
    db_pass: Option<String>,
}

impl Supabase {
    /// `token`: an access token; `admin`: the project's own login, which only `prepare-baseline` needs.
    pub fn new(token: &str, baseline: &Baseline, admin: Option<ConnectionUrl>, log: &Log) -> Result<Self> {
        let api = baseline.api.as_deref().unwrap_or(API);
        Ok(Self {
            api: Api::new(api, ("Authorization", format!("Bearer {token}")), log)?,
            project: baseline.project.clone().context("it has no `project`")?,
            subject: baseline.subject(),
            size: baseline.size.clone(),
            with_data: baseline.sanitized.is_some(),
            admin,
            log: log.clone(),
        })
    }

    fn path(&self) -> String {
        format!("/v1/projects/{}/branches", self.project)
    }

    async fn previews(&self) -> Result<Vec<Preview>> {
        serde_json::from_value(self.api.get(&self.path()).await?).context("Supabase's list of branches cannot be read")
    }

    async fn preview(&self, name: &str) -> Result<Option<Preview>> {
        let preview = self.api.find(&format!("{}/{name}", self.path())).await?;
        preview.map(serde_json::from_value).transpose().context("Supabase's branch cannot be read")
    }

    async fn detail(&self, id: &str) -> Result<Detail> {
        let detail = self.api.get(&format!("/v1/branches/{id}")).await?;
        serde_json::from_value(detail).map_err(|_| anyhow::anyhow!("Supabase's branch cannot be read"))
    }

    /// A branch that is dayfly's. Whether its server is up, only its detail tells.
    fn branch(&self, preview: &Preview) -> Option<Branch> {
        let baseline = match (preview.with_data, self.with_data) {
            (true, true) | (false, false) => self.subject.clone(),
            (true, false) => format!("{} with its data", self.subject),
            (false, true) => format!("{} without its data", self.subject),
        };
        let mark = Mark::of_name(&preview.git_branch, baseline, preview.created_at.clone());
        Some(Branch {
            id: preview.id.clone(),
            name: preview.name.clone(),
            mark: mark.filter(|_| !preview.is_default)?,
            expires: None,
            cost: None,
            is_complete: is_through(&preview.status),
        })
    }

    /// This environment's branch. Another with its name is an error.
    async fn own(&self, spec: &Spec<'_>) -> Result<Option<(Preview, Branch)>> {
        let Some(preview) = self.preview(&spec.names.branch).await? else { return Ok(None) };
        let branch = own(self.branch(&preview), &format!("the branch `{}`", preview.name), spec)?;
        Ok(Some((preview, branch)))
    }

    /// Asks for a branch. Whether it is made, only a look can tell.
    async fn request(&self, spec: &Spec<'_>) -> Result<()> {
        let mut body = json!({
            "branch_name": spec.names.branch,
            "git_branch": Mark::name(spec),
            "persistent": false,
            "with_data": self.with_data,
        });
        if let Some(size) = &self.size {
            body["desired_instance_size"] = size.as_str().into();
        }
        self.log.doing(format!("asking for the branch `{}`", spec.names.branch));
        let Err(error) = self.api.post(&self.path(), &body).await else { return Ok(()) };
        if is_ambiguous(&error) || status(&error) == Some(StatusCode::CONFLICT) {
            self.log.doing(format!("looking whether the branch is there: {error:#}"));
            return Ok(());
        }
        // Of a taken name the vendor's document says nothing.
        if self.preview(&spec.names.branch).await?.is_some() {
            return Ok(());
        }
        let previews = self.previews().await?;
        let ours = previews.iter().filter(|preview| self.branch(preview).is_some()).count();
        Err(error).with_context(|| {
            format!(
                "the project `{}` gives no other branch: it has {}, {ours} of them dayfly's. If that is a limit, `dayfly db sweep --apply` removes those of closed previews",
                self.project,
                previews.len()
            )
        })
    }

    async fn delete(&self, id: &str) -> Result<()> {
        self.api.delete(&format!("/v1/branches/{id}?force=true")).await.map(drop)
    }

    /// What the vendor tells of the branch's login.
    async fn told(&self, branch: &Branch) -> Result<ConnectionUrl> {
        let Detail { db_host, db_port, db_user: Some(user), db_pass: Some(password), .. } =
            self.detail(&branch.id).await?
        else {
            bail!(
                "Supabase tells no login of the branch `{}`: the token must be of somebody who may see it",
                branch.name
            );
        };
        let url = ConnectionUrl::parse(&format!("postgres://{db_host}:{db_port}/"), "the branch's address")?;
        Ok(url.with_login(&user, &password, "postgres"))
    }

    /// The same login with a new password.
    async fn changed(&self, branch: &Branch, published: Option<&ConnectionUrl>) -> Result<ConnectionUrl> {
        let Detail { reference, .. } = self.detail(&branch.id).await?;
        if reference == self.project {
            refuse!("the branch `{}` is the project itself: its password was not changed", branch.name);
        }
        let password = random::password();
        let path = format!("/v1/projects/{reference}/database/password");
        self.api
            .patch(&path, &json!({"password": password}))
            .await
            .context("the branch's password cannot be changed")?;
        let url = match published {
            Some(url) => url.clone(),
            None => self.told(branch).await?,
        };
        let url = url.with_login(&url.user(), &password, &url.database());
        // Whether the answer comes before the server knows it, the vendor does not say.
        let mut pauses = Pauses::short();
        let known = async {
            while session::open_if_accepted(&url, &self.log).await?.is_none() {
                self.log.doing("waiting for the server to take the new password");
                pauses.wait().await;
            }
            anyhow::Ok(())
        };
        tokio::time::timeout(LATE, known).await.unwrap_or(Ok(()))?;
        Ok(url)
    }

    /// One that went meanwhile is not.
    async fn is_up(&self, preview: &Preview) -> Result<bool> {
        match self.detail(&preview.id).await {
            Err(error) if status(&error) == Some(StatusCode::NOT_FOUND) => Ok(false),
            detail => Ok(is_through(&preview.status) && detail?.status == "ACTIVE_HEALTHY"),
        }
    }
}

#[async_trait(?Send)]
impl Engine for Supabase {
    async fn list(&self) -> Result<Listed> {
        Ok(self.previews().await?.iter().filter_map(|preview| self.branch(preview)).collect())
    }

    async fn find(&self, spec: &Spec<'_>) -> Result<Option<Branch>> {
        let Some((preview, mut branch)) = self.own(spec).await? else { return Ok(None) };
        branch.is_complete = self.is_up(&preview).await?;
        Ok(Some(branch))
    }

    async fn create(&self, spec: &Spec<'_>) -> Result<Branch> {
        let mut pauses = Pauses::new(Duration::from_millis(400), Duration::from_secs(5));
        loop {
            match self.own(spec).await? {
                None => self.request(spec).await?,
                Some((preview, branch)) if preview.status == "MIGRATIONS_FAILED" => {
                    self.delete(&branch.id).await?;
                    refuse!(
                        "the project's own migrations fail in a new branch: see the branch's log at Supabase, and repair them there (the branch was removed)"
                    );
                }
                Some((preview, branch)) => {
                    if self.is_up(&preview).await? {
                        return Ok(Branch { is_complete: true, ..branch });
                    }
                    self.log.doing(format!("waiting for the branch `{}`: {}", preview.name, preview.status));
                }
            }
            pauses.wait().await;
        }
    }

    async fn login(&self, _: &Spec<'_>, branch: &Branch) -> Result<ConnectionUrl> {
        self.told(branch).await
    }

    async fn rotate(&self, _: &Spec<'_>, branch: &Branch, published: Option<&ConnectionUrl>) -> Result<ConnectionUrl> {
        self.changed(branch, published).await
    }

    fn keeps_leases(&self) -> bool {
        false
    }

    async fn renew(&self, _: &Branch, _: SystemTime) -> Result<()> {
        Ok(())
    }

    async fn destroy(&self, branch: &Branch) -> Result<()> {
        if branch.is_complete {
            revoke_first(branch, alone(self.changed(branch, None), &self.log), &self.log).await;
        }
        self.delete(&branch.id).await
    }

    async fn open_baseline(&self) -> Result<Box<dyn Session>> {
        if !self.with_data {
            refuse!(
                "a branch of this baseline is made from the project's migrations, and has nothing of its data: there is nothing to prepare, unless it is `sanitized`"
            );
        }
        let Some(admin) = &self.admin else {
            bail!("only DAYFLY_DATABASE_ADMIN_URL can lead to the project's own server: set it for this command");
        };
        session::open(admin, &self.log).await
    }

    async fn freeze_baseline(&self) -> Result<()> {
        self.log.info(
            "a branch has what the project has in that moment, and nothing can be frozen there: let nobody write live data to it any more",
        );
        Ok(())
    }
}

/// Whether the migrations are. What becomes of the project's functions is not the database's.
fn is_through(status: &str) -> bool {
    !matches!(status, "CREATING_PROJECT" | "RUNNING_MIGRATIONS" | "MIGRATIONS_FAILED")
}
