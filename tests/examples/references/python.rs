//! The declarations of a source in Python, and the methods of a plugin's class, which
//! `_plugin.py` has as a table.

use anyhow::{Context as _, Result};

use crate::symbols::{Lines, Symbols, indent, name, outdent, through};

/// The indent of members.
const MEMBER: usize = 4;
const QUOTES: &str = "\"\"\"";

/// A class whose fields are being read.
struct Class<'a> {
    name: &'a str,
    doc: Vec<&'a str>,
    text: Vec<&'a str>,
}

pub(crate) fn read(source: &str, symbols: &mut Symbols) -> Result<()> {
    let mut lines = source.lines().peekable();
    let mut marks = Vec::new();
    let mut class: Option<Class<'_>> = None;
    while let Some(line) = lines.next() {
        let text = line.trim();
        let blanks = indent(line);
        if text.starts_with('@') {
            marks.push(text);
            continue;
        }
        let marks = std::mem::take(&mut marks);
        if let Some(rest) = line.strip_prefix("class ") {
            finish(class.take(), symbols);
            class = Some(Class {
                name: name(rest),
                doc: docstring(&mut lines)?,
                text: vec![line],
            });
        } else if let Some((_, call)) = line.split_once("\": Method(\"") {
            method(call, symbols).with_context(|| format!("the method in `{line}`"))?;
        } else if let Some(rest) = text.strip_prefix("def ") {
            if blanks == 0 {
                finish(class.take(), symbols);
            }
            let of = class.as_ref().filter(|_| blanks == MEMBER);
            if rest.starts_with('_') || (blanks > 0 && of.is_none()) {
                continue;
            }
            let all = through(line, &mut lines, |line| line.ends_with(':'))?;
            let doc = docstring(&mut lines)?;
            let mut whole: Vec<String> = marks
                .into_iter()
                .filter(|mark| matches!(*mark, "@staticmethod" | "@property"))
                .map(str::to_owned)
                .collect();
            whole.push(outdent(&all, blanks).trim_end_matches(':').to_owned());
            let name = of.map_or_else(
                || name(rest).to_owned(),
                |class| format!("{}.{}", class.name, name(rest)),
            );
            symbols.add(name, &doc, whole.join("\n"));
        } else if !text.is_empty() && blanks == 0 && !text.starts_with([')', '#']) {
            finish(class.take(), symbols);
        } else if let Some(class) = class.as_mut().filter(|_| blanks == MEMBER) {
            let field = name(text);
            let is_declared = text
                .strip_prefix(field)
                .is_some_and(|rest| rest.starts_with(": ") || rest.starts_with(" = "));
            // `case` is the contract's name of a class.
            if is_declared && !field.is_empty() && !field.starts_with('_') && field != "case" {
                class.text.push(line);
                symbols.add(format!("{}.{field}", class.name), &[], text);
            }
        }
    }
    finish(class, symbols);
    Ok(())
}

/// Adds a class whose end is reached.
fn finish(class: Option<Class<'_>>, symbols: &mut Symbols) {
    if let Some(class) = class {
        let text = class.text.join("\n");
        let empty = if class.text.len() == 1 { " ..." } else { "" };
        symbols.add(class.name, &class.doc, text + empty);
    }
}

/// Reads a method of a plugin's class: `start", {"user": User}, None, True),`.
fn method(call: &str, symbols: &mut Symbols) -> Result<()> {
    let (name, rest) = call.split_once("\", {").context("no name")?;
    let (parameters, rest) = rest.split_once("}, ").context("no parameters")?;
    let (result, _) = rest.rsplit_once(", ").context("no result")?;
    let comma = if parameters.is_empty() { "" } else { ", " };
    let parameters = parameters.replace('"', "");
    symbols.add(
        format!("Plugin.{name}"),
        &[],
        format!("def {name}(self{comma}{parameters}) -> {result}"),
    );
    Ok(())
}

/// Reads the explanation that follows a declaration, if any.
fn docstring<'a>(lines: &mut Lines<'a>) -> Result<Vec<&'a str>> {
    let Some(first) = lines
        .peek()
        .and_then(|line| line.trim().strip_prefix(QUOTES))
    else {
        return Ok(Vec::new());
    };
    lines.next();
    let all = through(first, lines, |line| line.ends_with(QUOTES))?;
    Ok(all
        .into_iter()
        .map(|line| line.trim().trim_end_matches(QUOTES))
        .collect())
}
