//! Connections that read messages as they come, by WebSocket.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    task::JoinSet,
};

use super::{senders::as_float, target::Target};

/// The time in which all messages must have reached all streams.
const PATIENCE: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(10);
/// Of a message, as WebSocket has it.
const TEXT: u8 = 1;

/// Open streams.
pub(super) struct Streams {
    tasks: JoinSet<()>,
    count: usize,
    received: Arc<AtomicUsize>,
    begun: Instant,
}

impl Streams {
    /// Opens this many.
    pub(super) async fn open(target: &Target, count: usize) -> Result<Self> {
        let received = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..count {
            let stream = open(target).await?;
            let received = Arc::clone(&received);
            tasks.spawn(async move {
                // Its end is the server's or this program's.
                let _ = read(stream, &received).await;
            });
        }
        Ok(Self {
            tasks,
            count,
            received,
            begun: Instant::now(),
        })
    }

    /// Waits until each has received this many messages, closes them, and returns the
    /// number in a second.
    pub(super) async fn close(mut self, sent: usize) -> Result<f64> {
        let expected = sent * self.count;
        let end = Instant::now() + PATIENCE;
        while self.received.load(Ordering::Relaxed) < expected {
            if self.tasks.len() < self.count || Instant::now() > end {
                bail!(
                    "streams received {} of {expected} messages",
                    self.received.load(Ordering::Relaxed)
                );
            }
            tokio::time::sleep(PAUSE).await;
        }
        let time = self.begun.elapsed();
        self.tasks.shutdown().await;
        Ok(as_float(expected) / time.as_secs_f64())
    }
}

async fn open(target: &Target) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(target.address).await;
    let stream = stream.context("the server takes no stream; raise the limit of descriptors")?;
    let mut stream = BufReader::with_capacity(4 << 10, stream);
    let request = format!(
        "GET /stream HTTP/1.1\r\nHost: {}\r\nX-Gotify-Key: {}\r\nUpgrade: websocket\r\n\
         Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        target.address, target.client
    );
    stream.write_all(request.as_bytes()).await?;
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    if !line.starts_with("HTTP/1.1 101 ") {
        bail!("the server refused a stream: {}", line.trim());
    }
    while !line.trim().is_empty() {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            bail!("the server closed a stream before it began");
        }
    }
    Ok(stream)
}

/// Counts messages until the end. A server's frames are not masked.
async fn read(mut stream: BufReader<TcpStream>, received: &AtomicUsize) -> std::io::Result<()> {
    loop {
        let kind = stream.read_u8().await? & 0xf;
        let length = match stream.read_u8().await? {
            126 => u64::from(stream.read_u16().await?),
            127 => stream.read_u64().await?,
            short => short.into(),
        };
        let mut payload = (&mut stream).take(length);
        tokio::io::copy(&mut payload, &mut tokio::io::sink()).await?;
        if kind == TEXT {
            received.fetch_add(1, Ordering::Relaxed);
        }
    }
}
