//! `mortise plugin componentize`: turns a core module into a component, and puts
//! a manifest into one.

use std::{
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, anyhow, bail};
use mortise_wasm::Embedded;

/// The largest module that is read, in bytes: far above those that compilers make.
const LARGEST: u64 = 256 << 20;

/// The largest manifest that is read, in bytes.
const LARGEST_MANIFEST: u64 = 4 << 20;

/// The core module to turn into a component, or the component to describe.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A module must contain the description of its world, which the bindings of
wit-bindgen add. Its calls of WASI 0.1 become calls of WASI 0.2.

A manifest is for a component that exports none, such as one for wasi:http.

Examples:
  mortise plugin componentize core.wasm --output shout.wasm
  mortise plugin componentize target/wasm32-wasip1/release/shout.wasm -o shout.wasm
  mortise plugin componentize hook.wasm --manifest manifest.toml -o hook-plugin.wasm")]
pub(in crate::plugin) struct Componentize {
    /// The module, compiled for wasm32-wasip1 or an equal target; or, with
    /// `--manifest`, a component.
    module: PathBuf,
    /// The manifest to put in, as TOML, or as JSON if its name ends in `.json`.
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
    /// The file to write the component to.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

impl Componentize {
    pub(in crate::plugin) fn run(self) -> anyhow::Result<String> {
        let module = self.module.display();
        let embedded = self.manifest.as_deref().map(manifest).transpose()?;
        let bytes = read(&self.module, LARGEST)?;
        let component = match (is_component(&bytes), &embedded) {
            (true, None) => bail!(
                "{module} is a component already; `--manifest FILE` puts a manifest into it, for a \
                 component that exports none"
            ),
            (true, Some(_)) => bytes,
            (false, _) => mortise_author::component::encode(bytes, None).map_err(|error| {
                anyhow!(
                    "{module} cannot become a component: {error}; it must be a core module that was compiled with the SDK"
                )
            })?,
        };
        let component = match embedded {
            None => component,
            Some(embedded) => embedded.embed(&component).map_err(|flaw| {
                anyhow!(
                    "{module}: expected {}, found {}; {}",
                    flaw.expected,
                    flaw.found,
                    flaw.fix
                )
            })?,
        };
        // The file is complete from the start: a server may watch the folder.
        let mut aside = self.output.clone().into_os_string();
        aside.push(format!(".new-{}", std::process::id()));
        if let Err(error) =
            fs::write(&aside, &component).and_then(|()| fs::rename(&aside, &self.output))
        {
            // The first error is the one to report.
            let _ = fs::remove_file(&aside);
            return Err(error)
                .with_context(|| format!("{} cannot be written", self.output.display()));
        }
        Ok(format!(
            "made {}, {} KiB\n",
            self.output.display(),
            component.len().div_ceil(1024)
        ))
    }
}

/// Returns true if a file begins as a component, not as a core module.
fn is_component(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0asm") && bytes.get(6..8) == Some(&[1, 0])
}

/// Reads the manifest beside a component.
fn manifest(file: &Path) -> anyhow::Result<Embedded> {
    let name = file.display();
    let bytes = read(file, LARGEST_MANIFEST)?;
    let value = if file.extension().is_some_and(|ending| ending == "json") {
        serde_json::from_slice(&bytes).with_context(|| format!("{name} is no JSON"))?
    } else {
        let text = String::from_utf8(bytes).with_context(|| format!("{name} is no text"))?;
        toml::from_str(&text).with_context(|| format!("{name} is no TOML"))?
    };
    Embedded::from_value(value).map_err(|flaw| {
        anyhow!(
            "{name} is no manifest: expected {}, found {}; {}",
            flaw.expected,
            flaw.found,
            flaw.fix
        )
    })
}

fn read(file: &Path, most: u64) -> anyhow::Result<Vec<u8>> {
    let name = file.display();
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|file| file.take(most + 1).read_to_end(&mut bytes))
        .with_context(|| format!("{name} cannot be read"))?;
    if bytes.len() as u64 > most {
        bail!("{name} is larger than {most} bytes");
    }
    Ok(bytes)
}
