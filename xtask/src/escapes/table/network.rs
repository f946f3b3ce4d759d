//! Connections, and sockets of all kinds.

use super::super::deed::{
    Deed,
    Value::{Number, Text},
};

const SOCKET: i64 = libc::SYS_socket;
const PROXY: &str = "the server's check of grants";
const NO_PROXY: &str = "there is no proxy";

pub(super) const DEEDS: &[Deed] = &[
    Deed::new("connect", "stream", &[Text("0"), Text("{granted}")]).granted_by("http"),
    Deed::new(
        "connect to another port",
        "stream",
        &[Text("0"), Text("{other}")],
    ),
    Deed::new(
        "connect to the server",
        "stream",
        &[Text("0"), Text("{server-address}")],
    ),
    Deed::new(
        "connect by MPTCP",
        "stream",
        &[Text("262"), Text("{granted}")],
    ),
    Deed::new(
        "connect to another port by MPTCP",
        "stream",
        &[Text("262"), Text("{other}")],
    ),
    Deed::new(
        "connect by SCTP",
        "stream",
        &[Text("132"), Text("{granted}")],
    ),
    Deed::new("connect with data", "fast-open", &[Text("{granted}")]),
    Deed::new(
        "connect to another port with data",
        "fast-open",
        &[Text("{other}")],
    ),
    Deed::new("connect to a Unix socket", "unix", &[Text("{unix}")]),
    Deed::new(
        "connect to an abstract socket",
        "unix",
        &[Text("{abstract}")],
    ),
    Deed::new("send a datagram", "udp", &[Text("{udp}")]),
    Deed::new("fetch", "fetch", &[Text("http://{granted}/")]).granted_by("http"),
    Deed::new(
        "fetch from a named host",
        "fetch",
        &[Text("http://{named}/")],
    )
    .granted_by("http"),
    Deed::new(
        "fetch from another port",
        "fetch",
        &[Text("http://{other}/")],
    ),
    Deed::new(
        "be sent to another port by a redirect",
        "fetch",
        &[Text("http://{redirecting}/")],
    ),
    Deed::new("connect through the proxy", "tunnel", &[Text("{named}")])
        .granted_by("http")
        .by(PROXY)
        .fails_anyway(NO_PROXY),
    Deed::new(
        "connect through the proxy to a named host's address",
        "tunnel",
        &[Text("{named-address}")],
    )
    .by(PROXY)
    .fails_anyway(NO_PROXY),
    Deed::new(
        "connect through the proxy to another port",
        "tunnel",
        &[Text("{other}")],
    )
    .by(PROXY)
    .fails_anyway(NO_PROXY),
    Deed::new(
        "connect through the proxy to the server",
        "tunnel",
        &[Text("{server-address}")],
    )
    .by(PROXY)
    .fails_anyway(NO_PROXY),
    Deed::new(
        "connect through the proxy to an address elsewhere",
        "tunnel",
        &[Text("192.0.2.1:443")],
    )
    .by(PROXY)
    .fails_anyway(NO_PROXY),
    Deed::new(
        "connect through the proxy by IPv6",
        "tunnel",
        &[Text("{six}")],
    )
    .by(PROXY)
    .fails_anyway(NO_PROXY),
    Deed::new(
        "connect to a host elsewhere",
        "stream",
        &[Text("0"), Text("192.0.2.1:443")],
    )
    .fails_anyway("by the machine's routes"),
    Deed::new("listen", "listen", &[Text("0"), Text("127.0.0.1")]),
    Deed::new(
        "listen without an address",
        "listen",
        &[Text("0"), Text("no")],
    ),
    Deed::new(
        "listen by MPTCP",
        "listen",
        &[Text("262"), Text("127.0.0.1")],
    ),
    Deed::new(
        "listen by MPTCP without an address",
        "listen",
        &[Text("262"), Text("no")],
    ),
    Deed::new("make a pair for datagrams", "pair", &[Text("2")]),
    Deed::call(
        "bind",
        &[Number(libc::SYS_bind), Number(-1), Number(0), Number(0)],
    ),
    Deed::call(
        "accept",
        &[
            Number(libc::SYS_accept4),
            Number(-1),
            Number(0),
            Number(0),
            Number(0),
        ],
    ),
    Deed::call(
        "wait for a connection",
        &[Number(libc::SYS_listen), Number(-1), Number(1)],
    ),
    Deed::call(
        "make a TCP socket",
        &[Number(SOCKET), Number(2), Number(1), Number(0)],
    )
    .granted_by("http"),
    Deed::call(
        "make a UDP socket",
        &[Number(SOCKET), Number(2), Number(2), Number(17)],
    ),
    Deed::call(
        "make a TCP socket of IPv6",
        &[Number(SOCKET), Number(10), Number(1), Number(6)],
    )
    .granted_by("http"),
    Deed::call(
        "make a Unix socket",
        &[Number(SOCKET), Number(1), Number(1), Number(0)],
    ),
    Deed::call(
        "make a Unix socket for datagrams",
        &[Number(SOCKET), Number(1), Number(2), Number(0)],
    ),
    Deed::call(
        "make a raw socket",
        &[Number(SOCKET), Number(2), Number(3), Number(1)],
    )
    .needs_root(),
    Deed::call(
        "make a raw socket of IPv6",
        &[Number(SOCKET), Number(10), Number(3), Number(58)],
    )
    .needs_root(),
    Deed::call(
        "make a packet socket",
        &[Number(SOCKET), Number(17), Number(3), Number(768)],
    )
    .needs_root(),
    Deed::call(
        "make an MPTCP socket",
        &[Number(SOCKET), Number(2), Number(1), Number(262)],
    ),
    Deed::call(
        "make a ping socket",
        &[Number(SOCKET), Number(2), Number(2), Number(1)],
    )
    .fails_anyway("by the machine's settings"),
    Deed::call(
        "make an SCTP socket",
        &[Number(SOCKET), Number(2), Number(5), Number(132)],
    ),
    Deed::call(
        "make a UDP-Lite socket",
        &[Number(SOCKET), Number(2), Number(2), Number(136)],
    ),
    Deed::call(
        "make a socket of the kernel's audit",
        &[Number(SOCKET), Number(16), Number(3), Number(9)],
    ),
    Deed::call(
        "make a socket of device events",
        &[Number(SOCKET), Number(16), Number(3), Number(15)],
    ),
    Deed::call(
        "make a socket of connections' list",
        &[Number(SOCKET), Number(16), Number(3), Number(4)],
    ),
    Deed::call(
        "make a socket of packet filters",
        &[Number(SOCKET), Number(16), Number(3), Number(12)],
    ),
    Deed::call(
        "make a socket of virtual machines",
        &[Number(SOCKET), Number(40), Number(1), Number(0)],
    ),
    Deed::call(
        "make a Bluetooth socket",
        &[Number(SOCKET), Number(31), Number(3), Number(1)],
    ),
    Deed::call(
        "make a socket of the kernel's ciphers",
        &[Number(SOCKET), Number(38), Number(5), Number(0)],
    ),
    Deed::call(
        "make a socket of express data paths",
        &[Number(SOCKET), Number(44), Number(3), Number(0)],
    )
    .needs_root(),
];
