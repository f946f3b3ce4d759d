//! Messages that passed the filters go to the Gotify behind this server. A copy
//! stays here until the listeners have had it, with the filters' trace.

use std::sync::Arc;

use async_trait::async_trait;
use mortise_store::{MessageRow, NewMessage, Store, UpstreamApplication};
use serde_json::{Value, json};

use super::{Upstream, UpstreamError};
use crate::{
    auth::Token,
    pipeline::{Chain, Forward, PostError},
};

/// Sends messages there in place of storing them.
#[derive(Clone, Debug)]
pub(crate) struct Forwarding {
    upstream: Arc<Upstream>,
    store: Store,
    chain: Arc<dyn Chain>,
}

#[async_trait]
impl Forward for Forwarding {
    async fn message(
        &self,
        new: &NewMessage,
        token: Option<&Token>,
    ) -> Result<Option<MessageRow>, PostError> {
        self.send(new, token).await
    }

    async fn check(&self, user: i64, application: i64, token: &Token) -> Result<(), PostError> {
        let there = self.store.upstream_application(application).await?;
        let (Some(gotify), Some(there)) = (self.upstream.users.get(&user), there) else {
            return Ok(());
        };
        if there.token.is_some() {
            return Ok(());
        }
        let checked = gotify.check_sender(token.reveal()).await;
        self.sent(checked, Some(token)).await
    }
}

impl Forwarding {
    pub(crate) fn new(upstream: Arc<Upstream>, store: Store, chain: Arc<dyn Chain>) -> Self {
        Self {
            upstream,
            store,
            chain,
        }
    }

    async fn send(
        &self,
        new: &NewMessage,
        token: Option<&Token>,
    ) -> Result<Option<MessageRow>, PostError> {
        let Some(gotify) = self.upstream.users.get(&new.user_id) else {
            return Ok(None);
        };
        let application = self.application(new).await.map_err(failed)?;
        let Some(application) = application else {
            return Ok(None);
        };
        // Gotify knows the tokens of its own applications only.
        let sender = token.filter(|_| application.token.is_none());
        let mut body = json!({
            "title": new.title,
            "message": new.body,
            "priority": new.priority,
        });
        let extras = new.extras.as_deref().map(serde_json::from_str::<Value>);
        if let (Some(Ok(extras)), Some(body)) = (extras, body.as_object_mut()) {
            body.insert("extras".to_owned(), extras);
        }
        let token = sender.map(Token::reveal).or(application.token.as_deref());
        let sent = gotify.send(application.upstream_id, token, body).await;
        let id = self.sent(sent, sender).await?;
        let stored = new.clone().into_row(id);
        if self.store.pass_by(id, new).await? {
            self.chain.message_stored(&stored);
        }
        Ok(Some(stored))
    }

    /// The result of a request to Gotify. A sender whose token Gotify does not accept is
    /// unknown here from then on.
    async fn sent<T>(
        &self,
        result: Result<T, UpstreamError>,
        sender: Option<&Token>,
    ) -> Result<T, PostError> {
        if let (Err(UpstreamError::Refused { status: 401, .. }), Some(token)) = (&result, sender) {
            self.store.forget_token(&token.hash()).await?;
            return Err(PostError::UnknownSender);
        }
        result.map_err(failed)
    }

    /// The application there; made there for a plugin that has none.
    async fn application(
        &self,
        new: &NewMessage,
    ) -> Result<Option<UpstreamApplication>, UpstreamError> {
        let (user, id) = (new.user_id, new.application_id);
        if let Some(application) = self.store.upstream_application(id).await? {
            return Ok(Some(application));
        }
        let (Some(row), Some(gotify)) = (
            self.store.application(user, id).await?,
            self.upstream.users.get(&user),
        ) else {
            return Ok(None);
        };
        let made = gotify.add_application(&row.name, &row.description).await?;
        let application = UpstreamApplication {
            application_id: id,
            user_id: user,
            upstream_id: made.id,
            token: (!made.token.is_empty()).then_some(made.token),
        };
        self.store.set_upstream_application(&application).await?;
        Ok(Some(application))
    }
}

fn failed(error: UpstreamError) -> PostError {
    match error {
        UpstreamError::Store(error) => PostError::Store(error),
        other => PostError::Upstream(other.to_string()),
    }
}
