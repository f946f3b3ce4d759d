//! The rows of Gotify's tables.

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GotifyUser {
    /// Unique there.
    pub id: i64,
    /// Login name.
    pub name: String,
    /// The hash by bcrypt; empty for a user who has no password.
    pub pass: Vec<u8>,
    /// True if the user administers the server.
    pub admin: bool,
    /// In milliseconds since the epoch.
    pub created_ms: Option<i64>,
    /// The user's identity at an OpenID provider; empty for none.
    pub oidc_id: String,
}

/// An application.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GotifyApplication {
    /// Unique there.
    pub id: i64,
    /// Its user.
    pub user_id: i64,
    /// The token as the database has it.
    pub token: String,
    /// As the user named it.
    pub name: String,
    /// May be empty.
    pub description: String,
    /// Priority of messages that bring none.
    pub default_priority: i64,
    /// Empty where the version has none.
    pub sort_key: String,
    /// File name in the images folder; empty for none.
    pub image: String,
    /// In milliseconds since the epoch.
    pub created_ms: Option<i64>,
    /// In milliseconds since the epoch.
    pub last_used_ms: Option<i64>,
}

/// A client.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GotifyClient {
    /// Unique there.
    pub id: i64,
    /// Its user.
    pub user_id: i64,
    /// The token as the database has it.
    pub token: String,
    /// As the user named it.
    pub name: String,
    /// In milliseconds since the epoch.
    pub created_ms: Option<i64>,
    /// In milliseconds since the epoch.
    pub last_used_ms: Option<i64>,
    /// 0 for never.
    pub expires_after_seconds: i64,
}

/// A user's plugin.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GotifyPlugin {
    /// Unique there.
    pub id: i64,
    /// Its user.
    pub user_id: i64,
    /// The plugin's name for itself.
    pub module_path: String,
    /// The secret part of its webhook address.
    pub token: String,
    /// Its application; 0 for none.
    pub application_id: i64,
    /// True if the user enabled it.
    pub enabled: bool,
    /// Its configuration; empty for none.
    pub config: Vec<u8>,
    /// Its storage; empty for none.
    pub storage: Vec<u8>,
    /// In milliseconds since the epoch.
    pub created_ms: Option<i64>,
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GotifyMessage {
    /// Unique there, growing with time.
    pub id: i64,
    /// Its application.
    pub application_id: i64,
    /// May be empty.
    pub title: String,
    /// The text.
    pub message: String,
    /// Its priority.
    pub priority: i64,
    /// A JSON object as text; empty for none.
    pub extras: Vec<u8>,
    /// In milliseconds since the epoch.
    pub created_ms: Option<i64>,
}

/// All rows but messages, as they were at one moment.
#[derive(Clone, Debug, Default)]
pub struct GotifyEntities {
    /// Users, oldest first.
    pub users: Vec<GotifyUser>,
    /// Applications, oldest first.
    pub applications: Vec<GotifyApplication>,
    /// Clients, oldest first.
    pub clients: Vec<GotifyClient>,
    /// Plugins, oldest first.
    pub plugins: Vec<GotifyPlugin>,
    /// The newest message; 0 if there is none.
    pub last_message: i64,
}
