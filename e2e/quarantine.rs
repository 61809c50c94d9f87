//! A pull request that gets no environment sees in Argo CD why.

use serde_json::Value;

use crate::argo::{Environment, SPLIT, story};
use crate::case::Case;
use crate::kube::{get, text};
use crate::process::must;

#[test]
fn a_quarantined_pull_request_shows_its_findings_in_argo_cd() {
    let case = Case::new("storefront", 230).with("fork", Value::Bool(true));
    let environment = Environment::begin(case, &SPLIT);
    let application = environment.wait("Synced", "Degraded");

    let space = &environment.name;
    let report = get("configmap", "dayfly-findings", space).expect("the quarantine has a ConfigMap with the findings");
    let findings = text(&report, "/data/findings").trim();
    assert!(findings.contains("fork"), "the findings do not say that a fork is the cause: {findings:?}");
    let tree = must("argocd", &["app", "get", space, "--output", "tree=detailed"], "");
    for line in findings.lines().filter(|line| !line.trim().is_empty()) {
        assert!(tree.contains(line.trim()), "{line:?} is not in what Argo CD shows:\n{tree}\n{}", story(&application));
    }

    for (kind, name) in [("resourcequota", "preview"), ("limitrange", "preview"), ("networkpolicy", "deny-all")] {
        assert!(get(kind, name, space).is_some(), "the quarantine has no {kind} {name}");
    }
    for kind in ["deployments", "httproutes", "externalsecrets", "services"] {
        let found = crate::kube::list(kind, space, "");
        assert!(found.is_empty(), "the quarantine has {kind}: {found:?}");
    }
    environment.refresh("hard");
    environment.wait("Synced", "Degraded");
    environment.delete();
    assert!(get("namespace", space, "").is_none(), "the namespace outlived its Application");
}
