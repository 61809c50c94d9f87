//! What a command says while it works: lines for people, or JSON for a cluster's logs. No secret is ever among them.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    io::Write,
    pin::pin,
    rc::Rc,
    time::{Duration, Instant, SystemTime},
};

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use crate::finding::{Finding, one_line};

/// How progress is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people: a line an event.
    Text,
    /// For collectors of logs: a JSON object a line.
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Info,
    Warning,
    Error,
}

/// Where progress goes. Clones share what is being waited for.
#[derive(Clone)]
pub struct Log {
    format: LogFormat,
    command: &'static str,
    environment: String,
    /// What begins each message, where several things are waited for at once.
    part: String,
    started: Instant,
    wait: Rc<RefCell<Wait>>,
    /// What is left of the work that goes on now, if it is not to be broken off.
    undivided: Rc<Cell<Option<&'static str>>>,
}

/// After a silence of this length somebody is told what is waited for.
const SILENCE: Duration = Duration::from_secs(3);

/// What is waited for.
struct Wait {
    what: String,
    /// How the last attempt at it failed.
    failure: Option<String>,
    /// The last line of the log, and what was said of this wait since something was done.
    spoken: Instant,
    said: BTreeSet<String>,
}

impl Wait {
    fn new() -> Rc<RefCell<Self>> {
        let (what, spoken) = ("beginning".to_owned(), Instant::now());
        Rc::new(RefCell::new(Self { what, failure: None, spoken, said: BTreeSet::new() }))
    }

    fn current(&self) -> &str {
        self.failure.as_ref().unwrap_or(&self.what)
    }

    /// What there is to say by now, each thing once: what is asked for again and again alternates.
    fn news(&mut self, now: Instant) -> Option<String> {
        let current = self.current().to_owned();
        let is_time = now.duration_since(self.spoken) >= SILENCE;
        (is_time && self.said.insert(current.clone())).then_some(current)
    }
}

impl Log {
    /// A log of `command`.
    pub fn new(format: LogFormat, command: &'static str) -> Self {
        Self {
            format,
            command,
            environment: String::new(),
            part: String::new(),
            started: Instant::now(),
            wait: Wait::new(),
            undivided: Rc::default(),
        }
    }

    /// The same, about one environment.
    pub fn about(&self, environment: &str) -> Self {
        Self { environment: environment.to_owned(), ..self.clone() }
    }

    /// Whether it is for programs, and so all of what is printed beside what was asked for.
    pub fn is_json(&self) -> bool {
        self.format == LogFormat::Json
    }

    /// A log of one of several things that are waited for at once.
    pub fn part(&self, name: &str) -> Self {
        Self { part: format!("{name}: "), wait: Wait::new(), ..self.clone() }
    }

    /// Something was done.
    pub fn info(&self, message: impl AsRef<str>) {
        self.write(Level::Info, message.as_ref(), &[]);
    }

    /// Something was done, with figures that programs read.
    pub fn facts(&self, message: impl AsRef<str>, facts: &[(&str, Value)]) {
        self.write(Level::Info, message.as_ref(), facts);
    }

    /// Something that somebody should know.
    pub fn warn(&self, message: impl AsRef<str>) {
        self.write(Level::Warning, message.as_ref(), &[]);
    }

    /// Why it failed. Called once, last.
    pub fn error(&self, message: impl AsRef<str>) {
        self.write(Level::Error, message.as_ref(), &[]);
    }

    /// What is wrong with a file, with all that `dayfly check` tells programs.
    pub fn found(&self, finding: &Finding) {
        let level = if finding.is_error() { Level::Error } else { Level::Warning };
        let facts = [
            ("code", json!(finding.rule.code)),
            ("owner", json!(finding.owner.name())),
            ("help", json!(finding.help)),
            ("location", json!(finding.location())),
        ];
        self.write(level, &finding.message, &facts);
    }

    /// What is waited for from now on. Somebody is told once it takes long, and a passed deadline names it.
    pub fn doing(&self, what: impl Into<String>) {
        let (what, mut wait) = (what.into(), self.wait.borrow_mut());
        if wait.what != what {
            (wait.what, wait.failure) = (what, None);
        }
    }

    /// An attempt at it failed, and is repeated.
    pub fn again(&self, failure: impl std::fmt::Display) {
        self.wait.borrow_mut().failure = Some(format!("trying again: {failure:#}"));
    }

    /// What was last waited for.
    pub fn current(&self) -> String {
        self.wait.borrow().current().to_owned()
    }

    /// Work that a deadline or a signal breaks off before or after, and not in between, if that can be helped. `left`: what that
    /// would leave, in words.
    pub async fn undivided<T>(&self, left: &'static str, work: impl Future<Output = T>) -> T {
        self.leaving(Some(left), work).await
    }

    /// What comes before anything is changed, and may be broken off, also in [`Self::undivided`] work.
    pub async fn divisible<T>(&self, work: impl Future<Output = T>) -> T {
        self.leaving(None, work).await
    }

    async fn leaving<T>(&self, left: Option<&'static str>, work: impl Future<Output = T>) -> T {
        struct Guard<'a>(&'a Cell<Option<&'static str>>, Option<&'static str>);
        impl Drop for Guard<'_> {
            fn drop(&mut self) {
                self.0.set(self.1);
            }
        }
        let _guard = Guard(&self.undivided, self.undivided.replace(left));
        work.await
    }

    /// What is left if the work that goes on now is broken off; `None`: it may be.
    pub fn left(&self) -> Option<&'static str> {
        self.undivided.get()
    }

    /// Says what is waited for while some work takes long.
    pub async fn narrate<T>(&self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            if let Ok(result) = tokio::time::timeout(SILENCE / 6, &mut work).await {
                return result;
            }
            let news = self.wait.borrow_mut().news(Instant::now());
            if let Some(news) = news {
                self.print(Level::Info, &news, &[("waiting", json!(true))]);
            }
        }
    }

    /// Something happened, so what is waited for next is another wait.
    fn write(&self, level: Level, message: &str, facts: &[(&str, Value)]) {
        self.wait.borrow_mut().said.clear();
        self.print(level, message, facts);
    }

    fn print(&self, level: Level, message: &str, facts: &[(&str, Value)]) {
        self.wait.borrow_mut().spoken = Instant::now();
        // A server's words are among them, and so a preview's: they make no line of their own, and nothing of a terminal.
        let message = one_line(&format!("{}{message}", self.part)).into_owned();
        let mut err = std::io::stderr().lock();
        let seconds = self.started.elapsed().as_secs_f64();
        // A log that nobody reads any more is no reason to stop.
        let _ = match self.format {
            LogFormat::Text => {
                let mark = match level {
                    Level::Info => "",
                    Level::Warning => "warning: ",
                    Level::Error => "error: ",
                };
                writeln!(err, "{seconds:>7.2} s  {mark}{message}")
            }
            LogFormat::Json => {
                let level = match level {
                    Level::Info => "info",
                    Level::Warning => "warning",
                    Level::Error => "error",
                };
                let mut line = Map::new();
                line.insert("time".into(), json!(humantime::format_rfc3339_millis(SystemTime::now()).to_string()));
                line.insert("level".into(), json!(level));
                line.insert("command".into(), json!(self.command));
                if !self.environment.is_empty() {
                    line.insert("environment".into(), json!(self.environment));
                }
                line.insert("message".into(), json!(message));
                line.insert("elapsedMs".into(), json!(self.started.elapsed().as_millis()));
                line.extend(facts.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
                writeln!(err, "{}", Value::Object(line))
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_once_it_takes_long_and_when_it_changes() {
        let log = Log::new(LogFormat::Text, "test");
        let begun = log.wait.borrow().spoken;
        let news = |seconds| log.wait.borrow_mut().news(begun + Duration::from_secs(seconds));
        log.doing("waiting for GET /branches");
        assert_eq!(news(2), None);
        assert_eq!(news(3).as_deref(), Some("waiting for GET /branches"));
        log.again(anyhow::anyhow!("busy").context("503"));
        // The next attempt at the same.
        log.doing("waiting for GET /branches");
        assert_eq!(log.current(), "trying again: 503: busy");
        assert_eq!(news(4).as_deref(), Some("trying again: 503: busy"));
        assert_eq!(news(5), None);
        log.doing("waiting for the branch");
        assert_eq!(log.current(), "waiting for the branch");
        log.info("done");
        assert_eq!(news(2), None, "not before it takes long again");
    }
}
