//! The commands in `docs/first-plugin.md`: the lines that begin with `$` in its
//! blocks of the language `console`.

use std::fs;

use anyhow::{Context as _, Result};

use crate::workspace::Workspace;

const PAGE: &str = "docs/first-plugin.md";
/// The section that is for every language.
const SERVER: &str = "Into a server";
/// The command at which a native plugin's commands begin to differ.
const BUILD: &str = "mortise plugin build";

/// The page's sections, each with its blocks of commands.
#[derive(Debug)]
pub(super) struct Guide {
    sections: Vec<(String, Vec<Vec<String>>)>,
}

impl Guide {
    pub(super) fn read(workspace: &Workspace) -> Result<Self> {
        let text = fs::read_to_string(workspace.root.join(PAGE))
            .with_context(|| format!("{PAGE} cannot be read"))?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut sections: Vec<(String, Vec<Vec<String>>)> = Vec::new();
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                sections.push((title.to_owned(), Vec::new()));
            }
            let Some((_, blocks)) = sections.last_mut() else {
                continue;
            };
            if line == "```console" {
                blocks.push(Vec::new());
            } else if let (Some(command), Some(block)) =
                (line.strip_prefix("$ "), blocks.last_mut())
            {
                block.push(command.to_owned());
            }
        }
        Self { sections }
    }

    fn blocks(&self, section: &str) -> Result<&[Vec<String>]> {
        self.sections
            .iter()
            .find(|(title, _)| title == section)
            .map(|(_, blocks)| blocks.as_slice())
            .with_context(|| format!("{PAGE} has no section `{section}`"))
    }

    /// Returns the commands that make a component in a language: the first
    /// block. A native plugin begins in the same way and continues with the
    /// second block.
    pub(super) fn of_language(&self, section: &str, native: bool) -> Result<Vec<String>> {
        let blocks = self.blocks(section)?;
        let block = |at: usize| {
            blocks
                .get(at)
                .with_context(|| format!("{PAGE}: `{section}` lacks a block of commands"))
        };
        let component = block(0)?;
        if !native {
            return Ok(component.clone());
        }
        let begun = component.iter().take_while(|line| !line.starts_with(BUILD));
        Ok(begun.chain(block(1)?).cloned().collect())
    }

    /// Returns the commands that install a plugin and send a message through
    /// it.
    pub(super) fn of_server(&self) -> Result<Vec<String>> {
        Ok(self.blocks(SERVER)?.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::Guide;

    #[test]
    fn the_commands_are_those_in_the_blocks() {
        let guide = Guide::parse(
            "# A\n\n## Go\n\n```console\n$ go version\n$ mortise plugin build\n```\n\ntext\n\n```console\n$ mortise plugin build --native\n```\n\n## Into a server\n\n```console\n$ mortise serve\nit says something\n```\n",
        );
        let commands = |native| guide.of_language("Go", native).unwrap();
        assert_eq!(commands(false), ["go version", "mortise plugin build"]);
        assert_eq!(
            commands(true),
            ["go version", "mortise plugin build --native"]
        );
        assert_eq!(guide.of_server().unwrap(), ["mortise serve"]);
        assert!(guide.of_language("C", false).is_err());
        assert!(guide.of_language("Into a server", true).is_err());
    }
}
