//! The only place that decides: three inputs in, one [`Environment`] out, and why each value is what it is.

mod addresses;
mod application;
mod config;
mod databases;
pub mod decision;
mod destination;
pub mod environment;
pub(crate) mod files;
pub mod names;
mod network;
mod origins;
mod pull_request;
mod quarantine;
mod routes;
mod secrets;
pub(crate) mod services;
pub(crate) mod size;
mod texts;
pub mod time;
mod variables;

pub use decision::{Decision, Decisions, Origin};
pub use environment::Environment;
pub use pull_request::PullRequest;
pub(crate) use pull_request::SAME_KIND;
pub(crate) use size::PROFILE;

use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    expression::{Budget, Facts},
    finding::{Finding, InputFile, Owner, Rule, Subject},
    input::{
        Guardrails, GuardrailsSpec, Parameters, Policy, PolicySpec,
        guardrails::{Grant, Layout, Profile},
        policy::Secret,
    },
    rules::{self, input::BAD_EXPRESSION},
    value::{Map, Text, Value, to_value},
};

use environment::{PolicyFacts, QuarantineFacts, SecretFacts, SecretStoreFacts, TrustFacts, WAVES};

/// The three inputs, and what rendering says of them.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// The platform's file.
    pub guardrails: &'a Guardrails,
    /// The team's file.
    pub policy: &'a Policy,
    /// The pull request's parameters, not judged yet.
    pub parameters: &'a Parameters,
    /// Whether a label may choose the profile.
    pub heed_profile_label: bool,
    /// What Jobs, servers and Pods have besides what is decided here.
    pub layouts: &'a Layouts,
    /// The Services among the policy's `manifests`.
    pub services: &'a [String],
}

/// Each stands for what lays something out, templates and the platform's patches: what does not change while it is there is made anew
/// when that does.
#[derive(Debug)]
pub struct Layouts {
    /// The databases' Jobs.
    pub jobs: String,
    /// Servers whose data go with their Pods.
    pub servers: String,
    /// What patches change of the Pods' ConfigMap.
    pub config: String,
    /// The same of each ConfigMap with a service's files, by its name; nothing where patches change none.
    pub files: BTreeMap<String, String>,
}

/// What was decided.
#[derive(Debug)]
pub struct Resolution {
    /// Everything, decided; where something is wrong, as far as that goes.
    pub environment: Environment,
    /// What was refused, or done otherwise.
    pub findings: Vec<Finding>,
    /// Empty, unless they are recorded.
    pub decisions: Decisions,
    /// The label that chose the profile.
    pub profile_label: Option<String>,
}

/// What is wrong with the parameters by themselves, whatever the two files say.
pub fn check_parameters(parameters: &Parameters) -> Vec<Finding> {
    let mut findings = Vec::new();
    pull_request::read(parameters, &mut findings);
    findings
}

/// Decides. `record` keeps why each value is what it is, which only `explain` needs.
pub fn resolve(inputs: Inputs<'_>, record: bool) -> Resolution {
    let mut findings = Vec::new();
    let pr = pull_request::read(inputs.parameters, &mut findings);
    let mut resolver = Resolver {
        guardrails: &inputs.guardrails.spec,
        policy: &inputs.policy.spec,
        policy_name: &inputs.policy.metadata.name,
        layouts: inputs.layouts,
        services_of_manifests: inputs.services,
        heed_profile_label: inputs.heed_profile_label,
        profile_label: None,
        facts: Facts::default(),
        pr: Value::Null,
        budget: Budget::default(),
        hosts: OnceCell::new(),
        secrets: OnceCell::new(),
        used: 0,
        findings,
        decisions: Decisions::recording(record),
        decided: BTreeSet::new(),
    };
    let environment = resolver.environment(pr);
    if record {
        resolver.origins(&environment);
    }
    let Resolver { mut findings, decisions, profile_label, .. } = resolver;
    // What a wrong `fork` has withheld is not the next thing to mend.
    let fork = Subject::Input(InputFile::Parameters, "/fork".into());
    if findings
        .iter()
        .any(|finding| finding.is_error() && finding.subject == fork && finding.rule != &rules::trust::UNTRUSTED)
    {
        findings.retain(|finding| finding.rule != &rules::trust::WITHHELD);
    }
    if inputs.policy.salvaged {
        // What it lacks, or does not offer, may stand in the rest.
        findings.retain(|finding| {
            finding.rule != &rules::label::LABEL_NOT_OFFERED
                && !matches!(finding.subject, Subject::Input(InputFile::Policy, _))
        });
    }
    Resolution { environment, findings, decisions, profile_label }
}

struct Resolver<'a> {
    guardrails: &'a GuardrailsSpec,
    policy: &'a PolicySpec,
    policy_name: &'a str,
    layouts: &'a Layouts,
    services_of_manifests: &'a [String],
    heed_profile_label: bool,
    profile_label: Option<String>,
    /// What expressions see.
    facts: Facts,
    /// The pull request with its free text, for what is data in any case.
    pr: Value,
    budget: Budget,
    /// The hosts of the preview's own Services, once they are asked for.
    hosts: OnceCell<Vec<String>>,
    /// The policy's secrets by their names, once they are asked for.
    secrets: OnceCell<BTreeMap<&'a str, &'a Secret>>,
    /// How many variables containers got of what they use.
    used: usize,
    findings: Vec<Finding>,
    decisions: Decisions,
    /// What has a record, while all else gets one.
    decided: BTreeSet<String>,
}

/// What is decided of a preview before whatever runs in it.
#[derive(Clone, Copy)]
struct Preview<'p> {
    pr: &'p PullRequest,
    namespace: &'p str,
    trust: TrustFacts,
    /// With its name; none if it asks for one that there is not.
    profile: Option<(&'p str, &'p Profile)>,
    /// The store of its own.
    secret_store: Option<&'p SecretStoreFacts>,
    /// Those that trust grants.
    secrets: &'p [SecretFacts],
}

impl Resolver<'_> {
    fn environment(&mut self, pr: PullRequest) -> Environment {
        let policy = PolicyFacts {
            name: self.policy_name.to_owned(),
            team: self.policy.team.to_string(),
            cost_center: self.policy.cost_center.to_string(),
        };
        if policy.name == rules::policy_name::LOCAL && !self.policy.databases.is_empty() {
            let message = "`local` in the owner of a branch means somebody's own, outside any preview".to_owned();
            self.report(&rules::policy_name::POLICY_NAME_RESERVED, InputFile::Policy, "/metadata/name", message);
        }
        self.set_context(&policy, &pr);
        let namespace = self.namespace();
        self.facts.insert("preview", Value::map([("namespace", Value::string(&namespace))]));
        self.facts.insert("guardrails", Value::map([("domain", Value::string(&*self.guardrails.domain))]));

        let trust = self.trust(&pr);
        let (profile, limits) = self.profile(&pr);
        let (ttl, expires_at) = self.ttl(&pr);
        let (routes, ingress) = self.routes(&namespace);
        self.see_services();
        let (secret_store, secrets) = self.secrets(trust);
        let preview = Preview {
            pr: &pr,
            namespace: &namespace,
            trust,
            profile,
            secret_store: secret_store.as_ref(),
            secrets: &secrets,
        };
        let (databases, database_jobs) = self.databases(preview);
        let quota = self.quota(profile);
        let config = self.config(preview, &routes);
        let services = self.services(preview, &databases, &routes);
        self.room(profile, &databases);
        let network = self.network(&services, &routes);
        let application = self.application(preview);
        let mut environment = Environment {
            domain: self.guardrails.domain.to_string(),
            layout: self.guardrails.layout,
            pod_security: self.guardrails.pod_security.to_string(),
            quota,
            profile: profile.map(|(name, _)| name.to_owned()).unwrap_or_default(),
            waves: WAVES,
            quarantine: QuarantineFacts::default(),
            config_hash: config::hash(&config, &self.layouts.config),
            labels: config::labels(&policy, preview),
            policy,
            pr,
            namespace,
            trust,
            limits,
            ttl,
            expires_at,
            namespace_annotations: Value::Null,
            network,
            services,
            routes,
            ingress,
            secret_store,
            secrets,
            databases,
            database_jobs,
            job_resources: databases::job_resources(),
            application,
            config,
        };
        environment.namespace_annotations = config::annotations(&environment);
        environment
    }

    fn owner(&self, file: InputFile) -> Owner {
        self.guardrails.layout.owner(file)
    }

    /// Reports something about a field of the policy.
    fn policy_finding(&mut self, rule: &'static Rule, pointer: impl Into<String>, message: String) -> &mut Finding {
        self.report(rule, InputFile::Policy, pointer, message)
    }

    fn report(
        &mut self,
        rule: &'static Rule,
        file: InputFile,
        pointer: impl Into<String>,
        message: String,
    ) -> &mut Finding {
        let finding = Finding::new(rule, self.owner(file), Subject::Input(file, pointer.into()), message);
        self.findings.push_mut(finding)
    }

    fn set_context(&mut self, policy: &PolicyFacts, pr: &PullRequest) {
        self.pr = to_value(pr);
        let is_strict = |(name, _): &&(Text, Value)| !pull_request::FREE_TEXT.contains(&name.as_str());
        let strict: Map = self.pr.as_map().map(Map::entries).into_iter().flatten().filter(is_strict).cloned().collect();
        self.facts.insert("policy", to_value(policy));
        self.facts.insert("pr", Value::Map(strict));
    }

    /// As [`rules::hint`] says; not for one of so many mistakes that nobody reads them all.
    fn hint<'n>(&self, name: &str, candidates: impl Iterator<Item = &'n str>) -> String {
        rules::hint(self.findings.len(), name, candidates)
    }

    fn namespace(&mut self) -> String {
        let template = &self.guardrails.namespace;
        let known = self.findings.len();
        let full = self.guardrails_text(template, "/spec/namespace");
        if self.findings.len() == known
            && let Err(message) = rules::namespace::tells_apart(template)
        {
            self.report(&rules::namespace::NAMESPACE_NOT_UNIQUE, InputFile::Guardrails, "/spec/namespace", message);
        }
        let namespace = names::shorten(&full, names::LABEL);
        // Of one that is no expression, `{{ … }}`, it was said what it must hold.
        let is_told = |finding: &Finding| {
            finding.rule == &BAD_EXPRESSION
                || finding.rule == &rules::namespace::NAMESPACE_NOT_UNIQUE && template.is_constant()
        };
        if !crate::input::scalar::is_dns_label(&namespace) && !self.findings.iter().any(is_told) {
            let message =
                format!("the namespace comes to `{}`, which is no DNS label", crate::finding::visible(&namespace));
            self.report(&rules::namespace::NAMESPACE_INVALID, InputFile::Guardrails, "/spec/namespace", message);
        }
        self.decisions.record(|| Decision {
            field: "namespace".into(),
            origin: Origin::Input(InputFile::Guardrails, "/spec/namespace".into()),
            asked: (full != namespace).then(|| full.clone()),
            granted: namespace.clone(),
            rule: None,
            reason: "a DNS label of at most 63 characters; the number of the pull request is its identity".into(),
        });
        namespace
    }

    fn trust(&mut self, pr: &PullRequest) -> TrustFacts {
        let trust = &self.guardrails.trust;
        let (tier, grant, pointer) = match pr.fork {
            Some(false) => ("trusted", trust.trusted, "/spec/trust/trusted"),
            None => ("unknown", trust.unknown, "/spec/trust/unknown"),
            Some(true) => ("fork", trust.fork, "/spec/trust/fork"),
        };
        let forks_are_refused = pr.fork == Some(true) && self.guardrails.layout == Layout::Single;
        let (asked, pointer) = (grant, if forks_are_refused { "/spec/layout" } else { pointer });
        let grant = if forks_are_refused { Grant::Quarantine } else { grant };
        if grant == Grant::Quarantine {
            self.findings.push(rules::trust::quarantine(tier, forks_are_refused));
        }
        self.decisions.record(|| Decision {
            field: "trust".into(),
            origin: Origin::Input(InputFile::Guardrails, pointer.into()),
            asked: (asked != grant).then(|| format!("{tier}: {asked:?}").to_lowercase()),
            granted: format!("{tier}: {grant:?}").to_lowercase(),
            rule: (grant == Grant::Quarantine).then_some(&rules::trust::UNTRUSTED),
            reason: match pr.fork {
                None => "no parameter `fork`: Argo CD's generator cannot tell".into(),
                Some(_) if forks_are_refused => {
                    "layout `single` refuses forks, which would write their own policy".into()
                }
                Some(fork) => format!("the parameter `fork` is {fork}"),
            },
        });
        TrustFacts { tier, grant }
    }
}
