//! The setup of a plugin, and the whole of a case.

use std::{collections::BTreeMap, path::Path, time::UNIX_EPOCH};

use mortise_runtime::{
    Backend, Grants, Limits,
    grants::ParseHostPatternError,
    types::{Content, Manifest, User},
};
use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;
use serde_saphyr::Spanned;

use super::{
    expect::Expect,
    step::Step,
    values::{Blob, one_or_many},
};

/// The time of a case that sets none: 2026-01-01T00:00:00Z.
pub(crate) const NOW_MS: u64 = 1_767_225_600_000;

/// A whole case.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Plan {
    pub(crate) name: String,
    /// The plugins for which the case is impossible.
    #[serde(default, deserialize_with = "one_or_many")]
    pub(crate) skip: Vec<Skip>,
    /// True if the plugin is started before the first step.
    #[serde(default = "yes")]
    pub(crate) start: bool,
    /// The configuration of the new instance.
    #[serde(default)]
    pub(crate) config: Option<String>,
    #[serde(default)]
    user: UserSpec,
    /// The names of all users; by default that of the instance's user.
    #[serde(default, deserialize_with = "one_or_many")]
    users: Vec<String>,
    /// The time, which only `advance` changes.
    #[serde(default = "now", deserialize_with = "moment")]
    pub(crate) now: u64,
    /// The grants; by default the permissions in the manifest.
    #[serde(default)]
    grants: Option<Grants>,
    /// The permissions to remove from the grants.
    #[serde(default, deserialize_with = "one_or_many")]
    without: Vec<PermissionName>,
    #[serde(default)]
    pub(crate) limits: Limits,
    /// The server's environment.
    #[serde(default)]
    pub(crate) environment: BTreeMap<String, String>,
    /// The stored values.
    #[serde(default)]
    pub(crate) storage: BTreeMap<String, Blob>,
    /// The messages of other applications.
    #[serde(default, deserialize_with = "one_or_many")]
    pub(crate) messages: Vec<MessageSpec>,
    /// The files in `${dir}`, by path below it.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, Blob>,
    /// The responses of `${http}` and `${other}`.
    #[serde(default)]
    pub(crate) http: Vec<Exchange>,
    #[serde(default)]
    pub(crate) steps: Vec<Spanned<Step>>,
    /// The results expected at the end.
    #[serde(default)]
    pub(crate) expect: Expect,
}

const fn yes() -> bool {
    true
}

const fn now() -> u64 {
    NOW_MS
}

fn moment<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let time = humantime::parse_rfc3339(&text).map_err(|error| {
        D::Error::custom(format!(
            "`{text}` is not a time such as 2026-01-31T12:00:00Z: {error}"
        ))
    })?;
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Plugins to which a case does not apply.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Skip {
    /// Those in this language; by default in any.
    language: Option<String>,
    /// Those of this backend; by default of any.
    backend: Option<Backend>,
    /// The reason, for the report.
    pub(crate) because: String,
}

impl Skip {
    pub(crate) fn applies(&self, language: Option<&str>, backend: Backend) -> bool {
        self.backend.is_none_or(|own| own == backend)
            && self
                .language
                .as_deref()
                .is_none_or(|own| language == Some(own))
    }
}

#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct UserSpec {
    id: u64,
    name: String,
    admin: bool,
}

impl Default for UserSpec {
    fn default() -> Self {
        Self {
            id: 7,
            name: "ada".to_owned(),
            admin: false,
        }
    }
}

/// A permission by its name in the contract.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PermissionName {
    SendMessages,
    ReadMessages,
    FilterMessages,
    Webhook,
    Cookies,
    Http,
    Files,
    Environment,
    Timers,
    SendToUsers,
}

/// A message of another application.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MessageSpec {
    /// Its id; by default the next one.
    pub(crate) id: Option<u64>,
    /// Its application.
    #[serde(default = "application")]
    pub(crate) application: String,
    #[serde(default)]
    title: String,
    #[serde(default = "body")]
    body: String,
    #[serde(default = "priority")]
    priority: i32,
    #[serde(default)]
    extras: Option<serde_json::Map<String, Value>>,
    /// Its time in milliseconds since the epoch; by default now.
    pub(crate) created_ms: Option<u64>,
}

/// The application of messages in a case that names none.
pub(crate) fn application() -> String {
    "Backup".to_owned()
}

/// Their text.
pub(crate) fn body() -> String {
    "body".to_owned()
}

/// Their priority.
pub(crate) const fn priority() -> i32 {
    5
}

impl MessageSpec {
    pub(crate) fn content(&self) -> Content {
        content(&self.title, &self.body, self.priority, self.extras.as_ref())
    }
}

pub(crate) fn content(
    title: &str,
    body: &str,
    priority: i32,
    extras: Option<&serde_json::Map<String, Value>>,
) -> Content {
    Content {
        title: title.to_owned(),
        body: body.to_owned(),
        priority,
        extras: extras.map(|map| Value::Object(map.clone()).to_string()),
    }
}

/// An expected request and its response.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exchange {
    /// Method and path with query, or a whole address below `${other}`.
    pub(crate) request: Target,
    pub(crate) respond: Respond,
}

/// A method and a path or address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) method: String,
    pub(crate) url: String,
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.split_once(' ') {
            Some((method, url))
                if !method.is_empty()
                    && method.chars().all(|c| c.is_ascii_uppercase())
                    && (url.starts_with('/') || url.starts_with("http://")) =>
            {
                Ok(Self {
                    method: method.to_owned(),
                    url: url.to_owned(),
                })
            }
            _ => Err(D::Error::custom(format!(
                "`{text}` is not a method and a path, such as `GET /feed?n=1` or `GET ${{other}}/feed`"
            ))),
        }
    }
}

/// A response.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Respond {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Blob,
    /// The delay before the response.
    #[serde(deserialize_with = "super::step::duration")]
    pub(crate) delay: std::time::Duration,
}

impl Default for Respond {
    fn default() -> Self {
        Self {
            status: 200,
            headers: BTreeMap::new(),
            body: Blob::default(),
            delay: std::time::Duration::ZERO,
        }
    }
}

impl Plan {
    pub(crate) fn user(&self) -> User {
        User {
            id: self.user.id,
            name: self.user.name.clone(),
            admin: self.user.admin,
        }
    }

    /// Returns the names of all users, of which the instance's user is always one.
    pub(crate) fn users(&self) -> Vec<String> {
        let own = Some(&self.user.name).filter(|own| !self.users.contains(own));
        own.into_iter().chain(&self.users).cloned().collect()
    }

    /// Returns the plugin's grants.
    ///
    /// # Errors
    ///
    /// The manifest asks for a host with a wrong form.
    pub(crate) fn grants(&self, manifest: &Manifest) -> Result<Grants, ParseHostPatternError> {
        let mut grants = match &self.grants {
            Some(grants) => grants.clone(),
            None => Grants::as_asked(manifest)?,
        };
        for name in &self.without {
            match name {
                PermissionName::SendMessages => grants.user.send_messages = false,
                PermissionName::ReadMessages => grants.user.read_messages = Default::default(),
                PermissionName::FilterMessages => grants.user.filter_messages = false,
                PermissionName::Webhook => grants.host.webhook = false,
                PermissionName::Cookies => grants.host.cookies.clear(),
                PermissionName::Http => grants.host.http.clear(),
                PermissionName::Files => grants.host.files.clear(),
                PermissionName::Environment => grants.host.environment.clear(),
                PermissionName::Timers => grants.host.timers = false,
                PermissionName::SendToUsers => grants.host.send_to_users.clear(),
            }
        }
        Ok(grants)
    }

    /// Checks the rules that a type cannot express. Returns the mistake, and
    /// its line if it is in one step.
    pub(crate) fn check(&self) -> Result<(), (Option<u64>, String)> {
        if self.name.trim().is_empty() {
            return Err((None, "the case has an empty name".to_owned()));
        }
        let inside = |path: &str| {
            let mut parts = Path::new(path).components();
            !path.is_empty() && parts.all(|part| matches!(part, std::path::Component::Normal(_)))
        };
        let expected = self.steps.iter().flat_map(|step| step.value.expect.paths());
        let paths = self.files.keys().map(String::as_str).chain(expected);
        if let Some(path) = paths.chain(self.expect.paths()).find(|path| !inside(path)) {
            return Err((
                None,
                format!(
                    "the file `{path}` of the case `{}` is not below ${{dir}}",
                    self.name
                ),
            ));
        }
        for step in &self.steps {
            step.value.check().map_err(|what| {
                (
                    Some(step.referenced.line()),
                    format!("{what} (in `{}`)", self.name),
                )
            })?;
        }
        self.expect
            .check("the end of a case", &[])
            .map_err(|what| (None, format!("{what} (in `{}`)", self.name)))
    }
}
