//! The numbers of a user and of a group in a container.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de::Error as _};

/// Source: Kubernetes, `IsValidUserID` and `IsValidGroupID` in `apimachinery/pkg/util/validation/validation.go`.
const MOST: u32 = i32::MAX.cast_unsigned();

/// A number that Kubernetes takes for a user or a group, at least `LEAST`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Id<const LEAST: u32>(u32);

/// The number of a user, but not 0, root: no Pod of it would start.
pub type UserId = Id<1>;

/// The number of a group. The one of root is allowed, by Pod Security's `restricted` too: it gives a process no rights, only the files
/// that images keep for any user in it.
pub type GroupId = Id<0>;

impl<const LEAST: u32> Id<LEAST> {
    /// What `runAsUser` and `runAsGroup` take.
    pub fn get(self) -> u32 {
        self.0
    }
}

impl<'de, const LEAST: u32> Deserialize<'de> for Id<LEAST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u32::deserialize(deserializer)?;
        if (LEAST..=MOST).contains(&number) {
            Ok(Self(number))
        } else {
            Err(D::Error::custom(format_args!("the number {number}")))
        }
    }
}

impl<const LEAST: u32> JsonSchema for Id<LEAST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        format!("Id{LEAST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": LEAST, "maximum": MOST})
    }
}
