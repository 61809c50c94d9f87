//! Pods of the tests, and connections tried from inside a Pod.

use serde_json::{Value, json as object};

use crate::kube::{apply, array, get, json, kubectl, list, name, text};
use crate::process::{run, until};
use crate::world::{OWN, image};

/// A Pod in which the stand-in is.
pub(crate) struct Inside {
    namespace: String,
    name: String,
}

/// A Pod that does nothing, as restricted as Pod Security wants it, with no word about resources.
pub(crate) fn sleeper(namespace: &str, name: &str) -> Value {
    object!({
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
        self.tell(&[command, argument], "").map(drop)
    }

    /// What the stand-in answers to a command.
    pub(crate) fn tell(&self, command: &[&str], input: &str) -> Result<String, String> {
        let exec = ["exec", "-i", "-n", &self.namespace, &self.name, "--", "/standin"];
        let done = run("kubectl", &[&exec, command].concat(), input);
        if done.ok {
            Ok(done.out)
        } else {
            Err(format!("{}/{} {}: {}{}", self.namespace, self.name, command.join(" "), done.err, done.out))
        }
    }

    /// What the workload reads from its database.
    pub(crate) fn rows(&self) -> Value {
        let web = service(&self.namespace, "web");
        json(&until(20, || self.tell(&["get", &format!("http://{web}/rows")], "")))
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
