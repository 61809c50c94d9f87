//! `dayfly db provision --rotate`: a new password for a login that works.

use anyhow::{Context as _, Result, bail};

use super::{
    connection::ConnectionUrl,
    credentials::{Audience, Written},
    engine::{Branch, cnpg},
    failure::refuse,
    job::Job,
    retry::Pauses,
};

/// How often the password may be another's.
const MOST_ATTEMPTS: usize = 5;

/// What a rotation leaves that is broken off before it published the new password.
const UNPUBLISHED: &str = "what is published may be refused until this is called again";

/// What the workload of a branch was given.
struct Published {
    branch: String,
    /// Whether migrate and seed were given it too.
    to_steps: bool,
}

impl Job<'_> {
    /// Makes the login's password anew, replaces it wherever it was published, and ends the sessions of the old one. Pods that run
    /// have the old password until they start again. Then the branch is provisioned.
    pub async fn rotate(&self) -> Result<()> {
        let Some(published) = self.change_password().await? else { return self.provision().await.map(drop) };
        let again = Box::pin(async {
            let ready = self.provision().await?;
            if published.branch == ready.branch.id { self.publish(ready.written).await } else { Ok(()) }
        });
        if published.to_steps {
            again.await
        } else {
            // That makes one more.
            self.log.undivided(UNPUBLISHED, again).await
        }
    }

    /// What the workload has now, if it had anything.
    async fn change_password(&self) -> Result<Option<Published>> {
        let Self { spec, engine, credentials, log } = self;
        if let Some(by_hand) = cnpg::by_hand(spec) {
            refuse!(
                "the operator made this login, and dayfly gives it no other password. Cluster and login anew: {by_hand}"
            );
        }
        let Some(branch) = engine.find(spec).await?.filter(|branch| branch.is_complete) else { return Ok(None) };
        let has_workload = credentials.read(spec, Audience::Workload).await?.is_some();
        let before = credentials.read(spec, Audience::Steps).await?.filter(|before| before.branch == branch.id);
        // A login that nobody gets in with keeps its password, unless somebody else can end its sessions.
        if let Some(before) = &before
            && let Err(error) = self.opened(&branch.id, &before.url).await
            && !self.while_there(&branch.id, engine.end_sessions(spec, &branch)).await?
        {
            return Err(error).context("the password was not changed");
        }
        let workload = has_workload.then(|| Published { branch: branch.id.clone(), to_steps: before.is_some() });
        let (mut published, id, is_checked) = match before {
            Some(Written { url, branch, is_checked }) => (Some(url), branch, is_checked),
            // Of a branch whose credentials are not here, `provision` finds out whether it was checked.
            None => Default::default(),
        };
        let (mut pauses, mut attempts) = (Pauses::short(), 0);
        loop {
            // Whoever ends this process waits for that: in between, what is published may open nothing.
            let url = log.undivided(UNPUBLISHED, async {
                let url = self.while_there(&branch.id, engine.rotate(spec, &branch, published.as_ref())).await?;
                let written = Written { url: url.clone(), branch: id.clone(), is_checked };
                credentials.write(spec, Audience::Steps, &written).await?;
                if has_workload {
                    self.publish(written).await?;
                }
                anyhow::Ok(url)
            });
            let url = url.await?;
            log.info("the login has a new password");
            let left = if engine.keeps_old() {
                "the old password may still work, and its sessions are still open"
            } else {
                "the old password is of no use any more, but its sessions are still open"
            };
            if log.undivided(left, Box::pin(self.end_old(&branch, &url))).await.context(left)? {
                return Ok(workload);
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

    /// Ends what is left of the password before. `false`: the new one works no longer. What is published in the end must: another Job
    /// may have changed the password too, and published that before.
    async fn end_old(&self, branch: &Branch, url: &ConnectionUrl) -> Result<bool> {
        let Self { spec, engine, .. } = self;
        let is_ended = self.while_there(&branch.id, engine.rotated(spec, branch, url)).await?;
        match self.opened(&branch.id, url).await? {
            Some(_) if is_ended => Ok(true),
            Some(mut session) => match session.end_others().await {
                Err(_) if !session.ping().await => Ok(false),
                ended => ended.map(|()| true),
            },
            None => Ok(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{
        failure::Refused,
        job::tests::{Noted, job, log, refusing, runs},
        spec,
    };

    #[test]
    fn a_login_of_the_operators_is_not_said_to_be_rotated() {
        let (mut spec, log) = (spec::example(), log());
        let json = r#"{"provider":"cnpg","database":"shop","synthetic":{"by":"seeds"}}"#;
        spec.baseline.entry = std::borrow::Cow::Owned(serde_json::from_str(json).unwrap());
        spec.names.server = Some("main".into());
        let engine = cnpg::Cnpg::new("shop", Some("shop"), &log).unwrap();
        let error = runs(job("rotate", &spec, engine, &log).rotate()).unwrap_err();
        assert!(error.is::<Refused>(), "{error:#}");
        assert!(
            error
                .to_string()
                .contains("`kubectl -n shop-pr-7 delete clusters.postgresql.cnpg.io,jobs -l dayfly.dev/database=main "),
            "{error:#}"
        );
    }

    #[test]
    fn a_password_that_another_job_changed_too_is_changed_once_more() {
        let (spec, log) = (spec::example(), log());
        let engine = Noted { logins: Some(refusing()), ..Noted::new("postgres/shop_baseline", true) };
        let asked = engine.asked.clone();
        let job = job("rotate-raced", &spec, engine, &log);
        let error = runs(job.rotate()).unwrap_err();
        assert!(error.to_string().contains("call this again"), "{error:#}");
        let published = runs(job.credentials.read(&spec, Audience::Steps)).unwrap().unwrap();
        assert_eq!(*asked.borrow(), ["login"; MOST_ATTEMPTS]);
        assert_eq!(published.url.password(), "p5");
        runs(job.credentials.remove(&spec)).unwrap();
    }
}
