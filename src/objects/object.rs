//! A rendered object and where it came from.

use crate::value::{Text, Value};

/// One Kubernetes object on its way out.
#[derive(Clone, Debug)]
pub struct Object {
    /// The whole object, from `apiVersion` on.
    pub value: Value,
    /// Who wrote it, and so who answers for it.
    pub origin: Origin,
}

/// Who wrote an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A template: of dayfly or of the platform.
    Template(Text),
    /// A document of the team's own manifests, by the line where it begins.
    Manifest {
        /// Its path: the policy's folder, and where it is below that.
        file: String,
        /// From one.
        line: u32,
    },
}

impl Object {
    /// Empty if it has none.
    pub fn kind(&self) -> &str {
        self.value.str_at(&["kind"]).unwrap_or_default()
    }

    /// The API group, empty for the core's.
    pub fn group(&self) -> &str {
        let version = self.value.str_at(&["apiVersion"]).unwrap_or_default();
        version.bytes().position(|byte| byte == b'/').map_or("", |slash| &version[..slash])
    }

    /// Empty if it has none.
    pub fn name(&self) -> &str {
        self.value.str_at(&["metadata", "name"]).unwrap_or_default()
    }

    /// None, if it says none or is of the whole cluster.
    pub fn namespace(&self) -> Option<&str> {
        self.value.str_at(&["metadata", "namespace"])
    }

    /// An annotation that is text.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.value.str_at(&["metadata", "annotations", key])
    }

    /// Whether it is one of the team's own manifests.
    pub fn is_manifest(&self) -> bool {
        matches!(self.origin, Origin::Manifest { .. })
    }

    /// `Kind/name`, as messages and `explain` say it.
    pub fn id(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// The pointer of its Pods' spec, if it makes Pods.
    pub fn pod_spec_pointer(&self) -> Option<&'static str> {
        let (group, pointer) = pod_spec(self.kind())?;
        (self.group() == group).then_some(pointer)
    }

    /// The pointer of what its Pods are made of, metadata and spec, if it makes any; empty of a Pod itself.
    pub fn pods_pointer(&self) -> Option<&'static str> {
        self.pod_spec_pointer()?.strip_suffix("/spec")
    }
}

/// The API group of a kind that makes Pods, and the JSON pointer of their spec in such an object.
pub fn pod_spec(kind: &str) -> Option<(&'static str, &'static str)> {
    match kind {
        "Pod" => Some(("", "/spec")),
        "Deployment" | "StatefulSet" | "DaemonSet" | "ReplicaSet" => Some(("apps", "/spec/template/spec")),
        "Job" => Some(("batch", "/spec/template/spec")),
        "CronJob" => Some(("batch", "/spec/jobTemplate/spec/template/spec")),
        _ => None,
    }
}
