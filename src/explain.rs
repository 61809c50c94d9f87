//! Who set a value, what was asked for, what was granted, and which rule had a say: a view of the decisions.

mod stated;
mod unknown;

use std::{borrow::Cow, fmt::Write as _};

use crate::{
    emit,
    finding::{Finding, InputFile, Location, Subject, count, masked, nearest, visible},
    input::{Places, parameters::ParameterPlaces},
    objects::{Object, Origin as ObjectOrigin, stamp},
    render::{Rendered, Renderer},
    resolve::{
        Decision, Decisions, Origin,
        decision::{refuses, shown},
    },
    value::{Value, child, is_below, pointer_segments},
};

/// What was rendered, and where the inputs' places are looked up.
#[derive(Debug)]
pub struct Sources<'a> {
    /// Its patches and layout say who has a hand in an object, or answers for a file.
    pub renderer: &'a Renderer,
    /// Of the guardrails' file.
    pub guardrails: Places<'a>,
    /// Of the policy's file.
    pub policy: Places<'a>,
    /// Of the pull request's parameters, read from a file or not.
    pub parameters: ParameterPlaces<'a>,
}

impl<'a> Sources<'a> {
    /// All of a file; nothing of the parameters.
    fn value(&self, file: InputFile) -> Value {
        self.places(file).map(Places::value).unwrap_or_default()
    }

    fn places(&self, file: InputFile) -> Option<&Places<'a>> {
        match file {
            InputFile::Guardrails => Some(&self.guardrails),
            InputFile::Policy => Some(&self.policy),
            InputFile::Parameters => None,
        }
    }

    fn locate(&self, file: InputFile, pointer: &str) -> Location {
        match file {
            InputFile::Guardrails => self.guardrails.locate(pointer),
            InputFile::Policy => self.policy.locate(pointer),
            InputFile::Parameters => self.parameters.locate(pointer),
        }
    }

    fn author(&self, file: InputFile) -> String {
        self.renderer.guardrails.spec.layout.owner(file).name().replace('-', " ")
    }
}

/// Most bytes of a value that stands in one line: with what is before it, a terminal has 80 columns.
const LONGEST_VALUE: usize = 80 - "  value      ".len();

/// Explains a field of the Environment (`ttl`), one of the policy or the guardrails (`services.web.uses`, `/spec/egress`), an object
/// (`Deployment/web`), a place in one (`Deployment/web/spec/replicas`) or a kind (`Deployment`), whose objects are listed.
///
/// # Errors
/// Nothing is called so; with the nearest name.
pub fn explain(rendered: &Rendered, sources: &Sources<'_>, what: &str) -> Result<String, String> {
    let decisions = rendered.decisions.with(refused(rendered, sources));
    let what = &*dotted(what);
    // `deployment/web`, as kubectl takes it, too; a field with a slash has a dot before it: `labels.dayfly.dev/team`.
    let kind = what.split_once('/').map(|(kind, _)| kind);
    if kind.is_some_and(|kind| !kind.is_empty() && kind.bytes().all(|b| b.is_ascii_alphanumeric())) {
        return object(rendered, &decisions, sources, what);
    }
    let Some(mut text) = field(rendered, &decisions, sources, what) else {
        let text = of_kind(rendered, what);
        return if text.is_empty() { Err(unknown::unknown(what, rendered, &decisions, sources)) } else { Ok(text) };
    };
    if rendered.objects.is_empty() && rendered.has_errors() {
        let _ = writeln!(text, "{}", refusal(rendered));
    }
    Ok(text)
}

/// A field as yq and kubectl have it, `.spec.services[0].image`, as its names are written here; `[]`, as the documentation has it, stands
/// for an item that is still to be named.
fn dotted(what: &str) -> Cow<'_, str> {
    let said = what.strip_prefix('.').unwrap_or(what);
    if !said.contains('[') {
        return Cow::Borrowed(said);
    }
    let sign = if said.contains('/') { '/' } else { '.' };
    let mut names = String::with_capacity(said.len());
    for (at, part) in said.split('[').enumerate() {
        let (index, rest) = if at == 0 { ("", part) } else { part.split_once(']').unwrap_or((part, "")) };
        let index = index.trim_matches(['"', '\'', '*']);
        if !index.is_empty() {
            names.push(sign);
        }
        names.push_str(index);
        names.push_str(rest);
    }
    Cow::Owned(names)
}

/// Names of all fields and objects that [`explain`] takes.
pub fn list(rendered: &Rendered, sources: &Sources<'_>) -> String {
    let decisions = rendered.decisions.with(refused(rendered, sources));
    unknown::all(rendered, &decisions, sources)
}

/// A field of the Environment, or else of one of the files, whether or not it says one there.
fn field(rendered: &Rendered, decisions: &Decisions, sources: &Sources<'_>, what: &str) -> Option<String> {
    let mut text = String::new();
    let mut found = decided(decisions, what);
    if found.is_empty() {
        let Some(field) = stated::find(what, sources) else { return stated::unstated(what, sources) };
        found = field.became(decisions);
        let _ = write!(text, "{field}");
        if let Some(index) = field.patch() {
            let patched = sources.renderer.patches.targets(index, &rendered.objects);
            let objects: Vec<String> = patched.into_iter().map(Object::id).collect();
            let objects = if objects.is_empty() { "no object".to_owned() } else { objects.join(", ") };
            let _ = writeln!(text, "  changes    {objects}");
        } else if found.is_empty() {
            text.push_str("  because    it is taken as it stands\n");
        }
    }
    for decision in found {
        write_decision(&mut text, decision, rendered, sources);
    }
    Some(text)
}

/// What was decided about a field, as the Environment calls it, the policy, or its expressions.
fn decided<'d>(decisions: &'d Decisions, what: &str) -> Vec<&'d Decision> {
    let names = [Some(what.to_owned()), Some(format!("policy.{what}")), in_expressions(what)];
    let mut found = names.iter().flatten().map(|name| decisions.within(name));
    found.find(|found| !found.is_empty()).unwrap_or_default()
}

/// What decides about a name that a policy's expressions have, and the Environment has not.
fn in_expressions(what: &str) -> Option<String> {
    if what == "preview.namespace" {
        return Some("namespace".to_owned());
    }
    // A Service is called as the service is.
    let service = what.strip_suffix(".host").or_else(|| what.strip_suffix(".url"))?;
    service.starts_with("services.").then(|| format!("{service}.port"))
}

/// What was refused before anything was decided about it: the policy's fields that findings stand at.
fn refused(rendered: &Rendered, sources: &Sources<'_>) -> Vec<Decision> {
    let errors = rendered.findings.iter().filter(|finding| {
        refuses(finding) && !rendered.decisions.made.iter().any(|decision| decision.is_refused_by(finding))
    });
    let mut refused: Vec<Decision> = Vec::new();
    let mut policy = None;
    for finding in errors {
        let Subject::Input(InputFile::Policy, pointer) = &finding.subject else { continue };
        let policy = policy.get_or_insert_with(|| sources.policy.value());
        let field = names(policy, "/spec", pointer.strip_prefix("/spec").unwrap_or(pointer));
        let asked = policy.pointer(pointer).map(shown).unwrap_or_default();
        let origin = Origin::Input(InputFile::Policy, pointer.clone());
        if !field.is_empty() && !refused.iter().any(|other| other.origin == origin) {
            refused.push(Decision::new(field.trim_start_matches('.'), origin, asked, ""));
        }
    }
    refused
}

fn object(rendered: &Rendered, decisions: &Decisions, sources: &Sources<'_>, what: &str) -> Result<String, String> {
    let (kind, rest) = what.split_once('/').unwrap_or((what, ""));
    let (name, pointer) =
        rest.split_once('/').map_or((rest, String::new()), |(name, pointer)| (name, format!("/{pointer}")));
    let found =
        rendered.objects.iter().find(|object| object.kind().eq_ignore_ascii_case(kind) && object.name() == name);
    let Some(object) = found else { return Err(missing(rendered, &format!("{kind}/{name}"))) };
    let Some(value) = object.value.pointer(&pointer) else {
        let (_, hint) = unknown::astray(&object.value, &pointer);
        return Err(format!("{} has nothing at `{}`{hint}", object.id(), visible(&pointer)));
    };
    let mut text = String::new();
    let _ = writeln!(text, "{}{pointer}", object.id());
    let line = emit::json::compact(value);
    let is_long = line.len() > LONGEST_VALUE;
    if !is_long {
        let _ = writeln!(text, "  value      {}", masked(&line));
    }
    write_origin(&mut text, object);
    let patches = sources.renderer.patches.of(object, &pointer);
    for index in &patches {
        let place = sources.guardrails.locate(&format!("/spec/patches/{index}"));
        let _ = writeln!(text, "  patched    {}", shown_place(&place));
    }
    let mut fields = filled_in(&mut text, rendered, object, &pointer);
    fields.extend(stamped(&mut text, rendered, object, &pointer));
    if fields.is_empty() && patches.is_empty() && matches!(object.origin, ObjectOrigin::Template(_)) {
        text.push_str("  from       the template: the same in every preview\n");
    }
    if is_long {
        let _ = write!(text, "  value\n{}", masked(&emit::yaml::indented(value, 4)));
    }
    let mut said: Vec<&Decision> = Vec::new();
    for decision in fields.iter().flat_map(|field| decisions.about(field)) {
        if !said.iter().any(|other| std::ptr::eq(*other, decision)) {
            said.push(decision);
            write_decision(&mut text, decision, rendered, sources);
        }
    }
    Ok(text)
}

/// All objects of a kind, and whose they are; nothing, if there are none.
fn of_kind(rendered: &Rendered, kind: &str) -> String {
    let mut text = String::new();
    for object in rendered.objects.iter().filter(|object| object.kind().eq_ignore_ascii_case(kind)) {
        let _ = writeln!(text, "{}", object.id());
        write_origin(&mut text, object);
    }
    text
}

fn write_origin(text: &mut String, object: &Object) {
    let _ = match &object.origin {
        ObjectOrigin::Manifest { file, line } => writeln!(text, "  written    {file}, the document in line {line}"),
        ObjectOrigin::Template(template) => writeln!(text, "  laid out   {template}"),
    };
}

/// Why there is no such object: nobody asked for it, or nothing is rendered of what was.
fn missing(rendered: &Rendered, id: &str) -> String {
    let id = visible(id);
    if rendered.has_errors() {
        return format!("there is no object `{id}`: {}", refusal(rendered));
    }
    let ids: Vec<String> = rendered.objects.iter().map(Object::id).collect();
    format!("there is no object `{id}`{}", nearest(&id, ids.iter().map(String::as_str)))
}

/// `nothing is rendered: 2 errors, see …`.
fn refusal(rendered: &Rendered) -> String {
    let errors = rendered.findings.iter().filter(|finding| finding.is_error()).count();
    let what = if rendered.quarantined { "the pull request is quarantined" } else { "nothing is rendered" };
    format!("{what}: {}, see `dayfly check`", count(errors, "error"))
}

/// The fields that a template has filled in at a place, around it or below it.
fn filled_in(text: &mut String, rendered: &Rendered, object: &Object, pointer: &str) -> Vec<String> {
    let id = object.id();
    let trace = rendered.traces.iter().find(|trace| trace.id == id);
    let mut said: Vec<&str> = Vec::new();
    let mut fields: Vec<String> = Vec::new();
    for place in trace.map(|trace| trace.places.as_slice()).unwrap_or_default() {
        if !is_below(&place.pointer, pointer) && !is_below(pointer, &place.pointer) {
            continue;
        }
        for (path, field) in &place.paths {
            if !said.contains(&path.as_str()) {
                let _ = writeln!(text, "  from       ${{{{ {path} }}}}, line {} of the template", place.line);
                said.push(path);
            }
            let below = pointer.strip_prefix(&place.pointer).unwrap_or_default();
            let field = format!("{field}{}", names(&object.value, &place.pointer, below));
            if !fields.contains(&field) {
                fields.push(field);
            }
        }
    }
    fields
}

/// What every object gets, whoever wrote it: the environment's labels, and a team's manifest its namespace.
fn stamped(text: &mut String, rendered: &Rendered, object: &Object, pointer: &str) -> Vec<String> {
    let mut fields = Vec::new();
    let label = pointer.rsplit_once('/').filter(|(place, _)| place.ends_with("/metadata/labels"));
    if let Some((_, key)) = label {
        let key = pointer_segments(key).next().unwrap_or_default();
        let pods = object.pods_pointer().unwrap_or_default();
        let is_stamped = pointer.starts_with("/metadata/") || is_below(pointer, &format!("{pods}/metadata"));
        if is_stamped && rendered.environment.labels.get(&key).is_some() {
            text.push_str("  from       labels: on every object, whoever wrote it\n");
            fields.push(format!("labels.{key}"));
        }
    }
    if object.is_manifest() && stamp::writes(object, pointer) {
        text.push_str("  from       dayfly: on every manifest of the kind, whatever it says\n");
    }
    if pointer == "/metadata/namespace" && object.is_manifest() {
        text.push_str("  from       namespace: of every manifest, whatever it says\n");
        fields.push("namespace".into());
    }
    fields
}

/// What a place below a filled-in one is called: `/3` of a container's `env` is `.DATABASE_URL`.
fn names(value: &Value, pointer: &str, below: &str) -> String {
    let mut here = value.pointer(pointer);
    let mut names = String::new();
    for segment in pointer_segments(below) {
        let is_item = matches!(here, Some(Value::List(_)));
        here = here.and_then(|value| value.pointer(&child("", &segment)));
        let name = here.filter(|_| is_item).and_then(|item| item.str_at(&["name"]));
        names.push('.');
        names.push_str(name.unwrap_or(&segment));
    }
    names
}

fn write_decision(text: &mut String, decision: &Decision, rendered: &Rendered, sources: &Sources<'_>) {
    let refusals: Vec<&Finding> = rendered.findings.iter().filter(|finding| decision.is_refused_by(finding)).collect();
    let _ = writeln!(text, "{}", decision.field);
    let (granted, asked) = match &decision.asked {
        _ if refusals.is_empty() => (decision.granted.as_str(), decision.asked.as_deref()),
        Some(asked) => ("nothing", Some(asked.as_str())),
        None => ("nothing", Some(decision.granted.as_str())),
    };
    // A value that is there and empty is not nothing.
    let is_written = || match &decision.origin {
        Origin::Input(file, pointer) => sources.places(*file).is_some_and(|places| places.is_empty_text(pointer)),
        _ => false,
    };
    let granted = match visible(granted) {
        empty if empty.is_empty() => if is_written() { "\"\"" } else { "nothing" }.into(),
        granted => granted,
    };
    let _ = writeln!(text, "  granted    {granted}");
    // Of two long ones, the beginnings may be the same.
    if let Some(asked) = asked.map(visible).filter(|asked| !asked.is_empty() && *asked != granted) {
        let _ = writeln!(text, "  asked      {asked}");
    }
    let origin = match &decision.origin {
        Origin::BuiltIn => "dayfly".to_owned(),
        Origin::Input(InputFile::Guardrails, pointer) if !sources.guardrails.has(pointer) => {
            format!("dayfly: the guardrails have no {pointer}")
        }
        Origin::Input(file, pointer) => {
            format!("{}, {}", sources.author(*file), shown_place(&sources.locate(*file, pointer)))
        }
        Origin::Label(label) => format!("pull request, label `{}`", visible(label)),
    };
    let _ = writeln!(text, "  set by     {origin}");
    for finding in &refusals {
        let _ = writeln!(text, "  rule       {}: {}", finding.rule.code, finding.rule.summary);
        let _ = writeln!(text, "  because    {}", finding.message);
    }
    if !refusals.is_empty() {
        return;
    }
    if let Some(rule) = decision.rule {
        let _ = writeln!(text, "  rule       {}: {}", rule.code, rule.summary);
    }
    let _ = writeln!(text, "  because    {}", decision.reason);
}

/// `preview.yaml:12:5 (/spec/ttl)`.
fn shown_place(place: &Location) -> String {
    let file = place.file.as_deref().or(place.argument.as_deref()).unwrap_or("parameters");
    let pointer = place.pointer.as_deref().unwrap_or_default();
    match (place.line, place.column) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column} ({pointer})"),
        _ => format!("{file} ({pointer})"),
    }
}
