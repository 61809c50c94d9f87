//! Where a branch's credentials are kept: two Secrets in the preview's namespace, or a file of variables.
//!
//! They are written once and kept while they work: a Pod reads its environment when it starts, and never again.

mod file;

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use serde_json::json;

use super::{
    connection::ConnectionUrl,
    engine,
    failure::refuse,
    kubernetes::{self, Kubernetes, Secret},
    log::Log,
    random,
    spec::Spec,
};
use crate::{
    objects::keys::{BRANCH, BRANCH_UNCHECKED, DATABASE, ENVIRONMENT, MANAGED_BY},
    resolve::names,
};

/// Whose eyes they are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// Migrate and seed: straight to the server, as soon as the branch is checked.
    Steps,
    /// The workload: once everything is verified.
    Workload,
}

/// What was written for one audience.
#[derive(Clone, Debug)]
pub struct Written {
    /// Leads to the branch, with the login of its audience.
    pub url: ConnectionUrl,
    /// The branch that it leads to.
    pub branch: String,
    /// Whether that was checked before these were published, and not made anew since. The branch's login cannot write this.
    pub is_checked: bool,
}

#[cfg(test)]
impl Written {
    /// What leads to a branch that is checked.
    pub(super) fn checked(url: ConnectionUrl, branch: String) -> Self {
        Self { url, branch, is_checked: true }
    }
}

/// Where they are kept.
pub enum Credentials {
    /// Inside a cluster.
    Secrets(Kubernetes),
    /// Anywhere else: both audiences read one file.
    File(PathBuf),
    /// Not known: a branch's lease and its end need no login.
    Nowhere,
}

/// The variable in the Secret of migrate and seed, whatever the workload's is called.
pub(super) const DIRECT: &str = "DATABASE_URL";

impl Credentials {
    /// The file, if one is given, else the cluster that this process runs in.
    pub fn open(env_file: Option<&Path>, log: &Log) -> Result<Self> {
        match env_file {
            Some(file) => Ok(Self::File(file::target(file)?)),
            None if kubernetes::is_inside() => Ok(Self::Secrets(Kubernetes::inside(log)?)),
            None => bail!("outside a cluster, say with `--env-file FILE` where the credentials go"),
        }
    }

    /// The same, for what ends with writing them: nothing is made whose login could not be kept.
    pub fn open_to_write(env_file: Option<&Path>, log: &Log) -> Result<Self> {
        let opened = Self::open(env_file, log)?;
        if let Self::File(path) = &opened {
            if path.exists() && !path.is_file() {
                bail!("`{}` is no file: name one with `--env-file`", path.display());
            }
            file::remove_left(path);
            let beside = file::beside(path);
            let written = file::new_file(&beside).and_then(|_| fs::remove_file(&beside));
            written.with_context(|| format!("`{}` cannot be written, so nothing was done", path.display()))?;
        }
        Ok(opened)
    }

    /// What was written for an audience, if anything was.
    pub async fn read(&self, spec: &Spec<'_>, audience: Audience) -> Result<Option<Written>> {
        match self {
            Self::Secrets(cluster) => {
                let (name, variable) = place(spec, audience);
                let Some(secret) = cluster.secret(&spec.names.namespace, name).await? else { return Ok(None) };
                is_ours(&secret, spec, name)?;
                let Some((_, text)) = secret.data.iter().find(|(key, _)| key == variable) else { return Ok(None) };
                let url = ConnectionUrl::parse(text, &format!("`{variable}` of the Secret `{name}`"))?;
                let url = engine::from_here(&spec.baseline, url)?;
                let branch = secret.annotations[BRANCH].as_str().unwrap_or_default().to_owned();
                let is_checked = secret.annotations[BRANCH_UNCHECKED] != "true";
                Ok(Some(Written { url, branch, is_checked }))
            }
            Self::File(path) => file::read(path, spec),
            Self::Nowhere => Ok(None),
        }
    }

    /// Writes for an audience, in place of what was written before.
    pub async fn write(&self, spec: &Spec<'_>, audience: Audience, written: &Written) -> Result<()> {
        match self {
            Self::Secrets(cluster) => {
                let (name, variable) = place(spec, audience);
                if let Some(there) = cluster.secret(&spec.names.namespace, name).await? {
                    is_ours(&there, spec, name)?;
                }
                let url = &written.url;
                let secret = Secret {
                    owner: None,
                    data: vec![
                        (variable.to_owned(), url.reveal().to_owned()),
                        ("host".into(), url.host().to_owned()),
                        ("port".into(), url.port().to_string()),
                        ("username".into(), url.user()),
                        ("password".into(), url.password()),
                        ("database".into(), url.database()),
                    ],
                    annotations: json!({BRANCH: written.branch, BRANCH_UNCHECKED: (!written.is_checked).to_string()}),
                    labels: labels(spec),
                };
                let role = names::database_access(&spec.database);
                cluster.write_secret(&spec.names.namespace, name, &role, &secret).await
            }
            Self::File(path) => file::write(path, spec, written),
            Self::Nowhere => bail!("it is not known where the credentials go"),
        }
    }

    /// What is published leads to a branch that nobody has checked, from now on: it is made anew. A Job that is killed there leaves
    /// this to the next one.
    pub async fn doubt(&self, spec: &Spec<'_>) -> Result<()> {
        match self.read(spec, Audience::Steps).await? {
            Some(written) if written.is_checked => {
                self.write(spec, Audience::Steps, &Written { is_checked: false, ..written }).await
            }
            _ => Ok(()),
        }
    }

    /// Removes everything that was written for this database.
    pub async fn remove(&self, spec: &Spec<'_>) -> Result<()> {
        match self {
            Self::Secrets(cluster) => {
                for name in [&spec.names.secret, &spec.names.direct_secret] {
                    cluster.delete_secret(&spec.names.namespace, name).await?;
                }
                Ok(())
            }
            Self::File(path) => file::remove(path, spec),
            Self::Nowhere => Ok(()),
        }
    }

    /// The password of an embedded server: made once, before the server starts with it.
    pub async fn server_password(&self, spec: &Spec<'_>) -> Result<String> {
        let (Self::Secrets(cluster), Some(name)) = (self, &spec.names.server_secret) else {
            bail!("an embedded database lives in a cluster: there is nothing to do for it here");
        };
        let namespace = &spec.names.namespace;
        let mut found = None;
        if let Some(secret) = cluster.secret(namespace, name).await? {
            is_ours(&secret, spec, name)?;
            found = secret.data.into_iter().find(|(key, _)| key == "password");
        }
        let password = found.map_or_else(random::password, |(_, password)| password);
        let secret = Secret {
            owner: None,
            data: vec![("password".into(), password.clone())],
            annotations: json!({}),
            labels: labels(spec),
        };
        cluster.write_secret(namespace, name, &names::database_access(&spec.database), &secret).await?;
        Ok(password)
    }
}

/// The Secret and its variable.
fn place<'s>(spec: &'s Spec<'_>, audience: Audience) -> (&'s str, &'s str) {
    match audience {
        Audience::Steps => (&spec.names.direct_secret, DIRECT),
        Audience::Workload => (&spec.names.secret, &spec.names.variable),
    }
}

fn labels(spec: &Spec<'_>) -> serde_json::Value {
    json!({
        (MANAGED_BY): "dayfly",
        (ENVIRONMENT): spec.environment,
        (DATABASE): spec.database,
    })
}

/// A Secret that somebody else made is not ours to read or to replace.
fn is_ours(secret: &Secret, spec: &Spec<'_>, name: &str) -> Result<()> {
    if kubernetes::is_ours(&secret.labels, &spec.environment) {
        return Ok(());
    }
    refuse!("the Secret `{name}` is there and was not made by dayfly: remove it, or give the database another name")
}
