//! The platform's changes to rendered objects: JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396).

mod check;

use std::collections::HashMap;

use json_patch::{AddOperation, PatchError, PatchOperation};

use crate::{
    finding::{Finding, Location, Owner, visible},
    input::{
        guardrails::{Patch, Target},
        pattern,
    },
    rules::{common::finding, patch::PATCH},
    value::{Map, Value, is_below, json::keep_order, pointer_segments, push_segment},
};

use super::Object;

/// All patches, read once.
#[derive(Debug, Default)]
pub struct Patches {
    patches: Vec<Ready>,
    resize: bool,
}

#[derive(Debug)]
struct Ready {
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
            let merge = match patch.merge.clone().map(Value::from) {
                None => None,
                Some(merge @ Value::Map(_)) => Some(merge),
                Some(other) => {
                    let message = format!("`merge` is a map of what changes in an object, not {}", other.kind_name());
                    findings.push(problem(index, "/merge", message));
                    None
                }
            };
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
            let patch = Ready { target: patch.target.clone(), merge, json };
            ready.resize |= resizes(&patch);
            ready.patches.push(patch);
        }
        ready
    }

    /// Patches every object that a target fits, in order. Of one that does not fit an object of dayfly's own, only that is told.
    pub fn apply(&self, objects: &mut [Object], findings: &mut Vec<Finding>) {
        for (index, patch) in self.patches.iter().enumerate() {
            let mut fits_templates = true;
            // Those of templates come first.
            for object in objects.iter_mut().filter(|object| fits(&patch.target, object)) {
                if let Some(merge) = &patch.merge {
                    apply_merge(&mut object.value, merge);
                }
                if patch.json.is_empty() {
                    continue;
                }
                let mut json = serde_json::Value::from(&object.value);
                if let Err(error) = json_patch::patch(&mut json, &patch.json) {
                    fits_templates &= object.is_manifest();
                    if fits_templates || !object.is_manifest() {
                        findings.push(unfit(index, object, &error, &patch.json));
                    }
                    continue;
                }
                if !json.is_object() {
                    let message = format!("the operations leave no map of {}", visible(&object.id()));
                    findings.push(problem(index, "/json", message));
                    break;
                }
                object.value = keep_order(&object.value, Value::from(json));
            }
        }
    }

    /// Stands for what of them changes a ConfigMap that Pods read when they start.
    pub fn of_config(&self, name: &str) -> String {
        let is_of_it = |patch: &&Ready| {
            fits_kind(&patch.target, "ConfigMap") && is(patch.target.name.as_deref(), name) && changes(patch, "/data")
        };
        let parts: Vec<_> = self.patches.iter().filter(is_of_it).map(|patch| (&patch.merge, &patch.json)).collect();
        if parts.is_empty() { String::new() } else { format!("{parts:?}") }
    }

    /// The objects that one of them changes.
    pub fn targets<'o>(&self, index: usize, objects: &'o [Object]) -> Vec<&'o Object> {
        let targets = |patch: &Ready| objects.iter().filter(|object| fits(&patch.target, object)).collect();
        self.patches.get(index).map(targets).unwrap_or_default()
    }

    /// Whoever wrote an object, what a patch put there, or took away, is the platform's.
    pub fn blame(&self, objects: &[Object], findings: &mut [Finding]) {
        if self.patches.is_empty() || findings.is_empty() {
            return;
        }
        // Of two that are called the same, the first.
        let by_id: HashMap<_, _> =
            objects.iter().rev().map(|object| (visible(&object.id()).to_string(), object)).collect();
        for finding in findings {
            let Location { object: Some(id), pointer: Some(pointer), .. } = finding.location() else { continue };
            let Some(object) = by_id.get(&id) else { continue };
            // What the last one says, holds.
            let mut patches = self.patches.iter().enumerate().rev();
            let to_blame = patches.find_map(|(index, patch)| {
                let place = fits(&patch.target, object).then(|| sets(patch, &pointer, object)).flatten()?;
                Some((index, patch, place))
            });
            let Some((index, patch, below)) = to_blame else { continue };
            finding.owner = Owner::Platform;
            finding.patch = Some(format!("/spec/patches/{index}{below}"));
            let place = format!("`/spec/patches/{index}` of the guardrails put that there");
            let merge = patch.merge.as_ref().filter(|_| below.starts_with("/merge"));
            let merged = merge.and_then(|merge| put(merge, &pointer));
            finding.help = Some(if matches!(merged, Some(Value::List(_))) {
                format!("{place}: `merge` replaces a whole list, `json` changes one item of it")
            } else {
                place
            });
        }
    }

    /// Whether any may change how many Pods there are, or what these ask for.
    pub fn resize(&self) -> bool {
        self.resize
    }

    /// Those that set how many Pods a Deployment or a `StatefulSet` has, and what their containers ask for of a resource, if that counts: by
    /// their index in the guardrails, the last first.
    pub fn resizing(&self, object: &Object, resource: Option<&str>) -> Vec<usize> {
        let last = |is_of: &dyn Fn(&Ready) -> bool| {
            self.patches.iter().rposition(|patch| fits(&patch.target, object) && is_of(patch))
        };
        let of_containers = resource.and_then(|resource| last(&|patch| changes_containers(patch, Some(resource))));
        let mut found: Vec<usize> = last(&changes_replicas).into_iter().chain(of_containers).collect();
        found.sort_unstable_by(|a, b| b.cmp(a));
        found.dedup();
        found
    }

    /// The patches that change an object at a JSON pointer, above it or below it, by their index in the guardrails.
    pub fn of(&self, object: &Object, pointer: &str) -> Vec<usize> {
        let patches = self.patches.iter().enumerate();
        let own = patches.filter(|(_, patch)| fits(&patch.target, object) && changes(patch, pointer));
        own.map(|(index, _)| index).collect()
    }
}

fn changes(patch: &Ready, pointer: &str) -> bool {
    patch.merge.as_ref().is_some_and(|merge| put(merge, pointer).is_some())
        || patch.json.iter().any(|operation| operates(operation, pointer))
}

/// Whether it may change how many Pods a Deployment or a `StatefulSet` has, or what these ask for.
fn resizes(patch: &Ready) -> bool {
    (fits_kind(&patch.target, "Deployment") || fits_kind(&patch.target, "StatefulSet"))
        && (changes_replicas(patch) || changes_containers(patch, None))
}

fn changes_replicas(patch: &Ready) -> bool {
    changes(patch, "/spec/replicas")
}

/// Of a container, only what it asks for, of one resource or of any.
fn changes_containers(patch: &Ready, resource: Option<&str>) -> bool {
    const CONTAINERS: &str = "/spec/template/spec/containers";
    let is_other = |path: &str| {
        let mut below = pointer_segments(path.strip_prefix(CONTAINERS).unwrap_or_default()).skip(1);
        let is_other_field = below.next().is_some_and(|field| field != "resources");
        is_other_field || below.nth(1).is_some_and(|name| resource.is_some_and(|resource| name != resource))
    };
    patch.merge.as_ref().is_some_and(|merge| put(merge, CONTAINERS).is_some())
        || patch.json.iter().any(|operation| operates(operation, CONTAINERS) && !is_other(operation.path().as_str()))
}

/// Where a patch says what is at a place of an object, or that nothing is: a pointer into the patch.
fn sets(patch: &Ready, pointer: &str, object: &Object) -> Option<String> {
    let by_path = |operation: &PatchOperation| match operation {
        PatchOperation::Test(_) => false,
        PatchOperation::Add(add) if add.path.as_str().ends_with("/-") => appends(add, pointer, object),
        other => is_below(pointer, other.path().as_str()),
    };
    let operation = patch.json.iter().rposition(by_path).map(|number| format!("/json/{number}"));
    // Operations come after what is merged.
    let merged = || patch.merge.as_ref().and_then(|merge| put(merge, pointer));
    operation.or_else(|| merged().filter(|value| value.as_map().is_none()).map(|_| format!("/merge{pointer}")))
}

/// Whether the item of a list at a place, or above it, is what an operation adds at the list's end.
fn appends(add: &AddOperation, pointer: &str, object: &Object) -> bool {
    let list = add.path.as_str().trim_end_matches('-');
    let index = pointer.strip_prefix(list).and_then(|rest| rest.split('/').next());
    let item = index.and_then(|index| object.value.pointer(&format!("{list}{index}")));
    item.is_some_and(|item| *item == Value::from(add.value.clone()))
}

/// What a merge patch puts at a place or above it; nothing if it is silent there.
fn put<'p>(patch: &'p Value, pointer: &str) -> Option<&'p Value> {
    let mut place = patch;
    for segment in pointer_segments(pointer) {
        let Value::Map(map) = place else { break };
        place = map.get(&segment)?;
    }
    Some(place)
}

/// The first place on a way that is not there.
fn missing(value: &Value, pointer: &str) -> Option<String> {
    let mut way = String::new();
    let mut segments = pointer_segments(pointer);
    segments.find_map(|segment| {
        push_segment(&mut way, &segment);
        value.pointer(&way).is_none().then(|| way.clone())
    })
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
    wanted.is_none_or(|wanted| wanted == found || wanted.contains('*') && pattern::fits(wanted, found))
}

/// What a manifest may leave out, and what patches add to.
const OPTIONAL: [&str; 16] = [
    "affinity",
    "annotations",
    "args",
    "command",
    "env",
    "envFrom",
    "imagePullSecrets",
    "initContainers",
    "labels",
    "nodeSelector",
    "ports",
    "resources",
    "securityContext",
    "tolerations",
    "volumeMounts",
    "volumes",
];

/// An operation that does not fit an object. A manifest's author can add what may be left out; all else is the platform's to mend, but it
/// is told at the manifest: whoever writes that does not keep the quarantine away with it.
fn unfit(index: usize, object: &Object, error: &PatchError, operations: &[PatchOperation]) -> Finding {
    let from = match operations.get(error.operation) {
        Some(PatchOperation::Copy(operation)) => Some(&operation.from),
        Some(PatchOperation::Move(operation)) => Some(&operation.from),
        _ => None,
    };
    let place = from.filter(|from| object.value.pointer(from.as_str()).is_none()).unwrap_or(&error.path);
    let lacks = missing(&object.value, place.as_str());
    let (operation, id) = (format!("/json/{}", error.operation), object.id());
    let id = visible(&id);
    if !object.is_manifest() {
        let why = match lacks {
            Some(place) => format!("it has no `{}`", visible(&place)),
            None => error.kind.to_string(),
        };
        return problem(index, &operation, format!("the operation does not fit {id}: {why}"));
    }
    let patch = format!("`/spec/patches/{index}{operation}` of the guardrails");
    let mut found = match &lacks {
        Some(place) => {
            finding(&PATCH, object, place, format!("{patch} needs `{}`, which {id} has not", visible(place)))
        }
        None => finding(&PATCH, object, error.path.as_str(), format!("{patch} does not fit {id}: {}", error.kind)),
    };
    let name = lacks.as_deref().and_then(|place| place.rsplit('/').next()).unwrap_or_default();
    if OPTIONAL.contains(&name) {
        return found.help("add it, if only empty: the platform changes what is there");
    }
    found.owner = Owner::Platform;
    found
}

fn problem(index: usize, below: &str, message: String) -> Finding {
    Finding::of_guardrails(&PATCH, format!("/spec/patches/{index}{below}"), message)
}

#[cfg(test)]
mod tests;
