//! A value for a Helm chart, which is of a type: a template takes the text `false` for something that is there.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};

use super::scalar::Scalar as _;
use crate::expression::Interpolated;

/// One of Helm's `--set` values.
#[derive(Clone, Debug, PartialEq)]
pub enum HelmValue {
    /// Given to the chart as text, whatever it looks like.
    Text(Interpolated),
    /// `true`, `false` or a whole number, as Helm reads it.
    Plain(String),
}

impl<'de> Deserialize<'de> for HelmValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Typed;

        impl Visitor<'_> for Typed {
            type Value = HelmValue;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text, a whole number, `true` or `false`")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<HelmValue, E> {
                Interpolated::parse(text).map(HelmValue::Text).map_err(E::custom)
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<HelmValue, E> {
                Ok(HelmValue::Plain(value.to_string()))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<HelmValue, E> {
                Ok(HelmValue::Plain(number.to_string()))
            }
        }

        deserializer.deserialize_any(Typed)
    }
}

impl JsonSchema for HelmValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "HelmValue".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "boolean", "integer"], "format": Interpolated::FORMAT})
    }
}
