//! The variables of a container of the team's, and the words of its command.

use std::{collections::BTreeSet, fmt};

use crate::{
    expression::Interpolated,
    finding::InputFile,
    input::{
        Ordered,
        scalar::{EnvName, Reference},
    },
    rules,
    value::Value,
};

use super::{Decision, Origin, Preview, Resolver, addresses::Reaches, environment::DatabaseFacts, texts::TextKind};

/// What OpenTelemetry calls the service, unless the team calls it otherwise.
pub(super) const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// Most variables that all containers get of what they use: containers times keys would be out of all proportion to the file.
const MOST_USED: usize = 20_000;

/// A container of the team's: a service's, or that of migrate or seed.
pub(super) struct Container<'a, 'c> {
    /// What it runs in.
    pub(super) preview: Preview<'c>,
    /// How its decisions' fields begin: `services.web`.
    pub(super) field: fmt::Arguments<'c>,
    /// Where the policy has it.
    pub(super) pointer: &'c str,
    /// What it is called in a reason.
    pub(super) who: fmt::Arguments<'c>,
    pub(super) env: &'a Ordered<Interpolated, EnvName>,
    pub(super) uses: &'a [Reference],
    /// What its `env` is for: whether free text of the pull request is only data there.
    pub(super) env_kind: TextKind,
    /// The [`SERVICE_NAME`] that it has unless its `env` says otherwise.
    pub(super) service_name: Option<&'a str>,
    /// Variables that it has in any case, from elsewhere.
    pub(super) taken: &'c [&'a str],
    /// The databases that are there, if it may use any.
    pub(super) databases: Option<&'c [DatabaseFacts]>,
    /// What may stand for the host in an address.
    pub(super) reaches: Reaches<'c>,
}

/// What a container has so far.
struct Variables<'a> {
    items: Vec<Value>,
    names: BTreeSet<&'a str>,
    withheld: BTreeSet<&'a str>,
}

impl<'a> Resolver<'a> {
    /// The words of a container's `command` or `args`.
    pub(super) fn words(
        &mut self,
        container: &Container<'a, '_>,
        words: &'a [Interpolated],
        field: &str,
    ) -> Vec<String> {
        let words = words.iter().enumerate().map(|(index, word)| {
            let here = || format!("{}/{field}/{index}", container.pointer);
            let text = self.text(word, TextKind::Strict, here);
            self.judge_address(word, &text, container.reaches, || format!("a word of `{field}`"), here);
            if index == 0
                && field == "command"
                && let Some((message, help)) = rules::program_name::problem(&text)
            {
                self.policy_finding(&rules::program_name::PROGRAM_NAME, here(), message).help = Some(help);
            }
            text
        });
        words.collect()
    }

    /// A container's `env`: what it uses, then its own, since Kubernetes puts in place of `$(NAME)` only what stands above. What was
    /// withheld is left out, and what names it.
    pub(super) fn env(&mut self, container: &Container<'a, '_>) -> Value {
        let Container { env, pointer, reaches, .. } = *container;
        let names = container.taken.iter().copied().collect();
        let mut variables = Variables { items: Vec::new(), names, withheld: BTreeSet::new() };
        if let Some(name) = container.service_name.filter(|_| env.get(SERVICE_NAME).is_none()) {
            variables.names.insert(SERVICE_NAME);
            variables.items.push(plain(SERVICE_NAME, name));
        }
        let mut own: Vec<(&str, &Interpolated, String, bool)> = Vec::with_capacity(env.len());
        for (name, value) in env.iter() {
            let here = || format!("{pointer}/env/{name}");
            let mistakes = self.findings.len();
            let text = self.text(value, container.env_kind, here);
            self.judge_address(value, &text, reaches, || format!("the variable `{name}`"), here);
            if !variables.names.insert(name) {
                let message = format!("the variable `{name}` is set already");
                self.policy_finding(&rules::reference::DUPLICATE_NAME, here(), message);
            }
            own.push((name, value, text, self.findings.len() == mistakes));
            self.judge_plain(value, container.env_kind, here);
        }
        let knows_all = self.used(container, &mut variables);
        let Variables { mut items, names: mut above, mut withheld } = variables;
        if own.iter().any(|(_, _, text, _)| text.contains("$(") || text.contains("${")) {
            for (name, ..) in &own {
                above.remove(name);
            }
        }
        for (name, asked, text, is_fine) in own {
            let here = || format!("{pointer}/env/{name}");
            // One mistake in a value is enough: it may be an address, too.
            if knows_all && is_fine {
                self.judge_reference(name, &text, &above, here);
            }
            self.judge_shell(asked, &above, here);
            let hole = rules::reference::named(&text).find(|named| withheld.contains(named));
            self.decisions.record(|| Decision {
                field: format!("{}.env.{name}", container.field),
                origin: Origin::Input(InputFile::Policy, here()),
                asked: (hole.is_some() || asked.source != text).then(|| asked.source.to_string()),
                granted: if hole.is_some() { "nothing".to_owned() } else { text.clone() },
                rule: hole.is_some().then_some(&rules::trust::WITHHELD),
                reason: match hole {
                    Some(name) => format!("`$({name})` is withheld"),
                    None => format!("{}'s own variable", container.who),
                },
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

    /// Adds what a container uses. Says whether all of it is known.
    fn used(&mut self, container: &Container<'a, '_>, variables: &mut Variables<'a>) -> bool {
        let policy = self.policy;
        let mut knows_all = true;
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for (index, used) in container.uses.iter().enumerate() {
            let pointer = format!("{}/uses/{index}", container.pointer);
            if !seen.insert(used) {
                let message = format!("`{used}` stands twice in `uses`");
                self.policy_finding(&rules::reference::DUPLICATE_NAME, pointer, message);
                continue;
            }
            let database = || policy.databases.iter().find(|database| database.name == *used);
            // Each variable, and the key of the Secret that it holds; of a database, which of them is its URL.
            let secrets = self.secrets.get_or_init(|| {
                // Of two that are called the same, the first.
                policy.secrets.iter().rev().map(|secret| (&*secret.name, secret)).collect()
            });
            let (keys, url): (Vec<(&str, &str)>, _) = if let Some(secret) = secrets.get(&**used) {
                (secret.keys.names().map(|name| (name, name)).collect(), None)
            } else if let Some(database) = container.databases.and_then(|_| database()) {
                let url = super::databases::url_variable(database);
                let parts = database.keys.iter().filter(|(name, _)| *name != url);
                (std::iter::once((url, url)).chain(parts.map(|(name, key)| (name, key.name()))).collect(), Some(url))
            } else {
                let (what, hint) = if container.databases.is_some() {
                    ("secret or database", self.hint(used, policy.secret_names()))
                } else {
                    ("secret", self.hint(used, policy.secrets.iter().map(|secret| &*secret.name)))
                };
                let message = format!("there is no {what} `{used}`{hint}");
                self.policy_finding(&rules::reference::UNKNOWN_REFERENCE, pointer, message);
                knows_all = false;
                continue;
            };
            let known = self.used;
            self.used += keys.len();
            if self.used > MOST_USED {
                knows_all = false;
                // Once is enough.
                if known <= MOST_USED {
                    let message =
                        format!("more than {MOST_USED} variables of secrets and databases in all containers together");
                    self.policy_finding(&rules::input::INPUT_LIMIT, pointer, message);
                }
                continue;
            }
            let granted = container.preview.secrets.iter().any(|secret| secret.name == **used)
                || container.databases.into_iter().flatten().any(|database| database.name == **used);
            for (name, key) in keys {
                if !variables.names.insert(name) {
                    let is_own = container.env.iter().any(|(own, _)| own == name);
                    let message = format!("the variable `{name}` of `{used}` is set already");
                    let finding = self.policy_finding(&rules::reference::DUPLICATE_NAME, pointer.clone(), message);
                    finding.help = match (is_own, url == Some(name)) {
                        (true, true) => Some(format!(
                            "leave `{name}` out of the service's `env`, or give the database's URL another variable: `env` at the database"
                        )),
                        (true, false) => Some(format!("leave `{name}` out of `env`: what is used sets it")),
                        (false, true) => {
                            Some("give the database's URL another variable: `env` at the database".to_owned())
                        }
                        (false, false) => None,
                    };
                }
                if granted {
                    variables.items.push(from_secret(name, used, key));
                } else {
                    variables.withheld.insert(name);
                }
                self.decisions.record(|| Decision {
                    field: format!("{}.env.{name}", container.field),
                    origin: Origin::Input(InputFile::Policy, pointer.clone()),
                    asked: None,
                    granted: if granted { format!("of the Secret `{used}`") } else { "nothing".to_owned() },
                    rule: (!granted).then_some(&rules::trust::WITHHELD),
                    reason: format!("{} uses `{used}`", container.who),
                });
            }
        }
        knows_all
    }
}

fn plain(name: &str, value: &str) -> Value {
    Value::map([("name", Value::string(name)), ("value", Value::string(value))])
}

fn from_secret(name: &str, secret: &str, key: &str) -> Value {
    let reference = Value::map([("name", Value::string(secret)), ("key", Value::string(key))]);
    Value::map([("name", Value::string(name)), ("valueFrom", Value::map([("secretKeyRef", reference)]))])
}
