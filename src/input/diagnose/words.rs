//! What somebody wrote, and what was probably meant, in words.

use serde_json::Value as Json;

use crate::{
    expression::Interpolated,
    finding::visible,
    input::scalar::{EnvName, Scalar as _},
    yaml::{Data, Node, scalar},
};

/// Signs that words of a list have only in quotes, or that are a shell's.
const SIGNS: &str = "\"'`$|&;<>(){}[]#:=*!%@\\";

/// What somebody wrote as text or as a map, as the list that was probably meant; `named`: whose items have names.
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
        Data::Map(entries) if named => Some(format!("- name: {}", visible(&entries.first()?.key))),
        Data::Scalar { text, .. }
            if !named && text.len() <= LONGEST_EXAMPLE && !text.contains(|c| SIGNS.contains(c)) =>
        {
            let is_between = |c: char| c == ',' || c.is_whitespace();
            let words: Vec<&str> = text.split(is_between).filter(|word| !word.is_empty()).collect();
            (!words.is_empty() && words.iter().all(|word| kind_of(word) == "string"))
                .then(|| format!("[{}]", visible(&words.join(", "))))
        }
        _ => None,
    }
}

/// Most bytes of a text that is written out as a list.
const LONGEST_EXAMPLE: usize = 60;

/// What the first item of a list is called, which should be the first entry of a map: `- name: A` or `- A=b`.
pub(super) fn first_name<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    let Data::List(items) = &node.data else { return None };
    let item = items.first()?;
    let name = match item.get("name") {
        Some(name) => name.text()?,
        None => item.text()?.split_once(['=', ':'])?.0,
    };
    EnvName::parse(name).is_ok().then_some(name)
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
    let (name, value) = pointer.rsplit('/').next()?.split_once('=')?;
    let is_name = !name.is_empty() && name.len() <= LONGEST_EXAMPLE && !name.contains('~');
    (is_name && !value.is_empty()).then(|| format!("write `{}: …`", visible(name)))
}

/// Whether a place takes any text, an empty one too: a variable or a flag.
pub(super) fn is_any_text(schema: &Json, pointer: &str) -> bool {
    let format = schema.get("format").and_then(Json::as_str);
    format == Some(Interpolated::FORMAT) && matches!(pointer.rsplit('/').nth(1), Some("env" | "flags" | "files"))
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
