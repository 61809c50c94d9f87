//! What a platform has before the first preview: operations namespace, catalogue, Gateway, secret store, Argo CD's projects and
//! health checks. Made once per run; what an earlier, killed run left is removed first.

use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::argo::remove;
use crate::kube::{apply, documents, get, json as parse, kubectl, label, list, name, text};
use crate::operations;
use crate::process::{must, read, repository, run, setting, until};

static WORLD: OnceLock<bool> = OnceLock::new();

/// The label of whatever the tests make themselves.
pub(crate) const OWN: &str = "dayfly.dev/e2e";

pub(crate) fn prepare() {
    // Once, even if it fails: each test waiting for the same thing in vain would take most of an hour.
    let ready = WORLD.get_or_init(|| std::panic::catch_unwind(make).is_ok());
    assert!(ready, "the platform could not be prepared: the first test that failed says why");
}

fn make() {
    for program in ["kubectl", "argocd", "curl", "jq", "openssl"] {
        must("sh", &["-c", &format!("command -v {program}")], "");
    }
    ours_only();
    clean();
    health_checks();
    apply_asset("projects.yaml");
    apply(&documents(&read(&repository("deploy/projects/admission-policy.yaml"))));
    operations::install();
    apply_asset("platform.yaml");
    certificate();
    kubectl(&[
        "wait",
        "pod",
        "-A",
        "-l",
        "app in (postgres,mailpit,stranger,collector)",
        "--for=condition=Ready",
        "--timeout=60s",
    ]);
    until(60, || condition("clustersecretstore", "previews", "Ready"));
    until(60, || condition("gateway", "public", "Programmed"));
}

/// On somebody's own cluster nothing of theirs is changed or removed.
fn ours_only() {
    for namespace in ["preview-ops", "previews", "databases", "mailpit", "observability"] {
        let theirs = get("namespace", namespace, "").filter(|found| label(found, OWN).is_empty());
        assert!(
            theirs.is_none(),
            "namespace {namespace} is somebody's, and these tests need it for themselves: give it the label {OWN}=true if it may be theirs"
        );
    }
    let theirs = list("applications.argoproj.io", "argocd", &format!("!{OWN}"));
    let theirs = theirs.iter().map(name).find(|name| name.starts_with("storefront-pr-") && !name.ends_with("-app"));
    assert_eq!(theirs, None, "this Application is somebody's, and these tests need its name");
}

fn apply_asset(file: &str) {
    let yaml = read(&repository(&format!("e2e/assets/{file}")))
        .replace("$GIT", &setting("DAYFLY_E2E_GIT"))
        .replace("$IMAGE", &image())
        .replace("$SERVER", &setting("DAYFLY_E2E_SERVER_IMAGE"))
        .replace("$PASSWORD", operations::PASSWORD);
    apply(&documents(&yaml));
}

/// The stand-in, under the name that the team's image has.
pub(crate) fn image() -> String {
    format!("{}storefront:{}", setting("DAYFLY_E2E_REGISTRY"), setting("DAYFLY_E2E_HEAD"))
}

fn clean() {
    for application in list("applications.argoproj.io", "argocd", OWN) {
        remove(name(&application));
        // Broken beyond its own deletion, by a run that was killed; its namespaces go below.
        let free = json!({"metadata": {"finalizers": null}}).to_string();
        run(
            "kubectl",
            &["patch", "applications.argoproj.io", name(&application), "-n", "argocd", "--type=merge", "-p", &free],
            "",
        );
    }
    kubectl(&["delete", "jobs", "-n", "preview-ops", "-l", "dayfly.dev/step", "--wait", "--timeout=60s"]);
    // The shared server's data go with it.
    kubectl(&["delete", "pod", "postgres", "-n", "databases", "--ignore-not-found", "--wait", "--timeout=60s"]);
    let found = parse(&kubectl(&["get", "namespaces", "-o", "json"]));
    for namespace in crate::kube::array(&found, "/items") {
        if name(namespace).starts_with("storefront-pr-") {
            kubectl(&["delete", "namespace", name(namespace), "--ignore-not-found", "--wait", "--timeout=60s"]);
        }
    }
}

fn health_checks() {
    let shipped = read(&repository("deploy/argocd/health-checks.yaml"));
    let mut patch: Value = serde_yaml::from_str(&shipped).expect("a ConfigMap");
    // docs/databases/cnpg.md
    patch["data"]["resource.customizations.ignoreDifferences.snapshot.storage.k8s.io_VolumeSnapshotContent"] =
        json!("jsonPointers: [/spec/volumeSnapshotRef]");
    kubectl(&["patch", "configmap", "argocd-cm", "-n", "argocd", "--type=merge", "-p", &patch.to_string()]);
}

/// The wildcard certificate of the previews' domain, signed by itself; in the Gateway's namespace.
fn certificate() {
    let [certificate, key] = certificate_files();
    must(
        "openssl",
        &[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=previews",
            "-addext",
            "subjectAltName=DNS:*.preview.acme.dev",
            "-keyout",
            &key,
            "-out",
            &certificate,
        ],
        "",
    );
    let arguments = [
        "create",
        "secret",
        "tls",
        "wildcard",
        "-n",
        "previews",
        "--cert",
        &certificate,
        "--key",
        &key,
        "--dry-run=client",
        "-o",
        "json",
    ];
    apply(&[parse(&kubectl(&arguments))]);
}

pub(crate) fn certificate_files() -> [String; 2] {
    ["crt", "key"].map(|extension| format!("{}/wildcard.{extension}", env!("CARGO_TARGET_TMPDIR")))
}

fn condition(kind: &str, name: &str, wanted: &str) -> Result<(), String> {
    let done = run("kubectl", &["get", kind, name, "-n", "previews", "-o", "json"], "");
    if !done.ok {
        return Err(format!("{}is the add-on installed? see e2e/README.md", done.err));
    }
    let object = parse(&done.out);
    if has_condition(&object, wanted) { Ok(()) } else { Err(format!("{kind} {name}: {}", object["status"])) }
}

pub(crate) fn has_condition(object: &Value, wanted: &str) -> bool {
    crate::kube::array(object, "/status/conditions")
        .iter()
        .any(|condition| text(condition, "/type") == wanted && text(condition, "/status") == "True")
}
