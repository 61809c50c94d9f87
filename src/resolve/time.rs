//! Moments as text (RFC 3339), and as seconds since 1970.

use std::time::{Duration, UNIX_EPOCH};

/// In UTC.
pub fn text(seconds: u64) -> String {
    humantime::format_rfc3339_seconds(UNIX_EPOCH + Duration::from_secs(seconds)).to_string()
}

/// Of a time in UTC, or in another place of the world.
pub fn parse(text: &str) -> Option<u64> {
    let (local, zone) = text.split_at_checked(text.len().checked_sub("+00:00".len())?)?;
    let ahead = ahead(zone);
    let utc = if ahead.is_some() { format!("{local}Z") } else { text.to_owned() };
    // humantime reads no further than the first `Z`.
    if utc.find('Z')? != utc.len() - 1 {
        return None;
    }
    let seconds = humantime::parse_rfc3339(&utc).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs();
    seconds.checked_add_signed(-ahead.unwrap_or_default())
}

/// By how many seconds a zone such as `+01:00` is ahead of UTC.
fn ahead(zone: &str) -> Option<i64> {
    let (hours, minutes) = zone.strip_prefix(['+', '-'])?.split_once(':')?;
    let number = |text: &str, most: i64| -> Option<i64> {
        let is_plain = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| is_plain && *number <= most)
    };
    let seconds = number(hours, 23)? * 3600 + number(minutes, 59)? * 60;
    Some(if zone.starts_with('-') { -seconds } else { seconds })
}

#[cfg(test)]
mod tests {
    use super::{parse, text};

    #[test]
    fn times_of_all_places() {
        let utc = parse("2026-11-20T09:30:00Z");
        assert_eq!(utc.map(text).as_deref(), Some("2026-11-20T09:30:00Z"));
        for same in [
            "2026-11-20T09:30:00+00:00",
            "2026-11-20T09:30:00-00:00",
            "2026-11-20T11:30:00+02:00",
            "2026-11-20T04:00:00-05:30",
            "2026-11-21T00:30:00.25+15:00",
        ] {
            assert_eq!(parse(same), utc, "{same}");
        }
        for none in [
            "",
            "Z",
            "+02:00",
            "2026-11-20T09:30:00",
            "2026-11-20T09:30:00+24:00",
            "2026-11-20T09:30:00+0200",
            "1970-01-01T00:00:00+01:00",
            "20é26+02:00",
            "2026-11-20T09:30:00++2:00",
            "2026-11-20T09:30:00+2:000",
            "2026-11-20T09:30:00Z+02:00",
            "2026-11-20T09:30:00Z or so, Z",
        ] {
            assert_eq!(parse(none), None, "{none}");
        }
    }
}
