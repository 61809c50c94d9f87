//! The units and shapes of the inputs' scalars, each parsed once, where it is read.
//!
//! A type says by its `FORMAT` (the JSON Schema's word for it) what it is. The typed reader and the error report both
//! call the same `parse`, so that a value which one accepts the other accepts too.

mod cidr;
mod duration;
mod image;
mod interpolated;
mod names;
mod paths;
mod percent;
mod qualified;
mod quantity;
mod user;

pub use cidr::Cidr;
pub use duration::Duration;
pub(crate) use image::{is_image, repository, split_registry, split_tag};
pub use interpolated::InterpolatedPath;
pub use names::{
    DnsLabel, DnsName, Domain, EnvName, FlagName, ImageDigest, ImagePrefix, LabelKey, LabelValue, MOST_OF_LABEL,
    MOST_OF_NAME, NamePrefix, PodSecurityVersion, Reference, SecretKey, is_digest, is_dns_label, is_dns_name,
};
pub use paths::{AbsolutePath, FilePath, ImagePath, RelativePath, Url, UrlPath};
pub use percent::Percent;
pub(crate) use qualified::{is_name_part, is_qualified_name};
pub use quantity::Quantity;
pub use user::{GroupId, UserId};

use schemars::{Schema, json_schema};

use crate::{database::attestation::AttestationKey, expression::Interpolated};

/// The number of a port: 0 is none.
pub type Port = std::num::NonZeroU16;

/// A scalar with a shape of its own.
pub trait Scalar: Sized {
    /// The `format` keyword of its schema.
    const FORMAT: &'static str;
    /// What is allowed, in words: shown with every refusal.
    const EXPECTED: &'static str;
    /// What of that a regular expression can say, for editors and validators that know no such `format`: it matches whatever
    /// `parse` takes, and is written as JavaScript and Rust both read it. Empty, if it can say nothing.
    const PATTERN: &'static str;
    /// Whether a plain number is as good as a string; none is below 0.
    const NUMBERS: bool = false;

    /// Reads the text, or says what is wrong with it.
    fn parse(text: &str) -> Result<Self, String>;
}

/// A string newtype whose whole knowledge is a predicate. That looks byte by byte: a regular expression compiled at start-up would
/// cost more than a whole render.
macro_rules! text_scalar {
    ($(#[$doc:meta])* $name:ident, $format:literal, $expected:literal, $pattern:literal, $test:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $name($crate::value::Text);

        impl $crate::input::scalar::Scalar for $name {
            const FORMAT: &'static str = $format;
            const EXPECTED: &'static str = $expected;
            const PATTERN: &'static str = $pattern;

            fn parse(text: &str) -> Result<Self, String> {
                let test: fn(&str) -> bool = $test;
                if test(text) { Ok(Self(text.into())) } else { Err(format!("`{}` is not allowed here", crate::finding::visible(text))) }
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
                $crate::input::scalar::schema::<$type>()
            }
        }
    )*};
}

pub(crate) fn schema<T: Scalar>() -> Schema {
    let mut schema = json_schema!({"type": "string", "format": T::FORMAT});
    if !T::PATTERN.is_empty() {
        schema.insert("pattern".to_owned(), T::PATTERN.into());
    }
    if T::NUMBERS {
        schema.insert("type".to_owned(), ["string", "number"].as_slice().into());
        schema.insert("minimum".to_owned(), 0.into());
    }
    schema
}

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
                _ => None,
            }
        }

        #[cfg(test)]
        fn all(text: &str) -> Vec<(&'static str, &'static str, bool)> {
            vec![$(of::<$type>(text)),*]
        }
    };
}

scalars!(
    AbsolutePath,
    AttestationKey,
    Cidr,
    DnsLabel,
    DnsName,
    Domain,
    Duration,
    EnvName,
    FilePath,
    FlagName,
    ImageDigest,
    ImagePath,
    ImagePrefix,
    Interpolated,
    InterpolatedPath,
    LabelKey,
    LabelValue,
    NamePrefix,
    Percent,
    PodSecurityVersion,
    Quantity,
    Reference,
    RelativePath,
    SecretKey,
    Url,
    UrlPath,
);

fn refusal_of<T: Scalar>(text: &str) -> Option<(String, &'static str)> {
    let message = T::parse(text).err()?;
    let nothing = || "an empty text is not allowed here".to_owned();
    Some((if text.is_empty() { nothing() } else { message }, T::EXPECTED))
}

/// A scalar's format and pattern, and whether a text is one.
#[cfg(test)]
fn of<T: Scalar>(text: &str) -> (&'static str, &'static str, bool) {
    (T::FORMAT, T::PATTERN, T::parse(text).is_ok())
}

/// Whether a text is digits with no zero in front, as Kubernetes wants a number within a text. Rust's `parse` takes more.
fn is_decimal(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex_lite::Regex;

    use super::*;

    /// What each scalar's pattern says of a text, and whether that is one.
    fn judged(text: &str) -> Vec<(&'static str, bool, bool)> {
        let judge = |(format, pattern, is_one): (_, &str, _)| {
            (format, Regex::new(pattern).expect("a pattern").is_match(text), is_one)
        };
        all(text).into_iter().map(judge).collect()
    }

    fn assert_taken(text: &str) {
        for (format, matches, is_one) in judged(text) {
            assert!(matches || !is_one, "{format}: {text:?}");
        }
    }

    proptest! {
        #[test]
        fn patterns_match_whatever_is_read(
            text in "[a1A0._/:%#@$ {}+-]{0,5}",
            number in "[0-9]{0,3}[.]?[0-9]{0,2}[numkKMGTPEeihdsw%+]{0,2}[0-9]{0,2}",
            path in "(https://)?/?[a.-]{1,3}(/[a.:~%2F]{1,3}){0,3}[/#?]?[a-z]?",
        ) {
            assert_taken(&text);
            assert_taken(&number);
            assert_taken(&path);
        }
    }

    #[test]
    fn patterns_take_long_names() {
        for length in [1, 62, 63, 64, 248, 253, 254] {
            for letter in ["a", "A", "_", "1", "\n", "ä"] {
                assert_taken(&letter.repeat(length));
            }
            assert_taken(&format!("a.{}/b", "a".repeat(length)));
        }
        for text in
            ["ghcr.io/acme/", "localhost:5000/", "v1.34", "latest", "fd00::/8", "10.0.0.0/8", "1h30m", "1e+3", ".5Gi"]
        {
            assert_taken(text);
        }
        let digest = format!("ghcr.io/acme/web:v1@sha256:{}", "a".repeat(64));
        assert_taken(&digest);
        assert_taken("MCowBQYDK2VwAyEA6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=");
    }

    /// Mistakes that an editor can show.
    #[test]
    fn patterns_refuse_what_people_mistype() {
        for (format, text) in [
            ("cidr", "10.0.0.0"),
            ("dns-label", "Web"),
            ("dns-label", "1a"),
            ("dns-name", "preview.acme.dev."),
            ("domain", "https://preview.acme.dev"),
            ("duration-dhms", "48"),
            ("duration-dhms", "1.5h"),
            ("ed25519-public-key", "-----BEGIN PUBLIC KEY-----"),
            ("environment-variable", "MY-NAME"),
            ("file-path", "nginx.conf"),
            ("file-path", "/etc/nginx/"),
            ("flag", ""),
            ("image-digest", "ghcr.io/acme/web:v1"),
            ("image-path", "/"),
            ("image-prefix", "ghcr.io/acme"),
            ("interpolated-path", "healthz"),
            ("label-key", "a b"),
            ("label-value", "the team"),
            ("name-prefix", "-pr"),
            ("percent", "half"),
            ("pod-security-version", "1.34"),
            ("quantity", "512MB"),
            ("quantity", "1gi"),
            ("reference", ""),
            ("relative-path", "/deploy"),
            ("secret-key", "storefront/stripe#"),
            ("url-path", "/api/*"),
            ("absolute-path", "cache"),
            ("web-url", "sso.acme.dev"),
        ] {
            assert!(judged(text).contains(&(format, false, false)), "{format}: {text:?}");
        }
    }
}
