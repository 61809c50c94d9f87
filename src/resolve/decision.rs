//! Who set what: the record behind `explain`.

use crate::{
    emit,
    finding::{Finding, InputFile, Rule, Subject},
    rules::trust::WITHHELD,
    value::{Value, is_below},
};

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// dayfly itself.
    BuiltIn,
    /// A JSON pointer into an input file.
    Input(InputFile, String),
    /// A label of the pull request.
    Label(String),
}

impl Origin {
    /// A parameter of the pull request.
    pub fn parameter(name: &str) -> Self {
        Self::Input(InputFile::Parameters, format!("/{name}"))
    }
}

/// One decided value.
#[derive(Clone, Debug)]
pub struct Decision {
    /// The field of the Environment: `ttl`, `routes.web.host`.
    pub field: String,
    /// Who set it.
    pub origin: Origin,
    /// What was asked for, where that is not what was granted.
    pub asked: Option<String>,
    /// What became of it, as `explain` shows it.
    pub granted: String,
    /// The rule that had a say.
    pub rule: Option<&'static Rule>,
    /// Why.
    pub reason: String,
}

impl Decision {
    /// One that was granted as it was asked for, or that nobody was asked about.
    pub fn new(
        field: impl Into<String>,
        origin: Origin,
        granted: impl Into<String>,
        reason: impl Into<String>,
    ) -> Self {
        let (field, granted, reason) = (field.into(), granted.into(), reason.into());
        Self { field, origin, asked: None, granted, rule: None, reason }
    }

    /// Whether this was refused where it was asked for, or below.
    pub fn is_refused_by(&self, finding: &Finding) -> bool {
        let Subject::Input(file, pointer) = &finding.subject else { return false };
        refuses(finding)
            && match &self.origin {
                Origin::Input(own, asked) => own == file && is_below(pointer, asked),
                Origin::BuiltIn | Origin::Label(_) => false,
            }
    }
}

/// Whether what a finding is about is not granted at all.
pub fn refuses(finding: &Finding) -> bool {
    finding.is_error() || *finding.rule == WITHHELD
}

/// All decisions, in the order in which they were made; nobody records any unless somebody asks.
#[derive(Debug, Default)]
pub struct Decisions {
    /// In the order in which they were made.
    pub made: Vec<Decision>,
    recording: bool,
}

impl Decisions {
    /// None yet. `recording`: whether there will be any.
    pub fn recording(recording: bool) -> Self {
        Self { made: Vec::new(), recording }
    }

    /// Whether anybody will ask.
    pub fn is_recording(&self) -> bool {
        self.recording
    }

    /// Records what `decide` says, if anybody will ask.
    pub fn record(&mut self, decide: impl FnOnce() -> Decision) {
        if self.recording {
            self.made.push(decide());
        }
    }

    /// Has a field say what was asked for, and by whom, according to other decisions, which were not granted.
    pub fn refuse(&mut self, field: &str, asked: &Self, reason: &str) {
        let of = |decision: &&Decision| decision.field == field;
        let (asked, granted) = (asked.made.iter().find(of), self.made.iter_mut().find(|decision| of(&&**decision)));
        if let (Some(asked), Some(granted)) = (asked, granted) {
            granted.asked = Some(asked.granted.clone());
            granted.origin = asked.origin.clone();
            granted.reason = reason.into();
        }
    }

    /// These and more.
    #[must_use]
    pub fn with(&self, more: Vec<Decision>) -> Self {
        Self { made: [self.made.clone(), more].concat(), recording: self.recording }
    }

    /// The decisions about a field, and about what is in it.
    pub fn within(&self, field: &str) -> Vec<&Decision> {
        self.made.iter().filter(|decision| is_inside(field, &decision.field)).collect()
    }

    /// The decisions about a field, about what is in it, or about what it is in.
    pub fn about(&self, field: &str) -> Vec<&Decision> {
        let exact = self.within(field);
        if !exact.is_empty() {
            return exact;
        }
        let around = self.made.iter().filter(|decision| is_inside(&decision.field, field));
        around.max_by_key(|decision| decision.field.len()).into_iter().collect()
    }
}

fn is_inside(outer: &str, inner: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// A value as `explain` shows it.
pub fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::String(text) => text.to_string(),
        other => emit::json::compact(other),
    }
}
