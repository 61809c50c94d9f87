//! What a service asks for comes out of the platform's own templates.

use std::collections::BTreeMap;

use super::template::TEMPLATE;
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
    summary: "the platform's own templates lay out a service's files",
    explanation: "A template of the platform's takes the place of the built-in one of its name, and knows nothing of what that learned since. Where \
                  there are such templates, something that is laid out names the ConfigMap of each service's `files`, \
                  `service.filesConfigMap`; otherwise the files are nowhere in its container. The built-in `deployment.yaml` mounts each of \
                  `service.fileMounts`.",
};

/// `own`: the platform's templates. Without any, nothing is looked at.
pub(crate) fn check(own: &[Template], services: &[ServiceFacts], objects: &[Object], findings: &mut Vec<Finding>) {
    let Some(template) = own.iter().find(|template| template.name == "deployment").or(own.first()) else { return };
    // What a template that cannot be laid out would have had, nobody knows.
    if findings.iter().any(|finding| finding.rule.code == TEMPLATE.code) {
        return;
    }
    let mut unnamed: BTreeMap<&str, &str> =
        services.iter().filter_map(|service| Some((service.files_config_map.as_deref()?, &*service.name))).collect();
    for object in objects.iter().filter(|object| !object.is_manifest() && object.kind() != "ConfigMap") {
        if unnamed.is_empty() {
            return;
        }
        forget(&object.value, &mut unnamed);
    }
    for (config_map, service) in unnamed {
        let message = format!(
            "nothing that templates lay out names the ConfigMap `{config_map}`: the files of `{}` are not in its container",
            visible(service)
        );
        let place = Subject::Place(Location::of_file(template.file));
        let help = "mount `service.fileMounts` as the built-in `deployment.yaml` does";
        findings.push(Finding::new(&TEMPLATE_INCOMPLETE, Owner::Platform, place, message).help(help));
    }
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
