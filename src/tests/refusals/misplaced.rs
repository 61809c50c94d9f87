//! Fields that stand in the wrong map, and a line that was forgotten.

use super::{GUARDRAILS, POLICY, check, place, storefront, text};

/// A file whose fields of `spec` stand at the left, below `line`.
fn flat(file: &'static str, line: &str) -> String {
    let whole = storefront(file);
    let (head, fields) = whole.split_once("spec:\n").expect("a spec");
    let fields: Vec<&str> = fields.lines().map(|line| line.strip_prefix("  ").unwrap_or(line)).collect();
    format!("{head}{line}{}\n", fields.join("\n"))
}

/// Place, message and help of all that is found.
fn told(file: &str, content: &str) -> Vec<String> {
    let found = check(&[(file, "", content)]);
    found.iter().map(|one| format!("{} {} = {}", place(one), text(one, "/message"), text(one, "/help"))).collect()
}

const FORGOTTEN: &str = "write a line `spec:` before this one, and indent what belongs below it by two spaces";

#[test]
fn a_file_without_the_line_spec_is_one_mistake() {
    for (file, fields) in [
        (POLICY, "`team`, `costCenter`, `ttl` and 8 more"),
        (GUARDRAILS, "`layout`, `namespace`, `domain` and 17 more"),
    ] {
        let [one] = told(file, &flat(file, "")).try_into().expect("one finding");
        let expected = format!("{file}:6:1 the field `spec` is missing: {fields} belong below it = {FORGOTTEN}");
        assert!(one.ends_with(&expected), "{one}");
        let [one] = told(file, &flat(file, "spec:\n")).try_into().expect("one finding");
        let expected =
            format!("{file}:7:1 unknown fields {fields} here: they belong below `spec` = indent them by two spaces");
        assert!(one.ends_with(&expected), "{one}");
    }
    let few = "apiVersion: dayfly.dev/v1alpha1\nkind: PreviewPolicy\nmetadata: {name: a}\nteam: a\ncostCenter: b\n";
    let [both] = told(POLICY, few).try_into().expect("one finding");
    assert!(
        both.contains("preview.yaml:4:1 the field `spec` is missing: `team` and `costCenter` belong below it"),
        "{both}"
    );
}

/// Who forgets the line alone leaves the fields in `metadata`, where they are indented as they should be.
#[test]
fn fields_in_metadata_are_one_mistake() {
    for (file, fields) in [
        (POLICY, "`team`, `costCenter`, `ttl` and 8 more"),
        (GUARDRAILS, "`layout`, `namespace`, `domain` and 17 more"),
    ] {
        let [one] = told(file, &storefront(file).replace("spec:\n", "")).try_into().expect("one finding");
        let expected = format!(
            "{file}:6:3 the field `spec` is missing: {fields} belong below it = write a line `spec:` before this one, in column 1"
        );
        assert!(one.ends_with(&expected), "{one}");
    }
    let policy = storefront(POLICY);
    let moved = policy
        .replace("  team: payments\n  costCenter: cc-1234\n", "")
        .replace("  name: storefront\n", "  name: storefront\n  team: 5\n  costCenter: cc-1234\n");
    let [both, value] = told(POLICY, &moved).try_into().expect("two findings");
    assert!(
        both.ends_with("6:3 unknown fields `team` and `costCenter` here: they belong below `spec` = move them there"),
        "{both}"
    );
    assert!(value.contains(":6:9 found the number `5`, expected a string"), "{value}");
    let json = r#"{"apiVersion": "dayfly.dev/v1alpha1", "kind": "PreviewPolicy", "metadata": {"name": "a", "team": "a", "costCenter": "b"}}"#;
    let [one] = told(POLICY, json).try_into().expect("one finding");
    assert!(one.ends_with(r#"belong below it = move them from `metadata` into a `"spec": {…}` beside it"#), "{one}");
}

/// JSON has no indentation, and what Kubernetes' metadata has is not meant for `spec`.
#[test]
fn what_to_do_is_said_of_the_file_that_is_there() {
    let fields = r#""team": "a", "costCenter": "b""#;
    let json = |rest: &str| {
        format!(
            r#"{{"apiVersion": "dayfly.dev/v1alpha1", "kind": "PreviewPolicy", "metadata": {{"name": "a"}}, {rest}}}"#
        )
    };
    for (rest, expected) in [
        (fields.to_owned(), "= write `\"spec\": {` before this, and a `}` behind the last of them"),
        (format!("\"spec\": null, {fields}"), "= move them there"),
    ] {
        let [one] = told(POLICY, &json(&rest)).try_into().expect("one finding");
        assert!(one.ends_with(expected), "{one}");
    }
    for field in ["labels: {a: b}", "namespace: x"] {
        let policy = storefront(POLICY).replace("  name: storefront\n", &format!("  name: storefront\n  {field}\n"));
        let [one] = told(POLICY, &policy).try_into().expect("one finding");
        assert!(one.contains("; there is `name`"), "{one}");
    }
    // Nor do they say that a `spec` was meant.
    let bare = "apiVersion: dayfly.dev/v1alpha1\nkind: PreviewPolicy\nmetadata: {name: a, labels: {a: b}}\n";
    let [missing, labels] = told(POLICY, bare).try_into().expect("two findings");
    assert!(missing.contains(" the field `spec` is missing = "), "{missing}");
    assert!(labels.contains("unknown field `labels`; there is `name`"), "{labels}");
    let guardrails = storefront(GUARDRAILS).replace("  name: acme\n", "  name: acme\n  namespace: x\n");
    let [one] = told(GUARDRAILS, &guardrails).try_into().expect("one finding");
    assert!(one.contains("unknown field `namespace`; there is `name`"), "{one}");
}

/// What brings them below `spec` depends on what stands before them, between them and behind them.
#[test]
fn the_help_with_misplaced_fields_can_be_followed() {
    let file = |rest: &str| format!("apiVersion: dayfly.dev/v1alpha1\nkind: PreviewPolicy\n{rest}");
    let meta = "metadata:\n  name: a\n";
    let (two, spec) = ("team: a\nttl: 2h\n", "spec:\n  costCenter: c\n");
    let line = "write a line `spec:` before this one, in column 1";
    let end = "write a line `spec:` at the end, in column 1, and move them below it, indented by two spaces";
    for (rest, help) in [
        (format!("{meta}{spec}{two}"), "indent them by two spaces"),
        (format!("{meta}spec:\n    costCenter: c\n{two}"), "indent them by 4 spaces"),
        (format!("spec:\n  costCenter: c\n{two}{meta}"), "indent them by two spaces"),
        // Indented, they would be in `metadata`, or below what has braces.
        (format!("{meta}{two}{spec}"), "move them there"),
        (format!("{spec}{meta}{two}"), "move them there"),
        (format!("{spec}team: a\n{meta}ttl: 2h\n"), "move them there"),
        (format!("{meta}spec: {{costCenter: c}}\n{two}"), "move them there"),
        (format!("{meta}spec: null\n{two}costCenter: c\n"), "move them there"),
        (format!("{meta}spec:\n  costCenter: c\n  team: b\n{two}"), "move them there; `team` is there already"),
        (
            format!("{meta}spec:\n  costCenter: c\n  ttl: 1h\n  team: b\n{two}"),
            "they are there already: leave them out here",
        ),
        (format!("{meta}  team: a\n  costCenter: c\n"), line),
        (format!("{two}costCenter: c\n{meta}"), FORGOTTEN),
        // What follows the line would be taken along.
        ("metadata:\n  team: a\n  name: a\n  costCenter: c\n".to_owned(), end),
        ("metadata:\n  team: a\n  costCenter: c\n  name: a\n".to_owned(), end),
        (format!("team: a\n{meta}costCenter: c\n"), end),
    ] {
        let told = told(POLICY, &file(&rest));
        let [one] = told.as_slice() else { panic!("{rest}: {told:#?}") };
        assert!(one.ends_with(&format!(" = {help}")), "{rest}: {one}");
    }
    let json = r#"{"team": "a", "apiVersion": "dayfly.dev/v1alpha1", "kind": "PreviewPolicy", "metadata": {"name": "a"}, "costCenter": "b"}"#;
    let [one] = told(POLICY, json).try_into().expect("one finding");
    assert!(one.ends_with(r#"= move them into a `"spec": {…}`"#), "{one}");
    let twice = file(&format!("metadata:\n  name: a\n  team: a\n{spec}  team: b\n"));
    let [one] = told(POLICY, &twice).try_into().expect("one finding");
    assert!(one.contains(" here: it belongs below `spec`, and is there already"), "{one}");
}

/// Labels and the like are metadata's in Kubernetes, whatever else stands there.
#[test]
fn labels_in_metadata_are_not_sent_to_spec() {
    let start = "apiVersion: dayfly.dev/v1alpha1\nkind: PreviewPolicy\nmetadata:\n  name: a\n";
    let labels = "  labels: {app: x}\n";
    for (rest, place, help) in [
        (format!("{labels}  team: a\nspec:\n  costCenter: c\n"), " here: it belongs below `spec`", ""),
        (
            format!("{labels}  team: a\n  costCenter: c\n"),
            ":6:3 the field `spec` is missing: `team` and `costCenter` belong",
            "in column 1",
        ),
        (
            format!("  team: a\n{labels}  costCenter: c\n"),
            ":5:3 the field `spec` is missing: `team` and `costCenter` belong",
            "by two spaces",
        ),
    ] {
        let told = told(POLICY, &format!("{start}{rest}"));
        assert_eq!(told.len(), 2, "{rest}: {told:#?}");
        assert!(told.iter().any(|one| one.contains("unknown field `labels`; there is `name`")), "{rest}: {told:#?}");
        assert!(told.iter().any(|one| one.contains(place) && one.ends_with(help)), "{rest}: {told:#?}");
    }
}

#[test]
fn what_is_wrong_with_misplaced_fields_is_told_beside_that() {
    let policy = flat(POLICY, "")
        .replace("ttl: 48h", "ttl: soon")
        .replace("team:", "taem:")
        .replace("costCenter: cc-1234\n", "");
    let told = told(POLICY, &policy);
    let [missing, misspelt, needed, value] = told.as_slice() else { panic!("{told:#?}") };
    assert!(misspelt.contains(":6:1 unknown field `taem`: did you mean `team`?"), "{misspelt}");
    assert!(
        missing.contains(":6:1 the field `spec` is missing: `ttl`, `profile`, `flags` and 6 more belong below it"),
        "{missing}"
    );
    assert!(needed.contains(":6:1 the field `costCenter` is missing"), "{needed}");
    assert!(value.contains(":7:6 ") && value.contains("`soon`"), "{value}");
}

#[test]
fn fields_beside_a_spec_with_content_are_one_mistake_too() {
    for spec in ["spec", "specs"] {
        let policy = storefront(POLICY)
            .replace("  team: payments\n  costCenter: cc-1234\n", "")
            .replace("spec:\n", &format!("{spec}:\n"))
            + "team: 5\ncostCenter: cc-1234\n";
        let told = told(POLICY, &policy);
        assert_eq!(
            told.iter()
                .filter(|one| one
                    .contains("unknown fields `team` and `costCenter` here: they belong below `spec` = indent them"))
                .count(),
            1,
            "{told:#?}"
        );
        assert_eq!(
            told.iter().filter(|one| one.contains("found the number `5`, expected a string")).count(),
            1,
            "{told:#?}"
        );
        assert_eq!(told.len(), if spec == "spec" { 2 } else { 3 }, "{told:#?}");
    }
}

#[test]
fn a_field_that_was_found_elsewhere_is_not_missing_too() {
    let storefront = storefront(POLICY);
    for (policy, expected) in [
        (
            storefront
                .replace("  team: payments\n", "")
                .replace("  name: storefront\n", "  name: storefront\n  team: payments\n"),
            "unknown field `team` here: it belongs below `spec`",
        ),
        (
            storefront
                .replace("metadata:\n  name: storefront\n", "")
                .replace("spec:\n", "spec:\n  metadata: {name: storefront}\n"),
            "unknown field `metadata` here: it belongs to the file itself, in column 1",
        ),
        (
            storefront
                .replace("  costCenter: cc-1234\n", "")
                .replace("      port: 8080\n", "      port: 8080\n      costCenter: cc-1234\n"),
            "unknown field `costCenter` here: it belongs further to the left, below `spec`",
        ),
    ] {
        let [one] = told(POLICY, &policy).try_into().expect("one finding");
        assert!(one.contains(expected), "{one}");
    }
}

#[test]
fn below_a_misspelt_field_all_is_told_at_once() {
    let policy = storefront(POLICY)
        .replace("spec:\n", "specs:\n")
        .replace("port: 8080", "port: x")
        .replace("databases:", "database-s:");
    let told = told(POLICY, &policy.replace("baseline: storefront", "baselin: storefront"));
    let messages: Vec<&str> = told
        .iter()
        .map(|one| one.split_once(' ').expect("a place").1.split(" = ").next().expect("a message"))
        .collect();
    assert_eq!(
        messages,
        [
            "unknown field `specs`: did you mean `spec`?",
            "found `x`, expected a whole number",
            "unknown field `database-s`: did you mean `databases`?",
            "unknown field `baselin`: did you mean `baseline`?",
        ]
    );
}
