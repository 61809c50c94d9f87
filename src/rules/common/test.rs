//! Objects for the rules' table tests.

use serde_json::Value as Json;

use crate::{
    finding::Finding,
    input::scalar::{DnsName, ImagePrefix, Scalar},
    objects::{Object, Origin},
    rules::Bounds,
    value::to_value,
};

pub(crate) const SHA: &str = "3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938";

pub(crate) fn manifest(json: &Json) -> Object {
    Object { value: to_value(json), origin: Origin::Manifest { file: "deploy/web.yaml".into(), line: 7 } }
}

pub(crate) fn template(json: &Json) -> Object {
    Object { value: to_value(json), origin: Origin::Template("workload.yaml".into()) }
}

/// Runs a check as for namespace `shop-pr-7`.
pub(crate) fn with_bounds<T>(check: impl FnOnce(&Bounds<'_>) -> T) -> T {
    let storage_classes = [DnsName::parse("fast").expect("a name")];
    let registries = [ImagePrefix::parse("ghcr.io/acme/").expect("a prefix")];
    check(&Bounds {
        namespace: "shop-pr-7",
        hosts: &["shop-pr-7.preview.acme.dev", "web-shop-pr-7.preview.acme.dev"],
        domain: "preview.acme.dev",
        registries: &registries,
        storage_classes: &storage_classes,
        head_sha: SHA,
        secrets: &["stripe", "main"],
        services: &["db".to_owned()],
        claims: &["cache".to_owned()],
        ..Bounds::default()
    })
}

/// What a check finds in an object.
pub(crate) fn found(check: fn(&Object, &Bounds<'_>, &mut Vec<Finding>), object: &Object) -> Vec<Finding> {
    let mut findings = Vec::new();
    with_bounds(|bounds| check(object, bounds, &mut findings));
    findings
}

/// What a check of all objects finds in some.
pub(crate) fn found_in(check: fn(&[Object], &Bounds<'_>, &mut Vec<Finding>), objects: &[Object]) -> Vec<Finding> {
    let mut findings = Vec::new();
    with_bounds(|bounds| check(objects, bounds, &mut findings));
    findings
}

/// What [`places`] comes to that begins alike.
pub(crate) fn below(beginning: &str, ends: &[&str]) -> Vec<String> {
    ends.iter().map(|end| format!("{beginning}{end}").trim_end().to_owned()).collect()
}

/// Code and pointer of every finding.
pub(crate) fn places(findings: &[Finding]) -> Vec<String> {
    findings
        .iter()
        .map(|f| format!("{} {}", f.rule.code, f.location().pointer.unwrap_or_default()).trim_end().to_owned())
        .collect()
}
