//! Passwords of addresses, wherever a line of a file or a value is shown.

use std::{borrow::Cow, ops::Range};

/// What stands before a password that is written beside a host, and before its `=`: `Server=db;Password=…`, `?password=…`.
const KEYS: [&str; 4] = ["password", "passwd", "pwd", "psw"];

/// What an ed25519 private key begins with, as PEM has it: somebody may take it for the public one.
const PRIVATE_KEY: &str = "MC4CAQAwBQYDK2Vw";

/// Most bytes of what Go's driver calls a network: `tcp`, or one that a program names.
const LONGEST_NETWORK: usize = 32;

/// The same text, with a `*` for each character of a password: in `scheme://user:PASSWORD@host`, in `user:PASSWORD@tcp(host)`, in
/// `jdbc:oracle:thin:user/PASSWORD@host`, and behind `password=`; and of a private key.
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains(['=', '@']) && !text.contains(PRIVATE_KEY) {
        return Cow::Borrowed(text);
    }
    let mut spans = Vec::new();
    of_urls(text, &mut spans);
    of_go(text, &mut spans);
    of_oracle(text, &mut spans);
    of_keys(text, &mut spans);
    for (at, _) in text.match_indices(PRIVATE_KEY) {
        let rest = &text[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '+' && c != '/').unwrap_or(rest.len());
        spans.push(at + PRIVATE_KEY.len()..at + end);
    }
    spans.retain(|span| !span.is_empty());
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    spans.sort_unstable_by_key(|span| span.start);
    let (mut spans, mut hidden) = (spans.into_iter().peekable(), 0);
    let mut shown = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        while let Some(span) = spans.next_if(|span| span.start <= at) {
            hidden = hidden.max(span.end);
        }
        shown.push(if at < hidden { '*' } else { c });
    }
    Cow::Owned(shown)
}

/// `scheme://user:PASSWORD@host`.
fn of_urls(text: &str, spans: &mut Vec<Range<usize>>) {
    // A word may hold many, and is looked through once.
    let (mut word_end, mut last_at) = (0, 0);
    for (at, sign) in text.match_indices("://") {
        let start = at + sign.len();
        if start > word_end {
            word_end = end(text, start, |c| c.is_whitespace() || "<>".contains(c));
            // A password that nobody has encoded may hold anything, an `@` too.
            last_at = start + text[start..word_end].rfind('@').unwrap_or(0);
        }
        if let Some(colon) = text.get(start..last_at).and_then(|userinfo| userinfo.find(':')) {
            spans.push(start + colon + 1..last_at);
        }
    }
}

/// `user:PASSWORD@tcp(host)`, as Go has it. Nobody encodes such a password: it may hold blanks and quotes.
fn of_go(text: &str, spans: &mut Vec<Range<usize>>) {
    let mut before = 0;
    for (open, _) in text.match_indices('(') {
        let network = &text[text.floor_char_boundary(open.saturating_sub(LONGEST_NETWORK)).max(before)..open];
        let Some((_, name)) = network.rsplit_once('@') else { continue };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-_".contains(&b)) {
            continue;
        }
        let at = open - name.len() - 1;
        let begin = at - text[before..at].rsplit('\n').next().unwrap_or_default().len();
        before = open + 1;
        if let Some(start) = password_of_go(&text[begin..at]) {
            spans.push(begin + start..at);
        }
    }
}

/// Where the password begins in what stands before its `@`.
fn password_of_go(said: &str) -> Option<usize> {
    let apart = |c: char| c.is_whitespace() || "\"'`".contains(c);
    // Behind a key's colon is a blank or a quote.
    let mut colons = said.rmatch_indices(':').map(|(at, _)| at);
    let colon = colons.find(|at| {
        let is_behind_a_user = !said[..*at].is_empty() && !said[..*at].ends_with(apart);
        let next = said[at + 1..].chars().next();
        next.is_some_and(|c| !c.is_whitespace() && (is_behind_a_user || !apart(c)))
    })?;
    let begin = said[..colon].rfind(apart).map_or(0, |at| at + 1);
    let (user, _) = said[begin..].split_once(':')?;
    let first = begin + user.len() + 1;
    // A scheme before it has a colon of its own.
    let second = said[first..].strip_prefix("//").and_then(|rest| rest.find(':'));
    Some(second.map_or(first, |at| first + "//".len() + at + 1))
}

/// `jdbc:oracle:thin:user/PASSWORD@host`.
fn of_oracle(text: &str, spans: &mut Vec<Range<usize>>) {
    let mut done = 0;
    for (at, scheme) in text.match_indices(":oracle:") {
        let start = at + scheme.len();
        if start < done {
            continue;
        }
        done = end(text, start, char::is_whitespace);
        let userinfo = text[start..done].rfind('@').map_or("", |at| &text[start..start + at]);
        if let Some(slash) = userinfo.find('/') {
            spans.push(start + slash + 1..start + userinfo.len());
        }
    }
}

/// What stands behind `password=`.
fn of_keys(text: &str, spans: &mut Vec<Range<usize>>) {
    if !text.contains('=') {
        return;
    }
    // ASCII only, so that places stay what they are.
    let lower = text.to_ascii_lowercase();
    for key in KEYS {
        // What is hidden already, and how far was looked for a semicolon: each part of a text is looked through once.
        let (mut hidden, mut stop) = (0, 0);
        for (at, _) in lower.match_indices(key) {
            let Some(start) = value_of(text, at + key.len()).filter(|start| *start >= hidden) else { continue };
            let span = in_quotes(text, start).unwrap_or_else(|| {
                if stop < start {
                    stop = end(text, start, |c| c == ';' || c == '\n');
                }
                let is_in_list = is_in_list(&text[..at], text[stop..].starts_with(';'));
                let is_over = |c: char| c.is_whitespace() || "&;,}".contains(c);
                start..if is_in_list { stop } else { end(text, start, is_over) }
            });
            hidden = span.end;
            spans.push(span);
        }
    }
}

/// Where a value begins behind its name and `=`.
fn value_of(text: &str, name_end: usize) -> Option<usize> {
    let blanks = [' ', '\t'];
    let value = text[name_end..].trim_start_matches(blanks).strip_prefix('=')?.trim_start_matches(blanks);
    Some(text.len() - value.len())
}

/// Whether a password, by what stands before its name, is one of a list with semicolons: such a value may hold blanks and commas.
fn is_in_list(before: &str, has_semicolon: bool) -> bool {
    let is_in_name = before.ends_with(|c: char| c.is_alphanumeric() || "_-.&?".contains(c));
    before.trim_end_matches([' ', '\t']).ends_with(';') || has_semicolon && !is_in_name
}

/// A value in quotes or braces, without them, in its line. Whatever is around it may have doubled them, or put backslashes before them.
fn in_quotes(text: &str, start: usize) -> Option<Range<usize>> {
    let rest = &text[start..];
    let backslashes = rest.bytes().take_while(|b| *b == b'\\').count();
    let (open, close) = match rest.as_bytes().get(backslashes)? {
        b'{' => ('{', '}'),
        b'"' => ('"', '"'),
        b'\'' => ('\'', '\''),
        _ => return None,
    };
    let run = rest[backslashes..].bytes().take_while(|b| char::from(*b) == open).count();
    let begin = start + backslashes + run;
    let is_doubled = run % 2 == 0;
    if is_doubled
        && open == close
        && !text[begin..].starts_with(|c: char| !c.is_whitespace() && !";,&)]}\"\\".contains(c))
    {
        return Some(start..start);
    }
    let width = if is_doubled { 2 } else { 1 };
    let mut at = begin;
    loop {
        let rest = &text[at..];
        let Some(found) = rest.find([close, '\n']) else { return Some(begin..text.len()) };
        let place = at + found;
        let run = text[place..].bytes().take_while(|b| char::from(*b) == close).count();
        if run == 0 {
            return Some(begin..place);
        }
        let before = text[begin..place].bytes().rev().take_while(|b| *b == b'\\').count();
        let is_escaped = close != '}' && before > backslashes;
        let is_again = backslashes > 0 && text[place + run..].starts_with(&text[start..=start + backslashes]);
        if !is_escaped && !is_again && run % (2 * width) != 0 {
            return Some(begin..place);
        }
        at = place + run + if is_again { backslashes + 1 } else { 0 };
    }
}

/// Where a value without quotes of its own ends: before such a character, or the quote of what it stands in.
fn end(text: &str, start: usize, is_over: impl Fn(char) -> bool) -> usize {
    let rest = &text[start..];
    let mut chars = rest.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if is_over(c) {
            return start + at;
        }
        if "\"'`".contains(c) {
            // One in the middle of a word is its own, as in `it's`, doubled or not.
            while chars.next_if(|(_, next)| *next == c).is_some() {}
            if !chars.peek().is_some_and(|(_, next)| next.is_alphanumeric()) {
                return start + at;
            }
        }
    }
    text.len()
}

#[cfg(test)]
mod tests;
