//! The administrator's grants: `grants.toml` in the data directory.
//!
//! One table per plugin, named by its id; what is left out is denied:
//!
//! ```toml
//! ["io.github.someone.weather"]
//! http = ["https://api.example.org"]
//! timers = true
//! environment = ["TZ"]
//! files = [{ path = "/srv/weather", writable = true }]
//!
//! ["io.github.someone.weather".limits]
//! call-ms = 2000
//! ```
//!
//! Only what the administrator decides about has a place here. What concerns a
//! user's own messages is decided by that user, by enabling the plugin, and
//! cannot be granted over their head ([`UserGrants`]).
//!
//! This module reads the file and, in `edit`, changes it. Taking what it says
//! into use while the server runs is `super::granting`.

mod edit;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use mortise_runtime::{
    Grants, Limits, files, flat,
    grants::{HostGrants, ParseHostPatternError, UserGrants},
    types::Manifest,
};
use serde::{Deserialize, Deserializer, Serialize, de::MapAccess};

pub use self::edit::{grant, limit, revoke};

/// The largest grants file, in bytes.
const MOST_BYTES: u64 = 4 << 20;

/// The administrator's grants to one plugin, and its limits. As text, one map
/// that has the limits as its field `limits`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PluginGrants {
    /// The grants.
    #[serde(flatten)]
    pub grants: HostGrants,
    /// Bounds, where they differ from the defaults.
    pub limits: Limits,
}

impl PluginGrants {
    /// The administrator's part of a manifest's requests.
    ///
    /// # Errors
    ///
    /// A host pattern that does not parse.
    pub fn as_asked(manifest: &Manifest) -> Result<Self, ParseHostPatternError> {
        Grants::as_asked(manifest).map(|grants| grants.host.into())
    }

    /// Returns an instance's grants: these, and the user's consent to the
    /// user's part of the manifest.
    pub fn with_consent(&self, manifest: &Manifest, consent: &UserGrants) -> Grants {
        Grants {
            host: self.grants.clone(),
            user: consent.and(&UserGrants::as_asked(manifest)),
        }
    }
}

impl From<HostGrants> for PluginGrants {
    fn from(grants: HostGrants) -> Self {
        let limits = Limits::default();
        Self { grants, limits }
    }
}

impl<'de> Deserialize<'de> for PluginGrants {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        flat::deserialize(deserializer).map(|(grants, LimitsField(limits))| Self { grants, limits })
    }
}

#[derive(Default)]
struct LimitsField(Limits);

impl flat::Fields for LimitsField {
    const NAMES: &'static [&'static str] = &["limits"];

    fn read<'de, M: MapAccess<'de>>(&mut self, _: &str, map: &mut M) -> Result<(), M::Error> {
        self.0 = map.next_value()?;
        Ok(())
    }
}

/// Returns the command that grants the requests to the administrator that are not
/// granted; none if nothing is missing.
pub fn grant_command(manifest: &Manifest, grants: &GrantsFile) -> Option<String> {
    Grants::from(grants.of(&manifest.id).grants)
        .missing(manifest)
        .find(|request| !request.permission.is_for_user())
        .map(|_| format!("mortise plugin grant {} --as-asked", manifest.id))
}

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantsFile(BTreeMap<String, PluginGrants>);

/// A grants file that cannot be used or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrantsError {
    /// It cannot be read.
    #[error("{path} cannot be read: {source}; check that the server's user may read it", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// It does not say what a grants file says.
    #[error(
        "{path}, line {line}: {what}; correct that line, or remove it to revoke its grant{hint}",
        path = path.display()
    )]
    Parse {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// The error.
        what: String,
        /// A likely correction; empty, or begins with a space.
        hint: &'static str,
    },
    /// It cannot be written.
    #[error("{path} cannot be written: {source}; check that you may write to its folder", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
}

impl GrantsFile {
    /// Reads the file; one that is not there grants nothing.
    ///
    /// # Errors
    ///
    /// [`GrantsError::Read`] and [`GrantsError::Parse`].
    pub fn read(path: &Path) -> Result<Self, GrantsError> {
        Self::parse(path, &text(path)?)
    }

    /// Returns the administrator's grants to this plugin.
    pub fn of(&self, plugin: &str) -> PluginGrants {
        self.0.get(plugin).cloned().unwrap_or_default()
    }

    /// Every plugin that has grants or limits.
    pub fn plugins(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, GrantsError> {
        toml::from_str(text)
            .map(Self)
            .map_err(|error| parse_error(path, text, error.span(), error.message()))
    }
}

fn text(path: &Path) -> Result<String, GrantsError> {
    files::read_text(path, MOST_BYTES)
        .map(Option::unwrap_or_default)
        .map_err(|source| GrantsError::Read {
            path: path.to_owned(),
            source,
        })
}

fn parse_error(
    path: &Path,
    text: &str,
    span: Option<std::ops::Range<usize>>,
    what: &str,
) -> GrantsError {
    let part = |span: Option<std::ops::Range<usize>>| span.and_then(|span| text.get(span));
    let before = part(span.clone().map(|span| 0..span.start)).unwrap_or("");
    // An unknown field's span is its name.
    let name = part(span).unwrap_or("").trim_matches('"');
    let of_users = ["send-messages", "read-messages", "filter-messages"];
    GrantsError::Parse {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        what: what.trim().replace('\n', ": "),
        hint: if of_users.contains(&name) {
            " (each user consents to that by enabling the plugin)"
        } else {
            ""
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use mortise_runtime::{
        grants::{HostGrants, UserGrants},
        types::{Directory, Manifest, Permission, Request},
    };

    use super::{GrantsFile, PluginGrants, grant, limit, revoke};

    fn parse(text: &str) -> Result<GrantsFile, String> {
        GrantsFile::parse(Path::new("grants.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_is_denied() {
        let file = parse("[\"a.b\"]\nwebhook = true\n[\"a.b\".limits]\ncall-ms = 7\n").unwrap();
        let read = file.of("a.b");
        let granted = &read.grants;
        assert!(granted.webhook && !granted.timers && granted.http.is_empty());
        assert_eq!(read.limits.call_ms, 7);
        assert_eq!(file.of("other"), PluginGrants::default());
    }

    #[test]
    fn errors_name_the_line_and_the_fix() {
        for (text, line, says) in [
            ("[a]\nwebhok = true\n", 2, "unknown field `webhok`"),
            ("\n[a]\nhttp = [\"ftp://x\"]\n", 3, "is not a host pattern"),
            ("[a]\ntimers = 1\n", 2, "expected a boolean"),
            ("[a]\n[a]\n", 2, "duplicate key"),
            ("[a]\nsend-messages = true\n", 2, "by enabling the plugin"),
            ("[a.limits]\nmemory = 1\n", 2, "unknown field `memory`"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(
                error.contains(&format!("grants.toml, line {line}: ")) && error.contains(says),
                "{text}: {error}"
            );
            assert!(error.contains("correct that line"), "{error}");
        }
    }

    /// The server may run as another user than the administrator who grants.
    #[cfg(unix)]
    #[test]
    fn a_written_file_is_for_the_owner_of_its_place_alone() {
        use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grants.toml");
        let timers = HostGrants {
            timers: true,
            ..HostGrants::default()
        };
        grant(&path, "a.b", &timers).unwrap();
        let mode = |data: &std::fs::Metadata| data.permissions().mode() & 0o777;
        assert_eq!(mode(&std::fs::metadata(&path).unwrap()), 0o600);
        // Only root may give a file to somebody.
        if chown(&path, Some(1), Some(1)).is_ok() {
            grant(&path, "c.d", &timers).unwrap();
            let data = std::fs::metadata(&path).unwrap();
            assert_eq!((data.uid(), data.gid(), mode(&data)), (1, 1, 0o600));
            std::fs::remove_file(&path).unwrap();
            chown(folder.path(), Some(1), Some(1)).unwrap();
            grant(&path, "c.d", &timers).unwrap();
            let data = std::fs::metadata(&path).unwrap();
            assert_eq!((data.uid(), mode(&data)), (1, 0o600));
        }
    }

    #[test]
    fn granting_keeps_comments_and_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grants.toml");
        let before = "# Ours.\n[\"a.b\"] # weather\nhttp = [\n  \"x.org\", # api\n]\n\n\
                      [\"a.b\".limits]\ncall-ms = 5 # short\n";
        std::fs::write(&path, before).unwrap();
        let more = HostGrants {
            webhook: true,
            http: ["x.org".parse().unwrap(), "https://y.org".parse().unwrap()].into(),
            files: [Directory {
                path: "/srv".into(),
                writable: true,
            }]
            .into(),
            environment: ["TZ".to_owned()].into(),
            ..HostGrants::default()
        };
        assert!(grant(&path, "a.b", &more).unwrap());
        assert!(!grant(&path, "a.b", &more).unwrap());
        grant(
            &path,
            "c/d",
            &HostGrants {
                timers: true,
                ..HostGrants::default()
            },
        )
        .unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for kept in ["# Ours.", "# weather", "# api", "# short"] {
            assert!(text.contains(kept), "{text}");
        }
        let file = GrantsFile::read(&path).unwrap();
        let mut expected = PluginGrants::from(more);
        expected.limits.call_ms = 5;
        assert_eq!(file.of("a.b"), expected);
        assert!(file.of("c/d").grants.timers);
        assert_eq!(text.matches("x.org").count(), 1, "{text}");
    }

    #[test]
    fn revoking_takes_what_it_names_and_leaves_the_rest() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grants.toml");
        let before = "[\"a.b\"] # weather\nwebhook = true\ntimers = true\n\
                      http = [\"x.org\", \"y.org\"]\n\
                      files = [{ writable = true, path = \"/srv\" }] # ours\n\n\
                      [\"a.b\".limits]\ncall-ms = 5 # short\n";
        std::fs::write(&path, before).unwrap();
        let less = HostGrants {
            timers: true,
            http: ["x.org".parse().unwrap()].into(),
            files: [Directory {
                path: "/srv".into(),
                writable: false,
            }]
            .into(),
            ..HostGrants::default()
        };
        assert!(revoke(&path, "a.b", &less).unwrap());
        assert!(!revoke(&path, "a.b", &less).unwrap());
        let granted = GrantsFile::read(&path).unwrap().of("a.b").grants;
        assert!(granted.webhook && !granted.timers && granted.files.is_empty());
        assert_eq!(granted.http, ["y.org".parse().unwrap()].into());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("# weather") && text.contains("# short"),
            "{text}"
        );
    }

    #[test]
    fn limits_are_set_and_put_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grants.toml");
        let set = |name: &str, value| limit(&path, "a.b", &[(name.to_owned(), value)]);
        assert!(set("call-ms", Some(7)).unwrap());
        assert!(set("timers", Some(1)).unwrap());
        let limits = GrantsFile::read(&path).unwrap().of("a.b").limits;
        assert_eq!((limits.call_ms, limits.timers), (7, 1));
        assert!(set("call-ms", None).unwrap());
        let error = set("cal-ms", Some(1)).unwrap_err().to_string();
        assert!(error.contains("unknown field `cal-ms`"), "{error}");
        assert!(set("timers", Some(u64::MAX)).is_err());
        let limits = GrantsFile::read(&path).unwrap().of("a.b").limits;
        assert_eq!((limits.call_ms, limits.timers), (10_000, 1));
    }

    #[test]
    fn a_file_that_is_wrong_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grants.toml");
        std::fs::write(&path, "[a]\nnonsense = 1\n").unwrap();
        assert!(grant(&path, "a", &HostGrants::default()).is_err());
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "[a]\nnonsense = 1\n"
        );
    }

    #[test]
    fn a_user_agrees_to_their_part_and_to_no_more() {
        let wants = [
            Permission::SendMessages,
            Permission::ReadMessages(vec!["backup".into()]),
            Permission::Webhook,
            Permission::Http(vec!["x.org".into()]),
        ];
        let manifest = Manifest {
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
        };
        let consent = UserGrants::as_asked(&manifest);
        let denied = PluginGrants::default().with_consent(&manifest, &consent);
        assert!(denied.user.send_messages && denied.user.read_messages.contains("backup"));
        assert!(!denied.host.webhook && denied.host.http.is_empty());
        assert!(!denied.user.filter_messages);
        let missing: Vec<_> = denied
            .missing(&manifest)
            .map(|request| request.permission.name())
            .collect();
        assert_eq!(missing, ["webhook", "http"]);
        let all = PluginGrants::as_asked(&manifest)
            .unwrap()
            .with_consent(&manifest, &consent);
        assert_eq!(all.missing(&manifest).count(), 0);
    }
}
