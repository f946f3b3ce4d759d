//! The cost of a filter for a message, from the socket to the disk and back: a
//! real server, sixteen senders over kept connections, each message
//! acknowledged after it is stored.
//!
//! - `message/plain`: the user has no plugin.
//! - `message/filtered`: each message passes one filter in Rust, which answers
//!   with a message of its own.
//!
//! Most of it is the disk's, whose mood changes from one second to the next. So
//! the two are measured in turn, in short runs, where criterion would measure one
//! after the other; the medians are left where criterion leaves its own. Each has
//! a server and a folder of its own, so that neither finds the other's messages.
//! What sends is in this process too and does as little as can be: one request,
//! made beforehand, and a look at the head of the answer.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark that cannot be set up has nothing to measure"
)]

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use mortise_server::{Config, Server};
use mortise_tests::guests;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    runtime::Runtime,
};

/// The number of simultaneous senders.
const SENDERS: u32 = 16;
/// Messages in a run.
const MESSAGES: u32 = 400;
/// Runs of each, after some that do not count.
const RUNS: usize = 60;
const WARM_UP: usize = 5;
/// Only while it runs, on loopback.
const PASSWORD: &str = "only while it runs";

/// A server with one user, and a request that sends that user a message.
struct Post {
    server: Server,
    request: Vec<u8>,
    _folder: tempfile::TempDir,
}

impl Post {
    /// With no plugin, or one that is enabled.
    async fn new(filtered: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if filtered {
            let plugins = folder.path().join("plugins");
            std::fs::create_dir(&plugins).unwrap();
            std::fs::copy(guests::example("echo"), plugins.join("echo.wasm")).unwrap();
        }
        let mut config = Config::on(folder.path());
        config.admin_password = Some(PASSWORD.to_owned());
        let server = Server::start(config).await.unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let made = client.post(format!("{}/application", server.url()));
        let made = json_of(made.json(&json!({ "name": "backup" }))).await;
        if filtered {
            let plugins = client.get(format!("{}/plugin", server.url()));
            let plugins = json_of(plugins).await;
            let id = plugins.pointer("/0/id").unwrap();
            let enable = client.post(format!("{}/plugin/{id}/enable", server.url()));
            let answer = asked(enable).await;
            assert!(answer.status().is_success(), "{answer:?}");
        }
        let token = made.get("token").and_then(Value::as_str).unwrap();
        let body = json!({ "title": "A title of 15 B", "message": "x".repeat(200) }).to_string();
        let request = format!(
            "POST /message HTTP/1.1\r\nhost: localhost\r\nx-gotify-key: {token}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Self {
            server,
            request: request.into_bytes(),
            _folder: folder,
        }
    }

    /// Sends as many messages as a run has. How long one took, in nanoseconds.
    async fn run(&self) -> f64 {
        let mut senders = Vec::new();
        for _ in 0..SENDERS {
            let stream = TcpStream::connect(self.server.addr()).await.unwrap();
            stream.set_nodelay(true).unwrap();
            senders.push(stream);
        }
        let begun = Instant::now();
        let sending = senders.into_iter().map(|stream| {
            let request = self.request.clone();
            tokio::spawn(sender(stream, request, MESSAGES / SENDERS))
        });
        for sent in futures_util::future::join_all(sending).await {
            sent.unwrap();
        }
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(MESSAGES)
    }
}

/// Sends a request again and again, each after the answer to the last.
async fn sender(mut stream: TcpStream, request: Vec<u8>, messages: u32) {
    let mut answer = Vec::with_capacity(4096);
    for _ in 0..messages {
        stream.write_all(&request).await.unwrap();
        answer.clear();
        while !is_whole(&answer) {
            let read = stream.read_buf(&mut answer).await.unwrap();
            assert!(read > 0, "the server hung up");
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", text(&answer));
    }
}

/// Returns true if a response with a length is complete.
fn is_whole(answer: &[u8]) -> bool {
    let Some(head) = answer.windows(4).position(|part| part == b"\r\n\r\n") else {
        return false;
    };
    let length = text(answer.get(..head).unwrap_or_default())
        .lines()
        .find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    length.is_some_and(|length| answer.len() >= head + 4 + length)
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

async fn asked(request: RequestBuilder) -> reqwest::Response {
    let request = request.basic_auth("admin", Some(PASSWORD));
    request.send().await.unwrap()
}

async fn json_of(request: RequestBuilder) -> Value {
    asked(request).await.json().await.unwrap()
}

/// Leaves a median where `cargo xtask bench` looks for one.
fn leave(folder: &Path, name: &str, mut runs: Vec<f64>) {
    runs.sort_by(f64::total_cmp);
    let median = *runs.get(runs.len() / 2).unwrap();
    println!("message/{name}  {:.1} us", median / 1e3);
    let folder = folder.join("message").join(name).join("new");
    std::fs::create_dir_all(&folder).unwrap();
    let estimates = json!({ "median": { "point_estimate": median } });
    std::fs::write(folder.join("estimates.json"), estimates.to_string()).unwrap();
}

fn main() {
    let results = std::env::var_os("CRITERION_HOME").map_or_else(
        || guests::target().with_file_name("criterion"),
        PathBuf::from,
    );
    Runtime::new().unwrap().block_on(async {
        let (plain, filtered) = (Post::new(false).await, Post::new(true).await);
        let (mut without, mut with) = (Vec::new(), Vec::new());
        for run in 0..WARM_UP + RUNS {
            let (first, second) = (plain.run().await, filtered.run().await);
            if run >= WARM_UP {
                without.push(first);
                with.push(second);
            }
        }
        leave(&results, "plain", without);
        leave(&results, "filtered", with);
        plain.server.shutdown().await;
        filtered.server.shutdown().await;
    });
}
