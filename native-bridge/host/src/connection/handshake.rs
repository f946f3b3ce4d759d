//! The host's part of the handshake on a fresh connection.

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::transport::Link;
use mortise_protocol::{
    LEAST_MAX_FRAME, Violation, frame,
    handshake::{Agreement, Handshake, Hello, Reject, Terms},
};

/// A connection on which both sides agreed.
#[derive(Debug)]
pub struct OpenLink {
    /// The connection.
    pub link: Link,
    /// The bytes that arrived after the hello.
    pub buffer: BytesMut,
    /// The negotiated values.
    pub agreement: Agreement,
    /// The plugin's offer.
    pub hello: Hello,
}

/// The reason for which the handshake failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HandshakeError {
    /// The connection ended first.
    #[error("the connection ended before the handshake")]
    Ended,
    /// It broke.
    #[error("the connection broke during the handshake: {0}")]
    Io(#[from] std::io::Error),
    /// The message is not a handshake.
    #[error("the plugin sent {0}")]
    Violation(#[from] Violation),
    /// The wrong process.
    #[error("a process connected with a wrong secret")]
    WrongSecret,
    /// The two sides have nothing in common; the plugin received a rejection.
    #[error("{0}")]
    Rejected(Reject),
}

/// Reads a plugin's offer and answers it. Takes as long as the plugin does: the
/// caller has a deadline.
///
/// # Errors
///
/// [`HandshakeError`]; the plugin received a rejection if that makes sense.
pub async fn handshake(
    mut link: Link,
    terms: &Terms,
    secret: &str,
) -> Result<OpenLink, HandshakeError> {
    let mut buffer = BytesMut::with_capacity(1024);
    let hello = loop {
        if let Some(content) = frame::take(&mut buffer, LEAST_MAX_FRAME)? {
            match Handshake::read(&content)? {
                Handshake::Hello(hello) => break hello,
                Handshake::Welcome(_) => {
                    return Err(Violation::NoHandshake("welcome".to_owned()).into());
                }
                Handshake::Reject(_) => {
                    return Err(Violation::NoHandshake("reject".to_owned()).into());
                }
            }
        }
        if link.reader.read_buf(&mut buffer).await? == 0 {
            return Err(HandshakeError::Ended);
        }
    };
    if !same(hello.secret.as_bytes(), secret.as_bytes()) {
        let reject = Reject {
            text: "the secret is wrong; a plugin takes it from MORTISE_SECRET, and it is good for \
                   one connection"
                .to_owned(),
        };
        say(&mut link, &Handshake::Reject(reject)).await?;
        return Err(HandshakeError::WrongSecret);
    }
    match terms.answer(&hello) {
        Ok((welcome, agreement)) => {
            say(&mut link, &Handshake::Welcome(welcome)).await?;
            Ok(OpenLink {
                link,
                buffer,
                agreement,
                hello,
            })
        }
        Err(reject) => {
            say(&mut link, &Handshake::Reject(reject.clone())).await?;
            Err(HandshakeError::Rejected(reject))
        }
    }
}

async fn say(link: &mut Link, handshake: &Handshake) -> std::io::Result<()> {
    let mut frame = Vec::new();
    handshake
        .put(&mut frame)
        .map_err(|error| std::io::Error::other(error.to_string()))?;
    link.writer.write_all(&frame).await?;
    link.writer.flush().await
}

/// Compares in a time that does not tell where they differ.
fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && one
            .iter()
            .zip(other)
            .fold(0, |difference, (a, b)| difference | (a ^ b))
            == 0
}
