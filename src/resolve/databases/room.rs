//! What databases take of the preview's room: the Jobs, and servers of the preview's own.

use std::collections::BTreeMap;

use crate::{
    finding::InputFile,
    input::{
        Ordered,
        guardrails::Profile,
        policy::Database,
        scalar::{DnsLabel, Quantity, Scalar as _},
    },
    resolve::{Resolver, environment::DatabaseFacts, size},
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
    /// Reports a profile that has no room for what runs in the namespace.
    pub(in crate::resolve) fn room(&mut self, profile: Option<(&str, &Profile)>, databases: &[DatabaseFacts]) {
        let Some((name, profile)) = profile else { return };
        if databases.iter().any(DatabaseFacts::is_own) {
            for (pointer, message) in
                rules::limit_range::keeps_out(profile, &quantities(&REQUESTS), &quantities(&LIMITS))
            {
                let pointer = format!("/spec/profiles/{name}/container/{pointer}");
                self.report(&rules::limit_range::LIMIT_RANGE, InputFile::Guardrails, pointer, message);
            }
        }
        // What asks for too much by itself is not counted: it has to change anyway.
        if self.findings.iter().any(|finding| finding.rule == &UNBOUNDED_REQUEST) {
            return;
        }
        let found = self.too_much(name, profile, databases);
        if found.is_empty() {
            return;
        }
        let profiles = &self.guardrails.profiles;
        let fits = |(other, profile): &(&str, &Profile)| {
            let of_services = self.policy.services.iter().map(|service| &service.resources);
            let mut asked = of_services
                .chain(self.policy.databases.iter().flat_map(Database::programs).map(|program| program.resources));
            asked.all(|resources| rules::capacity::beyond(other, profiles, profile, "", resources).is_empty())
                && self.too_much(other, profile, databases).is_empty()
        };
        let larger = self.guardrails.profiles.iter().find(fits).map(|(other, _)| other);
        for (place, message) in found {
            let help = larger.map(|other| format!("the profile `{other}` has room for all of it"));
            self.policy_finding(&OVER_QUOTA, place, message).help = help;
        }
    }

    /// What asks for more than a profile has: the place of the largest share, and the message.
    fn too_much(&self, name: &str, profile: &Profile, databases: &[DatabaseFacts]) -> Vec<(String, String)> {
        let policy = self.policy;
        let own = databases.iter().filter(|database| database.is_own()).count();
        let defaults = Ordered::default();
        let limits: Vec<_> =
            policy.services.iter().map(|service| size::own_limits(profile, &service.resources)).collect();
        let granted =
            |name: &DnsLabel| databases.iter().any(|database| database.name == **name && database.last_step.is_some());
        let programs = policy.databases.iter().filter(|database| granted(&database.name));
        let programs: Vec<_> = programs.map(|database| largest(profile, database)).collect();
        let mut pods: Vec<Pods<'_>> = Vec::with_capacity(policy.services.len() + 3);
        pods.extend(policy.services.iter().zip(&limits).enumerate().map(|(index, (service, limits))| Pods {
            service: Some(index),
            name: &service.name,
            count: usize::from(service.replicas.unwrap_or(1)),
            requests: &service.resources,
            limits,
        }));
        // Servers, and after a push the Jobs, beside the workload that runs already.
        let (alike, others): (Vec<_>, Vec<_>) = programs.iter().partition(|(requests, _)| requests.is_empty());
        for (name, count) in [("the databases' servers", own), ("migrate and seed", alike.len())] {
            pods.push(Pods { service: None, name, count, requests: &defaults, limits: &defaults });
        }
        pods.extend(others.into_iter().map(|(requests, limits)| Pods {
            service: None,
            name: "migrate and seed",
            count: 1,
            requests,
            limits,
        }));
        // Those that hold a provider's key run elsewhere.
        let job = (own > 0).then(|| (quantities(&REQUESTS), quantities(&LIMITS)));
        if let Some((requests, limits)) = &job {
            pods.push(Pods { service: None, name: "dayfly's Jobs", count: own, requests, limits });
        }
        let (who, place) = match (policy.services.is_empty(), own + programs.len()) {
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
        let found = rules::capacity::too_much(name, profile, who, &pods, counts);
        found.into_iter().map(|(largest, message)| (largest.unwrap_or_else(|| place.to_owned()), message)).collect()
    }
}

/// What the Pod of migrate and seed requests where that is more than the profile's, and its limits: what runs one after the other takes as
/// much as the largest of it.
fn largest(profile: &Profile, database: &Database) -> (Ordered<Quantity>, Ordered<Quantity>) {
    let mut largest: BTreeMap<&str, &Quantity> = BTreeMap::new();
    for (resource, amount) in database.programs().flat_map(|program| program.resources.iter()) {
        // The container that brings dayfly has the default.
        let known = largest.get(resource).copied().or_else(|| rules::limit_range::default_of(profile, resource, false));
        if known.is_none_or(|known| amount > known) {
            largest.insert(resource, amount);
        }
    }
    let requests: Ordered<Quantity> =
        largest.into_iter().map(|(resource, amount)| (resource.to_owned(), amount.clone())).collect();
    let limits = size::own_limits(profile, &requests);
    (requests, limits)
}
