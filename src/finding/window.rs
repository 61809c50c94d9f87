//! The part of a long line that people are shown: the one around the place that they are to look at.

use super::is_unseen;

/// What is left and right of a place, harmless for people's eyes, in at most `room` columns together; `…` stands where
/// something was cut.
pub(crate) fn window(left: &str, right: &str, room: usize) -> (String, String) {
    let (before, after) = (Side::of(left, true, room), Side::of(right, false, room));
    let half = room / 2;
    let room_before = if before.columns + after.columns <= room || before.columns <= half {
        before.columns
    } else if after.columns <= half {
        room - after.columns
    } else {
        half
    };
    let (mut start, mut end) = (String::new(), String::new());
    let (kept, is_whole) = before.fitting(room_before);
    if !is_whole {
        start.push('…');
    }
    before.push(&left[left.len() - kept..], &mut start);
    let (kept, is_whole) = after.fitting(room - room_before);
    after.push(&right[..kept], &mut end);
    if !is_whole {
        end.push('…');
    }
    (start, end)
}

/// Columns that text takes on a terminal.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// What is on one side of the place.
struct Side<'t> {
    text: &'t str,
    from_end: bool,
    /// Columns that it takes, as far as it matters: no more than one beyond the room.
    columns: usize,
    /// Whether each of its characters is one byte and one column, as they nearly always are.
    is_plain: bool,
}

impl<'t> Side<'t> {
    fn of(text: &'t str, from_end: bool, room: usize) -> Self {
        let bytes = text.as_bytes();
        let length = bytes.len().min(room + 1);
        let bytes = if from_end { &bytes[bytes.len() - length..] } else { &bytes[..length] };
        let is_plain = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
        let mut side = Self { text, from_end, columns: length, is_plain };
        if !is_plain {
            let mut sum = 0;
            side.each(|c| {
                sum += width_shown(c);
                sum <= room
            });
            side.columns = sum.min(room + 1);
        }
        side
    }

    /// How many bytes fit, with `…` if that is not all of it.
    fn fitting(&self, room: usize) -> (usize, bool) {
        if self.is_plain {
            return if self.columns <= room { (self.columns, true) } else { (room.saturating_sub(1), false) };
        }
        let (mut sum, mut bytes, mut with_mark) = (0, 0, 0);
        self.each(|c| {
            sum += width_shown(c);
            if sum <= room {
                bytes += c.len_utf8();
            }
            if sum < room {
                with_mark = bytes;
            }
            sum <= room
        });
        if sum <= room { (bytes, true) } else { (with_mark, false) }
    }

    /// Goes away from the place for as long as it is asked to.
    fn each(&self, mut more: impl FnMut(char) -> bool) {
        let _ = if self.from_end { self.text.chars().rev().all(&mut more) } else { self.text.chars().all(&mut more) };
    }

    fn push(&self, text: &str, out: &mut String) {
        if self.is_plain {
            return out.push_str(text);
        }
        for c in text.chars() {
            match c {
                '\t' => out.push('→'),
                c if is_unseen(c) => out.extend(c.escape_unicode()),
                c => out.push(c),
            }
        }
    }
}

fn width_shown(c: char) -> usize {
    match c {
        '\t' => 1,
        c if is_unseen(c) => c.escape_unicode().len(),
        c => width(c),
    }
}

/// Source: Unicode TR 11, `EastAsianWidth.txt`, its blocks of wide and full-width characters; and combining marks.
fn width(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}'
        | '\u{1ab0}'..='\u{1aff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{fe20}'..='\u{fe2f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{303e}'
        | '\u{3041}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1f64f}'
        | '\u{1f680}'..='\u{1f6ff}'
        | '\u{1f900}'..='\u{1f9ff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::{columns, window};

    #[test]
    fn what_is_looked_at_is_shown() {
        let (abc, xyz) = ("abcdefghij", "qrstuvwxyz");
        for (left, right, room, expected) in [
            (abc, xyz, 20, ("abcdefghij", "qrstuvwxyz")),
            (abc, xyz, 19, ("…cdefghij", "qrstuvwxyz")),
            (abc, xyz, 10, ("…ghij", "qrst…")),
            ("ab", xyz, 10, ("ab", "qrstuvw…")),
            (abc, "qr", 10, ("…defghij", "qr")),
            (abc, "", 5, ("…ghij", "")),
            ("", "", 5, ("", "")),
            ("\t\u{1b}", "x", 12, ("→\\u{1b}", "x")),
            ("日本語", "日本語", 12, ("日本語", "日本語")),
            ("日本語", "日本語", 8, ("…語", "日…")),
            ("\u{1f600}\u{1f600}", "e\u{301}x", 6, ("\u{1f600}\u{1f600}", "e\u{301}x")),
        ] {
            let (before, after) = window(left, right, room);
            assert_eq!((before.as_str(), after.as_str()), expected, "{left} {right} {room}");
            assert!(columns(&before) + columns(&after) <= room);
        }
    }
}
