//! The authorities by which the certificates of registries are known: those that browsers
//! trust, those of the machine's trust store, and those in files for registries.

use std::{
    fmt::Write as _,
    io,
    path::{Path, PathBuf},
};

use mortise_runtime::files;
use tokio_rustls::rustls::{
    self, CertificateError, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use super::RegistryError;
use crate::client::{ClientError, Trust};

/// The largest file, in bytes.
const MOST_BYTES: u64 = 1 << 20;
/// Docker's folder, with a folder for each registry.
const DOCKER: &str = "/etc/docker/certs.d";
/// The name of the file in a registry's folder.
const DOCKER_FILE: &str = "ca.crt";
/// The line before a certificate in PEM.
const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
/// The line after a certificate in PEM.
const END: &str = "-----END CERTIFICATE-----";
/// The first bytes of a certificate in DER, which no text has.
const DER: &[u8] = &[0x30, 0x82];
/// Places of the machine's trust store that an error names.
const PLACES: usize = 3;

/// A file of certificate authorities that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("cannot use the certificate authorities in {}: {cause}; {fix}", .path.display())]
pub struct AuthorityError {
    path: PathBuf,
    cause: Box<str>,
    fix: &'static str,
}

impl AuthorityError {
    fn of_setting(path: &Path, cause: &dyn ToString) -> Self {
        Self {
            path: path.to_owned(),
            cause: cause.to_string().into(),
            fix: "name a file with certificates in PEM in registry-ca (--registry-ca, \
                  MORTISE_REGISTRY_CA)",
        }
    }

    fn of_docker(path: &Path, cause: &dyn ToString) -> Self {
        Self {
            path: path.to_owned(),
            cause: cause.to_string().into(),
            fix: "correct this file, or remove it",
        }
    }
}

/// Checks that the file of the setting `registry-ca` can be used.
///
/// # Errors
///
/// [`AuthorityError`].
pub fn check_authorities(file: &Path) -> Result<(), AuthorityError> {
    add_setting(&mut RootCertStore::empty(), file)
}

/// The files with authorities for registries.
#[derive(Clone, Debug)]
pub(super) struct Authorities {
    /// The file of the setting `registry-ca`.
    file: Option<PathBuf>,
    /// Docker's folder.
    docker: PathBuf,
}

/// The authorities that are trusted for a registry.
pub(super) struct Trusted {
    pub(super) trust: Trust,
    /// Places that could not be read, and the causes.
    unread: Vec<String>,
}

impl Authorities {
    pub(super) fn new(file: Option<&Path>) -> Self {
        Self {
            file: file.map(Path::to_owned),
            docker: DOCKER.into(),
        }
    }

    /// Reads all authorities for a registry.
    ///
    /// # Errors
    ///
    /// [`RegistryError::Authority`].
    pub(super) async fn of(&self, host: &str) -> Result<Trusted, RegistryError> {
        let docker = self.docker.join(host).join(DOCKER_FILE);
        let file = self.file.clone();
        let reading = tokio::task::spawn_blocking(move || read(file.as_deref(), &docker));
        let read = reading.await.map_err(|error| RegistryError::Unreachable {
            host: host.into(),
            why: error.to_string().into(),
        })?;
        Ok(read?)
    }
}

fn read(file: Option<&Path>, docker: &Path) -> Result<Trusted, AuthorityError> {
    let mut roots = RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.into(),
    };
    let machine = rustls_native_certs::load_native_certs();
    // Trust stores have a few certificates of old forms.
    roots.add_parsable_certificates(machine.certs);
    let flaws = machine.errors.iter().take(PLACES);
    let mut unread: Vec<String> = flaws.map(ToString::to_string).collect();
    match files::read(docker, MOST_BYTES) {
        Ok(bytes) => {
            add(&mut roots, &bytes).map_err(|cause| AuthorityError::of_docker(docker, &cause))?
        }
        Err(error) => match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {}
            // The folder is root's alone on some machines, also where nothing is in it.
            io::ErrorKind::PermissionDenied => {
                unread.push(format!("{}: {error}", docker.display()));
            }
            _ => return Err(AuthorityError::of_docker(docker, &error)),
        },
    }
    if let Some(file) = file {
        add_setting(&mut roots, file)?;
    }
    Ok(Trusted {
        trust: Trust::in_roots(roots),
        unread,
    })
}

fn add_setting(roots: &mut RootCertStore, file: &Path) -> Result<(), AuthorityError> {
    let bytes =
        files::read(file, MOST_BYTES).map_err(|error| AuthorityError::of_setting(file, &error))?;
    add(roots, &bytes).map_err(|cause| AuthorityError::of_setting(file, &cause))
}

/// Adds the certificates of a file in PEM. Text around them is ignored.
///
/// # Errors
///
/// The cause, with its line.
fn add(roots: &mut RootCertStore, bytes: &[u8]) -> Result<(), String> {
    if bytes.starts_with(DER) {
        return Err(
            "it is in DER; convert it with openssl x509 -inform der -in FILE -out NEW-FILE"
                .to_owned(),
        );
    }
    let text = String::from_utf8_lossy(bytes);
    let endless = |begin: usize| format!("the certificate in line {begin} has no end");
    let mut open: Option<(usize, String)> = None;
    let mut is_empty = true;
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line == BEGIN {
            if let Some((begin, _)) = open {
                return Err(endless(begin));
            }
            open = Some((number, String::new()));
        }
        if let Some((_, pem)) = &mut open {
            pem.push_str(line);
            pem.push('\n');
        }
        if line == END {
            let Some((begin, pem)) = open.take() else {
                return Err(format!(
                    "the certificate that ends in line {number} has no begin"
                ));
            };
            let damaged = |cause: &dyn ToString| {
                let cause = cause.to_string();
                format!("the certificate in line {begin} is damaged: {cause}")
            };
            let der = CertificateDer::from_pem_slice(pem.as_bytes());
            let der = der.map_err(|error| damaged(&error))?;
            roots.add(der).map_err(|error| damaged(&error))?;
            is_empty = false;
        }
    }
    match open {
        Some((begin, _)) => Err(endless(begin)),
        None if text.trim().is_empty() => Err("it is empty".to_owned()),
        None if is_empty => Err(format!("it has no line {BEGIN}")),
        None => Ok(()),
    }
}

impl Trusted {
    /// Explains the rejection of a certificate, with the next step; none if an error has
    /// another cause. `whose` begins the sentence, such as "its certificate".
    pub(super) fn rejection(&self, whose: &str, error: &ClientError) -> Option<String> {
        let ClientError::Connect { source, .. } = error else {
            return None;
        };
        let error: &rustls::Error = source.get_ref()?.downcast_ref()?;
        let rustls::Error::InvalidCertificate(error) = error else {
            return None;
        };
        Some(match error {
            CertificateError::UnknownIssuer => {
                let mut text = format!(
                    "{whose} is signed by an authority that this machine does not trust. Name the \
                     authority's certificate, a file in PEM, in registry-ca (in mortise.toml, as \
                     MORTISE_REGISTRY_CA or with --registry-ca), or add it to the machine's trust \
                     store"
                );
                for place in &self.unread {
                    // Writing to a text does not fail.
                    let _ = write!(text, "; not read: {place}");
                }
                text
            }
            // As after an authority was made anew.
            CertificateError::BadSignature => format!(
                "{whose} is not signed by the authority of the same name that this machine trusts; \
                 name the authority's present certificate in registry-ca"
            ),
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                format!(
                    "{whose} is for another name ({error}); write an address with a name that it \
                     has, or issue one for this name as subjectAltName"
                )
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                format!("{whose} has expired ({error}); renew it")
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                format!("{whose} is not valid yet ({error}); check the clocks of both machines")
            }
            // Often an authority's own certificate, as `openssl req -x509` makes it.
            CertificateError::Other(cause) => format!(
                "{whose} is rejected ({cause}); issue another one. An authority's certificate (CA:TRUE, \
                 CaUsedAsEndEntity) is not one for a server: sign one by this authority, with \
                 basicConstraints=CA:FALSE"
            ),
            other => format!("{whose} is rejected ({other}); issue another one"),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io};

    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use tokio_rustls::rustls::{self, CertificateError};

    use super::{Authorities, DOCKER_FILE, MOST_BYTES, RegistryError, Trusted, check_authorities};
    use crate::client::{ClientError, Trust};

    /// The certificate of an authority, in PEM.
    fn authority() -> String {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().pem()
    }

    #[test]
    fn a_file_that_cannot_be_used_is_named_with_the_line() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let good = authority();
        let lines = good.lines().count();
        let without_end = good.replace("-----END CERTIFICATE-----", "");
        let without_begin = good.replace("-----BEGIN CERTIFICATE-----", "");
        let of_nothing = "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n";
        let no_base64 = "-----BEGIN CERTIFICATE-----\n%%\n-----END CERTIFICATE-----\n";
        for (content, says) in [
            (String::new(), "it is empty".to_owned()),
            (" \n\n".to_owned(), "it is empty".to_owned()),
            (
                "a word\n".to_owned(),
                "it has no line -----BEGIN".to_owned(),
            ),
            (
                format!("# mine\n{without_end}"),
                "the certificate in line 2 has no end".to_owned(),
            ),
            (
                format!("{without_end}{good}"),
                "the certificate in line 1 has no end".to_owned(),
            ),
            (
                without_begin,
                format!("the certificate that ends in line {lines} has no begin"),
            ),
            (
                format!("{good}{of_nothing}"),
                format!("the certificate in line {} is damaged", lines + 1),
            ),
            (
                no_base64.to_owned(),
                "the certificate in line 1 is damaged".to_owned(),
            ),
        ] {
            fs::write(&file, content).unwrap();
            let error = check_authorities(&file).unwrap_err().to_string();
            assert!(error.contains(&says), "{error}");
            assert!(
                error.contains("ca.pem") && error.contains("--registry-ca"),
                "{error}"
            );
        }

        fs::write(&file, [0x30, 0x82, 1, 2]).unwrap();
        let error = check_authorities(&file).unwrap_err().to_string();
        assert!(error.contains("openssl x509 -inform der"), "{error}");
        fs::write(&file, vec![b'a'; MOST_BYTES as usize + 1]).unwrap();
        let error = check_authorities(&file).unwrap_err().to_string();
        assert!(error.contains("more than 1048576 bytes"), "{error}");
        let error = check_authorities(folder.path()).unwrap_err().to_string();
        assert!(error.contains("not a regular file"), "{error}");
        fs::remove_file(&file).unwrap();
        let error = check_authorities(&file).unwrap_err().to_string();
        assert!(error.contains("os error 2"), "{error}");
    }

    #[test]
    fn certificates_may_have_text_around_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let text =
            format!("# one\n{}\n# two\r\n", authority()) + &authority().replace('\n', "\r\n");
        fs::write(&file, text).unwrap();
        check_authorities(&file).unwrap();
    }

    #[tokio::test]
    async fn dockers_file_of_the_host_counts_and_may_be_missing() {
        let folder = tempfile::tempdir().unwrap();
        let authorities = Authorities {
            file: None,
            docker: folder.path().to_owned(),
        };
        authorities.of("r.example:5000").await.unwrap();
        // A file under the name of the registry's folder.
        fs::write(folder.path().join("r.example"), "").unwrap();
        authorities.of("r.example").await.unwrap();

        let of_host = folder.path().join("r.example:5000");
        fs::create_dir(&of_host).unwrap();
        fs::write(of_host.join(DOCKER_FILE), authority()).unwrap();
        authorities.of("r.example:5000").await.unwrap();
        fs::write(of_host.join(DOCKER_FILE), "none").unwrap();
        let Err(error) = authorities.of("r.example:5000").await else {
            panic!("a wrong file was used");
        };
        assert!(matches!(error, RegistryError::Authority(_)), "{error}");
        let error = error.to_string();
        assert!(error.contains("r.example:5000/ca.crt"), "{error}");
        assert!(error.contains("remove it"), "{error}");
        // Those of other registries do not count.
        authorities.of("other.example:5000").await.unwrap();
    }

    #[test]
    fn a_rejected_certificate_is_explained() {
        let trusted = Trusted {
            trust: Trust::default(),
            unread: vec!["/a/place: denied".to_owned()],
        };
        let explained = |error: rustls::Error| {
            let error = ClientError::Connect {
                to: "https://r.example".into(),
                source: io::Error::other(error),
            };
            trusted.rejection("its certificate", &error)
        };
        let ca = rustls::OtherError(std::sync::Arc::new(io::Error::other("CaUsedAsEndEntity")));
        for (error, says) in [
            (
                CertificateError::UnknownIssuer,
                "not read: /a/place: denied",
            ),
            (CertificateError::BadSignature, "authority of the same name"),
            (CertificateError::NotValidForName, "is for another name"),
            (CertificateError::Expired, "has expired"),
            (CertificateError::NotValidYet, "check the clocks"),
            (
                CertificateError::Other(ca),
                "is rejected (CaUsedAsEndEntity)",
            ),
            (CertificateError::Revoked, "is rejected (Revoked)"),
        ] {
            let text = explained(error.into()).unwrap();
            assert!(
                text.starts_with("its certificate ") && text.contains(says),
                "{text}"
            );
        }
        assert_eq!(explained(rustls::Error::DecryptError), None);
    }
}
