//! Pages of other origins, as the settings allow them.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};

use super::layers::add_configured;
use crate::{config::Cors, state::AppState};

/// How long a browser may remember an answer to its preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("43200");
/// Headers of answers that pages may read, beside the usual ones.
const EXPOSED: HeaderValue = HeaderValue::from_static("mortise-dropped-by");

/// The middleware that answers preflights and marks answers as readable. Plugins
/// answer for their own pages.
pub(super) async fn cors(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let is_off = state.settings_now().cors.origins.is_empty();
    if is_off || is_plugins(request.uri().path()) {
        return next.run(request).await;
    }
    let settings = state.settings();
    let cors = &settings.cors;
    let allowed = cors.allowed(request.headers()).cloned();
    let preflight = request.method() == Method::OPTIONS
        && request
            .headers()
            .contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = if preflight && allowed.is_some() {
        let mut answer = (StatusCode::NO_CONTENT, preflight_headers(cors)).into_response();
        add_configured(answer.headers_mut(), &settings.response_headers);
        answer
    } else {
        next.run(request).await
    };
    let headers = response.headers_mut();
    headers.append(header::VARY, HeaderValue::from_name(header::ORIGIN));
    if let Some(origin) = allowed {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

/// Whether a path is below a plugin's webhook.
fn is_plugins(path: &str) -> bool {
    let mut segments = path.trim_start_matches('/').split('/');
    segments.next() == Some("plugin") && segments.nth(1) == Some("custom")
}

fn preflight_headers(cors: &Cors) -> HeaderMap {
    let methods: Vec<_> = cors.methods.iter().map(Method::as_str).collect();
    let names: Vec<_> = cors.headers.iter().map(HeaderName::as_str).collect();
    let mut headers = HeaderMap::new();
    let mut set = |name, values: &[&str]| {
        if let Ok(value) = HeaderValue::from_str(&values.join(", ")) {
            headers.insert(name, value);
        }
    };
    set(header::ACCESS_CONTROL_ALLOW_METHODS, &methods);
    set(header::ACCESS_CONTROL_ALLOW_HEADERS, &names);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    headers
}
