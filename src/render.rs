//! The whole way: resolve, templates, the team's manifests, labels, patches, checks, order.

mod layouts;

use std::time::SystemTime;

use crate::{
    finding::{Finding, InputFile, Owner, Subject, visible},
    input::{Guardrails, Parameters, Policy, guardrails::Layout},
    objects::{self, Object, Origin, patch::Patches},
    resolve::{self, Decisions, Environment, Inputs, Layouts, PROFILE},
    rules::{self, Bounds},
    template::{self, Place, Template, Trace},
    value::{Text, to_value},
};

/// Everything that is the same for all pull requests, read once.
#[derive(Debug)]
pub struct Renderer {
    /// What the platform allows and provides.
    pub guardrails: Guardrails,
    policy: Policy,
    /// The platform's own templates; those of a built-in's name replace it.
    templates: Vec<Template>,
    /// The documents of the policy's `manifests`.
    manifests: Vec<Object>,
    /// The Services among them.
    services: Vec<String>,
    /// What the platform changes of rendered objects.
    pub patches: Patches,
    layouts: Layouts,
    /// What is wrong with what was read, though not so much that nothing can be rendered.
    findings: Vec<Finding>,
}

/// Where the values of an object of a template come from.
#[derive(Debug)]
pub struct ObjectTrace {
    /// `Kind/name`.
    pub id: String,
    /// Those of its fields, each with the template's line.
    pub places: Vec<Place>,
}

/// What comes of one pull request.
#[derive(Debug)]
pub struct Rendered {
    /// In the order in which Argo CD applies them; nothing if the trusted side's files are broken.
    pub objects: Vec<Object>,
    /// Of the inputs, and of what came of them.
    pub findings: Vec<Finding>,
    /// Whether the objects are the quarantine.
    pub quarantined: bool,
    /// What the objects were laid out from.
    pub environment: Environment,
    /// Who set what; empty unless explained.
    pub decisions: Decisions,
    /// For each object of a template, where its values come from, if that was asked for.
    pub traces: Vec<ObjectTrace>,
}

impl Rendered {
    /// Whether the preview was not rendered: there are the quarantine's objects, or none.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(Finding::is_error)
    }
}

impl Renderer {
    /// Takes what was read. `findings`: what is wrong with that, of which every render tells.
    pub fn new(
        guardrails: Guardrails,
        policy: Policy,
        templates: Vec<Template>,
        manifests: Vec<Object>,
        mut findings: Vec<Finding>,
    ) -> Self {
        // Once, however many pull requests are rendered: a signature takes as long as a good part of a render.
        findings.extend(rules::attestation::check(&policy.spec, &guardrails.spec));
        let patches = Patches::read(&guardrails.spec.patches, &mut findings);
        let layouts = layouts::layouts(&guardrails, &policy, &templates, &patches);
        let services = manifests.iter().filter(|object| object.kind() == "Service" && object.group().is_empty());
        let services = services.map(|service| service.name().to_owned()).collect();
        Self { guardrails, policy, templates, manifests, services, patches, layouts, findings }
    }

    /// What is wrong with the inputs at a time, which rendering doesn't know.
    pub fn check_at(&self, time: SystemTime) -> Vec<Finding> {
        rules::attestation::check_age(&self.policy.spec, &self.guardrails.spec, time)
    }

    /// What is wrong with what the guardrails offer, whether or not this policy asks for it. `alone`: nobody's policy is looked at, so
    /// also what keeps a policy from having a baseline.
    pub fn check_offers(&self, alone: bool) -> Vec<Finding> {
        let mut findings = rules::check_offers(&self.guardrails.spec);
        if alone {
            findings.extend(rules::check_baselines(&self.guardrails.spec));
        }
        findings.extend(self.patches.check(self.kinds().as_deref()));
        findings
    }

    /// All kinds that objects of any preview may have; nothing if a template of the platform's own leaves one open.
    fn kinds(&self) -> Option<Vec<&'static str>> {
        let of_templates = all_templates(&self.templates).flat_map(template::kinds);
        let mut kinds: Vec<_> = of_templates.chain(rules::manifest_kind::kinds().map(Some)).collect::<Option<_>>()?;
        kinds.sort_unstable();
        kinds.dedup();
        Some(kinds)
    }

    /// Renders one pull request. `explain` also records where every value comes from.
    pub fn render(&self, parameters: &Parameters, explain: bool) -> Rendered {
        let (mut rendered, label) = self.attempt(parameters, true, explain);
        let Some(label) = label else { return rendered };
        let mut others = rendered.findings.iter().filter(|finding| self.blames_others(finding)).peekable();
        if others.peek().is_none() || others.any(|finding| finding.owner != Owner::Team) {
            return rendered;
        }
        // If the policy is as it should be without the label, the label is what is wrong.
        let (without, _) = self.attempt(parameters, false, explain);
        if without.findings.iter().any(|finding| self.blames_others(finding)) {
            return rendered;
        }
        for finding in &mut rendered.findings {
            if finding.is_error() && finding.owner == Owner::Team {
                finding.owner = Owner::PullRequest;
                finding.help = Some(format!("remove the label `{}`: without it, this fits", visible(&label)));
            }
        }
        rendered.environment = without.environment;
        let asked = std::mem::replace(&mut rendered.decisions, without.decisions);
        rendered.decisions.refuse(PROFILE, &asked, "the policy does not fit into what the label asks for");
        self.quarantine(&mut rendered, explain);
        rendered
    }

    /// The pull request, with or without what its labels ask of the profile, and the label that got one.
    fn attempt(&self, parameters: &Parameters, heed: bool, explain: bool) -> (Rendered, Option<String>) {
        let inputs = Inputs {
            guardrails: &self.guardrails,
            policy: &self.policy,
            parameters,
            heed_profile_label: heed,
            layouts: &self.layouts,
            services: &self.services,
        };
        let resolution = resolve::resolve(inputs, explain);
        let mut rendered = Rendered {
            objects: Vec::new(),
            findings: resolution.findings,
            quarantined: false,
            environment: resolution.environment,
            decisions: resolution.decisions,
            traces: Vec::new(),
        };
        rendered.findings.extend(self.findings.iter().cloned());
        if rendered.findings.iter().any(|finding| self.blames_others(finding)) {
            self.add_manifests_mistakes(&rendered.environment, &mut rendered.findings);
        } else if rendered.has_errors() {
            self.quarantine(&mut rendered, explain);
        } else {
            rendered.objects = self.objects(
                &rendered.environment,
                &self.manifests,
                &mut rendered.findings,
                explain.then_some(&mut rendered.traces),
            );
            if rendered.has_errors() {
                self.quarantine(&mut rendered, explain);
            }
        }
        (rendered, resolution.profile_label)
    }

    /// What is wrong with the manifests by themselves, where nothing is rendered because of other mistakes. What would only follow from
    /// those is not told.
    fn add_manifests_mistakes(&self, environment: &Environment, findings: &mut Vec<Finding>) {
        let owner = self.guardrails.spec.layout.owner(InputFile::Policy);
        let is_partial = self.findings.iter().any(|finding| finding.is_error() && finding.owner == owner);
        let is_decided = !environment.pr.head_sha.is_empty() && !environment.namespace.is_empty();
        if self.manifests.is_empty() || is_partial || !is_decided {
            return;
        }
        let mut found = Vec::new();
        self.objects(environment, &self.manifests, &mut found, None);
        let has_profile = !environment.profile.is_empty();
        findings.extend(found.into_iter().filter(|finding| {
            matches!(&finding.subject, Subject::Place(place) if place.file.is_some() && place.object.is_some())
                && (has_profile || finding.rule != &rules::container_resources::CONTAINER_RESOURCES)
        }));
    }

    /// Whether a finding is an error that is not the pull request's. What templates and patches made of a policy and manifests that the
    /// pull request wrote is the pull request's: if the templates or patches themselves are broken, so is the quarantine.
    fn blames_others(&self, finding: &Finding) -> bool {
        let single = self.guardrails.spec.layout == Layout::Single;
        let is_of_object = matches!(&finding.subject, Subject::Place(place) if place.object.is_some());
        let is_its_own = finding.owner == Owner::PullRequest || single && is_of_object;
        finding.is_error() && !is_its_own
    }

    /// Leaves the quarantine if the pull request is to blame for everything; nothing if the trusted side is.
    fn quarantine(&self, rendered: &mut Rendered, explain: bool) {
        rendered.objects.clear();
        rendered.traces.clear();
        if rendered.findings.iter().any(|finding| self.blames_others(finding)) {
            return;
        }
        let layout = layouts::of_quarantine(&self.guardrails, &self.templates);
        rendered.environment.quarantine(&self.guardrails.spec, &layout, &rendered.findings);
        rendered.decisions.quarantine(&rendered.environment);
        let mut findings = Vec::new();
        let traces = explain.then_some(&mut rendered.traces);
        rendered.objects = self.objects(&rendered.environment, &[], &mut findings, traces);
        // What is wrong even with the quarantine is the platform's: its templates or patches.
        if findings.iter().any(Finding::is_error) {
            rendered.objects.clear();
        }
        rendered.findings.extend(findings);
        rendered.quarantined = !rendered.objects.is_empty();
    }

    /// Everything that goes out, laid out, filled in, checked, labelled, patched, checked again and put in order.
    fn objects(
        &self,
        environment: &Environment,
        manifests: &[Object],
        findings: &mut Vec<Finding>,
        traces: Option<&mut Vec<ObjectTrace>>,
    ) -> Vec<Object> {
        let mut objects = self.laid_out(environment, findings, traces);
        let mut manifests = manifests.to_vec();
        let mistakes = objects::expression::fill_in(&mut manifests, environment);
        objects.extend(manifests);
        let hosts: Vec<&str> = environment.routes.iter().map(|route| &*route.host).collect();
        let secrets: Vec<&str> = self.policy.spec.secret_names().collect();
        let bounds = self.bounds(environment, &hosts, &secrets);
        // Before anything is added to the team's manifests.
        let owner = self.guardrails.spec.layout.owner(InputFile::Policy);
        rules::check_manifests(&objects, mistakes, &bounds, owner, findings);
        for object in &mut objects {
            objects::stamp::stamp(object, environment);
        }
        let first = findings.len();
        self.patches.apply(&mut objects, findings);
        rules::blame(findings, first, owner);
        let first = findings.len();
        rules::check_objects(&objects, &bounds, owner, findings);
        self.patches.blame(&objects, &mut findings[first..]);
        rules::template_incomplete::check(&self.templates, &environment.services, &objects, findings);
        objects::order::sort(&mut objects);
        objects
    }

    /// What objects are held to. `hosts`: of its routes; `secrets`: of the policy, not of what was granted: what is withheld is another
    /// finding, and the Pod waits for it.
    fn bounds<'a>(&'a self, environment: &'a Environment, hosts: &'a [&'a str], secrets: &'a [&'a str]) -> Bounds<'a> {
        let guardrails = &self.guardrails.spec;
        let policy = &self.policy.spec;
        Bounds {
            namespace: &environment.namespace,
            hosts,
            routes: if environment.routes.is_empty() { &[] } else { &policy.routes },
            has_application: policy.application.is_some(),
            domain: &environment.domain,
            registries: &guardrails.registries,
            storage_classes: &guardrails.storage_classes,
            head_sha: &environment.pr.head_sha,
            secrets,
            databases: &environment.databases,
            profile: guardrails.profiles.get_key_value(&environment.profile),
            labels: environment.labels.as_map(),
            resizing: self.patches.resize().then_some(&self.patches),
            ..Bounds::default()
        }
    }

    /// What the templates make of what was decided.
    fn laid_out(
        &self,
        environment: &Environment,
        findings: &mut Vec<Finding>,
        mut traces: Option<&mut Vec<ObjectTrace>>,
    ) -> Vec<Object> {
        let facts = to_value(environment).into();
        let mut objects: Vec<Object> = Vec::with_capacity(64);
        for template in all_templates(&self.templates) {
            let first = objects.len();
            let mut trace = traces.is_some().then(Trace::default);
            match template::evaluate(template, &facts, trace.as_mut()) {
                Ok(values) => {
                    let origin = Origin::Template(Text::from_static_str(template.file));
                    objects.extend(values.into_iter().map(|value| Object { value, origin: origin.clone() }));
                }
                Err(mistake) => findings.push(rules::template::found(template.file, mistake)),
            }
            if let (Some(traces), Some(trace)) = (traces.as_deref_mut(), trace) {
                for (object, places) in objects[first..].iter().zip(trace.objects) {
                    traces.push(ObjectTrace { id: object.id(), places });
                }
            }
        }
        objects
    }
}

/// The built-in templates, but for those that the platform's own replace, and then these.
fn all_templates(own: &[Template]) -> impl Iterator<Item = &Template> {
    let is_replaced = |name: &str| own.iter().any(|own| own.name == name);
    template::BUILT_IN.iter().filter(move |template| !is_replaced(template.name)).chain(own)
}
