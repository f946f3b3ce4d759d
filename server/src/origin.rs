//! The origin of a request: its client's address, and the address it used for
//! this server.

use std::net::{IpAddr, SocketAddr};

use axum::{
    extract::ConnectInfo,
    http::{HeaderMap, request::Parts},
};

use crate::Config;

/// Marks a request that came over TLS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Secure;

/// The origin of a request as its sender sees it: from the connection, or from a
/// proxy that the settings trust.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The client's address.
    pub client: IpAddr,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Host and port; empty if the request names none.
    pub host: String,
}

impl Origin {
    /// Returns true if the client came over HTTPS.
    pub fn is_secure(&self) -> bool {
        self.scheme == "https"
    }

    /// Such as `https://push.example.org`; none if the request names no host.
    pub fn base_url(&self) -> Option<String> {
        (!self.host.is_empty()).then(|| format!("{}://{}", self.scheme, self.host))
    }

    /// Returns the origin of a request; none for one without a connection.
    pub(crate) fn of(parts: &Parts, config: &Config) -> Option<Self> {
        let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
        let mut origin = Self::from_headers(&parts.headers, peer.ip(), config);
        if parts.extensions.get::<Secure>().is_some() {
            origin.scheme = "https";
        }
        Some(origin)
    }

    /// Returns the address of a request's client; none for one without a connection.
    pub(crate) fn client_in(parts: &Parts, config: &Config) -> Option<IpAddr> {
        let ConnectInfo(peer) = parts.extensions.get::<ConnectInfo<SocketAddr>>()?;
        Some(Self::client_of(&parts.headers, peer.ip(), config))
    }

    /// Returns the address of the client of a request with these headers from a peer.
    pub(crate) fn client_of(headers: &HeaderMap, peer: IpAddr, config: &Config) -> IpAddr {
        if config.trusts(peer) {
            Self::from_headers(headers, peer, config).client
        } else {
            // Most peers are clients, whose headers say nothing about them.
            peer.to_canonical()
        }
    }

    /// Returns the origin of a request with these headers from a peer.
    fn from_headers(headers: &HeaderMap, peer: IpAddr, config: &Config) -> Self {
        origin(headers, peer, |address| config.trusts(address))
    }
}

fn origin(headers: &HeaderMap, peer: IpAddr, trusts: impl Fn(IpAddr) -> bool) -> Origin {
    let text = |name| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    };
    let mut origin = Origin {
        client: peer.to_canonical(),
        scheme: "http",
        host: text("host").to_owned(),
    };
    if !trusts(peer) {
        return origin;
    }
    // Each proxy appends whom it heard from: the last that is no proxy of ours
    // is the client, and what stands before it is hearsay.
    let hops = elements(headers, "x-forwarded-for");
    let mut steps = 0;
    for hop in hops.iter().rev() {
        let Some(address) = address(hop) else {
            break;
        };
        steps += 1;
        origin.client = address.to_canonical();
        if !trusts(address) {
            break;
        }
    }
    // The proxy that heard from the client is the first of all, unless the client
    // made up others before itself.
    let all = steps == hops.len();
    let of_client = |name| {
        let values = elements(headers, name);
        let place = if all {
            0
        } else {
            values.len().saturating_sub(steps.max(1))
        };
        values.get(place).copied().unwrap_or_default()
    };
    if of_client("x-forwarded-proto").eq_ignore_ascii_case("https") {
        origin.scheme = "https";
    }
    let host = of_client("x-forwarded-host");
    if !host.is_empty() {
        origin.host = host.to_owned();
    }
    origin
}

/// The elements of a list in headers of one name, to which each proxy appends its own.
fn elements<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    headers
        .get_all(name)
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .map(str::trim)
        .filter(|element| !element.is_empty())
        .collect()
}

/// The address in a proxy's element: plain, in quotes, in brackets, or with a port.
fn address(element: &str) -> Option<IpAddr> {
    let element = element.trim_matches('"');
    let plain = element
        .strip_prefix('[')
        .and_then(|element| element.strip_suffix(']'))
        .unwrap_or(element);
    let with_port = || element.parse().map(|socket: SocketAddr| socket.ip());
    plain.parse().or_else(|_| with_port()).ok()
}

/// The part of an address that one person has: of IPv6, a network.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = address.to_bits() >> 64 << 64;
            IpAddr::V6(network.into())
        }
        four => four,
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use axum::http::{HeaderMap, HeaderName, HeaderValue};

    use super::{Origin, origin};

    fn of(peer: &str, headers: &[(&'static str, &'static str)]) -> Origin {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        origin(&map, peer.parse().unwrap(), |address| address == proxy)
    }

    #[test]
    fn only_a_trusted_proxy_speaks_for_others() {
        let headers = [
            ("host", "inner"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "push.example"),
        ];
        let trusted = of("10.0.0.1", &headers);
        assert_eq!(trusted.client.to_string(), "192.0.2.1");
        assert_eq!(trusted.base_url().unwrap(), "https://push.example");
        let other = of("10.0.0.2", &headers);
        assert_eq!(other.client.to_string(), "10.0.0.2");
        assert_eq!(other.base_url().unwrap(), "http://inner");
    }

    #[test]
    fn two_proxies_write_lists() {
        let lists = [
            ("x-forwarded-for", "192.0.2.1, 10.0.0.1"),
            ("x-forwarded-proto", "https,http"),
            ("x-forwarded-host", "push.example, inner"),
        ];
        let origin = of("10.0.0.1", &lists);
        assert_eq!(origin.client.to_string(), "192.0.2.1");
        assert_eq!(origin.base_url().unwrap(), "https://push.example");
        // Lists that are shorter or longer than that of the addresses.
        for hops in ["192.0.2.1", "192.0.2.1, 10.0.0.1, 10.0.0.1"] {
            let lists = [("x-forwarded-for", hops), lists[1], lists[2]];
            let origin = of("10.0.0.1", &lists);
            assert_eq!(origin.base_url().unwrap(), "https://push.example");
        }
        let origin = of("10.0.0.1", &lists[1..]);
        assert_eq!(origin.base_url().unwrap(), "https://push.example");
        let twice = [
            ("x-forwarded-proto", "https"),
            ("x-forwarded-proto", "http"),
        ];
        assert!(of("10.0.0.1", &twice).is_secure());
        // The first elements are the client's own, and the last a proxy's.
        let made_up = [
            ("x-forwarded-for", "10.0.0.1, 192.0.2.1"),
            lists[1],
            ("x-forwarded-host", "evil.example, push.example"),
        ];
        let origin = of("10.0.0.1", &made_up);
        assert_eq!(origin.client.to_string(), "192.0.2.1");
        assert_eq!(origin.base_url().unwrap(), "http://push.example");
    }

    #[test]
    fn proxies_write_ports_and_brackets() {
        for (element, client) in [
            ("192.0.2.1:5678", "192.0.2.1"),
            ("[2001:db8::1]:1", "2001:db8::1"),
            ("\"[2001:db8::1]:47011\"", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("192.0.2.1, 10.0.0.1:443", "192.0.2.1"),
            ("192.0.2.1,", "192.0.2.1"),
        ] {
            let origin = of("10.0.0.1", &[("x-forwarded-for", element)]);
            assert_eq!(origin.client.to_string(), client, "{element}");
        }
        for nonsense in ["192.0.2.1:x", "[192.0.2.1", "unknown", "_hidden"] {
            let origin = of("10.0.0.1", &[("x-forwarded-for", nonsense)]);
            assert_eq!(origin.client.to_string(), "10.0.0.1", "{nonsense}");
        }
    }

    #[test]
    fn a_client_cannot_make_up_who_it_is() {
        let made_up = ("x-forwarded-for", "127.0.0.1, 198.51.100.7, 10.0.0.1");
        assert_eq!(
            of("10.0.0.1", &[made_up]).client.to_string(),
            "198.51.100.7"
        );
        let split = [
            ("x-forwarded-for", "127.0.0.1"),
            ("x-forwarded-for", "198.51.100.7"),
        ];
        assert_eq!(of("10.0.0.1", &split).client.to_string(), "198.51.100.7");
        let nonsense = ("x-forwarded-for", "nobody, 198.51.100.7");
        assert_eq!(
            of("10.0.0.1", &[nonsense]).client.to_string(),
            "198.51.100.7"
        );
        assert_eq!(of("10.0.0.1", &[]).client.to_string(), "10.0.0.1");
        assert_eq!(of("10.0.0.1", &[]).base_url(), None);
    }
}
