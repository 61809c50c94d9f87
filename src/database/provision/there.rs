//! Whether a branch is still there, for what waits for it.

use std::{pin::pin, time::Duration};

use anyhow::{Context as _, Result, anyhow};

use crate::database::{
    connection::ConnectionUrl,
    engine::{Branch, Engine, GONE},
    failure::Refused,
    log::Log,
    session::{self, Session},
    spec::Spec,
};

/// The branch as it is now. Another in its place is an error.
pub(super) async fn there(spec: &Spec<'_>, engine: &dyn Engine, id: &str) -> Result<Branch> {
    engine.find(spec).await?.filter(|found| found.id == id).context(GONE)
}

/// How long a branch's server is waited for before somebody asks whether the branch is still there.
const PATIENCE: Duration = Duration::from_secs(10);

/// [`session::open_if_accepted`], as long as the branch is there.
pub(in crate::database) async fn opened(
    spec: &Spec<'_>,
    engine: &dyn Engine,
    id: &str,
    url: &ConnectionUrl,
    log: &Log,
) -> Result<Option<Box<dyn Session>>> {
    while_there(spec, engine, id, session::open_if_accepted(url, log)).await
}

/// What is done with a branch, as long as it is there: another Job may have removed it, which a server that went with it tells
/// nobody who waits for it, and a provider's API or an administrator's session only in words of its own.
pub(in crate::database) async fn while_there<T>(
    spec: &Spec<'_>,
    engine: &dyn Engine,
    id: &str,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let mut work = pin!(work);
    loop {
        match tokio::time::timeout(PATIENCE, work.as_mut()).await {
            Ok(Err(error)) if !error.is::<Refused>() => {
                let found = engine.find(spec).await;
                return Err(if found.is_ok_and(|found| found.is_none_or(|found| found.id != id)) {
                    anyhow!(GONE)
                } else {
                    error
                });
            }
            Ok(done) => return done,
            Err(_) => there(spec, engine, id).await?,
        };
    }
}
