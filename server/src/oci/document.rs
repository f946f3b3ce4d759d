//! The layout of a plugin in a registry.
//!
//! A component has the layout of `wkg`: a manifest with a configuration of the
//! type [`WASM_CONFIG`] and one layer of the type [`WASM_LAYER`]. A native plugin
//! has an index with one manifest for each platform, each with one layer of the
//! type [`NATIVE_LAYER`]. Annotations of these manifests have the plugin's own
//! manifest, its signature and its README, so that people see them before
//! anything is downloaded.

use std::collections::HashMap;

use mortise_runtime::{Digest, types::Manifest};
use oci_spec::image::{Descriptor, MediaType};

/// The type of a component's configuration.
pub(super) const WASM_CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The type of a component.
pub(super) const WASM_LAYER: &str = "application/wasm";
/// The type of a native plugin's configuration.
pub(super) const NATIVE_CONFIG: &str = "application/vnd.mortise.plugin.config.v1+json";
/// The type of a native plugin's executable.
pub(super) const NATIVE_LAYER: &str = "application/vnd.mortise.plugin.executable.v1";

/// The annotation with the plugin's manifest, as JSON.
pub(super) const MANIFEST: &str = "io.mortise.plugin.manifest";
/// The annotation with the signature, as minisign wrote it.
pub(super) const SIGNATURE: &str = "io.mortise.plugin.signature";
/// The annotation with the README, in Markdown.
pub(super) const README: &str = "io.mortise.plugin.readme";
/// The type of a list of dependencies.
pub(super) const SBOM: &str = "application/vnd.cyclonedx+json";
/// The standard annotation with a layer's file name.
pub(super) const TITLE: &str = "org.opencontainers.image.title";

/// The longest manifest or index, in bytes, as registries bound it.
pub(super) const MANIFEST_BYTES: usize = 4 << 20;
/// The longest configuration, in bytes.
pub(super) const CONFIG_BYTES: u64 = 1 << 20;
/// The longest README, in bytes.
pub(super) const README_BYTES: usize = 64 << 10;

/// Returns this machine's platform by the names that registries use.
pub(super) fn platform() -> (&'static str, &'static str) {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        os => os,
    };
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "x86" => "386",
        "aarch64" => "arm64",
        "powerpc64" => "ppc64le",
        "loongarch64" => "loong64",
        architecture => architecture,
    };
    (os, architecture)
}

/// Returns the platform of a manifest in an index.
pub(super) fn platform_of(descriptor: &Descriptor) -> Option<(String, String)> {
    let platform = descriptor.platform().as_ref()?;
    Some((
        platform.os().to_string(),
        platform.architecture().to_string(),
    ))
}

/// Returns a descriptor's digest; none if it is not a SHA-256.
pub(super) fn digest_of(descriptor: &Descriptor) -> Option<Digest> {
    descriptor.digest().to_string().parse().ok()
}

/// A description of content.
pub(super) fn descriptor(kind: &str, bytes: &[u8]) -> Option<Descriptor> {
    let digest: oci_spec::image::Digest = Digest::of(bytes).to_string().parse().ok()?;
    Some(Descriptor::new(
        MediaType::from(kind),
        u64::try_from(bytes.len()).ok()?,
        digest,
    ))
}

/// Returns the annotations about a plugin that tools of others show.
pub(super) fn annotations(manifest: &Manifest) -> HashMap<String, String> {
    [
        (TITLE, &manifest.name),
        ("org.opencontainers.image.version", &manifest.version),
        (
            "org.opencontainers.image.description",
            &manifest.description,
        ),
        ("org.opencontainers.image.authors", &manifest.author),
        ("org.opencontainers.image.licenses", &manifest.license),
        ("org.opencontainers.image.url", &manifest.website),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), value.clone()))
    .collect()
}
