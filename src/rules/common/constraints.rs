//! What the `LimitRange`s and `ResourceQuota`s of namespaces say of the Pods there.

use super::{Amounts, amount};
use crate::{input::scalar::Quantity, objects::Object};

/// What a container has of its own accord.
pub(crate) const RESOURCES: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Those of all namespaces, as far as they can be read.
#[derive(Default)]
pub(crate) struct Constraints<'a> {
    pub(crate) ranges: Vec<Item<'a>>,
    pub(crate) quotas: Vec<Quota<'a>>,
}

impl<'a> Constraints<'a> {
    /// What the `LimitRange`s of a namespace say.
    pub(crate) fn ranges_of(&self, namespace: Option<&str>) -> impl Iterator<Item = &Item<'a>> {
        self.ranges.iter().filter(move |item| item.object.namespace() == namespace)
    }

    /// The quotas of a namespace.
    pub(crate) fn quotas_of(&self, namespace: Option<&str>) -> impl Iterator<Item = &Quota<'a>> {
        self.quotas.iter().filter(move |quota| quota.object.namespace() == namespace)
    }
}

/// A `ResourceQuota`, and how much it has of what.
pub(crate) struct Quota<'a> {
    pub(crate) object: &'a Object,
    pub(crate) hard: Amounts<'a>,
}

/// What an entry of a quota counts of Pods.
#[derive(PartialEq, Eq)]
pub(crate) enum Count<'k> {
    /// How many there are.
    Pods,
    /// How much of a resource their containers request, or have as their limits.
    Amount { resource: &'k str, limits: bool },
}

/// Source: Kubernetes' documentation, "Resource Quotas": `cpu` is the same as `requests.cpu`, `count/pods` counts what `pods` does.
pub(crate) fn count(key: &str) -> Option<Count<'_>> {
    let (resource, limits) = match key.split_once('.') {
        _ if matches!(key, "pods" | "count/pods") => return Some(Count::Pods),
        _ if RESOURCES.contains(&key) => (key, false),
        Some(("requests", resource)) => (resource, false),
        Some(("limits", resource)) => (resource, true),
        _ => return None,
    };
    Some(Count::Amount { resource, limits })
}

/// One item of a `LimitRange`.
pub(crate) struct Item<'a> {
    pub(crate) object: &'a Object,
    pub(crate) index: usize,
    pub(crate) kind: &'a str,
    pub(crate) default: Amounts<'a>,
    pub(crate) request: Amounts<'a>,
    pub(crate) max: Amounts<'a>,
    pub(crate) min: Amounts<'a>,
}

impl<'a> Item<'a> {
    /// `default`, `defaultRequest`, `max` and `min`, in this order.
    pub(crate) fn fields(&self) -> [(&'static str, &Amounts<'a>); 4] {
        [("default", &self.default), ("defaultRequest", &self.request), ("max", &self.max), ("min", &self.min)]
    }

    /// See [`given`].
    pub(crate) fn given(&self, resource: &str, limits: bool) -> Option<(&'static str, &Quantity)> {
        let of = |field: &str| {
            let (_, amounts) = self.fields().into_iter().find(|(name, _)| *name == field)?;
            amount(amounts, resource)
        };
        given(limits, of).filter(|_| self.kind == "Container")
    }
}

/// What a container gets that states nothing, and which field of a `LimitRange`'s item brings it: `SetDefaults_LimitRangeItem`.
pub(crate) fn given<'q>(
    limits: bool,
    of: impl Fn(&str) -> Option<&'q Quantity>,
) -> Option<(&'static str, &'q Quantity)> {
    const FIELDS: [&str; 4] = ["defaultRequest", "default", "max", "min"];
    let fields = if limits { &FIELDS[1..3] } else { &FIELDS };
    fields.iter().find_map(|field| Some((*field, of(field)?)))
}
