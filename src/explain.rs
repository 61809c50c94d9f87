//! Who set a value, what was asked for, what was granted, and which rule had a say: a view of the decisions.

use std::fmt::Write as _;

use crate::{
    emit,
    finding::{InputFile, Location, nearest, visible},
    input::{Parameters, Source},
    objects::{Object, Origin as ObjectOrigin},
    render::{Rendered, Renderer},
    resolve::{Decision, Origin},
    rules,
    value::{Value, is_below, pointer_segments, push_segment},
};

/// Where the inputs' places are looked up.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    pub guardrails: &'a Source,
    pub policy: &'a Source,
    pub parameters: &'a Parameters,
}

/// Explains a field (`ttl`), an object (`Deployment/web`) or a place in one (`Deployment/web/spec/replicas`).
///
/// # Errors
/// Nothing is called so; with the nearest name.
pub fn explain(renderer: &Renderer, rendered: &Rendered, sources: &Sources<'_>, what: &str) -> Result<String, String> {
    let starts_like_an_object = what.chars().next().is_some_and(char::is_uppercase);
    if starts_like_an_object && what.contains('/') {
        return object(renderer, rendered, sources, what);
    }
    let decisions = rendered.decisions.within(what);
    if decisions.is_empty() {
        let fields = rendered.decisions.made.iter().map(|decision| decision.field.as_str());
        let hint = nearest(what, fields.clone());
        if hint.contains("did you mean") {
            return Err(format!("nothing is decided about `{}`{hint}", visible(what)));
        }
        let mut groups: Vec<&str> = fields.map(|field| field.split('.').next().unwrap_or(field)).collect();
        groups.sort_unstable();
        groups.dedup();
        let groups = groups.join("`, `");
        return Err(format!(
            "nothing is decided about `{}`: there are `{groups}`, and objects such as `Deployment/web`",
            visible(what)
        ));
    }
    let mut text = String::new();
    for decision in decisions {
        write_decision(&mut text, decision, sources);
    }
    Ok(text)
}

fn object(renderer: &Renderer, rendered: &Rendered, sources: &Sources<'_>, what: &str) -> Result<String, String> {
    let (kind, rest) = what.split_once('/').unwrap_or((what, ""));
    let (name, pointer) =
        rest.split_once('/').map_or((rest, String::new()), |(name, pointer)| (name, format!("/{pointer}")));
    let found =
        rendered.objects.iter().find(|object| object.kind().eq_ignore_ascii_case(kind) && object.name() == name);
    let Some(object) = found else {
        let ids: Vec<String> = rendered.objects.iter().map(Object::id).collect();
        return Err(format!(
            "there is no object `{}`{}",
            visible(&format!("{kind}/{name}")),
            nearest(&format!("{kind}/{name}"), ids.iter().map(String::as_str))
        ));
    };
    let value = object
        .value
        .pointer(&pointer)
        .ok_or_else(|| format!("{} has nothing at `{}`", object.id(), visible(&pointer)))?;
    let mut text = String::new();
    let _ = writeln!(text, "{}{pointer}", object.id());
    let mut shown = Vec::new();
    emit::json::compact(value, &mut shown);
    let _ = writeln!(text, "  value      {}", String::from_utf8_lossy(&shown));
    match &object.origin {
        ObjectOrigin::Manifest { file, line } => {
            let _ = writeln!(text, "  written    {file}, the document in line {line}");
        }
        ObjectOrigin::Template(template) => {
            let _ = writeln!(text, "  laid out   templates/{template}");
        }
    }
    let patches = renderer.patches_of(object, &pointer);
    for index in patches {
        let place = sources.guardrails.locate(&format!("/spec/patches/{index}"));
        let _ = writeln!(text, "  patched    {}", shown_place(&place));
    }
    let places = rendered
        .traces
        .iter()
        .find(|trace| trace.id == object.id())
        .map(|trace| trace.places.as_slice())
        .unwrap_or_default();
    let mut paths: Vec<&str> = Vec::new();
    let mut fields: Vec<String> = Vec::new();
    for place in places.iter().filter(|place| is_below(&place.pointer, &pointer) || is_below(&pointer, &place.pointer))
    {
        for path in &place.paths {
            if !paths.contains(&path.as_str()) {
                let _ = writeln!(text, "  from       ${{{{ {path} }}}}, line {} of the template", place.line);
                paths.push(path);
                let below = pointer.strip_prefix(&place.pointer).unwrap_or_default();
                fields.push(format!("{}{}", qualified(path, object), names(&object.value, &place.pointer, below)));
            }
        }
    }
    if pointer.starts_with("/metadata/labels/") && fields.is_empty() {
        text.push_str("  from       labels: on every object, whoever wrote it\n");
    }
    for field in fields {
        for decision in rendered.decisions.about(&field) {
            write_decision(&mut text, decision, sources);
        }
    }
    Ok(text)
}

/// A field of `$for: service in services` is one of the object's own: `service.image` is `services.web.image`.
fn qualified(field: &str, object: &Object) -> String {
    let own = object.name();
    match field.split_once('.') {
        Some(("service", rest)) => format!("services.{own}.{rest}"),
        Some(("route", rest)) => format!("routes.{own}.{rest}"),
        Some(("secret", _)) => format!("secrets.{own}"),
        Some(("datum", _)) => format!("secrets.{own}"),
        Some(("rule", _)) => format!("network.egress.{}", own.trim_start_matches("allow-egress-")),
        Some(("database" | "job", _)) => {
            format!("databases.{}", object.value.str_at(&["metadata", "labels", "dayfly.dev/database"]).unwrap_or(own))
        }
        _ => field.to_owned(),
    }
}

/// What a place below a filled-in one is called: `/3` of a container's `env` is `.DATABASE_URL`.
fn names(value: &Value, pointer: &str, below: &str) -> String {
    let mut here = value.pointer(pointer);
    let mut names = String::new();
    for segment in pointer_segments(below) {
        let is_item = matches!(here, Some(Value::List(_)));
        let mut place = String::new();
        push_segment(&mut place, &segment);
        here = here.and_then(|value| value.pointer(&place));
        let name = here.filter(|_| is_item).and_then(|item| item.str_at(&["name"]));
        names.push('.');
        names.push_str(name.unwrap_or(&segment));
    }
    names
}

fn write_decision(text: &mut String, decision: &Decision, sources: &Sources<'_>) {
    let _ = writeln!(text, "{}", decision.field);
    let _ = writeln!(text, "  granted    {}", visible(&decision.granted));
    if let Some(asked) = &decision.asked {
        let _ = writeln!(text, "  asked      {}", visible(asked));
    }
    let origin = match &decision.origin {
        Origin::BuiltIn => "dayfly".to_owned(),
        Origin::Input(InputFile::Guardrails, pointer) if !sources.guardrails.places().has(pointer) => {
            format!("dayfly: the guardrails have no {pointer}")
        }
        Origin::Input(InputFile::Guardrails, pointer) => {
            format!("platform, {}", shown_place(&sources.guardrails.locate(pointer)))
        }
        Origin::Input(InputFile::Policy, pointer) => format!("team, {}", shown_place(&sources.policy.locate(pointer))),
        Origin::Input(InputFile::Parameters, pointer) => {
            format!("pull request, parameter {}", pointer.trim_start_matches('/'))
        }
        Origin::Label(label) => format!("pull request, label `{}`", visible(label)),
        Origin::Parameter(name) => {
            let place = sources.parameters.locate(sources.parameters.places().as_ref(), &format!("/{name}"));
            format!("pull request, {}", shown_place(&place))
        }
    };
    let _ = writeln!(text, "  set by     {origin}");
    if let Some(code) = decision.rule {
        let summary = rules::ALL.iter().find(|rule| rule.code == code).map_or("", |rule| rule.summary);
        let _ = writeln!(text, "  rule       {code}: {summary}");
    }
    let _ = writeln!(text, "  because    {}", decision.reason);
}

/// `preview.yaml:12:5 (/spec/ttl)`.
fn shown_place(place: &Location) -> String {
    let file = place.file.as_deref().unwrap_or("parameters");
    let pointer = place.pointer.as_deref().unwrap_or_default();
    match (place.line, place.column) {
        (Some(line), Some(column)) => format!("{file}:{line}:{column} ({pointer})"),
        _ => format!("{file} ({pointer})"),
    }
}
