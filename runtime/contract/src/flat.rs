//! Two structs as one flat map. Serde's own `flatten` reads such a map too, but
//! then neither refuses unknown fields nor says in which line an error is.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, IntoDeserializer, MapAccess, Visitor,
        value::{MapAccessDeserializer, StrDeserializer},
    },
};

/// The struct with fewer fields, which are read one by one. All other entries of
/// the map are the other struct's.
pub trait Fields: Default {
    /// The fields' names in the map.
    const NAMES: &'static [&'static str];

    /// Reads the value of the field with this name from the map's next value.
    ///
    /// # Errors
    ///
    /// A value of another type.
    fn read<'de, M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<(), M::Error>;
}

/// Reads both structs.
///
/// # Errors
///
/// An unknown field, if `T` denies those; a value of another type.
pub fn deserialize<'de, D, T, F>(deserializer: D) -> Result<(T, F), D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
    F: Fields,
{
    deserializer.deserialize_map(Both(PhantomData))
}

struct Both<T, F>(PhantomData<(T, F)>);

impl<'de, T: Deserialize<'de>, F: Fields> Visitor<'de> for Both<T, F> {
    type Value = (T, F);

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<(T, F), M::Error> {
        let mut fields = F::default();
        let others = Others {
            map,
            fields: &mut fields,
        };
        let value = T::deserialize(MapAccessDeserializer::new(others))?;
        Ok((value, fields))
    }
}

/// The map without the entries that `fields` takes.
struct Others<'a, M, F> {
    map: M,
    fields: &'a mut F,
}

impl<'de, M: MapAccess<'de>, F: Fields> MapAccess<'de> for Others<'_, M, F> {
    type Error = M::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        mut seed: S,
    ) -> Result<Option<S::Value>, M::Error> {
        loop {
            let names = F::NAMES;
            match self.map.next_key_seed(Key { seed, names })? {
                None => return Ok(None),
                Some(Which::Other(key)) => return Ok(Some(key)),
                Some(Which::Field(name, unused)) => {
                    self.fields.read(name, &mut self.map)?;
                    seed = unused;
                }
            }
        }
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, M::Error> {
        self.map.next_value_seed(seed)
    }
}

/// Reads a key inside the map's own call, which adds the line to its error.
struct Key<S> {
    seed: S,
    names: &'static [&'static str],
}

enum Which<V, S> {
    /// One of the names, and the seed that was not used for it.
    Field(&'static str, S),
    /// The other struct's key.
    Other(V),
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Key<S> {
    type Value = Which<S::Value, S>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_identifier(self)
    }
}

impl<'de, S: DeserializeSeed<'de>> Visitor<'de> for Key<S> {
    type Value = Which<S::Value, S>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a field's name")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<Self::Value, E> {
        if let Some(name) = self.names.iter().find(|name| **name == key) {
            return Ok(Which::Field(name, self.seed));
        }
        let key: StrDeserializer<'_, E> = key.into_deserializer();
        self.seed.deserialize(key).map(Which::Other)
    }
}
