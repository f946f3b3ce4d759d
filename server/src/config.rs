//! The settings of `mortise serve`, from flags and environment, as types. The
//! values in a [`Config`] are within their bounds.

mod acme;
mod cors;
mod header;
mod limits;
mod listen;
mod oidc;
mod otlp;
mod plugins;
mod size;
mod token_form;

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;
use mortise_runtime::limits::MESSAGE_BYTES;
use url::Url;

pub(crate) use self::acme::{ExternalAccount, NAMES};
pub use self::{
    acme::{Acme, Domain, ExternalAccountError},
    cors::{Cors, OriginPattern},
    header::ResponseHeader,
    limits::{Limits, Retention},
    listen::{Listen, PathPrefix},
    oidc::Oidc,
    otlp::Otlp,
    plugins::{Changed, NativeSandbox, Retry},
    size::Size,
    token_form::TokenForm,
};
use crate::{client::origin, time::Clock};

/// Settings of a server.
#[derive(Clone, clap::Args)]
pub struct Config {
    /// Address and port to listen on, where port 0 picks a free one; or
    /// `unix:/run/mortise.sock`, or `systemd` for the sockets that systemd passes
    /// on. May be repeated or separated by commas.
    #[arg(
        long,
        env = "MORTISE_LISTEN",
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:8080",
        value_delimiter = ','
    )]
    pub listen: Vec<Listen>,

    /// Path below which the server is, such as `/push`, if a proxy passes it on.
    #[arg(
        long,
        env = "MORTISE_PATH_PREFIX",
        value_name = "PATH",
        default_value = ""
    )]
    pub path_prefix: PathPrefix,

    /// File with the certificate chain, in PEM, to serve HTTPS; read again on
    /// SIGHUP.
    #[arg(long, env = "MORTISE_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,

    /// File with the certificate's private key, in PEM.
    #[arg(long, env = "MORTISE_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,

    /// Certificates from an authority.
    #[command(flatten)]
    pub acme: Acme,

    /// Address and port for plain HTTP beside HTTPS, such as `[::]:80`. May be
    /// repeated or separated by commas.
    #[arg(
        long,
        env = "MORTISE_HTTP_LISTEN",
        value_name = "ADDRESS:PORT",
        value_delimiter = ','
    )]
    pub http_listen: Vec<Listen>,

    /// Redirect browsers from plain HTTP to HTTPS, and reject requests that do not
    /// only read; otherwise the server answers plain HTTP too.
    #[arg(
        long,
        env = "MORTISE_REDIRECT_TO_HTTPS",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "true",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub redirect_to_https: bool,

    /// Folder of the database, images, plugins and their cache; made if it is
    /// not there.
    #[arg(
        long,
        env = "MORTISE_DATA_DIR",
        value_name = "DIR",
        default_value = "data"
    )]
    pub data_dir: PathBuf,

    /// Folder that plugins are loaded from [default: `plugins` in the data
    /// directory].
    #[arg(long, env = "MORTISE_PLUGINS_DIR", value_name = "DIR")]
    pub plugins_dir: Option<PathBuf>,

    /// File with certificate authorities, in PEM, to trust for plugins' registries
    /// beside those that browsers and this machine trust.
    #[arg(long, env = "MORTISE_REGISTRY_CA", value_name = "FILE")]
    pub registry_ca: Option<PathBuf>,

    /// Name of the administrator that the first run creates.
    #[arg(
        long,
        env = "MORTISE_ADMIN_NAME",
        value_name = "NAME",
        default_value = "admin",
        value_parser = user_name
    )]
    pub admin_name: String,

    /// Password of that administrator; without it one is generated and
    /// printed once. Other users of this machine can read flags: prefer the
    /// environment variable.
    #[arg(
        long,
        env = "MORTISE_ADMIN_PASSWORD",
        hide_env_values = true,
        value_name = "PASSWORD",
        value_parser = password
    )]
    pub admin_password: Option<String>,

    /// Proxies whose `X-Forwarded-*` headers are believed, such as
    /// `10.0.0.0/8`; may be repeated or separated by commas.
    #[arg(
        long = "trusted-proxy",
        env = "MORTISE_TRUSTED_PROXIES",
        value_name = "CIDR",
        value_delimiter = ',',
        value_parser = network
    )]
    pub trusted_proxies: Vec<IpNet>,

    /// Let all filters of a message share this time, such as `500ms`; filters
    /// without an answer by then are skipped.
    #[arg(
        long,
        env = "MORTISE_FILTER_DEADLINE",
        value_name = "TIME",
        default_value = "2s",
        value_parser = humantime::parse_duration
    )]
    pub filter_deadline: Duration,

    /// Stop an enabled component's instance after this time without a call and
    /// free its memory; the next call recreates it.
    #[arg(
        long,
        env = "MORTISE_PLUGIN_IDLE",
        value_name = "TIME",
        default_value = "5m",
        value_parser = humantime::parse_duration
    )]
    pub plugin_idle: Duration,

    /// Run only plugins that are signed with a key in `trusted-keys` in the data
    /// directory.
    #[arg(
        long,
        env = "MORTISE_REQUIRE_SIGNED_PLUGINS",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub require_signed_plugins: bool,

    /// Sandbox of native plugins: `strict` rejects a plugin where the machine
    /// lacks a protection, `best-effort` starts it and shows which are missing,
    /// `off` applies none [default: `strict` once a process had all of them,
    /// `best-effort` before].
    #[arg(long, env = "MORTISE_NATIVE_SANDBOX", value_name = "MODE")]
    pub native_sandbox: Option<NativeSandbox>,

    /// Handle an installed plugin's file that was changed in the plugins folder
    /// by hand in this way.
    #[arg(
        long,
        env = "MORTISE_CHANGED_PLUGINS",
        value_name = "WHAT",
        default_value = "load"
    )]
    pub changed_plugins: Changed,

    /// Largest message: its title, text and extras together, such as `16MiB`.
    #[arg(
        long,
        env = "MORTISE_MAX_MESSAGE_SIZE",
        value_name = "SIZE",
        default_value = "16MiB",
        value_parser = message_size
    )]
    pub max_message_size: Size,

    /// Largest image of an application, such as `16MiB`.
    #[arg(
        long,
        env = "MORTISE_MAX_IMAGE_SIZE",
        value_name = "SIZE",
        default_value = "16MiB"
    )]
    pub max_image_size: Size,

    /// Let anybody create a user for themselves.
    #[arg(
        long,
        env = "MORTISE_REGISTRATION",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub registration: bool,

    /// Keep traces: the effect of each filter on a message, and the calls of listeners,
    /// timers and webhooks.
    #[arg(
        long,
        env = "MORTISE_KEEP_TRACES",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "true",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub keep_traces: bool,

    /// Form of new tokens of applications and clients; the server accepts both
    /// forms.
    #[arg(
        long,
        env = "MORTISE_TOKEN_FORM",
        value_name = "FORM",
        default_value = "short"
    )]
    pub token_form: TokenForm,

    /// Pages of other origins that may use the API.
    #[command(flatten)]
    pub cors: Cors,

    /// Header to add to each response, such as `X-Frame-Options: DENY`; may be
    /// repeated.
    #[arg(
        long = "response-header",
        env = "MORTISE_RESPONSE_HEADERS",
        value_name = "NAME: VALUE",
        value_delimiter = '\n'
    )]
    pub response_headers: Vec<ResponseHeader>,

    /// Log each request with its time, status and id.
    #[arg(
        long,
        env = "MORTISE_ACCESS_LOG",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub access_log: bool,

    /// Let anybody read the metrics at `/metrics`; otherwise administrators may.
    #[arg(
        long,
        env = "MORTISE_PUBLIC_METRICS",
        value_name = "BOOL",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        default_value = "false",
        action = clap::ArgAction::Set,
        value_parser = clap::builder::BoolishValueParser::new()
    )]
    pub public_metrics: bool,

    /// Logins at an OpenID provider.
    #[command(flatten)]
    pub oidc: Oidc,

    /// Traces and logs for a collector of OpenTelemetry.
    #[command(flatten)]
    pub otlp: Otlp,

    /// Bounds on connections, requests and streams.
    #[command(flatten)]
    pub limits: Limits,

    /// The time and number for which messages and their traces are kept.
    #[command(flatten)]
    pub retention: Retention,

    /// Stand in front of this Gotify, which stays as it is: everything passes
    /// through to it, and plugins work on its messages.
    #[arg(long, env = "MORTISE_UPSTREAM", value_name = "URL", value_parser = upstream, help_heading = "Upstream")]
    pub upstream: Option<Url>,

    /// Token of a client of the Gotify behind this server, whose user's messages
    /// plugins work on. May be repeated or separated by commas. Other users of
    /// this machine can read flags: prefer the variable or the file.
    #[arg(
        long = "upstream-token",
        env = "MORTISE_UPSTREAM_TOKENS",
        hide_env_values = true,
        value_name = "TOKEN",
        value_delimiter = ',',
        help_heading = "Upstream"
    )]
    pub upstream_tokens: Vec<String>,

    /// The patience with listeners that fail, for tests and embedders.
    #[arg(skip)]
    pub listener_retry: Retry,

    /// The clock, for tests.
    #[arg(skip)]
    pub clock: Clock,
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Config")
            .field("listen", &self.listen)
            .field("path_prefix", &self.path_prefix)
            .field("tls_cert", &self.tls_cert)
            .field("tls_key", &self.tls_key)
            .field("acme", &self.acme)
            .field("http_listen", &self.http_listen)
            .field("redirect_to_https", &self.redirect_to_https)
            .field("data_dir", &self.data_dir)
            .field("plugins_dir", &self.plugins_dir)
            .field("registry_ca", &self.registry_ca)
            .field("admin_name", &self.admin_name)
            .field("trusted_proxies", &self.trusted_proxies)
            .field("filter_deadline", &self.filter_deadline)
            .field("plugin_idle", &self.plugin_idle)
            .field("require_signed_plugins", &self.require_signed_plugins)
            .field("native_sandbox", &self.native_sandbox)
            .field("changed_plugins", &self.changed_plugins)
            .field("max_message_size", &self.max_message_size)
            .field("max_image_size", &self.max_image_size)
            .field("registration", &self.registration)
            .field("keep_traces", &self.keep_traces)
            .field("token_form", &self.token_form)
            .field("cors", &self.cors)
            .field("response_headers", &self.response_headers)
            .field("access_log", &self.access_log)
            .field("public_metrics", &self.public_metrics)
            .field("oidc", &self.oidc)
            .field("otlp", &self.otlp)
            .field("limits", &self.limits)
            .field("retention", &self.retention)
            .field("upstream", &self.upstream.as_ref().map(origin))
            .field("listener_retry", &self.listener_retry)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// Defaults on a data directory, listening on a free port of loopback: for
    /// tests, benchmarks and embedders.
    pub fn on(data_dir: &Path) -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 0)).into()],
            path_prefix: PathPrefix::default(),
            tls_cert: None,
            tls_key: None,
            acme: Acme::default(),
            http_listen: Vec::new(),
            redirect_to_https: true,
            data_dir: data_dir.to_owned(),
            plugins_dir: None,
            registry_ca: None,
            admin_name: "admin".to_owned(),
            admin_password: None,
            trusted_proxies: Vec::new(),
            filter_deadline: Duration::from_secs(2),
            plugin_idle: Duration::from_secs(300),
            require_signed_plugins: false,
            native_sandbox: None,
            changed_plugins: Changed::default(),
            max_message_size: Size::mebibytes(16),
            max_image_size: Size::mebibytes(16),
            registration: false,
            keep_traces: true,
            token_form: TokenForm::default(),
            cors: Cors::default(),
            response_headers: Vec::new(),
            access_log: false,
            public_metrics: false,
            oidc: Oidc::default(),
            otlp: Otlp::default(),
            limits: Limits::default(),
            retention: Retention::default(),
            upstream: None,
            upstream_tokens: Vec::new(),
            listener_retry: Retry::default(),
            clock: Clock::default(),
        }
    }

    /// Returns the folder from which plugins are loaded.
    pub fn plugins_dir(&self) -> PathBuf {
        self.plugins_dir
            .clone()
            .unwrap_or_else(|| self.data_dir.join("plugins"))
    }

    /// Returns the folder of plugins' files on their way in.
    pub fn uploads_dir(&self) -> PathBuf {
        self.data_dir.join("uploads")
    }

    /// Returns the folder of uploaded images.
    pub fn images_dir(&self) -> PathBuf {
        self.data_dir.join("images")
    }

    /// Returns true if the server has a certificate of its own.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls_cert.is_some() || !self.acme.domains.is_empty()
    }

    /// Returns the folder of the account and the certificate of an authority.
    pub fn acme_dir(&self) -> PathBuf {
        let chosen = self.acme.cache.clone();
        chosen.unwrap_or_else(|| self.data_dir.join("acme"))
    }

    /// Returns true if forwarding headers from this peer are trusted. An IPv4 address
    /// mapped into IPv6 counts as IPv4.
    pub fn trusts(&self, peer: IpAddr) -> bool {
        let peer = peer.to_canonical();
        self.trusted_proxies
            .iter()
            .any(|network| network.contains(&peer))
    }
}

/// The longest name of a user, client or application, in bytes.
pub const NAME_BYTES: usize = 16 << 10;
/// The longest password, in bytes.
pub const PASSWORD_BYTES: usize = 1024;

fn upstream(text: &str) -> Result<Url, String> {
    let wrong = || format!("`{text}` is no address: write one as https://gotify.example.org");
    let url: Url = text.parse().map_err(|_| wrong())?;
    let plain = url.query().is_none() && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.has_host() && plain)
        .then_some(url)
        .ok_or_else(wrong)
}

fn message_size(text: &str) -> Result<Size, String> {
    let size: Size = text.parse()?;
    if size.bytes() > MESSAGE_BYTES {
        return Err(format!(
            "plugins take messages of at most {}",
            Size::in_bytes(MESSAGE_BYTES)
        ));
    }
    Ok(size)
}

fn user_name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.len() > NAME_BYTES || text.contains(':') {
        return Err(format!(
            "a user name has 1 to {NAME_BYTES} bytes and no colon"
        ));
    }
    Ok(text.to_owned())
}

fn password(text: &str) -> Result<String, String> {
    if text.is_empty() || text.len() > PASSWORD_BYTES {
        return Err(format!("a password has 1 to {PASSWORD_BYTES} bytes"));
    }
    Ok(text.to_owned())
}

/// Reads a network. A single address is the network of this address alone.
fn network(text: &str) -> Result<IpNet, String> {
    let trimmed = text.trim();
    trimmed
        .parse::<IpNet>()
        .or_else(|_| trimmed.parse::<IpAddr>().map(IpNet::from))
        .map_err(|_| {
            format!("`{text}` is no network: write one as 10.0.0.0/8, fd00::/8 or 192.0.2.1")
        })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Config, network};

    fn trusts(proxy: &str, peer: &str) -> bool {
        let mut config = Config::on(Path::new("data"));
        config.trusted_proxies = vec![network(proxy).unwrap()];
        config.trusts(peer.parse().unwrap())
    }

    #[test]
    fn peers_in_a_trusted_network_are_trusted() {
        assert!(trusts("10.0.0.0/8", "10.255.1.2"));
        assert!(!trusts("10.0.0.0/8", "11.0.0.0"));
        assert!(trusts("10.1.2.3/8", "10.255.1.2"));
        assert!(trusts("0.0.0.0/0", "192.0.2.1"));
        assert!(!trusts("0.0.0.0/0", "2001:db8::1"));
        assert!(trusts("::/0", "2001:db8::1"));
        assert!(trusts("192.0.2.1", "192.0.2.1"));
        assert!(!trusts("192.0.2.1", "192.0.2.2"));
        assert!(trusts("192.0.2.0/24", "::ffff:192.0.2.9"));
        assert!(trusts(" fd00::/8 ", "fdff::1"));
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "a/8"] {
            let error = network(text).unwrap_err();
            assert!(error.contains("no network"), "{error}");
        }
    }
}
