//! The events of the crate `tracing`, with the feature `tracing`: each is an entry in the
//! log of the instance in whose call it happened, with its level, the spans around it,
//! and its fields. [`export!`](crate::export) and [`main!`](crate::main) set this up.
//!
//! ```text
//! charge{customer=7}: the card was refused attempts=3 reason="expired"
//! ```

use std::{
    cell::RefCell,
    collections::HashMap,
    fmt::{self, Write as _},
    sync::{Mutex, MutexGuard, Once, PoisonError},
};

use tracing_core::{
    Dispatch, Event, Field, LevelFilter, Metadata, Subscriber, callsite, dispatcher,
    field::Visit,
    span::{Attributes, Current, Id, Record},
};

use crate::types::Level;

/// The field that has an event's words.
const MESSAGE: &str = "message";

/// The most detailed level that is logged.
static MOST: Mutex<LevelFilter> = Mutex::new(LevelFilter::INFO);

thread_local! {
    /// The spans that this thread is in, the innermost last.
    static ENTERED: RefCell<Vec<Id>> = const { RefCell::new(Vec::new()) };
}

/// Sets the most detailed level that is logged, such as `tracing::Level::DEBUG`. It is
/// `INFO` at first, and holds for all instances in this process.
pub fn set_max_level(level: impl Into<LevelFilter>) {
    *lock(&MOST) = level.into();
    callsite::rebuild_interest_cache();
}

/// Has the instances' logs receive this program's events, unless the plugin has chosen
/// another subscriber.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let _ = dispatcher::set_global_default(Dispatch::new(ToLog::default()));
    });
}

/// The data behind these locks is consistent at every point where a panic could poison
/// them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The subscriber.
#[derive(Default)]
struct ToLog {
    spans: Mutex<Spans>,
}

#[derive(Default)]
struct Spans {
    last: u64,
    open: HashMap<Id, Span>,
}

/// A span that somebody holds.
struct Span {
    metadata: &'static Metadata<'static>,
    /// The text of the spans around it, as they were when it began.
    around: String,
    fields: String,
    holders: u64,
}

impl Span {
    /// Its name and fields, after those of the spans around it.
    fn text(&self) -> String {
        let name = self.metadata.name();
        match self.fields.trim_start() {
            "" => format!("{}{name}:", self.around),
            fields => format!("{}{name}{{{fields}}}:", self.around),
        }
    }
}

impl ToLog {
    /// The text of the spans around an event or a new span.
    fn around(&self, is_root: bool, parent: Option<&Id>) -> String {
        if is_root {
            return String::new();
        }
        let Some(id) = parent.cloned().or_else(innermost) else {
            return String::new();
        };
        let spans = lock(&self.spans);
        spans.open.get(&id).map(Span::text).unwrap_or_default()
    }
}

/// The innermost span that this thread is in.
fn innermost() -> Option<Id> {
    ENTERED.with_borrow(|entered| entered.last().cloned())
}

impl Subscriber for ToLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= *lock(&MOST)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(*lock(&MOST))
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let span = Span {
            metadata: attributes.metadata(),
            around: self.around(attributes.is_root(), attributes.parent()),
            fields: fields.named,
            holders: 1,
        };
        let mut spans = lock(&self.spans);
        spans.last += 1;
        let id = Id::from_u64(spans.last);
        spans.open.insert(id.clone(), span);
        id
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        if let Some(span) = lock(&self.spans).open.get_mut(id) {
            span.fields.push_str(&fields.named);
        }
    }

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut text = self.around(event.is_root(), event.parent());
        if !fields.message.is_empty() {
            text.push(' ');
            text.push_str(&fields.message);
        }
        text.push_str(&fields.named);
        crate::backend::log_here(level(event.metadata()), text.trim_start());
    }

    fn enter(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(id.clone()));
    }

    fn exit(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| {
            if let Some(at) = entered.iter().rposition(|one| one == id) {
                entered.remove(at);
            }
        });
    }

    fn clone_span(&self, id: &Id) -> Id {
        if let Some(span) = lock(&self.spans).open.get_mut(id) {
            span.holders += 1;
        }
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let mut spans = lock(&self.spans);
        let Some(span) = spans.open.get_mut(&id) else {
            return false;
        };
        span.holders -= 1;
        let is_last = span.holders == 0;
        if is_last {
            spans.open.remove(&id);
        }
        is_last
    }

    fn current_span(&self) -> Current {
        let Some(id) = innermost() else {
            return Current::none();
        };
        let metadata = lock(&self.spans).open.get(&id).map(|span| span.metadata);
        metadata.map_or_else(Current::none, |metadata| Current::new(id, metadata))
    }
}

fn level(metadata: &Metadata<'_>) -> Level {
    match *metadata.level() {
        tracing_core::Level::ERROR => Level::Error,
        tracing_core::Level::WARN => Level::Warn,
        tracing_core::Level::INFO => Level::Info,
        tracing_core::Level::DEBUG => Level::Debug,
        tracing_core::Level::TRACE => Level::Trace,
    }
}

/// The fields of an event or a span as text.
#[derive(Default)]
struct Fields {
    message: String,
    /// The others, each after a blank.
    named: String,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            self.message.push_str(value);
        } else {
            self.record_debug(field, &value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let name = field.name();
        // Only the value itself can fail, and what it wrote is still of use.
        let _ = if name == MESSAGE {
            write!(self.message, "{value:?}")
        } else {
            let name = name.strip_prefix("r#").unwrap_or(name);
            write!(self.named, " {name}={value:?}")
        };
    }
}

#[cfg(all(test, not(target_family = "wasm")))]
mod tests {
    use std::sync::Arc;

    use crate::{backend, testing::Recorder, types::Level};

    #[test]
    fn events_have_their_level_their_fields_and_the_spans_around_them() {
        let host = Recorder::new();
        backend::enter(backend::Handle::new(Arc::new(host.clone())));
        super::install();
        tracing::info!(n = 1, name = "a b", "at {}", "info");
        tracing::debug!("too deep");
        let outer = tracing::info_span!("outer", a = 1, late = tracing::field::Empty);
        outer.in_scope(|| {
            outer.record("late", 2);
            tracing::warn_span!("inner").in_scope(|| tracing::error!(code = ?Some(3)));
            tracing::warn!(parent: None, "alone");
        });
        super::set_max_level(tracing::Level::DEBUG);
        tracing::debug!(r#type = %"t", "deep enough");
        tracing::trace!("too deep");
        let entries = [
            (Level::Info, "at info n=1 name=\"a b\""),
            (Level::Error, "outer{a=1 late=2}:inner: code=Some(3)"),
            (Level::Warn, "alone"),
            (Level::Debug, "deep enough type=t"),
        ];
        assert_eq!(
            host.log(),
            entries.map(|(level, text)| (level, text.to_owned()))
        );
    }
}
