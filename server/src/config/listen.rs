//! The addresses that the server listens on.

use std::{fmt, net::SocketAddr, path::PathBuf, str::FromStr};

/// An address to listen on, written as `127.0.0.1:8080`, `unix:/run/mortise.sock`
/// or `systemd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listen {
    /// An address and port of TCP; port 0 picks a free one.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
    /// The sockets that systemd passes on, of either kind.
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

/// The first segments of the server's own addresses. No prefix begins with one of
/// them, for a proxy may take the prefix away, and commands on this machine never
/// send it: the server has to see whether a path still has it.
const OWN: [&str; 28] = [
    "admin",
    "administration",
    "application",
    "applications",
    "auth",
    "client",
    "clients",
    "current",
    "docs",
    "events",
    "gotifyinfo",
    "health",
    "image",
    "message",
    "messages",
    "metrics",
    "openapi.json",
    "page",
    "plugin",
    "plugins",
    "ready",
    "settings",
    "static",
    "stream",
    "swagger",
    "user",
    "users",
    "version",
];

impl PathPrefix {
    /// The path without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns true if the server is at the root of its host.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the path below which a browser sends the server's cookies.
    pub fn cookie_path(&self) -> &str {
        if self.is_empty() { "/" } else { &self.0 }
    }

    /// A path below the prefix, without it; none for a path that is not below it.
    pub fn strip<'a>(&self, path: &'a str) -> Option<&'a str> {
        match path.strip_prefix(self.as_str())? {
            "" if !self.0.is_empty() => Some("/"),
            rest if rest.starts_with('/') || self.0.is_empty() => Some(rest),
            _ => None,
        }
    }

    /// Returns a reference to one of the server's paths with the prefix; none for a
    /// reference that has it, that is relative, or that names a host. A plugin knows
    /// the path of its webhook with the prefix.
    pub(crate) fn add_to(&self, reference: &str) -> Option<String> {
        let path = reference.split(['?', '#']).next().unwrap_or_default();
        let is_path = path.starts_with('/') && !path.starts_with("//");
        (is_path && self.strip(path).is_none()).then(|| format!("{self}{reference}"))
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
        // A browser removes the segments `.` and `..`.
        let dots = prefix
            .split('/')
            .any(|segment| matches!(segment, "." | ".."));
        let wrong = !prefix.starts_with('/') || prefix.contains("//") || dots || !plain;
        if !prefix.is_empty() && wrong {
            return Err(format!(
                "`{text}` is no path prefix: write one as /push, with letters, digits and -._~"
            ));
        }
        let first = prefix.trim_start_matches('/').split('/').next();
        if let Some(own) = first.filter(|first| OWN.contains(first)) {
            return Err(format!(
                "`{text}` is no path prefix: the server has addresses below /{own}; choose \
                 another path, such as /push"
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
        for (reference, expected) in [
            ("/message?a=/b", Some("/push/message?a=/b")),
            ("/pushing", Some("/push/pushing")),
            ("/", Some("/push/")),
            ("/push?a", None),
            ("/push/plugin/1/custom/t/#a", None),
            ("//other.example/", None),
            ("https://other.example/", None),
            ("../", None),
        ] {
            assert_eq!(prefix.add_to(reference).as_deref(), expected, "{reference}");
        }
        assert_eq!(prefix.cookie_path(), "/push");
        let none: PathPrefix = "/".parse().unwrap();
        assert_eq!(none.cookie_path(), "/");
        assert_eq!(none, PathPrefix::default());
        assert_eq!(none.strip("/message"), Some("/message"));
        for wrong in [
            "push",
            "//push",
            "/a b",
            "/a?b",
            "/./push",
            "/push/..",
            "/message",
            "/plugins/x",
        ] {
            assert!(wrong.parse::<PathPrefix>().is_err(), "{wrong}");
        }
    }
}
