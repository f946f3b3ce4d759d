//! The shared libraries of a program, for a package that names or contains them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::run::output;

/// The shared libraries that a program needs, and the loader; none for a static one.
pub(super) fn of(program: &Path) -> Result<Vec<PathBuf>> {
    let dynamic = output(
        Command::new("readelf")
            .args(["--wide", "--program-headers"])
            .arg(program),
    )?;
    if !dynamic.contains("INTERP") {
        return Ok(Vec::new());
    }
    let listed = output(Command::new("ldd").arg(program))
        .with_context(|| format!("the libraries of {} cannot be listed", program.display()))?;
    Ok(listed.lines().filter_map(library).collect())
}

/// Reads a line of `ldd`: `libc.so.6 => /lib/libc.so.6 (0x7f)`, or of the loader
/// `/lib64/ld-linux-x86-64.so.2 (0x7f)`.
fn library(line: &str) -> Option<PathBuf> {
    let line = line.trim();
    let path = line.rsplit(" => ").next()?.split(" (").next()?;
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// The newest version of glibc of which a program needs something, such as `2.34`.
pub(super) fn glibc(program: &Path) -> Result<String> {
    let needed = output(
        Command::new("readelf")
            .args(["--wide", "--version-info"])
            .arg(program),
    )?;
    newest(&needed).with_context(|| format!("{} needs no version of glibc", program.display()))
}

fn newest(text: &str) -> Option<String> {
    let versions = text.split("Name: GLIBC_").skip(1).filter_map(|rest| {
        let version = rest.split_whitespace().next()?;
        let parts: Option<Vec<u32>> = version.split('.').map(|part| part.parse().ok()).collect();
        Some((parts?, version.to_owned()))
    });
    versions.max().map(|(_, version)| version)
}

#[cfg(test)]
mod tests {
    use super::{library, newest};

    #[test]
    fn lines_about_files_are_libraries() {
        let of = |line| library(line).map(|found| found.display().to_string());
        assert_eq!(of("\tlinux-vdso.so.1 (0x7ffd)"), None);
        assert_eq!(
            of("\tlibc.so.6 => /lib/libc.so.6 (0x7f)"),
            Some("/lib/libc.so.6".to_owned())
        );
        assert_eq!(of("\t/lib64/ld.so (0x7f)"), Some("/lib64/ld.so".to_owned()));
    }

    #[test]
    fn versions_are_compared_by_their_numbers() {
        let text =
            "0x1: Name: GLIBC_2.4  Flags: none\n Name: GLIBC_2.34 Flags\n Name: GLIBC_PRIVATE";
        assert_eq!(newest(text), Some("2.34".to_owned()));
        assert_eq!(newest(""), None);
    }
}
