//! A sampled look for personal data: counts of values that look like e-mail addresses, cards, IBANs and telephone numbers.
//!
//! It finds mistakes, not malice: what it does not find may still be there. Values are looked at and forgotten.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use anyhow::Result;

use super::session::{Column, Session, table_name};

/// Rows that are looked at in one table.
const ROWS: u32 = 500;

/// Looking ends after this time; what is left is reported.
const TIME: Duration = Duration::from_secs(10);

/// What a value may look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// An e-mail address.
    Email,
    /// A payment card's number.
    Card,
    /// An international bank account number.
    Iban,
    /// A telephone number.
    Phone,
}

impl Shape {
    /// As reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Email => "e-mail",
            Self::Card => "card",
            Self::Iban => "IBAN",
            Self::Phone => "phone",
        }
    }
}

/// What was seen.
#[derive(Debug, Default)]
pub struct Report {
    /// How many values were looked at.
    pub values: usize,
    /// How many tables were looked into.
    pub tables: usize,
    /// Tables that there was no time for.
    pub not_looked_at: usize,
    /// How many values of a column have a shape. The column is named, a value never.
    pub seen: BTreeMap<(String, Shape), usize>,
}

/// Looks at the text columns of all tables.
pub async fn scan(session: &mut dyn Session, columns: &[Column]) -> Result<Report> {
    let mut tables: BTreeMap<(&str, &str), Vec<&Column>> = BTreeMap::new();
    for column in columns.iter().filter(|column| column.is_text) {
        tables.entry((&column.schema, &column.table)).or_default().push(column);
    }
    let started = Instant::now();
    let mut report = Report::default();
    for columns in tables.values() {
        if started.elapsed() > TIME {
            report.not_looked_at += 1;
            continue;
        }
        report.tables += 1;
        for row in session.sample(columns, ROWS).await? {
            for (column, value) in columns.iter().zip(row) {
                let Some(value) = value else { continue };
                report.values += 1;
                if let Some(shape) = shape(&value) {
                    let name = format!("{}.{}", table_name(&column.schema, &column.table), column.name);
                    *report.seen.entry((name, shape)).or_default() += 1;
                }
            }
        }
    }
    Ok(report)
}

/// What a value looks like, if it looks like a person's.
pub fn shape(value: &str) -> Option<Shape> {
    if value.split(|c: char| c.is_whitespace() || "<>,;\"'()[]{}".contains(c)).any(is_email) {
        return Some(Shape::Email);
    }
    let value = value.trim();
    let digits: Vec<u8> = value.bytes().filter(u8::is_ascii_digit).collect();
    let is_spelled_with = |allowed: &str| value.chars().all(|c| c.is_ascii_digit() || allowed.contains(c));
    if (13..=19).contains(&digits.len()) && is_spelled_with(" -") && luhn(&digits) {
        return Some(Shape::Card);
    }
    if is_iban(value) {
        return Some(Shape::Iban);
    }
    let grouped = value.starts_with('+') || value.contains([' ', '-', '(', '/']);
    let is_date = value.len() >= 10 && value.as_bytes()[4] == b'-' && value.as_bytes()[7] == b'-';
    ((8..=15).contains(&digits.len()) && grouped && !is_date && is_spelled_with(" -+()/.")).then_some(Shape::Phone)
}

/// An address whose domain is not one that was reserved for examples (RFC 2606, RFC 6761).
fn is_email(word: &str) -> bool {
    let Some((local, domain)) = word.rsplit_once('@') else { return false };
    let domain = domain.trim_end_matches('.').to_ascii_lowercase();
    let is_reserved = ["example.com", "example.org", "example.net"]
        .iter()
        .any(|reserved| domain == *reserved || domain.ends_with(&format!(".{reserved}")))
        || ["example", "test", "invalid", "localhost"]
            .iter()
            .any(|reserved| domain.rsplit('.').next() == Some(reserved));
    !local.is_empty()
        && domain.contains('.')
        && domain
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
        && domain.bytes().last().is_some_and(|b| b.is_ascii_alphabetic())
        && !is_reserved
}

/// ISO/IEC 7812-1, annex B.
fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(index, digit)| match (index % 2, u32::from(digit - b'0')) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10) && digits.iter().any(|digit| *digit != b'0')
}

/// ISO 13616: two letters, two check digits, remainder 1 by 97.
fn is_iban(value: &str) -> bool {
    let compact: Vec<u8> = value.bytes().filter(|b| *b != b' ').map(|b| b.to_ascii_uppercase()).collect();
    if !(15..=34).contains(&compact.len())
        || !compact[..2].iter().all(u8::is_ascii_alphabetic)
        || !compact[2..4].iter().all(u8::is_ascii_digit)
        || !compact.iter().all(u8::is_ascii_alphanumeric)
    {
        return false;
    }
    let remainder = compact[4..].iter().chain(&compact[..4]).fold(0u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    });
    remainder == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_shapes() {
        for (value, expected) in [
            ("grace.hopper@navy.mil", Some(Shape::Email)),
            ("Grace <grace@navy.mil>, again", Some(Shape::Email)),
            ("user17@example.com", None),
            ("user17@shop.example", None),
            ("4111 1111 1111 1111", Some(Shape::Card)),
            ("4111111111111112", None),
            ("DE89 3704 0044 0532 0130 00", Some(Shape::Iban)),
            ("DE89 3704 0044 0532 0130 01", None),
            ("+49 30 901820", Some(Shape::Phone)),
            ("(030) 90182-0", Some(Shape::Phone)),
            ("2026-11-22 10:00", None),
            ("2026-11-22", None),
            ("12345678", None),
            ("a@b", None),
            ("", None),
        ] {
            assert_eq!(shape(value), expected, "{value}");
        }
    }
}
