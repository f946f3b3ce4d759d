//! `mortise plugin`, as a person and a script run it.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod candidates;
mod check;
mod serve;
mod settings;

use std::{
    path::Path,
    process::{Command, Output},
};

fn mortise(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mortise"))
        .args(arguments)
        .env_remove("MORTISE_DATA_DIR")
        .env_remove("MORTISE_PLUGINS_DIR")
        .output()
        .unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_file_that_is_no_plugin_is_reported_line_by_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("notes.wasm");
    std::fs::write(&file, "read me").unwrap();
    let output = mortise(&["plugin", "check", text(&file)]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert_eq!(
        lines,
        [
            format!("failed {} does not load", file.display()).as_str(),
            "  step      decode",
            "  expected  a WebAssembly component or an executable",
            "  found     a text file that begins with `read me`",
            "  fix       move it out of the plugins folder, or build it again if it should be a plugin",
        ]
    );
}

#[test]
fn a_script_is_told_the_same_as_json() {
    let output = mortise(&["plugin", "check", "--json", "/nowhere/at/all.wasm"]);
    assert_eq!(output.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["ok"], false);
    assert_eq!(report["step"], "read");
    assert_eq!(report["file"], "/nowhere/at/all.wasm");
    let inspected = mortise(&["plugin", "inspect", "--json", "/nowhere/at/all.wasm"]);
    assert_eq!(inspected.status.code(), Some(1));
    let report: serde_json::Value = serde_json::from_slice(&inspected.stdout).unwrap();
    assert_eq!(report["step"], "read");
}

#[test]
fn grants_are_added_to_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = text(folder.path());
    let grant = |arguments: &[&str]| {
        let all = [&["plugin", "grant", "--data-dir", data_dir], arguments].concat();
        mortise(&all)
    };
    let first = grant(&[
        "a.b",
        "--webhook",
        "--http",
        "https://x.org",
        "--dir",
        "/srv:rw",
    ]);
    assert!(first.status.success(), "{first:?}");
    let said = String::from_utf8(first.stdout).unwrap();
    for line in ["  webhook", "  http: https://x.org", "  files: /srv:rw"] {
        assert!(said.lines().any(|said| said == line), "{said}");
    }
    assert!(grant(&["a.b", "--timers", "--env", "TZ"]).status.success());
    let file = std::fs::read_to_string(folder.path().join("grants.toml")).unwrap();
    assert_eq!(
        file,
        "[\"a.b\"]\nwebhook = true\nhttp = [\"https://x.org\"]\n\
         files = [{ path = \"/srv\", writable = true }]\n\
         timers = true\nenvironment = [\"TZ\"]\n"
    );
}

#[test]
fn what_cannot_be_granted_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let data_dir = text(folder.path());
    for (arguments, says) in [
        (&["a"][..], "nothing to grant"),
        (&["a", "--as-asked"], "no plugin in"),
        (&["a", "--http", "ftp://x"], "neither http nor https"),
        (&["a", "--dir", "relative"], "an absolute path"),
    ] {
        let all = [&["plugin", "grant", "--data-dir", data_dir], arguments].concat();
        let output = mortise(&all);
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    assert!(!folder.path().join("grants.toml").exists());
}

/// A component that says nothing of itself becomes a plugin by the manifest
/// beside it.
#[test]
fn a_manifest_is_put_into_a_component() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| {
        folder
            .path()
            .join(name)
            .into_os_string()
            .into_string()
            .unwrap()
    };
    let handler = mortise_fixtures::components::bare(
        "export wasi:http/incoming-handler@0.2.0;",
        r#"(func (export "wasi:http/incoming-handler@0.2.0#handle") (param i32 i32))"#,
    );
    std::fs::write(path("hook.wasm"), handler.unwrap()).unwrap();
    let page = include_str!("../../../docs/writing-a-plugin.md");
    let (_, manifest) = page.split_once("```toml\n# manifest.toml\n").unwrap();
    let manifest = manifest.split_once("```").unwrap().0;
    std::fs::write(path("manifest.toml"), manifest).unwrap();
    std::fs::write(path("wrong.toml"), format!("nmae = 'x'\n{manifest}")).unwrap();
    std::fs::write(path("none.json"), "{}").unwrap();

    let (hook, made) = (path("hook.wasm"), path("made.wasm"));
    let componentize = |rest: &[&str]| {
        let all = ["plugin", "componentize", &hook, "--output", &made];
        mortise(&[&all, rest].concat())
    };
    for (manifest, says) in [
        (None, "is a component already"),
        (Some("wrong.toml"), "`nmae`"),
        (Some("none.json"), "missing field `id`"),
        (Some("hook.wasm"), "no text"),
        (Some("nowhere.toml"), "cannot be read"),
    ] {
        let output = match manifest {
            None => componentize(&[]),
            Some(name) => componentize(&["--manifest", &path(name)]),
        };
        assert!(!output.status.success());
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(says), "{manifest:?}: {said}");
    }
    let output = componentize(&["--manifest", &path("manifest.toml")]);
    assert!(output.status.success(), "{output:?}");
    let output = mortise(&["plugin", "inspect", "--json", &made]);
    let inspected: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(inspected["manifest"]["id"], "org.example.hook");
    let capabilities = serde_json::json!(["configurer", "webhook"]);
    assert_eq!(inspected["capabilities"], capabilities);
}

#[test]
fn bindings_are_written_for_a_language_without_an_sdk() {
    let folder = tempfile::tempdir().unwrap();
    let inside = |path: &str| folder.path().join(path).exists();
    let bindings = |rest: &[&str]| {
        let all = ["plugin", "bindings", text(folder.path())];
        mortise(&[&all, rest].concat())
    };

    let output = bindings(&["--capability", "webhook,timer"]);
    assert!(output.status.success(), "{output:?}");
    assert!(inside("wit/world.wit") && !inside("bindings"));
    let output = bindings(&["--capability", "webhook", "--lang", "c"]);
    assert!(output.status.success(), "{output:?}");
    for name in ["plugin.h", "plugin.c", "plugin_component_type.o"] {
        assert!(inside(&format!("bindings/{name}")), "{name}");
    }
    let world = std::fs::read_to_string(folder.path().join("wit/world.wit")).unwrap();
    assert!(
        world.contains("/webhook@") && !world.contains("/timer@"),
        "{world}"
    );

    assert!(!bindings(&[]).status.success());
    assert!(!bindings(&["--capability", "webhok"]).status.success());
}

/// A missing tool is reported with its purpose and the way to install it, for
/// each language.
#[test]
fn a_tool_that_is_missing_is_named_with_how_to_get_it() {
    for language in mortise_author::Language::ALL {
        let folder = tempfile::tempdir().unwrap();
        let begun = Command::new(env!("CARGO_BIN_EXE_mortise"))
            .args(["plugin", "new", "weather", "--lang", language.name()])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(begun.status.success(), "{begun:?}");

        let plugin = folder.path().join("weather");
        let output = Command::new(env!("CARGO_BIN_EXE_mortise"))
            .args(["plugin", "build", text(&plugin)])
            .env("PATH", folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{language}: {said}");
        for part in ["is missing: it ", "to get it:"] {
            assert!(said.contains(part), "{language}: {said}");
        }
    }
}
