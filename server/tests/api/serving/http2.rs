//! HTTP/2: with TLS, and without by a client that knows it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Version, body::Bytes, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use mortise_server::config::Listen;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, rustls::pki_types::ServerName};

use super::{certificate, free_port, trusting, with};
use crate::support::{ADMIN, ok};

type Sender = http2::SendRequest<Empty<Bytes>>;

/// A connection by HTTP/2; the task ends with it.
async fn connected<S>(stream: S) -> (Sender, tokio::task::JoinHandle<hyper::Result<()>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
    let (sender, connection) = handshake.await.unwrap();
    (sender, tokio::spawn(connection))
}

/// The status and the body of an answer.
async fn get(sender: &mut Sender, url: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = Request::get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Empty::new()).unwrap();
    let answer = sender.send_request(request).await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn a_client_by_tls_chooses_http2() {
    let files = tempfile::tempdir().unwrap();
    certificate(files.path(), "one");
    let address = SocketAddr::from(([127, 0, 0, 1], free_port().await));
    let running = with(|config| {
        config.listen = vec![Listen::Tcp(address)];
        config.tls_cert = Some(files.path().join("tls.pem"));
        config.tls_key = Some(files.path().join("tls.key"));
        config.path_prefix = "/push".parse().unwrap();
    })
    .await;
    let mut config = trusting("one");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(address).await.unwrap();
    let stream = connector.connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (mut sender, connection) = connected(stream).await;
    let (status, body) = get(&mut sender, "https://localhost/push/version", &[]).await;
    assert_eq!(status, 200, "{body}");
    // Many requests at once, on one connection.
    let all = (0..50).map(|_| {
        let mut sender = sender.clone();
        async move {
            get(&mut sender, "https://localhost/push//health", &[])
                .await
                .0
        }
    });
    let all = futures_util::future::join_all(all).await;
    assert!(all.iter().all(|status| *status == 200), "{all:?}");
    // A redirect has the prefix.
    let (status, _) = get(&mut sender, "https://localhost/push/version/", &[]).await;
    assert_eq!(status, 301);
    running.server.shutdown().await;
    // The server says goodbye in order.
    connection.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_client_without_tls_may_know_http2() {
    let running = with(|_| {}).await;
    let (_, token) = running.client(&ADMIN).await;
    let crate::support::As::Token(token) = token else {
        panic!("a client has a token")
    };
    let address = running.server.addr();
    let (mut sender, _) = connected(TcpStream::connect(address).await.unwrap()).await;
    let url = format!("{}/current/user", running.server.url());
    let (status, body) = get(&mut sender, &url, &[("x-gotify-key", &token)]).await;
    assert_eq!((status, body.contains("\"admin\"")), (200, true), "{body}");
    // Cookies may come in pieces.
    let session = format!("gotify-client-token={token}");
    let cookies = [("cookie", "a=b"), ("cookie", session.as_str())];
    assert_eq!(get(&mut sender, &url, &cookies).await.0, 200);
    assert_eq!(get(&mut sender, &url, &[]).await.0, 401);
    // By HTTP/1 as before, whatever comes in pieces.
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in [
        "P",
        "O",
        "S",
        "T /message HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n",
    ] {
        stream.write_all(piece.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    assert!(
        answer.starts_with(b"HTTP/1.1 401 "),
        "{:?}",
        String::from_utf8_lossy(&answer)
    );
    running.server.shutdown().await;
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

#[tokio::test]
async fn requests_that_are_taken_back_at_once_end_their_connection() {
    let running = with(|_| {}).await;
    let mut stream = TcpStream::connect(running.server.addr()).await.unwrap();
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(4, 0, 0, &[]));
    // GET, http, /, and an authority of one letter.
    let head = [0x82, 0x86, 0x84, 0x41, 1, b'a'];
    for number in 0..2_000 {
        let number = number * 2 + 1;
        bytes.extend(frame(1, 5, number, &head));
        bytes.extend(frame(3, 0, number, &8_u32.to_be_bytes()));
    }
    let (mut reader, mut writer) = stream.split();
    let mut answer = Vec::new();
    let both = async {
        // It may end before all was written.
        let _ = writer.write_all(&bytes).await;
        let _ = reader.read_to_end(&mut answer).await;
    };
    tokio::time::timeout(Duration::from_secs(20), both)
        .await
        .unwrap();
    let mut frames = Vec::new();
    let mut rest = answer.as_slice();
    while let Some((head, after)) = rest.split_first_chunk::<9>() {
        let length = usize::from(head[1]) << 8 | usize::from(head[2]);
        let (payload, after) = after.split_at(length);
        frames.push((head[3], payload));
        rest = after;
    }
    // The settings come first: at most 128 requests at a time.
    let (4, settings) = frames[0] else {
        panic!("{frames:?}")
    };
    let streams = settings.chunks(6).find(|one| one[..2] == [0, 3]);
    assert_eq!(streams.unwrap()[2..], 128_u32.to_be_bytes());
    // The goodbye is the last, because of too many of them: ENHANCE_YOUR_CALM.
    let (7, goodbye) = frames[frames.len() - 1] else {
        panic!("{frames:?}")
    };
    assert_eq!(goodbye[4..8], 11_u32.to_be_bytes());
    ok(running.get("/current/user", &ADMIN).await);
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_connection_without_requests_ends() {
    let running = with(|config| config.limits.head_timeout = Duration::from_millis(100)).await;
    let stream = TcpStream::connect(running.server.addr()).await.unwrap();
    let (mut sender, connection) = connected(stream).await;
    let url = format!("{}/health", running.server.url());
    assert_eq!(get(&mut sender, &url, &[]).await.0, 200);
    let ended = tokio::time::timeout(Duration::from_secs(20), connection);
    ended.await.unwrap().unwrap().unwrap();
    // One that says nothing, or half of the preface.
    for half in ["", "PR"] {
        let mut stream = TcpStream::connect(running.server.addr()).await.unwrap();
        stream.write_all(half.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let read = stream.read_to_end(&mut answer);
        let read = tokio::time::timeout(Duration::from_secs(20), read);
        // Unread bytes are a reset.
        let _ = read.await.unwrap();
        assert!(answer.is_empty(), "{answer:?}");
    }
    running.server.shutdown().await;
}
