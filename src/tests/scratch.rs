//! The storefront's files in a folder of their own, to be changed; and renderers made of text alone.

use std::{
    fs,
    path::PathBuf,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Map, Value as Json};

use super::support::{Run, case_file, dayfly_each, dayfly_with};
use crate::{
    emit,
    finding::Owner,
    input::{Guardrails, Parameters, Policy, Source, read_typed},
    render::{Rendered, Renderer},
};

pub(super) const POLICY: &str = "preview.yaml";
pub(super) const GUARDRAILS: &str = "guardrails.yaml";
pub(super) const PARAMETERS: &str = "parameters.yaml";

/// A file of the storefront's case.
pub(super) fn storefront(file: &str) -> String {
    of_case("storefront", file)
}

/// A file of a case.
pub(super) fn of_case(case: &str, file: &str) -> String {
    fs::read_to_string(case_file(case, file)).expect("a file of the case")
}

/// The storefront's parameters.
pub(super) fn usual() -> Map<String, Json> {
    serde_yaml::from_str(&storefront(PARAMETERS)).expect("a map")
}

/// A folder with a case's files, which is removed in the end. The guardrails are beside the policy's folder, as they are
/// in the plugin's sidecar.
pub(super) struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    pub(super) fn new(case: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("dayfly-tests-{}-{count}", std::process::id()));
        fs::create_dir_all(folder.join("source")).expect("a folder");
        let scratch = Self { folder };
        for file in [POLICY, GUARDRAILS, PARAMETERS] {
            scratch.write(file, of_case(case, file));
        }
        scratch
    }

    /// Where a file is: the policy's folder holds all but guardrails, parameters and templates.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        let beside = file == GUARDRAILS || file == PARAMETERS || file.starts_with("templates/");
        if beside { self.folder.join(file) } else { self.folder.join("source").join(file) }
    }

    /// The same as an argument.
    pub(super) fn named(&self, file: &str) -> String {
        self.path(file).display().to_string()
    }

    pub(super) fn write(&self, file: &str, content: impl AsRef<[u8]>) {
        let path = self.path(file);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// Replaces the first `from` of a file; there must be one.
    pub(super) fn replace(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(file)).expect("a file");
        assert!(text.contains(from), "{file} holds no {from:?}");
        self.write(file, text.replacen(from, to, 1));
    }

    /// Runs `dayfly COMMAND` on these files, with the folder's path taken out of what it says.
    pub(super) fn run(&self, command: &str, args: &[&str]) -> Run {
        let source = self.folder.join("source");
        dayfly_with(command, [&source, &self.path(GUARDRAILS), &self.path(PARAMETERS)], args, &self.folder)
    }

    /// What is rendered.
    #[track_caller]
    pub(super) fn objects(&self) -> Vec<Json> {
        self.run("render", &["-o", "json"]).list()
    }

    /// What `check` finds, and where.
    #[track_caller]
    pub(super) fn findings(&self) -> Vec<Json> {
        self.run("check", &["--format", "json"]).list()
    }

    /// Renders a stream of pull requests, with the policy's folder taken out of what is said.
    pub(super) fn each(&self, sets: impl AsRef<[u8]>) -> Run {
        self.write("sets", sets);
        self.each_of("sets")
    }

    /// The same for a file that is there.
    pub(super) fn each_of(&self, file: &str) -> Run {
        let inputs = ["", GUARDRAILS, file].map(|file| self.named(file));
        dayfly_each(inputs.each_ref().map(String::as_str), &self.folder.join("source"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What guardrails and a policy come to, without a folder. Both must be right.
pub(super) fn renderer(guardrails: &str, policy: &str) -> Renderer {
    let source = |name: &str, text: &str| Source { name: name.into(), text: text.into() };
    let guardrails: Guardrails = read_typed(&source(GUARDRAILS, guardrails), Owner::Platform).expect("guardrails");
    let policy: Policy = read_typed(&source(POLICY, policy), Owner::Team).expect("a policy");
    Renderer::new(guardrails, policy, Vec::new(), Vec::new(), Vec::new())
}

/// Parameters from JSON.
pub(super) fn parameters(json: &Json) -> Parameters {
    Parameters::from_json(&json.to_string()).expect("parameters")
}

/// The objects as they are written: a line each, the last one ended.
pub(super) fn written(rendered: &Rendered) -> String {
    let mut bytes = Vec::new();
    emit::ndjson(&rendered.objects, &mut bytes);
    String::from_utf8(bytes).expect("UTF-8")
}
