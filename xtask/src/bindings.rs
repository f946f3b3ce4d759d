//! `cargo xtask bindings`: generates the Go SDK's bindings of the contract, and
//! replaces imports of a module that Go's proxy may not have. The code is in
//! the tree, so that `go build` needs no generator. The tests compare it with
//! the contract.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use mortise_author::world;
use wit_bindgen_core::Files;

use crate::workspace::Workspace;

const FOLDER: &str = "guest-sdk/go/internal/bindings";
const MODULE: &str = "github.com/mortise-plugins/mortise/guest-sdk/go/internal";
/// The module that generated code imports, and its replacement.
const SUPPORT: &str = "go.bytecodealliance.org/pkg/wit";

/// Options of the command.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only say whether they are those of the contract.
    #[arg(long)]
    pub(crate) check: bool,
}

pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let folder = workspace.root.join(FOLDER);
    for (name, bytes) in generate(&workspace.tools().join("wit"))?.iter() {
        let file = folder.join(name);
        let text = String::from_utf8_lossy(bytes).replace(SUPPORT, &format!("{MODULE}/wit"));
        if fs::read_to_string(&file).is_ok_and(|there| there == text) {
            continue;
        }
        if arguments.check {
            bail!(
                "{} is not what the contract says: run `cargo xtask bindings`",
                workspace.short(&file)
            );
        }
        write(&file, &text)?;
    }
    Ok(())
}

fn generate(wit: &Path) -> Result<Files> {
    let mut everything = world::everything(wit)?;
    let mut files = Files::default();
    let options = wit_bindgen_go::Opts {
        pkg_name: Some(format!("{MODULE}/bindings")),
        ..wit_bindgen_go::Opts::default()
    };
    options
        .build()
        .generate(&mut everything.resolve, everything.id, &mut files)
        .context("the bindings for Go cannot be generated")?;
    Ok(files)
}

fn write(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().context("a file is in a folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, text))
        .with_context(|| format!("{} cannot be written", file.display()))
}
