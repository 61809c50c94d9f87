//! What the Pod Security Standards refuse, field by field.

use serde_json::{Value as Json, json};

use crate::finding::{Finding, Owner};
use crate::rules::common::test::{below, found, manifest, places, template};

fn run(json: &Json) -> Vec<Finding> {
    let findings = found(super::check, &manifest(json));
    let again = found(super::check, &template(json));
    assert!(again.iter().all(|f| f.owner == Owner::Platform) && findings.iter().all(|f| f.owner == Owner::Team));
    assert_eq!(places(&findings), places(&again), "templates keep the same rule");
    findings
}

fn deployment(pod: &Json) -> Json {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": pod}}})
}

fn good() -> Json {
    json!({"name": "web", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}}})
}

/// A good container with one field below its security context changed.
fn with(field: &str, value: Json) -> Json {
    let mut container = good();
    container["securityContext"][field] = value;
    json!({"containers": [container]})
}

/// A good container with one field of its own changed.
fn having(field: &str, value: Json) -> Json {
    let mut container = good();
    container[field] = value;
    json!({"containers": [container]})
}

/// A Pod of a good container, with one field more.
fn pod(field: &str, value: Json) -> Json {
    let mut pod = json!({"containers": [good()]});
    pod[field] = value;
    pod
}

fn expect(cases: Vec<(Json, Vec<&str>)>) {
    for (pod, expected) in cases {
        assert_eq!(places(&run(&deployment(&pod))), below("pod-security /spec/template/spec", &expected), "{pod}");
    }
}

#[test]
fn containers_are_restricted() {
    let at = |field: &str| -> &str { Box::leak(format!("/containers/0/securityContext/{field}").into_boxed_str()) };
    expect(vec![
        (json!({"containers": [good()]}), vec![]),
        (with("allowPrivilegeEscalation", json!(null)), vec![at("allowPrivilegeEscalation")]),
        (with("allowPrivilegeEscalation", json!(true)), vec![at("allowPrivilegeEscalation")]),
        (with("allowPrivilegeEscalation", json!("false")), vec![at("allowPrivilegeEscalation")]),
        (with("privileged", json!(false)), vec![]),
        (with("privileged", json!(true)), vec![at("privileged")]),
        (with("capabilities", json!({"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]})), vec![]),
        (with("capabilities", json!({"drop": ["all"]})), vec![at("capabilities/drop")]),
        (with("capabilities", json!(null)), vec![at("capabilities/drop")]),
        (
            with("capabilities", json!({"drop": ["ALL"], "add": ["CHOWN", "SYS_ADMIN"]})),
            vec![at("capabilities/add/0"), at("capabilities/add/1")],
        ),
        (with("capabilities", json!({"drop": ["ALL"], "add": "SYS_ADMIN"})), vec![at("capabilities/add")]),
        (with("runAsNonRoot", json!(null)), vec![at("runAsNonRoot")]),
        (with("runAsNonRoot", json!(false)), vec![at("runAsNonRoot")]),
        (with("runAsUser", json!(1000)), vec![]),
        (with("runAsUser", json!(0)), vec![at("runAsUser")]),
        (with("runAsUser", json!("0")), vec![at("runAsUser")]),
        (with("seccompProfile", json!(null)), vec![at("seccompProfile")]),
        (with("seccompProfile", json!({"type": "Localhost", "localhostProfile": "x"})), vec![]),
        (with("seccompProfile", json!({"type": "Unconfined"})), vec![at("seccompProfile/type")]),
        (with("seccompProfile", json!({})), vec![at("seccompProfile/type")]),
        (with("appArmorProfile", json!({"type": "RuntimeDefault"})), vec![]),
        (with("appArmorProfile", json!({"type": "Unconfined"})), vec![at("appArmorProfile/type")]),
        (with("procMount", json!("Default")), vec![]),
        (with("procMount", json!("Unmasked")), vec![at("procMount")]),
        (with("seLinuxOptions", json!({"type": "container_t", "user": "", "level": "s0"})), vec![]),
        (
            with("seLinuxOptions", json!({"type": "spc_t", "user": "root", "role": "r"})),
            vec![at("seLinuxOptions/role"), at("seLinuxOptions/type"), at("seLinuxOptions/user")],
        ),
        (with("windowsOptions", json!({"hostProcess": true})), vec![at("windowsOptions/hostProcess")]),
    ]);
}

#[test]
fn a_pod_speaks_for_its_containers() {
    let bare =
        json!({"name": "a", "securityContext": {"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}}});
    let all = |context: Json| json!({"securityContext": context, "initContainers": [bare], "containers": [good(), bare], "ephemeralContainers": [bare]});
    let missing = |field: &str| {
        ["initContainers/0", "containers/1", "ephemeralContainers/0"]
            .map(|c| -> &str { Box::leak(format!("/{c}/securityContext/{field}").into_boxed_str()) })
            .to_vec()
    };
    let profile = json!({"type": "RuntimeDefault"});
    expect(vec![
        (all(json!({"runAsNonRoot": true, "seccompProfile": profile})), vec![]),
        (all(json!({"seccompProfile": profile})), missing("runAsNonRoot")),
        (all(json!({"runAsNonRoot": true})), missing("seccompProfile")),
        (
            json!({"containers": [{"name": "a"}, {"securityContext": null}]}),
            vec!["/containers/0/securityContext", "/containers/1/securityContext"],
        ),
        // The Pod's own mistake is said once, and not again for its containers.
        (
            all(json!({"runAsNonRoot": true, "seccompProfile": {"type": "Unconfined"}})),
            vec!["/securityContext/seccompProfile/type"],
        ),
        (
            pod("securityContext", json!({"runAsNonRoot": false, "runAsUser": 0})),
            vec!["/securityContext/runAsNonRoot", "/securityContext/runAsUser"],
        ),
        (
            pod("securityContext", json!({"sysctls": [{"name": "net.ipv4.tcp_rmem"}, {"name": "kernel.msgmax"}, {}]})),
            vec!["/securityContext/sysctls/1/name", "/securityContext/sysctls/2/name"],
        ),
        (
            pod(
                "securityContext",
                json!({"seLinuxOptions": {"type": "spc_t"}, "windowsOptions": {"hostProcess": false}}),
            ),
            vec!["/securityContext/seLinuxOptions/type"],
        ),
        (
            pod("securityContext", json!({"appArmorProfile": {"type": "Unconfined"}})),
            vec!["/securityContext/appArmorProfile/type"],
        ),
    ]);
}

#[test]
fn the_host_stays_away() {
    expect(vec![
        (pod("hostNetwork", json!(false)), vec![]),
        (pod("hostNetwork", json!(true)), vec!["/hostNetwork"]),
        (pod("hostPID", json!("yes")), vec!["/hostPID"]),
        (pod("hostIPC", json!(true)), vec!["/hostIPC"]),
        (pod("os", json!({"name": "linux"})), vec![]),
        (pod("os", json!({"name": "windows"})), vec!["/os/name"]),
        (
            pod(
                "volumes",
                json!([{"name": "a"}, {"name": "b", "emptyDir": {}, "hostPath": null}, {"secret": {}}, {"image": {}}]),
            ),
            vec![],
        ),
        (
            pod("volumes", json!([{"hostPath": {"path": "/"}}, {"emptyDir": {}, "nfs": {}}, {"a/b": 1}])),
            vec!["/volumes/0/hostPath", "/volumes/1/nfs", "/volumes/2/a~1b"],
        ),
        (pod("volumes", json!({"hostPath": {}})), vec!["/volumes"]),
        (pod("initContainers", json!({"name": "x"})), vec!["/initContainers"]),
        (
            having("ports", json!([{"containerPort": 80, "hostPort": 0}, {"hostPort": 80}])),
            vec!["/containers/0/ports/1/hostPort"],
        ),
        (having("livenessProbe", json!({"httpGet": {"path": "/", "host": ""}})), vec![]),
        (
            having("livenessProbe", json!({"httpGet": {"host": "evil.io"}})),
            vec!["/containers/0/livenessProbe/httpGet/host"],
        ),
        (
            having("startupProbe", json!({"tcpSocket": {"host": "10.0.0.1"}})),
            vec!["/containers/0/startupProbe/tcpSocket/host"],
        ),
        (
            having("lifecycle", json!({"preStop": {"httpGet": {"host": "169.254.169.254"}}})),
            vec!["/containers/0/lifecycle/preStop/httpGet/host"],
        ),
    ]);
}

#[test]
fn every_maker_of_pods() {
    let pod = json!({"hostNetwork": true, "containers": []});
    let template = json!({"metadata": {"annotations": {
        "container.apparmor.security.beta.kubernetes.io/web": "unconfined",
        "container.apparmor.security.beta.kubernetes.io/a": "localhost/x"}}, "spec": pod});
    let cases = [
        (json!({"apiVersion": "v1", "kind": "Pod", "spec": pod}), vec!["/spec/hostNetwork"]),
        (
            json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": template}}),
            vec![
                "/spec/template/spec/hostNetwork",
                "/spec/template/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1web",
            ],
        ),
        (
            json!({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"jobTemplate": {"spec": {"template": template}}}}),
            vec![
                "/spec/jobTemplate/spec/template/spec/hostNetwork",
                "/spec/jobTemplate/spec/template/metadata/annotations/container.apparmor.security.beta.kubernetes.io~1web",
            ],
        ),
        (json!({"apiVersion": "v1", "kind": "ConfigMap", "spec": pod}), vec![]),
    ];
    for (json, expected) in cases {
        assert_eq!(places(&run(&json)), below("pod-security ", &expected), "{json}");
    }
}

/// One thing, however much of it is missing.
#[test]
fn a_container_that_says_nothing_is_told_all() {
    let found = run(&deployment(&json!({"containers": [{"name": "a"}]})));
    let message = "container `a` must set in its `securityContext`: `allowPrivilegeEscalation: false`, `capabilities: {drop: [ALL]}`, \
                   `runAsNonRoot: true` (or its Pod), `seccompProfile: {type: RuntimeDefault}` (or its Pod)";
    assert_eq!(found.iter().map(|finding| &*finding.message).collect::<Vec<_>>(), [message]);
}
