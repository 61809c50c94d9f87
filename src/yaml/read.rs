//! From events to a tree, within limits.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span, Tag};

use super::{Data, Entry, Mark, Node, Problem, ProblemKind};

/// What a file may cost. Every input has limits, because some of them are written by strangers.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of the whole file, the texts that an alias repeats counted again.
    pub bytes: usize,
    /// Maps and lists inside each other.
    pub depth: usize,
    /// Scalars, maps and lists, what an anchor keeps and what an alias repeats counted again.
    pub nodes: usize,
    /// Uses of aliases.
    pub aliases: usize,
    /// Documents in one file.
    pub documents: usize,
}

impl Limits {
    /// One document that a person writes.
    pub const DOCUMENT: Self = Self { bytes: 1 << 20, depth: 32, nodes: 20_000, aliases: 100, documents: 1 };
    /// A file of manifests.
    pub const MANIFESTS: Self = Self { nodes: 100_000, documents: 200, ..Self::DOCUMENT };
}

/// Those of an anchor are kept for its aliases, so that they count even if there is none.
const NODES: &str = "nodes, with what anchors keep and aliases repeat";

/// What a file cost, counted as for [`Limits`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// As [`Limits::bytes`].
    pub bytes: usize,
    /// As [`Limits::nodes`].
    pub nodes: usize,
}

impl std::ops::AddAssign for Cost {
    fn add_assign(&mut self, more: Self) {
        self.bytes += more.bytes;
        self.nodes += more.nodes;
    }
}

/// A text without the mark of byte order, which no column counts.
pub fn body(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The lines of a text as YAML breaks them, and marks count them: at a carriage return alone, too.
pub fn lines(text: &str) -> impl Iterator<Item = &str> + Clone {
    text.split_terminator('\n').flat_map(|line| line.strip_suffix('\r').unwrap_or(line).split('\r'))
}

/// Why a file cannot be used.
#[derive(Clone, Debug)]
pub struct Unreadable<'a> {
    /// At least one.
    pub problems: Vec<Problem>,
    /// What stands before the first problem of another kind than a duplicate key, of which the first counts.
    pub documents: Vec<Node<'a>>,
}

impl Unreadable<'_> {
    /// Whether `documents` is all that the file says.
    pub fn is_whole(&self) -> bool {
        self.problems.iter().all(|problem| problem.kind == ProblemKind::DuplicateKey)
    }
}

/// The documents of `text`, empty ones left out, or everything that is wrong with it.
pub fn read(text: &str, limits: Limits) -> Result<Vec<Node<'_>>, Unreadable<'_>> {
    read_and_count(text, limits, &mut Cost::default())
}

/// The same, for one of many files: adds what it cost.
pub fn read_and_count<'t>(text: &'t str, limits: Limits, cost: &mut Cost) -> Result<Vec<Node<'t>>, Unreadable<'t>> {
    if text.len() > limits.bytes {
        let message = format!("the file has {} bytes, allowed are {}", text.len(), limits.bytes);
        let problem = Problem::new(ProblemKind::Limit, Mark { line: 1, column: 1 }, message);
        return Err(Unreadable { problems: vec![problem], documents: Vec::new() });
    }
    let text = body(text);
    let cost_of_text = Cost { bytes: text.len(), nodes: 0 };
    let mut builder = Builder { limits, cost: cost_of_text, bare_end: bare_end(text), ..Builder::default() };
    let mut parser = Parser::new_from_str(text);
    while let Some(next) = parser.next_event() {
        let step = match next {
            Ok((event, span)) => builder.event(event, span),
            Err(error) => {
                let mark = mark_of(error.marker());
                Err(Problem::new(ProblemKind::Syntax, mark, format!("not YAML: {}", error.info())))
            }
        };
        if let Err(problem) = step {
            builder.problems.push(problem);
            break;
        }
    }
    *cost += builder.cost;
    if builder.problems.is_empty() {
        return Ok(builder.documents);
    }
    builder.close();
    Err(Unreadable { problems: builder.problems, documents: builder.documents })
}

/// Where a file ends, in characters, if its last line is not ended. The parser ends it all the same, so that a block scalar
/// there has a line break too many; for Go's reader (and libyaml) it has none.
fn bare_end(text: &str) -> Option<usize> {
    (!text.ends_with(['\n', '\r'])).then(|| text.chars().count())
}

/// The parser counts lines from one, and columns from zero.
fn mark_of(marker: &Marker) -> Mark {
    Mark::at(marker.line().saturating_sub(1), marker.col())
}

/// A map or list that is still open.
struct Open<'a> {
    mark: Mark,
    anchor: usize,
    data: Data<'a>,
    /// Its text, whether it may be a merge key, its place.
    key: Option<(Cow<'a, str>, bool, Mark)>,
    index: Index<'a>,
    /// Which entries a merge key (`<<`) brought in.
    merged: BTreeSet<usize>,
}

/// Where the keys of a large map are: looking through all of them for each one would take its size squared.
#[derive(Default)]
struct Index<'a>(BTreeMap<Cow<'a, str>, usize>);

impl<'a> Index<'a> {
    /// Maps that people write are small, and looked through faster than hashed.
    const SMALL: usize = 32;

    fn position(&mut self, entries: &[Entry<'a>], key: &str) -> Option<usize> {
        if entries.len() <= Self::SMALL {
            return entries.iter().position(|entry| entry.key == key);
        }
        // Keys are unique and none is ever removed, so the index lacks the last ones at most.
        for (position, entry) in entries.iter().enumerate().skip(self.0.len()) {
            self.0.insert(entry.key.clone(), position);
        }
        self.0.get(key).copied()
    }
}

#[derive(Default)]
struct Builder<'a> {
    limits: Limits,
    documents: Vec<Node<'a>>,
    /// Documents begun, empty ones too: a stream of a million `---` is bounded as well.
    begun: usize,
    open: Vec<Open<'a>>,
    /// Anchored nodes and their sizes, by the parser's number.
    anchors: Vec<(usize, Node<'a>, Cost)>,
    cost: Cost,
    aliases: usize,
    /// See [`bare_end`].
    bare_end: Option<usize>,
    problems: Vec<Problem>,
}

impl Default for Limits {
    fn default() -> Self {
        Self::DOCUMENT
    }
}

impl<'a> Builder<'a> {
    fn event(&mut self, event: Event<'a>, span: Span) -> Result<(), Problem> {
        let mark = mark_of(&span.start);
        match event {
            Event::Scalar(mut text, style, anchor, tag) => {
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                if block
                    && self.bare_end.is_some_and(|end| span.end.index() >= end)
                    && text.ends_with('\n')
                    // Blanks that are no part of its lines are no line to the parser.
                    && (span.end.col() >= span.start.col() || text == "\n")
                {
                    text.to_mut().pop();
                }
                let plain = style == ScalarStyle::Plain && !is_string_tag(tag.as_deref(), mark)?;
                self.add(mark, anchor, Data::Scalar { text, plain })
            }
            Event::SequenceStart(anchor, tag) => self.open(mark, anchor, tag.as_deref(), Data::List(Vec::new())),
            Event::MappingStart(anchor, tag) => self.open(mark, anchor, tag.as_deref(), Data::Map(Vec::new())),
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(closed) = self.open.pop() else { return Ok(()) };
                self.cost.nodes -= 1; // `add` counts it again
                self.add(closed.mark, closed.anchor, closed.data)
            }
            Event::Alias(anchor) => self.alias(mark, anchor),
            Event::DocumentStart(_) => {
                self.begun += 1;
                self.anchors.clear();
                within(self.begun, self.limits.documents, "documents", mark)
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, mark: Mark, anchor: usize, tag: Option<&Tag>, data: Data<'a>) -> Result<(), Problem> {
        is_string_tag(tag, mark)?;
        self.cost.nodes += 1;
        within(self.open.len() + 1, self.limits.depth, "levels of nesting", mark)?;
        self.open.push(Open { mark, anchor, data, key: None, index: Index::default(), merged: BTreeSet::new() });
        Ok(())
    }

    /// Ends what is still open: its parts are there, as far as they were read.
    fn close(&mut self) {
        self.limits.nodes = usize::MAX; // none is new
        while let Some(closed) = self.open.pop() {
            if self.add(closed.mark, 0, closed.data).is_err() {
                return;
            }
        }
    }

    fn alias(&mut self, mark: Mark, anchor: usize) -> Result<(), Problem> {
        self.aliases += 1;
        within(self.aliases, self.limits.aliases, "aliases", mark)?;
        let Some((_, node, size)) = self.anchors.iter().find(|(number, ..)| *number == anchor) else {
            // The parser knows an anchor as soon as it begins, and forgets none at the end of a document.
            let message = if self.open.iter().any(|open| open.anchor == anchor) {
                "an alias inside of its own anchor"
            } else {
                "this alias's anchor is in another document: `---` ends what an alias sees"
            };
            return Err(Problem::new(ProblemKind::Syntax, mark, message));
        };
        self.cost += *size;
        within(self.cost.nodes, self.limits.nodes, NODES, mark)?;
        within(self.cost.bytes, self.limits.bytes, "bytes, with what aliases repeat", mark)?;
        let data = node.data.clone();
        self.cost.nodes -= 1; // `add` counts it again
        self.add(mark, 0, data)
    }

    /// Puts a finished node where it belongs: into what is open, or among the documents.
    fn add(&mut self, mark: Mark, anchor: usize, data: Data<'a>) -> Result<(), Problem> {
        self.cost.nodes += 1;
        within(self.cost.nodes, self.limits.nodes, NODES, mark)?;
        let node = Node { mark, data };
        if anchor > 0 {
            let size = size(&node);
            self.cost.nodes += size.nodes;
            within(self.cost.nodes, self.limits.nodes, NODES, mark)?;
            self.anchors.push((anchor, node.clone(), size));
        }
        let Some(parent) = self.open.last_mut() else {
            if !node.is_null() {
                self.documents.push(node);
            }
            return Ok(());
        };
        match &mut parent.data {
            Data::List(items) => items.push(node),
            Data::Map(entries) => match parent.key.take() {
                None => match node.data {
                    Data::Scalar { text, plain } => parent.key = Some((text, plain, mark)),
                    _ => return Err(Problem::new(ProblemKind::Syntax, mark, "a key must be text")),
                },
                Some((key, true, key_mark)) if key == "<<" => {
                    merge(entries, &mut parent.index, &mut parent.merged, node, key_mark)?;
                }
                Some((key, _, key_mark)) => match parent.index.position(entries, &key) {
                    None => entries.push(Entry { key, mark: key_mark, value: node }),
                    // The one written here wins.
                    Some(first) if parent.merged.remove(&first) => {
                        entries[first] = Entry { key, mark: key_mark, value: node };
                    }
                    Some(first) => self.problems.push(Problem::naming(
                        ProblemKind::DuplicateKey,
                        key_mark,
                        "duplicate key `",
                        &key,
                        &format!("`, first in line {}", entries[first].mark.line),
                    )),
                },
            },
            Data::Scalar { .. } => {}
        }
        Ok(())
    }
}

fn within(count: usize, limit: usize, what: &str, mark: Mark) -> Result<(), Problem> {
    if count <= limit {
        return Ok(());
    }
    let what = if limit == 1 { what.trim_end_matches('s') } else { what };
    Err(Problem::new(ProblemKind::Limit, mark, format!("more than {limit} {what}")))
}

/// YAML 1.1's merge key: the entries of a map, or of several, that are not there yet. Each keeps its own place.
fn merge<'a>(
    entries: &mut Vec<Entry<'a>>,
    index: &mut Index<'a>,
    merged: &mut BTreeSet<usize>,
    node: Node<'a>,
    mark: Mark,
) -> Result<(), Problem> {
    match node.data {
        Data::Map(more) => {
            for entry in more {
                if index.position(entries, &entry.key).is_none() {
                    merged.insert(entries.len());
                    entries.push(entry);
                }
            }
            Ok(())
        }
        Data::List(items) => items.into_iter().try_for_each(|item| merge(entries, index, merged, item, mark)),
        Data::Scalar { .. } => Err(Problem::new(ProblemKind::Syntax, mark, "`<<` takes a map or a list of maps")),
    }
}

fn size(node: &Node<'_>) -> Cost {
    let mut cost = Cost { bytes: 0, nodes: 1 };
    match &node.data {
        Data::Scalar { text, .. } => cost.bytes += text.len(),
        Data::List(items) => items.iter().for_each(|item| cost += size(item)),
        Data::Map(entries) => {
            for entry in entries {
                cost += Cost { bytes: entry.key.len(), nodes: 1 };
                cost += size(&entry.value);
            }
        }
    }
    cost
}

/// Whether a tag makes a scalar a string; any tag but YAML's own is refused, because nobody would know what it means.
fn is_string_tag(tag: Option<&Tag>, mark: Mark) -> Result<bool, Problem> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema() => Ok(tag.suffix == "str"),
        Some(tag) if tag.handle.is_empty() && tag.suffix == "!" => Ok(true),
        Some(tag) => {
            let name = format!("{}{}", tag.handle, tag.suffix);
            Err(Problem::naming(ProblemKind::Syntax, mark, "the tag `", &name, "` has no meaning here"))
        }
    }
}

#[cfg(test)]
mod tests;
