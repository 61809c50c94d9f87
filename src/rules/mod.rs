//! What dayfly refuses, or does differently from what was asked: one file a rule.
//!
//! A rule's file holds its [`Rule`] (code, severity, one line, why) and the function that checks it. `resolve` calls
//! the rules about what is asked for, [`check_manifests`] and [`check_objects`] those about what comes out.

pub mod access;
pub mod application;
pub mod argocd_source;
pub mod attestation;
pub mod baseline;
pub mod capacity;
pub(crate) mod common;
pub mod container_resources;
pub mod duplicate_object;
pub mod egress;
pub mod forbidden_output;
pub mod host;
pub mod image_registry;
pub mod image_tag;
pub mod ingress;
pub mod input;
pub mod label;
pub mod limit_range;
pub mod manifest_annotation;
pub mod manifest_file;
pub mod manifest_kind;
pub mod manifest_namespace;
pub mod manifest_secret;
pub mod manifest_service;
pub mod manifest_text;
pub mod namespace;
pub mod not_an_expression;
mod offers;
pub mod open_network_policy;
pub mod patch;
pub mod patch_over_quota;
pub mod pod_placement;
pub mod pod_security;
pub mod pod_spec;
pub mod policy_name;
pub mod profile;
pub mod program_name;
pub mod provided;
pub mod reference;
pub mod resource_quota;
pub mod route_path;
pub mod route_port;
pub mod secret_prefix;
pub mod secret_store;
pub mod selector_mismatch;
pub mod service_file;
pub mod shared_database;
pub mod template;
pub mod template_file;
pub mod template_incomplete;
pub mod trust;
pub mod ttl;
pub mod writable;

use std::collections::HashSet;

use crate::{
    finding::{Finding, Location, Owner, Rule, nearest},
    input::{
        guardrails::Profile,
        policy::Route,
        scalar::{DnsName, ImagePrefix},
    },
    objects::{Object, patch::Patches},
    resolve::environment::DatabaseFacts,
    value::Map,
};

pub(crate) use offers::{check_baselines, check_offers};

/// What the rules about objects know of the environment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Bounds<'a> {
    /// The preview's namespace.
    pub namespace: &'a str,
    /// Hosts of this preview: what its routes answer to.
    pub hosts: &'a [&'a str],
    /// The policy's, if the preview has any.
    pub routes: &'a [Route],
    /// Whether a child Application brings objects that nobody knows.
    pub has_application: bool,
    /// Previews' hosts are one label below it.
    pub domain: &'a str,
    /// Where images may come from.
    pub registries: &'a [ImagePrefix],
    /// Those that claims may name.
    pub storage_classes: &'a [DnsName],
    /// The head's SHA in full.
    pub head_sha: &'a str,
    /// Secrets that Pods may read.
    pub secrets: &'a [&'a str],
    /// What was granted of the policy's `databases`.
    pub databases: &'a [DatabaseFacts],
    /// The guardrails' profile and its name.
    pub profile: Option<(&'a str, &'a Profile)>,
    /// While manifests are checked: Services of the preview, whoever makes them.
    pub services: &'a [String],
    /// While manifests are checked: the `PersistentVolumeClaim`s among them.
    pub claims: &'a [String],
    /// What every object and every Pod is marked with once the rules have seen it.
    pub labels: Option<&'a Map>,
    /// The platform's patches, if any may change how many Pods there are, or what these ask for.
    pub resizing: Option<&'a Patches>,
}

/// All rules, in alphabetical order of their codes: what the documentation lists.
pub static ALL: &[&Rule] = &[
    &access::ACCESS_NOT_ENFORCEABLE,
    &application::APPLICATION_SOURCE,
    &argocd_source::ARGOCD_SOURCE,
    &attestation::ATTESTATION_TOO_OLD,
    &attestation::ATTESTATION_UNCHECKED,
    &input::BAD_EXPRESSION,
    &baseline::BASELINE_INCOMPLETE,
    &attestation::BASELINE_NOT_ATTESTED,
    &baseline::BASELINE_NOT_SANITIZED,
    &container_resources::CONTAINER_RESOURCES,
    &input::DUPLICATE_KEY,
    &reference::DUPLICATE_NAME,
    &duplicate_object::DUPLICATE_OBJECT,
    &egress::EGRESS_CLOSED,
    &egress::EGRESS_INCOMPLETE,
    &forbidden_output::FORBIDDEN_OUTPUT,
    &host::HOST_OF_ANOTHER_PREVIEW,
    &host::HOST_OUTSIDE_DOMAIN,
    &image_tag::IMAGE_MUTABLE_TAG,
    &image_registry::IMAGE_OUTSIDE_REGISTRIES,
    &ingress::INGRESS_INCOMPLETE,
    &input::INPUT_LIMIT,
    &input::INVALID_PARAMETER,
    &input::INVALID_VALUE,
    &label::LABEL_NOT_OFFERED,
    &limit_range::LIMIT_RANGE,
    &manifest_annotation::MANIFEST_ANNOTATION,
    &manifest_file::MANIFEST_FILE,
    &manifest_kind::MANIFEST_KIND,
    &manifest_namespace::MANIFEST_NAMESPACE,
    &manifest_secret::MANIFEST_SECRET,
    &manifest_service::MANIFEST_SERVICE,
    &input::MISSING_FIELD,
    &namespace::NAMESPACE_INVALID,
    &namespace::NAMESPACE_NOT_UNIQUE,
    &not_an_expression::NOT_AN_EXPRESSION,
    &provided::NOT_PROVIDED,
    &input::NOT_YAML,
    &open_network_policy::OPEN_NETWORK_POLICY,
    &capacity::OVER_QUOTA,
    &patch::PATCH,
    &patch_over_quota::PATCH_OVER_QUOTA,
    &pod_placement::POD_PLACEMENT,
    &pod_security::POD_SECURITY,
    &pod_spec::POD_SPEC,
    &policy_name::POLICY_NAME_RESERVED,
    &program_name::PROGRAM_NAME,
    &resource_quota::RESOURCE_QUOTA,
    &route_path::ROUTE_PATH,
    &route_port::ROUTE_PORT,
    &secret_prefix::SECRET_OUTSIDE_PREFIX,
    &secret_store::SECRET_STORE_UNCLEAR,
    &selector_mismatch::SELECTOR_MISMATCH,
    &service_file::SERVICE_FILE,
    &shared_database::SHARED_DATABASE,
    &template::TEMPLATE,
    &template_file::TEMPLATE_FILE,
    &template_incomplete::TEMPLATE_INCOMPLETE,
    &ttl::TTL_BOUNDS,
    &ttl::TTL_CLAMPED,
    &profile::UNBOUNDED_PROFILE,
    &capacity::UNBOUNDED_REQUEST,
    &baseline::UNKNOWN_BASELINE,
    &input::UNKNOWN_FIELD,
    &label::UNKNOWN_LABEL,
    &profile::UNKNOWN_PROFILE,
    &reference::UNKNOWN_REFERENCE,
    &trust::UNTRUSTED,
    &trust::WITHHELD,
    &writable::WRITABLE,
    &input::WRONG_TYPE,
];

type Check = fn(&Object, &Bounds<'_>, &mut Vec<Finding>);

/// What is asked of each manifest.
const MANIFEST_CHECKS: [Check; 12] = [
    shared_database::check,
    manifest_kind::check,
    manifest_text::check,
    not_an_expression::check,
    manifest_namespace::check,
    manifest_annotation::check,
    manifest_secret::check,
    manifest_service::check,
    route_port::check,
    image_registry::check,
    image_tag::check,
    pod_placement::check,
];

/// What is asked of each object.
const OBJECT_CHECKS: [Check; 5] =
    [forbidden_output::check, pod_security::check, pod_spec::check, host::check, open_network_policy::check];

/// Mistakes in objects that are told: two hundred files have room for millions, and each is looked for in its file.
pub(crate) const MOST: usize = 1000;

/// Of more mistakes nobody is told which names are near.
const MOST_HINTS: usize = 100;

/// Whether anybody reads what helps with the next mistake. `told`: how many there are already.
pub(crate) fn is_read(told: usize) -> bool {
    told < MOST_HINTS
}

/// As [`nearest`] says; not for one of so many mistakes that nobody reads them all. `told`: how many there are already.
pub(crate) fn hint<'n>(told: usize, name: &str, candidates: impl Iterator<Item = &'n str>) -> String {
    if is_read(told) { nearest(name, candidates) } else { String::new() }
}

/// The firewall: the team's own manifests, as they were written but for their images' expressions, whose `mistakes` are known already.
pub(crate) fn check_manifests(
    objects: &[Object],
    mistakes: Vec<Finding>,
    bounds: &Bounds<'_>,
    owner: Owner,
    findings: &mut Vec<Finding>,
) {
    let first = findings.len();
    route_port::check_services(objects, bounds, findings);
    if !mistakes.is_empty() || objects.iter().any(Object::is_manifest) {
        let mut found = Vec::new();
        each_manifest(objects, bounds, &mut found);
        leave_out(&mistakes, &mut found);
        findings.extend(mistakes.into_iter().chain(found));
    }
    blame(findings, first, owner);
}

/// What an expression would have come to is not told to be no image, or no name, too.
fn leave_out<'f>(mistakes: impl IntoIterator<Item = &'f Finding>, found: &mut Vec<Finding>) {
    // Whatever the object is called: its name may be an expression, too.
    let place = |finding: &Finding| Location { object: None, ..finding.location() };
    let known: HashSet<Location> = mistakes.into_iter().map(place).collect();
    if !known.is_empty() {
        found.retain(|finding| !known.contains(&place(finding)));
    }
}

/// Apart, since most policies have no manifests.
#[inline(never)]
fn each_manifest(objects: &[Object], bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let names = |kind: &str, of: fn(&Object) -> bool| -> Vec<String> {
        objects
            .iter()
            .filter(|object| object.kind() == kind && of(object))
            .map(|object| object.name().to_owned())
            .collect()
    };
    // Requests may go to any Service of the preview, but volumes are whoever's that claimed them.
    let (services, claims) = (names("Service", |_| true), names("PersistentVolumeClaim", Object::is_manifest));
    let bounds = &Bounds { services: &services, claims: &claims, ..*bounds };
    check_each(objects.iter().filter(|object| object.is_manifest()), &MANIFEST_CHECKS, bounds, findings);
    selector_mismatch::check(objects, bounds, findings);
    pod_placement::check_scalers(objects, bounds, findings);
    pod_placement::check_budgets(objects, bounds, findings);
}

/// Each object by each check, as long as anybody reads what they find.
fn check_each<'o>(
    objects: impl Iterator<Item = &'o Object>,
    checks: &[Check],
    bounds: &Bounds<'_>,
    findings: &mut Vec<Finding>,
) {
    let first = findings.len();
    for object in objects {
        if findings.len() - first > MOST {
            break;
        }
        for check in checks {
            check(object, bounds, findings);
        }
    }
}

/// What goes out, whoever wrote it.
pub(crate) fn check_objects(objects: &[Object], bounds: &Bounds<'_>, owner: Owner, findings: &mut Vec<Finding>) {
    let mut found = Vec::new();
    // Those of templates come first.
    check_each(objects.iter(), &OBJECT_CHECKS, bounds, &mut found);
    check_constraints(objects, bounds, &mut found);
    capacity::check_claims(objects, bounds, &mut found);
    duplicate_object::check(objects, bounds, &mut found);
    leave_out(findings.iter().filter(|finding| finding.rule == &input::BAD_EXPRESSION), &mut found);
    let first = findings.len();
    findings.append(&mut found);
    blame(findings, first, owner);
}

/// Limit ranges and quotas, and against them the containers, and what patches made of these.
fn check_constraints(objects: &[Object], bounds: &Bounds<'_>, findings: &mut Vec<Finding>) {
    let constraints = limit_range::check(objects, bounds, findings);
    container_resources::check(objects, &constraints, findings);
    if let Some(patches) = bounds.resizing {
        patch_over_quota::check(objects, &constraints, patches, findings);
    }
}

/// Leaves [`MOST`] of the findings from `first` on, and says where the next one is. Whether there were more.
pub(crate) fn cut(findings: &mut Vec<Finding>, first: usize) -> bool {
    let Some(next) = findings.get(first + MOST) else { return false };
    let message = format!("there are more mistakes in objects than these {MOST}: the next is here");
    let more = Finding::new(&input::INPUT_LIMIT, next.owner, next.subject.clone(), message);
    findings.truncate(first + MOST);
    findings.push(more);
    true
}

/// The team's manifests are the pull request's in layout `single`. Of too many mistakes, the first are told, and where the next is.
pub(crate) fn blame(findings: &mut Vec<Finding>, first: usize, owner: Owner) {
    cut(findings, first);
    for finding in findings[first..].iter_mut().filter(|finding| finding.owner == Owner::Team) {
        finding.owner = owner;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        ALL, MOST, check_manifests, check_objects,
        common::test::{manifest, template, with_bounds},
    };
    use crate::finding::Owner;

    #[test]
    fn the_firewall_is_for_manifests() {
        let pod = json!({"nodeName": "a", "containers": [{"image": "evil.io/a", "args": ["mysql://staging"]}]});
        let job = json!({"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": "a", "namespace": "b", "finalizers": ["c/d"]},
            "spec": {"template": {"spec": pod}}});
        let found = |objects: &[_]| {
            let mut findings = Vec::new();
            with_bounds(|bounds| check_manifests(objects, Vec::new(), bounds, Owner::Team, &mut findings));
            findings.len()
        };
        assert_eq!(found(&[manifest(&job), template(&job)]), 6);
        assert_eq!(found(&[template(&job)]), 0, "templates are the platform's");
    }

    #[test]
    fn of_too_many_mistakes_the_next_says_whose_it_is() {
        let job = json!({"kind": "Job", "apiVersion": "batch/v1", "metadata": {"name": "a"},
            "spec": {"template": {"spec": {"hostNetwork": true}}}});
        let mut findings = Vec::new();
        with_bounds(|bounds| check_objects(&vec![template(&job); MOST], bounds, Owner::Team, &mut findings));
        let last = findings.pop().expect("a finding");
        assert_eq!((findings.len(), last.rule.code, last.owner), (MOST, "input-limit", Owner::Platform));
        assert_eq!(last.location().object.as_deref(), Some("Job/a"));
    }

    #[test]
    fn codes_are_sorted_and_unique() {
        assert!(
            ALL.windows(2).all(|pair| pair[0].code < pair[1].code),
            "{:?}",
            ALL.iter().map(|rule| rule.code).collect::<Vec<_>>()
        );
    }

    /// A rule that is missing from the list would be missing from the documentation.
    #[test]
    fn every_rule_is_listed() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/rules");
        let mut declared = 0;
        let files = std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path());
        for file in files.filter(|file| file.is_file()) {
            let text = std::fs::read_to_string(file).unwrap();
            declared += text.lines().filter(|line| line.starts_with("pub static") && line.contains(": Rule =")).count();
        }
        assert_eq!(declared, ALL.len());
    }
}
