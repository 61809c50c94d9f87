//! What is meant as an expression is written as one, and stands where one is read.

use std::ops::Range;

use super::{
    Bounds,
    common::{Place, finding, told},
};
use crate::{
    expression::mistake::{MOST, written},
    finding::{Excerpt, Finding, Rule, Severity, visible},
    objects::Object,
    value::Value,
};

/// About variables, flags and files, which hold any text, and what manifests say beside their images.
pub static NOT_AN_EXPRESSION: Rule = Rule {
    code: "not-an-expression",
    severity: Severity::Warning,
    summary: "an expression is written with a dollar and two braces",
    explanation: "`{{ pr.title }}` and `${pr.title}` in an `env`, in `flags` or in `files` are text, which the program gets as it stands there. They begin \
        with a name that expressions have, so `${{ pr.title }}` was probably meant. `${NAME}` in an `env`, as Compose has it, is text, too: \
        Kubernetes puts the value of a variable in place of `$(NAME)`, and a few programs, such as Spring Boot, in place of the other. \
        In `files` it puts nothing in place of either: `${NAME}` is the program's own there, as in a collector's configuration, and `$(NAME)` of a \
        variable that the service has is told. \
        Where the text itself is meant, an expression can say so: `${{ '{{ pr.title }}' }}`.\n\n\
        In `manifests`, only images and the names of their Jobs hold expressions. In a variable, an argument or a ConfigMap there, one is text; \
        where that is meant (the file of a pipeline, say), leave the warning be.",
};

/// What else expressions see.
const ROOTS: [&str; 6] = ["guardrails.", "policy.", "pr.", "preview.", "routes.", "services."];

/// Bytes within which one ends.
const LONGEST: usize = 200;

/// The first parts of a text that look like expressions, and what is wrong with them.
pub(crate) fn find(text: &str) -> Vec<(Excerpt, String)> {
    let bytes = text.as_bytes();
    let mut expressions = written(text).peekable();
    let parts = text.match_indices('{').filter_map(|(at, _)| {
        let before = at.checked_sub(1).map(|before| bytes[before]);
        let (start, inside, close) = match (before, bytes.get(at + 1)) {
            (Some(b'$'), Some(b'{')) => return None,
            (Some(b'$'), _) => (at - 1, at + 1, "}"),
            (Some(b'{'), _) => return None,
            (_, Some(b'{')) => (at, at + 2, "}}"),
            _ => return None,
        };
        while expressions.next_if(|expression| expression.end <= at).is_some() {}
        if expressions.peek().is_some_and(|expression| expression.contains(&at)) {
            return None;
        }
        let rest = &text[inside..];
        let end = rest[..rest.floor_char_boundary(LONGEST)].find(close)?;
        let said = rest[..end].trim();
        let range = start..inside + end + close.len();
        let message = || {
            let written = visible(&text[range.clone()]);
            format!("`{written}` is no expression and stays as it is: one is written `${{{{ … }}}}`")
        };
        let is_meant = ROOTS.iter().any(|root| said.starts_with(root)) && !said.contains(['{', '}']);
        is_meant.then(|| (Excerpt::new(text, range.clone()), message()))
    });
    parts.take(MOST).collect()
}

/// Parts such as `${NAME}`, in which Compose and shells put a variable that the container has.
pub(crate) fn shell(text: &str, is_variable: impl Fn(&str) -> bool) -> Vec<(Excerpt, String)> {
    let found = variables(text, ["${", "}"], is_variable);
    let message = |name| format!("`${{{name}}}` stays as it is: Kubernetes puts a variable in place of `$({name})`");
    found.map(|(name, range)| (Excerpt::new(text, range), message(name))).take(MOST).collect()
}

/// Parts such as `$(NAME)` of a file, in which Kubernetes would put a variable if they stood elsewhere.
pub(crate) fn in_file(text: &str, is_variable: impl Fn(&str) -> bool) -> Vec<(Excerpt, String)> {
    let found = variables(text, ["$(", ")"], is_variable);
    let message = |name| {
        format!(
            "`$({name})` stays as it is: Kubernetes puts variables into `env`, `command` and `args`, not into files"
        )
    };
    // Two dollars say, there, that the characters are meant.
    let found = found.filter(|(_, range)| !text[..range.start].ends_with('$'));
    found.map(|(name, range)| (Excerpt::new(text, range), message(name))).take(MOST).collect()
}

/// Names of variables between two brackets, outside of expressions, and where they stand with these.
fn variables<'t>(
    text: &'t str,
    [open, close]: [&'static str; 2],
    is_variable: impl Fn(&str) -> bool,
) -> impl Iterator<Item = (&'t str, Range<usize>)> {
    let mut expressions = written(text).peekable();
    text.match_indices(open).filter_map(move |(at, _)| {
        while expressions.next_if(|expression| expression.end <= at).is_some() {}
        if expressions.peek().is_some_and(|expression| expression.contains(&at)) {
            return None;
        }
        let name = &text[at + open.len()..];
        let name = &name[..name.find(|character: char| !character.is_ascii_alphanumeric() && character != '_')?];
        let end = at + open.len() + name.len();
        (text[end..].starts_with(close) && is_variable(name)).then(|| (name, at..end + close.len()))
    })
}

/// Reports expressions of a manifest where none is read.
pub(crate) fn check(object: &Object, _: &Bounds<'_>, findings: &mut Vec<Finding>) {
    for told in told(object) {
        let Value::String(text) = told.value else { continue };
        let meant = |said: &&str| ROOTS.iter().any(|root| said[3..].trim_start().starts_with(root));
        let Some(first) = written(text).map(|range| &text[range]).find(meant) else { continue };
        let message = format!(
            "`{}` stays as it is: in manifests, only images and the names of their Jobs hold expressions",
            visible(first)
        );
        let help = match told.place {
            Place::Data(_) => "Pods read the ConfigMap `preview`, which has the URLs, the commit and the flags",
            Place::Word(..) | Place::Variable(..) => {
                "with `envFrom: [{configMapRef: {name: preview}}]`, `$(PREVIEW_URL)` stands for the first route's URL, and `$(FLAG_NAME)` for a flag, \
                 which holds any expression"
            }
        };
        findings.push(finding(&NOT_AN_EXPRESSION, object, told.pointer(), message).help(help));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{
        super::common::test::{found, manifest, places},
        find, in_file, shell,
    };

    #[test]
    fn what_compose_takes_for_a_variable_is_told() {
        let is_variable = |name: &str| ["DB_HOST", "DATABASE_URL"].contains(&name);
        let text = "a ${DB_HOST}:${DB_PORT} ${{ '${DB_HOST}' }} $(DB_HOST) ${DATABASE_URL";
        let found: Vec<String> = shell(text, is_variable)
            .into_iter()
            .map(|(excerpt, message)| format!("{} {message}", excerpt.at))
            .collect();
        assert_eq!(found, ["2 `${DB_HOST}` stays as it is: Kubernetes puts a variable in place of `$(DB_HOST)`"]);
    }

    #[test]
    fn what_kubernetes_replaces_elsewhere_is_told_of_a_file() {
        let text = "a $(DB_HOST):${DB_HOST} ${{ '$(DB_HOST)' }} $$(DB_HOST) $(hostname) $(DB_HOST";
        let found: Vec<String> = in_file(text, |name| name == "DB_HOST")
            .into_iter()
            .map(|(excerpt, message)| format!("{} {message}", excerpt.at))
            .collect();
        let message = "stays as it is: Kubernetes puts variables into `env`, `command` and `args`, not into files";
        assert_eq!(found, [format!("2 `$(DB_HOST)` {message}")]);
    }

    #[test]
    fn expressions_of_manifests_where_none_is_read_are_told() {
        let pod = json!({"containers": [{
            "image": "web:${{ pr.headSha }}",
            "args": ["--host=${{ routes.web.host }}", "${{ github.sha }}"],
            "env": [{"name": "A", "value": "${{pr.number}}"}, {"name": "B", "value": "$${{ pr.number }} {{ pr.number }}"}],
        }]});
        let job = json!({"apiVersion": "batch/v1", "kind": "Job", "spec": {"template": {"spec": pod}}});
        let config =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "x: ${{ preview.namespace }}", "b": 1}});
        let findings: Vec<_> =
            [&job, &config].into_iter().flat_map(|object| found(super::check, &manifest(object))).collect();
        let container = "not-an-expression /spec/template/spec/containers/0";
        let expected =
            [format!("{container}/args/0"), format!("{container}/env/0/value"), "not-an-expression /data/a".into()];
        assert_eq!(places(&findings), expected);
    }

    #[test]
    fn what_looks_like_an_expression_is_told() {
        for (text, expected) in [
            (
                "{{ pr.title }}",
                vec!["0 `{{ pr.title }}` is no expression and stays as it is: one is written `${{ … }}`"],
            ),
            (
                "a ${{ pr.title }} ${ routes.web.url }${pr.title}",
                vec![
                    "18 `${ routes.web.url }` is no expression and stays as it is: one is written `${{ … }}`",
                    "37 `${pr.title}` is no expression and stays as it is: one is written `${{ … }}`",
                ],
            ),
            (
                "{{pr.title|upper}}",
                vec!["0 `{{pr.title|upper}}` is no expression and stays as it is: one is written `${{ … }}`"],
            ),
            // Other programs', one that is meant as text, and what only begins as one.
            ("{{ .Values.tag }} {{ title }} ${HOME} {{ project.x }} {pr.title}", vec![]),
            ("$${{ pr.title }} ${{ '{{ pr.title }}' }} ${{ pr.title }}", vec![]),
            ("{{ pr.title } {{{ pr.title }}} ${", vec![]),
        ] {
            let found: Vec<String> =
                find(text).into_iter().map(|(excerpt, message)| format!("{} {message}", excerpt.at)).collect();
            assert_eq!(found, expected, "{text}");
        }
        assert_eq!(find(&"{{ pr.title }}".repeat(100)).len(), 5);
    }
}
