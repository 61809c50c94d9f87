//! Findings as GitHub's workflow commands, which become annotations of a pull request's files.

use std::fmt::Write;

use super::{Finding, is_deceptive, text::place};

/// One command a line. Source of the escapes: `actions/toolkit`, `packages/core/src/command.ts`.
pub fn github(findings: &[Finding]) -> String {
    let mut out = String::new();
    for finding in findings {
        let location = finding.location();
        let _ = write!(out, "::{} ", finding.rule.severity.name());
        if let Some(file) = &location.file {
            // A name is never shortened, but whoever reads the log must not be deceived by it.
            let file: String = property(file).chars().filter(|c| !is_deceptive(*c)).collect();
            let _ = write!(out, "file={file},");
            if let Some(line) = location.line {
                let _ = write!(out, "line={line},");
                if let Some(column) = location.column {
                    let _ = write!(out, "col={column},");
                }
            }
        }
        let mut message = finding.message.clone();
        let place = place(&location);
        if location.file.is_none() && !place.is_empty() {
            let _ = write!(message, " ({place})");
        }
        if let Some(help) = &finding.help {
            let _ = write!(message, "\n{help}");
        }
        let _ = writeln!(out, "title={}::{}", property(finding.rule.code), data(&message));
    }
    out
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::{super::text::tests::examples, github, property};

    #[test]
    fn annotations_stand_at_their_lines() {
        let expected = "\
::error file=a b/preview.yaml,line=12,col=3,title=unknown-field::there is no field `servcies`, 100%25: no%0Adid you mean \
`services`? The fields of a policy are listed in the documentation, and by `dayfly schema`
::warning title=ttl-clamped::asked for 9d, allowed are 3d (Deployment/web /spec/replicas)
::warning title=ttl-clamped::nowhere
";
        assert_eq!(github(&examples()), expected);
        assert_eq!(property("a:b,c%\r\n"), "a%3Ab%2Cc%25%0D%0A");
    }
}
