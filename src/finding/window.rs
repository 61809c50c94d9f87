//! The part of a long line that people are shown: the one around the place that they are to look at.

use super::is_deceptive;

/// What is left and right of a place, harmless for people's eyes, in at most `room` columns together; `…` stands where
/// something was cut.
pub(crate) fn window(left: &str, right: &str, room: usize) -> (String, String) {
    let (before, after) = (needed(left, true, room), needed(right, false, room));
    let half = room / 2;
    let before = if before + after <= room || before <= half {
        before
    } else if after <= half {
        room - after
    } else {
        half
    };
    let (kept, is_whole) = fitting(left, true, before);
    let mut start = String::from(if is_whole { "" } else { "…" });
    push_harmless(&mut start, &left[left.len() - kept..]);
    let (kept, is_whole) = fitting(right, false, room - before);
    let mut end = String::new();
    push_harmless(&mut end, &right[..kept]);
    if !is_whole {
        end.push('…');
    }
    (start, end)
}

/// Columns that text takes on a terminal.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

/// Columns that text takes, as far as it matters: no more than one beyond the room.
fn needed(text: &str, from_end: bool, room: usize) -> usize {
    plain(text, from_end, room).unwrap_or_else(|| {
        let mut sum = 0;
        each(text, from_end, |c| {
            sum += width_shown(c);
            sum <= room
        });
        sum.min(room + 1)
    })
}

/// How many bytes of a text fit, with `…` if that is not all of it.
fn fitting(text: &str, from_end: bool, room: usize) -> (usize, bool) {
    if let Some(length) = plain(text, from_end, room) {
        return if length <= room { (length, true) } else { (room.saturating_sub(1), false) };
    }
    let (mut sum, mut bytes, mut with_mark) = (0, 0, 0);
    each(text, from_end, |c| {
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

/// The length of what matters of a text, if all of it is one byte and one column a character: nearly always.
fn plain(text: &str, from_end: bool, room: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let length = bytes.len().min(room + 1);
    let bytes = if from_end { &bytes[bytes.len() - length..] } else { &bytes[..length] };
    bytes.iter().all(|byte| matches!(byte, b' '..=b'~')).then_some(length)
}

/// Goes through a text for as long as it is asked to.
fn each(text: &str, from_end: bool, mut more: impl FnMut(char) -> bool) {
    let _ = if from_end { text.chars().rev().all(&mut more) } else { text.chars().all(&mut more) };
}

fn push_harmless(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '\t' => out.push(' '),
            c if is_deceptive(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
}

fn width_shown(c: char) -> usize {
    match c {
        '\t' => 1,
        c if is_deceptive(c) => c.escape_unicode().len(),
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
            ("\t\u{1b}", "x", 12, (" \\u{1b}", "x")),
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
