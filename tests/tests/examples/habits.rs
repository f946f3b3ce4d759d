//! Plugins as authors of each language write them by habit: asynchronous
//! handlers, the language's own loggers and HTTP clients, and arguments of
//! wrong types. The cases are beside each plugin.

use std::path::Path;

use mortise_tests::guests;

use crate::author::plugin;

/// Builds the plugin of a language in a folder of its own, and runs its cases.
fn conforms(language: &str, native: bool) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("habits")
        .join(language);
    // Where npm's packages are found.
    let folder = tempfile::tempdir_in(guests::workshop()).unwrap();
    copy(&from, folder.path());
    if language == "rust" {
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

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let source = entry.unwrap().path();
        let target = to.join(source.file_name().unwrap());
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
    conforms("rust", cfg!(unix));
}

#[test]
fn python_is_written_as_usual() {
    conforms("python", cfg!(unix));
}

#[test]
fn javascript_is_written_as_usual() {
    conforms("javascript", false);
}

#[test]
fn go_is_written_as_usual() {
    conforms("go", cfg!(unix));
}

#[test]
fn c_is_written_as_usual() {
    conforms("c", false);
}

#[test]
fn cpp_is_written_as_usual() {
    conforms("cpp", false);
}
