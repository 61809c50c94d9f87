//! What somebody wrote, and what was probably meant, in words.

use serde_json::Value as Json;

use crate::{
    expression::Interpolated,
    finding::{masked, visible, words},
    input::scalar::Scalar as _,
    yaml::{Data, Node, scalar},
};

/// What somebody wrote as text, as the list that was probably meant; `named`: whose items have names.
pub(super) fn as_list(node: &Node<'_>, named: bool, pointer: &str) -> Option<String> {
    match &node.data {
        Data::Scalar { text, .. }
            if pointer.ends_with("/command")
                && text.contains(['&', '|', ';', '<', '>'])
                && text.len() <= LONGEST_EXAMPLE
                && !text.contains(['"', '\\', '\n'])
                && !text.contains("${{") =>
        {
            Some(format!("[sh, -c, \"{}\"]", visible(text)))
        }
        Data::Scalar { text, .. } if !named => {
            // The other bracket may have been forgotten.
            let words = words(text.strip_suffix(']').unwrap_or(text))?;
            (words.iter().all(|word| kind_of(word) == "string")).then(|| format!("[{}]", visible(&words.join(", "))))
        }
        _ => None,
    }
}

/// Most bytes of a text that is written out as a list.
const LONGEST_EXAMPLE: usize = 60;

/// What the first item of a list, or a text, is called, which should be the first entry of a map: `- name: A`, `- A=b` or `A:b`.
pub(super) fn first_name<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    let item = match &node.data {
        Data::List(items) => items.first()?,
        Data::Scalar { .. } => node,
        Data::Map(_) => return None,
    };
    let name = match (item.get("name"), &item.data) {
        (Some(name), _) => name.text()?,
        (None, Data::Map(entries)) if entries.len() == 1 => &entries[0].key,
        (None, _) => {
            let (name, value) = item.text()?.split_once(['=', ':'])?;
            (!value.starts_with("//")).then_some(name.trim_end())?
        }
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    (!name.is_empty() && name.len() <= LONGEST_EXAMPLE && name.chars().all(is_name)).then_some(name)
}

/// A key and its value with something missing between them: `key:value`, `key value`, `key = value`, `key {…}`.
pub(super) struct Split<'t> {
    pub(super) name: &'t str,
    value: &'t str,
    /// Whether its colon is there.
    has_colon: bool,
}

impl Split<'_> {
    /// What is missing.
    pub(super) fn lacks(&self) -> String {
        let what = if self.has_colon { "space behind the colon of" } else { "colon behind" };
        format!("no {what} `{}`", self.name)
    }

    /// What to write; of a map or a list in brackets, how it begins.
    pub(super) fn help(&self) -> String {
        match self.value.chars().next() {
            Some('{') => format!("write `{}: {{…}}`", self.name),
            Some('[') => format!("write `{}: […]`", self.name),
            _ => format!("write `{}`", visible(&masked(&format!("{}: {}", self.name, self.value)))),
        }
    }

    /// Whether a bracket begins behind the key.
    pub(super) fn is_opened(&self) -> bool {
        self.value.starts_with(['{', '['])
    }
}

pub(super) fn split_key(said: &str) -> Option<Split<'_>> {
    let end = said.find(|c: char| !c.is_ascii_alphanumeric())?;
    let (name, rest) = said.split_at(end);
    let value = rest.trim_start_matches([' ', '=']);
    let (value, has_colon) = match rest.strip_prefix(':') {
        Some(value) => (value, true),
        None if value.len() < rest.len() => (value, false),
        None => return None,
    };
    (!name.is_empty() && !value.is_empty()).then_some(Split { name, value, has_colon })
}

/// The JSON Schema type of a plain scalar.
pub(super) fn kind_of(text: &str) -> &'static str {
    match scalar::core(text) {
        scalar::Plain::Null => "null",
        scalar::Plain::Bool(_) => "boolean",
        scalar::Plain::Int(_) => "integer",
        scalar::Plain::Float(_) => "number",
        scalar::Plain::Text => "string",
    }
}

pub(super) fn noun(kind: &str) -> &'static str {
    match kind {
        "object" => "a map",
        "array" => "a list",
        "string" => "a string",
        "boolean" => "`true` or `false`",
        "integer" => "a whole number",
        _ => "a number",
    }
}

pub(super) fn found(node: &Node<'_>) -> String {
    match &node.data {
        Data::Map(_) => "a map".to_owned(),
        Data::List(_) => "a list".to_owned(),
        Data::Scalar { text, plain } => match if *plain { kind_of(text) } else { "string" } {
            "null" => "nothing".to_owned(),
            "boolean" => format!("the boolean `{text}`"),
            "integer" | "number" => format!("the number `{text}`"),
            _ if !*plain && kind_of(text) != "string" => format!("the text `{}`", visible(text)),
            _ => format!("`{}`", visible(text)),
        },
    }
}

/// What was probably meant by an entry without a value whose name is `name=value`, which may be a secret.
pub(super) fn assigned(pointer: &str) -> Option<String> {
    let (name, value) = pointer.rsplit('/').next()?.split_once(['=', ':'])?;
    let is_name = !name.is_empty() && name.len() <= LONGEST_EXAMPLE && !name.contains('~');
    (is_name && !value.is_empty()).then(|| format!("write `{}: …`", visible(name)))
}

/// Whether a value is text that may say anything.
pub(super) fn is_free(schema: &Json) -> bool {
    schema.get("format").and_then(Json::as_str) == Some(Interpolated::FORMAT)
}

/// Whether a place takes any text, an empty one too: a variable or a flag.
pub(super) fn is_any_text(schema: &Json, pointer: &str) -> bool {
    is_free(schema) && matches!(pointer.rsplit('/').nth(1), Some("env" | "flags" | "files"))
}

/// How a service's files are written.
pub(super) const FILES: &str =
    "a service's files are `files: {/etc/nginx/nginx.conf: …}`, each path with the file's text";

/// Of `files` of migrate, which are others than a service's.
pub(super) const FILES_OF_MIGRATE: &str = "`files` of `migrate` are the paths of migrations that are only ever added to, such as \
    `[db/migrations]`; only services have files of configuration: build this program's into its image";

/// Whether a place is a service's files.
pub(super) fn is_files(pointer: &str) -> bool {
    pointer.strip_suffix("/files").is_some_and(|service| service.starts_with("/spec/services/"))
}

pub(super) fn is_files_of_migrate(pointer: &str) -> bool {
    pointer.starts_with("/spec/databases/") && pointer.ends_with("/migrate/files")
}

/// Whether a place is the text of one of a service's files.
pub(super) fn is_of_a_file(pointer: &str) -> bool {
    pointer.rsplit_once('/').is_some_and(|(map, _)| is_files(map))
}
