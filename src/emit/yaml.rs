//! YAML for people, which says the same to readers of YAML 1.1 and 1.2.
//!
//! Every library that was tried writes text that some reader takes for something else (`on`, `1_000`, `22:22`, `<<`; more in
//! `docs/yaml.md`), so three rules, stricter than any of them, decide how text stands here: plain if it cannot be anything but
//! text, as a literal block if it has several ordinary lines, and else in double quotes.

use std::fmt::Write;

use super::json::decimal;
use crate::{
    finding::is_deceptive,
    value::{Map, Value},
};

/// Words that some version of YAML, or some reader, takes for something other than text.
const RESERVED: [&str; 12] = ["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"];

/// A simple key must end within 1024 characters (YAML 1.2.2 §7.4.2); longer ones need a `?`.
const LONGEST_SIMPLE_KEY: usize = 1000;

/// One document per value, with `---` between them.
pub(super) fn documents<'a>(values: impl Iterator<Item = &'a Value>) -> String {
    let mut out = String::new();
    for (index, value) in values.enumerate() {
        if index > 0 {
            out.push_str("---\n");
        }
        block(value, 0, &mut out);
    }
    out
}

/// A value as a part of other text, all of its lines `indent` columns in.
pub(crate) fn indented(value: &Value, indent: usize) -> String {
    let mut out = " ".repeat(indent);
    block(value, indent, &mut out);
    out
}

/// A value that begins where the line stands already, `indent` columns in.
fn block(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Map(entries) if !entries.is_empty() => map(entries, indent, out),
        Value::List(items) if !items.is_empty() => list(items, indent, out),
        _ => {
            scalar(value, indent, out);
            out.push('\n');
        }
    }
}

fn map(entries: &Map, indent: usize, out: &mut String) {
    for (index, (key, value)) in entries.iter().enumerate() {
        if index > 0 {
            pad(indent, out);
        }
        let start = out.len();
        text(key, out);
        if out.len() - start > LONGEST_SIMPLE_KEY {
            out.insert_str(start, "? ");
            out.push('\n');
            pad(indent, out);
        }
        out.push(':');
        match value {
            Value::Map(inner) if !inner.is_empty() => {
                out.push('\n');
                pad(indent + 2, out);
                map(inner, indent + 2, out);
            }
            Value::List(items) if !items.is_empty() => {
                out.push('\n');
                pad(indent, out);
                list(items, indent, out);
            }
            _ => {
                out.push(' ');
                scalar(value, indent + 2, out);
                out.push('\n');
            }
        }
    }
}

/// Items stand below their key, not to its right, as kubectl writes them.
fn list(items: &[Value], indent: usize, out: &mut String) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            pad(indent, out);
        }
        out.push_str("- ");
        block(item, indent + 2, out);
    }
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', indent));
}

/// What fits behind a key or a dash; the lines of a literal block stand `indent` columns in.
fn scalar(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Int(value) => {
            let _ = write!(out, "{value}"); // a String takes everything
        }
        Value::Float(value) => out.push_str(&decimal(*value)),
        Value::String(value) if indent > 0 && is_literal(value) => literal(value, indent, out),
        Value::String(value) => text(value, out),
        Value::List(_) => out.push_str("[]"),
        Value::Map(_) => out.push_str("{}"),
    }
}

fn text(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        quoted(text, out);
    }
}

fn is_plain(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b'-'))
        && !RESERVED.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// Whether every reader agrees on this text as a literal block: what stands at the ends of its lines decides, and
/// characters that are no ordinary ones (tabs are among them).
fn is_literal(text: &str) -> bool {
    let body = text.strip_suffix('\n').unwrap_or(text);
    body.contains('\n')
        && !body.starts_with([' ', '\n'])
        && !body.ends_with('\n')
        && body.split('\n').all(|line| !line.ends_with(' ') && !line.contains(is_deceptive))
}

fn literal(text: &str, indent: usize, out: &mut String) {
    let body = text.strip_suffix('\n');
    out.push_str(if body.is_some() { "|" } else { "|-" });
    for line in body.unwrap_or(text).split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(indent, out);
            out.push_str(line);
        }
    }
}

/// Double quotes, on one line, with escapes for all that a reader may refuse or an eye may miss.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        let _ = match c {
            '"' => out.write_str("\\\""),
            '\\' => out.write_str("\\\\"),
            '\n' => out.write_str("\\n"),
            '\t' => out.write_str("\\t"),
            '\r' => out.write_str("\\r"),
            c if !is_deceptive(c) => out.write_char(c),
            '\0'..='\u{ff}' => write!(out, "\\x{:02x}", u32::from(c)),
            '\u{100}'..='\u{ffff}' => write!(out, "\\u{:04x}", u32::from(c)),
            _ => write!(out, "\\U{:08x}", u32::from(c)),
        };
    }
    out.push('"');
}

#[cfg(test)]
mod tests;
