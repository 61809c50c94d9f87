//! `dayfly db list` and `dayfly db sweep`: all branches with dayfly's mark, and those whose preview is gone.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

use anyhow::{Result, bail};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    engine::{self, Branch, Engine},
    kubernetes::Kubernetes,
    log::Log,
    spec::{BaselineSpec, LOCAL, LOCAL_LEASE},
    time,
};
use crate::input::{Guardrails, guardrails::Provider};

/// A provider's account or server, seen once however many baselines it has.
pub struct Place {
    pub provider: Provider,
    pub engine: Box<dyn Engine>,
    /// What people know it by: the provider, and one of its baselines.
    name: String,
    log: Log,
}

/// Every place where the guardrails' baselines are branched; and of each that cannot be asked, why.
pub fn places(guardrails: &Guardrails, log: &Log) -> (Vec<Place>, Vec<String>) {
    let mut seen: BTreeMap<Vec<String>, Result<Place>> = BTreeMap::new();
    for (name, entry) in guardrails.spec.baselines.iter() {
        if entry.provider.is_own() {
            continue;
        }
        let baseline = BaselineSpec { name: name.into(), entry: std::borrow::Cow::Borrowed(entry) };
        let within = [&entry.project, &entry.region].map(|part| part.clone().unwrap_or_default());
        let mut place = vec![entry.provider.name().to_owned()];
        place.extend(within);
        place.extend(entry.api.as_deref().map(str::to_owned));
        place.extend(engine::keys(&baseline));
        // What one baseline lacks another of the same place may have.
        if seen.get(&place).is_none_or(Result::is_err) {
            let name = format!("{} of `{name}`", entry.provider.name());
            let log = log.part(&name);
            let engine = engine::open(&baseline, &log);
            seen.insert(place, engine.map(|engine| Place { provider: entry.provider, engine, name, log }));
        }
    }
    let (mut places, mut failures) = (Vec::new(), Vec::new());
    for place in seen.into_values() {
        match place {
            Ok(place) => places.push(place),
            Err(error) => failures.push(format!("{error:#}")),
        }
    }
    (places, failures)
}

/// All branches of the places, which are asked at once: one that does not answer within `limit` keeps none of the others from
/// it. And of each that failed, why.
pub async fn branches(places: &[Place], limit: Duration) -> (Vec<(&Place, Branch)>, Vec<String>) {
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    let asked = join_all(places.iter().map(|place| place.within(limit, place.engine.list()))).await;
    for (place, answer) in places.iter().zip(asked) {
        match answer {
            Ok(branches) => all.extend(branches.into_iter().map(|branch| (place, branch))),
            Err(error) => failures.push(format!("{}: {error:#}", place.name)),
        }
    }
    all.sort_by(|(_, a), (_, b)| {
        (&a.mark.environment, &a.mark.database, &a.id).cmp(&(&b.mark.environment, &b.mark.database, &b.id))
    });
    (all, failures)
}

impl Place {
    /// Work at this place, which says itself what it waits for.
    async fn within<T>(&self, limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
        let work = tokio::time::timeout(limit, self.log.narrate(work)).await;
        work.unwrap_or_else(|_| bail!("no answer within {} s: {}", limit.as_secs(), self.log.current()))
    }
}

/// One branch as programs read it.
pub fn json(place: &Place, branch: &Branch) -> Value {
    json!({
        "provider": place.provider.name(),
        "id": branch.id,
        "name": branch.name,
        "environment": branch.mark.environment,
        "database": branch.mark.database,
        "owner": branch.mark.owner,
        "baseline": branch.mark.baseline,
        "created": branch.mark.created,
        "expires": branch.expires.map(time::text),
        "cost": branch.cost,
        "complete": branch.is_complete,
    })
}

/// Branches as a table for people.
pub fn table(branches: &[(&Place, Branch)], now: SystemTime) -> String {
    let header = ["ENVIRONMENT", "DATABASE", "BRANCH", "BASELINE", "OWNER", "AGE", "EXPIRES", "COST"];
    let mut rows: Vec<Vec<String>> = vec![header.iter().map(|word| (*word).to_owned()).collect()];
    for (_, branch) in branches {
        let age = time::parse(&branch.mark.created).map_or_else(|_| "?".to_owned(), |created| time::age(created, now));
        let expires = match branch.expires {
            Some(expires) if expires > now => format!("in {}", time::age(now, expires)),
            Some(_) => "expired".to_owned(),
            None => "-".to_owned(),
        };
        let name = if branch.is_complete { branch.name.clone() } else { format!("{} (half made)", branch.name) };
        rows.push(vec![
            branch.mark.environment.clone(),
            branch.mark.database.clone(),
            name,
            branch.mark.baseline.clone(),
            branch.mark.owner.clone(),
            age,
            expires,
            branch.cost.clone().unwrap_or_else(|| "-".to_owned()),
        ]);
    }
    let widths: Vec<usize> =
        (0..header.len()).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// What a sweep did.
#[derive(Debug, Default)]
pub struct Swept {
    pub alive: usize,
    pub reclaimed: usize,
    /// Orphans that this sweep may not reclaim, because they are too large a part of all.
    pub left: usize,
    pub failed: usize,
}

/// Fewer than this may always go in one sweep.
const ALWAYS: usize = 10;

/// What a sweep goes by.
pub struct Sweep<'a> {
    /// The environments that live. They were listed after the branches, since a branch is made after its preview; or then:
    pub alive: &'a BTreeSet<String>,
    /// When they were listed. Of a branch that was made later nobody knows whether its preview lives.
    pub listed: SystemTime,
    /// How long the branches of those that live are prolonged.
    pub lease_seconds: u64,
    /// How many of all branches may be reclaimed, in percent.
    pub share: u8,
    /// Whether anything is done; else it is only said.
    pub apply: bool,
    /// Where the environments' Secrets are.
    pub cluster: Option<&'a Kubernetes>,
    /// How long one place may take. All are worked on at once.
    pub limit: Duration,
}

impl Sweep<'_> {
    /// Renews branches whose environment lives, and reclaims those of which it does not, nor a lease of their own; at most
    /// their share.
    pub async fn run(&self, branches: Vec<(&Place, Branch)>, log: &Log) -> Swept {
        let most = (branches.len() * usize::from(self.share)).div_ceil(100).max(ALWAYS);
        let mut places: Vec<(&Place, Vec<Branch>)> = Vec::new();
        for (place, branch) in branches {
            match places.iter_mut().find(|(other, _)| std::ptr::eq(*other, place)) {
                Some((_, branches)) => branches.push(branch),
                None => places.push((place, vec![branch])),
            }
        }
        let (swept, taken) = (RefCell::new(Swept::default()), Cell::new(0));
        join_all(places.iter().map(async |(place, branches)| {
            let (swept, left) = (&swept, Cell::new(branches.len()));
            let work = async {
                for branch in branches {
                    self.branch(place, branch, (most, &taken), swept, log).await;
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

    async fn branch(
        &self,
        place: &Place,
        branch: &Branch,
        (most, taken): (usize, &Cell<usize>),
        swept: &RefCell<Swept>,
        log: &Log,
    ) {
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
                && let Err(error) = place.engine.renew(branch, time::after(self.lease_seconds)).await
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
        if taken.get() >= most {
            swept.borrow_mut().left += 1;
            return;
        }
        taken.set(taken.get() + 1);
        if !self.apply {
            swept.borrow_mut().reclaimed += 1;
            log.info(format!("would reclaim {what}: its preview is gone"));
            return;
        }
        match self.reclaim(place, branch).await {
            Ok(()) => {
                swept.borrow_mut().reclaimed += 1;
                log.facts(
                    format!("reclaimed {what}: its preview was gone, and its teardown had not run"),
                    &[("branch", json!(branch.name)), ("reclaimed", json!(true))],
                );
            }
            Err(error) => {
                // Another may go instead: what fails each time must not keep the rest.
                taken.set(taken.get() - 1);
                swept.borrow_mut().failed += 1;
                log.warn(format!("{what} cannot be reclaimed: {error:#}"));
            }
        }
    }

    async fn reclaim(&self, place: &Place, branch: &Branch) -> Result<()> {
        place.engine.destroy(branch).await?;
        if let Some(cluster) = self.cluster {
            for secret in branch.mark.secrets.split(',').filter(|name| !name.is_empty()) {
                cluster.delete_secret(&branch.mark.environment, secret).await?;
            }
        }
        Ok(())
    }
}

/// Whether it is somebody's own, outside any preview: as long as its lease runs, no preview's end is its end.
fn is_leased(branch: &Branch, now: SystemTime) -> bool {
    let unless_renewed = || Some(time::parse(&branch.mark.created).ok()? + Duration::from_secs(LOCAL_LEASE));
    branch.mark.owner.starts_with(LOCAL) && branch.expires.or_else(unless_renewed).is_some_and(|until| until > now)
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::database::{connection::ConnectionUrl, log::LogFormat, mark::Mark, session::Session, spec::Spec};

    /// A provider with three branches, which has its moods.
    #[derive(Default)]
    struct Moody {
        /// Calls that are never answered.
        hangs: bool,
        hangs_at_destroy: bool,
        environments: Vec<&'static str>,
    }

    fn no<T>() -> Result<T> {
        bail!("out of order")
    }

    #[async_trait(?Send)]
    impl Engine for Moody {
        async fn list(&self) -> Result<Vec<Branch>> {
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

        async fn renew(&self, _: &Branch, _: SystemTime) -> Result<()> {
            Ok(())
        }

        async fn destroy(&self, _: &Branch) -> Result<()> {
            if self.hangs_at_destroy {
                std::future::pending::<()>().await;
            }
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
        let log = Log::new(LogFormat::Text, "test", "").part(name);
        Place { provider: Provider::Neon, engine: Box::new(engine), name: name.to_owned(), log }
    }

    fn runs<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(work)
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
        let log = Log::new(LogFormat::Text, "test", "");
        let mut sweep = Sweep {
            alive: &BTreeSet::from(["e".to_owned()]),
            listed: SystemTime::now(),
            lease_seconds: 9,
            share: 50,
            apply: true,
            cluster: None,
            limit: Duration::from_secs(1),
        };
        let run = |sweep: &Sweep<'_>| runs(async { sweep.run(branches(&places, sweep.limit).await.0, &log).await });
        let swept = run(&sweep);
        assert_eq!((swept.alive, swept.reclaimed, swept.left, swept.failed), (1, 2, 0, 2));
        // All were made after the list, so nobody knows whether their previews live.
        sweep.listed = time::parse("2026-11-22T17:59:00Z").unwrap();
        let swept = run(&sweep);
        assert_eq!((swept.alive, swept.reclaimed, swept.left, swept.failed), (5, 0, 0, 0));
    }
}
