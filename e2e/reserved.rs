//! What belongs to a preview's own database: whatever a pull request's source asks for, its account, its Services and its volumes are
//! nobody else's. `deploy/projects/admission-policy.yaml` says so, and the real API server is asked.

use serde_json::{Value, json};

use crate::kube::{apply, delete, kubectl};
use crate::process::until;
use crate::walls::{by, config, job, never};
use crate::world::{OWN, prepare};

const SPACE: &str = "storefront-pr-222";
const CHILD: &str = "storefront-pr-222-app";
/// As dayfly writes it for a CloudNativePG server.
const RESERVED: &str = "Secret/x,ServiceAccount/dayfly-database,ServiceAccount/secret-store,ServiceAccount/database-main,\
    Service/database-main-rw,PersistentVolumeClaim/database-main-,VolumeSnapshot/database-main-";

const OF_A_DATABASE: &str = "a volume is one of the preview's databases";

fn child(object: Value) -> Result<(), String> {
    by(CHILD, object)
}

fn pod(spec: &Value) -> Result<(), String> {
    child(job(SPACE, &json!({}), spec, &json!({})))
}

fn volume(volume: &Value) -> Result<(), String> {
    pod(&json!({"volumes": [volume]}))
}

fn claim(more: &Value) -> Value {
    let mut spec = json!({"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}});
    spec.as_object_mut().expect("a map").extend(more.as_object().expect("a map").clone());
    spec
}

fn snapshot(name: &str) -> Value {
    json!({"apiGroup": "snapshot.storage.k8s.io", "kind": "VolumeSnapshot", "name": name})
}

fn volume_claim(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name, "namespace": SPACE}, "spec": spec})
}

fn stateful_set(name: &str, replicas: i64, volume: &str, spec: &Value) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": name, "namespace": SPACE},
        "spec": {
            "replicas": replicas, "serviceName": name, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "a", "image": "a"}]}},
            "volumeClaimTemplates": [{"metadata": {"name": volume}, "spec": spec}],
        },
    })
}

/// Storefront has no server of its own, so the Namespace is made here.
#[test]
fn a_child_application_gets_nothing_of_a_database_s_server() {
    prepare();
    apply(&[json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": SPACE, "labels": {OWN: "true", "dayfly.dev/environment": SPACE}, "annotations": {
            "dayfly.dev/application": format!("argocd/{CHILD}"), "dayfly.dev/reserved": RESERVED}},
    })]);
    accounts();
    volumes();
    names();
    // A child that the other policy would not take for a pull request's.
    kubectl(&["annotate", "namespace", SPACE, "--overwrite", "dayfly.dev/application=argocd/storefront"]);
    until(30, || match by("storefront", config(SPACE)) {
        Err(error) if error.contains("is not called as policy dayfly-pull-requests expects") => Ok(()),
        done => Err(format!("{done:?}")),
    });
    delete("namespace", SPACE, "", 60);
}

fn accounts() {
    let under = |account: &str| pod(&json!({"serviceAccountName": account}));
    until(30, || under("default"));
    for account in ["dayfly-database", "secret-store", "database-main"] {
        never(
            under(account),
            "this ServiceAccount is for the Jobs of the preview's databases, or for its secret store",
        );
    }
    never(pod(&json!({"serviceAccount": "secret-store"})), "this ServiceAccount is for");
}

/// The volumes of the server, and copies of them.
fn volumes() {
    let mounted = |name: &str| volume(&json!({"name": "a", "persistentVolumeClaim": {"claimName": name}}));
    let ephemeral = |spec: &Value| volume(&json!({"name": "a", "ephemeral": {"volumeClaimTemplate": {"spec": spec}}}));
    let inline = |secret: &str| {
        volume(&json!({"name": "a", "csi": {"driver": "a.b", "nodePublishSecretRef": {"name": secret}}}))
    };
    mounted("database-mainly").expect("a claim of its own");
    child(volume_claim("copy", &claim(&json!({"dataSource": snapshot("own")})))).expect("a copy of its own");
    child(stateful_set("cache", 1000, "data", &claim(&json!({})))).expect("a StatefulSet of its own");
    inline("own").expect("a volume of its own");
    for refused in [
        mounted("database-main-1"),
        child(volume_claim("copy", &claim(&json!({"dataSource": snapshot("database-main-t61sre40")})))),
        child(volume_claim(
            "copy",
            &claim(&json!({"dataSourceRef": {"kind": "PersistentVolumeClaim", "name": "database-main-2"}})),
        )),
        ephemeral(&claim(&json!({"dataSource": snapshot("database-main-t61sre40")}))),
        child(stateful_set("copies", 1, "a", &claim(&json!({"dataSource": snapshot("database-main-t61sre40")})))),
        // Its first Pod's claim is `database-main-0`, whoever made that.
        child(stateful_set("main", 1, "database", &claim(&json!({})))),
    ] {
        never(refused, OF_A_DATABASE);
    }
    never(inline("x"), "a volume is a Secret that is for the Jobs");
    never(child(stateful_set("cache", 1001, "data", &claim(&json!({})))), "has at most 1000 replicas");
}

/// What the operator makes is tracked by no Application, so Argo CD would take it over.
fn names() {
    let service = |name: &str| {
        child(json!({
            "apiVersion": "v1", "kind": "Service", "metadata": {"name": name, "namespace": SPACE}, "spec": {"ports": [{"port": 5432}]},
        }))
    };
    service("database-main").expect("a Service of its own");
    for refused in [service("database-main-rw"), child(volume_claim("database-main-1", &claim(&json!({}))))] {
        never(refused, "an object of this name belongs to one of the preview's databases");
    }
}
