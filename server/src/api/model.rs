//! The JSON of the API, field by field as Gotify's clients know it.

use mortise_store::{ApplicationRow, ClientRow, MessageRow, UserRow};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::time::rfc3339;

/// A message.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Message {
    /// Unique on the server; 0 if it was not stored.
    pub id: i64,
    /// The application it came from.
    pub appid: i64,
    /// The text; Markdown without HTML.
    pub message: String,
    /// Its title.
    pub title: String,
    /// 0 (silent) to 10 (urgent) by convention.
    pub priority: i64,
    /// Additional data, kept as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub extras: Option<Box<RawValue>>,
    /// The time of its arrival, RFC 3339.
    pub date: String,
    /// The time at which it is deleted, RFC 3339; left out if there is none.
    #[serde(rename = "expiresAt", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

impl From<&MessageRow> for Message {
    fn from(row: &MessageRow) -> Self {
        row.clone().into()
    }
}

impl From<MessageRow> for Message {
    fn from(row: MessageRow) -> Self {
        Self {
            id: row.id,
            appid: row.application_id,
            message: row.body,
            title: row.title,
            priority: row.priority,
            // Only objects were stored.
            extras: row
                .extras
                .and_then(|extras| RawValue::from_string(extras).ok()),
            date: rfc3339(row.created_ms),
            expires_at: row.expires_ms.map(rfc3339),
        }
    }
}

/// Messages, newest first.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PagedMessages {
    /// The position of this part in the list.
    pub paging: Paging,
    /// The messages.
    pub messages: Vec<Message>,
}

/// The position of a part in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Paging {
    /// Address of the next page; none on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Messages on this page.
    pub size: usize,
    /// Id of the last message here if there is another page; else 0.
    pub since: i64,
    /// Messages that were asked for.
    pub limit: u32,
}

/// An application.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Application {
    /// Unique on the server.
    pub id: i64,
    /// The secret in the answer that created it; empty in any other. Never
    /// left out: client libraries insist on a text.
    pub token: String,
    /// As the user named it.
    pub name: String,
    /// A description of its purpose.
    pub description: String,
    /// True if it belongs to a plugin and so cannot be deleted.
    pub internal: bool,
    /// Address of its image, relative to the server's.
    pub image: String,
    /// Priority of messages that bring none.
    pub default_priority: i64,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339, to within some minutes.
    pub last_used: Option<String>,
    /// Fractional index that orders applications.
    pub sort_key: String,
    /// Seconds for which its messages are kept; left out if it has no bound of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_messages_for_seconds: Option<i64>,
    /// The number of its newest messages that are kept; left out if it has no bound of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_messages: Option<u32>,
}

impl From<&ApplicationRow> for Application {
    fn from(row: &ApplicationRow) -> Self {
        Self {
            id: row.id,
            token: String::new(),
            name: row.name.clone(),
            description: row.description.clone(),
            internal: row.is_internal(),
            image: match &row.image {
                Some(name) => format!("image/{name}"),
                None => "static/defaultapp.png".to_owned(),
            },
            default_priority: row.default_priority,
            created_at: rfc3339(row.created_ms),
            last_used: row.last_used_ms.map(rfc3339),
            sort_key: row.sort_key.clone(),
            keep_messages_for_seconds: row.keep_messages_for_ms.map(|time| time / 1000),
            keep_messages: row.keep_messages,
        }
    }
}

/// A change to an application's security.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecurityUpdate {
    /// The new token, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub regenerate_token: Option<RegeneratedToken>,
}

/// A token that replaces another.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RegeneratedToken {
    /// Shown only now.
    pub token: String,
}

/// A client.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Client {
    /// Unique on the server.
    pub id: i64,
    /// The secret in the answer that created it; empty in any other. Never
    /// left out: client libraries insist on a text.
    pub token: String,
    /// As the user named it.
    pub name: String,
    /// RFC 3339.
    pub created_at: String,
    /// RFC 3339, to within some minutes.
    pub last_used: Option<String>,
    /// Until when it may do what needs an elevated session, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elevated_until: Option<String>,
    /// It is removed when it was not used for this long; 0 for never.
    pub expires_after_inactivity_seconds: i64,
    /// The time at which the server removes it unless it is used before, RFC
    /// 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

impl Client {
    /// A client as it is at a time.
    pub fn new(row: &ClientRow, now_ms: i64) -> Self {
        Self {
            id: row.id,
            token: String::new(),
            name: row.name.clone(),
            created_at: rfc3339(row.created_ms),
            last_used: row.last_used_ms.map(rfc3339),
            elevated_until: row.elevated_until_ms(now_ms).map(rfc3339),
            expires_after_inactivity_seconds: row.expires_after_seconds,
            expires_at: row.expires_ms().map(rfc3339),
        }
    }
}

/// A user.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Unique on the server.
    pub id: i64,
    /// For login.
    pub name: String,
    /// True if the user administers the server.
    pub admin: bool,
    /// RFC 3339.
    pub created_at: String,
}

impl From<&UserRow> for User {
    fn from(row: &UserRow) -> Self {
        Self {
            id: row.id,
            name: row.name.clone(),
            admin: row.admin,
            created_at: rfc3339(row.created_ms),
        }
    }
}

/// The user who is asking.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CurrentUser {
    /// The user.
    #[serde(flatten)]
    pub user: User,
    /// The client it was asked with; none for a password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<i64>,
    /// Until when that client is elevated, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elevated_until: Option<String>,
}

impl CurrentUser {
    /// A user and the client they use, if they do, as they are at a time.
    pub fn new(user: &UserRow, client: Option<&ClientRow>, now_ms: i64) -> Self {
        Self {
            user: User::from(user),
            client_id: client.map(|client| client.id),
            elevated_until: client
                .and_then(|client| client.elevated_until_ms(now_ms))
                .map(rfc3339),
        }
    }
}

/// The server's health.
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

/// Whether the server can serve its users.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Ready {
    /// Whether the database answers.
    pub database: bool,
    /// Whether the enabled plugins were brought up.
    pub plugins: bool,
    /// Whether HTTPS has a valid certificate; absent if the server does not serve HTTPS.
    /// A server without one is ready nonetheless: an authority must be able to reach it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub certificate: Option<bool>,
}

/// The version of Gotify whose API this is: clients compare it.
const GOTIFY_VERSION: &str = "3.0.0";

/// The server's version.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// The version of Gotify whose API this is.
    pub version: &'static str,
    /// The version of Mortise.
    pub mortise_version: &'static str,
    /// Of the source; empty if unknown.
    pub commit: &'static str,
    /// Empty: builds are the same whenever they are made.
    pub build_date: &'static str,
}

impl Version {
    /// This build.
    pub const THIS: Self = Self {
        version: GOTIFY_VERSION,
        mortise_version: env!("CARGO_PKG_VERSION"),
        commit: "",
        build_date: "",
    };
}

/// The server's features.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// The version of Gotify whose API this is.
    pub version: &'static str,
    /// The version of Mortise.
    pub mortise_version: &'static str,
    /// True if visitors may create a user.
    pub register: bool,
    /// True if an OpenID provider may be used.
    pub oidc: bool,
}

impl Info {
    /// This build, with or without registration and an OpenID provider.
    pub const fn new(register: bool, oidc: bool) -> Self {
        Self {
            version: GOTIFY_VERSION,
            mortise_version: env!("CARGO_PKG_VERSION"),
            register,
            oidc,
        }
    }
}
