//! What everything is marked with, and the ConfigMap `preview`: the contract with the workload.

use std::collections::BTreeSet;

use crate::{
    finding::visible,
    objects::keys,
    rules,
    value::{Map, Text, Value, child},
};

use super::{
    Environment, Preview, Resolver,
    addresses::Reaches,
    databases::OPERATORS_SECRETS,
    environment::{PolicyFacts, RouteFacts, WAVES},
    names,
    texts::TextKind,
};

/// On every object: who owns it, who pays for it, which pull request it is of.
pub(super) fn labels(policy: &PolicyFacts, preview: Preview<'_>) -> Value {
    let Preview { pr, namespace, .. } = preview;
    Value::map([
        (keys::MANAGED_BY, Value::from("dayfly")),
        (keys::PART_OF, Value::string(&policy.name)),
        (keys::COST_CENTER, Value::string(&policy.cost_center)),
        (keys::ENVIRONMENT, Value::string(namespace)),
        (keys::POLICY, Value::string(&policy.name)),
        (keys::PULL_REQUEST, Value::string(&pr.number)),
        (keys::TEAM, Value::string(&policy.team)),
    ])
}

/// The Namespace's annotations: links for people, facts for tools.
pub(super) fn annotations(environment: &Environment) -> Value {
    let Environment { pr, routes, ttl, expires_at, trust, application, .. } = environment;
    let child = application.as_ref().map(|child| format!("{}/{}", child.namespace, child.name)).unwrap_or_default();
    let mut annotations = Map::with_capacity(14);
    annotations.push(keys::SYNC_WAVE, Value::from(WAVES.guard));
    let mut push = |key: &'static str, text: &str| {
        if !text.is_empty() {
            annotations.push(key, Value::string(text));
        }
    };
    push(keys::APPLICATION, &child);
    push(keys::AUTHOR, &pr.author);
    push(keys::BRANCH, &pr.branch);
    push(keys::EXPIRES_AT, expires_at);
    push(keys::HEAD_SHA, &pr.head_sha);
    push(keys::RESERVED, &reserved(environment));
    push(keys::TITLE, &pr.title);
    push(keys::TRUST, trust.tier);
    push(keys::TTL, ttl);
    push(keys::UPDATED_AT, &pr.updated_at);
    push(keys::VERSION, env!("CARGO_PKG_VERSION"));
    push(keys::PULL_REQUEST_LINK, &pr.url);
    for route in routes {
        annotations.insert(link(&route.name), Value::string(&*route.url));
    }
    Value::Map(annotations)
}

impl Resolver<'_> {
    /// URLs, SHA, feature flags and OpenTelemetry's attributes, as environment variables.
    pub(super) fn config(&mut self, preview: Preview<'_>, routes: &[RouteFacts]) -> Value {
        let Preview { pr, namespace, .. } = preview;
        let policy = self.policy;
        let mut data = Map::with_capacity(12);
        data.push("PREVIEW_NAMESPACE", Value::string(namespace));
        data.push("PREVIEW_PULL_REQUEST", Value::string(&*pr.number));
        data.push("PREVIEW_HEAD_SHA", Value::string(&*pr.head_sha));
        for (index, route) in routes.iter().enumerate() {
            if index == 0 {
                data.push("PREVIEW_URL", Value::string(&*route.url));
            }
            data.push(url_variable(&route.name), Value::string(&*route.url));
        }
        let mut variables = BTreeSet::new();
        for (name, value) in policy.flags.iter() {
            let pointer = child("/spec/flags", name);
            let text = self.text(value, TextKind::Free, || pointer.clone());
            self.judge_address(
                value,
                &text,
                Reaches::default(),
                || format!("the flag `{}`", visible(name)),
                || pointer.clone(),
            );
            self.judge_plain(value, TextKind::Free, || pointer.clone());
            let variable = Text::from(flag_variable(name));
            if !variables.insert(variable.clone()) {
                let message = format!("the variable `{variable}` of the flag `{}` is set already", visible(name));
                self.policy_finding(&rules::reference::DUPLICATE_NAME, pointer, message);
            }
            data.push(variable, Value::string(text));
        }
        if let Some(telemetry) = &self.guardrails.telemetry {
            data.push("OTEL_EXPORTER_OTLP_ENDPOINT", Value::string(&*telemetry.endpoint));
        }
        // Semantic conventions 1.44: `deployment.environment.name` is stable. No free text: `,` and `=` separate.
        let attributes = format!(
            "deployment.environment.name=preview-pr-{number},service.namespace={},service.version={sha},vcs.change.id={number},vcs.ref.head.revision={sha}",
            self.policy_name,
            number = pr.number,
            sha = pr.head_sha,
        );
        data.push("OTEL_RESOURCE_ATTRIBUTES", Value::string(attributes));
        Value::Map(data)
    }
}

/// What in the preview's namespace is not for its workload, as the admission policy reads it: `KIND/NAME`, with commas between. What
/// is for the databases' Jobs and servers alone, and the account that has a cloud's or a vault's trust.
fn reserved(environment: &Environment) -> String {
    let mut names = Vec::new();
    for database in &environment.databases {
        names.extend(
            database.secrets.iter().filter(|name| **name != database.name).map(|name| format!("Secret/{name}")),
        );
        names.extend(database.services().map(|service| format!("Service/{service}")));
        if database.cluster.is_some() {
            names.extend(OPERATORS_SECRETS.map(|end| format!("Secret/{}-{end}", database.server)));
            // The data, before anybody looked at them: the hyphen stands for the number that the operator puts behind it.
            names.push(format!("PersistentVolumeClaim/{}-", database.server));
            names.push(format!("VolumeSnapshot/{}-", database.server));
            // Its Pods' own account, which may read those Secrets: left out, a Pod would get its token.
            names.push(format!("ServiceAccount/{}", database.server));
        }
        if database.own_account {
            names.push(format!("ServiceAccount/{}", database.service_account));
        }
    }
    let store = environment.secret_store.as_ref();
    names.extend(store.map(|store| format!("ServiceAccount/{}", store.service_account)));
    names.join(",")
}

/// The hash of a ConfigMap: Pods start anew when it changes.
pub(super) fn hash(config: &Value, layout: &str) -> String {
    let parts: Vec<&str> = config
        .entries()
        .flat_map(|(key, value)| [key, value.as_str().unwrap_or_default()])
        .chain(Some(layout).filter(|layout| !layout.is_empty()))
        .collect();
    names::hash(&parts)
}

/// The annotation with a route's URL. It may be called as the pull request's link is; no route's name has a dot.
pub(super) fn link(route: &str) -> String {
    let name = if route == "pull-request" { "route.pull-request" } else { route };
    format!("{}{name}", keys::LINK)
}

/// The variable with a route's URL.
pub(super) fn url_variable(route: &str) -> String {
    format!("PREVIEW_URL_{}", variable(route))
}

/// The variable of a flag.
pub(super) fn flag_variable(flag: &str) -> String {
    format!("FLAG_{}", variable(flag))
}

/// A name as an environment variable has it.
fn variable(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}
