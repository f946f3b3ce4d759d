//! Plugins as authors of each language write them by habit: asynchronous
//! handlers, the language's own loggers and HTTP clients, and arguments of
//! wrong types. The cases are beside each plugin.

use std::{path::Path, process::Command};

use mortise_tests::{guests, server};

use crate::author::plugin;

/// Builds a plugin in a folder of its own, and runs its cases.
pub(crate) fn conforms(from: &Path, native: bool) {
    // Where npm's packages are found.
    let folder = tempfile::tempdir_in(guests::workshop()).unwrap();
    copy(from, folder.path());
    if folder.path().join("Cargo.toml").exists() {
        // The same versions of crates as the examples have.
        std::fs::copy(guests::lock(), folder.path().join("Cargo.lock")).unwrap();
    }
    plugin(folder.path(), &["build"]);
    plugin(folder.path(), &["test"]);
    if native {
        plugin(folder.path(), &["build", "--native"]);
        plugin(folder.path(), &["test"]);
    }
}

/// The same of the plugin of a language.
fn are_those_of(language: &str, native: bool) {
    let habits = Path::new(env!("CARGO_MANIFEST_DIR")).join("habits");
    conforms(&habits.join(language), native);
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let source = entry.unwrap().path();
        let name = source.file_name().unwrap();
        // The build writes them.
        if ["bindings", "dist", "sdk", "wit"]
            .iter()
            .any(|made| name == *made)
        {
            continue;
        }
        let target = to.join(name);
        if source.is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&source, &target);
        } else {
            std::fs::copy(&source, &target).unwrap();
        }
    }
}

#[test]
fn rust_is_written_as_usual() {
    are_those_of("rust", cfg!(unix));
}

#[test]
fn python_is_written_as_usual() {
    are_those_of("python", cfg!(unix));
}

#[test]
fn javascript_is_written_as_usual() {
    are_those_of("javascript", false);
}

/// A name that the engine lacks ends the build with its place. A guarded one, a
/// property, and a name of the author's own do not.
#[test]
fn a_name_that_the_engine_of_javascript_lacks_is_an_error_of_the_build() {
    let folder = tempfile::tempdir_in(guests::workshop()).unwrap();
    for (language, source) in [("javascript", "plugin.js"), ("typescript", "plugin.ts")] {
        let with = ["--lang", language, "--capability", "displayer"];
        plugin(folder.path(), &[&["new", language], &with[..]].concat());
        let inside = folder.path().join(language);
        let build = |first: &str| {
            let text = format!("{first}\n{LACKING}");
            std::fs::write(inside.join(source), text).unwrap();
            let output = Command::new(server::program())
                .args(["plugin", "build"])
                .current_dir(&inside)
                .env("PATH", guests::path_with_tools())
                .output()
                .unwrap();
            assert!(!output.status.success(), "{language}");
            String::from_utf8(output.stderr).unwrap()
        };
        let said = build("// Lacks names.");
        for part in [
            format!("{source}:9:18: `Buffer`: use `Uint8Array`"),
            format!("{source}:10:5: `setInterval`: set a timer with `host.timers.set"),
        ] {
            assert!(said.contains(&part), "{part} in {said}");
        }
        for allowed in ["`localStorage`", "`window`", "`process`"] {
            assert!(!said.contains(allowed), "{allowed} in {said}");
        }
        let said = build("import \"fs\";");
        for part in [
            format!("{source}:1:7"),
            "A component has no modules of Node.js.".to_owned(),
        ] {
            assert!(said.contains(&part), "{part} in {said}");
        }
    }
}

const LACKING: &str = r#"import { definePlugin } from "./sdk/index.js";

const window = { process: 1 };

export const { manifest, lifecycle, displayer } = definePlugin({
  manifest: { id: "test.lacks", name: "Lacks", version: "0.1.0" },
  display() {
    const text = Buffer.from(`${window.process}`);
    setInterval(() => {}, 1000);
    if (typeof localStorage !== "undefined") localStorage.clear();
    return text.toString();
  },
});
"#;

#[test]
fn go_is_written_as_usual() {
    are_those_of("go", cfg!(unix));
}

#[test]
fn c_is_written_as_usual() {
    are_those_of("c", false);
}

#[test]
fn cpp_is_written_as_usual() {
    are_those_of("cpp", false);
}
