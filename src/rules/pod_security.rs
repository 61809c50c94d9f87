//! Pods keep the Pod Security Standards, level *restricted*.
//!
//! The namespace enforces them too, but on Pods only: a Deployment that breaks them is admitted, and nothing of it ever
//! starts. Source: `k8s.io/pod-security-admission` v0.36, folder `policy`, whose checks stand here in the order of their
//! fields; exceptions for Windows and for user namespaces (`hostUsers: false`) are not made. A value of the wrong type
//! counts as the worst: the API server would refuse it, but after this.

use super::{
    Bounds,
    common::{Container, containers, finding, pod_spec, shown, stated},
};
use crate::{
    finding::{Finding, Rule, Severity, visible},
    objects::Object,
    value::{Value, child},
};

/// What `check` finds in any object's Pods, as the API server would when it admits them.
pub static POD_SECURITY: Rule = Rule {
    code: "pod-security",
    severity: Severity::Error,
    summary: "a Pod keeps the Pod Security Standards, level restricted",
    explanation: "A preview runs code that nobody has reviewed yet. The namespace enforces the *restricted* level of the \
        [Pod Security Standards](https://kubernetes.io/docs/concepts/security/pod-security-standards/); this rule says so \
        before anything is deployed, since Kubernetes admits a Deployment that breaks them and then never starts its \
        Pods.\n\n\
        What every container needs:\n\n\
        ```yaml\n\
        securityContext:\n\
        \x20 allowPrivilegeEscalation: false\n\
        \x20 capabilities: {drop: [ALL]}\n\
        \x20 runAsNonRoot: true               # here or in the Pod's securityContext\n\
        \x20 seccompProfile: {type: RuntimeDefault}   # likewise\n\
        ```\n\n\
        Not allowed are the host's namespaces, ports, paths and processes, privileged containers, added capabilities \
        (`NET_BIND_SERVICE` apart), user 0, unsafe sysctls, volumes other than `configMap`, `csi`, `downwardAPI`, \
        `emptyDir`, `ephemeral`, `image`, `persistentVolumeClaim`, `projected` and `secret`, other SELinux types, AppArmor \
        and seccomp switched off, an unmasked `/proc`, and `host` in probes and lifecycle hooks. Pods for Windows are not \
        supported.",
};

const VOLUMES: [&str; 9] = [
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "image",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Namespaced and isolated, as of Kubernetes 1.32.
const SYSCTLS: [&str; 12] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_rmem",
    "net.ipv4.tcp_wmem",
];

/// As of Kubernetes 1.31.
const SELINUX_TYPES: [&str; 5] = ["", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"];

const APPARMOR_ANNOTATION: &str = "container.apparmor.security.beta.kubernetes.io/";

/// Refuses what stands at a pointer below the Pod's spec.
type Refuse<'r> = &'r mut dyn FnMut(String, String);

/// What a security context says of the two things that a Pod may say for its containers.
#[derive(Clone, Copy, Default)]
struct Said {
    non_root: bool,
    seccomp: bool,
}

pub(crate) fn check(object: &Object, _: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let Some((base, pod)) = pod_spec(object) else { return };
    let mut refuse = |rest: String, message: String| {
        findings.push(finding(&POD_SECURITY, object, format!("{base}{rest}"), message));
    };
    let mut said = Said::default();
    for (field, value) in pod.entries() {
        match field {
            "hostNetwork" | "hostPID" | "hostIPC" => must_be_off(value, || format!("/{field}"), &mut refuse),
            "securityContext" => said = pod_context(value, &mut refuse),
            "volumes" => volumes(value, &mut refuse),
            "os" => {
                if let Some(name) = stated(value, "name").filter(|name| name.as_str() != Some("linux")) {
                    refuse(
                        "/os/name".to_owned(),
                        format!("Pods for {} are not supported; allowed: `linux`", shown(name)),
                    );
                }
            }
            "containers" | "initContainers" | "ephemeralContainers" => {
                must_be_list(value, || format!("/{field}"), &mut refuse);
            }
            _ => {}
        }
    }
    for container in containers("", pod) {
        check_container(container, said, &mut refuse);
    }
    apparmor_annotations(object, findings);
}

/// The Pod's own `securityContext`, and what its containers need not say again.
fn pod_context(context: &Value, refuse: Refuse<'_>) -> Said {
    let at = |rest: &str| format!("/securityContext{rest}");
    for (field, value) in context.entries() {
        match field {
            "sysctls" => {
                must_be_list(value, || at("/sysctls"), refuse);
                for (index, sysctl) in value.items().iter().enumerate() {
                    let name = sysctl.str_at(&["name"]).unwrap_or_default();
                    if !SYSCTLS.contains(&name) {
                        let message = format!("sysctl `{}` is not one of the safe ones", visible(name));
                        refuse(at(&format!("/sysctls/{index}/name")), message);
                    }
                }
            }
            _ => common(field, value, &at, refuse),
        }
    }
    Said {
        non_root: context.get("runAsNonRoot") == Some(&Value::Bool(true)),
        seccomp: stated(context, "seccompProfile").is_some(),
    }
}

fn check_container(container: Container<'_>, pod: Said, refuse: Refuse<'_>) {
    let at = |rest: &str| container.pointer(rest);
    for (field, value) in container.value.entries() {
        match field {
            "ports" => {
                must_be_list(value, || at("/ports"), refuse);
                for (index, port) in value.items().iter().enumerate() {
                    if let Some(host) = port.get("hostPort").filter(|host| host.is_truthy()) {
                        let message =
                            format!("container `{}` takes port {} of the node", container.name(), shown(host));
                        refuse(at(&format!("/ports/{index}/hostPort")), message);
                    }
                }
            }
            "livenessProbe" | "readinessProbe" | "startupProbe" => handler(value, &container, field, refuse),
            "lifecycle" => {
                for hook in ["postStart", "preStop"] {
                    if let Some(hooked) = value.get(hook) {
                        handler(hooked, &container, &format!("lifecycle/{hook}"), refuse);
                    }
                }
            }
            _ => {}
        }
    }
    context(container, pod, refuse);
}

/// Since 1.34: the kubelet asks from the node, so a `host` would have it ask anybody.
fn handler(value: &Value, container: &Container<'_>, field: &str, refuse: Refuse<'_>) {
    for kind in ["httpGet", "tcpSocket"] {
        if let Some(host) = value.get(kind).and_then(|action| action.get("host")).filter(|host| host.is_truthy()) {
            let message =
                format!("container `{}` has the node ask host {}; allowed: no `host`", container.name(), shown(host));
            refuse(container.pointer(&format!("/{field}/{kind}/host")), message);
        }
    }
}

/// A container's `securityContext`.
fn context(container: Container<'_>, pod: Said, refuse: Refuse<'_>) {
    let at = |rest: &str| container.pointer(&format!("/securityContext{rest}"));
    let (mut no_escalation, mut drops_all, mut said) = (false, false, pod);
    for (field, value) in container.value.entries_at(&["securityContext"]) {
        match field {
            "allowPrivilegeEscalation" => no_escalation = *value == Value::Bool(false),
            "privileged" => must_be_off(value, || at("/privileged"), refuse),
            "capabilities" => {
                drops_all =
                    value.get("drop").is_some_and(|drop| drop.items().iter().any(|c| c.as_str() == Some("ALL")));
                let added = value.get("add").unwrap_or(&Value::Null);
                must_be_list(added, || at("/capabilities/add"), refuse);
                for (index, capability) in added.items().iter().enumerate() {
                    if capability.as_str() != Some("NET_BIND_SERVICE") {
                        let message = format!(
                            "container `{}` adds capability {}; allowed: `NET_BIND_SERVICE`",
                            container.name(),
                            shown(capability)
                        );
                        refuse(at(&format!("/capabilities/add/{index}")), message);
                    }
                }
            }
            "procMount" => {
                if !matches!(value, Value::Null) && value.as_str() != Some("Default") {
                    refuse(at("/procMount"), format!("`procMount` is {}; allowed: `Default`", shown(value)));
                }
            }
            _ => {
                match field {
                    // `common` says so if it is something else.
                    "runAsNonRoot" if *value != Value::Null => said.non_root = true,
                    "seccompProfile" if *value != Value::Null => said.seccomp = true,
                    _ => {}
                }
                common(field, value, &at, refuse);
            }
        }
    }
    if no_escalation && drops_all && said.non_root && said.seccomp {
        return;
    }
    let missing: Vec<(&str, &str)> = [
        (no_escalation, "/allowPrivilegeEscalation", "`allowPrivilegeEscalation: false`"),
        (drops_all, "/capabilities/drop", "`capabilities: {drop: [ALL]}`"),
        (said.non_root, "/runAsNonRoot", "`runAsNonRoot: true` (or its Pod)"),
        (said.seccomp, "/seccompProfile", "`seccompProfile: {type: RuntimeDefault}` (or its Pod)"),
    ]
    .into_iter()
    .filter_map(|(is_set, pointer, text)| (!is_set).then_some((pointer, text)))
    .collect();
    // Who has set none of them lacks one thing.
    if let Some((pointer, _)) = missing.first() {
        let texts: Vec<&str> = missing.iter().map(|(_, text)| *text).collect();
        let message =
            format!("container `{}` must set in its `securityContext`: {}", container.name(), texts.join(", "));
        refuse(at(if missing.len() > 1 { "" } else { pointer }), message);
    }
}

/// Fields that a Pod's and a container's context share.
fn common(field: &str, value: &Value, at: &dyn Fn(&str) -> String, refuse: Refuse<'_>) {
    if *value == Value::Null {
        return;
    }
    match field {
        "runAsNonRoot" if *value != Value::Bool(true) => {
            refuse(at("/runAsNonRoot"), format!("`runAsNonRoot` is {}; allowed: `true`", shown(value)));
        }
        "runAsUser" if !matches!(value, Value::Int(user) if *user != 0) => {
            refuse(at("/runAsUser"), format!("`runAsUser` is {}; allowed: a number other than 0", shown(value)));
        }
        "seccompProfile" | "appArmorProfile" => {
            let kind = value.get("type").unwrap_or(&Value::Null);
            if !matches!(kind.as_str(), Some("RuntimeDefault" | "Localhost")) {
                let message = format!("`{field}` is {}; allowed: `RuntimeDefault`, `Localhost`", shown(kind));
                refuse(at(&format!("/{field}/type")), message);
            }
        }
        "seLinuxOptions" => {
            for (name, option) in value.entries() {
                let allowed: &[&str] = match name {
                    "type" => &SELINUX_TYPES,
                    "user" | "role" => &[""],
                    _ => continue,
                };
                if *option != Value::Null && !option.as_str().is_some_and(|option| allowed.contains(&option)) {
                    let message = format!("SELinux {name} {} is not a container's", shown(option));
                    refuse(at(&format!("/seLinuxOptions/{name}")), message);
                }
            }
        }
        "windowsOptions" => {
            if let Some(process) = value.get("hostProcess") {
                must_be_off(process, || at("/windowsOptions/hostProcess"), refuse);
            }
        }
        _ => {}
    }
}

/// A volume is of exactly one kind; one without any is an `emptyDir`.
fn volumes(volumes: &Value, refuse: Refuse<'_>) {
    must_be_list(volumes, || "/volumes".to_owned(), refuse);
    for (index, volume) in volumes.items().iter().enumerate() {
        for (kind, value) in volume.entries() {
            if kind != "name" && *value != Value::Null && !VOLUMES.contains(&kind) {
                let message = format!("a volume of kind `{}` is not allowed", visible(kind));
                refuse(child(&format!("/volumes/{index}"), kind), message);
            }
        }
    }
}

/// The old way to choose the profile of `AppArmor`, which 1.36 still reads.
fn apparmor_annotations(object: &Object, findings: &mut Vec<Finding>) {
    let Some(pods) = object.pods_pointer() else { return };
    let pointer = &format!("{pods}/metadata/annotations");
    let Some(annotations) = object.value.pointer(pointer) else { return };
    for (key, value) in annotations.entries().filter(|(key, _)| key.starts_with(APPARMOR_ANNOTATION)) {
        if !value.as_str().is_some_and(|text| matches!(text, "" | "runtime/default") || text.starts_with("localhost/"))
        {
            let message = format!("AppArmor profile {} is not allowed", shown(value));
            findings.push(finding(&POD_SECURITY, object, child(pointer, key), message));
        }
    }
}

fn must_be_off(value: &Value, pointer: impl FnOnce() -> String, refuse: Refuse<'_>) {
    if !matches!(value, Value::Null | Value::Bool(false)) {
        let pointer = pointer();
        let field = pointer.rsplit('/').next().unwrap_or_default();
        let message = format!("`{field}` is {}; allowed: `false`, or nothing", shown(value));
        refuse(pointer, message);
    }
}

/// A list that is something else would hide what it holds.
fn must_be_list(value: &Value, pointer: impl FnOnce() -> String, refuse: Refuse<'_>) {
    if !matches!(value, Value::Null | Value::List(_)) {
        let pointer = pointer();
        let field = pointer.rsplit('/').next().unwrap_or_default();
        let message = format!("`{field}` must be a list, not {}", value.kind_name());
        refuse(pointer, message);
    }
}

#[cfg(test)]
mod tests;
