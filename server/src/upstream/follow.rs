//! Messages that the Gotify behind this server stores, for listeners.

use std::time::Duration;

use futures_util::StreamExt as _;
use http::{HeaderValue, Request, header};
use mortise_store::NewMessage;
use tokio_tungstenite::tungstenite::{
    Message as Frame, handshake::client::generate_key, protocol::WebSocketConfig,
};
use url::Position;

use super::{
    Upstream, UpstreamError,
    gotify::{Gotify, Message},
};
use crate::{client, state::AppState};

/// The pauses between attempts to connect: the first, doubled each time up to the
/// longest.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
/// Gotify pings every 45 seconds. A stream that is silent for longer is dead.
const SILENCE: Duration = Duration::from_secs(120);
/// Messages that were missed while there was no stream, at most.
const MISSED: usize = 2_000;
/// The longest frame, in bytes.
const FRAME: usize = 256 << 20;

/// Follows the messages of one user for ever.
pub(super) async fn follow(upstream: &Upstream, user: i64, gotify: &Gotify, state: &AppState) {
    let follower = Follower {
        upstream,
        user,
        gotify,
        state,
    };
    let mut pause = PAUSE;
    loop {
        let ended = follower.stream().await;
        let connected = matches!(ended, Ok(true));
        match ended {
            Ok(_) => tracing::info!(user, "the stream of Gotify ended; connecting again"),
            Err(error) => tracing::warn!(user, %error, "no stream of Gotify; trying again"),
        }
        pause = if connected {
            PAUSE
        } else {
            (pause * 2).min(LONGEST)
        };
        tokio::time::sleep(pause).await;
    }
}

struct Follower<'a> {
    upstream: &'a Upstream,
    user: i64,
    gotify: &'a Gotify,
    state: &'a AppState,
}

impl Follower<'_> {
    /// Takes messages from one stream to its end. True if it brought anything.
    async fn stream(&self) -> Result<bool, UpstreamError> {
        let url = &self.gotify.url;
        let unreachable = |cause: String| UpstreamError::Unreachable {
            at: client::origin(url),
            cause,
        };
        let host = &url[Position::BeforeHost..Position::AfterPort];
        let path = format!("{}/stream", url.path().trim_end_matches('/'));
        let mut token = HeaderValue::from_str(&self.gotify.token)
            .map_err(|error| unreachable(error.to_string()))?;
        token.set_sensitive(true);
        let request = Request::builder()
            .uri(format!("ws://{host}{path}"))
            .header(header::HOST, host)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, generate_key())
            .header("x-gotify-key", token)
            .body(())
            .map_err(|error| unreachable(error.to_string()))?;
        let stream = client::connect(url)
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        let bounds = WebSocketConfig::default()
            .max_message_size(Some(FRAME))
            .max_frame_size(Some(FRAME));
        let (mut stream, _) =
            tokio_tungstenite::client_async_with_config(request, stream, Some(bounds))
                .await
                .map_err(|error| unreachable(error.to_string()))?;
        self.catch_up().await?;
        let mut brought = false;
        while let Ok(Some(Ok(frame))) = tokio::time::timeout(SILENCE, stream.next()).await {
            brought = true;
            if let Frame::Text(text) = frame {
                match serde_json::from_str::<Message>(&text) {
                    Ok(message) => self.take(message).await?,
                    Err(error) => tracing::warn!(%error, "a message of Gotify is not understood"),
                }
            }
        }
        Ok(brought)
    }

    /// Takes the messages that came since the last one, also since that of an earlier run
    /// of the server. Before the first stream, messages are no news. Messages that passed
    /// through this server meanwhile are in their turn: listeners receive only messages
    /// that were taken here.
    async fn catch_up(&self) -> Result<(), UpstreamError> {
        let store = &self.state.store;
        let mut page = self.gotify.messages(0).await?;
        let newest = page.first().map_or(0, |message| message.id);
        // It is beyond the newest where that was deleted, or where Gotify began anew.
        let last = store
            .followed(self.user)
            .await?
            .filter(|last| *last <= newest);
        let Some(last) = last else {
            store.set_followed(self.user, newest).await?;
            return Ok(());
        };
        let mut missed = Vec::new();
        while let Some(oldest) = page.last().map(|message| message.id) {
            let whole = page.len();
            missed.extend(page.into_iter().filter(|message| message.id > last));
            if oldest <= last || whole < 200 || missed.len() >= MISSED {
                break;
            }
            page = self.gotify.messages(oldest).await?;
        }
        for message in missed.into_iter().rev() {
            self.take(message).await?;
        }
        Ok(())
    }

    /// Takes a message, which listeners receive then.
    async fn take(&self, message: Message) -> Result<(), UpstreamError> {
        let id = message.id;
        self.keep(message).await?;
        self.state.store.follow_to(self.user, id).await?;
        self.state.plugins.note_message(self.user);
        Ok(())
    }

    async fn keep(&self, message: Message) -> Result<(), UpstreamError> {
        let store = &self.state.store;
        let mut application = store.application_of_upstream(message.appid).await?;
        if application.is_none() {
            // It is new there.
            self.upstream.mirror(self.user).await?;
            application = store.application_of_upstream(message.appid).await?;
        }
        // What plugins send has been here on its way there.
        let Some(application) = application.filter(|one| one.token.is_none()) else {
            return Ok(());
        };
        let new = NewMessage {
            application_id: application.application_id,
            user_id: self.user,
            title: message.title,
            body: message.message,
            priority: message.priority.unwrap_or_default(),
            extras: message
                .extras
                .filter(|extras| extras.is_object())
                .map(|extras| extras.to_string()),
            created_ms: self.state.now_ms(),
            expires_ms: None,
            trace: None,
            restores: None,
            hops: 0,
        };
        store.pass_by(message.id, &new).await?;
        Ok(())
    }
}
