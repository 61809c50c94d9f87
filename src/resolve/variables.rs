//! The variables of a service's container.

use std::collections::BTreeSet;

use crate::{expression::Interpolated, finding::InputFile, input::policy::Service, rules, value::Value};

use super::{
    Decision, Origin, Resolver,
    environment::{DatabaseFacts, SecretFacts},
};

/// What OpenTelemetry calls the service, unless the team calls it otherwise.
pub(super) const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// Most variables that all services get of what they use: services times keys would be out of all proportion to the file.
const MOST_USED: usize = 20_000;

impl<'a> Resolver<'a> {
    /// A container's `env`: what it uses, then the service's own, since Kubernetes puts in place of `$(NAME)` only what stands above. What
    /// was withheld is left out, and what names it.
    pub(super) fn env(
        &mut self,
        service: &'a Service,
        pointer: &str,
        secrets: &[SecretFacts],
        databases: &[DatabaseFacts],
    ) -> Value {
        let policy = self.policy;
        let mut items: Vec<Value> = Vec::new();
        let mut own: Vec<(&str, &Interpolated, String, bool)> = Vec::with_capacity(service.env.len());
        let mut names: BTreeSet<&str> = BTreeSet::new();
        let mut knows_all = true;
        if service.env.get(SERVICE_NAME).is_none() {
            names.insert(SERVICE_NAME);
            items.push(plain(SERVICE_NAME, &service.name));
        }
        for (name, value) in service.env.iter() {
            let here = || format!("{pointer}/env/{name}");
            let mistakes = self.findings.len();
            let text = self.variable(value, InputFile::Policy, here);
            self.judge_address(value, &text, &service.uses, &[], || format!("the variable `{name}`"), here);
            names.insert(name);
            own.push((name, value, text, self.findings.len() == mistakes));
            self.judge_plain(value, InputFile::Policy, here);
        }
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut withheld: BTreeSet<&str> = BTreeSet::new();
        for (index, used) in service.uses.iter().enumerate() {
            let pointer = format!("{pointer}/uses/{index}");
            if !seen.insert(used) {
                let message = format!("`{used}` stands twice in `uses`");
                self.policy_finding(&rules::reference::DUPLICATE_NAME, pointer, message);
                continue;
            }
            // Each variable, and the key of the Secret that it holds.
            let keys: Vec<(&str, &str)> =
                if let Some(secret) = policy.secrets.iter().find(|secret| secret.name == *used) {
                    secret.keys.names().map(|name| (name, name)).collect()
                } else if let Some(database) = policy.databases.iter().find(|database| database.name == *used) {
                    let url = super::databases::url_variable(database);
                    let parts = database.keys.iter().filter(|(name, _)| *name != url);
                    std::iter::once((url, url)).chain(parts.map(|(name, key)| (name, key.name()))).collect()
                } else {
                    let hint = self.hint(used, policy.secret_names());
                    let message = format!("there is no secret or database `{used}`{hint}");
                    self.policy_finding(&rules::reference::UNKNOWN_REFERENCE, pointer, message);
                    knows_all = false;
                    continue;
                };
            let known = self.used;
            self.used += keys.len();
            if self.used > MOST_USED {
                // Once is enough.
                if known <= MOST_USED {
                    let message =
                        format!("more than {MOST_USED} variables of secrets and databases in all services together");
                    self.policy_finding(&rules::input::INPUT_LIMIT, pointer, message);
                }
                continue;
            }
            let granted = secrets.iter().any(|secret| secret.name == **used)
                || databases.iter().any(|database| database.name == **used);
            for (name, key) in keys {
                if !names.insert(name) {
                    let message = format!("the variable `{name}` of `{used}` is set already");
                    let is_database = name == key && policy.databases.iter().any(|database| database.name == *used);
                    let finding = self.policy_finding(&rules::reference::DUPLICATE_NAME, pointer.clone(), message);
                    finding.help = is_database.then(|| {
                        format!("leave `{name}` out of the service's `env`, or give the database's URL another variable: `env` at the database")
                    });
                }
                if granted {
                    items.push(from_secret(name, used, key));
                } else {
                    withheld.insert(name);
                }
                self.decisions.record(|| Decision {
                    field: format!("services.{}.env.{name}", service.name),
                    origin: Origin::Input(InputFile::Policy, pointer.clone()),
                    asked: None,
                    granted: if granted { format!("of the Secret `{used}`") } else { "nothing".to_owned() },
                    rule: (!granted).then_some(&rules::trust::WITHHELD),
                    reason: format!("the service uses `{used}`"),
                });
            }
        }
        let mut above: BTreeSet<&str> = BTreeSet::new();
        if own.iter().any(|(_, _, text, _)| text.contains("$(")) {
            above.extend(names.iter().copied().filter(|name| service.env.get(name).is_none()));
        }
        for (name, asked, text, is_fine) in own {
            let here = || format!("{pointer}/env/{name}");
            // One mistake in a value is enough: it may be an address, too.
            if knows_all && is_fine {
                self.judge_reference(name, &text, &above, here);
            }
            let hole = rules::reference::named(&text).find(|named| withheld.contains(named));
            self.decisions.record(|| {
                let field = format!("services.{}.env.{name}", service.name);
                own_variable(field, here(), asked, &text, hole, "the service's own variable")
            });
            if hole.is_some() {
                withheld.insert(name);
            } else {
                items.push(plain(name, &text));
            }
            above.insert(name);
        }
        Value::list(items)
    }
}

/// What became of a variable that a container has of its own. `hole`: what it names of what was withheld.
pub(super) fn own_variable(
    field: String,
    place: String,
    asked: &Interpolated,
    text: &str,
    hole: Option<&str>,
    reason: &str,
) -> Decision {
    Decision {
        field,
        origin: Origin::Input(InputFile::Policy, place),
        asked: (hole.is_some() || asked.source != text).then(|| asked.source.to_string()),
        granted: if hole.is_some() { "nothing".to_owned() } else { text.to_owned() },
        rule: hole.is_some().then_some(&rules::trust::WITHHELD),
        reason: hole.map_or_else(|| reason.to_owned(), |name| format!("`$({name})` is withheld")),
    }
}

pub(super) fn plain(name: &str, value: &str) -> Value {
    Value::map([("name", Value::string(name)), ("value", Value::string(value))])
}

pub(super) fn from_secret(name: &str, secret: &str, key: &str) -> Value {
    let reference = Value::map([("name", Value::string(secret)), ("key", Value::string(key))]);
    Value::map([("name", Value::string(name)), ("valueFrom", Value::map([("secretKeyRef", reference)]))])
}
