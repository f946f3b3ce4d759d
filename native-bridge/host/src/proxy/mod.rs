//! The connections of a process in a network of its own, whose `http` grants name
//! hosts. The process reaches listeners only, which the launcher opened in that
//! network and passed to the host.
//!
//! - `http`: the listener that speaks HTTP as proxies do.
//! - `forward`: listeners in the place of granted loopback addresses, for which
//!   programs use no proxy.
//! - this module: the listeners, and the checks that both have in common.
//!
//! Each connection is checked by [`Imports::outbound_http`], ends when its grant is
//! revoked, and counts as one request. A name is looked up once, after the check, by
//! the host.

mod forward;
mod http;

use std::{io, net::SocketAddr, os::unix::net::UnixStream, sync::Arc, time::Duration};

use mortise_runtime::{guard::Allowed, types::Error};
use tokio::{
    io::{AsyncRead, AsyncWrite, Interest, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    imports::{Imports, Target},
    launch::pass,
    sandbox::FORWARDS,
};

/// The connections that a process may have to its listeners at a time; further ones
/// wait.
const CONNECTIONS: usize = 64;
/// The listeners that are taken from one process: its forwards and the proxy.
const LISTENERS: usize = FORWARDS + 1;
/// The time for looking up a name and connecting.
const CONNECT: Duration = Duration::from_secs(15);
/// The pause after a connection that could not be accepted, as for want of
/// descriptors.
const AGAIN: Duration = Duration::from_millis(50);

/// The parts that all connections of a process share.
#[derive(Clone)]
struct Exit {
    imports: Arc<Imports>,
    /// The end of the process.
    over: CancellationToken,
    /// Places for connections.
    places: Arc<Semaphore>,
}

/// A connection that was not made.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The grants do not allow it.
    #[error("{0}")]
    Denied(String),
    /// The instances have as many as they may.
    #[error("{0}")]
    Exhausted(String),
    /// The host was not reached.
    #[error("{target} cannot be reached: {cause}")]
    Unreachable { target: String, cause: String },
    /// The host did not answer in time.
    #[error("{target} did not answer in {} s", CONNECT.as_secs())]
    TimedOut { target: String },
}

/// Serves the listeners that arrive on this socket, until the process is over.
///
/// # Errors
///
/// The socket cannot be used.
pub(crate) fn serve(
    socket: UnixStream,
    imports: Arc<Imports>,
    over: CancellationToken,
) -> io::Result<impl Future<Output = ()>> {
    socket.set_nonblocking(true)?;
    let socket = tokio::net::UnixStream::from_std(socket)?;
    let exit = Exit {
        imports,
        over,
        places: Arc::new(Semaphore::new(CONNECTIONS)),
    };
    Ok(async move {
        let mut listeners = JoinSet::new();
        let received = async {
            // The first is the proxy.
            let mut is_proxy = true;
            while listeners.len() < LISTENERS {
                let received = socket
                    .async_io(Interest::READABLE, || pass::receive(&socket))
                    .await;
                // Its end, most of all.
                let Ok(listener) = received.and_then(listening) else {
                    break;
                };
                listeners.spawn(accept(listener, is_proxy, exit.clone()));
                is_proxy = false;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = exit.over.cancelled() => {}
            () = received => {}
        }
        // With the set end the listeners, and by the token their connections.
    })
}

fn listening(descriptor: std::os::fd::OwnedFd) -> io::Result<TcpListener> {
    let listener = std::net::TcpListener::from(descriptor);
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Accepts the connections to a listener.
async fn accept(listener: TcpListener, is_proxy: bool, exit: Exit) {
    let Ok(address) = listener.local_addr() else {
        return;
    };
    loop {
        let Ok(place) = Arc::clone(&exit.places).acquire_owned().await else {
            return;
        };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "a plugin's connection could not be accepted");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        let exit = exit.clone();
        tokio::spawn(async move {
            let _place = place;
            let served = async {
                if is_proxy {
                    http::serve(stream, &exit).await;
                } else {
                    forward::serve(stream, address, &exit).await;
                }
            };
            exit.over.run_until_cancelled(served).await;
        });
    }
}

impl Exit {
    /// Asks for a connection; the targets are ways to write the same.
    fn allow(&self, targets: &[Target]) -> Result<Allowed, Failure> {
        self.imports
            .outbound_http(targets)
            .map_err(|error| match error {
                Error::Exhausted(text) => Failure::Exhausted(text),
                error => Failure::Denied(error.to_string()),
            })
    }

    /// Passes bytes on both ways until both are at their end, the grant is revoked,
    /// or the process is over.
    async fn pipe(
        &self,
        mut plugin: impl AsyncRead + AsyncWrite + Unpin,
        mut host: TcpStream,
        allowed: Allowed,
    ) {
        tokio::select! {
            biased;
            () = self.over.cancelled() => {}
            () = allowed.taken_back() => {}
            // The end of either side is the end.
            _ = copy_bidirectional(&mut plugin, &mut host) => {}
        }
    }
}

/// Connects to the first of a host's addresses that answers. They are looked up
/// once.
async fn connect(host: &str, port: u16, allowed: &Allowed) -> Result<TcpStream, Failure> {
    let target = || format!("{host}:{port}");
    let connected = timeout(CONNECT, async {
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
        TcpStream::connect(addresses.as_slice()).await
    });
    let connected = tokio::select! {
        biased;
        () = allowed.taken_back() => return Err(Failure::Denied(format!(
            "the grant for {} was revoked", target()
        ))),
        connected = connected => connected,
    };
    match connected {
        Ok(Ok(stream)) => {
            // What is passed on was written on purpose.
            let _ = stream.set_nodelay(true);
            Ok(stream)
        }
        Ok(Err(error)) => Err(Failure::Unreachable {
            target: target(),
            cause: error.to_string(),
        }),
        Err(_) => Err(Failure::TimedOut { target: target() }),
    }
}
