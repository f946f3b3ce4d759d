//! The account and the certificate, in files that the server's user alone reads. Each
//! belongs to an authority and its settings: others have files of their own.

use std::{
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use instant_acme::AccountCredentials;
use mortise_runtime::files;
use sha2::{Digest as _, Sha256};

use super::error::AcmeError;
use crate::{config::Acme, tls::Certificate};

/// The largest file, in bytes.
const MOST_BYTES: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    account: PathBuf,
    certificate: PathBuf,
}

impl Cache {
    /// Makes the folder if it is not there. The names in the settings are sorted.
    pub(super) fn open(folder: &Path, settings: &Acme) -> io::Result<Self> {
        files::make_private_folder(folder)?;
        let directory = settings.directory.as_str();
        let contacts = settings.contacts.iter().map(String::as_str);
        let external = settings.eab_key_id.as_ref().map(|id| format!("key {id}"));
        let account = std::iter::once(directory).chain(contacts);
        let account: Vec<_> = account.chain(external.as_deref()).collect();
        let domains = settings.domains.iter().map(|name| name.as_str());
        let domains: Vec<_> = std::iter::once(directory).chain(domains).collect();
        Ok(Self {
            account: folder.join(format!("account-{}.json", digest(&account))),
            certificate: folder.join(format!("certificate-{}.pem", digest(&domains))),
            folder: folder.to_owned(),
        })
    }

    /// The account; none if there is none that can be read.
    pub(super) fn account(&self) -> Option<AccountCredentials> {
        let text = read(&self.account)?;
        match serde_json::from_slice(&text) {
            Ok(credentials) => Some(credentials),
            Err(error) => {
                tracing::warn!(
                    "the account in {} cannot be read, and the server makes another: {error}",
                    self.account.display()
                );
                None
            }
        }
    }

    pub(super) fn keep_account(&self, credentials: &AccountCredentials) -> Result<(), AcmeError> {
        let text = serde_json::to_vec(credentials).map_err(io::Error::other);
        let written = text.and_then(|text| self.write(&self.account, &text));
        written.map_err(|source| failed(&self.account, source))
    }

    /// The certificate with its key, or the reason for which it cannot be used.
    pub(super) fn certificate(&self) -> Option<Result<Certificate, String>> {
        let pem = read(&self.certificate)?;
        Some(Certificate::from_pem(&pem, &pem))
    }

    /// Stores both in one file: one without the other is worth nothing.
    pub(super) fn keep_certificate(&self, key: &str, chain: &str) -> Result<(), AcmeError> {
        let text = format!("{}\n{chain}", key.trim_end());
        self.write(&self.certificate, text.as_bytes())
            .map_err(|source| failed(&self.certificate, source))
    }

    /// Replaces a file as a whole, for the server's user alone.
    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        // Files of this kind are the user's own from the beginning.
        let mut file = tempfile::NamedTempFile::new_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }
}

fn failed(path: &Path, source: io::Error) -> AcmeError {
    AcmeError::File {
        path: path.to_owned(),
        source,
    }
}

fn read(path: &Path) -> Option<Vec<u8>> {
    match files::read(path, MOST_BYTES) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            if error.kind() != io::ErrorKind::NotFound {
                tracing::warn!("cannot read {}: {error}", path.display());
            }
            None
        }
    }
}

fn digest(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.join("\n"));
    hex::encode(digest.get(..8).unwrap_or_default())
}
