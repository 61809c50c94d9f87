//! The platform's changes to rendered objects: JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396).

use json_patch::PatchOperation;

use crate::{
    finding::{Finding, InputFile, Owner, Subject},
    input::guardrails::{Patch, Target},
    rules::patch::PATCH,
    value::{Value, json::keep_order},
};

use super::Object;

/// All patches, read once.
#[derive(Debug, Default)]
pub struct Patches {
    patches: Vec<Ready>,
    /// What is wrong with them as they were written.
    pub problems: Vec<Finding>,
}

#[derive(Debug)]
struct Ready {
    index: usize,
    target: Target,
    merge: Option<serde_json::Value>,
    json: Vec<PatchOperation>,
}

impl Patches {
    pub fn read(patches: &[Patch]) -> Self {
        let mut ready = Self::default();
        for (index, patch) in patches.iter().enumerate() {
            if patch.merge.is_none() && patch.json.is_empty() {
                ready.problems.push(problem(index, "", "the patch has neither `merge` nor `json`".to_owned()));
            }
            let mut json = Vec::with_capacity(patch.json.len());
            for (number, operation) in patch.json.iter().enumerate() {
                match serde_json::from_value(operation.clone()) {
                    Ok(operation) => json.push(operation),
                    Err(error) => ready.problems.push(problem(
                        index,
                        &format!("/json/{number}"),
                        format!("no JSON Patch operation: {error}"),
                    )),
                }
            }
            ready.patches.push(Ready { index, target: patch.target.clone(), merge: patch.merge.clone(), json });
        }
        ready
    }

    /// Patches every object that a target fits, in order.
    pub fn apply(&self, objects: &mut [Object], findings: &mut Vec<Finding>) {
        for patch in &self.patches {
            for object in objects.iter_mut().filter(|object| fits(&patch.target, object)) {
                let mut json = serde_json::Value::from(&object.value);
                if let Some(merge) = &patch.merge {
                    json_patch::merge(&mut json, merge);
                }
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

    /// The patches that change an object, by their index in the guardrails.
    pub fn of(&self, object: &Object) -> Vec<usize> {
        self.patches.iter().filter(|patch| fits(&patch.target, object)).map(|patch| patch.index).collect()
    }
}

fn fits(target: &Target, object: &Object) -> bool {
    let is =
        |wanted: &Option<String>, found: &str| wanted.as_deref().is_none_or(|wanted| wanted == found || wanted == "*");
    is(&target.kind, object.kind())
        && is(&target.name, object.name())
        && is(&target.namespace, object.namespace().unwrap_or_default())
}

fn problem(index: usize, below: &str, message: String) -> Finding {
    Finding::new(
        &PATCH,
        Owner::Platform,
        Subject::Input(InputFile::Guardrails, format!("/spec/patches/{index}{below}")),
        message,
    )
}
