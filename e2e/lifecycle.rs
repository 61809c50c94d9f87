//! Storefront's life under Argo CD: synced in the order that was meant, no difference for ever, a push, and gone without a trace.

use serde_json::Value;

use crate::argo::{Ask, Environment, SINGLE, SPLIT, story, watch};
use crate::case::Case;
use crate::kube::{array, get, json, kubectl, label, list, name, text};
use crate::operations::{self, OPERATIONS};
use crate::pods::Inside;
use crate::process::{setting, until};

#[test]
fn split_lives_from_the_first_sync_to_the_deletion() {
    live(|| Case::new("storefront", 201), &SPLIT);
}

#[test]
fn single_lives_from_the_first_sync_to_the_deletion() {
    live(|| Case::new("storefront-single", 202), &SINGLE);
}

/// Most installations do not say `ServerSideApply=true`.
#[test]
fn under_client_side_apply_there_is_no_difference_either() {
    let environment = Environment::sync(Case::new("storefront", 203), &Ask { server_side_apply: false, ..SPLIT });
    settled(&environment);
}

/// Argo CD puts variables of its own in place of `$NAME`, in a chart's parameters and in the names of its files.
#[test]
fn a_chart_gets_its_values_as_they_are_written() {
    let environment = Environment::sync(Case::new("storefront", 206).of("storefront-helm"), &SPLIT);
    let told = get("configmap", "web-told", &environment.name).expect("the chart has a ConfigMap");
    let expected = serde_json::json!({
        "image": {"tag": setting("DAYFLY_E2E_HEAD")},
        "rewrite": "/$2 $ARGOCD_APP_NAME ${HOME} $",
        "build": "01",
        "replicas": 2,
        "debug": false,
        "size": "small",
    });
    assert_eq!(json(text(&told, "/data/values")), expected);
    settled(&environment);
}

pub(crate) fn live(case: fn() -> Case, ask: &Ask) {
    let mut environment = Environment::sync(case(), ask);
    if !healed(&environment).is_empty() {
        // Argo CD compares as soon as a sync has ended, sometimes before its own watch has shown it what it applied last (here an
        // HTTPRoute): then that is missing and applied again. A difference that is dayfly's shows the second time as well.
        leaves_nothing(&environment);
        drop(environment);
        environment = Environment::sync(case(), ask);
    }
    in_order(&environment);
    settled(&environment);
    let credentials = database(&environment, &[&setting("DAYFLY_E2E_HEAD")]);
    takes_a_push(&mut environment, ask);
    let both = ["DAYFLY_E2E_HEAD", "DAYFLY_E2E_NEXT_HEAD"].map(setting);
    let kept = database(&environment, &both.each_ref().map(String::as_str));
    assert_eq!(credentials, kept, "a push changed the credentials");
    takes_its_child_again(&environment);
    leaves_nothing(&environment);
}

/// What the last operation healed; nothing if it was a whole sync.
fn healed(environment: &Environment) -> Vec<Value> {
    array(&environment.application(), "/status/operationState/operation/sync/resources").to_vec()
}

/// The walls stand before anything runs, the database is ready before its users, and the child comes last.
fn in_order(environment: &Environment) {
    let application = environment.application();
    let healed = healed(environment);
    assert!(healed.is_empty(), "right after the sync, Argo CD healed {healed:?}");
    assert_eq!(
        array(&application, "/status/history").len(),
        1,
        "more than one sync was needed: {}",
        story(&application)
    );
    let applied = array(&application, "/status/operationState/syncResult/resources");
    let wall = |object: &Value| {
        matches!(text(object, "/kind"), "Namespace" | "NetworkPolicy" | "ResourceQuota" | "LimitRange")
    };
    let works =
        |object: &Value| matches!(text(object, "/kind"), "Job" | "Deployment" | "StatefulSet" | "Pod" | "Application");
    let last_wall = applied.iter().rposition(wall).expect("walls are among what was applied");
    let first_work = applied.iter().position(works).expect("something that runs is among what was applied");
    assert!(last_wall < first_work, "{} came before {}", applied[first_work], applied[last_wall]);

    // Times in RFC 3339, all in UTC, sort as text.
    let jobs = jobs(&application);
    let step = |wanted: &str| jobs.iter().find(|job| label(job, "dayfly.dev/step") == wanted);
    let required = |wanted: &str| step(wanted).unwrap_or_else(|| panic!("there is no Job of step {wanted}"));
    // migrate and verify begin together, when there is a branch. verify waits for what migrate writes down in it, which is a moment
    // before its Pod has ended.
    let completed = |wanted: &str| {
        let job = required(wanted);
        let done = text(job, "/status/completionTime");
        assert!(!done.is_empty(), "Job {} has not completed", name(job));
        done
    };
    let provisioned = completed("provision");
    for next in ["migrate", "verify"] {
        let begun = text(required(next), "/metadata/creationTimestamp");
        assert!(begun >= provisioned, "{next} was created at {begun}, before there was a branch at {provisioned}");
    }
    let ready = completed("migrate").max(completed("verify"));
    let mut begun = String::new();
    for deployment in ["web", "worker"] {
        let deployment = get("deployment", deployment, &environment.name).expect("the environment has its services");
        begun = text(&deployment, "/metadata/creationTimestamp").into();
        assert!(
            begun.as_str() >= ready,
            "{} was created at {begun}, before its database was ready at {ready}",
            name(&deployment)
        );
    }
    if let Some(child) = child(environment) {
        assert!(text(&child, "/metadata/creationTimestamp") >= begun.as_str(), "the child came before the services");
        // The environment is Healthy by now; it may not be before its child is through.
        assert!(
            !text(&child, "/status/operationState/finishedAt").is_empty(),
            "the child was not waited for: {}",
            story(&child)
        );
        assert_eq!(text(&child, "/status/sync/status"), "Synced", "{}", story(&child));
    }
}

/// The workload reads the baseline's rows as these heads migrated them, and the seeded ones. Gives its credentials.
fn database(environment: &Environment, heads: &[&str]) -> Value {
    let rows = Inside::of(&environment.name, "worker").rows();
    let mut migrated = array(&rows, "/migrations").to_vec();
    let mut expected: Vec<Value> = heads.iter().map(|head| (*head).into()).collect();
    for list in [&mut migrated, &mut expected] {
        list.sort_by_key(ToString::to_string);
    }
    assert_eq!(migrated, expected, "{rows}");
    assert_eq!(text(&rows, "/customers/0/greeting"), "hello", "{rows}");
    assert_eq!(text(&rows, "/orders/2/item"), "order of Edsger", "{rows}");
    get("secret", "main", &environment.name).expect("verify has published the credentials")["data"].take()
}

/// A refresh and a rendering from scratch find no difference, and Argo CD does nothing by itself.
fn settled(environment: &Environment) {
    let before = environment.application();
    for how in ["normal", "hard"] {
        let application = environment.refresh(how);
        assert_eq!(
            text(&application, "/status/sync/status"),
            "Synced",
            "after a {how} refresh: {}",
            story(&application)
        );
    }
    watch(20);
    let after = environment.application();
    assert_eq!(text(&after, "/status/sync/status"), "Synced", "{}", story(&after));
    let operation = |application: &Value| text(application, "/status/operationState/startedAt").to_owned();
    assert_eq!(operation(&before), operation(&after), "Argo CD synced again by itself: {}", story(&after));
    if let Some(child) = child(environment) {
        assert_eq!(array(&child, "/status/history").len(), 1, "the child was synced more than once: {}", story(&child));
        assert_eq!(text(&child, "/status/sync/status"), "Synced", "{}", story(&child));
    }
}

/// A new head arrives everywhere, without a field that cannot be changed; what was named after the old one goes.
fn takes_a_push(environment: &mut Environment, ask: &Ask) {
    let head = setting("DAYFLY_E2E_NEXT_HEAD");
    environment.push(&head);
    let application = until(120, || {
        let application = environment.wait("Synced", "Healthy");
        let web = get("deployment", "web", &environment.name).expect("the environment has its services");
        let image = text(&web, "/spec/template/spec/containers/0/image");
        if image.ends_with(&head) { Ok(application) } else { Err(format!("web runs {image}: {}", story(&application))) }
    });
    for job in jobs(&application) {
        assert!(!text(&job, "/status/completionTime").is_empty(), "Job {} has not completed", name(&job));
    }
    let migrations = jobs(&application).iter().filter(|job| label(job, "dayfly.dev/step") == "migrate").count();
    assert_eq!(migrations, 1, "the old head's migration is still there");
    if let Some(child) = child(environment) {
        assert_eq!(text(&child, "/status/sync/revision"), head, "{}", story(&child));
    }
    // The push changes a flag of layout single's policy: there it is read at the head.
    let config = get("configmap", "preview", &environment.name).expect("the environment has its ConfigMap");
    assert_eq!(text(&config, "/data/FLAG_PRICE_ENGINE"), if ask.at_head { "v3" } else { "v2" });
}

/// A child that was lost while its workload stayed is made anew, finds nothing to do, and holds up nothing.
fn takes_its_child_again(environment: &Environment) {
    let Some(lost) = child(environment) else { return };
    let application = format!("applications.argoproj.io/{}", name(&lost));
    kubectl(&["patch", &application, "-n", "argocd", "--type=merge", "-p", r#"{"metadata":{"finalizers":null}}"#]);
    kubectl(&["delete", &application, "-n", "argocd"]);
    environment.refresh("normal");
    until(90, || match child(environment) {
        Some(made) if made["metadata"]["uid"] != lost["metadata"]["uid"] => Ok(()),
        _ => Err("the child is not made again".into()),
    });
    environment.wait("Synced", "Healthy");
    let made = child(environment).expect("it was made");
    assert!(made["status"]["operationState"].is_null(), "there was something to do: {}", story(&made));
}

/// Everything that was synced goes, and so does what ran for the deletion itself.
fn leaves_nothing(environment: &Environment) {
    let application = environment.application();
    let child = child(environment);
    kubectl(&["delete", "applications.argoproj.io", &environment.application, "-n", "argocd", "--wait=false"]);
    let find = || list("jobs", OPERATIONS, "dayfly.dev/step=destroy").into_iter().find(|job| belongs(job, environment));
    let mut teardown = None;
    until(120, || {
        // Argo CD removes the Job as soon as it has succeeded; for some seconds it can be seen.
        teardown = find().or(teardown.take());
        match get("applications.argoproj.io", &environment.application, "argocd") {
            Some(application) => Err(story(&application)),
            None => Ok(()),
        }
    });
    // Or it leaves the Job behind, and is gone the moment it has made it (argo-cd#29100).
    let teardown = find().or(teardown);

    for resource in array(&application, "/status/resources") {
        let (kind, name, namespace) = (text(resource, "/kind"), text(resource, "/name"), text(resource, "/namespace"));
        // kubectl knows the core group by no name.
        let kind = match text(resource, "/group") {
            "" => kind.to_owned(),
            group => format!("{kind}.{}.{group}", text(resource, "/version")),
        };
        assert!(get(&kind, name, namespace).is_none(), "{kind} {namespace}/{name} outlived its Application");
    }
    assert!(get("namespace", &environment.name, "").is_none(), "the namespace is still there");
    if let Some(child) = child {
        assert!(get("applications.argoproj.io", name(&child), "argocd").is_none(), "the child is still there");
    }
    let kinds = "jobs,configmaps,secrets,serviceaccounts,roles,rolebindings,networkpolicies";
    let left = json(&kubectl(&["get", kinds, "-n", OPERATIONS, "-o", "json"]));
    for object in array(&left, "/items").iter().filter(|object| belongs(object, environment)) {
        // A Job that Argo CD left behind must go by itself.
        let goes =
            label(object, "dayfly.dev/step") == "destroy" && object.pointer("/spec/ttlSecondsAfterFinished").is_some();
        assert!(goes, "left in {OPERATIONS}: {} {}", text(object, "/kind"), name(object));
    }
    torn_down(&application, teardown.as_ref());
    assert_eq!(operations::of(&environment.name), "", "left on the shared server");
}

/// If the database was made from the operations namespace, a Job there has destroyed it.
fn torn_down(application: &Value, teardown: Option<&Value>) {
    if !jobs_of(application).any(|job| text(job, "/namespace") == OPERATIONS) {
        return;
    }
    let job = teardown.expect("no Job of step destroy was seen during the deletion");
    until(60, || {
        let events = json(&kubectl(&["get", "events", "-n", OPERATIONS, "-o", "json"]));
        let said =
            array(&events, "/items").iter().filter(|event| event["involvedObject"]["uid"] == job["metadata"]["uid"]);
        let reasons: Vec<&str> = said.map(|event| text(event, "/reason")).collect();
        if reasons.contains(&"Completed") {
            Ok(())
        } else {
            Err(format!("the Job {} did not complete: {reasons:?}", name(job)))
        }
    });
}

fn belongs(object: &Value, environment: &Environment) -> bool {
    object.to_string().contains(&environment.name)
}

/// The Jobs that the Application holds now, wherever they are.
fn jobs(application: &Value) -> Vec<Value> {
    jobs_of(application)
        .map(|job| get("job", text(job, "/name"), text(job, "/namespace")).unwrap_or_else(|| panic!("{job} is gone")))
        .collect()
}

fn jobs_of(application: &Value) -> impl Iterator<Item = &Value> {
    let now = |resource: &&Value| text(resource, "/kind") == "Job" && resource["hook"] != true;
    array(application, "/status/resources").iter().filter(now)
}

fn child(environment: &Environment) -> Option<Value> {
    get("applications.argoproj.io", &format!("{}-app", environment.name), "argocd")
}
