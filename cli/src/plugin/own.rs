//! `mortise plugin config` and `display`: a plugin as its user has it on the
//! page, for servers whose page does not show it and for scripts.

use std::io::IsTerminal as _;

use serde_json::json;

use super::{
    commands::{self, Named, Own, Purpose},
    show::printable,
};

/// The plugin, and a configuration to save.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A plugin that was never configured has the defaults of its author. The server checks a new
configuration before it saves it; if there is an error, nothing changes.

Examples:
  mortise plugin config rules > rules.yaml
  mortise plugin config rules rules.yaml
  mortise plugin config rules --schema")]
pub(super) struct Config {
    #[command(flatten)]
    pub(super) plugin: Named,
    /// Save this file as the configuration, or standard input if it is `-`
    /// [default: print the configuration].
    #[arg(value_name = "FILE|-")]
    file: Option<String>,
    /// Print the JSON Schema of the configuration.
    #[arg(long, conflicts_with = "file")]
    schema: bool,
}

impl Config {
    pub(super) async fn run(&self) -> anyhow::Result<String> {
        let remote = self.plugin.which.remote()?;
        // Before the server is asked: a file that cannot be read is no reason to.
        let new = self.file.as_deref();
        let new = new.map(|file| commands::read(file, Purpose::Configuration));
        let new = new.transpose()?;
        let own = Own::find(&remote, &self.plugin.id).await?;
        if let Some(text) = new {
            own.configure(&remote, text).await?;
            return Ok(self
                .plugin
                .done("configured", "the new configuration is in force"));
        }
        if self.schema {
            return Ok(whole(remote.text(&own.path("/schema")).await?));
        }
        let text = remote.text(&own.path("/config")).await?;
        if self.plugin.json {
            let id = &self.plugin.id;
            return Ok(json!({ "id": id, "config": text }).to_string() + "\n");
        }
        Ok(whole(text))
    }
}

/// Text for a file or a program as it is, and for a terminal without what would
/// steer it: the defaults are the author's.
fn whole(text: String) -> String {
    if std::io::stdout().is_terminal() {
        printable(&text)
    } else {
        text
    }
}

impl Named {
    /// The plugin's text for its user, and the address of its webhook.
    pub(super) async fn display(&self) -> anyhow::Result<String> {
        let remote = self.which.remote()?;
        let own = Own::find(&remote, &self.id).await?;
        let exports = |capability: &str| own.exports.iter().any(|export| export == capability);
        let text = match exports("displayer") {
            true => Some(remote.get::<String>(&own.path("/display")).await?),
            false => None,
        };
        let webhook = exports("webhook").then(|| own.webhook_path());
        if self.json {
            let shown = json!({ "id": self.id, "display": text, "webhook": webhook });
            return Ok(format!("{shown}\n"));
        }
        let mut lines = Vec::new();
        if let Some(text) = &text {
            lines.push(printable(text.trim_end()));
        }
        if let Some(path) = &webhook {
            lines.push(format!("its webhook, at the server's address: {path}"));
        }
        if lines.is_empty() {
            lines.push(format!("{} shows nothing and has no webhook", self.id));
        }
        Ok(lines.join("\n\n") + "\n")
    }
}
