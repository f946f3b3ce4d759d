//! The command line as a client of a running server: by the socket in its data
//! directory, or by its address with a token or a password.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::show::Report;
#[cfg(unix)]
use crate::client::ClientError;
use crate::client::{self, Peer};

/// The longest answer that is read, in bytes.
const ANSWER: usize = 64 << 20;

/// Which server, and as whom.
#[derive(Debug, clap::Args)]
pub(super) struct Which {
    /// The server's data directory: whoever may enter it gives orders without a
    /// password [default, but for `dev`: data].
    #[arg(
        long,
        env = "MORTISE_DATA_DIR",
        value_name = "DIR",
        help_heading = "Which server"
    )]
    data_dir: Option<PathBuf>,
    /// The server's address instead, with a token, or a user and in
    /// `MORTISE_PASSWORD` the password.
    #[arg(
        long,
        env = "MORTISE_URL",
        value_name = "URL",
        help_heading = "Which server"
    )]
    url: Option<Url>,
    /// The token of an elevated client. Other users of this machine can read
    /// flags: prefer the environment variable.
    #[arg(
        long,
        env = "MORTISE_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        conflicts_with = "user",
        help_heading = "Which server"
    )]
    token: Option<String>,
    /// The administrator to act as [default on the data directory: the first].
    #[arg(
        long,
        env = "MORTISE_USER",
        value_name = "NAME",
        help_heading = "Which server"
    )]
    user: Option<String>,
}

/// A server that takes orders.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    peer: Peer,
    /// What the address has before the API's paths.
    base: String,
    credentials: Option<(HeaderName, HeaderValue)>,
}

/// Where an answer of the administrator is given.
#[derive(Debug)]
pub(super) enum Place {
    /// To the running server.
    Server(Remote),
    /// In the grants file, for no server runs.
    File(PathBuf),
}

/// What a request brings.
#[derive(Debug)]
pub(super) enum Body {
    None,
    Json(Value),
    File(Vec<u8>),
}

/// The server's no.
#[derive(Debug, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{error_description}")]
pub(super) struct Refusal {
    error_code: u16,
    error_description: String,
    /// Where it is about a plugin that does not load.
    #[serde(default)]
    pub(super) report: Option<Report>,
    /// All of it.
    #[serde(skip)]
    pub(super) json: Value,
}

impl Which {
    /// Whether one is named, rather than the one on the default data directory.
    pub(super) const fn is_named(&self) -> bool {
        self.data_dir.is_some() || self.url.is_some()
    }

    pub(super) const fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }

    pub(super) fn data_dir(&self) -> &Path {
        self.data_dir.as_deref().unwrap_or(Path::new("data"))
    }

    pub(super) fn remote(&self) -> anyhow::Result<Remote> {
        match &self.url {
            Some(url) => self.by_address(url),
            None => self.by_socket(),
        }
    }

    /// The running server, or the grants file where none runs on the data
    /// directory.
    ///
    /// # Errors
    ///
    /// A server that runs and cannot be asked: its file is not changed behind
    /// its back.
    pub(super) async fn place(&self) -> anyhow::Result<Place> {
        #[cfg(unix)]
        if self.url.is_none() {
            use std::io::ErrorKind::{ConnectionRefused, NotFound};
            let remote = self.by_socket()?;
            let asked = remote.send(Method::GET, "/version", Body::None).await;
            return match asked {
                Ok(_) => Ok(Place::Server(remote)),
                Err(error) => match error.downcast_ref() {
                    Some(ClientError::Connect { source, .. })
                        if matches!(source.kind(), NotFound | ConnectionRefused) =>
                    {
                        Ok(Place::File(crate::plugins::grants_file(self.data_dir())))
                    }
                    _ => Err(error),
                },
            };
        }
        match &self.url {
            Some(url) => Ok(Place::Server(self.by_address(url)?)),
            None => Ok(Place::File(crate::plugins::grants_file(self.data_dir()))),
        }
    }

    fn by_address(&self, url: &Url) -> anyhow::Result<Remote> {
        match (&self.token, &self.user) {
            (Some(token), _) => {
                Remote::network(url, HeaderName::from_static("x-gotify-key"), token)
            }
            (None, Some(user)) => {
                let password = std::env::var("MORTISE_PASSWORD")
                    .context("with --user, the password has to be in MORTISE_PASSWORD")?;
                Remote::with_password(url, user, &password)
            }
            (None, None) => anyhow::bail!(
                "a server that is named by its address asks who you are: give --token, or --user \
                 and the password in MORTISE_PASSWORD"
            ),
        }
    }

    #[cfg(unix)]
    fn by_socket(&self) -> anyhow::Result<Remote> {
        let name = self.user.as_deref().map(HeaderValue::from_str).transpose();
        let name = name.context("the user's name cannot be sent")?;
        Ok(Remote {
            peer: Peer::Socket(crate::socket::path(self.data_dir())),
            base: String::new(),
            credentials: name.map(|name| (HeaderName::from_static(crate::auth::USER_HEADER), name)),
        })
    }

    #[cfg(not(unix))]
    fn by_socket(&self) -> anyhow::Result<Remote> {
        anyhow::bail!("name the server by its address, with --url, and say who you are")
    }
}

impl Remote {
    /// A server by its address, as the user of this name.
    pub(super) fn with_password(url: &Url, user: &str, password: &str) -> anyhow::Result<Self> {
        let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
        Self::network(url, header::AUTHORIZATION, &format!("Basic {encoded}"))
    }

    fn network(url: &Url, name: HeaderName, value: &str) -> anyhow::Result<Self> {
        let mut value = HeaderValue::from_str(value).context("the token or name cannot be sent")?;
        value.set_sensitive(true);
        Ok(Self {
            peer: Peer::Network(url.clone()),
            base: url.path().trim_end_matches('/').to_owned(),
            credentials: Some((name, value)),
        })
    }

    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let value = self.send(Method::GET, path, Body::None).await?;
        understood(value)
    }

    /// Sends a request and returns the answer, null if there is none.
    ///
    /// # Errors
    ///
    /// A [`Refusal`], or that there is no answer.
    pub(super) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> anyhow::Result<Value> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base));
        if let Some((name, value)) = &self.credentials {
            request = request.header(name, value);
        }
        let body = match body {
            Body::None => Bytes::new(),
            Body::Json(value) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                value.to_string().into()
            }
            Body::File(bytes) => {
                request = request.header(header::CONTENT_TYPE, "application/octet-stream");
                bytes.into()
            }
        };
        let request = request.body(Full::new(body))?;
        let answer = client::send(&self.peer, request)
            .await
            .with_context(|| self.absent())?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER).collect().await;
        let bytes = body
            .map_err(|error| anyhow::anyhow!("the answer did not arrive: {error}"))?
            .to_bytes();
        if status == StatusCode::OK && bytes.is_empty() {
            return Ok(Value::Null);
        }
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| no_server(&self.peer))?;
        if status.is_success() {
            return Ok(value);
        }
        let mut refusal: Refusal =
            serde_json::from_value(value.clone()).map_err(|_| no_server(&self.peer))?;
        refusal.json = value;
        if refusal.error_code == 401 {
            refusal.error_description.push_str(
                " (a token has to be that of an elevated client, and a password goes into \
                 MORTISE_PASSWORD)",
            );
        }
        Err(refusal.into())
    }

    /// What to do when there is no connection.
    fn absent(&self) -> String {
        match &self.peer {
            Peer::Network(_) => "the server does not answer; is it running?".to_owned(),
            #[cfg(unix)]
            Peer::Socket(path) => {
                let folder = path.ancestors().nth(2).unwrap_or(path);
                format!(
                    "no server takes orders on the data directory {}: start it with `mortise \
                     serve`, name its directory with --data-dir and be its user, or name its \
                     address with --url",
                    folder.display()
                )
            }
        }
    }
}

/// An answer as a type.
pub(super) fn understood<T: DeserializeOwned>(value: Value) -> anyhow::Result<T> {
    serde_json::from_value(value)
        .context("the server's answer is not understood; it is of another version")
}

fn no_server(peer: &Peer) -> anyhow::Error {
    anyhow::anyhow!("what answers at {peer} is no Mortise server")
}

/// A plugin's id as a part of a path.
pub(super) fn encoded(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}
