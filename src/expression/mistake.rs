//! What is wrong with the expressions of a text, one by one. A text is gone through again for it, so only where something is wrong.

use std::ops::Range;

use super::{Interpolated, Part, parse};
use crate::finding::{Excerpt, visible};

/// Most mistakes of one text that are told: a megabyte has room for a hundred thousand.
pub const MOST: usize = 5;

/// An expression that is wrong.
#[derive(Debug)]
pub struct Mistake {
    /// Where in the text it is.
    pub excerpt: Excerpt,
    /// What it says, if it can be read.
    pub read: Option<Interpolated>,
    /// The expression, and what is wrong.
    pub message: String,
}

/// The first `most` expressions of a text that cannot be read, or that `evaluate` refuses, and that there are more. None, if each of them
/// by itself is right.
pub fn mistakes(text: &str, most: usize, evaluate: impl Fn(&Interpolated) -> Result<String, String>) -> Vec<Mistake> {
    let mut found = Vec::new();
    let mut computed = 0;
    for range in written(text) {
        let one = &text[range.clone()];
        let read = Interpolated::parse(one);
        let is_path = read.as_ref().is_ok_and(|read| matches!(read.parts(), [Part::Path(_)]));
        computed += usize::from(!is_path);
        if computed > parse::MOST {
            break;
        }
        let Some(error) = read.as_ref().map_or_else(|error| Some(error.clone()), |read| evaluate(read).err()) else {
            continue;
        };
        let is_next = found.len() == most;
        let message = match is_next {
            true => format!("there are more mistakes in this text than these {most}: the next is here"),
            false if error.starts_with("`${{") => error,
            false => format!("`{}`: {error}", visible(&in_a_line(one))),
        };
        found.push(Mistake { excerpt: Excerpt::new(text, range), read: read.ok(), message });
        if is_next {
            break;
        }
    }
    found
}

/// Each expression of a text as it is written there, with its braces; of one that is not closed, all that follows.
pub(crate) fn written(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let start = from + parse::opening(&text[from..])?;
            let is_escaped = text[from..start].ends_with('$');
            from = start + 3;
            if !is_escaped {
                from = parse::closing(&text[from..]).map_or(text.len(), |end| from + end + 2);
                return Some(start..from);
            }
        }
    })
}

/// An expression that goes over lines, as it is quoted.
fn in_a_line(written: &str) -> String {
    if written.contains(['\n', '\r']) {
        written.split_whitespace().collect::<Vec<_>>().join(" ")
    } else {
        written.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{mistakes, parse::MOST, written};

    #[test]
    fn expressions_are_found_as_they_are_written() {
        for (text, expected) in [
            ("a-${{ x }}.${{y|lower}}", vec!["${{ x }}", "${{y|lower}}"]),
            ("$${{ a }} ${{ '}}' ~ b }} c", vec!["${{ '}}' ~ b }}"]),
            ("${{\n  a\n}}", vec!["${{\n  a\n}}"]),
            ("${{ a }} ${{ 'b }} ${{ c", vec!["${{ a }}", "${{ 'b }} ${{ c"]),
            ("plain ${x} {{ y }}", vec![]),
        ] {
            assert_eq!(written(text).map(|range| &text[range]).collect::<Vec<_>>(), expected, "{text}");
        }
    }

    #[test]
    fn each_expression_that_cannot_be_read_is_told() {
        let told = |text: &str, most| {
            let found = mistakes(text, most, |_| Ok(String::new()));
            found.into_iter().map(|mistake| format!("{} {}", mistake.excerpt.at, mistake.message)).collect::<Vec<_>>()
        };
        assert_eq!(
            told("a ${{ b }} ${{ c\n  | uper }} ${{}}${{ x", 5),
            [
                "11 `${{ c | uper }}`: there is no filter `uper`: did you mean `upper`?",
                "29 `${{ }}` says nothing",
                "34 `${{ x` has no closing `}}`; `$${{` is the characters themselves",
            ]
        );
        let next = "12 there are more mistakes in this text than these 2: the next is here";
        assert_eq!(told(&"${{ }}".repeat(1_000), 2)[2..], [next]);
        // The engine is set up for each, so that behind so many nobody looks.
        assert_eq!(told(&"${{ a|lower }}".repeat(200), 5), [""; 0]);
        let behind = |times: usize, text: &str| told(&(text.repeat(times) + "${{}}"), 5).len();
        assert_eq!((behind(MOST - 1, "${{ a|lower }}"), behind(MOST, "${{ a|lower }}")), (1, 0));
        assert_eq!(behind(MOST, "${{ a }}"), 1);
    }
}
