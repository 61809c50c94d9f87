//! Quota, limit range, Pod Security and network policies do on real Pods what they claim.

use std::fmt::Debug;

use serde_json::{Value, json};

use crate::argo::{CLOSED, Environment, OPEN, SPLIT, story};
use crate::case::Case;
use crate::kube::{apply, create, get, kind, kubectl, name, text};
use crate::pods::{Inside, resources, service, sleeper};
use crate::process::{run, setting, until};
use crate::world::{OWN, prepare};

/// Creating must fail, and for this reason.
fn refused(object: &Value, because: &str) {
    never(create(object), because);
}

#[test]
fn pod_security_refuses_what_restricted_refuses() {
    let environment = OPEN.get();
    let mut pod = sleeper(&environment.name, "privileged");
    pod["spec"]["containers"][0]["securityContext"] = json!({"privileged": true});
    refused(&pod, "violates PodSecurity \"restricted:");
    let mut pod = sleeper(&environment.name, "host");
    pod["spec"]["hostNetwork"] = true.into();
    refused(&pod, "violates PodSecurity \"restricted:");
    let mut pod = sleeper(&environment.name, "root");
    pod["spec"]["securityContext"] = json!({});
    refused(&pod, "violates PodSecurity \"restricted:");
}

#[test]
fn a_container_without_resources_gets_the_defaults_and_one_with_too_much_is_refused() {
    let environment = OPEN.get();
    let made = create(&sleeper(&environment.name, "defaults")).expect("a Pod without resources is accepted");
    let defaults =
        get("limitrange", "preview", &environment.name).expect("the environment has a LimitRange")["spec"]["limits"][0]
            .clone();
    let resources = resources(&made);
    assert_eq!(resources["limits"], defaults["default"], "the limits are not the profile's");
    assert_eq!(resources["requests"], defaults["defaultRequest"], "the requests are not the profile's");

    let mut pod = sleeper(&environment.name, "huge");
    pod["spec"]["containers"][0]["resources"] = json!({"limits": {"memory": "64Gi"}});
    refused(&pod, "maximum memory usage per Container");
    // What rule `container-resources` says of manifests.
    let mut pod = sleeper(&environment.name, "asks-above-the-default");
    pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "600m"}});
    refused(&pod, "must be less than or equal to cpu limit of 500m");
}

#[test]
fn pods_over_the_quota_are_refused() {
    let environment = OPEN.get();
    let quota = get("resourcequota", "preview", &environment.name).expect("the environment has a ResourceQuota");
    let all = text(&quota, "/spec/hard/requests.cpu");
    let mut pod = sleeper(&environment.name, "greedy");
    // With what runs already, this is too much; and it is within what one container may have.
    pod["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": all}, "limits": {"cpu": all}});
    refused(&pod, "exceeded quota: preview");
}

#[test]
fn network_policies_open_exactly_what_was_asked_for() {
    let (environment, neighbour) = (OPEN.get(), CLOSED.get());
    let (web, worker) = (Inside::of(&environment.name, "web"), Inside::of(&environment.name, "worker"));
    let address = |namespace: &str, pod: &str| Inside::existing(namespace, pod).address();
    let web_port = format!("{}:8080", web.address());

    // A Pod of no service, so that nothing is open only for labels that the services have.
    let plain = Inside::start(&environment.name, "plain");
    plain.resolves("web");
    plain.reaches(&service(&environment.name, "web"));
    worker.reaches(&web_port);
    web.reaches(&format!("{}:1025", address("mailpit", "mailpit")));
    web.reaches("otel-collector.observability.svc:4317");
    web.reaches(&format!("{}:5432", address("databases", "postgres")));

    web.is_kept_from(&format!("{}:8025", address("mailpit", "mailpit")));
    web.is_kept_from(&format!("{}:1025", address("mailpit", "stranger")));
    // The public internet is open for api.stripe.com; the API server and the cloud's metadata are not it.
    web.is_kept_from("kubernetes.default.svc:443");
    web.is_kept_from("169.254.169.254:443");

    Inside::existing("mailpit", "stranger").is_kept_from(&web_port);
    Inside::of(&neighbour.name, "worker").is_kept_from(&web_port);
    let edge = Inside::start("traefik", "dayfly-e2e-edge");
    edge.reaches(&web_port);
    edge.is_kept_from(&format!("{}:8080", Inside::of(&environment.name, "search").address()));
    kubectl(&["delete", "pod", "-n", "traefik", "-l", OWN, "--ignore-not-found"]);
}

/// The `AppProject` allows every preview's namespace, and Argo CD asks for no more.
#[test]
fn a_pull_request_cannot_put_anything_into_another_one_s_preview() {
    let neighbour = Environment::sync(Case::new("storefront", 251), &SPLIT);
    let thief = Environment::begin(Case::new("storefront", 250).of("storefront-thief"), &SPLIT);
    let child = until(180, || {
        let child = get("applications.argoproj.io", &format!("{}-app", thief.name), "argocd").ok_or("no child yet")?;
        match text(&child, "/status/operationState/phase") {
            "Failed" => Ok(child),
            phase => {
                assert_ne!(phase, "Succeeded", "what names {} was synced", neighbour.name);
                Err(story(&child))
            }
        }
    });
    let story = story(&child);
    assert!(story.contains("may not write into namespace storefront-pr-251"), "{story}");
    assert!(get("deployment", "thief", &neighbour.name).is_none(), "the thief got in: {story}");
    neighbour.refresh("normal");
    neighbour.wait("Synced", "Healthy");
}

const ARGO_CD: &str = "--as=system:serviceaccount:argocd:argocd-application-controller";

/// Argo CD's application controller creates an object, of which it says that it is an Application's.
pub(crate) fn by(application: &str, mut object: Value) -> Result<(), String> {
    let group = text(&object, "/apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
    let id =
        format!("{application}:{group}/{}:{}/{}", kind(&object), text(&object, "/metadata/namespace"), name(&object));
    if !application.is_empty() {
        object["metadata"]["annotations"] = json!({"argocd.argoproj.io/tracking-id": id});
    }
    let done = run("kubectl", &["create", "--dry-run=server", ARGO_CD, "-f", "-"], &object.to_string());
    if done.ok { Ok(()) } else { Err(done.err) }
}

pub(crate) fn config(namespace: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": namespace}})
}

/// A Job with these labels on its Pods, with more fields in their spec and in their container.
pub(crate) fn job(namespace: &str, labels: &Value, pod: &Value, container: &Value) -> Value {
    let mut spec = sleeper(namespace, "x")["spec"].take();
    for (target, more) in [("", pod), ("/containers/0", container)] {
        let target = spec.pointer_mut(target).and_then(Value::as_object_mut).expect("a Pod's spec with a container");
        target.extend(more.as_object().cloned().unwrap_or_default());
    }
    json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x", "namespace": namespace},
        "spec": {"template": {"metadata": {"labels": labels}, "spec": spec}},
    })
}

#[test]
fn a_preview_takes_what_its_own_applications_write_and_loses_only_that() {
    let environment = OPEN.get();
    let space = environment.name.clone();
    let child = format!("{space}-app");
    for application in [child.clone(), space.clone(), format!("argocd_{child}")] {
        by(&application, config(&space)).unwrap_or_else(|error| panic!("{application}: {error}"));
    }
    for application in ["storefront-pr-1-app", "storefront-pr-1", &format!("elsewhere_{child}"), &format!("x{space}")] {
        let error = by(application, config(&space)).expect_err(application);
        let expected = format!("Application {application} may not write into namespace {space}");
        assert!(error.contains(&expected), "{error}");
    }
    let error = by("", config(&space)).expect_err("an object without a tracking id was accepted");
    assert!(error.contains("must track by annotation"), "{error}");
    // Nobody else is asked for one.
    create(&config(&space)).expect("a person may create what they like");
    let delete = |name: &str, more: &[&str]| {
        run("kubectl", &[&["delete", "configmap", name, "-n", &space, "--wait=false"], more].concat(), "")
    };
    let as_argo_cd = ["--dry-run=server", ARGO_CD];
    let done = delete("x", &as_argo_cd);
    assert!(done.err.contains("may not remove from a preview what it does not track"), "{}{}", done.out, done.err);
    for done in [delete("x", &[]), delete("preview", &as_argo_cd)] {
        assert!(done.ok, "{}", done.err);
    }
}

/// That it is refused, and for this reason.
pub(crate) fn never(done: Result<impl Debug, String>, because: &str) {
    let error = done.expect_err(because);
    assert!(error.contains(because), "refused, but not because of {because:?}: {error}");
}

const ELSEWHERE: &str = "may write into namespaces of previews only";

#[test]
fn a_pull_request_s_source_writes_nothing_outside_of_previews() {
    prepare();
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "x"}});
    for application in ["storefront-pr-224-app", "storefront-pr-224-single", "elsewhere_storefront-pr-224-app"] {
        never(by(application, config("mailpit")), ELSEWHERE);
        never(by(application, role.clone()), ELSEWHERE);
    }
    // An environment of layout split has its Jobs elsewhere.
    by("storefront-pr-224", config("preview-ops")).expect("a protected source may");

    let space = |labels: &Value| json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "storefront-pr-224", "labels": labels}});
    let (ours, level) = ("dayfly.dev/environment", "pod-security.kubernetes.io/enforce");
    let good =
        json!({ours: "storefront-pr-224", level: "restricted", "pod-security.kubernetes.io/enforce-version": "v1.34"});
    by("storefront-pr-224-single", space(&good)).expect("layout single makes its Namespace");
    for application in ["storefront-pr-224-app", "storefront-pr-225-single"] {
        never(by(application, space(&good)), ELSEWHERE);
    }
    for (label, value) in [
        (ours, None),
        (level, None),
        (level, Some("baseline")),
        ("pod-security.kubernetes.io/enforce-version", Some("v1.21")),
    ] {
        let mut labels = good.clone();
        match value {
            Some(value) => labels[label] = value.into(),
            None => drop(labels.as_object_mut().expect("a map").remove(label)),
        }
        never(by("storefront-pr-224-single", space(&labels)), "the Namespace of a preview has the label");
    }
}

/// Argo CD asks the `AppProject` of what runs at a deletion since 3.3.15, 3.4.10 and 3.5.4; this one's allows everything.
#[test]
fn a_pull_request_s_hooks_reach_no_further_than_its_preview() {
    prepare();
    let (kind, name) = ("applications.argoproj.io", "storefront-pr-223-app");
    apply(&[json!({
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd", "labels": {OWN: "true"}, "finalizers": ["resources-finalizer.argocd.argoproj.io"]},
        "spec": {
            "project": "dayfly-e2e-open",
            "source": {"repoURL": format!("{}/dayfly-e2e-storefront.git", setting("DAYFLY_E2E_GIT")), "path": "deploy/overlays/hooks", "targetRevision": setting("DAYFLY_E2E_HEAD")},
            "destination": {"server": "https://kubernetes.default.svc", "namespace": "storefront-pr-223"},
        },
    })]);
    let application =
        || get(kind, name, "argocd").ok_or_else(|| "it is gone, as if nothing had refused its hooks".to_owned());
    until(60, || {
        let application = application()?;
        // Of one that is deleted while it is compared for the first time, Argo CD sees so with the next comparison, minutes later.
        let is_compared = application["status"]["sync"]["status"] == "Synced";
        if is_compared && application["metadata"]["finalizers"].to_string().contains("post-delete") {
            Ok(())
        } else {
            Err(story(&application))
        }
    });
    kubectl(&["delete", kind, name, "-n", "argocd", "--wait=false"]);
    until(60, || {
        let story = story(&application()?);
        if story.contains("DeletionError") && story.contains(ELSEWHERE) { Ok(()) } else { Err(story) }
    });
    let made = [get("clusterrole", "dayfly-e2e-hook", ""), get("configmap", "dayfly-e2e-hook", "mailpit")];
    kubectl(&["patch", kind, name, "-n", "argocd", "--type=merge", "-p", r#"{"metadata": {"finalizers": null}}"#]);
    crate::kube::delete("clusterrole", "dayfly-e2e-hook", "", 30);
    crate::kube::delete("configmap", "dayfly-e2e-hook", "mailpit", 30);
    assert_eq!(made, [None, None], "its hooks were made");
}

#[test]
fn a_pull_request_s_services_stay_in_the_cluster() {
    let environment = OPEN.get();
    let child = format!("{}-app", environment.name);
    let service = |spec: Value| {
        let metadata = json!({"name": "x", "namespace": environment.name});
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec})
    };
    let ports = json!([{"port": 80}]);
    for good in [json!({"ports": ports}), json!({"ports": ports, "type": "ClusterIP", "clusterIP": "None"})] {
        by(&child, service(good)).expect("a Service of the cluster's own");
    }
    for bad in [
        json!({"ports": ports, "type": "LoadBalancer"}),
        json!({"ports": ports, "type": "NodePort"}),
        json!({"type": "ExternalName", "externalName": "db.acme.dev"}),
        json!({"ports": ports, "externalIPs": ["192.0.2.1"]}),
        json!({"ports": ports, "externalName": "db.acme.dev"}),
    ] {
        never(by(&child, service(bad)), "a Service of a pull request is of type ClusterIP");
    }
}

#[test]
fn a_child_application_s_pods_are_not_taken_for_the_database_s() {
    let environment = OPEN.get();
    let space = environment.name.clone();
    let child = format!("{space}-app");
    let (none, secret) = (json!({}), "main-direct");
    by(&child, job(&space, &json!({"app": "x"}), &none, &json!({"envFrom": [{"secretRef": {"name": "main"}}]})))
        .expect("the database's own Secret is for the workload");
    let labelled = |key: &str| job(&space, &json!({key: "x"}), &none, &none);
    let reads = |container: Value| job(&space, &none, &none, &container);
    let mounts = |volume: Value| job(&space, &none, &json!({"volumes": [volume]}), &none);
    let mut cron = json!({"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "x", "namespace": space}});
    cron["spec"] =
        json!({"schedule": "0 3 * * *", "jobTemplate": {"spec": labelled("dayfly.dev/database-job")["spec"].take()}});
    let refused = [
        (job(&space, &none, &json!({"automountServiceAccountToken": true}), &none), "have no token"),
        (
            mounts(json!({"name": "a", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}})),
            "have no token",
        ),
        (labelled("dayfly.dev/database-job"), "labels of dayfly.dev"),
        (labelled("cnpg.io/cluster"), "labels of dayfly.dev and cnpg.io"),
        (cron, "labels of dayfly.dev"),
        (reads(json!({"envFrom": [{"secretRef": {"name": secret}}]})), "a container reads a Secret"),
        (
            reads(json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": secret, "key": "x"}}}]})),
            "a container reads a Secret",
        ),
        (mounts(json!({"name": "a", "secret": {"secretName": secret}})), "a volume is a Secret"),
        (
            mounts(json!({"name": "a", "projected": {"sources": [{"secret": {"name": secret}}]}})),
            "a volume is a Secret",
        ),
    ];
    for (object, because) in refused {
        by(&space, object.clone()).unwrap_or_else(|error| panic!("dayfly's own Jobs may: {error}"));
        never(by(&child, object), because);
    }
}
