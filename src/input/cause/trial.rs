//! A file with one change, read again: a cause is named only if the file can be read on without it.

use std::cell::Cell;

use crate::yaml::{self, Data, Limits, Mark, Node, ProblemKind};

/// Lines behind the failing one that are read: what lies further on is another mistake's.
const BEHIND: usize = 100;

/// Lines that say something, up to the failing one, in which a cause is looked for.
const NEAR: usize = 4;

/// How often a file is read again: of a longer one less often, so that many bad files cost little.
const READINGS: usize = 96;
const BYTES: usize = 1 << 20;

/// What a file would need, and what to say of it.
#[derive(Debug)]
pub(super) struct Cause {
    /// How far the file can be read with the change: the line of its next mistake, counted from zero.
    pub reach: usize,
    pub mark: Mark,
    /// Without `not YAML`.
    pub message: String,
    pub help: String,
}

/// A file's lines, and which of them the reader gave up in.
pub(super) struct Trial<'t> {
    pub lines: Vec<&'t str>,
    /// Counted from zero; may be the one behind the last.
    pub failed: usize,
    /// Lines that say something, from the failing one up.
    pub near: Vec<usize>,
    /// A change that is right lets the file be read up to here at least.
    beyond: usize,
    /// What is wrong with the file as it is, besides.
    duplicates: usize,
    size: usize,
    budget: Cell<usize>,
}

impl<'t> Trial<'t> {
    pub(super) fn new(text: &'t str, failed: usize) -> Self {
        let lines: Vec<&str> = yaml::lines(text).take(failed.saturating_add(BEHIND)).collect();
        let failed = failed.min(lines.len());
        let near = (0..lines.len().min(failed + 1)).rev().filter(|line| says_something(lines[*line])).take(NEAR);
        let beyond = (failed + 1..lines.len()).filter(|line| says_something(lines[*line])).nth(1);
        let size = lines.iter().map(|line| line.len() + 1).sum::<usize>();
        let budget = Cell::new((size * READINGS).min(BYTES.max(2 * size)));
        let (near, beyond) = (near.collect(), beyond.unwrap_or(usize::MAX));
        let mut trial = Self { near, beyond, failed, lines, duplicates: 0, size, budget };
        trial.duplicates = trial.read(|_, _| None, |_| None::<()>).map_or(0, |(_, duplicates, _)| duplicates);
        trial
    }

    /// How far the file can be read if `change` is made to its lines; nothing if that mends nothing.
    pub(super) fn mends(&self, change: impl Fn(usize, &str) -> Option<String>) -> Option<usize> {
        self.mends_and(change, |_| Some(())).map(|(reach, ())| reach)
    }

    /// The same, and what `look` sees then; nothing if it does not see what it looks for.
    pub(super) fn mends_and<T>(
        &self,
        change: impl Fn(usize, &str) -> Option<String>,
        look: impl FnOnce(&[Node<'_>]) -> Option<T>,
    ) -> Option<(usize, T)> {
        let (reach, duplicates, seen) = self.read(change, look)?;
        (reach >= self.beyond && duplicates <= self.duplicates).then_some(())?;
        Some((reach, seen?))
    }

    /// The same for one line, in which a key or an item then begins in a column, counted from zero.
    pub(super) fn mends_line(&self, number: usize, line: &str, column: usize) -> Option<usize> {
        let change = |at, _: &str| (at == number).then(|| line.to_owned());
        let look = |documents: &[Node<'_>]| begins(documents, number, column).then_some(());
        self.mends_and(change, look).map(|(reach, ())| reach)
    }

    /// Lines and columns, counted from zero, of all that stands beside what begins in such a place: keys of its map, or items of its
    /// list. What is not there begins behind the last line.
    pub(super) fn beside(
        &self,
        documents: &[Node<'_>],
        (line, column): (usize, usize),
        is_item: bool,
    ) -> Option<Vec<(usize, usize)>> {
        let places = beside(documents, Mark::at(line, column), is_item)?.into_iter().map(Mark::indices);
        Some(places.filter(|(line, _)| *line < self.lines.len()).collect())
    }

    /// How far the file can be read with a change, how many keys are there twice, and what `look` sees.
    fn read<T>(
        &self,
        change: impl Fn(usize, &str) -> Option<String>,
        look: impl FnOnce(&[Node<'_>]) -> Option<T>,
    ) -> Option<(usize, usize, Option<T>)> {
        // Copying a file takes time, too.
        self.budget.get().checked_sub(self.size)?;
        let mut text = String::with_capacity(self.size);
        for (number, line) in self.lines.iter().enumerate() {
            text.push_str(change(number, line).as_deref().unwrap_or(line));
            text.push('\n');
        }
        self.budget.set(self.budget.get().checked_sub(text.len())?);
        let limits = Limits { bytes: usize::MAX, documents: usize::MAX, ..Limits::MANIFESTS };
        Some(match yaml::read(&text, limits) {
            Ok(documents) => (usize::MAX, 0, look(&documents)),
            Err(error) => {
                let mut reach = usize::MAX;
                let (mut duplicates, end) = (0, self.lines.len());
                for problem in &error.problems {
                    let (line, _) = problem.mark.indices();
                    if problem.kind == ProblemKind::DuplicateKey {
                        duplicates += 1;
                    } else if line < end || end < self.failed + BEHIND {
                        reach = reach.min(line);
                    }
                }
                (reach, duplicates, look(&error.documents))
            }
        })
    }
}

/// Whether a line is more than blanks and a comment.
pub(super) fn says_something(line: &str) -> bool {
    !matches!(line.trim_start().chars().next(), None | Some('#')) && !line.starts_with("---")
}

/// The spaces that a line begins with.
pub(super) fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

/// Whether a key or an item begins in a place, counted from zero.
fn begins(documents: &[Node<'_>], line: usize, column: usize) -> bool {
    let place = Mark::at(line, column);
    documents.iter().any(|node| {
        node.mark == place
            || match &node.data {
                Data::Scalar { .. } => false,
                Data::List(items) => begins(items, line, column),
                Data::Map(entries) => entries
                    .iter()
                    .any(|entry| entry.mark == place || begins(std::slice::from_ref(&entry.value), line, column)),
            }
    })
}

/// The marks of all that stands beside what begins in a place: keys of its map, or items of its list.
fn beside(documents: &[Node<'_>], place: Mark, is_item: bool) -> Option<Vec<Mark>> {
    documents.iter().find_map(|node| match &node.data {
        Data::Scalar { .. } => None,
        Data::List(items) => {
            // A list's item begins behind its `-`.
            let here =
                is_item && items.iter().any(|item| item.mark.line == place.line && item.mark.column > place.column);
            let all = || items.iter().map(|item| item.mark).collect();
            here.then(all).or_else(|| beside(items, place, is_item))
        }
        Data::Map(entries) => {
            let here = !is_item && entries.iter().any(|entry| entry.mark == place);
            let all = || entries.iter().map(|entry| entry.mark).collect();
            let mut values = entries.iter().map(|entry| std::slice::from_ref(&entry.value));
            here.then(all).or_else(|| values.find_map(|value| beside(value, place, is_item)))
        }
    })
}

/// Keys that have no value.
pub(super) fn empty(documents: &[Node<'_>]) -> usize {
    let of = |node: &Node<'_>| match &node.data {
        Data::Scalar { .. } => usize::from(node.is_null()),
        Data::List(items) => empty(items),
        Data::Map(entries) => entries.iter().map(|entry| empty(std::slice::from_ref(&entry.value))).sum(),
    };
    documents.iter().map(of).sum()
}
