//! Reads a template's code, as [`super::code`] writes it.

use crate::yaml::Mark;

use super::{Template, code::DIGITS};

/// What is still to be read of a template's code ([`super::code`] says how that is written).
#[derive(Clone, Copy)]
pub(super) struct Code(&'static str);

impl Code {
    pub(super) fn of(template: &Template) -> Self {
        Self(template.code)
    }

    fn take(&mut self, size: usize) -> &'static str {
        let (taken, rest) = self.0.split_at(size);
        self.0 = rest;
        taken
    }

    pub(super) fn character(&mut self) -> u8 {
        self.take(1).as_bytes()[0]
    }

    pub(super) fn number(&mut self) -> usize {
        self.take(DIGITS).bytes().fold(0, |number, digit| number << 7 | usize::from(digit))
    }

    pub(super) fn mark(&mut self) -> Mark {
        let [line, column] = [self.number(), self.number()].map(|number| u32::try_from(number).unwrap_or_default());
        Mark { line, column }
    }

    pub(super) fn text(&mut self) -> &'static str {
        let length = self.number();
        self.take(length)
    }

    pub(super) fn skip_mark(&mut self) {
        self.take(2 * DIGITS);
    }

    /// A map, without its length; this moves behind it.
    pub(super) fn inside(&mut self) -> Self {
        Self(self.text())
    }

    /// Moves behind an expression and the text around it.
    fn skip_parts(&mut self) -> &'static str {
        self.skip_mark();
        for _ in 0..self.number() {
            self.character();
            self.text();
        }
        ""
    }

    /// Moves behind a value; text is given back.
    fn skip(&mut self) -> &'static str {
        match self.character() {
            b's' | b'i' | b'm' => return self.text(),
            b'e' => return self.skip_parts(),
            b'l' => {
                for _ in 0..self.number() {
                    self.skip();
                }
            }
            _ => {}
        }
        ""
    }

    /// The names of a path; this moves behind them.
    pub(super) fn names(&mut self) -> impl Iterator<Item = &'static str> + Clone + use<> {
        let mut names = self.inside();
        (0..names.number()).map(move |_| names.text())
    }
}

/// The kinds of the objects that a template yields; nothing of one that an expression names.
pub fn kinds(template: &Template) -> Vec<Option<&'static str>> {
    let mut code = Code::of(template);
    let documents = code.number();
    (0..documents)
        .filter_map(|_| {
            code.character();
            let mut map = code.inside();
            if map.character() == b'r' {
                map.skip_mark();
                map.text();
                map.text();
            }
            if map.character() == b'w' {
                map.skip_parts();
            }
            (0..map.number()).find_map(|_| {
                let key = map.character();
                let key = if key == b's' { map.text() } else { map.skip_parts() };
                let is_text = map.0.starts_with('s');
                let value = map.skip();
                (key == "kind").then_some(is_text.then_some(value))
            })
        })
        .collect()
}
