//! Instants as text: RFC 3339 in UTC, to the second, which is what every provider takes.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;

/// `2026-11-22T18:00:00Z`.
pub fn text(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// What [`text`] writes, or the same with another precision or time zone.
pub fn parse(text: &str) -> anyhow::Result<SystemTime> {
    let parsed = match offset(text) {
        Some((instant, is_ahead, seconds)) => humantime::parse_rfc3339(&format!("{instant}Z")).map(|there| {
            let offset = Duration::from_secs(seconds);
            if is_ahead { there - offset } else { there + offset }
        }),
        None => humantime::parse_rfc3339(text),
    };
    parsed.with_context(|| format!("`{text}` is no time such as 2026-11-22T18:00:00Z"))
}

/// The parts of `2026-11-22T19:00:00+01:00`: all but the zone, whether that is ahead of UTC, and by how many seconds.
fn offset(text: &str) -> Option<(&str, bool, u64)> {
    let (instant, zone) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    Some((instant, zone.starts_with('+'), hours.parse::<u64>().ok()? * 3600 + minutes.parse::<u64>().ok()? * 60))
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
