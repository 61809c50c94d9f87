//! `dayfly db list` and `dayfly db sweep`: all branches with dayfly's mark, and those whose preview is gone.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use anyhow::Result;
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
}

/// Every place where the guardrails' baselines are branched.
pub fn places(guardrails: &Guardrails, log: &Log) -> Result<Vec<Place>> {
    let mut seen: BTreeSet<Vec<String>> = BTreeSet::new();
    let mut places = Vec::new();
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
        if seen.insert(place) {
            places.push(Place { provider: entry.provider, engine: engine::open(&baseline, log)? });
        }
    }
    Ok(places)
}

/// All branches of a place.
pub async fn branches(places: &[Place]) -> Result<Vec<(&Place, Branch)>> {
    let mut all = Vec::new();
    for place in places {
        all.extend(place.engine.list().await?.into_iter().map(|branch| (place, branch)));
    }
    all.sort_by(|(_, a), (_, b)| {
        (&a.mark.environment, &a.mark.database, &a.id).cmp(&(&b.mark.environment, &b.mark.database, &b.id))
    });
    Ok(all)
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

/// Reclaims branches whose environment is not in `alive`, and whose own lease has ended if they have no preview; at most `share` percent of all; renews those whose is. Without
/// `apply`, only says what it would do. `alive` must have been listed after `branches`: a branch is made after its preview.
pub async fn sweep(
    branches: Vec<(&Place, Branch)>,
    alive: &BTreeSet<String>,
    lease_seconds: u64,
    share: u8,
    apply: bool,
    cluster: Option<&Kubernetes>,
    log: &Log,
) -> Swept {
    let most = (branches.len() * usize::from(share)).div_ceil(100).max(ALWAYS);
    let mut swept = Swept::default();
    for (place, branch) in branches {
        let what = format!(
            "`{}` of {} ({}, made {})",
            branch.name,
            branch.mark.environment,
            place.provider.name(),
            branch.mark.created
        );
        if alive.contains(&branch.mark.environment) {
            swept.alive += 1;
            if apply && let Err(error) = place.engine.renew(&branch, time::after(lease_seconds)).await {
                swept.failed += 1;
                log.warn(format!("the lease of {what} cannot be renewed: {error:#}"));
            }
            continue;
        }
        if is_leased(&branch, SystemTime::now()) {
            swept.alive += 1;
            continue;
        }
        if swept.reclaimed >= most {
            swept.left += 1;
            continue;
        }
        if !apply {
            swept.reclaimed += 1;
            log.info(format!("would reclaim {what}: its preview is gone"));
            continue;
        }
        match reclaim(place, &branch, cluster).await {
            Ok(()) => {
                swept.reclaimed += 1;
                log.facts(
                    format!("reclaimed {what}: its preview was gone, and its teardown had not run"),
                    &[("branch", json!(branch.name)), ("reclaimed", json!(true))],
                );
            }
            Err(error) => {
                swept.failed += 1;
                log.warn(format!("{what} cannot be reclaimed: {error:#}"));
            }
        }
    }
    swept
}

/// Whether it is somebody's own, outside any preview: as long as its lease runs, no preview's end is its end.
fn is_leased(branch: &Branch, now: SystemTime) -> bool {
    let unless_renewed = || Some(time::parse(&branch.mark.created).ok()? + Duration::from_secs(LOCAL_LEASE));
    branch.mark.owner.starts_with(LOCAL) && branch.expires.or_else(unless_renewed).is_some_and(|until| until > now)
}

async fn reclaim(place: &Place, branch: &Branch, cluster: Option<&Kubernetes>) -> Result<()> {
    place.engine.destroy(branch).await?;
    if let Some(cluster) = cluster {
        for secret in branch.mark.secrets.split(',').filter(|name| !name.is_empty()) {
            cluster.delete_secret(&branch.mark.environment, secret).await?;
        }
    }
    Ok(())
}
