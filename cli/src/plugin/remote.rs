//! The command line as a client of a running server: by the key in its data
//! directory, or by its address with a token or a password.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use url::Url;

use super::show::Report;
use mortise_server::{
    client::{self, ClientError},
    local::{self, KEY_HEADER, LocalServer, USER_HEADER},
};

/// The longest answer that is read, in bytes.
const ANSWER: usize = 64 << 20;

/// The server and the user.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Which {
    /// Use the server of this data directory, without a password [default,
    /// except for `dev`: data].
    #[arg(
        long,
        env = "MORTISE_DATA_DIR",
        value_name = "DIR",
        help_heading = "Which server"
    )]
    data_dir: Option<PathBuf>,
    /// Use the server at this address, with a token, or with `--user` and the
    /// password in `MORTISE_PASSWORD`.
    #[arg(
        long,
        env = "MORTISE_URL",
        value_name = "URL",
        help_heading = "Which server"
    )]
    url: Option<Url>,
    /// The token of an elevated client. Prefer the environment variable, because
    /// other users of this machine can read flags.
    #[arg(
        long,
        env = "MORTISE_TOKEN",
        hide_env_values = true,
        value_name = "TOKEN",
        conflicts_with = "user",
        help_heading = "Which server"
    )]
    token: Option<String>,
    /// The user to act as; on the data directory, an administrator [default there: the first
    /// one].
    #[arg(
        long,
        env = "MORTISE_USER",
        value_name = "NAME",
        help_heading = "Which server"
    )]
    user: Option<String>,
}

/// A server that takes commands.
#[derive(Clone, Debug)]
pub(crate) struct Remote {
    url: Url,
    credentials: Vec<(HeaderName, HeaderValue)>,
    /// The data directory it was found by.
    data_dir: Option<PathBuf>,
}

/// The place of the administrator's grants.
#[derive(Debug)]
pub(super) enum Place {
    /// To the running server.
    Server(Remote),
    /// In the grants file, for no server runs.
    File(PathBuf),
}

/// The body of a request.
#[derive(Debug)]
pub(crate) enum Body {
    None,
    Json(Value),
    File(Vec<u8>),
}

/// An error response of the server.
#[derive(Debug, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{error_description}")]
pub(super) struct Refusal {
    error_code: u16,
    pub(super) error_description: String,
    /// The report, if a plugin does not load.
    #[serde(default)]
    pub(super) report: Option<Report>,
    /// All of it.
    #[serde(skip)]
    pub(super) json: Value,
}

impl Refusal {
    /// Returns true if the server has no such thing.
    pub(super) const fn is_not_found(&self) -> bool {
        self.error_code == 404
    }
}

/// No server runs on a data directory: there is no file with a key, or a killed
/// server left one, and its address is free or belongs to another program.
#[derive(Debug, thiserror::Error)]
#[error(
    "no server takes commands on the data directory {}: start it with `mortise serve`, name its \
     directory with --data-dir, or name its address with --url",
    _0.display()
)]
struct NoServer(PathBuf);

impl Which {
    /// Returns true if a server is named explicitly.
    pub(super) const fn is_named(&self) -> bool {
        self.data_dir.is_some() || self.url.is_some()
    }

    pub(super) const fn url(&self) -> Option<&Url> {
        self.url.as_ref()
    }

    pub(super) fn data_dir(&self) -> &Path {
        self.data_dir.as_deref().unwrap_or(Path::new("data"))
    }

    pub(crate) fn remote(&self) -> anyhow::Result<Remote> {
        match &self.url {
            Some(url) => self.by_address(url),
            None => self.by_key(),
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
        if let Some(url) = &self.url {
            return Ok(Place::Server(self.by_address(url)?));
        }
        let asked = async {
            let remote = self.by_key()?;
            // Also told by another server that has its address now.
            remote
                .send(Method::GET, "/current/user", Body::None)
                .await?;
            anyhow::Ok(remote)
        };
        match asked.await {
            Ok(remote) => Ok(Place::Server(remote)),
            Err(error) if error.is::<NoServer>() => Ok(Place::File(
                mortise_server::hosting::grants_file(self.data_dir()),
            )),
            Err(error) => Err(error),
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
                "a server at an address needs a login: give --token, or --user and the password \
                 in MORTISE_PASSWORD"
            ),
        }
    }

    fn by_key(&self) -> anyhow::Result<Remote> {
        let data_dir = self.data_dir();
        let unusable = || {
            format!(
                "the key in {} cannot be used: be the user that the server runs as, or name the \
                 server by its address, with --url",
                local::file(data_dir).display()
            )
        };
        let server = match LocalServer::find(data_dir) {
            Ok(server) => server,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(NoServer(data_dir.to_owned()).into());
            }
            Err(error) => return Err(error).with_context(unusable),
        };
        let url = format!("http://{}", server.address);
        let key = secret(&server.key).with_context(unusable)?;
        let mut credentials = vec![(HeaderName::from_static(KEY_HEADER), key)];
        if let Some(name) = &self.user {
            let name = HeaderValue::from_str(name).context("the user's name cannot be sent")?;
            credentials.push((HeaderName::from_static(USER_HEADER), name));
        }
        Ok(Remote {
            url: url.parse()?,
            credentials,
            data_dir: Some(data_dir.to_owned()),
        })
    }
}

impl Remote {
    /// A server by its address, as the user of this name.
    pub(super) fn with_password(url: &Url, user: &str, password: &str) -> anyhow::Result<Self> {
        let encoded = BASE64_STANDARD.encode(format!("{user}:{password}"));
        Self::network(url, header::AUTHORIZATION, &format!("Basic {encoded}"))
    }

    fn network(url: &Url, name: HeaderName, value: &str) -> anyhow::Result<Self> {
        let value = secret(value).context("the token or name cannot be sent")?;
        Ok(Self {
            url: url.clone(),
            credentials: vec![(name, value)],
            data_dir: None,
        })
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let value = self.send(Method::GET, path, Body::None).await?;
        understood(value)
    }

    /// Sends a request and returns the answer, null if there is none.
    ///
    /// # Errors
    ///
    /// A [`Refusal`], or that there is no answer.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> anyhow::Result<Value> {
        let bytes = self.answer(method, path, body).await?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|_| self.no_server())
    }

    /// Reads something that is text and not JSON.
    ///
    /// # Errors
    ///
    /// A [`Refusal`], or that there is no answer.
    pub(super) async fn text(&self, path: &str) -> anyhow::Result<String> {
        let bytes = self.answer(Method::GET, path, Body::None).await?;
        String::from_utf8(bytes.into()).map_err(|_| self.no_server())
    }

    /// Sends a request and returns the body of a successful answer.
    async fn answer(&self, method: Method, path: &str, body: Body) -> anyhow::Result<Bytes> {
        let answer = self.ask(method, path, body).await?;
        let status = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER).collect().await;
        let bytes = body
            .map_err(|error| anyhow::anyhow!("the answer did not arrive: {error}"))?
            .to_bytes();
        if status.is_success() {
            return Ok(bytes);
        }
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| self.no_server())?;
        let mut refusal: Refusal =
            serde_json::from_value(value.clone()).map_err(|_| self.no_server())?;
        refusal.json = value;
        if refusal.error_code == 401 {
            if let Some(data_dir) = &self.data_dir {
                return Err(NoServer(data_dir.clone()).into());
            }
            refusal.error_description.push_str(
                " (a token has to be that of an elevated client, and a password goes into \
                 MORTISE_PASSWORD)",
            );
        }
        Err(refusal.into())
    }

    /// Opens the stream of live events.
    ///
    /// # Errors
    ///
    /// There is none.
    pub(super) async fn events(&self) -> anyhow::Result<Incoming> {
        let answer = self.ask(Method::GET, "/events", Body::None).await?;
        anyhow::ensure!(answer.status().is_success(), "{}", answer.status());
        Ok(answer.into_body())
    }

    /// Sends a request and returns its answer, of any status.
    async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Body,
    ) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url.path().trim_end_matches('/')));
        for (name, value) in &self.credentials {
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
        client::send(&self.url, request)
            .await
            .map_err(|error| self.unanswered(error))
    }

    /// Returns the error for an address that is not a Mortise server.
    fn no_server(&self) -> anyhow::Error {
        match &self.data_dir {
            Some(data_dir) => NoServer(data_dir.clone()).into(),
            None => anyhow::anyhow!(
                "what answers at {} is no Mortise server",
                client::origin(&self.url)
            ),
        }
    }

    fn unanswered(&self, error: ClientError) -> anyhow::Error {
        match (&self.data_dir, &error) {
            (Some(data_dir), ClientError::Connect { source, .. })
                if source.kind() == ErrorKind::ConnectionRefused =>
            {
                NoServer(data_dir.clone()).into()
            }
            _ => anyhow::Error::from(error).context("the server does not answer; is it running?"),
        }
    }
}

fn secret(value: &str) -> Result<HeaderValue, header::InvalidHeaderValue> {
    let mut value = HeaderValue::from_str(value)?;
    value.set_sensitive(true);
    Ok(value)
}

/// An answer as a type.
pub(crate) fn understood<T: DeserializeOwned>(value: Value) -> anyhow::Result<T> {
    serde_json::from_value(value)
        .context("the server's answer is not understood; it is of another version")
}

/// A plugin's id as a part of a path.
pub(crate) fn encoded(id: &str) -> String {
    url::form_urlencoded::byte_serialize(id.as_bytes()).collect()
}
