//! Finds the `${{ … }}` in a string. Needs nothing else of the crate: the build script reads templates with it too.

/// A stretch of a string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Stands as it is, escapes undone.
    Text(&'a str),
    /// `${{ routes.web.url }}`: names with dots between, looked up without an engine.
    Path(Vec<&'a str>),
    /// Anything else between the braces.
    Expression(&'a str),
}

/// Most bytes of an expression. The engine goes through it by recursion, so a long one could exhaust the stack.
const LONGEST: usize = 1000;

/// Most expressions in a string that are more than a path: the engine is set up for each.
pub const MOST: usize = 100;

/// Cuts a string into its pieces. `$${{` stands for `${{` itself.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let mut found = Vec::new();
    let mut computed = 0;
    let mut rest = text;
    while let Some(start) = opening(rest) {
        let escaped = rest[..start].ends_with('$');
        // The first dollar of an escape is dropped, the rest of it is text.
        let text_end = if escaped { start - 1 } else { start };
        if text_end > 0 {
            found.push(Piece::Text(&rest[..text_end]));
        }
        if escaped {
            found.push(Piece::Text("${{"));
            rest = &rest[start + 3..];
            continue;
        }
        let inside = &rest[start + 3..];
        let end = closing(inside).ok_or_else(|| {
            format!("`{}` has no closing `}}}}`; `$${{{{` is the characters themselves", beginning(&rest[start..]))
        })?;
        let expression = inside[..end].trim();
        if expression.len() > LONGEST {
            return Err(format!("an expression has {} bytes, allowed are {LONGEST}", expression.len()));
        }
        if expression.is_empty() {
            return Err("`${{ }}` says nothing".to_owned());
        }
        let piece = path(expression).map_or(Piece::Expression(expression), Piece::Path);
        computed += usize::from(matches!(piece, Piece::Expression(_)));
        if computed > MOST {
            return Err(format!("more than {MOST} expressions that are more than a path"));
        }
        found.push(piece);
        rest = &inside[end + 2..];
    }
    if !rest.is_empty() {
        found.push(Piece::Text(rest));
    }
    Ok(found)
}

/// At most forty characters of `text`: enough to find it.
fn beginning(text: &str) -> String {
    text.chars().take(40).filter(|c| !c.is_control()).collect()
}

/// Where the next `${{` begins: setting up a general search costs more than most texts are long.
pub fn opening(text: &str) -> Option<usize> {
    text.as_bytes().windows(3).position(|three| three == b"${{")
}

/// Where the `}}` begins that is not inside of a string literal.
pub fn closing(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut quote = None;
    let mut index = 0;
    while index < bytes.len() {
        match (quote, bytes[index]) {
            (Some(_), b'\\') => index += 1,
            (Some(open), byte) if byte == open => quote = None,
            (None, byte @ (b'"' | b'\'')) => quote = Some(byte),
            (None, b'}') if bytes.get(index + 1) == Some(&b'}') => return Some(index),
            _ => {}
        }
        index += 1;
    }
    None
}

/// The names of a dotted path; nothing if the expression is more than that.
fn path(expression: &str) -> Option<Vec<&str>> {
    let names: Vec<&str> = expression.split('.').collect();
    let is_name = |name: &&str| {
        name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    let first = names.first()?;
    let literal =
        matches!(*first, "true" | "false" | "none" | "not") || first.starts_with(|c: char| c.is_ascii_digit());
    (!literal && names.iter().all(is_name)).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::{Piece, pieces};

    #[test]
    fn finds_paths_and_expressions() {
        assert_eq!(
            pieces("a-${{ pr.number }}.${{ x|lower }}"),
            Ok(vec![
                Piece::Text("a-"),
                Piece::Path(vec!["pr", "number"]),
                Piece::Text("."),
                Piece::Expression("x|lower")
            ])
        );
        assert_eq!(pieces("${{ '}}' ~ a }}"), Ok(vec![Piece::Expression("'}}' ~ a")]));
        assert_eq!(pieces("$${{ a }}"), Ok(vec![Piece::Text("${{"), Piece::Text(" a }}")]));
        assert_eq!(pieces("plain $HOME ${x}"), Ok(vec![Piece::Text("plain $HOME ${x}")]));
    }

    #[test]
    fn paths_are_not_counted() {
        let text = format!("{}{}", "${{ a|lower }}".repeat(super::MOST), "${{ a.b }}".repeat(1000));
        assert_eq!(pieces(&text).map(|pieces| pieces.len()), Ok(1100));
        let message = "more than 100 expressions that are more than a path";
        assert_eq!(pieces(&format!("{text}${{{{ a|lower }}}}")), Err(message.to_owned()));
    }

    #[test]
    fn refuses_what_is_not_closed() {
        for text in ["${{", "${{ a }", "${{ 'a }}", "${{ }}"] {
            assert!(pieces(text).is_err(), "{text}");
        }
    }
}
