//! JSON that Argo CD's parser takes.
//!
//! That parser is one for YAML 1.1: it refuses some characters in the raw, the escape `\/` and surrogate pairs; a raw U+2028
//! ends a line, which a key must not.

use std::fmt::Write;

use crate::{finding::is_deceptive, value::Value};

/// A value on one line, without spaces and without a line break at its end.
pub(crate) fn compact(value: &Value) -> String {
    let mut out = Vec::new();
    let mut writer = Writer::<false>::new(&mut out);
    writer.node(value, 0);
    writer.end();
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends values, each on a line.
pub(crate) fn lines<'a>(values: impl Iterator<Item = &'a Value>, out: &mut Vec<u8>) {
    let mut writer = Writer::<false>::new(out);
    for value in values {
        writer.node(value, 0);
        writer.at -= 1;
        writer.bytes(*b"\n");
    }
    let at = writer.at;
    out.truncate(at);
}

/// Appends one array, laid out for people.
pub(crate) fn array<'a>(items: impl ExactSizeIterator<Item = &'a Value>, out: &mut Vec<u8>) {
    let mut writer = Writer::<true>::new(out);
    writer.list(items, 0);
    writer.end();
    out.push(b'\n');
}

/// How far ahead of what is written room is made, in bytes.
const AHEAD: usize = 4096;

/// Writes into room that is made ahead, once for all of a string with its punctuation: to ask a vector for room with each piece
/// took longer than writing.
struct Writer<'a, const PRETTY: bool> {
    out: &'a mut Vec<u8>,
    /// The end of what is written; behind it are zeros.
    at: usize,
}

/// Every node ends with its comma; what stands around it takes the last one back.
impl<'a, const PRETTY: bool> Writer<'a, PRETTY> {
    fn new(out: &'a mut Vec<u8>) -> Self {
        let at = out.len();
        Self { out, at }
    }

    fn end(self) {
        self.out.truncate(self.at - 1);
    }

    fn room(&mut self, size: usize) -> &mut [u8] {
        if self.out.len() < self.at + size {
            self.grow(size);
        }
        &mut self.out[self.at..]
    }

    #[cold]
    fn grow(&mut self, size: usize) {
        self.out.resize(self.at + size + AHEAD, 0);
    }

    fn bytes<const N: usize>(&mut self, bytes: [u8; N]) {
        self.room(N)[..N].copy_from_slice(&bytes);
        self.at += N;
    }

    fn text(&mut self, text: &[u8]) {
        self.room(text.len())[..text.len()].copy_from_slice(text);
        self.at += text.len();
    }

    fn node(&mut self, value: &Value, depth: usize) {
        match value {
            Value::Null => self.bytes(*b"null,"),
            Value::Bool(true) => self.bytes(*b"true,"),
            Value::Bool(false) => self.bytes(*b"false,"),
            Value::Int(value) => self.integer(*value),
            Value::Float(value) => {
                self.text(decimal(*value).as_bytes());
                self.bytes(*b",");
            }
            Value::String(text) => self.string(text, *b"\","),
            Value::List(items) => self.list(items.iter(), depth),
            Value::Map(map) => {
                self.bytes([b'{']);
                for (key, value) in map.iter() {
                    self.new_line(depth + 1);
                    self.string(key, *b"\":");
                    if PRETTY {
                        self.bytes(*b" ");
                    }
                    self.node(value, depth + 1);
                }
                self.close(map.is_empty(), depth, *b"},");
            }
        }
    }

    fn list<'v>(&mut self, items: impl ExactSizeIterator<Item = &'v Value>, depth: usize) {
        let is_empty = items.len() == 0;
        self.bytes([b'[']);
        for item in items {
            self.new_line(depth + 1);
            self.node(item, depth + 1);
        }
        self.close(is_empty, depth, *b"],");
    }

    fn close(&mut self, is_empty: bool, depth: usize, bracket: [u8; 2]) {
        if !is_empty {
            self.at -= 1;
            self.new_line(depth);
        }
        self.bytes(bracket);
    }

    fn new_line(&mut self, depth: usize) {
        if PRETTY {
            let line = &mut self.room(1 + 2 * depth)[..=2 * depth];
            line.fill(b' ');
            line[0] = b'\n';
            self.at += 1 + 2 * depth;
        }
    }

    /// A string; `then` is its last quote and what follows it.
    fn string(&mut self, text: &str, then: [u8; 2]) {
        let size = text.len();
        let room = &mut self.room(size + 3)[..size + 3];
        room[0] = b'"';
        if copy_plain(text.as_bytes(), &mut room[1..=size]) {
            room[size + 1..].copy_from_slice(&then);
            self.at += size + 3;
        } else {
            self.escaped(text, then);
        }
    }

    /// A string that is not plain.
    #[cold]
    fn escaped(&mut self, mut text: &str, then: [u8; 2]) {
        self.bytes(*b"\"");
        loop {
            let plain = copy_while_plain(text.as_bytes(), self.room(text.len()));
            self.at += plain;
            let mut rest = text[plain..].chars();
            match rest.next() {
                None => break self.bytes(then),
                Some(c) if is_escaped(c) => self.escape(c),
                Some(c) => self.text(c.encode_utf8(&mut [0; 4]).as_bytes()),
            }
            text = rest.as_str();
        }
    }

    /// All that [`is_escaped`] has at most four hexadecimal digits.
    fn escape(&mut self, c: char) {
        match c {
            '"' => self.bytes(*b"\\\""),
            '\\' => self.bytes(*b"\\\\"),
            '\n' => self.bytes(*b"\\n"),
            '\r' => self.bytes(*b"\\r"),
            '\t' => self.bytes(*b"\\t"),
            _ => {
                let digit = |shift: u32| b"0123456789abcdef"[(u32::from(c) >> shift) as usize & 15];
                self.bytes([b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
            }
        }
    }

    fn integer(&mut self, value: i64) {
        if value < 0 {
            self.bytes(*b"-");
        }
        let mut rest = value.unsigned_abs();
        let size = rest.checked_ilog10().unwrap_or_default() as usize + 1;
        for place in self.room(size)[..size].iter_mut().rev() {
            *place = b"0123456789"[(rest % 10) as usize];
            rest /= 10;
        }
        self.at += size;
        self.bytes(*b",");
    }
}

/// Copies a text to where there is as much room and says whether it is plain: ASCII that needs no escape. Four or eight bytes are
/// copied and looked at at once, the last ones perhaps in part a second time: most texts are short, and a call to copy each would
/// cost more than the copy.
fn copy_plain(from: &[u8], to: &mut [u8]) -> bool {
    let size = from.len();
    if let (Some(last), Some(place)) = (from.last_chunk::<8>(), to.last_chunk_mut()) {
        *place = *last;
        for (eight, place) in from.as_chunks::<8>().0.iter().zip(to.as_chunks_mut().0) {
            *place = *eight;
            // Looked at in the loop, or the compiler would make it a call.
            if strange(*eight) != 0 {
                return false;
            }
        }
        return strange(*last) == 0;
    }
    if let (Some(first), Some(last)) = (from.first_chunk::<4>(), from.last_chunk::<4>()) {
        to[..4].copy_from_slice(first);
        to[size - 4..].copy_from_slice(last);
        let both = u64::from(u32::from_le_bytes(*last)) << 32 | u64::from(u32::from_le_bytes(*first));
        return strange(both.to_le_bytes()) == 0;
    }
    copy_while_plain(from, to) == size
}

/// Copies what is plain, and says how long that is.
fn copy_while_plain(from: &[u8], to: &mut [u8]) -> usize {
    let mut plain = 0;
    for (eight, place) in from.as_chunks::<8>().0.iter().zip(to.as_chunks_mut().0) {
        *place = *eight;
        let strange = strange(*eight);
        if strange != 0 {
            return plain + strange.trailing_zeros() as usize / 8;
        }
        plain += 8;
    }
    for (byte, place) in from.iter().zip(to).skip(plain) {
        if !matches!(byte, b' '..=b'~') || matches!(byte, b'"' | b'\\') {
            break;
        }
        *place = *byte;
        plain += 1;
    }
    plain
}

/// The highest bits of bytes that are control characters, quotes, backslashes, or anything from 0x7f on; perhaps also of some
/// behind the first of them, to which something was carried.
fn strange(bytes: [u8; 8]) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let word = u64::from_le_bytes(bytes);
    let outside = word.wrapping_sub(ONES * 0x20) | word.wrapping_add(ONES) | word;
    // Below 0x80, nothing but zero has it when one is taken away.
    let is = |byte: u8| (word ^ (ONES * u64::from(byte))).wrapping_sub(ONES);
    (outside | is(b'"') | is(b'\\')) & (ONES << 7)
}

/// What JSON needs escaped, what Argo CD's parser does, and what deceives eyes, as far as it takes no surrogate pair.
fn is_escaped(c: char) -> bool {
    matches!(c, '"' | '\\') || (c <= '\u{ffff}' && is_deceptive(c))
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
            ("a\u{202e}b\u{2066}c\u{200b}d\u{ad}", r#""a\u202eb\u2066c\u200bd\u00ad""#),
            ("\u{e0001}", "\"\u{e0001}\""),
        ] {
            assert_eq!(compact(&Value::string(raw)), json);
        }
    }

    /// They are looked at eight or four at a time, the last ones twice.
    #[test]
    fn what_is_escaped_is_escaped_wherever_it_stands() {
        for (raw, json) in
            [('"', r#"\""#), ('\\', r"\\"), ('\n', r"\n"), ('\u{7f}', r"\u007f"), ('\u{2028}', r"\u2028")]
        {
            for length in 0..30 {
                for at in 0..=length {
                    let [before, after] = ["a".repeat(at), "b".repeat(length - at)];
                    let found = compact(&Value::string(format!("{before}{raw}{after}")));
                    assert_eq!(found, format!("\"{before}{json}{after}\""));
                }
            }
        }
    }

    #[test]
    fn numbers_have_no_exponent() {
        for (value, json) in
            [(0, "0"), (-7, "-7"), (i64::MIN, "-9223372036854775808"), (i64::MAX, "9223372036854775807")]
        {
            assert_eq!(compact(&Value::Int(value)), json);
        }
        assert_eq!(decimal(1e21), "1000000000000000000000.0");
        assert_eq!(decimal(1.5e-7), "0.00000015");
        assert_eq!(decimal(-2.0), "-2.0");
        assert_eq!(decimal(f64::NAN), "null");
    }

    #[test]
    fn people_get_two_spaces() {
        let empty = Value::map([("list", Value::list([])), ("map", Value::Map(Map::default()))]);
        let within = Value::map([("a", Value::map([("b", Value::list([Value::map([("c", Value::Bool(true))])]))]))]);
        let items = [Value::list(vec![Value::Int(1), Value::Null]), empty, within];
        let mut out = Vec::new();
        array(items.iter(), &mut out);
        let expected = "[\n  [\n    1,\n    null\n  ],\n  {\n    \"list\": [],\n    \"map\": {}\n  },\n  \
            {\n    \"a\": {\n      \"b\": [\n        {\n          \"c\": true\n        }\n      ]\n    }\n  }\n]\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    proptest! {
        #[test]
        fn serde_reads_it_back(raw in any::<String>(), int in any::<i64>(), float in -1e300..1e300) {
            let value = Value::list(vec![
                Value::map([(raw.clone(), Value::string(raw))]),
                Value::Int(int),
                Value::Float(float),
            ]);
            let read: serde_json::Value = serde_json::from_str(&compact(&value)).unwrap();
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
