//! What of Neon's API is used, and how it looks.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;

use super::{Branch, DAYFLY, Mark, Neon, Pauses, time};
use crate::database::http::part;

/// What Neon began and could not do.
#[derive(Debug)]
pub(super) struct Failed(pub(super) String);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failed {}

/// A branch, as far as it matters here.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) name: String,
    /// `init`, `ready`, `archived`, and whatever Neon thinks of next.
    current_state: String,
    pub(super) created_at: String,
    pub(super) parent_id: Option<String>,
    #[serde(default)]
    pub(super) default: bool,
    #[serde(default)]
    pub(super) protected: bool,
    pub(super) expires_at: Option<String>,
    #[serde(default)]
    compute_time_seconds: u64,
    #[serde(default)]
    written_data_bytes: u64,
}

impl Row {
    pub(super) fn read(value: &Value) -> Result<Self> {
        Self::deserialize(value).context("Neon's answer describes no branch")
    }

    /// An archived branch wakes when somebody connects.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.current_state.as_str(), "ready" | "archived")
    }

    pub(super) fn branch(self, mark: Mark, is_complete: bool) -> Branch {
        #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
        let cost = format!(
            "{:.2} CU-h, {:.1} MB written",
            self.compute_time_seconds as f64 / 3600.0,
            self.written_data_bytes as f64 / 1e6
        );
        Branch {
            expires: self.expires_at.as_deref().and_then(|text| time::parse(text).ok()),
            id: self.id,
            name: self.name,
            mark,
            cost: Some(cost),
            is_complete,
        }
    }
}

#[derive(Deserialize)]
struct Operation {
    id: String,
    action: String,
    status: String,
    branch_id: Option<String>,
    #[serde(default)]
    error: String,
}

impl Operation {
    fn is_over(&self) -> bool {
        matches!(self.status.as_str(), "finished" | "skipped" | "failed" | "cancelled")
    }
}

impl Neon {
    pub(super) fn path(&self, rest: &str) -> String {
        format!("/projects/{}/{rest}", part(&self.project))
    }

    pub(super) fn branch_path(&self, branch: &str, rest: &str) -> String {
        self.path(&format!("branches/{}{rest}", part(branch)))
    }

    /// Branches whose name or id holds `search`, each with its mark if it has one.
    pub(super) async fn rows(&self, search: &str) -> Result<Vec<(Row, Option<Mark>)>> {
        let mut found = Vec::new();
        let mut cursor = String::new();
        loop {
            // In the order of what never changes: a page must not move while others are read.
            let mut path = self.path("branches?limit=1000&sort_by=created_at&sort_order=asc");
            for (name, value) in [("search", search), ("cursor", &cursor)] {
                if !value.is_empty() {
                    path = format!("{path}&{name}={}", part(value));
                }
            }
            let answer = self.api.get(&path).await?;
            let rows = answer["branches"].as_array().context("Neon's answer lists no branches")?;
            for row in rows {
                let row = Row::read(row)?;
                let annotation = &answer["annotations"][&row.id]["value"];
                let is_ours = annotation[DAYFLY.0] == DAYFLY.1;
                let mark = if is_ours { Mark::deserialize(annotation).ok() } else { None };
                found.push((row, mark));
            }
            match answer["pagination"]["next"].as_str() {
                Some(next) if !next.is_empty() && !rows.is_empty() => next.clone_into(&mut cursor),
                _ => return Ok(found),
            }
        }
    }

    /// Waits for the operations that an answer says were begun.
    pub(super) async fn all_finished(&self, answer: &Value) -> Result<()> {
        for operation in answer["operations"].as_array().into_iter().flatten() {
            let operation = Operation::deserialize(operation).context("Neon's answer describes no operation")?;
            self.finished(&operation.id).await?;
        }
        Ok(())
    }

    /// Waits for one operation. `error` is a state that Neon itself tries to leave.
    pub(super) async fn finished(&self, id: &str) -> Result<()> {
        let mut pauses = Pauses::new(Duration::from_millis(200), Duration::from_secs(4));
        loop {
            let answer = self.api.get(&self.path(&format!("operations/{}", part(id)))).await?;
            let operation = Operation::deserialize(&answer["operation"]).context("Neon's answer has no operation")?;
            match operation.status.as_str() {
                "finished" | "skipped" => return Ok(()),
                status @ ("failed" | "cancelled") => {
                    let why = if operation.error.is_empty() { "Neon does not say why" } else { &operation.error };
                    return Err(Failed(format!("Neon's operation `{}` {status}: {why}", operation.action)).into());
                }
                status => self.log.doing(format!("waiting for Neon's operation `{}` ({status})", operation.action)),
            }
            pauses.wait().await;
        }
    }

    /// What is being done to a branch, by whomever it was asked for.
    pub(super) async fn unfinished_operations(&self, branch: &str) -> Result<Vec<String>> {
        let answer = self.api.get(&self.path("operations?limit=1000")).await?;
        let operations: Vec<Operation> =
            Vec::deserialize(&answer["operations"]).context("Neon's answer lists no operations")?;
        Ok(operations
            .into_iter()
            .filter(|operation| operation.branch_id.as_deref() == Some(branch) && !operation.is_over())
            .map(|operation| operation.id)
            .collect())
    }
}
