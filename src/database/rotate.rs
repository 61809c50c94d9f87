//! `dayfly db provision --rotate`: a new password for a login that works.

use anyhow::{Context as _, Result};

use super::{
    credentials::{Audience, Credentials, Written},
    engine::Engine,
    log::Log,
    session,
    spec::Spec,
    verify::publish,
};

/// Makes the login's password anew, replaces it wherever it was published, and ends the sessions of the old one. Pods that run
/// have the old password until they start again.
pub async fn rotate(spec: &Spec<'_>, engine: &dyn Engine, credentials: &Credentials, log: &Log) -> Result<()> {
    let Some(branch) = engine.find(spec).await?.filter(|branch| branch.is_complete) else { return Ok(()) };
    let is_published = credentials.read(spec, Audience::Workload).await?.is_some();
    let before = credentials.read(spec, Audience::Steps).await?.filter(|before| before.branch == branch.id);
    let url = engine.rotate(spec, &branch, before.as_ref().map(|before| &before.url)).await?;
    let written = Written { url: url.clone(), branch: branch.id };
    credentials.write(spec, Audience::Steps, &written).await?;
    if is_published {
        publish(spec, engine, credentials, written).await?;
    }
    log.info("the login has a new password");
    let mut session = session::open(&url, log).await?;
    session.end_others().await.context("the old password is of no use any more, but its sessions are still open")
}
