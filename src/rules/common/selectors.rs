//! Which Pods selectors take: by the labels that these have in the cluster.

use std::collections::HashMap;

use crate::{
    objects::{Object, stamp},
    value::{Map, Value},
};

/// The labels of Pods.
pub(crate) type PodLabels<'o> = HashMap<&'o str, &'o str>;

/// How many conditions a selector has, the values of each counted: each is compared with every workload.
pub(crate) fn conditions(selector: &Value) -> usize {
    let expressions = selector.items_at(&["matchExpressions"]).iter();
    let expressions: usize = expressions.map(|expression| 1 + expression.items_at(&["values"]).len()).sum();
    selector.entries_at(&["matchLabels"]).count() + expressions
}

/// The labels that an object's Pods have in the cluster, if it makes any.
pub(crate) fn pod_labels<'o>(object: &'o Object, set: Option<&'o Map>) -> Option<PodLabels<'o>> {
    let marks = stamp::marks_pods(object);
    let set = set.into_iter().flat_map(Map::iter).filter(|(key, _)| marks(key));
    let set = set.filter_map(|(key, value)| Some((key, value.as_str()?)));
    Some(own_labels(object)?.chain(set).collect())
}

/// Those that it states, as far as they are text.
pub(crate) fn own_labels(object: &Object) -> Option<impl Iterator<Item = (&str, &str)>> {
    Some(stated_labels(object)?.filter_map(|(key, value)| Some((key, value.as_str()?))))
}

/// Whatever it states as them.
pub(crate) fn stated_labels(object: &Object) -> Option<impl Iterator<Item = (&str, &Value)>> {
    Some(object.value.pointer(object.pods_pointer()?)?.entries_at(&["metadata", "labels"]))
}

/// Whether a selector takes Pods of some labels; an empty one takes all.
/// Source: `LabelSelectorAsSelector` in `k8s.io/apimachinery/pkg/apis/meta/v1/helpers.go`.
pub(crate) fn selector_takes(selector: &Value, labels: &PodLabels<'_>) -> bool {
    selector
        .entries_at(&["matchLabels"])
        .all(|(key, value)| value.as_str().is_some_and(|value| labels.get(key) == Some(&value)))
        && selector.items_at(&["matchExpressions"]).iter().all(|expression| expression_fits(expression, labels))
}

/// Whether Pods of some labels fulfil one of a selector's `matchExpressions`.
pub(crate) fn expression_fits(expression: &Value, labels: &PodLabels<'_>) -> bool {
    let own = labels.get(expression.str_at(&["key"]).unwrap_or_default());
    let is_listed =
        || own.is_some_and(|own| expression.items_at(&["values"]).iter().any(|value| value.as_str() == Some(*own)));
    match expression.str_at(&["operator"]) {
        Some("In") => is_listed(),
        Some("NotIn") => !is_listed(),
        Some("Exists") => own.is_some(),
        Some("DoesNotExist") => own.is_none(),
        _ => false,
    }
}
