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

/// The open calls, and the traces that are not stored yet.
#[derive(Debug, Default)]
pub(super) struct CallTraces {
    open: Mutex<Open>,
    ended: Mutex<HashMap<i64, VecDeque<CallTrace>>>,
    /// Held while traces are stored, so that nobody reads before their end.
    storing: tokio::sync::Mutex<()>,
    added: Notify,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    /// By instance.
    calls: HashMap<i64, Vec<OpenCall>>,
}

#[derive(Debug)]
struct OpenCall {
    number: u64,
    sent: Vec<u64>,
}

/// A call that has not ended; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Call<'traces> {
    traces: &'traces CallTraces,
    instance: i64,
    number: u64,
}

impl Call<'_> {
    /// Takes the messages that the plugin sent since the call began.
    pub(super) fn sent(&self) -> Vec<u64> {
        let mut open = self.traces.open.lock();
        let calls = open.calls.get_mut(&self.instance);
        let call = calls.and_then(|calls| calls.iter_mut().find(|one| one.number == self.number));
        call.map(|call| std::mem::take(&mut call.sent))
            .unwrap_or_default()
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let mut open = self.traces.open.lock();
        if let Some(calls) = open.calls.get_mut(&self.instance) {
            calls.retain(|one| one.number != self.number);
            if calls.is_empty() {
                open.calls.remove(&self.instance);
            }
        }
    }
}

impl CallTraces {
    /// Notes that an instance is called.
    pub(super) fn begin(&self, instance: i64) -> Call<'_> {
        let mut open = self.open.lock();
        let number = open.next;
        open.next += 1;
        let call = OpenCall {
            number,
            sent: Vec::new(),
        };
        open.calls.entry(instance).or_default().push(call);
        drop(open);
        Call {
            traces: self,
            instance,
            number,
        }
    }

    /// Notes that an instance sent a message.
    pub(super) fn sent(&self, instance: i64, message: u64) {
        let mut open = self.open.lock();
        for call in open.calls.get_mut(&instance).into_iter().flatten() {
            if call.sent.len() < SENT {
                call.sent.push(message);
            }
        }
    }

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
        trace.sent = self.call.sent();
        self.call.traces.add(trace);
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

    fn trace_call(&self, slot: &Slot, subject: Subject) -> Traced<'_> {
        Traced {
            call: self.call_traces.begin(slot.id),
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
    use super::{CallTraces, SENT};

    #[test]
    fn a_message_belongs_to_the_calls_that_were_open_when_it_was_sent() {
        let traces = CallTraces::default();
        traces.sent(1, 10);
        let first = traces.begin(1);
        traces.sent(1, 11);
        let second = traces.begin(1);
        let other = traces.begin(2);
        traces.sent(1, 12);
        assert_eq!(first.sent(), [11, 12]);
        assert_eq!(second.sent(), [12]);
        assert!(other.sent().is_empty());
        drop(first);
        traces.sent(1, 13);
        assert_eq!(second.sent(), [13]);
        drop((second, other));
        assert!(traces.open.lock().calls.is_empty());
    }

    #[test]
    fn a_call_that_sends_without_end_has_a_bounded_trace() {
        let traces = CallTraces::default();
        let call = traces.begin(1);
        for message in 0..10_000 {
            traces.sent(1, message);
        }
        assert_eq!(call.sent().len(), SENT);
    }
}
