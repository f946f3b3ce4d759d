//! Two servers on loopback, `${http}` and `${other}`. They send a case's
//! responses and record the requests. Dropping the value ends them.

use std::{collections::BTreeMap, convert::Infallible, io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use mortise_runtime::{Grants, grants::Scheme};
use parking_lot::Mutex;
use tokio::{net::TcpListener, task::JoinSet};

use crate::case::plan::{Exchange, Respond};

/// The servers of one case.
#[derive(Debug)]
pub(crate) struct Web {
    listeners: [TcpListener; 2],
    addresses: [SocketAddr; 2],
}

/// The running servers.
#[derive(Debug)]
pub(crate) struct Answering {
    script: Arc<Script>,
    addresses: [SocketAddr; 2],
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct Script {
    /// The responses to each request, in order.
    answers: Mutex<BTreeMap<(String, String), Vec<Respond>>>,
    asked: Mutex<Vec<Asked>>,
}

/// A received request.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// Path and query; the whole address below `${other}`.
    pub(crate) url: String,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) body: Vec<u8>,
}

/// The longest request body that is read, in bytes.
const LONGEST: usize = 64 << 20;

impl Web {
    /// Binds two ports.
    pub(crate) async fn bind() -> io::Result<Self> {
        let bind = || TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0));
        let listeners = [bind().await?, bind().await?];
        let [http, other] = &listeners;
        let addresses = [http.local_addr()?, other.local_addr()?];
        Ok(Self {
            listeners,
            addresses,
        })
    }

    /// The addresses of `${http}` and `${other}`.
    pub(crate) const fn addresses(&self) -> [SocketAddr; 2] {
        self.addresses
    }

    /// Starts to answer.
    pub(crate) fn answer(self, exchanges: &[Exchange]) -> Answering {
        let [http, _] = self.addresses;
        let mut answers: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for Exchange { request, respond } in exchanges {
            // A path alone belongs to the first server.
            let own = request.url.strip_prefix(&format!("http://{http}"));
            let url = own.unwrap_or(&request.url).to_owned();
            let to = answers.entry((request.method.clone(), url)).or_default();
            to.push(respond.clone());
        }
        let script = Arc::new(Script {
            answers: Mutex::new(answers),
            asked: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        let prefixes = ["".to_owned(), format!("http://{}", self.addresses[1])];
        for (listener, prefix) in self.listeners.into_iter().zip(prefixes) {
            tasks.spawn(accept(listener, Arc::clone(&script), prefix));
        }
        Answering {
            script,
            addresses: self.addresses,
            _tasks: tasks,
        }
    }
}

impl Answering {
    /// Names the servers' addresses in grants that allow them by a pattern. A process
    /// that uses no proxy for loopback reaches only ports that are named.
    pub(crate) fn name_in(&self, grants: &mut Grants) {
        for address in self.addresses {
            let (host, port) = (address.ip().to_string(), address.port());
            if grants.host.allows_http(Scheme::Http, &host, Some(port))
                && let Ok(pattern) = address.to_string().parse()
            {
                grants.host.http.insert(pattern);
            }
        }
    }

    /// Returns the requests received from this number on.
    pub(crate) fn asked(&self, from: usize) -> Vec<Asked> {
        self.script
            .asked
            .lock()
            .get(from..)
            .unwrap_or_default()
            .to_vec()
    }
}

/// Serves connections. Dropping the future ends them.
async fn accept(listener: TcpListener, script: Arc<Script>, prefix: String) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (script, prefix) = (Arc::clone(&script), prefix.clone());
        connections.spawn(async move {
            let service = service_fn(|request| answer(&script, &prefix, request));
            // A client that disconnects is not an error here.
            _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn answer(
    script: &Script,
    prefix: &str,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let method = head.method.to_string();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("{prefix}{path}");
    let body = match Limited::new(body, LONGEST).collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(error) => return Ok(plain(400, format!("the body cannot be read: {error}"))),
    };
    let headers = head.headers.iter();
    script.asked.lock().push(Asked {
        method: method.clone(),
        url: url.clone(),
        headers: headers
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect(),
        body,
    });
    let respond = {
        let mut answers = script.answers.lock();
        match answers.get_mut(&(method.clone(), url.clone())) {
            Some(left) if left.len() > 1 => Some(left.remove(0)),
            Some(left) => left.first().cloned(),
            None => None,
        }
    };
    let Some(respond) = respond else {
        return Ok(plain(
            404,
            format!("the case has no answer to `{method} {url}` under `http`"),
        ));
    };
    tokio::time::sleep(respond.delay).await;
    let mut response = Response::builder().status(respond.status);
    for (name, value) in &respond.headers {
        response = response.header(name, value);
    }
    let body = Full::new(Bytes::from(respond.body.0));
    Ok(response
        .body(body)
        .unwrap_or_else(|error| plain(500, format!("the case's answer is not HTTP: {error}"))))
}

fn plain(status: u16, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    if let Ok(status) = status.try_into() {
        *response.status_mut() = status;
    }
    response
}
