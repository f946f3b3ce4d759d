//! `/stream`: new messages over a WebSocket, as the same JSON that REST shows.

use std::time::Duration;

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{Message, WebSocket, rejection::WebSocketUpgradeRejection},
    },
    http::StatusCode,
    response::Response,
};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use utoipa_axum::routes;

use super::{ApiError, Routes};
use crate::{
    auth::{AuthError, Caller},
    state::AppState,
    stream::Subscription,
};

/// The time in which a client must answer a ping.
const PONG: Duration = Duration::from_secs(15);
/// How long the echo of a client's Close may take.
const GOODBYE: Duration = Duration::from_secs(2);
/// The longest frame a client may send: it has nothing to say.
const INCOMING_BYTES: usize = 4 << 10;

pub(super) fn routes(routes: Routes) -> Routes {
    routes.client(routes!(stream))
}

/// Opens a WebSocket that brings new messages.
#[utoipa::path(get, path = "/stream", tag = "message", responses(
    (status = 101, description = "Each text frame is a message as JSON."),
    (status = 400, description = "It is no WebSocket request."),
))]
async fn stream(
    State(state): State<AppState>,
    caller: Caller,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let upgrade = upgrade.map_err(|error| ApiError::bad_request(error.body_text()))?;
    let ping = state.settings().limits.stream_ping;
    let user = caller.user.id;
    let client = caller.client.map(|client| client.id);
    // Before the answer: a message sent once the client is connected is not
    // missed.
    let subscription = state.hub.subscribe(user, client).ok_or_else(|| {
        ApiError::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too many streams of this user are open; close one first",
        )
    })?;
    // Who is deleted from now on closes it; who was deleted since the caller
    // was let in has no stream.
    let there = match client {
        Some(client) => state.store.client(user, client).await?.is_some(),
        None => state.store.user(user).await?.is_some(),
    };
    if !there {
        return Err(AuthError::Unauthorized.into());
    }
    Ok(upgrade
        .max_message_size(INCOMING_BYTES)
        .max_frame_size(INCOMING_BYTES)
        // Of the default, 128 KiB, each stream would keep as much for as long as it is
        // open: more than all the rest of it.
        .read_buffer_size(INCOMING_BYTES)
        .on_upgrade(move |socket| run(socket, subscription, ping)))
}

/// Serves a connection until either side ends it. As in Gotify, the server ends a
/// stream without a Close frame: the Android app's library takes such a frame for
/// a goodbye and reconnects minutes later.
async fn run(mut socket: WebSocket, mut subscription: Subscription, ping: Duration) {
    // A stream ends wherever it is, even if it waits for a client that does not
    // read.
    let closed = subscription.closed();
    let end = closed
        .run_until_cancelled(serve(&mut socket, &mut subscription, ping))
        .await;
    drop(subscription);
    if let Some(End::Client) = end {
        // Reading on sends the echo of the client's Close.
        let echoed = async { while let Some(Ok(_)) = socket.next().await {} };
        let _ = tokio::time::timeout(GOODBYE, echoed).await;
    }
}

/// The side that ended a stream.
enum End {
    /// The client, with a Close frame.
    Client,
    /// The server, or the connection broke.
    Server,
}

async fn serve(socket: &mut WebSocket, subscription: &mut Subscription, ping: Duration) -> End {
    let (mut sink, mut source) = socket.split();
    let mut pings = interval_at(Instant::now() + ping, ping);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let outgoing = tokio::select! {
            incoming = source.next() => match incoming {
                Some(Ok(Message::Close(_))) => return End::Client,
                Some(Err(_)) | None => return End::Server,
                // The library below answers pings.
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
            },
            text = subscription.next() => match text {
                Some(text) => Message::Text(text),
                None => return End::Server,
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
            () = sleep_until(heard + ping + PONG) => return End::Server,
        };
        if sink.send(outgoing).await.is_err() {
            return End::Server;
        }
    }
}
