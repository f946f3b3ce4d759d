//! The tests that `docs/security.md` names beside its promises.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All sources in Rust, without what is built.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            if name != "target" && name != "node_modules" && !name.starts_with('.') {
                sources(&path, found);
            }
        } else if name.ends_with(".rs") {
            found.push(path);
        }
    }
}

/// The texts between backticks.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn each_promise_of_the_security_page_names_a_test_that_exists() {
    let page = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    let mut files = Vec::new();
    sources(root(), &mut files);
    let tests: BTreeSet<String> = files
        .iter()
        .map(|file| std::fs::read_to_string(file).unwrap())
        .flat_map(|text| {
            let lines: Vec<_> = text.lines().map(str::trim).collect();
            let functions = lines.iter().filter_map(|line| {
                let line = line.strip_prefix("async ").unwrap_or(line);
                line.strip_prefix("fn ")?.split(['(', '<']).next()
            });
            functions.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let mut count = 0;
    for name in named(&page) {
        // Names of tests are sentences; others are paths of files.
        if name.ends_with(".rs") {
            let exists = files.iter().any(|file| file.ends_with(name));
            assert!(exists, "no file is `{name}`");
            count += 1;
        } else if name.matches('_').count() >= 3
            && name.chars().all(|c| c == '_' || c.is_ascii_lowercase())
        {
            assert!(tests.contains(name), "no test is `{name}`");
            count += 1;
        }
    }
    assert!(count >= 20, "{count}");
}

#[test]
fn each_row_of_the_security_page_names_a_test() {
    let page = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    let mut rows = 0;
    let mut has_tests = false;
    for line in page.lines() {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        if !line.starts_with('|') {
            has_tests = false;
        } else if cells.last().is_some_and(|last| last.contains("test")) && !has_tests {
            has_tests = true;
        } else if has_tests && !line.starts_with("| ---") {
            let tests = cells.last().unwrap();
            assert!(named(tests).next().is_some(), "no test is named: {line}");
            rows += 1;
        }
    }
    assert!(rows >= 20, "{rows}");
}
