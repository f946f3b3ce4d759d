//! HTTPS with a certificate from files, or from an authority (`acme`), which proves
//! names here by TLS-ALPN-01.

use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use parking_lot::RwLock;
use tokio::net::TcpStream;
use tokio_rustls::{
    LazyConfigAcceptor,
    rustls::{
        RootCertStore, ServerConfig,
        client::verify_server_name,
        crypto::ring::sign::any_supported_type,
        pki_types::{CertificateDer, PrivateKeyDer, ServerName, pem::PemObject as _},
        server::{Acceptor, ParsedCertificate, ResolvesServerCertUsingSni},
        sign::{CertifiedKey, SingleCertAndKey},
    },
    server::TlsStream,
};
use x509_cert::der::Decode as _;

use crate::{
    Config,
    config::{ExternalAccountError, Listen, NAMES},
};

/// A certificate that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// One setting without the other.
    #[error("{has} is set and {lacks} is not: HTTPS needs both, the certificate and its key")]
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
    #[error("the certificate in {} does not match the key in {}: {cause}", certificate.display(), key.display())]
    Together {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The cause.
        cause: String,
    },
    /// Two sources of a certificate.
    #[error(
        "acme-domain and tls-cert are both set: the certificate comes from an authority or from a file"
    )]
    Both,
    /// An address for plain HTTP without HTTPS.
    #[error(
        "http-listen is set, and there is no certificate: http-listen is for plain HTTP beside HTTPS"
    )]
    OnlyPlain,
    /// The terms of service.
    #[error(
        "acme-domain is set and acme-accept-terms is not: {0} issues certificates to those who accept \
         its terms of service"
    )]
    Terms(String),
    /// An address that no authority reaches.
    #[error(
        "acme-domain is set, and the server listens on {0}: an authority connects by TCP to verify a name"
    )]
    Unreachable(Listen),
    /// Too many names.
    #[error("acme-domain has {0} names: a certificate is for at most {NAMES}")]
    Many(usize),
    /// The external account.
    #[error(transparent)]
    ExternalAccount(#[from] ExternalAccountError),
    /// The folder of the account and the certificate.
    #[error("cannot use the folder {} for certificates: {cause}", path.display())]
    Cache {
        /// The folder.
        path: PathBuf,
        /// The cause.
        cause: io::Error,
    },
}

impl TlsError {
    /// Returns the fix.
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Half { .. } | Self::File { .. } | Self::Together { .. } => {
                "check --tls-cert and --tls-key (or --acme-root): each is a file in PEM that the \
                 server's user may read"
            }
            Self::Both => "remove --acme-domain, or --tls-cert and --tls-key",
            Self::OnlyPlain => {
                "set --tls-cert and --tls-key, or --acme-domain; or name the address in --listen"
            }
            Self::Terms(_) => "read the terms of service, and set --acme-accept-terms",
            Self::Unreachable(_) => "listen on an address such as [::]:443, or let a proxy do TLS",
            Self::Many(_) => "remove names from --acme-domain",
            Self::ExternalAccount(_) => {
                "set --acme-eab-key-id and --acme-eab-hmac-key as the authority shows them, or remove both"
            }
            Self::Cache { .. } => "choose a folder of the server's user with --acme-cache",
        }
    }
}

/// The name of HTTP/2 when a client and the server agree on a protocol.
pub(crate) const HTTP_2: &[u8] = b"h2";
/// The name of the protocol by which an authority verifies a name.
const PROOF: &[u8] = b"acme-tls/1";

/// A certificate that can be served.
#[derive(Clone, Debug)]
pub(crate) struct Certificate {
    config: Arc<ServerConfig>,
    leaf: CertificateDer<'static>,
    /// The times of its validity, in milliseconds since the epoch; none if it does
    /// not have them in a known form.
    pub(crate) validity: Option<[i64; 2]>,
}

impl Certificate {
    fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
    ) -> Result<Self, String> {
        let leaf = chain.first().ok_or("there is no certificate")?.clone();
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| error.to_string())?;
        config.alpn_protocols = vec![HTTP_2.to_vec(), b"http/1.1".to_vec()];
        Ok(Self {
            config: Arc::new(config),
            validity: validity(&leaf),
            leaf,
        })
    }

    /// Reads a chain and its key, in PEM.
    ///
    /// # Errors
    ///
    /// The cause.
    pub(crate) fn from_pem(chain: &[u8], key: &[u8]) -> Result<Self, String> {
        let chain = CertificateDer::pem_slice_iter(chain).collect::<Result<_, _>>();
        let key = PrivateKeyDer::from_pem_slice(key);
        let chain = chain.map_err(|error| error.to_string())?;
        Self::new(chain, key.map_err(|error| error.to_string())?)
    }

    /// True if it is for this host name.
    pub(crate) fn is_for(&self, name: &str) -> bool {
        let Ok(name) = ServerName::try_from(name) else {
            return false;
        };
        ParsedCertificate::try_from(&self.leaf)
            .is_ok_and(|leaf| verify_server_name(&leaf, &name).is_ok())
    }
}

fn validity(leaf: &CertificateDer<'_>) -> Option<[i64; 2]> {
    let leaf = x509_cert::Certificate::from_der(leaf).ok()?;
    let validity = leaf.tbs_certificate.validity;
    let ms = |time: x509_cert::time::Time| {
        i64::try_from(time.to_unix_duration().as_millis()).unwrap_or(i64::MAX)
    };
    Some([ms(validity.not_before), ms(validity.not_after)])
}

/// The certificate for new connections, which may be replaced.
#[derive(Debug)]
pub(crate) struct Tls {
    /// None until an authority has issued the first one.
    certificate: RwLock<Option<Certificate>>,
    /// The answer to clients without a certificate: a failed handshake.
    none: Arc<ServerConfig>,
    /// The proofs for the authority, by the names that they are of.
    proofs: RwLock<HashMap<String, Arc<ServerConfig>>>,
    /// How many attempts to get a certificate succeeded and failed; none without an
    /// authority.
    attempts: Option<[AtomicU64; 2]>,
}

impl Tls {
    /// The certificate of the settings; none without one. That of an authority comes
    /// later.
    pub(crate) fn of(config: &Config) -> Result<Option<Arc<Self>>, TlsError> {
        check_plain(config)?;
        check_acme(config)?;
        let from_authority = !config.acme.domains.is_empty();
        let certificate = read(config)?;
        if certificate.is_none() && !from_authority {
            return Ok(None);
        }
        let none = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ResolvesServerCertUsingSni::new()));
        Ok(Some(Arc::new(Self {
            certificate: RwLock::new(certificate),
            none: Arc::new(none),
            proofs: RwLock::default(),
            attempts: from_authority.then(Default::default),
        })))
    }

    /// Reads the files again, for new connections. A certificate of an authority stays.
    pub(crate) fn reload(&self, config: &Config) -> Result<(), TlsError> {
        check_acme(config)?;
        if self.attempts.is_none()
            && let Some(new) = read(config)?
        {
            self.replace(new);
        }
        Ok(())
    }

    /// Serves this certificate from now on.
    pub(crate) fn replace(&self, certificate: Certificate) {
        *self.certificate.write() = Some(certificate);
    }

    /// The times of the certificate's validity, in milliseconds since the epoch.
    pub(crate) fn validity(&self) -> Option<[i64; 2]> {
        self.certificate.read().as_ref()?.validity
    }

    /// True if there is a certificate, and this time is in its validity.
    pub(crate) fn is_valid(&self, now_ms: i64) -> bool {
        let certificate = self.certificate.read();
        certificate.as_ref().is_some_and(|certificate| {
            let valid = |[from, until]: [i64; 2]| (from..until).contains(&now_ms);
            certificate.validity.is_none_or(valid)
        })
    }

    /// The numbers of attempts that succeeded and failed; none without an authority.
    pub(crate) fn attempts(&self) -> Option<[u64; 2]> {
        let counted = self.attempts.as_ref()?;
        Some(
            counted
                .each_ref()
                .map(|count| count.load(Ordering::Relaxed)),
        )
    }

    pub(crate) fn count_attempt(&self, succeeded: bool) {
        if let Some([good, bad]) = &self.attempts {
            let count = if succeeded { good } else { bad };
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Shows the authority a certificate that proves a name, until
    /// [`Tls::end_proofs`].
    ///
    /// # Errors
    ///
    /// The cause.
    pub(crate) fn prove(
        &self,
        name: &str,
        proof: CertificateDer<'static>,
        key: PrivateKeyDer<'static>,
    ) -> Result<(), String> {
        let key = any_supported_type(&key).map_err(|error| error.to_string())?;
        // Its extension is critical, so clients refuse it for anything else; it is not
        // checked as other certificates are.
        let proof = SingleCertAndKey::from(CertifiedKey::new(vec![proof], key));
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(proof));
        config.alpn_protocols = vec![PROOF.to_vec()];
        self.proofs.write().insert(name.to_owned(), config.into());
        Ok(())
    }

    pub(crate) fn end_proofs(&self) {
        self.proofs.write().clear();
    }

    /// Does the handshake of a new connection. None if it was an authority's that
    /// verified a name: nothing follows.
    ///
    /// # Errors
    ///
    /// The handshake failed.
    pub(crate) async fn accept(
        &self,
        stream: TcpStream,
    ) -> io::Result<Option<TlsStream<TcpStream>>> {
        let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
        let hello = start.client_hello();
        let verifies = hello
            .alpn()
            .is_some_and(|mut names| names.any(|name| name == PROOF));
        let config = if verifies {
            let name = hello.server_name().unwrap_or_default().to_ascii_lowercase();
            self.proofs.read().get(&name).cloned()
        } else {
            let certificate = self.certificate.read();
            certificate.as_ref().map(|one| Arc::clone(&one.config))
        };
        let config = config.unwrap_or_else(|| Arc::clone(&self.none));
        let stream = start.into_stream(config).await?;
        Ok((!verifies).then_some(stream))
    }
}

/// Checks that the certificate of the settings can be used, or that one can be got.
///
/// # Errors
///
/// [`TlsError`].
pub fn check(config: &Config) -> Result<(), TlsError> {
    check_plain(config)?;
    check_acme(config)?;
    read(config).map(drop)
}

/// Checks that plain HTTP is beside HTTPS.
fn check_plain(config: &Config) -> Result<(), TlsError> {
    if config.http_listen.is_empty() || config.has_tls() {
        Ok(())
    } else {
        Err(TlsError::OnlyPlain)
    }
}

/// Checks the settings for an authority.
fn check_acme(config: &Config) -> Result<(), TlsError> {
    let acme = &config.acme;
    if acme.domains.is_empty() {
        return Ok(());
    }
    if config.tls_cert.is_some() || config.tls_key.is_some() {
        return Err(TlsError::Both);
    }
    if !acme.accept_terms {
        let authority = acme.directory.host_str().unwrap_or_default();
        return Err(TlsError::Terms(authority.to_owned()));
    }
    if acme.domains.len() > NAMES {
        return Err(TlsError::Many(acme.domains.len()));
    }
    let is_file = |listen: &Listen| matches!(listen, Listen::Unix(_));
    if let Some(first) = config.listen.first()
        && config.listen.iter().all(is_file)
    {
        return Err(TlsError::Unreachable(first.clone()));
    }
    acme.external_account()?;
    roots(config).map(drop)
}

/// The root certificates by which the authority's directory is known; none for those
/// that browsers trust.
///
/// # Errors
///
/// [`TlsError::File`].
pub(crate) fn roots(config: &Config) -> Result<Option<RootCertStore>, TlsError> {
    let Some(path) = &config.acme.root else {
        return Ok(None);
    };
    let mut roots = RootCertStore::empty();
    for root in CertificateDer::pem_slice_iter(&bytes(path)?) {
        let root = root.map_err(|error| file(path, error.to_string()))?;
        let added = roots.add(root);
        added.map_err(|error| file(path, error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(file(path, "it has no certificate".to_owned()));
    }
    Ok(Some(roots))
}

fn read(config: &Config) -> Result<Option<Certificate>, TlsError> {
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
    let read = Certificate::new(chain, private).map_err(|cause| TlsError::Together {
        certificate: certificate.clone(),
        key: key.clone(),
        cause,
    })?;
    Ok(Some(read))
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
