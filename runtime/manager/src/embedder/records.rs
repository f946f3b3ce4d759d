//! The data of a catalogue.

use mortise_runtime::{
    Digest, Grants, PluginDescription, grants::UserGrants, registry::Identity, types::Permission,
};
use serde::{Deserialize, Serialize};

/// An installed plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledPlugin {
    /// File name in the plugins folder.
    pub file: String,
    /// The file when it was last accepted; none when it was removed.
    pub identity: Option<Identity>,
    /// The active version.
    pub version: StoredVersion,
    /// The previous version; none if there is none.
    pub previous: Option<StoredVersion>,
    /// The registry that its newest version came from; none for another source.
    #[serde(default)]
    pub source: Option<RegistrySource>,
}

/// The place of a version in a registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RegistrySource {
    /// The reference, such as `oci://ghcr.io/example/rules:1.0.0`.
    pub reference: String,
    /// The digest of the version's manifest in the registry.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub digest: Digest,
    /// The digest of the version's file.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub file: Digest,
}

impl InstalledPlugin {
    /// Returns the manifest's id, which is unique among installed plugins.
    pub fn id(&self) -> &str {
        &self.version.described.manifest.id
    }
}

/// One version of a plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredVersion {
    /// The name of the file it came in, and of its own copy.
    pub name: String,
    /// Its manifest, digest, backend and capabilities.
    pub described: PluginDescription,
    /// Its signature; none if it has none.
    #[serde(default)]
    pub signed: Option<Signed>,
}

/// The correct signature of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed {
    /// The content of the signature's file.
    pub text: String,
    /// The trusted key that made it, by its name in the trust file; none for a key
    /// that is not trusted.
    pub by: Option<String>,
    /// That key, as in the trust file.
    #[serde(default)]
    pub key: Option<String>,
}

/// The administrator's last decision about a plugin. The grants themselves are in
/// the grants file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantRecord {
    /// The permissions it was about.
    pub asked: Vec<Permission>,
    /// The grants.
    pub allowed: Grants,
    /// The time, in milliseconds since the epoch.
    pub answered_ms: i64,
}

/// An uninstalled plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DepartedPlugin {
    /// The trusted key of its signature, as in the trust file.
    pub key: Option<String>,
    /// The digest of its last version.
    pub digest: String,
    /// The time, in milliseconds since the epoch.
    pub departed_ms: i64,
}

/// An entry of the audit log: a change, and its actor.
#[derive(Clone, Copy, Debug)]
pub struct AuditEntry<'a> {
    /// The kind of actor: `user`, `command line`, `folder` or `server`.
    pub actor: &'a str,
    /// The id and the name of the user, if a user made the change.
    pub user: Option<(i64, &'a str)>,
    /// The change, such as `installed`.
    pub action: &'a str,
    /// The manifest's id.
    pub plugin: &'a str,
    /// A JSON object.
    pub details: &'a str,
}

/// One user's plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserPlugin {
    /// Unique in the catalogue.
    pub id: i64,
    /// Its user.
    pub user_id: i64,
    /// The manifest's id.
    pub plugin: String,
    /// The secret part of its webhook address.
    pub token: String,
    /// The configuration as the user saved it; none for the plugin's defaults.
    pub config: Option<String>,
    /// True if the user enabled it.
    pub enabled: bool,
    /// The user's last consent.
    pub consent: Option<UserGrants>,
    /// Its filter's place in the user's chain; ties go by id.
    pub filter_order: i64,
    /// True to reject messages when its filter fails.
    pub fail_closed: bool,
    /// The ids of the applications whose messages its filter is asked about; none for all.
    #[serde(default)]
    pub filter_applications: Option<Vec<u64>>,
    /// The last message that its listener has received.
    pub cursor: i64,
    /// The reason for which it was disabled, or its last start failed.
    pub last_error: Option<String>,
    /// The time of its creation, in milliseconds since the epoch.
    pub created_ms: i64,
}

/// A selection of users' plugins.
#[derive(Clone, Copy, Debug)]
pub enum Selection<'a> {
    /// All that are enabled.
    Enabled,
    /// Those of one plugin, for every user.
    OfPlugin(&'a str),
    /// Those of one user.
    OfUser(i64),
}

/// A filter's place in its user's chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterPlace {
    /// The user's plugin.
    pub id: i64,
    /// See [`UserPlugin::filter_order`].
    pub order: i64,
    /// See [`UserPlugin::fail_closed`].
    pub fail_closed: bool,
}

/// A message on which a listener failed repeatedly.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// The message.
    pub message: i64,
    /// The number of attempts with this message alone.
    pub attempts: u32,
    /// The last failure.
    pub error: String,
}

/// A timer of a user's plugin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredTimer {
    /// The user's plugin.
    pub id: i64,
    /// Unique within the user's plugin.
    pub name: String,
    /// JSON that the manager writes and reads. The same text is the same schedule.
    pub schedule: String,
    /// The time at which it is due, in milliseconds since the epoch.
    pub next_ms: i64,
}

/// A value was not stored because the quota is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageFull {
    /// Bytes that keys and values would have taken.
    pub would_be: i64,
}

/// A timer was not set because there are as many as allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooManyTimers;
