//! Text that may hold expressions, and a path of a web address that may.

use std::ops::Deref;

use super::{Scalar, paths::is_url_path};
use crate::{expression::Interpolated, finding::visible};

impl Scalar for Interpolated {
    const FORMAT: &'static str = "interpolated";
    const EXPECTED: &'static str = "text, in which `${{ … }}` stands for a value; `$${{` for the characters themselves";
    const PATTERN: &'static str = "";

    fn parse(text: &str) -> Result<Self, String> {
        Self::parse(text)
    }
}

impl serde::Serialize for Interpolated {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.source)
    }
}

/// The path of a request, and perhaps a query; expressions may stand in it, and what they come to is looked at too.
#[derive(Clone, Debug, PartialEq)]
pub struct InterpolatedPath(Interpolated);

impl InterpolatedPath {
    /// Says so if a path is none.
    pub fn check(text: &str) -> Result<(), String> {
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let plain = |b: u8| b.is_ascii_graphic() && b != b'#';
        if is_url_path(path) && query.len() <= 1024 && query.bytes().all(plain) {
            Ok(())
        } else {
            Err(format!("`{}` is not allowed here", visible(text)))
        }
    }
}

impl Deref for InterpolatedPath {
    type Target = Interpolated;

    fn deref(&self) -> &Interpolated {
        &self.0
    }
}

impl Scalar for InterpolatedPath {
    const FORMAT: &'static str = "interpolated-path";
    const EXPECTED: &'static str = "a path such as `/healthz`: characters of a web address, no `//`, `.`, `..` or `%2F` in it, and `%` only before what needs it; `${{ … }}` stands for a value";
    const PATTERN: &'static str = r"^/|\$\{\{";

    fn parse(text: &str) -> Result<Self, String> {
        let path = Interpolated::parse(text)?;
        if path.is_constant() {
            Self::check(text)?;
        }
        Ok(Self(path))
    }
}

#[cfg(test)]
mod tests {
    use super::{InterpolatedPath, Scalar as _};

    /// A request's path is no prefix: `/health/` is not `/health`, and Django answers the one only.
    #[test]
    fn a_request_is_for_the_path_that_is_written() {
        for text in ["/", "/healthz", "/health/", "/health/?full=1", "/${{ pr.number }}/"] {
            assert!(InterpolatedPath::parse(text).is_ok(), "{text}");
        }
        for text in ["", "health", "/a//b", "/a/../b", "/a#b", "/a b", "/a?b c"] {
            assert!(InterpolatedPath::parse(text).is_err(), "{text}");
        }
    }
}
