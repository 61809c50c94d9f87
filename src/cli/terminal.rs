//! What the terminal can do.

use std::io::IsTerminal as _;

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
        Colour::Auto => {
            let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
                || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            !refused && is_terminal()
        }
    }
}

/// Colour and width for findings. What is no terminal is not wrapped: it would hide words from whoever searches.
pub(super) fn style(colour: Colour, stream: Stream) -> Style {
    let size = match stream {
        Stream::Out => terminal_size::terminal_size_of(std::io::stdout()),
        Stream::Err => terminal_size::terminal_size_of(std::io::stderr()),
    };
    Style { colour: is_coloured(colour, stream), width: size.map_or(usize::MAX, |(width, _)| usize::from(width.0)) }
}
