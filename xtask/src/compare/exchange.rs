//! One server of a comparison: requests as they are written, and answers as they come.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::timeout,
};

use super::script::Step;

/// The time for an answer.
const ANSWER: Duration = Duration::from_secs(30);
/// The longest answer.
const ANSWER_BYTES: u64 = 8 << 20;
/// The smallest image in PNG.
const PNG: &[u8] = &[
    0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 0x0d, b'I', b'H', b'D', b'R', 0, 0, 0,
    1, 0, 0, 0, 1, 8, 6, 0, 0, 0, 0x1f, 0x15, 0xc4, 0x89, 0, 0, 0, 0x0d, b'I', b'D', b'A', b'T',
    0x78, 0x9c, 0x63, 0, 1, 0, 0, 5, 0, 1, 0x0d, 0x0a, 0x2d, 0xb4, 0, 0, 0, 0, b'I', b'E', b'N',
    b'D', 0xae, 0x42, 0x60, 0x82,
];

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The values of a header, named in small letters.
    pub(super) fn headers<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let headers = self.headers.iter();
        headers
            .filter(move |(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// Reads an answer that ends with its connection.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let end = head_end(bytes).with_context(|| {
            format!(
                "this is no answer: {:?}",
                String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes))
            )
        })?;
        let (head, body) = bytes.split_at(end);
        let head = String::from_utf8_lossy(head);
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1));
        let status = status.context("it has no status")?.parse()?;
        let headers: Vec<_> = lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect();
        let answer = Self {
            status,
            headers,
            body: body.to_vec(),
        };
        if answer
            .headers("transfer-encoding")
            .any(|one| one == "chunked")
        {
            let body = joined(&answer.body)?;
            return Ok(Self { body, ..answer });
        }
        Ok(answer)
    }
}

/// The place behind the empty line that ends a head.
pub(super) fn head_end(bytes: &[u8]) -> Option<usize> {
    let at = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    Some(at + 4)
}

/// Joins the chunks of a body.
fn joined(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n");
        let line = line.context("a chunk has no length")?;
        let (length, after) = rest.split_at(line);
        let length = usize::from_str_radix(std::str::from_utf8(length)?.trim(), 16)?;
        if length == 0 {
            return Ok(body);
        }
        let chunk = after.get(2..2 + length).context("a chunk is cut off")?;
        body.extend_from_slice(chunk);
        rest = after.get(length + 4..).context("a chunk has no end")?;
    }
}

/// A server, and the values that it gave.
#[derive(Debug)]
pub(super) struct Side {
    address: SocketAddr,
    values: BTreeMap<String, Value>,
}

impl Side {
    pub(super) fn new(url: &str, password: &str) -> Result<Self> {
        let address = url.trim_start_matches("http://").parse();
        let mut values = BTreeMap::new();
        values.insert("password".to_owned(), Value::from(password));
        Ok(Self {
            address: address.context("the server's address is none")?,
            values,
        })
    }

    pub(super) fn keep(&mut self, name: &str, value: Value) {
        self.values.insert(name.to_owned(), value);
    }

    /// The name of a kept value, such as a token or an id.
    pub(super) fn name_of(&self, value: &Value) -> Option<&str> {
        let mut values = self.values.iter();
        let found = values.find(|(_, kept)| *kept == value);
        found.map(|(name, _)| name.as_str())
    }

    /// The kept texts.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = self.values.iter();
        values.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
    }

    /// Sends a request on a connection of its own.
    pub(super) async fn send(&self, step: &Step) -> Result<Answer> {
        let bytes = self.request(step)?;
        let exchange = async {
            let mut stream = TcpStream::connect(self.address).await?;
            // It may answer before it has read everything.
            let _ = stream.write_all(&bytes).await;
            let mut answer = Vec::new();
            let read = stream.take(ANSWER_BYTES).read_to_end(&mut answer).await;
            // A server that closes with unread bytes resets the connection.
            if answer.is_empty() {
                read?;
            }
            anyhow::Ok(answer)
        };
        let answer = timeout(ANSWER, exchange).await.context("in time")??;
        Answer::parse(&answer)
    }

    /// A connection with this request sent.
    pub(super) async fn open(&self, head: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(&self.fill(head.as_bytes())?).await?;
        Ok(stream)
    }

    fn request(&self, step: &Step) -> Result<Vec<u8>> {
        let body = match &step.body {
            Some(body) => Some(self.fill(body)?),
            None => None,
        };
        let mut head = format!("{} {} HTTP/1.1\r\n", step.method, step.target);
        let has = |name: &str| step.headers.iter().any(|(found, _)| found == name);
        if !has("Host") {
            head.push_str("Host: push.example\r\n");
        }
        for (name, value) in &step.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = body.as_ref().map(Vec::len);
        let length = length.or_else(|| (step.method != "GET").then_some(0));
        if let Some(length) = length {
            head.push_str(&format!("Content-Length: {length}\r\n"));
        }
        head.push_str("Connection: close\r\n\r\n");
        let mut bytes = self.fill(head.as_bytes())?;
        bytes.extend(body.unwrap_or_default());
        Ok(bytes)
    }

    /// Puts values in the place of their names in double braces.
    fn fill(&self, mut rest: &[u8]) -> Result<Vec<u8>> {
        let mut filled = Vec::new();
        while let Some(begin) = rest.windows(2).position(|two| two == b"{{") {
            let (before, after) = rest.split_at(begin);
            filled.extend_from_slice(before);
            let end = after.windows(2).position(|two| two == b"}}");
            let end = end.context("`{{` has no `}}`")?;
            let name = std::str::from_utf8(after.get(2..end).unwrap_or_default())?;
            filled.extend(self.value(name)?);
            rest = after.get(end + 2..).unwrap_or_default();
        }
        filled.extend_from_slice(rest);
        Ok(filled)
    }

    fn value(&self, name: &str) -> Result<Vec<u8>> {
        if name == "png" {
            return Ok(PNG.to_vec());
        }
        if let Some(length) = name.strip_prefix("text-") {
            return Ok(b"t".repeat(length.parse()?));
        }
        // Credentials of HTTP, such as `basic admin:password`.
        if let Some(credentials) = name.strip_prefix("basic ") {
            let (user, password) = credentials.split_once(':').context("there is no `:`")?;
            let password = match self.values.get(password) {
                Some(Value::String(password)) => password.as_str(),
                _ => password,
            };
            let coded = base64(format!("{user}:{password}").as_bytes());
            return Ok(format!("Basic {coded}").into_bytes());
        }
        match self.values.get(name) {
            Some(Value::String(text)) => Ok(text.clone().into_bytes()),
            Some(other) => Ok(other.to_string().into_bytes()),
            None => bail!("no answer before has `{name}`"),
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let byte = |at: usize| three.get(at).map_or(0, |byte| u32::from(*byte));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let letter = LETTERS.get((bits >> (18 - 6 * at) & 63) as usize);
            let letter = letter.filter(|_| at <= three.len());
            text.push(letter.map_or('=', |letter| char::from(*letter)));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{Answer, Side, base64};

    #[test]
    fn answers_in_chunks_are_joined() {
        let text = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nA: b\r\nA: c\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n";
        let answer = Answer::parse(text).unwrap();
        assert_eq!((answer.status, &*answer.body), (200, &b"abc"[..]));
        assert_eq!(answer.headers("a").collect::<Vec<_>>(), ["b", "c"]);
        assert!(Answer::parse(b"HTTP/1.1 200").is_err());
    }

    #[test]
    fn values_take_their_places() {
        let mut side = Side::new("http://127.0.0.1:1", "pass").unwrap();
        side.keep("id", 7.into());
        let filled = side
            .fill(b"{\"a\":{{id}}} {{text-3}} {{basic a:password}}")
            .unwrap();
        let expected = format!("{{\"a\":7}} ttt Basic {}", base64(b"a:pass"));
        assert_eq!(String::from_utf8(filled).unwrap(), expected);
        assert!(side.fill(b"{{other}}").is_err());
    }

    #[test]
    fn base64_pads() {
        for (text, coded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
        ] {
            assert_eq!(base64(text.as_bytes()), coded);
        }
    }
}
