//! Requests from outside to plugins, at their secret addresses
//! `/plugin/<id>/custom/<token>/...`. Only the token counts. What a plugin
//! answers is passed on as it is, but for two things that would reach beyond
//! the plugin: headers of the connection, and what would act in its user's
//! browser as this server.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

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
    trace,
    types::{Header, WebhookRequest},
};
use utoipa_axum::routes;

use super::{ApiError, Origin, Routes, own_page};
use crate::{auth::COOKIE, plugins::Slot, state::AppState};

/// The time in which a request's body must arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

/// Headers of a plugin's answer that are passed on, beside those that begin with
/// `x-`. Others act on the whole origin, on later requests or on proxies.
const ANSWER: [HeaderName; 24] = [
    header::ACCEPT_RANGES,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
    header::ALLOW,
    header::CACHE_CONTROL,
    header::CONTENT_DISPOSITION,
    header::CONTENT_ENCODING,
    header::CONTENT_LANGUAGE,
    header::CONTENT_RANGE,
    header::CONTENT_SECURITY_POLICY,
    header::CONTENT_TYPE,
    header::ETAG,
    header::EXPIRES,
    header::LAST_MODIFIED,
    header::LINK,
    header::LOCATION,
    header::PRAGMA,
    header::REFERRER_POLICY,
    header::RETRY_AFTER,
    header::VARY,
    header::WARNING,
];

/// Beginnings of headers by which an answer commands the proxy before the server,
/// or speaks as the server.
const TO_PROXIES: [&str; 5] = [
    "x-accel-",
    "x-sendfile",
    "x-litespeed-",
    "x-gotify-",
    "x-mortise-",
];

/// Headers of a request with which its visitor uses the server itself.
const CREDENTIALS: [&str; 5] = [
    "authorization",
    "proxy-authorization",
    "x-gotify-key",
    "x-mortise-key",
    "x-mortise-user",
];

/// A plugin's page is on the server's own origin. A browser runs it as if it were
/// elsewhere, so that its scripts cannot use the API with its visitor's session.
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
    let granted = state.plugins.grants().of(&slot.plugin().manifest().id);
    let own_page = granted.grants.cookies.is_empty() && own_page::is_from(request.headers());
    if own_page && let Some(answer) = own_page::preflight(request.method(), request.headers()) {
        return Ok(answer);
    }
    let head = request.method() == Method::HEAD;
    let request = taken(&slot, origin, request, granted.limits.webhook_body_bytes).await?;
    match state.plugins.webhook(&slot, request).await {
        Ok(WebhookAnswer {
            status,
            headers,
            body,
        }) => {
            let body = passed_on(slot, body);
            let mut response = given(status, &headers, body, &granted.grants.cookies);
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
    let (mut parts, body) = request.into_parts();
    // For a native plugin that passes it on by itself.
    trace::put_into(&mut parts.headers);
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
        base_path: slot.base_path().to_owned(),
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
        .filter(|(name, _)| !CREDENTIALS.contains(&name.as_str()))
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

/// A plugin's answer as the client is given it. It sets only the cookies that it
/// was granted.
fn given(status: u16, headers: &[Header], body: Body, cookies: &BTreeSet<String>) -> Response {
    let mut response = Response::new(body);
    // The runtime has checked both.
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    for Header { name, value } in headers {
        let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value))
        else {
            continue;
        };
        if passes(&name) || (name == header::SET_COOKIE && sets_own(&value, cookies)) {
            response.headers_mut().append(name, value);
        }
    }
    let headers = response.headers_mut();
    headers.append(header::CONTENT_SECURITY_POLICY, SANDBOX);
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    response
}

/// Returns true if a header concerns this answer alone.
fn passes(name: &HeaderName) -> bool {
    let text = name.as_str();
    let own = text.starts_with("x-") && !TO_PROXIES.iter().any(|start| text.starts_with(start));
    own || ANSWER.contains(name)
}

/// Returns true if a cookie has a granted name, is not the server's own, and is for
/// this host alone.
fn sets_own(value: &HeaderValue, granted: &BTreeSet<String>) -> bool {
    let Ok(text) = value.to_str() else {
        return false;
    };
    let mut parts = text.split(';');
    let Some((name, _)) = parts.next().and_then(|pair| pair.split_once('=')) else {
        return false;
    };
    let name = name.trim();
    let for_others = |part: &str| {
        let attribute = part.split('=').next().unwrap_or_default().trim();
        attribute.eq_ignore_ascii_case("domain")
    };
    granted.contains(name) && !name.eq_ignore_ascii_case(COOKIE) && !parts.any(for_others)
}

/// Returns the length of the body that a response to HEAD announces.
fn announced(headers: &[Header]) -> Option<u64> {
    let named = |header: &&Header| header.name.eq_ignore_ascii_case("content-length");
    headers.iter().find(named)?.value.parse().ok()
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
    use axum::{
        body::Body,
        http::{HeaderMap, HeaderValue, header},
        response::Response,
    };
    use mortise_runtime::types::Header;

    fn given(headers: &[(&str, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| Header {
            name: (*name).to_owned(),
            value: (*value).to_owned(),
        });
        let headers: Vec<_> = headers.collect();
        let cookies = ["mine", "gotify-client-token"].map(str::to_owned);
        super::given(201, &headers, Body::from("x"), &cookies.into())
    }

    #[test]
    fn headers_pass_but_those_that_reach_beyond_the_plugin() {
        let passed = [
            ("x-mine", "1"),
            ("x-mine", "2"),
            ("content-type", "text/plain"),
            ("location", "/elsewhere"),
            ("access-control-allow-origin", "*"),
            ("set-cookie", "mine=1; Path=/; HttpOnly"),
        ];
        let kept_back = [
            ("content-length", "99"),
            ("transfer-encoding", "chunked"),
            ("connection", "upgrade"),
            ("clear-site-data", "\"*\""),
            ("strict-transport-security", "max-age=1"),
            ("nel", "{}"),
            ("report-to", "{}"),
            ("reporting-endpoints", "a=\"https://b\""),
            ("alt-svc", "h3=\":443\""),
            ("www-authenticate", "Basic"),
            ("service-worker-allowed", "/"),
            ("refresh", "0; url=/"),
            ("origin-agent-cluster", "?1"),
            ("public-key-pins", "x"),
            ("x-accel-redirect", "/etc"),
            ("x-sendfile", "/etc"),
            ("x-gotify-key", "C"),
            ("set-cookie", "Gotify-client-token =stolen"),
            ("set-cookie", "gotify-client-token=stolen"),
            ("set-cookie", "=gotify-client-token=stolen"),
            ("set-cookie", "gotify-client-token"),
            ("set-cookie", "other=1"),
            ("set-cookie", "mine=1; domain=example.org"),
        ];
        let response = given(&[&passed[..], &kept_back].concat());
        assert_eq!(response.status(), 201);
        let names: Vec<_> = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
            .filter(|(name, _)| {
                *name != "content-security-policy" && *name != "x-content-type-options"
            })
            .collect();
        let mut expected = passed.to_vec();
        let mut names = names;
        names.sort_unstable();
        expected.sort_unstable();
        assert_eq!(names, expected);
    }

    #[test]
    fn a_page_cannot_lift_its_sandbox() {
        let headers = [("content-security-policy", "sandbox allow-same-origin")];
        let response = given(&headers);
        let policies: Vec<_> = response
            .headers()
            .get_all(header::CONTENT_SECURITY_POLICY)
            .iter()
            .collect();
        // A browser applies all of them, so the strictest.
        assert_eq!(policies.len(), 2);
        assert_eq!(policies[1], super::SANDBOX);
    }

    #[test]
    fn a_visitors_credentials_are_not_shown() {
        let mut map = HeaderMap::new();
        for name in [
            "authorization",
            "x-gotify-key",
            "x-mortise-key",
            "x-hub-signature",
        ] {
            map.insert(name, HeaderValue::from_static("secret"));
        }
        let shown = super::headers(&map);
        let names: Vec<_> = shown.iter().map(|header| &*header.name).collect();
        assert_eq!(names, ["x-hub-signature"]);
    }
}
