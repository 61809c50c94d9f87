//! Objects in the cluster, through kubectl.

use serde::Deserialize as _;
use serde_json::Value;

use crate::process::{Done, must, run};

pub(crate) fn kubectl(arguments: &[&str]) -> String {
    must("kubectl", arguments, "")
}

/// The documents of a YAML stream, without the empty ones.
pub(crate) fn documents(yaml: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(yaml)
        .map(|document| Value::deserialize(document).unwrap_or_else(|error| panic!("{error} in\n{yaml}")))
        .filter(|document| !document.is_null())
        .collect()
}

fn stream(objects: &[Value]) -> String {
    objects.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
}

/// Of no objects, this and its neighbours do nothing: kubectl takes that for a mistake.
pub(crate) fn apply(objects: &[Value]) {
    if objects.is_empty() {
        return;
    }
    must("kubectl", &["apply", "--server-side", "--force-conflicts", "-f", "-"], &stream(objects));
}

/// Server-side apply of objects that are not kept: the whole admission, and no unknown or doubled field.
pub(crate) fn admit(objects: &[Value]) -> Done {
    let arguments = ["apply", "--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict", "-f", "-"];
    if objects.is_empty() {
        return Done { ok: true, out: String::new(), err: String::new() };
    }
    run("kubectl", &arguments, &stream(objects))
}

/// Deletes objects and waits until they are gone.
pub(crate) fn remove(objects: &[Value]) {
    if !objects.is_empty() {
        must("kubectl", &["delete", "--ignore-not-found", "--wait", "--timeout=120s", "-f", "-"], &stream(objects));
    }
}

/// Creates an object and gives it as the API server keeps it, or why it does not.
pub(crate) fn create(object: &Value) -> Result<Value, String> {
    let done = run("kubectl", &["create", "-o", "json", "-f", "-"], &object.to_string());
    if done.ok { Ok(json(&done.out)) } else { Err(done.err) }
}

pub(crate) fn get(kind: &str, name: &str, namespace: &str) -> Option<Value> {
    let done = run("kubectl", &["get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found"], "");
    assert!(done.ok, "kubectl get {kind} {name}: {}", done.err);
    (!done.out.trim().is_empty()).then(|| json(&done.out))
}

pub(crate) fn list(kind: &str, namespace: &str, labels: &str) -> Vec<Value> {
    let found = json(&kubectl(&["get", kind, "-n", namespace, "-l", labels, "-o", "json"]));
    array(&found, "/items").to_vec()
}

pub(crate) fn delete(kind: &str, name: &str, namespace: &str, seconds: u32) {
    let timeout = format!("--timeout={seconds}s");
    kubectl(&["delete", kind, name, "-n", namespace, "--ignore-not-found", "--wait", &timeout]);
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The string at a JSON pointer; empty if there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

pub(crate) fn array<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A label; a name with a slash in it, as these have, makes awkward pointers.
pub(crate) fn label<'a>(object: &'a Value, name: &str) -> &'a str {
    object["metadata"]["labels"][name].as_str().unwrap_or_default()
}

pub(crate) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

pub(crate) fn kind(object: &Value) -> &str {
    text(object, "/kind")
}
