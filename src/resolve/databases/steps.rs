//! Migrate and seed: what the team's programs are, and when they run again.

use crate::{
    database::spec::Steps,
    input::{
        policy::{Database, Program},
        scalar::{GroupId, Reference, UserId},
    },
    resolve::{
        Preview, Resolver, addresses::Reaches, environment::StepFacts, names, texts::TextKind, variables::Container,
    },
};

use super::{VARIABLE, url_variable};

/// Where its own database is, as dayfly tells a program that it runs.
const PROGRAM_HOST: [&str; 4] = ["PGHOST", "PGPORT", "MYSQL_HOST", "MYSQL_TCP_PORT"];

/// Where `templates/database-migrate.yaml` mounts what is dayfly's own.
const OWN: [&str; 2] = ["/dayfly/bin", "/dayfly/spec"];

impl<'a> Resolver<'a> {
    pub(super) fn steps(&mut self, database: &'a Database, pointer: &str, preview: Preview<'_>) -> Vec<StepFacts> {
        let taken: Vec<&str> = [VARIABLE, url_variable(database)].into_iter().chain(database.keys.names()).collect();
        let own = [Reference::from(&database.name)];
        let step = |program: Program<'a>| {
            let name = program.name;
            let pointer = format!("{pointer}/{name}");
            let hosts: Vec<&str> = PROGRAM_HOST.into_iter().chain(self.own_hosts(program.env)).collect();
            let container = Container {
                preview,
                field: format_args!("databases.{}.{name}", database.name),
                pointer: &pointer,
                who: format_args!("`{name}`"),
                env: program.env,
                uses: program.uses,
                // What changes here makes it run again.
                env_kind: TextKind::Strict,
                service_name: None,
                taken: &taken,
                databases: None,
                reaches: Reaches { uses: &own, variables: &hosts },
            };
            StepFacts {
                name,
                image: self.image(program.image, format!("{pointer}/image"), preview.pr),
                command: self.words(&container, program.command, "command"),
                env: self.env(&container),
                files: program.files.to_vec(),
                resources: self.resources(&container, name, program.resources),
                writable: self.writable(program.writable, name, &OWN, &pointer).collect(),
                run_as_user: program.run_as_user.map(UserId::get),
                run_as_group: program.run_as_group.map(GroupId::get).or(program.run_as_user.map(UserId::get)),
            }
        };
        database.programs().map(step).collect()
    }
}

/// What tells one run of the team's programs from another: the image, the command and the variables of each, its user and group, and its
/// files and folders.
pub(super) fn told(steps: &[StepFacts]) -> Steps {
    let hash = |name: &str| {
        let step = steps.iter().find(|step| step.name == name)?;
        let words = std::iter::once(step.image.as_str()).chain(step.command.iter().map(String::as_str));
        let mut hash = names::hash(&words.collect::<Vec<_>>());
        if !step.env.items().is_empty() {
            hash = names::hash(&[&hash, &serde_json::to_string(&step.env).unwrap_or_default()]);
        }
        // Where one failed for want of them, the next is another run.
        if step.run_as_group.is_some() || !step.writable.is_empty() {
            let user = step.run_as_user.map(|user| user.to_string()).unwrap_or_default();
            let user = match step.run_as_group.filter(|group| step.run_as_user != Some(*group)) {
                Some(group) => format!("{user}:{group}"),
                None => user,
            };
            let folders = step.writable.iter().map(|folder| folder.path.as_str());
            // No file's name is empty.
            hash = names::hash(&[hash.as_str(), "", &user].into_iter().chain(folders).collect::<Vec<_>>());
        }
        // A hash of a hash: a word more of the command is not a file more.
        let words = std::iter::once(hash.as_str()).chain(step.files.iter().map(|file| &**file));
        Some(if step.files.is_empty() { hash } else { names::hash(&words.collect::<Vec<_>>()) })
    };
    let files = steps.iter().flat_map(|step| &step.files).cloned().collect();
    Steps { migrate: hash("migrate"), seed: hash("seed"), files }
}
