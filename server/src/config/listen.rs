//! The address that the server listens on.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// An address to listen on, written as `127.0.0.1:8080`, `unix:/run/mortise.sock`
/// or `systemd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address and port of TCP; port 0 picks a free one.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
    /// The socket that systemd passes on, of either kind.
    Systemd,
}

impl From<SocketAddr> for Listen {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(formatter),
            Self::Unix(path) => write!(formatter, "unix:{}", path.display()),
            Self::Systemd => formatter.write_str("systemd"),
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is no address: write one as 127.0.0.1:8080, [::]:80, \
                 unix:/run/mortise.sock or systemd"
            )
        };
        match text.strip_prefix("unix:") {
            Some("") => Err(wrong()),
            Some(path) => Ok(Self::Unix(path.into())),
            None if text == "systemd" => Ok(Self::Systemd),
            None => text.parse().map(Self::Tcp).map_err(|_| wrong()),
        }
    }
}

/// The path below which the server is, such as `/push`; empty for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathPrefix(String);

impl PathPrefix {
    /// The path without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A path below the prefix, without it; none for a path that is not below it.
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        match path.strip_prefix(self.as_str())? {
            "" if !self.0.is_empty() => Some("/"),
            rest if rest.starts_with('/') || self.0.is_empty() => Some(rest),
            _ => None,
        }
    }
}

impl fmt::Display for PathPrefix {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for PathPrefix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let prefix = text.trim_end_matches('/');
        let plain = prefix
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte));
        if !prefix.is_empty() && (!prefix.starts_with('/') || prefix.contains("//") || !plain) {
            return Err(format!(
                "`{text}` is no path prefix: write one as /push, with letters, digits and -._~"
            ));
        }
        Ok(Self(prefix.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::{Listen, PathPrefix};

    #[test]
    fn addresses_are_read_and_shown() {
        for text in ["127.0.0.1:8080", "[::]:80", "unix:/run/m.sock", "systemd"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for wrong in ["", "unix:", "localhost:80", "127.0.0.1", "Systemd"] {
            let error = wrong.parse::<Listen>().unwrap_err();
            assert!(error.contains("is no address"), "{error}");
        }
    }

    #[test]
    fn a_prefix_is_taken_away() {
        let prefix: PathPrefix = "/push/".parse().unwrap();
        assert_eq!(prefix.as_str(), "/push");
        assert_eq!(prefix.strip("/push"), Some("/"));
        assert_eq!(prefix.strip("/push/message"), Some("/message"));
        assert_eq!(prefix.strip("/pushing"), None);
        assert_eq!(prefix.strip("/message"), None);
        let none: PathPrefix = "/".parse().unwrap();
        assert_eq!(none, PathPrefix::default());
        assert_eq!(none.strip("/message"), Some("/message"));
        for wrong in ["push", "//push", "/a b", "/a?b"] {
            assert!(wrong.parse::<PathPrefix>().is_err(), "{wrong}");
        }
    }
}
