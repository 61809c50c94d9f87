//! A parameter set in JSON, no name lost: `serde_json`'s own map would keep the last of two.

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;

/// What a line of JSON may be.
pub(super) enum Set {
    /// Names and values.
    Map(Vec<(String, Value)>),
    /// Argo CD's list; empty for `null`.
    List(Vec<Value>),
}

/// Says where a text stops being JSON: it is one line, so the column is all there is to say.
pub(super) fn problem(error: &serde_json::Error) -> anyhow::Error {
    let text = error.to_string();
    let what = text.rsplit_once(" at line ").map_or(&*text, |(what, _)| what);
    anyhow::anyhow!("parameters are a JSON map of names and values, and column {} is wrong: {what}", error.column())
}

impl<'de> Deserialize<'de> for Set {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SetVisitor)
    }
}

struct SetVisitor;

impl<'de> Visitor<'de> for SetVisitor {
    type Value = Set;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a map of names and values, or Argo CD's list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Set, A::Error> {
        let mut entries = Vec::with_capacity(16);
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Set::Map(entries))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Set, A::Error> {
        let mut items = Vec::with_capacity(16);
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Set::List(items))
    }

    fn visit_unit<E>(self) -> Result<Set, E> {
        Ok(Set::List(Vec::new()))
    }
}
