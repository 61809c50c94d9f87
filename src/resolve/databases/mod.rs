//! Databases: which baseline is branched, by which Jobs, with which names, in which order, and when they run again.
//!
//! provision → migrate and seed → verify, which publishes the credentials; destroy after the preview. Each Job's name
//! holds a hash of its inputs, so it runs once for each of them: provision and verify once for an environment and
//! baseline, migrate and seed once for a set of images, commands, variables and files.

mod reach;
mod room;
mod steps;

use std::borrow::Cow;

use crate::{
    database::spec::{self, BaselineSpec, Names, Spec, Steps},
    emit::json::compact,
    finding::InputFile,
    input::{
        guardrails::{Baseline, Grant, Layout, Operations, Provider},
        policy::{Database, MOST_DATABASES},
    },
    objects::keys,
    rules,
    value::Value,
};

pub(super) use self::room::job_resources;
use self::{reach::reach, steps::told};
use super::{
    Decision, Origin, Preview, Resolver,
    environment::{ClusterFacts, DatabaseFacts, DatabaseJob, DatabaseVariable, TrustFacts, WAVES},
    names,
};

/// The variable that holds a database's URL, if the policy names no other.
const VARIABLE: &str = "DATABASE_URL";

/// A server's name: what a `StatefulSet` makes gets a suffix, and CloudNativePG takes no more for a `Cluster`.
const SERVER: usize = 50;

impl<'a> Resolver<'a> {
    pub(super) fn databases(&mut self, preview: Preview<'_>) -> (Vec<DatabaseFacts>, Vec<DatabaseJob>) {
        let policy = self.policy;
        let count = policy.databases.len();
        if count > MOST_DATABASES {
            let message = format!("{count} databases, allowed are {MOST_DATABASES}");
            self.policy_finding(&rules::input::INPUT_LIMIT, "/spec/databases", message);
            return Default::default();
        }
        let mut facts = Vec::with_capacity(count);
        let mut jobs = Vec::with_capacity(count * 3);
        for (index, database) in policy.databases.iter().enumerate() {
            let granted = self.database(database, &format!("/spec/databases/{index}"), preview);
            let made = granted.as_ref().map(|(baseline, _, [provision, _])| (*baseline, &*provision.spec));
            let destroy = self.destroy(database, preview.namespace, made);
            if let Some((_, database, its_jobs)) = granted {
                facts.push(database);
                jobs.extend(its_jobs);
            }
            jobs.extend(destroy);
        }
        if let Some(first) = facts.iter_mut().find(|database| database.jobs_namespace == preview.namespace) {
            first.own_account = true;
        }
        (facts, jobs)
    }

    /// The baseline that it is branched from, what is known of it, provision and verify.
    fn database(
        &mut self,
        database: &'a Database,
        pointer: &str,
        preview: Preview<'_>,
    ) -> Option<(&'a str, DatabaseFacts, [DatabaseJob; 2])> {
        let namespace = preview.namespace;
        let granted = self.baseline(database, pointer, preview.trust)?;
        let (baseline_name, baseline) = granted;
        let embedded = baseline.provider == Provider::Embedded;
        // A server of the preview's own: nobody's key is needed, so its Jobs run beside it.
        let own = baseline.provider.is_own();
        let operations = self.operations(baseline_name, baseline, pointer)?;
        let mut steps = self.steps(database, pointer, preview);
        let mut spec = self.spec(database, granted, operations, namespace);
        let branch_spec = json(&spec);
        // A push changes the steps, and not the branch.
        spec.steps = told(&steps);
        let spec = json(&spec);
        let direct_secret = names::direct_secret(&database.name);
        let server = server(database);
        let server_secret = server_secret(database, &server, baseline.provider);
        let own_secret = own.then(|| server_secret.clone());
        let pods = self.pods(operations, embedded);
        let [image, dump] = [&baseline.image, &baseline.dump].map(|image| image.as_deref().unwrap_or_default());
        let servers = if embedded { &*self.layouts.servers } else { "" };
        let keys = self.keys(database, pointer);
        let asked = steps.iter().filter(|step| step.resources != Value::Null);
        let asked: Vec<String> = asked.map(|step| format!("{} {}", step.name, compact(&step.resources))).collect();
        // What waits for one that had too little has failed, too.
        let waiting_pods = match &asked[..] {
            [] => pods.clone(),
            asked => names::hash(&std::iter::once(&pods).chain(asked).map(String::as_str).collect::<Vec<_>>()),
        };
        // Only the programs see these.
        let shown = keys.iter().flat_map(|variable| [&*variable.name, variable.key]);
        let program_pods = names::hash(&std::iter::once(&*waiting_pods).chain(shown).collect::<Vec<_>>());
        let reached = reach(&database.name, baseline, operations, self.guardrails.network.fqdn);
        let facts = DatabaseFacts {
            migrate: names::hashed(&format!("{}-migrate", database.name), &[&spec, &program_pods]),
            writable: steps.iter().flat_map(|step| &step.writable).cloned().collect(),
            last_step: steps.pop(),
            first_steps: steps,
            jobs_namespace: if own { namespace.to_owned() } else { operations.namespace.to_string() },
            name: database.name.to_string(),
            variable: url_variable(database).to_owned(),
            access: names::database_access(&database.name),
            keys,
            image: operations.image.to_string(),
            active_deadline_seconds: job_deadline(operations),
            service_account: operations.service_account.to_string(),
            network_policy: in_operations(namespace, &database.name, ""),
            secrets: [database.name.to_string(), direct_secret.clone()].into_iter().chain(own_secret).collect(),
            // Another server is another baseline, whatever its database is called.
            branch: names::hash(&[baseline_name, &baseline.subject(), image, dump, servers]),
            embedded_image: image.to_owned(),
            embedded_dump: baseline.dump.as_ref().map(ToString::to_string),
            cluster: cluster(database, baseline, namespace, &server),
            server,
            server_secret,
            endpoint: reached.endpoint,
            names: reached.names,
            job_peers: reached.job_peers,
            job_names: reached.job_names,
            direct_secret,
            embedded,
            own_account: false,
            spec,
        };
        let jobs = jobs(&facts, branch_spec, [&pods, &waiting_pods], namespace, &operations.credentials);
        Some((baseline_name, facts, jobs))
    }

    /// What stands for all else that is in a Job's Pods, which nobody can change.
    fn pods(&self, operations: &Operations, embedded: bool) -> String {
        let pods = names::hash(&[
            &operations.image,
            &operations.service_account,
            &operations.credentials,
            &self.policy.team,
            &self.policy.cost_center,
            &self.layouts.jobs,
        ]);
        // Its data go with its Pods: in other ones, the branch is made anew.
        if embedded { names::hash(&[&pods, &self.layouts.servers]) } else { pods }
    }

    /// Where its Jobs come from; nothing if this baseline's cannot run, which is reported.
    fn operations(&mut self, name: &str, baseline: &Baseline, pointer: &str) -> Option<&'a Operations> {
        if let Some(message) = rules::baseline::homeless(name, baseline, self.guardrails) {
            self.policy_finding(&rules::provided::NOT_PROVIDED, format!("{pointer}/baseline"), message);
            return None;
        }
        self.guardrails.operations.as_ref()
    }

    /// Parts of its URL as variables of their own, beside the URL's.
    fn keys(&mut self, database: &Database, pointer: &str) -> Vec<DatabaseVariable> {
        let mut keys = Vec::with_capacity(database.keys.len());
        for (name, key) in database.keys.iter() {
            // Migrate and seed have the URL in both.
            if [VARIABLE, url_variable(database)].contains(&name) {
                let message = format!("the variable `{name}` holds the URL: `{}` needs another", key.name());
                self.policy_finding(&rules::reference::DUPLICATE_NAME, format!("{pointer}/keys/{name}"), message);
            }
            keys.push(DatabaseVariable { name: name.to_owned(), key: key.name() });
        }
        keys
    }

    /// What a database's Jobs are told, as if no program ran in it.
    fn spec<'s>(
        &self,
        database: &'s Database,
        (baseline_name, baseline): (&'s str, &'s Baseline),
        operations: &Operations,
        namespace: &'s str,
    ) -> Spec<'s> {
        let server = baseline.provider.is_own().then(|| server(database));
        Spec {
            version: spec::VERSION,
            environment: namespace.into(),
            owner: format!("{}:{}:{namespace}", spec::maker(operations.installation.as_deref()), self.policy_name)
                .into(),
            database: (*database.name).into(),
            baseline: BaselineSpec { name: baseline_name.into(), entry: Cow::Borrowed(baseline) },
            names: Names {
                namespace: namespace.into(),
                secret: (*database.name).into(),
                variable: url_variable(database).into(),
                direct_secret: names::direct_secret(&database.name).into(),
                branch: names::provider(&[namespace, &database.name]).into(),
                role: names::provider(&[namespace, &database.name, "user"]).into(),
                server_secret: server.as_ref().map(|server| server_secret(database, server, baseline.provider).into()),
                server: server.map(Cow::Owned),
            },
            steps: Steps::default(),
            lease_seconds: operations.lease.seconds,
            deadline_seconds: operations.deadline.seconds,
        }
    }

    /// What removes a database. A preview's trust may change while it lives, and with it the baseline of its database, so this
    /// does not look at what was granted: wherever a branch may have been made, it is removed. In layout `single` none was, and an
    /// Application may not write where these Jobs run. `made`: the baseline that was granted, and what its branch's Job is told: this
    /// one is told the same.
    fn destroy(&self, database: &'a Database, namespace: &str, made: Option<(&str, &str)>) -> Vec<DatabaseJob> {
        let guardrails = self.guardrails;
        let Some(operations) = guardrails.operations.as_ref().filter(|_| guardrails.layout == Layout::Split) else {
            return Vec::new();
        };
        let mut places: Vec<(&str, &'a Baseline)> = Vec::with_capacity(2);
        for (name, baseline) in guardrails.baselines_of(database) {
            // A server of the preview's own goes with its namespace.
            if !baseline.provider.is_own() && !places.iter().any(|(_, other)| baseline.shares_place(other)) {
                places.push((name, baseline));
            }
        }
        let jobs = places.into_iter().enumerate().map(|(index, place)| DatabaseJob {
            // A hook has one name for ever, and hangs on nothing that a push changes: what once rendered renders at deletion.
            name: in_operations(namespace, &database.name, if index == 0 { "-destroy" } else { "-destroy-restricted" }),
            namespace: operations.namespace.to_string(),
            database: database.name.to_string(),
            step: "destroy",
            flags: Vec::new(),
            annotations: annotations(&[
                (keys::HOOK, "PostDelete"),
                (keys::HOOK_DELETE_POLICY, "HookSucceeded,BeforeHookCreation"),
            ]),
            active_deadline_seconds: job_deadline(operations),
            image: operations.image.to_string(),
            service_account: operations.service_account.to_string(),
            credentials: operations.credentials.to_string(),
            spec: match made.filter(|(granted, _)| *granted == place.0) {
                Some((_, spec)) => spec.to_owned(),
                None => json(&self.spec(database, place, operations, namespace)),
            },
            // Argo CD may lose sight of its hook (argo-cd#29100); then it goes by itself.
            ttl_seconds: Some(600),
        });
        jobs.collect()
    }

    /// The baseline that this pull request may have.
    fn baseline(
        &mut self,
        database: &'a Database,
        pointer: &str,
        trust: TrustFacts,
    ) -> Option<(&'a str, &'a Baseline)> {
        let guardrails = self.guardrails;
        let pointer = format!("{pointer}/baseline");
        let Some((asked, baseline)) = guardrails.baselines.get_key_value(&database.baseline) else {
            let hint = self.hint(&database.baseline, guardrails.baselines.names());
            let message = format!("the guardrails have no baseline `{}`{hint}", database.baseline);
            self.policy_finding(&rules::baseline::UNKNOWN_BASELINE, pointer, message);
            return None;
        };
        let mut granted = (asked, baseline);
        // A quarantined pull request runs nothing; its databases are only named, to be removed.
        if trust.grant == Grant::Restricted && !rules::baseline::is_safe_for_strangers(baseline) {
            if let Some(other) = baseline
                .restricted
                .as_ref()
                .and_then(|name| guardrails.baselines.get_key_value(name))
                .filter(|(_, other)| rules::baseline::is_safe_for_strangers(other))
            {
                granted = other;
            } else {
                let what = format!("the database `{}`", database.name);
                self.findings.push(rules::trust::withheld(&what, &pointer, trust.tier));
                return None;
            }
        }
        let (name, baseline) = granted;
        if let Some(finding) = rules::baseline::unusable(name, baseline, guardrails) {
            self.findings.push(finding);
            return None;
        }
        self.decisions.record(|| Decision {
            field: format!("databases.{}.baseline", database.name),
            origin: Origin::Input(InputFile::Policy, pointer),
            asked: (asked != name).then(|| asked.to_owned()),
            granted: name.to_owned(),
            rule: (asked != name).then_some(&rules::trust::WITHHELD),
            reason: rules::baseline::why_safe(baseline).to_owned(),
        });
        Some(granted)
    }
}

fn json(spec: &Spec<'_>) -> String {
    serde_json::to_string(spec).unwrap_or_default()
}

/// The `Cluster` that CloudNativePG makes of a snapshot.
fn cluster(database: &Database, baseline: &Baseline, namespace: &str, server: &str) -> Option<ClusterFacts> {
    let source = baseline.cluster.as_ref().filter(|_| baseline.provider == Provider::Cnpg)?;
    Some(ClusterFacts {
        // Nobody can change which snapshot these are: another one's are others.
        content: names::hashed(
            &format!("{namespace}-{}-snapshot", database.name),
            &[namespace, &database.name, &source.driver, &source.snapshot],
        ),
        copy: names::hashed(server, &[&source.driver, &source.snapshot]),
        driver: source.driver.clone(),
        snapshot: source.snapshot.clone(),
        size: source.size.clone(),
        storage_class: source.storage_class.as_ref().map(ToString::to_string),
        image: baseline.image.as_deref().unwrap_or_default().to_owned(),
        database: baseline.database.clone().unwrap_or_default(),
        owner: source.owner.clone(),
        operator: source.operator.to_string(),
    })
}

/// provision and verify. `pods`: what stands for the rest of the Pods of each.
fn jobs(
    database: &DatabaseFacts,
    branch_spec: String,
    pods: [&str; 2],
    namespace: &str,
    credentials: &str,
) -> [DatabaseJob; 2] {
    let own = database.is_own();
    let job = |step: &'static str, flags: Vec<&'static str>, wave: &'static str, spec: String, pods: &str| {
        let stem =
            if own { format!("{}-{step}", database.name) } else { format!("{namespace}-{}-{step}", database.name) };
        DatabaseJob {
            name: names::hashed(&stem, &[&spec, pods]),
            namespace: database.jobs_namespace.clone(),
            database: database.name.clone(),
            step,
            flags,
            annotations: annotations(&[(keys::SYNC_WAVE, wave)]),
            active_deadline_seconds: database.active_deadline_seconds,
            image: database.image.clone(),
            service_account: database.service_account.clone(),
            credentials: if own { String::new() } else { credentials.to_owned() },
            spec,
            ttl_seconds: None,
        }
    };
    [
        job("provision", Vec::new(), WAVES.guard, branch_spec, pods[0]),
        job("verify", vec!["--wait"], WAVES.migrate, database.spec.clone(), pods[1]),
    ]
}

/// Seconds that a Job may take: a command that was killed gets its time once more.
fn job_deadline(operations: &Operations) -> u64 {
    2 * operations.deadline.seconds
}

fn annotations(annotations: &[(&'static str, &'static str)]) -> Value {
    Value::map(annotations.iter().map(|(key, value)| (*key, Value::from(*value))))
}

/// `storefront-pr-128-main-destroy-HASH`, in the operations namespace, where all previews meet. Both a policy's and a
/// database's name may hold hyphens, so that different parts could make one text: the hash keeps them apart.
fn in_operations(namespace: &str, database: &str, end: &str) -> String {
    names::hashed(&format!("{namespace}-{database}{end}"), &[namespace, database])
}

/// The variable that holds a database's URL.
pub(super) fn url_variable(database: &Database) -> &str {
    database.env.as_deref().unwrap_or(VARIABLE)
}

/// The `StatefulSet` and Service of an embedded database, or the `Cluster`.
pub(super) fn server(database: &Database) -> String {
    names::shorten(&format!("database-{}", database.name), SERVER)
}

/// What CloudNativePG's Secrets end with, beside `-app`, which has the password: who has its authority's key has every login.
pub(super) const OPERATORS_SECRETS: [&str; 3] = ["ca", "server", "replication"];

/// The Secrets that a database may have beside the one that the workload reads, whichever provider its baseline has.
pub(super) fn secrets_beside(database: &Database) -> impl Iterator<Item = String> {
    let server = server(database);
    let servers = [Provider::Embedded, Provider::Cnpg].map(|provider| server_secret(database, &server, provider));
    let operators = OPERATORS_SECRETS.map(|end| format!("{server}-{end}"));
    std::iter::once(names::direct_secret(&database.name)).chain(servers).chain(operators)
}

/// The Secret with a server's password; CloudNativePG names its own.
fn server_secret(database: &Database, server: &str, provider: Provider) -> String {
    match provider {
        Provider::Cnpg => format!("{server}-app"),
        _ => names::shorten(&format!("{}-server", database.name), names::LABEL),
    }
}
