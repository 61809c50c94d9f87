//! Text from strangers, made harmless for people's eyes.

use std::borrow::Cow;

use super::masked;

/// Longest stretch of foreign text in a message, in characters.
const LONGEST: usize = 80;

/// Bytes that are looked at to show so many characters.
const BEGINNING: usize = 1024;

/// What ends a password in addresses that have it before the host: without it, one that is longer would be none.
const END_OF_PASSWORD: &str = "@x(";

/// Foreign text for a message: one line, nothing that a terminal or a reader's eye obeys, no password, not too long.
pub fn visible(text: &str) -> Cow<'_, str> {
    let whole = if text.len() > BEGINNING {
        let beginning = format!("{}{END_OF_PASSWORD}", &text[..text.floor_char_boundary(BEGINNING)]);
        Cow::Owned(masked(&beginning).into_owned())
    } else {
        masked(text)
    };
    match whole.char_indices().nth(LONGEST) {
        None => match whole {
            Cow::Borrowed(text) => one_line(text),
            Cow::Owned(text) => Cow::Owned(one_line(&text).into_owned()),
        },
        Some((end, _)) => Cow::Owned(format!("{}…", one_line(&whole[..end]))),
    }
}

/// Foreign text as one line, nothing that a terminal or a reader's eye obeys, however long.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unseen(c) {
            shown.extend(c.escape_unicode());
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Foreign text for an annotation or a variable: at most `longest` characters, deceptive ones left out.
pub fn printable(text: &str, longest: usize) -> Cow<'_, str> {
    if text.len() <= longest && !text.chars().any(is_deceptive) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| !is_deceptive(*c)).take(longest).collect())
}

/// Control characters (C0, C1, DEL), and those that reorder or hide text: directional marks and embeddings, zero-width
/// characters, fillers and blanks that fonts do not show, line and paragraph separators, byte-order marks, tags,
/// non-characters. The selector U+FE0F stays: it is part of many emoji.
/// Source: Unicode TR 36 and CVE-2021-42574 ("Trojan Source").
pub(crate) fn is_deceptive(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fdd0}'..='\u{fdef}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// What is deceptive, and blanks that look like a space and are none for YAML: titles have those, so that only what people
/// look at for a mistake shows what they are.
pub(crate) fn is_unseen(c: char) -> bool {
    is_deceptive(c) || !c.is_ascii() && c.is_whitespace()
}

#[cfg(test)]
mod tests {
    use super::{is_deceptive, one_line, printable, visible};

    #[test]
    fn what_is_not_seen_is_deceptive() {
        for c in
            "\u{34f}\u{17b4}\u{17b5}\u{180b}\u{180f}\u{2800}\u{1d173}\u{1d17a}\u{200b}\u{2060}\u{3164}\u{e0020}".chars()
        {
            assert!(is_deceptive(c), "{c:?}");
        }
        for c in "a ä\u{fe0f}\u{34e}\u{350}\u{17b3}\u{17b6}\u{180a}\u{1810}\u{27ff}\u{2801}\u{1d172}\u{1d17b}🚀".chars()
        {
            assert!(!is_deceptive(c), "{c:?}");
        }
    }

    #[test]
    fn terminals_and_eyes_are_not_deceived() {
        assert_eq!(visible("feature/ä"), "feature/ä");
        assert_eq!(visible("\x1b[31mred\u{202e}"), "\\u{1b}[31mred\\u{202e}");
        assert_eq!(visible(&"x".repeat(1_000_000)).chars().count(), 81);
        assert_eq!(visible(&"ä".repeat(80)), "ä".repeat(80));
        // Also of an address that is cut within it.
        let long = format!("postgres://u:{}@db", "p".repeat(100));
        assert_eq!(visible(&long), format!("postgres://u:{}…", "*".repeat(67)));
        // However long it is.
        for text in ["postgres://u:", "u:", "Host=db;Password='", "Host=db;Password="] {
            let shown = visible(&format!("{text}{}@tcp(db)", "p".repeat(3_000))).into_owned();
            assert_eq!(shown, format!("{text}{}…", "*".repeat(80 - text.len())));
        }
        assert!(!visible(&format!("jdbc:oracle:thin:u/{}@db", "p".repeat(3_000))).contains("pp"));
        assert_eq!(one_line(&format!("{}\nä", "x".repeat(200))), format!("{}\\u{{a}}ä", "x".repeat(200)));
        assert_eq!(printable("a\0b\u{2028}c", 10), "abc");
        assert_eq!(printable("abcdef", 3), "abc");
        // A blank that is no space is seen where somebody looks for a mistake; a title keeps it.
        assert_eq!(visible("a:\u{a0}b\u{3000}c\u{2009}"), "a:\\u{a0}b\\u{3000}c\\u{2009}");
        assert_eq!(printable("a\u{a0}b", 10), "a\u{a0}b");
    }
}
