//! What the program says twice: names that serde spells too.

use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, json};

use crate::{
    finding::Owner,
    input::{guardrails::Provider, policy::DatabaseKey},
};

/// The words that an input file may say where it takes a `T`: all of its variants.
fn words<T: JsonSchema>() -> Vec<String> {
    let schema = schema_for!(T).to_value();
    let choices = schema["oneOf"].as_array().expect("a choice with a description each");
    choices.iter().map(|choice| choice["const"].as_str().expect("a word").to_owned()).collect()
}

fn read<T: DeserializeOwned>(word: &str) -> T {
    serde_json::from_value(Json::from(word)).expect("one of its words")
}

#[test]
fn names_are_those_that_files_have() {
    for word in words::<Provider>() {
        assert_eq!(read::<Provider>(&word).name(), word);
    }
    for word in words::<DatabaseKey>() {
        assert_eq!(read::<DatabaseKey>(&word).name(), word);
    }
    for owner in [Owner::Platform, Owner::Team, Owner::PullRequest] {
        assert_eq!(json!(owner), owner.name());
        // Whoever adds one adds it above.
        match owner {
            Owner::Platform | Owner::Team | Owner::PullRequest => {}
        }
    }
}
