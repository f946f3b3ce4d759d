//! A plugin's file on its way in, from a request or a URL. It is bounded,
//! written to a temporary file in the data directory, and checked against its digest before anything
//! reads it.
//!
//! A URL may be `http`, because the digest identifies the file. Few redirects
//! are followed, and never one from `https` to `http`.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use mortise_runtime::{Digest, files, registry::versions::MOST_BYTES};
use sha2::{Digest as _, Sha256};
use tempfile::TempPath;
use tokio::io::AsyncWriteExt as _;
use url::Url;

use crate::client::{self, ClientError};

/// The beginning of a temporary file's name.
pub(crate) const PREFIX: &str = "upload-";
/// The beginning of the name of a file of which some bytes are missing. Its digest
/// follows.
pub(crate) const PARTIAL: &str = "partial-";
/// The age at which a partial file is removed.
pub(crate) const PARTIAL_AGE: Duration = Duration::from_secs(24 * 60 * 60);
/// Partial files that are kept. Together they are as large as one plugin at most.
const PARTIALS: usize = 4;
/// Redirects that are followed.
const REDIRECTS: usize = 5;
/// The time for a download.
const DOWNLOAD: Duration = Duration::from_secs(300);
/// The longest pause within a download.
const IDLE: Duration = Duration::from_secs(30);

/// The reason for which a file did not arrive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArrivalError {
    /// Larger than any plugin.
    #[error("the file has more than {MOST_BYTES} bytes, the most for a plugin")]
    TooLong,
    /// Another file than was meant.
    #[error("the file has the digest {found}, not {expected}: it is not the expected file")]
    Digest {
        /// The expected digest.
        expected: Digest,
        /// The found digest.
        found: Digest,
    },
    /// The temporary file.
    #[error("the file cannot be kept: {0}; check that there is room in the data directory")]
    File(#[from] io::Error),
    /// The URL does not serve.
    #[error("nothing can be downloaded from {url}: {why}")]
    Url {
        /// The URL without its query.
        url: Box<str>,
        /// The error.
        why: Box<str>,
    },
}

/// A file of which some bytes are there.
pub struct Arriving {
    file: tokio::fs::File,
    path: TempPath,
    hash: Sha256,
    bytes: u64,
}

impl Arriving {
    /// An empty file in this folder, which is made if it is not there.
    ///
    /// # Errors
    ///
    /// [`ArrivalError::File`].
    pub async fn new(folder: &Path) -> Result<Self, ArrivalError> {
        let (file, path) = make_in(folder).await?.into_parts();
        Ok(Self {
            file: tokio::fs::File::from_std(file),
            path,
            hash: Sha256::new(),
            bytes: 0,
        })
    }

    /// The file with this digest, with the bytes that [`Arriving::keep`] left of it.
    ///
    /// # Errors
    ///
    /// [`ArrivalError::File`].
    pub(crate) async fn resume(folder: &Path, digest: Digest) -> Result<Self, ArrivalError> {
        let kept = partial(folder, digest);
        let path = make_in(folder).await?.into_temp_path();
        let resumed = tokio::task::spawn_blocking(move || {
            // Moved, so that no second download writes to the same file.
            let Ok(()) = fs::rename(&kept, &path) else {
                return Ok(None);
            };
            let mut file = fs::OpenOptions::new().read(true).append(true).open(&path)?;
            let mut hash = Sha256::new();
            let bytes = io::copy(&mut file, &mut hash)?;
            Ok::<_, io::Error>(Some((file, path, hash, bytes)))
        });
        match resumed.await.map_err(io::Error::other)?? {
            None => Self::new(folder).await,
            Some((file, path, hash, bytes)) => Ok(Self {
                file: tokio::fs::File::from_std(file),
                path,
                hash,
                bytes,
            }),
        }
    }

    /// Keeps the bytes for [`Arriving::resume`]. Older partial files are removed if
    /// there are too many.
    ///
    /// # Errors
    ///
    /// [`ArrivalError::File`].
    pub(crate) async fn keep(mut self, folder: &Path, digest: Digest) -> Result<(), ArrivalError> {
        self.file.flush().await?;
        let (folder, path) = (folder.to_owned(), self.path);
        tokio::task::spawn_blocking(move || {
            path.persist(partial(&folder, digest))
                .map_err(|error| error.error)?;
            remove_partials(&folder)
        })
        .await
        .map_err(io::Error::other)??;
        Ok(())
    }

    /// Returns the number of bytes that are there.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds bytes.
    ///
    /// # Errors
    ///
    /// [`ArrivalError::TooLong`], [`ArrivalError::File`].
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), ArrivalError> {
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > MOST_BYTES {
            return Err(ArrivalError::TooLong);
        }
        self.hash.update(bytes);
        self.file.write_all(bytes).await?;
        Ok(())
    }

    /// The whole file, if it is the one that was meant.
    ///
    /// # Errors
    ///
    /// [`ArrivalError::Digest`], [`ArrivalError::File`].
    pub async fn finish(mut self, expected: Option<Digest>) -> Result<TempPath, ArrivalError> {
        self.file.flush().await?;
        let found = Digest::from(<[u8; 32]>::from(self.hash.finalize()));
        match expected {
            Some(expected) if expected != found => Err(ArrivalError::Digest { expected, found }),
            _ => Ok(self.path),
        }
    }
}

fn partial(folder: &Path, digest: Digest) -> PathBuf {
    let digest = digest.to_string();
    let digits = digest.rsplit(':').next().unwrap_or_default();
    folder.join(format!("{PARTIAL}{digits}"))
}

/// Removes partial files that are too old, and the oldest ones if there are too many.
fn remove_partials(folder: &Path) -> io::Result<()> {
    let now = SystemTime::now();
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
            let data = entry.metadata()?;
            let age = now.duration_since(data.modified()?).unwrap_or_default();
            all.push((age, data.len(), entry.path()));
        }
    }
    all.sort();
    let mut bytes = 0_u64;
    for (index, (age, size, path)) in all.into_iter().enumerate() {
        bytes = bytes.saturating_add(size);
        if age >= PARTIAL_AGE || index >= PARTIALS || bytes > MOST_BYTES {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

async fn make_in(folder: &Path) -> Result<tempfile::NamedTempFile, ArrivalError> {
    let folder = folder.to_owned();
    Ok(tokio::task::spawn_blocking(move || make(&folder))
        .await
        .map_err(io::Error::other)??)
}

/// Makes a temporary file that this user alone can read.
fn make(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    files::make_private_folder(folder)?;
    tempfile::Builder::new().prefix(PREFIX).tempfile_in(folder)
}

/// Downloads a file into this folder.
///
/// # Errors
///
/// [`ArrivalError`].
pub async fn download(url: &Url, digest: Digest, folder: &Path) -> Result<TempPath, ArrivalError> {
    tokio::time::timeout(DOWNLOAD, follow(url.clone(), digest, folder))
        .await
        .unwrap_or_else(|_| Err(refused(url, format!("it took longer than {DOWNLOAD:?}"))))
}

async fn follow(mut url: Url, digest: Digest, folder: &Path) -> Result<TempPath, ArrivalError> {
    for _ in 0..=REDIRECTS {
        if !matches!(url.scheme(), "https" | "http") {
            return Err(refused(&url, "only https and http are downloaded from"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refused(&url, "a name or password in it is not sent"));
        }
        let request = Request::get(client::path(&url).map_err(|error| broken(&url, &error))?)
            .header(
                header::USER_AGENT,
                concat!("mortise/", env!("CARGO_PKG_VERSION")),
            )
            .header(header::ACCEPT, "*/*")
            .body(Full::<Bytes>::default())
            .map_err(|error| refused(&url, error.to_string()))?;
        let answer = idle(&url, client::send(&url, request))
            .await?
            .map_err(|error| broken(&url, &error))?;
        let status = answer.status();
        if status == StatusCode::OK {
            return receive(&url, answer.into_body(), digest, folder).await;
        }
        let location = answer.headers().get(header::LOCATION);
        let next = location
            .filter(|_| status.is_redirection())
            .and_then(|location| url.join(location.to_str().ok()?).ok());
        let Some(next) = next else {
            return Err(refused(&url, format!("its server answers {status}")));
        };
        if url.scheme() == "https" && next.scheme() != "https" {
            return Err(refused(
                &url,
                "its server redirects to an address without https",
            ));
        }
        url = next;
    }
    Err(refused(&url, "its server redirects too often"))
}

async fn receive(
    url: &Url,
    mut body: hyper::body::Incoming,
    digest: Digest,
    folder: &Path,
) -> Result<TempPath, ArrivalError> {
    let mut arriving = Arriving::new(folder).await?;
    while let Some(frame) = idle(url, body.frame()).await? {
        let frame = frame.map_err(|error| refused(url, error.to_string()))?;
        if let Some(bytes) = frame.data_ref() {
            arriving.write(bytes).await?;
        }
    }
    arriving.finish(Some(digest)).await
}

async fn idle<T>(url: &Url, next: impl Future<Output = T>) -> Result<T, ArrivalError> {
    tokio::time::timeout(IDLE, next)
        .await
        .map_err(|_| refused(url, format!("nothing came for {IDLE:?}")))
}

fn broken(url: &Url, error: &ClientError) -> ArrivalError {
    refused(url, error.to_string())
}

fn refused(url: &Url, why: impl Into<Box<str>>) -> ArrivalError {
    // A query may hold a secret.
    let mut shown = url.clone();
    shown.set_query(None);
    shown.set_fragment(None);
    let _: Result<(), ()> = shown.set_password(None);
    let _: Result<(), ()> = shown.set_username("");
    ArrivalError::Url {
        url: shown.as_str().into(),
        why: why.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs::{self, File},
        time::{Duration, SystemTime},
    };

    use mortise_runtime::Digest;

    use super::{Arriving, PARTIAL_AGE, PARTIALS, partial, remove_partials};

    #[tokio::test]
    async fn a_kept_file_is_resumed_once() {
        let folder = tempfile::tempdir().unwrap();
        let digest = Digest::of(b"a plugin");
        let mut first = Arriving::resume(folder.path(), digest).await.unwrap();
        assert_eq!(first.bytes(), 0);
        first.write(b"a pl").await.unwrap();
        first.keep(folder.path(), digest).await.unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let mut second = Arriving::resume(folder.path(), digest).await.unwrap();
        assert_eq!(second.bytes(), 4);
        let third = Arriving::resume(folder.path(), digest).await.unwrap();
        assert_eq!(third.bytes(), 0);
        second.write(b"ugin").await.unwrap();
        let file = second.finish(Some(digest)).await.unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"a plugin");
        drop((third, file));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn old_and_many_partial_files_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let now = SystemTime::now();
        let put = |name: usize, age: Duration| {
            let path = partial(folder.path(), Digest::of(&name.to_le_bytes()));
            File::create(&path)
                .unwrap()
                .set_modified(now - age)
                .unwrap();
            path
        };
        let old = put(100, PARTIAL_AGE);
        let all: Vec<_> = (0..=PARTIALS)
            .map(|name| put(name, Duration::from_secs(60 * name as u64)))
            .collect();
        remove_partials(folder.path()).unwrap();
        assert!(!old.exists());
        let kept: Vec<_> = all.iter().map(|path| path.exists()).collect();
        assert_eq!(kept, [true, true, true, true, false]);
    }
}
