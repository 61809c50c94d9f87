//! Images: where an object's Pods state them.

use super::{containers, items, pod_spec};
use crate::{objects::Object, value::Value};

/// Calls back with every image that an object's Pods state, and with `None` for a container that states none.
pub(crate) fn for_each_image<'a>(object: &'a Object, mut each: impl FnMut(&dyn Fn() -> String, Option<&'a Value>)) {
    let Some((base, pod)) = pod_spec(object) else { return };
    for container in containers(base, pod) {
        each(&|| container.pointer("/image"), container.value.get("image"));
    }
    for (index, volume) in items(pod, "volumes") {
        if let Some(image) = volume.at(&["image", "reference"]) {
            each(&|| format!("{base}/volumes/{index}/image/reference"), Some(image));
        }
    }
}
