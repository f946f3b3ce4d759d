//! Listeners that are opened when the process connects to them: for grants of
//! loopback addresses with any port.
//!
//! The process announces each `connect` to the first process of its namespaces: the
//! kernel holds the call until that answers (a filter of system calls with
//! `SECCOMP_RET_USER_NOTIF`). The first process reads the address, opens a listener
//! there if the grants name the address, passes it to the host, and lets the call go
//! on. It decides nothing: the network of the process has no way out but listeners,
//! and the host checks each connection. So it does no harm that the process may change
//! the address after it was read.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    os::{
        fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd},
        unix::net::UnixStream,
    },
};

use super::system::{self, Announced};
use crate::launch::pass;

/// The process's end, before it is confined.
#[derive(Debug)]
pub(super) struct Announcer(UnixStream);

/// The first process's end.
#[derive(Debug)]
pub(super) struct Opener<'listeners> {
    announcements: OwnedFd,
    /// The socket to the host.
    listeners: BorrowedFd<'listeners>,
    addresses: &'listeners BTreeSet<IpAddr>,
}

/// Connects the two ends.
pub(super) fn pair() -> io::Result<(Announcer, UnixStream)> {
    let (own, other) = UnixStream::pair()?;
    Ok((Announcer(own), other))
}

impl Announcer {
    /// Announces each `connect` of this process from now on. Where the kernel cannot,
    /// such addresses are reached by the proxy only.
    pub(super) fn announce(self) {
        if let Ok(announcements) = system::announce_connects() {
            let _ = pass::send(&self.0, announcements.as_fd());
        }
    }
}

impl<'listeners> Opener<'listeners> {
    /// Waits for the process to announce its calls; none if it does not.
    pub(super) fn of(
        other: &UnixStream,
        listeners: BorrowedFd<'listeners>,
        addresses: &'listeners BTreeSet<IpAddr>,
    ) -> Option<Self> {
        let announcements = pass::receive(other).ok()?;
        Some(Self {
            announcements,
            listeners,
            addresses,
        })
    }

    /// The descriptors that it needs.
    pub(super) fn descriptors(&self) -> [RawFd; 2] {
        [self.announcements.as_raw_fd(), self.listeners.as_raw_fd()]
    }

    /// Readable when a call was announced.
    pub(super) fn announcements(&self) -> BorrowedFd<'_> {
        self.announcements.as_fd()
    }

    /// Sees to one announced call.
    pub(super) fn attend(&self) -> io::Result<()> {
        let announced = system::announced(self.announcements())?;
        if let Some(address) = read_address(&announced)
            && self.addresses.contains(&address.ip())
            // One that is there already, most of all.
            && let Ok(listener) = TcpListener::bind(address)
        {
            // Without it the connection finds nobody.
            let _ = pass::send_as(self.listeners, listener.as_fd(), pass::ON_DEMAND);
        }
        // The call may have been interrupted.
        let _ = system::go_on(self.announcements(), &announced);
        Ok(())
    }
}

/// The length of the longest address that is read.
const LONGEST: usize = size_of::<libc::sockaddr_in6>();

/// Reads the second argument of `connect`.
fn read_address(announced: &Announced) -> Option<SocketAddr> {
    let mut bytes = [0; LONGEST];
    let length = usize::try_from(announced.length).ok()?.min(LONGEST);
    let read = system::read_memory(
        announced.process,
        announced.address,
        bytes.get_mut(..length)?,
    );
    address(bytes.get(..read.ok()?)?)
}

/// An address as `connect` is given it.
fn address(bytes: &[u8]) -> Option<SocketAddr> {
    let part = |from: usize, length: usize| bytes.get(from..from + length);
    let family = u16::from_ne_bytes(part(0, 2)?.try_into().ok()?);
    let port = u16::from_be_bytes(part(2, 2)?.try_into().ok()?);
    let ip: IpAddr = match i32::from(family) {
        libc::AF_INET => Ipv4Addr::from(<[u8; 4]>::try_from(part(4, 4)?).ok()?).into(),
        libc::AF_INET6 => Ipv6Addr::from(<[u8; 16]>::try_from(part(8, 16)?).ok()?).into(),
        _ => return None,
    };
    (port != 0).then(|| SocketAddr::new(ip.to_canonical(), port))
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn addresses_are_read_as_the_kernel_reads_them() {
        let family = |family: i32| u16::try_from(family).unwrap().to_ne_bytes().to_vec();
        let mut four = family(libc::AF_INET);
        four.extend([0x1f, 0x90, 127, 0, 0, 1]);
        let text = |bytes: &[u8]| address(bytes).map(|address| address.to_string());
        assert_eq!(text(&four).as_deref(), Some("127.0.0.1:8080"));
        for cut in 0..four.len() {
            assert_eq!(text(&four[..cut]), None, "{cut}");
        }
        let mut six = family(libc::AF_INET6);
        six.extend([0, 80, 0, 0, 0, 0]);
        six.extend(std::net::Ipv6Addr::LOCALHOST.octets());
        assert_eq!(text(&six).as_deref(), Some("[::1]:80"));
        let mapped: std::net::Ipv6Addr = "::ffff:127.0.0.1".parse().unwrap();
        six.truncate(8);
        six.extend(mapped.octets());
        assert_eq!(text(&six).as_deref(), Some("127.0.0.1:80"));
        four[3] = 0;
        four[2] = 0;
        assert_eq!(text(&four), None, "no port");
        assert_eq!(text(&family(libc::AF_UNIX)), None);
    }
}
