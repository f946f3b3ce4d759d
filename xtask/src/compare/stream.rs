//! WebSockets, frame by frame: the handshake, messages, and the ways in which a
//! connection ends.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::{
    Parts,
    exchange::{Answer, Side, head_end},
    normal,
    script::Step,
};

/// The time for a frame.
const FRAME: Duration = Duration::from_secs(10);
/// The largest frame.
const FRAME_BYTES: usize = 1 << 20;
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
/// The mask of this client's frames.
const MASK: [u8; 4] = [1, 2, 3, 4];

/// A case.
#[derive(Clone, Copy, Debug)]
pub(super) enum Case {
    Message,
    Ping,
    ClosedByClient,
    ClientDeleted,
    ForeignOrigin,
    WithoutToken,
    WithoutUpgrade,
    ApplicationToken,
}

pub(super) const COUNT: usize = 8;
pub(super) const CASES: [Case; COUNT] = [
    Case::Message,
    Case::Ping,
    Case::ClosedByClient,
    Case::ClientDeleted,
    Case::ForeignOrigin,
    Case::WithoutToken,
    Case::WithoutUpgrade,
    Case::ApplicationToken,
];

impl Case {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Message => "stream: a message",
            Self::Ping => "stream: a ping of the client",
            Self::ClosedByClient => "stream: closed by the client",
            Self::ClientDeleted => "stream: the client is deleted",
            Self::ForeignOrigin => "stream: from a page of another origin",
            Self::WithoutToken => "stream: without a token",
            Self::WithoutUpgrade => "stream: without an upgrade",
            Self::ApplicationToken => "stream: with an application's token",
        }
    }
}

/// Runs a case, and returns the handshake's answer and the frames.
pub(super) async fn run(case: Case, side: &mut Side) -> Result<Parts> {
    let client = send(side, "POST", "/client", Some(r#"{"name":"stream"}"#)).await?;
    let client: serde_json::Value = serde_json::from_slice(&client.body)?;
    for name in ["token", "id"] {
        let value = client.get(name).context("a new client lacks a field")?;
        side.keep(&format!("stream.{name}"), value.clone());
    }
    let (target, more) = match case {
        Case::WithoutToken => ("/stream", ""),
        Case::ApplicationToken => ("/stream?token={{app}}", ""),
        Case::ForeignOrigin => (
            "/stream?token={{stream.token}}",
            "Origin: https://evil.example\r\n",
        ),
        _ => ("/stream?token={{stream.token}}", ""),
    };
    let upgrade = match case {
        Case::WithoutUpgrade => "Connection: close\r\n",
        _ => {
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        }
    };
    let head = format!("GET {target} HTTP/1.1\r\nHost: push.example\r\n{more}{upgrade}\r\n");
    let mut socket = Socket {
        stream: side.open(&head).await?,
        read: Vec::new(),
    };
    let answer = socket.handshake().await?;
    let mut parts = normal::parts(&answer, side);
    if answer.status != 101 {
        return Ok(parts);
    }
    match case {
        Case::Message => {
            let body = r#"{"message":"streamed","priority":3,"extras":{"a":{"b":1}}}"#;
            send(side, "POST", "/message?token={{app}}", Some(body)).await?;
            let frame = socket.frame().await?.context("the stream ended")?;
            parts.insert("frame".to_owned(), frame.kind.to_string());
            let message = serde_json::from_slice(&frame.content)?;
            normal::json(&mut parts, "message ", &message, side);
            // Each server counts its own messages.
            parts.remove("message /id");
        }
        Case::Ping => {
            socket.send(PING, b"ping").await?;
            parts.insert("frames".to_owned(), socket.rest(1).await?);
        }
        Case::ClosedByClient => {
            socket.send(CLOSE, &1000_u16.to_be_bytes()).await?;
            parts.insert("frames".to_owned(), socket.rest(usize::MAX).await?);
        }
        Case::ClientDeleted => {
            send(side, "DELETE", "/client/{{stream.id}}", None).await?;
            parts.insert("frames".to_owned(), socket.rest(usize::MAX).await?);
        }
        _ => {}
    }
    Ok(parts)
}

/// Sends a request as the administrator.
async fn send(side: &Side, method: &str, target: &str, body: Option<&str>) -> Result<Answer> {
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut headers = vec![header("Content-Type", "application/json")];
    if !target.contains("token=") {
        headers.push(header("Authorization", "{{basic admin:password}}"));
    }
    let step = Step {
        name: String::new(),
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: body.map(|body| body.as_bytes().to_vec()),
        captures: Vec::new(),
    };
    let answer = side.send(&step).await?;
    if answer.status >= 300 {
        bail!("{method} {target} is answered with {}", answer.status);
    }
    Ok(answer)
}

/// A connection, and the bytes that are read and not used.
struct Socket {
    stream: TcpStream,
    read: Vec<u8>,
}

struct Frame {
    kind: u8,
    content: Vec<u8>,
}

impl Socket {
    /// Reads more bytes; false at the end.
    async fn more(&mut self) -> Result<bool> {
        let mut bytes = [0; 4096];
        let read = timeout(FRAME, self.stream.read(&mut bytes)).await;
        match read.context("nothing came in time")? {
            Ok(count) => {
                self.read.extend(bytes.get(..count).unwrap_or_default());
                Ok(count > 0)
            }
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads the answer to the handshake. One that is no upgrade is read to its end.
    async fn handshake(&mut self) -> Result<Answer> {
        loop {
            if let Some(end) = head_end(&self.read) {
                let rest = self.read.split_off(end);
                let answer = Answer::parse(&self.read)?;
                if answer.status == 101 {
                    self.read = rest;
                    return Ok(answer);
                }
                self.read.extend(rest);
                if self.is_whole(end) || !self.more().await? {
                    return Answer::parse(&self.read);
                }
            } else if !self.more().await? {
                return Answer::parse(&self.read);
            }
        }
    }

    /// Returns true if the body is there, by its length.
    fn is_whole(&self, head: usize) -> bool {
        let length = Answer::parse(self.read.get(..head).unwrap_or_default())
            .ok()
            .and_then(|answer| answer.headers("content-length").next()?.parse().ok());
        length.is_some_and(|length: usize| self.read.len() >= head + length)
    }

    /// The next frame; none at the end of the connection.
    async fn frame(&mut self) -> Result<Option<Frame>> {
        loop {
            if let Some((frame, length)) = parse(&self.read)? {
                self.read.drain(..length);
                return Ok(Some(frame));
            }
            if !self.more().await? {
                return Ok(None);
            }
        }
    }

    async fn send(&mut self, kind: u8, content: &[u8]) -> Result<()> {
        let length = u8::try_from(content.len())?;
        let mut bytes = vec![0x80 | kind, 0x80 | length];
        bytes.extend(MASK);
        bytes.extend(
            content
                .iter()
                .zip(MASK.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        Ok(self.stream.write_all(&bytes).await?)
    }

    /// The next frames in words, to the end of the connection or at most this many.
    async fn rest(&mut self, most: usize) -> Result<String> {
        let mut words = Vec::new();
        while words.len() < most {
            let Some(frame) = self.frame().await? else {
                words.push("end".to_owned());
                break;
            };
            words.push(match frame.kind {
                TEXT => "text".to_owned(),
                kind => format!("{kind} {:?}", frame.content),
            });
        }
        Ok(words.join(", "))
    }
}

/// Reads a frame of a server, and its length with its head.
fn parse(bytes: &[u8]) -> Result<Option<(Frame, usize)>> {
    let [first, second, rest @ ..] = bytes else {
        return Ok(None);
    };
    let (length, head) = match second & 0x7f {
        126 => match rest {
            [a, b, ..] => (usize::from(u16::from_be_bytes([*a, *b])), 4),
            _ => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(length) => (usize::try_from(u64::from_be_bytes(*length))?, 10),
            None => return Ok(None),
        },
        short => (usize::from(short), 2),
    };
    if second & 0x80 != 0 || length > FRAME_BYTES {
        bail!("a frame is masked, or too large");
    }
    let content = bytes.get(head..head + length);
    Ok(content.map(|content| {
        let frame = Frame {
            kind: first & 0x0f,
            content: content.to_vec(),
        };
        (frame, head + length)
    }))
}
