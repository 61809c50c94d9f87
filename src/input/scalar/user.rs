//! The numbers of a user and of a group in a container.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

/// Source: Kubernetes, `IsValidUserID` and `IsValidGroupID` in `apimachinery/pkg/util/validation/validation.go`.
const MOST: u32 = i32::MAX.cast_unsigned();

/// The number of a user, as Kubernetes takes it, but not 0, root: no Pod of it would start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserId(u32);

impl UserId {
    /// What `runAsUser` takes.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for UserId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            number @ 1..=MOST => Ok(Self(number)),
            number => Err(D::Error::custom(format_args!("the number {number}"))),
        }
    }
}

impl JsonSchema for UserId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UserId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 1, "maximum": MOST})
    }
}

/// The number of a group, as Kubernetes takes it. The one of root is allowed, by Pod Security's `restricted` too: it gives a process no
/// rights, only the files that images keep for any user in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupId(u32);

impl GroupId {
    /// What `runAsGroup` takes.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl<'de> Deserialize<'de> for GroupId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            number @ 0..=MOST => Ok(Self(number)),
            number => Err(D::Error::custom(format_args!("the number {number}"))),
        }
    }
}

impl JsonSchema for GroupId {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GroupId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": 0, "maximum": MOST})
    }
}
