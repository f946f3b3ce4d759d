//! `mortise plugin check` and `inspect`: look at a file without a server. Never
//! run more of a plugin than loading it does.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use mortise_runtime::{LoadError, types::Permission};
use mortise_wasm::Inspection;
use owo_colors::Style;

use super::show::{Report, directory, label, paint, printable, table};
use mortise_server::{
    hosting,
    plugins::{self, grants::GrantsFile},
};

/// The file to examine.
#[derive(Debug, clap::Args)]
pub(super) struct Look {
    /// The plugin's file.
    file: PathBuf,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

impl Look {
    pub(super) async fn check(&self) -> anyhow::Result<(String, ExitCode)> {
        let loaders = hosting::loaders(None)?;
        Ok(
            match mortise_runtime::registry::load(&self.file, &loaders).await {
                Err(error) => failed(&error, self.json)?,
                Ok(plugin) => {
                    let manifest = plugin.manifest();
                    let text = if self.json {
                        serde_json::json!({
                            "ok": true,
                            "file": self.file,
                            "id": manifest.id,
                            "version": manifest.version,
                            "backend": plugin.backend(),
                            "digest": plugin.digest(),
                        })
                        .to_string()
                    } else {
                        format!(
                            "{} {}: {} {} loads",
                            paint("ok", Style::new().green().bold()),
                            self.file.display(),
                            manifest.id,
                            manifest.version
                        )
                    };
                    (text + "\n", ExitCode::SUCCESS)
                }
            },
        )
    }

    pub(super) async fn inspect(&self) -> anyhow::Result<(String, ExitCode)> {
        let backend = hosting::wasm(None)?;
        Ok(match backend.inspect(&self.file).await {
            Err(error) => failed(&error, self.json)?,
            Ok(found) if self.json => (serde_json::to_string(&found)? + "\n", ExitCode::SUCCESS),
            Ok(found) => (describe(&found)?, ExitCode::SUCCESS),
        })
    }
}

/// Reports a file that does not load.
pub(super) fn failed(error: &LoadError, json: bool) -> anyhow::Result<(String, ExitCode)> {
    if json {
        let mut value = serde_json::to_value(error)?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("ok".to_owned(), false.into());
        }
        return Ok((value.to_string() + "\n", ExitCode::FAILURE));
    }
    Ok((Report::from(error).text(), ExitCode::FAILURE))
}

/// Describes a component for a person.
fn describe(found: &Inspection) -> anyhow::Result<String> {
    let manifest = &found.manifest;
    let capabilities: Vec<_> = found
        .capabilities
        .iter()
        .map(|capability| capability.name())
        .collect();
    let mut text = format!(
        "{}\n",
        paint(
            &format!(
                "{} {}",
                printable(&manifest.name),
                printable(&manifest.version)
            ),
            Style::new().bold()
        )
    );
    let rows = [
        ("id", manifest.id.clone()),
        ("about", manifest.description.clone()),
        ("author", manifest.author.clone()),
        ("license", manifest.license.clone()),
        ("website", manifest.website.clone()),
        ("file", found.file.display().to_string()),
        ("size", format!("{} bytes", found.size)),
        ("digest", found.digest.to_string()),
        ("can", capabilities.join(", ")),
    ];
    for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
        writeln!(text, "  {} {}", label(name), printable(value))?;
    }
    for (name, interfaces) in [("imports", &found.imports), ("exports", &found.exports)] {
        for (index, interface) in interfaces.iter().enumerate() {
            let name = if index == 0 { name } else { "" };
            writeln!(text, "  {} {interface}", label(name))?;
        }
    }
    if manifest.wants.is_empty() {
        text.push_str("\nasks for no permission\n");
        return Ok(text);
    }
    let mut table = table(&["asks for", "which", "because", "answered by"]);
    for request in &manifest.wants {
        table.add_row([
            request.permission.name().to_owned(),
            printable(&details(&request.permission)),
            printable(&request.reason),
            answered_by(&request.permission).to_owned(),
        ]);
    }
    writeln!(text, "\n{table}")?;
    if let Some(command) = plugins::grant_command(manifest, &GrantsFile::default()) {
        writeln!(text, "\nto grant the administrator's part: {command}")?;
    }
    Ok(text)
}

fn answered_by(permission: &Permission) -> &'static str {
    if permission.is_for_user() {
        "each user, by enabling it"
    } else {
        "the administrator"
    }
}

/// A permission's argument.
fn details(permission: &Permission) -> String {
    match permission {
        Permission::ReadMessages(names)
        | Permission::Cookies(names)
        | Permission::Http(names)
        | Permission::Environment(names) => names.join(", "),
        Permission::Files(directories) => {
            let directories: Vec<_> = directories.iter().map(directory).collect();
            directories.join(", ")
        }
        Permission::SendMessages
        | Permission::FilterMessages
        | Permission::Webhook
        | Permission::Timers => String::new(),
    }
}
