//! What the documentation tells people to do, as the tests do it: no page has a recipe that nobody ran.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

/// The block of `docs/PAGE` that has `recipe=NAME` after its fence.
pub(crate) fn recipe(page: &str, name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    let text = fs::read_to_string(&path).unwrap();
    let mark = format!(" recipe={name}");
    let mut blocks = text.split("\n```").filter(|block| block.lines().next().is_some_and(|info| info.ends_with(&mark)));
    let block = blocks.next().unwrap_or_else(|| panic!("{page} has no block{mark}"));
    assert!(blocks.next().is_none(), "{page} has two blocks{mark}");
    block.split_once('\n').unwrap().1.to_owned() + "\n"
}

/// Runs a recipe's SQL in one session, statement by statement.
pub(crate) fn run_sql(url: &str, sql: &str) -> Result<(), String> {
    run(Command::new("psql").args([url, "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1", "--file", "-"]), sql)
}

/// Runs a program with something to read.
pub(crate) fn run(command: &mut Command, input: &str) -> Result<(), String> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
