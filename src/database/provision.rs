//! `dayfly db provision`: the branch, its login, its checks, and credentials for the pull request's own programs.

mod known;
mod turn;

use std::time::Instant;

use anyhow::Result;
use reqwest::StatusCode;
use serde_json::json;

use super::{
    check,
    credentials::{Audience, Written},
    engine::{Branch, GONE, cnpg},
    failure::{Refused, refuse},
    http,
    job::Job,
    local,
    session::Session,
    time,
};
use known::Known;
use turn::{MOST_LOST, Turn};

/// A branch that may be used, and how.
pub struct Ready {
    /// As its provider tells it.
    pub branch: Branch,
    /// What was published for migrate and seed.
    pub written: Written,
    /// With the branch's own login.
    pub session: Box<dyn Session>,
}

impl Job<'_> {
    /// Makes sure of a branch with checked data and working credentials, and publishes these for migrate and seed.
    pub async fn provision(&self) -> Result<Ready> {
        let Self { spec, engine, log, .. } = self;
        check::claim(&spec.baseline)?;
        let mut found = engine.find(spec).await?;
        // A half made one too: to complete it would be to take the other baseline's data.
        if let Some(other) = found.take_if(|branch| branch.mark.baseline != spec.baseline.entry.subject()) {
            log.info(format!("the branch `{}` was made from {}: it is made anew", other.name, other.mark.baseline));
            engine.destroy(&other).await?;
        }
        if let Some(branch) = found.filter(|branch| branch.is_complete) {
            log.info(format!("the branch `{}` is there", branch.name));
            return self.ready(branch, false).await;
        }
        self.ready(self.made().await?, true).await
    }

    /// A branch that is there. `is_new`: this process made it, or gave it other data. Then it is checked, whatever anything says.
    pub(super) async fn ready(&self, mut branch: Branch, mut is_new: bool) -> Result<Ready> {
        let Self { spec, engine, credentials, log } = self;
        let started = Instant::now();
        let key = known::key(&spec.baseline).filter(|_| !engine.checks());
        let mut before = credentials.read(spec, Audience::Steps).await?;
        let mut lost = 0;
        let (Turn { written, session: _alone, lock: _lock, .. }, session) = loop {
            let mut turn = self.turn(&mut branch, before).await?;
            let known = match turn.published.as_ref() {
                _ if engine.checks() => Known::Yes,
                _ if is_new => Known::No,
                published => Known::of(published, &branch),
            };
            match self.checked(&mut *turn.session, &branch, known, key.as_deref()).await {
                Ok(()) => {
                    turn.written.is_checked = true;
                    credentials.write(spec, Audience::Steps, &turn.written).await?;
                    // A Job whose turn has not come may have changed the login's password: what is published in the end must work.
                    if let Some(session) = self.opened(&branch.id, &turn.written.url).await? {
                        break (turn, session);
                    }
                }
                Err(error) if error.is::<Refused>() => {
                    // What may hold live data does not stay.
                    drop(turn);
                    engine.destroy(&branch).await?;
                    if is_new || engine.checks() || cnpg::by_hand(spec).is_some() {
                        credentials.remove(spec).await?;
                        return Err(error);
                    }
                    // It may be what the team's programs made of it: what the baseline is, a new one tells.
                    log.warn(format!(
                        "nothing proves that the branch was checked, and now it is refused ({error}): it is made anew"
                    ));
                    branch = self.made().await?;
                    is_new = true;
                }
                // Another Job may have changed the login's password, or have ended all sessions that were there before it did so. Or
                // it published another login, and what its own made before is not yet that one's. Then the next turn is this one's.
                Err(error) => {
                    lost += 1;
                    let is_anothers = lost < MOST_LOST && (turn.lock.is_some() || !turn.session.ping().await);
                    if !is_anothers && self.opened(&branch.id, &turn.written.url).await?.is_some() {
                        return Err(error);
                    }
                }
            }
            before = credentials.read(spec, Audience::Steps).await?;
        };
        // Those of Jobs whose turn has not come, which take this one over.
        self.while_there(&branch.id, engine.revoke_others(spec, &branch, &written.url)).await?;
        log.facts(
            format!("the branch `{}` is ready, its credentials are published", branch.name),
            &[
                ("branch", json!(branch.name)),
                ("branchId", json!(branch.id)),
                ("totalMs", json!(started.elapsed().as_millis())),
            ],
        );
        Ok(Ready { branch, written, session })
    }

    /// Gives the branch the baseline's data again, and publishes what leads to it. `session`: one in the branch that is
    /// `alone`, so that no other Job does so too, or publishes meanwhile that the branch is checked.
    pub async fn again(&self, branch: &Branch, session: Box<dyn Session>) -> Result<Ready> {
        check::claim(&self.spec.baseline)?;
        self.credentials.doubt(self.spec).await?;
        let branch = self.kept(self.engine.reset(self.spec, branch).await).await?;
        drop(session);
        self.ready(branch, true).await
    }

    /// A new branch, or what was left half made of one.
    async fn made(&self) -> Result<Branch> {
        // Some providers give a new one the identifier of the one before.
        self.credentials.doubt(self.spec).await?;
        self.kept(self.engine.create(self.spec).await).await
    }

    /// Where nothing is left of a branch that was refused, its credentials lead nowhere.
    async fn kept(&self, made: Result<Branch>) -> Result<Branch> {
        let Err(error) = made else { return made };
        if !error.is::<Refused>() && http::status(&error) != Some(StatusCode::NOT_FOUND) {
            return Err(error);
        }
        if self.engine.find(self.spec).await.is_ok_and(|found| found.is_none()) {
            if !error.is::<Refused>() {
                return Err(error.context(GONE));
            }
            self.credentials.remove(self.spec).await?;
        }
        Err(error)
    }

    /// `dayfly db renew`: prolongs the lease.
    pub async fn renew(&self) -> Result<()> {
        let Self { spec, engine, log, .. } = self;
        let Some(branch) = engine.find(spec).await? else {
            refuse!(
                "{} has no branch for the database `{}`: `dayfly db provision` makes it",
                spec.environment,
                spec.database
            );
        };
        let until = time::after(spec.lease_seconds);
        self.while_there(&branch.id, engine.renew(&branch, until)).await?;
        // It may be less, or nothing that this provider keeps.
        let lives = match self.there(&branch.id).await?.expires {
            Some(until) => format!("and its login live until {}", time::text(until)),
            None if !branch.mark.owner.starts_with(local::OWNER) => "lives as long as its preview".to_owned(),
            None if !engine.keeps_leases() => refuse!(
                "{} keeps no lease: the branch `{}` goes {} days after it was made ({}), whatever is renewed. `dayfly db destroy` and `provision` make another",
                spec.baseline.entry.provider.name(),
                branch.name,
                local::LEASE / 86_400,
                branch.mark.created
            ),
            None => refuse!("the branch `{}` has no login yet: `dayfly db provision` completes it", branch.name),
        };
        log.info(format!("the branch `{}` {lives}", branch.name));
        Ok(())
    }

    /// `dayfly db destroy`: the branch goes, and every credential with it. Called again, it finds nothing to do.
    pub async fn destroy(&self) -> Result<()> {
        let Self { spec, engine, credentials, log } = self;
        let started = Instant::now();
        match engine.find(spec).await? {
            Some(branch) => {
                if let Err(error) = engine.destroy(&branch).await {
                    // Whatever keeps the branch: nobody signs in with what was published.
                    credentials.remove(spec).await?;
                    return Err(error);
                }
                log.facts(
                    format!("the branch `{}` is gone, and its login", branch.name),
                    &[("branch", json!(branch.name)), ("totalMs", json!(started.elapsed().as_millis()))],
                );
            }
            None => log.info("there is no branch: nothing to remove"),
        }
        credentials.remove(spec).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{
        connection::ConnectionUrl,
        job::tests::{Noted, job, log, runs},
        spec::{self, Spec},
    };

    #[test]
    fn a_branch_of_another_baseline_is_never_completed() {
        let (spec, log) = (spec::example(), log());
        let here = spec.baseline.entry.subject();
        for (baseline, is_complete, expected) in [
            (&*here, true, &["login"][..]),
            (&*here, false, &["create"]),
            ("postgres/other", true, &["destroy", "create"]),
            ("postgres/other", false, &["destroy", "create"]),
        ] {
            let engine = Noted::new(baseline, is_complete);
            let asked = engine.asked.clone();
            assert!(runs(job("provision", &spec, engine, &log).provision()).is_err());
            assert_eq!(*asked.borrow(), expected, "{baseline} {is_complete}");
        }
    }

    #[test]
    fn what_was_published_before_a_branch_was_made_anew_is_in_doubt() {
        let (spec, log) = (spec::example(), log());
        let engine = Noted::new("postgres/shop_baseline", true);
        let (branch, asked) = (engine.branch.clone(), engine.asked.clone());
        let job = job("doubt", &spec, engine, &log);
        let known = || Known::of(runs(job.credentials.read(&spec, Audience::Steps)).unwrap().as_ref(), &branch);
        assert_eq!(known(), Known::Unpublished);
        let url = ConnectionUrl::parse("postgres://u:p@h:5432/d", "test").unwrap();
        let written = Written::checked(url, "7".into());
        runs(job.credentials.write(&spec, Audience::Steps, &written)).unwrap();
        assert_eq!(known(), Known::Yes);
        // Whatever becomes of the Job after this.
        let session = Box::new(known::tests::Noting::default());
        assert!(runs(job.again(&branch, session)).is_err());
        assert_eq!(known(), Known::No);
        assert_eq!(*asked.borrow(), ["destroy", "create"]);
        runs(job.credentials.remove(&spec)).unwrap();
    }

    #[test]
    fn a_provider_without_leases_renews_nobodys_own_branch() {
        let (mut spec, log) = (spec::example(), log());
        let renew = |spec: &Spec<'_>, keeps_leases| {
            let mut engine = Noted { renews: true, keeps_leases, ..Noted::new("postgres/shop_baseline", true) };
            engine.branch.mark.owner = spec.owner.to_string();
            runs(job("renew", spec, engine, &log).renew()).map_err(|error| error.to_string())
        };
        renew(&spec, false).unwrap();
        spec.owner = format!("{}me", local::OWNER).into();
        let error = renew(&spec, false).unwrap_err();
        assert!(
            error.starts_with("postgres keeps no lease: the branch `main` goes 7 days after it was made"),
            "{error}"
        );
        let error = renew(&spec, true).unwrap_err();
        assert!(error.contains("has no login yet"), "{error}");
    }

    #[test]
    fn a_server_that_takes_no_login_at_all_costs_no_password() {
        let (spec, log) = (spec::example(), log());
        let logins = Some("h:5432/d?sslmode=none".into());
        let engine = Noted { logins, ..Noted::new("postgres/shop_baseline", true) };
        let asked = engine.asked.clone();
        let error = runs(job("unusable", &spec, engine, &log).provision()).map(drop).unwrap_err();
        assert!(format!("{error:#}").contains("cannot be used: `sslmode=none`"), "{error:#}");
        assert_eq!(*asked.borrow(), ["login"], "no other was made");
    }
}
