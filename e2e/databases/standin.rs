//! The controls of a provider's stand-in: README.md lists them.

use std::process::Command;

use serde_json::{Value, json};

use crate::lab::service;

/// A stand-in, as it is at first.
pub(crate) struct Standin {
    control: String,
}

impl Standin {
    /// `name`: as in `DAYFLY_TEST_<NAME>_CONTROL`.
    pub(crate) fn reset(name: &str) -> Self {
        let standin = Self { control: service(&format!("DAYFLY_TEST_{name}_CONTROL")) };
        standin.post(&json!({"reset": true}));
        standin
    }

    /// Its state.
    pub(crate) fn state(&self) -> Value {
        self.call(&[])
    }

    #[track_caller]
    pub(crate) fn post(&self, body: &Value) -> Value {
        self.call(&["--data", &body.to_string()])
    }

    /// The next requests that fit `matching` (`POST */branches`) go wrong like this.
    #[track_caller]
    pub(crate) fn fault(&self, matching: &str, fault: &Value) {
        let mut fault = fault.clone();
        fault["match"] = matching.into();
        self.post(&json!({"fault": fault}));
    }

    /// How many requests it got that begin with `start`.
    pub(crate) fn requests(&self, start: &str) -> usize {
        let state = self.state();
        let requests = state["requests"].as_array().unwrap();
        requests.iter().filter(|request| request["request"].as_str().unwrap().starts_with(start)).count()
    }

    /// Every request and answer was as the provider's document has it, and every fault was met.
    #[track_caller]
    pub(crate) fn assert_held(&self) {
        let state = self.state();
        assert_eq!(state["violations"], json!([]), "{}", state["violations"]);
        assert_eq!(state["faults"], json!([]), "faults that nothing met");
    }

    #[track_caller]
    fn call(&self, more: &[&str]) -> Value {
        let output = Command::new("curl").args(["-sS", "--max-time", "60", &self.control]).args(more).output().expect("curl");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(answer.get("requests").is_some(), "{answer}");
        answer
    }
}
