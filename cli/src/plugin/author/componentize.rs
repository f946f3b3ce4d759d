//! `mortise plugin componentize`: turns a core module into a component.

use std::{
    fs::{self, File},
    io::Read as _,
    path::PathBuf,
};

use anyhow::{Context as _, bail};

/// The largest module that is read, in bytes: far above those that compilers make.
const LARGEST: u64 = 256 << 20;

/// The core module to turn into a component.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  mortise plugin componentize core.wasm --output shout.wasm
  mortise plugin componentize target/wasm32-wasip1/release/shout.wasm -o shout.wasm

The module must contain the description of its world, which the bindings of
wit-bindgen add. Its calls of WASI 0.1 become calls of WASI 0.2.")]
pub(in crate::plugin) struct Componentize {
    /// The module, compiled for wasm32-wasip1 or an equal target.
    module: PathBuf,
    /// The file to write the component to.
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

impl Componentize {
    pub(in crate::plugin) fn run(self) -> anyhow::Result<String> {
        let module = self.module.display();
        let mut bytes = Vec::new();
        File::open(&self.module)
            .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
            .with_context(|| format!("{module} cannot be read"))?;
        if bytes.len() as u64 > LARGEST {
            bail!("{module} is no plugin's module: it is larger than {LARGEST} bytes");
        }
        let component = mortise_author::component::encode(bytes, None).map_err(|error| {
            anyhow::anyhow!(
                "{module} cannot become a component: {error}; it must be a core module that was compiled with the SDK"
            )
        })?;
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
