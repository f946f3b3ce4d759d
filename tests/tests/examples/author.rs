//! `mortise plugin new` and `build`, as a person runs them: they make a plugin
//! that works as its README says.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

use mortise_runtime::{Capability, types::Verdict};
use mortise_tests::{guests, server};

use crate::{Running, draft, plugins::SOON};

/// `mortise plugin` with these arguments, in a folder.
pub(crate) fn plugin(folder: &Path, arguments: &[&str]) -> Output {
    let output = Command::new(server::program())
        .arg("plugin")
        .args(arguments)
        .current_dir(folder)
        // The parts that the plugins share with the examples are built once.
        .env("CARGO_TARGET_DIR", guests::target())
        .env("PATH", guests::path_with_tools())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
    output
}

/// A build's output for a script.
#[derive(Debug, serde::Deserialize)]
struct Told {
    file: PathBuf,
    bytes: u64,
    steps: Vec<Step>,
}

#[derive(Debug, serde::Deserialize)]
#[expect(dead_code, reason = "only its reading is tested")]
struct Step {
    step: String,
    ms: u64,
}

/// A new plugin that can do two things, built.
fn built(folder: &Path, language: &str) -> PathBuf {
    let more = ["--capability", "configurer,filter"];
    plugin(
        folder,
        &[&["new", "shout", "--lang", language], &more[..]].concat(),
    );
    let inside = folder.join("shout");
    if language == "rust" {
        // The same versions of crates as the examples have.
        std::fs::copy(guests::lock(), inside.join("Cargo.lock")).unwrap();
    }
    let output = plugin(&inside, &["build", "--json"]);
    let told: Told = serde_json::from_slice(&output.stdout).unwrap();
    assert!(told.bytes > 0 && !told.steps.is_empty(), "{told:?}");
    let file = inside.join("dist/shout.wasm");
    assert_eq!(told.file, file.canonicalize().unwrap());
    if language == "c" {
        // The built plugin is found, and passes its first cases. The smallest
        // one is enough, because the test's program compiles it again.
        plugin(&inside, &["test"]);
    }
    file
}

/// It puts its prefix before titles, and takes another in its configuration.
async fn shouts(language: &str, config: impl Fn(&str) -> String) {
    // Where npm's packages are found.
    let folder = tempfile::tempdir_in(guests::workshop()).unwrap();
    let running = Running::of(&built(folder.path(), language), "", |_| {}).await;
    let found = crate::backend().inspect(&running.file).await.unwrap();
    let mut expected = vec![Capability::Configurer, Capability::Filter];
    if language != "c" {
        // The SDK has it for every plugin.
        expected.insert(0, Capability::Lifecycle);
    }
    let capabilities: Vec<_> = found.capabilities.iter().collect();
    assert_eq!(capabilities, expected);
    running.instance.start().await.unwrap();
    let title = async || {
        let verdict = running
            .instance
            .filter(&draft("disk full", "b"), SOON)
            .await;
        match verdict.unwrap() {
            Verdict::Replace(content) => content.title,
            other => panic!("{language}: {other:?}"),
        }
    };
    assert_eq!(title().await, "[shout] disk full");
    let defaults = running.instance.default_config().await.unwrap();
    running.instance.apply_config(&defaults).await.unwrap();
    let other = running.instance.apply_config(&config("\"! \"")).await;
    other.unwrap();
    assert_eq!(title().await, "! disk full");
    let wrong = if language == "c" {
        config(&"x".repeat(65))
    } else {
        config("[1]")
    };
    let refused = running.instance.apply_config(&wrong).await;
    assert!(refused.is_err(), "{language}");
}

#[tokio::test]
async fn a_new_plugin_in_rust_works() {
    shouts("rust", |prefix| format!("prefix: {prefix}\n")).await;
}

#[tokio::test]
async fn a_new_plugin_in_python_works() {
    shouts("python", |prefix| format!("prefix: {prefix}\n")).await;
}

/// Every handler of the template has the SDK's types, and a wrong argument is found.
#[test]
fn a_new_plugin_in_python_passes_a_type_checker() {
    let folder = tempfile::tempdir_in(guests::workshop()).unwrap();
    let every = "configurer,displayer,webhook,filter,listener,timer";
    let new = ["new", "typed", "--lang", "python", "--capability", every];
    plugin(folder.path(), &new);
    let inside = folder.path().join("typed");
    let check = |sources: &[&str]| {
        let output = Command::new("mypy")
            .args(["--python-version", "3.11", "--check-untyped-defs"])
            .args(sources)
            .current_dir(&inside)
            .env("MYPYPATH", "sdk")
            .env("PATH", guests::path_with_tools())
            .output()
            .expect("`mypy`, which `cargo xtask test` installs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        (output.status.success(), said)
    };
    let sdk = ["sdk/mortise_plugin", "sdk/mortise_config.py"];
    let (passed, said) = check(&[&["plugin.py"], &sdk[..]].concat());
    assert!(passed, "{said}");

    let wrong =
        "import mortise_plugin as m\n\n\ndef wrong(host: m.Host) -> None:\n    host.send(123)\n";
    std::fs::write(inside.join("wrong.py"), wrong).unwrap();
    let (passed, said) = check(&["wrong.py"]);
    assert!(!passed && said.contains("wrong.py:5: "), "{said}");
}

/// Neither form of a plugin in Python can load it.
#[test]
fn a_package_with_compiled_code_is_refused_by_its_name() {
    let folder = tempfile::tempdir_in(guests::workshop()).unwrap();
    plugin(folder.path(), &["new", "fast", "--lang", "python"]);
    let inside = folder.path().join("fast");
    std::fs::write(inside.join("requirements.txt"), "rpds-py==0.28.0\n").unwrap();
    let output = Command::new(server::program())
        .args(["plugin", "build", "--native"])
        .current_dir(&inside)
        .env("PATH", guests::path_with_tools())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for part in ["requirements.txt: ", "`rpds_py` 0.28.0 has compiled code"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn a_new_plugin_in_javascript_works() {
    shouts("javascript", |prefix| format!("{{\"prefix\": {prefix}}}")).await;
}

#[tokio::test]
async fn a_new_plugin_in_typescript_works() {
    shouts("typescript", |prefix| format!("{{\"prefix\": {prefix}}}")).await;
}

#[tokio::test]
async fn a_new_plugin_in_go_works() {
    shouts("go", |prefix| format!("prefix: {prefix}\n")).await;
}

#[tokio::test]
async fn a_new_plugin_in_c_works() {
    shouts("c", |prefix| format!("prefix: {prefix}\n")).await;
}

/// Crates that open sockets are named by the build, before one fails in a call. Code that
/// does so itself is named by `check`.
#[test]
fn sockets_in_a_component_in_rust_are_told_to_its_author() {
    let folder = tempfile::tempdir().unwrap();
    plugin(folder.path(), &["new", "shout", "--lang", "rust"]);
    let inside = folder.path().join("shout");
    std::fs::copy(guests::lock(), inside.join("Cargo.lock")).unwrap();
    let client = inside.join("ureq");
    std::fs::create_dir_all(client.join("src")).unwrap();
    std::fs::write(client.join("src/lib.rs"), "").unwrap();
    let manifest = "[package]\nname = \"ureq\"\nversion = \"0.0.1\"\nedition = \"2024\"\n";
    std::fs::write(client.join("Cargo.toml"), manifest).unwrap();
    let manifest = std::fs::read_to_string(inside.join("Cargo.toml")).unwrap();
    let depends = "[dependencies]\nureq = { path = \"ureq\" }\n";
    let manifest = manifest.replace("[dependencies]\n", depends);
    std::fs::write(inside.join("Cargo.toml"), manifest).unwrap();
    let output = Command::new(server::program())
        .args(["plugin", "build"])
        .current_dir(&inside)
        .env("CARGO_TARGET_DIR", guests::target())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "{said}");
    for part in [
        "Cargo.toml: the component depends on `ureq`. ",
        "`Context::request`",
        "cfg(not(target_family",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let checked = |package: &str| {
        let file = guests::example(package);
        let output = plugin(folder.path(), &["check", file.to_str().unwrap()]);
        String::from_utf8(output.stdout).unwrap()
    };
    let said = checked("everything");
    assert!(
        said.contains("warning its Rust code opens sockets"),
        "{said}"
    );
    let said = checked("rules");
    assert!(!said.contains("warning"), "{said}");
}

/// Without tools, a build names the missing one, its purpose, and the way to
/// install it.
#[test]
fn a_missing_tool_is_named_with_how_to_get_it() {
    // Outside of the workshop, for npm's packages are found in folders around.
    let folder = tempfile::tempdir().unwrap();
    for (name, component, native, way) in [
        ("rust", "cargo", Some("cargo"), "rustup.rs"),
        ("go", "go", None, "go.dev/doc/install"),
        ("c", "zig", None, "pip install ziglang"),
        ("python", "componentize-py", Some("python3"), "install"),
        ("javascript", "jco", None, "npm install"),
        ("typescript", "jco", None, "npm install"),
    ] {
        plugin(folder.path(), &["new", name, "--lang", name]);
        let build = |more: &[&str]| {
            let output = Command::new(server::program())
                .args(["plugin", "build"])
                .args(more)
                .current_dir(folder.path().join(name))
                .env("PATH", folder.path())
                .env_remove("WASI_SDK_PATH")
                .output()
                .unwrap();
            assert!(!output.status.success(), "{name}");
            String::from_utf8(output.stderr).unwrap()
        };
        let mut builds = vec![(component, build(&[]))];
        builds.extend(native.map(|tool| (tool, build(&["--native"]))));
        for (tool, said) in builds {
            for part in [&*format!("`{tool}` is missing: it "), "to get it:\n", way] {
                assert!(said.contains(part), "{part} in {name}: {said}");
            }
        }
    }
}
