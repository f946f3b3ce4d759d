//! Programs in Python: native plugins of one file, with the SDK beside it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    run::{answers, run},
    workspace::Workspace,
};

/// Makes one file of a plugin's source and the SDK, and returns it.
///
/// # Errors
///
/// There is no Python, or a file cannot be written.
pub(crate) fn build(workspace: &Workspace, name: &str, source: &str) -> Result<PathBuf> {
    if !answers(Command::new("python3").arg("--version")) {
        bail!("there is no `python3`: install Python 3.11 or newer");
    }
    // Beside what `clients` installs, which is cleared now and then.
    let made = workspace.tools().join("zipapps").join(name);
    fs::create_dir_all(&made).with_context(|| format!("{} cannot be made", made.display()))?;
    let main = made.join("__main__.py");
    fs::write(&main, source).with_context(|| format!("{} cannot be written", main.display()))?;
    let sdk = "mortise_plugin";
    copy(
        &workspace.root.join("guest-sdk/python").join(sdk),
        &made.join(sdk),
    )?;
    let program = made.with_extension("pyz");
    run(Command::new("python3")
        .args(["-m", "zipapp", "-p", "/usr/bin/env python3", "-o"])
        .arg(&program)
        .arg(&made))?;
    Ok(program)
}

/// Copies the files of a package.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let cannot = || format!("{} cannot be copied", from.display());
    fs::create_dir_all(to).with_context(cannot)?;
    for entry in fs::read_dir(from).with_context(cannot)? {
        let file = entry.with_context(cannot)?.path();
        if let (true, Some(name)) = (file.is_file(), file.file_name()) {
            fs::copy(&file, to.join(name)).with_context(cannot)?;
        }
    }
    Ok(())
}
