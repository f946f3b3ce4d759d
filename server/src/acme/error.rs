//! The reasons for which there is no certificate.

use std::{io, path::PathBuf, time::Duration};

use instant_acme::{Error, Problem};

use crate::config::ExternalAccount;

/// The most characters of an authority's words in an error.
const SHOWN: usize = 500;
/// The beginning of the kinds of an authority's errors (RFC 8555).
const KINDS: &str = "urn:ietf:params:acme:error:";

/// The reason for which there is no certificate.
#[derive(Debug, thiserror::Error)]
pub(super) enum AcmeError {
    /// The directory, or the way to it.
    #[error(
        "the ACME directory {directory} cannot be used: {cause}; check acme-directory, acme-root and \
         this server's network"
    )]
    Directory { directory: String, cause: String },
    /// The authority's refusal.
    #[error("{authority} refused {action}: {said}")]
    Refused {
        authority: String,
        action: &'static str,
        said: String,
    },
    /// An account that takes an external one.
    #[error(
        "{authority} accepts only its own customers: set acme-eab-key-id and \
         acme-eab-hmac-key to the key id and the HMAC key that it shows them"
    )]
    NoExternalAccount { authority: String },
    /// The refusal of an external account.
    #[error(
        "{authority} refused the external account {key_id}: {said}; check acme-eab-key-id and \
         acme-eab-hmac-key, and get new ones if the authority accepts them only once"
    )]
    ExternalAccount {
        authority: String,
        key_id: String,
        said: String,
    },
    /// No answer to a request, or one that cannot be understood.
    #[error("{authority} did not answer {action} as expected: {cause}")]
    Answer {
        authority: String,
        action: &'static str,
        cause: String,
    },
    /// A name that was not verified.
    #[error(
        "{authority} could not verify {domain}: {said}; port 443 of {domain} must reach this server, \
         without a proxy that ends TLS itself"
    )]
    Unverified {
        authority: String,
        domain: String,
        said: String,
    },
    /// A way of verifying that this server does not have.
    #[error(
        "{authority} does not verify {domain} by TLS-ALPN-01; get its certificate with another \
         program, and set tls-cert and tls-key"
    )]
    NoWay { authority: String, domain: String },
    /// The proof of a name, or the request for the certificate.
    #[error("cannot make a key or a certificate: {0}")]
    Make(String),
    /// The certificate that the authority issued.
    #[error("the certificate that the authority issued cannot be used: {0}")]
    Unusable(String),
    /// A file.
    #[error("cannot write {}: {source}; the server's user must be able to", path.display())]
    File { path: PathBuf, source: io::Error },
    /// Time.
    #[error("the authority issued no certificate within {} minutes", .0.as_secs() / 60)]
    Patience(Duration),
}

impl AcmeError {
    /// An error of a request to the authority.
    pub(super) fn of(authority: &str, action: &'static str, error: Error) -> Self {
        let authority = authority.to_owned();
        match error {
            Error::Api(problem) => Self::Refused {
                authority,
                action,
                said: said(&problem),
            },
            other => Self::Answer {
                authority,
                action,
                cause: shown(&other.to_string()),
            },
        }
    }

    /// The refusal of an account, which may be bound to an external one.
    pub(super) fn of_account(
        authority: &str,
        external: Option<&ExternalAccount>,
        problem: Problem,
    ) -> Self {
        let kind = problem.r#type.as_deref().unwrap_or_default();
        let kind = kind.strip_prefix(KINDS).unwrap_or(kind);
        match (external, kind) {
            (None, "externalAccountRequired") => Self::NoExternalAccount {
                authority: authority.to_owned(),
            },
            // Authorities use both kinds for a key id that they do not know, and for a
            // wrong key.
            (Some(external), "unauthorized" | "malformed") => Self::ExternalAccount {
                authority: authority.to_owned(),
                key_id: external.key_id.clone(),
                said: said(&problem),
            },
            _ => Self::of(authority, "an account", Error::Api(problem)),
        }
    }

    /// True if the authority answered, and would count more attempts.
    pub(super) const fn is_refusal(&self) -> bool {
        !matches!(self, Self::Directory { .. } | Self::Answer { .. })
    }
}

/// An authority's problem, in its words.
pub(super) fn said(problem: &Problem) -> String {
    let text = problem.to_string();
    shown(text.strip_prefix("API error: ").unwrap_or(&text))
}

fn shown(text: &str) -> String {
    let visible = text.chars().filter(|character| !character.is_control());
    visible.take(SHOWN).collect::<String>().trim().to_owned()
}
