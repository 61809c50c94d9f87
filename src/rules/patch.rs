//! The platform's patches fit what they change.

use crate::finding::{Rule, Severity};

pub static PATCH: Rule = Rule {
    code: "patch",
    severity: Severity::Error,
    summary: "the platform's patches can be applied",
    explanation: "A patch has `merge` (RFC 7396), `json` (RFC 6902) or both. A JSON Patch that does not fit an object of its target \
                  changes nothing of it, and is reported. Where it is an object of `manifests` that lacks what the patch needs, it is reported \
                  there, and its author adds that. `dayfly check` also reports a `kind` that no object of any preview has, and \
                  a Pod's field that stands beside the Pod (`/spec/nodeSelector` of a Deployment).",
};
