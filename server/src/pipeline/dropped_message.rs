//! A dropped message as clients are shown it.

use mortise_store::{DROPPED_KEPT_MS, DroppedRow};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::TraceEntry;
use crate::time::rfc3339;

/// A message that a filter dropped, as that filter was given it.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = DroppedMessage)]
pub(crate) struct Dropped {
    /// Unique among dropped messages; no message's id.
    id: i64,
    /// The application it came from.
    appid: i64,
    title: String,
    message: String,
    priority: i32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    extras: Option<Box<RawValue>>,
    /// When it came, RFC 3339.
    date: String,
    kind: DroppedKind,
    by: DroppedBy,
    /// The filter's reason, or how it failed.
    reason: String,
    /// The stored message that it would have changed, and that it changes if it is restored.
    #[serde(skip_serializing_if = "Option::is_none")]
    updates: Option<i64>,
    /// The time at which it is deleted once it is restored, RFC 3339; left out if there is
    /// none. A restoration ignores a time that has passed.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// The record of the filters that were asked.
    pub(super) trace: Vec<TraceEntry>,
    /// When it is forgotten, RFC 3339; sooner if many others come.
    kept_until: String,
}

/// The way in which a message was lost.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum DroppedKind {
    /// A filter dropped it.
    Dropped,
    /// A filter that fails closed failed. The sender was told, and may have
    /// sent it again.
    Refused,
}

/// The plugin whose filter it was.
#[derive(Clone, Debug, Serialize, ToSchema)]
struct DroppedBy {
    /// The manifest's id.
    id: String,
    name: String,
    /// Its number among its user's plugins, as in `/plugin/{id}`.
    instance: i64,
}

impl From<&DroppedRow> for Dropped {
    fn from(row: &DroppedRow) -> Self {
        let trace = row.trace.as_deref();
        Self {
            id: row.id,
            appid: row.application_id,
            title: row.title.clone(),
            message: row.body.clone(),
            priority: row.priority,
            // Only objects were stored.
            extras: row
                .extras
                .clone()
                .and_then(|extras| RawValue::from_string(extras).ok()),
            date: rfc3339(row.created_ms),
            kind: if row.refused {
                DroppedKind::Refused
            } else {
                DroppedKind::Dropped
            },
            by: DroppedBy {
                id: row.plugin.clone(),
                name: row.plugin_name.clone(),
                instance: row.instance_id,
            },
            reason: row.reason.clone(),
            updates: row.updates,
            expires_at: row.expires_ms.map(rfc3339),
            // Only traces were stored.
            trace: trace
                .and_then(|trace| serde_json::from_str(trace).ok())
                .unwrap_or_default(),
            kept_until: rfc3339(row.created_ms.saturating_add(DROPPED_KEPT_MS)),
        }
    }
}
