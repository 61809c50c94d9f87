//! Migrate and seed: what the team's programs are, and when they run again.

use crate::{
    database::spec::Steps,
    input::{
        policy::{Database, Migration, Step},
        scalar::Reference,
    },
    resolve::{
        PullRequest, Resolver,
        environment::{SecretFacts, StepFacts},
        names,
        variables::Container,
    },
};

use super::{VARIABLE, url_variable};

/// Where its own database is, as dayfly tells a program that it runs.
const PROGRAM_HOST: [&str; 4] = ["PGHOST", "PGPORT", "MYSQL_HOST", "MYSQL_TCP_PORT"];

impl<'a> Resolver<'a> {
    pub(super) fn steps(
        &mut self,
        database: &'a Database,
        pointer: &str,
        pr: &PullRequest,
        secrets: &[SecretFacts],
    ) -> Vec<StepFacts> {
        let taken: Vec<&str> = [VARIABLE, url_variable(database)].into_iter().chain(database.keys.names()).collect();
        let own = [Reference::from(&database.name)];
        let mut step = |name: &'static str, image, command, env, uses| {
            let pointer = format!("{pointer}/{name}");
            let container = Container {
                field: format_args!("databases.{}.{name}", database.name),
                pointer: &pointer,
                who: format_args!("`{name}`"),
                env,
                uses,
                // What changes here makes it run again.
                is_free: false,
                service_name: None,
                taken: &taken,
                secrets,
                databases: None,
                reaches: &own,
                hosts: &PROGRAM_HOST,
            };
            let image = self.image(image, format!("{pointer}/image"), pr);
            let command = self.words(&container, command, "command");
            StepFacts { name, image, command, env: self.env(&container), files: Vec::new() }
        };
        let mut steps = Vec::with_capacity(2);
        if let Some(Migration { image, command, env, uses, files }) = &database.migrate {
            steps.push(StepFacts { files: files.clone(), ..step("migrate", image, command, env, uses) });
        }
        if let Some(Step { image, command, env, uses }) = &database.seed {
            steps.push(step("seed", image, command, env, uses));
        }
        steps
    }
}

/// What tells one run of the team's programs from another: the image, the command and the variables of each, and its files.
pub(super) fn told(steps: &[StepFacts]) -> Steps {
    let hash = |name: &str| {
        let step = steps.iter().find(|step| step.name == name)?;
        let words = std::iter::once(step.image.as_str()).chain(step.command.iter().map(String::as_str));
        let mut hash = names::hash(&words.collect::<Vec<_>>());
        if !step.env.items().is_empty() {
            hash = names::hash(&[&hash, &serde_json::to_string(&step.env).unwrap_or_default()]);
        }
        // A hash of a hash: a word more of the command is not a file more.
        let words = std::iter::once(hash.as_str()).chain(step.files.iter().map(|file| &**file));
        Some(if step.files.is_empty() { hash } else { names::hash(&words.collect::<Vec<_>>()) })
    };
    let files = steps.iter().flat_map(|step| &step.files).cloned().collect();
    Steps { migrate: hash("migrate"), seed: hash("seed"), files }
}
