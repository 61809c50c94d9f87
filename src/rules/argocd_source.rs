//! Nothing in the source tree rewrites the Application.

use crate::finding::{Finding, Location, Owner, Rule, Severity, Subject};

/// About a file that Argo CD would read beside the policy, found before anything is rendered.
pub static ARGOCD_SOURCE: Rule = Rule {
    code: "argocd-source-override",
    severity: Severity::Error,
    summary: "there is no `.argocd-source.yaml` beside the policy",
    explanation: "Argo CD merges `.argocd-source.yaml` and `.argocd-source-APPLICATION.yaml` over the Application's source before it \
                  calls the plugin: whoever writes one can change every parameter, or replace the plugin. dayfly refuses to render \
                  beside one. What it cannot do is notice one that replaces dayfly itself: that wall is the AppProject.",
};

pub(crate) fn found(file: &str, owner: Owner) -> Finding {
    let name = file.rsplit('/').next().unwrap_or(file);
    let message = format!("`{}` would let a source tree rewrite the Application", crate::finding::visible(name));
    Finding::new(&ARGOCD_SOURCE, owner, Subject::Place(Location::of_file(file)), message).help("remove the file")
}
