//! What the terminal can do.

use std::{ffi::OsString, io::IsTerminal as _};

use clap::ValueEnum as _;

use crate::finding::Style;

/// When to use colour.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set or `TERM` is `dumb`
    Auto,
    Always,
    Never,
}

impl Colour {
    /// What arguments ask for that could not be read as a whole, or that ask for help.
    pub(super) fn asked(args: &[OsString]) -> Self {
        let mut words =
            args.iter().skip(1).map(|word| word.to_str().unwrap_or_default()).take_while(|word| *word != "--");
        let mut asked = Self::Auto;
        while let Some(word) = words.next() {
            let when = match word.strip_prefix("--color") {
                Some("") => words.next(),
                Some(when) => when.strip_prefix('='),
                None => None,
            };
            asked = when.and_then(|when| Self::from_str(when, false).ok()).unwrap_or(asked);
        }
        asked
    }
}

#[derive(Clone, Copy)]
pub(super) enum Stream {
    Out,
    Err,
}

pub(super) fn is_coloured(colour: Colour, stream: Stream) -> bool {
    let is_terminal = || match stream {
        Stream::Out => std::io::stdout().is_terminal(),
        Stream::Err => std::io::stderr().is_terminal(),
    };
    match colour {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => !is_refused(|name| std::env::var_os(name)) && is_terminal(),
    }
}

/// Whether the variables ask for no colour. Source: <https://no-color.org>
fn is_refused(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    variable("NO_COLOR").is_some_and(|value| !value.is_empty()) || variable("TERM").is_some_and(|term| term == "dumb")
}

/// Colour and width for findings. What is no terminal is not wrapped: it would hide words from whoever searches.
pub(super) fn style(colour: Colour, stream: Stream) -> Style {
    let size = match stream {
        Stream::Out => terminal_size::terminal_size_of(std::io::stdout()),
        Stream::Err => terminal_size::terminal_size_of(std::io::stderr()),
    };
    Style { colour: is_coloured(colour, stream), width: size.map_or(usize::MAX, |(width, _)| usize::from(width.0)) }
}

#[cfg(test)]
mod tests {
    use super::is_refused;

    #[test]
    fn variables_that_refuse_colour() {
        for (name, value, refused) in [
            ("NO_COLOR", "1", true),
            ("NO_COLOR", "", false),
            ("TERM", "dumb", true),
            ("TERM", "xterm", false),
            ("X", "1", false),
        ] {
            assert_eq!(is_refused(|asked| (asked == name).then(|| value.into())), refused, "{name}={value}");
        }
    }
}
