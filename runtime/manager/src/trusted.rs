//! The administrator's list of trusted keys, as a file that may be edited by
//! hand as well: comments and order stay.

use std::{
    io::{self, Write as _},
    path::Path,
};

use serde_json::json;

use super::{
    Plugins, Status,
    actor::Actor,
    audit::Action,
    installed::Entry,
    signature::{Trust, is_key, read_signature_file},
};

/// The longest name of a key, in bytes.
const NAME_BYTES: usize = 128;
/// The most keys.
const KEYS: usize = 256;

/// A key whose signatures count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    /// As minisign writes it.
    pub key: String,
    /// For people.
    pub name: String,
}

/// The keys were not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// It is no public key of minisign's.
    #[error(
        "this is no public key of minisign; copy the line that begins with RW from the author's .pub file"
    )]
    NoKey,
    /// The name does not fit on the key's line.
    #[error("a key's name is one line of 1 to {NAME_BYTES} bytes")]
    Name,
    /// It is in the list.
    #[error("that key is trusted already")]
    There,
    /// It is not in the list.
    #[error("that key is not among the trusted ones")]
    NotThere,
    /// The list is full.
    #[error("there are {KEYS} trusted keys, the most that are allowed; remove one first")]
    TooMany,
    /// The file cannot be used as it is.
    #[error("{0} cannot be used: {1}; correct it by hand")]
    Broken(String, String),
    /// The file cannot be written.
    #[error("{0} cannot be written: {1}; check that the server's user may write to its folder")]
    Write(String, io::Error),
}

impl Plugins {
    /// The trust file, and whether only what is signed may run.
    pub fn trust(&self) -> &Trust {
        &self.settings.trust
    }

    /// The trusted keys in the order of the file, or in a sentence why it cannot
    /// be used.
    pub async fn trusted(&self) -> Result<Vec<TrustedKey>, String> {
        let trust = self.settings.trust.clone();
        tokio::task::spawn_blocking(move || trust.listed())
            .await
            .unwrap_or_else(|error| Err(error.to_string()))
    }

    /// Trusts a key from now on.
    ///
    /// # Errors
    ///
    /// [`TrustError`]; nothing has changed then.
    pub async fn trust_key(&self, new: TrustedKey, by: &Actor) -> Result<(), TrustError> {
        if !is_key(&new.key) {
            return Err(TrustError::NoKey);
        }
        let name = new.name.trim().to_owned();
        if name.is_empty() || name.len() > NAME_BYTES || name.chars().any(char::is_control) {
            return Err(TrustError::Name);
        }
        let details = json!({ "key": new.key, "name": name });
        self.change_trust(move |trust, mut text| {
            let keys = known(trust)?;
            if keys.iter().any(|key| key.key == new.key) {
                return Err(TrustError::There);
            }
            if keys.len() >= KEYS {
                return Err(TrustError::TooMany);
            }
            if !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            }
            text.push_str(&format!("{} {name}\n", new.key));
            Ok(text)
        })
        .await?;
        self.audit(by, Action::Trusted, "", &details).await;
        Ok(())
    }

    /// Trusts a key no longer. A plugin that it signed and that runs goes on until it
    /// is loaded next, and is shown as signed by an unknown key.
    ///
    /// # Errors
    ///
    /// [`TrustError`]; nothing has changed then.
    pub async fn distrust_key(&self, key: &str, by: &Actor) -> Result<(), TrustError> {
        let details = json!({ "key": key });
        let key = key.to_owned();
        self.change_trust(move |trust, text| {
            if !known(trust)?.iter().any(|known| known.key == key) {
                return Err(TrustError::NotThere);
            }
            let stays = |line: &&str| line.split_whitespace().next() != Some(key.as_str());
            Ok(text.split_inclusive('\n').filter(stays).collect())
        })
        .await?;
        self.audit(by, Action::Distrusted, "", &details).await;
        Ok(())
    }

    async fn change_trust(
        &self,
        change: impl FnOnce(&Trust, String) -> Result<String, TrustError> + Send + 'static,
    ) -> Result<(), TrustError> {
        let _turn = self.turns.take().await;
        let trust = self.settings.trust.clone();
        let path = trust.keys.display().to_string();
        let failed = |error| TrustError::Write(path, error);
        let changed = tokio::task::spawn_blocking(move || {
            let before = read_signature_file(&trust.keys).map_err(|error| {
                TrustError::Broken(trust.keys.display().to_string(), error.to_string())
            })?;
            let text = change(&trust, before.unwrap_or_default())?;
            write(&trust.keys, &text)
                .map_err(|error| TrustError::Write(trust.keys.display().to_string(), error))
        })
        .await
        .unwrap_or_else(|error| Err(failed(io::Error::other(error))));
        if changed.is_ok() {
            self.check_signatures().await;
        }
        changed
    }

    /// Shows installed plugins as signed by the keys of now. One that these keys
    /// would not let run goes on until it is loaded next.
    async fn check_signatures(&self) {
        for Status { id, .. } in self.installed.list() {
            let Some(entry) = self.installed.get(&id) else {
                continue;
            };
            let Some(signed) = &entry.signed else {
                continue;
            };
            let checked = self
                .check_signed_copy(&entry.file, entry.current.file(), Some(signed.text.clone()))
                .await;
            if let Ok(signed) = checked
                && signed != entry.signed
            {
                self.note(Entry { signed, ..entry }).await;
            }
        }
    }
}

fn known(trust: &Trust) -> Result<Vec<TrustedKey>, TrustError> {
    trust
        .listed()
        .map_err(|what| TrustError::Broken(trust.keys.display().to_string(), what))
}

/// Puts a whole file in the place of the one before.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}
