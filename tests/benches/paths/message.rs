//! `POST /message` from the socket to the disk and back: a real server, senders
//! over kept connections, each message acknowledged after it is stored. The ids are
//! `message/KIND_SENDERS`, for 1, 16 and 64 senders:
//!
//! - `bare`: a route of the same HTTP library that reads the same JSON, and stores
//!   nothing.
//! - `plain`: the user has no plugin.
//! - `filtered`: each message passes one filter in Rust, which answers with a
//!   message of its own.
//!
//! Most of it is the disk's, whose mood changes from one second to the next. So
//! those that are compared are measured in turn, in short runs, where criterion
//! would measure one after the other; the medians are left where criterion leaves
//! its own. Each has a server and a folder of its own, so that none finds another's
//! messages. The senders are in this process too and do as little as can be: one
//! request, made beforehand, and a look at the head of the answer.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Instant,
};

use axum::{Json, Router, routing::post};

use mortise_server::{Config, Server};
use mortise_tests::guests;
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    task::JoinHandle,
};

/// The numbers of simultaneous senders.
const SENDERS: [u32; 3] = [1, 16, 64];
/// Messages in a run, about.
const MESSAGES: u32 = 512;
/// Runs of each, after some that do not count.
const RUNS: usize = 20;
const WARM_UP: usize = 3;
/// Only while it runs, on loopback.
const PASSWORD: &str = "only while it runs";

/// The recipient of the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Bare,
    Plain,
    Filtered,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Bare, Self::Plain, Self::Filtered];

    const fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Plain => "plain",
            Self::Filtered => "filtered",
        }
    }
}

/// A server with one user, and a request that sends that user a message.
struct Post {
    served: Served,
    request: Vec<u8>,
}

enum Served {
    Bare(SocketAddr, JoinHandle<()>),
    Mortise(Server, tempfile::TempDir),
}

/// Answers as the server does, and stores nothing.
async fn bare(Json(mut message): Json<Value>) -> Json<Value> {
    if let Some(fields) = message.as_object_mut() {
        fields.insert("id".to_owned(), 1.into());
        fields.insert("appid".to_owned(), 1.into());
        fields.insert("date".to_owned(), "2026-01-01T00:00:00.000Z".into());
    }
    Json(message)
}

impl Post {
    async fn new(kind: Kind) -> Self {
        match kind {
            Kind::Bare => Self::bare().await,
            Kind::Plain => Self::mortise(false).await,
            Kind::Filtered => Self::mortise(true).await,
        }
    }

    async fn bare() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().route("/message", post(bare));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self {
            served: Served::Bare(address, task),
            request: request("none"),
        }
    }

    /// With no plugin, or one that is enabled.
    async fn mortise(filtered: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        if filtered {
            let plugins = folder.path().join("plugins");
            std::fs::create_dir(&plugins).unwrap();
            std::fs::copy(guests::example("echo"), plugins.join("echo.wasm")).unwrap();
        }
        let mut config = Config::on(folder.path());
        config.admin_password = Some(PASSWORD.to_owned());
        let server = Server::start(config, mortise_backends::of_server)
            .await
            .unwrap();
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
        Self {
            request: request(token),
            served: Served::Mortise(server, folder),
        }
    }

    fn address(&self) -> SocketAddr {
        match &self.served {
            Served::Bare(address, _) => *address,
            Served::Mortise(server, _) => server.addr(),
        }
    }

    async fn end(self) {
        match self.served {
            Served::Bare(_, task) => task.abort(),
            Served::Mortise(server, _folder) => server.shutdown().await,
        }
    }

    /// Sends as many messages as a run has. How long one took, in nanoseconds.
    async fn run(&self, senders: u32) -> f64 {
        let each = MESSAGES / senders;
        let mut streams = Vec::new();
        for _ in 0..senders {
            let stream = TcpStream::connect(self.address()).await.unwrap();
            stream.set_nodelay(true).unwrap();
            streams.push(stream);
        }
        let begun = Instant::now();
        let sending = streams.into_iter().map(|stream| {
            let request = self.request.clone();
            tokio::spawn(sender(stream, request, each))
        });
        for sent in futures_util::future::join_all(sending).await {
            sent.unwrap();
        }
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(each * senders)
    }
}

/// The request of a sender with this token.
fn request(token: &str) -> Vec<u8> {
    let body = json!({ "title": "A title of 15 B", "message": "x".repeat(200) }).to_string();
    let request = format!(
        "POST /message HTTP/1.1\r\nhost: localhost\r\nx-gotify-key: {token}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    request.into_bytes()
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

/// What is measured: those that the command line names, as criterion takes them
/// (`^(message/a|message/b)$`), or all.
fn chosen() -> Vec<(Kind, u32)> {
    let named = std::env::args().find(|argument| argument.contains("message/"));
    let named: Option<Vec<_>> = named
        .as_ref()
        .map(|named| named.split(['^', '(', '|', ')', '$']).collect());
    let all = Kind::ALL
        .into_iter()
        .flat_map(|kind| SENDERS.map(|senders| (kind, senders)));
    all.filter(|one| {
        named
            .as_ref()
            .is_none_or(|named| named.contains(&&*format!("message/{}", id(*one))))
    })
    .collect()
}

fn id((kind, senders): (Kind, u32)) -> String {
    format!("{}_{senders}", kind.name())
}

/// Measures the benchmarks that the command line names, or all.
pub(crate) fn measure() {
    let results = std::env::var_os("CRITERION_HOME").map_or_else(
        || guests::target().with_file_name("criterion"),
        PathBuf::from,
    );
    Runtime::new().unwrap().block_on(async {
        let mut measured = Vec::new();
        for one in chosen() {
            measured.push((one, Post::new(one.0).await, Vec::new()));
        }
        for run in 0..WARM_UP + RUNS {
            for ((_, senders), post, times) in &mut measured {
                let time = post.run(*senders).await;
                if run >= WARM_UP {
                    times.push(time);
                }
            }
        }
        for (one, post, times) in measured {
            leave(&results, &id(one), times);
            post.end().await;
        }
    });
}
