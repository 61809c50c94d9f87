//! Branches as `dayfly db list` prints them.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::Place;
use crate::database::{engine::Branch, time};

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
