//! Text of a manifest is text: Kubernetes reads `yes` and `8080` without quotes as something else, and refuses that.

use super::{
    Bounds,
    common::{containers, finding, items, pod_spec},
    input::WRONG_TYPE,
};
use crate::{
    finding::{Finding, visible},
    objects::Object,
    value::{Value, child},
};

pub(crate) fn check(object: &Object, _: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let mut text = |pointer: &dyn Fn() -> String, what: &dyn Fn() -> String, value: &Value| {
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
    let maps = [("ConfigMap", "/data"), ("Service", "/spec/selector")];
    for (_, base) in maps.iter().filter(|(kind, _)| *kind == object.kind()) {
        for (key, value) in object.value.pointer(base).into_iter().flat_map(Value::entries) {
            text(&|| child(base, key), &|| format!("`{}`", visible(key)), value);
        }
    }
    let Some((base, pod)) = pod_spec(object) else { return };
    for container in containers(pod) {
        for list in ["command", "args"] {
            for (index, value) in items(container.value, list) {
                let pointer = || container.pointer(base, &format!("/{list}/{index}"));
                text(&pointer, &|| format!("an item of `{list}`"), value);
            }
        }
        for (index, variable) in items(container.value, "env") {
            let at = |field: &str| container.pointer(base, &format!("/env/{index}/{field}"));
            let called = || format!("the variable `{}`", visible(variable.str_at(&["name"]).unwrap_or("?")));
            let stated = |field| variable.get(field).unwrap_or(&Value::Null);
            text(&|| at("name"), &|| "the name of a variable".to_owned(), stated("name"));
            text(&|| at("value"), &called, stated("value"));
        }
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
