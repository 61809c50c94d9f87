//! What is meant as an expression is written as one.

use crate::{
    expression::mistake::{MOST, written},
    finding::{Excerpt, Rule, Severity, visible},
};

/// About variables and flags, which hold any text.
pub static NOT_AN_EXPRESSION: Rule = Rule {
    code: "not-an-expression",
    severity: Severity::Warning,
    summary: "an expression is written with a dollar and two braces",
    explanation: "`{{ pr.title }}` and `${pr.title}` in an `env` or in `flags` are text, which the program gets as it stands there. They begin \
        with a name that expressions have, so `${{ pr.title }}` was probably meant.\n\n\
        Where the text itself is meant, an expression can say so: `${{ '{{ pr.title }}' }}`.",
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

#[cfg(test)]
mod tests {
    use super::find;

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
