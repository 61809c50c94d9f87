//! CloudNativePG: a `Cluster` of the preview's own, which the renderer emits and the operator makes from a volume's snapshot.
//!
//! So there is nothing to make here: the branch is that cluster, and its login the one that the operator put into the Secret
//! `CLUSTER-app`. What is done is what every branch gets: its data are checked, the team's programs recorded, and the
//! credentials published after that. It goes with its namespace, nothing expires, and it cannot be made anew from here.
//!
//! What proves ownership: the Secret's name, in the preview's own namespace. What else is in the cluster is the snapshot's.

use std::time::SystemTime;

use anyhow::{Context as _, Result};
use async_trait::async_trait;

use super::{Branch, ConnectionUrl, Engine, Listed, Log, Mark, Pauses, Session, Spec, admin_url, refuse};
use crate::{
    database::{kubernetes::Kubernetes, session},
    input::guardrails::Provider,
    resolve::names,
};

/// A `Cluster` of the preview's own.
pub struct Cnpg {
    baseline: String,
    database: String,
    log: Log,
}

impl Cnpg {
    /// `database`: where the baseline's data are in it.
    pub fn new(baseline: &str, database: Option<&str>, log: &Log) -> Result<Self> {
        let database = database.context("it has no `database`")?.to_owned();
        Ok(Self { baseline: baseline.to_owned(), database, log: log.clone() })
    }

    /// The operator's own credentials of the application, once it has made them, and whose they are: the cluster's, whatever
    /// becomes of its password.
    async fn found(&self, spec: &Spec<'_>) -> Result<Option<(ConnectionUrl, String)>> {
        let Some(name) = &spec.names.server_secret else {
            refuse!("the spec names no cluster: this database is one of a rendered preview");
        };
        let Some(secret) = Kubernetes::inside(&self.log)?.secret(&spec.names.namespace, name).await? else {
            return Ok(None);
        };
        let uri = secret.data.iter().find(|(key, _)| key == "uri");
        let (_, uri) = uri.with_context(|| format!("the Secret `{name}` has no `uri`"))?;
        let url = ConnectionUrl::parse(uri, &format!("`uri` of the Secret `{name}`"))?;
        let cluster = secret.owner.unwrap_or_else(|| names::hash(&[url.reveal()]));
        Ok(Some((url, cluster)))
    }
}

/// A cluster that was made anew is another branch.
fn branch(spec: &Spec<'_>, (url, cluster): (ConnectionUrl, String)) -> Branch {
    Branch {
        id: cluster,
        name: url.host().to_owned(),
        mark: Mark::new(spec),
        expires: None,
        cost: None,
        is_complete: true,
    }
}

/// How a person makes a branch anew that no engine can. Jobs that have ended would not run again, and the old volume and Secret must
/// be gone before a cluster of this name is there again.
pub fn by_hand(spec: &Spec<'_>) -> Option<String> {
    (spec.baseline.entry.provider == Provider::Cnpg && spec.names.server.is_some()).then(|| {
        format!(
            "`kubectl -n {} delete clusters.postgresql.cnpg.io,jobs -l dayfly.dev/database={} --cascade=foreground`, then sync and \
             restart what has the old login",
            spec.names.namespace, spec.database
        )
    })
}

#[async_trait(?Send)]
impl Engine for Cnpg {
    /// There is no place from which all previews' clusters could be seen.
    async fn list(&self) -> Result<Listed> {
        Ok(Listed::default())
    }

    async fn find(&self, spec: &Spec<'_>) -> Result<Option<Branch>> {
        Ok(self.found(spec).await?.map(|found| branch(spec, found)))
    }

    async fn create(&self, spec: &Spec<'_>) -> Result<Branch> {
        let mut pauses = Pauses::long();
        loop {
            if let Some(found) = self.found(spec).await? {
                return Ok(branch(spec, found));
            }
            let server = spec.names.server.as_deref().unwrap_or_default();
            self.log.doing(format!("waiting for the operator to make the Cluster `{server}`: `kubectl describe` it"));
            pauses.wait().await;
        }
    }

    async fn login(&self, spec: &Spec<'_>, _: &Branch) -> Result<ConnectionUrl> {
        Ok(self.found(spec).await?.context("the cluster's Secret is gone")?.0)
    }

    async fn reset(&self, spec: &Spec<'_>, _: &Branch) -> Result<Branch> {
        refuse!("a cluster from a snapshot is not made anew by itself: {}", by_hand(spec).unwrap_or_default())
    }

    async fn renew(&self, _: &Branch, _: SystemTime) -> Result<()> {
        Ok(())
    }

    /// Argo CD made it, and removes it.
    async fn destroy(&self, _: &Branch) -> Result<()> {
        Ok(())
    }

    /// The database in the cluster that the snapshot is taken of, before it is.
    async fn open_baseline(&self) -> Result<Box<dyn Session>> {
        session::open(&admin_url(&self.baseline)?.with_database(&self.database), &self.log).await
    }

    /// A snapshot is as frozen as can be.
    async fn freeze_baseline(&self) -> Result<()> {
        Ok(())
    }
}
