use serde_json::{Value as Json, json};

use crate::rules::common::test::{below, found, manifest, places, template};

fn run(json: &Json) -> Vec<String> {
    places(&found(super::check, &template(json)))
}

fn expect(cases: &[(Json, Vec<&str>)]) {
    for (json, expected) in cases {
        assert_eq!(run(json), below("forbidden-output ", expected), "{json}");
    }
}

fn object(version: &str, kind: &str, metadata: impl serde::Serialize) -> Json {
    json!({"apiVersion": version, "kind": kind, "metadata": metadata})
}

#[test]
fn never_written() {
    let finalizer = "resources-finalizer.argocd.argoproj.io";
    expect(&[
        (object("v1", "ConfigMap", json!({"name": "a", "creationTimestamp": null, "finalizers": []})), vec![]),
        (object("v1", "Secret", json!({"name": "a"})), vec!["/kind"]),
        (object("acme.dev/v1", "Secret", json!({"name": "a"})), vec![]),
        (json!({"metadata": {"name": "a"}}), vec!["/kind", "/apiVersion"]),
        (json!({"apiVersion": "v1", "kind": "ConfigMap"}), vec!["/metadata"]),
        (json!([]), vec![""]),
        (json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "status": {}}), vec!["/status"]),
        (json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a"}, "items": null}), vec!["/items"]),
        (object("v1", "ConfigMap", json!({"name": "a", "finalizers": ["a/b"]})), vec!["/metadata/finalizers"]),
        (object("v1", "ConfigMap", json!({"name": "a", "finalizers": [finalizer]})), vec!["/metadata/finalizers"]),
        (object("argoproj.io/v1alpha1", "Application", json!({"name": "a", "finalizers": [finalizer]})), vec![]),
        (
            object("argoproj.io/v1alpha1", "Application", json!({"name": "a", "finalizers": [finalizer, "x/y"]})),
            vec!["/metadata/finalizers"],
        ),
        (
            object("argoproj.io/v1alpha1", "Application", json!({"name": "a", "finalizers": finalizer})),
            vec!["/metadata/finalizers"],
        ),
        (
            object("v1", "ConfigMap", json!({"name": "a", "uid": "x", "ownerReferences": []})),
            vec!["/metadata/ownerReferences", "/metadata/uid"],
        ),
        (object("v1", "ConfigMap", json!({"generateName": "a-"})), vec!["/metadata/generateName", "/metadata/name"]),
        (
            object("v1", "ConfigMap", json!({"name": "a", "annotations": {"argocd.argoproj.io/tracking-id": "x"}})),
            vec!["/metadata/annotations/argocd.argoproj.io~1tracking-id"],
        ),
    ]);
}

/// Whatever its kind says, Argo CD deploys what is below; a kind that says so is refused for that, and a text for having none.
#[test]
fn a_manifest_with_items_is_refused_once() {
    let with = |kind: &str| json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}, "items": []});
    for (json, expected) in [
        (with("ConfigMap"), vec!["forbidden-output /items"]),
        (with("List"), vec![]),
        (with("ConfigMapList"), vec![]),
        (json!("hello"), vec![]),
    ] {
        assert_eq!(places(&found(super::check, &manifest(&json))), expected, "{json}");
        let of_kind = places(&found(crate::rules::manifest_kind::check, &manifest(&json)));
        assert!(!expected.is_empty() || !of_kind.is_empty(), "{json}: nothing refuses it");
    }
}

/// No kind and no name would tell whose it is.
#[test]
fn what_has_no_name_is_found_by_its_template() {
    for (json, file) in [
        (json!({"a": "b"}), Some("workload.yaml")),
        (json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {}}), Some("workload.yaml")),
        (object("v1", "Secret", json!({"name": "a"})), None),
    ] {
        let findings = found(super::check, &template(&json));
        let files: Vec<_> = findings.iter().map(|finding| finding.location().file).collect();
        assert!(!files.is_empty() && files.iter().all(|found| found.as_deref() == file), "{json}: {files:?}");
    }
}

#[test]
fn a_preview_s_namespace_is_known_by_its_labels() {
    let managed = "/metadata/labels/app.kubernetes.io~1managed-by";
    let environment = "/metadata/labels/dayfly.dev~1environment";
    let security = "/metadata/labels/pod-security.kubernetes.io~1enforce";
    let namespace = |name: &str, labels: Json| object("v1", "Namespace", json!({"name": name, "labels": labels}));
    let labels = |managed: &str, environment: &str, security: &str| json!({"app.kubernetes.io/managed-by": managed, "dayfly.dev/environment": environment, "pod-security.kubernetes.io/enforce": security});
    expect(&[
        (namespace("shop-pr-7", labels("dayfly", "shop-pr-7", "restricted")), vec![]),
        (namespace("shop-pr-7", json!({})), vec![managed, environment, security]),
        (namespace("shop-pr-7", labels("argocd", "shop-pr-8", "baseline")), vec![managed, environment, security]),
        (namespace("another", json!({})), vec![]),
    ]);
}

#[test]
fn names_have_budgets() {
    let cases = [
        ("v1", "ConfigMap", "a.b-1".to_owned(), true),
        ("v1", "ConfigMap", "a".repeat(253), true),
        ("v1", "ConfigMap", "a".repeat(254), false),
        ("v1", "ConfigMap", "a-.b".to_owned(), false),
        ("v1", "ConfigMap", "A".to_owned(), false),
        ("v1", "ConfigMap", "a_b".to_owned(), false),
        ("v1", "Namespace", "shop-pr-8".to_owned(), true),
        ("v1", "Namespace", "shop.pr".to_owned(), false),
        ("v1", "Service", "web".to_owned(), true),
        ("v1", "Service", "1web".to_owned(), false),
        ("batch/v1", "Job", "a".repeat(63), true),
        ("batch/v1", "Job", format!("{}.{}", "a".repeat(40), "a".repeat(23)), false),
        ("batch/v1", "CronJob", "a".repeat(52), true),
        ("batch/v1", "CronJob", "a".repeat(53), false),
        ("apps/v1", "StatefulSet", "a".repeat(53), false),
        ("apps/v1", "StatefulSet", "a".repeat(52), true),
        ("apps/v1", "StatefulSet", "a.b".to_owned(), false),
        ("apps/v1", "Deployment", "a.b".to_owned(), true),
        ("apps/v1", "Deployment", "a".repeat(242), true),
        ("apps/v1", "Deployment", "a".repeat(243), false),
        ("acme.dev/v1", "Deployment", "a".repeat(253), true),
        ("rbac.authorization.k8s.io/v1", "Role", "dayfly:database".to_owned(), true),
        ("rbac.authorization.k8s.io/v1", "Role", "a/b".to_owned(), false),
        ("v1", "ConfigMap", String::new(), false),
    ];
    for (version, kind, name, good) in cases {
        let found = run(&object(version, kind, json!({"name": name})));
        assert_eq!(found, if good { vec![] } else { vec!["forbidden-output /metadata/name"] }, "{kind} {name}");
    }
}

#[test]
fn the_pods_of_an_indexed_job_are_hosts() {
    let job = |name: String, mode: &str, completions: i64| {
        json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
            "spec": {"completionMode": mode, "completions": completions}})
    };
    expect(&[
        (job("a".repeat(61), "Indexed", 10), vec![]),
        (job("a".repeat(61), "Indexed", 11), vec!["/metadata/name"]),
        (job("a".repeat(63), "NonIndexed", 11), vec![]),
        (job("a.b".to_owned(), "Indexed", 1), vec!["/metadata/name"]),
    ]);
}

#[test]
fn what_an_object_makes() {
    let debugger = json!([{"name": "debug", "image": "ghcr.io/acme/web:1"}]);
    expect(&[
        (
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a"}, "spec": {"jobTemplate": {
                "metadata": {"labels": {"a": true, "b c": "x"}, "annotations": {"d": 1}}}}}),
            vec![
                "/spec/jobTemplate/metadata/labels/a",
                "/spec/jobTemplate/metadata/labels/b c",
                "/spec/jobTemplate/metadata/annotations/d",
            ],
        ),
        (
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
                "spec": {"template": {"spec": {"ephemeralContainers": debugger}}}}),
            vec!["/spec/template/spec/ephemeralContainers"],
        ),
        (
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a"},
                "spec": {"jobTemplate": {"spec": {"template": {"spec": {"ephemeralContainers": debugger}}}}}}),
            vec!["/spec/jobTemplate/spec/template/spec/ephemeralContainers"],
        ),
        (
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a"},
                "spec": {"template": {"spec": {"ephemeralContainers": []}}}}),
            vec![],
        ),
    ]);
    let claims = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "a"}, "spec": {
        "volumeClaimTemplates": [{"metadata": {"name": "data", "labels": {"a": 1}}}],
        "template": {"spec": {"volumes": [{"ephemeral": {"volumeClaimTemplate": {"metadata": {"annotations": {"b": true}}}}}]}}}});
    assert_eq!(
        places(&found(super::check, &manifest(&claims))),
        [
            "forbidden-output /spec/volumeClaimTemplates/0/metadata/labels/a",
            "forbidden-output /spec/template/spec/volumes/0/ephemeral/volumeClaimTemplate/metadata/annotations/b"
        ]
    );
}

#[test]
fn labels_and_annotations() {
    let with = |field: &str, value: Json| object("v1", "ConfigMap", json!({"name": "a", field: value}));
    let big = "x".repeat(256 * 1024);
    expect(&[
        (with("labels", json!({"a": "", "app.kubernetes.io/name": "Web_1.2-x"})), vec![]),
        (with("labels", json!({"a": "x".repeat(64)})), vec!["/metadata/labels/a"]),
        (
            with("labels", json!({"a": "-x", "b": "ä", "c": "x y", "d": 7, "e": null})),
            ["a", "b", "c", "d", "e"]
                .map(|key| -> &str { Box::leak(format!("/metadata/labels/{key}").into_boxed_str()) })
                .to_vec(),
        ),
        (
            with("labels", json!({"": "x", "Acme.dev/a": "x", "a/b/c": "x", "a.dev/": "x"})),
            vec![
                "/metadata/labels/",
                "/metadata/labels/Acme.dev~1a",
                "/metadata/labels/a.dev~1",
                "/metadata/labels/a~1b~1c",
            ],
        ),
        (with("labels", json!([])), vec!["/metadata/labels"]),
        (with("annotations", json!({"a.dev/b": "anything at all: ä"})), vec![]),
        (
            with("annotations", json!({"a b": "x", "c": true})),
            vec!["/metadata/annotations/a b", "/metadata/annotations/c"],
        ),
        // With the key, as much as there may be, and one more.
        (with("annotations", json!({"a": big[1..]})), vec![]),
        (with("annotations", json!({"a": big})), vec!["/metadata/annotations"]),
        (with("namespace", json!("a.b")), vec!["/metadata/namespace"]),
        (
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "a"}, "spec": {"jobTemplate": {"spec":
                {"template": {"metadata": {"labels": {"a": true}, "annotations": {"b": 1}}, "spec": {}}}}}}),
            vec![
                "/spec/jobTemplate/spec/template/metadata/labels/a",
                "/spec/jobTemplate/spec/template/metadata/annotations/b",
            ],
        ),
    ]);
}

#[test]
fn manifests_have_rules_of_their_own_for_the_rest() {
    let json = json!({"apiVersion": "v1", "kind": "Secret", "status": {}, "items": [{}], "metadata": {"name": "a_b", "finalizers": ["a/b"], "labels": {"x": 1}}});
    assert_eq!(
        places(&found(super::check, &manifest(&json))),
        ["forbidden-output /items", "forbidden-output /metadata/labels/x", "forbidden-output /metadata/name"]
    );
}

#[test]
fn a_name_with_an_expression_says_where_one_may_be() {
    for (version, kind, said) in [
        ("batch/v1", "Job", ", and an expression only where an image of the Job holds one"),
        ("v1", "Service", ", and no expression"),
    ] {
        let json = object(version, kind, json!({"name": "load-${{ pr.headShortSha7 }}"}));
        let findings = found(super::check, &manifest(&json));
        assert!(findings.iter().any(|finding| finding.message.ends_with(said)), "{findings:?}");
        let findings = found(super::check, &template(&json));
        assert!(!findings.iter().any(|finding| finding.message.ends_with(said)), "{findings:?}");
    }
}
