//! YAML as a value, with the place of every part. Bounded in depth and in the
//! number of parts, aliases included.

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, SeqAccess, Visitor},
};
use serde_json::{Map, Number, Value};
use serde_saphyr::Spanned;

use crate::limits::CONFIG_BYTES;

/// The deepest that a text may be nested.
///
/// The reader calls itself for each level. Without optimisation a level takes 50 KiB of
/// the stack, and a thread has 2 MiB.
const DEPTH: usize = 20;
/// The most parts of a text.
const NODES: usize = 50_000;

/// The most bytes of a text as JSON: aliases repeat parts of it.
const JSON_BYTES: usize = 4 * CONFIG_BYTES;

/// The first fault of a text that is no YAML.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: it is no YAML: {text}")]
pub struct Fault {
    /// Counted from 1.
    pub line: u64,
    /// In characters, counted from 1.
    pub column: u64,
    /// The fault in the reader's words.
    pub text: String,
}

/// A text as it was read.
#[derive(Debug)]
pub struct Document {
    root: Node,
    blank: bool,
}

#[derive(Debug)]
struct Node {
    line: u64,
    column: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Scalar(Value),
    List(Vec<Node>),
    Mapping(Vec<Field>),
}

#[derive(Debug)]
struct Field {
    name: String,
    line: u64,
    column: u64,
    node: Node,
}

/// Returns true if a text has nothing but comments.
pub fn is_blank(text: &str) -> bool {
    let mut lines = text.lines().map(str::trim);
    lines.all(|line| line.is_empty() || line.starts_with('#') || line == "---")
}

/// Returns a mapping as JSON, for a plugin that reads no YAML itself; `{}` for a text
/// that has nothing but comments.
///
/// # Errors
///
/// The reason in words: the text is no mapping, or its JSON is too long.
pub fn mapping_as_json(text: &str) -> Result<String, String> {
    let document = Document::read(text).map_err(|fault| fault.to_string())?;
    if document.is_blank() {
        return Ok("{}".to_owned());
    }
    if !document.is_mapping() {
        return Err("it is no YAML mapping, such as `name: value`".to_owned());
    }
    let json = document.value().to_string();
    if json.len() > JSON_BYTES {
        return Err(format!("as JSON, it takes more than {JSON_BYTES} bytes"));
    }
    Ok(json)
}

impl Document {
    /// Reads a text.
    ///
    /// # Errors
    ///
    /// The place and the words of the first fault.
    pub fn read(text: &str) -> Result<Self, Fault> {
        if is_blank(text) {
            let kind = Kind::Scalar(Value::Null);
            return Ok(Self {
                root: Node {
                    line: 1,
                    column: 1,
                    kind,
                },
                blank: true,
            });
        }
        let options = serde_saphyr::options! {
            budget: serde_saphyr::budget! {
                max_depth: DEPTH,
                max_nodes: NODES,
                max_events: 4 * NODES,
                max_aliases: 1000,
                max_anchors: 1000,
            },
            with_snippet: false,
        };
        let read: Result<Spanned<Raw>, _> = serde_saphyr::from_str_with_options(text, options);
        match read {
            Ok(root) => Ok(Self {
                root: Node::from(root),
                blank: false,
            }),
            Err(error) => {
                let place = error.location();
                Err(Fault {
                    line: place.map_or(1, |place| place.line().max(1)),
                    column: place.map_or(1, |place| place.column().max(1)),
                    text: error.without_snippet().to_string(),
                })
            }
        }
    }

    /// Returns true if the text has nothing but comments.
    pub fn is_blank(&self) -> bool {
        self.blank
    }

    /// Returns true if the whole is a mapping.
    pub fn is_mapping(&self) -> bool {
        matches!(self.root.kind, Kind::Mapping(_))
    }

    /// The whole as JSON has it.
    pub fn value(&self) -> Value {
        self.root.value()
    }

    /// The line and column of a part, or of the nearest one around it that is
    /// there: for a field, those of its name.
    pub fn place(&self, pointer: &str) -> (u64, u64) {
        let mut node = &self.root;
        let mut place = (node.line, node.column);
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            node = match &node.kind {
                Kind::Mapping(fields) => {
                    let Some(field) = fields.iter().find(|field| field.name == part) else {
                        break;
                    };
                    place = (field.line, field.column);
                    &field.node
                }
                Kind::List(items) => {
                    let Some(item) = part.parse().ok().and_then(|at: usize| items.get(at)) else {
                        break;
                    };
                    place = (item.line, item.column);
                    item
                }
                Kind::Scalar(_) => break,
            };
        }
        place
    }
}

impl Node {
    fn value(&self) -> Value {
        match &self.kind {
            Kind::Scalar(value) => value.clone(),
            Kind::List(items) => Value::Array(items.iter().map(Self::value).collect()),
            Kind::Mapping(fields) => {
                let fields = fields
                    .iter()
                    .map(|field| (field.name.clone(), field.node.value()));
                Value::Object(fields.collect::<Map<_, _>>())
            }
        }
    }
}

impl From<Spanned<Raw>> for Node {
    fn from(read: Spanned<Raw>) -> Self {
        Self {
            line: read.referenced.line(),
            column: read.referenced.column(),
            kind: match read.value {
                Raw::Scalar(value) => Kind::Scalar(value),
                Raw::List(items) => Kind::List(items.into_iter().map(Self::from).collect()),
                Raw::Mapping(fields) => Kind::Mapping(
                    fields
                        .into_iter()
                        .map(|(name, node)| Field {
                            line: name.referenced.line(),
                            column: name.referenced.column(),
                            name: name.value.0,
                            node: Self::from(node),
                        })
                        .collect(),
                ),
            },
        }
    }
}

/// A part as the reader gives it.
enum Raw {
    Scalar(Value),
    List(Vec<Spanned<Raw>>),
    Mapping(Vec<(Spanned<Name>, Spanned<Raw>)>),
}

/// The name of a field. A number or a truth value is one by its text.
struct Name(String);

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Raw::deserialize(deserializer)? {
            Raw::Scalar(Value::String(text)) => Ok(Self(text)),
            Raw::Scalar(other) => Ok(Self(other.to_string())),
            Raw::List(_) | Raw::Mapping(_) => {
                Err(D::Error::custom("a field's name is a list or a mapping"))
            }
        }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Raw, E> {
        // JSON has no infinity; a schema for one would ask for a text.
        let number = Number::from_f64(value).map(Value::Number);
        let number = number.unwrap_or_else(|| Value::String(value.to_string()));
        Ok(Raw::Scalar(number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Raw, E> {
        Ok(Raw::Scalar(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Scalar(Value::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Raw, A::Error> {
        let mut mapping = Vec::new();
        while let Some(field) = fields.next_entry()? {
            mapping.push(field);
        }
        Ok(Raw::Mapping(mapping))
    }
}

#[cfg(test)]
mod tests {
    use crate::limits::CONFIG_BYTES;

    use super::{DEPTH, Document, mapping_as_json};

    /// Half of what a thread of the server has.
    const STACK: usize = 1 << 20;

    fn mappings(depth: usize) -> String {
        let fields = (0..depth).map(|depth| format!("{}a:\n", " ".repeat(depth)));
        fields.collect::<String>() + &format!("{}a: 1\n", " ".repeat(depth))
    }

    fn lists(depth: usize) -> String {
        format!("{}{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn a_mapping_is_json_and_others_have_a_reason() {
        let json = mapping_as_json("# first\na: [1, 'x']\nb: { c: true, d: null }\n");
        assert_eq!(
            json.as_deref(),
            Ok(r#"{"a":[1,"x"],"b":{"c":true,"d":null}}"#)
        );
        assert_eq!(mapping_as_json("# nothing\n").as_deref(), Ok("{}"));
        for (text, reason) in [
            ("a = 1\n", "no YAML mapping"),
            ("- a\n", "no YAML mapping"),
            ("a: [\n", "line "),
        ] {
            let error = mapping_as_json(text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
        let word = "x".repeat(CONFIG_BYTES / 2);
        let aliases = "- *a\n".repeat(10);
        let error = mapping_as_json(&format!("a: &a {word}\nb:\n{aliases}")).unwrap_err();
        assert!(error.contains("more than"), "{error}");
    }

    #[test]
    fn a_text_of_the_greatest_depth_fits_on_half_a_stack() {
        let read = || {
            for text in [mappings(DEPTH - 1), lists(DEPTH)] {
                drop(Document::read(&text).unwrap().value());
            }
            for depth in [DEPTH + 1, 2 * DEPTH, 1000] {
                for text in [mappings(depth), lists(depth)] {
                    let fault = Document::read(&text).unwrap_err();
                    assert!(fault.to_string().contains("no YAML"), "{fault}");
                }
            }
        };
        let thread = std::thread::Builder::new().stack_size(STACK);
        thread.spawn(read).unwrap().join().unwrap();
    }
}
