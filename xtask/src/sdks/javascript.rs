//! The package of the SDK for JavaScript and TypeScript, as npm uploads it.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};

use super::{Packing, VERSION};
use crate::{run::run, tree::Tree};

const SDK: &str = "guest-sdk/js";

/// The name of the package's file.
pub(super) fn file_name() -> String {
    format!("mortise-plugin-{VERSION}.tgz")
}

/// Makes the package. npm leaves links out, so its files are a copy.
pub(super) fn make(packing: &Packing<'_>) -> Result<Vec<PathBuf>> {
    let tree = Tree::new(&packing.work.join("javascript"))?;
    packing.copy(SDK, &tree, "", |_| true)?;
    run(Command::new("npm")
        .args(["pack", "--silent", "--ignore-scripts", "--pack-destination"])
        .arg(&packing.folder)
        .current_dir(&tree.root))
    .context("`npm` made no package")?;
    let file = packing.folder.join(file_name());
    ensure!(
        file.is_file(),
        "the package has another version: set {VERSION} in {SDK}/package.json"
    );
    Ok(vec![file])
}
