//! What is made from the program: schemas, and what the pages about files and rules list.

use std::{collections::BTreeMap, fmt::Write as _, fs, sync::PoisonError};

use serde_json::Value as Json;

use super::{HOW, WRITING, links::anchor, printed, read, updating};
use crate::{
    database::attestation::AttestationKey,
    expression::Interpolated,
    finding::Rule,
    input::scalar::{
        self, AbsolutePath, Cidr, DnsLabel, DnsName, Domain, Duration, EnvName, FilePath, FlagName, ImageDigest,
        ImagePath, ImagePrefix, InterpolatedPath, LabelKey, LabelValue, NamePrefix, Percent, PodSecurityVersion,
        Quantity, RelativePath, Scalar, SecretKey, Url, UrlPath,
    },
    rules,
    tests::support::root,
};

#[test]
fn generated_files_are_fresh() {
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let mut stale = Vec::new();
    for (path, content) in generated() {
        let file = root().join(path);
        if fs::read_to_string(&file).ok().as_deref() == Some(content.as_str()) {
            continue;
        }
        if updating() {
            fs::create_dir_all(file.parent().expect("a folder")).expect("docs/ can be written");
            fs::write(&file, content).expect("docs/ can be written");
        } else {
            stale.push(path);
        }
    }
    assert!(stale.is_empty(), "stale: {}; {HOW}", stale.join(", "));
}

fn generated() -> Vec<(&'static str, String)> {
    let schema = |of| printed(&["schema", of]);
    vec![
        ("plugin.yaml", printed(&["plugin"])),
        ("docs/schema/policy.schema.json", schema("policy")),
        ("docs/schema/guardrails.schema.json", schema("guardrails")),
        ("docs/schema/environment.schema.json", schema("environment")),
        ("docs/policy.md", page("docs/policy.md", "src/input/policy.rs", &fields(&schema("policy")))),
        ("docs/guardrails.md", page("docs/guardrails.md", "src/input/guardrails", &fields(&schema("guardrails")))),
        ("docs/rules.md", page("docs/rules.md", "src/rules", &rules())),
        ("deploy/argocd/guardrails.yaml", printed(&["guardrails"])),
        ("deploy/argocd/health-checks.yaml", printed(&["plugin", "--argocd-cm"])),
    ]
}

/// A page that people write as far as this line, and that is made from `source` below it.
fn page(path: &str, source: &str, made: &str) -> String {
    let mark = format!("<!-- What follows is made from {source}: {HOW}. -->\n\n");
    let text = read(path);
    let (written, _) = text.split_once(&mark).unwrap_or_else(|| panic!("{path} has no line {mark}"));
    format!("{written}{mark}{made}")
}

/// The fields of a file, and what kinds of values they have.
fn fields(schema: &str) -> String {
    let schema: Json = serde_json::from_str(schema).expect("a schema");
    let mut reference = Reference { schema: &schema, sections: Vec::new(), formats: BTreeMap::new() };
    reference.visit("", &schema);
    let mut fields = String::new();
    for section in &reference.sections {
        let paths: Vec<String> = section.paths.iter().map(|path| code(path)).collect();
        let _ = write!(fields, "\n### {}\n\n", section.heading());
        if section.paths.len() > 1 {
            let _ = write!(fields, "At {}.\n\n", paths.join(", "));
        }
        if !section.description.is_empty() {
            let _ = write!(fields, "{}\n\n", section.description);
        }
        fields.push_str("| field | type | default | |\n|---|---|---|---|\n");
        for row in &section.rows {
            let _ = writeln!(fields, "| {} |", row.join(" | "));
        }
    }
    for section in &reference.sections {
        let anchor = anchor(&section.heading());
        fields = fields.replace(&format!("{MARK}{}{MARK}", section.definition), &anchor);
    }
    let mut kinds = String::new();
    for (name, expected) in &reference.formats {
        let _ = writeln!(kinds, "- **{name}**: {expected}.");
    }
    format!("## Fields\n{fields}\n## Kinds of values\n\n{kinds}")
}

/// Around the name of a definition, until its section's anchor is known.
const MARK: char = '\u{1}';

/// The fields of a file, read from its JSON Schema: a section for each kind of object.
struct Reference<'s> {
    schema: &'s Json,
    sections: Vec<Section>,
    /// Name and explanation of each kind of scalar that occurs.
    formats: BTreeMap<&'static str, &'static str>,
}

#[derive(Default)]
struct Section {
    definition: String,
    /// Where objects of this kind stand.
    paths: Vec<String>,
    description: String,
    rows: Vec<[String; 4]>,
}

impl Section {
    fn heading(&self) -> String {
        match (self.paths.as_slice(), self.definition.as_str()) {
            ([path], _) if path.is_empty() => "The file".to_owned(),
            ([path], _) => code(path),
            (_, definition) => definition.to_owned(),
        }
    }
}

impl<'s> Reference<'s> {
    fn definition(&self, reference: &str) -> &'s Json {
        &self.schema["definitions"][reference.trim_start_matches("#/definitions/")]
    }

    /// A schema without what only says that it may be left out, and the name of its definition.
    fn bare(&self, schema: &'s Json) -> (&'s Json, Option<&'s str>) {
        for wrapper in ["allOf", "anyOf"] {
            if let Some(first) = schema[wrapper].get(0) {
                return self.bare(first);
            }
        }
        match schema["$ref"].as_str() {
            Some(reference) => (self.definition(reference), Some(reference.trim_start_matches("#/definitions/"))),
            None => (schema, None),
        }
    }

    fn visit(&mut self, path: &str, schema: &'s Json) {
        let (object, name) = self.bare(schema);
        let definition = name.unwrap_or_default().to_owned();
        if let Some(section) = self.sections.iter_mut().find(|section| section.definition == definition) {
            section.paths.push(path.to_owned());
            return;
        }
        let description = object["description"].as_str().unwrap_or_default().to_owned();
        let index = self.sections.len();
        self.sections.push(Section { definition, paths: vec![path.to_owned()], description, rows: Vec::new() });
        let required =
            |field: &str| object["required"].as_array().is_some_and(|all| all.iter().any(|name| name == field));
        let mut fields: Vec<(&String, &Json)> = properties(object).collect();
        fields.sort_by_key(|(field, _)| (!required(field), *field != "name", *field));
        let mut rows = Vec::new();
        let mut described = Vec::new();
        for (field, schema) in &fields {
            let kind = self.kind(schema);
            let default = default(schema, self.bare(schema).0, required(field));
            let description = self.description(schema, &mut described);
            rows.push([code(field), kind, default, description].map(|cell| cell.replace('|', "\\|")));
        }
        self.sections[index].rows = rows;
        for (field, schema) in fields {
            let below = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
            self.descend(&below, schema);
        }
    }

    fn descend(&mut self, path: &str, schema: &'s Json) {
        let (bare, _) = self.bare(schema);
        if bare["properties"].is_object() {
            self.visit(path, schema);
        } else if bare["items"].is_object() {
            self.descend(&format!("{path}[]"), &bare["items"]);
        } else if bare["additionalProperties"].is_object() {
            self.descend(&format!("{path}.NAME"), &bare["additionalProperties"]);
        } else {
            for choice in bare["oneOf"].as_array().into_iter().flatten() {
                for (field, schema) in properties(choice) {
                    self.descend(&format!("{path}.{field}"), schema);
                }
            }
        }
    }

    /// The type, in words.
    fn kind(&mut self, schema: &'s Json) -> String {
        let (bare, name) = self.bare(schema);
        if bare["oneOf"].is_array() || bare["enum"].is_array() {
            return Self::choices(bare).into_iter().map(|(choice, _)| choice).collect::<Vec<_>>().join(", ");
        }
        if let Some((name, expected)) = bare["format"].as_str().and_then(format) {
            self.formats.insert(name, expected);
            let is_typed = bare["type"].as_array().is_some_and(|kinds| kinds.contains(&Json::from("boolean")));
            return if is_typed { format!("{name}, integer, `true` or `false`") } else { name.to_owned() };
        }
        let unnamed = bare["format"].as_str().filter(|format| !format.starts_with("uint"));
        assert_eq!(unnamed, None, "a kind of scalar without a name in `format` below");
        let kinds = match &bare["type"] {
            Json::String(kind) => vec![kind.as_str()],
            Json::Array(kinds) => kinds.iter().filter_map(Json::as_str).filter(|kind| *kind != "null").collect(),
            _ => Vec::new(),
        };
        match kinds.as_slice() {
            ["string"] => "text".to_owned(),
            ["boolean"] => "`true` or `false`".to_owned(),
            ["integer"] => match (bare["minimum"].as_u64(), bare["maximum"].as_u64()) {
                (Some(least), Some(most)) => format!("integer, {least} to {most}"),
                (Some(least), None) => format!("integer from {least}"),
                _ => "integer".to_owned(),
            },
            ["array"] if bare["items"].is_object() => format!("list: {}", self.kind(&bare["items"])),
            ["array"] => "list".to_owned(),
            ["object"] if bare["additionalProperties"].is_object() => {
                let key = bare["propertyNames"]["format"].as_str().and_then(format);
                let key = key.map_or("name", |(name, expected)| {
                    self.formats.insert(name, expected);
                    name
                });
                format!("map: {key} to {}", self.kind(&bare["additionalProperties"]))
            }
            ["object"] => format!("[object](#{MARK}{}{MARK})", name.unwrap_or_default()),
            _ => "any".to_owned(),
        }
    }

    /// The words that an enumeration allows, and what each means.
    fn choices(schema: &Json) -> Vec<(String, String)> {
        let words = |schema: &Json| -> Vec<String> {
            let listed = schema["enum"].as_array().cloned().unwrap_or_default();
            let constant = schema.get("const").cloned();
            let keys = properties(schema).map(|(field, _)| Json::String(format!("{field}: …")));
            let all = listed.into_iter().chain(constant).chain(keys);
            all.filter_map(|word| word.as_str().map(code)).collect()
        };
        if !schema["oneOf"].is_array() {
            return words(schema).into_iter().map(|word| (word, String::new())).collect();
        }
        let mut choices = Vec::new();
        for choice in schema["oneOf"].as_array().into_iter().flatten() {
            let description = choice["description"].as_str().unwrap_or_default();
            choices.extend(words(choice).into_iter().map(|word| (word, description.to_owned())));
        }
        choices
    }

    /// What a field is for, and what its words mean, unless another field of the section has said that.
    fn description(&self, schema: &'s Json, described: &mut Vec<&'s str>) -> String {
        let (bare, name) = self.bare(schema);
        let mut lines = vec![schema["description"].as_str().unwrap_or_default().to_owned()];
        if lines[0].is_empty() && name.is_some() {
            bare["description"].as_str().unwrap_or_default().clone_into(&mut lines[0]);
        }
        if !name.is_some_and(|name| described.contains(&name)) {
            let meant = Self::choices(bare).into_iter().filter(|(_, meaning)| !meaning.is_empty());
            lines.extend(meant.map(|(choice, meaning)| format!("{choice}: {meaning}")));
            described.extend(name);
        }
        lines.retain(|line| !line.is_empty());
        lines.join("<br>").replace('\n', " ")
    }
}

fn properties(schema: &Json) -> impl Iterator<Item = (&String, &Json)> {
    schema["properties"].as_object().into_iter().flatten()
}

fn default(schema: &Json, bare: &Json, required: bool) -> String {
    if required {
        return "required".to_owned();
    }
    match schema.get("default") {
        Some(Json::String(text)) => code(text),
        Some(value) => code(&value.to_string()),
        None if bare["type"] == "array" => code("[]"),
        None if bare["additionalProperties"].is_object() => code("{}"),
        None => String::new(),
    }
}

/// The name of a scalar's kind and what it may be.
fn format(format: &str) -> Option<(&'static str, &'static str)> {
    fn of<T: Scalar>(format: &str, name: &'static str) -> Option<(&'static str, &'static str)> {
        (format == T::FORMAT).then_some((name, T::EXPECTED))
    }
    of::<Cidr>(format, "address block")
        .or_else(|| of::<Duration>(format, "duration"))
        .or_else(|| of::<Quantity>(format, "quantity"))
        .or_else(|| of::<DnsLabel>(format, "DNS label"))
        .or_else(|| of::<scalar::Reference>(format, "reference"))
        .or_else(|| of::<DnsName>(format, "DNS name"))
        .or_else(|| of::<Domain>(format, "domain"))
        .or_else(|| of::<EnvName>(format, "environment variable"))
        .or_else(|| of::<FilePath>(format, "path of a file"))
        .or_else(|| of::<FlagName>(format, "flag"))
        .or_else(|| of::<ImagePrefix>(format, "image prefix"))
        .or_else(|| of::<LabelKey>(format, "label key"))
        .or_else(|| of::<LabelValue>(format, "label value"))
        .or_else(|| of::<NamePrefix>(format, "name prefix"))
        .or_else(|| of::<PodSecurityVersion>(format, "version of the Pod Security Standards"))
        .or_else(|| of::<RelativePath>(format, "relative path"))
        .or_else(|| of::<SecretKey>(format, "secret key"))
        .or_else(|| of::<Url>(format, "URL"))
        .or_else(|| of::<Interpolated>(format, "text with expressions"))
        .or_else(|| of::<InterpolatedPath>(format, "path with expressions"))
        .or_else(|| of::<AbsolutePath>(format, "absolute path"))
        .or_else(|| of::<AttestationKey>(format, "public key"))
        .or_else(|| of::<ImageDigest>(format, "image by digest"))
        .or_else(|| of::<ImagePath>(format, "path in an image"))
        .or_else(|| of::<Percent>(format, "percentage"))
        .or_else(|| of::<UrlPath>(format, "path of a URL"))
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn rules() -> String {
    let mut text = "| code | severity | what must hold |\n|---|---|---|\n".to_owned();
    for rule in rules::ALL {
        let Rule { code, severity, summary, .. } = rule;
        let _ = writeln!(text, "| [`{code}`](#{code}) | {} | {} |", severity.name(), summary.replace('|', "\\|"));
    }
    for rule in rules::ALL {
        let Rule { code, severity, summary, explanation } = rule;
        let _ = write!(text, "\n## {code}\n\n*{}*: {summary}.\n\n{explanation}\n", severity.name());
    }
    text
}
