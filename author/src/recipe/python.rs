//! Python: `componentize-py` makes a component of the module `plugin` and its
//! imports. A native plugin is the same source with another SDK, zipped.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::Recipe;
use crate::{Error, job::Job, project::WIT, world};

/// The file of a plugin that is its own.
const SOURCE: &str = "plugin.py";
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
        let sdk = job.sdk()?;
        let component = job.work()?.join("plugin.wasm");
        job.step("make the component with componentize-py", || {
            job.run(
                job.command(tool)
                    .args(["--quiet", "-d", WIT, "-w", world::NAME])
                    .args(["componentize", "plugin", "-p", ".", "-p"])
                    .arg(sdk)
                    .arg("-o")
                    .arg(&component),
            )
        })?;
        job.collect_file(&component)
    }

    /// A zip file that Python runs; only the machine's `python3` is needed.
    fn native(&self, job: &Job<'_>) -> Result<PathBuf, Error> {
        let python = job.tool(
            "python3",
            "packs and runs native plugins",
            &["install Python 3.11 or newer from https://www.python.org or your distribution"],
        )?;
        let sdk = job.sdk()?;
        let packed = job.work()?.join("native");
        let program = job.work()?.join("plugin");
        job.step("pack with Python's zipapp", || {
            if packed.exists() {
                fs::remove_dir_all(&packed).map_err(|source| Error::file(&packed, source))?;
            }
            fs::create_dir_all(&packed).map_err(|source| Error::file(&packed, source))?;
            let copy = |from: PathBuf, name: &str| {
                // With its time, by which the same sources make the same file.
                let to = packed.join(name);
                fs::copy(&from, &to)
                    .and_then(|_| from.metadata()?.modified())
                    .and_then(|time| {
                        fs::File::options()
                            .write(true)
                            .open(&to)?
                            .set_modified(time)
                    })
                    .map_err(|source| Error::file(&from, source))
            };
            for (name, file) in modules(job.folder())? {
                copy(file, if name == SOURCE { "__main__.py" } else { &name })?;
            }
            let package = sdk.join(PACKAGE);
            if package.is_dir() {
                let inside = packed.join(PACKAGE);
                fs::create_dir_all(&inside).map_err(|source| Error::file(&inside, source))?;
                for (name, file) in modules(&package)? {
                    copy(file, &format!("{PACKAGE}/{name}"))?;
                }
            } else {
                copy(sdk.join(OLD_MODULE), "mortise_plugin.py")?;
            }
            copy(sdk.join(CONFIGURATION), CONFIGURATION)?;
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

/// The modules in a folder, each with its name.
fn modules(folder: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let entries = fs::read_dir(folder).map_err(|source| Error::file(folder, source))?;
    let files = entries.filter_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        name.ends_with(".py")
            .then(|| (name.clone(), folder.join(name)))
    });
    Ok(files.collect())
}
