//! No text of the policy is the address of a database that previews would share.

use std::collections::BTreeSet;

use crate::{
    expression::{Interpolated, Part, Scope},
    finding::Excerpt,
    input::{
        Ordered,
        scalar::{EnvName, Reference},
    },
    rules::{
        reference::{UNKNOWN_REFERENCE, unset},
        shared_database::{Hosts, SHARED_DATABASE, shared, would_share},
    },
    value::Value,
};

use super::{Resolver, databases::server, pull_request::FREE_TEXT};

/// What leads a container to its own databases.
#[derive(Clone, Copy, Default)]
pub(super) struct Reaches<'c> {
    /// What it has variables of: databases among them.
    pub(super) uses: &'c [Reference],
    /// Further variables that hold a host.
    pub(super) variables: &'c [&'c str],
}

impl Resolver<'_> {
    /// The hosts of the preview, and variables that hold one.
    fn hosts<'h>(&'h self, variables: &'h [&'h str]) -> Hosts<'h> {
        let services = self.hosts.get_or_init(|| {
            let services = self.policy.services.iter().map(|service| service.name.to_string());
            let services = services.chain(self.policy.databases.iter().map(server));
            services.chain(self.services_of_manifests.iter().cloned()).collect()
        });
        Hosts { services, namespace: self.facts.str_at(&["preview", "namespace"]).unwrap_or_default(), variables }
    }

    /// Those of a container's variables that are a host of the preview's own, and nothing else.
    pub(super) fn own_hosts<'e>(&self, env: &'e Ordered<Interpolated, EnvName>) -> impl Iterator<Item = &'e str> {
        let hosts = self.hosts(&[]);
        let is_host = move |value: &Interpolated| match value.parts() {
            [] => hosts.has_name(&value.source),
            [Part::Path(names)] => matches!(&names[..], [root, _, field] if *root == "services" && *field == "host"),
            _ => false,
        };
        env.iter().filter(move |(_, value)| is_host(value)).map(|(name, _)| name)
    }

    /// Reports a text, of which `evaluated` came, that is such an address.
    pub(super) fn judge_address(
        &mut self,
        text: &Interpolated,
        evaluated: &str,
        reaches: Reaches<'_>,
        what: impl FnOnce() -> String,
        pointer: impl FnOnce() -> String,
    ) {
        if shared(evaluated, Hosts::default()).is_none() {
            return;
        }
        let used =
            self.policy.databases.iter().filter(|database| reaches.uses.iter().any(|used| database.name == *used));
        let variables: Vec<&str> =
            used.flat_map(|database| database.keys.names()).chain(reaches.variables.iter().copied()).collect();
        let hosts = self.hosts(&variables);
        let Some(first) = shared(evaluated, hosts) else { return };
        // A title that talks of an address is only data.
        let (pr, facts) = (without_addresses(&self.pr), Scope::Facts(&self.facts));
        if text.text(&Scope::Bound("pr", &pr, &facts)).is_ok_and(|text| shared(&text, hosts).is_none()) {
            return;
        }
        // What is told is what the line has that is shown.
        let mut lines = evaluated.split('\n').enumerate();
        let told = lines.find_map(|(line, said)| Some((line, shared(said, hosts)?)));
        let (line, begins) = told.unwrap_or((0, first));
        let excerpt = (line > 0).then(|| line_of(text, evaluated, line)).flatten();
        let message = would_share(what, &begins);
        self.policy_finding(&SHARED_DATABASE, pointer(), message).excerpt = excerpt.map(Box::new);
    }

    /// Reports the first `$(NAME)` of a container's variable that nothing sets.
    pub(super) fn judge_reference(
        &mut self,
        name: &str,
        text: &str,
        above: &BTreeSet<&str>,
        pointer: impl FnOnce() -> String,
    ) {
        let Some(unset) = unset(text, above) else { return };
        let hint = self.hint(unset, above.iter().copied());
        let message = format!("nothing above the variable `{name}` sets `{unset}`{hint}");
        let help = format!("`$$({unset})` is for the characters themselves");
        self.policy_finding(&UNKNOWN_REFERENCE, pointer(), message).help = Some(help);
    }
}

/// The pull request, in whose free text nothing is left of what makes an address.
fn without_addresses(pr: &Value) -> Value {
    let plain = |value: &Value| match value {
        Value::String(text) => Value::string(text.replace([':', '=', '('], " ")),
        other => other.clone(),
    };
    let entries = pr.entries().map(|(name, value)| {
        let value = match value {
            value if !FREE_TEXT.contains(&name) => value.clone(),
            Value::List(items) => Value::list(items.iter().map(plain)),
            value => plain(value),
        };
        (name.to_owned(), value)
    });
    Value::map(entries)
}

/// A line of what a text came to, by its index: what stands in it. None, if an expression is written over lines or brings some of its own.
fn line_of(text: &Interpolated, evaluated: &str, index: usize) -> Option<Excerpt> {
    let source = text.source.as_str();
    let breaks = |text: &str| text.matches('\n').count();
    let plain: usize = text.plain().map(breaks).sum();
    if plain != breaks(source) || plain != breaks(evaluated) {
        return None;
    }
    let mut lines = source.split_inclusive('\n');
    let before: usize = lines.by_ref().take(index).map(str::len).sum();
    let line = lines.next()?;
    let start = before + line.len() - line.trim_start().len();
    Some(Excerpt::new(source, start..before + line.trim_end().len()))
}
