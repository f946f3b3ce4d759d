//! Which hosts a plugin may call: one pattern of the allow-list.
//!
//! | pattern | allows |
//! | --- | --- |
//! | `example.org` | that host, http on port 80 and https on port 443 |
//! | `example.org:8080` | that host and port, http and https |
//! | `example.org:*` | that host, any port |
//! | `https://example.org` | that host, https on port 443 only |
//! | `*.example.org` | any name below it, however deep, but not itself |
//! | `*` | any host |
//! | `[::1]:8080`, `127.0.0.1:8080` | an address, however it is written; it is not looked up as a name |
//!
//! A request names its host as the guest wrote it, and every redirect is a
//! request of its own. Names compare without regard to case or a final dot.
//! An empty list allows nothing.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use serde::{Deserialize, Serialize};

/// A URL scheme that plugins may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scheme {
    /// Plain.
    Http,
    /// Over TLS.
    Https,
}

impl Scheme {
    /// The port of an address that names none.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Name {
    Any,
    Below(String),
    Exactly(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Port {
    /// The scheme's own.
    Default,
    Exactly(u16),
    Any,
}

/// One entry of the allow-list for outbound HTTP; the module explains its form.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HostPattern {
    scheme: Option<Scheme>,
    name: Name,
    port: Port,
}

impl HostPattern {
    /// Returns true if it allows a request to this host. Without a port, the
    /// scheme's port counts.
    pub fn matches(&self, scheme: Scheme, host: &str, port: Option<u16>) -> bool {
        let host = normal(host);
        let port = port.unwrap_or(scheme.default_port());
        self.scheme.is_none_or(|own| own == scheme)
            && match self.port {
                Port::Default => port == scheme.default_port(),
                Port::Exactly(own) => own == port,
                Port::Any => true,
            }
            && match &self.name {
                Name::Any => true,
                Name::Exactly(own) => *own == host,
                Name::Below(domain) => is_below(&host, domain),
            }
    }

    /// The ports it allows; none where it allows every port.
    pub fn ports(&self) -> Option<Vec<u16>> {
        match self.port {
            Port::Any => None,
            Port::Exactly(port) => Some(vec![port]),
            Port::Default => Some(match self.scheme {
                Some(scheme) => vec![scheme.default_port()],
                None => vec![Scheme::Http.default_port(), Scheme::Https.default_port()],
            }),
        }
    }

    /// Returns true if it names no host, and so allows every one.
    pub fn allows_any_host(&self) -> bool {
        self.name == Name::Any
    }

    /// Returns the addresses of this machine alone that it names with a port: each
    /// loopback address, or those of `localhost`.
    pub fn loopback(&self) -> Vec<SocketAddr> {
        let ports = self.ports().unwrap_or_default();
        let each = self.loopback_hosts().into_iter().flat_map(|address| {
            let at = move |port: &u16| SocketAddr::new(address, *port);
            ports.iter().map(at).collect::<Vec<_>>()
        });
        each.collect()
    }

    /// Returns the addresses of this machine alone that it names, whatever their port.
    pub fn loopback_hosts(&self) -> Vec<IpAddr> {
        let Name::Exactly(name) = &self.name else {
            return Vec::new();
        };
        match name.parse::<IpAddr>() {
            Ok(address) if address.is_loopback() => vec![address],
            Ok(_) => Vec::new(),
            Err(_) if name == "localhost" => {
                vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
            }
            Err(_) => Vec::new(),
        }
    }

    /// Returns true if this pattern allows everything that `other` allows.
    pub fn covers(&self, other: &Self) -> bool {
        let name = match (&self.name, &other.name) {
            (Name::Any, _) => true,
            (own, other) if own == other => true,
            (Name::Below(domain), Name::Exactly(name) | Name::Below(name)) => {
                is_below(name, domain)
            }
            _ => false,
        };
        let scheme = self.scheme.is_none_or(|own| other.scheme == Some(own));
        let port = match (self.port, other.port) {
            (Port::Any, _) => true,
            (own, other) if own == other => true,
            // A default port is a plain number once the scheme is known.
            (Port::Default, Port::Exactly(port)) => other
                .scheme
                .is_some_and(|scheme| scheme.default_port() == port),
            (Port::Exactly(port), Port::Default) => other
                .scheme
                .is_some_and(|scheme| scheme.default_port() == port),
            _ => false,
        };
        name && scheme && port
    }
}

fn is_below(name: &str, domain: &str) -> bool {
    name.strip_suffix(domain)
        .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
}

/// The one form in which hosts are compared: lower case, without a final dot or
/// an address's brackets; an IPv6 address as RFC 5952 writes it.
fn normal(host: &str) -> String {
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if let Ok(address) = host.parse::<Ipv6Addr>() {
        return address.to_string();
    }
    host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase()
}

/// Text that is no host pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a host pattern: {why}; write `host`, `host:port`, `*.domain` or `*`, with `http://` or `https://` before it to allow only that"
)]
pub struct ParseHostPatternError {
    text: String,
    why: &'static str,
}

impl FromStr for HostPattern {
    type Err = ParseHostPatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = |why| ParseHostPatternError {
            text: text.to_owned(),
            why,
        };
        let (scheme, rest) = match text.split_once("://") {
            None => (None, text),
            Some(("http", rest)) => (Some(Scheme::Http), rest),
            Some(("https", rest)) => (Some(Scheme::Https), rest),
            Some(_) => return Err(fail("the scheme is neither http nor https")),
        };
        let (host, port) = if let Some(rest) = rest.strip_prefix('[') {
            let (address, port) = rest.split_once(']').ok_or_else(|| fail("`]` is missing"))?;
            if address.parse::<Ipv6Addr>().is_err() {
                return Err(fail("the text in brackets is not an IPv6 address"));
            }
            match port {
                "" => (address, None),
                port => {
                    let port = port
                        .strip_prefix(':')
                        .ok_or_else(|| fail("`:` is missing"))?;
                    (address, Some(port))
                }
            }
        } else {
            match rest.split_once(':') {
                None => (rest, None),
                Some((host, port)) => (host, Some(port)),
            }
        };
        let port = match port {
            None => Port::Default,
            Some("*") => Port::Any,
            Some(number) => Port::Exactly(
                number
                    .parse()
                    .ok()
                    .filter(|port| *port != 0)
                    .ok_or_else(|| fail("the port is not 1 to 65535 or `*`"))?,
            ),
        };
        let host = normal(host);
        let name = match host.strip_prefix("*.") {
            _ if host == "*" => Name::Any,
            Some(domain) => Name::Below(domain.to_owned()),
            None => Name::Exactly(host),
        };
        match &name {
            Name::Below(name) | Name::Exactly(name) if name.is_empty() => {
                Err(fail("the host is empty"))
            }
            Name::Below(name) | Name::Exactly(name)
                if !name
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c)) =>
            {
                Err(fail("the host has a character that host names do not have"))
            }
            _ => Ok(Self { scheme, name, port }),
        }
    }
}

impl TryFrom<String> for HostPattern {
    type Error = ParseHostPatternError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HostPattern> for String {
    fn from(pattern: HostPattern) -> Self {
        pattern.to_string()
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(scheme) = self.scheme {
            write!(formatter, "{scheme}://")?;
        }
        match &self.name {
            Name::Any => formatter.write_str("*")?,
            Name::Below(domain) => write!(formatter, "*.{domain}")?,
            Name::Exactly(name) if name.contains(':') => write!(formatter, "[{name}]")?,
            Name::Exactly(name) => formatter.write_str(name)?,
        }
        match self.port {
            Port::Default => Ok(()),
            Port::Exactly(port) => write!(formatter, ":{port}"),
            Port::Any => formatter.write_str(":*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::{HostPattern, Scheme::Http, Scheme::Https};

    fn pattern(text: &str) -> HostPattern {
        text.parse().unwrap()
    }

    #[test]
    fn loopback_addresses_are_those_with_a_name_and_a_port() {
        for (text, expected) in [
            ("127.0.0.1:8080", &["127.0.0.1:8080"][..]),
            ("http://127.0.0.1", &["127.0.0.1:80"]),
            ("[::1]:9", &["[::1]:9"]),
            ("localhost:9", &["127.0.0.1:9", "[::1]:9"]),
            ("127.0.0.1:*", &[]),
            ("192.0.2.1:80", &[]),
            ("*:80", &[]),
            ("*.localhost:80", &[]),
        ] {
            let found: Vec<_> = pattern(text).loopback();
            let found: Vec<_> = found.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{text}");
        }
        let hosts = |text: &str| pattern(text).loopback_hosts();
        assert_eq!(
            hosts("127.0.0.2:*"),
            ["127.0.0.2".parse::<IpAddr>().unwrap()]
        );
        assert_eq!(hosts("localhost:*").len(), 2);
        assert!(hosts("*:*").is_empty() && hosts("192.0.2.1:*").is_empty());
        assert!(pattern("*:80").allows_any_host());
        assert!(!pattern("*.example.org").allows_any_host());
    }

    #[test]
    fn matches_as_the_table_says() {
        for (text, scheme, host, port, expected) in [
            ("example.org", Http, "example.org", None, true),
            ("example.org", Https, "EXAMPLE.org.", Some(443), true),
            ("example.org", Https, "example.org", Some(8443), false),
            ("example.org", Http, "evil-example.org", None, false),
            ("example.org", Http, "example.org.evil.net", None, false),
            ("example.org:8080", Http, "example.org", Some(8080), true),
            ("example.org:8080", Http, "example.org", None, false),
            ("example.org:*", Http, "example.org", Some(1), true),
            ("https://example.org", Https, "example.org", None, true),
            ("https://example.org", Http, "example.org", None, false),
            ("*.example.org", Https, "a.b.example.org", None, true),
            ("*.example.org", Https, "example.org", None, false),
            ("*.example.org", Https, ".example.org", None, false),
            ("*.example.org", Https, "aexample.org", None, false),
            ("*", Http, "anything", None, true),
            ("*", Http, "anything", Some(81), false),
            ("[::1]:8080", Http, "[::1]", Some(8080), true),
            ("[::1]", Http, "[0:0:0:0:0:0:0:1]", None, true),
            ("[0::0001]:80", Http, "::1", None, true),
            ("[2001:DB8::A]", Https, "[2001:db8:0::0:a]", None, true),
            ("[::1]", Http, "[::2]", None, false),
            ("127.0.0.1:8080", Http, "localhost", Some(8080), false),
        ] {
            assert_eq!(
                pattern(text).matches(scheme, host, port),
                expected,
                "{text} {host}"
            );
        }
    }

    #[test]
    fn covers_only_what_is_no_wider() {
        for (granted, asked, expected) in [
            ("*:*", "https://a.example.org:99", true),
            ("*.example.org", "a.example.org", true),
            ("*.example.org", "*.a.example.org", true),
            ("*.example.org", "example.org", false),
            ("a.example.org", "*.example.org", false),
            ("https://a", "a", false),
            ("a", "https://a", true),
            ("a", "https://a:443", true),
            ("a", "a:443", false),
            ("a:443", "https://a", true),
            ("a:443", "a:*", false),
            ("[0:0:0:0:0:0:0:1]", "[::1]", true),
            ("[::1]", "[0:0::0:1]", true),
        ] {
            assert_eq!(
                pattern(granted).covers(&pattern(asked)),
                expected,
                "{granted} {asked}"
            );
        }
    }

    #[test]
    fn prints_what_it_parsed() {
        for text in [
            "*",
            "*:*",
            "http://*.a.org:81",
            "[::1]:9",
            "https://a-b.c",
            "127.0.0.1:1",
        ] {
            assert_eq!(pattern(text).to_string(), text);
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, why) in [
            ("", "the host is empty"),
            ("ftp://a", "the scheme is neither http nor https"),
            ("a:0", "the port is not 1 to 65535 or `*`"),
            ("a:b", "the port is not 1 to 65535 or `*`"),
            (
                "a/b",
                "the host has a character that host names do not have",
            ),
            (
                "a@b",
                "the host has a character that host names do not have",
            ),
            (
                "a.*",
                "the host has a character that host names do not have",
            ),
            ("[x]", "the text in brackets is not an IPv6 address"),
        ] {
            let error = text.parse::<HostPattern>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
    }
}
