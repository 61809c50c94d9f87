//! Lists and maps that may not be empty.

use std::{borrow::Cow, ops::Deref};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use super::Ordered;

/// What has entries, and how a JSON Schema says that there must be some.
pub trait Entries {
    const LEAST: &'static str;
    fn is_empty(&self) -> bool;
}

impl<T> Entries for Vec<T> {
    const LEAST: &'static str = "minItems";

    fn is_empty(&self) -> bool {
        Vec::is_empty(self)
    }
}

impl<V, K: Deref<Target = str>> Entries for Ordered<V, K> {
    const LEAST: &'static str = "minProperties";

    fn is_empty(&self) -> bool {
        Ordered::is_empty(self)
    }
}

/// A list or a map with at least one entry.
#[derive(Clone, Debug, Serialize)]
#[serde(transparent)]
pub struct Filled<T>(T);

/// For defaults.
impl<T, const N: usize> From<[T; N]> for Filled<Vec<T>> {
    fn from(entries: [T; N]) -> Self {
        const { assert!(N > 0, "nothing in it") };
        Self(entries.into())
    }
}

impl<T> Deref for Filled<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<'de, T: Entries + Deserialize<'de>> Deserialize<'de> for Filled<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = T::deserialize(deserializer)?;
        if entries.is_empty() { Err(D::Error::custom("nothing in it")) } else { Ok(Self(entries)) }
    }
}

impl<T: Entries + JsonSchema> JsonSchema for Filled<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Filled{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = T::json_schema(generator);
        schema.insert(T::LEAST.to_owned(), 1.into());
        schema
    }
}
