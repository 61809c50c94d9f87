//! Instants as text: RFC 3339 in UTC, to the second, which is what every provider takes.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;

/// `2026-11-22T18:00:00Z`.
pub fn text(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// What [`text`] writes, or the same in another time zone; to the second.
pub fn parse(text: &str) -> anyhow::Result<SystemTime> {
    let seconds = crate::resolve::time::parse(text);
    let time = seconds.map(|seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
    time.with_context(|| format!("`{text}` is no time such as 2026-11-22T18:00:00Z"))
}

/// So long from now, and at most a thousand years: a time has a year of four digits.
pub fn after(seconds: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(seconds.min(1000 * 365 * 86_400))
}

/// How long ago, roughly: `3d`, `5h`, `12m`, `40s`.
pub fn age(time: SystemTime, now: SystemTime) -> String {
    let seconds = now.duration_since(time).unwrap_or_default().as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_time_has_a_zone() {
        let parse = |text| super::parse(text).map(super::text);
        for same in ["2026-11-22T18:00:00Z", "2026-11-22T19:30:00+01:30", "2026-11-22T13:00:00.25-05:00"] {
            assert_eq!(parse(same).unwrap(), "2026-11-22T18:00:00Z");
        }
        for wrong in ["", "2026-11-22", "2026-11-22T18:00:00", "2026-11-22T18:00:00+1:00", "2026-11-22T18:00:00+aa:00"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
