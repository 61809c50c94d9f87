//! What a service asks for comes out of the platform's own templates.

use std::collections::BTreeMap;

use super::{
    common::{containers, pod_spec},
    template::TEMPLATE,
};
use crate::{
    finding::{Finding, Location, Owner, Rule, Severity, Subject, visible},
    objects::Object,
    resolve::environment::ServiceFacts,
    template::Template,
    value::Value,
};

/// About a template that was written before a field of the Environment.
pub static TEMPLATE_INCOMPLETE: Rule = Rule {
    code: "template-incomplete",
    severity: Severity::Warning,
    summary: "the platform's own templates lay out a service's files and its group",
    explanation: "A template of the platform's takes the place of the built-in one of its name, and knows nothing of what that learned since. Where \
                  there are such templates, something that is laid out names the ConfigMap of each service's `files`, \
                  `service.filesConfigMap`; otherwise the files are nowhere in its container. The built-in `deployment.yaml` mounts each of \
                  `service.fileMounts`. And what makes the Pods of a service whose `runAsGroup` is another than its user has that, \
                  `service.runAsGroup`, in the `securityContext` of its Pods or of a container.",
};

/// `own`: the platform's templates. Without any, nothing is looked at.
pub(crate) fn check(own: &[Template], services: &[ServiceFacts], objects: &[Object], findings: &mut Vec<Finding>) {
    let of_pods = own.iter().find(|template| template.name == "deployment.yaml");
    let Some(template) = of_pods.or(own.first()) else { return };
    // What a template that cannot be laid out would have had, nobody knows.
    if findings.iter().any(|finding| finding.rule == &TEMPLATE) {
        return;
    }
    let laid_out = || objects.iter().filter(|object| !object.is_manifest());
    let mut found = |message: String, help: &str| {
        let place = Subject::Place(Location::of_file(template.file));
        findings.push(Finding::new(&TEMPLATE_INCOMPLETE, Owner::Platform, place, message).help(help));
    };
    for (config_map, service) in unmounted(services, laid_out()) {
        let message = format!(
            "nothing that templates lay out names the ConfigMap `{config_map}`: the files of `{}` are not in its container",
            visible(service)
        );
        found(message, "mount `service.fileMounts` as the built-in `deployment.yaml` does");
    }
    let groups: BTreeMap<&str, u32> = services
        .iter()
        .filter(|service| service.run_as_group != service.run_as_user)
        .map(|service| (&*service.name, service.run_as_group))
        .collect();
    for object in laid_out() {
        if let Some(group) = groups.get(object.name())
            && is_without(object, *group)
        {
            let id = object.id();
            let message =
                format!("the Pods of `{}` run in another group than {group}, their `runAsGroup`", visible(&id));
            found(message, "write `service.runAsGroup` as the built-in `deployment.yaml` does");
        }
    }
}

/// `ConfigMaps` that nothing names, and the services whose files they have.
fn unmounted<'a>(
    services: &'a [ServiceFacts],
    laid_out: impl Iterator<Item = &'a Object>,
) -> BTreeMap<&'a str, &'a str> {
    let mut unnamed: BTreeMap<&str, &str> =
        services.iter().filter_map(|service| Some((service.files_config_map.as_deref()?, &*service.name))).collect();
    for object in laid_out.filter(|object| object.kind() != "ConfigMap") {
        if unnamed.is_empty() {
            break;
        }
        forget(&object.value, &mut unnamed);
    }
    unnamed
}

/// Whether what makes Pods does not say that these, or one of their containers, run in a group.
fn is_without(object: &Object, group: u32) -> bool {
    let says = |value: &Value| value.at(&["securityContext", "runAsGroup"]) == Some(&Value::Int(group.into()));
    pod_spec(object)
        .is_some_and(|(base, pod)| !says(pod) && !containers(base, pod).any(|container| says(container.value)))
}

/// Leaves those that a tree does not name.
fn forget(value: &Value, unnamed: &mut BTreeMap<&str, &str>) {
    match value {
        Value::String(text) => {
            unnamed.remove(text.as_str());
        }
        Value::List(items) => items.iter().for_each(|item| forget(item, unnamed)),
        Value::Map(map) => map.iter().for_each(|(_, value)| forget(value, unnamed)),
        _ => {}
    }
}
