//! The file of settings: TOML, in which each setting has the name of its flag.

use std::path::Path;

use clap::Command;
use mortise_runtime::files;
use toml::{Table, Value};

use super::{SettingsError, Source};

/// The largest file, in bytes.
const MOST_BYTES: u64 = 1 << 20;
/// The greatest difference of a name that is taken for a misspelt one.
const SIMILAR: f64 = 0.6;

/// Names and values.
pub(super) type Values = Vec<(String, Vec<String>)>;

/// Reads a file; its names are of the command's arguments.
pub(super) fn read(path: &Path, command: &Command) -> Result<Values, SettingsError> {
    let bytes = files::read(path, MOST_BYTES).map_err(|source| SettingsError::Read {
        path: path.to_owned(),
        source,
    })?;
    let syntax = |cause: String| SettingsError::Syntax {
        path: path.to_owned(),
        cause,
    };
    let text = String::from_utf8(bytes).map_err(|error| syntax(error.to_string()))?;
    let table: Table = text
        .parse()
        .map_err(|error: toml::de::Error| syntax(error.to_string()))?;
    let mut values = Vec::new();
    for (name, value) in table {
        let known: Vec<&str> = command
            .get_arguments()
            .filter_map(clap::Arg::get_long)
            .collect();
        if !known.contains(&name.as_str()) {
            return Err(SettingsError::Unknown {
                path: path.to_owned(),
                nearest: nearest(&name, &known).map(str::to_owned),
                name,
            });
        }
        let texts = texts(&value).ok_or_else(|| SettingsError::Value {
            place: Source::File(path.to_owned()),
            name: name.clone(),
            cause: format!(
                "expected a text, a number, true, false or a list of those, found a {}",
                value.type_str()
            ),
        })?;
        values.push((name, texts));
    }
    Ok(values)
}

/// The name that is most similar to one that is none.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase().replace('_', "-");
    let similar = |known: &&str| {
        let part = known.contains(name.as_str()) || name.contains(*known);
        let score = strsim::normalized_damerau_levenshtein(&name, known);
        if part { score + 0.5 } else { score }
    };
    let best = known
        .iter()
        .max_by(|one, other| similar(one).total_cmp(&similar(other)))?;
    (similar(best) >= SIMILAR).then_some(*best)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        value => text(value).map(|text| vec![text]),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(value) => Some(value.to_string()),
        Value::Float(_) | Value::Datetime(_) | Value::Array(_) | Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{super::command, nearest, read};

    fn reading(text: &str) -> Result<Vec<(String, Vec<String>)>, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mortise.toml");
        fs::write(&path, text).unwrap();
        read(&path, &command()).map_err(|error| error.to_string())
    }

    #[test]
    fn settings_have_the_names_of_flags() {
        let values = reading(
            "listen = '[::]:80'\nregistration = true\nmax-streams = 0\n\
             trusted-proxy = ['10.0.0.0/8', '::1']\n",
        )
        .unwrap();
        assert_eq!(values.len(), 4);
        assert!(values.contains(&("max-streams".to_owned(), vec!["0".to_owned()])));
        for (wrong, says) in [
            ("listen = ", "is no TOML"),
            ("lisen = 'x'", "did you mean `listen`?"),
            ("data_dir = 'x'", "did you mean `data-dir`?"),
            ("proxy = 'x'", "did you mean `trusted-proxy`?"),
            ("zzzzzzz = 'x'", "`zzzzzzz` is no setting"),
            ("[listen]\nport = 80", "found a table"),
            ("max-streams = 1.5", "found a float"),
        ] {
            let error = reading(wrong).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_name_without_a_similar_one_has_none() {
        assert_eq!(nearest("qqq", &["listen", "data-dir"]), None);
        assert_eq!(nearest("Listen", &["listen", "data-dir"]), Some("listen"));
    }
}
