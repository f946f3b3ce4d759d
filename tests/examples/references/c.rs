//! The declarations of a header in C: the SDK's, and the one that is generated from the
//! contract.

use anyhow::Result;

use crate::symbols::{Symbols, block_comment, indent, name, through};

pub(crate) fn read(source: &str, symbols: &mut Symbols) -> Result<()> {
    let mut lines = source.lines().peekable();
    let mut doc = Vec::new();
    // The type that constants after it belong to.
    let mut last: Option<String> = None;
    while let Some(line) = lines.next() {
        if let Some(words) = line.strip_prefix("/*") {
            doc = block_comment(words, &mut lines)?;
            continue;
        }
        if line.starts_with("//") {
            continue;
        }
        if let Some(name) = last.as_ref().filter(|_| line.starts_with("#define ")) {
            symbols.extend(name, line);
            continue;
        }
        let doc = std::mem::take(&mut doc);
        if line.starts_with("typedef ") {
            let is_block = line.ends_with('{');
            let all = through(line, &mut lines, |line| !is_block || line.starts_with('}'))?;
            let end = all.last().copied().unwrap_or(line).trim_end_matches(';');
            let name = end.rsplit(' ').next().unwrap_or(end);
            let text: Vec<_> = all
                .iter()
                .filter(|line| !line.trim().starts_with("//"))
                .map(|line| single_blanks(line))
                .collect();
            symbols.add(name, &doc, text.join("\n"));
            last = Some(name.to_owned());
        } else if line.contains('(') && line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let all = through(line, &mut lines, |line| line.ends_with(';'))?.join("\n");
            let text = all
                .split_once("__attribute__")
                .map_or(&*all, |(text, _)| text);
            let text = text.trim_end_matches(|c: char| c == ';' || c.is_whitespace());
            let text = text.strip_prefix("extern ").unwrap_or(text);
            let head = text.split_once('(').map_or(text, |(head, _)| head);
            let declared = head.rsplit(' ').next().unwrap_or(head);
            symbols.add(
                name(declared.trim_start_matches('*')),
                &doc,
                format!("{text};"),
            );
            last = None;
        }
    }
    Ok(())
}

/// Returns a line whose parts are not in columns.
fn single_blanks(line: &str) -> String {
    let parts: Vec<_> = line.split_whitespace().collect();
    format!("{}{}", " ".repeat(indent(line)), parts.join(" "))
}
