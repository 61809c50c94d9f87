//! The team's own Kustomize, Helm or plain source at the pull request's head, as a child Application.

use std::borrow::Cow;

use crate::{
    finding::InputFile,
    input::{
        HelmValue,
        guardrails::Layout,
        policy::{Application, Helm, Kustomize},
    },
    rules::{self, application::APPLICATION_SOURCE},
    value::{Map, Value, child},
};

use super::{Decision, Origin, Preview, PullRequest, Resolver, environment::ApplicationFacts, texts::TextKind};

impl Resolver<'_> {
    pub(super) fn application(&mut self, preview: Preview<'_>) -> Option<ApplicationFacts> {
        let application = self.policy.application.as_ref()?;
        let Some(applications) = &self.guardrails.applications else {
            let message = "the guardrails have no `applications`, so there are no child Applications".to_owned();
            self.policy_finding(&rules::provided::NOT_PROVIDED, "/spec/application", message);
            return None;
        };
        if self.guardrails.layout == Layout::Single {
            let message =
                "layout `single` has no child Application: the manifests at the head are named by `manifests`"
                    .to_owned();
            self.policy_finding(&APPLICATION_SOURCE, "/spec/application", message);
            return None;
        }
        let repository = match (&application.repository, &applications.repository) {
            (Some(own), _) => {
                if let Err(message) = rules::application::repository_allowed(own, &applications.repositories) {
                    self.policy_finding(&APPLICATION_SOURCE, "/spec/application/repository", message);
                }
                own.to_string()
            }
            (None, Some(template)) => self.guardrails_text(template, "/spec/applications/repository"),
            (None, None) => {
                let message = "neither the policy nor the guardrails say which `repository`".to_owned();
                self.policy_finding(&APPLICATION_SOURCE, "/spec/application", message);
                return None;
            }
        };
        let project = self.guardrails_text(&applications.project, "/spec/applications/project");
        let source = self.source(application, &repository, preview.pr)?;
        self.decisions.record(|| {
            let origin = match application.repository {
                Some(_) => Origin::Input(InputFile::Policy, "/spec/application/repository".into()),
                None => Origin::Input(InputFile::Guardrails, "/spec/applications/repository".into()),
            };
            let reason = format!("at the pull request's head, under the AppProject `{project}`");
            Decision::new("application.repository", origin, &*repository, reason)
        });
        Some(ApplicationFacts {
            // Longer than a label, perhaps: with tracking by annotation, no label holds it. By its end, the admission policies know it.
            name: format!("{}-app", preview.namespace),
            namespace: applications.namespace.to_string(),
            project,
            source,
        })
    }

    /// `spec.source` of the Application.
    fn source(&mut self, application: &Application, repository: &str, pr: &PullRequest) -> Option<Value> {
        let kinds = [
            ("kustomize", application.kustomize.is_some()),
            ("helm", application.helm.is_some()),
            ("directory", application.directory.is_some()),
        ];
        if let Some((second, _)) = kinds.iter().filter(|(_, is_there)| *is_there).nth(1) {
            let message =
                "at most one of `kustomize`, `helm` and `directory` says how the source is rendered".to_owned();
            self.policy_finding(&APPLICATION_SOURCE, format!("/spec/application/{second}"), message);
            return None;
        }
        let mut source = Map::with_capacity(4);
        source.push("repoURL", Value::string(repository));
        source.push("targetRevision", Value::string(&*pr.head_sha));
        source.push("path", Value::string(&*application.path));
        if let Some(kustomize) = application.kustomize.as_ref().map(|kustomize| self.kustomize(kustomize, pr))
            && !kustomize.is_empty()
        {
            source.push("kustomize", Value::Map(kustomize));
        }
        if let Some(helm) = &application.helm {
            source.push("helm", Value::Map(self.helm(helm)));
        }
        // Go leaves out what is false when Argo CD writes the object back, so it is not said at all.
        if application.directory.as_ref().is_some_and(|directory| directory.recurse) {
            source.push("directory", Value::map([("recurse", Value::Bool(true))]));
        }
        Some(Value::Map(source))
    }

    fn kustomize(&mut self, kustomize: &Kustomize, pr: &PullRequest) -> Map {
        let mut map = Map::default();
        let mut images = Vec::with_capacity(kustomize.images.len());
        for (index, image) in kustomize.images.iter().enumerate() {
            let pointer = format!("/spec/application/kustomize/images/{index}");
            let known = self.findings.len();
            let text = self.text(image, TextKind::Strict, || pointer.clone());
            let new = text.rsplit_once('=').map_or(text.as_str(), |(_, new)| new);
            if self.findings.len() == known && !pr.head_sha.is_empty() {
                self.judge_image(new, pointer, pr, self.owner_of(image, InputFile::Policy));
            }
            images.push(Value::string(text));
        }
        if !images.is_empty() {
            map.push("images", Value::list(images));
        }
        if let Some(prefix) = &kustomize.name_prefix {
            map.push("namePrefix", Value::string(&**prefix));
        }
        map
    }

    fn helm(&mut self, helm: &Helm) -> Map {
        let mut map = Map::default();
        let release = helm.release_name.as_deref().unwrap_or(self.policy_name);
        if let Err(message) = rules::application::release_allowed(release) {
            let is_stated = helm.release_name.is_some();
            let pointer = if is_stated { "/spec/application/helm/releaseName" } else { "/spec/application/helm" };
            let finding = self.policy_finding(&APPLICATION_SOURCE, pointer, message);
            if !is_stated {
                finding.help = Some("without a `releaseName`, it is called as the policy".into());
            }
        }
        map.push("releaseName", Value::string(release));
        if !helm.value_files.is_empty() {
            map.push("valueFiles", Value::list(helm.value_files.iter().map(|file| Value::string(unexpanded(file)))));
        }
        let mut parameters = Vec::with_capacity(helm.parameters.len());
        for (name, value) in helm.parameters.iter() {
            let mut item = Map::with_capacity(3);
            item.push("name", Value::string(name));
            match value {
                HelmValue::Text(text) => {
                    let pointer = || child("/spec/application/helm/parameters", name);
                    item.push("value", Value::string(unexpanded(&self.text(text, TextKind::Strict, pointer))));
                    item.push("forceString", Value::Bool(true));
                }
                HelmValue::Plain(plain) => item.push("value", Value::string(&**plain)),
            }
            parameters.push(Value::Map(item));
        }
        if !parameters.is_empty() {
            map.push("parameters", Value::list(parameters));
        }
        map
    }
}

/// Argo CD puts variables of its own in place of `$NAME`, and nothing if it has none of that name: of `/$2`, `/` would be left.
/// Source: `Envsubst` in `pkg/apis/application/v1alpha1/types.go`, and `helmTemplate` in `reposerver/repository/repository.go`.
fn unexpanded(text: &str) -> Cow<'_, str> {
    if text.contains('$') { text.replace('$', "$$").into() } else { text.into() }
}
