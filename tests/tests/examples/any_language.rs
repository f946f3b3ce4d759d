//! The plugin of `docs/any-language.md`, made with the page's files and commands.

use std::process::Command;

use mortise_tests::{guests, server};

use crate::author::plugin;

const PAGE: &str = include_str!("../../../docs/any-language.md");

/// The page's block that begins with this.
fn block(begin: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(begin).unwrap();
    rest.split_once("```").unwrap().0
}

const CASES: &str = "\
name: a request becomes a message
steps:
- webhook: { body: hello }
  expect: { status: 204, sent: [{ title: From a webhook, body: hello, priority: 5 }] }
- webhook: { body: \"\" }
  expect: { status: 500, body: { contains: empty body }, sent: [] }
";

/// Zig from PyPI is a module of Python.
const PROGRAMS: &str = "\
mortise() { \"$PROGRAM\" \"$@\"; }
zig() { python3 -m ziglang \"$@\"; }
";

#[test]
fn the_commands_of_the_page_make_a_plugin() {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("plugin.zig", block("```zig\n")),
        ("manifest.toml", block("```toml\n")),
        ("cases.yaml", CASES),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let commands = format!("{PROGRAMS}{}", block("```sh\n"));
    let output = Command::new("sh")
        .args(["-e", "-c", &commands])
        .current_dir(folder.path())
        .env("PATH", guests::path_with_tools())
        .env("PROGRAM", server::program())
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("org.example.relay 1.0.0 loads"), "{said}");
    plugin(
        folder.path(),
        &["test", "--cases", "cases.yaml", "relay.wasm"],
    );
}
