//! Settings for certificates from a certificate authority that speaks ACME.

use std::{fmt, path::PathBuf, str::FromStr};

use url::{Host, Url};

/// The most names in one certificate.
pub(crate) const NAMES: usize = 100;
/// The longest mail address, in bytes.
const CONTACT_BYTES: usize = 254;
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
            root: None,
            cache: None,
        }
    }
}

impl fmt::Debug for Acme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Acme")
            .field("domains", &self.domains)
            .field("accept_terms", &self.accept_terms)
            .field("contacts", &self.contacts)
            .field("directory", &self.directory.as_str())
            .field("root", &self.root)
            .field("cache", &self.cache)
            .finish()
    }
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
    use super::{Acme, Domain, contact, directory};

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
}
