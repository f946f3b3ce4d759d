//! Settings for certificates from a certificate authority that speaks ACME.

use std::{fmt, path::PathBuf, str::FromStr};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use url::{Host, Url};

/// The most names in one certificate.
pub(crate) const NAMES: usize = 100;
/// The longest mail address, in bytes.
const CONTACT_BYTES: usize = 254;
/// The longest key id of an external account, in bytes.
const KEY_ID_BYTES: usize = 1024;
/// The directory of Let's Encrypt.
const LETS_ENCRYPT: &str = "https://acme-v02.api.letsencrypt.org/directory";

/// Settings for certificates from an authority. The server gets none without a
/// domain.
#[derive(Clone, clap::Args)]
pub struct Acme {
    /// Host name to get a certificate for, such as `push.example.org`; may be repeated
    /// or separated by commas. The authority must reach this server at its port 443.
    #[arg(
        long = "acme-domain",
        env = "MORTISE_ACME_DOMAINS",
        value_name = "NAME",
        value_delimiter = ',',
        help_heading = "Certificates by ACME"
    )]
    pub domains: Vec<Domain>,

    /// Accept the terms of service of the authority, which certificates require.
    #[arg(
        long = "acme-accept-terms",
        env = "MORTISE_ACME_ACCEPT_TERMS",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new(),
        help_heading = "Certificates by ACME"
    )]
    pub accept_terms: bool,

    /// Mail address for the authority's notices; may be repeated or separated by
    /// commas.
    #[arg(
        long = "acme-contact",
        env = "MORTISE_ACME_CONTACTS",
        value_name = "MAIL",
        value_delimiter = ',',
        value_parser = contact,
        help_heading = "Certificates by ACME"
    )]
    pub contacts: Vec<String>,

    /// Address of the authority's directory.
    #[arg(
        long = "acme-directory",
        env = "MORTISE_ACME_DIRECTORY",
        value_name = "URL",
        default_value = LETS_ENCRYPT,
        value_parser = directory,
        help_heading = "Certificates by ACME"
    )]
    pub directory: Url,

    /// Key id of the account that the authority has for you, if it issues certificates to
    /// its own customers only (external account binding).
    #[arg(
        long = "acme-eab-key-id",
        env = "MORTISE_ACME_EAB_KEY_ID",
        value_name = "ID",
        value_parser = key_id,
        help_heading = "Certificates by ACME"
    )]
    pub eab_key_id: Option<String>,

    /// HMAC key of that account, in base64url. Other users of this machine can read
    /// flags: prefer the variable or the file.
    // Without a parser: the error of one would show the key.
    #[arg(
        long = "acme-eab-hmac-key",
        env = "MORTISE_ACME_EAB_HMAC_KEY",
        hide_env_values = true,
        value_name = "KEY",
        help_heading = "Certificates by ACME"
    )]
    pub eab_hmac_key: Option<String>,

    /// File with the root certificates, in PEM, by which the directory of a private
    /// authority is known [default: the roots that browsers trust].
    #[arg(
        long = "acme-root",
        env = "MORTISE_ACME_ROOT",
        value_name = "FILE",
        help_heading = "Certificates by ACME"
    )]
    pub root: Option<PathBuf>,

    /// Folder of the account and the certificate [default: `acme` in the data
    /// directory].
    #[arg(
        long = "acme-cache",
        env = "MORTISE_ACME_CACHE",
        value_name = "DIR",
        help_heading = "Certificates by ACME"
    )]
    pub cache: Option<PathBuf>,
}

impl Default for Acme {
    fn default() -> Self {
        #[expect(clippy::expect_used, reason = "a constant, which a test reads")]
        let directory = directory(LETS_ENCRYPT).expect("the default is an address");
        Self {
            domains: Vec::new(),
            accept_terms: false,
            contacts: Vec::new(),
            directory,
            eab_key_id: None,
            eab_hmac_key: None,
            root: None,
            cache: None,
        }
    }
}

impl Acme {
    /// The external account; none if the settings name none.
    pub(crate) fn external_account(&self) -> Result<Option<ExternalAccount>, ExternalAccountError> {
        const ID: &str = "acme-eab-key-id";
        const KEY: &str = "acme-eab-hmac-key";
        let half = |has, lacks| Err(ExternalAccountError::Half { has, lacks });
        let (key_id, key) = match (&self.eab_key_id, &self.eab_hmac_key) {
            (Some(key_id), Some(key)) => (key_id, key),
            (None, None) => return Ok(None),
            (Some(_), None) => return half(ID, KEY),
            (None, Some(_)) => return half(KEY, ID),
        };
        // Some authorities show the key with padding.
        let key = BASE64_URL_SAFE_NO_PAD.decode(key.trim().trim_end_matches('='));
        match key {
            Ok(key) if !key.is_empty() => Ok(Some(ExternalAccount {
                key_id: key_id.clone(),
                key,
            })),
            _ => Err(ExternalAccountError::Key),
        }
    }
}

/// Without the HMAC key.
impl fmt::Debug for Acme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Acme")
            .field("domains", &self.domains)
            .field("accept_terms", &self.accept_terms)
            .field("contacts", &self.contacts)
            .field("directory", &self.directory.as_str())
            .field("eab_key_id", &self.eab_key_id)
            .field("root", &self.root)
            .field("cache", &self.cache)
            .finish_non_exhaustive()
    }
}

/// An account that the authority has for the operator, to which the server's account is
/// bound (RFC 8555, section 7.3.4).
pub(crate) struct ExternalAccount {
    pub(crate) key_id: String,
    /// The HMAC key.
    pub(crate) key: Vec<u8>,
}

/// Without the HMAC key.
impl fmt::Debug for ExternalAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ExternalAccount")
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

/// The reason for which the settings of an external account cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExternalAccountError {
    /// One setting without the other.
    #[error(
        "{has} is set and {lacks} is not: an external account needs both, the key id and the HMAC key"
    )]
    Half {
        /// The one that is there.
        has: &'static str,
        /// The other.
        lacks: &'static str,
    },
    /// The HMAC key, which no error shows.
    #[error("acme-eab-hmac-key is no base64url, which has letters, digits, `-` and `_` only")]
    Key,
}

/// A host name that a certificate can be for, in lower case and in ASCII.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Domain(String);

impl Domain {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for Domain {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.contains('*') {
            return Err(format!(
                "`{text}` stands for any name, and a certificate for that needs DNS: write each name, \
                 or name the files of another program with --tls-cert and --tls-key"
            ));
        }
        match Host::parse(text) {
            Ok(Host::Domain(name)) if is_host_name(&name) => Ok(Self(name)),
            _ => Err(format!(
                "`{text}` is no host name: write one as push.example.org"
            )),
        }
    }
}

/// True for labels of letters, digits and hyphens, as certificates have them.
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn contact(text: &str) -> Result<String, String> {
    let mail = text.trim();
    let mail = mail.strip_prefix("mailto:").unwrap_or(mail);
    let visible = mail.bytes().all(|byte| byte.is_ascii_graphic());
    let parts = mail.split_once('@');
    let whole = parts.is_some_and(|(user, host)| !user.is_empty() && is_host_name(host));
    if visible && whole && mail.len() <= CONTACT_BYTES {
        return Ok(mail.to_owned());
    }
    Err(format!(
        "`{text}` is no mail address: write one as admin@example.org"
    ))
}

fn key_id(text: &str) -> Result<String, String> {
    let key_id = text.trim();
    let fits = (1..=KEY_ID_BYTES).contains(&key_id.len());
    if fits && key_id.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(key_id.to_owned());
    }
    Err(format!(
        "it is no key id of 1 to {KEY_ID_BYTES} visible characters"
    ))
}

fn directory(text: &str) -> Result<Url, String> {
    let wrong = || {
        format!("`{text}` is no address of a directory: write one as {LETS_ENCRYPT}, with https")
    };
    let url: Url = text.trim().parse().map_err(|_| wrong())?;
    let plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
    let readable = url.as_str().parse::<http::Uri>().is_ok();
    (url.scheme() == "https" && url.has_host() && plain && readable)
        .then_some(url)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::{Acme, Domain, ExternalAccountError, contact, directory, key_id};

    #[test]
    fn a_domain_is_a_plain_host_name() {
        let name = |text: &str| text.parse::<Domain>().map(|name| name.to_string());
        assert_eq!(name("Push.Example.ORG").unwrap(), "push.example.org");
        assert_eq!(name("bücher.example").unwrap(), "xn--bcher-kva.example");
        assert_eq!(name("localhost").unwrap(), "localhost");
        let long = format!("{}.example", "a".repeat(64));
        for wrong in [
            "",
            "a b",
            "192.0.2.1",
            "[::1]",
            "::1",
            "a..b",
            "-a.example",
            "a_b.example",
            "a/b",
            "https://a.example",
            "a.example:443",
            &long,
        ] {
            let error = name(wrong).unwrap_err();
            assert!(error.contains("no host name"), "{wrong}: {error}");
        }
        assert!(name("*.example.org").unwrap_err().contains("--tls-cert"));
    }

    #[test]
    fn a_contact_is_a_mail_address_and_a_directory_has_https() {
        assert_eq!(contact("mailto:a@b.example").unwrap(), "a@b.example");
        for wrong in ["a", "@b", "a@", "a b@c", "a@b c", "a@b@c", "tel:1"] {
            assert!(
                contact(wrong).unwrap_err().contains("no mail address"),
                "{wrong}"
            );
        }
        for wrong in ["a", "http://a.example/dir", "https://u:p@a", "https://a#b"] {
            assert!(
                directory(wrong).unwrap_err().contains("no address"),
                "{wrong}"
            );
        }
        assert_eq!(Acme::default().directory.path(), "/directory");
    }

    #[test]
    fn an_external_account_has_a_key_id_and_a_key_in_base64url() {
        let of = |id: Option<&str>, key: Option<&str>| {
            let acme = Acme {
                eab_key_id: id.map(str::to_owned),
                eab_hmac_key: key.map(str::to_owned),
                ..Acme::default()
            };
            let found = acme.external_account();
            assert!(!format!("{acme:?}{found:?}").contains("c2VjcmV0"));
            found.map(|account| account.map(|account| account.key))
        };
        assert_eq!(of(None, None), Ok(None));
        for key in ["c2VjcmV0_w", "c2VjcmV0_w==", " c2VjcmV0_w\n"] {
            let account = of(Some("kid"), Some(key));
            assert_eq!(account, Ok(Some(b"secret\xff".to_vec())), "{key}");
        }
        for wrong in ["", "=", "c2VjcmV0/w", "c2VjcmV0_", "a key"] {
            let account = of(Some("kid"), Some(wrong));
            assert_eq!(account, Err(ExternalAccountError::Key), "{wrong}");
        }
        for (id, key, says) in [
            (Some("kid"), None, "acme-eab-hmac-key is not"),
            (None, Some("c2VjcmV0_w"), "acme-eab-key-id is not"),
        ] {
            let error = of(id, key).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert_eq!(key_id(" kid-1 ").unwrap(), "kid-1");
        for wrong in ["", "a b", "k\u{fc}", &"k".repeat(1025)] {
            assert!(key_id(wrong).unwrap_err().contains("no key id"), "{wrong}");
        }
    }
}
