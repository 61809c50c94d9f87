//! What programs are told: by the words of their command lines, by variables, and by `ConfigMap`s.

use super::{Container, containers_of, items};
use crate::{
    finding::visible,
    objects::Object,
    value::{Value, child},
};

/// One thing that programs are told: text, if its manifest is right.
pub(crate) struct Told<'a> {
    pub(crate) value: &'a Value,
    pub(crate) place: Place<'a>,
}

/// Where a program is told something.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    /// At a key of a ConfigMap.
    Data(&'a str),
    /// In a list of a container, `command` or `args`.
    Word(Container<'a>, &'static str, usize),
    /// In a container's variable, of which this is the item.
    Variable(Container<'a>, usize, &'a Value),
}

impl Told<'_> {
    pub(crate) fn pointer(&self) -> String {
        match self.place {
            Place::Data(key) => child("/data", key),
            Place::Word(container, list, index) => container.pointer(&format!("/{list}/{index}")),
            Place::Variable(container, index, _) => container.pointer(&format!("/env/{index}/value")),
        }
    }
}

/// What a variable is called in a message.
pub(crate) fn variable(item: &Value) -> String {
    format!("the variable `{}`", visible(item.str_at(&["name"]).unwrap_or("?")))
}

/// All that an object tells.
pub(crate) fn told(object: &Object) -> impl Iterator<Item = Told<'_>> {
    told_by_config_map(object).chain(containers_of(object).flat_map(Container::told))
}

/// What a ConfigMap tells whoever reads it.
pub(crate) fn told_by_config_map(object: &Object) -> impl Iterator<Item = Told<'_>> {
    let data = object.value.get("data").filter(|_| object.kind() == "ConfigMap");
    data.into_iter().flat_map(Value::entries).map(|(key, value)| Told { value, place: Place::Data(key) })
}

impl<'a> Container<'a> {
    /// What its program is told.
    pub(crate) fn told(self) -> impl Iterator<Item = Told<'a>> {
        let words = ["command", "args"].into_iter().flat_map(move |list| {
            items(self.value, list).map(move |(index, value)| Told { value, place: Place::Word(self, list, index) })
        });
        let variables = items(self.value, "env").map(move |(index, item)| Told {
            value: item.get("value").unwrap_or(&Value::Null),
            place: Place::Variable(self, index, item),
        });
        words.chain(variables)
    }
}
