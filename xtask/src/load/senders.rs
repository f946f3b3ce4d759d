//! Connections that send one message after another, each after the answer to the one
//! before.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
};

use super::target::Target;

/// The message: a title of 15 bytes and a body of 200.
const TITLE: &str = "nightly backup!";
const BODY_BYTES: usize = 200;
/// The longest answer.
const ANSWER_BYTES: usize = 16 << 10;

/// The result of one measurement.
pub(super) struct Sent {
    pub(super) count: usize,
    time: Duration,
    /// The times of all messages, shortest first.
    times: Vec<Duration>,
}

impl Sent {
    pub(super) fn per_second(&self) -> f64 {
        as_float(self.count) / self.time.as_secs_f64()
    }

    /// The time that this part of all messages did not exceed.
    pub(super) fn quantile_ms(&self, part: f64) -> f64 {
        quantile(&self.times, part).as_secs_f64() * 1e3
    }
}

fn quantile(sorted: &[Duration], part: f64) -> Duration {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it is an index"
    )]
    let index = (as_float(sorted.len()) * part) as usize;
    let last = sorted.len().saturating_sub(1);
    sorted.get(index.min(last)).copied().unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(super) fn as_float(count: usize) -> f64 {
    count as f64
}

/// Sends with this many connections for this long.
pub(super) async fn run(target: &Target, senders: usize, time: Duration) -> Result<Sent> {
    let body = serde_json::json!({
        "title": TITLE, "message": "m".repeat(BODY_BYTES), "priority": 5,
    })
    .to_string();
    let request = format!(
        "POST /message HTTP/1.1\r\nHost: {}\r\nX-Gotify-Key: {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        target.address,
        target.application,
        body.len()
    );
    let mut connections = Vec::new();
    for _ in 0..senders {
        let stream = TcpStream::connect(target.address).await;
        let stream = stream.context("the server takes no connection")?;
        stream.set_nodelay(true)?;
        connections.push(stream);
    }
    let begun = Instant::now();
    let mut all = JoinSet::new();
    for stream in connections {
        let request = request.clone();
        all.spawn(async move { send(stream, request.as_bytes(), begun + time).await });
    }
    let mut times = Vec::new();
    while let Some(of_one) = all.join_next().await {
        times.extend(of_one.context("a sender panicked")??);
    }
    let time = begun.elapsed();
    times.sort_unstable();
    Ok(Sent {
        count: times.len(),
        time,
        times,
    })
}

async fn send(mut stream: TcpStream, request: &[u8], until: Instant) -> Result<Vec<Duration>> {
    let mut times = Vec::new();
    let mut answer = Vec::with_capacity(ANSWER_BYTES);
    while Instant::now() < until {
        let begun = Instant::now();
        stream.write_all(request).await?;
        answer.clear();
        while !is_whole(&answer)? {
            if stream.read_buf(&mut answer).await? == 0 {
                bail!("the server closed a sender's connection");
            }
        }
        if !answer.starts_with(b"HTTP/1.1 200 ") {
            bail!(
                "a message was refused: {}",
                String::from_utf8_lossy(&answer)
            );
        }
        times.push(begun.elapsed());
    }
    Ok(times)
}

/// Returns true if an answer with a length is all there.
fn is_whole(answer: &[u8]) -> Result<bool> {
    if answer.len() > ANSWER_BYTES {
        bail!("the server's answer is too long");
    }
    let Some(end) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
        return Ok(false);
    };
    let head = answer.get(..end).unwrap_or_default();
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length:"))
        .context("an answer has no length")?;
    let length: usize = length.trim().parse().context("a length is no number")?;
    Ok(answer.len() >= end + 4 + length)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{is_whole, quantile};

    #[test]
    fn an_answer_is_whole_with_its_body() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        for end in 0..answer.len() {
            assert!(!is_whole(&answer[..end]).unwrap(), "{end}");
        }
        assert!(is_whole(answer).unwrap());
        assert!(is_whole(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn a_quantile_is_one_of_the_times() {
        let times: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(quantile(&times, 0.5), Duration::from_millis(51));
        assert_eq!(quantile(&times, 0.99), Duration::from_millis(100));
        assert_eq!(quantile(&[], 0.5), Duration::ZERO);
    }
}
