//! The stream of live events: server-sent events over one connection. See
//! [`crate::events`] for the events that each user gets.

use std::{convert::Infallible, time::Duration};

use axum::{
    Extension,
    extract::State,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{self, KeepAlive, Sse},
    },
};
use futures_util::stream;
use utoipa_axum::routes;

use super::{ApiError, Routes};
use crate::{
    auth::{AuthError, Caller},
    events::{StateEvent, Subscription},
    listen::Connection,
    state::AppState,
};

/// How often a quiet stream shows that it lives.
const ALIVE: Duration = Duration::from_secs(15);
/// How long a reader that is to be cut has to notice.
const GOODBYE: Duration = Duration::from_secs(2);
/// Asks proxies not to hold events back.
const UNBUFFERED: (HeaderName, HeaderValue) = (
    HeaderName::from_static("x-accel-buffering"),
    HeaderValue::from_static("no"),
);

pub(super) fn routes(routes: Routes) -> Routes {
    routes.client(routes!(events))
}

/// Streams changes: of the caller's plugins, and of all plugins if the caller is
/// an administrator whose session is elevated. The first event is `state`, also
/// after a reconnection; those after it are changes to it. The others are
/// `plugin`, `log`, `denials`, `dropped` and `not-elevated`, and for
/// administrators `admin-plugin`, `admin-log`, `admin-denials`, `pending`,
/// `problems` and `install`. Data is JSON.
#[utoipa::path(get, path = "/events", tag = "plugin", responses(
    (status = 200, body = StateEvent<'static>, content_type = "text/event-stream",
        description = "The schema is that of the event `state`."),
    (status = 429, description = "Too many streams are open."),
))]
async fn events(
    State(state): State<AppState>,
    caller: Caller,
    connection: Option<Extension<Connection>>,
) -> Result<Response, ApiError> {
    // So that the first event has all of the caller's plugins.
    state.plugins.of_user(caller.user.id).await?;
    let (user, client) = (caller.user.clone(), caller.client.clone());
    let subscription = state.events.subscribe(caller).ok_or_else(|| {
        ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many streams of events are open; close one first",
        )
    })?;
    // Who is deleted or gets other rights from now on closes it; who did since
    // the caller was let in has none.
    let now = state.store.user(user.id).await?;
    let same = now.is_some_and(|now| now.admin == user.admin);
    let there = match client {
        Some(client) => state.store.client(user.id, client.id).await?.is_some(),
        None => true,
    };
    if !(same && there) {
        return Err(AuthError::Unauthorized.into());
    }
    if let Some(Extension(connection)) = connection {
        tokio::spawn(cut_in_the_end(
            subscription.closed(),
            subscription.ended(),
            connection,
        ));
    }
    let events = stream::unfold(subscription, next);
    let stream = Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE));
    Ok(([UNBUFFERED], stream).into_response())
}

async fn next(
    mut subscription: Subscription,
) -> Option<(Result<sse::Event, Infallible>, Subscription)> {
    let event = subscription.next().await?;
    let event = sse::Event::default().event(event.name).data(&*event.data);
    Some((Ok(event), subscription))
}

/// A reader that does not read never comes to the end of its stream: its
/// connection is cut.
async fn cut_in_the_end(
    closed: tokio_util::sync::CancellationToken,
    ended: tokio_util::sync::CancellationToken,
    connection: Connection,
) {
    tokio::select! {
        () = ended.cancelled() => return,
        () = closed.cancelled() => {}
    }
    if tokio::time::timeout(GOODBYE, ended.cancelled())
        .await
        .is_err()
    {
        connection.cut();
    }
}
