//! What databases take of the preview's room: the Jobs, and servers of the preview's own.

use crate::{
    finding::InputFile,
    input::{
        Ordered,
        guardrails::Profile,
        scalar::{Quantity, Scalar as _},
    },
    resolve::{Resolver, environment::DatabaseFacts},
    rules::{
        self,
        capacity::{Counts, OVER_QUOTA, Pods, UNBOUNDED_REQUEST},
    },
    value::Value,
};

/// What each of dayfly's own Jobs requests, and its limits. Whatever else runs takes the profile's defaults.
const REQUESTS: [(&str, &str); 3] = [("cpu", "50m"), ("memory", "64Mi"), ("ephemeral-storage", "64Mi")];
const LIMITS: [(&str, &str); 3] = [("cpu", "500m"), ("memory", "256Mi"), ("ephemeral-storage", "256Mi")];

/// The same as a container's `resources`.
pub(in crate::resolve) fn job_resources() -> Value {
    let amounts = |amounts: &[(&'static str, &'static str)]| {
        Value::map(amounts.iter().map(|(name, amount)| (*name, Value::from(*amount))))
    };
    Value::map([("requests", amounts(&REQUESTS)), ("limits", amounts(&LIMITS))])
}

fn quantities(amounts: &[(&str, &str)]) -> Ordered<Quantity> {
    let parse = |text| Quantity::parse(text).unwrap_or_else(|error| unreachable!("{error}"));
    amounts.iter().map(|(name, amount)| ((*name).to_owned(), parse(amount))).collect()
}

impl Resolver<'_> {
    /// Reports a profile that has no room for what runs in the namespace. `limits`: each service's own.
    pub(in crate::resolve) fn room(
        &mut self,
        profile: Option<(&str, &Profile)>,
        limits: &[Ordered<Quantity>],
        databases: &[DatabaseFacts],
    ) {
        let Some((name, profile)) = profile else { return };
        let policy = self.policy;
        let own = databases.iter().filter(|database| database.is_own()).count();
        let migrates = databases.iter().filter(|database| database.last_step.is_some()).count();
        let defaults = Ordered::default();
        // Those that hold a provider's key run elsewhere.
        let job = (own > 0).then(|| (quantities(&REQUESTS), quantities(&LIMITS)));
        let mut pods: Vec<Pods<'_>> = Vec::with_capacity(policy.services.len() + 3);
        pods.extend(policy.services.iter().zip(limits).enumerate().map(|(index, (service, limits))| Pods {
            service: Some(index),
            name: &service.name,
            count: usize::from(service.replicas.unwrap_or(1)),
            requests: &service.resources,
            limits,
        }));
        // Servers, and after a push the Jobs, beside the workload that runs already.
        for (name, count) in [("the databases' servers", own), ("migrate and seed", migrates)] {
            pods.push(Pods { service: None, name, count, requests: &defaults, limits: &defaults });
        }
        if let Some((requests, limits)) = &job {
            for (pointer, message) in rules::limit_range::keeps_out(profile, requests, limits) {
                let pointer = format!("/spec/profiles/{name}/container/{pointer}");
                self.report(&rules::limit_range::LIMIT_RANGE, InputFile::Guardrails, pointer, message);
            }
            pods.push(Pods { service: None, name: "dayfly's Jobs", count: own, requests, limits });
        }
        let (who, place) = match (policy.services.is_empty(), own + migrates) {
            (_, 0) => ("services", "/spec/services"),
            (false, _) => ("services and databases", "/spec/services"),
            (true, _) => ("databases", "/spec/databases"),
        };
        let of_servers: usize = databases.iter().map(|database| database.services().count()).sum();
        let listening = policy.services.iter().filter(|service| service.port.is_some()).count();
        let sizes: Vec<i128> =
            databases.iter().filter_map(|database| Some(database.cluster.as_ref()?.size.nano)).collect();
        let counts = Counts {
            services: listening + of_servers,
            deployments: policy.services.len(),
            claims: sizes.len(),
            storage: sizes.into_iter().fold(0, i128::saturating_add),
        };
        // What asks for too much by itself is not counted: it has to change anyway.
        if self.findings.iter().any(|finding| finding.rule == &UNBOUNDED_REQUEST) {
            return;
        }
        for (largest, message) in rules::capacity::too_much(name, profile, who, &pods, counts) {
            self.policy_finding(&OVER_QUOTA, largest.unwrap_or_else(|| place.to_owned()), message);
        }
    }
}
