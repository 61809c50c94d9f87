//! `${{ … }}` in strings: of the guardrails, the policy and the templates.
//!
//! A value can never become structure: what an expression yields is put into the tree as a value and never parsed
//! again. Nearly all expressions are paths, which are looked up directly (0.1 µs); the others go to minijinja (15 µs).

mod engine;
mod foreign;
pub mod mistake;
pub mod parse;

use crate::value::{Map, Text, Value, is_same};
pub use engine::{compute, names};

use parse::Piece;

/// A string of an input file that may hold expressions.
#[derive(Clone, Debug, PartialEq)]
pub struct Interpolated {
    /// As the file has it.
    pub source: Text,
    /// None, if the source is what it says.
    parts: Vec<Part>,
}

/// A stretch of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// Stands as it is.
    Text(Text),
    /// Names with dots between, looked up without an engine.
    Path(Vec<Text>),
    /// Anything else between the braces, for the engine.
    Expression {
        /// As it is written.
        source: Text,
        /// The paths that it names, as far as they are written with dots.
        names: Vec<String>,
    },
}

impl TryFrom<Piece<'_>> for Part {
    type Error = String;

    fn try_from(piece: Piece<'_>) -> Result<Self, String> {
        Ok(match piece {
            Piece::Text(text) => Self::Text(text.into()),
            Piece::Path(names) => Self::Path(names.into_iter().map(Text::from).collect()),
            Piece::Expression(source) => Self::Expression { source: source.into(), names: names(source)? },
        })
    }
}

/// What a policy's texts, or its manifests', may cost one pull request: a megabyte has room for a hundred thousand expressions, each of
/// which takes microseconds or comes to all of a title, and aliases use them again.
#[derive(Debug, Default)]
pub struct Budget {
    computed: usize,
    bytes: usize,
}

impl Budget {
    pub(crate) const COMPUTED: usize = 2000;
    pub(crate) const BYTES: usize = 8 << 20;

    /// Counts a text that is to be evaluated, or says what is too much.
    pub fn allow(&mut self, text: &Interpolated) -> Result<(), String> {
        if text.is_constant() {
            return Ok(());
        }
        let computed = text.parts.iter().filter(|part| matches!(part, Part::Expression { .. })).count();
        self.computed += computed;
        let too_much = |most, what| Err(format!("more than {most} {what} in all texts together"));
        if computed > 0 && self.computed > Self::COMPUTED {
            return too_much(Self::COMPUTED, "expressions that are more than a path");
        }
        if self.bytes > Self::BYTES { too_much(Self::BYTES, "bytes") } else { Ok(()) }
    }

    /// Counts what a text came to.
    pub fn spend(&mut self, text: &str) {
        self.bytes += text.len();
    }

    /// Whether more was counted than is allowed.
    pub fn is_exceeded(&self) -> bool {
        self.computed > Self::COMPUTED || self.bytes > Self::BYTES
    }
}

/// Most bytes of a text: no ConfigMap holds more.
const LONGEST: usize = 1 << 20;

/// What texts of an input file see, or a template: what the engine has to copy of it is copied once, since a policy may have thousands of
/// services and as many expressions that name them.
#[derive(Debug, Default)]
pub struct Facts {
    values: Value,
    copies: engine::Copies,
}

impl Facts {
    /// Adds a value, or puts it in the place of another.
    pub fn insert(&mut self, name: &'static str, value: Value) {
        let mut values = std::mem::take(&mut self.values).into_map().unwrap_or_else(|| Map::with_capacity(8));
        values.insert(name, value);
        *self = Value::Map(values).into();
    }
}

impl From<Value> for Facts {
    fn from(values: Value) -> Self {
        Self { values, copies: engine::Copies::default() }
    }
}

impl std::ops::Deref for Facts {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.values
    }
}

/// What expressions can see: facts, and the names that `$for` binds around a place, the innermost first.
pub enum Scope<'a> {
    /// The same from everywhere.
    Facts(&'a Facts),
    /// A name and its value, in front of what else there is.
    Bound(&'a str, &'a Value, &'a Scope<'a>),
}

impl<'a> Scope<'a> {
    fn variable(&self, name: &str) -> Option<&'a Value> {
        match self {
            Self::Facts(facts) => facts.get(name),
            Self::Bound(bound, value, _) if is_same(bound, name) => Some(value),
            Self::Bound(_, _, outer) => outer.variable(name),
        }
    }

    /// What a path leads to.
    pub fn look_up<'p>(&self, mut path: impl Iterator<Item = &'p str> + Clone) -> Result<&'a Value, String> {
        let whole = path.clone();
        let first = path.next().ok_or("an empty path")?;
        let unknown = || foreign::meant(whole.clone()).unwrap_or_else(|| self.unknown(first));
        let mut value = self.variable(first).ok_or_else(unknown)?;
        for (depth, name) in (1..).zip(path) {
            let so_far = || whole.clone().take(depth).collect::<Vec<_>>().join(".");
            value = match value {
                Value::Map(map) => map.get(name).ok_or_else(|| {
                    let nearest = crate::finding::nearest(name, map.iter().map(|(key, _)| key));
                    format!("`{}` has no `{name}`{nearest}", so_far())
                })?,
                Value::List(items) => name
                    .parse()
                    .ok()
                    .and_then(|index: usize| items.get(index))
                    .ok_or_else(|| format!("`{}` has no item `{name}`", so_far()))?,
                other => return Err(format!("`{}` is {}, it has no `{name}`", so_far(), other.kind_name())),
            };
        }
        Ok(value)
    }

    fn unknown(&self, name: &str) -> String {
        match self {
            Self::Facts(facts) => {
                let names = facts.entries().map(|(key, _)| key);
                format!("nothing is called `{name}`{}", crate::finding::nearest(name, names))
            }
            Self::Bound(_, _, outer) => outer.unknown(name),
        }
    }
}

/// Appends a value to text, if it has a text.
pub fn push_text(joined: &mut String, value: &Value) -> Result<(), String> {
    use std::fmt::Write as _;

    match value {
        Value::String(text) => joined.push_str(text),
        Value::Int(number) => write!(joined, "{number}").map_err(|error| error.to_string())?,
        Value::Float(number) => write!(joined, "{number}").map_err(|error| error.to_string())?,
        Value::Bool(value) => joined.push_str(if *value { "true" } else { "false" }),
        Value::List(_) => return Err("a list cannot be put into text: `| join(', ')` makes text of it".to_owned()),
        other => return Err(format!("{} cannot be put into text", other.kind_name())),
    }
    Ok(())
}

impl Interpolated {
    /// Reads a text, or says what is wrong with the first expression that is.
    pub fn parse(text: &str) -> Result<Self, String> {
        // No program takes it, neither as an argument nor in its environment.
        if text.contains('\0') {
            return Err("no text may hold a NUL character".to_owned());
        }
        let pieces = if parse::opening(text).is_some() { parse::pieces(text)? } else { Vec::new() };
        let parts = pieces.into_iter().map(Part::try_from).collect::<Result<_, _>>()?;
        Ok(Self { source: text.into(), parts })
    }

    /// The text that it comes to, or what is wrong with the first expression that is: [`mistake::mistakes`] tells of all.
    pub fn text(&self, scope: &Scope<'_>) -> Result<String, String> {
        self.joined(scope, push_text)
    }

    /// The same for a container's `env`, in which Kubernetes replaces `$(NAME)` and `$$`: what expressions come to is only
    /// data. Source: Kubernetes, `third_party/forked/golang/expansion/expand.go`.
    pub fn variable(&self, scope: &Scope<'_>) -> Result<String, String> {
        self.joined(scope, |joined, value| {
            let first = joined.len();
            push_text(joined, value)?;
            if joined[first..].contains('$') {
                let doubled = joined[first..].replace('$', "$$");
                joined.replace_range(first.., &doubled);
            }
            Ok(())
        })
    }

    fn joined(
        &self,
        scope: &Scope<'_>,
        push: impl Fn(&mut String, &Value) -> Result<(), String>,
    ) -> Result<String, String> {
        if self.parts.is_empty() {
            return Ok(self.source.to_string());
        }
        let mut joined = String::with_capacity(self.source.len());
        for part in &self.parts {
            match part {
                Part::Text(text) => joined.push_str(text),
                Part::Path(names) => push(&mut joined, scope.look_up(names.iter().map(Text::as_str))?)?,
                Part::Expression { source, .. } => {
                    push(&mut joined, &compute(source, scope)?)?;
                    if joined.contains('\0') {
                        return Err("no text may hold a NUL character".to_owned());
                    }
                }
            }
            if joined.len() > LONGEST {
                return Err(format!("it comes to more than {LONGEST} bytes"));
            }
        }
        Ok(joined)
    }

    /// What stands as it is.
    pub fn plain(&self) -> impl Iterator<Item = &str> {
        let all = self.parts.is_empty().then_some(self.source.as_str());
        let texts = self.parts.iter().filter_map(|part| match part {
            Part::Text(text) => Some(text.as_str()),
            _ => None,
        });
        all.into_iter().chain(texts)
    }

    /// What it is made of; none, if there is no expression in it.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether it says the same whatever the scope.
    pub fn is_constant(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// Whether an expression that is more than a path names something, or what is below it.
    pub fn computes_with(&self, name: &str) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Expression { names, .. } => names.iter().any(|path| is_below(path, name)),
            _ => false,
        })
    }

    /// The paths below `name` of which it is made, where they are all that an expression says.
    pub fn paths_below<'s>(&'s self, name: &'s str) -> impl Iterator<Item = &'s [Text]> {
        self.parts.iter().filter_map(move |part| match part {
            Part::Path(names) if names.len() > 1 && names[0] == name => Some(names.as_slice()),
            _ => None,
        })
    }

    /// Whether a path that begins so is used, on its own or inside of a larger expression.
    pub fn mentions(&self, path: &str) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Text(_) => false,
            Part::Path(names) => is_below(&names.join("."), path),
            Part::Expression { source, names } => names.iter().any(|name| {
                // `pr['title']` names `pr`, and says the rest.
                is_below(name, path)
                    || is_below(path, name) && path[name.len()..].split('.').all(|part| source.contains(part))
            }),
        })
    }
}

/// Whether a path is another, or goes on from there.
fn is_below(path: &str, other: &str) -> bool {
    path.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

#[cfg(test)]
mod tests;
