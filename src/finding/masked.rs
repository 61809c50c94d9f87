//! Passwords of addresses, wherever a line of a file or a value is shown.

use std::borrow::Cow;

/// What stands before a password that is written beside a host: `Server=db;Password=…`, `?password=…`.
const KEYS: [&str; 2] = ["password=", "pwd="];

/// What an ed25519 private key begins with, as PEM has it: somebody may take it for the public one.
const PRIVATE_KEY: &str = "MC4CAQAwBQYDK2Vw";

/// Bytes within which a password ends: lines may be as long as a file.
const LONGEST: usize = 512;

/// The same text, with a `*` for each character of a password: in `scheme://user:PASSWORD@host`, and behind `password=`; and of a
/// private key.
pub fn masked(text: &str) -> Cow<'_, str> {
    if !text.contains("://") && !text.contains('=') && !text.contains(PRIVATE_KEY) {
        return Cow::Borrowed(text);
    }
    let mut spans = Vec::new();
    for (at, _) in text.match_indices("://") {
        let word = &text[at + 3..];
        let word = &word[..word.floor_char_boundary(LONGEST)];
        let word = &word[..word.find(|c: char| c.is_whitespace() || "\"'`<>".contains(c)).unwrap_or(word.len())];
        // A password that nobody has encoded may hold anything, an `@` too.
        let userinfo = &word[..word.rfind('@').unwrap_or(0)];
        if let Some(colon) = userinfo.find(':') {
            spans.push((at + 3 + colon + 1, at + 3 + userinfo.len()));
        }
    }
    // ASCII only, so that places stay what they are.
    let lower = text.to_ascii_lowercase();
    for key in KEYS {
        for (at, _) in lower.match_indices(key) {
            let start = at + key.len();
            let rest = &text[start..];
            let rest = &rest[..rest.floor_char_boundary(LONGEST)];
            let end = rest.find(|c: char| c.is_whitespace() || "\"'`&;,}".contains(c)).unwrap_or(rest.len());
            spans.push((start, start + end));
        }
    }
    for (at, _) in text.match_indices(PRIVATE_KEY) {
        let rest = &text[at..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '+' && c != '/').unwrap_or(rest.len());
        spans.push((at + PRIVATE_KEY.len(), at + end));
    }
    if spans.is_empty() {
        return Cow::Borrowed(text);
    }
    spans.sort_unstable();
    let (mut spans, mut hidden) = (spans.into_iter().peekable(), 0);
    let mut shown = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        while let Some((_, end)) = spans.next_if(|(start, _)| *start <= at) {
            hidden = hidden.max(end);
        }
        shown.push(if at < hidden { '*' } else { c });
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::masked;

    #[test]
    fn passwords_are_stars() {
        for (text, expected) in [
            ("DB: \"postgres://u:hunter2@db/shop\" # x:y@z", "DB: \"postgres://u:*******@db/shop\" # x:y@z"),
            ("mysql://root:p@ss:wörd@db:3306/a?b=c", "mysql://root:*********@db:3306/a?b=c"),
            ("redis://:secret@r", "redis://:******@r"),
            ("a://b:c@d e://f:g@h", "a://b:*@d e://f:*@h"),
            ("Server=db;Password=a b;Pwd=x;", "Server=db;Password=* b;Pwd=*;"),
            ("keys: [MC4CAQAwBQYDK2VwBCIEIA+/x]", "keys: [MC4CAQAwBQYDK2Vw*********]"),
            ("['MC4CAQAwBQYDK2VwBCIEIA'] # whose?", "['MC4CAQAwBQYDK2Vw******'] # whose?"),
            // In whatever order they stand.
            ("Pwd=x;Password=y a://b:c@d", "Pwd=*;Password=* a://b:*@d"),
            // A word ends with its quote, and what comes then is another's.
            ("'a://b:c@d','e:f@g' h i@j k", "'a://b:*@d','e:f@g' h i@j k"),
            ("\"a://b:c@d\",\"e:f@g\"", "\"a://b:*@d\",\"e:f@g\""),
            ("`a://b:c@d`,e:f@g", "`a://b:*@d`,e:f@g"),
            ("<a://b:c@d>e:f@g", "<a://b:*@d>e:f@g"),
            ("jdbc:postgresql://db/x?user=u&password=pw&ssl=on", "jdbc:postgresql://db/x?user=u&password=**&ssl=on"),
        ] {
            assert_eq!(masked(text), expected);
            assert_eq!(masked(text).chars().count(), text.chars().count());
        }
        for text in
            ["https://acme.dev/a:b", "https://user@acme.dev", "image: ghcr.io/acme/web@sha256:ab", "a: ://", "@"]
        {
            assert!(matches!(masked(text), Cow::Borrowed(same) if same == text), "{text}");
        }
    }
}
