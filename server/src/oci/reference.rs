//! The address of a version in a registry.

use std::{fmt, net::IpAddr, str::FromStr};

use mortise_runtime::Digest;
use url::Url;

/// The address of a version in a registry: `oci://host[:port]/name[:tag][@digest]`.
///
/// The connection is encrypted, except with a registry on this machine's
/// loopback, or where `oci+http://` asks for plain HTTP. `oci+https://` asks for
/// encryption on loopback too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    scheme: Scheme,
    name: oci_spec::distribution::Reference,
    /// True if the text had a tag.
    is_tagged: bool,
    digest: Option<Digest>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Oci,
    Http,
    Https,
}

const SCHEMES: [(&str, Scheme); 3] = [
    ("oci://", Scheme::Oci),
    ("oci+http://", Scheme::Http),
    ("oci+https://", Scheme::Https),
];

/// Text that is not a reference.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not an address in a registry: {why}; write oci://HOST/NAME:TAG")]
pub struct ParseReferenceError {
    text: Box<str>,
    why: Box<str>,
}

impl Reference {
    /// Returns true if the text has the form of a reference, right or wrong.
    pub fn is_meant(text: &str) -> bool {
        SCHEMES.iter().any(|(scheme, _)| text.starts_with(scheme))
    }

    /// Returns the host, with the port if there is one, as Docker's file names it.
    pub fn host(&self) -> &str {
        self.name.registry()
    }

    /// Returns the registry's address.
    pub(super) fn registry(&self) -> Option<Url> {
        let host = match self.name.registry() {
            "docker.io" => "registry-1.docker.io",
            host => host,
        };
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Oci if is_loopback(host) => "http",
            Scheme::Oci | Scheme::Https => "https",
        };
        format!("{scheme}://{host}").parse().ok()
    }

    /// Returns the name within the registry.
    pub fn repository(&self) -> &str {
        self.name.repository()
    }

    /// Returns the tag, if the text had one.
    pub fn tag(&self) -> Option<&str> {
        self.name.tag().filter(|_| self.is_tagged)
    }

    /// Returns the digest, if the text had one.
    pub const fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// Returns the same repository with another tag, and without a digest.
    #[must_use]
    pub fn with_tag(&self, tag: &str) -> Self {
        let (host, name) = (self.name.registry(), self.name.repository());
        Self {
            scheme: self.scheme,
            name: oci_spec::distribution::Reference::with_tag(
                host.to_owned(),
                name.to_owned(),
                tag.to_owned(),
            ),
            is_tagged: true,
            digest: None,
        }
    }

    /// Returns the last part of a manifest's path: the digest, or the tag.
    pub(super) fn version(&self) -> String {
        match (self.digest, self.tag()) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.to_owned(),
            (None, None) => "latest".to_owned(),
        }
    }
}

impl FromStr for Reference {
    type Err = ParseReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: &str| ParseReferenceError {
            text: text.into(),
            why: why.into(),
        };
        let (name, scheme) = SCHEMES
            .iter()
            .find_map(|(prefix, scheme)| Some((text.strip_prefix(prefix)?, *scheme)))
            .ok_or_else(|| wrong("it does not begin with oci://"))?;
        let (host, path) = name.split_once('/').unwrap_or(("", name));
        if let Some((_, host)) = host.rsplit_once('@') {
            // It may be a password, which no error repeats.
            return Err(ParseReferenceError {
                text: format!("oci://...@{host}/{path}").into(),
                why: "a name or password in it is not used; run docker login".into(),
            });
        }
        // A name without a host would mean Docker Hub.
        if !(host.contains(['.', ':']) || host == "localhost") {
            return Err(wrong("it has no host"));
        }
        let name_alone = path.split([':', '@']).next().unwrap_or(path);
        if name_alone.chars().any(|c| c.is_ascii_uppercase()) {
            return Err(wrong("a name in a registry is in lower case"));
        }
        let parsed: oci_spec::distribution::Reference = name
            .parse()
            .map_err(|error: oci_spec::distribution::ParseError| wrong(&error.to_string()))?;
        let digest = parsed
            .digest()
            .map(|digest| digest.parse::<Digest>())
            .transpose()
            .map_err(|error| wrong(&error.to_string()))?;
        let path = path.split_once('@').map_or(path, |(path, _)| path);
        let reference = Self {
            scheme,
            is_tagged: path.contains(':'),
            digest,
            name: parsed,
        };
        if reference.registry().is_none() {
            return Err(wrong("its host is none"));
        }
        Ok(reference)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = SCHEMES.iter().find(|(_, scheme)| *scheme == self.scheme);
        let scheme = scheme.map_or("oci://", |(text, _)| text);
        let (host, name) = (self.name.registry(), self.name.repository());
        write!(formatter, "{scheme}{host}/{name}")?;
        if let Some(tag) = self.tag() {
            write!(formatter, ":{tag}")?;
        }
        match self.digest {
            Some(digest) => write!(formatter, "@{digest}"),
            None => Ok(()),
        }
    }
}

/// Returns true if a host, with or without a port, is this machine's loopback.
fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost"
        || name
            .parse()
            .is_ok_and(|address: IpAddr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::Reference;

    #[test]
    fn a_reference_is_printed_as_it_was_written() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (text, registry, version) in [
            ("oci://ghcr.io/example/rules", "https://ghcr.io/", "latest"),
            (
                "oci://ghcr.io/example/rules:1.2.0",
                "https://ghcr.io/",
                "1.2.0",
            ),
            (
                "oci://localhost:5000/rules:1",
                "http://localhost:5000/",
                "1",
            ),
            (
                "oci://127.0.0.1:5000/a/b/c",
                "http://127.0.0.1:5000/",
                "latest",
            ),
            (
                "oci+https://127.0.0.1:5000/a",
                "https://127.0.0.1:5000/",
                "latest",
            ),
            (
                "oci+http://lan.example:5000/a",
                "http://lan.example:5000/",
                "latest",
            ),
            (
                "oci://docker.io/example/rules:1",
                "https://registry-1.docker.io/",
                "1",
            ),
            (
                &format!("oci://r.example/a@{digest}"),
                "https://r.example/",
                &*digest,
            ),
            (
                &format!("oci://r.example/a:1@{digest}"),
                "https://r.example/",
                &*digest,
            ),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), text);
            assert_eq!(reference.registry().unwrap().as_str(), registry);
            assert_eq!(reference.version(), version);
        }
    }

    #[test]
    fn text_that_is_no_reference_says_why() {
        for (text, why) in [
            ("oci://rules:1", "has no host"),
            ("oci://example/rules", "has no host"),
            ("oci://ghcr.io/", "invalid reference format"),
            ("oci://ghcr.io/Upper/Case", "in lower case"),
            ("oci://ghcr.io/a:b c", "invalid reference format"),
            ("oci://ghcr.io/a@sha256:12", "invalid reference format"),
            ("oci://ghcr.io/../etc:1", "invalid reference format"),
            ("https://ghcr.io/a", "does not begin with oci://"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
            assert!(
                error.contains(text) && error.contains("HOST/NAME:TAG"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_password_in_a_reference_is_not_repeated() {
        let error = "oci://ada:secret@ghcr.io/a:1".parse::<Reference>();
        let error = error.unwrap_err().to_string();
        assert!(error.contains("docker login"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
