//! The declarations of a source in Rust, as rustfmt writes it.

use anyhow::Result;

use crate::symbols::{Lines, Symbols, indent, name, outdent, through};

/// The indent of members.
const MEMBER: usize = 4;

/// A trait, or a block of methods.
struct Container<'a> {
    name: &'a str,
    is_trait: bool,
}

pub(crate) fn read(source: &str, symbols: &mut Symbols) -> Result<()> {
    let mut lines = source.lines().peekable();
    let mut doc = Vec::new();
    let mut container: Option<Container<'_>> = None;
    while let Some(line) = lines.next() {
        let text = line.trim();
        if let Some(words) = text.strip_prefix("///") {
            doc.push(words.trim());
            continue;
        }
        if text.starts_with("#[") {
            continue;
        }
        let doc = std::mem::take(&mut doc);
        let blanks = indent(line);
        if blanks == 0 {
            if text == "}" {
                container = None;
            } else if text == "record! {" {
                record(&mut lines, symbols);
            } else if let Some(rest) = text.strip_prefix("impl ") {
                let is_trait = false;
                container = (!rest.contains(" for ")).then(|| Container {
                    name: name(rest),
                    is_trait,
                });
            } else if let Some(rest) = text.strip_prefix("pub trait ") {
                let is_trait = true;
                let name = name(rest);
                container = Some(Container { name, is_trait });
                symbols.add(name, &doc, text.trim_end_matches(" {"));
            } else if let Some(rest) = text.strip_prefix("pub struct ") {
                if text.ends_with('{') {
                    let body = body(text, &mut lines, |field| field.starts_with("pub "));
                    symbols.add(name(rest), &doc, body);
                }
            } else if let Some(rest) = text.strip_prefix("pub enum ") {
                let body = body(text, &mut lines, |_| true);
                symbols.add(name(rest), &doc, body);
            } else if text.starts_with("pub fn ") {
                let signature = signature(line, &mut lines, 0)?;
                symbols.add(function(text), &doc, signature);
            }
        } else if let Some(container) = container.as_ref().filter(|_| blanks == MEMBER) {
            let begins: &[&str] = if container.is_trait {
                &["fn ", "type "]
            } else {
                &["pub fn ", "pub const fn "]
            };
            if begins.iter().any(|begin| text.starts_with(begin)) {
                let signature = signature(line, &mut lines, MEMBER)?;
                let name = format!("{}.{}", container.name, function(text));
                symbols.add(name, &doc, signature);
            }
        }
    }
    Ok(())
}

/// Reads a record of the contract's types, which a macro declares.
fn record(lines: &mut Lines<'_>, symbols: &mut Symbols) {
    let mut doc = Vec::new();
    let mut name = None;
    let mut fields = Vec::new();
    for line in lines.by_ref().take_while(|line| *line != "}") {
        let text = line.trim();
        if let Some(words) = text.strip_prefix("///") {
            if name.is_none() {
                doc.push(words.trim());
            }
        } else if let Some(declared) = text.strip_suffix(" {") {
            name = Some(declared);
        } else if let Some((_, field)) = text.split_once("\" ")
            && text.starts_with('"')
        {
            fields.push(format!("    pub {field}"));
        }
    }
    if let Some(name) = name {
        let text = format!("pub struct {name} {{\n{}\n}}", fields.join("\n"));
        symbols.add(name, &doc, text);
    }
}

/// Returns a type with some of its parts, without explanations and attributes.
fn body(head: &str, lines: &mut Lines<'_>, is_shown: impl Fn(&str) -> bool) -> String {
    let mut body = vec![head];
    for line in lines.by_ref().take_while(|line| *line != "}") {
        let text = line.trim();
        if !text.is_empty() && !text.starts_with("///") && !text.starts_with("#[") && is_shown(text)
        {
            body.push(line);
        }
    }
    body.push("}");
    body.join("\n")
}

/// Returns the declaration of a function or a type, without its body.
fn signature<'a>(first: &'a str, lines: &mut Lines<'a>, blanks: usize) -> Result<String> {
    let all = through(first, lines, |line| line.ends_with(['{', ';']))?;
    let text = outdent(&all, blanks);
    let text = text.trim_end_matches(['{', ';']).trim_end();
    // A caller does not care.
    Ok(text
        .replace("(mut self", "(self")
        .replace("    mut self,", "    self,"))
}

/// Returns the name in a declaration.
fn function(text: &str) -> &str {
    let mut rest = text;
    for word in ["pub ", "const ", "fn ", "type "] {
        rest = rest.strip_prefix(word).unwrap_or(rest);
    }
    name(rest)
}
