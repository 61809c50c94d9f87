use proptest::prelude::*;

use super::{documents, is_literal};
use crate::{
    value::{Map, Text, Value, from_yaml},
    yaml::{Limits, read, scalar},
};

fn list<const N: usize>(items: [&'static str; N]) -> Value {
    Value::List(items.into_iter().map(Value::from).collect())
}

/// What the parsers make of a document that holds this value.
fn check(value: &Value) {
    let wrapped =
        Value::map([("kind", "Test".into()), ("value", value.clone()), ("list", Value::list(vec![value.clone()]))]);
    let text = documents([&wrapped, &wrapped].into_iter());
    for reading in [scalar::core, scalar::kubernetes] {
        let nodes =
            read(&text, Limits { documents: 2, ..Limits::DOCUMENT }).unwrap_or_else(|e| panic!("{e:?}\n{text}"));
        assert_eq!(nodes.len(), 2, "{text}");
        for node in &nodes {
            assert_eq!(from_yaml(node, reading), wrapped, "{text}");
        }
    }
    let mut count = 0;
    for document in serde_yaml::Deserializer::from_str(&text) {
        let read: serde_json::Value =
            serde::Deserialize::deserialize(document).unwrap_or_else(|e| panic!("{e}\n{text}"));
        // `serde_json` sorts keys; our own reader has seen their order above.
        let read = serde_json::Value::from(&whole(Value::from(read)));
        assert_eq!(read, serde_json::Value::from(&wrapped), "{text}");
        count += 1;
    }
    assert_eq!(count, 2, "{text}");
}

/// Whole floats as `from_yaml` reads them.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::float_cmp,
    reason = "checked to be exact"
)]
fn whole(value: Value) -> Value {
    match value {
        Value::Float(float) if float.abs() < 9e15 && float as i64 as f64 == float => Value::Int(float as i64),
        Value::List(items) => Value::List(items.into_iter().map(whole).collect()),
        Value::Map(map) => Value::map(map.into_iter().map(|(key, value)| (key, whole(value)))),
        other => other,
    }
}

const NASTY: &[&str] = &[
    "",
    " ",
    "~",
    "on",
    "On",
    "OFF",
    "y",
    "N",
    "yes",
    "no",
    "true",
    "FALSE",
    "null",
    "Null",
    "nan",
    ".nan",
    ".inf",
    "-.inf",
    "Infinity",
    "0123",
    "0o17",
    "0x1F",
    "0b11",
    "089",
    "1_000",
    "1e3",
    "e1",
    "1e21",
    "12345e67",
    "+1",
    "-1",
    "-",
    "--",
    "---",
    "--- a",
    "...",
    "a\n---\nb",
    "a\n---\nb\n",
    "a\n...\nb",
    "22:22",
    "1:30",
    "2024-01-01",
    "<<",
    "=",
    "!",
    "!a",
    "&a",
    "*a",
    "|",
    ">",
    "%",
    "@a",
    "`a`",
    "?",
    "? a",
    ":",
    ": ",
    "a: b",
    "a:",
    "#",
    "# a",
    "a #b",
    "a#b",
    "- x",
    "-x",
    "[",
    "]",
    "{",
    "}",
    ",",
    "[]",
    "{}",
    "'",
    "''",
    "\"",
    "\\",
    "\\n",
    "a\tb",
    "\ta",
    "a\t",
    "\ta\nb",
    "a\n\tb",
    "a\t\nb",
    " a",
    "a ",
    "a \nb",
    " a\nb",
    "a\n b",
    "a\nb",
    "a\nb\n",
    "a\nb\n\n",
    "\na",
    "\na\nb",
    "\n",
    "\n\n",
    "a\n",
    "a\n\nb",
    "a\n\n\n  b\nc\n",
    "a\r\nb",
    "a\rb\nc",
    "# a\n# b\n",
    "- a\n- b",
    "a: 1\nb: 2\n",
    "a\u{85}b",
    "a\u{85}b\nc",
    "\u{7f}",
    "a\u{80}",
    "\u{feff}",
    "\u{feff}a\nb",
    "a\nb\u{feff}",
    "a\u{2028}b",
    "a\u{2029}b\nc",
    "\u{fffe}",
    "\u{ffff}",
    "\u{0}",
    "\u{1b}[31m",
    "a\u{202e}b",
    "\u{200b}",
    "\u{e0001}",
    "é",
    "漢字\n漢字",
    "🚀",
    "\u{a0}a",
    "a\u{a0}\nb",
    "/",
    "/a",
    "//",
    "a/b.c-d_e",
    "ghcr.io/acme/web:1.2@sha256:00",
    "https://a.b/c?d=e#f",
    "*",
    "a\n  \nb",
    "%YAML 1.2\nb",
    "{{ a }}",
    "|\na",
    "a\n|",
    "${{ a }}\nb",
];

#[test]
fn nasty_strings_come_back() {
    for text in NASTY {
        check(&Value::from(*text));
        check(&Value::list(vec![list(["a", text]), Value::map([("k", Value::from(*text))])]));
        check(&Value::map([(*text, Value::from(*text)), ("other", Value::Null)]));
        check(&Value::list(vec![Value::map([(*text, list([text])), ("other", Value::Null)])]));
    }
}

#[test]
fn long_keys_and_values_stand() {
    for length in [990, 1000, 1030, 5000] {
        let key: Text = "k".repeat(length).into();
        for value in [Value::Int(1), "a\nb".into(), list(["a"]), Value::map([("a", list(["b"]))]), Value::list([])] {
            check(&Value::map([(key.clone(), value.clone()), ("b".into(), value)]));
        }
        check(&Value::string("v w".repeat(length)));
    }
}

#[test]
fn people_find_the_usual_layout() {
    let container = Value::map([
        ("name", "web".into()),
        ("args", list(["-c", "a b"])),
        ("env", Value::list(vec![Value::map([("name", "A".into()), ("value", "on".into())])])),
        ("securityContext", Value::map([("runAsUser", Value::Int(0)), ("weight", Value::Float(0.5))])),
    ]);
    let object = Value::map([
        ("apiVersion", "apps/v1".into()),
        ("metadata", Value::map([("labels", Value::Map(Map::default())), ("name", Value::Null)])),
        ("spec", Value::map([("containers", Value::list(vec![container])), ("paused", Value::Bool(false))])),
        ("none", Value::list([])),
        ("nested", Value::list(vec![list(["a", "b"]), Value::list([])])),
        ("script", "set -e\n\n  run\n".into()),
        ("last", "a\nb".into()),
    ]);
    let expected = r#"apiVersion: apps/v1
metadata:
  labels: {}
  name: null
spec:
  containers:
  - name: web
    args:
    - "-c"
    - "a b"
    env:
    - name: A
      value: "on"
    securityContext:
      runAsUser: 0
      weight: 0.5
  paused: false
none: []
nested:
- - a
  - b
- []
script: |
  set -e

    run
last: |-
  a
  b
"#;
    assert_eq!(documents([&object].into_iter()), expected);
}

/// Go rejects a block whose first line begins with a tab, our own readers take it: reading back would not tell.
#[test]
fn only_ordinary_lines_make_a_block() {
    for text in ["a\nb", "a\nb\n", "# a\n\n  b", "---\n..."] {
        assert!(is_literal(text), "{text:?}");
    }
    for text in
        ["a", "a\n", "a\nb\n\n", "\na\nb", " a\nb", "\ta\nb", "a\n\tb", "a \nb", "a\t\nb", "a\r\nb", "a\nb\u{85}"]
    {
        assert!(!is_literal(text), "{text:?}");
    }
}

#[test]
fn eyes_are_not_deceived() {
    let text = documents([&Value::from("a\u{202e}\u{85}\u{e0001}\"\\é")].into_iter());
    assert_eq!(text, "\"a\\u202e\\x85\\U000e0001\\\"\\\\é\"\n");
    assert_eq!(documents([&Value::from("a \n\t\r")].into_iter()), "\"a \\n\\t\\r\"\n");
}

/// Where nothing stands before a line, it may end the document.
#[test]
fn a_document_that_is_text_has_one_line() {
    assert_eq!(documents([&Value::from("a\n---\nb")].into_iter()), "\"a\\n---\\nb\"\n");
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => proptest::sample::select(NASTY).prop_map(str::to_owned),
        2 => any::<String>(),
        3 => "[ab0-9 \t\n:#'\"|>%&*!~,.\\[\\]{}?_+eox-]{0,12}",
    ]
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::Bool),
        1 => any::<i64>().prop_map(Value::Int),
        1 => (-1e30..1e30).prop_map(|float| whole(Value::Float(float))),
        6 => any_text().prop_map(Value::string),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::list),
            proptest::collection::btree_map(any_text(), inner, 0..5).prop_map(Value::map),
        ]
    })
}

proptest! {
    #[test]
    fn any_value_comes_back(value in any_value()) {
        check(&value);
    }
}
