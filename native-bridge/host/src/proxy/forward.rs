//! A listener in the place of a loopback address: the process reaches the same
//! address of the host's network, if a grant names it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use mortise_runtime::grants::Scheme;
use tokio::net::TcpStream;

use super::{Exit, connect};
use crate::imports::Target;

const LOCALHOST: &str = "localhost";

/// Connects the process to the same address outside.
pub(super) async fn serve(stream: TcpStream, address: SocketAddr, exit: &Exit) {
    let (own, port) = (address.ip(), address.port());
    let by_name = targets(LOCALHOST, port);
    let either = [targets(&own.to_string(), port), by_name.clone()].concat();
    // The denial is counted; the process sees the end of its connection.
    let Ok(allowed) = exit.allow(&either) else {
        return;
    };
    if let Ok(host) = connect(exit, &either, &allowed).await {
        return exit.pipe(stream, host, allowed).await;
    }
    drop(allowed);
    // A service at `localhost` need not have both families.
    let other: IpAddr = match own {
        IpAddr::V4(_) => Ipv6Addr::LOCALHOST.into(),
        IpAddr::V6(_) => Ipv4Addr::LOCALHOST.into(),
    };
    if exit.imports.may_request(&by_name)
        && let Ok(allowed) = exit.allow(&by_name)
    {
        let other = [targets(&other.to_string(), port), by_name].concat();
        if let Ok(host) = connect(exit, &other, &allowed).await {
            exit.pipe(stream, host, allowed).await;
        }
    }
}

/// The scheme is not known of a connection.
fn targets(host: &str, port: u16) -> [Target; 2] {
    [Scheme::Http, Scheme::Https].map(|scheme| Target {
        scheme,
        host: host.to_owned(),
        port,
    })
}
