//! The platform's patches fit what they change.

use crate::finding::{Rule, Severity};

/// About an entry of the guardrails' `patches`, alone or with an object of its target.
pub static PATCH: Rule = Rule {
    code: "patch",
    severity: Severity::Error,
    summary: "the platform's patches can be applied",
    explanation: "A patch has `merge` (RFC 7396), `json` (RFC 6902) or both. A JSON Patch that does not fit an object of its target \
                  changes nothing of it, and is reported. If it fits dayfly's own objects of that target, and not one of \
                  `manifests`, it is reported there: who wrote it adds what may be left out (`env`, `annotations`, …), all else is the \
                  platform's to mend. `dayfly check` also reports a `kind` that no object of any preview has, and \
                  a Pod's field that stands beside the Pod (`/spec/nodeSelector` of a Deployment).",
};
