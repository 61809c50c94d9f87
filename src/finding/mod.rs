//! What dayfly has to say about its inputs: one type for every message, whoever it is for.

mod excerpt;
mod github;
mod json;
mod masked;
mod nearest;
mod record;
mod rule;
mod sarif;
mod text;
mod visible;
mod window;
mod words;
mod wrap;

pub use excerpt::Excerpt;
pub use github::github;
pub use json::json;
pub(crate) use json::pretty;
pub use masked::masked;
pub use nearest::{likely, meant, nearest};
pub use record::record;
pub use rule::rule;
pub use sarif::sarif;
pub(crate) use text::{BOLD, RED, RESET};
pub use text::{Style, beginning, text};
pub(crate) use visible::{is_deceptive, is_unseen};
pub use visible::{one_line, printable, visible};
pub(crate) use window::window;
pub(crate) use words::words;
pub use wrap::wrapped;

use serde::Serialize;

/// What can be found, documented: one constant in one file of [`crate::rules`].
#[derive(Debug)]
pub struct Rule {
    /// Stable, kebab-case.
    pub code: &'static str,
    /// What becomes of a render in which this is found.
    pub severity: Severity,
    /// One line: what must hold.
    pub summary: &'static str,
    /// Why, and what to do about it; Markdown, for the documentation.
    pub explanation: &'static str,
}

impl PartialEq for Rule {
    fn eq(&self, other: &Self) -> bool {
        self.code == other.code
    }
}

/// How bad it is: errors sort before warnings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is rendered, or the quarantine.
    Error,
    /// Rendered, but not as it was asked for.
    Warning,
}

impl Severity {
    /// As it is spelt everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// Who can mend it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// Whoever writes the guardrails, the templates and the patches.
    Platform,
    /// Whoever writes the policy and its manifests.
    Team,
    /// Whoever opened it. In layout `single`, the policy and its manifests are theirs, too.
    PullRequest,
}

impl Owner {
    /// As it is spelt everywhere.
    pub fn name(self) -> &'static str {
        match self {
            Self::Platform => "platform",
            Self::Team => "team",
            Self::PullRequest => "pull-request",
        }
    }
}

/// The file that a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InputFile {
    /// The platform's file.
    Guardrails,
    /// The team's file, `preview.yaml`.
    Policy,
    /// What the pull request is: a file, a line of one, `--set`, or what Argo CD passes.
    Parameters,
}

/// What a finding is about, before anybody looked up where that stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// A JSON pointer into an input file.
    Input(InputFile, String),
    /// A place as far as it is known already: a file's line, or a rendered object's field.
    Place(Location),
}

/// Where something stands. Lines and columns count from one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Location {
    /// Its path, as it was given; none where no file was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// What of the command line or the environment it is, where that is no file: `--set title`, `ARGOCD_APP_PARAMETERS`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub argument: Option<String>,
    /// Of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// Counted in characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// The line itself, or of a long one the part around the column.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// How many characters of `source` stand before the column, if it is not all of the line before it.
    #[serde(skip)]
    pub before: Option<usize>,
    /// `Kind/name` of a rendered object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// A JSON pointer, into the file or the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

impl Location {
    /// A file as a whole.
    pub fn of_file(name: impl Into<String>) -> Self {
        Self { file: Some(name.into()), ..Self::default() }
    }
}

/// One thing that was found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// What it breaks.
    pub rule: &'static Rule,
    /// Who can mend it, which decides whether the pull request is quarantined or nothing is rendered.
    pub owner: Owner,
    /// What was found and what is allowed; one line, no secrets, nothing that a terminal would obey.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// What it is about.
    pub subject: Subject,
    /// What of the text that stands there, if not all of it.
    pub excerpt: Option<Box<Excerpt>>,
    /// The patch that put there what it is about: a JSON pointer into the guardrails, where that is mended.
    pub patch: Option<String>,
}

impl Finding {
    /// A finding without help; [`Self::help`] adds that.
    pub fn new(rule: &'static Rule, owner: Owner, subject: Subject, message: impl Into<String>) -> Self {
        Self { rule, owner, message: message.into(), help: None, subject, excerpt: None, patch: None }
    }

    /// About a place in the guardrails, which are always the platform's.
    pub fn of_guardrails(rule: &'static Rule, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(rule, Owner::Platform, Subject::Input(InputFile::Guardrails, pointer.into()), message)
    }

    /// About a parameter, which is always the pull request's.
    pub fn of_parameters(rule: &'static Rule, pointer: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(rule, Owner::PullRequest, Subject::Input(InputFile::Parameters, pointer.into()), message)
    }

    /// The same, with what to do about it: one sentence.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, about a part of the text only.
    #[must_use]
    pub fn of_excerpt(mut self, excerpt: Excerpt) -> Self {
        self.excerpt = Some(Box::new(excerpt));
        self
    }

    /// Whether it keeps the preview from being rendered.
    pub fn is_error(&self) -> bool {
        self.rule.severity == Severity::Error
    }

    /// Where it is, as far as that was looked up.
    pub fn location(&self) -> Location {
        match &self.subject {
            Subject::Place(location) => location.clone(),
            Subject::Input(_, pointer) => Location { pointer: Some(pointer.clone()), ..Location::default() },
        }
    }
}

/// Leaves out what is said of a place a second time: an alias or a merge key repeats a mistake that is one.
pub(crate) fn once(findings: &mut Vec<Finding>) {
    let mut said = std::collections::HashSet::new();
    findings.retain(|finding| {
        let Location { file, line: Some(line), column: Some(column), .. } = finding.location() else { return true };
        said.insert((file, line, column, finding.message.clone()))
    });
}

/// As they are told: errors first, since of all that is written Argo CD shows the first line as the cause; each once; files as they come
/// up, and what is in one from its first line on.
pub(crate) fn arrange(findings: &mut Vec<Finding>) {
    once(findings);
    let mut files = std::collections::BTreeMap::new();
    findings.sort_by_cached_key(|finding| {
        let Location { file, line, column, .. } = finding.location();
        let next = files.len();
        (finding.rule.severity, *files.entry(file).or_insert(next), line, column)
    });
}

/// `` `a`, `b` ``, or `none`.
pub(crate) fn listed<T: std::fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// `1 error`, `2 errors`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
