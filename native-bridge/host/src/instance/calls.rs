//! The contract's exports: the state that each call needs, and the rules for
//! its answer. The guard checks grants and bounds.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use super::{
    Access, Limit, NativeInstance, Reached,
    streaming::{self, whole},
};
use crate::sandbox::Reach;
use async_trait::async_trait;
use mortise_protocol::methods::{self, Empty};
use mortise_runtime::{
    CallError, Capabilities, Capability, Guard, Instance, Rights,
    lifecycle::bounded,
    limits,
    plugin::WebhookAnswer,
    types::{Draft, Message, StopReason, Verdict, WebhookRequest, WebhookResponse},
    yaml,
};

/// The parameters for a configuration. Its value is for plugins that read no YAML.
pub(super) async fn applied(config: &str) -> methods::Apply {
    let config = config.to_owned();
    let text = config.clone();
    // A long text takes a while, beside which other plugins run.
    let read = tokio::task::spawn_blocking(move || yaml::mapping_as_json(&text)).await;
    let value = read.ok().and_then(Result::ok);
    methods::Apply { config, value }
}

#[async_trait]
impl Instance for NativeInstance {
    fn capabilities(&self) -> Capabilities {
        self.inner.made().capabilities
    }

    fn guard(&self) -> &Arc<Guard> {
        &self.inner.guard
    }

    async fn regrant(&self, rights: Rights) {
        let inner = &self.inner;
        let before = inner.guard.in_force();
        let reached = Reach::of(&inner.guard).network;
        inner.guard.change(rights);
        let lost =
            before.given().is_cancelled() || !Reach::of(&inner.guard).network.covers(&reached);
        inner.supervisor.refit(lost).await;
    }

    async fn start(&self) -> Result<(), CallError> {
        let inner = &self.inner;
        inner.supervisor.forgive();
        let before = inner.started.swap(true, Ordering::Relaxed);
        let reached = match inner.open(methods::START) {
            Ok(opened) => inner.reach(opened, false).await.map(drop),
            Err(error) => Err(error),
        };
        if let Err(error) = &reached {
            inner.started.store(before, Ordering::Relaxed);
            inner.note(error);
        }
        reached
    }

    async fn stop(&self, reason: StopReason) -> Result<(), CallError> {
        let inner = &self.inner;
        if reason != StopReason::Idle {
            inner.started.store(false, Ordering::Relaxed);
        }
        let mut limit = Limit::new(methods::STOP, inner.deadline());
        let mut live = limit
            .within(inner.debugger(), inner.gate.write())
            .await
            .ok_or_else(|| limit.busy())?;
        let mut outcome = Ok(());
        if let Some(place) = live.place
            && let Some(running) = inner.supervisor.current(place.generation)
            && std::mem::take(&mut live.stage.started)
            && inner.made().capabilities.contains(Capability::Lifecycle)
        {
            let params = methods::Stop { reason };
            outcome = inner
                .ask(&running, methods::STOP, place.number, &params, limit)
                .await;
        }
        // A disabled plugin can still be configured and shown, and one made for
        // Gotify expects to be enabled again without a new instance. Its
        // process ends when it is idle.
        if reason != StopReason::Disabled {
            inner.leave(&mut live).await;
            inner.present.store(false, Ordering::Relaxed);
            drop(live);
            inner.supervisor.stop_if_empty().await;
        }
        outcome
    }

    async fn default_config(&self) -> Result<String, CallError> {
        let opened = self.inner.open(methods::DEFAULTS)?;
        let text = self.inner.call(opened, false, &Empty {}).await?;
        bounded(&methods::DEFAULTS.export, text, limits::CONFIG_BYTES)
    }

    async fn config_schema(&self) -> Result<Option<String>, CallError> {
        let opened = self.inner.open(methods::SCHEMA)?;
        let schema: Option<String> = self.inner.call(opened, false, &Empty {}).await?;
        schema
            .map(|text| bounded(&methods::SCHEMA.export, text, limits::CONFIG_BYTES))
            .transpose()
    }

    async fn apply_config(&self, config: &str) -> Result<(), CallError> {
        let inner = &self.inner;
        let opened = inner.open(methods::APPLY)?;
        let Reached {
            running,
            number,
            held,
            limit,
            _call,
        } = inner.reach(opened, false).await?;
        let params = applied(config).await;
        inner
            .ask::<_, ()>(&running, methods::APPLY, number, &params, limit)
            .await
            .inspect_err(|error| inner.note(error))?;
        *inner.config.lock() = Some(params.config);
        if let Access::Alone(mut live) = held {
            live.stage.configured = true;
        }
        Ok(())
    }

    async fn display(&self, base_url: Option<&str>) -> Result<String, CallError> {
        let opened = self.inner.open(methods::DISPLAY)?;
        let params = methods::Display {
            base_url: base_url.map(str::to_owned),
        };
        let text = self.inner.call(opened, true, &params).await?;
        bounded(&methods::DISPLAY.export, text, limits::DISPLAY_BYTES)
    }

    async fn webhook(&self, request: WebhookRequest) -> Result<WebhookResponse, CallError> {
        let answer = self.webhook_in_pieces(request).await?;
        self.inner.guard.webhook_response(whole(answer).await?)
    }

    async fn webhook_in_pieces(&self, request: WebhookRequest) -> Result<WebhookAnswer, CallError> {
        let inner = &self.inner;
        let params = methods::Webhook {
            request: inner.guard.webhook_request(request),
        };
        streaming::answer(Arc::clone(inner), params).await
    }

    async fn filter(&self, draft: &Draft, deadline: Duration) -> Result<Verdict, CallError> {
        let inner = &self.inner;
        let mut opened = inner.open(methods::FILTER)?;
        opened.limit = opened.limit.at_most(deadline);
        let params = methods::Filter {
            draft: Cow::Borrowed(draft),
        };
        let filtering = Filtering::new(&inner.filtering);
        let verdict = inner.call(opened, false, &params).await?;
        drop(filtering);
        inner.guard.verdict(verdict)
    }

    async fn on_messages(&self, messages: &[Message]) -> Result<(), CallError> {
        let inner = &self.inner;
        let opened = inner.open(methods::ON_MESSAGES)?;
        let params = methods::OnMessages {
            messages: Cow::Borrowed(messages),
        };
        inner.call(opened, false, &params).await
    }

    async fn on_timer(&self, name: &str) -> Result<(), CallError> {
        let inner = &self.inner;
        let opened = inner.open(methods::ON_TIMER)?;
        let params = methods::OnTimer {
            name: name.to_owned(),
        };
        inner.call(opened, false, &params).await
    }
}

/// Counts an open `filter` call.
struct Filtering<'a>(&'a AtomicU32);

impl<'a> Filtering<'a> {
    fn new(open: &'a AtomicU32) -> Self {
        open.fetch_add(1, Ordering::Relaxed);
        Self(open)
    }
}

impl Drop for Filtering<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
