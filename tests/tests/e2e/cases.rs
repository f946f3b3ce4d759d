//! `mortise plugin test`, whose exit code and reports CI depends on.

use std::path::Path;

use mortise_tests::{components, server::run};
use serde_json::Value;

/// A folder with a plugin that does nothing and cases beside it.
fn folder(cases: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let component = components::plugin("test.cases", "", "").unwrap();
    std::fs::write(folder.path().join("plugin.wasm"), component).unwrap();
    std::fs::create_dir(folder.path().join("cases")).unwrap();
    std::fs::write(folder.path().join("cases/a.yaml"), cases).unwrap();
    folder
}

fn test(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let file = folder.join("plugin.wasm");
    let output = run([&["plugin", "test", file.to_str().unwrap()], arguments].concat());
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

const CASES: &str = "name: right
steps:
- describe:
  expect: { manifest: { id: test.cases } }
---
name: wrong
steps:
- describe:
  expect: { manifest: { id: test.other } }
---
name: not here
skip: { backend: wasm, because: it is no process }
";

#[test]
fn a_case_that_fails_is_told_and_makes_the_exit_code() {
    let folder = folder(CASES);
    let junit = folder.path().join("report.xml");
    let (code, text, _) = test(folder.path(), &["--junit", junit.to_str().unwrap()]);
    assert_eq!(code, Some(1), "{text}");
    for part in [
        "pass right",
        "FAIL wrong\n       line 8, step 1, describe",
        "expected: \"test.other\"\n           found:    \"test.cases\"",
        "skip not here: it is no process",
        "test.cases: 1 passed, 1 failed, 1 skipped",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let xml = std::fs::read_to_string(junit).unwrap();
    assert!(
        xml.contains(r#"tests="3" failures="1" errors="0" skipped="1""#),
        "{xml}"
    );

    let (code, text, _) = test(folder.path(), &["--json"]);
    assert_eq!(code, Some(1));
    let lines: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let passed: Vec<_> = lines.iter().map(|line| &line["passed"]).collect();
    assert_eq!(
        passed,
        [&Value::Bool(true), &Value::Bool(false), &Value::Null]
    );
    assert_eq!(lines[2]["detail"], "it is no process");

    let (code, text, _) = test(folder.path(), &["--only", "right"]);
    assert_eq!(code, Some(0), "{text}");
}

#[test]
fn what_keeps_cases_from_running_is_told() {
    let broken = folder("name: a\nsteps:\n- strat\n");
    let (code, _, error) = test(broken.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(error.contains("a.yaml:3:"), "{error}");
    let (code, _, error) = test(broken.path(), &["--cases", "/nowhere"]);
    assert_eq!(code, Some(1));
    assert!(error.contains("/nowhere"), "{error}");
    let none = folder(CASES);
    std::fs::write(none.path().join("plugin.wasm"), "no plugin").unwrap();
    let (code, text, _) = test(none.path(), &[]);
    assert_eq!(code, Some(1));
    assert!(text.contains("plugin.wasm does not load"), "{text}");
}

/// As in the README of a new plugin: no file is named.
#[test]
fn in_a_plugins_folder_what_was_built_there_last_is_tested() {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("fresh");
    let plugin = |folder: &Path, arguments: &[&str]| {
        let output = std::process::Command::new(mortise_tests::server::program())
            .arg("plugin")
            .args(arguments)
            .current_dir(folder)
            .output()
            .unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    };
    plugin(folder.path(), &["new", "fresh", "--lang", "python"]);
    let (code, said) = plugin(&inside, &["test"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("not built yet: mortise plugin build"),
        "{said}"
    );
    let (code, said) = plugin(&inside, &["build", "--native"]);
    assert_eq!(code, Some(0), "{said}");
    for (folder, arguments) in [
        (&*inside, &["test"][..]),
        (folder.path(), &["test", "fresh"]),
    ] {
        let (code, said) = plugin(folder, arguments);
        assert_eq!(code, Some(0), "{said}");
        assert!(
            said.contains("org.example.fresh: 3 passed, 0 failed"),
            "{said}"
        );
    }
    let (_, said) = plugin(&inside, &["test", "--json"]);
    let line: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(line["language"], "python");
}
