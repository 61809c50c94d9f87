//! The units and shapes of the inputs' scalars, each parsed once, where it is read.
//!
//! A type says by its `FORMAT` (the JSON Schema's word for it) what it is. The typed reader and the error report both
//! call the same `parse`, so that a value which one accepts the other accepts too.

mod cidr;
mod duration;
mod interpolated_path;
mod names;
mod paths;
mod percent;
mod quantity;
mod user;

pub use cidr::Cidr;
pub use duration::Duration;
pub use interpolated_path::InterpolatedPath;
pub use names::{
    DnsLabel, DnsName, Domain, EnvName, FlagName, ImageDigest, ImagePrefix, LabelKey, LabelValue, PodSecurityVersion,
    SecretKey, is_digest, is_dns_label, is_dns_name, is_label_value,
};
pub use paths::{AbsolutePath, ImagePath, RelativePath, Url, UrlPath};
pub use percent::Percent;
pub use quantity::Quantity;
pub use user::UserId;

use crate::{database::attestation::AttestationKey, expression::Interpolated};

/// The number of a port: 0 is none.
pub type Port = std::num::NonZeroU16;

/// A scalar with a shape of its own.
pub trait Scalar: Sized {
    /// The `format` keyword of its schema.
    const FORMAT: &'static str;
    /// What is allowed, in words: shown with every refusal.
    const EXPECTED: &'static str;
    /// Whether a plain number is as good as a string.
    const NUMBERS: bool = false;

    /// Reads the text, or says what is wrong with it.
    fn parse(text: &str) -> Result<Self, String>;
}

/// A string newtype whose whole knowledge is a predicate. That looks byte by byte: a regular expression compiled at start-up would
/// cost more than a whole render.
macro_rules! text_scalar {
    ($(#[$doc:meta])* $name:ident, $format:literal, $expected:literal, $test:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name(String);

        impl $crate::input::scalar::Scalar for $name {
            const FORMAT: &'static str = $format;
            const EXPECTED: &'static str = $expected;

            fn parse(text: &str) -> Result<Self, String> {
                let test: fn(&str) -> bool = $test;
                if test(text) { Ok(Self(text.to_owned())) } else { Err(format!("`{}` is not allowed here", crate::finding::visible(text))) }
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl std::ops::Deref for $name {
            type Target = str;

            fn deref(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}
use text_scalar;

/// `Deserialize` and `JsonSchema` for [`Scalar`]s.
macro_rules! scalar_traits {
    ($($type:ty),* $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::input::scalar::ScalarVisitor(std::marker::PhantomData))
            }
        }

        impl schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($type).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                use $crate::input::scalar::Scalar;
                let kinds = if <$type>::NUMBERS {
                    serde_json::json!(["string", "number"])
                } else {
                    serde_json::json!("string")
                };
                schemars::json_schema!({"type": kinds, "format": <$type>::FORMAT})
            }
        }
    )*};
}
pub(crate) use scalar_traits;

/// Parses the text where it stands, without a copy.
pub(crate) struct ScalarVisitor<T>(pub(crate) std::marker::PhantomData<T>);

impl<T: Scalar> serde::de::Visitor<'_> for ScalarVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        T::parse(text).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<T, E> {
        number_text(&number.to_string())
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<T, E> {
        number_text(&number.to_string())
    }
}

fn number_text<T: Scalar, E: serde::de::Error>(text: &str) -> Result<T, E> {
    if T::NUMBERS { T::parse(text).map_err(E::custom) } else { Err(E::custom(format_args!("the number {text}"))) }
}

/// The scalars, and what finds one by its format.
macro_rules! scalars {
    ($($type:ty),* $(,)?) => {
        scalar_traits!($($type),*);

        /// What a scalar of a schema `format` may be, and what is wrong with `text`, if anything.
        pub(crate) fn refusal(format: &str, text: &str) -> Option<(String, &'static str)> {
            match format {
                $(<$type>::FORMAT => refusal_of::<$type>(text),)*
                AttestationKey::FORMAT => refusal_of::<AttestationKey>(text),
                Interpolated::FORMAT => refusal_of::<Interpolated>(text),
                _ => None,
            }
        }
    };
}

scalars!(
    AbsolutePath,
    Cidr,
    DnsLabel,
    DnsName,
    Domain,
    Duration,
    EnvName,
    FlagName,
    ImageDigest,
    ImagePath,
    ImagePrefix,
    InterpolatedPath,
    LabelKey,
    LabelValue,
    Percent,
    PodSecurityVersion,
    Quantity,
    RelativePath,
    SecretKey,
    Url,
    UrlPath,
);

fn refusal_of<T: Scalar>(text: &str) -> Option<(String, &'static str)> {
    T::parse(text).err().map(|message| (message, T::EXPECTED))
}

/// Whether a text is digits with no zero in front, as Kubernetes wants a number within a text. Rust's `parse` takes more.
fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}
