//! What a plugin's author does: begins a plugin, in any language, and builds
//! it. `mortise plugin new`, `build` and `dev` are this crate with a command
//! line around it.
//!
//! - [`project`]: a plugin's folder and its `plugin.toml`.
//! - [`capability`]: a plugin's capabilities, as the author names them.
//! - [`language`]: the languages, and facts about them.
//! - [`recipe`]: the build of plugins, one file for each language.
//! - [`job`]: the tools for a language's build.
//! - [`scaffold`]: a new plugin's folder, from a template.
//! - [`world`]: the WIT world of a plugin, written from its capabilities.
//! - [`bindings`]: the same for a language without a recipe, with bindings in C.
//! - [`component`]: a core module made into a component.
//! - [`target`]: the platform of an executable.
//! - [`sbom()`]: the list of a plugin's dependencies.
//! - [`progress`]: telling how far it is.
//!
//! Nothing here installs tools unasked, talks to a server, or runs a plugin. A
//! missing tool is an error with its name, its purpose, and the way to install
//! it.

pub mod bindings;
pub mod capability;
pub mod component;
mod embedded;
mod error;
pub mod job;
pub mod language;
mod packaged;
pub mod progress;
pub mod project;
pub mod recipe;
mod sbom;
pub mod scaffold;
mod sdk;
pub mod target;
pub mod world;

pub use capability::Capability;
pub use error::{Error, MissingTool};
pub use language::Language;
pub use progress::Progress;
pub use project::Project;
pub use sbom::sbom;
pub use target::Target;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// The kind of build.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A WebAssembly component.
    #[default]
    Component,
    /// An executable for this machine.
    Native,
}

/// The result of a build.
#[derive(Clone, Debug)]
pub struct Built {
    /// The plugin's file.
    pub file: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Each step with the time it took, in order.
    pub steps: Vec<(String, Duration)>,
}

/// Builds the plugin in a folder and puts its file into the folder's `dist`.
///
/// # Errors
///
/// [`Error`]: no plugin is there, a tool is missing, or it does not build.
pub fn build(folder: &Path, kind: Kind, progress: &dyn Progress) -> Result<Built, Error> {
    let project = Project::open(folder)?;
    carry_out(job::Job::new(&project, progress, None), kind)
}

/// Builds an executable for a platform, and puts it into the folder's `dist` under a
/// name with the platform. `here` is true for this machine's platform.
///
/// # Errors
///
/// As [`build`]; [`Error::Platform`] if the language cannot be built for it.
pub fn build_for(
    folder: &Path,
    target: &Target,
    here: bool,
    progress: &dyn Progress,
) -> Result<Built, Error> {
    let project = Project::open(folder)?;
    let platform = job::For {
        target: target.clone(),
        here,
    };
    carry_out(
        job::Job::new(&project, progress, Some(platform)),
        Kind::Native,
    )
}

fn carry_out(job: job::Job<'_>, kind: Kind) -> Result<Built, Error> {
    let recipe = recipe::table::of(job.project().language);
    let file = match kind {
        Kind::Component => recipe.component(&job)?,
        Kind::Native => recipe.native(&job)?,
    };
    let bytes = std::fs::metadata(&file)
        .map_err(|source| Error::file(&file, source))?
        .len();
    Ok(Built {
        file,
        bytes,
        steps: job.finish(),
    })
}
