//! What the program says twice: names that serde spells too, and limits that texts tell.

use schemars::{JsonSchema, schema_for};
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

use super::support::root;
use crate::{
    cli::load,
    expression::Budget,
    input::{
        Policy,
        guardrails::Provider,
        policy::{DatabaseKey, MOST_DATABASES, MOST_FILES},
        scalar::{Duration, MOST_OF_LABEL},
    },
    resolve::{files, services},
    rules::{self, application, forbidden_output, input, manifest_file, pod_placement},
    yaml::Limits,
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
}

/// The description of a field of the policy.
fn field(kind: &str, name: &str) -> String {
    let schema = schema_for!(Policy).to_value();
    let text = schema["$defs"][kind]["properties"][name]["description"].as_str();
    text.unwrap_or_else(|| panic!("{kind} has no `{name}`")).replace('\n', " ")
}

/// Whether a text says something that is no part of a longer word or number.
fn says(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(start, _)| {
        let (before, after) = (text[..start].chars().next_back(), text[start + words.len()..].chars().next());
        [before, after].into_iter().flatten().all(|c| !c.is_alphanumeric())
    })
}

#[test]
fn texts_say_the_limits_that_there_are() {
    let mebibytes = |bytes: usize| format!("{} MiB", bytes >> 20);
    let time = |seconds| Duration { seconds }.to_string();
    let file = |path: &str| std::fs::read_to_string(root().join(path)).expect("a file");
    let input_limit = || input::INPUT_LIMIT.explanation.to_owned();
    let manifest_file = || manifest_file::MANIFEST_FILE.explanation.to_owned();
    let placement = || pod_placement::POD_PLACEMENT.explanation.to_owned();
    let output = || forbidden_output::FORBIDDEN_OUTPUT.explanation.to_owned();
    let manifests = || field("PolicySpec", "manifests");
    let start = || field("Service", "startWithin");
    let table: &[(String, String)] = &[
        (input_limit(), format!("at most {} expressions", Budget::COMPUTED)),
        (file("docs/templates.md"), Budget::COMPUTED.to_string()),
        (input_limit(), mebibytes(Budget::BYTES)),
        (input_limit(), format!("more than {} mistakes", rules::MOST)),
        (manifest_file(), mebibytes(load::MOST_COST.bytes)),
        (manifest_file(), format!("{} documents", load::MOST_MANIFESTS)),
        (manifest_file(), format!("{} keys, values and lists", load::MOST_COST.nodes)),
        (manifest_file(), format!("1 MiB and {} documents", Limits::MANIFESTS.documents)),
        (input_limit(), format!("at most {MOST_DATABASES} databases")),
        (field("PolicySpec", "databases"), format!("At most {MOST_DATABASES}")),
        (input_limit(), format!("at most {MOST_FILES} files of {}", mebibytes(files::MOST_BYTES))),
        (field("Service", "files"), format!("At most {MOST_FILES}")),
        (field("Service", "files"), mebibytes(files::MOST_BYTES)),
        (
            manifests(),
            format!("of {} documents and {}", Limits::MANIFESTS.documents, mebibytes(Limits::MANIFESTS.bytes)),
        ),
        (manifests(), format!("{} files", load::MOST_FILES)),
        (manifests(), format!("{} documents", load::MOST_MANIFESTS)),
        (manifests(), mebibytes(load::MOST_COST.bytes)),
        (placement(), format!("at most {} `replicas`", pod_placement::MOST_REPLICAS)),
        (placement(), format!("At most {} `completions`", pod_placement::jobs::MOST)),
        (placement(), format!("`terminationGracePeriodSeconds` of at most {}", pod_placement::LONGEST_GRACE)),
        (output(), format!("one label of {MOST_OF_LABEL} characters")),
        (output(), format!("label values have at most {MOST_OF_LABEL} characters")),
        (output(), format!("of a CronJob {}", forbidden_output::MOST_OF_MAKER)),
        (output(), format!("of a StatefulSet one label of {}", forbidden_output::MOST_OF_MAKER)),
        (output(), format!("of a Deployment {}", forbidden_output::MOST_OF_DEPLOYMENT)),
        (output(), format!("at most {} KiB", forbidden_output::ANNOTATIONS_SIZE >> 10)),
        (
            application::APPLICATION_SOURCE.explanation.to_owned(),
            format!("{} characters", application::LONGEST_RELEASE),
        ),
        (field("Helm", "releaseName"), format!("at most {} characters", application::LONGEST_RELEASE)),
        (start(), format!("at most `{}`", time(services::LONGEST_START))),
        (start(), format!("Left out, `{}`", time(services::START))),
        (file("templates/deployment.yaml"), format!("periodSeconds: {}", services::PROBE_PERIOD)),
    ];
    for (text, words) in table {
        assert!(says(text, words), "`{words}` is not what this says: {text}");
    }
    // Both in words, there.
    assert!(says(&file("src/resolve/origins/services.rs"), "two minutes, an attempt every two seconds"));
    assert_eq!((services::START, services::PROBE_PERIOD), (2 * 60, 2));
}
