//! The host's part of the greeting on a fresh connection.

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::transport::Link;
use mortise_protocol::{
    LEAST_MAX_FRAME, Violation, frame,
    greeting::{Agreement, Greeting, Hello, Reject, Terms},
};

/// A connection on which both sides agreed.
#[derive(Debug)]
pub struct Greeted {
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
pub enum GreetError {
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
/// [`GreetError`]; the plugin received a rejection if that makes sense.
pub async fn greet(mut link: Link, terms: &Terms, secret: &str) -> Result<Greeted, GreetError> {
    let mut buffer = BytesMut::with_capacity(1024);
    let hello = loop {
        if let Some(content) = frame::take(&mut buffer, LEAST_MAX_FRAME)? {
            match Greeting::read(&content)? {
                Greeting::Hello(hello) => break hello,
                Greeting::Welcome(_) => {
                    return Err(Violation::NotGreeted("welcome".to_owned()).into());
                }
                Greeting::Reject(_) => {
                    return Err(Violation::NotGreeted("reject".to_owned()).into());
                }
            }
        }
        if link.reader.read_buf(&mut buffer).await? == 0 {
            return Err(GreetError::Ended);
        }
    };
    if !same(hello.secret.as_bytes(), secret.as_bytes()) {
        let reject = Reject {
            text: "the secret is wrong; a plugin takes it from MORTISE_SECRET, and it is good for \
                   one connection"
                .to_owned(),
        };
        say(&mut link, &Greeting::Reject(reject)).await?;
        return Err(GreetError::WrongSecret);
    }
    match terms.answer(&hello) {
        Ok((welcome, agreement)) => {
            say(&mut link, &Greeting::Welcome(welcome)).await?;
            Ok(Greeted {
                link,
                buffer,
                agreement,
                hello,
            })
        }
        Err(reject) => {
            say(&mut link, &Greeting::Reject(reject.clone())).await?;
            Err(GreetError::Rejected(reject))
        }
    }
}

async fn say(link: &mut Link, greeting: &Greeting) -> std::io::Result<()> {
    let mut frame = Vec::new();
    greeting
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
