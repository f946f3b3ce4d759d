//! Requests as real senders write them, byte for byte over TCP: an HTTP library
//! would tidy them up. Each test is a kind of request that Gotify accepts.

mod bodies;
mod paths;
mod programs;
mod sessions;
mod settings;
mod sizes;
mod streams;

use std::time::Duration;

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{As, Running};

/// An answer as it came.
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {:?}", String::from_utf8_lossy(&self.body)))
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    #[track_caller]
    fn is(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{}\n{body:.1000}", self.head);
        self
    }
}

/// Sends a request on a connection of its own and reads the answer to its end.
async fn raw(
    running: &Running,
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: push.example\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!(
        "Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    ));
    let mut request = request.into_bytes();
    request.extend(body);
    exchange(running, &request).await
}

/// Sends bytes on a connection of their own and reads the answer to its end.
async fn exchange(running: &Running, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(running.server.addr()).await.unwrap();
    // The server may answer before it has read everything.
    let _ = stream.write_all(request).await;
    let mut bytes = Vec::new();
    tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut bytes))
        .await
        .expect("no answer")
        .unwrap();
    let end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head,
        body: bytes[end + 4..].to_vec(),
    }
}

const JSON: (&str, &str) = ("Content-Type", "application/json");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");
const MULTIPART: (&str, &str) = ("Content-Type", "multipart/form-data; boundary=b");

/// A multipart body of text fields.
fn multipart(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in fields {
        body.push_str(&format!(
            "--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str("--b--\r\n");
    body.into_bytes()
}

fn secret(who: &As) -> &str {
    match who {
        As::Token(token) => token,
        other => panic!("{other:?} is no token"),
    }
}

/// An application of the administrator, named `Sender`, with the priority 4.
async fn sender(running: &Running) -> String {
    let params = serde_json::json!({"name": "Sender", "defaultPriority": 4});
    let created = running
        .post("/application", &crate::support::ADMIN, params)
        .await;
    let created = crate::support::ok(created);
    created["token"].as_str().unwrap().to_owned()
}
