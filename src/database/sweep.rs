//! `dayfly db list` and `dayfly db sweep`: all branches with dayfly's mark, and those whose preview is gone.

mod place;
mod text;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use anyhow::{Result, bail};
use futures_util::future::join_all;
use serde_json::json;

pub use self::{
    place::{Place, branches, places},
    text::{json, table},
};
use super::{engine::Branch, kubernetes::Kubernetes, local, log::Log, time};

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    /// Branches that stay: their environment lives, or their lease has not ended.
    pub alive: usize,
    /// Branches that were removed, or would be if the sweep applied.
    pub reclaimed: usize,
    /// Orphans that this sweep may not reclaim, because they are too large a part of all.
    pub left: usize,
    /// Places and branches with which something went wrong: the log says what.
    pub failed: usize,
    /// Orphans that were reclaimed, or are being reclaimed right now.
    taken: usize,
}

/// What a sweep goes by.
pub struct Sweep<'a> {
    /// The environments that live. They were listed after the branches, since a branch is made after its preview; or then:
    pub alive: &'a BTreeSet<String>,
    /// When they were listed. Of a branch that was made later nobody knows whether its preview lives.
    pub listed: SystemTime,
    /// How long the branches of those that live are prolonged.
    pub lease_seconds: u64,
    /// How many of all branches may be reclaimed, in percent; one may always, or few would never end.
    pub share: u8,
    /// Whether anything is done; else it is only said.
    pub apply: bool,
    /// Where the environments' Secrets are.
    pub cluster: Option<&'a Kubernetes>,
    /// How long one place may take. All are worked on at once.
    pub limit: Duration,
    /// How long one branch may take: what its preview holds must not keep the others of its place.
    pub branch_limit: Duration,
}

impl Sweep<'_> {
    /// Renews branches whose environment lives, and reclaims those of which it does not, nor a lease of their own; at most
    /// their share.
    pub async fn run(&self, branches: Vec<(&Place, Branch)>, log: &Log) -> Swept {
        let most = (branches.len() * usize::from(self.share) / 100).max(1);
        let mut places: Vec<(&Place, Vec<Branch>)> = Vec::new();
        for (place, branch) in branches {
            match places.iter_mut().find(|(other, _)| std::ptr::eq(*other, place)) {
                Some((_, branches)) => branches.push(branch),
                None => places.push((place, vec![branch])),
            }
        }
        let swept = RefCell::new(Swept::default());
        join_all(places.iter().map(async |(place, branches)| {
            let (swept, left) = (&swept, Cell::new(branches.len()));
            let work = async {
                for branch in branches {
                    self.branch(place, branch, most, swept, log).await;
                    left.set(left.get() - 1);
                }
                Ok(())
            };
            if let Err(error) = place.within(self.limit, work).await {
                swept.borrow_mut().failed += left.get();
                log.warn(format!("{}: {} of {} branches are left: {error:#}", place.name, left.get(), branches.len()));
            }
        }))
        .await;
        swept.into_inner()
    }

    async fn branch(&self, place: &Place, branch: &Branch, most: usize, swept: &RefCell<Swept>, log: &Log) {
        let what = format!(
            "`{}` of {} ({}, made {})",
            branch.name,
            branch.mark.environment,
            place.provider.name(),
            branch.mark.created
        );
        if self.alive.contains(&branch.mark.environment) {
            swept.borrow_mut().alive += 1;
            if self.apply
                && let Err(error) =
                    self.in_time(place, place.engine(branch).renew(branch, time::after(self.lease_seconds))).await
            {
                swept.borrow_mut().failed += 1;
                log.warn(format!("the lease of {what} cannot be renewed: {error:#}"));
            }
            return;
        }
        let is_newer = time::parse(&branch.mark.created).is_ok_and(|created| created > self.listed);
        if is_newer || is_leased(branch, SystemTime::now()) {
            swept.borrow_mut().alive += 1;
            return;
        }
        if swept.borrow().taken >= most {
            swept.borrow_mut().left += 1;
            return;
        }
        swept.borrow_mut().taken += 1;
        if !self.apply {
            swept.borrow_mut().reclaimed += 1;
            log.info(format!("would reclaim {what}: its preview is gone"));
            return;
        }
        let reclaimed = self.in_time(place, self.reclaim(place, branch)).await;
        let mut swept = swept.borrow_mut();
        match reclaimed {
            Ok(false) => {
                swept.taken -= 1;
                swept.alive += 1;
                log.info(format!("{what} stays: its preview is back"));
            }
            Ok(true) => {
                swept.reclaimed += 1;
                log.facts(
                    format!("reclaimed {what}: its preview was gone, and its teardown had not run"),
                    &[("branch", json!(branch.name)), ("reclaimed", json!(true))],
                );
            }
            Err(error) => {
                // Another may go instead: what fails each time must not keep the rest.
                swept.taken -= 1;
                swept.failed += 1;
                log.warn(format!("{what} cannot be reclaimed: {error:#}"));
            }
        }
    }

    /// Work on one branch.
    async fn in_time<T>(&self, place: &Place, work: impl Future<Output = Result<T>>) -> Result<T> {
        let limit = self.branch_limit;
        let work = tokio::time::timeout(limit, work).await;
        work.unwrap_or_else(|_| bail!("not done within {} s: {}", limit.as_secs(), place.log.current()))
    }

    /// Removes a branch, unless its preview was opened again while others were worked on.
    async fn reclaim(&self, place: &Place, branch: &Branch) -> Result<bool> {
        if let Some(cluster) = self.cluster
            && cluster.is_environment(&branch.mark.environment).await?
        {
            return Ok(false);
        }
        place.engine(branch).destroy(branch).await?;
        if let Some(cluster) = self.cluster {
            for secret in branch.mark.secrets.split(',').filter(|name| !name.is_empty()) {
                cluster.delete_secret(&branch.mark.environment, secret).await?;
            }
        }
        Ok(true)
    }
}

/// Whether it is somebody's own, outside any preview: as long as its lease runs, no preview's end is its end.
fn is_leased(branch: &Branch, now: SystemTime) -> bool {
    let unless_renewed = || Some(time::parse(&branch.mark.created).ok()? + Duration::from_secs(local::LEASE));
    branch.mark.owner.starts_with(local::OWNER)
        && branch.expires.or_else(unless_renewed).is_some_and(|until| until > now)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use async_trait::async_trait;

    use super::*;
    use crate::{
        database::{
            connection::ConnectionUrl,
            engine::{Engine, Listed},
            http::tests::{answering, runs},
            kubernetes::tests::cluster,
            log::LogFormat,
            mark::Mark,
            session::Session,
            spec::{self, Spec},
        },
        input::guardrails::Provider,
    };

    /// A provider with three branches, which has its moods.
    #[derive(Default)]
    struct Moody {
        /// Calls that are never answered.
        hangs: bool,
        hangs_at_destroy: bool,
        /// Of these alone, whether they're renewed or removed.
        held: Vec<&'static str>,
        /// What it did, where somebody asks.
        done: Rc<RefCell<Vec<String>>>,
        environments: Vec<&'static str>,
    }

    fn no<T>() -> Result<T> {
        bail!("out of order")
    }

    #[async_trait(?Send)]
    impl Engine for Moody {
        async fn list(&self) -> Result<Listed> {
            if self.hangs {
                std::future::pending::<()>().await;
            }
            if self.environments.is_empty() {
                return no();
            }
            let branch = |environment: &&str| Branch {
                id: (*environment).to_owned(),
                name: (*environment).to_owned(),
                mark: Mark {
                    owner: format!("dayfly:shop:{environment}"),
                    environment: (*environment).to_owned(),
                    database: "main".into(),
                    baseline: "postgres/shop".into(),
                    secrets: String::new(),
                    created: "2026-11-22T18:00:00Z".into(),
                },
                expires: None,
                cost: None,
                is_complete: true,
            };
            Ok(self.environments.iter().map(branch).collect())
        }

        async fn create(&self, _: &Spec<'_>) -> Result<Branch> {
            no()
        }

        async fn login(&self, _: &Spec<'_>, _: &Branch) -> Result<ConnectionUrl> {
            no()
        }

        async fn renew(&self, branch: &Branch, _: SystemTime) -> Result<()> {
            self.destroy(branch).await
        }

        async fn destroy(&self, branch: &Branch) -> Result<()> {
            if self.hangs_at_destroy || self.held.contains(&&*branch.name) {
                std::future::pending::<()>().await;
            }
            self.done.borrow_mut().push(branch.name.clone());
            Ok(())
        }

        async fn open_baseline(&self) -> Result<Box<dyn Session>> {
            no()
        }

        async fn freeze_baseline(&self) -> Result<()> {
            no()
        }
    }

    fn place(name: &str, engine: Moody) -> Place {
        let log = Log::new(LogFormat::Text, "test").part(name);
        let engines: Vec<(String, Box<dyn Engine>)> = vec![("postgres/shop".to_owned(), Box::new(engine))];
        Place { provider: Provider::Neon, baseline: spec::example().baseline, engines, name: name.to_owned(), log }
    }

    #[test]
    fn a_place_that_fails_keeps_no_other_from_its_branches() {
        let places = [
            place("down", Moody { hangs: true, ..Moody::default() }),
            place("broken", Moody::default()),
            place("fine", Moody { environments: vec!["b", "a"], ..Moody::default() }),
        ];
        let (branches, failures) = runs(branches(&places, Duration::from_secs(1)));
        let names: Vec<&str> = branches.iter().map(|(_, branch)| branch.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(failures, ["down: no answer within 1 s: beginning", "broken: out of order"]);
    }

    #[test]
    fn a_place_that_hangs_keeps_no_other_from_being_swept() {
        let places = [
            place("down", Moody { hangs_at_destroy: true, environments: vec!["a", "b"], ..Moody::default() }),
            place("fine", Moody { environments: vec!["c", "d", "e"], ..Moody::default() }),
        ];
        let log = Log::new(LogFormat::Text, "test");
        let mut sweep = Sweep {
            alive: &BTreeSet::from(["e".to_owned()]),
            listed: SystemTime::now(),
            lease_seconds: 9,
            share: 100,
            apply: true,
            cluster: None,
            limit: Duration::from_secs(1),
            branch_limit: Duration::from_secs(9),
        };
        let run = |sweep: &Sweep<'_>| runs(async { sweep.run(branches(&places, sweep.limit).await.0, &log).await });
        let swept = run(&sweep);
        assert_eq!((swept.alive, swept.reclaimed, swept.left, swept.failed), (1, 2, 0, 2));
        // All were made after the list, so nobody knows whether their previews live.
        sweep.listed = time::parse("2026-11-22T17:59:00Z").unwrap();
        let swept = run(&sweep);
        assert_eq!((swept.alive, swept.reclaimed, swept.left, swept.failed), (5, 0, 0, 0));
    }

    /// A sweep at one place, of which these live.
    fn swept(place: Place, alive: &[&str], share: u8) -> (usize, usize, usize, usize) {
        swept_in(None, place, alive, share)
    }

    fn swept_in(cluster: Option<&Kubernetes>, place: Place, alive: &[&str], share: u8) -> (usize, usize, usize, usize) {
        let places = [place];
        let alive: BTreeSet<String> = alive.iter().map(|name| (*name).to_owned()).collect();
        let sweep = Sweep {
            alive: &alive,
            listed: SystemTime::now(),
            lease_seconds: 9,
            share,
            apply: true,
            cluster,
            limit: Duration::from_secs(9),
            branch_limit: if cluster.is_some() { Duration::from_secs(9) } else { Duration::from_millis(100) },
        };
        let log = Log::new(LogFormat::Text, "test");
        let swept = runs(async { sweep.run(branches(&places, sweep.limit).await.0, &log).await });
        (swept.alive, swept.reclaimed, swept.left, swept.failed)
    }

    #[test]
    fn a_branch_that_somebody_holds_keeps_no_other_from_being_swept() {
        let environments = vec!["a", "b", "c", "d"];
        let engine = Moody { held: vec!["a", "b"], environments, ..Moody::default() };
        let done = engine.done.clone();
        assert_eq!(swept(place("held", engine), &["a", "c"], 100), (2, 1, 0, 2));
        assert_eq!(*done.borrow(), ["c", "d"]);
    }

    #[test]
    fn a_preview_that_was_opened_again_meanwhile_keeps_its_branch() {
        let engine = Moody { environments: vec!["a", "b"], ..Moody::default() };
        let done = engine.done.clone();
        let (base, asked) = answering(&[(200, r#"{"items":[{"metadata":{"name":"a"}}]}"#), (200, r#"{"items":[]}"#)]);
        assert_eq!(swept_in(Some(&cluster(base)), place("back", engine), &[], 100), (1, 1, 0, 0));
        assert_eq!(*done.borrow(), ["b"]);
        assert!(asked.join().unwrap()[0].contains("&fieldSelector=metadata.name%3Da&"));
    }

    #[test]
    fn a_sweep_takes_no_more_than_its_share() {
        let eight = || Moody { environments: vec!["a", "b", "c", "d", "e", "f", "g", "h"], ..Moody::default() };
        for (share, (reclaimed, left)) in [(1, (1, 7)), (50, (4, 4)), (51, (4, 4)), (100, (8, 0))] {
            assert_eq!(swept(place("fine", eight()), &[], share), (0, reclaimed, left, 0));
        }
    }

    #[test]
    fn a_branch_is_renewed_and_reclaimed_as_its_own_baseline_says() {
        let first = Moody { environments: vec!["a", "b"], ..Moody::default() };
        let own = Moody::default();
        let done = own.done.clone();
        let mut place = place("two", first);
        place.engines[0].0 = "postgres/crm".to_owned();
        place.engines.push(("postgres/shop".to_owned(), Box::new(own)));
        assert_eq!(swept(place, &["a"], 100), (1, 1, 0, 0));
        assert_eq!(*done.borrow(), ["a", "b"]);
    }
}
