//! `cargo xtask dist`: the packages of a release, in `target/dist`: a tarball, a Debian
//! package and a container image, each for one platform, with checksums, a list of
//! components (SBOM) and, on request, a signature.
//!
//! - [`program`]: the program, stripped, and the texts that it writes about itself.
//! - [`libraries`]: the shared libraries that the program needs.
//! - [`deb`], [`image`]: the packages.
//! - [`sbom`]: the crates in the program.
//! - [`root`], [`trial`]: a Debian root of its own, in which the packages are installed
//!   and used.
//!
//! The packages of one commit are the same bytes whenever they are made from the same
//! program: files are in order, and have the time of the commit.

mod deb;
mod image;
mod libraries;
mod program;
#[cfg(target_os = "linux")]
mod root;
mod sbom;
#[cfg(target_os = "linux")]
mod trial;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use self::program::Program;
#[cfg(target_os = "linux")]
pub(crate) use self::trial::run_short;
use crate::{
    checksums::{CHECKSUMS, line},
    run::{answers, run as run_command, say},
    server,
    tree::{self, Tree},
    web,
    workspace::Workspace,
};

/// The version of all packages.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A kind of package.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// The program with its manuals, completions and unit.
    Tarball,
    /// A package for Debian and its relatives.
    Deb,
    /// A container image, as an archive in OCI's layout that Docker loads too.
    Image,
    /// The list of all crates in the program, in CycloneDX's form.
    Sbom,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  cargo xtask dist
  cargo xtask dist --target aarch64-unknown-linux-musl
  cargo xtask dist --quick --only deb --program target/debug/mortise
  cargo xtask dist --try")]
pub(crate) struct Arguments {
    /// Make only these.
    #[arg(long, value_delimiter = ',', value_name = "KIND")]
    only: Vec<Kind>,
    /// Build for this platform, named as rustc does, such as aarch64-unknown-linux-musl.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,
    /// Package this program, which was built for `--target`, and build none.
    #[arg(long, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Number of the Debian package among those of the same version.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    revision: u32,
    /// Pack less tightly, in less time.
    #[arg(long)]
    quick: bool,
    /// Sign the checksums by this secret key of minisign.
    #[arg(long, value_name = "FILE")]
    sign: Option<PathBuf>,
    /// Install the packages in a Debian root and use them. Needs root.
    #[arg(long = "try")]
    attempt: bool,
    /// Folder with the Debian root for `--try`, such as debootstrap makes; it stays
    /// unchanged. This machine's own root if none.
    #[arg(long, value_name = "DIR", requires = "attempt")]
    root: Option<PathBuf>,
}

/// A platform by the names that packages have for it.
#[derive(Clone, Debug)]
struct Platform {
    /// As rustc names it.
    triple: String,
    /// The processor as rustc names it.
    processor: &'static str,
    /// As Debian and registries name the processor.
    debian: &'static str,
}

impl Platform {
    fn new(triple: &str) -> Result<Self> {
        let names = [("x86_64", "amd64"), ("aarch64", "arm64")];
        let found = names
            .into_iter()
            .find(|(processor, _)| triple.split('-').next() == Some(processor));
        match found.filter(|_| triple.contains("-linux-")) {
            Some((processor, debian)) => Ok(Self {
                triple: triple.to_owned(),
                processor,
                debian,
            }),
            None => bail!(
                "there are no packages for {triple}: choose a --target of Linux on x86_64 or aarch64"
            ),
        }
    }

    /// Returns true if this machine runs its programs.
    fn is_here(&self) -> bool {
        self.processor == std::env::consts::ARCH
    }

    /// The name of the `objcopy` for its programs.
    fn objcopy(&self) -> String {
        if self.is_here() {
            "objcopy".to_owned()
        } else {
            format!("{}-linux-gnu-objcopy", self.processor)
        }
    }
}

/// A release that is being made.
#[derive(Debug)]
struct Release<'a> {
    workspace: &'a Workspace,
    platform: Platform,
    program: Program,
    revision: u32,
    /// The time of all files, in seconds since 1970.
    time: u64,
    /// The folder for the packages.
    folder: PathBuf,
    /// The folder for everything that becomes a part of one.
    work: PathBuf,
    /// Less time for packing, for packages that are only tried.
    quick: bool,
}

/// Makes packages, and tries them on request.
pub(crate) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<()> {
    let triple = match &arguments.target {
        Some(triple) => triple.clone(),
        None => workspace.host()?,
    };
    let platform = Platform::new(&triple)?;
    needs(&platform, arguments.sign.is_some())?;
    let built = match &arguments.program {
        Some(program) => program.clone(),
        None => {
            web::build(workspace).context("the program contains the page")?;
            server::build_for(workspace, arguments.target.as_deref())?
        }
    };
    let folder = workspace.target.join("dist");
    let mut release = Release::new(workspace, platform, &built, &folder, arguments.revision)?;
    release.quick = arguments.quick;
    // Packages that are only tried may have a program of a development build.
    if !release.quick {
        release.program.check_size()?;
    }
    let all = [Kind::Tarball, Kind::Deb, Kind::Image, Kind::Sbom];
    let kinds = match arguments.only.as_slice() {
        [] => &all[..],
        only => only,
    };
    let mut made = Vec::new();
    for kind in kinds {
        let file = release.make(*kind)?;
        let size = fs::metadata(&file).map_or(0, |metadata| metadata.len());
        say(format_args!(
            "made {}, {} KiB",
            workspace.short(&file),
            size.div_ceil(1024)
        ));
        made.push(file);
    }
    checksums(&folder, arguments.sign.as_deref())?;
    if arguments.attempt {
        #[cfg(target_os = "linux")]
        trial::run(&release, arguments.root.as_deref())?;
        #[cfg(not(target_os = "linux"))]
        bail!("packages can be tried on Linux only; make them without --try");
    }
    Ok(())
}

impl<'a> Release<'a> {
    fn new(
        workspace: &'a Workspace,
        platform: Platform,
        built: &Path,
        folder: &Path,
        revision: u32,
    ) -> Result<Self> {
        let work = workspace.target.join("dist-work");
        fs::create_dir_all(&work)
            .and_then(|()| fs::create_dir_all(folder))
            .with_context(|| format!("{} cannot be made", folder.display()))?;
        let program = Program::new(workspace, &platform, built, &work)?;
        Ok(Self {
            time: tree::time(workspace)?,
            workspace,
            platform,
            program,
            revision,
            folder: folder.to_owned(),
            work,
            quick: false,
        })
    }

    fn make(&self, kind: Kind) -> Result<PathBuf> {
        match kind {
            Kind::Tarball => self.tarball(),
            Kind::Deb => deb::make(self),
            Kind::Image => image::make(self),
            Kind::Sbom => sbom::make(self),
        }
    }

    /// The name that the files of a release begin with.
    fn name(&self) -> String {
        format!("mortise-{VERSION}-{}-linux", self.platform.processor)
    }

    /// A tarball with one folder, whose files a person puts into place.
    fn tarball(&self) -> Result<PathBuf> {
        let tree = Tree::new(&self.work.join("tarball"))?;
        let top = PathBuf::from(self.name());
        tree.copy(&self.program.file, &top.join("mortise"), 0o755)?;
        for page in &self.program.manuals {
            tree.copy(page, &top.join("man").join(name_of(page)?), 0o644)?;
        }
        for (shell, script) in &self.program.completions {
            let name = format!("mortise.{shell}");
            tree.write(&top.join("completions").join(name), script, 0o644)?;
        }
        let here = |path: &str| self.workspace.root.join(path);
        for path in [
            "packaging/mortise.service",
            "packaging/mortise.toml",
            "packaging/compose.yaml",
            "LICENSE-APACHE",
            "LICENSE-MIT",
            "CHANGELOG.md",
            "docs/install.md",
        ] {
            let file = here(path);
            tree.copy(&file, &top.join(name_of(&file)?), 0o644)?;
        }
        let tar = tree.tar(&self.work.join("tarball.tar"), self.time)?;
        let file = self.folder.join(format!("{}.tar.gz", self.name()));
        tree::gzip(&tar, &file, self.quick)?;
        Ok(file)
    }
}

/// The last part of a path.
fn name_of(path: &Path) -> Result<&std::ffi::OsStr> {
    path.file_name()
        .with_context(|| format!("{} names no file", path.display()))
}

/// Finds the programs that make packages, before anything is built.
fn needs(platform: &Platform, signs: bool) -> Result<()> {
    let objcopy = platform.objcopy();
    let binutils = if platform.is_here() {
        "binutils".to_owned()
    } else {
        format!(
            "binutils-{}-linux-gnu",
            platform.processor.replace('_', "-")
        )
    };
    let mut programs = vec![
        ("tar", "--version", "tar"),
        ("gzip", "--version", "gzip"),
        (&*objcopy, "--version", &*binutils),
        ("readelf", "--version", "binutils"),
        ("ldd", "--version", "libc-bin"),
        ("date", "--version", "coreutils"),
        ("dpkg-deb", "--version", "dpkg"),
    ];
    if signs {
        programs.push(("minisign", "-v", "minisign"));
    }
    for (program, version, package) in programs {
        if !answers(Command::new(program).arg(version)) {
            bail!("there is no `{program}`: install it (Debian's package `{package}`)");
        }
    }
    Ok(())
}

/// Writes the checksums of all packages, in the form of `sha256sum`, and signs them.
fn checksums(folder: &Path, key: Option<&Path>) -> Result<()> {
    let listed = CHECKSUMS.to_owned() + ".minisig";
    let mut lines = BTreeMap::new();
    let entries = fs::read_dir(folder)
        .with_context(|| format!("{} cannot be read", folder.display()))?
        .collect::<std::io::Result<Vec<_>>>()?;
    for entry in entries {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name != CHECKSUMS && name != listed && entry.path().is_file() {
            let line = line(&entry.path(), &name)?;
            lines.insert(name, line);
        }
    }
    let text: String = lines.into_values().collect();
    let file = folder.join(CHECKSUMS);
    // An old signature would be of other checksums.
    let _ = fs::remove_file(folder.join(listed));
    fs::write(&file, text).with_context(|| format!("{} cannot be written", file.display()))?;
    if let Some(key) = key {
        run_command(
            Command::new("minisign")
                .args(["-S", "-s"])
                .arg(key)
                .arg("-m")
                .arg(&file),
        )
        .context("`minisign` did not sign the checksums: check --sign")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Platform;

    #[test]
    fn a_platform_has_the_names_of_each_package() {
        let one = Platform::new("aarch64-unknown-linux-musl").unwrap();
        assert_eq!((one.processor, one.debian), ("aarch64", "arm64"));
        let error = Platform::new("x86_64-apple-darwin").unwrap_err();
        assert!(error.to_string().contains("--target"), "{error}");
    }
}
