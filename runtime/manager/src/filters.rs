//! A message on its way in, past its user's filters.
//!
//! All filters of a message share one deadline, and each leaves half of what is
//! left to those after it: one that never answers does not take the time of all.
//! One that fails, traps or takes too long is skipped, unless its user wants the
//! message refused then. Such a filter also refuses messages while it cannot be
//! asked at all: its file is away, it is being replaced, or it is down. A user
//! without filters pays one look into a map.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use mortise_runtime::{
    CallError, Plugin as _,
    log::Source,
    trace::TARGET,
    types::{Draft, Level, Verdict},
};
use tracing::{Instrument as _, Span, field::Empty};

use super::{
    Lease, Plugins, Slot,
    embedder::Sender,
    trace::{Asked, Cause, Space, TraceAction, TraceEntry},
    working::Required,
};

/// The result of a user's filters for a message.
#[derive(Debug)]
pub struct Filtered {
    /// The decision about the message.
    pub outcome: Outcome,
    /// The effect of each filter, in order.
    pub trace: Vec<Asked>,
}

/// The filters' decision about a message.
#[derive(Debug)]
pub enum Outcome {
    /// To be stored, as it is now.
    Pass(Draft),
    /// A filter dropped it.
    Dropped {
        /// The message as the filter was given it.
        draft: Draft,
        /// The plugin's name.
        by: String,
        /// In its words.
        reason: String,
    },
    /// A filter failed, and the user wants messages rejected then.
    Refused {
        /// The message as the filter was given it.
        draft: Draft,
        /// The plugin's name.
        by: String,
        /// The failure.
        reason: String,
    },
}

impl Plugins {
    /// Asks a user's filters, in their order, but never that of the sender itself.
    /// All share one deadline.
    pub async fn filter_message(&self, user_id: i64, mut draft: Draft, sender: Sender) -> Filtered {
        let skip = sender.instance();
        let mut trace = Vec::new();
        self.wait_for_start(user_id).await;
        let Some(chain) = self.working.filters(user_id) else {
            return Filtered {
                outcome: Outcome::Pass(draft),
                trace,
            };
        };
        let end = Instant::now() + self.settings.filter_deadline;
        let application = draft.application.id;
        let mut absent = chain.absent.iter().filter(|one| Some(one.instance) != skip);
        if let Some(filter) = absent.find(|one| one.filters(application)) {
            let entry = self.absent(filter);
            let (by, reason) = (entry.plugin.clone(), entry.detail.clone());
            return Filtered {
                outcome: Outcome::Refused { draft, by, reason },
                trace: vec![spanned(&filter_span(), entry.into())],
            };
        }
        // Once: their user may choose other applications meanwhile.
        let asked = |slot: &&Arc<Slot>| Some(slot.id) != skip && slot.filters(application);
        let asked: Vec<_> = chain.filters.iter().filter(asked).collect();
        let mut to_ask = asked.len();
        let mut space = Space::default();
        for slot in asked {
            to_ask -= 1;
            let began = Instant::now();
            let left = end.saturating_duration_since(began);
            let share = if to_ask > 0 { left / 2 } else { left };
            let heard = slot.hops.give(sender.hops());
            let mut call = slot.open_calls.begin();
            let span = filter_span();
            let verdict = self.ask(slot, &draft, share).instrument(span.clone()).await;
            drop(heard);
            let mut asked = asked_just_now(slot, began.elapsed());
            asked.entry.sent = call.end();
            match verdict {
                Ok(Verdict::Keep) => trace.push(spanned(&span, asked)),
                Ok(Verdict::Replace(content)) => {
                    asked.entry.action = TraceAction::Replace;
                    asked.entry.changes = space.changes(&draft.content, &content);
                    trace.push(spanned(&span, asked));
                    draft.content = content;
                }
                Ok(Verdict::Drop(reason)) => {
                    let by = asked.version.plugin.clone();
                    asked.entry.action = TraceAction::Drop;
                    asked.entry.detail.clone_from(&reason);
                    trace.push(spanned(&span, asked));
                    let text = format!("dropped a message of {}: {reason}", draft.application.name);
                    slot.log.write(Level::Info, Source::Host, &text);
                    return Filtered {
                        outcome: Outcome::Dropped { draft, by, reason },
                        trace,
                    };
                }
                Err(Unanswered { cause, reason }) => {
                    let by = asked.version.plugin.clone();
                    let closed = slot.state().fail_closed;
                    asked.entry.action = if closed {
                        TraceAction::Refused
                    } else {
                        TraceAction::Skipped
                    };
                    asked.entry.cause = Some(cause);
                    asked.entry.detail.clone_from(&reason);
                    trace.push(spanned(&span, asked));
                    if closed {
                        return Filtered {
                            outcome: Outcome::Refused { draft, by, reason },
                            trace,
                        };
                    }
                }
            }
        }
        Filtered {
            outcome: Outcome::Pass(draft),
            trace,
        }
    }

    /// The entry of a filter that cannot be asked.
    fn absent(&self, filter: &Required) -> TraceEntry {
        let installed = self.installed.get(&filter.plugin);
        let manifest = installed.as_ref().map(|entry| entry.current.manifest());
        TraceEntry {
            plugin: manifest
                .map_or(&filter.plugin, |manifest| &manifest.name)
                .clone(),
            id: filter.plugin.clone(),
            version: manifest.map_or_else(String::new, |manifest| manifest.version.clone()),
            cause: Some(Cause::NotAtWork),
            detail: "the plugin does not run at the moment; see `mortise plugin doctor`".to_owned(),
            ..TraceEntry::new(filter.instance, TraceAction::Refused)
        }
    }

    /// Announces a stored message to its user's listeners.
    pub fn note_message(&self, user_id: i64) {
        // They read on from their cursors.
        self.working.wake_listeners(user_id);
    }

    /// The runtime's handle of an instance that may have to be made, which may spawn a
    /// process: the deadline holds for that too. None if it passed.
    ///
    /// In a box and in a function of its own, because it is rare and large: the future of
    /// each message would have to make room for it.
    #[cold]
    #[inline(never)]
    fn instance_within<'a>(
        &'a self,
        slot: &'a Slot,
        share: Duration,
    ) -> Pin<Box<dyn Future<Output = Made> + Send + 'a>> {
        Box::pin(async move {
            let made = tokio::time::timeout(share, self.instance(slot)).await;
            made.ok()
        })
    }

    /// One filter's verdict.
    async fn ask(
        &self,
        slot: &Slot,
        draft: &Draft,
        share: Duration,
    ) -> Result<Verdict, Unanswered> {
        let timed_out = |reason| Unanswered {
            cause: Cause::TimedOut,
            reason,
        };
        if share.is_zero() {
            return Err(timed_out("earlier filters used up the time".to_owned()));
        }
        let result = match Self::made_instance(slot) {
            Some(instance) => instance.filter(draft, share).await,
            None => match self.instance_within(slot, share).await {
                Some(Ok(instance)) => instance.filter(draft, share).await,
                Some(Err(error)) => Err(error),
                None => return Err(timed_out(format!("it did not start within {share:?}"))),
            },
        };
        result.map_err(|error| {
            match error {
                // Its share of the time of all is no limit of its own.
                CallError::DeadlineExceeded { deadline, .. } if deadline == share => {
                    slot.tell(&error);
                }
                _ => slot.note(&error),
            }
            Unanswered {
                cause: cause(&error),
                reason: error.to_string(),
            }
        })
    }
}

/// The runtime's handle of an instance, or the reason for which there is none; none if the
/// time passed.
type Made = Option<Result<Lease, CallError>>;

/// The reason for which a filter has no verdict.
#[derive(Debug)]
struct Unanswered {
    cause: Cause,
    /// As a sentence.
    reason: String,
}

pub(super) fn cause(error: &CallError) -> Cause {
    match error {
        CallError::DeadlineExceeded { .. } | CallError::Busy { .. } => Cause::TimedOut,
        CallError::Denied { .. }
        | CallError::Stopped
        | CallError::TooMany { .. }
        | CallError::TakenBack { .. }
        | CallError::BackingOff { .. }
        | CallError::Unavailable(_) => Cause::NotAtWork,
        _ => Cause::Failed,
    }
}

/// A filter that left the message as it was.
fn asked_just_now(slot: &Slot, took: Duration) -> Asked {
    Asked {
        version: slot.asked_version(),
        entry: TraceEntry {
            micros: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            ..TraceEntry::new(slot.id, TraceAction::Keep)
        },
    }
}

/// The span of a filter, also of one that cannot be called. [`spanned`] gives it its fields.
fn filter_span() -> Span {
    tracing::info_span!(
        target: TARGET,
        "filter",
        plugin.id = Empty,
        plugin.version = Empty,
        filter.action = Empty,
        filter.changes = Empty,
        filter.cause = Empty,
        filter.reason = Empty,
        error = Empty,
    )
}

/// Gives a filter's span the fields of its entry, and returns the entry. The texts of the
/// message stay here: they are not the collector's.
fn spanned(span: &Span, asked: Asked) -> Asked {
    if span.is_disabled() {
        return asked;
    }
    let Asked { version, entry } = &asked;
    span.record("plugin.id", version.id.as_str());
    span.record("plugin.version", version.version.as_str());
    span.record("filter.action", entry.action.name());
    if !entry.changes.is_empty() {
        let fields: Vec<_> = entry.changes.iter().map(|one| one.field.name()).collect();
        span.record("filter.changes", fields.join(",").as_str());
    }
    if !entry.detail.is_empty() {
        span.record("filter.reason", entry.detail.as_str());
    }
    if let Some(cause) = entry.cause {
        span.record("filter.cause", cause.name());
        span.record("error", true);
    }
    asked
}
