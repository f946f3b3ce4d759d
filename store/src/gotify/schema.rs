//! The columns of Gotify's tables, as its versions 2 and 3 make them.

use std::collections::BTreeMap;

use super::error::GotifyError;

/// A table: the columns that every version has, and those of some versions.
struct Table {
    name: &'static str,
    always: &'static [&'static str],
    sometimes: &'static [&'static str],
}

const TABLES: [Table; 5] = [
    Table {
        name: "users",
        always: &["id", "name", "pass", "admin"],
        sometimes: &["created_at", "oidc_id"],
    },
    Table {
        name: "applications",
        always: &["id", "token", "user_id", "name", "description"],
        sometimes: &[
            "internal",
            "image",
            "default_priority",
            "last_used",
            "created_at",
            "sort_key",
        ],
    },
    Table {
        name: "messages",
        always: &[
            "id",
            "application_id",
            "message",
            "title",
            "priority",
            "date",
        ],
        sometimes: &["extras"],
    },
    Table {
        name: "clients",
        always: &["id", "token", "user_id", "name"],
        sometimes: &[
            "created_at",
            "last_used",
            "elevated_until",
            "expires_after_inactivity_seconds",
            "expires_at",
        ],
    },
    Table {
        name: "plugin_confs",
        always: &[],
        sometimes: &[
            "id",
            "user_id",
            "module_path",
            "token",
            "application_id",
            "enabled",
            "config",
            "storage",
            "created_at",
        ],
    },
];

/// Returns true for the name of a table that is read.
pub(super) fn is_table(name: &str) -> bool {
    TABLES.iter().any(|table| table.name == name)
}

/// A column of a database.
#[derive(Clone, Debug, sqlx::FromRow)]
pub(super) struct Found {
    table_name: String,
    column_name: String,
    is_bytes: bool,
}

/// The columns that a database has, of each table, and whether they hold bytes.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns(BTreeMap<String, BTreeMap<String, bool>>);

impl Columns {
    /// Returns true if a table has a column.
    fn has(&self, table: &str, column: &str) -> bool {
        self.0
            .get(table)
            .is_some_and(|columns| columns.contains_key(column))
    }

    /// Returns true if there is a table.
    pub(super) fn has_table(&self, table: &str) -> bool {
        self.0.contains_key(table)
    }

    /// Returns true if there is a column, and it holds bytes.
    pub(super) fn is_bytes(&self, table: &str, column: &str) -> bool {
        let columns = self.0.get(table);
        columns.and_then(|columns| columns.get(column)) == Some(&true)
    }

    /// A column in a query, or another expression where the table has none.
    pub(super) fn or<'a>(&self, table: &str, column: &'a str, otherwise: &'a str) -> &'a str {
        if self.has(table, column) {
            column
        } else {
            otherwise
        }
    }

    /// Tells a database of Gotify from others, by its columns.
    pub(super) fn check(
        found: Vec<Found>,
        place: &str,
        ignore_unknown: bool,
    ) -> Result<Self, GotifyError> {
        let mut columns = Self::default();
        for one in found {
            let table = columns.0.entry(one.table_name).or_default();
            table.insert(one.column_name, one.is_bytes);
        }
        if columns.has_table("plugin_instances") && columns.has("messages", "created_ms") {
            return Err(GotifyError::Mortise(place.to_owned()));
        }
        let mut unknown = Vec::new();
        for table in &TABLES {
            if let Some(lacks) = table
                .always
                .iter()
                .find(|column| !columns.has(table.name, column))
            {
                let lacks = if columns.has_table(table.name) {
                    format!("the column `{lacks}` of the table `{}`", table.name)
                } else {
                    format!("the table `{}`", table.name)
                };
                return Err(GotifyError::Foreign {
                    place: place.to_owned(),
                    lacks,
                });
            }
            let theirs = columns.0.get(table.name).into_iter().flatten();
            unknown.extend(
                theirs
                    .filter(|(column, _)| {
                        let known = table.always.iter().chain(table.sometimes);
                        !known.into_iter().any(|name| name == column)
                    })
                    .map(|(column, _)| format!("{}.{column}", table.name)),
            );
        }
        if unknown.is_empty() || ignore_unknown {
            return Ok(columns);
        }
        Err(GotifyError::Newer {
            place: place.to_owned(),
            unknown: unknown.join(", "),
        })
    }
}
