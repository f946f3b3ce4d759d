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

    /// Returns the origin of a request with these headers from a peer.
    pub(crate) fn from_headers(headers: &HeaderMap, peer: IpAddr, config: &Config) -> Self {
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
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .flat_map(|value| value.to_str().unwrap_or_default().split(','))
        .collect();
    for hop in hops.into_iter().rev() {
        let Ok(address) = hop.trim().parse::<IpAddr>() else {
            break;
        };
        origin.client = address.to_canonical();
        if !trusts(address) {
            break;
        }
    }
    if text("x-forwarded-proto").eq_ignore_ascii_case("https") {
        origin.scheme = "https";
    }
    let host = text("x-forwarded-host");
    if !host.is_empty() {
        origin.host = host.to_owned();
    }
    origin
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
