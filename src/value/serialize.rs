//! Any `Serialize` type into a [`Value`]: how a typed Environment becomes what templates see.

use std::fmt::Display;

use serde::{Serialize, ser};

use super::{List, Map, Text, Value};

/// The tree of a value whose types only use what JSON can say; of one that says more, null. None of this crate does.
pub fn to_value(value: &impl Serialize) -> Value {
    value.serialize(Tree).unwrap_or_default()
}

struct Tree;

impl Serialize for Value {
    fn serialize<S: ser::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Float(value) => serializer.serialize_f64(*value),
            Self::String(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Map(map) => serializer.collect_map(map.iter()),
        }
    }
}

impl schemars::JsonSchema for Value {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Value".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        true.into()
    }
}

/// What cannot be said in a [`Value`].
#[derive(Debug)]
pub(super) struct Unsayable(String);

impl std::error::Error for Unsayable {}

impl Display for Unsayable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl ser::Error for Unsayable {
    fn custom<T: Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<Value, Unsayable> {
            i64::try_from(value).map(Value::Int).map_err(ser::Error::custom)
        })*
    };
}

impl ser::Serializer for Tree {
    type Ok = Value;
    type Error = Unsayable;
    type SerializeSeq = Items;
    type SerializeTuple = ser::Impossible<Value, Unsayable>;
    type SerializeTupleStruct = ser::Impossible<Value, Unsayable>;
    type SerializeTupleVariant = ser::Impossible<Value, Unsayable>;
    type SerializeMap = Entries;
    type SerializeStruct = Entries;
    type SerializeStructVariant = ser::Impossible<Value, Unsayable>;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
              serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_bool(self, value: bool) -> Result<Value, Unsayable> {
        Ok(Value::Bool(value))
    }

    fn serialize_f32(self, value: f32) -> Result<Value, Unsayable> {
        Ok(Value::Float(f64::from(value)))
    }

    fn serialize_f64(self, value: f64) -> Result<Value, Unsayable> {
        Ok(Value::Float(value))
    }

    fn serialize_char(self, value: char) -> Result<Value, Unsayable> {
        Ok(Value::string(value.to_string()))
    }

    fn serialize_str(self, value: &str) -> Result<Value, Unsayable> {
        Ok(Value::string(value))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<Value, Unsayable> {
        Err(ser::Error::custom("bytes"))
    }

    fn serialize_none(self) -> Result<Value, Unsayable> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Unsayable> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Unsayable> {
        Ok(Value::Null)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<Value, Unsayable> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<Value, Unsayable> {
        Ok(Value::from(variant))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<Value, Unsayable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Unsayable> {
        Ok(Value::map([(variant, value.serialize(self)?)]))
    }

    fn serialize_seq(self, length: Option<usize>) -> Result<Items, Unsayable> {
        Ok(Items(List::with_capacity(length.unwrap_or(0))))
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unsayable> {
        Err(ser::Error::custom("a tuple"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self::SerializeTupleStruct, Unsayable> {
        Err(ser::Error::custom("a tuple struct"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Unsayable> {
        Err(ser::Error::custom("a tuple variant"))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Entries, Unsayable> {
        Ok(Entries { map: Map::with_capacity(length.unwrap_or(0)), key: Text::default() })
    }

    fn serialize_struct(self, _: &'static str, length: usize) -> Result<Entries, Unsayable> {
        self.serialize_map(Some(length))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, Unsayable> {
        Err(ser::Error::custom("a struct variant"))
    }
}

pub(super) struct Items(List);

impl ser::SerializeSeq for Items {
    type Ok = Value;
    type Error = Unsayable;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsayable> {
        self.0.push(value.serialize(Tree)?);
        Ok(())
    }

    fn end(self) -> Result<Value, Unsayable> {
        Ok(Value::List(self.0))
    }
}

pub(super) struct Entries {
    map: Map,
    key: Text,
}

impl ser::SerializeMap for Entries {
    type Ok = Value;
    type Error = Unsayable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unsayable> {
        match key.serialize(Tree)? {
            Value::String(key) => self.key = key,
            other => return Err(ser::Error::custom(format!("a key that is {}", other.kind_name()))),
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unsayable> {
        self.map.push(std::mem::take(&mut self.key), value.serialize(Tree)?);
        Ok(())
    }

    fn end(self) -> Result<Value, Unsayable> {
        Ok(Value::Map(self.map))
    }
}

impl ser::SerializeStruct for Entries {
    type Ok = Value;
    type Error = Unsayable;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Unsayable> {
        self.map.push(key, value.serialize(Tree)?);
        Ok(())
    }

    fn end(self) -> Result<Value, Unsayable> {
        Ok(Value::Map(self.map))
    }
}
