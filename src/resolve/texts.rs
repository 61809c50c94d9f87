//! Texts of an input file: what they come to, or what is wrong with them, and who can mend it.

use std::collections::BTreeSet;

use crate::{
    expression::{
        Interpolated, Part, Scope,
        mistake::{self, Mistake},
    },
    finding::{Excerpt, Finding, InputFile, Owner, Subject, visible},
    rules::{
        self,
        input::{BAD_EXPRESSION, INPUT_LIMIT},
        not_an_expression,
    },
    value::Text,
};

use super::{
    Resolver,
    pull_request::{FREE_TEXT, SAME_KIND},
};

/// What a text of the policy is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TextKind {
    /// Free text of the pull request could do harm in it.
    Strict,
    /// The same, in a file of a service's, where expressions may be another program's.
    File,
    /// Any text is only data in it.
    Free,
    /// The same, as a container's variable.
    Variable,
}

/// A text of an input file, and where it stands.
#[derive(Clone, Copy)]
struct Written<'t> {
    text: &'t Interpolated,
    kind: TextKind,
    file: InputFile,
    pointer: &'t str,
}

impl Resolver<'_> {
    /// What a text of the guardrails comes to.
    pub(super) fn guardrails_text(&mut self, text: &Interpolated, pointer: &str) -> String {
        self.evaluated(text, TextKind::Strict, InputFile::Guardrails, || pointer.to_owned())
    }

    /// What a text of the policy comes to, whose texts have a budget.
    pub(super) fn text(&mut self, text: &Interpolated, kind: TextKind, pointer: impl FnOnce() -> String) -> String {
        if let Err(message) = self.budget.allow(text) {
            self.policy_finding(&INPUT_LIMIT, pointer(), message);
            return String::new();
        }
        let text = self.evaluated(text, kind, InputFile::Policy, pointer);
        self.budget.spend(&text);
        text
    }

    /// Who answers for what a text comes to: the pull request, if one of its fields that are not the same kind of thing for
    /// every pull request ([`SAME_KIND`]) has a say in it.
    pub(super) fn owner_of(&self, text: &Interpolated, file: InputFile) -> Owner {
        let varies = |names: &[Text]| !SAME_KIND.contains(&names[1].as_str());
        if text.computes_with("pr") || text.paths_below("pr").any(|names| self.may_be_text(names) && varies(names)) {
            Owner::PullRequest
        } else {
            self.owner(file)
        }
    }

    /// Nothing of a text that is wrong, which is reported.
    fn evaluated(
        &mut self,
        text: &Interpolated,
        kind: TextKind,
        file: InputFile,
        pointer: impl FnOnce() -> String,
    ) -> String {
        self.evaluate(text, kind).unwrap_or_else(|error| {
            self.wrong_text(Written { text, kind, file, pointer: &pointer() }, &error);
            String::new()
        })
    }

    /// What a text comes to with what texts of its kind see.
    fn evaluate(&self, text: &Interpolated, kind: TextKind) -> Result<String, String> {
        let facts = Scope::Facts(&self.facts);
        let free = Scope::Bound("pr", &self.pr, &facts);
        match kind {
            TextKind::Strict | TextKind::File => text.text(&facts),
            TextKind::Free => text.text(&free),
            TextKind::Variable => text.variable(&free),
        }
    }

    /// Reports each expression that is wrong where it stands; `error` is what is wrong with the text as a whole.
    #[cold]
    fn wrong_text(&mut self, written: Written<'_>, error: &str) {
        let Written { text, kind, .. } = written;
        let most = if self.findings.len() > rules::MOST { 1 } else { mistake::MOST };
        let mistakes = mistake::mistakes(&text.source, most, |one| self.evaluate(one, kind));
        if mistakes.is_empty() {
            let message = format!("`{}`: {error}", visible(&text.source));
            let finding = self.wrong_expression(written, text, message);
            self.findings.push(finding);
        }
        for Mistake { excerpt, read, message } in mistakes {
            let one = read.as_ref().unwrap_or(text);
            let finding = self.wrong_expression(written, one, message).of_excerpt(excerpt);
            self.findings.push(finding);
        }
    }

    /// About an expression that is `one`, of a text.
    fn wrong_expression(&self, written: Written<'_>, one: &Interpolated, message: String) -> Finding {
        let Written { text, kind, file, pointer } = written;
        let is_strict = matches!(kind, TextKind::Strict | TextKind::File);
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
        if kind == TextKind::File && OF_OTHERS.iter().any(|root| one.mentions(root)) {
            finding.help = Some(
                "`$${{` is the characters themselves, where the program that reads the file should find them; in place of `${NAME}` \
                 only that program can put a variable"
                    .into(),
            );
        }
        finding
    }

    /// Whether a path below `pr` leads to text in any pull request: to a field that is text, or a label. Another one fails for all of them.
    fn may_be_text(&self, path: &[Text]) -> bool {
        match path {
            [_, field] => field != "labels" && self.pr.get(field).is_some(),
            [_, field, index] => field == "labels" && index.parse::<usize>().is_ok(),
            _ => false,
        }
    }

    /// Reports what of a text looks like an expression and is none, so that it would stay as it is.
    pub(super) fn judge_plain(&mut self, text: &Interpolated, kind: TextKind, pointer: impl FnOnce() -> String) {
        if !text.plain().any(|plain| plain.contains('{')) {
            return;
        }
        let mut found = not_an_expression::find(&text.source);
        // Of what was meant, not all may stand in a file.
        for (excerpt, message) in found.iter_mut().filter(|_| kind == TextKind::File) {
            if names_free_text(&excerpt.text) {
                message.push_str(", and free text of a pull request may not stand in a file");
            }
        }
        self.stays(found, pointer);
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
            self.stays(found, pointer);
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
        self.stays(found, pointer);
    }

    fn stays(&mut self, found: Vec<(Excerpt, String)>, pointer: impl FnOnce() -> String) {
        if found.is_empty() {
            return;
        }
        let pointer = pointer();
        for (excerpt, message) in found {
            let finding = self.policy_finding(&not_an_expression::NOT_AN_EXPRESSION, pointer.as_str(), message);
            finding.excerpt = Some(Box::new(excerpt));
            finding.help = Some("`${{ '…' }}` around these characters says that they themselves are meant".into());
        }
    }
}

/// What workflows of GitHub's call their values.
const OF_OTHERS: [&str; 10] =
    ["env", "github", "inputs", "job", "matrix", "needs", "runner", "secrets", "steps", "vars"];

/// Whether a part of a text names a field of the pull request's that is free text.
fn names_free_text(part: &str) -> bool {
    part.match_indices("pr.").any(|(at, start)| {
        let rest = &part[at + start.len()..];
        let end = rest.find(|letter: char| !letter.is_ascii_alphanumeric()).unwrap_or(rest.len());
        FREE_TEXT.contains(&&rest[..end])
    })
}
