//! What senders and clients see: the Gotify behind this server, with filters in
//! front of its `POST /message`, and this server's webhooks, metrics and readiness
//! beside it.

use std::{net::SocketAddr, sync::Arc};

use axum::{
    Router,
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    response::{IntoResponse as _, Response},
    routing::post,
};
use futures_util::{StreamExt as _, stream};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use mortise_store::UpstreamApplication;
use serde_json::Value;
use tower::ServiceExt as _;
use url::Position;

use super::Upstream;
use crate::{
    api::{self, ApiError},
    auth::{Token, presented_token},
    client,
    origin::Secure,
    state::AppState,
};

/// Headers of one connection, which are not passed on.
const CONNECTION: [HeaderName; 6] = [
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::PROXY_AUTHORIZATION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Paths of this server that Gotify does not have. `/health` is Gotify's.
const OWN: [&str; 2] = ["/metrics", "/ready"];

/// The router in front of a Gotify; `own` is this server's own.
pub(crate) fn front(upstream: &Arc<Upstream>, state: &AppState, own: Router) -> Router {
    let (upstream, state) = (Arc::clone(upstream), state.clone());
    let passing = passing(&upstream, &state);
    Router::new().fallback(move |request: Request| {
        let (upstream, state) = (Arc::clone(&upstream), state.clone());
        let (own, passing) = (own.clone(), passing.clone());
        async move {
            let (parts, body) = request.into_parts();
            let recipient = recipient(&upstream, &state, &parts).await;
            let request = Request::from_parts(parts, body);
            let answered = match recipient {
                Ok(Recipient::Own) => Ok(answer(own, request).await),
                Ok(Recipient::Filters(there)) => {
                    renumbered(answer(own, request).await, there.upstream_id).await
                }
                Ok(Recipient::Gotify) => Ok(answer(passing, request).await),
                Err(error) => Err(error),
            };
            answered.unwrap_or_else(axum::response::IntoResponse::into_response)
        }
    })
}

async fn answer(router: Router, request: Request) -> Response {
    router
        .oneshot(request)
        .await
        .unwrap_or_else(|never| match never {})
}

/// The one that answers a request.
enum Recipient {
    /// This server.
    Own,
    /// This server, for a known sender of this application.
    Filters(UpstreamApplication),
    /// Gotify.
    Gotify,
}

async fn recipient(
    upstream: &Upstream,
    state: &AppState,
    parts: &Parts,
) -> Result<Recipient, ApiError> {
    let path = parts.uri.path();
    if OWN.contains(&path) || is_webhook(state, path).await {
        return Ok(Recipient::Own);
    }
    if parts.method == Method::POST
        && path == "/message"
        && let Some(token) = presented_token(parts).filter(is_sender)
        && let Some(there) = known(upstream, state, &token).await?
    {
        return Ok(Recipient::Filters(there));
    }
    Ok(Recipient::Gotify)
}

/// Whether a path is a webhook of a plugin of this server.
async fn is_webhook(state: &AppState, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let ["", "plugin", _, "custom", token, ..] = parts.as_slice() else {
        return false;
    };
    let found = state.store.plugin_instance_by_token(token).await;
    found.is_ok_and(|found| found.is_some())
}

/// The requests that pass through to Gotify.
fn passing(upstream: &Arc<Upstream>, state: &AppState) -> Router {
    let parts = (Arc::clone(upstream), state.clone());
    let router = Router::new()
        .route("/message", post(unknown_sender).fallback(anything))
        .fallback(anything)
        .with_state(parts);
    api::timed(router, state)
}

async fn anything(
    State((upstream, _)): State<(Arc<Upstream>, AppState)>,
    request: Request,
) -> Result<Response, ApiError> {
    pass(&upstream, request).await
}

/// Passes a message of an unknown sender, whom Gotify's answer makes known.
async fn unknown_sender(
    State((upstream, state)): State<(Arc<Upstream>, AppState)>,
    request: Request,
) -> Result<Response, ApiError> {
    let (parts, body) = request.into_parts();
    let Some(token) = presented_token(&parts).filter(is_sender) else {
        return pass(&upstream, Request::from_parts(parts, body)).await;
    };
    let query = parts.uri.query().unwrap_or_default();
    let in_query = names_application(query.as_bytes());
    let (body, in_body) = examined(body).await?;
    let answered = pass(&upstream, Request::from_parts(parts, body)).await?;
    if in_query || in_body || answered.status() != StatusCode::OK {
        return Ok(answered);
    }
    let (parts, bytes) = whole(answered).await?;
    learn(&upstream, &state, &token, &bytes).await;
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// Whether a token can be that of a sender. A client's token sends as any application,
/// and a token with a signature is another one each time.
fn is_sender(token: &Token) -> bool {
    let token = token.reveal();
    let is_clients = token.starts_with('C') || token.starts_with("gtfyc.");
    let is_signed = token.starts_with("gtfy") && token.matches('.').count() > 1;
    !is_clients && !is_signed
}

/// The longest body of a message from which a sender is learnt, in bytes.
const EXAMINED: usize = 1 << 20;

/// A body, and whether it may name an application. Gotify demands that of a client's
/// token, and not of an application's.
async fn examined(body: Body) -> Result<(Body, bool), ApiError> {
    let mut chunks = body.into_data_stream();
    let mut begun = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| ApiError::bad_request("the body ended early"))?;
        begun.extend_from_slice(&chunk);
        if begun.len() > EXAMINED {
            let begun = stream::iter([Ok(Bytes::from(begun))]);
            return Ok((Body::from_stream(begun.chain(chunks)), true));
        }
    }
    let names = names_application(&begun);
    Ok((Body::from(begun), names))
}

/// Whether `appid` occurs in a query or body. A text that mentions it only delays the
/// learning to the next message.
fn names_application(text: &[u8]) -> bool {
    const NAME: &[u8] = b"appid";
    text.windows(NAME.len())
        .any(|part| part.eq_ignore_ascii_case(NAME))
}

/// The application there of a known sender. A token of an application that is not
/// Gotify's is for Gotify to refuse.
async fn known(
    upstream: &Upstream,
    state: &AppState,
    token: &Token,
) -> Result<Option<UpstreamApplication>, ApiError> {
    let application = state.store.application_by_token(&token.hash()).await?;
    let Some(application) = application else {
        return Ok(None);
    };
    let there = state.store.upstream_application(application.id).await?;
    Ok(there.filter(|there| there.token.is_none() && upstream.users.contains_key(&there.user_id)))
}

/// Notes the application of a token whose message was accepted.
async fn learn(upstream: &Upstream, state: &AppState, token: &Token, answer: &[u8]) {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let Some(application) = answer.get("appid").and_then(Value::as_i64) else {
        return;
    };
    let learnt = async {
        let mut there = state.store.application_of_upstream(application).await?;
        if there.is_none() {
            for user in upstream.users.keys() {
                upstream.mirror(*user).await?;
            }
            there = state.store.application_of_upstream(application).await?;
        }
        // A plugin's application has no senders.
        if let Some(there) = there.filter(|there| there.token.is_none()) {
            let id = there.application_id;
            state.store.learn_token(id, &token.hash()).await?;
        }
        Ok::<_, super::UpstreamError>(())
    };
    if let Err(error) = learnt.await {
        tracing::warn!(%error, "a sender was not noted; its messages pass no filters yet");
    }
}

/// An answer to a sender with Gotify's number of the application.
async fn renumbered(answered: Response, upstream_id: i64) -> Result<Response, ApiError> {
    if answered.status() != StatusCode::OK {
        return Ok(answered);
    }
    let (mut parts, bytes) = whole(answered).await?;
    let Ok(mut message) = serde_json::from_slice::<Value>(&bytes) else {
        return Ok(Response::from_parts(parts, Body::from(bytes)));
    };
    if let Some(message) = message.as_object_mut() {
        message.insert("appid".to_owned(), upstream_id.into());
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    Ok(Response::from_parts(parts, Body::from(message.to_string())))
}

/// The longest message in an answer, in bytes.
const ANSWER: usize = 256 << 20;

async fn whole(response: Response) -> Result<(axum::http::response::Parts, Bytes), ApiError> {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, ANSWER).await.map_err(ApiError::internal)?;
    Ok((parts, bytes))
}

/// Passes a request on, and a WebSocket with what follows.
async fn pass(upstream: &Upstream, mut request: Request) -> Result<Response, ApiError> {
    let unreachable = |cause: String| {
        ApiError::new(
            StatusCode::BAD_GATEWAY,
            format!(
                "Gotify at {} does not answer: {cause}",
                client::origin(&upstream.url)
            ),
        )
    };
    let upgraded = request
        .headers()
        .contains_key(header::UPGRADE)
        .then(|| hyper::upgrade::on(&mut request));
    let (mut parts, body) = request.into_parts();
    forwarded(&mut parts, upstream)?;
    let stream = client::connect(&upstream.url)
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    tokio::spawn(connection.with_upgrades());
    let mut response = sender
        .send_request(Request::from_parts(parts, body))
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    let switching = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    if let Some(client_side) = upgraded.filter(|_| switching) {
        let there = hyper::upgrade::on(&mut response);
        tokio::spawn(async move {
            let (Ok(here), Ok(there)) = tokio::join!(client_side, there) else {
                return;
            };
            let (mut here, mut there) = (TokioIo::new(here), TokioIo::new(there));
            // It ends when either side does.
            let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
        });
    }
    let mut response = response.map(Body::new);
    strip(response.headers_mut(), switching);
    Ok(response.into_response())
}

/// Makes a request one to Gotify.
fn forwarded(parts: &mut Parts, upstream: &Upstream) -> Result<(), ApiError> {
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let peer = peer.map(|ConnectInfo(peer)| peer.ip().to_canonical().to_string());
    let secure = parts.extensions.get::<Secure>().is_some();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let path = format!("{}{path}", upstream.url.path().trim_end_matches('/'));
    parts.uri = path
        .parse::<Uri>()
        .map_err(|_| ApiError::bad_request("invalid path"))?;
    parts.extensions.clear();
    let upgrade = parts.headers.contains_key(header::UPGRADE);
    strip(&mut parts.headers, upgrade);
    let headers = &mut parts.headers;
    let host = &upstream.url[Position::BeforeHost..Position::AfterPort];
    let value = |text: &str| HeaderValue::from_str(text).map_err(ApiError::internal);
    let outer = headers.insert(header::HOST, value(host)?);
    // Gotify's page is of this server's origin to the browser, and of its own to
    // Gotify.
    let same = |origin: &HeaderValue| {
        let origin = origin.to_str().ok().and_then(|text| text.split_once("://"));
        let outer = outer.as_ref().and_then(|host| host.to_str().ok());
        origin.is_some_and(|(_, host)| Some(host) == outer)
    };
    if headers.get(header::ORIGIN).is_some_and(same) {
        headers.insert(header::ORIGIN, value(&client::origin(&upstream.url))?);
    }
    if let Some(peer) = peer {
        let before = headers.get("x-forwarded-for");
        let before = before.and_then(|before| before.to_str().ok());
        let all = before.map_or_else(|| peer.clone(), |before| format!("{before}, {peer}"));
        headers.insert("x-forwarded-for", value(&all)?);
    }
    if !headers.contains_key("x-forwarded-proto") {
        let scheme = if secure { "https" } else { "http" };
        headers.insert("x-forwarded-proto", HeaderValue::from_static(scheme));
    }
    if let Some(outer) = outer
        && !headers.contains_key("x-forwarded-host")
    {
        headers.insert("x-forwarded-host", outer);
    }
    Ok(())
}

/// Removes the headers of one connection.
fn strip(headers: &mut HeaderMap, upgrade: bool) {
    for name in CONNECTION {
        headers.remove(name);
    }
    if !upgrade {
        headers.remove(header::CONNECTION);
        headers.remove(header::UPGRADE);
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};

    use super::{EXAMINED, Token, examined, is_sender};

    #[test]
    fn tokens_of_clients_and_signed_ones_are_no_senders() {
        for (token, expected) in [
            ("A00000000000.00", true),
            ("C00000000000.00", false),
            ("gtfya.e2NcJK7AenXBPIRB3S03JsBlmy0V6xP8h0hwSiAJae8", true),
            ("gtfyc.e2NcJK7AenXBPIRB3S03JsBlmy0V6xP8h0hwSiAJae8", false),
            ("gtfya.e2Nc.1764500000.c2ln", false),
        ] {
            assert_eq!(is_sender(&Token::from_request(token)), expected, "{token}");
        }
    }

    #[tokio::test]
    async fn a_body_is_examined_and_stays_as_it_is() {
        let long = "m".repeat(EXAMINED + 1);
        for (text, expected) in [
            (r#"{"message":"m"}"#, false),
            (r#"{"message":"m","appid":1}"#, true),
            (r#"{"message":"m","AppID":1}"#, true),
            ("message=m&appid=1", true),
            ("", false),
            (&long, true),
        ] {
            let (body, names) = examined(Body::from(text.to_owned())).await.unwrap();
            assert_eq!(names, expected);
            let whole = to_bytes(body, 2 * EXAMINED).await.unwrap();
            assert_eq!(whole, text.as_bytes());
        }
    }
}
