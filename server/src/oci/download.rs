//! The download of a version's file. After a break it goes on where it was.

use std::{path::Path, time::Duration};

use http::{Method, StatusCode, header};
use http_body_util::BodyExt as _;
use mortise_runtime::Digest;
use tempfile::TempPath;

use super::{Found, RegistryError, session::Ask};
use crate::hosting::arriving::{ArrivalError, Arriving};

/// Attempts in a row that bring nothing.
const ATTEMPTS: u32 = 4;
/// The pause before the second attempt; it grows with each.
const PAUSE: Duration = Duration::from_millis(250);
/// The time for a download.
const DOWNLOAD: Duration = Duration::from_secs(30 * 60);

const WHAT: &str = "the download";

/// Downloads the file of a version into this folder. `arrived` is called with the bytes
/// that are there.
///
/// # Errors
///
/// [`RegistryError`].
pub async fn download(
    found: &Found,
    folder: &Path,
    arrived: impl FnMut(u64) + Send,
) -> Result<TempPath, RegistryError> {
    let mut download = Download {
        found,
        folder,
        arriving: Arriving::new(folder).await?,
        arrived,
    };
    tokio::time::timeout(DOWNLOAD, download.run())
        .await
        .unwrap_or_else(|_| {
            let text = format!("it took longer than {DOWNLOAD:?}");
            Err(found.session.answer(WHAT, text))
        })?;
    let Download { arriving, .. } = download;
    match arriving.finish(Some(found.artifact.file)).await {
        Err(ArrivalError::Digest {
            expected,
            found: other,
        }) => Err(wrong(found, expected, other)),
        done => Ok(done?),
    }
}

fn wrong(found: &Found, expected: Digest, other: Digest) -> RegistryError {
    RegistryError::Digest {
        host: found.session.host().into(),
        what: "a file",
        expected,
        found: other,
    }
}

struct Download<'a, F> {
    found: &'a Found,
    folder: &'a Path,
    arriving: Arriving,
    arrived: F,
}

impl<F: FnMut(u64) + Send> Download<'_, F> {
    /// Downloads until the whole file is there.
    async fn run(&mut self) -> Result<(), RegistryError> {
        let size = self.found.layer.size();
        let mut failures = 0;
        while self.arriving.bytes() < size {
            let before = self.arriving.bytes();
            let Some(why) = self.part(size).await? else {
                continue;
            };
            failures = if self.arriving.bytes() > before {
                1
            } else {
                failures + 1
            };
            if failures >= ATTEMPTS {
                return Err(RegistryError::BrokenOff {
                    host: self.found.session.host().into(),
                    bytes: self.arriving.bytes(),
                    size,
                    attempts: failures,
                    why: why.into(),
                });
            }
            tracing::info!(
                why,
                bytes = before,
                size,
                "a download broke off and continues"
            );
            tokio::time::sleep(PAUSE * failures).await;
        }
        Ok(())
    }

    /// Downloads as much as one answer has. Returns the reason for which it ended
    /// early.
    async fn part(&mut self, size: u64) -> Result<Option<String>, RegistryError> {
        let Found {
            session, artifact, ..
        } = self.found;
        let ask = Ask {
            from: self.arriving.bytes(),
            ..Ask::new(
                Method::GET,
                session.url(&format!("blobs/{}", artifact.file))?,
                WHAT,
            )
        };
        let answer = match session.send(&ask).await {
            Ok(answer) => answer,
            Err(RegistryError::Unreachable { why, .. }) => return Ok(Some(why.into())),
            Err(error) => return Err(error),
        };
        let is_part = answer.status() == StatusCode::PARTIAL_CONTENT && ask.from > 0;
        match answer.status() {
            StatusCode::PARTIAL_CONTENT if is_part => {
                let range = answer.headers().get(header::CONTENT_RANGE);
                let range = range.and_then(|range| range.to_str().ok()).unwrap_or("");
                if !range.starts_with(&format!("bytes {}-", ask.from)) {
                    let text = format!("the part `{range}`, not that from byte {}", ask.from);
                    return Err(session.answer(WHAT, text));
                }
            }
            // All of it, from the beginning.
            StatusCode::OK => self.arriving = Arriving::new(self.folder).await?,
            status if status.is_server_error() => return Ok(Some(status.to_string())),
            status => return Err(session.answer(WHAT, status)),
        }
        let other_size = |found| RegistryError::Size {
            host: session.host().into(),
            what: "a file",
            expected: size,
            found,
        };
        let length = answer.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        let whole = length.map(|length| self.arriving.bytes().saturating_add(length));
        // A registry may answer with less than the part that was wanted.
        if let Some(whole) = whole.filter(|&whole| whole > size || (whole < size && !is_part)) {
            return Err(other_size(whole));
        }
        let mut body = answer.into_body();
        loop {
            let frame = match session.idle(body.frame()).await {
                Ok(Some(Ok(frame))) => frame,
                Ok(Some(Err(error))) => return Ok(Some(error.to_string())),
                Ok(None) if self.arriving.bytes() < size => {
                    return Ok(Some("the answer ended early".to_owned()));
                }
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some(error.to_string())),
            };
            if let Some(data) = frame.data_ref() {
                let bytes = self.arriving.bytes().saturating_add(data.len() as u64);
                if bytes > size {
                    return Err(other_size(bytes));
                }
                self.arriving.write(data).await?;
                (self.arrived)(bytes);
            }
        }
    }
}
