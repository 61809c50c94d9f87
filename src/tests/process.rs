//! The program in a process of its own, because variables, the current folder and standard input are a process's.

use std::{
    env, fs,
    path::Path,
    process::{self, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::json;

use super::{
    scratch::Scratch,
    support::{Run, dayfly},
};
use crate::cli::ExitCode;

/// The file that tells [`answer`] the arguments, and takes what came of them.
const CALL: &str = "DAYFLY_TESTS_CALL";

/// Runs `dayfly ARGS` in a folder, with these variables and no others.
pub(super) fn dayfly_in(folder: &Path, args: &[&str], variables: &[(&str, &str)], input: Stdio) -> Run {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let file = env::temp_dir().join(format!("dayfly-tests-call-{}-{count}", process::id()));
    fs::write(&file, json!(args).to_string()).expect("a file");
    let done = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", "tests::process::answer", "--ignored", "--test-threads=1"])
        .env_clear()
        .env(CALL, &file)
        .envs(variables.iter().copied())
        .stdin(input)
        .current_dir(folder)
        .output()
        .expect("a process");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    let answer = fs::read_to_string(&file).expect("an answer");
    let _ = fs::remove_file(&file);
    let (code, out, err): (usize, String, String) = serde_json::from_str(&answer).expect("what came of it");
    Run { code: [ExitCode::Fine, ExitCode::Findings, ExitCode::CannotRun][code], out, err }
}

/// The same in the folder of a policy, with nothing on standard input.
pub(super) fn with_variables(scratch: &Scratch, args: &[&str], variables: &[(&str, &str)]) -> Run {
    dayfly_in(&scratch.path(""), args, variables, Stdio::null())
}

#[test]
#[ignore = "the other end of `dayfly_in`"]
fn answer() {
    let Some(file) = env::var_os(CALL) else { return };
    let args: Vec<String> = serde_json::from_str(&fs::read_to_string(&file).expect("a file")).expect("arguments");
    let run = dayfly(&args.iter().map(String::as_str).collect::<Vec<_>>());
    fs::write(file, json!([run.code as u8, run.out, run.err]).to_string()).expect("a file");
}
