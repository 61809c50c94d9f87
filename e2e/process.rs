//! Running programs, and waiting for what they change.

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

pub(crate) struct Done {
    pub(crate) ok: bool,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs a program to its end, whatever its exit status is.
pub(crate) fn run(program: &str, arguments: &[&str], input: &str) -> Done {
    let mut child = Command::new(program)
        .args(arguments)
        // kubectl and argocd end before they need their collector, and it is a quarter of what a call costs.
        .env("GOGC", "off")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}; e2e/run puts what the tests need into PATH"));
    let mut stdin = child.stdin.take().expect("it was asked for");
    let text = input.to_owned();
    // A program that answers before it has read everything would block both sides.
    let writer = std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
    let done = child.wait_with_output().expect("it was started");
    writer.join().expect("it does not panic");
    Done {
        ok: done.status.success(),
        out: String::from_utf8_lossy(&done.stdout).into_owned(),
        err: String::from_utf8_lossy(&done.stderr).into_owned(),
    }
}

/// Runs a program that must succeed, and gives its output.
pub(crate) fn must(program: &str, arguments: &[&str], input: &str) -> String {
    let done = run(program, arguments, input);
    assert!(done.ok, "{program} {}: {}{}", arguments.join(" "), done.err, done.out);
    done.out
}

/// Asks again and again until there is an answer; after `seconds` it fails and says what it has seen. Whoever asks is busy for a
/// quarter of the time at most: many tests ask at once, and what they wait for needs the processor too.
pub(crate) fn until<T>(seconds: u64, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        let begun = Instant::now();
        match ask() {
            Ok(answer) => return answer,
            Err(seen) => assert!(Instant::now() < deadline, "not within {seconds} s: {seen}"),
        }
        sleep((3 * begun.elapsed()).clamp(Duration::from_millis(250), Duration::from_secs(2)));
    }
}

/// A setting that `e2e/run` makes, and that whoever uses their own cluster must make.
pub(crate) fn setting(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is not set: start the tests with e2e/run, or see e2e/README.md"))
}

/// A path inside the repository.
pub(crate) fn repository(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
