//! How what runs is laid out, each as a text that is another one when a template or a patch is: Jobs, servers, what Pods read of a
//! ConfigMap, and the quarantine.

use std::collections::BTreeMap;

use crate::{
    input::{Guardrails, Policy, guardrails::Provider},
    objects::{
        self,
        patch::{Patches, fits_kind},
    },
    resolve::{Layouts, names},
    template::Template,
};

use super::all_templates;

/// Templates of Jobs that are no hooks: Argo CD removes a hook before it makes it anew.
const JOBS: [&str; 2] = ["database-jobs.yaml", "database-migrate.yaml"];

/// Of servers whose Pods start without the data that the ones before had.
const SERVERS: [&str; 1] = ["database-embedded.yaml"];

/// Of the quarantine, and its Job that fails.
const QUARANTINE: [&str; 1] = ["quarantine.yaml"];

/// Those of all but the quarantine; nothing for what a policy does not ask for. `own`: the platform's templates.
pub(super) fn layouts(guardrails: &Guardrails, policy: &Policy, own: &[Template], patches: &Patches) -> Layouts {
    let layout_if = |is_there: bool, names: &[&str], kind| {
        if is_there { layout(guardrails, own, names, kind) } else { String::new() }
    };
    let has_databases = !policy.spec.databases.is_empty();
    let has_servers = guardrails.spec.baselines.iter().any(|(_, baseline)| baseline.provider == Provider::Embedded);
    Layouts {
        jobs: layout_if(has_databases, &JOBS, "Job"),
        servers: layout_if(has_databases && has_servers, &SERVERS, "StatefulSet"),
        config: patches.of_config(objects::CONFIG_MAP),
        files: of_files(policy, patches),
    }
}

/// By the name of each ConfigMap with a service's files, what patches change of it.
fn of_files(policy: &Policy, patches: &Patches) -> BTreeMap<String, String> {
    let with_files = policy.spec.services.iter().filter(|service| !service.files.is_empty());
    let changed = with_files.map(|service| names::files(&service.name)).map(|name| {
        let layout = patches.of_config(&name);
        (name, layout)
    });
    changed.filter(|(_, layout)| !layout.is_empty()).collect()
}

/// That of the quarantine's Job.
pub(super) fn of_quarantine(guardrails: &Guardrails, own: &[Template]) -> String {
    layout(guardrails, own, &QUARANTINE, "Job")
}

/// Stands for what makes objects of a kind of what was decided. Kubernetes changes no Job's Pods, so that one that is laid out otherwise,
/// by a new dayfly or a patch, has to be another.
fn layout(guardrails: &Guardrails, own: &[Template], names: &[&str], kind: &str) -> String {
    let templates = all_templates(own).filter(|template| names.contains(&template.name));
    let patches = guardrails.spec.patches.iter().filter(|patch| fits_kind(&patch.target, kind));
    let parts: Vec<String> = templates
        .map(|template| template.fingerprint.to_string())
        .chain(patches.map(|patch| format!("{patch:?}")))
        .collect();
    names::hash(&parts.iter().map(String::as_str).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::{JOBS, QUARANTINE, SERVERS};
    use crate::template;

    #[test]
    fn templates_that_the_program_names_are_there() {
        for (name, kind) in JOBS
            .map(|name| (name, "Job"))
            .into_iter()
            .chain(SERVERS.map(|name| (name, "StatefulSet")))
            .chain(QUARANTINE.map(|name| (name, "Job")))
        {
            let template = template::BUILT_IN.iter().find(|template| template.name == name);
            let kinds: Vec<_> = template.into_iter().flat_map(template::kinds).collect();
            assert!(kinds.contains(&Some(kind)), "{name} makes no {kind}: {kinds:?}");
        }
    }
}
