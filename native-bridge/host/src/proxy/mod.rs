//! The connections of a process in a network of its own, whose `http` grants name
//! hosts. The process reaches listeners only, which the launcher opened in that
//! network and passed to the host.
//!
//! - `http`: the listener that speaks HTTP as proxies do.
//! - `forward`: listeners in the place of granted loopback addresses, for which
//!   programs use no proxy. Those of grants for any port are opened when the process
//!   connects to them.
//! - this module: the listeners, and the checks that both have in common.
//!
//! Each connection is checked by [`Imports::outbound_http`], ends when its grant is
//! revoked, and counts as one request. A name is looked up once, after the check, by
//! the host.

mod forward;
mod http;

use std::{
    collections::VecDeque, io, net::SocketAddr, os::unix::net::UnixStream, sync::Arc,
    time::Duration,
};

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
/// The listeners that a process has for loopback addresses with any port.
const ON_DEMAND: usize = 64;
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
            let mut named = 0;
            let mut on_demand = VecDeque::new();
            loop {
                let received = socket
                    .async_io(Interest::READABLE, || pass::receive_any(&socket))
                    .await;
                let received =
                    received.and_then(|(listener, kind)| Ok((listening(listener)?, kind)));
                // Its end, most of all.
                let Ok((listener, kind)) = received else {
                    break;
                };
                if kind != pass::ON_DEMAND && named == LISTENERS {
                    break;
                }
                let serving = listeners.spawn(accept(listener, is_proxy, exit.clone()));
                is_proxy = false;
                if kind == pass::ON_DEMAND {
                    on_demand.push_back(serving);
                } else {
                    named += 1;
                }
                if on_demand.len() > ON_DEMAND
                    && let Some(oldest) = on_demand.pop_front()
                {
                    // Its port has a new one when it is needed.
                    oldest.abort();
                }
                while listeners.try_join_next().is_some() {}
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
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::debug!(%error, "a plugin's connection could not be accepted");
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        // A listener that waits for a connection takes no place from the others.
        let Ok(place) = Arc::clone(&exit.places).acquire_owned().await else {
            return;
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

/// Connects to the first of a host's addresses that answers, of those that the grants
/// allow. They are looked up once. The targets are ways to write the same.
async fn connect(exit: &Exit, targets: &[Target], allowed: &Allowed) -> Result<TcpStream, Failure> {
    let Some(Target { host, port, .. }) = targets.first() else {
        return Err(Failure::Denied("no target is named".to_owned()));
    };
    let target = || format!("{host}:{port}");
    let connected = timeout(CONNECT, async {
        let unreachable = |error: io::Error| Failure::Unreachable {
            target: target(),
            cause: error.to_string(),
        };
        let found = tokio::net::lookup_host((host.as_str(), *port)).await;
        let (reached, denied): (Vec<SocketAddr>, Vec<_>) = found
            .map_err(unreachable)?
            .partition(|address| exit.imports.may_reach(targets, address.ip()));
        if let (true, Some(denied)) = (reached.is_empty(), denied.first()) {
            let error = exit.imports.deny_address(targets, denied.ip());
            return Err(Failure::Denied(error.to_string()));
        }
        let stream = TcpStream::connect(reached.as_slice()).await;
        stream.map_err(unreachable)
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
        Ok(Err(failure)) => Err(failure),
        Err(_) => Err(Failure::TimedOut { target: target() }),
    }
}
