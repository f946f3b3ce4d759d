//! The module of the Go SDK, in the layout that a module proxy serves.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{Packing, VERSION};
use crate::{
    run::run,
    tree::{self, Tree},
};

/// The module.
pub(super) const MODULE: &str = "github.com/mortise-plugins/mortise/guest-sdk/go";
/// The folder with the layout, among the packages.
pub(super) const PROXY: &str = "go";
const SDK: &str = "guest-sdk/go";
/// Go leaves links out of a module, so the SDK has copies of these.
const LICENCES: [&str; 2] = ["LICENSE-APACHE", "LICENSE-MIT"];
/// Python packs the zip file: without the times of files, as Go does.
const PACK: &str = include_str!("module.py");

/// The version as Go writes it.
pub(super) fn version() -> String {
    format!("v{VERSION}")
}

/// Makes the module.
pub(super) fn make(packing: &Packing<'_>) -> Result<Vec<PathBuf>> {
    let sdk = packing.workspace.root.join(SDK);
    for name in LICENCES {
        let whole = |folder: &Path| {
            let file = folder.join(name);
            fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))
        };
        ensure!(
            whole(&sdk)? == whole(&packing.workspace.root)?,
            "{SDK}/{name} differs from {name}: copy it"
        );
    }
    let tree = Tree::new(&packing.work.join("go"))?;
    // All of them, also tests: the checksum is that of the module in a clone.
    packing.copy(SDK, &tree, "", |_| true)?;
    let version = version();
    let folder = packing.folder.join(PROXY).join(MODULE).join("@v");
    fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let about = json!({ "Version": version, "Time": tree::written(packing.time)? });
    let put = |name: &str, content: &[u8]| {
        let file = folder.join(name);
        fs::write(&file, content)
            .with_context(|| format!("{} cannot be written", file.display()))?;
        Ok::<_, anyhow::Error>(file)
    };
    let manifest = fs::read(sdk.join("go.mod")).context("the SDK has no go.mod")?;
    let mut files = vec![
        put("list", format!("{version}\n").as_bytes())?,
        put(&format!("{version}.info"), about.to_string().as_bytes())?,
        put(&format!("{version}.mod"), &manifest)?,
    ];
    let zip = folder.join(format!("{version}.zip"));
    run(Command::new("python3")
        .args(["-c", PACK])
        .arg(&tree.root)
        .arg(format!("{MODULE}@{version}"))
        .arg(&zip))?;
    files.push(zip);
    Ok(files)
}
