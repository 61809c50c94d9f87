//! Fields as the policy and the guardrails have them: what became of each.

use std::fmt;

use super::{Sources, shown_place};
use crate::{
    finding::{InputFile, visible},
    input::{Guardrails, Policy, fields, purpose},
    resolve::{Decision, Decisions, Origin, decision::shown},
    value::{Value, is_below, push_segment},
};

/// What a file says at a place.
pub(super) struct Stated {
    file: InputFile,
    /// Whose it is.
    author: String,
    /// A JSON pointer.
    pointer: String,
    value: String,
    place: String,
}

/// The field that is called so: `services.web.uses`, `spec.ttl`, `/spec/egress/0`, `guardrails.domain`. The policy's, before the
/// guardrails'.
pub(super) fn find(what: &str, sources: &Sources<'_>) -> Option<Stated> {
    let (what, only) = of_one(what);
    files(only).find_map(|file| in_file(what, file, sources))
}

/// The two files, or one of them.
pub(super) fn files(only: Option<InputFile>) -> impl Iterator<Item = InputFile> {
    let files = [InputFile::Policy, InputFile::Guardrails];
    files.into_iter().filter(move |file| only.is_none_or(|only| only == *file))
}

/// A field's name without the file's, if that stands before it.
pub(super) fn of_one(what: &str) -> (&str, Option<InputFile>) {
    for (file, name) in [(InputFile::Policy, "policy."), (InputFile::Guardrails, "guardrails.")] {
        if let Some(field) = what.strip_prefix(name) {
            return (field, Some(file));
        }
    }
    (what, None)
}

fn in_file(what: &str, file: InputFile, sources: &Sources<'_>) -> Option<Stated> {
    let document = sources.value(file);
    let (pointer, value) = if what.starts_with('/') {
        (what.to_owned(), document.pointer(what)?)
    } else {
        let below = |start: &str, value| {
            let mut pointer = start.to_owned();
            walk(value, what, &mut pointer).map(|value| (pointer, value))
        };
        document.get("spec").and_then(|spec| below("/spec", spec)).or_else(|| below("", &document))?
    };
    let place = shown_place(&sources.locate(file, &pointer));
    Some(Stated { file, author: sources.author(file), pointer, value: shown(value), place })
}

/// Follows names with dots between them; a name may hold dots, too.
fn walk<'v>(value: &'v Value, names: &str, pointer: &mut String) -> Option<&'v Value> {
    let start = pointer.len();
    for end in names.match_indices('.').map(|(at, _)| at).chain([names.len()]) {
        let found = step(value, &names[..end], pointer).and_then(|below| match names.get(end + 1..) {
            None => Some(below),
            Some(more) => walk(below, more, pointer),
        });
        if found.is_some() {
            return found;
        }
        pointer.truncate(start);
    }
    None
}

/// The same of a field that the file leaves out, as far as its parents are there.
pub(super) fn unstated(what: &str, sources: &Sources<'_>) -> Option<String> {
    let (field, only) = of_one(what);
    let path = field.strip_prefix('/').map(|path| path.replace('/', "."));
    let path = path.as_deref().unwrap_or(field);
    let names: Vec<&str> =
        std::iter::once("spec").chain(path.strip_prefix("spec.").unwrap_or(path).split('.')).collect();
    let (file, purpose) = files(only).find_map(|file| {
        let purpose = match file {
            InputFile::Guardrails => purpose::<Guardrails>,
            InputFile::Policy | InputFile::Parameters => purpose::<Policy>,
        };
        Some((sources.places(file)?.name(), purpose(&sources.value(file), &names)?))
    })?;
    Some(format!("{}\n  stated     nothing, in {file}\n  because    {purpose}\n", visible(what)))
}

/// The fields of both files, or of one.
pub(super) fn fields_of(only: Option<InputFile>) -> Vec<String> {
    let of_file = |file| match file {
        InputFile::Guardrails => fields::<Guardrails>(),
        InputFile::Policy | InputFile::Parameters => fields::<Policy>(),
    };
    files(only).flat_map(of_file).collect()
}

/// One name down; an item of a list is called as it calls itself, or by its index.
fn step<'v>(value: &'v Value, name: &str, pointer: &mut String) -> Option<&'v Value> {
    let (segment, below) = match value {
        Value::Map(map) => (name.to_owned(), map.get(name)?),
        Value::List(items) => {
            let is_called = |item: &Value| item.as_str().or_else(|| item.str_at(&["name"])) == Some(name);
            let index = items.iter().position(is_called).or_else(|| name.parse().ok())?;
            (index.to_string(), items.get(index)?)
        }
        _ => return None,
    };
    push_segment(pointer, &segment);
    Some(below)
}

impl Stated {
    /// The index of a patch, if this is one.
    pub(super) fn patch(&self) -> Option<usize> {
        let index = self.pointer.strip_prefix("/spec/patches/").filter(|_| self.file == InputFile::Guardrails)?;
        index.parse().ok()
    }

    /// What was decided about it: of all that is in it, or else of what it is in.
    pub(super) fn became<'d>(&self, decisions: &'d Decisions) -> Vec<&'d Decision> {
        let is_within = |decision: &&Decision| match &decision.origin {
            Origin::Input(file, pointer) => *file == self.file && is_below(pointer, &self.pointer),
            _ => false,
        };
        let found: Vec<&Decision> = decisions.made.iter().filter(is_within).collect();
        if !found.is_empty() {
            return found;
        }
        // Where somebody else had the last word, such as a label, the field of the same name is what became of it.
        decisions.within(&self.pointer.trim_start_matches("/spec/").replace('/', "."))
    }
}

impl fmt::Display for Stated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", visible(&self.pointer))?;
        let value = if self.value.is_empty() { "\"\"".into() } else { visible(&self.value) };
        writeln!(f, "  stated     {value}")?;
        writeln!(f, "  set by     {}, {}", self.author, self.place)
    }
}
