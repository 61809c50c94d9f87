//! The platform's templates can be laid out.

use crate::{
    finding::{Finding, Location, Owner, Rule, Severity, Subject, visible},
    template::Mistake,
};

/// What `found` makes of a mistake in a template, checked or rendered.
pub static TEMPLATE: Rule = Rule {
    code: "template",
    severity: Severity::Error,
    summary: "a template of the platform's is valid, and names only what the Environment has",
    explanation: "`dayfly schema environment` prints what templates can name. `$for`, `$when` and `${{ … }}` are all there is. Of a \
                  mistake in one template all are told; `dayfly check` also tells those that this preview would not come to.",
};

/// A mistake in a template's file; the line itself is looked up later.
pub(crate) fn found(file: &str, mistake: Mistake) -> Finding {
    let Mistake { mark, message } = mistake;
    let place = Location { line: Some(mark.line), column: Some(mark.column), ..Location::of_file(file) };
    Finding::new(&TEMPLATE, Owner::Platform, Subject::Place(place), visible(&message))
}
