//! `mortise plugin bindings`: writes the contract for a plugin in any language.

use std::path::PathBuf;

use mortise_author::{Capability, bindings};

/// The languages of bindings.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Lang {
    C,
}

/// The bindings to write.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Use this for a language that `mortise plugin new` does not know. The folder `wit` gets the
plugin's world: these capabilities, and all functions that a plugin may call. The folder
`bindings` gets plugin.h, plugin.c and plugin_component_type.o, for any language that can call C.
Write the manifest into a file, and add it with `mortise plugin componentize --manifest`.

Examples:
  mortise plugin bindings --lang c --capability webhook
  mortise plugin bindings --capability filter,timer weather
      writes weather/wit only, for a generator of the language's own")]
pub(in crate::plugin) struct Bindings {
    /// The plugin's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Export this capability; may be repeated, or separated by commas.
    #[arg(
        long = "capability",
        value_name = "CAPABILITY",
        value_delimiter = ',',
        required = true
    )]
    capabilities: Vec<Capability>,
    /// Write bindings in this language too.
    #[arg(long, value_enum, value_name = "LANGUAGE")]
    lang: Option<Lang>,
}

impl Bindings {
    pub(in crate::plugin) fn run(self) -> anyhow::Result<String> {
        let world = bindings::write_world(&self.folder, &self.capabilities)?;
        let written = format!("wrote {}\n", world.folder.display());
        Ok(match self.lang {
            None => written,
            Some(Lang::C) => {
                let folder = bindings::write_c(&self.folder, world)?;
                format!("{written}wrote {}\n", folder.display())
            }
        })
    }
}
