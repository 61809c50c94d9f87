//! Who set what databases and their Jobs are.

use crate::{emit::json::compact, input::policy::Database, resolve::Environment, value::Value};

use super::{
    Origin, Resolver, Why, guardrails, policy,
    services::{AS_ITS_USER, ITS_FILES},
};

impl Resolver<'_> {
    pub(super) fn databases_origins(&mut self, facts: &Value, environment: &Environment) {
        let policy_spec = self.policy;
        for (index, database) in policy_spec.databases.iter().enumerate() {
            let index = index.to_string();
            let field = format!("databases.{}", database.name);
            let asked = self.origin_of(&format!("{field}.baseline"));
            let granted = self.decisions.made.iter().find(|decision| decision.field == format!("{field}.baseline"));
            let baseline = granted.map(|decision| decision.granted.clone()).unwrap_or_default();
            let of = |key: &str| guardrails(&["baselines", &baseline, key]);
            let entry = self.guardrails.baselines.get(&baseline);
            let has_endpoint = entry.is_some_and(|baseline| baseline.endpoint.is_some());
            let own = environment
                .databases
                .iter()
                .any(|facts| facts.name == *database.name && facts.jobs_namespace == environment.namespace);
            let shared = |key: &str| job(key, own, &asked, &index);
            self.below(&field, facts, |key| match key {
                "name" => Some((policy(&["databases", &index, "name"]), "the Secret that the workload reads")),
                "variable" if database.env.is_some() => {
                    Some((policy(&["databases", &index, "env"]), "the variable with the URL"))
                }
                "variable" => Some((Origin::BuiltIn, "the variable with the URL, if the policy does not say")),
                "keys" => Some((policy(&["databases", &index, "keys"]), "parts of the URL as variables of their own")),
                "branch" => Some((
                    policy(&["databases", &index, "baseline"]),
                    "another baseline is another branch, with another login",
                )),
                "migrate" => {
                    Some((Origin::BuiltIn, "the Job of migrate and seed: its name holds a hash of what it runs"))
                }
                "access" | "directSecret" | "secrets" | "networkPolicy" | "server" | "serverSecret" => {
                    Some((Origin::BuiltIn, "named after the database"))
                }
                "jobsNamespace" => shared("namespace"),
                "embedded" => Some((of("provider"), "what kind of server the baseline has")),
                "embeddedImage" => Some((of("image"), "the preview's own server")),
                "embeddedDump" => Some((of("dump"), "the data that fills the preview's own server")),
                "endpoint" if !has_endpoint => Some((of("provider"), "where the provider's branches are reached")),
                "endpoint" | "names" => Some((of("endpoint"), "where the branch is reached")),
                "jobNames" => Some((of("endpoint"), "what the Jobs reach by its name")),
                "jobPeers" => Some((guardrails(&["operations", "apiServer"]), "what the Jobs reach")),
                "ownAccount" => Some((Origin::BuiltIn, "the first database's Jobs bring it")),
                _ => shared(key),
            });
            self.below(&format!("{field}.cluster"), facts, |key| match key {
                "content" => Some((Origin::BuiltIn, "named after the preview and the database")),
                "image" | "database" => Some((of(key), "the baseline's")),
                _ => Some((guardrails(&["baselines", &baseline, "cluster", key]), "the baseline's")),
            });
            for names in ["names", "jobNames"] {
                self.below(&format!("{field}.{names}.{}", database.name), facts, |key| match key {
                    "fqdn" | "port" => Some((guardrails(&["baselines", &baseline, "endpoint", key]), "the baseline's")),
                    "endPort" => Some((guardrails(&["baselines", &baseline, "lastPort"]), "the baseline's")),
                    _ => None,
                });
            }
            for (name, _) in database.keys.iter() {
                let place = policy(&["databases", &index, "keys", name]);
                self.below(&format!("{field}.keys.{name}"), facts, |_| {
                    Some((place.clone(), "a part of the URL as a variable of its own"))
                });
            }
            self.steps_origins(&field, &index, database, environment);
            for found in environment.database_jobs.iter().filter(|job| job.database == *database.name) {
                let own = found.namespace == environment.namespace;
                self.below(&format!("databaseJobs.{}", found.name), facts, |key| job(key, own, &asked, &index));
            }
        }
    }

    fn steps_origins(&mut self, field: &str, index: &str, database: &Database, environment: &Environment) {
        let steps = environment.databases.iter().filter(|facts| facts.name == *database.name);
        for (step, place) in steps.flat_map(|facts| {
            let first = facts.first_steps.iter().map(|step| (step, format!("firstSteps.{}", step.name)));
            first.chain(facts.last_step.iter().map(|step| (step, "lastStep".to_owned())))
        }) {
            let of = |key: &str| policy(&["databases", index, step.name, key]);
            let its_name = policy(&["databases", index, step.name]);
            let program = "the team's own program";
            self.say(format!("{field}.{place}.name"), its_name, step.name, program);
            let (user, origin, why) = match step.run_as_user {
                Some(user) => (user.to_string(), of("runAsUser"), "not root"),
                None => ("the Pod's".to_owned(), Origin::BuiltIn, "a user of no image, if the policy does not say"),
            };
            self.say(format!("{field}.{place}.runAsUser"), origin, user, why);
            let mut programs = database.programs();
            let is_said = programs.any(|program| program.name == step.name && program.run_as_group.is_some());
            let (group, origin, why) = match step.run_as_group {
                Some(group) if is_said => (group.to_string(), of("runAsGroup"), ITS_FILES),
                Some(group) => (group.to_string(), of("runAsUser"), AS_ITS_USER),
                None => ("the Pod's".to_owned(), Origin::BuiltIn, AS_ITS_USER),
            };
            self.say(format!("{field}.{place}.runAsGroup"), origin, group, why);
            let (resources, origin, why) = match &step.resources {
                Value::Null => {
                    let of_all = guardrails(&["profiles", &environment.profile, "container"]);
                    (String::new(), of_all, "not asked for: the LimitRange's")
                }
                resources => (compact(resources), of("resources"), "within the profile"),
            };
            self.say(format!("{field}.{place}.resources"), origin, resources, why);
            for folder in &step.writable {
                for of_what in [format!("{field}.{place}"), field.to_owned()] {
                    let why = "a folder that is written to";
                    self.say(format!("{of_what}.writable.{}", folder.name), of("writable"), &*folder.path, why);
                }
            }
            let variables = step.env.items().iter().filter_map(|variable| variable.str_at(&["name"]));
            let variables = variables.collect::<Vec<_>>().join(", ");
            self.say(format!("{field}.{place}.env"), of("env"), variables, "what it uses, and its own");
            for place in [place.as_str(), step.name] {
                self.say(format!("{field}.{place}.image"), of("image"), &*step.image, program);
                self.say(format!("{field}.{place}.command"), of("command"), step.command.join(" "), program);
                if !step.files.is_empty() {
                    let files = step.files.iter().map(|file| &**file).collect::<Vec<_>>().join(", ");
                    self.say(format!("{field}.{place}.files"), of("files"), files, "what is only ever added to");
                }
            }
        }
    }
}

/// What a database's Jobs have in common.
fn job(key: &str, own: bool, asked: &Origin, index: &str) -> Option<Why> {
    let operations = |key: &str| guardrails(&["operations", key]);
    Some(match key {
        "name" => (Origin::BuiltIn, "named after the preview, the database and the step, with a hash of its inputs"),
        "namespace" if own => (guardrails(&["namespace"]), "the preview's: nobody else's key is needed"),
        "database" => (policy(&["databases", index, "name"]), "whose Job it is"),
        "namespace" | "image" | "serviceAccount" | "credentials" => {
            (operations(key), "the operations', where all database Jobs are alike")
        }
        "activeDeadlineSeconds" => {
            (operations("deadline"), "a command's deadline, twice: one that was killed runs again")
        }
        "spec" => (asked.clone(), "what the Jobs are told: the baseline, names and steps"),
        "step" | "flags" | "annotations" | "ttlSeconds" => {
            (Origin::BuiltIn, "which of the steps it is, and when it runs")
        }
        _ => return None,
    })
}
