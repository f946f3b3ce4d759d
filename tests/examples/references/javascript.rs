//! The declarations of a file of types in TypeScript, as prettier writes it.

use anyhow::{Context as _, Result};

use crate::symbols::{Symbols, block_comment, name, outdent, through};

/// The words before a name.
const WORDS: [&str; 11] = [
    "export ",
    "declare ",
    "readonly ",
    "static ",
    "private ",
    "function ",
    "interface ",
    "class ",
    "type ",
    "const ",
    "var ",
];
const INDENT: usize = 2;

/// A block that is not closed yet.
struct Block<'a> {
    name: &'a str,
    /// True for an object, whose members are called by its name.
    is_value: bool,
    doc: Vec<&'a str>,
    lines: Vec<&'a str>,
}

pub(crate) fn read(source: &str, symbols: &mut Symbols) -> Result<()> {
    let mut lines = source.lines().peekable();
    let mut doc = Vec::new();
    let mut blocks: Vec<Block<'_>> = Vec::new();
    while let Some(line) = lines.next() {
        let text = line.trim();
        if let Some(words) = text.strip_prefix("/**") {
            doc = block_comment(words, &mut lines)?;
            continue;
        }
        if text.starts_with("//") || text.starts_with("import ") {
            continue;
        }
        let doc = std::mem::take(&mut doc);
        if text.is_empty() {
            continue;
        }
        if text == "}" || text == "};" {
            let mut block = blocks.pop().context("a bracket without a block")?;
            block.lines.push("}");
            if !block.is_value {
                let path = path(&blocks, block.name);
                let blanks = INDENT * blocks.len();
                let body = block
                    .lines
                    .iter()
                    .map(|line| line.get(blanks..).unwrap_or(line));
                symbols.add(path, &block.doc, body.collect::<Vec<_>>().join("\n"));
            }
            keep(&mut blocks, &[line]);
        } else if text.ends_with('{') {
            keep(&mut blocks, &[line]);
            blocks.push(Block {
                name: declared(text),
                is_value: text.starts_with("export const") || text.ends_with(": {"),
                doc,
                lines: vec![line],
            });
        } else {
            let all = through(line, &mut lines, is_whole)?;
            keep(&mut blocks, &all);
            let declared = declared(text);
            if declared.is_empty() {
                continue;
            }
            let text = outdent(&all, INDENT * blocks.len());
            let text = text.trim_end_matches(';');
            let text = match blocks.last() {
                Some(block) if block.is_value => format!("{}{text}", path(&blocks, "")),
                _ => text.to_owned(),
            };
            symbols.add(path(&blocks, declared), &doc, text);
        }
    }
    Ok(())
}

/// True for the last line of a statement: one with a semicolon, or an empty body.
fn is_whole(line: &str) -> bool {
    line.ends_with(';') || line.ends_with("{}")
}

/// Adds lines to all blocks around them.
fn keep<'a>(blocks: &mut [Block<'a>], lines: &[&'a str]) {
    for block in blocks {
        block.lines.extend(lines);
    }
}

/// Returns a name after those of the blocks around it.
fn path(blocks: &[Block<'_>], name: &str) -> String {
    let mut parts: Vec<_> = blocks.iter().map(|block| block.name).collect();
    parts.push(name);
    parts.join(".")
}

/// Returns the name that a statement declares.
fn declared(text: &str) -> &str {
    let mut rest = text;
    while let Some(next) = WORDS.iter().find_map(|word| rest.strip_prefix(word)) {
        rest = next;
    }
    name(rest)
}
