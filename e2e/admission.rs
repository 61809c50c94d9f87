//! Every golden passes the API server's admission: schemas with no unknown field, the custom resources' own, Pod Security, quota,
//! limit range; and so do the Pods that its workloads and Jobs will ask for.

use std::fmt::Write as _;
use std::fs;

use serde_json::{Value, json};

use crate::case::render;
use crate::kube::{admit, apply, documents, kind, kubectl, name, remove, text};
use crate::process::{read, repository};
use crate::world;

/// The goldens may be stale, so what this build renders is judged as well. Cases share namespaces: one comes after the other.
#[test]
fn every_golden_and_what_storefront_renders_now_are_admitted() {
    world::prepare();
    let mut files: Vec<_> = fs::read_dir(repository("snapshots"))
        .expect("there is a folder snapshots; `cargo test` writes it")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "snapshots/ has no goldens; `cargo test` writes them");
    let mut problems = String::new();
    let mut namespaces = Vec::new();
    for file in files {
        let file = file.to_string_lossy();
        // What is not an object (a golden of an error, of findings) is not for kubectl.
        let objects: Vec<_> = documents(&read(&file)).into_iter().filter(|object| !kind(object).is_empty()).collect();
        judge(&file, &objects, &mut namespaces, &mut problems);
    }
    for case in ["storefront", "storefront-single"] {
        let folder = repository(&format!("testdata/{case}"));
        let [guardrails, parameters] = ["guardrails", "parameters"].map(|file| format!("{folder}/{file}.yaml"));
        judge(case, &render(&folder, &guardrails, &parameters), &mut namespaces, &mut problems);
    }
    namespaces.sort();
    namespaces.dedup();
    let arguments = ["delete", "namespace", "--ignore-not-found", "--wait", "--timeout=120s"];
    kubectl(&arguments.into_iter().chain(namespaces.iter().map(String::as_str)).collect::<Vec<_>>());
    assert!(problems.is_empty(), "{problems}");
}

/// Adds what is wrong with a case's objects to `problems`, and its namespaces, which stay, to `left`.
fn judge(case: &str, objects: &[Value], left: &mut Vec<String>, problems: &mut String) {
    // What the others are judged by must be there.
    let (namespaces, bounds): (Vec<Value>, Vec<Value>) = objects
        .iter()
        .filter(|object| matches!(kind(object), "Namespace" | "ResourceQuota" | "LimitRange" | "ServiceAccount"))
        .cloned()
        .partition(|object| kind(object) == "Namespace");
    let fit = admit(&namespaces);
    complain(problems, case, &fit);
    if !fit.ok {
        return;
    }
    apply(&namespaces);
    apply(&bounds);
    complain(problems, case, &admit(objects));
    let is_closed = |pod: &Value| {
        let namespace = text(pod, "/metadata/namespace");
        let closes =
            |object: &Value| text(object, "/spec/hard/pods") == "0" && text(object, "/metadata/namespace") == namespace;
        bounds.iter().any(closes)
    };
    let (closed, open): (Vec<Value>, Vec<Value>) = objects.iter().filter_map(pod).partition(is_closed);
    complain(problems, &format!("{case}, the Pods of its workloads"), &admit(&open));
    // A quarantine lets no Pod start: its Job is there to fail.
    for pod in closed {
        let done = admit(std::slice::from_ref(&pod));
        let refused = !done.ok && done.err.contains("exceeded quota");
        assert!(refused, "{case}: {} is not refused by the quota of a quarantine: {}", name(&pod), done.err);
    }
    remove(&bounds);
    left.extend(namespaces.iter().map(|namespace| name(namespace).to_owned()));
}

/// The Pod that a workload or Job asks for: admission judges it only when its controller creates it.
fn pod(object: &Value) -> Option<Value> {
    let template =
        object.pointer("/spec/template").filter(|_| matches!(kind(object), "Deployment" | "StatefulSet" | "Job"))?;
    let mut metadata = template.get("metadata").cloned().unwrap_or_else(|| json!({}));
    // Real ones get names of their own, within the limit of a host's name.
    let begin = name(object).get(..40).unwrap_or(name(object)).trim_end_matches(['-', '.']);
    metadata["name"] = format!("{}-{begin}", kind(object).to_lowercase()).into();
    metadata["namespace"] = text(object, "/metadata/namespace").into();
    Some(json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}))
}

/// A warning counts: it announces a field that is going away, or a Pod that Pod Security will refuse.
fn complain(problems: &mut String, file: &str, done: &crate::process::Done) {
    let said: Vec<&str> = done.err.lines().filter(|line| !line.trim().is_empty()).collect();
    if !done.ok || !said.is_empty() {
        let _ = writeln!(problems, "{file}:\n  {}", said.join("\n  "));
    }
}
