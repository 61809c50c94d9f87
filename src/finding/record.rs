//! Records for people: a heading, and below it lines of a key and a text.

use std::{borrow::Cow, fmt::Write as _};

use super::{
    Style,
    text::{BLUE, BOLD, RESET},
    wrapped,
};

/// Columns before a line's text: two, the key, and what fills them up.
const KEY: usize = 13;

/// The same for a terminal: coloured, and wrapped below where a line's text begins. Values of many lines, which are indented deeper than
/// keys, stay as they are.
pub fn record<'t>(text: &'t str, style: &Style) -> Cow<'t, str> {
    if !style.colour && style.width == usize::MAX {
        return Cow::Borrowed(text);
    }
    let [blue, bold, reset] = [BLUE, BOLD, RESET].map(|escape| style.paint(escape));
    let width = style.width;
    let mut out = String::with_capacity(text.len() * 2);
    for line in text.lines() {
        let _ = match line.strip_prefix("  ") {
            None => writeln!(out, "{bold}{}{reset}", wrapped(line, width, 0, 0)),
            Some(keyed) if keyed.starts_with(' ') => writeln!(out, "{line}"),
            Some(keyed) => {
                let (key, rest) = keyed.split_at(keyed.floor_char_boundary(KEY - 2));
                let name = key.trim_end();
                let space = &key[name.len()..];
                writeln!(out, "  {blue}{name}{reset}{space}{}", wrapped(rest, width, KEY, KEY))
            }
        };
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::{Style, record};

    const TEXT: &str = "\
services.web.replicas
  granted    2
  because    the policy asks for  three, and the profile has room for two of them
  value
    a: a text that is longer than what a terminal of forty columns shows
nothing is rendered: 2 errors, see `dayfly check`
";

    #[test]
    fn a_terminal_is_not_left_to_wrap() {
        let expected = "\
services.web.replicas
  granted    2
  because    the policy asks for  three,
             and the profile has room
             for two of them
  value
    a: a text that is longer than what a terminal of forty columns shows
nothing is rendered: 2 errors, see
`dayfly check`
";
        // Narrower, a word a line would be left.
        for width in [40, 1] {
            assert_eq!(record(TEXT, &Style { colour: false, width }), expected);
        }
        assert_eq!(record(TEXT, &Style { colour: false, width: usize::MAX }), TEXT);
    }

    #[test]
    fn colour_is_all_that_colour_adds() {
        let mut coloured = record(TEXT, &Style { colour: true, width: usize::MAX }).into_owned();
        let start = "\x1b[1mservices.web.replicas\x1b[0m\n  \x1b[1;34mgranted\x1b[0m    2\n";
        assert!(coloured.starts_with(start), "{coloured}");
        for code in ["\x1b[1;34m", "\x1b[1m", "\x1b[0m"] {
            coloured = coloured.replace(code, "");
        }
        assert_eq!(coloured, TEXT);
    }
}
