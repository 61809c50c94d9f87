//! An environment Application, and what Argo CD says of it.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::case::Case;
use crate::kube::{apply, array, delete, get, kubectl, text};
use crate::process::{run, setting, until};
use crate::world;

/// A preview that Argo CD syncs with dayfly, and that goes when it is dropped.
pub(crate) struct Environment {
    pub(crate) case: Case,
    /// The preview's namespace.
    pub(crate) name: String,
    /// The Application. Where the pull request writes its source, the name says so: the admission policy knows it by that.
    pub(crate) application: String,
    /// The Application as it was asked for.
    asked: Value,
}

/// How an environment is asked for.
pub(crate) struct Ask {
    /// The plugin: dayfly with the guardrails of this name (`e2e/run` starts one per name).
    pub(crate) plugin: &'static str,
    pub(crate) project: &'static str,
    /// The repository that the Application reads: the policy's, or the team's own at the pull request's head.
    pub(crate) at_head: bool,
    pub(crate) server_side_apply: bool,
    /// Whether its pull request is told of it, as docs/argo-cd.md says.
    pub(crate) subscribed: bool,
}

/// Layout split, as an organisation would do it.
pub(crate) const SPLIT: Ask = Ask {
    plugin: "dayfly-open",
    project: "dayfly-e2e-environments",
    at_head: false,
    server_side_apply: true,
    subscribed: false,
};

pub(crate) const SINGLE: Ask = Ask { plugin: "dayfly-single", project: "dayfly-e2e-single", at_head: true, ..SPLIT };

impl Environment {
    /// Applies the Application; Argo CD begins at once.
    pub(crate) fn begin(case: Case, ask: &Ask) -> Self {
        world::prepare();
        let name = format!("storefront-pr-{}", case.parameters["number"]);
        let application = format!("{name}{}", if ask.at_head { "-single" } else { "" });
        let (repository, revision) = if ask.at_head {
            ("dayfly-e2e-storefront", text(&Value::Object(case.parameters.clone()), "/head_sha").to_owned())
        } else {
            ("dayfly-e2e-policy", "main".to_owned())
        };
        let mut asked = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {
                "name": application, "namespace": "argocd", "labels": {world::OWN: "true"},
                "finalizers": ["resources-finalizer.argocd.argoproj.io"],
                // What an earlier run's dayfly rendered from the same parameters is still in Argo CD's cache.
                "annotations": {"argocd.argoproj.io/refresh": "hard"},
            },
            "spec": {
                "project": ask.project,
                "source": {
                    "repoURL": format!("{}/{repository}.git", setting("DAYFLY_E2E_GIT")), "path": case.folder, "targetRevision": revision,
                    "plugin": {"name": ask.plugin, "parameters": case.for_plugin()},
                },
                "destination": {"server": "https://kubernetes.default.svc", "namespace": name},
                "syncPolicy": {
                    "automated": {"prune": true, "selfHeal": true},
                    "retry": {"limit": 0},
                    "syncOptions": if ask.server_side_apply { vec!["ServerSideApply=true"] } else { vec![] },
                },
            },
        });
        if ask.subscribed {
            asked["metadata"]["annotations"]["notifications.argoproj.io/subscribe.preview.github"] = json!("");
        }
        let there = get("applications.argoproj.io", &application, "argocd");
        assert!(there.is_none(), "{application} is there already: another test has its number");
        apply(std::slice::from_ref(&asked));
        Self { case, name, application, asked }
    }

    /// Begun, and synced and healthy.
    pub(crate) fn sync(case: Case, ask: &Ask) -> Self {
        let environment = Self::begin(case, ask);
        environment.wait("Synced", "Healthy");
        environment
    }

    pub(crate) fn application(&self) -> Value {
        get("applications.argoproj.io", &self.application, "argocd")
            .unwrap_or_else(|| panic!("the Application {} is gone", self.application))
    }

    /// Waits for a status of the sync and of the health; at once over when the sync has failed.
    pub(crate) fn wait(&self, sync: &str, health: &str) -> Value {
        until(180, || {
            let application = self.application();
            let phase = text(&application, "/status/operationState/phase");
            assert!(!matches!(phase, "Failed" | "Error"), "the sync failed: {}", story(&application));
            let good = text(&application, "/status/sync/status") == sync
                && text(&application, "/status/health/status") == health;
            if good && phase == "Succeeded" { Ok(application) } else { Err(story(&application)) }
        })
    }

    /// Waits for its sync to fail.
    pub(crate) fn fails(&self) -> Value {
        until(120, || {
            let application = self.application();
            if text(&application, "/status/operationState/phase") == "Failed" {
                Ok(application)
            } else {
                Err(story(&application))
            }
        })
    }

    /// Refreshes as Argo CD does by itself every few minutes (or hard: rendered anew) and gives what it then says.
    pub(crate) fn refresh(&self, how: &str) -> Value {
        let annotation = format!("argocd.argoproj.io/refresh={how}");
        kubectl(&[
            "annotate",
            "applications.argoproj.io",
            &self.application,
            "-n",
            "argocd",
            "--overwrite",
            &annotation,
        ]);
        until(30, || {
            let application = self.application();
            let pending = application["metadata"]["annotations"]["argocd.argoproj.io/refresh"].is_string();
            if pending { Err("the refresh is still pending".into()) } else { Ok(application) }
        })
    }

    /// A push to the pull request: the Application is asked for with other parameters, and at another revision if it reads the
    /// head itself.
    pub(crate) fn push(&mut self, head: &str) {
        let source = &mut self.asked["spec"]["source"];
        if source["targetRevision"] == self.case.parameters["head_sha"] {
            source["targetRevision"] = head.into();
        }
        self.case.push(head);
        source["plugin"]["parameters"] = self.case.for_plugin().into();
        apply(std::slice::from_ref(&self.asked));
    }

    /// The policy is another one from now on: a folder of the same repository.
    pub(crate) fn moved(&mut self, folder: &str) {
        self.asked["spec"]["source"]["path"] = folder.into();
        apply(std::slice::from_ref(&self.asked));
    }

    /// The name of its plugin.
    pub(crate) fn plugin(&self) -> &str {
        text(&self.asked, "/spec/source/plugin/name")
    }

    /// The host of a route, which is part of what the policy's author relies on.
    pub(crate) fn host(&self) -> String {
        format!("web-{}.preview.acme.dev", self.name)
    }

    pub(crate) fn delete(&self) {
        delete("applications.argoproj.io", &self.application, "argocd", 120);
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        if std::env::var_os("DAYFLY_E2E_KEEP").is_none() {
            remove(&self.application);
        }
    }
}

/// Deletes an Application in whatever state it is; one whose sync waits for something would not go before that.
pub(crate) fn remove(name: &str) {
    run("argocd", &["app", "terminate-op", name], "");
    run(
        "kubectl",
        &["delete", "applications.argoproj.io", name, "-n", "argocd", "--ignore-not-found", "--timeout=120s"],
        "",
    );
}

/// A synced storefront that several tests look at; the last of them to end takes it with it.
pub(crate) struct Shared {
    plugin: &'static str,
    numbers: AtomicU32,
    environment: Mutex<Weak<Environment>>,
}

pub(crate) static OPEN: Shared = Shared::new("dayfly-open", 210);

/// Its guardrails let nobody through whose address is one of the cluster's.
pub(crate) static CLOSED: Shared = Shared::new("dayfly-closed", 310);

impl Shared {
    const fn new(plugin: &'static str, first: u32) -> Self {
        Self { plugin, numbers: AtomicU32::new(first), environment: Mutex::new(Weak::new()) }
    }

    pub(crate) fn get(&self) -> Arc<Environment> {
        // A test that failed while it made the environment leaves nothing half-made behind.
        let mut shared = self.environment.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(environment) = shared.upgrade() {
            return environment;
        }
        // A number of its own each time: the last one may still be on its way out.
        let case = Case::new("storefront", self.numbers.fetch_add(1, Ordering::Relaxed));
        let environment = Arc::new(Environment::sync(case, &Ask { plugin: self.plugin, ..SPLIT }));
        *shared = Arc::downgrade(&environment);
        environment
    }
}

/// What Argo CD says of an Application, in a few lines.
pub(crate) fn story(application: &Value) -> String {
    let status = &application["status"];
    let mut story = format!(
        "sync {}, health {}, {} {}\n",
        status["sync"]["status"],
        status["health"]["status"],
        status["operationState"]["phase"],
        text(status, "/operationState/message"),
    );
    for condition in array(status, "/conditions") {
        let _ = writeln!(story, "  {}: {}", text(condition, "/type"), text(condition, "/message"));
    }
    for resource in array(status, "/resources") {
        if text(resource, "/status") != "Synced" {
            let _ = writeln!(
                story,
                "  {} {} is {}",
                text(resource, "/kind"),
                text(resource, "/name"),
                text(resource, "/status")
            );
        }
        if !matches!(text(resource, "/health/status"), "" | "Healthy") {
            let _ = writeln!(
                story,
                "  {} {} is {}: {}",
                text(resource, "/kind"),
                text(resource, "/name"),
                text(resource, "/health/status"),
                text(resource, "/health/message")
            );
        }
    }
    for result in array(status, "/operationState/syncResult/resources") {
        if text(result, "/status") != "Synced" || text(result, "/hookPhase") == "Failed" {
            let _ =
                writeln!(story, "  {} {}: {}", text(result, "/kind"), text(result, "/name"), text(result, "/message"));
        }
    }
    story
}

/// Lets Argo CD do for a while whatever it would do by itself.
pub(crate) fn watch(seconds: u64) {
    sleep(Duration::from_secs(seconds));
}
