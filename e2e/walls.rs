//! Quota, limit range, Pod Security and network policies do on real Pods what they claim.

use serde_json::json;

use crate::argo::{CLOSED, OPEN};
use crate::kube::{create, get, text};
use crate::pods::{Inside, resources, service, sleeper};
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
