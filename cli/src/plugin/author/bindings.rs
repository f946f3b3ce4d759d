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
For a language that `mortise plugin new` does not know. The folder `wit` has the plugin's
world: these capabilities, and all that a plugin may call. The folder `bindings` has
plugin.h, plugin.c and plugin_component_type.o, for any language that calls C. Write the
manifest as a file, and put it in with `mortise plugin componentize --manifest`.

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
