//! Texts of an input file that come to nothing: what is wrong with them, and who can mend it.

use std::collections::BTreeSet;

use crate::{
    expression::{
        Interpolated, Part, Scope,
        mistake::{self, Mistake},
    },
    finding::{Excerpt, Finding, InputFile, Subject, visible},
    rules::{self, input::BAD_EXPRESSION, not_an_expression},
    value::Text,
};

use super::{Resolver, pull_request::FREE_TEXT};

impl Resolver<'_> {
    /// Reports each expression that is wrong where it stands; `error` is what is wrong with the text as a whole.
    #[cold]
    pub(super) fn wrong_text(
        &mut self,
        text: &Interpolated,
        evaluate: fn(&Interpolated, &Scope<'_>) -> Result<String, String>,
        file: InputFile,
        pointer: &str,
        is_strict: bool,
        error: &str,
    ) {
        let facts = Scope::Facts(&self.facts);
        let free = Scope::Bound("pr", &self.pr, &facts);
        let scope = if is_strict { &facts } else { &free };
        let most = if self.findings.len() > rules::MOST { 1 } else { mistake::MOST };
        let mistakes = mistake::mistakes(&text.source, most, |one| evaluate(one, scope));
        if mistakes.is_empty() {
            let message = format!("`{}`: {error}", visible(&text.source));
            let finding = self.wrong_expression(text, text, file, pointer, is_strict, message);
            self.findings.push(finding);
        }
        for Mistake { excerpt, read, message } in mistakes {
            let one = read.as_ref().unwrap_or(text);
            let finding = self.wrong_expression(text, one, file, pointer, is_strict, message).of_excerpt(excerpt);
            self.findings.push(finding);
        }
    }

    /// About an expression that is `one`, of a text.
    fn wrong_expression(
        &self,
        text: &Interpolated,
        one: &Interpolated,
        file: InputFile,
        pointer: &str,
        is_strict: bool,
        message: String,
    ) -> Finding {
        let free = FREE_TEXT.iter().find(|field| is_strict && one.mentions(&format!("pr.{field}")));
        let message = free.map_or(message, |field| {
            format!("`pr.{field}` is free text of whoever opened the pull request: it may stand in a service's `env` and in `flags`, not here")
        });
        // What the pull request has a say in may fail for this one only: then it is quarantined, and the policy stands. Where a path leads
        // is the same for all, unless it is below `pr`.
        let judged = if matches!(one.parts(), [Part::Path(_)]) { one } else { text };
        let owner = if free.is_some() { self.owner(file) } else { self.owner_of(judged, file) };
        let mut finding = Finding::new(&BAD_EXPRESSION, owner, Subject::Input(file, pointer.to_owned()), message);
        let mut portless = self.policy.services.iter().filter(|service| service.port.is_none());
        if free.is_none()
            && rules::is_read(self.findings.len())
            && portless.any(|service| one.mentions(&format!("services.{}", service.name)))
        {
            finding.help = Some("a service without a `port` has no address".into());
        }
        finding
    }

    /// Whether a path below `pr` leads to text in any pull request: to a field that is text, or a label. Another one fails for all of them.
    pub(super) fn may_be_text(&self, path: &[Text]) -> bool {
        match path {
            [_, field] => field != "labels" && self.pr.get(field).is_some(),
            [_, field, index] => field == "labels" && index.parse::<usize>().is_ok(),
            _ => false,
        }
    }

    /// Reports what of a text looks like an expression and is none, so that it would stay as it is.
    pub(super) fn judge_plain(&mut self, text: &Interpolated, file: InputFile, pointer: impl FnOnce() -> String) {
        if text.plain().any(|plain| plain.contains('{')) {
            self.stays(not_an_expression::find(&text.source), file, pointer);
        }
    }

    /// The same of variables as Compose has them, where `above` are those that a container's variable may name.
    pub(super) fn judge_shell(
        &mut self,
        text: &Interpolated,
        above: &BTreeSet<&str>,
        pointer: impl FnOnce() -> String,
    ) {
        if text.plain().any(|plain| plain.contains("${")) {
            let found = not_an_expression::shell(&text.source, |name| rules::reference::is_known(name, above));
            self.stays(found, InputFile::Policy, pointer);
        }
    }

    /// The same of variables as Kubernetes has them elsewhere.
    pub(super) fn judge_reference_in_file(
        &mut self,
        text: &Interpolated,
        known: &BTreeSet<&str>,
        pointer: impl FnOnce() -> String,
    ) {
        let found = not_an_expression::in_file(&text.source, |name| rules::reference::is_known(name, known));
        self.stays(found, InputFile::Policy, pointer);
    }

    fn stays(&mut self, found: Vec<(Excerpt, String)>, file: InputFile, pointer: impl FnOnce() -> String) {
        if found.is_empty() {
            return;
        }
        let pointer = pointer();
        for (excerpt, message) in found {
            let finding = self.report(&not_an_expression::NOT_AN_EXPRESSION, file, pointer.as_str(), message);
            finding.excerpt = Some(Box::new(excerpt));
        }
    }
}
