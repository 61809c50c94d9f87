//! Parameters: what the pull request is, in the words of Argo CD's pull-request generator.
//!
//! Whoever opened the pull request chose most of them, so they are data: read leniently, judged by
//! [`crate::resolve`], never a reason to stop without an answer.

mod json;

use std::fmt;

use anyhow::{Context as _, bail};

use crate::{
    finding::{Finding, Location, Owner, Subject, visible},
    rules::input::{INVALID_PARAMETER, NOT_YAML, WRONG_TYPE},
    value::{Value, child, from_yaml, pointer_segments},
    yaml::{Data, Entry, Limits, Mark, Node, scalar},
};

use super::{Places, Source, cause::Kind};

/// A parameter that dayfly knows, as `dayfly parameters` announces it.
#[derive(Debug)]
pub struct Known {
    /// As Argo CD passes it, and `--set` takes it.
    pub name: &'static str,
    /// What it is, for people: Argo CD's form shows it.
    pub title: &'static str,
    /// Whether a pull request without it is quarantined.
    pub required: bool,
    /// Whether it is a list: `array` in Argo CD, or a `string` that holds a JSON list.
    pub is_list: bool,
}

const fn known(name: &'static str, title: &'static str) -> Known {
    Known { name, title, required: false, is_list: false }
}

/// All parameters, in the order of the documentation.
pub static KNOWN: &[Known] = &[
    Known { required: true, ..known("number", "Number of the pull request: its identity") },
    Known { required: true, ..known("head_sha", "SHA of its head, in full") },
    known("head_short_sha", "First eight characters of the SHA"),
    known("head_short_sha_7", "First seven characters of the SHA"),
    known("branch", "Its branch"),
    known("branch_slug", "Its branch, as Argo CD makes a slug of it"),
    known("target_branch", "The branch that it goes into"),
    known("title", "Its title"),
    known("author", "Who opened it"),
    Known { is_list: true, ..known("labels", "Its labels") },
    known("fork", "Whether it comes from a fork: `true` or `false`; left out, nobody knows"),
    known("draft", "Whether it is a draft: `true` or `false`"),
    known("url", "Its page"),
    known("updated_at", "Its last activity (RFC 3339): the preview's time to live begins here"),
];

/// Most bytes of a parameters file, and of a line of `--each`.
pub const LIMIT: usize = 8 << 20;

/// Named values, and where they were read.
#[derive(Clone, Debug, Default)]
pub struct Parameters {
    entries: Vec<(String, Value)>,
    source: Option<Source>,
    /// The variable that they were read from.
    variable: Option<&'static str>,
    /// Where the values stand in a file that is Argo CD's list.
    items: Vec<(String, String)>,
    /// Names that were set after the file was read: what stands there is not what counts.
    overridden: Vec<String>,
    /// What is wrong with the file as a whole, such as duplicate keys.
    problems: Vec<Finding>,
    /// Entries of Argo CD's list that have a name only, of which `problems` tells.
    without_value: Vec<String>,
}

impl Parameters {
    /// The value that was set last; not judged yet.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.entries.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Of all that was given, known or not.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(name, _)| name.as_str())
    }

    /// Sets a parameter by hand (`--set`), whatever its file says.
    pub fn set(&mut self, name: &str, value: Value) {
        self.entries.retain(|(key, _)| key != name);
        self.entries.push((name.to_owned(), value));
        self.overridden.push(name.to_owned());
    }

    /// Those of no pull request: nobody wrote them anywhere.
    pub fn example(entries: &[(&str, &'static str)]) -> Self {
        let entries = entries.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value)));
        Self { entries: entries.collect(), ..Self::default() }
    }

    /// Whether Argo CD passed them.
    pub fn is_argocds(&self) -> bool {
        self.variable.is_some()
    }

    /// What was wrong with the file itself.
    pub fn problems(&self) -> &[Finding] {
        &self.problems
    }

    /// Whether `problems` tells that it is there without a value.
    pub fn lacks_value(&self, name: &str) -> bool {
        self.without_value.iter().any(|known| known == name)
    }

    /// Finds their places, for many of them: see [`Source::places`].
    pub fn places(&self) -> ParameterPlaces<'_> {
        ParameterPlaces { parameters: self, file: self.source.as_ref().map(Source::places) }
    }

    /// From a YAML or JSON map, or Argo CD's list.
    ///
    /// # Errors
    /// [`Unusable`], if it is neither.
    pub fn from_source(source: Source) -> anyhow::Result<Self> {
        let limits = Limits { bytes: LIMIT, ..Limits::DOCUMENT };
        match source.document(Owner::PullRequest, Kind::Parameters, limits) {
            Ok((node, mut problems)) => {
                let kind = node.entry("kind").map(|entry| &entry.value);
                let file = kind.and_then(Node::text).and_then(|kind| match kind {
                    "PreviewPolicy" => Some("this is a policy"),
                    "PreviewGuardrails" => Some("these are guardrails"),
                    _ => None,
                });
                if let (Some(kind), Some(file)) = (kind, file) {
                    let place = Subject::Place(source.location(kind.mark));
                    let message = format!("{file}, expected {EXPECTED}");
                    bail!(Unusable(vec![Finding::new(&WRONG_TYPE, Owner::PullRequest, place, message)]));
                }
                let mut wrong = Vec::new();
                let Some(mut parameters) = read(&node, &mut wrong) else {
                    let message = format!("found {}, expected {EXPECTED}", from_yaml(&node, scalar::core).kind_name());
                    let place = Subject::Place(source.location(node.mark));
                    bail!(Unusable(vec![Finding::new(&WRONG_TYPE, Owner::PullRequest, place, message)]));
                };
                parameters.problems.append(&mut problems);
                let place = |mark| Subject::Place(source.location(mark));
                parameters.refuse(wrong, |mark, message| {
                    Finding::new(&INVALID_PARAMETER, Owner::PullRequest, place(mark), message)
                });
                drop(node);
                Ok(Self { source: Some(source), ..parameters })
            }
            Err(problems) => {
                // YAML has no escapes for halves of a character (`\ud83d\ude00`), which many programs write for every emoji.
                let is_not_yaml = problems.iter().all(|problem| *problem.rule == NOT_YAML);
                if is_not_yaml
                    && source.text.trim_start().starts_with(['{', '['])
                    && let Ok(parameters) = Self::from_json(&source.text)
                {
                    return Ok(Self { source: Some(source), ..parameters });
                }
                let says_nothing = problems.iter().all(|problem| *problem.rule == WRONG_TYPE);
                let help = says_nothing.then(|| format!("expected {EXPECTED}"));
                let problems =
                    problems.into_iter().map(|problem| Finding { help: help.clone().or(problem.help), ..problem });
                bail!(Unusable(problems.collect()));
            }
        }
    }

    /// From a line of JSON: a map of names and values, or Argo CD's list.
    pub fn from_json(text: &str) -> anyhow::Result<Self> {
        if text.len() > LIMIT {
            bail!("a parameter set of {} bytes, allowed are {LIMIT}", text.len());
        }
        let set: json::Set = serde_json::from_str(text).map_err(|error| json::problem(&error))?;
        let mut wrong = Vec::new();
        let entries: Vec<(String, Value)> = match set {
            json::Set::Map(entries) => entries.into_iter().map(|(name, value)| (name, Value::from(value))).collect(),
            json::Set::List(list) => {
                let entries = list.into_iter().map(|item| argo_entry(Value::from(item)));
                entries
                    .filter_map(|entry| entry.map_err(|refusal| wrong.push(((), refusal))).ok().flatten())
                    .map(|(name, value, _)| (name, value))
                    .collect()
            }
        };
        let mut parameters = Self { problems: duplicates(&entries), entries, ..Self::default() };
        parameters.refuse(wrong, |(), message| Finding::of_parameters(&INVALID_PARAMETER, "", message));
        Ok(parameters)
    }

    /// Tells of the first entries that are no parameters.
    fn refuse<P>(&mut self, wrong: Vec<(P, Refusal)>, finding: impl Fn(P, String) -> Finding) {
        for (place, Refusal { name, message }) in wrong.into_iter().take(MOST_PROBLEMS) {
            self.without_value.extend(name);
            self.problems.push(finding(place, message));
        }
    }

    /// From `ARGOCD_APP_PARAMETERS`: a list of `{name, string | array | map}`, or `null` if there are none.
    pub fn from_argocd(text: &str) -> anyhow::Result<Self> {
        if text.trim().is_empty() {
            anyhow::bail!("{VARIABLE} is empty: expected {EXPECTED}");
        }
        let parameters = Self::from_json(text).with_context(|| format!("failed to read {VARIABLE}"))?;
        Ok(Self { variable: Some(VARIABLE), ..parameters })
    }
}

/// Where Argo CD gives a plugin its parameters.
pub const VARIABLE: &str = "ARGOCD_APP_PARAMETERS";

/// Finds places of parameters, in their file if they were read from one.
#[derive(Debug)]
pub struct ParameterPlaces<'p> {
    parameters: &'p Parameters,
    file: Option<Places<'p>>,
}

impl ParameterPlaces<'_> {
    /// Where a parameter stands, or what is in one: `/labels/1`.
    pub fn locate(&self, pointer: &str) -> Location {
        let Self { parameters, file } = self;
        let name = pointer_segments(pointer).next().unwrap_or_default();
        if parameters.overridden.iter().any(|set| *set == name) {
            let argument = Some(format!("--set {name}"));
            return Location { argument, pointer: Some(pointer.to_owned()), ..Location::default() };
        }
        let is_there = parameters.get(&name).is_some();
        match file {
            Some(places) if is_there => {
                let below = pointer.get(child("", &name).len()..).unwrap_or_default();
                let item = parameters.items.iter().rfind(|(item, _)| *item == name);
                // Of what nobody knows, the name is what is wrong.
                if !KNOWN.iter().any(|known| known.name == name) {
                    return match item.and_then(|(_, item)| item.rsplit_once('/')) {
                        Some((item, _)) => places.locate(&format!("{item}/name")),
                        None => places.locate_name(pointer),
                    };
                }
                places.locate(&item.map_or_else(|| pointer.to_owned(), |(_, item)| format!("{item}{below}")))
            }
            _ => Location {
                file: parameters.source.as_ref().map(|source| source.name.clone()),
                argument: parameters.variable.map(str::to_owned),
                pointer: Some(pointer.to_owned()),
                ..Location::default()
            },
        }
    }
}

/// What parameters are.
const EXPECTED: &str = "a map of names and values, such as `number: 128`, or Argo CD's list of `{name, string}`";

/// Why a file has no parameters.
#[derive(Debug)]
pub struct Unusable(pub Vec<Finding>);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.first().map_or("no parameters", |finding| &finding.message))
    }
}

impl std::error::Error for Unusable {}

/// Nothing, if it is neither a map nor Argo CD's list. `wrong`: what in a list is no parameter, and where.
fn read(node: &Node<'_>, wrong: &mut Vec<(Mark, Refusal)>) -> Option<Parameters> {
    // A number keeps its text: a SHA of digits is no number.
    let entry = |entry: &Entry<'_>| {
        let value = match from_yaml(&entry.value, scalar::core) {
            Value::Int(_) | Value::Float(_) => Value::string(entry.value.text().unwrap_or_default()),
            value => value,
        };
        (entry.key.clone().into_owned(), value)
    };
    let mut parameters = Parameters::default();
    match &node.data {
        Data::Map(entries) => parameters.entries = entries.iter().map(entry).collect(),
        Data::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let value = match &item.data {
                    Data::Map(fields) => Value::map(fields.iter().map(entry)),
                    _ => from_yaml(item, scalar::core),
                };
                match argo_entry(value) {
                    Ok(None) => {}
                    Ok(Some((name, value, kind))) => {
                        parameters.items.push((name.clone(), format!("/{index}/{kind}")));
                        parameters.entries.push((name, value));
                    }
                    Err(refusal) => wrong.push((item.mark, refusal)),
                }
            }
            if parameters.items.is_empty() && !items.is_empty() {
                return None;
            }
            parameters.problems = duplicates(&parameters.entries);
        }
        Data::Scalar { .. } => return None,
    }
    Some(parameters)
}

/// Of two values nobody knows which was meant.
fn duplicates(entries: &[(String, Value)]) -> Vec<Finding> {
    let mut names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let mut twice: Vec<&str> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    twice.dedup();
    let finding = |name: &str| {
        let message = format!("`{}` is given more than once", visible(name));
        Finding::of_parameters(&INVALID_PARAMETER, child("", name), message)
    };
    twice.into_iter().take(MOST_PROBLEMS).map(finding).collect()
}

/// Most names given twice, and most entries that are no parameters, that are reported.
const MOST_PROBLEMS: usize = 20;

/// Why an entry of Argo CD's list is no parameter, and which one it would be.
struct Refusal {
    name: Option<String>,
    message: String,
}

/// The name and the value of an entry of Argo CD's list, and what that stands in; nothing, if it says none of what need not be said; or
/// what is wrong with it: a `fork` that is not read would be one that nobody gave. Fields beside these are Argo CD's, whose future may bring more.
fn argo_entry(item: Value) -> Result<Option<(String, Value, &'static str)>, Refusal> {
    let found = item.kind_name();
    let refuse = |name, message| Err(Refusal { name, message });
    let Some(mut item) = item.into_map() else {
        return refuse(None, format!("found {found}, expected a parameter: `{{name, string}}`"));
    };
    let Some(name) = item.get("name").and_then(Value::as_str).map(str::to_owned) else {
        return refuse(None, "a parameter without a `name`: expected `{name, string}`".to_owned());
    };
    match ["string", "array", "map"].iter().find_map(|kind| Some((kind, item.remove(kind)?))) {
        Some((kind, value)) => Ok(Some((name, value, kind))),
        None if item.len() == 1 && KNOWN.iter().all(|known| known.name != name || known.is_list) => Ok(None),
        None => {
            let message =
                format!("the parameter `{}` has no value: expected `string`, `array` or `map`", visible(&name));
            refuse(Some(name), message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Parameters;
    use crate::{input::Source, value::Value};

    #[test]
    fn argo_cd_writes_a_list() {
        let text = r#"[{"name":"number","string":"17"},{"array":["a","b"],"name":"labels"},{"name":"x"},{"name":"fork"},{"name":"y","value":"z"},7]"#;
        let parameters = Parameters::from_argocd(text).expect("a list");
        assert_eq!(parameters.get("number"), Some(&Value::string("17")));
        assert_eq!(parameters.get("labels").map(Value::items).map(<[_]>::len), Some(2));
        let problems: Vec<&str> = parameters.problems().iter().map(|problem| &*problem.message).collect();
        let expected = [
            "the parameter `fork` has no value: expected `string`, `array` or `map`",
            "the parameter `y` has no value: expected `string`, `array` or `map`",
            "found a number, expected a parameter: `{name, string}`",
        ];
        assert_eq!(problems, expected);
        assert!(Parameters::from_argocd("null").expect("none").get("number").is_none());
        let error = Parameters::from_argocd("[7").expect_err("half a list");
        assert_eq!(
            format!("{error:#}"),
            "failed to read ARGOCD_APP_PARAMETERS: parameters are a JSON map of names and values, and column 2 is wrong: EOF while parsing a list"
        );
        let error = Parameters::from_argocd(" \n").expect_err("nothing");
        assert!(error.to_string().starts_with("ARGOCD_APP_PARAMETERS is empty: expected a map"), "{error}");
        let error = Parameters::from_argocd("7").expect_err("a number");
        assert!(format!("{error:#}").contains("a map of names and values"), "{error:#}");
    }

    /// As `kubectl get application -o yaml` shows them.
    #[test]
    fn a_file_may_be_argo_cd_s_list() {
        let text = "- {name: number, string: 17}\n- name: labels\n  array: [a, b]\n- {name: x}\n";
        for text in
            [text, r#"[{"name": "number", "string": "17"}, {"name": "labels", "array": ["a", "\ud83d\ude00"]}]"#]
        {
            let source = Source { name: "p.yaml".into(), text: text.into() };
            let parameters = Parameters::from_source(source).expect("a list");
            assert_eq!(parameters.get("number"), Some(&Value::string("17")));
            assert_eq!(parameters.get("labels").map(Value::items).map(<[_]>::len), Some(2));
        }
        let source = Source {
            name: "p.yaml".into(),
            text: "- {name: fork, value: \"true\"}\n- {name: number, string: 1}\n- {nme: title, string: x}\n".into(),
        };
        let parameters = Parameters::from_source(source).expect("a list");
        let places: Vec<_> =
            parameters.problems().iter().map(|problem| (problem.location().line, &*problem.message)).collect();
        let expected = [
            (Some(1), "the parameter `fork` has no value: expected `string`, `array` or `map`"),
            (Some(3), "a parameter without a `name`: expected `{name, string}`"),
        ];
        assert_eq!(places, expected);
        let source = Source { name: "p.yaml".into(), text: text.into() };
        let parameters = Parameters::from_source(source).expect("a list");
        let place = parameters.places().locate("/labels/1");
        assert_eq!((place.line, place.column, place.pointer.as_deref()), (Some(3), Some(14), Some("/1/array/1")));
    }

    #[test]
    fn a_file_without_parameters_says_what_they_are() {
        for (text, line, message) in [
            ("", None, "the file says nothing"),
            ("# x\nhello\n", Some(2), "found a string, expected a map of names and values"),
            ("[1, 2]", Some(1), "found a list, expected a map of names and values"),
            ("number: 1\n\ttitle: x\n", Some(2), "a tab in the indentation"),
            ("{\"number\": 1, \"a\":", Some(1), "not YAML: the `{` that begins here is not closed"),
        ] {
            let source = Source { name: "p.yaml".into(), text: text.into() };
            let error = Parameters::from_source(source).expect_err(text);
            let finding = &error.downcast_ref::<super::Unusable>().expect("findings").0[0];
            assert!(finding.message.contains(message), "{text}: {finding:?}");
            assert_eq!(finding.location().line, line, "{text}");
        }
    }

    #[test]
    fn what_is_given_twice_is_a_problem_wherever_it_stands() {
        for text in [
            r#"{"number": 7, "title": "x", "number": 8}"#,
            r#"[{"name": "number", "string": "7"}, {"name": "number", "string": "7"}]"#,
        ] {
            let parameters = Parameters::from_json(text).expect("JSON");
            let messages: Vec<&str> = parameters.problems().iter().map(|problem| &*problem.message).collect();
            assert_eq!(messages, ["`number` is given more than once"], "{text}");
        }
    }

    #[test]
    fn numbers_keep_their_text() {
        let source = Source { name: "p.yaml".into(), text: "number: 17\nhead_sha: 1234567e1\nfork: true\n".into() };
        let parameters = Parameters::from_source(source).expect("a map");
        assert_eq!(parameters.get("number"), Some(&Value::string("17")));
        assert_eq!(parameters.get("head_sha"), Some(&Value::string("1234567e1")));
        assert_eq!(parameters.get("fork"), Some(&Value::Bool(true)));
    }

    #[test]
    fn a_file_of_json_has_all_of_its_escapes() {
        let text = r#" {"title": "\ud83d\ude00", "number": "17"}"#;
        let source = Source { name: "p.json".into(), text: text.into() };
        let parameters = Parameters::from_source(source).expect("a map");
        assert_eq!(parameters.get("title"), Some(&Value::string("\u{1f600}")));
        assert_eq!(parameters.get("number"), Some(&Value::string("17")));
    }
}
