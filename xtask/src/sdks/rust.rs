//! The crate of the Rust SDK and the two crates that it needs, as cargo uploads them. The
//! packages are published in the order of [`CRATES`].
//!
//! Cargo compiles none of them here, and they carry no lock file: both would look for the
//! other crates in the registry, where they are not yet. The trial compiles them.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};

use super::{Packing, VERSION};
use crate::run::run;

/// The crates, each after those that it needs.
pub(super) const CRATES: [&str; 3] = ["mortise-contract", "mortise-protocol", "mortise-plugin"];

/// The name of a crate's file.
pub(super) fn file_name(name: &str) -> String {
    format!("{name}-{VERSION}.crate")
}

/// Makes the packages.
pub(super) fn make(packing: &Packing<'_>) -> Result<Vec<PathBuf>> {
    let workspace = packing.workspace;
    let target = packing.work.join("cargo");
    // The SDK is a member of the guests' workspace.
    let (sdk, others) = CRATES.split_last().context("there are no crates")?;
    for (folder, crates) in [
        (workspace.root.clone(), others),
        (workspace.guests_folder(), std::slice::from_ref(sdk)),
    ] {
        let mut command = workspace.cargo();
        command
            .args(["package", "--quiet", "--locked", "--no-verify"])
            .args(["--exclude-lockfile", "--allow-dirty", "--target-dir"])
            .arg(&target)
            .current_dir(folder);
        for &name in crates {
            command.args(["--package", name]);
        }
        run(&mut command)?;
    }
    let mut files = Vec::new();
    for name in CRATES {
        let made = target.join("package").join(file_name(name));
        let file = packing.folder.join(file_name(name));
        fs::copy(&made, &file).with_context(|| {
            format!(
                "{} cannot be copied: set the crate's version to {VERSION}",
                made.display()
            )
        })?;
        files.push(file);
    }
    Ok(files)
}
