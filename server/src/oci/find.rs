//! The description of a version, before anything of it is downloaded.

use http::{Method, StatusCode, header};
use mortise_runtime::{Backend, Digest, manifest, registry::versions::MOST_BYTES, types::Manifest};
use oci_spec::image::{Descriptor, ImageIndex, ImageManifest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    Access, Reference, RegistryError,
    document::{
        CONFIG_BYTES, MANIFEST, MANIFEST_BYTES, NATIVE_LAYER, README, SIGNATURE, TITLE, WASM_LAYER,
        digest_of, platform, platform_of,
    },
    session::{Ask, Session},
};

/// The types of a manifest. Those of Docker are read to say that they are none.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
     application/vnd.oci.image.index.v1+json, \
     application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.list.v2+json";

/// A version of a plugin in a registry, as its publisher describes it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Artifact {
    /// Its address.
    pub reference: String,
    /// The digest of its manifest, or of its index.
    #[schema(value_type = String)]
    pub digest: Digest,
    /// The digest of its file.
    #[schema(value_type = String)]
    pub file: Digest,
    /// The size of its file, in bytes.
    pub size: u64,
    /// Its backend.
    #[schema(value_type = String)]
    pub backend: Backend,
    /// The plugin's manifest, with the permissions that it asks for; none if the
    /// publisher did not add it. The server compares it with the file.
    #[schema(value_type = Option<Object>)]
    pub manifest: Option<Manifest>,
    /// Its README, in Markdown.
    pub readme: Option<String>,
}

/// A version that was found.
pub struct Found {
    /// Its description.
    pub artifact: Artifact,
    /// Its signature, as minisign wrote it.
    pub signature: Option<String>,
    /// The name of its file.
    pub name: Option<String>,
    /// The layer with its file.
    pub(super) layer: Descriptor,
    pub(super) session: Session,
}

/// Finds a version. With `expected`, only the version whose manifest or index has
/// this digest.
///
/// # Errors
///
/// [`RegistryError`].
pub async fn find(
    reference: &Reference,
    expected: Option<Digest>,
    access: &Access,
) -> Result<Found, RegistryError> {
    let session = Session::new(reference, access, "pull")?;
    // By its digest, if that is known: the tag may have moved meanwhile.
    let version = expected.map_or_else(|| reference.version(), |digest| digest.to_string());
    let expected = expected.or_else(|| reference.digest());
    let (bytes, digest) = get_manifest(&session, reference, &version, expected, None).await?;
    let kind: Kind = parsed(reference, &bytes)?;
    let manifest: ImageManifest = if kind.manifests.is_some() {
        let index: ImageIndex = parsed(reference, &bytes)?;
        let child = choose(reference, &index)?;
        let expected = sha256(reference, child)?;
        let version = expected.to_string();
        let size = Some(child.size());
        let child = get_manifest(&session, reference, &version, Some(expected), size);
        parsed(reference, &child.await?.0)?
    } else if kind.layers.is_some() {
        parsed(reference, &bytes)?
    } else {
        return Err(not_plugin(reference, "its manifest has no layers"));
    };
    let (layer, backend) = layer(reference, &manifest)?;
    if layer.size() > MOST_BYTES {
        return Err(RegistryError::TooLarge {
            reference: reference.to_string().into(),
            size: layer.size(),
        });
    }
    check_config(&session, reference, manifest.config()).await?;
    let annotation = |name: &str| {
        let all = manifest.annotations().as_ref();
        all.and_then(|all| all.get(name)).cloned()
    };
    let title = layer.annotations().as_ref();
    let name = title.and_then(|all| all.get(TITLE)).cloned();
    Ok(Found {
        artifact: Artifact {
            reference: reference.to_string(),
            digest,
            file: sha256(reference, layer)?,
            size: layer.size(),
            backend,
            manifest: announced(reference, annotation(MANIFEST))?,
            readme: annotation(README),
        },
        signature: annotation(SIGNATURE),
        name,
        layer: layer.clone(),
        session,
    })
}

/// The part of a manifest or an index that tells them apart.
#[derive(Deserialize)]
struct Kind {
    manifests: Option<serde::de::IgnoredAny>,
    layers: Option<serde::de::IgnoredAny>,
}

/// Gets a manifest or an index, and checks its digest and its size.
async fn get_manifest(
    session: &Session,
    reference: &Reference,
    version: &str,
    expected: Option<Digest>,
    size: Option<u64>,
) -> Result<(bytes::Bytes, Digest), RegistryError> {
    const WHAT: &str = "the request for a manifest";
    if let Some(size) = size.filter(|&size| size > MANIFEST_BYTES as u64) {
        let text = format!("its manifest has {size} bytes, and at most {MANIFEST_BYTES} are taken");
        return Err(not_plugin(reference, &text));
    }
    let url = session.url(&format!("manifests/{version}"))?;
    let ask = Ask {
        accept: MANIFESTS,
        ..Ask::new(Method::GET, url, WHAT)
    };
    let answer = session.send(&ask).await?;
    match answer.status() {
        StatusCode::OK => {}
        StatusCode::NOT_FOUND => return Err(RegistryError::Unknown(reference.to_string().into())),
        status => return Err(session.answer(WHAT, status)),
    }
    let told = answer.headers().get("docker-content-digest");
    let told = told.and_then(|told| told.to_str().ok()?.parse().ok());
    let bytes = session.body(WHAT, answer, MANIFEST_BYTES).await?;
    let found = Digest::of(&bytes);
    if let Some(expected) = expected.or(told).filter(|expected| *expected != found) {
        return Err(RegistryError::Digest {
            host: session.host().into(),
            what: "a manifest",
            expected,
            found,
        });
    }
    match size.filter(|&size| size != bytes.len() as u64) {
        Some(expected) => Err(RegistryError::Size {
            host: session.host().into(),
            what: "a manifest",
            expected,
            found: bytes.len() as u64,
        }),
        None => Ok((bytes, found)),
    }
}

/// Chooses this machine's manifest of an index, or else a component's.
fn choose<'a>(
    reference: &Reference,
    index: &'a ImageIndex,
) -> Result<&'a Descriptor, RegistryError> {
    let (os, architecture) = platform();
    let of = |wanted: &dyn Fn(&str, &str) -> bool| {
        let mut all = index.manifests().iter();
        all.find(|one| platform_of(one).is_some_and(|(os, arch)| wanted(&os, &arch)))
    };
    let here = of(&|its_os, its| its_os == os && its == architecture);
    here.or_else(|| of(&|_, its| its == "wasm")).ok_or_else(|| {
        let there: Vec<_> = index
            .manifests()
            .iter()
            .filter_map(platform_of)
            .map(|(os, architecture)| format!("{os}/{architecture}"))
            .take(20)
            .collect();
        RegistryError::Platform {
            reference: reference.to_string().into(),
            wanted: format!("{os}/{architecture}").into(),
            there: match there.join(", ") {
                all if all.is_empty() => "no platform at all".into(),
                all => plain(&all).into(),
            },
        }
    })
}

/// Returns the layer with the plugin's file.
fn layer<'a>(
    reference: &Reference,
    manifest: &'a ImageManifest,
) -> Result<(&'a Descriptor, Backend), RegistryError> {
    let backend = |layer: &Descriptor| match layer.media_type().to_string().as_str() {
        WASM_LAYER => Some(Backend::Wasm),
        NATIVE_LAYER => Some(Backend::Native),
        _ => None,
    };
    let mut plugins = manifest
        .layers()
        .iter()
        .filter_map(|layer| Some((layer, backend(layer)?)));
    match (plugins.next(), plugins.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(not_plugin(reference, "it has several layers with a plugin")),
        (None, _) => {
            let kind = manifest.config().media_type();
            let text = format!(
                "it has no layer with a component or a plugin's executable, and its configuration \
                 is {kind}; check the name, or publish it with mortise plugin push"
            );
            Err(not_plugin(reference, &text))
        }
    }
}

/// Checks the size and the digest of a manifest's configuration.
async fn check_config(
    session: &Session,
    reference: &Reference,
    config: &Descriptor,
) -> Result<(), RegistryError> {
    const WHAT: &str = "the request for a configuration";
    let expected = sha256(reference, config)?;
    let Some(most) = usize::try_from(config.size())
        .ok()
        .filter(|_| config.size() <= CONFIG_BYTES)
    else {
        let text = format!("its configuration has {} bytes", config.size());
        return Err(not_plugin(reference, &text));
    };
    let url = session.url(&format!("blobs/{expected}"))?;
    let answer = session.send(&Ask::new(Method::GET, url, WHAT)).await?;
    if answer.status() != StatusCode::OK {
        return Err(session.answer(WHAT, answer.status()));
    }
    let told = answer.headers().get(header::CONTENT_LENGTH);
    let told = told.and_then(|told| told.to_str().ok()?.parse::<u64>().ok());
    let bytes = session.body(WHAT, answer, CONFIG_BYTES as usize).await?;
    let length = told.unwrap_or(bytes.len() as u64);
    if length != config.size() || bytes.len() != most {
        return Err(RegistryError::Size {
            host: session.host().into(),
            what: "a configuration",
            expected: config.size(),
            found: length,
        });
    }
    let found = Digest::of(&bytes);
    if found == expected {
        return Ok(());
    }
    Err(RegistryError::Digest {
        host: session.host().into(),
        what: "a configuration",
        expected,
        found,
    })
}

/// Returns the plugin's manifest among the annotations.
fn announced(
    reference: &Reference,
    text: Option<String>,
) -> Result<Option<Manifest>, RegistryError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let wrong = |why: &dyn ToString| {
        let why = why.to_string();
        not_plugin(reference, &format!("its annotation {MANIFEST}: {why}"))
    };
    let found: Manifest = serde_json::from_str(&text).map_err(|error| wrong(&error))?;
    manifest::check(&found)
        .map_err(|flaw| wrong(&format!("{} expected, {} found", flaw.expected, flaw.found)))?;
    Ok(Some(found))
}

fn sha256(reference: &Reference, descriptor: &Descriptor) -> Result<Digest, RegistryError> {
    digest_of(descriptor).ok_or_else(|| {
        let text = format!("{} is not a SHA-256 digest", descriptor.digest());
        not_plugin(reference, &text)
    })
}

fn parsed<T: serde::de::DeserializeOwned>(
    reference: &Reference,
    bytes: &[u8],
) -> Result<T, RegistryError> {
    serde_json::from_slice(bytes).map_err(|error| {
        not_plugin(
            reference,
            &format!("its manifest is not understood: {error}"),
        )
    })
}

fn not_plugin(reference: &Reference, why: &str) -> RegistryError {
    RegistryError::NotPlugin {
        reference: reference.to_string().into(),
        why: plain(why).into(),
    }
}

/// The longest text of a registry that an error repeats, in characters.
const TEXT: usize = 400;

/// A registry's text without what would steer a terminal.
fn plain(text: &str) -> String {
    let visible = text
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c });
    visible.take(TEXT).collect()
}
