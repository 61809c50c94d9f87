//! The inputs of the peers, made from what dayfly wrote: wherever a parameter or a name derived from it shows in the
//! objects, the peer has to put it there itself. Labels and annotations that every
//! object has are factored out, as people do.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::Result;

/// Where a peer finds a value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    Parameter,
    /// In `preview.yaml`.
    Policy,
}

/// A variable of the peers: its name and what it stands for in this run.
#[derive(Clone)]
pub(crate) struct Variable {
    pub(crate) origin: Origin,
    pub(crate) name: &'static str,
    pub(crate) value: String,
}

/// What is known of this run, the longest value first, so that the number isn't looked for inside the namespace.
pub(crate) fn variables(objects: &[Value], parameters: &Value, policy: &Value) -> Result<Vec<Variable>> {
    let parameter = |name, value| Variable { origin: Origin::Parameter, name, value };
    let of = |kind: &str, pointer: &str| {
        let object = objects.iter().find(|object| object["kind"] == kind);
        object.and_then(|object| object.pointer(pointer)).map(text).ok_or(format!("no {kind} with {pointer}"))
    };
    let mut variables = vec![
        parameter("namespace", of("Namespace", "/metadata/name")?),
        parameter("host", of("HTTPRoute", "/spec/hostnames/0")?),
    ];
    for name in ["number", "head_sha", "head_short_sha", "head_short_sha_7", "title", "branch", "author", "url"] {
        variables.push(parameter(name, text(&parameters[name])));
    }
    let policy = |name, pointer| Variable {
        origin: Origin::Policy,
        name,
        value: policy.pointer(pointer).map(text).unwrap_or_default(),
    };
    variables.push(policy("metadata.name", "/metadata/name"));
    variables.push(policy("spec.team", "/spec/team"));
    variables.push(policy("spec.costCenter", "/spec/costCenter"));
    variables.retain(|variable| !variable.value.is_empty());
    variables.sort_by_key(|variable| std::cmp::Reverse(variable.value.len()));
    Ok(variables)
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(crate) fn parameters(variables: &[Variable]) -> Vec<Variable> {
    variables.iter().filter(|variable| variable.origin == Origin::Parameter).cloned().collect()
}

/// A string, cut into text and variables. A variable is a word of its own: `128` is not found in `128Mi`.
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a Variable),
}

fn pieces<'a>(text: &'a str, variables: &'a [Variable]) -> Vec<Piece<'a>> {
    let word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let found = variables.iter().find_map(|variable| {
        let (value, bytes) = (variable.value.as_str(), text.as_bytes());
        let free =
            |&at: &usize| !word(at.checked_sub(1).and_then(|i| bytes.get(i))) && !word(bytes.get(at + value.len()));
        let at = text.match_indices(value).map(|(at, _)| at).find(free)?;
        Some((at, at + value.len(), variable))
    });
    match found {
        None if text.is_empty() => vec![],
        None => vec![Piece::Text(text)],
        Some((begin, end, variable)) => {
            let mut all = pieces(&text[..begin], variables);
            all.push(Piece::Variable(variable));
            all.extend(pieces(&text[end..], variables));
            all
        }
    }
}

fn varies(text: &str, variables: &[Variable]) -> bool {
    pieces(text, variables).iter().any(|piece| matches!(piece, Piece::Variable(_)))
}

/// Labels and annotations that all objects have.
struct Common {
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
}

impl Common {
    fn of(objects: &[Value]) -> Self {
        let common = |what: &str| {
            let maps = objects.iter().map(|object| object["metadata"][what].as_object().cloned().unwrap_or_default());
            let both = |mut a: Map<String, Value>, b: Map<String, Value>| {
                a.retain(|key, value| b.get(key) == Some(value));
                a
            };
            maps.reduce(both).unwrap_or_default()
        };
        Self { labels: common("labels"), annotations: common("annotations") }
    }

    /// The object without them.
    fn take_from(&self, object: &Value) -> Value {
        let mut object = object.clone();
        for (what, common) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            if let Some(own) = object["metadata"].get_mut(what).and_then(Value::as_object_mut) {
                own.retain(|key, _| !common.contains_key(key));
            }
        }
        object
    }

    /// What stands for them at a pointer.
    fn place(path: &str, labels: &'static str, annotations: &'static str) -> Option<&'static str> {
        match path {
            "/metadata/labels" => Some(labels),
            "/metadata/annotations" => Some(annotations),
            _ => None,
        }
    }
}

fn file_name(object: &Value) -> String {
    object["kind"].as_str().unwrap_or_default().to_lowercase()
}

/// The objects in files by kind, as block YAML with quoted strings.
fn write_by_kind<'a>(folder: &Path, texts: impl Iterator<Item = (&'a Value, String)>) -> Result<Vec<String>> {
    let mut files: Vec<(String, String)> = vec![];
    for (object, text) in texts {
        let name = format!("{}.yaml", file_name(object));
        match files.iter_mut().find(|file| file.0 == name) {
            Some(file) => file.1.extend(["---\n", &text]),
            None => files.push((name, text)),
        }
    }
    fs::create_dir_all(folder)?;
    for (name, text) in &files {
        fs::write(folder.join(name), text)?;
    }
    Ok(files.into_iter().map(|file| file.0).collect())
}

/// Block YAML, every string through `quote`. A line that `insert` gives for a pointer stands first in that map.
fn yaml(value: &Value, indent: usize, path: &str, out: &mut String, style: &Style) {
    let pad = " ".repeat(indent);
    match value {
        Value::Object(map) => {
            if let Some(line) = (style.insert)(path) {
                let _ = writeln!(out, "{line}");
            }
            for (key, item) in map {
                let _ = write!(out, "{pad}{}:", Value::from(key.as_str()));
                yaml_item(item, indent, &format!("{path}/{key}"), out, style);
            }
        }
        Value::Array(list) => {
            for item in list {
                let _ = write!(out, "{pad}-");
                yaml_item(item, indent, &format!("{path}/-"), out, style);
            }
        }
        _ => unreachable!("a scalar is written by its parent"),
    }
}

fn yaml_item(item: &Value, indent: usize, path: &str, out: &mut String, style: &Style) {
    match item {
        Value::Object(map) if !map.is_empty() || (style.insert)(path).is_some() => {
            out.push('\n');
            yaml(item, indent + 2, path, out, style);
        }
        Value::Array(list) if !list.is_empty() => {
            out.push('\n');
            yaml(item, indent + 2, path, out, style);
        }
        Value::String(text) => {
            let _ = writeln!(out, " {}", (style.quote)(text));
        }
        other => {
            let _ = writeln!(out, " {other}");
        }
    }
}

struct Style<'a> {
    quote: &'a dyn Fn(&str) -> String,
    insert: &'a dyn Fn(&str) -> Option<&'static str>,
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn inner(text: &str) -> String {
    let text = quoted(text);
    text[1..text.len() - 1].to_owned()
}

const PLAIN: Style = Style { quote: &|text| quoted(text), insert: &|_| None };

fn plain_yaml(value: &Value) -> String {
    let mut out = String::new();
    yaml(value, 0, "", &mut out, &PLAIN);
    out
}

/// A chart: its values are the policy, the parameters, namespace and host; common labels and annotations are named templates.
pub(crate) fn helm(folder: &Path, objects: &[Value], variables: &[Variable]) -> Result<()> {
    let quote = |text: &str| {
        let mut out = String::from("\"");
        for piece in pieces(text, variables) {
            match piece {
                Piece::Text(text) => out.push_str(&inner(text).replace("{{", r#"{{ "{{" }}"#)),
                Piece::Variable(variable) => {
                    let _ = write!(out, "{{{{ .Values.{} }}}}", variable.name);
                }
            }
        }
        out + "\""
    };
    let insert = |path: &str| {
        let labels = r#"    {{- include "preview.labels" . | nindent 4 }}"#;
        Common::place(path, labels, r#"    {{- include "preview.annotations" . | nindent 4 }}"#)
    };
    let style = Style { quote: &quote, insert: &insert };
    let common = Common::of(objects);
    let templates = objects.iter().map(|object| {
        let mut out = String::new();
        yaml(&common.take_from(object), 0, "", &mut out, &style);
        (object, out)
    });
    write_by_kind(&folder.join("templates"), templates)?;
    let mut helpers = String::new();
    for (name, common) in [("labels", common.labels), ("annotations", common.annotations)] {
        let _ = writeln!(helpers, "{{{{- define \"preview.{name}\" -}}}}");
        yaml(&Value::Object(common), 0, "", &mut helpers, &Style { insert: &|_| None, ..style });
        helpers.push_str("{{- end }}\n");
    }
    fs::write(folder.join("templates/_helpers.tpl"), helpers)?;
    fs::write(folder.join("Chart.yaml"), "apiVersion: v2\nname: preview\nversion: 0.1.0\n")?;
    let values: Map<String, Value> =
        parameters(variables).iter().map(|variable| (variable.name.to_owned(), json!(""))).collect();
    fs::write(folder.join("values.yaml"), plain_yaml(&Value::Object(values)))?;
    Ok(())
}

/// A base with placeholders, and an overlay: namespace, labels, annotations, images, and a JSON patch for each object where more varies.
pub(crate) fn kustomize(folder: &Path, objects: &[Value], variables: &[Variable]) -> Result<()> {
    let variables = &parameters(variables);
    let value_of =
        |name: &str| variables.iter().find(|variable| variable.name == name).map(|variable| variable.value.as_str());
    let (namespace, sha) = (value_of("namespace").unwrap_or_default(), value_of("head_sha").unwrap_or_default());
    let common = Common::of(objects);
    let (mut inside, mut outside, mut images, mut patches) = (vec![], vec![], vec![], vec![]);
    for object in objects {
        let mut base = common.take_from(object);
        let own = object["kind"] == "Namespace" || object["metadata"]["namespace"] == namespace;
        if object["kind"] == "Namespace" {
            base["metadata"]["name"] = json!("preview");
        } else if own && let Some(metadata) = base["metadata"].as_object_mut() {
            metadata.remove("namespace");
        }
        let mut operations = vec![];
        generalize(&mut base, "", &mut |path, text| {
            let image = path.ends_with("/image").then(|| text.strip_suffix(sha)?.strip_suffix(':')).flatten();
            let fixed = ["/kind", "/metadata/name", "/metadata/namespace"].contains(&path) || !varies(text, variables);
            if let Some(image) = image {
                images.push(image.to_owned());
                *text = format!("{image}:latest");
            } else if !fixed {
                operations.push(json!({"op": "replace", "path": path, "value": text.clone()}));
                "PARAMETER".clone_into(text);
            }
        });
        if !operations.is_empty() {
            let mut target = json!({"kind": object["kind"], "name": base["metadata"]["name"]});
            if let Some(namespace) = base["metadata"].get("namespace") {
                target["namespace"] = namespace.clone();
            }
            patches.push((own, json!({"target": target, "patch": Value::from(operations).to_string()})));
        }
        if own { &mut inside } else { &mut outside }.push((object, plain_yaml(&base)));
    }
    images.sort();
    images.dedup();
    let images: Vec<Value> = images.into_iter().map(|name| json!({"name": name, "newTag": sha})).collect();
    let patches_of = |own: bool| -> Vec<Value> {
        patches.iter().filter(|patch| patch.0 == own).map(|patch| patch.1.clone()).collect()
    };
    for (name, items, own) in [("inside", inside, true), ("outside", outside, false)] {
        let files = write_by_kind(&folder.join("base").join(name), items.into_iter())?;
        write_kustomization(&folder.join("base").join(name), json!({"resources": files}))?;
        let mut overlay = json!({"resources": [format!("../../base/{name}")], "patches": patches_of(own)});
        if own {
            overlay["namespace"] = json!(namespace);
            overlay["images"] = json!(images);
        }
        write_kustomization(&folder.join("overlay").join(name), overlay)?;
    }
    // `commonAnnotations` would annotate the Pods too.
    let annotate = json!({
        "apiVersion": "builtin", "kind": "AnnotationsTransformer", "metadata": {"name": "annotations"},
        "annotations": common.annotations, "fieldSpecs": [{"path": "metadata/annotations", "create": true}],
    });
    fs::write(folder.join("overlay/annotations.yaml"), plain_yaml(&annotate))?;
    let transformers: &[&str] = if common.annotations.is_empty() { &[] } else { &["annotations.yaml"] };
    let labels = json!([{"pairs": common.labels, "includeSelectors": false}]);
    write_kustomization(
        &folder.join("overlay"),
        json!({"resources": ["inside", "outside"], "labels": labels, "transformers": transformers}),
    )
}

fn write_kustomization(folder: &Path, mut content: Value) -> Result<()> {
    content["apiVersion"] = json!("kustomize.config.k8s.io/v1beta1");
    content["kind"] = json!("Kustomization");
    fs::create_dir_all(folder)?;
    fs::write(folder.join("kustomization.yaml"), plain_yaml(&content))?;
    Ok(())
}

/// Visits every string with its JSON pointer.
fn generalize(value: &mut Value, path: &str, visit: &mut dyn FnMut(&str, &mut String)) {
    match value {
        Value::String(text) => visit(path, text),
        Value::Array(list) => {
            for (i, item) in list.iter_mut().enumerate() {
                generalize(item, &format!("{path}/{i}"), visit);
            }
        }
        Value::Object(map) => {
            for (key, item) in map.iter_mut() {
                generalize(item, &format!("{path}/{}", key.replace('~', "~0").replace('/', "~1")), visit);
            }
        }
        _ => {}
    }
}

/// A function of the parameters that imports the policy.
pub(crate) fn jsonnet(folder: &Path, objects: &[Value], variables: &[Variable], policy: &Value) -> Result<()> {
    let common = Common::of(objects);
    fs::create_dir_all(folder)?;
    fs::write(folder.join("policy.json"), policy.to_string())?;
    let names: Vec<&str> = parameters(variables).iter().map(|variable| variable.name).collect();
    let mut out = format!("local policy = import 'policy.json';\nfunction({})\n", names.join(", "));
    let _ = writeln!(out, "local labels = {};", expression(&json!(common.labels), variables, ""));
    let _ = writeln!(out, "local annotations = {};\n[", expression(&json!(common.annotations), variables, ""));
    for object in objects {
        let _ = writeln!(out, "  {},", expression(&common.take_from(object), variables, ""));
    }
    out.push_str("]\n");
    fs::write(folder.join("preview.jsonnet"), out)?;
    Ok(())
}

fn expression(value: &Value, variables: &[Variable], path: &str) -> String {
    match value {
        Value::String(text) => {
            let terms = pieces(text, variables).into_iter().map(|piece| match piece {
                Piece::Text(text) => quoted(text),
                Piece::Variable(variable) if variable.origin == Origin::Policy => format!("policy.{}", variable.name),
                Piece::Variable(variable) => variable.name.to_owned(),
            });
            let terms: Vec<String> = terms.collect();
            if terms.is_empty() { "\"\"".to_owned() } else { terms.join(" + ") }
        }
        Value::Array(list) => {
            let items: Vec<String> =
                list.iter().map(|item| expression(item, variables, &format!("{path}/-"))).collect();
            format!("[{}]", items.join(", "))
        }
        Value::Object(map) => {
            let field = |(key, item): (&String, &Value)| {
                format!("{}: {}", quoted(key), expression(item, variables, &format!("{path}/{key}")))
            };
            let fields: Vec<String> = map.iter().map(field).collect();
            let common = Common::place(path, "labels + ", "annotations + ").unwrap_or_default();
            format!("{common}{{ {} }}", fields.join(", "))
        }
        other => other.to_string(),
    }
}
