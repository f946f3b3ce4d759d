//! Gotify's settings as they are written: variables, and files of versions 2 and 3.

use std::{env, path::Path};

use mortise_runtime::files;
use serde_json::Value;

use super::{Given, GotifyConfigError, OTHERS, SAME, WITHOUT_EFFECT};
use crate::settings::variable::variable;

/// The largest file, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// Reads the variables of this process, or the files that `GOTIFY_..._FILE` name.
///
/// # Errors
///
/// [`GotifyConfigError::Value`] for a file that cannot be read.
pub fn from_environment() -> Result<Given, GotifyConfigError> {
    let mut given = Given::new();
    let same = SAME.iter().map(|(name, _)| *name);
    let without_effect = WITHOUT_EFFECT.iter().map(|(name, _)| *name);
    for name in same.chain(without_effect).chain(OTHERS) {
        let full = format!("GOTIFY_{name}");
        let value = variable(&full).map_err(|error| GotifyConfigError::Value {
            name: format!("{full}_FILE"),
            cause: format!("the file cannot be read: {error}"),
        })?;
        if let Some(value) = value {
            given.insert(name.to_owned(), value);
        }
    }
    for (name, value) in env::vars_os() {
        let (Some(name), value) = (name.to_str(), value.to_string_lossy()) else {
            continue;
        };
        add_unknown(&mut given, name, &value);
    }
    Ok(given)
}

/// Adds a variable of Gotify's that this server does not know, so that there is a
/// remark on it.
fn add_unknown(given: &mut Given, name: &str, value: &str) {
    let Some(name) = name.strip_prefix("GOTIFY_") else {
        return;
    };
    let of_file = name.strip_suffix("_FILE");
    if !is_known(name) && !of_file.is_some_and(is_known) {
        given.insert(name.to_owned(), value.to_owned());
    }
}

/// Whether a variable means something here, or has a known reason why it does not.
pub(super) fn is_known(name: &str) -> bool {
    let others = OTHERS.contains(&name);
    others
        || SAME.iter().any(|(known, _)| *known == name)
        || WITHOUT_EFFECT.iter().any(|(known, _)| *known == name)
}

/// Reads a `config.yml`, or a file of variables.
///
/// # Errors
///
/// [`GotifyConfigError`].
pub fn from_file(path: &Path) -> Result<Given, GotifyConfigError> {
    let failed = |cause: String| GotifyConfigError::File {
        path: path.to_owned(),
        cause,
    };
    let bytes = files::read(path, MOST_BYTES).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    if matches!(extension, Some("yml" | "yaml")) {
        let value: Value =
            serde_saphyr::from_str(&text).map_err(|error| failed(format!("{error}")))?;
        let mut given = Given::new();
        flatten(&mut given, "", &value);
        return Ok(given);
    }
    variables(&text).map_err(failed)
}

/// Nested keys as the names of variables.
fn flatten(given: &mut Given, name: &str, value: &Value) {
    match value {
        // The one setting that is a map.
        Value::Object(_) if name == "SERVER_RESPONSEHEADERS" => {
            given.insert(name.to_owned(), value.to_string());
        }
        Value::Object(members) => {
            for (key, value) in members {
                let key = key.to_uppercase();
                let name = match name {
                    "" => key,
                    name => format!("{name}_{key}"),
                };
                flatten(given, &name, value);
            }
        }
        Value::Null => {}
        Value::String(text) => {
            given.insert(name.to_owned(), text.clone());
        }
        other => {
            given.insert(name.to_owned(), other.to_string());
        }
    }
}

/// Lines such as `GOTIFY_SERVER_PORT=80`.
pub(super) fn variables(text: &str) -> Result<Given, String> {
    let mut given = Given::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            return Err(format!(
                "line {} is no variable such as GOTIFY_SERVER_PORT=80; a config.yml has the ending \
                 .yml",
                index + 1
            ));
        };
        let value = value_of(value.trim());
        if let Some(name) = name.trim().strip_prefix("GOTIFY_") {
            given.insert(name.to_owned(), value);
        }
    }
    Ok(given)
}

/// A value without its quotes, or without a comment behind it.
fn value_of(text: &str) -> String {
    let mut characters = text.chars();
    let Some(quote) = characters
        .next()
        .filter(|first| matches!(first, '"' | '\''))
    else {
        let end = text.find(" #").unwrap_or(text.len());
        return text.get(..end).unwrap_or(text).trim().to_owned();
    };
    let mut value = String::new();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quote == '"' => match characters.next() {
                Some('n') => value.push('\n'),
                Some(escaped @ ('"' | '\\' | '$')) => value.push(escaped),
                Some(other) => value.extend(['\\', other]),
                None => value.push('\\'),
            },
            character if character == quote => break,
            character => value.push(character),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::{Given, add_unknown};

    #[test]
    fn an_unknown_variable_is_remarked_upon() {
        let mut given = Given::new();
        for (name, value) in [
            ("GOTIFY_SERVER_PROT", "80"),
            ("GOTIFY_CONFIG_FILE", "/etc/g.env"),
            ("GOTIFY_SERVER_PORT", "80"),
            ("GOTIFY_DEFAULTUSER_PASS_FILE", "/run/secret"),
            ("PATH", "/bin"),
        ] {
            add_unknown(&mut given, name, value);
        }
        let names: Vec<_> = given.keys().map(String::as_str).collect();
        assert_eq!(names, ["CONFIG_FILE", "SERVER_PROT"]);
    }
}
