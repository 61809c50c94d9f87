//! Brackets that are not closed.

use super::trial::{Cause, Trial};
use crate::{
    finding::{masked, visible},
    yaml::Mark,
};

/// Lines above the failing one in which the bracket is looked for.
const ABOVE: usize = 40;

/// The nearest `[` or `{` that nothing closes, if closing it mends the file.
pub(super) fn unclosed(trial: &Trial<'_>) -> Option<Cause> {
    let last = trial.failed.min(trial.lines.len().checked_sub(1)?);
    let first = last.saturating_sub(ABOVE);
    let mut open: Vec<(usize, usize, char)> = Vec::new();
    let mut found = None;
    for line in first..=last {
        for (column, c) in outside_of_quotes(trial.lines[line]) {
            match c {
                '[' | '{' => open.push((line, column, c)),
                _ if open.last().is_some_and(|(.., opened)| closing(*opened) == c) => drop(open.pop()),
                _ => {}
            }
        }
        if open.last().is_some_and(|(opened, ..)| *opened == line) {
            found = open.last().copied();
        }
        // Of several, one that was closed further down is none.
        found = found.filter(|found| open.contains(found)).or_else(|| open.last().copied());
    }
    let (line, column, bracket) = found?;
    let all: String =
        open.iter().rev().filter(|(opened, ..)| *opened == line).map(|(.., bracket)| closing(*bracket)).collect();
    // It may end with its line, or with the one before the reader noticed.
    let mut ends = vec![line];
    ends.extend(trial.near.iter().copied().filter(|near| *near > line).take(2));
    let reach = ends.into_iter().find_map(|end| {
        trial.mends(|at, text| {
            let (said, comment) = text.split_at(comment(text));
            (at == end).then(|| format!("{}{all}{comment}", said.trim_end()))
        })
    })?;
    Some(Cause {
        reach,
        mark: Mark::at(line, column),
        message: format!("the `{bracket}` that begins here is not closed"),
        help: format!("end it with `{}`", closing(bracket)),
    })
}

/// `key: a, b]` and `key: a: b}`: the bracket that ends the line has none that begins it.
pub(super) fn unopened(trial: &Trial<'_>) -> Option<Cause> {
    let line = *trial.near.first()?;
    let text = trial.lines[line];
    let said = text[..comment(text)].trim_end();
    let (key, value) = said.split_once(": ")?;
    let open = match value.chars().next_back()? {
        ']' => '[',
        '}' => '{',
        _ => return None,
    };
    (!key.contains(['[', '{']) && !value.contains(open)).then_some(())?;
    // An item's own map begins before its first key.
    let item = (open == '{').then(|| said.len() - said.trim_start_matches([' ', '-']).len());
    let item = item.filter(|start| said[..*start].ends_with("- "));
    let (reach, start) = item.into_iter().chain([key.len() + ": ".len()]).find_map(|start| {
        let meant = format!("{}{open}{}{}", &said[..start], &said[start..], &text[said.len()..]);
        Some((trial.mends(|at, _| (at == line).then(|| meant.clone()))?, start))
    })?;
    let (column, value) = (said[..start].chars().count(), &said[start..]);
    Some(Cause {
        reach,
        mark: Mark::at(line, column),
        message: format!("the `{}` that ends this line has no `{open}`", closing(open)),
        help: format!("write a `{open}` before `{}`", visible(&masked(value))),
    })
}

/// What is said of a bracket that is not the one to be closed, or of what stands where one must be.
pub(super) fn misplaced(said: &str, line: &str, column: usize) -> Option<String> {
    let found = line.chars().nth(column).filter(|c| matches!(c, ']' | '}'));
    let expected = match said {
        _ if said.ends_with("misplaced bracket") => return Some(format!("this `{}` closes nothing", found?)),
        _ if said.ends_with("expected ',' or ']'") => ("[…]", ']'),
        _ if said.ends_with("expected ',' or '}'") => ("{…}", '}'),
        _ => return None,
    };
    let (flow, end) = expected;
    Some(match found {
        Some(found) => format!("this `{found}` ends no `{flow}`"),
        None => format!("inside of `{flow}`, a `,` or `{end}` is missing before this"),
    })
}

fn closing(bracket: char) -> char {
    if bracket == '[' { ']' } else { '}' }
}

/// The brackets of a line, with their columns, but for those in quotes, in a comment, in an expression, or amid text.
fn outside_of_quotes(line: &str) -> Vec<(usize, char)> {
    let (mut found, mut quote, mut before) = (Vec::new(), None, ' ');
    for (column, c) in line[..comment(line)].chars().enumerate() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') if matches!(before, ' ' | '[' | '{' | ',' | ':') => quote = Some(c),
            (None, '[' | '{') if matches!(before, ' ' | '[' | '{' | ',' | '-' | ':') => {
                found.push((column, c));
            }
            (None, ']' | '}') => {
                found.push((column, c));
            }
            _ => {}
        }
        before = c;
    }
    found
}

/// Where a line's comment begins.
pub(super) fn comment(line: &str) -> usize {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if matches!(before, ' ' | '\t') => return at,
            (Some(open), c) if open == c => quote = None,
            (None, '"' | '\'') if matches!(before, ' ' | '[' | '{' | ',' | ':') => quote = Some(c),
            _ => {}
        }
        before = c;
    }
    line.len()
}
