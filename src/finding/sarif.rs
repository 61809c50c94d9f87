//! Findings as SARIF 2.1.0, for code scanning
//! (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>).

use std::fmt::Write;

use super::{Finding, Location, Owner, Rule, json::pretty, text};
use crate::value::{Map, Value, to_value};

const SCHEMA: &str = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// The log of one run. `rules` are all there are, found or not: viewers show what was checked. `file` is shown for what stands in none:
/// code scanning refuses a whole log for one result without a file and a line.
pub fn sarif<'f>(findings: &[Finding], rules: &[&'static Rule], file: impl Fn(Owner) -> &'f str) -> String {
    let driver = Value::map([
        ("name", "dayfly".into()),
        ("version", env!("CARGO_PKG_VERSION").into()),
        ("informationUri", env!("CARGO_PKG_REPOSITORY").into()),
        ("rules", Value::list(rules.iter().map(|rule| descriptor(rule)))),
    ]);
    let run = Value::map([
        ("tool", Value::map([("driver", driver)])),
        // As `Location` counts them.
        ("columnKind", "unicodeCodePoints".into()),
        ("results", Value::list(findings.iter().map(|finding| result(finding, rules, file(finding.owner))))),
    ]);
    pretty(&Value::map([("$schema", SCHEMA.into()), ("version", "2.1.0".into()), ("runs", Value::list([run]))]))
}

fn descriptor(rule: &Rule) -> Value {
    Value::map([
        ("id", rule.code.into()),
        ("shortDescription", Value::map([("text", rule.summary.into())])),
        ("help", Value::map([("text", rule.explanation.into()), ("markdown", rule.explanation.into())])),
        ("defaultConfiguration", Value::map([("level", rule.severity.name().into())])),
    ])
}

fn result(finding: &Finding, rules: &[&'static Rule], file: &str) -> Value {
    let location = finding.location();
    let mut message = finding.message.clone();
    // An object is a logical location; of an argument, nothing else tells.
    if location.argument.is_some() {
        let _ = write!(message, " ({})", text::place(&location));
    }
    if let Some(help) = &finding.help {
        let _ = write!(message, "\n{help}");
    }
    let mut result = Map::default();
    result.push("ruleId", finding.rule.code.into());
    if let Some(index) = rules.iter().position(|rule| *rule == finding.rule) {
        result.push("ruleIndex", to_value(&index));
    }
    result.push("level", finding.rule.severity.name().into());
    result.push("message", Value::map([("text", Value::string(message))]));
    result.push("locations", Value::list([place(&location, file)]));
    result.push("properties", Value::map([("owner", finding.owner.name().into())]));
    Value::Map(result)
}

fn place(location: &Location, file: &str) -> Value {
    let line = location.line.filter(|line| *line > 0);
    let mut region = Map::default();
    region.push("startLine", to_value(&line.unwrap_or(1)));
    if let Some(column) = location.column.filter(|column| *column > 0 && line.is_some()) {
        region.push("startColumn", to_value(&column));
    }
    let uri = Value::string(uri(location.file.as_deref().unwrap_or(file)));
    let physical = [("artifactLocation", Value::map([("uri", uri)])), ("region", Value::Map(region))];
    let mut place = Map::default();
    place.push("physicalLocation", Value::map(physical));
    if let Some(name) = &location.object {
        let full = format!("{name}{}", location.pointer.as_deref().unwrap_or_default());
        let logical =
            [("name", Value::string(name)), ("fullyQualifiedName", Value::string(full)), ("kind", "object".into())];
        place.push("logicalLocations", Value::list([Value::map(logical)]));
    }
    Value::Map(place)
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
