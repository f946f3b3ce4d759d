//! The download of a version's file. After a break it goes on where it was, also when
//! the version is installed again later.

use std::{
    path::Path,
    time::{Duration, SystemTime},
};

use http::{HeaderMap, Method, StatusCode, header};
use http_body_util::BodyExt as _;
use mortise_runtime::Digest;
use tempfile::TempPath;

use super::{Found, RegistryError, session::Ask};
use crate::hosting::arriving::{ArrivalError, Arriving};

/// The pause before the second attempt; it doubles with each.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause that is not the registry's wish.
const LONGEST_PAUSE: Duration = Duration::from_secs(16);
/// The time for a download. It is shorter than that for an administrator's command,
/// which would end the download without keeping what arrived.
const DOWNLOAD: Duration = Duration::from_secs(14 * 60);

const WHAT: &str = "the download";

/// Downloads the file of a version into this folder. `patience` is the time of all
/// pauses between attempts that bring nothing. `arrived` is called with the bytes that
/// are there.
///
/// # Errors
///
/// [`RegistryError`].
pub async fn download(
    found: &Found,
    folder: &Path,
    patience: Duration,
    arrived: impl FnMut(u64) + Send,
) -> Result<TempPath, RegistryError> {
    let file = found.artifact.file;
    let mut arriving = Arriving::resume(folder, file).await?;
    // Of a version that had the digest, but not the size.
    if arriving.bytes() > found.layer.size() {
        arriving = Arriving::new(folder).await?;
    }
    let mut download = Download {
        found,
        folder,
        patience,
        arriving,
        arrived,
    };
    let done = tokio::time::timeout(DOWNLOAD, download.run()).await;
    let Download { arriving, .. } = download;
    let broken_off = match done {
        Ok(Ok(())) => {
            return match arriving.finish(Some(file)).await {
                Err(ArrivalError::Digest {
                    expected,
                    found: other,
                }) => Err(wrong(found, expected, other)),
                done => Ok(done?),
            };
        }
        Ok(Err(error @ RegistryError::BrokenOff { .. })) => error,
        Ok(Err(error)) => return Err(error),
        Err(_) => {
            let text = format!("nothing more after {DOWNLOAD:?}");
            found.session.answer(WHAT, text)
        }
    };
    if arriving.bytes() > 0
        && let Err(error) = arriving.keep(folder, file).await
    {
        tracing::warn!(%error, "a download that broke off starts from its beginning next time");
    }
    Err(broken_off)
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
    patience: Duration,
    arriving: Arriving,
    arrived: F,
}

impl<F: FnMut(u64) + Send> Download<'_, F> {
    /// Downloads until the whole file is there.
    async fn run(&mut self) -> Result<(), RegistryError> {
        let size = self.found.layer.size();
        let mut failures = 0;
        let mut pauses = Pauses::default();
        while self.arriving.bytes() < size {
            let before = self.arriving.bytes();
            let Some(Break { why, wait }) = self.part(size).await? else {
                continue;
            };
            if self.arriving.bytes() > before {
                (failures, pauses) = (0, Pauses::default());
            }
            failures += 1;
            let Some(pause) = pauses.next(self.patience, wait) else {
                return Err(RegistryError::BrokenOff {
                    host: self.found.session.host().into(),
                    bytes: self.arriving.bytes(),
                    size,
                    attempts: failures,
                    why: why.into(),
                });
            };
            tracing::info!(
                why,
                bytes = self.arriving.bytes(),
                size,
                ?pause,
                "a download broke off and continues"
            );
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Downloads as much as one answer has. Returns the reason for which it ended
    /// early.
    async fn part(&mut self, size: u64) -> Result<Option<Break>, RegistryError> {
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
        let answer = match session.send_once(&ask).await {
            Ok(answer) => answer,
            Err(RegistryError::Unreachable { why, .. }) => return Ok(Some(Break::of(why))),
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
            status if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
                let wait = retry_after(answer.headers());
                let why = match wait {
                    Some(wait) => format!("{status}, and it asks to wait for {wait:?}"),
                    None => status.to_string(),
                };
                return Ok(Some(Break {
                    wait: wait.unwrap_or_default(),
                    ..Break::of(why)
                }));
            }
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
                Ok(Some(Err(error))) => return Ok(Some(Break::of(error.to_string()))),
                Ok(None) if self.arriving.bytes() < size => {
                    return Ok(Some(Break::of("the answer ended early")));
                }
                Ok(None) => return Ok(None),
                Err(error) => return Ok(Some(Break::of(error.to_string()))),
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

/// The early end of an answer.
struct Break {
    why: String,
    /// The time for which the registry wants no request.
    wait: Duration,
}

impl Break {
    fn of(why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            wait: Duration::ZERO,
        }
    }
}

/// The pauses between attempts that bring nothing.
#[derive(Default)]
struct Pauses {
    count: u32,
    total: Duration,
}

impl Pauses {
    /// Returns the next pause, at least as long as the registry wants; none if all
    /// together would be longer than `patience`.
    fn next(&mut self, patience: Duration, wait: Duration) -> Option<Duration> {
        let left = patience.saturating_sub(self.total);
        if left.is_zero() || wait > left {
            return None;
        }
        let doubled = PAUSE.saturating_mul(1 << self.count.min(8));
        let pause = doubled.min(LONGEST_PAUSE).min(left).max(wait);
        self.count += 1;
        self.total += pause;
        Some(pause)
    }
}

/// Reads the header `Retry-After`: seconds or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use http::{HeaderMap, header};

    use super::{Pauses, retry_after};

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn pauses_double_and_end_after_the_patience() {
        let mut pauses = Pauses::default();
        let all: Vec<_> = std::iter::from_fn(|| pauses.next(MINUTE, Duration::ZERO)).collect();
        let seconds: Vec<_> = all.iter().map(Duration::as_secs_f32).collect();
        assert_eq!(seconds, [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 16.0, 12.5]);
        assert_eq!(all.iter().sum::<Duration>(), MINUTE);
    }

    #[test]
    fn a_registry_may_want_a_longer_pause_within_the_patience() {
        let mut pauses = Pauses::default();
        let wait = Duration::from_secs(40);
        assert_eq!(pauses.next(MINUTE, wait), Some(wait));
        assert_eq!(pauses.next(MINUTE, wait), None);
        assert_eq!(
            pauses.next(MINUTE, Duration::ZERO),
            Some(Duration::from_secs(1))
        );
    }

    #[test]
    fn a_wait_is_seconds_or_a_date() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::RETRY_AFTER, text.parse().unwrap());
            retry_after(&headers)
        };
        assert_eq!(of("7"), Some(Duration::from_secs(7)));
        assert_eq!(of("soon"), None);
        assert_eq!(of("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        let later = of(&httpdate::fmt_http_date(SystemTime::now() + MINUTE)).unwrap();
        assert!(later <= MINUTE && later > MINUTE / 2, "{later:?}");
    }
}
