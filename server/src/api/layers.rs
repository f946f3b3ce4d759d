//! Layers around every request: bounds on size and time, and responses in the
//! API's form even after a panic.

use std::{
    any::Any,
    hash::{BuildHasher as _, RandomState},
    net::{IpAddr, SocketAddr},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use mortise_runtime::trace;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;
use tracing::{Instrument as _, Span, field::Empty};

use super::{ApiError, Origin, cors::cors, pauses};
use crate::{Config, config::ResponseHeader, state::AppState};

/// The longest time for an administrator's command: the server may have to
/// download and compile a plugin.
const COMMAND: Duration = Duration::from_secs(900);

/// Bounds each request and answers pages of other origins. All is one layer, as the
/// router allocates each layer's service and future for each request.
pub(super) fn bound(router: Router, state: &AppState) -> Router {
    let limits = &state.config.limits;
    let longest_pause = limits.body_timeout;
    // The first is the outermost. Routes that take messages and images have bounds of
    // their own.
    router.layer((
        from_fn_with_state(state.clone(), cors),
        CatchPanicLayer::custom(panicked),
        from_fn_with_state(state.clone(), time),
        MapRequestLayer::new(move |request: Request| pauses::bounded(request, longest_pause)),
        DefaultBodyLimit::max(limits.max_body_size.bytes()),
    ))
}

/// Bounds the time of each request, logs and counts it, and answers panics.
pub(crate) fn timed(router: Router, state: &AppState) -> Router {
    router.layer((
        CatchPanicLayer::custom(panicked),
        from_fn_with_state(state.clone(), time),
    ))
}

/// Ends what takes too long, and logs each request by its route: an address
/// may hold a token.
async fn time(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let settings = state.settings();
    let id = request_id(request.headers());
    let client = client(&settings, &request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let is_command = route
        .as_ref()
        .is_some_and(|route| route.as_str().starts_with("/admin/"));
    let most = if is_command {
        COMMAND
    } else {
        settings.limits.request_timeout
    };
    let span = span(&request, route.as_ref(), client, &id);
    let answer = next.run(request).instrument(span.clone());
    let mut response = match tokio::time::timeout(most, answer).await {
        Ok(response) => response,
        Err(_) => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the request took longer than {most:?}; try again"),
        )
        .into_response(),
    };
    let route = route.as_ref().map_or("", MatchedPath::as_str);
    let status = response.status().as_u16();
    span.record("http.response.status_code", status);
    if response.status().is_server_error() {
        span.record("error", true);
    }
    let time = started.elapsed();
    state.seen.request(method.as_str(), route, status, time);
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    if settings.access_log {
        tracing::info!(target: "mortise_server::access", %method, route, status, micros, client = text(client), id, "answered");
    } else {
        tracing::debug!(target: "mortise_server::access", %method, route, status, micros, client = text(client), id, "answered");
    }
    let headers = response.headers_mut();
    add_configured(headers, &settings.response_headers);
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    response
}

/// Adds the headers that the settings name, unless the answer has them.
pub(super) fn add_configured(headers: &mut HeaderMap, configured: &[ResponseHeader]) {
    for header in configured {
        headers
            .entry(&header.name)
            .or_insert_with(|| header.value.clone());
    }
}

/// The span of a request, which continues its sender's trace.
fn span(request: &Request, route: Option<&MatchedPath>, client: Option<IpAddr>, id: &str) -> Span {
    let method = request.method();
    let route = route.map_or("", MatchedPath::as_str);
    let header = request.headers().get(trace::HEADER);
    tracing::info_span!(
        target: trace::TARGET,
        "request",
        otel.name = %format_args!("{method} {route}"),
        otel.kind = "server",
        traceparent = header.and_then(|value| value.to_str().ok()),
        http.request.method = %method,
        http.route = route,
        client.address = text(client),
        request.id = id,
        http.response.status_code = Empty,
        error = Empty,
    )
}

/// The name by which a request is found in logs.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that a proxy may give, in bytes.
const ID_BYTES: usize = 64;
/// The number of the next request.
static NUMBER: AtomicU64 = AtomicU64::new(0);
/// Random keys under which numbers become ids: an id tells nobody how many requests
/// there were, and no request asks the system for randomness.
static KEYS: LazyLock<RandomState> = LazyLock::new(RandomState::new);

/// A request's id: the proxy's, if it is plain, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok());
    let plain = |id: &&str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        (1..=ID_BYTES).contains(&id.len()) && id.bytes().all(plain)
    };
    if let Some(id) = given.filter(plain) {
        return id.to_owned();
    }
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}", KEYS.hash_one(number))
}

/// The address of a request's client; none for a request without a connection.
fn client(settings: &Config, request: &Request) -> Option<IpAddr> {
    let ConnectInfo(peer) = request.extensions().get::<ConnectInfo<SocketAddr>>()?;
    Some(Origin::client_of(request.headers(), peer.ip(), settings))
}

/// A client's address as logs have it.
fn text(client: Option<IpAddr>) -> String {
    client.map_or_else(String::new, |address| address.to_string())
}

fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no text");
    ApiError::internal(format_args!("a panic: {text}")).into_response()
}

#[cfg(test)]
mod tests {
    use axum::{
        Router,
        body::{Body, to_bytes},
        extract::Request,
        routing::get,
    };
    use tower::ServiceExt as _;
    use tower_http::catch_panic::CatchPanicLayer;

    #[tokio::test]
    async fn a_panic_is_answered_without_its_text() {
        async fn panics() {
            panic!("a secret");
        }
        let panics = Router::new().route("/", get(panics));
        let router = panics.layer(CatchPanicLayer::custom(super::panicked));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = to_bytes(response.into_body(), 1 << 10).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["errorCode"], 500);
        assert!(!body.to_string().contains("secret"), "{body}");
    }
}
