//! A recorded call of a filter: what it was given and what it answered, from the message
//! as it was stored or dropped, and the trace.
//!
//! The trace has each filter's changes. Taken back one by one, they lead from the stored
//! message to the one that the filter was given.

use mortise_runtime::types::{Content, Draft};
use serde::Serialize;

use super::super::{
    embedder::{TracedId, TracedMessage},
    trace::TraceAction,
};

/// A call of a filter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct RecordedCall {
    /// The message.
    pub message: TracedId,
    /// The version that answered.
    pub version: String,
    /// The message that it was given.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub draft: Draft,
    /// The answer.
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub verdict: RecordedVerdict,
}

impl RecordedCall {
    /// Bytes of its texts.
    pub(super) fn bytes(&self) -> usize {
        let answer = match &self.verdict {
            RecordedVerdict::Keep => 0,
            RecordedVerdict::Replace(after) => after.bytes(),
            RecordedVerdict::Drop(text) | RecordedVerdict::Fail(text) => text.len(),
        };
        self.draft.content.bytes() + answer
    }
}

/// A filter's recorded answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RecordedVerdict {
    /// It left the message as it was.
    Keep,
    /// It replaced the content by this one.
    Replace(Content),
    /// It dropped the message, for this reason.
    Drop(String),
    /// It had no answer, for this reason.
    Fail(String),
}

/// The trace has a change only in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Incomplete;

/// Returns the call of an instance's filter about a message; none if the filter was not
/// asked.
pub(super) fn call(
    traced: TracedMessage,
    instance: i64,
) -> Option<Result<RecordedCall, Incomplete>> {
    let own = traced
        .trace
        .iter()
        .position(|entry| entry.instance == instance)?;
    Some(reconstructed(traced, own))
}

fn reconstructed(traced: TracedMessage, own: usize) -> Result<RecordedCall, Incomplete> {
    let TracedMessage {
        id,
        mut draft,
        trace,
    } = traced;
    let since = trace.get(own..).unwrap_or_default();
    let mut after = draft.content.clone();
    for entry in since.iter().rev() {
        after = entry.after(draft.content).ok_or(Incomplete)?;
        draft.content = entry.before(after.clone()).ok_or(Incomplete)?;
    }
    let entry = since.first().ok_or(Incomplete)?;
    let verdict = match entry.action {
        TraceAction::Keep => RecordedVerdict::Keep,
        TraceAction::Replace => RecordedVerdict::Replace(after),
        TraceAction::Drop => RecordedVerdict::Drop(entry.detail.clone()),
        TraceAction::Skipped | TraceAction::Refused => RecordedVerdict::Fail(entry.detail.clone()),
        TraceAction::Restored | TraceAction::NotKept => return Err(Incomplete),
    };
    Ok(RecordedCall {
        message: id,
        version: entry.version.clone(),
        draft,
        verdict,
    })
}

#[cfg(test)]
mod tests {
    use mortise_runtime::types::{Application, Content, Draft};

    use super::{Incomplete, RecordedVerdict, call};
    use crate::{
        embedder::{TracedId, TracedMessage},
        trace::{Space, TraceAction, TraceEntry},
    };

    fn content(title: &str, body: &str) -> Content {
        Content {
            title: title.to_owned(),
            body: body.to_owned(),
            priority: 1,
            extras: None,
        }
    }

    fn entry(instance: i64, action: TraceAction) -> TraceEntry {
        TraceEntry {
            plugin: "a".to_owned(),
            id: "org.example.a".to_owned(),
            version: "1.0.0".to_owned(),
            micros: 1,
            ..TraceEntry::new(instance, action)
        }
    }

    /// The message that a chain of filters made, each of which answers with a content.
    fn passed(contents: &[Content]) -> TracedMessage {
        let mut space = Space::default();
        let trace = contents.windows(2).zip(1..).map(|(pair, instance)| {
            let [before, after] = pair else {
                unreachable!()
            };
            let mut entry = entry(instance, TraceAction::Replace);
            entry.changes = space.changes(before, after);
            if before == after {
                entry.action = TraceAction::Keep;
            }
            entry
        });
        TracedMessage {
            trace: trace.collect(),
            id: TracedId {
                id: 7,
                dropped: false,
            },
            draft: Draft {
                application: Application {
                    id: 1,
                    name: "backup".to_owned(),
                },
                content: contents.last().unwrap().clone(),
                received_ms: 5,
            },
        }
    }

    #[test]
    fn each_filter_of_a_chain_has_what_it_was_given_and_what_it_answered() {
        let long = "ä".repeat(20_000);
        let mut urgent = content("b", &format!("{long}y"));
        urgent.priority = 8;
        urgent.extras = Some(r#"{"a":1}"#.to_owned());
        let chain = [
            content("a", &format!("{long}x")),
            content("b", &format!("{long}x")),
            content("b", &format!("{long}x")),
            urgent.clone(),
            Content {
                extras: None,
                ..urgent
            },
        ];
        let message = passed(&chain);
        for (at, pair) in chain.windows(2).enumerate() {
            let instance = i64::try_from(at).unwrap() + 1;
            let call = call(message.clone(), instance).unwrap().unwrap();
            assert_eq!(call.draft.content, pair[0]);
            match call.verdict {
                RecordedVerdict::Keep => assert_eq!(pair[0], pair[1]),
                RecordedVerdict::Replace(after) => assert_eq!(after, pair[1]),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(call(message, 9), None);
    }

    #[test]
    fn a_change_in_part_hides_the_filters_before_and_not_those_after() {
        let chain = [
            content("a", &"x".repeat(60_000)),
            content("a", &"y".repeat(60_000)),
            content("b", &"y".repeat(60_000)),
        ];
        let message = passed(&chain);
        assert_eq!(call(message.clone(), 1), Some(Err(Incomplete)));
        let second = call(message, 2).unwrap().unwrap();
        assert_eq!(second.draft.content, chain[1]);
    }

    #[test]
    fn the_title_that_a_filter_gave_is_known_though_another_was_stored() {
        let chain = [content("", "x"), content("backup", "y")];
        let mut message = passed(&chain);
        message.draft.content.title = "its application's name".to_owned();
        let first = call(message, 1).unwrap().unwrap();
        assert_eq!(first.draft.content.title, "");
        assert_eq!(first.verdict, RecordedVerdict::Replace(chain[1].clone()));
    }

    #[test]
    fn a_drop_and_a_failure_keep_their_reasons() {
        let mut message = passed(&[content("a", "x")]);
        let mut dropped = entry(1, TraceAction::Drop);
        dropped.detail = "quiet".to_owned();
        message.trace = vec![entry(2, TraceAction::Keep), dropped];
        let call = call(message, 1).unwrap().unwrap();
        assert_eq!(call.verdict, RecordedVerdict::Drop("quiet".to_owned()));
        assert_eq!(call.draft.content, content("a", "x"));
    }
}
