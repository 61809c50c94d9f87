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
