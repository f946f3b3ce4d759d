//! The task that sends records to the collector, in batches.

use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, header};
use http_body_util::Full;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use url::Url;

use super::{Signal, encode, layer::Record};
use crate::{
    client::{self, ClientError, origin},
    config::Otlp,
};

/// Records of one request.
const BATCH: usize = 512;
/// The time for which a batch waits for more.
const GATHER: Duration = Duration::from_secs(1);
/// The time for one request.
const ANSWER: Duration = Duration::from_secs(10);
/// The pauses after a failure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// The time for the last records when the server stops.
const LAST: Duration = Duration::from_secs(5);
/// The time between lines of the log about the same failure.
const SAID: Duration = Duration::from_secs(60);

/// The sender of records.
#[derive(Debug)]
pub struct Exporter {
    collector: Collector,
    waiting: mpsc::Receiver<Record>,
}

/// A running exporter, which ends with the handle.
#[derive(Debug)]
pub struct Exporting {
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

#[derive(Debug)]
struct Collector {
    endpoint: Url,
    headers: HeaderMap,
    service: String,
}

#[derive(Debug, thiserror::Error)]
enum ExportError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("it answered {0}")]
    Status(http::StatusCode),
    #[error("it did not answer within {ANSWER:?}")]
    TimedOut,
}

impl Exporter {
    pub(super) fn new(endpoint: Url, settings: &Otlp, waiting: mpsc::Receiver<Record>) -> Self {
        let mut headers = HeaderMap::new();
        for given in &settings.headers {
            headers.append(given.name.clone(), given.value.clone());
        }
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        let collector = Collector {
            endpoint,
            headers,
            service: settings.service_name.clone(),
        };
        Self { collector, waiting }
    }

    /// Starts sending. Needs the runtime.
    pub fn start(self) -> Exporting {
        let stop = CancellationToken::new();
        let task = tokio::spawn(self.run(stop.clone()));
        Exporting {
            stop,
            task: AbortOnDropHandle::new(task),
        }
    }

    async fn run(mut self, stop: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        let mut said: Option<Instant> = None;
        let mut batch = Vec::new();
        while !stop.is_cancelled() {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.gather(&mut batch) => {}
            }
            match self.collector.send(&mut batch).await {
                Ok(()) => pause = FIRST_PAUSE,
                Err(error) => {
                    if said.is_none_or(|said| said.elapsed() > SAID) {
                        said = Some(Instant::now());
                        let to = origin(&self.collector.endpoint);
                        tracing::warn!(
                            target: "mortise_server::otlp",
                            "traces and logs are dropped: the collector {to} failed: {error}; \
                             check --otlp-endpoint"
                        );
                    }
                    // Meanwhile the queue fills, and drops.
                    let _ = timeout(pause, stop.cancelled()).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
        while let Ok(record) = self.waiting.try_recv() {
            batch.push(record);
            if batch.len() >= BATCH && self.collector.send(&mut batch).await.is_err() {
                return;
            }
        }
        // The server ends: nobody reads about a failure.
        let _ = self.collector.send(&mut batch).await;
    }

    /// Waits for records, and for those that come soon after the first.
    async fn gather(&mut self, batch: &mut Vec<Record>) {
        if batch.is_empty() && self.waiting.recv_many(batch, BATCH).await == 0 {
            // The subscriber is gone.
            return std::future::pending().await;
        }
        let _ = timeout(GATHER, async {
            while batch.len() < BATCH {
                let room = BATCH - batch.len();
                if self.waiting.recv_many(batch, room).await == 0 {
                    return;
                }
            }
        })
        .await;
    }
}

impl Exporting {
    /// Sends the last records, within some seconds.
    pub async fn stop(self) {
        self.stop.cancel();
        // A collector that is slow does not get them.
        let _ = timeout(LAST, self.task).await;
    }
}

impl Collector {
    /// Sends records and forgets them. Those that are not taken count as dropped.
    async fn send(&self, batch: &mut Vec<Record>) -> Result<(), ExportError> {
        let mut result = Ok(());
        for signal in Signal::ALL {
            let of_signal = batch.iter().filter(|record| record.signal() == signal);
            let number = of_signal.count();
            if number == 0 {
                continue;
            }
            let body = encode::body(signal, &self.service, batch).to_string();
            match self.post(signal, body).await {
                Ok(()) => signal.sent(number),
                Err(error) => {
                    signal.dropped(number);
                    result = Err(error);
                }
            }
        }
        batch.clear();
        result
    }

    async fn post(&self, signal: Signal, body: String) -> Result<(), ExportError> {
        let base = self.endpoint.path().trim_end_matches('/');
        let mut url = self.endpoint.clone();
        url.set_path(&format!("{base}/v1/{}", signal.name()));
        let mut request = Request::new(Full::new(Bytes::from(body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = client::path(&url)?;
        *request.headers_mut() = self.headers.clone();
        let answer = timeout(ANSWER, client::send(&url, request));
        let answer = answer.await.map_err(|_| ExportError::TimedOut)??;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(ExportError::Status(status)),
        }
    }
}
