//! The first two plugins in each language, `examples/first`: one polls an address,
//! the other checks a webhook's signature. Each is short, and passes its cases as its
//! author would build it.

use std::{fs, path::Path};

use mortise_harness::Case;
use mortise_tests::guests;

use crate::{cases::suite_of, habits};

const PLUGINS: [&str; 2] = ["poller", "signed"];
/// Each language's folder, with its only source.
const LANGUAGES: [(&str, &str); 6] = [
    ("c", "plugin.c"),
    ("go", "main.go"),
    ("javascript", "plugin.js"),
    ("python", "plugin.py"),
    ("rust", "src/main.rs"),
    ("typescript", "plugin.ts"),
];
/// The most lines of a plugin.
const MOST_LINES: usize = 40;

/// Builds both plugins of a language, each as an author does, and runs their cases.
fn conform(language: &str, native: bool) {
    for plugin in PLUGINS {
        let folder = guests::root()
            .join("examples/first")
            .join(language)
            .join(plugin);
        habits::conforms(&folder, native);
    }
}

#[test]
fn the_first_plugins_in_c_pass_their_cases() {
    conform("c", false);
}

#[test]
fn the_first_plugins_in_go_pass_their_cases() {
    conform("go", false);
}

#[test]
fn the_first_plugins_in_javascript_pass_their_cases() {
    conform("javascript", false);
}

#[test]
fn the_first_plugins_in_typescript_pass_their_cases() {
    conform("typescript", false);
}

#[test]
fn the_first_plugins_in_python_pass_their_cases_in_both_forms() {
    conform("python", cfg!(unix));
}

#[tokio::test]
async fn the_first_plugins_in_rust_pass_their_cases() {
    for plugin in PLUGINS {
        let folder = guests::root().join("examples/first/rust").join(plugin);
        let cases = Case::load(&folder.join("cases")).unwrap();
        let file = guests::example(&format!("first-{plugin}"));
        let report = suite_of(&file).await.run(&cases).await;
        report.passed().unwrap();
        assert_eq!(report.counts(), [cases.len(), 0, 0], "{plugin}");
    }
}

#[test]
fn the_first_plugins_are_short() {
    for (language, source) in LANGUAGES {
        for plugin in PLUGINS {
            let folder = guests::root()
                .join("examples/first")
                .join(language)
                .join(plugin);
            let file = folder.join(source);
            let endings = sources(&folder);
            assert_eq!(endings, 1, "{}: {source} is all of it", folder.display());
            let lines = lines(&fs::read_to_string(&file).unwrap());
            assert!(
                (1..=MOST_LINES).contains(&lines),
                "{}: {lines} lines",
                file.display()
            );
        }
    }
}

/// The number of sources in a folder and in its `src`.
fn sources(folder: &Path) -> usize {
    [folder.to_owned(), folder.join("src")]
        .iter()
        .filter_map(|folder| fs::read_dir(folder).ok())
        .flatten()
        .filter(|entry| {
            let path = entry.as_ref().unwrap().path();
            let ending = path.extension().and_then(|ending| ending.to_str());
            matches!(ending, Some("c" | "h" | "go" | "js" | "py" | "rs" | "ts"))
        })
        .count()
}

/// The number of lines with a letter or a digit, without comments: a bracket alone is
/// no line to read.
fn lines(text: &str) -> usize {
    text.lines()
        .map(str::trim)
        .filter(|line| line.contains(char::is_alphanumeric))
        .filter(|line| {
            let comments = ["//", "/*", "# ", "\"\"\""];
            !comments.iter().any(|begin| line.starts_with(begin))
        })
        .count()
}

#[test]
fn comments_and_brackets_are_no_lines() {
    let text = "//! a\n/* b */\n# c\n\"\"\"d\"\"\"\n\n#include <e.h>\nf {\n  g(1);\n});\n}\n";
    assert_eq!(lines(text), 3);
}
