//! Who set whatever is taken over as it stands, or follows from what was decided: for `explain` alone.
//!
//! A field of the Environment that nobody is named for here or where it is decided fails a test (`src/tests/explain.rs`).

mod databases;
mod marks;
mod services;

use crate::{
    finding::InputFile,
    rules,
    value::{Value, child, push_segment, to_value},
};

use super::{Decision, Environment, Origin, Resolver, decision::shown};

/// Who set a field, and why it is so.
type Why = (Origin, &'static str);

impl Resolver<'_> {
    /// Records who set everything that has no record yet.
    pub(super) fn origins(&mut self, environment: &Environment) {
        let facts = to_value(environment);
        self.decided = self.decisions.made.iter().map(|decision| decision.field.clone()).collect();
        self.platform(&facts);
        self.network_origins(&facts);
        self.marks(&facts);
        self.services_origins(&facts, &environment.profile);
        self.routes_origins(&facts);
        self.databases_origins(&facts, environment);
        self.application_origins(&facts);
    }

    /// What the guardrails say and nobody asks about.
    fn platform(&mut self, facts: &Value) {
        self.each("", facts, |key| match key {
            "domain" => Some((guardrails(&["domain"]), "below it, all hosts are")),
            "layout" => Some((guardrails(&["layout"]), "who writes the policy")),
            "podSecurity" => {
                Some((guardrails(&["podSecurity"]), "the version of the Pod Security Standards that is enforced"))
            }
            "jobResources" => Some((Origin::BuiltIn, "what dayfly's own programs need")),
            "configHash" => Some((Origin::BuiltIn, "of `config`: Pods start anew when it changes")),
            _ => None,
        });
        self.below("waves", facts, |_| Some((Origin::BuiltIn, "the order in which Argo CD applies")));
        let profile = facts.str_at(&["profile"]).unwrap_or_default().to_owned();
        self.below("quota", facts, |resource| {
            Some((guardrails(&["profiles", &profile, "quota", resource]), "the profile's"))
        });
        for (field, place, _) in &rules::limit_range::FIELDS {
            self.below(&format!("limits.{field}"), facts, |resource| {
                let place = child(&format!("/spec/profiles/{profile}/{place}"), resource);
                Some((Origin::Input(InputFile::Guardrails, place), "the profile's, for each container"))
            });
        }
        self.below("limits", facts, |key| (key == "type").then_some((Origin::BuiltIn, "bounds are each container's")));
        self.below("ingress", facts, |key| {
            let of = match key {
                "gateway" | "gatewayNamespace" => "gateway",
                "section" if self.guardrails.ingress.as_ref().is_none_or(|ingress| ingress.section.is_none()) => {
                    return Some((Origin::BuiltIn, "the usual name, if the guardrails do not say"));
                }
                "section" => "section",
                "trustedHops" => "trustedHops",
                "class" => "class",
                "clusterIssuer" => "tls",
                "noindexMiddleware" | "noindexHeaders" => "implementation",
                _ => return None,
            };
            Some((guardrails(&["ingress", of]), "how the platform's requests come in"))
        });
        self.below("secretStore", facts, |key| match key {
            "serviceAccount" => Some((Origin::BuiltIn, "the preview's own, which signs in to the store")),
            "provider" | "annotations" => Some((guardrails(&["secrets", "provider"]), "the preview's own store")),
            _ => None,
        });
        let has_provider = self.guardrails.secrets.as_ref().is_some_and(|secrets| secrets.provider.is_some());
        let store = if has_provider { "provider" } else { "store" };
        for (index, secret) in self.policy.secrets.iter().enumerate() {
            self.below(&format!("secrets.{}", secret.name), facts, |key| match key {
                "name" => {
                    Some((policy(&["secrets", &index.to_string(), "name"]), "the Secret that the workload reads"))
                }
                "storeKind" | "storeName" => {
                    Some((guardrails(&["secrets", store]), "where the platform's secrets are"))
                }
                "refresh" => Some((guardrails(&["secrets", "refresh"]), "how often the store is asked")),
                _ => None,
            });
        }
    }

    fn network_origins(&mut self, facts: &Value) {
        let dns = |of: &str| guardrails(&["network", "dns", of]);
        self.below("network.dns", facts, |key| match key {
            "pods" => Some((dns("namespace"), "where DNS is answered")),
            "blocks" => Some((dns("cidrs"), "addresses that answer DNS too")),
            "ports" => Some((dns("port"), "the port of DNS")),
            _ => None,
        });
        self.below("network", facts, |key| match key {
            "dnsPort" => Some((dns("port"), "the port of DNS")),
            "dnsLabels" => Some((dns("podLabels"), "the Pods that answer DNS, as Cilium has them")),
            _ => None,
        });
        self.below("network.telemetry", facts, |key| match key {
            "pods" => Some((guardrails(&["telemetry", "namespace"]), "where the collector is")),
            "ports" => Some((guardrails(&["telemetry", "port"]), "the collector's port")),
            _ => None,
        });
        for name in &self.policy.egress {
            let of = |key: &str| guardrails(&["egress", name, key]);
            let entry = self.guardrails.egress.get(name);
            let is_a_name = entry.is_some_and(|destination| destination.only_name().is_some());
            self.below(&format!("network.egress.{name}"), facts, |key| match key {
                "pods" => Some((of("namespace"), "the catalogue's entry")),
                "blocks" if is_a_name => Some((guardrails(&["network", "fqdn"]), "what stands for a host's name")),
                "blocks" => Some((of("cidrs"), "the catalogue's entry")),
                "ports" => Some((of("port"), "the catalogue's entry")),
                _ => None,
            });
            self.below(&format!("network.names.{name}"), facts, |key| match key {
                "fqdn" | "port" => Some((of(key), "the catalogue's entry")),
                "name" => Some((guardrails(&["egress", name]), "the catalogue's entry")),
                _ => None,
            });
        }
        for name in facts.items_at(&["network", "ingress"]).iter().filter_map(|peer| peer.str_at(&["name"])) {
            self.below(&format!("network.ingress.{name}"), facts, |key| match key {
                "pods" | "blocks" => {
                    Some((guardrails(&["ingress", "controller"]), "requests come from the ingress controller"))
                }
                "name" | "service" | "ports" => {
                    Some((policy(&["routes"]), "what routes lead to is reached, nothing else"))
                }
                _ => None,
            });
        }
    }

    fn application_origins(&mut self, facts: &Value) {
        let repository = self.origin_of("application.repository");
        let project = guardrails(&["applications", "project"]);
        self.below("application", facts, |key| match key {
            "name" => Some((Origin::BuiltIn, "the namespace's name and `-app`")),
            "namespace" => Some((guardrails(&["applications", "namespace"]), "where Applications are")),
            "project" => Some((project.clone(), "the AppProject that bounds what the child may do")),
            _ => None,
        });
        self.below("application.source", facts, |key| match key {
            "repoURL" => Some((repository.clone(), "the repository of the child Application")),
            "targetRevision" => Some((Origin::parameter("head_sha"), "the pull request's head")),
            "path" | "kustomize" | "helm" | "directory" => {
                Some((policy(&["application", key]), "how the team's source is rendered"))
            }
            _ => None,
        });
    }

    /// Each key of a map of the Environment, `services.web`, for which `why` knows anything.
    fn below(&mut self, field: &str, facts: &Value, why: impl Fn(&str) -> Option<Why>) {
        let mut here = Some(facts);
        for name in field.split('.') {
            here = here.and_then(|value| match value {
                Value::List(items) => items.iter().find(|item| item.str_at(&["name"]) == Some(name)),
                other => other.get(name),
            });
        }
        if let Some(map) = here {
            self.each(&format!("{field}."), map, why);
        }
    }

    fn each(&mut self, prefix: &str, map: &Value, why: impl Fn(&str) -> Option<Why>) {
        for (key, value) in map.entries() {
            if let Some((origin, reason)) = why(key) {
                self.say(format!("{prefix}{key}"), origin, shown(value), reason);
            }
        }
    }

    /// Records one, unless where it was decided somebody did.
    fn say(&mut self, field: impl Into<String>, origin: Origin, granted: impl Into<String>, reason: &str) {
        let field = field.into();
        if self.decided.insert(field.clone()) {
            self.decisions.record(|| Decision::new(field, origin, granted, reason));
        }
    }

    /// Who set what this follows from.
    fn origin_of(&self, field: &str) -> Origin {
        let decision = self.decisions.made.iter().find(|decision| decision.field == field);
        decision.map_or(Origin::BuiltIn, |decision| decision.origin.clone())
    }
}

fn guardrails(path: &[&str]) -> Origin {
    Origin::Input(InputFile::Guardrails, pointer(path))
}

fn policy(path: &[&str]) -> Origin {
    Origin::Input(InputFile::Policy, pointer(path))
}

/// A pointer below `/spec`.
fn pointer(path: &[&str]) -> String {
    let mut pointer = "/spec".to_owned();
    for segment in path {
        push_segment(&mut pointer, segment);
    }
    pointer
}
