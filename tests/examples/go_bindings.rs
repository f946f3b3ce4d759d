//! Generates the part of the SDK for Go that is made from the contract, with
//! imports of our own in place of a module that Go's proxy may not have. `cargo
//! xtask bindings` runs this: here, because the generator's dependencies are
//! compiled for the tests anyway.
//!
//! Arguments: the SDK's folder, a folder for the contract's copy, and `--check`
//! to write nothing and fail if a file differs.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use mortise_author::world;
use wit_bindgen_core::Files;
use wit_parser_of_generator::Resolve;

const MODULE: &str = "github.com/mortise-plugins/mortise/guest-sdk/go/internal";
/// The module that generated code imports, and that one of ours replaces.
const SUPPORT: &str = "go.bytecodealliance.org/pkg/wit";

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (sdk, wit, check) = match arguments.as_slice() {
        [sdk, wit] => (sdk, wit, false),
        [sdk, wit, flag] if flag == "--check" => (sdk, wit, true),
        _ => bail!("usage: go_bindings SDK-FOLDER WORK-FOLDER [--check]"),
    };
    let folder = Path::new(sdk).join("internal/bindings");
    for (name, bytes) in generate(Path::new(wit))?.iter() {
        let file = folder.join(name);
        let text = String::from_utf8_lossy(bytes).replace(SUPPORT, &format!("{MODULE}/wit"));
        if fs::read_to_string(&file).is_ok_and(|there| there == text) {
            continue;
        }
        if check {
            bail!(
                "{} differs from the contract: run `cargo xtask bindings`",
                file.display()
            );
        }
        write(&file, &text)?;
    }
    Ok(())
}

fn generate(wit: &Path) -> Result<Files> {
    world::everything(wit)?;
    // Read again, by the generator's own version of the parser.
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit)?;
    let everything = resolve.select_world(&[package], Some(world::NAME))?;
    let mut files = Files::default();
    let options = wit_bindgen_go::Opts {
        pkg_name: Some(format!("{MODULE}/bindings")),
        quiet: true,
        ..wit_bindgen_go::Opts::default()
    };
    options
        .build()
        .generate(&mut resolve, everything, &mut files)
        .context("the bindings for Go cannot be generated")?;
    Ok(files)
}

fn write(file: &Path, text: &str) -> Result<()> {
    let folder = file.parent().context("a file is in a folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, text))
        .with_context(|| format!("{} cannot be written", file.display()))
}
