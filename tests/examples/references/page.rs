//! Writing a page: the contract's explanations beside the SDK's declarations.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail};

use crate::{
    contract::{Contract, Interface, Kind, Type},
    language::Language,
    names::{Names, Paired},
    symbols::Symbols,
};

/// Returns the page of a language.
pub(crate) fn write(
    language: Language,
    contract: &Contract,
    names: &Names,
    symbols: &Symbols,
) -> Result<String> {
    let mut page = Page {
        language,
        names,
        symbols,
        parts: Vec::new(),
    };
    page.begin()?;
    page.add("## Functions that a plugin exports");
    for interface in &contract.exports {
        page.interface(interface)?;
    }
    page.add("## Functions of the host");
    for interface in &contract.imports {
        page.interface(interface)?;
    }
    page.add("## Types");
    for one in &contract.types {
        page.type_of_contract(one)
            .with_context(|| format!("the type `{}`", one.name))?;
    }
    page.beside()?;
    Ok(page.parts.join("\n\n") + "\n")
}

/// A page that is being written.
struct Page<'a> {
    language: Language,
    names: &'a Names,
    symbols: &'a Symbols,
    /// Titles, paragraphs, tables and code, with an empty line between two.
    parts: Vec<String>,
}

impl Page<'_> {
    /// Adds a part, unless it is empty.
    fn add(&mut self, part: impl Into<String>) {
        let part = part.into();
        if !part.is_empty() {
            self.parts.push(part);
        }
    }

    fn begin(&mut self) -> Result<()> {
        let (title, sdk) = (self.language.title(), self.language.sdk());
        let section = title.to_lowercase().replace(' ', "-");
        self.add(format!("# Reference: {title}"));
        self.add(format!(
            "`cargo xtask references` writes this page from the contract in [`wit/`](../../wit) and from the\n\
             SDK in [`{sdk}`](../../{sdk})."
        ));
        self.add(format!(
            "The explanations are the contract's, and name functions, fields and cases as the contract does.\n\
             The code has the SDK's names. [Writing a plugin](../writing-a-plugin.md#{section}) shows them in use."
        ));
        self.add(self.names.intro(self.language)?);
        Ok(())
    }

    fn interface(&mut self, interface: &Interface) -> Result<()> {
        self.add(format!("### `{}`", interface.name));
        self.add(&*interface.doc);
        for (name, doc) in &interface.functions {
            let function = interface.function(name);
            self.add(format!("#### `{function}`"));
            self.add(&**doc);
            match self.names.function(&function, self.language)? {
                Paired::Symbols(symbols) => {
                    let code = self
                        .code(symbols)
                        .with_context(|| format!("the function `{function}`"))?;
                    self.add(code);
                }
                Paired::Absent(reason) => self.add(&**reason),
            }
        }
        Ok(())
    }

    fn type_of_contract(&mut self, one: &Type) -> Result<()> {
        self.add(format!("### `{}`", one.name));
        self.add(&*one.doc);
        match self.names.type_named(&one.name, self.language)? {
            Paired::Symbols(symbols) => {
                let code = self.code(symbols)?;
                let table = self.table(one, &code)?;
                self.add(code);
                self.add(table);
            }
            Paired::Absent(reason) => self.add(&**reason),
        }
        Ok(())
    }

    /// Returns the table of a type's fields or cases, whose names must be in the code.
    fn table(&self, one: &Type, code: &str) -> Result<String> {
        let mut rows = String::new();
        for (name, doc) in &one.parts {
            let part = format!("{}.{name}", one.name);
            let spelled = match self.names.spelled(&part, self.language) {
                Some(spelled) => spelled.to_owned(),
                None => self
                    .language
                    .spellings(one, name)
                    .into_iter()
                    .find(|spelled| has_word(code, spelled))
                    .with_context(|| format!("the SDK has no `{name}`"))?,
            };
            if spelled.is_empty() {
                continue;
            }
            let words: Vec<_> = spelled.split(", ").collect();
            if let Some(word) = words.iter().find(|word| !has_word(code, word)) {
                bail!("the SDK has no `{word}`, which is `{name}` in names.toml");
            }
            let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
            let doc = doc.replace('\n', " ").replace('|', "\\|");
            let _ = write!(rows, "\n| {} | {doc} |", words.join(", "));
        }
        if rows.is_empty() {
            return Ok(rows);
        }
        let column = match one.kind {
            Kind::Record => "field",
            Kind::Cases => "case",
        };
        Ok(format!("| {column} | meaning |\n| --- | --- |{rows}"))
    }

    /// Adds the declarations that the contract does not have, with the SDK's explanations.
    fn beside(&mut self) -> Result<()> {
        self.add("## Beside the contract");
        for group in self.names.beside(self.language) {
            self.add(format!("### {}", group.title));
            for name in &group.symbols {
                let code = self.code(std::slice::from_ref(name))?;
                self.add(code);
                self.add(without_links(&self.symbols.get(name)?.doc));
            }
        }
        Ok(())
    }

    /// Returns declarations as code. A comment names the type of a member, unless its
    /// declaration does.
    fn code(&self, names: &[String]) -> Result<String> {
        let mut code = String::new();
        let mut last = (None, "");
        for name in names {
            let text = &*self.symbols.get(name)?.text;
            let names_type = ["func (", "host.", "wants."]
                .iter()
                .any(|begin| text.starts_with(begin));
            let of = name.rsplit_once('.').map(|(of, _)| of);
            let of = of.filter(|_| !names_type);
            let (last_of, last_text) = last;
            if let Some(of) = of.filter(|_| of != last_of) {
                let _ = writeln!(code, "{} in {of}", self.language.comment());
            } else if !code.is_empty() && (text.contains('\n') || last_text.contains('\n')) {
                code.push('\n');
            }
            code.push_str(text);
            code.push('\n');
            last = (of, text);
        }
        Ok(format!("```{}\n{code}```", self.language.fence()))
    }
}

/// True if a text has a word, which is not a part of a longer one.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).unwrap_or_default();
        let after = text.get(at + word.len()..).unwrap_or_default();
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// Returns an explanation with code in the place of links to declarations, such as
/// `[Host.HTTP]` in Go, which Markdown does not know.
fn without_links(doc: &str) -> String {
    let is_name = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '.'))
    };
    let mut text = String::new();
    let mut rest = doc;
    while let Some((before, after)) = rest.split_once('[') {
        text.push_str(before);
        match after.split_once(']') {
            Some((link, left)) if is_name(link.trim_matches('`')) && !left.starts_with('(') => {
                let _ = write!(text, "`{}`", link.trim_matches('`'));
                rest = left;
            }
            _ => {
                text.push('[');
                rest = after;
            }
        }
    }
    text + rest
}
