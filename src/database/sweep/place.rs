//! The accounts and servers of the guardrails' baselines, and the branches that are there.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use anyhow::{Result, bail};
use futures_util::future::join_all;

use crate::{
    database::{
        engine::{self, Branch, Engine, Listed},
        log::Log,
        spec::BaselineSpec,
    },
    input::{Guardrails, guardrails::Provider},
};

/// A provider's account or server, seen once however many baselines it has.
pub struct Place {
    /// Whose account or server it is.
    pub provider: Provider,
    /// The first of its baselines.
    pub(super) baseline: BaselineSpec<'static>,
    /// One a baseline, by what a branch's mark calls that; never none. Any of them lists all branches.
    pub(super) engines: Vec<(String, Box<dyn Engine>)>,
    /// What people know it by: the provider, and one of its baselines.
    pub(super) name: String,
    pub(super) log: Log,
}

/// Every place where the guardrails' baselines are branched; and of each that cannot be asked, why.
pub fn places(guardrails: &Guardrails, log: &Log) -> (Vec<Place>, Vec<String>) {
    let mut seen: BTreeMap<Vec<String>, Place> = BTreeMap::new();
    let mut refused: BTreeMap<Vec<String>, String> = BTreeMap::new();
    for (name, entry) in guardrails.spec.baselines.iter() {
        if entry.provider.is_own() {
            continue;
        }
        let baseline = BaselineSpec { name: Cow::Owned(name.to_owned()), entry: Cow::Owned(entry.clone()) };
        // PlanetScale's branches without a login are known by their parent alone.
        let parent = entry.parent.as_ref().filter(|_| entry.provider == Provider::Planetscale);
        let within =
            [entry.project.as_ref(), entry.region.as_ref(), parent].map(|part| part.cloned().unwrap_or_default());
        let mut key = vec![engine::page(entry.provider).to_owned()];
        key.extend(within);
        key.extend(entry.api.as_deref().map(str::to_owned));
        key.extend(engine::account_keys(&baseline));
        let known = seen.get(&key).map(|place| place.log.clone());
        let title = format!("{} of `{name}`", entry.provider.name());
        let log = known.unwrap_or_else(|| log.part(&title));
        match engine::open(&baseline, &log) {
            Ok(engine) => {
                let provider = entry.provider;
                let place =
                    seen.entry(key).or_insert(Place { provider, baseline, engines: Vec::new(), name: title, log });
                place.engines.push((entry.subject(), engine));
            }
            Err(error) => _ = refused.entry(key).or_insert(format!("{error:#}")),
        }
    }
    // What one baseline lacks another of the same place may have.
    refused.retain(|key, _| !seen.contains_key(key));
    (seen.into_values().collect(), refused.into_values().collect())
}

/// All branches of the places, which are asked at once: one that does not answer within `limit` keeps none of the others from
/// it. And of each that failed, or has what cannot be read, why.
pub async fn branches(places: &[Place], limit: Duration) -> (Vec<(&Place, Branch)>, Vec<String>) {
    let (mut all, mut failures) = (Vec::new(), Vec::new());
    let asked = join_all(places.iter().map(|place| place.within(limit, place.engines[0].1.list()))).await;
    for (place, answer) in places.iter().zip(asked) {
        match answer {
            Ok(Listed { branches, unreadable }) => {
                all.extend(branches.into_iter().map(|branch| (place, branch)));
                failures.extend(unreadable.into_iter().map(|what| format!("{}: {what}", place.name)));
            }
            Err(error) => failures.push(format!("{}: {:#}", place.name, engine::with_key(&place.baseline, error))),
        }
    }
    all.sort_by(|(_, a), (_, b)| {
        (&a.mark.environment, &a.mark.database, &a.id).cmp(&(&b.mark.environment, &b.mark.database, &b.id))
    });
    // Each of a database's parents has its branches with a login, whatever those were made from.
    let of_planetscale = |place: &Place| place.provider == Provider::Planetscale;
    all.dedup_by(|(place, branch), (first, kept)| {
        of_planetscale(place) && of_planetscale(first) && branch.id == kept.id
    });
    (all, failures)
}

impl Place {
    /// The engine of what a branch was made from: another baseline may have another administrator.
    pub(super) fn engine(&self, branch: &Branch) -> &dyn Engine {
        let own = self.engines.iter().find(|(subject, _)| *subject == branch.mark.baseline);
        &*own.unwrap_or(&self.engines[0]).1
    }

    /// Work at this place, which says itself what it waits for.
    pub(super) async fn within<T>(&self, limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T> {
        let work = tokio::time::timeout(limit, self.log.narrate(work)).await;
        work.unwrap_or_else(|_| bail!("no answer within {} s: {}", limit.as_secs(), self.log.current()))
    }
}
