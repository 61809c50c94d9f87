//! What the terminal can do.

use std::{ffi::OsString, io::IsTerminal as _};

use crate::finding::Style;

/// When to use colour.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Colour {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    Always,
    Never,
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
