//! Runs the program in this process, on files of `testdata/`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use crate::{
    cli::{self, ExitCode},
    value::child,
};

/// The text at a pointer; empty if there is none.
pub(super) fn text<'j>(json: &'j Json, pointer: &str) -> &'j str {
    json.pointer(pointer).and_then(Json::as_str).unwrap_or_default()
}

/// The object of a kind with a name.
#[track_caller]
pub(super) fn named<'o>(objects: &'o [Json], kind: &str, name: &str) -> &'o Json {
    let is_it = |object: &&Json| object["kind"] == kind && object["metadata"]["name"] == name;
    objects.iter().find(is_it).unwrap_or_else(|| panic!("no {kind} {name}"))
}

/// The JSON pointer of every node of a tree, of what is in one before its own.
pub(super) fn pointers(tree: &Json) -> Vec<String> {
    fn collect(value: &Json, pointer: String, pointers: &mut Vec<String>) {
        match value {
            Json::Object(map) => {
                map.iter().for_each(|(key, value)| collect(value, child(&pointer, key), pointers));
            }
            Json::Array(items) => {
                let items = items.iter().enumerate();
                items.for_each(|(index, value)| collect(value, child(&pointer, &index.to_string()), pointers));
            }
            _ => {}
        }
        pointers.push(pointer);
    }
    let mut pointers = Vec::new();
    collect(tree, String::new(), &mut pointers);
    pointers
}

/// What a command line came to.
pub(super) struct Run {
    pub code: ExitCode,
    pub out: String,
    pub err: String,
}

impl Run {
    /// Without a folder's path in what is said, whoever's machine it is on.
    fn without(mut self, folder: &Path) -> Self {
        let here = format!("{}/", folder.display());
        self.out = self.out.replace(&here, "");
        self.err = self.err.replace(&here, "");
        self
    }

    /// What was written as a list of JSON: objects, or findings.
    #[track_caller]
    pub(super) fn list(&self) -> Vec<Json> {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}{}", self.out, self.err))
    }

    /// Whether the quarantine was written, as JSON.
    pub(super) fn is_quarantine(&self) -> bool {
        self.out.contains("\"name\":\"dayfly-findings\"")
    }
}

/// A disk or a pipe that takes nothing, for this reason.
pub(super) struct Closed(pub io::ErrorKind);

impl Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The repository.
pub(super) fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Runs `dayfly ARGS`.
pub(super) fn dayfly(args: &[&str]) -> Run {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let args = std::iter::once("dayfly").chain(args.iter().copied()).map(Into::into);
    let code = cli::run(args, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Run { code, out: text(out), err: text(err) }
}

/// A file of a case. One without guardrails or parameters of its own has the storefront's.
pub(super) fn case_file(case: &str, name: &str) -> PathBuf {
    let folder = |case: &str| root().join("testdata").join(case);
    assert!(folder(case).is_dir(), "there is no case {case}");
    let own = folder(case).join(name);
    if own.exists() { own } else { folder("storefront").join(name) }
}

/// Runs `dayfly COMMAND CASE --guardrails … --parameters … ARGS` on a folder of `testdata/`.
pub(super) fn dayfly_on(command: &str, case: &str, args: &[&str]) -> Run {
    let folder = root().join("testdata").join(case);
    let [guardrails, parameters] = ["guardrails.yaml", "parameters.yaml"].map(|name| case_file(case, name));
    dayfly_with(command, [&folder, &guardrails, &parameters], args, &root())
}

/// The same for these three; `here` is taken out of what is said.
pub(super) fn dayfly_with(command: &str, inputs: [&Path; 3], args: &[&str], here: &Path) -> Run {
    let [folder, guardrails, parameters] = inputs.map(|path| path.display().to_string());
    let all = [&[command, &*folder], args, &["--guardrails", &*guardrails, "--parameters", &*parameters]].concat();
    dayfly(&all).without(here)
}

/// The same for a stream of pull requests, and no other parameters.
pub(super) fn dayfly_each([folder, guardrails, sets]: [&str; 3], here: &Path) -> Run {
    dayfly(&["render", folder, "--guardrails", guardrails, "--each", sets, "-o", "ndjson"]).without(here)
}
