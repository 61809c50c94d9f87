//! The words of a text, as the items of a list.

/// Signs that an item has only in quotes, or that are a shell's.
const SIGNS: &str = "\"'`$|&;<>(){}[]#:=*!%@\\";

/// Most bytes of a text that is written out as a list.
const LONGEST: usize = 60;

/// What stands between blanks and commas. None if that is nothing, of a long text, and of one with signs that items have only in quotes or
/// that are a shell's.
pub(crate) fn words(text: &str) -> Option<Vec<&str>> {
    if text.len() > LONGEST || text.contains(|c| SIGNS.contains(c)) {
        return None;
    }
    let is_between = |c: char| c == ',' || c.is_whitespace();
    let words: Vec<&str> = text.split(is_between).filter(|word| !word.is_empty()).collect();
    (!words.is_empty()).then_some(words)
}
