//! Errors, with the next step for the author.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use crate::{Language, Target};

/// The reason for which a plugin could not be created or built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no `plugin.toml`.
    #[error(
        "{} is no plugin's folder: it has no plugin.toml; `mortise plugin new NAME --lang LANGUAGE` makes one",
        .0.display()
    )]
    NoProject(PathBuf),
    /// `plugin.toml` has an error.
    #[error("{}: {text}", file.display())]
    Project {
        /// The file.
        file: PathBuf,
        /// The error.
        text: String,
    },
    /// The name of a new plugin cannot be one.
    #[error(
        "`{0}` is no name for a plugin: use lower-case letters, digits and `-`, and begin with a letter, such as `weather-alerts`"
    )]
    Name(String),
    /// A new plugin's folder is there already.
    #[error("{} exists already; choose another name, or remove it", .0.display())]
    Taken(PathBuf),
    /// A program that a language needs is not to be found.
    #[error(transparent)]
    MissingTool(#[from] MissingTool),
    /// A program could not be started, failed, or built no plugin.
    #[error(transparent)]
    Toolchain(#[from] mortise_toolchain::Error),
    /// The language has no native plugins.
    #[error("{} plugins are components only; build without `--native`", .0.title())]
    NoNative(Language),
    /// The executable cannot be built for a platform.
    #[error("a plugin in {} cannot be built for {target}: {reason}", language.title())]
    Platform {
        /// The language.
        language: Language,
        /// The platform.
        target: Target,
        /// The reason, and the next step.
        reason: &'static str,
    },
    /// The build result is not a plugin.
    #[error("{}: {text}", file.display())]
    Output {
        /// The file.
        file: PathBuf,
        /// The error.
        text: String,
    },
    /// The source uses names that the engine of a component lacks: for each its file,
    /// line, column, and advice.
    #[error("components lack names that the plugin uses:\n  {}", .0.join("\n  "))]
    Lacking(Vec<String>),
    /// The world could not be made.
    #[error("the plugin's world is not valid: {0}")]
    World(String),
    /// A file could not be read or written.
    #[error("{}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

impl Error {
    /// A file that could not be read or written.
    pub(crate) fn file(file: &Path, source: io::Error) -> Self {
        Self::File {
            file: file.to_owned(),
            source,
        }
    }
}

/// A program that is missing.
#[derive(Clone, Debug, thiserror::Error)]
pub struct MissingTool {
    /// Its name.
    pub tool: String,
    /// Its purpose, such as `compiles Go to WebAssembly`.
    pub why: String,
    /// The ways to install it, one in each line.
    pub get: Vec<String>,
}

impl fmt::Display for MissingTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is missing: it {}; to get it:", self.tool, self.why)?;
        for way in &self.get {
            write!(f, "\n  {way}")?;
        }
        Ok(())
    }
}
