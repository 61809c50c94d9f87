//! A rule for people: what stands in the documentation about it.

use std::fmt::Write as _;

use super::{Rule, Style, text::heading, wrapped};

/// The rule as the heading of a finding has it, and its explanation.
pub fn rule(rule: &Rule, style: &Style) -> String {
    let mut out = heading(rule, rule.summary, *style) + "\n\n";
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
