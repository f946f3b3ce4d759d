//! Requests to one registry. Redirects are few, never from `https` to `http`, and
//! credentials are sent to the registry's own host, or to the token server that
//! the registry names.

use std::{error::Error as _, time::Duration};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use parking_lot::Mutex;
use serde::Deserialize;
use tokio::sync::OnceCell;
use tokio_rustls::rustls;
use url::{Host, Url};

use super::{
    Access, Reference, RegistryError,
    authorities::{Authorities, Trusted},
    credentials::DockerFile,
};
use crate::client::{self, ClientError};

/// Redirects that are followed.
const REDIRECTS: usize = 5;
/// The longest pause within an answer.
const IDLE: Duration = Duration::from_secs(30);
/// The time for an answer that is read as a whole.
const BODY: Duration = Duration::from_secs(120);
/// The time for sending a file.
const UPLOAD: Duration = Duration::from_secs(30 * 60);
/// The longest answer of a token server, in bytes.
const TOKEN_BYTES: usize = 256 << 10;

/// A registry, and a repository in it.
pub(super) struct Session {
    base: Url,
    host: Box<str>,
    repository: Box<str>,
    docker: DockerFile,
    authorities: Authorities,
    /// Read for the first connection with TLS.
    trusted: OnceCell<Trusted>,
    /// The actions for which a token is asked.
    actions: &'static str,
    authorization: Mutex<Option<HeaderValue>>,
}

/// A request.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    /// The request in words, for errors.
    pub(super) what: &'a str,
    pub(super) accept: &'a str,
    /// The first byte that is wanted.
    pub(super) from: u64,
    /// The type and the content of a body.
    pub(super) content: Option<(&'a str, Bytes)>,
}

impl<'a> Ask<'a> {
    pub(super) const fn new(method: Method, url: Url, what: &'a str) -> Self {
        Self {
            method,
            url,
            what,
            accept: "*/*",
            from: 0,
            content: None,
        }
    }
}

impl Session {
    /// A registry for these actions, such as `pull`.
    pub(super) fn new(
        reference: &Reference,
        access: &Access,
        actions: &'static str,
    ) -> Result<Self, RegistryError> {
        let host: Box<str> = reference.host().into();
        let base = reference.registry();
        let base = base.ok_or_else(|| RegistryError::Unreachable {
            host: host.clone(),
            why: "its address has no host".into(),
        })?;
        Ok(Self {
            base,
            host,
            repository: reference.repository().into(),
            docker: access.docker.clone(),
            authorities: access.authorities.clone(),
            trusted: OnceCell::new(),
            actions,
            authorization: Mutex::default(),
        })
    }

    pub(super) const fn host(&self) -> &str {
        &self.host
    }

    /// Returns the address of something in the repository.
    pub(super) fn url(&self, rest: &str) -> Result<Url, RegistryError> {
        let path = format!("/v2/{}/{rest}", self.repository);
        self.base
            .join(&path)
            .map_err(|error| self.answer(&path, error))
    }

    /// Joins the address that an answer has in its header `Location`.
    pub(super) fn location(&self, from: &Url, headers: &HeaderMap) -> Option<Url> {
        from.join(headers.get(header::LOCATION)?.to_str().ok()?)
            .ok()
    }

    /// Sends a request, with credentials if the registry wants them. Answers of
    /// any other status are returned, except that there were too many requests.
    pub(super) async fn send(&self, ask: &Ask<'_>) -> Result<Response<Incoming>, RegistryError> {
        let answer = self.send_once(ask).await?;
        if answer.status() == StatusCode::TOO_MANY_REQUESTS {
            return Err(self.unreachable(
                "it takes no more requests for now; try again later, or with credentials",
            ));
        }
        Ok(answer)
    }

    /// Does as [`Session::send`], and returns the answer that there were too many
    /// requests too.
    pub(super) async fn send_once(
        &self,
        ask: &Ask<'_>,
    ) -> Result<Response<Incoming>, RegistryError> {
        let (mut from, mut answer) = self.follow(ask).await?;
        // Another host that the registry redirects to must not name a token server.
        if answer.status() == StatusCode::UNAUTHORIZED && self.is_own(&from) {
            self.authorize(answer.headers()).await?;
            (from, answer) = self.follow(ask).await?;
        }
        match answer.status() {
            status @ (StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) if !self.is_own(&from) => {
                let text = format!("{status}, after a redirect to {}", client::origin(&from));
                Err(self.answer(ask.what, text))
            }
            StatusCode::UNAUTHORIZED => Err(self.rejected().await),
            StatusCode::FORBIDDEN => Err(self.credentials(format!(
                "does not allow {}: ask its owner for access, or name other credentials with \
                 docker login {}",
                ask.what, self.host
            ))),
            _ => Ok(answer),
        }
    }

    /// Returns a whole body, which is bounded.
    pub(super) async fn body(
        &self,
        what: &str,
        answer: Response<Incoming>,
        most: usize,
    ) -> Result<Bytes, RegistryError> {
        let mut body = answer.into_body();
        let mut bytes = BytesMut::new();
        let read = async {
            while let Some(frame) = self.idle(body.frame()).await? {
                let frame = frame.map_err(|error| self.answer(what, error))?;
                if let Some(data) = frame.data_ref() {
                    if bytes.len() + data.len() > most {
                        return Err(self.answer(what, format!("more than {most} bytes")));
                    }
                    bytes.extend_from_slice(data);
                }
            }
            Ok(())
        };
        tokio::time::timeout(BODY, read).await.unwrap_or_else(|_| {
            Err(self.answer(what, format!("a body that takes over {BODY:?}")))
        })?;
        Ok(bytes.freeze())
    }

    /// Returns true for an address of the registry itself.
    pub(super) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.base.origin()
    }

    /// Waits for the next part of an answer.
    pub(super) async fn idle<T>(&self, next: impl Future<Output = T>) -> Result<T, RegistryError> {
        tokio::time::timeout(IDLE, next)
            .await
            .map_err(|_| self.unreachable(format!("nothing came for {IDLE:?}; try again later")))
    }

    /// An answer that the distribution API does not have.
    pub(super) fn answer(&self, what: &str, found: impl ToString) -> RegistryError {
        RegistryError::Answer {
            host: self.host.clone(),
            what: what.into(),
            found: found.to_string().into(),
        }
    }

    fn unreachable(&self, why: impl Into<Box<str>>) -> RegistryError {
        RegistryError::Unreachable {
            host: self.host.clone(),
            why: why.into(),
        }
    }

    fn credentials(&self, why: impl Into<Box<str>>) -> RegistryError {
        RegistryError::Credentials {
            host: self.host.clone(),
            why: why.into(),
        }
    }

    async fn rejected(&self) -> RegistryError {
        let host = &self.host;
        match self.docker.credentials(host).await {
            Err(error) => error,
            Ok(Some(_)) => self.credentials(format!(
                "rejects the credentials in {}: renew them with docker login {host}",
                self.docker.shown()
            )),
            Ok(None) => self.credentials(format!(
                "wants credentials, and {} has none: run docker login {host} as the user of this \
                 process, or name the folder of Docker's file in DOCKER_CONFIG",
                self.docker.shown()
            )),
        }
    }

    /// Sends a request and follows its redirects. Returns the answer with its
    /// address.
    async fn follow(&self, ask: &Ask<'_>) -> Result<(Url, Response<Incoming>), RegistryError> {
        let mut url = ask.url.clone();
        for _ in 0..=REDIRECTS {
            let answer = self.once(&url, ask).await?;
            let status = answer.status();
            let is_read = matches!(ask.method, Method::GET | Method::HEAD);
            if !(status.is_redirection() && is_read) {
                return Ok((url, answer));
            }
            let Some(next) = self.location(&url, answer.headers()) else {
                return Err(self.answer(ask.what, format!("{status} without an address")));
            };
            if !matches!(next.scheme(), "https" | "http") {
                return Err(self.answer(ask.what, "a redirect to an address that is not HTTP"));
            }
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(self.answer(ask.what, "a redirect from https to http"));
            }
            url = next;
        }
        let text = format!(
            "more than {REDIRECTS} redirects, the last to {}",
            shown(&url)
        );
        Err(self.answer(ask.what, text))
    }

    async fn once(&self, url: &Url, ask: &Ask<'_>) -> Result<Response<Incoming>, RegistryError> {
        let path = client::path(url).map_err(|error| self.answer(ask.what, error))?;
        let mut request = Request::builder()
            .method(&ask.method)
            .uri(path)
            .header(
                header::USER_AGENT,
                concat!("mortise/", env!("CARGO_PKG_VERSION")),
            )
            .header(header::ACCEPT, ask.accept);
        if ask.from > 0 {
            request = request.header(header::RANGE, format!("bytes={}-", ask.from));
        }
        if self.is_own(url) {
            let known = self.authorization.lock().clone();
            if let Some(known) = known {
                request = request.header(header::AUTHORIZATION, known);
            }
        }
        let body = match &ask.content {
            None => Bytes::new(),
            Some((kind, bytes)) => {
                request = request.header(header::CONTENT_TYPE, *kind);
                bytes.clone()
            }
        };
        let request = request
            .body(Full::new(body))
            .map_err(|error| self.answer(ask.what, error))?;
        // A large body takes its time.
        let patience = if ask.content.is_some() { UPLOAD } else { IDLE };
        self.exchange(url, request, patience).await
    }

    /// Sends one request, and waits this long for the head of the answer.
    async fn exchange(
        &self,
        url: &Url,
        request: Request<Full<Bytes>>,
        patience: Duration,
    ) -> Result<Response<Incoming>, RegistryError> {
        let trusted = match url.scheme() {
            "https" => Some(self.trusted().await?),
            _ => None,
        };
        let sending = async {
            match trusted {
                Some(trusted) => client::send_trusting(&trusted.trust, url, request).await,
                None => client::send(url, request).await,
            }
        };
        let answer = tokio::time::timeout(patience, sending).await;
        let answer = answer.map_err(|_| {
            self.unreachable(format!("no answer came for {patience:?}; try again later"))
        })?;
        answer.map_err(|error| self.failed(url, trusted, &error))
    }

    async fn trusted(&self) -> Result<&Trusted, RegistryError> {
        let reading = || self.authorities.of(&self.host);
        self.trusted.get_or_try_init(reading).await
    }

    /// The failure of a connection to the registry, or to a host that it refers to.
    fn failed(&self, url: &Url, trusted: Option<&Trusted>, error: &ClientError) -> RegistryError {
        let other = (!self.is_own(url)).then(|| client::origin(url));
        let whose = other.as_ref().map_or_else(
            || "its certificate".to_owned(),
            |other| format!("it refers to {other}, whose certificate"),
        );
        if let Some(why) = trusted.and_then(|trusted| trusted.rejection(&whose, error)) {
            return RegistryError::Certificate {
                host: self.host.clone(),
                why: why.into(),
            };
        }
        let why = explained(url, error);
        self.unreachable(match other {
            Some(other) => format!("it refers to {other}: {why}"),
            None => why,
        })
    }

    /// Gets the credentials or the token that the registry wants.
    async fn authorize(&self, headers: &HeaderMap) -> Result<(), RegistryError> {
        let texts = headers.get_all(header::WWW_AUTHENTICATE).iter();
        let texts: Vec<&str> = texts.filter_map(|text| text.to_str().ok()).collect();
        let challenges: Vec<_> = texts
            .iter()
            .filter_map(|text| http_auth::parse_challenges(text).ok())
            .flatten()
            .collect();
        let of = |scheme: &str| {
            let mut all = challenges.iter();
            all.find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme))
        };
        let authorization = if let Some(bearer) = of("Bearer") {
            let parameter = |name: &str| {
                let mut all = bearer.params.iter();
                all.find(|(known, _)| known.eq_ignore_ascii_case(name))
                    .map(|(_, value)| value.to_unescaped())
            };
            let realm = parameter("realm").unwrap_or_default();
            self.token(&realm, parameter("service"), parameter("scope"))
                .await?
        } else if of("Basic").is_some() {
            let credentials = self.docker.credentials(&self.host).await?;
            match credentials.and_then(|credentials| credentials.basic()) {
                Some(basic) => basic,
                None => return Err(self.rejected().await),
            }
        } else {
            return Err(self.credentials(
                "wants credentials of a kind that is not supported: only Basic and Bearer are",
            ));
        };
        *self.authorization.lock() = Some(authorization);
        Ok(())
    }

    /// Gets a token of the registry's token server.
    async fn token(
        &self,
        realm: &str,
        service: Option<String>,
        scope: Option<String>,
    ) -> Result<HeaderValue, RegistryError> {
        #[derive(Deserialize)]
        struct Token {
            token: Option<String>,
            access_token: Option<String>,
        }
        const WHAT: &str = "the request for a token";
        let mut url: Url = realm
            .parse()
            .map_err(|error| self.answer("a token's address", error))?;
        let is_safe = url.scheme() == "https"
            || url.origin() == self.base.origin()
            || (is_loopback(&url) && is_loopback(&self.base));
        if !is_safe {
            return Err(self.credentials(format!(
                "names {} as its token server, which is not encrypted: no credentials were sent",
                shown(&url)
            )));
        }
        let scope =
            scope.unwrap_or_else(|| format!("repository:{}:{}", self.repository, self.actions));
        {
            let mut query = url.query_pairs_mut();
            if let Some(service) = &service {
                query.append_pair("service", service);
            }
            query.append_pair("scope", &scope);
        }
        let path = client::path(&url).map_err(|error| self.answer(WHAT, error))?;
        let mut request = Request::get(path).header(header::ACCEPT, "application/json");
        let credentials = self.docker.credentials(&self.host).await?;
        if let Some(basic) = credentials.and_then(|credentials| credentials.basic()) {
            request = request.header(header::AUTHORIZATION, basic);
        }
        let request = request
            .body(Full::default())
            .map_err(|error| self.answer(WHAT, error))?;
        let answer = self.exchange(&url, request, IDLE).await?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => return Err(self.rejected().await),
            status => return Err(self.answer(WHAT, status)),
        }
        let body = self.body(WHAT, answer, TOKEN_BYTES).await?;
        let token: Option<Token> = serde_json::from_slice(&body).ok();
        let token = token.and_then(|token| token.token.or(token.access_token));
        let value = token.and_then(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
            value.set_sensitive(true);
            Some(value)
        });
        value.ok_or_else(|| self.answer(WHAT, "no token"))
    }
}

/// Returns an address without its query, which may hold a secret.
fn shown(url: &Url) -> String {
    format!("{}{}", client::origin(url), url.path())
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Returns an error of a connection with the next step.
fn explained(url: &Url, error: &ClientError) -> String {
    let fix = match error {
        ClientError::Connect { source, .. } => {
            let tls = source.get_ref();
            let tls = tls.and_then(|inner| inner.downcast_ref::<rustls::Error>());
            match tls {
                Some(rustls::Error::InvalidMessage(_)) => {
                    "it does not speak TLS; if it is meant to be without, write oci+http://"
                }
                Some(_) => "TLS with it fails; check the port",
                None => "check the host and the port, and whether the registry runs",
            }
        }
        ClientError::Http { .. } if url.scheme() == "http" => {
            "check the port; if the registry speaks TLS there, write oci+https://"
        }
        _ => "check the host and the port",
    };
    let cause = match error {
        ClientError::Connect { source, .. } => source.to_string(),
        other => other
            .source()
            .map_or_else(|| other.to_string(), ToString::to_string),
    };
    format!("{cause}; {fix}")
}
