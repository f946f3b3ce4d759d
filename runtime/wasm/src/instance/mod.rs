//! One user's component: created at the first call, called with a deadline,
//! discarded after a failure.
//!
//! A caller takes the store out of its slot and puts it back only if the guest
//! returned in order. So a trap, a timeout and a caller that gives up have the
//! same effect: the store is dropped, the slot is empty, and the next call
//! fills it.
//!
//! - `slot`: the state that outlives stores.
//! - `up`: a store with its component.
//! - `call`: a call, from waiting for its turn to its result.

mod call;
mod slot;
mod up;

use std::{
    pin::pin,
    sync::{Arc, atomic::AtomicUsize},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::Full;
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::p2::bindings::exports::wasi::http::incoming_handler::GuestIndices;

use self::{call::refused, slot::Slot, up::Up};
use super::{incoming, linked::Linked};
use mortise_runtime::{
    CallError, Guard, Origin,
    contract::{
        Capabilities, Capability, export,
        types::{
            Draft, Manifest, Message, StopReason, User, Verdict, WebhookRequest, WebhookResponse,
        },
    },
    guard::Rights,
    lifecycle::bounded,
    limits,
    plugin::{Instance, InstanceSetup},
};

/// A handle on one user's component.
#[derive(Debug)]
pub(super) struct WasmInstance {
    linked: Arc<Linked>,
    user: User,
    guard: Arc<Guard>,
    slot: Mutex<Slot>,
    /// Calls that wait for the slot, or bring the instance up for themselves.
    waiting: AtomicUsize,
    /// Taken by the one webhook call that may wait for the slot or have it:
    /// whatever strangers send, a filter waits for one of them at most.
    webhooks: Semaphore,
    /// Ends the webhook call that has the slot.
    webhook_ends: parking_lot::Mutex<CancellationToken>,
}

/// Calls one function of an interface, until the call's deadline or the loss of
/// a right.
macro_rules! run {
    (
        $self:ident, $call:ident,
        $interface:ident . $function:ident ( $($argument:expr),* )
        $(, unless $taken_back:expr)?
    ) => {
        match $call.up.$interface(&$self.linked.indices) {
            Ok(guest) => {
                let Up { store, under, .. } = &mut *$call.up;
                let taken_back = None$(.or(Some($taken_back)))?.unwrap_or(under.given());
                // Pinned here: each function that it was handed to would have to
                // make room for it.
                let answer = pin!(guest.$function(store $(, $argument)*));
                $call.deadline.run_unless(answer, taken_back).await
            }
            Err(error) => Ok(Err(error)),
        }
    };
}

impl WasmInstance {
    pub(super) fn new(linked: Arc<Linked>, setup: InstanceSetup) -> Self {
        let InstanceSetup {
            user,
            host,
            grants,
            limits,
            log,
            denials,
            config,
            // Guests receive it with each request.
            base_path: _,
            trial: _,
        } = setup;
        Self {
            linked,
            user,
            guard: Arc::new(Guard::new(host, Rights { grants, limits }, log, denials)),
            slot: Mutex::new(Slot::new(config)),
            waiting: AtomicUsize::new(0),
            webhooks: Semaphore::new(1),
            webhook_ends: parking_lot::Mutex::default(),
        }
    }

    /// Asks for the manifest, after the types of all exports were checked.
    ///
    /// # Errors
    ///
    /// Of the types, as wasmtime says it; of the call, as any call.
    pub(super) async fn describe(&self) -> Result<wasmtime::Result<Manifest>, CallError> {
        let mut call = self.begin(&export::DESCRIBE).await?;
        if let Err(error) = call.up.check_types(&self.linked.indices) {
            return Ok(Err(error));
        }
        if let Some(embedded) = &self.linked.embedded {
            let manifest = embedded.manifest.clone();
            return call.settle(Ok(Ok(manifest))).map(Ok);
        }
        let outcome = run!(self, call, manifest.describe());
        call.settle(outcome).map(Ok)
    }

    /// The error of a webhook call that was ended from outside: its grant was
    /// revoked, or a filter waited for it, unless something else was revoked.
    fn webhook_ended(&self, error: CallError, revoked: bool) -> CallError {
        match (error, self.guard.may_be_called(Capability::Webhook)) {
            (CallError::TakenBack { .. }, Err(denied)) => denied,
            (CallError::TakenBack { call }, _) if !revoked => CallError::Preempted { call },
            (error, _) => error,
        }
    }

    fn webhook_ends(&self) -> parking_lot::MutexGuard<'_, CancellationToken> {
        self.webhook_ends.lock()
    }
}

#[async_trait]
impl Instance for WasmInstance {
    fn capabilities(&self) -> Capabilities {
        self.linked.capabilities
    }

    fn guard(&self) -> &Arc<Guard> {
        &self.guard
    }

    async fn regrant(&self, rights: Rights) {
        self.guard.change(rights);
        // A call under way sees to it itself, and the next one does too.
        let Ok(mut slot) = self.slot.try_lock() else {
            return;
        };
        let in_force = self.guard.in_force();
        let replaced = slot.up.take_if(|up| !up.under.gives_the_same(&in_force));
        if let Some(up) = replaced {
            self.let_go(up).await;
        }
    }

    async fn start(&self) -> Result<(), CallError> {
        let before = std::mem::replace(&mut self.slot.lock().await.started, true);
        match self.begin(&export::START).await {
            Ok(call) => call.settle(Ok(Ok(()))),
            Err(error) => {
                self.slot.lock().await.started = before;
                Err(error)
            }
        }
    }

    async fn stop(&self, reason: StopReason) -> Result<(), CallError> {
        let mut slot = self.slot.lock().await;
        if reason != StopReason::Idle {
            slot.started = false;
        }
        if reason == StopReason::Disabled {
            slot.forgive();
        }
        match slot.up.take() {
            Some(mut up) => self.tell_to_stop(&mut up, reason).await,
            None => Ok(()),
        }
    }

    async fn default_config(&self) -> Result<String, CallError> {
        if let Some(configuration) = self.linked.configuration() {
            return Ok(configuration.defaults.clone());
        }
        let mut call = self.begin(&export::DEFAULTS).await?;
        let outcome = run!(self, call, configurer.defaults());
        let text = call.settle(outcome)?;
        bounded(&export::DEFAULTS, text, limits::CONFIG_BYTES)
    }

    async fn config_schema(&self) -> Result<Option<String>, CallError> {
        if let Some(configuration) = self.linked.configuration() {
            return Ok(configuration.schema.as_ref().map(ToString::to_string));
        }
        let mut call = self.begin(&export::SCHEMA).await?;
        let outcome = run!(self, call, configurer.schema());
        let schema = call.settle(outcome)?;
        schema
            .map(|text| bounded(&export::SCHEMA, text, limits::CONFIG_BYTES))
            .transpose()
    }

    async fn apply_config(&self, config: &str) -> Result<(), CallError> {
        let mut call = self.begin(&export::APPLY).await?;
        let new = self.linked.config_in_force(config);
        let before = call.up.store.data_mut().configuration.replace(new);
        let outcome = match self.linked.configuration() {
            Some(_) => {
                let checked = call.up.store.data_mut().check_config();
                call.deadline.run(checked).await.map(Ok)
            }
            None => run!(self, call, configurer.apply(config)),
        };
        if let Ok(Ok(Err(_))) = &outcome {
            call.up.store.data_mut().configuration = before;
        }
        let answer = call.settle(outcome)?;
        let mut slot = self.slot.lock().await;
        answer.map_err(CallError::Config)?;
        slot.config = Some(config.to_owned());
        if let Some(up) = &mut slot.up {
            up.stage.configured = true;
        }
        Ok(())
    }

    async fn display(&self, base_url: Option<&str>) -> Result<String, CallError> {
        let mut call = self.begin(&export::DISPLAY).await?;
        let outcome = run!(self, call, displayer.display(base_url));
        let text = call.settle(outcome)?;
        bounded(&export::DISPLAY, text, limits::DISPLAY_BYTES)
    }

    async fn webhook(&self, request: WebhookRequest) -> Result<WebhookResponse, CallError> {
        let request = self.guard.webhook_request(request);
        let of_standard = self.linked.indices.incoming.as_ref();
        let of_standard = of_standard.filter(|_| self.linked.indices.webhook.is_none());
        let request = match of_standard {
            None => Request::Own(request),
            Some(indices) => {
                // Before the call: a sender's fault is not the plugin's crash.
                let request = incoming::request(request).map_err(CallError::BadRequest)?;
                Request::OfStandard(indices, request)
            }
        };
        let mut call = self.begin(&export::WEBHOOK).await?;
        let in_force = Arc::clone(call.open.in_force());
        let ends = in_force.webhook().child_token();
        *self.webhook_ends() = ends.clone();
        let outcome = match request {
            Request::OfStandard(indices, request) => {
                let up = &mut *call.up;
                let handled = incoming::handle(&mut up.store, &up.instance, indices, request);
                call.deadline.run_unless(handled, &ends).await
            }
            Request::Own(request) => {
                run!(self, call, webhook.handle(&request), unless & ends)
            }
        };
        let response = call
            .settle(outcome)
            .map_err(|error| self.webhook_ended(error, in_force.webhook().is_cancelled()))?;
        self.guard.webhook_response(response)
    }

    async fn filter(&self, draft: &Draft, deadline: Duration) -> Result<Verdict, CallError> {
        let mut call = self.begin_within(deadline, &export::FILTER).await?;
        call.up.store.data_mut().origin = Origin::PluginFilter;
        let outcome = run!(self, call, filter.filter(draft));
        call.up.store.data_mut().origin = Origin::Plugin;
        self.guard.verdict(call.settle(outcome)?.map_err(refused)?)
    }

    async fn on_messages(&self, messages: &[Message]) -> Result<(), CallError> {
        let mut call = self.begin(&export::ON_MESSAGES).await?;
        let outcome = run!(self, call, listener.on_messages(messages));
        call.settle(outcome)?.map_err(refused)
    }

    async fn on_timer(&self, name: &str) -> Result<(), CallError> {
        let mut call = self.begin(&export::ON_TIMER).await?;
        let outcome = run!(self, call, timer.on_timer(name));
        call.settle(outcome)?.map_err(refused)
    }
}

/// A webhook's request in the form in which the plugin is given it.
enum Request<'a> {
    /// The contract's.
    Own(WebhookRequest),
    /// That of `wasi:http/incoming-handler`.
    OfStandard(&'a GuestIndices, http::Request<Full<Bytes>>),
}
