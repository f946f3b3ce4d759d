//! The tools for a language's build: finding and running programs, reporting
//! the time of each step, and putting the result in its place.

use std::{
    cell::RefCell,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use mortise_toolchain::{find, process};

use crate::{
    Error, MissingTool, Progress, Project, Target, component, packaged, project::DIST, sdk, world,
};

/// One build of one plugin.
pub struct Job<'a> {
    project: &'a Project,
    progress: &'a dyn Progress,
    platform: Option<For>,
    steps: RefCell<Vec<(String, Duration)>>,
}

/// The platform of a build that names one.
#[derive(Clone, Debug)]
pub(crate) struct For {
    pub(crate) target: Target,
    /// True for this machine's platform.
    pub(crate) here: bool,
}

impl<'a> Job<'a> {
    pub(crate) fn new(
        project: &'a Project,
        progress: &'a dyn Progress,
        platform: Option<For>,
    ) -> Self {
        Self {
            project,
            progress,
            platform,
            steps: RefCell::default(),
        }
    }

    pub(crate) fn finish(self) -> Vec<(String, Duration)> {
        self.steps.into_inner()
    }

    /// Returns the project to build.
    pub fn project(&self) -> &'a Project {
        self.project
    }

    /// The plugin's folder.
    pub fn folder(&self) -> &'a Path {
        &self.project.folder
    }

    /// The platform of an executable; none for this machine's.
    pub fn other_platform(&self) -> Option<&Target> {
        let platform = self.platform.as_ref().filter(|platform| !platform.here);
        platform.map(|platform| &platform.target)
    }

    /// Does one step, whose `name` is for people, and measures its time.
    ///
    /// # Errors
    ///
    /// The error of the work.
    pub fn step<T>(&self, name: &str, work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
        self.progress.begin(name);
        let begin = Instant::now();
        let done = work()?;
        let time = begin.elapsed();
        self.progress.done(name, time);
        self.steps.borrow_mut().push((name.to_owned(), time));
        Ok(done)
    }

    /// Warns the author of something that the build does not fail for.
    pub fn warn(&self, text: &str) {
        self.progress.warn(text);
    }

    /// Finds a program on the path.
    ///
    /// # Errors
    ///
    /// [`MissingTool`] with why it is needed and ways to get it.
    pub fn tool(&self, name: &str, why: &str, get: &[&str]) -> Result<PathBuf, Error> {
        find(name).ok_or_else(|| {
            Error::MissingTool(MissingTool {
                tool: name.to_owned(),
                why: why.to_owned(),
                get: get.iter().map(|&way| way.to_owned()).collect(),
            })
        })
    }

    /// A command that runs in the plugin's folder.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder());
        command
    }

    /// Runs a program to its end and shows its output.
    ///
    /// # Errors
    ///
    /// It cannot be started, or fails.
    pub fn run(&self, command: &mut Command) -> Result<(), Error> {
        Ok(process::run(command)?)
    }

    /// Writes the plugin's world to the folder `wit`, if it is not there
    /// already just so.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn write_world(&self) -> Result<world::World, Error> {
        world::write(self.project)
    }

    /// The folder with the SDK in the plugin's folder: a copy of this version, unless its
    /// author has changed it or linked another.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn sdk(&self) -> Result<PathBuf, Error> {
        let folder = self.folder().join(sdk::FOLDER);
        sdk::refresh(self.project.language, &folder)?;
        Ok(folder)
    }

    /// The same, or none if the plugin's package manager brings the SDK.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn own_sdk(&self) -> Result<Option<PathBuf>, Error> {
        if packaged::is_brought(self.project) {
            return Ok(None);
        }
        self.sdk().map(Some)
    }

    /// Makes a component of a core module. Uses the plugin's world if the
    /// module has none. Calls of WASI 0.1 become WASI 0.2.
    ///
    /// # Errors
    ///
    /// The module does not fit the world.
    pub fn componentize(
        &self,
        module: &Path,
        world: Option<&world::World>,
    ) -> Result<Vec<u8>, Error> {
        let bytes = fs::read(module).map_err(|source| Error::file(module, source))?;
        component::encode(bytes, world).map_err(|text| Error::Output {
            file: module.to_owned(),
            text,
        })
    }

    /// Returns a folder for intermediate files, inside [`DIST`].
    ///
    /// # Errors
    ///
    /// It cannot be made.
    pub fn work(&self) -> Result<PathBuf, Error> {
        let folder = self.folder().join(DIST).join("work");
        fs::create_dir_all(&folder).map_err(|source| Error::file(&folder, source))?;
        Ok(folder)
    }

    /// Puts a component into its place.
    ///
    /// # Errors
    ///
    /// It cannot be written.
    pub fn collect(&self, component: &[u8]) -> Result<PathBuf, Error> {
        self.place(&format!("{}.wasm", self.project.name), |file| {
            fs::write(file, component)
        })
    }

    /// Puts a built file into its place: a component, or an executable.
    ///
    /// # Errors
    ///
    /// It cannot be copied.
    pub fn collect_file(&self, built: &Path) -> Result<PathBuf, Error> {
        let name = if built.extension().is_some_and(|ending| ending == "wasm") {
            format!("{}.wasm", self.project.name)
        } else if let Some(For { target, .. }) = &self.platform {
            format!(
                "{}-{}-{}{}",
                self.project.name,
                target.os,
                target.architecture,
                target.suffix()
            )
        } else {
            format!("{}{}", self.project.name, std::env::consts::EXE_SUFFIX)
        };
        self.place(&name, |file| fs::copy(built, file).map(drop))
    }

    /// A file in its place all at once, for what watches the folder.
    fn place(
        &self,
        name: &str,
        write: impl FnOnce(&Path) -> std::io::Result<()>,
    ) -> Result<PathBuf, Error> {
        let folder = self.folder().join(DIST);
        let (file, aside) = (folder.join(name), folder.join(format!(".{name}.new")));
        fs::create_dir_all(&folder)
            .and_then(|()| write(&aside))
            .and_then(|()| fs::rename(&aside, &file))
            .map_err(|source| Error::file(&file, source))?;
        Ok(file)
    }
}
