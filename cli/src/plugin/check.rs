//! `mortise plugin check` and `inspect`: look at a file without a server. Never
//! run more of a plugin than loading it does.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode, sync::Arc};

use comfy_table::Table;
use mortise_native::Settings as NativeSettings;
use mortise_runtime::{
    Capabilities, Digest, LoadError, Loader,
    plugin::Backend,
    registry,
    types::{Interests, Manifest, Permission},
};
use owo_colors::Style;
use serde::Serialize;

use super::show::{Report, directory, label, paint, printable, table};
use mortise_server::plugins::{self, grants::GrantsFile};

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
        let loaders = mortise_backends::all(None, NativeSettings::default())?;
        Ok(
            match mortise_runtime::registry::load(&self.file, &loaders).await {
                Err(error) => failed(&error, self.json)?,
                Ok(plugin) => {
                    let manifest = plugin.manifest();
                    let warnings = match plugin.backend() {
                        Backend::Wasm => warnings(&std::fs::read(&self.file)?),
                        _ => Vec::new(),
                    };
                    let mut text = if self.json {
                        serde_json::json!({
                            "ok": true,
                            "file": self.file,
                            "id": manifest.id,
                            "version": manifest.version,
                            "backend": plugin.backend(),
                            "digest": plugin.digest(),
                            "warnings": warnings,
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
                    if !self.json {
                        for warning in warnings {
                            let label = paint("warning", Style::new().yellow().bold());
                            write!(text, "\n{label} {warning}")?;
                        }
                    }
                    (text + "\n", ExitCode::SUCCESS)
                }
            },
        )
    }

    pub(super) async fn inspect(&self) -> anyhow::Result<(String, ExitCode)> {
        Ok(match self.look().await? {
            Err(error) => failed(&error, self.json)?,
            Ok(found) if self.json => (serde_json::to_string(&found)? + "\n", ExitCode::SUCCESS),
            Ok(found) => (describe(&found)?, ExitCode::SUCCESS),
        })
    }
}

/// Code of Rust's that no component can run: a part of its functions' names, and the
/// warning.
const NEVER_RUNS: [(&str, &str); 2] = [
    (
        "3std3net",
        "its Rust code opens sockets or looks up names, which components are denied; send HTTP \
         requests with the SDK's `Context::http`",
    ),
    (
        "12wasm_bindgen",
        "its Rust code calls a browser, as the crate `reqwest` does in WebAssembly, and crashes \
         there; send HTTP requests with the SDK's `Context::http`",
    ),
];

/// Warns of functions in a component that will fail. Recognizes them by their names, if the
/// component has these.
fn warnings(component: &[u8]) -> Vec<&'static str> {
    let has = |name: &str| {
        component
            .windows(name.len())
            .any(|part| part == name.as_bytes())
    };
    let found = NEVER_RUNS.into_iter().filter(|(name, _)| has(name));
    found.map(|(_, warning)| warning).collect()
}

impl Description {
    /// Looks at a file.
    pub(super) async fn of(file: PathBuf) -> anyhow::Result<Result<Self, LoadError>> {
        Look { file, json: false }.look().await
    }
}

impl Look {
    /// Describes a component or a process. An executable runs as long as it takes
    /// to describe itself, as when the server loads it.
    async fn look(&self) -> anyhow::Result<Result<Description, LoadError>> {
        let components = Arc::new(mortise_backends::wasm(None)?);
        let component =
            registry::loader_of(&self.file, &[Arc::clone(&components) as Arc<dyn Loader>])
                .await
                .is_ok();
        if component {
            let found = components.inspect(&self.file).await;
            return Ok(found.map(|found| Description {
                backend: Backend::Wasm,
                contract: found.contract.map(str::to_owned),
                file: found.file,
                size: found.size,
                digest: found.digest,
                manifest: found.manifest,
                capabilities: Some(found.capabilities),
                imports: found.imports,
                exports: found.exports,
            }));
        }
        let plugin = match registry::load(
            &self.file,
            &mortise_backends::all(None, NativeSettings::default())?,
        )
        .await
        {
            Ok(plugin) => plugin,
            Err(error) => return Ok(Err(error)),
        };
        Ok(Ok(Description {
            backend: plugin.backend(),
            contract: plugin.contract().map(str::to_owned),
            file: self.file.clone(),
            size: std::fs::metadata(&self.file)?.len(),
            digest: plugin.digest(),
            manifest: plugin.manifest().clone(),
            capabilities: plugin.capabilities(),
            imports: Vec::new(),
            exports: Vec::new(),
        }))
    }
}

/// The description of a plugin's file.
#[derive(Debug, Serialize)]
pub(super) struct Description {
    pub(super) backend: Backend,
    /// The version of the contract that it was built for, if it tells one.
    #[serde(skip_serializing_if = "Option::is_none")]
    contract: Option<String>,
    file: PathBuf,
    /// In bytes.
    size: u64,
    digest: Digest,
    pub(super) manifest: Manifest,
    /// None where only a user's instance tells.
    capabilities: Option<Capabilities>,
    /// Interfaces with versions; a component's only.
    pub(super) imports: Vec<String>,
    pub(super) exports: Vec<String>,
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

/// Describes a plugin for a person.
fn describe(found: &Description) -> anyhow::Result<String> {
    let manifest = &found.manifest;
    let capabilities = found.capabilities.as_ref().map_or_else(
        || "reported by each user's instance, once one exists".to_owned(),
        |known| {
            known
                .iter()
                .map(|one| one.name())
                .collect::<Vec<_>>()
                .join(", ")
        },
    );
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
        ("runs as", found.backend.to_string()),
        ("contract", found.contract.clone().unwrap_or_default()),
        ("file", found.file.display().to_string()),
        ("size", format!("{} bytes", found.size)),
        ("digest", found.digest.to_string()),
        ("can", capabilities),
        (
            "listens",
            manifest.listens.as_ref().map(interests).unwrap_or_default(),
        ),
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
    writeln!(text, "\n{}", permissions(manifest))?;
    if let Some(command) = plugins::grant_command(manifest, &GrantsFile::default()) {
        writeln!(text, "\nto grant the administrator's part: {command}")?;
    }
    Ok(text)
}

/// The messages that a listener wants.
fn interests(interests: &Interests) -> String {
    let Interests {
        applications,
        min_priority,
    } = interests;
    let mut text = match &**applications {
        [] => "to all applications that it may read".to_owned(),
        names => format!("to {}", names.join(", ")),
    };
    if let Some(priority) = min_priority {
        text.push_str(&format!(", from priority {priority} on"));
    }
    text
}

/// Returns the table of the permissions in a manifest.
pub(super) fn permissions(manifest: &Manifest) -> Table {
    let mut table = table(&["asks for", "which", "because", "answered by"]);
    for request in &manifest.wants {
        table.add_row([
            request.permission.name().to_owned(),
            printable(&details(&request.permission)),
            printable(&request.reason),
            answered_by(&request.permission).to_owned(),
        ]);
    }
    table
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
        | Permission::Environment(names)
        | Permission::SendToUsers(names) => names.join(", "),
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
