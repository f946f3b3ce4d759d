//! The languages: one file each, which is all there is about one.
//!
//! To add one: its file here with a [`Recipe`], its variant and its line in
//! [`Language::recipe`], its template in `templates/`, its SDK in `guest-sdk/`.

pub mod c;
pub mod go;
pub mod javascript;
pub mod python;
pub mod rust;

use std::{borrow::Cow, fmt, path::PathBuf, str::FromStr};

use serde::Deserialize;

use crate::{Capability, Error, job::Job, world};

/// The language of a plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Rust, with cargo.
    Rust,
    /// Go, with its standard compiler.
    Go,
    /// C, with Zig's compiler or clang.
    C,
    /// Python, with componentize-py.
    Python,
    /// JavaScript, with jco.
    JavaScript,
    /// TypeScript, with jco.
    TypeScript,
}

/// The creation and the build of plugins in one language.
pub trait Recipe: Sync {
    /// The language's name for people.
    fn title(&self) -> &'static str;

    /// The folder of its SDK in `guest-sdk/`.
    fn sdk(&self) -> &'static str;

    /// Returns the replacement of an SDK's file in a new plugin's copy.
    fn adapt_sdk(&self, _path: &str, bytes: &'static [u8]) -> Cow<'static, [u8]> {
        Cow::Borrowed(bytes)
    }

    /// Returns true if it makes a component of the world in the folder `wit`.
    /// Such a plugin names its capabilities in `plugin.toml`, and others in
    /// their source.
    fn reads_world(&self) -> bool {
        true
    }

    /// Returns true if `plugin.toml` may name an
    /// [`Engine`](crate::project::Engine).
    fn has_engines(&self) -> bool {
        false
    }

    /// Returns the capabilities that its SDK exports for every plugin.
    fn always_exports(&self) -> &'static [Capability] {
        &[]
    }

    /// Returns the WASI interfaces that its SDK imports.
    fn imports(&self) -> &'static [&'static str] {
        &[world::HTTP]
    }

    /// Builds the component and returns its file, which [`Job::collect`] made.
    ///
    /// # Errors
    ///
    /// A tool is missing, or it does not build.
    fn component(&self, job: &Job<'_>) -> Result<PathBuf, Error>;

    /// The same for an executable of this machine.
    ///
    /// # Errors
    ///
    /// As [`Self::component`]; [`Error::NoNative`] where there is none.
    fn native(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        Err(Error::NoNative(job.project().language))
    }

    /// Folders and files in a plugin's folder that its tools make: changes of
    /// anything else are a reason to build again.
    fn made(&self) -> &'static [&'static str];

    /// The commands that build the component without `mortise`, a line each.
    fn by_hand(&self, name: &str) -> Vec<String>;
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Rust,
        Self::Go,
        Self::C,
        Self::Python,
        Self::JavaScript,
        Self::TypeScript,
    ];

    /// Returns the creation and the build of its plugins.
    pub fn recipe(self) -> &'static dyn Recipe {
        match self {
            Self::Rust => &rust::Rust,
            Self::Go => &go::Go,
            Self::C => &c::C,
            Self::Python => &python::Python,
            Self::JavaScript => &javascript::JAVASCRIPT,
            Self::TypeScript => &javascript::TYPESCRIPT,
        }
    }

    /// Its name on the command line and in `plugin.toml`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Go => "go",
            Self::C => "c",
            Self::Python => "python",
            Self::JavaScript => "javascript",
            Self::TypeScript => "typescript",
        }
    }

    /// Its name for people.
    pub fn title(self) -> &'static str {
        self.recipe().title()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Language {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|known| known.name() == text);
        found.ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|known| known.name()).collect();
            format!("there is no such language; there are {}", known.join(", "))
        })
    }
}
