use serde_json::{Value as Json, json};

use super::{PATCH, Patches, Value, apply_merge, finding};
use crate::{
    finding::Owner,
    objects::{Object, Origin},
};

fn patches(list: &Json) -> Patches {
    let mut findings = Vec::new();
    let list: Vec<_> = serde_json::from_value(list.clone()).expect("patches");
    let patches = Patches::read(&list, &mut findings);
    assert!(findings.is_empty(), "{findings:?}");
    patches
}

fn object(value: Json) -> Object {
    Object { value: Value::from(value), origin: Origin::Template("test".into()) }
}

fn deployment() -> Object {
    let tolerations = json!([{"key": "a"}, {"key": "b"}]);
    let spec = json!({"replicas": 2, "template": {"spec": {"tolerations": tolerations}}});
    object(
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "a"}, "spec": spec}),
    )
}

#[test]
fn a_target_fits_by_kind_name_and_namespace() {
    for (target, expected) in [
        (json!({}), true),
        (json!({"kind": "Deployment", "name": "web", "namespace": "a"}), true),
        (json!({"name": "w*", "namespace": "*"}), true),
        (json!({"kind": "Service"}), false),
        (json!({"name": "we"}), false),
        (json!({"namespace": "b"}), false),
        (json!({"kind": "Deployment", "name": "web", "namespace": "*b"}), false),
    ] {
        let patches = patches(&json!([{"target": target, "merge": {"spec": {"replicas": 3}}}]));
        let mut objects = [deployment()];
        patches.apply(&mut objects, &mut Vec::new());
        let replicas = objects[0].value.pointer("/spec/replicas");
        assert_eq!(replicas, Some(&Value::Int(if expected { 3 } else { 2 })), "{target}");
    }
}

#[test]
fn the_patches_of_a_place_are_those_that_touch_it() {
    for (operation, expected) in [
        (json!({"op": "replace", "path": "/spec/template/spec", "value": {}}), true),
        (json!({"op": "add", "path": "/spec/template/spec/tolerations/-", "value": {}}), true),
        (json!({"op": "remove", "path": "/spec"}), true),
        (json!({"op": "replace", "path": "/spec/replicas", "value": 1}), false),
        (json!({"op": "move", "from": "/spec/template/spec/a", "path": "/metadata/a"}), true),
        (json!({"op": "move", "from": "/metadata/a", "path": "/spec/template/spec/a"}), true),
        (json!({"op": "move", "from": "/metadata/a", "path": "/metadata/b"}), false),
        (json!({"op": "copy", "from": "/spec/template/spec/a", "path": "/metadata/a"}), false),
        (json!({"op": "test", "path": "/spec/template/spec/a", "value": 1}), false),
    ] {
        let of_web = json!({"target": {"name": "web"}, "json": [operation]});
        let of_another = json!({"target": {"name": "worker"}, "json": [operation]});
        let found = patches(&json!([of_another, of_web])).of(&deployment(), "/spec/template/spec");
        assert_eq!(found, if expected { vec![1] } else { vec![] }, "{operation}");
    }
}

/// What it stands for is in the Pods: with another one, they start anew.
#[test]
fn pods_start_anew_for_patches_of_their_environment_alone() {
    let data = json!({"data": {"A": "b"}});
    for (target, merge, expected) in [
        (json!({"kind": "ConfigMap", "name": "preview"}), &data, true),
        (json!({"name": "pre*"}), &data, true),
        (json!({}), &data, true),
        (json!({"kind": "ConfigMap", "name": "preview"}), &json!({"metadata": {"labels": {"a": "b"}}}), false),
        (json!({"kind": "ConfigMap", "name": "other"}), &data, false),
        (json!({"kind": "Secret"}), &data, false),
    ] {
        let patches = patches(&json!([{"target": target, "merge": merge}]));
        assert_eq!(!patches.of_config(crate::objects::CONFIG_MAP).is_empty(), expected, "{target} {merge}");
    }
}

#[test]
fn a_patch_is_blamed_for_what_it_put_there_and_for_nothing_else() {
    let tolerations = "/spec/template/spec/tolerations";
    let append = json!({"json": [{"op": "add", "path": format!("{tolerations}/-"), "value": {"key": "b"}}]});
    let whole = json!({"op": "add", "path": "/spec", "value": {"replicas": 1}});
    let later = json!({"json": [whole, {"op": "replace", "path": "/spec/replicas", "value": 2}]});
    for (patch, pointer, expected) in [
        (&json!({"merge": {"spec": {"replicas": 2}}}), "/spec/replicas", Some("/merge/spec/replicas")),
        (&json!({"merge": {"spec": {"replicas": 2}}}), "/spec", None),
        (&json!({"json": [{"op": "test", "path": "/spec/replicas", "value": 2}]}), "/spec/replicas", None),
        (&append, &format!("{tolerations}/1"), Some("/json/0")),
        (&append, &format!("{tolerations}/1/key"), Some("/json/0")),
        (&append, &format!("{tolerations}/0"), None),
        (&append, "/spec/replicas", None),
        (&later, "/spec/replicas", Some("/json/1")),
        (&later, "/spec", Some("/json/0")),
    ] {
        let mut patch = patch.clone();
        patch["target"] = json!({"kind": "Deployment"});
        let mut object = deployment();
        object.origin = Origin::Manifest { file: "web.yaml".to_owned(), line: 1 };
        let mut found = [finding(&PATCH, &object, pointer, "wrong")];
        patches(&json!([patch])).blame(&[object], &mut found);
        assert_eq!(found[0].patch, expected.map(|below| format!("/spec/patches/0{below}")), "{patch} {pointer}");
        assert_eq!(found[0].owner == Owner::Platform, expected.is_some(), "{patch} {pointer}");
    }
}

#[test]
fn an_operation_that_does_not_fit_says_which_place_is_missing() {
    for (operation, place) in [
        (json!({"op": "replace", "path": "/spec/none/a", "value": 1}), "/spec/none"),
        (json!({"op": "move", "from": "/spec/none", "path": "/spec/a"}), "/spec/none"),
        (json!({"op": "copy", "from": "/spec/none/b", "path": "/spec/a"}), "/spec/none"),
        (json!({"op": "copy", "from": "/spec/replicas", "path": "/metadata/none/a"}), "/metadata/none"),
    ] {
        let mut findings = Vec::new();
        patches(&json!([{"target": {}, "json": [operation]}])).apply(&mut [deployment()], &mut findings);
        let expected = format!("the operation does not fit Deployment/web: it has no `{place}`");
        assert_eq!(findings[0].message, expected, "{operation}");
    }
}

#[test]
fn a_field_of_pods_is_one_where_pods_are() {
    for (path, expected) in [
        ("/spec/template/tolerations", true),
        ("/spec/tolerations/-", true),
        ("/spec/template/spec/tolerations", false),
        ("/metadata/annotations/tolerations", false),
    ] {
        let patches =
            patches(&json!([{"target": {"kind": "Deployment"}, "json": [{"op": "add", "path": path, "value": []}]}]));
        assert_eq!(patches.check(None).len(), usize::from(expected), "{path}");
    }
}

/// The table of RFC 7396, appendix A, and json-patch's own answer.
#[test]
fn merges_as_the_standard_says() {
    for (target, patch) in [
        (json!({"a": "b"}), json!({"a": "c"})),
        (json!({"a": "b"}), json!({"b": "c"})),
        (json!({"a": "b"}), json!({"a": null})),
        (json!({"a": "b", "b": "c"}), json!({"a": null})),
        (json!({"a": ["b"]}), json!({"a": "c"})),
        (json!({"a": "c"}), json!({"a": ["b"]})),
        (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}})),
        (json!({"a": [{"b": "c"}]}), json!({"a": [1]})),
        (json!(["a", "b"]), json!(["c", "d"])),
        (json!({"a": "b"}), json!(["c"])),
        (json!({"a": "foo"}), json!(null)),
        (json!({"e": null}), json!({"a": 1})),
        (json!([1, 2]), json!({"a": "b", "c": null})),
        (json!({}), json!({"a": {"bb": {"ccc": null}}})),
    ] {
        let mut expected = target.clone();
        json_patch::merge(&mut expected, &patch);
        let mut value = Value::from(target.clone());
        apply_merge(&mut value, &Value::from(patch.clone()));
        assert_eq!(Json::from(&value), expected, "{target} {patch}");
    }
}
