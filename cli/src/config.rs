//! `mortise config`: the settings of `mortise serve`.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{ArgMatches, Args, Subcommand};
use miette::{IntoDiagnostic as _, miette};
use mortise_server::{
    oci,
    settings::{self, Converted, Settings},
    tls,
};
use serde_json::json;

use crate::{
    output::say,
    plugin::{printable, table},
    serve::Given,
};

/// Show, check and import the settings of `mortise serve`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  mortise config show
  mortise config check --config /etc/mortise/mortise.toml
  mortise config import /etc/gotify/config.yml")]
pub(super) struct Config {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check the settings and the certificates.
    #[command(after_help = "\
The command takes all options of `mortise serve`.

Examples:
  mortise config check
  mortise config check --config /etc/mortise/mortise.toml")]
    Check(Shown),
    /// Show each setting and the source of its value.
    #[command(after_help = "\
If several sources have a setting, the first one counts: a flag, a variable MORTISE_..., a
variable GOTIFY_..., the file, the default. The file is the one that --config or
MORTISE_CONFIG names, or else `mortise.toml` in the data directory, or else
/etc/mortise/mortise.toml.

Examples:
  mortise config show
  mortise config show --json | jq '.settings[] | select(.from != \"default\")'")]
    Show(Shown),
    /// Convert Gotify's settings to settings of Mortise.
    #[command(after_help = "Examples:
  mortise config import /etc/gotify/config.yml
      prints the settings
  mortise config import /etc/gotify/server.env --write data/mortise.toml
      writes them to a new file
  mortise config import
      converts only the variables GOTIFY_... of this shell")]
    Import(Import),
}

#[derive(Debug, Args)]
struct Shown {
    #[command(flatten)]
    given: Given,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Import {
    /// Gotify's `config.yml` (version 2) or `gotify-server.env` (version 3).
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Write to this new file.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
}

impl Config {
    pub(super) fn run(self, matches: &ArgMatches) -> miette::Result<ExitCode> {
        // There is one subcommand, with its own arguments.
        let matches = matches.subcommand().map_or(matches, |(_, matches)| matches);
        match self.command {
            Command::Check(shown) => shown.check(matches),
            Command::Show(shown) => shown.show(matches),
            Command::Import(import) => import.run(),
        }
    }
}

impl Shown {
    fn check(&self, matches: &ArgMatches) -> miette::Result<ExitCode> {
        let checked = self.given.settings(matches).and_then(|settings| {
            tls::check(&settings.config)
                .map_err(|error| miette!(help = error.help(), "{error}"))?;
            if let Some(file) = &settings.config.registry_ca {
                oci::check_authorities(file).into_diagnostic()?;
            }
            Ok(settings)
        });
        match checked {
            Ok(settings) if self.json => {
                let file = settings.file.map(|file| file.display().to_string());
                say(&format!(
                    "{}\n",
                    json!({"ok": true, "file": file, "notes": settings.notes})
                ));
            }
            Ok(settings) => say_fine(&settings),
            Err(error) if self.json => {
                say(&format!(
                    "{}\n",
                    json!({"ok": false, "error": error.to_string()})
                ));
                return Ok(ExitCode::FAILURE);
            }
            Err(error) => return Err(error),
        }
        Ok(ExitCode::SUCCESS)
    }

    fn show(&self, matches: &ArgMatches) -> miette::Result<ExitCode> {
        let settings = self.given.settings(matches)?;
        let shown = |setting: &settings::Setting| -> Vec<String> {
            if setting.secret && !setting.values.is_empty() {
                vec!["(hidden)".to_owned()]
            } else {
                setting.values.clone()
            }
        };
        if self.json {
            let all: Vec<_> = settings
                .all
                .iter()
                .map(|setting| {
                    json!({
                        "name": setting.name,
                        "values": shown(setting),
                        "from": setting.source.to_string(),
                    })
                })
                .collect();
            let file = settings
                .file
                .as_ref()
                .map(|file| file.display().to_string());
            say(&format!(
                "{}\n",
                json!({"file": file, "settings": all, "notes": settings.notes})
            ));
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = table(&["setting", "value", "from"]);
        for setting in &settings.all {
            table.add_row([
                setting.name.clone(),
                printable(&shown(setting).join(", ")),
                setting.source.to_string(),
            ]);
        }
        let mut text = format!("{table}\n");
        for note in &settings.notes {
            let _ = writeln!(text, "- {note}");
        }
        say(&text);
        Ok(ExitCode::SUCCESS)
    }
}

fn say_fine(settings: &Settings) {
    let mut text = match &settings.file {
        Some(file) => format!("the settings are fine, with the file {}\n", file.display()),
        None => "the settings are fine; there is no file\n".to_owned(),
    };
    for note in &settings.notes {
        let _ = writeln!(text, "- {note}");
    }
    say(&text);
}

impl Import {
    fn run(self) -> miette::Result<ExitCode> {
        let mut given = match &self.file {
            Some(file) => settings::gotify_file(file).into_diagnostic()?,
            None => BTreeMap::new(),
        };
        // As in Gotify, a variable wins over a file.
        given.extend(settings::gotify_environment().into_diagnostic()?);
        if given.is_empty() {
            return Err(miette!(
                help = "name Gotify's config.yml or gotify-server.env",
                "there is nothing to import: no variable GOTIFY_... is set"
            ));
        }
        let converted = settings::convert(&given).into_diagnostic()?;
        let text = toml(&converted);
        match &self.write {
            None => {
                say(&text);
            }
            Some(path) => {
                write_new(path, &text)?;
                say(&format!("wrote {}\n", path.display()));
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn toml(converted: &Converted) -> String {
    let mut text = "# Settings of `mortise serve`; see `mortise config show`.\n".to_owned();
    for setting in &converted.settings {
        let quoted: Vec<_> = setting.values.iter().map(|value| quoted(value)).collect();
        let value = match quoted.as_slice() {
            [one] => one.clone(),
            several => format!("[{}]", several.join(", ")),
        };
        let _ = writeln!(text, "{} = {value}", setting.name);
    }
    if let Some(filter) = converted.log_filter {
        let _ = writeln!(text, "# GOTIFY_LOGLEVEL: set RUST_LOG={filter}");
    }
    for note in &converted.notes {
        let _ = writeln!(text, "# {}", note.replace('\n', " "));
    }
    text
}

/// As TOML writes a text; its escapes are those of JSON.
fn quoted(text: &str) -> String {
    match text {
        "true" | "false" => text.to_owned(),
        text => serde_json::Value::from(text).to_string(),
    }
}

fn write_new(path: &Path, text: &str) -> miette::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    // The first administrator's password may be in it.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .map_err(|error| {
            miette!(
                help = "name a file that is not there yet, in a folder that is",
                "cannot write {}: {error}",
                path.display()
            )
        })
}
