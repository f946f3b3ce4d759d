//! HTTP requests that this program makes itself: the command line's to a
//! server, and the server's for a plugin to install. One request on one
//! connection; redirects are the caller's business.
//!
//! `https` trusts the certificate authorities that browsers trust, as the requests of
//! plugins do; a caller may name others.

use std::{io, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header, uri::PathAndQuery};
use http_body_util::Full;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, pki_types::ServerName},
};
use url::{Host, Position, Url};

/// The time for making a connection.
const CONNECT: Duration = Duration::from_secs(15);

/// Without a path, and without a name and password that may stand in it.
pub fn origin(url: &Url) -> String {
    format!(
        "{}://{}",
        url.scheme(),
        &url[Position::BeforeHost..Position::AfterPort]
    )
}

/// The reason for which there is no response.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// Neither `http` nor `https`, or without a host.
    #[error("{0} is not a server's address: write one that begins with https:// or http://")]
    Address(Box<str>),
    /// No connection.
    #[error("no connection to {to}: {source}")]
    Connect {
        /// The other end.
        to: Box<str>,
        /// The cause.
        source: io::Error,
    },
    /// The connection broke, or did not carry HTTP.
    #[error("{to} did not answer: {source}")]
    Http {
        /// The other end.
        to: Box<str>,
        /// The cause.
        source: hyper::Error,
    },
}

/// The certificate authorities that a connection trusts.
#[derive(Clone, Debug)]
pub(crate) struct Trust(Arc<ClientConfig>);

impl Default for Trust {
    fn default() -> Self {
        Self::in_roots(RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.into(),
        })
    }
}

impl Trust {
    /// Trusts these authorities alone.
    pub(crate) fn in_roots(roots: RootCertStore) -> Self {
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self(Arc::new(config))
    }
}

/// Sends a request to a server, `http` or `https`, and returns when the head of
/// the answer is there. The request's own address is a path; what `to` has behind
/// its host and port does not count.
///
/// # Errors
///
/// [`ClientError`]. An answer of any status is none.
pub async fn send(
    to: &Url,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, ClientError> {
    send_trusting(&Trust::default(), to, request).await
}

/// Does as [`send`], with other authorities to trust.
///
/// # Errors
///
/// [`ClientError`].
pub(crate) async fn send_trusting(
    trust: &Trust,
    to: &Url,
    request: Request<Full<Bytes>>,
) -> Result<Response<Incoming>, ClientError> {
    let stream = within(to, tcp(to)).await?;
    let host = HeaderValue::from_str(&to[Position::BeforeHost..Position::AfterPort])
        .map_err(|_| address(to))?;
    if to.scheme() == "https" {
        let stream = within(to, tls(trust, to, stream)).await?;
        exchange(to, stream, request, host).await
    } else {
        exchange(to, stream, request, host).await
    }
}

/// A connection to a server.
pub(crate) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connects to a server, `http` or `https`.
///
/// # Errors
///
/// [`ClientError`].
pub(crate) async fn connect(to: &Url) -> Result<Box<dyn Io>, ClientError> {
    let stream = within(to, tcp(to)).await?;
    if to.scheme() == "https" {
        let trust = Trust::default();
        return Ok(Box::new(within(to, tls(&trust, to, stream)).await?));
    }
    Ok(Box::new(stream))
}

/// The path and query of an address, as a request has it.
pub fn path(url: &Url) -> Result<Uri, ClientError> {
    url[Position::BeforePath..Position::AfterQuery]
        .parse::<PathAndQuery>()
        .map(Uri::from)
        .map_err(|_| address(url))
}

fn address(url: &Url) -> ClientError {
    ClientError::Address(origin(url).into())
}

async fn within<T>(
    to: &Url,
    connecting: impl Future<Output = io::Result<T>>,
) -> Result<T, ClientError> {
    tokio::time::timeout(CONNECT, connecting)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(|source| ClientError::Connect {
            to: origin(to).into(),
            source,
        })
}

async fn tcp(url: &Url) -> io::Result<TcpStream> {
    let port = url.port_or_known_default().unwrap_or(80);
    match url.host() {
        Some(Host::Domain(name)) => TcpStream::connect((name, port)).await,
        Some(Host::Ipv4(address)) => TcpStream::connect((address, port)).await,
        Some(Host::Ipv6(address)) => TcpStream::connect((address, port)).await,
        None => Err(io::Error::other("the address names no host")),
    }
}

async fn tls(
    trust: &Trust,
    url: &Url,
    stream: TcpStream,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let name = match url.host() {
        Some(Host::Domain(name)) => {
            ServerName::try_from(name.to_owned()).map_err(io::Error::other)?
        }
        Some(Host::Ipv4(address)) => ServerName::from(std::net::IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => ServerName::from(std::net::IpAddr::V6(address)),
        None => return Err(io::Error::other("the address names no host")),
    };
    let config = Arc::clone(&trust.0);
    TlsConnector::from(config).connect(name, stream).await
}

async fn exchange(
    to: &Url,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    mut request: Request<Full<Bytes>>,
    host: HeaderValue,
) -> Result<Response<Incoming>, ClientError> {
    let broken = |source| ClientError::Http {
        to: origin(to).into(),
        source,
    };
    request.headers_mut().insert(header::HOST, host);
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(broken)?;
    // Ends with the answer's body, or when that is dropped.
    tokio::spawn(connection);
    sender.send_request(request).await.map_err(broken)
}
