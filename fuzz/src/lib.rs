//! What every parser must hold for any bytes: no panic, no disagreement, no endless work.
//!
//! Each function is a target of cargo-fuzz (`cargo +nightly fuzz run yaml`) and of `tests/mutations.rs`, which needs no
//! nightly: `cargo test --no-default-features --manifest-path fuzz/Cargo.toml`.

use std::sync::LazyLock;

use dayfly::{
    emit::{self, Format},
    expression::{Facts, Interpolated, Scope, compute, parse},
    finding::{self, Finding, Owner},
    input::{
        Guardrails, Parameters, Policy, Source,
        guardrails::Layout,
        read_policy, read_typed,
        scalar::{
            Cidr, DnsLabel, DnsName, Duration, EnvName, ImagePath, ImagePrefix, LabelValue, Quantity, RelativePath,
            Scalar, SecretKey, Url,
        },
    },
    objects::{Object, Origin},
    render::Renderer,
    template::{self, Template},
    value::{Value, from_yaml},
    yaml::{self, Data, Limits, Node, scalar},
};
use serde_json::Value as Json;

/// A target: a name and what it does.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: &[Target] = &[
    ("yaml", yaml),
    ("policy", policy),
    ("guardrails", guardrails),
    ("parameters", parameters),
    ("expression", expression),
    ("template", template),
    ("scalars", scalars),
    ("emit", emit),
    ("render", render),
];

fn source(text: &str) -> Source {
    Source { name: "input".into(), text: text.into() }
}

fn acme() -> Guardrails {
    let text = include_str!("../../testdata/storefront/guardrails.yaml");
    read_typed(&source(text), Owner::Platform).unwrap_or_else(|findings| panic!("{findings:?}"))
}

fn storefront() -> Policy {
    let text = include_str!("../../testdata/storefront/preview.yaml");
    read_typed(&source(text), Owner::Team).unwrap_or_else(|findings| panic!("{findings:?}"))
}

/// Says everything in every way: a message may not panic either, nor hold what a terminal obeys.
fn say(findings: &[Finding]) {
    let text = finding::text(findings, &finding::Style { colour: false, width: 60 });
    assert!(!text.chars().any(|c| c != '\n' && c.is_control()), "{text:?}");
    let _ =
        (finding::json(findings), finding::github(findings), finding::sarif(findings, dayfly::rules::ALL, |_| "input"));
}

/// The reader: within its limits, with places inside of the file, and agreeing with another reader on what is text.
pub fn yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    // For YAML a lone carriage return ends a line as well.
    let lines = u32::try_from(text.matches(['\n', '\r']).count()).unwrap_or(u32::MAX).saturating_add(2);
    match yaml::read(text, Limits::MANIFESTS) {
        Ok(documents) => {
            for document in &documents {
                places(document, lines);
                let _ = (from_yaml(document, scalar::core), from_yaml(document, scalar::kubernetes));
                let _ = document.locate("/a/0/b~1c");
            }
            // What means something of its own is read differently on purpose; `?` begins a key and the last three end a line in YAML 1.1.
            let special = ['&', '*', '!', '%', '?', '\u{feff}', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
            if !text.contains(special) && !text.contains("<<") {
                agree(text, &documents);
            }
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            assert!(error.problems.iter().all(|problem| problem.mark.line <= lines), "{:?}", error.problems);
            error.documents.iter().for_each(|document| places(document, lines));
        }
    }
}

fn places(node: &Node<'_>, lines: u32) {
    assert!(node.mark.line >= 1 && node.mark.line <= lines && node.mark.column >= 1, "{:?}", node.mark);
    match &node.data {
        Data::Scalar { .. } => {}
        Data::List(items) => items.iter().for_each(|item| places(item, lines)),
        Data::Map(entries) => entries.iter().for_each(|entry| places(&entry.value, lines)),
    }
}

/// Where both readers read one document, they read the same structure, keys and strings.
fn agree(text: &str, documents: &[Node<'_>]) {
    let Ok(other) = serde_yaml::from_str::<serde_yaml::Value>(text) else { return };
    // A document that is one scalar is no input of dayfly's, and its indentation is a matter of opinion.
    if let [one @ Node { data: Data::List(_) | Data::Map(_), .. }] = documents {
        assert!(same(one, &other), "{text:?}: {one:?} is not {other:?}");
    }
}

fn same(ours: &Node<'_>, theirs: &serde_yaml::Value) -> bool {
    match (&ours.data, theirs) {
        (Data::List(ours), serde_yaml::Value::Sequence(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Data::Map(ours), serde_yaml::Value::Mapping(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, (key, value))| {
                    key.as_str().is_none_or(|key| key == ours.key) && same(&ours.value, value)
                })
        }
        (Data::Scalar { text, plain: false }, theirs) => theirs.as_str() == Some(text),
        // A plain scalar that is text for one of them may be a number for the other: YAML's versions differ.
        (Data::Scalar { text, plain: true }, serde_yaml::Value::String(theirs)) => text == theirs,
        (Data::Scalar { plain: true, .. }, theirs) => !theirs.is_sequence() && !theirs.is_mapping(),
        _ => false,
    }
}

/// A policy: read, or everything that is wrong with it; in layout `single` perhaps what can be saved of it.
pub fn policy(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let source = source(text);
    match read_typed::<Policy>(&source, Owner::Team) {
        Ok(policy) => decide(acme(), policy),
        Err(findings) => told(&findings),
    }
    match read_policy(&source, None, Layout::Single) {
        Ok((_, findings)) | Err(findings) => say(&findings),
    }
}

/// Guardrails, the same.
pub fn guardrails(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match read_typed::<Guardrails>(&source(text), Owner::Platform) {
        Ok(guardrails) => decide(guardrails, storefront()),
        Err(findings) => told(&findings),
    }
}

/// A file that is refused is refused with a word about what is wrong.
fn told(findings: &[Finding]) {
    assert!(findings.iter().any(Finding::is_error), "{findings:?}");
    say(findings);
}

fn decide(guardrails: Guardrails, policy: Policy) {
    let renderer = Renderer::new(guardrails, policy, Vec::new(), Vec::new(), Vec::new());
    let parameters = r#"{"number": 7, "head_sha": "3f9c1e7ab2d4c6588e0fd17a9b3c5d7e9f102938", "fork": false, "labels": ["preview/ttl=24h"]}"#;
    let Ok(parameters) = Parameters::from_json(parameters) else { return };
    let rendered = renderer.render(&parameters, true);
    say(&rendered.findings);
    written(&rendered.objects);
    assert!(!rendered.objects.is_empty() || rendered.has_errors(), "neither objects nor errors");
}

/// Parameters as a file, as a line of JSON and as Argo CD writes them.
pub fn parameters(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let read = [Parameters::from_source(source(text)), Parameters::from_json(text), Parameters::from_argocd(text)];
    for parameters in read.into_iter().flatten() {
        total(&parameters);
    }
}

/// Expressions: cut out of text, and computed.
pub fn expression(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let facts = Facts::from(Value::from(serde_json::json!({
        "pr": {"number": "7", "labels": ["a", "b"], "fork": null, "draft": false}, "routes": {"a-b": {"url": "https://x"}}, "n": 3,
    })));
    let _ = parse::pieces(text);
    let Ok(interpolated) = Interpolated::parse(text) else { return };
    let _ = (interpolated.is_constant(), interpolated.mentions("pr.title"));
    if let Ok(text) = interpolated.text(&Scope::Facts(&facts)) {
        assert!(text.len() < 1 << 22, "{} bytes", text.len());
    }
    if text.len() <= 1000 {
        let _ = compute(text, &Scope::Facts(&facts));
    }
}

/// Templates: compiled, and evaluated on an Environment.
pub fn template(data: &[u8]) {
    static CONTEXT: LazyLock<Value> = LazyLock::new(|| {
        let parameters = Parameters::from_json(r#"{"number": 7, "head_sha": "3f9c1e7ab2", "fork": false}"#);
        let rendered = parameters.ok().map(|parameters| RENDERER.render(&parameters, false));
        rendered.map(|rendered| dayfly::value::to_value(&rendered.environment)).unwrap_or_default()
    });
    let Ok(text) = std::str::from_utf8(data) else { return };
    let checked = Template::checked("fuzz.yaml", "fuzz.yaml", text);
    let Ok(template) = Template::compile("fuzz.yaml", "fuzz.yaml", text) else {
        assert!(checked.is_err());
        return;
    };
    let facts = Facts::from(CONTEXT.clone());
    let plain = template::evaluate(&template, &facts, None);
    let traced = template::evaluate(&template, &facts, Some(&mut template::Trace::default()));
    assert_eq!(plain, traced);
}

/// Units, names and addresses. What is read is written and read again to the same.
pub fn scalars(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    fn accepts<T: Scalar>(text: &str) {
        if let Err(message) = T::parse(text) {
            assert!(!message.is_empty() && !message.chars().any(char::is_control), "{message:?}");
        }
    }
    accepts::<Cidr>(text);
    accepts::<DnsLabel>(text);
    accepts::<DnsName>(text);
    accepts::<EnvName>(text);
    accepts::<ImagePath>(text);
    accepts::<ImagePrefix>(text);
    accepts::<LabelValue>(text);
    accepts::<RelativePath>(text);
    accepts::<SecretKey>(text);
    accepts::<Url>(text);
    accepts::<Quantity>(text);
    accepts::<Duration>(text);
    if let Ok(duration) = Duration::parse(text) {
        let again = Duration::parse(&duration.to_string());
        assert_eq!(again.map(|again| again.seconds), Ok(duration.seconds), "{text:?}");
        let _ = duration.go();
    }
    if let Ok(quantity) = Quantity::parse(text) {
        let again = Quantity::parse(quantity.as_str());
        assert_eq!(again.map(|again| again.nano), Ok(quantity.nano), "{text:?}");
    }
    let _ = (scalar::core(text), scalar::kubernetes(text), finding::visible(text), finding::printable(text, 20));
    let _ = finding::nearest(text, ["services", "routes", "ttl"].into_iter());
    let short = dayfly::resolve::names::shorten(text, 63);
    assert!(short.len() <= 63, "{short:?}");
}

/// Any JSON as an object: what is written as YAML and as JSON reads as it was, by this reader and by another.
pub fn emit(data: &[u8]) {
    let Ok(json) = serde_json::from_slice::<Json>(data) else { return };
    let value = Value::from(json.clone());
    if !json.is_object() || has_odd_numbers(&json) {
        return;
    }
    let object = Object { value, origin: Origin::Template("fuzz".into()) };
    written(std::slice::from_ref(&object));
    let mut bytes = Vec::new();
    emit::ndjson(std::slice::from_ref(&object), &mut bytes);
    assert_eq!(serde_json::from_slice::<Json>(&bytes).ok(), Some(json.clone()));
    let mut bytes = Vec::new();
    assert!(emit::write(&Format::Yaml, std::slice::from_ref(&object), &mut bytes).is_ok());
    let text = String::from_utf8_lossy(&bytes).into_owned();
    assert_eq!(serde_yaml::from_str::<Json>(&text).ok(), Some(json), "{text}");
    let limits = Limits { depth: 200, ..Limits::MANIFESTS };
    for read in [scalar::core as fn(&str) -> scalar::Plain, scalar::kubernetes] {
        let documents = yaml::read(&text, limits).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        let again: Vec<Value> = documents.iter().map(|node| from_yaml(node, read)).collect();
        assert_eq!(again, [object.value.clone()], "{text}");
    }
}

/// Numbers that JSON's readers do not agree on, and keys that merge.
fn has_odd_numbers(json: &Json) -> bool {
    match json {
        Json::Number(number) => number.as_i64().is_none(),
        Json::Array(items) => items.iter().any(has_odd_numbers),
        Json::Object(map) => map.values().any(has_odd_numbers),
        _ => false,
    }
}

static RENDERER: LazyLock<Renderer> =
    LazyLock::new(|| Renderer::new(acme(), storefront(), Vec::new(), Vec::new(), Vec::new()));

/// A whole render of the storefront, whatever the parameters are: lines of `NAME=TEXT`.
pub fn render(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parameters = Parameters::default();
    for line in text.split('\n') {
        if let Some((name, value)) = line.split_once('=') {
            let value = serde_json::from_str::<Json>(value).map_or_else(|_| Value::string(value), Value::from);
            parameters.set(name, value);
        }
    }
    total(&parameters);
}

/// Any parameters give a render or the quarantine.
fn total(parameters: &Parameters) {
    let rendered = RENDERER.render(parameters, false);
    assert!(!rendered.objects.is_empty(), "{:?}", rendered.findings);
    assert_eq!(rendered.has_errors(), rendered.quarantined);
    say(&rendered.findings);
    written(&rendered.objects);
}

fn written(objects: &[Object]) {
    let mut bytes = Vec::new();
    emit::ndjson(objects, &mut bytes);
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        assert!(serde_json::from_slice::<Json>(line).is_ok(), "{:?}", String::from_utf8_lossy(line));
        assert!(!line.iter().any(u8::is_ascii_control));
    }
}
