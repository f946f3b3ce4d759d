//! A plugin's own copy of its language's SDK.

use std::{borrow::Cow, fs, path::Path};

use sha2::{Digest as _, Sha256};

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

/// The file in the copy that lists its files, a digest and a path in each line. By it, a
/// build knows a copy that its author did not change.
const LIST: &str = ".mortise-sdk";

/// Copies a language's SDK, as it was when this crate was built.
pub(crate) fn copy(language: Language, folder: &Path) -> Result<(), Error> {
    let mut list = String::new();
    for (path, bytes) in files(language) {
        put(&folder.join(&path), &bytes)?;
        list.push_str(&line(&path, &bytes));
    }
    put(&folder.join(LIST), list.as_bytes())
}

/// Makes a copy that is missing, and replaces one of another version. Leaves a link alone,
/// and a copy that its author has changed.
pub(crate) fn refresh(language: Language, folder: &Path) -> Result<(), Error> {
    if folder.is_symlink() {
        return Ok(());
    }
    if folder.is_dir() {
        let Ok(list) = fs::read_to_string(folder.join(LIST)) else {
            return Ok(());
        };
        let newest: String = files(language)
            .map(|(path, bytes)| line(&path, &bytes))
            .collect();
        if list == newest || !is_unchanged(folder, &list) {
            return Ok(());
        }
        fs::remove_dir_all(folder).map_err(|source| Error::file(folder, source))?;
    }
    copy(language, folder)
}

fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn line(path: &str, bytes: &[u8]) -> String {
    format!("{} {path}\n", digest(bytes))
}

/// Returns true if all files are as in the list.
fn is_unchanged(folder: &Path, list: &str) -> bool {
    list.lines().all(|listed| {
        listed.split_once(' ').is_some_and(|(digest, path)| {
            let bytes = fs::read(folder.join(path));
            bytes.is_ok_and(|bytes| self::digest(&bytes) == digest)
        })
    })
}

/// The files of a language's SDK, by their paths in the copy.
fn files(language: Language) -> impl Iterator<Item = (String, Cow<'static, [u8]>)> {
    let own = below(SDKS, language.facts().sdk).map(move |(path, bytes)| {
        let bytes = match (language, path) {
            (Language::Rust, "Cargo.toml") => alone(bytes, "crates"),
            _ => Cow::Borrowed(bytes),
        };
        (path.to_owned(), bytes)
    });
    let crates = match language {
        Language::Rust => embedded::CRATES,
        _ => &[],
    };
    own.chain(crates.iter().map(|file| {
        let bytes = if file.path.ends_with("/Cargo.toml") {
            alone(file.bytes, "..")
        } else {
            Cow::Borrowed(file.bytes)
        };
        (format!("crates/{}", file.path), bytes)
    }))
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

    use super::{LIST, copy, refresh};
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

    #[test]
    fn a_copy_of_another_version_is_replaced_unless_its_author_changed_it() {
        let folder = tempfile::tempdir().unwrap();
        let (sdk, list) = (
            folder.path().join("sdk"),
            folder.path().join("sdk").join(LIST),
        );
        let refreshed = || refresh(Language::Python, &sdk).unwrap();
        let file = sdk.join("mortise_plugin/_types.py");
        refreshed();
        let newest = std::fs::read(&file).unwrap();
        // As an older version had it, with a file that is gone since.
        let old = |text: &[u8]| {
            let lines = [("mortise_plugin/_types.py", text), ("gone.py", b"pass")];
            for (path, text) in lines {
                std::fs::write(sdk.join(path), text).unwrap();
            }
            let lines = lines.map(|(path, text)| super::line(path, text));
            std::fs::write(&list, lines.concat()).unwrap();
        };
        old(b"old");
        refreshed();
        assert_eq!(std::fs::read(&file).unwrap(), newest);
        assert!(!sdk.join("gone.py").exists());
        // Changed by its author, or no copy of ours.
        old(b"old");
        std::fs::write(&file, "mine").unwrap();
        refreshed();
        assert_eq!(std::fs::read(&file).unwrap(), b"mine");
        std::fs::remove_file(&list).unwrap();
        refreshed();
        assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    }
}
