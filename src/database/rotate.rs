//! `dayfly db provision --rotate`: a new password for a login that works.

use anyhow::Result;

use super::{
    credentials::{Audience, Credentials, Written},
    engine::Engine,
    failure::refuse,
    log::Log,
    spec::Spec,
    verify::publish,
};

/// Makes the login's password anew, and replaces it wherever it was published. Sessions that are open stay; Pods that run have
/// the old password until they start again.
pub async fn rotate(spec: &Spec<'_>, engine: &dyn Engine, credentials: &Credentials, log: &Log) -> Result<()> {
    let Some(branch) = engine.find(spec).await?.filter(|branch| branch.is_complete) else { return Ok(()) };
    let is_published = credentials.read(spec, Audience::Workload).await?.is_some();
    let before = credentials.read(spec, Audience::Steps).await?;
    let written = Written { url: engine.login(spec, &branch).await?, branch: branch.id };
    if before.is_some_and(|before| before.url == written.url) {
        refuse!(
            "`{}` keeps a branch's password as long as the branch: `dayfly db destroy`, then `provision` make both anew",
            spec.baseline.entry.provider.name()
        );
    }
    credentials.write(spec, Audience::Steps, &written).await?;
    if is_published {
        publish(spec, engine, credentials, written).await?;
    }
    log.info("the login has a new password");
    Ok(())
}
