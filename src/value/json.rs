//! To and from `serde_json`, for what works on its type: the platform's patches, schemas, reports.

use std::collections::BTreeMap;

use super::{Map, Text, Value};

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Self::Null,
            serde_json::Value::Bool(value) => Self::Bool(value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(value) => Self::Int(value),
                None => Self::Float(number.as_f64().unwrap_or(0.0)),
            },
            serde_json::Value::String(text) => Self::string(text),
            serde_json::Value::Array(items) => Self::List(items.into_iter().map(Self::from).collect()),
            serde_json::Value::Object(map) => Self::map(map.into_iter().map(|(key, value)| (key, Self::from(value)))),
        }
    }
}

impl From<&Value> for serde_json::Value {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::from(*value),
            Value::Float(value) => Self::from(*value),
            Value::String(text) => Self::String(text.to_string()),
            Value::List(items) => Self::Array(items.iter().map(Self::from).collect()),
            Value::Map(map) => {
                Self::Object(map.iter().map(|(key, value)| (key.to_owned(), Self::from(value))).collect())
            }
        }
    }
}

/// Takes over what `changed` says, keeping the order of the keys that were there before.
pub(crate) fn keep_order(before: &Value, changed: Value) -> Value {
    match (before, changed) {
        (Value::Map(old), Value::Map(new)) => {
            let mut kept = Map::with_capacity(new.len());
            // In the order of their keys already, as `serde_json` has them.
            let mut new: BTreeMap<Text, Value> = new.into_iter().collect();
            for (key, old_value) in old.entries() {
                if let Some(value) = new.remove(key.as_str()) {
                    kept.push(key.clone(), keep_order(old_value, value));
                }
            }
            kept.extend(new);
            Value::Map(kept)
        }
        (Value::List(old), Value::List(new)) => Value::List(
            new.into_iter()
                .enumerate()
                .map(|(index, item)| match old.get(index) {
                    Some(old_item) => keep_order(old_item, item),
                    None => item,
                })
                .collect(),
        ),
        (_, changed) => changed,
    }
}
