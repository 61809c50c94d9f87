//! Everything that is wrong with a file, by its JSON Schema: unknown fields, missing ones, wrong types, units and words.
//!
//! Runs only when the typed reader has refused a file. The schema comes from the same types, and a scalar's `format`
//! leads to the same parser, so the two agree; `decode_and_diagnosis_agree` in the tests holds them to it.

mod misplaced;
mod words;

use std::collections::HashSet;

use schemars::JsonSchema;
use serde_json::{Map, Value as Json};

use crate::{
    expression::mistake::{self, Mistake},
    finding::{Finding, Location, Owner, Rule, Subject, likely, masked, meant, nearest, once, visible},
    rules::{
        self,
        input::{INVALID_VALUE, MISSING_FIELD, UNKNOWN_FIELD, WRONG_TYPE},
    },
    value::child,
    yaml::{Data, Entry, Mark, Node},
};

use super::{
    Places, Source,
    cause::look_alike_of,
    foreign,
    purpose::{help, kinds, resolved},
    scalar::refusal,
};

use misplaced::Spec;
use words::{
    FILES, FILES_OF_MIGRATE, as_list, assigned, first_name, found, is_any_text, is_files, is_files_of_migrate,
    is_of_a_file, kind_of, noun,
};

/// All findings about `node`, which should be a `T`.
pub(super) fn diagnose<T: JsonSchema>(source: &Source, owner: Owner, node: &Node<'_>) -> Vec<Finding> {
    let schema = schemars::schema_for!(T).to_value();
    let definitions = schema.get("$defs").and_then(Json::as_object).cloned().unwrap_or_default();
    let mut walk = Walk {
        places: source.places(),
        owner,
        definitions,
        field: None,
        around: Vec::new(),
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
            _ => "Kubernetes' own objects stand in files of their own, which `manifests` of the policy names",
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

/// What the two files say that they are.
const KINDS: [&str; 2] = ["PreviewGuardrails", "PreviewPolicy"];

/// Whether a text may be a kind at all.
fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

struct Walk<'s> {
    places: Places<'s>,
    owner: Owner,
    definitions: Map<String, Json>,
    /// What the field is for whose value is looked at.
    field: Option<String>,
    /// The fields of the maps around, from the outermost on.
    around: Vec<(String, Map<String, Json>)>,
    /// Fields that stand elsewhere than in the map of a pointer, where they belong: they are not missing there, too.
    misplaced: Vec<(String, String)>,
    spec: Spec,
    findings: Vec<Finding>,
}

impl Walk<'_> {
    fn report(&mut self, rule: &'static Rule, mark: Mark, pointer: &str, message: String) -> &mut Finding {
        let location = Location { pointer: Some(pointer.to_owned()), ..self.places.location(mark) };
        let finding = Finding::new(rule, self.owner, Subject::Place(location), message);
        self.findings.push_mut(finding)
    }

    fn node(&mut self, schema: &Json, node: &Node<'_>, pointer: &str) {
        let optional = schema.get("anyOf").is_some() || kinds(schema).any(|kind| kind == "null");
        if optional && node.is_null() {
            return;
        }
        let schema = resolved(&self.definitions, schema).clone();
        if let Some(choices) = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Json::as_array) {
            let choices = choices.clone();
            return self.choice(&choices, node, pointer);
        }
        if schema.get("enum").is_some() || schema.get("const").is_some() {
            return self.choice(std::slice::from_ref(&schema), node, pointer);
        }
        let kinds: Vec<&str> = kinds(&schema).filter(|kind| *kind != "null").collect();
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
                self.object(&schema, node.mark, &entries.iter().collect::<Vec<_>>(), pointer);
            }
            Data::List(items) if kinds.contains(&"array") => {
                let item_schema = schema.get("items").cloned().unwrap_or(Json::Bool(true));
                for (index, item) in items.iter().enumerate() {
                    self.node(&item_schema, item, &format!("{pointer}/{index}"));
                }
            }
            Data::Scalar { text, plain } => self.scalar(&schema, &kinds, node, text, *plain, pointer),
            _ => self.wrong_type(&schema, &kinds, node, pointer),
        }
    }

    fn wrong_type(&mut self, schema: &Json, kinds: &[&str], node: &Node<'_>, pointer: &str) {
        let expected: Vec<&str> = kinds.iter().map(|kind| noun(kind)).collect();
        let mut message = format!("found {}, expected {}", found(node), expected.join(" or "));
        let is_tree = kinds.contains(&"object") || kinds.contains(&"array");
        if let Some(sign) = node.text().filter(|_| is_tree).and_then(look_alike_of) {
            message = format!("{message}: {}", sign.message);
            let help = format!("write `{}`", visible(&masked(&sign.meant)));
            self.report(&WRONG_TYPE, node.mark, pointer, message).help = Some(help);
            return;
        }
        let text_wanted =
            kinds.contains(&"string") && matches!(&node.data, Data::Scalar { plain: true, .. }) && !node.is_null();
        let text = visible(node.text().unwrap_or_default());
        let help = match &node.data {
            // As a container of Kubernetes has them.
            Data::Map(_) if ["/resources/requests", "/resources/limits"].iter().any(|end| pointer.ends_with(end)) => {
                Some(
                    "write `resources: {cpu: …, memory: …}`, what it requests: limits follow from that and the profile"
                        .to_owned(),
                )
            }
            Data::Map(_) | Data::List(_) if is_of_a_file(pointer) => {
                Some("a file's text is written `PATH: |`, with its lines below, further to the right".to_owned())
            }
            _ if text_wanted => Some(format!("in quotes it is text: `\"{text}\"`")),
            Data::Scalar { text: bare, plain: false } if kinds.contains(&kind_of(bare)) => {
                Some(format!("without quotes it is {}: `{text}`", noun(kind_of(bare))))
            }
            _ if node.is_null() && self.is_comment(node.mark) => {
                Some("what follows ` #` is a comment: in quotes it is text".to_owned())
            }
            _ if node.is_null() && assigned(pointer).is_some() => assigned(pointer),
            _ if node.is_null() && is_any_text(schema, pointer) => Some("an empty text is written `\"\"`".to_owned()),
            _ if node.is_null() => self.field.clone(),
            _ if is_files(pointer) => Some(FILES.to_owned()),
            Data::Map(_) if is_files_of_migrate(pointer) => Some(FILES_OF_MIGRATE.to_owned()),
            _ if kinds.contains(&"array") => {
                let item = schema.get("items").map(|item| resolved(&self.definitions, item));
                let named = item.is_some_and(|item| item.pointer("/properties/name").is_some());
                Some(format!(
                    "a list is written `[one, two]`, or an item a line with `- ` before it{}",
                    as_list(node, named, pointer).map(|list| format!(": here `{list}`")).unwrap_or_default()
                ))
            }
            _ if kinds.contains(&"object") => Some(match schema.get("properties").and_then(Json::as_object) {
                Some(fields) => {
                    format!(
                        "it has the fields `{}`",
                        fields.keys().map(String::as_str).collect::<Vec<_>>().join("`, `")
                    )
                }
                None => format!(
                    "a map is written `{{name: value}}`, or an entry a line, `name: value`{}",
                    first_name(node).map(|name| format!(": here `{}: …`", visible(name))).unwrap_or_default()
                ),
            }),
            _ => self.help_with(node.text().unwrap_or_default()),
        };
        self.report(&WRONG_TYPE, node.mark, pointer, message).help = help;
    }

    /// Whether all that a line has in place of a value is a comment.
    fn is_comment(&self, mark: Mark) -> bool {
        let Location { before, source, .. } = self.places.location(mark);
        let mut rest = source.iter().flat_map(|line| line.chars().skip(before.unwrap_or_default()));
        rest.find(|letter| !":- ".contains(*letter)) == Some('#')
    }

    fn object(&mut self, schema: &Json, mark: Mark, entries: &[&Entry<'_>], pointer: &str) {
        let properties = schema.get("properties").and_then(Json::as_object).cloned().unwrap_or_default();
        self.around.push((pointer.to_owned(), properties.clone()));
        // What unknown fields were probably meant to be: they are not missing, too.
        let mut meant = Vec::new();
        let mut is_listed = false;
        let present: HashSet<&str> =
            entries.iter().map(|entry| &*entry.key).filter(|key| properties.contains_key(*key)).collect();
        let taken = self.astray(pointer, mark, entries);
        for entry in entries.iter().filter(|entry| !taken.contains(&*entry.key)) {
            let below = child(pointer, &entry.key);
            if let Some(property) = properties.get(entry.key.as_ref()) {
                let field = std::mem::replace(&mut self.field, help(&entry.key, property));
                self.node(property, &entry.value, &below);
                self.field = field;
                continue;
            }
            match schema.get("additionalProperties") {
                Some(Json::Bool(false)) => {
                    let field = visible(&entry.key);
                    let message = format!("unknown field `{field}`");
                    if let Some(advice) = foreign::advice(&entry.key, &properties) {
                        self.report(&UNKNOWN_FIELD, entry.mark, &below, message).help = Some(advice.to_owned());
                    } else if let Some((place, name)) =
                        // One of many may be meant, rather than a field of theirs.
                        Some(format!("{}s", entry.key))
                            .filter(|many| !properties.contains_key(many))
                            .and_then(|_| self.elsewhere(&entry.key, &properties))
                    {
                        self.report(&UNKNOWN_FIELD, entry.mark, &below, message + &place);
                        meant.extend(name);
                    } else {
                        let names = || properties.keys().map(String::as_str);
                        let near = likely(&entry.key, names());
                        meant.extend(near.map(str::to_owned));
                        // What there is needs to be said once.
                        let hint =
                            if near.is_none() && is_listed { String::new() } else { nearest(&entry.key, names()) };
                        is_listed |= near.is_none();
                        self.report(&UNKNOWN_FIELD, entry.mark, &below, message + &hint);
                        // What is wrong below it is told at once, if it can be what is meant.
                        if let Some(near) = near.filter(|near| !present.contains(near)) {
                            self.misspelt(&properties[near], &entry.value, &below);
                        }
                    }
                }
                Some(values) => {
                    let names =
                        schema.get("propertyNames").and_then(|names| names.get("format")).and_then(Json::as_str);
                    let told = self.findings.len();
                    self.node(values, &entry.value, &below);
                    // `name=value` is one mistake, told of the value that is not there.
                    let is_assigned = self.findings.len() > told && entry.value.is_null() && assigned(&below).is_some();
                    if !is_assigned
                        && let Some((message, expected)) = names.and_then(|format| refusal(format, &entry.key))
                    {
                        let message = format!("the name {message}: expected {expected}");
                        self.report(&INVALID_VALUE, entry.mark, &below, message);
                    }
                }
                None => {}
            }
        }
        for name in schema.get("required").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str) {
            if !present.contains(name) && !meant.iter().any(|meant| meant == name) {
                let message = Self::missing(name);
                let help = properties.get(name).and_then(|property| help(name, property));
                self.report(&MISSING_FIELD, mark, pointer, message).help = help;
            }
        }
        self.around.pop();
    }

    /// What helps with a value; an expression is read in few fields.
    fn help_with(&self, text: &str) -> Option<String> {
        if text.contains("${{") { Some(NO_EXPRESSION.to_owned()) } else { self.field.clone() }
    }

    fn scalar(&mut self, schema: &Json, kinds: &[&str], node: &Node<'_>, text: &str, plain: bool, pointer: &str) {
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
    fn choice(&mut self, choices: &[Json], node: &Node<'_>, pointer: &str) {
        let mut words = Vec::new();
        for choice in choices {
            words.extend(choice.get("const").and_then(Json::as_str));
            words.extend(choice.get("enum").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str));
        }
        let variants: Vec<(&str, &Json)> = choices
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

/// The largest value of schemars' integer formats.
fn format_maximum(schema: &Json) -> Option<f64> {
    match schema.get("format")?.as_str()? {
        "uint8" => Some(255.0),
        "uint16" => Some(65_535.0),
        "uint32" => Some(4_294_967_295.0),
        _ => None,
    }
}
