//! Who set the labels, the Namespace's annotations and the ConfigMap `preview`.

use crate::{
    finding::InputFile,
    objects::keys,
    resolve::config::{flag_variable, link, url_variable},
    value::{Map, Value, child},
};

use super::{Origin, Resolver, guardrails, policy, shown};

/// The pull request's fields, and the parameters that they come from.
const FIELDS: [(&str, &str); 14] = [
    ("number", "number"),
    ("headSha", "head_sha"),
    ("headShortSha", "head_sha"),
    ("headShortSha7", "head_sha"),
    ("branch", "branch"),
    ("branchSlug", "branch_slug"),
    ("targetBranch", "target_branch"),
    ("title", "title"),
    ("author", "author"),
    ("labels", "labels"),
    ("fork", "fork"),
    ("draft", "draft"),
    ("url", "url"),
    ("updatedAt", "updated_at"),
];

impl Resolver<'_> {
    pub(super) fn marks(&mut self, facts: &Value) {
        let name = Origin::Input(InputFile::Policy, "/metadata/name".into());
        self.below("policy", facts, |key| match key {
            "name" => Some((name.clone(), "part of every name that is derived")),
            "team" => Some((policy(&["team"]), "who owns it: a label on every object")),
            "costCenter" => Some((policy(&["costCenter"]), "who pays for it: a label on every object")),
            _ => None,
        });
        self.below("pr", facts, |key| {
            let (_, parameter) = FIELDS.iter().find(|(field, _)| *field == key)?;
            Some((Origin::parameter(parameter), "of the pull request"))
        });
        let namespace = self.origin_of("namespace");
        self.below("labels", facts, |key| {
            let origin = match key {
                keys::PART_OF | keys::POLICY => name.clone(),
                keys::COST_CENTER => policy(&["costCenter"]),
                keys::ENVIRONMENT => namespace.clone(),
                keys::PULL_REQUEST => Origin::parameter("number"),
                keys::TEAM => policy(&["team"]),
                keys::MANAGED_BY => Origin::BuiltIn,
                _ => return None,
            };
            Some((origin, "on every object"))
        });
        self.annotation_origins(facts);
        self.config_origins(facts);
    }

    fn annotation_origins(&mut self, facts: &Value) {
        let [ttl, expires_at, trust] = ["ttl", "expiresAt", "trust"].map(|field| self.origin_of(field));
        let urls: Vec<(String, Origin)> = self.urls(link);
        self.below("namespaceAnnotations", facts, |key| {
            let route = urls.iter().find(|(annotation, _)| annotation == key);
            let origin = match key {
                keys::TTL => ttl.clone(),
                keys::EXPIRES_AT => expires_at.clone(),
                keys::TRUST => trust.clone(),
                keys::AUTHOR => Origin::parameter("author"),
                keys::BRANCH => Origin::parameter("branch"),
                keys::HEAD_SHA => Origin::parameter("head_sha"),
                keys::TITLE => Origin::parameter("title"),
                keys::UPDATED_AT => Origin::parameter("updated_at"),
                keys::PULL_REQUEST_LINK => Origin::parameter("url"),
                keys::APPLICATION => policy(&["application"]),
                keys::RESERVED => policy(&["databases"]),
                keys::SYNC_WAVE | keys::VERSION => Origin::BuiltIn,
                _ => route?.1.clone(),
            };
            Some((origin, "on the Namespace: links for people, facts for tools"))
        });
    }

    fn config_origins(&mut self, facts: &Value) {
        let policy_spec = self.policy;
        let data = facts.get("config").and_then(Value::as_map);
        for (name, _) in policy_spec.flags.iter() {
            let pointer = child("/spec/flags", name);
            let variable = flag_variable(name);
            let granted = data.and_then(|data| data.get(&variable)).map(shown).unwrap_or_default();
            for field in [format!("flags.{name}"), format!("config.{variable}")] {
                let origin = Origin::Input(InputFile::Policy, pointer.clone());
                self.say(field, origin, &*granted, &format!("the flag `{name}`, as the variable `{variable}`"));
            }
        }
        let namespace = self.origin_of("namespace");
        let mut urls = self.urls(url_variable);
        if let Some((_, first)) = urls.first().cloned() {
            urls.push(("PREVIEW_URL".into(), first));
        }
        self.below("config", facts, |key| {
            let origin = match key {
                "PREVIEW_NAMESPACE" => namespace.clone(),
                "PREVIEW_PULL_REQUEST" => Origin::parameter("number"),
                "PREVIEW_HEAD_SHA" => Origin::parameter("head_sha"),
                "OTEL_EXPORTER_OTLP_ENDPOINT" => guardrails(&["telemetry", "endpoint"]),
                "OTEL_RESOURCE_ATTRIBUTES" => Origin::BuiltIn,
                _ => urls.iter().find(|(variable, _)| variable == key)?.1.clone(),
            };
            Some((origin, "the contract with the workload: a variable in every container"))
        });
        if data.is_none_or(Map::is_empty) {
            self.say("config", Origin::BuiltIn, "nothing", "there is nothing to tell a workload");
        }
    }

    /// For each route what something of its own is called, and who set its URL.
    fn urls(&self, called: impl Fn(&str) -> String) -> Vec<(String, Origin)> {
        let routes = self.policy.routes.iter();
        routes.map(|route| (called(&route.name), self.origin_of(&format!("routes.{}.host", route.name)))).collect()
    }
}
