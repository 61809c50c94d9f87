//! What of the engine's API is used, and how it looks.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::{Dblab, Pauses, USERS};
use crate::database::{
    http::{is_ambiguous, status},
    random,
};

/// Clones that fail are made again so often: a clone of the same id may still hold its storage for a while after it is gone
/// from the API.
const ATTEMPTS: u32 = 4;

/// A clone, as the engine tells it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Clone {
    pub(super) id: String,
    #[serde(default)]
    pub(super) branch: String,
    #[serde(default)]
    pub(super) protected: bool,
    pub(super) protected_till: Option<String>,
    #[serde(default)]
    pub(super) created_at: String,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) status: Status,
    pub(super) db: Server,
}

#[derive(Debug, Deserialize)]
pub(super) struct Snapshot {
    pub(super) id: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Status {
    pub(super) code: String,
    pub(super) message: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Server {
    #[serde(default)]
    pub(super) host: String,
    #[serde(default)]
    pub(super) port: String,
    pub(super) username: String,
    #[serde(default)]
    pub(super) db_name: String,
}

impl Dblab {
    pub(super) async fn clones(&self) -> Result<Vec<Clone>> {
        serde_json::from_value(self.api.get("/clones").await?).context("the engine's list of clones cannot be read")
    }

    pub(super) async fn clone(&self, id: &str) -> Result<Option<Clone>> {
        let clone = self.api.find(&path(id)).await?;
        clone.map(serde_json::from_value).transpose().context("the engine's clone cannot be read")
    }

    /// Asks for a clone. Whether it is made, only a look can tell.
    async fn request(&self, id: &str, lease: Duration) -> Result<()> {
        let user = format!("{USERS}{}", random::nonce());
        let body = json!({
            "id": id,
            "branch": self.parent,
            "protected": true,
            "protectionDurationMinutes": minutes(lease),
            // Restricted: the owner of everything in the clone, and no superuser.
            "db": {"username": user, "password": self.password(id, &user, 0), "restricted": true, "db_name": self.database},
        });
        self.log.doing(format!("asking for the clone `{id}`"));
        match self.api.post("/clone", &body).await {
            Ok(_) => Ok(()),
            Err(error) if is_full(&format!("{error:#}")) => Err(self.full().await?),
            // Another Job was faster, or the answer was lost.
            Err(error) if is_ambiguous(&error) || format!("{error:#}").contains("already exists") => {
                self.log.doing(format!("looking whether the clone is there: {error:#}"));
                Ok(())
            }
            Err(error) => Err(error).with_context(|| format!("the engine's branch `{}` cannot be cloned", self.parent)),
        }
    }

    /// What to say if there is no room for another clone.
    async fn full(&self) -> Result<anyhow::Error> {
        let clones = self.clones().await?;
        let ours = clones.iter().filter(|clone| self.branch(clone).is_some()).count();
        Ok(anyhow::anyhow!(
            "the DBLab Engine at {} has no port left: it runs {} clones, {ours} of them dayfly's. `dayfly db sweep --apply` removes those of closed previews; `portPool` in the engine's configuration sets how many there may be",
            self.place,
            clones.len()
        ))
    }

    /// Waits until a clone that is asked for can be used; makes one that failed again.
    pub(super) async fn usable(
        &self,
        id: &str,
        lease: Duration,
        may_use: impl Fn(&Clone) -> Result<()>,
    ) -> Result<Clone> {
        let mut pauses = Pauses::new(Duration::from_millis(200), Duration::from_secs(5));
        let mut failed = 0;
        loop {
            match self.clone(id).await? {
                None => self.request(id, lease).await?,
                Some(clone) => {
                    may_use(&clone)?;
                    let Status { code, message } = &clone.status;
                    self.log.doing(format!("waiting for the clone `{id}`: {code} ({message})"));
                    match code.as_str() {
                        "OK" => return Ok(clone),
                        "FATAL" => {
                            failed += 1;
                            self.remove(id, &clone.db.username).await?;
                            if is_full(message) {
                                return Err(self.full().await?);
                            }
                            if failed == ATTEMPTS {
                                bail!("the clone `{id}` failed {failed} times: {message}");
                            }
                            self.log.warn(format!("the clone `{id}` failed ({message}): making it again"));
                        }
                        _ => {}
                    }
                }
            }
            pauses.wait().await;
        }
    }

    /// Removes the clone with this id and user, and waits until it is gone.
    pub(super) async fn remove(&self, id: &str, user: &str) -> Result<()> {
        let mut pauses = Pauses::new(Duration::from_millis(200), Duration::from_secs(5));
        loop {
            let Some(clone) = self.clone(id).await? else { return Ok(()) };
            if clone.db.username != user {
                return Ok(());
            }
            self.log.doing(format!("waiting for the clone `{id}` to go: {}", clone.status.message));
            if clone.status.code != "DELETING" {
                if clone.protected {
                    match self.api.patch(&path(id), &json!({"protected": false})).await {
                        Err(error) if status(&error) == Some(StatusCode::NOT_FOUND) => {}
                        result => drop(result?),
                    }
                }
                match self.api.delete(&path(id)).await {
                    // Somebody renewed it between the two.
                    Err(error) if format!("{error:#}").contains("protected") => {}
                    result => drop(result?),
                }
            }
            pauses.wait().await;
        }
    }
}

pub(super) fn path(id: &str) -> String {
    format!("/clone/{id}")
}

pub(super) fn minutes(lease: Duration) -> u64 {
    lease.as_secs().div_ceil(60)
}

/// The engine's words for a port pool that is used up.
fn is_full(message: &str) -> bool {
    message.contains("available port") || message.contains("free port")
}
