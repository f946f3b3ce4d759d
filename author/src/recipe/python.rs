//! Python: `componentize-py` makes a component of the module `plugin` and its
//! imports. A native plugin is the same source with another SDK, zipped. Both carry
//! the packages of `requirements.txt`, of which the SDK may be one.

mod files;
mod interpreter;
mod packages;

use std::path::{Path, PathBuf};

use super::Recipe;
use crate::{Error, job::Job, project::WIT, sdk, world};

/// The file of a plugin that is its own.
const SOURCE: &str = "plugin.py";
/// The file that Python runs in a zip file.
const MAIN: &str = "__main__.py";
/// The parts of the SDK that a native plugin carries.
const PACKAGE: &str = "mortise_plugin";
const CONFIGURATION: &str = "mortise_config.py";
/// The module of an older copy of the SDK, in the place of the package.
const OLD_MODULE: &str = "native/mortise_plugin.py";

/// Plugins in Python.
#[derive(Clone, Copy, Debug)]
pub struct Python;

impl Recipe for Python {
    fn component(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let tool = job.tool(
            "componentize-py",
            "makes components of Python",
            &[
                "pip install componentize-py  (in a virtual environment, where pip wants one)",
                "pipx install componentize-py",
            ],
        )?;
        job.write_world()?;
        let sdk = job.own_sdk()?;
        let packages = packages::install(job)?;
        let component = job.work()?.join("plugin.wasm");
        job.step("make the component with componentize-py", || {
            let mut command = job.command(tool);
            command
                .args(["--quiet", "-d", WIT, "-w", world::NAME])
                .args(["componentize", "plugin", "-p", "."]);
            for folder in sdk.into_iter().chain(packages) {
                command.arg("-p").arg(folder);
            }
            job.run(command.arg("-o").arg(&component))
        })?;
        job.collect_file(&component)
    }

    /// A zip file that Python runs; only the machine's `python3` is needed.
    fn native(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let python = interpreter::find(job)?;
        let sdk = job.own_sdk()?;
        let packages = packages::install(job)?;
        let packed = job.work()?.join("native");
        let program = job.work()?.join("plugin");
        job.step("pack with Python's zipapp", || {
            files::make_anew(&packed)?;
            if let Some(packages) = packages {
                // The time of their list: they are installed anew now and then.
                let list = job.folder().join(packages::FILE);
                let time = list.metadata().and_then(|list| list.modified());
                let time = time.map_err(|source| Error::file(&list, source))?;
                files::copy_all(&packages, &packed, Some(time))?;
            }
            copy_sources(job, &packed)?;
            if let Some(sdk) = sdk {
                copy_sdk(&sdk, &packed)?;
            }
            job.run(
                job.command(python)
                    .args(["-m", "zipapp", "-p", "/usr/bin/env python3", "-o"])
                    .arg(&program)
                    .arg(&packed),
            )
        })?;
        job.collect_file(&program)
    }

    fn by_hand(&self, name: &str) -> Vec<String> {
        vec![
            "pip install -r requirements.txt".to_owned(),
            format!(
                "componentize-py -d {} -w {} componentize plugin -p . -p sdk -o {name}.wasm",
                WIT,
                world::NAME
            ),
        ]
    }
}

/// Copies the plugin's own copy of the SDK.
fn copy_sdk(sdk: &Path, packed: &Path) -> Result<(), Error> {
    let package = sdk.join(PACKAGE);
    if package.is_dir() {
        files::copy_all(&package, &packed.join(PACKAGE), None)?;
    } else {
        let module = packed.join("mortise_plugin.py");
        files::copy(&sdk.join(OLD_MODULE), &module, None)?;
    }
    let configuration = packed.join(CONFIGURATION);
    files::copy(&sdk.join(CONFIGURATION), &configuration, None)
}

/// Copies the plugin's modules, and its packages with their data.
fn copy_sources(job: &Job<'_>, packed: &Path) -> Result<(), Error> {
    for path in files::within(job.folder())? {
        let Some(name) = path.file_name() else {
            continue;
        };
        let is_own = job.project().is_source(Path::new(name))
            && name != sdk::FOLDER
            && files::is_imported(&path);
        if !is_own {
            continue;
        }
        if path.is_dir() {
            files::copy_all(&path, &packed.join(name), None)?;
        } else {
            let to = if name == SOURCE {
                packed.join(MAIN)
            } else {
                packed.join(name)
            };
            files::copy(&path, &to, None)?;
        }
    }
    Ok(())
}
