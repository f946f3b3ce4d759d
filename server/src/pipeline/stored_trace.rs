//! The trace of a message as the database has it. Each message that passed a filter has
//! one, so it is short: the plugin and its version are a number of the table
//! `traced_versions`, and names are left out.

use mortise_store::{Store, StoreError, TracedVersion};
use serde::{Deserialize, Serialize};

use crate::plugins::trace::{Asked, AskedVersion, Cause, Change, Field, TraceAction, TraceEntry};

/// In place of the trace of a message that a filter changed, on a server that keeps no
/// traces, or that has removed the trace. Read, it has no entries.
pub(crate) const UNKNOWN: &str = "[]";
/// A part of each trace in which a filter changed the message, and of no other one: texts
/// have no quotation marks without a backslash.
pub(crate) const CHANGED: &str = r#":"replace""#;

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

/// An entry of a stored trace.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Stored {
    Short(Short),
    /// Of a message that was restored, and of earlier releases.
    Whole(TraceEntry),
}

/// A [`TraceEntry`]. A filter that left the message as it was has the first three fields
/// alone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Short {
    #[serde(rename = "v")]
    version: i64,
    #[serde(rename = "i")]
    instance: i64,
    #[serde(rename = "t")]
    micros: u64,
    #[serde(rename = "a", default = "keep", skip_serializing_if = "is_keep")]
    action: TraceAction,
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    cause: Option<Cause>,
    #[serde(rename = "d", default, skip_serializing_if = "String::is_empty")]
    detail: String,
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<ShortChange>,
    #[serde(rename = "s", default, skip_serializing_if = "Vec::is_empty")]
    sent: Vec<u64>,
}

/// The fields of a [`Change`], in their order.
#[derive(Debug, Serialize, Deserialize)]
struct ShortChange(Field, Option<String>, Option<String>, usize, bool);

const fn keep() -> TraceAction {
    TraceAction::Keep
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde calls it with a reference"
)]
fn is_keep(action: &TraceAction) -> bool {
    *action == TraceAction::Keep
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
        entries.push(Short {
            version: number(store, &version).await?,
            instance: entry.instance,
            micros: entry.micros,
            action: entry.action,
            cause: entry.cause,
            detail: entry.detail,
            changes: entry.changes.into_iter().map(ShortChange::from).collect(),
            sent: entry.sent,
        });
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
        trace.push(match entry {
            Stored::Whole(entry) => entry,
            Stored::Short(entry) => {
                let version = store.traced_version(entry.version).await?;
                let version = version.ok_or(TraceError::NoVersion(entry.version))?;
                TraceEntry {
                    plugin: version.name,
                    id: version.plugin,
                    instance: entry.instance,
                    version: version.version,
                    action: entry.action,
                    cause: entry.cause,
                    detail: entry.detail,
                    micros: entry.micros,
                    changes: entry.changes.into_iter().map(Change::from).collect(),
                    sent: entry.sent,
                }
            }
        });
    }
    Ok(trace)
}

impl From<Change> for ShortChange {
    fn from(change: Change) -> Self {
        Self(
            change.field,
            change.before,
            change.after,
            change.skipped,
            change.cut,
        )
    }
}

impl From<ShortChange> for Change {
    fn from(ShortChange(field, before, after, skipped, cut): ShortChange) -> Self {
        Self {
            field,
            before,
            after,
            skipped,
            cut,
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

    fn asked(trace: Vec<TraceEntry>) -> Vec<Asked> {
        trace.into_iter().map(Asked::from).collect()
    }

    fn all() -> Vec<TraceEntry> {
        let changed = TraceEntry {
            instance: 8,
            version: "1.3.0".to_owned(),
            action: TraceAction::Replace,
            changes: vec![Change {
                field: Field::Extras,
                before: None,
                after: Some("{}".to_owned()),
                skipped: 3,
                cut: true,
            }],
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
        assert_eq!(short, r#"[{"v":1,"i":7,"t":312}]"#);
        assert_eq!(write(&store, Vec::new()).await.unwrap(), None);
        store.close().await;
    }

    #[tokio::test]
    async fn a_trace_shows_without_being_read_if_a_filter_changed_the_message() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).await.unwrap();
        let said = TraceEntry {
            action: TraceAction::Drop,
            detail: r#"it has {"action":"replace"}"#.to_owned(),
            ..kept()
        };
        for (trace, is_changed) in [(all(), true), (vec![kept(), said], false)] {
            let whole = serde_json::to_string(&trace).unwrap();
            let short = write(&store, asked(trace)).await.unwrap().unwrap();
            for stored in [whole, short] {
                assert_eq!(stored.contains(CHANGED), is_changed, "{stored}");
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
        let error = read(&store, r#"[{"v":9,"i":7,"t":312}]"#)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("the version 9"), "{error}");
        let error = read(&store, r#"[{"v":9}]"#).await.unwrap_err();
        assert!(error.to_string().contains("damaged"), "{error}");
        store.close().await;
    }
}
