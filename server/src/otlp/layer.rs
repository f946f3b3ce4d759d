//! A layer for `tracing` that makes records of spans and events.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    time::SystemTime,
};

use mortise_runtime::trace::TARGET;
use parking_lot::Mutex;
use tokio::sync::mpsc;
use tracing::{
    Event, Level, Span, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record as Values},
};
use tracing_subscriber::{
    Layer, Registry,
    layer::Context as Of,
    registry::{LookupSpan, SpanRef},
};

use super::{Signal, context::Context};

/// The longest text of a record, in bytes.
const TEXT: usize = 4 << 10;
/// Attributes of one record.
const ATTRIBUTES: usize = 32;
/// Messages whose span is remembered for their listeners.
const REMEMBERED: usize = 4096;
/// The field with a message's number.
const MESSAGE: &str = "message.id";
/// The fields that say something about the span itself.
const PARENT: &str = "traceparent";
const NAME: &str = "otel.name";
const KIND: &str = "otel.kind";
const ERROR: &str = "error";
/// The events of this module's own part of the program.
const OWN: &str = "mortise_server::otlp";

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Text(String),
    Number(i64),
    Fraction(f64),
    Flag(bool),
}

/// Attributes, by their names.
pub(super) type Attributed = Vec<(&'static str, Value)>;

/// A span that is over.
#[derive(Debug)]
pub(super) struct SpanRecord {
    pub(super) name: String,
    pub(super) context: Context,
    pub(super) parent: Option<[u8; 8]>,
    /// True for a request from outside.
    pub(super) server: bool,
    pub(super) begin: SystemTime,
    pub(super) end: SystemTime,
    pub(super) attributes: Attributed,
    pub(super) error: bool,
}

/// A line of the log.
#[derive(Debug)]
pub(super) struct LogRecord {
    pub(super) time: SystemTime,
    pub(super) level: Level,
    pub(super) text: String,
    pub(super) attributes: Attributed,
    pub(super) context: Option<Context>,
}

#[derive(Debug)]
pub(super) enum Record {
    Span(SpanRecord),
    Log(LogRecord),
}

impl Record {
    pub(super) const fn signal(&self) -> Signal {
        match self {
            Self::Span(_) => Signal::Traces,
            Self::Log(_) => Signal::Logs,
        }
    }
}

/// Makes records of spans with the target of traces, and of all events.
#[derive(Debug)]
pub struct OtlpLayer {
    records: mpsc::Sender<Record>,
    messages: Mutex<Messages>,
}

impl OtlpLayer {
    pub(super) fn new(records: mpsc::Sender<Record>) -> Self {
        Self {
            records,
            messages: Mutex::default(),
        }
    }

    fn send(&self, record: Record) {
        if let Err(refused) = self.records.try_send(record) {
            refused.into_inner().signal().dropped(1);
        }
    }
}

/// The spans in which messages were stored, for the listeners that get them later.
#[derive(Debug, Default)]
struct Messages {
    contexts: HashMap<i64, Context>,
    order: VecDeque<i64>,
}

impl Messages {
    fn remember(&mut self, message: i64, context: Context) {
        if self.contexts.insert(message, context).is_none() {
            self.order.push_back(message);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.contexts.remove(&oldest);
        }
    }
}

/// The part of a span that becomes a record.
struct Open {
    context: Context,
    parent: Option<[u8; 8]>,
    begin: SystemTime,
    fields: Fields,
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for OtlpLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, of: Of<'_, S>) {
        if attributes.metadata().target() != TARGET {
            return;
        }
        let Some(span) = of.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let above = span.parent().as_ref().and_then(context_of);
        let stored = || {
            let message = fields.number(MESSAGE)?;
            self.messages.lock().contexts.get(&message).copied()
        };
        let caller = || fields.text(PARENT).and_then(Context::parse);
        let parent = above.or_else(caller).or_else(stored);
        span.extensions_mut().insert(Open {
            context: Context::new(parent),
            parent: parent.map(|parent| parent.span),
            begin: SystemTime::now(),
            fields,
        });
    }

    fn on_record(&self, id: &Id, values: &Values<'_>, of: Of<'_, S>) {
        let Some(span) = of.span(id) else { return };
        let mut extensions = span.extensions_mut();
        let Some(open) = extensions.get_mut::<Open>() else {
            return;
        };
        values.record(&mut open.fields);
        if let Some(message) = open.fields.number(MESSAGE) {
            self.messages.lock().remember(message, open.context);
        }
    }

    fn on_close(&self, id: Id, of: Of<'_, S>) {
        let Some(span) = of.span(&id) else { return };
        let Some(open) = span.extensions_mut().remove::<Open>() else {
            return;
        };
        if !open.context.sampled {
            return;
        }
        let Open {
            context,
            parent,
            begin,
            mut fields,
        } = open;
        let name = fields.take_text(NAME);
        let kind = fields.take_text(KIND);
        let error = fields.take(ERROR) == Some(Value::Flag(true));
        fields.take(PARENT);
        self.send(Record::Span(SpanRecord {
            name: name.unwrap_or_else(|| span.name().to_owned()),
            context,
            parent,
            server: kind.as_deref() == Some("server"),
            begin,
            end: SystemTime::now(),
            attributes: fields.0,
            error,
        }));
    }

    fn on_event(&self, event: &Event<'_>, of: Of<'_, S>) {
        let metadata = event.metadata();
        if metadata.target() == OWN {
            return;
        }
        let mut fields = Fields::default();
        event.record(&mut fields);
        let text = fields.take_text("message").unwrap_or_default();
        fields
            .0
            .push(("target", Value::Text(metadata.target().to_owned())));
        let span = of.lookup_current();
        let scope = span.as_ref().into_iter().flat_map(SpanRef::scope);
        let context = scope.into_iter().find_map(|span| context_of(&span));
        self.send(Record::Log(LogRecord {
            time: SystemTime::now(),
            level: *metadata.level(),
            text,
            attributes: fields.0,
            context,
        }));
    }
}

fn context_of<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>) -> Option<Context> {
    span.extensions().get::<Open>().map(|open| open.context)
}

/// The header of the current span.
pub(super) fn current() -> Option<String> {
    let current = Span::current().with_subscriber(|(id, dispatch)| {
        let span = dispatch.downcast_ref::<Registry>()?.span(id)?;
        span.scope().find_map(|span| context_of(&span))
    });
    current.flatten().map(|context| context.header())
}

/// The fields of a span or an event.
#[derive(Debug, Default)]
struct Fields(Attributed);

impl Fields {
    fn number(&self, name: &str) -> Option<i64> {
        self.0.iter().find_map(|(found, value)| match value {
            Value::Number(number) if *found == name => Some(*number),
            _ => None,
        })
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find_map(|(found, value)| match value {
            Value::Text(text) if *found == name => Some(text.as_str()),
            _ => None,
        })
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        let at = self.0.iter().position(|(found, _)| *found == name)?;
        Some(self.0.remove(at).1)
    }

    fn take_text(&mut self, name: &str) -> Option<String> {
        match self.take(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    fn set(&mut self, field: &Field, value: Value) {
        let name = field.name();
        if let Some((_, there)) = self.0.iter_mut().find(|(found, _)| *found == name) {
            *there = value;
        } else if self.0.len() < ATTRIBUTES {
            self.0.push((name, value));
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, Value::Text(bounded(value.to_owned())));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.set(field, Value::Number(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.set(
            field,
            Value::Number(i64::try_from(value).unwrap_or(i64::MAX)),
        );
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.set(field, Value::Fraction(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.set(field, Value::Flag(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, Value::Text(bounded(format!("{value:?}"))));
    }
}

fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(TEXT));
    text
}

#[cfg(test)]
mod tests {
    use super::{Context, Messages, REMEMBERED, TEXT, bounded};

    #[test]
    fn few_messages_are_remembered() {
        let mut messages = Messages::default();
        for message in 0..=REMEMBERED as i64 {
            messages.remember(message, Context::new(None));
            messages.remember(message, Context::new(None));
        }
        assert_eq!(messages.contexts.len(), REMEMBERED);
        assert!(!messages.contexts.contains_key(&0));
        assert!(messages.contexts.contains_key(&1));
    }

    #[test]
    fn texts_are_cut_between_characters() {
        let text = bounded("\u{fc}".repeat(TEXT));
        assert_eq!(text.len(), TEXT);
        assert_eq!(bounded("a".repeat(TEXT - 1) + "\u{fc}").len(), TEXT - 1);
    }
}
