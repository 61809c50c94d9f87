//! What rules about objects share: what of an object they look at, and how they tell what they find there.

mod amounts;
mod constraints;
mod images;
mod pods;
mod selectors;
#[cfg(test)]
pub(crate) mod test;
mod told;

use crate::{
    finding::{Finding, Location, Owner, Rule, Subject, printable, visible},
    objects::{Object, Origin},
    value::Value,
};

pub(crate) use amounts::{Amounts, amount, amounts, unmeant};
pub(crate) use constraints::{Constraints, Count, Item, Quota, RESOURCES, count, given};
pub(crate) use images::for_each_image;
pub(crate) use pods::{Container, claim_templates, claims, containers, containers_of, pod_spec};
pub(crate) use selectors::{
    PodLabels, conditions, expression_fits, own_labels, pod_labels, selector_takes, stated_labels,
};
pub(crate) use told::{Place, Told, told, told_by_config_map, variable};

/// Longest pointer in a finding: its keys may be a stranger's.
const LONGEST_POINTER: usize = 512;

/// A field that says something: to Kubernetes, `null` is as good as nothing.
pub(crate) fn stated<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    value.get(key).filter(|value| **value != Value::Null)
}

/// A finding about a place in an object: the platform's, if a template made the object, else the team's.
pub(crate) fn finding(
    rule: &'static Rule,
    object: &Object,
    pointer: impl AsRef<str>,
    message: impl Into<String>,
) -> Finding {
    let (owner, file, line) = match &object.origin {
        // What has no name is found by its template's.
        Origin::Template(file) if object.kind().is_empty() || object.name().is_empty() => {
            (Owner::Platform, Some(file.to_string()), None)
        }
        Origin::Template(_) => (Owner::Platform, None, None),
        Origin::Manifest { file, line } => (Owner::Team, Some(file.clone()), Some(*line)),
    };
    let place = Location {
        file,
        line,
        object: Some(visible(&object.id()).into_owned()),
        pointer: Some(printable(pointer.as_ref(), LONGEST_POINTER).into_owned()),
        ..Location::default()
    };
    Finding::new(rule, owner, Subject::Place(place), message)
}

/// The items of a list in a map, numbered; none, if it is no list.
pub(crate) fn items<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (usize, &'a Value)> {
    value.items_at(&[key]).iter().enumerate()
}

/// A value for a message: text and numbers as they are, of anything else only what it is.
pub(crate) fn shown(value: &Value) -> String {
    match value {
        Value::Bool(value) => format!("`{value}`"),
        Value::Int(value) => format!("`{value}`"),
        Value::Float(value) => format!("`{value}`"),
        Value::String(text) => format!("`{}`", visible(text)),
        Value::Null | Value::List(_) | Value::Map(_) => value.kind_name().to_owned(),
    }
}
