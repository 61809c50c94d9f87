//! Fields in the wrong map: where they belong.

use std::collections::HashSet;

use serde_json::{Map, Value as Json};

use crate::{
    finding::{Location, likely, visible},
    rules::input::{MISSING_FIELD, UNKNOWN_FIELD},
    value::child,
    yaml::{Data, Entry, Mark, Node},
};

use super::{Fields, Walk, fields_of, kinds, resolved};

/// Most fields of a file that are named where one finding is about all of them.
const MOST_NAMED: usize = 3;

/// What a file has below `spec`.
#[derive(Default)]
pub(super) enum Spec {
    #[default]
    Missing,
    Empty,
    /// Below a name that may be misspelt, with the names of its fields.
    There {
        key: String,
        fields: HashSet<String>,
    },
}

/// Fields of a map that belong below `spec`, and what is there beside them.
struct Strays<'e, 'n> {
    /// All of the map.
    entries: &'e [&'e Entry<'n>],
    misplaced: &'e [&'e Entry<'n>],
    /// Those of `misplaced` that `spec` has by this name.
    known: &'e [&'e str],
    map: Mark,
    /// Whether they stand beside `spec`, not in `metadata`.
    is_file: bool,
}

impl Strays<'_, '_> {
    /// Whether they follow each other from an entry of the map on.
    fn are_from(&self, start: usize) -> bool {
        let rest = self.entries.get(start..).unwrap_or_default();
        let keys = self.misplaced.iter().map(|entry| &entry.key);
        rest.len() >= self.misplaced.len() && keys.eq(rest.iter().take(self.misplaced.len()).map(|entry| &entry.key))
    }

    /// The place of the first of them among all.
    fn start(&self) -> usize {
        let first = self.misplaced.first().map(|entry| &entry.key);
        self.entries.iter().position(|entry| Some(&entry.key) == first).unwrap_or_default()
    }
}

impl Spec {
    fn of(file: &Map<String, Json>, entries: &[&Entry<'_>]) -> Self {
        if let Some(spec) = entries.iter().find(|entry| entry.key == SPEC) {
            return if spec.value.is_null() { Self::Empty } else { Self::there(spec) };
        }
        let mut unknown = entries.iter().filter(|entry| !file.contains_key(&*entry.key));
        let misspelt = unknown.find(|entry| likely(&entry.key, file.keys().map(String::as_str)) == Some(SPEC));
        misspelt.map_or(Self::Missing, |entry| Self::there(entry))
    }

    fn there(entry: &Entry<'_>) -> Self {
        let fields = match &entry.value.data {
            Data::Map(fields) => fields.iter().map(|field| field.key.to_string()).collect(),
            _ => HashSet::new(),
        };
        Self::There { key: entry.key.to_string(), fields }
    }

    fn has(&self, name: &str) -> bool {
        matches!(self, Self::There { fields, .. } if fields.contains(name))
    }
}

impl<'s> Walk<'s> {
    /// Where a field belongs that this map has not: one that a map around it has, one below it or one beside it, which is named.
    pub(super) fn elsewhere(&mut self, name: &str, fields: &Fields<'s, '_>) -> Option<(String, Option<String>)> {
        // It may have been indented too little for the one above it.
        let above = fields.last.filter(|last| self.has_field(&fields.known[*last], name));
        if let Some((field, place)) =
            above.map(|last| (last.to_owned(), BELOW)).or_else(|| self.below(name, fields.known))
        {
            let own = self.around.last().map(|(pointer, _)| child(pointer, &field));
            self.misplaced.extend(own.map(|own| (own, name.to_owned())));
            return Some((format!(" here: it belongs {place}`{field}`{}", self.twice(name, &field)), Some(field)));
        }
        let (_, above) = self.around.split_last()?;
        let is_there = |pointer: &str| pointer.is_empty() && self.file.contains(name);
        let is_of = |(pointer, fields): &&(String, &Map<String, Json>)| fields.contains_key(name) && !is_there(pointer);
        let Some((pointer, _)) = above.iter().rev().find(is_of) else {
            let (_, file) = above.first().filter(|_| !OF_METADATA.contains(&name))?;
            let (field, place) = self.below(name, file).filter(|(_, place)| *place == BELOW)?;
            self.misplaced.push((child("", &field), name.to_owned()));
            return Some((format!(" here: it belongs {place}`{field}`{}", self.twice(name, &field)), None));
        };
        let place = match pointer.trim_start_matches('/').replace('/', ".") {
            field if field.is_empty() => "it belongs to the file itself, in column 1".to_owned(),
            field => format!("it belongs further to the left, below `{}`", visible(&field)),
        };
        self.misplaced.push((pointer.clone(), name.to_owned()));
        Some((format!(" here: {place}"), None))
    }

    /// What is said of a field that `spec` has, too.
    fn twice(&self, name: &str, place: &str) -> &'static str {
        if place == SPEC && self.spec.has(name) { ", and is there already" } else { "" }
    }

    /// The only field whose map, or whose items, have a field of this name.
    fn below(&self, name: &str, fields: &Map<String, Json>) -> Option<(String, &'static str)> {
        let mut below = fields.iter().filter_map(|(field, schema)| {
            let item = resolved(self.schema, schema).get("items");
            let is_in_item = || item.is_some_and(|item| self.has_field(item, name));
            if self.has_field(schema, name) {
                Some((field, BELOW))
            } else {
                is_in_item().then_some((field, "to an item of "))
            }
        });
        match (below.next(), below.next()) {
            (Some((field, place)), None) => Some((field.clone(), place)),
            _ => None,
        }
    }

    fn has_field(&self, schema: &Json, name: &str) -> bool {
        fields_of(resolved(self.schema, schema)).contains_key(name)
    }

    /// An entry of a map whose names the file chooses that is a field of a map around it, and has that one's shape: its line was indented
    /// too far. Gives the fields of what it is.
    pub(super) fn stray(&mut self, values: &Json, entry: &Entry<'_>, pointer: &str) -> Option<&'s Map<String, Json>> {
        let name = &*entry.key;
        let (place, fields) = self.around.iter().skip(1).rev().find(|(_, fields)| fields.contains_key(name))?;
        let meant = resolved(self.schema, &fields[name]);
        let has = |schema: &Json, kind: &str| kinds(resolved(self.schema, schema)).any(|has| has == kind);
        let kind = match &entry.value.data {
            Data::Map(_) => "object",
            Data::List(_) => "array",
            Data::Scalar { .. } if entry.value.is_null() && has(meant, "object") && !fields_of(meant).is_empty() => {
                "null"
            }
            Data::Scalar { .. } => return None,
        };
        (kind == "null" || has(meant, kind) && !has(values, kind)).then_some(())?;
        let message = format!(
            "unknown field `{}` here: it belongs further to the left, below `{}`",
            visible(name),
            visible(&place.trim_start_matches('/').replace('/', "."))
        );
        self.misplaced.push((place.clone(), name.to_owned()));
        self.report(&UNKNOWN_FIELD, entry.mark, pointer, message);
        Some(fields_of(meant))
    }

    /// Fields of `spec` that stand beside it, in `metadata` above it, or without it, are one mistake: a line that was forgotten, or spaces
    /// before them. What is wrong with each is told as if it stood there. Says which fields of the map at `pointer` these are, and `spec` too
    /// if nothing is left to say of it.
    pub(super) fn astray<'n>(&mut self, pointer: &str, map: Mark, entries: &[&'n Entry<'_>]) -> HashSet<&'n str> {
        let nothing = HashSet::new();
        let (file, own) = match self.around.as_slice() {
            [(_, file)] => (*file, *file),
            [(_, file), (_, own)] if pointer == "/metadata" => (*file, *own),
            _ => return nothing,
        };
        let is_file = self.around.len() == 1;
        let Some(schema) = file.get(SPEC).map(|spec| resolved(self.schema, spec)) else {
            return nothing;
        };
        if is_file {
            self.spec = Spec::of(file, entries);
        }
        let has_content = matches!(self.spec, Spec::There { .. });
        let fields = fields_of(schema);
        let names = || own.keys().map(String::as_str);
        let is_clear = |name: &str| fields.contains_key(name) && (is_file || !OF_METADATA.contains(&name));
        let mut clear = entries.iter().map(|entry| is_clear(&entry.key));
        // Kubernetes' metadata has a few of these names; behind the line that was forgotten, they are what they are called below `spec`.
        let behind = clear.position(|is_clear| is_clear).filter(|_| matches!(self.spec, Spec::Missing));
        let stays = |at: usize, entry: &Entry<'_>| {
            !is_file
                && OF_METADATA.contains(&&*entry.key)
                && (behind.is_none_or(|first| at < first)
                    || !fields.get(&*entry.key).is_some_and(|schema| self.has_names(schema, &entry.value)))
        };
        let misplaced: Vec<&Entry<'_>> = entries
            .iter()
            .copied()
            .enumerate()
            .filter(|(at, entry)| !stays(*at, entry))
            .map(|(_, entry)| entry)
            .filter(|entry| !own.contains_key(&*entry.key))
            .filter(|entry| {
                let may_be = !has_content && likely(&entry.key, names()).is_none();
                fields.contains_key(&*entry.key) || may_be && self.below(&entry.key, own).is_none()
            })
            .collect();
        let known: Vec<&str> =
            misplaced.iter().map(|entry| &*entry.key).filter(|name| fields.contains_key(*name)).collect();
        let [first, ..] = *misplaced else { return nothing };
        if known.is_empty() || has_content && known.len() == 1 {
            return nothing;
        }
        let strays = Strays { entries, misplaced: &misplaced, known: &known, map, is_file };
        // The line is there, and indented too far itself.
        let indented =
            entries.iter().find(|entry| !is_file && !has_content && entry.key == SPEC && entry.value.is_null());
        match indented {
            Some(spec) => {
                let message = format!("unknown field `{SPEC}` here: it belongs to the file itself, in column 1");
                self.report(&UNKNOWN_FIELD, spec.mark, &child(pointer, SPEC), message);
            }
            None => self.tell_astray(&strays, &child(pointer, &first.key), first.mark),
        }
        if has_content {
            for entry in misplaced.iter().filter(|entry| fields.contains_key(&*entry.key)) {
                self.node(&fields[&*entry.key], &entry.value, &child(pointer, &entry.key));
            }
        } else {
            self.object(schema, first.mark, &misplaced, pointer);
        }
        let below = match &self.spec {
            Spec::There { key, .. } => child("", key),
            Spec::Missing | Spec::Empty => child("", SPEC),
        };
        self.misplaced.push((String::new(), SPEC.to_owned()));
        self.misplaced.extend(known.iter().map(|name| (below.clone(), (*name).to_owned())));
        let spec = entries.iter().map(|entry| &*entry.key).find(|key| is_file && !has_content && *key == SPEC);
        let spec = spec.or_else(|| indented.map(|entry| &*entry.key));
        misplaced.into_iter().map(|entry| &*entry.key).chain(spec).collect()
    }

    /// Whether a map has no names but those of a schema.
    fn has_names(&self, schema: &Json, node: &Node<'_>) -> bool {
        let (Some(fields), Data::Map(entries)) = (resolved(self.schema, schema).get("properties"), &node.data) else {
            return true;
        };
        entries.iter().all(|entry| fields.get(&*entry.key).is_some())
    }

    /// One finding about all of them.
    fn tell_astray(&mut self, strays: &Strays<'_, '_>, pointer: &str, first: Mark) {
        let named = listed(strays.known);
        let [fields, they, belong] = match strays.known {
            [_] => ["field", "it", "belongs"],
            _ => ["fields", "they", "belong"],
        };
        if matches!(self.spec, Spec::Missing) {
            let message = format!("the field `{SPEC}` is missing: {named} {belong} below it");
            self.report(&MISSING_FIELD, first, pointer, message).help = Some(self.help_without_spec(strays));
        } else {
            let message = format!("unknown {fields} {named} here: {they} {belong} below `{SPEC}`");
            self.report(&UNKNOWN_FIELD, first, pointer, message).help = Some(self.help_beside_spec(strays, first));
        }
    }

    /// What to write where nothing is called `spec`. A line before the first of them takes along all that follows it.
    fn help_without_spec(&self, strays: &Strays<'_, '_>) -> String {
        let (start, is_file) = (strays.start(), strays.is_file);
        let are_together = strays.are_from(start);
        let are_last = are_together && start > 0 && start + strays.misplaced.len() == strays.entries.len();
        let them = if strays.known.len() == 1 { "it" } else { "them" };
        match (is_file, self.is_flow(strays.map)) {
            (true, true) if are_together => {
                format!("write `\"{SPEC}\": {{` before this, and a `}}` behind the last of them")
            }
            (true, true) => format!("move {them} into a `\"{SPEC}\": {{…}}`"),
            (false, true) => format!("move {them} from `metadata` into a `\"{SPEC}\": {{…}}` beside it"),
            (true, false) if are_together => {
                format!("write a line `{SPEC}:` before this one, and indent what belongs below it by two spaces")
            }
            (false, false) if are_last => format!("write a line `{SPEC}:` before this one, in column 1"),
            (_, false) => {
                format!(
                    "write a line `{SPEC}:` at the end, in column 1, and move {them} below it, indented by two spaces"
                )
            }
        }
    }

    /// What to do with them where there is a `spec`.
    fn help_beside_spec(&self, strays: &Strays<'_, '_>, first: Mark) -> String {
        let known = strays.known;
        let [they, are, them] = if known.len() == 1 { ["it", "is", "it"] } else { ["they", "are", "them"] };
        let there: Vec<&str> = known.iter().copied().filter(|name| self.spec.has(name)).collect();
        if there.len() == known.len() {
            return format!("{they} {are} there already: leave {them} out here");
        }
        if !there.is_empty() {
            let are = if there.len() == 1 { "is" } else { "are" };
            return format!("move {them} there; {} {are} there already", listed(&there));
        }
        match self.indentation(strays, first) {
            Some(2) => format!("indent {them} by two spaces"),
            Some(spaces) => format!("indent {them} by {spaces} spaces"),
            None => format!("move {them} there"),
        }
    }

    /// By how much they are to be indented if that alone brings them below `spec`: they follow it at once, and it has no braces.
    fn indentation(&self, strays: &Strays<'_, '_>, first: Mark) -> Option<u32> {
        let key = match &self.spec {
            Spec::There { key, .. } => key,
            Spec::Missing | Spec::Empty => SPEC,
        };
        let at = strays.entries.iter().position(|entry| entry.key == key).filter(|_| strays.is_file)?;
        if !strays.are_from(at + 1) || self.is_flow(strays.map) {
            return None;
        }
        let spec = &strays.entries[at].value;
        match &spec.data {
            Data::Scalar { text, .. } => text.is_empty().then_some(2),
            Data::Map(_) => spec.mark.column.checked_sub(first.column).filter(|_| !self.is_flow(spec.mark)),
            Data::List(_) => None,
        }
    }

    /// Whether a map is written in braces, as JSON's are.
    pub(super) fn is_flow(&self, map: Mark) -> bool {
        let Location { before, source, .. } = self.places.location(map);
        source.is_some_and(|line| line.chars().nth(before.unwrap_or_default()) == Some('{'))
    }

    /// What stands below a misspelt field, if it has the shape that the right one takes.
    pub(super) fn misspelt(&mut self, schema: &'s Json, node: &Node<'_>, pointer: &str) {
        let bare = resolved(self.schema, schema);
        let takes = |kind: &str| kinds(bare).any(|has| has == kind);
        let fits = match &node.data {
            Data::Map(_) => takes("object"),
            Data::List(_) => takes("array"),
            Data::Scalar { .. } => false,
        };
        if fits {
            self.node(schema, node, pointer);
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

/// The first few of some names.
fn listed(names: &[&str]) -> String {
    let (named, more) = names.split_at(names.len().min(MOST_NAMED));
    match (named, more.len()) {
        ([name], 0) => format!("`{name}`"),
        ([names @ .., last], 0) => format!("`{}` and `{last}`", names.join("`, `")),
        (names, more) => format!("`{}` and {more} more", names.join("`, `")),
    }
}

/// What objects of Kubernetes have beside their name, and a policy may have below `spec` for something else.
const OF_METADATA: [&str; 3] = ["annotations", "labels", "namespace"];

const SPEC: &str = "spec";

const BELOW: &str = "below ";
