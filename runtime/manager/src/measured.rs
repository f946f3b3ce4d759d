//! The number, the outcomes and the times of the calls into each plugin, for
//! metrics. The server's own calls count, not those with which a backend recreates
//! an instance.

use std::{
    array,
    sync::{
        Arc,
        atomic::{AtomicU16, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use async_trait::async_trait;
use mortise_runtime::{
    CallError, Capabilities, Guard, Instance, Rights,
    contract::export::{self, Export},
    plugin::WebhookAnswer,
    trace,
    types::{Draft, Manifest, Message, StopReason, Verdict, WebhookRequest, WebhookResponse},
};
use tracing::{Instrument as _, Span, field::Empty};

/// The upper bounds of the histogram of times, in seconds. Beyond them, there is a
/// last part for all longer calls.
pub const BOUNDS: [f64; 8] = [0.0005, 0.002, 0.01, 0.05, 0.2, 1.0, 5.0, 30.0];
/// The functions of the contract that the server calls.
const EXPORTS: [Export; 10] = [
    export::START,
    export::STOP,
    export::DEFAULTS,
    export::SCHEMA,
    export::APPLY,
    export::DISPLAY,
    export::WEBHOOK,
    export::FILTER,
    export::ON_MESSAGES,
    export::ON_TIMER,
];
/// The names of the outcomes.
const OUTCOMES: [&str; 6] = [
    "ok",
    "rejected",
    "denied",
    "timeout",
    "crashed",
    "unavailable",
];

/// The calls into one plugin, by all users.
#[derive(Debug, Default)]
pub struct Calls([Counters; EXPORTS.len()]);

#[derive(Debug, Default)]
struct Counters {
    outcomes: [AtomicU64; OUTCOMES.len()],
    /// One for each of [`BOUNDS`]; not cumulative.
    times: [AtomicU64; BOUNDS.len()],
    micros: AtomicU64,
}

/// The calls of one function.
#[derive(Clone, Debug, PartialEq)]
pub struct CallsOf {
    /// The function's name in the contract.
    pub export: &'static str,
    /// The number of calls by outcome; an outcome that never was is left out.
    pub outcomes: Vec<(&'static str, u64)>,
    /// The calls that took at most as long as each of [`BOUNDS`].
    pub within: [u64; BOUNDS.len()],
    /// All calls.
    pub count: u64,
    /// Their times together, in seconds.
    pub seconds: f64,
}

impl Calls {
    /// Returns the functions that were called.
    pub fn list(&self) -> Vec<CallsOf> {
        let called = EXPORTS.iter().zip(&self.0).map(|(export, counters)| {
            let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
            let outcomes = OUTCOMES.iter().zip(&counters.outcomes);
            let outcomes: Vec<_> = outcomes
                .map(|(outcome, count)| (*outcome, get(count)))
                .filter(|(_, count)| *count > 0)
                .collect();
            let mut times = counters.times.iter();
            let mut so_far = 0;
            let within = array::from_fn(|_| {
                so_far += times.next().map_or(0, get);
                so_far
            });
            CallsOf {
                export: export.name,
                count: outcomes.iter().map(|(_, count)| count).sum(),
                outcomes,
                within,
                seconds: Duration::from_micros(get(&counters.micros)).as_secs_f64(),
            }
        });
        called.filter(|calls| calls.count > 0).collect()
    }

    fn count<T>(&self, function: usize, answer: &Result<T, CallError>, time: Duration) {
        let Some(counters) = self.0.get(function) else {
            return;
        };
        let outcome = outcome(answer.as_ref().err());
        let at = OUTCOMES.iter().position(|one| *one == outcome);
        let seconds = time.as_secs_f64();
        let bound = BOUNDS.iter().position(|bound| seconds <= *bound);
        let outcome = at.and_then(|at| counters.outcomes.get(at));
        let time_of = bound.and_then(|at| counters.times.get(at));
        for counter in outcome.into_iter().chain(time_of) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        counters.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// The place of a function in [`EXPORTS`].
fn position(export: &Export) -> Option<usize> {
    EXPORTS.iter().position(|one| one.name == export.name)
}

/// Returns the name of an outcome.
const fn outcome(error: Option<&CallError>) -> &'static str {
    match error {
        None => "ok",
        Some(CallError::Refused(_) | CallError::Config(_) | CallError::BadRequest(_)) => "rejected",
        Some(error) if error.is_denial() => "denied",
        Some(
            CallError::DeadlineExceeded { .. }
            | CallError::Busy { .. }
            | CallError::Preempted { .. },
        ) => "timeout",
        Some(CallError::Crashed { .. } | CallError::BadAnswer { .. }) => "crashed",
        Some(_) => "unavailable",
    }
}

/// The functions of one user's plugin whose last call failed, a bit for each of
/// [`EXPORTS`].
#[derive(Debug, Default)]
pub(super) struct Failing(AtomicU16);

impl Failing {
    /// The bit of making an instance, beyond those of the functions.
    const MADE: usize = EXPORTS.len();

    pub(super) fn is_any(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }

    /// Notes the outcome of making an instance.
    pub(super) fn made<T>(&self, answer: &Result<T, CallError>) {
        self.note(Self::MADE, answer);
    }

    /// A call that the plugin did not get, or whose input it may well reject,
    /// says nothing about it.
    fn note<T>(&self, function: usize, answer: &Result<T, CallError>) {
        let bit = 1 << function;
        match answer {
            // Nearly always: nothing is to be written.
            Ok(_) if self.0.load(Ordering::Relaxed) & bit == 0 => {}
            Ok(_) => {
                self.0.fetch_and(!bit, Ordering::Relaxed);
            }
            Err(CallError::Config(_) | CallError::BadRequest(_)) => {}
            Err(error) if error.is_denial() => {}
            Err(_) => {
                self.0.fetch_or(bit, Ordering::Relaxed);
            }
        }
    }
}

/// An instance whose calls are counted, and are spans of the trace.
#[derive(Debug)]
pub(super) struct Measured {
    inner: Arc<dyn Instance>,
    calls: Arc<Calls>,
    failing: Arc<Failing>,
    /// The plugin's id.
    plugin: String,
    version: String,
}

impl Measured {
    pub(super) fn wrap(
        inner: Arc<dyn Instance>,
        calls: Arc<Calls>,
        failing: Arc<Failing>,
        manifest: &Manifest,
    ) -> Arc<dyn Instance> {
        Arc::new(Self {
            inner,
            calls,
            failing,
            plugin: manifest.id.clone(),
            version: manifest.version.clone(),
        })
    }

    async fn count<T>(
        &self,
        export: &Export,
        call: impl Future<Output = Result<T, CallError>> + Send,
    ) -> Result<T, CallError> {
        let start = Instant::now();
        let span = tracing::info_span!(
            target: trace::TARGET,
            "plugin",
            otel.name = export.name,
            plugin.id = self.plugin,
            plugin.version = self.version,
            plugin.export = export.name,
            plugin.outcome = Empty,
            plugin.error = Empty,
            timer.name = Empty,
            http.response.status_code = Empty,
            error = Empty,
        );
        let answer = call.instrument(span.clone()).await;
        if let Some(function) = position(export) {
            self.calls.count(function, &answer, start.elapsed());
            self.failing.note(function, &answer);
        }
        span.record("plugin.outcome", outcome(answer.as_ref().err()));
        if let Err(error) = &answer {
            span.record("error", true);
            span.record("plugin.error", tracing::field::display(error));
        }
        answer
    }
}

#[async_trait]
impl Instance for Measured {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn guard(&self) -> &Arc<Guard> {
        self.inner.guard()
    }

    async fn regrant(&self, rights: Rights) {
        self.inner.regrant(rights).await;
    }

    async fn start(&self) -> Result<(), CallError> {
        self.count(&export::START, self.inner.start()).await
    }

    async fn stop(&self, reason: StopReason) -> Result<(), CallError> {
        self.count(&export::STOP, self.inner.stop(reason)).await
    }

    async fn default_config(&self) -> Result<String, CallError> {
        self.count(&export::DEFAULTS, self.inner.default_config())
            .await
    }

    async fn config_schema(&self) -> Result<Option<String>, CallError> {
        self.count(&export::SCHEMA, self.inner.config_schema())
            .await
    }

    async fn apply_config(&self, config: &str) -> Result<(), CallError> {
        self.count(&export::APPLY, self.inner.apply_config(config))
            .await
    }

    async fn display(&self, base_url: Option<&str>) -> Result<String, CallError> {
        self.count(&export::DISPLAY, self.inner.display(base_url))
            .await
    }

    async fn webhook(&self, request: WebhookRequest) -> Result<WebhookResponse, CallError> {
        self.count(&export::WEBHOOK, self.inner.webhook(request))
            .await
    }

    /// The time is that until the answer's head.
    async fn webhook_in_pieces(&self, request: WebhookRequest) -> Result<WebhookAnswer, CallError> {
        let call = async {
            let answer = self.inner.webhook_in_pieces(request).await;
            if let Ok(answer) = &answer {
                Span::current().record("http.response.status_code", answer.status);
            }
            answer
        };
        self.count(&export::WEBHOOK, call).await
    }

    async fn filter(&self, draft: &Draft, deadline: Duration) -> Result<Verdict, CallError> {
        self.count(&export::FILTER, self.inner.filter(draft, deadline))
            .await
    }

    async fn on_messages(&self, messages: &[Message]) -> Result<(), CallError> {
        self.count(&export::ON_MESSAGES, self.inner.on_messages(messages))
            .await
    }

    async fn on_timer(&self, name: &str) -> Result<(), CallError> {
        let call = async {
            Span::current().record("timer.name", name);
            self.inner.on_timer(name).await
        };
        self.count(&export::ON_TIMER, call).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_function_outcome_and_time() {
        let calls = Calls::default();
        let filter = position(&export::FILTER).unwrap();
        assert_eq!(calls.list(), []);
        let ok = Ok::<_, CallError>(());
        calls.count(filter, &ok, Duration::from_micros(100));
        calls.count(filter, &ok, Duration::from_millis(3));
        let stopped = Err::<(), _>(CallError::Stopped);
        calls.count(filter, &stopped, Duration::from_secs(60));
        let list = calls.list();
        let [filter] = list.as_slice() else {
            panic!("{list:?}")
        };
        assert_eq!(filter.export, "filter.filter");
        assert_eq!(filter.outcomes, [("ok", 2), ("unavailable", 1)]);
        assert_eq!(filter.within, [1, 1, 2, 2, 2, 2, 2, 2]);
        assert_eq!(filter.count, 3);
        assert!((filter.seconds - 60.0031).abs() < 1e-9);
    }

    #[test]
    fn a_function_fails_until_it_is_called_with_success() {
        let failing = Failing::default();
        let [filter, webhook] =
            [export::FILTER, export::WEBHOOK].map(|one| position(&one).unwrap());
        let ok = Ok::<_, CallError>(());
        let stopped = Err::<(), _>(CallError::Stopped);
        let denied = Err::<(), _>(CallError::Denied {
            permission: "webhook",
        });
        failing.note(webhook, &denied);
        assert!(!failing.is_any());
        failing.note(filter, &stopped);
        // Another function's success, and a call that was not let through.
        failing.note(webhook, &ok);
        failing.note(filter, &denied);
        assert!(failing.is_any());
        failing.note(filter, &ok);
        assert!(!failing.is_any());
        failing.made(&stopped);
        assert!(failing.is_any());
        failing.reset();
        assert!(!failing.is_any());
    }
}
