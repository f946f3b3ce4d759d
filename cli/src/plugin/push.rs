//! `mortise plugin push`: publish a plugin in a registry. Needs no server.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use bytes::Bytes;
use mortise_runtime::Backend;
use mortise_server::{
    oci::{self, Access, Piece, Platform, Reference, Release},
    plugins::{read_signature_file, signature_file},
};
use owo_colors::Style;
use serde_json::json;

use super::{
    check::{Description, failed},
    commands::read_file,
    show::paint,
};

/// The longest README that is read, in bytes.
const README: u64 = 1 << 20;

/// The version to publish.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "mortise plugin push [OPTIONS] FILE OCI-ADDRESS
       mortise plugin push [OPTIONS] OCI-ADDRESS --platform OS/ARCH=FILE...",
    after_help = "\
Without a tag, the tag is the plugin's version. The command also publishes a signature
FILE.minisig beside a file, and uses the credentials of docker login. One of the files of a native
plugin has to run on this machine, because it describes the plugin.

Examples:
  mortise plugin push dist/rules.wasm oci://ghcr.io/example/rules
  mortise plugin push dist/rules.wasm oci://ghcr.io/example/rules:latest --readme README.md
  mortise plugin push oci://ghcr.io/example/uptime \\
    --platform linux/amd64=dist/uptime-amd64 --platform linux/arm64=dist/uptime-arm64"
)]
pub(super) struct Push {
    /// A component, or an executable for this machine, and an address that begins
    /// with oci://. With `--platform`, only the address.
    #[arg(value_name = "FILE OCI-ADDRESS", num_args = 1..=2, required = true)]
    names: Vec<String>,
    /// Publish a native plugin's executable for a platform, such as linux/amd64.
    #[arg(long, value_name = "OS/ARCH=FILE", value_parser = platform_file)]
    platform: Vec<(Platform, PathBuf)>,
    /// Publish this README, in Markdown.
    #[arg(long, value_name = "FILE")]
    readme: Option<PathBuf>,
    #[command(flatten)]
    authorities: Authorities,
    /// Print one line of JSON.
    #[arg(long)]
    pub(super) json: bool,
}

/// The certificate authorities that are trusted.
#[derive(Debug, clap::Args)]
pub(super) struct Authorities {
    /// Trust the certificate authorities in this file, in PEM, beside those that
    /// browsers and this machine trust.
    #[arg(long, env = "MORTISE_REGISTRY_CA", value_name = "FILE")]
    registry_ca: Option<PathBuf>,
}

impl Authorities {
    /// Returns the means to reach a registry.
    pub(super) fn access(&self) -> anyhow::Result<Access> {
        if let Some(file) = &self.registry_ca {
            oci::check_authorities(file)?;
        }
        Ok(Access::of_environment(self.registry_ca.as_deref()))
    }
}

fn platform_file(text: &str) -> Result<(Platform, PathBuf), String> {
    let (platform, file) = text
        .split_once('=')
        .ok_or("write OS/ARCHITECTURE=FILE, such as linux/amd64=dist/uptime")?;
    Ok((platform.parse()?, file.into()))
}

impl Push {
    pub(super) async fn run(&self) -> anyhow::Result<(String, ExitCode)> {
        let (reference, files) = self.sources()?;
        let access = self.authorities.access()?;
        let described = match Description::of(described_by(&files)?.to_owned()).await? {
            Ok(described) => described,
            Err(error) => return failed(&error, self.json),
        };
        let texts = Texts {
            readme: self.readme.as_deref(),
            sbom: None,
        };
        push_files(&reference, files, described, texts, &access, self.json).await
    }

    /// The address, and the files for their platforms.
    fn sources(&self) -> anyhow::Result<(Reference, Vec<(Platform, PathBuf)>)> {
        let (file, address) = match (self.names.as_slice(), self.platform.is_empty()) {
            ([address], false) => (None, address),
            ([file, address], true) => (Some(file), address),
            ([_], true) => anyhow::bail!(
                "name the file and the address: mortise plugin push FILE oci://HOST/NAME"
            ),
            _ => anyhow::bail!(
                "with --platform, name the address alone: each file is named with its platform"
            ),
        };
        let files = match file {
            Some(file) => vec![(Platform::here(), PathBuf::from(file))],
            None => self.platform.clone(),
        };
        Ok((address.parse()?, files))
    }
}

/// Texts beside the files of a version.
#[derive(Clone, Copy, Debug)]
pub(super) struct Texts<'a> {
    /// Its README, in Markdown.
    pub(super) readme: Option<&'a Path>,
    /// The list of its dependencies, in CycloneDX's form.
    pub(super) sbom: Option<&'a Path>,
}

/// Publishes the files of a version and reports the result.
pub(super) async fn push_files(
    reference: &Reference,
    files: Vec<(Platform, PathBuf)>,
    described: Description,
    texts: Texts<'_>,
    access: &Access,
    json: bool,
) -> anyhow::Result<(String, ExitCode)> {
    let mut pieces = Vec::new();
    for (platform, file) in files {
        pieces.push(piece(&file, platform, described.backend)?);
    }
    let release = Release {
        manifest: described.manifest,
        backend: described.backend,
        pieces,
        readme: texts.readme.map(readme).transpose()?,
        sbom: texts.sbom.map(read_file).transpose()?.map(Bytes::from),
        imports: described.imports,
        exports: described.exports,
    };
    let pushed = oci::push(reference, &release, access).await?;
    if json {
        let done = json!({
            "ok": true,
            "id": release.manifest.id,
            "version": release.manifest.version,
            "reference": pushed.reference.to_string(),
            "digest": pushed.digest,
        });
        return Ok((format!("{done}\n"), ExitCode::SUCCESS));
    }
    let text = format!(
        "{} {} {} as {}\n{}\nto install it: mortise plugin install {}@{}\n",
        paint("pushed", Style::new().green().bold()),
        release.manifest.id,
        release.manifest.version,
        pushed.reference,
        pushed.digest,
        pushed.reference,
        pushed.digest
    );
    Ok((text, ExitCode::SUCCESS))
}

/// Returns the file that describes the plugin: one that runs here.
pub(super) fn described_by(files: &[(Platform, PathBuf)]) -> anyhow::Result<&Path> {
    let here = Platform::here();
    let file = files.iter().find(|(platform, _)| *platform == here);
    file.map(|(_, file)| file.as_path()).with_context(|| {
        format!(
            "none of the files is for {here}, this machine's platform: a plugin describes itself, \
             so publish from a machine that one of them runs on"
        )
    })
}

fn piece(file: &Path, platform: Platform, backend: Backend) -> anyhow::Result<Piece> {
    let signature = read_signature_file(&signature_file(file));
    let name = file.file_name().unwrap_or_default();
    Ok(Piece {
        content: Bytes::from(read_file(file)?),
        name: name.to_string_lossy().into_owned(),
        platform: (backend == Backend::Native).then_some(platform),
        signature: signature
            .with_context(|| format!("the signature of {} cannot be read", file.display()))?,
    })
}

fn readme(file: &Path) -> anyhow::Result<String> {
    let text = mortise_runtime::files::read_text(file, README);
    text.with_context(|| format!("{} cannot be read", file.display()))?
        .with_context(|| format!("{} is not there", file.display()))
}
