//! Texts, bytes and lists as people write them, and comparisons with them.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use regex::Regex;
use serde::{
    Deserialize, Deserializer,
    de::{self, DeserializeOwned, Error as _},
};
use serde_json::Value;

use crate::report::Difference;

/// Reads a field that is present, even as `null`.
pub(crate) fn present<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// One value, or a list of them.
pub(crate) fn one_or_many<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    struct Visitor<T>(std::marker::PhantomData<T>);
    impl<'de, T: DeserializeOwned> de::Visitor<'de> for Visitor<T> {
        type Value = Vec<T>;

        fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter.write_str("one of them or a list")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Vec<T>, E> {
            let deserializer = de::value::StrDeserializer::<E>::new(text);
            Ok(vec![T::deserialize(deserializer)?])
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<Vec<T>, E> {
            self.visit_str(&number.to_string())
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<Vec<T>, E> {
            self.visit_str(&number.to_string())
        }

        fn visit_map<A: de::MapAccess<'de>>(self, map: A) -> Result<Vec<T>, A::Error> {
            let deserializer = de::value::MapAccessDeserializer::new(map);
            Ok(vec![T::deserialize(deserializer)?])
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut all = Vec::new();
            while let Some(one) = list.next_element()? {
                all.push(one);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_any(Visitor(std::marker::PhantomData))
}

/// Reads like [`one_or_many`]; the field is optional.
pub(crate) fn maybe_many<'de, T: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<T>>, D::Error> {
    one_or_many(deserializer).map(Some)
}

/// Returns a scalar as the text of the file; none for a map or a list.
fn scalar<E: de::Error>(value: &Value) -> Result<Option<String>, E> {
    match value {
        Value::String(text) => Ok(Some(text.clone())),
        Value::Number(number) if !number.is_f64() => Ok(Some(number.to_string())),
        Value::Bool(yes) => Ok(Some(yes.to_string())),
        Value::Number(_) | Value::Null => Err(E::custom(format!(
            "YAML takes this for `{value}` and not for a text; put it in quotes"
        ))),
        Value::Array(_) | Value::Object(_) => Ok(None),
    }
}

/// Reads a map with known fields from a value that was inspected first.
fn fields<T: DeserializeOwned, E: de::Error>(value: Value) -> Result<T, E> {
    serde_json::from_value(value).map_err(E::custom)
}

/// Bytes in a case: a text, `base64: …` or `repeat: {text, times}`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Blob(pub(crate) Vec<u8>);

/// The longest repetition, in bytes.
const LONGEST: usize = 64 << 20;

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "kebab-case")]
        enum Written {
            Base64(String),
            Repeat(Repeat),
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Repeat {
            text: String,
            times: usize,
        }
        let value = Value::deserialize(deserializer)?;
        if let Some(text) = scalar(&value)? {
            return Ok(Self(text.into_bytes()));
        }
        match fields(value)? {
            Written::Base64(text) => decoded(&text).map(Self),
            Written::Repeat(Repeat { text, times })
                if text.len().saturating_mul(times) <= LONGEST =>
            {
                Ok(Self(text.repeat(times).into_bytes()))
            }
            Written::Repeat(_) => Err(D::Error::custom(format!(
                "this makes more than {LONGEST} bytes"
            ))),
        }
    }
}

fn decoded<E: de::Error>(text: &str) -> Result<Vec<u8>, E> {
    BASE64_STANDARD
        .decode(text)
        .map_err(|error| E::custom(format!("`{text}` is not base64: {error}")))
}

/// The expected form of a text or of bytes: a text must match exactly; all
/// rules of a map must hold.
#[derive(Clone, Debug)]
pub(crate) enum Text {
    /// Exactly this text.
    Is(String),
    /// All of these rules.
    Rules(Box<Rules>),
}

/// Rules for a text.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Rules {
    /// The text has these parts.
    #[serde(deserialize_with = "one_or_many")]
    contains: Vec<String>,
    /// The text has none of these parts.
    #[serde(deserialize_with = "one_or_many")]
    lacks: Vec<String>,
    /// The text contains a match of this regular expression.
    #[serde(deserialize_with = "expression")]
    matches: Option<Regex>,
    /// The text is JSON and has at least these fields.
    #[serde(deserialize_with = "present")]
    json: Option<Value>,
    /// The content is exactly these bytes, in base64.
    base64: Option<String>,
    /// The content has this number of bytes.
    bytes: Option<usize>,
}

fn expression<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Regex>, D::Error> {
    let text = String::deserialize(deserializer)?;
    Regex::new(&text).map(Some).map_err(D::Error::custom)
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::of(Value::deserialize(deserializer)?)
    }
}

impl Text {
    /// Reads an expectation from a value that was inspected first.
    pub(crate) fn of<E: de::Error>(value: Value) -> Result<Self, E> {
        if let Some(text) = scalar(&value)? {
            return Ok(Self::Is(text));
        }
        let rules: Rules = fields(value)?;
        if let Some(text) = &rules.base64 {
            decoded::<E>(text)?;
        }
        Ok(Self::Rules(Box::new(rules)))
    }

    /// Turns a plain text into the rule that the text has this part.
    pub(crate) fn within(self) -> Self {
        match self {
            Self::Is(text) => Self::Rules(Box::new(Rules {
                contains: vec![text],
                ..Rules::default()
            })),
            rules => rules,
        }
    }

    /// Returns true if it holds.
    pub(crate) fn holds(&self, found: &[u8]) -> bool {
        let mut differences = Vec::new();
        self.compare("", found, &mut differences);
        differences.is_empty()
    }

    /// Adds a difference for each rule that does not hold.
    pub(crate) fn compare(&self, field: &str, found: &[u8], differences: &mut Vec<Difference>) {
        let mut differ = |expected: String| {
            differences.push(Difference::new(field, expected, readable(found)));
        };
        let rules = match self {
            Self::Is(text) if text.as_bytes() == found => return,
            Self::Is(text) => return differ(readable(text.as_bytes())),
            Self::Rules(rules) => rules,
        };
        let text = String::from_utf8_lossy(found);
        for part in &rules.contains {
            if !text.contains(part) {
                differ(format!("something with `{part}` in it"));
            }
        }
        for part in &rules.lacks {
            if text.contains(part) {
                differ(format!("something without `{part}`"));
            }
        }
        if let Some(expression) = &rules.matches
            && !expression.is_match(&text)
        {
            differ(format!("something that matches `{expression}`"));
        }
        if let Some(bytes) = rules.bytes
            && bytes != found.len()
        {
            differ(format!("{bytes} bytes"));
        }
        if let Some(base64) = &rules.base64
            && *base64 != BASE64_STANDARD.encode(found)
        {
            differ(format!("the bytes {base64} in base64"));
        }
        if let Some(expected) = &rules.json {
            match serde_json::from_slice(found) {
                Ok(value) => json(field, expected, &value, differences),
                Err(error) => differ(format!("JSON ({error})")),
            }
        }
    }
}

/// Compares JSON: the expected fields must be present, a map may have more, and
/// `null` matches an absent field.
pub(crate) fn json(
    field: &str,
    expected: &Value,
    found: &Value,
    differences: &mut Vec<Difference>,
) {
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (name, expected) in expected {
                let found = found.get(name).unwrap_or(&Value::Null);
                json(&format!("{field}.{name}"), expected, found, differences);
            }
        }
        (Value::Array(expected), Value::Array(found)) if expected.len() == found.len() => {
            for (number, (expected, found)) in expected.iter().zip(found).enumerate() {
                json(&format!("{field}[{number}]"), expected, found, differences);
            }
        }
        (expected, found) if expected == found => {}
        (expected, found) => differences.push(Difference::new(
            field,
            readable(expected.to_string().as_bytes()),
            readable(found.to_string().as_bytes()),
        )),
    }
}

/// The longest text to show in full, in characters.
const SHOWN: usize = 400;

/// Shows bytes to a person: text, cut if it is long, or base64.
pub(crate) fn readable(bytes: &[u8]) -> String {
    let Ok(text) = std::str::from_utf8(bytes) else {
        let shown = bytes.get(..SHOWN).unwrap_or(bytes);
        return format!(
            "{} bytes that are not text, in base64 {}{}",
            bytes.len(),
            BASE64_STANDARD.encode(shown),
            if shown.len() < bytes.len() { "…" } else { "" }
        );
    };
    match text.char_indices().nth(SHOWN) {
        _ if text.is_empty() => "nothing, an empty text".to_owned(),
        Some((end, _)) => format!(
            "{}… ({} bytes)",
            text.get(..end).unwrap_or_default(),
            text.len()
        ),
        None => text.to_owned(),
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rules = match self {
            Self::Is(text) => return formatter.write_str(&readable(text.as_bytes())),
            Self::Rules(rules) => rules,
        };
        let Rules {
            contains,
            lacks,
            matches,
            json,
            base64,
            bytes,
        } = &**rules;
        let mut parts = Vec::new();
        parts.extend(contains.iter().map(|part| format!("with `{part}` in it")));
        parts.extend(lacks.iter().map(|part| format!("without `{part}`")));
        parts.extend(
            matches
                .iter()
                .map(|expression| format!("that matches `{expression}`")),
        );
        parts.extend(
            json.iter()
                .map(|value| format!("that is JSON with {value}")),
        );
        parts.extend(
            base64
                .iter()
                .map(|text| format!("of the bytes {text} in base64")),
        );
        parts.extend(bytes.iter().map(|bytes| format!("of {bytes} bytes")));
        write!(formatter, "something {}", parts.join(" and "))
    }
}
