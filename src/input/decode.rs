//! From the tree of a file to its type, by serde: the fast way, for files that are right.
//!
//! It stops at the first thing that is wrong and says little about it; then [`super::diagnose`] tells the whole story.

use std::{borrow::Cow, fmt};

use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
    value::{BorrowedStrDeserializer, StrDeserializer},
};

use crate::yaml::{Data, Entry, Node, scalar};

/// Why a file does not fit its type; for the unlikely case that the diagnosis finds nothing.
#[derive(Debug)]
pub(super) struct Misfit(pub(super) String);

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// A node as serde sees it: YAML 1.2's core schema, and a string is only what nobody could read as anything else.
#[derive(Clone, Copy)]
pub(super) struct Decoder<'n, 'a>(pub(super) &'n Node<'a>);

impl<'n> Deserializer<'n> for Decoder<'n, '_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.0.data {
            Data::Scalar { text, plain: false } => visitor.visit_borrowed_str(text),
            Data::Scalar { text, plain: true } => match scalar::core(text) {
                scalar::Plain::Null => visitor.visit_unit(),
                scalar::Plain::Bool(value) => visitor.visit_bool(value),
                scalar::Plain::Int(value) => visitor.visit_i64(value),
                scalar::Plain::Float(value) if value.is_finite() => visitor.visit_f64(value),
                // JSON would make `null` of it.
                scalar::Plain::Float(_) => Err(Misfit(format!("the number {text}"))),
                scalar::Plain::Text => visitor.visit_borrowed_str(text),
            },
            Data::List(items) => visitor.visit_seq(Items(items.iter())),
            Data::Map(entries) => visitor.visit_map(Entries { entries: entries.iter(), value: None }),
        }
    }

    fn deserialize_option<V: Visitor<'n>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.0.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_newtype_struct<V: Visitor<'n>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'n>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match &self.0.data {
            Data::Scalar { text, .. } => {
                let name: StrDeserializer<'_, Misfit> = text.as_ref().into_deserializer();
                visitor.visit_enum(name)
            }
            Data::Map(entries) => match entries.as_slice() {
                [entry] => visitor.visit_enum(Variant(entry)),
                _ => Err(Misfit("one entry expected".to_owned())),
            },
            Data::List(_) => Err(Misfit("a list".to_owned())),
        }
    }

    /// Serde would take a list for a struct, its items for the fields.
    fn deserialize_struct<V: Visitor<'n>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        match &self.0.data {
            Data::List(_) => Err(Misfit("a list".to_owned())),
            _ => self.deserialize_any(visitor),
        }
    }

    serde::forward_to_deserialize_any! {
        <W: Visitor<'n>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map identifier ignored_any
    }
}

struct Items<'n, 'a>(std::slice::Iter<'n, Node<'a>>);

impl<'n> SeqAccess<'n> for Items<'n, '_> {
    type Error = Misfit;

    fn next_element_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Result<Option<T::Value>, Misfit> {
        self.0.next().map(|item| seed.deserialize(Decoder(item))).transpose()
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.0.len())
    }
}

struct Entries<'n, 'a> {
    entries: std::slice::Iter<'n, Entry<'a>>,
    value: Option<&'n Node<'a>>,
}

impl<'n> MapAccess<'n> for Entries<'n, '_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'n>>(&mut self, seed: K) -> Result<Option<K::Value>, Misfit> {
        let Some(entry) = self.entries.next() else { return Ok(None) };
        self.value = Some(&entry.value);
        seed.deserialize(BorrowedStrDeserializer::new(&entry.key)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'n>>(&mut self, seed: T) -> Result<T::Value, Misfit> {
        match self.value.take() {
            Some(value) => seed.deserialize(Decoder(value)),
            None => Err(Misfit("a value before its key".to_owned())),
        }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.entries.len())
    }
}

/// `{clusterIssuer: letsencrypt}`: a variant with content.
struct Variant<'n, 'a>(&'n Entry<'a>);

impl<'n, 'a> EnumAccess<'n> for Variant<'n, 'a> {
    type Error = Misfit;
    type Variant = Content<'n, 'a>;

    fn variant_seed<V: DeserializeSeed<'n>>(self, seed: V) -> Result<(V::Value, Self::Variant), Misfit> {
        let name: Cow<'n, str> = Cow::Borrowed(&self.0.key);
        Ok((seed.deserialize(name.into_deserializer())?, Content(&self.0.value)))
    }
}

struct Content<'n, 'a>(&'n Node<'a>);

impl<'n> VariantAccess<'n> for Content<'n, '_> {
    type Error = Misfit;

    fn unit_variant(self) -> Result<(), Misfit> {
        Err(Misfit("no content expected".to_owned()))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'n>>(self, seed: T) -> Result<T::Value, Misfit> {
        seed.deserialize(Decoder(self.0))
    }

    fn tuple_variant<V: Visitor<'n>>(self, _: usize, visitor: V) -> Result<V::Value, Misfit> {
        Decoder(self.0).deserialize_any(visitor)
    }

    fn struct_variant<V: Visitor<'n>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Misfit> {
        Decoder(self.0).deserialize_any(visitor)
    }
}
