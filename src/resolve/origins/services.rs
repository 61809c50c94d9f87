//! Who set what services and routes are.

use crate::{resolve::variables::SERVICE_NAME, value::Value};

use super::{Origin, Resolver, guardrails, policy};

/// Why a group is what it is.
pub(super) const ITS_FILES: &str = "the group whose files it reads";
pub(super) const AS_ITS_USER: &str = "its user's number, if the policy does not say";

impl Resolver<'_> {
    pub(super) fn services_origins(&mut self, facts: &Value, profile: &str) {
        let policy_spec = self.policy;
        for (index, service) in policy_spec.services.iter().enumerate() {
            let index = index.to_string();
            let of = |key: &str| policy(&["services", &index, key]);
            let field = format!("services.{}", service.name);
            let or_built_in = |is_said: bool, key: &str, said, unsaid| {
                Some(if is_said { (of(key), said) } else { (Origin::BuiltIn, unsaid) })
            };
            self.below(&field, facts, |key| match key {
                "name" => Some((of("name"), "what the service is called")),
                "command" => {
                    or_built_in(!service.command.is_empty(), key, "instead of the image's own", "the image has its own")
                }
                "args" => {
                    or_built_in(!service.args.is_empty(), key, "instead of the image's own", "the image has its own")
                }
                "port" | "ports" => {
                    or_built_in(service.port.is_some(), "port", "where it listens", "it has no port: nothing listens")
                }
                "healthPort" if service.health_port.is_none() => {
                    or_built_in(service.port.is_some(), "port", "where it listens", "it has no port: nothing listens")
                }
                "healthPort" => Some((of(key), "where its health answers")),
                "startAttempts" => or_built_in(
                    service.start_within.is_some(),
                    "startWithin",
                    "an attempt every two seconds",
                    "two minutes, an attempt every two seconds, if the policy does not say",
                ),
                "httpCheck" | "tcpCheck" if service.port.is_none() => {
                    Some((Origin::BuiltIn, "it has no port: that it runs is enough"))
                }
                "httpCheck" | "tcpCheck" => or_built_in(
                    service.health.is_some(),
                    "health",
                    "what probes ask for",
                    "no `health`: that the port is open is enough",
                ),
                "healthHeaders" => {
                    let route = policy_spec.routes.iter().position(|route| service.name == route.service);
                    let reason = "asked for as the first route's requests are";
                    Some(match route {
                        Some(at) => (policy(&["routes", &at.to_string(), "service"]), reason),
                        None => (Origin::BuiltIn, "it has no route: nothing else is said"),
                    })
                }
                "replicas" => {
                    or_built_in(service.replicas.is_some(), key, "as many Pods", "one Pod, if the policy does not say")
                }
                "usesHash" => Some((of("uses"), "Pods start anew when what they use comes from elsewhere")),
                "filesConfigMap" | "filesHash" if service.files.is_empty() => {
                    Some((Origin::BuiltIn, "it has no files of its own"))
                }
                "filesConfigMap" => Some((of("files"), "the service's name and `-files`")),
                "filesHash" => Some((of("files"), "Pods start anew when a file changes")),
                "resources" if service.resources.is_empty() => {
                    Some((guardrails(&["profiles", profile, "container"]), "not asked for: the LimitRange's"))
                }
                "runAsUser" => or_built_in(
                    service.run_as_user.is_some(),
                    key,
                    "not root",
                    "a user of no image, if the policy does not say",
                ),
                "runAsGroup" if service.run_as_group.is_some() => Some((of(key), ITS_FILES)),
                "runAsGroup" => or_built_in(service.run_as_user.is_some(), "runAsUser", AS_ITS_USER, AS_ITS_USER),
                _ => None,
            });
            self.say(
                format!("{field}.env.{SERVICE_NAME}"),
                of("name"),
                &*service.name,
                "what OpenTelemetry calls the service",
            );
            let mut services = facts.items_at(&["services"]).iter();
            let facts = services.find(|facts| facts.str_at(&["name"]) == Some(&service.name));
            for folder in facts.map(|facts| facts.items_at(&["writable"])).unwrap_or_default() {
                let text = |key| folder.str_at(&[key]).unwrap_or_default();
                let asked = service.writable.iter().position(|path| **path == *text("path"));
                let (origin, reason) = match asked {
                    Some(at) => {
                        (policy(&["services", &index, "writable", &at.to_string()]), "a folder that is written to")
                    }
                    None => (Origin::BuiltIn, "every service may write to `/tmp`"),
                };
                self.say(format!("{field}.writable.{}", text("name")), origin, text("path"), reason);
            }
        }
    }

    pub(super) fn routes_origins(&mut self, facts: &Value) {
        let policy_spec = self.policy;
        for (index, route) in policy_spec.routes.iter().enumerate() {
            let index = index.to_string();
            let of = |key: &str| policy(&["routes", &index, key]);
            let host = self.origin_of(&format!("routes.{}.host", route.name));
            let ingress = |key: &str| guardrails(&["ingress", key]);
            let service = policy_spec.services.iter().position(|service| service.name == route.service);
            self.below(&format!("routes.{}", route.name), facts, |key| {
                Some(match key {
                    "name" => (of("name"), "what the route is called"),
                    "url" => (host.clone(), "the host and the path, by https"),
                    "path" | "paths" if route.path.is_some() => (of("path"), "the paths below it"),
                    "path" | "paths" => (Origin::BuiltIn, "all paths, if the policy does not say"),
                    "service" => (of("service"), "where requests go"),
                    "port" => match service.filter(|_| route.port.is_none()) {
                        Some(at) => (policy(&["services", &at.to_string(), "port"]), "the service's"),
                        None => (of("port"), "where requests go"),
                    },
                    "targetPort" => match service {
                        _ if route.target_port.is_some() => (of("targetPort"), "where the Pods listen"),
                        Some(at) => (policy(&["services", &at.to_string(), "port"]), "where its Pods listen"),
                        None => (of("port"), "the Pods' port, if the policy does not say another"),
                    },
                    "cidrs" | "oauth2Proxy" => {
                        (guardrails(&["access", &route.access, key]), "what that access comes to")
                    }
                    "auth" | "signIn" => {
                        (guardrails(&["access", &route.access, "oauth2Proxy"]), "where that access signs people in")
                    }
                    "middlewares" | "annotations" | "traefikCidrs" | "traefikSso" | "envoyCidrs" => {
                        (ingress("implementation"), "the access in this implementation's words")
                    }
                    "isHttpRoute" | "isIngress" => (ingress("kind"), "how a route is written"),
                    "parents" => (ingress("gateway"), "where the route hangs"),
                    "ownCertificate" | "certificate" => (ingress("tls"), "whose certificate it is"),
                    _ => return None,
                })
            });
        }
    }
}
