//! The documentation is held to the program.
//!
//! Pages about the two files, the rules and the schemas are made here; every other page is read, and its blocks are run.
//! What is stale is a failure; `UPDATE_DOCS=1 cargo test docs` writes it anew. The first word after the fence says what a
//! block is:
//!
//! | block | |
//! |---|---|
//! | `sh` | run, line by line; every line ends with exit code 0 |
//! | `sh cluster` | not run here: it needs a cluster (`docs/development.md` lists them) |
//! | `console` | lines with `$ ` are run, what stands below is compared: output, then errors, then `[exit N]` if N is not 0; a line `...` stands for any lines |
//! | `yaml` | not run; read with dayfly's own reader, and decoded if it is a policy or guardrails |
//! | `yaml file=PATH` | the same, and the very content of that file |
//! | `sql recipe=NAME`, and so `sh` and `yaml` | not run here: a test of `e2e/databases` takes it from the page and runs it |
//! | `json`, `text`, `dockerfile`, `sql` | not looked at |
//!
//! `dayfly …` and `cargo run --release -- …` run in this process. `cargo test` is what runs this; that it works on a fresh
//! machine, and that cargo's release build does, is for `.ci/run` to show. Files below `my-app/` are made in a folder that
//! goes away; `> my-app/FILE` writes one there.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value as Json;

use super::support::{self, root};
use crate::{
    cli::{self, ExitCode},
    database::attestation::AttestationKey,
    expression::Interpolated,
    finding::{Owner, Rule, Severity},
    input::{
        Guardrails, Policy, Source, read_typed,
        scalar::{
            AbsolutePath, Cidr, DnsLabel, DnsName, Duration, EnvName, ImageDigest, ImagePrefix, InterpolatedPath,
            LabelValue, Percent, Quantity, RelativePath, Scalar, SecretKey, Url, UrlPath,
        },
    },
    rules,
    yaml::{self, Limits},
};

const HOW: &str = "`UPDATE_DOCS=1 cargo test docs` writes it anew";

fn updating() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some_and(|value| value == "1")
}

/// What `dayfly ARGS` prints.
fn printed(args: &[&str]) -> String {
    let run = support::dayfly(args);
    assert_eq!(run.code, ExitCode::Fine, "dayfly {args:?}: {}", run.err);
    run.out
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

// --- What is made from the program ---

#[test]
fn generated_files_are_fresh() {
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
    let health_checks = printed(&["plugin", "--argocd-cm"]);
    vec![
        ("plugin.yaml", cli::PLUGIN.clone()),
        ("docs/schema/policy.schema.json", schema("policy")),
        ("docs/schema/guardrails.schema.json", schema("guardrails")),
        ("docs/schema/environment.schema.json", schema("environment")),
        ("docs/policy.md", page(&POLICY_PAGE, &schema("policy"))),
        ("docs/guardrails.md", page(&GUARDRAILS_PAGE, &schema("guardrails"))),
        ("docs/rules.md", rules_page()),
        ("deploy/argocd/guardrails.yaml", printed(&["guardrails"])),
        (
            "deploy/argocd/health-checks.yaml",
            format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n{health_checks}"),
        ),
    ]
}

/// A page about one of the two files.
struct Page {
    title: &'static str,
    introduction: &'static str,
    example: &'static str,
    source: &'static str,
}

static POLICY_PAGE: Page = Page {
    title: "The policy",
    introduction: "\
A team writes one file, `preview.yaml`: what each of its pull requests gets. It asks; the platform's
[guardrails](guardrails.md) say what may be asked for. `dayfly init` writes a commented one to start from, `dayfly check` says
what is wrong with it, `dayfly explain` what became of each field.

In layout `split` (the default) the file lives where pull requests cannot write it, for example in a repository of its own; in
layout `single` it lives beside the code. [The security model](security.md) says what follows from that.

Text marked *with expressions* may hold `${{ … }}`: `${{ pr.headSha }}`, `${{ routes.web.url }}`, `${{ preview.namespace }}`.
[Templates](templates.md#expressions) lists what there is.",
    example: "testdata/storefront/preview.yaml",
    source: "src/input/policy.rs",
};

static GUARDRAILS_PAGE: Page = Page {
    title: "The guardrails",
    introduction: "\
The platform team writes one file: what previews may ask for, and what the platform provides for them. It is mounted into the
plugin's sidecar, and `$DAYFLY_GUARDRAILS` names it; outside Argo CD it is `--guardrails FILE`. It is never read from a source
tree. Without it, the built-in guardrails hold, which allow nothing from any registry: `dayfly guardrails` prints them as the
file to start from.

A policy asks by name: sizes, destinations, baselines and access rules are catalogues here, and what is not listed does not
exist. Text marked *with expressions* may hold `${{ policy.name }}`, `${{ pr.number }}` and what else
[templates](templates.md#expressions) see.",
    example: "testdata/storefront/guardrails.yaml",
    source: "src/input/guardrails.rs",
};

fn page(page: &Page, schema: &str) -> String {
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
    let Page { title, introduction, example, source } = page;
    let text = read(example);
    format!(
        "<!-- Made from {source}: {HOW}. -->\n# {title}\n\n{introduction}\n\n## A complete example\n\n\
         This is `{example}`, which the README's main command renders.\n\n```yaml file={example}\n{text}```\n\n\
         ## Fields\n{fields}\n## Kinds of values\n\n{kinds}"
    )
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
            return name.to_owned();
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
        .or_else(|| of::<DnsName>(format, "DNS name"))
        .or_else(|| of::<EnvName>(format, "environment variable"))
        .or_else(|| of::<ImagePrefix>(format, "image prefix"))
        .or_else(|| of::<LabelValue>(format, "label value"))
        .or_else(|| of::<RelativePath>(format, "relative path"))
        .or_else(|| of::<SecretKey>(format, "secret key"))
        .or_else(|| of::<Url>(format, "URL"))
        .or_else(|| of::<Interpolated>(format, "text with expressions"))
        .or_else(|| of::<InterpolatedPath>(format, "path with expressions"))
        .or_else(|| of::<AbsolutePath>(format, "absolute path"))
        .or_else(|| of::<AttestationKey>(format, "public key"))
        .or_else(|| of::<ImageDigest>(format, "image by digest"))
        .or_else(|| of::<Percent>(format, "percentage"))
        .or_else(|| of::<UrlPath>(format, "path of a URL"))
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn rules_page() -> String {
    let mut text = format!(
        "<!-- Made from src/rules: {HOW}. -->\n# The rules\n\n\
         Everything that dayfly refuses, or does differently from what was asked. The code is stable: it stands in\n\
         `dayfly check --format json`, in SARIF, and in Argo CD.\n\n\
         An **error** means that nothing is rendered if the platform or the team caused it, and the quarantine if the pull\n\
         request did ([security model](security.md#the-quarantine)). A **warning** means that something is rendered, though\n\
         not as it was asked for.\n\n| code | severity | what must hold |\n|---|---|---|\n"
    );
    for rule in rules::ALL {
        let Rule { code, summary, .. } = rule;
        let _ = writeln!(text, "| [`{code}`](#{code}) | {} | {} |", severity(rule), summary.replace('|', "\\|"));
    }
    for rule in rules::ALL {
        let Rule { code, summary, explanation, .. } = rule;
        let _ = write!(text, "\n## {code}\n\n*{}*: {summary}.\n\n{explanation}\n", severity(rule));
    }
    text
}

fn severity(rule: &Rule) -> &'static str {
    match rule.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

// --- What is run ---

/// The pages that people write and all others, by their path in the repository.
fn pages() -> Vec<String> {
    let mut pages: Vec<String> = ["docs", "docs/databases"]
        .iter()
        .flat_map(|folder| {
            let entries = fs::read_dir(root().join(folder)).expect("a folder of pages");
            entries.map(move |entry| format!("{folder}/{}", entry.expect("a file").file_name().to_string_lossy()))
        })
        .filter(|path| is_markdown(path))
        .collect();
    pages.extend(["README.md".to_owned(), "CHANGELOG.md".to_owned()]);
    pages.sort();
    pages
}

fn is_markdown(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|extension| extension == "md")
}

/// A fenced block.
#[derive(Debug)]
struct Block {
    /// What stands after the fence.
    info: String,
    /// The line of the fence, counted from one.
    line: usize,
    /// What stands before the fence: a block within a list.
    indent: String,
    content: Vec<String>,
}

/// The page's lines outside of blocks, as they are, and its blocks, in order.
enum Part {
    Line(String),
    Block(Block),
}

fn parts(text: &str, path: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut open: Option<Block> = None;
    for (index, line) in text.lines().enumerate() {
        let indent = &line[..line.len() - line.trim_start().len()];
        open = match (open.take(), line.trim_start().strip_prefix("```")) {
            (None, Some(info)) => {
                Some(Block { info: info.to_owned(), line: index + 1, indent: indent.to_owned(), content: Vec::new() })
            }
            (None, None) => {
                parts.push(Part::Line(line.to_owned()));
                None
            }
            (Some(block), Some("")) if block.indent == indent => {
                parts.push(Part::Block(block));
                None
            }
            (Some(mut block), _) => {
                block.content.push(line.strip_prefix(&block.indent).unwrap_or(line).to_owned());
                Some(block)
            }
        };
    }
    assert!(open.is_none(), "{path}: a block is not closed");
    parts
}

#[test]
fn every_block_of_every_page_holds() {
    let scratch = Scratch::new();
    let mut problems = Vec::new();
    for path in pages() {
        let text = read(&path);
        let mut fresh = String::new();
        for part in parts(&text, &path) {
            match part {
                Part::Line(line) => fresh.push_str(&line),
                Part::Block(mut block) => {
                    if let Err(problem) = hold(&mut block, &scratch) {
                        problems.push(format!("{path}:{}: {problem}", block.line));
                    }
                    let indent = &block.indent;
                    let _ = writeln!(fresh, "{indent}```{}", block.info);
                    for line in &block.content {
                        fresh.push_str(if line.is_empty() { "" } else { indent });
                        fresh.push_str(line);
                        fresh.push('\n');
                    }
                    let _ = write!(fresh, "{indent}```");
                }
            }
            fresh.push('\n');
        }
        if updating() && fresh != text {
            fs::write(root().join(&path), fresh).expect("the page can be written");
        }
    }
    assert!(problems.is_empty(), "{}\n\nwhat a program printed, {HOW}", problems.join("\n\n"));
}

/// Runs or reads a block; when updating, puts what is true in place of what isn't.
fn hold(block: &mut Block, scratch: &Scratch) -> Result<(), String> {
    let info: Vec<&str> = block.info.split_whitespace().collect();
    match info.as_slice() {
        ["sh"] => commands(block.content.iter().map(String::as_str))?.iter().try_for_each(|command| {
            let run = scratch.run(command)?;
            if run.1 == 0 { Ok(()) } else { Err(format!("`{command}` ends with exit code {}:\n{}", run.1, run.0)) }
        }),
        ["console"] => {
            let fresh = transcript(&block.content, scratch)?;
            if fresh == block.content {
                return Ok(());
            }
            if updating() {
                block.content = fresh;
                return Ok(());
            }
            Err(format!("the program says:\n{}", fresh.join("\n")))
        }
        ["sql" | "sh" | "yaml", recipe] if recipe.starts_with("recipe=") => recipe_is_run(&recipe["recipe=".len()..]),
        ["yaml"] => yaml_holds(&block.content.join("\n")),
        ["yaml", file] => {
            let path = file.strip_prefix("file=").ok_or_else(|| format!("`{file}` is no `file=PATH`"))?;
            let content: Vec<String> = read(path).lines().map(str::to_owned).collect();
            if block.content != content {
                if !updating() {
                    return Err(format!("this is not the content of {path}; {HOW}"));
                }
                block.content = content;
            }
            yaml_holds(&block.content.join("\n"))
        }
        ["sh", "cluster"] | ["json" | "text" | "dockerfile" | "sql"] => Ok(()),
        _ => Err(format!("nobody knows what a block `{}` is", block.info)),
    }
}

/// A test of databases names it.
fn recipe_is_run(name: &str) -> Result<(), String> {
    let tests = fs::read_dir(root().join("e2e/databases")).map_err(|error| error.to_string())?;
    let quoted = format!("\"{name}\"");
    let names_it = |path: PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains(&quoted));
    if tests
        .flatten()
        .map(|file| file.path())
        .any(|path| path.extension().is_some_and(|end| end == "rs") && names_it(path))
    {
        return Ok(());
    }
    Err(format!("no test of e2e/databases runs the recipe `{name}`"))
}

/// Commands, one a line, longer ones with `\` at the line's end.
fn commands<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<String>, String> {
    let mut commands = Vec::new();
    let mut open = String::new();
    for line in lines.map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(begun) = line.strip_suffix('\\') {
            open.push_str(begun);
            continue;
        }
        open.push_str(line);
        commands.push(std::mem::take(&mut open));
    }
    if open.is_empty() { Ok(commands) } else { Err(format!("`{open}` goes on, but does not")) }
}

/// A transcript with what the commands print now. Where `...` stood for what is printed, it stays.
fn transcript(lines: &[String], scratch: &Scratch) -> Result<Vec<String>, String> {
    let mut fresh = Vec::new();
    let mut index = 0;
    while index < lines.len() {
        let Some(first) = lines[index].strip_prefix("$ ") else {
            return Err(format!("`{}` follows no command", lines[index]));
        };
        let mut command = first.to_owned();
        fresh.push(lines[index].clone());
        index += 1;
        while command.ends_with('\\') {
            command.pop();
            let next = lines.get(index).ok_or("the last command is not complete")?;
            command.push_str(next.trim());
            fresh.push(next.clone());
            index += 1;
        }
        let end =
            lines[index..].iter().position(|line| line.starts_with("$ ")).map_or(lines.len(), |found| index + found);
        let expected = &lines[index..end];
        let (printed, code) = scratch.run(&command)?;
        let mut found: Vec<String> = printed.lines().map(str::to_owned).collect();
        if code != 0 {
            found.push(format!("[exit {code}]"));
        }
        // An empty line before the next command is for the reader.
        let spaced = end < lines.len() && expected.last().is_some_and(String::is_empty);
        let wanted = if spaced { &expected[..expected.len() - 1] } else { expected };
        if fits(wanted, &found) {
            fresh.extend_from_slice(expected);
        } else if wanted.iter().any(|line| line.trim() == "...") {
            return Err(format!("`{command}` prints something else now:\n{}", found.join("\n")));
        } else {
            fresh.extend(found);
            fresh.extend(spaced.then(String::new));
        }
        index = end;
    }
    Ok(fresh)
}

/// `...` stands for any lines.
fn fits(wanted: &[String], found: &[String]) -> bool {
    match wanted.split_first() {
        None => found.is_empty(),
        Some((line, rest)) if line.trim() == "..." => (0..=found.len()).any(|skipped| fits(rest, &found[skipped..])),
        Some((line, rest)) => found.split_first().is_some_and(|(first, others)| first == line && fits(rest, others)),
    }
}

/// The folder that stands for `my-app`.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("dayfly-docs-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        Self(folder)
    }

    /// What a command prints, and its exit code.
    fn run(&self, command: &str) -> Result<(String, u8), String> {
        let words = words(command)?;
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (words, file) = match words.as_slice() {
            [command @ .., ">", file] => (command, file.strip_prefix("my-app/")),
            command => (command, None),
        };
        let args = match words {
            ["dayfly", args @ ..] | ["cargo", "run", "--release", "--", args @ ..] => args,
            // This is it.
            ["cargo", "test"] => return Ok((String::new(), 0)),
            _ => {
                return Err(format!(
                    "`{command}` is not run: only dayfly is; mark what needs a cluster with `sh cluster`"
                ));
            }
        };
        let app = self.0.join("my-app").display().to_string();
        let args: Vec<String> = args
            .iter()
            .map(|word| match word.split_once("my-app") {
                Some((before, after)) if before.is_empty() || before.ends_with('=') => format!("{before}{app}{after}"),
                _ => (*word).to_owned(),
            })
            .collect();
        let run = support::dayfly(&args.iter().map(String::as_str).collect::<Vec<_>>());
        let mut printed = run.out;
        if let Some(file) = file {
            fs::write(self.0.join("my-app").join(file), std::mem::take(&mut printed))
                .map_err(|error| error.to_string())?;
        }
        Ok(((printed + &run.err).replace(&app, "my-app"), run.code as u8))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The words of a command line, as a shell cuts it; nothing is expanded.
fn words(command: &str) -> Result<Vec<String>, String> {
    let mut words: Vec<String> = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, '|' | '<' | '&' | ';' | '$' | '`' | '*') => {
                return Err(format!("`{command}` needs a shell; this test has none"));
            }
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    if quote.is_some() { Err(format!("`{command}` has an open quote")) } else { Ok(words) }
}

/// Our reader takes it, and our files decode.
fn yaml_holds(text: &str) -> Result<(), String> {
    let documents = yaml::read(text, Limits::MANIFESTS).map_err(|problems| format!("not readable: {problems:?}"))?;
    for document in &documents {
        let kind = document.get("kind").and_then(|kind| kind.text());
        if !matches!(kind, Some("PreviewPolicy" | "PreviewGuardrails")) {
            continue;
        }
        let source = Source { name: "block".into(), text: text.into() };
        let problems = if kind == Some("PreviewPolicy") {
            read_typed::<Policy>(&source, Owner::Team).err()
        } else {
            read_typed::<Guardrails>(&source, Owner::Platform).err()
        };
        if let Some(problems) = problems {
            let messages: Vec<String> = problems.into_iter().map(|finding| finding.message).collect();
            return Err(messages.join("; "));
        }
    }
    Ok(())
}

// --- What is read ---

/// Links within the repository lead somewhere.
#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for path in pages() {
        for part in parts(&read(&path), &path) {
            let Part::Line(line) = part else { continue };
            for target in links(&line) {
                if target.contains("://") {
                    continue;
                }
                let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
                let folder = root().join(&path).parent().expect("a folder").to_owned();
                let file = if file.is_empty() { root().join(&path) } else { folder.join(file) };
                let exists = file.exists();
                let leads = exists && (anchor.is_empty() || anchors(&file).iter().any(|found| found == anchor));
                if !leads {
                    broken.push(format!("{path}: {target}"));
                }
            }
        }
    }
    assert!(broken.is_empty(), "links that lead nowhere:\n{}", broken.join("\n"));
}

/// The targets of `[text](target)`.
fn links(line: &str) -> Vec<&str> {
    line.split("](").skip(1).filter_map(|rest| rest.split(')').next()).collect()
}

/// The anchors of a page's headings, as GitHub makes them.
fn anchors(file: &Path) -> Vec<String> {
    let Ok(text) = fs::read_to_string(file) else { return Vec::new() };
    let headings = parts(&text, &file.display().to_string()).into_iter().filter_map(|part| match part {
        Part::Line(line) => line.strip_prefix('#').map(|rest| anchor(rest.trim_start_matches('#').trim())),
        Part::Block(_) => None,
    });
    headings.collect()
}

fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The projects of `deploy/` let through what storefront is made of.
#[test]
fn projects_allow_what_is_rendered() {
    for (case, project) in [("storefront", "environments"), ("storefront-single", "single")] {
        let file = format!("deploy/projects/{project}.yaml");
        let project: Json = serde_yaml::from_str(&read(&file)).expect("a project");
        let listed = |list: &str, group: &str, kind: &str| {
            let list = project["spec"][list].as_array().expect("a list");
            list.iter().any(|entry| entry["group"] == group && entry["kind"] == kind)
        };
        let destinations = project["spec"]["destinations"].as_array().expect("a list");
        let reaches = |namespace: &str| {
            destinations.iter().filter_map(|to| to["namespace"].as_str()).any(|to| match to.strip_suffix('*') {
                Some(prefix) => namespace.starts_with(prefix),
                None => namespace == to,
            })
        };
        let objects: Vec<Json> =
            serde_json::from_str(&support::dayfly_on("render", case, &["-o", "json"]).out).expect("objects");
        for object in &objects {
            let (group, _) = object["apiVersion"].as_str().unwrap_or_default().split_once('/').unwrap_or_default();
            let kind = object["kind"].as_str().unwrap_or_default();
            let allowed = match object["metadata"]["namespace"].as_str() {
                Some(namespace) => listed("namespaceResourceWhitelist", group, kind) && reaches(namespace),
                None => listed("clusterResourceWhitelist", group, kind),
            };
            assert!(allowed, "{file} refuses {case}'s {group}/{kind} {}", object["metadata"]["name"]);
        }
    }
}

#[test]
fn transcripts_are_compared_line_by_line() {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    assert!(fits(&lines("a\n...\nd"), &lines("a\nb\nc\nd")));
    assert!(fits(&lines("...\na"), &lines("a")));
    assert!(!fits(&lines("a"), &lines("a\nb")));
    assert_eq!(words("check 'a b' --set x=\"y z\"").unwrap(), ["check", "a b", "--set", "x=y z"]);
    assert!(words("dayfly plugin | kubectl apply").is_err());
}
