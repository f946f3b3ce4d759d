//! `mortise plugin build`: makes a plugin's file.

use std::{path::PathBuf, time::Duration};

use mortise_author::{Built, Kind};

use super::progress::{Told, seconds};

/// Options of a build.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
If a tool is missing, the command names it and says how to get it. It installs nothing.

Examples:
  mortise plugin build
      makes dist/NAME.wasm from the plugin in the current folder
  mortise plugin build --native
      makes dist/NAME, an executable for this machine, if the language supports it")]
pub(in crate::plugin) struct Build {
    /// The plugin's folder.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Make an executable for this machine instead of a component.
    #[arg(long)]
    native: bool,
    /// Print one line of JSON: the file, its size, and each step's time.
    #[arg(long)]
    json: bool,
}

impl Build {
    pub(in crate::plugin) fn run(self) -> anyhow::Result<String> {
        let kind = if self.native {
            Kind::Native
        } else {
            Kind::Component
        };
        let built = mortise_author::build(&self.folder, kind, &Told)?;
        Ok(if self.json {
            json(&built)
        } else {
            format!(
                "built {}, {} KiB, in {}\n",
                built.file.display(),
                built.bytes.div_ceil(1024),
                seconds(built.steps.iter().map(|(_, time)| *time).sum())
            )
        })
    }
}

fn json(built: &Built) -> String {
    let ms = |time: &Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let steps: Vec<_> = built
        .steps
        .iter()
        .map(|(step, time)| serde_json::json!({ "step": step, "ms": ms(time) }))
        .collect();
    let line = serde_json::json!({ "file": built.file, "bytes": built.bytes, "steps": steps });
    format!("{line}\n")
}
