//! The failures of a registry, each with the next step.

use mortise_runtime::{Digest, registry::versions::MOST_BYTES};

use super::AuthorityError;
use crate::hosting::arriving::ArrivalError;

/// The reason for which a registry did not serve, or did not take, a plugin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// No answer.
    #[error("the registry {host} cannot be reached: {why}")]
    Unreachable {
        /// The host, with its port.
        host: Box<str>,
        /// The cause, with the next step.
        why: Box<str>,
    },
    /// A certificate that is not trusted.
    #[error("there is no secure connection to the registry {host}: {why}")]
    Certificate {
        /// The host, with its port.
        host: Box<str>,
        /// The cause, with the next step.
        why: Box<str>,
    },
    /// A file of certificate authorities.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The registry wants credentials, or other ones.
    #[error("the registry {host} {why}")]
    Credentials {
        /// The host, with its port.
        host: Box<str>,
        /// Its answer, with the next step.
        why: Box<str>,
    },
    /// Docker's file, or a program that it names, gives no credentials.
    #[error("no credentials for {host}: {why}; correct {file}, or run docker login {host}")]
    DockerFile {
        /// The host, with its port.
        host: Box<str>,
        /// The file.
        file: Box<str>,
        /// The cause.
        why: Box<str>,
    },
    /// There is no such version.
    #[error(
        "{0} is not in the registry: check the name and the tag, and whether it is public or needs docker login"
    )]
    Unknown(Box<str>),
    /// Content with another digest.
    #[error(
        "the registry {host} sent {what} with the digest {found}, not {expected}: nothing changed; \
         try again, and if it happens again, do not trust this registry"
    )]
    Digest {
        /// The host, with its port.
        host: Box<str>,
        /// The content.
        what: &'static str,
        /// The expected digest.
        expected: Digest,
        /// The found digest.
        found: Digest,
    },
    /// Content of another size.
    #[error(
        "the registry {host} sent {what} of {found} bytes, not of the {expected} that its manifest \
         names: nothing changed; try again, and if it happens again, do not trust this registry"
    )]
    Size {
        /// The host, with its port.
        host: Box<str>,
        /// The content.
        what: &'static str,
        /// The size by the manifest.
        expected: u64,
        /// The found size, or the first bytes that were too many.
        found: u64,
    },
    /// Larger than any plugin.
    #[error(
        "{reference} has {size} bytes, and a plugin has at most {MOST_BYTES}: it was not \
         downloaded; check that it is the plugin and not another image"
    )]
    TooLarge {
        /// The reference.
        reference: Box<str>,
        /// The declared size.
        size: u64,
    },
    /// An index without this machine's platform.
    #[error(
        "{reference} has no build for {wanted}, only for {there}: ask its author for one, or run \
         the server on one of those"
    )]
    Platform {
        /// The reference.
        reference: Box<str>,
        /// This machine's platform.
        wanted: Box<str>,
        /// The platforms of the index.
        there: Box<str>,
    },
    /// Something else than a plugin.
    #[error("{reference} is not a plugin: {why}")]
    NotPlugin {
        /// The reference.
        reference: Box<str>,
        /// The difference, with the next step.
        why: Box<str>,
    },
    /// An answer that the distribution API does not have.
    #[error(
        "the registry {host} answers {what} with {found}: check that the address is a registry's"
    )]
    Answer {
        /// The host, with its port.
        host: Box<str>,
        /// The request.
        what: Box<str>,
        /// The answer.
        found: Box<str>,
    },
    /// The download ended early, again and again.
    #[error(
        "the download from {host} broke off at {bytes} of {size} bytes, {attempts} times in a row: {why}; try again later, and the download continues there"
    )]
    BrokenOff {
        /// The host, with its port.
        host: Box<str>,
        /// The bytes that arrived.
        bytes: u64,
        /// The bytes of the file.
        size: u64,
        /// Attempts without a byte.
        attempts: u32,
        /// The last failure.
        why: Box<str>,
    },
    /// It was installed by its digest, or has no registry.
    #[error("{0}")]
    NoUpdates(Box<str>),
    /// The file that was pushed.
    #[error("{0}")]
    Push(Box<str>),
    /// The file on its way.
    #[error(transparent)]
    Arrival(#[from] ArrivalError),
}
