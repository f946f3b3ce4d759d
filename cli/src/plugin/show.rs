//! Text for a terminal.

use std::{fmt::Write as _, io::IsTerminal as _};

use comfy_table::{ContentArrangement, Table, presets::UTF8_HORIZONTAL_ONLY};
use mortise_runtime::{LoadError, types::Directory};
use owo_colors::{OwoColorize as _, Style};
use serde::{Deserialize, Serialize};

/// The report of a plugin that does not load.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Report {
    pub(super) file: String,
    step: String,
    expected: String,
    found: String,
    fix: String,
}

impl From<&LoadError> for Report {
    fn from(error: &LoadError) -> Self {
        Self {
            file: error.file.display().to_string(),
            step: error.step.to_string(),
            expected: error.expected.clone(),
            found: error.found.clone(),
            fix: error.fix.clone(),
        }
    }
}

impl Report {
    /// Its parts on lines of their own.
    pub(super) fn text(&self) -> String {
        let title = format!("{} does not load", printable(&self.file));
        let mut text = format!(
            "{} {}\n",
            paint("failed", Style::new().red().bold()),
            paint(&title, Style::new().bold())
        );
        for (name, value) in [
            ("step", &self.step),
            ("expected", &self.expected),
            ("found", &self.found),
            ("fix", &self.fix),
        ] {
            line(&mut text, name, value);
        }
        text
    }
}

/// Adds a line with a label; what goes over several lines is indented.
pub(super) fn line(text: &mut String, name: &str, value: &str) {
    let value = printable(value);
    let value = value.trim_end().replace('\n', "\n            ");
    // Writing to a text does not fail.
    let _ = writeln!(text, "  {} {value}", label(name));
}

/// An empty table.
pub(crate) fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    table
}

/// A directory and how it may be used, as `--dir` takes it.
pub(super) fn directory(directory: &Directory) -> String {
    let access = if directory.writable { "rw" } else { "ro" };
    format!("{}:{access}", directory.path)
}

/// Text that a plugin's author wrote, without what would steer a terminal.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\n' && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}

pub(super) fn label(name: &str) -> String {
    paint(&format!("{name:<9}"), Style::new().dimmed())
}

/// Colour, when a person is looking and did not ask for none.
pub(super) fn paint(text: &str, style: Style) -> String {
    if std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        text.style(style).to_string()
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn a_plugin_cannot_steer_the_terminal() {
        assert_eq!(
            printable("a\u{1b}[31m\r\n\tb"),
            "a\u{fffd}[31m\u{fffd}\n\tb"
        );
    }
}
