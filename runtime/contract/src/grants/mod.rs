//! What a plugin may do. Deny by default: an empty [`Grants`] allows nothing
//! but a log, a storage and being shown.
//!
//! A manifest *asks* ([`Permission`]); a person *grants*, which makes this
//! value; the guard and the backends *enforce* it. [`Grants::missing`]
//! is the difference, for the person who decides.

mod http;

use std::{collections::BTreeSet, fmt};

use serde::{Deserialize, Deserializer, Serialize, de::MapAccess};

pub use self::http::{HostPattern, ParseHostPatternError, Scheme};
use crate::{
    flat,
    types::{Directory, Manifest, Permission, Request},
};

/// The applications whose messages a plugin may read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "BTreeSet<String>", into = "BTreeSet<String>")]
pub enum Applications {
    /// Only its own.
    #[default]
    Own,
    /// These, by name.
    Named(BTreeSet<String>),
    /// All of the user's. Written as `*`.
    All,
}

impl Applications {
    /// Returns true if messages of the application with this name may be read.
    pub fn contains(&self, name: &str) -> bool {
        match self {
            Self::Own => false,
            Self::Named(names) => names.contains(name),
            Self::All => true,
        }
    }

    /// Those that both contain.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::All, one) | (one, Self::All) => one.clone(),
            (Self::Named(names), Self::Named(others)) => {
                let both: BTreeSet<String> = names.intersection(others).cloned().collect();
                both.into()
            }
            (Self::Own, _) | (_, Self::Own) => Self::Own,
        }
    }
}

impl From<BTreeSet<String>> for Applications {
    fn from(names: BTreeSet<String>) -> Self {
        if names.is_empty() {
            Self::Own
        } else if names.contains("*") {
            Self::All
        } else {
            Self::Named(names)
        }
    }
}

impl From<Applications> for BTreeSet<String> {
    fn from(applications: Applications) -> Self {
        match applications {
            Applications::Own => Self::new(),
            Applications::Named(names) => names,
            Applications::All => Self::from(["*".to_owned()]),
        }
    }
}

/// The administrator's half of a plugin's grants: the server, its files and its
/// network. In a file, permissions that are left out are denied.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct HostGrants {
    /// Be reachable by HTTP.
    pub webhook: bool,
    /// See these cookies of webhook requests.
    pub cookies: BTreeSet<String>,
    /// Call out by HTTP to these hosts.
    pub http: BTreeSet<HostPattern>,
    /// Use these directories.
    pub files: BTreeSet<Directory>,
    /// Read these environment variables of the server.
    pub environment: BTreeSet<String>,
    /// Be woken by timers.
    pub timers: bool,
    /// Send messages to these users, by name; `*` for all.
    pub send_to_users: BTreeSet<String>,
}

/// The user's half: their own messages. A user gives it by enabling the plugin,
/// for the requests of that version. It never grows by itself: a later version
/// that asks for more does not get it before the user consents again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct UserGrants {
    /// Send messages to its user.
    pub send_messages: bool,
    /// Be given messages of these applications; `*` for all.
    pub read_messages: Applications,
    /// See, change and drop messages before they are stored.
    pub filter_messages: bool,
}

/// A plugin's grants: two halves, by two people. As text, one flat map of both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Grants {
    /// By the administrator.
    #[serde(flatten)]
    pub host: HostGrants,
    /// By the user.
    #[serde(flatten)]
    pub user: UserGrants,
}

impl HostGrants {
    /// The administrator's part of these permissions.
    ///
    /// # Errors
    ///
    /// A host pattern that does not parse.
    pub fn of<'a>(
        permissions: impl IntoIterator<Item = &'a Permission>,
    ) -> Result<Self, ParseHostPatternError> {
        Grants::of(permissions).map(|grants| grants.host)
    }

    /// Adds all that another one allows.
    pub fn join(&mut self, other: Self) {
        self.webhook |= other.webhook;
        self.timers |= other.timers;
        self.cookies.extend(other.cookies);
        self.http.extend(other.http);
        self.files.extend(other.files);
        self.environment.extend(other.environment);
        self.send_to_users.extend(other.send_to_users);
    }

    /// Returns true if a message may be sent to the user with this name.
    pub fn allows_sending_to(&self, user: &str) -> bool {
        let users = &self.send_to_users;
        users.contains("*") || users.contains(user)
    }

    /// Returns true if this host may be called. Without a port, the scheme's
    /// port counts.
    pub fn allows_http(&self, scheme: Scheme, host: &str, port: Option<u16>) -> bool {
        self.http
            .iter()
            .any(|pattern| pattern.matches(scheme, host, port))
    }
}

impl UserGrants {
    /// The user's part of the permissions in a manifest.
    pub fn as_asked(manifest: &Manifest) -> Self {
        let mut user = Self::default();
        for request in &manifest.wants {
            user.add(&request.permission);
        }
        user
    }

    /// Allows one more permission, if it is the user's to allow.
    fn add(&mut self, permission: &Permission) {
        match permission {
            Permission::SendMessages => self.send_messages = true,
            Permission::ReadMessages(names) => {
                let mut all: BTreeSet<String> = std::mem::take(&mut self.read_messages).into();
                all.extend(names.iter().cloned());
                self.read_messages = all.into();
            }
            Permission::FilterMessages => self.filter_messages = true,
            _ => {}
        }
    }

    /// Returns the part that both have.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self {
            send_messages: self.send_messages && other.send_messages,
            read_messages: self.read_messages.and(&other.read_messages),
            filter_messages: self.filter_messages && other.filter_messages,
        }
    }

    /// Returns true if a listener has anything to be given: messages of
    /// applications other than its own.
    pub fn reads_others(&self) -> bool {
        self.read_messages != Applications::Own
    }
}

impl Grants {
    /// Exactly the permissions in a manifest.
    ///
    /// # Errors
    ///
    /// A host pattern that does not parse.
    pub fn as_asked(manifest: &Manifest) -> Result<Self, ParseHostPatternError> {
        Self::of(manifest.wants.iter().map(|request| &request.permission))
    }

    /// Exactly these permissions.
    ///
    /// # Errors
    ///
    /// A host pattern that does not parse.
    pub fn of<'a>(
        permissions: impl IntoIterator<Item = &'a Permission>,
    ) -> Result<Self, ParseHostPatternError> {
        let mut grants = Self::default();
        for permission in permissions {
            grants.add(permission)?;
        }
        Ok(grants)
    }

    /// Allows one more permission.
    ///
    /// # Errors
    ///
    /// A host pattern that does not parse.
    pub fn add(&mut self, permission: &Permission) -> Result<(), ParseHostPatternError> {
        let host = &mut self.host;
        match permission {
            Permission::Webhook => host.webhook = true,
            Permission::Cookies(names) => host.cookies.extend(names.iter().cloned()),
            Permission::Http(patterns) => {
                for pattern in patterns {
                    host.http.insert(pattern.parse()?);
                }
            }
            Permission::Files(directories) => host.files.extend(directories.iter().cloned()),
            Permission::Environment(names) => host.environment.extend(names.iter().cloned()),
            Permission::Timers => host.timers = true,
            Permission::SendToUsers(names) => host.send_to_users.extend(names.iter().cloned()),
            Permission::SendMessages | Permission::ReadMessages(_) | Permission::FilterMessages => {
                self.user.add(permission)
            }
        }
        Ok(())
    }

    /// Returns true if this permission is granted in full.
    pub fn allows(&self, permission: &Permission) -> bool {
        let Self { host, user } = self;
        match permission {
            Permission::SendMessages => user.send_messages,
            Permission::ReadMessages(names) => match &user.read_messages {
                Applications::All => true,
                Applications::Named(granted) => names.iter().all(|name| granted.contains(name)),
                Applications::Own => names.is_empty(),
            },
            Permission::FilterMessages => user.filter_messages,
            Permission::Webhook => host.webhook,
            Permission::Cookies(names) => names.iter().all(|name| host.cookies.contains(name)),
            Permission::Http(patterns) => patterns.iter().all(|pattern| {
                pattern.parse().is_ok_and(|pattern| {
                    host.http
                        .iter()
                        .any(|granted: &HostPattern| granted.covers(&pattern))
                })
            }),
            Permission::Files(directories) => directories.iter().all(|wanted| {
                host.files.iter().any(|granted| {
                    granted.path == wanted.path && (granted.writable || !wanted.writable)
                })
            }),
            Permission::Environment(names) => {
                names.iter().all(|name| host.environment.contains(name))
            }
            Permission::Timers => host.timers,
            Permission::SendToUsers(names) => names.iter().all(|name| host.allows_sending_to(name)),
        }
    }

    /// Returns the permissions in the manifest that are not granted in full.
    pub fn missing<'a>(&'a self, manifest: &'a Manifest) -> impl Iterator<Item = &'a Request> {
        manifest
            .wants
            .iter()
            .filter(|request| !self.allows(&request.permission))
    }
}

impl From<HostGrants> for Grants {
    fn from(host: HostGrants) -> Self {
        let user = UserGrants::default();
        Self { host, user }
    }
}

impl From<UserGrants> for Grants {
    fn from(user: UserGrants) -> Self {
        let host = HostGrants::default();
        Self { host, user }
    }
}

impl<'de> Deserialize<'de> for Grants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        flat::deserialize(deserializer).map(|(host, user)| Self { host, user })
    }
}

impl flat::Fields for UserGrants {
    const NAMES: &'static [&'static str] = &["send-messages", "read-messages", "filter-messages"];

    fn read<'de, M: MapAccess<'de>>(&mut self, name: &str, map: &mut M) -> Result<(), M::Error> {
        match name {
            "send-messages" => self.send_messages = map.next_value()?,
            "read-messages" => self.read_messages = map.next_value()?,
            _ => self.filter_messages = map.next_value()?,
        }
        Ok(())
    }
}

impl Permission {
    /// Its name in the contract.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::SendMessages => "send-messages",
            Self::ReadMessages(_) => "read-messages",
            Self::FilterMessages => "filter-messages",
            Self::Webhook => "webhook",
            Self::Cookies(_) => "cookies",
            Self::Http(_) => "http",
            Self::Files(_) => "files",
            Self::Environment(_) => "environment",
            Self::Timers => "timers",
            Self::SendToUsers(_) => "send-to-users",
        }
    }

    /// The same as permissions that each name one thing, or none.
    pub fn parts(&self) -> Vec<Self> {
        fn each<T: Clone>(all: &[T], one: impl Fn(Vec<T>) -> Permission) -> Vec<Permission> {
            all.iter().map(|name| one(vec![name.clone()])).collect()
        }
        match self {
            Self::ReadMessages(names) => each(names, Self::ReadMessages),
            Self::Cookies(names) => each(names, Self::Cookies),
            Self::Http(patterns) => each(patterns, Self::Http),
            Self::Files(directories) => each(directories, Self::Files),
            Self::Environment(names) => each(names, Self::Environment),
            Self::SendToUsers(names) => each(names, Self::SendToUsers),
            Self::SendMessages | Self::FilterMessages | Self::Webhook | Self::Timers => {
                vec![self.clone()]
            }
        }
    }

    /// Returns true if the user grants it, by enabling the plugin. The
    /// administrator grants the others.
    pub const fn is_for_user(&self) -> bool {
        matches!(
            self,
            Self::SendMessages | Self::ReadMessages(_) | Self::FilterMessages
        )
    }
}

/// Writes its name and its object: `http https://api.example.org`.
impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())?;
        match self {
            Self::ReadMessages(names)
            | Self::Cookies(names)
            | Self::Http(names)
            | Self::Environment(names)
            | Self::SendToUsers(names) => write!(formatter, " {}", names.join(", ")),
            Self::Files(directories) => {
                for (index, directory) in directories.iter().enumerate() {
                    let comma = if index == 0 { "" } else { "," };
                    let access = if directory.writable {
                        "read and write"
                    } else {
                        "read"
                    };
                    write!(formatter, "{comma} {} ({access})", directory.path)?;
                }
                Ok(())
            }
            Self::SendMessages | Self::FilterMessages | Self::Webhook | Self::Timers => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Applications, Grants};
    use crate::types::{Directory, Manifest, Permission, Request};

    fn asking(wants: Vec<Permission>) -> Manifest {
        Manifest {
            id: "a".into(),
            name: "A".into(),
            version: "1.0.0".into(),
            description: String::new(),
            author: String::new(),
            license: String::new(),
            website: String::new(),
            wants: wants
                .into_iter()
                .map(|permission| Request {
                    permission,
                    reason: "because".into(),
                })
                .collect(),
            listens: None,
        }
    }

    fn everything() -> Vec<Permission> {
        vec![
            Permission::SendMessages,
            Permission::ReadMessages(vec!["backup".into()]),
            Permission::FilterMessages,
            Permission::Webhook,
            Permission::Cookies(vec!["session".into()]),
            Permission::Http(vec!["https://example.org:8443".into()]),
            Permission::Files(vec![Directory {
                path: "/srv".into(),
                writable: true,
            }]),
            Permission::Environment(vec!["TZ".into()]),
            Permission::Timers,
        ]
    }

    #[test]
    fn nothing_is_granted_by_default() {
        let manifest = asking(everything());
        assert_eq!(
            Grants::default().missing(&manifest).count(),
            manifest.wants.len()
        );
    }

    #[test]
    fn what_was_asked_is_then_granted() {
        let manifest = asking(everything());
        let grants = Grants::as_asked(&manifest).unwrap();
        assert_eq!(grants.missing(&manifest).count(), 0);
    }

    #[test]
    fn a_wider_request_is_missing() {
        let grants = Grants::as_asked(&asking(everything())).unwrap();
        for wider in [
            Permission::ReadMessages(vec!["*".into()]),
            Permission::Cookies(vec!["other".into()]),
            Permission::Http(vec!["https://example.org".into()]),
            Permission::Files(vec![Directory {
                path: "/".into(),
                writable: false,
            }]),
            Permission::Environment(vec!["HOME".into()]),
        ] {
            assert!(!grants.allows(&wider), "{wider:?}");
        }
    }

    #[test]
    fn parts_are_the_whole() {
        for permission in everything() {
            let mut whole = Grants::default();
            for part in permission.parts() {
                whole.add(&part).unwrap();
            }
            assert!(whole.allows(&permission), "{permission}");
        }
        let two = Permission::Http(vec!["a.org".into(), "b.org".into()]);
        let parts: Vec<_> = two.parts().iter().map(ToString::to_string).collect();
        assert_eq!(parts, ["http a.org", "http b.org"]);
        let files = &everything()[6];
        assert_eq!(files.to_string(), "files /srv (read and write)");
    }

    #[test]
    fn applications_of_both() {
        let named = |names: &[&str]| {
            let names: BTreeSet<String> = names.iter().map(|&name| name.to_owned()).collect();
            Applications::from(names)
        };
        let (two, other) = (named(&["a", "b"]), named(&["b", "c"]));
        assert_eq!(two.and(&other), named(&["b"]));
        assert_eq!(two.and(&named(&["c"])), Applications::Own);
        assert_eq!(two.and(&Applications::All), two);
        assert_eq!(Applications::Own.and(&two), Applications::Own);
    }

    #[test]
    fn survives_its_file_form() {
        let grants = Grants::as_asked(&asking(everything())).unwrap();
        let text = serde_json::to_string(&grants).unwrap();
        assert_eq!(serde_json::from_str::<Grants>(&text).unwrap(), grants);
        assert!(serde_json::from_str::<Grants>(r#"{"htttp":["x"]}"#).is_err());
        let all: Grants = serde_json::from_str(r#"{"read-messages":["*"]}"#).unwrap();
        assert_eq!(all.user.read_messages, Applications::All);
    }
}
