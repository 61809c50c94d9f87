//! From what the reader of YAML has found.

use crate::yaml::{Data, Node, scalar::Plain};

use super::{Map, Value};

/// A part of a document, each plain scalar understood by `read`.
pub fn from_yaml(node: &Node<'_>, read: fn(&str) -> Plain) -> Value {
    match &node.data {
        Data::Scalar { text, plain: false } => Value::string(text.as_ref()),
        Data::Scalar { text, plain: true } => match read(text) {
            Plain::Null => Value::Null,
            Plain::Bool(value) => Value::Bool(value),
            Plain::Int(value) => Value::Int(value),
            Plain::Float(value) => number(value),
            Plain::Text => Value::string(text.as_ref()),
        },
        Data::List(items) => Value::List(items.iter().map(|item| from_yaml(item, read)).collect()),
        Data::Map(entries) => {
            let mut map = Map::with_capacity(entries.len());
            for entry in entries {
                map.push(entry.key.clone().into_owned(), from_yaml(&entry.value, read));
            }
            Value::Map(map)
        }
    }
}

/// A float that is a whole number is written as one, as Go's JSON does (`1e3` becomes `1000`).
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "checked to be exact"
)]
fn number(value: f64) -> Value {
    let whole = value as i64;
    if value.abs() < 9e15 && whole as f64 == value { Value::Int(whole) } else { Value::Float(value) }
}
