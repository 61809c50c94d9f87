//! The documentation is held to the program.
//!
//! Schemas, and what the pages about the two files and the rules list, are made here; pages are read, and their blocks are run.
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
//! | `yaml over=CASE` | fields of guardrails, in the place of those of a case in `testdata`, whose policy then has nothing to report |
//! | `yaml template=NAME` | a template added to the storefront's guardrails, likewise |
//! | `sql recipe=NAME`, and so `sh` and `yaml` | not run here: an end-to-end test takes it from the page and runs it |
//! | `json`, `text`, `dockerfile`, `sql` | not looked at |
//!
//! `dayfly …` and `cargo run --release -- …` run in this process. `cargo test` is what runs this; that it works on a fresh
//! machine, and that cargo's release build does, is for `.ci/run` to show. Files below `my-app/` are made in a folder that
//! goes away; `> my-app/FILE` writes one there.

mod generated;
mod links;

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use serde_json::{Value as Json, json};

use super::support::{self, root};
use crate::{
    cli::ExitCode,
    finding::Owner,
    input::{Guardrails, Policy, Source, read_typed},
    yaml::{self, Limits},
};

const HOW: &str = "`UPDATE_DOCS=1 cargo test docs` writes it anew";

/// Pages that are made and have blocks are written by two tests.
static WRITING: Mutex<()> = Mutex::new(());

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
    let _alone = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let my_app = MyApp::new();
    let mut problems = Vec::new();
    for path in pages() {
        let text = read(&path);
        let mut fresh = String::new();
        for part in parts(&text, &path) {
            match part {
                Part::Line(line) => fresh.push_str(&line),
                Part::Block(mut block) => {
                    if let Err(problem) = hold(&mut block, &my_app) {
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
fn hold(block: &mut Block, my_app: &MyApp) -> Result<(), String> {
    let info: Vec<&str> = block.info.split_whitespace().collect();
    match info.as_slice() {
        ["sh"] => commands(block.content.iter().map(String::as_str))?.iter().try_for_each(|command| {
            let run = my_app.run(command)?;
            if run.1 == 0 { Ok(()) } else { Err(format!("`{command}` ends with exit code {}:\n{}", run.1, run.0)) }
        }),
        ["console"] => {
            let fresh = transcript(&block.content, my_app)?;
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
        ["yaml", over] if over.starts_with("over=") => {
            let fields: Json = serde_yaml::from_str(&block.content.join("\n")).map_err(|error| error.to_string())?;
            my_app.renders(&over["over=".len()..], &fields, None)
        }
        ["yaml", template] if template.starts_with("template=") => {
            let template = (&template["template=".len()..], block.content.join("\n"));
            my_app.renders("storefront", &json!({"spec": {"templates": "templates"}}), Some(&template))
        }
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

/// An end-to-end test names it.
fn recipe_is_run(name: &str) -> Result<(), String> {
    let folders = ["e2e", "e2e/databases"].map(|folder| fs::read_dir(root().join(folder)));
    let quoted = format!("\"{name}\"");
    let names_it = |path: PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains(&quoted));
    if folders
        .into_iter()
        .flatten()
        .flatten()
        .flatten()
        .map(|file| file.path())
        .any(|path| path.extension().is_some_and(|end| end == "rs") && names_it(path))
    {
        return Ok(());
    }
    Err(format!("no end-to-end test runs the recipe `{name}`"))
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
fn transcript(lines: &[String], my_app: &MyApp) -> Result<Vec<String>, String> {
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
        let (printed, code) = my_app.run(&command)?;
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
struct MyApp(PathBuf);

impl MyApp {
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

impl MyApp {
    /// Whether a case has nothing to report with other fields in its guardrails, a quarantine neither, and no patch is without effect.
    fn renders(&self, case: &str, fields: &Json, template: Option<&(&str, String)>) -> Result<(), String> {
        let folder = self.0.join("recipe");
        fs::create_dir_all(folder.join("templates")).map_err(|error| error.to_string())?;
        let mut guardrails: Json =
            serde_yaml::from_str(&read(&format!("testdata/{case}/guardrails.yaml"))).expect("YAML");
        for (field, value) in fields["spec"].as_object().ok_or("no `spec`")? {
            guardrails["spec"][field] = value.clone();
        }
        if let Some((name, text)) = template {
            fs::write(folder.join("templates").join(name), text).map_err(|error| error.to_string())?;
        }
        let file = folder.join("guardrails.yaml");
        fs::write(&file, guardrails.to_string()).map_err(|error| error.to_string())?;
        let (policy, parameters) = (format!("testdata/{case}"), "testdata/storefront/parameters.yaml");
        let run = |args: &[&str]| {
            let inputs = [&policy, "--guardrails", &file.to_string_lossy(), "--parameters", parameters];
            support::dayfly(&[&args[..1], &inputs, &args[1..]].concat())
        };
        let check = run(&["check"]);
        if !check.out.contains("nothing to report") {
            return Err(format!("{}{}", check.out, check.err));
        }
        let quarantine = run(&["render", "--set", "fork=true"]);
        if !quarantine.out.contains("dayfly-findings") {
            return Err(quarantine.err);
        }
        for patch in 0..guardrails["spec"]["patches"].as_array().map_or(0, Vec::len) {
            let explain = run(&["explain", &format!("patches.{patch}")]);
            let kind = guardrails["spec"]["patches"][patch]["target"]["kind"].as_str().unwrap_or_default();
            // The case has none of these.
            if explain.out.contains("no object") && !matches!(kind, "CronJob" | "StatefulSet") {
                return Err(explain.out);
            }
        }
        fs::remove_dir_all(folder).map_err(|error| error.to_string())
    }
}

impl Drop for MyApp {
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

#[test]
fn transcripts_are_compared_line_by_line() {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    assert!(fits(&lines("a\n...\nd"), &lines("a\nb\nc\nd")));
    assert!(fits(&lines("...\na"), &lines("a")));
    assert!(!fits(&lines("a"), &lines("a\nb")));
    assert_eq!(words("check 'a b' --set x=\"y z\"").unwrap(), ["check", "a b", "--set", "x=y z"]);
    assert!(words("dayfly plugin | kubectl apply").is_err());
}
