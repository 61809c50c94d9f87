//! Where a command speaks: what was asked for goes to standard output, what there is to say about it to standard error.

use std::io::{self, Write};

use anyhow::Context as _;

use crate::finding::{self, BOLD, Finding, RED, RESET, Style};

use super::{
    ExitCode,
    terminal::{self, Colour, Stream},
};

/// Most bytes of findings beside something else than `dayfly check`: Argo CD keeps all of them in the Application, which must
/// fit into etcd's 1.5 MiB, and people read the first ones.
pub(super) const MOST_REPORTED: usize = 32 << 10;

/// The two streams, and when they are coloured.
pub(super) struct Console<'a> {
    pub(super) colour: Colour,
    pub(super) out: &'a mut dyn Write,
    pub(super) err: &'a mut dyn Write,
}

impl Console<'_> {
    /// How what was asked for may look.
    pub(super) fn style(&self) -> Style {
        terminal::style(self.colour, Stream::Out)
    }

    /// Gives out what was asked for.
    pub(super) fn print(&mut self, text: &str) -> anyhow::Result<ExitCode> {
        to_stdout(self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush()))?;
        Ok(ExitCode::Fine)
    }

    /// Tells people an `error` or a `note` that is no finding.
    pub(super) fn say(&mut self, label: &str, text: &str) -> io::Result<()> {
        let style = terminal::style(self.colour, Stream::Err);
        let (paint, reset) = (style.paint(if label == "error" { RED } else { BOLD }), style.paint(RESET));
        let mut said = String::new();
        for line in text.lines() {
            // Arguments and names of files are in it.
            let line = finding::one_line(line);
            let first = if said.is_empty() { label.len() + ": ".len() } else { 0 };
            said.push_str(&finding::wrapped(&line, style.width, first, 2));
            said.push('\n');
        }
        is_open(write!(self.err, "{paint}{label}{reset}: {said}"))?;
        Ok(())
    }

    /// Says why it could not run.
    pub(super) fn fail(&mut self, error: &anyhow::Error) -> ExitCode {
        let _ = self.say("error", &format!("{error:#}"));
        ExitCode::CannotRun
    }

    /// Shows people what was found.
    pub(super) fn report(&mut self, findings: &[Finding]) -> io::Result<()> {
        self.report_within(MOST_REPORTED, findings)
    }

    /// The same, of at most so many bytes.
    pub(super) fn report_within(&mut self, room: usize, findings: &[Finding]) -> io::Result<()> {
        if !findings.is_empty() {
            let text = finding::beginning(findings, &terminal::style(self.colour, Stream::Err), room);
            is_open(self.err.write_all(text.as_bytes()))?;
        }
        Ok(())
    }
}

/// Whether somebody still reads; the error of a disk that is full says what could not be written.
pub(super) fn to_stdout(written: io::Result<()>) -> anyhow::Result<bool> {
    is_open(written).context("failed to write to standard output")
}

/// Whether somebody still reads. Who has seen enough (`dayfly render … | head`) is no failure, and undoes no finding.
pub(super) fn is_open(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => written.map(|()| true),
    }
}
