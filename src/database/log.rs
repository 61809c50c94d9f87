//! What a command says while it works: lines for people, or JSON for a cluster's logs. No secret is ever among them.

use std::{
    cell::RefCell,
    io::Write,
    rc::Rc,
    time::{Instant, SystemTime},
};

use clap::ValueEnum;
use serde_json::{Map, Value, json};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    Text,
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
    started: Instant,
    doing: Rc<RefCell<String>>,
}

impl Log {
    /// A log of `command` about `environment`, which may be empty.
    pub fn new(format: LogFormat, command: &'static str, environment: &str) -> Self {
        Self {
            format,
            command,
            environment: environment.to_owned(),
            started: Instant::now(),
            doing: Rc::new(RefCell::new("beginning".to_owned())),
        }
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

    /// What is waited for from now on, which a passed deadline names.
    pub fn doing(&self, what: impl Into<String>) {
        *self.doing.borrow_mut() = what.into();
    }

    /// What was last waited for.
    pub fn current(&self) -> String {
        self.doing.borrow().clone()
    }

    fn write(&self, level: Level, message: &str, facts: &[(&str, Value)]) {
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
