//! A rule for people: what stands in the documentation about it.

use std::fmt::Write as _;

use super::{
    Rule, Severity, Style,
    text::{BOLD, RED, RESET, YELLOW},
    window::columns,
    wrapped,
};

/// The rule as the heading of a finding has it, and its explanation.
pub fn rule(rule: &Rule, style: &Style) -> String {
    let paint = |colour: &'static str| if style.colour { colour } else { "" };
    let (bold, reset) = (paint(BOLD), paint(RESET));
    let (colour, severity) = match rule.severity {
        Severity::Error => (paint(RED), "error"),
        Severity::Warning => (paint(YELLOW), "warning"),
    };
    let head = format!("{severity}[{}]", rule.code);
    let summary = format!(": {}", rule.summary);
    let summary = wrapped(&summary, style.width, columns(&head), 2);
    let mut out = format!("{colour}{head}{reset}{bold}{summary}{reset}\n\n");
    let mut is_code = false;
    for line in rule.explanation.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
        } else if is_code {
            let _ = writeln!(out, "    {line}");
        } else {
            let _ = writeln!(out, "{}", wrapped(line, style.width, 0, 0));
        }
    }
    out
}
