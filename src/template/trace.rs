//! What `explain` asks of a template: where its expressions went.

use crate::value::{Value, push_segment};

use super::read::Code;

/// Where each expression of a template went: for `explain`.
#[derive(Debug, Default)]
pub struct Trace {
    /// For each object, in order.
    pub objects: Vec<Vec<Place>>,
    current: Vec<Place>,
    pointer: String,
    /// What each `$for` around this place has bound, and which field that is: `service` is `services.web`.
    bound: Vec<(&'static str, String)>,
}

impl Trace {
    /// The field of the Environment that a path leads to.
    fn field(&self, mut names: impl Iterator<Item = &'static str>) -> String {
        let first = names.next().unwrap_or_default();
        let bound = self.bound.iter().rev().find(|(name, _)| *name == first);
        let mut field = bound.map_or_else(|| first.to_owned(), |(_, field)| field.clone());
        for name in names {
            field.push('.');
            field.push_str(name);
        }
        field
    }

    /// Says which field the name of a `$for` stands for. Items are called as they call themselves.
    pub(super) fn bind(
        &mut self,
        name: &'static str,
        list: impl Iterator<Item = &'static str>,
        index: usize,
        item: &Value,
    ) {
        let own = ["name", "variable"].into_iter().find_map(|key| item.str_at(&[key]));
        let field = format!("{}.{}", self.field(list), own.map_or_else(|| index.to_string(), str::to_owned));
        self.bound.push((name, field));
    }

    pub(super) fn unbind(&mut self) {
        self.bound.pop();
    }

    /// Goes down to a key; gives back what [`Self::leave`] needs.
    pub(super) fn enter(&mut self, key: &str) -> usize {
        let depth = self.pointer.len();
        push_segment(&mut self.pointer, key);
        depth
    }

    pub(super) fn leave(&mut self, depth: usize) {
        self.pointer.truncate(depth);
    }

    /// Remembers what is filled in here.
    pub(super) fn record(&mut self, mut code: Code) {
        let line = code.mark().line;
        let mut paths = Vec::new();
        for _ in 0..code.number() {
            match code.character() {
                b's' => drop(code.text()),
                b'p' => {
                    let names = code.names();
                    let field = self.field(names.clone());
                    paths.push((names.collect::<Vec<_>>().join("."), field));
                }
                _ => {
                    let text = code.text().to_owned();
                    paths.push((text.clone(), text));
                }
            }
        }
        self.current.push(Place { pointer: self.pointer.clone(), line, paths });
    }

    pub(super) fn end_object(&mut self) {
        self.objects.push(std::mem::take(&mut self.current));
    }
}

/// A filled-in scalar.
#[derive(Debug)]
pub struct Place {
    /// Where in the object: a JSON pointer.
    pub pointer: String,
    /// The line of the template.
    pub line: u32,
    /// What was looked up, as the template says it and as the Environment does: `service.image` is `services.web.image`.
    pub paths: Vec<(String, String)>,
}
