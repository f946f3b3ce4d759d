//! A plugin's folder and its `plugin.toml`, which has the settings that the
//! source does not show.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{Capability, Error, Language};

/// The file that makes a folder a plugin's.
pub const FILE: &str = "plugin.toml";
/// The folder for built files.
pub const DIST: &str = "dist";
/// The folder with the plugin's world.
pub const WIT: &str = "wit";
/// The most that is read of it.
const MOST_BYTES: u64 = 64 << 10;
/// Folders that tools make anywhere among sources.
const MADE_ANYWHERE: [&str; 3] = ["__pycache__", "node_modules", "venv"];
/// The folder for tests, which the build ignores.
const CASES: &str = "cases";

/// A plugin's folder.
#[derive(Clone, Debug)]
pub struct Project {
    /// The folder, absolute.
    pub folder: PathBuf,
    /// The name of the built file, without an ending.
    pub name: String,
    /// Its language.
    pub language: Language,
    /// Its capabilities; empty if the source names them.
    pub capabilities: Vec<Capability>,
    /// The engine of its component, if there is a choice.
    pub engine: Engine,
}

/// The engine in a component of JavaScript or TypeScript.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// QuickJS: small, and quick to load.
    #[default]
    QuickJs,
    /// StarlingMonkey, built on Firefox's engine: large, and quick to compute.
    StarlingMonkey,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    name: String,
    language: Language,
    capabilities: Option<Vec<Capability>>,
    engine: Option<Engine>,
}

impl Project {
    /// Reads the plugin in a folder.
    ///
    /// # Errors
    ///
    /// There is none, or its `plugin.toml` is not right.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let folder = folder
            .canonicalize()
            .map_err(|source| Error::file(folder, source))?;
        let file = folder.join(FILE);
        let wrong = |text: String| Error::Project {
            file: file.clone(),
            text,
        };
        match file.metadata() {
            Ok(metadata) if metadata.len() > MOST_BYTES => {
                return Err(wrong(format!("is larger than {MOST_BYTES} bytes")));
            }
            Ok(_) => {}
            Err(_) => return Err(Error::NoProject(folder)),
        }
        let text = std::fs::read_to_string(&file).map_err(|source| Error::file(&file, source))?;
        let written: Written = toml::from_str(&text)
            .map_err(|error| wrong(error.to_string().trim_end().to_owned()))?;
        if !is_name(&written.name) {
            return Err(wrong(Error::Name(written.name).to_string()));
        }
        let reads = written.language.facts().reads_world;
        let capabilities = match written.capabilities {
            Some(_) if !reads => {
                return Err(wrong(format!(
                    "a plugin in {} names its capabilities in its source; remove the line `capabilities`",
                    written.language.title()
                )));
            }
            None if reads => {
                return Err(wrong(
                    "say what the plugin can do, such as `capabilities = [\"filter\"]`".to_owned(),
                ));
            }
            named => named.unwrap_or_default(),
        };
        if written.engine.is_some() && !written.language.facts().has_engines {
            return Err(wrong(format!(
                "a plugin in {} has no choice of engines; remove the line `engine`",
                written.language.title()
            )));
        }
        Ok(Self {
            folder,
            name: written.name,
            language: written.language,
            capabilities,
            engine: written.engine.unwrap_or_default(),
        })
    }

    /// Returns true if a change of this file or folder needs a new build.
    /// Results of a build, files of an editor, and the plugin's cases do not.
    /// The path is relative to the plugin's folder.
    pub fn is_source(&self, path: &Path) -> bool {
        let facts = self.language.facts();
        let made = |first: &Path| {
            [DIST, CASES]
                .iter()
                .chain(facts.made)
                .any(|name| first == Path::new(name))
                || (facts.reads_world && first == Path::new(WIT))
        };
        let passed_over = |name: &OsStr| {
            let bytes = name.as_encoded_bytes();
            bytes.starts_with(b".")
                || bytes.ends_with(b"~")
                || MADE_ANYWHERE.iter().any(|made| name == *made)
        };
        !path
            .components()
            .next()
            .is_some_and(|first| made(first.as_ref()))
            && !path.iter().any(passed_over)
    }

    /// Returns the paths of the built component and the built executable.
    pub fn built(&self) -> [PathBuf; 2] {
        let dist = self.folder.join(DIST);
        [
            dist.join(format!("{}.wasm", self.name)),
            dist.join(format!("{}{}", self.name, std::env::consts::EXE_SUFFIX)),
        ]
    }
}

/// Returns true if a text can be a plugin's name. It becomes part of file
/// names, of the names of crates, modules and packages, and of types.
pub(crate) fn is_name(text: &str) -> bool {
    let well_formed = text
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    well_formed
        && text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && !text.ends_with('-')
        && !text.contains("--")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Project;

    fn open(text: &str) -> Result<Project, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plugin.toml"), text).unwrap();
        Project::open(folder.path()).map_err(|error| error.to_string())
    }

    #[test]
    fn says_what_is_wrong_with_it_and_where() {
        for (text, part) in [
            ("", "missing field `name`"),
            ("name = 'A'\nlanguage = 'rust'", "`A` is no name"),
            ("name = 'a'\nlanguage = 'cobol'", "unknown variant `cobol`"),
            ("name = 'a'\nlanguage = 'rust'\nnaem = 1", "naem"),
            (
                "name = 'a'\nlanguage = 'rust'\ncapabilities = []",
                "remove the line `capabilities`",
            ),
            (
                "name = 'a'\nlanguage = 'c'\ncapabilities = []\nengine = 'quickjs'",
                "remove the line `engine`",
            ),
            (
                "name = 'a'\nlanguage = 'javascript'\ncapabilities = []\nengine = 'v8'",
                "unknown variant `v8`",
            ),
        ] {
            let error = open(text).unwrap_err();
            assert!(error.contains("plugin.toml: "), "{error}");
            assert!(error.contains(part), "{error}");
        }
        let folder = tempfile::tempdir().unwrap();
        let error = Project::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains("mortise plugin new"), "{error}");
    }

    #[test]
    fn sources_are_what_nothing_else_makes() {
        let rust = open("name = 'a'\nlanguage = 'rust'").unwrap();
        let python = open("name = 'a'\nlanguage = 'python'\ncapabilities = []").unwrap();
        for (path, in_rust, in_python) in [
            ("plugin.toml", true, true),
            ("src/target/mod.rs", true, true),
            ("sdk/mortise_config.py", true, true),
            ("target/release/a", false, true),
            ("Cargo.lock", false, true),
            ("wit/plugin.wit", true, false),
            ("dist/a.wasm", false, false),
            ("cases/first.yaml", false, false),
            ("deep/__pycache__/a.pyc", false, false),
            ("venv/lib/a.py", false, false),
            (".git/index", false, false),
            ("src/.main.rs.swp", false, false),
            ("src/main.rs~", false, false),
        ] {
            assert_eq!(rust.is_source(Path::new(path)), in_rust, "{path}");
            assert_eq!(python.is_source(Path::new(path)), in_python, "{path}");
        }
    }
}
