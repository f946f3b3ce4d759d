//! `mortise plugin new`: begins a plugin.

use std::path::PathBuf;

use anyhow::Context as _;
use mortise_author::{Capability, Language, scaffold};

/// A new plugin.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The command copies the SDK into the plugin's folder, so that the build needs no clone
of Mortise's repository.

Examples:
  mortise plugin new shout --lang rust
      a plugin that changes messages before they are stored, with a configuration
  mortise plugin new hooks --lang rust --capability webhook --id io.github.me.hooks
      a plugin that sends messages from HTTP requests")]
pub(in crate::plugin) struct New {
    /// The name of the plugin and its folder: lower-case letters, digits and `-`.
    name: String,
    /// The language.
    #[arg(long, value_name = "LANGUAGE")]
    lang: Language,
    /// Add this capability; may be repeated, or separated by commas.
    #[arg(
        long = "capability",
        value_name = "CAPABILITY",
        value_delimiter = ',',
        default_values = ["configurer", "filter"]
    )]
    capabilities: Vec<Capability>,
    /// The plugin's id: unique, stable, and under a name that you own [default:
    /// `org.example.NAME`].
    #[arg(long)]
    id: Option<String>,
    /// Refer to the SDK in this clone of Mortise's repository, instead of
    /// copying it.
    #[arg(long, value_name = "DIR")]
    sdk: Option<PathBuf>,
}

impl New {
    pub(in crate::plugin) fn run(self) -> anyhow::Result<String> {
        let here = std::env::current_dir().context("the current folder is not there any more")?;
        scaffold::new(
            &scaffold::New {
                name: self.name.clone(),
                id: self.id,
                language: self.lang,
                capabilities: self.capabilities,
                clone: self.sdk,
            },
            &here,
        )?;
        let name = self.name;
        Ok(format!(
            "made {name}/, a plugin in {}; next:\n  cd {name}\n  mortise plugin dev\n",
            self.lang.title()
        ))
    }
}
