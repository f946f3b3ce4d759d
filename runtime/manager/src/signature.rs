//! Signatures of plugins: `NAME.minisig` beside the file `NAME`, in minisign's
//! form, checked against the keys in the trust file, `trusted-keys` in the data
//! directory.
//!
//! A wrong signature always keeps a file from being loaded. A missing
//! signature, or one with an untrusted key, does so if signatures are required.
//! The signature is checked before anything else reads the file. At each start,
//! the key of each installed plugin must still be trusted. The signature itself
//! is not checked again then, because a loaded file must have the digest that
//! was checked with it.

use std::path::{Path, PathBuf};

use super::{Plugins, TrustedKey, embedder::Signed};
use bytes::Bytes;
use minisign_verify::{Error, PublicKey};
use mortise_runtime::{
    LoadError, Step, files,
    registry::{is_signature, unreadable},
};

/// The longest signature and the longest trust file, in bytes.
const MOST_BYTES: u64 = 64 << 10;

/// The accepted signatures.
#[derive(Clone, Debug)]
pub struct Trust {
    /// The trust file.
    pub keys: PathBuf,
    /// True if only plugins with a trusted signature may run.
    pub required: bool,
}

/// Returns the path of a file's signature.
pub fn signature_file(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".minisig");
    name.into()
}

/// The file that this is the signature of; none if it is none.
pub(super) fn signed_file(signature: &Path) -> Option<PathBuf> {
    is_signature(signature).then(|| signature.with_extension(""))
}

impl Plugins {
    /// The keys that are trusted now; none if the trust file cannot be used,
    /// which whatever is checked then reports.
    pub(super) async fn trusted_keys(&self) -> Vec<Key> {
        let trust = self.settings.trust.clone();
        tokio::task::spawn_blocking(move || trust.keys().unwrap_or_default())
            .await
            .unwrap_or_default()
    }

    /// Checks a file's content with a signature.
    ///
    /// # Errors
    ///
    /// A report of the step `signature`.
    pub(super) async fn check_signed(
        &self,
        file: &Path,
        content: Bytes,
        text: Option<String>,
    ) -> Result<Option<Signed>, LoadError> {
        let trust = self.settings.trust.clone();
        let Some(text) = text else {
            return trust.unsigned(file);
        };
        let of = file.to_owned();
        tokio::task::spawn_blocking(move || trust.check(&of, &content, text))
            .await
            .unwrap_or_else(|error| Err(unreadable(file, &std::io::Error::other(error))))
    }

    /// Returns the announced signer of a file that is not here yet, by the key
    /// that the signature names. The signature is checked with the file.
    ///
    /// # Errors
    ///
    /// A sentence: the text is no signature, or the trust file cannot be used.
    pub async fn announced_signer(&self, text: Option<String>) -> Result<super::Signature, String> {
        let Some(text) = text else {
            return Ok(super::Signature::None);
        };
        let trust = self.settings.trust.clone();
        let signer = tokio::task::spawn_blocking(move || trust.announced(&text));
        signer.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    /// As [`Plugins::check_signed`], for a copy that has yet to be read.
    ///
    /// # Errors
    ///
    /// A report of the step `signature`, or that the copy cannot be read.
    pub(super) async fn check_signed_copy(
        &self,
        file: &Path,
        copy: &Path,
        text: Option<String>,
    ) -> Result<Option<Signed>, LoadError> {
        let content = match text {
            // Most are not signed, and at a start there may be many.
            None => Bytes::new(),
            Some(_) => {
                let read = tokio::fs::read(copy).await;
                read.map_err(|error| unreadable(file, &error))?.into()
            }
        };
        self.check_signed(file, content, text).await
    }
}

impl Trust {
    fn unsigned(&self, file: &Path) -> Result<Option<Signed>, LoadError> {
        if !self.required {
            return Ok(None);
        }
        Err(LoadError {
            file: file.to_owned(),
            step: Step::SignatureMissing,
            expected: "a signature, which this server requires".to_owned(),
            found: "none".to_owned(),
            fix: format!(
                "put its author's signature beside it, as {}",
                signature_file(file).display()
            ),
        })
    }

    fn check(
        &self,
        file: &Path,
        content: &[u8],
        text: String,
    ) -> Result<Option<Signed>, LoadError> {
        let report = |step, expected: &str, found: String, fix: String| LoadError {
            file: file.to_owned(),
            step,
            expected: expected.to_owned(),
            found,
            fix,
        };
        let beside = signature_file(file);
        let signature = minisign_verify::Signature::decode(&text).map_err(|error| {
            report(
                Step::SignatureWrong,
                "a signature made by minisign",
                format!("in {}: {error}", beside.display()),
                "get it again from where the plugin came from, or remove it".to_owned(),
            )
        })?;
        let keys = self.keys().map_err(|what| {
            report(
                Step::TrustFile,
                "a trust file with a minisign public key on each line",
                format!("in {}: {what}", self.keys.display()),
                "correct that line; the key is what begins with RW in the author's .pub file"
                    .to_owned(),
            )
        })?;
        for key in keys {
            match key.public.verify(content, &signature, true) {
                Ok(()) => {
                    return Ok(Some(Signed {
                        text,
                        by: Some(key.name),
                        key: Some(key.text),
                    }));
                }
                Err(Error::UnexpectedKeyId) => {}
                Err(error) => {
                    return Err(report(
                        Step::SignatureWrong,
                        &format!("what `{}` signed", key.name),
                        format!("another file, or another signature: {error}"),
                        "do not use it before you know why; get file and signature again from \
                         where they came from"
                            .to_owned(),
                    ));
                }
            }
        }
        if self.required {
            return Err(report(
                Step::SignatureUntrusted,
                "a signature made with a key that is trusted",
                "one made with another key".to_owned(),
                format!(
                    "if you trust its author, add their public key to {} and load the plugin \
                     again",
                    self.keys.display()
                ),
            ));
        }
        Ok(Some(Signed {
            text,
            by: None,
            key: None,
        }))
    }

    fn announced(&self, text: &str) -> Result<super::Signature, String> {
        let signature = minisign_verify::Signature::decode(text)
            .map_err(|error| format!("the signature is none of minisign's: {error}"))?;
        // A key that did not make it is told apart before the content is looked at.
        let made_by = |key: &Key| {
            !matches!(
                key.public.verify(&[], &signature, true),
                Err(Error::UnexpectedKeyId)
            )
        };
        Ok(match self.keys()?.into_iter().find(made_by) {
            Some(key) => super::Signature::Trusted { key: key.name },
            None => super::Signature::Untrusted,
        })
    }

    /// The keys as they are shown, or in a sentence why the file cannot be used.
    pub(super) fn listed(&self) -> Result<Vec<TrustedKey>, String> {
        let keys = self.keys()?.into_iter();
        let shown = keys.map(|Key { text, name, .. }| TrustedKey { key: text, name });
        Ok(shown.collect())
    }

    fn keys(&self) -> Result<Vec<Key>, String> {
        match files::read_text(&self.keys, MOST_BYTES) {
            Ok(Some(text)) => parse(&text),
            Ok(None) => Ok(Vec::new()),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// A line of the trust file.
pub(super) struct Key {
    public: PublicKey,
    /// As it is there.
    text: String,
    name: String,
}

impl Key {
    /// Returns true if it made this signature, and had its present name then.
    pub(super) fn made(&self, signed: &Signed) -> bool {
        signed.key.as_ref() == Some(&self.text) && signed.by.as_ref() == Some(&self.name)
    }
}

/// Returns true for a public key of minisign's.
pub(super) fn is_key(text: &str) -> bool {
    PublicKey::from_base64(text).is_ok()
}

/// The keys of a trust file: one to a line, with a name after it if it is to
/// have one. What minisign writes into `.pub` files may be put there as it is.
fn parse(text: &str) -> Result<Vec<Key>, String> {
    let mut keys = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("untrusted comment:") {
            continue;
        }
        let (key, name) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let public = PublicKey::from_base64(key)
            .map_err(|error| format!("line {} is no public key: {error}", number + 1))?;
        let name = match name.trim() {
            "" => key,
            name => name,
        };
        keys.push(Key {
            public,
            text: key.to_owned(),
            name: name.to_owned(),
        });
    }
    Ok(keys)
}

/// The signature beside a file; none if there is none.
///
/// # Errors
///
/// A report of the step `signature`.
pub(super) fn read_signature(file: &Path) -> Result<Option<String>, LoadError> {
    let path = signature_file(file);
    read_signature_file(&path).map_err(|error| LoadError {
        file: file.to_owned(),
        step: Step::SignatureWrong,
        expected: "a signature that can be read".to_owned(),
        found: format!("in {}: {error}", path.display()),
        fix: "check that the server's user may read it, or remove it".to_owned(),
    })
}

/// All that is in a signature's file; none if it is not there.
///
/// # Errors
///
/// It cannot be read, or is too long for a signature.
pub fn read_signature_file(path: &Path) -> std::io::Result<Option<String>> {
    files::read_text(path, MOST_BYTES)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{parse, signature_file, signed_file};

    /// Minisign's own key.
    const KEY: &str = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3";

    #[test]
    fn a_trust_file_is_lines_of_keys() {
        let text = format!(
            "# ours\n\n{KEY}  Frank, who writes filters \nuntrusted comment: minisign public key\n{KEY}\n"
        );
        let names: Vec<_> = parse(&text)
            .unwrap()
            .into_iter()
            .map(|key| key.name)
            .collect();
        assert_eq!(names, ["Frank, who writes filters", KEY]);
        let error = parse(&format!("{KEY}\nRWnonsense x\n")).err().unwrap();
        assert!(error.contains("line 2 is no public key"), "{error}");
    }

    #[test]
    fn a_signature_is_beside_its_file() {
        for name in ["a.wasm", "plugin", "a.b.c"] {
            let file = Path::new("/p").join(name);
            let signature = signature_file(&file);
            assert_eq!(signature, Path::new("/p").join(format!("{name}.minisig")));
            assert_eq!(signed_file(&signature), Some(file.clone()));
            assert_eq!(signed_file(&file), None);
        }
    }
}
