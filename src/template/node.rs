//! A template as a tree, compiled from its YAML before any value is seen.
//!
//! Structure first: what an expression yields can fill a scalar, a list or a map, but never becomes keys or documents by
//! being read as text. Shared with the build script, which compiles the built-in templates into static data.

use std::borrow::Cow;

use crate::{
    expression::parse::{Part, pieces},
    yaml::{Data, Entry, Limits, Mark, Node as Yaml, read, scalar},
};

/// A template file.
#[derive(Clone, Debug)]
pub struct Template {
    pub name: Cow<'static, str>,
    pub documents: Cow<'static, [Node]>,
}

/// A part of a template.
#[derive(Clone, Debug)]
pub enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Text(Cow<'static, str>),
    /// A scalar with `${{ … }}` in it.
    Expression {
        parts: Cow<'static, [Part]>,
        line: u32,
    },
    List(Cow<'static, [Node]>),
    Map(Mapping),
}

/// A map, with its directives.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// `$for: NAME in PATH`: as many of this as the list has items. In lists and for documents.
    pub each: Option<Each>,
    /// `$when: ${{ … }}`: not there at all if it is empty, zero, null or false.
    pub when: Option<Cow<'static, [Part]>>,
    pub entries: Cow<'static, [Pair]>,
}

#[derive(Clone, Debug)]
pub struct Each {
    pub name: Cow<'static, str>,
    pub list: Cow<'static, [Cow<'static, str>]>,
}

/// A key, which may hold expressions too, and its value.
#[derive(Clone, Debug)]
pub struct Pair {
    pub key: Cow<'static, [Part]>,
    pub value: Node,
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug)]
pub struct Mistake {
    pub mark: Mark,
    pub message: String,
}

impl Template {
    /// Compiles a template.
    pub fn compile(name: &str, text: &str) -> Result<Self, Mistake> {
        let documents = read(text, Limits::MANIFESTS).map_err(|problems| match problems.into_iter().next() {
            Some(problem) => Mistake { mark: problem.mark, message: problem.message },
            None => Mistake { mark: Mark::default(), message: "unreadable".to_owned() },
        })?;
        let documents = documents.iter().map(|document| node(document, true)).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { name: Cow::Owned(name.to_owned()), documents: Cow::Owned(documents) })
    }
}

/// `repeats`: whether `$for` may stand here.
fn node(yaml: &Yaml<'_>, repeats: bool) -> Result<Node, Mistake> {
    Ok(match &yaml.data {
        Data::Scalar { text, plain } => match parts(text, yaml.mark)? {
            Some(parts) => Node::Expression { parts: Cow::Owned(parts), line: yaml.mark.line },
            None if *plain => match scalar::core(text) {
                scalar::Plain::Null => Node::Null,
                scalar::Plain::Bool(value) => Node::Bool(value),
                scalar::Plain::Int(value) => Node::Int(value),
                scalar::Plain::Float(_) => {
                    return Err(mistake(yaml.mark, "no manifest needs a fraction: put it in quotes"));
                }
                scalar::Plain::Text => Node::Text(owned(text)),
            },
            None => Node::Text(owned(text)),
        },
        Data::List(items) => {
            Node::List(items.iter().map(|item| node(item, true)).collect::<Result<Vec<_>, _>>()?.into())
        }
        Data::Map(entries) => Node::Map(mapping(entries, repeats)?),
    })
}

fn mapping(entries: &[Entry<'_>], repeats: bool) -> Result<Mapping, Mistake> {
    let mut mapping = Mapping { each: None, when: None, entries: Cow::Borrowed(&[]) };
    let mut pairs = Vec::with_capacity(entries.len());
    for entry in entries {
        match entry.key.as_ref() {
            "$for" if !repeats => return Err(mistake(entry.mark, "`$for` repeats documents and list items only")),
            "$for" => mapping.each = Some(each(entry)?),
            "$when" => {
                let text = entry.value.text().unwrap_or_default();
                let parts = parts(text, entry.value.mark)?;
                mapping.when = Some(parts.ok_or_else(|| mistake(entry.mark, "`$when` takes one `${{ … }}`"))?.into());
            }
            key if key.starts_with('$') && !key.starts_with("${{") => {
                return Err(mistake(entry.mark, "unknown directive: there are `$for` and `$when`"));
            }
            key => {
                let literal = || vec![Part::Text(owned(key))];
                let key = parts(key, entry.mark)?.unwrap_or_else(literal).into();
                pairs.push(Pair { key, value: node(&entry.value, false)? });
            }
        }
    }
    mapping.entries = Cow::Owned(pairs);
    Ok(mapping)
}

/// `NAME in PATH`.
fn each(entry: &Entry<'_>) -> Result<Each, Mistake> {
    let words: Vec<&str> = entry.value.text().unwrap_or_default().split_whitespace().collect();
    match words.as_slice() {
        [name, "in", path] => Ok(Each { name: owned(name), list: path.split('.').map(owned).collect() }),
        _ => Err(mistake(entry.mark, "`$for` takes `NAME in PATH`")),
    }
}

/// The parts of a string with expressions, nothing if it has none.
fn parts(text: &str, mark: Mark) -> Result<Option<Vec<Part>>, Mistake> {
    if !text.contains("${{") {
        return Ok(None);
    }
    let pieces = pieces(text).map_err(|message| Mistake { mark, message })?;
    Ok(Some(pieces.into_iter().map(Part::from).collect()))
}

fn owned(text: &str) -> Cow<'static, str> {
    Cow::Owned(text.to_owned())
}

fn mistake(mark: Mark, message: &str) -> Mistake {
    Mistake { mark, message: message.to_owned() }
}
