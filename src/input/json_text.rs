//! JSON, so written that a reader of YAML takes it.
//!
//! YAML 1.2 has all of JSON but two things, of which it makes others here: an escape for each half of a character, which many programs
//! write for every emoji (`\ud83d\ude00`, RFC 8259 §7), and tabs between the words, which the reader refuses behind a colon.

use std::fmt::Write as _;

use serde::de::IgnoredAny;

/// The same document, in which each character has one escape and words are apart by spaces. What is no JSON stays as it is.
pub(super) fn readable(text: String) -> String {
    let begins = text.trim_start().starts_with(['{', '[']);
    if !begins || !text.contains(['\\', '\t']) || serde_json::from_str::<IgnoredAny>(&text).is_err() {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    let mut in_string = false;
    while let Some(at) = rest.find(['"', '\\', '\t']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let length = match (from.as_bytes()[0], pair(from)) {
            (b'\\', Some(c)) => {
                let _ = write!(out, "\\U{:08X}", u32::from(c));
                12
            }
            // Whatever it escapes: a quote, or another of these.
            (b'\\', None) => {
                out.push_str(&from[..2]);
                2
            }
            (b'\t', _) if !in_string => {
                out.push(' ');
                1
            }
            (first, _) => {
                in_string ^= first == b'"';
                out.push(char::from(first));
                1
            }
        };
        rest = &from[length..];
    }
    out.push_str(rest);
    out
}

/// The character of which two escapes stand here.
fn pair(text: &str) -> Option<char> {
    let half = |at: usize| {
        let hex = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(hex, 16).ok()
    };
    char::decode_utf16([half(0)?, half(6)?]).next()?.ok().filter(|c| u32::from(*c) > 0xffff)
}

#[cfg(test)]
mod tests {
    use super::readable;

    #[test]
    fn json_becomes_yaml() {
        for (json, yaml) in [
            (r#"{"a": "\ud83d\ude00!"}"#, r#"{"a": "\U0001F600!"}"#),
            (
                r#" ["\\ud83d\\ude00", "\"\ud83d\ude00\"", "\u00e4\u00e4"]"#,
                r#" ["\\ud83d\\ude00", "\"\U0001F600\"", "\u00e4\u00e4"]"#,
            ),
            ("{\t\"a\":\t\"\\t\"}", "{ \"a\": \"\\t\"}"),
            // No JSON: as it is, to be told as what it is.
            (r#"{a: "\ud83d\ude00"}"#, r#"{a: "\ud83d\ude00"}"#),
            (r#"{"a": "\ud83d"}"#, r#"{"a": "\ud83d"}"#),
            ("a:\t\"\\ud83d\\ude00\"", "a:\t\"\\ud83d\\ude00\""),
        ] {
            assert_eq!(readable(json.to_owned()), yaml);
        }
    }
}
