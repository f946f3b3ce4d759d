//! Gotify's settings in this server's terms: from its variables, its `config.yml`
//! (version 2) and its `gotify-server.env` (version 3).

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use mortise_runtime::files;
use serde_json::Value;

use super::variable;

/// The largest file, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// A setting of Gotify's that cannot be understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GotifyConfigError {
    /// A value.
    #[error("{name}: {cause}")]
    Value {
        /// The variable.
        name: String,
        /// The cause, and the next step.
        cause: String,
    },
    /// A file.
    #[error("cannot read {}: {cause}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        cause: String,
    },
}

/// A setting of this server that one of Gotify's became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConvertedSetting {
    /// Its name here.
    pub name: &'static str,
    /// Its values.
    pub values: Vec<String>,
    /// The name of the variable.
    pub variable: String,
}

/// Gotify's settings in this server's terms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Converted {
    /// The settings.
    pub settings: Vec<ConvertedSetting>,
    /// Remarks on those that have no effect here.
    pub notes: Vec<String>,
}

/// Variables that mean the same here, and their settings.
const SAME: [(&str, &str); 13] = [
    ("SERVER_CORS_ALLOWHEADERS", "cors-header"),
    ("SERVER_CORS_ALLOWMETHODS", "cors-method"),
    ("SERVER_SSL_CERTFILE", "tls-cert"),
    ("SERVER_SSL_CERTKEY", "tls-key"),
    ("SERVER_TRUSTEDPROXIES", "trusted-proxy"),
    ("OIDC_CLIENTID", "oidc-client-id"),
    ("OIDC_CLIENTSECRET", "oidc-client-secret"),
    ("OIDC_ISSUER", "oidc-issuer"),
    ("OIDC_REDIRECTURL", "oidc-redirect-url"),
    ("OIDC_SCOPES", "oidc-scope"),
    ("OIDC_USERNAMECLAIM", "oidc-username-claim"),
    ("DEFAULTUSER_NAME", "admin-name"),
    ("DEFAULTUSER_PASS", "admin-password"),
];

/// Variables that have no effect here, and the reason.
const WITHOUT_EFFECT: [(&str, &str); 13] = [
    (
        "SERVER_KEEPALIVEPERIODSECONDS",
        "the server needs no keepalive probes: it pings its streams",
    ),
    (
        "SERVER_SSL_REDIRECTTOHTTPS",
        "the server has one address; let a proxy redirect from HTTP",
    ),
    (
        "SERVER_SSL_LETSENCRYPT_ACCEPTTOS",
        "let a proxy or certbot get certificates",
    ),
    (
        "SERVER_SSL_LETSENCRYPT_CACHE",
        "let a proxy or certbot get certificates",
    ),
    (
        "SERVER_SSL_LETSENCRYPT_DIRECTORYURL",
        "let a proxy or certbot get certificates",
    ),
    (
        "SERVER_SSL_LETSENCRYPT_HOSTS",
        "let a proxy or certbot get certificates",
    ),
    (
        "SERVER_STREAM_ALLOWEDORIGINS",
        "pages of any origin may stream with a token",
    ),
    (
        "SERVER_SECURECOOKIE",
        "the cookie is secure whenever the request came over HTTPS",
    ),
    ("DATABASE_DIALECT", "move the data with `mortise import`"),
    ("DATABASE_CONNECTION", "move the data with `mortise import`"),
    ("PASSSTRENGTH", "passwords are hashed with Argon2id"),
    (
        "UPLOADEDIMAGESDIR",
        "images are in the data directory; name the old folder with `mortise import --images`",
    ),
    (
        "PLUGINSDIR",
        "Gotify's plugins have to be built again; see docs/porting-a-gotify-plugin.md",
    ),
];

/// Variables that are read together with others, or as something else.
const OTHERS: [&str; 14] = [
    "LOGLEVEL",
    "SERVER_LISTENADDR",
    "SERVER_PORT",
    "SERVER_SSL_ENABLED",
    "SERVER_SSL_LISTENADDR",
    "SERVER_SSL_PORT",
    "SERVER_SSL_LETSENCRYPT_ENABLED",
    "SERVER_RESPONSEHEADERS",
    "SERVER_STREAM_PINGPERIODSECONDS",
    "SERVER_CORS_ALLOWORIGINS",
    "REGISTRATION",
    "OIDC_ENABLED",
    "OIDC_AUTOREGISTER",
    "OIDC_LINK_BY_USERNAME",
];

/// Gotify's settings by the names of its variables, without `GOTIFY_`.
pub type Given = BTreeMap<String, String>;

/// Reads the variables of this process, or the files that `GOTIFY_..._FILE` name.
///
/// # Errors
///
/// [`GotifyConfigError::Value`] for a file that cannot be read.
pub fn from_environment() -> Result<Given, GotifyConfigError> {
    let mut given = Given::new();
    let same = SAME.iter().map(|(name, _)| *name);
    let without_effect = WITHOUT_EFFECT.iter().map(|(name, _)| *name);
    for name in same.chain(without_effect).chain(OTHERS) {
        let full = format!("GOTIFY_{name}");
        let value = variable(&full).map_err(|error| GotifyConfigError::Value {
            name: format!("{full}_FILE"),
            cause: format!("the file cannot be read: {error}"),
        })?;
        if let Some(value) = value {
            given.insert(name.to_owned(), value);
        }
    }
    Ok(given)
}

/// Reads a `config.yml`, or a file of variables.
///
/// # Errors
///
/// [`GotifyConfigError`].
pub fn from_file(path: &Path) -> Result<Given, GotifyConfigError> {
    let failed = |cause: String| GotifyConfigError::File {
        path: path.to_owned(),
        cause,
    };
    let bytes = files::read(path, MOST_BYTES).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| failed(error.to_string()))?;
    let extension = path.extension().and_then(|extension| extension.to_str());
    if matches!(extension, Some("yml" | "yaml")) {
        let value: Value =
            serde_saphyr::from_str(&text).map_err(|error| failed(format!("{error}")))?;
        let mut given = Given::new();
        flatten(&mut given, "", &value);
        return Ok(given);
    }
    variables(&text).map_err(failed)
}

/// Nested keys as the names of variables.
fn flatten(given: &mut Given, name: &str, value: &Value) {
    match value {
        // The one setting that is a map.
        Value::Object(_) if name == "SERVER_RESPONSEHEADERS" => {
            given.insert(name.to_owned(), value.to_string());
        }
        Value::Object(members) => {
            for (key, value) in members {
                let key = key.to_uppercase();
                let name = match name {
                    "" => key,
                    name => format!("{name}_{key}"),
                };
                flatten(given, &name, value);
            }
        }
        Value::Null => {}
        Value::String(text) => {
            given.insert(name.to_owned(), text.clone());
        }
        other => {
            given.insert(name.to_owned(), other.to_string());
        }
    }
}

/// Lines such as `GOTIFY_SERVER_PORT=80`.
fn variables(text: &str) -> Result<Given, String> {
    let mut given = Given::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            return Err(format!(
                "line {} is no variable such as GOTIFY_SERVER_PORT=80; a config.yml has the ending \
                 .yml",
                index + 1
            ));
        };
        let value = value_of(value.trim());
        if let Some(name) = name.trim().strip_prefix("GOTIFY_") {
            given.insert(name.to_owned(), value);
        }
    }
    Ok(given)
}

/// A value without its quotes, or without a comment behind it.
fn value_of(text: &str) -> String {
    let mut characters = text.chars();
    let Some(quote) = characters
        .next()
        .filter(|first| matches!(first, '"' | '\''))
    else {
        let end = text.find(" #").unwrap_or(text.len());
        return text.get(..end).unwrap_or(text).trim().to_owned();
    };
    let mut value = String::new();
    while let Some(character) = characters.next() {
        match character {
            '\\' if quote == '"' => match characters.next() {
                Some('n') => value.push('\n'),
                Some(escaped @ ('"' | '\\' | '$')) => value.push(escaped),
                Some(other) => value.extend(['\\', other]),
                None => value.push('\\'),
            },
            character if character == quote => break,
            character => value.push(character),
        }
    }
    value
}

/// Converts Gotify's settings.
///
/// # Errors
///
/// [`GotifyConfigError::Value`] for a value that has no equal here.
pub fn convert(given: &Given) -> Result<Converted, GotifyConfigError> {
    let mut converted = Converted::default();
    let get = |name: &str| given.get(name).map(String::as_str);
    for (variable, name) in SAME {
        if let Some(value) = get(variable) {
            let is_list = variable.starts_with("SERVER_CORS")
                || matches!(variable, "SERVER_TRUSTEDPROXIES" | "OIDC_SCOPES");
            let values = if is_list {
                list(variable, value)?
            } else {
                vec![value.to_owned()]
            };
            converted.add(name, values, variable);
        }
    }
    for (variable, reason) in WITHOUT_EFFECT {
        if get(variable).is_some_and(|value| !value.is_empty()) {
            converted
                .notes
                .push(format!("GOTIFY_{variable} has no effect: {reason}"));
        }
    }
    let is_on = |name: &str| get(name).map_or(Ok(false), |value| boolean(name, value));
    if is_on("OIDC_ENABLED")? {
        if ["OIDC_ISSUER", "OIDC_CLIENTID"]
            .into_iter()
            .any(|name| get(name).is_none_or(str::is_empty))
        {
            return Err(wrong(
                "OIDC_ENABLED",
                "an OpenID provider needs GOTIFY_OIDC_ISSUER and GOTIFY_OIDC_CLIENTID too",
            ));
        }
        for (variable, name) in [
            ("OIDC_AUTOREGISTER", "oidc-auto-register"),
            ("OIDC_LINK_BY_USERNAME", "oidc-link-by-username"),
        ] {
            if let Some(value) = get(variable).filter(|value| !value.is_empty()) {
                let value = boolean(variable, value)?.to_string();
                converted.add(name, vec![value], variable);
            }
        }
    } else {
        converted
            .settings
            .retain(|one| !one.name.starts_with("oidc-"));
    }
    if is_on("SERVER_SSL_LETSENCRYPT_ENABLED")? {
        return Err(wrong(
            "SERVER_SSL_LETSENCRYPT_ENABLED",
            "the server gets no certificates; let a proxy do TLS, or name the files of certbot with \
             --tls-cert and --tls-key",
        ));
    }
    let tls = is_on("SERVER_SSL_ENABLED")?;
    if !tls {
        let is_tls = |one: &ConvertedSetting| matches!(one.name, "tls-cert" | "tls-key");
        converted.settings.retain(|one| !is_tls(one));
    }
    listen(&mut converted, given, tls)?;
    if let Some(value) = get("REGISTRATION") {
        let value = boolean("REGISTRATION", value)?.to_string();
        converted.add("registration", vec![value], "REGISTRATION");
    }
    if let Some(value) = get("SERVER_STREAM_PINGPERIODSECONDS") {
        let name = "SERVER_STREAM_PINGPERIODSECONDS";
        converted.add("stream-ping", vec![format!("{value}s")], name);
    }
    if let Some(value) = get("SERVER_RESPONSEHEADERS").filter(|value| !value.is_empty()) {
        let name = "SERVER_RESPONSEHEADERS";
        let headers: BTreeMap<String, String> = serde_saphyr::from_str(value)
            .map_err(|error| wrong(name, &format!("expected a map of texts: {error}")))?;
        let headers = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"));
        converted.add("response-header", headers.collect(), name);
    }
    if let Some(value) = get("SERVER_CORS_ALLOWORIGINS") {
        let name = "SERVER_CORS_ALLOWORIGINS";
        let origins = list(name, value)?;
        let origins: Result<Vec<_>, _> = origins.iter().map(|one| origin(one)).collect();
        converted.add("cors-origin", origins?, name);
    }
    if get("LOGLEVEL").is_some() {
        converted
            .notes
            .push("GOTIFY_LOGLEVEL has no effect: set RUST_LOG, such as RUST_LOG=debug".to_owned());
    }
    let known = |name: &str| {
        let others = OTHERS.contains(&name);
        others
            || SAME.iter().any(|(known, _)| *known == name)
            || WITHOUT_EFFECT.iter().any(|(known, _)| *known == name)
    };
    for name in given.keys().filter(|name| !known(name)) {
        converted
            .notes
            .push(format!("GOTIFY_{name} has no effect: it is unknown"));
    }
    Ok(converted)
}

impl Converted {
    fn add(&mut self, name: &'static str, values: Vec<String>, variable: &str) {
        let values: Vec<_> = values
            .into_iter()
            .filter(|value| !value.is_empty())
            .collect();
        if !values.is_empty() {
            self.settings.push(ConvertedSetting {
                name,
                values,
                variable: format!("GOTIFY_{variable}"),
            });
        }
    }
}

fn wrong(name: &str, cause: &str) -> GotifyConfigError {
    GotifyConfigError::Value {
        name: format!("GOTIFY_{name}"),
        cause: cause.to_owned(),
    }
}

/// The address, if one of its parts is given.
fn listen(converted: &mut Converted, given: &Given, tls: bool) -> Result<(), GotifyConfigError> {
    let (host_name, port_name, usual) = if tls {
        ("SERVER_SSL_LISTENADDR", "SERVER_SSL_PORT", "443")
    } else {
        ("SERVER_LISTENADDR", "SERVER_PORT", "80")
    };
    let host = given.get(host_name).map_or("", String::as_str).trim();
    let port = given.get(port_name).map_or(usual, String::as_str).trim();
    if !tls && host.is_empty() && !given.contains_key(port_name) {
        return Ok(());
    }
    let variable = if given.contains_key(host_name) {
        host_name
    } else if given.contains_key(port_name) {
        port_name
    } else {
        "SERVER_SSL_ENABLED"
    };
    if host.starts_with("unix:") {
        converted.add("listen", vec![host.to_owned()], variable);
        return Ok(());
    }
    let port: u16 = port
        .parse()
        .map_err(|_| wrong(port_name, &format!("`{port}` is no port")))?;
    let address = match host {
        // All addresses, of both families.
        "" => format!("[::]:{port}"),
        host => match host.trim_matches(['[', ']']).parse::<std::net::IpAddr>() {
            Ok(ip) => std::net::SocketAddr::new(ip, port).to_string(),
            Err(_) => {
                return Err(wrong(
                    host_name,
                    &format!("`{host}` is no IP address; write one, or leave it empty for all"),
                ));
            }
        },
    };
    converted.add("listen", vec![address], variable);
    Ok(())
}

fn boolean(name: &str, value: &str) -> Result<bool, GotifyConfigError> {
    match value.trim() {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "" | "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        other => Err(wrong(name, &format!("`{other}` is neither true nor false"))),
    }
}

/// A list as YAML (version 2) or with commas (version 3).
fn list(name: &str, value: &str) -> Result<Vec<String>, GotifyConfigError> {
    let value = value.trim();
    if value.starts_with('[') || value.starts_with("- ") {
        return serde_saphyr::from_str(value)
            .map_err(|error| wrong(name, &format!("expected a list of texts: {error}")));
    }
    let parts = value.split(',');
    Ok(parts
        .map(|part| part.trim().trim_matches('"').to_owned())
        .collect())
}

/// A regular expression of origins as a pattern with `*`.
fn origin(expression: &str) -> Result<String, GotifyConfigError> {
    let plain = expression
        .trim_start_matches('^')
        .trim_end_matches('$')
        .replace("\\.", ".")
        .replace("\\/", "/")
        .replace(".*", "*")
        .replace(".+", "*");
    let plain = plain
        .replace("http(s)?://", "*://")
        .replace("https?://", "*://");
    if plain.contains(['\\', '(', ')', '[', ']', '|', '?', '+', '{', '}', '^', '$']) {
        return Err(wrong(
            "SERVER_CORS_ALLOWORIGINS",
            &format!(
                "`{expression}` is too much of a regular expression; set cors-origin with patterns \
                 such as https://*.example.org"
            ),
        ));
    }
    // Gotify lets an expression match in the middle of an origin.
    Ok(match plain.as_str() {
        "*" => plain,
        _ if plain.contains("://") => plain,
        _ => format!("*://{plain}"),
    })
}

#[cfg(test)]
mod tests {
    use super::{convert, from_file, list, variables};

    fn settings(text: &str) -> Vec<String> {
        let converted = convert(&variables(text).unwrap()).unwrap();
        let settings = converted.settings.into_iter();
        settings
            .map(|one| format!("{}={}", one.name, one.values.join(",")))
            .collect()
    }

    #[test]
    fn variables_become_settings() {
        assert_eq!(settings("GOTIFY_SERVER_PORT=8080"), ["listen=[::]:8080"]);
        assert_eq!(
            settings("GOTIFY_SERVER_LISTENADDR=127.0.0.1\nGOTIFY_SERVER_PORT='81' # mine"),
            ["listen=127.0.0.1:81"]
        );
        assert_eq!(
            settings("export GOTIFY_SERVER_LISTENADDR=unix:/run/g.sock"),
            ["listen=unix:/run/g.sock"]
        );
        assert_eq!(
            settings(
                "GOTIFY_SERVER_SSL_ENABLED=true\nGOTIFY_SERVER_SSL_CERTFILE=/c\n\
                 GOTIFY_SERVER_SSL_CERTKEY=/k"
            ),
            ["tls-cert=/c", "tls-key=/k", "listen=[::]:443"]
        );
        // Without TLS, the certificate has no effect there either.
        assert_eq!(
            settings("GOTIFY_SERVER_SSL_CERTFILE=/c"),
            Vec::<String>::new()
        );
        assert_eq!(
            settings(
                "GOTIFY_REGISTRATION=1\nGOTIFY_DEFAULTUSER_NAME=ann\n\
                 GOTIFY_SERVER_TRUSTEDPROXIES=127.0.0.1/32, ::1\n\
                 GOTIFY_SERVER_STREAM_PINGPERIODSECONDS=30\n\
                 GOTIFY_SERVER_RESPONSEHEADERS={\"X-A\":\"b\"}\n\
                 GOTIFY_SERVER_CORS_ALLOWORIGINS=\".+\\.example\\.com,https://a.example\""
            ),
            [
                "trusted-proxy=127.0.0.1/32,::1",
                "admin-name=ann",
                "registration=true",
                "stream-ping=30s",
                "response-header=X-A: b",
                "cors-origin=*://*.example.com,https://a.example",
            ]
        );
    }

    #[test]
    fn an_openid_provider_is_taken_over_if_it_is_on() {
        let provider = "GOTIFY_OIDC_ISSUER=https://login.example\nGOTIFY_OIDC_CLIENTID=push\n\
                        GOTIFY_OIDC_SCOPES=openid,groups\nGOTIFY_OIDC_AUTOREGISTER=0\n\
                        GOTIFY_OIDC_LINK_BY_USERNAME=true\n";
        assert_eq!(settings(provider), Vec::<String>::new());
        assert_eq!(
            settings(&format!("{provider}GOTIFY_OIDC_ENABLED=true")),
            [
                "oidc-client-id=push",
                "oidc-issuer=https://login.example",
                "oidc-scope=openid,groups",
                "oidc-auto-register=false",
                "oidc-link-by-username=true",
            ]
        );
    }

    #[test]
    fn a_setting_without_an_equal_is_told() {
        for (text, says) in [
            ("GOTIFY_OIDC_ENABLED=true", "GOTIFY_OIDC_ISSUER"),
            ("GOTIFY_SERVER_SSL_LETSENCRYPT_ENABLED=true", "--tls-cert"),
            ("GOTIFY_REGISTRATION=maybe", "neither true nor false"),
            ("GOTIFY_SERVER_PORT=http", "is no port"),
            ("GOTIFY_SERVER_LISTENADDR=localhost", "is no IP address"),
            ("GOTIFY_SERVER_CORS_ALLOWORIGINS=(a|b)", "cors-origin"),
        ] {
            let error = convert(&variables(text).unwrap()).unwrap_err().to_string();
            assert!(error.starts_with("GOTIFY_"), "{error}");
            assert!(error.contains(says), "{error}");
        }
        let notes = convert(&variables("GOTIFY_PASSSTRENGTH=10\nGOTIFY_NEW=1").unwrap());
        let notes = notes.unwrap().notes;
        assert!(notes[0].contains("Argon2id"), "{notes:?}");
        assert!(notes[1].contains("GOTIFY_NEW has no effect"), "{notes:?}");
        let error = variables("server:").unwrap_err();
        assert!(error.contains("line 1"), "{error}");
    }

    #[test]
    fn a_configuration_of_version_2() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.yml");
        std::fs::write(
            &path,
            "server:\n  listenaddr: ''\n  port: 8000\n  ssl:\n    enabled: false\n  \
             responseheaders:\n    X-A: b\n  trustedproxies: [127.0.0.1]\n  cors:\n    \
             alloworigins:\n      - '.+.example.com'\nregistration: true\npassstrength: 10\n",
        )
        .unwrap();
        let converted = convert(&from_file(&path).unwrap()).unwrap();
        let names: Vec<_> = converted.settings.iter().map(|one| one.name).collect();
        assert_eq!(
            names,
            [
                "trusted-proxy",
                "listen",
                "registration",
                "response-header",
                "cors-origin"
            ]
        );
        assert_eq!(list("X", "- a\n- b").unwrap(), ["a", "b"]);
        assert!(from_file(&folder.path().join("none.yml")).is_err());
    }
}
