//! What the JSON Schemas of the files say: the shapes of fields, and what they are for.

use std::sync::LazyLock;

use schemars::JsonSchema;
use serde_json::{Map, Value as Json};

use crate::value::Value;

/// The schema behind references into `whole`; for what may be left out, the schema of what may be there.
pub(crate) fn resolved<'j>(whole: &'j Json, schema: &'j Json) -> &'j Json {
    if let Some(reference) = schema.get("$ref").and_then(Json::as_str) {
        let definition = whole.pointer(reference.trim_start_matches('#'));
        return definition.map_or(&Json::Bool(true), |definition| resolved(whole, definition));
    }
    if let Some([one, Json::Object(null)]) = schema.get("anyOf").and_then(Json::as_array).map(Vec::as_slice)
        && null.get("type").and_then(Json::as_str) == Some("null")
    {
        return resolved(whole, one);
    }
    schema
}

/// The fields that a schema names.
pub(super) fn fields_of(schema: &Json) -> &Map<String, Json> {
    static NONE: LazyLock<Map<String, Json>> = LazyLock::new(Map::new);
    schema.get("properties").and_then(Json::as_object).unwrap_or(&NONE)
}

/// What the field of a `T` is for that `names` lead to, through what `document` has: its items and entries exist, its fields may not.
pub fn purpose<T: JsonSchema>(document: &Value, names: &[&str]) -> Option<String> {
    let whole = schemars::schema_for!(T).to_value();
    let (mut schema, mut here, mut last) = (&whole, Some(document), None);
    for name in names {
        let bare = resolved(&whole, schema);
        // Of several shapes, the one that has such a field: it may be another one that the file has.
        let shapes = bare.get("oneOf").or_else(|| bare.get("anyOf")).and_then(Json::as_array).into_iter().flatten();
        let shapes = shapes.map(|shape| (shape, resolved(&whole, shape)));
        let mut shapes = std::iter::once((bare, bare)).chain(shapes);
        let found = shapes.find_map(|(shape, bare)| Some((shape, bare.get("properties")?.get(*name)?)));
        if let Some((shape, property)) = found {
            (schema, here, last) = (property, here.and_then(|map| map.get(name)), Some((shape, property)));
            continue;
        }
        let items = here?.items();
        let item = items.iter().find(|item| item.str_at(&["name"]) == Some(name));
        let item = item.or_else(|| items.get(name.parse::<usize>().ok()?));
        schema = bare.get("items").or_else(|| bare.get("additionalProperties"))?;
        here = Some(item.or_else(|| here?.get(name))?);
    }
    let (shape, property) = last?;
    [property, resolved(&whole, property), shape].into_iter().find_map(described)
}

/// The fields of a `T`'s `spec`.
pub fn fields<T: JsonSchema>() -> Vec<String> {
    let whole = schemars::schema_for!(T).to_value();
    let spec = whole.pointer("/properties/spec").map(|spec| fields_of(resolved(&whole, spec)));
    spec.into_iter().flat_map(Map::keys).cloned().collect()
}

pub(super) fn kinds(schema: &Json) -> impl Iterator<Item = &str> {
    let several = schema.get("type").and_then(Json::as_array).into_iter().flatten();
    schema.get("type").filter(|kind| kind.is_string()).into_iter().chain(several).filter_map(Json::as_str)
}

/// The largest value of schemars' integer formats.
pub(super) fn format_maximum(schema: &Json) -> Option<f64> {
    match schema.get("format")?.as_str()? {
        "uint8" => Some(255.0),
        "uint16" => Some(65_535.0),
        "uint32" => Some(4_294_967_295.0),
        _ => None,
    }
}

/// What a field is for: as much of its description as is read at a glance.
fn described(property: &Json) -> Option<String> {
    let text = property.get("description")?.as_str()?;
    let paragraph = text.split("\n\n").next().unwrap_or_default().replace('\n', " ");
    let mut shown = String::new();
    for sentence in paragraph.split_inclusive(". ") {
        if !shown.is_empty() && shown.len() + sentence.len() > 160 {
            break;
        }
        shown.push_str(sentence);
    }
    shown.truncate(shown.trim_end().len());
    Some(shown)
}

/// The same for somebody who looks at the file.
pub(super) fn help(name: &str, property: &Json) -> Option<String> {
    Some(format!("`{name}`: {}", described(property)?))
}
