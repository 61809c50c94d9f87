//! The team's manifests are files beside the policy.

use crate::finding::{Rule, Severity};

/// About an entry of `manifests` and the files that it names.
pub static MANIFEST_FILE: Rule = Rule {
    code: "manifest-file",
    severity: Severity::Error,
    summary: "`manifests` names files below the policy's folder",
    explanation: "`deploy/*.yaml` matches names in one folder; `*` stands for any part of a file's name, and never for the \
                  policy's own. A file that two patterns match is read once. Links that lead out of the folder are refused, and a \
                  pattern that matches nothing is a mistake. A file has at most 1 MiB and 200 documents, all files together have 8 MiB, 2000 documents and \
                  1500000 keys, values and lists; what YAML's aliases repeat counts again.",
};
