//! Maps of quantities, as a `LimitRange` and a `ResourceQuota` have them.

use super::{finding, shown};
use crate::{
    finding::{Finding, Rule, visible},
    input::scalar::{Quantity, Scalar},
    objects::Object,
    value::{Value, child},
};

/// The quantities of a map that are some.
pub(crate) type Amounts<'a> = Vec<(&'a str, Quantity)>;

pub(crate) fn amount<'q>(amounts: &'q Amounts<'_>, resource: &str) -> Option<&'q Quantity> {
    amounts.iter().find(|(name, _)| *name == resource).map(|(_, quantity)| quantity)
}

/// Of fewer, nobody means as many bytes.
const A_MEGABYTE: i128 = 1_000_000 * 1_000_000_000;

/// What an amount of bytes is that nobody means, and what was meant: Kubernetes takes it, and no container starts with it. `most`: how much
/// there may be, if that is known.
pub(crate) fn unmeant(resource: &str, amount: &Quantity, most: Option<&Quantity>) -> Option<(&'static str, String)> {
    if !matches!(resource, "memory" | "ephemeral-storage") {
        return None;
    }
    let text = amount.as_str();
    // Kubernetes rounds `1.3Gi` up; of `256m`, it says that it was probably meant otherwise.
    if text.ends_with(['i', 'k', 'M', 'G', 'T', 'P', 'E']) {
        return None;
    }
    if amount.nano % 1_000_000_000 != 0 {
        let meant = match text.strip_suffix('m') {
            Some(number) => format!("{number}Mi"),
            None => format!("{}Gi", text.trim_end_matches(['u', 'n'])),
        };
        return Some(("a fraction of a byte", format!("`{meant}` was probably meant")));
    }
    if amount.nano > 0 && amount.nano < A_MEGABYTE && text.bytes().all(|b| b.is_ascii_digit()) {
        let mebibytes = amount.nano.saturating_mul(1 << 20);
        let help = match most {
            Some(most) if mebibytes > most.nano => format!("it has no unit, such as the `Mi` of `{most}`"),
            _ => format!("`{text}Mi` was probably meant"),
        };
        return Some(("which are bytes", help));
    }
    None
}

fn quantity(value: &Value) -> Option<Quantity> {
    match value {
        Value::String(text) => Quantity::parse(text).ok(),
        Value::Int(number) => Quantity::parse(&number.to_string()).ok(),
        Value::Float(number) => Quantity::parse(&number.to_string()).ok(),
        _ => None,
    }
}

/// The quantities of a map; a finding for what is none.
pub(crate) fn amounts<'a>(
    rule: &'static Rule,
    object: &Object,
    pointer: &dyn Fn() -> String,
    map: Option<&'a Value>,
    findings: &mut Vec<Finding>,
) -> Amounts<'a> {
    let mut found = Vec::new();
    match map {
        None | Some(Value::Null) => {}
        Some(Value::Map(map)) => {
            for (resource, value) in map.iter() {
                match quantity(value) {
                    Some(quantity) => found.push((resource, quantity)),
                    None => findings.push(finding(
                        rule,
                        object,
                        child(&pointer(), resource),
                        format!("`{}` is {}; allowed: {}", visible(resource), shown(value), Quantity::EXPECTED),
                    )),
                }
            }
        }
        Some(other) => {
            let message = format!("a map of quantities is needed here, not {}", other.kind_name());
            findings.push(finding(rule, object, pointer(), message));
        }
    }
    found
}
