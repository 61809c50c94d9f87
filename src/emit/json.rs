//! JSON that Argo CD's parser takes.
//!
//! That parser is one for YAML 1.1 (`argocd.md` §1.4 has the experiments): it refuses some characters in the raw, the
//! escape `\/` and surrogate pairs; a raw U+2028 ends a line, which a key must not.

use std::fmt::Write;

use crate::value::Value;

/// Appends a value on one line, without spaces and without a line break at its end.
pub(crate) fn compact(value: &Value, out: &mut Vec<u8>) {
    node::<false>(value, 0, out);
}

/// Appends one array, laid out for people.
pub(crate) fn array<'a>(items: impl ExactSizeIterator<Item = &'a Value>, out: &mut Vec<u8>) {
    list::<true>(items, 0, out);
    out.push(b'\n');
}

fn node<const PRETTY: bool>(value: &Value, depth: usize, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Int(value) => integer(*value, out),
        Value::Float(value) => out.extend_from_slice(decimal(*value).as_bytes()),
        Value::String(text) => string(text, out),
        Value::List(items) => list::<PRETTY>(items.iter(), depth, out),
        Value::Map(map) => {
            out.push(b'{');
            for (index, (key, value)) in map.iter().enumerate() {
                separate::<PRETTY>(index, depth + 1, out);
                string(key, out);
                out.extend_from_slice(if PRETTY { b": " } else { b":" });
                node::<PRETTY>(value, depth + 1, out);
            }
            close::<PRETTY>(map.len(), depth, b'}', out);
        }
    }
}

fn list<'a, const PRETTY: bool>(items: impl ExactSizeIterator<Item = &'a Value>, depth: usize, out: &mut Vec<u8>) {
    let length = items.len();
    out.push(b'[');
    for (index, item) in items.enumerate() {
        separate::<PRETTY>(index, depth + 1, out);
        node::<PRETTY>(item, depth + 1, out);
    }
    close::<PRETTY>(length, depth, b']', out);
}

fn separate<const PRETTY: bool>(index: usize, depth: usize, out: &mut Vec<u8>) {
    if index > 0 {
        out.push(b',');
    }
    if PRETTY {
        new_line(depth, out);
    }
}

fn close<const PRETTY: bool>(length: usize, depth: usize, bracket: u8, out: &mut Vec<u8>) {
    if PRETTY && length > 0 {
        new_line(depth, out);
    }
    out.push(bracket);
}

fn new_line(depth: usize, out: &mut Vec<u8>) {
    out.push(b'\n');
    out.resize(out.len() + 2 * depth, b' ');
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.reserve(text.len() + 2);
    out.push(b'"');
    let mut rest = &text[copy_plain(text.as_bytes(), out)..];
    while let Some(c) = rest.chars().next() {
        if is_escaped(c) {
            escape(c, out);
        } else {
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        rest = &rest[c.len_utf8()..];
        rest = &rest[copy_plain(rest.as_bytes(), out)..];
    }
    out.push(b'"');
}

/// Copies ASCII that needs no escape, up to where it ends, and says how far that is. Eight bytes are copied and looked at
/// at once, the last eight perhaps in part a second time: most texts are short, and a call to copy each would cost more than
/// the copy.
fn copy_plain(bytes: &[u8], out: &mut Vec<u8>) -> usize {
    let (eights, rest) = bytes.as_chunks::<8>();
    for (index, eight) in eights.iter().enumerate() {
        out.extend_from_slice(eight);
        let plain = plain(u64::from_le_bytes(*eight));
        if plain < 8 {
            out.truncate(out.len() + plain - 8);
            return 8 * index + plain;
        }
    }
    if let Some(last) = bytes.last_chunk::<8>() {
        let plain = plain(u64::from_le_bytes(*last));
        out.truncate(out.len() + rest.len() - 8);
        out.extend_from_slice(last);
        out.truncate(out.len() + plain - 8);
        return bytes.len() + plain - 8;
    }
    for (index, byte) in rest.iter().enumerate() {
        if plain(u64::from(*byte)) == 0 {
            return index;
        }
        out.push(*byte);
    }
    bytes.len()
}

/// How many of eight bytes come before the first control character, quote, backslash, or anything from 0x7f on. What is
/// carried from one byte to the next raises false alarms only behind that.
fn plain(word: u64) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let has_zero = |word: u64| word.wrapping_sub(ONES) & !word;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = has_zero(word ^ (ONES * u64::from(b'"')));
    let backslash = has_zero(word ^ (ONES * u64::from(b'\\')));
    let beyond = word.wrapping_add(ONES) | word;
    ((control | quote | backslash | beyond) & (ONES << 7)).trailing_zeros() as usize / 8
}

fn is_escaped(c: char) -> bool {
    matches!(c, '"' | '\\' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') || c.is_control()
}

/// All that [`is_escaped`] has at most four hexadecimal digits.
fn escape(c: char, out: &mut Vec<u8>) {
    match c {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        _ => {
            out.extend_from_slice(b"\\u");
            for shift in [12, 8, 4, 0] {
                out.push(b"0123456789abcdef"[(u32::from(c) >> shift) as usize & 15]);
            }
        }
    }
}

fn integer(value: i64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    let mut rest = value.unsigned_abs();
    loop {
        first -= 1;
        digits[first] = b"0123456789"[(rest % 10) as usize];
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(&digits[first..]);
}

/// A float without an exponent (`1e21` is text to readers of YAML 1.1), and still a float when read again.
pub(super) fn decimal(value: f64) -> String {
    if !value.is_finite() {
        return "null".to_owned(); // nothing that is read or computed makes one, and JSON has no word for it
    }
    let mut text = String::new();
    let _ = write!(text, "{value}"); // Rust's shortest form never has an exponent
    if !text.contains('.') {
        text.push_str(".0");
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{array, compact, decimal};
    use crate::value::{Map, Value};

    fn text(value: &Value) -> String {
        let mut out = Vec::new();
        compact(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped_for_argo_cd() {
        for (raw, json) in [
            ("", r#""""#),
            ("a/b", r#""a/b""#),
            ("say \"hi\"\\", r#""say \"hi\"\\""#),
            ("\0\t\n\r\u{8}\u{1f}", r#""\u0000\t\n\r\u0008\u001f""#),
            ("a\u{7f}b\u{80}c\u{85}\u{9f}\u{a0}é", "\"a\\u007fb\\u0080c\\u0085\\u009f\u{a0}é\""),
            ("\u{2028}—\u{2029}…", r#""\u2028—\u2029…""#),
            ("\u{feff}\u{fffd}\u{fffe}\u{ffff}", "\"\\ufeff\u{fffd}\\ufffe\\uffff\""),
            ("🚀ü漢", "\"🚀ü漢\""),
        ] {
            assert_eq!(text(&Value::string(raw)), json);
        }
    }

    #[test]
    fn numbers_have_no_exponent() {
        for (value, json) in
            [(0, "0"), (-7, "-7"), (i64::MIN, "-9223372036854775808"), (i64::MAX, "9223372036854775807")]
        {
            assert_eq!(text(&Value::Int(value)), json);
        }
        assert_eq!(decimal(1e21), "1000000000000000000000.0");
        assert_eq!(decimal(1.5e-7), "0.00000015");
        assert_eq!(decimal(-2.0), "-2.0");
        assert_eq!(decimal(f64::NAN), "null");
    }

    #[test]
    fn people_get_two_spaces() {
        let empty =
            Value::Map(Map::from_iter([("list".into(), Value::list([])), ("map".into(), Value::Map(Map::default()))]));
        let items = [Value::list(vec![Value::Int(1), Value::Null]), empty];
        let mut out = Vec::new();
        array(items.iter(), &mut out);
        let expected = "[\n  [\n    1,\n    null\n  ],\n  {\n    \"list\": [],\n    \"map\": {}\n  }\n]\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn serde_reads_it_back(raw in any::<String>(), int in any::<i64>(), float in -1e300..1e300) {
            let value = Value::list(vec![
                Value::Map(Map::from_iter([(raw.clone().into(), Value::string(raw))])),
                Value::Int(int),
                Value::Float(float),
            ]);
            let read: serde_json::Value = serde_json::from_str(&text(&value)).unwrap();
            // `float_roundtrip` is off in `serde_json`, so floats are compared by Rust's own reading.
            prop_assert_eq!(decimal(float).parse::<f64>().unwrap().to_bits(), float.to_bits());
            let serde_json::Value::Array(mut items) = read else { panic!("a list") };
            items.pop();
            let Value::List(mut expected) = value else { panic!("a list") };
            expected.pop();
            prop_assert_eq!(Value::from(serde_json::Value::Array(items)), Value::List(expected));
        }
    }
}
