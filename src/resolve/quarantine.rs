//! What is left of a preview whose pull request is to blame for an error.

use crate::{
    finding::Finding,
    input::GuardrailsSpec,
    objects::{self, keys},
    value::{Map, Value, to_value},
};

use super::{
    Decision, Decisions, Environment, Origin,
    decision::shown,
    environment::{IngressFacts, QuarantineFacts},
    names,
};

/// Findings of a quarantine, and characters of each, that its ConfigMap holds.
const MOST_SHOWN: usize = 30;
const LONGEST_SHOWN: usize = 600;

impl Environment {
    /// Leaves nothing of the preview but its walls, its teardown and what was found.
    pub fn quarantine(&mut self, guardrails: &GuardrailsSpec, job_layout: &str, findings: &[Finding]) {
        let mut errors = findings.iter().filter(|finding| finding.is_error());
        let mut lines: Vec<String> = Vec::new();
        // They become an object, and people read them in Argo CD: neither has room for thousands.
        for finding in errors.by_ref().take(MOST_SHOWN) {
            let mut line = format!("{}: {}", finding.rule.code, finding.message);
            // It is read where nobody sees the rest of a finding.
            if let Some(help) = &finding.help {
                line.push_str("; ");
                line.push_str(help);
            }
            if let Some((end, _)) = line.char_indices().nth(LONGEST_SHOWN) {
                line.truncate(end);
                line.push('…');
            }
            lines.push(line);
        }
        match errors.count() {
            0 => {}
            more => lines.push(format!("and {more} more: `dayfly check` shows all")),
        }
        self.quota = Value::map([("pods", Value::from("0"))]);
        self.network.ingress.clear();
        self.network.egress.clear();
        self.network.names.clear();
        self.network.telemetry = None;
        self.services.clear();
        self.routes.clear();
        self.ingress = IngressFacts::default();
        self.secret_store = None;
        self.secrets.clear();
        self.application = None;
        if let Some(annotations) = self.namespace_annotations.as_map_mut() {
            annotations.remove(keys::APPLICATION);
            annotations.remove(keys::RESERVED);
            annotations.retain(|key| !key.starts_with(keys::LINK) || key == keys::PULL_REQUEST_LINK);
        }
        // Only what removes a database stays: nothing runs, but nothing is forgotten either.
        self.databases.clear();
        self.database_jobs.retain(|job| job.step == "destroy");
        self.config = Value::Map(Map::default());
        let image = guardrails
            .operations
            .as_ref()
            .map_or_else(|| "dayfly".to_owned(), |operations| operations.image.to_string());
        let pods = [image.as_str(), &self.policy.team, &self.policy.cost_center, job_layout];
        self.quarantine = QuarantineFacts {
            job: names::hashed(objects::FINDINGS, &pods),
            findings: if lines.is_empty() { "quarantined".to_owned() } else { lines.join("\n") },
            failing_job: !guardrails.quarantine.health_check,
            image,
        };
    }
}

/// What a quarantine has nothing of.
const EMPTIED: [&str; 8] =
    ["application", "databases", "flags", "ingress", "routes", "secretStore", "secrets", "services"];

/// What it has of its own.
const OWN: [&str; 3] = ["quota", "config", "quarantine"];

impl Decisions {
    /// A quarantine has nothing of what was asked for, and little of its own.
    pub fn quarantine(&mut self, environment: &Environment) {
        if !self.is_recording() {
            return;
        }
        let facts = to_value(environment);
        let annotation = |field: &str| {
            let annotation = field.strip_prefix("namespaceAnnotations.");
            annotation.is_some_and(|key| environment.namespace_annotations.get(key).is_none())
        };
        let reason = "a quarantine: nothing runs, and what was found is said";
        // Only the Jobs that remove databases are left.
        let is_gone = |field: &str| {
            let job = field.strip_prefix("databaseJobs.").and_then(|rest| rest.split('.').next());
            job.is_some_and(|name| environment.database_jobs.iter().all(|job| job.name != name))
        };
        self.made.retain(|decision| !OWN.contains(&group(&decision.field)) && !is_gone(&decision.field));
        for decision in &mut self.made {
            let field = decision.field.as_str();
            let walls = field.starts_with("network.") && !field.starts_with("network.dns");
            if EMPTIED.contains(&group(field)) || walls || annotation(field) {
                let asked = std::mem::replace(&mut decision.granted, "nothing".into());
                decision.asked.get_or_insert(asked);
                decision.rule = None;
                decision.reason = reason.into();
            }
        }
        for group in OWN {
            for (key, value) in facts.entries_at(&[group]) {
                self.made.push(Decision::new(format!("{group}.{key}"), Origin::BuiltIn, shown(value), reason));
            }
        }
        self.made.push(Decision::new("config", Origin::BuiltIn, "nothing", reason));
    }
}

fn group(field: &str) -> &str {
    field.split('.').next().unwrap_or(field)
}
