//! A folder of testdata: a policy with its guardrails and the parameters of a pull request.

use serde_json::{Map, Value, json};

use crate::kube::documents;
use crate::process::{must, read, repository, setting};

pub(crate) struct Case {
    pub(crate) folder: String,
    pub(crate) parameters: Map<String, Value>,
}

impl Case {
    /// The case with a number of its own, so that tests do not meet, and with a commit that the tests' git server has.
    pub(crate) fn new(folder: &str, number: u32) -> Self {
        let file = repository(&format!("testdata/{folder}/parameters.yaml"));
        let Some(Value::Object(mut parameters)) = documents(&read(&file)).pop() else { panic!("{file} is not a map") };
        parameters.insert("number".into(), number.into());
        let head = setting("DAYFLY_E2E_HEAD");
        let mut case = Self { folder: folder.into(), parameters };
        case.push(&head);
        case
    }

    /// The same pull request, of a team with another policy: a folder that `e2e/run` makes.
    pub(crate) fn of(mut self, folder: &str) -> Self {
        self.folder = folder.into();
        self
    }

    pub(crate) fn with(mut self, name: &str, value: Value) -> Self {
        self.parameters.insert(name.into(), value);
        self
    }

    /// The pull request gets a new head.
    pub(crate) fn push(&mut self, head: &str) {
        for (name, length) in [("head_sha", 40), ("head_short_sha", 8), ("head_short_sha_7", 7)] {
            self.parameters.insert(name.into(), head[..length].into());
        }
    }

    /// As an `ApplicationSet`'s template writes them: strings, the labels as a JSON list in a string.
    pub(crate) fn for_plugin(&self) -> Vec<Value> {
        let string = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        self.parameters.iter().map(|(name, value)| json!({"name": name, "string": string(value)})).collect()
    }
}

/// What this build renders of a folder with a `preview.yaml`.
pub(crate) fn render(folder: &str, guardrails: &str, parameters: &str) -> Vec<Value> {
    let arguments = ["render", folder, "--guardrails", guardrails, "--parameters", parameters, "-o", "ndjson"];
    let lines = must(&setting("DAYFLY_E2E_BINARY"), &arguments, "");
    lines.lines().map(crate::kube::json).collect()
}
