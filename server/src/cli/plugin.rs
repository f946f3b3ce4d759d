//! `mortise plugin`: looks at plugins and answers for the administrator,
//! without a server. Never runs more of a plugin than loading it does.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    io::IsTerminal as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use mortise_runtime::{
    LoadError, Registry,
    grants::HostPattern,
    types::{Directory, Manifest, Permission},
    wasm::Inspection,
};
use owo_colors::{OwoColorize as _, Style};

use crate::plugins::{
    self,
    grants::{self, Answer, GrantsFile},
};

#[derive(Debug, clap::Subcommand)]
pub(super) enum Plugin {
    /// Load a file as the server would, and report what is wrong with it.
    Check(Look),
    /// Show what a plugin is, what it can do and what it asks for.
    Inspect(Look),
    /// Allow a plugin what the administrator answers for.
    Grant(Grant),
}

/// Which file to look at.
#[derive(Debug, clap::Args)]
pub(super) struct Look {
    /// The plugin's file.
    file: PathBuf,
    /// Print one line of JSON.
    #[arg(long)]
    json: bool,
}

/// What to allow. What was allowed before stays.
#[derive(Debug, clap::Args)]
pub(super) struct Grant {
    /// The plugin's id, as `mortise plugin inspect` shows it.
    id: String,
    /// All that the installed plugin asks of the administrator.
    #[arg(long)]
    as_asked: bool,
    /// Call out by HTTP to `host`, `host:port`, `*.domain` or `*`, with
    /// `http://` or `https://` before it to allow only that; may be repeated.
    #[arg(long, value_name = "PATTERN")]
    http: Vec<HostPattern>,
    /// Be reachable by HTTP under each user's secret address.
    #[arg(long)]
    webhook: bool,
    /// See this cookie of webhook requests; may be repeated.
    #[arg(long, value_name = "NAME")]
    cookie: Vec<String>,
    /// Be woken by timers.
    #[arg(long)]
    timers: bool,
    /// Read this environment variable of the server; may be repeated.
    #[arg(long, value_name = "NAME")]
    env: Vec<String>,
    /// Read this directory, or change it too with `:rw`; may be repeated.
    #[arg(long, value_name = "PATH[:rw]", value_parser = directory)]
    dir: Vec<Directory>,
    /// The server's data directory.
    #[arg(
        long,
        env = "MORTISE_DATA_DIR",
        value_name = "DIR",
        default_value = "data"
    )]
    data_dir: PathBuf,
    /// The folder that plugins are loaded from [default: `plugins` in the data
    /// directory].
    #[arg(long, env = "MORTISE_PLUGINS_DIR", value_name = "DIR")]
    plugins_dir: Option<PathBuf>,
}

fn directory(text: &str) -> Result<Directory, String> {
    let (path, writable) = match text.strip_suffix(":rw") {
        Some(path) => (path, true),
        None => (text.strip_suffix(":ro").unwrap_or(text), false),
    };
    if !Path::new(path).is_absolute() {
        return Err("write an absolute path, with `:rw` after it to allow changes".to_owned());
    }
    Ok(Directory {
        path: path.to_owned(),
        writable,
    })
}

impl Plugin {
    /// What a command has to say goes to standard output; a plugin that does
    /// not load makes the exit code 1.
    pub(super) fn run(self) -> miette::Result<ExitCode> {
        let (text, code) = super::runtime()?
            .block_on(async {
                Ok::<_, anyhow::Error>(match self {
                    Self::Check(look) => check(&look).await?,
                    Self::Inspect(look) => inspect(&look).await?,
                    Self::Grant(grant) => (answer(&grant).await?, ExitCode::SUCCESS),
                })
            })
            .map_err(|error| miette::miette!("{error:#}"))?;
        // A reader that went away, such as `head`, is no error of ours.
        let _ = std::io::Write::write_all(&mut std::io::stdout().lock(), text.as_bytes());
        Ok(code)
    }
}

async fn check(look: &Look) -> anyhow::Result<(String, ExitCode)> {
    let loaders = plugins::loaders(None)?;
    Ok(
        match mortise_runtime::registry::load(&look.file, &loaders).await {
            Err(error) => failed(&error, look.json)?,
            Ok(plugin) => {
                let manifest = plugin.manifest();
                let text = if look.json {
                    serde_json::json!({
                        "ok": true,
                        "file": look.file,
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
                        look.file.display(),
                        manifest.id,
                        manifest.version
                    )
                };
                (text + "\n", ExitCode::SUCCESS)
            }
        },
    )
}

async fn inspect(look: &Look) -> anyhow::Result<(String, ExitCode)> {
    let backend = plugins::wasm(None)?;
    Ok(match backend.inspect(&look.file).await {
        Err(error) => failed(&error, look.json)?,
        Ok(found) if look.json => (serde_json::to_string(&found)? + "\n", ExitCode::SUCCESS),
        Ok(found) => (describe(&found)?, ExitCode::SUCCESS),
    })
}

async fn answer(grant: &Grant) -> anyhow::Result<String> {
    let mut answer = Answer::default();
    if grant.as_asked {
        answer = Answer::as_asked(&installed(grant).await?)?;
    }
    answer.webhook |= grant.webhook;
    answer.timers |= grant.timers;
    answer.cookies.extend(grant.cookie.iter().cloned());
    answer.http.extend(grant.http.iter().cloned());
    answer.files.extend(grant.dir.iter().cloned());
    answer.environment.extend(grant.env.iter().cloned());
    if answer == Answer::default() {
        if grant.as_asked {
            return Ok(format!(
                "{} asks nothing of the administrator; each user answers by enabling it\n",
                grant.id
            ));
        }
        anyhow::bail!(
            "nothing to grant: say `--as-asked` for all that the plugin asks of the \
             administrator, or name what to allow; `mortise plugin grant --help` lists it"
        );
    }
    let path = plugins::grants_file(&grant.data_dir);
    grants::grant(&path, &grant.id, &answer)?;
    let mut text = format!("granted to {} in {}:\n", grant.id, path.display());
    for line in lines(&answer) {
        writeln!(text, "  {line}")?;
    }
    text.push_str(
        "a running server applies it when a user enables the plugin, or when it starts again\n",
    );
    Ok(text)
}

/// The manifest of the installed plugin of this id.
async fn installed(grant: &Grant) -> anyhow::Result<Manifest> {
    let folder = grant
        .plugins_dir
        .clone()
        .unwrap_or_else(|| plugins::default_folder(&grant.data_dir));
    let registry = Registry::open(&folder, &plugins::loaders(None)?)
        .await
        .with_context(|| format!("the plugins folder {} cannot be listed", folder.display()))?;
    if let Some(found) = registry.get(&grant.id) {
        return Ok(found.plugin.manifest().clone());
    }
    let known: Vec<_> = registry
        .plugins()
        .map(|installed| installed.plugin.manifest().id.as_str())
        .collect();
    let mut text = format!(
        "no plugin in {} has the id `{}`; ",
        folder.display(),
        grant.id
    );
    match known.as_slice() {
        [] => text.push_str("no plugin there loads"),
        known => write!(text, "there are {}", known.join(", "))?,
    }
    for failure in registry.failures() {
        write!(text, "\n{failure}")?;
    }
    anyhow::bail!(text)
}

/// What is granted, one line each.
fn lines(answer: &Answer) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, granted) in [("webhook", answer.webhook), ("timers", answer.timers)] {
        if granted {
            lines.push(name.to_owned());
        }
    }
    let texts = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>();
    let files = answer.files.iter().map(shown).collect();
    let http = answer.http.iter().map(ToString::to_string).collect();
    for (name, values) in [
        ("cookies", texts(&answer.cookies)),
        ("http", http),
        ("files", files),
        ("environment", texts(&answer.environment)),
    ] {
        if !values.is_empty() {
            lines.push(format!("{name}: {}", values.join(", ")));
        }
    }
    lines
}

fn shown(directory: &Directory) -> String {
    let access = if directory.writable { "rw" } else { "ro" };
    format!("{}:{access}", directory.path)
}

/// The report of a plugin that does not load, its parts on lines of their own.
fn failed(error: &LoadError, json: bool) -> anyhow::Result<(String, ExitCode)> {
    if json {
        let mut value = serde_json::to_value(error)?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("ok".to_owned(), false.into());
        }
        return Ok((value.to_string() + "\n", ExitCode::FAILURE));
    }
    let title = format!("{} does not load", error.file.display());
    let mut text = format!(
        "{} {}\n",
        paint("failed", Style::new().red().bold()),
        paint(&title, Style::new().bold())
    );
    for (name, value) in [
        ("step", error.step.to_string()),
        ("expected", error.expected.clone()),
        ("found", error.found.clone()),
        ("fix", error.fix.clone()),
    ] {
        // What a plugin said may go over several lines.
        let value = printable(&value).trim_end().replace('\n', "\n            ");
        writeln!(text, "  {} {value}", label(name))?;
    }
    Ok((text, ExitCode::FAILURE))
}

/// What is in a component, for a person.
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
    let mut table = comfy_table::Table::new();
    table
        .load_preset(comfy_table::presets::UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(comfy_table::ContentArrangement::Dynamic)
        .set_header(["asks for", "which", "because", "answered by"]);
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
            let directories: Vec<_> = directories.iter().map(shown).collect();
            directories.join(", ")
        }
        Permission::SendMessages
        | Permission::FilterMessages
        | Permission::Webhook
        | Permission::Timers => String::new(),
    }
}

/// Text that a plugin's author wrote, without what would steer a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

fn label(name: &str) -> String {
    paint(&format!("{name:<9}"), Style::new().dimmed())
}

/// Colour, when a person is looking and did not ask for none.
fn paint(text: &str, style: Style) -> String {
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        text.style(style).to_string()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::{directory, printable};

    #[test]
    fn a_directory_is_read_only_unless_said() {
        assert!(directory("/srv:rw").unwrap().writable);
        assert_eq!(directory("/srv:rw").unwrap().path, "/srv");
        assert!(!directory("/srv").unwrap().writable);
        assert_eq!(directory("/srv:ro").unwrap().path, "/srv");
        assert!(directory("srv").is_err());
    }

    #[test]
    fn a_plugin_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[31m\r\nb"), "a\u{fffd}[31m\u{fffd}\nb");
    }
}
