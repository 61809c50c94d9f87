//! Reads YAML and JSON into a tree that knows where each of its parts stands.
//!
//! One reader for all inputs: [`saphyr_parser`] finds the events, this module builds the tree, holds the limits and
//! reports duplicate keys. What a plain scalar *means* is decided where it is used, because two readings are needed:
//! YAML 1.2's for dayfly's own files and Kubernetes' (YAML 1.1, as Go reads it) for the team's manifests: see
//! [`scalar`]. Needs nothing else of the crate: the build script reads templates with it too.

mod read;
pub mod scalar;

use std::{borrow::Cow, ops::Range};

pub use read::{Cost, Limits, Unreadable, body, lines, read, read_and_count};

/// A place in a file; both count from one. Columns count characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// From one.
    pub line: u32,
    /// From one, in characters.
    pub column: u32,
}

impl Mark {
    /// Of a line and a column that are counted from zero.
    pub fn at(line: usize, column: usize) -> Self {
        let [line, column] = [line, column].map(|index| u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1));
        Self { line, column }
    }

    /// Its line and its column as indices, counted from zero.
    pub fn indices(self) -> (usize, usize) {
        (self.line.saturating_sub(1) as usize, self.column.saturating_sub(1) as usize)
    }
}

/// A part of a document.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// Where it begins.
    pub mark: Mark,
    /// What it says.
    pub data: Data<'a>,
}

/// What a part of a document is.
#[derive(Clone, Debug)]
pub enum Data<'a> {
    /// `plain` scalars (neither quoted nor a block) may stand for something other than their text.
    Scalar {
        /// What is written, without quotes and escapes.
        text: Cow<'a, str>,
        /// Whether it may stand for something other than its text.
        plain: bool,
    },
    /// Items in order.
    List(Vec<Node<'a>>),
    /// Entries in order, each key once.
    Map(Vec<Entry<'a>>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// As text, whatever it looks like.
    pub key: Cow<'a, str>,
    /// Where the key begins.
    pub mark: Mark,
    /// What it stands before.
    pub value: Node<'a>,
}

/// Something that makes a file unreadable, or ambiguous.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which rule it breaks.
    pub kind: ProblemKind,
    /// Where it is.
    pub mark: Mark,
    /// What is wrong, for people.
    pub message: String,
    /// What of the message is the file's own, however long.
    pub foreign: Range<usize>,
}

impl Problem {
    fn new(kind: ProblemKind, mark: Mark, message: impl Into<String>) -> Self {
        Self { kind, mark, message: message.into(), foreign: 0..0 }
    }

    /// A problem that names a part of the file.
    fn naming(kind: ProblemKind, mark: Mark, before: &str, foreign: &str, after: &str) -> Self {
        let message = format!("{before}{foreign}{after}");
        Self { kind, mark, message, foreign: before.len()..before.len() + foreign.len() }
    }
}

/// What keeps a file from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// It is no YAML, or uses what is not read: tags, for example.
    Syntax,
    /// One of two equal keys.
    DuplicateKey,
    /// It is larger than [`Limits`] allow.
    Limit,
    /// JSON has no such number.
    Endless,
}

/// Most numbers of that kind that are told of a document.
const MOST_ENDLESS: usize = 20;

impl<'a> Node<'a> {
    /// The value of a key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        Some(&self.entry(key)?.value)
    }

    /// The same, with the key's own place.
    pub fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        match &self.data {
            Data::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The entries of a map; of anything else, none.
    pub fn entries(&self) -> &[Entry<'a>] {
        match &self.data {
            Data::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The text of a scalar, whatever it stands for.
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// Whether this is YAML 1.2's `null`: the word, `~`, or nothing at all.
    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Scalar { text, plain: true } if scalar::is_null(text))
    }

    /// The first numbers that JSON has not (`.inf`, `.nan`), and so no manifest and no input: each with its place.
    pub fn endless(&self) -> Vec<Problem> {
        let mut found = Vec::new();
        self.find_endless(&mut found);
        found
    }

    fn find_endless(&self, found: &mut Vec<Problem>) {
        match &self.data {
            _ if found.len() == MOST_ENDLESS => {}
            Data::Scalar { text, plain: true } if scalar::endless(text).is_some() => {
                let message = format!("`{text}` is a number that JSON has not: in quotes it is text");
                found.push(Problem::new(ProblemKind::Endless, self.mark, message));
            }
            Data::Scalar { .. } => {}
            Data::List(items) => items.iter().for_each(|item| item.find_endless(found)),
            Data::Map(entries) => entries.iter().for_each(|entry| entry.value.find_endless(found)),
        }
    }

    /// Where a JSON pointer leads, or the nearest part above it that exists.
    pub fn locate(&self, pointer: &str) -> Mark {
        self.descend(pointer).0.mark
    }

    /// The same for the name of an entry, not what it holds.
    pub fn locate_name(&self, pointer: &str) -> Mark {
        let (map, name) = pointer.rsplit_once('/').unwrap_or_default();
        self.descend(map).0.entry(&unescaped(name)).map_or_else(|| self.locate(pointer), |entry| entry.mark)
    }

    /// What a JSON pointer leads to.
    pub fn at(&self, pointer: &str) -> Option<&Self> {
        let (node, is_there) = self.descend(pointer);
        is_there.then_some(node)
    }

    /// As far as a JSON pointer leads, and whether that is all of it.
    fn descend(&self, pointer: &str) -> (&Self, bool) {
        let mut node = self;
        for segment in pointer.split('/').skip(1) {
            let segment = unescaped(segment);
            let below = match &node.data {
                Data::Map(_) => node.get(&segment),
                Data::List(items) => segment.parse().ok().and_then(|index: usize| items.get(index)),
                Data::Scalar { .. } => None,
            };
            match below {
                Some(below) => node = below,
                None => return (node, false),
            }
        }
        (node, true)
    }
}

/// A segment of a JSON pointer (RFC 6901) as a name.
fn unescaped(segment: &str) -> String {
    segment.replace("~1", "/").replace("~0", "~")
}
