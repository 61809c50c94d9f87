//! Runs the program in this process, on files of `testdata/`.

use std::path::PathBuf;

use serde_json::Value as Json;

use crate::{
    cli::{self, ExitCode},
    value::child,
};

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
        let path = if own.exists() { own } else { root().join("testdata/storefront").join(name) };
        path.display().to_string()
    };
    let (guardrails, parameters) = (file("guardrails.yaml"), file("parameters.yaml"));
    let folder = folder.display().to_string();
    let mut all = vec![command, &folder];
    all.extend(args);
    all.extend(["--guardrails", &guardrails, "--parameters", &parameters]);
    let mut run = dayfly(&all);
    // Places in the repository, whoever's machine it is on.
    let here = format!("{}/", root().display());
    run.out = run.out.replace(&here, "");
    run.err = run.err.replace(&here, "");
    run
}
