//! Webhooks' responses, which a plugin may send in parts.
//!
//! A task makes the call and holds the instance until the response is over, so
//! that its deadline applies even without a reader. The reader holds the task:
//! when the client goes away, or a needed grant is revoked, the call is
//! cancelled.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use mortise_runtime::{
    CallError, Capability, limits,
    plugin::{Pieces, WebhookAnswer, WebhookBody},
    types::WebhookResponse,
};
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;

use super::{Inner, Opened};
use crate::connection::Streamed;
use mortise_protocol::methods::{self, Webhook};

/// The plugin's final answer: a whole response, or nothing after parts.
type Outcome = Result<Option<WebhookResponse>, CallError>;

/// Calls a webhook, and returns when its answer or the head of it is there.
pub(super) async fn answer(inner: Arc<Inner>, params: Webhook) -> Result<WebhookAnswer, CallError> {
    let pieces = Arc::<Streamed>::default();
    let call = call(Arc::clone(&inner), params, Arc::clone(&pieces));
    // In the span of the caller, which the plugin's requests carry on.
    let mut call = AbortOnDropHandle::new(tokio::spawn(call.in_current_span()));
    let outcome = tokio::select! {
        biased;
        () = pieces.arrived() => None,
        outcome = &mut call => Some(joined(outcome)),
    };
    if let Some(head) = pieces.take_head() {
        inner.guard.webhook_head(head.status, &head.headers)?;
        let body = Body {
            pieces,
            call: match outcome {
                Some(outcome) => Call::Over(outcome),
                None => Call::Open(call),
            },
        };
        return Ok(WebhookAnswer {
            status: head.status,
            headers: head.headers,
            body: WebhookBody::Pieces(Box::new(body)),
        });
    }
    let outcome = match outcome {
        Some(outcome) => outcome,
        None => joined(call.await),
    };
    let Some(response) = outcome? else {
        return Err(CallError::BadAnswer {
            call: methods::WEBHOOK.export.name,
            what: "null, without a `webhook.head` before it".to_owned(),
        });
    };
    let WebhookResponse {
        status,
        headers,
        body,
    } = inner.guard.webhook_response(response)?;
    Ok(WebhookAnswer {
        status,
        headers,
        body: WebhookBody::Whole(body),
    })
}

/// Makes the call, and gives it up when a needed grant is revoked.
async fn call(inner: Arc<Inner>, params: Webhook, pieces: Arc<Streamed>) -> Outcome {
    let opened = inner.open(methods::WEBHOOK)?;
    let taken_back = opened.call.in_force().webhook().clone();
    tokio::select! {
        biased;
        () = taken_back.cancelled() => {
            inner.guard.may_be_called(Capability::Webhook)?;
            Err(CallError::TakenBack { call: methods::WEBHOOK.export.name })
        }
        outcome = ask(&inner, opened, &params, &pieces) => outcome,
    }
}

async fn ask(
    inner: &Inner,
    opened: Opened<'_>,
    params: &Webhook,
    pieces: &Arc<Streamed>,
) -> Outcome {
    let mut reached = inner.reach(opened, true).await?;
    let limit = reached.limit;
    let answer = reached
        .running
        .ask_streamed(
            limit.method,
            reached.number,
            params,
            limit.left(inner.debugger()),
            pieces,
        )
        .await;
    let outcome = match answer {
        Ok(Some(_)) if pieces.has_begun() => Err(CallError::BadAnswer {
            call: limit.method.export.name,
            what: "a whole answer after pieces of one".to_owned(),
        }),
        Ok(answer) => Ok(answer),
        Err(error) => {
            let failed = inner.failed(&reached.running, limit.method, limit, error);
            Err(failed.await)
        }
    };
    outcome.inspect_err(|error| inner.failed_in(&mut reached, error))
}

fn joined(outcome: Result<Outcome, JoinError>) -> Outcome {
    outcome.unwrap_or_else(|error| {
        Err(CallError::Unavailable(format!(
            "an internal error: {error}"
        )))
    })
}

/// The body of an answer that comes in pieces.
struct Body {
    pieces: Arc<Streamed>,
    call: Call,
}

enum Call {
    Open(AbortOnDropHandle<Outcome>),
    Over(Outcome),
}

#[async_trait]
impl Pieces for Body {
    async fn next(&mut self) -> Option<Result<Bytes, CallError>> {
        loop {
            if let Some(bytes) = self.pieces.take() {
                return Some(Ok(bytes));
            }
            match &mut self.call {
                Call::Open(call) => {
                    let outcome = tokio::select! {
                        biased;
                        () = self.pieces.arrived() => None,
                        outcome = call => Some(joined(outcome)),
                    };
                    if let Some(outcome) = outcome {
                        // Earlier parts can still be read.
                        self.call = Call::Over(outcome);
                    }
                }
                Call::Over(outcome) => {
                    let outcome = std::mem::replace(outcome, Ok(None));
                    return outcome.err().map(Err);
                }
            }
        }
    }
}

/// An answer with all of its body.
///
/// # Errors
///
/// What cut it off, or that it is longer than an answer may be that is taken
/// whole.
pub(super) async fn whole(answer: WebhookAnswer) -> Result<WebhookResponse, CallError> {
    let mut pieces = match answer.body {
        WebhookBody::Whole(body) => {
            return Ok(WebhookResponse {
                status: answer.status,
                headers: answer.headers,
                body,
            });
        }
        WebhookBody::Pieces(pieces) => pieces,
    };
    let mut body = Vec::new();
    // One byte too many is enough for the guard to refuse it.
    while body.len() <= limits::WEBHOOK_RESPONSE_BYTES
        && let Some(piece) = pieces.next().await
    {
        body.extend_from_slice(&piece?);
    }
    Ok(WebhookResponse {
        status: answer.status,
        headers: answer.headers,
        body,
    })
}
