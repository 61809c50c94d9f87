//! Runs the program in this process, on files of `testdata/`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::Value as Json;

use crate::{
    cli::{self, ExitCode},
    value::child,
};

/// What work comes to, and what this thread has had of a processor for it: the clock would also count what else the machine does.
pub(crate) fn processor_time<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let so_far = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
        Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds"))
    };
    let start = so_far();
    let result = work();
    (result, so_far().saturating_sub(start))
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

/// Runs `dayfly COMMAND CASE --guardrails … --parameters … ARGS` on a folder of `testdata/`. A case without guardrails or
/// parameters of its own has the storefront's.
pub(super) fn dayfly_on(command: &str, case: &str, args: &[&str]) -> Run {
    let folder = root().join("testdata").join(case);
    let file = |name: &str| {
        let own = folder.join(name);
        if own.exists() { own } else { root().join("testdata/storefront").join(name) }
    };
    dayfly_with(command, [&folder, &file("guardrails.yaml"), &file("parameters.yaml")], args, &root())
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
