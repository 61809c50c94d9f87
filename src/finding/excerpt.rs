//! A part of a text, before anybody looked up where in the file that is.

use std::ops::Range;

/// A part of a text of a file. Quotes, escapes and line breaks make places in a file others than in the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// As it is read.
    pub text: String,
    /// Bytes of the text before it.
    pub at: usize,
    /// How often its first two bytes stand before it.
    before: usize,
}

impl Excerpt {
    /// The part of `text` that `range` is.
    pub fn new(text: &str, range: Range<usize>) -> Self {
        let (at, part) = (range.start, &text[range]);
        let before = pairs(&text.as_bytes()[..at], part.as_bytes()).count();
        Self { text: part.to_owned(), at, before }
    }

    /// Where it is in lines of a file, of which the first begins with the whole text: the line's index, and bytes of that. `None`: it is
    /// not written there as it is read.
    pub(crate) fn find<'l>(&self, lines: impl Iterator<Item = &'l str> + Clone) -> Option<(usize, usize)> {
        // Indentation and escapes make a text longer, not without end: behind its end, another one may have the same.
        let mut room = ROOM + LONGER * self.at;
        let mut before = self.before;
        let mut rest = lines;
        for index in 0.. {
            let line = rest.next()?;
            for at in pairs(line.as_bytes().get(..room).unwrap_or(line.as_bytes()), self.text.as_bytes()) {
                if before > 0 {
                    before -= 1;
                    continue;
                }
                let written = line.get(at..)?.chars().chain(rest.flat_map(str::chars));
                return self.is_written(written).then_some((index, at));
            }
            room = room.checked_sub(line.len() + 1)?;
        }
        None
    }

    /// Whether a file has this text, whatever was done to lines and quotes.
    fn is_written(&self, file: impl Iterator<Item = char>) -> bool {
        let counts = |c: &char| !c.is_whitespace() && !matches!(c, '\\' | '"' | '\'');
        let mut file = file.take(ROOM).filter(counts);
        self.text.chars().take(COMPARED).filter(counts).all(|c| file.next() == Some(c))
    }
}

/// How much longer than the text itself its source may be.
const LONGER: usize = 16;
const ROOM: usize = 2_000;

/// Characters that are compared.
const COMPARED: usize = 200;

/// Where the first two bytes of `part` stand in `text`.
fn pairs(text: &[u8], part: &[u8]) -> impl Iterator<Item = usize> {
    let first = part.first_chunk::<2>().copied();
    text.windows(2)
        .enumerate()
        .filter(move |(_, pair)| Some(*pair) == first.as_ref().map(<[u8; 2]>::as_slice))
        .map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::Excerpt;

    #[test]
    fn a_part_is_found_where_it_is_written() {
        for (text, part, lines, expected) in [
            ("x ${{ a }}", "${{ a }}", "x ${{ a }}", Some((0, 2))),
            ("${{ a }}${{ b }}", "${{ b }}", "\"${{ a }}${{ b }}\"", Some((0, 9))),
            // Of equal ones, its own; of one that is only text, none.
            ("${{ a }} ${{ a }}", "${{ a }}", "${{ a }} ${{ a }}", Some((0, 0))),
            ("$${{ a }} ${{ b }}", "${{ b }}", "'$${{ a }} ${{ b }}'", Some((0, 11))),
            ("x\n${{ a }}\n", "${{ a }}", "|\n  x\n  ${{ a }}\n", Some((2, 2))),
            // Folded, within the expression too.
            ("x ${{ a }} y", "${{ a }}", "\"x\n   ${{\n a }} y\"", Some((1, 3))),
            ("${{ 'a' ~ \"b\" }}", "${{ 'a' ~ \"b\" }}", "'${{ ''a'' ~ \"b\" }}'", Some((0, 1))),
            ("${{ 'a' ~ \"b\" }}", "${{ 'a' ~ \"b\" }}", "\"${{ 'a' ~ \\\"b\\\" }}\"", Some((0, 1))),
            ("{{ a }}", "{{ a }}", "\"{{ a }}\"", Some((0, 1))),
            ("${{ b }} {{ a }}", "{{ a }}", "${{ b }} {{ a }}", Some((0, 9))),
            // Written otherwise.
            ("${{ a }}", "${{ a }}", "\"\\x24{{ a }}\"", None),
            ("${{ ä }}", "${{ ä }}", "\"${{ \\u00e4 }}\"", None),
        ] {
            let at = text.find(part).expect("a part");
            let excerpt = Excerpt::new(text, at..at + part.len());
            assert_eq!(excerpt.find(lines.lines()), expected, "{lines}");
        }
        let far = format!("\"\\x24{{{{ a }}}}\"\n{}x: ${{{{ a }}}}", "\n".repeat(3_000));
        assert_eq!(Excerpt::new("${{ a }}", 0..8).find(far.lines()), None, "another text's");
    }
}
