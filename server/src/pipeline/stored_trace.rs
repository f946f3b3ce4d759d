//! The trace of a message as the database has it. Each message that passed a filter has
//! one, so it is short: the plugin and its version are a number of the table
//! `traced_versions`, and names are left out.

use mortise_store::{Store, StoreError, TracedVersion};
use serde::{Deserialize, Serialize};

use crate::plugins::trace::{Asked, AskedVersion, Cause, Change, Field, TraceAction, TraceEntry};

/// In place of the trace of a message that a filter changed, on a server that keeps no
/// traces, or that has removed the trace. Read, it has no entries.
pub(crate) const UNKNOWN: &str = "[]";
/// Each trace in which a filter changed the message has one of these parts, and no other
/// trace: texts have no quotation marks without a backslash.
pub(crate) const CHANGED: [&str; 2] = [r#""c":"#, r#":"replace""#];

/// The reason for which a stored trace cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TraceError {
    /// It is no trace.
    #[error("the trace of a message is damaged: {0}")]
    Json(#[from] serde_json::Error),
    /// It names a version that is not there.
    #[error(
        "the trace of a message names the version {0} of a plugin, which is not in the database"
    )]
    NoVersion(i64),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An entry of a stored trace: the number of the plugin's version, the instance, the
/// microseconds, and what there is beside them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    /// Of a filter that left the message as it was.
    Kept(i64, i64, u64),
    /// Of any other one.
    Brief(i64, i64, u64, Rest),
    /// Of an earlier release.
    Named {
        #[serde(rename = "v")]
        version: i64,
        #[serde(rename = "i")]
        instance: i64,
        #[serde(rename = "t")]
        micros: u64,
        #[serde(flatten)]
        rest: Rest,
    },
    /// Of a message that was restored, and of earlier releases.
    Whole(TraceEntry),
}

/// The rest of a [`TraceEntry`].
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Rest {
    /// None for a filter that replaced the message, as `changes` shows, or left it as it
    /// was.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    action: Option<TraceAction>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<StoredChange>>,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    #[serde(rename = "d", default, skip_serializing_if = "String::is_empty")]
    detail: String,
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    sent: Vec<u64>,
}

/// A [`Change`].
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
enum StoredChange {
    /// The field, the bytes left out, and both texts, neither of them cut.
    Brief(Field, usize, String, String),
    /// The fields of any change, in their order.
    Whole(Field, Option<String>, Option<String>, usize, bool),
}

impl Stored {
    /// Returns an entry as it is stored, with the number of its plugin's version.
    fn new(version: i64, entry: TraceEntry) -> Self {
        let replaced = entry.action == TraceAction::Replace;
        let other = !replaced && entry.action != TraceAction::Keep;
        let changes = entry.changes.into_iter().map(StoredChange::from);
        let rest = Rest {
            action: other.then_some(entry.action),
            changes: replaced.then(|| changes.collect()),
            cause: entry.cause,
            detail: entry.detail,
            sent: entry.sent,
        };
        if rest == Rest::default() {
            Self::Kept(version, entry.instance, entry.micros)
        } else {
            Self::Brief(version, entry.instance, entry.micros, rest)
        }
    }
}

impl Rest {
    /// Returns the whole entry.
    fn entry(self, version: TracedVersion, instance: i64, micros: u64) -> TraceEntry {
        let action = self.action.unwrap_or(match self.changes {
            Some(_) => TraceAction::Replace,
            None => TraceAction::Keep,
        });
        let changes = self.changes.unwrap_or_default();
        TraceEntry {
            plugin: version.name,
            id: version.plugin,
            instance,
            version: version.version,
            action,
            cause: self.cause,
            detail: self.detail,
            micros,
            changes: changes.into_iter().map(Change::from).collect(),
            sent: self.sent,
        }
    }
}

/// Returns the trace as it is stored; none if no filter was asked.
///
/// # Errors
///
/// [`StoreError`].
pub(super) async fn write(store: &Store, trace: Vec<Asked>) -> Result<Option<String>, StoreError> {
    if trace.is_empty() {
        return Ok(None);
    }
    let mut entries = Vec::with_capacity(trace.len());
    for Asked { version, entry } in trace {
        entries.push(Stored::new(number(store, &version).await?, entry));
    }
    // Strings and numbers always serialize.
    Ok(serde_json::to_string(&entries).ok())
}

/// Returns the number of a version, and keeps it with the version: the store hashes all of
/// the names under a lock.
async fn number(store: &Store, version: &AskedVersion) -> Result<i64, StoreError> {
    if let Some(number) = version.number.get() {
        return Ok(*number);
    }
    let traced = TracedVersion {
        plugin: version.id.clone(),
        name: version.plugin.clone(),
        version: version.version.clone(),
    };
    let number = store.traced_version_id(&traced).await?;
    Ok(*version.number.get_or_init(|| number))
}

/// Returns a trace from its stored form.
///
/// # Errors
///
/// [`TraceError`].
pub(crate) async fn read(store: &Store, stored: &str) -> Result<Vec<TraceEntry>, TraceError> {
    let stored: Vec<Stored> = serde_json::from_str(stored)?;
    let mut trace = Vec::with_capacity(stored.len());
    for entry in stored {
        let (version, instance, micros, rest) = match entry {
            Stored::Kept(version, instance, micros) => (version, instance, micros, Rest::default()),
            Stored::Brief(version, instance, micros, rest)
            | Stored::Named {
                version,
                instance,
                micros,
                rest,
            } => (version, instance, micros, rest),
            Stored::Whole(entry) => {
                trace.push(entry);
                continue;
            }
        };
        let traced = store.traced_version(version).await?;
        let traced = traced.ok_or(TraceError::NoVersion(version))?;
        trace.push(rest.entry(traced, instance, micros));
    }
    Ok(trace)
}

impl From<Change> for StoredChange {
    fn from(change: Change) -> Self {
        match change {
            Change {
                field,
                before: Some(before),
                after: Some(after),
                skipped,
                cut: false,
            } => Self::Brief(field, skipped, before, after),
            Change {
                field,
                before,
                after,
                skipped,
                cut,
            } => Self::Whole(field, before, after, skipped, cut),
        }
    }
}

impl From<StoredChange> for Change {
    fn from(change: StoredChange) -> Self {
        match change {
            StoredChange::Brief(field, skipped, before, after) => Self {
                field,
                before: Some(before),
                after: Some(after),
                skipped,
                cut: false,
            },
            StoredChange::Whole(field, before, after, skipped, cut) => Self {
                field,
                before,
                after,
                skipped,
                cut,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use mortise_store::Store;

    use super::{CHANGED, read, write};
    use crate::plugins::trace::{Asked, Cause, Change, Field, TraceAction, TraceEntry};

    fn kept() -> TraceEntry {
        TraceEntry {
            plugin: "Quiet hours".to_owned(),
            id: "org.example.quiet-hours".to_owned(),
            instance: 7,
            version: "1.2.0".to_owned(),
            action: TraceAction::Keep,
            cause: None,
            detail: String::new(),
            micros: 312,
            changes: Vec::new(),
            sent: Vec::new(),
        }
    }

    /// The change of a filter that appends to the title.
    fn stamped() -> Change {
        Change {
            field: Field::Title,
            before: Some(String::new()),
            after: Some("|1.0.0".to_owned()),
            skipped: 15,
            cut: false,
        }
    }

    fn asked(trace: Vec<TraceEntry>) -> Vec<Asked> {
        trace.into_iter().map(Asked::from).collect()
    }

    fn all() -> Vec<TraceEntry> {
        let changed = TraceEntry {
            instance: 8,
            version: "1.3.0".to_owned(),
            action: TraceAction::Replace,
            changes: vec![
                Change {
                    field: Field::Extras,
                    before: None,
                    after: Some("{}".to_owned()),
                    skipped: 3,
                    cut: true,
                },
                stamped(),
            ],
            sent: vec![41, 42],
            ..kept()
        };
        let skipped = TraceEntry {
            action: TraceAction::Skipped,
            cause: Some(Cause::TimedOut),
            detail: "no answer in time".to_owned(),
            ..kept()
        };
        vec![kept(), changed, skipped]
    }

    #[tokio::test]
    async fn a_trace_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let stored = write(&store, asked(all())).await.unwrap().unwrap();
        assert_eq!(read(&store, &stored).await.unwrap(), all());
        // That of most messages is a few bytes.
        let short = write(&store, asked(vec![kept()])).await.unwrap().unwrap();
        assert_eq!(short, "[[1,7,312]]");
        let changed = TraceEntry {
            action: TraceAction::Replace,
            changes: vec![stamped()],
            ..kept()
        };
        let short = write(&store, asked(vec![changed])).await.unwrap().unwrap();
        assert_eq!(short, r#"[[1,7,312,{"c":[["title",15,"","|1.0.0"]]}]]"#);
        assert_eq!(write(&store, Vec::new()).await.unwrap(), None);
        store.close().await;
    }

    #[tokio::test]
    async fn a_trace_shows_without_being_read_if_a_filter_changed_the_message() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let said = TraceEntry {
            action: TraceAction::Drop,
            detail: r#"it has {"action":"replace","c":[]}"#.to_owned(),
            ..kept()
        };
        let same = TraceEntry {
            action: TraceAction::Replace,
            ..kept()
        };
        let traces = [
            (all(), true),
            (vec![same], true),
            (vec![kept(), said], false),
        ];
        for (trace, is_changed) in traces {
            let whole = serde_json::to_string(&trace).unwrap();
            let short = write(&store, asked(trace)).await.unwrap().unwrap();
            for stored in [whole, short] {
                let shows = CHANGED.iter().any(|mark| stored.contains(mark));
                assert_eq!(shows, is_changed, "{stored}");
            }
        }
        store.close().await;
    }

    #[tokio::test]
    async fn a_whole_trace_is_read_and_one_without_its_version_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let whole = serde_json::to_string(&all()).unwrap();
        assert_eq!(read(&store, &whole).await.unwrap(), all());
        let of_before = r#"[{"plugin":"Shout","action":"drop","detail":"spam","micros":5}]"#;
        let trace = read(&store, of_before).await.unwrap();
        assert_eq!((&*trace[0].plugin, trace[0].micros), ("Shout", 5));
        write(&store, asked(vec![kept()])).await.unwrap();
        let named = r#"[{"v":1,"i":7,"t":312},{"v":1,"i":7,"t":9,"a":"replace",
            "c":[["title","","|1.0.0",15,false]],"s":[41]},
            {"v":1,"i":7,"t":9,"a":"skipped","e":"timed_out","d":"no answer in time"}]"#;
        let trace = read(&store, named).await.unwrap();
        assert_eq!(trace[0], kept());
        assert_eq!(trace[1].changes, [stamped()]);
        assert_eq!(
            (trace[1].action, &*trace[1].sent),
            (TraceAction::Replace, &[41][..])
        );
        assert_eq!(trace[2].cause, Some(Cause::TimedOut));
        let error = read(&store, "[[9,7,312]]").await.unwrap_err();
        assert!(error.to_string().contains("the version 9"), "{error}");
        let error = read(&store, r#"[{"v":9}]"#).await.unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
        store.close().await;
    }
}
