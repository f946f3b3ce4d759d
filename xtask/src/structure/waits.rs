//! Sleeps in test code. A test that lets time pass is slow, and fails on a busy
//! machine: it waits for a condition instead.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::Item;

use super::{
    read,
    source::{attributes, is_test},
};

/// Code that may sleep, by its folder or file: what waits for conditions, and programs
/// that tests run.
const MAY_SLEEP: [&str; 6] = [
    "tests/wait",
    "native-bridge/go/wait_test.go",
    "tests/guests",
    "tests/habits",
    "tests/conformance",
    "native-bridge/host/tests/stress_plugin",
];

/// Returns the sleeps of test code in these files of Rust, each with its file.
pub(super) fn in_rust(root: &Path, files: &[PathBuf]) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for file in files {
        if may_sleep(file) {
            continue;
        }
        let text = read(&root.join(file))?;
        if !text.contains("sleep") {
            continue;
        }
        let parsed = syn::parse_file(&text)
            .with_context(|| format!("{} cannot be parsed", file.display()))?;
        let mut sleeps = Vec::new();
        look(&parsed.items, is_of_tests(file), &mut sleeps);
        found.extend(sleeps.into_iter().map(|code| (file.clone(), code)));
    }
    Ok(found)
}

/// Returns the sleeps in these files of Go's tests, each with its file.
pub(super) fn in_go(root: &Path, files: &[PathBuf]) -> Result<Vec<(PathBuf, String)>> {
    let mut found = Vec::new();
    for file in files.iter().filter(|file| !may_sleep(file)) {
        let text = read(&root.join(file))?;
        let sleeps = text.lines().filter(|line| line.contains("time.Sleep("));
        found.extend(sleeps.map(|line| (file.clone(), line.trim().to_owned())));
    }
    Ok(found)
}

fn may_sleep(file: &Path) -> bool {
    MAY_SLEEP.iter().any(|allowed| file.starts_with(allowed))
}

/// Returns true for files of test code alone: those below a folder `tests` or
/// `benches`, and modules of this name.
fn is_of_tests(file: &Path) -> bool {
    file.with_extension("")
        .iter()
        .any(|part| part == "tests" || part == "benches")
}

fn look(items: &[Item], in_test: bool, found: &mut Vec<String>) {
    for item in items {
        let in_test = in_test || attributes(item).iter().any(is_test);
        match item {
            Item::Mod(module) => {
                let items = module.content.as_ref().map(|(_, items)| &**items);
                look(items.unwrap_or_default(), in_test, found);
            }
            item if in_test => calls(item.to_token_stream(), found),
            _ => {}
        }
    }
}

/// Collects calls of functions named `sleep`, and texts with such a call of a number
/// of seconds or with the shell's command, which are code in other languages.
fn calls(tokens: TokenStream, found: &mut Vec<String>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(name) if name == "sleep" => {
                let is_method = at
                    .checked_sub(1)
                    .and_then(|before| tokens.get(before))
                    .is_some_and(
                        |before| matches!(before, TokenTree::Punct(p) if p.as_char() == '.'),
                    );
                if let Some(TokenTree::Group(arguments)) = tokens.get(at + 1)
                    && arguments.delimiter() == Delimiter::Parenthesis
                    && !is_method
                {
                    found.push(format!("sleep{arguments}"));
                }
            }
            TokenTree::Group(group) => calls(group.stream(), found),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                let mut after = text.split("sleep(").skip(1);
                if after.any(|rest| rest.starts_with(|first: char| first.is_ascii_digit())) {
                    found.push("`sleep(` in a text".to_owned());
                }
                if sleeps_in_shell(&text) {
                    found.push("`sleep` of the shell in a text".to_owned());
                }
            }
            _ => {}
        }
    }
}

/// Returns true if a script, as a literal, lets a number of seconds pass and goes on. A
/// process that only has to be there may sleep.
fn sleeps_in_shell(script: &str) -> bool {
    script.split("sleep ").skip(1).any(|rest| {
        let after = rest.trim_start_matches(|one: char| one.is_ascii_digit() || one == '.');
        let next = after.trim_start_matches(' ');
        after.len() < rest.len()
            && [";", "&&", "\n", "\\n"]
                .iter()
                .any(|separator| next.starts_with(separator))
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{is_of_tests, look};

    fn found(code: &str, in_test: bool) -> usize {
        let mut found = Vec::new();
        look(&syn::parse_file(code).unwrap().items, in_test, &mut found);
        found.len()
    }

    #[test]
    fn sleeps_of_tests_are_found_and_others_are_not() {
        for code in [
            "async fn a() { tokio::time::sleep(Duration::from_secs(1)).await }",
            "fn a() { if x { sleep(PAUSE) } }",
            "mod inner { fn a() { std::thread::sleep(wait) } }",
            r#"const SCRIPT: &str = "await asyncio.sleep(SECONDS)";"#,
            r#"const SCRIPT: &str = "sleep SECONDS; exec it";"#,
            r#"fn a() { script(&format!("sleep SECONDS\nexec {it}")) }"#,
        ] {
            // No such call stands in this file.
            let code = code.replace("SECONDS", "0.5");
            assert_eq!(found(&code, true), 1, "{code}");
            assert_eq!(found(&code, false), 0, "{code}");
            assert_eq!(found(&format!("#[cfg(test)] mod t {{ {code} }}"), false), 1);
        }
        for code in [
            "fn a() { clock.sleep(by); asleep(by); sleep; }",
            r#"const DEED: &str = "sleep 60";"#,
            r#"const STAYS: &str = "sleep 60 & exit 0";"#,
        ] {
            assert_eq!(found(code, true), 0, "{code}");
        }
    }

    #[test]
    fn files_of_tests_are_told_by_their_paths() {
        for file in [
            "server/tests/api/main.rs",
            "a/src/guard/tests.rs",
            "tests/benches/x.rs",
        ] {
            assert!(is_of_tests(Path::new(file)), "{file}");
        }
        assert!(!is_of_tests(Path::new("server/src/time.rs")));
    }
}
