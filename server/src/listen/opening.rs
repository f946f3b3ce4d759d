//! The first bytes of a connection without TLS, by which a client chooses HTTP/2.

use std::time::Duration;

use tokio::net::TcpStream;

/// The first bytes of HTTP/2.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The bytes that tell the two apart.
const ENOUGH: usize = 4;
/// The pause before bytes are looked at again, because too few had come.
const PAUSE: Duration = Duration::from_millis(10);

/// Waits for the first bytes, and looks at them without taking them. None if they do
/// not come in time.
pub(super) async fn is_http2(stream: &TcpStream, limit: Duration) -> Option<bool> {
    tokio::time::timeout(limit, look(stream)).await.ok()?
}

async fn look(stream: &TcpStream) -> Option<bool> {
    let mut first = [0; ENOUGH];
    loop {
        let length = stream.peek(&mut first).await.ok()?;
        let seen = first.get(..length)?;
        if !PREFACE.starts_with(seen) {
            return Some(false);
        }
        match length {
            0 => return None,
            ENOUGH => return Some(true),
            _ => tokio::time::sleep(PAUSE).await,
        }
    }
}
