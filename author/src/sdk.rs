//! A plugin's own copy of its language's SDK.

use std::{borrow::Cow, fs, path::Path};

use crate::{
    Error, Language,
    embedded::{self, SDKS, below},
};

/// The folder of the copy in the plugin's folder.
pub(crate) const FOLDER: &str = "sdk";

/// The crates that Rust's SDK is made of besides itself, by their folders in this
/// repository, and their place in the copy.
const CRATES: [(&str, &str); 2] = [
    ("../../runtime/contract", "contract"),
    ("../../native-bridge/protocol", "protocol"),
];

/// Copies a language's SDK, as it was when this crate was built.
pub(crate) fn copy(language: Language, folder: &Path) -> Result<(), Error> {
    for (path, bytes) in below(SDKS, language.facts().sdk) {
        let bytes = match (language, path) {
            (Language::Rust, "Cargo.toml") => alone(bytes, "crates"),
            _ => Cow::Borrowed(bytes),
        };
        put(&folder.join(path), &bytes)?;
    }
    if language == Language::Rust {
        for file in embedded::CRATES {
            let bytes = if file.path.ends_with("/Cargo.toml") {
                alone(file.bytes, "..")
            } else {
                Cow::Borrowed(file.bytes)
            };
            put(&folder.join("crates").join(file.path), &bytes)?;
        }
    }
    Ok(())
}

/// Returns a manifest without the lines that tie its crate to this repository: its
/// workspace, its tests, and the feature that hosts alone use. The other crates are in
/// the folder `crates`.
fn alone<'a>(manifest: &'a [u8], crates: &str) -> Cow<'a, [u8]> {
    let Ok(text) = std::str::from_utf8(manifest) else {
        return Cow::Borrowed(manifest);
    };
    let mut free = String::new();
    let mut section = "";
    for line in text.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let tied = matches!(section, "[lints]" | "[dev-dependencies]")
            || line.starts_with('#')
            || line.starts_with("workspace = ")
            || line.starts_with("wasmtime = ");
        if !tied {
            free.push_str(&line.replace("[\"dep:wasmtime\"]", "[]"));
            free.push('\n');
        }
    }
    for (path, name) in CRATES {
        free = free.replace(path, &format!("{crates}/{name}"));
    }
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
    use std::{collections::BTreeSet, path::Path};

    use super::copy;
    use crate::Language;

    #[test]
    fn the_sdk_stands_alone_where_it_is_copied_to() {
        let folder = tempfile::tempdir().unwrap();
        copy(Language::Rust, folder.path()).unwrap();
        let mut found = BTreeSet::new();
        for manifest in [
            "Cargo.toml",
            "crates/contract/Cargo.toml",
            "crates/protocol/Cargo.toml",
        ] {
            let manifest = folder.path().join(manifest);
            let text = std::fs::read_to_string(&manifest).unwrap();
            assert!(!text.contains("workspace"), "{text}");
            assert!(!text.contains("wasmtime"), "{text}");
            let table: toml::Table = text.parse().unwrap();
            assert!(!table.contains_key("lints"), "{text}");
            found.insert(table["package"]["name"].as_str().unwrap().to_owned());
            // Each crate of this repository is where its path says.
            for path in text.split("path = \"").skip(1) {
                let path = Path::new(path.split('"').next().unwrap());
                let there = manifest.parent().unwrap().join(path);
                assert!(there.join("Cargo.toml").is_file(), "{text}");
                let there = there.canonicalize().unwrap();
                assert!(
                    there.starts_with(folder.path().canonicalize().unwrap()),
                    "{text}"
                );
            }
        }
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            ["mortise-contract", "mortise-plugin", "mortise-protocol"]
        );
    }
}
