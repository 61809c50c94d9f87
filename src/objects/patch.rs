//! The platform's changes to rendered objects: JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396).

use json_patch::PatchOperation;

use crate::{
    finding::{Finding, InputFile, Owner, Subject},
    input::guardrails::{Patch, Target},
    rules::patch::PATCH,
    value::{Map, Value, is_below, json::keep_order, pointer_segments},
};

use super::Object;

/// All patches, read once.
#[derive(Debug, Default)]
pub struct Patches {
    patches: Vec<Ready>,
}

#[derive(Debug)]
struct Ready {
    index: usize,
    target: Target,
    merge: Option<Value>,
    json: Vec<PatchOperation>,
}

impl Patches {
    /// Reads them, and says what is wrong with them as they were written.
    pub fn read(patches: &[Patch], findings: &mut Vec<Finding>) -> Self {
        let mut ready = Self::default();
        for (index, patch) in patches.iter().enumerate() {
            if patch.merge.is_none() && patch.json.is_empty() {
                findings.push(problem(index, "", "the patch has neither `merge` nor `json`".to_owned()));
            }
            let mut json = Vec::with_capacity(patch.json.len());
            for (number, operation) in patch.json.iter().enumerate() {
                match serde_json::from_value(operation.clone()) {
                    Ok(operation) => json.push(operation),
                    Err(error) => findings.push(problem(
                        index,
                        &format!("/json/{number}"),
                        format!("no JSON Patch operation: {error}"),
                    )),
                }
            }
            ready.patches.push(Ready {
                index,
                target: patch.target.clone(),
                merge: patch.merge.clone().map(Value::from),
                json,
            });
        }
        ready
    }

    /// Patches every object that a target fits, in order.
    pub fn apply(&self, objects: &mut [Object], findings: &mut Vec<Finding>) {
        for patch in &self.patches {
            for object in objects.iter_mut().filter(|object| fits(&patch.target, object)) {
                if let Some(merge) = &patch.merge {
                    apply_merge(&mut object.value, merge);
                }
                if patch.json.is_empty() {
                    continue;
                }
                let mut json = serde_json::Value::from(&object.value);
                if let Err(error) = json_patch::patch(&mut json, &patch.json) {
                    findings.push(problem(
                        patch.index,
                        "/json",
                        format!("the patch does not fit {}: {error}", object.id()),
                    ));
                    continue;
                }
                object.value = keep_order(&object.value, Value::from(json));
            }
        }
    }

    /// The patches that change an object at a JSON pointer, above it or below it, by their index in the guardrails.
    pub fn of(&self, object: &Object, pointer: &str) -> Vec<usize> {
        let changes = |patch: &Ready| {
            patch.merge.as_ref().is_some_and(|merge| merges(merge, pointer))
                || patch.json.iter().any(|operation| operates(operation, pointer))
        };
        let patches = self.patches.iter().filter(|patch| fits(&patch.target, object) && changes(patch));
        patches.map(|patch| patch.index).collect()
    }
}

/// Whether a merge patch says anything at a place, above it or below it.
fn merges(patch: &Value, pointer: &str) -> bool {
    let mut place = patch;
    for segment in pointer_segments(pointer) {
        let Value::Map(map) = place else { return true };
        match map.get(&segment) {
            Some(below) => place = below,
            None => return false,
        }
    }
    true
}

fn operates(operation: &PatchOperation, pointer: &str) -> bool {
    let touches = |place: &str| is_below(place, pointer) || is_below(pointer, place);
    match operation {
        PatchOperation::Test(_) => false,
        PatchOperation::Move(operation) => touches(operation.from.as_str()) || touches(operation.path.as_str()),
        other => touches(other.path().as_str()),
    }
}

/// RFC 7396, in place: json-patch's would need a copy of every object as another type, and lose the order of its keys.
fn apply_merge(target: &mut Value, patch: &Value) {
    let Value::Map(changes) = patch else {
        *target = patch.clone();
        return;
    };
    if !matches!(target, Value::Map(_)) {
        *target = Value::Map(Map::default());
    }
    let Value::Map(map) = target else { return };
    for (key, change) in changes.iter() {
        match (change, map.get_mut(key)) {
            (Value::Null, _) => drop(map.remove(key)),
            (change, Some(present)) => apply_merge(present, change),
            (change, None) => {
                let mut fresh = Value::Null;
                apply_merge(&mut fresh, change);
                map.push(key.to_owned(), fresh);
            }
        }
    }
}

fn fits(target: &Target, object: &Object) -> bool {
    fits_kind(target, object.kind())
        && is(target.name.as_deref(), object.name())
        && is(target.namespace.as_deref(), object.namespace().unwrap_or_default())
}

/// Whether objects of a kind may be among those that a target fits.
pub fn fits_kind(target: &Target, kind: &str) -> bool {
    is(target.kind.as_deref(), kind)
}

fn is(wanted: Option<&str>, found: &str) -> bool {
    wanted.is_none_or(|wanted| wanted == found || wanted == "*")
}

fn problem(index: usize, below: &str, message: String) -> Finding {
    Finding::new(
        &PATCH,
        Owner::Platform,
        Subject::Input(InputFile::Guardrails, format!("/spec/patches/{index}{below}")),
        message,
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::{Value, apply_merge};

    /// The table of RFC 7396, appendix A, and json-patch's own answer.
    #[test]
    fn merges_as_the_standard_says() {
        for (target, patch) in [
            (json!({"a": "b"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"})),
            (json!({"a": "b"}), json!({"a": null})),
            (json!({"a": "b", "b": "c"}), json!({"a": null})),
            (json!({"a": ["b"]}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"])),
            (json!({"a": "b"}), json!(["c"])),
            (json!({"a": "foo"}), json!(null)),
            (json!({"e": null}), json!({"a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}})),
        ] {
            let mut expected = target.clone();
            json_patch::merge(&mut expected, &patch);
            let mut value = Value::from(target.clone());
            apply_merge(&mut value, &Value::from(patch.clone()));
            assert_eq!(Json::from(&value), expected, "{target} {patch}");
        }
    }
}
