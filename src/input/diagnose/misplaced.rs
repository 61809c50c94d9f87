//! Fields in the wrong map: where they belong.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use crate::{
    finding::{Location, likely, visible},
    rules::input::{MISSING_FIELD, UNKNOWN_FIELD},
    value::child,
    yaml::{Data, Entry, Mark, Node},
};

use super::{Walk, kinds, resolved};

/// Most fields of a file that are named where one finding is about all of them.
const MOST_NAMED: usize = 3;

/// What a file has below `spec`.
#[derive(Default)]
pub(super) enum Spec {
    #[default]
    Missing,
    Empty,
    /// Below a name that may be misspelt.
    There(String),
}

impl Spec {
    fn of(file: &Map<String, Json>, entries: &[&Entry<'_>]) -> Self {
        if let Some(spec) = entries.iter().find(|entry| entry.key == SPEC) {
            return if spec.value.is_null() { Self::Empty } else { Self::There(SPEC.to_owned()) };
        }
        let mut unknown = entries.iter().filter(|entry| !file.contains_key(&*entry.key));
        let misspelt = unknown.find(|entry| likely(&entry.key, file.keys().map(String::as_str)) == Some(SPEC));
        misspelt.map_or(Self::Missing, |entry| Self::There(entry.key.to_string()))
    }
}

impl Walk<'_> {
    /// Where a field belongs that this map has not: one that a map around it has, one below it or one beside it, which is named.
    pub(super) fn elsewhere(&mut self, name: &str, fields: &Map<String, Json>) -> Option<(String, Option<String>)> {
        if let Some((field, place)) = self.below(name, fields) {
            return Some((format!(" here: it belongs {place}`{field}`"), Some(field)));
        }
        let (_, above) = self.around.split_last()?;
        let Some((pointer, _)) = above.iter().rev().find(|(_, fields)| fields.contains_key(name)) else {
            let (_, file) = above.first().filter(|_| !OF_METADATA.contains(&name))?;
            let (field, place) = self.below(name, file).filter(|(_, place)| *place == BELOW)?;
            self.misplaced.push((child("", &field), name.to_owned()));
            return Some((format!(" here: it belongs {place}`{field}`"), None));
        };
        let place = match pointer.trim_start_matches('/').replace('/', ".") {
            field if field.is_empty() => "it belongs to the file itself, in column 1".to_owned(),
            field => format!("it belongs further to the left, below `{}`", visible(&field)),
        };
        self.misplaced.push((pointer.clone(), name.to_owned()));
        Some((format!(" here: {place}"), None))
    }

    /// The only field whose map, or whose items, have a field of this name.
    fn below(&self, name: &str, fields: &Map<String, Json>) -> Option<(String, &'static str)> {
        let has = |schema: &Json| schema.get("properties").is_some_and(|fields| fields.get(name).is_some());
        let mut below = fields.iter().filter_map(|(field, schema)| {
            let schema = resolved(&self.definitions, schema);
            let item = schema.get("items").map(|item| resolved(&self.definitions, item));
            if has(schema) { Some((field, BELOW)) } else { item.is_some_and(has).then_some((field, "to an item of ")) }
        });
        match (below.next(), below.next()) {
            (Some((field, place)), None) => Some((field.clone(), place)),
            _ => None,
        }
    }

    /// Fields of `spec` that stand beside it, in `metadata` above it, or without it, are one mistake: a line that was forgotten, or spaces
    /// before them. What is wrong with each is told as if it stood there. Says which fields of the map at `pointer` these are, and `spec` too
    /// if nothing is left to say of it.
    pub(super) fn astray<'n>(&mut self, pointer: &str, map: Mark, entries: &[&'n Entry<'_>]) -> HashSet<&'n str> {
        let nothing = HashSet::new();
        let (file, own) = match self.around.as_slice() {
            [(_, file)] => (file.clone(), file.clone()),
            [(_, file), (_, own)] if pointer == "/metadata" => (file.clone(), own.clone()),
            _ => return nothing,
        };
        let is_file = self.around.len() == 1;
        let Some(schema) = file.get(SPEC).map(|spec| resolved(&self.definitions, spec).clone()) else {
            return nothing;
        };
        if is_file {
            self.spec = Spec::of(&file, entries);
        }
        let has_content = matches!(self.spec, Spec::There(_));
        let fields = schema.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
        let names = || own.keys().map(String::as_str);
        let misplaced: Vec<&Entry<'_>> = entries
            .iter()
            .copied()
            .filter(|entry| !own.contains_key(&*entry.key))
            .filter(|entry| {
                let may_be = !has_content && likely(&entry.key, names()).is_none();
                fields.contains_key(&*entry.key) || may_be && self.below(&entry.key, &own).is_none()
            })
            .collect();
        let known: Vec<&str> =
            misplaced.iter().map(|entry| &*entry.key).filter(|name| fields.contains_key(*name)).collect();
        let [first, ..] = *misplaced else { return nothing };
        let is_clear = known.iter().any(|name| is_file || !OF_METADATA.contains(name));
        if !is_clear || has_content && known.len() == 1 {
            return nothing;
        }
        self.tell_astray(&known, &child(pointer, &first.key), first.mark, (map, is_file));
        if has_content {
            for entry in misplaced.iter().filter(|entry| fields.contains_key(&*entry.key)) {
                self.node(&fields[&*entry.key], &entry.value, &child(pointer, &entry.key));
            }
        } else {
            self.object(&schema, first.mark, &misplaced, pointer);
        }
        let below = match &self.spec {
            Spec::There(key) => child("", key),
            Spec::Missing | Spec::Empty => child("", SPEC),
        };
        self.misplaced.push((String::new(), SPEC.to_owned()));
        self.misplaced.extend(known.iter().map(|name| (below.clone(), (*name).to_owned())));
        let spec = entries.iter().map(|entry| &*entry.key).find(|key| is_file && !has_content && *key == SPEC);
        misplaced.into_iter().map(|entry| &*entry.key).chain(spec).collect()
    }

    /// One finding about all of them.
    fn tell_astray(&mut self, known: &[&str], pointer: &str, first: Mark, (map, is_file): (Mark, bool)) {
        let (named, more) = known.split_at(known.len().min(MOST_NAMED));
        let named = match (named, more.len()) {
            ([name], 0) => format!("`{name}`"),
            ([names @ .., last], 0) => format!("`{}` and `{last}`", names.join("`, `")),
            (names, more) => format!("`{}` and {more} more", names.join("`, `")),
        };
        let [fields, they, them, belong] = match known {
            [_] => ["field", "it", "it", "belongs"],
            _ => ["fields", "they", "them", "belong"],
        };
        let is_flow = self.is_flow(map);
        if matches!(self.spec, Spec::Missing) {
            let message = format!("the field `{SPEC}` is missing: {named} {belong} below it");
            let help = match (is_file, is_flow) {
                (true, true) => format!("write `\"{SPEC}\": {{` before this, and a `}}` behind the last of them"),
                (true, false) => {
                    format!("write a line `{SPEC}:` before this one, and indent what belongs below it by two spaces")
                }
                (false, true) => format!("move {them} from `metadata` into a `\"{SPEC}\": {{…}}` beside it"),
                (false, false) => format!("write a line `{SPEC}:` before this one, in column 1"),
            };
            self.report(&MISSING_FIELD, first, pointer, message).help = Some(help);
        } else {
            let message = format!("unknown {fields} {named} here: {they} {belong} below `{SPEC}`");
            let help = match (is_file, is_flow) {
                (true, false) => format!("indent {them} by two spaces"),
                _ => format!("move {them} there"),
            };
            self.report(&UNKNOWN_FIELD, first, pointer, message).help = Some(help);
        }
    }

    /// Whether a map is written in braces, as JSON's are.
    fn is_flow(&self, map: Mark) -> bool {
        let Location { before, source, .. } = self.places.location(map);
        source.is_some_and(|line| line.chars().nth(before.unwrap_or_default()) == Some('{'))
    }

    /// What stands below a misspelt field, if it has the shape that the right one takes.
    pub(super) fn misspelt(&mut self, schema: &Json, node: &Node<'_>, pointer: &str) {
        let bare = resolved(&self.definitions, schema);
        let takes = |kind: &str| kinds(bare).any(|has| has == kind);
        let fits = match &node.data {
            Data::Map(_) => takes("object"),
            Data::List(_) => takes("array"),
            Data::Scalar { .. } => false,
        };
        if fits {
            self.node(&schema.clone(), node, pointer);
        }
    }

    /// Takes back that a field is missing which was found elsewhere.
    pub(super) fn forgive_misplaced(&mut self) {
        let misplaced = std::mem::take(&mut self.misplaced);
        if misplaced.is_empty() {
            return;
        }
        let missing: HashSet<_> =
            misplaced.iter().map(|(pointer, name)| (pointer.as_str(), Self::missing(name))).collect();
        self.findings.retain(|finding| {
            let location = finding.location();
            let pointer = location.pointer.as_deref().unwrap_or_default();
            finding.rule.code != MISSING_FIELD.code || !missing.contains(&(pointer, finding.message.clone()))
        });
    }

    /// What is said of a field that is not there.
    pub(super) fn missing(name: &str) -> String {
        format!("the field `{name}` is missing")
    }
}

/// What objects of Kubernetes have beside their name, and a policy may have below `spec` for something else.
const OF_METADATA: [&str; 3] = ["annotations", "labels", "namespace"];

const SPEC: &str = "spec";

const BELOW: &str = "below ";
