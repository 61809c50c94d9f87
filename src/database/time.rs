//! Instants as text: RFC 3339 in UTC, to the second, which is what every provider takes.

use std::time::{Duration, SystemTime};

use anyhow::Context as _;

/// `2026-11-22T18:00:00Z`.
pub fn text(time: SystemTime) -> String {
    humantime::format_rfc3339_seconds(time).to_string()
}

/// What [`text`] writes, or the same with another precision.
pub fn parse(text: &str) -> anyhow::Result<SystemTime> {
    humantime::parse_rfc3339(text).with_context(|| format!("`{text}` is no time such as 2026-11-22T18:00:00Z"))
}

/// So long from now.
pub fn after(seconds: u64) -> SystemTime {
    SystemTime::now() + Duration::from_secs(seconds)
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
