//! The tables of habits in `docs/writing-a-plugin.md`: their code is in the sources of plugins
//! that other tests build and run.

use std::path::{Path, PathBuf};

/// The first row of each table.
const HEADER: &str = "| You would reach for | Write |\n| --- | --- |\n";

/// A language's section of the page, the folders with its tested plugins, and the endings of
/// their sources.
const LANGUAGES: [(&str, &[&str], &[&str]); 5] = [
    (
        "Rust",
        &["tests/habits/rust", "tests/guests/everything", "examples"],
        &["rs"],
    ),
    (
        "Go",
        &[
            "tests/habits/go",
            "tests/conformance/plugins/go",
            "examples",
        ],
        &["go"],
    ),
    (
        "Python",
        &[
            "tests/habits/python",
            "tests/conformance/plugins/python",
            "examples",
        ],
        &["py"],
    ),
    (
        "JavaScript and TypeScript",
        &[
            "tests/habits/javascript",
            "tests/conformance/plugins/javascript",
            "examples",
        ],
        &["js", "ts"],
    ),
    (
        "C",
        &[
            "tests/habits/c",
            "tests/habits/cpp",
            "tests/conformance/plugins/c",
            "examples",
        ],
        &["c", "cpp"],
    ),
];

/// Folders that a build writes, or that are no plugin's own.
const LEFT_OUT: [&str; 6] = ["bindings", "dist", "node_modules", "sdk", "target", "wit"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// All sources with these endings.
fn sources(folder: &Path, endings: &[&str], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !LEFT_OUT.contains(&name) && !name.starts_with('.') {
                sources(&path, endings, found);
            }
        } else if path
            .extension()
            .is_some_and(|ending| endings.iter().any(|one| ending == *one))
        {
            found.push(path);
        }
    }
}

/// A text with single blanks, as a formatter would break its lines elsewhere.
fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_code_in_each_table_of_habits_is_in_a_tested_plugin() {
    let page = std::fs::read_to_string(root().join("docs/writing-a-plugin.md")).unwrap();
    for (language, folders, endings) in LANGUAGES {
        let mut files = Vec::new();
        for folder in folders {
            sources(&root().join(folder), endings, &mut files);
        }
        let texts: Vec<String> = files
            .iter()
            .map(|file| in_one_line(&std::fs::read_to_string(file).unwrap()))
            .collect();
        let section = page
            .split("\n## ")
            .find(|section| {
                section
                    .strip_prefix(language)
                    .is_some_and(|rest| rest.starts_with('\n'))
            })
            .unwrap();
        let (_, table) = section.split_once(HEADER).unwrap();
        let rows: Vec<_> = table
            .lines()
            .take_while(|line| line.starts_with('|'))
            .collect();
        assert!((8..=12).contains(&rows.len()), "{language}: {}", rows.len());
        for row in rows {
            let cells: Vec<_> = row.trim_matches('|').split('|').collect();
            let [_, write] = cells.as_slice() else {
                panic!("{language}: the row has two cells: {row}");
            };
            assert!(
                write.contains(['`', '[']),
                "{language}: nothing to write: {row}"
            );
            for code in write.split('`').skip(1).step_by(2) {
                assert!(
                    texts.iter().any(|text| text.contains(code)),
                    "{language}: no tested plugin has `{code}`"
                );
            }
        }
    }
}
