//! Certificates from an authority, by ACME (RFC 8555). The authority verifies a name by
//! a connection to its port 443 (TLS-ALPN-01, RFC 8737), which this server answers.
//!
//! - `order`: one certificate, from the account to the chain.
//! - `cache`: the account and the certificate, in files.
//! - `http`: requests to the authority, within bounds.
//!
//! The server works without the authority: it serves the certificate that it has, and
//! tries again.

mod cache;
mod error;
mod http;
mod order;

use std::{sync::Arc, time::Duration};

use tokio_util::sync::CancellationToken;

use self::{cache::Cache, error::AcmeError};
use crate::{
    Config,
    client::Trust,
    config,
    time::{Clock, rfc3339},
    tls::{self, Certificate, Tls, TlsError},
};

/// The time for one certificate.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// The pauses after a first failure, and the longest one. An authority that refuses
/// counts the attempts: with the longer pause, an hour has four of them at most.
const AFTER_NO_ANSWER_MS: i64 = 15_000;
const AFTER_REFUSAL_MS: i64 = 5 * 60 * 1000;
const LONGEST_MS: i64 = 6 * 60 * 60 * 1000;
/// The longest wait before the time is looked at again: the machine may have slept.
const LOOK_MS: i64 = 60 * 60 * 1000;

/// The names to get certificates for, and the authority.
#[derive(Debug)]
pub(crate) struct Acme {
    settings: config::Acme,
    external: Option<config::ExternalAccount>,
    trust: Trust,
    cache: Cache,
    clock: Clock,
    tls: Arc<Tls>,
}

impl Acme {
    /// Reads the certificate before this start, if it is for these names. None if
    /// the settings name no authority.
    ///
    /// # Errors
    ///
    /// [`TlsError`].
    pub(crate) fn open(config: &Config, tls: Option<&Arc<Tls>>) -> Result<Option<Self>, TlsError> {
        let Some(tls) = tls.filter(|_| !config.acme.domains.is_empty()) else {
            return Ok(None);
        };
        let folder = config.acme_dir();
        let failed = |cause| TlsError::Cache {
            path: folder.clone(),
            cause,
        };
        let mut settings = config.acme.clone();
        settings.domains.sort();
        settings.domains.dedup();
        let acme = Self {
            trust: tls::roots(config)?.map(Trust::in_roots).unwrap_or_default(),
            cache: Cache::open(&folder, &settings).map_err(failed)?,
            external: settings.external_account()?,
            settings,
            clock: config.clock.clone(),
            tls: Arc::clone(tls),
        };
        match acme.cache.certificate() {
            None => {}
            Some(Ok(certificate)) if acme.suits(&certificate) => acme.tls.replace(certificate),
            Some(Ok(_)) => tracing::warn!("the stored certificate is not for these names"),
            Some(Err(cause)) => tracing::warn!("the stored certificate cannot be used: {cause}"),
        }
        Ok(Some(acme))
    }

    fn suits(&self, certificate: &Certificate) -> bool {
        let mut names = self.settings.domains.iter();
        certificate.validity.is_some() && names.all(|name| certificate.is_for(name.as_str()))
    }

    /// Gets a certificate, and renews it when two thirds of its time are over, until the
    /// server stops.
    pub(crate) async fn keep(self, stopping: CancellationToken) {
        stopping.run_until_cancelled(self.run()).await;
    }

    async fn run(&self) {
        let mut due = self.tls.validity().map_or(0, renewal);
        let mut failures = 0;
        loop {
            self.wait_until(due).await;
            let outcome = tokio::time::timeout(PATIENCE, self.obtain()).await;
            let outcome = outcome.unwrap_or(Err(AcmeError::Patience(PATIENCE)));
            self.tls.count_attempt(outcome.is_ok());
            let now = self.clock.now_ms();
            match outcome {
                Ok([from, until]) => {
                    failures = 0;
                    // A clock that is wrong must not make one order after the other.
                    due = renewal([from, until]).max(now.saturating_add((until - from) / 3));
                    tracing::info!(
                        domains = self.names(),
                        expires = rfc3339(until),
                        renewed = rfc3339(due),
                        "got a certificate"
                    );
                }
                Err(error) => {
                    due = now.saturating_add(pause(failures, error.is_refusal()));
                    failures += 1;
                    let serves = if self.tls.is_valid(now) {
                        "the certificate before is in use"
                    } else {
                        "there is no valid certificate for HTTPS"
                    };
                    tracing::warn!(
                        domains = self.names(),
                        again = rfc3339(due),
                        "got no certificate, and {serves}: {error}"
                    );
                }
            }
        }
    }

    async fn wait_until(&self, due: i64) {
        loop {
            let now = self.clock.now_ms();
            if now >= due {
                return;
            }
            let next = now.saturating_add(LOOK_MS);
            self.clock.sleep_until(due.min(next)).await;
        }
    }

    /// Gets one certificate, stores it and serves it. Returns its validity.
    async fn obtain(&self) -> Result<[i64; 2], AcmeError> {
        let issued = order::issue(self).await?;
        let certificate = Certificate::from_pem(issued.chain.as_bytes(), issued.key.as_bytes());
        let certificate = certificate.map_err(AcmeError::Unusable)?;
        if !self.suits(&certificate) {
            return Err(AcmeError::Unusable("it is not for these names".to_owned()));
        }
        let validity = certificate.validity.unwrap_or_default();
        // If it cannot be stored, the next start gets another one.
        if let Err(error) = self.cache.keep_certificate(&issued.key, &issued.chain) {
            tracing::warn!("{error}");
        }
        self.tls.replace(certificate);
        Ok(validity)
    }

    fn names(&self) -> String {
        let names = self.settings.domains.iter().map(config::Domain::as_str);
        names.collect::<Vec<_>>().join(", ")
    }
}

/// The time of a renewal: after two thirds of a certificate's validity.
const fn renewal([from, until]: [i64; 2]) -> i64 {
    until.saturating_sub(until.saturating_sub(from) / 3)
}

/// The pause after a failed attempt, in milliseconds.
fn pause(failures: u32, refused: bool) -> i64 {
    let first = if refused {
        AFTER_REFUSAL_MS
    } else {
        AFTER_NO_ANSWER_MS
    };
    let factor = 1_i64.checked_shl(failures.min(32)).unwrap_or(i64::MAX);
    first.saturating_mul(factor).min(LONGEST_MS)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST_MS, pause, renewal};

    #[test]
    fn pauses_grow_to_a_bound() {
        let pauses = |refused| (0..4).map(move |failures| pause(failures, refused) / 1000);
        assert_eq!(pauses(false).collect::<Vec<_>>(), [15, 30, 60, 120]);
        assert_eq!(pauses(true).collect::<Vec<_>>(), [300, 600, 1200, 2400]);
        assert_eq!(pause(u32::MAX, false), LONGEST_MS);
    }

    #[test]
    fn a_certificate_is_renewed_after_two_thirds_of_its_time() {
        assert_eq!(renewal([0, 90]), 60);
        assert_eq!(renewal([1_000, 1_006]), 1_004);
    }
}
