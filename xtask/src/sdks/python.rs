//! The wheel of the Python SDK.

use std::{path::PathBuf, process::Command};

use anyhow::{Context as _, Result, ensure};

use super::{Packing, TESTS, VERSION};
use crate::{clients, run::run, tree::Tree};

const SDK: &str = "guest-sdk/python";

/// The name of the wheel.
pub(super) fn file_name() -> String {
    format!("mortise_plugin-{VERSION}-py3-none-any.whl")
}

/// Makes the wheel. `pip` builds it beside its sources, so these are a copy.
pub(super) fn make(packing: &Packing<'_>) -> Result<Vec<PathBuf>> {
    let python = clients::setuptools(packing.workspace)?;
    let tree = Tree::new(&packing.work.join("python"))?;
    packing.copy(SDK, &tree, "", |file| !file.starts_with(TESTS))?;
    run(Command::new(python)
        .args(["-m", "pip", "wheel", "--quiet", "--no-input", "--no-deps"])
        .args(["--no-build-isolation", "--wheel-dir"])
        .arg(&packing.folder)
        .arg(&tree.root)
        .env("SOURCE_DATE_EPOCH", packing.time.to_string()))
    .context("`pip` made no wheel")?;
    let file = packing.folder.join(file_name());
    ensure!(
        file.is_file(),
        "the wheel has another version: set {VERSION} in {SDK}/mortise_plugin/_version.py"
    );
    Ok(vec![file])
}
