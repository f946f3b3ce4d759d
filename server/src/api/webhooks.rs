//! Requests from outside to plugins, at their secret addresses
//! `/plugin/<id>/custom/<token>/...`. Only the token counts. What a plugin
//! answers is passed on as it is, but for two things that would reach beyond
//! the plugin: headers of the connection, and what would act in its user's
//! browser as this server.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use futures_util::stream;
use mortise_runtime::{
    CallError, Plugin as _,
    limits::Limit,
    plugin::{WebhookAnswer, WebhookBody},
    types::{Header, WebhookRequest},
};
use utoipa_axum::routes;

use super::{ApiError, Origin, Routes, own_page};
use crate::{auth::COOKIE, plugins::Slot, state::AppState};

/// The time in which a request's body must arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Headers that concern one connection, which is the server's business.
const CONNECTION: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
];

/// A plugin's page is on the server's own origin. Unless the administrator lets
/// the plugin see cookies, a browser runs it as if it were elsewhere, so that
/// its scripts cannot use the API with its visitor's session.
const SANDBOX: HeaderValue = HeaderValue::from_static(
    "sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts",
);

pub(super) fn routes(routes: Routes) -> Routes {
    routes.public(routes!(base)).public(routes!(below))
}

/// A request to a plugin's webhook.
#[utoipa::path(
    method(get, post, put, delete, options, head, patch, trace),
    path = "/plugin/{id}/custom/{token}/",
    tag = "plugin",
    params(("id" = String, Path), ("token" = String, Path, description = "The plugin's token.")),
    responses(
        (status = 200, description = "What the plugin answers."),
        (status = 400, description = "The plugin is disabled, or the request is malformed."),
        (status = 404, description = "No plugin has this token."),
        (status = 413, description = "The body is too long."),
    ),
)]
async fn base(
    State(state): State<AppState>,
    Path(address): Path<(String, String)>,
    origin: Origin,
    request: Request,
) -> Result<Response, ApiError> {
    call(&state, &address.1, origin, request).await
}

/// A request to an address below a plugin's webhook.
#[utoipa::path(
    method(get, post, put, delete, options, head, patch, trace),
    path = "/plugin/{id}/custom/{token}/{*path}",
    tag = "plugin",
    params(
        ("id" = String, Path),
        ("token" = String, Path, description = "The plugin's token."),
        ("path" = String, Path, description = "What the plugin makes of it."),
    ),
    responses(
        (status = 200, description = "What the plugin answers."),
        (status = 400, description = "The plugin is disabled, or the request is malformed."),
        (status = 404, description = "No plugin has this token."),
        (status = 413, description = "The body is too long."),
    ),
)]
async fn below(
    State(state): State<AppState>,
    Path(address): Path<(String, String, String)>,
    origin: Origin,
    request: Request,
) -> Result<Response, ApiError> {
    call(&state, &address.1, origin, request).await
}

async fn call(
    state: &AppState,
    token: &str,
    origin: Origin,
    request: Request,
) -> Result<Response, ApiError> {
    let not_there = || ApiError::not_found("page not found");
    let slot = state.plugins.slot_by_token(token).await?;
    let slot = slot.ok_or_else(not_there)?;
    if !slot.is_enabled() {
        return Err(ApiError::bad_request("plugin is disabled"));
    }
    let answer = state.plugins.grants().answer(&slot.plugin().manifest().id);
    let own_page = answer.cookies.is_empty() && own_page::is_from(request.headers());
    if own_page && let Some(answer) = own_page::preflight(request.method(), request.headers()) {
        return Ok(answer);
    }
    let head = request.method() == Method::HEAD;
    let request = taken(&slot, origin, request, answer.limits.webhook_body_bytes).await?;
    let result = match state.plugins.instance(&slot).await {
        Ok(instance) => instance.webhook_in_pieces(request).await,
        Err(error) => Err(error),
    };
    match result {
        Ok(WebhookAnswer {
            status,
            headers,
            body,
        }) => {
            let body = passed_on(slot, body);
            let mut response = given(status, &headers, body, answer.cookies.is_empty());
            if own_page {
                own_page::let_read(&mut response);
            }
            if head && let Some(length) = announced(&headers) {
                let length = HeaderValue::from(length);
                response
                    .headers_mut()
                    .insert(header::CONTENT_LENGTH, length);
            }
            Ok(response)
        }
        Err(CallError::NotExported(_)) => Err(not_there()),
        Err(error) => Err(refusal(&slot, &error)),
    }
}

/// A request as the plugin is given it.
async fn taken(
    slot: &Slot,
    origin: Origin,
    request: Request,
    most: u64,
) -> Result<WebhookRequest, ApiError> {
    let (parts, body) = request.into_parts();
    // As it was sent: the plugin decodes it.
    let path = parts.uri.path().splitn(6, '/').nth(5).unwrap_or_default();
    Ok(WebhookRequest {
        method: parts.method.as_str().to_owned(),
        path: path.to_owned(),
        query: parts.uri.query().map(str::to_owned),
        headers: headers(&parts.headers),
        body: read(slot, body, most).await?,
        client: origin.client.to_string(),
        scheme: origin.scheme.to_owned(),
        host: origin.host,
        base_path: slot.base_path(),
    })
}

async fn read(slot: &Slot, body: Body, most: u64) -> Result<Vec<u8>, ApiError> {
    let too_long = || {
        slot.reach(Limit::WebhookBodyBytes);
        ApiError::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is too long; this plugin takes at most {most} bytes"),
        )
    };
    let declared = http_body_size(&body);
    if declared.is_some_and(|size| size > most) {
        return Err(too_long());
    }
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    match tokio::time::timeout(BODY_TIME, axum::body::to_bytes(body, most)).await {
        Ok(Ok(bytes)) => Ok(bytes.into()),
        Ok(Err(error)) if is_over_limit(&error) => Err(too_long()),
        Ok(Err(error)) => Err(ApiError::bad_request(format!(
            "the body could not be read: {error}"
        ))),
        Err(_) => Err(ApiError::new(
            StatusCode::REQUEST_TIMEOUT,
            format!("the body did not arrive within {BODY_TIME:?}"),
        )),
    }
}

fn http_body_size(body: &Body) -> Option<u64> {
    axum::body::HttpBody::size_hint(body).exact()
}

fn is_over_limit(error: &axum::Error) -> bool {
    let mut source: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = source {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        source = error.source();
    }
    false
}

fn headers(headers: &HeaderMap) -> Vec<Header> {
    headers
        .iter()
        .map(|(name, value)| Header {
            name: name.as_str().to_owned(),
            value: match str::from_utf8(value.as_bytes()) {
                Ok(text) => text.to_owned(),
                Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
            },
        })
        .collect()
}

/// Turns a plugin's body into a response body. Passes on the parts as the
/// plugin writes them. If that fails, the connection breaks, because the status
/// was already sent.
fn passed_on(slot: Arc<Slot>, body: WebhookBody) -> Body {
    let pieces = match body {
        WebhookBody::Whole(body) => return Body::from(body),
        WebhookBody::Pieces(pieces) => pieces,
    };
    Body::from_stream(stream::unfold(
        (pieces, slot),
        async |(mut pieces, slot)| {
            let piece = pieces.next().await?;
            Some((piece.inspect_err(|error| slot.note(error)), (pieces, slot)))
        },
    ))
}

/// A plugin's answer as the client is given it.
fn given(status: u16, headers: &[Header], body: Body, sandboxed: bool) -> Response {
    let mut response = Response::new(body);
    // The runtime has checked both.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    for Header { name, value } in headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
        else {
            continue;
        };
        if !CONNECTION.contains(&name) && !sets_session(&name, &value) {
            response.headers_mut().append(name, value);
        }
    }
    if sandboxed {
        let headers = response.headers_mut();
        headers.append(header::CONTENT_SECURITY_POLICY, SANDBOX);
    }
    response
}

/// Returns the length of the body that a response to HEAD announces.
fn announced(headers: &[Header]) -> Option<u64> {
    let named = |header: &&Header| header.name.eq_ignore_ascii_case("content-length");
    headers.iter().find(named)?.value.parse().ok()
}

/// Returns true if a header would replace its visitor's session.
fn sets_session(name: &HeaderName, value: &HeaderValue) -> bool {
    *name == header::SET_COOKIE
        && value
            .as_bytes()
            .split(|byte| *byte == b'=')
            .next()
            .is_some_and(|cookie| cookie.trim_ascii().eq_ignore_ascii_case(COOKIE.as_bytes()))
}

/// Returns the response to a stranger after a plugin failed. The plugin's user
/// finds the details in the log.
fn refusal(slot: &Slot, error: &CallError) -> ApiError {
    if let CallError::BadRequest(_) = error {
        return ApiError::bad_request(error.to_string());
    }
    slot.note(error);
    let (status, text) = match error {
        CallError::Denied { .. } => (
            StatusCode::FORBIDDEN,
            "the administrator has not granted this plugin `webhook`",
        ),
        CallError::DeadlineExceeded { .. } => (
            StatusCode::GATEWAY_TIMEOUT,
            "the plugin did not answer in time",
        ),
        CallError::Busy { .. }
        | CallError::TooMany { .. }
        | CallError::TakenBack { .. }
        | CallError::Preempted { .. }
        | CallError::BackingOff { .. }
        | CallError::Unavailable(_) => (
            StatusCode::SERVICE_UNAVAILABLE,
            "the plugin cannot answer now; try again later",
        ),
        _ => (
            StatusCode::BAD_GATEWAY,
            "the plugin failed; its log says how",
        ),
    };
    ApiError::new(status, text)
}

#[cfg(test)]
mod tests {
    use axum::{body::Body, http::header, response::Response};
    use mortise_runtime::types::Header;

    fn given(headers: &[(&str, &str)], sandboxed: bool) -> Response {
        let headers = headers.iter().map(|(name, value)| Header {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        });
        super::given(
            201,
            &headers.collect::<Vec<_>>(),
            Body::from("x"),
            sandboxed,
        )
    }

    #[test]
    fn headers_pass_but_those_that_reach_beyond_the_plugin() {
        let headers = [
            ("x-mine", "1"),
            ("x-mine", "2"),
            ("content-length", "99"),
            ("transfer-encoding", "chunked"),
            ("set-cookie", "mine=1"),
            ("set-cookie", "Gotify-client-token =stolen"),
        ];
        let response = given(&headers, false);
        assert_eq!(response.status(), 201);
        let names: Vec<_> = response
            .headers()
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["x-mine", "x-mine", "set-cookie"]);
        assert_eq!(response.headers()[header::SET_COOKIE], "mine=1");
    }

    #[test]
    fn a_page_cannot_lift_its_sandbox() {
        let headers = [("content-security-policy", "sandbox allow-same-origin")];
        let response = given(&headers, true);
        let policies: Vec<_> = response
            .headers()
            .get_all(header::CONTENT_SECURITY_POLICY)
            .iter()
            .collect();
        // A browser applies all of them, so the strictest.
        assert_eq!(policies.len(), 2);
        assert_eq!(policies[1], super::SANDBOX);
    }
}
