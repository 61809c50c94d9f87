//! Values of another shape: a list in the place of a map, text in the place of a number.

use serde_json::Value as Json;

use crate::{
    finding::{Location, masked, visible},
    rules::input::WRONG_TYPE,
    value::child,
    yaml::{Data, Entry, Mark, Node},
};

use super::{
    Walk, fields_of, look_alike_of, resolved,
    words::{
        FILES, FILES_OF_MIGRATE, as_list, assigned, first_name, found, is_any_text, is_files, is_files_of_migrate,
        is_free, is_of_a_file, kind_of, noun, split_key,
    },
};

impl<'s> Walk<'s> {
    pub(super) fn wrong_type(&mut self, schema: &'s Json, kinds: &[&str], node: &Node<'_>, pointer: &str) {
        let expected: Vec<&str> = kinds.iter().map(|kind| noun(kind)).collect();
        let mut message = format!("found {}, expected {}", found(node), expected.join(" or "));
        let is_tree = kinds.contains(&"object") || kinds.contains(&"array");
        if let Some(sign) = node.text().filter(|_| is_tree).and_then(look_alike_of) {
            message = format!("{message}: {}", sign.message);
            let help = format!("write `{}`", visible(&masked(&sign.meant)));
            self.report(&WRONG_TYPE, node.mark, pointer, message).help = Some(help);
            return;
        }
        let fields = fields_of(schema);
        if let Some(key) = node.text().and_then(split_key).filter(|key| fields.contains_key(key.name)) {
            let help = key.help();
            self.report(&WRONG_TYPE, node.mark, pointer, format!("{message}: {}", key.lacks())).help = Some(help);
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
            Data::Map(entries) if self.is_item_of_text(schema, node.mark, pointer) && entries.len() == 1 => {
                let value = entries[0].value.text().unwrap_or_default();
                let text = format!("{}: {value}", entries[0].key);
                Some(format!("text that holds a `: ` stands in quotes: `\"{}\"`", visible(&masked(text.trim_end()))))
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
                let item = schema.get("items").map_or(&Json::Bool(true), |item| resolved(self.schema, item));
                let list = match (&node.data, fields_of(item).contains_key("name")) {
                    (Data::Map(entries), true) => self.unlisted(item, node.mark, entries, pointer),
                    (_, named) => as_list(node, named, pointer),
                };
                Some(format!(
                    "a list is written `[one, two]`, or an item a line with `- ` before it{}",
                    list.map(|list| format!(": here `{list}`")).unwrap_or_default()
                ))
            }
            Data::List(items) if kinds.contains(&"object") && self.listed(schema, items, pointer) => {
                Some("this is one, and no list of several: leave out its `- `".to_owned())
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

    /// A map in the place of a list whose items have names: it is an item itself, or has them by their names. Says how its first item is
    /// written; what is wrong below is told at once.
    fn unlisted(&mut self, item: &'s Json, map: Mark, entries: &[Entry<'_>], pointer: &str) -> Option<String> {
        let (first, fields) = (entries.first()?, fields_of(item));
        let is_named = |entry: &Entry<'_>| entry.key == "name" && entry.value.text().is_some();
        if entries.iter().any(is_named) || entries.iter().all(|entry| fields.contains_key(&*entry.key)) {
            self.object(item, map, &entries.iter().collect::<Vec<_>>(), &child(pointer, "0"));
            let entry = format!("{}: {}", first.key, first.value.text().unwrap_or("…"));
            let entry = visible(&masked(&entry)).into_owned();
            return Some(if self.is_flow(map) { format!("- {{{entry}, …}}") } else { format!("- {entry}") });
        }
        for entry in entries {
            if let Data::Map(below) = &entry.value.data {
                let pointer = child(pointer, &entry.key);
                // It is the key.
                self.misplaced.push((pointer.clone(), "name".to_owned()));
                self.object(item, entry.value.mark, &below.iter().collect::<Vec<_>>(), &pointer);
            }
        }
        Some(format!("- name: {}", visible(&first.key)))
    }

    /// A list in the place of a map, or of a map of maps by their names: what is wrong with its items is told at once. Whether it is of
    /// one item that should be the map.
    fn listed(&mut self, schema: &'s Json, items: &[Node<'_>], pointer: &str) -> bool {
        let fields = fields_of(schema);
        if let [Node { data: Data::Map(entries), mark }] = items
            && entries.iter().any(|entry| fields.contains_key(&*entry.key))
        {
            self.object(schema, *mark, &entries.iter().collect::<Vec<_>>(), &child(pointer, "0"));
            return true;
        }
        let values =
            schema.get("additionalProperties").map_or(&Json::Bool(true), |values| resolved(self.schema, values));
        if fields_of(values).is_empty() {
            return false;
        }
        for (index, item) in items.iter().enumerate() {
            if let Data::Map(entries) = &item.data {
                let entries: Vec<&Entry<'_>> = entries.iter().filter(|entry| entry.key != "name").collect();
                self.object(values, item.mark, &entries, &child(pointer, &index.to_string()));
            }
        }
        false
    }

    /// Whether a place without braces is an item of a list of any text, such as a command's.
    fn is_item_of_text(&self, schema: &Json, map: Mark, pointer: &str) -> bool {
        let is_item = pointer.rsplit('/').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
        is_item && is_free(schema) && !self.is_flow(map)
    }

    /// Whether all that a line has in place of a value is a comment.
    fn is_comment(&self, mark: Mark) -> bool {
        let Location { before, source, .. } = self.places.location(mark);
        let mut rest = source.iter().flat_map(|line| line.chars().skip(before.unwrap_or_default()));
        rest.find(|letter| !":- ".contains(*letter)) == Some('#')
    }
}
