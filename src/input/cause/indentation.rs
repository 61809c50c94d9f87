//! Lines that begin in the wrong column.

use std::{cmp::Reverse, collections::BTreeSet, fmt::Write as _};

use crate::{finding::visible, yaml::Mark};

use super::trial::{Cause, Trial, empty, indent, says_something};

/// Columns that a line is tried in.
const COLUMNS: usize = 8;

/// Lines above and below in which such columns are looked for.
const AROUND: usize = 8;

/// Lines behind the failing one that can be read if the right one was moved.
const FAR: usize = 20;

/// Keys that are right where most files have them.
const TOP: [&str; 6] = ["apiVersion", "kind", "metadata", "spec", "data", "stringData"];

/// Lines above that the failing one may belong to.
const ABOVE: usize = 4;

/// A line that would be right in another column, beside another one of its map or list.
struct Misplaced {
    cause: Cause,
    line: usize,
    other: usize,
    /// The column that would be right, counted from zero.
    column: usize,
    /// Lines that would have to change, keys that would have no value then.
    price: (usize, usize),
    /// Whether it is in an even column, counted from zero, and whether it follows on no open key.
    doubt: (bool, bool),
}

impl Misplaced {
    /// The least is the best: it lets the file be read furthest, and changes least.
    fn rank(&self) -> (Reverse<usize>, (usize, usize)) {
        (Reverse(self.cause.reach), self.price)
    }
}

/// Lines that begin in different columns, and belong to one map or list if they did not.
pub(super) fn misplaced(trial: &Trial<'_>) -> Option<(usize, Cause)> {
    let mut found: Vec<Misplaced> = Vec::new();
    for line in candidates(trial) {
        let columns = columns(trial, line);
        for deep in [false, true] {
            found.extend(columns.iter().filter_map(|column| misplaced_by(trial, line, *column, deep)));
        }
    }
    let best = found.iter().map(Misplaced::rank).min()?;
    found.retain(|found| found.rank() == best);
    // Of equal ones the first in which less is doubtful.
    found.sort_by_key(|found| found.doubt);
    let mut found = found.into_iter();
    let Misplaced { line, other, column, mut cause, .. } = found.next()?;
    // What could as well be another mistake is told as both, or not at all.
    let mut others = found.filter(|found| ![line, other].contains(&found.line));
    let name = |line: usize| visible(key(trial.lines[line]));
    if let Some(second) = others.next() {
        others.next().is_none().then_some(())?;
        let (one, beside) = (name(second.line), name(second.other));
        let _ = write!(
            cause.help,
            "; or else `{one}` in line {} belongs beside `{beside}` in line {}",
            second.line + 1,
            second.other + 1
        );
    }
    // A key without a value and what is not right of it: either may be wrong.
    let below = (line + 1..trial.lines.len()).find(|at| says_something(trial.lines[*at]));
    for (parent, child) in [(Some(line), below), (above(trial, line), Some(line))] {
        let (Some(parent), Some(child)) = (parent, child) else { continue };
        let (of_parent, of_child) = (starts(trial.lines[parent])[1], indent(trial.lines[child]));
        let is_below = of_child < of_parent || of_child == of_parent && !is_item(trial.lines[child]);
        let is_theirs = [line, other].contains(&parent) && [line, other].contains(&child);
        if trial.lines[parent].trim_end().ends_with(':') && is_below && !is_theirs {
            let beside =
                format!("`{}` in line {} belongs beside `{}` in line {}", name(line), line + 1, name(other), other + 1);
            cause.mark = Mark::at(child, of_child);
            cause.message = orphan(trial, parent, child);
            BELOW.clone_into(&mut cause.help);
            if parent == line || column <= of_parent {
                let _ = write!(cause.help, "; or else {beside}");
            }
            break;
        }
    }
    Some((line, cause))
}

const BELOW: &str = "what belongs to a key begins further right than the key";

/// That something begins left of the key above it.
fn orphan(trial: &Trial<'_>, parent: usize, child: usize) -> String {
    let [begins, _] = starts(trial.lines[child]);
    let child =
        if is_item(trial.lines[child]) { "this `-`".into() } else { format!("`{}`", visible(key(trial.lines[child]))) };
    let [_, column] = starts(trial.lines[parent]);
    let parent = format!("`{}` in line {}", visible(key(trial.lines[parent])), parent + 1);
    format!("{child} begins in column {}, {parent} in column {}", begins + 1, column + 1)
}

/// `key: |`, whose text in the lines below is not indented.
pub(super) fn block(trial: &Trial<'_>) -> Option<Cause> {
    let lines = &trial.lines;
    trial.near.iter().find_map(|line| {
        let begins = lines[*line].trim_end().rsplit(' ').next()?;
        let is_block =
            begins.starts_with(['|', '>']) && begins[1..].chars().all(|c| matches!(c, '+' | '-' | '1'..='9'));
        let here = indent(lines[*line]);
        let first = (line + 1..lines.len()).find(|at| says_something(lines[*at])).filter(|_| is_block)?;
        let least = indent(lines[first]);
        (least <= here).then_some(())?;
        let ends = |at: &usize| says_something(lines[*at]) && indent(lines[*at]) < least;
        let end = (first..lines.len()).find(ends).unwrap_or(lines.len());
        let reach = trial.mends(|at, text| (first..end).contains(&at).then(|| shifted(text, least, here + 2)))?;
        Some(Cause {
            reach,
            mark: Mark::at(first, least),
            message: format!("the text of `{}` is not indented more than its key", visible(key(lines[*line]))),
            help: format!(
                "all lines of a text behind `{begins}` begin right of the key, in column {} for example",
                here + 3
            ),
        })
    })
}

/// The lines where the mistake may be: those near to where the reader noticed, the first one of what that line ends, and those
/// above that it may belong to.
fn candidates(trial: &Trial<'_>) -> Vec<usize> {
    let mut lines = trial.near.clone();
    if let Some(&failed) = trial.near.first() {
        let mut least = indent(trial.lines[failed]);
        let before = (0..failed).rev().filter(|line| says_something(trial.lines[*line]));
        if let Some(first) = before.clone().take_while(|line| indent(trial.lines[*line]) > least).last() {
            lines.insert(lines.len().min(2), first);
        }
        let is_above = |line: &usize| {
            let here = indent(trial.lines[*line]);
            let before = least;
            least = least.min(here);
            here < before
        };
        lines.extend(before.filter(is_above).take(ABOVE));
    }
    let mut seen = BTreeSet::new();
    lines.retain(|line| seen.insert(*line));
    lines
}

/// Columns in which lines around begin, counted from zero, nearest first.
fn columns(trial: &Trial<'_>, line: usize) -> Vec<usize> {
    let here = indent(trial.lines[line]);
    let says = |line: &usize| says_something(trial.lines[*line]);
    let above = (0..line).rev().filter(says).take(AROUND);
    let below = (line + 1..trial.lines.len()).filter(says).take(AROUND);
    let mut columns = BTreeSet::new();
    for other in above.chain(below) {
        columns.extend(starts(trial.lines[other]));
    }
    columns.extend(trial.near.first().map(|failed| indent(trial.lines[*failed])));
    columns.retain(|column| has_neighbour(trial, line, *column));
    columns.extend(open_above(trial, line).map(|key| key + 2));
    columns.remove(&here);
    let mut columns: Vec<usize> = columns.into_iter().collect();
    columns.sort_by_key(|column| column.abs_diff(here));
    columns.truncate(COLUMNS);
    columns
}

/// What is certain of a line that goes on nothing above it.
pub(super) fn unexplained(trial: &Trial<'_>, said: &str, column: usize) -> Option<(String, String)> {
    let text = *trial.lines.get(trial.failed).filter(|text| says_something(text))?;
    // With a colon before it, the one that the reader names is another matter.
    let is_key = || starts(text)[1] + key(text).chars().count() == column;
    let is_known = said.ends_with("did not find expected key")
        || said.ends_with("expected '-' indicator")
        || said.contains("mapping values") && is_key();
    is_known.then_some(())?;
    let mut least = usize::MAX;
    let mut shown = Vec::new();
    for line in (0..trial.failed).rev().filter(|line| says_something(trial.lines[*line])) {
        if indent(trial.lines[line]) < least && shown.len() < ABOVE {
            least = indent(trial.lines[line]);
            shown.push(format!("`{}` in {} (line {})", visible(key(trial.lines[line])), least + 1, line + 1));
        }
    }
    Some((
        format!("what begins in column {} here goes on no map and no list above it", indent(text) + 1),
        format!("all keys of a map, and all `-` of a list, begin in the same column; above are {}", shown.join(", ")),
    ))
}

/// Whether the lines above or below would have one in that column that what begins there could stand beside.
fn has_neighbour(trial: &Trial<'_>, line: usize, column: usize) -> bool {
    let nearest = |mut lines: &mut dyn Iterator<Item = usize>| {
        let reaches = |at: &usize| says_something(trial.lines[*at]) && indent(trial.lines[*at]) <= column;
        (&mut lines).find(reaches).is_some_and(|at| starts(trial.lines[at]).contains(&column))
    };
    nearest(&mut (0..line).rev()) || nearest(&mut (line + 1..trial.lines.len())) || is_item(trial.lines[line])
}

/// The columns in which a line begins, and what is behind its `-`.
fn starts(line: &str) -> [usize; 2] {
    [indent(line), line.len() - line.trim_start_matches([' ', '-']).len()]
}

fn misplaced_by(trial: &Trial<'_>, line: usize, column: usize, deep: bool) -> Option<Misplaced> {
    let lines = &trial.lines;
    let here = indent(lines[line]);
    let end = if deep { end(trial, line) } else { line + 1 };
    // Without lines below it, the line is all; with them, it is right where another of its kind is above it.
    (!deep || end > line + 1).then_some(())?;
    (!deep || !is_beside_one_above(trial, line)).then_some(())?;
    // Where the keys of every object are, others are rare.
    let is_top = TOP.contains(&key(lines[line]));
    let is_first = |at: Option<usize>| at.is_none_or(|at| indent(lines[at]) == 0 && !self::is_item(lines[at]));
    let is_amid = || is_first(above(trial, line)) || is_first((end..lines.len()).find(|at| says_something(lines[*at])));
    (if is_top { here > 0 } else { column > 0 || is_amid() }).then_some(())?;
    let is_item = is_item(lines[line]);
    // Nor does it leave the key that it belongs to.
    let open = open_above(trial, line);
    let leaves = |key: usize| key < here && (column < key || column == key && !is_item);
    (!open.is_some_and(leaves)).then_some(())?;
    let (reach, (other, is_item, empty)) = trial.mends_and(
        |at, text| (line..end).contains(&at).then(|| shifted(text, here, column)),
        |documents| {
            let find = |column: usize, is_item: bool| {
                let beside = trial.beside(documents, (line, column), is_item)?;
                let others = || beside.iter().copied().filter(|(other, _)| !(line..end).contains(other));
                let (other, begins) = others().filter(|(other, _)| *other < line).max().or_else(|| others().min())?;
                let begins = if is_item { indent(lines[other]) } else { begins };
                (begins == column && (!is_item || self::is_item(lines[other]))).then_some(other)
            };
            // The first key of an item stands beside the others of the item.
            let behind = column + starts(lines[line])[1] - here;
            let item = || Some((Some(find(column, true)?), true));
            let key = || Some((Some(find(behind, false)?), false));
            // Alone, it stands below its key.
            let alone = || open.filter(|key| here <= *key && column == key + 2).map(|_| (None, false));
            let (other, is_item) = if is_item { item().or_else(key).or_else(alone)? } else { key().or_else(alone)? };
            Some((other, is_item, empty(documents)))
        },
    )?;
    // Another mistake that soon is this one, moved.
    (reach > trial.failed.saturating_add(FAR)).then_some(())?;
    let (message, help) = if other.is_none() {
        (orphan(trial, above(trial, line)?, line), BELOW)
    } else if is_item {
        let other = other?;
        (
            format!("this `-` begins in column {}, the one in line {} in column {}", here + 1, other + 1, column + 1),
            "all `-` of a list begin in the same column",
        )
    } else {
        let other = other?;
        let [_, behind] = starts(lines[line]);
        (
            format!(
                "`{}` begins in column {}, `{}` in line {} in column {}",
                visible(key(lines[line])),
                behind + 1,
                visible(key(lines[other])),
                other + 1,
                column + behind - here + 1
            ),
            "all keys of a map begin in the same column",
        )
    };
    let column_said = if is_item { here } else { starts(lines[line])[1] };
    let cause = Cause { reach, mark: Mark::at(line, column_said), message, help: help.to_owned() };
    let changed = (line..end).filter(|line| says_something(lines[*line])).count();
    let follows_open = open_above(trial, line).is_some_and(|key| key < column);
    let other = other.or_else(|| above(trial, line))?;
    Some(Misplaced {
        cause,
        line,
        other,
        column,
        price: (changed, empty),
        doubt: (here.is_multiple_of(2), !follows_open),
    })
}

/// Whether the next line above that is not further right begins where this one does, both with or both without `-`.
fn is_beside_one_above(trial: &Trial<'_>, line: usize) -> bool {
    let here = indent(trial.lines[line]);
    let mut above = (0..line).rev().filter(|at| says_something(trial.lines[*at]) && indent(trial.lines[*at]) <= here);
    above.next().is_some_and(|at| {
        let text = trial.lines[at];
        if is_item(trial.lines[line]) { is_item(text) && indent(text) == here } else { starts(text)[1] == here }
    })
}

/// The next line above that says something.
fn above(trial: &Trial<'_>, line: usize) -> Option<usize> {
    (0..line).rev().find(|line| says_something(trial.lines[*line]))
}

/// The column of the key right above that has no value yet.
fn open_above(trial: &Trial<'_>, line: usize) -> Option<usize> {
    let above = above(trial, line)?;
    trial.lines[above].trim_end().ends_with(':').then(|| starts(trial.lines[above])[1])
}

/// Where what begins in a line ends: with the next one that is not further right. What the reader's line ended is one whole.
fn end(trial: &Trial<'_>, line: usize) -> usize {
    let here = indent(trial.lines[line]);
    let behind = (line + 1..trial.lines.len()).filter(|at| says_something(trial.lines[*at]));
    let is_whole = line < trial.failed
        && trial.lines.get(trial.failed).is_some_and(|failed| says_something(failed) && indent(failed) < here);
    let mut behind = behind.skip_while(|at| {
        let other = indent(trial.lines[*at]);
        if is_whole { *at < trial.failed } else { other > here || line == trial.failed && other == here }
    });
    behind.next().unwrap_or(trial.lines.len())
}

fn shifted(text: &str, from: usize, to: usize) -> String {
    let spaces = (indent(text) + to).saturating_sub(from);
    format!("{}{}", " ".repeat(spaces), text.trim_start_matches(' '))
}

pub(super) fn is_item(line: &str) -> bool {
    let text = line.trim_start_matches(' ');
    text == "-" || text.starts_with("- ")
}

/// The key that a line begins with, behind its `-`.
pub(super) fn key(line: &str) -> &str {
    let text = line.trim_start_matches([' ', '-']);
    text.split(':').next().unwrap_or(text).trim()
}
