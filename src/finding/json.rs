//! Findings for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::{Finding, Location, is_deceptive};

#[derive(Serialize)]
struct Entry<'a> {
    code: &'a str,
    severity: &'a str,
    owner: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    help: Option<&'a str>,
    /// Always there; empty if the finding has no place.
    location: Location,
}

/// A JSON array, laid out for people.
pub fn json(findings: &[Finding]) -> String {
    let entries: Vec<Entry<'_>> = findings
        .iter()
        .map(|finding| Entry {
            code: finding.rule.code,
            severity: finding.rule.severity.name(),
            owner: finding.owner.name(),
            message: &finding.message,
            help: finding.help.as_deref(),
            location: finding.location(),
        })
        .collect();
    pretty(&entries)
}

/// JSON laid out for people, with a line break at its end, as files and terminals want it, and nothing that a terminal or a reader's
/// eye obeys.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default(); // strings and numbers cannot fail
    text.push('\n');
    // Only strings have such characters, and C0 controls are escaped already.
    let is_raw = |c: char| c > '~' && is_deceptive(c);
    if !text.contains(is_raw) {
        return text;
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_raw(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::{super::text::tests::examples, json, pretty};

    #[test]
    fn terminals_and_eyes_are_not_deceived() {
        let raw = "ä\u{1b}\u{7f}\u{9b}\u{202e}\u{200b}🚀\u{e0001}";
        assert_eq!(pretty(&raw), "\"ä\\u001b\\u007f\\u009b\\u202e\\u200b🚀\\udb40\\udc01\"\n");
        assert_eq!(serde_json::from_str::<String>(&pretty(&raw)).expect("JSON"), raw);
    }

    #[test]
    fn programs_get_every_part() {
        let expected = r#"[
  {
    "code": "unknown-field",
    "severity": "error",
    "owner": "team",
    "message": "there is no field `servcies`, 100%: no",
    "help": "did you mean `services`? The fields of a policy are listed in the documentation, and by `dayfly schema`",
    "location": {
      "file": "a b/preview.yaml",
      "line": 12,
      "column": 3,
      "source": "  servcies:",
      "pointer": "/spec"
    }
  },
  {
    "code": "ttl-clamped",
    "severity": "warning",
    "owner": "pull-request",
    "message": "asked for 9d, allowed are 3d",
    "location": {
      "object": "Deployment/web",
      "pointer": "/spec/replicas"
    }
  }
]
"#;
        assert_eq!(json(&examples()[..2]), expected);
        assert_eq!(json(&[]), "[]\n");
    }
}
