//! The queries of Gotify's tables: one text for SQLite and PostgreSQL, apart from
//! times and bytes.

use super::schema::Columns;

/// The kind of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

/// The queries of one database. Their columns have the names and types of the rows in
/// `rows`; `$1` and so on are their parameters.
#[derive(Clone, Debug)]
pub(super) struct Queries {
    pub(super) users: String,
    pub(super) applications: String,
    pub(super) clients: String,
    /// None if the version has no plugins.
    pub(super) plugins: Option<String>,
    /// Behind `$1`, up to `$2`, at most `$3`.
    pub(super) messages: String,
}

/// The newest message; 0 if there is none.
pub(super) const LAST_MESSAGE: &str = "SELECT CAST(coalesce(max(id), 0) AS BIGINT) FROM messages";
/// The number of messages behind `$1`, up to `$2`.
pub(super) const MESSAGE_COUNT: &str = "SELECT count(*) FROM messages WHERE id > $1 AND id <= $2";

impl Queries {
    pub(super) fn new(columns: &Columns, dialect: Dialect) -> Self {
        let write = Expressions { columns, dialect };
        let users = format!(
            "SELECT {}, {}, {}, {}, {}, {} FROM users ORDER BY id",
            write.number("users", "id", "id"),
            write.text("users", "name", "name"),
            write.bytes("users", "pass"),
            write.flag("users", "admin"),
            write.time("users", "created_at", "created_ms"),
            write.text("users", "oidc_id", "oidc_id"),
        );
        let of = "applications";
        let applications = format!(
            "SELECT {}, {}, {}, {}, {}, {}, {}, {}, {}, {} FROM applications ORDER BY id",
            write.number(of, "id", "id"),
            write.number(of, "user_id", "user_id"),
            write.text(of, "token", "token"),
            write.text(of, "name", "name"),
            write.text(of, "description", "description"),
            write.number(of, "default_priority", "default_priority"),
            write.text(of, "sort_key", "sort_key"),
            write.text(of, "image", "image"),
            write.time(of, "created_at", "created_ms"),
            write.time(of, "last_used", "last_used_ms"),
        );
        let of = "clients";
        let clients = format!(
            "SELECT {}, {}, {}, {}, {}, {}, {} FROM clients ORDER BY id",
            write.number(of, "id", "id"),
            write.number(of, "user_id", "user_id"),
            write.text(of, "token", "token"),
            write.text(of, "name", "name"),
            write.time(of, "created_at", "created_ms"),
            write.time(of, "last_used", "last_used_ms"),
            write.number(
                of,
                "expires_after_inactivity_seconds",
                "expires_after_seconds"
            ),
        );
        let of = "plugin_confs";
        let plugins = columns.has_table(of).then(|| {
            format!(
                "SELECT {}, {}, {}, {}, {}, {}, {}, {}, {} FROM plugin_confs ORDER BY id",
                write.number(of, "id", "id"),
                write.number(of, "user_id", "user_id"),
                write.text(of, "module_path", "module_path"),
                write.text(of, "token", "token"),
                write.number(of, "application_id", "application_id"),
                write.flag(of, "enabled"),
                write.bytes(of, "config"),
                write.bytes(of, "storage"),
                write.time(of, "created_at", "created_ms"),
            )
        });
        let of = "messages";
        let messages = format!(
            "SELECT {}, {}, {}, {}, {}, {}, {} FROM messages WHERE id > $1 AND id <= $2
             ORDER BY id LIMIT $3",
            write.number(of, "id", "id"),
            write.number(of, "application_id", "application_id"),
            write.text(of, "title", "title"),
            write.text(of, "message", "message"),
            write.number(of, "priority", "priority"),
            write.bytes(of, "extras"),
            write.time(of, "date", "created_ms"),
        );
        Self {
            users,
            applications,
            clients,
            plugins,
            messages,
        }
    }
}

/// Writes a column, or its empty value where the table has none.
struct Expressions<'a> {
    columns: &'a Columns,
    dialect: Dialect,
}

impl Expressions<'_> {
    fn number(&self, table: &str, column: &str, name: &str) -> String {
        let column = self.columns.or(table, column, "0");
        format!("CAST(coalesce({column}, 0) AS BIGINT) AS {name}")
    }

    fn flag(&self, table: &str, column: &str) -> String {
        let value = self.columns.or(table, column, "FALSE");
        format!("({value} IS TRUE) AS {column}")
    }

    fn text(&self, table: &str, column: &str, name: &str) -> String {
        let value = self.columns.or(table, column, "''");
        // A sort key is text in columns of bytes.
        let value = match (self.dialect, self.columns.is_bytes(table, column)) {
            (Dialect::Postgres, true) => format!("convert_from({value}, 'UTF8')"),
            _ => value.to_owned(),
        };
        format!("coalesce(CAST({value} AS TEXT), '') AS {name}")
    }

    fn bytes(&self, table: &str, column: &str) -> String {
        let value = self.columns.or(table, column, "NULL");
        let value = match (self.dialect, self.columns.is_bytes(table, column)) {
            (Dialect::Sqlite, _) => format!("CAST(coalesce({value}, x'') AS BLOB)"),
            (Dialect::Postgres, true) => format!("coalesce({value}, ''::bytea)"),
            (Dialect::Postgres, false) => {
                format!("convert_to(coalesce(CAST({value} AS TEXT), ''), 'UTF8')")
            }
        };
        format!("{value} AS {column}")
    }

    /// A time as milliseconds since the epoch; null if it is none.
    fn time(&self, table: &str, column: &str, name: &str) -> String {
        let value = match (self.columns.or(table, column, ""), self.dialect) {
            ("", _) => "NULL".to_owned(),
            (column, Dialect::Sqlite) => format!("round(unixepoch({column}, 'subsec') * 1000)"),
            (column, Dialect::Postgres) => {
                // Infinite times are no numbers.
                format!(
                    "CASE WHEN isfinite({column}) THEN round(extract(epoch FROM {column}) * 1000) END"
                )
            }
        };
        format!("CAST({value} AS BIGINT) AS {name}")
    }
}
