//! `mortise plugin publish`: build a release of the plugin in a folder, and publish it in
//! a registry. Needs no server.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

use anyhow::Context as _;
use mortise_author::{Kind, Project, Target, project::DIST, sbom};
use mortise_runtime::Digest;
use mortise_server::{
    oci::{Platform, Reference},
    plugins::signature_file,
};
use owo_colors::Style;
use serde_json::json;

use super::{
    super::{
        check::{Description, failed},
        commands::read_file,
        push::{Authorities, Texts, described_by, push_files},
        show::paint,
    },
    progress::Told,
};

/// The folder for the files of a release, in the plugin's folder `dist`.
const RELEASE: &str = "release";
const README: &str = "README.md";
const CHECKSUMS: &str = "SHA256SUMS";

/// The release to make.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
A release has the plugin's files, a signature of each, the README, the list of
dependencies (SBOM) and checksums. Without a tag, the tag is the plugin's version.
The command uses the credentials of docker login, and a key of minisign. If the key has a
password, minisign asks for it.

Examples:
  mortise plugin publish oci://ghcr.io/example/rules --sign ~/.minisign/minisign.key
  mortise plugin publish --dry-run
      writes the release to dist/release, and publishes nothing
  mortise plugin publish oci://ghcr.io/example/uptime \\
    --native --platform linux/amd64 --platform linux/arm64")]
pub(in crate::plugin) struct Publish {
    /// The address, which begins with oci://. Not needed for `--dry-run`.
    #[arg(value_name = "OCI-ADDRESS", required_unless_present = "dry_run")]
    address: Option<Reference>,
    /// The plugin's folder.
    #[arg(long, value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Publish executables instead of a component.
    #[arg(long)]
    native: bool,
    /// Build an executable for this platform, such as linux/arm64 [default: this
    /// machine's].
    #[arg(long, value_name = "OS/ARCH", requires = "native")]
    platform: Vec<Platform>,
    /// Sign each file with this secret key.
    #[arg(long, value_name = "FILE")]
    sign: Option<PathBuf>,
    /// Write the release, and publish nothing.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    authorities: Authorities,
    /// Print one line of JSON.
    #[arg(long)]
    pub(in crate::plugin) json: bool,
}

impl Publish {
    pub(in crate::plugin) async fn run(&self) -> anyhow::Result<(String, ExitCode)> {
        // Said before anything is built.
        let access = self.authorities.access()?;
        let project = Project::open(&self.folder)?;
        let built = self.build(&project)?;
        let described = match Description::of(described_by(&built)?.to_owned()).await? {
            Ok(described) => described,
            Err(error) => return failed(&error, self.json),
        };
        let manifest = &described.manifest;
        let folder = project.folder.join(DIST).join(RELEASE);
        let files = collect(&built, &folder)?;
        for (_, file) in &files {
            self.sign(file)?;
        }
        let list = sbom(&project, &manifest.id, &manifest.version)?;
        let list_file = folder.join(format!("{}.cdx.json", project.name));
        write(&list_file, serde_json::to_string_pretty(&list)? + "\n")?;
        let readme = project.folder.join(README);
        let readme = if readme.is_file() {
            let copy = folder.join(README);
            fs::copy(&readme, &copy)
                .with_context(|| format!("{} cannot be copied", readme.display()))?;
            Some(copy)
        } else {
            None
        };
        write(&folder.join(CHECKSUMS), checksums(&folder)?)?;
        match &self.address {
            Some(address) if !self.dry_run => {
                let texts = Texts {
                    readme: readme.as_deref(),
                    sbom: Some(&list_file),
                };
                push_files(address, files, described, texts, &access, self.json).await
            }
            _ if self.json => {
                let done = json!({
                    "ok": true,
                    "id": manifest.id,
                    "version": manifest.version,
                    "folder": folder,
                });
                Ok((format!("{done}\n"), ExitCode::SUCCESS))
            }
            _ => {
                let text = format!(
                    "{} {} {} to {}\n",
                    paint("wrote", Style::new().green().bold()),
                    manifest.id,
                    manifest.version,
                    folder.display()
                );
                Ok((text, ExitCode::SUCCESS))
            }
        }
    }

    /// Builds the plugin for each platform.
    fn build(&self, project: &Project) -> anyhow::Result<Vec<(Platform, PathBuf)>> {
        if !self.native {
            let built = mortise_author::build(&project.folder, Kind::Component, &Told)?;
            return Ok(vec![(Platform::here(), built.file)]);
        }
        let mut platforms = self.platform.clone();
        if platforms.is_empty() {
            platforms.push(Platform::here());
        }
        // One of them describes the plugin. Said before anything is built.
        let files: Vec<_> = platforms
            .iter()
            .map(|platform| (platform.clone(), PathBuf::new()))
            .collect();
        described_by(&files)?;
        let mut built = Vec::new();
        for platform in platforms {
            let target = Target {
                os: platform.os().to_owned(),
                architecture: platform.architecture().to_owned(),
            };
            let here = platform == Platform::here();
            let done = mortise_author::build_for(&project.folder, &target, here, &Told)?;
            built.push((platform, done.file));
        }
        Ok(built)
    }

    /// Writes the signature beside a file. An old one never stays.
    fn sign(&self, file: &Path) -> anyhow::Result<()> {
        let Some(key) = &self.sign else {
            return Ok(());
        };
        let status = Command::new("minisign")
            .args(["-S", "-s"])
            .arg(key)
            .arg("-m")
            .arg(file)
            .arg("-x")
            .arg(signature_file(file))
            .stdout(Stdio::null())
            .status()
            .context(
                "`minisign` cannot be started, which signs a release: install it (Debian's \
                 package `minisign`), or publish without --sign",
            )?;
        anyhow::ensure!(
            status.success(),
            "`minisign` did not sign {} by {} ({status}); its output above says why",
            file.display(),
            key.display()
        );
        Ok(())
    }
}

/// Puts the built files into the folder of the release, which has nothing else.
fn collect(
    built: &[(Platform, PathBuf)],
    folder: &Path,
) -> anyhow::Result<Vec<(Platform, PathBuf)>> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .with_context(|| format!("{} cannot be emptied", folder.display()))?;
    }
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    let mut files = Vec::new();
    for (platform, file) in built {
        let name = file.file_name().context("a built file has no name")?;
        let copy = folder.join(name);
        fs::copy(file, &copy).with_context(|| format!("{} cannot be copied", file.display()))?;
        files.push((platform.clone(), copy));
    }
    Ok(files)
}

/// The checksums of all files in a folder, in the form of `sha256sum`.
fn checksums(folder: &Path) -> anyhow::Result<String> {
    let mut names = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    names.sort();
    let mut text = String::new();
    for file in names {
        let digest = Digest::of(&read_file(&file)?).to_string();
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let digits = digest.strip_prefix("sha256:").unwrap_or(&digest);
        writeln!(text, "{digits}  {name}")?;
    }
    Ok(text)
}

fn write(file: &Path, text: String) -> anyhow::Result<()> {
    fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
}
