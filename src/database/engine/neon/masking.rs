//! Branches that Neon masks itself, by the rules of the guardrails.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::{Neon, Pauses, api::Failed};
use crate::{input::guardrails::Anonymized, rules::baseline::column_parts};

impl Neon {
    pub(super) async fn masking_rules(&self, anonymized: &Anonymized) -> Result<Vec<Value>> {
        let (database, _) = self.database(&self.parent).await?;
        let rules = anonymized.mask.iter().map(|mask| {
            let [schema, table, column] = column_parts(&mask.column).context("a masked column has no schema")?;
            let mut rule =
                json!({"database_name": database, "schema_name": schema, "table_name": table, "column_name": column});
            if let Some(function) = &mask.function {
                rule["masking_function"] = json!(function);
            }
            if let Some(value) = &mask.value {
                rule["masking_value"] = json!(value);
            }
            Ok(rule)
        });
        rules.collect()
    }

    /// Waits until a branch is masked, if it has to be.
    pub(super) async fn masked(&self, branch: &str) -> Result<()> {
        if self.entry.anonymized.is_none() {
            return Ok(());
        }
        let mut pauses = Pauses::new(Duration::from_millis(250), Duration::from_secs(5));
        loop {
            let answer = self.masking_state(branch).await?;
            match answer["state"].as_str().unwrap_or_default() {
                "anonymized" => return Ok(()),
                state @ ("initialization_error" | "error") => {
                    let message = answer["status_message"].as_str().unwrap_or("Neon does not say why");
                    return Err(Failed(format!("masking ended with `{state}`: {message}")).into());
                }
                state => self.log.doing(format!("waiting for Neon to mask the branch (`{state}`)")),
            }
            pauses.wait().await;
        }
    }

    pub(super) async fn masking_state(&self, branch: &str) -> Result<Value> {
        self.api.get(&self.branch_path(branch, "/anonymized_status")).await
    }
}
