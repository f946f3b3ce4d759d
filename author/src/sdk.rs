//! A plugin's own copy of its language's SDK.

use std::{borrow::Cow, fs, path::Path};

use crate::{
    Error, Language,
    embedded::{SDKS, below},
};

/// The folder of the copy in the plugin's folder.
pub(crate) const FOLDER: &str = "sdk";

/// Copies a language's SDK, as it was when this crate was built.
pub(crate) fn copy(language: Language, folder: &Path) -> Result<(), Error> {
    for (path, bytes) in below(SDKS, language.facts().sdk) {
        put(&folder.join(path), &adapted(language, path, bytes))?;
    }
    Ok(())
}

/// Returns a file of the copy: the manifest of Rust's SDK is without the lines that
/// tie it to this repository's workspace.
fn adapted(language: Language, path: &str, bytes: &'static [u8]) -> Cow<'static, [u8]> {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Cow::Borrowed(bytes);
    };
    if language != Language::Rust || path != "Cargo.toml" {
        return Cow::Borrowed(bytes);
    }
    let free: String = text
        .replace("[lints]\nworkspace = true\n\n", "")
        .lines()
        .filter(|line| !line.starts_with("workspace = "))
        .map(|line| format!("{line}\n"))
        .collect();
    Cow::Owned(free.into_bytes())
}

/// Writes a file, and the folders that it is in.
pub(crate) fn put(file: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = file.parent().unwrap_or(file);
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, bytes))
        .map_err(|source| Error::file(file, source))
}

#[cfg(test)]
mod tests {
    use super::adapted;
    use crate::Language;

    #[test]
    fn the_sdk_stands_alone_where_it_is_copied_to() {
        let manifest = include_bytes!("../sdk/rust/Cargo.toml");
        let free = adapted(Language::Rust, "Cargo.toml", manifest);
        let free = std::str::from_utf8(&free).unwrap();
        assert!(free.contains("name = \"mortise-plugin\""), "{free}");
        assert!(!free.contains("workspace"), "{free}");
        assert!(!free.contains("[lints]"), "{free}");
    }
}
