//! The addresses to which a host's name leads. Whoever answers for a granted name
//! chooses them, and could so reach services of this machine without a grant.

use std::net::IpAddr;

use super::Guard;
use crate::{
    contract::types::{Error, Permission},
    grants::Scheme,
};

const LOCALHOST: &str = "localhost";

impl Guard {
    /// Returns true if a request to a host may connect to an address of it. An address
    /// of this machine alone, or of its link, is granted by itself, or as
    /// `localhost`; a name that leads there is not enough. Counts nothing.
    pub fn may_reach(&self, scheme: Scheme, host: &str, port: u16, address: IpAddr) -> bool {
        if !is_apart(host, address) {
            return true;
        }
        let may = |host: &str| self.may_request(scheme, host, Some(port));
        may(&address.to_canonical().to_string()) || address.is_loopback() && may(LOCALHOST)
    }

    /// Counts that a host's name leads to an address that is not granted, and returns
    /// the error for the plugin.
    pub fn deny_address(&self, scheme: Scheme, host: &str, port: u16, address: IpAddr) -> Error {
        let address = match address.to_canonical() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        let target = format!("{scheme}://{address}:{port}");
        let what = format!(
            "a request to {scheme}://{host}:{port}, whose name leads to {address}, an address of \
             this machine or its link,"
        );
        Error::Denied(self.deny(&Permission::Http(vec![target]), &what))
    }
}

/// Returns true if a name leads to an address that it does not stand for.
fn is_apart(host: &str, address: IpAddr) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if host.parse::<IpAddr>().is_ok() {
        return false;
    }
    let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    let address = address.to_canonical();
    if address.is_loopback() && (host == LOCALHOST || host.ends_with(".localhost")) {
        return false;
    }
    let is_of_link = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    address.is_loopback() || address.is_unspecified() || is_of_link
}

#[cfg(test)]
mod tests {
    use super::is_apart;

    #[test]
    fn a_name_does_not_stand_for_this_machine() {
        for (host, address, expected) in [
            ("example.org", "192.0.2.1", false),
            ("nas.lan", "192.168.1.2", false),
            ("example.org", "127.0.0.1", true),
            ("example.org", "127.8.9.1", true),
            ("example.org", "::1", true),
            ("example.org", "::ffff:127.0.0.1", true),
            ("example.org", "0.0.0.0", true),
            ("example.org", "::", true),
            ("example.org", "169.254.169.254", true),
            ("example.org", "fe80::1", true),
            // The resolver reads it as an address, and the grant does not.
            ("127.1", "127.0.0.1", true),
            ("localhost.example.org", "127.0.0.1", true),
            ("localhost", "127.0.0.1", false),
            ("LOCALHOST.", "::1", false),
            ("a.localhost", "127.0.0.1", false),
            ("localhost", "169.254.169.254", true),
            ("127.0.0.1", "127.0.0.1", false),
            ("[::1]", "::1", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(is_apart(host, address), expected, "{host} {address}");
        }
    }
}
