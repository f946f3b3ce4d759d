//! An environment variable, or the file that another one names.

use std::{env, io, path::Path};

/// The value of a variable, or of the file that `NAME_FILE` names.
pub(super) fn variable(name: &str) -> Result<Option<String>, io::Error> {
    if let Some(value) = env::var_os(name) {
        return Ok(Some(value.to_string_lossy().into_owned()));
    }
    match env::var_os(format!("{name}_FILE")) {
        None => Ok(None),
        Some(path) => {
            let text = mortise_runtime::files::read(Path::new(&path), 1 << 20)?;
            let text = String::from_utf8_lossy(&text);
            Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
        }
    }
}
