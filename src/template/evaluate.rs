//! From a template and an Environment to objects.

use crate::{
    expression::{self, Bound, Scope},
    value::{Map, Text, Value, push_segment},
};

use super::{Mapping, Node, Part, Template};

/// Where each expression of a template went: for `explain`.
#[derive(Debug, Default)]
pub struct Trace {
    /// For each object, in order.
    pub objects: Vec<Vec<Place>>,
    current: Vec<Place>,
    pointer: String,
}

/// A filled-in scalar.
#[derive(Debug)]
pub struct Place {
    /// Where in the object: a JSON pointer.
    pub pointer: String,
    /// The line of the template.
    pub line: u32,
    /// What was looked up.
    pub paths: Vec<String>,
}

/// The objects that a template yields.
///
/// # Errors
/// The name of the template and what is wrong: only a platform's own template can be, the built-in ones are tested.
pub fn evaluate(template: &Template, context: &Value, trace: Option<&mut Trace>) -> Result<Vec<Value>, String> {
    let mut evaluator = Evaluator { trace, objects: Vec::new() };
    for document in template.documents.iter() {
        match document {
            Node::Map(mapping) => evaluator.repeat(mapping, Scope::new(context), &mut |evaluator, value| {
                evaluator.objects.push(value);
                if let Some(trace) = &mut evaluator.trace {
                    trace.objects.push(std::mem::take(&mut trace.current));
                }
            }),
            _ => Err("a document is a map".to_owned()),
        }
        .map_err(|message| format!("{}: {message}", template.name))?;
    }
    Ok(evaluator.objects)
}

struct Evaluator<'t> {
    trace: Option<&'t mut Trace>,
    objects: Vec<Value>,
}

impl Evaluator<'_> {
    /// A map as often as its `$for` says.
    fn repeat(
        &mut self,
        mapping: &Mapping,
        scope: Scope<'_>,
        put: &mut dyn FnMut(&mut Self, Value),
    ) -> Result<(), String> {
        let Some(each) = &mapping.each else {
            if let Some(value) = self.map(mapping, scope)? {
                put(self, value);
            }
            return Ok(());
        };
        let Value::List(items) = scope.look_up(&each.list)? else {
            return Err(format!("`{}` is no list", each.list.join(".")));
        };
        for value in items {
            let bound = Bound { name: &each.name, value, outer: scope.bound() };
            if let Some(value) = self.map(mapping, scope.with(&bound))? {
                put(self, value);
            }
        }
        Ok(())
    }

    /// Nothing if `$when` says so.
    fn map(&mut self, mapping: &Mapping, scope: Scope<'_>) -> Result<Option<Value>, String> {
        if let Some(when) = &mapping.when
            && !expression::evaluate(when, scope)?.is_truthy()
        {
            return Ok(None);
        }
        let mut map = Map::with_capacity(mapping.entries.len());
        for pair in mapping.entries.iter() {
            let key: Text = match pair.key.as_ref() {
                [Part::Text(text)] => text.clone(),
                parts => match expression::evaluate(parts, scope)? {
                    Value::String(text) => text,
                    other => return Err(format!("a key cannot be {}", other.kind_name())),
                },
            };
            let depth = self.enter(&key);
            if let Some(value) = self.value(&pair.value, scope)? {
                map.push(key, value);
            }
            self.leave(depth);
        }
        Ok(Some(Value::Map(map)))
    }

    fn value(&mut self, node: &Node, scope: Scope<'_>) -> Result<Option<Value>, String> {
        Ok(match node {
            Node::Null => Some(Value::Null),
            Node::Bool(value) => Some(Value::Bool(*value)),
            Node::Int(value) => Some(Value::Int(*value)),
            Node::Text(text) => Some(Value::String(text.clone())),
            Node::Expression { parts, line } => {
                self.record(parts, *line);
                Some(expression::evaluate(parts, scope).map_err(|error| format!("line {line}: {error}"))?)
                    .filter(|value| *value != Value::Null)
            }
            Node::List(items) => Some(Value::List(self.list(items, scope)?)),
            Node::Map(mapping) => self.map(mapping, scope)?,
        })
    }

    fn list(&mut self, nodes: &[Node], scope: Scope<'_>) -> Result<Vec<Value>, String> {
        let mut items = Vec::with_capacity(nodes.len());
        for node in nodes {
            let depth = self.enter_index(items.len());
            match node {
                Node::Map(mapping) => self.repeat(mapping, scope, &mut |evaluator, value| {
                    items.push(value);
                    evaluator.leave(depth);
                    evaluator.enter_index(items.len());
                })?,
                _ => match self.value(node, scope)? {
                    Some(Value::List(spliced)) if matches!(node, Node::Expression { .. }) => items.extend(spliced),
                    Some(value) => items.push(value),
                    None => {}
                },
            }
            self.leave(depth);
        }
        Ok(items)
    }

    fn record(&mut self, parts: &[Part], line: u32) {
        if let Some(trace) = &mut self.trace {
            let paths = parts.iter().filter_map(|part| match part {
                Part::Path(names) => Some(names.join(".")),
                Part::Expression(source) => Some(source.to_string()),
                Part::Text(_) => None,
            });
            let place = Place { pointer: trace.pointer.clone(), line, paths: paths.collect() };
            trace.current.push(place);
        }
    }

    /// Goes down to a key; gives back what [`Self::leave`] needs.
    fn enter(&mut self, key: &str) -> usize {
        let Some(trace) = &mut self.trace else { return 0 };
        let depth = trace.pointer.len();
        push_segment(&mut trace.pointer, key);
        depth
    }

    fn enter_index(&mut self, index: usize) -> usize {
        if self.trace.is_some() { self.enter(&index.to_string()) } else { 0 }
    }

    fn leave(&mut self, depth: usize) {
        if let Some(trace) = &mut self.trace {
            trace.pointer.truncate(depth);
        }
    }
}
