//! Every golden passes the API server's admission: schemas with no unknown field, the custom resources' own, Pod Security, quota,
//! limit range; and so do the Pods that its workloads and Jobs will ask for.

use std::fmt::Write as _;
use std::fs;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::kube::{admit, apply, documents, kind, kubectl, name, text};
use crate::process::{must, read, repository, setting};
use crate::world;

/// Goldens share namespaces, so that one is judged at a time.
static TURN: Mutex<()> = Mutex::new(());

#[test]
fn every_golden_is_admitted() {
    let mut files: Vec<_> = fs::read_dir(repository("snapshots"))
        .expect("there is a folder snapshots; `cargo test` writes it")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "snapshots/ has no goldens; `cargo test` writes them");
    let goldens = files.iter().map(|file| {
        let file = file.to_string_lossy().into_owned();
        let objects = documents(&read(&file));
        (file, objects)
    });
    judge(goldens.collect());
}

/// The goldens may be stale; what this build renders is judged as well.
#[test]
fn storefront_as_rendered_now_is_admitted() {
    judge(vec![rendered("storefront")]);
}

#[test]
fn storefront_single_as_rendered_now_is_admitted() {
    judge(vec![rendered("storefront-single")]);
}

fn rendered(case: &str) -> (String, Vec<Value>) {
    let folder = repository(&format!("testdata/{case}"));
    let [guardrails, parameters] = ["guardrails", "parameters"].map(|file| format!("{folder}/{file}.yaml"));
    let arguments = ["render", &folder, "--guardrails", &guardrails, "--parameters", &parameters, "-o", "ndjson"];
    let lines = must(&setting("DAYFLY_E2E_BINARY"), &arguments, "");
    (folder, lines.lines().map(crate::kube::json).collect())
}

fn judge(goldens: Vec<(String, Vec<Value>)>) {
    world::prepare();
    let _turn = TURN.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut problems = String::new();
    let mut namespaces = Vec::new();
    for (file, objects) in goldens {
        // What is not an object (a golden of an error, of findings) is not for kubectl.
        let objects: Vec<Value> = objects.into_iter().filter(|object| !kind(object).is_empty()).collect();
        if objects.is_empty() {
            continue;
        }
        // What the others are judged by must be there; the namespaces' own objects go with them.
        let ground: Vec<Value> = objects.iter().filter(|object| is_ground(object)).cloned().collect();
        let unfit: Vec<_> = ground
            .iter()
            .filter(|object| kind(object) == "Namespace")
            .map(|object| admit(std::slice::from_ref(object)))
            .filter(|done| !done.ok)
            .collect();
        if unfit.is_empty() {
            if !ground.is_empty() {
                apply(&ground);
            }
            complain(&mut problems, &file, &admit(&objects));
            for object in &objects {
                let Some(pod) = pod(object) else { continue };
                let what = format!("{file}: a Pod of {} {}", kind(object), name(object));
                // A quarantine lets no Pod start: its Job is there to fail.
                let namespace = text(&pod, "/metadata/namespace").to_owned();
                let done = admit(&[pod]);
                let closed = |object: &Value| {
                    text(object, "/spec/hard/pods") == "0" && text(object, "/metadata/namespace") == namespace
                };
                if objects.iter().any(closed) {
                    let refused = !done.ok && done.err.contains("exceeded quota");
                    assert!(refused, "{what} is not refused by the quota of a quarantine: {}", done.err);
                } else {
                    complain(&mut problems, &what, &done);
                }
            }
        }
        for done in &unfit {
            complain(&mut problems, &file, done);
        }
        for object in ground {
            match kind(&object) {
                "Namespace" => namespaces.push(name(&object).to_owned()),
                kind => drop(kubectl(&[
                    "delete",
                    kind,
                    name(&object),
                    "-n",
                    text(&object, "/metadata/namespace"),
                    "--ignore-not-found",
                ])),
            }
        }
    }
    namespaces.sort();
    namespaces.dedup();
    for namespace in namespaces {
        kubectl(&["delete", "namespace", &namespace, "--ignore-not-found", "--wait", "--timeout=60s"]);
    }
    assert!(problems.is_empty(), "{problems}");
}

fn is_ground(object: &Value) -> bool {
    matches!(kind(object), "Namespace" | "ResourceQuota" | "LimitRange" | "ServiceAccount")
}

/// The Pod that a workload or Job asks for: admission judges it only when its controller creates it.
fn pod(object: &Value) -> Option<Value> {
    let template =
        object.pointer("/spec/template").filter(|_| matches!(kind(object), "Deployment" | "StatefulSet" | "Job"))?;
    let mut metadata = template.get("metadata").cloned().unwrap_or_else(|| json!({}));
    // Real ones get names of their own, within their limit.
    metadata["name"] = "judged".into();
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
