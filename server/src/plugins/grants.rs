//! The administrator's answers: `grants.toml` in the data directory.
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
//! Only what the administrator answers for has a place here. What concerns a
//! user's own messages is answered by that user, by enabling the plugin, and
//! cannot be granted over their head.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write as _,
    path::{Path, PathBuf},
};

use mortise_runtime::{
    Grants, Limits,
    grants::HostPattern,
    types::{Directory, Manifest},
};
use serde::Deserialize;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value};

/// What the administrator allows one plugin, and how much of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Answer {
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
    /// Bounds, where they differ from the defaults.
    pub limits: Limits,
}

impl Answer {
    /// The administrator's part of what a manifest asks for.
    ///
    /// # Errors
    ///
    /// A host pattern that does not parse.
    pub fn as_asked(
        manifest: &Manifest,
    ) -> Result<Self, mortise_runtime::grants::ParseHostPatternError> {
        let Grants {
            webhook,
            cookies,
            http,
            files,
            environment,
            timers,
            ..
        } = Grants::as_asked(manifest)?;
        Ok(Self {
            webhook,
            cookies,
            http,
            files,
            environment,
            timers,
            limits: Limits::default(),
        })
    }

    /// What an enabled instance may do: this, and everything the manifest asks
    /// of the user, who agreed to it by enabling the plugin.
    pub fn with_users_part(&self, manifest: &Manifest) -> Grants {
        let Self {
            webhook,
            cookies,
            http,
            files,
            environment,
            timers,
            limits: _,
        } = self.clone();
        let mut grants = Grants {
            webhook,
            cookies,
            http,
            files,
            environment,
            timers,
            ..Grants::default()
        };
        for request in &manifest.wants {
            if request.permission.is_for_user() {
                // Only the administrator's permissions hold patterns that can
                // fail to parse.
                let _: Result<(), _> = grants.add(&request.permission);
            }
        }
        grants
    }
}

/// The whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantsFile(BTreeMap<String, Answer>);

/// A grants file that cannot be used or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrantsError {
    /// It cannot be read.
    #[error("{path} cannot be read: {source}; check that the server's user may read it", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It does not say what a grants file says.
    #[error(
        "{path}, line {line}: {what}; correct that line, or remove it to deny what it was to grant{hint}",
        path = path.display()
    )]
    Parse {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What is wrong.
        what: String,
        /// What is often meant; empty, or begins with a space.
        hint: &'static str,
    },
    /// It cannot be written.
    #[error("{path} cannot be written: {source}; check that you may write to its folder", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
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

    /// What the administrator allows this plugin.
    pub fn answer(&self, plugin: &str) -> Answer {
        self.0.get(plugin).cloned().unwrap_or_default()
    }

    fn parse(path: &Path, text: &str) -> Result<Self, GrantsError> {
        toml::from_str(text)
            .map(Self)
            .map_err(|error| parse_error(path, text, error.span(), error.message()))
    }
}

fn text(path: &Path) -> Result<String, GrantsError> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(source) => Err(GrantsError::Read {
            path: path.to_owned(),
            source,
        }),
    }
}

fn parse_error(
    path: &Path,
    text: &str,
    span: Option<std::ops::Range<usize>>,
    what: &str,
) -> GrantsError {
    let before = span.and_then(|span| text.get(..span.start)).unwrap_or("");
    let users = ["send-messages", "read-messages", "filter-messages"];
    GrantsError::Parse {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        what: what.trim().replace('\n', ": "),
        hint: if users
            .iter()
            .any(|name| what.contains(&format!("unknown field `{name}`")))
        {
            " (each user answers for that by enabling the plugin)"
        } else {
            ""
        },
    }
}

/// Adds to what the administrator allows a plugin; what was granted before
/// stays, and so do the file's comments and order. The limits are left alone.
///
/// # Errors
///
/// [`GrantsError`]; the file is then as it was.
pub fn grant(path: &Path, plugin: &str, more: &Answer) -> Result<(), GrantsError> {
    let before = text(path)?;
    GrantsFile::parse(path, &before)?;
    let mut document: DocumentMut = before.parse().map_err(|error: toml_edit::TomlError| {
        parse_error(path, &before, error.span(), error.message())
    })?;
    let table = document
        .entry(plugin)
        .or_insert_with(|| Item::Table(Table::new()));
    let Some(table) = table.as_table_like_mut() else {
        return Err(parse_error(
            path,
            &before,
            None,
            "a plugin's entry is not a table",
        ));
    };
    for (key, granted) in [("webhook", more.webhook), ("timers", more.timers)] {
        if granted {
            table.insert(key, Item::Value(true.into()));
        }
    }
    let texts = |names: &BTreeSet<String>| names.iter().map(Value::from).collect::<Vec<_>>();
    let directories = more.files.iter().map(|directory| {
        let mut value = InlineTable::new();
        value.insert("path", directory.path.as_str().into());
        if directory.writable {
            value.insert("writable", true.into());
        }
        Value::from(value)
    });
    for (key, values) in [
        ("cookies", texts(&more.cookies)),
        (
            "http",
            more.http
                .iter()
                .map(|host| host.to_string().into())
                .collect(),
        ),
        ("files", directories.collect()),
        ("environment", texts(&more.environment)),
    ] {
        if values.is_empty() {
            continue;
        }
        let list = table
            .entry(key)
            .or_insert_with(|| Item::Value(Array::new().into()));
        if let Some(list) = list.as_array_mut() {
            for value in values {
                let bare = |value: &Value| value.clone().decorated("", "").to_string();
                if !list.iter().any(|known| bare(known) == bare(&value)) {
                    list.push(value);
                }
            }
        }
    }
    let after = document.to_string();
    GrantsFile::parse(path, &after)?;
    write(path, &after).map_err(|source| GrantsError::Write {
        path: path.to_owned(),
        source,
    })
}

/// Replaces the file whole, so that a server that reads it meanwhile sees the
/// old or the new one.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    // A temporary file is its owner's alone; the server may run as another user
    // than the administrator who grants.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = std::fs::metadata(path).map_or_else(
            |_| std::fs::Permissions::from_mode(0o644),
            |data| data.permissions(),
        );
        file.as_file().set_permissions(permissions)?;
    }
    file.persist(path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use mortise_runtime::types::{Directory, Manifest, Permission, Request};

    use super::{Answer, GrantsFile, grant};

    fn parse(text: &str) -> Result<GrantsFile, String> {
        GrantsFile::parse(Path::new("grants.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_is_denied() {
        let file = parse("[\"a.b\"]\nwebhook = true\n[\"a.b\".limits]\ncall-ms = 7\n").unwrap();
        let answer = file.answer("a.b");
        assert!(answer.webhook && !answer.timers && answer.http.is_empty());
        assert_eq!(answer.limits.call_ms, 7);
        assert_eq!(file.answer("other"), Answer::default());
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

    #[test]
    fn granting_keeps_comments_and_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grants.toml");
        let before = "# Ours.\n[\"a.b\"] # weather\nhttp = [\n  \"x.org\", # api\n]\n\n\
                      [\"a.b\".limits]\ncall-ms = 5 # short\n";
        std::fs::write(&path, before).unwrap();
        let more = Answer {
            webhook: true,
            http: ["x.org".parse().unwrap(), "https://y.org".parse().unwrap()].into(),
            files: [Directory {
                path: "/srv".into(),
                writable: true,
            }]
            .into(),
            environment: ["TZ".to_owned()].into(),
            ..Answer::default()
        };
        grant(&path, "a.b", &more).unwrap();
        grant(&path, "a.b", &more).unwrap();
        grant(
            &path,
            "c/d",
            &Answer {
                timers: true,
                ..Answer::default()
            },
        )
        .unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for kept in ["# Ours.", "# weather", "# api", "# short"] {
            assert!(text.contains(kept), "{text}");
        }
        let file = GrantsFile::read(&path).unwrap();
        let mut expected = more;
        expected.limits.call_ms = 5;
        assert_eq!(file.answer("a.b"), expected);
        assert!(file.answer("c/d").timers);
        assert_eq!(text.matches("x.org").count(), 1, "{text}");
    }

    #[test]
    fn a_file_that_is_wrong_is_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grants.toml");
        std::fs::write(&path, "[a]\nnonsense = 1\n").unwrap();
        assert!(grant(&path, "a", &Answer::default()).is_err());
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
        };
        let denied = Answer::default().with_users_part(&manifest);
        assert!(denied.send_messages && denied.read_messages.contains("backup"));
        assert!(!denied.webhook && denied.http.is_empty() && !denied.filter_messages);
        let missing: Vec<_> = denied
            .missing(&manifest)
            .map(|request| request.permission.name())
            .collect();
        assert_eq!(missing, ["webhook", "http"]);
        let all = Answer::as_asked(&manifest)
            .unwrap()
            .with_users_part(&manifest);
        assert_eq!(all.missing(&manifest).count(), 0);
    }
}
