//! A part of a whole.

use super::Scalar;

/// From 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(u8);

impl Percent {
    /// A whole number of hundredths.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl serde::Serialize for Percent {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.0)
    }
}

impl Scalar for Percent {
    const FORMAT: &'static str = "percent";
    const EXPECTED: &'static str = "a whole number from 1 to 100, such as `50` or `50%`";
    const PATTERN: &'static str = r"^[0-9]+%?$";
    const NUMBERS: bool = true;

    fn parse(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix('%').unwrap_or(text);
        let is_plain = number.bytes().all(|b| b.is_ascii_digit());
        let percent = number.parse().ok().filter(|percent| is_plain && (1..=100).contains(percent));
        percent.map(Self).ok_or_else(|| format!("`{}` is no such part of a whole", crate::finding::visible(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Percent, Scalar as _};

    #[test]
    fn from_one_to_a_hundred() {
        for (text, expected) in [
            ("1", Some(1)),
            ("50%", Some(50)),
            ("100", Some(100)),
            ("0", None),
            ("101", None),
            ("+5", None),
            ("5 %", None),
            ("", None),
        ] {
            assert_eq!(Percent::parse(text).ok().map(Percent::get), expected, "{text:?}");
        }
    }
}
