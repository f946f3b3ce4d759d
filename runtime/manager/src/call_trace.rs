//! Keeping traces of calls: one for each batch of messages given to a listener, each timer
//! that fired, and each webhook request.
//!
//! No call waits until its trace is stored. The manager stores traces a moment later,
//! many at once, so a killed program loses those of its last second.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use mortise_runtime::{CallError, Plugin as _, plugin::WebhookAnswer, types::WebhookRequest};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    Plugins, Slot,
    embedder::EmbedderError,
    filters::cause,
    trace::{CallTrace, Cause, KEPT_CALLS, Subject, short},
};

/// Messages that one call sent, in its trace.
const SENT: usize = 256;
/// The failure of a call that was dropped.
const GIVEN_UP: &str = "the client went away before the answer";
/// The time in which traces gather before they are stored.
const GATHERING: Duration = Duration::from_secs(1);

/// The traces that are not stored yet.
#[derive(Debug, Default)]
pub(super) struct CallTraces {
    ended: Mutex<HashMap<i64, VecDeque<CallTrace>>>,
    /// Held while traces are stored, so that nobody reads before their end.
    storing: tokio::sync::Mutex<()>,
    added: Notify,
}

/// The open calls of an instance.
#[derive(Debug, Default)]
pub(super) struct OpenCalls(Mutex<Open>);

#[derive(Debug, Default)]
struct Open {
    next: u64,
    calls: Vec<OpenCall>,
}

#[derive(Debug)]
struct OpenCall {
    number: u64,
    sent: Vec<u64>,
}

/// A call that has not ended; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Call<'calls> {
    calls: &'calls OpenCalls,
    number: u64,
    ended: bool,
}

impl Call<'_> {
    /// Ends the call, and returns the messages that the plugin sent since it began.
    pub(super) fn end(&mut self) -> Vec<u64> {
        if std::mem::replace(&mut self.ended, true) {
            return Vec::new();
        }
        let mut open = self.calls.0.lock();
        let mut calls = open.calls.iter();
        match calls.position(|one| one.number == self.number) {
            Some(place) => open.calls.swap_remove(place).sent,
            None => Vec::new(),
        }
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.end();
    }
}

impl OpenCalls {
    /// Notes that the instance is called.
    pub(super) fn begin(&self) -> Call<'_> {
        let mut open = self.0.lock();
        let number = open.next;
        open.next += 1;
        open.calls.push(OpenCall {
            number,
            sent: Vec::new(),
        });
        drop(open);
        Call {
            calls: self,
            number,
            ended: false,
        }
    }

    /// Notes that the instance sent a message.
    pub(super) fn sent(&self, message: u64) {
        for call in &mut self.0.lock().calls {
            if call.sent.len() < SENT {
                call.sent.push(message);
            }
        }
    }
}

impl CallTraces {
    fn add(&self, trace: CallTrace) {
        let mut ended = self.ended.lock();
        let of_instance = ended.entry(trace.instance).or_default();
        if of_instance.len() >= KEPT_CALLS as usize {
            of_instance.pop_front();
        }
        of_instance.push_back(trace);
        drop(ended);
        self.added.notify_one();
    }
}

/// A call whose trace is kept. One that is dropped before its end was given up.
struct Traced<'plugins> {
    traces: &'plugins CallTraces,
    call: Call<'plugins>,
    trace: Option<CallTrace>,
    began: Instant,
}

impl Traced<'_> {
    fn end<T>(mut self, answer: &Result<T, CallError>) {
        if matches!(answer, Err(CallError::NotExported(_))) {
            // Not a call: the plugin has no such function.
            self.trace = None;
        }
        let Some(trace) = &mut self.trace else { return };
        if let Err(error) = answer {
            trace.cause = Some(cause(error));
            trace.detail = short(&error.to_string());
        } else {
            trace.cause = None;
            trace.detail.clear();
        }
    }
}

impl Drop for Traced<'_> {
    fn drop(&mut self) {
        let Some(mut trace) = self.trace.take() else {
            return;
        };
        trace.micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX);
        trace.sent = self.call.end();
        self.traces.add(trace);
    }
}

impl Plugins {
    /// The trace of a call that begins now and fails; none if no traces are kept.
    fn failing(&self, slot: &Slot, subject: Subject, failure: (Cause, &str)) -> Option<CallTrace> {
        let (cause, detail) = failure;
        self.settings.traces.then(|| CallTrace {
            instance: slot.id,
            version: slot.plugin().manifest().version.clone(),
            subject,
            started_ms: self.settings.clock.now_ms(),
            micros: 0,
            cause: Some(cause),
            detail: short(detail),
            sent: Vec::new(),
        })
    }

    fn trace_call<'a>(&'a self, slot: &'a Slot, subject: Subject) -> Traced<'a> {
        Traced {
            traces: &self.call_traces,
            call: slot.open_calls.begin(),
            trace: self.failing(slot, subject, (Cause::Failed, GIVEN_UP)),
            began: Instant::now(),
        }
    }

    /// Keeps the trace of a call that is left out.
    pub(super) fn trace_skipped(&self, slot: &Slot, subject: Subject, reason: &str) {
        if let Some(trace) = self.failing(slot, subject, (Cause::NotAtWork, reason)) {
            self.call_traces.add(trace);
        }
    }

    /// Makes a call and keeps its trace.
    pub(super) async fn with_trace<T>(
        &self,
        slot: &Slot,
        subject: Subject,
        call: impl Future<Output = Result<T, CallError>>,
    ) -> Result<T, CallError> {
        let traced = self.trace_call(slot, subject);
        let answer = call.await;
        traced.end(&answer);
        answer
    }

    /// Passes a request to a user's plugin, and keeps a trace of it.
    ///
    /// # Errors
    ///
    /// [`CallError`].
    pub async fn webhook(
        &self,
        slot: &Slot,
        request: WebhookRequest,
    ) -> Result<WebhookAnswer, CallError> {
        let mut traced = self.trace_call(slot, Subject::request(&request));
        let answer = match self.instance(slot).await {
            Ok(instance) => instance.webhook_in_pieces(request).await,
            Err(error) => Err(error),
        };
        if let Some(CallTrace {
            subject: Subject::Webhook { status, .. },
            ..
        }) = &mut traced.trace
        {
            *status = answer.as_ref().ok().map(|answer| answer.status);
        }
        traced.end(&answer);
        answer
    }

    /// Stores the traces of the calls that have ended.
    ///
    /// # Errors
    ///
    /// [`EmbedderError`], the last one: the traces of these plugins are lost.
    pub async fn store_call_traces(&self) -> Result<(), EmbedderError> {
        let _storing = self.call_traces.storing.lock().await;
        let ended = std::mem::take(&mut *self.call_traces.ended.lock());
        let mut stored = Ok(());
        for traces in ended.into_values() {
            let traces = Vec::from(traces);
            if let Err(error) = self.catalogue.add_call_traces(&traces).await {
                stored = Err(error);
            }
        }
        stored
    }

    pub(super) async fn try_store_call_traces(&self) {
        if let Err(error) = self.store_call_traces().await {
            tracing::warn!(%error, "traces of calls were not stored");
        }
    }
}

/// Stores traces until asked to stop.
pub(super) async fn run(plugins: Arc<Plugins>, stop: CancellationToken) {
    while !stop.is_cancelled() {
        tokio::select! {
            () = stop.cancelled() => return,
            () = plugins.call_traces.added.notified() => {}
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(GATHERING) => {}
        }
        plugins.try_store_call_traces().await;
    }
}

#[cfg(test)]
mod tests {
    use super::{OpenCalls, SENT};

    #[test]
    fn a_message_belongs_to_the_calls_that_were_open_when_it_was_sent() {
        let [instance, other] = [OpenCalls::default(), OpenCalls::default()];
        instance.sent(10);
        let mut first = instance.begin();
        instance.sent(11);
        let mut second = instance.begin();
        let mut other = other.begin();
        instance.sent(12);
        assert_eq!(first.end(), [11, 12]);
        instance.sent(13);
        assert_eq!(second.end(), [12, 13]);
        assert!(other.end().is_empty());
        let given_up = instance.begin();
        instance.sent(14);
        drop(given_up);
        drop((first, second));
        assert!(instance.0.lock().calls.is_empty());
    }

    #[test]
    fn a_call_that_sends_without_end_has_a_bounded_trace() {
        let calls = OpenCalls::default();
        let mut call = calls.begin();
        for message in 0..10_000 {
            calls.sent(message);
        }
        assert_eq!(call.end().len(), SENT);
    }
}
