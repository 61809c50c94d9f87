//! `dayfly db provision --rotate`: a new password for a login that works.

use anyhow::{Context as _, Result};

use super::{
    credentials::{Audience, Credentials, Written},
    engine::{Engine, cnpg},
    failure::refuse,
    log::Log,
    session,
    spec::Spec,
    verify::publish,
};

/// Makes the login's password anew, replaces it wherever it was published, and ends the sessions of the old one. Pods that run
/// have the old password until they start again.
pub async fn rotate(spec: &Spec<'_>, engine: &dyn Engine, credentials: &Credentials, log: &Log) -> Result<()> {
    if let Some(by_hand) = cnpg::by_hand(spec) {
        refuse!(
            "the operator made this login, and dayfly gives it no other password. Cluster and login anew: {by_hand}"
        );
    }
    let Some(branch) = engine.find(spec).await?.filter(|branch| branch.is_complete) else { return Ok(()) };
    let is_published = credentials.read(spec, Audience::Workload).await?.is_some();
    let before = credentials.read(spec, Audience::Steps).await?.filter(|before| before.branch == branch.id);
    // A login that nobody gets in with keeps its password, unless somebody else can end its sessions.
    if let Some(before) = &before
        && let Err(error) = session::open_if_accepted(&before.url, log).await
        && !engine.end_sessions(spec, &branch).await?
    {
        return Err(error).context("the password was not changed");
    }
    let url = engine.rotate(spec, &branch, before.as_ref().map(|before| &before.url)).await?;
    // Of a branch whose credentials are not here, `provision` finds out whether it was checked.
    let (id, is_checked) = before.map_or_else(Default::default, |before| (before.branch, before.is_checked));
    let written = Written { url: url.clone(), branch: id, is_checked };
    credentials.write(spec, Audience::Steps, &written).await?;
    if is_published {
        publish(spec, engine, credentials, written).await?;
    }
    log.info("the login has a new password");
    let what = "the old password is of no use any more, but its sessions are still open";
    if engine.end_sessions(spec, &branch).await.context(what)? {
        return Ok(());
    }
    let mut session = session::open(&url, log).await.context(what)?;
    session.end_others().await.context(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{failure::Refused, log::LogFormat, spec};

    #[test]
    fn a_login_of_the_operators_is_not_said_to_be_rotated() {
        let mut spec = spec::example();
        let json = r#"{"provider":"cnpg","database":"shop","synthetic":{"by":"seeds"}}"#;
        spec.baseline.entry = std::borrow::Cow::Owned(serde_json::from_str(json).unwrap());
        spec.names.server = Some("main".into());
        let log = Log::new(LogFormat::Text, "test", "");
        let engine = cnpg::Cnpg::new("shop", Some("shop"), &log).unwrap();
        let file = std::env::temp_dir().join(format!("dayfly-rotate-{}.env", std::process::id()));
        let credentials = Credentials::open_to_write(Some(&file), &log).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let error = runtime.block_on(rotate(&spec, &engine, &credentials, &log)).unwrap_err();
        assert!(error.is::<Refused>(), "{error:#}");
        assert!(
            error
                .to_string()
                .contains("`kubectl -n shop-pr-7 delete clusters.postgresql.cnpg.io,jobs -l dayfly.dev/database=main "),
            "{error:#}"
        );
    }
}
