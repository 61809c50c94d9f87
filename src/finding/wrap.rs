//! Lines that fit a terminal.

use std::{borrow::Cow, fmt::Write as _};

use super::window::columns;

/// Below this, wrapping would leave a word a line.
pub(super) const NARROWEST: usize = 40;

/// Text that begins at column `first`, and goes on at column `hang`. Only at spaces, of which none is lost within a line.
pub fn wrapped(text: &str, width: usize, first: usize, hang: usize) -> Cow<'_, str> {
    let width = width.max(NARROWEST);
    if first.saturating_add(columns(text)) <= width {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() * 2);
    let mut at = first;
    for (index, word) in text.split(' ').enumerate() {
        let length = columns(word);
        if index > 0 && at + 1 + length > width {
            let _ = write!(out, "\n{:hang$}", "");
            at = hang;
        } else if index > 0 {
            out.push(' ');
            at += 1;
        }
        out.push_str(word);
        at += length;
    }
    Cow::Owned(out)
}
