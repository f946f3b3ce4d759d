//! `cargo xtask sdks`: the SDKs as packages of their languages' package managers, in
//! `target/sdks`, with checksums.
//!
//! - [`rust`], [`go`], [`python`], [`javascript`], [`c`]: the packages.
//! - [`trial`]: a plugin in each language that gets its SDK from the package.
//!
//! A package has only files that git tracks. Its files have the time of the commit, so the
//! packages of one commit are the same bytes whenever they are made.

mod c;
mod go;
mod javascript;
mod python;
mod rust;
mod trial;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
use serde::Serialize;

use crate::{
    checksums::{self, CHECKSUMS},
    run::{answers, output, print, say},
    tree::{self, Tree},
    workspace::Workspace,
};

/// The version of all packages.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The folder of an SDK's tests, which no package has.
const TESTS: &str = "tests/";

/// Options of the command.
#[derive(Debug, Default, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask sdks
  cargo xtask sdks --output /srv/packages --json
  cargo xtask sdks --try")]
pub(crate) struct Arguments {
    /// Folder for the packages [default: target/sdks].
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
    /// Build a plugin with each package, in a folder outside of the repository.
    #[arg(long = "try")]
    attempt: bool,
    /// Print one line of JSON: each package with its size and checksum.
    #[arg(long)]
    json: bool,
}

/// A file of a package.
#[derive(Debug, Serialize)]
struct Package {
    language: &'static str,
    /// Its path in the folder of all packages.
    file: String,
    bytes: u64,
    sha256: String,
}

/// The making of one language's package: its files.
type Make = fn(&Packing<'_>) -> Result<Vec<PathBuf>>;

/// Each language with its package.
const LANGUAGES: [(&str, Make); 5] = [
    ("rust", rust::make),
    ("go", go::make),
    ("python", python::make),
    ("javascript", javascript::make),
    ("c", c::make),
];

/// Packages that are being made.
#[derive(Debug)]
struct Packing<'a> {
    workspace: &'a Workspace,
    /// The folder for the packages.
    folder: PathBuf,
    /// The folder for everything that becomes a part of one.
    work: PathBuf,
    /// The time of all files, in seconds since 1970.
    time: u64,
}

/// Makes the packages, and tries them on request.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    needs()?;
    let folder = match &arguments.output {
        Some(folder) => std::path::absolute(folder)
            .with_context(|| format!("{} is no path", folder.display()))?,
        None => workspace.target.join("sdks"),
    };
    let packing = Packing::new(workspace, folder)?;
    let packages = packing.make_all()?;
    if arguments.json {
        print(&serde_json::to_string(&packages).context("the packages are no JSON")?)?;
    } else {
        print(&table(&packages))?;
        say(format_args!(
            "in {}, with their checksums in {CHECKSUMS}",
            workspace.short(&packing.folder)
        ));
    }
    if arguments.attempt {
        trial::run(&packing)?;
    }
    Ok(())
}

/// Makes the packages and tries them.
#[cfg(unix)]
pub(crate) fn run_and_try(workspace: &Workspace) -> Result<()> {
    let arguments = Arguments {
        attempt: true,
        ..Arguments::default()
    };
    run(workspace, &arguments)
}

impl<'a> Packing<'a> {
    fn new(workspace: &'a Workspace, folder: PathBuf) -> Result<Self> {
        let work = workspace.target.join("sdks-work");
        for made in [&folder, &work] {
            fs::create_dir_all(made)
                .with_context(|| format!("{} cannot be made", made.display()))?;
        }
        Ok(Self {
            time: tree::time(workspace)?,
            workspace,
            folder,
            work,
        })
    }

    /// Makes the package of each language, and the checksums.
    fn make_all(&self) -> Result<Vec<Package>> {
        let mut packages = Vec::new();
        // In the order of their names.
        let mut lines = BTreeMap::new();
        for (language, make) in LANGUAGES {
            say(format_args!("packing the SDK for {language}"));
            for file in make(self)? {
                let package = self.package(language, &file)?;
                lines.insert(package.file.clone(), checksums::line(&file, &package.file)?);
                packages.push(package);
            }
        }
        let text: String = lines.into_values().collect();
        let file = self.folder.join(CHECKSUMS);
        fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
        Ok(packages)
    }

    fn package(&self, language: &'static str, file: &Path) -> Result<Package> {
        let within = file
            .strip_prefix(&self.folder)
            .with_context(|| format!("{} is no package", file.display()))?;
        let metadata =
            fs::metadata(file).with_context(|| format!("{} was not made", file.display()))?;
        Ok(Package {
            language,
            file: within.display().to_string().replace('\\', "/"),
            bytes: metadata.len(),
            sha256: checksums::sha256(file)?,
        })
    }

    /// The files of a folder of the repository that git tracks, by their paths in it.
    fn tracked(&self, folder: &str) -> Result<Vec<String>> {
        let listed = output(
            Command::new("git")
                .args(["ls-files", "-z"])
                .current_dir(self.workspace.root.join(folder)),
        )
        .context("packages are made in a clone of the repository")?;
        let files: Vec<_> = listed
            .split('\0')
            .filter(|file| !file.is_empty())
            .map(str::to_owned)
            .collect();
        if files.is_empty() {
            bail!("git tracks no file in {folder}");
        }
        Ok(files)
    }

    /// Copies the files of a folder of the repository into a folder of a tree, except those
    /// that the choice leaves out.
    fn copy(
        &self,
        from: &str,
        tree: &Tree,
        to: &str,
        is_chosen: impl Fn(&str) -> bool,
    ) -> Result<()> {
        for file in self.tracked(from)? {
            if is_chosen(&file) {
                let source = self.workspace.root.join(from).join(&file);
                tree.copy(&source, &Path::new(to).join(&file), 0o644)?;
            }
        }
        Ok(())
    }
}

/// Finds the programs that make packages.
fn needs() -> Result<()> {
    for (program, package) in [
        ("git", "git"),
        ("tar", "tar"),
        ("gzip", "gzip"),
        ("date", "coreutils"),
        ("npm", "npm"),
        ("python3", "python3-venv"),
    ] {
        if !answers(Command::new(program).arg("--version")) {
            bail!("there is no `{program}`: install it (Debian's package `{package}`)");
        }
    }
    Ok(())
}

fn table(packages: &[Package]) -> String {
    let mut table = Table::new();
    table
        .load_preset(UTF8_HORIZONTAL_ONLY)
        .set_header(["language", "file", "KiB"]);
    for package in packages {
        table.add_row([
            package.language.to_owned(),
            package.file.clone(),
            package.bytes.div_ceil(1024).to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(2) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::{Package, table};

    #[test]
    fn each_file_has_a_row_with_its_size() {
        let package = Package {
            language: "go",
            file: "go/a.zip".to_owned(),
            bytes: 1025,
            sha256: String::new(),
        };
        let text = table(&[package]);
        let words: Vec<_> = text
            .lines()
            .find(|line| line.contains("a.zip"))
            .unwrap()
            .split_whitespace()
            .collect();
        assert_eq!(words, ["go", "go/a.zip", "2"]);
    }
}
