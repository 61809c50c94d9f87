//! Text that needs quotes, or has the wrong ones.

use crate::{finding::visible, yaml::Mark};

use super::{
    bracket::comment,
    indentation::key,
    trial::{Cause, Trial},
};

/// Quotes that word processors make.
const TYPOGRAPHIC: [char; 7] = ['“', '”', '„', '‘', '’', '«', '»'];

/// A quote of a word processor with which an item or a value begins.
pub(super) fn typographic(line: &str) -> Option<char> {
    let mut before = ' ';
    line.chars().find(|c| TYPOGRAPHIC.contains(c) && matches!(std::mem::replace(&mut before, *c), ' ' | '[' | '{'))
}

/// What stands behind the closing quote of a text: where to look, what to say, what to do. The column counts from zero.
pub(super) fn trailing(line: &str, column: usize) -> Option<(usize, String, String)> {
    let at = line.char_indices().nth(column)?.0;
    let before = line[..at].trim_end();
    let quote = before.chars().next_back().filter(|c| matches!(c, '"' | '\''))?;
    let end = before.len() - 1;
    // Where it began: behind a blank, a bracket or a comma; if not in this line, then another line's quote was not closed.
    let opens = |(at, _): &(usize, &str)| {
        line[..*at].chars().next_back().is_none_or(|c| matches!(c, ' ' | '[' | '{' | ',' | '(' | '\t'))
    };
    line[..end].match_indices(quote).find(opens)?;
    (line[..=end].matches(quote).count() % 2 == 0).then_some(())?;
    if before.len() < at && line[at..].starts_with(['"', '\'']) && line[..at].contains(['[', '{']) {
        let message = "a `,` is missing before this, or the quotes are wrong".to_owned();
        return Some((
            column,
            message,
            "between the items of `[…]`, and the entries of `{…}`, stands a `,`".to_owned(),
        ));
    }
    let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    let is_apostrophe = quote == '\''
        && before.len() == at
        && is_word(line[..end].chars().next_back())
        && is_word(line[at..].chars().next());
    let column = line[..end].chars().count();
    Some(if is_apostrophe {
        (
            column,
            "the text in `'…'` ends with this `'`, amid a word".to_owned(),
            "an apostrophe is written twice there (`''`); or put the text into `\"…\"`".to_owned(),
        )
    } else {
        let other = if quote == '"' {
            "as `\\\"`, or put the text into `'…'`"
        } else {
            "twice, or put the text into `\"…\"`"
        };
        (
            column,
            "this quote ends the text, and more follows".to_owned(),
            format!("quotes go around all of a text; inside of it, `{quote}` is written {other}"),
        )
    })
}

/// What to say of a text that begins in a place and has no end: where, what, and what to do. Places count from zero.
pub(super) fn unclosed(lines: &[&str], line: usize, column: usize) -> (usize, usize, &'static str, String) {
    // To the reader, the file ends there.
    let nul = |(at, text): (usize, &&str)| Some((at, text.chars().position(|c| c == '\0')?));
    if let Some((line, column)) = lines.iter().enumerate().skip(line).find_map(nul) {
        return (line, column, "a NUL character (`\\u{0}`)", "leave it out: no text has one".to_owned());
    }
    let quote = lines.get(line).and_then(|text| text.chars().nth(column)).filter(|c| *c == '\'').unwrap_or('"');
    let help = format!("end the text with `{quote}`; lines that belong to it are indented more than its key");
    (line, column, "the quote that begins here is not closed", help)
}

/// The first escape that there is not, of a text in double quotes that begins in a place: counted from zero.
pub(super) fn escape(lines: &[&str], line: usize, column: usize) -> Option<(usize, usize, String)> {
    const ESCAPES: &str = "0abt\tnvfre \"/\\N_LP";
    let mut skip = column + 1;
    for (number, text) in lines.iter().enumerate().skip(line) {
        let mut chars = text.chars().enumerate().skip(std::mem::take(&mut skip));
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => return None,
                '\\' => {
                    let Some((_, escaped)) = chars.next() else { break };
                    let digits = match escaped {
                        'x' => 2,
                        'u' => 4,
                        'U' => 8,
                        c if ESCAPES.contains(c) => continue,
                        c => return Some((number, at, format!("\\{c}"))),
                    };
                    if !(0..digits).all(|_| chars.next().is_some_and(|(_, c)| c.is_ascii_hexdigit())) {
                        return Some((number, at, format!("\\{escaped}")));
                    }
                }
                _ => {}
            }
        }
    }
    None
}

/// Text with `: ` in it that has no quotes, in the failing line: `key: text: text`.
pub(super) fn colon(trial: &Trial<'_>, column: usize) -> Option<Cause> {
    let text = *trial.lines.get(trial.failed)?;
    let colon = text.find(": ")?;
    let start = colon + 1 + (text[colon + 1..].len() - text[colon + 1..].trim_start_matches(' ').len());
    let value = text[start..comment(text).max(start)].trim_end();
    // `key {a: b`: what is before the colon is no key.
    if text[..colon].contains(['{', '[']) && !text[..colon].contains(['"', '\'']) {
        return None;
    }
    let is_text = !value.starts_with(['"', '\'', '[', '{', '|', '>', '&', '*', '!']);
    (is_text && text[..colon].chars().count() < column && (value.contains(": ") || value.ends_with(':')))
        .then_some(())?;
    let wrong = value.chars().next().filter(|first| TYPOGRAPHIC.contains(first));
    let quoted = quoted(if wrong.is_some() { value.trim_matches(TYPOGRAPHIC) } else { value });
    let meant = format!("{}{quoted}{}", &text[..start], &text[start + value.len()..]);
    let reach = trial.mends(|at, _| (at == trial.failed).then(|| meant.clone()))?;
    Some(Cause {
        reach,
        mark: Mark::at(trial.failed, column),
        message: format!("the text of `{}` holds a `: ` and is not in quotes", visible(key(text))),
        help: match wrong {
            Some(wrong) => format!("`{wrong}` is no quote to YAML: write {}", shown(&quoted)),
            None => format!("put it in quotes: {}; a key begins a line of its own", shown(&quoted)),
        },
    })
}

/// What begins in a place as no text without quotes does. The column counts from zero.
pub(super) fn indicator(said: &str, line: &str, column: usize) -> Option<(String, String)> {
    let at = line.char_indices().nth(column)?.0;
    let first = line[at..].chars().next()?;
    let is_one = said.contains("unexpected character") && matches!(first, '@' | '%' | '`')
        || (said.contains("unknown anchor") || said.contains("anchor or alias")) && matches!(first, '*' | '&')
        || said.contains("block scalar, did not find expected comment") && matches!(first, '|' | '>')
        || (said.contains("the tag `") || said.contains("parsing a tag") || said.contains("scanning a tag"))
            && first == '!';
    is_one.then_some(())?;
    // In a list or map of one line, it ends before the others.
    let rest = line[at..comment(line).max(at)].trim_end();
    let is_flow = line[..at].contains(['[', '{']);
    let value = if is_flow { rest.split([',', ']', '}']).next().unwrap_or(rest).trim_end() } else { rest };
    let named = if first == '`' { "a backtick".to_owned() } else { format!("`{first}`") };
    let message = match first {
        '*' if said.contains("unknown anchor") => "`*` begins an alias, and nothing above has its anchor".to_owned(),
        '*' => "`*` begins an alias, which has a name".to_owned(),
        '&' => "`&` begins an anchor, which has a name".to_owned(),
        '|' | '>' => format!("`{first}` begins a text of several lines, which stand below it"),
        // The reader has named it.
        '!' => String::new(),
        _ => format!("no text without quotes begins with {named}"),
    };
    let more = if matches!(first, '|' | '>') { "; or begin the text in the next line" } else { "" };
    Some((message, format!("text that begins with {named} stands in quotes: {}{more}", shown(&quoted(value)))))
}

/// Text in the quotes that suit it.
fn quoted(text: &str) -> String {
    if text.contains(['"', '\\']) { format!("'{}'", text.replace('\'', "''")) } else { format!("\"{text}\"") }
}

/// What to write; of a long one, that there are quotes.
fn shown(quoted: &str) -> String {
    let shown = visible(quoted);
    if shown == quoted { format!("`{shown}`") } else { "`\"…\"`".to_owned() }
}
