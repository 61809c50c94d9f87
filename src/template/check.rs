//! What can be seen of a platform's template before there is a pull request: expressions that do not parse, and names that
//! the Environment does not have, whether or not a preview would come to them.

use schemars::schema_for;
use serde_json::Value as Json;

use crate::{
    expression::{
        self,
        parse::{Piece, pieces},
    },
    finding::nearest,
    input::resolved,
    resolve::Environment,
    yaml::{Data, Mark, Node, body, lines},
};

use super::code::{Mistake, for_each};

/// What is not seen by [`super::code`], which the build script has too.
pub(super) fn check(text: &str, documents: &[Node<'_>]) -> Vec<Mistake> {
    let schema = schema_for!(Environment).to_value();
    let mut checker = Checker { text, schema: &schema, bound: Vec::new(), mistakes: Vec::new() };
    for document in documents {
        checker.node(document);
    }
    checker.mistakes
}

/// The schema of what may be anything.
const ANY: &Json = &Json::Bool(true);

struct Checker<'s> {
    text: &'s str,
    schema: &'s Json,
    /// What `$for` around this place has bound, and its schema.
    bound: Vec<(&'s str, &'s Json)>,
    mistakes: Vec<Mistake>,
}

impl<'s> Checker<'s> {
    fn node(&mut self, node: &'s Node<'_>) {
        match &node.data {
            Data::Scalar { text, .. } => self.scalar(text, node.mark, false),
            Data::List(items) => items.iter().for_each(|item| self.node(item)),
            Data::Map(entries) => {
                let before = self.bound.len();
                let repeated = node.entry("$for").and_then(|entry| Some((for_each(entry)?, entry.value.mark)));
                if let Some(((name, path), mark)) = repeated {
                    let list = self.look_up(&path.split('.').collect::<Vec<_>>());
                    let item = list.and_then(|list| match kind(list) {
                        Some("a list") | None => Ok(list.get("items").unwrap_or(ANY)),
                        Some(_) => Err(format!("`{path}` is no list")),
                    });
                    self.bound.push((name, *item.as_ref().unwrap_or(&ANY)));
                    self.told(item.map(|_| ()), path, mark);
                }
                for entry in entries.iter().filter(|entry| entry.key != "$for") {
                    self.scalar(&entry.key, entry.mark, true);
                    self.node(&entry.value);
                }
                self.bound.truncate(before);
            }
        }
    }

    fn scalar(&mut self, source: &str, mark: Mark, is_key: bool) {
        if !source.contains("${{") {
            return;
        }
        let Ok(pieces) = pieces(source) else { return };
        let is_text = is_key || pieces.len() > 1;
        for piece in pieces {
            match piece {
                Piece::Text(_) => {}
                Piece::Path(path) => {
                    let found = self.look_up(&path).and_then(|shape| match kind(shape) {
                        Some(kind @ ("a list" | "a map")) if is_text => Err(format!("{kind} cannot be put into text")),
                        _ => Ok(()),
                    });
                    self.told(found, &path.join("."), mark);
                }
                Piece::Expression(part) => {
                    let found = expression::names(part).and_then(|names| {
                        // Whoever asks whether there is such a name knows that there may be none.
                        let asks = part.contains("defined") || part.contains("default");
                        let mut names = names.iter().filter(|_| !asks);
                        names.try_for_each(|name| self.look_up(&name.split('.').collect::<Vec<_>>()).map(|_| ()))
                    });
                    self.told(found, part, mark);
                }
            }
        }
    }

    fn told(&mut self, found: Result<(), String>, what: &str, mark: Mark) {
        if let Err(message) = found {
            self.mistakes.push(Mistake { mark: self.place(mark, what), message });
        }
    }

    /// The schema of what a path leads to.
    fn look_up(&self, path: &[&str]) -> Result<&'s Json, String> {
        let first = path.first().copied().unwrap_or_default();
        let bound = self.bound.iter().rev().find(|(name, _)| *name == first).map(|(_, shape)| *shape);
        let known = || self.bound.iter().map(|(name, _)| *name).chain(properties(self.schema));
        let mut shape = bound
            .or_else(|| property(self.schema, first))
            .ok_or_else(|| format!("nothing is called `{first}`{}", nearest(first, known())))?;
        for (depth, name) in path.iter().enumerate().skip(1) {
            let here = resolved(self.schema, shape);
            let so_far = || path[..depth].join(".");
            shape = match kind(here) {
                Some("a map") => property(here, name)
                    .ok_or_else(|| format!("`{}` has no `{name}`{}", so_far(), nearest(name, properties(here))))?,
                Some("a list") if name.parse::<usize>().is_ok() => here.get("items").unwrap_or(ANY),
                Some("a list") => return Err(format!("`{}` has no item `{name}`", so_far())),
                Some(other) => return Err(format!("`{}` is {other}, it has no `{name}`", so_far())),
                None => return Ok(ANY),
            };
        }
        Ok(resolved(self.schema, shape))
    }

    /// Where in a scalar something stands, if it is written there as it is read.
    fn place(&self, mark: Mark, what: &str) -> Mark {
        /// Lines of a text that goes over many.
        const MOST: usize = 50;

        let (first, before) = mark.indices();
        for (line, source) in lines(body(self.text)).enumerate().skip(first).take(MOST) {
            let skipped = if line == first { before } else { 0 };
            let start = source.char_indices().nth(skipped).map_or(source.len(), |(at, _)| at);
            if let Some(at) = source[start..].find(what) {
                return Mark::at(line, source[..start + at].chars().count());
            }
        }
        mark
    }
}

/// The shape of a field; nothing if there is no such field.
fn property<'s>(schema: &'s Json, name: &str) -> Option<&'s Json> {
    schema.get("properties").and_then(|properties| properties.get(name)).or_else(|| schema.get("additionalProperties"))
}

fn properties(schema: &Json) -> impl Iterator<Item = &str> {
    schema
        .get("properties")
        .and_then(Json::as_object)
        .into_iter()
        .flat_map(|properties| properties.keys().map(String::as_str))
}

/// As [`crate::value::Value::kind_name`] has it; nothing if it may be of several.
fn kind(shape: &Json) -> Option<&'static str> {
    let kind = match shape.get("type")? {
        Json::Array(kinds) => kinds.iter().find(|kind| *kind != "null")?,
        kind => kind,
    };
    Some(match kind.as_str()? {
        "object" => "a map",
        "array" => "a list",
        "string" => "a string",
        "boolean" => "a boolean",
        _ => "a number",
    })
}

#[cfg(test)]
mod tests {
    use super::super::Template;

    fn mistakes(text: &str) -> Vec<String> {
        let mistakes = Template::checked("x.yaml", "x.yaml", text).err().unwrap_or_default();
        let shown =
            |mistake: &super::Mistake| format!("{}:{} {}", mistake.mark.line, mistake.mark.column, mistake.message);
        mistakes.iter().map(shown).collect()
    }

    #[test]
    fn all_mistakes_are_told_with_their_places() {
        let text = "a: x-${{ namspace }}-${{ pr.numbr }}\nb: [1.5, \"ä ${{ routes }}\"]\n$if: x\n---\n$for: s in services\nc: ${{ s.imgae }}\nd: |\n  one\n  ${{ s.name.x ~ 'y' }}\ne: {$for: x in y}\nf: ${{ 1 + }}\n---\n$for: s in namespace\na: ${{ s.x }}\n";
        assert_eq!(
            mistakes(text),
            [
                "1:10 nothing is called `namspace`: did you mean `namespace`?",
                "1:26 `pr` has no `numbr`: did you mean `number`?",
                "2:5 no manifest needs a fraction: put it in quotes",
                "2:17 a list cannot be put into text",
                "3:1 unknown directive: there are `$for` and `$when`",
                "6:8 `s` has no `imgae`: did you mean `image`?",
                "9:7 `s.name` is a string, it has no `x`",
                "10:5 `$for` repeats documents and list items only",
                "10:16 nothing is called `y`: did you mean `s`?",
                "11:8 syntax error: unexpected end of input, expected expression",
                "13:12 `namespace` is no list",
            ]
        );
    }

    #[test]
    fn a_place_is_where_it_is_written() {
        for (text, expected) in [
            ("nope: ${{ nope }}\n", "1:11 nothing is called `nope`"),
            ("something: |\n  ${{ nope }}\n", "2:7 nothing is called `nope`"),
            ("a: 1\n${{ nope }}: 1\n", "2:5 nothing is called `nope`"),
            ("${{ routes }}: 2\n", "1:5 a list cannot be put into text"),
        ] {
            let found = mistakes(text);
            assert!(found.len() == 1 && found[0].starts_with(expected), "{text}: {found:?}");
        }
    }

    #[test]
    fn a_name_is_known_where_it_is_bound() {
        let text = "a: [{$for: r in routes, b: \"${{ r.host }}\"}, \"${{ r.host }}\"]\n";
        assert_eq!(mistakes(text), ["1:51 nothing is called `r`: did you mean `pr`?"]);
    }

    /// What may be null, anything or absent is only known when a pull request is rendered.
    #[test]
    fn what_may_be_is_left_alone() {
        let text = "$for: r in routes\n$when: ${{ application.name }}\na: ${{ labels.x.y }}\nb: ${{ services.0.name }}\nc: ${{ nothing | default('') }}\nd: ${{ secretStore.provider.aws.region }}\ne: $${{ nothing }}\nf: ${{ config['X'] ~ r.host }}\ng: [{$for: c in r.cidrs, h: \"${{ c }}${{ r.port }}\"}]\ni: [{$for: s in services, $when: \"${{ s }}\", j: [{$for: p in s.ports, k: \"${{ p.name }}\"}]}]\n";
        assert_eq!(mistakes(text), [""; 0]);
        assert_eq!(mistakes("a: ${{ nothing is defined }}\nb: ${{ pr.nothing is not defined }}\n"), [""; 0]);
    }
}
