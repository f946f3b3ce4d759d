//! HTTPS with a certificate from files.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use parking_lot::RwLock;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    },
};

use crate::Config;

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// One setting without the other.
    #[error("{has} is set and {lacks} is not: HTTPS takes both, the certificate and its key")]
    Half {
        /// The one that is there.
        has: &'static str,
        /// The other.
        lacks: &'static str,
    },
    /// A file.
    #[error("cannot read {} for TLS: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: String,
    },
    /// The files do not belong together.
    #[error("the certificate in {} does not go with the key in {}: {cause}", certificate.display(), key.display())]
    Together {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The cause.
        cause: String,
    },
}

/// The name of HTTP/2 when a client and the server agree on a protocol.
pub(crate) const HTTP_2: &[u8] = b"h2";

/// The certificate for new connections, which may be replaced.
#[derive(Debug)]
pub(crate) struct Tls(RwLock<Arc<ServerConfig>>);

impl Tls {
    /// The certificate of the settings; none without one.
    pub(crate) fn of(config: &Config) -> Result<Option<Arc<Self>>, TlsError> {
        let read = read(config)?;
        Ok(read.map(|config| Arc::new(Self(RwLock::new(config)))))
    }

    /// Reads the files again, for new connections.
    pub(crate) fn reload(&self, config: &Config) -> Result<(), TlsError> {
        if let Some(new) = read(config)? {
            *self.0.write() = new;
        }
        Ok(())
    }

    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        let config = self.0.read();
        TlsAcceptor::from(Arc::clone(&config))
    }
}

/// Checks that the certificate of the settings can be used.
///
/// # Errors
///
/// [`TlsError`].
pub fn check(config: &Config) -> Result<(), TlsError> {
    read(config).map(drop)
}

fn read(config: &Config) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    let half = |has, lacks| Err(TlsError::Half { has, lacks });
    let (certificate, key) = match (&config.tls_cert, &config.tls_key) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return Ok(None),
        (Some(_), None) => return half("tls-cert", "tls-key"),
        (None, Some(_)) => return half("tls-key", "tls-cert"),
    };
    let chain = CertificateDer::pem_slice_iter(&bytes(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| file(certificate, error.to_string()))?;
    if chain.is_empty() {
        return Err(file(certificate, "it has no certificate".to_owned()));
    }
    let private = PrivateKeyDer::from_pem_slice(&bytes(key)?)
        .map_err(|error| file(key, error.to_string()))?;
    let mut server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, private)
        .map_err(|error| TlsError::Together {
            certificate: certificate.clone(),
            key: key.clone(),
            cause: error.to_string(),
        })?;
    server.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
    Ok(Some(Arc::new(server)))
}

/// The largest file, in bytes.
const MOST_BYTES: u64 = 1 << 20;

fn bytes(path: &Path) -> Result<Vec<u8>, TlsError> {
    mortise_runtime::files::read(path, MOST_BYTES)
        .map_err(|error: io::Error| file(path, error.to_string()))
}

fn file(path: &Path, cause: String) -> TlsError {
    TlsError::File {
        path: path.to_owned(),
        cause,
    }
}
