//! The archive of the C SDK: its header and sources, and the contract for generating the
//! bindings.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
};

use anyhow::Result;

use super::{Packing, VERSION};
use crate::tree::{self, Tree};

const SDK: &str = "guest-sdk/c";
/// The files that only the archive has.
const ADDED: &str = "packaging/c-sdk";

/// The name of the archive without its ending, and of the folder in it.
pub(super) fn name() -> String {
    format!("mortise-c-{VERSION}")
}

/// Makes the archive.
pub(super) fn make(packing: &Packing<'_>) -> Result<Vec<PathBuf>> {
    let tree = Tree::new(&packing.work.join("c"))?;
    let top = name();
    packing.copy(SDK, &tree, &top, |file| file != "README.md")?;
    let added = packing.workspace.root.join(ADDED);
    let inside = Path::new(&top);
    tree.copy(&added.join("README.md"), &inside.join("README.md"), 0o644)?;
    let wit = inside.join("wit");
    tree.copy(&added.join("world.wit"), &wit.join("world.wit"), 0o644)?;
    // As `mortise plugin build` writes them into a plugin's folder.
    for (from, place, prefix) in [("wit", "mortise-plugin", ""), ("author/wasi", "", "wasi-")] {
        for file in packing.tracked(from)? {
            let path = Path::new(&file);
            let is_part =
                path.extension() == Some(OsStr::new("wit")) && path.parent() == Some(Path::new(""));
            if is_part {
                let source = packing.workspace.root.join(from).join(path);
                let to = wit.join("deps").join(place).join(format!("{prefix}{file}"));
                tree.copy(&source, &to, 0o644)?;
            }
        }
    }
    // By its name, because `--strip-components` would count the `.` of a whole tree.
    let tar = tree.tar_part(&top, &packing.work.join("c.tar"), packing.time)?;
    let file = packing.folder.join(format!("{top}.tar.gz"));
    tree::gzip(&tar, &file, false)?;
    Ok(vec![file])
}
