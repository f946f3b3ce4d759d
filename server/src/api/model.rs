//! The JSON of the API, field by field as Gotify's clients know it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{store::MessageRow, time::rfc3339};

/// A message.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Message {
    /// Unique on the server; 0 if it was not stored.
    pub id: i64,
    /// The application it came from.
    pub appid: i64,
    /// What it says; Markdown without HTML.
    pub message: String,
    /// Its title.
    pub title: String,
    /// 0 (silent) to 10 (urgent) by convention.
    pub priority: i32,
    /// Additional data, kept as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extras: Option<serde_json::Map<String, serde_json::Value>>,
    /// When the server received it, RFC 3339.
    pub date: String,
}

impl From<&MessageRow> for Message {
    fn from(row: &MessageRow) -> Self {
        Self {
            id: row.id,
            appid: row.application_id,
            message: row.body.clone(),
            title: row.title.clone(),
            priority: row.priority,
            // Only objects were stored.
            extras: row
                .extras
                .as_deref()
                .and_then(|extras| serde_json::from_str(extras).ok()),
            date: rfc3339(row.created_ms),
        }
    }
}

/// Whether the server works.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Health {
    /// `green` or `orange`.
    pub health: &'static str,
    /// `green` or `red`.
    pub database: &'static str,
}

impl Health {
    /// All is well.
    pub const GREEN: Self = Self {
        health: "green",
        database: "green",
    };
    /// The database does not answer.
    pub const NO_DATABASE: Self = Self {
        health: "orange",
        database: "red",
    };
}

/// Which version this is.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// Semantic version.
    pub version: &'static str,
    /// Of the source; empty if unknown.
    pub commit: &'static str,
    /// Empty: builds are the same whenever they are made.
    pub build_date: &'static str,
}

impl Version {
    /// This build.
    pub const THIS: Self = Self {
        version: env!("CARGO_PKG_VERSION"),
        commit: "",
        build_date: "",
    };
}

/// What this server offers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Info {
    /// Semantic version.
    pub version: &'static str,
    /// Whether anybody may create a user.
    pub register: bool,
    /// Whether an OpenID provider may be used.
    pub oidc: bool,
}

impl Info {
    /// This build.
    pub const THIS: Self = Self {
        version: env!("CARGO_PKG_VERSION"),
        register: false,
        oidc: false,
    };
}
