use std::fmt;

use super::Scalar;
use crate::finding::visible;

/// A length of time in whole seconds: `90s`, `15m`, `48h`, `7d`, `2w`, or several of them (`1h30m`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration {
    /// In all.
    pub seconds: u64,
}

impl serde::Serialize for Duration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Scalar for Duration {
    const FORMAT: &'static str = "duration-dhms";
    const EXPECTED: &'static str = "a whole number with a unit: `30s`, `15m`, `48h`, `7d` or `2w`, or several: `1h30m`";
    const PATTERN: &'static str = r"^([0-9]+[smhdw])+$";

    fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text;
        let mut seconds: u64 = 0;
        while !rest.is_empty() || text.is_empty() {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if digits == 0 {
                return Err(meant(text).unwrap_or_else(|| format!("`{}` is no length of time", visible(text))));
            }
            let unit = match rest.as_bytes().get(digits) {
                None => return Err(format!("`{}` has no unit", visible(text))),
                Some(b's') => 1,
                Some(b'm') => 60,
                Some(b'h') => 3600,
                Some(b'd') => 86_400,
                Some(b'w') => 7 * 86_400,
                Some(b'.') => return Err(format!("`{}` holds a fraction", visible(text))),
                Some(_) => {
                    let unit: String = rest[digits..].chars().take_while(|c| !c.is_ascii_digit()).collect();
                    return Err(meant(text).unwrap_or_else(|| format!("`{}` is no unit of time", visible(&unit))));
                }
            };
            seconds = rest[..digits]
                .parse::<u64>()
                .ok()
                .and_then(|count| count.checked_mul(unit)?.checked_add(seconds))
                .filter(|total| *total <= 10 * 366 * 86_400)
                .ok_or_else(|| format!("`{}` is longer than ten years", visible(text)))?;
            rest = &rest[digits + 1..];
        }
        if seconds == 0 {
            return Err(format!("`{}` is no time at all", visible(text)));
        }
        Ok(Self { seconds })
    }
}

/// How a number with a unit as people say it is written; nothing for `M`, which may be a month.
fn meant(text: &str) -> Option<String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = &text[..text.len() - unit.len()];
    let letter = match unit.trim().to_ascii_lowercase().as_str() {
        "s" | "sec" | "secs" | "second" | "seconds" => 's',
        "min" | "mins" | "minute" | "minutes" => 'm',
        "h" | "hr" | "hrs" | "hour" | "hours" => 'h',
        "d" | "day" | "days" => 'd',
        "w" | "wk" | "week" | "weeks" => 'w',
        _ => return None,
    };
    (!number.is_empty()).then(|| format!("`{}` is written `{}{letter}`", visible(text), visible(number)))
}

impl Duration {
    /// As Go prints a duration, and so as controllers write it back: `1h0m0s`.
    pub fn go(self) -> String {
        let (hours, minutes, seconds) = (self.seconds / 3600, self.seconds / 60 % 60, self.seconds % 60);
        match (hours, minutes) {
            (0, 0) => format!("{seconds}s"),
            (0, _) => format!("{minutes}m{seconds}s"),
            _ => format!("{hours}h{minutes}m{seconds}s"),
        }
    }

    /// As people write long times: `7d`, but `48h`.
    pub fn in_days(self) -> String {
        match (self.seconds / 86_400, self.seconds % 86_400) {
            (days @ 3.., 0) => format!("{days}d"),
            _ => self.to_string(),
        }
    }
}

/// The shortest way to say it without days, whose length people argue about: `48h`, `1h30m`.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, unit) in [(self.seconds / 3600, 'h'), (self.seconds / 60 % 60, 'm'), (self.seconds % 60, 's')] {
            if count > 0 {
                write!(f, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Scalar};

    #[test]
    fn reads_units_and_refuses_what_has_none() {
        for (text, seconds) in [("30s", 30), ("15m", 900), ("48h", 172_800), ("7d", 604_800), ("1h30m", 5400)] {
            assert_eq!(Duration::parse(text), Ok(Duration { seconds }), "{text}");
        }
        for text in ["", "48", "48H", "h", "1.5h", "-1h", "0s", "99999999999999999999h", "9999w", "1h 30m"] {
            assert!(Duration::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_people_say_is_told_as_it_is_written() {
        for (text, said) in [
            ("2 days", "`2 days` is written `2d`"),
            ("48H", "`48H` is written `48h`"),
            ("30 S", "`30 S` is written `30s`"),
            ("10min", "`10min` is written `10m`"),
            ("1Week", "`1Week` is written `1w`"),
            ("1.5h", "`1.5h` holds a fraction"),
            ("2M", "`M` is no unit of time"),
            ("2 months", "` months` is no unit of time"),
            ("1h 30m", "`1h 30m` is no length of time"),
            ("1h30 min", "` min` is no unit of time"),
        ] {
            assert_eq!(Duration::parse(text), Err(said.to_owned()), "{text}");
        }
    }

    #[test]
    fn prints_as_go_and_as_people_do() {
        let time = Duration { seconds: 5400 };
        assert_eq!((time.go().as_str(), time.to_string().as_str()), ("1h30m0s", "1h30m"));
        for (text, days) in [("7d", "7d"), ("168h", "7d"), ("48h", "48h"), ("73h", "73h")] {
            assert_eq!(Duration::parse(text).map(Duration::in_days).as_deref(), Ok(days));
        }
    }
}
