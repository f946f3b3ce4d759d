//! The languages that have an SDK: their sources, and their rules for names.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use mortise_author::{bindings, world};

use crate::{
    c,
    contract::{Kind, Type},
    go, javascript, python, rust,
    symbols::Symbols,
};

/// A language with an SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    Rust,
    Go,
    Python,
    JavaScript,
    C,
}

impl Language {
    pub(crate) const ALL: [Self; 5] = [
        Self::Rust,
        Self::Go,
        Self::Python,
        Self::JavaScript,
        Self::C,
    ];

    /// The name of its page and in `names.toml`.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Go => "go",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::C => "c",
        }
    }

    /// The title of its page.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Go => "Go",
            Self::Python => "Python",
            Self::JavaScript => "JavaScript and TypeScript",
            Self::C => "C",
        }
    }

    /// The folder of its SDK.
    pub(crate) const fn sdk(self) -> &'static str {
        match self {
            Self::Rust => "guest-sdk/rust",
            Self::Go => "guest-sdk/go",
            Self::Python => "guest-sdk/python",
            Self::JavaScript => "guest-sdk/js",
            Self::C => "guest-sdk/c",
        }
    }

    /// The name of its code in Markdown.
    pub(crate) const fn fence(self) -> &'static str {
        match self {
            Self::JavaScript => "ts",
            _ => self.key(),
        }
    }

    /// The beginning of a comment.
    pub(crate) const fn comment(self) -> &'static str {
        match self {
            Self::Python => "#",
            _ => "//",
        }
    }

    /// The files with public declarations.
    const fn files(self) -> &'static [&'static str] {
        match self {
            Self::Rust => &[
                "guest-sdk/rust/src/plugin.rs",
                "guest-sdk/rust/src/context.rs",
                "guest-sdk/rust/src/http/mod.rs",
                "runtime/contract/src/types.rs",
                "runtime/contract/src/build.rs",
            ],
            Self::Go => &[
                "guest-sdk/go/mortise.go",
                "guest-sdk/go/host.go",
                "guest-sdk/go/types.go",
                "guest-sdk/go/manifest.go",
                "guest-sdk/go/config.go",
                "guest-sdk/go/http.go",
                "guest-sdk/go/log.go",
            ],
            Self::Python => &[
                "guest-sdk/python/mortise_plugin/__init__.py",
                "guest-sdk/python/mortise_plugin/_plugin.py",
                "guest-sdk/python/mortise_plugin/_types.py",
                "guest-sdk/python/mortise_plugin/_http.py",
                "guest-sdk/python/mortise_config.py",
            ],
            Self::JavaScript => &[
                "guest-sdk/js/index.d.ts",
                "guest-sdk/js/http.d.ts",
                "guest-sdk/js/files.d.ts",
                "guest-sdk/js/process.d.ts",
            ],
            Self::C => &["guest-sdk/c/mortise.h"],
        }
    }

    /// Reads the declarations of its SDK.
    pub(crate) fn symbols(self, root: &Path) -> Result<Symbols> {
        let read: fn(&str, &mut Symbols) -> Result<()> = match self {
            Self::Rust => rust::read,
            Self::Go => go::read,
            Self::Python => python::read,
            Self::JavaScript => javascript::read,
            Self::C => c::read,
        };
        let mut symbols = Symbols::default();
        let files = self.files().iter().map(|file| root.join(file));
        let mut sources = files.map(source).collect::<Result<Vec<_>>>()?;
        if self == Self::C {
            sources.push(generated_header()?);
        }
        for source in sources {
            read(&source, &mut symbols)?;
        }
        Ok(symbols)
    }

    /// Returns the names that a field or a case of a type may have in the SDK.
    pub(crate) fn spellings(self, of: &Type, name: &str) -> Vec<String> {
        let snake = name.replace('-', "_");
        let is_case = of.kind == Kind::Cases;
        match self {
            Self::Rust if is_case => vec![upper_camel(name)],
            Self::Python if is_case => vec![upper_camel(name), snake.to_uppercase(), snake],
            Self::C if is_case => {
                let of = of.name.replace('-', "_").to_uppercase();
                let case = snake.to_uppercase();
                vec![format!("MORTISE_PLUGIN_TYPES_{of}_{case}")]
            }
            Self::Rust | Self::Python | Self::C => vec![snake],
            Self::Go => vec![
                go_name(name),
                format!("{}{}", go_name(&of.name), go_name(name)),
            ],
            Self::JavaScript => vec![lower_camel(name), name.to_owned()],
        }
    }
}

fn source(file: PathBuf) -> Result<String> {
    fs::read_to_string(&file).with_context(|| format!("{} cannot be read", file.display()))
}

/// Returns the header that `mortise plugin build` generates from the contract.
fn generated_header() -> Result<String> {
    let folder = tempfile::tempdir().context("no folder for the bindings in C")?;
    let everything = world::everything(&folder.path().join("wit"))?;
    let bindings = bindings::write_c(folder.path(), everything)?;
    source(bindings.join(format!("{}.h", world::NAME)))
}

/// Returns a word with a capital.
fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

fn upper_camel(name: &str) -> String {
    name.split('-').map(capital).collect()
}

fn lower_camel(name: &str) -> String {
    match name.split_once('-') {
        Some((first, rest)) => format!("{first}{}", upper_camel(rest)),
        None => name.to_owned(),
    }
}

/// Returns a name as Go has it, with abbreviations in capitals.
fn go_name(name: &str) -> String {
    let words = name.split('-').map(|word| match word {
        "id" | "ms" | "url" => word.to_uppercase(),
        _ => capital(word),
    });
    words.collect()
}
