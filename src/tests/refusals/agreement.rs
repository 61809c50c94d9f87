//! The typed reader says yes or no; the diagnosis says what is wrong. They must never disagree.

use serde_json::Value as Json;

use crate::{
    input::{Guardrails, Policy, Source, both_readings},
    tests::{scratch::of_case, support::pointers},
};

/// Of all variants, one in so many is tried; all of them take a minute.
const STEP: usize = 7;

/// What a value may become by mistake.
fn mistakes(value: &Json) -> Vec<Json> {
    let mut mistakes = vec![
        Json::Null,
        Json::Bool(true),
        Json::from(7),
        Json::from(-7),
        Json::from(1.5),
        Json::from(70_000),
        Json::from("text"),
        Json::from(""),
        Json::from("${{"),
        Json::from("${{ pr.number }}"),
        Json::from("7"),
        Json::from("Ä b/c#d"),
        serde_json::json!([]),
        serde_json::json!(["a", 1]),
        serde_json::json!([null]),
        serde_json::json!({}),
        serde_json::json!({"a": 1}),
        serde_json::json!({"name": "x"}),
        serde_json::json!([{"name": "x"}]),
        serde_json::json!([[]]),
    ];
    if let Some(text) = value.as_str() {
        mistakes.extend([Json::from(text.to_uppercase()), Json::from(format!(" {text}")), serde_json::json!([text])]);
    }
    mistakes
}

/// Every variant of a tree in which one node is something else, gone, or has a neighbour.
fn variants(tree: &Json) -> Vec<Json> {
    let mut variants = Vec::new();
    for pointer in pointers(tree) {
        let value = tree.pointer(&pointer).expect("a node");
        for mistake in mistakes(value) {
            let mut variant = tree.clone();
            *variant.pointer_mut(&pointer).expect("a node") = mistake;
            variants.push(variant);
        }
        if let Some(map) = value.as_object() {
            for key in map.keys() {
                let mut without = tree.clone();
                let map = without.pointer_mut(&pointer).and_then(Json::as_object_mut).expect("a map");
                let value = map.remove(key).expect("a value");
                variants.push(without.clone());
                let map = without.pointer_mut(&pointer).and_then(Json::as_object_mut).expect("a map");
                map.insert(format!("{key}x"), value.clone());
                variants.push(without.clone());
                let map = without.pointer_mut(&pointer).and_then(Json::as_object_mut).expect("a map");
                map.insert(key.clone(), value);
                variants.push(without);
            }
        }
    }
    variants
}

fn agree<T>(case: &str, file: &str, first: usize)
where
    T: for<'n> serde::Deserialize<'n> + schemars::JsonSchema,
{
    let tree: Json = serde_yaml::from_str(&of_case(case, file)).expect("YAML");
    let variants = variants(&tree);
    assert!(variants.len() > 100, "{case}/{file}");
    for variant in variants.into_iter().skip(first).step_by(STEP) {
        let source = Source { name: file.into(), text: variant.to_string() };
        let (read, diagnosis) = both_readings::<T>(&source);
        assert_eq!(read, diagnosis.is_empty(), "{diagnosis:#?}\n{}", source.text);
    }
}

#[test]
fn decode_and_diagnosis_agree() {
    let policies = [
        "service-options",
        "ingress-traefik",
        "database-neon",
        "application-helm",
        "secret-store-aws",
        "manifests",
        "service-files",
    ];
    for (index, case) in policies.into_iter().enumerate() {
        agree::<Policy>(case, "preview.yaml", index % STEP);
    }
    let guardrails = [
        "http-route-issuer",
        "egress-closed",
        "secret-store-aws",
        "secret-store-gcp",
        "secret-store-vault",
        "application-helm",
        "database-neon",
        "quarantine-job",
        "platform-templates",
    ];
    for (index, case) in guardrails.into_iter().enumerate() {
        agree::<Guardrails>(case, "guardrails.yaml", index % STEP);
    }
}
