//! Text of a manifest is text: Kubernetes reads `yes` and `8080` without quotes as something else, and refuses that.

use super::{
    Bounds,
    common::{Place, finding, told, variable},
    input::WRONG_TYPE,
};
use crate::{
    finding::{Finding, visible},
    objects::Object,
    value::{Value, child},
};

pub(crate) fn check(object: &Object, _: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let mut text = |value: &Value, what: &dyn Fn() -> String, pointer: &dyn Fn() -> String| {
        if matches!(value, Value::Null | Value::String(_)) {
            return;
        }
        let message = format!("{} is {}, expected a string", what(), value.kind_name());
        let found = finding(&WRONG_TYPE, object, pointer(), message);
        findings.push(match value {
            Value::List(_) | Value::Map(_) => found,
            _ => found.help("put it in quotes"),
        });
    };
    let key_named = |key: &str| format!("`{}`", visible(key));
    if object.kind() == "Service" {
        for (key, value) in object.value.entries_at(&["spec", "selector"]) {
            text(value, &|| key_named(key), &|| child("/spec/selector", key));
        }
    }
    for told in told(object) {
        let what = || match told.place {
            Place::Data(key) => key_named(key),
            Place::Word(_, list, _) => format!("an item of `{list}`"),
            Place::Variable(_, _, item) => variable(item),
        };
        if let Place::Variable(container, index, item) = told.place {
            let pointer = || container.pointer(&format!("/env/{index}/name"));
            text(item.get("name").unwrap_or(&Value::Null), &|| "the name of a variable".to_owned(), &pointer);
        }
        text(told.value, &what, &|| told.pointer());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::rules::common::test::{found, manifest, places};

    #[test]
    fn what_kubernetes_would_refuse_is_told() {
        let pod = json!({"containers": [{
            "command": ["sleep", 10],
            "args": [true, "x"],
            "env": [{"name": "A", "value": "yes"}, {"name": "B", "value": true}, {"name": "C", "value": null}, {"name": false}],
        }]});
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": pod}}});
        let config =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a/b": 1.5, "c": "x", "d": [1], "e": null}});
        let service = json!({"apiVersion": "v1", "kind": "Service", "spec": {"selector": {"app": "x", "v": 1}}});
        let findings: Vec<_> =
            [&job, &config, &service].into_iter().flat_map(|object| found(super::check, &manifest(object))).collect();
        let container = "wrong-type /spec/template/spec/containers/0";
        let expected = [
            format!("{container}/command/1"),
            format!("{container}/args/0"),
            format!("{container}/env/1/value"),
            format!("{container}/env/3/name"),
            "wrong-type /data/a~1b".into(),
            "wrong-type /data/d".into(),
            "wrong-type /spec/selector/v".into(),
        ];
        assert_eq!(places(&findings), expected);
        assert_eq!(findings[2].message, "the variable `B` is a boolean, expected a string");
        assert_eq!(findings[5].help, None);
    }
}
