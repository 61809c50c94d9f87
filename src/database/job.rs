//! What a Job works with, and whether its branch is still there.

use std::{pin::pin, time::Duration};

use anyhow::{Context as _, Result, anyhow};

use super::{
    connection::ConnectionUrl,
    credentials::Credentials,
    engine::{self, Branch, Engine, GONE},
    failure::Refused,
    log::Log,
    session::{self, Session},
    spec::Spec,
};

/// A command about one branch, with the provider's key.
pub struct Job<'a> {
    pub spec: &'a Spec<'a>,
    pub engine: Box<dyn Engine>,
    pub credentials: Credentials,
    pub log: &'a Log,
}

/// How long a branch's server is waited for before somebody asks whether the branch is still there.
const PATIENCE: Duration = Duration::from_secs(10);

impl<'a> Job<'a> {
    /// With the provider's key from the environment.
    pub fn open(spec: &'a Spec<'a>, credentials: Credentials, log: &'a Log) -> Result<Self> {
        Ok(Self { spec, engine: engine::open(&spec.baseline, log)?, credentials, log })
    }

    /// The branch as it is now. Another in its place is an error.
    pub(super) async fn there(&self, id: &str) -> Result<Branch> {
        self.engine.find(self.spec).await?.filter(|found| found.id == id).context(GONE)
    }

    /// [`session::open_if_accepted`], as long as the branch is there.
    pub(super) async fn opened(&self, id: &str, url: &ConnectionUrl) -> Result<Option<Box<dyn Session>>> {
        self.while_there(id, session::open_if_accepted(url, self.log)).await
    }

    /// What is done with a branch, as long as it is there: another Job may have removed it, which a server that went with it tells
    /// nobody who waits for it, and a provider's API or an administrator's session only in words of its own.
    pub(super) async fn while_there<T>(&self, id: &str, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = pin!(work);
        loop {
            match tokio::time::timeout(PATIENCE, work.as_mut()).await {
                Ok(Err(error)) if !error.is::<Refused>() => {
                    let found = self.engine.find(self.spec).await;
                    return Err(if found.is_ok_and(|found| found.is_none_or(|found| found.id != id)) {
                        anyhow!(GONE)
                    } else {
                        error
                    });
                }
                Ok(done) => return done,
                Err(_) => self.there(id).await?,
            };
        }
    }
}

#[cfg(test)]
impl<'a> Job<'a> {
    /// One to test with, and a file of its own for credentials.
    pub(super) fn example(name: &str, spec: &'a Spec<'a>, engine: impl Engine + 'static, log: &'a Log) -> Self {
        let file = std::env::temp_dir().join(format!("dayfly-{name}-{}.env", std::process::id()));
        Self { spec, engine: Box::new(engine), credentials: Credentials::File(file), log }
    }
}
