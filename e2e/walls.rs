//! Quota, limit range, Pod Security and network policies do on real Pods what they claim.

use serde_json::{Value, json};

use crate::argo::{CLOSED, Environment, OPEN, SPLIT, story};
use crate::case::Case;
use crate::kube::{create, get, kind, name, text};
use crate::pods::{Inside, resources, service, sleeper};
use crate::process::{run, until};
use crate::world::OWN;

/// Creating must fail, and for this reason.
fn refused(object: &serde_json::Value, because: &str) {
    match create(object) {
        Ok(made) => panic!("{made} was accepted"),
        Err(error) => assert!(error.contains(because), "refused, but not because of {because:?}: {error}"),
    }
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
    crate::kube::kubectl(&["delete", "pod", "-n", "traefik", "-l", OWN, "--ignore-not-found"]);
}

/// The AppProject allows every preview's namespace, and Argo CD asks for no more.
#[test]
fn a_pull_request_cannot_put_anything_into_another_one_s_preview() {
    let neighbour = Environment::sync(Case::new("storefront", 221), &SPLIT);
    let thief = Environment::begin(Case::new("storefront", 220).of("storefront-thief"), &SPLIT);
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
    assert!(story.contains("may not write into namespace storefront-pr-221"), "{story}");
    assert!(get("deployment", "thief", &neighbour.name).is_none(), "the thief got in: {story}");
    neighbour.refresh("normal");
    neighbour.wait("Synced", "Healthy");
}

/// Argo CD's application controller creates an object, of which it says that it is an Application's.
fn by(application: &str, mut object: Value) -> Result<(), String> {
    let group = text(&object, "/apiVersion").rsplit_once('/').map_or("", |(group, _)| group);
    let id =
        format!("{application}:{group}/{}:{}/{}", kind(&object), text(&object, "/metadata/namespace"), name(&object));
    if !application.is_empty() {
        object["metadata"]["annotations"] = json!({"argocd.argoproj.io/tracking-id": id});
    }
    let argo_cd = "--as=system:serviceaccount:argocd:argocd-application-controller";
    let done = run("kubectl", &["create", "--dry-run=server", argo_cd, "-f", "-"], &object.to_string());
    if done.ok { Ok(()) } else { Err(done.err) }
}

#[test]
fn a_child_application_may_use_what_is_its_own_and_nothing_that_is_the_databases() {
    let space = OPEN.get().name.clone();
    let child = format!("{space}-app");
    let pod = |extra: Value| {
        let mut spec = sleeper(&space, "x")["spec"].take();
        spec.as_object_mut().expect("a Pod's spec is a map").extend(extra.as_object().cloned().unwrap_or_default());
        spec
    };
    let job = |labels: Value, extra: Value| {
        json!({
            "apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "x", "namespace": space},
            "spec": {"template": {"metadata": {"labels": labels}, "spec": pod(extra)}},
        })
    };
    let reads = |environment: Value| {
        let mut job = job(json!({}), json!({}));
        let container = &mut job["spec"]["template"]["spec"]["containers"][0];
        container
            .as_object_mut()
            .expect("a container is a map")
            .extend(environment.as_object().cloned().unwrap_or_default());
        job
    };
    let plain = || job(json!({"app": "x"}), json!({}));
    let config = || json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": space}});

    for application in [child.clone(), space.clone(), format!("argocd_{child}")] {
        for object in [plain(), config()] {
            by(&application, object).unwrap_or_else(|error| panic!("{application}: {error}"));
        }
    }
    let strangers = [
        "storefront-pr-1-app".to_owned(),
        "storefront-pr-1".to_owned(),
        format!("elsewhere_{child}"),
        format!("x{space}"),
    ];
    for application in strangers {
        let error = by(&application, config()).expect_err(&application);
        assert!(error.contains(&format!("Application {application} may not write into namespace {space}")), "{error}");
    }
    let error = by("", config()).expect_err("without a tracking id");
    assert!(error.contains("must track by annotation"), "{error}");
    // Nobody else is asked for one.
    create(&config()).expect("a person may create what they like");
    crate::kube::delete("configmap", "x", &space, 30);

    by(&child, reads(json!({"envFrom": [{"secretRef": {"name": "main"}}]})))
        .expect("the database's own Secret is for the workload");
    let secret = "main-direct";
    let cron = json!({
        "apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "x", "namespace": space},
        "spec": {"schedule": "0 3 * * *", "jobTemplate": {"spec": {"template": {
            "metadata": {"labels": {"dayfly.dev/database-job": "true"}}, "spec": pod(json!({}))}}}},
    });
    let refused = [
        (job(json!({"dayfly.dev/database-job": "true"}), json!({})), "labels of dayfly.dev"),
        (job(json!({"cnpg.io/cluster": "database-main"}), json!({})), "labels of dayfly.dev and cnpg.io"),
        (cron, "labels of dayfly.dev"),
        (reads(json!({"envFrom": [{"secretRef": {"name": secret}}]})), "a container reads a Secret"),
        (
            reads(json!({"env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": secret, "key": "x"}}}]})),
            "a container reads a Secret",
        ),
        (job(json!({}), json!({"volumes": [{"name": "a", "secret": {"secretName": secret}}]})), "a volume is a Secret"),
        (
            job(
                json!({}),
                json!({"volumes": [{"name": "a", "projected": {"sources": [{"secret": {"name": secret}}]}}]}),
            ),
            "a volume is a Secret",
        ),
    ];
    for (object, because) in refused {
        by(&space, object.clone()).unwrap_or_else(|error| panic!("dayfly's own Jobs may: {error}"));
        let error = by(&child, object).expect_err(because);
        assert!(error.contains(because), "refused, but not because of {because:?}: {error}");
    }
}
