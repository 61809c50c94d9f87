//! The baseline's database, cloned where server and file system can, and else copied.

use anyhow::{Context as _, Result, anyhow};
use serde_json::json;
use tokio_postgres::{Client, error::SqlState};

use super::{
    Branch, Pauses, Postgres,
    catalogue::{branches, database},
    refuse, users,
};
use crate::database::session::postgres::{identifier, plain};

impl Postgres {
    pub(super) async fn clone_baseline(&self, client: &Client, making: &str) -> Result<()> {
        let Some(baseline) = database(client, &self.baseline).await? else {
            refuse!(
                "the server of {} has no database `{}`, which the guardrails name as baseline",
                self.admin,
                self.baseline
            );
        };
        let version = version(client).await?;
        let mut can_clone = version >= 180_000 && client.batch_execute("SET file_copy_method = clone").await.is_ok();
        let strategy = if version >= 150_000 { " STRATEGY FILE_COPY" } else { "" };
        // Else everybody might connect to it; `check` lets in its owner alone.
        let sql = format!(
            "CREATE DATABASE {} TEMPLATE {}{strategy} ALLOW_CONNECTIONS false",
            identifier(making),
            identifier(&baseline.name)
        );
        let mut pauses = Pauses::short();
        loop {
            self.log.doing(format!("copying the baseline `{}`", self.baseline));
            let started = std::time::Instant::now();
            let Err(error) = client.batch_execute(&sql).await else {
                let how = if can_clone { "cloned" } else { "copied" };
                let elapsed = started.elapsed();
                self.log.facts(
                    format!("{how} the baseline `{}` in {:.2} s", self.baseline, elapsed.as_secs_f64()),
                    &[("method", json!(how)), ("copyMs", json!(elapsed.as_millis()))],
                );
                return Ok(());
            };
            match error.code() {
                Some(&SqlState::OBJECT_IN_USE | &SqlState::LOCK_NOT_AVAILABLE) => {
                    let users = users(client, &self.baseline).await?;
                    self.log.again(if users.is_empty() {
                        // A prepared transaction, for one.
                        plain(error)
                    } else {
                        anyhow!(
                            "sessions of {users} are in the baseline `{}`: end them; none come once `dayfly db prepare-baseline` froze it",
                            self.baseline
                        )
                    });
                }
                Some(&SqlState::DISK_FULL) => {
                    let used = used(&branches(client).await.unwrap_or_default().branches);
                    return Err(plain(error)).with_context(|| {
                        format!(
                            "the baseline `{}` cannot be copied, since the server's disk is full: {used}",
                            self.baseline
                        )
                    });
                }
                Some(&SqlState::INSUFFICIENT_PRIVILEGE | &SqlState::DUPLICATE_DATABASE) => {
                    return Err(plain(error)).with_context(|| {
                        format!(
                            "the baseline `{}` cannot be copied: is it a template, and the administrator CREATEDB?",
                            self.baseline
                        )
                    });
                }
                _ if can_clone => {
                    self.log
                        .warn(format!("the server's file system cannot clone ({:#}): files are copied", plain(error)));
                    can_clone = false;
                    client.batch_execute("SET file_copy_method = copy").await.map_err(plain)?;
                    continue;
                }
                _ => {
                    return Err(plain(error))
                        .with_context(|| format!("the baseline `{}` cannot be copied", self.baseline));
                }
            }
            pauses.wait().await;
        }
    }
}

async fn version(client: &Client) -> Result<u32> {
    let row = client.query_one("SELECT current_setting('server_version_num')", &[]).await.map_err(plain)?;
    row.get::<_, String>(0).parse().context("the server's version is no number")
}

/// What a full server has of dayfly's, and what makes room.
fn used(branches: &[Branch]) -> String {
    let oldest = branches.iter().min_by_key(|branch| &branch.mark.created);
    let oldest = oldest.map(|oldest| format!(", the oldest `{}` of {}", oldest.name, oldest.mark.created));
    format!(
        "it has {} branches of dayfly's{}. `dayfly db sweep --apply` removes those of closed previews",
        branches.len(),
        oldest.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::{super::Mark, *};

    #[test]
    fn a_full_disk_is_told_with_what_is_on_it() {
        let branch = |number: u32, created: &str| Branch {
            id: number.to_string(),
            name: format!("shop_pr_{number}"),
            mark: Mark::of_name("dayfly.shop.shop-pr-7.main", String::new(), created.to_owned()).unwrap(),
            expires: None,
            cost: None,
            is_complete: true,
        };
        let branches = [branch(7, "2026-11-22T18:00:00Z"), branch(3, "2026-11-20T09:00:00Z")];
        assert_eq!(
            used(&branches),
            "it has 2 branches of dayfly's, the oldest `shop_pr_3` of 2026-11-20T09:00:00Z. `dayfly db sweep --apply` removes those of closed previews"
        );
        assert!(used(&[]).starts_with("it has 0 branches of dayfly's. "));
    }
}
