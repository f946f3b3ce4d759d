//! A registry on loopback that does what a test wants.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::StreamExt as _;
use mortise_runtime::Digest;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// A request that a registry got.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) path: String,
    pub(super) headers: HeaderMap,
}

/// The decision about a request; none for the usual answer.
type Decide = dyn Fn(&Seen) -> Option<Response> + Send + Sync;

/// A running registry. It ends with the handle.
pub(super) struct Fake {
    host: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: JoinHandle<()>,
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A version: its file, and its manifest as the registry shows it.
#[derive(Clone)]
pub(super) struct Version {
    pub(super) file: Vec<u8>,
    pub(super) manifest: Value,
    config: Vec<u8>,
}

impl Version {
    /// A component in the layout of `wkg`.
    pub(super) fn of(file: &[u8]) -> Self {
        let config = b"{}".to_vec();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": IMAGE,
            "config": described("application/vnd.wasm.config.v0+json", &config),
            "layers": [described("application/wasm", file)],
        });
        Self {
            file: file.to_vec(),
            manifest,
            config,
        }
    }

    /// The same with the plugin's own manifest among its annotations.
    pub(super) fn announcing(file: &[u8], manifest: &Value) -> Self {
        let mut version = Self::of(file);
        let text = manifest.to_string();
        version.manifest["annotations"] = json!({ "io.mortise.plugin.manifest": text });
        version
    }

    pub(super) fn digest(&self) -> Digest {
        Digest::of(self.manifest.to_string().as_bytes())
    }

    /// The path of its file.
    pub(super) fn blob(&self) -> String {
        format!("/v2/test/blobs/{}", Digest::of(&self.file))
    }

    fn answer(&self, seen: &Seen) -> Response {
        let path = &*seen.path;
        let config = format!("/v2/test/blobs/{}", Digest::of(&self.config));
        let manifests = [
            "/v2/test/manifests/1",
            &format!("/v2/test/manifests/{}", self.digest()),
        ]
        .contains(&path);
        if manifests {
            let kind = self.manifest["mediaType"].as_str().unwrap().to_owned();
            return ([(header::CONTENT_TYPE, kind)], self.manifest.to_string()).into_response();
        }
        if path == self.blob() {
            return part(&self.file, from(&seen.headers));
        }
        if path == config {
            return self.config.clone().into_response();
        }
        StatusCode::NOT_FOUND.into_response()
    }
}

/// A descriptor.
pub(super) fn described(kind: &str, bytes: &[u8]) -> Value {
    json!({ "mediaType": kind, "digest": Digest::of(bytes), "size": bytes.len() })
}

/// The first byte that a request wants.
pub(super) fn from(headers: &HeaderMap) -> usize {
    headers.get(header::RANGE).map_or(0, |range| {
        let range = range.to_str().unwrap();
        let range = range.strip_prefix("bytes=").unwrap();
        range.strip_suffix('-').unwrap().parse().unwrap()
    })
}

/// A file from this byte on.
fn part(file: &[u8], from: usize) -> Response {
    if from == 0 {
        return file.to_vec().into_response();
    }
    let range = format!("bytes {from}-{}/{}", file.len() - 1, file.len());
    let head = [(header::CONTENT_RANGE, range)];
    (StatusCode::PARTIAL_CONTENT, head, file[from..].to_vec()).into_response()
}

/// A file from this byte on, whose connection breaks at another one.
pub(super) fn broken(file: &[u8], from: usize, until: usize) -> Response {
    let (mut head, body) = part(file, from).into_parts();
    drop(body);
    let length = (file.len() - from).to_string();
    head.headers
        .insert(header::CONTENT_LENGTH, length.parse().unwrap());
    let sent = Bytes::copy_from_slice(&file[from..until]);
    // What was sent leaves when there is nothing more at once.
    let cut = futures_util::stream::once(async {
        tokio::task::yield_now().await;
        Err(std::io::Error::other("cut"))
    });
    let parts = futures_util::stream::iter([Ok(sent)]).chain(cut);
    Response::from_parts(head, Body::from_stream(parts))
}

/// More bytes than anybody would keep, without a length.
pub(super) fn endless(asked: Arc<AtomicBool>) -> Response {
    let block = Bytes::from(vec![0_u8; 1 << 20]);
    let blocks = futures_util::stream::repeat_with(move || {
        asked.store(true, Ordering::Relaxed);
        Ok::<_, std::io::Error>(block.clone())
    });
    Body::from_stream(blocks).into_response()
}

pub(super) fn redirect(to: &str) -> Response {
    let head = [(header::LOCATION, to.to_owned())];
    (StatusCode::TEMPORARY_REDIRECT, head).into_response()
}

impl Fake {
    /// A registry with one version, under the tag `1`.
    pub(super) async fn of(version: Version) -> Self {
        Self::with(version, |_| None).await
    }

    /// The same, which decides about each request first.
    pub(super) async fn with(
        version: Version,
        decide: impl Fn(&Seen) -> Option<Response> + Send + Sync + 'static,
    ) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let decide: Arc<Decide> = Arc::new(decide);
        let log = Arc::clone(&seen);
        let app = Router::new().fallback(move |request: Request| {
            let one = Seen {
                path: request.uri().path().to_owned(),
                headers: request.headers().clone(),
            };
            let is_read = matches!(*request.method(), Method::GET | Method::HEAD);
            log.lock().unwrap().push(one.clone());
            let answer = decide(&one).unwrap_or_else(|| match is_read {
                true => version.answer(&one),
                false => StatusCode::METHOD_NOT_ALLOWED.into_response(),
            });
            std::future::ready(answer)
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { host, seen, task }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The address of the version.
    pub(super) fn reference(&self) -> String {
        format!("oci://{}/test:1", self.host)
    }

    /// The requests so far whose path contains a text.
    pub(super) fn seen(&self, part: &str) -> Vec<Seen> {
        let all = self.seen.lock().unwrap();
        let some = all.iter().filter(|seen| seen.path.contains(part));
        some.cloned().collect()
    }
}
