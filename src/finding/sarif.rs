//! Findings as SARIF 2.1.0, for code scanning
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>).

use std::{borrow::Cow, fmt::Write};

use serde::Serialize;

use super::{Finding, Location, Owner, Rule, Severity, json::pretty, text};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

#[derive(Serialize)]
struct Log<'a> {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: [Run<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run<'a> {
    tool: Tool,
    /// As [`Location`] counts them.
    column_kind: &'static str,
    results: Vec<Outcome<'a>>,
}

#[derive(Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    version: &'static str,
    information_uri: &'static str,
    rules: Vec<Descriptor>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    id: &'static str,
    short_description: Message<'static>,
    help: Help,
    default_configuration: Configuration,
}

#[derive(Serialize)]
struct Help {
    text: &'static str,
    markdown: &'static str,
}

#[derive(Serialize)]
struct Configuration {
    level: Severity,
}

#[derive(Serialize)]
struct Message<'a> {
    text: Cow<'a, str>,
}

/// What SARIF calls a result.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Outcome<'a> {
    rule_id: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule_index: Option<usize>,
    level: Severity,
    message: Message<'a>,
    locations: [Place; 1],
    properties: Properties,
}

#[derive(Serialize)]
struct Properties {
    owner: Owner,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    physical_location: Physical,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    logical_locations: Vec<Logical>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    start_column: Option<u32>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Logical {
    name: String,
    fully_qualified_name: String,
    kind: &'static str,
}

/// The log of one run. `rules` are all there are, found or not: viewers show what was checked. `file` is shown for what stands in none:
/// code scanning refuses a whole log for one result without a file and a line.
pub fn sarif<'f>(findings: &[Finding], rules: &[&'static Rule], file: impl Fn(Owner) -> &'f str) -> String {
    let driver = Driver {
        name: "dayfly",
        version: env!("CARGO_PKG_VERSION"),
        information_uri: env!("CARGO_PKG_REPOSITORY"),
        rules: rules.iter().map(|rule| descriptor(rule)).collect(),
    };
    let results = findings.iter().map(|finding| outcome(finding, rules, file(finding.owner))).collect();
    let run = Run { tool: Tool { driver }, column_kind: "unicodeCodePoints", results };
    pretty(&Log { schema: SCHEMA, version: "2.1.0", runs: [run] })
}

fn descriptor(rule: &Rule) -> Descriptor {
    Descriptor {
        id: rule.code,
        short_description: Message { text: rule.summary.into() },
        help: Help { text: rule.explanation, markdown: rule.explanation },
        default_configuration: Configuration { level: rule.severity },
    }
}

fn outcome<'a>(finding: &'a Finding, rules: &[&'static Rule], file: &str) -> Outcome<'a> {
    let location = finding.location();
    let mut message = Cow::from(&finding.message);
    // An object is a logical location; of an argument, nothing else tells.
    if location.argument.is_some() {
        message = format!("{message} ({})", text::place(&location)).into();
    }
    if let Some(help) = &finding.help {
        message = format!("{message}\n{help}").into();
    }
    Outcome {
        rule_id: finding.rule.code,
        rule_index: rules.iter().position(|rule| *rule == finding.rule),
        level: finding.rule.severity,
        message: Message { text: message },
        locations: [place(location, file)],
        properties: Properties { owner: finding.owner },
    }
}

fn place(location: Location, file: &str) -> Place {
    let start_line = location.line.filter(|line| *line > 0);
    let region = Region {
        start_line: start_line.unwrap_or(1),
        start_column: location.column.filter(|column| *column > 0 && start_line.is_some()),
    };
    let artifact_location = Artifact { uri: uri(location.file.as_deref().unwrap_or(file)) };
    let logical_locations = location.object.into_iter().map(|name| {
        let fully_qualified_name = format!("{name}{}", location.pointer.as_deref().unwrap_or_default());
        Logical { name, fully_qualified_name, kind: "object" }
    });
    Place { physical_location: Physical { artifact_location, region }, logical_locations: logical_locations.collect() }
}

/// A path as a URI reference (RFC 3986): relative stays relative, and a colon must not make it a scheme.
fn uri(path: &str) -> String {
    let mut uri = String::from(if path.starts_with('/') { "file://" } else { "" });
    for byte in path.strip_prefix("./").unwrap_or(path).bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'.' | b'_' | b'~') {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}"); // a String takes everything
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::{
        super::text::tests::{CLAMPED, UNKNOWN, examples},
        sarif, uri,
    };

    #[test]
    fn scanners_get_rules_and_places() {
        let log: serde_json::Value =
            serde_json::from_str(&sarif(&examples(), &[&CLAMPED, &UNKNOWN], |_| "preview.yaml")).unwrap();
        assert_eq!(log["version"], "2.1.0");
        let run = &log["runs"][0];
        assert_eq!(run["tool"]["driver"]["rules"][1]["id"], "unknown-field");
        assert_eq!(run["tool"]["driver"]["rules"][1]["defaultConfiguration"]["level"], "error");
        let [first, second, third] = [0, 1, 2].map(|index| &run["results"][index]);
        assert_eq!((&first["ruleId"], &first["ruleIndex"]), (&"unknown-field".into(), &1.into()));
        let expected = serde_json::json!([{"physicalLocation": {
            "artifactLocation": {"uri": "a%20b/preview.yaml"},
            "region": {"startLine": 12, "startColumn": 3},
        }}]);
        assert_eq!(first["locations"], expected);
        assert_eq!(first["properties"]["owner"], "team");
        assert_eq!(second["level"], "warning");
        let somewhere = serde_json::json!({"artifactLocation": {"uri": "preview.yaml"}, "region": {"startLine": 1}});
        let expected = serde_json::json!([{"physicalLocation": somewhere, "logicalLocations": [{
            "name": "Deployment/web", "fullyQualifiedName": "Deployment/web/spec/replicas", "kind": "object",
        }]}]);
        assert_eq!(second["locations"], expected);
        assert_eq!(third["locations"], serde_json::json!([{"physicalLocation": somewhere}]));
    }

    #[test]
    fn a_rule_that_is_not_listed_has_no_index() {
        let log: serde_json::Value = serde_json::from_str(&sarif(&examples()[..1], &[], |_| "")).unwrap();
        assert!(log["runs"][0]["results"][0].get("ruleIndex").is_none());
    }

    #[test]
    fn paths_are_uris() {
        assert_eq!(uri("./a b/ü:%?#.yaml"), "a%20b/%C3%BC%3A%25%3F%23.yaml");
        assert_eq!(uri("/etc/dayfly/guardrails.yaml"), "file:///etc/dayfly/guardrails.yaml");
        assert_eq!(uri("../x.yaml"), "../x.yaml");
    }
}
