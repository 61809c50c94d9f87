//! The way from an object to its Pods, their containers, and the volumes that it claims.

use super::items;
use crate::{finding::visible, objects::Object, value::Value};

/// The lists of a Pod's spec that hold containers, in the order in which Kubernetes looks at them.
const LISTS: [&str; 3] = ["initContainers", "containers", "ephemeralContainers"];

/// A container and where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Container<'a> {
    /// Its Pod's spec.
    pod: &'static str,
    list: &'static str,
    index: usize,
    pub(crate) value: &'a Value,
}

impl Container<'_> {
    /// The pointer of what is below the container.
    pub(crate) fn pointer(&self, rest: &str) -> String {
        format!("{}/{}/{}{rest}", self.pod, self.list, self.index)
    }

    /// Its name, for messages.
    pub(crate) fn name(&self) -> std::borrow::Cow<'_, str> {
        visible(self.value.str_at(&["name"]).unwrap_or("?"))
    }
}

/// Every container of a Pod: init, ordinary and ephemeral ones. `pod`: the pointer of its spec.
pub(crate) fn containers<'a>(pod: &'static str, spec: &'a Value) -> impl Iterator<Item = Container<'a>> {
    LISTS
        .into_iter()
        .flat_map(move |list| items(spec, list).map(move |(index, value)| Container { pod, list, index, value }))
}

/// The spec of an object's Pods and its pointer.
pub(crate) fn pod_spec(object: &Object) -> Option<(&'static str, &Value)> {
    let pointer = object.pod_spec_pointer()?;
    Some((pointer, object.value.pointer(pointer)?))
}

/// Every container of an object's Pods.
pub(crate) fn containers_of(object: &Object) -> impl Iterator<Item = Container<'_>> {
    pod_spec(object).into_iter().flat_map(|(pod, spec)| containers(pod, spec))
}

/// The spec of every claim of a volume that comes of an object, and its pointer.
pub(crate) fn claims(object: &Object) -> Vec<(String, &Value)> {
    let own = Some((String::new(), &object.value)).filter(|_| object.kind() == "PersistentVolumeClaim");
    let all = own.into_iter().chain(claim_templates(object));
    all.filter_map(|(pointer, claim)| Some((format!("{pointer}/spec"), claim.get("spec")?))).collect()
}

/// What an object makes claims of, its `StatefulSet`'s and then its Pods', and the pointer of each.
pub(crate) fn claim_templates(object: &Object) -> impl Iterator<Item = (String, &Value)> {
    let templates = object.value.items_at(&["spec", "volumeClaimTemplates"]).iter().enumerate();
    let of_set = templates.map(|(index, template)| (format!("/spec/volumeClaimTemplates/{index}"), template));
    let of_pods = pod_spec(object).into_iter().flat_map(|(base, pod)| {
        items(pod, "volumes").filter_map(move |(index, volume)| {
            let template = volume.at(&["ephemeral", "volumeClaimTemplate"])?;
            Some((format!("{base}/volumes/{index}/ephemeral/volumeClaimTemplate"), template))
        })
    });
    of_set.chain(of_pods)
}
