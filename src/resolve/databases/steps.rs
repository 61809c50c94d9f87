//! Migrate and seed: what the team's programs are, and when they run again.

use std::collections::BTreeSet;

use crate::{
    database::spec::Steps,
    expression::Interpolated,
    finding::InputFile,
    input::{
        Ordered,
        policy::{Database, Migration, Step},
        scalar::{DnsLabel, EnvName},
    },
    resolve::{
        Decision, Origin, PullRequest, Resolver,
        environment::{SecretFacts, StepFacts},
        names,
        variables::{from_secret, own_variable, plain},
    },
    rules,
    value::Value,
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
        let mut steps = Vec::with_capacity(2);
        if let Some(Migration { image, command, env, uses, files }) = &database.migrate {
            let pointer = format!("{pointer}/migrate");
            let env = self.step_env(database, "migrate", env, uses, &pointer, secrets);
            let step = self.step(database, "migrate", image, command, &pointer, pr);
            steps.push(StepFacts { env, files: files.clone(), ..step });
        }
        if let Some(Step { image, command, env, uses }) = &database.seed {
            let pointer = format!("{pointer}/seed");
            let env = self.step_env(database, "seed", env, uses, &pointer, secrets);
            steps.push(StepFacts { env, ..self.step(database, "seed", image, command, &pointer, pr) });
        }
        steps
    }

    fn step(
        &mut self,
        database: &Database,
        name: &'static str,
        image: &'a Interpolated,
        command: &'a [Interpolated],
        pointer: &str,
        pr: &PullRequest,
    ) -> StepFacts {
        let image = self.image(image, format!("{pointer}/image"), pr);
        let words = command.iter().enumerate();
        let command = words
            .map(|(index, word)| {
                let here = || format!("{pointer}/command/{index}");
                let text = self.text(word, InputFile::Policy, here);
                let its_own = std::slice::from_ref(&database.name);
                self.judge_address(word, &text, its_own, &PROGRAM_HOST, || "a word of `command`".into(), here);
                text
            })
            .collect();
        StepFacts { name, image, command, env: Value::list([]), files: Vec::new() }
    }

    /// What a program has besides its database's variables: those of Secrets, then its own, which may name all above, and is left out with
    /// what it names. No free text: what changes here makes it run again.
    fn step_env(
        &mut self,
        database: &'a Database,
        step: &str,
        env: &'a Ordered<Interpolated, EnvName>,
        uses: &'a [DnsLabel],
        pointer: &str,
        secrets: &[SecretFacts],
    ) -> Value {
        let policy = self.policy;
        let its_own = [VARIABLE, url_variable(database)];
        let mut names: Vec<&str> = its_own.into_iter().chain(database.keys.names()).collect();
        let mut items = Vec::new();
        let mut own = Vec::with_capacity(env.len());
        let mut knows_all = true;
        let mut withheld: Vec<&str> = Vec::new();
        let mut take = |resolver: &mut Self, name: &'a str, place: &str| {
            if names.contains(&name) {
                let message = format!("the variable `{name}` is set already");
                resolver.policy_finding(&rules::reference::DUPLICATE_NAME, place, message);
            }
            names.push(name);
        };
        let field = |name: &str| format!("databases.{}.{step}.env.{name}", database.name);
        for (index, used) in uses.iter().enumerate() {
            let place = format!("{pointer}/uses/{index}");
            let Some(secret) = policy.secrets.iter().find(|secret| secret.name == *used) else {
                let hint = self.hint(used, policy.secrets.iter().map(|secret| &*secret.name));
                let message = format!("there is no secret `{used}`{hint}");
                self.policy_finding(&rules::reference::UNKNOWN_REFERENCE, place, message);
                knows_all = false;
                continue;
            };
            let is_granted = secrets.iter().any(|secret| secret.name == **used);
            for name in secret.keys.names() {
                take(self, name, &place);
                self.decisions.record(|| Decision {
                    field: field(name),
                    origin: Origin::Input(InputFile::Policy, place.clone()),
                    asked: None,
                    granted: if is_granted { format!("of the Secret `{used}`") } else { "nothing".to_owned() },
                    rule: (!is_granted).then_some(&rules::trust::WITHHELD),
                    reason: format!("`{step}` uses `{used}`"),
                });
                if is_granted {
                    items.push(from_secret(name, used, name));
                } else {
                    withheld.push(name);
                }
            }
        }
        for (name, value) in env.iter() {
            let place = format!("{pointer}/env/{name}");
            let mistakes = self.findings.len();
            let text = self.text(value, InputFile::Policy, || place.clone());
            self.judge_address(
                value,
                &text,
                std::slice::from_ref(&database.name),
                &PROGRAM_HOST,
                || format!("the variable `{name}`"),
                || place.clone(),
            );
            take(self, name, &place);
            let hole = rules::reference::named(&text).find(|named| withheld.contains(named));
            self.decisions
                .record(|| own_variable(field(name), place, value, &text, hole, &format!("`{step}`'s own variable")));
            if hole.is_some() {
                withheld.push(name);
            } else {
                items.push(plain(name, &text));
            }
            own.push((name, text, self.findings.len() == mistakes));
            self.judge_plain(value, InputFile::Policy, || format!("{pointer}/env/{name}"));
        }
        let mut above: BTreeSet<&str> = names[..names.len() - own.len()].iter().copied().collect();
        for (name, text, is_fine) in own.iter().filter(|_| knows_all) {
            if *is_fine {
                self.judge_reference(name, text, &above, || format!("{pointer}/env/{name}"));
            }
            above.insert(name);
        }
        Value::list(items)
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
