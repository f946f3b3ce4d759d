//! Gotify's settings in this server's terms: from its variables, its `config.yml`
//! (version 2) and its `gotify-server.env` (version 3).

mod read;

use std::{
    collections::BTreeMap,
    env,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    path::{Path, PathBuf},
};

use axum::http::{HeaderName, Method};

use self::read::is_known;
pub use self::read::{from_environment, from_file};
use crate::config::OriginPattern;

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
    /// The filter of the log where RUST_LOG has none.
    pub log_filter: Option<&'static str>,
}

/// Variables that mean the same here, and their settings.
const SAME: [(&str, &str); 16] = [
    ("SERVER_CORS_ALLOWHEADERS", "cors-header"),
    ("SERVER_CORS_ALLOWMETHODS", "cors-method"),
    ("SERVER_SSL_CERTFILE", "tls-cert"),
    ("SERVER_SSL_CERTKEY", "tls-key"),
    ("SERVER_SSL_LETSENCRYPT_CACHE", "acme-cache"),
    ("SERVER_SSL_LETSENCRYPT_DIRECTORYURL", "acme-directory"),
    ("SERVER_SSL_LETSENCRYPT_HOSTS", "acme-domain"),
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

/// Response headers that Gotify's operators set for pages of other origins, and the
/// settings that they stand for if those are not set.
const FOR_PAGES: [(&str, &str); 3] = [
    ("Access-Control-Allow-Origin", "cors-origin"),
    ("Access-Control-Allow-Methods", "cors-method"),
    ("Access-Control-Allow-Headers", "cors-header"),
];

/// Variables that have no effect here, and the reason.
const WITHOUT_EFFECT: [(&str, &str); 8] = [
    (
        "SERVER_KEEPALIVEPERIODSECONDS",
        "the server needs no keepalive probes: it pings its streams",
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
const OTHERS: [&str; 16] = [
    "LOGLEVEL",
    "SERVER_LISTENADDR",
    "SERVER_PORT",
    "SERVER_SSL_ENABLED",
    "SERVER_SSL_LISTENADDR",
    "SERVER_SSL_PORT",
    "SERVER_SSL_REDIRECTTOHTTPS",
    "SERVER_SSL_LETSENCRYPT_ACCEPTTOS",
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
                || matches!(
                    variable,
                    "SERVER_TRUSTEDPROXIES" | "SERVER_SSL_LETSENCRYPT_HOSTS" | "OIDC_SCOPES"
                );
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
    if let Some(value) = get(ORIGINS) {
        let name = ORIGINS;
        let mut origins = list(name, value)?;
        origins.retain(|one| !one.is_empty());
        let patterns: Result<Vec<_>, _> = origins.iter().map(|one| origin(one)).collect();
        converted.add("cors-origin", patterns?, name);
        if origins.iter().any(|one| matches_parts(one)) {
            converted.notes.push(
                "GOTIFY_SERVER_CORS_ALLOWORIGINS: an expression has to match a whole origin here, \
                 where Gotify takes a part for it; write `.*` at its ends if you need that"
                    .to_owned(),
            );
        }
    }
    let tls = is_on("SERVER_SSL_ENABLED")?;
    let authority = tls && is_on("SERVER_SSL_LETSENCRYPT_ENABLED")?;
    certificate(&mut converted, given, tls, authority)?;
    listen(&mut converted, given, tls)?;
    if let Some(value) = get("REGISTRATION") {
        let value = boolean("REGISTRATION", value)?.to_string();
        converted.add("registration", vec![value], "REGISTRATION");
    }
    let name = "SERVER_STREAM_PINGPERIODSECONDS";
    if let Some(value) = get(name).map(str::trim).filter(|value| !value.is_empty()) {
        converted.add("stream-ping", vec![format!("{value}s")], name);
    }
    if let Some(value) = get("SERVER_RESPONSEHEADERS").filter(|value| !value.is_empty()) {
        let name = "SERVER_RESPONSEHEADERS";
        let headers: BTreeMap<String, String> = serde_saphyr::from_str(value)
            .map_err(|error| wrong(name, &format!("expected a map of texts: {error}")))?;
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}"));
        converted.add("response-header", lines.collect(), name);
        for (header, setting) in FOR_PAGES {
            let mut named = headers.iter();
            let named = named.find(|(name, _)| name.eq_ignore_ascii_case(header));
            let is_set = |one: &ConvertedSetting| one.name == setting;
            if let Some((_, value)) = named
                && !converted.settings.iter().any(is_set)
            {
                // Others would have no effect in Gotify either.
                let is_valid = |value: &&str| match setting {
                    "cors-origin" => value.parse::<OriginPattern>().is_ok(),
                    "cors-method" => value.parse::<Method>().is_ok(),
                    _ => value.parse::<HeaderName>().is_ok(),
                };
                let values = value.split(',').map(str::trim).filter(is_valid);
                converted.add(setting, values.map(str::to_owned).collect(), name);
            }
        }
    }
    if let Some(value) = get("LOGLEVEL").filter(|value| !value.is_empty()) {
        converted.log_filter = log_filter(value);
        if converted.log_filter.is_none() {
            let note = format!(
                "GOTIFY_LOGLEVEL has no effect: `{value}` is no level; set RUST_LOG, such as \
                 RUST_LOG=mortise=debug"
            );
            converted.notes.push(note);
        }
    }
    for name in given.keys().filter(|name| !is_known(name)) {
        if name == CONFIG_FILE {
            let file = given.get(name).map(String::as_str).unwrap_or_default();
            converted.notes.push(format!(
                "GOTIFY_{name} has no effect: {}",
                conversion(Path::new(file))
            ));
            continue;
        }
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

/// The variable that names the file which Gotify 3 reads.
const CONFIG_FILE: &str = "CONFIG_FILE";

/// A remark on a file that Gotify 3 reads by itself and this server does not: a
/// Gotify may run beside it.
pub(super) fn unread_files() -> Option<String> {
    let config_home = env::var_os("XDG_CONFIG_HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".config")));
    let files = [
        Some(PathBuf::from("gotify-server.env")),
        config_home.map(|home| home.join("gotify/gotify-server.env")),
        Some(PathBuf::from("/etc/gotify/server.env")),
    ];
    // As in Gotify, only the first that exists counts.
    let found = files.into_iter().flatten().find(|file| file.exists())?;
    Some(format!(
        "{} has no effect: {}",
        found.display(),
        conversion(&found)
    ))
}

/// The way from a file of Gotify's to one of this server.
fn conversion(file: &Path) -> String {
    format!(
        "convert the file with `mortise config import {} --write mortise.toml`",
        file.display()
    )
}

/// The log's filter for a level of Gotify's. Gotify's details are its own, and not
/// those of the libraries in use.
fn log_filter(level: &str) -> Option<&'static str> {
    Some(match level.to_ascii_lowercase().as_str() {
        "trace" => "info,mortise=trace",
        "debug" => "info,mortise=debug",
        "info" => "info",
        "warn" => "warn",
        "error" | "fatal" | "panic" => "error",
        "disabled" => "off",
        _ => return None,
    })
}

fn wrong(name: &str, cause: &str) -> GotifyConfigError {
    GotifyConfigError::Value {
        name: format!("GOTIFY_{name}"),
        cause: cause.to_owned(),
    }
}

/// The source of the certificate: files, or the authority if that is on.
fn certificate(
    converted: &mut Converted,
    given: &Given,
    tls: bool,
    authority: bool,
) -> Result<(), GotifyConfigError> {
    let of_files = |one: &ConvertedSetting| matches!(one.name, "tls-cert" | "tls-key");
    if authority && converted.settings.iter().any(of_files) {
        converted.notes.push(
            "GOTIFY_SERVER_SSL_CERTFILE and GOTIFY_SERVER_SSL_CERTKEY have no effect: the certificate \
             comes from the authority"
                .to_owned(),
        );
    }
    converted.settings.retain(|one| {
        let unused =
            (of_files(one) && (!tls || authority)) || (one.name.starts_with("acme-") && !authority);
        !unused
    });
    if !authority {
        return Ok(());
    }
    if !converted
        .settings
        .iter()
        .any(|one| one.name == "acme-domain")
    {
        return Err(wrong(
            "SERVER_SSL_LETSENCRYPT_HOSTS",
            "name the hosts that the certificate is for, such as push.example.org",
        ));
    }
    let name = "SERVER_SSL_LETSENCRYPT_ACCEPTTOS";
    if let Some(value) = given.get(name) {
        let value = boolean(name, value)?.to_string();
        converted.add("acme-accept-terms", vec![value], name);
    }
    converted.notes.push(
        "GOTIFY_SERVER_SSL_LETSENCRYPT_ENABLED: the authority verifies names at port 443, where \
         Gotify used port 80"
            .to_owned(),
    );
    Ok(())
}

/// The variables of the address for plain HTTP, and of that for HTTPS.
const PLAIN: [&str; 2] = ["SERVER_LISTENADDR", "SERVER_PORT"];
const SECURE: [&str; 2] = ["SERVER_SSL_LISTENADDR", "SERVER_SSL_PORT"];

/// The addresses. With TLS, Gotify has one for plain HTTP too. Without TLS, there is none if
/// no part of it is given.
fn listen(converted: &mut Converted, given: &Given, tls: bool) -> Result<(), GotifyConfigError> {
    let is_given = |name: &&str| {
        given
            .get(*name)
            .is_some_and(|value| !value.trim().is_empty())
    };
    if !tls {
        return if PLAIN.iter().any(is_given) {
            address(converted, given, "listen", PLAIN, "80")
        } else {
            Ok(())
        };
    }
    address(converted, given, "listen", SECURE, "443")?;
    address(converted, given, "http-listen", PLAIN, "80")?;
    let name = "SERVER_SSL_REDIRECTTOHTTPS";
    if is_given(&name)
        && let Some(value) = given.get(name)
    {
        let value = boolean(name, value)?.to_string();
        converted.add("redirect-to-https", vec![value], name);
    }
    Ok(())
}

/// An address from its two variables.
fn address(
    converted: &mut Converted,
    given: &Given,
    setting: &'static str,
    [host_name, port_name]: [&str; 2],
    usual: &str,
) -> Result<(), GotifyConfigError> {
    let host = given.get(host_name).map_or("", String::as_str).trim();
    let port = given.get(port_name).map_or("", String::as_str).trim();
    let variable = if !host.is_empty() {
        host_name
    } else if !port.is_empty() {
        port_name
    } else {
        "SERVER_SSL_ENABLED"
    };
    if host.starts_with("unix:") {
        converted.add(setting, vec![host.to_owned()], variable);
        return Ok(());
    }
    let port: u16 = if port.is_empty() { usual } else { port }
        .parse()
        .map_err(|_| wrong(port_name, &format!("`{port}` is no port")))?;
    let address = match host {
        // All addresses, of both families.
        "" => format!("[::]:{port}"),
        host => address_of(host, port)
            .map_err(|cause| {
                let cause = format!(
                    "`{host}` is no IP address and no name of one ({cause}); write an address, or \
                     leave it empty for all"
                );
                wrong(host_name, &cause)
            })?
            .to_string(),
    };
    converted.add(setting, vec![address], variable);
    Ok(())
}

/// The address of a host, which may be a name. Of several, Gotify listens on one,
/// and prefers IPv4.
fn address_of(host: &str, port: u16) -> Result<SocketAddr, String> {
    if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    // A container may have no file of hosts.
    if host.eq_ignore_ascii_case("localhost") {
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    let found = (host, port).to_socket_addrs();
    let found: Vec<_> = found.map_err(|error| error.to_string())?.collect();
    let four = found.iter().find(|address| address.is_ipv4());
    four.or(found.first())
        .copied()
        .ok_or_else(|| "it has no address".to_owned())
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
        match serde_saphyr::from_str(value) {
            Ok(list) => return Ok(list),
            // An expression may begin with a class of characters.
            Err(_) if name == ORIGINS => {}
            Err(error) => {
                return Err(wrong(name, &format!("expected a list of texts: {error}")));
            }
        }
    }
    let mut in_quotes = false;
    let parts = value.split(|character| {
        in_quotes ^= character == '"';
        character == ',' && !in_quotes
    });
    Ok(parts
        .map(|part| part.trim().trim_matches('"').to_owned())
        .collect())
}

/// The variable of regular expressions of origins.
const ORIGINS: &str = "SERVER_CORS_ALLOWORIGINS";

/// True if a regular expression leaves open what is before it, so that Gotify looks
/// for it anywhere in an origin.
fn matches_parts(expression: &str) -> bool {
    let starts = ["^", ".*", ".+", "http"];
    !starts.iter().any(|start| expression.starts_with(start))
}

/// A regular expression of origins as a pattern with `*` if it is simple, and as it
/// is otherwise.
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
    let is_simple = !plain.contains(['\\', '(', ')', '[', ']', '|', '?', '+', '{', '}', '^', '$']);
    let simple = if plain == "*" || plain.contains("://") {
        plain
    } else {
        format!("*://{plain}")
    };
    if is_simple && simple.parse::<OriginPattern>().is_ok() {
        return Ok(simple);
    }
    // Commas separate settings.
    let comma_free = expression.replace(',', "%2C");
    let pattern = if expression.contains("://") {
        format!("regex:{comma_free}")
    } else {
        format!("regex:(?:[a-z-]+://)?(?:{comma_free})")
    };
    match pattern.parse::<OriginPattern>() {
        Ok(_) => Ok(pattern),
        Err(cause) => Err(wrong(ORIGINS, &cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::{convert, from_file, list, read::variables};

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
            settings("GOTIFY_SERVER_LISTENADDR=localhost"),
            ["listen=127.0.0.1:80"]
        );
        // Empty ones are as good as absent.
        assert_eq!(
            settings(
                "GOTIFY_SERVER_LISTENADDR=\nGOTIFY_SERVER_PORT=\n\
                 GOTIFY_SERVER_STREAM_PINGPERIODSECONDS=\nGOTIFY_SERVER_CORS_ALLOWORIGINS="
            ),
            Vec::<String>::new()
        );
        assert_eq!(
            settings("GOTIFY_SERVER_SSL_ENABLED=1\nGOTIFY_SERVER_SSL_PORT="),
            ["listen=[::]:443", "http-listen=[::]:80"]
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
            [
                "tls-cert=/c",
                "tls-key=/k",
                "listen=[::]:443",
                "http-listen=[::]:80"
            ]
        );
        assert_eq!(
            settings(
                "GOTIFY_SERVER_SSL_ENABLED=true\nGOTIFY_SERVER_SSL_LISTENADDR=192.0.2.1\n\
                 GOTIFY_SERVER_LISTENADDR=unix:/run/g.sock\n\
                 GOTIFY_SERVER_SSL_REDIRECTTOHTTPS=0"
            ),
            [
                "listen=192.0.2.1:443",
                "http-listen=unix:/run/g.sock",
                "redirect-to-https=false"
            ]
        );
        // Without TLS, these have no effect there either.
        assert_eq!(
            settings("GOTIFY_SERVER_SSL_CERTFILE=/c\nGOTIFY_SERVER_SSL_REDIRECTTOHTTPS=true"),
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
                "cors-origin=*://*.example.com,https://a.example",
                "registration=true",
                "stream-ping=30s",
                "response-header=X-A: b",
            ]
        );
    }

    #[test]
    fn expressions_of_origins_are_kept_unless_they_are_simple() {
        for (given, expected, remarked) in [
            (".*", "*", false),
            ("https://a\\.example", "https://a.example", false),
            ("a\\.example", "*://a.example", true),
            (
                "https?://(www\\.)?x\\.org",
                "regex:https?://(www\\.)?x\\.org",
                false,
            ),
            ("a|b", "regex:(?:[a-z-]+://)?(?:a|b)", true),
            (".*example.*", "regex:(?:[a-z-]+://)?(?:.*example.*)", false),
            ("[a-z]+\\.x", "regex:(?:[a-z-]+://)?(?:[a-z]+\\.x)", true),
            ("\"https://x{1,3}\"", "regex:https://x{1%2C3}", false),
        ] {
            let text = format!("GOTIFY_SERVER_CORS_ALLOWORIGINS='{given}'");
            let converted = convert(&variables(&text).unwrap()).unwrap();
            assert_eq!(converted.settings[0].values, [expected], "{given}");
            assert_eq!(!converted.notes.is_empty(), remarked, "{given}");
        }
    }

    #[test]
    fn headers_for_pages_of_other_origins_become_settings() {
        let headers = "GOTIFY_SERVER_RESPONSEHEADERS={\"access-control-allow-origin\":\"*\",\
                       \"Access-Control-Allow-Methods\":\"GET, POST\"}\n";
        assert_eq!(
            settings(headers),
            [
                "response-header=Access-Control-Allow-Methods: GET, POST,\
                 access-control-allow-origin: *",
                "cors-origin=*",
                "cors-method=GET,POST",
            ]
        );
        let named = format!("{headers}GOTIFY_SERVER_CORS_ALLOWORIGINS=https://a.example");
        assert_eq!(settings(&named)[0], "cors-origin=https://a.example");
        assert_eq!(settings(&named).len(), 3);
        // Gotify lets no page in by this one.
        let other = "GOTIFY_SERVER_RESPONSEHEADERS={\"Access-Control-Allow-Origin\":\"null\"}";
        assert_eq!(settings(other).len(), 1);
    }

    #[test]
    fn a_level_becomes_a_filter() {
        for (level, filter) in [
            ("debug", Some("info,mortise=debug")),
            ("WARN", Some("warn")),
            ("loud", None),
            ("", None),
        ] {
            let converted = convert(&variables(&format!("GOTIFY_LOGLEVEL={level}")).unwrap());
            let converted = converted.unwrap();
            assert_eq!(converted.log_filter, filter, "{level}");
            assert_eq!(converted.notes.len(), usize::from(level == "loud"));
        }
    }

    #[test]
    fn certificates_by_acme_are_taken_over_if_tls_is_on() {
        let authority = "GOTIFY_SERVER_SSL_LETSENCRYPT_ENABLED=true\n\
                         GOTIFY_SERVER_SSL_LETSENCRYPT_ACCEPTTOS=true\n\
                         GOTIFY_SERVER_SSL_LETSENCRYPT_HOSTS=a.example, b.example\n\
                         GOTIFY_SERVER_SSL_LETSENCRYPT_CACHE=data/certs\n\
                         GOTIFY_SERVER_SSL_LETSENCRYPT_DIRECTORYURL=https://ca.example/dir\n\
                         GOTIFY_SERVER_SSL_CERTFILE=/c\nGOTIFY_SERVER_SSL_CERTKEY=/k\n";
        assert_eq!(settings(authority), Vec::<String>::new());
        assert_eq!(
            settings(&format!("{authority}GOTIFY_SERVER_SSL_ENABLED=true")),
            [
                "acme-cache=data/certs",
                "acme-directory=https://ca.example/dir",
                "acme-domain=a.example,b.example",
                "acme-accept-terms=true",
                "listen=[::]:443",
                "http-listen=[::]:80",
            ]
        );
        let off = authority.replacen("true", "false", 1) + "GOTIFY_SERVER_SSL_ENABLED=true";
        assert_eq!(
            settings(&off),
            [
                "tls-cert=/c",
                "tls-key=/k",
                "listen=[::]:443",
                "http-listen=[::]:80"
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
            (
                "GOTIFY_SERVER_SSL_ENABLED=1\nGOTIFY_SERVER_SSL_LETSENCRYPT_ENABLED=true",
                "name the hosts",
            ),
            ("GOTIFY_REGISTRATION=maybe", "neither true nor false"),
            ("GOTIFY_SERVER_PORT=http", "is no port"),
            (
                "GOTIFY_SERVER_LISTENADDR=no.such.name.invalid",
                "is no IP address",
            ),
            (
                "GOTIFY_SERVER_CORS_ALLOWORIGINS=(a|b",
                "is not a regular expression",
            ),
        ] {
            let error = convert(&variables(text).unwrap()).unwrap_err().to_string();
            assert!(error.starts_with("GOTIFY_"), "{error}");
            assert!(error.contains(says), "{error}");
        }
        let notes = convert(&variables("GOTIFY_PASSSTRENGTH=10\nGOTIFY_NEW=1").unwrap());
        let notes = notes.unwrap().notes;
        assert!(notes[0].contains("Argon2id"), "{notes:?}");
        assert!(notes[1].contains("GOTIFY_NEW has no effect"), "{notes:?}");
        let notes = convert(&variables("GOTIFY_CONFIG_FILE=/etc/g.env").unwrap());
        let notes = notes.unwrap().notes;
        assert!(
            notes[0].contains("mortise config import /etc/g.env"),
            "{notes:?}"
        );
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
                "cors-origin",
                "listen",
                "registration",
                "response-header",
            ]
        );
        assert_eq!(list("X", "- a\n- b").unwrap(), ["a", "b"]);
        assert!(from_file(&folder.path().join("none.yml")).is_err());
    }
}
