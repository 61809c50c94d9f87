//! What there is instead of what nothing is called: compared name by name, so that one that is misspelt hides none of the others.

use std::collections::{BTreeMap, BTreeSet};

use super::{Sources, refusal, stated};
use crate::{
    finding::{InputFile, likely, meant, nearest, visible},
    objects::Object,
    render::Rendered,
    resolve::{Decisions, Origin},
    rules,
    value::{Value, child, pointer_segments},
};

/// How deep names are compared: no field of ours is deeper.
const DEEPEST: usize = 12;

/// Most places that a name is told to stand at.
const MOST_PLACES: usize = 3;

/// Most that are looked at to find these.
const MOST_COMPARED: usize = 1000;

/// Names below names, of what was decided and what the files say.
#[derive(Default)]
struct Names(BTreeMap<String, Names>);

impl Names {
    /// Those of one file, or of both and of what was decided.
    fn of(only: Option<InputFile>, decisions: &Decisions, sources: &Sources<'_>) -> Self {
        let mut names = Self::default();
        for file in stated::files(only) {
            names.add_value(sources.value(file).get("spec").unwrap_or(&Value::Null), 0);
        }
        for field in stated::fields_of(only) {
            names.add(std::iter::once(field.as_str()));
        }
        if only.is_none() {
            for decision in &decisions.made {
                names.add(decision.field.split('.'));
            }
        }
        names
    }

    fn add<'n>(&mut self, path: impl Iterator<Item = &'n str>) {
        let mut here = self;
        for name in path.take(DEEPEST) {
            here = here.0.entry(name.to_owned()).or_default();
        }
    }

    /// What a file says, with the items of lists as they call themselves.
    fn add_value(&mut self, value: &Value, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        for (name, value) in value.entries() {
            self.0.entry(name.to_owned()).or_default().add_value(value, depth + 1);
        }
        for item in value.items() {
            if let Some(name) = item.as_str().or_else(|| item.str_at(&["name"])) {
                self.0.entry(name.to_owned()).or_default().add_value(item, depth + 1);
            }
        }
    }

    fn has(&self, path: &[&str]) -> bool {
        let mut here = Some(self);
        for name in path {
            here = here.and_then(|names| names.0.get(*name));
        }
        here.is_some()
    }

    /// Where a path begins that is known from somewhere else on: `image` is in `services.web`.
    fn places_of(&self, path: &[&str], at: &mut Vec<String>, places: &mut Vec<String>) {
        if places.len() >= MOST_COMPARED {
            return;
        }
        if self.has(path) {
            places.push(at.iter().map(String::as_str).chain(path.iter().copied()).collect::<Vec<_>>().join("."));
            return;
        }
        for (name, below) in &self.0 {
            at.push(name.clone());
            below.places_of(path, at, places);
            at.pop();
        }
    }
}

/// Why nothing can be said of it, and what may have been meant.
pub(super) fn unknown(what: &str, rendered: &Rendered, decisions: &Decisions, sources: &Sources<'_>) -> String {
    let is_kind = what.starts_with(|c: char| c.is_ascii_uppercase()) && what.bytes().all(|b| b.is_ascii_alphanumeric());
    if what.is_empty() {
        return "say what is to be explained: a field such as `ttl`, an object such as `Deployment/web`, a kind, or the code of a rule"
            .into();
    }
    if what.starts_with('/') {
        let (policy, guardrails) = (sources.value(InputFile::Policy), sources.value(InputFile::Guardrails));
        let hints = [astray(&policy, what), astray(&guardrails, what)];
        // The file that has more of it; the policy, if both have as much.
        let hint = hints.into_iter().reduce(|first, second| if second.0 > first.0 { second } else { first });
        return format!(
            "nothing is decided about `{}`{}",
            visible(what),
            hint.map(|(_, hint)| hint).unwrap_or_default()
        );
    }
    if is_kind { of_kind(what, rendered, decisions) } else { of_field(what, rendered, decisions, sources) }
}

fn kinds(rendered: &Rendered) -> Vec<&str> {
    let mut kinds: Vec<&str> = rendered.objects.iter().map(Object::kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Kinds have a capital letter, and fields none: `Ingress` is no misspelt `ingress`.
fn of_kind(what: &str, rendered: &Rendered, decisions: &Decisions) -> String {
    let kinds = kinds(rendered);
    if kinds.is_empty() && rendered.has_errors() {
        return format!("there is no object of the kind `{what}`: {}", refusal(rendered));
    }
    // `Route` is short for `HTTPRoute`; of short names, `Job` is as near to `Pod` as anything, and begins with another letter.
    let lower = what.to_ascii_lowercase();
    let longer = kinds.iter().find(|kind| kind.to_ascii_lowercase().ends_with(&lower));
    let alike = kinds.iter().copied().filter(|kind| kind.as_bytes().first() == what.as_bytes().first());
    let hint = match longer.map(|kind| (*kind).to_owned()).or_else(|| closest(what, alike)) {
        Some(kind) => format!(": did you mean `{kind}`?"),
        None => format!("; there is `{}`", kinds.join("`, `")),
    };
    let field = decisions.made.iter().map(|decision| first_of(&decision.field));
    let field = field.into_iter().find(|field| field.eq_ignore_ascii_case(what));
    let field = field.map(|field| format!("; `{field}` is a field")).unwrap_or_default();
    format!("there is no object of the kind `{what}`{hint}{field}")
}

fn first_of(field: &str) -> &str {
    field.split('.').next().unwrap_or(field)
}

fn of_field(what: &str, rendered: &Rendered, decisions: &Decisions, sources: &Sources<'_>) -> String {
    let (field, only) = stated::of_one(what);
    let field = field.strip_prefix("spec.").unwrap_or(field);
    let before = &what[..what.len() - field.len()];
    let names = Names::of(only, decisions, sources);
    let said = format!("nothing is decided about `{}`", visible(what));
    let path: Vec<&str> = field.split('.').filter(|name| !name.is_empty()).take(DEEPEST).collect();
    let (mut here, mut found) = (&names, Vec::new());
    for name in &path {
        let key = here.0.get_key_value(*name).map(|(key, _)| key.clone());
        if key.is_none() && found.is_empty() {
            // A name that stands deeper, such as `image`, is more than one that looks like it.
            let mut places = Vec::new();
            names.places_of(&path, &mut Vec::new(), &mut places);
            if !places.is_empty() {
                return format!("{said}{}", did_you_mean(places, before, decisions));
            }
        }
        match key.or_else(|| closest(name, here.0.keys().map(String::as_str))) {
            Some(key) => {
                here = &here.0[&key];
                found.push(key);
            }
            None if found.is_empty() => return format!("{said}{}", anything(what, rendered)),
            // What is decided as a whole has no parts, or none that anybody means.
            None if here.0.is_empty() || decisions.made.iter().any(|made| made.field == found.join(".")) => break,
            None => {
                let list = nearest(name, here.0.keys().map(String::as_str));
                return format!("{said}: `{before}{}` has no `{}`{list}", found.join("."), visible(name));
            }
        }
    }
    if found.is_empty() {
        return format!("{said}{}", anything(what, rendered));
    }
    let meant = found.join(".");
    if meant == field {
        // Only its parts are known.
        let list = nearest("", here.0.keys().map(String::as_str));
        return format!("{said} as a whole{list}");
    }
    format!("{said}: did you mean `{before}{meant}`?")
}

/// The nearest name, if one is near enough.
fn closest<'n>(name: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
    // Of names of one letter, each is near to all short ones.
    if name.len() < 2 {
        return None;
    }
    likely(name, names).map(str::to_owned)
}

/// The places of a name that stands deeper: those that the policy sets first, since who asks mostly wrote it.
fn did_you_mean(mut places: Vec<String>, before: &str, decisions: &Decisions) -> String {
    let is_policys = |place: &str| {
        decisions.within(place).iter().any(|made| matches!(&made.origin, Origin::Input(InputFile::Policy, _)))
    };
    if places.len() < MOST_COMPARED {
        places.sort_by_cached_key(|place| (!is_policys(place), place.matches('.').count()));
    }
    let shown: Vec<String> = places.iter().take(MOST_PLACES).map(|place| format!("`{before}{place}`")).collect();
    if places.len() <= 2 {
        return format!(": did you mean {}?", shown.join(" or "));
    }
    let more = if places.len() > MOST_PLACES { ", …" } else { "" };
    format!(": did you mean one of {}{more}?", shown.join(", "))
}

/// Of a name that is like no field: a kind or a rule, or where all that there is is told.
fn anything(what: &str, rendered: &Rendered) -> String {
    let codes = rules::ALL.iter().map(|rule| rule.code);
    let hint = meant(what, kinds(rendered).into_iter().chain(codes));
    let list = || ": no field, object, kind or rule is called like that; `--list` lists what there is".to_owned();
    hint.unwrap_or_else(list)
}

/// All that can be explained, but for what is below it.
pub(super) fn all(rendered: &Rendered, decisions: &Decisions, sources: &Sources<'_>) -> String {
    let names = Names::of(None, decisions, sources);
    let decided: BTreeSet<&str> = decisions.made.iter().map(|decision| first_of(&decision.field)).collect();
    let (decided, of_files): (Vec<&str>, Vec<&str>) =
        names.0.keys().map(String::as_str).partition(|name| decided.contains(name));
    let objects: Vec<String> = rendered.objects.iter().map(Object::id).collect();
    let objects = if objects.is_empty() { refusal(rendered) } else { objects.join(", ") };
    format!(
        "what can be explained\n  decided    {}\n  in files   {}\n  objects    {objects}\n  rules      what stands in brackets after \
         `error` or `warning`\n",
        decided.join(", "),
        of_files.join(", ")
    )
}

/// How much of a JSON pointer there is, and what there is where it leads astray.
pub(super) fn astray(value: &Value, pointer: &str) -> (usize, String) {
    let (mut here, mut found) = (value, String::new());
    let names: Vec<_> = pointer_segments(pointer).filter(|name| !name.is_empty()).take(DEEPEST * 2).collect();
    for (depth, name) in names.iter().enumerate() {
        if let Some(below) = here.pointer(&child("", name)) {
            here = below;
            found = child(&found, name);
            continue;
        }
        let place = if found.is_empty() { "it".to_owned() } else { format!("`{}`", visible(&found)) };
        // A `/` in a name is written `~1`.
        let rest = names[depth..].join("/");
        let meant = here.get(&rest).map(|_| rest).or_else(|| closest(name, here.entries().map(|(key, _)| key)));
        let hint = match (here, meant) {
            (_, Some(name)) => format!(": did you mean `{}`?", visible(&child(&found, &name))),
            (Value::Map(map), None) => {
                let list = nearest(name, map.iter().map(|(key, _)| key));
                format!(": {place} has no `{}`{list}", visible(name))
            }
            (Value::List(items), None) if items.is_empty() => format!(": {place} is an empty list"),
            (Value::List(items), None) if items.len() == 1 => format!(": {place} has one item, `0`"),
            (Value::List(items), None) => format!(": {place} has the items `0` to `{}`", items.len() - 1),
            (scalar, None) => format!(": {place} is {}", scalar.kind_name()),
        };
        return (depth, hint);
    }
    let hint = if found.is_empty() { String::new() } else { format!(": did you mean `{}`?", visible(&found)) };
    (names.len(), hint)
}
