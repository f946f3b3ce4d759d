//! Layers around every request: bounds on size and time, and responses in the
//! API's form even after a panic.

use std::{
    any::Any,
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request},
    http::StatusCode,
    middleware::{Next, from_fn, from_fn_with_state},
    response::{IntoResponse as _, Response},
};
use tower_http::{catch_panic::CatchPanicLayer, timeout::RequestBodyTimeoutLayer};

use super::{ApiError, cors::cors};
use crate::state::AppState;

/// The longest body that is read whole, in bytes; routes that take messages and
/// images have bounds of their own.
const BODY_BYTES: usize = 2 << 20;
/// The longest pause within a body.
const BODY_IDLE: Duration = Duration::from_secs(30);
/// The longest time for a request; plugins have shorter deadlines.
const REQUEST: Duration = Duration::from_secs(60);
/// The longest time for an administrator's command: the server may have to
/// download and compile a plugin.
const ORDER: Duration = Duration::from_secs(900);

pub(super) fn bound(router: Router, state: &AppState) -> Router {
    bound_requests(router).layer(from_fn_with_state(state.clone(), cors))
}

fn bound_requests(router: Router) -> Router {
    router
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(RequestBodyTimeoutLayer::new(BODY_IDLE))
        .layer(from_fn(time))
        .layer(CatchPanicLayer::custom(panicked))
}

/// Ends what takes too long, and logs each request by its route: an address
/// may hold a token.
async fn time(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let ordered = route
        .as_ref()
        .is_some_and(|route| route.as_str().starts_with("/admin/"));
    let most = if ordered { ORDER } else { REQUEST };
    let response = match tokio::time::timeout(most, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("the request took longer than {most:?}; try again"),
        )
        .into_response(),
    };
    tracing::debug!(
        %method,
        route = route.as_ref().map_or("", MatchedPath::as_str),
        status = response.status().as_u16(),
        micros = started.elapsed().as_micros(),
        "answered"
    );
    response
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

    #[tokio::test]
    async fn a_panic_is_answered_without_its_text() {
        async fn panics() {
            panic!("a secret");
        }
        let router = super::bound_requests(Router::new().route("/", get(panics)));
        let response = router.oneshot(Request::new(Body::empty())).await.unwrap();
        assert_eq!(response.status(), 500);
        let body = to_bytes(response.into_body(), 1 << 10).await.unwrap();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["errorCode"], 500);
        assert!(!body.to_string().contains("secret"), "{body}");
    }
}
