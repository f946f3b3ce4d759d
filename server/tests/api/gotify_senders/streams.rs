//! The ends of a WebSocket, byte for byte.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::secret;
use crate::support::{ADMIN, Running, ok, start};

/// A stream of a client of the administrator; and the client's id.
async fn connect(running: &Running) -> (i64, TcpStream) {
    let (id, client) = running.client(&ADMIN).await;
    let (_, stream) = open(running, secret(&client), "").await;
    (id, stream)
}

/// Opens a stream with more headers: the head of the answer, and the stream.
async fn open(running: &Running, token: &str, headers: &str) -> (String, TcpStream) {
    let mut stream = TcpStream::connect(running.server.addr()).await.unwrap();
    let request = format!(
        "GET /stream?token={token} HTTP/1.1\r\nHost: push.example\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{headers}\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    (head, stream)
}

/// Everything that comes until the server ends the connection.
async fn rest(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes))
        .await
        .expect("the connection stays open")
        .unwrap();
    bytes
}

/// A frame of a client, whose mask changes nothing.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).unwrap();
    let mut frame = vec![0x80 | opcode, 0x80 | length, 0, 0, 0, 0];
    frame.extend(payload);
    frame
}

/// The crate `gotify` offers to compress a stream, and cannot read one that is.
#[tokio::test]
async fn a_stream_is_not_compressed() {
    let running = start().await;
    let (_, client) = running.client(&ADMIN).await;
    let offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
    let (head, _stream) = open(&running, secret(&client), offer).await;
    let head = head.to_ascii_lowercase();
    assert!(!head.contains("sec-websocket-extensions"), "{head}");
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_server_that_stops_sends_no_close_frame() {
    let running = start().await;
    let (_, stream) = connect(&running).await;
    running.server.shutdown().await;
    assert_eq!(rest(stream).await, b"");
}

#[tokio::test]
async fn a_client_that_is_deleted_is_sent_no_close_frame() {
    let running = start().await;
    let (id, stream) = connect(&running).await;
    ok(running.delete(&format!("/client/{id}"), &ADMIN).await);
    assert_eq!(rest(stream).await, b"");
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_clients_close_is_echoed() {
    let running = start().await;
    for (close, echo) in [
        (&b"\x03\xe8"[..], &b"\x88\x02\x03\xe8"[..]),
        (b"\x03\xe9", b"\x88\x02\x03\xe9"),
        (b"\x0f\xa0", b"\x88\x02\x0f\xa0"),
        (b"", b"\x88\x00"),
    ] {
        let (_, mut stream) = connect(&running).await;
        stream.write_all(&frame(8, close)).await.unwrap();
        assert_eq!(rest(stream).await, echo, "{close:?}");
    }
    running.server.shutdown().await;
}

#[tokio::test]
async fn a_clients_ping_is_answered() {
    let running = start().await;
    let (_, mut stream) = connect(&running).await;
    stream.write_all(&frame(9, b"hi")).await.unwrap();
    let mut pong = [0; 4];
    stream.read_exact(&mut pong).await.unwrap();
    assert_eq!(&pong, b"\x8a\x02hi");
    stream.write_all(&frame(8, b"")).await.unwrap();
    assert_eq!(rest(stream).await, b"\x88\x00");
    running.server.shutdown().await;
}
