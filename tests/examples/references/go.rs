//! The declarations of a source in Go, as gofmt writes it.

use anyhow::{Context as _, Result};

use crate::symbols::{Lines, Symbols, name, through};

pub(crate) fn read(source: &str, symbols: &mut Symbols) -> Result<()> {
    let mut lines = source.lines().peekable();
    let mut doc = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(words) = line.strip_prefix("//") {
            doc.push(words.trim());
            continue;
        }
        let doc = std::mem::take(&mut doc);
        if let Some(rest) = line.strip_prefix("func (") {
            let (receiver, rest) = rest.split_once(") ").context("a method has a receiver")?;
            let (_, of) = receiver.split_once(' ').context("a receiver has a type")?;
            let of = name(of.trim_start_matches('*'));
            symbols.add(format!("{of}.{}", name(rest)), &doc, without_body(line));
        } else if let Some(rest) = line.strip_prefix("func ") {
            symbols.add(name(rest), &doc, without_body(line));
        } else if let Some(rest) = line.strip_prefix("type ") {
            if line.ends_with('{') {
                composite(line, name(rest), &doc, &mut lines, symbols);
            } else {
                let text = line.split_once('{').map_or(line, |(before, _)| before);
                symbols.add(name(rest), &doc, text.trim_end());
            }
        } else if line == "const (" {
            let all = through(line, &mut lines, |line| line == ")")?;
            let shown: Vec<_> = all
                .into_iter()
                .filter(|line| !line.trim().starts_with("//"))
                .collect();
            let of = shown
                .get(1)
                .and_then(|first| first.split_whitespace().nth(1));
            if let Some(of) = of.filter(|of| is_public(of)) {
                symbols.add(format!("const {of}"), &doc, shown.join("\n"));
            }
        }
    }
    Ok(())
}

/// Reads a struct or an interface. Fields that are not exported are not shown.
fn composite(
    head: &str,
    name_of: &str,
    doc: &[&str],
    lines: &mut Lines<'_>,
    symbols: &mut Symbols,
) {
    let is_interface = head.ends_with("interface {");
    let mut body = vec![head];
    let mut own = Vec::new();
    let mut has_hidden = false;
    for line in lines.by_ref().take_while(|line| *line != "}") {
        let text = line.trim();
        if let Some(words) = text.strip_prefix("//") {
            own.push(words.trim());
            continue;
        }
        if is_public(text) {
            let untagged = line.split_once(" `").map_or(line, |(before, _)| before);
            body.push(untagged.trim_end());
            if is_interface {
                symbols.add(format!("{name_of}.{}", name(text)), &own, text);
            }
        } else if !text.is_empty() {
            has_hidden = true;
        }
        own.clear();
    }
    if has_hidden {
        body.push("\t// and fields of its own");
    }
    body.push("}");
    symbols.add(name_of, doc, body.join("\n"));
}

fn is_public(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
}

/// Returns the declaration in a function's first line.
fn without_body(line: &str) -> &str {
    let mut depth = 0_i32;
    let mut before = ' ';
    for (at, c) in line.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            '{' if depth == 0 && before == ' ' => {
                return line.get(..at).unwrap_or(line).trim_end();
            }
            _ => {}
        }
        before = c;
    }
    line
}
