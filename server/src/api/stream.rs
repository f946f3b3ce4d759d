//! `/stream`: new messages over a WebSocket, as the same JSON that REST shows.

use std::time::Duration;

use axum::{
    extract::{
        State, WebSocketUpgrade,
        ws::{CloseFrame, Message, WebSocket, close_code, rejection::WebSocketUpgradeRejection},
    },
    http::StatusCode,
    response::Response,
};
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until};
use utoipa_axum::routes;

use super::{ApiError, Routes};
use crate::{auth::Caller, state::AppState, stream::Subscription};

/// How often a client is asked whether it is there.
const PING: Duration = Duration::from_secs(45);
/// How long it may take to answer.
const PONG: Duration = Duration::from_secs(15);
/// How long the goodbye may take.
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
        return Err(ApiError::unauthorized());
    }
    Ok(upgrade
        .max_message_size(INCOMING_BYTES)
        .max_frame_size(INCOMING_BYTES)
        .on_upgrade(move |socket| run(socket, subscription)))
}

/// Serves a connection until either side ends it.
async fn run(mut socket: WebSocket, mut subscription: Subscription) {
    let closed = subscription.closed();
    // Wherever it is, waiting for a client that does not read included.
    let ended = closed
        .run_until_cancelled(serve(&mut socket, &mut subscription))
        .await
        .is_some();
    drop(subscription);
    let frame = CloseFrame {
        code: if ended {
            close_code::NORMAL
        } else {
            close_code::AWAY
        },
        reason: "".into(),
    };
    // Nobody may be there to hear it.
    let _ = tokio::time::timeout(GOODBYE, socket.send(Message::Close(Some(frame)))).await;
}

async fn serve(socket: &mut WebSocket, subscription: &mut Subscription) {
    let (mut sink, mut source) = socket.split();
    let mut pings = interval_at(Instant::now() + PING, PING);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        let outgoing = tokio::select! {
            incoming = source.next() => match incoming {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                // Pings are answered beneath.
                Some(Ok(_)) => {
                    heard = Instant::now();
                    continue;
                }
            },
            text = subscription.next() => match text {
                Some(text) => Message::Text(text),
                None => return,
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
            () = sleep_until(heard + PING + PONG) => return,
        };
        if sink.send(outgoing).await.is_err() {
            return;
        }
    }
}
