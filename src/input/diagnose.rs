//! Everything that is wrong with a file, by its JSON Schema: unknown fields, missing ones, wrong types, units and words.
//!
//! Runs only when the typed reader has refused a file. The schema comes from the same types, and a scalar's `format`
//! leads to the same parser, so the two agree; `decode_and_diagnosis_agree` in the tests holds them to it.

mod misplaced;
mod shape;
mod words;

use std::collections::HashSet;

use schemars::JsonSchema;
use serde_json::{Map, Value as Json};

use crate::{
    expression::mistake::{self, Mistake},
    finding::{Finding, Location, Owner, Rule, Subject, likely, meant, nearest, once, visible},
    rules::{
        self,
        input::{INVALID_VALUE, MISSING_FIELD, UNKNOWN_FIELD},
    },
    value::child,
    yaml::{Data, Entry, Mark, Node},
};

use super::{
    Places, Source,
    cause::look_alike_of,
    foreign,
    scalar::refusal,
    schema::{fields_of, format_maximum, help, kinds, resolved},
};

use misplaced::Spec;
use words::{assigned, found, kind_of, split_key};

/// All findings about `node`, which should be a `T`.
pub(super) fn diagnose<T: JsonSchema>(source: &Source, owner: Owner, node: &Node<'_>) -> Vec<Finding> {
    let schema = schemars::schema_for!(T).to_value();
    let mut walk = Walk {
        places: source.places(),
        owner,
        schema: &schema,
        field: None,
        around: Vec::new(),
        file: node.entries().iter().map(|entry| entry.key.to_string()).collect(),
        misplaced: Vec::new(),
        spec: Spec::default(),
        findings: Vec::new(),
    };
    walk.node(&schema, node, "");
    // The other of the two files, or a file of another program, is one mistake: its fields are right where it belongs.
    let is_kind = |finding: &Finding| finding.location().pointer.as_deref() == Some("/kind");
    if let Some(kind) = node.get("kind").and_then(Node::text)
        && (KINDS.contains(&kind) || is_word(kind) && likely(kind, KINDS.into_iter()).is_none())
        && let Some(at) = walk.findings.iter().position(is_kind)
    {
        let help = match kind {
            "PreviewPolicy" => "this is the policy: were the two files swapped?",
            "PreviewGuardrails" => "these are the guardrails: were the two files swapped?",
            _ => OF_KUBERNETES,
        };
        return vec![walk.findings.swap_remove(at).help(help)];
    }
    walk.forgive_misplaced();
    walk.findings.sort_by_key(|finding| {
        let location = finding.location();
        (location.line, location.column)
    });
    once(&mut walk.findings);
    walk.findings
}

const OF_KUBERNETES: &str =
    "Kubernetes' own objects stand in files of their own, which `manifests` of the policy names";

/// What the two files say that they are.
const KINDS: [&str; 2] = ["PreviewGuardrails", "PreviewPolicy"];

/// Whether a text may be a kind at all.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

struct Walk<'s> {
    places: Places<'s>,
    owner: Owner,
    /// Of the whole file.
    schema: &'s Json,
    /// What the field is for whose value is looked at.
    field: Option<String>,
    /// The fields of the maps around, from the outermost on.
    around: Vec<(String, &'s Map<String, Json>)>,
    /// Those that the whole file has.
    file: HashSet<String>,
    /// Fields that stand elsewhere than in the map of a pointer, where they belong: they are not missing there, too.
    misplaced: Vec<(String, String)>,
    spec: Spec,
    findings: Vec<Finding>,
}

/// What is known of a map's fields while it is gone through.
struct Fields<'s, 'e> {
    /// Those that it may have.
    known: &'s Map<String, Json>,
    /// Those that it has.
    present: HashSet<&'e str>,
    /// The last of these above the one that is looked at.
    last: Option<&'e str>,
    /// What unknown ones were probably meant to be: they are not missing, too.
    meant: Vec<String>,
    /// Whether a finding has said what there is.
    are_listed: bool,
}

impl<'s> Walk<'s> {
    fn report(&mut self, rule: &'static Rule, mark: Mark, pointer: &str, message: String) -> &mut Finding {
        let location = Location { pointer: Some(pointer.to_owned()), ..self.places.location(mark) };
        let finding = Finding::new(rule, self.owner, Subject::Place(location), message);
        self.findings.push_mut(finding)
    }

    fn node(&mut self, schema: &'s Json, node: &Node<'_>, pointer: &str) {
        let optional = schema.get("anyOf").is_some() || kinds(schema).any(|kind| kind == "null");
        if optional && node.is_null() {
            return;
        }
        let schema = resolved(self.schema, schema);
        if let Some(choices) = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Json::as_array) {
            return self.choice(choices, node, pointer);
        }
        if schema.get("enum").is_some() || schema.get("const").is_some() {
            return self.choice(std::slice::from_ref(schema), node, pointer);
        }
        let kinds: Vec<&str> = kinds(schema).filter(|kind| *kind != "null").collect();
        if kinds.is_empty() {
            for problem in node.endless() {
                self.report(&INVALID_VALUE, problem.mark, pointer, problem.message);
            }
            return;
        }
        let least = |word: &str| schema.get(word).and_then(Json::as_u64).unwrap_or_default();
        match &node.data {
            Data::Map(entries) if kinds.contains(&"object") && (entries.len() as u64) < least("minProperties") => {
                let message = "an empty map, expected at least one entry".to_owned();
                self.report(&INVALID_VALUE, node.mark, pointer, message);
            }
            Data::List(items) if kinds.contains(&"array") && (items.len() as u64) < least("minItems") => {
                let message = "an empty list, expected at least one item".to_owned();
                self.report(&INVALID_VALUE, node.mark, pointer, message);
            }
            Data::Map(entries) if kinds.contains(&"object") => {
                self.object(schema, node.mark, &entries.iter().collect::<Vec<_>>(), pointer);
            }
            Data::List(items) if kinds.contains(&"array") => {
                let item_schema = schema.get("items").unwrap_or(&Json::Bool(true));
                for (index, item) in items.iter().enumerate() {
                    self.node(item_schema, item, &format!("{pointer}/{index}"));
                }
            }
            Data::Scalar { text, plain } => self.scalar(schema, &kinds, node, text, *plain, pointer),
            _ => self.wrong_type(schema, &kinds, node, pointer),
        }
    }

    fn object(&mut self, schema: &'s Json, mark: Mark, entries: &[&Entry<'_>], pointer: &str) {
        let known = fields_of(schema);
        let is_closed = schema.get("additionalProperties") == Some(&Json::Bool(false));
        let is_foreign = |name: &str| !known.contains_key(name) && entries.iter().any(|entry| entry.key == name);
        if is_closed && ["apiVersion", "kind"].into_iter().all(is_foreign) {
            let message = "an object of Kubernetes does not belong here".to_owned();
            self.report(&UNKNOWN_FIELD, mark, pointer, message).help = Some(OF_KUBERNETES.to_owned());
            return;
        }
        self.around.push((pointer.to_owned(), known));
        let present = entries.iter().map(|entry| &*entry.key).filter(|key| known.contains_key(*key)).collect();
        let mut fields = Fields { known, present, last: None, meant: Vec::new(), are_listed: false };
        // The fields of one that stands here alone, and belongs further to the left with those that follow it.
        let mut stray: Option<&Map<String, Json>> = None;
        let taken = self.astray(pointer, mark, entries);
        for entry in entries.iter().filter(|entry| !taken.contains(&*entry.key)) {
            let below = child(pointer, &entry.key);
            match (known.get(&*entry.key), schema.get("additionalProperties")) {
                (Some(property), _) => {
                    let field = std::mem::replace(&mut self.field, help(&entry.key, property));
                    self.node(property, &entry.value, &below);
                    self.field = field;
                    fields.last = Some(&*entry.key);
                }
                (None, Some(Json::Bool(false))) => self.unknown(entry, &mut fields, &below),
                (None, Some(_)) if stray.is_some_and(|fields| fields.contains_key(&*entry.key)) => {}
                (None, Some(values)) => {
                    stray = self.stray(values, entry, &below);
                    if stray.is_none() {
                        self.named(schema, values, entry, &below);
                    }
                }
                (None, None) => {}
            }
        }
        for name in schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
            if !fields.present.contains(name) && !fields.meant.iter().any(|meant| meant == name) {
                let message = Self::missing(name);
                let help = known.get(name).and_then(|property| help(name, property));
                self.report(&MISSING_FIELD, mark, pointer, message).help = help;
            }
        }
        self.around.pop();
    }

    /// A field that its map has not: what another tool's is here, where it belongs, or what it may be meant to be.
    fn unknown(&mut self, entry: &Entry<'_>, fields: &mut Fields<'s, '_>, pointer: &str) {
        let (name, known) = (&*entry.key, fields.known);
        let message = format!("unknown field `{}`", visible(name));
        if let Some(key) = split_key(name).filter(|key| known.contains_key(key.name))
            && (entry.value.is_null() || key.is_opened())
        {
            let (message, help) = (format!("{message}: {}", key.lacks()), key.help());
            self.report(&UNKNOWN_FIELD, entry.mark, pointer, message).help = Some(help);
            fields.meant.push(key.name.to_owned());
            return;
        }
        if let Some(advice) = foreign::advice(name, known) {
            self.report(&UNKNOWN_FIELD, entry.mark, pointer, message).help = Some(advice.to_owned());
            return;
        }
        // One of many may be meant, rather than a field of theirs.
        let is_one_of_many = known.contains_key(&format!("{name}s"));
        if let Some((place, meant)) = (!is_one_of_many).then(|| self.elsewhere(name, fields)).flatten() {
            self.report(&UNKNOWN_FIELD, entry.mark, pointer, message + &place);
            fields.meant.extend(meant);
            return;
        }
        let names = || known.keys().map(String::as_str);
        let near = likely(name, names());
        fields.meant.extend(near.map(str::to_owned));
        // What there is needs to be said once.
        let hint = if near.is_none() && fields.are_listed { String::new() } else { nearest(name, names()) };
        fields.are_listed |= near.is_none();
        self.report(&UNKNOWN_FIELD, entry.mark, pointer, message + &hint);
        // What is wrong below it is told at once, if it can be what is meant.
        if let Some(near) = near.filter(|near| !fields.present.contains(near)) {
            self.misspelt(&known[near], &entry.value, pointer);
        }
    }

    /// An entry of a map whose names the file chooses.
    fn named(&mut self, schema: &Json, values: &'s Json, entry: &Entry<'_>, pointer: &str) {
        let told = self.findings.len();
        self.node(values, &entry.value, pointer);
        // `name=value` is one mistake, told of the value that is not there.
        let is_assigned = self.findings.len() > told && entry.value.is_null() && assigned(pointer).is_some();
        let format = schema.pointer("/propertyNames/format").and_then(Json::as_str).filter(|_| !is_assigned);
        if let Some((message, expected)) = format.and_then(|format| refusal(format, &entry.key)) {
            let message = format!("the name {message}: expected {expected}");
            self.report(&INVALID_VALUE, entry.mark, pointer, message);
        }
    }

    /// What helps with a value; an expression is read in few fields.
    fn help_with(&self, text: &str) -> Option<String> {
        if text.contains("${{") { Some(NO_EXPRESSION.to_owned()) } else { self.field.clone() }
    }

    fn scalar(&mut self, schema: &'s Json, kinds: &[&str], node: &Node<'_>, text: &str, plain: bool, pointer: &str) {
        let kind = if plain { kind_of(text) } else { "string" };
        let fits = kinds.contains(&kind) || (kind == "integer" && kinds.contains(&"number"));
        let refused = schema.get("format").and_then(Json::as_str).and_then(|format| refusal(format, text));
        // Quotes alone would not help a number that lacks its unit.
        if !fits && (refused.is_none() || !kinds.contains(&"string") || node.is_null()) {
            return self.wrong_type(schema, kinds, node, pointer);
        }
        if let Some((message, expected)) = refused {
            let format = schema.get("format").and_then(Json::as_str).unwrap_or_default();
            if format.starts_with("interpolated") && self.expressions(text, node.mark, pointer) {
                return;
            }
            // What is wrong inside of an expression says more than that there may be one.
            let is_enough = message.contains(expected) || format.starts_with("interpolated") && text.contains("${{");
            let help = self.help_with(text).filter(|_| !is_enough);
            let message = if is_enough { message } else { format!("{message}: expected {expected}") };
            self.report(&INVALID_VALUE, node.mark, pointer, message).help = help;
            return;
        }
        if let Ok(number) = text.parse::<i64>() {
            let bound = |name: &str| schema.get(name).and_then(Json::as_f64);
            #[expect(clippy::cast_precision_loss, reason = "bounds of fields are small")]
            let number = number as f64;
            let (low, high) = (bound("minimum"), bound("maximum").or(format_maximum(schema)));
            if low.is_some_and(|low| number < low) || high.is_some_and(|high| number > high) {
                let message = match (low, high) {
                    (Some(low), Some(high)) => format!("`{text}` is not between {low} and {high}"),
                    (Some(low), None) => format!("`{text}` is less than {low}"),
                    (_, high) => format!("`{text}` is more than {}", high.unwrap_or_default()),
                };
                let help = self.field.clone();
                self.report(&INVALID_VALUE, node.mark, pointer, message).help = help;
            }
        }
    }

    /// Reports the expressions of a text that cannot be read, each where it stands. Whether there are any.
    fn expressions(&mut self, text: &str, mark: Mark, pointer: &str) -> bool {
        let most = if self.findings.len() > rules::MOST { 1 } else { mistake::MOST };
        let mistakes = mistake::mistakes(text, most, |_| Ok(String::new()));
        for Mistake { excerpt, message, .. } in &mistakes {
            let mark = self.places.mark_of(mark, Some(excerpt));
            self.report(&INVALID_VALUE, mark, pointer, message.clone());
        }
        !mistakes.is_empty()
    }

    /// One of several words, or a map with one of several keys: how schemars writes an enum.
    fn choice(&mut self, choices: &'s [Json], node: &Node<'_>, pointer: &str) {
        let mut words = Vec::new();
        for choice in choices {
            words.extend(choice.get("const").and_then(Json::as_str));
            words.extend(choice.get("enum").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str));
        }
        let variants: Vec<(&str, &'s Json)> = choices
            .iter()
            .filter_map(|choice| choice.get("properties")?.as_object()?.iter().next())
            .map(|(name, schema)| (name.as_str(), schema))
            .collect();
        match &node.data {
            Data::Scalar { text, .. } if words.contains(&text.as_ref()) => {}
            Data::Map(entries) if entries.len() == 1 && variants.iter().any(|(name, _)| *name == entries[0].key) => {
                for (name, schema) in variants.into_iter().filter(|(name, _)| *name == entries[0].key) {
                    self.node(schema, &entries[0].value, &format!("{pointer}/{name}"));
                }
            }
            Data::Map(entries) if entries.iter().any(|entry| variants.iter().any(|(name, _)| *name == entry.key)) => {
                let (kept, more): (Vec<&Entry<'_>>, Vec<&Entry<'_>>) =
                    entries.iter().partition(|entry| variants.iter().any(|(name, _)| *name == entry.key));
                for entry in more.into_iter().chain(kept.iter().skip(1).copied()) {
                    let message =
                        format!("`{}` stands beside `{}`, which is alone", visible(&entry.key), visible(&kept[0].key));
                    self.report(&UNKNOWN_FIELD, entry.mark, &child(pointer, &entry.key), message);
                }
            }
            _ => {
                let shown: Vec<String> = words
                    .iter()
                    .map(|word| format!("`{word}`"))
                    .chain(variants.iter().map(|(name, _)| format!("`{{{name}: …}}`")))
                    .collect();
                let written = node.text().or(match &node.data {
                    Data::Map(entries) => entries.first().map(|entry| entry.key.as_ref()),
                    _ => None,
                });
                let known = words.iter().copied().chain(variants.iter().map(|(name, _)| *name));
                let hint = written.filter(|_| shown.len() > 1).and_then(|text| meant(text, known)).unwrap_or_default();
                let message = format!("found {}, expected {}{hint}", found(node), shown.join(" or "));
                self.report(&INVALID_VALUE, node.mark, pointer, message);
            }
        }
    }
}

const NO_EXPRESSION: &str = "this field holds no `${{ … }}`: write the value itself";
