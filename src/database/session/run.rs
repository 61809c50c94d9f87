//! The records of what ran in a branch, which are kept inside it.

use std::{borrow::Cow, fmt::Write as _};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::finding::printable;

/// A program of the team's, and how far it came.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
pub struct Run {
    /// `migrate`, `seed`, or what is said of them and of the branch: [`CHECKED`], [`REBRANCHED`], [`REFUSED`].
    pub step: String,
    /// What told this run from others: the hash of image and command.
    pub input: String,
    /// How far it came, when this was written.
    pub state: State,
    /// The hash of the program and its arguments, and then why it failed; of `checked` what proves it. Never what could be run, or
    /// a secret: whoever has the branch's login reads and writes this.
    pub command: Vec<String>,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// Begun; or its Job was killed.
    Running,
    /// It ran through.
    Done,
    /// Ended otherwise: the branch is made anew before it runs again.
    Failed,
}

impl State {
    /// As records have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// What [`Self::name`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Running, Self::Done, Self::Failed].into_iter().find(|state| state.name() == text)
    }
}

/// The record that a branch was checked before anybody got its credentials: its input is the branch.
pub const CHECKED: &str = "checked";

/// The record that the branch was made anew for an input.
pub const REBRANCHED: &str = "rebranched";

/// The record that an input was not even begun, and why: nothing is to be waited for.
pub const REFUSED: &str = "refused";

/// More records than these are none of dayfly's.
pub(super) const MOST_RUNS: usize = 100;

/// More of a reason than this is nobody's to read.
const LONGEST_REASON: usize = 2000;

impl Run {
    /// What is said of an input, and is no program's run.
    pub fn note(step: &str, input: &str) -> Self {
        Self { step: step.into(), input: input.into(), state: State::Done, command: Vec::new() }
    }

    /// Whether it is this step's, with this input.
    pub fn is(&self, step: &str, input: &str) -> bool {
        self.step == step && self.input == input
    }

    /// The same, failed. `why`: for whoever reads the log of another Job.
    pub fn failed(&self, why: &str) -> Self {
        let digest = self.command.first().cloned().unwrap_or_default();
        let why = why.chars().take(LONGEST_REASON).collect();
        Self { state: State::Failed, command: vec![digest, why], ..self.clone() }
    }

    /// Why it failed, as the record says: whoever has the branch's login may have written that.
    pub fn why(&self) -> Option<Cow<'_, str>> {
        let why = self.command.get(1).filter(|_| self.state == State::Failed)?;
        Some(printable(why, LONGEST_REASON))
    }

    /// The command as it is written down, in ASCII: a database's encoding may lack what is in a path.
    pub(super) fn command_text(&self) -> Result<String> {
        let json = serde_json::to_string(&self.command)?;
        let mut text = String::with_capacity(json.len());
        for letter in json.chars() {
            if letter.is_ascii() {
                text.push(letter);
            } else {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(text, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(text)
    }

    /// A record, as the database has it: step, input, state and command. `None`: it is not one of dayfly's.
    pub(super) fn read([step, input, state, command]: [Option<String>; 4]) -> Option<Self> {
        let state = State::parse(&state?).unwrap_or(State::Failed);
        Some(Self { step: step?, input: input?, state, command: serde_json::from_str(&command?).unwrap_or_default() })
    }
}

/// The records of what ran, each as [`Run::read`] has it: at most [`MOST_RUNS`] and one more.
pub(super) fn readable(runs: impl Iterator<Item = Option<Run>>) -> Vec<Run> {
    runs.collect::<Option<Vec<_>>>().filter(|runs| runs.len() <= MOST_RUNS).unwrap_or_else(unreadable)
}

/// What records say that cannot be read: whatever ran here failed, so the branch is made anew.
pub(super) fn unreadable() -> Vec<Run> {
    ["migrate", "seed"].map(|step| Run { state: State::Failed, ..Run::note(step, "") }).into()
}

/// A table of records. The pull request's programs may do with it what they like.
pub(super) enum Table {
    Absent,
    /// As dayfly made it.
    Sound,
    /// Otherwise: what it says counts for nothing.
    Spoiled,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_kept_in_ascii_and_read_as_it_was() {
        let run =
            Run { step: "migrate".into(), input: "a".into(), state: State::Running, command: vec!["hash".into()] };
        let failed = run.failed("`größe/🦀.sql` ran here");
        let text = failed.command_text().unwrap();
        assert!(text.is_ascii(), "{text}");
        let read = Run::read([Some("migrate".into()), Some("a".into()), Some("failed".into()), Some(text)]).unwrap();
        assert_eq!((&read, read.why().as_deref()), (&failed, Some("`größe/🦀.sql` ran here")));
        assert_eq!(run.why(), None);
        assert_eq!(run.failed(&"a\n".repeat(9000)).why().unwrap().len(), 1000, "no line more in anybody's log");
    }
}
