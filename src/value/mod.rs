//! The tree that everything between the inputs and the output is made of.
//!
//! A [`Value`] is what JSON can say, in the order in which it was written. Keys and text are [`Text`], so what is short
//! or comes from a built-in template costs nothing to copy.

pub(crate) mod json;
mod serialize;
mod yaml;

use std::borrow::Cow;

use lean_string::LeanString;
use thin_vec::ThinVec;

pub use serialize::to_value;
pub use yaml::from_yaml;

/// Text that is part of the program, short (at most 16 bytes, kept in place) or shared: never copied.
pub type Text = LeanString;

/// What can be made a key: literals stay where they are.
pub trait IntoText {
    /// A literal is pointed to, anything else is moved.
    fn into_text(self) -> Text;
}

impl IntoText for &'static str {
    fn into_text(self) -> Text {
        Text::from_static_str(self)
    }
}

impl IntoText for String {
    fn into_text(self) -> Text {
        Text::from(self)
    }
}

impl IntoText for Text {
    fn into_text(self) -> Text {
        self
    }
}

/// A node of a manifest, or of what a template sees. A render makes thousands, so they are small: memory that is touched
/// for the first time costs more than what is done with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// YAML's `null`, and what an expression leads to that is not there: templates leave it out with its key.
    #[default]
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// What has no fraction; beyond 64 bits it is a float.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Text, which is never read as anything else again.
    String(Text),
    /// Items in order.
    List(List),
    /// Entries in order.
    Map(Map),
}

/// The items of a list.
pub type List = ThinVec<Value>;

/// A mapping in insertion order. Manifests' maps are small, so a scan beats a hash.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map(ThinVec<(Text, Value)>);

const _: () = assert!(size_of::<Value>() <= 16);

impl Value {
    /// Text that is not part of the program.
    pub fn string(text: impl AsRef<str>) -> Self {
        Self::String(Text::from(text.as_ref()))
    }

    /// A list of these items.
    pub fn list(items: impl IntoIterator<Item = Value>) -> Self {
        Self::List(items.into_iter().collect())
    }

    /// A map of keys that are known to be different.
    pub fn map<K: IntoText>(entries: impl IntoIterator<Item = (K, Value)>) -> Self {
        Self::Map(entries.into_iter().collect())
    }

    /// The text, of text.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// The map, of a map.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The map, of a map, to be changed.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The map, of a map, and nothing else of it.
    pub fn into_map(self) -> Option<Map> {
        match self {
            Self::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items of a list; none for anything else.
    pub fn items(&self) -> &[Value] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The entries of a map; none for anything else.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.as_map().into_iter().flat_map(Map::iter)
    }

    /// The value of a key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// The value below a chain of keys.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// The text below a chain of keys.
    pub fn str_at(&self, path: &[&str]) -> Option<&str> {
        self.at(path)?.as_str()
    }

    /// The items of the list below a chain of keys.
    pub fn items_at(&self, path: &[&str]) -> &[Value] {
        self.at(path).map_or(&[], Value::items)
    }

    /// The entries of the map below a chain of keys.
    pub fn entries_at<'v>(&'v self, path: &[&str]) -> impl Iterator<Item = (&'v str, &'v Value)> + use<'v> {
        self.at(path).into_iter().flat_map(Value::entries)
    }

    /// The value at a JSON pointer (RFC 6901).
    pub fn pointer(&self, pointer: &str) -> Option<&Value> {
        pointer_segments(pointer).try_fold(self, |value, segment| match value {
            Self::Map(map) => map.get(&segment),
            Self::List(items) => items.get(segment.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// The same, to be changed.
    pub fn pointer_mut(&mut self, pointer: &str) -> Option<&mut Value> {
        pointer_segments(pointer).try_fold(self, |value, segment| match value {
            Self::Map(map) => map.get_mut(&segment),
            Self::List(items) => items.get_mut(segment.parse::<usize>().ok()?),
            _ => None,
        })
    }

    /// What a condition makes of a value: `null`, `false`, zero and everything empty are false.
    pub fn is_truthy(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Bool(value) => *value,
            Self::Int(value) => *value != 0,
            Self::Float(value) => *value != 0.0,
            Self::String(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(map) => !map.is_empty(),
        }
    }

    /// What a value is called in a message.
    pub fn kind_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) | Self::Float(_) => "a number",
            Self::String(_) => "a string",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::String(Text::from_static_str(text))
    }
}

impl Map {
    /// Empty, with room for so many entries.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(ThinVec::with_capacity(capacity))
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of a key, found by going through them all.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.iter().find(|(name, _)| is_same(name, key)).map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.iter_mut().find(|(name, _)| is_same(name, key)).map(|(_, value)| value)
    }

    /// Sets a key, in place if it is there.
    pub fn insert(&mut self, key: impl IntoText, value: Value) {
        let key = key.into_text();
        match self.get_mut(&key) {
            Some(present) => *present = value,
            None => self.0.push((key, value)),
        }
    }

    /// Appends a key that is known to be new.
    pub fn push(&mut self, key: impl IntoText, value: Value) {
        self.0.push((key.into_text(), value));
    }

    /// Takes an entry out, and keeps the order of the others.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        let index = self.0.iter().position(|(name, _)| is_same(name, key))?;
        Some(self.0.remove(index).1)
    }

    /// Keeps the entries whose keys are wanted.
    pub fn retain(&mut self, mut is_wanted: impl FnMut(&str) -> bool) {
        self.0.retain(|(key, _)| is_wanted(key));
    }

    /// The map below a key, made if it is not there (or is something else).
    pub fn map_at(&mut self, key: &'static str) -> &mut Map {
        if !matches!(self.get(key), Some(Value::Map(_))) {
            self.insert(key, Value::Map(Map::default()));
        }
        match self.get_mut(key) {
            Some(Value::Map(map)) => map,
            _ => unreachable!("just made"),
        }
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// The entries themselves: their keys can be had without a copy.
    pub fn entries(&self) -> &[(Text, Value)] {
        &self.0
    }

    /// Puts the keys into alphabetical order.
    pub fn sort(&mut self) {
        self.0.sort_by(|(key, _), (other, _)| key.cmp(other));
    }
}

impl Extend<(Text, Value)> for Map {
    /// With keys that are known to be new.
    fn extend<I: IntoIterator<Item = (Text, Value)>>(&mut self, entries: I) {
        self.0.extend(entries);
    }
}

impl<K: IntoText> FromIterator<(K, Value)> for Map {
    /// With keys that are known to be different.
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(entries: I) -> Self {
        Self(entries.into_iter().map(|(key, value)| (key.into_text(), value)).collect())
    }
}

impl IntoIterator for Map {
    type Item = (Text, Value);
    type IntoIter = thin_vec::IntoIter<(Text, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// Whether two names are the same. They are short, and musl compares letter by letter.
pub(crate) fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    a.len() == b.len()
        && match (a.last_chunk::<8>(), b.last_chunk::<8>()) {
            (Some(last), Some(other)) => {
                last == other && a.as_chunks::<8>().0.iter().zip(b.as_chunks().0).all(|(a, b)| a == b)
            }
            _ => match (a.last_chunk::<4>(), b.last_chunk::<4>()) {
                (Some(last), Some(other)) => last == other && a.first_chunk::<4>() == b.first_chunk(),
                _ => a.iter().zip(b).all(|(a, b)| a == b),
            },
        }
}

/// The segments of a JSON pointer, unescaped; a pointer without its leading slash is taken as if it had one.
pub fn pointer_segments(pointer: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let pointer = pointer.strip_prefix('/').unwrap_or(pointer);
    let is_escaped = pointer.contains('~');
    pointer.split('/').filter(move |_| !pointer.is_empty()).map(move |segment| {
        if is_escaped { segment.replace("~1", "/").replace("~0", "~").into() } else { segment.into() }
    })
}

/// Whether one JSON pointer leads to where another does, or below.
pub fn is_below(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A JSON pointer with one more segment, which may be anything.
pub fn child(pointer: &str, segment: &str) -> String {
    let mut child = String::with_capacity(pointer.len() + segment.len() + 1);
    child.push_str(pointer);
    push_segment(&mut child, segment);
    child
}

/// Appends a segment to a JSON pointer, escaped.
pub fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    if segment.contains(['~', '/']) {
        pointer.push_str(&segment.replace('~', "~0").replace('/', "~1"));
    } else {
        pointer.push_str(segment);
    }
}

#[cfg(test)]
mod tests {
    use super::{List, Map, Value, is_same};

    #[test]
    fn what_is_empty_or_zero_is_false() {
        let falsities = [
            Value::Null,
            Value::Bool(false),
            Value::Int(0),
            Value::Float(0.0),
            Value::Float(-0.0),
            "".into(),
            Value::List(List::default()),
            Value::Map(Map::default()),
        ];
        let truths = [
            Value::Bool(true),
            Value::Int(-1),
            Value::Float(0.5),
            "false".into(),
            Value::list(vec![Value::Null]),
            Value::map([("a", Value::Null)]),
        ];
        assert!(falsities.iter().all(|value| !value.is_truthy()));
        assert!(truths.iter().all(Value::is_truthy));
    }

    #[test]
    fn names_differ_wherever_a_letter_does() {
        for length in 0..20 {
            let name = "abcdefghijklmnopqrst"[..length].to_owned();
            assert!(is_same(&name, &name.clone()), "{name}");
            assert!(!is_same(&name, &format!("{name}x")), "{name}");
            for at in 0..length {
                let mut other = name.clone();
                other.replace_range(at..=at, "x");
                assert!(!is_same(&name, &other), "{name} {other}");
            }
        }
    }
}
