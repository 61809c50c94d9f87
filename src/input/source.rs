//! A file that was read, and how its places are shown.

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell},
};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::{
    finding::{Excerpt, Finding, InputFile, Location, Owner, Subject, masked, one_line, visible, window},
    rules::{
        input::{DUPLICATE_KEY, INPUT_LIMIT, NOT_YAML, WRONG_TYPE},
        template::TEMPLATE,
    },
    value::{Value, from_yaml},
    yaml::{self, Cost, Limits, Mark, Node, ProblemKind, scalar},
};

use super::{
    API_VERSION, Guardrails, Policy,
    cause::{self, Kind},
    decode::Decoder,
    diagnose::diagnose,
    guardrails::Layout,
    scalar::{is_dns_label, is_name_part},
};

/// A file: what it is called, and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// What findings call it: mostly its path.
    pub name: String,
    /// All of it, with any byte order mark.
    pub text: String,
}

impl Source {
    /// A place of this file, with the line that stands there.
    pub fn location(&self, mark: Mark) -> Location {
        self.places().location(mark)
    }

    /// For many places: a file with a thousand mistakes is not read a thousand times.
    pub fn places(&self) -> Places<'_> {
        Places {
            source: self,
            lines: OnceCell::new(),
            document: OnceCell::new(),
            manifests: OnceCell::new(),
            last: Cell::default(),
            written: OnceCell::new(),
            last_written: Cell::default(),
        }
    }

    /// Without a `kind`, nobody looks for causes.
    fn problems(&self, owner: Owner, kind: Option<Kind>, problems: Vec<yaml::Problem>) -> Vec<Finding> {
        let places = self.places();
        problems
            .into_iter()
            .map(|mut problem| {
                let rule = match problem.kind {
                    ProblemKind::Syntax | ProblemKind::Endless => &NOT_YAML,
                    ProblemKind::DuplicateKey => &DUPLICATE_KEY,
                    ProblemKind::Limit => &INPUT_LIMIT,
                };
                let (foreign, before) = (problem.foreign.clone(), problem.message.clone());
                let help = kind.and_then(|kind| cause::trace(&self.text, kind, &mut problem));
                let place = Subject::Place(places.location(problem.mark));
                // The reader's own words are never cut. A cause shows what it names of the file itself.
                let message = if before == problem.message {
                    let (before, after) = (&before[..foreign.start], &before[foreign.end..]);
                    format!("{}{}{}", one_line(before), visible(&problem.message[foreign]), one_line(after))
                } else {
                    problem.message
                };
                Finding { help, ..Finding::new(rule, owner, place, message) }
            })
            .collect()
    }

    /// The documents of a file of manifests, read as Kubernetes would read them, and the lines where they begin. Adds what it cost.
    /// `trace`: whether causes are looked for, which takes some time; there may be many such files.
    pub fn manifests(&self, owner: Owner, cost: &mut Cost, trace: bool) -> Result<Vec<(u32, Value)>, Vec<Finding>> {
        let kind = trace.then_some(Kind::Manifests);
        let documents = yaml::read_and_count(&self.text, Limits::MANIFESTS, cost)
            .map_err(|error| self.problems(owner, kind, error.problems))?;
        // Kubernetes makes JSON of a manifest.
        let endless: Vec<_> = documents.iter().flat_map(Node::endless).collect();
        if !endless.is_empty() {
            return Err(self.problems(owner, kind, endless));
        }
        Ok(documents.iter().map(|node| (node.mark.line, from_yaml(node, scalar::kubernetes))).collect())
    }

    /// Why a platform's template is no YAML, if it is none.
    pub fn unreadable_template(&self) -> Option<Vec<Finding>> {
        let error = yaml::read(&self.text, Limits::MANIFESTS).err()?;
        let problems = self.problems(Owner::Platform, Some(Kind::Template), error.problems);
        Some(problems.into_iter().map(|finding| Finding { rule: &TEMPLATE, ..finding }).collect())
    }

    /// The file's one document, and its duplicate keys.
    pub(super) fn document(
        &self,
        owner: Owner,
        kind: Kind,
        limits: Limits,
    ) -> Result<(Node<'_>, Vec<Finding>), Vec<Finding>> {
        let (documents, duplicates) = match yaml::read(&self.text, limits) {
            Ok(documents) => (documents, Vec::new()),
            Err(error) if error.is_whole() => (error.documents, self.problems(owner, Some(kind), error.problems)),
            Err(error) => return Err(self.problems(owner, Some(kind), error.problems)),
        };
        let Some(document) = documents.into_iter().next() else {
            let place = Subject::Place(Location::of_file(&self.name));
            let help = match kind {
                Kind::Policy => Some("`dayfly init` writes a policy to start from".to_owned()),
                Kind::Guardrails => Some("`dayfly guardrails` prints those to start from".to_owned()),
                _ => None,
            };
            return Err(vec![Finding { help, ..Finding::new(&WRONG_TYPE, owner, place, "the file says nothing") }]);
        };
        Ok((document, duplicates))
    }
}

/// Finds places in a file: cuts it into lines and reads it when that is needed, once.
#[derive(Debug)]
pub struct Places<'s> {
    source: &'s Source,
    /// Without passwords.
    lines: OnceCell<Vec<Cow<'s, str>>>,
    document: OnceCell<Option<Node<'s>>>,
    manifests: OnceCell<Vec<Node<'s>>>,
    /// A mark that was shown, and where in its line that is.
    last: Cell<(Mark, usize)>,
    /// The lines as they are, and a mark in them: not to be shown.
    written: OnceCell<Vec<&'s str>>,
    last_written: Cell<(Mark, usize)>,
}

impl<'s> Places<'s> {
    fn document(&self) -> Option<&Node<'s>> {
        let text: &'s str = &self.source.text;
        // Parameters may be longer.
        let bytes = text.len() + Limits::DOCUMENT.bytes;
        let read = || match yaml::read(text, Limits { bytes, ..Limits::DOCUMENT }) {
            Ok(documents) => documents.into_iter().next(),
            // A key that is there twice leaves the others where they are.
            Err(error) if error.is_whole() => error.documents.into_iter().next(),
            Err(_) => None,
        };
        self.document.get_or_init(read).as_ref()
    }

    /// The file's name.
    pub fn name(&self) -> &'s str {
        &self.source.name
    }

    /// What it says, whether or not that is right; nothing if it cannot be read.
    pub fn value(&self) -> Value {
        self.document().map(|node| from_yaml(node, scalar::core)).unwrap_or_default()
    }

    /// Whether anything is written at a JSON pointer.
    pub fn has(&self, pointer: &str) -> bool {
        self.document().is_some_and(|node| node.at(pointer).is_some())
    }

    /// Whether a text is written at a JSON pointer that is empty.
    pub fn is_empty_text(&self, pointer: &str) -> bool {
        let node = self.document().and_then(|node| node.at(pointer));
        node.is_some_and(|node| !node.is_null() && node.text() == Some(""))
    }

    /// A place with as much of its line as is shown, without passwords.
    pub fn location(&self, mark: Mark) -> Location {
        let text = yaml::body(&self.source.text);
        let lines = self.lines.get_or_init(|| yaml::lines(text).map(masked).collect());
        let line = lines.get(mark.indices().0).map(|line| &**line).unwrap_or_default();
        let (left, right) = around(line, mark, &self.last);
        let (left, right) = window(left, right.trim_end(), LONGEST_LINE);
        Location {
            file: Some(self.source.name.clone()),
            line: Some(mark.line),
            column: Some(mark.column),
            before: Some(left.chars().count()),
            source: Some(left + &right),
            ..Location::default()
        }
    }

    /// Where a part of the text is that begins at a mark; the mark, if the part is not written there as it is read.
    pub(super) fn mark_of(&self, mark: Mark, excerpt: Option<&Excerpt>) -> Mark {
        let text: &'s str = &self.source.text;
        let read = || yaml::lines(yaml::body(text)).collect();
        let found = excerpt.and_then(|excerpt| {
            let lines: &Vec<&str> = self.written.get_or_init(read);
            let first = mark.line.checked_sub(1)? as usize;
            let (_, begin) = around(lines.get(first)?, mark, &self.last_written);
            let (index, at) = excerpt.find(std::iter::once(begin).chain(lines[first + 1..].iter().copied()))?;
            let (line, before) = if index == 0 { (begin, mark.column) } else { (lines[first + index], 1) };
            let columns = u32::try_from(line[..at].chars().count()).ok()?;
            Some(Mark {
                line: mark.line.checked_add(u32::try_from(index).ok()?)?,
                column: before.checked_add(columns)?,
            })
        });
        found.unwrap_or(mark)
    }

    /// The place of a JSON pointer in the document of a file of manifests that begins in a line.
    pub fn locate_in(&self, line: u32, pointer: &str, excerpt: Option<&Excerpt>) -> Location {
        let read = || yaml::read(&self.source.text, Limits::MANIFESTS).unwrap_or_default();
        let document = self.manifests.get_or_init(read).iter().find(|node| node.mark.line == line);
        let mark = document.map_or(Mark { line, column: 1 }, |node| self.mark_of(node.locate(pointer), excerpt));
        Location { pointer: Some(pointer.to_owned()), ..self.location(mark) }
    }

    /// Where a JSON pointer leads, or the nearest part above it; the file as a whole if it cannot be read.
    pub fn locate(&self, pointer: &str) -> Location {
        self.locate_by(Node::locate, pointer, None)
    }

    /// The same for a part of the text that is there.
    pub fn locate_excerpt(&self, pointer: &str, excerpt: Option<&Excerpt>) -> Location {
        self.locate_by(Node::locate, pointer, excerpt)
    }

    /// The same for the name of an entry, not what it holds.
    pub fn locate_name(&self, pointer: &str) -> Location {
        self.locate_by(Node::locate_name, pointer, None)
    }

    fn locate_by(&self, find: fn(&Node<'s>, &str) -> Mark, pointer: &str, excerpt: Option<&Excerpt>) -> Location {
        let mark = self.document().map(|node| find(node, pointer)).unwrap_or_default();
        let location = if mark.line == 0 {
            Location::of_file(&self.source.name)
        } else {
            self.location(self.mark_of(mark, excerpt))
        };
        Location { pointer: Some(pointer.to_owned()), ..location }
    }
}

/// A line, parted at a mark. A file may be one line with thousands of findings: each is looked for from the last one on.
fn around<'t>(line: &'t str, mark: Mark, before: &Cell<(Mark, usize)>) -> (&'t str, &'t str) {
    let (last, mut at) = before.get();
    let (_, column) = mark.indices();
    let mut from = if last.line == mark.line { last.indices().1 } else { 0 };
    if from == 0 || column < from / 2 {
        (from, at) = (0, 0);
    }
    at = if column < from {
        line[..at].char_indices().nth_back(from - column - 1).map_or(0, |(at, _)| at)
    } else {
        line[at..].char_indices().nth(column - from).map_or(line.len(), |(more, _)| at + more)
    };
    if at < line.len() {
        before.set((mark, at));
    }
    line.split_at(at)
}

/// Most columns of a line that are ever shown.
const LONGEST_LINE: usize = 200;

/// Which of the two typed files it is.
fn kind_of<T: JsonSchema>() -> Kind {
    if T::schema_name() == Guardrails::schema_name() { Kind::Guardrails } else { Kind::Policy }
}

/// A file as its type, or everything that is wrong with it.
pub fn read_typed<T>(source: &Source, owner: Owner) -> Result<T, Vec<Finding>>
where
    T: for<'n> Deserialize<'n> + JsonSchema,
{
    let (node, mut findings) = source.document(owner, kind_of::<T>(), Limits::DOCUMENT)?;
    match T::deserialize(Decoder(&node)) {
        Ok(typed) if findings.is_empty() => return Ok(typed),
        Ok(_) => {}
        Err(misfit) => {
            findings.extend(diagnose::<T>(source, owner, &node));
            if findings.is_empty() {
                let place = Subject::Place(source.location(node.mark));
                findings.push(Finding::new(&WRONG_TYPE, owner, place, visible(&misfit.0)));
            }
        }
    }
    Err(findings)
}

/// Whether a file can be read as a type, and what the diagnosis says of it: the tests hold the two to each other.
#[cfg(test)]
pub(crate) fn both_readings<T>(source: &Source) -> (bool, Vec<Finding>)
where
    T: for<'n> Deserialize<'n> + JsonSchema,
{
    match source.document(Owner::Team, kind_of::<T>(), Limits::DOCUMENT) {
        Ok((node, duplicates)) => {
            let reads = T::deserialize(Decoder(&node)).is_ok() && duplicates.is_empty();
            (reads, [duplicates, diagnose::<T>(source, Owner::Team, &node)].concat())
        }
        Err(findings) => (false, findings),
    }
}

/// The policy: in layout `single` it comes from the pull request, so a name that can be made out is enough for a
/// quarantine that says what is wrong with the rest.
pub fn read_policy(
    source: &Source,
    unfit: Option<Finding>,
    layout: Layout,
) -> Result<(Policy, Vec<Finding>), Vec<Finding>> {
    let owner = layout.owner(InputFile::Policy);
    let findings = match unfit.map_or_else(|| read_typed::<Policy>(source, owner), |unfit| Err(vec![unfit])) {
        Ok(policy) => return Ok((policy, Vec::new())),
        Err(findings) => findings,
    };
    if layout == Layout::Split {
        return Err(findings);
    }
    let documents = yaml::read(&source.text, Limits::DOCUMENT).unwrap_or_else(|error| error.documents);
    match documents.first().and_then(salvage) {
        Some(policy) => Ok((policy, findings)),
        None => Err(findings),
    }
}

/// The least policy: its name, and its owners if they can be read.
fn salvage(document: &Node<'_>) -> Option<Policy> {
    let text = |node: Option<&Node<'_>>, key: &str| Some(node?.get(key)?.text()?.to_owned());
    let label = |key: &str| {
        text(document.get("spec"), key).filter(|text| is_name_part(text)).unwrap_or_else(|| "unknown".to_owned())
    };
    let name = text(document.get("metadata"), "name").filter(|name| is_dns_label(name))?;
    let least = format!(
        "{{apiVersion: {API_VERSION}, kind: PreviewPolicy, metadata: {{name: \"{name}\"}}, spec: {{team: \"{}\", costCenter: \"{}\"}}}}",
        label("team"),
        label("costCenter")
    );
    let documents = yaml::read(&least, Limits::DOCUMENT).ok()?;
    let policy = Policy::deserialize(Decoder(documents.first()?)).ok()?;
    Some(Policy { salvaged: true, ..policy })
}
