//! Traces. That of a message has one entry for each filter that was asked, and is kept with
//! the message; it has a bound of its own, so that a chain of filters that rewrite a long
//! message does not multiply it in the database. That of a call is for listeners, timers and
//! webhooks.

use std::{
    mem,
    sync::{Arc, OnceLock},
};

use mortise_runtime::types::{Content, Manifest, Message, WebhookRequest};
use serde::{Deserialize, Serialize};

/// The longest text of one side of a [`Change`], in bytes.
const SIDE_BYTES: usize = 4 << 10;
/// All texts of the changes in one trace together, in bytes.
const TRACE_BYTES: usize = 64 << 10;
/// Traces of calls of one user's plugin that are kept. The oldest are removed first.
pub const KEPT_CALLS: u32 = 1000;
/// The longest text of the trace of a call, in bytes.
const TEXT_BYTES: usize = 1 << 10;
/// Text that is shown before the first difference, in bytes.
const LEAD_BYTES: usize = 256;

/// One filter's work on one message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TraceEntry {
    /// The plugin's name; empty for a restoration, and where no trace is kept.
    pub plugin: String,
    /// The manifest's id; empty in traces of older servers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The plugin's number among its user's, as in `/plugin/{id}`.
    #[serde(default)]
    pub instance: i64,
    /// The version that was asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// The outcome.
    pub action: TraceAction,
    /// The kind of failure of a filter that was skipped or had the message
    /// refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// The reason of a drop, of a failure, or for which no trace is kept, as a sentence; or
    /// the time of a restoration, RFC 3339; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Duration in microseconds.
    pub micros: u64,
    /// The fields that the filter changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The messages that the plugin sent while it was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<u64>,
}

impl TraceEntry {
    /// An entry with an instance and an outcome alone.
    pub(super) const fn new(instance: i64, action: TraceAction) -> Self {
        Self {
            plugin: String::new(),
            id: String::new(),
            instance,
            version: String::new(),
            action,
            cause: None,
            detail: String::new(),
            micros: 0,
            changes: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// The entry of a restoration at a time, RFC 3339.
    pub fn restored(at: String) -> Self {
        Self {
            detail: at,
            ..Self::new(0, TraceAction::Restored)
        }
    }

    /// The entry in place of a trace that is not kept, for this reason.
    pub fn not_kept(reason: String) -> Self {
        Self {
            detail: reason,
            ..Self::new(0, TraceAction::NotKept)
        }
    }

    /// Returns the content that the filter was given, from its answer. None if the trace
    /// has a change only in part.
    pub fn before(&self, after: Content) -> Option<Content> {
        self.side(after, |change| change.before.as_deref())
    }

    /// Returns the filter's answer, from a content that differs from it in changed fields
    /// alone. None as in [`TraceEntry::before`].
    pub fn after(&self, content: Content) -> Option<Content> {
        self.side(content, |change| change.after.as_deref())
    }

    /// Gives the changed fields the texts of one side.
    fn side(&self, mut content: Content, of: impl Fn(&Change) -> Option<&str>) -> Option<Content> {
        for change in self.changes.iter() {
            if change.cut {
                return None;
            }
            // Both sides begin with the text that the trace leaves out.
            let lead = |text: &str| text.get(..change.skipped).map(str::to_owned);
            let rest = of(change);
            match change.field {
                Field::Title => content.title = lead(&content.title)? + rest?,
                Field::Message => content.body = lead(&content.body)? + rest?,
                Field::Priority => content.priority = rest?.parse().ok()?,
                Field::Extras => {
                    let lead = lead(content.extras.as_deref().unwrap_or_default())?;
                    content.extras = rest.map(|rest| lead + rest);
                }
            }
        }
        Some(content)
    }
}

/// A version of a plugin, as traces name it.
#[derive(Debug)]
pub struct AskedVersion {
    /// The plugin's name.
    pub plugin: String,
    /// The manifest's id.
    pub id: String,
    /// The version.
    pub version: String,
    /// The embedder's number for it, which it may set to save looking it up.
    pub number: OnceLock<i64>,
}

impl AskedVersion {
    pub(super) fn of(manifest: &Manifest) -> Self {
        Self {
            plugin: manifest.name.clone(),
            id: manifest.id.clone(),
            version: manifest.version.clone(),
            number: OnceLock::new(),
        }
    }
}

/// A filter that was asked about a message. Most traces are stored without names, so that
/// nobody copies them for each message.
#[derive(Debug)]
pub struct Asked {
    /// Its version.
    pub version: Arc<AskedVersion>,
    /// Its effect; the names of plugin and version are empty.
    pub entry: TraceEntry,
}

impl Asked {
    /// The entry with its names.
    pub fn named(&self) -> TraceEntry {
        TraceEntry {
            plugin: self.version.plugin.clone(),
            id: self.version.id.clone(),
            version: self.version.version.clone(),
            ..self.entry.clone()
        }
    }
}

impl From<TraceEntry> for Asked {
    fn from(mut entry: TraceEntry) -> Self {
        let version = AskedVersion {
            plugin: mem::take(&mut entry.plugin),
            id: mem::take(&mut entry.id),
            version: mem::take(&mut entry.version),
            number: OnceLock::new(),
        };
        Self {
            version: Arc::new(version),
            entry,
        }
    }
}

/// A filter's outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TraceAction {
    /// Left the message as it was.
    Keep,
    /// Changed its content.
    Replace,
    /// Dropped it.
    Drop,
    /// Failed and was passed over: the user has it fail open.
    Skipped,
    /// Failed, and the message was refused: the user has it fail closed.
    Refused,
    /// No filter's: the user restored the message.
    Restored,
    /// No filter's: the server keeps no trace of the message, or no longer.
    NotKept,
}

impl TraceAction {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Replace => "replace",
            Self::Drop => "drop",
            Self::Skipped => "skipped",
            Self::Refused => "refused",
            Self::Restored => "restored",
            Self::NotKept => "not_kept",
        }
    }
}

/// The kind of a filter's failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It crashed, or answered with an error or with nonsense.
    Failed,
    /// It had no answer in its share of the time.
    TimedOut,
    /// It could not be called: its process pauses after crashes, it is stopped,
    /// or as many calls are open as may be.
    NotAtWork,
}

impl Cause {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::NotAtWork => "not_at_work",
        }
    }
}

/// A field of a message before and after a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Change {
    /// The field.
    pub field: Field,
    /// Its text before; none if there was none.
    pub before: Option<String>,
    /// Its text after; none if there is none.
    pub after: Option<String>,
    /// Bytes left out before both texts, where they are the same.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: usize,
    /// Whether one of the texts is cut at its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// A field of a message that filters may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The title.
    Title,
    /// The text.
    Message,
    /// The priority, as a number in words.
    Priority,
    /// The extras, as JSON.
    Extras,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Title, Self::Message, Self::Priority, Self::Extras];

    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Message => "message",
            Self::Priority => "priority",
            Self::Extras => "extras",
        }
    }
}

/// A call of a user's plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallTrace {
    /// The user's plugin.
    pub instance: i64,
    /// The version that was called.
    pub version: String,
    /// The subject of the call.
    pub subject: Subject,
    /// The time of its start, in milliseconds since the epoch.
    pub started_ms: i64,
    /// Its duration in microseconds; that of a webhook until the answer's head.
    pub micros: u64,
    /// The kind of its failure; none if it succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Its failure as a sentence; else empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The messages that the plugin sent while the call was open. If several calls were
    /// open at the time, each of them has the message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<u64>,
}

/// The subject of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Subject {
    /// Messages for the listener.
    Listener {
        /// Their ids.
        messages: Vec<u64>,
    },
    /// A timer that came due.
    Timer {
        /// The plugin's name for it.
        timer: String,
    },
    /// A request to the webhook.
    Webhook {
        /// The request's method.
        method: String,
        /// The path below the webhook's address, without the query.
        path: String,
        /// The status of the answer; none if there was no answer.
        status: Option<u16>,
    },
}

impl Subject {
    pub(super) fn messages(messages: &[Message]) -> Self {
        Self::Listener {
            messages: messages.iter().map(|message| message.id).collect(),
        }
    }

    pub(super) fn request(request: &WebhookRequest) -> Self {
        Self::Webhook {
            method: short(&request.method),
            path: short(&request.path),
            status: None,
        }
    }
}

/// A text as it is kept in the trace of a call.
pub(super) fn short(text: &str) -> String {
    let end = text.floor_char_boundary(TEXT_BYTES);
    text.get(..end).unwrap_or_default().to_owned()
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// The space that is left for the texts of one trace.
#[derive(Debug)]
pub(super) struct Space(usize);

impl Default for Space {
    fn default() -> Self {
        Self(TRACE_BYTES)
    }
}

impl Space {
    /// The fields that differ, with their texts as far as there is space.
    pub(super) fn changes(&mut self, before: &Content, after: &Content) -> Vec<Change> {
        let mut changes = Vec::new();
        let mut add = |field, before: Option<&str>, after: Option<&str>| {
            if before != after {
                changes.push(self.change(field, before, after));
            }
        };
        add(Field::Title, Some(&before.title), Some(&after.title));
        add(Field::Message, Some(&before.body), Some(&after.body));
        if before.priority != after.priority {
            let (was, is) = (before.priority.to_string(), after.priority.to_string());
            add(Field::Priority, Some(&was), Some(&is));
        }
        add(
            Field::Extras,
            before.extras.as_deref(),
            after.extras.as_deref(),
        );
        changes
    }

    fn change(&mut self, field: Field, before: Option<&str>, after: Option<&str>) -> Change {
        let most = SIDE_BYTES.min(self.0 / 2);
        let fits = |text: Option<&str>| text.is_none_or(|text| text.len() <= most);
        let skipped = if fits(before) && fits(after) {
            0
        } else {
            lead(before.unwrap_or_default(), after.unwrap_or_default())
        };
        let mut cut = false;
        let mut side = |text: Option<&str>| {
            let text = text?;
            let rest = text.get(skipped..).unwrap_or_default();
            let kept = rest
                .get(..rest.floor_char_boundary(most))
                .unwrap_or_default();
            cut |= kept.len() < rest.len();
            self.0 = self.0.saturating_sub(kept.len());
            Some(kept.to_owned())
        };
        Change {
            field,
            before: side(before),
            after: side(after),
            skipped,
            cut,
        }
    }
}

/// Bytes before the first difference that need not be shown; a boundary between
/// characters of both texts.
fn lead(one: &str, other: &str) -> usize {
    let same = one
        .bytes()
        .zip(other.bytes())
        .take_while(|(one, other)| one == other)
        .count();
    one.floor_char_boundary(same.saturating_sub(LEAD_BYTES))
}

#[cfg(test)]
mod tests {
    use mortise_runtime::types::Content;

    use super::{Field, SIDE_BYTES, Space, TRACE_BYTES, TraceAction, TraceEntry};

    fn content(title: &str, body: &str) -> Content {
        Content {
            title: title.to_owned(),
            body: body.to_owned(),
            priority: 1,
            extras: None,
        }
    }

    #[test]
    fn only_fields_that_differ_are_listed_in_full_while_they_are_short() {
        let mut after = content("b", "text");
        after.priority = 5;
        after.extras = Some("{}".to_owned());
        let changes = Space::default().changes(&content("a", "text"), &after);
        let listed: Vec<_> = changes
            .iter()
            .map(|c| (c.field, c.before.as_deref(), c.after.as_deref()))
            .collect();
        assert_eq!(
            listed,
            [
                (Field::Title, Some("a"), Some("b")),
                (Field::Priority, Some("1"), Some("5")),
                (Field::Extras, None, Some("{}")),
            ]
        );
        assert!(changes.iter().all(|c| c.skipped == 0 && !c.cut));
    }

    #[test]
    fn a_long_text_is_shown_around_its_first_difference() {
        let same = "ä".repeat(20_000);
        let (before, after) = (format!("{same}x{same}"), format!("{same}y"));
        let changes = Space::default().changes(&content("", &before), &content("", &after));
        let [change] = changes.as_slice() else {
            panic!("{changes:?}");
        };
        let (was, is) = (
            change.before.as_ref().unwrap(),
            change.after.as_ref().unwrap(),
        );
        assert!(was.contains('x') && is.ends_with('y'), "{change:?}");
        assert!(change.cut && was.len() <= SIDE_BYTES);
        assert_eq!(change.skipped + is.len(), after.len());
    }

    #[test]
    fn a_trace_is_bounded_however_many_filters_there_are() {
        let (one, other) = (
            content("", &"x".repeat(60_000)),
            content("", &"y".repeat(60_000)),
        );
        let mut space = Space::default();
        let mut bytes = 0;
        for _ in 0..100 {
            for change in space.changes(&one, &other) {
                bytes += change.before.unwrap().len() + change.after.unwrap().len();
            }
        }
        assert!(bytes <= TRACE_BYTES, "{bytes}");
    }

    #[test]
    fn a_trace_of_an_older_server_is_read() {
        let old = r#"{"plugin":"a","action":"skipped","detail":"it crashed","micros":3}"#;
        let entry: TraceEntry = serde_json::from_str(old).unwrap();
        assert_eq!((entry.action, entry.instance), (TraceAction::Skipped, 0));
    }
}
