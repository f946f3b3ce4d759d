//! The SDK as a package: a plugin whose manifest names it has no copy of its own, because
//! its package manager brings it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{Language, Project, sdk::FOLDER};

/// The name of the SDK in the registries for Rust, Python and JavaScript.
pub(crate) const PACKAGE: &str = "mortise-plugin";
/// The name of Go's SDK.
const MODULE: &str = "github.com/mortise-plugins/mortise/guest-sdk/go";
/// The file that names the packages of a plugin in Python.
pub(crate) const REQUIREMENTS: &str = "requirements.txt";

/// Returns true if the plugin's package manager brings the SDK.
pub(crate) fn is_brought(project: &Project) -> bool {
    let read = |name: &str| fs::read_to_string(project.folder.join(name)).unwrap_or_default();
    match project.language {
        Language::Rust => !cargo_has_copy(&read("Cargo.toml")),
        Language::Go => !go_has_copy(&read("go.mod")),
        Language::C => false,
        Language::Python => read(REQUIREMENTS)
            .lines()
            .any(|line| requirement(line) == PACKAGE),
        Language::JavaScript | Language::TypeScript => npm_names_it(&read("package.json")),
    }
}

/// The package that npm installed for the plugin, or in a folder around it.
pub(crate) fn in_node_modules(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .map(|around| around.join("node_modules").join(PACKAGE))
        .find(|package| package.join("package.json").is_file())
}

/// The package that a line of `requirements.txt` names, in lower case and with `-`
/// between words; empty for a line that names none.
pub(crate) fn requirement(line: &str) -> String {
    let line = line.trim_start();
    let end = line.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.".contains(c));
    let name = line.get(..end.unwrap_or(line.len())).unwrap_or(line);
    name.replace(['_', '.'], "-").to_ascii_lowercase()
}

fn cargo_has_copy(manifest: &str) -> bool {
    // Cargo reports a malformed one.
    let manifest: toml::Table = manifest.parse().unwrap_or_default();
    let path = manifest
        .get("dependencies")
        .and_then(|dependencies| dependencies.get(PACKAGE)?.get("path")?.as_str());
    path.is_some_and(|path| Path::new(path) == Path::new(FOLDER))
}

/// Looks for the line `replace MODULE => ./sdk`, which may be in a block.
fn go_has_copy(manifest: &str) -> bool {
    manifest.lines().any(|line| {
        let line = line.split("//").next().unwrap_or_default();
        let Some((module, place)) = line.split_once("=>") else {
            return false;
        };
        let is_ours = module.split_whitespace().any(|word| word == MODULE);
        is_ours && Path::new(place.trim()) == Path::new(".").join(FOLDER)
    })
}

fn npm_names_it(manifest: &str) -> bool {
    // npm reports a malformed one.
    let manifest: serde_json::Value = serde_json::from_str(manifest).unwrap_or_default();
    ["dependencies", "devDependencies"].iter().any(|kind| {
        manifest
            .get(kind)
            .is_some_and(|named| named.get(PACKAGE).is_some())
    })
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::{MODULE, in_node_modules, is_brought, requirement};
    use crate::{Language, Project};

    fn project(folder: &Path, language: Language) -> Project {
        let named = if language == Language::Rust {
            ""
        } else {
            "capabilities = []\n"
        };
        let text = format!("name = \"a\"\nlanguage = \"{language}\"\n{named}");
        fs::write(folder.join("plugin.toml"), text).unwrap();
        Project::open(folder).unwrap()
    }

    #[test]
    fn a_manifest_tells_a_package_from_a_copy() {
        let replaced =
            |path: &str| format!("require {MODULE} v0.0.0\nreplace {MODULE} => {path}\n");
        for (language, file, text, brought) in [
            (
                Language::Rust,
                "Cargo.toml",
                "[dependencies]\nmortise-plugin = { path = \"sdk\" }\n".to_owned(),
                false,
            ),
            (
                Language::Rust,
                "Cargo.toml",
                "[dependencies]\nmortise-plugin = \"0.1\"\n".to_owned(),
                true,
            ),
            (Language::Go, "go.mod", replaced("./sdk"), false),
            (Language::Go, "go.mod", replaced("./sdk // a copy"), false),
            (Language::Go, "go.mod", replaced("../other"), true),
            (
                Language::Go,
                "go.mod",
                format!("require {MODULE} v0.1.0\n"),
                true,
            ),
            (
                Language::Python,
                "requirements.txt",
                "componentize-py==0.25.1\n".to_owned(),
                false,
            ),
            (
                Language::Python,
                "requirements.txt",
                "# mortise-plugin\n".to_owned(),
                false,
            ),
            (
                Language::Python,
                "requirements.txt",
                "Mortise_Plugin == 0.1.0\n".to_owned(),
                true,
            ),
            (
                Language::JavaScript,
                "package.json",
                "{\"devDependencies\": {\"esbuild\": \"1\"}}".to_owned(),
                false,
            ),
            (
                Language::JavaScript,
                "package.json",
                "{\"dependencies\": {\"mortise-plugin\": \"0.1.0\"}}".to_owned(),
                true,
            ),
            (
                Language::TypeScript,
                "package.json",
                "{\"devDependencies\": {\"mortise-plugin\": \"0.1.0\"}}".to_owned(),
                true,
            ),
            (Language::JavaScript, "package.json", "{".to_owned(), false),
            (Language::C, "README.md", "mortise-plugin".to_owned(), false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join(file), &text).unwrap();
            let project = project(folder.path(), language);
            assert_eq!(is_brought(&project), brought, "{language}: {text}");
        }
    }

    #[test]
    fn npm_installs_the_package_around_the_plugin_too() {
        let folder = tempfile::tempdir().unwrap();
        let inside = folder.path().join("plugins/a");
        let package = folder.path().join("node_modules/mortise-plugin");
        fs::create_dir_all(&inside).unwrap();
        assert_eq!(in_node_modules(&inside), None);
        fs::create_dir_all(&package).unwrap();
        fs::write(package.join("package.json"), "{}").unwrap();
        assert_eq!(in_node_modules(&inside), Some(package));
    }

    #[test]
    fn a_requirement_is_named_in_one_way() {
        for (line, name) in [
            (
                "  Mortise.Plugin>=0.1 ; python_version > '3'",
                "mortise-plugin",
            ),
            ("mortise_plugin @ file:///a.whl", "mortise-plugin"),
            ("# mortise-plugin", ""),
            ("", ""),
        ] {
            assert_eq!(requirement(line), name, "{line}");
        }
    }
}
