//! The packages of `requirements.txt`, which both forms of a plugin carry. They are
//! written in Python alone: a component and a zip file load no compiled code.

use std::{
    fs,
    path::{Path, PathBuf},
};

use mortise_toolchain::process;

use super::{files, interpreter};
use crate::{
    Error, MissingTool,
    job::Job,
    packaged::{REQUIREMENTS, requirement},
};

/// The file that names them.
pub(super) const FILE: &str = REQUIREMENTS;
/// The package that makes components: a tool, and no part of a plugin.
const TOOL: &str = "componentize-py";
/// Packages that do the same without their compiled parts, and are published with
/// these only.
const COMPLETE_WITHOUT: [&str; 3] = ["markupsafe", "msgpack", "pyyaml"];
/// The end of the file name of a wheel for every machine and version.
const FOR_ALL: &str = "-none-any.whl";
/// The endings of compiled code.
const COMPILED: [&str; 3] = ["so", "pyd", "dylib"];
const QUIET: [&str; 3] = ["--quiet", "--no-input", "--disable-pip-version-check"];

/// Returns the folder with the packages, or none if the plugin names none. They are
/// installed again if the requirements changed.
pub(super) fn install(job: &Job<'_>) -> Result<Option<PathBuf>, Error> {
    let named = job.folder().join(FILE);
    if !named.is_file() {
        return Ok(None);
    }
    let text = fs::read_to_string(&named).map_err(|source| Error::file(&named, source))?;
    let Some(required) = without_tool(&text) else {
        return Ok(None);
    };
    let work = job.work()?;
    let (folder, stamp) = (work.join("packages"), work.join("packages.txt"));
    let is_current = !refers_to_files(&required)
        && folder.is_dir()
        && fs::read_to_string(&stamp).is_ok_and(|there| there == required);
    if is_current {
        return Ok(Some(folder));
    }
    let python = interpreter::find(job)?;
    if !process::answers(job.command(&python).args(["-m", "pip", "--version"])) {
        return Err(Error::MissingTool(MissingTool {
            tool: "pip".to_owned(),
            why: format!("installs the packages of {FILE}"),
            get: vec![
                "python3 -m ensurepip --upgrade".to_owned(),
                "sudo apt install python3-pip  (Debian, Ubuntu)".to_owned(),
            ],
        }));
    }
    let list = if required == text {
        named
    } else {
        let list = work.join(FILE);
        fs::write(&list, &required).map_err(|source| Error::file(&list, source))?;
        list
    };
    job.step("install the packages of requirements.txt with pip", || {
        fetch(job, &python, &list)
    })?;
    // The last step, so a broken installation is made anew.
    fs::write(&stamp, &required).map_err(|source| Error::file(&stamp, source))?;
    Ok(Some(folder))
}

/// Installs the packages of a list into the folder `packages`.
fn fetch(job: &Job<'_>, python: &Path, list: &Path) -> Result<(), Error> {
    let work = job.work()?;
    let (folder, wheels) = (work.join("packages"), work.join("wheels"));
    files::make_anew(&folder)?;
    files::make_anew(&wheels)?;
    let pip = |command: &str| {
        let mut pip = job.command(python);
        pip.args(["-m", "pip", command]).args(QUIET);
        pip
    };
    job.run(
        pip("wheel")
            .arg("--requirement")
            .arg(list)
            .arg("--wheel-dir")
            .arg(&wheels),
    )?;
    let mut pins = Vec::new();
    let mut has_compiled = false;
    for file in files::within(&wheels)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let Some(wheel) = Wheel::named(&name) else {
            continue;
        };
        let pin = format!("{}=={}", wheel.package, wheel.version);
        if wheel.is_compiled {
            let found = process::answers(
                pip("download")
                    .args([
                        "--no-deps",
                        "--only-binary=:all:",
                        "--platform=any",
                        "--dest",
                    ])
                    .arg(&wheels)
                    .arg(&pin),
            );
            if found {
                fs::remove_file(&file).map_err(|source| Error::file(&file, source))?;
            } else if wheel.is_complete_without() {
                has_compiled = true;
            } else {
                return Err(Error::Project {
                    file: job.folder().join(FILE),
                    text: wheel.refusal(),
                });
            }
        }
        pins.push(pin);
    }
    // By name, since pip would record the path of a file.
    job.run(
        pip("install")
            .args(["--no-deps", "--no-index", "--no-compile", "--find-links"])
            .arg(&wheels)
            .arg("--target")
            .arg(&folder)
            .args(&pins),
    )?;
    // Its scripts name the Python of this machine.
    files::remove_folder(&folder.join("bin"))?;
    if has_compiled {
        files::remove(&folder, &COMPILED)?;
    }
    Ok(())
}

/// A built package, by its file's name.
struct Wheel {
    package: String,
    version: String,
    is_compiled: bool,
}

impl Wheel {
    fn named(file: &str) -> Option<Self> {
        let mut parts = file.strip_suffix(".whl")?.split('-');
        Some(Self {
            package: parts.next()?.to_owned(),
            version: parts.next()?.to_owned(),
            is_compiled: !file.ends_with(FOR_ALL),
        })
    }

    fn is_complete_without(&self) -> bool {
        COMPLETE_WITHOUT.contains(&self.package.to_ascii_lowercase().as_str())
    }

    fn refusal(&self) -> String {
        let Self {
            package, version, ..
        } = self;
        format!(
            "`{package}` {version} has compiled code, which neither a component nor a native plugin (a zip file) can load; \
             remove it, or the package that requires it, or require a version that is written in Python alone"
        )
    }
}

/// Returns the requirements without the tool that makes components, or none if there
/// are no others.
fn without_tool(text: &str) -> Option<String> {
    if text.lines().all(is_blank) {
        return None;
    }
    if !text.lines().any(is_tool) {
        return Some(text.to_owned());
    }
    let others: Vec<_> = text.lines().filter(|line| !is_tool(line)).collect();
    let is_none = others.iter().all(|line| is_blank(line));
    (!is_none).then(|| others.join("\n") + "\n")
}

fn is_blank(line: &str) -> bool {
    line.trim().is_empty() || line.trim_start().starts_with('#')
}

fn is_tool(line: &str) -> bool {
    requirement(line) == TOOL
}

/// Returns true if packages come from files beside the requirements, or from
/// addresses: these may have changed.
fn refers_to_files(required: &str) -> bool {
    required.lines().map(str::trim_start).any(|line| {
        line.starts_with(['-', '.', '/']) || line.contains(" @ ") || line.contains("://")
    })
}

#[cfg(test)]
mod tests {
    use super::{Wheel, refers_to_files, without_tool};

    #[test]
    fn the_tool_is_no_part_of_a_plugin() {
        for (text, left) in [
            ("", None),
            ("# nothing\n\n", None),
            ("componentize-py==0.25.1\n", None),
            ("# tools\ncomponentize_py[x] >= 0.25\n", None),
            ("requests\n", Some("requests\n")),
            ("requests\r\n# no end", Some("requests\r\n# no end")),
            (
                "requests==2\nComponentize-Py==0.25.1\nhttpx\n",
                Some("requests==2\nhttpx\n"),
            ),
            ("componentize-python\n", Some("componentize-python\n")),
        ] {
            assert_eq!(without_tool(text).as_deref(), left, "{text:?}");
        }
    }

    #[test]
    fn a_wheel_says_whether_it_is_compiled() {
        for (file, package, is_compiled, is_complete) in [
            ("idna-3.10-py3-none-any.whl", "idna", false, false),
            ("six-1.17.0-py2.py3-none-any.whl", "six", false, false),
            (
                "pydantic_core-2.46.4-cp311-cp311-manylinux_2_17_x86_64.whl",
                "pydantic_core",
                true,
                false,
            ),
            (
                "PyYAML-6.0-cp311-cp311-linux_x86_64.whl",
                "PyYAML",
                true,
                true,
            ),
            (
                "ziglang-0.15.2-py3-none-manylinux_2_12_x86_64.whl",
                "ziglang",
                true,
                false,
            ),
        ] {
            let wheel = Wheel::named(file).unwrap();
            assert_eq!(wheel.package, package);
            assert_eq!(wheel.is_compiled, is_compiled, "{file}");
            assert_eq!(wheel.is_complete_without(), is_complete, "{file}");
            assert!(wheel.refusal().contains(package));
        }
        assert!(Wheel::named("RECORD").is_none());
    }

    #[test]
    fn requirements_that_name_files_are_installed_each_time() {
        assert!(!refers_to_files(
            "requests==2.34.2 ; python_version > '3'\n"
        ));
        for line in [
            "-r more.txt",
            "./own",
            "own @ file:///own",
            "https://example.org/a.whl",
        ] {
            assert!(refers_to_files(line), "{line}");
        }
    }
}
