//! The values of the configuration in force, by name.
//!
//! A value inside another has a dotted name: `smtp.host`, or `rules.0.pattern`
//! for an entry of a list. Numbers and truth values are given as JSON writes
//! them. A field without a value has no entry.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    sync::Arc,
};

use serde_json::Value;

use mortise_runtime::{
    limits::CONFIG_BYTES,
    yaml::{self, Document},
};

/// The most bytes of all names and values: long names of lists and mappings are
/// repeated in the names of their parts.
const VALUES_BYTES: usize = 4 * CONFIG_BYTES;

/// The values by name, or the reason for which there are none.
type Values = Result<BTreeMap<String, String>, String>;
/// The whole as JSON, or the reason for which there is none.
type Json = Result<String, String>;

/// A configuration in force. It may have secrets, so it is never printed.
#[derive(Clone)]
pub(crate) struct ActiveConfig {
    text: Arc<str>,
    /// Read when they are asked for first.
    values: Option<Arc<Values>>,
    /// The same for the whole.
    json: Option<Arc<Json>>,
}

impl ActiveConfig {
    pub(crate) fn new(text: &str) -> Self {
        Self {
            text: text.into(),
            values: None,
            json: None,
        }
    }

    /// Checks that the text has values.
    ///
    /// # Errors
    ///
    /// The reason for which it has none.
    pub(crate) async fn check(&mut self) -> Result<(), String> {
        match &*self.values().await {
            Ok(_) => Ok(()),
            Err(reason) => Err(reason.clone()),
        }
    }

    pub(crate) async fn values(&mut self) -> Arc<Values> {
        if let Some(values) = &self.values {
            return Arc::clone(values);
        }
        let text = Arc::clone(&self.text);
        // A long text takes a while, beside which other plugins run.
        let values = tokio::task::spawn_blocking(move || read(&text))
            .await
            .unwrap_or_else(|error| Err(error.to_string()));
        Arc::clone(self.values.insert(Arc::new(values)))
    }

    pub(crate) async fn json(&mut self) -> Arc<Json> {
        if let Some(json) = &self.json {
            return Arc::clone(json);
        }
        let text = Arc::clone(&self.text);
        let json = tokio::task::spawn_blocking(move || yaml::mapping_as_json(&text))
            .await
            .unwrap_or_else(|error| Err(error.to_string()));
        Arc::clone(self.json.insert(Arc::new(json)))
    }
}

fn read(text: &str) -> Values {
    let document = Document::read(text)
        .map_err(|fault| format!("the configuration has no values by name: {fault}"))?;
    if document.is_blank() {
        return Ok(BTreeMap::new());
    }
    if !document.is_mapping() {
        return Err(
            "the configuration has no values by name: it is no YAML mapping, such as `name: value`"
                .to_owned(),
        );
    }
    let mut flat = Flat::default();
    flat.add(String::new(), 0, document.value())?;
    let values = flat.values.into_iter();
    Ok(values.map(|(name, (_, value))| (name, value)).collect())
}

/// Values under their dotted names.
#[derive(Default)]
struct Flat {
    /// Each with its depth: a field whose own name has dots goes before one that
    /// is nested deeper.
    values: BTreeMap<String, (usize, String)>,
    bytes: usize,
}

impl Flat {
    fn add(&mut self, name: String, depth: usize, value: Value) -> Result<(), String> {
        let inner = |part: &str| match name.as_str() {
            "" => part.to_owned(),
            name => format!("{name}.{part}"),
        };
        let text = match value {
            Value::Null => return Ok(()),
            Value::Bool(value) => value.to_string(),
            Value::Number(value) => value.to_string(),
            Value::String(value) => value,
            Value::Array(items) => {
                return items
                    .into_iter()
                    .enumerate()
                    .try_for_each(|(at, item)| self.add(inner(&at.to_string()), depth + 1, item));
            }
            Value::Object(fields) => {
                return fields
                    .into_iter()
                    .try_for_each(|(part, field)| self.add(inner(&part), depth + 1, field));
            }
        };
        self.bytes = self.bytes.saturating_add(name.len() + text.len());
        if self.bytes > VALUES_BYTES {
            return Err(format!(
                "the configuration's values take more than {VALUES_BYTES} bytes with their names"
            ));
        }
        match self.values.entry(name) {
            Entry::Vacant(entry) => {
                entry.insert((depth, text));
            }
            Entry::Occupied(mut entry) if depth < entry.get().0 => {
                entry.insert((depth, text));
            }
            Entry::Occupied(_) => {}
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn values_have_the_names_of_their_places() {
        let text = "# a comment\nname: Ada\nport: 25\nratio: 1.5\nquiet: true\nnothing:\n\
            smtp:\n  host: mail.example\n  \"a.b\": c\nrules:\n  - pattern: a\n  - pattern: b\n\
            \"smtp.host\": own\nempty: []\n";
        let values = read(text).unwrap();
        let expected = [
            ("name", "Ada"),
            ("port", "25"),
            ("quiet", "true"),
            ("ratio", "1.5"),
            ("rules.0.pattern", "a"),
            ("rules.1.pattern", "b"),
            ("smtp.a.b", "c"),
            ("smtp.host", "own"),
        ];
        let found: Vec<_> = values
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(found, expected);
        assert!(read("# nothing\n").unwrap().is_empty());
        assert!(
            read(r#"{"json": {"too": 1}}"#)
                .unwrap()
                .contains_key("json.too")
        );
    }

    #[test]
    fn a_text_without_names_is_an_error_with_its_place() {
        assert!(read("a: [").unwrap_err().contains("line "));
        assert!(read("a = 1\n").unwrap_err().contains("no YAML mapping"));
        assert!(read("- a\n").unwrap_err().contains("no YAML mapping"));
    }

    #[test]
    fn names_that_repeat_a_long_one_are_bounded() {
        let nested = |depth| format!("{}{}:\n", " ".repeat(depth), "x".repeat(1000));
        let names: String = (0..15).map(nested).collect();
        let items = format!("{}- a\n", " ".repeat(15)).repeat(1000);
        let text = names + &items;
        assert!(read(&text).unwrap_err().contains("more than"));
    }
}
