//! The catalogue on the page, against the examples as their authors build them.

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
};

use mortise_author::Project;
use mortise_harness::Case;
use mortise_runtime::Capability;
use mortise_tests::{guests, server};
use serde_json::{Value, json};

use crate::{author::plugin, backend, cases::suite_of};

const CATALOGUE: &str = include_str!("../../../web/src/data/catalogue.json");
/// Two cases of which every plugin passes one: its configuration has a schema, or it
/// has no configuration.
const CONFIGURATION: &str = "tests/tests/examples/configuration.yaml";
/// The end of each command, before the file.
const INSTALL: &str = " && mortise plugin install ";

#[tokio::test]
async fn the_catalogue_has_each_example_as_it_is_built() {
    let examples = guests::root().join("examples");
    let mut folders: Vec<String> = std::fs::read_dir(&examples)
        .unwrap()
        .map(Result::unwrap)
        .filter(|entry| entry.path().join("README.md").is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    folders.sort();
    let entries = entries();
    let mut listed: Vec<String> = entries
        .iter()
        .map(|entry| text(entry, "folder").to_owned())
        .collect();
    listed.sort();
    assert_eq!(listed, folders, "web/src/data/catalogue.json");

    for entry in &entries {
        let folder = text(entry, "folder");
        let cases = Case::load(&examples.join(folder).join("cases"));
        assert!(
            cases.is_ok_and(|cases| !cases.is_empty()),
            "examples/{folder} has no cases"
        );
        let built = Built::of(&examples.join(folder), folder, entry).await;
        let manifest = &built.found.manifest;
        let asked: Vec<Value> = manifest["wants"]
            .as_array()
            .unwrap()
            .iter()
            .map(|want| want["permission"].clone())
            .collect();
        // A manifest may have no description, but an entry has one.
        let description = match text(manifest, "description") {
            "" => text(entry, "description"),
            description => description,
        };
        assert!(!description.is_empty(), "{folder}");
        let expected = json!({
            "folder": folder,
            "id": manifest["id"],
            "name": manifest["name"],
            "purpose": built.found.purpose,
            "description": description,
            "language": built.language,
            "backend": built.found.backend,
            "permissions": asked,
            "command": built.command,
        });
        assert_eq!(entry, &expected, "{folder}");
    }
}

/// The catalogue's entries.
pub(crate) fn entries() -> Vec<Value> {
    serde_json::from_str(CATALOGUE).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap()
}

/// An example after its build.
struct Built {
    language: &'static str,
    command: String,
    found: Found,
}

impl Built {
    async fn of(path: &Path, folder: &str, entry: &Value) -> Self {
        let example = format!("examples/{folder}");
        let enter = format!("cd {example}");
        if path.join("plugin.toml").is_file() {
            let project = Project::open(path).unwrap();
            let npm = if path.join("package.json").is_file() {
                " && npm install"
            } else {
                ""
            };
            let name = &project.name;
            let language = project.language.title();
            if folder.starts_with("native-") {
                return Self {
                    language,
                    command: format!(
                        "{enter}{npm} && mortise plugin build --native{INSTALL}dist/{name}"
                    ),
                    found: Found::program(&guests::authored_native(&example)),
                };
            }
            return Self {
                language,
                command: format!("{enter}{npm} && mortise plugin build{INSTALL}dist/{name}.wasm"),
                found: Found::component(&guests::authored(&example)).await,
            };
        }
        if path.join("Cargo.toml").is_file() {
            let target = "wasm32-wasip2";
            // Cargo replaces the hyphens of a library's name.
            let name = folder.replace('-', "_");
            return Self {
                language: "Rust",
                command: format!(
                    "{enter} && cargo build --release --target {target}{INSTALL}../target/{target}/release/{name}.wasm"
                ),
                found: Found::component(&guests::example(folder)).await,
            };
        }
        // Without tools of Mortise: the command itself is run.
        let command = text(entry, "command");
        let clone = tempfile::tempdir().unwrap();
        let file = run(clone.path(), folder, command);
        Self {
            language: if path.join("go.mod").is_file() {
                "Go"
            } else {
                "Python"
            },
            command: command.to_owned(),
            found: Found::program(&file),
        }
    }
}

/// A built plugin's own facts.
struct Found {
    manifest: Value,
    backend: &'static str,
    purpose: &'static str,
}

impl Found {
    async fn component(file: &Path) -> Self {
        let inspection = backend().inspect(file).await.unwrap();
        let cases = Case::load(&guests::root().join(CONFIGURATION)).unwrap();
        let report = suite_of(file).await.run(&cases).await;
        has_schema(file, report.counts()[0]);
        let purpose = if inspection.capabilities.contains(Capability::Filter) {
            "filter"
        } else if inspection.capabilities.contains(Capability::Listener) {
            "sender"
        } else {
            "source"
        };
        Self {
            manifest: serde_json::to_value(&inspection.manifest).unwrap(),
            backend: "wasm",
            purpose,
        }
    }

    fn program(file: &Path) -> Self {
        let arguments = ["inspect", "--json", file.to_str().unwrap()];
        let output = plugin(guests::root(), &arguments);
        let found: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(text(&found, "backend"), "native", "{}", file.display());
        // It fails: no plugin passes both cases.
        let output = Command::new(server::program())
            .args(["plugin", "test", "--json", "--cases", CONFIGURATION])
            .arg(file)
            .current_dir(guests::root())
            .output()
            .unwrap();
        let passed = String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .filter(|case| case["passed"] == true)
            .count();
        has_schema(file, passed);
        Self {
            manifest: found.get("manifest").unwrap().clone(),
            backend: "native",
            purpose: "native",
        }
    }
}

/// Fails if a plugin's configuration has no schema, which the page makes a form of.
fn has_schema(file: &Path, passed: usize) {
    let file = file.display();
    assert_eq!(passed, 1, "{file}: its configuration has no schema");
}

/// Runs a command but for its last step, in a folder that looks like a clone with
/// only this example, and returns the file that it would install.
pub(crate) fn run(clone: &Path, folder: &str, command: &str) -> PathBuf {
    for shared in ["guest-sdk", "native-bridge"] {
        symlink(guests::root().join(shared), clone.join(shared)).unwrap();
    }
    let example = Path::new("examples").join(folder);
    let copy = clone.join(&example);
    std::fs::create_dir_all(&copy).unwrap();
    for entry in std::fs::read_dir(guests::root().join(&example)).unwrap() {
        let file = entry.unwrap().path();
        if file.is_file() {
            std::fs::copy(&file, copy.join(file.file_name().unwrap())).unwrap();
        }
    }
    let (build, file) = command.split_once(INSTALL).unwrap();
    let output = Command::new("sh")
        .args(["-c", build])
        .current_dir(clone)
        .env("PATH", guests::path_with_tools())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {said}");
    copy.join(file)
}
