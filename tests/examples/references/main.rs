//! Writes the reference of each SDK, `docs/reference/LANGUAGE.md`: the explanations of the
//! contract beside the declarations in the SDK's own source, so that each page has the names
//! that a plugin's author writes. `cargo xtask references` runs this: here, because the parser
//! of the contract is compiled for the tests anyway.
//!
//! `names.toml` pairs the functions and types of the contract with the SDKs' names. It is an
//! error if a pair is missing, or if the SDK's source has no such name.
//!
//! - [`contract`]: the interfaces and types of the contract, with their explanations.
//! - [`names`]: the pairs.
//! - [`symbols`]: the declarations of a source; [`rust`], [`go`], [`python`], [`javascript`],
//!   [`c`]: reading them.
//! - [`language`]: the languages, and their rules for names.
//! - [`page`]: writing a page.
//!
//! Arguments: the repository's root, and `--check` to write nothing and fail if a page differs.

mod c;
mod contract;
mod go;
mod javascript;
mod language;
mod names;
mod page;
mod python;
mod rust;
mod symbols;

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};

use self::{contract::Contract, language::Language, names::Names};

/// The folder of the pages.
const FOLDER: &str = "docs/reference";
/// The pairs, beside this file.
const NAMES: &str = include_str!("names.toml");

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (root, check) = match arguments.as_slice() {
        [root] => (Path::new(root), false),
        [root, flag] if flag == "--check" => (Path::new(root), true),
        _ => bail!("usage: references ROOT [--check]"),
    };
    let contract = Contract::read(&root.join("wit"))?;
    let names = Names::parse(NAMES, &contract)?;
    for language in Language::ALL {
        let symbols = language.symbols(root)?;
        let text = page::write(language, &contract, &names, &symbols)
            .with_context(|| format!("the reference of {}", language.title()))?;
        let file = root.join(FOLDER).join(format!("{}.md", language.key()));
        put(&file, &text, check)?;
    }
    Ok(())
}

/// Writes a page, or checks that it is there just so.
fn put(file: &Path, text: &str, check: bool) -> Result<()> {
    if fs::read_to_string(file).is_ok_and(|there| there == text) {
        return Ok(());
    }
    if check {
        bail!(
            "{} is not up to date: run `cargo xtask references`",
            file.display()
        );
    }
    let folder = file.parent().context("a page is in a folder")?;
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(file, text))
        .with_context(|| format!("{} cannot be written", file.display()))
}
