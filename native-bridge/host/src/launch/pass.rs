//! Hands an open descriptor to another process over a socket.

use std::{
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};

/// The byte that a descriptor travels with.
const CARRIER: u8 = b'D';
/// The same for a listener that is opened when it is needed.
pub(crate) const ON_DEMAND: u8 = b'O';

/// Sends a descriptor; the caller keeps its own copy.
///
/// # Errors
///
/// Those of the operating system.
pub(crate) fn send(socket: impl AsFd, descriptor: BorrowedFd<'_>) -> io::Result<()> {
    send_as(socket, descriptor, CARRIER)
}

/// As [`send`], with another byte than usual.
///
/// # Errors
///
/// Those of the operating system.
pub(crate) fn send_as(
    socket: impl AsFd,
    descriptor: BorrowedFd<'_>,
    carrier: u8,
) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let descriptors = [descriptor];
    if !control.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::Error::other("no room for a descriptor"));
    }
    sendmsg(
        socket,
        &[IoSlice::new(&[carrier])],
        &mut control,
        SendFlags::empty(),
    )?;
    Ok(())
}

/// Receives a descriptor, which is closed when a program is executed.
///
/// # Errors
///
/// Those of the operating system, and a sender that sends something else.
pub(crate) fn receive(socket: impl AsFd) -> io::Result<OwnedFd> {
    receive_any(socket).map(|(descriptor, _)| descriptor)
}

/// As [`receive`], with the byte that the descriptor travelled with.
///
/// # Errors
///
/// As [`receive`].
pub(crate) fn receive_any(socket: impl AsFd) -> io::Result<(OwnedFd, u8)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut carrier = [0];
    #[cfg(target_os = "linux")]
    let flags = RecvFlags::CMSG_CLOEXEC;
    #[cfg(not(target_os = "linux"))]
    let flags = RecvFlags::empty();
    recvmsg(
        socket,
        &mut [IoSliceMut::new(&mut carrier)],
        &mut control,
        flags,
    )?;
    let mut received = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    let descriptor = received
        .next()
        .ok_or_else(|| io::Error::other("no descriptor was sent"))?;
    #[cfg(not(target_os = "linux"))]
    rustix::io::fcntl_setfd(&descriptor, rustix::io::FdFlags::CLOEXEC)?;
    Ok((descriptor, carrier[0]))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        os::{fd::AsFd as _, unix::net::UnixStream},
    };

    use super::{receive, send};

    #[test]
    fn a_descriptor_arrives_in_front_of_what_follows() {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let (mut sent, mut kept) = UnixStream::pair().unwrap();
        send(&one, sent.as_fd()).unwrap();
        one.write_all(b"next").unwrap();
        drop(one);
        let mut received = UnixStream::from(receive(&other).unwrap());
        let mut rest = String::new();
        other.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "next");
        received.write_all(b"1").unwrap();
        sent.write_all(b"2").unwrap();
        drop((received, sent));
        let mut text = String::new();
        kept.read_to_string(&mut text).unwrap();
        assert_eq!(text, "12");
    }

    #[test]
    fn a_sender_without_a_descriptor_is_an_error() {
        let (mut one, other) = UnixStream::pair().unwrap();
        one.write_all(b"{").unwrap();
        assert!(receive(&other).is_err());
    }
}
