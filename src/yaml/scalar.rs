//! What a plain scalar stands for: by YAML 1.2's core schema, and as Kubernetes reads it.

/// A plain scalar, understood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Plain {
    /// The word, `~`, or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// What fits 64 bits.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Just its text.
    Text,
}

/// Whether a plain scalar is YAML 1.2's `null`; `NULL` and `Null` are, too.
pub fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

/// YAML 1.2, core schema (<https://yaml.org/spec/1.2.2/#1032-tag-resolution>).
pub fn core(text: &str) -> Plain {
    match text {
        _ if is_null(text) => return Plain::Null,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        _ => {}
    }
    if !starts_like_a_number(text) {
        return Plain::Text;
    }
    let radix = |digits: &str, radix| match i64::from_str_radix(digits, radix) {
        Ok(number) if !digits.starts_with(['-', '+']) => Plain::Int(number),
        _ => Plain::Text,
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return radix(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return radix(digits, 8);
    }
    if let Ok(value) = text.parse() {
        return Plain::Int(value);
    }
    endless(text).map_or_else(|| float(text), Plain::Float)
}

/// As the Kubernetes tool chain reads it: `sigs.k8s.io/yaml`, which is Go's YAML 1.1 (`go.yaml.in/yaml/v2`, `resolve.go`).
pub fn kubernetes(text: &str) -> Plain {
    match text {
        _ if is_null(text) => return Plain::Null,
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => return Plain::Bool(true),
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Plain::Bool(false);
        }
        _ => {}
    }
    if !starts_like_a_number(text) {
        return Plain::Text;
    }
    if let Some(value) = endless(text) {
        return Plain::Float(value);
    }
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    if let Some(value) = go_integer(&digits) {
        return Plain::Int(value);
    }
    float(&digits)
}

/// Go's `strconv.ParseInt(text, 0, 64)`: `0x`, `0o`, `0b`, and a leading zero for octal.
fn go_integer(text: &str) -> Option<i64> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, &lower[..]),
    };
    if digits.starts_with(['-', '+']) {
        return None;
    }
    // The least number has no positive one beside it.
    let value = i128::from_str_radix(digits, radix).ok()?;
    i64::try_from(if negative { -value } else { value }).ok()
}

fn starts_like_a_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.'))
}

/// Numbers that YAML has and JSON has not.
pub fn endless(text: &str) -> Option<f64> {
    if !text.starts_with(['.', '+', '-']) {
        return None;
    }
    match text {
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => Some(f64::INFINITY),
        "-.inf" | "-.Inf" | "-.INF" => Some(f64::NEG_INFINITY),
        ".nan" | ".NaN" | ".NAN" => Some(f64::NAN),
        _ => None,
    }
}

fn float(text: &str) -> Plain {
    // Rust reads `inf`, `nan` and `infinity` too, which are words in YAML; what is too large for a float is text to Go.
    text.parse().ok().filter(|value: &f64| value.is_finite()).map_or(Plain::Text, Plain::Float)
}

#[cfg(test)]
mod tests {
    use super::{Plain, core, kubernetes};

    #[test]
    fn core_reads_yaml_1_2() {
        for (text, plain) in [
            ("", Plain::Null),
            ("~", Plain::Null),
            ("true", Plain::Bool(true)),
            ("on", Plain::Text),
            ("0123", Plain::Int(123)),
            ("0x1F", Plain::Int(31)),
            ("0x-1f", Plain::Text),
            ("0o+7", Plain::Text),
            ("1_000", Plain::Text),
            ("1e3", Plain::Float(1000.0)),
            ("1.10", Plain::Float(1.1)),
            ("-", Plain::Text),
            ("+.", Plain::Text),
            ("-inf", Plain::Text),
            ("12345e67", Plain::Float(12345e67)),
            ("1.2.3", Plain::Text),
            (".inf", Plain::Float(f64::INFINITY)),
            ("-.INF", Plain::Float(f64::NEG_INFINITY)),
            ("--.inf", Plain::Text),
            ("-.nan", Plain::Text),
            ("1e999", Plain::Text),
        ] {
            assert_eq!(core(text), plain, "{text}");
        }
    }

    /// What Argo CD's own decoder made of each.
    #[test]
    fn kubernetes_reads_as_go_does() {
        for (text, plain) in [
            ("on", Plain::Bool(true)),
            ("n", Plain::Bool(false)),
            ("0777", Plain::Int(511)),
            ("0123456", Plain::Int(42798)),
            ("1_000", Plain::Int(1000)),
            ("0b11", Plain::Int(3)),
            ("0x1F", Plain::Int(31)),
            ("+7", Plain::Int(7)),
            ("-010", Plain::Int(-8)),
            ("-9223372036854775808", Plain::Int(i64::MIN)),
            ("-0x8000000000000000", Plain::Int(i64::MIN)),
            ("9223372036854775808", Plain::Float(9_223_372_036_854_775_808.0)),
            ("+", Plain::Text),
            ("0o17", Plain::Int(15)),
            ("089", Plain::Float(89.0)),
            ("1e3", Plain::Float(1000.0)),
            ("1234567e1", Plain::Float(12_345_670.0)),
            ("2001-01-01", Plain::Text),
            ("1:30", Plain::Text),
            ("--1", Plain::Text),
            ("-nan", Plain::Text),
            ("+infinity", Plain::Text),
            (".5", Plain::Float(0.5)),
            ("-5.", Plain::Float(-5.0)),
            ("0x", Plain::Text),
            ("+.Inf", Plain::Float(f64::INFINITY)),
            (".i_nf", Plain::Text),
            ("1e999", Plain::Text),
            ("-1e999", Plain::Text),
        ] {
            assert_eq!(kubernetes(text), plain, "{text}");
        }
    }
}
