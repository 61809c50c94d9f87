//! The pull request shows its preview: Argo CD's notifications controller tells GitHub, as `deploy/notifications` says.

use serde_json::{Value, json};

use crate::argo::{Ask, Environment, SPLIT};
use crate::case::Case;
use crate::kube::{apply, get, json as parse, kubectl, text};
use crate::pods::sleeper;
use crate::process::{must, read, repository, run, setting, until};
use crate::world;

const NAMESPACE: &str = "previews";
const SETTINGS: [&str; 4] = ["configmap", "argocd-notifications-cm", "-n", "argocd"];

#[test]
fn github_hears_of_a_preview_until_it_is_gone() {
    world::prepare();
    let _github = GitHub::start();
    let [head, next] = ["DAYFLY_E2E_HEAD", "DAYFLY_E2E_NEXT_HEAD"].map(setting);
    let mut environment = Environment::begin(Case::new("storefront", 240), &Ask { subscribed: true, ..SPLIT });

    let url = format!("https://{}", environment.host());
    hears(&head, "in_progress");
    environment.wait("Synced", "Healthy");
    let told = hears(&head, "success");
    assert_eq!(text(&told, "/environment_url"), url);
    // By these two, GitHub makes the deployments of earlier heads inactive.
    assert_eq!(text(&told, "/environment"), environment.application);
    assert_eq!(told["transient_environment"], false);

    environment.push(&next);
    hears(&next, "in_progress");
    assert_eq!(text(&hears(&next, "success"), "/environment_url"), url);

    // From a fork, which the guardrails do not let in.
    environment.case.parameters.insert("fork".into(), true.into());
    environment.push(&head);
    hears(&head, "failure");

    environment.delete();
    hears(&head, "inactive");
}

/// A stand-in for GitHub, and Argo CD's settings as they were before.
struct GitHub {
    before: Value,
}

impl GitHub {
    /// Starts it, and has Argo CD tell it of what subscribes.
    fn start() -> Self {
        let mut pod = sleeper(NAMESPACE, "github");
        pod["spec"]["containers"][0]["args"] = json!(["github"]);
        apply(&[pod]);
        kubectl(&["wait", "pod", "github", "-n", NAMESPACE, "--for=condition=Ready", "--timeout=60s"]);
        let pod = get("pod", "github", NAMESPACE).expect("it is ready");
        let service = json!({
            "appID": 1, "installationID": 1, "privateKey": must("openssl", &["genrsa", "-traditional", "2048"], ""),
            "enterpriseBaseURL": format!("http://{}:8080/api/v3", text(&pod, "/status/podIP")),
        });

        let shipped = read(&repository("deploy/notifications/pull-request.yaml"));
        let mut patch: Value = serde_yaml::from_str(&shipped).expect("a ConfigMap");
        patch["data"]["service.github"] = service.to_string().into();
        let found = parse(&kubectl(&[&["get"], &SETTINGS[..], &["-o", "json"]].concat()));
        let names = patch["data"].as_object().expect("a map").keys();
        let before = names.map(|name| (name.clone(), found["data"][name].clone())).collect();
        patch_settings(&patch["data"]);
        Self { before }
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        patch_settings(&self.before);
        run("kubectl", &["delete", "pod", "github", "-n", NAMESPACE, "--wait=false"], "");
    }
}

/// A name without a value is taken out.
fn patch_settings(data: &Value) {
    let patch = json!({"data": data}).to_string();
    run("kubectl", &[&["patch"], &SETTINGS[..], &["--type=merge", "-p", &patch]].concat(), "");
}

/// Waits until GitHub was told of this commit's deployment that it has this state, last of all.
fn hears(head: &str, state: &str) -> Value {
    until(180, || {
        let told = kubectl(&["logs", "github", "-n", NAMESPACE]);
        let of_head = |line: &str| Some(parse(line)).filter(|status| text(status, "/ref") == head);
        match told.lines().rev().find_map(of_head) {
            Some(status) if text(&status, "/state") == state => Ok(status),
            _ => Err(format!("{state} of {head} is not what was told last:\n{told}")),
        }
    })
}
