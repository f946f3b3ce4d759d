//! Components built from the guests' sources: the examples and the fixtures.

#![expect(clippy::expect_used, reason = "only tests use this")]

use std::{
    collections::HashMap,
    ffi::OsString,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::OnceLock,
};

use mortise_toolchain::{
    process::output,
    rust::{Build, Built, Toolchain},
};
use parking_lot::Mutex;

use crate::server;

/// Builds a crate of the guests' workspace, if it is not up to date, and
/// returns its component.
///
/// # Panics
///
/// When it does not build: a test could do nothing else.
pub fn example(name: &str) -> PathBuf {
    let toolchain = Toolchain::find().expect(
        "a compiler for components; `rustup target add wasm32-wasip2` or `cargo xtask test` installs one",
    );
    let build = Build {
        folder: &root().join("examples"),
        target: Some(&target()),
        locked: true,
    };
    let mut command = toolchain.command(cargo(), &build);
    command.args(["--quiet", "--package", name]);
    let messages = output(&mut command).expect("the guest builds");
    let built = toolchain.built(&messages, root());
    match built.expect("the guest is a component") {
        Built::Component(file) => file,
        Built::Module(module) => componentized(&module),
    }
}

/// Makes a component of a guest's module, as its author would.
fn componentized(module: &Path) -> PathBuf {
    let folder = target().join("components");
    fs::create_dir_all(&folder).expect("the folder can be made");
    let component = folder.join(module.file_name().expect("it has a name"));
    let status = Command::new(server::program())
        .args(["plugin", "componentize"])
        .arg(module)
        .arg("--output")
        .arg(&component)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .expect("the program starts");
    assert!(
        status.success(),
        "{} becomes no component",
        module.display()
    );
    component
}

/// Builds a plugin with a `plugin.toml`, by its folder in the repository, as its
/// author would, and returns its component. Once in each run of the tests.
///
/// # Panics
///
/// When it does not build: a test could do nothing else.
pub fn authored(folder: &str) -> PathBuf {
    authored_by(folder, &["build"])
}

/// The same of a native plugin; returns its executable.
///
/// # Panics
///
/// When it does not build: a test could do nothing else.
pub fn authored_native(folder: &str) -> PathBuf {
    authored_by(folder, &["build", "--native"])
}

/// Builds a plugin by these arguments of `mortise plugin`, unless that was done.
fn authored_by(folder: &str, arguments: &[&str]) -> PathBuf {
    static BUILT: OnceLock<Mutex<HashMap<String, PathBuf>>> = OnceLock::new();
    // Held while it is built: the others wait for it rather than build it too.
    let mut built = BUILT.get_or_init(Mutex::default).lock();
    if let Some(file) = built.get(folder) {
        return file.clone();
    }
    let copy = copied(folder);
    let output = Command::new(server::program())
        .arg("plugin")
        .args(arguments)
        .current_dir(&copy)
        .env("PATH", path_with_tools())
        .stdin(Stdio::null())
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{folder} does not build; `cargo xtask test` installs what it needs:\n{said}"
    );
    let native = arguments.contains(&"--native");
    let file = fs::read_dir(copy.join("dist"))
        .expect("it was built")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|file| file.is_file())
        .find(|file| file.extension().is_some_and(|ending| ending == "wasm") != native)
        .expect("a plugin was built");
    built.insert(folder.to_owned(), file.clone());
    file
}

/// Copies a plugin's folder in the repository, and returns the copy: a build writes
/// into the folder.
fn copied(folder: &str) -> PathBuf {
    let name = Path::new(folder).file_name().expect("it has a name");
    let copy = workshop().join(name);
    if copy.exists() {
        fs::remove_dir_all(&copy).expect("the folder can be emptied");
    }
    copy_files(&root().join(folder), &copy).expect("the plugin can be copied");
    copy
}

/// A folder in which plugins can be built: npm's packages are there.
///
/// # Panics
///
/// When it cannot be made.
pub fn workshop() -> PathBuf {
    let folder = build_folder().join("authored");
    fs::create_dir_all(&folder).expect("the folder can be made");
    folder
}

/// The path, with the tools first that `cargo xtask test` installs.
///
/// # Panics
///
/// When a folder has a name that no path can have.
pub fn path_with_tools() -> OsString {
    let tools = build_folder().join("tools/python/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(std::iter::once(tools).chain(std::env::split_paths(&path)))
        .expect("folders can be in a path")
}

fn copy_files(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, copy) = (entry.path(), to.join(entry.file_name()));
        if !path.is_dir() {
            fs::copy(&path, copy)?;
        } else if !["dist", "node_modules", "sdk", "wit"]
            .iter()
            .any(|made| entry.file_name() == *made)
        {
            copy_files(&path, &copy)?;
        }
    }
    Ok(())
}

/// Returns the target folder of guests.
pub fn target() -> PathBuf {
    build_folder().join("guests")
}

fn build_folder() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |target| root().join(target))
}

/// The versions of crates that guests are built with.
pub fn lock() -> PathBuf {
    root().join("examples/Cargo.lock")
}

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate is in a folder of the repository")
}

/// `cargo` in the repository's root, as a person would call it.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    // `cargo test` says which package is tested. Build scripts that look at
    // such variables would be run anew, and all that depends on them.
    for (name, _) in std::env::vars_os() {
        let about_us = name.to_str().is_some_and(|name| {
            name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
        });
        if about_us {
            command.env_remove(name);
        }
    }
    command
}
