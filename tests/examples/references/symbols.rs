//! The public declarations of an SDK's source, and the parts that all readers use.

use std::{collections::BTreeMap, iter::Peekable, str};

use anyhow::{Context as _, Result};

/// A declaration.
#[derive(Debug)]
pub(crate) struct Symbol {
    /// The first paragraph of its explanation in the SDK.
    pub(crate) doc: String,
    /// Its code, without a body.
    pub(crate) text: String,
}

/// The declarations by their names: `Type`, `Type.member`, `function`.
#[derive(Debug, Default)]
pub(crate) struct Symbols(BTreeMap<String, Symbol>);

impl Symbols {
    /// Adds a declaration; of several with the same name, the first one stays.
    pub(crate) fn add(&mut self, name: impl Into<String>, doc: &[&str], text: impl Into<String>) {
        let paragraph = doc
            .iter()
            .skip_while(|line| line.is_empty())
            .take_while(|line| !line.is_empty());
        self.0.entry(name.into()).or_insert_with(|| Symbol {
            doc: paragraph.copied().collect::<Vec<_>>().join("\n"),
            text: text.into(),
        });
    }

    /// Adds a line to a declaration.
    pub(crate) fn extend(&mut self, name: &str, line: &str) {
        if let Some(symbol) = self.0.get_mut(name) {
            symbol.text.push('\n');
            symbol.text.push_str(line);
        }
    }

    /// Returns a declaration.
    pub(crate) fn get(&self, name: &str) -> Result<&Symbol> {
        self.0
            .get(name)
            .with_context(|| format!("the SDK's source has no `{name}`"))
    }
}

/// The lines of a source that are not read yet.
pub(crate) type Lines<'a> = Peekable<str::Lines<'a>>;

/// Returns a line and those after it, up to the first that is the last one.
pub(crate) fn through<'a>(
    first: &'a str,
    lines: &mut Lines<'a>,
    is_last: impl Fn(&str) -> bool,
) -> Result<Vec<&'a str>> {
    let mut all = vec![first];
    while !all.last().is_some_and(|line| is_last(line)) {
        let next = lines.next();
        all.push(next.with_context(|| format!("`{first}` does not end"))?);
    }
    Ok(all)
}

/// Returns the name that a text begins with.
pub(crate) fn name(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
    let end = text.find(|c: char| !is_part(c)).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Returns the number of blanks that a line begins with.
pub(crate) fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Returns lines without their first blanks.
pub(crate) fn outdent(lines: &[&str], blanks: usize) -> String {
    let lines = lines
        .iter()
        .map(|line| line.get(blanks..).unwrap_or(line.trim_start()));
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns the lines of a block comment, given its first line after the opening, without
/// the stars at their beginnings.
pub(crate) fn block_comment<'a>(first: &'a str, lines: &mut Lines<'a>) -> Result<Vec<&'a str>> {
    let all = through(first, lines, |line| line.trim_end().ends_with("*/"))?;
    let all = all.into_iter().map(|line| {
        let line = line.trim();
        line.strip_suffix("*/")
            .unwrap_or(line)
            .trim()
            .trim_start_matches('*')
            .trim()
    });
    Ok(all.collect())
}
