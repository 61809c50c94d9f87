//! A program of the team's: how it is told, what it sees, and its end.

use std::{ffi::OsString, process::Stdio};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

use super::Step;
use crate::{
    database::{
        connection::{ConnectionUrl, HIDDEN},
        credentials::DIRECT,
        engine,
        log::Log,
        schema,
        session::{Run, State},
        spec::Spec,
    },
    finding::masked,
};

/// A program of the team's, as its caller gave it.
pub struct Program<'a> {
    pub(super) step: Step,
    pub(super) spec: &'a Spec<'a>,
    /// Of its branch.
    pub(super) url: ConnectionUrl,
    pub(super) log: &'a Log,
    /// With the branch's login, where Kubernetes or a shell put that in: for nobody's eyes.
    words: Vec<String>,
    /// The same for logs.
    shown: Vec<String>,
    /// What is written down of it.
    pub(super) run: Run,
}

impl<'a> Program<'a> {
    /// `command`: the program and its arguments.
    pub fn new(step: Step, command: &[OsString], spec: &'a Spec<'a>, url: ConnectionUrl, log: &'a Log) -> Result<Self> {
        let words: Vec<String> = command.iter().map(|word| word.to_string_lossy().into_owned()).collect();
        // As the variable has it, which may be spelled otherwise than a URL that was read.
        let spelled = [&*spec.names.variable, DIRECT].map(|name| std::env::var(name).unwrap_or_default());
        let spelled: Vec<String> = spelled.into_iter().filter(|text| text.contains("://")).collect();
        let shown: Vec<String> = words
            .iter()
            .map(|word| {
                let word = spelled.iter().fold(word.clone(), |word, url| word.replace(url.trim(), HIDDEN));
                masked(&url.concealed(&word)).into_owned()
            })
            .collect();
        let digest = schema::sha256(&serde_json::to_vec(&shown)?);
        let run = Run {
            step: step.name().into(),
            input: step.input(spec, &shown),
            state: State::Running,
            command: vec![digest],
        };
        Ok(Self { step, spec, url, log, words, shown, run })
    }

    /// Runs it. `Some`: how it failed.
    pub(super) async fn execute(&self) -> Result<Option<String>> {
        let Self { spec, url, log, words, shown, run, .. } = self;
        let (Some((program, arguments)), Some(name)) = (words.split_first(), shown.first()) else {
            bail!("there is no command to run")
        };
        log.info(format!("running `{}`", shown.join(" ")));
        log.doing(format!("waiting for `{name}` to end"));
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true).process_group(0);
        let names = std::env::vars_os().map(|(name, _)| name);
        for name in names.filter(|name| engine::is_withheld(&spec.baseline, &name.to_string_lossy())) {
            command.env_remove(name);
        }
        command.envs(environment(spec, url));
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => return Ok(Some(format!("`{name}` cannot be run: {error}"))),
        };
        let group = Group::of(&child);
        let status = child.wait().await.with_context(|| format!("`{name}` cannot be waited for"))?;
        if status.success() {
            // What it left in the background on purpose is its own.
            group.release();
            return Ok(None);
        }
        Ok(Some(format!("`{}` failed ({status})", run.step)))
    }
}

/// The program and all that it started (`npm`, `npx` and shells start others): none of it goes on in a branch that is made anew.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    fn release(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // That nothing of it is left is fine.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// The branch, as the programs of the trade expect it.
fn environment(spec: &Spec<'_>, url: &ConnectionUrl) -> Vec<(String, String)> {
    let prefix = if url.is_mysql() { "MYSQL_" } else { "PG" };
    let names = if url.is_mysql() {
        ["HOST", "TCP_PORT", "USER", "PWD", "DATABASE"]
    } else {
        ["HOST", "PORT", "USER", "PASSWORD", "DATABASE"]
    };
    let values = [url.host().to_owned(), url.port().to_string(), url.user(), url.password(), url.database()];
    let mut variables: Vec<(String, String)> =
        names.iter().zip(values).map(|(name, value)| (format!("{prefix}{name}"), value)).collect();
    if let (false, Some(mode)) = (url.is_mysql(), url.parameter("sslmode")) {
        variables.push(("PGSSLMODE".into(), mode));
    }
    variables.push((spec.names.variable.to_string(), url.reveal_here()));
    variables.push((DIRECT.into(), url.reveal_here()));
    variables
}
