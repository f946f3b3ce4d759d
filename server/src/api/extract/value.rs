//! Fields as types. A form's field is text: numbers and booleans are read as
//! shells write them. A JSON field has a type of its own; beyond Gotify, a number
//! or boolean may stand there as text.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{
        DeserializeSeed, Error as _, IntoDeserializer as _, MapAccess, Visitor,
        value::StrDeserializer,
    },
    forward_to_deserialize_any,
};
use serde_json::value::RawValue;

use super::form::Pairs;
use mortise_runtime::contract::content::check_extras;

/// A field that cannot be read as its type.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct FieldError(String);

impl serde::de::Error for FieldError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

/// The field that counts among several of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeated {
    FirstCounts,
    LastCounts,
}

/// A field's value as it was sent.
enum Value {
    Text(String),
    Json(Box<RawValue>),
}

/// The fields of one request.
pub(super) struct Entries {
    entries: Vec<(String, Value)>,
    repeated: Repeated,
    any_case: bool,
}

impl Entries {
    /// Members of a JSON object. `null` is an absent member.
    pub(super) fn of_json(members: Vec<(String, Box<RawValue>)>) -> Self {
        let present = members
            .into_iter()
            .filter(|(_, value)| value.get() != "null");
        Self {
            entries: present
                .map(|(name, value)| (name, Value::Json(value)))
                .collect(),
            repeated: Repeated::LastCounts,
            any_case: true,
        }
    }

    /// Fields of a form or query.
    pub(super) fn of_form(pairs: Pairs, repeated: Repeated) -> Self {
        let texts = pairs.into_iter();
        Self {
            entries: texts
                .map(|(name, value)| (name, Value::Text(value)))
                .collect(),
            repeated,
            any_case: false,
        }
    }
}

/// Whether two names are equal in any case, as Go compares them: two letters
/// beyond ASCII count as their ASCII counterparts.
fn same_in_any_case(one: &str, other: &str) -> bool {
    let fold = |letter| match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        letter => letter.to_ascii_lowercase(),
    };
    one.chars().map(fold).eq(other.chars().map(fold))
}

impl<'de> Deserializer<'de> for Entries {
    type Error = FieldError;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        let mut chosen: Vec<(Cow<'static, str>, Value)> = Vec::new();
        for (name, value) in self.entries {
            let exact = fields.iter().find(|field| **field == name);
            let field = exact.or_else(|| {
                let mut fields = fields.iter().filter(|_| self.any_case);
                fields.find(|field| same_in_any_case(field, &name))
            });
            let name = field.map_or(Cow::Owned(name), |field| Cow::Borrowed(*field));
            match chosen.iter_mut().find(|(other, _)| *other == name) {
                None => chosen.push((name, value)),
                Some((_, other)) if self.repeated == Repeated::LastCounts => *other = value,
                Some(_) => {}
            }
        }
        visitor.visit_map(Chosen {
            entries: chosen.into_iter(),
            value: None,
        })
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        self.deserialize_struct("", &[], visitor)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map enum identifier
        ignored_any
    }
}

struct Chosen {
    entries: std::vec::IntoIter<(Cow<'static, str>, Value)>,
    value: Option<(Cow<'static, str>, Value)>,
}

impl<'de> MapAccess<'de> for Chosen {
    type Error = FieldError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, FieldError> {
        let Some(entry) = self.entries.next() else {
            return Ok(None);
        };
        let key: StrDeserializer<'_, FieldError> = entry.0.as_ref().into_deserializer();
        let key = seed.deserialize(key)?;
        self.value = Some(entry);
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(
        &mut self,
        seed: V,
    ) -> Result<V::Value, FieldError> {
        let (name, value) = self
            .value
            .take()
            .ok_or_else(|| FieldError::custom("a value before its name"))?;
        seed.deserialize(value)
            .map_err(|error| FieldError(format!("Field '{name}': {error}")))
    }
}

impl Value {
    /// The text of a form's field or of a JSON string.
    fn into_text(self) -> Result<String, FieldError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::Json(raw) if raw.get().starts_with('"') => {
                serde_json::from_str(raw.get()).map_err(FieldError::custom)
            }
            Self::Json(raw) => Err(FieldError(format!(
                "expected a text, found {}",
                kind(raw.get())
            ))),
        }
    }

    fn integer(self) -> Result<Integer, FieldError> {
        let wrong = |found: &str| FieldError(format!("expected an integer, found {found}"));
        let (text, is_number) = match self {
            Self::Json(raw) if !raw.get().starts_with('"') => {
                let text = raw.get();
                if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
                    return Err(wrong(kind(text)));
                }
                (text.to_owned(), true)
            }
            other => (other.into_text()?, false),
        };
        match text.trim() {
            "" => Ok(Integer::Signed(0)),
            digits => digits
                .parse()
                .map(Integer::Signed)
                .or_else(|_| digits.parse().map(Integer::Unsigned))
                .ok()
                .or_else(|| is_number.then(|| whole(digits)).flatten())
                .ok_or_else(|| wrong(&format!("`{digits:.40}`"))),
        }
    }

    fn boolean(self) -> Result<bool, FieldError> {
        let text = match self {
            Self::Json(raw) if matches!(raw.get(), "true" | "false") => {
                return Ok(raw.get() == "true");
            }
            other => other
                .into_text()
                .map_err(|_| FieldError::custom("expected true or false"))?,
        };
        match text.trim() {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
            "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
            other => Err(FieldError(format!(
                "expected true or false, found `{other:.40}`"
            ))),
        }
    }
}

enum Integer {
    Signed(i64),
    Unsigned(u64),
}

/// An integer that is written as `5.0` or `5e0`.
fn whole(digits: &str) -> Option<Integer> {
    /// Beyond it, not every integer has a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let number: f64 = digits.parse().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is a whole number within the bounds"
    )]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(Integer::Signed(number as i64))
}

/// The kind of a JSON value, for a message.
fn kind(json: &str) -> &'static str {
    match json.as_bytes().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a text",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
    }
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
            match self.integer()? {
                Integer::Signed(number) => visitor.visit_i64(number),
                Integer::Unsigned(number) => visitor.visit_u64(number),
            }
        }
    )*};
}

impl<'de> Deserializer<'de> for Value {
    type Error = FieldError;

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_bool(self.boolean()?)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_string(self.into_text()?)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_string(self.into_text()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        if name != OBJECT {
            return visitor.visit_newtype_struct(self);
        }
        match self {
            Self::Json(raw) if raw.get().starts_with('{') => visitor.visit_str(raw.get()),
            Self::Json(raw) => Err(FieldError(format!(
                "expected a JSON object, found {}",
                kind(raw.get())
            ))),
            Self::Text(text) if check_extras(&text).is_ok() => visitor.visit_str(text.trim()),
            Self::Text(_) => visitor.visit_none(),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, FieldError> {
        match self {
            Self::Text(text) => visitor.visit_enum(text.into_deserializer()),
            Self::Json(raw) => serde_json::Deserializer::from_reader(raw.get().as_bytes())
                .deserialize_enum(name, variants, visitor)
                .map_err(FieldError::custom),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        visitor.visit_unit()
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, FieldError> {
        match self {
            Self::Text(text) => visitor.visit_string(text),
            Self::Json(raw) => serde_json::Deserializer::from_reader(raw.get().as_bytes())
                .deserialize_any(visitor)
                .map_err(FieldError::custom),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier
    }
}

/// The name by which [`Object`] asks a [`Value`] for its text.
const OBJECT: &str = "mortise::Object";

/// A JSON object that is kept as the text it was sent as. In a form, a text that
/// is no JSON object is absent: some senders put `extras=[]` there.
#[derive(Debug, Default)]
pub(crate) struct Object(pub(crate) Option<String>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Object;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_str<E>(self, text: &str) -> Result<Object, E> {
                Ok(Object(Some(text.to_owned())))
            }

            fn visit_none<E>(self) -> Result<Object, E> {
                Ok(Object(None))
            }
        }

        deserializer.deserialize_newtype_struct(OBJECT, Text)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{Entries, Object, Repeated, same_in_any_case};
    use crate::api::extract::{form, json};

    #[derive(Debug, Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Read {
        name: String,
        default_priority: Option<i64>,
        count: u32,
        admin: bool,
        extras: Object,
    }

    fn json(text: &str) -> Result<Read, String> {
        let text = json::text(text.into());
        let members = json::members(&text).map_err(|error| error.to_string())?;
        Read::deserialize(Entries::of_json(members)).map_err(|error| error.to_string())
    }

    fn form(text: &str) -> Result<Read, String> {
        let entries = Entries::of_form(form::pairs(text.as_bytes()), Repeated::FirstCounts);
        Read::deserialize(entries).map_err(|error| error.to_string())
    }

    #[test]
    fn keys_match_in_any_case_in_json_only() {
        let read = json(r#"{"NAME":"n","DEFAULTPRIORITY":5,"Extras":{"a":1}}"#).unwrap();
        assert_eq!((read.name.as_str(), read.default_priority), ("n", Some(5)));
        assert_eq!(read.extras.0.as_deref(), Some(r#"{"a":1}"#));
        assert_eq!(form("NAME=n").unwrap().name, "");
        assert!(same_in_any_case("ta\u{212a}e\u{17f}", "TAKES"));
        assert!(!same_in_any_case("meßage", "message"));
    }

    #[test]
    fn one_of_several_equal_fields_counts() {
        assert_eq!(
            json(r#"{"name":"a","Name":"b","name":null}"#).unwrap().name,
            "b"
        );
        assert_eq!(form("name=a&name=b").unwrap().name, "a");
    }

    #[test]
    fn integers_are_read_as_shells_write_them() {
        for (text, expected) in [
            ("5", 5),
            ("%20-5%0D%0A", -5),
            ("%2B5", 5),
            ("", 0),
            ("9223372036854775807", i64::MAX),
        ] {
            let read = form(&format!("defaultPriority={text}")).unwrap();
            assert_eq!(read.default_priority, Some(expected), "{text}");
        }
        for wrong in ["5.0", "high", "0x5", "1_0", "9223372036854775808"] {
            let error = form(&format!("defaultPriority={wrong}")).unwrap_err();
            assert!(error.contains("'defaultPriority'"), "{error}");
        }
        assert!(form("count=-1").is_err());
        for (text, expected) in [
            ("5", 5),
            ("\" 5 \"", 5),
            ("\"\"", 0),
            ("5.0", 5),
            ("5e1", 50),
        ] {
            let read = json(&format!(r#"{{"defaultPriority":{text}}}"#)).unwrap();
            assert_eq!(read.default_priority, Some(expected), "{text}");
        }
        for wrong in ["5.5", "true", "[5]", "{}", "\"high\"", "1e300"] {
            assert!(
                json(&format!(r#"{{"defaultPriority":{wrong}}}"#)).is_err(),
                "{wrong}"
            );
        }
    }

    #[test]
    fn booleans_are_read_as_shells_write_them() {
        for text in ["1", "t", "T", "TRUE", "true", "True", "+true%0d"] {
            assert!(form(&format!("admin={text}")).unwrap().admin, "{text}");
        }
        for text in ["", "0", "f", "F", "FALSE", "false", "False"] {
            assert!(!form(&format!("admin={text}")).unwrap().admin, "{text}");
        }
        assert!(form("admin=yes").is_err());
        assert!(json(r#"{"admin":true}"#).unwrap().admin);
        assert!(json(r#"{"admin":"true"}"#).unwrap().admin);
        for wrong in ["1", "\"yes\"", "[]"] {
            assert!(json(&format!(r#"{{"admin":{wrong}}}"#)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn texts_are_texts() {
        for wrong in ["5", "true", "{}", "[\"a\"]"] {
            let error = json(&format!(r#"{{"name":{wrong}}}"#)).unwrap_err();
            assert!(error.contains("Field 'name': expected a text"), "{error}");
        }
        assert_eq!(form("name=+5+").unwrap().name, " 5 ");
    }

    #[test]
    fn an_object_is_kept_and_in_a_form_anything_else_is_absent() {
        for ignored in ["[]", "", "text", "{", "null", "5"] {
            let read = form(&format!("extras={ignored}")).unwrap();
            assert_eq!(read.extras.0, None, "{ignored}");
        }
        assert_eq!(
            form("extras={\"a\":1}").unwrap().extras.0.as_deref(),
            Some(r#"{"a":1}"#)
        );
        assert_eq!(json(r#"{"extras":null}"#).unwrap().extras.0, None);
        for wrong in ["[]", "5", "\"{}\""] {
            assert!(
                json(&format!(r#"{{"extras":{wrong}}}"#)).is_err(),
                "{wrong}"
            );
        }
    }
}
