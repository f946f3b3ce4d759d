//! The part of a process's reach that is its network.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use mortise_runtime::grants::HostPattern;
use serde::{Deserialize, Serialize};

/// The ports of TCP connections.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ports {
    /// These ports.
    These(BTreeSet<u16>),
    /// Any port.
    Any,
}

impl Default for Ports {
    fn default() -> Self {
        Self::These(BTreeSet::new())
    }
}

/// The targets of a process's connections, by its `http` grants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Network {
    /// The ports of all grants.
    pub ports: Ports,
    /// True if a grant is for any host: the process then connects by itself.
    /// Otherwise it connects by the server's proxy, which checks each host.
    pub any_host: bool,
    /// Granted addresses of this machine alone. Programs do not use a proxy for
    /// them, so they have forwards.
    pub loopback: BTreeSet<SocketAddr>,
    /// The same, of grants for any port: each port has its forward when the process
    /// connects to it.
    #[serde(default)]
    pub loopback_any_port: BTreeSet<IpAddr>,
}

/// The usual port of proxies, and the first that is tried.
const PROXY: u16 = 3128;

/// The most forwards that a process has; further loopback addresses are reached by
/// the proxy.
pub(crate) const FORWARDS: usize = 255;

impl Network {
    /// Returns the network of these grants.
    pub fn of<'a>(patterns: impl IntoIterator<Item = &'a HostPattern>) -> Self {
        let mut all = Self::default();
        for pattern in patterns {
            all = all.or(Self {
                ports: match pattern.ports() {
                    Some(ports) => Ports::These(ports.into_iter().collect()),
                    None => Ports::Any,
                },
                any_host: pattern.allows_any_host(),
                loopback: pattern.loopback().into_iter().collect(),
                loopback_any_port: match pattern.ports() {
                    Some(_) => BTreeSet::new(),
                    None => pattern.loopback_hosts().into_iter().collect(),
                },
            });
        }
        all
    }

    /// Returns true if it allows no connection.
    pub fn is_none(&self) -> bool {
        matches!(&self.ports, Ports::These(ports) if ports.is_empty())
    }

    /// Returns true if its connections are to named hosts, through the proxy.
    pub fn is_proxied(&self) -> bool {
        !self.is_none() && !self.any_host
    }

    /// Returns true if this reach allows everything that `other` allows.
    pub fn covers(&self, other: &Self) -> bool {
        let ports = match (&self.ports, &other.ports) {
            (Ports::Any, _) => true,
            (Ports::These(own), Ports::These(others)) => others.is_subset(own),
            (Ports::These(_), Ports::Any) => false,
        };
        let forwards = |address: &SocketAddr| {
            self.loopback.contains(address) || self.loopback_any_port.contains(&address.ip())
        };
        let hosts = self.any_host
            || !other.any_host
                && other.loopback.iter().all(forwards)
                && other.loopback_any_port.is_subset(&self.loopback_any_port);
        ports && (hosts || other.is_none())
    }

    /// Returns the union of two networks.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        self.ports = match (self.ports, other.ports) {
            (Ports::These(mut one), Ports::These(other)) => {
                one.extend(other);
                Ports::These(one)
            }
            _ => Ports::Any,
        };
        self.any_host |= other.any_host;
        self.loopback.extend(other.loopback);
        self.loopback_any_port.extend(other.loopback_any_port);
        self
    }

    /// Returns the proxy's address in the process's own network, where no forward
    /// has it; none if it needs no proxy.
    pub(crate) fn proxy(&self) -> Option<SocketAddr> {
        let mut addresses =
            (PROXY..=u16::MAX).map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let free = addresses.find(|address| !self.loopback.contains(address));
        free.filter(|_| self.is_proxied())
    }

    /// Returns the ports that a process in a network of its own connects to; none for
    /// any port.
    pub(crate) fn own_ports(&self) -> Option<BTreeSet<u16>> {
        let addresses = self.proxy().into_iter().chain(self.loopback.clone());
        let ports = addresses.map(|address| address.port()).collect();
        self.loopback_any_port.is_empty().then_some(ports)
    }
}

/// The variables by which programs find the proxy.
pub(crate) fn variables(proxy: SocketAddr) -> Vec<(&'static str, String)> {
    let url = format!("http://{proxy}");
    let mut variables: Vec<_> = [
        "HTTP_PROXY",
        "http_proxy",
        "HTTPS_PROXY",
        "https_proxy",
        "ALL_PROXY",
        "all_proxy",
    ]
    .map(|name| (name, url.clone()))
    .into();
    variables.extend(["NO_PROXY", "no_proxy"].map(|name| (name, String::new())));
    // Node asks for it.
    variables.push(("NODE_USE_ENV_PROXY", "1".to_owned()));
    variables
}

#[cfg(test)]
mod tests {
    use super::{Network, Ports};

    fn network(http: &[&str]) -> Network {
        let patterns: Vec<_> = http.iter().map(|text| text.parse().unwrap()).collect();
        Network::of(&patterns)
    }

    #[test]
    fn ports_follow_from_host_patterns() {
        assert!(network(&[]).is_none());
        let ports = |http| network(http).ports;
        assert_eq!(
            ports(&["example.org", "https://a.org:8443"]),
            Ports::These([80, 443, 8443].into())
        );
        assert_eq!(ports(&["https://example.org"]), Ports::These([443].into()));
        assert_eq!(ports(&["a.org", "b.org:*"]), Ports::Any);
        let both = network(&["a.org:1"]).or(network(&["b.org:2"]));
        assert_eq!(both.ports, Ports::These([1, 2].into()));
        assert_eq!(both.clone().or(Network::default()), both);
    }

    #[test]
    fn named_hosts_are_reached_through_the_proxy() {
        for (http, proxied) in [
            (&[][..], false),
            (&["a.org"], true),
            (&["*.a.org:*", "127.0.0.1:9"], true),
            (&["a.org", "*"], false),
        ] {
            assert_eq!(network(http).is_proxied(), proxied, "{http:?}");
            assert_eq!(network(http).proxy().is_some(), proxied, "{http:?}");
        }
        let taken = network(&["127.0.0.1:3128"]);
        assert_eq!(taken.proxy().unwrap().to_string(), "127.0.0.1:3129");
        assert_eq!(taken.own_ports(), Some([3128, 3129].into()));
        assert_eq!(network(&["127.0.0.1:*", "a.org:1"]).own_ports(), None);
    }

    #[test]
    fn a_lost_host_is_not_covered() {
        for (now, before, expected) in [
            (&["a.org"][..], &["b.org"][..], true),
            (&["a.org:1"], &["a.org:2"], false),
            (&["*"], &["a.org"], true),
            (&["a.org"], &["*"], false),
            (&["127.0.0.1:1", "a.org:2"], &["127.0.0.1:2"], false),
            (&["127.0.0.1:*"], &["127.0.0.1:2"], true),
            (&["127.0.0.1:*", "a.org:*"], &["[::1]:2"], false),
            (&["127.0.0.1:2", "a.org:*"], &["127.0.0.1:*"], false),
            (&["localhost:*"], &["127.0.0.1:*", "[::1]:3"], true),
            (&["a.org"], &[], true),
            (&[], &["a.org"], false),
        ] {
            let covers = network(now).covers(&network(before));
            assert_eq!(covers, expected, "{now:?} {before:?}");
        }
    }
}
