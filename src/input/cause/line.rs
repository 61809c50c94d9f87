//! A line that is no `key: value`, though it was meant to be one.

use crate::{
    finding::{is_unseen, masked, visible},
    yaml::{Mark, Node},
};

use super::{
    bracket::comment,
    indentation::{is_item, key},
    trial::{Cause, Trial, indent, says_something},
};

/// A line that is no part of what somebody wrote: which, what it is, and what to do.
pub(super) fn foreign(lines: &[&str]) -> Option<(usize, &'static str, &'static str)> {
    if let Some(line) = conflict(lines) {
        let help = "keep what is right of both sides, and delete the lines with `<<<<<<<`, `=======` and `>>>>>>>`";
        return Some((line, "a conflict that Git left to be resolved", help));
    }
    // No text without quotes begins so.
    let line = lines.iter().position(|line| line.starts_with("```"))?;
    Some((line, "the first or last line of a block of Markdown", "leave it out, and the other one too"))
}

/// The first line that Git wrote around what it could not merge, and that nobody has dealt with.
fn conflict(lines: &[&str]) -> Option<usize> {
    let is_marker = |line: &&str| {
        let rest = ["<<<<<<<", "|||||||", "=======", ">>>>>>>"].iter().find_map(|marker| line.strip_prefix(marker));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    };
    lines.iter().position(is_marker)
}

/// A `,` or `;` at the end of a line, as other languages have it.
pub(super) fn ended(trial: &Trial<'_>) -> Option<Cause> {
    trial.near.iter().take(3).find_map(|line| {
        let text = trial.lines[*line];
        let (said, comment) = text.split_at(comment(text));
        let kept = said.trim_end().strip_suffix([',', ';'])?;
        // The others of its kind may have one as well.
        let without = |text: &str| {
            let (said, comment) = text.split_at(self::comment(text));
            said.trim_end().strip_suffix([',', ';']).map(|kept| format!("{kept} {comment}"))
        };
        let one = |at, _: &str| (at == *line).then(|| format!("{kept} {comment}"));
        let reach = trial.mends(one).or_else(|| trial.mends(|_, text| without(text)))?;
        let sign = &said[kept.len()..=kept.len()];
        Some(Cause {
            reach,
            mark: Mark::at(*line, kept.chars().count()),
            message: format!("a `{sign}` ends this line"),
            help: format!("leave the `{sign}` out: the end of a line is enough"),
        })
    })
}

/// `---` that is indented, and so is text.
pub(super) fn separator(trial: &Trial<'_>) -> Option<Cause> {
    let line = *trial.near.iter().take(3).find(|line| trial.lines[**line].trim() == "---")?;
    let reach = trial.mends(|at, _| (at == line).then(|| "---".to_owned()))?;
    Some(Cause {
        reach,
        mark: Mark::at(line, 0),
        message: "this `---` is indented".to_owned(),
        help: "it begins a document only in column 1".to_owned(),
    })
}

/// A blank that looks like a space, or like nothing, where only a space will do.
pub(super) fn blank(trial: &Trial<'_>) -> Option<Cause> {
    let is_foreign = |c: char| !c.is_ascii() && is_unseen(c);
    let (line, column) = trial.near.iter().take(3).find_map(|line| {
        let text = trial.lines[*line];
        let mut chars = text.chars().enumerate();
        // Inside of a value it does no harm.
        let mut before = ' ';
        let column = chars.find(|(_, c)| {
            let found = is_foreign(*c) && matches!(before, ' ' | ':' | '-' | ',');
            before = *c;
            found
        });
        Some((*line, column?.0))
    })?;
    let reach = trial.mends(|at, text| trial.near.contains(&at).then(|| text.replace(is_foreign, " ")))?;
    let c = trial.lines[line].chars().nth(column)?;
    let name = match c {
        '\u{a0}' | '\u{202f}' => "a no-break space",
        '\u{3000}' => "an ideographic space",
        c if c.is_whitespace() => "a blank that is no space",
        _ => "a character that is not seen",
    };
    Some(Cause {
        reach,
        mark: Mark::at(line, column),
        message: format!("{name} (`{}`) stands where a space belongs", c.escape_unicode()),
        help: if c.is_whitespace() {
            "write a space in its place: YAML takes no other one".to_owned()
        } else {
            "take it out, or write a space in its place".to_owned()
        },
    })
}

/// `key:value`.
pub(super) fn unspaced(trial: &Trial<'_>) -> Option<Cause> {
    trial.near.iter().take(3).find_map(|line| {
        let text = trial.lines[*line];
        let (start, key, value) = unspaced_parts(text)?;
        let meant = format!("{key}: {value}");
        let reach = trial.mends_line(*line, &format!("{}{meant}", &text[..start]), start)?;
        let (written, meant) = (format!("{key}:{value}"), meant);
        Some(Cause {
            reach,
            mark: Mark::at(*line, start + key.len()),
            message: format!("no space behind the colon of `{}`", visible(key)),
            help: format!(
                "a space is missing behind the colon of `{}` in line {}: `{}`",
                visible(&written),
                line + 1,
                visible(&meant)
            ),
        })
    })
}

/// Where the key of a line begins that has no space behind its colon, the key and the value; an address is no such line.
fn unspaced_parts(line: &str) -> Option<(usize, &str, &str)> {
    let start = content(line);
    let (key, value) = line[start..].trim_end().split_once(':')?;
    let is_value = !value.is_empty() && !value.starts_with([' ', '\t']) && !value.starts_with("//");
    (is_key(key) && is_value).then_some((start, key, value))
}

/// `-name: value`.
pub(super) fn undashed(trial: &Trial<'_>) -> Option<Cause> {
    trial.near.iter().take(3).find_map(|line| {
        let text = trial.lines[*line];
        let start = indent(text);
        let rest = text[start..].strip_prefix('-').filter(|rest| !rest.starts_with([' ', '-']) && !rest.is_empty())?;
        let meant = format!("- {}", rest.trim_end());
        let reach = trial.mends_line(*line, &format!("{}{meant}", &text[..start]), start + 2)?;
        Some(Cause {
            reach,
            mark: Mark::at(*line, start),
            message: format!("no space behind the `-` of `-{}`", visible(key(rest))),
            help: format!("an item of a list begins with `- `: `{}`", visible(&meant)),
        })
    })
}

/// Signs that editors and keyboards put in the place of YAML's.
const COLONS: [char; 3] = ['\u{ff1a}', '\u{a789}', '\u{fe55}'];
const DASHES: [char; 6] = ['\u{2013}', '\u{2014}', '\u{2212}', '\u{2010}', '\u{2022}', '\u{ff0d}'];

/// A sign that looks like a colon or a dash.
pub(super) fn look_alike(trial: &Trial<'_>) -> Option<Cause> {
    trial.near.iter().take(3).find_map(|line| {
        let text = trial.lines[*line];
        let start = indent(text);
        let (before, said) = text.split_at(start);
        let LookAlike { at, message, meant } = look_alike_of(said.trim_end())?;
        let column = if at == 0 { start + 2 } else { content(text) };
        let reach = trial.mends_line(*line, &format!("{before}{meant}"), column)?;
        Some(Cause {
            reach,
            mark: Mark::at(*line, text[..start + at].chars().count()),
            message,
            help: format!("write `{}`", visible(&masked(&meant))),
        })
    })
}

/// A sign that looks like one of YAML's.
pub(in crate::input) struct LookAlike {
    /// The byte where it stands.
    at: usize,
    pub(in crate::input) message: String,
    /// The text with the right sign.
    pub(in crate::input) meant: String,
}

/// The one with which a text begins, or that follows its first word.
pub(in crate::input) fn look_alike_of(said: &str) -> Option<LookAlike> {
    let (at, what, meant) = if let Some(rest) = said.strip_prefix(DASHES) {
        let rest = rest.trim_start();
        let item = look_alike_of(rest).map_or_else(|| rest.to_owned(), |item| item.meant);
        (0, "dash `-`", format!("- {item}"))
    } else {
        let (key, value) = said.split_once(COLONS)?;
        is_key(&key[content(key)..]).then_some(())?;
        (key.len(), "colon `:`", format!("{key}: {}", value.trim_start()).trim_end().to_owned())
    };
    let sign = said[at..].chars().next()?;
    let message = format!("`{}` (`{}`) is no {what}", visible(&sign.to_string()), sign.escape_unicode());
    Some(LookAlike { at, message, meant })
}

/// An item without its `-`, beside others that have it.
pub(super) fn no_dash(trial: &Trial<'_>) -> Option<(usize, Cause)> {
    trial.near.iter().find_map(|line| {
        let text = trial.lines[*line];
        let start = indent(text);
        (!text[start..].starts_with('-')).then_some(())?;
        let meant = format!("- {}", text[start..].trim_end());
        let (reach, ()) = trial.mends_and(
            |at, _| (at == *line).then(|| format!("{}{meant}", &text[..start])),
            |documents| {
                let beside = trial.beside(documents, (*line, start), true)?;
                let mut others = beside.into_iter().map(|(other, _)| other).filter(|other| other != line);
                // One item alone may as well be a key that is not indented.
                others.any(|other| is_item(trial.lines[other]) && indent(trial.lines[other]) == start).then_some(())
            },
        )?;
        Some((
            *line,
            Cause {
                reach,
                mark: Mark::at(*line, start),
                message: format!("`{}` stands among the items of a list, and has no `-`", visible(key(text))),
                help: format!("an item of a list begins with `- `: `{}`", visible(&meant)),
            },
        ))
    })
}

/// An item in the column of a map's keys.
pub(super) fn dash(trial: &Trial<'_>) -> Option<Cause> {
    let lines = &trial.lines;
    let says = |at: &usize| says_something(lines[*at]);
    let line = *trial.near.iter().find(|line| is_item(lines[**line]))?;
    let column = indent(lines[line]);
    let is_inside = |at: &usize| indent(lines[*at]) >= column;
    let begins_here = |at: &usize| indent(lines[*at]) == column && !is_item(lines[*at]);
    let above: Vec<usize> = (0..line).rev().filter(says).take_while(is_inside).collect();
    let below: Vec<usize> = (line + 1..lines.len()).filter(says).take_while(is_inside).collect();
    let other = above.iter().copied().find(begins_here)?;
    // It may well be the list of a key right above it, whose column is another matter.
    let before = *above.first()?;
    (!lines[before].trim_end().ends_with(':')).then_some(())?;
    let (first, last) = (above.last().copied().unwrap_or(line), below.last().copied().unwrap_or(line));
    let change = |at: usize, text: &str| {
        let is_key = (first..=last).contains(&at) && says(&at) && begins_here(&at);
        is_key.then(|| format!("{}- {}", &text[..column], &text[column..]))
    };
    let look = |documents: &[Node<'_>]| {
        let beside = trial.beside(documents, (line, column), true)?;
        beside.iter().any(|(at, _)| *at == other).then_some(())
    };
    let (reach, ()) = trial.mends_and(change, look)?;
    Some(Cause {
        reach,
        mark: Mark::at(line, column),
        message: format!(
            "this `-` begins an item of a list, and `{}` in line {} an entry of a map, in the same column",
            visible(key(lines[other])),
            other + 1
        ),
        help: "what belongs to one key is a map, without `-`, or a list, in which each item has one".to_owned(),
    })
}

/// `key = value`, `key value`, `key`.
pub(super) fn no_colon(trial: &Trial<'_>) -> Option<Cause> {
    trial.near.iter().take(3).find_map(|line| {
        let text = trial.lines[*line];
        let start = content(text);
        let said = text[start..].trim_end();
        let (key, value) = match said.split_once([' ', '=']) {
            Some((key, value)) => (key, value.trim_start_matches([' ', '='])),
            None => (said, ""),
        };
        let is_flow = value.starts_with(['{', '[']);
        (is_key(key) && (is_flow || !value.contains(": ") && !value.ends_with(':'))).then_some(())?;
        let written = |value: &str| if value.is_empty() { format!("{key}:") } else { format!("{key}: {value}") };
        let reach = trial.mends_line(*line, &format!("{}{}", &text[..start], written(value)), start)?;
        // Without its `=`, nobody would take it for a password.
        let key_and_sign = said.chars().count() - value.chars().count();
        let shown: String = masked(said).chars().skip(key_and_sign).collect();
        let meant = written(&shown);
        let meant = visible(&meant);
        Some(Cause {
            reach,
            mark: Mark::at(*line, start),
            message: format!("no colon behind `{}`", visible(key)),
            help: if said.starts_with(&format!("{key} ")) && !said.contains('=') {
                format!("a key and its value are written `{meant}`; text that goes on is indented more than its key")
            } else {
                format!("write `{meant}`")
            },
        })
    })
}

/// Where a line begins to say something, behind its `- `.
fn content(line: &str) -> usize {
    let mut rest = line.trim_start_matches(' ');
    while let Some(inside) = rest.strip_prefix("- ") {
        rest = inside.trim_start_matches(' ');
    }
    line.len() - rest.len()
}

/// Whether text looks like a key that a person writes without quotes.
fn is_key(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '/'))
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./".contains(&b))
}
