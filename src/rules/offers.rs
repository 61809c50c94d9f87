//! What the guardrails offer, judged whether or not a policy asks for it.

use super::{access, attestation, baseline, egress, ingress, limit_range, profile, secret_prefix, secret_store, ttl};
use crate::{finding::Finding, input::GuardrailsSpec};

/// What is wrong with them.
pub(crate) fn check_offers(spec: &GuardrailsSpec) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut found = |rule, pointer: String, message| findings.push(Finding::of_guardrails(rule, pointer, message));
    let mut bounded = Vec::new();
    for (name, profile) in spec.profiles.iter() {
        let open = profile::unbounded(name, profile);
        if open.is_empty() {
            bounded.push((name, profile));
        }
        for message in open {
            found(&profile::UNBOUNDED_PROFILE, format!("/spec/profiles/{name}"), message);
        }
    }
    if let Some(name) = spec.default_profile.as_ref().filter(|name| spec.profiles.get(name).is_none()) {
        let message = profile::unknown(name, &spec.profiles);
        found(&profile::UNKNOWN_PROFILE, "/spec/defaultProfile".into(), message);
    }
    for (index, ttl) in spec.labels.ttl.iter().enumerate().filter(|(_, ttl)| **ttl > spec.ttl.max) {
        let message = format!("a label may ask for `{ttl}`, and gets the maximum, `{}`", spec.ttl.max);
        found(&ttl::TTL_CLAMPED, format!("/spec/labels/ttl/{index}"), message);
    }
    for (name, access) in spec.access.iter() {
        if let Some(Err(message)) = spec.ingress.as_ref().map(|ingress| access::enforceable(name, access, ingress)) {
            found(&access::ACCESS_NOT_ENFORCEABLE, format!("/spec/access/{name}"), message);
        }
    }
    for (pointer, message) in spec.ingress.iter().flat_map(ingress::inconsistent) {
        found(&ingress::INGRESS_INCOMPLETE, pointer.into(), message);
    }
    for (name, destination) in spec.egress.iter() {
        if let Err(message) = egress::reachable(destination) {
            found(&egress::EGRESS_INCOMPLETE, format!("/spec/egress/{name}"), message);
        }
    }
    if let Some(secrets) = &spec.secrets {
        if let Err(message) = secret_store::store(secrets) {
            found(&secret_store::SECRET_STORE_UNCLEAR, "/spec/secrets/store".into(), message);
        }
        let prefix = Some(&secrets.prefix).filter(|prefix| prefix.is_constant());
        let names = secret_prefix::Names::of(secrets);
        if let Some(Err(message)) = prefix.map(|prefix| secret_prefix::Folder::new(&prefix.source, names)) {
            found(&secret_prefix::SECRET_OUTSIDE_PREFIX, "/spec/secrets/prefix".into(), message);
        }
    }
    // Of an open one, this would say the same again.
    for (name, profile) in bounded {
        limit_range::check_profile(name, profile, &mut findings);
    }
    let all = &spec.baselines;
    findings.extend(all.iter().filter_map(|(name, one)| baseline::unusable(name, one, spec)));
    findings.extend(all.iter().filter_map(|(name, one)| baseline::without_substitute(name, one, all)));
    findings
}

/// What whoever asked for a baseline would be told, which is not always there yet: an attestation is made of an entry without one.
pub(crate) fn check_baselines(spec: &GuardrailsSpec) -> Vec<Finding> {
    let homeless = |(name, one): (&str, _)| {
        let message = baseline::homeless(name, one, spec)?;
        Some(Finding::of_guardrails(&baseline::BASELINE_INCOMPLETE, format!("/spec/baselines/{name}"), message))
    };
    let attested = spec.baselines.iter().filter_map(|(name, one)| attestation::check_baseline(name, one, spec));
    spec.baselines.iter().filter_map(homeless).chain(attested).collect()
}
