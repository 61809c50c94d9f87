//! Who set what: the record behind `explain`.

use crate::finding::InputFile;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// dayfly itself.
    BuiltIn,
    /// A JSON pointer into an input file.
    Input(InputFile, String),
    /// A label of the pull request.
    Label(String),
    /// A parameter of the pull request.
    Parameter(&'static str),
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
    pub granted: String,
    /// The code of the rule that had a say.
    pub rule: Option<&'static str>,
    /// Why.
    pub reason: String,
}

/// All decisions, in the order in which they were made; nobody records any unless somebody asks.
#[derive(Debug, Default)]
pub struct Decisions {
    pub made: Vec<Decision>,
    recording: bool,
}

impl Decisions {
    pub fn recording(recording: bool) -> Self {
        Self { made: Vec::new(), recording }
    }

    /// Records what `decide` says, if anybody will ask.
    pub fn record(&mut self, decide: impl FnOnce() -> Decision) {
        if self.recording {
            self.made.push(decide());
        }
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
