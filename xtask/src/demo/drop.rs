//! Files for a person to drop on the page: two versions of a plugin, of which the
//! newer asks for more.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use crate::{python, workspace::Workspace};

const SOURCE: &str = "examples/native-python-shout/shout.py";

/// The versions, each with its changes of the source.
const VERSIONS: [(&str, &[(&str, &str)]); 2] = [
    ("1.0.0", &[]),
    (
        "1.1.0",
        &[
            ("VERSION = \"1.0.0\"", "VERSION = \"1.1.0\""),
            (
                "MORE = []",
                "MORE = [Want.webhook(\"Other programs ask it for the count.\")]",
            ),
        ],
    ),
];

/// Puts the versions into a folder, the older first.
///
/// # Errors
///
/// There is no Python, or a file cannot be written.
pub(super) fn build(workspace: &Workspace, folder: &Path) -> Result<Vec<PathBuf>> {
    let source = fs::read_to_string(workspace.root.join(SOURCE))
        .with_context(|| format!("{SOURCE} cannot be read"))?;
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    VERSIONS
        .iter()
        .map(|(version, changes)| {
            let mut source = source.clone();
            for (from, to) in *changes {
                ensure!(source.contains(from), "{SOURCE} has no `{from}`");
                source = source.replace(from, to);
            }
            let name = format!("shout-{version}");
            let built = python::build(workspace, &name, &source)?;
            let file = folder.join(name);
            fs::copy(&built, &file)
                .with_context(|| format!("{} cannot be written", file.display()))?;
            Ok(file)
        })
        .collect()
}
