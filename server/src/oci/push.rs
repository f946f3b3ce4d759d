//! Publishing a version: a component, or the executables of a native plugin for
//! several platforms.

use std::{
    collections::{BTreeMap, HashMap},
    str::FromStr,
};

use bytes::Bytes;
use http::{Method, StatusCode};
use mortise_runtime::{Backend, Digest, types::Manifest};
use oci_spec::image::{
    Arch, Descriptor, ImageIndex, ImageIndexBuilder, ImageManifestBuilder, MediaType, Os,
    PlatformBuilder,
};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    Access, Reference, RegistryError,
    document::{
        MANIFEST, MANIFEST_BYTES, NATIVE_CONFIG, NATIVE_LAYER, README, README_BYTES, SBOM,
        SIGNATURE, TITLE, WASM_CONFIG, WASM_LAYER, annotations, descriptor, platform,
    },
    session::{Ask, Session},
};

/// The time that a component's configuration names: the same file gets the same
/// digest whenever it is published.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// A platform, such as `linux/amd64`, by the names that registries use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Platform {
    os: String,
    architecture: String,
}

impl Platform {
    /// This machine's platform.
    pub fn here() -> Self {
        let (os, architecture) = platform();
        Self {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
        }
    }
}

impl Platform {
    /// The system, such as `linux`.
    pub fn os(&self) -> &str {
        &self.os
    }

    /// The processor, such as `amd64`.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/');
        let plain = |part: &str| {
            let mut chars = part.chars();
            !part.is_empty() && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
        };
        match parts.filter(|(os, architecture)| plain(os) && plain(architecture)) {
            Some((os, architecture)) => Ok(Self {
                os: os.to_owned(),
                architecture: architecture.to_owned(),
            }),
            None => Err(format!(
                "`{text}` is not a platform: write OS/ARCHITECTURE, such as linux/amd64"
            )),
        }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.os, self.architecture)
    }
}

/// A file of a version.
#[derive(Clone, Debug)]
pub struct Piece {
    /// Its content.
    pub content: Bytes,
    /// Its name.
    pub name: String,
    /// Its platform; none for a component.
    pub platform: Option<Platform>,
    /// Its signature, as minisign wrote it.
    pub signature: Option<String>,
}

/// A version to publish.
#[derive(Clone, Debug)]
pub struct Release {
    /// The plugin's manifest.
    pub manifest: Manifest,
    /// Its backend.
    pub backend: Backend,
    /// Its files: one, or one for each platform.
    pub pieces: Vec<Piece>,
    /// Its README, in Markdown.
    pub readme: Option<String>,
    /// The list of its dependencies, in CycloneDX's form.
    pub sbom: Option<Bytes>,
    /// The interfaces that a component imports.
    pub imports: Vec<String>,
    /// The interfaces that a component exports.
    pub exports: Vec<String>,
}

/// A published version.
#[derive(Clone, Debug)]
pub struct Pushed {
    /// Its address.
    pub reference: Reference,
    /// The digest of its manifest, or of its index.
    pub digest: Digest,
}

/// Publishes a version. Without a tag, the tag is the version of the manifest.
///
/// # Errors
///
/// [`RegistryError`]. The version is visible only once all of it is there.
pub async fn push(
    reference: &Reference,
    release: &Release,
    access: &Access,
) -> Result<Pushed, RegistryError> {
    if reference.digest().is_some() {
        let text = format!("{reference} has a digest, which no publisher can choose; write a tag");
        return Err(RegistryError::Push(text.into()));
    }
    if let Some(readme) = release
        .readme
        .as_ref()
        .filter(|text| text.len() > README_BYTES)
    {
        let text = format!(
            "the README has {} bytes, and at most {README_BYTES} are published; shorten it",
            readme.len()
        );
        return Err(RegistryError::Push(text.into()));
    }
    let version = reference.tag().unwrap_or(&release.manifest.version);
    // A tag has no `+`, which a semantic version may have.
    let reference = reference.with_tag(&version.replace('+', "_"));
    let session = Session::new(&reference, access, "pull,push")?;
    let pushing = Pushing {
        session: &session,
        release,
    };
    let digest = match (release.backend, release.pieces.as_slice()) {
        (_, []) => return Err(RegistryError::Push("no file to publish".into())),
        (Backend::Wasm, [piece]) => {
            let (manifest, _) = pushing.piece(piece).await?;
            let tag = reference.tag().unwrap_or_default();
            pushing.top(tag, MediaType::ImageManifest, manifest).await?
        }
        (Backend::Wasm, _) => {
            let text = "a component runs on every platform; publish one file, without --platform";
            return Err(RegistryError::Push(text.into()));
        }
        (Backend::Native, pieces) => pushing.index(&reference, pieces).await?,
    };
    Ok(Pushed { reference, digest })
}

struct Pushing<'a> {
    session: &'a Session,
    release: &'a Release,
}

impl Pushing<'_> {
    /// Publishes the manifests of all platforms, and their index.
    async fn index(
        &self,
        reference: &Reference,
        pieces: &[Piece],
    ) -> Result<Digest, RegistryError> {
        let mut manifests: Vec<Descriptor> = Vec::new();
        for piece in pieces {
            let (manifest, digest) = self.piece(piece).await?;
            let mut entry = self.described(MediaType::ImageManifest, &manifest)?;
            if let Some(platform) = &piece.platform {
                let platform = PlatformBuilder::default()
                    .os(Os::from(&*platform.os))
                    .architecture(Arch::from(&*platform.architecture))
                    .build()
                    .map_err(|error| self.wrong(&error))?;
                entry.set_platform(Some(platform));
            }
            if manifests
                .iter()
                .any(|known| known.platform() == entry.platform())
            {
                let text = format!("there are two files for {:?}", piece.name);
                return Err(RegistryError::Push(text.into()));
            }
            self.manifest(&digest.to_string(), MediaType::ImageManifest, manifest)
                .await?;
            manifests.push(entry);
        }
        let index: ImageIndex = ImageIndexBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageIndex)
            .manifests(manifests)
            .annotations(annotations(&self.release.manifest))
            .build()
            .map_err(|error| self.wrong(&error))?;
        let index = self.json(&index)?;
        let tag = reference.tag().unwrap_or_default();
        self.top(tag, MediaType::ImageIndex, index).await
    }

    /// Publishes the top of a version under its tag, after the list of its
    /// dependencies, which refers to it.
    async fn top(
        &self,
        tag: &str,
        kind: MediaType,
        content: Bytes,
    ) -> Result<Digest, RegistryError> {
        if let Some(sbom) = &self.release.sbom {
            // Not under its tag yet: a version is visible once all of it is there.
            let digest = Digest::of(&content).to_string();
            self.manifest(&digest, kind.clone(), content.clone())
                .await?;
            self.attach(self.described(kind.clone(), &content)?, sbom)
                .await?;
        }
        self.manifest(tag, kind, content).await
    }

    /// Publishes the list of dependencies of a subject. Registries that do not list
    /// what refers to a subject have it under the tag that OCI names for them.
    async fn attach(&self, subject: Descriptor, sbom: &Bytes) -> Result<(), RegistryError> {
        let nothing = Bytes::from_static(b"{}");
        self.blob(&nothing).await?;
        self.blob(sbom).await?;
        let tag = subject.digest().to_string().replace(':', "-");
        let kind = MediaType::from(SBOM);
        let manifest = ImageManifestBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageManifest)
            .artifact_type(kind.clone())
            .config(self.described(MediaType::EmptyJSON, &nothing)?)
            .layers(vec![self.described(kind.clone(), sbom)?])
            .subject(subject)
            .build()
            .map_err(|error| self.wrong(&error))?;
        let manifest = self.json(&manifest)?;
        let digest = Digest::of(&manifest).to_string();
        let mut entry = self.described(MediaType::ImageManifest, &manifest)?;
        entry.set_artifact_type(Some(kind));
        self.manifest(&digest, MediaType::ImageManifest, manifest)
            .await?;
        let index: ImageIndex = ImageIndexBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageIndex)
            .manifests(vec![entry])
            .build()
            .map_err(|error| self.wrong(&error))?;
        self.manifest(&tag, MediaType::ImageIndex, self.json(&index)?)
            .await
            .map(drop)
    }

    /// Publishes a file and its configuration. Returns their manifest.
    async fn piece(&self, piece: &Piece) -> Result<(Bytes, Digest), RegistryError> {
        let Release {
            manifest, readme, ..
        } = self.release;
        let (layer_type, config_type, config) = match self.release.backend {
            Backend::Wasm => (WASM_LAYER, WASM_CONFIG, self.wasm_config(piece)),
            Backend::Native => (NATIVE_LAYER, NATIVE_CONFIG, native_config(piece)),
        };
        let config = self.json(&config)?;
        let mut layer = self.described(MediaType::from(layer_type), &piece.content)?;
        let title = HashMap::from([(TITLE.to_owned(), piece.name.clone())]);
        layer.set_annotations(Some(title));
        let mut about = annotations(manifest);
        about.insert(MANIFEST.to_owned(), self.text(manifest)?);
        for (name, value) in [(SIGNATURE, &piece.signature), (README, readme)] {
            if let Some(value) = value {
                about.insert(name.to_owned(), value.clone());
            }
        }
        let image = ImageManifestBuilder::default()
            .schema_version(2_u32)
            .media_type(MediaType::ImageManifest)
            .config(self.described(MediaType::from(config_type), &config)?)
            .layers(vec![layer])
            .annotations(about)
            .build()
            .map_err(|error| self.wrong(&error))?;
        self.blob(&config).await?;
        self.blob(&piece.content).await?;
        let image = self.json(&image)?;
        if image.len() > MANIFEST_BYTES {
            let text = format!(
                "the manifest has {} bytes, and registries take at most {MANIFEST_BYTES}",
                image.len()
            );
            return Err(RegistryError::Push(text.into()));
        }
        let digest = Digest::of(&image);
        Ok((image, digest))
    }

    /// A component's configuration, as `wkg` writes it.
    fn wasm_config(&self, piece: &Piece) -> Value {
        let Release {
            imports,
            exports,
            manifest,
            ..
        } = self.release;
        json!({
            "created": CREATED,
            "author": (!manifest.author.is_empty()).then_some(&manifest.author),
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [Digest::of(&piece.content)],
            "component": { "exports": exports, "imports": imports, "target": null },
        })
    }

    /// Publishes content, unless the registry has it.
    async fn blob(&self, content: &Bytes) -> Result<(), RegistryError> {
        const WHAT: &str = "the upload of a file";
        let session = self.session;
        let digest = Digest::of(content).to_string();
        let there = session.url(&format!("blobs/{digest}"))?;
        let there = session.send(&Ask::new(Method::HEAD, there, WHAT)).await?;
        if there.status() == StatusCode::OK {
            return Ok(());
        }
        let begin = session.url("blobs/uploads/")?;
        let ask = Ask {
            content: Some(("application/octet-stream", Bytes::new())),
            ..Ask::new(Method::POST, begin.clone(), WHAT)
        };
        let begun = session.send(&ask).await?;
        let place = match begun.status() {
            StatusCode::ACCEPTED => session.location(&begin, begun.headers()),
            StatusCode::NOT_FOUND => return Err(self.unknown()),
            status => return Err(session.answer(WHAT, status)),
        };
        let Some(mut place) = place else {
            return Err(session.answer(WHAT, "no address for the content"));
        };
        place.query_pairs_mut().append_pair("digest", &digest);
        let ask = Ask {
            content: Some(("application/octet-stream", content.clone())),
            ..Ask::new(Method::PUT, place, WHAT)
        };
        match session.send(&ask).await?.status() {
            StatusCode::CREATED => Ok(()),
            status => Err(session.answer(WHAT, status)),
        }
    }

    /// Publishes a manifest or an index under a tag or its digest.
    async fn manifest(
        &self,
        version: &str,
        kind: MediaType,
        content: Bytes,
    ) -> Result<Digest, RegistryError> {
        const WHAT: &str = "the upload of a manifest";
        let digest = Digest::of(&content);
        let url = self.session.url(&format!("manifests/{version}"))?;
        let kind = kind.to_string();
        let ask = Ask {
            content: Some((&kind, content)),
            ..Ask::new(Method::PUT, url, WHAT)
        };
        match self.session.send(&ask).await?.status() {
            StatusCode::CREATED => Ok(digest),
            StatusCode::NOT_FOUND => Err(self.unknown()),
            status => Err(self.session.answer(WHAT, status)),
        }
    }

    fn described(&self, kind: MediaType, bytes: &[u8]) -> Result<Descriptor, RegistryError> {
        let described = descriptor(kind.as_ref(), bytes);
        described.ok_or_else(|| self.wrong(&"the digest of a file"))
    }

    /// A document with its keys in order: the same version gets the same digest
    /// whenever it is published.
    fn json(&self, value: &impl Serialize) -> Result<Bytes, RegistryError> {
        let value = serde_json::to_value(value).map_err(|error| self.wrong(&error))?;
        self.text(&Sorted::from(value)).map(Bytes::from)
    }

    fn text(&self, value: &impl Serialize) -> Result<String, RegistryError> {
        serde_json::to_string(value).map_err(|error| self.wrong(&error))
    }

    fn unknown(&self) -> RegistryError {
        let text = format!(
            "the registry {} has no such repository and makes none; create it first",
            self.session.host()
        );
        RegistryError::Push(text.into())
    }

    /// The documents of a checked plugin can always be written.
    fn wrong(&self, error: &dyn ToString) -> RegistryError {
        let text = format!(
            "the manifest for {} cannot be written: {}",
            self.session.host(),
            error.to_string()
        );
        RegistryError::Push(text.into())
    }
}

/// JSON with the keys of all objects in order.
#[derive(Serialize)]
#[serde(untagged)]
enum Sorted {
    Object(BTreeMap<String, Self>),
    Array(Vec<Self>),
    Other(Value),
}

impl From<Value> for Sorted {
    fn from(value: Value) -> Self {
        match value {
            Value::Object(fields) => {
                let fields = fields.into_iter();
                Self::Object(fields.map(|(name, value)| (name, value.into())).collect())
            }
            Value::Array(values) => Self::Array(values.into_iter().map(Self::from).collect()),
            other => Self::Other(other),
        }
    }
}

/// The configuration of a native plugin's platform.
fn native_config(piece: &Piece) -> Value {
    let platform = piece.platform.as_ref();
    json!({
        "os": platform.map(|platform| &platform.os),
        "architecture": platform.map(|platform| &platform.architecture),
    })
}

#[cfg(test)]
mod tests {
    use super::Platform;

    #[test]
    fn a_platform_has_two_plain_parts() {
        for text in ["linux/amd64", "darwin/arm64", "linux/386"] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
        }
        for text in [
            "linux",
            "linux/",
            "/amd64",
            "linux/amd64/v2",
            "Linux/amd64",
            "",
        ] {
            let error = text.parse::<Platform>().unwrap_err();
            assert!(error.contains("such as linux/amd64"), "{error}");
        }
    }
}
