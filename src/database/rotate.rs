//! `dayfly db provision --rotate`: a new password for a login that works.

use anyhow::{Context as _, Result, bail};

use super::{
    credentials::{Audience, Written},
    engine::cnpg,
    failure::refuse,
    job::Job,
    retry::Pauses,
};

/// How often the password may be another's.
const MOST_ATTEMPTS: u32 = 5;

impl Job<'_> {
    /// Makes the login's password anew, replaces it wherever it was published, and ends the sessions of the old one. Pods that run
    /// have the old password until they start again.
    pub async fn rotate(&self) -> Result<()> {
        let Self { spec, engine, credentials, log } = self;
        if let Some(by_hand) = cnpg::by_hand(spec) {
            refuse!(
                "the operator made this login, and dayfly gives it no other password. Cluster and login anew: {by_hand}"
            );
        }
        let Some(branch) = engine.find(spec).await?.filter(|branch| branch.is_complete) else { return Ok(()) };
        let is_published = credentials.read(spec, Audience::Workload).await?.is_some();
        let before = credentials.read(spec, Audience::Steps).await?.filter(|before| before.branch == branch.id);
        // A login that nobody gets in with keeps its password, unless somebody else can end its sessions, or another does.
        if let Some(before) = &before
            && !engine.makes_others()
            && let Err(error) = self.opened(&branch.id, &before.url).await
            && !self.while_there(&branch.id, engine.end_sessions(spec, &branch)).await?
        {
            return Err(error).context("the password was not changed");
        }
        let (id, is_checked) = match &before {
            Some(before) => (before.branch.clone(), before.is_checked),
            // Of a branch whose credentials are not here, `provision` finds out whether it was checked.
            None => Default::default(),
        };
        let mut published = before.map(|before| before.url);
        let (mut pauses, mut attempts) = (Pauses::short(), 0);
        loop {
            let url = self.while_there(&branch.id, engine.rotate(spec, &branch, published.as_ref())).await?;
            let written = Written { url: url.clone(), branch: id.clone(), is_checked };
            credentials.write(spec, Audience::Steps, &written).await?;
            if is_published {
                self.publish(written).await?;
            }
            log.info("the login has a new password");
            let what = "the old password is of no use any more, but its sessions are still open";
            let is_ended = if engine.makes_others() {
                self.while_there(&branch.id, engine.revoke_others(&branch, spec, &url)).await.context(what)?;
                true
            } else {
                self.while_there(&branch.id, engine.end_sessions(spec, &branch)).await.context(what)?
            };
            // What is published in the end must work: another Job may have changed the password once more, and published that
            // before.
            match self.opened(&branch.id, &url).await.context(what)? {
                Some(_) if is_ended => return Ok(()),
                Some(mut session) => match session.end_others().await {
                    Err(_) if !session.ping().await => {}
                    ended => return ended.context(what),
                },
                None => {}
            }
            attempts += 1;
            if attempts == MOST_ATTEMPTS {
                bail!(
                    "other Jobs change the login's password too, again and again: call this again when they are through"
                );
            }
            log.info("another Job changed the password too: once more");
            pauses.wait().await;
            published = Some(url);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, rc::Rc, time::SystemTime};

    use async_trait::async_trait;

    use super::*;
    use crate::database::{
        connection::ConnectionUrl,
        engine::{Branch, Engine},
        failure::Refused,
        log::{Log, LogFormat},
        mark::Mark,
        session::Session,
        spec::{self, Spec},
    };

    #[test]
    fn a_login_of_the_operators_is_not_said_to_be_rotated() {
        let mut spec = spec::example();
        let json = r#"{"provider":"cnpg","database":"shop","synthetic":{"by":"seeds"}}"#;
        spec.baseline.entry = std::borrow::Cow::Owned(serde_json::from_str(json).unwrap());
        spec.names.server = Some("main".into());
        let log = Log::new(LogFormat::Text, "test", "");
        let job = Job::example("rotate", &spec, cnpg::Cnpg::new("shop", Some("shop"), &log).unwrap(), &log);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let error = runtime.block_on(job.rotate()).unwrap_err();
        assert!(error.is::<Refused>(), "{error:#}");
        assert!(
            error
                .to_string()
                .contains("`kubectl -n shop-pr-7 delete clusters.postgresql.cnpg.io,jobs -l dayfly.dev/database=main "),
            "{error:#}"
        );
    }

    /// A branch whose login another Job gives another password, each time before this one gets in.
    struct Raced(Branch, Rc<Cell<u32>>);

    #[async_trait(?Send)]
    impl Engine for Raced {
        async fn list(&self) -> Result<Vec<Branch>> {
            Ok(vec![self.0.clone()])
        }

        async fn create(&self, _: &Spec<'_>) -> Result<Branch> {
            bail!("no")
        }

        async fn login(&self, _: &Spec<'_>, _: &Branch) -> Result<ConnectionUrl> {
            self.1.set(self.1.get() + 1);
            // Refused before a server is asked.
            ConnectionUrl::parse(&format!("postgres://u:p{}@h:5432/d?sslmode=none", self.1.get()), "test")
        }

        async fn end_sessions(&self, _: &Spec<'_>, _: &Branch) -> Result<bool> {
            Ok(true)
        }

        async fn renew(&self, _: &Branch, _: SystemTime) -> Result<()> {
            bail!("no")
        }

        async fn destroy(&self, _: &Branch) -> Result<()> {
            bail!("no")
        }

        async fn open_baseline(&self) -> Result<Box<dyn Session>> {
            bail!("no")
        }

        async fn freeze_baseline(&self) -> Result<()> {
            bail!("no")
        }
    }

    #[test]
    fn a_password_that_another_job_changed_too_is_changed_once_more() {
        let spec = spec::example();
        let branch = Branch {
            id: "7".into(),
            name: "main".into(),
            mark: Mark::new(&spec),
            expires: None,
            cost: None,
            is_complete: true,
        };
        let log = Log::new(LogFormat::Text, "test", "");
        let logins = Rc::new(Cell::new(0));
        let job = Job::example("rotate-raced", &spec, Raced(branch, logins.clone()), &log);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let error = runtime.block_on(job.rotate()).unwrap_err();
        assert!(error.to_string().contains("call this again"), "{error:#}");
        let published = runtime.block_on(job.credentials.read(&spec, Audience::Steps)).unwrap().unwrap();
        assert_eq!((logins.get(), published.url.password().as_str()), (MOST_ATTEMPTS, "p5"));
        runtime.block_on(job.credentials.remove(&spec)).unwrap();
    }
}
