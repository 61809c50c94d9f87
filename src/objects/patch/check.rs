//! What is wrong with patches whatever is rendered.

use super::{Patches, is, problem};
use crate::{
    finding::{Finding, nearest, visible},
    objects::pod_spec,
    value::{Value, is_below, pointer_segments, push_segment},
};

impl Patches {
    /// A kind that no object has, if all `kinds` are known, and fields of Pods that stand beside the Pods: Kubernetes refuses those, or
    /// forgets them.
    pub fn check(&self, kinds: Option<&[&str]>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (index, patch) in self.patches.iter().enumerate() {
            let Some(kind) = patch.target.kind.as_deref() else { continue };
            if let Some(kinds) = kinds
                && !kinds.iter().any(|known| is(Some(kind), known))
            {
                let hint = match kind {
                    "Pod" => ": patch what makes them, `Deployment`, `StatefulSet`, `Job` and `CronJob`".to_owned(),
                    _ => nearest(kind, kinds.iter().copied()),
                };
                let message = format!("no object is of kind `{}`{hint}", visible(kind));
                findings.push(problem(index, "/target/kind", message));
                continue;
            }
            // Whatever its group: there is no object yet.
            let Some((_, pods)) = pod_spec(kind) else { continue };
            let mut found = |place: String, field: &str| {
                let message = format!("`{field}` is a Pod's: in a {kind}, that is below `{pods}`");
                findings.push(problem(index, &place, message));
            };
            if let Some((place, field)) = patch.merge.as_ref().and_then(|merge| misplaced(merge, pods)) {
                found(format!("/merge{place}"), field);
            }
            for (number, operation) in patch.json.iter().enumerate() {
                if let Some(field) = misplaced_path(operation.path().as_str(), pods) {
                    found(format!("/json/{number}/path"), field);
                }
            }
        }
        findings
    }
}

/// Fields of a Pod that what makes Pods does not have itself, though it is where people look for them.
const PODS_OWN: [&str; 16] = [
    "affinity",
    "automountServiceAccountToken",
    "containers",
    "dnsConfig",
    "hostAliases",
    "imagePullSecrets",
    "initContainers",
    "nodeSelector",
    "priorityClassName",
    "restartPolicy",
    "securityContext",
    "serviceAccountName",
    "terminationGracePeriodSeconds",
    "tolerations",
    "topologySpreadConstraints",
    "volumes",
];

/// The first place in a merge patch where a Pod's field stands above the Pod.
fn misplaced(merge: &Value, pods: &str) -> Option<(String, &'static str)> {
    let mut pointer = String::new();
    let mut place = merge;
    for segment in pointer_segments(pods) {
        place = place.get(&segment)?;
        push_segment(&mut pointer, &segment);
        if pointer == pods {
            return None;
        }
        if let Some(field) = PODS_OWN.iter().find(|field| place.get(field).is_some()) {
            return Some((format!("{pointer}/{field}"), field));
        }
    }
    None
}

/// The same of a path.
fn misplaced_path(path: &str, pods: &str) -> Option<&'static str> {
    let (above, field) =
        PODS_OWN.into_iter().find_map(|field| Some((path.split_once(&format!("/{field}"))?.0, field)))?;
    (above != pods && !above.is_empty() && is_below(pods, above)).then_some(field)
}
