//! Pods of the tests, and connections tried from inside a Pod.

use serde_json::{Value, json};

use crate::kube::{apply, array, get, kubectl, list, name, text};
use crate::process::{run, until};
use crate::world::{OWN, image};

/// A Pod in which the stand-in is.
pub(crate) struct Inside {
    namespace: String,
    name: String,
}

/// A Pod that does nothing, as restricted as Pod Security wants it, with no word about resources.
pub(crate) fn sleeper(namespace: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {OWN: "true"}},
        "spec": {
            "automountServiceAccountToken": false,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 1,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": "main", "image": image(), "args": ["sleep"],
                "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": true},
            }],
        },
    })
}

impl Inside {
    /// Starts a Pod of our own.
    pub(crate) fn start(namespace: &str, name: &str) -> Self {
        apply(&[sleeper(namespace, name)]);
        kubectl(&["wait", "pod", name, "-n", namespace, "--for=condition=Ready", "--timeout=60s"]);
        Self { namespace: namespace.into(), name: name.into() }
    }

    pub(crate) fn existing(namespace: &str, name: &str) -> Self {
        Self { namespace: namespace.into(), name: name.into() }
    }

    /// The first running Pod that a Deployment's selector finds.
    pub(crate) fn of(namespace: &str, deployment: &str) -> Self {
        let found = get("deployment", deployment, namespace)
            .unwrap_or_else(|| panic!("no Deployment {deployment} in {namespace}"));
        let selector = found["spec"]["selector"]["matchLabels"].as_object().expect("a Deployment selects by labels");
        let labels: Vec<String> =
            selector.iter().map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
        let pods = list("pods", namespace, &labels.join(","));
        let running = pods
            .iter()
            .find(|pod| text(pod, "/status/phase") == "Running" && pod["metadata"]["deletionTimestamp"].is_null());
        Self {
            namespace: namespace.into(),
            name: name(running.unwrap_or_else(|| panic!("{deployment} has no running Pod"))).into(),
        }
    }

    pub(crate) fn address(&self) -> String {
        let pod = get("pod", &self.name, &self.namespace).expect("the Pod is still there");
        text(&pod, "/status/podIP").into()
    }

    fn standin(&self, command: &str, argument: &str) -> Result<(), String> {
        let done =
            run("kubectl", &["exec", "-n", &self.namespace, &self.name, "--", "/standin", command, argument], "");
        if done.ok {
            Ok(())
        } else {
            Err(format!("{}/{} {command} {argument}: {}", self.namespace, self.name, done.err))
        }
    }

    pub(crate) fn resolves(&self, name: &str) {
        until(15, || self.standin("resolve", name));
    }

    pub(crate) fn reaches(&self, target: &str) {
        until(15, || self.standin("dial", target));
    }

    /// Twice blocked by silence: a policy drops, whereas a target where nobody listens refuses.
    pub(crate) fn is_kept_from(&self, target: &str) {
        let blocked = || match self.standin("dial", target) {
            Err(error) if error.contains("timeout") => Ok(()),
            Err(error) => Err(format!("not dropped, but {error}")),
            Ok(()) => Err(format!("{}/{} reaches {target}", self.namespace, self.name)),
        };
        until(15, blocked);
        blocked().unwrap_or_else(|error| panic!("{error}"));
    }
}

/// A Service's own address and port, by its DNS name.
pub(crate) fn service(namespace: &str, name: &str) -> String {
    let service = get("service", name, namespace).unwrap_or_else(|| panic!("no Service {name} in {namespace}"));
    format!("{name}.{namespace}.svc:{}", array(&service, "/spec/ports")[0]["port"])
}

/// The resources that the first container ended up with.
pub(crate) fn resources(pod: &Value) -> &Value {
    &array(pod, "/spec/containers")[0]["resources"]
}
