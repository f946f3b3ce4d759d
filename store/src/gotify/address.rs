//! A PostgreSQL database, as a person names it: as an address, or in the words of
//! Gotify's own setting.

use std::{fmt, str::FromStr};

use sqlx::postgres::{PgConnectOptions, PgSslMode};

/// The address of a PostgreSQL database.
#[derive(Clone, Debug)]
pub struct PostgresAddress {
    options: Box<PgConnectOptions>,
}

/// The reason for which a text names no PostgreSQL database.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is no URL of PostgreSQL.
    #[error(
        "this is no address of a PostgreSQL database: {0}; its form is postgres://USER@HOST:PORT/DATABASE"
    )]
    Url(String),
    /// A word of it has no `=`.
    #[error("`{0}` has no `=`; the form is `host=HOST user=USER dbname=DATABASE`")]
    Word(String),
    /// It has an unknown setting.
    #[error(
        "the setting `{0}` is unknown; known are host, port, user, password, dbname, sslmode and sslrootcert"
    )]
    Unknown(String),
    /// A setting has a wrong value.
    #[error("the setting `{name}` is {expected}, not `{found}`")]
    Value {
        /// The setting.
        name: &'static str,
        /// The expected values.
        expected: &'static str,
        /// The value.
        found: String,
    },
}

impl PostgresAddress {
    /// Returns true for a text that names a PostgreSQL database and no file.
    pub fn is_one(text: &str) -> bool {
        let url = ["postgres://", "postgresql://"];
        let words = ["host=", "dbname=", "user="];
        url.iter().any(|start| text.starts_with(start))
            || text
                .split_whitespace()
                .any(|word| words.iter().any(|start| word.starts_with(start)))
    }

    pub(super) fn options(&self) -> &PgConnectOptions {
        &self.options
    }
}

impl FromStr for PostgresAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let options = if text.contains("://") {
            text.parse()
                .map_err(|error: sqlx::Error| AddressError::Url(cause(&error)))?
        } else {
            of_words(text)?
        };
        Ok(Self {
            options: Box::new(options),
        })
    }
}

/// The cause alone, without the words about a setting of the program.
fn cause(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Configuration(cause) => cause.to_string(),
        other => other.to_string(),
    }
}

/// Reads `host=localhost user=gotify dbname=gotify`, where a value may stand in single
/// quotes. What is not named is as PostgreSQL's own variables have it.
fn of_words(text: &str) -> Result<PgConnectOptions, AddressError> {
    let mut options = PgConnectOptions::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let word = rest.split_whitespace().next().unwrap_or_default();
        let (name, after) = rest
            .split_once('=')
            .filter(|(name, _)| !name.contains(char::is_whitespace))
            .ok_or_else(|| AddressError::Word(word.to_owned()))?;
        let (value, after) = value(after);
        options = set(options, name, &value)?;
        rest = after.trim_start();
    }
    Ok(options)
}

/// A value, and the text behind it.
fn value(text: &str) -> (String, &str) {
    let quoted = text.strip_prefix('\'');
    let mut value = String::new();
    let mut characters = quoted.unwrap_or(text).char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
            '\'' if quoted.is_some() => {
                let rest = quoted.and_then(|text| text.get(at + 1..));
                return (value, rest.unwrap_or_default());
            }
            space if space.is_whitespace() && quoted.is_none() => {
                return (value, text.get(at..).unwrap_or_default());
            }
            other => value.push(other),
        }
    }
    (value, "")
}

fn set(
    options: PgConnectOptions,
    name: &str,
    value: &str,
) -> Result<PgConnectOptions, AddressError> {
    let wrong = |name, expected| AddressError::Value {
        name,
        expected,
        found: value.to_owned(),
    };
    Ok(match name {
        "host" | "hostaddr" => options.host(value),
        "port" => options.port(value.parse().map_err(|_| wrong("port", "a port number"))?),
        "user" => options.username(value),
        "password" => options.password(value),
        "dbname" => options.database(value),
        "sslmode" => options.ssl_mode(PgSslMode::from_str(value).map_err(|_| {
            wrong(
                "sslmode",
                "disable, allow, prefer, require, verify-ca or verify-full",
            )
        })?),
        "sslrootcert" => options.ssl_root_cert(value),
        // Settings of clients that have no meaning here.
        "TimeZone" | "timezone" | "connect_timeout" | "application_name" => options,
        unknown => return Err(AddressError::Unknown(unknown.to_owned())),
    })
}

/// Without a password.
impl fmt::Display for PostgresAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = &self.options;
        let database = options.get_database().unwrap_or(options.get_username());
        match options.get_socket() {
            Some(socket) => write!(formatter, "postgres://{}/{database}", socket.display()),
            None => {
                let (host, port) = (options.get_host(), options.get_port());
                write!(formatter, "postgres://{host}:{port}/{database}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AddressError, PostgresAddress};

    fn shown(text: &str) -> Result<String, AddressError> {
        text.parse::<PostgresAddress>().map(|a| a.to_string())
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        for text in [
            "postgres://gotify:secret@db.example:5433/push",
            "postgresql://gotify:secret@db.example:5433/push?sslmode=disable",
            "host=db.example port=5433 user=gotify dbname=push password=secret sslmode=disable",
            "  host=db.example  port='5433' user='go\\'tify' password='a b=c' dbname=push ",
        ] {
            assert!(PostgresAddress::is_one(text), "{text}");
            assert_eq!(shown(text).unwrap(), "postgres://db.example:5433/push");
        }
        assert!(!PostgresAddress::is_one("data/gotify.db"));
        assert!(!PostgresAddress::is_one("/srv/host=a/gotify.db"));
    }

    #[test]
    fn wrong_settings_are_named() {
        assert!(
            shown("host=a port=many")
                .unwrap_err()
                .to_string()
                .contains("`many`")
        );
        assert!(
            shown("host=a colour=red")
                .unwrap_err()
                .to_string()
                .contains("`colour`")
        );
        assert!(
            shown("host=a dbname")
                .unwrap_err()
                .to_string()
                .contains("`dbname`")
        );
        assert!(
            shown("host=a sslmode=on")
                .unwrap_err()
                .to_string()
                .contains("verify-full")
        );
        assert!(matches!(
            shown("postgres://host:port/x"),
            Err(AddressError::Url(_))
        ));
    }
}
