//! Runs other programs, and builds Rust plugins with the compiler that the
//! machine has. `mortise-author` builds an author's plugins with it and `cargo
//! xtask` the repository's own; it has few dependencies, so that `cargo xtask`
//! starts soon after a fresh clone.
//!
//! - [`process`]: running programs and capturing what they print.
//! - [`rust`]: the ways to compile Rust to WebAssembly.
//!
//! Nothing here installs anything.

pub mod process;
pub mod rust;

use std::{
    io,
    path::{Path, PathBuf},
};

/// The reason why a program did not run or a crate was not built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program could not be started.
    #[error("`{command}` cannot be started: {source}")]
    Start {
        /// Its name and arguments.
        command: String,
        /// The system's error.
        source: io::Error,
    },
    /// A program failed; its output was shown.
    #[error("`{command}` failed ({status}); the output above says why")]
    Failed {
        /// Its name and arguments.
        command: String,
        /// Its exit status.
        status: String,
    },
    /// A crate was built, but not as a plugin.
    #[error("{}: {text}", folder.display())]
    Output {
        /// The crate's folder.
        folder: PathBuf,
        /// What is wrong with it.
        text: &'static str,
    },
}

/// Finds a program on the path.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
        .find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;

    file.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}
